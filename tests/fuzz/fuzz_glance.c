/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a datagram, by the short and by the full way: see tests/support/two_ways.h. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/two_ways.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct two_ways *ways;
	if (ways == NULL)
		ways = two_ways_new();
	const char *wrong = two_ways_compare(ways, data, size);
	if (wrong != NULL) {
		fprintf(stderr, "the two ways differ: %s\n", wrong);
		abort();
	}
	return 0;
}
