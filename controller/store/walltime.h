/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instants that outlive a boot: the boot clock begins anew with each boot, so what is kept is wall
 * time, beside a stamp of both clocks at the moment of saving. In the same boot an instant comes
 * back exactly, whatever was done to the wall clock meanwhile; in another one everything in a row
 * moves together by the wall time that passed (none, when the wall clock was set back), so that
 * what is left of a capture's time is never more than it was. Pure but for walltime_read.
 */
#ifndef CONTROLLER_STORE_WALLTIME_H
#define CONTROLLER_STORE_WALLTIME_H

#include <stdint.h>

#include "common/base/clk.h"

#define WALLTIME_BOOT_SIZE CLK_BOOT_SIZE

/* Both clocks at one moment, and which boot it was; an all-zero boot is like no other. */
struct walltime {
	struct instant now;
	int64_t wall_ns;
	uint8_t boot[WALLTIME_BOOT_SIZE];
};

/* Reads the clocks and the kernel's boot id (zero where there is none). */
void walltime_read(struct walltime *ret_time);
/* The same with a boot id that is known: no file is read. */
void walltime_again(const struct walltime *known, struct walltime *ret_time);

/* Wall nanoseconds of an instant; 0 ("none") stays 0. */
int64_t walltime_from_instant(const struct walltime *at, struct instant instant);

/* The instant on this boot's clock (`now`) of wall nanoseconds that were kept at `saved`; 0 stays
 * 0. May lie before the boot: a negative instant. */
struct instant walltime_to_instant(
    const struct walltime *saved, const struct walltime *now, int64_t wall_ns);

#endif
