/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finderscopectl, the program, against the real control sockets with fixed rows behind them: every
 * command in text and JSON against tests/golden/ctl/, exit codes, both sockets. GOLDEN_UPDATE=1
 * writes the golden files anew.
 */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "tests/support/canned_serve.h"

#define OUT_MAX 262144

struct lab {
	char dir[64], ctl[512], sock[108], sock_ro[108];
	unsigned tests, failed;
	char out[OUT_MAX], want[OUT_MAX];
};

static void
result(struct lab *lab, int good, const char *name)
{
	lab->tests++;
	lab->failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", lab->tests, name);
}

static void
serve_forever(const struct lab *lab, unsigned many)
{
	struct canned_serve canned = {.many = many};
	struct serve_conf conf = {.clients_max = 16};
	char error[CTL_TEXT_MAX];
	struct pollfd poller;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(conf.path, sizeof conf.path, "%s", lab->sock);
	snprintf(conf.path_ro, sizeof conf.path_ro, "%s", lab->sock_ro);
	if (serve_new(&conf, canned_serve_ops(), &canned, &canned.serve, error) < 0) {
		fprintf(stderr, "# %s\n", error);
		_exit(1);
	}
	poller = (struct pollfd){.fd = serve_fd(canned.serve), .events = POLLIN};
	for (;;) {
		(void)poll(&poller, 1, 1000);
		serve_dispatch(canned.serve, clk_now());
		serve_tick(canned.serve, clk_now());
	}
}

/* Runs finderscopectl ARGS; what it says on both outputs in lab->out. Its exit code. */
static int
run(struct lab *lab, const char *sock, const char *args)
{
	char command[2048];
	size_t size;
	FILE *pipe;
	int status;

	snprintf(command, sizeof command, "%s --socket %s %s 2>&1", lab->ctl, sock, args);
	pipe = popen(command, "r");
	if (pipe == NULL)
		return -1;
	size = fread(lab->out, 1, sizeof lab->out - 1, pipe);
	lab->out[size] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
golden(struct lab *lab, const char *name, const char *args, int code)
{
	char path[256];
	FILE *file;
	size_t size;
	int got = run(lab, lab->sock, args), good;

	snprintf(path, sizeof path, "tests/golden/ctl/%s", name);
	if (getenv("GOLDEN_UPDATE")) {
		file = fopen(path, "we");
		if (file) {
			fputs(lab->out, file);
			fclose(file);
		}
	}
	lab->want[0] = '\0';
	file = fopen(path, "re");
	if (file) {
		size = fread(lab->want, 1, sizeof lab->want - 1, file);
		lab->want[size] = '\0';
		fclose(file);
	}
	good = got == code && strcmp(lab->out, lab->want) == 0;
	result(lab, good, args);
	if (!good)
		fprintf(stderr, "# exit code %d, wanted %d; %s holds:\n%s\n# but it is:\n%s\n", got,
		    code, path, lab->want, lab->out);
}

static void
all_golden(struct lab *lab)
{
	static const struct {
		const char *name, *args;
		int code;
	} cases[] = {
	    {"status", "status", 0},
	    {"agents", "agents", 0},
	    {"agents-show", "agents show leaf1", 0},
	    {"agents-accept", "agents accept dead-beef-dead-beef --name spine1", 0},
	    {"agents-accept-wrong", "agents accept 1234", 1},
	    {"agents-forget-wrong", "agents forget leaf9", 1},
	    {"agents-go-on", "agents go-on leaf1", 0},
	    {"agents-go-on-wrong", "agents go leaf2", 1},
	    {"exporters", "exporters", 0},
	    {"captures", "captures", 0},
	    {"captures-all", "captures --all", 0},
	    {"capture-show", "cap sh 7", 0},
	    {"capture-show-failed", "capture show 8", 0},
	    {"capture-show-none", "capture show 77", 1},
	    {"capture-start",
		"capture start host 10.1.0.2 and host 198.51.100.9 and tcp port 443 "
		"--on leaf1 --for 10m",
		0},
	    {"capture-dry-run",
		"capture start 'host 10.1.0.2 and host 198.51.100.9 and tcp port "
		"443 and in swp3' --dry-run",
		0},
	    {"capture-start-or", "capture start 'host 10.1.0.2 or host 198.51.100.9'", 2},
	    {"capture-start-nowhere", "capture start host 10.1.0.2 --on nowhere", 1},
	    {"capture-start-for", "capture start host 10.1.0.2 --for 10", 2},
	    {"capture-stop", "capture stop 7 8", 0},
	    {"capture-stop-wrong", "capture stop 7 99", 1},
	    {"capture-extend", "capture extend 7 --for 10m", 0},
	    {"feeds", "feeds", 0},
	    {"feed", "feed home", 0},
	    {"feed-refresh", "feed drop refresh", 0},
	    {"feed-confirm", "feed drop confirm", 0},
	    {"lookup", "lookup 198.51.100.9 --port 443", 0},
	    {"lookup-none", "lookup 192.0.2.1", 0},
	    {"explain", "explain 198.51.100.9 --with 10.1.0.2", 0},
	    {"explain-from", "explain 10.1.0.2 198.51.100.9:443 --from leaf1 --vni 5001", 0},
	    {"explain-vni", "explain 198.51.100.9 --vni 16777216", 2},
	    {"events", "events --count 3", 0},
	    {"freeze", "freeze --why maintenance", 0},
	    {"freeze-twice", "freeze", 1},
	    {"status-frozen", "status", 0},
	    {"capture-start-frozen", "capture start host 10.1.0.2", 1},
	    {"thaw", "thaw", 0},
	    {"release", "release leaf1", 0},
	    {"unrelease", "unrelease leaf1", 0},
	    {"reload", "reload", 1},
	    {"top", "top --once", 0},
	    {"wrong-word", "statsu", 2},
	    {"wrong-second", "capture strat host 10.1.0.2", 2},
	    {"wrong-option", "captures --al --hostt", 2},
	    {"missing-argument", "agents show", 2},
	    {"help-capture-start", "capture start --help", 0},
	    {"help", "--help", 0},
	};
	char name[128], args[1024];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(name, sizeof name, "%s.txt", cases[i].name);
		golden(lab, name, cases[i].args, cases[i].code);
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (strncmp(cases[i].name, "help", 4) == 0)
			continue;
		snprintf(name, sizeof name, "%s.json", cases[i].name);
		snprintf(args, sizeof args, "%s --json", cases[i].args);
		golden(lab, name, args, cases[i].code);
	}
}

static void
read_only(struct lab *lab)
{
	result(lab, run(lab, lab->sock_ro, "status") == 0, "status on the read-only socket");
	result(lab,
	    run(lab, lab->sock_ro, "capture stop 7") == 1 &&
		strstr(lab->out, "not permitted on the read-only socket"),
	    "capture stop is refused on the read-only socket");
	result(lab,
	    run(lab, "/nonexistent/sock", "status") == 3 && strstr(lab->out, "no controller"),
	    "no controller is exit code 3");
}

/* The longest line in columns: colours and the like have none. */
static size_t
widest(const char *text)
{
	size_t width = 0, most = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			text += strcspn(text, "mHJKhl");
			width = *text == 'H' ? 0 : width;
			if (*text == '\0')
				break;
			continue;
		}
		width = *text == '\n' || *text == '\r' ? 0 : width + 1;
		most = width > most ? width : most;
	}
	return most;
}

/* COLUMNS of a script, watch(1) or a terminal: no line is wider where it can be broken. */
static void
narrow(struct lab *lab)
{
	static const char *const commands[] = {"status", "agents", "agents show leaf1", "exporters",
	    "captures --all", "capture show 7", "feeds", "feed home",
	    "explain 10.1.0.2 198.51.100.9",
	    "capture start host 10.1.0.2 and host 198.51.100.9 --dry-run", "lookup 198.51.100.9"};

	setenv("COLUMNS", "80", 1);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		int code = run(lab, lab->sock, commands[i]);

		if (widest(lab->out) > 80)
			fprintf(stderr, "# %s\n", lab->out);
		result(lab, code == 0 && widest(lab->out) <= 80, commands[i]);
	}
	unsetenv("COLUMNS");
}

/* All of help, a group's, a command's; in JSON as well. */
static void
help(struct lab *lab)
{
	result(lab,
	    run(lab, lab->sock, "help capture") == 0 && strstr(lab->out, "capture extend ID"),
	    "help of a word with several commands");
	result(lab, run(lab, lab->sock, "capture -h") == 0 && strstr(lab->out, "capture extend ID"),
	    "the same by -h");
	result(lab, run(lab, lab->sock, "--json help top") == 0 && strstr(lab->out, "\"help\": \""),
	    "in JSON");
	result(lab,
	    run(lab, lab->sock, "help statsu") == 2 && strstr(lab->out, "did you mean status"),
	    "help of a wrong word");
}

static void
headers(struct lab *lab)
{
	char path[128], args[256];
	uint32_t magic = 0;
	FILE *file;

	snprintf(path, sizeof path, "%s/seven.pcapng", lab->dir);
	snprintf(args, sizeof args, "capture show 7 --pcap %s", path);
	result(lab, run(lab, lab->sock, args) == 0 && strstr(lab->out, "1 sampled header"),
	    "capture show --pcap says how many headers there are");
	file = fopen(path, "re");
	result(lab, file && fread(&magic, 4, 1, file) == 1 && magic == UINT32_C(0x0A0D0D0A),
	    "and writes a pcapng file");
	if (file)
		fclose(file);
	result(lab,
	    run(lab, lab->sock,
		"capture show 7 --pcap - | grep -ac 'capture 7, policy blocklist: "
		"feed drop lists 198.51.100.0/24, line 77; sampled by 10.0.0.11 on "
		"port 3, 1 in 10000'") == 0,
	    "with a comment, to standard output as well");
	snprintf(args, sizeof args, "capture show 8 --pcap %s/eight", lab->dir);
	result(lab,
	    run(lab, lab->sock, args) == 1 && strstr(lab->out, "no sampled header") &&
		(snprintf(path, sizeof path, "%s/eight", lab->dir), access(path, F_OK) < 0),
	    "one without a sample is refused, and no file made");
	result(lab,
	    run(lab, lab->sock, "capture show 7 --pcap /nonexistent/file") == 1 &&
		strstr(lab->out, "No such file"),
	    "a file that cannot be written is refused");
}

/* Reads the terminal until `word` stood there; false after ten seconds. */
static bool
read_until(struct lab *lab, int terminal, const char *word)
{
	struct pollfd poller = {.fd = terminal, .events = POLLIN};
	struct instant until = clk_add(clk_now(), 10 * CLK_S);
	size_t used = strlen(lab->out);
	ssize_t n;

	while (strstr(lab->out, word) == NULL) {
		if (poll(&poller, 1, 10000) <= 0)
			return false;
		/* A view that is drawn again and again would never let it end. */
		if (used + 1 >= sizeof lab->out || clk_before(until, clk_now()))
			return false;
		n = read(terminal, lab->out + used, sizeof lab->out - 1 - used);
		if (n <= 0)
			return false;
		used += (size_t)n;
		lab->out[used] = '\0';
	}
	return true;
}

/* top in a terminal of 60 columns and 12 lines: a frame that fits, another a second later, Ctrl-C.
 */
static void
live_view(struct lab *lab, const char *key, const char *what)
{
	struct winsize size = {.ws_row = 12, .ws_col = 60};
	int terminal, status = -1;
	struct termios modes;
	pid_t pid = forkpty(&terminal, NULL, NULL, &size);
	char *second;
	bool twice;

	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		execl(lab->ctl, lab->ctl, "--socket", lab->sock, "top", (char *)NULL);
		_exit(99);
	}
	lab->out[0] = '\0';
	result(lab, pid > 0 && read_until(lab, terminal, "mirroring"), "top shows captures");
	result(lab, strstr(lab->out, "\033[?1049h") != NULL, "on the terminal's other screen");
	twice = read_until(lab, terminal, "\033[J\033[H");
	second = strstr(lab->out, "\033[J\033[H");
	result(lab, twice && second, "and draws it again");
	result(lab, widest(lab->out) > 40 && widest(lab->out) <= 60, "no wider than the terminal");
	if (write(terminal, key, 1) == 1)
		(void)read_until(lab, terminal, "\033[?1049l");
	result(lab, strstr(lab->out, "\033[?25h\033[?1049l") != NULL, what);
	(void)waitpid(pid, &status, 0);
	result(lab, WIFEXITED(status) && WEXITSTATUS(status) == 0, "and ends it well");
	result(lab,
	    tcgetattr(terminal, &modes) == 0 && modes.c_lflag & ECHO && modes.c_lflag & ICANON,
	    "the terminal echoes and takes lines again");
	close(terminal);
}

static void
follow(struct lab *lab)
{
	char command[2048];
	char line[256] = "";
	FILE *pipe;

	/* The follower asks before the freeze comes: it prints the history first. */
	snprintf(command, sizeof command,
	    "timeout 20 %s --socket %s --json events --follow --count 1 | sed -u 2q", lab->ctl,
	    lab->sock);
	pipe = popen(command, "r");
	if (pipe == NULL || fgets(line, sizeof line, pipe) == NULL)
		line[0] = '\0';
	result(lab, strstr(line, "\"test\"") != NULL, "events --follow prints what was");
	(void)run(lab, lab->sock, "freeze");
	line[0] = '\0';
	if (pipe == NULL || fgets(line, sizeof line, pipe) == NULL)
		line[0] = '\0';
	result(lab, strstr(line, "\"frozen\"") && strstr(line, "\"by\""),
	    "events --follow prints what comes, at once");
	(void)run(lab, lab->sock, "thaw");
	/* Its reader is gone: the event of the thaw ends it. */
	if (pipe)
		pclose(pipe);
}

static void
many_pages(struct lab *lab)
{
	const char *at;
	unsigned count = 0;
	int code = run(lab, lab->sock, "exporters");

	for (at = lab->out; (at = strstr(at, "leaf1")); at++)
		count++;
	result(lab, code == 0 && count == 1500, "1,500 rows on many pages");
}

static pid_t
start(const struct lab *lab, unsigned many)
{
	struct stat st;
	pid_t pid = fork();

	if (pid == 0)
		serve_forever(lab, many);
	for (int i = 0; i < 500 && stat(lab->sock_ro, &st) < 0; i++)
		usleep(10000);
	return pid;
}

static void
stop(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

int
main(int argc, char *argv[])
{
	static struct lab lab;
	char *slash, command[128];
	pid_t pid;

	(void)argc;
	snprintf(lab.ctl, sizeof lab.ctl - 64, "%s", argv[0]);
	slash = strrchr(lab.ctl, '/');
	snprintf(slash ? slash : lab.ctl, 64, "%s", "/../finderscopectl");
	if (access(lab.ctl, X_OK) < 0) {
		printf("1..0 # SKIP %s is not built\n", lab.ctl);
		return 0;
	}
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	snprintf(lab.dir, sizeof lab.dir, "/tmp/lab_serve.XXXXXX");
	if (mkdtemp(lab.dir) == NULL)
		return 1;
	snprintf(lab.sock, sizeof lab.sock, "%s/rw", lab.dir);
	snprintf(lab.sock_ro, sizeof lab.sock_ro, "%s/ro", lab.dir);
	pid = start(&lab, 0);
	all_golden(&lab);
	read_only(&lab);
	narrow(&lab);
	help(&lab);
	headers(&lab);
	live_view(&lab, "\003", "Ctrl-C gives the terminal back");
	live_view(&lab, "q", "q gives the terminal back");
	follow(&lab);
	stop(pid);
	/* The sockets of the killed one are in the way: the next one replaces them. */
	unlink(lab.sock_ro);
	pid = start(&lab, 1500);
	many_pages(&lab);
	stop(pid);
	printf("1..%u\n", lab.tests);
	snprintf(command, sizeof command, "rm -rf '%s'", lab.dir);
	return system(command) != 0 || lab.failed != 0;
}
