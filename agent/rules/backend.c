/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/rules/policy_file.h"
#include "agent/rules/state.h"
#include "common/base/result.h"

static const struct backend_ops *
ops_of(enum wire_backend kind)
{
	switch (kind) {
	case WIRE_BACKEND_RESYNC:
		return &backend_resync;
	case WIRE_BACKEND_ACLTOOL:
		return &backend_acltool;
	case WIRE_BACKEND_AUTO:
	case WIRE_BACKEND_NONE:
		break;
	}
	return &backend_none;
}

enum wire_backend
backend_choose(const struct wire_config *config)
{
	if (config->backend != WIRE_BACKEND_AUTO)
		return (enum wire_backend)config->backend;
	if (backend_resync.probe(config))
		return WIRE_BACKEND_RESYNC;
	if (backend_acltool.probe(config))
		return WIRE_BACKEND_ACLTOOL;
	return WIRE_BACKEND_NONE;
}

int
backend_open(struct backend *ret_b, const struct wire_config *config, struct commit *commit)
{
	struct backend *b = ret_b;

	*b = (struct backend){.kind = backend_choose(config),
	    .config = config,
	    .commit = commit,
	    .helper = {.fd = -1},
	    .fds = {-1, -1},
	    .marked = state_hardware(config->run_dir)};
	b->ops = ops_of(b->kind);
	int r = b->ops->open ? b->ops->open(b) : 0;
	if (r == 0 && b->ops->job)
		r = helper_start(
		    b->ops->job, b, b->ops->jail, b->fds, 2, config->sync_wait_ms, &b->helper);
	if (r < 0)
		snprintf(b->text, sizeof b->text, "the back end's helper cannot be started");
	return r;
}

void
backend_close(struct backend *b)
{
	helper_stop(&b->helper);
	for (int i = 0; i < 2; i++) {
		if (b->fds[i] >= 0)
			close(b->fds[i]);
		b->fds[i] = -1;
	}
}

bool
backend_has_hardware(const struct backend *b)
{
	return b->ops->job != NULL;
}

int
backend_put(struct backend *b, struct instant now, bool adds)
{
	bool any = false;

	for (struct held *held = b->commit->set->head; held; held = held->hh.next)
		any |= held->wanted && !held->placed;
	if (adds && any && b->ops->job && backend_mark(b, true) < 0)
		for (struct held *held = b->commit->set->head; held; held = held->hh.next)
			if (held->wanted && !held->placed)
				held_fail(
				    held, RESULT_INTERNAL, "the run folder cannot be written");
	return b->ops->put(b, now, adds);
}

/* A file that was left behind, whatever back end is chosen now: it would come back at boot. */
static void
remove_policies(const struct wire_config *config)
{
	static const char *const names[] = {POLICY_FIRST, POLICY_LAST};
	char path[WIRE_PATH_MAX + 32];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", config->policy_dir, names[i]);
		(void)unlink(path);
	}
}

int
backend_clean(struct backend *b, unsigned *ret_removed, bool *ret_sync)
{
	remove_policies(b->config);
	int r = b->ops->clean(b, ret_removed);

	if (r == 0)
		*ret_sync = b->ops->job && (*ret_removed || b->marked);
	return r;
}

int
backend_sync(struct backend *b)
{
	return helper_go(&b->helper);
}

int
backend_fd(const struct backend *b)
{
	return b->helper.fd;
}

int
backend_verdict(struct backend *b, bool *ret_good, char text[ORDER_TEXT_MAX])
{
	struct helper_answer answer;
	int r = helper_take(&b->helper, &answer);

	if (r < 0)
		return r;
	*ret_good = answer.result == 0;
	snprintf(text, ORDER_TEXT_MAX, "%.*s", ORDER_TEXT_MAX - 1, answer.text);
	if (answer.result != 0 && !text[0])
		snprintf(text, ORDER_TEXT_MAX, "%s gave no reason", b->ops->name);
	return 0;
}

int
backend_wait(struct backend *b, unsigned wait_ms, bool *ret_good, char text[ORDER_TEXT_MAX])
{
	struct pollfd p = {.fd = b->helper.fd, .events = POLLIN};

	if (poll(&p, 1, (int)wait_ms) <= 0)
		return -ETIMEDOUT;
	return backend_verdict(b, ret_good, text);
}

int
backend_mark(struct backend *b, bool on)
{
	if (b->marked == on)
		return 0;
	int r = state_set_hardware(b->config->run_dir, on);
	if (r == 0)
		b->marked = on;
	return r;
}

/* A number in a file of the switchd tree. */
static bool
read_number(const char *root, const char *side, const char *name, uint32_t *ret)
{
	char path[WIRE_PATH_MAX + 64], text[32], *end;

	snprintf(path, sizeof path, "%s/run/acl_info/%s/%s", root, side, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	unsigned long value = strtoul(text, &end, 10);
	if (end == text || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

bool
backend_acl_space(const struct wire_config *config, uint32_t *ret_used, uint32_t *ret_total)
{
	static const char *const sides[] = {"ingress", "egress"};
	bool any = false;

	for (int i = 0; i < 2; i++) {
		uint32_t used, total;
		if (!read_number(config->switchd_root, sides[i], "entries", &used) ||
		    !read_number(config->switchd_root, sides[i], "entries_total", &total) ||
		    total == 0)
			continue;
		/* The fuller: used / total compared without dividing. */
		if (!any || (uint64_t)used * *ret_total > (uint64_t)*ret_used * total) {
			*ret_used = used;
			*ret_total = total;
		}
		any = true;
	}
	return any;
}
