/* SPDX-License-Identifier: GPL-2.0-or-later */
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

#include "agent/main/captures.h"
#include "agent/main/link.h"
#include "agent/main/netlink.h"
#include "agent/main/roles.h"
#include "agent/main/system.h"
#include "agent/wire/jail.h"
#include "agent/wire/lean.h"
#include "agent/wire/wire.h"
#include "common/base/log.h"
#include "common/base/result.h"

#define STATUS_WAIT_MS 10000
#define STOP_WAIT_MS 12000
#define FULL_WAIT_MS 2000
#define HELLO_DELAY_NS (500 * CLK_MS)
#define HELLO_PAUSE_NS (5 * CLK_S)
#define MESSAGES_A_TURN 512

struct agent {
	const struct agent_conf *conf;
	struct roles roles;
	struct link *link;
	struct netlink *netlink;
	struct captures *captures;
	struct wire_status status;
	bool has_status;
	struct agent_hello hello;
	struct instant hello_at; /* when another one was last said; .ns 0: not yet */
	bool hello_waits;        /* for its timer */
	sd_event *event;
	sd_event_source *link_source, *link_timer, *hello_timer, *netlink_timer;
	int exit_status;
	bool stopping;
	bool met; /* the controller answered, at some time */
	uint8_t own_key[KEYS_SIZE];
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

/* The one thing that an operator should know first. */
static void
fill_words(const struct agent *a, struct link_state *state)
{
	char text[ORDER_TEXT_MAX] = "";
	size_t parked = captures_parked(a->captures, text);

	if (a->status.code || a->status.text[0]) {
		state->code = a->status.code;
		memcpy(state->text, a->status.text, sizeof state->text);
	} else if (parked) {
		state->code = RESULT_NO_ROUTE;
		memcpy(state->text, text, sizeof state->text);
	} else if (a->status.nft_beside) {
		snprintf(state->text, sizeof state->text,
		    "iptables is the nft variant here: its rules and the agent's are apart");
	}
}

static void
report(struct agent *a, bool urgent)
{
	struct link_state state = {.rules = (uint16_t)a->status.slots_used,
	    .bps = a->status.bps,
	    .released = a->status.released,
	    .commits = a->status.commits,
	    .syncs = a->status.syncs,
	    .lock_waits = a->status.lock_waits,
	    .fights = a->status.fights,
	    .foreign_lost = a->status.foreign_lost,
	    .mirror_lost = a->status.mirror_lost};
	size_t n;
	struct holding *list = a->link ? captures_list(a->captures, &n) : NULL;

	if (!list)
		return;
	fill_words(a, &state);
	(void)link_report(a->link, list, n, &state, urgent, clk_now());
	free(list);
}

static int on_link_timer(sd_event_source *source, uint64_t usec, void *user);

/* After anything that may have moved the link's descriptor or deadline. */
static void watch_link(struct agent *a);

/* Rules' messages of captures.c; its ways. */
static void
on_tell(void *user, const struct wire_msg *msg)
{
	tell_rules(user, msg);
}

static const struct paths_path *
on_path(void *user, const struct addr *analyser)
{
	struct agent *a = user;

	return netlink_path(a->netlink, analyser);
}

static bool
on_port(void *user, const char *iface)
{
	struct agent *a = user;

	return links_has_running(netlink_links(a->netlink), iface);
}

static void watch_netlink(struct agent *a);

/* The ways of the analysers that may be sent to by the configuration, and of those in use. */
static void
follow(struct agent *a, const struct order *orders, size_t count)
{
	struct addr addrs[PATHS_MAX];
	size_t n = captures_analysers(a->captures, addrs, PATHS_MAX);

	for (size_t i = 0; i < count && n < PATHS_MAX; i++) {
		size_t k = 0;

		while (k < n && !addr_equal(&addrs[k], &orders[i].analyser.addr))
			k++;
		if (k == n)
			addrs[n++] = orders[i].analyser.addr;
	}
	netlink_follow(a->netlink, addrs, n, clk_now());
	watch_netlink(a);
}

static void
on_orders(void *user, uint64_t generation, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms)
{
	struct agent *a = user;
	struct instant now = clk_now();

	follow(a, orders, count);
	captures_orders(a->captures, orders, count, since, lease_ms, link_reported(a->link), now);
	log_debug("generation %" PRIu64 ": %zu captures", generation, count);
	link_ack(a->link, generation, RESULT_OK, "", now);
	report(a, captures_parked(a->captures, (char[ORDER_TEXT_MAX]){0}) > 0);
}

static void
on_renew(void *user, struct instant since, uint32_t lease_ms)
{
	struct agent *a = user;

	captures_renew(a->captures, since, lease_ms, clk_now());
}

static void
on_hosts(void *user, struct agent_poll *poll)
{
	struct agent *a = user;

	attached_page(netlink_hosts(a->netlink), poll);
}

static void
on_hosts_told(void *user)
{
	struct agent *a = user;

	attached_told(netlink_hosts(a->netlink));
	if (attached_wait(netlink_hosts(a->netlink)))
		link_has_hosts(a->link, clk_now());
}

static void
on_connected(void *user)
{
	struct agent *a = user;

	a->met = true;
	log_notice("connected to %s", a->conf->controller);
	attached_restart(netlink_hosts(a->netlink));
	report(a, true);
}

static void
on_silent(void *user)
{
	struct agent *a = user;

	char ours[KEYS_FINGERPRINT_MAX], theirs[KEYS_FINGERPRINT_MAX];

	if (a->met) {
		log_warning("nothing heard from %s; dialling anew", a->conf->controller);
		return;
	}
	/* A controller answers nobody whom it does not know, and nobody who took it for another. */
	log_warning("nothing heard from %s yet: there, finderscopectl agents accept %s lets this "
		    "switch in; finderscopectl status has to show the key %s, as controller_key "
		    "says; finderscope-agent --check tries the way",
	    a->conf->controller, keys_fingerprint(a->own_key, ours),
	    keys_fingerprint(a->conf->controller_keys[0], theirs));
}

static void
on_refused(void *user, int code, const char *text)
{
	(void)user;
	log_warning("the controller refuses: %s%s%s", result_text(code), text[0] ? ": " : "", text);
}

/* As --go-on at the switch. */
static void
on_go_on(void *user)
{
	struct wire_msg msg = {.type = WIRE_UNSTICK};

	tell_rules(user, &msg);
}

static int
on_link(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct agent *a = user;

	(void)source;
	(void)fd;
	(void)events;
	link_dispatch(a->link, clk_now());
	captures_forget(a->captures, link_reported(a->link));
	watch_link(a);
	return 0;
}

static int
on_link_timer(sd_event_source *source, uint64_t usec, void *user)
{
	(void)usec;
	return on_link(source, -1, 0, user);
}

/* Moves a one-shot timer of the boot clock, making it where there is none. */
static void
set_timer(
    struct agent *a, sd_event_source **source, struct instant at, sd_event_time_handler_t handler)
{
	uint64_t usec = at.ns <= 0 ? 0 : (uint64_t)(at.ns / 1000);

	if (at.ns == INT64_MAX) {
		if (*source)
			(void)sd_event_source_set_enabled(*source, SD_EVENT_OFF);
		return;
	}
	if (!*source) {
		(void)sd_event_add_time(a->event, source, CLOCK_BOOTTIME, usec, 1000, handler, a);
		return;
	}
	(void)sd_event_source_set_time(*source, usec);
	(void)sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
}

static void
watch_link(struct agent *a)
{
	if (!a->link_source)
		(void)sd_event_add_io(
		    a->event, &a->link_source, link_fd(a->link), EPOLLIN, on_link, a);
	set_timer(a, &a->link_timer, link_deadline(a->link), on_link_timer);
}

/* ---- hello ---- */

static void fill_hello(struct agent *a);

static int
on_hello_timer(sd_event_source *source, uint64_t usec, void *user)
{
	struct agent *a = user;

	(void)source;
	(void)usec;
	a->hello_at = clk_now();
	a->hello_waits = false;
	fill_hello(a);
	link_set_hello(a->link, &a->hello, a->hello_at);
	watch_link(a);
	return 0;
}

/* A port that comes up brings a handful of changes: one hello for all. Where they never end, one
 * every few seconds: each begins a session. */
static void
hello_later(struct agent *a)
{
	struct instant at = clk_add(clk_now(), HELLO_DELAY_NS);
	struct instant again = clk_add(a->hello_at, HELLO_PAUSE_NS);

	if (a->hello_waits)
		return;
	set_timer(a, &a->hello_timer, clk_before(at, again) ? again : at, on_hello_timer);
	a->hello_waits = true;
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
	h->destinations = a->status.destinations;
	netlink_hello(a->netlink, h);
}

/* What a hello tells of a status. */
static bool
same_abilities(const struct wire_status *x, const struct wire_status *y)
{
	return x->backend == y->backend && x->target4 == y->target4 && x->target6 == y->target6 &&
	       x->slots == y->slots && x->destinations == y->destinations;
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
			urgent |= a->has_status && (a->status.released != msg.status.released ||
						       a->status.code != msg.status.code);
			if (a->link && !same_abilities(&a->status, &msg.status))
				hello_later(a);
			a->status = msg.status;
			a->has_status = any = true;
		} else if (msg.type == WIRE_HOLDING && a->link) {
			urgent |= captures_holding(
			    a->captures, &msg.holding, link_reported(a->link), clk_now());
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

/* ---- from the kernel ---- */

static int
on_netlink(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct agent *a = user;
	struct instant now = clk_now();
	unsigned changed = netlink_dispatch(a->netlink, now);

	(void)source;
	(void)fd;
	(void)events;
	if (changed & NETLINK_RESYNC)
		log_notice("the kernel had more news than were taken; all was read anew");
	if (changed & NETLINK_HELLO)
		hello_later(a);
	if (changed & NETLINK_HOSTS)
		link_has_hosts(a->link, now);
	if (captures_paths(a->captures, now))
		report(a, true);
	watch_netlink(a);
	watch_link(a);
	return 0;
}

static int
on_netlink_timer(sd_event_source *source, uint64_t usec, void *user)
{
	(void)usec;
	return on_netlink(source, -1, 0, user);
}

static void
watch_netlink(struct agent *a)
{
	struct instant at = netlink_deadline(a->netlink), other = captures_deadline(a->captures);

	set_timer(a, &a->netlink_timer, clk_before(other, at) ? other : at, on_netlink_timer);
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

/* Forks, drops, in this order; nanomsg comes after it. */
static int
split_up(struct agent *a)
{
	struct wire_msg msg = {.type = WIRE_CONFIG, .config = a->conf->rules};
	struct roles_user user;
	int r = roles_find_user(a->conf->user, &user);

	if (msg.config.max_destinations == 0)
		msg.config.max_destinations = system_destinations("/");

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
	if (r >= 0)
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
	    .refused = on_refused,
	    .hosts = on_hosts,
	    .hosts_told = on_hosts_told,
	    .go_on = on_go_on};
	struct link_conf conf = {
	    .keys = *keys, .controller_key_count = a->conf->controller_key_count};

	snprintf(conf.url, sizeof conf.url, "%s", a->conf->controller);
	memcpy(conf.controller_keys, a->conf->controller_keys, sizeof conf.controller_keys);
	fill_hello(a);
	system_boot_id(a->hello.boot_id, sizeof a->hello.boot_id);
	system_name("/", a->hello.system, sizeof a->hello.system);
	system_asic("/", a->hello.asic, sizeof a->hello.asic);
	int r = link_new(&conf, &a->hello, &events, a, clk_now(), &a->link);
	explicit_bzero(&conf, sizeof conf);
	return r;
}

static void
run(struct agent *a, const struct keys_pair *keys)
{
	static const struct captures_ops ops = {.tell = on_tell, .path = on_path, .port = on_port};
	int r = wait_status(a);

	if (r < 0)
		log_errno(LOG_LEVEL_ERROR, r, "rules did not start");
	else if ((r = netlink_new(a->conf->rules.iface, &a->netlink)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "interfaces cannot be read");
	else if ((r = captures_new(&ops, a, &a->captures)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "captures");
	else if ((r = make_loop(a)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "the event loop");
	else if ((r = open_link(a, keys)) < 0)
		log_errno(LOG_LEVEL_ERROR, r, "the channel to %s", a->conf->controller);
	if (r < 0) {
		a->exit_status = 1;
		return;
	}
	watch_link(a);
	watch_netlink(a);
	lean_settle();
	(void)sd_notify(0, "READY=1");
	(void)sd_event_loop(a->event);
	(void)sd_notify(0, "STOPPING=1");
}

int
agent_main(const struct agent_conf *conf)
{
	struct agent *a = calloc(1, sizeof *a);
	struct keys_pair keys;
	char error[CONF_ERROR_MAX], fingerprint[KEYS_FINGERPRINT_MAX];
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
	log_info("this agent's fingerprint is %s", keys_fingerprint(keys.public_key, fingerprint));
	memcpy(a->own_key, keys.public_key, sizeof a->own_key);
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
	captures_free(&a->captures);
	r = a->exit_status ? a->exit_status : r != 0;
	free(a);
	return r;
}
