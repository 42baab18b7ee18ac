/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets that sFlow comes in by. Descriptors are the caller's to close. */
#ifndef CONTROLLER_RECEIVE_LISTEN_H
#define CONTROLLER_RECEIVE_LISTEN_H

#include <stdint.h>

#include "common/base/addr.h"

#define LISTEN_MAX 32

/*
 * Is the address free? Asked before sockets that share it (SO_REUSEPORT) are opened, because those
 * would share it with another process as well, and each would get half. 0 or negative errno.
 */
int listen_probe(const struct addr *addr, uint16_t port);

/*
 * A bound, non-blocking UDP socket that shares its address with others; family 0 is all addresses
 * of both families. *port 0 is replaced by the one the kernel chose. `buffer` bytes are asked for,
 * beyond rmem_max where the process may; *ret_buffer is what was got. The descriptor or negative
 * errno.
 */
int listen_open(const struct addr *addr, uint16_t *port, int64_t buffer, int64_t *ret_buffer);

/*
 * Steers datagrams among the `count` sockets that share an address, by the agent address in the
 * payload: one exporter stays with one socket whatever relay sends its datagrams. 0 or negative
 * errno.
 */
int listen_steer(int fd, unsigned count);

/*
 * Datagrams that the kernel dropped because the socket's buffer was full, modulo 2^32. Asked for by
 * SO_MEMINFO when somebody wants to know: it is the same counter (sk_drops) that SO_RXQ_OVFL tells,
 * but that comes beside the next datagram alone, so that what is lost before a silence stays
 * unknown, and wants a control buffer for each message of a batch.
 */
uint32_t listen_drops(int fd);

#endif
