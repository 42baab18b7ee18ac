/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sFlow to measure with; see generate.h. */
#include "tests/bench/generate.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/clk.h"

#define SAMPLE 192
#define SOURCES 8
#define STEPS (1 + GENERATE_SAMPLES)
#define SENDS 4 /* bursts a system call */
#define AGENTS UINT32_C(0x0aff0000)
#define HUGE_PAGE ((size_t)2 << 20)

static void *
need(void *block)
{
	if (block == NULL) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return block;
}

uint64_t
generate_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool
chance(uint64_t *seed, unsigned part, unsigned whole)
{
	return generate_random(seed) % whole < part;
}

struct generate_conf
generate_usual(void)
{
	return (struct generate_conf){
	    .datagrams = 256,
	    .exporters = 100,
	    .ipv6 = 250,
	    .vlan = 200,
	    .tunnel = 100,
	    .expanded = 500,
	    .hits_per_million = 100,
	    .seed = 1,
	};
}

static uint8_t *
put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A local host or a remote one: 10.0.0.0/8 and fd00::/8 are local, of each some ten thousand. */
static struct addr
host(const struct generate_conf *conf, uint64_t *seed, bool local, bool v6)
{
	struct addr addr = {.family = v6 ? 6 : 4};
	if (!local && conf->entry_count > 0 && chance(seed, conf->hits_per_million, 1000000)) {
		/* Any bits behind the prefix are fine. */
		const struct table_entry *entry;
		do
			entry = &conf->entries[generate_random(seed) % conf->entry_count];
		while (entry->prefix.addr.family != addr.family && conf->entry_count > 100);
		return entry->prefix.addr;
	}
	uint64_t words[2] = {generate_random(seed), generate_random(seed)};
	memcpy(addr.bytes, words, v6 ? 16 : 4);
	if (v6) {
		addr.bytes[0] = local ? 0xfd : (uint8_t)(0x20 | (addr.bytes[0] & 0x1f));
		if (local)
			memset(addr.bytes + 1, 0, 13);
	} else if (local) {
		addr.bytes[0] = 10;
		addr.bytes[1] = 1;
		addr.bytes[2] &= 63;
	} else {
		addr.bytes[0] = (uint8_t)(11 + addr.bytes[0] % 200);
	}
	return addr;
}

static uint8_t *
put_ip(uint8_t *at, const struct addr *src, const struct addr *dst, unsigned proto)
{
	if (src->family == 4) {
		at = put32(at, 0x450005dc);
		at = put32(at, 0);
		at = put32(at, 0x40000000 | proto << 16);
		memcpy(at, src->bytes, 4);
		memcpy(at + 4, dst->bytes, 4);
		return at + 8;
	}
	at = put32(at, 0x60000000);
	at = put32(at, 0x05dc0000 | proto << 8 | 64);
	memcpy(at, src->bytes, 16);
	memcpy(at + 16, dst->bytes, 16);
	return at + 32;
}

static uint8_t *
put_ethernet(uint8_t *at, bool tagged, unsigned type, uint64_t *seed)
{
	memcpy(at, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	at += 12;
	if (tagged) {
		at = put16(at, 0x8100);
		at = put16(at, (unsigned)(generate_random(seed) % 4094 + 1));
	}
	return put16(at, type);
}

/* A VXLAN, Geneve, GRE or IP-in-IP packet between two tunnel endpoints, up to where the inner IP begins. */
static uint8_t *
put_tunnel(uint8_t *at, bool inner6, uint64_t *seed)
{
	struct addr a = {.bytes = {172, 16, 0, 1}, .family = 4}, b = a;
	a.bytes[3] = (uint8_t)generate_random(seed);
	b.bytes[3] = (uint8_t)generate_random(seed);
	unsigned kind = (unsigned)(generate_random(seed) % 4);
	switch (kind) {
	case 0: /* VXLAN, Geneve */
	case 3:
		at = put_ip(at, &a, &b, IPPROTO_UDP);
		at = put16(at, 50000);
		at = put16(at, kind == 0 ? 4789 : 6081);
		at = put32(at, 0x05dc0000);
		at = put32(at, kind == 0 ? 0x08000000 : 0x6558);
		at = put32(at, (uint32_t)(generate_random(seed) & 0xffffff) << 8);
		return put_ethernet(at, false, inner6 ? 0x86dd : 0x0800, seed);
	case 1:
		at = put_ip(at, &a, &b, IPPROTO_GRE);
		return put32(at, inner6 ? 0x86dd : 0x0800);
	default:
		return put_ip(at, &a, &b, inner6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
	}
}

static void
put_packet(const struct generate_conf *conf, uint8_t *at, uint64_t *seed)
{
	bool v6 = chance(seed, conf->ipv6, 1000), tunnel = chance(seed, conf->tunnel, 1000);
	bool outbound = generate_random(seed) & 1, udp = chance(seed, 200, 1000);
	struct addr local = host(conf, seed, true, v6), remote = host(conf, seed, false, v6);
	at =
	    put_ethernet(at, chance(seed, conf->vlan, 1000), v6 && !tunnel ? 0x86dd : 0x0800, seed);
	if (tunnel)
		at = put_tunnel(at, v6, seed);
	at = put_ip(at, outbound ? &local : &remote, outbound ? &remote : &local,
	    udp ? IPPROTO_UDP : IPPROTO_TCP);
	unsigned port = (unsigned)(32768 + generate_random(seed) % 28000);
	at = put16(at, outbound ? port : 443);
	at = put16(at, outbound ? 443 : port);
	if (!udp) {
		at = put32(put32(at, 1), 1);
		at = put16(at, 0x5018);
	}
}

/* One sample of exactly SAMPLE bytes; the header is as long as is left for it. */
static void
put_sample(const struct generate_conf *conf, uint8_t *at, uint32_t source, uint64_t *seed)
{
	bool expanded = chance(seed, conf->expanded, 1000), record = chance(seed, 500, 1000);
	const uint8_t *end = at + SAMPLE;
	at = put32(at, expanded ? 3 : 1);
	at = put32(at, SAMPLE - 8);
	at = put32(at, 0);
	if (expanded)
		at = put32(at, 0);
	at = put32(at, source);
	at = put32(at, 4096);
	at = put32(at, 0);
	at = put32(at, 0);
	if (expanded)
		at = put32(at, 0);
	at = put32(at, source);
	if (expanded)
		at = put32(at, 0);
	at = put32(at, source + 1);
	at = put32(at, record ? 2 : 1);
	if (record) {
		at = put32(at, 1001);
		at = put32(at, 16);
		at = put32(at, 100);
		at = put32(at, 0);
		at = put32(at, 200);
		at = put32(at, 0);
	}
	uint32_t header = (uint32_t)(end - at) - 24;
	at = put32(at, 1);
	at = put32(at, header + 16);
	at = put32(at, 1);
	at = put32(at, 1518);
	at = put32(at, 4);
	at = put32(at, header);
	put_packet(conf, at, seed);
}

/* Each step is how many of its exporter's datagrams, or of its source's samples, there are. */
static void
put_steps(struct generate *generate, const uint32_t *sent, const uint32_t *taken)
{
	for (size_t i = 0; i < generate->count; i++) {
		const uint8_t *at = generate->bytes + i * GENERATE_LENGTH;
		uint32_t exporter = get32(at + 8) - AGENTS, *steps = generate->steps + i * STEPS;
		steps[0] = sent[exporter];
		for (unsigned s = 0; s < GENERATE_SAMPLES; s++) {
			const uint8_t *sample = at + 28 + (size_t)s * SAMPLE;
			uint32_t source = get32(sample + (get32(sample) == 3 ? 16 : 12));
			steps[1 + s] = taken[exporter * SOURCES + source - 1];
		}
	}
}

struct generate
generate_new(const struct generate_conf *conf)
{
	struct generate generate = {.count = conf->datagrams};
	uint64_t seed = conf->seed;
	size_t bytes = (conf->datagrams * GENERATE_LENGTH + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	generate.bytes = need(aligned_alloc(HUGE_PAGE, bytes));
	(void)madvise(generate.bytes, bytes, MADV_HUGEPAGE);
	memset(generate.bytes, 0, bytes);
	generate.steps = need(calloc(conf->datagrams * STEPS, sizeof *generate.steps));
	uint32_t *sent = need(calloc(conf->exporters, sizeof *sent));
	uint32_t *taken = need(calloc((size_t)conf->exporters * SOURCES, sizeof *taken));
	uint32_t exporter = 0;
	for (size_t i = 0; i < conf->datagrams; i++) {
		if (!conf->bursts || i % GENERATE_BURST == 0)
			exporter = (uint32_t)(generate_random(&seed) % conf->exporters);
		uint8_t *at = generate.bytes + i * GENERATE_LENGTH;
		uint32_t sequence = ++sent[exporter];
		at = put32(at, 5);
		at = put32(at, 1);
		at = put32(at, AGENTS + exporter);
		at = put32(at, 0);
		at = put32(at, sequence);
		at = put32(at, sequence);
		at = put32(at, GENERATE_SAMPLES);
		for (unsigned s = 0; s < GENERATE_SAMPLES; s++, at += SAMPLE) {
			uint32_t source = (uint32_t)(generate_random(&seed) % SOURCES);
			put_sample(conf, at, source + 1, &seed);
			put32(at + 8, ++taken[exporter * SOURCES + source]);
		}
	}
	put_steps(&generate, sent, taken);
	free(sent);
	free(taken);
	return generate;
}

void
generate_free(struct generate *generate)
{
	free(generate->bytes);
	free(generate->steps);
	*generate = (struct generate){0};
}

void
generate_advance(struct generate *generate, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++) {
		uint8_t *at = generate->bytes + i * GENERATE_LENGTH;
		const uint32_t *steps = generate->steps + i * STEPS;
		put32(at + 16, get32(at + 16) + steps[0]);
		put32(at + 20, get32(at + 20) + steps[0]);
		for (unsigned s = 0; s < GENERATE_SAMPLES; s++) {
			uint8_t *sample = at + 28 + (size_t)s * SAMPLE;
			put32(sample + 8, get32(sample + 8) + steps[1 + s]);
		}
	}
}

static int
compare(const void *va, const void *vb)
{
	const struct table_entry *a = va, *b = vb;
	return addr_compare(&a->prefix.addr, &b->prefix.addr);
}

struct table_entry *
generate_entries(size_t v4, size_t v6, uint64_t seed)
{
	struct table_entry *entries = need(calloc(v4 + v6, sizeof *entries));
	for (size_t i = 0; i < v4 + v6; i++) {
		uint64_t words[2] = {generate_random(&seed), generate_random(&seed)};
		struct addr addr = {.family = i < v4 ? 4 : 6};
		memcpy(addr.bytes, words, i < v4 ? 4 : 16);
		addr.bytes[0] = i < v4 ? (uint8_t)(11 + addr.bytes[0] % 200)
				       : (uint8_t)(0x20 | (addr.bytes[0] & 0x1f));
		entries[i].prefix = prefix_make(&addr, i < v4 ? 32 : i % 2 ? 48 : 64);
		entries[i].line = (uint32_t)i + 1;
	}
	qsort(entries, v4 + v6, sizeof *entries, compare);
	return entries;
}

/* Waits until it is time for what has been sent so far. */
static void
keep_pace(struct instant start, uint64_t sent, uint64_t rate)
{
	int64_t due = (int64_t)((double)sent * 1e9 / (double)rate);
	int64_t ahead = due - clk_diff(clk_now(), start);
	if (ahead > 100000) {
		struct timespec wait = {0, ahead - 60000};
		nanosleep(&wait, NULL);
	}
	while (clk_diff(clk_now(), start) < due)
		;
}

uint64_t
generate_send(struct generate *generate, int fd, int64_t ns, uint64_t rate)
{
	int segment = GENERATE_LENGTH;
	bool gso = setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0;
	size_t burst = gso ? GENERATE_BURST : 1, sends = gso && rate == 0 ? SENDS : 1, at = 0;
	struct instant start = clk_now();
	uint64_t sent = 0;
	while (clk_diff(clk_now(), start) < ns) {
		struct mmsghdr messages[SENDS] = {0};
		struct iovec vectors[SENDS];
		for (size_t i = 0; i < sends; i++) {
			if (at + burst > generate->count)
				at = 0;
			generate_advance(generate, at, burst);
			vectors[i] = (struct iovec){
			    generate->bytes + at * GENERATE_LENGTH, burst * GENERATE_LENGTH};
			messages[i].msg_hdr.msg_iov = &vectors[i];
			messages[i].msg_hdr.msg_iovlen = 1;
			at += burst;
		}
		if (rate != 0)
			keep_pace(start, sent, rate);
		int done = sendmmsg(fd, messages, (unsigned)sends, 0);
		if (done > 0)
			sent += (uint64_t)done * burst;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED)
			break;
	}
	return sent;
}
