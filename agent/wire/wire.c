/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_MAGIC 0xF1DE0001U
#define WIRE_FDS_MAX 4

/*
 * One cursor for both ways: when it writes, a field's value is copied out, when it reads, copied
 * in. So a message's layout stands in one place. A read past the end makes it bad and yields zeros.
 */
struct cursor {
	uint8_t *out;
	const uint8_t *in;
	size_t left;
	bool bad;
};

static void
field(struct cursor *c, void *value, size_t size)
{
	if (c->bad || c->left < size) {
		c->bad = true;
		if (c->in)
			memset(value, 0, size);
		return;
	}
	if (c->in) {
		memcpy(value, c->in, size);
		c->in += size;
	} else {
		memcpy(c->out, value, size);
		c->out += size;
	}
	c->left -= size;
}

/* The type decides the size, so that no field's size is written twice. */
#define FIELD(c, value) field(c, &(value), sizeof(value))

static void
field_bool(struct cursor *c, bool *value)
{
	uint8_t byte = c->in ? 0 : *value;

	FIELD(c, byte);
	if (byte > 1)
		c->bad = true;
	if (c->in)
		*value = byte == 1;
}

static void
field_range(struct cursor *c, uint8_t *value, uint8_t most)
{
	FIELD(c, *value);
	if (*value > most)
		c->bad = true;
}

/* Text must end inside its field, be printable, and be followed by zeros only. */
static void
field_text(struct cursor *c, char *text, size_t size)
{
	field(c, text, size);
	if (!c->in || c->bad)
		return;
	size_t len = strnlen(text, size);
	if (len == size)
		c->bad = true;
	for (size_t i = 0; i < size; i++) {
		unsigned char ch = (unsigned char)text[i];
		if (i < len ? ch < 0x20 || ch == 0x7f : ch != 0)
			c->bad = true;
	}
	if (c->bad)
		text[0] = '\0';
}

static void
field_addr(struct cursor *c, struct addr *addr)
{
	FIELD(c, addr->bytes);
	FIELD(c, addr->family);
	if (!c->in)
		return;
	memset(addr->pad, 0, sizeof addr->pad);
	if (addr->family != 0 && addr->family != 4 && addr->family != 6)
		c->bad = true;
	for (size_t i = addr->family == 6 ? 16 : addr->family == 4 ? 4 : 0; i < 16; i++)
		if (addr->bytes[i])
			c->bad = true;
}

static void
field_prefix(struct cursor *c, struct prefix *prefix)
{
	field_addr(c, &prefix->addr);
	FIELD(c, prefix->len);
	if (prefix->len > addr_bits(&prefix->addr))
		c->bad = true;
}

static void
field_filter(struct cursor *c, struct filter *filter)
{
	field_prefix(c, &filter->a);
	field_prefix(c, &filter->b);
	FIELD(c, filter->a_port);
	FIELD(c, filter->b_port);
	FIELD(c, filter->port);
	field_bool(c, &filter->has_proto);
	FIELD(c, filter->proto);
	field_bool(c, &filter->one_way);
	field_text(c, filter->iface, sizeof filter->iface);
	if (c->in && !c->bad && filter_check(filter, NULL) != NULL)
		c->bad = true;
}

bool
wire_analyser_ok(const struct analyser *analyser)
{
	return analyser->addr.family != 0 && !addr_is_special(&analyser->addr) &&
	       analyser->session >= 1 && analyser->session <= 1023 &&
	       (analyser->erspan_type == 1 || analyser->erspan_type == 2);
}

static void
field_analyser(struct cursor *c, struct analyser *analyser)
{
	field_addr(c, &analyser->addr);
	FIELD(c, analyser->session);
	FIELD(c, analyser->erspan_type);
	FIELD(c, analyser->ttl);
	if (c->in && !wire_analyser_ok(analyser))
		c->bad = true;
}

static void
field_capture(struct cursor *c, uint64_t *capture)
{
	FIELD(c, *capture);
	if (*capture == 0)
		c->bad = true;
}

static void
field_lease(struct cursor *c, uint32_t *lease_ms)
{
	FIELD(c, *lease_ms);
	if (*lease_ms == 0 || *lease_ms > WIRE_LEASE_MAX_MS)
		c->bad = true;
}

static void
msg_put(struct cursor *c, struct wire_put *put)
{
	struct order *order = &put->order;

	field_capture(c, &order->capture);
	field_filter(c, &order->filter);
	field_analyser(c, &order->analyser);
	FIELD(c, order->remaining_ms);
	FIELD(c, order->max_bps);
	FIELD(c, order->max_packets);
	FIELD(c, order->max_bytes);
	field_lease(c, &put->lease_ms);
}

/* A name of a table or chain, or an absolute path; neither empty. */
static void
need_name(struct cursor *c, const char *name)
{
	if (!c->in || c->bad)
		return;
	if (name[0] == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789_-.") != strlen(name))
		c->bad = true;
}

static void
field_path(struct cursor *c, char *path)
{
	field_text(c, path, WIRE_PATH_MAX);
	if (c->in && path[0] != '/')
		c->bad = true;
}

static void
msg_config(struct cursor *c, struct wire_config *config)
{
	field_text(c, config->table, sizeof config->table);
	need_name(c, config->table);
	field_text(c, config->chain, sizeof config->chain);
	need_name(c, config->chain);
	field_text(c, config->iface, sizeof config->iface);
	if (c->in && !c->bad && !filter_iface_ok(config->iface))
		c->bad = true;
	field_bool(c, &config->first);
	field_range(c, &config->target, WIRE_TARGET_NFLOG);
	field_range(c, &config->backend, WIRE_BACKEND_ACLTOOL);
	field_range(c, &config->comments, WIRE_COMMENTS_NO);
	field_text(c, config->mgmt, sizeof config->mgmt);
	if (c->in && !c->bad && config->mgmt[0] && !filter_iface_ok(config->mgmt))
		c->bad = true;
	FIELD(c, config->nflog_group);
	FIELD(c, config->snap);
	field_range(c, &config->dscp, WIRE_DSCP_MAX);
	FIELD(c, config->max_rules);
	FIELD(c, config->max_destinations);
	FIELD(c, config->rule_bps);
	FIELD(c, config->switch_bps);
	field_range(c, &config->len4, 32);
	field_range(c, &config->len6, 128);
	FIELD(c, config->tick_ms);
	FIELD(c, config->lock_ms);
	FIELD(c, config->sync_floor_ms);
	FIELD(c, config->sync_wait_ms);
	FIELD(c, config->fights);
	field_addr(c, &config->source4);
	field_addr(c, &config->source6);
	field_path(c, config->run_dir);
	field_path(c, config->state_dir);
	field_path(c, config->switchd_root);
	field_path(c, config->policy_dir);
	field_path(c, config->acltool);
	FIELD(c, config->protects);
	for (unsigned i = 0; i < WIRE_PROTECT_MAX; i++)
		field_addr(c, &config->protect[i]);
	if (config->protects > WIRE_PROTECT_MAX || config->tick_ms < 50 || config->lock_ms == 0 ||
	    config->sync_wait_ms == 0 || config->max_rules == 0 || config->max_rules > 65536)
		c->bad = true;
}

static void
msg_holding(struct cursor *c, struct holding *holding)
{
	uint8_t hold = (uint8_t)holding->hold;

	field_capture(c, &holding->capture);
	field_range(c, &hold, HOLD_ENDED);
	if (hold < HOLD_INSTALLING)
		c->bad = true;
	if (c->in)
		holding->hold = (enum hold)hold;
	FIELD(c, holding->rules);
	FIELD(c, holding->code);
	field_text(c, holding->text, sizeof holding->text);
	FIELD(c, holding->packets);
	FIELD(c, holding->bytes);
	FIELD(c, holding->copied);
	FIELD(c, holding->dropped);
	FIELD(c, holding->held_ms);
}

static void
msg_status(struct cursor *c, struct wire_status *status)
{
	field_range(c, &status->backend, WIRE_BACKEND_ACLTOOL);
	field_range(c, &status->target4, WIRE_TARGET_NFLOG);
	field_range(c, &status->target6, WIRE_TARGET_NFLOG);
	field_bool(c, &status->comments);
	field_bool(c, &status->released);
	field_bool(c, &status->stopped);
	FIELD(c, status->code);
	field_bool(c, &status->nft_beside);
	FIELD(c, status->slots);
	FIELD(c, status->slots_used);
	FIELD(c, status->destinations);
	FIELD(c, status->stuck);
	FIELD(c, status->bps);
	FIELD(c, status->commits);
	FIELD(c, status->syncs);
	FIELD(c, status->lock_waits);
	FIELD(c, status->fights);
	FIELD(c, status->foreign_lost);
	FIELD(c, status->mirror_lost);
	field_text(c, status->text, sizeof status->text);
}

static void
msg_session(struct cursor *c, struct wire_session *session)
{
	field_capture(c, &session->capture);
	field_analyser(c, &session->analyser);
	field_addr(c, &session->source);
	FIELD(c, session->max_packets);
	FIELD(c, session->max_bytes);
	if (c->in && session->source.family &&
	    session->source.family != session->analyser.addr.family)
		c->bad = true;
}

static void
msg_fields(struct cursor *c, struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_CONFIG:
		msg_config(c, &msg->config);
		break;
	case WIRE_PUT:
		msg_put(c, &msg->put);
		break;
	case WIRE_RENEW:
		FIELD(c, msg->renew.capture);
		field_lease(c, &msg->renew.lease_ms);
		break;
	case WIRE_DROP:
	case WIRE_SESSION_DROP:
		field_capture(c, &msg->drop.capture);
		FIELD(c, msg->drop.code);
		break;
	case WIRE_RELEASE:
		field_bool(c, &msg->release.on);
		break;
	case WIRE_HOLDING:
		msg_holding(c, &msg->holding);
		break;
	case WIRE_STATUS:
		msg_status(c, &msg->status);
		break;
	case WIRE_SESSION:
		msg_session(c, &msg->session);
		break;
	case WIRE_COUNTS:
		field_capture(c, &msg->counts.capture);
		FIELD(c, msg->counts.copied);
		FIELD(c, msg->counts.bytes);
		FIELD(c, msg->counts.dropped);
		break;
	case WIRE_LOSSES:
		FIELD(c, msg->losses.sequence);
		FIELD(c, msg->losses.overruns);
		FIELD(c, msg->losses.unknown);
		FIELD(c, msg->losses.cut);
		FIELD(c, msg->losses.segmented);
		break;
	case WIRE_LIST:
	case WIRE_STOP:
	case WIRE_UNSTICK:
	case WIRE_LIST_END:
	case WIRE_SOCKETS:
		break;
	case WIRE_TYPE_END:
		c->bad = true;
		break;
	}
}

size_t
wire_encode(const struct wire_msg *msg, uint8_t buf[WIRE_MAX])
{
	struct wire_msg copy = *msg;
	struct cursor c = {.out = buf, .left = WIRE_MAX};
	uint32_t magic = WIRE_MAGIC, type = msg->type;

	FIELD(&c, magic);
	FIELD(&c, type);
	msg_fields(&c, &copy);
	assert(!c.bad);
	return WIRE_MAX - c.left;
}

static bool
may_send(enum wire_side from, enum wire_type type)
{
	switch (from) {
	case WIRE_FROM_MAIN:
		return type >= WIRE_CONFIG && type <= WIRE_UNSTICK;
	case WIRE_FROM_RULES:
		return type >= WIRE_HOLDING && type <= WIRE_STATUS;
	case WIRE_FROM_RULES_TO_MIRROR:
		return type >= WIRE_SOCKETS && type <= WIRE_SESSION_DROP;
	case WIRE_FROM_MIRROR:
		return type == WIRE_COUNTS || type == WIRE_LOSSES;
	}
	return false;
}

int
wire_decode(const uint8_t *buf, size_t size, enum wire_side from, struct wire_msg *ret_msg)
{
	struct wire_msg msg;
	struct cursor c = {.in = buf, .left = size};
	uint32_t magic, type;

	memset(&msg, 0, sizeof msg);
	FIELD(&c, magic);
	FIELD(&c, type);
	if (c.bad || magic != WIRE_MAGIC || type == 0 || type >= WIRE_TYPE_END)
		return -EINVAL;
	msg.type = (enum wire_type)type;
	if (!may_send(from, msg.type))
		return -EPERM;
	msg_fields(&c, &msg);
	if (c.bad || c.left)
		return -EINVAL;
	*ret_msg = msg;
	return 0;
}

int
wire_send(int fd, const struct wire_msg *msg, const int *fds, unsigned n_fds)
{
	uint8_t buf[WIRE_MAX];
	struct iovec iov = {.iov_base = buf, .iov_len = wire_encode(msg, buf)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	} control;
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	assert(n_fds <= WIRE_FDS_MAX);
	if (n_fds) {
		memset(&control, 0, sizeof control);
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		if (sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* Takes the descriptors out of the control data; those that have no room are closed. */
static void
take_fds(struct msghdr *header, int *ret_fds, unsigned max_fds, unsigned *n)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (*n < max_fds)
				ret_fds[(*n)++] = fd;
			else
				close(fd);
		}
	}
}

int
wire_receive(int fd, enum wire_side from, struct wire_msg *ret_msg, int *ret_fds, unsigned max_fds,
    unsigned *ret_n_fds)
{
	uint8_t buf[WIRE_MAX + 1];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof buf};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	} control;
	struct msghdr header = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof control.bytes};
	unsigned n = 0;
	ssize_t size;

	do
		size = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (size == 0)
		return -EPIPE;
	take_fds(&header, ret_fds, max_fds, &n);
	int r = header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)
		    ? -EINVAL
		    : wire_decode(buf, (size_t)size, from, ret_msg);
	if (r < 0) {
		while (n)
			close(ret_fds[--n]);
		return r;
	}
	if (ret_n_fds)
		*ret_n_fds = n;
	return 0;
}
