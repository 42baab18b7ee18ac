/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/decide/addrbook.h"
#include "tests/support/decider.h"

static struct addr
nth(unsigned i)
{
	uint8_t bytes[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

	return addr_from_v4(bytes);
}

static void
several_may_have_one_address(void **unused)
{
	struct addr a = decider_addr("192.0.2.1"), b = decider_addr("2001:db8::1");
	const struct addrbook_entry *e;
	struct addrbook *book;
	unsigned ids = 0;

	(void)unused;
	assert_int_equal(addrbook_new(&book), 0);
	assert_null(addrbook_find(book, &a, NULL));
	assert_int_equal(addrbook_add(book, &a, ADDRBOOK_REPORTED, 1), 0);
	assert_int_equal(addrbook_add(book, &a, ADDRBOOK_REPORTED, 2), 0);
	assert_int_equal(addrbook_add(book, &a, ADDRBOOK_EXPORTER, 1), 0);
	assert_int_equal(addrbook_add(book, &b, ADDRBOOK_OWN, 0), 0);
	for (e = NULL; (e = addrbook_find(book, &a, e)) != NULL;)
		ids += e->kind == ADDRBOOK_REPORTED ? e->id : 10;
	assert_int_equal(ids, 13);
	addrbook_remove(book, &a, ADDRBOOK_REPORTED, 1);
	addrbook_remove(book, &a, ADDRBOOK_REPORTED, 7); /* never there */
	for (ids = 0, e = NULL; (e = addrbook_find(book, &a, e)) != NULL;)
		ids += e->kind == ADDRBOOK_REPORTED ? e->id : 10;
	assert_int_equal(ids, 12);
	assert_int_equal(addrbook_count(book), 3);
	addrbook_free(&book);
}

static void
random_changes_agree_with_a_list(void **unused)
{
	enum { MANY = 300 };
	unsigned count[MANY] = {0}, seed = 5, total = 0;
	struct addrbook *book;

	(void)unused;
	assert_int_equal(addrbook_new(&book), 0);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = (unsigned)rand_r(&seed) % MANY;
		struct addr a = nth(k);

		if (rand_r(&seed) % 2) {
			assert_int_equal(addrbook_add(book, &a, ADDRBOOK_REPORTED, k), 0);
			count[k]++;
			total++;
		} else if (count[k] > 0) {
			addrbook_remove(book, &a, ADDRBOOK_REPORTED, k);
			count[k]--;
			total--;
		}
	}
	assert_int_equal(addrbook_count(book), total);
	for (unsigned k = 0; k < MANY; k++) {
		const struct addrbook_entry *e = NULL;
		struct addr a = nth(k);
		unsigned n = 0;

		while ((e = addrbook_find(book, &a, e)) != NULL)
			n += e->id == k;
		assert_int_equal(n, count[k]);
	}
	addrbook_free(&book);
}

static void
inside_a_prefix(void **unused)
{
	struct prefix prefix = decider_prefix("10.0.1.0/24"), all = decider_prefix("0.0.0.0/0"),
		      six = decider_prefix("::/0");
	struct addr in = nth(300), out = nth(5);
	struct addrbook *book;

	(void)unused;
	assert_int_equal(addrbook_new(&book), 0);
	assert_int_equal(addrbook_add(book, &out, ADDRBOOK_OWN, 0), 0);
	assert_null(addrbook_inside(book, &prefix));
	assert_int_equal(addrbook_add(book, &in, ADDRBOOK_OWN, 0), 0);
	assert_true(addr_equal(&addrbook_inside(book, &prefix)->addr, &in));
	assert_non_null(addrbook_inside(book, &all));
	assert_null(addrbook_inside(book, &six));
	addrbook_free(&book);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(several_may_have_one_address),
	    cmocka_unit_test(random_changes_agree_with_a_list),
	    cmocka_unit_test(inside_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
