/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The readers of single lines, by themselves: columns, headers, rules with what they negate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/format_part.h"

static struct format_text
text(const char *s)
{
	return (struct format_text){s, strlen(s)};
}

/* What one line gives, "prefix:port" with blanks between; "bad" when it is nothing. */
static void
gives(
    void (*reader)(struct format_reading *, struct format_text), const char *line, const char *want)
{
	static const struct format_limits limits = {.score = 1};
	struct format_list list = {.format = FORMAT_AUTO};
	struct format_reading reading = {
	    .list = &list, .limits = &limits, .line = 1, .column = 1, .port = 2};
	char got[1024] = "", buffer[PREFIX_TEXT_MAX], *exact = malloc(strlen(line) + 1);
	size_t n = 0, size = strlen(line);

	/* A block of just that size, so that ASan sees a read past it. */
	exact = realloc(exact, size ? size : 1);
	memcpy(exact, line, size);
	reader(&reading, (struct format_text){exact, size});
	for (size_t i = 0; i < list.count; i++) {
		n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i ? " " : "",
		    prefix_format(&list.entries[i].prefix, buffer));
		if (list.entries[i].port)
			n += (size_t)snprintf(got + n, sizeof got - n, ":%u", list.entries[i].port);
	}
	if (list.bad_lines)
		snprintf(got + n, sizeof got - n, "%sbad", n ? " " : "");
	if (strcmp(got, want) != 0)
		fail_msg("\"%s\" gives \"%s\", wanted \"%s\"", line, got, want);
	format_list_done(&list);
	free(exact);
}

static void
plain_lines(void **state)
{
	(void)state;
	gives(format_line_plain, "198.51.100.9", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9 # why", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9#why", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9;why", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9 // why", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9,malware,2024", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9/24", "198.51.100.0/24");
	gives(format_line_plain, "2001:DB8::1/32", "2001:db8::/32");
	gives(format_line_plain, "::ffff:198.51.100.9", "198.51.100.9");
	gives(format_line_plain, "::ffff:0:0/95", "bad");
	gives(format_line_plain, "198.51.100.9:8080", "198.51.100.9:8080");
	gives(format_line_plain, "198.51.100.9:80800", "bad");
	gives(format_line_plain, "[2001:db8::1]:443", "2001:db8::1:443");
	gives(format_line_plain, "[2001:db8::1", "bad");
	gives(format_line_plain, "[2001:db8::1]x", "bad");
	gives(format_line_plain, "198.51.100.8-198.51.100.9", "198.51.100.8/31");
	gives(format_line_plain, "198.51.100.8 - 198.51.100.9 # x", "198.51.100.8/31");
	gives(format_line_plain, "198.51.100.9 -", "198.51.100.9");
	gives(format_line_plain, "198.51.100.9-", "bad");
	gives(format_line_plain, "add list 198.51.100.9", "198.51.100.9");
	gives(format_line_plain, "-A list 198.51.100.9 -exist", "198.51.100.9");
	gives(format_line_plain, "create list hash:net", "");
	gives(format_line_plain, "198.51.100", "bad");
	gives(format_line_plain, "198.051.100.9", "bad");
	gives(format_line_plain, "0x7f.1", "bad");
	gives(format_line_plain, "example.net", "bad");
	gives(format_line_plain, "-", "bad");
}

static void
columns_and_headers(void **state)
{
	struct format_text columns[FORMAT_COLUMNS_MAX];
	char many[400] = "";
	int column, port;

	(void)state;
	assert_int_equal(format_line_split(text("a, \"b,c\" ,\"d\"\"e\",,f"), columns), 5);
	assert_memory_equal(columns[1].at, "b,c", 3);
	assert_int_equal(columns[1].size, 3);
	assert_int_equal(columns[2].size, 4);
	assert_int_equal(columns[3].size, 0);
	assert_int_equal(format_line_split(text("\"open"), columns), 1);
	assert_int_equal(format_line_split(text("\"open\"\""), columns), 1);
	assert_int_equal(format_line_split(text(""), columns), 1);
	for (unsigned i = 0; i < 150; i++)
		strcat(many, "x,");
	assert_int_equal(format_line_split(text(many), columns), FORMAT_COLUMNS_MAX);

	assert_true(format_line_header(text("first,dst_ip,dst_port"), &column, &port));
	assert_int_equal(column, 1);
	assert_int_equal(port, 2);
	/* The one that is spoken to, not the one that speaks. */
	assert_true(format_line_header(text("src_ip,DST_IP"), &column, &port));
	assert_int_equal(column, 1);
	assert_int_equal(port, -1);
	assert_false(format_line_header(text("198.51.100.9,80"), &column, &port));
	assert_false(format_line_header(text("ip"), &column, &port));

	gives(format_line_csv, "x,198.51.100.9,443,y", "198.51.100.9:443");
	gives(format_line_csv, "\"x,y\",\"198.51.100.9\",\"443\"", "198.51.100.9:443");
	gives(format_line_csv, "x,198.51.100.9,", "198.51.100.9");
	gives(format_line_csv, "x,198.51.100.9", "bad");
	gives(format_line_csv, "x,198.51.100.9,http", "bad");
	gives(format_line_csv, "x,,80", "bad");
	gives(format_line_csv, "x,2001:db8::1,80", "2001:db8::1:80");
}

static void
dshield_and_reputation(void **state)
{
	(void)state;
	gives(format_line_dshield, "198.51.100.0\t198.51.100.255\t24\t9", "198.51.100.0/24");
	gives(format_line_dshield, "Start\tEnd\tNetmask", "");
	gives(format_line_dshield, "198.51.100.0\t198.51.100.255\t33\t9", "bad");
	gives(format_line_dshield, "198.51.100.0\t198.51.100.255", "bad");
	gives(format_line_reputation, "198.51.100.9,3,60", "198.51.100.9");
	gives(format_line_reputation, "2001:db8::/32,3,127", "2001:db8::/32");
	gives(format_line_reputation, "198.51.100.9,3,0", "");
	gives(format_line_reputation, "198.51.100.9,3,128", "bad");
	gives(format_line_reputation, "198.51.100.9,3", "bad");
	gives(format_line_reputation, "somebody,3,60", "bad");
}

static void
rules(void **state)
{
	(void)state;
	gives(format_line_rule, "alert ip 198.51.100.9 any -> $HOME_NET any (msg:\"x\";)",
	    "198.51.100.9");
	gives(format_line_rule, "alert ip [198.51.100.9,2001:db8::/32] any -> any any (x)",
	    "198.51.100.9 2001:db8::/32");
	gives(format_line_rule, "alert tcp any any -> [198.51.100.9, 198.51.100.10] 8080 (x)",
	    "198.51.100.9:8080 198.51.100.10:8080");
	gives(format_line_rule, "alert tcp any any -> 198.51.100.9 [80,443] (x)", "198.51.100.9");
	/* What is negated names nobody, alone, in a list and as a list. */
	gives(format_line_rule, "alert ip [198.51.100.0/24,!198.51.100.1] any -> any any (x)",
	    "198.51.100.0/24");
	gives(format_line_rule,
	    "alert ip [198.51.100.0/24,![198.51.100.1,198.51.100.2],203.0.113.9] any -> any any",
	    "198.51.100.0/24 203.0.113.9");
	gives(format_line_rule, "alert ip ![198.51.100.1,[198.51.100.2]] any -> any any", "bad");
	gives(format_line_rule, "alert ip !198.51.100.1 any -> any any", "bad");
	gives(format_line_rule, "alert ip [[198.51.100.1],198.51.100.2] any -> any any",
	    "198.51.100.1 198.51.100.2");
	gives(format_line_rule, "alert ip $EXTERNAL_NET any -> $HOME_NET any (x)", "bad");
	gives(format_line_rule, "alert ip 198.51.100.9 any", "bad");
	gives(format_line_rule, "alert ip [198.51.100.9 any -> any any", "bad");
	gives(format_line_rule, "alert", "bad");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_lines),
	    cmocka_unit_test(columns_and_headers),
	    cmocka_unit_test(dshield_and_reputation),
	    cmocka_unit_test(rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
