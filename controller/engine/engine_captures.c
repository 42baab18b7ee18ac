/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people ask of captures, over the control sockets. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/engine/engine_part.h"

/* Numbers of the states are one list: decide's, the protocol's, the store's. */
_Static_assert(
    (int)CTL_FAILED == (int)LIFE_FAILED && (int)CTL_STUCK == (int)LIFE_STUCK, "states of captures");

#define QUIET (10 * CLK_S) /* hardware counters are some seconds old */

/* What a switch said last is old news once it is silent. */
static void
say_silent(const struct engine *engine, const struct decide_holder *h, struct instant now,
    struct ctl_holder *row)
{
	struct agents_info info;
	char time[CLK_TEXT_MAX];
	int64_t silent;

	if (!agents_info(engine->agents, h->id, &info) || info.connected || !h->wanted)
		return;
	row->code = RESULT_NOT_CONNECTED;
	silent = info.heard.ns != 0 ? clk_diff(now, info.heard) / CLK_S * CLK_S : 0;
	if (silent > 0)
		snprintf(row->text, sizeof row->text,
		    "not heard for %s; its rules go when their lease of %u s is over",
		    clk_format_duration(silent, time), decide_lease_ms(engine->decide) / 1000);
	else
		snprintf(row->text, sizeof row->text, "not heard since the controller started");
}

/* The rules stand, and nothing comes: what the operator should look at. */
static void
say_quiet(const struct decide_capture *c, struct instant now, struct ctl_capture *row)
{
	char time[CLK_TEXT_MAX];
	int64_t since = clk_diff(now, c->begun) / CLK_S * CLK_S;

	if ((c->state != LIFE_IN_KERNEL && c->state != LIFE_IN_HARDWARE) || c->packets > 0 ||
	    row->text[0] != '\0' || since < QUIET)
		return;
	snprintf(row->text, sizeof row->text,
	    "no packet matched in %s: it is silent, or does not pass there by a port that "
	    "interface in "
	    "agent.conf names",
	    clk_format_duration(since, time));
}

static void
holder_row(const struct engine *engine, const struct decide_holder *h, struct instant now,
    struct ctl_holder *row)
{
	*row = (struct ctl_holder){.hold = h->told ? h->said.hold : 0,
	    .rules = h->told ? h->said.rules : 0,
	    .code = (enum result)h->said.code,
	    .packets = h->said.packets,
	    .bytes = h->said.bytes,
	    .copied = h->said.copied,
	    .dropped = h->said.dropped};
	snprintf(row->name, sizeof row->name, "%s", fleet_name(&engine->fleet, h->id));
	snprintf(row->text, sizeof row->text, "%s", h->said.text);
	say_silent(engine, h, now, row);
}

static uint64_t
ms(int64_t ns)
{
	return ns > 0 ? (uint64_t)(ns / CLK_MS) : 0;
}

static void
capture_row(const struct engine *engine, const struct decide_capture *c, struct instant now,
    struct ctl_capture *row)
{
	bool over = life_is_over(c->state);

	*row = (struct ctl_capture){.id = c->id,
	    .filter = c->filter,
	    .state = (enum ctl_capture_state)c->state,
	    .code = c->code,
	    .manual = c->manual,
	    .to = c->analyser.addr,
	    .session = c->analyser.session,
	    .age_ms = ms(clk_diff(over ? c->over : now, c->begun)),
	    .left_ms = over || c->ends.ns == 0 ? 0 : ms(clk_diff(c->ends, now)),
	    .lease_ms = over ? 0 : decide_lease_ms(engine->decide),
	    .idle_ms = ms(c->idle_ns),
	    .max_packets = c->max_packets,
	    .max_bytes = c->max_bytes,
	    .packets = c->packets,
	    .bytes = c->bytes,
	    .est_bps = c->est_bps,
	    .measured = c->measured,
	    .est_samples = c->seen_samples,
	    .est_error = verdict_error(c->seen_samples),
	    .est_packets = c->seen_packets,
	    .first_bps = c->seen_bps,
	    .holder_count = c->holder_count};
	snprintf(row->text, sizeof row->text, "%s", c->text);
	snprintf(row->by, sizeof row->by, "%s", c->by);
	snprintf(row->reason, sizeof row->reason, "%s", c->why);
	snprintf(row->analyser, sizeof row->analyser, "%s", c->analyser_name);
	for (unsigned i = 0; i < c->holder_count; i++)
		holder_row(engine, &c->holders[i], now, &row->holders[i]);
	say_quiet(c, now, row);
}

/* A page goes on behind the capture whose id is in the cursor; its top bits say in which list. */
#define CURSOR_LIVE (UINT64_C(1) << 62)
#define CURSOR_OVER (UINT64_C(1) << 63)
#define CURSOR_ID (CURSOR_LIVE - 1)

static bool
list_captures(
    struct engine *engine, bool over, uint64_t after, struct instant now, struct serve_reply *reply)
{
	const struct decide_capture *c;

	while ((c = decide_next(engine->decide, over, after)) != NULL) {
		struct ctl_capture row;

		capture_row(engine, c, now, &row);
		if (!serve_capture(reply, &row)) {
			serve_next(reply, (over ? CURSOR_OVER : CURSOR_LIVE) | after);
			return false;
		}
		after = c->id;
	}
	return true;
}

enum result
engine_captures(void *user, uint64_t id, bool all, uint64_t cursor, struct serve_reply *reply)
{
	struct engine *engine = user;
	struct instant now = clk_now();

	if (id != 0) {
		const struct decide_capture *c = decide_find(engine->decide, id);
		struct ctl_capture row;

		if (c == NULL) {
			serve_text(reply,
			    "there is no capture %" PRIu64
			    "; finderscopectl captures --all lists them",
			    id);
			return RESULT_NOT_FOUND;
		}
		capture_row(engine, c, now, &row);
		(void)serve_capture(reply, &row);
		return RESULT_OK;
	}
	if ((cursor & CURSOR_OVER) == 0 &&
	    !list_captures(engine, false, cursor & CURSOR_ID, now, reply))
		return RESULT_OK;
	if (all)
		(void)list_captures(
		    engine, true, cursor & CURSOR_OVER ? cursor & CURSOR_ID : 0, now, reply);
	return RESULT_OK;
}

/* The rules that a dry run would put on each switch. */
static void
plan(struct engine *engine, const struct verdict *v, struct serve_reply *reply)
{
	struct filter_match matches[FILTER_RULES_MAX];
	unsigned n = filter_expand(&v->filter, matches);

	for (unsigned h = 0; h < v->holder_count; h++) {
		struct agents_info info;
		uint32_t most =
		    agents_info(engine->agents, v->holders[h], &info) && info.hello != NULL
			? info.hello->rules_max
			: 0;

		for (unsigned i = 0; i < n; i++) {
			struct ctl_plan row = {.match = matches[i],
			    .rules = decide_switch_rules(engine->decide, v->holders[h]),
			    .rules_max = most};

			snprintf(row.name, sizeof row.name, "%s",
			    fleet_name(&engine->fleet, v->holders[h]));
			(void)serve_plan(reply, &row);
		}
	}
}

static void
names_of(const struct engine *engine, const struct decide_capture *c, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < c->holder_count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "",
		    fleet_name(&engine->fleet, c->holders[i].id));
}

static void
say_started(struct engine *engine, uint64_t id, struct serve_reply *reply)
{
	const struct decide_capture *c = decide_find(engine->decide, id);
	char names[120], addr[ADDR_TEXT_MAX], time[CLK_TEXT_MAX];

	serve_id(reply, id);
	if (c == NULL)
		return;
	names_of(engine, c, names, sizeof names);
	serve_text(reply, "on %s, to %s (%s), session %u%s%s", names, c->analyser_name,
	    addr_format(&c->analyser.addr, addr), c->analyser.session,
	    c->ends.ns != 0 ? ", for " : "",
	    c->ends.ns != 0 ? clk_format_duration(clk_diff(c->ends, c->begun), time) : "");
}

static int64_t
ns(uint64_t duration_ms)
{
	return duration_ms > INT64_MAX / CLK_MS ? INT64_MAX : (int64_t)duration_ms * CLK_MS;
}

enum result
engine_capture_start(void *user, const struct serve_peer *peer, const struct ctl_start *start,
    struct serve_reply *reply)
{
	struct engine *engine = user;
	bool everywhere = strcmp(start->on, "all") == 0;
	bool edge = start->on[0] == '\0' || strcmp(start->on, "edge") == 0;
	int id = everywhere || edge ? -1 : fleet_find(&engine->fleet, start->on);
	unsigned one = (unsigned)id;
	struct decide_start wish = {.filter = start->filter,
	    .switches = &one,
	    .switch_count = everywhere || edge ? 0 : 1,
	    .everywhere = everywhere,
	    .analyser = start->to,
	    .for_ns = ns(start->for_ms),
	    .idle_ns = ns(start->idle_ms),
	    .max_packets = start->max_packets,
	    .max_bytes = start->max_bytes,
	    .max_bps = start->max_bps,
	    .who = peer->name,
	    .why = start->why};
	struct verdict verdict;
	uint64_t capture = 0;
	enum result code;

	if (!everywhere && !edge && id < 0) {
		serve_text(reply, "there is no switch \"%s\"; finderscopectl agents lists them",
		    start->on);
		return RESULT_NOT_FOUND;
	}
	code = decide_start(engine->decide, &wish, start->dry_run, clk_now(), &verdict, &capture);
	if (code != RESULT_OK) {
		serve_text(reply, "%s",
		    verdict_text(&verdict)[0] != '\0' ? verdict_text(&verdict)
						      : result_text((int)code));
		return code;
	}
	if (start->dry_run)
		plan(engine, &verdict, reply);
	else
		say_started(engine, capture, reply);
	return RESULT_OK;
}

static enum result
answer(uint64_t id, enum result code, struct serve_reply *reply)
{
	if (code == RESULT_NOT_FOUND)
		serve_text(reply,
		    "there is no capture %" PRIu64 "; finderscopectl captures --all lists them",
		    id);
	else if (code == RESULT_ALREADY)
		serve_text(reply,
		    "capture %" PRIu64 " is over, or ends already; finderscopectl capture show "
		    "%" PRIu64 " says why",
		    id, id);
	return code;
}

enum result
engine_capture_stop(
    void *user, const struct serve_peer *peer, uint64_t id, struct serve_reply *reply)
{
	struct engine *engine = user;

	return answer(
	    id, decide_stop(engine->decide, id, RESULT_END_OPERATOR, peer->name, clk_now()), reply);
}

enum result
engine_capture_extend(void *user, const struct serve_peer *peer, uint64_t id, uint64_t for_ms,
    struct serve_reply *reply)
{
	struct engine *engine = user;
	enum result code = decide_extend(engine->decide, id, ns(for_ms), clk_now());
	char time[CLK_TEXT_MAX], number[24];

	if (code != RESULT_OK)
		return answer(id, code, reply);
	engine_store_capture(engine, decide_find(engine->decide, id));
	clk_format_duration(ns(for_ms), time);
	serve_text(reply, "capture %" PRIu64 " runs for %s from now", id, time);
	snprintf(number, sizeof number, "%" PRIu64, id);
	engine_tell(
	    engine, "extend", "capture", number, "for", time, "who", peer->name, (char *)NULL);
	return RESULT_OK;
}
