/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small prefix tables out of text, for tests. */
#ifndef TESTS_SUPPORT_TABLES_H
#define TESTS_SUPPORT_TABLES_H

#include "controller/match/table.h"

/* A table of prefixes, ended by NULL: feed 2, lines from 1. Ends the test program on an error. */
struct table *tables_of(const char *const *prefixes);

#endif
