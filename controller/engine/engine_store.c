/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory: what happened goes into the store, and what it kept comes back at the start. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"
#include "controller/engine/history.h"

#define EVENTS 1000 /* taken up at the start */
#define END_WAIT (5 * CLK_S)

static const char *
name_of(void *user, unsigned id)
{
	const struct engine *engine = user;

	return fleet_name(&engine->fleet, id);
}

int
engine_store_open(struct engine *engine)
{
	const struct store_limits limits = history_limits(engine->settings);
	char path[512], error[STORE_ERROR_MAX];
	int r;

	(void)mkdir(engine->settings->state_dir, 0750);
	if ((size_t)snprintf(path, sizeof path, "%s/controller.db", engine->settings->state_dir) >=
	    sizeof path)
		return -ENAMETOOLONG;
	r = store_open(path, &limits, &engine->store, error);
	if (r < 0)
		log_error("the store: %s", error);
	else if (error[0] != '\0')
		log_warning("the store: %s", error);
	return r;
}

int
engine_store_fleet(struct engine *engine)
{
	const struct store_reader reader = {.agent = fleet_take_agent};
	struct fleet_accepted_list list = {.count = 0};
	int r;

	store_load(engine->store, &reader, &list);
	r = fleet_set(&engine->fleet, engine->settings, list.rows, list.count);
	free(list.rows);
	return r;
}

/* Of its switches, those that are still known hold it, for all we know; nothing is believed of its
 * state before they have said so. */
static void
take_capture(void *user, struct decide_capture *capture, const char (*names)[POLICY_NAME_MAX])
{
	struct engine *engine = user;
	bool any = false, live = life_is_live(capture->state);

	for (unsigned i = 0; i < capture->holder_count; i++) {
		struct decide_holder *h = &capture->holders[i];
		int id = fleet_find(&engine->fleet, names[i]);

		h->id = id >= 0 ? (unsigned)id : UINT32_MAX;
		h->told = h->settled = false;
		if (id < 0) {
			h->wanted = false;
			h->gone = true;
		}
		any = any || !h->gone;
	}
	if (live && any) {
		capture->state = LIFE_REQUESTED;
	} else if (!any && !life_is_over(capture->state)) {
		capture->state = LIFE_ENDED;
		capture->code = RESULT_END_REVOKED;
		capture->over = clk_now();
	}
	if (decide_restore(engine->decide, capture) < 0)
		log_warning("capture %" PRIu64 " of before could not be taken up", capture->id);
	else if (live && any)
		engine->restored++;
}

static void
take_cooldown(void *user, const struct store_cooldown *c)
{
	struct engine *engine = user;

	(void)decide_restore_cooldown(
	    engine->decide, &c->local, &c->remote, c->vni, c->returns, c->ended);
}

static void
take_flag(void *user, const struct store_flag *flag)
{
	struct engine *engine = user;
	int id = strcmp(flag->name, "all") == 0 ? -1 : fleet_find(&engine->fleet, flag->name);

	switch (flag->kind) {
	case STORE_FROZEN:
		snprintf(engine->frozen.who, sizeof engine->frozen.who, "%s", flag->who);
		snprintf(engine->frozen.why, sizeof engine->frozen.why, "%s", flag->why);
		engine->frozen.wall_ns = flag->wall_ns;
		decide_freeze(engine->decide, true, flag->who, flag->why, clk_now());
		return;
	case STORE_RELEASED:
		if (id >= 0 || strcmp(flag->name, "all") == 0)
			(void)decide_release(
			    engine->decide, id, true, flag->who, flag->why, clk_now());
		return;
	}
}

static void
take_event(void *user, const char *json)
{
	struct engine *engine = user;

	journal_recall(engine->journal, json);
}

void
engine_store_load(struct engine *engine)
{
	const struct store_reader reader = {.events = EVENTS,
	    .history = engine->settings->policy.limits.history,
	    .capture = take_capture,
	    .cooldown = take_cooldown,
	    .flag = take_flag,
	    .event = take_event};

	engine->recalling = true;
	store_load(engine->store, &reader, engine);
	engine->recalling = false;
	if (engine->restored > 0)
		log_notice("%u captures of before are taken up again", engine->restored);
}

void
engine_store_capture(struct engine *engine, const struct decide_capture *capture)
{
	struct store_cooldown cooldown = {
	    .local = capture->filter.a.addr, .remote = capture->filter.b.addr};

	store_put_capture(engine->store, capture, name_of, engine);
	if (capture->manual || !life_is_over(capture->state))
		return;
	cooldown.vni = capture->has_sighting ? capture->sighting.vni : 0;
	if (decide_cooldown(engine->decide, &cooldown.local, &cooldown.remote, cooldown.vni,
		&cooldown.returns, &cooldown.ended))
		store_put_cooldown(engine->store, &cooldown);
}

static void
put_flag(struct engine *engine, enum store_flag_kind kind, const char *name, bool on,
    const char *who, const char *why)
{
	struct store_flag flag = {.kind = kind, .on = on, .wall_ns = clk_wall_ns()};

	snprintf(flag.name, sizeof flag.name, "%s", name);
	snprintf(flag.who, sizeof flag.who, "%s", who);
	snprintf(flag.why, sizeof flag.why, "%s", why != NULL ? why : "");
	store_put_flag(engine->store, &flag);
}

void
engine_store_stop(struct engine *engine, const struct decide_event *event)
{
	if (strcmp(event->kind, "freeze") == 0) {
		put_flag(engine, STORE_FROZEN, "", event->on, event->who, event->text);
		return;
	}
	put_flag(engine, STORE_RELEASED, event->name, event->on, event->who, event->text);
	/* Lifting "all" lifts every single one, as decide_release does. */
	if (strcmp(event->name, "all") == 0 && !event->on)
		for (size_t i = 0; i < engine->fleet.count; i++)
			put_flag(engine, STORE_RELEASED, engine->fleet.places[i].name, false,
			    event->who, event->text);
}

void
engine_store_agent(struct engine *engine, const struct fleet_accepted *a, const char *who)
{
	struct store_agent agent = {.addr_count = a->addr_count, .wall_ns = clk_wall_ns()};

	snprintf(agent.name, sizeof agent.name, "%s", a->name);
	snprintf(agent.who, sizeof agent.who, "%s", who);
	memcpy(agent.key, a->key, sizeof agent.key);
	memcpy(agent.addrs, a->addrs, a->addr_count * sizeof a->addrs[0]);
	store_put_agent(engine->store, &agent);
}

void
engine_store_sighting(struct engine *engine, const struct sighting *s)
{
	struct store_sighting row = {.local = s->local,
	    .remote = s->remote,
	    .vni = s->vni,
	    .prefix = s->entries[0].prefix,
	    .inbound = !s->outbound,
	    .outbound = s->outbound,
	    .packets = s->sampling_rate,
	    .bytes = (uint64_t)s->frame_length * s->sampling_rate,
	    .first_ns = clk_wall_ns()};

	row.last_ns = row.first_ns;
	if (feeds_name(engine->feeds, s->entries[0].feed, row.feed) == 0)
		store_put_sighting(engine->store, &row);
}

/* All that a fresh database must hold, and the counters of what runs. */
void
engine_store_all(struct engine *engine, bool fresh)
{
	const struct decide_capture *c = NULL;
	uint64_t after = 0;

	while ((c = decide_next(engine->decide, false, after)) != NULL) {
		engine_store_capture(engine, c);
		after = c->id;
	}
	if (!fresh)
		return;
	for (size_t i = 0; i < engine->fleet.accepted_count; i++)
		engine_store_agent(engine, &engine->fleet.accepted[i], "");
	if (decide_frozen(engine->decide))
		put_flag(engine, STORE_FROZEN, "", true, engine->frozen.who, engine->frozen.why);
	if (decide_released(engine->decide, -1))
		put_flag(engine, STORE_RELEASED, "all", true, "", "");
	for (size_t i = 0; i < engine->fleet.count; i++)
		if (decide_released(engine->decide, (int)i))
			put_flag(
			    engine, STORE_RELEASED, engine->fleet.places[i].name, true, "", "");
}

void
engine_store_news(struct engine *engine)
{
	struct store_news news;

	while (store_news(engine->store, &news)) {
		const char *state = news.kind == STORE_DEGRADED    ? "in memory only"
				    : news.kind == STORE_RECOVERED ? "written again"
								   : "replaced";

		log_warning("the store is %s: %s", state, news.text);
		engine_tell(engine, "store", "state", state, "text", news.text, (char *)NULL);
		if (news.kind == STORE_REPLACED)
			engine_store_all(engine, true);
	}
}

void
engine_store_close(struct engine *engine)
{
	uint64_t lost = 0;

	if (engine->store == NULL)
		return;
	if (engine->decide != NULL)
		engine_store_all(engine, false);
	store_free(&engine->store, END_WAIT, &lost);
	if (lost > 0)
		log_error("the store: %" PRIu64 " rows could not be written", lost);
}
