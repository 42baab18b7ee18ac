/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose address is it: exporters, switches, analysers, the controller. A hash from address to who
 * has it; several may have one. Owns its entries. Adding the same twice needs removing it twice.
 * Prefixes can be kept in a book of their own, by their first address and with the length as kind.
 */
#ifndef CONTROLLER_DECIDE_ADDRBOOK_H
#define CONTROLLER_DECIDE_ADDRBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

enum addrbook_kind {
	ADDRBOOK_EXPORTER, /* of switch `id`, by configuration */
	ADDRBOOK_REPORTED, /* of switch `id`, its agent says */
	ADDRBOOK_ANALYSER,
	ADDRBOOK_OWN, /* the controller's */
};

struct addrbook_entry {
	struct addr addr;
	unsigned id;
	unsigned kind; /* enum addrbook_kind */
	uint32_t next; /* same bucket; index + 1 */
};

struct addrbook;

/* 0 or -ENOMEM. */
int addrbook_new(struct addrbook **ret_book);
void addrbook_free(struct addrbook **book);

/* 0 or -ENOMEM, then nothing changed. */
int addrbook_add(struct addrbook *book, const struct addr *addr, unsigned kind, unsigned id);
/* Takes out one such entry; none is no error. */
void addrbook_remove(struct addrbook *book, const struct addr *addr, unsigned kind, unsigned id);

/* The first entry of an address (`after` NULL) or the one after; NULL: no more. Pointers are valid
 * until the book changes. */
const struct addrbook_entry *addrbook_find(
    const struct addrbook *book, const struct addr *addr, const struct addrbook_entry *after);
/* Any entry whose address the prefix holds; NULL: none. Looks at all of them. */
const struct addrbook_entry *addrbook_inside(
    const struct addrbook *book, const struct prefix *prefix);
size_t addrbook_count(const struct addrbook *book);

/* For hashes over addresses elsewhere in here. */
uint64_t addrbook_hash(const struct addr *addr, uint64_t seed);

#endif
