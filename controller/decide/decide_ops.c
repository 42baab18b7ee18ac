/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operators' wishes, and what an earlier life of the controller left. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/brain.h"

enum result
decide_start(struct decide *d, const struct decide_start *start, bool dry, struct instant now,
    struct verdict *ret_verdict, uint64_t *ret_id)
{
	struct brain_capture *c;
	int64_t for_ns = start->for_ns > 0 ? start->for_ns : d->limits.manual_ns;

	judge_start(d, start, now, ret_verdict);
	if (ret_verdict->code != RESULT_OK || dry)
		return ret_verdict->code;
	c = capture_new(d, ret_verdict, now);
	if (c == NULL)
		return RESULT_INTERNAL;
	c->pub.manual = true;
	snprintf(c->pub.by, sizeof c->pub.by, "%s", start->who);
	snprintf(c->pub.why, sizeof c->pub.why, "%s", start->why);
	c->pub.priority = BRAIN_MANUAL_PRIORITY;
	c->pub.ends = for_ns > 0 ? clk_add(now, for_ns) : (struct instant){0};
	c->pub.idle_ns = start->idle_ns;
	c->pub.max_packets = start->max_packets;
	c->pub.max_bytes = start->max_bytes;
	c->pub.max_bps = start->max_bps;
	*ret_id = c->pub.id;
	capture_begin(d, c, now);
	return RESULT_OK;
}

enum result
decide_stop(struct decide *d, uint64_t id, enum result code, const char *who, struct instant now)
{
	struct brain_capture *c = capture_find(d, id);
	char text[DECIDE_TEXT_MAX];

	if (c == NULL)
		return RESULT_NOT_FOUND;
	if (!life_is_live(c->pub.state))
		return RESULT_ALREADY;
	snprintf(text, sizeof text, "%s: %s", result_text((int)code), who);
	capture_end(d, c, code, text, now);
	return RESULT_OK;
}

enum result
decide_extend(struct decide *d, uint64_t id, int64_t for_ns, struct instant now)
{
	struct brain_capture *c = capture_find(d, id);

	if (c == NULL)
		return RESULT_NOT_FOUND;
	if (!life_is_live(c->pub.state))
		return RESULT_ALREADY;
	c->pub.ends = clk_add(now, for_ns);
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (c->pub.holders[i].wanted)
			d->switches[c->pub.holders[i].id].changed = true;
	return RESULT_OK;
}

static void
tell_operator(struct decide *d, const char *kind, const char *name, bool on, const char *who,
    const char *why, struct instant now)
{
	struct decide_event event = {.kind = kind, .name = name, .on = on, .who = who, .text = why};

	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

void
decide_freeze(struct decide *d, bool frozen, const char *who, const char *why, struct instant now)
{
	if (d->frozen == frozen)
		return;
	d->frozen = frozen;
	tell_operator(d, "freeze", NULL, frozen, who, why, now);
}

bool
decide_frozen(const struct decide *d)
{
	return d->frozen;
}

int
decide_release(
    struct decide *d, int id, bool released, const char *who, const char *why, struct instant now)
{
	struct brain_capture *c, *next;

	if (id >= (int)d->switch_count)
		return -ENOENT;
	if (id < 0)
		d->released_all = released;
	else
		d->switches[id].released = released;
	/* Lifting "all" lifts every single one, too: the word has one meaning. */
	for (size_t i = 0; id < 0 && !released && i < d->switch_count; i++)
		d->switches[i].released = false;
	tell_operator(
	    d, "release", id < 0 ? "all" : d->switches[id].conf.name, released, who, why, now);
	for (c = TAILQ_FIRST(&d->live); released && c != NULL; c = next) {
		bool there = id < 0;

		next = TAILQ_NEXT(c, order);
		for (unsigned i = 0; i < c->pub.holder_count; i++)
			there = there || c->pub.holders[i].id == (unsigned)id;
		if (there)
			capture_end(
			    d, c, RESULT_END_RELEASED, result_text(RESULT_END_RELEASED), now);
	}
	return 0;
}

bool
decide_released(const struct decide *d, int id)
{
	if (id < 0 || d->released_all || (size_t)id >= d->switch_count)
		return d->released_all;
	return d->switches[id].released || d->switches[id].released_there;
}

/* ---- an earlier life ---- */

static struct convs_key
key_of(const struct decide_capture *c)
{
	struct convs_key none = {.kind = CONVS_PAIR};

	if (c->manual || !c->has_sighting)
		return none;
	switch (c->wide) {
	case VERDICT_PAIR:
		return judge_key(CONVS_PAIR, &c->sighting, NULL);
	case VERDICT_REMOTE:
		return judge_key(CONVS_REMOTE, &c->sighting, NULL);
	case VERDICT_PREFIX:
		return judge_key(CONVS_PREFIX, &c->sighting, &c->sighting.entries[0]);
	}
	return none;
}

static bool
can_be(const struct decide *d, const struct decide_capture *c)
{
	if (c->id == 0 || c->id >= d->next_id || c->state < LIFE_REQUESTED ||
	    c->state > LIFE_FAILED || c->holder_count > DECIDE_HOLDERS_MAX ||
	    filter_check(&c->filter, NULL) != NULL)
		return false;
	for (unsigned i = 0; i < c->holder_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (c->holders[i].id == c->holders[k].id && c->holders[i].id != UINT_MAX)
				return false;
	return true;
}

/* The many of a scanner cool down as one, which only their capture tells of. */
static void
restore_wide(struct decide *d, const struct brain_capture *c)
{
	struct convs_row *row;

	if (c->pub.state != LIFE_ENDED || c->pub.code == RESULT_END_WIDER ||
	    c->key.kind == CONVS_PAIR)
		return;
	row = convs_touch(d->convs, &c->key);
	if (row == NULL)
		return;
	row->returns++;
	if (clk_before(row->ended, c->pub.over))
		row->ended = c->pub.over;
	convs_keep(d->convs, row);
}

int
decide_restore(struct decide *d, const struct decide_capture *capture)
{
	bool over = life_is_over(capture->state);
	struct brain_capture *c;
	struct convs_row *row;

	if (capture_find(d, capture->id) != NULL)
		return -EEXIST;
	if (!can_be(d, capture))
		return -EINVAL;
	if (!over && d->live_count >= d->limits.captures)
		return -E2BIG;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->pub = *capture;
	/* No sum of such numbers overflows. */
	if (c->pub.est_bps > BRAIN_BPS_MAX)
		c->pub.est_bps = BRAIN_BPS_MAX;
	c->analyser = UINT_MAX;
	for (unsigned a = 0; a < d->analyser_count; a++)
		if (strcmp(d->analysers[a].conf.name, capture->analyser_name) == 0)
			c->analyser = a;
	c->key = key_of(capture);
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];

		if (h->id >= d->switch_count || over) {
			h->id = h->id >= d->switch_count ? UINT_MAX : h->id;
			h->gone = true;
			h->wanted = false;
		} else {
			d->switches[h->id].changed = true;
		}
	}
	capture_link(d, c);
	budget_restored(d, c->pub.begun);
	if (over)
		restore_wide(d, c);
	row = c->key.remote.family != 0 && !over ? convs_touch(d->convs, &c->key) : NULL;
	if (row != NULL) {
		row->capture = c->pub.id;
		convs_keep(d->convs, row);
	}
	return 0;
}

int
decide_restore_cooldown(struct decide *d, const struct addr *local, const struct addr *remote,
    uint32_t vni, unsigned returns, struct instant ended)
{
	struct convs_key key = {.local = *local, .remote = *remote, .vni = vni};
	struct convs_row *row = convs_touch(d->convs, &key);

	if (row == NULL)
		return -ENOMEM;
	row->returns = returns;
	row->ended = ended;
	convs_keep(d->convs, row);
	return 0;
}

bool
decide_cooldown(const struct decide *d, const struct addr *local, const struct addr *remote,
    uint32_t vni, unsigned *ret_returns, struct instant *ret_ended)
{
	struct convs_key key = {.local = *local, .remote = *remote, .vni = vni};
	const struct convs_row *row = convs_find(d->convs, &key);

	if (row == NULL || row->returns == 0)
		return false;
	*ret_returns = row->returns;
	*ret_ended = row->ended;
	return true;
}
