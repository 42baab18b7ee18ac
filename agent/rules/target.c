/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/target.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xtables.h>

#define ASK_TIMEOUT_MS 3000
#define CACHE_MAX 16

static bool
revision_known(unsigned family, const char *name, int option4, int option6)
{
	struct xt_get_revision revision = {.revision = 0};
	socklen_t size = sizeof revision;
	int fd = socket(family == 6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return false;
	snprintf(revision.name, sizeof revision.name, "%s", name);
	/* EPROTONOSUPPORT: the name is there, only in a later revision. */
	int r = getsockopt(fd, family == 6 ? (int)IPPROTO_IPV6 : (int)IPPROTO_IP,
	    family == 6 ? option6 : option4, &revision, &size);
	bool known = r >= 0 || errno == EPROTONOSUPPORT;
	close(fd);
	return known;
}

bool
target_in_kernel(unsigned family, const char *name)
{
	return revision_known(
	    family, name, IPT_SO_GET_REVISION_TARGET, IP6T_SO_GET_REVISION_TARGET);
}

bool
target_match_in_kernel(unsigned family, const char *name)
{
	return revision_known(family, name, IPT_SO_GET_REVISION_MATCH, IP6T_SO_GET_REVISION_MATCH);
}

void
target_nflog(uint16_t group, const char *prefix, struct entry_target *ret_target)
{
	struct xt_nflog_info info = {.group = group};

	snprintf(info.prefix, sizeof info.prefix, "%s", prefix);
	memset(ret_target, 0, sizeof *ret_target);
	snprintf(ret_target->name, sizeof ret_target->name, "NFLOG");
	ret_target->size = sizeof info;
	memcpy(ret_target->data, &info, sizeof info);
}

/* What the child answers with. */
struct answer {
	int error; /* 0 or a positive errno */
	char text[TARGET_ERROR_MAX];
	struct entry_target target;
};

/* The child's only: libxtables calls exit_err without an argument of ours. */
static int child_fd = -1;

static void __attribute__((noreturn)) child_answer(const struct answer *answer)
{
	ssize_t n = write(child_fd, answer, sizeof *answer);

	_exit(n == (ssize_t)sizeof *answer ? 0 : 1);
}

static void __attribute__((noreturn, format(printf, 2, 3)))
child_exit_err(enum xtables_exittype status, const char *format, ...)
{
	struct answer answer = {.error = EINVAL};
	va_list args;

	(void)status;
	va_start(args, format);
	vsnprintf(answer.text, sizeof answer.text, format, args);
	va_end(args);
	child_answer(&answer);
}

static void __attribute__((noreturn)) child_fail(int error, const char *text)
{
	struct answer answer = {.error = error};

	snprintf(answer.text, sizeof answer.text, "%s", text);
	child_answer(&answer);
}

static void __attribute__((noreturn))
child_ask(unsigned family, const char *name, const char *const *options, unsigned n)
{
	static struct option none[] = {{NULL, 0, NULL, 0}};
	static struct xtables_globals globals = {.program_name = "finderscope-agent",
	    .program_version = FINDERSCOPE_VERSION,
	    .orig_opts = none,
	    .opts = none,
	    .exit_err = child_exit_err,
	    .compat_rev = xtables_compatible_revision};
	struct answer answer = {0};
	static uint8_t rule[ENTRY_MAX];
	char *argv[TARGET_OPTIONS_MAX + 2];
	int c;

	if (xtables_init_all(&globals, family == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4) < 0)
		child_fail(EIO, "libxtables could not be started");
	struct xtables_target *t = xtables_find_target(name, XTF_TRY_LOAD);
	if (!t)
		child_fail(ENOENT, "this machine's iptables has no such extension");
	size_t size = XT_ALIGN(sizeof(struct xt_entry_target)) + t->size;
	t->t = calloc(1, size);
	if (!t->t || t->size > sizeof answer.target.data)
		child_fail(E2BIG, "the extension's target is larger than expected");
	t->t->u.target_size = (uint16_t)size;
	const char *real = t->real_name ? t->real_name : name;
	snprintf(t->t->u.user.name, sizeof t->t->u.user.name, "%s", real);
	t->t->u.user.revision = t->revision;
	/* Room of the extension's own that it expects to find (NFLOG does, since 1.8.8). */
	if (t->udata_size && !(t->udata = calloc(1, t->udata_size)))
		child_fail(ENOMEM, "out of memory");
	if (t->init)
		t->init(t->t);
	struct option *opts = t->x6_options ? xtables_options_xfrm(globals.orig_opts, globals.opts,
						  t->x6_options, &t->option_offset)
					    : xtables_merge_options(globals.orig_opts, globals.opts,
						  t->extra_opts, &t->option_offset);
	if (!opts)
		child_fail(ENOMEM, "out of memory");
	argv[0] = strdup("x");
	for (unsigned i = 0; i < n; i++)
		argv[i + 1] = strdup(options[i]);
	argv[n + 1] = NULL;
	opterr = 0;
	optind = 1;
	while ((c = getopt_long((int)n + 1, argv, "", opts, NULL)) != -1) {
		if (c == '?')
			child_fail(EINVAL, "the extension does not know an option of ERSPAN");
		xtables_option_tpcall((unsigned)c, argv, false, t, rule);
	}
	xtables_option_tfcall(t);
	snprintf(answer.target.name, sizeof answer.target.name, "%s", real);
	answer.target.revision = t->revision;
	answer.target.size = (uint16_t)t->size;
	memcpy(answer.target.data, t->t->data, t->size);
	child_answer(&answer);
}

/* Waits for the child's answer, ends the child in any case. */
static int
parent_wait(int fd, pid_t pid, struct answer *answer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r = poll(&p, 1, ASK_TIMEOUT_MS);
	ssize_t n = r > 0 ? read(fd, answer, sizeof *answer) : -1;

	if (n != (ssize_t)sizeof *answer)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r == 0)
		return -ETIMEDOUT;
	return n == (ssize_t)sizeof *answer ? 0 : -EIO;
}

int
target_ask(unsigned family, const char *name, const char *const *options, unsigned n_options,
    struct entry_target *ret_target, char error[TARGET_ERROR_MAX])
{
	struct answer answer = {0};
	int fds[2];

	if (n_options > TARGET_OPTIONS_MAX)
		return -EINVAL;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int r = -errno;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid == 0) {
		close(fds[0]);
		child_fd = fds[1];
		child_ask(family, name, options, n_options);
	}
	close(fds[1]);
	int r = parent_wait(fds[0], pid, &answer);
	close(fds[0]);
	answer.text[sizeof answer.text - 1] = '\0';
	if (r == 0 && answer.error)
		r = -answer.error;
	if (r < 0) {
		snprintf(error, TARGET_ERROR_MAX, "%s",
		    answer.text[0] ? answer.text : "the extension gave no answer");
		return r;
	}
	answer.target.name[sizeof answer.target.name - 1] = '\0';
	if (answer.target.size > sizeof answer.target.data)
		return -EIO;
	*ret_target = answer.target;
	return 0;
}

int
target_erspan_answers(unsigned family, char error[TARGET_ERROR_MAX])
{
	const char *options[] = {"--src-ip", "192.0.2.1", "--dst-ip", "192.0.2.2", "--ttl", "64"};
	struct entry_target target;

	error[0] = '\0';
	return target_ask(family, "ERSPAN", options, 6, &target, error);
}

struct cached {
	unsigned family;
	struct addr source, destination;
	uint8_t ttl;
	struct entry_target target;
};

struct target_cache {
	struct cached items[CACHE_MAX];
	unsigned n, next; /* next: where the next one goes */
};

int
target_cache_new(struct target_cache **ret_cache)
{
	struct target_cache *cache = calloc(1, sizeof *cache);

	if (!cache)
		return -ENOMEM;
	*ret_cache = cache;
	return 0;
}

void
target_cache_free(struct target_cache **cache)
{
	free(*cache);
	*cache = NULL;
}

int
target_erspan(struct target_cache *cache, unsigned family, const struct addr *source,
    const struct addr *destination, uint8_t ttl, const struct entry_target **ret_target,
    char error[TARGET_ERROR_MAX])
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], ttl_text[8];

	for (unsigned i = 0; i < cache->n; i++) {
		struct cached *c = &cache->items[i];
		if (c->family == family && c->ttl == ttl && addr_equal(&c->source, source) &&
		    addr_equal(&c->destination, destination)) {
			*ret_target = &c->target;
			return 0;
		}
	}
	struct cached one = {family, *source, *destination, ttl, {.size = 0}};
	snprintf(ttl_text, sizeof ttl_text, "%u", ttl);
	const char *options[] = {"--src-ip", addr_format(source, src), "--dst-ip",
	    addr_format(destination, dst), "--ttl", ttl_text};
	int r = target_ask(family, "ERSPAN", options, 6, &one.target, error);
	if (r < 0)
		return r;
	/* Full: the oldest makes room. Ways and analysers of months ago are asked for no more. */
	struct cached *c = &cache->items[cache->next];
	*c = one;
	cache->next = (cache->next + 1) % CACHE_MAX;
	if (cache->n < CACHE_MAX)
		cache->n++;
	*ret_target = &c->target;
	return 0;
}
