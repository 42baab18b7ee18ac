/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/text.h"

size_t
text_character(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	if (n == 0 || c[0] > 0xf4 || c[0] < 0x20 || c[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* C1, more bytes than needed, surrogates, past U+10FFFF */
	if ((c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xe0 && c[1] < 0xa0) ||
	    (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return n;
}

void
text_one_line(char *text)
{
	for (size_t n; *text; text += n > 0 ? n : 1) {
		n = text_character(text);
		if (n == 0)
			*text = '?';
	}
}
