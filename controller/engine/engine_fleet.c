/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people ask of switches: who is there, who waits, who is let in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/keys.h"
#include "common/base/log.h"
#include "controller/engine/engine_part.h"

/* A message that cannot be opened explains why an agent is silent for so long: it dials anew every
 * half a minute. */
#define MISLED (2 * 60 * CLK_S)

static uint64_t
since(struct instant now, struct instant then)
{
	/* Right now is not never. */
	if (then.ns <= 0)
		return 0;
	return clk_diff(now, then) > CLK_MS ? (uint64_t)(clk_diff(now, then) / CLK_MS) : 1;
}

static void
say_hello(const struct agent_hello *hello, struct ctl_agent *row)
{
	snprintf(row->version, sizeof row->version, "%s", hello->version);
	snprintf(row->host, sizeof row->host, "%s", hello->name);
	if (hello->asic[0] != '\0')
		snprintf(
		    row->system, sizeof row->system, "%.43s, %.18s", hello->system, hello->asic);
	else
		snprintf(row->system, sizeof row->system, "%s", hello->system);
	snprintf(row->target, sizeof row->target, "%s", agent_msg_target_name(hello->target4));
	snprintf(row->backend, sizeof row->backend, "%s", agent_msg_backend_name(hello->backend));
	row->no_ipv6 = hello->target6 == AGENT_TARGET_NONE;
	row->rules_max = hello->rules_max;
	row->destinations_max = hello->destinations;
}

/* The addresses that its exporters are bound to: configured, else those it reports. */
static void
say_addresses(
    const struct policy_switch *place, const struct agent_hello *hello, struct ctl_agent *row)
{
	for (size_t i = 0; i < place->exporter_count && row->addr_count < CTL_ADDRS_MAX; i++)
		row->addrs[row->addr_count++] = place->exporters[i];
	if (place->exporter_count > 0 || hello == NULL)
		return;
	for (size_t i = 0; i < hello->addr_count && row->addr_count < CTL_ADDRS_MAX; i++)
		if (!addr_is_special(&hello->addrs[i].addr))
			row->addrs[row->addr_count++] = hello->addrs[i].addr;
}

/* What it said last is no news of one that is not there. */
static void
say_absent(const struct engine *engine, const struct agents_info *info, struct instant now,
    struct ctl_agent *row)
{
	char own[KEYS_FINGERPRINT_MAX];

	/* Its state says that it is not there. */
	row->code = RESULT_OK;
	if (info->misled.ns > info->heard.ns && clk_diff(now, info->misled) < MISLED)
		snprintf(row->text, sizeof row->text,
		    "it dials, but its controller_key is not the key of this controller, %s",
		    keys_fingerprint(engine->settings->agents.keys.public_key, own));
	else
		snprintf(row->text, sizeof row->text,
		    "%s; there: finderscope-agent --check, journalctl -u finderscope-agent",
		    info->heard.ns != 0 ? "not heard" : "never came since the controller started");
}

static void
agent_row(const struct engine *engine, size_t id, struct instant now, struct ctl_agent *row)
{
	struct agents_info info;

	memset(row, 0, sizeof *row);
	snprintf(row->name, sizeof row->name, "%s", fleet_name(&engine->fleet, (unsigned)id));
	if (!agents_info(engine->agents, id, &info))
		return;
	keys_fingerprint(info.who->key, row->fingerprint);
	row->state = info.connected       ? CTL_AGENT_CONNECTED
		     : info.heard.ns != 0 ? CTL_AGENT_SILENT
					  : CTL_AGENT_NEVER;
	row->heard_ms = since(now, info.heard);
	row->session_ms = info.connected ? since(now, info.since) : 0;
	if (info.hello != NULL)
		say_hello(info.hello, row);
	say_addresses(&engine->fleet.places[id], info.hello, row);
	row->captures = decide_switch_captures(engine->decide, (unsigned)id);
	row->rules = decide_switch_rules(engine->decide, (unsigned)id);
	row->destinations = decide_switch_destinations(engine->decide, (unsigned)id);
	row->released = decide_released(engine->decide, (int)id);
	row->mirrored_bps = info.bps;
	row->hosts = info.counts.hosts;
	row->commits = info.counts.commits;
	row->lock_waits = info.counts.lock_waits;
	row->fights = info.counts.fights;
	row->foreign_lost = info.counts.foreign_lost;
	row->mirror_lost = info.counts.mirror_lost;
	/* What the switch says of itself, before what it said of the last orders. */
	bool own = info.code != 0 || (info.text != NULL && info.text[0] != '\0');
	const char *text = own ? info.text : info.ack_text;
	row->code = (enum result)(own ? info.code : info.ack_code);
	snprintf(row->text, sizeof row->text, "%s", text != NULL ? text : "");
	if (!info.connected)
		say_absent(engine, &info, now, row);
}

static void
waiting_agent_row(const struct waiting_row *w, struct instant now, struct ctl_agent *row)
{
	*row = (struct ctl_agent){.state = CTL_AGENT_WAITING, .heard_ms = since(now, w->heard)};
	snprintf(row->fingerprint, sizeof row->fingerprint, "%s", w->fingerprint);
	snprintf(row->host, sizeof row->host, "%s", w->name);
	snprintf(row->version, sizeof row->version, "%s", w->version);
	snprintf(row->text, sizeof row->text,
	    "finderscopectl agents accept %s lets it in, if its own --public-key says the same",
	    w->fingerprint);
	for (size_t i = 0; i < w->addr_count && row->addr_count < CTL_ADDRS_MAX; i++)
		row->addrs[row->addr_count++] = w->addrs[i];
}

/* By its name, or as one that waits is shown: by what it calls itself. Fingerprints are unlikely
 * enough to be the same at their beginnings; where they are, all of them are shown. */
static bool
is_called(const struct ctl_agent *row, const char *name)
{
	char waiting[CTL_NAME_MAX + 2];

	snprintf(waiting, sizeof waiting, "(%s)", row->host);
	return strcmp(name, row->name) == 0 ||
	       (strlen(name) >= 4 && strncmp(name, row->fingerprint, strlen(name)) == 0) ||
	       (row->state == CTL_AGENT_WAITING &&
		   (strcmp(name, row->host) == 0 || strcmp(name, waiting) == 0));
}

enum result
engine_agents(void *user, const char *name, uint64_t cursor, struct serve_reply *reply)
{
	struct engine *engine = user;
	struct instant now = clk_now();
	size_t known = engine->fleet.count, all = known + engine->waiting.count;
	bool found = name[0] == '\0';

	for (size_t i = cursor; i < all; i++) {
		struct ctl_agent row;

		if (i < known)
			agent_row(engine, i, now, &row);
		else
			waiting_agent_row(&engine->waiting.rows[i - known], now, &row);
		if (name[0] != '\0' && !is_called(&row, name))
			continue;
		found = true;
		if (!serve_agent(reply, &row)) {
			serve_next(reply, i);
			break;
		}
	}
	if (!found) {
		serve_text(
		    reply, "there is no switch \"%s\"; finderscopectl agents lists them", name);
		return RESULT_NOT_FOUND;
	}
	return RESULT_OK;
}

static enum result
refuse_accept(struct engine *engine, const struct waiting_row *w, const char *name,
    const struct serve_peer *peer, struct serve_reply *reply)
{
	int other = fleet_find(&engine->fleet, name);

	if (!fleet_name_ok(name)) {
		serve_text(reply,
		    "\"%s\" cannot be a name: 1 to 63 of letters, digits, '-', '_', '.'", name);
		return RESULT_BAD_REQUEST;
	}
	if (other >= 0) {
		serve_text(reply,
		    "there is a switch %s already; give another name behind the "
		    "fingerprint",
		    name);
		return RESULT_ALREADY;
	}
	other = fleet_claims(&engine->fleet, w->addrs, w->addr_count);
	if (other < 0)
		return RESULT_OK;
	serve_text(reply, "it claims an address that %s is bound to",
	    fleet_name(&engine->fleet, (unsigned)other));
	engine_tell(engine, "agent", "state", "refused: claims another switch's address",
	    "fingerprint", w->fingerprint, "name", name, "other",
	    fleet_name(&engine->fleet, (unsigned)other), "who", peer->name, (char *)NULL);
	return RESULT_NOT_PERMITTED;
}

static void
say_accepted(struct engine *engine, const struct fleet_accepted *a, const char *fingerprint,
    const struct serve_peer *peer, struct serve_reply *reply)
{
	char text[CTL_TEXT_MAX] = "", addr[ADDR_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < a->addr_count && used < sizeof text; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? ", " : "",
		    addr_format(&a->addrs[i], addr));
	serve_text(reply, "%s is accepted, bound to %.180s", a->name,
	    a->addr_count > 0 ? text : "no address: it reported none");
	log_notice(
	    "switch %s (%s) accepted by %s, bound to %s", a->name, fingerprint, peer->name, text);
	engine_tell(engine, "agent", "switch", a->name, "state", "accepted", "fingerprint",
	    fingerprint, "addresses", text, "who", peer->name, (char *)NULL);
}

enum result
engine_agent_accept(void *user, const struct serve_peer *peer, const char *fingerprint,
    const char *name, struct serve_reply *reply)
{
	struct engine *engine = user;
	int i = waiting_find(&engine->waiting, fingerprint);
	struct fleet_accepted *list;
	struct waiting_row w;
	enum result code;
	size_t n;
	int r;

	if (i < 0) {
		serve_text(reply,
		    i == -EEXIST   ? "several that wait begin with %s; give more of it"
		    : i == -EINVAL ? "%s is too short; give at least four characters of it"
				   : "no switch with the fingerprint %s waits",
		    fingerprint);
		return i == -ENOENT ? RESULT_NOT_FOUND : RESULT_BAD_REQUEST;
	}
	w = engine->waiting.rows[i];
	code = refuse_accept(engine, &w, name[0] != '\0' ? name : w.name, peer, reply);
	if (code != RESULT_OK)
		return code;
	n = engine->fleet.accepted_count;
	list = calloc(n + 1, sizeof *list);
	if (list == NULL)
		return RESULT_INTERNAL;
	memcpy(list, engine->fleet.accepted, n * sizeof *list);
	snprintf(list[n].name, sizeof list[n].name, "%s", name[0] != '\0' ? name : w.name);
	memcpy(list[n].key, w.key, KEYS_SIZE);
	memcpy(list[n].addrs, w.addrs, w.addr_count * sizeof w.addrs[0]);
	list[n].addr_count = w.addr_count;
	r = engine_refit(engine, list, n + 1, clk_now());
	if (r == 0) {
		waiting_drop(&engine->waiting, w.key);
		engine_store_agent(engine, &list[n], peer->name);
		say_accepted(engine, &list[n], w.fingerprint, peer, reply);
	}
	free(list);
	return r == 0 ? RESULT_OK : RESULT_INTERNAL;
}

enum result
engine_agent_forget(
    void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply)
{
	struct engine *engine = user;
	int id = fleet_find(&engine->fleet, name);
	size_t kept = 0, n = engine->fleet.accepted_count;
	struct fleet_accepted *list;
	int r;

	if (id < 0) {
		serve_text(
		    reply, "there is no switch \"%s\"; finderscopectl agents lists them", name);
		return RESULT_NOT_FOUND;
	}
	if ((size_t)id < engine->fleet.configured) {
		serve_text(reply, "%s stands in the configuration: take it out of %s, then reload",
		    name, engine->path);
		return RESULT_NOT_PERMITTED;
	}
	list = calloc(n + 1, sizeof *list);
	if (list == NULL)
		return RESULT_INTERNAL;
	for (size_t i = 0; i < n; i++)
		if (strcmp(engine->fleet.accepted[i].name, name) != 0)
			list[kept++] = engine->fleet.accepted[i];
	r = engine_refit(engine, list, kept, clk_now());
	free(list);
	if (r < 0)
		return RESULT_INTERNAL;
	store_forget_agent(engine->store, name);
	log_notice("switch %s forgotten by %s", name, peer->name);
	engine_tell(
	    engine, "agent", "switch", name, "state", "forgotten", "who", peer->name, (char *)NULL);
	serve_text(reply, "%s is forgotten; its session is cut", name);
	return RESULT_OK;
}

enum result
engine_agent_go_on(
    void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply)
{
	struct engine *engine = user;
	int id = fleet_find(&engine->fleet, name);
	struct agents_info info;

	if (id < 0 || !agents_info(engine->agents, (size_t)id, &info)) {
		serve_text(
		    reply, "there is no switch \"%s\"; finderscopectl agents lists them", name);
		return RESULT_NOT_FOUND;
	}
	if (info.connected && info.code != RESULT_STUCK && info.code != RESULT_FOREIGN_WRITER) {
		serve_text(reply, "%s takes what is new: nothing is to be lifted there", name);
		return RESULT_ALREADY;
	}
	if (agents_go_on(engine->agents, (size_t)id, clk_now()) < 0) {
		serve_text(reply,
		    "%s is not connected: at the switch, finderscope-agent --go-on does it", name);
		return RESULT_NOT_CONNECTED;
	}
	log_notice("switch %s told to go on by %s", name, peer->name);
	engine_tell(engine, "agent", "switch", name, "state", "told to go on", "reason",
	    result_name(info.code), "who", peer->name, (char *)NULL);
	serve_text(reply, "%s is told to go on; an event says when it does", name);
	return RESULT_OK;
}

bool
engine_exporter_of(const struct engine *engine, unsigned id, struct addr *ret_addr)
{
	const struct policy_switch *place = &engine->fleet.places[id];
	struct addr anywhere = {.family = 0};
	struct agents_info info;
	enum result code;

	if (place->exporter_count > 0) {
		*ret_addr = place->exporters[0];
		return true;
	}
	if (!agents_info(engine->agents, id, &info) || info.hello == NULL)
		return false;
	for (unsigned i = 0; i < info.hello->addr_count; i++) {
		*ret_addr = info.hello->addrs[i].addr;
		if (decide_exporter(engine->decide, ret_addr, &anywhere, &code) == (int)id)
			return true;
	}
	return false;
}
