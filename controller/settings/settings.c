/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of the file, taken apart into the rooms' conf structs, and checked where it spans them.
 */
#include "controller/settings/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/settings/settings_table.h"

/* const members of the conf structs are owned here: freed through this. */
static void
release(const void *p)
{
	free((void *)(uintptr_t)p);
}

static const struct prefix *
prefixes(const struct conf_section *s, const char *name, size_t *ret_count)
{
	size_t count = conf_count(s, name);
	struct prefix *list = calloc(count + 1, sizeof *list);

	for (size_t i = 0; list != NULL && i < count; i++)
		list[i] = conf_get_prefix(s, name, i);
	*ret_count = list != NULL ? count : 0;
	return list;
}

/* Copies a text, "" where there is none; one that does not fit is an error. */
static int
text(char *to, size_t size, const struct conf_section *s, const char *name, char *error)
{
	const char *from = conf_get_text(s, name, 0);

	if (from != NULL && strlen(from) >= size)
		return conf_error_at(
		    s, name, 0, error, "it is too long; at most %zu bytes", size - 1);
	snprintf(to, size, "%s", from != NULL ? from : "");
	return 0;
}

/* Checks a section's title as a name: letters, digits, `-`, `_`, `.`, at most 63. */
static int
title(const struct conf_section *s, char name[POLICY_NAME_MAX], char *error)
{
	const char *t = conf_title(s);
	size_t n = strlen(t);

	if (n == 0 || n >= POLICY_NAME_MAX ||
	    strspn(t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != n)
		return conf_error_at(s, NULL, 0, error,
		    "\"%.70s\": a name is 1 to 63 of letters, digits, '-', '_', '.'", t);
	memcpy(name, t, n + 1);
	return 0;
}

static int
take_receiver(struct settings *set, const struct conf_section *root)
{
	size_t count = conf_count(root, "listen");
	struct receiver_listen *listens = calloc(count + 1, sizeof *listens);

	if (listens == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		listens[i].addr = conf_get_endpoint(root, "listen", i, &listens[i].port);
		/* 0.0.0.0 is "all addresses" of either family. */
		if (listens[i].addr.family == 4 && memcmp(listens[i].addr.bytes, "\0\0\0", 4) == 0)
			listens[i].addr = (struct addr){.family = 0};
	}
	set->receiver.listens = listens;
	set->receiver.listen_count = count;
	set->receiver.threads = (unsigned)conf_get_number(root, "threads", 0);
	set->receiver.socket_buffer = conf_get_number(root, "socket_buffer", 0);
	set->receiver.recent.size = (size_t)conf_get_number(root, "recent", 0);
	set->receiver.remember = set->receiver.recent.size > 0;
	set->receiver.recent.window_ns = conf_get_number(root, "recent_window", 0);
	set->receiver.recent.path = conf_get_text(root, "recent_file", 0);
	set->receiver.allow = prefixes(root, "accept_from", &set->receiver.allow_count);
	return set->receiver.allow != NULL ? 0 : -ENOMEM;
}

/* What is wrong with the feed, at the setting that is to blame. */
static int
check_feed(const struct conf_section *s, const struct feed_conf *f, char *error)
{
	struct feed_conf part = {.url = "http://localhost/"};
	char why[FEEDS_TEXT_MAX];

	memcpy(part.name, f->name, sizeof part.name);
	if (feeds_check(&part, why) < 0)
		return conf_error_at(s, NULL, 0, error, "feed \"%s\": %s", f->name, why);
	memcpy(part.url, f->url, sizeof part.url);
	if (feeds_check(&part, why) < 0)
		return conf_error_at(s, "url", 0, error, "%s", why);
	memcpy(part.proxy, f->proxy, sizeof part.proxy);
	if (feeds_check(&part, why) < 0)
		return conf_error_at(s, "proxy", 0, error, "%s", why);
	if (feeds_check(f, why) < 0)
		return conf_error_at(s, "probe", 0, error, "%s", why);
	return 0;
}

static int
take_feed(const struct conf_section *s, struct feed_conf *f, char *error)
{
	int r = title(s, f->name, error);

	if (r < 0)
		return r;
	f->format = (enum format)conf_get_word(s, "format", 0);
	f->allow = conf_get_bool(s, "allow");
	f->may_be_empty = conf_get_bool(s, "may_be_empty");
	f->may_jump = conf_get_bool(s, "may_jump");
	f->may_be_short = conf_get_bool(s, "may_be_short");
	f->interval_ns = conf_get_number(s, "interval", 0);
	f->floor_ns = conf_get_number(s, "floor", 0);
	f->timeout_ns = conf_get_number(s, "timeout", 0);
	f->max_bytes = (size_t)conf_get_number(s, "max_size", 0);
	f->max_entries = (size_t)conf_get_number(s, "max_entries", 0);
	f->max_silenced = (uint32_t)conf_get_number(s, "max_silenced", 0);
	f->score = (int)conf_get_number(s, "score", 0);
	f->category = (int)conf_get_number(s, "category", 0);
	if (text(f->url, sizeof f->url, s, "url", error) < 0 ||
	    text(f->header_file, sizeof f->header_file, s, "header_file", error) < 0 ||
	    text(f->ca_file, sizeof f->ca_file, s, "ca_file", error) < 0 ||
	    text(f->proxy, sizeof f->proxy, s, "proxy", error) < 0 ||
	    text(f->probe_url, sizeof f->probe_url, s, "probe", error) < 0)
		return -EINVAL;
	feeds_preset(f);
	return check_feed(s, f, error);
}

static int
take_feeds(struct settings *set, const struct conf_section *root, char *error)
{
	size_t count = conf_count(root, "feed");
	struct feed_conf *list = calloc(count + 1, sizeof *list);
	int r = 0;

	set->feeds.feeds = list;
	set->feeds.feed_count = count;
	set->feeds.allow = prefixes(root, "allow", &set->feeds.allow_count);
	set->feeds.locals = prefixes(root, "locals", &set->feeds.local_count);
	if (list == NULL || set->feeds.allow == NULL || set->feeds.locals == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++)
		r = take_feed(conf_get_section(root, "feed", i), &list[i], error);
	return r;
}

static int
take_switch(
    const struct conf_section *s, struct policy_switch *p, struct agents_switch *a, char *error)
{
	int r = title(s, p->name, error);

	if (r < 0)
		return r;
	memcpy(a->name, p->name, sizeof a->name);
	if (keys_parse(conf_get_text(s, "key", 0), a->key) < 0)
		return conf_error_at(s, "key", 0, error,
		    "a public key is 44 characters of base64, as `finderscopectl pubkey` prints "
		    "it");
	p->exporter_count = conf_count(s, "exporters");
	p->source_count = conf_count(s, "sources");
	p->host_count = conf_count(s, "hosts");
	if (p->exporter_count > POLICY_EXPORTERS_MAX)
		return conf_error_at(s, "exporters", 0, error, "at most %d", POLICY_EXPORTERS_MAX);
	if (p->source_count > POLICY_PREFIXES_MAX)
		return conf_error_at(s, "sources", 0, error, "at most %d", POLICY_PREFIXES_MAX);
	if (p->host_count > POLICY_PREFIXES_MAX)
		return conf_error_at(s, "hosts", 0, error, "at most %d", POLICY_PREFIXES_MAX);
	for (size_t i = 0; i < p->exporter_count; i++)
		p->exporters[i] = conf_get_addr(s, "exporters", i);
	for (size_t i = 0; i < p->source_count; i++)
		p->sources[i] = conf_get_prefix(s, "sources", i);
	for (size_t i = 0; i < p->host_count; i++)
		p->hosts[i] = conf_get_prefix(s, "hosts", i);
	p->rules_max = (uint32_t)conf_get_number(s, "rules", 0);
	p->destinations_max = (uint32_t)conf_get_number(s, "destinations", 0);
	p->port_names = conf_get_bool(s, "port_names");
	return 0;
}

/* Two switches with one key or one exporter could never be told apart. */
static int
check_switches(const struct settings *set, const struct conf_section *root, char *error)
{
	const struct policy_switch *p = set->policy.switches;

	for (size_t i = 0; i < set->policy.switch_count; i++) {
		const struct conf_section *s = conf_get_section(root, "switch", i);

		for (size_t k = 0; k < i; k++) {
			if (memcmp(set->agents.switches[i].key, set->agents.switches[k].key,
				KEYS_SIZE) == 0)
				return conf_error_at(s, "key", 0, error,
				    "switch \"%s\" has the same key; each has its own", p[k].name);
			for (size_t x = 0; x < p[i].exporter_count; x++)
				for (size_t y = 0; y < p[k].exporter_count; y++)
					if (addr_equal(&p[i].exporters[x], &p[k].exporters[y]))
						return conf_error_at(s, "exporters", x, error,
						    "switch \"%s\" has this exporter already",
						    p[k].name);
		}
	}
	return 0;
}

static int
take_switches(struct settings *set, const struct conf_section *root, char *error)
{
	size_t count = conf_count(root, "switch");
	struct policy_switch *p = calloc(count + 1, sizeof *p);
	struct agents_switch *a = calloc(count + 1, sizeof *a);
	int r = p != NULL && a != NULL ? 0 : -ENOMEM;

	set->policy.switches = p;
	set->policy.switch_count = count;
	set->agents.switches = a;
	set->agents.switch_count = count;
	for (size_t i = 0; i < count && r == 0; i++)
		r = take_switch(conf_get_section(root, "switch", i), &p[i], &a[i], error);
	return r < 0 ? r : check_switches(set, root, error);
}

static int
take_analysers(struct settings *set, const struct conf_section *root, char *error)
{
	size_t count = conf_count(root, "analyser");
	struct policy_analyser *list = calloc(count + 1, sizeof *list);

	set->policy.analysers = list;
	set->policy.analyser_count = count;
	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct conf_section *s = conf_get_section(root, "analyser", i);
		int r = title(s, list[i].name, error);

		if (r < 0)
			return r;
		list[i].addr = conf_get_addr(s, "address", 0);
		if (addr_is_special(&list[i].addr))
			return conf_error_at(s, "address", 0, error,
			    "copies go to a unicast address, not to loopback, link-local or "
			    "multicast");
		list[i].erspan_type = (uint8_t)conf_get_number(s, "type", 0);
		list[i].ttl = (uint8_t)conf_get_number(s, "ttl", 0);
		list[i].soft_bps = (uint64_t)conf_get_number(s, "soft", 0);
		list[i].hard_bps = (uint64_t)conf_get_number(s, "hard", 0);
		if (list[i].soft_bps > list[i].hard_bps)
			return conf_error_at(
			    s, "soft", 0, error, "the soft limit is over the hard one");
	}
	return 0;
}

static bool
has_title(const struct conf_section *root, const char *kind, const char *name)
{
	for (size_t i = 0; i < conf_count(root, kind); i++)
		if (strcmp(conf_title(conf_get_section(root, kind, i)), name) == 0)
			return true;
	return false;
}

static int
take_policy(
    const struct conf_section *root, const struct conf_section *s, struct policy *p, char *error)
{
	int r = title(s, p->name, error);

	if (r < 0)
		return r;
	p->feed_count = conf_count(s, "feeds");
	if (p->feed_count > POLICY_FEEDS_MAX)
		return conf_error_at(s, "feeds", 0, error, "at most %d", POLICY_FEEDS_MAX);
	for (size_t i = 0; i < p->feed_count; i++) {
		const char *feed = conf_get_text(s, "feeds", i);

		if (!has_title(root, "feed", feed))
			return conf_error_at(
			    s, "feeds", i, error, "no feed is called \"%s\"", feed);
		snprintf(p->feeds[i], sizeof p->feeds[i], "%s", feed);
	}
	p->cooldown_count = conf_count(s, "cooldown");
	if (p->cooldown_count > POLICY_COOLDOWNS_MAX)
		return conf_error_at(s, "cooldown", 0, error, "at most %d", POLICY_COOLDOWNS_MAX);
	for (size_t i = 0; i < p->cooldown_count; i++)
		p->cooldowns[i] = conf_get_number(s, "cooldown", i);
	r = text(p->analyser, sizeof p->analyser, s, "analyser", error);
	if (r < 0)
		return r;
	if (p->analyser[0] != '\0' && !has_title(root, "analyser", p->analyser))
		return conf_error_at(
		    s, "analyser", 0, error, "no analyser is called \"%s\"", p->analyser);
	p->mode = (enum policy_mode)conf_get_word(s, "mode", 0);
	p->where = (enum policy_where)conf_get_word(s, "where", 0);
	p->inbound = conf_get_bool(s, "inbound");
	p->match_ports = conf_get_bool(s, "match_ports");
	p->scanner = (enum policy_scanner)conf_get_word(s, "scanner", 0);
	p->scanner_hosts = (uint32_t)conf_get_number(s, "scanner_hosts", 0);
	p->samples = (uint32_t)conf_get_number(s, "samples", 0);
	p->window_ns = conf_get_number(s, "window", 0);
	p->duration_ns = conf_get_number(s, "duration", 0);
	p->idle_ns = conf_get_number(s, "idle", 0);
	p->max_packets = (uint64_t)conf_get_number(s, "packets", 0);
	p->max_bytes = (uint64_t)conf_get_number(s, "bytes", 0);
	p->max_bps = (uint64_t)conf_get_number(s, "rate", 0);
	p->priority = (int)conf_get_number(s, "priority", 0);
	return 0;
}

static int
take_policies(struct settings *set, const struct conf_section *root, char *error)
{
	size_t count = conf_count(root, "policy");
	struct policy *list = calloc(count + 1, sizeof *list);
	int r = 0;

	set->policy.policies = list;
	set->policy.policy_count = count;
	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++)
		r = take_policy(root, conf_get_section(root, "policy", i), &list[i], error);
	if (r == 0 && count > 0 && set->policy.analyser_count == 0)
		for (size_t i = 0; i < count && r == 0; i++)
			if (list[i].mode == POLICY_CAPTURE)
				r = conf_error_at(conf_get_section(root, "policy", i), NULL, 0,
				    error,
				    "a policy that captures needs an analyser; none is configured");
	return r;
}

static int
take_limits(struct settings *set, const struct conf_section *root)
{
	struct policy_limits *l = &set->policy.limits;

	l->captures = (uint32_t)conf_get_number(root, "captures", 0);
	l->starts_minute = (uint32_t)conf_get_number(root, "starts", 0);
	l->conversations = (uint32_t)conf_get_number(root, "conversations", 0);
	l->history = (uint32_t)conf_get_number(root, "history", 0);
	l->lease_ms = (uint32_t)(conf_get_number(root, "lease", 0) / CLK_MS);
	l->soft_priority = (int)conf_get_number(root, "soft_priority", 0);
	l->len4 = (uint8_t)conf_get_number(root, "widest4", 0);
	l->len6 = (uint8_t)conf_get_number(root, "widest6", 0);
	l->manual_ns = conf_get_number(root, "manual", 0);
	l->manual_needs_why = conf_get_bool(root, "manual_needs_why");
	set->policy.never = prefixes(root, "never", &set->policy.never_count);
	return set->policy.never != NULL ? 0 : -ENOMEM;
}

static int
take_paths(struct settings *set, const struct conf_section *root, char *error)
{
	char address[ADDR_TEXT_MAX], *copies;
	uint16_t port;
	struct addr control = conf_get_endpoint(root, "control", 0, &port);
	static const enum log_level levels[] = {
	    LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};

	if (text(set->serve.path, sizeof set->serve.path, root, "socket", error) < 0 ||
	    text(set->serve.path_ro, sizeof set->serve.path_ro, root, "socket_ro", error) < 0 ||
	    text(set->serve.group, sizeof set->serve.group, root, "socket_group", error) < 0 ||
	    text(set->serve.group_ro, sizeof set->serve.group_ro, root, "socket_ro_group", error) <
		0)
		return -EINVAL;
	addr_format(&control, address);
	if (control.family == 4 && memcmp(control.bytes, "\0\0\0", 4) == 0)
		snprintf(set->agents.url, sizeof set->agents.url, "tcp://*:%u", port);
	else
		snprintf(set->agents.url, sizeof set->agents.url,
		    control.family == 6 ? "tcp://[%s]:%u" : "tcp://%s:%u", address, port);
	set->key_file = conf_get_text(root, "key", 0);
	set->state_dir = conf_get_text(root, "state", 0);
	if (asprintf(&copies, "%s/feeds", set->state_dir) < 0)
		return -ENOMEM;
	set->feeds.cache_dir = copies;
	set->history_ns = conf_get_number(root, "history_age", 0);
	set->history_bytes = (uint64_t)conf_get_number(root, "history_size", 0);
	set->event_file = conf_get_text(root, "events", 0);
	set->log_level = levels[conf_get_word(root, "log", 0)];
	return 0;
}

static int
take(struct conf *conf, struct settings **ret_settings, char *error)
{
	const struct conf_section *root = conf_root(conf);
	struct settings *set = calloc(1, sizeof *set);
	int r;

	if (set == NULL) {
		conf_free(&conf);
		return -ENOMEM;
	}
	set->conf = conf;
	error[0] = '\0';
	if ((r = take_receiver(set, root)) < 0 || (r = take_feeds(set, root, error)) < 0 ||
	    (r = take_switches(set, root, error)) < 0 ||
	    (r = take_analysers(set, root, error)) < 0 ||
	    (r = take_policies(set, root, error)) < 0 || (r = take_limits(set, root)) < 0 ||
	    (r = take_paths(set, root, error)) < 0) {
		if (error[0] == '\0')
			snprintf(error, CONF_ERROR_MAX, "no memory for the configuration");
		settings_free(&set);
		return r;
	}
	*ret_settings = set;
	return 0;
}

int
settings_load(
    const char *path, bool keys, struct settings **ret_settings, char error[CONF_ERROR_MAX])
{
	struct settings *set;
	struct conf *conf;
	char why[CONF_ERROR_MAX - 64];
	int r = conf_load(path, settings_table, &conf, error);

	if (r == 0)
		r = take(conf, &set, error);
	if (r == 0 && keys) {
		r = keys_load(set->key_file, &set->agents.keys, why, sizeof why);
		if (r < 0) {
			conf_error_at(conf_root(conf), "key", 0, error, "%s", why);
			settings_free(&set);
		}
	}
	if (r == 0)
		*ret_settings = set;
	return r;
}

int
settings_parse(const char *name, const char *file_text, struct settings **ret_settings,
    char error[CONF_ERROR_MAX])
{
	struct conf *conf;
	int r = conf_parse(name, file_text, settings_table, &conf, error);

	return r < 0 ? r : take(conf, ret_settings, error);
}

void
settings_free(struct settings **settings)
{
	struct settings *set = *settings;

	if (set == NULL)
		return;
	release(set->receiver.listens);
	release(set->receiver.allow);
	release(set->feeds.feeds);
	release(set->feeds.allow);
	release(set->feeds.locals);
	release(set->feeds.cache_dir);
	release(set->policy.switches);
	release(set->policy.analysers);
	release(set->policy.policies);
	release(set->policy.never);
	release(set->agents.switches);
	explicit_bzero(&set->agents.keys, sizeof set->agents.keys);
	conf_free(&set->conf);
	free(set);
	*settings = NULL;
}

void
settings_print(
    const struct settings *settings, void (*write)(void *user, const char *text), void *user)
{
	conf_print(settings->conf, write, user);
}
