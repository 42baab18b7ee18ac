/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request handed to the engine, and its reply's bytes. Allocates nothing. */
#ifndef CONTROLLER_SERVE_SERVE_ASK_H
#define CONTROLLER_SERVE_SERVE_ASK_H

#include "controller/serve/serve.h"

/* What the result line may take of a page. */
#define SERVE_ASK_RESULT_MAX 640

struct serve_reply {
	uint8_t page[CTL_MESSAGE_MAX];
	size_t used;
	struct ctl_result result;
};

/*
 * Asks the engine, or refuses by itself (no such operation, not on this socket); `reply` then holds
 * a whole message of reply->used bytes.
 */
void serve_ask(const struct serve_ops *ops, void *user, const struct serve_peer *peer,
    const struct ctl_request *request, struct serve_reply *reply);

/* A message that only refuses. `text` may be "". */
void serve_ask_refuse(struct serve_reply *reply, enum result code, const char *text);

/* A message with one event, and how many were lost before it. */
void serve_ask_event(struct serve_reply *reply, const char *json, uint64_t lost);

/* A row of any kind; false when it does not fit any more. */
bool serve_ask_row(struct serve_reply *reply, enum ctl_row kind, const void *row);

#endif
