/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store over real files: what goes in comes out, whatever happens to process and disk. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "controller/store/store.h"

#define LONG (60 * CLK_S)

static char dir[64], path[96];

/* Everything that store_load hands out. */
struct kept {
	unsigned captures, cooldowns, flags, agents, events, sightings;
	struct decide_capture capture[8];
	char names[8][DECIDE_HOLDERS_MAX][POLICY_NAME_MAX];
	struct store_cooldown cooldown;
	struct store_flag flag[4];
	struct store_agent agent;
	char first_event[200], last_event[200];
	struct store_sighting sighting;
	uint64_t last_id;
};

static void
take_capture(void *user, struct decide_capture *capture, const char (*names)[POLICY_NAME_MAX])
{
	struct kept *kept = user;

	if (kept->captures < 8) {
		kept->capture[kept->captures] = *capture;
		memcpy(kept->names[kept->captures], names, sizeof kept->names[0]);
	}
	assert_true(capture->id > kept->last_id);
	kept->last_id = capture->id;
	kept->captures++;
}

static void
take_cooldown(void *user, const struct store_cooldown *cooldown)
{
	struct kept *kept = user;

	kept->cooldown = *cooldown;
	kept->cooldowns++;
}

static void
take_flag(void *user, const struct store_flag *flag)
{
	struct kept *kept = user;

	kept->flag[kept->flags++ % 4] = *flag;
}

static void
take_agent(void *user, const struct store_agent *agent)
{
	struct kept *kept = user;

	kept->agent = *agent;
	kept->agents++;
}

static void
take_event(void *user, const char *json)
{
	struct kept *kept = user;

	if (kept->events++ == 0)
		snprintf(kept->first_event, sizeof kept->first_event, "%s", json);
	snprintf(kept->last_event, sizeof kept->last_event, "%s", json);
}

static void
take_sighting(void *user, const struct store_sighting *sighting)
{
	struct kept *kept = user;

	kept->sighting = *sighting;
	kept->sightings++;
}

static const struct store_reader reader = {.events = 100000,
    .history = 1000,
    .capture = take_capture,
    .cooldown = take_cooldown,
    .flag = take_flag,
    .agent = take_agent,
    .event = take_event,
    .sighting = take_sighting};

static const char *
switch_name(void *user, unsigned id)
{
	static const char *const names[] = {"leaf01", "leaf02", "spine01"};

	(void)user;
	return names[id];
}

static struct store *
open_store(const struct store_limits *limits, struct kept *kept)
{
	static const struct store_limits presets;
	char error[STORE_ERROR_MAX];
	struct store *store = NULL;
	int r = store_open(path, limits != NULL ? limits : &presets, &store, error);

	if (r < 0)
		fail_msg("%d: %s", r, error);
	if (kept != NULL) {
		memset(kept, 0, sizeof *kept);
		store_load(store, &reader, kept);
	}
	return store;
}

static struct store *
start_store(const struct store_limits *limits, struct kept *kept)
{
	struct store *store = open_store(limits, kept);

	assert_int_equal(store_start(store), 0);
	return store;
}

static void
free_store(struct store **store)
{
	uint64_t lost;

	store_free(store, LONG, &lost);
	assert_int_equal(lost, 0);
}

static struct addr
addr(const char *text)
{
	struct addr result;

	assert_int_equal(addr_parse(text, &result), 0);
	return result;
}

static void
fill_sighting(struct sighting *s, struct instant now)
{
	s->when = now;
	s->exporter = addr("10.255.0.1");
	s->from = addr("192.0.2.1");
	s->sub_agent = 7;
	s->sampling_rate = 10000;
	s->frame_length = 1518;
	s->input = 3;
	s->local = addr("10.1.0.2");
	s->remote = addr("198.51.100.9");
	s->local_port = 51234;
	s->remote_port = 443;
	s->proto = 6;
	s->tcp_flags = 0x18;
	s->has_ports = s->outbound = true;
	s->vlan = 20;
	s->vni = 5001;
	s->merged = 4;
	s->merged_bytes = 60000000;
	s->icmp_code = 3;
	s->feed_version = 12;
	s->entry_count = 1;
	s->entries[0].prefix = prefix_make(&s->remote, 24);
	s->entries[0].feed = 2;
	s->entries[0].line = 77;
	s->header_protocol = 1;
	s->header_length = SIGHTING_HEADER_MAX;
	for (unsigned i = 0; i < SIGHTING_HEADER_MAX; i++)
		s->header[i] = (uint8_t)(i * 3);
}

static struct decide_capture
make_capture(uint64_t id)
{
	struct instant now = clk_now();
	struct addr local = addr("10.1.0.2"), remote = addr("198.51.100.9");
	struct decide_capture c = {.id = id,
	    .state = LIFE_MIRRORING,
	    .text = "a \"text\" with \n all in it",
	    .filter = filter_hosts(&local, &remote),
	    .by = "beacons",
	    .why = "feed drop: 198.51.100.0/24 line 77",
	    .policy = "beacons",
	    .priority = -3,
	    .analyser_name = "lab",
	    .analyser = {addr("192.0.2.74"), 17, 2, 64},
	    .begun = clk_add(now, -100 * CLK_S),
	    .ends = clk_add(now, 500 * CLK_S),
	    .idle_ns = 120 * CLK_S,
	    .max_packets = 1000000,
	    .max_bytes = UINT64_MAX,
	    .moved = clk_add(now, -2 * CLK_S),
	    .packets = 123,
	    .bytes = 456789,
	    .est_bps = 1000000,
	    .measured = true,
	    .rated = clk_add(now, -CLK_S),
	    .rated_bytes = 456000,
	    .seen_samples = 4,
	    .seen_packets = 40000,
	    .seen_bps = 1200000,
	    .holder_count = 2,
	    .edge = true,
	    .wide = VERDICT_PREFIX,
	    .vni = 4711,
	    .has_sighting = true};

	c.filter.has_proto = true;
	c.filter.proto = 6;
	c.filter.b_port = 443;
	c.holders[0] = (struct decide_holder){.id = 1,
	    .wanted = true,
	    .told = true,
	    .way = VERDICT_BACK,
	    .iface = "swp5",
	    .said = {.capture = id,
		.hold = HOLD_MIRRORING,
		.rules = 2,
		.packets = 123,
		.bytes = 456789,
		.held_ms = 99000,
		.text = "fine"}};
	c.holders[1] = (struct decide_holder){.id = 2, .gone = true, .dropped = now};
	fill_sighting(&c.sighting, clk_add(now, -101 * CLK_S));
	return c;
}

static void
put_capture(struct store *store, const struct decide_capture *capture)
{
	store_put_capture(store, capture, switch_name, NULL);
}

static void
put_numbered_event(struct store *store, unsigned number)
{
	char json[64];

	snprintf(json, sizeof json, "{\"event\":\"test\",\"n\":%u}", number);
	store_put_event(store, clk_wall_ns(), number % 10, json);
}

static void
sql(const char *text)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
	sqlite3_close(db);
}

static int64_t
sql_number(const char *text)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	int64_t value;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

/* What the store says, until `kind` comes or a minute has gone. */
static bool
wait_news(struct store *store, enum store_news_kind kind, struct store_news *ret_news)
{
	for (unsigned tries = 0; tries < 600; tries++) {
		struct pollfd poller = {.fd = store_fd(store), .events = POLLIN};

		while (store_news(store, ret_news))
			if (ret_news->kind == kind)
				return true;
		(void)poll(&poller, 1, 100);
	}
	return false;
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/test-store-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/finderscope.db", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	char pattern[96];
	glob_t found;

	(void)state;
	snprintf(pattern, sizeof pattern, "%s/*", dir);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	return rmdir(dir);
}

static void
everything_comes_back(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, kept);
	struct decide_capture c = make_capture(41), over = make_capture(42);
	struct store_cooldown cooldown = {
	    addr("2001:db8::1"), addr("2001:db8:bad::9"), 5001, 3, clk_add(clk_now(), -30 * CLK_S)};
	struct store_flag frozen = {
	    STORE_FROZEN, "", true, "alice", "\"maintenance\"", 1790000000 * CLK_S};
	struct store_flag all = {STORE_RELEASED, "all", true, "bob", "", 1790000001 * CLK_S};
	struct store_flag leaf = {STORE_RELEASED, "leaf01", true, "bob", "", 1790000001 * CLK_S};
	struct store_agent agent = {.name = "leaf01",
	    .key = {1, 0, 255},
	    .addrs = {addr("10.255.0.1"), addr("2001:db8::ff")},
	    .addr_count = 2,
	    .who = "alice",
	    .wall_ns = 1790000002 * CLK_S};
	struct store_sighting seen = {.local = addr("10.1.0.2"),
	    .remote = addr("198.51.100.9"),
	    .prefix = prefix_make(&(struct addr){{198, 51, 100}, 4, {0}}, 24),
	    .feed = "drop",
	    .inbound = 1,
	    .outbound = 2,
	    .packets = 30000,
	    .bytes = 4000000,
	    .first_ns = clk_wall_ns() - 100,
	    .last_ns = clk_wall_ns()};
	const int64_t first_ns = seen.first_ns;

	(void)state;
	assert_int_equal(kept->captures + kept->events + kept->flags, 0);
	assert_int_equal(store_next_id(store), 1);
	over.state = LIFE_ENDED;
	over.code = RESULT_END_IDLE;
	over.over = clk_now();
	put_capture(store, &c);
	put_capture(store, &over);
	store_put_cooldown(store, &cooldown);
	store_put_flag(store, &frozen);
	store_put_flag(store, &all);
	store_put_flag(store, &leaf);
	leaf.on = false;
	store_put_flag(store, &leaf);
	store_put_agent(store, &agent);
	for (unsigned i = 0; i < 100; i++)
		put_numbered_event(store, i);
	for (unsigned i = 0; i < 3; i++)
		store_put_sighting(store, &seen);
	assert_int_equal(store_flush(store, LONG), 0);
	seen.last_ns++;
	seen.first_ns++;
	store_put_sighting(store, &seen);
	free_store(&store);

	store = open_store(NULL, kept);
	assert_int_equal(store_next_id(store), 43);
	assert_int_equal(kept->captures, 2);
	/* Holders come back by name, their index unresolved. */
	assert_string_equal(kept->names[0][0], "leaf02");
	assert_string_equal(kept->names[0][1], "spine01");
	c.holders[0].id = c.holders[1].id = 0;
	over.holders[0].id = over.holders[1].id = 0;
	assert_memory_equal(&kept->capture[0].filter, &c.filter, sizeof c.filter);
	assert_memory_equal(&kept->capture[0].sighting, &c.sighting, sizeof c.sighting);
	assert_memory_equal(
	    &kept->capture[0].holders[0].said, &c.holders[0].said, sizeof c.holders[0].said);
	assert_memory_equal(&kept->capture[0], &c, sizeof c);
	assert_memory_equal(&kept->capture[1], &over, sizeof over);
	assert_int_equal(kept->cooldowns, 1);
	assert_memory_equal(&kept->cooldown, &cooldown, sizeof cooldown);
	assert_int_equal(kept->flags, 2);
	assert_memory_equal(&kept->flag[0], &frozen, sizeof frozen);
	assert_memory_equal(&kept->flag[1], &all, sizeof all);
	assert_int_equal(kept->agents, 1);
	assert_memory_equal(&kept->agent, &agent, sizeof agent);
	assert_int_equal(kept->events, 100);
	assert_string_equal(kept->first_event, "{\"event\":\"test\",\"n\":0}");
	assert_string_equal(kept->last_event, "{\"event\":\"test\",\"n\":99}");
	assert_int_equal(kept->sightings, 1);
	assert_int_equal(kept->sighting.outbound, 8);
	assert_int_equal(kept->sighting.packets, 120000);
	assert_int_equal(kept->sighting.first_ns, first_ns);
	assert_int_equal(kept->sighting.last_ns, seen.last_ns);
	assert_int_equal(store_start(store), 0);
	store_forget_agent(store, "leaf01");
	free_store(&store);
	store = open_store(NULL, kept);
	assert_int_equal(kept->agents, 0);
	free_store(&store);
	free(kept);
}

/* Somebody else looks in: beside the writer, and when nobody writes. */
static void
a_peek_leaves_no_trace(void **state)
{
	struct kept *kept = calloc(1, sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct decide_capture c = make_capture(7);
	char error[STORE_ERROR_MAX], wal[300];

	(void)state;
	assert_non_null(kept);
	snprintf(wal, sizeof wal, "%s-wal", path);
	put_capture(store, &c);
	assert_int_equal(store_flush(store, LONG), 0);
	assert_int_equal(store_peek(path, &reader, kept, error), 0);
	assert_int_equal(kept->captures, 1);
	assert_int_equal(kept->capture[0].id, 7);
	/* The writer goes on. */
	c.id = 8;
	put_capture(store, &c);
	assert_int_equal(store_flush(store, LONG), 0);
	free_store(&store);
	assert_int_equal(access(wal, F_OK), -1);
	memset(kept, 0, sizeof *kept);
	assert_int_equal(store_peek(path, &reader, kept, error), 0);
	assert_int_equal(kept->captures, 2);
	assert_int_equal(access(wal, F_OK), -1);
	assert_int_equal(store_peek("/nonexistent/controller.db", &reader, kept, error), -ENOENT);
	assert_true(store_peek("/proc/self/exe", &reader, kept, error) < 0);
	assert_true(error[0] != '\0');
	free(kept);
}

static void
only_so_many_events_and_ended_captures(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct store_reader some = reader;

	(void)state;
	for (unsigned i = 1; i <= 6; i++) {
		struct decide_capture c = make_capture(i);

		c.state = i > 1 ? LIFE_ENDED : LIFE_INSTALLING;
		c.over = clk_add(clk_now(), i * CLK_S);
		put_capture(store, &c);
	}
	for (unsigned i = 0; i < 50; i++)
		put_numbered_event(store, i);
	free_store(&store);
	store = open_store(NULL, NULL);
	memset(kept, 0, sizeof *kept);
	some.events = 10;
	some.history = 2;
	store_load(store, &some, kept);
	assert_int_equal(kept->events, 10);
	assert_string_equal(kept->first_event, "{\"event\":\"test\",\"n\":40}");
	/* The living one, and the two that were over last. */
	assert_int_equal(kept->captures, 3);
	assert_int_equal(kept->capture[0].id, 1);
	assert_int_equal(kept->capture[1].id, 5);
	free_store(&store);
	free(kept);
}

/* The child puts, flushes, and says over the pipe what was acknowledged; it never ends by itself.
 */
static void
write_for_ever(int fd)
{
	struct store *store = start_store(NULL, NULL);

	for (uint32_t n = 1;; n++) {
		struct decide_capture c = make_capture(n);

		put_capture(store, &c);
		for (unsigned i = 0; i < 5; i++)
			put_numbered_event(store, n);
		if (n % 3 == 0 && (store_flush(store, LONG) != 0 || write(fd, &n, 4) != 4))
			_exit(1);
	}
}

static void
kill_9_loses_nothing_acknowledged(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	uint32_t acknowledged = 0;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		uint32_t n = 0, target = 3 + round * 30;
		int fds[2], status;
		pid_t child;
		struct store *store;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		if (child == 0)
			write_for_ever(fds[1]);
		close(fds[1]);
		while (n < target)
			assert_int_equal(read(fds[0], &n, 4), 4);
		kill(child, SIGKILL);
		while (read(fds[0], &n, 4) == 4)
			;
		close(fds[0]);
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		if (n > acknowledged)
			acknowledged = n;
		assert_int_equal(sql_number("PRAGMA integrity_check = 1"), 0);
		store = open_store(NULL, kept);
		assert_true(kept->captures >= acknowledged);
		assert_true(kept->events >= 5 * n);
		/* Ids that were given to captures nobody wrote are not given again. */
		assert_true(store_next_id(store) >= kept->last_id + 100);
		struct store_stats stats;
		store_stats(store, &stats);
		assert_int_equal(stats.unreadable, 0);
		assert_int_equal(stats.replaced, 0);
		free_store(&store);
	}
	free(kept);
}

static void
a_reboot_leaves_what_was_left(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct decide_capture c = make_capture(1);
	struct store_cooldown cooldown = {
	    addr("10.1.0.2"), addr("198.51.100.9"), 0, 1, clk_add(clk_now(), -10 * CLK_S)};
	int64_t left, since;

	(void)state;
	put_capture(store, &c);
	store_put_cooldown(store, &cooldown);
	free_store(&store);
	/* As another boot would find it, saved 100 s ago: the boot clock of then means nothing. */
	sql("UPDATE captures SET body = json_set(body, '$.saved.boot',"
	    " '000102030405060708090a0b0c0d0e0f', '$.saved.clock', 5,"
	    " '$.saved.wall', json_extract(body, '$.saved.wall') - 100000000000,"
	    " '$.begun', json_extract(body, '$.begun') - 100000000000,"
	    " '$.ends', json_extract(body, '$.ends') - 100000000000);"
	    "UPDATE cooldowns SET boot = zeroblob(16), clock = 5, saved = saved - 100000000000,"
	    " ended = ended - 100000000000");
	store = open_store(NULL, kept);
	assert_int_equal(kept->captures, 1);
	left = clk_diff(kept->capture[0].ends, clk_now()) / CLK_S;
	assert_in_range(left, 300, 401);
	since = clk_diff(clk_now(), kept->capture[0].begun) / CLK_S;
	assert_in_range(since, 200, 300);
	since = clk_diff(clk_now(), kept->cooldown.ended) / CLK_S;
	assert_in_range(since, 110, 210);
	free_store(&store);
	free(kept);
}

static unsigned
count_files(const char *suffix)
{
	char pattern[160];
	glob_t found;
	unsigned count = 0;

	snprintf(pattern, sizeof pattern, "%s%s", path, suffix);
	if (glob(pattern, 0, NULL, &found) == 0)
		count = (unsigned)found.gl_pathc;
	globfree(&found);
	return count;
}

static void
overwrite(off_t from, off_t bytes)
{
	int fd = open(path, O_WRONLY);
	char junk[4096];

	memset(junk, 0xa5, sizeof junk);
	assert_true(fd >= 0);
	for (off_t at = from; at < from + bytes; at += (off_t)sizeof junk)
		assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
	close(fd);
}

static void
corrupt_file_is_kept_aside(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct decide_capture c = make_capture(5);
	struct store_news news;
	char error[STORE_ERROR_MAX];

	(void)state;
	put_capture(store, &c);
	free_store(&store);
	overwrite(0, 4096);
	assert_int_equal(store_open(path, &(struct store_limits){0}, &store, error), 0);
	assert_non_null(strstr(error, "corrupt"));
	assert_non_null(strstr(error, "kept as"));
	assert_int_equal(count_files(".corrupt-*"), 1);
	assert_true(wait_news(store, STORE_REPLACED, &news));
	/* Ids that were given out before are not known any more: none is below the clock. */
	assert_true(store_next_id(store) > 1000000);
	assert_int_equal(store_start(store), 0);
	c.id = store_next_id(store);
	put_capture(store, &c);
	assert_int_equal(store_flush(store, LONG), 0);
	free_store(&store);
	store = open_store(NULL, kept);
	assert_int_equal(kept->captures, 1);
	assert_int_equal(store_next_id(store), c.id + 1);
	free_store(&store);
	free(kept);
}

/* Every table but the schema is junk: found at loading, or at the first write. */
static void
corruption_inside_is_found_in_use(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct store_stats stats;
	struct store_news news;
	struct stat file;
	struct decide_capture c = make_capture(7);

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		put_numbered_event(store, i);
	put_capture(store, &c);
	free_store(&store);
	assert_int_equal(stat(path, &file), 0);
	overwrite(4096, file.st_size - 4096);
	store = start_store(NULL, kept);
	put_capture(store, &c);
	put_numbered_event(store, 1);
	assert_int_equal(store_flush(store, LONG), 0);
	assert_true(wait_news(store, STORE_REPLACED, &news));
	assert_non_null(strstr(news.text, "corrupt"));
	store_stats(store, &stats);
	assert_int_equal(stats.replaced, 1);
	assert_false(stats.degraded);
	free_store(&store);
	store = open_store(NULL, kept);
	assert_int_equal(kept->captures, 1);
	free_store(&store);
	free(kept);
}

/* One table is junk: the others are still told, and only then a fresh database is begun. */
static void
what_is_left_of_a_corrupt_one_is_told(void **state)
{
	const struct store_reader agents = {.agent = take_agent};
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct store_agent agent = {.name = "leaf01", .key = {1}};
	struct store_news news;
	struct decide_capture c = make_capture(7);
	off_t page;

	(void)state;
	store_put_agent(store, &agent);
	put_capture(store, &c);
	free_store(&store);
	page = (off_t)sql_number("SELECT rootpage FROM sqlite_master WHERE name = 'agents'");
	overwrite((page - 1) * 4096, 4096);
	store = open_store(NULL, NULL);
	memset(kept, 0, sizeof *kept);
	store_load(store, &agents, kept);
	assert_int_equal(kept->agents, 0);
	store_load(store, &reader, kept);
	assert_int_equal(kept->captures, 1);
	assert_int_equal(store_start(store), 0);
	assert_true(wait_news(store, STORE_REPLACED, &news));
	assert_int_equal(count_files(".corrupt-*"), 1);
	put_capture(store, &c);
	assert_int_equal(store_flush(store, LONG), 0);
	free_store(&store);
	store = open_store(NULL, kept);
	assert_int_equal(kept->captures, 1);
	assert_true(store_next_id(store) > 1000000);
	free_store(&store);
	free(kept);
}

static void
foreign_and_newer_are_refused(void **state)
{
	char error[STORE_ERROR_MAX];
	struct store *store = NULL, *second = NULL;

	(void)state;
	sql("CREATE TABLE shopping (item TEXT); INSERT INTO shopping VALUES ('milk')");
	assert_int_equal(store_open(path, &(struct store_limits){0}, &store, error), -EMEDIUMTYPE);
	assert_non_null(strstr(error, "another program"));
	assert_int_equal(sql_number("SELECT count(*) FROM shopping"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM sqlite_master"), 1);
	assert_int_equal(unlink(path), 0);

	store = open_store(NULL, NULL);
	/* Two at a time would take each other's captures for their own. */
	assert_int_equal(store_open(path, &(struct store_limits){0}, &second, error), -EBUSY);
	assert_non_null(strstr(error, "in use"));
	free_store(&store);
	sql("PRAGMA user_version = 99");
	assert_int_equal(store_open(path, &(struct store_limits){0}, &store, error), -EPROTO);
	assert_non_null(strstr(error, "newer"));
	assert_int_equal(sql_number("PRAGMA user_version"), 99);
}

/* As version 1 was: no sightings. */
static void
an_older_schema_is_migrated(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store;
	struct store_sighting seen = {
	    .local = addr("10.1.0.2"), .remote = addr("198.51.100.9"), .last_ns = clk_wall_ns()};

	(void)state;
	sql("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	    "CREATE TABLE captures (id INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
	    " over INTEGER NOT NULL, body TEXT NOT NULL);"
	    "CREATE INDEX captures_over ON captures (over);"
	    "CREATE TABLE cooldowns (local TEXT NOT NULL, remote TEXT NOT NULL,"
	    " vni INTEGER NOT NULL, returns INTEGER NOT NULL, ended INTEGER NOT NULL,"
	    " saved INTEGER NOT NULL, clock INTEGER NOT NULL, boot BLOB NOT NULL,"
	    " PRIMARY KEY (local, remote, vni)) WITHOUT ROWID;"
	    "CREATE INDEX cooldowns_ended ON cooldowns (ended);"
	    "CREATE TABLE flags (kind INTEGER NOT NULL, name TEXT NOT NULL,"
	    " raised INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL,"
	    " PRIMARY KEY (kind, name)) WITHOUT ROWID;"
	    "CREATE TABLE agents (name TEXT PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
	    " addrs TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;"
	    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
	    " capture INTEGER NOT NULL, bytes INTEGER NOT NULL, json TEXT NOT NULL);"
	    "CREATE INDEX events_capture ON events (capture) WHERE capture != 0;"
	    "PRAGMA application_id = 1181958961;"
	    "PRAGMA user_version = 1;"
	    "INSERT INTO meta VALUES ('next_id', 12), ('clean', 1);"
	    "INSERT INTO events (at, capture, bytes, json) VALUES (8000000000000000000, 0, 9, "
	    "'{\"n\": 1}');"
	    "INSERT INTO flags VALUES (1, '', 1, 'alice', 'because', 7);"
	    "INSERT INTO captures VALUES (11, 5, 0, '{\"id\":11,\"state\":5,\"by\":\"p\","
	    "\"filter\":{\"a\":\"10.1.0.2\",\"b\":\"198.51.100.9\"},"
	    "\"analyser\":{\"name\":\"lab\",\"addr\":\"192.0.2.74\",\"session\":1},"
	    "\"saved\":{\"wall\":1790000000000000000,\"clock\":1},"
	    "\"holders\":[{\"switch\":\"leaf01\",\"wanted\":true}]}')");
	store = start_store(NULL, kept);
	assert_int_equal(store_next_id(store), 12);
	assert_int_equal(kept->events, 1);
	assert_int_equal(kept->flags, 1);
	assert_int_equal(kept->captures, 1);
	assert_string_equal(kept->names[0][0], "leaf01");
	assert_int_equal(kept->capture[0].ends.ns, 0);
	seen.prefix = prefix_make(&seen.remote, 32);
	store_put_sighting(store, &seen);
	assert_int_equal(store_flush(store, LONG), 0);
	free_store(&store);
	assert_int_equal(sql_number("PRAGMA user_version"), 2);
	store = open_store(NULL, kept);
	assert_int_equal(kept->sightings, 1);
	assert_int_equal(kept->events, 1);
	free_store(&store);
	free(kept);
}

static void
rows_nobody_could_have_written_are_left_out(void **state)
{
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(NULL, NULL);
	struct store_stats stats;

	(void)state;
	for (unsigned i = 1; i <= 10; i++) {
		struct decide_capture c = make_capture(i);

		put_capture(store, &c);
	}
	free_store(&store);
	sql("UPDATE captures SET body = 'not json' WHERE id = 1;"
	    "UPDATE captures SET body = json_set(body, '$.state', 77) WHERE id = 2;"
	    "UPDATE captures SET body = json_set(body, '$.filter.a', '; rm') WHERE id = 3;"
	    "UPDATE captures SET body = json_set(body, '$.filter.port', 5) WHERE id = 10;"
	    "UPDATE captures SET body = json_set(body, '$.id', 99) WHERE id = 4;"
	    "UPDATE captures SET body = json_set(body, '$.filter.b_port', 70000) WHERE id = 5;"
	    "UPDATE captures SET body = json_set(body, '$.analyser.name',"
	    " printf('%.*c', 100, 'x')) WHERE id = 6;"
	    "UPDATE captures SET body = json_set(body, '$.sighting.header', 'zz') WHERE id = 7;"
	    "UPDATE captures SET body = json_set(body, '$.holders[0].switch', '') WHERE id = 8;"
	    "INSERT INTO cooldowns VALUES ('nowhere', 'x', 0, 1, 2, 3, 4, x'00');"
	    "INSERT INTO flags VALUES (9, 'x', 1, '', '', 0);"
	    "INSERT INTO agents VALUES ('leaf', x'0102', '', '', 0);"
	    "INSERT INTO sightings VALUES ('', '', 0, '', '', 0, 0, 0, 0, 0, 0);"
	    "INSERT INTO events (at, capture, bytes, json) VALUES (0, 0, 0, x'')");
	store = open_store(NULL, kept);
	store_stats(store, &stats);
	assert_int_equal(stats.unreadable, 14);
	assert_int_equal(kept->captures, 1);
	assert_int_equal(kept->capture[0].id, 9);
	assert_int_equal(kept->cooldowns + kept->flags + kept->agents + kept->sightings, 0);
	free_store(&store);
	free(kept);
}

static void
history_is_pruned(void **state)
{
	struct store_limits limits = {
	    .events_max = 300, .captures_max = 4, .cooldowns_max = 10, .sightings_max = 10};
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(&limits, NULL);

	(void)state;
	for (unsigned i = 1; i <= 40; i++) {
		struct decide_capture c = make_capture(i);
		struct store_cooldown cooldown = {
		    addr("10.1.0.2"), addr("198.51.100.9"), i, 1, clk_add(clk_now(), i)};
		struct store_sighting seen = {.local = addr("10.1.0.2"),
		    .remote = addr("198.51.100.9"),
		    .vni = i,
		    .last_ns = clk_wall_ns() + i};

		c.state = i % 2 != 0 ? LIFE_ENDED : LIFE_MIRRORING;
		c.over = clk_add(clk_now(), i);
		if (i == 39) /* too old, though among the last few */
			c.over = clk_add(clk_now(), -INT64_C(91) * 86400 * CLK_S);
		put_capture(store, &c);
		seen.prefix = prefix_make(&seen.remote, 32);
		store_put_cooldown(store, &cooldown);
		store_put_sighting(store, &seen);
	}
	for (unsigned i = 0; i < 1000; i++)
		store_put_event(store, clk_wall_ns(), 0, "{}");
	assert_int_equal(store_flush(store, LONG), 0);
	free_store(&store);
	/* The next one begins with it. */
	store = start_store(&limits, NULL);
	for (unsigned tries = 0; tries < 600; tries++) {
		if (sql_number("SELECT (SELECT count(*) FROM events) ||"
			       " (SELECT count(*) FROM captures) ||"
			       " (SELECT count(*) FROM cooldowns) ||"
			       " (SELECT count(*) FROM sightings)") == 300241010)
			break;
		nanosleep(&(struct timespec){0, 50000000}, NULL);
	}
	assert_int_equal(store_next_id(store), 41);
	free_store(&store);
	store = open_store(&limits, kept);
	assert_int_equal(kept->events, 300);
	/* The living are never pruned: 20; 4 that are over. */
	assert_int_equal(kept->captures, 24);
	assert_int_equal(sql_number("SELECT count(*) FROM captures WHERE id = 39"), 0);
	assert_int_equal(kept->cooldowns, 10);
	assert_int_equal(kept->cooldown.vni, 40);
	assert_int_equal(kept->sightings, 10);
	free_store(&store);
	/* By age and by bytes. */
	limits = (struct store_limits){.events_bytes = 100};
	sql("UPDATE events SET at = 5 WHERE id <= (SELECT min(id) + 99 FROM events)");
	store = start_store(&limits, NULL);
	for (unsigned tries = 0; tries < 600; tries++) {
		struct store_stats stats;

		store_stats(store, &stats);
		if (stats.events_bytes <= 100 && stats.events > 0)
			break;
		nanosleep(&(struct timespec){0, 100000000}, NULL);
	}
	free_store(&store);
	assert_int_equal(sql_number("SELECT count(*) FROM events"), 50);
	/* Every capture pruned away: ids go on all the same. */
	sql("DELETE FROM captures");
	store = open_store(NULL, NULL);
	assert_int_equal(store_next_id(store), 41);
	free_store(&store);
	free(kept);
}

static void
a_full_queue_drops_the_least_important(void **state)
{
	struct store_limits limits = {.pending_max = 100};
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = open_store(&limits, NULL);
	struct store_stats stats;
	struct decide_capture c = make_capture(3);
	struct store_flag frozen = {STORE_FROZEN, "", true, "alice", "", 0};

	(void)state;
	/* The thread is not started: nothing is taken out. */
	put_capture(store, &c);
	c.packets++;
	put_capture(store, &c); /* takes the first one's place */
	for (unsigned i = 0; i < 500; i++) {
		struct store_sighting seen = {
		    .local = addr("10.1.0.2"), .vni = i, .remote = addr("198.51.100.9")};

		seen.prefix = prefix_make(&seen.remote, 32);
		store_put_sighting(store, &seen);
		put_numbered_event(store, i);
	}
	store_put_flag(store, &frozen);
	store_stats(store, &stats);
	assert_int_equal(stats.pending, 100);
	assert_int_equal(stats.merged, 1);
	assert_int_equal(stats.dropped_sightings, 500);
	assert_int_equal(stats.dropped_events, 402);
	assert_int_equal(stats.dropped_others, 0);
	assert_int_equal(stats.dropped, 902);
	assert_int_equal(store_start(store), 0);
	/* The flush does not hide it. */
	assert_int_equal(store_flush(store, LONG), -ENOSPC);
	assert_int_equal(store_flush(store, LONG), 0);
	free_store(&store);
	store = open_store(NULL, kept);
	assert_int_equal(kept->captures, 1);
	assert_int_equal(kept->capture[0].packets, 124);
	assert_int_equal(kept->flags, 1);
	assert_int_equal(kept->events, 98);
	assert_string_equal(kept->last_event, "{\"event\":\"test\",\"n\":499}");
	free_store(&store);
	free(kept);
}

static void
take_id(void *user, uint64_t id, const char *json)
{
	uint64_t *last = user;

	assert_int_equal(json[0], '{');
	*last = id;
}

static void
events_are_read_back_in_pages(void **state)
{
	struct store *store = start_store(NULL, NULL);
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		put_numbered_event(store, i);
	assert_int_equal(store_flush(store, LONG), 0);
	assert_int_equal(store_events(store, 0, 0, 30, take_id, &last), 30);
	assert_int_equal(last, 71);
	assert_int_equal(store_events(store, 0, last, 100, take_id, &last), 70);
	assert_int_equal(last, 1);
	assert_int_equal(store_events(store, 0, last, 100, take_id, &last), 0);
	/* Of capture 7: 7, 17, …, 97. */
	assert_int_equal(store_events(store, 7, 0, 100, take_id, &last), 10);
	assert_int_equal(last, 7);
	free_store(&store);
}

/* Runs `body` in a child with mounts of its own; skips without the right to that. */
static void
in_own_mounts(void (*body)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", dir, "tmpfs", 0, "size=1m") < 0)
			_exit(77);
		body();
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Children have no cmocka to jump to. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void
fill_disk(const char *name)
{
	char block[4096] = {1};
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	while (write(fd, block, sizeof block) > 0)
		;
	CHECK(errno == ENOSPC);
	while (write(fd, block, 1) > 0)
		;
	close(fd);
}

static void
full_disk_body(void)
{
	const struct store_limits limits = {.retry_ns = 50 * CLK_MS};
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(&limits, NULL);
	struct decide_capture c = make_capture(1);
	struct store_news news;
	struct store_stats stats;
	char filler[96];

	snprintf(filler, sizeof filler, "%s/filler", dir);
	put_capture(store, &c);
	CHECK(store_flush(store, LONG) == 0);
	fill_disk(filler);
	for (unsigned i = 0; i < 3000; i++)
		put_numbered_event(store, i);
	c.packets = 777;
	put_capture(store, &c);
	CHECK(store_flush(store, LONG) == -EIO);
	CHECK(wait_news(store, STORE_DEGRADED, &news));
	CHECK(strstr(news.text, "full") != NULL);
	store_stats(store, &stats);
	CHECK(stats.degraded && stats.pending >= 1);
	/* Room again: what waited is written. */
	CHECK(unlink(filler) == 0);
	CHECK(wait_news(store, STORE_RECOVERED, &news));
	CHECK(store_flush(store, LONG) == 0);
	/* Gone while it is full, and back while it is full: what was written is still told. */
	fill_disk(filler);
	store_free(&store, 5 * CLK_S, NULL);
	store = open_store(&limits, kept);
	CHECK(kept->captures == 1 && kept->capture[0].packets == 777);
	CHECK(kept->events == 3000);
	/* As often as it is asked. */
	memset(kept, 0, sizeof *kept);
	store_load(store, &reader, kept);
	CHECK(kept->captures == 1 && kept->events == 3000);
	CHECK(store_next_id(store) > 1);
	store_free(&store, CLK_S, NULL);
	/* And so is what only the write-ahead log of somebody killed has. */
	CHECK(unlink(filler) == 0);
	pid_t child = fork();
	if (child == 0) {
		store = start_store(&limits, NULL);
		c.packets = 999;
		put_capture(store, &c);
		CHECK(store_flush(store, LONG) == 0);
		fill_disk(filler);
		raise(SIGKILL);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	char shm[128];
	snprintf(shm, sizeof shm, "%s-shm", path);
	CHECK(unlink(shm) == 0); /* of no use to the next one: it would have to be made */
	fill_disk(filler);
	store = open_store(&limits, kept);
	CHECK(kept->captures == 1 && kept->capture[0].packets == 999);
	store_free(&store, CLK_S, NULL);
	free(kept);
}

static void
a_full_disk_degrades_and_heals(void **state)
{
	(void)state;
	in_own_mounts(full_disk_body);
}

static void
read_only_body(void)
{
	const struct store_limits limits = {.retry_ns = 50 * CLK_MS};
	struct kept *kept = malloc(sizeof *kept);
	struct store *store = start_store(&limits, NULL);
	struct decide_capture c = make_capture(1);
	struct store_news news;
	char error[STORE_ERROR_MAX];

	put_capture(store, &c);
	CHECK(store_flush(store, LONG) == 0);
	store_free(&store, LONG, NULL);
	CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m") == 0);
	memset(kept, 0, sizeof *kept);
	CHECK(store_open(path, &limits, &store, error) == 0);
	CHECK(error[0] != '\0');
	store_load(store, &reader, kept);
	CHECK(kept->captures == 1);
	CHECK(store_next_id(store) >= 2);
	CHECK(store_start(store) == 0);
	CHECK(wait_news(store, STORE_DEGRADED, &news));
	c.packets = 888;
	put_capture(store, &c);
	CHECK(store_flush(store, LONG) == -EIO);
	CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=1m") == 0);
	CHECK(wait_news(store, STORE_RECOVERED, &news));
	CHECK(store_flush(store, LONG) == 0);
	store_free(&store, LONG, NULL);
	store = open_store(&limits, kept);
	CHECK(kept->captures == 1 && kept->capture[0].packets == 888);
	store_free(&store, LONG, NULL);
	free(kept);
}

static void
a_read_only_disk_is_read(void **state)
{
	(void)state;
	in_own_mounts(read_only_body);
}

static void
no_directory_is_memory_alone(void **state)
{
	char error[STORE_ERROR_MAX], missing[128];
	struct store *store;
	struct store_stats stats;
	uint64_t lost;

	(void)state;
	snprintf(missing, sizeof missing, "%s/none/finderscope.db", dir);
	assert_int_equal(store_open(missing, &(struct store_limits){0}, &store, error), 0);
	assert_non_null(strstr(error, "none/finderscope.db"));
	store_load(store, &reader, NULL);
	assert_true(store_next_id(store) > 1000000);
	assert_int_equal(store_start(store), 0);
	put_numbered_event(store, 1);
	store_stats(store, &stats);
	assert_true(stats.degraded);
	store_free(&store, CLK_S, &lost);
	assert_int_equal(lost, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(everything_comes_back),
	    TEST(a_peek_leaves_no_trace),
	    TEST(only_so_many_events_and_ended_captures),
	    TEST(kill_9_loses_nothing_acknowledged),
	    TEST(a_reboot_leaves_what_was_left),
	    TEST(corrupt_file_is_kept_aside),
	    TEST(corruption_inside_is_found_in_use),
	    TEST(what_is_left_of_a_corrupt_one_is_told),
	    TEST(foreign_and_newer_are_refused),
	    TEST(an_older_schema_is_migrated),
	    TEST(rows_nobody_could_have_written_are_left_out),
	    TEST(history_is_pruned),
	    TEST(a_full_queue_drops_the_least_important),
	    TEST(events_are_read_back_in_pages),
	    TEST(a_full_disk_degrades_and_heals),
	    TEST(a_read_only_disk_is_read),
	    TEST(no_directory_is_memory_alone),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
