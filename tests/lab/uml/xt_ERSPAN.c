// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xt_ERSPAN: the kernel's half of an ERSPAN target, for tests in User-mode Linux alone; it is never
 * shipped.
 *
 * It stands in for the target that a Cumulus switch has: same name, same options, IPv4 only. Each
 * packet goes on its way and a copy of it leaves as IP / GRE 0x88BE / the Ethernet frame (ERSPAN
 * type I, without sequence and session), as that vendor's documentation describes. The target's
 * data is private to this folder on purpose: Finderscope has to take the bytes from the extension
 * and must never know their layout.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netfilter/x_tables.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/route.h>

#include "xt_ERSPAN.h"

#define GRE_BYTES 4
#define GRE_PROTO_ERSPAN 0x88BE

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Xtables: copies packets to an analyser as ERSPAN type I (tests only)");
MODULE_ALIAS("ipt_ERSPAN");

/* /sys/module/xt_ERSPAN/parameters: what left, and what could not be copied or routed. */
static ulong copies;
module_param(copies, ulong, 0444);
static ulong failures;
module_param(failures, ulong, 0444);

/* A copy of skb with its Ethernet header in front, and room for what is still to come before it. */
static struct sk_buff *
copy_frame(struct sk_buff *skb)
{
	unsigned int room = LL_MAX_HEADER + sizeof(struct iphdr) + GRE_BYTES + ETH_HLEN;
	struct sk_buff *copy;

	/* The outer header's length field could not hold a super-packet. */
	if (skb_is_gso(skb) || skb->len > IP_MAX_MTU - room)
		return NULL;
	copy = skb_copy_expand(skb, room, 0, GFP_ATOMIC);
	if (!copy)
		return NULL;
	if (copy->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(copy)) {
		kfree_skb(copy);
		return NULL;
	}
	if (skb->dev && skb->dev->type == ARPHRD_ETHER && skb_mac_header_was_set(skb) &&
	    skb_network_offset(skb) == 0 &&
	    skb_network_header(skb) - skb_mac_header(skb) == ETH_HLEN) {
		memcpy(skb_push(copy, ETH_HLEN), skb_mac_header(skb), ETH_HLEN);
	} else {
		struct ethhdr *eth = skb_push(copy, ETH_HLEN);

		memset(eth, 0, sizeof(*eth));
		eth->h_proto = htons(ETH_P_IP);
	}
	return copy;
}

static int
send_copy(struct net *net, struct sk_buff *copy, const struct xt_erspan_info *info)
{
	struct rtable *route = ip_route_output(net, info->to, info->from, 0, 0);
	struct iphdr *ip;
	__be16 *gre;
	int status;

	if (IS_ERR(route)) {
		kfree_skb(copy);
		return PTR_ERR(route);
	}
	gre = skb_push(copy, GRE_BYTES);
	gre[0] = 0;
	gre[1] = htons(GRE_PROTO_ERSPAN);

	ip = skb_push(copy, sizeof(*ip));
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->ttl = info->ttl;
	ip->protocol = IPPROTO_GRE;
	ip->saddr = info->from;
	ip->daddr = info->to;
	skb_reset_network_header(copy);
	skb_set_transport_header(copy, sizeof(*ip));
	memset(IPCB(copy), 0, sizeof(*IPCB(copy)));
	copy->protocol = htons(ETH_P_IP);
	copy->ip_summed = CHECKSUM_NONE;
	nf_reset_ct(copy);
	skb_dst_drop(copy);
	skb_dst_set(copy, &route->dst);
	ip_select_ident(net, copy, NULL);
	status = ip_local_out(net, NULL, copy);
	return net_xmit_eval(status);
}

static unsigned int
erspan_tg(struct sk_buff *skb, const struct xt_action_param *par)
{
	struct sk_buff *copy;

	/* A copy runs through OUTPUT and may meet this very rule. */
	if (__this_cpu_read(nf_skb_duplicated))
		return XT_CONTINUE;
	local_bh_disable();
	copy = copy_frame(skb);
	__this_cpu_write(nf_skb_duplicated, true);
	if (copy && send_copy(xt_net(par), copy, par->targinfo) == 0)
		copies++;
	else
		failures++;
	__this_cpu_write(nf_skb_duplicated, false);
	local_bh_enable();
	return XT_CONTINUE;
}

static int
erspan_tg_check(const struct xt_tgchk_param *par)
{
	const struct xt_erspan_info *info = par->targinfo;

	return info->magic == XT_ERSPAN_MAGIC && info->from && info->to && info->ttl ? 0 : -EINVAL;
}

static struct xt_target erspan_tg_reg __read_mostly = {
    .name = "ERSPAN",
    .revision = 0,
    .family = NFPROTO_IPV4,
    .target = erspan_tg,
    .targetsize = sizeof(struct xt_erspan_info),
    .checkentry = erspan_tg_check,
    .me = THIS_MODULE,
};

static int __init
erspan_tg_init(void)
{
	return xt_register_target(&erspan_tg_reg);
}

static void __exit
erspan_tg_exit(void)
{
	xt_unregister_target(&erspan_tg_reg);
}

module_init(erspan_tg_init);
module_exit(erspan_tg_exit);
