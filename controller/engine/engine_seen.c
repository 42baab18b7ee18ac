/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking back for one who asks: what was seen of a conversation, of a remote address, of a host of
 * ours, behind what explain says would be done. The conversations of the last hours are walked in
 * slices, a page of the answer each, so that nobody else waits; what was found so far is in the
 * cursor.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/engine/engine_part.h"

#define SLICE 32768    /* places a page: some milliseconds */
#define ROWS_A_PAGE 64 /* told one by one; all are counted */

/* The cursor: how many were found, how many of them listed, where the walk goes on. */
#define CURSOR_WALK 32
#define CURSOR_COUNT 16
#define COUNT_MAX ((1u << CURSOR_COUNT) - 1)

struct seen {
	struct engine *engine;
	const struct addr *local, *remote; /* NULL: any */
	struct serve_reply *reply;
	struct instant now;
	uint32_t found, listed;
	unsigned rows;
};

/* To the minute, as it is known. */
static char *
minute(struct instant at, struct instant now, char text[CLK_TEXT_MAX])
{
	clk_format_wall(clk_wall_ns() - clk_diff(now, at), text);
	snprintf(text + strlen("2026-11-26T02:14"), 2, "Z");
	return text;
}

static void
tell(struct seen *seen, const struct recent_row *row, bool listed)
{
	char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX], from[CLK_TEXT_MAX], to[CLK_TEXT_MAX];
	char port[32] = "";
	struct feeds_match match;
	struct ctl_step step = {.passed = true};
	size_t count = 0;

	if (row->remote_port != 0)
		snprintf(port, sizeof port, " port %u%s", row->remote_port,
		    row->several_ports ? " and others" : "");
	if (listed)
		(void)feeds_lookup(seen->engine->feeds, &row->remote,
		    row->several_ports ? 0 : row->remote_port, &match, 1, &count);
	snprintf(step.name, sizeof step.name, "seen");
	snprintf(step.text, sizeof step.text, "%s and %s%s: %" PRIu32 " sample%s, %s to %s, %s%s%s",
	    addr_format(&row->local, local), addr_format(&row->remote, remote), port, row->samples,
	    row->samples == 1 ? "" : "s", minute(row->first, seen->now, from),
	    minute(row->last, seen->now, to), listed ? "listed now" : "not listed",
	    count > 0 ? " by " : "", count > 0 ? match.feed : "");
	(void)serve_step(seen->reply, &step);
}

static bool
take(void *user, const struct recent_row *row)
{
	struct seen *seen = user;
	bool listed;

	if ((seen->local && !addr_equal(seen->local, &row->local)) ||
	    (seen->remote && !addr_equal(seen->remote, &row->remote)))
		return row->told;
	listed = feeds_judge(seen->engine->feeds, &row->remote,
		     row->several_ports ? 0 : row->remote_port) == FEEDS_LISTED;
	seen->found += seen->found < COUNT_MAX;
	seen->listed += listed && seen->listed < COUNT_MAX;
	/* Of a host that talks to thousands, what one asks is about those that are listed. */
	if ((listed || seen->remote) && seen->rows++ < ROWS_A_PAGE)
		tell(seen, row, listed);
	return row->told;
}

static void
sum_up(const struct seen *seen, const struct recent *recent)
{
	struct ctl_step step = {.passed = seen->found > 0};
	char from[CLK_TEXT_MAX], what[2 * ADDR_TEXT_MAX + 16], addr[ADDR_TEXT_MAX];
	struct recent_cover cover;
	int n = 0;

	if (seen->local)
		n = snprintf(what, sizeof what, "%s", addr_format(seen->local, addr));
	if (seen->remote)
		snprintf(what + n, sizeof what - (size_t)n, "%s%s", seen->local ? " and " : "",
		    addr_format(seen->remote, addr));
	snprintf(step.name, sizeof step.name, "looked back");
	if (recent == NULL) {
		snprintf(step.text, sizeof step.text,
		    "the configuration keeps no conversations (recent = 0)");
		(void)serve_step(seen->reply, &step);
		return;
	}
	recent_cover(recent, seen->now, &cover);
	minute(cover.from, seen->now, from);
	if (seen->found > 0)
		snprintf(step.text, sizeof step.text,
		    "%u conversation%s of %s since %s, %u of them with a listed address; "
		    "finderscopectl events %s: what became of them",
		    seen->found, seen->found == 1 ? "" : "s", what, from, seen->listed,
		    addr_format(seen->local ? seen->local : seen->remote, addr));
	else
		snprintf(step.text, sizeof step.text,
		    "no sample of %s since %s%s; finderscopectl exporters says which switches are "
		    "heard",
		    what, from, cover.lost > 0 ? ", or it made room for others" : "");
	(void)serve_step(seen->reply, &step);
}

void
engine_seen(struct engine *engine, const struct addr *local, const struct addr *remote,
    uint64_t cursor, struct serve_reply *reply)
{
	struct recent *recent = receiver_recent(engine->receiver, NULL);
	struct seen seen = {.engine = engine,
	    .local = local,
	    .remote = remote,
	    .reply = reply,
	    .now = clk_now(),
	    .found = cursor >> (CURSOR_WALK + CURSOR_COUNT) & COUNT_MAX,
	    .listed = cursor >> CURSOR_WALK & COUNT_MAX};
	uint64_t walk = cursor & UINT32_MAX;

	if (recent != NULL && recent_walk(recent, &walk, SLICE, seen.now, take, &seen)) {
		serve_next(reply, (uint64_t)seen.found << (CURSOR_WALK + CURSOR_COUNT) |
				      (uint64_t)seen.listed << CURSOR_WALK | (walk & UINT32_MAX));
		return;
	}
	sum_up(&seen, recent);
}
