/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies that are gzip files (RFC 1952), inflated within a bound. */
#ifndef CONTROLLER_FEEDS_GUNZIP_H
#define CONTROLLER_FEEDS_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

#define GUNZIP_ERROR_MAX 120

bool gunzip_is(const void *body, size_t size);

/*
 * Inflates all members into a new block (free() it). 0, or -EINVAL (cut short, damaged, trailing
 * garbage), -EFBIG (over `max` bytes), -ENOMEM, with one clause in `error`.
 */
int gunzip_body(const void *body, size_t size, size_t max, char **ret_out, size_t *ret_size,
    char error[GUNZIP_ERROR_MAX]);

#endif
