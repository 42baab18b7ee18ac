/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/check.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/main/netlink.h"
#include "agent/main/system.h"
#include "agent/rules/backend.h"
#include "agent/rules/device.h"
#include "agent/rules/iptable.h"
#include "agent/rules/nflog.h"
#include "agent/rules/state.h"
#include "agent/rules/target.h"
#include "common/base/clk.h"
#include "common/base/keys.h"

#define CONNECT_MS 3000
#define RESOLVE_MS 3500 /* the kernel asks a next hop three times, a second apart */

struct check {
	const struct agent_conf *conf;
	FILE *out;
	unsigned wrong;
	bool nflog, erspan, tee; /* what could copy IPv4 */
	bool hardware;           /* there is an ASIC behind the kernel */
};

enum verdict { OK, NOTE, WRONG };

static void __attribute__((format(printf, 4, 5)))
say(struct check *c, enum verdict verdict, const char *topic, const char *format, ...)
{
	static const char *const words[] = {"ok", "note", "WRONG"};
	va_list args;

	c->wrong += verdict == WRONG;
	fprintf(c->out, "%-6s %-12s ", words[verdict], topic);
	va_start(args, format);
	vfprintf(c->out, format, args);
	va_end(args);
	fputc('\n', c->out);
	/* A child that asks an extension must not print it again. */
	fflush(c->out);
}

static void __attribute__((format(printf, 2, 3))) mend(struct check *c, const char *format, ...)
{
	va_list args;

	fprintf(c->out, "%-19s mend: ", "");
	va_start(args, format);
	vfprintf(c->out, format, args);
	va_end(args);
	fputc('\n', c->out);
	/* A child that asks an extension must not print it again. */
	fflush(c->out);
}

/* ---- this program ---- */

static void
check_system(struct check *c)
{
	char name[64], asic[48];

	system_name("/", name, sizeof name);
	system_asic("/", asic, sizeof asic);
	say(c, OK, "system", "%s%s%s, finderscope-agent " FINDERSCOPE_VERSION, name,
	    asic[0] ? ", ASIC " : "", asic);
	unsigned set = c->conf->rules.max_destinations, can = system_destinations("/");
	if (can)
		say(c, set > can ? WRONG : OK, "ASIC", "%s: %u ERSPAN destinations%s", asic, can,
		    set > can ? ", fewer than max_destinations" : "");
	if (set > can && can)
		mend(c, "setting max_destinations: 0 takes what the ASIC has");
}

static void
check_keys(struct check *c)
{
	char error[CONF_ERROR_MAX], text[KEYS_TEXT_MAX], fingerprint[KEYS_FINGERPRINT_MAX];
	const char *path = c->conf->key_file;
	struct keys_pair pair;
	struct stat st;

	if (keys_init() < 0 || keys_load(path, &pair, error, sizeof error) < 0) {
		bool there = stat(path, &st) == 0;

		say(c, WRONG, "key", "%s", error);
		if (!there)
			mend(c, "finderscope-agent --public-key makes it");
		else if ((st.st_mode & 077) != 0)
			mend(c, "chmod 600 %s", path);
		else
			mend(c, "a key as finderscopectl genkey prints it");
		return;
	}
	say(c, OK, "key", "%s, %s", keys_fingerprint(pair.public_key, fingerprint), path);
	say(c, OK, "key", "the controller knows this switch by key = \"%s\"",
	    keys_format(pair.public_key, text));
	for (size_t i = 0; i < c->conf->controller_key_count; i++) {
		if (memcmp(c->conf->controller_keys[i], pair.public_key, KEYS_SIZE) == 0) {
			say(c, WRONG, "key", "controller_key is this agent's own public key");
			mend(c, "the controller's: finderscopectl pubkey <controller.key, there");
			continue;
		}
		say(c, OK, "key", "the controller's is %s",
		    keys_fingerprint(c->conf->controller_keys[i], fingerprint));
	}
	explicit_bzero(&pair, sizeof pair);
}

static void
check_user(struct check *c)
{
	if (getpwnam(c->conf->user)) {
		say(c, OK, "user", "%s", c->conf->user);
		return;
	}
	say(c, NOTE, "user", "there is no %s; main and mirror would run as nobody", c->conf->user);
	mend(c, "systemd-sysusers, or useradd --system %s", c->conf->user);
}

static void
check_capabilities(struct check *c)
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_NET_RAW, "CAP_NET_RAW"},
	    {CAP_SETUID, "CAP_SETUID"}, {CAP_SETGID, "CAP_SETGID"}};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	unsigned missing = 0;

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (!(data[0].effective >> needed[i].cap & 1)) {
			say(c, WRONG, "privilege", "%s is missing", needed[i].name);
			missing++;
		}
	if (missing)
		mend(c, "run this as root; in a container, give it these");
	else
		say(c, OK, "privilege", "all capabilities that the agent splits up");
}

static void
check_folder(struct check *c, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT) {
		say(c, NOTE, "state", "%s is not there yet; the agent makes it", path);
		return;
	}
	if (!S_ISDIR(st.st_mode) || access(path, W_OK) < 0 || st.st_uid != 0) {
		say(c, WRONG, "state", "%s is no folder of root's that can be written", path);
		mend(c, "install -d -o root -m 755 %s", path);
		return;
	}
	say(c, OK, "state", "%s", path);
}

static void
check_state(struct check *c)
{
	check_folder(c, c->conf->rules.run_dir);
	check_folder(c, c->conf->rules.state_dir);
	if (!state_released(c->conf->rules.state_dir))
		return;
	say(c, NOTE, "state", "released: nothing is captured until that is lifted");
	mend(c, "finderscope-agent --unrelease");
}

/* ---- tables and targets ---- */

static void
check_variant(struct check *c)
{
	static const char *const places[] = {"/usr/sbin/iptables", "/sbin/iptables"};
	char real[PATH_MAX];

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (!realpath(places[i], real))
			continue;
		if (!strstr(real, "nft")) {
			say(c, OK, "iptables", "legacy, as the agent's tables (%s)", real);
			return;
		}
		say(c, NOTE, "iptables",
		    "the nft variant (%s): its rules and the agent's, which are legacy, do not see "
		    "each other; iptables-legacy shows the agent's",
		    real);
		return;
	}
	say(c, NOTE, "iptables", "not installed; its extensions are needed for the ERSPAN target");
	mend(c, "apt-get install iptables");
}

static void
check_table(struct check *c, unsigned family)
{
	const char *table = c->conf->rules.table, *chain = c->conf->rules.chain;
	const char *topic = family == 6 ? "tables v6" : "tables v4";
	struct iptable_reading *reading;
	int r = iptable_read(family, table, NULL, 0, true, &reading);
	size_t ours;

	if (r < 0) {
		/* IPv6 alone missing is a family less, and no wrong. */
		say(c, family == 6 ? NOTE : WRONG, topic, "table %s cannot be read: %s", table,
		    r == -ENOPROTOOPT ? "the kernel's legacy tables are not loaded" : strerror(-r));
		if (r == -ENOPROTOOPT || r == -ENOENT)
			mend(c, "modprobe %s", family == 6 ? "ip6table_filter" : "iptable_filter");
		return;
	}
	(void)iptable_ours(reading, &ours);
	if (!iptable_has_chain(reading, chain)) {
		say(c, WRONG, topic, "table %s has no chain %s", table, chain);
		mend(c, "settings table and chain: filter FORWARD, or mangle PREROUTING");
	} else
		say(c, OK, topic, "%s %s: %zu rules of others in the table, %zu of ours", table,
		    chain, iptable_foreign_count(reading), ours);
	iptable_free(&reading);
}

static void
check_erspan(struct check *c)
{
	char error[TARGET_ERROR_MAX];
	bool kernel = target_in_kernel(4, "ERSPAN");
	int r = target_erspan_answers(4, error);

	c->erspan = kernel && r == 0;
	if (c->erspan)
		say(c, OK, "ERSPAN", "target in the kernel, extension in iptables%s",
		    target_in_kernel(6, "ERSPAN") ? ", IPv6 too" : "; not for IPv6");
	else if (!kernel && r == -ENOENT)
		say(c, NOTE, "ERSPAN", "neither in the kernel nor in iptables: no Cumulus switch");
	else if (kernel)
		say(c, WRONG, "ERSPAN", "in the kernel, but iptables' extension says: %s", error);
	else
		say(c, NOTE, "ERSPAN", "an extension in iptables, but no target in the kernel");
}

static void
check_targets(struct check *c)
{
	const struct wire_config *w = &c->conf->rules;

	check_erspan(c);
	bool tee = target_in_kernel(4, "TEE");
	c->tee = tee && device_can(4);
	if (c->tee)
		say(c, OK, "TEE", "target and erspan devices (ip_gre) in the kernel%s",
		    target_in_kernel(6, "TEE") && device_can(6) ? ", IPv6 too" : "; not for IPv6");
	else
		say(c, NOTE, "TEE", "%s", tee ? "no erspan devices (ip_gre)" : "not in the kernel");
	int fd = nflog_open(w->nflog_group, w->snap);
	c->nflog = target_in_kernel(4, "NFLOG") && (fd >= 0 || fd == -EBUSY);
	if (fd == -EBUSY)
		say(c, NOTE, "NFLOG",
		    "group %u has a listener: the agent itself, or else set nflog_group",
		    w->nflog_group);
	else if (!c->nflog)
		say(c, NOTE, "NFLOG", "not in the kernel");
	else
		say(c, OK, "NFLOG", "group %u is free%s", w->nflog_group,
		    target_in_kernel(6, "NFLOG") ? "" : "; not for IPv6");
	if (fd >= 0)
		close(fd);
	if (target_match_in_kernel(4, "comment"))
		say(c, OK, "comment", "rules carry their tag");
	else
		say(c, NOTE, "comment", "no such match: rules are known by the state file alone");
}

static void
check_hardware(struct check *c)
{
	const struct wire_config *w = &c->conf->rules;
	char path[WIRE_PATH_MAX + 32];
	bool tree, tool = access(w->acltool, X_OK) == 0;

	snprintf(path, sizeof path, "%s/ctrl/acl/resync", w->switchd_root);
	tree = access(path, R_OK | W_OK) == 0;
	if (tree)
		say(c, OK, "switchd", "%s", path);
	else
		say(c, w->backend == WIRE_BACKEND_RESYNC ? WRONG : NOTE, "switchd", "no %s", path);
	if (tool)
		say(c, OK, "cl-acltool", "%s", w->acltool);
	else
		say(c, w->backend == WIRE_BACKEND_ACLTOOL ? WRONG : NOTE, "cl-acltool", "no %s",
		    w->acltool);
	if (!tree && !tool)
		say(c, c->erspan ? WRONG : NOTE, "back end", "%s",
		    c->erspan ? "this kernel has ERSPAN, but nothing leads to the hardware"
			      : "the kernel alone; this is no Cumulus switch");
	else
		say(c, OK, "back end", "%s",
		    tree ? "switchd-resync" : "cl-acltool: a policy file of our own");
	c->hardware = backend_choose(w) != WIRE_BACKEND_NONE;
}

/* What the agent will copy IPv4 by. */
static void
choose_target(struct check *c)
{
	const struct {
		enum wire_target target;
		bool can;
		const char *name;
	} all[] = {{WIRE_TARGET_ERSPAN, c->erspan, "ERSPAN"},
	    {WIRE_TARGET_TEE, c->tee, "TEE into an erspan device"},
	    {WIRE_TARGET_NFLOG, c->nflog, "NFLOG and the mirror process"}};
	uint8_t set = c->conf->rules.target;
	/* The others see only what the CPU forwards. */
	size_t tried = set == WIRE_TARGET_AUTO && c->hardware ? 1 : sizeof all / sizeof all[0];

	for (size_t i = 0; i < tried; i++)
		if (all[i].can && (set == WIRE_TARGET_AUTO || set == all[i].target)) {
			say(c, OK, "target", "%s", all[i].name);
			if (c->conf->rules.dscp && all[i].target == WIRE_TARGET_ERSPAN)
				say(c, NOTE, "dscp", "the switch's ERSPAN target sets no DSCP");
			return;
		}
	if (set == WIRE_TARGET_AUTO && c->hardware) {
		say(c, WRONG, "target",
		    "no ERSPAN, and nothing else copies what the ASIC forwards");
		mend(c, "on Cumulus: its own kernel and iptables; elsewhere setting backend: none");
	} else if (set == WIRE_TARGET_AUTO) {
		say(c, WRONG, "target", "nothing here can copy a packet");
		mend(c,
		    "modprobe -a xt_NFLOG nfnetlink_log; on Cumulus: its own kernel and iptables");
	} else {
		say(c, WRONG, "target", "the one that is set cannot be had here");
		mend(c, "setting target: auto takes what there is");
	}
}

/* ---- the network ---- */

static void
check_ports(struct check *c, struct netlink *netlink)
{
	const char *pattern = c->conf->rules.iface;
	const struct links *links = netlink_links(netlink);
	unsigned n = 0, running = 0;

	for (const struct links_link *l = links->links; l; l = l->hh.next) {
		bool is = links_matches(l->name, pattern);
		n += is;
		running += is && l->running;
	}
	if (n) {
		say(c, OK, "ports", "%u match \"%s\", %u of them up", n, pattern, running);
		return;
	}
	say(c, WRONG, "ports", "no interface matches \"%s\": no packet would be copied", pattern);
	mend(c, "setting interface, like \"eth+\"");
}

/* Lets the kernel resolve the next hop before it is judged. */
static const struct paths_path *
resolve(struct netlink *netlink, const struct addr *to)
{
	struct instant until = clk_add(clk_now(), RESOLVE_MS * CLK_MS);
	const struct paths_path *path;

	netlink_follow(netlink, to, 1, clk_now());
	for (;;) {
		path = netlink_path(netlink, to);
		if (!path || path->state != PATHS_UP || (path->nud & PATHS_NUD_KNOWN) ||
		    !clk_before(clk_now(), until))
			return path;
		struct pollfd p = {.fd = netlink_fd(netlink), .events = POLLIN};
		(void)poll(&p, 1, 100);
		(void)netlink_dispatch(netlink, clk_now());
	}
}

/* True when there is a way. */
static bool
check_way(struct check *c, struct netlink *netlink, const struct addr *to, const char *topic)
{
	const struct paths_path *path = resolve(netlink, to);
	const struct links *links = netlink_links(netlink);
	const struct links_link *port = path ? links_get(links, path->route.oif) : NULL;
	char text[ADDR_TEXT_MAX], hop[ADDR_TEXT_MAX], source[ADDR_TEXT_MAX];

	if (!path || path->state != PATHS_UP || !port) {
		say(c, WRONG, topic, "%s", path ? path->text : "no way");
		mend(c, "ip route get %s", addr_format(to, text));
		return false;
	}
	say(c, OK, topic, "%s through %s, next hop %s, from %s, MTU %u", addr_format(to, text),
	    port->name, addr_format(&path->route.next_hop, hop),
	    addr_format(&path->route.source, source), port->mtu);
	return true;
}

/* Connects once and hangs up; in that VRF, unless it is NULL. 0 or an errno. */
static int
knock(const struct addr *addr, uint16_t port, const char *vrf)
{
	struct sockaddr_storage sa;
	socklen_t sa_size = addr_to_sockaddr(addr, port, &sa);
	int error = 0;
	socklen_t size = sizeof error;
	int fd = socket(addr_af(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (fd < 0)
		return errno;
	if (vrf && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, vrf, (socklen_t)strlen(vrf)) < 0)
		error = errno;
	else if (connect(fd, (struct sockaddr *)&sa, sa_size) < 0 && errno != EINPROGRESS)
		error = errno;
	else if (poll(&p, 1, CONNECT_MS) <= 0)
		error = ETIMEDOUT;
	else
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	close(fd);
	return error;
}

/* The VRF that this process's sockets are in (ip vrf exec); "" for none. */
static void
own_vrf(char name[IFNAMSIZ])
{
	socklen_t size = IFNAMSIZ;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	name[0] = '\0';
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) < 0)
		name[0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* A VRF where the controller answers, or NULL. */
static const char *
answering_vrf(struct netlink *netlink, const struct addr *addr, uint16_t port)
{
	for (const struct links_link *l = netlink_links(netlink)->links; l; l = l->hh.next)
		if (l->kind == LINKS_VRF && knock(addr, port, l->name) == 0)
			return l->name;
	return NULL;
}

static void
check_controller(struct check *c, struct netlink *netlink)
{
	char vrf[IFNAMSIZ];
	const char *other;
	struct addr addr;
	uint16_t port;
	int error;

	if (conf_parse_endpoint(c->conf->controller + strlen("tcp://"), &addr, &port) < 0)
		return;
	own_vrf(vrf);
	error = knock(&addr, port, NULL);
	other = error && !vrf[0] ? answering_vrf(netlink, &addr, port) : NULL;
	if (other) {
		say(c, WRONG, "controller", "%s takes connections in VRF %s alone",
		    c->conf->controller, other);
		mend(c,
		    "systemctl disable --now finderscope-agent; "
		    "systemctl enable --now finderscope-agent@%s",
		    other);
		return;
	}
	/* The way that the kernel tells is the default VRF's. */
	if (!vrf[0] && !check_way(c, netlink, &addr, "controller"))
		return;
	if (!error) {
		say(c, OK, "controller", "%s takes connections%s%s", c->conf->controller,
		    vrf[0] ? " in VRF " : "", vrf);
		return;
	}
	say(c, WRONG, "controller", "%s: %s", c->conf->controller, strerror(error));
	mend(c, "is finderscope-controller running there, with control at that port? a firewall?");
}

static void
check_analysers(
    struct check *c, struct netlink *netlink, const struct addr *analysers, size_t count)
{
	if (count == 0)
		say(c, NOTE, "analyser",
		    "none named; --check ADDRESS ... looks at the ways to them");
	for (size_t i = 0; i < count; i++) {
		if (!check_way(c, netlink, &analysers[i], "analyser"))
			continue;
		const struct paths_path *path = netlink_path(netlink, &analysers[i]);
		if (path->text[0]) {
			say(c, NOTE, "analyser", "%s", path->text);
			mend(c, "a larger MTU on the way to the analyser");
		}
		if (c->erspan && analysers[i].family == 6)
			say(c, WRONG, "analyser", "the ERSPAN target takes IPv4 analysers only");
	}
}

int
check_run(const struct agent_conf *conf, const struct addr *analysers, size_t count, FILE *out)
{
	struct check c = {.conf = conf, .out = out};
	struct netlink *netlink = NULL;

	check_system(&c);
	check_capabilities(&c);
	check_user(&c);
	check_keys(&c);
	check_state(&c);
	check_variant(&c);
	check_table(&c, 4);
	check_table(&c, 6);
	check_targets(&c);
	check_hardware(&c);
	choose_target(&c);
	int r = netlink_new(conf->rules.iface, &netlink);
	if (r < 0) {
		say(&c, WRONG, "network", "interfaces cannot be read: %s", strerror(-r));
	} else {
		check_ports(&c, netlink);
		check_controller(&c, netlink);
		check_analysers(&c, netlink, analysers, count);
		netlink_free(&netlink);
	}
	if (c.wrong)
		fprintf(out, "%u wrong\n", c.wrong);
	else
		fprintf(out, "nothing is wrong\n");
	return c.wrong > 0;
}
