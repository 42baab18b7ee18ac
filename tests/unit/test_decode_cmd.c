/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decode command: every field that it prints, and what it ends with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/receive/decode_cmd.h"
#include "tests/support/forge.h"

#define LINES_MAX 16

static struct forge forge, packet;
static char in_path[64], out_path[64];
static json_t *lines[LINES_MAX];
static unsigned count;

static void
forget(void)
{
	for (unsigned i = 0; i < count; i++)
		json_decref(lines[i]);
	count = 0;
}

/* Runs the command with its output in a file; each line of that must be an object. */
static int
run(int argc, const char *const *words)
{
	char *argv[8] = {0};
	forget();
	for (int i = 0; i < argc; i++)
		argv[i] = strdup(words[i]);
	fflush(stdout);
	int before = dup(1), before_error = dup(2);
	int to = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(to, 1);
	dup2(null, 2);
	int status = decode_cmd_main(argc, argv);
	fflush(stdout);
	dup2(before, 1);
	dup2(before_error, 2);
	close(before), close(before_error), close(to), close(null);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	char line[8192];
	FILE *file = fopen(out_path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		json_error_t error;
		assert_true(count < LINES_MAX);
		lines[count] = json_loads(line, JSON_REJECT_DUPLICATES, &error);
		if (lines[count] == NULL) {
			print_message("%s: %s", error.text, line);
			fclose(file);
			fail();
		}
		count++;
	}
	fclose(file);
	return status;
}

static int
run_forge(const char *option)
{
	FILE *file = fopen(in_path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(forge.bytes, 1, forge.length, file), forge.length);
	fclose(file);
	if (option != NULL)
		return run(3, (const char *const[]){"decode", option, in_path});
	return run(2, (const char *const[]){"decode", in_path});
}

/* The object is this one, whatever the order of its fields; single quotes stand for double ones. */
static void
assert_json(const json_t *object, const char *wanted)
{
	char text[4096];
	snprintf(text, sizeof text, "%s", wanted);
	for (char *c = text; *c != '\0'; c++) {
		if (*c == '\'')
			*c = '"';
	}
	json_error_t error;
	json_t *expected = json_loads(text, 0, &error);
	if (expected == NULL)
		fail_msg("%s in %s", error.text, text);
	bool equal = json_equal(object, expected);
	json_decref(expected);
	if (!equal) {
		char *got = json_dumps(object, JSON_SORT_KEYS);
		print_message("got    %s\nwanted %s\n", got, text);
		free(got);
		fail();
	}
}

static void
tcp(void)
{
	packet.length = 0;
	forge_ethernet(&packet, 0x8100);
	forge_vlan(&packet, 12, 0x0800);
	forge_ipv4(&packet, "10.1.0.2", "198.51.100.9", 6);
	forge_tcp(&packet, 40000, 443, 0x12);
}

static void
a_flow(void **state)
{
	(void)state;
	tcp();
	forge_datagram(&forge, "192.0.2.1", 77, 1, 1);
	forge_patch32(&forge, 12, 9);
	forge_sample(&forge, 5, &packet);
	forge_patch32(&forge, 28 + 8 + 4, 0x0200000a);
	forge_patch32(&forge, 28 + 8 + 16, 3);
	assert_int_equal(run_forge(NULL), 0);
	assert_int_equal(count, 1);
	assert_json(lines[0],
	    "{'type':'flow','frame':1,'exporter':'192.0.2.1','sub_agent':9,'datagram_sequence':77,"
	    "'sample_sequence':5,'source_id_type':2,'source_id_index':10,'sampling_rate':1000,"
	    "'sample_pool':5000,'drops':3,'input':3,'output':4,'frame_length':62,"
	    "'header_protocol':1,'header_length':58,'stripped':4,'packet':'ip','ethertype':2048,"
	    "'vlans':[12],'src':'10.1.0.2','dst':'198.51.100.9','ip_protocol':6,"
	    "'src_port':40000,'dst_port':443,'tcp_flags':18}");
}

static void
inner_packets(void **state)
{
	(void)state;
	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, "192.0.2.1", "192.0.2.2", 17);
	forge_udp(&packet, 50000, 4789);
	forge_32(&packet, 0x08000000);
	forge_32(&packet, 5001u << 8);
	forge_ethernet(&packet, 0x8100);
	forge_vlan(&packet, 7, 0x86dd);
	forge_ipv6(&packet, "2001:db8:1::2", "2001:db8:bad::9", 58);
	forge_8(&packet, 128);
	forge_8(&packet, 0);
	forge_datagram(&forge, "2001:db8::1", 77, 1, 1);
	forge_sample(&forge, 5, &packet);
	assert_int_equal(run_forge(NULL), 0);
	assert_int_equal(count, 1);
	assert_string_equal(
	    json_string_value(json_object_get(lines[0], "exporter")), "2001:db8::1");
	assert_json(json_object_get(lines[0], "inner"),
	    "{'tunnel':'vxlan','vni':5001,'vlans':[7],'src':'2001:db8:1::2',"
	    "'dst':'2001:db8:bad::9','ip_protocol':58,'icmp_type':128,'icmp_code':0}");
	assert_int_equal(json_array_size(json_object_get(lines[0], "vlans")), 0);
}

static void
interface_words(void **state)
{
	(void)state;
	tcp();
	forge_datagram(&forge, "192.0.2.1", 77, 1, 2);
	forge_sample(&forge, 5, &packet);
	forge_sample(&forge, 6, &packet);
	size_t second = 28 + (forge.length - 28) / 2;
	forge_patch32(&forge, 28 + 8 + 20, 0x3fffffff);
	forge_patch32(&forge, 28 + 8 + 24, 0x40000102);
	forge_patch32(&forge, second + 8 + 20, 0xc0000001);
	forge_patch32(&forge, second + 8 + 24, 0x80000003);
	assert_int_equal(run_forge(NULL), 0);
	assert_string_equal(json_string_value(json_object_get(lines[0], "input")), "internal");
	assert_string_equal(json_string_value(json_object_get(lines[0], "output")), "discarded");
	assert_int_equal(json_integer_value(json_object_get(lines[0], "output_reason")), 0x102);
	assert_string_equal(json_string_value(json_object_get(lines[1], "input")), "unknown");
	assert_int_equal(json_integer_value(json_object_get(lines[1], "input_format")), 3);
	assert_string_equal(json_string_value(json_object_get(lines[1], "output")), "multiple");
	assert_int_equal(json_integer_value(json_object_get(lines[1], "output_count")), 3);
}

static void
the_other_types(void **state)
{
	(void)state;
	tcp();
	forge_datagram(&forge, "192.0.2.1", 77, 1, 5);
	forge_words(&forge, 2, 11, 7, 0);
	forge_words(&forge, 4, 12, 1, 8, 0);
	size_t mark = forge_open(&forge, 4413 << 12 | 7);
	forge_close(&forge, mark);
	mark = forge_open(&forge, 3);
	forge_expanded(&forge, 13, 0);
	forge_close(&forge, mark);
	mark = forge_open(&forge, 5);
	forge_discard(&forge, 14, 289, 0);
	forge_close(&forge, mark);
	assert_int_equal(run_forge(NULL), 0);
	assert_int_equal(count, 5);
	assert_json(lines[0], "{'type':'counters','frame':1,'exporter':'192.0.2.1','sub_agent':0,'"
			      "datagram_sequence':77,"
			      "'sample_sequence':11,'source_id_type':0,'source_id_index':7}");
	assert_json(lines[1],
	    "{'type':'expanded_counters','frame':1,'exporter':'192.0.2.1','sub_agent':0,"
	    "'datagram_sequence':77,'sample_sequence':12,'source_id_type':1,'source_id_index':8}");
	assert_json(lines[2], "{'type':'unknown','frame':1,'exporter':'192.0.2.1','sub_agent':0,'"
			      "datagram_sequence':77,"
			      "'enterprise':4413,'format':7}");
	assert_json(lines[3],
	    "{'type':'expanded_flow','frame':1,'exporter':'192.0.2.1','sub_agent':0,'datagram_"
	    "sequence':77,"
	    "'sample_sequence':13,'source_id_type':0,'source_id_index':7,'sampling_rate':1000,"
	    "'sample_pool':13000,'drops':0,'input':3,'output':4,'frame_length':0}");
	assert_json(lines[4],
	    "{'type':'discard','frame':1,'exporter':'192.0.2.1','sub_agent':0,'datagram_sequence':"
	    "77,"
	    "'sample_sequence':14,'source_id_type':0,'source_id_index':7,'drops':0,'reason':289,"
	    "'input':3,'output':0,'frame_length':0}");
}

static void
extended_records(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 77, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 5, 6);
	forge_words(&forge, 1001, 100, 0, 200, 0);
	size_t record = forge_open(&forge, 1002);
	forge_32(&forge, 1);
	forge_addr(&forge, "192.0.2.5");
	forge_zero(&forge, 8);
	forge_close(&forge, record);
	record = forge_open(&forge, 1003);
	forge_32(&forge, 1);
	forge_addr(&forge, "192.0.2.6");
	forge_32(&forge, 1);
	forge_32(&forge, 2);
	forge_32(&forge, 3);
	forge_zero(&forge, 12);
	forge_close(&forge, record);
	forge_words(&forge, 1012, 2, 0x81000064, 0x810000c8);
	record = forge_open(&forge, 1023);
	forge_zero(&forge, 8);
	forge_addr(&forge, "192.0.2.11");
	forge_addr(&forge, "192.0.2.12");
	forge_zero(&forge, 16);
	forge_close(&forge, record);
	forge_words(&forge, 1029, 7001);
	forge_close(&forge, mark);
	assert_int_equal(run_forge(NULL), 0);
	assert_json(lines[0],
	    "{'type':'flow','frame':1,'exporter':'192.0.2.1','sub_agent':0,'datagram_sequence':77,"
	    "'sample_sequence':5,'source_id_type':0,'source_id_index':7,'sampling_rate':1000,"
	    "'sample_pool':5000,'drops':0,'input':3,'output':4,'frame_length':0,'in_vlan':100,"
	    "'out_vlan':200,'next_hop':'192.0.2.5','as':1,'source_as':2,'source_peer_as':3,"
	    "'bgp_next_hop':'192.0.2.6','vni_out':7001,'tunnel_out_src':'192.0.2.11',"
	    "'tunnel_out_dst':'192.0.2.12','stripped_vlans':[100,200]}");
}

static void
rejects_and_the_status(void **state)
{
	(void)state;
	tcp();
	forge_datagram(&forge, "192.0.2.1", 77, 1, 2);
	forge_sample(&forge, 5, &packet);
	forge_patch32(&forge, 28 + 8 + 32 + 4, 0xffffffff);
	forge_sample(&forge, 6, &packet);
	/* A bad sample is no bad datagram. */
	assert_int_equal(run_forge(NULL), 0);
	assert_int_equal(count, 2);
	assert_json(lines[0],
	    "{'type':'rejected','what':'sample','frame':1,'exporter':'192.0.2.1',"
	    "'datagram_sequence':77,'reason':'record_length',"
	    "'text':'a record\\u0027s length runs past the end of its sample','offset':68}");
	assert_string_equal(json_string_value(json_object_get(lines[1], "type")), "flow");
	forge_patch32(&forge, 4, 9);
	assert_int_equal(run_forge(NULL), 1);
	assert_int_equal(count, 1);
	assert_json(lines[0],
	    "{'type':'rejected','what':'datagram','frame':1,'reason':'agent_type',"
	    "'text':'the agent address is neither IPv4 (1) nor IPv6 (2)','offset':4}");
}

static void
the_counters_alone(void **state)
{
	(void)state;
	tcp();
	forge_datagram(&forge, "192.0.2.1", 77, 1, 3);
	forge_sample(&forge, 5, &packet);
	forge_sample(&forge, 6, &packet);
	assert_int_equal(run_forge("--stats"), 0);
	assert_int_equal(count, 1);
	static const struct {
		const char *name;
		int value;
	} wanted[] = {{"datagrams", 1}, {"samples_flow", 2}, {"reject_sample_count", 1},
	    {"reject_version", 0}, {"headers_ip", 2}, {"pairs", 2}, {"tunnels", 0}};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		const json_t *value = json_object_get(lines[0], wanted[i].name);
		if (value == NULL || json_integer_value(value) != wanted[i].value)
			fail_msg("%s is %lld", wanted[i].name, json_integer_value(value));
	}
}

static void
words(void **state)
{
	(void)state;
	assert_int_equal(run(1, (const char *const[]){"decode"}), 2);
	assert_int_equal(run(2, (const char *const[]){"decode", "/nonexistent/file"}), 2);
	assert_int_equal(run(3, (const char *const[]){"decode", "--nonsense", in_path}), 2);
	static const char *const ports[] = {"0", "65536", "-1", "x", "12x", ""};
	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
		assert_int_equal(
		    run(4, (const char *const[]){"decode", "--port", ports[i], in_path}), 2);
	/* One that is not there takes nothing from one that is. */
	tcp();
	forge_datagram(&forge, "192.0.2.1", 77, 1, 1);
	forge_sample(&forge, 5, &packet);
	assert_int_equal(run_forge(NULL), 0);
	assert_int_equal(run(3, (const char *const[]){"decode", "/nonexistent/file", in_path}), 2);
	assert_int_equal(count, 1);
}

static int
begin(void **state)
{
	(void)state;
	snprintf(in_path, sizeof in_path, "/tmp/finderscope-decode-in.XXXXXX");
	snprintf(out_path, sizeof out_path, "/tmp/finderscope-decode-out.XXXXXX");
	int in = mkstemp(in_path), out = mkstemp(out_path);
	return in < 0 || out < 0 || close(in) < 0 || close(out) < 0;
}

static int
end(void **state)
{
	(void)state;
	forget();
	return unlink(in_path) + unlink(out_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flow),
	    cmocka_unit_test(inner_packets),
	    cmocka_unit_test(interface_words),
	    cmocka_unit_test(the_other_types),
	    cmocka_unit_test(extended_records),
	    cmocka_unit_test(rejects_and_the_status),
	    cmocka_unit_test(the_counters_alone),
	    cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
