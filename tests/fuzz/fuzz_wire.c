/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages between the agent's processes, as a compromised one of them would send: the first
 * byte says which side speaks, the second which good message the rest is an edit of (or that the
 * rest is the message). What is taken must be well-formed and must encode to the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/wire.h"
#include "tests/support/edits.h"
#include "tests/support/wire_good.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[WIRE_MAX], again[WIRE_MAX];
	struct wire_msg msg, template;
	size_t n;

	if (size < 2)
		return 0;
	enum wire_side side = (enum wire_side)(data[0] % 4);
	if (data[0] & 0x80) {
		n = size - 2 < sizeof buf ? size - 2 : sizeof buf;
		memcpy(buf, data + 2, n);
	} else {
		enum wire_side theirs;

		template = wire_good((enum wire_type)(data[1] % (WIRE_TYPE_END - 1) + 1), &theirs);
		n = wire_encode(&template, buf);
		n = edits_apply(data + 2, size - 2, buf, n);
	}
	/* A block of its own size: a read behind it is seen. */
	uint8_t *exact = malloc(n + (n == 0));
	memcpy(exact, buf, n);
	int r = wire_decode(exact, n, side, &msg);
	free(exact);
	if (r < 0)
		return 0;
	must(wire_encode(&msg, again) == n && memcmp(buf, again, n) == 0);
	if (msg.type == WIRE_PUT) {
		struct filter_match matches[FILTER_RULES_MAX];

		must(filter_check(&msg.put.order.filter, NULL) == NULL);
		must(filter_expand(&msg.put.order.filter, matches) ==
		     filter_rules(&msg.put.order.filter));
		must(msg.put.order.capture != 0 && wire_analyser_ok(&msg.put.order.analyser));
		must(msg.put.lease_ms != 0 && msg.put.lease_ms <= WIRE_LEASE_MAX_MS);
	}
	return 0;
}
