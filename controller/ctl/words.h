/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of words of finderscopectl: dispatch, abbreviations, usage and completion all come
 * from it, and a test holds the manual against it.
 */
#ifndef CONTROLLER_CTL_WORDS_H
#define CONTROLLER_CTL_WORDS_H

#include <stdint.h>
#include <stdio.h>

#include "controller/ctl/ctl.h"

struct words {
	const char *path;            /* "capture start" */
	const char *args;            /* as usage shows them; "" none */
	unsigned min, max;           /* how many */
	uint32_t options;            /* bits of enum ctl_option, besides those that all take */
	int (*run)(struct ctl *ctl); /* an enum ctl_exit */
	const char *help;
};

struct words_option {
	const char *name;  /* "--on" */
	const char *value; /* as usage shows it; NULL: takes none */
	const char *help;
};

/* Ends with a path of NULL. */
const struct words *words_table(void);
const struct words_option *words_option(enum ctl_option option);

/*
 * Reads the command line into ctl's word, value and args. 0, or -EINVAL and one line in `error`
 * that says which word was wrong and what would be right. ctl->word is NULL when only --help or
 * --version stood there, ctl->group the word whose commands help was asked for.
 */
int words_parse(struct ctl *ctl, int argc, char *const argv[], char *error, size_t size);

/* The one command with its options; without it those that begin with `group`; without that all. */
void words_usage(const struct words *word, const char *group, FILE *file);

/* The completion of "bash" or "zsh"; -EINVAL for another shell. */
int words_completion(const char *shell, FILE *file);

#endif
