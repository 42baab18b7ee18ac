/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table holds, for each family, the address space cut into intervals with one answer each, so
 * its size hangs on the number of prefixes alone and not on their lengths. Three steps find the
 * interval of an address. The sieve, a bit for each /24 (2 MiB), is clear when nothing in it
 * matches: nearly every miss ends there. IPv4: the index says where the intervals of each /16
 * begin, and among these the 16 bits below are searched, halving without branches. IPv6, where a
 * single /32 may hold thousands: a tree of cache lines (seek.h). Both are built by the same code,
 * keys standing left-aligned in 128 bits.
 */
#include "controller/match/table.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "controller/match/seek.h"

__extension__ typedef unsigned __int128 key;

#define KEY_MAX (~(key)0)
#define ENTRIES_MAX ((size_t)1 << 28)
#define SIEVE_WORDS ((size_t)1 << 18)
#define INDEX_SLOTS ((size_t)1 << 16)
#define HUGE_PAGE ((size_t)2 << 20)
#define DIGIT_BITS 8 /* four passes over 32 bits */
#define DIGITS ((size_t)1 << DIGIT_BITS)

/* An interval's value: the number of its set, and whether an allow entry silences it. */
#define VALUE_ALLOWED UINT32_C(0x80000000)
#define SET_V6 UINT32_C(0x40000000)
#define SET_ROW UINT32_C(0x3fffffff)

struct row {
	key start;
	uint32_t line;
	uint32_t up; /* the set of the next wider prefix; true in the first row of a prefix alone */
	uint16_t port, feed;
	uint8_t len; /* IPv4: 0..32 as well */
	bool allow;
};

struct half {
	uint64_t *sieve;
	uint8_t *shade;
	uint32_t *index;  /* IPv4: INDEX_SLOTS + 1 */
	uint16_t *low;    /* IPv4: bits 16..31 of each interval's start */
	key *pos;         /* each interval's start; while the table is built */
	struct seek seek; /* IPv6: the same, to be searched */
	uint32_t *value;
	size_t intervals;
	struct row *rows;
	size_t row_count, sets;
};

struct table {
	struct table_head head; /* first: table.h reads it there */
	struct half v4, v6;
};

static bool
row_allows(const struct row *row)
{
	return row->allow || row->feed >= TABLE_NEVER;
}

static int
row_compare(const void *va, const void *vb)
{
	const struct row *a = va, *b = vb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	if (a->feed != b->feed)
		return a->feed < b->feed ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return (int)a->allow - (int)b->allow;
}

static key
key_from(const uint8_t *bytes, size_t size)
{
	key k = 0;

	for (size_t i = 0; i < size; i++)
		k |= (key)bytes[i] << (120 - 8 * i);
	return k;
}

/* The last address of a prefix. */
static key
key_last(key start, unsigned len)
{
	return len == 0 ? KEY_MAX : len >= 128 ? start : start | (KEY_MAX >> len);
}

/* What a prefix leaves below it: as wide as its rows, sorted, are walked. */
struct sweep {
	struct half *half;
	uint32_t family;
	unsigned depth;
	struct {
		key last;
		uint32_t value;
	} open[130];
};

/* From `pos` on, the answer is `value`. Positions never fall. */
static void
sweep_emit(struct half *half, key pos, uint32_t value)
{
	size_t n = half->intervals;

	if (n > 0 && half->pos[n - 1] == pos)
		n--;
	if (n == 0 || half->value[n - 1] != value) {
		half->pos[n] = pos;
		half->value[n] = value;
		n++;
	}
	half->intervals = n;
}

/* Ends what is open and lies wholly before `pos`; all of it when `pos` is past the end. */
static void
sweep_close(struct sweep *sweep, bool all, key pos)
{
	while (sweep->depth > 1 && (all || sweep->open[sweep->depth - 1].last < pos)) {
		key last = sweep->open[sweep->depth - 1].last;

		sweep->depth--;
		if (last != KEY_MAX)
			sweep_emit(sweep->half, last + 1, sweep->open[sweep->depth - 1].value);
	}
}

/* Cuts the address space at the prefixes' ends. Sets each first row's `up`. */
static void
sweep_run(struct half *half, uint32_t family)
{
	struct sweep sweep = {.half = half, .family = family, .depth = 1};
	struct row *rows = half->rows;

	sweep.open[0].last = KEY_MAX;
	sweep.open[0].value = 0;
	sweep_emit(half, 0, 0);
	for (size_t i = 0, next; i < half->row_count; i = next) {
		uint32_t outer, value;
		bool allowed = row_allows(&rows[i]);

		for (next = i + 1; next < half->row_count && rows[next].start == rows[i].start &&
				   rows[next].len == rows[i].len;
		     next++)
			allowed = allowed || row_allows(&rows[next]);
		sweep_close(&sweep, false, rows[i].start);
		outer = sweep.open[sweep.depth - 1].value;
		rows[i].up = outer & ~VALUE_ALLOWED;
		value = ((uint32_t)i + 1) | family | (outer & VALUE_ALLOWED);
		if (allowed)
			value |= VALUE_ALLOWED;
		sweep_emit(half, rows[i].start, value);
		sweep.open[sweep.depth].last = key_last(rows[i].start, rows[i].len);
		sweep.open[sweep.depth].value = value;
		sweep.depth++;
		half->sets++;
	}
	sweep_close(&sweep, true, 0);
}

static bool
value_matches(uint32_t value)
{
	return value != 0 && !(value & VALUE_ALLOWED);
}

/* Sets the bits from `first` to `last`. */
static void
sieve_fill(uint64_t *sieve, uint32_t first, uint32_t last)
{
	uint32_t a = first >> 6, b = last >> 6;
	uint64_t head = ~UINT64_C(0) << (first & 63), tail = ~UINT64_C(0) >> (63 - (last & 63));

	if (a == b) {
		sieve[a] |= head & tail;
		return;
	}
	sieve[a] |= head;
	for (uint32_t i = a + 1; i < b; i++)
		sieve[i] = ~UINT64_C(0);
	sieve[b] |= tail;
}

/* Of an interval that matches: the /16s that lie in it whole, and those that it shares. */
static void
shade_fill(uint8_t *shade, key start, key end)
{
	uint32_t first = (uint32_t)(start >> 112), last = (uint32_t)(end >> 112);

	for (uint32_t slot = first; slot <= last; slot++) {
		bool whole = (slot > first || start << 16 == 0) &&
			     (slot < last || end << 16 == KEY_MAX << 16);

		shade[htobe16((uint16_t)slot)] = whole ? TABLE_ALL : TABLE_SOME;
	}
}

static void
half_index(struct half *half)
{
	size_t slot = 0;

	for (size_t i = 0; i < half->intervals; i++) {
		key end = i + 1 < half->intervals ? half->pos[i + 1] - 1 : KEY_MAX;

		for (; half->index && slot <= (size_t)(half->pos[i] >> 112); slot++)
			half->index[slot] = (uint32_t)i;
		if (value_matches(half->value[i])) {
			sieve_fill(
			    half->sieve, (uint32_t)(half->pos[i] >> 104), (uint32_t)(end >> 104));
			shade_fill(half->shade, half->pos[i], end);
		}
	}
	for (; half->index && slot <= INDEX_SLOTS; slot++)
		half->index[slot] = (uint32_t)half->intervals;
}

/* Gives back what a guess at the size took too much; a failure to shrink is none. */
static void *
trim(void *block, size_t size)
{
	void *less = realloc(block, size > 0 ? size : 1);

	return less ? less : block;
}

/* What is hit at random all over: on huge pages, where there are some, a look-up costs no page
 * walks. */
static void *
wide_new(size_t size)
{
	size_t whole = (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	void *block;

	if (size < HUGE_PAGE / 2)
		return malloc(size > 0 ? size : 1);
	block = aligned_alloc(HUGE_PAGE, whole);
	if (block)
		(void)madvise(block, whole, MADV_HUGEPAGE);
	return block;
}

/* The same for a block whose size was a guess; a failure to move it is none. */
static void *
wide_trim(void *block, size_t size)
{
	void *wide = size < HUGE_PAGE / 2 ? NULL : wide_new(size);

	if (!wide)
		return trim(block, size);
	memcpy(wide, block, size);
	free(block);
	return wide;
}

static uint64_t *
sieve_new(void)
{
	uint64_t *sieve = wide_new(SIEVE_WORDS * sizeof *sieve);

	if (sieve)
		memset(sieve, 0, SIEVE_WORDS * sizeof *sieve);
	return sieve;
}

/*
 * Sorts the rows: by the first 32 bits of their start digit by digit, then what shares them by
 * comparison. -ENOMEM: nothing is sorted.
 */
static int
rows_sort(struct row *rows, size_t count)
{
	struct row *other = malloc((count + 1) * sizeof *other), *from = rows, *to = other;

	if (!other)
		return -ENOMEM;
	for (unsigned shift = 96; shift < 128; shift += DIGIT_BITS) {
		size_t at[DIGITS] = {0}, sum = 0;

		for (size_t i = 0; i < count; i++)
			at[(size_t)(from[i].start >> shift) & (DIGITS - 1)]++;
		for (size_t d = 0, n; d < DIGITS; d++, sum += n) {
			n = at[d];
			at[d] = sum;
		}
		for (size_t i = 0; i < count; i++)
			to[at[(size_t)(from[i].start >> shift) & (DIGITS - 1)]++] = from[i];
		to = from;
		from = from == rows ? other : rows;
	}
	/* An even number of passes: they stand in `rows` again. */
	free(other);
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count && rows[next].start >> 96 == rows[i].start >> 96;)
			next++;
		if (next - i > 1)
			qsort(&rows[i], next - i, sizeof *rows, row_compare);
	}
	return 0;
}

/* IPv4: what the index leaves of the intervals' starts. */
static int
half_low(struct half *half)
{
	half->low = wide_new(half->intervals * sizeof *half->low);
	if (!half->low)
		return -ENOMEM;
	for (size_t i = 0; i < half->intervals; i++)
		half->low[i] = (uint16_t)(half->pos[i] >> 96);
	return 0;
}

static int
half_seek(struct half *half)
{
	if (seek_new(half->intervals, &half->seek) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < half->intervals; i++) {
		half->seek.high[i] = (uint64_t)(half->pos[i] >> 64);
		half->seek.low[i] = (uint64_t)half->pos[i];
	}
	seek_tie(&half->seek);
	return 0;
}

/* Takes the rows, in any order, and makes the rest. */
static int
half_build(struct half *half, uint32_t family)
{
	struct row *rows = half->rows;
	size_t kept = 0;
	bool sorted = true;

	for (size_t i = 1; i < half->row_count && sorted; i++)
		sorted = row_compare(&rows[i - 1], &rows[i]) <= 0;
	if (!sorted && rows_sort(rows, half->row_count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < half->row_count; i++)
		if (kept == 0 || row_compare(&rows[kept - 1], &rows[i]) != 0)
			rows[kept++] = rows[i];
	half->row_count = kept;
	if (kept > 0)
		half->rows = trim(rows, kept * sizeof *rows);
	half->sieve = sieve_new();
	half->shade = calloc(INDEX_SLOTS, sizeof *half->shade);
	half->index = family == SET_V6 ? NULL : malloc((INDEX_SLOTS + 1) * sizeof *half->index);
	half->pos = malloc((2 * kept + 1) * sizeof *half->pos);
	half->value = malloc((2 * kept + 1) * sizeof *half->value);
	if (!half->sieve || !half->shade || (!half->index && family != SET_V6) || !half->pos ||
	    !half->value)
		return -ENOMEM;
	sweep_run(half, family);
	half_index(half);
	half->value = wide_trim(half->value, half->intervals * sizeof *half->value);
	if ((family == SET_V6 ? half_seek(half) : half_low(half)) < 0)
		return -ENOMEM;
	free(half->pos);
	half->pos = NULL;
	return 0;
}

static void
half_done(struct half *half)
{
	free(half->sieve);
	free(half->shade);
	free(half->index);
	free(half->low);
	free(half->pos);
	seek_done(&half->seek);
	free(half->value);
	free(half->rows);
}

int
table_new(const struct table_entry *entries, size_t count, struct table **ret_table)
{
	size_t count6 = 0, total = 0;
	struct table *table;
	int r;

	if (count > ENTRIES_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		count6 += entries[i].prefix.addr.family == 6;
		total += entries[i].prefix.addr.family == 4 || entries[i].prefix.addr.family == 6;
	}
	table = calloc(1, sizeof *table);
	if (!table)
		return -ENOMEM;
	table->v4.rows = calloc(total - count6 + 1, sizeof *table->v4.rows);
	table->v6.rows = calloc(count6 + 1, sizeof *table->v6.rows);
	if (!table->v4.rows || !table->v6.rows) {
		table_free(&table);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		const struct table_entry *e = &entries[i];
		struct half *half = e->prefix.addr.family == 6 ? &table->v6 : &table->v4;

		if (e->prefix.addr.family != 4 && e->prefix.addr.family != 6)
			continue;
		half->rows[half->row_count++] = (struct row){
		    .start = key_from(e->prefix.addr.bytes, half == &table->v6 ? 16 : 4),
		    .len = e->prefix.len,
		    .line = e->line,
		    .port = e->port,
		    .feed = e->feed,
		    .allow = e->allow,
		};
	}
	r = half_build(&table->v4, 0);
	if (r == 0)
		r = half_build(&table->v6, SET_V6);
	if (r < 0) {
		table_free(&table);
		return r;
	}
	table->head = (struct table_head){
	    {table->v4.sieve, table->v6.sieve}, {table->v4.shade, table->v6.shade}};
	*ret_table = table;
	return 0;
}

void
table_free(struct table **table)
{
	if (!*table)
		return;
	half_done(&(*table)->v4);
	half_done(&(*table)->v6);
	free(*table);
	*table = NULL;
}

/* The value of the interval that holds the address, past the sieve. */
static uint32_t
half_value4(const struct half *half, uint32_t addr)
{
	size_t base = half->index[addr >> 16], n = half->index[(addr >> 16) + 1] - base;
	uint16_t low = (uint16_t)addr;

	while (n > 0) {
		size_t step = (n + 1) / 2;

		base += half->low[base + step - 1] <= low ? step : 0;
		n -= step;
	}
	return half->value[base - 1];
}

static uint32_t
half_value6(const struct half *half, const uint8_t addr[16])
{
	uint64_t high, low;

	memcpy(&high, addr, 8);
	memcpy(&low, addr + 8, 8);
	return half->value[seek_find(&half->seek, be64toh(high), be64toh(low)) - 1];
}

static uint32_t
value_set(uint32_t value)
{
	return value_matches(value) ? value : 0;
}

uint32_t
table_past4(const struct table *table, uint32_t addr)
{
	return value_set(half_value4(&table->v4, addr));
}

uint32_t
table_past6(const struct table *table, const uint8_t addr[16])
{
	return value_set(half_value6(&table->v6, addr));
}

static uint32_t
addr_v4(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

uint32_t
table_find(const struct table *table, const struct addr *addr)
{
	if (addr->family == 4)
		return table_find4(table, addr_v4(addr->bytes));
	return addr->family == 6 ? table_find6(table, addr->bytes) : 0;
}

uint32_t
table_explain(const struct table *table, const struct addr *addr, bool *ret_allowed)
{
	uint32_t value = 0;

	if (addr->family == 4)
		value = half_value4(&table->v4, addr_v4(addr->bytes));
	else if (addr->family == 6)
		value = half_value6(&table->v6, addr->bytes);
	*ret_allowed = (value & VALUE_ALLOWED) != 0;
	return value & ~VALUE_ALLOWED;
}

size_t
table_set(const struct table *table, uint32_t set, struct table_entry *entries, size_t max)
{
	size_t count = 0;

	for (uint32_t up; set != 0; set = up) {
		const struct half *half = set & SET_V6 ? &table->v6 : &table->v4;
		size_t first = (set & SET_ROW) - 1;
		const struct row *rows = half->rows;

		up = rows[first].up;
		for (size_t i = first; i < half->row_count && rows[i].start == rows[first].start &&
				       rows[i].len == rows[first].len;
		     i++, count++) {
			struct table_entry *e;

			if (count >= max)
				continue;
			e = &entries[count];
			memset(e, 0, sizeof *e);
			e->prefix.addr.family = half == &table->v6 ? 6 : 4;
			for (unsigned b = 0; b < (half == &table->v6 ? 16 : 4); b++)
				e->prefix.addr.bytes[b] = (uint8_t)(rows[i].start >> (120 - 8 * b));
			e->prefix.len = rows[i].len;
			e->allow = row_allows(&rows[i]);
			e->port = rows[i].port;
			e->feed = rows[i].feed;
			e->line = rows[i].line;
		}
	}
	return count;
}

static size_t
half_bytes(const struct half *half)
{
	return SIEVE_WORDS * sizeof *half->sieve + INDEX_SLOTS * sizeof *half->shade +
	       (half->index ? (INDEX_SLOTS + 1) * sizeof *half->index : seek_bytes(&half->seek)) +
	       (half->low ? half->intervals * sizeof *half->low : 0) +
	       half->intervals * sizeof *half->value + half->row_count * sizeof *half->rows;
}

void
table_stats(const struct table *table, struct table_stats *ret_stats)
{
	*ret_stats = (struct table_stats){
	    .entries4 = table->v4.row_count,
	    .entries6 = table->v6.row_count,
	    .sets = table->v4.sets + table->v6.sets,
	    .bytes = sizeof *table + half_bytes(&table->v4) + half_bytes(&table->v6),
	};
}
