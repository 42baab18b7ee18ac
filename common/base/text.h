/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that others wrote (a line of a list, a server's word, a path, a peer's name) on its way to a
 * log, a terminal or JSON. Pure.
 */
#ifndef COMMON_BASE_TEXT_H
#define COMMON_BASE_TEXT_H

#include <stddef.h>

/*
 * The bytes of the UTF-8 character at `text` (RFC 3629, 4), which ends with a NUL; 0 when none
 * begins there or it is a control character: C0 (RFC 20), DEL, or C1 (U+0080 to U+009F, which some
 * terminals obey).
 */
size_t text_character(const char *text);

/* Makes `text` one line of UTF-8 that a terminal only shows: a '?' in place of each other byte. */
void text_one_line(char *text);

#endif
