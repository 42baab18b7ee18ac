/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of exporters; see exporters.h. Both tables are sets of a few ways: bounded, no lists.
 */
#include "controller/receive/exporters.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE 64
#define HUGE_PAGE ((size_t)2 << 20)
#define ROW_WAYS 8
#define SOURCE_WAYS 4 /* two bits of a hash say which is looked at first */
#define SOURCES_PER_ROW 4
#define SILENT_LONG (3600 * CLK_S)
/* A datagram this far back in sequence or time is no late one: the exporter began anew. */
#define WINDOW 64
#define LATE_MS 10000
/* And a gap this wide is no loss but a new count: nobody sends 2^24 datagrams between two that
 * come. */
#define GAP_MAX (1 << 24)
/* The same for the sequences of sources, of which a datagram may move one by a dozen. */
#define SOURCE_WINDOW (WINDOW * 64)
#define SOURCE_GAP_MAX (1u << 20)

struct exporters_entry {
	_Alignas(LINE) atomic_uint version; /* odd while the row changes */
	uint32_t generation; /* of the sources' sequences: new at each restart and each owner */
	uint32_t number;     /* of the entry in the table */
	uint64_t seen;       /* bit n: sequence - n came */
	bool again;          /* the datagram that is open came before: its samples are no news */
	struct exporters_row row;
};

/*
 * A set of sources fills a cache line. What names one is the hash of the exporter, its generation
 * and the source's id: 32 bits of it, so that in four billion a neighbour may be taken for it,
 * which costs a wrong count.
 */
struct sources {
	_Alignas(LINE) uint32_t tag[SOURCE_WAYS]; /* 0: free */
	uint32_t sequence[SOURCE_WAYS], drops[SOURCE_WAYS];
	uint32_t turn[SOURCE_WAYS]; /* of the last use, for eviction */
};

struct exporters {
	struct exporters_entry *entries;
	uint64_t *tags; /* of the entries: what a set is searched by; 0 is free */
	struct sources *sources;
	uint32_t set_mask, source_mask;
	uint64_t seed;
	uint32_t turn, generations;
	_Atomic uint64_t count, evicted;
};

static void *
lines_new(size_t count, size_t size)
{
	size_t unit = count * size < HUGE_PAGE ? LINE : HUGE_PAGE;
	size_t bytes = (count * size + unit - 1) / unit * unit;
	void *memory = aligned_alloc(unit, bytes);
	if (memory == NULL)
		return NULL;
	/* Hit at random all over: on huge pages, where there are some, that costs no page walks. */
	if (unit == HUGE_PAGE)
		(void)madvise(memory, bytes, MADV_HUGEPAGE);
	memset(memory, 0, bytes);
	return memory;
}

int
exporters_new(unsigned rows, uint64_t seed, struct exporters **ret_exporters)
{
	if (rows == 0 || rows > 1u << 22)
		return -EINVAL;
	uint32_t sets = 1;
	while (sets * ROW_WAYS < rows)
		sets *= 2;
	uint32_t source_sets = sets * ROW_WAYS * SOURCES_PER_ROW / SOURCE_WAYS;
	struct exporters *exporters = calloc(1, sizeof *exporters);
	if (exporters == NULL)
		return -ENOMEM;
	exporters->entries = lines_new((size_t)sets * ROW_WAYS, sizeof *exporters->entries);
	exporters->tags = lines_new((size_t)sets * ROW_WAYS, sizeof *exporters->tags);
	exporters->sources = lines_new(source_sets, sizeof *exporters->sources);
	if (exporters->entries == NULL || exporters->tags == NULL || exporters->sources == NULL) {
		exporters_free(&exporters);
		return -ENOMEM;
	}
	exporters->set_mask = sets - 1;
	exporters->source_mask = source_sets - 1;
	exporters->seed = seed;
	for (uint32_t i = 0; i < sets * ROW_WAYS; i++)
		exporters->entries[i].number = i;
	*ret_exporters = exporters;
	return 0;
}

void
exporters_free(struct exporters **exporters)
{
	if (*exporters == NULL)
		return;
	free((*exporters)->entries);
	free((*exporters)->tags);
	free((*exporters)->sources);
	free(*exporters);
	*exporters = NULL;
}

/* A multiplication and a fold of the high half: every input bit reaches the low bits. */
static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
				    (b ^ UINT64_C(0xd6e8feb86659fd93));
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
hash_agent(const struct exporters *exporters, const struct addr *agent, uint32_t sub_agent)
{
	uint64_t words[2];
	memcpy(words, agent->bytes, sizeof words);
	uint64_t hash = mix(words[0] ^ exporters->seed, words[1] + agent->family);
	hash = mix(hash, exporters->seed + sub_agent);
	return hash == 0 ? 1 : hash;
}

/* Before and behind a change of the row: a reader that saw either takes another look. */
static inline void
entry_open(struct exporters_entry *entry)
{
	unsigned version = atomic_load_explicit(&entry->version, memory_order_relaxed);
	atomic_store_explicit(&entry->version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline uint32_t
set_of(const struct exporters *exporters, uint64_t hash)
{
	return ((uint32_t)hash & exporters->set_mask) * ROW_WAYS;
}

/* The way of a set in which an entry is put when it is free, so that it is mostly found there at
 * once. */
static inline uint32_t
way_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) % ROW_WAYS;
}

static struct exporters_entry *
entry_take(struct exporters *exporters, uint32_t base, uint64_t hash, struct instant now)
{
	uint32_t worst = base;
	uint64_t worst_score = UINT64_MAX;
	for (uint32_t n = 0; n < ROW_WAYS; n++) {
		uint32_t i = base + (way_of(hash) + n) % ROW_WAYS;
		const struct exporters_row *row = &exporters->entries[i].row;
		if (exporters->tags[i] == 0) {
			atomic_fetch_add_explicit(&exporters->count, 1, memory_order_relaxed);
			return &exporters->entries[i];
		}
		bool silent = clk_diff(now, row->last) > SILENT_LONG;
		uint64_t score = silent ? 0 : row->datagrams;
		if (score < worst_score) {
			worst_score = score;
			worst = i;
		}
	}
	atomic_fetch_add_explicit(&exporters->evicted, 1, memory_order_relaxed);
	return &exporters->entries[worst];
}

static uint32_t
generation_new(struct exporters *exporters)
{
	if (++exporters->generations == 0)
		exporters->generations = 1;
	return exporters->generations;
}

enum sequel { SEQUEL_NEXT, SEQUEL_GAP, SEQUEL_LATE, SEQUEL_DUPLICATE, SEQUEL_RESTART };

/* What a sequence number and uptime say behind the newest ones. Pure. */
static enum sequel
judge(const struct exporters_entry *entry, uint32_t sequence, uint32_t uptime_ms)
{
	const struct exporters_row *row = &entry->row;
	int32_t step = (int32_t)(sequence - row->sequence);
	if (step == 1)
		return SEQUEL_NEXT;
	/* Uptime is milliseconds in 32 bits: it turns over after 49.7 days, which is no restart. */
	bool younger = uptime_ms < row->uptime_ms && row->uptime_ms - uptime_ms > LATE_MS &&
		       row->uptime_ms - uptime_ms < UINT32_MAX - SILENT_LONG / CLK_MS;
	if (younger)
		return SEQUEL_RESTART;
	if (step <= -WINDOW || step > GAP_MAX)
		return SEQUEL_RESTART;
	if (step > 0)
		return SEQUEL_GAP;
	return (entry->seen >> -step & 1) != 0 ? SEQUEL_DUPLICATE : SEQUEL_LATE;
}

static void
follow(struct exporters *exporters, struct exporters_entry *entry, uint32_t sequence,
    uint32_t uptime_ms)
{
	struct exporters_row *row = &entry->row;
	uint32_t step = sequence - row->sequence;
	switch (judge(entry, sequence, uptime_ms)) {
	case SEQUEL_LATE:
		entry->seen |= UINT64_C(1) << (0 - step);
		row->late++;
		if (row->lost > 0)
			row->lost--;
		return;
	case SEQUEL_DUPLICATE:
		row->duplicates++;
		entry->again = true;
		return;
	case SEQUEL_GAP:
		row->lost += step - 1;
		/* fall through */
	case SEQUEL_NEXT:
		entry->seen = step < WINDOW ? entry->seen << step | 1 : 1;
		break;
	case SEQUEL_RESTART:
		row->restarts++;
		entry->seen = UINT64_MAX;
		entry->generation = generation_new(exporters);
		break;
	}
	row->sequence = sequence;
	row->uptime_ms = uptime_ms;
}

uint64_t
exporters_key(const struct exporters *exporters, const struct addr *agent, uint32_t sub_agent)
{
	uint64_t hash = hash_agent(exporters, agent, sub_agent);
	uint32_t base = set_of(exporters, hash);
	const char *row = (const char *)&exporters->entries[base + way_of(hash)];
	__builtin_prefetch(&exporters->tags[base]);
	for (size_t at = 0; at < sizeof(struct exporters_entry); at += LINE)
		__builtin_prefetch(row + at);
	return hash;
}

static struct exporters_entry *
entry_find(struct exporters *exporters, uint32_t base, uint64_t hash, const struct addr *agent,
    uint32_t sub_agent)
{
	for (uint32_t way = way_of(hash), n = 0; n < ROW_WAYS; n++, way = (way + 1) % ROW_WAYS) {
		if (exporters->tags[base + way] != hash)
			continue;
		const struct exporters_row *row = &exporters->entries[base + way].row;
		if (row->sub_agent == sub_agent && memcmp(&row->agent, agent, sizeof *agent) == 0)
			return &exporters->entries[base + way];
	}
	return NULL;
}

struct exporters_entry *
exporters_datagram(struct exporters *exporters, uint64_t hash, const struct addr *agent,
    uint32_t sub_agent, const struct addr *from, uint32_t sequence, uint32_t uptime_ms,
    size_t bytes, struct instant now)
{
	uint32_t base = set_of(exporters, hash);
	struct exporters_entry *entry = entry_find(exporters, base, hash, agent, sub_agent);
	if (entry != NULL) {
		entry_open(entry);
		entry->again = false;
		follow(exporters, entry, sequence, uptime_ms);
	} else {
		entry = entry_take(exporters, base, hash, now);
		entry_open(entry);
		exporters->tags[entry->number] = hash;
		memset(&entry->row, 0, sizeof entry->row);
		entry->row.agent = *agent;
		entry->row.sub_agent = sub_agent;
		entry->row.sequence = sequence;
		entry->row.uptime_ms = uptime_ms;
		entry->row.first = now;
		/* What was sent before it was known is not lost, and not late. */
		entry->seen = UINT64_MAX;
		entry->again = false;
		entry->generation = generation_new(exporters);
	}
	struct exporters_row *row = &entry->row;
	row->from = *from;
	row->last = now;
	row->datagrams++;
	row->bytes += bytes;
	return entry;
}

/* The way of a set that holds the tag, else one that is free or has not been used for longest. */
static unsigned
source_take(struct sources *set, unsigned first, uint32_t tag, uint32_t turn)
{
	unsigned oldest = first;
	for (unsigned n = 0; n < SOURCE_WAYS; n++) {
		if (set->tag[n] == tag)
			return n;
	}
	for (unsigned n = 0; n < SOURCE_WAYS; n++) {
		unsigned way = (first + n) % SOURCE_WAYS;
		if (set->tag[way] == 0)
			return way;
		if (turn - set->turn[way] > turn - set->turn[oldest])
			oldest = way;
	}
	return oldest;
}

/* One that is not simply the next: behind a gap, or late, or of a source that was unknown. */
static void
source_follow(struct exporters_row *row, struct sources *set, unsigned way, uint32_t tag,
    const struct exporters_sample *sample)
{
	uint32_t step = sample->sequence - set->sequence[way];
	uint32_t dropped = sample->drops - set->drops[way];
	if (set->tag[way] != tag) {
		set->tag[way] = tag;
	} else if ((int32_t)step > 0) {
		if (step < SOURCE_GAP_MAX)
			row->samples_lost += step - 1;
		if (dropped < SOURCE_GAP_MAX)
			row->declared_drops += dropped;
	} else if ((int32_t)step > -SOURCE_WINDOW) {
		/* It came late, and was counted as lost. */
		if (step != 0 && row->samples_lost > 0)
			row->samples_lost--;
		return;
	}
	set->sequence[way] = sample->sequence;
	set->drops[way] = sample->drops;
}

void
exporters_hash(
    const struct exporters *exporters, uint64_t key, struct exporters_sample *samples, size_t count)
{
	const struct sources *sets = exporters->sources;
	uint32_t mask = exporters->source_mask;
	for (size_t n = 0; n < count; n++) {
		samples[n].source = mix(key, samples[n].source);
		__builtin_prefetch(&sets[(uint32_t)samples[n].source & mask], 1);
	}
}

void
exporters_samples(struct exporters *exporters, struct exporters_entry *entry,
    const struct exporters_sample *samples, size_t count, uint32_t sampling_rate)
{
	if (count == 0)
		return;
	entry->row.sampling_rate = sampling_rate;
	if (entry->again)
		return;
	uint32_t salt = entry->generation * UINT32_C(0x9e3779b1), mask = exporters->source_mask;
	uint32_t turn = ++exporters->turn;
	struct sources *sets = exporters->sources;
	for (size_t n = 0; n < count; n++) {
		uint64_t hash = samples[n].source;
		uint32_t tag = ((uint32_t)(hash >> 32) ^ salt) | 1;
		struct sources *set = &sets[(uint32_t)hash & mask];
		unsigned way = (unsigned)(hash >> 62);
		if (__builtin_expect(set->tag[way] != tag, 0))
			way = source_take(set, way, tag, turn);
		set->turn[way] = turn;
		if (__builtin_expect(set->tag[way] == tag &&
					 samples[n].sequence - set->sequence[way] == 1 &&
					 samples[n].drops == set->drops[way],
			1))
			set->sequence[way] = samples[n].sequence;
		else
			source_follow(&entry->row, set, way, tag, &samples[n]);
	}
}

void
exporters_close(
    struct exporters_entry *entry, uint32_t samples, uint32_t rejects, uint32_t sightings)
{
	entry->row.samples += samples;
	entry->row.rejects += rejects;
	entry->row.sightings += sightings;
	unsigned version = atomic_load_explicit(&entry->version, memory_order_relaxed);
	atomic_store_explicit(&entry->version, version + 1, memory_order_release);
}

/* False: it changed meanwhile, or was never used. */
static bool
row_copy(const struct exporters_entry *entry, struct exporters_row *ret_row)
{
	unsigned before = atomic_load_explicit(&entry->version, memory_order_acquire);
	if (before == 0 || (before & 1) != 0)
		return false;
	memcpy(ret_row, &entry->row, sizeof *ret_row);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&entry->version, memory_order_relaxed) == before;
}

void
exporters_each(const struct exporters *exporters,
    void (*each)(void *user, const struct exporters_row *row), void *user)
{
	size_t rows = ((size_t)exporters->set_mask + 1) * ROW_WAYS;
	for (size_t i = 0; i < rows; i++) {
		const struct exporters_entry *entry = &exporters->entries[i];
		struct exporters_row row;
		if (atomic_load_explicit(&entry->version, memory_order_relaxed) == 0)
			continue;
		/* A change takes a microsecond; a thread that was put to sleep in one is passed
		 * over. */
		for (unsigned tries = 0; tries < 1000; tries++) {
			if (row_copy(entry, &row)) {
				each(user, &row);
				break;
			}
		}
	}
}

uint64_t
exporters_count(const struct exporters *exporters)
{
	return atomic_load_explicit(&exporters->count, memory_order_relaxed);
}

uint64_t
exporters_evicted(const struct exporters *exporters)
{
	return atomic_load_explicit(&exporters->evicted, memory_order_relaxed);
}

size_t
exporters_bytes(const struct exporters *exporters)
{
	size_t rows = ((size_t)exporters->set_mask + 1) * ROW_WAYS;
	return sizeof *exporters + rows * (sizeof(struct exporters_entry) + sizeof(uint64_t)) +
	       ((size_t)exporters->source_mask + 1) * sizeof *exporters->sources;
}
