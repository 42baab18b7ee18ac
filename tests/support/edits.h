/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzzer's bytes as changes to a good message, so that checks behind the first ones are reached
 * however strict those are, and no stored seed grows stale when the message changes.
 */
#ifndef TESTS_SUPPORT_EDITS_H
#define TESTS_SUPPORT_EDITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Applies `data` to the message of `n` bytes: three bytes each, two of a place and one to put
 * there; a place behind the end cuts the message (to the byte's share of it). Returns the new size,
 * `n` at most.
 */
size_t edits_apply(const uint8_t *data, size_t size, uint8_t *message, size_t n);

#endif
