/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conversation with the controller: connects at the first question, asks page by page. */
#ifndef CONTROLLER_CTL_ASK_H
#define CONTROLLER_CTL_ASK_H

#include "controller/ctl/ctl.h"

/* Takes one row; 0, or what ends the asking. */
typedef int ask_row(void *user, enum ctl_row kind, const void *row);

/*
 * Asks until the last page; rows go to `take` (may be NULL). Returns an enum ctl_exit; what went
 * wrong was printed then. The last page's result in *ret_result (may be NULL).
 */
int ask(struct ctl *ctl, struct ctl_request *request, ask_row *take, void *user,
    struct ctl_result *ret_result);

/* Behind an events request with `follow`: takes what comes until the connection ends. */
int ask_follow(struct ctl *ctl, ask_row *take, void *user);

/* Prints "finderscopectl: …" to stderr, with --json an error object to stdout too; returns `code`.
 */
int ask_fail(struct ctl *ctl, enum ctl_exit code, enum result result, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
