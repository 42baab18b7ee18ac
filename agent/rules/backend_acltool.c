/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cumulus' documented road: a policy file of our own beside the others, then `cl-acltool -i`, which
 * makes all tables anew and programs the hardware. libiptc only reads here. The file is written
 * beside and renamed, and removed when there is nothing in it: what stays would come back at boot.
 * The tool is run by the helper, which takes no argument, without the table lock: it takes that
 * itself.
 */
#include "agent/rules/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/rules/policy_file.h"
#include "common/base/result.h"

#define FILE_BESIDE ".finderscope.new" /* not *.rules: the tool does not look at it */
#define OUTPUT_MAX 4096

enum { FD_DIR };

static bool
probe(const struct wire_config *config)
{
	struct stat st;

	return stat(config->acltool, &st) == 0 && S_ISREG(st.st_mode) &&
	       stat(config->policy_dir, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
open_dir(struct backend *b)
{
	b->fds[FD_DIR] = open(b->config->policy_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->fds[FD_DIR] < 0)
		snprintf(
		    b->text, sizeof b->text, "%.80s: %s", b->config->policy_dir, strerror(errno));
	return 0;
}

static const char *
file_name(const struct backend *b)
{
	return b->config->first ? POLICY_FIRST : POLICY_LAST;
}

/* 1: it is as it was; 0: written or removed; or a negative errno. */
static int
write_file(int dir, const char *name, const char *text, size_t size)
{
	char *old = NULL;
	struct stat st;

	if (size == 0)
		return unlinkat(dir, name, 0) == 0 ? 0 : errno == ENOENT ? 1 : -errno;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool same = false;
	if (fd >= 0) {
		if (fstat(fd, &st) == 0 && st.st_size == (off_t)size && (old = malloc(size)))
			same = read(fd, old, size) == (ssize_t)size && memcmp(old, text, size) == 0;
		free(old);
		close(fd);
	}
	if (same)
		return 1;
	fd = openat(dir, FILE_BESIDE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	errno = 0;
	/* Whatever the umask: people and tools read the others as well. */
	bool good =
	    fchmod(fd, 0644) == 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
	int error = errno ? errno : EIO;
	close(fd);
	if (good && renameat(dir, FILE_BESIDE, dir, name) == 0)
		return 0;
	error = good ? errno : error;
	unlinkat(dir, FILE_BESIDE, 0);
	return -error;
}

static int
put(struct backend *b, struct instant now, bool adds)
{
	struct commit *c = b->commit;
	char *text;
	size_t size;

	(void)now;
	/* As of now; taken back when the file cannot be written. */
	for (struct held *held = c->set->head; held; held = held->hh.next) {
		held->was_placed = held->placed;
		held->placed = held->wanted && (adds || held->placed);
	}
	int r = policy_file_text(c->set, b->config, c->comments, &text, &size);
	if (r == 0) {
		r = b->fds[FD_DIR] < 0 ? -ENOTDIR
				       : write_file(b->fds[FD_DIR], file_name(b), text, size);
		free(text);
	}
	for (struct held *held = c->set->head; held; held = held->hh.next) {
		if (r < 0)
			held->placed = held->was_placed;
		else if (held->wanted && held->placed && adds) {
			held->remake = false;
			b->changed |= held->missing;
		}
	}
	if (r < 0) {
		snprintf(c->text, sizeof c->text, "the policy file %.80s/%s cannot be written",
		    b->config->policy_dir, file_name(b));
		/* What was to be added is told no; a removal is tried again. */
		for (struct held *held = c->set->head; held; held = held->hh.next)
			if (held->wanted && !held->placed && adds)
				held_fail(held, RESULT_HARDWARE, c->text);
		return r;
	}
	b->changed |= r == 0;
	c->commits += r == 0;
	return 0;
}

static int
clean(struct backend *b, unsigned *ret_removed)
{
	unsigned ours = 0;

	int r = commit_ours(b->commit, &ours);
	if (b->fds[FD_DIR] >= 0)
		unlinkat(b->fds[FD_DIR], FILE_BESIDE, 0);
	/* A file that never came into the tables (a boot's, before the ACLs are loaded) needs no
	 * run. */
	*ret_removed = ours;
	return r;
}

/* Reads what the tool says, all of it, keeping the beginning. */
static void
read_output(int fd, char output[OUTPUT_MAX])
{
	char more[512];
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, more, sizeof more)) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < n && at < OUTPUT_MAX - 1; i++)
			output[at++] = more[i];
	}
	output[at] = '\0';
}

/* The line that tells most: the first with "error" in it, else the last. */
static void
pick_line(char *output, char text[HELPER_TEXT_MAX])
{
	char *save = NULL;

	for (char *line = strtok_r(output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		snprintf(text, HELPER_TEXT_MAX, "%.*s", HELPER_TEXT_MAX - 1, line);
		if (strcasestr(line, "error"))
			return;
	}
}

static int
job(void *user, char text[HELPER_TEXT_MAX])
{
	struct backend *b = user;
	char tool[WIRE_PATH_MAX],
	    option[] = "-i", output[OUTPUT_MAX], lock[WIRE_PATH_MAX + 32],
	    path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *lock_file = getenv("XTABLES_LOCKFILE");
	char *argv[] = {tool, option, NULL}, *env[] = {path, NULL, NULL};
	int fds[2], status = 0;

	snprintf(tool, sizeof tool, "%s", b->config->acltool);
	snprintf(lock, sizeof lock, "XTABLES_LOCKFILE=%s", lock_file ? lock_file : "");
	if (lock_file)
		env[1] = lock;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (dup2(nothing, 0) == 0 && dup2(fds[1], 1) == 1 && dup2(fds[1], 2) == 2)
			execve(tool, argv, env);
		_exit(127);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	read_output(fds[0], output);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	pick_line(output, text);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		snprintf(text, HELPER_TEXT_MAX, "%s cannot be run", tool);
	else if (!text[0])
		snprintf(text, HELPER_TEXT_MAX, "cl-acltool ended with %d", status >> 8);
	return 1;
}

const struct backend_ops backend_acltool = {.name = "cl-acltool",
    .by_tool = true,
    .probe = probe,
    .open = open_dir,
    .put = put,
    .clean = clean,
    .job = job,
    .jail = HELPER_EXEC};
