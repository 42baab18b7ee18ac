/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * X25519 key pairs (RFC 7748) and their text: base64 of 32 bytes, one line. Secrets come from files
 * of mode 0600 only. Call keys_init once before anything else of keys or seal.
 */
#ifndef COMMON_BASE_KEYS_H
#define COMMON_BASE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_SIZE 32
#define KEYS_TEXT_MAX 45 /* 44 and NUL */
#define KEYS_FINGERPRINT_MAX 24

struct keys_pair {
	uint8_t public_key[KEYS_SIZE];
	uint8_t secret_key[KEYS_SIZE];
};

/* 0 or -ENOSYS: no random numbers to be had. Twice is as good as once. */
int keys_init(void);

void keys_generate(struct keys_pair *ret_pair);

/* The pair of a secret key. -EINVAL for one that gives no public key. */
int keys_from_secret(const uint8_t secret_key[KEYS_SIZE], struct keys_pair *ret_pair);

/* Returns `text`. */
char *keys_format(const uint8_t key[KEYS_SIZE], char text[KEYS_TEXT_MAX]);

/* White space round it is ignored. -EINVAL: not 44 characters of base64 for 32 bytes. */
int keys_parse(const char *text, uint8_t ret_key[KEYS_SIZE]);

/* What people compare: "1a2b-3c4d-5e6f-7081", of a BLAKE2b hash of the public key. Returns `text`.
 */
char *keys_fingerprint(const uint8_t public_key[KEYS_SIZE], char text[KEYS_FINGERPRINT_MAX]);

/* A secret key's file; negative errno and one line in `error` (size bytes) that says what would be
 * right. */
int keys_load(const char *path, struct keys_pair *ret_pair, char *error, size_t size);

/* Writes the secret key into a new file of mode 0600 that nobody could read meanwhile. A file that
 * is there is never written over: -EEXIST. Negative errno and one line in `error`. */
int keys_save(const char *path, const struct keys_pair *pair, char *error, size_t size);

#endif
