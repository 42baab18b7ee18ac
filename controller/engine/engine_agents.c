/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What agents say becomes facts for the decider; what it decides becomes orders for them. */
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"

static void
on_hello(void *user, size_t id, const struct agent_hello *hello, bool again)
{
	struct engine *engine = user;
	struct addr addrs[AGENT_MSG_ADDRS_MAX];
	struct decide_port ports[AGENT_MSG_PORTS_MAX];
	struct decide_agent agent = {
	    .can4 = hello->target4 != AGENT_TARGET_NONE,
	    .can6 = hello->target6 != AGENT_TARGET_NONE,
	    .rules_max = hello->rules_max,
	    .bps_max = hello->bps_max,
	    .len4 = hello->len4,
	    .len6 = hello->len6,
	    .addrs = addrs,
	    .destinations = hello->destinations,
	    .ports = ports,
	    .port_count = hello->port_count,
	};

	for (size_t i = 0; i < hello->addr_count; i++)
		if (!addr_is_special(&hello->addrs[i].addr))
			addrs[agent.addr_count++] = hello->addrs[i].addr;
	for (size_t i = 0; i < hello->port_count; i++) {
		ports[i].ifindex = hello->ports[i].ifindex;
		memcpy(ports[i].name, hello->ports[i].name, sizeof ports[i].name);
	}
	decide_connected(engine->decide, (unsigned)id, &agent, clk_now());
	log_info("switch %s: connected%s, version %s, target %s", fleet_name(&engine->fleet, id),
	    again ? " again" : "", hello->version, agent_msg_target_name(hello->target4));
	engine_tell(engine, "agent", "switch", fleet_name(&engine->fleet, id), "state",
	    again ? "connected again" : "connected", "version", hello->version, "target",
	    agent_msg_target_name(hello->target4), "back_end",
	    agent_msg_backend_name(hello->backend), (char *)NULL);
}

static void
on_report(void *user, size_t id, const struct agent_poll *poll)
{
	struct engine *engine = user;
	struct decide_host hosts[AGENT_MSG_HOSTS_MAX];

	for (size_t i = 0; i < poll->host_count; i++) {
		const struct agent_host *host = &poll->hosts[i];

		hosts[i] =
		    (struct decide_host){.addr = host->addr, .gone = host->gone, .vni = host->vni};
		memcpy(hosts[i].vrf, host->vrf, sizeof hosts[i].vrf);
	}
	if (poll->all_hosts || poll->host_count > 0)
		decide_hosts(engine->decide, (unsigned)id, hosts, poll->host_count, poll->all_hosts,
		    clk_now());
	decide_report(engine->decide, (unsigned)id, poll->holdings, poll->holding_count,
	    poll->all_holdings, poll->released, clk_now());
}

static void
on_acked(void *user, size_t id, uint64_t generation, int code, const char *text)
{
	struct engine *engine = user;
	struct agents_info info;

	if (code != RESULT_OK) {
		log_warning("switch %s: %s%s%s", fleet_name(&engine->fleet, id), result_text(code),
		    text[0] != '\0' ? ": " : "", text);
		engine_tell(engine, "agent", "switch", fleet_name(&engine->fleet, id), "state",
		    "could not apply its orders", "reason", result_name(code), "text",
		    text[0] != '\0' ? text : result_text(code), (char *)NULL);
		return;
	}
	if (agents_info(engine->agents, id, &info) && generation == info.wanted)
		decide_settled(engine->decide, (unsigned)id, clk_now());
}

static void
on_gone(void *user, size_t id)
{
	struct engine *engine = user;

	decide_gone(engine->decide, (unsigned)id, clk_now());
	log_warning("switch %s: not heard for 30 s", fleet_name(&engine->fleet, id));
	engine_tell(engine, "agent", "switch", fleet_name(&engine->fleet, id), "state", "silent",
	    (char *)NULL);
}

/* What stops a switch is news; that it waits for a way, say, its captures tell. */
static bool
stops(int code)
{
	return code == RESULT_STUCK || code == RESULT_FOREIGN_WRITER;
}

static void
on_state(void *user, size_t id, int before, int code, const char *text)
{
	struct engine *engine = user;
	const char *name = fleet_name(&engine->fleet, id);

	if (stops(before) == stops(code))
		return;
	if (!stops(code)) {
		log_notice("switch %s: takes what is new again", name);
		engine_tell(
		    engine, "agent", "switch", name, "state", "takes captures again", (char *)NULL);
		return;
	}
	log_warning("switch %s takes nothing new: %s; finderscopectl agents go-on %s", name,
	    text[0] != '\0' ? text : result_text(code), name);
	engine_tell(engine, "agent", "switch", name, "state", "takes nothing new", "reason",
	    result_name(code), "text", text[0] != '\0' ? text : result_text(code), (char *)NULL);
}

static void
on_went_on(void *user, size_t id)
{
	struct engine *engine = user;

	engine_tell(engine, "agent", "switch", fleet_name(&engine->fleet, id), "state",
	    "went on as told", (char *)NULL);
}

static void
on_stranger(void *user, const uint8_t key[KEYS_SIZE], const struct agent_hello *hello)
{
	struct engine *engine = user;
	char fingerprint[KEYS_FINGERPRINT_MAX];

	if (!waiting_heard(&engine->waiting, key, hello, clk_now()))
		return;
	keys_fingerprint(key, fingerprint);
	log_notice("an agent with an unknown key waits: %s, it calls itself %s; finderscopectl "
		   "agents accept %s",
	    fingerprint, hello->name, fingerprint);
	engine_tell(engine, "agent", "state", "waiting to be accepted", "fingerprint", fingerprint,
	    "name", hello->name, (char *)NULL);
}

static void
on_conflict(void *user, size_t id)
{
	struct engine *engine = user;

	log_warning("switch %s: two agents use its key", fleet_name(&engine->fleet, id));
	engine_tell(engine, "agent", "switch", fleet_name(&engine->fleet, id), "state",
	    "two agents use its key", (char *)NULL);
}

/* The one thing that an agent cannot be told: it reads no answer. So the operator is. */
static void
on_misled(void *user, size_t id, const uint8_t key[KEYS_SIZE])
{
	struct engine *engine = user;
	char fingerprint[KEYS_FINGERPRINT_MAX], own[KEYS_FINGERPRINT_MAX], text[CTL_TEXT_MAX];
	const char *name = id != SIZE_MAX ? fleet_name(&engine->fleet, id) : "";

	keys_fingerprint(key, fingerprint);
	keys_fingerprint(engine->settings->agents.keys.public_key, own);
	snprintf(text, sizeof text,
	    "its controller_key is not the key of this controller, %s; or somebody pretends to be "
	    "it",
	    own);
	log_warning("a message of %s%s%s cannot be opened: %s", name, name[0] ? ", " : "",
	    fingerprint, text);
	engine_tell(engine, "agent", "switch", name, "fingerprint", fingerprint, "state",
	    "cannot be understood", "text", text, (char *)NULL);
}

const struct agents_events engine_agents_events = {
    .hello = on_hello,
    .report = on_report,
    .acked = on_acked,
    .gone = on_gone,
    .state = on_state,
    .went_on = on_went_on,
    .stranger = on_stranger,
    .conflict = on_conflict,
    .misled = on_misled,
};

void
engine_push(struct engine *engine, struct instant now)
{
	unsigned id;

	while (decide_changed(engine->decide, &id)) {
		size_t count =
		    decide_orders(engine->decide, id, engine->orders, AGENTS_ORDERS_MAX, now);
		int r = agents_want(engine->agents, id, engine->orders, count,
		    decide_lease_ms(engine->decide), now);

		if (r < 0)
			log_errno(LOG_LEVEL_ERROR, r, "switch %s: its orders could not be sent",
			    fleet_name(&engine->fleet, id));
	}
}

int
engine_refit(
    struct engine *engine, const struct fleet_accepted *accepted, size_t count, struct instant now)
{
	struct policy_conf policy = engine->settings->policy;
	struct fleet before = engine->fleet;
	int r;

	memset(&engine->fleet, 0, sizeof engine->fleet);
	r = fleet_set(&engine->fleet, engine->settings, accepted, count);
	if (r == 0) {
		policy.switches = engine->fleet.places;
		policy.switch_count = engine->fleet.count;
		r = agents_reload(engine->agents, engine->fleet.keys, engine->fleet.count, now);
	}
	/* What agents/ took, decide/ must take as well: ids are the same in both. */
	if (r == 0 && (r = decide_reload(engine->decide, &policy, now)) < 0)
		(void)agents_reload(engine->agents, before.keys, before.count, now);
	if (r < 0) {
		fleet_done(&engine->fleet);
		engine->fleet = before;
		return r;
	}
	fleet_done(&before);
	/* A switch whose key is another one lost its session. */
	for (size_t i = 0; i < engine->fleet.count; i++) {
		struct agents_info info;

		if (agents_info(engine->agents, i, &info) && !info.connected)
			decide_gone(engine->decide, (unsigned)i, now);
	}
	return 0;
}

void
engine_own_addresses(struct engine *engine)
{
	struct addr addrs[256];
	struct ifaddrs *list, *i;
	size_t count = 0;
	uint16_t port;

	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i != NULL && count < 256; i = i->ifa_next)
		if (i->ifa_addr != NULL &&
		    addr_from_sockaddr(i->ifa_addr, &addrs[count], &port) == 0 &&
		    !addr_is_special(&addrs[count]))
			count++;
	freeifaddrs(list);
	(void)decide_own(engine->decide, addrs, count);
}
