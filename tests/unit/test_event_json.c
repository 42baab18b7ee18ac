/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events against tests/golden/events/ (pretty there, one line in truth); GOLDEN_UPDATE=1 writes
 * them anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>

#include "controller/store/event_json.h"

static const char *
switch_name(void *user, unsigned id)
{
	static const char *const names[] = {"leaf01", "leaf02", "spine01"};

	(void)user;
	return id < 3 ? names[id] : NULL;
}

static const char *
feed_name(void *user, uint16_t id)
{
	(void)user;
	return id == 1 ? "feodo" : id == 2 ? "drop" : NULL;
}

static const struct event_json_context context = {
    .wall_ns = INT64_C(1795713054123456789), .switch_name = switch_name, .feed_name = feed_name};

static struct addr
addr(const char *text)
{
	struct addr result;

	assert_int_equal(addr_parse(text, &result), 0);
	return result;
}

static struct sighting
make_sighting(void)
{
	struct sighting s = {.exporter = addr("10.255.0.1"),
	    .from = addr("10.255.0.1"),
	    .sampling_rate = 10000,
	    .frame_length = 1518,
	    .input = 3,
	    .local = addr("10.1.0.2"),
	    .remote = addr("198.51.100.9"),
	    .local_port = 51234,
	    .remote_port = 443,
	    .proto = 6,
	    .tcp_flags = 0x18,
	    .has_ports = true,
	    .outbound = true,
	    .vlan = 20,
	    .feed_version = 12,
	    .entry_count = 1,
	    .header_length = 60,
	    .header_protocol = 1};

	s.entries[0] =
	    (struct sighting_entry){.prefix = prefix_make(&s.remote, 24), .feed = 2, .line = 77};
	for (unsigned i = 0; i < s.header_length; i++)
		s.header[i] = (uint8_t)(i * 7);
	return s;
}

static struct decide_capture
make_capture(void)
{
	struct decide_capture c = {.id = 17,
	    .state = LIFE_MIRRORING,
	    .by = "beacons",
	    .policy = "beacons",
	    .why = "feed drop lists 198.51.100.0/24, line 77",
	    .analyser_name = "lab",
	    .analyser = {.session = 3},
	    .est_bps = 1214400,
	    .seen_samples = 1,
	    .seen_packets = 10000,
	    .seen_bps = 1214400,
	    .holder_count = 1,
	    .has_sighting = true,
	    .sighting = make_sighting()};

	c.filter = filter_hosts(&c.sighting.local, &c.sighting.remote);
	c.holders[0] = (struct decide_holder){.id = 1, .wanted = true, .told = true};
	c.holders[0].said = (struct holding){.capture = 17, .hold = HOLD_MIRRORING, .rules = 2};
	return c;
}

static json_t *
write_event(const struct decide_event *event)
{
	static char text[EVENT_JSON_MAX];
	json_t *object;
	int length = event_json(event, &context, text);

	assert_true(length > 0);
	assert_int_equal(strlen(text), length);
	assert_null(strchr(text, '\n'));
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	return object;
}

/* Every key stands in the manual, as a .It Va or .Va word. */
static void
keys_are_documented(const json_t *value)
{
	static char page[65536];
	const char *key;
	json_t *inner;
	size_t index;

	if (page[0] == '\0') {
		FILE *file = fopen("packaging/man/finderscope-events.5", "r");

		assert_non_null(file);
		assert_true(fread(page, 1, sizeof page - 1, file) > 0);
		fclose(file);
	}
	json_array_foreach(value, index, inner) keys_are_documented(inner);
	json_object_foreach((json_t *)(uintptr_t)value, key, inner)
	{
		bool found = false;

		for (const char *at = page; !found && (at = strstr(at, "Va ")) != NULL; at++) {
			size_t line = strcspn(at, "\n");
			const char *word = at;

			while (!found && (word = strstr(word + 1, key)) != NULL && word < at + line)
				found = word[-1] == ' ' && strchr(" \n", word[strlen(key)]) != NULL;
		}
		if (!found)
			fail_msg("the key \"%s\" is not in the manual", key);
		keys_are_documented(inner);
	}
}

static void
golden(const char *name, const struct decide_event *event)
{
	json_t *object = write_event(event);
	char *text = json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER), path[100], *wanted;
	FILE *file;
	long size;

	keys_are_documented(object);
	snprintf(path, sizeof path, "tests/golden/events/%s.json", name);
	if (getenv("GOLDEN_UPDATE") != NULL) {
		file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, "%s\n", text);
		assert_int_equal(fclose(file), 0);
	}
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s: run from the top of the tree", path);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	wanted = calloc(1, (size_t)size + 1);
	assert_int_equal(fread(wanted, 1, (size_t)size, file), size);
	fclose(file);
	wanted[size - 1] = '\0';
	assert_string_equal(text, wanted);
	free(text);
	free(wanted);
	json_decref(object);
}

static void
a_capture_begins(void **state)
{
	struct decide_capture c = make_capture();
	struct policy policy = {.name = "beacons", .mode = POLICY_CAPTURE};
	struct decide_event event = {.kind = "capture",
	    .capture = &c,
	    .to = LIFE_REQUESTED,
	    .text = "",
	    .sighting = &c.sighting,
	    .policy = &policy};

	(void)state;
	c.state = LIFE_REQUESTED;
	c.holders[0].told = false;
	golden("capture-requested", &event);
}

static void
a_capture_ends(void **state)
{
	struct decide_capture c = make_capture();
	struct policy policy = {.name = "beacons", .mode = POLICY_CAPTURE};
	struct decide_event event = {.kind = "capture",
	    .capture = &c,
	    .from = LIFE_REMOVING,
	    .to = LIFE_ENDED,
	    .code = RESULT_END_IDLE,
	    .text = "nothing seen for 2m",
	    .sighting = &c.sighting,
	    .policy = &policy};

	(void)state;
	c.packets = c.holders[0].said.packets = 1234;
	c.bytes = c.holders[0].said.bytes = 1870000;
	c.holders[0].said.hold = HOLD_ENDED;
	c.holders[0].said.code = RESULT_END_IDLE;
	c.measured = true;
	c.est_bps = 960000;
	golden("capture-ended", &event);
}

static void
an_operators_capture(void **state)
{
	struct decide_capture c = make_capture();
	struct decide_event event = {
	    .kind = "capture", .capture = &c, .to = LIFE_REQUESTED, .who = "alice", .on = true};

	(void)state;
	c.has_sighting = false;
	c.manual = true;
	c.seen_samples = 0;
	c.policy[0] = '\0';
	strcpy(c.by, "alice");
	strcpy(c.why, "ticket 4711: \"slow\"");
	c.filter.has_proto = true;
	c.filter.proto = 6;
	c.filter.a_port = 51234;
	c.filter.b_port = 443;
	golden("capture-manual", &event);
}

static void
a_refusal_with_its_steps(void **state)
{
	struct sighting s = make_sighting();
	struct policy policy = {.name = "beacons",
	    .mode = POLICY_CAPTURE,
	    .feeds = {"feodo"},
	    .feed_count = 1,
	    .match_ports = true};
	struct verdict v;
	struct decide_event event = {.kind = "refused",
	    .code = RESULT_LIMIT_BANDWIDTH,
	    .sighting = &s,
	    .policy = &policy,
	    .verdict = &v};

	(void)state;
	/* A reply, tunnelled; the policy went by the second of three entries. */
	s.outbound = false;
	s.inner = true;
	s.vni = 5001;
	s.from = addr("192.0.2.1");
	s.sub_agent = 4;
	s.merged = 3;
	s.output = 9;
	s.entry_count = 3;
	s.entries[1] = (struct sighting_entry){prefix_make(&s.remote, 32), 8443, 1, 3};
	s.entries[2] = (struct sighting_entry){prefix_make(&s.remote, 32), 443, 1, 4};
	verdict_init(&v);
	(void)verdict_step(&v, "feed", RESULT_OK, "feed feodo lists 198.51.100.9");
	(void)verdict_step(&v, "budget", RESULT_LIMIT_BANDWIDTH, "900 of 1000 kbit/s, 1214 more");
	v.est_bps = 1214400;
	v.est_samples = 4;
	v.est_packets = 40000;
	v.est_error = 98;
	v.wide = VERDICT_REMOTE;
	v.peers = 31;
	v.evicts[0] = 11;
	v.evict_count = 1;
	v.rules = 2;
	v.holder_count = 2;
	v.holders[1] = 2;
	event.text = verdict_text(&v);
	golden("refused", &event);
}

static void
a_ping6_alert(void **state)
{
	struct sighting s = make_sighting();
	struct policy policy = {.name = "scan", .mode = POLICY_ALERT};
	struct decide_event event = {.kind = "alert",
	    .code = RESULT_ALERT_ONLY,
	    .text = "the policy only alerts",
	    .sighting = &s,
	    .policy = &policy};

	(void)state;
	s.local = addr("2001:db8::2");
	s.remote = addr("2001:db8:bad::9");
	s.entries[0].prefix = prefix_make(&s.remote, 48);
	s.proto = 58;
	s.has_ports = false;
	s.icmp_type = 128;
	s.header_length = 0;
	golden("alert-icmp6", &event);
}

static void
an_operators_stop(void **state)
{
	struct decide_event event = {
	    .kind = "release", .name = "leaf01", .on = true, .who = "bob", .text = "caf\xe9 \x01"};

	(void)state;
	golden("release", &event);
}

static void
a_fragment_has_no_community_id(void **state)
{
	struct sighting s = make_sighting();
	struct decide_event event = {.kind = "alert", .sighting = &s};
	json_t *object;

	(void)state;
	s.has_ports = false;
	object = write_event(&event);
	assert_null(json_object_get(object, "community_id"));
	assert_null(json_object_get(object, "src_port"));
	assert_non_null(json_object_get(object, "src_ip"));
	json_decref(object);
}

static void
the_header_is_the_bytes(void **state)
{
	struct sighting s = make_sighting();
	struct decide_event event = {.kind = "alert", .sighting = &s};
	json_t *object = write_event(&event);
	const char *text = json_string_value(json_object_get(object, "header"));
	uint8_t bytes[SIGHTING_HEADER_MAX];
	size_t length;

	(void)state;
	assert_non_null(text);
	assert_int_equal(sodium_base642bin(bytes, sizeof bytes, text, strlen(text), NULL, &length,
			     NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	assert_int_equal(length, s.header_length);
	assert_memory_equal(bytes, s.header, length);
	json_decref(object);
}

/* Everything as long as it can be: cut, and still a line that is read. */
static void
the_longest_event_fits(void **state)
{
	struct decide_capture *c = malloc(sizeof *c);
	struct verdict v;
	struct decide_event event = {.kind = "capture",
	    .capture = c,
	    .from = LIFE_REMOVING,
	    .to = LIFE_ENDED,
	    .code = RESULT_END_BUDGET,
	    .verdict = &v};
	json_t *object;

	(void)state;
	*c = make_capture();
	c->sighting.header_length = SIGHTING_HEADER_MAX;
	memset(c->why, '\x02', sizeof c->why - 1);
	memset(c->by, '"', sizeof c->by - 1);
	memset(c->text, '\x03', sizeof c->text - 1);
	event.text = c->text;
	event.sighting = &c->sighting;
	c->holder_count = DECIDE_HOLDERS_MAX;
	for (unsigned i = 0; i < DECIDE_HOLDERS_MAX; i++) {
		c->holders[i] = c->holders[0];
		memset(c->holders[i].said.text, 'x', ORDER_TEXT_MAX - 1);
	}
	verdict_init(&v);
	v.step_count = VERDICT_STEPS_MAX;
	for (unsigned i = 0; i < VERDICT_STEPS_MAX; i++) {
		v.steps[i].name = "budget";
		memset(v.steps[i].text, 'y', VERDICT_TEXT_MAX - 1);
		v.steps[i].text[VERDICT_TEXT_MAX - 1] = '\0';
	}
	object = write_event(&event);
	assert_int_equal(json_array_size(json_object_get(object, "switches")), DECIDE_HOLDERS_MAX);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(object, "cut"), 0)), "holders");
	assert_null(json_object_get(object, "holders"));
	/* What came after that fits was left alone. */
	assert_non_null(json_object_get(object, "header"));
	json_decref(object);
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_capture_begins),
	    cmocka_unit_test(a_capture_ends),
	    cmocka_unit_test(an_operators_capture),
	    cmocka_unit_test(a_refusal_with_its_steps),
	    cmocka_unit_test(a_ping6_alert),
	    cmocka_unit_test(an_operators_stop),
	    cmocka_unit_test(a_fragment_has_no_community_id),
	    cmocka_unit_test(the_header_is_the_bytes),
	    cmocka_unit_test(the_longest_event_fits),
	};

	return cmocka_run_group_tests_name("event_json", tests, NULL, NULL);
}
