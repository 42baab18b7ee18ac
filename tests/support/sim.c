/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/main/link.h"
#include "common/base/result.h"
#include "tests/support/forge.h"
#include "tests/support/proxy.h"

/* Local hosts are 10.G.G.N: 15 bits of group and 10 of number behind 10. Remote ones are
 * 198.18.0.0/15 by conversation; floods go to 45.0.0.0/8. */
static struct addr
v4(uint32_t value)
{
	uint8_t bytes[4] = {
	    (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

	return addr_from_v4(bytes);
}

static uint32_t
number(const struct addr *addr)
{
	return (uint32_t)addr->bytes[0] << 24 | (uint32_t)addr->bytes[1] << 16 |
	       (uint32_t)addr->bytes[2] << 8 | addr->bytes[3];
}

static uint32_t
host_addr(unsigned group, unsigned n)
{
	return 0x0a000000u | group << 10 | (n + 1);
}

static unsigned
host_of(const struct sim *sim, unsigned conv)
{
	return (unsigned)((uint64_t)conv * 7919 % ((uint64_t)sim->groups * sim->conf.hosts));
}

static unsigned
group_of_leaf(const struct sim_conf *conf, unsigned leaf)
{
	return leaf < 2 * conf->pairs ? leaf / 2 : leaf - conf->pairs;
}

static unsigned
leaf_of_group(const struct sim_conf *conf, unsigned group)
{
	return group < conf->pairs ? 2 * group : group + conf->pairs;
}

unsigned
sim_leaf(const struct sim *sim, unsigned conv)
{
	return leaf_of_group(&sim->conf, host_of(sim, conv) / sim->conf.hosts);
}

unsigned
sim_spine(const struct sim *sim, unsigned n)
{
	return sim->conf.leaves + n % sim->conf.spines;
}

unsigned
sim_place_size(const struct sim *sim, unsigned conv)
{
	return host_of(sim, conv) / sim->conf.hosts < sim->conf.pairs ? 2 : 1;
}

static uint32_t
exporter(unsigned id)
{
	return 0x0aff0000u | id;
}

/* ---- agents ---- */

struct sim_agent {
	const struct sim *sim;
	struct link *link;
	unsigned id;
	struct order orders[AGENT_MSG_ORDERS_MAX * 8];
	size_t order_count;
	bool refused[AGENT_MSG_ORDERS_MAX * 8];
	uint64_t ended[256]; /* said as long as need be */
	size_t ended_count;
	unsigned next_host, page; /* told; in the poll under way */
	bool fresh, all_told;
	bool move_seen, move_sent, moved; /* board's moved_host */
};

static unsigned
conv_of(const struct order *order)
{
	return number(&order->filter.b.addr) - 0xc6120000u;
}

/* Whether the host is attached to the switch. */
static bool
is_here(const struct sim_agent *a, unsigned host)
{
	const struct sim_board *b = a->sim->board;
	unsigned group = host / a->sim->conf.hosts;

	if (a->id >= a->sim->conf.leaves)
		return false;
	if (b->moved_host == host + 1)
		return group_of_leaf(&a->sim->conf, a->id) == b->moved_to;
	return group_of_leaf(&a->sim->conf, a->id) == group;
}

/* Where it stands; `count`: nowhere. */
static size_t
find(const struct order *orders, size_t count, uint64_t capture)
{
	size_t i = 0;

	while (i < count && orders[i].capture != capture)
		i++;
	return i;
}

static void
report(struct sim_agent *a, struct instant now)
{
	static struct holding said[AGENT_MSG_ORDERS_MAX * 8 + 256];
	struct link_state state = {.rules = (uint16_t)(2 * a->order_count)};
	size_t n = 0;

	for (size_t i = 0; i < a->order_count; i++)
		said[n++] = (struct holding){.capture = a->orders[i].capture,
		    .hold = a->refused[i] ? HOLD_FAILED : HOLD_MIRRORING,
		    .code = a->refused[i] ? RESULT_HARDWARE : 0,
		    .rules = a->refused[i] ? 0 : 2,
		    .packets = 1,
		    .bytes = 100};
	for (size_t i = 0; i < a->ended_count; i++)
		said[n++] = (struct holding){.capture = a->ended[i], .hold = HOLD_ENDED};
	link_report(a->link, said, n, &state, true, now);
}

static void
begin_order(struct sim_agent *a, const struct order *order, struct instant now)
{
	struct sim_board *b = a->sim->board;
	unsigned conv = conv_of(order);
	long long none = 0;

	if (conv >= SIM_CONVS_MAX)
		return;
	(void)atomic_compare_exchange_strong(&b->got[conv], &none, (long long)now.ns);
	if (b->refuses[a->id])
		return;
	atomic_fetch_add(&b->holders[conv], 1);
	if (!is_here(a, host_of(a->sim, conv)))
		atomic_fetch_add(&b->misplaced, 1);
}

static void
on_orders(void *user, uint64_t generation, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms)
{
	struct sim_agent *a = user;
	struct sim_board *b = a->sim->board;
	struct instant now = clk_now();
	static bool refused[AGENT_MSG_ORDERS_MAX * 8];

	(void)since;
	(void)lease_ms;
	if (count > sizeof a->orders / sizeof *a->orders)
		count = sizeof a->orders / sizeof *a->orders;
	for (size_t i = 0; i < count; i++) {
		size_t k = find(a->orders, a->order_count, orders[i].capture);

		refused[i] = k < a->order_count ? a->refused[k] : b->refuses[a->id];
		if (k == a->order_count)
			begin_order(a, &orders[i], now);
	}
	for (size_t i = 0; i < a->order_count; i++) {
		if (find(orders, count, a->orders[i].capture) < count)
			continue;
		if (conv_of(&a->orders[i]) < SIM_CONVS_MAX && !a->refused[i])
			atomic_fetch_sub(&b->holders[conv_of(&a->orders[i])], 1);
		a->ended[a->ended_count++ % 256] = a->orders[i].capture;
		if (a->ended_count > 256)
			a->ended_count = 256;
	}
	if (count > 0) {
		memcpy(a->orders, orders, count * sizeof *orders);
		memcpy(a->refused, refused, count * sizeof *refused);
	}
	a->order_count = count;
	b->orders[a->id] = (unsigned)count;
	if (count > b->orders_most)
		b->orders_most = (unsigned)count;
	link_ack(a->link, generation, 0, "", now);
	report(a, now);
}

static void
on_connected(void *user)
{
	struct sim_agent *a = user;

	atomic_fetch_add(&a->sim->board->connected, 1);
	a->fresh = true;
	a->next_host = a->page = 0;
	a->moved = a->move_sent = false;
	link_has_hosts(a->link, clk_now());
}

static void
on_hosts(void *user, struct agent_poll *poll)
{
	struct sim_agent *a = user;
	const struct sim_conf *conf = &a->sim->conf;
	const struct sim_board *b = a->sim->board;
	unsigned group = group_of_leaf(conf, a->id), n = a->next_host;
	unsigned hosts = a->id < conf->leaves ? conf->hosts : 0;

	poll->all_hosts = a->fresh;
	poll->host_count = 0;
	for (; n < hosts && poll->host_count < AGENT_MSG_HOSTS_MAX; n++)
		if (is_here(a, group * conf->hosts + n))
			poll->hosts[poll->host_count++] =
			    (struct agent_host){.addr = v4(host_addr(group, n))};
	a->page = n;
	/* A host that moved: here, or not here any more. */
	if (n == hosts && a->move_seen && !a->moved && poll->host_count < AGENT_MSG_HOSTS_MAX) {
		unsigned host = b->moved_host - 1;
		struct addr addr = v4(host_addr(host / conf->hosts, host % conf->hosts));

		poll->hosts[poll->host_count++] =
		    (struct agent_host){.addr = addr, .gone = !is_here(a, host)};
		a->move_sent = true;
	}
}

static void
on_hosts_told(void *user)
{
	struct sim_agent *a = user;
	unsigned hosts = a->id < a->sim->conf.leaves ? a->sim->conf.hosts : 0;

	a->fresh = false;
	a->next_host = a->page;
	a->moved = a->moved || a->move_sent;
	if (a->next_host < hosts) {
		link_has_hosts(a->link, clk_now());
	} else if (!a->all_told) {
		a->all_told = true;
		atomic_fetch_add(&a->sim->board->told, 1);
	}
}

static void
see_move(struct sim_agent *a, struct instant now)
{
	unsigned moved = a->sim->board->moved_host;

	if (moved == 0 || a->move_seen || !a->all_told || a->id >= a->sim->conf.leaves)
		return;
	a->move_seen = is_here(a, moved - 1) ||
		       group_of_leaf(&a->sim->conf, a->id) == (moved - 1) / a->sim->conf.hosts;
	if (a->move_seen)
		link_has_hosts(a->link, now);
}

static void
run_agents(const struct sim *sim, unsigned first, unsigned count, uint16_t port)
{
	static const struct link_events events = {.orders = on_orders,
	    .connected = on_connected,
	    .hosts = on_hosts,
	    .hosts_told = on_hosts_told};
	struct sim_agent *agents = calloc(count, sizeof *agents);
	struct pollfd *fds = calloc(count, sizeof *fds);

	for (unsigned i = 0; i < count; i++) {
		struct link_conf conf = {.controller_key_count = 1};
		struct agent_hello hello = {.protocol = AGENT_MSG_PROTOCOL,
		    .version = "sim",
		    .target4 = AGENT_TARGET_ERSPAN,
		    .rules_max = 4096,
		    .len4 = 24,
		    .len6 = 64,
		    .addr_count = 1};

		snprintf(conf.url, sizeof conf.url, "tcp://127.0.0.1:%u", port);
		conf.keys = sim->board->keys[first + i];
		memcpy(conf.controller_keys[0], sim->board->controller.public_key, KEYS_SIZE);
		hello.addrs[0].addr = v4(exporter(first + i));
		agents[i].sim = sim;
		agents[i].id = first + i;
		if (link_new(&conf, &hello, &events, &agents[i], clk_now(), &agents[i].link) < 0)
			_exit(1);
		fds[i] = (struct pollfd){.fd = link_fd(agents[i].link), .events = POLLIN};
	}
	for (;;) {
		poll(fds, count, 5);
		for (unsigned i = 0; i < count; i++) {
			struct instant now = clk_now();

			see_move(&agents[i], now);
			if (fds[i].revents || !clk_before(now, link_deadline(agents[i].link)))
				link_dispatch(agents[i].link, now);
		}
	}
}

/* ---- the controller ---- */

static const char *
program(const char *name, char path[512])
{
	ssize_t n = readlink("/proc/self/exe", path, 400);

	path[n > 0 ? n : 0] = '\0';
	char *up = dirname(dirname(path));

	memmove(path, up, strlen(up) + 1);
	strcat(path, "/");
	strcat(path, name);
	return path;
}

static bool
write_conf(const struct sim *sim, uint16_t tcp_port)
{
	char path[128], error[200], key[KEYS_TEXT_MAX], addr[ADDR_TEXT_MAX];
	FILE *f;

	snprintf(path, sizeof path, "%s/controller.key", sim->dir);
	if (keys_save(path, &sim->board->controller, error, sizeof error) < 0)
		return false;
	snprintf(path, sizeof path, "%s/list", sim->dir);
	if ((f = fopen(path, "w")) == NULL)
		return false;
	fputs(sim->conf.flood == NULL ? "198.18.0.0/15\n45.0.0.0/8\n" : "198.18.0.0/15\n", f);
	fclose(f);
	snprintf(path, sizeof path, "%s/flood", sim->dir);
	if ((f = fopen(path, "w")) == NULL)
		return false;
	fputs("45.0.0.0/8\n", f);
	fclose(f);
	snprintf(path, sizeof path, "%s/controller.conf", sim->dir);
	if ((f = fopen(path, "w")) == NULL)
		return false;
	fprintf(f,
	    "listen = {127.0.0.1:%u}\nthreads = 1\nlocals = {10.0.0.0/8}\ncontrol = "
	    "127.0.0.1:%u\nkey = %s/controller.key\nsocket = %s/sock\nstate = %s\ncaptures = "
	    "%u\nstarts = 4096\nfeed \"list\" { url = \"file://%s/list\" }\nanalyser \"a\" { "
	    "address = 192.0.2.50 hard = 1000G }\npolicy \"all\" { feeds = {\"list\"} duration = "
	    "30d %s "
	    "}\n",
	    sim->udp_port, tcp_port, sim->dir, sim->dir, sim->dir, sim->conf.captures, sim->dir,
	    sim->conf.policy);
	if (sim->conf.flood != NULL)
		fprintf(f,
		    "feed \"flood\" { url = \"file://%s/flood\" }\n"
		    "policy \"flood\" { feeds = {\"flood\"} %s }\n",
		    sim->dir, sim->conf.flood);
	for (unsigned i = 0; i < sim->conf.leaves + sim->conf.spines; i++) {
		struct addr a = v4(exporter(i));

		fprintf(f,
		    "switch \"s%u\" { key = \"%s\" exporters = {%s} sources = {127.0.0.0/8} }\n", i,
		    keys_format(sim->board->keys[i].public_key, key), addr_format(&a, addr));
	}
	fclose(f);
	return true;
}

static pid_t
child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void
start_controller(struct sim *sim)
{
	char path[512], conf[128], log[128];

	program("finderscope-controller", path);
	snprintf(conf, sizeof conf, "%s/controller.conf", sim->dir);
	snprintf(log, sizeof log, "%s/log", sim->dir);
	sim->controller = child();
	if (sim->controller != 0)
		return;
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd >= 0)
		dup2(fd, 2);
	execl(path, "finderscope-controller", "-c", conf, (char *)NULL);
	_exit(127);
}

static bool
open_udp(struct sim *sim)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (probe < 0 || bind(probe, (struct sockaddr *)&at, sizeof at) < 0 ||
	    getsockname(probe, (struct sockaddr *)&at, &size) < 0)
		return false;
	sim->udp_port = ntohs(at.sin_port);
	close(probe);
	sim->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sim->fd >= 0 && connect(sim->fd, (struct sockaddr *)&at, sizeof at) == 0;
}

bool
sim_start(struct sim *sim, const struct sim_conf *conf, int seconds)
{
	unsigned switches = conf->leaves + conf->spines, per;
	struct rlimit limit = {16384, 16384};
	uint16_t port = proxy_free_port();

	memset(sim, 0, sizeof *sim);
	sim->conf = *conf;
	sim->fd = -1;
	sim->groups = conf->leaves - conf->pairs;
	setrlimit(RLIMIT_NOFILE, &limit);
	sim->board = mmap(
	    NULL, sizeof *sim->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(sim->dir, sizeof sim->dir, "/tmp/finderscope-sim.XXXXXX");
	if (sim->board == MAP_FAILED || keys_init() < 0 || mkdtemp(sim->dir) == NULL)
		return false;
	keys_generate(&sim->board->controller);
	for (unsigned i = 0; i < switches; i++)
		keys_generate(&sim->board->keys[i]);
	if (!open_udp(sim) || !write_conf(sim, port))
		return false;
	start_controller(sim);
	per = (switches + conf->processes - 1) / conf->processes;
	for (unsigned p = 0; p < conf->processes; p++) {
		unsigned first = p * per, count = first + per > switches ? switches - first : per;

		sim->agents[p] = child();
		if (sim->agents[p] == 0) {
			run_agents(sim, first, count, port);
			_exit(0);
		}
	}
	for (int ms = 0; ms < seconds * 1000; ms += 10) {
		if (sim->board->told >= switches && sim_counter(sim, "entries") > 0)
			return true;
		if (waitpid(sim->controller, NULL, WNOHANG) != 0) {
			sim->controller = 0;
			return false;
		}
		poll(NULL, 0, 10);
	}
	return false;
}

bool
sim_kill(struct sim *sim, int seconds)
{
	unsigned switches = sim->conf.leaves + sim->conf.spines;
	unsigned before = sim->board->connected;

	kill(sim->controller, SIGKILL);
	waitpid(sim->controller, NULL, 0);
	start_controller(sim);
	for (int ms = 0; ms < seconds * 1000; ms += 10) {
		if (sim->board->connected >= before + switches && sim_counter(sim, "entries") > 0)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

void
sim_stop(struct sim *sim)
{
	char command[128];

	if (sim->controller > 0) {
		kill(sim->controller, SIGTERM);
		waitpid(sim->controller, NULL, 0);
	}
	for (unsigned p = 0; p < 16; p++)
		if (sim->agents[p] > 0) {
			kill(sim->agents[p], SIGKILL);
			waitpid(sim->agents[p], NULL, 0);
		}
	if (sim->fd >= 0)
		close(sim->fd);
	snprintf(command, sizeof command, "rm -rf '%s'", sim->dir);
	if (sim->dir[0] != '\0' && system(command) != 0)
		fprintf(stderr, "# %s is left\n", sim->dir);
	if (sim->board != NULL)
		munmap(sim->board, sizeof *sim->board);
}

/* ---- exporters ---- */

static void
add_sample(struct sim *sim, struct forge *datagram, uint32_t local, uint32_t remote, bool outbound)
{
	static struct forge packet;
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	struct addr a = v4(outbound ? local : remote), b = v4(outbound ? remote : local);

	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, addr_format(&a, src), addr_format(&b, dst), 6);
	forge_tcp(&packet, 40000, 443, 0x18);
	forge_sample(datagram, ++sim->sequence, &packet);
}

static void
begin_datagram(struct sim *sim, struct forge *datagram, unsigned seen, uint32_t samples)
{
	struct addr a = v4(exporter(seen));
	char text[ADDR_TEXT_MAX];

	datagram->length = 0;
	sim->sequence++;
	forge_datagram(datagram, addr_format(&a, text), sim->sequence, sim->sequence * 10, samples);
}

void
sim_sample(struct sim *sim, unsigned conv, unsigned seen, bool outbound)
{
	static struct forge datagram;
	unsigned host = host_of(sim, conv);
	long long none = 0;

	begin_datagram(sim, &datagram, seen, 1);
	add_sample(sim, &datagram, host_addr(host / sim->conf.hosts, host % sim->conf.hosts),
	    0xc6120000u + conv, outbound);
	if (outbound)
		(void)atomic_compare_exchange_strong(
		    &sim->board->sent[conv], &none, (long long)clk_now().ns);
	(void)!send(sim->fd, datagram.bytes, datagram.length, 0);
}

void
sim_flood(struct sim *sim, unsigned first, unsigned count)
{
	static struct forge datagram;
	enum { EACH = 8 };

	for (unsigned i = 0; i < count; i += EACH) {
		begin_datagram(sim, &datagram, (first + i) % sim->conf.leaves, EACH);
		for (unsigned k = 0; k < EACH; k++) {
			uint32_t r = (first + i + k) * 2654435761u;

			add_sample(sim, &datagram,
			    host_addr(r % sim->groups, (r >> 8) % sim->conf.hosts),
			    0x2d000000u | ((r >> 4) & 0xffffff), true);
		}
		(void)!send(sim->fd, datagram.bytes, datagram.length, 0);
	}
}

/* ---- questions ---- */

/* A member of that name, or a {"name": …, "value": …} of it, anywhere. */
static bool
search(json_t *value, const char *name, int64_t *ret)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_object(value)) {
		const char *named = json_string_value(json_object_get(value, "name"));

		item = json_object_get(value, name);
		if (!json_is_integer(item) && named != NULL && strcmp(named, name) == 0)
			item = json_object_get(value, "value");
		if (json_is_integer(item)) {
			*ret = json_integer_value(item);
			return true;
		}
		json_object_foreach(value, key, item) if (search(item, name, ret)) return true;
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, item) if (search(item, name, ret)) return true;
	}
	return false;
}

int64_t
sim_counter(const struct sim *sim, const char *name)
{
	char path[512], command[700];
	int64_t value = -1;
	json_t *object;
	FILE *f;

	snprintf(command, sizeof command, "%s --socket %s/sock --json status 2>/dev/null",
	    program("finderscopectl", path), sim->dir);
	f = popen(command, "re");
	if (f == NULL)
		return -1;
	object = json_loadf(f, 0, NULL);
	pclose(f);
	if (object == NULL || !search(object, name, &value))
		value = -1;
	json_decref(object);
	return value;
}

long
sim_memory(const struct sim *sim)
{
	char path[64], line[128];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)sim->controller);
	if ((f = fopen(path, "re")) == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

long
sim_cpu_ms(const struct sim *sim)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)sim->controller);
	if ((f = fopen(path, "re")) == NULL)
		return -1;
	if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		user = system = 0;
	fclose(f);
	return (long)((user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

bool
sim_wait_held(struct sim *sim, unsigned conv, unsigned holders, int ms)
{
	for (; ms > 0; ms -= 2) {
		if (sim->board->holders[conv] == holders)
			return true;
		poll(NULL, 0, 2);
	}
	return sim->board->holders[conv] == holders;
}
