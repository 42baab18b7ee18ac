/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the pages of a generation together: pure. A page of a newer generation starts anew; one out
 * of order is asked for again; nothing is handed out before the last page is there.
 */
#ifndef AGENT_MAIN_DESIRED_H
#define AGENT_MAIN_DESIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clk.h"
#include "common/msg/agent_msg.h"

#define DESIRED_MAX 4096 /* captures; a controller that says more is not believed */

struct desired {
	uint64_t generation; /* being put together, or whole; 0 is none */
	uint32_t next_page;
	bool whole;
	struct order *orders;
	size_t count, room;
	uint32_t lease_ms;
	struct instant since; /* when the last page's poll was sent: what all times count from */
};

void desired_init(struct desired *desired);
void desired_done(struct desired *desired);

/* What there is belongs to another session: forget it. */
void desired_reset(struct desired *desired);

/*
 * Takes a page, `since` when its poll was sent. 1: the generation is whole now; 0: taken, or not
 * the one wanted (asked for again by next_page); -E2BIG: over DESIRED_MAX, -EBADMSG: a capture
 * twice, -ENOMEM: all forgotten, begin anew.
 */
int desired_page(struct desired *desired, const struct agent_reply *page, struct instant since);

#endif
