/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The raw REP socket and the table of switches. A request that is open keeps its routing header
 * (nanomsg's control part) until it is answered; the answer is kept until the next request, for a
 * repeat that asks again.
 */
#include "controller/agents/agents.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/result.h"
#include "common/base/seal.h"
#include "controller/agents/session.h"
#include "controller/agents/sheet.h"
#include "controller/agents/strangers.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define HOLD_NS (7 * CLK_S)
#define SILENCE_NS (30 * CLK_S)
#define MISLED_NS (60 * CLK_S) /* between two words about one agent */
#define ROUTES 4
#define BATCH 64           /* messages a dispatch: the loop has others to serve */
#define MESSAGES_BURST 400 /* of one agent, and how many a second after that */
#define MESSAGES_A_SECOND 100

struct entry {
	struct agents_switch who;
	size_t id;
	struct seal seal;
	struct session session;
	struct sheet sheet;
	struct agent_hello *hello;
	/*
	 * Where the open request was asked: the first time, then the last few. All get the answer:
	 * a repeat is a reconnected agent's or somebody's replay, and only the agent can read it.
	 */
	void *routes[ROUTES];
	unsigned route_count;    /* 0: no request is open */
	struct instant received; /* the open request */
	uint64_t assembling;     /* what it said */
	uint32_t next_page;
	uint8_t *answer; /* to the last request, sealed; NULL: it is open, or there was none */
	size_t answer_size;
	struct instant heard, since;
	struct instant misled, misled_told;
	bool connected;
	int ack_code;
	char ack_text[ORDER_TEXT_MAX];
	uint64_t bps; /* of the last report, as counts, code and text */
	struct agents_counts counts;
	int code;
	char text[ORDER_TEXT_MAX];
	uint64_t go_on;  /* an operator's word that the agent has not said back; 0: none */
	bool go_on_told; /* in some reply, which may be lost */
	double room;     /* token bucket of messages */
	struct instant filled;
	uint64_t messages, repeats, stale, conflicts;
	TAILQ_ENTRY(entry) open_link;  /* in `open`, oldest first, while a request is open */
	TAILQ_ENTRY(entry) heard_link; /* in `heard`, oldest first, while connected */
	UT_hash_handle hh;
};

TAILQ_HEAD(entries, entry);

struct agents {
	struct agents_conf conf;
	struct agents_events events;
	void *user;
	int socket, fd;
	uint8_t secret[32];
	struct entry **table; /* by id */
	size_t count;
	struct entry *by_key;
	struct entries open, heard;
	struct strangers strangers;
	bool frozen;
	struct agents_drops drops;
	struct agent_request request; /* large: one for all messages */
	struct agent_reply reply;
	uint8_t plain[SEAL_MESSAGE_MAX], message[SEAL_MESSAGE_MAX];
};

static void
drop_routes(struct agents *agents, struct entry *entry)
{
	if (entry->route_count == 0)
		return;
	for (unsigned i = 0; i < entry->route_count; i++)
		nn_freemsg(entry->routes[i]);
	entry->route_count = 0;
	TAILQ_REMOVE(&agents->open, entry, open_link);
}

static void
entry_free(struct agents *agents, struct entry *entry)
{
	if (!entry)
		return;
	drop_routes(agents, entry);
	if (entry->connected)
		TAILQ_REMOVE(&agents->heard, entry, heard_link);
	if (entry->hh.tbl)
		HASH_DEL(agents->by_key, entry);
	sheet_done(&entry->sheet);
	seal_done(&entry->seal);
	free(entry->hello);
	free(entry->answer);
	free(entry);
}

static int
entry_new(struct agents *agents, const struct agents_switch *who, struct entry **ret_entry)
{
	struct entry *entry = calloc(1, sizeof *entry);

	if (!entry)
		return -ENOMEM;
	entry->who = *who;
	entry->room = MESSAGES_BURST;
	if (seal_init(&entry->seal, &agents->conf.keys, who->key) < 0) {
		free(entry);
		return -EINVAL;
	}
	*ret_entry = entry;
	return 0;
}

static struct entry *
find(struct agents *agents, const uint8_t key[KEYS_SIZE])
{
	struct entry *entry;

	HASH_FIND(hh, agents->by_key, key, KEYS_SIZE, entry);
	return entry;
}

static int
open_socket(struct agents *agents, char *error, size_t size)
{
	int most = SEAL_MESSAGE_MAX, queue = 4 << 20, on = 1;
	size_t fd_size = sizeof agents->fd;

	agents->socket = nn_socket(AF_SP_RAW, NN_REP);
	if (agents->socket < 0 ||
	    nn_setsockopt(agents->socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &most, sizeof most) < 0 ||
	    /* Or orders wait for the delayed acknowledgement of those before. */
	    nn_setsockopt(agents->socket, NN_TCP, NN_TCP_NODELAY, &on, sizeof on) < 0 ||
	    nn_setsockopt(agents->socket, NN_SOL_SOCKET, NN_RCVBUF, &queue, sizeof queue) < 0 ||
	    nn_getsockopt(agents->socket, NN_SOL_SOCKET, NN_RCVFD, &agents->fd, &fd_size) < 0 ||
	    nn_bind(agents->socket, agents->conf.url) < 0) {
		int r = -nn_errno();

		snprintf(error, size, "%s: cannot be bound for agents: %s", agents->conf.url,
		    nn_strerror(nn_errno()));
		return r;
	}
	return 0;
}

int
agents_new(const struct agents_conf *conf, const struct agents_events *events, void *user,
    struct agents **ret_agents, char *error, size_t error_size)
{
	struct agents *agents = calloc(1, sizeof *agents);
	int r;

	if (!agents) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	agents->conf = *conf;
	agents->conf.switches = NULL;
	if (agents->conf.hold_ns <= 0)
		agents->conf.hold_ns = HOLD_NS;
	if (conf->orders_a_page == 0 || conf->orders_a_page > AGENT_MSG_ORDERS_MAX)
		agents->conf.orders_a_page = AGENT_MSG_ORDERS_MAX;
	agents->events = *events;
	agents->user = user;
	agents->socket = -1;
	TAILQ_INIT(&agents->open);
	TAILQ_INIT(&agents->heard);
	randombytes_buf(agents->secret, sizeof agents->secret);
	r = agents_reload(agents, conf->switches, conf->switch_count, (struct instant){0});
	if (r < 0)
		snprintf(error, error_size, "the switches' keys: %s",
		    r == -EEXIST   ? "two switches have the same key; each needs its own"
		    : r == -EINVAL ? "one is no X25519 public key"
				   : "out of memory");
	else
		r = open_socket(agents, error, error_size);
	if (r < 0) {
		agents_free(&agents);
		return r;
	}
	*ret_agents = agents;
	return 0;
}

void
agents_free(struct agents **agents)
{
	struct agents *a = *agents;

	*agents = NULL;
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++)
		entry_free(a, a->table[i]);
	free(a->table);
	if (a->socket >= 0)
		nn_close(a->socket);
	sodium_memzero(&a->conf.keys, sizeof a->conf.keys);
	free(a);
}

int
agents_fd(const struct agents *agents)
{
	return agents->fd;
}

/* Takes `route` over, whatever comes of it. */
static void
send_bytes(struct agents *agents, void *route, const uint8_t *bytes, size_t size)
{
	struct nn_iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct nn_msghdr header = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &route, .msg_controllen = NN_MSG};

	if (nn_sendmsg(agents->socket, &header, NN_DONTWAIT) < 0) {
		agents->drops.unsent++;
		nn_freemsg(route);
	}
}

/* Seals agents->reply; the size, or negative when it cannot be said. */
static int
seal_reply(struct agents *agents, const struct entry *entry, const struct seal_head *head)
{
	int n = agent_msg_pack_reply(&agents->reply, agents->plain, sizeof agents->plain);

	if (n >= 0)
		n = seal_close(&entry->seal, SEAL_TO_AGENT, head, agents->plain, (size_t)n,
		    agents->message, sizeof agents->message);
	if (n < 0)
		agents->drops.unsent++;
	return n;
}

static void
answer(struct agents *agents, struct entry *entry, struct instant now)
{
	struct seal_head head = {.counter = entry->session.counter};
	int n;

	memcpy(head.from, entry->session.own, SEAL_TOKEN);
	memcpy(head.to, entry->session.agent, SEAL_TOKEN);
	agents->reply.code = 0;
	agents->reply.text[0] = '\0';
	agents->reply.frozen = agents->frozen;
	agents->reply.go_on = entry->go_on;
	entry->go_on_told = entry->go_on != 0;
	agents->reply.generation = 0;
	agents->reply.lease_ms = 0;
	agents->reply.page = 0;
	agents->reply.last_page = false;
	sheet_reply(&entry->sheet, entry->assembling, entry->next_page, agents->conf.orders_a_page,
	    clk_diff(now, entry->received), now, &agents->reply);
	n = seal_reply(agents, entry, &head);
	if (n < 0) {
		drop_routes(agents, entry);
		return;
	}
	free(entry->answer);
	entry->answer = malloc((size_t)n);
	entry->answer_size = entry->answer ? (size_t)n : 0;
	if (entry->answer)
		memcpy(entry->answer, agents->message, (size_t)n);
	TAILQ_REMOVE(&agents->open, entry, open_link);
	for (unsigned i = 0; i < entry->route_count; i++)
		send_bytes(agents, entry->routes[i], agents->message, (size_t)n);
	entry->route_count = 0;
}

static void
answer_at_once(struct agents *agents, const struct entry *entry, const struct seal_head *asked,
    const uint8_t token[SEAL_TOKEN], enum agent_reply_kind kind, int code, void *route)
{
	struct seal_head head = {.counter = asked->counter};
	int n;

	memcpy(head.from, token, SEAL_TOKEN);
	memcpy(head.to, asked->from, SEAL_TOKEN);
	agents->reply = (struct agent_reply){.kind = kind, .code = (uint16_t)code};
	if (code)
		snprintf(agents->reply.text, sizeof agents->reply.text, "%s", result_text(code));
	n = seal_reply(agents, entry, &head);
	if (n < 0)
		nn_freemsg(route);
	else
		send_bytes(agents, route, agents->message, (size_t)n);
}

/* The key is revoked: who waits for an answer is asked to say hello, and is a stranger then. */
static void
cut(struct agents *agents, struct entry *entry)
{
	struct seal_head asked = {.counter = entry->session.counter};
	uint8_t token[SEAL_TOKEN];

	if (entry->route_count == 0)
		return;
	memcpy(asked.from, entry->session.agent, SEAL_TOKEN);
	randombytes_buf(token, sizeof token);
	TAILQ_REMOVE(&agents->open, entry, open_link);
	for (unsigned i = 0; i < entry->route_count; i++)
		answer_at_once(
		    agents, entry, &asked, token, AGENT_REPLY_SAY_HELLO, 0, entry->routes[i]);
	entry->route_count = 0;
}

/* Nothing of the old table is lost before all of the new one stands. */
int
agents_reload(
    struct agents *agents, const struct agents_switch *switches, size_t count, struct instant now)
{
	struct entry **table = calloc(count + 1, sizeof(struct entry *));
	bool *fresh = calloc(count + 1, sizeof *fresh);
	int r = table && fresh ? 0 : -ENOMEM;

	(void)now;
	for (size_t i = 0; i < count && r == 0; i++) {
		table[i] = find(agents, switches[i].key);
		for (size_t j = 0; j < i && r == 0; j++)
			if (memcmp(switches[i].key, switches[j].key, KEYS_SIZE) == 0)
				r = -EEXIST;
		if (!table[i] && r == 0) {
			fresh[i] = true;
			r = entry_new(agents, &switches[i], &table[i]);
		}
	}
	if (r < 0) {
		for (size_t i = 0; table && fresh && i < count; i++)
			if (fresh[i])
				entry_free(agents, table[i]);
		free(table);
		free(fresh);
		return r;
	}
	for (size_t i = 0; i < agents->count; i++)
		agents->table[i]->id = SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		table[i]->id = i;
		table[i]->who = switches[i];
		if (fresh[i])
			HASH_ADD(hh, agents->by_key, who.key, KEYS_SIZE, table[i]);
	}
	for (size_t i = 0; i < agents->count; i++)
		if (agents->table[i]->id == SIZE_MAX) {
			cut(agents, agents->table[i]);
			entry_free(agents, agents->table[i]);
		}
	free(agents->table);
	free(fresh);
	agents->table = table;
	agents->count = count;
	/* Who is a stranger may have changed: each is told of anew. */
	agents->strangers.count = 0;
	return 0;
}

static void
mark_heard(struct agents *agents, struct entry *entry, struct instant now)
{
	if (entry->connected)
		TAILQ_REMOVE(&agents->heard, entry, heard_link);
	TAILQ_INSERT_TAIL(&agents->heard, entry, heard_link);
	entry->connected = true;
	entry->heard = now;
}

/* A request of the live session, fresh: what it says counts, and it waits for its answer. */
static void
take_poll(struct agents *agents, struct entry *entry, void *route, struct instant now)
{
	const struct agent_poll *poll = &agents->request.poll;

	free(entry->answer);
	entry->answer = NULL;
	drop_routes(agents, entry);
	entry->routes[0] = route;
	entry->route_count = 1;
	entry->received = now;
	entry->assembling = poll->assembling;
	entry->next_page = poll->next_page;
	entry->bps = poll->bps;
	entry->counts = (struct agents_counts){
	    .hosts = poll->hosts_known,
	    .commits = poll->commits,
	    .lock_waits = poll->lock_waits,
	    .fights = poll->fights,
	    .foreign_lost = poll->foreign_lost,
	    .mirror_lost = poll->mirror_lost,
	};
	int before = entry->code;
	entry->code = poll->code;
	memcpy(entry->text, poll->text, sizeof entry->text);
	TAILQ_INSERT_TAIL(&agents->open, entry, open_link);
	mark_heard(agents, entry, now);
	if (before != entry->code && agents->events.state)
		agents->events.state(agents->user, entry->id, before, entry->code, entry->text);
	if (entry->go_on && poll->went_on == entry->go_on) {
		entry->go_on = 0;
		if (agents->events.went_on)
			agents->events.went_on(agents->user, entry->id);
	}
	if (sheet_ack(&entry->sheet, poll->acked)) {
		entry->ack_code = poll->ack_code;
		memcpy(entry->ack_text, poll->ack_text, sizeof entry->ack_text);
		if (agents->events.acked)
			agents->events.acked(
			    agents->user, entry->id, poll->acked, poll->ack_code, entry->ack_text);
	}
	if (agents->events.report)
		agents->events.report(agents->user, entry->id, poll);
	/* The report may have led to agents_want, which answers by itself. Hosts are told a page a
	 * request: an answer lets the next one come. */
	if (entry->route_count && (sheet_waits(&entry->sheet) || poll->host_count ||
				      poll->all_hosts || (entry->go_on && !entry->go_on_told)))
		answer(agents, entry, now);
}

static void
take_hello(struct agents *agents, struct entry *entry, const struct seal_head *head, void *route,
    struct instant now)
{
	const struct agent_hello *hello = &agents->request.hello;
	bool again = entry->session.live;

	if (hello->protocol < 1 || hello->protocol > AGENT_MSG_PROTOCOL + 1) {
		answer_at_once(
		    agents, entry, head, head->to, AGENT_REPLY_REFUSED, RESULT_VERSION, route);
		return;
	}
	if (!entry->hello && !(entry->hello = malloc(sizeof *entry->hello))) {
		nn_freemsg(route);
		return;
	}
	*entry->hello = *hello;
	/* What was said to another life of the agent is not meant for this one. */
	if (memcmp(entry->session.agent, head->from, SEAL_TOKEN) != 0)
		entry->go_on = 0;
	session_begin(&entry->session, head);
	sheet_restart(&entry->sheet);
	entry->since = now;
	/* Generations of another session mean nothing here. */
	agents->request.poll.acked = agents->request.poll.assembling = 0;
	mark_heard(agents, entry, now);
	if (agents->events.hello)
		agents->events.hello(agents->user, entry->id, entry->hello, again);
	take_poll(agents, entry, route, now);
}

static bool
has_room(struct entry *entry, struct instant now)
{
	entry->room +=
	    (double)clk_diff(now, entry->filled) / (double)CLK_S * (double)MESSAGES_A_SECOND;
	entry->filled = now;
	if (entry->room > MESSAGES_BURST)
		entry->room = MESSAGES_BURST;
	if (entry->room < 1)
		return false;
	entry->room -= 1;
	return true;
}

static void
take_repeat(struct agents *agents, struct entry *entry, void *route, struct instant now)
{
	entry->repeats++;
	mark_heard(agents, entry, now);
	if (entry->route_count > 0) {
		if (entry->route_count == ROUTES) {
			nn_freemsg(entry->routes[1]);
			memmove(&entry->routes[1], &entry->routes[2],
			    (ROUTES - 2) * sizeof entry->routes[0]);
			entry->route_count--;
		}
		entry->routes[entry->route_count++] = route;
	} else if (entry->answer) {
		send_bytes(agents, route, entry->answer, entry->answer_size);
	} else {
		nn_freemsg(route);
	}
}

/* Opened, and from a key that is configured. Takes the route over. */
static void
take_message(struct agents *agents, struct entry *entry, const struct seal_head *head, size_t size,
    void *route, struct instant now)
{
	enum session_verdict verdict =
	    session_judge(&entry->session, agents->secret, entry->who.key, head, now);
	uint8_t token[SEAL_TOKEN];

	entry->messages++;
	if (verdict == SESSION_NEXT || verdict == SESSION_PROVED) {
		int r = agent_msg_unpack_request(agents->plain, size, &agents->request);

		if (r < 0 || (verdict == SESSION_PROVED && !agents->request.is_hello)) {
			agents->drops.unreadable++;
			nn_freemsg(route);
			return;
		}
	}
	switch (verdict) {
	case SESSION_NEXT:
		take_poll(agents, entry, route, now);
		return;
	case SESSION_PROVED:
		take_hello(agents, entry, head, route, now);
		return;
	case SESSION_REPEAT:
		take_repeat(agents, entry, route, now);
		return;
	case SESSION_CONFLICT:
		entry->conflicts++;
		if (agents->events.conflict)
			agents->events.conflict(agents->user, entry->id);
		/* fall through */
	case SESSION_CHALLENGE:
		session_challenge(&entry->session, agents->secret, entry->who.key, head, token);
		answer_at_once(agents, entry, head, token, AGENT_REPLY_SAY_HELLO, 0, route);
		return;
	case SESSION_STALE:
		entry->stale++;
		agents->drops.stale++;
		break;
	case SESSION_FLOOD:
		agents->drops.flooded++;
		break;
	}
	nn_freemsg(route);
}

static void
take_stranger(struct agents *agents, const uint8_t *key, const uint8_t *message, size_t size,
    struct instant now)
{
	struct seal_head head;
	struct seal seal;
	int n;

	agents->drops.strangers++;
	if (!strangers_new(&agents->strangers, key, now) ||
	    seal_init(&seal, &agents->conf.keys, key) < 0)
		return;
	/* Only who holds the key is worth a line to the operator. */
	n = seal_open(&seal, SEAL_TO_CONTROLLER, message, size, &head, agents->plain);
	seal_done(&seal);
	if (n == -EACCES && agents->events.misled)
		agents->events.misled(agents->user, SIZE_MAX, key);
	if (n < 0 || agent_msg_unpack_request(agents->plain, (size_t)n, &agents->request) < 0)
		return;
	if (!agents->request.is_hello)
		strangers_untold(&agents->strangers, key);
	else if (agents->events.stranger)
		agents->events.stranger(agents->user, key, &agents->request.hello);
}

static void
mislead(struct agents *agents, struct entry *entry, struct instant now)
{
	bool lately = entry->misled_told.ns && clk_diff(now, entry->misled_told) < MISLED_NS;

	entry->misled = now;
	if (lately || !agents->events.misled)
		return;
	entry->misled_told = now;
	agents->events.misled(agents->user, entry->id, entry->who.key);
}

static void
take(struct agents *agents, const uint8_t *message, size_t size, void *route, struct instant now)
{
	struct seal_head head;
	struct entry *entry;
	const uint8_t *key;
	int n;

	if (seal_sender(message, size, SEAL_TO_CONTROLLER, &key) < 0) {
		agents->drops.malformed++;
	} else if (!(entry = find(agents, key))) {
		take_stranger(agents, key, message, size, now);
	} else if (!has_room(entry, now)) {
		agents->drops.flooded++;
	} else if ((n = seal_open(&entry->seal, SEAL_TO_CONTROLLER, message, size, &head,
			agents->plain)) < 0) {
		agents->drops.sealed_wrong++;
		mislead(agents, entry, now);
	} else {
		take_message(agents, entry, &head, (size_t)n, route, now);
		return;
	}
	nn_freemsg(route);
}

static void
receive(struct agents *agents, struct instant now)
{
	for (int i = 0; i < BATCH; i++) {
		void *body = NULL, *route = NULL;
		struct nn_iovec iov = {.iov_base = &body, .iov_len = NN_MSG};
		struct nn_msghdr header = {.msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = &route,
		    .msg_controllen = NN_MSG};
		int n = nn_recvmsg(agents->socket, &header, NN_DONTWAIT);

		if (n < 0)
			return;
		take(agents, body, (size_t)n, route, now);
		nn_freemsg(body);
	}
}

void
agents_dispatch(struct agents *agents, struct instant now)
{
	struct entry *entry;

	receive(agents, now);
	while ((entry = TAILQ_FIRST(&agents->open)) &&
	       clk_diff(now, entry->received) >= agents->conf.hold_ns)
		answer(agents, entry, now);
	while ((entry = TAILQ_FIRST(&agents->heard)) && clk_diff(now, entry->heard) >= SILENCE_NS) {
		TAILQ_REMOVE(&agents->heard, entry, heard_link);
		entry->connected = false;
		entry->go_on = 0;
		drop_routes(agents, entry);
		if (agents->events.gone)
			agents->events.gone(agents->user, entry->id);
	}
}

struct instant
agents_deadline(const struct agents *agents)
{
	const struct entry *open = TAILQ_FIRST(&agents->open), *heard = TAILQ_FIRST(&agents->heard);
	struct instant at = {INT64_MAX}, other;

	if (open)
		at = clk_add(open->received, agents->conf.hold_ns);
	if (heard && clk_before(other = clk_add(heard->heard, SILENCE_NS), at))
		at = other;
	return at;
}

int
agents_want(struct agents *agents, size_t id, const struct order *orders, size_t count,
    uint32_t lease_ms, struct instant now)
{
	struct entry *entry = id < agents->count ? agents->table[id] : NULL;
	int r;

	if (!entry)
		return -ENOENT;
	r = sheet_want(&entry->sheet, orders, count, lease_ms, now);
	if (r < 0)
		return r;
	if (entry->route_count && sheet_waits(&entry->sheet))
		answer(agents, entry, now);
	return 0;
}

int
agents_go_on(struct agents *agents, size_t id, struct instant now)
{
	struct entry *entry = id < agents->count ? agents->table[id] : NULL;

	if (!entry)
		return -ENOENT;
	if (!entry->connected)
		return -ENOTCONN;
	do
		randombytes_buf(&entry->go_on, sizeof entry->go_on);
	while (entry->go_on == 0);
	entry->go_on_told = false;
	if (entry->route_count)
		answer(agents, entry, now);
	return 0;
}

void
agents_freeze(struct agents *agents, bool frozen)
{
	agents->frozen = frozen;
}

bool
agents_info(const struct agents *agents, size_t id, struct agents_info *ret_info)
{
	const struct entry *entry = id < agents->count ? agents->table[id] : NULL;

	if (!entry)
		return false;
	*ret_info = (struct agents_info){
	    .who = &entry->who,
	    .connected = entry->connected,
	    .heard = entry->heard,
	    .since = entry->since,
	    .misled = entry->misled,
	    .wanted = entry->sheet.generation + entry->sheet.changed,
	    .acked = entry->sheet.acked,
	    .ack_code = entry->ack_code,
	    .ack_text = entry->ack_text,
	    .orders = entry->sheet.next.count,
	    .bps = entry->connected ? entry->bps : 0,
	    .code = entry->code,
	    .text = entry->text,
	    .hello = entry->hello,
	    .counts = entry->counts,
	    .messages = entry->messages,
	    .repeats = entry->repeats,
	    .stale = entry->stale,
	    .conflicts = entry->conflicts,
	    .sessions = entry->session.count,
	};
	return true;
}

void
agents_drops(const struct agents *agents, struct agents_drops *ret_drops)
{
	*ret_drops = agents->drops;
}
