/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces and addresses, as messages tell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netlink/msg.h>

#include "agent/main/links.h"
#include "tests/support/kernel_msg.h"

static struct links links;

static bool
take(struct nl_msg *msg)
{
	bool changed = links_take(&links, nlmsg_hdr(msg));

	nlmsg_free(msg);
	return changed;
}

static bool
add(struct kernel_msg_link link)
{
	return take(kernel_msg_link(RTM_NEWLINK, &link));
}

static int
setup(void **state)
{
	(void)state;
	links_init(&links);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	links_done(&links);
	return 0;
}

static void
test_link_comes_changes_goes(void **state)
{
	struct kernel_msg_link link = {.ifindex = 3, .name = "swp1", .mtu = 9216};

	(void)state;
	assert_true(add(link));
	assert_false(add(link));
	const struct links_link *l = links_get(&links, 3);
	assert_string_equal(l->name, "swp1");
	assert_int_equal(l->mtu, 9216);
	assert_int_equal(l->kind, LINKS_PLAIN);
	assert_true(l->running);
	assert_true(links_has_running(&links, "swp1"));
	assert_true(links_has_running(&links, "swp+"));
	assert_false(links_has_running(&links, "swp2"));
	link.down = true;
	assert_true(add(link));
	assert_false(links_get(&links, 3)->running);
	assert_false(links_has_running(&links, "swp+"));
	link.name = "uplink";
	assert_true(add(link));
	assert_string_equal(links_get(&links, 3)->name, "uplink");
	/* A bridge's farewell to a port is not the port's. */
	assert_false(take(kernel_msg_port(RTM_DELLINK, 3, 0, 0, 0, 0)));
	assert_non_null(links_get(&links, 3));
	assert_true(take(kernel_msg_link(RTM_DELLINK, &link)));
	assert_null(links_get(&links, 3));
	assert_false(take(kernel_msg_link(RTM_DELLINK, &link)));
	assert_null(links_get(&links, 0));
}

static void
test_patterns(void **state)
{
	(void)state;
	assert_true(links_matches("swp1", "swp+"));
	assert_true(links_matches("swp1.10", "swp+"));
	assert_true(links_matches("anything", "+"));
	assert_false(links_matches("eth0", "swp+"));
	assert_true(links_matches("swp1", "swp1"));
	assert_false(links_matches("swp12", "swp1"));
}

static void
test_front(void **state)
{
	(void)state;
	add((struct kernel_msg_link){.ifindex = 1, .name = "lo", .loopback = true});
	add((struct kernel_msg_link){.ifindex = 2, .name = "eth0"});
	add((struct kernel_msg_link){.ifindex = 3, .name = "swp1", .master = 10});
	add((struct kernel_msg_link){.ifindex = 10, .name = "host1", .kind = "bond"});
	add((struct kernel_msg_link){
	    .ifindex = 11, .name = "host1.5", .kind = "vlan", .lower = 10, .id = 5});
	add((struct kernel_msg_link){.ifindex = 12, .name = "empty", .kind = "bond"});
	assert_true(links_is_front(&links, links_get(&links, 3), "swp+"));
	assert_true(links_is_front(&links, links_get(&links, 10), "swp+"));
	assert_true(links_is_front(&links, links_get(&links, 11), "swp+"));
	assert_false(links_is_front(&links, links_get(&links, 12), "swp+"));
	assert_false(links_is_front(&links, links_get(&links, 2), "swp+"));
	assert_false(links_is_front(&links, links_get(&links, 1), "+"));
	assert_false(links_is_front(&links, NULL, "swp+"));
	/* A VLAN device on itself must not go round for ever. */
	add((struct kernel_msg_link){
	    .ifindex = 20, .name = "odd", .kind = "vlan", .lower = 20, .id = 5});
	assert_false(links_is_front(&links, links_get(&links, 20), "swp+"));
}

static void
test_vrf(void **state)
{
	(void)state;
	add((struct kernel_msg_link){.ifindex = 5, .name = "red", .kind = "vrf"});
	add((struct kernel_msg_link){
	    .ifindex = 6, .name = "vlan10", .kind = "vlan", .lower = 9, .master = 5, .id = 10});
	add((struct kernel_msg_link){.ifindex = 7, .name = "swp7"});
	add((struct kernel_msg_link){.ifindex = 8, .name = "a", .master = 8});
	assert_string_equal(links_vrf(&links, 6), "red");
	assert_string_equal(links_vrf(&links, 5), "red");
	assert_string_equal(links_vrf(&links, 7), "");
	assert_string_equal(links_vrf(&links, 8), "");
	assert_string_equal(links_vrf(&links, 99), "");
}

static void
test_vni(void **state)
{
	(void)state;
	add((struct kernel_msg_link){.ifindex = 9, .name = "bridge", .kind = "bridge"});
	add((struct kernel_msg_link){
	    .ifindex = 30, .name = "vni10", .kind = "vxlan", .master = 9, .id = 10010});
	assert_true(take(kernel_msg_port(RTM_NEWLINK, 30, 10, 0, 0, 0)));
	assert_false(take(kernel_msg_port(RTM_NEWLINK, 30, 10, 0, 0, 0)));
	assert_int_equal(links_vni(&links, 9, 10), 10010);
	assert_int_equal(links_vni(&links, 9, 11), 0);
	assert_int_equal(links_vni(&links, 9, 0), 10010);
	assert_int_equal(links_vni(&links, 8, 10), 0);
	/* It keeps its VLAN when something else of it changes. */
	add((struct kernel_msg_link){.ifindex = 30,
	    .name = "vni10",
	    .kind = "vxlan",
	    .master = 9,
	    .id = 10010,
	    .mtu = 9216});
	assert_int_equal(links_vni(&links, 9, 10), 10010);
	/* One device for many. */
	add((struct kernel_msg_link){
	    .ifindex = 31, .name = "vxlan48", .kind = "vxlan", .master = 9});
	assert_true(take(kernel_msg_port(RTM_NEWLINK, 31, 1, 100, 110, 20100)));
	assert_int_equal(links_vni(&links, 9, 100), 20100);
	assert_int_equal(links_vni(&links, 9, 107), 20107);
	assert_int_equal(links_vni(&links, 9, 110), 20110);
	assert_int_equal(links_vni(&links, 9, 111), 0);
	assert_true(take(kernel_msg_port(RTM_NEWLINK, 31, 1, 200, 200, 20200)));
	assert_int_equal(links_vni(&links, 9, 100), 0);
	assert_int_equal(links_vni(&links, 9, 200), 20200);
}

static void
test_hello(void **state)
{
	static struct agent_hello hello, again;

	(void)state;
	add((struct kernel_msg_link){.ifindex = 1, .name = "lo", .loopback = true});
	add((struct kernel_msg_link){.ifindex = 2, .name = "eth0"});
	add((struct kernel_msg_link){.ifindex = 4, .name = "swp2"});
	add((struct kernel_msg_link){.ifindex = 3, .name = "swp1"});
	assert_true(take(kernel_msg_addr(RTM_NEWADDR, 1, "127.0.0.1")));
	assert_true(take(kernel_msg_addr(RTM_NEWADDR, 3, "fe80::1")));
	assert_true(take(kernel_msg_addr(RTM_NEWADDR, 3, "2001:db8::1")));
	assert_true(take(kernel_msg_addr(RTM_NEWADDR, 1, "10.255.0.1")));
	assert_true(take(kernel_msg_addr(RTM_NEWADDR, 4, "10.1.0.1")));
	assert_false(take(kernel_msg_addr(RTM_NEWADDR, 4, "10.1.0.1")));
	links_hello(&links, "swp+", &hello);
	assert_int_equal(hello.port_count, 3);
	assert_string_equal(hello.ports[0].name, "swp1");
	assert_int_equal(hello.ports[0].ifindex, 3);
	assert_string_equal(hello.ports[1].name, "swp2");
	assert_string_equal(hello.ports[2].name, "eth0");
	assert_int_equal(hello.addr_count, 3);
	assert_string_equal(hello.addrs[0].iface, "swp2");
	assert_string_equal(hello.addrs[1].iface, "lo");
	assert_string_equal(hello.addrs[2].iface, "swp1");
	/* Equal facts, learned in another order, make an equal hello. */
	assert_true(take(kernel_msg_addr(RTM_DELADDR, 1, "10.255.0.1")));
	assert_false(take(kernel_msg_addr(RTM_DELADDR, 1, "10.255.0.1")));
	links_hello(&links, "swp+", &again);
	assert_int_equal(again.addr_count, 2);
	assert_true(take(kernel_msg_addr(RTM_NEWADDR, 1, "10.255.0.1")));
	links_hello(&links, "swp+", &again);
	assert_memory_equal(&hello, &again, sizeof hello);
}

static void
test_front_mtu(void **state)
{
	(void)state;
	add((struct kernel_msg_link){.ifindex = 3, .name = "swp1", .mtu = 1500});
	add((struct kernel_msg_link){.ifindex = 4, .name = "swp2", .mtu = 9216});
	add((struct kernel_msg_link){.ifindex = 5, .name = "eth0", .mtu = 16000});
	assert_int_equal(links_front_mtu(&links, "swp+", 0), 9216);
	assert_int_equal(links_front_mtu(&links, "swp+", 4), 1500);
	assert_int_equal(links_front_mtu(&links, "none+", 0), 0);
}

/* A message cut anywhere, or with any byte changed: read or skipped, never more than is there. */
static void
test_bad_messages(void **state)
{
	struct kernel_msg_link link = {.ifindex = 31, .name = "vxlan48", .kind = "vxlan"};
	struct nl_msg *msgs[] = {kernel_msg_link(RTM_NEWLINK, &link),
	    kernel_msg_port(RTM_NEWLINK, 31, 1, 100, 110, 20100),
	    kernel_msg_addr(RTM_NEWADDR, 4, "10.1.0.1")};

	(void)state;
	for (unsigned m = 0; m < 3; m++) {
		const struct nlmsghdr *whole = nlmsg_hdr(msgs[m]);

		for (uint32_t n = sizeof *whole; n <= whole->nlmsg_len; n++) {
			struct nlmsghdr *cut = malloc(n);

			memcpy(cut, whole, n);
			cut->nlmsg_len = n;
			(void)links_take(&links, cut);
			free(cut);
		}
		for (uint32_t n = sizeof *whole; n < whole->nlmsg_len; n++) {
			struct nlmsghdr *bad = malloc(whole->nlmsg_len);

			memcpy(bad, whole, whole->nlmsg_len);
			((uint8_t *)bad)[n] ^= 0xFF;
			(void)links_take(&links, bad);
			free(bad);
		}
		nlmsg_free(msgs[m]);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_link_comes_changes_goes), TEST(test_patterns),
	    TEST(test_front), TEST(test_vrf), TEST(test_vni), TEST(test_hello),
	    TEST(test_front_mtu), TEST(test_bad_messages)};

	return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
