/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/addr.h"

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p, NULL), 0);
	return p;
}

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void
reads_and_writes(void **state)
{
	static const struct {
		const char *in, *out;
		bool masked;
	} good[] = {
	    {"10.1.2.3", "10.1.2.3", false},
	    {"10.1.2.3/32", "10.1.2.3", false},
	    {"10.1.2.3/8", "10.0.0.0/8", true},
	    {"0.0.0.0/0", "0.0.0.0/0", false},
	    {"2001:DB8:0:0::1", "2001:db8::1", false},
	    {"2001:db8:ffff::1/29", "2001:db8::/29", true},
	    {"::/0", "::/0", false},
	    {"::ffff:192.0.2.1", "192.0.2.1", false},
	    {"::ffff:192.0.2.0/120", "192.0.2.0/24", false},
	};
	static const char *const bad[] = {"", "10.1.2", "10.1.2.3/33", "10.1.2.3/", "10.1.2.3/8x",
	    "::/129", "10.1.2.3/-1", "10.1.2.3 ", "fe80::1%eth0", "host", "1.2.3.4/0032",
	    "::ffff:192.0.2.0/24",
	    "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct prefix p;
		bool masked;

		assert_int_equal(prefix_parse(good[i].in, &p, &masked), 0);
		assert_string_equal(prefix_format(&p, text), good[i].out);
		assert_int_equal(masked, good[i].masked);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct prefix p;

		if (prefix_parse(bad[i], &p, NULL) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void
contains_bit_by_bit(void **state)
{
	(void)state;
	for (unsigned len = 0; len <= 128; len++) {
		struct addr base = addr("2001:db8:a5a5:5a5a:f0f0:0f0f:1234:8765");
		struct prefix p = prefix_make(&base, len);

		assert_true(prefix_contains(&p, &base));
		for (unsigned bit = 0; bit < 128; bit++) {
			struct addr other = base;

			other.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(prefix_contains(&p, &other), bit >= len);
		}
	}
	struct prefix p = prefix("0.0.0.0/0");
	struct addr six = addr("::1"), none = {.family = 0};
	assert_false(prefix_contains(&p, &six));
	assert_false(prefix_contains(&p, &none));
}

static void
covers_and_compares(void **state)
{
	struct prefix wide = prefix("10.0.0.0/8"), narrow = prefix("10.2.0.0/16"),
		      other = prefix("11.0.0.0/16");
	struct addr four = addr("255.255.255.255"), six = addr("::"), low = addr("1.2.3.4");

	(void)state;
	assert_true(prefix_covers(&wide, &narrow));
	assert_true(prefix_covers(&wide, &wide));
	assert_false(prefix_covers(&narrow, &wide));
	assert_false(prefix_covers(&wide, &other));
	assert_true(addr_compare(&four, &six) < 0);
	assert_true(addr_compare(&low, &four) < 0);
	assert_int_equal(addr_compare(&six, &six), 0);
}

static void
knows_the_special(void **state)
{
	static const char *const special[] = {"0.1.2.3", "127.9.9.9", "169.254.1.1", "224.0.0.1",
	    "239.255.255.255", "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "ff02::1"};
	static const char *const plain[] = {"1.1.1.1", "10.0.0.1", "128.0.0.1", "223.255.255.255",
	    "169.253.1.1", "2001:db8::1", "fec0::1", "::2", "fd00::1"};

	(void)state;
	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		struct addr a = addr(special[i]);

		if (!addr_is_special(&a))
			fail_msg("%s", special[i]);
	}
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		struct addr a = addr(plain[i]);

		if (addr_is_special(&a))
			fail_msg("%s", plain[i]);
	}
}

static void
goes_through_sockaddr(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "2001:db8::7"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct addr in = addr(texts[i]), out;
		struct sockaddr_storage sa;
		uint16_t port;

		assert_int_equal(addr_to_sockaddr(&in, 6343, &sa),
		    i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &out, &port), 0);
		assert_true(addr_equal(&in, &out));
		assert_int_equal(port, 6343);
	}
	struct sockaddr unix_sa = {.sa_family = AF_UNIX};
	struct addr out;
	assert_int_equal(addr_from_sockaddr(&unix_sa, &out, NULL), -EAFNOSUPPORT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes),
	    cmocka_unit_test(contains_bit_by_bit),
	    cmocka_unit_test(covers_and_compares),
	    cmocka_unit_test(knows_the_special),
	    cmocka_unit_test(goes_through_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
