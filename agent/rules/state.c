/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "agent.state"
#define FLAG_NAME "released"
#define GO_ON_NAME "agent.go-on"
#define MARK_NAME "agent.hardware"
#define LOCK_NAME "agent.lock"
#define CLAIM_POLL_MS 20
#define FILE_MAX (64U << 20)
#define PATH_ROOM 160

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "rule 4 17 0 0a…"; a word's end is a blank or the line's end. */
static int
parse_rule(const char *line, size_t size, struct iptable_known *ret_rule)
{
	char head[64];
	size_t at = 0, blanks = 0;

	while (at < size && at < sizeof head - 1 && blanks < 4)
		if (line[at++] == ' ')
			blanks++;
	if (blanks < 4)
		return -EINVAL;
	memcpy(head, line, at);
	head[at] = '\0';
	struct iptable_known rule = {0};
	int end = 0;
	if (sscanf(head, "rule %1u %20" SCNu64 " %3u %n", &rule.family, &rule.capture, &rule.rule,
		&end) != 3 ||
	    (size_t)end != at || (rule.family != 4 && rule.family != 6) || rule.capture == 0 ||
	    rule.rule >= FILTER_RULES_MAX)
		return -EINVAL;
	size_t hex = size - at;
	if (hex == 0 || hex % 2 || hex / 2 > ENTRY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < hex / 2; i++) {
		int high = hex_digit(line[at + 2 * i]), low = hex_digit(line[at + 2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		rule.entry.bytes[i] = (uint8_t)(high << 4 | low);
	}
	rule.entry.size = (uint16_t)(hex / 2);
	*ret_rule = rule;
	return 0;
}

static int
add_rule(struct state *state, const char *line, size_t size)
{
	struct iptable_known rule;

	if (parse_rule(line, size, &rule) < 0 || state->n_rules >= STATE_RULES_MAX)
		return -EINVAL;
	if ((state->n_rules & (state->n_rules - 1)) == 0) {
		size_t room = state->n_rules ? state->n_rules * 2 : 1;
		struct iptable_known *more = reallocarray(state->rules, room, sizeof *more);
		if (!more)
			return -ENOMEM;
		state->rules = more;
	}
	state->rules[state->n_rules++] = rule;
	return 0;
}

static int
parse_line(struct state *state, unsigned number, const char *line, size_t size)
{
	static const char first[] = "finderscope-state 1";

	if (number == 1)
		return size == sizeof first - 1 && memcmp(line, first, size) == 0 ? 0 : -EINVAL;
	if (size > 5 && memcmp(line, "boot ", 5) == 0) {
		if (size - 5 >= sizeof state->boot || state->boot[0])
			return -EINVAL;
		for (size_t i = 5; i < size; i++)
			if (hex_digit(line[i]) < 0 && line[i] != '-')
				return -EINVAL;
		memcpy(state->boot, line + 5, size - 5);
		return 0;
	}
	if (size > 5 && memcmp(line, "rule ", 5) == 0)
		return add_rule(state, line, size);
	return -EINVAL;
}

int
state_parse(const char *text, size_t size, struct state *ret_state, unsigned *ret_line)
{
	struct state state = {.rules = NULL};
	unsigned number = 0;

	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t len = end ? (size_t)(end - (text + at)) : size - at;
		/* A file that was cut in the middle of a line is not to be trusted. */
		int r = end ? parse_line(&state, ++number, text + at, len) : -EINVAL;
		if (r < 0) {
			state_done(&state);
			*ret_line = end ? number : number + 1;
			return r;
		}
		at += len + 1;
	}
	*ret_state = state;
	return 0;
}

void
state_done(struct state *state)
{
	free(state->rules);
	*state = (struct state){.rules = NULL};
}

static void
path_of(const char *dir, const char *name, char path[PATH_ROOM])
{
	snprintf(path, PATH_ROOM, "%s/%s", dir, name);
}

static int
read_all(int fd, char **ret_text, size_t *ret_size)
{
	struct stat st;
	size_t at = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX)
		return -EFBIG;
	char *text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (at < (size_t)st.st_size) {
		ssize_t n = read(fd, text + at, (size_t)st.st_size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	*ret_text = text;
	*ret_size = at;
	return 0;
}

int
state_load(const char *dir, struct state *ret_state, unsigned *ret_line)
{
	char path[PATH_ROOM], *text = NULL;
	size_t size = 0;

	path_of(dir, FILE_NAME, path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		if (errno != ENOENT)
			return -errno;
		*ret_state = (struct state){.rules = NULL};
		return 0;
	}
	int r = read_all(fd, &text, &size);
	close(fd);
	if (r == 0)
		r = state_parse(text, size, ret_state, ret_line);
	free(text);
	return r;
}

static void
write_rule(FILE *f, const struct iptable_known *rule)
{
	fprintf(f, "rule %u %" PRIu64 " %u ", rule->family, rule->capture, rule->rule);
	for (size_t i = 0; i < rule->entry.size; i++)
		fprintf(f, "%02x", rule->entry.bytes[i]);
	fputc('\n', f);
}

int
state_save(const char *dir, const struct state *state)
{
	char path[PATH_ROOM], beside[PATH_ROOM];

	path_of(dir, FILE_NAME, path);
	path_of(dir, FILE_NAME ".new", beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	FILE *f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	fprintf(f, "finderscope-state 1\nboot %s\n", state->boot);
	for (size_t i = 0; i < state->n_rules; i++)
		write_rule(f, &state->rules[i]);
	bool bad = ferror(f) != 0;
	errno = 0;
	bad |= fclose(f) != 0;
	if (bad || rename(beside, path) < 0) {
		int r = errno ? -errno : -EIO;
		unlink(beside);
		return r;
	}
	return 0;
}

int
state_boot_id(char boot[STATE_BOOT_MAX])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, boot, STATE_BOOT_MAX - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	boot[n] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	return 0;
}

static bool
flag_is_there(const char *dir, const char *name)
{
	char path[PATH_ROOM];

	path_of(dir, name, path);
	return access(path, F_OK) == 0;
}

static int
set_flag(const char *dir, const char *name, bool on)
{
	char path[PATH_ROOM];

	path_of(dir, name, path);
	if (!on)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int
state_claim(const char *dir, unsigned wait_ms)
{
	char path[PATH_ROOM];

	path_of(dir, LOCK_NAME, path);
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += CLAIM_POLL_MS) {
		int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (waited >= wait_ms || (r != -EBUSY && r != -EINTR)) {
			close(fd);
			return r;
		}
		poll(NULL, 0, CLAIM_POLL_MS);
	}
	return fd;
}

bool
state_hardware(const char *dir)
{
	return flag_is_there(dir, MARK_NAME);
}

int
state_set_hardware(const char *dir, bool on)
{
	return set_flag(dir, MARK_NAME, on);
}

int
state_say_go_on(const char *dir)
{
	return set_flag(dir, GO_ON_NAME, true);
}

bool
state_take_go_on(const char *dir)
{
	return flag_is_there(dir, GO_ON_NAME) && set_flag(dir, GO_ON_NAME, false) == 0;
}

bool
state_released(const char *dir)
{
	return flag_is_there(dir, FLAG_NAME);
}

int
state_set_released(const char *dir, bool on)
{
	return set_flag(dir, FLAG_NAME, on);
}
