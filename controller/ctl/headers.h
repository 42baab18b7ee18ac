/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sampled headers that a capture goes back to, out of its events, as a pcapng file. */
#ifndef CONTROLLER_CTL_HEADERS_H
#define CONTROLLER_CTL_HEADERS_H

#include "controller/ctl/ctl.h"

/*
 * Writes the headers of capture `id` into `path` ("-" is standard output), each with a comment that
 * says what was found. The number of headers, or an enum ctl_exit, negated, whose cause was
 * printed: none was sampled (it was started by hand, or its event is no longer remembered), or the
 * file cannot be written.
 */
int headers_write(struct ctl *ctl, uint64_t id, const char *path);

#endif
