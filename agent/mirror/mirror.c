/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1
#include "agent/mirror/mirror.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#include "agent/mirror/erspan.h"
#include "agent/mirror/nfpacket.h"
#include "agent/mirror/segment.h"
#include "agent/wire/jail.h"
#include "agent/wire/lean.h"
#include "agent/wire/wire.h"
#include "common/base/clk.h"
#include "common/base/log.h"

#define BUFFER_SIZE (256U << 10) /* 128 KiB is the kernel's largest batch, and one packet more */
#define BATCH 64
#define READS_A_TURN 16
#define SESSIONS_MAX 8192
#define REPORT_NS (500 * CLK_MS)
#define FRAME_MTU 1500   /* super-packets are cut back to this */
#define PACKET_MAX 65400 /* what a raw socket takes, headers deducted */

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(item) ((item)->capture = 0)

struct control {
	_Alignas(struct cmsghdr)
	    uint8_t bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct session {
	uint64_t capture;
	struct analyser analyser;
	struct sockaddr_storage to;
	socklen_t to_size;
	struct control control; /* TTL, source */
	size_t control_size;
	uint32_t sequence;
	uint64_t max_packets, max_bytes, seen_packets, seen_bytes; /* as the rule counts */
	uint64_t copied, bytes, dropped;
	bool dirty;
	UT_hash_handle hh;
};

struct slot {
	uint8_t head[ERSPAN_HEADER_MAX + ERSPAN_ETHERNET_MAX];
	uint8_t segment[SEGMENT_HEADERS_MAX];
	struct iovec iov[3];
	struct session *session;
	size_t size; /* of the inner frame */
};

/* What waits to be sent over one of the two raw sockets. */
struct batch {
	int fd;
	unsigned n;
	struct mmsghdr msgs[BATCH];
	struct slot slots[BATCH];
};

struct mirror {
	struct session *sessions;
	int nflog;
	struct batch batch4, batch6;
	struct wire_losses losses;
	bool losses_dirty, dirty, has_sequence;
	uint32_t next_sequence;
	struct instant report_at;
	uint8_t *buffer;
};

/* ---- sending ---- */

static void
drop_one(struct batch *b, unsigned i)
{
	b->slots[i].session->dropped++;
	b->slots[i].session->dirty = true;
}

static void
send_batch(struct batch *b)
{
	unsigned at = 0;

	while (at < b->n) {
		int sent = sendmmsg(b->fd, b->msgs + at, b->n - at, 0);
		if (sent > 0) {
			for (unsigned i = at; i < at + (unsigned)sent; i++) {
				struct session *s = b->slots[i].session;
				s->copied++;
				s->bytes += b->slots[i].size;
				s->dirty = true;
			}
			at += (unsigned)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS) {
			struct pollfd p = {.fd = b->fd, .events = POLLOUT};
			if (poll(&p, 1, 5) > 0 && sendmsg(b->fd, &b->msgs[at].msg_hdr, 0) >= 0) {
				b->slots[at].session->copied++;
				b->slots[at].session->bytes += b->slots[at].size;
				b->slots[at++].session->dirty = true;
				continue;
			}
		}
		/* No route, too large, still no room: this one is lost, and counted. */
		drop_one(b, at++);
	}
	b->n = 0;
}

static struct slot *
take_slot(struct mirror *m, struct session *s)
{
	struct batch *b = s->analyser.addr.family == 6 ? &m->batch6 : &m->batch4;

	if (b->n == BATCH)
		send_batch(b);
	struct slot *slot = &b->slots[b->n];
	struct msghdr *h = &b->msgs[b->n++].msg_hdr;
	*h = (struct msghdr){.msg_name = &s->to,
	    .msg_namelen = s->to_size,
	    .msg_iov = slot->iov,
	    .msg_control = s->control.bytes,
	    .msg_controllen = s->control_size};
	slot->session = s;
	return slot;
}

/* One frame: headers of ours, perhaps headers of a segment, and the rest where it lies. */
static void
queue(struct mirror *m, struct session *s, const struct nfpacket *p, const struct segment *segment,
    size_t size, bool truncated)
{
	struct slot *slot = take_slot(m, s);
	struct batch *b = s->analyser.addr.family == 6 ? &m->batch6 : &m->batch4;
	struct erspan_frame frame = {.type = s->analyser.erspan_type,
	    .session = s->analyser.session,
	    .sequence = s->sequence++,
	    .truncated = truncated};
	uint8_t ethernet[ERSPAN_ETHERNET_MAX];
	bool made;
	size_t ethernet_size =
	    erspan_ethernet(p->hw, p->hw_size, p->payload[0] >> 4, &frame, ethernet, &made);
	size_t n = erspan_header(&frame, slot->head);
	unsigned parts = 1;

	memcpy(slot->head + n, ethernet, ethernet_size);
	slot->iov[0] = (struct iovec){slot->head, n + ethernet_size};
	slot->size = ethernet_size;
	if (segment) {
		memcpy(slot->segment, segment->headers, segment->headers_size);
		slot->iov[parts++] = (struct iovec){slot->segment, segment->headers_size};
		slot->size += segment->headers_size;
	}
	const uint8_t *data = segment ? segment->data : p->payload;
	size_t data_size = segment ? segment->data_size : size;
	slot->iov[parts++] = (struct iovec){(uint8_t *)(uintptr_t)data, data_size};
	slot->size += data_size;
	b->msgs[b->n - 1].msg_hdr.msg_iovlen = parts;
}

/* Rules end the capture at their next look at the counters; until then nothing more is sent. */
static bool
is_enough(struct session *s, const struct nfpacket *p)
{
	if ((s->max_packets && s->seen_packets >= s->max_packets) ||
	    (s->max_bytes && s->seen_bytes >= s->max_bytes))
		return true;
	s->seen_packets++;
	s->seen_bytes += erspan_total(p->payload, p->size);
	return false;
}

static void
copy_packet(struct mirror *m, const struct nfpacket *p)
{
	struct session *s = NULL;
	struct segment segment;
	size_t offset = 0;

	if (p->has_sequence) {
		uint32_t gap = p->sequence - m->next_sequence;
		if (m->has_sequence && gap && gap < UINT32_MAX / 2) {
			m->losses.sequence += gap;
			m->losses_dirty = true;
		}
		m->next_sequence = p->sequence + 1;
		m->has_sequence = true;
	}
	if (p->capture)
		HASH_FIND(hh, m->sessions, &p->capture, sizeof p->capture, s);
	if (!s || p->size == 0) {
		m->losses.unknown++;
		m->losses_dirty = true;
		return;
	}
	if (is_enough(s, p))
		return;
	if (segment_can(p->payload, p->size, FRAME_MTU)) {
		m->losses.segmented++;
		m->losses_dirty = true;
		while (segment_next(p->payload, p->size, FRAME_MTU, &offset, &segment))
			queue(m, s, p, &segment, 0, false);
		return;
	}
	/* The payload lies in our own buffer. */
	(void)segment_complete((uint8_t *)(uintptr_t)p->payload, p->size);
	bool large = p->size > PACKET_MAX,
	     cut = large || erspan_total(p->payload, p->size) > p->size;
	m->losses.cut += cut;
	m->losses_dirty |= cut;
	queue(m, s, p, NULL, large ? PACKET_MAX : p->size, cut);
}

/* ---- receiving ---- */

static void
read_packets(struct mirror *m)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		struct nfpacket packet;
		size_t at = 0;
		int r;
		ssize_t size = recv(m->nflog, m->buffer, BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC);
		if (size < 0) {
			if (errno == ENOBUFS) {
				/* How many that were shows at the next packet's number. */
				if (m->losses.overruns++ == 0)
					log_warning("the kernel had more packets than this process "
						    "takes: copies are lost");
				m->losses_dirty = true;
				continue;
			}
			return;
		}
		if ((size_t)size > BUFFER_SIZE) {
			m->losses.overruns++;
			continue;
		}
		while ((r = nfpacket_next(m->buffer, (size_t)size, &at, &packet)) > 0)
			if (r == 1)
				copy_packet(m, &packet);
		/* The batches lead into the buffer. */
		send_batch(&m->batch4);
		send_batch(&m->batch6);
		m->dirty = true;
	}
}

/* ---- sessions ---- */

static size_t
add_control(struct control *control, size_t at, int level, int type, const void *value, size_t size)
{
	struct cmsghdr head = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};

	memcpy(control->bytes + at, &head, sizeof head);
	memcpy(control->bytes + at + CMSG_LEN(0), value, size);
	return at + CMSG_SPACE(size);
}

static void
aim(struct session *s, const struct wire_session *order)
{
	int ttl = order->analyser.ttl ? order->analyser.ttl : 64;
	size_t at;

	s->analyser = order->analyser;
	s->max_packets = order->max_packets;
	s->max_bytes = order->max_bytes;
	memset(&s->control, 0, sizeof s->control);
	s->to_size = addr_to_sockaddr(&order->analyser.addr, 0, &s->to);
	if (order->analyser.addr.family == 6) {
		struct in6_pktinfo info = {.ipi6_ifindex = 0};
		at = add_control(&s->control, 0, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof ttl);
		memcpy(&info.ipi6_addr, order->source.bytes, sizeof info.ipi6_addr);
		if (order->source.family)
			at = add_control(
			    &s->control, at, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
	} else {
		struct in_pktinfo info = {.ipi_ifindex = 0};
		at = add_control(&s->control, 0, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
		memcpy(&info.ipi_spec_dst, order->source.bytes, sizeof info.ipi_spec_dst);
		if (order->source.family)
			at = add_control(
			    &s->control, at, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	}
	s->control_size = at;
}

static void
put_session(struct mirror *m, const struct wire_session *order)
{
	struct session *s = NULL;

	HASH_FIND(hh, m->sessions, &order->capture, sizeof order->capture, s);
	if (!s) {
		if (HASH_COUNT(m->sessions) >= SESSIONS_MAX || !(s = calloc(1, sizeof *s))) {
			log_error("no room for another session; its copies will be lost");
			return;
		}
		s->capture = order->capture;
		HASH_ADD(hh, m->sessions, capture, sizeof s->capture, s);
		if (!s->capture) {
			free(s);
			return;
		}
	}
	aim(s, order);
}

static void
report_session(struct session *s)
{
	struct wire_msg msg = {.type = WIRE_COUNTS,
	    .counts = {.capture = s->capture,
		.copied = s->copied,
		.bytes = s->bytes,
		.dropped = s->dropped}};

	if (s->dirty && wire_send(WIRE_FD_PEER, &msg, NULL, 0) == 0)
		s->dirty = false;
}

static void
report(struct mirror *m)
{
	struct wire_msg msg = {.type = WIRE_LOSSES, .losses = m->losses};

	m->dirty = false;
	for (struct session *s = m->sessions; s; s = s->hh.next) {
		report_session(s);
		m->dirty |= s->dirty;
	}
	if (m->losses_dirty && wire_send(WIRE_FD_PEER, &msg, NULL, 0) == 0)
		m->losses_dirty = false;
}

static void
drop_session(struct mirror *m, uint64_t capture)
{
	struct session *s = NULL;

	HASH_FIND(hh, m->sessions, &capture, sizeof capture, s);
	if (!s)
		return;
	report_session(s);
	HASH_DEL(m->sessions, s);
	free(s);
}

/* True while rules is there. */
static bool
take_messages(struct mirror *m)
{
	for (;;) {
		struct wire_msg msg;
		int fds[3];
		unsigned n = 0;
		int r = wire_receive(WIRE_FD_PEER, WIRE_FROM_RULES_TO_MIRROR, &msg, fds, 3, &n);
		if (r == -EAGAIN)
			return true;
		if (r == -EPIPE)
			return false;
		if (r < 0) {
			log_errno(LOG_LEVEL_WARNING, r, "a message from rules was not good");
			continue;
		}
		if (msg.type == WIRE_SOCKETS && n == 3 && m->nflog < 0) {
			m->nflog = fds[0];
			m->batch4.fd = fds[1];
			m->batch6.fd = fds[2];
			continue;
		}
		while (n)
			close(fds[--n]);
		if (msg.type == WIRE_SESSION)
			put_session(m, &msg.session);
		else if (msg.type == WIRE_SESSION_DROP)
			drop_session(m, msg.drop.capture);
	}
}

static void
run(struct mirror *m)
{
	for (;;) {
		struct pollfd p[2] = {
		    {.fd = WIRE_FD_PEER, .events = POLLIN}, {.fd = m->nflog, .events = POLLIN}};
		struct instant now = clk_now();
		int64_t wait = clk_diff(m->report_at, now) / CLK_MS + 1;
		bool due = m->dirty || m->losses_dirty;
		if (poll(p, 2, !due ? -1 : wait > 0 ? (int)wait : 0) < 0 && errno != EINTR)
			return;
		if (p[0].revents && !take_messages(m))
			return;
		if (p[1].revents)
			read_packets(m);
		now = clk_now();
		if ((m->dirty || m->losses_dirty) && !clk_before(now, m->report_at)) {
			report(m);
			m->report_at = clk_add(now, REPORT_NS);
		}
	}
}

int
mirror_main(uid_t uid, gid_t gid)
{
	struct mirror *m = calloc(1, sizeof *m);
	struct session *s, *next;

	if (!m || !(m->buffer = malloc(BUFFER_SIZE))) {
		free(m);
		return 1;
	}
	m->nflog = m->batch4.fd = m->batch6.fd = -1;
	/* The end comes with rules' end, not with a signal to the group. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	int r = jail_drop(uid, gid, 0);
	if (r == 0)
		r = jail_seccomp(JAIL_MIRROR);
	lean_settle();
	if (r == 0)
		run(m);
	else
		log_errno(LOG_LEVEL_ERROR, r, "privileges could not be given up");
	HASH_ITER(hh, m->sessions, s, next)
	{
		HASH_DEL(m->sessions, s);
		free(s);
	}
	free(m->buffer);
	free(m);
	return r == 0 ? 0 : 1;
}
