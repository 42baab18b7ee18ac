/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finderscope-agent: the part of Finderscope that runs on a switch. Reads words and configuration,
 * then becomes one of its processes. Started as root with CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID,
 * CAP_SETGID and CAP_SETPCAP; what each process keeps is in agent/wire/jail.h.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/check.h"
#include "agent/main/agent.h"
#include "agent/main/agent_conf.h"
#include "agent/mirror/mirror.h"
#include "agent/rules/rules.h"
#include "agent/wire/lean.h"
#include "common/base/keys.h"
#include "common/base/log.h"

#define TASK_WAIT_MS 15000

static const char usage[] =
    "usage: finderscope-agent [-c FILE] [-n] [-v] [--debug]\n"
    "       finderscope-agent [-c FILE] --release | --unrelease | --clean | --go-on |\n"
    "                    --public-key\n"
    "       finderscope-agent [-c FILE] --check [ANALYSER ...]\n"
    "\n"
    "  -c, --config FILE  read FILE instead of " AGENT_CONF_PATH "\n"
    "  -n                 read the configuration, say whether it is good, and end\n"
    "  -v                 with -n: print it as it was understood\n"
    "      --check        say what is found on this machine, what is wrong, how to mend it;\n"
    "                     with the ways to these analysers\n"
    "      --release      take out every mirror rule and take no new ones, also after a restart\n"
    "      --unrelease    lift that\n"
    "      --public-key   print the public key and its fingerprint; makes the key where there is "
    "none\n"
    "      --clean        take out every mirror rule of an agent that is gone\n"
    "      --go-on        take new captures again after a foreign writer or a stuck removal\n"
    "      --debug        log more\n"
    "      --version      print the version\n"
    "      --help         print this\n";

enum {
	OPT_RELEASE = 256,
	OPT_UNRELEASE,
	OPT_CLEAN,
	OPT_GO_ON,
	OPT_CHECK,
	OPT_PUBLIC_KEY,
	OPT_VERSION,
	OPT_HELP,
	OPT_DEBUG,
	OPT_ROLE,
	OPT_UID,
	OPT_GID,
	OPT_LEVEL
};

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
    {"release", no_argument, NULL, OPT_RELEASE}, {"unrelease", no_argument, NULL, OPT_UNRELEASE},
    {"clean", no_argument, NULL, OPT_CLEAN}, {"go-on", no_argument, NULL, OPT_GO_ON},
    {"check", no_argument, NULL, OPT_CHECK}, {"public-key", no_argument, NULL, OPT_PUBLIC_KEY},
    {"version", no_argument, NULL, OPT_VERSION}, {"help", no_argument, NULL, OPT_HELP},
    {"debug", no_argument, NULL, OPT_DEBUG},
    /* Not for people: how the helpers are started. */
    {"role", required_argument, NULL, OPT_ROLE}, {"uid", required_argument, NULL, OPT_UID},
    {"gid", required_argument, NULL, OPT_GID}, {"log-level", required_argument, NULL, OPT_LEVEL},
    {NULL, 0, NULL, 0}};

struct words {
	const char *config, *role;
	int task; /* OPT_RELEASE, OPT_UNRELEASE, OPT_CLEAN, OPT_GO_ON; 0: run */
	bool check, print, version, help, public_key;
	unsigned uid, gid;
	int level;
	bool look; /* --check */
	char **analysers;
	int analyser_count;
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
		case OPT_CHECK:
			w->look = true;
			break;
		case OPT_PUBLIC_KEY:
			w->public_key = true;
			break;
		case 'v':
			w->print = true;
			break;
		case OPT_RELEASE:
		case OPT_UNRELEASE:
		case OPT_CLEAN:
		case OPT_GO_ON:
			w->task = c;
			break;
		case OPT_VERSION:
			w->version = true;
			break;
		case 'h':
		case OPT_HELP:
			w->help = true;
			break;
		case OPT_DEBUG:
			w->level = LOG_LEVEL_DEBUG;
			break;
		case OPT_ROLE:
			w->role = optarg;
			break;
		case OPT_UID:
			w->uid = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case OPT_GID:
			w->gid = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case OPT_LEVEL:
			w->level = atoi(optarg);
			break;
		default:
			/* getopt said what was wrong. */
			fprintf(stderr, "finderscope-agent: --help lists what there is\n");
			return false;
		}
	if (w->look) {
		w->analysers = argv + optind;
		w->analyser_count = argc - optind;
	} else if (optind < argc) {
		fprintf(stderr,
		    "finderscope-agent: \"%s\" is one word too many; --help lists them\n",
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
run_task(const struct agent_conf *conf, int task)
{
	enum rules_task what = task == OPT_RELEASE     ? RULES_RELEASE
			       : task == OPT_UNRELEASE ? RULES_LIFT
			       : task == OPT_GO_ON     ? RULES_GO_ON
						       : RULES_CLEAN;

	return rules_task(&conf->rules, what, TASK_WAIT_MS) < 0;
}

static int
look(const struct agent_conf *conf, const struct words *w)
{
	struct addr analysers[16];

	if (w->analyser_count > 16) {
		fprintf(stderr, "finderscope-agent: at most 16 analysers at a time\n");
		return 2;
	}
	for (int i = 0; i < w->analyser_count; i++)
		if (addr_parse(w->analysers[i], &analysers[i]) < 0) {
			fprintf(stderr, "finderscope-agent: \"%s\" is no address of an analyser\n",
			    w->analysers[i]);
			return 2;
		}
	return check_run(conf, analysers, (size_t)w->analyser_count, stdout);
}

/* rules writes here as root without CAP_DAC_OVERRIDE, so the folders are root's. */
static bool
make_folder(const char *path)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return true;
	log_errno(LOG_LEVEL_ERROR, errno, "%s cannot be made", path);
	return false;
}

/* For the operator: what the controller must know, and what is compared when it is accepted. */
static int
public_key(const char *path)
{
	char key[KEYS_TEXT_MAX], fingerprint[KEYS_FINGERPRINT_MAX], error[CONF_ERROR_MAX];
	struct keys_pair pair;
	int r = keys_init();

	if (r < 0)
		snprintf(error, sizeof error, "there are no random numbers to be had");
	else if (access(path, F_OK) == 0 || errno != ENOENT)
		r = keys_load(path, &pair, error, sizeof error);
	else {
		keys_generate(&pair);
		r = keys_save(path, &pair, error, sizeof error);
	}
	if (r < 0)
		fprintf(stderr, "finderscope-agent: %s\n", error);
	else
		printf("%s %s\n", keys_format(pair.public_key, key),
		    keys_fingerprint(pair.public_key, fingerprint));
	explicit_bzero(&pair, sizeof pair);
	return r < 0;
}

static int
run_agent(const struct words *w)
{
	struct agent_conf conf;
	char error[CONF_ERROR_MAX];
	int status;

	if (agent_conf_load(w->config, &conf, error) < 0) {
		fprintf(stderr, "finderscope-agent: %s\n", error);
		return 1;
	}
	if (w->public_key)
		status = public_key(conf.key_file);
	else if (w->check || w->print) {
		if (w->print)
			conf_print(conf.tree, print_text, stdout);
		status = 0;
	} else if (w->look) {
		status = look(&conf, w);
	} else if (geteuid() != 0) {
		fprintf(stderr,
		    "finderscope-agent: to be started as root; it gives up what it does "
		    "not need by itself\n");
		status = 1;
	} else if (!make_folder(conf.rules.run_dir) || !make_folder(conf.rules.state_dir))
		status = 1;
	else
		status = w->task ? run_task(&conf, w->task) : agent_main(&conf);
	agent_conf_done(&conf);
	return status;
}

int
main(int argc, char **argv)
{
	struct words w = {.config = AGENT_CONF_PATH, .level = LOG_LEVEL_INFO};

	lean_begin();
	if (!read_words(argc, argv, &w))
		return 2;
	if (w.help || w.version) {
		printf("%s", w.help ? usage : "finderscope-agent " FINDERSCOPE_VERSION "\n");
		return 0;
	}
	/* Each is executed from /proc/self/exe, and would go by the name of "exe". */
	if (w.role)
		(void)prctl(PR_SET_NAME,
		    strcmp(w.role, "rules") == 0 ? "fs-agent-rules" : "fs-agent-mirror");
	if (w.role && strcmp(w.role, "rules") == 0) {
		log_init("rules", (enum log_level)w.level);
		return rules_main();
	}
	if (w.role && strcmp(w.role, "mirror") == 0) {
		log_init("mirror", (enum log_level)w.level);
		return mirror_main(w.uid, w.gid);
	}
	if (w.role) {
		fprintf(stderr, "finderscope-agent: no role \"%s\"\n", w.role);
		return 2;
	}
	log_init("agent", (enum log_level)w.level);
	return run_agent(&w);
}
