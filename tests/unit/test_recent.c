/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking back: what is remembered, what is forgotten, what outlives the process. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/receive/recent_part.h"

static char path[64];

static int
make_path(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof path, "/tmp/test-recent-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return unlink(path);
}

static int
remove_path(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static struct recent *
open_recent(const char *file, size_t size, unsigned threads)
{
	struct recent_conf conf = {.path = file, .size = size, .threads = threads};
	char error[RECENT_ERROR_MAX];
	struct recent *recent = NULL;

	assert_int_equal(recent_open(&conf, &recent, error), 0);
	assert_string_equal(error, "");
	return recent;
}

static void
sample(struct recent_table *table, uint8_t family, const uint8_t *local, const uint8_t *remote,
    unsigned port, uint64_t flags)
{
	size_t size = family == 4 ? 4 : 16;
	bool out = (flags & RECENT_OUTBOUND) != 0;
	uint8_t addresses[32];

	memcpy(addresses + (out ? 0 : size), local, size);
	memcpy(addresses + (out ? size : 0), remote, size);
	recent_note(table, addresses,
	    ((flags & RECENT_UNLISTED) != 0 ? RECENT_IS_UNLISTED : 0) |
		(out ? RECENT_IS_OUTBOUND : RECENT_IS_INBOUND) | (family == 4 ? 0 : RECENT_IS_V6),
	    (uint16_t)port);
	recent_settle(table);
}

static void
touch(struct recent *recent, unsigned thread, const char *local, const char *remote, unsigned port,
    uint64_t flags, struct instant now)
{
	struct recent_table *table = recent_table(recent, thread);
	struct addr l, r;

	assert_int_equal(addr_parse(local, &l), 0);
	assert_int_equal(addr_parse(remote, &r), 0);
	recent_now(table, now);
	sample(table, l.family, l.bytes, r.bytes, port, flags);
}

/* The n-th local host with the n-th remote one. */
static void
touch_number(struct recent_table *table, uint32_t n, uint8_t family)
{
	uint8_t local[16] = {0x20, 1}, remote[16] = {0x20, 2};
	uint32_t other = ~n * 2654435761u;

	memcpy(local + (family == 4 ? 0 : 4), &n, 4);
	memcpy(remote + (family == 4 ? 0 : 4), &other, 4);
	memcpy(remote + 12, &n, 4);
	sample(table, family, local, remote, 443, RECENT_OUTBOUND);
}

static bool
is_pair(const struct recent_row *row)
{
	unsigned at = row->local.family == 4 ? 0 : 4;
	uint32_t n, other, again;

	memcpy(&n, row->local.bytes + at, 4);
	memcpy(&other, row->remote.bytes + at, 4);
	memcpy(&again, row->remote.bytes + 12, 4);
	return other == ~n * 2654435761u && (row->local.family == 4 || again == n);
}

struct walked {
	unsigned count, told, odd;
	bool tell;
	struct recent_row row[8];
};

static bool
take(void *user, const struct recent_row *row)
{
	struct walked *walked = user;

	if (walked->count < 8)
		walked->row[walked->count] = *row;
	walked->count++;
	walked->told += row->told;
	walked->odd += !is_pair(row);
	return walked->tell;
}

static struct walked
walk(struct recent *recent, struct instant now, bool tell)
{
	struct walked walked = {.tell = tell};
	uint64_t cursor = 0;

	while (recent_walk(recent, &cursor, 1000, now, take, &walked))
		;
	return walked;
}

static void
a_conversation_is_remembered(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 1);
	struct instant now = clk_now(), then = clk_add(now, 90 * RECENT_MINUTE);
	struct walked walked;

	(void)state;
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND | RECENT_UNLISTED, now);
	walked = walk(recent, now, false);
	assert_int_equal(walked.count, 1);
	const struct recent_row *row = &walked.row[0];
	struct addr local, remote;
	addr_parse("10.1.0.2", &local);
	addr_parse("198.51.100.9", &remote);
	assert_memory_equal(&row->local, &local, sizeof local);
	assert_memory_equal(&row->remote, &remote, sizeof remote);
	assert_int_equal(row->remote_port, 443);
	assert_int_equal(row->samples, 1);
	assert_true(row->outbound && row->unlisted);
	assert_false(row->inbound || row->told || row->several_ports);
	assert_in_range(clk_diff(now, row->last), 0, RECENT_MINUTE - 1);
	/* It goes on, from the other side, later, on another port, then without one. */
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 8443, RECENT_INBOUND, then);
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 0, RECENT_INBOUND, then);
	walked = walk(recent, then, false);
	assert_int_equal(walked.count, 1);
	assert_int_equal(row->samples, 3);
	assert_int_equal(row->remote_port, 8443);
	assert_true(row->outbound && row->inbound && row->unlisted && row->several_ports);
	assert_in_range(clk_diff(then, row->last), 0, RECENT_MINUTE - 1);
	assert_int_equal(clk_diff(row->last, row->first), 90 * RECENT_MINUTE);
	/* Other conversations are others. */
	touch(recent, 0, "10.1.0.3", "198.51.100.9", 443, RECENT_OUTBOUND, then);
	touch(recent, 0, "10.1.0.2", "198.51.100.8", 443, RECENT_OUTBOUND, then);
	touch(recent, 0, "2001:db8::2", "2001:db8:bad::9", 443, RECENT_OUTBOUND, then);
	touch(recent, 0, "2001:db8::2", "2001:db8:bad::9", 443, RECENT_OUTBOUND, then);
	touch(recent, 0, "2001:db8::3", "2001:db8:bad::9", 443, RECENT_OUTBOUND, then);
	assert_int_equal(walk(recent, then, false).count, 5);
	recent_free(&recent);
}

static void
counts_stop_at_their_ends(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 1);
	struct instant now = clk_now();
	struct walked walked;

	(void)state;
	for (unsigned i = 0; i < 2 * RECENT_SAMPLES_MAX; i++)
		touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND, now);
	walked = walk(recent, now, false);
	assert_int_equal(walked.row[0].samples, RECENT_SAMPLES_MAX);
	assert_false(walked.row[0].inbound || walked.row[0].several_ports);
	/* A span over what its bits hold, and a clock that seems to stand before. */
	now = clk_add(now, 5000 * RECENT_MINUTE);
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND, now);
	walked = walk(recent, now, false);
	assert_int_equal(walked.count, 1);
	assert_int_equal(
	    clk_diff(walked.row[0].last, walked.row[0].first), RECENT_SPAN_MAX * RECENT_MINUTE);
	/* Minutes have an end as well: it stays there. */
	now = clk_add(now, (int64_t)RECENT_LAST_MAX * RECENT_MINUTE);
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND, now);
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND,
	    clk_add(now, 100 * RECENT_MINUTE));
	assert_int_equal(walk(recent, now, false).count, 1);
	recent_free(&recent);
}

static void
only_the_window_is_told(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 1);
	struct instant now = clk_now();
	struct recent_cover cover;

	(void)state;
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND, now);
	assert_int_equal(walk(recent, clk_add(now, 1439 * RECENT_MINUTE), false).count, 1);
	assert_int_equal(walk(recent, clk_add(now, 1442 * RECENT_MINUTE), false).count, 0);
	recent_cover(recent, clk_add(now, 10 * RECENT_MINUTE), &cover);
	assert_in_range(clk_diff(now, cover.from), 0, RECENT_MINUTE);
	assert_int_equal(cover.complete.ns, cover.from.ns);
	assert_int_equal(cover.gap_count + cover.lost, 0);
	recent_cover(recent, clk_add(now, 2000 * RECENT_MINUTE), &cover);
	assert_in_range(clk_diff(cover.from, now), 559 * RECENT_MINUTE, 560 * RECENT_MINUTE);
	recent_free(&recent);
}

static void
what_was_told_is_marked(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 1);
	struct instant now = clk_now();

	(void)state;
	touch(recent, 0, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND, now);
	touch(recent, 0, "2001:db8::2", "2001:db8:bad::9", 443, RECENT_OUTBOUND, now);
	assert_int_equal(walk(recent, now, true).told, 0);
	assert_int_equal(walk(recent, now, false).told, 2);
	assert_int_equal(walk(recent, now, true).told, 0);
	/* Another one at its place has not been told. */
	for (unsigned minute = 0; minute < 2; minute++) {
		recent_now(recent_table(recent, 0), clk_add(now, minute * RECENT_MINUTE));
		for (uint32_t i = 0; i < 40000; i++)
			touch_number(
			    recent_table(recent, 0), minute * 40000 + i, i % 2 != 0 ? 4 : 6);
		if (minute == 0)
			(void)walk(recent, now, true);
	}
	now = clk_add(now, RECENT_MINUTE);
	assert_in_range(walk(recent, now, false).told, 0, 4);
	recent_free(&recent);
}

static void
the_size_fits_with_few_lost(void **state)
{
	const uint32_t size = 32768;
	struct recent *recent = open_recent(NULL, size, 1);
	struct recent_table *table = recent_table(recent, 0);
	struct instant now = clk_now();
	struct recent_cover cover;
	struct walked walked;

	(void)state;
	for (uint32_t i = 0; i < size; i++)
		touch_number(table, i, 4);
	recent_cover(recent, now, &cover);
	assert_in_range(cover.lost, 0, size / 22);
	for (uint32_t i = 0; i < size / 4; i++)
		touch_number(table, i, 6);
	walked = walk(recent, now, false);
	recent_cover(recent, now, &cover);
	assert_in_range(cover.lost, 1, size / 22 + size / 4 / 25);
	/* Nothing is lost that is not counted. */
	assert_int_equal(walked.count + cover.lost, size + size / 4);
	assert_int_equal(walked.odd, 0);
	assert_in_range(recent_bytes(recent), 1, size * 140);
	recent_free(&recent);
}

static void
the_longest_silent_makes_room(void **state)
{
	const uint32_t many = 40000;
	struct recent *recent = open_recent(NULL, 1000, 1);
	struct recent_table *table = recent_table(recent, 0);
	struct instant now = clk_now();
	struct recent_cover cover;
	struct walked walked;

	(void)state;
	for (unsigned minute = 0; minute < 4; minute++) {
		recent_now(table, clk_add(now, minute * RECENT_MINUTE));
		for (uint32_t i = 0; i < many; i++)
			touch_number(table, minute * many + i, i % 2 != 0 ? 4 : 6);
	}
	now = clk_add(now, 3 * RECENT_MINUTE);
	walked = walk(recent, now, false);
	assert_int_equal(walked.count, recent_places(recent));
	for (unsigned i = 0; i < 8; i++)
		assert_in_range(clk_diff(now, walked.row[i].last), 0, RECENT_MINUTE);
	recent_cover(recent, now, &cover);
	assert_int_equal(cover.lost, 4 * many - walked.count);
	/* Some of this very minute were lost already: nothing before is whole. */
	assert_in_range(clk_diff(cover.complete, now), 1, RECENT_MINUTE);
	/* Later that is out of the window, and forgetting the old is no loss. */
	now = clk_add(now, 30 * 60 * RECENT_MINUTE);
	recent_now(table, now);
	for (uint32_t i = 0; i < 100; i++)
		touch_number(table, 1000000 + i, 4);
	recent_cover(recent, now, &cover);
	assert_int_equal(cover.lost, 0);
	assert_int_equal(cover.complete.ns, cover.from.ns);
	recent_free(&recent);
}

/* Of one minute, those with more samples stay: a scan pushes out itself. */
static void
a_scan_pushes_out_itself(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 1);
	struct recent_table *table = recent_table(recent, 0);
	struct instant now = clk_now();
	unsigned kept = 0;

	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		touch_number(table, i % 100, i % 100 < 50 ? 4 : 6);
	for (uint32_t i = 1000; i < 50000; i++)
		touch_number(table, i, i % 2 != 0 ? 4 : 6);
	recent_now(table, now);
	for (uint32_t i = 0; i < 100; i++)
		touch_number(table, i, i < 50 ? 4 : 6);
	struct walked walked = {0};
	uint64_t cursor = 0;
	while (recent_walk(recent, &cursor, 4, now, take, &walked)) {
		for (unsigned i = 0; i < walked.count && i < 8; i++)
			kept += walked.row[i].samples == 3;
		walked.count = 0;
	}
	assert_in_range(kept, 95, 100);
	recent_free(&recent);
}

static void
threads_are_told_as_one(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 3);
	struct instant now = clk_now(), then = clk_add(now, 5 * RECENT_MINUTE);
	struct walked walked;

	(void)state;
	touch(recent, 1, "10.1.0.2", "198.51.100.9", 443, RECENT_OUTBOUND, now);
	touch(recent, 2, "10.1.0.2", "198.51.100.9", 80, RECENT_INBOUND | RECENT_UNLISTED, then);
	touch(recent, 2, "2001:db8::2", "2001:db8:bad::9", 443, RECENT_OUTBOUND, then);
	touch(recent, 0, "2001:db8::2", "2001:db8:bad::9", 443, RECENT_OUTBOUND, now);
	walked = walk(recent, then, true);
	assert_int_equal(walked.count, 2);
	/* Thread 0's come first: the IPv6 one. */
	for (unsigned i = 0; i < 2; i++) {
		const struct recent_row *row = &walked.row[i];

		assert_int_equal(row->samples, 2);
		assert_int_equal(clk_diff(row->last, row->first), 5 * RECENT_MINUTE);
		assert_int_equal(row->local.family, i == 0 ? 6 : 4);
	}
	assert_true(walked.row[1].several_ports && walked.row[1].unlisted);
	assert_int_equal(walked.row[1].remote_port, 80);
	assert_int_equal(walk(recent, then, true).told, 2);
	recent_free(&recent);
}

static void
slices_walk_all(void **state)
{
	struct recent *recent = open_recent(NULL, 1000, 2);
	struct walked walked = {0};
	uint64_t cursor = 0;
	unsigned slices = 1;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		touch_number(recent_table(recent, i % 2), i, i % 3 == 0 ? 6 : 4);
	while (recent_walk(recent, &cursor, 64, clk_now(), take, &walked))
		slices++;
	assert_int_equal(walked.count, 100);
	assert_in_range(slices, recent_places(recent) / 80, recent_places(recent) / 64 + 1);
	assert_false(recent_walk(recent, &cursor, 64, clk_now(), take, &walked));
	recent_free(&recent);
}

static void
kill_9_forgets_nothing(void **state)
{
	int fds[2], status;
	char byte;
	struct recent *recent;
	struct recent_cover cover;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		recent = open_recent(path, 4096, 2);
		for (uint32_t i = 0; i < 100; i++)
			touch_number(recent_table(recent, 0), i, 4);
		for (uint32_t i = 0; i < 50; i++)
			touch_number(recent_table(recent, 1), i, 6);
		(void)walk(recent, clk_now(), true);
		(void)!write(fds[1], "x", 1);
		for (uint32_t i = 0;; i++) /* in the middle of it */
			touch_number(recent_table(recent, 0), i % 100, 4);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	close(fds[0]);
	close(fds[1]);
	recent = open_recent(path, 4096, 2);
	assert_true(recent_resumed(recent));
	struct walked walked = walk(recent, clk_now(), false);
	assert_int_equal(walked.count, 150);
	assert_int_equal(walked.told, 150);
	assert_int_equal(walked.odd, 0);
	recent_cover(recent, clk_now(), &cover);
	assert_int_equal(cover.gap_count, 0); /* within the same minute or the next */
	recent_free(&recent);
}

/* Changes 8 bytes of the file. */
static void
poke(off_t at, uint64_t value)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, &value, sizeof value, at), sizeof value);
	close(fd);
}

static uint64_t
peek(off_t at)
{
	uint64_t value;
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, &value, sizeof value, at), sizeof value);
	close(fd);
	return value;
}

static void
what_does_not_fit_is_begun_anew(void **state)
{
	/* Magic, version and byte order, threads and bits, a seed, the boot, the checksum. */
	static const off_t places[] = {0, 8, 16, 40, 64, 96};
	struct recent *recent;

	(void)state;
	for (unsigned i = 0; i < sizeof places / sizeof places[0] + 3; i++) {
		recent = open_recent(path, 4096, 2);
		touch_number(recent_table(recent, 0), 1, 4);
		recent_free(&recent);
		recent = open_recent(path, 4096, 2);
		assert_true(recent_resumed(recent));
		assert_int_equal(walk(recent, clk_now(), false).count, 1);
		recent_free(&recent);
		if (i < sizeof places / sizeof places[0])
			poke(places[i], peek(places[i]) ^ 0x100);
		else if (i == sizeof places / sizeof places[0])
			assert_int_equal(truncate(path, 5000), 0);
		recent = open_recent(path, i == 7 ? 65536 : 4096, i == 8 ? 3 : 2);
		assert_false(recent_resumed(recent));
		assert_int_equal(walk(recent, clk_now(), false).count, 0);
		recent_free(&recent);
		assert_int_equal(unlink(path), 0);
	}
}

static void
junk_in_the_tables_harms_nobody(void **state)
{
	struct recent *recent = open_recent(path, 4096, 1);
	size_t bytes = recent_bytes(recent);
	struct walked walked;

	(void)state;
	recent_free(&recent);
	srand(7);
	for (off_t at = 4096; at < (off_t)bytes; at += 8)
		poke(at, (uint64_t)rand() << 40 ^ (uint64_t)rand() << 20 ^ (uint64_t)rand());
	recent = open_recent(path, 4096, 1);
	assert_true(recent_resumed(recent));
	walked = walk(recent, clk_now(), false);
	/* Minutes to come are no minutes: all but 2 of 2^20. */
	assert_in_range(walked.count, 0, 10);
	for (uint32_t i = 0; i < 1000; i++)
		touch_number(recent_table(recent, 0), i, i % 2 != 0 ? 4 : 6);
	recent_free(&recent);
}

/* A recording of another boot goes on by the wall clock; the time since is a gap. */
static void
gaps_are_told(void **state)
{
	struct recent *recent = open_recent(path, 4096, 1);
	struct instant now = clk_now();
	struct recent_cover cover;
	uint64_t *header;
	int fd;

	(void)state;
	touch_number(recent_table(recent, 0), 1, 4);
	recent_free(&recent);
	/* As if all of it had been 3 hours ago: minute 0 by both clocks. */
	fd = open(path, O_RDWR);
	header = malloc(4096);
	assert_int_equal(pread(fd, header, 4096, 0), 4096);
	header[10] -= 180 * (uint64_t)RECENT_MINUTE;
	header[11] -= 180 * (uint64_t)RECENT_MINUTE;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (unsigned i = 0; i < 96; i++)
		sum = (sum ^ ((uint8_t *)header)[i]) * UINT64_C(0x100000001b3);
	header[12] = sum;
	assert_int_equal(pwrite(fd, header, 4096, 0), 4096);
	close(fd);
	free(header);
	recent = open_recent(path, 4096, 1);
	assert_true(recent_resumed(recent));
	recent_cover(recent, now, &cover);
	assert_int_equal(cover.gap_count, 1);
	assert_in_range(clk_diff(cover.gaps[0].to, cover.gaps[0].from), 178 * RECENT_MINUTE,
	    181 * RECENT_MINUTE);
	assert_int_equal(walk(recent, now, false).count, 1);
	/* Out of the window it is of no interest any more. */
	recent_cover(recent, clk_add(now, 1500 * RECENT_MINUTE), &cover);
	assert_int_equal(cover.gap_count, 0);
	recent_free(&recent);
}

static void
no_file_is_memory(void **state)
{
	struct recent_conf conf = {.path = "/nowhere/recent", .size = 1000, .threads = 1};
	struct recent *recent = NULL, *second = NULL;
	char error[RECENT_ERROR_MAX];

	(void)state;
	assert_int_equal(recent_open(&conf, &recent, error), 0);
	assert_non_null(strstr(error, "/nowhere/recent"));
	touch_number(recent_table(recent, 0), 1, 4);
	assert_int_equal(walk(recent, clk_now(), false).count, 1);
	recent_free(&recent);
	/* One file, one user. */
	recent = open_recent(path, 1000, 1);
	conf.path = path;
	assert_int_equal(recent_open(&conf, &second, error), 0);
	assert_non_null(strstr(error, "memory alone"));
	recent_free(&second);
	recent_free(&recent);
	conf.size = (size_t)RECENT_SIZE_MAX + 1;
	assert_int_equal(recent_open(&conf, &recent, error), -EINVAL);
}

/* A writer in a hurry, with far more conversations than there is room for: whatever a walk gives
 * is a pair that was once written, never half of one and half of another. */

struct hurry {
	struct recent_table *table;
	_Atomic bool stop;
	uint64_t touched;
};

static void *
write_in_a_hurry(void *user)
{
	struct hurry *hurry = user;
	uint32_t n = 0;

	while (!atomic_load_explicit(&hurry->stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < 1000; i++, n++)
			touch_number(hurry->table, n, n % 2 != 0 ? 4 : 6);
		hurry->touched += 1000;
	}
	return NULL;
}

static void
a_reader_beside_the_writers(void **state)
{
	struct recent *recent = open_recent(NULL, 64, 2);
	struct hurry hurries[2] = {
	    {.table = recent_table(recent, 0)}, {.table = recent_table(recent, 1)}};
	struct instant begun = clk_now();
	pthread_t threads[2];
	unsigned count = 0, walks = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, write_in_a_hurry, &hurries[i]), 0);
	while (clk_diff(clk_now(), begun) < CLK_S || count < 10000) {
		struct walked walked = walk(recent, clk_now(), true);

		if (walked.odd != 0)
			fail_msg("%u of %u pairs were never written", walked.odd, walked.count);
		count += walked.count;
		walks++;
	}
	for (unsigned i = 0; i < 2; i++)
		atomic_store(&hurries[i].stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	print_message("%u walks saw %u conversations of %lu\n", walks, count,
	    (unsigned long)(hurries[0].touched + hurries[1].touched));
	recent_free(&recent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_conversation_is_remembered),
	    cmocka_unit_test(counts_stop_at_their_ends),
	    cmocka_unit_test(only_the_window_is_told),
	    cmocka_unit_test(what_was_told_is_marked),
	    cmocka_unit_test(the_size_fits_with_few_lost),
	    cmocka_unit_test(the_longest_silent_makes_room),
	    cmocka_unit_test(a_scan_pushes_out_itself),
	    cmocka_unit_test(threads_are_told_as_one),
	    cmocka_unit_test(slices_walk_all),
	    cmocka_unit_test_setup_teardown(kill_9_forgets_nothing, make_path, remove_path),
	    cmocka_unit_test_setup_teardown(
		what_does_not_fit_is_begun_anew, make_path, remove_path),
	    cmocka_unit_test_setup_teardown(
		junk_in_the_tables_harms_nobody, make_path, remove_path),
	    cmocka_unit_test_setup_teardown(gaps_are_told, make_path, remove_path),
	    cmocka_unit_test_setup_teardown(no_file_is_memory, make_path, remove_path),
	    cmocka_unit_test(a_reader_beside_the_writers),
	};

	return cmocka_run_group_tests_name("recent", tests, NULL, NULL);
}
