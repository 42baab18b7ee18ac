/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/tool/pcapng.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SECTION UINT32_C(0x0A0D0D0A)
#define BLOCK_INTERFACE UINT32_C(1)
#define BLOCK_PACKET UINT32_C(6)
#define BYTE_ORDER_MAGIC UINT32_C(0x1A2B3C4D)

enum { OPT_END = 0, OPT_COMMENT = 1, OPT_USERAPPL = 4, OPT_TSRESOL = 9 };

static uint32_t
padded(size_t size)
{
	return (uint32_t)((size + 3) & ~(size_t)3);
}

static void
put(struct pcapng *p, const void *bytes, size_t size)
{
	static const uint8_t zeros[4];

	(void)fwrite(bytes, 1, size, p->file);
	(void)fwrite(zeros, 1, padded(size) - size, p->file);
}

static void
put32(struct pcapng *p, uint32_t value)
{
	put(p, &value, 4);
}

static void
put16_16(struct pcapng *p, uint16_t a, uint16_t b)
{
	uint16_t both[2] = {a, b};

	put(p, both, 4);
}

/* Bytes of an option with its head; 0 for one that is left out. */
static uint32_t
option_size(size_t size)
{
	return size ? 4 + padded(size) : 0;
}

static void
put_option(struct pcapng *p, uint16_t code, const void *bytes, size_t size)
{
	if (size == 0)
		return;
	put16_16(p, code, (uint16_t)size);
	put(p, bytes, size);
}

void
pcapng_begin(struct pcapng *p, FILE *file, const char *program)
{
	uint32_t size = 28 + option_size(strlen(program)) + 4;
	const int64_t unknown = -1;

	*p = (struct pcapng){.file = file};
	put32(p, BLOCK_SECTION);
	put32(p, size);
	put32(p, BYTE_ORDER_MAGIC);
	put16_16(p, 1, 0);
	put(p, &unknown, 8);
	put_option(p, OPT_USERAPPL, program, strlen(program));
	put16_16(p, OPT_END, 0);
	put32(p, size);
}

static int
interface_of(struct pcapng *p, uint16_t link)
{
	static const uint8_t nanoseconds = 9;
	unsigned i = 0;

	while (i < p->link_count && p->links[i] != link)
		i++;
	if (i < p->link_count)
		return (int)i;
	if (i == PCAPNG_INTERFACES_MAX)
		return -ENOSPC;
	p->links[p->link_count++] = link;
	put32(p, BLOCK_INTERFACE);
	put32(p, 32);
	put16_16(p, link, 0);
	put32(p, 0);
	put_option(p, OPT_TSRESOL, &nanoseconds, 1);
	put16_16(p, OPT_END, 0);
	put32(p, 32);
	return (int)i;
}

int
pcapng_packet(struct pcapng *p, uint16_t link, int64_t wall_ns, const uint8_t *bytes, uint32_t size,
    uint32_t length, const char *comment)
{
	size_t said = strnlen(comment, 65535);
	uint32_t total = 32 + padded(size) + option_size(said) + (said ? 4 : 0);
	int interface = interface_of(p, link);

	if (interface < 0)
		return interface;
	put32(p, BLOCK_PACKET);
	put32(p, total);
	put32(p, (uint32_t)interface);
	put32(p, (uint32_t)((uint64_t)wall_ns >> 32));
	put32(p, (uint32_t)wall_ns);
	put32(p, size);
	put32(p, length < size ? size : length);
	put(p, bytes, size);
	if (said) {
		put_option(p, OPT_COMMENT, comment, said);
		put16_16(p, OPT_END, 0);
	}
	put32(p, total);
	return 0;
}
