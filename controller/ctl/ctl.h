/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all of finderscopectl shares: the words as parsed, where the controller is, where to print.
 */
#ifndef CONTROLLER_CTL_CTL_H
#define CONTROLLER_CTL_CTL_H

#include <stdbool.h>

#include "common/msg/ctl_msg.h"
#include "controller/ctl/out.h"

/* Exit codes: main.c's head and the manual list them. */
enum ctl_exit {
	CTL_EXIT_OK = 0,
	CTL_EXIT_REFUSED = 1,
	CTL_EXIT_USAGE = 2,
	CTL_EXIT_UNREACHED = 3,
	CTL_EXIT_PROTOCOL = 4,
};

/* The options of all commands; words.c's table says which command takes which. */
enum ctl_option {
	CTL_OPT_SOCKET,
	CTL_OPT_JSON,
	CTL_OPT_HELP,
	CTL_OPT_VERSION,
	CTL_OPT_ALL,
	CTL_OPT_FOLLOW,
	CTL_OPT_COUNT,
	CTL_OPT_SINCE,
	CTL_OPT_UNTIL,
	CTL_OPT_ON,
	CTL_OPT_TO,
	CTL_OPT_FOR,
	CTL_OPT_IDLE,
	CTL_OPT_PACKETS,
	CTL_OPT_BYTES,
	CTL_OPT_RATE,
	CTL_OPT_DRY_RUN,
	CTL_OPT_WHY,
	CTL_OPT_NAME,
	CTL_OPT_PORT,
	CTL_OPT_WITH,
	CTL_OPT_FROM,
	CTL_OPT_VNI,
	CTL_OPT_ONCE,
	CTL_OPT_PCAP,
	CTL_OPT_MAX,
};

#define CTL_ARGS_MAX 64

struct ctl {
	const char *socket; /* NULL: the default ones */
	struct out out;
	const char *leave; /* written before an error is: gives the terminal back; NULL: nothing */
	int fd;            /* to the controller; -1: not connected yet */
	bool json;
	json_t *held;             /* an array: errors are kept here, not printed; NULL: printed */
	const struct words *word; /* the command */
	const char *group;        /* help: the first word of those that are asked for; NULL: none */
	const char *value[CTL_OPT_MAX]; /* "" for options without a value; NULL: not given */
	const char *args[CTL_ARGS_MAX];
	unsigned arg_count;
};

#endif
