/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each in a child: what was given up does not come back. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/wire/jail.h"

/* Runs `test` in a child; 0 when it says that all holds, else the number of what does not. */
static int
in_child(int (*test)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(test());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define HOLDS(n, what)                                                                             \
	do {                                                                                       \
		if (!(what))                                                                       \
			return n;                                                                  \
	} while (0)

static int
drops_all(void)
{
	gid_t groups[4] = {1, 2, 3, 4};

	HOLDS(1, setgroups(4, groups) == 0);
	HOLDS(2, jail_drop(65534, 65534, 0) == 0);
	HOLDS(3, getuid() == 65534 && geteuid() == 65534 && getgid() == 65534);
	HOLDS(4, getgroups(0, NULL) == 0);
	HOLDS(5, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		HOLDS(6, prctl(PR_CAPBSET_READ, cap) != 1);
	HOLDS(7, setuid(0) < 0 && errno == EPERM);
	HOLDS(8, socket(AF_INET, SOCK_RAW, 47) < 0 && errno == EPERM);
	HOLDS(9, kill(1, 0) < 0 || getpid() == 1);
	return 0;
}

static int
keeps_two(void)
{
	HOLDS(1, jail_drop(0, 0, 1ULL << CAP_NET_RAW | 1ULL << CAP_NET_ADMIN) == 0);
	int fd = socket(AF_INET, SOCK_RAW, 47);
	HOLDS(2, fd >= 0);
	HOLDS(3, prctl(PR_CAPBSET_READ, CAP_NET_RAW) == 1);
	HOLDS(4, prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1);
	/* Root without CAP_CHOWN and CAP_SETUID. */
	HOLDS(5, setresuid(1, 1, 1) < 0 && errno == EPERM);
	HOLDS(6, chown("/", 1, 1) < 0 && errno == EPERM);
	return 0;
}

static bool
refused(long r)
{
	return r == -1 && errno == EPERM;
}

static int
filter_of(enum jail_role role, bool sockets, bool files)
{
	char buf[4];
	int pipes[2];

	HOLDS(1, pipe(pipes) == 0);
	HOLDS(2, jail_drop(getuid(), getgid(), 0) == 0);
	HOLDS(3, jail_seccomp(role) == 0);
	/* Everybody reads and writes what is open. */
	HOLDS(4, write(pipes[1], "x", 1) == 1 && read(pipes[0], buf, 1) == 1);
	/* Nobody starts a program, looks into another, changes what it is or where. */
	char *argv[] = {NULL};
	HOLDS(5, refused(execve("/bin/true", argv, argv)));
	HOLDS(6, refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
	HOLDS(7, refused(syscall(SYS_setuid, 0)));
	HOLDS(8, refused(syscall(SYS_unshare, 0)));
	HOLDS(9, refused(syscall(SYS_mount, "", "", "", 0, NULL)));
	HOLDS(10, refused(syscall(SYS_bpf, 0, NULL, 0)));
	HOLDS(11, refused(syscall(SYS_init_module, NULL, 0, "")));
	HOLDS(12, refused(syscall(SYS_chmod, "/tmp", 0777)));
	HOLDS(13, refused(syscall(SYS_listen, 0, 1)));
	int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	HOLDS(14, sockets ? fd >= 0 : refused(fd));
	fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
	HOLDS(15, files ? fd >= 0 : refused(fd));
	return 0;
}

static int
filter_main(void)
{
	return filter_of(JAIL_MAIN, true, true);
}

static int
filter_rules(void)
{
	return filter_of(JAIL_RULES, true, true);
}

static int
filter_mirror(void)
{
	return filter_of(JAIL_MIRROR, false, false);
}

static void
privileges(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drops_all), 0);
	assert_int_equal(in_child(keeps_two), 0);
}

static void
calls(void **state)
{
	(void)state;
	assert_int_equal(in_child(filter_main), 0);
	assert_int_equal(in_child(filter_rules), 0);
	assert_int_equal(in_child(filter_mirror), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(privileges), cmocka_unit_test(calls)};

	return cmocka_run_group_tests_name("jail", tests, NULL, NULL);
}
