/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad input end to end: each way in which a source goes wrong leaves the list before in force and
 * an event, costs a bounded amount of memory, and never holds the main thread up; a list of a
 * million least of all. And no sample is lost while tables are swapped under the receiver.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/feeds/feed_cache.h"
#include "controller/receive/receiver.h"
#include "tests/support/feeds_rig.h"
#include "tests/support/forge.h"

/* Under the sanitizers all is ten times as slow; the shape is the same. */
#ifdef __SANITIZE_ADDRESS__
#define MILLION 100000
#define SANITIZED true
#else
#define MILLION 1000000
#define SANITIZED false
#endif
#define SLOW_NS (50 * CLK_MS)

/* ---- the main thread at its work ---- */

struct calls {
	unsigned long count, slow;
	int64_t slowest_ns;
	const char *slowest;
};

/* How long this thread could have run and was not let, since it began: the machine's, not ours.
 * Always 0 where the kernel does not say. */
static int64_t
kept_waiting(void)
{
	static int fd = -2;
	long long ran, waited;
	char text[96];
	ssize_t n;

	if (fd == -2)
		fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%lld %lld", &ran, &waited) == 2 ? waited : 0;
}

/* When a call began. */
struct begin {
	struct instant at;
	int64_t waited;
};

static struct begin
call_begin(void)
{
	return (struct begin){clk_now(), kept_waiting()};
}

static void
call_done(struct calls *calls, const char *name, struct begin *start)
{
	struct instant now = clk_now();
	int64_t took = clk_diff(now, start->at) - (kept_waiting() - start->waited);

	calls->count++;
	calls->slow += took > SLOW_NS;
	if (took > calls->slowest_ns) {
		calls->slowest_ns = took;
		calls->slowest = name;
	}
	*start = call_begin();
}

/* Once round all that the engine calls; true when the event came that ends it. */
static bool
main_round(struct feeds_rig *rig, struct calls *calls, enum feeds_event_kind kind, const char *feed)
{
	struct begin start;
	struct feeds_info rows[8];
	struct feeds_match matches[16];
	char name[FEEDS_NAME_MAX];
	struct addr listed, other;
	size_t count;

	addr_parse("198.18.0.5", &listed);
	addr_parse("8.8.8.8", &other);
	start = call_begin();
	feeds_info(rig->feeds, rows, 8);
	call_done(calls, "feeds_info", &start);
	feeds_lookup(rig->feeds, &listed, 0, matches, 16, &count);
	call_done(calls, "feeds_lookup", &start);
	feeds_judge(rig->feeds, &other, 443);
	call_done(calls, "feeds_judge", &start);
	feeds_name(rig->feeds, 0, name);
	call_done(calls, "feeds_name", &start);
	feeds_refresh(rig->feeds, "nobody", false);
	call_done(calls, "feeds_refresh", &start);
	while (feeds_next_event(rig->feeds, &rig->last, NULL)) {
		call_done(calls, "feeds_next_event", &start);
		if (rig->last.kind == kind && (!feed || strcmp(rig->last.feed, feed) == 0))
			return true;
	}
	call_done(calls, "feeds_next_event", &start);
	return false;
}

static void
work_until(struct feeds_rig *rig, struct calls *calls, enum feeds_event_kind kind, const char *feed)
{
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);

	while (!main_round(rig, calls, kind, feed)) {
		if (!clk_before(clk_now(), end))
			fail_msg("no event %d of %s", kind, feed ? feed : "any feed");
		usleep(200);
	}
}

/* ---- bad input ---- */

/* Peak memory since the last call, in KiB; 0 where the kernel does not say. */
static unsigned long
peak_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	file = fopen("/proc/self/clear_refs", "w");
	if (file) {
		fputs("5", file);
		fclose(file);
	}
	return kib;
}

static void
stays_in_force(struct feeds_rig *rig, struct calls *calls, const char *name, const char *says)
{
	struct feeds_info before = feeds_rig_info(rig, name), after;

	assert_int_equal(feeds_refresh(rig->feeds, name, false), 0);
	/* An event of a failure before may still wait. */
	do
		work_until(rig, calls, FEEDS_FAILED, name);
	while (feeds_rig_info(rig, name).failures == before.failures);
	if (!strstr(rig->last.text, says))
		fail_msg("\"%s\" does not say \"%s\"", rig->last.text, says);
	after = feeds_rig_info(rig, name);
	assert_int_equal(after.failures, before.failures + 1);
	assert_int_equal(after.version, before.version);
	assert_int_equal(after.entries4, before.entries4);
	assert_string_equal(after.last_error, rig->last.text);
	assert_true(after.next_ns > 0);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.5", 0), FEEDS_LISTED);
}

static void
bad_input_leaves_the_old_list_in_force(void **state)
{
	static const struct {
		int status;
		enum web_manner manner;
		const char *body, *headers, *says;
	} cases[] = {
	    {404, WEB_PLAIN, "", "", "HTTP 404"},
	    {500, WEB_PLAIN, "198.51.100.1\n", "", "HTTP 500"},
	    {302, WEB_LOOP, "", "", "more than 5 redirects"},
	    {200, WEB_CUT, "198.51.100.1\n", "", "transfer closed"},
	    {200, WEB_ENDLESS, "198.51.100.1\n198.51.100.2\n", "", "over the limit of"},
	    {200, WEB_SLOW, "198.51.100.1\n", "", "timed out"},
	    {200, WEB_PLAIN, "\x1f\x8b\x08 cut", "", "gzip body is"},
	    {200, WEB_PLAIN, "\x1f\x8b\x08 cut", "Content-Encoding: gzip\r\n", ""},
	    {200, WEB_PLAIN, "<html>198.51.100.1\n</html>", "", "HTML"},
	    {200, WEB_PLAIN,
		"\x7f"
		"ELF\x02\x01\x01\x03\n\x80\xff",
		"", "no usable line"},
	    {200, WEB_PLAIN, "nothing here\nmoved\n", "", "line 1: nothing here"},
	};
	struct feeds_rig *rig = *state;
	struct calls calls = {0};

	feeds_rig_web(rig, "l", "/l")->max_bytes = 1 << 20;
	rig->conf[0].timeout_ns = 3 * CLK_S;
	feeds_rig_page(rig, "/l", "198.18.0.5\n", "");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.5", FEEDS_LISTED);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		web_put(rig->web, "/l", cases[i].status, cases[i].manner, cases[i].body,
		    strlen(cases[i].body), "", cases[i].headers);
		stays_in_force(rig, &calls, "l", cases[i].says);
		assert_int_equal(feeds_rig_judge(rig, "198.51.100.1", 0), FEEDS_NOT_LISTED);
	}
	/* And a good one is taken after all that. */
	feeds_rig_page(rig, "/l", "198.18.0.5\n198.18.0.6\n", "");
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await_verdict(rig, "198.18.0.6", FEEDS_LISTED);
	print_message("# %lu calls, the slowest %s, %.2f ms\n", calls.count, calls.slowest,
	    (double)calls.slowest_ns / 1e6);
}

static void
a_line_of_200_megabytes(void **state)
{
	struct feeds_rig *rig = *state;
	struct calls calls = {0};
	unsigned long before, after;
	struct instant start;
	char piece[65536];

	feeds_rig_web(rig, "l", "/l")->timeout_ns = 60 * CLK_S;
	feeds_rig_page(rig, "/l", "198.18.0.5\n", "");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.5", FEEDS_LISTED);
	memset(piece, '1', sizeof piece);
	web_put(rig->web, "/l", 200, WEB_REPEAT, piece, sizeof piece, "", "");
	peak_kib();
	before = peak_kib();
	start = clk_now();
	stays_in_force(rig, &calls, "l", "no usable line as plain; line 1 (209715200 bytes): 1111");
	after = peak_kib();
	print_message("# %.0f ms, %lu MiB at most; %lu calls, the slowest %s, %.2f ms\n",
	    (double)clk_diff(clk_now(), start) / 1e6, (after - before) >> 10, calls.count,
	    calls.slowest, (double)calls.slowest_ns / 1e6);
	/* What the sanitizers keep of freed blocks is theirs. */
	if (!SANITIZED && before > 0)
		assert_true(after - before < 300 << 10);
}

/* As left by a controller that could still reach it. */
static void
keep_copy(const struct feeds_rig *rig, const struct feed_conf *conf)
{
	static char body[] = "198.18.0.5\n";
	struct feed_copy copy = {.about = {.version = 3, .loaded_wall_ns = clk_wall_ns() - CLK_S},
	    .body = body,
	    .size = sizeof body - 1};

	snprintf(copy.about.url, sizeof copy.about.url, "%s", conf->url);
	assert_int_equal(feed_cache_prepare(rig->cache), 0);
	assert_int_equal(feed_cache_write(rig->cache, conf->name, &copy), 0);
}

static void
an_expired_certificate_and_a_name_that_is_not_known(void **state)
{
	struct feeds_rig *rig = *state;
	struct calls calls = {0};
	struct feed_conf *conf;
	uint16_t port;
	int pid = web_secure(rig->folder, true, &port);

	conf = feeds_rig_web(rig, "dns", "/");
	snprintf(conf->url, sizeof conf->url, "http://nobody.invalid/list");
	keep_copy(rig, conf);
	if (pid == 0)
		print_message("# no openssl: no certificate is tried\n");
	else {
		conf = feeds_rig_web(rig, "tls", "/");
		snprintf(conf->url, sizeof conf->url, "https://127.0.0.1:%u/list", port);
		snprintf(conf->ca_file, sizeof conf->ca_file, "%s/ca.pem", rig->folder);
		feeds_rig_put(rig, "list", "198.51.100.1\n");
		keep_copy(rig, conf);
	}
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.5", FEEDS_LISTED);
	for (size_t i = 0; i < rig->count; i++) {
		bool tls = strcmp(rig->conf[i].name, "tls") == 0;
		struct feeds_info info;

		while ((info = feeds_rig_info(rig, rig->conf[i].name)).failures == 0)
			main_round(rig, &calls, FEEDS_FAILED, NULL);
		assert_int_equal(info.version, 3);
		stays_in_force(
		    rig, &calls, rig->conf[i].name, tls ? "certificate has expired" : "");
		if (!tls && !strstr(rig->last.text, "resolve") &&
		    !strstr(rig->last.text, "timed out"))
			fail_msg("\"%s\"", rig->last.text);
	}
	if (pid > 0)
		web_secure_end(pid);
}

/* ---- a million ---- */

static char *
random_hosts(size_t count, uint64_t seed, size_t *ret_size)
{
	char *text = malloc(count * 16 + 32), *p = text;

	assert_non_null(text);
	for (size_t i = 0; i < count; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		uint32_t a = (uint32_t)(seed >> 32);

		/* Outside of what never matches. */
		p += sprintf(p, "%u.%u.%u.%u\n", 11 + a % 90, a >> 8 & 255, a >> 16 & 255, a >> 24);
	}
	p += sprintf(p, "198.18.0.5\n");
	*ret_size = (size_t)(p - text);
	return text;
}

static void
a_million_is_built_beside_the_main_thread(void **state)
{
	struct feeds_rig *rig = *state;
	struct calls calls = {0};
	bool quick = false;
	size_t size;

	feeds_rig_file(rig, "l", "l");
	feeds_rig_put(rig, "l", "198.18.0.5\n");
	rig->conf[0].may_jump = true;
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	feeds_rig_await_verdict(rig, "198.18.0.5", FEEDS_LISTED);
	/* Others are at work on this machine, too: what blocks, blocks each time. */
	for (unsigned round = 0; round < 4 && !quick; round++) {
		char *text = random_hosts(MILLION, round, &size);
		struct instant start;

		feeds_rig_write(rig, "new", text, size);
		free(text);
		char from[160], to[160];
		snprintf(from, sizeof from, "%s/new", rig->folder);
		snprintf(to, sizeof to, "%s/l", rig->folder);
		calls = (struct calls){0};
		start = clk_now();
		assert_int_equal(rename(from, to), 0);
		work_until(rig, &calls, FEEDS_LOADED, "l");
		assert_true(rig->last.entries4 > MILLION * 9 / 10);
		work_until(rig, &calls, FEEDS_PUBLISHED, NULL);
		print_message("# %zu entries from file to force in %.0f ms (table %u ms); %lu "
			      "calls meanwhile, %lu over 50 ms, the slowest %s, %.2f ms\n",
		    rig->last.entries4, (double)clk_diff(clk_now(), start) / 1e6,
		    rig->last.build_ms, calls.count, calls.slow, calls.slowest,
		    (double)calls.slowest_ns / 1e6);
		quick = calls.slow == 0;
	}
	assert_true(calls.count > 100);
	assert_true(quick);
	/* Dropping it is no main thread's work either. */
	calls = (struct calls){0};
	rig->count = 0;
	struct begin start = call_begin();
	feeds_rig_reload(rig);
	call_done(&calls, "feeds_reload", &start);
	work_until(rig, &calls, FEEDS_PUBLISHED, NULL);
	feeds_rig_await_verdict(rig, "198.18.0.5", FEEDS_NOT_LISTED);
	print_message("# dropped: %lu calls, the slowest %s, %.2f ms\n", calls.count, calls.slowest,
	    (double)calls.slowest_ns / 1e6);
}

/* ---- versions that flip ---- */

struct flipper {
	struct feeds_rig *rig;
	char *texts[2];
	size_t sizes[2];
	atomic_bool stop;
	atomic_uint rounds, paused;
};

/* A writer that the machine stopped midway leaves a file that nobody can tell from a whole one. */
#define PAUSE_NS (18 * CLK_MS)

/* Writes one version over the other in place, as no careful writer does. */
static void *
flip(void *context)
{
	struct flipper *f = context;

	for (unsigned i = 0; !atomic_load(&f->stop); i++) {
		unsigned which = i % 2;
		struct instant start = clk_now();
		char path[160];
		ssize_t n;
		int fd;

		snprintf(path, sizeof path, "%s/f", f->rig->folder);
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		if (fd < 0)
			break;
		n = write(fd, f->texts[which], f->sizes[which]);
		close(fd);
		if (n != (ssize_t)f->sizes[which] || clk_diff(clk_now(), start) > PAUSE_NS)
			atomic_fetch_add(&f->paused, 1);
		atomic_fetch_add(&f->rounds, 1);
		usleep(i % 5 == 0 ? 150000 : 3000 + i % 7 * 4000);
	}
	return NULL;
}

/* All of one version, or all of the other: 12.0.0.x is in both, 11.x in one, 13.x in the other. */
static void
a_list_that_flips_mid_read_is_one_version_or_the_other(void **state)
{
	struct feeds_rig *rig = *state;
	struct flipper f = {.rig = rig};
	size_t entries = SANITIZED ? 20000 : 100000;
	struct instant end;
	uint32_t version = 0, versions = 0, broken = 0;
	pthread_t thread;

	for (unsigned which = 0; which < 2; which++) {
		char *p = f.texts[which] = malloc(entries * 16);

		assert_non_null(p);
		for (size_t i = 0; i < entries; i++)
			p += sprintf(
			    p, "%u.%zu.%zu.%zu\n", which ? 13 : 11, i >> 16, i >> 8 & 255, i & 255);
		f.sizes[which] = (size_t)(p - f.texts[which]);
	}
	feeds_rig_file(rig, "f", "f");
	feeds_rig_write(rig, "f", f.texts[0], f.sizes[0]);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "11.0.0.0", FEEDS_LISTED);
	assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);
	end = clk_add(clk_now(), 20 * CLK_S);
	while (versions < 6 && clk_before(clk_now(), end)) {
		struct feeds_event event;

		while (feeds_next_event(rig->feeds, &event, NULL)) {
			if (event.kind != FEEDS_LOADED || event.version == version)
				continue;
			/* Never half a list, never a mixture. */
			if (event.entries4 != entries ||
			    (event.added != 0 && event.added != entries))
				broken++;
			version = event.version;
			versions++;
		}
		usleep(1000);
	}
	atomic_store(&f.stop, true);
	pthread_join(thread, NULL);
	free(f.texts[0]);
	free(f.texts[1]);
	print_message("# %u versions, %u not of one piece, by a writer stopped %u times\n",
	    versions, broken, atomic_load(&f.paused));
	assert_true(versions >= 2);
	/* A broken version makes its successor look so, too. */
	assert_true(broken <= 2 * atomic_load(&f.paused));
}

/* ---- no sample is lost over a swap ---- */

#define DATAGRAMS 3000U /* at the least */
#define SWAPS 30U

struct swapper {
	struct slot *slot;
	atomic_bool stop;
	atomic_uint swaps;
};

static struct table *
one_more(unsigned version)
{
	struct table_entry entries[300];
	struct table *table;

	memset(entries, 0, sizeof entries);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t addr = htonl(0xc6336400 + (i + version) % 512);

		entries[i].prefix.addr = addr_from_v4(&addr);
		entries[i].prefix.len = 32;
		entries[i].line = version;
	}
	/* This one is in every version. */
	assert_int_equal(prefix_parse("203.0.113.9", &entries[0].prefix, NULL), 0);
	assert_int_equal(table_new(entries, 300, &table), 0);
	return table;
}

static void *
swap(void *context)
{
	struct swapper *s = context;

	for (unsigned v = 2; !atomic_load(&s->stop); v++) {
		if (slot_publish(s->slot, one_more(v), NULL) < 0)
			break;
		atomic_fetch_add(&s->swaps, 1);
	}
	return NULL;
}

struct seen {
	unsigned count, wrong;
};

static void
take(void *user, const struct sighting *s)
{
	struct seen *seen = user;

	seen->count++;
	/* By one version: its number and the line that it listed the host in. */
	if (s->entry_count != 1 || s->entries[0].line != s->feed_version)
		seen->wrong++;
}

static void
no_sample_is_lost_over_a_swap(void **state)
{
	static struct forge packet, datagram;
	struct receiver_listen listen = {.port = 0};
	struct receiver_conf conf = {
	    .listens = &listen, .listen_count = 1, .threads = 2, .socket_buffer = 1 << 22};
	struct table_entry local = {.prefix = {.addr = {.family = 4, .bytes = {10}}, .len = 8}};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);
	char error[RECEIVER_ERROR_MAX];
	struct swapper swapper = {.swaps = 0};
	struct receiver *receiver;
	struct table *locals;
	struct seen seen = {0};
	unsigned sent = 0;
	pthread_t thread;
	int fd;

	(void)state;
	assert_int_equal(table_new(&local, 1, &locals), 0);
	assert_int_equal(slot_new(&swapper.slot), 0);
	assert_int_equal(slot_publish(swapper.slot, one_more(1), locals), 0);
	assert_int_equal(addr_parse("127.0.0.1", &listen.addr), 0);
	if (receiver_new(&conf, swapper.slot, error, &receiver) < 0)
		fail_msg("%s", error);
	assert_int_equal(receiver_start(receiver), 0);
	to.sin_port = htons(receiver_port(receiver, 0));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, "10.1.0.2", "203.0.113.9", 6);
	forge_tcp(&packet, 40000, 443, 2);
	assert_int_equal(pthread_create(&thread, NULL, swap, &swapper), 0);
	for (unsigned i = 1; i <= DATAGRAMS || atomic_load(&swapper.swaps) < SWAPS; i++) {
		datagram.length = 0;
		forge_datagram(&datagram, "192.0.2.250", i, i, 1);
		forge_sample(&datagram, i, &packet);
		assert_int_equal(send(fd, datagram.bytes, datagram.length, 0), datagram.length);
		sent = i;
		/* Never more under way than the smallest socket buffer holds. */
		while (i - seen.count > 100 && clk_before(clk_now(), end)) {
			receiver_drain(receiver, take, &seen, 1000);
			usleep(100);
		}
	}
	while (seen.count < sent && clk_before(clk_now(), end)) {
		receiver_drain(receiver, take, &seen, 1000);
		usleep(100);
	}
	atomic_store(&swapper.stop, true);
	pthread_join(thread, NULL);
	print_message("# %u samples over %u swaps\n", seen.count, atomic_load(&swapper.swaps));
	assert_int_equal(seen.count, sent);
	assert_int_equal(seen.wrong, 0);
	close(fd);
	receiver_free(&receiver);
	slot_free(&swapper.slot);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, feeds_rig_setup, feeds_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(bad_input_leaves_the_old_list_in_force),
	    WITH(a_line_of_200_megabytes),
	    WITH(an_expired_certificate_and_a_name_that_is_not_known),
	    WITH(a_million_is_built_beside_the_main_thread),
	    WITH(a_list_that_flips_mid_read_is_one_version_or_the_other),
	    cmocka_unit_test(no_sample_is_lost_over_a_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
