/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a sighting leads to, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decider.h"

#define LOCAL "10.1.2.5"
#define REMOTE "198.51.100.9"

static const char *
step_text(const struct verdict *v, const char *name)
{
	for (unsigned i = 0; i < v->step_count; i++)
		if (strcmp(v->steps[i].name, name) == 0)
			return v->steps[i].text;
	return "";
}

static void
who_speaks_decides(void **unused)
{
	/* proto, flags, ICMP type, outbound; whether it counts. */
	static const struct {
		uint8_t proto, flags, icmp;
		bool outbound, counts;
		const char *what;
	} rows[] = {
	    {6, 0x02, 0, true, true, "the local host's SYN"},
	    {6, 0x10, 0, true, true, "its ACK"},
	    {6, 0x18, 0, true, true, "its data"},
	    {6, 0x00, 0, true, true, "a header cut before the flags"},
	    {6, 0x01 | 0x10, 0, true, true, "its FIN"},
	    {6, 0x04, 0, true, false, "its reset: a closed port's answer"},
	    {6, 0x14, 0, true, false, "its reset with ACK"},
	    {6, 0x12, 0, true, false, "its SYN-ACK: an open port's answer"},
	    {6, 0x02, 0, false, false, "a knock"},
	    {6, 0x18, 0, false, false, "the remote side's data"},
	    {17, 0, 0, true, true, "UDP going out"},
	    {17, 0, 0, false, false, "UDP coming in"},
	    {1, 0, 8, true, true, "its ping"},
	    {1, 0, 0, true, false, "its echo reply: an answer"},
	    {1, 0, 3, true, false, "unreachable"},
	    {1, 0, 11, true, false, "time exceeded"},
	    {58, 0, 128, true, true, "its IPv6 ping"},
	    {58, 0, 129, true, false, "its IPv6 echo reply"},
	    {58, 0, 1, true, false, "IPv6 unreachable"},
	    {58, 0, 135, true, true, "a neighbour solicitation"},
	    {47, 0, 0, true, true, "GRE"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decider *rig = decider_make(NULL);
		struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
		struct verdict v;

		s.proto = rows[i].proto;
		s.tcp_flags = rows[i].flags;
		s.icmp_type = rows[i].icmp;
		s.outbound = rows[i].outbound;
		v = decider_decide(rig, &s);
		if (v.code != (rows[i].counts ? RESULT_OK : RESULT_INBOUND_ONLY))
			fail_msg("%s: %s", rows[i].what, verdict_text(&v));
		assert_int_equal(decider_events(rig, "alert"), !rows[i].counts);
		decider_done(rig);
	}
}

static void
count_inbound(struct decider *rig)
{
	rig->policies[0].inbound = true;
}

static void
a_policy_may_count_inbound_but_no_reset(void **unused)
{
	struct decider *rig = decider_make(count_inbound);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);

	(void)unused;
	s.outbound = false;
	s.tcp_flags = 0x04;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_INBOUND_ONLY);
	s.tcp_flags = 0x02;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_OK);
	decider_done(rig);
}

static void
three_within_a_minute(struct decider *rig)
{
	rig->policies[0].samples = 3;
	rig->policies[0].window_ns = 60 * CLK_S;
}

static void
samples_within_the_window_with_their_error(void **unused)
{
	struct decider *rig = decider_make(three_within_a_minute);
	struct verdict v = decider_see(rig, LOCAL, REMOTE, 2);

	(void)unused;
	assert_int_equal(v.code, RESULT_MORE_SAMPLES);
	assert_true(v.wait);
	assert_int_equal(v.est_error, 196);
	assert_string_equal(verdict_text(&v), "1 of 3 samples within 1m: 1000 packets ±196%");
	decider_pass(rig, 40 * CLK_S);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_MORE_SAMPLES);
	decider_pass(rig, 21 * CLK_S);
	/* The first is 61 s old. */
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_MORE_SAMPLES);
	decider_pass(rig, 45 * CLK_S);
	v = decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(v.code, RESULT_MORE_SAMPLES);
	v = decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(v.code, RESULT_OK);
	assert_int_equal(v.est_error, 113);
	assert_int_equal(v.est_packets, 3000);
	assert_non_null(strstr(step_text(&v, "samples"), "3 within 1m: 3000 packets ±113%"));
	decider_done(rig);
}

static void
samples_taken_together_count_as_many(void **unused)
{
	struct decider *rig = decider_make(three_within_a_minute);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	struct verdict v;

	(void)unused;
	s.merged = 4;
	s.merged_bytes = 4000000;
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_OK);
	assert_int_equal(v.est_samples, 5);
	assert_int_equal(v.est_packets, 5000);
	assert_int_equal(v.est_bps, 5500000 * 8 / 10);
	decider_done(rig);
}

static void
an_entry_with_a_port(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);

	(void)unused;
	s.entries[0].port = 447;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_NO_POLICY);
	s.has_ports = false;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_NO_POLICY);
	/* Another feed lists the address without one. */
	s.entries[1] = (struct sighting_entry){.prefix = s.entries[0].prefix, .feed = 1, .line = 3};
	s.entry_count = 2;
	struct verdict v = decider_decide(rig, &s);

	assert_int_equal(v.code, RESULT_OK);
	assert_string_equal(step_text(&v, "listed"), "feed feodo lists 198.51.100.9, line 3");
	rig->policies[0].match_ports = false;
	decider_reload(rig);
	s = decider_sighting(rig, "10.1.2.6", REMOTE, 2);
	s.entries[0].port = 447;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_OK);
	decider_done(rig);
}

static void
feeds_of_the_policy(struct decider *rig)
{
	memcpy(rig->policies[0].feeds[0], "feodo", 6);
	rig->policies[0].feed_count = 1;
}

static void
no_policy_for_a_feed_alerts(void **unused)
{
	struct decider *rig = decider_make(feeds_of_the_policy);
	struct verdict v = decider_see(rig, LOCAL, REMOTE, 2);

	(void)unused;
	assert_int_equal(v.code, RESULT_NO_POLICY);
	assert_true(v.alert);
	assert_int_equal(decider_event(rig, "alert")->code, RESULT_NO_POLICY);
	decider_done(rig);
}

static void
exporters_that_may_cause_nothing(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	struct verdict v;

	(void)unused;
	s.exporter = decider_addr("203.0.113.1");
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_NO_AGENT);
	assert_string_equal(verdict_text(&v),
	    "no switch is bound to exporter 203.0.113.1 (datagrams from 10.255.0.2)");
	s = decider_sighting(rig, LOCAL, REMOTE, 2);
	s.from = decider_addr("203.0.113.1");
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_EXPORTER_UNKNOWN);
	assert_int_equal(decider_event(rig, "alert")->code, RESULT_EXPORTER_UNKNOWN);
	assert_null(decider_only(rig));
	decider_done(rig);
}

/* sFlow that names a switch's loopback leaves through one of its ports: as good as the loopback. */
static void
any_address_of_the_switch_is_a_source(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_agent agent = decider_agent();
	struct addr reported[] = {decider_addr("10.255.0.2"), decider_addr("192.0.2.1")};
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	struct verdict v;

	(void)unused;
	agent.addrs = reported;
	agent.addr_count = 2;
	decide_connected(rig->d, 2, &agent, rig->now);
	s.from = reported[1];
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_OK);
	/* Not that of another one. */
	decide_connected(rig->d, 1, &agent, rig->now);
	agent.addr_count = 1;
	decide_connected(rig->d, 2, &agent, rig->now);
	s.remote = decider_addr("198.51.100.77");
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_EXPORTER_UNKNOWN);
	decider_done(rig);
}

static void
unconfigured_exporters(struct decider *rig)
{
	for (unsigned i = 0; i < 3; i++)
		rig->switches[i].exporter_count = 0;
	rig->switches[2].sources[0] = decider_prefix("10.255.0.0/24");
	rig->switches[2].source_count = 1;
}

static void
report_addr(struct decider *rig, unsigned id, const char *text)
{
	struct decide_agent agent = decider_agent();
	struct addr addr = decider_addr(text);

	agent.addrs = &addr;
	agent.addr_count = 1;
	decide_connected(rig->d, id, &agent, rig->now);
}

static void
two_exporters_with_one_address_are_neither(void **unused)
{
	struct decider *rig = decider_make(unconfigured_exporters);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	enum result code;
	struct verdict v;

	(void)unused;
	s.exporter = s.from = decider_addr("10.254.0.1");
	report_addr(rig, 0, "10.254.0.1");
	assert_int_equal(decide_exporter(rig->d, &s.exporter, &s.from, &code), 0);
	report_addr(rig, 1, "10.254.0.1");
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_AMBIGUOUS);
	assert_non_null(decider_event(rig, "alert"));
	/* Where it comes from tells, when one alone may send from there. */
	report_addr(rig, 2, "10.254.0.1");
	s.from = decider_addr("10.255.0.77");
	assert_int_equal(decide_exporter(rig->d, &s.exporter, &s.from, &code), 2);
	/* What is configured for another switch is that one's. */
	s.exporter = s.from = decider_addr("10.255.0.5");
	report_addr(rig, 1, "10.255.0.5");
	assert_int_equal(decide_exporter(rig->d, &s.exporter, &s.from, &code), 5);
	/* And an address that is reported no longer is none. */
	report_addr(rig, 0, "10.254.0.9");
	report_addr(rig, 1, "10.254.0.9");
	report_addr(rig, 2, "10.254.0.9");
	s.exporter = s.from = decider_addr("10.254.0.1");
	assert_int_equal(decide_exporter(rig->d, &s.exporter, &s.from, &code), -1);
	assert_int_equal(code, RESULT_NO_AGENT);
	decider_done(rig);
}

static void
with_never(struct decider *rig)
{
	rig->never[0] = decider_prefix("10.1.2.128/25");
	rig->conf.never_count = 1;
}

static void
never_captured(void **unused)
{
	struct decider *rig = decider_make(with_never);
	struct addr own = decider_addr("10.1.2.99");
	static const char *const locals[] = {"10.1.2.200", "10.1.2.99", "192.0.2.50", "10.255.0.3"};
	static const char *const words[] = {
	    "never captured", "the controller", "an analyser", "a switch"};

	(void)unused;
	assert_int_equal(decide_own(rig->d, &own, 1), 0);
	for (int i = 0; i < 4; i++) {
		struct verdict v = decider_see(rig, locals[i], REMOTE, 2);

		assert_int_equal(v.code, RESULT_NEVER_CAPTURE);
		assert_non_null(strstr(verdict_text(&v), words[i]));
	}
	/* The remote side no less. */
	assert_int_equal(decider_see(rig, LOCAL, "192.0.2.51", 2).code, RESULT_NEVER_CAPTURE);
	assert_null(decide_next(rig->d, false, 0));
	decider_done(rig);
}

static void
nor_by_hand(void **unused)
{
	struct decider *rig = decider_make(with_never);
	struct decide_start start = {.analyser = "", .who = "root", .why = "", .everywhere = true};
	static const struct {
		const char *a, *b;
		enum result code;
	} rows[] = {
	    {"10.1.2.200", REMOTE, RESULT_NEVER_CAPTURE},
	    {REMOTE, "10.1.2.200", RESULT_NEVER_CAPTURE},
	    {"10.1.2.192/26", REMOTE, RESULT_NEVER_CAPTURE},
	    {"10.1.2.0/24", REMOTE, RESULT_NEVER_CAPTURE}, /* holds some of them */
	    {"192.0.2.50", REMOTE, RESULT_NEVER_CAPTURE},
	    {"10.1.3.0/24", REMOTE, RESULT_OK},
	};
	struct verdict v;
	uint64_t id;

	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start.filter =
		    (struct filter){.a = decider_prefix(rows[i].a), .b = decider_prefix(rows[i].b)};
		assert_int_equal(
		    decide_start(rig->d, &start, true, rig->now, &v, &id), rows[i].code);
	}
	decider_done(rig);
}

static void
needs_why(struct decider *rig)
{
	rig->conf.limits.manual_needs_why = true;
}

static void
a_reason_where_one_is_required(void **unused)
{
	struct decider *rig = decider_make(needs_why);
	struct decide_start start = {.analyser = "", .who = "root", .why = "", .everywhere = true};
	struct verdict v;
	uint64_t id;

	(void)unused;
	start.filter = (struct filter){.a = decider_prefix(LOCAL), .b = decider_prefix(REMOTE)};
	assert_int_equal(
	    decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_BAD_REQUEST);
	start.why = "  ";
	assert_int_equal(
	    decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_BAD_REQUEST);
	start.why = "ticket 4711";
	assert_int_equal(decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_OK);
	assert_string_equal(decide_find(rig->d, id)->why, "ticket 4711");
	assert_string_equal(decide_find(rig->d, id)->by, "root");
	decider_done(rig);
}

static void
cool_downs_grow_with_each_return(void **unused)
{
	static const int64_t waits[] = {600, 3600, 86400, 86400};
	struct decider *rig = decider_make(NULL);
	struct verdict v;

	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		v = decider_see(rig, LOCAL, REMOTE, 2);
		assert_int_equal(v.code, RESULT_OK);
		assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_ALREADY);
		decide_stop(rig->d, decider_only(rig)->id, RESULT_END_OPERATOR, "x", rig->now);
		decider_obey(rig, HOLD_MIRRORING);
		v = decider_see(rig, LOCAL, REMOTE, 2);
		assert_int_equal(v.code, RESULT_COOL_DOWN);
		decider_pass(rig, (waits[i] - 1) * CLK_S);
		v = decider_see(rig, LOCAL, REMOTE, 2);
		assert_int_equal(v.code, RESULT_COOL_DOWN);
		assert_non_null(strstr(verdict_text(&v), "; 1s of "));
		/* Others are not concerned. */
		struct sighting other = decider_sighting(rig, LOCAL, "198.51.100.10", 2);

		decide_explain(rig->d, &other, rig->now, &v);
		assert_int_equal(v.code, RESULT_OK);
		decider_pass(rig, CLK_S);
	}
	/* After a long quiet it is new again. */
	decider_see(rig, LOCAL, REMOTE, 2);
	decide_stop(rig->d, decider_only(rig)->id, RESULT_END_OPERATOR, "x", rig->now);
	decider_obey(rig, HOLD_MIRRORING);
	decider_pass(rig, INT64_C(3) * 86400 * CLK_S);
	decider_see(rig, LOCAL, REMOTE, 2);
	decide_stop(rig->d, decider_only(rig)->id, RESULT_END_OPERATOR, "x", rig->now);
	decider_obey(rig, HOLD_MIRRORING);
	decider_pass(rig, 601 * CLK_S);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_OK);
	decider_done(rig);
}

static void
mode_alert(struct decider *rig)
{
	rig->policies[0].mode = POLICY_ALERT;
}

static void
mode_shadow(struct decider *rig)
{
	rig->policies[0].mode = POLICY_SHADOW;
}

static void
modes_without_rules(void **unused)
{
	struct decider *rig = decider_make(mode_alert);
	struct verdict v = decider_see(rig, LOCAL, REMOTE, 2);

	(void)unused;
	assert_int_equal(v.code, RESULT_ALERT_ONLY);
	assert_string_equal(decider_event(rig, "alert")->text, "policy all alerts only");
	assert_null(decide_next(rig->d, false, 0));
	decider_done(rig);
	rig = decider_make(mode_shadow);
	v = decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(v.code, RESULT_SHADOW_ONLY);
	/* What it would have cost. */
	assert_string_equal(decider_event(rig, "shadow")->text,
	    "policy all is a shadow: it would take 2 rules on 1 switches and 1200 kbit/s ±196%");
	assert_null(decide_next(rig->d, false, 0));
	/* The whole decision: what would be refused is said to be so, and still a shadow. */
	decide_gone(rig->d, 2, rig->now);
	v = decider_see(rig, "10.1.2.6", REMOTE, 2);
	assert_int_equal(v.code, RESULT_NOT_CONNECTED);
	assert_int_equal(decider_event(rig, "shadow")->code, RESULT_NOT_CONNECTED);
	assert_null(decider_event(rig, "refused"));
	decider_done(rig);
}

static void
frozen_is_said(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_start start = {.analyser = "", .who = "root", .why = "", .everywhere = true};
	struct verdict v;
	uint64_t id;

	(void)unused;
	start.filter = (struct filter){.a = decider_prefix(LOCAL), .b = decider_prefix(REMOTE)};
	decide_freeze(rig->d, true, "root", "maintenance", rig->now);
	assert_int_equal(decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_FROZEN);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_FROZEN);
	assert_int_equal(decider_event(rig, "refused")->code, RESULT_FROZEN);
	decide_freeze(rig->d, false, "root", "", rig->now);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_OK);
	decider_done(rig);
}

/* ---- what a flood costs in events ---- */

static void
the_same_answer_is_told_once_an_hour(void **unused)
{
	struct decider *rig = decider_make(mode_alert);

	(void)unused;
	for (unsigned i = 0; i < 100; i++)
		decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(decider_events(rig, "alert"), 1);
	decider_pass(rig, 3601 * CLK_S);
	decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(decider_events(rig, "alert"), 2);
	/* And not more than so many a second of all. */
	for (unsigned i = 0; i < 1000; i++) {
		char remote[32];

		snprintf(remote, sizeof remote, "198.51.%u.%u", i / 250, i % 250 + 1);
		decider_see(rig, LOCAL, remote, 2);
	}
	assert_true(decider_events(rig, "alert") <= 2 + 20);
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_speaks_decides),
	    cmocka_unit_test(a_policy_may_count_inbound_but_no_reset),
	    cmocka_unit_test(samples_within_the_window_with_their_error),
	    cmocka_unit_test(samples_taken_together_count_as_many),
	    cmocka_unit_test(an_entry_with_a_port),
	    cmocka_unit_test(no_policy_for_a_feed_alerts),
	    cmocka_unit_test(exporters_that_may_cause_nothing),
	    cmocka_unit_test(any_address_of_the_switch_is_a_source),
	    cmocka_unit_test(two_exporters_with_one_address_are_neither),
	    cmocka_unit_test(never_captured),
	    cmocka_unit_test(nor_by_hand),
	    cmocka_unit_test(a_reason_where_one_is_required),
	    cmocka_unit_test(cool_downs_grow_with_each_return),
	    cmocka_unit_test(modes_without_rules),
	    cmocka_unit_test(frozen_is_said),
	    cmocka_unit_test(the_same_answer_is_told_once_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
