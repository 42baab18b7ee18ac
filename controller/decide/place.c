/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which switches hold a capture: those the local host is attached to, those that saw it, or all.
 * The same conversation passes leaf, spine and leaf; where its host is attached both directions
 * pass whatever ECMP does, and it runs outside of tunnels.
 */
#include <stdio.h>
#include <string.h>

#include "controller/decide/brain.h"

/* Candidates for one place. */
struct place_list {
	unsigned ids[DECIDE_HOLDERS_MAX];
	unsigned count, left_out;
};

static void
put(struct place_list *list, unsigned id)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->ids[i] == id)
			return;
	if (list->count < DECIDE_HOLDERS_MAX)
		list->ids[list->count++] = id;
	else
		list->left_out++;
}

/* RESULT_OK when the switch can hold the verdict's filter now; else why not, in words. */
static enum result
able(const struct decide *d, const struct verdict *v, const struct place_wish *wish, unsigned id,
    char why[VERDICT_TEXT_MAX])
{
	const struct brain_switch *sw = &d->switches[id];
	const struct convs_row *row = wish != NULL ? wish->row : NULL;
	bool six = v->filter.a.addr.family == 6 || v->filter.b.addr.family == 6;
	struct filter_limits limits = {sw->len4, sw->len6};
	const char *wrong;

	if (d->released_all || sw->released || sw->released_there) {
		snprintf(why, VERDICT_TEXT_MAX, "%s is released", sw->conf.name);
		return RESULT_RELEASED;
	}
	if (!sw->connected) {
		snprintf(why, VERDICT_TEXT_MAX, "%s is not connected", sw->conf.name);
		return RESULT_NOT_CONNECTED;
	}
	if (six ? !sw->can6 : !sw->can4) {
		snprintf(
		    why, VERDICT_TEXT_MAX, "%s cannot mirror IPv%d", sw->conf.name, six ? 6 : 4);
		return RESULT_NO_FAMILY;
	}
	wrong = filter_check(&v->filter, &limits);
	if (wrong != NULL) {
		snprintf(why, VERDICT_TEXT_MAX, "%s: %s", sw->conf.name, wrong);
		return RESULT_LIMIT_WIDTH;
	}
	if (row != NULL && convs_refused(row, id, BRAIN_REFUSED_FOR, wish->now)) {
		char ago[CLK_TEXT_MAX];

		snprintf(why, VERDICT_TEXT_MAX, "%s refused it %s ago: %s", sw->conf.name,
		    clk_format_duration(clk_diff(wish->now, row->refused), ago),
		    result_text(row->refused_code));
		return (enum result)row->refused_code;
	}
	return RESULT_OK;
}

/* The name of the port that the sample came in by, where the switch's rules are to have it. */
static void
name_port(
    const struct decide *d, const struct place_wish *wish, unsigned id, struct verdict_share *share)
{
	const struct brain_switch *sw = &d->switches[id];

	if (wish == NULL || wish->s == NULL || !sw->conf.port_names || wish->seen != (int)id ||
	    !wish->s->outbound || wish->s->inner || wish->s->input == 0 ||
	    share->way == VERDICT_BACK)
		return;
	for (size_t i = 0; i < sw->port_count; i++)
		if (sw->ports[i].ifindex == wish->s->input && filter_iface_ok(sw->ports[i].name))
			memcpy(share->iface, sw->ports[i].name, sizeof share->iface);
}

static void
add(const struct decide *d, struct verdict *v, const struct place_wish *wish, unsigned id,
    enum verdict_way way)
{
	struct verdict_share *share = &v->shares[v->holder_count];

	v->holders[v->holder_count++] = id;
	share->way = way;
	share->rules = filter_rules(&v->filter);
	if (way != VERDICT_BOTH && !v->filter.one_way)
		share->rules /= 2;
	name_port(d, wish, id, share);
}

/* ", "-separated; a list too long for the text ends in "…". */
static void
names(const struct decide *d, const unsigned *ids, unsigned count, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		const char *name = d->switches[ids[i]].conf.name;

		if (used + strlen(name) + 8 > size) {
			snprintf(text + used, size - used, "…");
			return;
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", name);
	}
}

/*
 * Those of the list that can, both ways. When some can't the text says what is missed; when none
 * can, false, with the first one's reason.
 */
static bool
take(const struct decide *d, struct verdict *v, const struct place_wish *wish, const char *how,
    const struct place_list *list, enum result *ret_code, char why[VERDICT_TEXT_MAX])
{
	char text[VERDICT_TEXT_MAX], held[100];

	*ret_code = RESULT_OK;
	for (unsigned i = 0; i < list->count; i++) {
		enum result code = able(d, v, wish, list->ids[i], text);

		if (code == RESULT_OK) {
			add(d, v, wish, list->ids[i], VERDICT_BOTH);
		} else if (*ret_code == RESULT_OK) {
			*ret_code = code;
			memcpy(why, text, sizeof text);
		}
	}
	if (v->holder_count == 0)
		return false;
	names(d, v->holders, v->holder_count, held, sizeof held);
	if (*ret_code != RESULT_OK)
		return verdict_step(v, "place", RESULT_OK, "%s: %s; missed: %.70s", how, held, why);
	return verdict_step(v, "place", RESULT_OK, "%s: %s", how, held);
}

/* ---- where the local host is attached ---- */

/* Whether a claim can be about this conversation. */
static bool
fits(const struct hosts_claim *claim, uint32_t vni)
{
	return vni == 0 || claim->vni == 0 || claim->vni == vni;
}

/*
 * What agents say. False: the address is there more than once, in VRFs or segments that the
 * conversation doesn't tell apart; `why` then names two.
 */
static bool
claimed(const struct decide *d, const struct place_wish *wish, struct place_list *list,
    char why[VERDICT_TEXT_MAX])
{
	const struct hosts_claim *first = NULL, *c = NULL;
	char text[ADDR_TEXT_MAX];

	while ((c = hosts_find(d->hosts, wish->local, c)) != NULL) {
		if (!fits(c, wish->vni))
			continue;
		if (first == NULL)
			first = c;
		if (strcmp(c->vrf, first->vrf) != 0 ||
		    (c->vni != first->vni && c->vni != 0 && first->vni != 0)) {
			snprintf(why, VERDICT_TEXT_MAX,
			    "%s is at %.40s (VRF %s, VNI %u) and at %.40s (VRF %s, VNI %u)",
			    addr_format(wish->local, text), d->switches[first->id].conf.name,
			    first->vrf[0] != '\0' ? first->vrf : "default", first->vni,
			    d->switches[c->id].conf.name, c->vrf[0] != '\0' ? c->vrf : "default",
			    c->vni);
			return false;
		}
		put(list, c->id);
	}
	return true;
}

/* What the configuration says: the longest prefixes that hold the address. */
static void
configured(const struct decide *d, const struct addr *local, struct place_list *list)
{
	const uint64_t *lens = d->static_lens[local->family == 6];

	for (unsigned len = addr_bits(local) + 1; len-- > 0 && list->count == 0;) {
		const struct addrbook_entry *e = NULL;
		struct prefix prefix;

		if ((lens[len / 64] >> len % 64 & 1) == 0)
			continue;
		prefix = prefix_make(local, len);
		while ((e = addrbook_find(d->statics, &prefix.addr, e)) != NULL)
			if (e->kind == len)
				put(list, e->id);
	}
}

/* Lists come in no order; plans do. */
static void
sort(struct place_list *list)
{
	for (unsigned i = 1; i < list->count; i++)
		for (unsigned k = i; k > 0 && list->ids[k - 1] > list->ids[k]; k--) {
			unsigned id = list->ids[k];

			list->ids[k] = list->ids[k - 1];
			list->ids[k - 1] = id;
		}
}

unsigned
place_edge(const struct decide *d, const struct verdict *v, const struct place_wish *wish,
    unsigned ret_ids[DECIDE_HOLDERS_MAX])
{
	struct place_list list = {.count = 0};
	char why[VERDICT_TEXT_MAX];
	unsigned count = 0;

	if (!claimed(d, wish, &list, why))
		return 0;
	if (list.count == 0)
		configured(d, wish->local, &list);
	sort(&list);
	for (unsigned i = 0; i < list.count; i++)
		if (able(d, v, wish, list.ids[i], why) == RESULT_OK)
			ret_ids[count++] = list.ids[i];
	return count;
}

bool
place_more(const struct decide *d, struct verdict *v, const struct place_wish *wish, unsigned id)
{
	char why[VERDICT_TEXT_MAX];

	if (v->holder_count == DECIDE_HOLDERS_MAX || able(d, v, wish, id, why) != RESULT_OK)
		return false;
	add(d, v, NULL, id, VERDICT_BOTH);
	return true;
}

/* ---- where it was seen ---- */

static bool
among(const uint16_t seen[CONVS_SEEN], uint16_t id)
{
	return id != 0 && (seen[0] == id || seen[1] == id);
}

/* The first that can; 0: none, with the first reason in *ret_code and `why`. */
static uint16_t
first_able(const struct decide *d, const struct verdict *v, const struct place_wish *wish,
    const uint16_t seen[CONVS_SEEN], enum result *ret_code, char why[VERDICT_TEXT_MAX])
{
	for (int i = 0; i < CONVS_SEEN; i++) {
		char text[VERDICT_TEXT_MAX];
		enum result code;

		if (seen[i] == 0 || seen[i] > d->switch_count)
			continue;
		code = able(d, v, wish, seen[i] - 1u, text);
		if (code == RESULT_OK)
			return seen[i];
		if (*ret_code == RESULT_OK) {
			*ret_code = code;
			memcpy(why, text, sizeof text);
		}
	}
	return 0;
}

static bool
place_seen(const struct decide *d, struct verdict *v, const struct place_wish *wish,
    enum result code, char why[VERDICT_TEXT_MAX])
{
	uint16_t out[CONVS_SEEN] = {0}, in[CONVS_SEEN] = {0}, both[CONVS_SEEN] = {0}, there, back;

	if (wish->row != NULL) {
		memcpy(out, wish->row->seen_out, sizeof out);
		memcpy(in, wish->row->seen_in, sizeof in);
	} else if (wish->seen >= 0) {
		out[0] = (uint16_t)(wish->seen + 1);
	}
	for (int i = 0; i < CONVS_SEEN; i++)
		both[i] = among(in, out[i]) ? out[i] : 0;
	there = first_able(d, v, wish, both, &code, why);
	if (there != 0) {
		add(d, v, wish, there - 1u, VERDICT_BOTH);
		return verdict_step(v, "place", RESULT_OK, "seen both ways by: %s",
		    d->switches[there - 1].conf.name);
	}
	there = first_able(d, v, wish, out, &code, why);
	back = first_able(d, v, wish, in, &code, why);
	if (there != 0 && back != 0 && there != back) {
		add(d, v, wish, there - 1u, VERDICT_THERE);
		add(d, v, wish, back - 1u, VERDICT_BACK);
		return verdict_step(v, "place", RESULT_OK,
		    "seen going out by: %s; coming in by: %s", d->switches[there - 1].conf.name,
		    d->switches[back - 1].conf.name);
	}
	if (there == 0)
		there = back;
	if (there != 0) {
		add(d, v, wish, there - 1u, VERDICT_BOTH);
		return verdict_step(
		    v, "place", RESULT_OK, "seen by: %s", d->switches[there - 1].conf.name);
	}
	if (code == RESULT_OK)
		return verdict_step(v, "place", RESULT_NO_AGENT, "%s",
		    "no switch is known to see this conversation");
	return verdict_step(v, "place", code, "%s", why);
}

static bool
place_all(const struct decide *d, struct verdict *v, const struct place_wish *wish)
{
	char why[VERDICT_TEXT_MAX] = "no switch is connected", text[VERDICT_TEXT_MAX];
	enum result code = RESULT_NO_AGENT;
	struct place_list list = {.count = 0};

	for (unsigned id = 0; id < d->switch_count; id++) {
		enum result this = able(d, v, wish, id, text);

		if (this == RESULT_OK) {
			put(&list, id);
		} else if (code == RESULT_NO_AGENT && this != RESULT_NOT_CONNECTED) {
			code = this;
			memcpy(why, text, sizeof text);
		}
	}
	if (list.count == 0)
		return verdict_step(v, "place", code, "%s", why);
	/* Leaving some out in silence would be no "all". */
	if (list.left_out > 0)
		return verdict_step(v, "place", RESULT_LIMIT_SWITCHES,
		    "%u switches can, a capture has at most %u: name them",
		    list.count + list.left_out, DECIDE_HOLDERS_MAX);
	return take(d, v, wish, "every switch that can", &list, &code, why);
}

bool
place_conversation(const struct decide *d, struct verdict *v, const struct place_wish *wish)
{
	struct place_list list = {.count = 0};
	bool inner = wish->s != NULL && wish->s->inner;
	char why[VERDICT_TEXT_MAX] = "";
	enum result code = RESULT_OK;

	if (wish->local->family != 0 && !claimed(d, wish, &list, why))
		return verdict_step(v, "place", RESULT_AMBIGUOUS, "%s", why);
	if (wish->where == POLICY_ALL && !inner)
		return place_all(d, v, wish);
	if (wish->local->family != 0 && list.count == 0)
		configured(d, wish->local, &list);
	sort(&list);
	if (list.count > 0 && (wish->where == POLICY_EDGE || inner)) {
		if (list.left_out > 0)
			return verdict_step(v, "place", RESULT_LIMIT_SWITCHES,
			    "the local host is said to be attached to %u switches, a capture has "
			    "at most %u",
			    list.count + list.left_out, DECIDE_HOLDERS_MAX);
		v->edge = true;
		if (take(d, v, wish, "the local host is attached to", &list, &code, why))
			return true;
		v->edge = false;
		if (inner)
			return verdict_step(
			    v, "place", code, "%.110s, and elsewhere it runs inside a tunnel", why);
	}
	if (inner)
		return verdict_step(v, "place", RESULT_TUNNELLED,
		    "%s saw it inside a tunnel, and no switch is known where it runs bare",
		    wish->seen >= 0 ? d->switches[wish->seen].conf.name : "a switch");
	/* Its own switch can't: another on the way may. */
	return place_seen(d, v, wish, code, why);
}

bool
place_named(const struct decide *d, struct verdict *v, const unsigned *ids, size_t count)
{
	char held[VERDICT_TEXT_MAX - 40];
	struct place_list list = {.count = 0};

	for (size_t i = 0; i < count; i++) {
		char why[VERDICT_TEXT_MAX] = "no such switch";
		enum result code =
		    ids[i] < d->switch_count ? able(d, v, NULL, ids[i], why) : RESULT_NOT_FOUND;

		if (code != RESULT_OK)
			return verdict_step(v, "place", code, "%s", why);
		put(&list, ids[i]);
	}
	if (list.left_out > 0)
		return verdict_step(v, "place", RESULT_LIMIT_SWITCHES,
		    "a capture has at most %u switches", DECIDE_HOLDERS_MAX);
	for (unsigned i = 0; i < list.count; i++)
		add(d, v, NULL, list.ids[i], VERDICT_BOTH);
	names(d, v->holders, v->holder_count, held, sizeof held);
	return verdict_step(v, "place", RESULT_OK, "named: %s", held);
}
