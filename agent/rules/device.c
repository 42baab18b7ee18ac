/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/device.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/netfilter/xt_TEE.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <string.h>

#define GROUP 0x4653U         /* "FS": whose device it is */
#define MTU 65000             /* of what goes in: nothing is ever too large */
#define MTU_WITHOUT_IPV6 1279 /* RFC 8200, section 5 */
#define PROBE UINT64_C(0)     /* no capture has this number */
#define CLEAN_MAX 1024        /* devices taken away in one go */
#define CLEAN_ROUNDS 16

/* DEVICE_GATEWAY4 and 6 */
static const uint8_t gateway4[4] = {169, 254, 77, 1};
static const uint8_t gateway6[16] = {0xfe, 0x80, [13] = 0x77, [15] = 1};

char *
device_name(uint64_t capture, char name[FILTER_IFACE_MAX])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char reversed[14];
	size_t n = 0;

	do {
		reversed[n++] = digits[capture % 36];
		capture /= 36;
	} while (capture);
	memcpy(name, "fs", 2);
	for (size_t i = 0; i < n; i++)
		name[2 + i] = reversed[n - 1 - i];
	name[2 + n] = '\0';
	return name;
}

/* ---- netlink ---- */

static int
on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *user)
{
	(void)from;
	*(int *)user = error->error;
	return NL_STOP;
}

static int
on_ack(struct nl_msg *msg, void *user)
{
	(void)msg;
	*(int *)user = 0;
	return NL_STOP;
}

/* Sends a request and waits for the kernel's word; answers go to `take`, which may be NULL.
 * Consumes the message. */
static int
request(struct nl_msg *msg, int (*take)(struct nl_msg *, void *), void *user)
{
	struct nl_sock *socket = nl_socket_alloc();
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	bool dump = msg && (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	int said = -EINPROGRESS, r = -ENOMEM;

	if (msg && socket && cb) {
		nl_cb_err(cb, NL_CB_CUSTOM, on_error, &said);
		nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, &said);
		if (take)
			nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, take, user);
		r = nl_connect(socket, NETLINK_ROUTE);
		if (r >= 0)
			r = nl_send_auto(socket, msg);
		while (r >= 0 && said == -EINPROGRESS) {
			r = nl_recvmsgs(socket, cb);
			if (dump && r >= 0 && said == -EINPROGRESS)
				said = 0;
		}
		r = r < 0 && said == -EINPROGRESS ? -EIO : said;
	}
	nl_cb_put(cb);
	nl_socket_free(socket);
	nlmsg_free(msg);
	return r;
}

static struct nl_msg *
link_message(int type, int flags, const struct ifinfomsg *head)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, (void *)(uintptr_t)head, sizeof *head, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* ---- one device ---- */

static void
put_gre(
    struct nl_msg *msg, const struct analyser *analyser, const struct addr *source, uint8_t dscp)
{
	bool second = analyser->erspan_type == 2;
	uint16_t flags = second ? GRE_SEQ | GRE_KEY : 0;
	uint32_t key = htonl(analyser->session);

	if (second) {
		nla_put_u16(msg, IFLA_GRE_IFLAGS, flags);
		nla_put_u16(msg, IFLA_GRE_OFLAGS, flags);
		nla_put_u32(msg, IFLA_GRE_IKEY, key);
		nla_put_u32(msg, IFLA_GRE_OKEY, key);
		nla_put_u32(msg, IFLA_GRE_ERSPAN_INDEX, 0);
	}
	/* The kernel counts the draft's type I as version 0, type II as 1. */
	nla_put_u8(msg, IFLA_GRE_ERSPAN_VER, second ? 1 : 0);
	nla_put(msg, IFLA_GRE_LOCAL, 4, source->bytes);
	nla_put(msg, IFLA_GRE_REMOTE, 4, analyser->addr.bytes);
	nla_put_u8(msg, IFLA_GRE_TTL, analyser->ttl ? analyser->ttl : 64);
	/* Its lowest bit would mean: as the packet inside has it. */
	nla_put_u8(msg, IFLA_GRE_TOS, (uint8_t)(dscp << 2));
	/* Copies that do not fit the path go in fragments, whatever DF says inside. */
	nla_put_u8(msg, IFLA_GRE_PMTUDISC, 0);
	nla_put_u8(msg, IFLA_GRE_IGNORE_DF, 1);
}

static int
create(const char *name, const struct analyser *analyser, const struct addr *source, uint8_t dscp)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC,
	    .ifi_flags = IFF_NOARP,
	    .ifi_change = IFF_NOARP | IFF_MULTICAST};
	struct nl_msg *msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head);

	if (!msg)
		return -ENOMEM;
	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put_u32(msg, IFLA_MTU, MTU_WITHOUT_IPV6);
	nla_put_u32(msg, IFLA_GROUP, GROUP);
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "erspan");
	struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
	put_gre(msg, analyser, source, dscp);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return request(msg, NULL, NULL);
}

/* Of a device that is there: its head, and what `fill` puts behind its name. */
static int
change(const char *name, const struct ifinfomsg *head, void (*fill)(struct nl_msg *msg))
{
	struct nl_msg *msg = link_message(RTM_NEWLINK, 0, head);

	if (!msg)
		return -ENOMEM;
	nla_put_string(msg, IFLA_IFNAME, name);
	if (fill)
		fill(msg);
	return request(msg, NULL, NULL);
}

static void
fill_mtu(struct nl_msg *msg)
{
	nla_put_u32(msg, IFLA_MTU, MTU);
}

static void
fill_no_addresses(struct nl_msg *msg)
{
	struct nlattr *families = nla_nest_start(msg, IFLA_AF_SPEC);
	struct nlattr *six = nla_nest_start(msg, AF_INET6);

	nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(msg, six);
	nla_nest_end(msg, families);
}

/*
 * Copies of IPv6 want IPv6 on the device; but what it sends there of its own accord the analyser
 * would take for copies. It comes with the large MTU, to a device that takes no multicast by then:
 * nothing is joined but all nodes, which nobody reports (RFC 2710, section 5). Without a
 * link-local address nothing is solicited. By netlink, for /proc/sys may be read-only.
 */
static int
enlarge(const char *name)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	int r = change(name, &head, fill_mtu);

	if (r == 0)
		r = change(name, &head, fill_no_addresses);
	return r == -EAFNOSUPPORT ? 0 : r; /* a machine without IPv6 */
}

static int
on_index(struct nl_msg *msg, void *user)
{
	const struct ifinfomsg *head = nlmsg_data(nlmsg_hdr(msg));

	*(uint32_t *)user = (uint32_t)head->ifi_index;
	return NL_OK;
}

/* 0: it is not there. */
static uint32_t
index_of(const char *name)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = link_message(RTM_GETLINK, 0, &head);
	uint32_t index = 0;

	if (msg)
		nla_put_string(msg, IFLA_IFNAME, name);
	return request(msg, on_index, &index) == 0 ? index : 0;
}

/* Where TEE finds the device; IPv4 does without, being told the device. */
static int
add_route(const char *name)
{
	struct rtmsg head = {.rtm_family = AF_INET6,
	    .rtm_dst_len = 128,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST};
	struct nl_msg *msg =
	    nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);

	if (!msg || nlmsg_append(msg, &head, sizeof head, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nla_put(msg, RTA_DST, sizeof gateway6, gateway6);
	nla_put_u32(msg, RTA_OIF, index_of(name));
	return request(msg, NULL, NULL);
}

static int
bring_up(const char *name)
{
	struct ifinfomsg head = {
	    .ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	return change(name, &head, NULL);
}

static int
drop(const char *name)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = link_message(RTM_DELLINK, 0, &head);

	if (!msg)
		return -ENOMEM;
	nla_put_string(msg, IFLA_IFNAME, name);
	int r = request(msg, NULL, NULL);
	return r == -ENODEV ? 0 : r;
}

int
device_drop(uint64_t capture)
{
	char name[FILTER_IFACE_MAX];

	return drop(device_name(capture, name));
}

/* A device that is ready; what is left of a failure is the caller's to take away. */
static int
make(const char *name, unsigned family, const struct analyser *analyser, const struct addr *source,
    uint8_t dscp)
{
	int r = create(name, analyser, source, dscp);

	if (r == 0)
		r = enlarge(name);
	if (r == 0)
		r = bring_up(name);
	if (r == 0 && family == 6)
		r = add_route(name);
	return r;
}

int
device_make(uint64_t capture, unsigned family, const struct analyser *analyser,
    const struct addr *source, uint8_t dscp, char error[DEVICE_ERROR_MAX])
{
	char name[FILTER_IFACE_MAX];

	device_name(capture, name);
	if (analyser->addr.family != 4 || source->family != 4) {
		snprintf(error, DEVICE_ERROR_MAX, "the erspan device takes IPv4 analysers only");
		return -EAFNOSUPPORT;
	}
	int r = drop(name);
	if (r == 0)
		r = make(name, family, analyser, source, dscp);
	if (r < 0) {
		snprintf(error, DEVICE_ERROR_MAX, "the erspan device %s cannot be made: %s", name,
		    r == -EEXIST ? "one with the same analyser and session is there"
				 : strerror(-r));
		(void)drop(name);
	}
	return r;
}

bool
device_can(unsigned family)
{
	/* Ends that no capture has: a documentation address towards itself is nobody's tunnel. */
	static const uint8_t from[4] = {192, 0, 2, 255}, to[4] = {198, 51, 100, 255};
	struct analyser analyser = {
	    .addr = addr_from_v4(to), .session = 1023, .erspan_type = 2, .ttl = 1};
	struct addr source = addr_from_v4(from);
	char name[FILTER_IFACE_MAX];

	device_name(PROBE, name);
	if (drop(name) < 0)
		return false;
	int r = make(name, family, &analyser, &source, 0);
	(void)drop(name);
	return r == 0;
}

/* ---- all of them ---- */

struct found {
	unsigned n;
	char names[CLEAN_MAX][FILTER_IFACE_MAX];
};

static int
on_link(struct nl_msg *msg, void *user)
{
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct found *found = user;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) < 0 ||
	    !tb[IFLA_IFNAME] || !tb[IFLA_GROUP] || !tb[IFLA_LINKINFO] ||
	    nla_get_u32(tb[IFLA_GROUP]) != GROUP ||
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) < 0 ||
	    !info[IFLA_INFO_KIND] || nla_strcmp(info[IFLA_INFO_KIND], "erspan") != 0 ||
	    strncmp(nla_get_string(tb[IFLA_IFNAME]), "fs", 2) != 0 || found->n == CLEAN_MAX)
		return NL_OK;
	nla_strlcpy(found->names[found->n++], tb[IFLA_IFNAME], FILTER_IFACE_MAX);
	return NL_OK;
}

int
device_clean(void)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct found found; /* 16 KiB */
	int removed = 0;

	for (int round = 0; round < CLEAN_ROUNDS; round++) {
		found.n = 0;
		int r = request(link_message(RTM_GETLINK, NLM_F_DUMP, &head), on_link, &found);
		if (r < 0)
			return r;
		for (unsigned i = 0; i < found.n; i++) {
			r = drop(found.names[i]);
			if (r < 0)
				return r;
			removed++;
		}
		if (found.n < CLEAN_MAX)
			break;
	}
	return removed;
}

/* ---- counters, target ---- */

static int
on_stats(struct nl_msg *msg, void *user)
{
	struct nlattr *tb[IFLA_MAX + 1];
	struct rtnl_link_stats64 stats;
	struct device_counters *counters = user;

	memset(&stats, 0, sizeof stats);
	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) < 0 ||
	    !tb[IFLA_STATS64])
		return NL_OK;
	size_t size = (size_t)nla_len(tb[IFLA_STATS64]);
	memcpy(&stats, nla_data(tb[IFLA_STATS64]), size < sizeof stats ? size : sizeof stats);
	counters->copied = stats.tx_packets;
	counters->bytes = stats.tx_bytes;
	counters->dropped = stats.tx_dropped + stats.tx_errors;
	return NL_OK;
}

bool
device_count(uint64_t capture, struct device_counters *ret_counters)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = link_message(RTM_GETLINK, 0, &head);
	char name[FILTER_IFACE_MAX];

	if (!msg)
		return false;
	nla_put_string(msg, IFLA_IFNAME, device_name(capture, name));
	return request(msg, on_stats, ret_counters) == 0;
}

void
device_target(uint64_t capture, unsigned family, struct entry_target *ret_target)
{
	struct xt_tee_tginfo info;

	memset(&info, 0, sizeof info);
	if (family == 6)
		memcpy(&info.gw.in6, gateway6, sizeof gateway6);
	else
		memcpy(&info.gw.ip, gateway4, sizeof gateway4);
	device_name(capture, info.oif);
	memset(ret_target, 0, sizeof *ret_target);
	snprintf(ret_target->name, sizeof ret_target->name, "TEE");
	ret_target->revision = 1;
	ret_target->size = sizeof info;
	memcpy(ret_target->data, &info, sizeof info);
}
