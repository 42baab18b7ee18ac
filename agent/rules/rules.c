/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process: start (configuration, tables, back end, then the privileges go), probing, and the
 * turns of its loop until it stops. The parts are in rules_*.c.
 */
#include "agent/rules/rules.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/rules/accept.h"
#include "agent/rules/rules_part.h"
#include "agent/rules/target.h"
#include "agent/wire/jail.h"
#include "agent/wire/lean.h"
#include "common/base/log.h"

#define CONFIG_WAIT_MS 10000
#define CLAIM_WAIT_MS 3000 /* one that was stopped takes its rules out first */
#define CLEAN_WAIT_MS 5000
#define STOP_WAIT_NS (10 * CLK_S)
#define LINGER_NS (10 * CLK_S) /* looks go on after the last capture */
#define SWITCH_DESTINATIONS 2  /* Broadcom; later ASICs have more: a setting */

static int
wait_config(struct rules *r)
{
	struct pollfd p = {.fd = WIRE_FD_MAIN, .events = POLLIN};
	struct wire_msg msg;

	if (poll(&p, 1, CONFIG_WAIT_MS) <= 0)
		return -ETIMEDOUT;
	int e = wire_receive(WIRE_FD_MAIN, WIRE_FROM_MAIN, &msg, NULL, 0, NULL);
	if (e == 0 && msg.type != WIRE_CONFIG)
		e = -EPROTO;
	if (e == 0)
		r->config = msg.config;
	return e;
}

/* A second agent would take the first one's rules for nobody's, and each would fight the other. */
static int
claim(struct rules *r)
{
	r->claim_fd = state_claim(r->config.run_dir, CLAIM_WAIT_MS);
	if (r->claim_fd == -EBUSY) {
		log_error("another agent runs here: %s is in use", r->config.run_dir);
		return -EBUSY;
	}
	/* A full disk, say, is no second agent. */
	if (r->claim_fd < 0)
		log_errno(LOG_LEVEL_WARNING, r->claim_fd,
		    "%s: whether another agent runs cannot be told", r->config.run_dir);
	return 0;
}

static int
start(struct rules *r)
{
	sigset_t signals;
	int e = wait_config(r);

	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "no configuration came from main");
		return e;
	}
	e = claim(r);
	if (e < 0)
		return e;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	e = commit_open(&r->commit, &r->config, &r->set, rules_make_target, r);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", r->commit.text);
		return e;
	}
	if (r->commit.text[0])
		log_warning("%s", r->commit.text);
	r->status.nft_beside = accept_nft_beside();
	e = backend_open(&r->backend, &r->config, &r->commit);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", r->backend.text);
		return e;
	}
	if (r->backend.text[0])
		log_warning("%s: %s", r->backend.ops->name, r->backend.text);
	sync_init(&r->sync, backend_has_hardware(&r->backend), r->config.sync_floor_ms);
	e = jail_drop(0, 0, 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW);
	if (e == 0)
		e = jail_seccomp(JAIL_RULES);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "privileges could not be given up");
		return e;
	}
	e = target_cache_new(&r->cache);
	return r->signal_fd < 0 ? -errno : e;
}

static void
probe(struct rules *r)
{
	rules_give_sockets(r);
	r->commit.comments =
	    r->config.comments == WIRE_COMMENTS_YES ||
	    (r->config.comments == WIRE_COMMENTS_AUTO && target_match_in_kernel(4, "comment"));
	r->status = (struct wire_status){.backend = (uint8_t)r->backend.kind,
	    .nft_beside = r->status.nft_beside,
	    .target4 = rules_probe_target(r, 4),
	    .target6 = rules_probe_target(r, 6),
	    .comments = r->commit.comments,
	    .released = state_released(r->config.state_dir),
	    .slots = r->config.max_rules,
	    .destinations = r->config.max_destinations ? r->config.max_destinations
			    : r->sync.on               ? SWITCH_DESTINATIONS
						       : 0};
	r->status_dirty = true;
	if (r->status.nft_beside)
		log_warning(
		    "iptables on this machine is the nft variant: it does not show our rules, "
		    "iptables-legacy does");
	if (r->config.dscp &&
	    (r->status.target4 == WIRE_TARGET_ERSPAN || r->status.target6 == WIRE_TARGET_ERSPAN))
		log_warning("dscp = %u: the switch's ERSPAN target sets no DSCP", r->config.dscp);
	log_info("back end %s, IPv4 by %s, IPv6 by %s, %s%s", r->backend.ops->name,
	    rules_target_name(r->status.target4), rules_target_name(r->status.target6),
	    r->commit.comments ? "rules carry a comment" : "rules without comments, by state file",
	    r->status.released ? ", released" : "");
}

static void
earlier(struct instant *first, struct instant at)
{
	if (clk_before(at, *first))
		*first = at;
}

/* Captures are looked at, and for a while afterwards whether somebody puts one back. */
static bool
looking(const struct rules *r, struct instant now)
{
	return r->set.n || clk_before(now, r->quiet_at);
}

/* Milliseconds until something is due; -1: only when somebody speaks. */
static int
due_in(struct rules *r, struct instant now)
{
	struct instant at, first = {INT64_MAX};

	if (held_next(&r->set, &at))
		earlier(&first, at);
	if (r->pending)
		earlier(&first, r->retry_at.ns ? r->retry_at : now);
	if (looking(r, now))
		earlier(&first, r->next_tick);
	if (r->waiting && !r->pending && sync_adds_from(&r->sync, &at))
		earlier(&first, at);
	if (!r->pending && !r->helpless && sync_due(&r->sync, &r->set, &at))
		earlier(&first, at);
	if (first.ns == INT64_MAX)
		return -1;
	int64_t ms = (clk_diff(first, now) + CLK_MS - 1) / CLK_MS;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

static bool
turn(struct rules *r)
{
	struct pollfd p[4] = {
	    {.fd = WIRE_FD_MAIN, .events = (short)(POLLIN | (r->blocked ? POLLOUT : 0))},
	    {.fd = WIRE_FD_PEER, .events = POLLIN}, {.fd = r->signal_fd, .events = POLLIN},
	    {.fd = r->helpless ? -1 : backend_fd(&r->backend), .events = POLLIN}};
	struct signalfd_siginfo info;
	struct instant at;

	if (r->stopping) /* a peer that is gone would wake us all the time */
		p[0].fd = p[1].fd = -1;
	if (poll(p, 4, due_in(r, clk_now())) < 0 && errno != EINTR) {
		log_errno(LOG_LEVEL_ERROR, errno, "poll");
		return false;
	}
	struct instant now = clk_now();
	if (p[2].revents && read(r->signal_fd, &info, sizeof info) == (ssize_t)sizeof info &&
	    info.ssi_signo != SIGHUP)
		rules_stop(r, 0, now);
	if (p[0].revents)
		rules_drain(r, WIRE_FD_MAIN, WIRE_FROM_MAIN, now);
	if (p[1].revents)
		rules_drain(r, WIRE_FD_PEER, WIRE_FROM_MIRROR, now);
	if (p[3].revents)
		rules_on_verdict(r, now);
	if (held_expire(&r->set, now))
		r->pending = true;
	if (r->waiting && sync_adds_from(&r->sync, &at) && !clk_before(now, at))
		r->pending = true;
	if (!looking(r, now))
		r->next_tick = now;
	else if (!clk_before(now, r->next_tick)) {
		rules_tick(r, now);
		r->next_tick = clk_add(now, r->config.tick_ms * CLK_MS);
	}
	if (r->set.n)
		r->quiet_at = clk_add(now, LINGER_NS);
	if (r->pending)
		rules_run_commit(r, now);
	rules_start_sync(r, now);
	rules_flush(r, now);
	if (!r->stopping)
		return true;
	return (r->pending || rules_unsynced(r)) && clk_diff(now, r->stop_since) < STOP_WAIT_NS;
}

int
rules_main(void)
{
	struct rules *r = calloc(1, sizeof *r);

	if (!r)
		return 1;
	if (start(r) < 0)
		return 1;
	probe(r);
	/* Whatever bears our mark now is of a life before this one. */
	(void)rules_clean(&r->backend, CLEAN_WAIT_MS, &r->sync.orphans);
	r->sync.needed = r->sync.orphans;
	rules_send_status(r);
	lean_settle();
	while (turn(r))
		;
	if (r->pending)
		log_error("rules of ours may be left: the tables could not be changed for 10 s");
	else if (rules_unsynced(r) || r->helpless)
		log_error("rules of ours may be left in the hardware: it gave no good answer in "
			  "10 s");
	int status = r->pending || rules_unsynced(r) ? 1 : r->exit_status;
	backend_close(&r->backend);
	held_clear(&r->set);
	commit_close(&r->commit);
	target_cache_free(&r->cache);
	free(r->facts.own);
	free(r);
	return status;
}
