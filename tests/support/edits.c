/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/edits.h"

size_t
edits_apply(const uint8_t *data, size_t size, uint8_t *message, size_t n)
{
	for (; size >= 3; data += 3, size -= 3) {
		size_t at = (size_t)data[0] << 8 | data[1];

		if (at < n)
			message[at] = data[2];
		else if (at >= 0xFF00)
			n = n * data[2] / 256;
	}
	return n;
}
