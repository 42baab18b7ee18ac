// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libxt_ERSPAN: the iptables half of the test-only ERSPAN target (see xt_ERSPAN.c). Options as on
 * Cumulus Linux:
 * --src-ip, --dst-ip, --ttl; and as there, a listing doesn't print the ttl.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <xtables.h>

#include "xt_ERSPAN.h"

enum {
	O_SRC,
	O_DST,
	O_TTL,
};

#define O(field) XTOPT_POINTER(struct xt_erspan_info, field)

static const struct xt_option_entry options[] = {
    {.name = "src-ip", .id = O_SRC, .type = XTTYPE_HOST, .flags = XTOPT_MAND},
    {.name = "dst-ip", .id = O_DST, .type = XTTYPE_HOST, .flags = XTOPT_MAND},
    {.name = "ttl",
	.id = O_TTL,
	.type = XTTYPE_UINT8,
	.flags = XTOPT_PUT,
	.min = 1,
	.max = 255,
	O(ttl)},
    XTOPT_TABLEEND,
};

static void
help(void)
{
	printf("ERSPAN target options:\n"
	       "  --src-ip ADDRESS   source of the copies\n"
	       "  --dst-ip ADDRESS   where the copies go\n"
	       "  --ttl N            their time to live (64)\n");
}

static void
init(struct xt_entry_target *target)
{
	struct xt_erspan_info *info = (void *)target->data;

	info->magic = XT_ERSPAN_MAGIC;
	info->ttl = 64;
}

static void
parse(struct xt_option_call *cb)
{
	struct xt_erspan_info *info = cb->data;

	xtables_option_parse(cb);
	if (cb->entry->id == O_SRC)
		info->from = cb->val.haddr.ip;
	if (cb->entry->id == O_DST)
		info->to = cb->val.haddr.ip;
}

static void
show(const struct xt_entry_target *target, const char *prefix)
{
	const struct xt_erspan_info *info = (const void *)target->data;
	char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &info->from, from, sizeof(from));
	inet_ntop(AF_INET, &info->to, to, sizeof(to));
	printf(" %ssrc-ip %s %sdst-ip %s", prefix, from, prefix, to);
}

static void
print(const void *ip, const struct xt_entry_target *target, int numeric)
{
	(void)ip;
	(void)numeric;
	show(target, "");
}

static void
save(const void *ip, const struct xt_entry_target *target)
{
	(void)ip;
	show(target, "--");
}

static struct xtables_target erspan = {
    .version = XTABLES_VERSION,
    .name = "ERSPAN",
    .revision = 0,
    .family = NFPROTO_IPV4,
    .size = XT_ALIGN(sizeof(struct xt_erspan_info)),
    .userspacesize = XT_ALIGN(sizeof(struct xt_erspan_info)),
    .help = help,
    .init = init,
    .print = print,
    .save = save,
    .x6_parse = parse,
    .x6_options = options,
};

void libxt_ERSPAN_init(void);

__attribute__((constructor)) void
libxt_ERSPAN_init(void)
{
	xtables_register_target(&erspan);
}
