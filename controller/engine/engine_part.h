/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What engine_*.c share: the engine's insides. Nobody else includes this. */
#ifndef CONTROLLER_ENGINE_ENGINE_PART_H
#define CONTROLLER_ENGINE_ENGINE_PART_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "controller/agents/agents.h"
#include "controller/decide/decide.h"
#include "controller/engine/fleet.h"
#include "controller/engine/journal.h"
#include "controller/engine/turns.h"
#include "controller/engine/waiting.h"
#include "controller/feeds/feeds.h"
#include "controller/match/slot.h"
#include "controller/receive/receiver.h"
#include "controller/serve/serve.h"
#include "controller/settings/settings.h"
#include "controller/store/store.h"

/* Who stopped something, and why: shown by `status`, kept over restarts. */
struct engine_stop {
	char who[CTL_NAME_MAX];
	char why[CTL_TEXT_MAX];
	int64_t wall_ns;
};

/* A walk through the conversations of the last hours. */
struct engine_look_back {
	sd_event_source *source;
	uint64_t cursor, looked_at, told;
	struct recent_cover cover;
};

struct engine {
	const char *path; /* of the configuration */
	bool debug;
	struct settings *settings;
	struct fleet fleet;
	struct waiting waiting;
	struct instant started;

	sd_event *loop;
	struct turns turns;
	const char *doing; /* what this turn is about; a handler's first word */
	sd_event_source *agents_timer, *rejudge;
	unsigned endings; /* of captures, by this turn's judging */
	struct slot *slot;
	struct receiver *receiver;
	struct feeds *feeds;
	struct decide *decide;
	struct agents *agents;
	struct serve *serve;
	struct journal *journal;
	struct store *store;
	uint64_t ticks;
	bool recalling;    /* what is told now was told, in an earlier life */
	unsigned restored; /* captures taken up from the store */

	struct engine_look_back look_back;
	struct engine_stop frozen;      /* while decide_frozen */
	char feed_name[FEEDS_NAME_MAX]; /* the last that was looked up */
	bool feed_known[FEEDS_MAX];     /* decide/ was told the name */
	uint64_t feed_sightings[FEEDS_MAX];
	uint64_t events_lost_feeds; /* by the feed thread's queue */
	struct order orders[AGENTS_ORDERS_MAX];
};

/* engine_events.c: what happened, as a JSON line to everybody who wants it. */
void engine_event(void *user, struct instant now, const struct decide_event *event);
/* An event that is not the decider's: pairs of key and text, a NULL key ends. */
void engine_tell(struct engine *engine, const char *kind, ...) __attribute__((sentinel));

/* One with a shape of its own: begin, put into it, end (which takes the object over). */
json_t *engine_event_begin(const char *kind);
void engine_event_end(struct engine *engine, json_t *object);

/* engine_agents.c */
extern const struct agents_events engine_agents_events;
/* Orders of switches that changed go out. */
void engine_push(struct engine *engine, struct instant now);
/* The fleet is another one (reload, accept, forget): decide/ and agents/ are told. */
int engine_refit(
    struct engine *engine, const struct fleet_accepted *accepted, size_t count, struct instant now);
/* The controller's own addresses are never captured. */
void engine_own_addresses(struct engine *engine);

/* engine_feeds.c */
int engine_feeds_init(struct engine *engine);
void engine_feeds(struct engine *engine);
void engine_sightings(struct engine *engine, struct instant now);
enum result engine_lookup(
    void *user, const struct addr *addr, uint16_t port, uint64_t cursor, struct serve_reply *reply);
enum result engine_explain(
    void *user, const struct serve_explain *question, struct serve_reply *reply);
enum result engine_feed_rows(
    void *user, const char *name, uint64_t cursor, struct serve_reply *reply);
enum result engine_feed_refresh(void *user, const struct serve_peer *peer, const char *name,
    bool confirm, struct serve_reply *reply);

/* engine_captures.c */
enum result engine_captures(
    void *user, uint64_t id, bool all, uint64_t cursor, struct serve_reply *reply);
enum result engine_capture_start(void *user, const struct serve_peer *peer,
    const struct ctl_start *start, struct serve_reply *reply);
enum result engine_capture_stop(
    void *user, const struct serve_peer *peer, uint64_t id, struct serve_reply *reply);
enum result engine_capture_extend(void *user, const struct serve_peer *peer, uint64_t id,
    uint64_t for_ms, struct serve_reply *reply);

/* engine_fleet.c */
enum result engine_agents(void *user, const char *name, uint64_t cursor, struct serve_reply *reply);
enum result engine_agent_accept(void *user, const struct serve_peer *peer, const char *fingerprint,
    const char *name, struct serve_reply *reply);
enum result engine_agent_forget(
    void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply);
enum result engine_agent_go_on(
    void *user, const struct serve_peer *peer, const char *name, struct serve_reply *reply);

/* The address that samples of switch `id` bear, as far as is known; false: none is. */
bool engine_exporter_of(const struct engine *engine, unsigned id, struct addr *ret_addr);

/* engine_store.c: what must outlive the process. Open, then the fleet, then (with a decider) load.
 */
int engine_store_open(struct engine *engine);
int engine_store_fleet(struct engine *engine);
void engine_store_load(struct engine *engine);
void engine_store_capture(struct engine *engine, const struct decide_capture *capture);
void engine_store_stop(struct engine *engine, const struct decide_event *event);
void engine_store_agent(
    struct engine *engine, const struct fleet_accepted *accepted, const char *who);
void engine_store_sighting(struct engine *engine, const struct sighting *sighting);
/* Captures that live, for their counters; with `fresh` everything. */
void engine_store_all(struct engine *engine, bool fresh);
void engine_store_news(struct engine *engine);
void engine_store_close(struct engine *engine);

/* engine_recent.c: the lists changed; conversations of the last hours are held against them. */
int engine_recent_init(struct engine *engine);
void engine_recent_look_back(struct engine *engine);

/* engine_seen.c: what was seen lately of a conversation, of all of a local host (remote NULL) or of
 * a remote one (local NULL), as steps; one page of it. */
void engine_seen(struct engine *engine, const struct addr *local, const struct addr *remote,
    uint64_t cursor, struct serve_reply *reply);

/* engine_ops.c: the rest of what the control sockets ask. */
extern const struct serve_ops engine_ops;

/* engine_reload.c: 0, or a negative errno and one line in `error`; then nothing changed. `note`
 * (may be "") says what only a restart takes. */
int engine_reload(
    struct engine *engine, struct instant now, char error[CONF_ERROR_MAX], char note[CTL_TEXT_MAX]);

#endif
