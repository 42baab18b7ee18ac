/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Birth, loop and end of the controller; see engine.h. What it carries is in engine_*.c. */
#include "controller/engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"

#define TICK_USEC UINT64_C(250000)
#define HOLD_MAX (7 * CLK_S) /* of a quiet poll: the heartbeat */
#define KEEP_TICKS 120       /* between writes of the counters of what runs: half a minute */
#define OWN_TICKS 240        /* between looks at the machine's own addresses: a minute */

static int
on_agents(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct engine *engine = user;

	(void)source;
	(void)fd;
	(void)events;
	engine->doing = "agents";
	agents_dispatch(engine->agents, clk_now());
	return 0;
}

static int
on_agents_timer(sd_event_source *source, uint64_t usec, void *user)
{
	struct engine *engine = user;

	(void)source;
	(void)usec;
	engine->doing = "agents";
	agents_dispatch(engine->agents, clk_now());
	return 0;
}

static int
on_serve(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct engine *engine = user;

	(void)source;
	(void)fd;
	(void)events;
	engine->doing = "requests";
	serve_dispatch(engine->serve, clk_now());
	return 0;
}

static int
on_feeds(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct engine *engine = user;

	(void)source;
	(void)fd;
	(void)events;
	engine->doing = "feeds";
	engine_feeds(engine);
	return 0;
}

static int
on_sightings(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct engine *engine = user;

	(void)source;
	(void)fd;
	(void)events;
	engine->doing = "sightings";
	engine_sightings(engine, clk_now());
	return 0;
}

static int
on_store(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct engine *engine = user;

	(void)source;
	(void)fd;
	(void)events;
	engine->doing = "store";
	engine_store_news(engine);
	return 0;
}

static int
on_tick(sd_event_source *source, uint64_t usec, void *user)
{
	struct engine *engine = user;
	struct instant now = clk_now();

	(void)usec;
	engine->doing = "tick";
	decide_tick(engine->decide, now);
	serve_tick(engine->serve, now);
	waiting_tick(&engine->waiting, now);
	engine->ticks++;
	if (engine->ticks % OWN_TICKS == 0)
		engine_own_addresses(engine);
	if (engine->ticks % KEEP_TICKS == 0)
		engine_store_all(engine, false);
	/* From now, not from when it was due: after a suspension one tick is enough. */
	(void)sd_event_source_set_time(source, (uint64_t)now.ns / 1000 + TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int
on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
	struct engine *engine = user;

	(void)source;
	log_notice("signal %u: ending; the switches keep their captures for a lease of %u s",
	    info->ssi_signo, decide_lease_ms(engine->decide) / 1000);
	(void)sd_notify(0, "STOPPING=1");
	return sd_event_exit(engine->loop, 0);
}

/* logrotate has moved the file of events away. */
static int
on_rotated(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
	struct engine *engine = user;
	const char *path = engine->settings->event_file;

	(void)source;
	(void)info;
	engine->doing = "log rotation";
	journal_reopen(engine->journal, path != NULL ? path : "");
	return 0;
}

static int
on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
	struct engine *engine = user;
	char error[CONF_ERROR_MAX], note[CTL_TEXT_MAX];

	(void)source;
	(void)info;
	engine->doing = "reload";
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clk_now().ns / 1000);
	if (engine_reload(engine, clk_now(), error, note) < 0)
		log_error("the configuration stays as it was: %s", error);
	else
		log_notice(
		    "the configuration was read again%s%s", note[0] != '\0' ? "; " : "", note);
	(void)sd_notify(0, "READY=1");
	return 0;
}

/* After whatever was dispatched: orders that changed go out, and the timer knows the next date. */
static int
on_after(sd_event_source *source, void *user)
{
	struct engine *engine = user;
	struct instant due;

	(void)source;
	engine->doing = "orders";
	engine_push(engine, clk_now());
	due = agents_deadline(engine->agents);
	if (due.ns == INT64_MAX)
		return sd_event_source_set_enabled(engine->agents_timer, SD_EVENT_OFF);
	(void)sd_event_source_set_time(engine->agents_timer, (uint64_t)due.ns / 1000 + 1);
	return sd_event_source_set_enabled(engine->agents_timer, SD_EVENT_ONESHOT);
}

static int
add_signal(struct engine *engine, int signal, sd_event_signal_handler_t handler)
{
	return sd_event_add_signal(engine->loop, NULL, signal, handler, engine);
}

static int
add_fd(struct engine *engine, int fd, sd_event_io_handler_t handler, int64_t priority)
{
	sd_event_source *source = NULL;
	int r = sd_event_add_io(engine->loop, &source, fd, EPOLLIN, handler, engine);

	if (r >= 0)
		r = sd_event_source_set_priority(source, priority);
	if (r >= 0)
		r = sd_event_source_set_floating(source, true);
	sd_event_source_unref(source);
	return r;
}

static int
make_loop(struct engine *engine)
{
	uint64_t now = (uint64_t)clk_now().ns / 1000;
	int r;

	/* People and switches first: a flood of sightings must not keep them waiting. */
	if ((r = sd_event_new(&engine->loop)) < 0 ||
	    (r = add_signal(engine, SIGTERM, on_end)) < 0 ||
	    (r = add_signal(engine, SIGINT, on_end)) < 0 ||
	    (r = add_signal(engine, SIGHUP, on_hangup)) < 0 ||
	    (r = add_signal(engine, SIGUSR1, on_rotated)) < 0 ||
	    (r = add_fd(engine, serve_fd(engine->serve), on_serve, 0)) < 0 ||
	    (r = add_fd(engine, agents_fd(engine->agents), on_agents, 0)) < 0 ||
	    (r = add_fd(engine, feeds_fd(engine->feeds), on_feeds, 5)) < 0 ||
	    (r = add_fd(engine, store_fd(engine->store), on_store, 5)) < 0 ||
	    (r = add_fd(engine, receiver_fd(engine->receiver), on_sightings, 10)) < 0 ||
	    (r = sd_event_add_time(engine->loop, NULL, CLOCK_BOOTTIME, now + TICK_USEC, 10000,
		 on_tick, engine)) < 0 ||
	    (r = sd_event_add_time(engine->loop, &engine->agents_timer, CLOCK_BOOTTIME, now, 1000,
		 on_agents_timer, engine)) < 0 ||
	    (r = sd_event_add_post(engine->loop, NULL, on_after, engine)) < 0)
		return r;
	r = engine_feeds_init(engine);
	if (r >= 0)
		r = engine_recent_init(engine);
	if (r >= 0)
		r = sd_event_set_watchdog(engine->loop, true);
	return r < 0 ? r : 0;
}

/* How long this thread has waited for a processor so far; 0 where the kernel does not say. */
static int64_t
queued(int fd)
{
	char text[96];
	long long ran, waited = 0;
	ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return sscanf(text, "%lld %lld", &ran, &waited) == 2 ? waited : 0;
}

/* As sd_event_loop does, with a look at the clock on both sides of what is done. */
static int
run_loop(struct engine *engine)
{
	int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	sd_event *loop = engine->loop;
	int r = 0;

	while (r >= 0 && sd_event_get_state(loop) != SD_EVENT_FINISHED) {
		engine->doing = "";
		r = sd_event_prepare(loop);
		if (r == 0)
			r = sd_event_wait(loop, UINT64_MAX);
		if (r <= 0)
			continue;
		turns_begin(&engine->turns, clk_now(), queued(schedstat));
		r = sd_event_dispatch(loop);
		turns_end(&engine->turns, clk_now(), queued(schedstat), engine->doing);
	}
	if (schedstat >= 0)
		close(schedstat);
	return r < 0 ? r : 0;
}

static void
warn_of_buffer(const struct engine *engine)
{
	int64_t asked, got = receiver_buffer(engine->receiver, &asked);

	if (got < asked)
		log_warning("the socket buffer is %lld KiB, not %lld KiB: bursts will be lost; "
			    "sysctl -w net.core.rmem_max=%lld lets it grow",
		    (long long)got / 1024, (long long)asked / 1024, (long long)asked);
}

/* What remembers and what decides. */
static int
open_brain(struct engine *engine)
{
	const struct decide_sink sink = {.event = engine_event};
	const struct settings *set = engine->settings;
	struct policy_conf policy = set->policy;
	int r = engine_store_open(engine);

	if (r == 0)
		r = engine_store_fleet(engine);
	if (r == 0)
		r = journal_new(set->event_file != NULL ? set->event_file : "", &engine->journal);
	if (r < 0)
		return r;
	policy.switches = engine->fleet.places;
	policy.switch_count = engine->fleet.count;
	r = decide_new(&policy, store_next_id(engine->store), &sink, engine, &engine->decide);
	if (r == 0)
		engine_store_load(engine);
	return r;
}

/* What it meets the world with. */
static int
open_doors(struct engine *engine, char error[CONF_ERROR_MAX])
{
	const struct settings *set = engine->settings;
	struct agents_conf conf = set->agents;
	int r = slot_new(&engine->slot);

	if (r == 0)
		r = feeds_new(&set->feeds, engine->slot, &engine->feeds);
	if (r == 0)
		r = receiver_new(&set->receiver, engine->slot, error, &engine->receiver);
	if (r == 0)
		r = serve_new(&set->serve, &engine_ops, engine, &engine->serve, error);
	if (r < 0)
		return r;
	/* A quiet poll is answered well within the lease that the answer renews. */
	conf.hold_ns = (int64_t)set->policy.limits.lease_ms * CLK_MS / 3;
	if (conf.hold_ns > HOLD_MAX)
		conf.hold_ns = HOLD_MAX;
	conf.switches = engine->fleet.keys;
	conf.switch_count = engine->fleet.count;
	r = agents_new(
	    &conf, &engine_agents_events, engine, &engine->agents, error, CONF_ERROR_MAX);
	if (r == 0)
		agents_freeze(engine->agents, decide_frozen(engine->decide));
	return r;
}

static void
close_rooms(struct engine *engine)
{
	engine_store_close(engine);
	agents_free(&engine->agents);
	serve_free(&engine->serve);
	receiver_free(&engine->receiver);
	feeds_free(&engine->feeds);
	slot_free(&engine->slot);
	decide_free(&engine->decide);
	journal_free(&engine->journal);
	fleet_done(&engine->fleet);
	settings_free(&engine->settings);
	sd_event_source_unref(engine->agents_timer);
	sd_event_source_unref(engine->rejudge);
	sd_event_source_unref(engine->look_back.source);
	sd_event_unref(engine->loop);
	free(engine);
}

static void
block_signals(void)
{
	sigset_t set;

	/* Before any thread starts: each inherits it, and the loop alone gets the signals. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int
engine_run(const char *path, bool debug)
{
	struct engine *engine = calloc(1, sizeof *engine);
	char error[CONF_ERROR_MAX];
	int r = engine != NULL ? settings_load(path, true, &engine->settings, error) : -ENOMEM;

	if (r < 0) {
		log_error("%s", engine != NULL ? error : "no memory");
		free(engine);
		return 1;
	}
	snprintf(error, sizeof error, "out of memory");
	engine->path = path;
	engine->debug = debug;
	engine->started = clk_now();
	log_init("controller", debug ? LOG_LEVEL_DEBUG : engine->settings->log_level);
	block_signals();
	r = open_brain(engine);
	if (r == 0 && (r = open_doors(engine, error)) < 0)
		log_error("%s", error);
	if (r == 0) {
		engine_own_addresses(engine);
		r = make_loop(engine);
	}
	if (r == 0 && (r = store_start(engine->store)) == 0 &&
	    (r = feeds_start(engine->feeds)) == 0)
		r = receiver_start(engine->receiver);
	if (r == 0) {
		warn_of_buffer(engine);
		log_notice("feeds: %zu, switches: %zu, policies: %zu; agents at %s, control at %s",
		    engine->settings->feeds.feed_count, engine->fleet.count,
		    engine->settings->policy.policy_count, engine->settings->agents.url,
		    engine->settings->serve.path);
		(void)sd_notify(0, "READY=1");
		r = run_loop(engine);
	}
	if (r < 0)
		log_errno(LOG_LEVEL_ERROR, r, "the controller ends");
	close_rooms(engine);
	return r < 0;
}
