/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finderscope-controller: the words of its command line. Without a word it runs; `decode` reads
 * recordings, `replay` decides on them.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/base/keys.h"
#include "common/base/log.h"
#include "controller/engine/engine.h"
#include "controller/engine/replay.h"
#include "controller/receive/decode_cmd.h"
#include "controller/settings/settings.h"

static const char usage[] =
    "usage: finderscope-controller [-c FILE] [-n] [-v] [--debug]\n"
    "       finderscope-controller decode [--stats] FILE...\n"
    "       finderscope-controller replay [-c FILE] [--summary] FILE...\n"
    "\n"
    "  -c, --config FILE  read FILE instead of " SETTINGS_PATH "\n"
    "  -n                 read the configuration, say whether it is good, and end\n"
    "  -v                 with -n: print it as it was understood\n"
    "      --debug        log more\n"
    "      --version      print the version\n"
    "      --help         print this\n";

enum { OPT_VERSION = 256, OPT_HELP, OPT_DEBUG };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {"debug", no_argument, NULL, OPT_DEBUG},
    {NULL, 0, NULL, 0},
};

struct words {
	const char *config;
	bool check, print, debug, version, help;
};

static bool
read_words(int argc, char **argv, struct words *w)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:nvh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			w->config = optarg;
			break;
		case 'n':
			w->check = true;
			break;
		case 'v':
			w->print = true;
			break;
		case OPT_DEBUG:
			w->debug = true;
			break;
		case OPT_VERSION:
			w->version = true;
			break;
		case 'h':
		case OPT_HELP:
			w->help = true;
			break;
		default:
			/* getopt said what was wrong. */
			fprintf(stderr, "finderscope-controller: --help lists what there is\n");
			return false;
		}
	if (optind < argc) {
		fprintf(stderr,
		    "finderscope-controller: \"%s\" is one word too many; --help lists them\n",
		    argv[optind]);
		return false;
	}
	return true;
}

static void
print_text(void *user, const char *text)
{
	fputs(text, user);
}

static int
check(const char *path, bool print)
{
	struct settings *settings;
	char error[CONF_ERROR_MAX];

	if (settings_load(path, false, &settings, error) < 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (print)
		settings_print(settings, print_text, stdout);
	else
		fprintf(stderr, "%s is good\n", path);
	settings_free(&settings);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct words words = {.config = SETTINGS_PATH};

	if (argc > 1 && strcmp(argv[1], "decode") == 0)
		return decode_cmd_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "replay") == 0)
		return replay_main(argc - 1, argv + 1);
	if (!read_words(argc, argv, &words))
		return 2;
	if (words.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (words.version) {
		puts("finderscope-controller " FINDERSCOPE_VERSION);
		return 0;
	}
	log_init("controller", words.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (keys_init() < 0) {
		log_error("no random numbers can be had");
		return 1;
	}
	if (words.check)
		return check(words.config, words.print);
	return engine_run(words.config, words.debug);
}
