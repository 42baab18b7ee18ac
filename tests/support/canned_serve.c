/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/canned_serve.h"

#include <stdio.h>
#include <string.h>

static struct addr
ip(const char *text)
{
	struct addr addr = {0};

	(void)addr_parse(text, &addr);
	return addr;
}

static enum result
status(void *user, struct serve_reply *reply)
{
	const struct canned_serve *canned = user;
	struct ctl_status s = {
	    .version = "0.1.0",
	    .pid = 4711,
	    .uptime_ms = 11520000,
	    .frozen = canned->frozen,
	    .released_all = canned->released,
	    .agents_connected = 2,
	    .agents_known = 3,
	    .agents_waiting = 1,
	    .exporters = 2,
	    .exporters_unknown = 1,
	    .captures = 2,
	    .captures_max = 100,
	    .starts_minute = 1,
	    .starts_minute_max = 30,
	    .mirrored_bps = 12345678,
	    .mirrored_bps_max = 500000000,
	    .feeds = 2,
	    .feeds_failing = 1,
	    .entries = 45123,
	    .datagrams = 120034,
	    .samples = 800123,
	    .sightings = 17,
	    .bad_datagrams = 3,
	    .lost_samples = 12,
	    .mirror_copies = 99,
	    .loop_longest_us = 131300,
	    .loop_longest_held_us = 61270,
	    .loop_longest_doing = "reload",
	    .loop_lately_us = 730,
	    .loop_lately_held_us = 610,
	    .loop_lately_doing = "sightings",
	};

	if (canned->frozen)
		snprintf(s.frozen_why, sizeof s.frozen_why, "by root: maintenance");
	serve_status(reply, &s);
	serve_counter(reply, "store_dropped", 0);
	serve_counter(reply, "seal_failed", 4);
	serve_counter(reply, "loop_turns", 70123);
	serve_counter(reply, "loop_slow_turns", 1);
	return RESULT_OK;
}

static enum result
agents(void *user, const char *name, uint64_t cursor, struct serve_reply *reply)
{
	struct ctl_agent rows[] = {
	    {.name = "leaf1",
		.fingerprint = "1a2b-3c4d-5e6f-7081",
		.state = CTL_AGENT_CONNECTED,
		.version = "0.1.0",
		.host = "leaf1",
		.system = "Cumulus Linux 4.4",
		.target = "erspan",
		.backend = "switchd-resync",
		.addr_count = 2,
		.addrs = {ip("10.0.0.11"), ip("2001:db8::11")},
		.peer = ip("192.0.2.11"),
		.heard_ms = 1200,
		.session_ms = 93600000,
		.captures = 2,
		.rules = 6,
		.rules_max = 64,
		.mirrored_bps = 12345678,
		.destinations = 1,
		.destinations_max = 3,
		.hosts = 48,
		.commits = 1234,
		.lock_waits = 5,
		.fights = 2,
		.foreign_lost = 1,
		.mirror_lost = 7},
	    {.name = "leaf2",
		.fingerprint = "ffff-0000-1111-2222",
		.state = CTL_AGENT_SILENT,
		.version = "0.1.0",
		.target = "nflog",
		.backend = "kernel",
		.peer = ip("192.0.2.12"),
		.heard_ms = 95000,
		.no_ipv6 = true,
		.code = RESULT_LOCK,
		.text = "xtables.lock held for 10 s"},
	    {.fingerprint = "dead-beef-dead-beef",
		.state = CTL_AGENT_WAITING,
		.host = "spine1",
		.peer = ip("2001:db8::99"),
		.heard_ms = 3000},
	};

	(void)user;
	(void)cursor;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (name[0] == '\0' || strcmp(rows[i].name, name) == 0)
			serve_agent(reply, &rows[i]);
	return RESULT_OK;
}

static enum result
agent_accept(void *user, const struct serve_peer *peer, const char *fingerprint, const char *name,
    struct serve_reply *reply)
{
	(void)user;
	(void)peer;
	if (strcmp(fingerprint, "dead-beef-dead-beef") != 0) {
		serve_text(reply, "no switch with the fingerprint %s waits", fingerprint);
		return RESULT_NOT_FOUND;
	}
	serve_text(reply, "%s is accepted, bound to 10.0.0.1", name[0] ? name : "spine1");
	return RESULT_OK;
}

static enum result
agent_forget(void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply)
{
	(void)user;
	(void)peer;
	(void)reply;
	return strcmp(name, "leaf2") == 0 ? RESULT_OK : RESULT_NOT_FOUND;
}

static enum result
agent_go_on(void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply)
{
	(void)user;
	(void)peer;
	if (strcmp(name, "leaf1") != 0) {
		serve_text(reply, "%s takes what is new: nothing is to be lifted there", name);
		return RESULT_ALREADY;
	}
	serve_text(reply, "%s is told to go on; an event says when it does", name);
	return RESULT_OK;
}

static enum result
exporters(void *user, uint64_t cursor, struct serve_reply *reply)
{
	const struct canned_serve *canned = user;
	struct ctl_exporter rows[] = {
	    {.addr = ip("10.0.0.11"),
		.source = ip("192.0.2.11"),
		.agent = "leaf1",
		.known = true,
		.datagrams = 120000,
		.samples = 800000,
		.lost_samples = 12,
		.sightings = 17,
		.counters = 5000,
		.rate = 10000,
		.heard_ms = 340},
	    {.addr = ip("2001:db8::77"),
		.source = ip("2001:db8::77"),
		.datagrams = 34,
		.samples = 123,
		.bad = 3,
		.rate = 400,
		.heard_ms = 4000,
		.text = "no switch has this address"},
	};

	for (uint64_t i = cursor; i < canned->many; i++) {
		rows[0].datagrams = i;
		if (!serve_exporter(reply, &rows[0])) {
			serve_next(reply, i);
			return RESULT_OK;
		}
	}
	for (size_t i = 0; canned->many == 0 && i < sizeof rows / sizeof *rows; i++)
		serve_exporter(reply, &rows[i]);
	return RESULT_OK;
}

static void
capture_row(unsigned id, struct ctl_capture *ret_row)
{
	struct addr local = ip("10.1.0.2"), remote = ip("198.51.100.9"), v6 = ip("2001:db8:1::2");
	struct ctl_capture row = {
	    .id = id,
	    .filter = filter_hosts(&local, &remote),
	    .state = CTL_MIRRORING,
	    .by = "blocklist",
	    .reason = "feed drop: 198.51.100.0/24",
	    .analyser = "wireshark",
	    .to = ip("203.0.113.5"),
	    .session = 7,
	    .age_ms = 75000,
	    .left_ms = 525000,
	    .lease_ms = 48000,
	    .idle_ms = 120000,
	    .max_packets = 100000,
	    .packets = 1234,
	    .bytes = 1043210,
	    .est_bps = 2100000,
	    .measured = true,
	    .est_samples = 3,
	    .est_error = 113,
	    .est_packets = 30000,
	    .first_bps = 1200000,
	    .holder_count = 1,
	    .holders = {{.name = "leaf1",
		.hold = HOLD_MIRRORING,
		.rules = 2,
		.packets = 1234,
		.bytes = 1043210,
		.copied = 1230,
		.dropped = 4}},
	};

	if (id == 8) {
		row.filter = filter_hosts(&v6, &v6);
		row.filter.b = prefix_make(&v6, 0);
		row.filter.has_proto = true;
		row.filter.proto = 6;
		row.filter.port = 443;
		row.state = CTL_FAILED;
		row.code = RESULT_NO_FAMILY;
		row.manual = true;
		row.left_ms = 0;
		snprintf(row.by, sizeof row.by, "root");
		row.est_bps = 20000000; /* its limit */
		row.measured = false;
		row.est_samples = row.est_error = 0;
		row.est_packets = row.first_bps = 0;
		row.reason[0] = '\0';
		row.holders[0].hold = HOLD_FAILED;
		row.holders[0].code = RESULT_NO_FAMILY;
		row.holders[0].packets = row.holders[0].bytes = row.packets = row.bytes = 0;
	}
	if (id == 3) {
		row.state = CTL_ENDED;
		row.code = RESULT_END_DURATION;
		row.est_bps = row.first_bps;
		row.measured = false;
		row.left_ms = 0;
		row.holder_count = 0;
	}
	*ret_row = row;
}

static enum result
captures(void *user, uint64_t id, bool all, uint64_t cursor, struct serve_reply *reply)
{
	static const unsigned ids[] = {3, 7, 8};
	struct ctl_capture row;

	(void)user;
	(void)cursor;
	for (size_t i = 0; i < 3; i++) {
		if (id ? ids[i] != id : ids[i] == 3 && !all)
			continue;
		capture_row(ids[i], &row);
		serve_capture(reply, &row);
	}
	return RESULT_OK;
}

static void
tell(struct canned_serve *canned, const char *what, const struct serve_peer *peer)
{
	char json[256];

	if (canned->serve == NULL)
		return;
	snprintf(json, sizeof json, "{\"event\":\"%s\",\"by\":\"%s\"}", what, peer->name);
	serve_publish(canned->serve, json);
}

static enum result
capture_start(void *user, const struct serve_peer *peer, const struct ctl_start *start,
    struct serve_reply *reply)
{
	struct canned_serve *canned = user;
	struct filter_match matches[FILTER_RULES_MAX];
	unsigned n = filter_expand(&start->filter, matches);

	canned->start = *start;
	if (canned->frozen)
		return RESULT_FROZEN;
	if (strcmp(start->on, "nowhere") == 0) {
		serve_text(reply, "there is no switch \"nowhere\"");
		return RESULT_NOT_FOUND;
	}
	for (unsigned i = 0; start->dry_run && i < n; i++) {
		struct ctl_plan plan = {
		    .name = "leaf1", .match = matches[i], .rules = 6, .rules_max = 64};

		serve_plan(reply, &plan);
	}
	if (start->dry_run) {
		struct ctl_plan plan = {
		    .name = "leaf2", .code = RESULT_NOT_CONNECTED, .text = "silent for 95 s"};

		serve_plan(reply, &plan);
		return RESULT_OK;
	}
	tell(canned, "capture.requested", peer);
	serve_id(reply, 9);
	serve_text(reply, "on leaf1, to wireshark (203.0.113.5), session 9, for 10m");
	return RESULT_OK;
}

static enum result
capture_stop(void *user, const struct serve_peer *peer, uint64_t id, struct serve_reply *reply)
{
	struct canned_serve *canned = user;

	if (id != 7 && id != 8) {
		serve_text(reply, "there is no capture %llu", (unsigned long long)id);
		return RESULT_NOT_FOUND;
	}
	canned->stopped = id;
	tell(canned, "capture.removing", peer);
	return RESULT_OK;
}

static enum result
capture_extend(void *user, const struct serve_peer *peer, uint64_t id, uint64_t for_ms,
    struct serve_reply *reply)
{
	(void)user;
	(void)peer;
	serve_text(reply, "capture %llu runs for %llu s more", (unsigned long long)id,
	    (unsigned long long)for_ms / 1000);
	return RESULT_OK;
}

static enum result
feeds(void *user, const char *name, uint64_t cursor, struct serve_reply *reply)
{
	struct ctl_feed rows[] = {
	    {.name = "drop",
		.url = "https://lists.example/drop.txt",
		.state = "good",
		.entries = 45000,
		.entries4 = 44000,
		.entries6 = 1000,
		.sightings = 17,
		.age_ms = 600000,
		.next_ms = 3000000,
		.interval_ms = 3600000,
		.revision = "2026-11-24"},
	    {.name = "home",
		.url = "file:///etc/finderscope/home.txt",
		.state = "failing",
		.text = "line 3: \"<html>\" is no address",
		.entries = 123,
		.entries4 = 123,
		.bad_lines = 1,
		.age_ms = 7200000,
		.next_ms = 30000,
		.interval_ms = 60000,
		.failures = 4},
	};

	(void)user;
	(void)cursor;
	for (size_t i = 0; i < 2; i++)
		if (name[0] == '\0' || strcmp(name, rows[i].name) == 0)
			serve_feed(reply, &rows[i]);
	return RESULT_OK;
}

static enum result
feed_refresh(void *user, const struct serve_peer *peer, const char *name, bool confirm,
    struct serve_reply *reply)
{
	(void)user;
	(void)peer;
	serve_text(reply, "%s is fetched now%s", name, confirm ? ", and taken" : "");
	return strcmp(name, "drop") == 0 ? RESULT_OK : RESULT_NOT_FOUND;
}

static enum result
lookup(
    void *user, const struct addr *addr, uint16_t port, uint64_t cursor, struct serve_reply *reply)
{
	struct ctl_match row = {.list = "drop",
	    .kind = "feed",
	    .prefix = prefix_make(addr, 24),
	    .port = port,
	    .sightings = 17};
	struct addr listed = ip("198.51.100.9");

	(void)user;
	(void)cursor;
	if (addr_equal(addr, &listed))
		serve_match(reply, &row);
	serve_text(reply, addr_equal(addr, &listed) ? "listed" : "not listed");
	return RESULT_OK;
}

static enum result
explain(void *user, const struct serve_explain *q, struct serve_reply *reply)
{
	char addr[ADDR_TEXT_MAX];
	struct ctl_step feed = {.name = "feed", .passed = true};
	struct ctl_step last = {
	    .name = "verdict", .passed = false, .code = RESULT_FROZEN, .text = "no capture"};

	(void)user;
	if (q->from[0] != '\0') {
		snprintf(feed.name, sizeof feed.name, "exporter");
		snprintf(feed.text, sizeof feed.text, "%s, VNI %u", q->from, q->vni);
		serve_step(reply, &feed);
		snprintf(feed.name, sizeof feed.name, "feed");
	}
	snprintf(feed.text, sizeof feed.text, "%s is in drop", addr_format(&q->remote, addr));
	serve_step(reply, &feed);
	if (q->local.family) {
		snprintf(feed.name, sizeof feed.name, "place");
		snprintf(feed.text, sizeof feed.text, "%s is behind leaf1",
		    addr_format(&q->local, addr));
		serve_step(reply, &feed);
	}
	serve_step(reply, &last);
	return RESULT_OK;
}

static enum result
events(void *user, uint32_t count, uint64_t capture, uint64_t cursor, struct serve_reply *reply)
{
	/* ARP, 1,518 bytes with its FCS: an Ethernet header and what follows. */
	static const char opened[] =
	    "{\"time\":\"2026-11-26T17:10:54.123Z\",\"event\":\"capture\",\"capture\":7,"
	    "\"to\":\"requested\",\"policy\":\"blocklist\","
	    "\"why\":\"feed drop lists 198.51.100.0/24, line 77\",\"exporter\":\"10.0.0.11\","
	    "\"in_port\":3,\"sampling_rate\":10000,\"frame_length\":1518,\"header_protocol\":1,"
	    "\"header\":\"AgAAAAABAgAAAAACCABFAAAoAAAAAEAG\"}";
	char json[64];

	(void)user;
	if (capture) {
		serve_event(reply, "{\"event\":\"capture\",\"capture\":7,\"to\":\"mirroring\"}");
		for (int i = 0; capture == 7 && i < 3; i++)
			serve_event(reply, opened);
		return RESULT_OK;
	}
	for (uint64_t i = cursor; i < count; i++) {
		snprintf(
		    json, sizeof json, "{\"event\":\"test\",\"n\":%llu}", (unsigned long long)i);
		if (!serve_event(reply, json)) {
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
	struct canned_serve *canned = user;

	(void)why;
	(void)reply;
	if (canned->frozen == on)
		return RESULT_ALREADY;
	canned->frozen = on;
	tell(canned, on ? "frozen" : "thawed", peer);
	return RESULT_OK;
}

static enum result
release(void *user, const struct serve_peer *peer, const char *name, bool on, const char *why,
    struct serve_reply *reply)
{
	struct canned_serve *canned = user;

	(void)peer;
	(void)why;
	if (strcmp(name, "all") == 0)
		canned->released = on;
	serve_text(reply, "%s: %s", name, on ? "its rules go" : "may hold rules again");
	return RESULT_OK;
}

const struct serve_ops *
canned_serve_ops(void)
{
	static const struct serve_ops ops = {
	    .status = status,
	    .agents = agents,
	    .agent_accept = agent_accept,
	    .agent_forget = agent_forget,
	    .agent_go_on = agent_go_on,
	    .exporters = exporters,
	    .captures = captures,
	    .capture_start = capture_start,
	    .capture_stop = capture_stop,
	    .capture_extend = capture_extend,
	    .feeds = feeds,
	    .feed_refresh = feed_refresh,
	    .lookup = lookup,
	    .explain = explain,
	    .events = events,
	    .freeze = freeze,
	    .release = release,
	    /* no reload: the answer for what a controller cannot do is tested with it */
	};

	return &ops;
}
