/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What finderscopectl asks and what the controller answers, as plain checked values. The protobuf
 * of the same stands in ctl_pack.c and ctl_unpack.c alone. Text is in arrays of its own, always
 * terminated; times are ages and durations in milliseconds, so that nobody compares clocks.
 */
#ifndef COMMON_MSG_CTL_MSG_H
#define COMMON_MSG_CTL_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/filter.h"
#include "common/base/order.h"
#include "common/base/result.h"

/* Where the controller listens when its configuration says nothing else. */
#define CTL_SOCKET "/run/finderscope/controller.sock"
#define CTL_SOCKET_RO "/run/finderscope/controller-ro.sock"

#define CTL_VERSION 1         /* of the ctl protocol; another one is refused with VERSION */
#define CTL_MESSAGE_MAX 65536 /* bytes of one message */
#define CTL_NAME_MAX 64       /* switches, feeds, analysers, policies; NUL included */
#define CTL_WORD_MAX 48       /* versions, states, counters' names */
#define CTL_TEXT_MAX 256      /* a sentence */
#define CTL_URL_MAX 512
#define CTL_EVENT_MAX 8192 /* one event as JSON */
#define CTL_ADDRS_MAX 16
#define CTL_HOLDERS_MAX 32

/* What can be asked. Numbers are those of the protocol. */
enum ctl_verb {
	CTL_STATUS = 1,
	CTL_AGENTS = 2, /* name: one only; "" all */
	CTL_AGENT_ACCEPT =
	    3, /* text: a fingerprint or its start; name: what to call it, "" its host name */
	CTL_AGENT_FORGET = 4, /* name */
	CTL_EXPORTERS = 5,
	CTL_CAPTURES = 6, /* id: one only; 0 those that live, with `all` those that ended too */
	CTL_CAPTURE_START = 7,  /* start */
	CTL_CAPTURE_STOP = 8,   /* id */
	CTL_CAPTURE_EXTEND = 9, /* id, for_ms */
	CTL_FEEDS = 10,         /* name: one only; "" all */
	CTL_FEED_REFRESH = 11,  /* name; all: the next version is taken whatever limits say */
	CTL_LOOKUP = 12,        /* addr, port */
	CTL_EXPLAIN = 13,       /* addr, port, other: what would be done about that conversation */
	CTL_EVENTS = 14, /* count: the last so many, id: of that capture alone; follow: and those
			    that come */
	CTL_FREEZE = 15, /* text: why */
	CTL_THAW = 16,
	CTL_RELEASE = 17,   /* name: a switch, or "all"; text: why */
	CTL_UNRELEASE = 18, /* name, or "all": lifts a release */
	CTL_RELOAD = 19,
	CTL_AGENT_GO_ON = 20, /* name: takes what is new again, after a stuck rule or such a writer
			       */
};

/* A capture by hand. */
struct ctl_start {
	struct filter filter;
	char on[CTL_NAME_MAX]; /* a switch, "edge" (where the local host is attached), "all"; "" is
				  "edge" */
	char to[CTL_NAME_MAX]; /* an analyser's name; "" is the default one */
	uint64_t for_ms;       /* 0: the configured default */
	uint64_t idle_ms;      /* 0: none */
	uint64_t max_packets, max_bytes, max_bps; /* 0: none */
	bool dry_run;                             /* plan rows in answer, nothing is done */
	char why[CTL_TEXT_MAX];                   /* note for the events; may be "" */
};

struct ctl_request {
	enum ctl_verb verb;
	uint64_t cursor; /* 0: from the start; else as the page before said */
	char name[CTL_NAME_MAX];
	char text[CTL_TEXT_MAX];
	uint64_t id;
	uint64_t for_ms;
	uint32_t count;
	bool all, follow;
	struct addr addr, other; /* family 0: none */
	uint16_t port;
	uint32_t vni; /* 0: none */
	struct ctl_start start;
};

/* What a reply brings: one kind of row, any number a page. */
enum ctl_row {
	CTL_ROW_NONE = 0,
	CTL_ROW_STATUS,
	CTL_ROW_COUNTER,
	CTL_ROW_AGENT,
	CTL_ROW_EXPORTER,
	CTL_ROW_CAPTURE,
	CTL_ROW_PLAN,
	CTL_ROW_FEED,
	CTL_ROW_MATCH,
	CTL_ROW_STEP,
	CTL_ROW_EVENT,
};

/* The line at the end of each page. */
struct ctl_result {
	enum result code;
	char text[CTL_TEXT_MAX]; /* "" : result_text(code) says it all */
	uint64_t cursor;         /* 0: this was the last page */
	uint64_t id;             /* of the capture that was started; 0: none */
	uint64_t lost;           /* events a follower did not get since the page before */
};

struct ctl_status {
	char version[CTL_WORD_MAX];
	char fingerprint[CTL_NAME_MAX]; /* of its public key */
	uint32_t pid;
	uint64_t uptime_ms;
	bool frozen, released_all;
	char frozen_why[CTL_TEXT_MAX]; /* who, when, why */
	uint32_t agents_connected, agents_known, agents_waiting;
	uint32_t exporters, exporters_unknown, exporters_silent;
	uint32_t captures, captures_max;
	uint32_t starts_minute, starts_minute_max; /* captures begun in the last minute */
	uint64_t mirrored_bps, mirrored_bps_max;
	uint32_t feeds, feeds_failing;
	uint64_t entries;
	uint64_t datagrams, samples, sightings;
	uint64_t bad_datagrams; /* dropped: unreadable */
	uint64_t lost_samples;  /* by the exporters' sequence numbers */
	uint64_t ring_dropped;  /* sightings lost between a receiver and the engine */
	uint64_t mirror_copies; /* ERSPAN seen by sFlow, never entered */
	/* The longest turn of the controller's loop, since the start and in the last minute: by the
	 * clock, without waits for a processor, and what the latter was about. */
	uint64_t loop_longest_us, loop_longest_held_us;
	char loop_longest_doing[CTL_WORD_MAX];
	uint64_t loop_lately_us, loop_lately_held_us;
	char loop_lately_doing[CTL_WORD_MAX];
};

struct ctl_counter {
	char name[CTL_WORD_MAX];
	uint64_t value;
};

enum ctl_agent_state {
	CTL_AGENT_WAITING = 1,   /* its key was never accepted */
	CTL_AGENT_CONNECTED = 2, /* it polls */
	CTL_AGENT_SILENT = 3,    /* had a session, is not heard */
	CTL_AGENT_NEVER = 4,     /* known, never came */
};

struct ctl_agent {
	char name[CTL_NAME_MAX]; /* "" while it waits */
	char fingerprint[CTL_NAME_MAX];
	enum ctl_agent_state state;
	char version[CTL_WORD_MAX], host[CTL_NAME_MAX], system[CTL_NAME_MAX];
	char target[CTL_WORD_MAX], backend[CTL_WORD_MAX]; /* "erspan", "kernel" */
	uint32_t addr_count;
	struct addr addrs[CTL_ADDRS_MAX]; /* those its exporters are bound to */
	struct addr peer;                 /* where it dials from */
	uint64_t heard_ms, session_ms;    /* since the last poll; since hello */
	uint32_t captures, rules, rules_max;
	uint64_t mirrored_bps;
	bool released, no_ipv6;
	enum result code;
	char text[ORDER_TEXT_MAX];
	uint32_t destinations, destinations_max; /* analysers copied to; 0: no limit known */
	uint32_t hosts;                          /* attached, as the agent last counted */
	/* Of struct agent_poll, since the agent's start. */
	uint64_t commits, lock_waits, fights, foreign_lost, mirror_lost;
};

struct ctl_exporter {
	struct addr addr;         /* as its datagrams say */
	struct addr source;       /* where they come from */
	char agent[CTL_NAME_MAX]; /* the switch bound to it; "" none */
	bool known;               /* configured or accepted: may cause captures */
	uint64_t datagrams, samples, lost_samples, bad, sightings, counters;
	uint32_t rate; /* of sampling, 1:rate, as last seen */
	uint64_t heard_ms;
	char text[CTL_TEXT_MAX]; /* why it may cause none; "" */
};

/* Numbers of the protocol; DESIGN's life of a capture. */
enum ctl_capture_state {
	CTL_REQUESTED = 1,
	CTL_INSTALLING = 2,
	CTL_IN_KERNEL = 3,
	CTL_IN_HARDWARE = 4,
	CTL_MIRRORING = 5,
	CTL_DELIVERED = 6,
	CTL_REMOVING = 7,
	CTL_STUCK = 8,
	CTL_ENDED = 9,
	CTL_REFUSED = 10,
	CTL_FAILED = 11,
};

/* One switch of a capture. */
struct ctl_holder {
	char name[CTL_NAME_MAX];
	enum hold hold; /* 0: it has not said yet */
	uint32_t rules;
	enum result code;
	char text[ORDER_TEXT_MAX];
	uint64_t packets, bytes, copied, dropped;
};

struct ctl_capture {
	uint64_t id;
	struct filter filter;
	enum ctl_capture_state state;
	enum result code; /* why it ended, was refused, failed */
	char text[CTL_TEXT_MAX];
	bool manual;
	char by[CTL_NAME_MAX];     /* user or policy */
	char reason[CTL_TEXT_MAX]; /* "feed drop: 198.51.100.0/24", the operator's words */
	char analyser[CTL_NAME_MAX];
	struct addr to;
	uint16_t session;
	uint64_t age_ms, left_ms, lease_ms; /* left_ms 0: no end of its own */
	uint64_t idle_ms, max_packets, max_bytes;
	uint64_t packets, bytes; /* all switches */
	uint64_t est_bps;        /* from samples, or `measured`: from the rules' counters */
	bool measured;
	/* What the samples that began it said, and how far off it may be; 0 samples: none did. */
	uint32_t est_samples, est_error; /* percent */
	uint64_t est_packets, first_bps;
	uint32_t holder_count;
	struct ctl_holder holders[CTL_HOLDERS_MAX];
};

/* One rule that a dry run would put on a switch, or why it would not. */
struct ctl_plan {
	char name[CTL_NAME_MAX];
	struct filter_match match; /* with code 0 */
	enum result code;
	char text[CTL_TEXT_MAX]; /* the budget's word */
	uint32_t rules, rules_max;
};

struct ctl_feed {
	char name[CTL_NAME_MAX];
	char url[CTL_URL_MAX];
	char state[CTL_WORD_MAX]; /* "good", "stale", "failing", "refused", "never" */
	char text[CTL_TEXT_MAX];  /* the last error */
	uint64_t entries, entries4, entries6, bad_lines, sightings;
	uint64_t age_ms, next_ms, interval_ms; /* of the good copy; until the next try */
	uint32_t failures;                     /* since the last success */
	char revision[CTL_WORD_MAX];
};

/* One entry that holds the address of a lookup. */
struct ctl_match {
	char list[CTL_NAME_MAX]; /* feed, allow-list, "local" */
	char kind[CTL_WORD_MAX]; /* "feed", "allow", "local", "never" */
	struct prefix prefix;
	uint16_t port; /* 0: any */
	char text[CTL_TEXT_MAX];
	uint64_t sightings;
};

/* One step of an explanation, in order; the last one is the verdict. */
struct ctl_step {
	char name[CTL_WORD_MAX]; /* "feed", "allow", "exporter", "place", "budget", "verdict" */
	bool passed;
	enum result code;
	char text[CTL_TEXT_MAX];
};

const char *ctl_msg_verb_name(enum ctl_verb verb);
/* True when the verb changes something: refused on the read-only socket. */
bool ctl_msg_verb_writes(enum ctl_verb verb);
const char *ctl_msg_agent_state_name(enum ctl_agent_state state);
const char *ctl_msg_capture_state_name(enum ctl_capture_state state);

#endif
