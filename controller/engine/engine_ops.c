/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the control sockets ask that is nobody else's: status, exporters, events, stops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/keys.h"
#include "controller/engine/engine_part.h"

#define SILENT (60 * CLK_S)

struct exporters_copy {
	struct exporters_row *rows;
	size_t count, room;
};

static void
keep_exporter(void *user, const struct exporters_row *row)
{
	struct exporters_copy *copy = user;

	if (copy->count == copy->room) {
		size_t room = copy->room > 0 ? copy->room * 2 : 64;
		struct exporters_row *rows = realloc(copy->rows, room * sizeof *rows);

		if (rows == NULL)
			return;
		copy->rows = rows;
		copy->room = room;
	}
	copy->rows[copy->count++] = *row;
}

static int
by_agent(const void *a, const void *b)
{
	const struct exporters_row *x = a, *y = b;
	int order = addr_compare(&x->agent, &y->agent);

	return order != 0 ? order : x->sub_agent < y->sub_agent ? -1 : x->sub_agent > y->sub_agent;
}

static struct exporters_copy
copy_exporters(struct engine *engine)
{
	struct exporters_copy copy = {.count = 0};

	receiver_exporters(engine->receiver, keep_exporter, &copy);
	if (copy.count > 1)
		qsort(copy.rows, copy.count, sizeof *copy.rows, by_agent);
	return copy;
}

static void
count_exporters(struct engine *engine, struct instant now, struct ctl_status *s)
{
	struct exporters_copy copy = copy_exporters(engine);

	for (size_t i = 0; i < copy.count; i++) {
		enum result code;
		bool known = decide_exporter(engine->decide, &copy.rows[i].agent,
				 &copy.rows[i].from, &code) >= 0;

		s->exporters++;
		s->exporters_unknown += !known;
		s->exporters_silent += clk_diff(now, copy.rows[i].last) > SILENT;
		s->lost_samples += copy.rows[i].samples_lost;
	}
	free(copy.rows);
}

static void
count_agents(struct engine *engine, struct ctl_status *s)
{
	for (size_t i = 0; i < engine->fleet.count; i++) {
		struct agents_info info;

		s->agents_known++;
		s->agents_connected += agents_info(engine->agents, i, &info) && info.connected;
	}
	s->agents_waiting = (uint32_t)engine->waiting.count;
}

static void
count_feeds(struct engine *engine, struct ctl_status *s)
{
	size_t count = feeds_info(engine->feeds, NULL, 0);
	struct feeds_info *infos = calloc(count + 1, sizeof *infos);

	if (infos == NULL)
		return;
	count = feeds_info(engine->feeds, infos, count);
	s->feeds = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		s->feeds_failing += infos[i].failures > 0;
		if (!infos[i].allow)
			s->entries += infos[i].entries4 + infos[i].entries6;
	}
	free(infos);
}

static void
feed_counters(struct engine *engine, struct serve_reply *reply)
{
	size_t count = feeds_info(engine->feeds, NULL, 0);
	struct feeds_info *infos = calloc(count + 1, sizeof *infos), sum = {.loads = 0};

	if (infos == NULL)
		return;
	count = feeds_info(engine->feeds, infos, count);
	for (size_t i = 0; i < count; i++) {
		sum.loads += infos[i].loads;
		sum.unchanged += infos[i].unchanged;
		sum.refusals += infos[i].refusals;
		sum.errors += infos[i].errors;
	}
	(void)serve_counter(reply, "feed_loads", sum.loads);
	(void)serve_counter(reply, "feed_unchanged", sum.unchanged);
	(void)serve_counter(reply, "feed_refusals", sum.refusals);
	(void)serve_counter(reply, "feed_errors", sum.errors);
	(void)serve_counter(reply, "feed_events_lost", engine->events_lost_feeds);
	free(infos);
}

static void
take_counter(void *user, const char *name, const char *help, uint64_t value)
{
	(void)help;
	(void)serve_counter(user, name, value);
}

/* A socket that lost something: a thread that can't keep up, or one exporter too many on it. */
static void
take_socket(void *user, const struct receiver_socket *socket)
{
	char name[CTL_WORD_MAX];

	if (socket->kernel_drops == 0)
		return;
	snprintf(
	    name, sizeof name, "kernel_drops_thread%u_listen%zu", socket->thread, socket->listen);
	(void)serve_counter(user, name, socket->kernel_drops);
}

static void
all_counters(struct engine *engine, const struct receiver_stats *r, const struct decide_stats *d,
    struct serve_reply *reply)
{
	struct agents_drops drops;
	struct serve_counts serve;
	struct store_stats store;
	int error;

	receiver_stats_each(r, take_counter, reply);
	receiver_sockets(engine->receiver, take_socket, reply);
	agents_drops(engine->agents, &drops);
	serve_get_counts(engine->serve, &serve);
	store_stats(engine->store, &store);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"agent_malformed", drops.malformed},
	    {"agent_sealed_wrong", drops.sealed_wrong},
	    {"agent_strangers", drops.strangers},
	    {"agent_stale", drops.stale},
	    {"agent_flooded", drops.flooded},
	    {"agent_unreadable", drops.unreadable},
	    {"agent_unsent", drops.unsent},
	    {"decide_sightings", d->sightings},
	    {"decide_inbound_only", d->inbound_only},
	    {"decide_not_counted", d->not_counted},
	    {"decide_alerts", d->alerts},
	    {"decide_opened", d->opened},
	    {"decide_refused", d->refused},
	    {"decide_shadowed", d->shadowed},
	    {"decide_illegal_steps", d->illegal_steps},
	    {"decide_foreign_holdings", d->foreign_holdings},
	    {"decide_exporter_unknown", d->exporter_unknown},
	    {"decide_conversations", d->conversations},
	    {"decide_conversations_forgotten", d->conversations_forgotten},
	    {"ctl_requests", serve.requests},
	    {"ctl_bad_requests", serve.bad_requests},
	    {"ctl_clients_dropped", serve.dropped_clients},
	    {"ctl_events_lost", serve.events_lost},
	    {"events_lost", journal_lost(engine->journal, &error)},
	    {"loop_turns", engine->turns.count},
	    {"loop_slow_turns", engine->turns.slow},
	    {"store_written", store.written},
	    {"store_dropped", store.dropped},
	    {"store_pending", store.pending},
	    {"store_failures", store.failures},
	    {"store_degraded", store.degraded},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		(void)serve_counter(reply, rows[i].name, rows[i].value);
	feed_counters(engine, reply);
}

static uint64_t
bad_datagrams(const struct receiver_stats *r)
{
	uint64_t bad = 0;

	for (unsigned i = SFLOW_OK + 1; i < SFLOW_REJECTS; i++)
		bad += r->seen.sflow.rejects[i];
	return bad;
}

/* How long anybody had to wait for the loop. */
static void
loop_turns(const struct engine *engine, struct instant now, struct ctl_status *s)
{
	struct turns_longest ever, lately;

	turns_read(&engine->turns, now, &ever, &lately);
	s->loop_longest_us = (uint64_t)ever.wall_ns / 1000;
	s->loop_longest_held_us = (uint64_t)ever.held_ns / 1000;
	snprintf(s->loop_longest_doing, sizeof s->loop_longest_doing, "%s", ever.doing);
	s->loop_lately_us = (uint64_t)lately.wall_ns / 1000;
	s->loop_lately_held_us = (uint64_t)lately.held_ns / 1000;
	snprintf(s->loop_lately_doing, sizeof s->loop_lately_doing, "%s", lately.doing);
}

static enum result
status(void *user, struct serve_reply *reply)
{
	struct engine *engine = user;
	struct instant now = clk_now();
	struct ctl_status s = {.pid = (uint32_t)getpid()};
	struct receiver_stats r;
	struct decide_stats d;
	char time[CLK_TEXT_MAX];

	receiver_stats(engine->receiver, &r);
	decide_stats(engine->decide, now, &d);
	snprintf(s.version, sizeof s.version, "%s", FINDERSCOPE_VERSION);
	keys_fingerprint(engine->settings->agents.keys.public_key, s.fingerprint);
	s.uptime_ms = (uint64_t)(clk_diff(now, engine->started) / CLK_MS);
	s.frozen = decide_frozen(engine->decide);
	s.released_all = decide_released(engine->decide, -1);
	if (s.frozen)
		snprintf(s.frozen_why, sizeof s.frozen_why, "by %s, %s%s%.120s", engine->frozen.who,
		    clk_format_wall(engine->frozen.wall_ns, time),
		    engine->frozen.why[0] != '\0' ? ": " : "", engine->frozen.why);
	count_agents(engine, &s);
	count_exporters(engine, now, &s);
	count_feeds(engine, &s);
	s.captures = (uint32_t)d.live;
	s.captures_max = engine->settings->policy.limits.captures;
	s.starts_minute = d.starts_minute;
	s.starts_minute_max = engine->settings->policy.limits.starts_minute;
	s.mirrored_bps = d.est_bps;
	for (size_t i = 0; i < engine->settings->policy.analyser_count; i++)
		s.mirrored_bps_max += engine->settings->policy.analysers[i].hard_bps;
	s.datagrams = r.datagrams;
	for (unsigned i = 0; i < SFLOW_TYPES; i++)
		s.samples += r.seen.sflow.types[i];
	s.sightings = r.seen.sightings;
	s.bad_datagrams = bad_datagrams(&r);
	s.ring_dropped = r.ring_drops;
	s.mirror_copies = r.seen.packet.outcomes[PACKET_MIRROR];
	loop_turns(engine, now, &s);
	(void)serve_status(reply, &s);
	all_counters(engine, &r, &d, reply);
	return RESULT_OK;
}

/* What an operator would do about it. */
static const char *
why_unknown(enum result code)
{
	if (code == RESULT_EXPORTER_UNKNOWN)
		return "a switch has this address, but not that source: name it in its `sources`";
	if (code == RESULT_AMBIGUOUS)
		return "several switches report this address: name it in the `exporters` of one";
	return "no switch has this address: accept its agent, or name it in `exporters`";
}

static enum result
exporters(void *user, uint64_t cursor, struct serve_reply *reply)
{
	struct engine *engine = user;
	struct exporters_copy copy = copy_exporters(engine);
	struct instant now = clk_now();

	for (size_t i = cursor; i < copy.count; i++) {
		const struct exporters_row *x = &copy.rows[i];
		enum result code;
		int id = decide_exporter(engine->decide, &x->agent, &x->from, &code);
		struct ctl_exporter row = {.addr = x->agent,
		    .source = x->from,
		    .known = id >= 0,
		    .datagrams = x->datagrams,
		    .samples = x->samples,
		    .lost_samples = x->samples_lost,
		    .bad = x->rejects,
		    .sightings = x->sightings,
		    .rate = x->sampling_rate,
		    .heard_ms = (uint64_t)(clk_diff(now, x->last) / CLK_MS)};

		if (id >= 0)
			snprintf(row.agent, sizeof row.agent, "%s",
			    fleet_name(&engine->fleet, (unsigned)id));
		else
			snprintf(row.text, sizeof row.text, "%s", why_unknown(code));
		if (id >= 0 && clk_diff(now, x->last) > SILENT)
			snprintf(row.text, sizeof row.text,
			    "silent: does its sFlow still come here, UDP port and address?");
		if (!serve_exporter(reply, &row)) {
			serve_next(reply, i);
			break;
		}
	}
	free(copy.rows);
	return RESULT_OK;
}

static enum result
events(void *user, uint32_t count, uint64_t capture, uint64_t cursor, struct serve_reply *reply)
{
	struct engine *engine = user;
	uint64_t next = journal_next(engine->journal), i = cursor;
	char its[40];

	/* As event_json writes it; no text can hold a bare quotation mark. */
	snprintf(its, sizeof its, "\"capture\":%" PRIu64 ",", capture);

	if (i == 0)
		i = next > count ? next - count : 1;
	if (i < journal_oldest(engine->journal))
		i = journal_oldest(engine->journal);
	for (; i < next; i++) {
		const char *line = journal_line(engine->journal, i);

		if (line != NULL && capture != 0 && strstr(line, its) == NULL)
			continue;
		if (line != NULL && !serve_event(reply, line)) {
			serve_next(reply, i);
			break;
		}
	}
	return RESULT_OK;
}

static enum result
freeze(
    void *user, const struct serve_peer *peer, bool on, const char *why, struct serve_reply *reply)
{
	struct engine *engine = user;

	if (decide_frozen(engine->decide) == on) {
		serve_text(reply, on ? "it is frozen already, by %s" : "it is not frozen%.0s",
		    engine->frozen.who);
		return RESULT_ALREADY;
	}
	snprintf(engine->frozen.who, sizeof engine->frozen.who, "%s", peer->name);
	snprintf(engine->frozen.why, sizeof engine->frozen.why, "%s", why);
	engine->frozen.wall_ns = clk_wall_ns();
	decide_freeze(engine->decide, on, peer->name, why, clk_now());
	agents_freeze(engine->agents, on);
	serve_text(reply,
	    on ? "frozen: nothing new is captured until thaw; what is captured runs on" : "thawed");
	return RESULT_OK;
}

static enum result
release(void *user, const struct serve_peer *peer, const char *name, bool on, const char *why,
    struct serve_reply *reply)
{
	struct engine *engine = user;
	bool all = strcmp(name, "all") == 0;
	int id = all ? -1 : fleet_find(&engine->fleet, name);

	if (!all && id < 0) {
		serve_text(
		    reply, "there is no switch \"%s\"; finderscopectl agents lists them", name);
		return RESULT_NOT_FOUND;
	}
	(void)decide_release(engine->decide, id, on, peer->name, why, clk_now());
	if (all)
		serve_text(reply, "%s",
		    on ? "all switches: their rules go, and none come until unrelease all"
		       : "all switches may hold rules again");
	else
		serve_text(reply,
		    on ? "%s: its rules go, and none come until unrelease %s"
		       : "%s may hold rules again%.0s",
		    name, name);
	return RESULT_OK;
}

static enum result
reload(void *user, const struct serve_peer *peer, struct serve_reply *reply)
{
	struct engine *engine = user;
	char error[CONF_ERROR_MAX], note[CTL_TEXT_MAX];

	if (engine_reload(engine, clk_now(), error, note) < 0) {
		serve_text(reply, "%.240s", error);
		return RESULT_BAD_REQUEST;
	}
	engine_tell(engine, "reload", "who", peer->name, "note", note, (char *)NULL);
	serve_text(
	    reply, "the configuration was read again%s%.180s", note[0] != '\0' ? "; " : "", note);
	return RESULT_OK;
}

const struct serve_ops engine_ops = {
    .status = status,
    .agents = engine_agents,
    .agent_accept = engine_agent_accept,
    .agent_forget = engine_agent_forget,
    .agent_go_on = engine_agent_go_on,
    .exporters = exporters,
    .captures = engine_captures,
    .capture_start = engine_capture_start,
    .capture_stop = engine_capture_stop,
    .capture_extend = engine_capture_extend,
    .feeds = engine_feed_rows,
    .feed_refresh = engine_feed_refresh,
    .lookup = engine_lookup,
    .explain = engine_explain,
    .events = events,
    .freeze = freeze,
    .release = release,
    .reload = reload,
};
