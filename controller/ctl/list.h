/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What most commands do: ask for rows of one kind and print them. */
#ifndef CONTROLLER_CTL_LIST_H
#define CONTROLLER_CTL_LIST_H

#include "controller/ctl/ctl.h"

/* All rows of `kind` as one list. */
int list_rows(struct ctl *ctl, struct ctl_request *request, enum ctl_row kind,
    const struct out_column *columns, const char *name, const char *none);

/* The same, and below them what the controller says of the whole; in JSON beside them as `key`. */
int list_rows_said(struct ctl *ctl, struct ctl_request *request, enum ctl_row kind,
    const struct out_column *columns, const char *name, const char *key);

/* The one row that is asked for, in full; none is a failure that `missing` names. */
int list_one(struct ctl *ctl, struct ctl_request *request, enum ctl_row kind,
    const struct out_column *columns, const char *missing);

/* Asks for something to be done and prints what the controller says to it. */
int list_do(struct ctl *ctl, struct ctl_request *request, const char *done);

/* cmd_captures.c: the living captures, or all */
int list_captures(struct ctl *ctl, bool all);
/* And columns of theirs: `row` is or begins with a struct ctl_capture. */
void list_make_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour);
void list_make_filter(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour);
void list_make_switches(
    const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour);
void list_make_why(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour);

/* A word of the command line into `to`; an exit code other than OK when it is too long. */
int list_copy(struct ctl *ctl, const char *what, const char *word, char *to, size_t size);

/* A decimal number 1..max. */
int list_number(
    struct ctl *ctl, const char *what, const char *word, uint64_t max, uint64_t *ret_number);

/* A duration in ms, at least 1. */
int list_duration(struct ctl *ctl, const char *what, const char *word, uint64_t *ret_ms);

#endif
