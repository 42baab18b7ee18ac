/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/policy_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules/device.h"

static void
write_ports(FILE *f, const struct filter_match *m)
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = {{6, "tcp"}, {17, "udp"}, {33, "dccp"}, {132, "sctp"}, {136, "udplite"}};
	const char *name = NULL;

	if (!m->has_proto)
		return;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].proto == m->proto)
			name = names[i].name;
	if (name)
		fprintf(f, " -p %s", name);
	else
		fprintf(f, " -p %u", m->proto);
	if (m->src_port)
		fprintf(f, " --sport %u", m->src_port);
	if (m->dst_port)
		fprintf(f, " --dport %u", m->dst_port);
}

static void
write_target(FILE *f, const struct held *held, unsigned rule, const struct filter_match *m,
    const struct wire_config *config)
{
	char source[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], tag[ENTRY_TAG_MAX], name[FILTER_IFACE_MAX];
	const struct analyser *analyser = &held->order.analyser;

	if (held->target == WIRE_TARGET_NFLOG)
		fprintf(f, " -j NFLOG --nflog-prefix %s --nflog-group %u",
		    entry_tag(held->capture, rule, tag), config->nflog_group);
	else if (held->target == WIRE_TARGET_TEE)
		fprintf(f, " -j TEE --gateway %s --oif %s",
		    m->src.addr.family == 6 ? DEVICE_GATEWAY6 : DEVICE_GATEWAY4,
		    device_name(held->capture, name));
	else
		fprintf(f, " -j ERSPAN --src-ip %s --dst-ip %s --ttl %u",
		    addr_format(&held->source, source), addr_format(&analyser->addr, to),
		    analyser->ttl ? analyser->ttl : 64);
}

static void
write_rule(FILE *f, const struct held *held, unsigned rule, const struct filter_match *m,
    const struct wire_config *config, bool comments)
{
	char text[PREFIX_TEXT_MAX], tag[ENTRY_TAG_MAX];

	if (strcmp(config->table, "filter") != 0)
		fprintf(f, "-t %s ", config->table);
	fprintf(f, "-A %s", config->chain);
	if (m->src.len)
		fprintf(f, " -s %s", prefix_format(&m->src, text));
	if (m->dst.len)
		fprintf(f, " -d %s", prefix_format(&m->dst, text));
	fprintf(f, " -i %s", m->iface[0] ? m->iface : config->iface);
	write_ports(f, m);
	if (comments)
		fprintf(f, " -m comment --comment %s", entry_tag(held->capture, rule, tag));
	write_target(f, held, rule, m, config);
	fputc('\n', f);
}

static bool
write_family(FILE *f, const struct held_set *set, unsigned family, const struct wire_config *config,
    bool comments)
{
	struct filter_match matches[FILTER_RULES_MAX];
	bool any = false;

	for (const struct held *held = set->head; held; held = held->hh.next) {
		if (!held->placed || held->order.filter.a.addr.family != family)
			continue;
		if (!any)
			fputs(family == 6 ? "[ip6tables]\n" : "[iptables]\n", f);
		any = true;
		unsigned n = filter_expand(&held->order.filter, matches);
		for (unsigned i = 0; i < n; i++)
			write_rule(f, held, i, &matches[i], config, comments);
	}
	return any;
}

int
policy_file_text(const struct held_set *set, const struct wire_config *config, bool comments,
    char **ret_text, size_t *ret_size)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fputs(
	    "# Made by finderscope-agent, and taken away by it. What is changed in here is lost.\n",
	    f);
	bool any = write_family(f, set, 4, config, comments);
	any |= write_family(f, set, 6, config, comments);
	bool bad = ferror(f) != 0;
	bad |= fclose(f) != 0;
	if (bad || !text) {
		free(text);
		return -ENOMEM;
	}
	if (!any) {
		size = 0;
		text[0] = '\0';
	}
	*ret_text = text;
	*ret_size = size;
	return 0;
}
