/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/agent_conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clk.h"

static const char *const words_position[] = {"last", "first", NULL};
static const char *const words_target[] = {"auto", "erspan", "tee", "nflog", NULL};
static const char *const words_backend[] = {"auto", "none", "switchd-resync", "cl-acltool", NULL};
static const char *const words_comments[] = {"auto", "yes", "no", NULL};

static const struct conf_option options[] = {
    {.name = "name", .type = CONF_STRING},
    {.name = "controller", .type = CONF_STRING, .required = true},
    {.name = "controller_key", .type = CONF_STRING, .list = true, .required = true},
    {.name = "key", .type = CONF_PATH, .preset = "/etc/finderscope/agent.key"},
    {.name = "user", .type = CONF_STRING, .preset = "finderscope-agent"},
    {.name = "table", .type = CONF_STRING, .preset = "filter"},
    {.name = "chain", .type = CONF_STRING, .preset = "FORWARD"},
    {.name = "position", .type = CONF_WORD, .words = words_position, .preset = "last"},
    {.name = "interface", .type = CONF_STRING, .preset = "swp+"},
    {.name = "target", .type = CONF_WORD, .words = words_target, .preset = "auto"},
    {.name = "backend", .type = CONF_WORD, .words = words_backend, .preset = "auto"},
    {.name = "rule_comments", .type = CONF_WORD, .words = words_comments, .preset = "auto"},
    {.name = "management_interface", .type = CONF_STRING, .preset = "eth0"},
    {.name = "nflog_group", .type = CONF_NUMBER, .min = 1, .max = 65535, .preset = "6343"},
    {.name = "snap_length", .type = CONF_NUMBER, .min = 0, .max = 65535, .preset = "0"},
    {.name = "dscp", .type = CONF_NUMBER, .min = 0, .max = WIRE_DSCP_MAX, .preset = "0"},
    {.name = "source", .type = CONF_ADDR},
    {.name = "source6", .type = CONF_ADDR},
    {.name = "max_rules", .type = CONF_NUMBER, .min = 1, .max = 16384, .preset = "256"},
    {.name = "max_destinations", .type = CONF_NUMBER, .min = 0, .max = 64, .preset = "0"},
    {.name = "max_rate_rule",
	.type = CONF_RATE,
	.min = 0,
	.max = INT64_C(1000000000000000),
	.preset = "1G"},
    {.name = "max_rate",
	.type = CONF_RATE,
	.min = 0,
	.max = INT64_C(1000000000000000),
	.preset = "2G"},
    {.name = "widest4", .type = CONF_NUMBER, .min = 1, .max = 32, .preset = "24"},
    {.name = "widest6", .type = CONF_NUMBER, .min = 1, .max = 128, .preset = "64"},
    {.name = "look", .type = CONF_DURATION, .min = 50 * CLK_MS, .max = 60 * CLK_S, .preset = "1s"},
    {.name = "lock_wait", .type = CONF_DURATION, .min = CLK_MS, .max = 60 * CLK_S, .preset = "2s"},
    {.name = "sync_floor", .type = CONF_DURATION, .min = 0, .max = 600 * CLK_S, .preset = "0s"},
    {.name = "sync_wait", .type = CONF_DURATION, .min = CLK_S, .max = 600 * CLK_S, .preset = "30s"},
    {.name = "put_back", .type = CONF_NUMBER, .min = 0, .max = 1000000, .preset = "5"},
    {.name = "run_dir", .type = CONF_PATH, .preset = "/run/finderscope-agent"},
    {.name = "state_dir", .type = CONF_PATH, .preset = "/var/lib/finderscope-agent"},
    {.name = "switchd", .type = CONF_PATH, .preset = "/cumulus/switchd"},
    {.name = "policy_dir", .type = CONF_PATH, .preset = "/etc/cumulus/acl/policy.d"},
    {.name = "cl_acltool", .type = CONF_PATH, .preset = "/usr/cumulus/bin/cl-acltool"},
    {.type = CONF_END},
};

const struct conf_option *
agent_conf_options(void)
{
	return options;
}

/* Copies a text that must fit; the table has given it a value. */
static int
take_text(const struct conf_section *root, const char *name, char *to, size_t size, char *error)
{
	const char *text = conf_get_text(root, name, 0);

	if (text && strlen(text) >= size)
		return conf_error_at(
		    root, name, 0, error, "too long; at most %zu characters", size - 1);
	snprintf(to, size, "%s", text ? text : "");
	return 0;
}

static int
take_texts(const struct conf_section *root, struct agent_conf *c, char *error)
{
	struct wire_config *w = &c->rules;
	const struct {
		const char *name;
		char *to;
		size_t size;
	} texts[] = {{"name", c->name, sizeof c->name},
	    {"controller", c->controller, sizeof c->controller},
	    {"key", c->key_file, sizeof c->key_file}, {"user", c->user, sizeof c->user},
	    {"table", w->table, sizeof w->table}, {"chain", w->chain, sizeof w->chain},
	    {"interface", w->iface, sizeof w->iface},
	    {"management_interface", w->mgmt, sizeof w->mgmt},
	    {"run_dir", w->run_dir, sizeof w->run_dir},
	    {"state_dir", w->state_dir, sizeof w->state_dir},
	    {"switchd", w->switchd_root, sizeof w->switchd_root},
	    {"policy_dir", w->policy_dir, sizeof w->policy_dir},
	    {"cl_acltool", w->acltool, sizeof w->acltool}};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		int r = take_text(root, texts[i].name, texts[i].to, texts[i].size, error);
		if (r < 0)
			return r;
	}
	if (!c->name[0] && gethostname(c->name, sizeof c->name - 1) < 0)
		return -errno;
	if (!filter_iface_ok(w->iface))
		return conf_error_at(root, "interface", 0, error,
		    "\"%s\" is no interface name; like swp1, or swp+ for all that begin so",
		    w->iface);
	if (w->mgmt[0] && !filter_iface_ok(w->mgmt))
		return conf_error_at(root, "management_interface", 0, error,
		    "\"%s\" is no interface name; like eth0", w->mgmt);
	return 0;
}

static int
take_keys(const struct conf_section *root, struct agent_conf *c, char *error)
{
	size_t n = conf_count(root, "controller_key");

	if (n == 0 || n > AGENT_CONF_KEYS_MAX)
		return conf_error_at(root, "controller_key", 0, error,
		    "one public key, or two while the controller changes its own");
	for (size_t i = 0; i < n; i++)
		if (keys_parse(conf_get_text(root, "controller_key", i), c->controller_keys[i]) < 0)
			return conf_error_at(root, "controller_key", i, error,
			    "no public key; 44 characters as finderscopectl pubkey prints them");
	c->controller_key_count = n;
	return 0;
}

static int
take_controller(const struct conf_section *root, struct agent_conf *c, char *error)
{
	struct addr addr;
	uint16_t port;

	if (strncmp(c->controller, "tcp://", 6) != 0 ||
	    conf_parse_endpoint(c->controller + 6, &addr, &port) < 0)
		return conf_error_at(root, "controller", 0, error,
		    "\"%s\" is no address of a controller; like tcp://192.0.2.10:6344",
		    c->controller);
	c->rules.protect[c->rules.protects++] = addr;
	return 0;
}

static void
take_numbers(const struct conf_section *root, struct wire_config *w)
{
	w->first = conf_get_word(root, "position", 0) == 1;
	w->target = (uint8_t)conf_get_word(root, "target", 0);
	w->backend = (uint8_t)conf_get_word(root, "backend", 0);
	w->comments = (uint8_t)conf_get_word(root, "rule_comments", 0);
	w->nflog_group = (uint16_t)conf_get_number(root, "nflog_group", 0);
	w->snap = (uint16_t)conf_get_number(root, "snap_length", 0);
	w->dscp = (uint8_t)conf_get_number(root, "dscp", 0);
	w->max_rules = (uint32_t)conf_get_number(root, "max_rules", 0);
	w->max_destinations = (uint32_t)conf_get_number(root, "max_destinations", 0);
	w->rule_bps = (uint64_t)conf_get_number(root, "max_rate_rule", 0);
	w->switch_bps = (uint64_t)conf_get_number(root, "max_rate", 0);
	w->len4 = (uint8_t)conf_get_number(root, "widest4", 0);
	w->len6 = (uint8_t)conf_get_number(root, "widest6", 0);
	w->tick_ms = (uint32_t)(conf_get_number(root, "look", 0) / CLK_MS);
	w->lock_ms = (uint32_t)(conf_get_number(root, "lock_wait", 0) / CLK_MS);
	w->sync_floor_ms = (uint32_t)(conf_get_number(root, "sync_floor", 0) / CLK_MS);
	w->sync_wait_ms = (uint32_t)(conf_get_number(root, "sync_wait", 0) / CLK_MS);
	w->fights = (uint32_t)conf_get_number(root, "put_back", 0);
	w->source4 = conf_get_addr(root, "source", 0);
	w->source6 = conf_get_addr(root, "source6", 0);
}

int
agent_conf_load(const char *path, struct agent_conf *ret_conf, char error[CONF_ERROR_MAX])
{
	struct agent_conf c = {.tree = NULL};
	int r = conf_load(path, options, &c.tree, error);

	if (r < 0)
		return r;
	const struct conf_section *root = conf_root(c.tree);
	take_numbers(root, &c.rules);
	r = take_texts(root, &c, error);
	if (r == 0)
		r = take_controller(root, &c, error);
	if (r == 0)
		r = take_keys(root, &c, error);
	if (r == 0 && c.rules.source4.family == 6)
		r = conf_error_at(root, "source", 0, error, "an IPv6 address; that is source6");
	if (r == 0 && c.rules.source6.family == 4)
		r = conf_error_at(root, "source6", 0, error, "an IPv4 address; that is source");
	if (r < 0) {
		agent_conf_done(&c);
		return r;
	}
	*ret_conf = c;
	return 0;
}

void
agent_conf_done(struct agent_conf *conf)
{
	conf_free(&conf->tree);
}
