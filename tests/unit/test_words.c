/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/ctl/words.h"

#define WORDS_MAX 16

/* Parses "finderscopectl LINE"; words are between blanks. */
static int
parse(struct ctl *ctl, const char *line, char *error, size_t size)
{
	static char copy[512];
	char *argv[WORDS_MAX] = {(char *)(uintptr_t) "finderscopectl"}, *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof copy, "%s", line);
	while ((word = strsep(&rest, " ")) && argc < WORDS_MAX)
		if (*word)
			argv[argc++] = word;
	*ctl = (struct ctl){.fd = -1};
	error[0] = '\0';
	return words_parse(ctl, argc, argv, error, size);
}

static void
finds_the_command(void **state)
{
	static const struct {
		const char *line, *path;
		unsigned args;
	} cases[] = {
	    {"status", "status", 0},
	    {"st", "status", 0},
	    {"agents", "agents", 0},
	    {"agents show leaf1", "agents show", 1},
	    {"ag sh leaf1", "agents show", 1},
	    {"cap sh 7", "capture show", 1},
	    {"captures", "captures", 0},
	    {"capture start host 10.1.0.2 and tcp", "capture start", 4},
	    {"--json cap start --for 10m host 10.1.0.2", "capture start", 2},
	    {"capture start host 10.1.0.2 --for=10m", "capture start", 2},
	    {"feed drop refresh", "feed", 2},
	    {"fre", "freeze", 0},
	    {"top --onc", "top", 0},
	    {"pubkey", "pubkey", 0},
	};
	struct ctl ctl;
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (parse(&ctl, cases[i].line, error, sizeof error) != 0)
			fail_msg("%s: %s", cases[i].line, error);
		assert_string_equal(ctl.word->path, cases[i].path);
		assert_int_equal(ctl.arg_count, cases[i].args);
	}
}

static void
says_what_would_be_right(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
	    {"", "one of these is needed: status"},
	    {"help capture strat", "did you mean start?"},
	    {"statsu", "did you mean status?"},
	    {"xyzzy", "these are: status"},
	    {"capture", "capture: one of these is needed: start stop extend show"},
	    {"capture strat host 10.1.0.2", "did you mean start?"},
	    {"capture s 7", "\"s\" could be start, stop, show"},
	    {"c", "\"c\" could be captures, capture, completion"},
	    {"f", "\"f\" could be feeds, feed, freeze"},
	    {"help nonsense", "these are: status"},
	    {"agents show", "NAME is missing"},
	    {"agents leaf1", "agents: \"leaf1\" is no word here"},
	    {"status now", "\"now\" is too much"},
	    {"status --al", "status takes no --all"},
	    {"captures --follow", "captures takes no --follow"},
	    {"events --count", "--count needs its N"},
	    {"events --count 1 --count 2", "given twice"},
	    {"captures --all=yes", "takes no value"},
	    {"captures --hostt", "there is no option --hostt"},
	    {"capture start host 10.1.0.2 --o leaf1", "more than one option"},
	};
	struct ctl ctl;
	char error[512];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(parse(&ctl, cases[i].line, error, sizeof error), -EINVAL);
		if (strstr(error, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].line, error);
	}
}

static void
takes_options_anywhere(void **state)
{
	struct ctl ctl;
	char error[256];

	(void)state;
	assert_int_equal(parse(&ctl, "--socket /x capture --on leaf1 start --dry-run host 10.1.0.2",
			     error, sizeof error),
	    0);
	assert_string_equal(ctl.socket, "/x");
	assert_string_equal(ctl.value[CTL_OPT_ON], "leaf1");
	assert_non_null(ctl.value[CTL_OPT_DRY_RUN]);
	assert_null(ctl.value[CTL_OPT_FOR]);
	assert_false(ctl.json);
	/* Behind "--" nothing is one, and "-" alone never is. */
	assert_int_equal(parse(&ctl, "genkey -- --json", error, sizeof error), 0);
	assert_string_equal(ctl.args[0], "--json");
	assert_false(ctl.json);
	assert_int_equal(parse(&ctl, "capture show 7 --pcap -", error, sizeof error), 0);
	assert_string_equal(ctl.value[CTL_OPT_PCAP], "-");
	/* JSON is asked for before anything is found to be wrong. */
	assert_int_equal(parse(&ctl, "nonsense --json", error, sizeof error), -EINVAL);
	assert_true(ctl.json);
	assert_int_equal(parse(&ctl, "-h", error, sizeof error), 0);
	assert_null(ctl.word);
	assert_int_equal(parse(&ctl, "agents show --help", error, sizeof error), 0);
	assert_string_equal(ctl.word->path, "agents show");
}

/* "help WORD", "WORD -h", and words that are no command alone. */
static void
helps(void **state)
{
	static const struct {
		const char *line, *path, *group;
	} cases[] = {
	    {"help", NULL, NULL},
	    {"help captures", "captures", NULL},
	    {"help cap sh", "capture show", NULL},
	    {"help capture", NULL, "capture"},
	    {"capture -h", NULL, "capture"},
	    {"capture --help --json", NULL, "capture"},
	    {"capture show -h", "capture show", NULL},
	    {"agents -h", "agents", NULL},
	    {"captures 3 --help", "captures", NULL},
	};
	struct ctl ctl;
	char error[256], *text = NULL;
	size_t size = 0;
	FILE *file;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (parse(&ctl, cases[i].line, error, sizeof error) != 0)
			fail_msg("%s: %s", cases[i].line, error);
		assert_non_null(ctl.value[CTL_OPT_HELP]);
		assert_true(cases[i].path ? ctl.word && strcmp(ctl.word->path, cases[i].path) == 0
					  : ctl.word == NULL);
		assert_true(cases[i].group ? ctl.group && strcmp(ctl.group, cases[i].group) == 0
					   : ctl.group == NULL);
	}
	file = open_memstream(&text, &size);
	words_usage(NULL, "agents", file);
	fclose(file);
	assert_non_null(strstr(text, "agents accept FINGERPRINT"));
	assert_null(strstr(text, "capture start"));
	free(text);
	/* Each line of help fits the narrowest of screens. */
	file = open_memstream(&text, &size);
	words_usage(NULL, NULL, file);
	for (const struct words *w = words_table(); w->path; w++)
		words_usage(w, NULL, file);
	fclose(file);
	for (char *line = text; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			fail_msg("wider than 80: %.*s", (int)strcspn(line, "\n"), line);
	free(text);
}

/* Every command can be asked for help, has one line of it, and is reachable by its whole words. */
static void
the_table_is_whole(void **state)
{
	struct ctl ctl;
	char error[256], line[128], *text = NULL;
	size_t size = 0;

	(void)state;
	for (const struct words *w = words_table(); w->path; w++) {
		FILE *file = open_memstream(&text, &size);

		snprintf(line, sizeof line, "%s --help", w->path);
		assert_int_equal(parse(&ctl, line, error, sizeof error), 0);
		assert_ptr_equal(ctl.word, w);
		assert_non_null(w->run);
		assert_true(w->min <= w->max);
		words_usage(w, NULL, file);
		fclose(file);
		assert_non_null(strstr(text, w->path));
		assert_non_null(strstr(text, w->help));
		free(text);
	}
	for (unsigned i = 0; i < CTL_OPT_MAX; i++) {
		const struct words_option *option = words_option((enum ctl_option)i);

		assert_int_equal(strncmp(option->name, "--", 2), 0);
		assert_true(strlen(option->help) > 0);
	}
	assert_int_equal(words_completion("fish", stdout), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_command),
	    cmocka_unit_test(says_what_would_be_right),
	    cmocka_unit_test(takes_options_anywhere),
	    cmocka_unit_test(helps),
	    cmocka_unit_test(the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
