/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

/* Each line at once: whoever reads a pipe wants events when they happen. */
static int
take_event(void *user, enum ctl_row kind, const void *row)
{
	struct ctl *ctl = user;

	if (kind == CTL_ROW_EVENT) {
		fprintf(ctl->out.file, "%s\n", (const char *)row);
		fflush(ctl->out.file);
	}
	return ferror(ctl->out.file) ? CTL_EXIT_REFUSED : 0;
}

int
cmd_events(struct ctl *ctl)
{
	struct ctl_request request = {
	    .verb = CTL_EVENTS, .follow = ctl->value[CTL_OPT_FOLLOW] != NULL};
	uint64_t count = request.follow ? 0 : 20;
	int r = list_number(ctl, "--count", ctl->value[CTL_OPT_COUNT], 1000000, &count);

	if (r != CTL_EXIT_OK)
		return r;
	request.count = (uint32_t)count;
	r = ask(ctl, &request, take_event, ctl, NULL);
	return r == CTL_EXIT_OK && request.follow ? ask_follow(ctl, take_event, ctl) : r;
}

static int
with_why(struct ctl *ctl, enum ctl_verb verb, const char *done)
{
	struct ctl_request request = {.verb = verb};
	int r = list_copy(ctl, "--why", ctl->value[CTL_OPT_WHY], request.text, sizeof request.text);

	if (r == CTL_EXIT_OK && ctl->arg_count)
		r = list_copy(ctl, "switch", ctl->args[0], request.name, sizeof request.name);
	return r ? r : list_do(ctl, &request, done);
}

int
cmd_freeze(struct ctl *ctl)
{
	return with_why(ctl, CTL_FREEZE, "frozen: nothing new is captured until thaw");
}

int
cmd_thaw(struct ctl *ctl)
{
	return with_why(ctl, CTL_THAW, "thawed");
}

int
cmd_release(struct ctl *ctl)
{
	return with_why(ctl, CTL_RELEASE, "released: its rules go, and none come until unrelease");
}

int
cmd_unrelease(struct ctl *ctl)
{
	return with_why(ctl, CTL_UNRELEASE, "no longer released");
}

int
cmd_reload(struct ctl *ctl)
{
	return with_why(ctl, CTL_RELOAD, "the configuration was read again");
}
