/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/keys.h"

/* RFC 7748, 6.1: Alice's pair. */
static const uint8_t alice_secret[KEYS_SIZE] = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
    0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a,
    0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
static const uint8_t alice_public[KEYS_SIZE] = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54,
    0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4,
    0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};

static void
knows_the_standards_pair(void **state)
{
	struct keys_pair pair;

	(void)state;
	assert_int_equal(keys_from_secret(alice_secret, &pair), 0);
	assert_memory_equal(pair.public_key, alice_public, KEYS_SIZE);
	assert_memory_equal(pair.secret_key, alice_secret, KEYS_SIZE);
}

static void
refuses_no_secret(void **state)
{
	static const uint8_t zero[KEYS_SIZE];
	struct keys_pair pair;

	(void)state;
	assert_int_equal(keys_from_secret(zero, &pair), -EINVAL);
}

static void
generates_pairs_that_fit(void **state)
{
	struct keys_pair a, b, again;

	(void)state;
	keys_generate(&a);
	keys_generate(&b);
	assert_memory_not_equal(a.secret_key, b.secret_key, KEYS_SIZE);
	assert_int_equal(keys_from_secret(a.secret_key, &again), 0);
	assert_memory_equal(a.public_key, again.public_key, KEYS_SIZE);
}

static void
reads_what_it_writes(void **state)
{
	char text[KEYS_TEXT_MAX], padded[80];
	uint8_t key[KEYS_SIZE];

	(void)state;
	assert_string_equal(
	    keys_format(alice_public, text), "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
	assert_int_equal(keys_parse(text, key), 0);
	assert_memory_equal(key, alice_public, KEYS_SIZE);
	snprintf(padded, sizeof padded, " \t%s\r\n\n", text);
	assert_int_equal(keys_parse(padded, key), 0);
}

static void
refuses_other_text(void **state)
{
	static const char *const bad[] = {"", " ", "=",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTm==",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmoA",
	    "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo=",
	    "hSDwCYkwp1R0 i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo= x",
	    ("hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
	     "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="),
	    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"};
	uint8_t key[KEYS_SIZE];

	(void)state;
	memset(key, 0x5a, sizeof key);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (keys_parse(bad[i], key) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	/* Written on success only. */
	for (size_t i = 0; i < sizeof key; i++)
		assert_int_equal(key[i], 0x5a);
}

static void
fingerprints(void **state)
{
	char a[KEYS_FINGERPRINT_MAX], b[KEYS_FINGERPRINT_MAX];
	uint8_t other[KEYS_SIZE];

	(void)state;
	keys_fingerprint(alice_public, a);
	assert_int_equal(strlen(a), 19);
	assert_int_equal(strspn(a, "0123456789abcdef-"), 19);
	assert_string_equal(keys_fingerprint(alice_public, b), a);
	memcpy(other, alice_public, KEYS_SIZE);
	other[0] ^= 1;
	assert_string_not_equal(keys_fingerprint(other, b), a);
}

static char path[] = "/tmp/finderscope-keys.XXXXXX";

static void
put(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
loads_a_file_that_is_nobody_elses(void **state)
{
	struct keys_pair pair;
	char error[200] = "", text[KEYS_TEXT_MAX + 2];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(text, sizeof text, "%s\n", keys_format(alice_secret, (char[KEYS_TEXT_MAX]){0}));
	put(text, 0600);
	assert_int_equal(keys_load(path, &pair, error, sizeof error), 0);
	assert_memory_equal(pair.public_key, alice_public, KEYS_SIZE);
	put(text, 0400);
	unlink(path);
	put(text, 0400);
	assert_int_equal(keys_load(path, &pair, error, sizeof error), 0);
	/* Others can read it: not a secret. */
	for (unsigned i = 0; i < 3; i++) {
		static const mode_t open_modes[] = {0640, 0604, 0644};

		chmod(path, open_modes[i]);
		assert_true(keys_load(path, &pair, error, sizeof error) < 0);
		assert_non_null(strstr(error, path));
	}
	unlink(path);
	put("no key\n", 0600);
	assert_int_equal(keys_load(path, &pair, error, sizeof error), -EINVAL);
	assert_non_null(strstr(error, "genkey"));
	put("", 0600);
	assert_int_equal(keys_load(path, &pair, error, sizeof error), -EINVAL);
	put("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600);
	assert_int_equal(keys_load(path, &pair, error, sizeof error), -EINVAL);
	unlink(path);
	assert_int_equal(keys_load(path, &pair, error, sizeof error), -ENOENT);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_true(keys_load(path, &pair, error, sizeof error) < 0);
	unlink(path);
}

static int
setup(void **state)
{
	(void)state;
	return keys_init() < 0 || keys_init() < 0;
}

/* What keys_save wrote keys_load reads; nobody else may; and a key is never written over. */
static void
a_saved_key_is_the_same(void **state)
{
	char dir[] = "/tmp/test_keys.XXXXXX", file[64], error[512];
	struct keys_pair pair, loaded, other;
	struct stat st;

	(void)state;
	assert_int_equal(keys_init(), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/key", dir);
	keys_generate(&pair);
	keys_generate(&other);
	assert_int_equal(keys_load(file, &loaded, error, sizeof error), -ENOENT);
	assert_non_null(strstr(error, "genkey"));
	assert_int_equal(keys_save(file, &pair, error, sizeof error), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(keys_save(file, &other, error, sizeof error), -EEXIST);
	assert_non_null(strstr(error, "never written over"));
	assert_int_equal(keys_load(file, &loaded, error, sizeof error), 0);
	assert_memory_equal(&loaded, &pair, sizeof pair);
	unlink(path);
	assert_int_equal(keys_save("/nonexistent/key", &pair, error, sizeof error), -ENOENT);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_standards_pair),
	    cmocka_unit_test(refuses_no_secret),
	    cmocka_unit_test(generates_pairs_that_fit),
	    cmocka_unit_test(reads_what_it_writes),
	    cmocka_unit_test(refuses_other_text),
	    cmocka_unit_test(fingerprints),
	    cmocka_unit_test(loads_a_file_that_is_nobody_elses),
	    cmocka_unit_test(a_saved_key_is_the_same),
	};

	return cmocka_run_group_tests_name("keys", tests, setup, NULL);
}
