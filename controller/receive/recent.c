/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file, making room, walking; see recent.h, and recent_part.h for a sample's way. */
#include "controller/receive/recent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/receive/recent_part.h"

#define MAGIC "FSRECENT"
#define VERSION 1 /* of the file: any other layout or meaning is another one */
#define BYTE_ORDER_MARK 0x01020304u
#define PAGE 4096
#define WINDOW_MAX (60 * 3600 * CLK_S)
/* A recording this old is begun anew at the next start: minutes have only so many bits. */
#define BASE_MAX_MINUTES (RECENT_LAST_MAX / 2)

struct gap {
	uint32_t from, to; /* minutes */
};

/* The file's first page. */
struct header {
	char magic[8];
	uint32_t version, byte_order;
	uint32_t threads, bits4, bits6, pad;
	uint64_t seed[4];
	uint8_t boot[CLK_BOOT_SIZE];
	int64_t base, base_wall; /* minute 0, by the clock of that boot and by the wall */
	uint64_t checksum;       /* of all before it */
	/* These change while it runs. */
	_Atomic uint64_t alive;
	uint32_t gap_count;
	struct gap gaps[RECENT_GAPS];
};
_Static_assert(sizeof(struct header) <= PAGE, "one page");

struct recent {
	struct header *header; /* and all behind it */
	size_t bytes;
	int fd; /* -1: memory alone */
	bool resumed;
	unsigned threads;
	uint64_t sets4, sets6; /* of one thread */
	struct recent_table *tables;
};

static uint64_t
checksum(const struct header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < offsetof(struct header, checksum); i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static unsigned
bits_for(uint64_t sets)
{
	unsigned bits = 1;
	while (UINT64_C(1) << bits < sets)
		bits++;
	return bits;
}

static size_t
pages(uint64_t bytes)
{
	return (size_t)((bytes + PAGE - 1) / PAGE * PAGE);
}

/* Bytes of one thread's part, and where what begins in it. */
static size_t
part_layout(const struct recent *recent, size_t ret_offsets[5])
{
	const uint64_t sizes[5] = {sizeof(struct recent_lost),
	    recent->sets4 * sizeof(struct recent_set4), recent->sets6 * sizeof(struct recent_set6),
	    recent->sets4 * RECENT_WAYS4 * sizeof(uint16_t),
	    recent->sets6 * RECENT_WAYS6 * sizeof(uint16_t)};
	size_t at = 0;
	for (unsigned i = 0; i < 5; i++) {
		ret_offsets[i] = at;
		at += pages(sizes[i]);
	}
	return at;
}

static uint32_t
minute_of(const struct recent *recent, struct instant now)
{
	int64_t minutes = clk_diff(now, (struct instant){recent->header->base}) / RECENT_MINUTE;
	if (minutes < 0)
		return 0;
	return minutes > RECENT_LAST_MAX ? RECENT_LAST_MAX : (uint32_t)minutes;
}

static struct instant
instant_of(const struct recent *recent, int64_t minute)
{
	return clk_add((struct instant){recent->header->base}, minute * RECENT_MINUTE);
}

/* Opens and locks the file and gives it its size. The descriptor or negative errno. */
static int
open_file(const char *path, size_t bytes)
{
	struct stat file;
	int r, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &file) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		goto fail;
	}
	if (!S_ISREG(file.st_mode)) {
		r = -EINVAL;
		goto fail;
	}
	if ((uint64_t)file.st_size != bytes &&
	    (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)bytes) < 0)) {
		r = -errno;
		goto fail;
	}
	/* Room for every page now, not a signal later. */
	if ((r = -posix_fallocate(fd, 0, (off_t)bytes)) < 0) {
		if (ftruncate(fd, 0) < 0)
			r = -errno;
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return r;
}

static int
map(struct recent *recent, const char *path, char error[RECENT_ERROR_MAX])
{
	void *memory = MAP_FAILED;
	recent->fd = -1;
	if (path != NULL && path[0] != '\0') {
		int fd = open_file(path, recent->bytes);
		if (fd >= 0) {
			memory = mmap(NULL, recent->bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, 0);
			recent->fd = fd;
		}
		if (memory == MAP_FAILED) {
			snprintf(error, RECENT_ERROR_MAX,
			    "recent conversations are in memory alone, %.150s can't be used: %s",
			    path, strerror(fd < 0 ? -fd : errno));
			if (fd >= 0)
				close(fd);
			recent->fd = -1;
		}
	}
	if (memory == MAP_FAILED)
		memory = mmap(NULL, recent->bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	recent->header = memory;
	return 0;
}

static bool
header_fits(const struct recent *recent, const struct header *header)
{
	return memcmp(header->magic, MAGIC, sizeof header->magic) == 0 &&
	       header->version == VERSION && header->byte_order == BYTE_ORDER_MARK &&
	       header->checksum == checksum(header) && header->threads == recent->threads &&
	       UINT64_C(1) << header->bits4 == recent->sets4 &&
	       UINT64_C(1) << header->bits6 == recent->sets6 && header->gap_count <= RECENT_GAPS;
}

/* Goes on with a recording: minute 0 on this boot's clock, and the time since as a gap. False: it
 * can't be. */
static bool
resume(struct recent *recent, struct instant now, int64_t wall_ns)
{
	static const uint8_t none[CLK_BOOT_SIZE];
	struct header *header = recent->header;
	uint8_t boot[CLK_BOOT_SIZE];
	if (!header_fits(recent, header))
		return false;
	clk_boot(boot);
	if (memcmp(boot, header->boot, sizeof boot) != 0 || memcmp(boot, none, sizeof none) == 0) {
		int64_t since =
		    clk_diff((struct instant){wall_ns}, (struct instant){header->base_wall});
		if (since < 0)
			return false;
		header->base = clk_add(now, -since).ns;
		memcpy(header->boot, boot, sizeof boot);
		header->checksum = checksum(header);
	}
	if (now.ns < header->base)
		return false;
	uint32_t minute = minute_of(recent, now);
	uint64_t alive = atomic_load_explicit(&header->alive, memory_order_relaxed);
	if (minute > BASE_MAX_MINUTES || alive > minute + UINT64_C(1))
		return false;
	if (alive < minute) {
		if (header->gap_count == RECENT_GAPS) {
			memmove(header->gaps, header->gaps + 1,
			    (RECENT_GAPS - 1) * sizeof header->gaps[0]);
			header->gap_count--;
		}
		header->gaps[header->gap_count++] = (struct gap){(uint32_t)alive, minute};
	}
	return true;
}

/* A writer that was killed between emptying a place and filling it left a key without value. */
static void
heal(struct recent_table *table, uint64_t sets4, uint64_t sets6)
{
	for (uint64_t set = 0; set < sets4; set++) {
		struct recent_set4 *s = &table->sets4[set];
		for (unsigned way = 0; way < RECENT_WAYS4; way++) {
			if (atomic_load_explicit(&s->values[way], memory_order_relaxed) != 0)
				continue;
			s->locals[way] = s->remotes[way] = 0;
		}
	}
	for (uint64_t set = 0; set < sets6; set++) {
		struct recent_set6 *s = &table->sets6[set];
		for (unsigned way = 0; way < RECENT_WAYS6; way++) {
			if (atomic_load_explicit(&s->values[way], memory_order_relaxed) == 0)
				memset(s->keys[way], 0, sizeof s->keys[way]);
		}
	}
}

static int
begin(struct recent *recent, struct instant now, int64_t wall_ns)
{
	struct header *header = recent->header;
	memset(header, 0, recent->bytes);
	memcpy(header->magic, MAGIC, sizeof header->magic);
	header->version = VERSION;
	header->byte_order = BYTE_ORDER_MARK;
	header->threads = recent->threads;
	header->bits4 = bits_for(recent->sets4);
	header->bits6 = bits_for(recent->sets6);
	if (getrandom(header->seed, sizeof header->seed, 0) != sizeof header->seed)
		return -EIO;
	for (unsigned i = 0; i < 4; i++)
		header->seed[i] |= 1;
	clk_boot(header->boot);
	header->base = now.ns;
	header->base_wall = wall_ns;
	header->checksum = checksum(header);
	return 0;
}

static void
table_init(struct recent *recent, unsigned number, uint32_t window, struct instant now)
{
	struct recent_table *table = &recent->tables[number];
	size_t offsets[5], part = part_layout(recent, offsets);
	uint8_t *at = (uint8_t *)recent->header + PAGE + number * part;
	table->lost = (void *)(at + offsets[0]);
	table->sets4 = (void *)(at + offsets[1]);
	table->sets6 = (void *)(at + offsets[2]);
	table->told4 = (void *)(at + offsets[3]);
	table->told6 = (void *)(at + offsets[4]);
	table->shift4 = 64 - recent->header->bits4;
	table->shift6 = 64 - recent->header->bits6;
	memcpy(table->seed, recent->header->seed, sizeof table->seed);
	table->base = (struct instant){recent->header->base};
	table->window = window;
	table->alive = &recent->header->alive;
	recent_turn(table, now);
}

int
recent_open(
    const struct recent_conf *conf, struct recent **ret_recent, char error[RECENT_ERROR_MAX])
{
	size_t size = conf->size != 0 ? conf->size : RECENT_SIZE, offsets[5];
	int64_t window = conf->window_ns > 0 ? conf->window_ns : RECENT_WINDOW;
	struct instant now = clk_now();
	int64_t wall_ns = clk_wall_ns();
	error[0] = '\0';
	if (size > RECENT_SIZE_MAX || conf->threads == 0)
		return -EINVAL;
	struct recent *recent = calloc(1, sizeof *recent);
	if (recent == NULL)
		return -ENOMEM;
	recent->fd = -1;
	recent->threads = conf->threads;
	/* Two IPv4 conversations for the 4 places of a set, one IPv6 one for 3: few run over. */
	recent->sets4 = UINT64_C(1) << bits_for(size / 2 / conf->threads);
	recent->sets6 = UINT64_C(1) << bits_for(size / 4 / conf->threads);
	recent->bytes = PAGE + conf->threads * part_layout(recent, offsets);
	recent->tables = calloc(conf->threads, sizeof *recent->tables);
	int r = recent->tables != NULL ? map(recent, conf->path, error) : -ENOMEM;
	if (r < 0)
		goto fail;
	recent->resumed = resume(recent, now, wall_ns);
	if (!recent->resumed && (r = begin(recent, now, wall_ns)) < 0)
		goto fail;
	if (window > WINDOW_MAX)
		window = WINDOW_MAX;
	for (unsigned t = 0; t < conf->threads; t++) {
		table_init(recent, t, (uint32_t)(window / RECENT_MINUTE), now);
		if (recent->resumed)
			heal(&recent->tables[t], recent->sets4, recent->sets6);
	}
	*ret_recent = recent;
	return 0;
fail:
	recent_free(&recent);
	return r;
}

void
recent_free(struct recent **recent_ptr)
{
	struct recent *recent = *recent_ptr;
	*recent_ptr = NULL;
	if (recent == NULL)
		return;
	if (recent->header != NULL) {
		if (recent->tables != NULL && recent->tables[0].lost != NULL)
			atomic_store_explicit(&recent->header->alive,
			    minute_of(recent, clk_now()) + UINT64_C(1), memory_order_relaxed);
		munmap(recent->header, recent->bytes);
	}
	if (recent->fd >= 0)
		close(recent->fd);
	free(recent->tables);
	free(recent);
}

struct recent_table *
recent_table(struct recent *recent, unsigned number)
{
	return &recent->tables[number];
}

void
recent_turn(struct recent_table *table, struct instant now)
{
	int64_t minute = clk_diff(now, table->base) / RECENT_MINUTE;
	if (minute < 0)
		minute = 0;
	if (minute > RECENT_LAST_MAX)
		minute = RECENT_LAST_MAX;
	table->minute = (uint32_t)minute;
	table->turn = clk_add(table->base, (minute + 1) * RECENT_MINUTE);
	if (minute == RECENT_LAST_MAX)
		table->turn.ns = INT64_MAX;
	atomic_store_explicit(table->alive, (uint64_t)minute + 1, memory_order_relaxed);
}

/* A conversation that makes room. */
static void
forget(struct recent_table *table, uint64_t value)
{
	uint64_t last = value & RECENT_LAST_MAX, hour = last / 60;
	struct recent_lost *lost = table->lost;
	if (last + table->window < table->minute)
		return;
	if (last + 1 > atomic_load_explicit(&lost->newest, memory_order_relaxed))
		atomic_store_explicit(&lost->newest, last + 1, memory_order_relaxed);
	_Atomic uint64_t *word = &lost->hours[hour % RECENT_HOURS];
	uint64_t count = atomic_load_explicit(word, memory_order_relaxed);
	count = count >> 32 == hour ? count & UINT32_MAX : 0;
	if (count < UINT32_MAX)
		count++;
	atomic_store_explicit(word, hour << 32 | count, memory_order_relaxed);
}

/* Who has the least makes room: an empty place, then the longest silent, then of those of one
 * minute the one with the fewest samples, so that a scan's pile up on each other. */
static uint64_t
age_of(uint64_t value)
{
	if (value == 0)
		return 0;
	return ((value & RECENT_LAST_MAX) + 1) << RECENT_SPAN_BITS |
	       (value >> RECENT_SAMPLES_SHIFT & RECENT_SAMPLES_MAX);
}

/* The remote port, from the packet where nobody told it: TCP, UDP and SCTP have theirs first. */
static uint16_t
port_of(const struct recent_wait *wait)
{
	if ((wait->how & RECENT_IS_RAW) == 0)
		return wait->port;
	bool v6 = (wait->how & RECENT_IS_V6) != 0;
	const uint8_t *ip = wait->src - (v6 ? 8 : 12), *ports = wait->src + (v6 ? 32 : 8);
	uint8_t proto = v6 ? ip[6] : ip[9];
	bool first = v6 || ((ip[6] & 0x3f) == 0 && ip[7] == 0);
	if ((proto != 6 && proto != 17 && proto != 132) || !first || (!v6 && ip[0] != 0x45))
		return 0;
	ports += (wait->how & RECENT_IS_OUTBOUND) != 0 ? 2 : 0;
	return (uint16_t)(ports[0] << 8 | ports[1]);
}

uint64_t
recent_later(const struct recent_table *table, const struct recent_wait *wait, uint64_t value)
{
	uint32_t last = (uint32_t)value & RECENT_LAST_MAX;
	uint16_t had = (uint16_t)(value >> RECENT_PORT_SHIFT), port = port_of(wait);
	if (table->minute > last) {
		uint64_t span =
		    (value >> RECENT_SPAN_SHIFT & RECENT_SPAN_MAX) + (table->minute - last);
		if (span > RECENT_SPAN_MAX)
			span = RECENT_SPAN_MAX;
		value = (value >> RECENT_PORT_SHIFT << RECENT_PORT_SHIFT) |
			span << RECENT_SPAN_SHIFT | table->minute;
	}
	if (port != had && port != 0) {
		value ^= (uint64_t)(had ^ port) << RECENT_PORT_SHIFT;
		value |= had != 0 ? RECENT_PORTS : 0;
	}
	return value;
}

static uint64_t
fresh_value(const struct recent_table *table, const struct recent_wait *wait)
{
	return table->minute | (uint64_t)port_of(wait) << RECENT_PORT_SHIFT |
	       UINT64_C(1) << RECENT_SAMPLES_SHIFT | recent_flags(wait);
}

static unsigned
oldest_of(const _Atomic uint64_t *values, unsigned ways)
{
	uint64_t least = UINT64_MAX;
	unsigned oldest = 0;
	for (unsigned way = 0; way < ways; way++) {
		uint64_t age = age_of(atomic_load_explicit(&values[way], memory_order_relaxed));
		if (age < least) {
			least = age;
			oldest = way;
		}
	}
	return oldest;
}

/* Empties a place, before another key is written to it. */
static void
make_room(struct recent_table *table, _Atomic uint64_t *value)
{
	uint64_t v = atomic_load_explicit(value, memory_order_relaxed);
	if (v != 0)
		forget(table, v);
	atomic_store_explicit(value, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void
recent_add4(struct recent_table *table, const struct recent_wait *wait)
{
	struct recent_set4 *set = &table->sets4[wait->set];
	unsigned way = oldest_of(set->values, RECENT_WAYS4);
	make_room(table, &set->values[way]);
	__atomic_store_n(&set->locals[way], (uint32_t)wait->key, __ATOMIC_RELAXED);
	__atomic_store_n(&set->remotes[way], (uint32_t)(wait->key >> 32), __ATOMIC_RELAXED);
	atomic_store_explicit(&set->values[way], fresh_value(table, wait), memory_order_release);
}

void
recent_add6(struct recent_table *table, const struct recent_wait *wait)
{
	struct recent_set6 *set = &table->sets6[wait->set];
	unsigned way = oldest_of(set->values, RECENT_WAYS6);
	uint64_t key[4];
	recent_key6(wait->src, (wait->how & RECENT_IS_OUTBOUND) != 0, key);
	make_room(table, &set->values[way]);
	for (unsigned k = 0; k < 4; k++)
		__atomic_store_n(&set->keys[way][k], key[k], __ATOMIC_RELAXED);
	atomic_store_explicit(&set->values[way], fresh_value(table, wait), memory_order_release);
}

/* Reading. */

/* One place of either family, as it was at one moment. */
struct seen {
	uint8_t family;
	uint64_t key[4]; /* as in recent_wait; the rest zero */
	uint64_t value;
};

static void
read_key(
    const struct recent_table *table, uint8_t family, uint64_t set, unsigned way, uint64_t key[4])
{
	if (family == 4) {
		const struct recent_set4 *s = &table->sets4[set];
		key[0] = __atomic_load_n(&s->locals[way], __ATOMIC_RELAXED) |
			 (uint64_t)__atomic_load_n(&s->remotes[way], __ATOMIC_RELAXED) << 32;
		return;
	}
	for (unsigned k = 0; k < 4; k++)
		key[k] = __atomic_load_n(&table->sets6[set].keys[way][k], __ATOMIC_RELAXED);
}

/* False: empty, or its writer is at it; then it is there the next time. */
static bool
read_at(
    const struct recent_table *table, uint8_t family, uint64_t set, unsigned way, struct seen *seen)
{
	const _Atomic uint64_t *value =
	    family == 4 ? &table->sets4[set].values[way] : &table->sets6[set].values[way];
	uint64_t again[4] = {0};
	*seen = (struct seen){.family = family};
	for (unsigned tries = 0; tries < 4; tries++) {
		seen->value = atomic_load_explicit(value, memory_order_acquire);
		if (seen->value == 0)
			return false;
		read_key(table, family, set, way, seen->key);
		atomic_thread_fence(memory_order_acquire);
		uint64_t after = atomic_load_explicit(value, memory_order_acquire);
		/* Another conversation with the very same value may stand there by now: then its
		 * key is whole, and differs. */
		read_key(table, family, set, way, again);
		if (after == seen->value && memcmp(again, seen->key, sizeof again) == 0)
			return true;
	}
	return false;
}

static uint16_t *
told_at(const struct recent_table *table, uint8_t family, uint64_t set, unsigned way)
{
	return family == 4 ? &table->told4[set * RECENT_WAYS4 + way]
			   : &table->told6[set * RECENT_WAYS6 + way];
}

/* What marks that this very conversation was told, and not another one at its place. */
static uint16_t
tag_of(const struct recent_table *table, const struct seen *seen)
{
	uint64_t hash =
	    seen->family == 4 ? recent_hash4(table, seen->key[0]) : recent_hash6(table, seen->key);
	return (uint16_t)(hash | 1);
}

/* Adds what the place says to the row. */
static void
add(struct recent_row *row, const struct recent *recent, uint64_t value)
{
	uint32_t last = (uint32_t)value & RECENT_LAST_MAX;
	uint32_t span = (uint32_t)(value >> RECENT_SPAN_SHIFT) & RECENT_SPAN_MAX;
	uint16_t port = (uint16_t)(value >> RECENT_PORT_SHIFT);
	struct instant first = instant_of(recent, (int64_t)last - span);
	struct instant end = instant_of(recent, last);
	if (row->samples == 0 || clk_before(first, row->first))
		row->first = first;
	row->several_ports |=
	    row->samples != 0 && row->remote_port != port && row->remote_port != 0 && port != 0;
	if (row->samples == 0 || clk_before(row->last, end)) {
		row->last = end;
		row->remote_port = port != 0 ? port : row->remote_port;
	}
	row->samples += (uint32_t)(value >> RECENT_SAMPLES_SHIFT) & RECENT_SAMPLES_MAX;
	row->outbound |= (value & RECENT_OUTBOUND) != 0;
	row->inbound |= (value & RECENT_INBOUND) != 0;
	row->several_ports |= (value & RECENT_PORTS) != 0;
	row->unlisted |= (value & RECENT_UNLISTED) != 0;
}

/* Its place in another table; -1: none. All tables hash alike. */
static int
find(const struct recent_table *table, const struct seen *like, uint64_t set, uint64_t *ret_value)
{
	unsigned ways = like->family == 4 ? RECENT_WAYS4 : RECENT_WAYS6;
	struct seen seen;
	for (unsigned way = 0; way < ways; way++) {
		if (read_at(table, like->family, set, way, &seen) &&
		    memcmp(seen.key, like->key, (like->family == 4 ? 1 : 4) * sizeof seen.key[0]) ==
			0) {
			*ret_value = seen.value;
			return (int)way;
		}
	}
	return -1;
}

static void
addresses(struct recent_row *row, const struct seen *seen)
{
	if (seen->family == 4) {
		uint32_t local = (uint32_t)seen->key[0], remote = (uint32_t)(seen->key[0] >> 32);
		row->local = addr_from_v4(&local);
		row->remote = addr_from_v4(&remote);
	} else {
		row->local = addr_from_v6(seen->key);
		row->remote = addr_from_v6(seen->key + 2);
	}
}

/* One place of table `number`, with what the tables after it know of the same conversation. */
static void
visit(struct recent *recent, unsigned number, uint8_t family, uint64_t set, unsigned way,
    uint32_t minute, bool (*each)(void *user, const struct recent_row *row), void *user)
{
	const struct recent_table *table = &recent->tables[number];
	struct recent_row row = {0};
	struct seen seen;
	uint64_t value;
	if (!read_at(table, family, set, way, &seen))
		return;
	uint32_t last = (uint32_t)seen.value & RECENT_LAST_MAX;
	/* In a file that was tampered with anything may stand. */
	if (last > minute + 1 || (seen.value >> RECENT_SAMPLES_SHIFT & RECENT_SAMPLES_MAX) == 0)
		return;
	for (unsigned t = 0; t < number; t++)
		if (find(&recent->tables[t], &seen, set, &value) >= 0)
			return; /* was visited there */
	uint16_t *told = told_at(table, family, set, way), tag = tag_of(table, &seen);
	add(&row, recent, seen.value);
	for (unsigned t = number + 1; t < recent->threads; t++)
		if (find(&recent->tables[t], &seen, set, &value) >= 0)
			add(&row, recent, value);
	if (clk_diff(instant_of(recent, minute), row.last) > table->window * RECENT_MINUTE)
		return;
	addresses(&row, &seen);
	row.told = *told == tag;
	*told = each(user, &row) ? tag : 0;
}

bool
recent_walk(struct recent *recent, uint64_t *cursor, size_t slots, struct instant now,
    bool (*each)(void *user, const struct recent_row *row), void *user)
{
	uint64_t sets = recent->sets4 + recent->sets6, end = recent->threads * sets;
	uint32_t minute = minute_of(recent, now);
	for (size_t done = 0; done < slots && *cursor < end; ++*cursor) {
		unsigned number = (unsigned)(*cursor / sets);
		uint64_t set = *cursor % sets;
		uint8_t family = set < recent->sets4 ? 4 : 6;
		unsigned ways = family == 4 ? RECENT_WAYS4 : RECENT_WAYS6;
		for (unsigned way = 0; way < ways; way++)
			visit(recent, number, family, family == 4 ? set : set - recent->sets4, way,
			    minute, each, user);
		done += ways;
	}
	return *cursor < end;
}

static uint64_t
lost_since(const struct recent *recent, uint32_t from, uint64_t *ret_newest)
{
	uint64_t count = 0;
	*ret_newest = 0;
	for (unsigned t = 0; t < recent->threads; t++) {
		struct recent_lost *lost = recent->tables[t].lost;
		uint64_t newest = atomic_load_explicit(&lost->newest, memory_order_relaxed);
		if (newest > *ret_newest)
			*ret_newest = newest;
		for (unsigned i = 0; i < RECENT_HOURS; i++) {
			uint64_t word = atomic_load_explicit(&lost->hours[i], memory_order_relaxed);
			if (word >> 32 >= from / 60)
				count += word & UINT32_MAX;
		}
	}
	return count;
}

void
recent_cover(const struct recent *recent, struct instant now, struct recent_cover *ret_cover)
{
	const struct header *header = recent->header;
	uint32_t minute = minute_of(recent, now), window = recent->tables[0].window;
	uint32_t from = minute > window ? minute - window : 0;
	uint64_t newest;
	memset(ret_cover, 0, sizeof *ret_cover);
	ret_cover->from = instant_of(recent, from);
	for (unsigned i = 0; i < header->gap_count; i++) {
		const struct gap *gap = &header->gaps[i];
		unsigned at = ret_cover->gap_count;
		if (gap->to <= from)
			continue;
		ret_cover->gaps[at].from = instant_of(recent, gap->from > from ? gap->from : from);
		ret_cover->gaps[at].to = instant_of(recent, gap->to);
		ret_cover->gap_count++;
	}
	ret_cover->lost = lost_since(recent, from, &newest);
	ret_cover->complete = instant_of(recent, newest > from ? (int64_t)newest : from);
}

size_t
recent_places(const struct recent *recent)
{
	return recent->threads * (recent->sets4 * RECENT_WAYS4 + recent->sets6 * RECENT_WAYS6);
}

size_t
recent_bytes(const struct recent *recent)
{
	return recent->bytes;
}

bool
recent_resumed(const struct recent *recent)
{
	return recent->resumed;
}
