/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket is a raw one (AF_SP_RAW): a plain NN_REQ of nanomsg 1.1.5 aborts the program when an
 * answer arrives twice before it was fetched, which a repeat on the way, or a request sent again
 * while its answer is under way, brings about. So the request's id, sending again and judging
 * answers are done here, by the sealed counter. That a connection came up is seen from NN_SNDFD,
 * edge-triggered in an epoll of the link's own.
 */
#include "agent/main/link.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/main/desired.h"
#include "common/base/seal.h"

#define SILENCE_NS (30 * CLK_S)
#define FIRST_NS (5 * CLK_S) /* until another pinned key is tried, while none ever answered */
#define GAP_NS (5 * CLK_MS)  /* between requests that nothing but our own news causes */
#define LAZY_NS (2 * CLK_S)  /* how long news that are not urgent wait for a request to go with */
#define APPLY_NS (1 * CLK_S) /* how long a whole generation may take to apply before we poll on */
#define CHALLENGES 8 /* in a row, then a pause: two agents with one key must not burn a core */
#define CHALLENGE_PAUSE_NS CLK_S
#define RESEND_NS                                                                                  \
	(15 * CLK_S) /* the same request again, when neither answer nor connection came            \
		      */
#define HELLO_RESEND_NS (3 * CLK_S) /* a hello is not answered before the key is accepted */
#define RECONNECT_MS 100
#define RECONNECT_MAX_MS 1000

struct link {
	struct link_conf conf;
	struct link_events events;
	void *user;
	struct seal seal;
	size_t key_index;
	int socket, epoll;
	size_t message_size;                       /* of the open request, sealed, in `message` */
	uint8_t own[SEAL_TOKEN], peer[SEAL_TOKEN]; /* peer is zero until the controller gave one */
	uint64_t counter;
	bool outstanding, connected, ever;
	struct instant sent, heard, resend;
	unsigned challenges;
	struct instant not_before; /* no request earlier */
	struct desired desired;
	uint64_t acked;
	uint16_t ack_code;
	char ack_text[ORDER_TEXT_MAX];
	bool must_ack; /* a whole generation waits to be applied */
	struct instant apply_until;
	struct holding *holdings;
	size_t holding_count, next_holding;
	uint64_t reported;
	bool pending, urgent, round_done;
	struct instant pending_since;
	struct link_state state;
	bool hosts_sent;  /* the open request holds some */
	uint64_t went_on; /* what an operator's go_on was, last */
	struct link_counters counters;
	struct agent_request request;
	struct agent_reply reply;
	uint8_t plain[SEAL_MESSAGE_MAX], message[SEAL_MESSAGE_MAX];
};

static void
close_socket(struct link *link)
{
	/* Closing takes the socket's descriptors out of the epoll. */
	if (link->socket >= 0)
		nn_close(link->socket);
	link->socket = -1;
}

static int
watch(struct link *link, int option, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.u32 = (uint32_t)option}};
	size_t size = sizeof(int);
	int fd;

	if (nn_getsockopt(link->socket, NN_SOL_SOCKET, option, &fd, &size) < 0)
		return -1;
	return epoll_ctl(link->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The session starts anew: another token, so that nothing of an old one can be meant. */
static int
open_socket(struct link *link, struct instant now)
{
	int most = SEAL_MESSAGE_MAX, first = RECONNECT_MS, last = RECONNECT_MAX_MS, on = 1;

	close_socket(link);
	seal_token(link->own);
	memset(link->peer, 0, sizeof link->peer);
	link->outstanding = link->connected = false;
	link->heard = now;
	link->socket = nn_socket(AF_SP_RAW, NN_REQ);
	if (link->socket < 0)
		return -nn_errno();
	if (nn_setsockopt(link->socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &most, sizeof most) < 0 ||
	    nn_setsockopt(link->socket, NN_SOL_SOCKET, NN_RECONNECT_IVL, &first, sizeof first) <
		0 ||
	    nn_setsockopt(link->socket, NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX, &last, sizeof last) <
		0 ||
	    /* Or a report waits for the delayed acknowledgement of the one before. */
	    nn_setsockopt(link->socket, NN_TCP, NN_TCP_NODELAY, &on, sizeof on) < 0 ||
	    watch(link, NN_RCVFD, EPOLLIN) < 0 || watch(link, NN_SNDFD, EPOLLIN | EPOLLET) < 0 ||
	    nn_connect(link->socket, link->conf.url) < 0) {
		int r = -nn_errno();

		close_socket(link);
		return r ? r : -ENOMEM;
	}
	return 0;
}

int
link_new(const struct link_conf *conf, const struct agent_hello *hello,
    const struct link_events *events, void *user, struct instant now, struct link **ret_link)
{
	struct link *link = calloc(1, sizeof *link);
	int r;

	if (!link)
		return -ENOMEM;
	link->conf = *conf;
	if (link->conf.silence_ns <= 0)
		link->conf.silence_ns = SILENCE_NS;
	link->events = *events;
	link->user = user;
	link->socket = -1;
	link->epoll = epoll_create1(EPOLL_CLOEXEC);
	link->request.hello = *hello;
	desired_init(&link->desired);
	r = conf->controller_key_count
		? seal_init(&link->seal, &conf->keys, conf->controller_keys[0])
		: -EINVAL;
	if (r == 0)
		r = open_socket(link, now);
	if (r < 0) {
		link_free(&link);
		return r;
	}
	*ret_link = link;
	return 0;
}

void
link_free(struct link **link)
{
	struct link *l = *link;

	*link = NULL;
	if (!l)
		return;
	close_socket(l);
	if (l->epoll >= 0)
		close(l->epoll);
	desired_done(&l->desired);
	free(l->holdings);
	sodium_memzero(l, sizeof *l);
	free(l);
}

int
link_fd(const struct link *link)
{
	return link->epoll;
}

/* Takes as many holdings as a message holds, going on where the last one ended. */
static void
fill_holdings(struct link *link, struct agent_poll *poll)
{
	size_t n = link->holding_count;

	poll->all_holdings = n <= AGENT_MSG_HOLDINGS_MAX;
	poll->holding_count = 0;
	link->round_done = poll->all_holdings;
	if (poll->all_holdings || link->next_holding >= n)
		link->next_holding = 0;
	for (; link->next_holding < n && poll->holding_count < AGENT_MSG_HOLDINGS_MAX;
	     link->next_holding++)
		poll->holdings[poll->holding_count++] = link->holdings[link->next_holding];
	if (link->next_holding >= n)
		link->round_done = true;
}

static void
fill_request(struct link *link)
{
	struct agent_poll *poll = &link->request.poll;

	link->request.is_hello = !link->connected;
	poll->acked = link->acked;
	poll->ack_code = link->ack_code;
	memcpy(poll->ack_text, link->ack_text, sizeof poll->ack_text);
	poll->assembling = link->desired.whole ? 0 : link->desired.generation;
	poll->next_page = link->desired.whole ? 0 : link->desired.next_page;
	poll->released = link->state.released;
	poll->rules = link->state.rules;
	poll->bps = link->state.bps;
	poll->code = link->state.code;
	memcpy(poll->text, link->state.text, sizeof poll->text);
	poll->commits = link->state.commits;
	poll->syncs = link->state.syncs;
	poll->lock_waits = link->state.lock_waits;
	poll->fights = link->state.fights;
	poll->foreign_lost = link->state.foreign_lost;
	poll->mirror_lost = link->state.mirror_lost;
	poll->went_on = link->went_on;
	poll->errors = link->counters.malformed + link->counters.sealed_wrong +
		       link->counters.stale + link->counters.unreadable;
	fill_holdings(link, poll);
	poll->all_hosts = false;
	poll->host_count = 0;
	if (link->connected && link->events.hosts)
		link->events.hosts(link->user, poll);
	link->hosts_sent = poll->all_hosts || poll->host_count;
}

/* The sealed bytes of the open request, on whatever connection there is. The controller knows a
 * repeat by its counter. */
static void
transmit(struct link *link, struct instant now)
{
	/* SP_HDR of a raw request: its length, then one word with the top bit set, which ends the
	 * route (REQ/REP RFC). */
	uint8_t control[NN_CMSG_SPACE(sizeof(size_t) + 4)] = {0};
	uint32_t id = (uint32_t)link->counter;
	const uint8_t word[4] = {
	    (uint8_t)(0x80 | id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	const size_t four = 4;
	struct nn_iovec iov = {.iov_base = link->message, .iov_len = link->message_size};
	struct nn_msghdr header = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof control};
	struct nn_cmsghdr *cmsg = NN_CMSG_FIRSTHDR(&header);

	cmsg->cmsg_level = PROTO_SP;
	cmsg->cmsg_type = SP_HDR;
	cmsg->cmsg_len = sizeof control;
	memcpy(NN_CMSG_DATA(cmsg), &four, sizeof four);
	memcpy(NN_CMSG_DATA(cmsg) + sizeof four, word, sizeof word);
	/* Without a connection it goes when one comes up. */
	(void)nn_sendmsg(link->socket, &header, NN_DONTWAIT);
	link->resend = clk_add(now, link->request.is_hello ? HELLO_RESEND_NS : RESEND_NS);
}

/* A new request makes nobody's what still answers the last one: the counter says which is meant. */
static void
send_request(struct link *link, struct instant now)
{
	struct seal_head head = {.counter = ++link->counter};
	int n;

	fill_request(link);
	memcpy(head.from, link->own, SEAL_TOKEN);
	memcpy(head.to, link->peer, SEAL_TOKEN);
	n = agent_msg_pack_request(&link->request, link->plain, sizeof link->plain);
	if (n >= 0)
		n = seal_close(&link->seal, SEAL_TO_CONTROLLER, &head, link->plain, (size_t)n,
		    link->message, sizeof link->message);
	if (n < 0) {
		link->not_before = clk_add(now, 100 * CLK_MS);
		return;
	}
	link->message_size = (size_t)n;
	link->outstanding = true;
	link->pending = link->urgent = false;
	link->sent = now;
	link->not_before = clk_add(now, GAP_NS);
	link->counters.sent++;
	link->counters.hellos += link->request.is_hello;
	transmit(link, now);
}

static void
take_challenge(struct link *link, const struct seal_head *head, struct instant now)
{
	memcpy(link->peer, head->from, SEAL_TOKEN);
	link->connected = false;
	/* Generations are a session's own. What is held stays until the first whole one, or its
	 * lease. */
	desired_reset(&link->desired);
	link->acked = 0;
	link->ack_code = 0;
	link->ack_text[0] = '\0';
	link->must_ack = false;
	if (++link->challenges >= CHALLENGES) {
		link->challenges = 0;
		link->not_before = clk_add(now, CHALLENGE_PAUSE_NS);
	} else {
		link->not_before = now;
	}
}

static void
take_page(struct link *link, struct instant now)
{
	int r = desired_page(&link->desired, &link->reply, link->sent);

	link->not_before = now; /* the next page at once */
	if (r < 0)
		link->counters.unreadable++;
	if (r != 1)
		return;
	link->must_ack = true;
	link->apply_until = clk_add(now, APPLY_NS);
	if (link->events.orders)
		link->events.orders(link->user, link->desired.generation, link->desired.orders,
		    link->desired.count, link->desired.since, link->desired.lease_ms);
}

static void
take_reply(struct link *link, const struct seal_head *head, struct instant now)
{
	bool first = !link->connected;

	link->heard = now;
	link->ever = true;
	link->outstanding = false;
	link->counters.received++;
	if (link->reply.kind == AGENT_REPLY_SAY_HELLO) {
		take_challenge(link, head, now);
		return;
	}
	if (link->reply.kind == AGENT_REPLY_REFUSED) {
		link->not_before = clk_add(now, 10 * CLK_S);
		if (link->events.refused)
			link->events.refused(link->user, link->reply.code, link->reply.text);
		return;
	}
	link->connected = true;
	link->challenges = 0;
	link->reported += link->round_done;
	if (link->hosts_sent && link->events.hosts_told)
		link->events.hosts_told(link->user);
	link->hosts_sent = false;
	if (first && link->events.connected)
		link->events.connected(link->user);
	/* Said until we say it back: once is enough. */
	if (link->reply.go_on && link->reply.go_on != link->went_on) {
		link->went_on = link->reply.go_on;
		if (link->events.go_on)
			link->events.go_on(link->user);
	}
	if (link->reply.kind == AGENT_REPLY_PAGE)
		take_page(link, now);
	else if (link->reply.kind == AGENT_REPLY_RENEW && link->reply.generation == link->acked &&
		 link->acked && link->events.renew)
		link->events.renew(link->user, link->sent, link->reply.lease_ms);
}

static void
take(struct link *link, const uint8_t *message, size_t size, struct instant now)
{
	struct seal_head head;
	int n = seal_open(&link->seal, SEAL_TO_AGENT, message, size, &head, link->plain);

	if (n == -EBADMSG) {
		link->counters.malformed++;
		return;
	}
	if (n < 0) {
		link->counters.sealed_wrong++;
		return;
	}
	/* An answer counts for the request that is open, of this very session, and for no other. */
	if (!link->outstanding || head.counter != link->counter ||
	    sodium_memcmp(head.to, link->own, SEAL_TOKEN) != 0) {
		link->counters.stale++;
		return;
	}
	if (agent_msg_unpack_reply(link->plain, (size_t)n, &link->reply) < 0) {
		link->counters.unreadable++;
		return;
	}
	if (link->reply.kind != AGENT_REPLY_SAY_HELLO && link->reply.kind != AGENT_REPLY_REFUSED &&
	    sodium_memcmp(head.from, link->peer, SEAL_TOKEN) != 0) {
		link->counters.stale++;
		return;
	}
	take_reply(link, &head, now);
}

static void
receive(struct link *link, struct instant now)
{
	for (int i = 0; i < 8 && link->socket >= 0; i++) {
		void *body = NULL;
		int n = nn_recv(link->socket, &body, NN_MSG, NN_DONTWAIT);

		if (n < 0)
			return;
		take(link, body, (size_t)n, now);
		nn_freemsg(body);
	}
}

/* When silence ends the patience: sooner while nobody ever answered and another key is pinned. */
static struct instant
patience(const struct link *link)
{
	bool another = link->conf.controller_key_count > 1 && !link->ever;

	return clk_add(link->heard,
	    another && FIRST_NS < link->conf.silence_ns ? FIRST_NS : link->conf.silence_ns);
}

static void
reopen(struct link *link, struct instant now)
{
	link->key_index = (link->key_index + 1) % link->conf.controller_key_count;
	seal_init(&link->seal, &link->conf.keys, link->conf.controller_keys[link->key_index]);
	link->ever = false;
	link->counters.reopened++;
	desired_reset(&link->desired);
	link->acked = 0;
	link->must_ack = false;
	open_socket(link, now);
	link->not_before = now;
	if (link->events.silent)
		link->events.silent(link->user);
}

/* When the next request should go; INT64_MAX: the open one is good. */
static struct instant
next_send(const struct link *link)
{
	struct instant at = {INT64_MAX};

	if (link->socket < 0)
		return at;
	if (!link->outstanding)
		at = link->must_ack ? link->apply_until : link->not_before;
	else if (link->pending && link->connected)
		at = link->urgent ? link->not_before : clk_add(link->pending_since, LAZY_NS);
	return clk_before(at, link->not_before) ? link->not_before : at;
}

/* A connection came up, or nobody answered for long: the open request goes again. */
static void
look_after_request(struct link *link, struct instant now)
{
	struct epoll_event events[4];
	int n = epoll_wait(link->epoll, events, 4, 0);
	bool fresh = false;

	for (int i = 0; i < n; i++)
		fresh |= events[i].data.u32 == NN_SNDFD;
	if (link->outstanding && (fresh || !clk_before(now, link->resend)))
		transmit(link, now);
}

struct instant
link_deadline(const struct link *link)
{
	struct instant at = next_send(link), other = patience(link);

	if (clk_before(other, at))
		at = other;
	return link->outstanding && clk_before(link->resend, at) ? link->resend : at;
}

void
link_dispatch(struct link *link, struct instant now)
{
	receive(link, now);
	look_after_request(link, now);
	if (!clk_before(now, patience(link)))
		reopen(link, now);
	if (!clk_before(now, next_send(link)))
		send_request(link, now);
}

void
link_set_hello(struct link *link, const struct agent_hello *hello, struct instant now)
{
	if (memcmp(&link->request.hello, hello, sizeof *hello) == 0)
		return;
	link->request.hello = *hello;
	if (!link->connected)
		return;
	/* A token that no session knows makes the controller ask for a hello. */
	link->connected = false;
	memset(link->peer, 0, sizeof link->peer);
	link->outstanding = false;
	link->not_before = now;
}

int
link_report(struct link *link, const struct holding *holdings, size_t count,
    const struct link_state *state, bool urgent, struct instant now)
{
	struct holding *copy = reallocarray(link->holdings, count ? count : 1, sizeof *copy);

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, holdings, count * sizeof *copy);
	link->holdings = copy;
	link->holding_count = count;
	link->state = *state;
	if (!link->pending)
		link->pending_since = now;
	link->pending = true;
	link->urgent |= urgent;
	return 0;
}

void
link_has_hosts(struct link *link, struct instant now)
{
	if (!link->pending)
		link->pending_since = now;
	link->pending = true;
}

uint64_t
link_reported(const struct link *link)
{
	return link->reported;
}

void
link_ack(struct link *link, uint64_t generation, int code, const char *text, struct instant now)
{
	if (generation != link->desired.generation || !link->desired.whole)
		return;
	link->acked = generation;
	link->ack_code = (uint16_t)code;
	snprintf(link->ack_text, sizeof link->ack_text, "%s", text ? text : "");
	link->must_ack = false;
	link->not_before = now;
}

bool
link_is_connected(const struct link *link)
{
	return link->connected;
}

void
link_counters(const struct link *link, struct link_counters *ret_counters)
{
	*ret_counters = link->counters;
}
