/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/lock.h"

static char dir[] = "/tmp/finderscope-lock.XXXXXX", path[64];

static int
setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/xtables.lock", dir);
	return setenv("XTABLES_LOCKFILE", path, 1);
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
makes_its_file(void **state)
{
	char elsewhere[sizeof path];
	struct lock lock;
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(lock_open(&lock), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(lock.fd, F_GETFD), FD_CLOEXEC);
	lock_close(&lock);
	lock_close(&lock);
	unlink(path);
	/* Nobody leads it elsewhere. */
	snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", dir);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(lock_open(&lock), -ELOOP);
	assert_true(access(elsewhere, F_OK) < 0);
	unlink(path);
}

static void
one_at_a_time(void **state)
{
	struct lock a, b;

	(void)state;
	assert_int_equal(lock_open(&a), 0);
	assert_int_equal(lock_open(&b), 0);
	assert_int_equal(lock_take(&a), 0);
	assert_int_equal(lock_take(&b), -EAGAIN);
	assert_int_equal(lock_take(&b), -EAGAIN);
	lock_give(&b);
	assert_int_equal(lock_take(&b), -EAGAIN);
	lock_give(&a);
	assert_int_equal(lock_take(&b), 0);
	lock_close(&b);
	assert_int_equal(lock_take(&a), 0);
	lock_close(&a);
}

/* As iptables does it. */
static void
against_flock(void **state)
{
	struct lock lock;
	int fd;

	(void)state;
	assert_int_equal(lock_open(&lock), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(lock_take(&lock), -EAGAIN);
	flock(fd, LOCK_UN);
	assert_int_equal(lock_take(&lock), 0);
	assert_true(flock(fd, LOCK_EX | LOCK_NB) < 0);
	lock_give(&lock);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	lock_close(&lock);
}

/* Who it is that others wait for. */
static void
says_who_has_it(void **state)
{
	int other = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600), ready[2];
	struct lock lock;
	char byte;

	(void)state;
	assert_int_equal(lock_open(&lock), 0);
	assert_int_equal(lock_holder(&lock), 0);
	assert_int_equal(pipe(ready), 0);
	close(other);
	pid_t pid = fork();
	if (pid == 0) {
		other = open(path, O_RDONLY | O_CLOEXEC);
		if (flock(other, LOCK_EX) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_holder(&lock), pid);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_holder(&lock), 0);
	close(ready[0]);
	close(ready[1]);
	lock_close(&lock);
}

/* As iptables 1.4.21 does it: the name is bound while the tables are changed. */
static void
against_the_old_socket(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 8;
	struct lock lock, other;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	memcpy(name.sun_path + 1, "xtables", 7);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
	assert_int_equal(lock_open(&lock), 0);
	assert_int_equal(lock_open(&other), 0);
	assert_int_equal(lock_take(&lock), -EAGAIN);
	/* Not half a lock: the file was given back. */
	assert_int_equal(flock(other.fd, LOCK_EX | LOCK_NB), 0);
	flock(other.fd, LOCK_UN);
	close(fd);
	assert_int_equal(lock_take(&lock), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bind(fd, (struct sockaddr *)&name, size) < 0 && errno == EADDRINUSE);
	close(fd);
	lock_close(&lock);
	lock_close(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(makes_its_file),
	    cmocka_unit_test(one_at_a_time),
	    cmocka_unit_test(against_flock),
	    cmocka_unit_test(says_who_has_it),
	    cmocka_unit_test(against_the_old_socket),
	};

	/* The old socket's name is one to a network namespace. */
	if (geteuid() == 0)
		(void)unshare(CLONE_NEWNET);
	return cmocka_run_group_tests_name("lock", tests, setup, teardown);
}
