/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a controller wants held on a switch, and what the switch says of it: plain values that the
 * channel, the decider and the agent share. Times are durations from the moment a message is taken:
 * two machines' clocks are never compared.
 */
#ifndef COMMON_BASE_ORDER_H
#define COMMON_BASE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/filter.h"

/* Where copies go. */
struct analyser {
	struct addr addr;
	uint16_t session; /* ERSPAN session id, 1 to 1023: tells captures apart at the analyser */
	uint8_t erspan_type; /* 1 or 2; what a switch's own hardware target sends is the switch's
				affair */
	uint8_t ttl;         /* of the outer header; 0 is 64 */
};

/* One capture a switch should hold. */
struct order {
	uint64_t capture; /* id, never 0, never used twice by one controller */
	struct filter filter;
	struct analyser analyser;
	uint32_t remaining_ms; /* its own end, whatever leases say; 0 is none */
	uint64_t max_bps; /* brake for the capture, bits a second; 0 is the switch's own limit */
	uint64_t max_packets, max_bytes; /* 0 is none */
};

/* What a switch says of one capture. Increasing until an end. Numbers are those of the protocol. */
enum hold {
	HOLD_INSTALLING = 1,
	HOLD_IN_KERNEL = 2,
	HOLD_IN_HARDWARE = 3,
	HOLD_MIRRORING = 4, /* a rule's counter moved after the commit */
	HOLD_REMOVING = 5,
	HOLD_STUCK = 6,  /* the back end refused a removal */
	HOLD_FAILED = 7, /* with code and text */
	HOLD_ENDED = 8,  /* gone, with an end reason as code */
};

/* "in kernel"; "" for what is none. */
const char *order_hold_name(enum hold hold);

#define ORDER_TEXT_MAX 120

struct holding {
	uint64_t capture;
	enum hold hold;
	uint8_t rules;             /* in the kernel now */
	uint16_t code;             /* enum result; 0 is none */
	char text[ORDER_TEXT_MAX]; /* for people; "" is none */
	uint64_t packets, bytes;   /* the rules' counters, added up, since the capture began here */
	uint64_t copied,
	    dropped;      /* packets sent and lost by the mirror process; 0 where hardware copies */
	uint32_t held_ms; /* since the commit */
};

#endif
