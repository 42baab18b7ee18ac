/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/msg/ctl_fields.h"
#include "common/msg/ctl_map.h"
#include "proto/finderscope.pb-c.h"

static uint8_t buffer[2 * CTL_MESSAGE_MAX];

/* ---- a struct of any table, filled with values that may travel */

static void
put_number(uint8_t *at, size_t size, uint64_t value)
{
	uint32_t v4 = (uint32_t)value;
	uint16_t v2 = (uint16_t)value;

	if (size == 8)
		memcpy(at, &value, 8);
	else if (size == 4)
		memcpy(at, &v4, 4);
	else if (size == 2)
		memcpy(at, &v2, 2);
	else
		*at = (uint8_t)value;
}

static struct addr
some_addr(unsigned *seed)
{
	struct addr a;

	addr_parse(rand_r(seed) % 2 ? "10.1.0.77" : "2001:db8::77", &a);
	a.bytes[a.family == 4 ? 3 : 15] = (uint8_t)rand_r(seed);
	return a;
}

static void fill(const struct ctl_fields_table *table, uint8_t *in, unsigned *seed);

static void
fill_field(const struct ctl_fields *f, uint8_t *in, unsigned *seed)
{
	uint8_t *at = in + f->in;
	uint32_t count = f->max ? (uint32_t)((unsigned)rand_r(seed) % (f->max + 1)) : 0;
	struct addr addr = some_addr(seed);
	struct prefix prefix = prefix_make(&addr, (unsigned)rand_r(seed) % 129);

	switch (f->kind) {
	case CTL_FIELDS_NUMBER:
		put_number(at, f->size, (uint64_t)rand_r(seed) << 40 | (uint64_t)rand_r(seed));
		break;
	case CTL_FIELDS_BOOL:
		*at = rand_r(seed) % 2;
		break;
	case CTL_FIELDS_TEXT:
		for (size_t i = 0; i + 1 < f->size && rand_r(seed) % 40; i++)
			at[i] = (uint8_t)(' ' + rand_r(seed) % 95);
		break;
	case CTL_FIELDS_ADDR:
		memcpy(at, &addr, sizeof addr);
		break;
	case CTL_FIELDS_PREFIX:
		memcpy(at, &prefix, sizeof prefix);
		break;
	case CTL_FIELDS_ONE:
		fill(f->table, at, seed);
		break;
	case CTL_FIELDS_MANY:
		for (uint32_t i = 0; i < count; i++)
			fill(f->table, at + i * f->size, seed);
		memcpy(in + f->in_count, &count, sizeof count);
		break;
	case CTL_FIELDS_ADDRS:
		for (uint32_t i = 0; i < count; i++) {
			addr = some_addr(seed);
			memcpy(at + i * f->size, &addr, sizeof addr);
		}
		memcpy(in + f->in_count, &count, sizeof count);
		break;
	case CTL_FIELDS_END:
		break;
	}
}

static void
fill(const struct ctl_fields_table *table, uint8_t *in, unsigned *seed)
{
	for (const struct ctl_fields *f = table->fields; f->kind != CTL_FIELDS_END; f++)
		fill_field(f, in, seed);
}

struct seen {
	enum ctl_row kind;
	unsigned count;
	const void *want;
	size_t size;
};

static int
compare_row(void *user, enum ctl_row kind, const void *row)
{
	struct seen *seen = user;

	assert_int_equal(kind, seen->kind);
	seen->count++;
	if (kind == CTL_ROW_EVENT)
		assert_string_equal((const char *)row, (const char *)seen->want);
	else
		assert_memory_equal(row, seen->want, seen->size);
	return 0;
}

/* Every field of every row, over and over: what was packed is what arrives. */
static void
rows_arrive(void **state)
{
	static union {
		struct ctl_capture capture;
		uint8_t bytes[65536];
	} row;
	unsigned seed = 1;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		for (enum ctl_row kind = CTL_ROW_STATUS; kind < CTL_ROW_EVENT; kind++) {
			const struct ctl_fields_table *table = ctl_fields_row(kind);
			struct seen seen = {.kind = kind, .want = &row, .size = table->size};
			struct ctl_result result = {.code = RESULT_ALREADY, .cursor = 7}, out;

			memset(&row, 0, table->size);
			fill(table, row.bytes, &seed);
			int n = ctl_map_pack_row(kind, &row, buffer, sizeof buffer);
			assert_true(n > 0);
			int m = ctl_map_pack_result(&result, buffer + n, sizeof buffer - (size_t)n);
			assert_true(m > 0);
			assert_int_equal(
			    ctl_map_unpack_reply(buffer, (size_t)(n + m), compare_row, &seen, &out),
			    0);
			assert_int_equal(seen.count, 1);
			assert_int_equal(out.code, RESULT_ALREADY);
			assert_true(out.cursor == 7);
			/* Not a byte less room is enough. */
			assert_int_equal(
			    ctl_map_pack_row(kind, &row, buffer, (size_t)n - 1), -EMSGSIZE);
		}
}

static void
events_arrive(void **state)
{
	static char event[CTL_EVENT_MAX + 1];
	struct seen seen = {.kind = CTL_ROW_EVENT, .want = event};
	struct ctl_result result = {.code = RESULT_OK}, out;

	(void)state;
	memset(event, 'e', CTL_EVENT_MAX);
	assert_int_equal(ctl_map_pack_row(CTL_ROW_EVENT, event, buffer, sizeof buffer), -EMSGSIZE);
	event[CTL_EVENT_MAX - 1] = '\0';
	int n = ctl_map_pack_row(CTL_ROW_EVENT, event, buffer, sizeof buffer);
	assert_true(n > 0);
	n += ctl_map_pack_row(CTL_ROW_EVENT, event, buffer + n, sizeof buffer);
	n += ctl_map_pack_result(&result, buffer + n, sizeof buffer);
	assert_int_equal(ctl_map_unpack_reply(buffer, (size_t)n, compare_row, &seen, &out), 0);
	assert_int_equal(seen.count, 2);
}

static struct ctl_request
start_request(void)
{
	struct ctl_request r = {.verb = CTL_CAPTURE_START, .start = {.for_ms = 600000}};

	prefix_parse("10.1.0.2", &r.start.filter.a, NULL);
	prefix_parse("198.51.100.9", &r.start.filter.b, NULL);
	snprintf(r.start.on, sizeof r.start.on, "leaf1");
	return r;
}

static void
requests_arrive(void **state)
{
	unsigned seed = 5;
	char error[CTL_TEXT_MAX];

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct ctl_request in, out;

		memset(&in, 0, sizeof in);
		fill(&ctl_fields_request, (uint8_t *)&in, &seed);
		in.verb = (enum ctl_verb)((unsigned)rand_r(&seed) % CTL_RELOAD + 1);
		if (in.verb == CTL_CAPTURE_START)
			in.start.filter = start_request().start.filter;
		else
			memset(&in.start, 0, sizeof in.start);
		int n = ctl_map_pack_request(&in, buffer, sizeof buffer);
		assert_true(n > 0);
		if (ctl_map_unpack_request(buffer, (size_t)n, &out, error) != RESULT_OK)
			fail_msg("verb %d: %s", (int)in.verb, error);
		assert_memory_equal(&in, &out, sizeof in);
		assert_int_equal(ctl_map_pack_request(&in, buffer, (size_t)n - 1), -EMSGSIZE);
	}
}

static enum result
ask(const struct ctl_request *request, char error[CTL_TEXT_MAX])
{
	struct ctl_request out;
	int n = ctl_map_pack_request(request, buffer, sizeof buffer);

	assert_true(n > 0);
	return ctl_map_unpack_request(buffer, (size_t)n, &out, error);
}

static void
bad_requests_are_named(void **state)
{
	struct ctl_request r = start_request(), out;
	char error[CTL_TEXT_MAX];

	(void)state;
	assert_int_equal(ask(&r, error), RESULT_OK);
	r.verb = (enum ctl_verb)99;
	assert_int_equal(ask(&r, error), RESULT_BAD_REQUEST);
	assert_non_null(strstr(error, "99"));
	r.verb = (enum ctl_verb)0;
	assert_int_equal(ask(&r, error), RESULT_BAD_REQUEST);
	r = start_request();
	r.start.filter.port = 80;
	assert_int_equal(ask(&r, error), RESULT_BAD_FILTER);
	assert_non_null(strstr(error, "protocol"));
	r = start_request();
	memset(&r.start.filter, 0, sizeof r.start.filter);
	assert_int_equal(ask(&r, error), RESULT_BAD_FILTER);
	/* Another version says so, whatever else it holds: field 1 is the version. */
	static const uint8_t version[] = {0x08, 0x63};
	assert_int_equal(
	    ctl_map_unpack_request(version, sizeof version, &out, error), RESULT_VERSION);
	assert_non_null(strstr(error, "99"));
	assert_int_equal(ctl_map_unpack_request(NULL, 0, &out, error), RESULT_VERSION);
	memset(buffer, 0xff, sizeof buffer);
	assert_int_equal(ctl_map_unpack_request(buffer, 100, &out, error), RESULT_BAD_REQUEST);
	assert_int_equal(
	    ctl_map_unpack_request(buffer, CTL_MESSAGE_MAX + 1, &out, error), RESULT_BAD_REQUEST);
}

/* Numbers are wider on the wire than here: one that does not fit is no other number. */
static void
large_numbers_are_refused(void **state)
{
	Finderscope__CtlRequest message;
	struct ctl_request out;
	char error[CTL_TEXT_MAX];

	(void)state;
	finderscope__ctl_request__init(&message);
	message.version = CTL_VERSION;
	message.verb = CTL_LOOKUP;
	message.port = 65535;
	size_t n = finderscope__ctl_request__pack(&message, buffer);
	assert_int_equal(ctl_map_unpack_request(buffer, n, &out, error), RESULT_OK);
	assert_int_equal(out.port, 65535);
	message.port = 65536;
	n = finderscope__ctl_request__pack(&message, buffer);
	assert_int_equal(ctl_map_unpack_request(buffer, n, &out, error), RESULT_BAD_REQUEST);
	assert_non_null(strstr(error, "port"));
}

/* A request's words end in logs and events: whoever sends others is told, not quoted. */
static void
request_text_is_checked(void **state)
{
	struct ctl_request r = {.verb = CTL_FREEZE};
	char error[CTL_TEXT_MAX];
	static const char *const bad[] = {
	    "a\nb", "\033[2J", "\xff", "\xc3", "\xed\xa0\x80", "\x7f"};

	(void)state;
	snprintf(r.text, sizeof r.text, "too hot, \xc3\xa4\xe2\x82\xac");
	assert_int_equal(ask(&r, error), RESULT_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(r.text, sizeof r.text, "%s", bad[i]);
		if (ask(&r, error) != RESULT_BAD_REQUEST)
			fail_msg("text %zu was taken", i);
		assert_int_equal(strspn(error, " "), 0);
		for (const char *c = error; *c; c++)
			assert_true((unsigned char)*c >= 0x20);
	}
}

static int
count_row(void *user, enum ctl_row kind, const void *row)
{
	(void)kind;
	(void)row;
	return ++*(int *)user == 3 ? 42 : 0;
}

static void
bad_replies_are_told(void **state)
{
	struct ctl_counter counter = {.name = "x", .value = 1};
	struct ctl_result result = {.code = RESULT_OK}, out = {.id = 5};
	int n = 0, count = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		n += ctl_map_pack_row(CTL_ROW_COUNTER, &counter, buffer + n, sizeof buffer);
	/* No result: the page is not whole. */
	assert_int_equal(
	    ctl_map_unpack_reply(buffer, (size_t)n, count_row, &count, &out), -EBADMSG);
	assert_int_equal(count, 0);
	n += ctl_map_pack_result(&result, buffer + n, sizeof buffer);
	/* Who takes may stop. */
	assert_int_equal(ctl_map_unpack_reply(buffer, (size_t)n, count_row, &count, &out), 42);
	assert_int_equal(count, 3);
	assert_true(out.id == 5);
	assert_int_equal(
	    ctl_map_unpack_reply(buffer, (size_t)n - 1, count_row, &count, &out), -EBADMSG);
	static const uint8_t other[] = {0x0a, 0x02, 0x08, 0x63};
	assert_int_equal(
	    ctl_map_unpack_reply(other, sizeof other, count_row, &count, &out), -EPROTONOSUPPORT);
}

static void
noise_harms_nobody(void **state)
{
	struct ctl_request r = start_request(), out;
	struct ctl_result result;
	char error[CTL_TEXT_MAX];
	unsigned seed = 3;
	uint8_t message[512];
	int n = ctl_map_pack_request(&r, message, sizeof message), count = -100000;

	(void)state;
	assert_true(n > 0);
	for (unsigned i = 0; i < 20000; i++) {
		size_t size = (unsigned)rand_r(&seed) % ((unsigned)n + 1);
		uint8_t *copy = malloc(size + (size == 0));

		memcpy(copy, message, size);
		for (unsigned k = (unsigned)rand_r(&seed) % 4; k && size; k--)
			copy[(unsigned)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
		if (ctl_map_unpack_request(copy, size, &out, error) == RESULT_OK &&
		    out.verb == CTL_CAPTURE_START)
			assert_null(filter_check(&out.start.filter, NULL));
		(void)ctl_map_unpack_reply(copy, size, count_row, &count, &result);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_arrive),
	    cmocka_unit_test(events_arrive),
	    cmocka_unit_test(requests_arrive),
	    cmocka_unit_test(bad_requests_are_named),
	    cmocka_unit_test(large_numbers_are_refused),
	    cmocka_unit_test(request_text_is_checked),
	    cmocka_unit_test(bad_replies_are_told),
	    cmocka_unit_test(noise_harms_nobody),
	};

	return cmocka_run_group_tests_name("ctl_map", tests, NULL, NULL);
}
