/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages between agent and controller as checked plain structs, and their protobuf bytes: the
 * one place where the two meet, for both sides. Encoding writes into the caller's buffer; decoding
 * checks every field and bound and copies everything out. Neither logs. Sizes: a message is at most
 * AGENT_MSG_MAX bytes before it is sealed.
 */
#ifndef COMMON_MSG_AGENT_MSG_H
#define COMMON_MSG_AGENT_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/order.h"

#define AGENT_MSG_PROTOCOL 1
#define AGENT_MSG_MAX (63 * 1024)  /* with the seal round it, a message stays under 64 KiB */
#define AGENT_MSG_ORDERS_MAX 200   /* a page */
#define AGENT_MSG_HOLDINGS_MAX 200 /* a report */
#define AGENT_MSG_ADDRS_MAX 128
#define AGENT_MSG_PORTS_MAX 256
#define AGENT_MSG_HOSTS_MAX 256 /* a report; none with a hello */
#define AGENT_MSG_NAME_MAX 64

enum agent_backend { AGENT_BACKEND_NONE, AGENT_BACKEND_RESYNC, AGENT_BACKEND_CL_ACLTOOL };
enum agent_target { AGENT_TARGET_NONE, AGENT_TARGET_ERSPAN, AGENT_TARGET_TEE, AGENT_TARGET_NFLOG };

/* What a switch says of itself when it connects. */
struct agent_hello {
	uint32_t protocol;
	char version[32];
	char name[AGENT_MSG_NAME_MAX]; /* for display; the key says who it is */
	char boot_id[40];
	enum agent_backend backend;
	enum agent_target target4, target6; /* per family; NONE: cannot copy it */
	uint32_t rules_max;                 /* mirror rules it will hold at most */
	uint64_t bps_max;                   /* mirrored bits a second at most */
	uint8_t len4, len6;                 /* the widest filter */
	uint32_t destinations;              /* pairs of source and analyser; 0: no limit known */
	char asic[48];                      /* "": not known */
	char system[64];                    /* "Cumulus Linux 5.9.1", and the kernel's release */
	uint16_t addr_count;
	struct {
		struct addr addr;
		uint32_t ifindex;
		char iface[FILTER_IFACE_MAX];
	} addrs[AGENT_MSG_ADDRS_MAX];
	uint16_t port_count; /* interfaces, those that rules match first; not lo */
	struct {
		uint32_t ifindex;
		char name[FILTER_IFACE_MAX];
	} ports[AGENT_MSG_PORTS_MAX];
};

/*
 * A host attached to the switch: a neighbour learned locally, behind a local port. A change of any
 * field is told as the whole host anew; the address within the VRF says which host it is.
 */
struct agent_host {
	struct addr addr;
	bool gone; /* the other fields but vrf mean nothing then */
	uint8_t mac[6];
	uint16_t vlan;                /* 0: none */
	uint32_t vni;                 /* of the VXLAN that carries its segment; 0: none known */
	uint32_t ifindex;             /* the port */
	char iface[FILTER_IFACE_MAX]; /* its name */
	char vrf[FILTER_IFACE_MAX];   /* "": the default one */
};

/* Each request after it. */
struct agent_poll {
	uint64_t acked;    /* generation applied last; 0 is none of this session */
	uint16_t ack_code; /* enum result of applying it */
	char ack_text[ORDER_TEXT_MAX];
	uint64_t assembling; /* generation of which some pages are here; 0 is none */
	uint32_t next_page;  /* of it, that is wanted */
	bool released;       /* held released by someone at the switch */
	bool all_holdings;   /* what is not in here is not held */
	uint16_t rules;      /* mirror rules in the kernel */
	uint64_t bps;        /* mirrored bits a second now */
	uint64_t errors;     /* messages dropped, of any reason */
	uint16_t code;       /* enum result: what is wrong with the switch as a whole; 0: nothing */
	char text[ORDER_TEXT_MAX]; /* about it, or a warning */
	/* Since the agent's start: commits to the tables, syncs to the hardware, waits for the
	 * table lock, rules put back, foreign rules lost or returned, packets that the kernel had
	 * for the mirror process and could not deliver. */
	uint64_t commits, syncs, lock_waits, fights, foreign_lost, mirror_lost;
	uint64_t went_on; /* go_on of the last reply that had one, done; 0: none yet */
	uint16_t holding_count;
	struct holding holdings[AGENT_MSG_HOLDINGS_MAX];
	/*
	 * Attached hosts, in the order in which they came and went, a page a request. With
	 * all_hosts what was told before is void: forget it, then take this page and the ones that
	 * follow. A page comes again until a request that held it was answered.
	 */
	bool all_hosts;
	uint16_t host_count;
	struct agent_host hosts[AGENT_MSG_HOSTS_MAX];
	uint32_t hosts_known;    /* hosts there are, told or still to be told */
	uint32_t hosts_left_out; /* more than the agent keeps */
};

struct agent_request {
	bool is_hello; /* else a poll; a hello carries both */
	struct agent_hello hello;
	struct agent_poll poll;
};

enum agent_reply_kind {
	AGENT_REPLY_SAY_HELLO, /* the session is not known: hello, with the token of this reply */
	AGENT_REPLY_QUIET,     /* nothing new; renews nothing */
	AGENT_REPLY_RENEW,     /* generation `generation` stands, for another lease */
	AGENT_REPLY_PAGE,      /* of generation `generation` */
	AGENT_REPLY_REFUSED,   /* with code and text; come back later */
};

/* Durations count from when the request that this answers was sent. */
struct agent_reply {
	enum agent_reply_kind kind;
	uint16_t code;
	char text[ORDER_TEXT_MAX];
	uint64_t generation;
	uint32_t lease_ms;
	uint32_t page;
	bool last_page;
	bool frozen;
	/* An operator says go on after what made the switch take nothing new; a number that is
	 * another one each time, in each reply until the agent says it back. 0: nothing said. */
	uint64_t go_on;
	uint16_t order_count;
	struct order orders[AGENT_MSG_ORDERS_MAX];
};

/* Bytes written, or -EMSGSIZE, -ENOMEM. */
int agent_msg_pack_request(const struct agent_request *request, uint8_t *buffer, size_t size);
int agent_msg_pack_reply(const struct agent_reply *reply, uint8_t *buffer, size_t size);

/* 0, or -EBADMSG (no protobuf, a field out of range, a filter that filter_check refuses), -ENOMEM.
 */
int agent_msg_unpack_request(const uint8_t *bytes, size_t size, struct agent_request *ret_request);
int agent_msg_unpack_reply(const uint8_t *bytes, size_t size, struct agent_reply *ret_reply);

/* "switchd-resync", "erspan", …: for people; "kernel": no hardware behind the tables. */
const char *agent_msg_backend_name(enum agent_backend backend);
const char *agent_msg_target_name(enum agent_target target);

#endif
