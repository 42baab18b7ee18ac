/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files, read within a bound and never half of one version and half of the next. */
#ifndef CONTROLLER_FEEDS_FEED_FILE_H
#define CONTROLLER_FEEDS_FEED_FILE_H

#include <stddef.h>

#define FEED_FILE_ERROR 256

/*
 * 0 and the content in a block of the caller's (never NULL). -EFBIG (over `max` bytes), -EBUSY (it
 * changed each time while it was read), -EINVAL (no regular file), or what open or read gave, with
 * one clause in `error`. Sleeps, up to 80 ms in all, while the file has only just been written.
 */
int feed_file_read(
    const char *path, size_t max, char **ret_body, size_t *ret_size, char error[FEED_FILE_ERROR]);

#endif
