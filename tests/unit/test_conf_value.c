/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "common/base/conf_value.h"

static const char *const words[] = {"auto", "erspan", NULL};

static int
read_as(enum conf_type type, const char *text, int64_t min, int64_t max, struct conf_value *ret,
    char why[200])
{
	char copy[2048];
	struct conf_option option = {
	    .name = "x", .type = type, .min = min, .max = max, .words = words};
	int r;

	snprintf(copy, sizeof copy, "%s", text);
	*ret = (struct conf_value){.text = copy};
	why[0] = '\0';
	r = conf_value_read(&option, ret, why, 200);
	ret->text = NULL;
	return r;
}

static void
reads_numbers(void **state)
{
	static const struct {
		enum conf_type type;
		const char *text;
		int64_t value;
	} good[] = {
	    {CONF_NUMBER, "0", 0},
	    {CONF_NUMBER, "010", 10},
	    {CONF_NUMBER, "9223372036854775807", INT64_MAX},
	    {CONF_DURATION, "90s", 90 * CLK_S},
	    {CONF_SIZE, "32M", 32 << 20},
	    {CONF_SIZE, "1T", INT64_C(1) << 40},
	    {CONF_RATE, "1500", 1500},
	    {CONF_RATE, "2G", 2000000000},
	    {CONF_BOOL, "Yes", 1},
	    {CONF_BOOL, "off", 0},
	    {CONF_WORD, "erspan", 1},
	};
	struct conf_value v;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		if (read_as(good[i].type, good[i].text, 0, 0, &v, why) != 0)
			fail_msg("\"%s\": %s", good[i].text, why);
		assert_true(v.number == good[i].value);
	}
}

static void
refuses_and_says_what_is_right(void **state)
{
	static const struct {
		enum conf_type type;
		const char *text, *says;
	} bad[] = {
	    {CONF_NUMBER, "", "a number"},
	    {CONF_NUMBER, "0x10", "a number"},
	    {CONF_NUMBER, "-1", "a number"},
	    {CONF_NUMBER, "1 ", "a number"},
	    {CONF_NUMBER, "9223372036854775808", "too large"},
	    {CONF_DURATION, "90", "90s"},
	    {CONF_SIZE, "32m", "32M"},
	    {CONF_SIZE, "1KB", "32M"},
	    {CONF_SIZE, "9000000000T", "too large"},
	    {CONF_RATE, "1.5G", "500M"},
	    {CONF_BOOL, "maybe", "yes or no"},
	    {CONF_ADDR, "10.0.0.0/8", "address"},
	    {CONF_PREFIX, "10.0.0.0/33", "prefix"},
	    {CONF_ENDPOINT, "192.0.2.1", "and a port"},
	    {CONF_ENDPOINT, "192.0.2.1:0", "and a port"},
	    {CONF_ENDPOINT, "2001:db8::1:99", "and a port"},
	    {CONF_ENDPOINT, ":99", "and a port"},
	    {CONF_ENDPOINT, "[]:99", "and a port"},
	    {CONF_PATH, "etc/x", "begins with /"},
	    {CONF_WORD, "Auto", "one of: auto, erspan"},
	    {CONF_STRING, "a\tb", "control character"},
	    {CONF_STRING, "${HOME}", "${"},
	};
	struct conf_value v;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read_as(bad[i].type, bad[i].text, 0, 0, &v, why) != -EINVAL ||
		    !strstr(why, bad[i].says))
			fail_msg("\"%s\": %s", bad[i].text, why);
}

static void
keeps_to_limits(void **state)
{
	struct conf_value v;
	char why[200], longest[1026];

	(void)state;
	assert_int_equal(read_as(CONF_NUMBER, "1", 1, 5, &v, why), 0);
	assert_int_equal(read_as(CONF_NUMBER, "5", 1, 5, &v, why), 0);
	assert_int_equal(read_as(CONF_NUMBER, "0", 1, 5, &v, why), -EINVAL);
	assert_int_equal(read_as(CONF_NUMBER, "6", 1, 5, &v, why), -EINVAL);
	assert_string_equal(why, "6 is out of range; 1 to 5");
	/* Limits are written as the values are. */
	assert_int_equal(read_as(CONF_DURATION, "1ms", CLK_S, 90 * CLK_S, &v, why), -EINVAL);
	assert_string_equal(why, "1ms is out of range; 1s to 1m30s");
	assert_int_equal(read_as(CONF_SIZE, "3G", 1024, INT64_C(2) << 30, &v, why), -EINVAL);
	assert_string_equal(why, "3G is out of range; 1K to 2G");
	memset(longest, 'x', 1025);
	longest[1025] = '\0';
	assert_int_equal(read_as(CONF_STRING, longest, 0, 0, &v, why), -EINVAL);
	longest[1024] = '\0';
	assert_int_equal(read_as(CONF_STRING, longest, 0, 0, &v, why), 0);
}

static void
reads_addresses(void **state)
{
	struct conf_value v;
	char why[200], text[PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(read_as(CONF_ENDPOINT, "[2001:db8::1]:6344", 0, 0, &v, why), 0);
	assert_string_equal(addr_format(&v.addr, text), "2001:db8::1");
	assert_int_equal(v.port, 6344);
	assert_int_equal(read_as(CONF_ENDPOINT, "192.0.2.1:65535", 0, 0, &v, why), 0);
	assert_int_equal(v.port, 65535);
	assert_int_equal(read_as(CONF_PREFIX, "10.1.2.3/8", 0, 0, &v, why), 0);
	assert_string_equal(prefix_format(&v.prefix, text), "10.0.0.0/8");
}

static void
counts_options(void **state)
{
	static const struct conf_option none[] = {{.type = CONF_END}},
					two[] = {{.name = "a", .type = CONF_BOOL},
					    {.name = "b", .type = CONF_BOOL}, {.type = CONF_END}};

	(void)state;
	assert_int_equal(conf_value_options(none), 0);
	assert_int_equal(conf_value_options(two), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_numbers),
	    cmocka_unit_test(refuses_and_says_what_is_right),
	    cmocka_unit_test(keeps_to_limits),
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(counts_options),
	};

	return cmocka_run_group_tests_name("conf_value", tests, NULL, NULL);
}
