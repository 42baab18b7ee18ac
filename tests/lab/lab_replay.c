/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `finderscope-controller replay`, the whole program: a recording made here, of an hour at two
 * leaves, run through a configuration and lists. What it decided, twice the same byte for byte, and
 * with --check each decision against what explain says at that state.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/store/store.h"
#include "tests/support/forge.h"

static char dir[64], program[512];

/* ---- a recording ---- */

static void
put32(FILE *f, uint32_t value)
{
	fwrite(&value, 4, 1, f);
}

/* pcap, LINKTYPE_RAW (101): an IPv4 packet begins each frame. */
static FILE *
pcap_begin(const char *name)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	put32(f, 0xa1b2c3d4);
	put32(f, 4u << 16 | 2u);
	put32(f, 0);
	put32(f, 0);
	put32(f, 65535);
	put32(f, 101);
	return f;
}

static void
pcap_datagram(FILE *f, double at, const char *from, const struct forge *payload)
{
	static struct forge frame;

	memset(&frame, 0, sizeof frame.length);
	frame.length = 0;
	forge_ipv4(&frame, from, "192.0.2.1", 17);
	forge_patch16(&frame, 2, (unsigned)(20 + 8 + payload->length));
	forge_16(&frame, 50000);
	forge_16(&frame, 6343);
	forge_16(&frame, (unsigned)(8 + payload->length));
	forge_16(&frame, 0);
	forge_bytes(&frame, payload->bytes, payload->length);
	put32(f, (uint32_t)at);
	put32(f, (uint32_t)((at - (double)(uint32_t)at) * 1e6));
	put32(f, (uint32_t)frame.length);
	put32(f, (uint32_t)frame.length);
	fwrite(frame.bytes, 1, frame.length, f);
}

static uint32_t sequence;

/* A datagram of one sample: src to dst, TCP with these flags, seen by the leaf. */
static void
sample(FILE *f, double at, const char *leaf, const char *src, const char *dst, unsigned port,
    unsigned flags)
{
	static struct forge packet, datagram;

	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, src, dst, 6);
	forge_tcp(&packet, 40000, port, flags);
	sequence++;
	forge_datagram(&datagram, leaf, sequence, sequence * 10, 1);
	forge_sample(&datagram, sequence, &packet);
	pcap_datagram(f, at, leaf, &datagram);
}

#define T0 1780000000.0

static void
record(void)
{
	FILE *f = pcap_begin("day.pcap");
	char text[32];

	/* Traffic of no interest, before and among the rest. */
	for (int i = 0; i < 50; i++)
		sample(f, T0 + i, "10.255.0.1", "10.1.1.5", "203.0.113.9", 443, 0x10);
	/* A scanner knocks at 40 hosts. */
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof text, "10.1.2.%d", i + 1);
		sample(f, T0 + 60 + i * 0.1, "10.255.0.2", "198.51.100.66", text, 22, 0x02);
	}
	/* A beacon: every two minutes for an hour. */
	for (int i = 0; i < 30; i++)
		sample(f, T0 + 100 + i * 120, "10.255.0.1", "10.1.1.7", "198.51.100.9", 443, 0x18);
	/* An exporter that nobody knows. */
	sample(f, T0 + 3700, "10.255.0.99", "10.1.1.8", "198.51.100.9", 443, 0x18);
	/* Its port is not the listed one; then it is. */
	sample(f, T0 + 3701, "10.255.0.1", "10.1.1.9", "198.51.100.10", 80, 0x18);
	sample(f, T0 + 3702, "10.255.0.1", "10.1.1.9", "198.51.100.10", 447, 0x18);
	fclose(f);
	/* One remote that hosts behind both leaves call: 10 of one, 10 of the other, one far off.
	 */
	f = pcap_begin("many.pcap");
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof text, "10.1.%d.%d", 1 + i / 10, 1 + i % 10);
		sample(f, T0 + i, i < 10 ? "10.255.0.1" : "10.255.0.2", text, "198.51.100.9", 443,
		    0x18);
	}
	sample(f, T0 + 30, "10.255.0.2", "10.1.2.200", "198.51.100.9", 443, 0x18);
	sample(f, T0 + 31, "10.255.0.1", "10.1.200.1", "198.51.100.9", 443, 0x18);
	fclose(f);
}

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char switches[] =
    "switch \"leaf1\" { key = \"mWb5cxWc9AbVsl1y7JJQkuHYVBM9mYYu/wDdfVQT5gE=\"\n"
    "  exporters = {10.255.0.1} hosts = {10.1.1.0/24} }\n"
    "switch \"leaf2\" { key = \"nWb5cxWc9AbVsl1y7JJQkuHYVBM9mYYu/wDdfVQT5gE=\"\n"
    "  exporters = {10.255.0.2} hosts = {10.1.2.0/24} }\n"
    "analyser \"a\" { address = 192.0.2.50 }\n";

static void
configure(const char *name, const char *policy)
{
	char text[4096];

	snprintf(text, sizeof text,
	    "locals = {10.0.0.0/8}\nstate = %s/state\n"
	    "feed \"plain\" { url = \"file://%s/plain.txt\" }\n"
	    "feed \"feodo\" { url = \"file://%s/feodo.csv\" format = csv }\n%s%s",
	    dir, dir, dir, switches, policy);
	write_file(name, text);
}

/* ---- runs ---- */

struct run {
	int status;
	char *out;
	size_t size;
};

static struct run
replay(const char *words)
{
	char command[1024];
	struct run run = {.status = -1};
	FILE *f, *to = open_memstream(&run.out, &run.size);
	char buffer[4096];
	size_t n;

	assert_non_null(to);
	snprintf(
	    command, sizeof command, "cd %s && %s replay %s 2>%s/err", dir, program, words, dir);
	f = popen(command, "re");
	assert_non_null(f);
	while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
		fwrite(buffer, 1, n, to);
	fclose(to);
	run.status = WEXITSTATUS(pclose(f));
	return run;
}

/* Lines whose `key` is `value`; NULL: any. */
static unsigned
lines_with(const struct run *run, const char *key, const char *value)
{
	unsigned count = 0;
	char *copy = strdup(run->out), *save = NULL;

	assert_non_null(copy);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		const char *text;

		if (object == NULL)
			fail_msg("no JSON: %s", line);
		text = json_string_value(json_object_get(object, key));
		count += text != NULL && (value == NULL || strcmp(text, value) == 0);
		json_decref(object);
	}
	free(copy);
	return count;
}

static int
set_up(void **state)
{
	ssize_t n;

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/finderscope-replay.XXXXXX");
	if (mkdtemp(dir) == NULL || (n = readlink("/proc/self/exe", program, 400)) <= 0)
		return -1;
	program[n] = '\0';
	char *up = dirname(dirname(program));

	memmove(program, up, strlen(up) + 1);
	strcat(program, "/finderscope-controller");
	record();
	write_file("plain.txt", "198.51.100.9\n198.51.100.66\n");
	write_file("feodo.csv", "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\"\n"
				"\"2026-01-01 00:00:00\",\"198.51.100.10\",\"447\",\"online\"\n");
	configure("capture.conf", "policy \"all\" { duration = 10m idle = 5m }\n");
	configure("shadow.conf", "policy \"all\" { mode = shadow }\n");
	configure("careful.conf", "policy \"all\" { samples = 3 window = 5m duration = 10m }\n");
	return 0;
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

static void
it_decides_as_the_policy_says(void **unused)
{
	struct run run = replay("-c capture.conf --check day.pcap");

	(void)unused;
	assert_int_equal(run.status, 0);
	assert_int_equal(lines_with(&run, "event", "sighting"), 73);
	/* The knocks are alerts of their conversations until they are one scanner. */
	assert_int_equal(lines_with(&run, "event", "scanner"), 1);
	assert_int_equal(lines_with(&run, "reason", "INBOUND_ONLY"), 40 + 15 + 1);
	/* The beacon: captured for 10 minutes, cool-down of 10 minutes and of an hour. */
	assert_int_equal(lines_with(&run, "to", "requested"), 3);
	assert_int_equal(lines_with(&run, "to", "mirroring"), 2);
	assert_true(lines_with(&run, "reason", "COOL_DOWN") > 15);
	assert_int_equal(lines_with(&run, "reason", "NO_AGENT"), 2);
	assert_int_equal(lines_with(&run, "reason", "NO_POLICY"), 2);
	assert_non_null(strstr(run.out, "\"time\":\"2026-05-28T"));
	free(run.out);
}

/* The last line with that text in it. */
static json_t *
last_with(const struct run *run, const char *text)
{
	const char *at = run->out, *last = NULL, *end;
	json_t *object;

	while ((at = strstr(at, text)) != NULL)
		last = at++;
	if (last == NULL)
		fail_msg("nothing says %s", text);
	while (last > run->out && last[-1] != '\n')
		last--;
	end = strchr(last, '\n');
	object = json_loadb(last, (size_t)(end - last), 0, NULL);
	assert_non_null(object);
	return object;
}

/* Hosts behind two leaves that call one remote: one capture at both in place of fifteen, and a
 * wider one when a host comes from elsewhere. */
static void
many_are_one_wherever_they_are(void **unused)
{
	struct run run = replay("-c capture.conf --check many.pcap");
	json_t *wide, *held;

	(void)unused;
	assert_int_equal(run.status, 0);
	assert_int_equal(lines_with(&run, "to", "requested"), 15 + 1 + 1);
	assert_int_equal(lines_with(&run, "reason", "END_WIDER"), 2 * 16);
	wide = last_with(&run, "\"to\":\"requested\"");
	held = json_object_get(wide, "switches");
	assert_string_equal(json_string_value(json_object_get(wide, "wide")), "remote");
	assert_string_equal(json_string_value(json_object_get(wide, "filter")),
	    "net 10.1.0.0/16 and host 198.51.100.9");
	assert_int_equal(json_array_size(held), 2);
	assert_true(json_integer_value(json_object_get(wide, "estimate_samples")) >= 17);
	assert_true(json_integer_value(json_object_get(wide, "estimate_error_percent")) < 50);
	json_decref(wide);
	free(run.out);
}

static void
twice_the_same_byte_for_byte(void **unused)
{
	struct run one = replay("-c capture.conf day.pcap"),
		   two = replay("-c capture.conf day.pcap");

	(void)unused;
	assert_int_equal(one.status, 0);
	assert_true(one.size > 10000);
	assert_int_equal(one.size, two.size);
	assert_memory_equal(one.out, two.out, one.size);
	free(one.out);
	free(two.out);
}

static void
other_policies_on_the_same_day(void **unused)
{
	struct run run = replay("-c shadow.conf --check day.pcap");

	(void)unused;
	assert_int_equal(run.status, 0);
	assert_int_equal(lines_with(&run, "event", "capture"), 0);
	assert_true(lines_with(&run, "event", "shadow") >= 2);
	free(run.out);
	run = replay("-c careful.conf --check day.pcap");
	assert_int_equal(run.status, 0);
	assert_true(lines_with(&run, "reason", "MORE_SAMPLES") >= 3);
	assert_int_equal(lines_with(&run, "to", "requested"), 2);
	free(run.out);
}

static void
a_summary_for_tuning(void **unused)
{
	struct run run = replay("-c capture.conf --summary --check day.pcap");
	json_t *object = json_loads(run.out, 0, NULL), *decisions;

	(void)unused;
	assert_non_null(object);
	assert_int_equal(json_integer_value(json_object_get(object, "datagrams")), 123);
	assert_int_equal(json_integer_value(json_object_get(object, "sightings")), 73);
	assert_int_equal(json_integer_value(json_object_get(object, "captures")), 3);
	decisions = json_object_get(object, "decisions");
	assert_int_equal(json_integer_value(json_object_get(decisions, "OK")), 3);
	json_decref(object);
	free(run.out);
}

/* ---- switches that no configuration names ---- */

static void
accept_leaf1(const char *path)
{
	const struct store_limits presets = {.events_max = 0};
	struct store_agent agent = {.name = "leaf1", .key = {7}, .addr_count = 1};
	char error[STORE_ERROR_MAX];
	struct store *store;
	uint64_t lost;

	assert_int_equal(addr_parse("10.255.0.1", &agent.addrs[0]), 0);
	assert_int_equal(store_open(path, &presets, &store, error), 0);
	assert_int_equal(store_start(store), 0);
	store_put_agent(store, &agent);
	store_free(&store, 30 * CLK_S, &lost);
	assert_int_equal(lost, 0);
}

static unsigned
files_in(const char *path)
{
	unsigned count = 0;
	DIR *folder = opendir(path);

	assert_non_null(folder);
	for (struct dirent *e; (e = readdir(folder)) != NULL;)
		count += e->d_name[0] != '.';
	closedir(folder);
	return count;
}

static bool
errors_say(const char *what)
{
	char path[128], text[4096] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/err", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return strstr(text, what) != NULL;
}

static void
switches_that_were_accepted_are_known(void **unused)
{
	char conf[2048], state[128], path[160];
	unsigned files;
	struct run run;

	(void)unused;
	snprintf(state, sizeof state, "%s/accepted", dir);
	snprintf(path, sizeof path, "%s/controller.db", state);
	snprintf(conf, sizeof conf,
	    "locals = {10.0.0.0/8}\nstate = %s\n"
	    "feed \"plain\" { url = \"file://%s/plain.txt\" }\n"
	    "analyser \"a\" { address = 192.0.2.50 }\n"
	    "policy \"all\" { duration = 10m idle = 5m }\n",
	    state, dir);
	write_file("accepted.conf", conf);
	/* Nothing is known of any: whose sightings caused nothing is said. */
	run = replay("-c accepted.conf --check day.pcap");
	assert_int_equal(run.status, 0);
	assert_int_equal(lines_with(&run, "to", "requested"), 0);
	assert_true(errors_say("exporter 10.255.0.1: no switch is bound to it, 30 sightings"));
	free(run.out);
	assert_int_equal(mkdir(state, 0700), 0);
	accept_leaf1(path);
	files = files_in(state);
	run = replay("-c accepted.conf --check day.pcap");
	assert_int_equal(run.status, 0);
	assert_int_equal(lines_with(&run, "to", "requested"), 2);
	assert_false(errors_say("10.255.0.1:"));
	assert_true(errors_say("exporter 10.255.0.2: no switch is bound to it, 40 sightings"));
	assert_int_equal(files_in(state), files);
	free(run.out);
	/* A state that cannot be read makes another replay: it is said. */
	write_file("accepted/controller.db", "this is no database, whatever its name says");
	run = replay("-c accepted.conf --summary day.pcap");
	assert_int_equal(run.status, 1);
	assert_true(errors_say("the switches that were accepted are not known"));
	free(run.out);
}

static void
it_leaves_no_trace(void **unused)
{
	char path[128];
	struct run run = replay("-c capture.conf --summary day.pcap");

	(void)unused;
	free(run.out);
	snprintf(path, sizeof path, "%s/state", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void
what_is_wrong_is_said(void **unused)
{
	struct run run = replay("-c capture.conf none.pcap");

	(void)unused;
	assert_int_equal(run.status, 1);
	free(run.out);
	run = replay("-c none.conf day.pcap");
	assert_int_equal(run.status, 2);
	free(run.out);
	run = replay("-c capture.conf");
	assert_int_equal(run.status, 2);
	free(run.out);
	run = replay("-c capture.conf --port x day.pcap");
	assert_int_equal(run.status, 2);
	free(run.out);
	/* Another port: nothing of it is sFlow. */
	run = replay("-c capture.conf --port 9 --summary day.pcap");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "\"datagrams\":0"));
	free(run.out);
	/* A list that is missing makes another replay. */
	write_file("missing.conf", "locals = {10.0.0.0/8}\n"
				   "feed \"x\" { url = \"file:///nonexistent/list\" }\n"
				   "policy \"all\" { mode = alert }\n");
	run = replay("-c missing.conf day.pcap");
	assert_int_equal(run.status, 1);
	free(run.out);
	write_file("missing.conf", "locals = {10.0.0.0/8}\nstate = /nonexistent\n"
				   "feed \"x\" { url = \"http://127.0.0.1:9/list\" }\n"
				   "policy \"all\" { mode = alert }\n");
	run = replay("-c missing.conf day.pcap");
	assert_int_equal(run.status, 1);
	free(run.out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_decides_as_the_policy_says),
	    cmocka_unit_test(many_are_one_wherever_they_are),
	    cmocka_unit_test(twice_the_same_byte_for_byte),
	    cmocka_unit_test(other_policies_on_the_same_day),
	    cmocka_unit_test(a_summary_for_tuning),
	    cmocka_unit_test(switches_that_were_accepted_are_known),
	    cmocka_unit_test(it_leaves_no_trace),
	    cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
