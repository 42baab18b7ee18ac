/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard before libconfuse: what that library reads otherwise than a person would. It miscounts
 * lines behind comments, expands ${} from the environment, drops an unquoted `+`, and takes an open
 * brace at the end of the file for a closed one. Pure; works on the text in place.
 */
#ifndef COMMON_BASE_CONF_TEXT_H
#define COMMON_BASE_CONF_TEXT_H

#include <stddef.h>

/*
 * Blanks out the comments of `text` (new lines stay) and checks what the library does not. NULL
 * when good, else a static text of what is wrong and what is right, and the line in *ret_line.
 */
const char *conf_text_clean(char *text, unsigned *ret_line);

/*
 * The name among `names` (`count` of them) that is nearest to `wrong`: at most a third of its
 * letters differ. NULL when none is.
 */
const char *conf_text_nearest(const char *wrong, const char *const *names, size_t count);

#endif
