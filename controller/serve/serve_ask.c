/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/serve/serve_ask.h"

#include <stdio.h>
#include <string.h>

#include "common/msg/ctl_map.h"

static void
start(struct serve_reply *reply)
{
	reply->used = 0;
	reply->result = (struct ctl_result){.code = RESULT_OK};
}

static void
finish(struct serve_reply *reply)
{
	int n;

	if (reply->result.code != RESULT_OK) {
		reply->used = 0;
		reply->result.cursor = 0;
	}
	n = ctl_map_pack_result(
	    &reply->result, reply->page + reply->used, sizeof reply->page - reply->used);
	/* SERVE_ASK_RESULT_MAX is kept free: a result always fits. */
	reply->used += n > 0 ? (size_t)n : 0;
}

bool
serve_ask_row(struct serve_reply *reply, enum ctl_row kind, const void *row)
{
	size_t room = sizeof reply->page - SERVE_ASK_RESULT_MAX - reply->used;
	int n = ctl_map_pack_row(kind, row, reply->page + reply->used, room);

	if (n > 0) {
		reply->used += (size_t)n;
		return true;
	}
	if (reply->used > 0)
		return false;
	/* No page would ever hold it: left out and counted, or the pages would never end. */
	reply->result.lost++;
	return true;
}

static enum result
ask(const struct serve_ops *ops, void *user, const struct serve_peer *peer,
    const struct ctl_request *q, struct serve_reply *reply)
{
	switch (q->verb) {
	case CTL_STATUS:
		return ops->status(user, reply);
	case CTL_AGENTS:
		return ops->agents(user, q->name, q->cursor, reply);
	case CTL_AGENT_ACCEPT:
		return ops->agent_accept(user, peer, q->text, q->name, reply);
	case CTL_AGENT_FORGET:
		return ops->agent_forget(user, peer, q->name, reply);
	case CTL_AGENT_GO_ON:
		return ops->agent_go_on(user, peer, q->name, reply);
	case CTL_EXPORTERS:
		return ops->exporters(user, q->cursor, reply);
	case CTL_CAPTURES:
		return ops->captures(user, q->id, q->all, q->cursor, reply);
	case CTL_CAPTURE_START:
		return ops->capture_start(user, peer, &q->start, reply);
	case CTL_CAPTURE_STOP:
		return ops->capture_stop(user, peer, q->id, reply);
	case CTL_CAPTURE_EXTEND:
		return ops->capture_extend(user, peer, q->id, q->for_ms, reply);
	case CTL_FEEDS:
		return ops->feeds(user, q->name, q->cursor, reply);
	case CTL_FEED_REFRESH:
		return ops->feed_refresh(user, peer, q->name, q->all, reply);
	case CTL_LOOKUP:
		return ops->lookup(user, &q->addr, q->port, q->cursor, reply);
	case CTL_EXPLAIN:
		return ops->explain(user,
		    &(struct serve_explain){q->addr, q->other, q->port, q->name, q->vni, q->cursor},
		    reply);
	case CTL_EVENTS:
		return ops->events(user, q->count, q->id, q->cursor, reply);
	case CTL_FREEZE:
	case CTL_THAW:
		return ops->freeze(user, peer, q->verb == CTL_FREEZE, q->text, reply);
	case CTL_RELEASE:
	case CTL_UNRELEASE:
		return ops->release(user, peer, q->name, q->verb == CTL_RELEASE, q->text, reply);
	case CTL_RELOAD:
		return ops->reload(user, peer, reply);
	}
	return RESULT_BAD_REQUEST;
}

/* The entry of serve_ops that a verb needs is there. */
static bool
has(const struct serve_ops *ops, enum ctl_verb verb)
{
	switch (verb) {
	case CTL_STATUS:
		return ops->status != NULL;
	case CTL_AGENTS:
		return ops->agents != NULL;
	case CTL_AGENT_ACCEPT:
		return ops->agent_accept != NULL;
	case CTL_AGENT_FORGET:
		return ops->agent_forget != NULL;
	case CTL_AGENT_GO_ON:
		return ops->agent_go_on != NULL;
	case CTL_EXPORTERS:
		return ops->exporters != NULL;
	case CTL_CAPTURES:
		return ops->captures != NULL;
	case CTL_CAPTURE_START:
		return ops->capture_start != NULL;
	case CTL_CAPTURE_STOP:
		return ops->capture_stop != NULL;
	case CTL_CAPTURE_EXTEND:
		return ops->capture_extend != NULL;
	case CTL_FEEDS:
		return ops->feeds != NULL;
	case CTL_FEED_REFRESH:
		return ops->feed_refresh != NULL;
	case CTL_LOOKUP:
		return ops->lookup != NULL;
	case CTL_EXPLAIN:
		return ops->explain != NULL;
	case CTL_EVENTS:
		return ops->events != NULL;
	case CTL_FREEZE:
	case CTL_THAW:
		return ops->freeze != NULL;
	case CTL_RELEASE:
	case CTL_UNRELEASE:
		return ops->release != NULL;
	case CTL_RELOAD:
		return ops->reload != NULL;
	}
	return false;
}

static const char *
missing(const struct ctl_request *q)
{
	switch (q->verb) {
	case CTL_AGENT_ACCEPT:
		return q->text[0] ? NULL : "a fingerprint is needed";
	case CTL_AGENT_FORGET:
	case CTL_AGENT_GO_ON:
	case CTL_FEED_REFRESH:
	case CTL_RELEASE:
	case CTL_UNRELEASE:
		return q->name[0] ? NULL : "a name is needed";
	case CTL_CAPTURE_STOP:
	case CTL_CAPTURE_EXTEND:
		return q->id ? NULL : "a capture's id is needed";
	case CTL_LOOKUP:
	case CTL_EXPLAIN:
		return q->addr.family ? NULL : "an address is needed";
	case CTL_STATUS:
	case CTL_AGENTS:
	case CTL_EXPORTERS:
	case CTL_CAPTURES:
	case CTL_CAPTURE_START:
	case CTL_FEEDS:
	case CTL_EVENTS:
	case CTL_FREEZE:
	case CTL_THAW:
	case CTL_RELOAD:
		return NULL;
	}
	return NULL;
}

void
serve_ask(const struct serve_ops *ops, void *user, const struct serve_peer *peer,
    const struct ctl_request *request, struct serve_reply *reply)
{
	const char *lacks = missing(request);

	start(reply);
	if (ctl_msg_verb_writes(request->verb) && !peer->writes) {
		serve_text(reply, "%s is not permitted on the read-only socket",
		    ctl_msg_verb_name(request->verb));
		reply->result.code = RESULT_NOT_PERMITTED;
	} else if (lacks) {
		serve_text(reply, "%s: %s", ctl_msg_verb_name(request->verb), lacks);
		reply->result.code = RESULT_BAD_REQUEST;
	} else if (!has(ops, request->verb)) {
		serve_text(reply, "this controller cannot do %s", ctl_msg_verb_name(request->verb));
		reply->result.code = RESULT_NOT_FOUND;
	} else {
		reply->result.code = ask(ops, user, peer, request, reply);
	}
	finish(reply);
}

void
serve_ask_refuse(struct serve_reply *reply, enum result code, const char *text)
{
	start(reply);
	reply->result.code = code;
	serve_text(reply, "%s", text);
	finish(reply);
}

void
serve_ask_event(struct serve_reply *reply, const char *json, uint64_t lost)
{
	start(reply);
	reply->result.lost = lost;
	serve_ask_row(reply, CTL_ROW_EVENT, json);
	finish(reply);
}
