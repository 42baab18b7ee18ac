/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages between the agent's three processes: typed, of a fixed size each, one to a datagram
 * of a SOCK_SEQPACKET socketpair. One function describes each message's fields for both directions,
 * and wire_decode checks every one of them, so a compromised *main* can only ask for well-formed
 * things. Pure but for wire_send and wire_receive. Owns nothing.
 */
#ifndef AGENT_WIRE_WIRE_H
#define AGENT_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/order.h"

#define WIRE_MAX 2048 /* bytes of the largest message */
#define WIRE_PATH_MAX 108
#define WIRE_CHAIN_MAX 30 /* XT_EXTENSION_MAXNAMELEN and a NUL */
#define WIRE_PROTECT_MAX 16
#define WIRE_DSCP_MAX 63
#define WIRE_LEASE_MAX_MS (24U * 3600 * 1000)

/* Descriptors a helper finds itself with. */
#define WIRE_FD_MAIN 3 /* to main */
#define WIRE_FD_PEER 4 /* rules to mirror and back */

enum wire_type {
	/* main to rules */
	WIRE_CONFIG = 1, /* once, first, written before main drops its privileges */
	WIRE_PUT,        /* hold this capture */
	WIRE_RENEW,      /* the leases run from now again */
	WIRE_DROP,       /* let go of one capture */
	WIRE_LIST,       /* send everything */
	WIRE_RELEASE,    /* let go of all and take nothing new, or lift that */
	WIRE_STOP,       /* let go of all and end */
	WIRE_UNSTICK,    /* an operator says go on after a stuck removal or a foreign writer */
	/* rules to main */
	WIRE_HOLDING,
	WIRE_LIST_END,
	WIRE_STATUS,
	/* rules to mirror */
	WIRE_SOCKETS, /* with three descriptors: NFLOG, raw GRE over IPv4, over IPv6 */
	WIRE_SESSION,
	WIRE_SESSION_DROP,
	/* mirror to rules */
	WIRE_COUNTS,
	WIRE_LOSSES,
	WIRE_TYPE_END
};

/* Who speaks: a message of a type that this side may not send is refused. */
enum wire_side { WIRE_FROM_MAIN, WIRE_FROM_RULES, WIRE_FROM_RULES_TO_MIRROR, WIRE_FROM_MIRROR };

enum wire_target { WIRE_TARGET_AUTO, WIRE_TARGET_ERSPAN, WIRE_TARGET_TEE, WIRE_TARGET_NFLOG };
enum wire_comments { WIRE_COMMENTS_AUTO, WIRE_COMMENTS_YES, WIRE_COMMENTS_NO };
enum wire_backend {
	WIRE_BACKEND_AUTO,
	WIRE_BACKEND_NONE,
	WIRE_BACKEND_RESYNC,
	WIRE_BACKEND_ACLTOOL
};

/* What rules must know of the configuration. Paths are absolute, texts NUL-terminated. */
struct wire_config {
	char table[WIRE_CHAIN_MAX], chain[WIRE_CHAIN_MAX];
	char iface[FILTER_IFACE_MAX]; /* where a filter names none: "swp+" */
	bool first;                   /* rules stand first in the chain, not last */
	uint8_t target;               /* enum wire_target */
	uint8_t backend;              /* enum wire_backend */
	uint8_t comments;             /* enum wire_comments: whether rules carry their tag */
	char mgmt[FILTER_IFACE_MAX];  /* no ERSPAN copies leave through it: "eth0" */
	uint16_t nflog_group;
	uint16_t snap;                 /* bytes of a packet that the mirror process gets; 0: all */
	uint8_t dscp;                  /* of the copies' outer header; no ERSPAN target sets it */
	uint32_t max_rules;            /* slots */
	uint32_t max_destinations;     /* ERSPAN source/destination pairs; 0: by the back end */
	uint64_t rule_bps;             /* brake, bits a second for one capture; 0: none */
	uint64_t switch_bps;           /* for all together */
	uint8_t len4, len6;            /* widest filter */
	uint32_t tick_ms;              /* between two looks at the counters */
	uint32_t lock_ms;              /* the table lock is waited for that long, then reported */
	uint32_t sync_floor_ms;        /* between two hardware syncs that add */
	uint32_t sync_wait_ms;         /* for the hardware's verdict */
	uint32_t fights;               /* how often lost rules are put back before giving up */
	struct addr source4, source6;  /* of the copies; none: by route */
	char run_dir[WIRE_PATH_MAX];   /* state file */
	char state_dir[WIRE_PATH_MAX]; /* the released flag */
	char switchd_root[WIRE_PATH_MAX];
	char policy_dir[WIRE_PATH_MAX];
	char acltool[WIRE_PATH_MAX];
	uint32_t protects;
	struct addr protect[WIRE_PROTECT_MAX]; /* controllers: never captured */
};

struct wire_put {
	struct order order;
	uint32_t lease_ms;
};

struct wire_renew {
	uint64_t capture; /* 0: all */
	uint32_t lease_ms;
};

struct wire_drop {
	uint64_t capture;
	uint16_t code; /* enum result: why */
};

struct wire_release {
	bool on;
};

/* The switch's abilities and state; sent after WIRE_CONFIG and whenever it changes. */
struct wire_status {
	uint8_t backend;          /* enum wire_backend, never AUTO */
	uint8_t target4, target6; /* enum wire_target; AUTO: none */
	bool comments;            /* rules carry their tag */
	bool released;
	bool stopped;    /* takes nothing new; code says why */
	uint16_t code;   /* enum result: FOREIGN_WRITER, STUCK, HARDWARE; 0 is none */
	bool nft_beside; /* iptables is the nft variant: its rules and ours are apart */
	uint32_t slots, slots_used;
	uint32_t destinations; /* ERSPAN pairs at most; 0: no limit */
	uint32_t stuck;        /* captures that the hardware does not let go of */
	uint64_t bps;          /* copied, all captures, over the last look */
	uint64_t commits, syncs, lock_waits, fights, foreign_lost, mirror_lost;
	char text[ORDER_TEXT_MAX];
};

struct wire_session {
	uint64_t capture;
	struct analyser analyser;
	struct addr source;
	uint64_t max_packets, max_bytes; /* as the rules count them; 0 is none */
};

struct wire_counts {
	uint64_t capture, copied, bytes, dropped;
};

struct wire_losses {
	uint64_t sequence; /* packets the kernel counted and did not deliver */
	uint64_t overruns; /* ENOBUFS */
	uint64_t unknown;  /* packets of no capture */
	uint64_t cut;      /* packets that were truncated */
	uint64_t segmented;
};

struct wire_msg {
	enum wire_type type;
	union {
		struct wire_config config;
		struct wire_put put;
		struct wire_renew renew;
		struct wire_drop drop; /* WIRE_SESSION_DROP too */
		struct wire_release release;
		struct holding holding;
		struct wire_status status;
		struct wire_session session;
		struct wire_counts counts;
		struct wire_losses losses;
	};
};

/* Writes the message; returns its size. The message is of our own making and must be good. */
size_t wire_encode(const struct wire_msg *msg, uint8_t buf[WIRE_MAX]);

/*
 * Reads and checks a message. 0; -EPERM (that side may not send this), -EINVAL (unknown type, wrong
 * size, a field out of its range). Never reads past `size`.
 */
int wire_decode(const uint8_t *buf, size_t size, enum wire_side from, struct wire_msg *ret_msg);

/* Sends without blocking. 0, -EAGAIN when the other side does not keep up, or another errno. `fds`
 * may be NULL. */
int wire_send(int fd, const struct wire_msg *msg, const int *fds, unsigned n_fds);

/*
 * Receives one message without blocking. 0; -EAGAIN nothing there; -EPIPE the other side is gone;
 * -EPERM and -EINVAL as wire_decode. Descriptors that came go to ret_fds (CLOEXEC, the caller's;
 * room for max_fds) and are closed where they were not expected.
 */
int wire_receive(int fd, enum wire_side from, struct wire_msg *ret_msg, int *ret_fds,
    unsigned max_fds, unsigned *ret_n_fds);

/* True for an analyser copies can be sent to. */
bool wire_analyser_ok(const struct analyser *analyser);

#endif
