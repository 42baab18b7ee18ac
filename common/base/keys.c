/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/conf.h"

int
keys_init(void)
{
	return sodium_init() < 0 ? -ENOSYS : 0;
}

void
keys_generate(struct keys_pair *ret_pair)
{
	crypto_box_keypair(ret_pair->public_key, ret_pair->secret_key);
}

int
keys_from_secret(const uint8_t secret_key[KEYS_SIZE], struct keys_pair *ret_pair)
{
	struct keys_pair pair;

	memcpy(pair.secret_key, secret_key, KEYS_SIZE);
	if (sodium_is_zero(secret_key, KEYS_SIZE) ||
	    crypto_scalarmult_base(pair.public_key, secret_key) != 0)
		return -EINVAL;
	*ret_pair = pair;
	sodium_memzero(&pair, sizeof pair);
	return 0;
}

char *
keys_format(const uint8_t key[KEYS_SIZE], char text[KEYS_TEXT_MAX])
{
	return sodium_bin2base64(
	    text, KEYS_TEXT_MAX, key, KEYS_SIZE, sodium_base64_VARIANT_ORIGINAL);
}

int
keys_parse(const char *text, uint8_t ret_key[KEYS_SIZE])
{
	uint8_t key[KEYS_SIZE];
	size_t size, begin = strspn(text, " \t\r\n");
	const char *end;

	if (sodium_base642bin(key, sizeof key, text + begin, strcspn(text + begin, " \t\r\n"), NULL,
		&size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    size != KEYS_SIZE || end[strspn(end, " \t\r\n")] != '\0')
		return -EINVAL;
	memcpy(ret_key, key, KEYS_SIZE);
	sodium_memzero(key, sizeof key);
	return 0;
}

char *
keys_fingerprint(const uint8_t public_key[KEYS_SIZE], char text[KEYS_FINGERPRINT_MAX])
{
	uint8_t hash[crypto_generichash_BYTES_MIN];

	crypto_generichash(hash, sizeof hash, public_key, KEYS_SIZE, NULL, 0);
	snprintf(text, KEYS_FINGERPRINT_MAX, "%02x%02x-%02x%02x-%02x%02x-%02x%02x", hash[0],
	    hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
	return text;
}

static void
what_would_help(const char *path, int code, char *error, size_t size)
{
	size_t used = strlen(error);
	const struct passwd *user = code == -EACCES ? getpwuid(geteuid()) : NULL;

	if (code == -ENOENT)
		snprintf(error + used, size - used,
		    "; finderscopectl genkey makes a key, on a switch finderscope-agent "
		    "--public-key");
	else if (user)
		snprintf(error + used, size - used, "; it must be %s's: chown %s: %s",
		    user->pw_name, user->pw_name, path);
}

int
keys_load(const char *path, struct keys_pair *ret_pair, char *error, size_t size)
{
	char text[256], why[CONF_ERROR_MAX];
	uint8_t secret[KEYS_SIZE];
	int r = conf_read_secret(path, text, sizeof text, why);

	if (r < 0) {
		snprintf(error, size, "%s", why);
		what_would_help(path, r, error, size);
		return r;
	}
	r = keys_parse(text, secret);
	if (r == 0)
		r = keys_from_secret(secret, ret_pair);
	if (r < 0)
		snprintf(error, size,
		    "%s: holds no key; one line of 44 characters, as finderscopectl genkey prints "
		    "it",
		    path);
	sodium_memzero(text, sizeof text);
	sodium_memzero(secret, sizeof secret);
	return r;
}

int
keys_save(const char *path, const struct keys_pair *pair, char *error, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r;
	char line[KEYS_TEXT_MAX + 1];
	bool good;

	if (fd < 0) {
		r = -errno;
		snprintf(error, size, "%s: %s%s", path, strerror(errno),
		    r == -EEXIST ? "; a key is never written over" : "");
		return r;
	}
	keys_format(pair->secret_key, line);
	line[KEYS_TEXT_MAX - 1] = '\n';
	good = write(fd, line, KEYS_TEXT_MAX) == KEYS_TEXT_MAX && fsync(fd) == 0;
	sodium_memzero(line, sizeof line);
	if (close(fd) == 0 && good)
		return 0;
	unlink(path);
	snprintf(error, size, "%s: could not be written whole", path);
	return -EIO;
}
