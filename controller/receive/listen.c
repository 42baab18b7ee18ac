/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UDP sockets for sFlow; see listen.h. */
#include "controller/receive/listen.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket and the address to bind it to. Where the kernel has no IPv6, all addresses are those of
 * IPv4. */
static int
socket_for(
    const struct addr *addr, uint16_t port, struct sockaddr_storage *ret_sa, socklen_t *ret_length)
{
	int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, off = 0, on = 1;
	struct addr any = {.family = addr->family == 0 ? 6 : addr->family};
	int fd = socket(any.family == 6 ? AF_INET6 : AF_INET, type, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && addr->family == 0) {
		any.family = 4;
		fd = socket(AF_INET, type, 0);
	}
	if (fd < 0)
		return -errno;
	if (any.family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				   addr->family == 0 ? &off : &on, sizeof off) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	*ret_length = addr_to_sockaddr(addr->family == 0 ? &any : addr, port, ret_sa);
	return fd;
}

int
listen_probe(const struct addr *addr, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t length;
	int r = 0, fd = socket_for(addr, port, &sa, &length);
	if (fd < 0)
		return fd;
	if (port != 0 && bind(fd, (const struct sockaddr *)&sa, length) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int64_t
buffer_set(int fd, int64_t buffer)
{
	int asked = buffer > INT_MAX / 2 ? INT_MAX / 2 : (int)buffer, got = 0;
	socklen_t length = sizeof got;
	/* The first needs CAP_NET_ADMIN, the second is cut to rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof asked) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &asked, sizeof asked);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length) < 0)
		return 0;
	return got / 2; /* the kernel doubles what is asked for, and tells the double */
}

int
listen_open(const struct addr *addr, uint16_t *port, int64_t buffer, int64_t *ret_buffer)
{
	struct sockaddr_storage sa;
	socklen_t length;
	int r, on = 1, fd = socket_for(addr, *port, &sa, &length);
	if (fd < 0)
		return fd;
	int64_t got = buffer_set(fd, buffer);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)&sa, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &length) < 0)
		goto fail;
	struct addr bound;
	if ((r = addr_from_sockaddr((const struct sockaddr *)&sa, &bound, port)) < 0) {
		close(fd);
		return r;
	}
	*ret_buffer = got;
	return fd;
fail:
	r = -errno;
	close(fd);
	return r;
}

int
listen_steer(int fd, unsigned count)
{
	/* The program sees the UDP payload: version, address type, address. A load past the end
	 * ends it with 0: the first socket. */
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 2, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8),
	    BPF_JUMP(BPF_JMP | BPF_JA, 10, 0, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8),
	    BPF_STMT(BPF_MISC | BPF_TAX, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12),
	    BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	    BPF_STMT(BPF_MISC | BPF_TAX, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
	    BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	    BPF_STMT(BPF_MISC | BPF_TAX, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 20),
	    BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	    BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1),
	    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
	    BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
	    BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
		return -errno;
	return 0;
}

uint32_t
listen_drops(int fd)
{
	uint32_t values[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof values;
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &length) < 0)
		return 0;
	return values[SK_MEMINFO_DROPS];
}
