/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-1 (FIPS 180-4, section 6.1) of a short text: the community id is made with it, nothing that
 * needs a secure hash may be. Pure.
 */
#ifndef CONTROLLER_STORE_SHA1_H
#define CONTROLLER_STORE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

void sha1(const void *bytes, size_t length, uint8_t ret_digest[SHA1_SIZE]);

#endif
