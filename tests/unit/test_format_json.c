/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms that are JSON: a document a line, warning lists, arrays; and documents that are no list. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/format_part.h"

struct reading {
	struct format_list list;
	struct format_limits limits;
	struct format_reading reading;
};

static struct reading *
reading_new(size_t max)
{
	struct reading *r = calloc(1, sizeof *r);

	assert_non_null(r);
	r->limits.max_entries = max;
	r->reading.list = &r->list;
	r->reading.limits = &r->limits;
	r->reading.line = 1;
	return r;
}

static void
reading_free(struct reading *r)
{
	format_list_done(&r->list);
	free(r);
}

static void
a_line_is_a_document(void **state)
{
	static const struct {
		const char *line;
		size_t count, bad;
		uint16_t port;
	} cases[] = {
	    {"{\"cidr\":\"198.51.100.0/24\",\"sblid\":\"SBL1\",\"rir\":\"ripencc\"}", 1, 0, 0},
	    {"{\"cidr\":\"2001:db8::/32\"}", 1, 0, 0},
	    {"{\"type\":\"metadata\",\"timestamp\":1,\"size\":2,\"records\":3}", 0, 0, 0},
	    {"{\"ip_address\":\"198.51.100.9\",\"port\":8080}", 1, 0, 8080},
	    {"{\"ip\":\"198.51.100.9\",\"dst_port\":65536}", 0, 1, 0},
	    {"{\"ip\":\"198.51.100.9\",\"port\":-1}", 0, 1, 0},
	    {"{\"ip\":\"198.51.100.9\",\"port\":\"80\"}", 1, 0, 0},
	    {"\"198.51.100.9\"", 0, 1, 0}, /* no document by RFC 4627 */
	    {"{\"cidr\":7}", 0, 1, 0},
	    {"{\"cidr\":\"198.51.100.0/24\"", 0, 1, 0},
	    {"{\"cidr\":\"198.51.100.0\\u0000/24\"}", 0, 1, 0},
	    {"[]", 0, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reading *r = reading_new(0);

		format_json_line(
		    &r->reading, (struct format_text){cases[i].line, strlen(cases[i].line)});
		if (r->list.count != cases[i].count || r->list.bad_lines != cases[i].bad ||
		    (r->list.count > 0 && r->list.entries[0].port != cases[i].port))
			fail_msg("%s: %zu entries, %zu bad", cases[i].line, r->list.count,
			    r->list.bad_lines);
		reading_free(r);
	}
}

static int
document(struct reading *r, const char *body, char error[FORMAT_ERROR_MAX])
{
	return format_json_document(&r->reading, (struct format_text){body, strlen(body)}, error);
}

static void
a_document_is_a_list(void **state)
{
	struct reading *r = reading_new(0);
	char error[FORMAT_ERROR_MAX];

	(void)state;
	assert_int_equal(document(r,
			     "{\"name\":\"Public DNS\",\"type\":\"cidr\",\"version\":1,"
			     "\"list\":[\"8.8.8.8\",\"2001:4860::/32\",\"8.8.4.4/31\",5,\"dns\"]}",
			     error),
	    0);
	assert_int_equal(r->list.count4, 2);
	assert_int_equal(r->list.count6, 1);
	assert_int_equal(r->list.lines, 5);
	assert_int_equal(r->list.bad_lines, 2);
	assert_string_equal(r->list.bad[0], "line 4: no text with an address in it");
	assert_string_equal(r->list.bad[1], "line 5: dns");
	assert_int_equal(r->list.entries[2].line, 3);
	reading_free(r);
}

static void
what_is_no_list_is_said_with_its_place(void **state)
{
	static const struct {
		const char *body, *says;
	} cases[] = {
	    {"{\"list\": [\"8.8.8.8\",]}", "line 1, column 21: "},
	    {"{\n\"list\"\n", "line 3, column 0: "},
	    {"{\"error\":\"rate limit\"}", "JSON without a list"},
	    {"{\"list\":{\"a\":1}}", "JSON without a list"},
	    {"[\"\xff\xfe\"]", "line 1"},
	};
	char error[FORMAT_ERROR_MAX], *deep = malloc(100001);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reading *r = reading_new(0);

		assert_int_equal(document(r, cases[i].body, error), -EINVAL);
		if (!strstr(error, cases[i].says))
			fail_msg("%s: \"%s\"", cases[i].body, error);
		for (const char *p = error; *p; p++)
			assert_true(*p >= ' ' && *p <= '~');
		reading_free(r);
	}
	/* So deep that a reader without a limit would run out of stack. */
	memset(deep, '[', 100000);
	deep[100000] = '\0';
	struct reading *r = reading_new(0);
	assert_int_equal(document(r, deep, error), -EINVAL);
	reading_free(r);
	free(deep);
}

static void
limits_hold(void **state)
{
	struct reading *r = reading_new(2);
	char error[FORMAT_ERROR_MAX], *huge;

	(void)state;
	assert_int_equal(
	    document(r, "[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]", error), 0);
	assert_int_equal(r->reading.error, -E2BIG);
	assert_int_equal(r->list.count, 2);
	assert_int_equal(r->reading.line, 3);
	reading_free(r);
	r = reading_new(0);
	huge = malloc((size_t)33 << 20);
	memset(huge, ' ', ((size_t)33 << 20) - 1);
	huge[((size_t)33 << 20) - 1] = '\0';
	assert_int_equal(document(r, huge, error), -EINVAL);
	assert_non_null(strstr(error, "at most 33554432"));
	free(huge);
	reading_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_a_document),
	    cmocka_unit_test(a_document_is_a_list),
	    cmocka_unit_test(what_is_no_list_is_said_with_its_place),
	    cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
