/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vectors: FIPS 180-4's examples, and the NIST CAVP's short messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/store/sha1.h"

static const char *
hex_of(const void *bytes, size_t length)
{
	static char text[2 * SHA1_SIZE + 1];
	uint8_t digest[SHA1_SIZE];

	sha1(bytes, length, digest);
	for (unsigned i = 0; i < SHA1_SIZE; i++)
		snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
	return text;
}

static void
published_vectors(void **state)
{
	static const struct {
		const char *text, *digest;
	} vectors[] = {
	    {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	    {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
	     "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		"a49b2446a02c645bf419f995b67091253a04a259"},
	    {"\x36", "c1dfd96eea8cc2b62785275bca38ac261256e278"},
	};
	char *million = malloc(1000000);

	(void)state;
	for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		assert_string_equal(
		    hex_of(vectors[i].text, strlen(vectors[i].text)), vectors[i].digest);
	memset(million, 'a', 1000000);
	assert_string_equal(hex_of(million, 1000000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	free(million);
}

/* Every length round the block's end, against the digest of the digests from another program:
 * for n in range(200): h.update(hashlib.sha1(bytes(range(n))).digest()). */
static void
every_length_round_a_block(void **state)
{
	uint8_t bytes[200], all[200 * SHA1_SIZE];

	(void)state;
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t n = 0; n < 200; n++)
		sha1(bytes, n, all + n * SHA1_SIZE);
	assert_string_equal(hex_of(all, sizeof all), "ab05664693b2d32b84dd4616c5284c285cc0684a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_vectors),
	    cmocka_unit_test(every_length_round_a_block),
	};

	return cmocka_run_group_tests_name("sha1", tests, NULL, NULL);
}
