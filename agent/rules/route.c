/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 500

struct request {
	struct nlmsghdr nl;
	struct rtmsg rt;
	uint8_t attr[RTA_SPACE(16)];
};

static int
ask(int fd, const struct addr *to)
{
	struct request q;
	size_t size = addr_bits(to) / 8;
	struct rtattr attr = {.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = RTA_DST};

	memset(&q, 0, sizeof q);
	q.nl.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof q.rt) + RTA_SPACE(size));
	q.nl.nlmsg_type = RTM_GETROUTE;
	q.nl.nlmsg_flags = NLM_F_REQUEST;
	q.nl.nlmsg_seq = 1;
	q.rt.rtm_family = (uint8_t)addr_af(to);
	q.rt.rtm_dst_len = (uint8_t)addr_bits(to);
	memcpy(q.attr, &attr, sizeof attr);
	memcpy(q.attr + RTA_LENGTH(0), to->bytes, size);
	return send(fd, &q, q.nl.nlmsg_len, 0) < 0 ? -errno : 0;
}

static void
take_attr(const struct rtattr *attr, unsigned family, struct route *route)
{
	size_t size = RTA_PAYLOAD(attr);
	const uint8_t *data = (const uint8_t *)attr + RTA_LENGTH(0);
	int index;

	if (attr->rta_type == RTA_OIF && size == sizeof index) {
		memcpy(&index, data, sizeof index);
		char name[IF_NAMESIZE];
		if (if_indextoname((unsigned)index, name))
			memcpy(route->iface, name, sizeof route->iface);
	} else if (attr->rta_type == RTA_PREFSRC && size == (family == 6 ? 16U : 4U)) {
		memset(&route->source, 0, sizeof route->source);
		route->source.family = (uint8_t)family;
		memcpy(route->source.bytes, data, size);
	}
}

/* The kernel's answer: one message, a route or an error. */
static int
take(const uint8_t *buf, size_t n, unsigned family, struct route *route)
{
	struct nlmsghdr head;
	struct nlmsgerr error;
	struct rtmsg rt;

	if (n < sizeof head)
		return -EIO;
	memcpy(&head, buf, sizeof head);
	if (head.nlmsg_len > n)
		return -EIO;
	if (head.nlmsg_type == NLMSG_ERROR) {
		if (head.nlmsg_len < NLMSG_LENGTH(sizeof error))
			return -EIO;
		memcpy(&error, buf + NLMSG_HDRLEN, sizeof error);
		return error.error == -EHOSTUNREACH || error.error == -EINVAL ||
			       error.error == -EACCES
			   ? -ENETUNREACH
		       : error.error < 0 ? error.error
					 : -EIO;
	}
	if (head.nlmsg_type != RTM_NEWROUTE || head.nlmsg_len < NLMSG_LENGTH(sizeof rt))
		return -EIO;
	memcpy(&rt, buf + NLMSG_HDRLEN, sizeof rt);
	if (rt.rtm_type != RTN_UNICAST && rt.rtm_type != RTN_LOCAL)
		return -ENETUNREACH;
	for (size_t at = NLMSG_LENGTH(sizeof rt); at + sizeof(struct rtattr) <= head.nlmsg_len;) {
		_Alignas(4) uint8_t bytes[64];
		struct rtattr attr;
		memcpy(&attr, buf + at, sizeof attr);
		if (attr.rta_len < sizeof attr || attr.rta_len > head.nlmsg_len - at)
			break;
		if (attr.rta_len <= sizeof bytes) {
			memcpy(bytes, buf + at, attr.rta_len);
			take_attr((const struct rtattr *)bytes, family, route);
		}
		at += RTA_ALIGN(attr.rta_len);
	}
	return 0;
}

int
route_lookup(const struct addr *to, struct route *ret_route)
{
	struct route route;
	_Alignas(8) uint8_t buf[4096];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	memset(&route, 0, sizeof route);
	int r = ask(fd, to);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (r == 0 && poll(&p, 1, ANSWER_MS) <= 0)
		r = -ETIMEDOUT;
	if (r == 0) {
		ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
		r = n < 0 ? -errno : take(buf, (size_t)n, to->family, &route);
	}
	close(fd);
	if (r < 0)
		return r;
	struct ifreq request;
	memset(&request, 0, sizeof request);
	memcpy(request.ifr_name, route.iface, sizeof request.ifr_name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0)
		route.mtu = (uint32_t)request.ifr_mtu;
	if (fd >= 0)
		close(fd);
	*ret_route = route;
	return 0;
}
