/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done with nobody else alive: the flags of --release, --unrelease and --go-on, and taking
 * out what bears our mark, which the process does at its start as well.
 */
#include "agent/rules/rules.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "agent/rules/device.h"
#include "agent/rules/rules_part.h"
#include "common/base/log.h"

#define CLAIM_WAIT_MS 3000

/* Cleans, waiting for the lock a bounded time. */
int
rules_clean(struct backend *backend, unsigned wait_ms, bool *ret_sync)
{
	struct instant end = clk_add(clk_now(), wait_ms * CLK_MS);
	unsigned removed = 0;
	int e;

	while ((e = backend_clean(backend, &removed, ret_sync)) == -EAGAIN &&
	       clk_before(clk_now(), end))
		poll(NULL, 0, 5);
	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e, "rules of ours could not be looked for%s%s",
		    e == -EAGAIN ? ": the table lock is held by somebody" : ": ",
		    e == -EAGAIN ? "" : backend->commit->text);
	else if (removed)
		log_notice("took out %u rules that nobody accounts for", removed);
	/* No rule leads to them any more; where there are no such devices this finds none. */
	int devices = e < 0 ? 0 : device_clean();
	if (devices < 0)
		log_errno(
		    LOG_LEVEL_ERROR, devices, "erspan devices of ours could not be looked for");
	else if (devices)
		log_notice("took away %d erspan devices that nobody accounts for", devices);
	return e;
}

/* Tells the hardware that everything of ours is gone, and waits for its word. */
static int
sync_clean(struct backend *backend, unsigned wait_ms)
{
	char text[ORDER_TEXT_MAX] = "";
	bool good = false;
	int e = backend_sync(backend);

	if (e == 0)
		e = backend_wait(backend, wait_ms, &good, text);
	if (e == 0 && good)
		return backend_mark(backend, false);
	log_error("rules of ours may be left in the hardware: %s: %s", backend->ops->name,
	    e < 0 ? "no answer" : text);
	return e < 0 ? e : -EIO;
}

/* Sets or lifts the flag that the task is about; --clean is about none. */
static int
set_flag(const struct wire_config *config, enum rules_task task)
{
	int e = 0;

	if (task == RULES_GO_ON)
		e = state_say_go_on(config->run_dir);
	else if (task != RULES_CLEAN)
		e = state_set_released(config->state_dir, task == RULES_RELEASE);
	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e, "the flag in %s could not be %s",
		    task == RULES_GO_ON ? config->run_dir : config->state_dir,
		    task == RULES_RELEASE
			? "set: rules go now, an agent that runs or starts puts them back"
		    : task == RULES_GO_ON ? "set"
					  : "lifted");
	return e;
}

static int
clean_all(const struct wire_config *config, unsigned wait_ms)
{
	struct held_set set = {.head = NULL};
	struct commit commit;
	struct backend backend;
	bool sync = false;
	int e = commit_open(&commit, config, &set, NULL, NULL);

	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", commit.text);
		return e;
	}
	e = backend_open(&backend, config, &commit);
	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e, "%s", backend.text);
	else
		e = rules_clean(&backend, wait_ms, &sync);
	if (e == 0 && sync)
		e = sync_clean(&backend, config->sync_wait_ms + 1000);
	backend_close(&backend);
	commit_close(&commit);
	return e;
}

int
rules_task(const struct wire_config *config, enum rules_task task, unsigned wait_ms)
{
	int flag = set_flag(config, task), claim = -1, e;

	if (task == RULES_LIFT || task == RULES_GO_ON)
		return flag;
	/* What an agent that lives holds is its own; one that was told to end gets its time. */
	if (task == RULES_CLEAN)
		claim =
		    state_claim(config->run_dir, wait_ms < CLAIM_WAIT_MS ? wait_ms : CLAIM_WAIT_MS);
	if (claim == -EBUSY) {
		log_error("an agent runs here (%s is in use): its rules are not taken out; "
			  "--release does that",
		    config->run_dir);
		return -EBUSY;
	}
	e = clean_all(config, wait_ms);
	if (claim >= 0)
		close(claim);
	return e < 0 ? e : flag;
}
