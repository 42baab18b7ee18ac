/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/decide/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/addrbook.h"

TAILQ_HEAD(hosts_list, hosts_claim);

struct hosts_switch {
	struct hosts_list list;
	size_t count;
};

struct hosts {
	struct hosts_switch *switches;
	size_t switch_count, count, mask;
	struct hosts_claim **buckets;
};

int
hosts_new(size_t switch_count, struct hosts **ret_hosts)
{
	struct hosts *h = calloc(1, sizeof *h);

	if (h == NULL)
		return -ENOMEM;
	h->mask = 255;
	h->switch_count = switch_count;
	h->switches = calloc(switch_count + 1, sizeof *h->switches);
	h->buckets = calloc(h->mask + 1, sizeof *h->buckets);
	if (h->switches == NULL || h->buckets == NULL) {
		free(h->switches);
		free(h->buckets);
		free(h);
		return -ENOMEM;
	}
	for (size_t i = 0; i < switch_count; i++)
		TAILQ_INIT(&h->switches[i].list);
	*ret_hosts = h;
	return 0;
}

void
hosts_free(struct hosts **hosts)
{
	struct hosts *h = *hosts;

	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->switch_count; i++)
		hosts_clear(h, i);
	free(h->switches);
	free(h->buckets);
	free(h);
	*hosts = NULL;
}

static struct hosts_claim **
bucket(const struct hosts *h, const struct addr *addr)
{
	return &h->buckets[addrbook_hash(addr, 0) & h->mask];
}

static struct hosts_claim *
search(const struct hosts *h, unsigned id, const struct addr *addr, const char *vrf)
{
	struct hosts_claim *c = *bucket(h, addr);

	while (c != NULL && (c->id != id || !addr_equal(&c->addr, addr) ||
				strncmp(c->vrf, vrf, HOSTS_VRF_MAX - 1) != 0))
		c = c->next;
	return c;
}

static void
drop(struct hosts *h, struct hosts_claim *c)
{
	struct hosts_claim **link = bucket(h, &c->addr);

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	TAILQ_REMOVE(&h->switches[c->id].list, c, own);
	h->switches[c->id].count--;
	h->count--;
	free(c);
}

/* Chains stay short; without memory they only grow longer. */
static void
grow(struct hosts *h)
{
	size_t mask = h->mask * 2 + 1;
	struct hosts_claim **buckets = calloc(mask + 1, sizeof(struct hosts_claim *)), *c;

	if (buckets == NULL)
		return;
	free(h->buckets);
	h->buckets = buckets;
	h->mask = mask;
	for (size_t i = 0; i < h->switch_count; i++)
		TAILQ_FOREACH(c, &h->switches[i].list, own)
		{
			struct hosts_claim **b = bucket(h, &c->addr);

			c->next = *b;
			*b = c;
		}
}

int
hosts_add(struct hosts *h, unsigned id, const struct addr *addr, const char *vrf, uint32_t vni)
{
	struct hosts_claim *c = search(h, id, addr, vrf), **b;

	if (c != NULL) {
		bool other = c->vni != vni;

		c->vni = vni;
		return other;
	}
	if (h->switches[id].count >= HOSTS_SWITCH_MAX)
		return -ENOSPC;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	if (h->count > h->mask)
		grow(h);
	c->addr = *addr;
	c->id = id;
	c->vni = vni;
	snprintf(c->vrf, sizeof c->vrf, "%s", vrf);
	b = bucket(h, addr);
	c->next = *b;
	*b = c;
	TAILQ_INSERT_TAIL(&h->switches[id].list, c, own);
	h->switches[id].count++;
	h->count++;
	return 1;
}

bool
hosts_remove(struct hosts *h, unsigned id, const struct addr *addr, const char *vrf)
{
	struct hosts_claim *c = search(h, id, addr, vrf);

	if (c == NULL)
		return false;
	drop(h, c);
	return true;
}

size_t
hosts_clear(struct hosts *h, unsigned id)
{
	size_t count = h->switches[id].count;
	struct hosts_claim *c;

	while ((c = TAILQ_FIRST(&h->switches[id].list)) != NULL)
		drop(h, c);
	return count;
}

const struct hosts_claim *
hosts_find(const struct hosts *h, const struct addr *addr, const struct hosts_claim *after)
{
	const struct hosts_claim *c = after != NULL ? after->next : *bucket(h, addr);

	while (c != NULL && !addr_equal(&c->addr, addr))
		c = c->next;
	return c;
}

size_t
hosts_count(const struct hosts *h)
{
	return h->count;
}

int
hosts_renumber(struct hosts *h, const int *new_ids, size_t switch_count)
{
	struct hosts_switch *fresh = calloc(switch_count + 1, sizeof *fresh);
	struct hosts_claim *c;

	if (fresh == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < switch_count; i++)
		TAILQ_INIT(&fresh[i].list);
	for (unsigned i = 0; i < h->switch_count; i++) {
		if (new_ids[i] < 0) {
			hosts_clear(h, i);
			continue;
		}
		TAILQ_FOREACH(c, &h->switches[i].list, own)
		c->id = (unsigned)new_ids[i];
		TAILQ_CONCAT(&fresh[new_ids[i]].list, &h->switches[i].list, own);
		fresh[new_ids[i]].count = h->switches[i].count;
	}
	free(h->switches);
	h->switches = fresh;
	h->switch_count = switch_count;
	return 0;
}
