/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts for the decider: what switches say of themselves, of captures, of hosts; other lists. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/brain.h"

#define FOREIGN_TOLD_AGAIN (60 * CLK_S)

/* The holders on switch `sw` of captures that are not over; the body may end this one's capture. */
#define EACH_HOLDER(sw, link, next, c, h)                                                          \
	for (link = TAILQ_FIRST(&(sw)->links);                                                     \
	     link != NULL && (next = TAILQ_NEXT(link, entry), c = link->capture,                   \
			     h = &c->pub.holders[link - c->links], true);                          \
	     link = next)

static void
take_addrs(struct decide *d, unsigned id, const struct decide_agent *agent)
{
	struct brain_switch *sw = &d->switches[id];
	size_t count = agent->addr_count < BRAIN_ADDRS_MAX ? agent->addr_count : BRAIN_ADDRS_MAX;

	for (size_t i = 0; i < sw->addr_count; i++)
		addrbook_remove(d->book, &sw->addrs[i], ADDRBOOK_REPORTED, id);
	sw->addr_count = 0;
	/* Without memory the rest is left out: an exporter then alerts, nothing worse. */
	for (size_t i = 0; i < count; i++) {
		if (addrbook_add(d->book, &agent->addrs[i], ADDRBOOK_REPORTED, id) < 0)
			break;
		sw->addrs[sw->addr_count++] = agent->addrs[i];
	}
}

static void
take_ports(struct brain_switch *sw, const struct decide_agent *agent)
{
	size_t count = agent->port_count < BRAIN_PORTS_MAX ? agent->port_count : BRAIN_PORTS_MAX;

	free(sw->ports);
	sw->port_count = 0;
	sw->ports = count > 0 ? calloc(count, sizeof *sw->ports) : NULL;
	if (sw->ports == NULL)
		return;
	memcpy(sw->ports, agent->ports, count * sizeof *sw->ports);
	sw->port_count = count;
	for (size_t i = 0; i < count; i++)
		sw->ports[i].name[FILTER_IFACE_MAX - 1] = '\0';
}

void
decide_connected(
    struct decide *d, unsigned id, const struct decide_agent *agent, struct instant now)
{
	struct brain_switch *sw = &d->switches[id];
	struct brain_link *link, *next;
	struct brain_capture *c;
	struct decide_holder *h;

	sw->connected = true;
	sw->changed = true;
	sw->heard = sw->since = now;
	sw->hosts_told = false;
	sw->can4 = agent->can4;
	sw->can6 = agent->can6;
	sw->rules_max = agent->rules_max;
	sw->destinations_max = agent->destinations;
	sw->bps_max = agent->bps_max;
	sw->len4 = agent->len4;
	sw->len6 = agent->len6;
	take_addrs(d, id, agent);
	take_ports(sw, agent);
	EACH_HOLDER(sw, link, next, c, h)
	{
		h->settled = false;
		capture_lose(d, c, h, now);
	}
}

void
decide_gone(struct decide *d, unsigned id, struct instant now)
{
	(void)now;
	d->switches[id].connected = false;
}

void
decide_hosts(struct decide *d, unsigned id, const struct decide_host *hosts, size_t count, bool all,
    struct instant now)
{
	d->switches[id].heard = now;
	d->switches[id].hosts_told = true;
	if (all && hosts_clear(d->hosts, id) > 0)
		d->hosts_changed = true;
	for (size_t i = 0; i < count; i++) {
		const struct decide_host *host = &hosts[i];
		if (host->addr.family == 0)
			continue;
		int r = host->gone ? hosts_remove(d->hosts, id, &host->addr, host->vrf)
				   : hosts_add(d->hosts, id, &host->addr, host->vrf, host->vni);

		d->counts.hosts_left_out += r < 0;
		d->hosts_changed = d->hosts_changed || r > 0;
	}
}

void
decide_settled(struct decide *d, unsigned id, struct instant now)
{
	struct brain_switch *sw = &d->switches[id];
	struct brain_link *link, *next;
	struct brain_capture *c;
	struct decide_holder *h;

	sw->heard = now;
	if (sw->changed)
		return; /* newer orders are on their way */
	EACH_HOLDER(sw, link, next, c, h)
	if (!h->wanted)
		h->settled = true;
}

/* It holds what nobody wants of it, and orders without it don't help at once: somebody should know.
 */
static void
tell_foreign(struct decide *d, unsigned id, const struct holding *said, struct instant now)
{
	struct brain_switch *sw = &d->switches[id];
	char text[DECIDE_TEXT_MAX];
	struct decide_event event = {
	    .kind = "agent", .name = sw->conf.name, .code = RESULT_NOT_FOUND, .text = text};

	d->counts.foreign_holdings++;
	if (sw->foreign_told.ns != 0 && clk_diff(now, sw->foreign_told) < FOREIGN_TOLD_AGAIN)
		return;
	sw->foreign_told = now.ns != 0 ? now : (struct instant){1};
	snprintf(text, sizeof text,
	    "%s says it holds capture %llu with %u rules, which nobody asked of it", sw->conf.name,
	    (unsigned long long)said->capture, said->rules);
	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

static void
report_one(struct decide *d, unsigned id, const struct holding *said, struct instant now)
{
	struct brain_capture *c = capture_find(d, said->capture);
	struct decide_holder *h = NULL;

	for (unsigned k = 0; c != NULL && k < c->pub.holder_count; k++)
		if (c->pub.holders[k].id == id)
			h = &c->pub.holders[k];
	if (h != NULL && !h->gone) {
		capture_report(d, c, h, said, now);
		return;
	}
	if (said->hold >= HOLD_INSTALLING && said->hold <= HOLD_STUCK)
		tell_foreign(d, id, said, now);
}

static bool
is_in(const struct holding *holdings, size_t count, uint64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (holdings[i].capture == id)
			return true;
	return false;
}

/* What is not in a whole report is not held. */
static void
report_absent(struct decide *d, struct brain_switch *sw, const struct holding *holdings,
    size_t count, struct instant now)
{
	struct brain_link *link, *next;
	struct brain_capture *c;
	struct decide_holder *h;

	EACH_HOLDER(sw, link, next, c, h)
	{
		if (is_in(holdings, count, c->pub.id))
			continue;
		if (h->wanted && h->told && h->said.hold >= HOLD_IN_KERNEL)
			capture_lose(d, c, h, now);
		else if (!h->wanted && (h->told || h->settled))
			capture_holder_gone(d, c, h, now);
	}
}

void
decide_report(struct decide *d, unsigned id, const struct holding *holdings, size_t count, bool all,
    bool released, struct instant now)
{
	struct brain_switch *sw = &d->switches[id];
	struct brain_link *link, *next;
	struct brain_capture *c;
	struct decide_holder *h;

	sw->heard = now;
	sw->released_there = released;
	for (size_t i = 0; i < count; i++)
		report_one(d, id, &holdings[i], now);
	if (all)
		report_absent(d, sw, holdings, count, now);
	if (released)
		EACH_HOLDER(sw, link, next, c, h)
		{
			if (h->wanted && life_is_live(c->pub.state))
				capture_end(
				    d, c, RESULT_END_RELEASED, "released at the switch", now);
		}
	brain_retry(d, now);
}

void
decide_rejudge(struct decide *d,
    enum result (*judge)(void *user, const struct addr *remote, uint16_t port), void *user,
    struct instant now)
{
	struct brain_capture *c, *next;

	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		bool wide = c->pub.wide != VERDICT_PAIR && c->pub.has_sighting;
		enum result code;

		next = TAILQ_NEXT(c, order);
		if (c->pub.manual || !life_is_live(c->pub.state))
			continue;
		code = judge(user, wide ? &c->pub.sighting.remote : &c->pub.filter.b.addr,
		    c->pub.filter.b_port);
		if (code != RESULT_OK)
			capture_end(d, c, code, result_text((int)code), now);
	}
}

/* Whether datagrams of exporter `agent` may come from there: its own address, another one of the
 * same switch (sFlow names a loopback and leaves through a port), or what is configured. */
static bool
source_is_good(const struct brain_switch *sw, const struct addr *agent, const struct addr *from)
{
	if (from->family == 0 || addr_equal(agent, from))
		return true;
	for (size_t k = 0; k < sw->addr_count; k++)
		if (addr_equal(&sw->addrs[k], from))
			return true;
	for (size_t k = 0; k < sw->conf.source_count; k++)
		if (prefix_contains(&sw->conf.sources[k], from))
			return true;
	return false;
}

int
decide_exporter(const struct decide *d, const struct addr *agent, const struct addr *from,
    enum result *ret_code)
{
	const struct addrbook_entry *e = NULL;
	int found = -1, reported = -1;
	bool again = false, claimed = false;

	while ((e = addrbook_find(d->book, agent, e)) != NULL) {
		bool by_conf = e->kind == ADDRBOOK_EXPORTER;

		/* Where exporters are configured what the agent reports is none. */
		if (!by_conf &&
		    (e->kind != ADDRBOOK_REPORTED || d->switches[e->id].conf.exporter_count > 0))
			continue;
		claimed = true;
		if (!source_is_good(&d->switches[e->id], agent, from))
			continue;
		if (by_conf)
			found = (int)e->id;
		again = again || (!by_conf && reported >= 0 && reported != (int)e->id);
		reported = by_conf ? reported : (int)e->id;
	}
	*ret_code = claimed ? RESULT_EXPORTER_UNKNOWN : RESULT_NO_AGENT;
	/* A configured one is meant; of several that agents report none can be told. */
	if (found >= 0)
		return found;
	if (again)
		*ret_code = RESULT_AMBIGUOUS;
	return again ? -1 : reported;
}
