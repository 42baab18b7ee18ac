/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events as JSON lines: the last ones in memory for `finderscopectl events`, all of them in a file
 * that is only appended to. Each line has a number, counting up. One thread; a write that fails is
 * counted and tried again with the next line, never waited for.
 */
#ifndef CONTROLLER_ENGINE_JOURNAL_H
#define CONTROLLER_ENGINE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_LINES 2048 /* kept in memory */

struct journal;

/* `path`: the file, "" is none. 0 or -ENOMEM. A file that can't be opened is tried again. */
int journal_new(const char *path, struct journal **ret_journal);
void journal_free(struct journal **journal);

/* Adds a line (without newline); its number. */
uint64_t journal_add(struct journal *journal, const char *line);

/* A line of an earlier life: kept in memory, not written to the file again. */
void journal_recall(struct journal *journal, const char *line);

/* The line of that number; NULL when it is gone or not there yet. */
const char *journal_line(const struct journal *journal, uint64_t number);

/* Numbers of the oldest line kept and of the one that comes next. */
uint64_t journal_oldest(const struct journal *journal);
uint64_t journal_next(const struct journal *journal);

/* Opens the file anew (it was rotated away), perhaps another one. */
void journal_reopen(struct journal *journal, const char *path);

/* Lines the file did not get; the errno of the last failure, 0 when the last write went well. */
uint64_t journal_lost(const struct journal *journal, int *ret_error);

#endif
