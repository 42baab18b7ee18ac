/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which switches hold a capture: those the local host is attached to, that which saw it, or all. */
#include <stdio.h>

#include "controller/decide/brain.h"

/* RESULT_OK when the switch can hold the verdict's filter now; else why not, in words. */
static enum result
able(const struct decide *d, const struct verdict *v, unsigned id, char why[VERDICT_TEXT_MAX])
{
	const struct brain_switch *sw = &d->switches[id];
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
	return RESULT_OK;
}

static void
add(struct verdict *v, unsigned id)
{
	for (unsigned i = 0; i < v->holder_count; i++)
		if (v->holders[i] == id)
			return;
	if (v->holder_count < VERDICT_HOLDERS_MAX)
		v->holders[v->holder_count++] = id;
}

static bool
say(const struct decide *d, struct verdict *v, const char *how)
{
	char names[VERDICT_TEXT_MAX - 60] = "";
	size_t used = 0;

	for (unsigned i = 0; i < v->holder_count && used < sizeof names; i++)
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
		    i > 0 ? ", " : "", d->switches[v->holders[i]].conf.name);
	return verdict_step(v, "place", RESULT_OK, "%s: %s", how, names);
}

/* Those of `wanted` that can; the first that can't gives the reason when none can. */
static bool
try(const struct decide *d, struct verdict *v,
    bool (*wanted)(const struct brain_switch *sw, const struct addr *local),
    const struct addr *local, bool *ret_any, enum result *ret_code, char why[VERDICT_TEXT_MAX])
{
	*ret_any = false;
	for (unsigned id = 0; id < d->switch_count; id++) {
		char text[VERDICT_TEXT_MAX];
		enum result code;

		if (!wanted(&d->switches[id], local))
			continue;
		code = able(d, v, id, text);
		if (code == RESULT_OK) {
			add(v, id);
		} else if (!*ret_any) {
			*ret_code = code;
			snprintf(why, VERDICT_TEXT_MAX, "%s", text);
		}
		*ret_any = true;
	}
	return v->holder_count > 0;
}

static bool
attached(const struct brain_switch *sw, const struct addr *local)
{
	for (size_t i = 0; i < sw->conf.host_count; i++)
		if (prefix_contains(&sw->conf.hosts[i], local))
			return true;
	return false;
}

static bool
connected(const struct brain_switch *sw, const struct addr *local)
{
	(void)local;
	return sw->connected;
}

bool
place_conversation(const struct decide *d, struct verdict *v, enum policy_where where, int seen,
    const struct addr *local)
{
	enum result code = RESULT_NO_AGENT;
	char why[VERDICT_TEXT_MAX] = "no switch is connected";
	bool any = false;

	if (where == POLICY_ALL) {
		if (try(d, v, connected, local, &any, &code, why))
			return say(d, v, "every switch that can");
		return verdict_step(v, "place", code, "%s", why);
	}
	if (where == POLICY_EDGE && local->family != 0) {
		if (try(d, v, attached, local, &any, &code, why))
			return say(d, v, "the local host is attached to");
		/* Its own switch can't: another on the way may, and half a loaf is no loaf. */
		if (any && seen < 0)
			return verdict_step(v, "place", code, "%s", why);
	}
	if (seen < 0)
		return verdict_step(v, "place", any ? code : RESULT_NO_AGENT, "%s",
		    any ? why : "no switch is known to see this conversation");
	code = able(d, v, (unsigned)seen, why);
	if (code != RESULT_OK)
		return verdict_step(v, "place", code, "%s", why);
	add(v, (unsigned)seen);
	return say(d, v, "seen by");
}

bool
place_named(const struct decide *d, struct verdict *v, const unsigned *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char why[VERDICT_TEXT_MAX] = "no such switch";
		enum result code =
		    ids[i] < d->switch_count ? able(d, v, ids[i], why) : RESULT_NOT_FOUND;

		if (code != RESULT_OK)
			return verdict_step(v, "place", code, "%s", why);
		add(v, ids[i]);
	}
	return say(d, v, "named");
}
