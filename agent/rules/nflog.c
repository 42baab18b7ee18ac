/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (16 << 20)
#define BATCH_BYTES (128U << 10) /* the kernel's most */
#define BATCH_PACKETS 64
#define BATCH_CENTISECONDS 1
#define ANSWER_MS 1000

struct request {
	struct nlmsghdr nl;
	struct nfgenmsg nf;
	uint8_t attr[32];
};

/* Waits for the acknowledgement of `seq`; packets that come meanwhile are of no capture yet. */
static int
wait_ack(int fd, uint32_t seq)
{
	_Alignas(8) uint8_t buf[8192];

	for (int i = 0; i < 64; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, ANSWER_MS) <= 0)
			return -ETIMEDOUT;
		ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
		if (n < (ssize_t)(sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr)))
			continue;
		struct nlmsghdr head;
		struct nlmsgerr answer;
		memcpy(&head, buf, sizeof head);
		memcpy(&answer, buf + NLMSG_HDRLEN, sizeof answer);
		if (head.nlmsg_type == NLMSG_ERROR && head.nlmsg_seq == seq)
			return answer.error;
	}
	return -ETIMEDOUT;
}

static int
configure(int fd, uint16_t group, uint32_t seq, uint16_t type, const void *value, uint16_t size)
{
	struct request q;
	struct nlattr attr = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};

	memset(&q, 0, sizeof q);
	memcpy(q.attr, &attr, sizeof attr);
	memcpy(q.attr + NLA_HDRLEN, value, size);
	q.nl.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + sizeof q.nf + NLA_ALIGN(attr.nla_len));
	q.nl.nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	q.nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	q.nl.nlmsg_seq = seq;
	q.nf.res_id = htons(group);
	if (send(fd, &q, q.nl.nlmsg_len, 0) < 0)
		return -errno;
	return wait_ack(fd, seq);
}

int
nflog_open(uint16_t group, uint16_t snap)
{
	struct nfulnl_msg_config_cmd bind_cmd = {.command = NFULNL_CFG_CMD_BIND};
	struct nfulnl_msg_config_mode mode = {
	    .copy_range = htonl(snap ? snap : 0xFFFFU), .copy_mode = NFULNL_COPY_PACKET};
	uint32_t threshold = htonl(BATCH_PACKETS), timeout = htonl(BATCH_CENTISECONDS),
		 batch = htonl(BATCH_BYTES);
	uint16_t flags = htons(NFULNL_CFG_F_SEQ);
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	int size = BUFFER_BYTES;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0)
		return -errno;
	int r = bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ? -errno : 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (r == 0)
		r = configure(fd, group, 1, NFULA_CFG_CMD, &bind_cmd, sizeof bind_cmd);
	/* nfnetlink answers EINVAL for a subsystem it does not have, EPERM and EBUSY for a group
	 * that has a listener. */
	if (r == -EPERM)
		r = -EBUSY;
	else if (r == -EINVAL)
		r = -ENOENT;
	if (r == 0)
		r = configure(fd, group, 2, NFULA_CFG_NLBUFSIZ, &batch, sizeof batch);
	if (r == 0)
		r = configure(fd, group, 3, NFULA_CFG_MODE, &mode, sizeof mode);
	if (r == 0)
		r = configure(fd, group, 4, NFULA_CFG_QTHRESH, &threshold, sizeof threshold);
	if (r == 0)
		r = configure(fd, group, 5, NFULA_CFG_TIMEOUT, &timeout, sizeof timeout);
	if (r == 0)
		r = configure(fd, group, 6, NFULA_CFG_FLAGS, &flags, sizeof flags);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int
nflog_open_gre(unsigned family, uint8_t dscp)
{
	/* A raw socket gets a copy of every GRE packet that comes in: take none. */
	struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {.len = 1, .filter = nothing};
	int size = 4 << 20, dont = IP_PMTUDISC_DONT, dont6 = IPV6_PMTUDISC_DONT, tos = dscp << 2;
	int fd = socket(
	    family == 6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_GRE);

	if (fd < 0)
		return -errno;
	/* Started in the management VRF, all sockets are that VRF's; the way to the analyser is
	 * not. */
	(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
	    setsockopt(fd, family == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
		family == 6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	/* A copy may be larger than the path's MTU: better in fragments than not at all. */
	if (family == 6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &dont6, sizeof dont6);
	else
		(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof dont);
	return fd;
}
