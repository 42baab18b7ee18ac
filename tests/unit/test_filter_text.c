/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/tool/filter_text.h"

static struct filter
read_good(const char *text)
{
	struct filter f;
	struct filter_text_error e;

	if (filter_text_parse(text, &f, &e) != 0)
		fail_msg("\"%s\": %s", text, e.text);
	assert_null(filter_check(&f, NULL));
	return f;
}

/* What is printed is the text that says the same in its shortest form. */
static void
reads_and_writes(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
	    {"host 10.1.0.2 and host 198.51.100.9 and tcp port 443",
		"host 10.1.0.2 and host 198.51.100.9 and tcp port 443"},
	    {"host 10.1.0.2 and host 198.51.100.9", "host 10.1.0.2 and host 198.51.100.9"},
	    {"10.1.0.2 and 198.51.100.9", "host 10.1.0.2 and host 198.51.100.9"},
	    {"host 10.1.0.2", "host 10.1.0.2"},
	    {"  net\t10.1.0.0/16  &&  udp port 53 ", "net 10.1.0.0/16 and udp port 53"},
	    {"src net 10.1.0.0/16 and dst host 10.9.9.9 and icmp and in swp3",
		"src net 10.1.0.0/16 and dst host 10.9.9.9 and icmp and in swp3"},
	    {"dst host 10.9.9.9 and src host 10.1.0.2", "src host 10.1.0.2 and dst host 10.9.9.9"},
	    {"dst host 10.9.9.9", "dst host 10.9.9.9"},
	    {"src host 10.1.0.2 and tcp dst port 443 and tcp src port 99",
		"src host 10.1.0.2 and tcp src port 99 and tcp dst port 443"},
	    {"host 10.1.0.2 and host 198.51.100.9 port 443 and tcp",
		"host 10.1.0.2 and host 198.51.100.9 port 443 and tcp"},
	    {"ip6 and host 2001:DB8::1 and icmp6", "host 2001:db8::1 and icmp6"},
	    {"host ::ffff:10.1.0.2", "host 10.1.0.2"},
	    {"host 10.1.0.2 and proto 47", "host 10.1.0.2 and proto 47"},
	    {"host 10.1.0.2 and proto \\tcp", "host 10.1.0.2 and tcp"},
	    {"host 10.1.0.2 and tcp and tcp port 80", "host 10.1.0.2 and tcp port 80"},
	};
	char text[FILTER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct filter f = read_good(good[i].in), again;

		assert_string_equal(filter_format(&f, text), good[i].out);
		again = read_good(text);
		assert_true(filter_equal(&f, &again));
	}
}

static void
says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *in, *at, *says;
	} bad[] = {
	    {"", "", "missing"},
	    {"   ", "", "missing"},
	    {"host", "", "address is missing"},
	    {"host 10.1.0", "10.1.0", "names are not looked up"},
	    {"host www.example.net", "www.example.net", "names are not looked up"},
	    {"host 10.1.0.2 or host 10.1.0.3", "or", "one capture for each"},
	    {"not host 10.1.0.2", "not", "cannot say \"not\""},
	    {"! host 10.1.0.2", "!", "cannot say \"not\""},
	    {"(host 10.1.0.2)", "(", "brackets"},
	    {"host 10.1.0.2 host 10.1.0.3", "host 10.1.0.3", "joined by"},
	    {"host 10.1.0.2 and", "", "term is missing"},
	    {"host 10.1.0.2/24", "10.1.0.2/24", "write net 10.1.0.0/24"},
	    {"net 10.1.0.2/24", "10.1.0.2/24", "write net 10.1.0.0/24"},
	    {"host 10.1.0.2 and port 443", "port", "needs its protocol"},
	    {"host 10.1.0.2 and icmp port 443", "port", "has no ports"},
	    {"host 10.1.0.2 and tcp port 0", "0", "1 to 65535"},
	    {"host 10.1.0.2 and tcp port 65536", "65536", "1 to 65535"},
	    {"host 10.1.0.2 and tcp port 00080", NULL, NULL},
	    {"host 10.1.0.2 and tcp port 000080", "000080", "1 to 65535"},
	    {"host 10.1.0.2 and tcp port http", "http", "is no port"},
	    {"host 10.1.0.2 and tcp port -1", "-1", "is no port"},
	    {"host 10.1.0.2 and proto 256", "256", "1 to 255"},
	    {"host 10.1.0.2 and tcp and udp", "udp", "one protocol"},
	    {"host 10.1.0.2 and host 2001:db8::1", "2001:db8::1", "IPv6"},
	    {"host 10.1.0.2 and icmp6", "icmp6", "IPv6"},
	    {"host 10.1.0.2 and host 10.1.0.3 and host 10.1.0.4", "10.1.0.4", "two sides"},
	    {"src host 10.1.0.2 and src host 10.1.0.3", "10.1.0.3", "named already"},
	    {"src host 10.1.0.2 and host 10.1.0.3", "10.1.0.3", "needs its side"},
	    {"host 10.1.0.2 and in swp1 and in swp2", "swp2", "one interface"},
	    {"host 10.1.0.2 and in", "", "interface is missing"},
	    {"host 10.1.0.2 and in swp/1", "swp/1", "no interface name"},
	    {"tcp port 443", "", "at least one address"},
	    {"net 0.0.0.0/0", "", "names no address"},
	    {"host 10.1.0.2 and tcp[13] = 2", "[", "single bytes"},
	    {"host 10.1.0.2 and ether host 1", "ether", "MAC"},
	    {"host 10.1.0.2 and wibble", "wibble", "no word of a filter"},
	    {"host 10.1.0.2; iptables -F", "10.1.0.2;", "names are not looked up"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct filter f;
		struct filter_text_error e;
		int r = filter_text_parse(bad[i].in, &f, &e);

		if (!bad[i].at) {
			assert_int_equal(r, 0);
			continue;
		}
		if (r != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i].in);
		if (strncmp(bad[i].in + e.at, bad[i].at, strlen(bad[i].at)) != 0 ||
		    !strstr(e.text, bad[i].says))
			fail_msg("\"%s\": at %zu+%zu: %s", bad[i].in, e.at, e.len, e.text);
		assert_true(e.at + e.len <= strlen(bad[i].in));
	}
}

static void
bounds_its_input(void **state)
{
	static char text[FILTER_TEXT_INPUT_MAX + 10];
	struct filter f;
	struct filter_text_error e;

	(void)state;
	memset(text, ' ', sizeof text - 1);
	memcpy(text, "host 10.1.0.2", 13);
	text[FILTER_TEXT_INPUT_MAX] = '\0';
	assert_int_equal(filter_text_parse(text, &f, &e), 0);
	text[FILTER_TEXT_INPUT_MAX] = ' ';
	assert_int_equal(filter_text_parse(text, &f, &e), -EINVAL);
	/* One word as long as all of it. */
	memset(text, 'x', FILTER_TEXT_INPUT_MAX);
	text[FILTER_TEXT_INPUT_MAX] = '\0';
	assert_int_equal(filter_text_parse(text, &f, &e), -EINVAL);
	assert_int_equal(e.len, FILTER_TEXT_INPUT_MAX);
}

/* Any filter there is reads back from what is printed of it. */
static void
prints_what_reads_back(void **state)
{
	static const uint8_t protos[] = {1, 6, 17, 33, 47, 58, 132, 136, 200, 255};
	unsigned seed = 99, n = 0;

	(void)state;
	while (n < 20000) {
		struct filter f = {.one_way = rand_r(&seed) % 2}, back;
		struct filter_text_error e;
		struct addr a, b;
		char text[FILTER_TEXT_MAX];
		bool six = rand_r(&seed) % 2;

		addr_parse(six ? "2001:db8:5::77" : "10.1.0.77", &a);
		addr_parse(six ? "2001:db8:6::99" : "198.51.100.99", &b);
		f.a = prefix_make(&a, (unsigned)rand_r(&seed) % (six ? 129 : 33));
		f.b = prefix_make(&b, (unsigned)rand_r(&seed) % (six ? 129 : 33));
		if (rand_r(&seed) % 2) {
			f.has_proto = true;
			f.proto = protos[(unsigned)rand_r(&seed) % sizeof protos];
		}
		if (rand_r(&seed) % 3 == 0)
			f.port = (uint16_t)rand_r(&seed);
		if (rand_r(&seed) % 3 == 0)
			f.a_port = (uint16_t)rand_r(&seed);
		if (rand_r(&seed) % 3 == 0)
			f.b_port = (uint16_t)rand_r(&seed);
		if (rand_r(&seed) % 3 == 0)
			snprintf(f.iface, sizeof f.iface, "swp%d", rand_r(&seed) % 99);
		if (filter_check(&f, NULL))
			continue;
		n++;
		filter_format(&f, text);
		if (filter_text_parse(text, &back, &e) != 0)
			fail_msg("\"%s\": %s", text, e.text);
		if (!filter_equal(&f, &back))
			fail_msg("\"%s\" read back as another filter", text);
	}
}

static void
points_at_the_word(void **state)
{
	struct filter f;
	struct filter_text_error e;
	char out[400], small[8];
	const char *text = "host 10.1.0.2 or\thost 10.1.0.3";

	(void)state;
	assert_int_equal(filter_text_parse(text, &f, &e), -EINVAL);
	filter_text_caret(text, &e, out, sizeof out);
	assert_non_null(strstr(out, "host 10.1.0.2 or?host 10.1.0.3\n              ^~\n"));
	/* Any room is enough to end the text in. */
	for (size_t size = 1; size <= sizeof small; size++) {
		memset(small, 'x', sizeof small);
		filter_text_caret(text, &e, small, size);
		assert_true(strlen(small) < size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes),
	    cmocka_unit_test(says_what_is_wrong_and_where),
	    cmocka_unit_test(bounds_its_input),
	    cmocka_unit_test(prints_what_reads_back),
	    cmocka_unit_test(points_at_the_word),
	};

	return cmocka_run_group_tests_name("filter_text", tests, NULL, NULL);
}
