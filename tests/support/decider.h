/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decider with a small fabric around it, for tests: switches that do as they are told (or as the
 * test says), events remembered. No clock: `now` is the test's.
 */
#ifndef TESTS_SUPPORT_DECIDER_H
#define TESTS_SUPPORT_DECIDER_H

#include "controller/decide/decide.h"

#define DECIDER_SWITCHES 8
#define DECIDER_EVENTS 4096

struct decider_event {
	char kind[16], text[DECIDE_TEXT_MAX], name[POLICY_NAME_MAX];
	uint64_t capture;
	struct addr local; /* of its sighting */
	enum life from, to;
	enum result code;
	struct instant when;
};

struct decider {
	struct decide *d;
	struct instant now;
	struct policy policies[4];
	struct policy_switch switches[DECIDER_SWITCHES];
	struct policy_analyser analysers[4];
	struct prefix never[4];
	struct policy_conf conf;
	struct decider_event events[DECIDER_EVENTS]; /* the last ones */
	size_t event_count;                          /* ever */
	/* What each switch holds, of the orders it was given last. */
	struct order orders[DECIDER_SWITCHES][1024];
	size_t order_count[DECIDER_SWITCHES];
	uint64_t packets[DECIDER_SWITCHES]; /* what counters show for each capture */
	uint64_t bytes[DECIDER_SWITCHES];
};

/*
 * Switches leaf0 to leaf7 with exporters 10.255.0.N and hosts 10.1.N.0/24, all connected; analysers
 * "one" and "two"; policy "all", which takes every feed; feed 0 is called "drop". `change`, when
 * not NULL, may change rig->conf's parts first.
 */
void decider_new(struct decider *rig, void (*change)(struct decider *rig));
void decider_free(struct decider *rig);
/* The same on the heap: one is too large for a stack. */
struct decider *decider_make(void (*change)(struct decider *rig));
void decider_done(struct decider *rig);
/* The parts as they stand now go in force. */
void decider_reload(struct decider *rig);

/* The decider dies; a new one takes up what was kept of its captures, as a controller does. No
 * switch is connected then. */
void decider_restart(struct decider *rig);

struct decide_agent decider_agent(void);
void decider_connect(struct decider *rig, unsigned id);

/* Outbound TCP with ACK, 1500 bytes, 1:1000, seen by leaf `seen`; the entry is the remote host. */
struct sighting decider_sighting(
    struct decider *rig, const char *local, const char *remote, unsigned seen);
/* Decides it; before that asks what it would get and ends the test when the answer is another one.
 */
struct verdict decider_decide(struct decider *rig, const struct sighting *sighting);
struct verdict decider_see(
    struct decider *rig, const char *local, const char *remote, unsigned seen);

/* Time goes on, in ticks. */
void decider_pass(struct decider *rig, int64_t ns);

/* Every switch that is connected takes its orders and says of each that it is in that state (and of
 * what it was told to drop that it ended). */
void decider_obey(struct decider *rig, enum hold hold);
/* One switch says one thing. */
void decider_say(
    struct decider *rig, unsigned id, uint64_t capture, enum hold hold, int code, const char *text);

/* Newest event of a kind; NULL: none. */
const struct decider_event *decider_event(const struct decider *rig, const char *kind);
size_t decider_events(const struct decider *rig, const char *kind);
/* Orders that switch `id` has now. */
size_t decider_orders(struct decider *rig, unsigned id, struct order *orders, size_t max);
struct addr decider_addr(const char *text);
struct prefix decider_prefix(const char *text);
/* "2 5": the verdict's switches; "2> 5<" where each has one direction. And those of a capture that
 * it is wanted at. Valid until the next call. */
const char *decider_held(const struct verdict *v);
const char *decider_wanted(const struct decide_capture *c);
/* The one living capture; NULL: none, or several. */
const struct decide_capture *decider_only(const struct decider *rig);

#endif
