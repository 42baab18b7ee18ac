/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sealed box round every message of the control channel. Two keys make one shared secret
 * (X25519, libsodium's crypto_box_beforenm), under which each message is XChaCha20-Poly1305 with a
 * random nonce.
 *
 *   clear    "FS" version=1 direction | sender's public key (32) | nonce (24)
 *   sealed   sender's token (16) | receiver's token (16) | counter (8) | payload
 *
 * The clear part is authenticated with the rest. What a message means (repeat, stale, unknown
 * session) is its receiver's to judge by tokens and counter; what cannot be opened never gets
 * there.
 */
#ifndef COMMON_BASE_SEAL_H
#define COMMON_BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/keys.h"

#define SEAL_MESSAGE_MAX (64 * 1024)
#define SEAL_TOKEN 16
#define SEAL_OVERHEAD (4 + KEYS_SIZE + 24 + 2 * SEAL_TOKEN + 8 + 16)

enum seal_direction { SEAL_TO_CONTROLLER = 1, SEAL_TO_AGENT = 2 };

/* The secret that two parties share; a plain value, to be wiped by seal_done. */
struct seal {
	uint8_t shared[32];
	uint8_t own_key[KEYS_SIZE];
	uint8_t peer_key[KEYS_SIZE];
};

/* What is sealed beside the payload. */
struct seal_head {
	uint8_t from[SEAL_TOKEN];
	uint8_t to[SEAL_TOKEN]; /* all zero: not known yet */
	uint64_t counter;
};

/* -EINVAL: the peer's key is none (a point of low order). */
int seal_init(struct seal *seal, const struct keys_pair *own, const uint8_t peer[KEYS_SIZE]);
void seal_done(struct seal *seal);

/* Fresh random bytes. */
void seal_token(uint8_t ret_token[SEAL_TOKEN]);

/*
 * A token that only the holder of `secret` can make and know again, of these bytes: a challenge
 * without a memory (keyed BLAKE2b).
 */
void seal_derive(
    const uint8_t secret[32], const void *bytes, size_t size, uint8_t ret_token[SEAL_TOKEN]);

/* Bytes written to `message`, or -EMSGSIZE: over SEAL_MESSAGE_MAX, or over `size`. */
int seal_close(const struct seal *seal, enum seal_direction direction, const struct seal_head *head,
    const uint8_t *payload, size_t payload_size, uint8_t *message, size_t size);

/* Who says to have sent this: points into `message`. -EBADMSG: no message of ours, or of the other
 * direction. */
int seal_sender(
    const uint8_t *message, size_t size, enum seal_direction direction, const uint8_t **ret_key);

/*
 * Payload bytes written to `payload` (room for `size` at least), and the head. -EBADMSG: malformed,
 * or not going this way (reflected); -EACCES: not sealed by the peer for us.
 */
int seal_open(const struct seal *seal, enum seal_direction direction, const uint8_t *message,
    size_t size, struct seal_head *ret_head, uint8_t *payload);

#endif
