/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sightings of a flood, taken together: those that say the same of one conversation become one that
 * stands for all (`merged`, `merged_bytes`). A bounded batch, in the order in which conversations
 * came up. No clock, no I/O, no allocation after coalesce_new.
 */
#ifndef CONTROLLER_RECEIVE_COALESCE_H
#define CONTROLLER_RECEIVE_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/receive/sighting.h"

struct coalesce;

#define COALESCE_MAX 65536

/* Room for `max` conversations at a time. 0, -EINVAL (0 or over COALESCE_MAX), -ENOMEM. */
int coalesce_new(size_t max, struct coalesce **ret_coalesce);
void coalesce_free(struct coalesce **coalesce);

/* Takes a copy, or counts it, and those it stands for, to one like it. False: the batch is full,
 * and this one not in it. */
bool coalesce_add(struct coalesce *coalesce, const struct sighting *sighting);

/* Hands the batch out and begins another; returns how many. */
size_t coalesce_flush(struct coalesce *coalesce,
    void (*take)(void *user, const struct sighting *sighting), void *user);

size_t coalesce_count(const struct coalesce *coalesce);
/* Sightings that went into others, since the start. */
uint64_t coalesce_merged(const struct coalesce *coalesce);

#endif
