/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists and what is seen of them: feeds' events, sightings, lookup, explain. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"

#define BATCH 512 /* sightings a turn of the loop: it has others to serve */
#define MATCHES 64
#define ENDINGS 64 /* captures a turn; each is an event, a row, an order */

static enum result
judge(void *user, const struct addr *remote, uint16_t port)
{
	struct engine *engine = user;

	/* The rest waits for its turn. */
	if (engine->endings == ENDINGS)
		return RESULT_OK;
	switch (feeds_judge(engine->feeds, remote, port)) {
	case FEEDS_LISTED:
		return RESULT_OK;
	case FEEDS_ALLOWED:
	case FEEDS_NEVER:
		engine->endings++;
		return RESULT_END_ALLOWED;
	case FEEDS_NOT_LISTED:
		break;
	}
	engine->endings++;
	return RESULT_END_DELISTED;
}

/* A new table is in force: running captures are judged by it, until a turn ends fewer than it
 * might. */
static int
on_rejudge(sd_event_source *source, void *user)
{
	struct engine *engine = user;

	engine->doing = "judging captures again";
	engine->endings = 0;
	decide_rejudge(engine->decide, judge, engine, clk_now());
	return sd_event_source_set_enabled(
	    source, engine->endings == ENDINGS ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int
engine_feeds_init(struct engine *engine)
{
	int r = sd_event_add_defer(engine->loop, &engine->rejudge, on_rejudge, engine);

	if (r >= 0)
		r = sd_event_source_set_priority(engine->rejudge, 5);
	return r < 0 ? r : sd_event_source_set_enabled(engine->rejudge, SD_EVENT_OFF);
}

static void
feed_event(struct engine *engine, const struct feeds_event *e)
{
	char count[64];

	snprintf(count, sizeof count, "%zu", e->entries4 + e->entries6);
	switch (e->kind) {
	case FEEDS_LOADED:
		log_info("feed %s: version %u, %zu entries (%zu new, %zu gone)%s%s%s", e->feed,
		    e->version, e->entries4 + e->entries6, e->added, e->removed,
		    e->from_cache ? ", the last good copy" : "", e->text[0] != '\0' ? ": " : "",
		    e->text);
		engine_tell(engine, "feed", "feed", e->feed, "state", "loaded", "entries", count,
		    "from", e->from_cache ? "last good copy" : "source",
		    e->text[0] != '\0' ? "text" : NULL, e->text, (char *)NULL);
		return;
	case FEEDS_UNCHANGED:
		return;
	case FEEDS_REFUSED:
		log_warning("feed %s: what came is refused, %s: %s", e->feed,
		    e->version > 0 ? "the version before stays" : "no list of it is in force",
		    e->text);
		engine_tell(engine, "feed", "feed", e->feed, "state", "refused", "text", e->text,
		    (char *)NULL);
		return;
	case FEEDS_FAILED:
		log_warning("%s%s: %s", e->feed[0] != '\0' ? "feed " : "feeds", e->feed, e->text);
		engine_tell(engine, "feed", "feed", e->feed, "state", "failed", "text", e->text,
		    (char *)NULL);
		return;
	case FEEDS_PUBLISHED:
		log_info("table %u: %zu IPv4 and %zu IPv6 prefixes (lists, allow-lists, local "
			 "networks), built in %u ms",
		    e->version, e->entries4, e->entries6, e->build_ms);
		(void)sd_event_source_set_enabled(engine->rejudge, SD_EVENT_ONESHOT);
		engine_recent_look_back(engine);
		return;
	}
}

void
engine_feeds(struct engine *engine)
{
	struct feeds_event event;

	while (feeds_next_event(engine->feeds, &event, &engine->events_lost_feeds))
		feed_event(engine, &event);
}

/* The decider knows feeds by name; the number travels in sightings. */
static void
know_feed(struct engine *engine, uint16_t id)
{
	char name[FEEDS_NAME_MAX];

	if (id >= FEEDS_MAX || engine->feed_known[id] || feeds_name(engine->feeds, id, name) < 0)
		return;
	decide_feed(engine->decide, id, name);
	engine->feed_known[id] = true;
}

static void
take_sighting(void *user, const struct sighting *sighting)
{
	struct engine *engine = user;

	for (unsigned i = 0; i < sighting->entry_count; i++) {
		uint16_t id = sighting->entries[i].feed;

		know_feed(engine, id);
		if (id < FEEDS_MAX)
			engine->feed_sightings[id] += 1 + (uint64_t)sighting->merged;
	}
	if (sighting->entry_count > 0)
		engine_store_sighting(engine, sighting);
	decide_sighting(engine->decide, sighting, clk_now(), NULL);
}

void
engine_sightings(struct engine *engine, struct instant now)
{
	(void)now;
	(void)receiver_drain(engine->receiver, take_sighting, engine, BATCH);
}

static const char *
kind_of(const struct feeds_match *match)
{
	if (strcmp(match->feed, "never") == 0)
		return strcmp(match->note, "local network") == 0 ? "local" : "never";
	return match->allow ? "allow" : "feed";
}

static void
match_row(const struct engine *engine, const struct feeds_match *match, struct ctl_match *row)
{
	char since[CLK_TEXT_MAX];

	*row = (struct ctl_match){.prefix = match->prefix, .port = match->port};
	snprintf(row->list, sizeof row->list, "%s", match->feed);
	snprintf(row->kind, sizeof row->kind, "%s", kind_of(match));
	if (match->note[0] != '\0')
		snprintf(row->text, sizeof row->text, "%s", match->note);
	else if (match->id == TABLE_ALLOW)
		snprintf(row->text, sizeof row->text, "the configuration's own");
	else
		snprintf(row->text, sizeof row->text, "%s %u of version %u%s%s",
		    match->item ? "item" : "line", match->line, match->version,
		    match->since_wall_ns > 0 ? ", since " : "",
		    match->since_wall_ns > 0 ? clk_format_wall(match->since_wall_ns, since) : "");
	if (match->id < FEEDS_MAX)
		row->sightings = engine->feed_sightings[match->id];
}

static const char *
verdict_says(enum feeds_verdict verdict)
{
	switch (verdict) {
	case FEEDS_NOT_LISTED:
		return "not listed: a sample of it is no sighting";
	case FEEDS_LISTED:
		return "listed: a sample of it is a sighting; finderscopectl explain says what "
		       "would follow";
	case FEEDS_ALLOWED:
		return "allow-listed: a sample of it is no sighting, whatever lists it";
	case FEEDS_NEVER:
		return "never matched: a sample of it is no sighting, whatever lists it";
	}
	return "";
}

enum result
engine_lookup(
    void *user, const struct addr *addr, uint16_t port, uint64_t cursor, struct serve_reply *reply)
{
	struct engine *engine = user;
	struct feeds_match matches[MATCHES];
	size_t count;
	enum feeds_verdict verdict =
	    feeds_lookup(engine->feeds, addr, port, matches, MATCHES, &count);

	for (size_t i = cursor; i < count && i < MATCHES; i++) {
		struct ctl_match row;

		match_row(engine, &matches[i], &row);
		if (!serve_match(reply, &row)) {
			serve_next(reply, i);
			return RESULT_OK;
		}
	}
	serve_text(reply, "%s", verdict_says(verdict));
	return RESULT_OK;
}

static void
step_row(struct serve_reply *reply, const char *name, enum result code, const char *text)
{
	struct ctl_step row = {.passed = code == RESULT_OK, .code = code};

	snprintf(row.name, sizeof row.name, "%s", name);
	snprintf(row.text, sizeof row.text, "%s", text);
	(void)serve_step(reply, &row);
}

/* The sighting that one more sample of that conversation would be. */
static void
imagine(struct engine *engine, const struct serve_explain *q, const struct addr *exporter,
    struct sighting *s)
{
	struct feeds_match matches[MATCHES];
	size_t count;

	memset(s, 0, sizeof *s);
	s->when = clk_now();
	s->exporter = *exporter;
	s->remote = q->remote;
	s->remote_port = q->port;
	s->has_ports = q->port != 0;
	s->proto = q->port != 0 ? 6 : 0;
	s->vni = q->vni;
	s->outbound = true;
	s->sampling_rate = 1;
	s->local = q->local;
	s->local.family = q->remote.family;
	(void)feeds_lookup(engine->feeds, &q->remote, q->port, matches, MATCHES, &count);
	for (size_t i = 0; i < count && i < MATCHES && s->entry_count < SIGHTING_ENTRIES_MAX; i++) {
		if (matches[i].allow || matches[i].id >= FEEDS_MAX)
			continue;
		know_feed(engine, matches[i].id);
		s->entries[s->entry_count++] = (struct sighting_entry){.prefix = matches[i].prefix,
		    .port = matches[i].port,
		    .feed = matches[i].id,
		    .line = matches[i].line};
	}
}

/* The exporter that is meant: by its address, or the switch's that is called so. */
static enum result
find_exporter(
    struct engine *engine, const char *from, struct addr *ret_addr, struct serve_reply *reply)
{
	int id;

	*ret_addr = (struct addr){.family = 0};
	if (from[0] == '\0' || addr_parse(from, ret_addr) == 0)
		return RESULT_OK;
	id = fleet_find(&engine->fleet, from);
	if (id < 0) {
		serve_text(reply,
		    "\"%s\" is neither an exporter's address nor a switch; finderscopectl agents "
		    "lists those",
		    from);
		return RESULT_NOT_FOUND;
	}
	if (engine_exporter_of(engine, (unsigned)id, ret_addr))
		return RESULT_OK;
	serve_text(reply,
	    "no exporter is known of %s: it is not connected, and its `exporters` name none", from);
	return RESULT_NOT_CONNECTED;
}

/* One of the local networks. */
static bool
is_ours(struct engine *engine, const struct addr *addr)
{
	struct feeds_match matches[MATCHES];
	size_t count;

	(void)feeds_lookup(engine->feeds, addr, 0, matches, MATCHES, &count);
	for (size_t i = 0; i < count && i < MATCHES; i++)
		if (strcmp(kind_of(&matches[i]), "local") == 0)
			return true;
	return false;
}

/* And what was seen: of the conversation, or of the one address that was named, whose it is. */
static void
look_back(struct engine *engine, const struct serve_explain *q, const struct addr *local,
    struct serve_reply *reply)
{
	if (local == NULL && is_ours(engine, &q->remote))
		engine_seen(engine, &q->remote, NULL, q->cursor, reply);
	else
		engine_seen(engine, local, &q->remote, q->cursor, reply);
}

enum result
engine_explain(void *user, const struct serve_explain *q, struct serve_reply *reply)
{
	struct engine *engine = user;
	enum feeds_verdict listed = feeds_judge(engine->feeds, &q->remote, q->port);
	struct sighting sighting;
	struct verdict verdict;
	struct addr exporter;
	enum result code = find_exporter(engine, q->from, &exporter, reply);

	const struct addr *local = q->local.family != 0 ? &q->local : NULL;

	if (code != RESULT_OK)
		return code;
	if (q->local.family != 0 && q->local.family != q->remote.family) {
		serve_text(reply, "one address is IPv4, the other IPv6: no conversation");
		return RESULT_BAD_REQUEST;
	}
	if (q->cursor != 0) {
		look_back(engine, q, local, reply);
		return RESULT_OK;
	}
	if (listed == FEEDS_ALLOWED || listed == FEEDS_NEVER) {
		if (local == NULL && is_ours(engine, &q->remote))
			step_row(reply, "local", RESULT_OK,
			    "a host of ours; with a remote address behind it, explain says what "
			    "would "
			    "be done");
		else
			step_row(reply, "allowed", RESULT_END_ALLOWED, verdict_says(listed));
		look_back(engine, q, local, reply);
		return RESULT_OK;
	}
	imagine(engine, q, &exporter, &sighting);
	decide_explain(engine->decide, &sighting, clk_now(), &verdict);
	for (unsigned i = 0; i < verdict.step_count; i++)
		step_row(
		    reply, verdict.steps[i].name, verdict.steps[i].code, verdict.steps[i].text);
	step_row(reply, "verdict", verdict.code,
	    verdict.code == RESULT_OK ? "one more sample opens a capture"
	    : verdict.alert           ? "no capture; one more sample is an alert"
				      : "no capture");
	look_back(engine, q, local, reply);
	return RESULT_OK;
}

static void
feed_row(const struct engine *engine, const struct feeds_info *info, struct ctl_feed *row)
{
	*row = (struct ctl_feed){.entries = info->entries4 + info->entries6,
	    .entries4 = info->entries4,
	    .entries6 = info->entries6,
	    .bad_lines = info->bad_lines,
	    .sightings = engine->feed_sightings[info->id],
	    .age_ms = info->age_ns > 0 ? (uint64_t)(info->age_ns / CLK_MS) : 0,
	    .next_ms = info->next_ns > 0 ? (uint64_t)(info->next_ns / CLK_MS) : 0,
	    .failures = info->failures};
	snprintf(row->name, sizeof row->name, "%s", info->name);
	snprintf(row->url, sizeof row->url, "%.*s", (int)sizeof row->url - 1, info->url);
	snprintf(row->state, sizeof row->state, "%s",
	    info->refused        ? "refused"
	    : !info->loaded      ? "never"
	    : info->failures > 0 ? "failing"
	    : info->from_cache   ? "stale"
				 : "good");
	snprintf(row->text, sizeof row->text, "%s",
	    info->last_error[0] != '\0' ? info->last_error
	    : info->unkept[0] != '\0'   ? info->unkept
	    : info->next_ns == 0        ? "is being fetched"
					: "");
	if (info->version > 0)
		snprintf(row->revision, sizeof row->revision, "%u", info->version);
	for (size_t i = 0; i < engine->settings->feeds.feed_count; i++)
		if (strcmp(engine->settings->feeds.feeds[i].name, info->name) == 0)
			row->interval_ms =
			    (uint64_t)(engine->settings->feeds.feeds[i].interval_ns / CLK_MS);
}

/* Under the row of one feed that is asked for: what became of its lines, and the first bad ones. */
static void
say_bad_lines(struct ctl_feed *row, const struct feeds_info *info)
{
	const struct {
		size_t count;
		const char *what;
	} parts[] = {{info->masked, "with host bits, which were cleared"},
	    {info->never, "in ranges that never match"}, {info->short_ones, "too short, refused"},
	    {info->filtered, "below the score or of another category"}};
	size_t used = strlen(row->text), left = 0;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i].count > 0 && used < sizeof row->text)
			used += (size_t)snprintf(row->text + used, sizeof row->text - used,
			    "%s%zu %s", used > 0 ? "; " : "", parts[i].count, parts[i].what);
	while (left < FORMAT_BAD_MAX && info->bad[left][0] != '\0')
		left++;
	/* A long one leaves the others room. */
	for (size_t i = 0; left > 0 && used < sizeof row->text; i++, left--) {
		int most = (int)((sizeof row->text - used) / left);

		used += (size_t)snprintf(row->text + used, sizeof row->text - used, "%s%.*s",
		    used > 0 ? "; " : "", most > 3 ? most - 3 : 0, info->bad[i]);
	}
}

enum result
engine_feed_rows(void *user, const char *name, uint64_t cursor, struct serve_reply *reply)
{
	struct engine *engine = user;
	size_t count = feeds_info(engine->feeds, NULL, 0);
	struct feeds_info *infos = calloc(count + 1, sizeof *infos);
	bool found = name[0] == '\0';

	if (infos == NULL)
		return RESULT_INTERNAL;
	count = feeds_info(engine->feeds, infos, count);
	for (size_t i = cursor; i < count; i++) {
		struct ctl_feed row;

		if (name[0] != '\0' && strcmp(name, infos[i].name) != 0)
			continue;
		found = true;
		feed_row(engine, &infos[i], &row);
		if (name[0] != '\0')
			say_bad_lines(&row, &infos[i]);
		if (!serve_feed(reply, &row)) {
			serve_next(reply, i);
			break;
		}
	}
	free(infos);
	if (!found) {
		serve_text(reply, "no feed is called \"%s\"", name);
		return RESULT_NOT_FOUND;
	}
	return RESULT_OK;
}

enum result
engine_feed_refresh(void *user, const struct serve_peer *peer, const char *name, bool confirm,
    struct serve_reply *reply)
{
	struct engine *engine = user;

	if (feeds_refresh(engine->feeds, name, confirm) < 0) {
		serve_text(reply, "no feed is called \"%s\"", name);
		return RESULT_NOT_FOUND;
	}
	log_info("feed %s: refresh asked for by %s%s", name, peer->name,
	    confirm ? ", whatever its limits say" : "");
	serve_text(reply, "%s is fetched now%s", name,
	    confirm ? "; what comes is taken, whatever its limits say" : "");
	return RESULT_OK;
}
