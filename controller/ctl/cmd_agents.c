/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

static void
make_name(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_agent *agent = row;

	(void)ret_colour;
	/* What one that waits calls itself is nobody's word yet. */
	if (agent->name[0] == '\0' && agent->host[0])
		snprintf(text, OUT_TEXT_MAX, "(%s)", agent->host);
	else
		snprintf(text, OUT_TEXT_MAX, "%s", agent->name);
}

static void
make_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_agent *agent = row;

	*ret_colour = agent->state == CTL_AGENT_CONNECTED ? TEXT_TABLE_GOOD : TEXT_TABLE_WARN;
	if (agent->state == CTL_AGENT_SILENT)
		*ret_colour = TEXT_TABLE_BAD;
	snprintf(text, OUT_TEXT_MAX, "%s%s", ctl_msg_agent_state_name(agent->state),
	    agent->released ? ", released" : "");
}

static void
make_plain_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_agent *agent = row;

	(void)ret_colour;
	snprintf(text, OUT_TEXT_MAX, "%s", ctl_msg_agent_state_name(agent->state));
}

static void
make_used(uint32_t used, uint32_t most, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	if (most && used >= most)
		*ret_colour = TEXT_TABLE_WARN;
	if (most)
		snprintf(text, OUT_TEXT_MAX, "%u/%u", used, most);
	else
		snprintf(text, OUT_TEXT_MAX, "%u", used);
}

static void
make_rules(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_agent *agent = row;

	make_used(agent->rules, agent->rules_max, text, ret_colour);
}

static void
make_destinations(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_agent *agent = row;

	make_used(agent->destinations, agent->destinations_max, text, ret_colour);
}

static void
make_addrs(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_agent *agent = row;
	char addr[ADDR_TEXT_MAX];
	size_t n = 0;

	(void)ret_colour;
	for (uint32_t i = 0; i < agent->addr_count && n < OUT_TEXT_MAX; i++)
		n += (size_t)snprintf(text + n, OUT_TEXT_MAX - n, "%s%s", i ? ", " : "",
		    addr_format(&agent->addrs[i], addr));
}

static json_t *
json_addrs(const void *row)
{
	const struct ctl_agent *agent = row;
	json_t *array = json_array();
	char addr[ADDR_TEXT_MAX];

	for (uint32_t i = 0; i < agent->addr_count; i++)
		json_array_append_new(array, json_string(addr_format(&agent->addrs[i], addr)));
	return array;
}

#define AGENT(key, title, kind, name)                                                              \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_agent, name), NULL, NULL                           \
	}
static const struct out_column list_columns[] = {
    {NULL, "SWITCH", OUT_MAKE, 0, 0, make_name, NULL},
    AGENT("name", NULL, OUT_TEXT, name),
    AGENT("fingerprint", "FINGERPRINT", OUT_TEXT, fingerprint),
    {NULL, "STATE", OUT_MAKE, 0, 0, make_state, NULL},
    {"state", NULL, OUT_MAKE, 0, 0, make_plain_state, NULL},
    AGENT("released", NULL, OUT_BOOL, released),
    AGENT("heard_ms", "HEARD", OUT_LEFT, heard_ms),
    AGENT("peer", NULL, OUT_ADDR, peer),
    AGENT("captures", "CAPTURES", OUT_NUMBER, captures),
    {NULL, "RULES", OUT_MAKE, 0, 0, make_rules, NULL},
    AGENT("rules", NULL, OUT_NUMBER, rules),
    AGENT("rules_max", NULL, OUT_NUMBER, rules_max),
    AGENT("mirrored_bps", "MIRRORED", OUT_RATE, mirrored_bps),
    AGENT("target", "TARGET", OUT_TEXT, target),
    AGENT("backend", "BACK END", OUT_TEXT, backend),
    AGENT("version", NULL, OUT_TEXT, version),
    {"addrs", NULL, OUT_JSON, 0, 0, make_addrs, json_addrs},
    AGENT("code", NULL, OUT_CODE, code),
    AGENT("text", "SAYS", OUT_TEXT, text),
    {.kind = OUT_END},
};
static const struct out_column show_columns[] = {
    AGENT("name", "switch", OUT_TEXT, name),
    AGENT("fingerprint", "fingerprint", OUT_TEXT, fingerprint),
    {NULL, "state", OUT_MAKE, 0, 0, make_state, NULL},
    {"state", NULL, OUT_MAKE, 0, 0, make_plain_state, NULL},
    AGENT("released", NULL, OUT_BOOL, released),
    AGENT("heard_ms", "last heard", OUT_LEFT, heard_ms),
    AGENT("session_ms", "session for", OUT_LEFT, session_ms),
    AGENT("peer", NULL, OUT_ADDR, peer),
    AGENT("host", "host", OUT_TEXT, host),
    AGENT("system", "system", OUT_TEXT, system),
    AGENT("version", "agent", OUT_TEXT, version),
    AGENT("target", "target", OUT_TEXT, target),
    AGENT("backend", "back end", OUT_TEXT, backend),
    AGENT("no_ipv6", "cannot mirror IPv6", OUT_BOOL, no_ipv6),
    {"addrs", "bound to", OUT_JSON, 0, 0, make_addrs, json_addrs},
    AGENT("captures", "captures", OUT_NUMBER, captures),
    {NULL, "rules", OUT_MAKE, 0, 0, make_rules, NULL},
    AGENT("rules", NULL, OUT_NUMBER, rules),
    AGENT("rules_max", NULL, OUT_NUMBER, rules_max),
    {NULL, "destinations", OUT_MAKE, 0, 0, make_destinations, NULL},
    AGENT("destinations", NULL, OUT_NUMBER, destinations),
    AGENT("destinations_max", NULL, OUT_NUMBER, destinations_max),
    AGENT("mirrored_bps", "mirrored", OUT_RATE, mirrored_bps),
    AGENT("mirror_lost", "copies lost", OUT_NUMBER, mirror_lost),
    AGENT("hosts", "attached hosts", OUT_NUMBER, hosts),
    AGENT("commits", "commits", OUT_NUMBER, commits),
    AGENT("lock_waits", "waits for the lock", OUT_NUMBER, lock_waits),
    AGENT("fights", "rules put back", OUT_NUMBER, fights),
    AGENT("foreign_lost", "foreign rules lost", OUT_NUMBER, foreign_lost),
    AGENT("code", "last error", OUT_CODE, code),
    AGENT("text", "says", OUT_TEXT, text),
    {.kind = OUT_END},
};
#undef AGENT

int
cmd_agents(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_AGENTS};

	return list_rows(ctl, &request, CTL_ROW_AGENT, list_columns, "agents",
	    "no switch has been heard of; start finderscope-agent on one");
}

int
cmd_agents_show(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_AGENTS};
	char missing[CTL_TEXT_MAX];
	int r = list_copy(ctl, "switch", ctl->args[0], request.name, sizeof request.name);

	snprintf(missing, sizeof missing,
	    "there is no switch \"%s\"; finderscopectl agents lists them", request.name);
	return r ? r : list_one(ctl, &request, CTL_ROW_AGENT, show_columns, missing);
}

int
cmd_agents_accept(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_AGENT_ACCEPT};
	int r = list_copy(ctl, "fingerprint", ctl->args[0], request.text, sizeof request.text);

	if (r == CTL_EXIT_OK)
		r = list_copy(
		    ctl, "--name", ctl->value[CTL_OPT_NAME], request.name, sizeof request.name);
	return r ? r : list_do(ctl, &request, "accepted");
}

int
cmd_agents_forget(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_AGENT_FORGET};
	int r = list_copy(ctl, "switch", ctl->args[0], request.name, sizeof request.name);

	return r ? r : list_do(ctl, &request, "forgotten");
}

int
cmd_agents_go_on(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_AGENT_GO_ON};
	int r = list_copy(ctl, "switch", ctl->args[0], request.name, sizeof request.name);

	return r ? r : list_do(ctl, &request, "told to go on");
}

#define EXPORTER(key, title, kind, name)                                                           \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_exporter, name), NULL, NULL                        \
	}
static const struct out_column exporter_columns[] = {
    EXPORTER("addr", "EXPORTER", OUT_ADDR, addr),
    EXPORTER("agent", "SWITCH", OUT_TEXT, agent),
    EXPORTER("known", NULL, OUT_BOOL, known),
    EXPORTER("heard_ms", "HEARD", OUT_MS, heard_ms),
    EXPORTER("rate", "1 IN", OUT_NUMBER, rate),
    EXPORTER("datagrams", NULL, OUT_NUMBER, datagrams),
    EXPORTER("samples", "SAMPLES", OUT_NUMBER, samples),
    EXPORTER("lost_samples", "LOST", OUT_NUMBER, lost_samples),
    EXPORTER("bad", "BAD", OUT_NUMBER, bad),
    EXPORTER("sightings", "SIGHTINGS", OUT_NUMBER, sightings),
    EXPORTER("counters", NULL, OUT_NUMBER, counters),
    EXPORTER("source", "FROM", OUT_ADDR, source),
    EXPORTER("text", "SAYS", OUT_TEXT, text),
    {.kind = OUT_END},
};
#undef EXPORTER

int
cmd_exporters(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_EXPORTERS};

	return list_rows(ctl, &request, CTL_ROW_EXPORTER, exporter_columns, "exporters",
	    "no sFlow has come in; point a switch's sFlow at UDP port 6343 of this host");
}
