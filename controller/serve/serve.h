/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control sockets: AF_UNIX SOCK_SEQPACKET, a read-write and a read-only one, for
 * finderscopectl. Owns both listeners, the clients and an epoll descriptor; asks the engine through
 * serve_ops. Nothing blocks: a client that does not read is left unserved, then dropped. One
 * thread.
 */
#ifndef CONTROLLER_SERVE_SERVE_H
#define CONTROLLER_SERVE_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/clk.h"
#include "common/msg/ctl_msg.h"

/* Who asks (SO_PEERCRED at connect). */
struct serve_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool writes;             /* came through the read-write socket */
	char name[CTL_NAME_MAX]; /* the user's name, or "uid N" */
};

/*
 * The reply that is being made: rows go in with the functions below until one says false; then the
 * handler sets where to go on (serve_next) and returns. Valid inside the handler only.
 */
struct serve_reply;

/*
 * Rows. True when the row is in; false when the page is full and the row is not in: call serve_next
 * with the cursor that makes the next request begin with this very row, and return. Cursors are the
 * handler's own numbers, never 0; best a key that stays true when rows come and go (the id of the
 * last capture shown), not an index. A page never holds rows of two kinds but for STATUS, which
 * counters follow.
 */
bool serve_status(struct serve_reply *reply, const struct ctl_status *row);
bool serve_counter(struct serve_reply *reply, const char *name, uint64_t value);
bool serve_agent(struct serve_reply *reply, const struct ctl_agent *row);
bool serve_exporter(struct serve_reply *reply, const struct ctl_exporter *row);
bool serve_capture(struct serve_reply *reply, const struct ctl_capture *row);
bool serve_plan(struct serve_reply *reply, const struct ctl_plan *row);
bool serve_feed(struct serve_reply *reply, const struct ctl_feed *row);
bool serve_match(struct serve_reply *reply, const struct ctl_match *row);
bool serve_step(struct serve_reply *reply, const struct ctl_step *row);
/* A JSON object without newline; over CTL_EVENT_MAX it is counted as lost and true is returned. */
bool serve_event(struct serve_reply *reply, const char *json);
void serve_next(struct serve_reply *reply, uint64_t cursor);
/* The id of the capture that was started. */
void serve_id(struct serve_reply *reply, uint64_t capture);
/* A line for the person beside the code that the handler returns; without it result_text speaks. */
void serve_text(struct serve_reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What would be done about a sample of that conversation, and what was seen of it. */
struct serve_explain {
	struct addr remote, local; /* local may be of family 0 */
	uint16_t port;             /* the remote one; 0: none */
	const char *from;          /* a switch's name or an exporter's address; "": none */
	uint32_t vni;              /* 0: none */
	uint64_t cursor;           /* 0: the first page */
};

/*
 * The engine's side. Each returns RESULT_OK or the code of its refusal (rows are dropped then). An
 * entry left NULL answers NOT_FOUND "this controller cannot do that". Requests are checked: names
 * are terminated, filters passed filter_check, and those that write came through the read-write
 * socket.
 */
struct serve_ops {
	enum result (*status)(void *user, struct serve_reply *reply);
	/* name "": all */
	enum result (*agents)(
	    void *user, const char *name, uint64_t cursor, struct serve_reply *reply);
	enum result (*agent_accept)(void *user, const struct serve_peer *peer,
	    const char *fingerprint, const char *name, struct serve_reply *reply);
	enum result (*agent_forget)(
	    void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply);
	enum result (*agent_go_on)(
	    void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply);
	enum result (*exporters)(void *user, uint64_t cursor, struct serve_reply *reply);
	/* id 0: the living, with `all` the ended too */
	enum result (*captures)(
	    void *user, uint64_t id, bool all, uint64_t cursor, struct serve_reply *reply);
	/* emits plan rows on a dry run, else serve_id */
	enum result (*capture_start)(void *user, const struct serve_peer *peer,
	    const struct ctl_start *start, struct serve_reply *reply);
	enum result (*capture_stop)(
	    void *user, const struct serve_peer *peer, uint64_t id, struct serve_reply *reply);
	enum result (*capture_extend)(void *user, const struct serve_peer *peer, uint64_t id,
	    uint64_t for_ms, struct serve_reply *reply);
	enum result (*feeds)(
	    void *user, const char *name, uint64_t cursor, struct serve_reply *reply);
	/* confirm: the next version is taken whatever its limits say */
	enum result (*feed_refresh)(void *user, const struct serve_peer *peer, const char *name,
	    bool confirm, struct serve_reply *reply);
	/* port 0: any */
	enum result (*lookup)(void *user, const struct addr *addr, uint16_t port, uint64_t cursor,
	    struct serve_reply *reply);
	enum result (*explain)(
	    void *user, const struct serve_explain *question, struct serve_reply *reply);
	/* The last `count` events, oldest first; the cursor goes on from there. `capture`: its own
	 * alone; 0 is any. */
	enum result (*events)(void *user, uint32_t count, uint64_t capture, uint64_t cursor,
	    struct serve_reply *reply);
	enum result (*freeze)(void *user, const struct serve_peer *peer, bool freeze,
	    const char *why, struct serve_reply *reply);
	/* name: a switch or "all"; release false lifts it */
	enum result (*release)(void *user, const struct serve_peer *peer, const char *name,
	    bool release, const char *why, struct serve_reply *reply);
	enum result (*reload)(void *user, const struct serve_peer *peer, struct serve_reply *reply);
};

/* Paths "" : no such socket. Groups "" : the process's own. Modes 0: 0660. */
struct serve_conf {
	char path[108], path_ro[108];
	char group[32], group_ro[32];
	mode_t mode, mode_ro;
	unsigned clients_max; /* 0: 64; an eighth of them is kept for root */
};

struct serve_counts {
	uint64_t accepted, refused_clients, dropped_clients, requests, bad_requests, refused;
	uint64_t events_lost; /* to followers that do not read */
	unsigned clients, followers;
};

struct serve;

/*
 * Makes the sockets (a stale one of ours is replaced, one that answers is -EADDRINUSE). `ops` and
 * `user` must outlive the result. 0 and the caller's to free, or a negative errno and one line in
 * `error`. A group that is not there, or that the process may not give a file to, is an error.
 */
int serve_new(const struct serve_conf *conf, const struct serve_ops *ops, void *user,
    struct serve **ret_serve, char error[CTL_TEXT_MAX]);
/* Closes all and removes the sockets' files. */
void serve_free(struct serve **serve);

/* An epoll descriptor: readable when serve_dispatch has work. */
int serve_fd(const struct serve *serve);
/* Serves what is there, a bounded number of messages. */
void serve_dispatch(struct serve *serve, struct instant now);
/* An event happened: goes to every follower. A JSON object without newline. */
void serve_publish(struct serve *serve, const char *json);
/* Drops clients that have not read for 10 s; call it once a second or so. */
void serve_tick(struct serve *serve, struct instant now);
void serve_get_counts(const struct serve *serve, struct serve_counts *ret_counts);

#endif
