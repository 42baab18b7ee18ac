/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as a state file, and the rules in it as the bytes of kernel rules: they are compared
 * with real ones, so every offset in them is a stranger's.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules/entry.h"
#include "agent/rules/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(unsigned family, const uint8_t *bytes, size_t size)
{
	uint8_t *exact = malloc(size + (size == 0));
	char text[ENTRY_TEXT_MAX];
	uint64_t capture;
	unsigned rule;

	memcpy(exact, bytes, size);
	(void)entry_find_tag(family, exact, size, &capture, &rule);
	(void)entry_same(family, exact, size, exact, size, true);
	(void)entry_is_standard(family, exact, size);
	(void)entry_hash(family, exact, size, "ACCEPT", true, 1);
	(void)entry_hash(family, exact, size, "ACCEPT", false, 1);
	(void)entry_counters(family, exact, size);
	if (strlen(entry_describe(family, exact, size, "ACCEPT", text)) >= ENTRY_TEXT_MAX)
		abort();
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state state;
	unsigned line = 0;

	if (size && data[0] < 2) {
		look_at(data[0] ? 6 : 4, data + 1, size - 1);
		return 0;
	}
	if (state_parse((const char *)data, size, &state, &line) < 0) {
		if (line == 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < state.n_rules; i++) {
		const struct iptable_known *k = &state.rules[i];

		if ((k->family != 4 && k->family != 6) || k->capture == 0 ||
		    k->entry.size > ENTRY_MAX)
			abort();
		look_at(k->family, k->entry.bytes, k->entry.size);
	}
	state_done(&state);
	return 0;
}
