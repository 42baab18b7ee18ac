/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

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
