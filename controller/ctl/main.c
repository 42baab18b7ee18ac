/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finderscopectl: asks the controller, or tells it. Words in, text or JSON out.
 *
 * Exit codes:
 *   0  done
 *   1  refused or failed; the reason was printed
 *   2  the command line was wrong; what would be right was printed
 *   3  the controller can't be reached, or does not answer
 *   4  the controller's answer could not be understood (another version)
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/words.h"

int
main(int argc, char *argv[])
{
	struct ctl ctl = {.fd = -1};
	char error[512];
	int code;

	(void)setlocale(LC_CTYPE, "");
	/* A reader that has enough is no error, whatever a parent ignores. */
	(void)signal(SIGPIPE, SIG_DFL);
	/* --json must be known before the words are: errors are in JSON too. */
	code = words_parse(&ctl, argc, argv, error, sizeof error);
	out_init(&ctl.out, stdout, ctl.json);
	if (code < 0)
		return ask_fail(&ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST, "%s", error);
	if (ctl.value[CTL_OPT_VERSION]) {
		if (ctl.json)
			out_print(&ctl.out, json_pack("{s:s}", "version", FINDERSCOPE_VERSION));
		else
			printf("finderscopectl %s\n", FINDERSCOPE_VERSION);
		return CTL_EXIT_OK;
	}
	code = ctl.value[CTL_OPT_HELP] ? cmd_help(&ctl) : ctl.word->run(&ctl);
	if (ctl.fd >= 0)
		close(ctl.fd);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CTL_EXIT_OK) {
		fprintf(stderr, "finderscopectl: the output could not be written\n");
		return CTL_EXIT_REFUSED;
	}
	return code;
}
