/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/wire/jail.h"

#define FDS_MOST 1024

struct task {
	helper_job job;
	void *user;
	unsigned wait_ms;
};

void
helper_clean(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		bool blank = (unsigned char)*from <= ' ' || *from == 0x7f;
		if (!blank)
			*to++ = *from;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	if (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

static ssize_t
write_all(int fd, const void *bytes, size_t size)
{
	ssize_t n;

	do
		n = write(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static void __attribute__((noreturn)) work(const struct task *task, int fd)
{
	struct helper_answer answer;

	memset(&answer, 0, sizeof answer);
	setpgid(0, 0);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	answer.result = task->job(task->user, answer.text);
	answer.text[sizeof answer.text - 1] = '\0';
	helper_clean(answer.text);
	_exit(write_all(fd, &answer, sizeof answer) == (ssize_t)sizeof answer ? 0 : 1);
}

/* Reads the child's answer, waiting as long as it may take. */
static int
wait_answer(int fd, unsigned wait_ms, struct helper_answer *answer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, (int)wait_ms);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	return r > 0 && read(fd, answer, sizeof *answer) == (ssize_t)sizeof *answer ? 0 : -EIO;
}

static void
run_once(const struct task *task, struct helper_answer *answer)
{
	int fds[2];

	memset(answer, 0, sizeof *answer);
	answer->result = -EIO;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		work(task, fds[1]);
	}
	close(fds[1]);
	if (pid > 0) {
		int r = wait_answer(fds[0], task->wait_ms, answer);
		if (r < 0) {
			memset(answer, 0, sizeof *answer);
			answer->result = r;
			snprintf(answer->text, sizeof answer->text,
			    r == -ETIMEDOUT ? "no answer in %u ms" : "it ended without an answer",
			    task->wait_ms);
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
		}
		/* One that sleeps in the kernel and cannot be killed is not waited for. */
		for (int i = 0; i < 100 && waitpid(pid, NULL, WNOHANG) == 0; i++)
			poll(NULL, 0, 5);
	}
	close(fds[0]);
}

static void
close_others(int fd, const int *keep, unsigned n_keep)
{
	for (int i = 3; i < FDS_MOST; i++) {
		bool kept = i == fd;
		for (unsigned k = 0; k < n_keep && !kept; k++)
			kept = keep[k] == i;
		/* Not a copy of anybody's socket may stay: its end must be seen at the other side.
		 */
		if (!kept)
			close(i);
	}
}

static void __attribute__((noreturn))
live(const struct task *task, int fd, enum helper_jail jail, const int *keep, unsigned n_keep)
{
	struct helper_answer answer;
	sigset_t none;
	uint64_t caps = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW;
	char byte;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* It goes when rules has gone, not before: rules needs it to take its leave. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	close_others(fd, keep, n_keep);
	int r = jail == HELPER_EXEC ? jail_drop_exec(caps) : jail_drop(0, 0, 0);
	if (r == 0 && jail == HELPER_BARE)
		r = jail_seccomp(JAIL_RULES);
	if (r < 0)
		_exit(1);
	for (;;) {
		ssize_t n = read(fd, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		run_once(task, &answer);
		if (write_all(fd, &answer, sizeof answer) != (ssize_t)sizeof answer)
			_exit(0);
	}
}

int
helper_start(helper_job job, void *user, enum helper_jail jail, const int *keep, unsigned n_keep,
    unsigned wait_ms, struct helper *ret_helper)
{
	struct task task = {job, user, wait_ms};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int r = -errno;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid == 0)
		live(&task, fds[1], jail, keep, n_keep);
	close(fds[1]);
	*ret_helper = (struct helper){.fd = fds[0], .pid = pid};
	return 0;
}

int
helper_go(struct helper *helper)
{
	if (helper->busy)
		return -EBUSY;
	if (send(helper->fd, "g", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return -EPIPE;
	helper->busy = true;
	return 0;
}

int
helper_take(struct helper *helper, struct helper_answer *ret_answer)
{
	struct helper_answer answer;
	ssize_t n;

	do
		n = recv(helper->fd, &answer, sizeof answer, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	if (n != (ssize_t)sizeof answer)
		return -EPIPE;
	answer.text[sizeof answer.text - 1] = '\0';
	helper->busy = false;
	*ret_answer = answer;
	return 0;
}

void
helper_stop(struct helper *helper)
{
	if (helper->fd < 0)
		return;
	close(helper->fd);
	helper->fd = -1;
	/* Mostly it is gone at once; one in the midst of its work is left to end it. */
	for (int i = 0; i < 20 && waitpid(helper->pid, NULL, WNOHANG) == 0; i++)
		poll(NULL, 0, 5);
}
