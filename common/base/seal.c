/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define CLEAR (4 + KEYS_SIZE)
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define MAC crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD (2 * SEAL_TOKEN + 8)

_Static_assert(SEAL_OVERHEAD == CLEAR + NONCE + HEAD + MAC, "the overhead is what it says");

int
seal_init(struct seal *seal, const struct keys_pair *own, const uint8_t peer[KEYS_SIZE])
{
	if (crypto_box_beforenm(seal->shared, peer, own->secret_key) != 0)
		return -EINVAL;
	memcpy(seal->own_key, own->public_key, KEYS_SIZE);
	memcpy(seal->peer_key, peer, KEYS_SIZE);
	return 0;
}

void
seal_done(struct seal *seal)
{
	sodium_memzero(seal, sizeof *seal);
}

void
seal_token(uint8_t ret_token[SEAL_TOKEN])
{
	randombytes_buf(ret_token, SEAL_TOKEN);
}

void
seal_derive(const uint8_t secret[32], const void *bytes, size_t size, uint8_t ret_token[SEAL_TOKEN])
{
	crypto_generichash(ret_token, SEAL_TOKEN, bytes, size, secret, 32);
}

static void
put64(uint8_t *p, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		p[i] = (uint8_t)value;
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | p[i];
	return value;
}

int
seal_close(const struct seal *seal, enum seal_direction direction, const struct seal_head *head,
    const uint8_t *payload, size_t payload_size, uint8_t *message, size_t size)
{
	size_t total = payload_size + SEAL_OVERHEAD;
	uint8_t *nonce = message + CLEAR, *body = nonce + NONCE;

	if (payload_size > SEAL_MESSAGE_MAX || total > SEAL_MESSAGE_MAX || total > size)
		return -EMSGSIZE;
	memcpy(message, "FS\x01", 3);
	message[3] = (uint8_t)direction;
	memcpy(message + 4, seal->own_key, KEYS_SIZE);
	randombytes_buf(nonce, NONCE);
	/* libsodium seals in place: the plain text is laid where the sealed one will be. */
	memcpy(body, head->from, SEAL_TOKEN);
	memcpy(body + SEAL_TOKEN, head->to, SEAL_TOKEN);
	put64(body + 2 * SEAL_TOKEN, head->counter);
	if (payload_size)
		memcpy(body + HEAD, payload, payload_size);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    body, NULL, body, HEAD + payload_size, message, CLEAR, NULL, nonce, seal->shared);
	return (int)total;
}

int
seal_sender(
    const uint8_t *message, size_t size, enum seal_direction direction, const uint8_t **ret_key)
{
	if (size < SEAL_OVERHEAD || size > SEAL_MESSAGE_MAX || memcmp(message, "FS\x01", 3) != 0 ||
	    message[3] != direction)
		return -EBADMSG;
	*ret_key = message + 4;
	return 0;
}

int
seal_open(const struct seal *seal, enum seal_direction direction, const uint8_t *message,
    size_t size, struct seal_head *ret_head, uint8_t *payload)
{
	static const size_t least = SEAL_OVERHEAD;
	uint8_t plain[SEAL_MESSAGE_MAX];
	const uint8_t *sender;
	int r = seal_sender(message, size, direction, &sender);

	if (r < 0)
		return r;
	if (sodium_memcmp(sender, seal->peer_key, KEYS_SIZE) != 0 ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, message + CLEAR + NONCE,
		size - CLEAR - NONCE, message, CLEAR, message + CLEAR, seal->shared) != 0)
		return -EACCES;
	memcpy(ret_head->from, plain, SEAL_TOKEN);
	memcpy(ret_head->to, plain + SEAL_TOKEN, SEAL_TOKEN);
	ret_head->counter = get64(plain + 2 * SEAL_TOKEN);
	memcpy(payload, plain + HEAD, size - least);
	return (int)(size - least);
}
