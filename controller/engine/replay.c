/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded sFlow through glance and decide; see replay.h. */
#include "controller/engine/replay.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include "controller/decide/decide.h"
#include "controller/engine/fleet.h"
#include "controller/engine/replay_fabric.h"
#include "controller/receive/glance.h"
#include "controller/receive/recording.h"
#include "controller/store/event_json.h"

#define TICK (CLK_MS * 250)
#define REPORT_TICKS 4       /* between reports of counters */
#define QUIET (60 * CLK_S)   /* a longer gap goes by in larger steps */
#define START (1000 * CLK_S) /* the replay's clock when the recording begins */
#define CODES 256
#define STRANGERS 64

/* Exporters whose sightings could cause nothing, as they came. */
struct stranger {
	struct addr exporter;
	enum result code;
	uint64_t sightings;
};

struct replay {
	struct settings *settings;
	struct fleet fleet;
	struct feeds *feeds;
	struct slot *slot;
	struct glance *glance;
	struct exporters *exporters;
	struct decide *decide;
	struct replay_fabric fabric;
	bool check, summary, bad;

	struct sighting sighting;
	bool begun;
	int64_t first_wall; /* of the recording, at START */
	struct instant now, ticked;
	unsigned ticks;
	uint64_t datagrams, sightings, differences, codes[CODES];
	size_t live_most;
	struct stranger strangers[STRANGERS];
	size_t stranger_count;
};

static const char *
switch_name(void *user, unsigned id)
{
	const struct replay *r = user;

	return fleet_name(&r->fleet, id);
}

static const char *
feed_name(void *user, uint16_t id)
{
	static _Thread_local char name[FEEDS_NAME_MAX];
	const struct replay *r = user;

	return feeds_name(r->feeds, id, name) < 0 ? "" : name;
}

static void
print(struct replay *r, struct instant now, const struct decide_event *event)
{
	struct event_json_context context = {.wall_ns = r->first_wall + now.ns - START,
	    .switch_name = switch_name,
	    .feed_name = feed_name,
	    .user = r};
	char line[EVENT_JSON_MAX];

	if (r->summary)
		return;
	if (event_json(event, &context, line) < 0)
		r->bad = true;
	else
		puts(line);
}

static void
on_event(void *user, struct instant now, const struct decide_event *event)
{
	print(user, now, event);
}

/* ---- time ---- */

static int
after(struct replay *r)
{
	struct decide_stats stats;
	int e = replay_fabric_obey(&r->fabric, r->decide, r->now);

	decide_stats(r->decide, r->now, &stats);
	if (stats.live > r->live_most)
		r->live_most = stats.live;
	return e;
}

static int
tick(struct replay *r)
{
	decide_tick(r->decide, r->now);
	if (r->ticks++ % REPORT_TICKS == 0)
		replay_fabric_report(&r->fabric, r->decide, r->now);
	return after(r);
}

/* The clock goes on to `to`, a tick at a time. It never goes back: a file that begins before the
 * last one ended follows it at once. */
static int
pass(struct replay *r, struct instant to)
{
	int e = 0;

	while (e == 0 && clk_diff(to, r->ticked) >= TICK) {
		int64_t gap = clk_diff(to, r->ticked);

		r->now = r->ticked = clk_add(r->ticked, gap > QUIET ? gap / 240 : TICK);
		e = tick(r);
	}
	if (clk_before(r->now, to))
		r->now = to;
	return e;
}

/* ---- sightings ---- */

static struct sighting *
reserve(void *user)
{
	struct replay *r = user;

	memset(&r->sighting, 0, sizeof r->sighting);
	return &r->sighting;
}

static void
meet(struct replay *r, const struct addr *exporter, enum result code)
{
	size_t i = 0;

	if (code != RESULT_NO_AGENT && code != RESULT_EXPORTER_UNKNOWN)
		return;
	while (i < r->stranger_count && !addr_equal(&r->strangers[i].exporter, exporter))
		i++;
	if (i == STRANGERS)
		return;
	if (i == r->stranger_count)
		r->strangers[r->stranger_count++] = (struct stranger){*exporter, code, 0};
	r->strangers[i].sightings++;
}

static bool
commit(void *user)
{
	struct replay *r = user;
	const struct sighting *s = &r->sighting;
	struct verdict before, v;

	r->sightings++;
	if (r->check)
		decide_explain(r->decide, s, r->now, &before);
	decide_sighting(r->decide, s, r->now, &v);
	if (r->check && !verdict_same(&before, &v)) {
		r->differences++;
		fprintf(stderr, "explain said %s: %s; decided was %s: %s\n",
		    result_name((int)before.code), verdict_text(&before), result_name((int)v.code),
		    verdict_text(&v));
	}
	if ((unsigned)v.code < CODES)
		r->codes[v.code]++;
	meet(r, &s->exporter, v.code);
	struct decide_event event = {.kind = "sighting",
	    .sighting = s,
	    .verdict = &v,
	    .code = v.code,
	    .text = verdict_text(&v),
	    .policy = v.policy >= 0 ? &r->settings->policy.policies[v.policy] : NULL};

	print(r, r->now, &event);
	if (after(r) < 0)
		r->bad = true;
	replay_fabric_sample(&r->fabric, s);
	return true;
}

/* ---- birth and end ---- */

static void
know_feeds(struct replay *r)
{
	for (unsigned id = 0; id < FEEDS_MAX; id++) {
		char name[FEEDS_NAME_MAX];

		if (feeds_name(r->feeds, (uint16_t)id, name) == 0)
			decide_feed(r->decide, (uint16_t)id, name);
	}
}

/* A list that is missing makes another replay: it is said, and the exit status says so. */
static void
tell_feeds(struct replay *r)
{
	size_t count = r->settings->feeds.feed_count;
	struct feeds_info *infos = calloc(count + 1, sizeof *infos);
	struct feeds_event e;

	while (feeds_next_event(r->feeds, &e, NULL))
		if (e.kind == FEEDS_FAILED || e.kind == FEEDS_REFUSED)
			fprintf(stderr, "feed %s: %s\n", e.feed, e.text);
	if (infos == NULL || feeds_info(r->feeds, infos, count) != count)
		r->bad = true;
	for (size_t i = 0; infos != NULL && i < count; i++) {
		if (infos[i].loaded)
			continue;
		fprintf(stderr, "feed %s: there is no copy of it\n", infos[i].name);
		r->bad = true;
	}
	free(infos);
}

/* The switches of the configuration, and those that were accepted while it ran: the state knows
 * them. Without a state there are none. */
static int
know_switches(struct replay *r)
{
	const struct store_reader reader = {.agent = fleet_take_agent};
	struct fleet_accepted_list list = {.count = 0};
	char path[512], error[STORE_ERROR_MAX];
	int e;

	if ((size_t)snprintf(path, sizeof path, "%s/controller.db", r->settings->state_dir) >=
	    sizeof path)
		return -ENAMETOOLONG;
	e = store_peek(path, &reader, &list, error);
	if (e < 0 && e != -ENOENT) {
		fprintf(stderr, "the switches that were accepted are not known: %s\n", error);
		r->bad = true;
	}
	e = fleet_set(&r->fleet, r->settings, list.rows, list.count);
	free(list.rows);
	return e;
}

static int
open_rooms(struct replay *r)
{
	static const struct decide_sink sink = {.event = on_event};
	struct glance_sink glance_sink = {reserve, commit, r};
	struct policy_conf policy;
	int e = know_switches(r);

	r->now = r->ticked = (struct instant){START};
	if (e == 0) {
		policy = r->settings->policy;
		policy.switches = r->fleet.places;
		policy.switch_count = r->fleet.count;
		e = decide_new(&policy, 1, &sink, r, &r->decide);
	}
	if (e == 0)
		e = slot_new(&r->slot);
	if (e == 0)
		e = feeds_new(&r->settings->feeds, r->slot, &r->feeds);
	if (e == 0)
		e = feeds_load(r->feeds);
	if (e == 0)
		e = exporters_new(4096, 1, &r->exporters);
	if (e == 0)
		e = glance_new(r->exporters, &glance_sink, &r->glance);
	if (e < 0)
		return e;
	know_feeds(r);
	tell_feeds(r);
	replay_fabric_begin(&r->fabric, r->decide, r->fleet.places, r->fleet.count, r->now);
	return replay_fabric_obey(&r->fabric, r->decide, r->now);
}

static void
close_rooms(struct replay *r)
{
	replay_fabric_done(&r->fabric);
	glance_free(&r->glance);
	exporters_free(&r->exporters);
	feeds_free(&r->feeds);
	slot_free(&r->slot);
	decide_free(&r->decide);
	fleet_done(&r->fleet);
	settings_free(&r->settings);
}

static int
file(struct replay *r, const char *path, uint16_t port)
{
	char error[RECORDING_ERROR_MAX];
	struct recording_datagram datagram;
	struct recording *recording;
	int got = recording_open(path, port, error, &recording);

	if (got < 0) {
		fprintf(stderr, "%s\n", error);
		return got;
	}
	while ((got = recording_next(recording, error, &datagram)) > 0) {
		if (!r->begun && datagram.wall_ns != 0)
			r->first_wall = datagram.wall_ns - (r->now.ns - START);
		r->begun = r->begun || datagram.wall_ns != 0;
		if (datagram.wall_ns != 0 &&
		    pass(r, (struct instant){START + datagram.wall_ns - r->first_wall}) < 0)
			r->bad = true;
		r->datagrams++;
		(void)glance_datagram(r->glance, slot_read(r->slot), datagram.bytes,
		    datagram.length, &datagram.from, r->now);
		glance_settle(r->glance);
	}
	if (got < 0)
		fprintf(stderr, "%s\n", error);
	recording_free(&recording);
	return got;
}

static void
print_summary(const struct replay *r)
{
	const struct glance_counters *seen = glance_counters(r->glance);
	struct decide_stats stats;

	decide_stats(r->decide, r->now, &stats);
	printf("{\"datagrams\":%" PRIu64 ",\"pairs\":%" PRIu64 ",\"sightings\":%" PRIu64
	       ",\"captures\":%" PRIu64 ",\"captures_at_once\":%zu,\"alerts\":%" PRIu64
	       ",\"decisions\":{",
	    r->datagrams, seen->pairs, r->sightings, stats.opened, r->live_most, stats.alerts);
	for (unsigned code = 0, n = 0; code < CODES; code++)
		if (r->codes[code] > 0)
			printf("%s\"%s\":%" PRIu64, n++ > 0 ? "," : "", result_name((int)code),
			    r->codes[code]);
	printf("}}\n");
}

/* Whoever tunes a policy must not take these for its doing. */
static void
tell_strangers(const struct replay *r)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < r->stranger_count; i++)
		fprintf(stderr,
		    r->strangers[i].code == RESULT_NO_AGENT
			? "exporter %s: no switch is bound to it, %" PRIu64
			  " sightings caused nothing; name it in the `exporters` of one\n"
			: "exporter %s: its datagrams came from elsewhere, %" PRIu64
			  " sightings caused nothing; name the source in the `sources` of its "
			  "switch\n",
		    addr_format(&r->strangers[i].exporter, text), r->strangers[i].sightings);
}

static const char usage[] =
    "usage: finderscope-controller replay [-c FILE] [--summary] [--check] [--port N] FILE...\n"
    "\n"
    "  -c, --config FILE  read FILE instead of " SETTINGS_PATH "\n"
    "      --summary      print counts of decisions alone\n"
    "      --check        ask before each decision what it would be, and compare\n"
    "      --port N       UDP port of sFlow in captures; 0 is any (6343)\n";

struct words {
	const char *config;
	bool summary, check;
	uint16_t port;
};

static int
read_words(int argc, char **argv, struct words *w)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"summary", no_argument, NULL, 's'},
	    {"check", no_argument, NULL, 'k'},
	    {"port", required_argument, NULL, 'p'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	unsigned long port;
	char *end;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "+c:h", options, NULL)) != -1)
		switch (c) {
		case 'c':
			w->config = optarg;
			break;
		case 's':
			w->summary = true;
			break;
		case 'k':
			w->check = true;
			break;
		case 'p':
			port = strtoul(optarg, &end, 10);
			if (end == optarg || *end != '\0' || port > UINT16_MAX) {
				fprintf(stderr,
				    "finderscope-controller: --port %s: a number from 0 to 65535 "
				    "is wanted\n",
				    optarg);
				return 2;
			}
			w->port = (uint16_t)port;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (optind < argc)
		return 0;
	fputs(usage, stderr);
	return 2;
}

static int
run(struct replay *r, int argc, char **argv, uint16_t port)
{
	int e = open_rooms(r);

	if (e < 0) {
		fprintf(stderr, "finderscope-controller: %s\n", strerror(-e));
		return 1;
	}
	rcu_register_thread();
	for (int i = optind; i < argc; i++)
		if (file(r, argv[i], port) < 0)
			r->bad = true;
	rcu_unregister_thread();
	tell_strangers(r);
	if (r->summary)
		print_summary(r);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "finderscope-controller: standard output: write failed\n");
		return 1;
	}
	return r->bad || r->differences > 0;
}

int
replay_main(int argc, char **argv)
{
	struct words words = {.config = SETTINGS_PATH, .port = RECEIVER_PORT};
	struct replay *r = calloc(1, sizeof *r);
	char error[CONF_ERROR_MAX];
	int status = read_words(argc, argv, &words);

	if (r == NULL || status != 0) {
		free(r);
		return status < 0 ? 0 : status > 0 ? status : 1;
	}
	r->summary = words.summary;
	r->check = words.check;
	if (settings_load(words.config, false, &r->settings, error) < 0) {
		fprintf(stderr, "%s\n", error);
		free(r);
		return 2;
	}
	status = run(r, argc, argv, words.port);
	close_rooms(r);
	free(r);
	return status;
}
