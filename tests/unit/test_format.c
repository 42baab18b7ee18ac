/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every published form, small and as it is published; and bodies that are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/format.h"

/* "prefix[ port]@line" of every entry, blanks between. */
static char *
print(const struct format_list *list)
{
	size_t room = list->count * 80 + 1, n = 0;
	char *text = malloc(room), buffer[PREFIX_TEXT_MAX];

	assert_non_null(text);
	text[0] = '\0';
	for (size_t i = 0; i < list->count; i++) {
		const struct format_entry *e = &list->entries[i];

		n += (size_t)snprintf(
		    text + n, room - n, "%s%s", i ? " " : "", prefix_format(&e->prefix, buffer));
		if (e->port)
			n += (size_t)snprintf(text + n, room - n, ":%u", e->port);
		n += (size_t)snprintf(text + n, room - n, "@%u", e->line);
	}
	return text;
}

static struct format_list
read_good(enum format format, const char *body, const struct format_limits *limits)
{
	char error[FORMAT_ERROR_MAX] = "";
	struct format_list list;
	/* A block of just that size, so that ASan sees a read past it. */
	char *exact = malloc(strlen(body) ? strlen(body) : 1);

	memcpy(exact, body, strlen(body));
	if (format_read(format, exact, strlen(body), limits, &list, error) < 0)
		fail_msg("%s: %s", body, error);
	free(exact);
	return list;
}

static void
same(const char *body, enum format found, const char *want, size_t bad)
{
	struct format_list list = read_good(FORMAT_AUTO, body, NULL);
	char *text = print(&list);

	assert_string_equal(format_name(list.format), format_name(found));
	assert_string_equal(text, want);
	assert_int_equal(list.bad_lines, bad);
	free(text);
	format_list_done(&list);
}

static void
reads_plain_lists(void **state)
{
	(void)state;
	same("\xef\xbb\xbf# c\r\n198.51.100.9\r\n; c\n// c\n\n  203.0.113.0/24  # x\r\n",
	    FORMAT_PLAIN, "198.51.100.9@2 203.0.113.0/24@6", 0);
	same("1.10.16.0/20 ; SBL256894\n2a12:2640::/29 ; SBL1", FORMAT_PLAIN,
	    "1.10.16.0/20@1 2a12:2640::/29@2", 0);
	same("77.90.185.20\t10\n", FORMAT_PLAIN, "77.90.185.20@1", 0);
	same("::ffff:198.51.100.9\n::ffff:198.51.100.0/120\n", FORMAT_PLAIN,
	    "198.51.100.9@1 198.51.100.0/24@2", 0);
	same("198.51.100.9:443\n[2001:db8::1]:8443\n[2001:db8::2]\n", FORMAT_PLAIN,
	    "198.51.100.9:443@1 2001:db8::1:8443@2 2001:db8::2@3", 0);
	same("create x hash:ip family inet\nadd x 198.51.100.9\nadd x 203.0.113.0/24 timeout 3\n",
	    FORMAT_PLAIN, "198.51.100.9@2 203.0.113.0/24@3", 0);
	same("", FORMAT_PLAIN, "", 0);
	same("# nothing today\n", FORMAT_PLAIN, "", 0);
}

static void
splits_ranges(void **state)
{
	(void)state;
	same("198.51.100.5-198.51.100.10\n", FORMAT_PLAIN,
	    "198.51.100.5@1 198.51.100.6/31@1 198.51.100.8/31@1 198.51.100.10@1", 0);
	same("198.51.100.0 - 198.51.101.255\n", FORMAT_PLAIN, "198.51.100.0/23@1", 0);
	same("0.0.0.0-255.255.255.255\n", FORMAT_PLAIN, "0.0.0.0/0@1", 0);
	same("255.255.255.254-255.255.255.255\n", FORMAT_PLAIN, "255.255.255.254/31@1", 0);
	same("198.51.100.255-198.51.101.0\n", FORMAT_PLAIN, "198.51.100.255@1 198.51.101.0@1", 0);
	same("2001:db8::-2001:db8::1:ffff\n", FORMAT_PLAIN, "2001:db8::/111@1", 0);
	same("198.51.100.9-198.51.100.9\n9.9.9.9-9.9.9.8\n9.9.9.9-2001:db8::1\n", FORMAT_PLAIN,
	    "198.51.100.9@1", 2);
}

static void
counts_masked_and_bad(void **state)
{
	struct format_list list = read_good(FORMAT_AUTO,
	    "198.51.100.9/24\nhello\n198.51.100.300\n1.2.3.4/33\n1.2.3\n\x01\x02\n7\n", NULL);

	(void)state;
	assert_int_equal(list.count, 1);
	assert_int_equal(list.masked, 1);
	assert_int_equal(list.bad_lines, 6);
	assert_int_equal(list.lines, 7);
	assert_string_equal(list.bad[0], "line 2: hello");
	assert_string_equal(list.bad[4], "line 6: ..");
	format_list_done(&list);
}

static void
reads_what_others_publish(void **state)
{
	(void)state;
	same("{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}\n"
	     "{\"cidr\":\"2a12:2640::/29\",\"sblid\":\"SBL1\"}\n"
	     "{\"type\":\"metadata\",\"timestamp\":1,\"records\":2}\n",
	    FORMAT_NDJSON, "1.10.16.0/20@1 2a12:2640::/29@2", 0);
	same("# abuse.ch\n\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\"\n"
	     "\"2021-01-17 07:44:46\",\"198.51.100.9\",\"4664\",\"online\"\n"
	     "\"2021-01-17\",\"nobody\",\"1\",\"x\"\n\"a\",\"203.0.113.1\",\"70000\",\"x\"\n",
	    FORMAT_CSV, "198.51.100.9:4664@3", 2);
	same("# first_seen_utc,dst_ip,dst_port,c2_status\n2021,198.51.100.9,449,online\n",
	    FORMAT_CSV, "198.51.100.9:449@2", 0);
	same("# abuse.ch\n\"first_seen_utc\",\"dst_ip\",\"dst_port\"\n# END 0 entries\n",
	    FORMAT_CSV, "", 0);
	same("# "
	     "x\nStart\tEnd\tNetmask\tAttacks\n198.51.100.0\t198.51.100.255\t24\t4321\tNet\tUS\ta@"
	     "b\n",
	    FORMAT_DSHIELD, "198.51.100.0/24@3", 0);
	same("# x\n198.51.100.0\t198.51.100.255\t24\t4321\tNet\tUS\ta@b\n", FORMAT_DSHIELD,
	    "198.51.100.0/24@2", 0);
	same("{\n \"name\": \"dns\",\n \"list\": [\n  \"8.8.8.8\",\n  \"2001:4860::/32\", \"x\"\n "
	     "],\n"
	     " \"type\": \"cidr\"\n}\n",
	    FORMAT_JSON, "8.8.8.8@1 2001:4860::/32@2", 1);
	same("[\"8.8.8.8\", {\"ip_address\":\"198.51.100.9\",\"port\":443}]", FORMAT_JSON,
	    "8.8.8.8@1 198.51.100.9:443@2", 0);
	same("# rules\nalert ip [198.51.100.9,203.0.113.0/24,!192.0.2.1] any -> $HOME_NET any "
	     "(msg:\"ET [x]\"; sid:1;)\n#alert ip [192.0.2.9] any -> any any (sid:2;)\n"
	     "alert tcp $HOME_NET any -> 198.51.100.10 447 (msg:\"y\";)\nalert what\n",
	    FORMAT_RULES, "198.51.100.9@2 203.0.113.0/24@2 198.51.100.10:447@4", 1);
}

static void
reputation_has_a_threshold(void **state)
{
	struct format_limits limits = {.score = 50, .category = 3};
	struct format_list list;
	char *text;

	(void)state;
	same("198.51.100.9,3,60\n198.51.100.10,4,10\n", FORMAT_REPUTATION,
	    "198.51.100.9@1 198.51.100.10@2", 0);
	list = read_good(FORMAT_AUTO,
	    "198.51.100.9,3,60\n198.51.100.10,3,10\n198.51.100.11,4,90\nx,1\n", &limits);
	text = print(&list);
	assert_string_equal(text, "198.51.100.9@1");
	assert_int_equal(list.filtered, 2);
	assert_int_equal(list.bad_lines, 1);
	free(text);
	format_list_done(&list);
}

static void
bad(const char *body, size_t size, const struct format_limits *limits, int want, const char *says)
{
	char error[FORMAT_ERROR_MAX] = "";
	struct format_list list;

	assert_int_equal(format_read(FORMAT_AUTO, body, size, limits, &list, error), want);
	if (!strstr(error, says))
		fail_msg("\"%s\" does not say \"%s\"", error, says);
}

static void
refuses_what_is_no_list(void **state)
{
	struct format_limits two = {.max_entries = 2};
	size_t huge = (size_t)8 << 20;
	char *line = malloc(huge);

	(void)state;
	bad("\n <!DOCTYPE html><html>198.51.100.9</html>", 41, NULL, -EINVAL, "HTML");
	bad("198.51.100.9\n\0\1", 15, NULL, -EINVAL, "zero byte at offset 13");
	bad("not found\nnothing here\n", 23, NULL, -EINVAL, "line 1: not found");
	bad("{\"list\": 7}", 11, NULL, -EINVAL, "array");
	bad("{\"list\": [", 10, NULL, -EINVAL, "line 1");
	bad("1.1.1.1\n1.1.1.2\n1.1.1.3\n", 24, &two, -E2BIG, "line 3: more than 2");
	memset(line, '1', huge);
	bad(line, huge, NULL, -EINVAL, "no usable line");
	memset(line, '[', huge);
	bad(line, huge, NULL, -EINVAL, "line 1");
	free(line);
}

/* A list from the folder of real ones; skipped with a word without it. */
static void
real(const char *name, enum format format, size_t count4, size_t count6, size_t bad_lines)
{
	const char *data = getenv("TEST_DATA");
	char path[512], error[FORMAT_ERROR_MAX];
	struct format_list list;
	char *body;
	size_t size;
	FILE *file;

	snprintf(path, sizeof path, "%s/blocklists/%s", data ? data : "../shared/data", name);
	file = fopen(path, "rb");
	if (!file) {
		print_message("# no %s: set TEST_DATA\n", path);
		skip();
	}
	body = malloc((size_t)16 << 20);
	size = fread(body, 1, (size_t)16 << 20, file);
	fclose(file);
	if (format_read(FORMAT_AUTO, body, size, NULL, &list, error) < 0)
		fail_msg("%s: %s", name, error);
	assert_string_equal(format_name(list.format), format_name(format));
	assert_int_equal(list.count4, count4);
	assert_int_equal(list.count6, count6);
	assert_int_equal(list.bad_lines, bad_lines);
	format_list_done(&list);
	free(body);
}

static void
reads_real_lists(void **state)
{
	(void)state;
	/* The counts of the manifest beside the lists. */
	real("ipsum.txt", FORMAT_PLAIN, 120430, 0, 0);
	real("ipsum-level3.txt", FORMAT_PLAIN, 14217, 0, 0);
	real("spamhaus-drop-2024.txt", FORMAT_PLAIN, 989, 0, 0);
	real("spamhaus-dropv6-2024.txt", FORMAT_PLAIN, 0, 51, 0);
	real("firehol_level1-2020.netset", FORMAT_PLAIN, 1802, 0, 0);
	real("dshield-2026.txt", FORMAT_DSHIELD, 20, 0, 0);
	real("bitwire-outbound-networks.txt", FORMAT_PLAIN, 4991, 0, 0);
	real("country-all-ipv4.cidr", FORMAT_PLAIN, 172627, 0, 0);
	real("country-all-ipv6.cidr", FORMAT_PLAIN, 0, 73731, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_plain_lists),
	    cmocka_unit_test(splits_ranges),
	    cmocka_unit_test(counts_masked_and_bad),
	    cmocka_unit_test(reads_what_others_publish),
	    cmocka_unit_test(reputation_has_a_threshold),
	    cmocka_unit_test(refuses_what_is_no_list),
	    cmocka_unit_test(reads_real_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
