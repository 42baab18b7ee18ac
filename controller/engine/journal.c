/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/engine/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct journal {
	char *lines[JOURNAL_LINES];
	uint64_t next; /* number of the next line; from 1 */
	char *path;
	int fd;
	uint64_t lost;
	int error;
};

int
journal_new(const char *path, struct journal **ret_journal)
{
	struct journal *journal = calloc(1, sizeof *journal);

	if (journal == NULL)
		return -ENOMEM;
	journal->next = 1;
	journal->fd = -1;
	journal_reopen(journal, path);
	*ret_journal = journal;
	return 0;
}

void
journal_free(struct journal **journal)
{
	struct journal *j = *journal;

	*journal = NULL;
	if (j == NULL)
		return;
	for (size_t i = 0; i < JOURNAL_LINES; i++)
		free(j->lines[i]);
	if (j->fd >= 0)
		close(j->fd);
	free(j->path);
	free(j);
}

static void
open_file(struct journal *j)
{
	if (j->fd >= 0 || j->path == NULL || j->path[0] == '\0')
		return;
	j->fd =
	    open(j->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	j->error = j->fd < 0 ? errno : 0;
}

void
journal_reopen(struct journal *j, const char *path)
{
	char *fresh = strdup(path);

	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	if (fresh != NULL) {
		free(j->path);
		j->path = fresh;
	}
	j->error = 0;
	open_file(j);
}

static void
write_line(struct journal *j, const char *line)
{
	char newline = '\n';
	struct iovec parts[2] = {
	    {.iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line)},
	    {.iov_base = &newline, .iov_len = 1},
	};
	ssize_t n;

	if (j->path == NULL || j->path[0] == '\0')
		return;
	open_file(j);
	if (j->fd < 0) {
		j->lost++;
		return;
	}
	n = writev(j->fd, parts, 2);
	j->error = n < 0 ? errno : n < (ssize_t)parts[0].iov_len + 1 ? ENOSPC : 0;
	if (j->error != 0)
		j->lost++;
}

void
journal_recall(struct journal *j, const char *line)
{
	char **slot = &j->lines[j->next++ % JOURNAL_LINES];

	free(*slot);
	*slot = strdup(line);
}

uint64_t
journal_add(struct journal *j, const char *line)
{
	write_line(j, line);
	journal_recall(j, line);
	return j->next - 1;
}

uint64_t
journal_oldest(const struct journal *j)
{
	return j->next > JOURNAL_LINES ? j->next - JOURNAL_LINES : 1;
}

uint64_t
journal_next(const struct journal *j)
{
	return j->next;
}

const char *
journal_line(const struct journal *j, uint64_t number)
{
	if (number < journal_oldest(j) || number >= j->next)
		return NULL;
	return j->lines[number % JOURNAL_LINES];
}

uint64_t
journal_lost(const struct journal *j, int *ret_error)
{
	*ret_error = j->error;
	return j->lost;
}
