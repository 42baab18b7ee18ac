/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1
#include "agent/main/captures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/log.h"
#include "common/base/result.h"

#define RETRY_NS CLK_S /* when rules and main disagree about a way */

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(item) ((item)->hh.tbl = NULL)

struct known {
	uint64_t capture;
	struct order order;
	struct instant lease_end, own_end; /* own_end.ns 0: none */
	struct holding holding;            /* what rules last said; .capture 0: nothing yet */
	struct holding before;             /* counters of times before it was parked */
	struct addr source;                /* of the way when it was last put */
	bool wanted;                       /* of the generation in force */
	bool there;                /* rules were told to hold it and did not say it is over */
	bool leaving;              /* rules were told to let go of it meanwhile */
	bool parked;               /* waits for the way */
	bool portless;             /* its filter names a port that is not there */
	bool over;                 /* ENDED or FAILED */
	bool seen;                 /* mark of a sweep */
	uint64_t over_reported;    /* link_reported when it was */
	struct instant retry_at;   /* .ns 0: not waiting */
	char text[ORDER_TEXT_MAX]; /* of the way */
	UT_hash_handle hh;
};

struct captures {
	struct captures_ops ops;
	void *user;
	struct known *known;
};

int
captures_new(const struct captures_ops *ops, void *user, struct captures **ret_captures)
{
	struct captures *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	c->ops = *ops;
	c->user = user;
	*ret_captures = c;
	return 0;
}

static void
forget(struct captures *c, struct known *k)
{
	HASH_DEL(c->known, k);
	free(k);
}

void
captures_free(struct captures **captures)
{
	struct captures *c = *captures;
	struct known *k, *next;

	*captures = NULL;
	if (!c)
		return;
	HASH_ITER(hh, c->known, k, next)
	forget(c, k);
	free(c);
}

static struct known *
find(const struct captures *c, uint64_t capture)
{
	struct known *k = NULL;

	HASH_FIND(hh, c->known, &capture, sizeof capture, k);
	return k;
}

/* ---- to rules ---- */

static uint32_t
left_ms(struct instant end, struct instant now)
{
	int64_t ms = clk_diff(end, now) / CLK_MS;

	return ms <= 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static uint64_t
less(uint64_t limit, uint64_t used)
{
	return limit == 0 ? 0 : limit > used ? limit - used : 1;
}

static void
put(struct captures *c, struct known *k, const struct paths_path *path, struct instant now)
{
	struct wire_msg msg = {
	    .type = WIRE_PUT, .put = {.order = k->order, .lease_ms = left_ms(k->lease_end, now)}};

	if (msg.put.lease_ms == 0 || (k->own_end.ns && !clk_before(now, k->own_end)))
		return;
	if (msg.put.lease_ms > WIRE_LEASE_MAX_MS)
		msg.put.lease_ms = WIRE_LEASE_MAX_MS;
	msg.put.order.remaining_ms = k->own_end.ns ? left_ms(k->own_end, now) : 0;
	msg.put.order.max_packets = less(k->order.max_packets, k->before.packets);
	msg.put.order.max_bytes = less(k->order.max_bytes, k->before.bytes);
	k->source = path ? path->route.source : (struct addr){.family = 0};
	k->there = true;
	k->leaving = k->parked = false;
	k->retry_at = (struct instant){0};
	c->ops.tell(c->user, &msg);
}

static void
let_go(struct captures *c, struct known *k, int code)
{
	struct wire_msg msg = {
	    .type = WIRE_DROP, .drop = {.capture = k->capture, .code = (uint16_t)code}};

	if (!k->there || k->leaving)
		return;
	k->leaving = true;
	c->ops.tell(c->user, &msg);
}

static bool
set_text(struct known *k, const char *text)
{
	if (strcmp(k->text, text) == 0)
		return false;
	snprintf(k->text, sizeof k->text, "%s", text);
	return true;
}

/* What there is to say of a way that stands; a port that its filter names comes first. */
static const char *
words_of(const struct captures *c, struct known *k, const struct paths_path *path,
    char text[ORDER_TEXT_MAX])
{
	const char *iface = k->order.filter.iface;

	k->portless = iface[0] && c->ops.port && !c->ops.port(c->user, iface);
	if (!k->portless)
		return path ? path->text : "";
	snprintf(text, ORDER_TEXT_MAX, "no port %s is up here: nothing comes in by it", iface);
	return text;
}

/* Brings a wanted capture and its way together. True when there is something to report. */
static bool
settle(struct captures *c, struct known *k, bool again, struct instant now)
{
	const struct paths_path *path = c->ops.path(c->user, &k->order.analyser.addr);
	bool up = !path || path->state == PATHS_UP;
	char text[ORDER_TEXT_MAX];
	bool changed = set_text(k, up ? words_of(c, k, path, text) : path->text);

	if (!up) {
		if (!k->parked) {
			k->parked = changed = true;
			log_warning("capture %" PRIu64 " waits: %s", k->capture, k->text);
		}
		let_go(c, k, RESULT_NO_ROUTE);
		return changed;
	}
	if (k->leaving || (k->retry_at.ns && clk_before(now, k->retry_at)))
		return changed; /* put again when rules let go of it; when it is time */
	if (k->parked)
		log_info("capture %" PRIu64 ": the way to the analyser is back", k->capture);
	changed |= k->parked;
	bool moved = k->there && path && path->route.source.family && k->source.family &&
		     !addr_equal(&path->route.source, &k->source);
	if (moved)
		log_notice(
		    "capture %" PRIu64 ": copies leave from another address now", k->capture);
	if (!k->there || again || moved)
		put(c, k, path, now);
	return changed;
}

/* ---- orders ---- */

static void
add_counters(struct holding *to, const struct holding *from)
{
	to->packets += from->packets;
	to->bytes += from->bytes;
	to->copied += from->copied;
	to->dropped += from->dropped;
}

static struct known *
add(struct captures *c, uint64_t capture)
{
	struct known *k;

	if (HASH_COUNT(c->known) >= CAPTURES_MAX || !(k = calloc(1, sizeof *k)))
		return NULL;
	k->capture = capture;
	HASH_ADD(hh, c->known, capture, sizeof k->capture, k);
	if (!k->hh.tbl) {
		free(k);
		return NULL;
	}
	return k;
}

/* Its end was nobody's wish, and it is wanted still. */
static void
revive(struct known *k)
{
	if (!k->over ||
	    (k->holding.code != RESULT_END_LEASE && k->holding.code != RESULT_END_SHUTDOWN))
		return;
	add_counters(&k->before, &k->holding);
	k->holding = (struct holding){.capture = 0};
	k->over = false;
}

static void
take_order(struct captures *c, const struct order *order, struct instant since, uint32_t lease_ms,
    struct instant now)
{
	struct known *k = find(c, order->capture);

	if (!k && !(k = add(c, order->capture)))
		return;
	k->order = *order;
	k->wanted = k->seen = true;
	k->lease_end = clk_add(since, lease_ms * CLK_MS);
	k->own_end = (struct instant){0};
	if (order->remaining_ms)
		k->own_end = clk_add(since, order->remaining_ms * CLK_MS);
	revive(k);
	if (k->over || !clk_before(now, k->lease_end) ||
	    (k->own_end.ns && !clk_before(now, k->own_end)))
		return;
	(void)settle(c, k, true, now);
}

void
captures_orders(struct captures *captures, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms, uint64_t reported, struct instant now)
{
	struct known *k, *next;

	for (k = captures->known; k; k = k->hh.next)
		k->seen = false;
	for (size_t i = 0; i < count; i++)
		take_order(captures, &orders[i], since, lease_ms, now);
	HASH_ITER(hh, captures->known, k, next)
	{
		if (k->seen || !k->wanted)
			continue;
		k->wanted = k->parked = false;
		if (!k->there && !k->over) {
			/* Parked: nothing stands that could end. */
			k->over = true;
			k->over_reported = reported;
			k->holding =
			    (struct holding){.capture = k->capture, .hold = HOLD_ENDED, .code = 0};
			k->text[0] = '\0';
		}
		if (!k->over)
			let_go(captures, k, RESULT_OK);
	}
}

void
captures_renew(
    struct captures *captures, struct instant since, uint32_t lease_ms, struct instant now)
{
	struct wire_msg msg = {.type = WIRE_RENEW};
	struct instant end = clk_add(since, lease_ms * CLK_MS);

	msg.renew.lease_ms = left_ms(end, now);
	if (msg.renew.lease_ms == 0 || !captures->known)
		return;
	if (msg.renew.lease_ms > WIRE_LEASE_MAX_MS)
		msg.renew.lease_ms = WIRE_LEASE_MAX_MS;
	captures->ops.tell(captures->user, &msg);
	for (struct known *k = captures->known; k; k = k->hh.next) {
		if (!k->wanted)
			continue;
		k->lease_end = end;
		revive(k);
		if (!k->there && !k->over)
			(void)settle(captures, k, false, now);
	}
}

/* ---- from rules ---- */

static void
log_state(const struct known *k, const struct holding *holding)
{
	char text[48] = "";

	if (holding->code)
		snprintf(text, sizeof text, " (%s)", result_name(holding->code));
	log_info("capture %" PRIu64 ": %s%s%s%s", k->capture, order_hold_name(holding->hold), text,
	    holding->text[0] ? ": " : "", holding->text);
}

bool
captures_holding(
    struct captures *captures, const struct holding *holding, uint64_t reported, struct instant now)
{
	struct known *k = find(captures, holding->capture);

	if (!k)
		return false;
	bool changed = k->holding.hold != holding->hold;
	if (changed)
		log_state(k, holding);
	k->holding = *holding;
	if (holding->hold != HOLD_ENDED && holding->hold != HOLD_FAILED)
		return changed;
	k->there = k->leaving = false;
	if (k->wanted && (k->parked || holding->code == RESULT_NO_ROUTE)) {
		add_counters(&k->before, holding);
		k->holding = (struct holding){.capture = 0};
		/* Rules know of no way where we do: the news are on their way to one of us. */
		if (!k->parked) {
			k->parked = true;
			k->retry_at = clk_add(now, RETRY_NS);
		}
		(void)settle(captures, k, false, now);
		return true;
	}
	k->over = true;
	k->over_reported = reported;
	return changed;
}

bool
captures_paths(struct captures *captures, struct instant now)
{
	bool changed = false;

	for (struct known *k = captures->known; k; k = k->hh.next)
		if (k->wanted && !k->over)
			changed |= settle(captures, k, false, now);
	return changed;
}

struct instant
captures_deadline(const struct captures *captures)
{
	struct instant at = {INT64_MAX};

	for (const struct known *k = captures->known; k; k = k->hh.next)
		if (k->wanted && !k->over && k->retry_at.ns && clk_before(k->retry_at, at))
			at = k->retry_at;
	return at;
}

/* ---- to the controller ---- */

void
captures_forget(struct captures *captures, uint64_t reported)
{
	struct known *k, *next;

	HASH_ITER(hh, captures->known, k, next)
	if (k->over && !k->wanted && reported >= k->over_reported + 2)
		forget(captures, k);
}

static struct holding
report(const struct known *k)
{
	struct holding h = k->holding;

	h.capture = k->capture;
	if (k->parked && !k->over) {
		h.hold = HOLD_INSTALLING;
		h.code = RESULT_NO_ROUTE;
		snprintf(h.text, sizeof h.text, "%s",
		    k->text[0] ? k->text : result_text(RESULT_NO_ROUTE));
	} else if (!k->over && h.code == 0 && (!h.text[0] || k->portless)) {
		memcpy(h.text, k->text, sizeof h.text);
	}
	add_counters(&h, &k->before);
	return h;
}

struct holding *
captures_list(const struct captures *captures, size_t *ret_count)
{
	struct holding *list = calloc(HASH_COUNT(captures->known) + 1, sizeof *list);
	size_t n = 0;

	if (!list)
		return NULL;
	for (const struct known *k = captures->known; k; k = k->hh.next)
		if (k->holding.capture || k->parked)
			list[n++] = report(k);
	*ret_count = n;
	return list;
}

size_t
captures_analysers(const struct captures *captures, struct addr *ret_addrs, size_t room)
{
	size_t n = 0;

	for (const struct known *k = captures->known; k && n < room; k = k->hh.next) {
		size_t i = 0;

		if (!k->wanted || k->over)
			continue;
		while (i < n && !addr_equal(&ret_addrs[i], &k->order.analyser.addr))
			i++;
		if (i == n)
			ret_addrs[n++] = k->order.analyser.addr;
	}
	return n;
}

size_t
captures_parked(const struct captures *captures, char text[ORDER_TEXT_MAX])
{
	size_t n = 0;

	for (const struct known *k = captures->known; k; k = k->hh.next)
		if (k->parked && !k->over && n++ == 0)
			snprintf(text, ORDER_TEXT_MAX, "%s", k->text);
	return n;
}
