/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection to a control socket. Owns its descriptor and at most one message that the other
 * side has not taken yet; while there is one, no request is read from it.
 */
#ifndef CONTROLLER_SERVE_SERVE_CLIENT_H
#define CONTROLLER_SERVE_SERVE_CLIENT_H

#include <sys/queue.h>

#include "controller/serve/serve.h"

#define SERVE_CLIENT_SLOW (10 * CLK_S) /* with a message it does not take */
#define SERVE_CLIENT_IDLE (60 * CLK_S) /* asking nothing, following nothing */

struct serve_client {
	LIST_ENTRY(serve_client) link;
	int fd;
	struct serve_peer peer;
	bool following;
	uint64_t lost; /* events since the last one that went out */
	uint8_t *pending;
	size_t pending_size;
	struct instant heard, stuck; /* last request; since when `pending` waits */
};

/* Takes over `fd`; -errno and nothing taken when who it is can't be learned. */
int serve_client_new(int fd, bool writes, struct instant now, struct serve_client **ret_client);
void serve_client_free(struct serve_client **client);

/*
 * Sends one message, or keeps it when the other side's buffer is full. 0; -EBUSY when one waits
 * already; another errno when the client is gone.
 */
int serve_client_send(
    struct serve_client *client, const uint8_t *bytes, size_t size, struct instant now);
/* Tries the message that waits. 0 when none waits any more, -EAGAIN, or the client is gone. */
int serve_client_flush(struct serve_client *client);

#endif
