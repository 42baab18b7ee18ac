/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/iptable.h"

#include <errno.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libiptc is two libraries with one interface; entries pass as untyped pointers here. */
struct ops {
	struct xtc_handle *(*init)(const char *table);
	void (*free)(struct xtc_handle *h);
	const char *(*first_chain)(struct xtc_handle *h);
	const char *(*next_chain)(struct xtc_handle *h);
	const void *(*first_rule)(const char *chain, struct xtc_handle *h);
	const void *(*next_rule)(const void *prev, struct xtc_handle *h);
	const char *(*get_target)(const void *e, struct xtc_handle *h);
	int (*is_chain)(const char *chain, struct xtc_handle *h);
	int (*insert)(const char *chain, const void *e, struct xtc_handle *h);
	int (*append)(const char *chain, const void *e, struct xtc_handle *h);
	int (*delete_num)(const char *chain, unsigned num, struct xtc_handle *h);
	int (*commit)(struct xtc_handle *h);
	const char *(*strerror)(int error);
	size_t (*size)(const void *e);
};

#define OPS(p, entry_type, lib)                                                                    \
	static const void *p##first_rule(const char *chain, struct xtc_handle *h)                  \
	{                                                                                          \
		return lib##first_rule(chain, h);                                                  \
	}                                                                                          \
	static const void *p##next_rule(const void *prev, struct xtc_handle *h)                    \
	{                                                                                          \
		return lib##next_rule(prev, h);                                                    \
	}                                                                                          \
	static const char *p##get_target(const void *e, struct xtc_handle *h)                      \
	{                                                                                          \
		return lib##get_target(e, h);                                                      \
	}                                                                                          \
	static int p##insert(const char *chain, const void *e, struct xtc_handle *h)               \
	{                                                                                          \
		xt_chainlabel label = "";                                                          \
		snprintf(label, sizeof label, "%s", chain);                                        \
		return lib##insert_entry(label, e, 0, h);                                          \
	}                                                                                          \
	static int p##append(const char *chain, const void *e, struct xtc_handle *h)               \
	{                                                                                          \
		xt_chainlabel label = "";                                                          \
		snprintf(label, sizeof label, "%s", chain);                                        \
		return lib##append_entry(label, e, h);                                             \
	}                                                                                          \
	static int p##delete_num(const char *chain, unsigned num, struct xtc_handle *h)            \
	{                                                                                          \
		xt_chainlabel label = "";                                                          \
		snprintf(label, sizeof label, "%s", chain);                                        \
		return lib##delete_num_entry(label, num, h);                                       \
	}                                                                                          \
	static size_t p##size(const void *e)                                                       \
	{                                                                                          \
		return ((const struct entry_type *)e)->next_offset;                                \
	}                                                                                          \
	static const struct ops p##ops = {lib##init, lib##free, lib##first_chain, lib##next_chain, \
	    p##first_rule, p##next_rule, p##get_target, lib##is_chain, p##insert, p##append,       \
	    p##delete_num, lib##commit, lib##strerror, p##size};

OPS(v4_, ipt_entry, iptc_)
OPS(v6_, ip6t_entry, ip6tc_)

struct iptable_reading {
	unsigned family;
	const struct ops *ops;
	struct xtc_handle *handle;
	bool deep;
	const struct iptable_known *known;
	size_t n_known;
	xt_chainlabel *chains;
	size_t n_chains;
	struct iptable_row *rows;
	size_t n_rows, room_rows;
	uint64_t *foreign; /* fingerprints, chain by chain */
	size_t n_foreign, room_foreign;
};

/* Room for one more; grows by doubling. */
static int
grow(void **array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return 0;
	size_t more = *room ? *room * 2 : 64;
	void *bigger = reallocarray(*array, more, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*room = more;
	return 0;
}

static bool
is_ours(const struct iptable_reading *r, const uint8_t *bytes, size_t size, uint64_t *ret_capture,
    unsigned *ret_rule)
{
	if (entry_find_tag(r->family, bytes, size, ret_capture, ret_rule))
		return true;
	for (size_t i = 0; i < r->n_known; i++) {
		const struct iptable_known *k = &r->known[i];
		if (k->family == r->family &&
		    entry_same(r->family, k->entry.bytes, k->entry.size, bytes, size, r->deep)) {
			*ret_capture = k->capture;
			*ret_rule = k->rule;
			return true;
		}
	}
	return false;
}

static int
read_rule(struct iptable_reading *r, unsigned chain, unsigned index, const void *e)
{
	const uint8_t *bytes = e;
	size_t size = r->ops->size(e);
	uint64_t capture;
	unsigned rule;

	if (is_ours(r, bytes, size, &capture, &rule)) {
		if (grow((void **)&r->rows, r->n_rows, &r->room_rows, sizeof *r->rows) < 0)
			return -ENOMEM;
		r->rows[r->n_rows] = (struct iptable_row){
		    .have = {capture, rule, chain, index, r->n_rows}, .bytes = bytes, .size = size};
		r->n_rows++;
		return 0;
	}
	if (grow((void **)&r->foreign, r->n_foreign, &r->room_foreign, sizeof *r->foreign) < 0)
		return -ENOMEM;
	const char *verdict =
	    entry_is_standard(r->family, bytes, size) ? r->ops->get_target(e, r->handle) : NULL;
	r->foreign[r->n_foreign++] =
	    entry_hash(r->family, bytes, size, verdict ? verdict : "", r->deep, chain + 1);
	return 0;
}

int
iptable_read(unsigned family, const char *table, const struct iptable_known *known, size_t n_known,
    bool deep, struct iptable_reading **ret_reading)
{
	struct iptable_reading *r = calloc(1, sizeof *r);
	size_t room_chains = 0;
	int error = 0;

	if (!r)
		return -ENOMEM;
	*r = (struct iptable_reading){.family = family,
	    .ops = family == 6 ? &v6_ops : &v4_ops,
	    .deep = deep,
	    .known = known,
	    .n_known = n_known};
	errno = 0;
	r->handle = r->ops->init(table);
	if (!r->handle) {
		error = errno ? -errno : -EIO;
		free(r);
		return error;
	}
	for (const char *c = r->ops->first_chain(r->handle); c && !error;
	     c = r->ops->next_chain(r->handle)) {
		error = grow((void **)&r->chains, r->n_chains, &room_chains, sizeof *r->chains);
		if (!error)
			snprintf(r->chains[r->n_chains++], sizeof *r->chains, "%s", c);
	}
	for (unsigned c = 0; c < r->n_chains && !error; c++) {
		unsigned index = 0;
		for (const void *e = r->ops->first_rule(r->chains[c], r->handle); e && !error;
		     e = r->ops->next_rule(e, r->handle))
			error = read_rule(r, c, index++, e);
	}
	if (error) {
		iptable_free(&r);
		return error;
	}
	*ret_reading = r;
	return 0;
}

void
iptable_free(struct iptable_reading **reading)
{
	struct iptable_reading *r = *reading;

	*reading = NULL;
	if (!r)
		return;
	r->ops->free(r->handle);
	free(r->chains);
	free(r->rows);
	free(r->foreign);
	free(r);
}

const struct iptable_row *
iptable_ours(const struct iptable_reading *reading, size_t *ret_n)
{
	*ret_n = reading->n_rows;
	return reading->rows;
}

size_t
iptable_foreign_count(const struct iptable_reading *reading)
{
	return reading->n_foreign;
}

bool
iptable_has_chain(const struct iptable_reading *reading, const char *chain)
{
	return reading->ops->is_chain(chain, reading->handle);
}

int
iptable_delete(struct iptable_reading *reading, const struct planner_delete *deletes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!reading->ops->delete_num(
			reading->chains[deletes[i].chain], deletes[i].index, reading->handle))
			return errno ? -errno : -EIO;
	return 0;
}

int
iptable_add(
    struct iptable_reading *reading, const char *chain, bool first, const struct entry *entry)
{
	int r = first ? reading->ops->insert(chain, entry->bytes, reading->handle)
		      : reading->ops->append(chain, entry->bytes, reading->handle);

	return r ? 0 : errno ? -errno : -EIO;
}

int
iptable_commit(struct iptable_reading *reading, const char **ret_text)
{
	errno = 0;
	if (reading->ops->commit(reading->handle))
		return 0;
	int error = errno ? errno : EIO;
	*ret_text = reading->ops->strerror(error);
	return -error;
}

/* Finds the foreign rule of that number again, to put it into words. */
static void
describe(struct iptable_reading *r, size_t number, char text[ENTRY_TEXT_MAX])
{
	uint64_t capture;
	unsigned rule;

	text[0] = '\0';
	for (size_t c = 0; c < r->n_chains; c++)
		for (const void *e = r->ops->first_rule(r->chains[c], r->handle); e;
		     e = r->ops->next_rule(e, r->handle)) {
			size_t size = r->ops->size(e);
			if (is_ours(r, e, size, &capture, &rule) || number-- > 0)
				continue;
			const char *verdict = r->ops->get_target(e, r->handle);
			size_t at = (size_t)snprintf(text, ENTRY_TEXT_MAX, "%s ", r->chains[c]);
			char rest[ENTRY_TEXT_MAX];
			entry_describe(r->family, e, size, verdict ? verdict : "", rest);
			snprintf(text + at, ENTRY_TEXT_MAX - at, "%.*s",
			    (int)(ENTRY_TEXT_MAX - at - 1), rest);
			return;
		}
}

bool
iptable_foreign_same(
    struct iptable_reading *before, struct iptable_reading *after, char text[ENTRY_TEXT_MAX + 48])
{
	char rule[ENTRY_TEXT_MAX];
	size_t i = 0,
	       n = before->n_foreign < after->n_foreign ? before->n_foreign : after->n_foreign;

	while (i < n && before->foreign[i] == after->foreign[i])
		i++;
	if (i == before->n_foreign && i == after->n_foreign)
		return true;
	/* One more afterwards, the next as before: it came; otherwise the one of before is gone. */
	bool came = before->n_foreign < after->n_foreign;
	describe(came ? after : before, i, rule);
	snprintf(text, ENTRY_TEXT_MAX + 48, "%s rule %zu: %s",
	    came                                   ? "came back or was added:"
	    : before->n_foreign > after->n_foreign ? "lost:"
						   : "changed:",
	    i + 1, rule);
	return false;
}
