/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1
#include "agent/main/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <uthash.h>

#include "agent/main/link.h"
#include "agent/main/netlink.h"
#include "agent/main/roles.h"
#include "agent/wire/jail.h"
#include "agent/wire/wire.h"
#include "common/base/log.h"
#include "common/base/result.h"

#define STATUS_WAIT_MS 10000
#define STOP_WAIT_MS 12000
#define FULL_WAIT_MS 2000
#define HELLO_DELAY_US UINT64_C(500000)
#define MESSAGES_A_TURN 512
#define KNOWN_MAX 8192

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(item) ((item)->capture = 0)

/* A capture as main knows it: what was ordered and what rules last said. */
struct known {
	uint64_t capture;
	struct order order;
	struct holding holding;
	bool wanted;            /* of the generation in force */
	bool over;              /* ENDED or FAILED */
	uint64_t over_reported; /* link_reported when it was */
	bool seen;              /* mark of a sweep */
	UT_hash_handle hh;
};

struct agent {
	const struct agent_conf *conf;
	struct roles roles;
	struct link *link;
	struct netlink *netlink;
	struct known *known;
	struct wire_status status;
	bool has_status;
	struct agent_hello hello;
	sd_event *event;
	sd_event_source *link_source, *link_timer, *hello_timer;
	int exit_status;
	bool stopping;
};

/* ---- to rules ---- */

static void
end(struct agent *a, int status)
{
	if (a->exit_status == 0)
		a->exit_status = status;
	(void)sd_event_exit(a->event, 0);
}

static void
tell_rules(struct agent *a, const struct wire_msg *msg)
{
	int r = wire_send(a->roles.rules_fd, msg, NULL, 0);

	if (r == -EAGAIN) {
		/* 16 MiB of orders in its ears: it had its time. */
		struct pollfd p = {.fd = a->roles.rules_fd, .events = POLLOUT};
		if (poll(&p, 1, FULL_WAIT_MS) > 0)
			r = wire_send(a->roles.rules_fd, msg, NULL, 0);
	}
	if (r < 0) {
		log_errno(LOG_LEVEL_ERROR, r, "rules does not listen; ending");
		end(a, 1);
	}
}

/* ---- to the controller ---- */

static void
forget_over(struct agent *a)
{
	uint64_t reported = link_reported(a->link);
	struct known *k, *next;

	HASH_ITER(hh, a->known, k, next)
	if (k->over && !k->wanted && reported >= k->over_reported + 2) {
		HASH_DEL(a->known, k);
		free(k);
	}
}

static void
report(struct agent *a, bool urgent)
{
	size_t n = HASH_COUNT(a->known), i = 0;
	struct holding *list = calloc(n + 1, sizeof *list);

	if (!list || !a->link) {
		free(list);
		return;
	}
	for (struct known *k = a->known; k; k = k->hh.next)
		if (k->holding.capture)
			list[i++] = k->holding;
	(void)link_report(a->link, list, i, (uint16_t)a->status.slots_used, a->status.bps,
	    a->status.released, urgent, clk_now());
	free(list);
}

static int on_link_timer(sd_event_source *source, uint64_t usec, void *user);

/* After anything that may have moved the link's descriptor or deadline. */
static void watch_link(struct agent *a);

/* What is left of a lease; rules takes no longer one than WIRE_LEASE_MAX_MS. */
static uint32_t
lease_left(uint32_t lease_ms, int64_t passed)
{
	int64_t left = lease_ms - passed;

	return left > WIRE_LEASE_MAX_MS ? WIRE_LEASE_MAX_MS : (uint32_t)left;
}

static void
on_orders(void *user, uint64_t generation, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms)
{
	struct agent *a = user;
	struct instant now = clk_now();
	int64_t passed = clk_diff(now, since) / CLK_MS;
	struct wire_msg msg = {.type = WIRE_PUT};

	for (struct known *k = a->known; k; k = k->hh.next)
		k->seen = false;
	for (size_t i = 0; i < count && passed < lease_ms; i++) {
		const struct order *o = &orders[i];
		struct known *k = NULL;
		HASH_FIND(hh, a->known, &o->capture, sizeof o->capture, k);
		if (!k) {
			if (HASH_COUNT(a->known) >= KNOWN_MAX || !(k = calloc(1, sizeof *k)))
				continue;
			k->capture = o->capture;
			HASH_ADD(hh, a->known, capture, sizeof k->capture, k);
			if (!k->capture) {
				free(k);
				continue;
			}
		}
		k->order = *o;
		k->wanted = k->seen = true;
		if (k->over || (o->remaining_ms && o->remaining_ms <= passed))
			continue;
		msg.put = (struct wire_put){.order = *o, .lease_ms = lease_left(lease_ms, passed)};
		if (o->remaining_ms)
			msg.put.order.remaining_ms = (uint32_t)(o->remaining_ms - passed);
		tell_rules(a, &msg);
	}
	for (struct known *k = a->known; k; k = k->hh.next) {
		if (k->seen || !k->wanted)
			continue;
		k->wanted = false;
		if (!k->over) {
			msg = (struct wire_msg){.type = WIRE_DROP, .drop = {.capture = k->capture}};
			tell_rules(a, &msg);
		}
	}
	log_debug("generation %" PRIu64 ": %zu captures", generation, count);
	link_ack(a->link, generation, RESULT_OK, "", now);
}

static void
on_renew(void *user, struct instant since, uint32_t lease_ms)
{
	struct agent *a = user;
	int64_t passed = clk_diff(clk_now(), since) / CLK_MS;

	if (passed >= lease_ms || !a->known)
		return;
	struct wire_msg msg = {
	    .type = WIRE_RENEW, .renew = {.lease_ms = lease_left(lease_ms, passed)}};
	tell_rules(a, &msg);
}

static void
on_connected(void *user)
{
	struct agent *a = user;

	log_notice("connected to %s", a->conf->controller);
	report(a, true);
}

static void
on_silent(void *user)
{
	struct agent *a = user;

	log_warning("nothing heard from %s; dialling anew", a->conf->controller);
}

static void
on_refused(void *user, int code, const char *text)
{
	(void)user;
	log_warning("the controller refuses: %s%s%s", result_text(code), text[0] ? ": " : "", text);
}

static int
on_link(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct agent *a = user;

	(void)source;
	(void)fd;
	(void)events;
	link_dispatch(a->link, clk_now());
	forget_over(a);
	watch_link(a);
	return 0;
}

static int
on_link_timer(sd_event_source *source, uint64_t usec, void *user)
{
	(void)usec;
	return on_link(source, -1, 0, user);
}

static void
watch_link(struct agent *a)
{
	struct instant at = link_deadline(a->link);
	uint64_t usec = at.ns <= 0 ? 0 : (uint64_t)(at.ns / 1000);

	if (!a->link_source)
		(void)sd_event_add_io(
		    a->event, &a->link_source, link_fd(a->link), EPOLLIN, on_link, a);
	if (!a->link_timer)
		(void)sd_event_add_time(
		    a->event, &a->link_timer, CLOCK_BOOTTIME, usec, 1000, on_link_timer, a);
	else
		(void)sd_event_source_set_time(a->link_timer, usec);
	if (a->link_timer)
		(void)sd_event_source_set_enabled(a->link_timer, SD_EVENT_ONESHOT);
}

/* ---- from rules ---- */

static enum agent_target
target_of(uint8_t target)
{
	switch ((enum wire_target)target) {
	case WIRE_TARGET_ERSPAN:
		return AGENT_TARGET_ERSPAN;
	case WIRE_TARGET_TEE:
		return AGENT_TARGET_TEE;
	case WIRE_TARGET_NFLOG:
		return AGENT_TARGET_NFLOG;
	case WIRE_TARGET_AUTO:
		break;
	}
	return AGENT_TARGET_NONE;
}

static void
fill_hello(struct agent *a)
{
	struct agent_hello *h = &a->hello;
	const struct wire_config *w = &a->conf->rules;

	h->protocol = AGENT_MSG_PROTOCOL;
	snprintf(h->version, sizeof h->version, "%s", FINDERSCOPE_VERSION);
	snprintf(h->name, sizeof h->name, "%s", a->conf->name);
	h->backend = a->status.backend == WIRE_BACKEND_RESYNC    ? AGENT_BACKEND_RESYNC
		     : a->status.backend == WIRE_BACKEND_ACLTOOL ? AGENT_BACKEND_CL_ACLTOOL
								 : AGENT_BACKEND_NONE;
	h->target4 = target_of(a->status.target4);
	h->target6 = target_of(a->status.target6);
	h->rules_max = a->status.slots;
	h->bps_max = w->switch_bps;
	h->len4 = w->len4;
	h->len6 = w->len6;
	if (a->netlink)
		netlink_hello(a->netlink, h);
}

static void
on_holding(struct agent *a, const struct holding *holding, bool *urgent)
{
	struct known *k = NULL;
	char text[48] = "";

	HASH_FIND(hh, a->known, &holding->capture, sizeof holding->capture, k);
	if (!k)
		return;
	if (k->holding.hold != holding->hold) {
		static const char *const names[] = {"", "installing", "in kernel", "in hardware",
		    "mirroring", "removing", "stuck in hardware", "failed", "ended"};
		*urgent = true;
		if (holding->code)
			snprintf(text, sizeof text, " (%s)", result_name(holding->code));
		log_info("capture %" PRIu64 ": %s%s%s%s", k->capture, names[holding->hold], text,
		    holding->text[0] ? ": " : "", holding->text);
	}
	k->holding = *holding;
	k->over = holding->hold == HOLD_ENDED || holding->hold == HOLD_FAILED;
	if (k->over)
		k->over_reported = link_reported(a->link);
}

/* Takes what rules says; false when it is gone. */
static bool
take_rules(struct agent *a)
{
	bool urgent = false, any = false;
	int r = 0;

	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		struct wire_msg msg;
		r = wire_receive(a->roles.rules_fd, WIRE_FROM_RULES, &msg, NULL, 0, NULL);
		if (r == -EAGAIN || r == -EPIPE)
			break;
		if (r < 0) {
			log_errno(LOG_LEVEL_WARNING, r, "a message from rules was not good");
			continue;
		}
		if (msg.type == WIRE_STATUS) {
			urgent |= a->has_status && a->status.released != msg.status.released;
			a->status = msg.status;
			a->has_status = any = true;
		} else if (msg.type == WIRE_HOLDING && a->link) {
			on_holding(a, &msg.holding, &urgent);
			any = true;
		}
	}
	if (any && a->link) {
		report(a, urgent);
		watch_link(a);
	}
	return r != -EPIPE;
}

static int
on_rules(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct agent *a = user;

	(void)source;
	(void)fd;
	(void)events;
	if (!take_rules(a)) {
		log_error("rules is gone; ending");
		end(a, 1);
	}
	return 0;
}

static int
on_child(sd_event_source *source, const siginfo_t *info, void *user)
{
	struct agent *a = user;

	(void)source;
	log_error("the process %s ended (%s %d); ending with it",
	    info->si_pid == a->roles.rules ? "rules" : "mirror",
	    info->si_code == CLD_EXITED ? "status" : "signal", info->si_status);
	end(a, 1);
	return 0;
}

static int
on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
	struct agent *a = user;

	(void)source;
	if (info->ssi_signo == SIGHUP)
		return 0;
	log_notice("ending: rules take their leave");
	a->stopping = true;
	(void)sd_event_exit(a->event, 0);
	return 0;
}

static int
on_hello_timer(sd_event_source *source, uint64_t usec, void *user)
{
	struct agent *a = user;

	(void)source;
	(void)usec;
	fill_hello(a);
	link_set_hello(a->link, &a->hello, clk_now());
	watch_link(a);
	return 0;
}

static int
on_netlink(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct agent *a = user;
	uint64_t now;

	(void)source;
	(void)fd;
	(void)events;
	if (!netlink_dispatch(a->netlink) || sd_event_now(a->event, CLOCK_BOOTTIME, &now) < 0)
		return 0;
	/* A port that comes up brings a handful of changes: one hello for all. */
	if (!a->hello_timer)
		(void)sd_event_add_time(a->event, &a->hello_timer, CLOCK_BOOTTIME,
		    now + HELLO_DELAY_US, 0, on_hello_timer, a);
	else {
		(void)sd_event_source_set_time(a->hello_timer, now + HELLO_DELAY_US);
		(void)sd_event_source_set_enabled(a->hello_timer, SD_EVENT_ONESHOT);
	}
	return 0;
}

/* ---- life ---- */

static int
wait_status(struct agent *a)
{
	struct instant until = clk_add(clk_now(), STATUS_WAIT_MS * CLK_MS);

	while (!a->has_status) {
		struct pollfd p = {.fd = a->roles.rules_fd, .events = POLLIN};
		int64_t left = clk_diff(until, clk_now()) / CLK_MS;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) > 0 && !take_rules(a))
			return -EPIPE;
	}
	return 0;
}

static void
read_boot_id(char *boot, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, size - 1);

	boot[n > 0 ? n : 0] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Forks, drops, in this order; nanomsg comes after it. */
static int
split_up(struct agent *a)
{
	struct wire_msg msg = {.type = WIRE_CONFIG, .config = a->conf->rules};
	struct roles_user user;
	int r = roles_find_user(a->conf->user, &user);

	if (r < 0)
		return r;
	r = roles_start(&user, &a->roles);
	if (r < 0)
		return r;
	tell_rules(a, &msg);
	r = jail_drop(user.uid, user.gid, 0);
	if (r == 0)
		r = jail_seccomp(JAIL_MAIN);
	return r;
}

static int
make_loop(struct agent *a)
{
	int r = sd_event_add_io(a->event, NULL, a->roles.rules_fd, EPOLLIN, on_rules, a);

	if (r >= 0)
		r = sd_event_add_signal(a->event, NULL, SIGTERM, on_signal, a);
	if (r >= 0)
		r = sd_event_add_signal(a->event, NULL, SIGINT, on_signal, a);
	if (r >= 0)
		r = sd_event_add_signal(a->event, NULL, SIGHUP, on_signal, a);
	if (r >= 0)
		r = sd_event_add_child(a->event, NULL, a->roles.rules, WEXITED, on_child, a);
	if (r >= 0)
		r = sd_event_add_child(a->event, NULL, a->roles.mirror, WEXITED, on_child, a);
	if (r >= 0 && a->netlink)
		r = sd_event_add_io(a->event, NULL, netlink_fd(a->netlink), EPOLLIN, on_netlink, a);
	if (r >= 0)
		r = sd_event_set_watchdog(a->event, true);
	return r;
}

static int
open_link(struct agent *a, const struct keys_pair *keys)
{
	static const struct link_events events = {.orders = on_orders,
	    .renew = on_renew,
	    .connected = on_connected,
	    .silent = on_silent,
	    .refused = on_refused};
	struct link_conf conf = {
	    .keys = *keys, .controller_key_count = a->conf->controller_key_count};

	snprintf(conf.url, sizeof conf.url, "%s", a->conf->controller);
	memcpy(conf.controller_keys, a->conf->controller_keys, sizeof conf.controller_keys);
	fill_hello(a);
	read_boot_id(a->hello.boot_id, sizeof a->hello.boot_id);
	int r = link_new(&conf, &a->hello, &events, a, clk_now(), &a->link);
	explicit_bzero(&conf, sizeof conf);
	return r;
}

static void
run(struct agent *a, const struct keys_pair *keys)
{
	int r = wait_status(a);

	if (r < 0)
		log_errno(LOG_LEVEL_ERROR, r, "rules did not start");
	else if ((r = netlink_new(&a->netlink)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "interfaces cannot be read");
	else if ((r = make_loop(a)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "the event loop");
	else if ((r = open_link(a, keys)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "the channel to %s", a->conf->controller);
	if (r < 0) {
		a->exit_status = 1;
		return;
	}
	watch_link(a);
	(void)sd_notify(0, "READY=1");
	(void)sd_event_loop(a->event);
	(void)sd_notify(0, "STOPPING=1");
}

int
agent_main(const struct agent_conf *conf)
{
	struct agent *a = calloc(1, sizeof *a);
	struct keys_pair keys;
	char error[CONF_ERROR_MAX];
	sigset_t signals;
	int r;

	if (!a)
		return 1;
	a->conf = conf;
	if (keys_init() < 0 || keys_load(conf->key_file, &keys, error, sizeof error) < 0) {
		log_error("%s", error);
		free(a);
		return 1;
	}
	r = split_up(a);
	if (r < 0) {
		log_errno(LOG_LEVEL_ERROR, r, "the agent could not be split up");
		free(a);
		return 1;
	}
	/* After the helpers started, which set their own. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (sd_event_new(&a->event) < 0) {
		free(a);
		return 1;
	}
	run(a, &keys);
	explicit_bzero(&keys, sizeof keys);
	if (a->stopping || a->exit_status) {
		struct wire_msg msg = {.type = WIRE_STOP};
		(void)wire_send(a->roles.rules_fd, &msg, NULL, 0);
	}
	sd_event_unrefp(&a->event);
	r = roles_stop(&a->roles, STOP_WAIT_MS);
	if (a->stopping && r != 0)
		log_error("rules ended with %d; look for rules that are left (--clean)", r);
	if (a->link)
		link_free(&a->link);
	netlink_free(&a->netlink);
	struct known *k, *next;
	HASH_ITER(hh, a->known, k, next)
	{
		HASH_DEL(a->known, k);
		free(k);
	}
	r = a->exit_status ? a->exit_status : r != 0;
	free(a);
	return r;
}
