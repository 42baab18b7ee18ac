/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attached hosts: which neighbours count, where they are, and how they are told. */
#include <linux/neighbour.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netlink/msg.h>

#include "agent/main/attached.h"
#include "tests/support/kernel_msg.h"

#define MAC1 "02:00:00:00:00:01"
#define MAC2 "02:00:00:00:00:02"

static struct links links;
static struct attached *hosts;
static struct agent_poll page;

static void
link_is(struct kernel_msg_link link)
{
	struct nl_msg *msg = kernel_msg_link(RTM_NEWLINK, &link);

	links_take(&links, nlmsg_hdr(msg));
	nlmsg_free(msg);
}

static void
port_is(uint32_t ifindex, unsigned pvid)
{
	struct nl_msg *msg = kernel_msg_port(RTM_NEWLINK, ifindex, pvid, 0, 0, 0);

	links_take(&links, nlmsg_hdr(msg));
	nlmsg_free(msg);
}

static bool
take(struct nl_msg *msg)
{
	bool changed = attached_take(hosts, nlmsg_hdr(msg));

	nlmsg_free(msg);
	return changed;
}

static bool
neighbour(uint32_t ifindex, const char *addr, const char *mac)
{
	return take(kernel_msg_neighbour(RTM_NEWNEIGH, ifindex, addr, mac, NUD_REACHABLE, 0));
}

static bool
entry(uint32_t port, unsigned vlan, const char *mac)
{
	return take(kernel_msg_entry(RTM_NEWNEIGH, port, 9, vlan, mac, NUD_REACHABLE, 0));
}

/*
 * An EVPN leaf: VLAN-aware bridge 9, its VLAN 10 (SVI 6, in VRF red) carried as VNI 10010; a
 * macvlan 8 on the SVI; ports swp1 (3) and swp2 (4) in the bridge; swp3 (5) routed; eth0 (2).
 */
static int
setup(void **state)
{
	(void)state;
	links_init(&links);
	link_is((struct kernel_msg_link){.ifindex = 2, .name = "eth0"});
	link_is((struct kernel_msg_link){.ifindex = 3, .name = "swp1", .master = 9});
	link_is((struct kernel_msg_link){.ifindex = 4, .name = "swp2", .master = 9});
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp3"});
	link_is((struct kernel_msg_link){.ifindex = 7, .name = "red", .kind = "vrf"});
	link_is((struct kernel_msg_link){
	    .ifindex = 6, .name = "vlan10", .kind = "vlan", .lower = 9, .master = 7, .id = 10});
	link_is((struct kernel_msg_link){
	    .ifindex = 8, .name = "vlan10-v0", .kind = "macvlan", .lower = 6, .master = 7});
	link_is((struct kernel_msg_link){.ifindex = 9, .name = "bridge", .kind = "bridge"});
	link_is((struct kernel_msg_link){
	    .ifindex = 30, .name = "vni10", .kind = "vxlan", .master = 9, .id = 10010});
	port_is(30, 10);
	port_is(9, 1);
	assert_int_equal(attached_new(&hosts), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	attached_free(&hosts);
	links_done(&links);
	return 0;
}

static bool
settle(void)
{
	return attached_settle(hosts, &links, "swp+");
}

/* Settles and takes all that is to be told; how many that was. */
static unsigned
tell(void)
{
	unsigned n = 0;

	settle();
	memset(&page, 0, sizeof page);
	attached_page(hosts, &page);
	n = page.host_count;
	attached_told(hosts);
	return n;
}

static void
assert_addr(const struct addr *addr, const char *text)
{
	char is[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(addr, is), text);
}

static void
test_behind_a_bridge(void **state)
{
	(void)state;
	assert_true(neighbour(6, "10.1.0.2", MAC1));
	assert_int_equal(tell(), 0);
	assert_true(page.all_hosts);
	/* Only with an entry that leads to a local port. */
	assert_true(entry(3, 10, MAC1));
	assert_int_equal(tell(), 1);
	assert_false(page.all_hosts);
	const struct agent_host *h = &page.hosts[0];
	assert_addr(&h->addr, "10.1.0.2");
	assert_false(h->gone);
	assert_int_equal(h->ifindex, 3);
	assert_string_equal(h->iface, "swp1");
	assert_string_equal(h->vrf, "red");
	assert_int_equal(h->vlan, 10);
	assert_int_equal(h->vni, 10010);
	assert_int_equal(h->mac[5], 1);
	assert_int_equal(page.hosts_known, 1);
	/* Nothing new: nothing told. */
	assert_false(neighbour(6, "10.1.0.2", MAC1));
	assert_false(settle());
	assert_int_equal(tell(), 0);
	/* It moved. */
	assert_true(entry(4, 10, MAC1));
	assert_int_equal(tell(), 1);
	assert_string_equal(page.hosts[0].iface, "swp2");
	/* The old port's farewell comes late, and means nothing. */
	assert_false(take(kernel_msg_entry(RTM_DELNEIGH, 3, 9, 10, MAC1, NUD_REACHABLE, 0)));
	assert_int_equal(tell(), 0);
	/* Another VLAN is another segment. */
	assert_true(entry(3, 11, MAC2));
	assert_true(neighbour(6, "10.1.0.3", MAC2));
	assert_int_equal(tell(), 0);
	assert_true(take(kernel_msg_entry(RTM_DELNEIGH, 4, 9, 10, MAC1, NUD_REACHABLE, 0)));
	assert_int_equal(tell(), 1);
	assert_true(page.hosts[0].gone);
	assert_addr(&page.hosts[0].addr, "10.1.0.2");
	assert_string_equal(page.hosts[0].vrf, "red");
	assert_int_equal(page.hosts_known, 0);
}

/* EVPN brings neighbours and entries; a host behind a VXLAN device lives elsewhere. */
static void
test_remote_hosts_never_count(void **state)
{
	(void)state;
	entry(3, 10, MAC1);
	assert_false(take(
	    kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.9", MAC1, NUD_NOARP, NTF_EXT_LEARNED)));
	assert_false(take(kernel_msg_neighbour(
	    RTM_NEWNEIGH, 6, "10.1.0.9", MAC1, NUD_REACHABLE, NTF_EXT_LEARNED)));
	assert_int_equal(tell(), 0);
	/* A true neighbour whose MAC is behind the VXLAN device. */
	neighbour(6, "10.1.0.8", MAC2);
	take(kernel_msg_entry(RTM_NEWNEIGH, 30, 9, 10, MAC2, NUD_REACHABLE, 0));
	assert_int_equal(tell(), 0);
	assert_true(
	    take(kernel_msg_entry(RTM_NEWNEIGH, 30, 9, 10, MAC2, NUD_NOARP, NTF_EXT_LEARNED)));
	assert_int_equal(tell(), 0);
	/* It moves here, and away again. */
	entry(4, 10, MAC2);
	assert_int_equal(tell(), 1);
	assert_true(take(kernel_msg_neighbour(
	    RTM_NEWNEIGH, 6, "10.1.0.8", MAC2, NUD_REACHABLE, NTF_EXT_LEARNED)));
	assert_int_equal(tell(), 1);
	assert_true(page.hosts[0].gone);
}

static void
test_states(void **state)
{
	(void)state;
	entry(3, 10, MAC1);
	assert_true(take(kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.2", MAC1, NUD_STALE, 0)));
	assert_int_equal(tell(), 1);
	/* Being asked again is no going. */
	assert_false(take(kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.2", MAC1, NUD_PROBE, 0)));
	assert_int_equal(tell(), 0);
	assert_true(take(kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.2", NULL, NUD_FAILED, 0)));
	assert_int_equal(tell(), 1);
	assert_true(page.hosts[0].gone);
	assert_false(
	    take(kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.2", NULL, NUD_INCOMPLETE, 0)));
	assert_true(neighbour(6, "10.1.0.2", MAC1));
	assert_int_equal(tell(), 1);
	assert_true(take(kernel_msg_neighbour(RTM_DELNEIGH, 6, "10.1.0.2", MAC1, NUD_STALE, 0)));
	assert_int_equal(tell(), 1);
	/* Permanent neighbours (a router's trick addresses), the bridge's own MACs, other devices'
	 * entries. */
	assert_false(
	    take(kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.3", MAC1, NUD_PERMANENT, 0)));
	assert_false(take(kernel_msg_entry(RTM_NEWNEIGH, 3, 9, 10, MAC2, NUD_PERMANENT, 0)));
	assert_false(take(kernel_msg_entry(RTM_NEWNEIGH, 3, 0, 10, MAC2, NUD_REACHABLE, NTF_SELF)));
	assert_int_equal(tell(), 0);
}

static void
test_plain_router(void **state)
{
	(void)state;
	assert_true(neighbour(5, "2001:db8:3::7", MAC1));
	assert_true(neighbour(2, "192.168.0.9", MAC2));
	assert_false(neighbour(5, "fe80::7", MAC1));
	assert_int_equal(tell(), 1);
	assert_addr(&page.hosts[0].addr, "2001:db8:3::7");
	assert_string_equal(page.hosts[0].iface, "swp3");
	assert_string_equal(page.hosts[0].vrf, "");
	assert_int_equal(page.hosts[0].vlan, 0);
	assert_int_equal(page.hosts[0].vni, 0);
}

/* The virtual router's device sees the same hosts as the SVI: one host. */
static void
test_macvlan(void **state)
{
	(void)state;
	entry(3, 10, MAC1);
	neighbour(8, "10.1.0.2", MAC1);
	assert_int_equal(tell(), 1);
	neighbour(6, "10.1.0.2", MAC1);
	assert_int_equal(tell(), 0);
	attached_restart(hosts);
	assert_int_equal(tell(), 1);
	assert_string_equal(page.hosts[0].iface, "swp1");
	assert_int_equal(page.hosts[0].vlan, 10);
}

/* An address on a bridge without VLANs; one on a VLAN-aware bridge stands in its untagged VLAN. */
static void
test_address_on_the_bridge(void **state)
{
	(void)state;
	neighbour(9, "10.2.0.2", MAC1);
	entry(3, 0, MAC1);
	neighbour(9, "10.2.0.3", MAC2);
	entry(4, 1, MAC2);
	assert_int_equal(tell(), 2);
	assert_int_equal(page.hosts[0].vlan, 0);
	assert_int_equal(page.hosts[1].vlan, 1);
}

/* The same address in two VRFs is two hosts. */
static void
test_two_vrfs(void **state)
{
	(void)state;
	entry(3, 10, MAC1);
	neighbour(6, "10.1.0.2", MAC1);
	neighbour(5, "10.1.0.2", MAC2);
	assert_int_equal(tell(), 2);
	assert_string_equal(page.hosts[0].vrf, "red");
	assert_string_equal(page.hosts[1].vrf, "");
	take(kernel_msg_neighbour(RTM_DELNEIGH, 5, "10.1.0.2", MAC2, NUD_STALE, 0));
	assert_int_equal(tell(), 1);
	assert_string_equal(page.hosts[0].vrf, "");
}

static void
many(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char addr[32], mac[32];

		snprintf(addr, sizeof addr, "10.%u.%u.%u", 9 + (i >> 16), i >> 8 & 255, i & 255);
		snprintf(
		    mac, sizeof mac, "02:00:01:%02x:%02x:%02x", i >> 16, i >> 8 & 255, i & 255);
		neighbour(5, addr, mac);
	}
}

static void
test_pages(void **state)
{
	unsigned total = 0, pages = 0;

	(void)state;
	many(1000);
	assert_true(settle());
	while (attached_wait(hosts)) {
		memset(&page, 0, sizeof page);
		attached_page(hosts, &page);
		assert_int_equal(page.all_hosts, pages == 0);
		assert_int_equal(page.hosts_known, 1000);
		/* Asked for again before it was taken: the same page. */
		struct addr first = page.hosts[0].addr;
		unsigned count = page.host_count;
		neighbour(5, "10.200.0.1", MAC1);
		attached_page(hosts, &page);
		assert_true(addr_equal(&first, &page.hosts[0].addr));
		assert_int_equal(page.host_count, count);
		attached_told(hosts);
		total += count;
		pages++;
	}
	assert_int_equal(total, 1000);
	assert_int_equal(pages, 4);
	assert_int_equal(tell(), 1);
	/* Another session: all anew. */
	attached_restart(hosts);
	assert_true(attached_wait(hosts));
	attached_page(hosts, &page);
	assert_true(page.all_hosts);
	assert_int_equal(page.host_count, AGENT_MSG_HOSTS_MAX);
	assert_int_equal(page.hosts_known, 1001);
}

/* It goes while the page that brings it is on its way, and comes back while that is. */
static void
test_changes_on_the_way(void **state)
{
	(void)state;
	assert_int_equal(tell(), 0);
	neighbour(5, "10.3.0.2", MAC1);
	settle();
	attached_page(hosts, &page);
	assert_int_equal(page.host_count, 1);
	take(kernel_msg_neighbour(RTM_DELNEIGH, 5, "10.3.0.2", MAC1, NUD_STALE, 0));
	assert_true(settle());
	attached_page(hosts, &page);
	assert_false(page.hosts[0].gone);
	attached_told(hosts);
	attached_page(hosts, &page);
	assert_int_equal(page.host_count, 1);
	assert_true(page.hosts[0].gone);
	neighbour(5, "10.3.0.2", MAC2);
	assert_true(settle());
	attached_told(hosts);
	attached_page(hosts, &page);
	assert_int_equal(page.host_count, 1);
	assert_false(page.hosts[0].gone);
	assert_int_equal(page.hosts[0].mac[5], 2);
	attached_told(hosts);
	assert_false(attached_wait(hosts));
	/* One that comes and goes between two looks was never there; one that goes before it was
	 * told is told as gone, which harms nobody. */
	neighbour(5, "10.3.0.3", MAC1);
	take(kernel_msg_neighbour(RTM_DELNEIGH, 5, "10.3.0.3", MAC1, NUD_STALE, 0));
	assert_false(settle());
}

static void
test_bounded(void **state)
{
	(void)state;
	many(ATTACHED_MAX + 10);
	settle();
	attached_page(hosts, &page);
	assert_int_equal(page.hosts_known, ATTACHED_MAX);
	assert_int_equal(page.hosts_left_out, 10);
}

/* Nobody takes the news for long: those that went are not kept for ever. */
static void
test_nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(tell(), 0);
	for (unsigned round = 0; round < 5; round++) {
		many(ATTACHED_MAX - 100 * round);
		settle();
		attached_clear(hosts);
		settle();
	}
	for (unsigned i = 0; i < ATTACHED_MAX + 5; i++) {
		char addr[32];

		snprintf(addr, sizeof addr, "10.%u.%u.1", 100 + (i >> 8), i & 255);
		neighbour(5, addr, MAC1);
	}
	settle();
	attached_clear(hosts);
	settle();
	/* All anew, of nothing. */
	memset(&page, 0, sizeof page);
	attached_page(hosts, &page);
	assert_true(page.all_hosts);
	assert_int_equal(page.host_count, 0);
}

/* Facts are read anew after the kernel's news were lost: what did not change is not told. */
static void
test_read_anew(void **state)
{
	(void)state;
	neighbour(5, "10.3.0.2", MAC1);
	neighbour(5, "10.3.0.3", MAC2);
	assert_int_equal(tell(), 2);
	attached_clear(hosts);
	neighbour(5, "10.3.0.3", MAC2);
	assert_int_equal(tell(), 1);
	assert_true(page.hosts[0].gone);
	assert_addr(&page.hosts[0].addr, "10.3.0.2");
}

static void
test_bad_messages(void **state)
{
	struct nl_msg *msgs[] = {
	    kernel_msg_neighbour(RTM_NEWNEIGH, 6, "10.1.0.2", MAC1, NUD_STALE, 0),
	    kernel_msg_entry(RTM_NEWNEIGH, 3, 9, 10, MAC1, NUD_REACHABLE, 0)};

	(void)state;
	for (unsigned m = 0; m < 2; m++) {
		const struct nlmsghdr *whole = nlmsg_hdr(msgs[m]);

		for (uint32_t n = sizeof *whole; n <= whole->nlmsg_len; n++) {
			struct nlmsghdr *cut = malloc(n);

			memcpy(cut, whole, n);
			cut->nlmsg_len = n;
			(void)attached_take(hosts, cut);
			free(cut);
		}
		nlmsg_free(msgs[m]);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_behind_a_bridge),
	    TEST(test_remote_hosts_never_count), TEST(test_states), TEST(test_plain_router),
	    TEST(test_macvlan), TEST(test_address_on_the_bridge), TEST(test_two_vrfs),
	    TEST(test_pages), TEST(test_changes_on_the_way), TEST(test_bounded),
	    TEST(test_nobody_listens), TEST(test_read_anew), TEST(test_bad_messages)};

	return cmocka_run_group_tests_name("attached", tests, NULL, NULL);
}
