/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sampled headers: every way in, every tunnel, every end that comes too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"
#include "controller/receive/packet.h"
#include "tests/support/forge.h"

static struct forge forge;
static struct packet packet;
static uint8_t *copy;

/* From a copy of exactly that size: a byte too far is seen by the sanitizer. */
static void
decode(size_t length, uint32_t protocol)
{
	free(copy);
	copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	memcpy(copy, forge.bytes, length);
	memset(&packet, 0xee, sizeof packet);
	packet_decode(copy, length, protocol, &packet);
}

static void
assert_pair(unsigned number, const char *src, const char *dst)
{
	assert_true(number < packet.layer_count);
	const struct packet_layer *layer = &packet.layers[number];
	char text[ADDR_TEXT_MAX];
	struct addr a = layer->family == 4 ? addr_from_v4(layer->src) : addr_from_v6(layer->src);
	struct addr b = layer->family == 4 ? addr_from_v4(layer->dst) : addr_from_v6(layer->dst);
	assert_string_equal(addr_format(&a, text), src);
	assert_string_equal(addr_format(&b, text), dst);
}

static void
start(unsigned ethertype)
{
	forge.length = 0;
	forge_ethernet(&forge, ethertype);
}

static void
inside(void)
{
	forge_ipv4(&forge, "10.1.0.2", "198.51.100.9", 6);
	forge_tcp(&forge, 40000, 443, 0x18);
}

/* The inner packet of inside(), carried so. */
static void
assert_inside(unsigned number, enum packet_tunnel tunnel, uint32_t vni)
{
	assert_int_equal(packet.outcome, PACKET_IP);
	assert_int_equal(packet.layer_count, number + 1);
	assert_pair(number, "10.1.0.2", "198.51.100.9");
	assert_int_equal(packet.layers[number].tunnel, tunnel);
	assert_int_equal(packet.layers[number].vni, vni);
	assert_true(packet.layers[number].has_ports);
	assert_int_equal(packet.layers[number].src_port, 40000);
	assert_int_equal(packet.layers[number].dst_port, 443);
	assert_int_equal(packet.layers[number].tcp_flags, 0x18);
}

static void
ethernet_ipv4_tcp(void **state)
{
	(void)state;
	start(0x0800);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
	assert_int_equal(packet.vlan_count, 0);
	assert_int_equal(packet.ethertype, 0x0800);
	assert_int_equal(packet.layers[0].proto, 6);
}

static void
ipv4_options_are_passed_over(void **state)
{
	(void)state;
	start(0x0800);
	forge_ipv4(&forge, "10.1.0.2", "198.51.100.9", 6);
	forge_patch16(&forge, 14, 0x4700);
	forge_zero(&forge, 8);
	forge_tcp(&forge, 40000, 443, 0x18);
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
}

static void
ipv6_udp_and_icmp(void **state)
{
	(void)state;
	start(0x86dd);
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 17);
	forge_udp(&forge, 53, 5353);
	decode(forge.length, PACKET_ETHERNET);
	assert_pair(0, "2001:db8:1::2", "2001:db8:bad::9");
	assert_int_equal(packet.layers[0].src_port, 53);
	assert_int_equal(packet.layers[0].dst_port, 5353);
	start(0x86dd);
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 58);
	forge_8(&forge, 128);
	forge_8(&forge, 1);
	decode(forge.length, PACKET_ETHERNET);
	assert_false(packet.layers[0].has_ports);
	assert_true(packet.layers[0].has_icmp);
	assert_int_equal(packet.layers[0].icmp_type, 128);
	assert_int_equal(packet.layers[0].icmp_code, 1);
}

static void
qinq_8100_8100_and_the_others(void **state)
{
	(void)state;
	static const unsigned types[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		start(types[i]);
		forge_vlan(&forge, 100, 0x8100);
		forge_vlan(&forge, 4094, 0x0800);
		inside();
		decode(forge.length, PACKET_ETHERNET);
		assert_inside(0, PACKET_TUNNEL_NONE, 0);
		assert_int_equal(packet.vlan_count, 2);
		assert_int_equal(packet.vlans[0], 100);
		assert_int_equal(packet.vlans[1], 4094);
	}
}

static void
vlans_to_the_end(void **state)
{
	(void)state;
	start(0x8100);
	for (unsigned i = 0; i < 28; i++)
		forge_vlan(&forge, i, 0x8100);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_DEEP);
	assert_int_equal(packet.layer_count, 0);
	assert_int_equal(packet.vlan_count, PACKET_VLANS_MAX);
	assert_true(packet.deep);
	decode(14 + 3 * 4 + 2, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_TRUNCATED);
}

static void
unknown_ethertypes_are_no_error(void **state)
{
	(void)state;
	start(0x0806);
	forge_zero(&forge, 28);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_ARP);
	assert_int_equal(packet.ethertype, 0x0806);
	start(0x88cc);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_OTHER);
	start(38); /* a length: spanning tree's LLC */
	forge_bytes(&forge, "\x42\x42\x03\0\0\0\0\0", 8);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_OTHER);
}

static void
snap_carries_an_ethertype(void **state)
{
	(void)state;
	start(100);
	forge_bytes(&forge, "\xaa\xaa\x03\0\0\0\x08\0", 8);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
}

static void
mpls_stacks(void **state)
{
	(void)state;
	start(0x8847);
	forge_32(&forge, 16u << 12 | 64);
	forge_32(&forge, 17u << 12 | 1u << 8 | 64);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
	forge.length = 0;
	forge_32(&forge, 17u << 12 | 1u << 8 | 64);
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 17);
	decode(forge.length, PACKET_MPLS);
	assert_pair(0, "2001:db8:1::2", "2001:db8:bad::9");
	start(0x8847);
	for (unsigned i = 0; i < 28; i++)
		forge_32(&forge, i << 12);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_DEEP);
}

static void
other_header_protocols(void **state)
{
	(void)state;
	forge.length = 0;
	inside();
	decode(forge.length, PACKET_IPV4);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
	forge.length = 0;
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 17);
	decode(forge.length, PACKET_IPV6);
	assert_pair(0, "2001:db8:1::2", "2001:db8:bad::9");
	static const char *const ppp[] = {"\xff\x03\x00\x21", "\x00\x21", "\x21"};
	static const size_t sizes[] = {4, 2, 1};
	for (size_t i = 0; i < 3; i++) {
		forge.length = 0;
		forge_bytes(&forge, ppp[i], sizes[i]);
		inside();
		decode(forge.length, i == 1 ? PACKET_POS : PACKET_PPP);
		assert_inside(0, PACKET_TUNNEL_NONE, 0);
	}
	forge.length = 0;
	forge_bytes(&forge, "\x0f\x00\x08\x00", 4);
	inside();
	decode(forge.length, PACKET_POS);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
	start(0x8864);
	forge_bytes(&forge, "\x11\0\0\1\0\x50\0\x21", 8);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
	decode(forge.length, 2);
	assert_int_equal(packet.outcome, PACKET_UNSUPPORTED);
}

static void
extension_headers(void **state)
{
	(void)state;
	start(0x86dd);
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 0);
	forge_bytes(&forge, "\x2b\0\0\0\0\0\0\0", 8);
	forge_bytes(&forge, "\x33\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	forge_bytes(&forge, "\x3c\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	forge_bytes(&forge, "\x06\0\0\0\0\0\0\0", 8);
	forge_tcp(&forge, 1, 2, 3);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.layers[0].proto, 6);
	assert_int_equal(packet.layers[0].dst_port, 2);
}

static void
extension_headers_in_a_ring(void **state)
{
	(void)state;
	start(0x86dd);
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 0);
	for (unsigned i = 0; i < 100; i++)
		forge_bytes(&forge, i % 2 ? "\0\0\0\0\0\0\0\0" : "\x3c\0\0\0\0\0\0\0", 8);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_IP);
	assert_true(packet.deep);
	assert_false(packet.layers[0].has_ports);
}

static void
fragments_have_no_ports(void **state)
{
	(void)state;
	static const unsigned words[] = {0x2000, 0x00b9, 0x20b9};
	for (size_t i = 0; i < 3; i++) {
		start(0x0800);
		inside();
		forge_patch16(&forge, 14 + 6, words[i]);
		decode(forge.length, PACKET_ETHERNET);
		assert_true(packet.layers[0].fragment);
		assert_false(packet.layers[0].has_ports);
		assert_int_equal(packet.layers[0].dst_port, 0);
		assert_int_equal(packet.layers[0].tcp_flags, 0);
	}
	start(0x0800);
	inside();
	forge_patch16(&forge, 14 + 6, 0x4000); /* may not be fragmented: no fragment */
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(0, PACKET_TUNNEL_NONE, 0);
	static const char *const heads[] = {"\x11\0\0\1\0\0\0\7", "\x11\0\0\x08\0\0\0\7"};
	for (size_t i = 0; i < 2; i++) {
		start(0x86dd);
		forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 44);
		forge_bytes(&forge, heads[i], 8);
		forge_udp(&forge, 1, 2);
		decode(forge.length, PACKET_ETHERNET);
		assert_true(packet.layers[0].fragment);
		assert_false(packet.layers[0].has_ports);
		assert_int_equal(packet.layers[0].proto, 17);
	}
}

static void
gre_with_all_its_options(void **state)
{
	(void)state;
	start(0x0800);
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 47);
	forge_16(&forge, 0xb000);
	forge_16(&forge, 0x0800);
	forge_32(&forge, 0);
	forge_32(&forge, 77);
	forge_32(&forge, 1);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(1, PACKET_TUNNEL_GRE, 77);
	assert_pair(0, "192.0.2.1", "192.0.2.2");
	assert_false(packet.layers[0].has_ports);
	start(0x0800);
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 47);
	forge_32(&forge, 0x6558);
	forge_ethernet(&forge, 0x8100);
	forge_vlan(&forge, 5, 0x0800);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(1, PACKET_TUNNEL_GRE, 0);
	assert_int_equal(packet.vlan_count, 0); /* the outer packet has none */
	assert_int_equal(packet.inner_count, 1);
	assert_int_equal(packet.inner[0].vlan, 5);
	assert_int_equal(packet.inner[0].layer, 1);
}

static void
mirror_copies_are_never_entered(void **state)
{
	(void)state;
	static const unsigned types[] = {0x88be, 0x22eb, 0x8949};
	for (size_t i = 0; i < 3; i++) {
		for (unsigned deep = 0; deep < 2; deep++) {
			start(0x0800);
			if (deep) {
				forge_ipv4(&forge, "192.0.2.3", "192.0.2.4", 17);
				forge_udp(&forge, 1000, 4789);
				forge_32(&forge, 0x08000000);
				forge_32(&forge, 5000 << 8);
				forge_ethernet(&forge, 0x0800);
			}
			forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 47);
			forge_16(&forge, 0x1000);
			forge_16(&forge, types[i]);
			forge_zero(&forge, 12);
			forge_ethernet(&forge, 0x0800);
			inside();
			decode(forge.length, PACKET_ETHERNET);
			assert_int_equal(packet.outcome, PACKET_MIRROR);
			assert_int_equal(packet.layer_count, 1 + deep);
			assert_pair(deep, "192.0.2.1", "192.0.2.2");
		}
	}
}

static void
ip_in_ip_all_four(void **state)
{
	(void)state;
	start(0x0800);
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 4);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(1, PACKET_TUNNEL_IPIP, 0);
	start(0x86dd);
	forge_ipv6(&forge, "2001:db8::1", "2001:db8::2", 4);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(1, PACKET_TUNNEL_IPIP, 0);
	start(0x0800); /* 6in4 */
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 41);
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 17);
	forge_udp(&forge, 9, 10);
	decode(forge.length, PACKET_ETHERNET);
	assert_pair(0, "192.0.2.1", "192.0.2.2");
	assert_pair(1, "2001:db8:1::2", "2001:db8:bad::9");
	assert_int_equal(packet.layers[1].dst_port, 10);
}

static void
vxlan_and_geneve(void **state)
{
	(void)state;
	start(0x0800);
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 17);
	forge_udp(&forge, 50000, 4789);
	forge_32(&forge, 0x08000000);
	forge_32(&forge, 5001u << 8);
	forge_ethernet(&forge, 0x0800);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(1, PACKET_TUNNEL_VXLAN, 5001);
	assert_int_equal(packet.layers[0].dst_port, 4789);
	start(0x86dd);
	forge_ipv6(&forge, "2001:db8::1", "2001:db8::2", 17);
	forge_udp(&forge, 50000, 6081);
	forge_16(&forge, 2u << 8);
	forge_16(&forge, 0x6558);
	forge_32(&forge, 5002u << 8);
	forge_zero(&forge, 8);
	forge_ethernet(&forge, 0x0800);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_inside(1, PACKET_TUNNEL_GENEVE, 5002);
	/* No VNI, or another version: not entered. */
	start(0x0800);
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 17);
	forge_udp(&forge, 50000, 4789);
	forge_zero(&forge, 8);
	forge_ethernet(&forge, 0x0800);
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.layer_count, 1);
}

static void
gre_in_gre_in_gre(void **state)
{
	(void)state;
	start(0x0800);
	for (unsigned i = 0; i < 40; i++) {
		forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 47);
		forge_32(&forge, 0x0800);
	}
	inside();
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_IP);
	assert_int_equal(packet.layer_count, PACKET_LAYERS_MAX);
	assert_true(packet.deep);
}

static void
wrong_versions_and_lengths(void **state)
{
	(void)state;
	start(0x0800);
	forge_ipv6(&forge, "2001:db8::1", "2001:db8::2", 17);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_MALFORMED);
	assert_int_equal(packet.layer_count, 0);
	start(0x0800);
	inside();
	forge_patch16(&forge, 14, 0x4400);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.outcome, PACKET_MALFORMED);
	/* What stands behind the IP packet is the link's padding and no port. */
	start(0x0800);
	forge_ipv4(&forge, "10.1.0.2", "198.51.100.9", 6);
	forge_patch16(&forge, 16, 20);
	forge_tcp(&forge, 1, 2, 3);
	decode(forge.length, PACKET_ETHERNET);
	assert_int_equal(packet.layer_count, 1);
	assert_false(packet.layers[0].has_ports);
}

static void
truncated_at_every_byte(void **state)
{
	(void)state;
	start(0x8100);
	forge_vlan(&forge, 7, 0x0800);
	size_t outer = forge.length;
	forge_ipv4(&forge, "192.0.2.1", "192.0.2.2", 17);
	forge_udp(&forge, 50000, 4789);
	forge_32(&forge, 0x08000000);
	forge_32(&forge, 5001u << 8);
	forge_ethernet(&forge, 0x86dd);
	size_t inner = forge.length;
	forge_ipv6(&forge, "2001:db8:1::2", "2001:db8:bad::9", 6);
	forge_tcp(&forge, 40000, 443, 0x18);
	for (size_t length = 0; length <= forge.length; length++) {
		decode(length, PACKET_ETHERNET);
		if (length < outer + 20) {
			assert_int_equal(packet.outcome, PACKET_TRUNCATED);
			assert_int_equal(packet.layer_count, 0);
			continue;
		}
		assert_int_equal(packet.outcome, PACKET_IP);
		assert_int_equal(packet.layer_count, length < inner + 40 ? 1 : 2);
		assert_int_equal(packet.layers[0].has_ports, length >= outer + 24);
		if (length >= inner + 40)
			assert_int_equal(packet.layers[1].has_ports, length >= inner + 44);
	}
}

static int
done(void **state)
{
	(void)state;
	free(copy);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ethernet_ipv4_tcp),
	    cmocka_unit_test(ipv4_options_are_passed_over),
	    cmocka_unit_test(ipv6_udp_and_icmp),
	    cmocka_unit_test(qinq_8100_8100_and_the_others),
	    cmocka_unit_test(vlans_to_the_end),
	    cmocka_unit_test(unknown_ethertypes_are_no_error),
	    cmocka_unit_test(snap_carries_an_ethertype),
	    cmocka_unit_test(mpls_stacks),
	    cmocka_unit_test(other_header_protocols),
	    cmocka_unit_test(extension_headers),
	    cmocka_unit_test(extension_headers_in_a_ring),
	    cmocka_unit_test(fragments_have_no_ports),
	    cmocka_unit_test(gre_with_all_its_options),
	    cmocka_unit_test(mirror_copies_are_never_entered),
	    cmocka_unit_test(ip_in_ip_all_four),
	    cmocka_unit_test(vxlan_and_geneve),
	    cmocka_unit_test(gre_in_gre_in_gre),
	    cmocka_unit_test(wrong_versions_and_lengths),
	    cmocka_unit_test(truncated_at_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
