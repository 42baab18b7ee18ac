/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clk.h"
#include "controller/ctl/event_text.h"

static json_t *
parse(const char *line)
{
	json_t *event = json_loads(line, 0, NULL);

	assert_non_null(event);
	return event;
}

static const struct {
	const char *line, *text;
} lines[] = {
    {"{\"time\":\"2026-11-26T02:14:07.039Z\",\"event\":\"capture\",\"capture\":7,"
     "\"to\":\"requested\",\"by\":\"default\",\"why\":\"feed drop lists 198.51.100.0/24\","
     "\"filter\":\"host 10.1.0.2 and host 198.51.100.9\",\"switches\":[\"leaf1\",\"leaf2\"]}",
	"2026-11-26 02:14:07.039  capture 7 requested: host 10.1.0.2 and host 198.51.100.9, on "
	"leaf1, leaf2, by default: feed drop lists 198.51.100.0/24"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"capture\",\"capture\":7,"
     "\"from\":\"in kernel\",\"to\":\"ended\",\"reason\":\"END_IDLE\",\"by\":\"default\","
     "\"filter\":\"host 10.1.0.2\",\"packets\":12,\"bytes\":1680}",
	"2026-11-26 02:14:08.000  capture 7 ended: host 10.1.0.2; END_IDLE; 12 packets, 1.6 kB"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"capture\",\"capture\":7,"
     "\"from\":\"in kernel\",\"to\":\"installing\",\"filter\":\"host 10.1.0.2\",\"holders\":"
     "[{\"switch\":\"leaf1\",\"reason\":\"NO_ROUTE\",\"text\":\"swp5 is down\"}]}",
	"2026-11-26 02:14:08.000  capture 7 installing: host 10.1.0.2; leaf1: swp5 is down"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"alert\",\"text\":\"no switch is bound "
     "to exporter 10.255.0.1\",\"local\":\"10.1.0.7\",\"remote\":\"2001:db8::9\","
     "\"remote_port\":443,\"proto\":\"tcp\",\"feed\":\"drop\",\"entry\":\"2001:db8::/32\","
     "\"line\":3,\"policy\":\"default\",\"exporter\":\"10.255.0.1\"}",
	"2026-11-26 02:14:08.000  alert 10.1.0.7 [2001:db8::9]:443 tcp: no switch is bound to "
	"exporter 10.255.0.1; feed drop lists 2001:db8::/32, line 3; policy default; sampled by "
	"10.255.0.1"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"agent\",\"state\":\"waiting to be "
     "accepted\",\"fingerprint\":\"1a2b-3c4d\",\"name\":\"leaf9\"}",
	"2026-11-26 02:14:08.000  switch 1a2b-3c4d: waiting to be accepted, calls itself leaf9"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"agent\",\"switch\":\"leaf1\",\"state\":"
     "\"accepted\",\"addresses\":\"10.0.0.1\",\"who\":\"root\"}",
	"2026-11-26 02:14:08.000  switch leaf1: accepted by root, bound to 10.0.0.1"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"feed\",\"feed\":\"drop\",\"state\":"
     "\"failed\",\"text\":\"Could not resolve host\"}",
	"2026-11-26 02:14:08.000  feed drop: failed: Could not resolve host"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"freeze\",\"who\":\"root\",\"on\":true,"
     "\"text\":\"change window\"}",
	"2026-11-26 02:14:08.000  freeze by root: change window"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"release\",\"who\":\"root\","
     "\"name\":\"leaf1\",\"on\":false}",
	"2026-11-26 02:14:08.000  release leaf1 lifted by root"},
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"retrospective_summary\","
     "\"conversations\":12,\"listed\":1,\"covered_from\":\"2026-11-25T02:14:00.000Z\"}",
	"2026-11-26 02:14:08.000  looking back: 12 conversations, 1 with an address that is listed "
	"now; known since 2026-11-25T02:14:00.000Z"},
    /* Of another release, and hostile. */
    {"{\"time\":\"2026-11-26T02:14:08.000Z\",\"event\":\"eclipse\",\"of\":\"\\u001b[2Jsun\","
     "\"n\":3}",
	"2026-11-26 02:14:08.000  eclipse, of ?[2Jsun, n 3"},
    {"{\"event\":\"test\"}", "  test"},
};

static void
reads_as_a_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		json_t *event = parse(lines[i].line);
		char *text = event_text(event);

		assert_string_equal(text, lines[i].text);
		free(text);
		json_decref(event);
	}
}

static void
is_about(void **state)
{
	json_t *event = parse(
	    "{\"event\":\"capture\",\"capture\":7,\"rules\":2,\"filter\":\"host 10.1.0.7 and net "
	    "198.51.100.0/24\",\"text\":\"stopped (by root): 203.0.113.5.\",\"holders\":[{"
	    "\"switch\":\"leaf1\"}]}");

	(void)state;
	assert_true(event_text_has(event, "capture"));
	assert_true(event_text_has(event, "7"));
	assert_false(event_text_has(event, "2"));
	assert_true(event_text_has(event, "10.1.0.7"));
	assert_false(event_text_has(event, "10.1.0"));
	assert_false(event_text_has(event, "0.1.0.7"));
	assert_true(event_text_has(event, "198.51.100.0/24"));
	assert_true(event_text_has(event, "203.0.113.5"));
	assert_true(event_text_has(event, "root"));
	assert_true(event_text_has(event, "leaf1"));
	assert_false(event_text_has(event, "leaf"));
	assert_false(event_text_has(NULL, "leaf"));
	json_decref(event);
}

#define AT(seconds) ((int64_t)(seconds)*CLK_S)

static void
knows_when(void **state)
{
	/* 2026-11-26 02:14:07 UTC */
	const int64_t now = AT(1795659247);
	int64_t at;

	(void)state;
	assert_int_equal(event_text_when("2h", now, &at), 0);
	assert_int_equal(at, now - 2 * 3600 * CLK_S);
	assert_int_equal(event_text_when("02:10", now, &at), 0);
	assert_int_equal(at, AT(1795659000));
	assert_int_equal(event_text_when("02:14:07", now, &at), 0);
	assert_int_equal(at, now);
	/* Later than now was yesterday. */
	assert_int_equal(event_text_when("02:15", now, &at), 0);
	assert_int_equal(at, AT(1795659300 - 86400));
	assert_int_equal(event_text_when("2026-11-25 23:00", now, &at), 0);
	assert_int_equal(at, AT(1795659247 - 3 * 3600 - 14 * 60 - 7));
	assert_int_equal(event_text_when("2026-11-26T02:14:07.500Z", now, &at), 0);
	assert_int_equal(at, now);
	for (const char *const *wrong =
		 (const char *const[]){"", "now", "25:00", "2026-13-01", "12", "02:10x", NULL};
	     *wrong; wrong++)
		assert_int_equal(event_text_when(*wrong, now, &at), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_as_a_line),
	    cmocka_unit_test(is_about),
	    cmocka_unit_test(knows_when),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("event_text", tests, NULL, NULL);
}
