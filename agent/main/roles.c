/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/wire/wire.h"
#include "common/base/log.h"

#define QUEUE_BYTES (16 << 20) /* thousands of orders at once fit */
#define POLL_MS 5

int
roles_find_user(const char *name, struct roles_user *ret_user)
{
	const struct passwd *p = getpwnam(name);

	if (!p) {
		p = getpwnam("nobody");
		if (!p)
			return -ENOENT;
		log_notice("there is no user %s; main and mirror run as nobody", name);
	}
	*ret_user = (struct roles_user){.uid = p->pw_uid, .gid = p->pw_gid};
	return 0;
}

static int
make_pair(int fds[2])
{
	int size = QUEUE_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
			(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}

/* In the child: the descriptors to their places, nothing else stays open, and a new program. */
static void __attribute__((noreturn))
become(const char *role, const struct roles_user *user, int main_fd, int peer_fd)
{
	char uid[16], gid[16], level[8];
	char name[] = "finderscope-agent", option_role[] = "--role", option_uid[] = "--uid",
	     option_gid[] = "--gid", option_level[] = "--log-level", role_text[16];
	char *argv[] = {name, option_role, role_text, option_uid, uid, option_gid, gid,
	    option_level, level, NULL};

	snprintf(role_text, sizeof role_text, "%s", role);
	snprintf(uid, sizeof uid, "%u", user->uid);
	snprintf(gid, sizeof gid, "%u", user->gid);
	snprintf(level, sizeof level, "%d", (int)log_level());
	/* Out of the way first: either may lie where the other has to go. */
	main_fd = main_fd < 0 ? -1 : fcntl(main_fd, F_DUPFD_CLOEXEC, 10);
	peer_fd = fcntl(peer_fd, F_DUPFD_CLOEXEC, 10);
	if (main_fd >= 0)
		dup2(main_fd, WIRE_FD_MAIN);
	dup2(peer_fd, WIRE_FD_PEER);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static pid_t
start_one(const char *role, const struct roles_user *user, int main_fd, int peer_fd)
{
	pid_t pid = fork();

	/* Helpers end when their socket does: rules with main, cleaning up, mirror with rules. */
	if (pid == 0)
		become(role, user, main_fd, peer_fd);
	return pid;
}

int
roles_start(const struct roles_user *user, struct roles *ret_roles)
{
	struct roles roles = {.rules_fd = -1};
	int to_rules[2], between[2];
	int r = make_pair(to_rules);

	if (r < 0)
		return r;
	r = make_pair(between);
	if (r < 0) {
		close(to_rules[0]);
		close(to_rules[1]);
		return r;
	}
	roles.rules = start_one("rules", user, to_rules[1], between[0]);
	if (roles.rules > 0)
		roles.mirror = start_one("mirror", user, -1, between[1]);
	r = roles.rules < 0 || roles.mirror < 0 ? -errno : 0;
	close(to_rules[1]);
	close(between[0]);
	close(between[1]);
	roles.rules_fd = to_rules[0];
	if (r < 0) {
		close(to_rules[0]);
		return r;
	}
	*ret_roles = roles;
	return 0;
}

int
roles_stop(struct roles *roles, unsigned wait_ms)
{
	int status = 0, result = -1;

	for (unsigned waited = 0; waited < wait_ms && result < 0; waited += POLL_MS) {
		pid_t pid = waitpid(roles->rules, &status, WNOHANG);
		if (pid == roles->rules)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
		else if (pid < 0)
			break;
		else
			poll(NULL, 0, POLL_MS);
	}
	/* Not a signal to rules: it goes on trying to take its rules out. */
	close(roles->rules_fd);
	roles->rules_fd = -1;
	return result;
}
