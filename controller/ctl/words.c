/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_text.h"
#include "controller/ctl/cmd.h"

#define BIT(option) (UINT32_C(1) << CTL_OPT_##option)
#define GLOBAL (BIT(SOCKET) | BIT(JSON) | BIT(HELP) | BIT(VERSION))
#define WORDS_LIST_MAX 32

static const struct words table[] = {
    {"status", "", 0, 0, 0, cmd_status, "how the controller is, in one screen"},
    {"agents", "", 0, 0, 0, cmd_agents, "the switches, connected or not"},
    {"agents show", "NAME", 1, 1, 0, cmd_agents_show, "all that is known of one switch"},
    {"agents accept", "FINGERPRINT", 1, 1, BIT(NAME), cmd_agents_accept,
	"let a switch that waits in, with its addresses"},
    {"agents forget", "NAME", 1, 1, 0, cmd_agents_forget,
	"take a switch's key back; cuts its session"},
    {"agents go-on", "NAME", 1, 1, 0, cmd_agents_go_on,
	"let a switch that stopped take captures again"},
    {"exporters", "", 0, 0, 0, cmd_exporters, "where sFlow comes from"},
    {"captures", "", 0, 0, BIT(ALL), cmd_captures,
	"captures that live; with --all those that ended"},
    {"capture start", "FILTER", 1, CTL_ARGS_MAX,
	BIT(ON) | BIT(TO) | BIT(FOR) | BIT(IDLE) | BIT(PACKETS) | BIT(BYTES) | BIT(RATE) |
	    BIT(DRY_RUN) | BIT(WHY),
	cmd_capture_start, "copy what FILTER names to an analyser"},
    {"capture stop", "ID", 1, CTL_ARGS_MAX, 0, cmd_capture_stop, "end captures now"},
    {"capture extend", "ID", 1, 1, BIT(FOR), cmd_capture_extend,
	"let a capture run for longer, from now on"},
    {"capture show", "ID", 1, 1, BIT(PCAP), cmd_capture_show, "all that is known of one capture"},
    {"feeds", "", 0, 0, 0, cmd_feeds, "the block lists"},
    {"feed", "NAME [refresh|confirm]", 1, 2, 0, cmd_feed,
	"one block list; fetch it, take it whatever it is"},
    {"lookup", "ADDRESS[:PORT]", 1, 1, BIT(PORT), cmd_lookup, "which lists hold an address"},
    {"explain", "[LOCAL] REMOTE[:PORT]", 1, 2, BIT(PORT) | BIT(WITH) | BIT(FROM) | BIT(VNI),
	cmd_explain, "what would be done about a conversation, and why"},
    {"events", "[WORDS]", 0, CTL_ARGS_MAX, BIT(FOLLOW) | BIT(COUNT) | BIT(SINCE) | BIT(UNTIL),
	cmd_events, "what happened, all of it or about WORDS"},
    {"top", "", 0, 0, BIT(ONCE), cmd_top, "captures and rates, live"},
    {"freeze", "", 0, 0, BIT(WHY), cmd_freeze, "nothing new is captured, fabric-wide"},
    {"thaw", "", 0, 0, 0, cmd_thaw, "lift a freeze"},
    {"release", "SWITCH|all", 1, 1, BIT(WHY), cmd_release,
	"take every rule off a switch, until unrelease"},
    {"unrelease", "SWITCH|all", 1, 1, 0, cmd_unrelease, "lift a release"},
    {"reload", "", 0, 0, 0, cmd_reload, "read the configuration again"},
    {"genkey", "[FILE]", 0, 1, 0, cmd_genkey, "make a secret key; FILE is made with mode 0600"},
    {"pubkey", "[FILE]", 0, 1, 0, cmd_pubkey, "the public key of a secret one (stdin)"},
    {"completion", "bash|zsh", 1, 1, 0, cmd_completion, "print the completion of a shell"},
    {"help", "[COMMAND]", 0, 2, 0, cmd_help, "this, or a command and its options"},
    {.path = NULL},
};

static const struct words_option options[CTL_OPT_MAX] = {
    [CTL_OPT_SOCKET] = {"--socket", "PATH", "the controller's socket"},
    [CTL_OPT_JSON] = {"--json", NULL, "print JSON"},
    [CTL_OPT_HELP] = {"--help", NULL, "print this"},
    [CTL_OPT_VERSION] = {"--version", NULL, "print the version"},
    [CTL_OPT_ALL] = {"--all", NULL, "those that ended too"},
    [CTL_OPT_FOLLOW] = {"--follow", NULL, "and those that come, until interrupted"},
    [CTL_OPT_COUNT] = {"--count", "N", "the last N (20; all where WORD or a time is given)"},
    [CTL_OPT_SINCE] = {"--since", "TIME", "not before 02:10, \"2026-11-26 02:10\", 2h ago"},
    [CTL_OPT_UNTIL] = {"--until", "TIME", "not after that"},
    [CTL_OPT_ON] = {"--on", "SWITCH|edge|all",
	"where: edge (the default) is where the local host is"},
    [CTL_OPT_TO] = {"--to", "ANALYSER", "where to (the first of the configuration)"},
    [CTL_OPT_FOR] = {"--for", "DURATION", "how long: 90s, 10m, 1h30m"},
    [CTL_OPT_IDLE] = {"--idle", "DURATION", "ends when nothing was seen for so long"},
    [CTL_OPT_PACKETS] = {"--packets", "N", "ends after N packets"},
    [CTL_OPT_BYTES] = {"--bytes", "SIZE", "ends after SIZE bytes: 64K, 32M, 2G"},
    [CTL_OPT_RATE] = {"--rate", "RATE", "brake, bits a second: 500K, 20M, 1G"},
    [CTL_OPT_DRY_RUN] = {"--dry-run", NULL, "show rules, switches and the budget's word only"},
    [CTL_OPT_WHY] = {"--why", "TEXT", "a note for the events"},
    [CTL_OPT_NAME] = {"--name", "NAME", "what to call the switch (its host name)"},
    [CTL_OPT_PORT] = {"--port", "N", "with that port of the address"},
    [CTL_OPT_WITH] = {"--with", "ADDRESS", "the local address it would talk to"},
    [CTL_OPT_FROM] = {"--from", "SWITCH|ADDRESS",
	"the switch or exporter whose sample it would be"},
    [CTL_OPT_VNI] = {"--vni", "N", "the segment it would be seen in"},
    [CTL_OPT_ONCE] = {"--once", NULL, "print once and end"},
    [CTL_OPT_PCAP] = {"--pcap", "FILE", "write the sampled headers that led to it (-: stdout)"},
};

const struct words *
words_table(void)
{
	return table;
}

const struct words_option *
words_option(enum ctl_option option)
{
	return &options[option];
}

/* How many words of `path` the arguments begin with; 0 unless all of them, each abbreviated at
 * will. *ret_exact: how many of them were written out. */
static unsigned
matches(const char *path, const char *const *args, unsigned count, unsigned *ret_exact)
{
	unsigned n = 0;

	*ret_exact = 0;
	while (*path) {
		size_t len = strcspn(path, " ");
		size_t size = n < count ? strlen(args[n]) : 0;

		if (size == 0 || size > len || strncmp(path, args[n], size) != 0)
			return 0;
		*ret_exact += size == len;
		n++;
		path += len + (path[len] == ' ');
	}
	return n;
}

/* The words that may stand first (behind NULL), or behind the first word `first`. */
static size_t
list_words(const char *first, char names[][16], size_t room)
{
	size_t count = 0, size = first ? strlen(first) : 0;

	for (const struct words *w = table; w->path && count < room; w++) {
		const char *from = w->path;
		bool known = false;

		if (first && (strncmp(w->path, first, size) != 0 || w->path[size] != ' '))
			continue;
		from += first ? size + 1 : 0;
		snprintf(names[count], 16, "%.*s", (int)strcspn(from, " "), from);
		for (size_t i = 0; i < count; i++)
			known |= strcmp(names[i], names[count]) == 0;
		count += !known;
	}
	return count;
}

static int
wrong_word(const char *first, const char *word, char *error, size_t size)
{
	char names[WORDS_LIST_MAX][16];
	const char *list[WORDS_LIST_MAX], *near;
	size_t count = list_words(first, names, WORDS_LIST_MAX), n;

	for (size_t i = 0; i < count; i++)
		list[i] = names[i];
	near = word ? conf_text_nearest(word, list, count) : NULL;
	if (word == NULL)
		n = (size_t)snprintf(error, size, "%s%sone of these is needed:", first ? first : "",
		    first ? ": " : "");
	else if (near)
		return snprintf(error, size, "%s%s\"%s\" is no word here; did you mean %s?",
			   first ? first : "", first ? ": " : "", word, near),
		       -EINVAL;
	else
		n = (size_t)snprintf(error, size,
		    "%s%s\"%s\" is no word here; these are:", first ? first : "", first ? ": " : "",
		    word);
	for (size_t i = 0; i < count && n < size; i++)
		n += (size_t)snprintf(error + n, size - n, " %s", names[i]);
	return -EINVAL;
}

/* None matched as a whole: which word was it? */
static int
explain_word(const char *const *args, unsigned count, char *error, size_t size)
{
	char names[WORDS_LIST_MAX][16];
	size_t n = list_words(NULL, names, WORDS_LIST_MAX), found = 0, which = 0;

	for (size_t i = 0; i < n && count > 0; i++)
		if (strncmp(names[i], args[0], strlen(args[0])) == 0) {
			found++;
			which = i;
			if (strcmp(names[i], args[0]) == 0) {
				found = 1;
				break;
			}
		}
	if (found != 1)
		return wrong_word(NULL, count ? args[0] : NULL, error, size);
	return wrong_word(names[which], count > 1 ? args[1] : NULL, error, size);
}

static bool
is_first(const char *word)
{
	size_t size = strlen(word);

	for (const struct words *w = table; w->path; w++)
		if (strncmp(w->path, word, size) == 0 && w->path[size] == ' ')
			return true;
	return false;
}

/* All that the word could be: the first one, or the second where both have the first in common. */
static int
ambiguous(
    const struct words *a, const struct words *b, const char *const *args, char *error, size_t size)
{
	size_t first = strcspn(a->path, " "), n;
	bool second = a->path[first] && strncmp(a->path, b->path, first + 1) == 0;
	const char *word = args[second];
	char names[WORDS_LIST_MAX][16], head[16];
	bool some = false;

	snprintf(head, sizeof head, "%.*s", (int)first, a->path);
	n = (size_t)snprintf(error, size, "\"%s\" could be", word);
	for (size_t i = 0, count = list_words(second ? head : NULL, names, WORDS_LIST_MAX);
	     i < count && n < size; i++) {
		if (strncmp(names[i], word, strlen(word)) != 0)
			continue;
		n += (size_t)snprintf(error + n, size - n, "%s %s", some ? "," : "", names[i]);
		some = true;
	}
	return -EINVAL;
}

static int
find_word(const char *const *args, unsigned count, const struct words **ret_word,
    unsigned *ret_used, char *error, size_t size)
{
	const struct words *best = NULL, *rival = NULL;
	unsigned used = 0, exact = 0, e;

	for (const struct words *w = table; w->path; w++) {
		unsigned n = matches(w->path, args, count, &e);

		if (n == 0 || n < used || (n == used && e < exact))
			continue;
		rival = n == used && e == exact ? best : NULL;
		best = w;
		used = n;
		exact = e;
	}
	/* "capture strat" is no abbreviation of "captures". */
	if (best == NULL || (exact == 0 && is_first(args[0])))
		return explain_word(args, count, error, size);
	if (rival)
		return ambiguous(rival, best, args, error, size);
	*ret_word = best;
	*ret_used = used;
	return 0;
}

static int
find_option(const char *arg, enum ctl_option *ret_option, char *error, size_t size)
{
	const char *names[CTL_OPT_MAX], *near;
	size_t len = strcspn(arg, "="), found = 0;

	for (unsigned i = 0; i < CTL_OPT_MAX; i++) {
		names[i] = options[i].name;
		if (strncmp(options[i].name, arg, len) != 0)
			continue;
		*ret_option = (enum ctl_option)i;
		if (options[i].name[len] == '\0')
			return 0;
		found += len > 2;
	}
	if (found == 1)
		return 0;
	near = conf_text_nearest(arg, names, CTL_OPT_MAX);
	if (found > 1)
		snprintf(
		    error, size, "%.*s could be more than one option; write it out", (int)len, arg);
	else if (near)
		snprintf(
		    error, size, "there is no option %.*s; did you mean %s?", (int)len, arg, near);
	else
		snprintf(error, size, "there is no option %.*s; --help lists them", (int)len, arg);
	return -EINVAL;
}

/* Takes options out of the words, wherever they stand; behind "--" there are none. */
static int
take_options(struct ctl *ctl, int argc, char *const argv[], char *error, size_t size)
{
	bool over = false;

	for (int i = 1; i < argc; i++) {
		enum ctl_option option;
		const char *equals;

		if (!over && strcmp(argv[i], "--") == 0) {
			over = true;
			continue;
		}
		if (over || argv[i][0] != '-' || argv[i][1] == '\0') {
			if (ctl->arg_count == CTL_ARGS_MAX) {
				snprintf(error, size, "more than %d words", CTL_ARGS_MAX);
				return -EINVAL;
			}
			ctl->args[ctl->arg_count++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "-V") == 0) {
			ctl->value[argv[i][1] == 'h' ? CTL_OPT_HELP : CTL_OPT_VERSION] = "";
			continue;
		}
		if (find_option(argv[i], &option, error, size) < 0)
			return -EINVAL;
		equals = strchr(argv[i], '=');
		if (options[option].value && equals == NULL && i + 1 == argc) {
			snprintf(error, size, "%s needs its %s: %s", options[option].name,
			    options[option].value, options[option].help);
			return -EINVAL;
		}
		if (options[option].value == NULL && equals) {
			snprintf(error, size, "%s takes no value", options[option].name);
			return -EINVAL;
		}
		if (ctl->value[option] && options[option].value) {
			snprintf(error, size, "%s is given twice", options[option].name);
			return -EINVAL;
		}
		ctl->value[option] = options[option].value == NULL ? ""
				     : equals                      ? equals + 1
								   : argv[++i];
	}
	return 0;
}

static int
check_args(const struct ctl *ctl, char *error, size_t size)
{
	const struct words *word = ctl->word;

	for (unsigned i = 0; i < CTL_OPT_MAX; i++)
		if (ctl->value[i] && !((word->options | GLOBAL) & UINT32_C(1) << i)) {
			snprintf(error, size, "%s takes no %s; finderscopectl %s --help",
			    word->path, options[i].name, word->path);
			return -EINVAL;
		}
	if (ctl->value[CTL_OPT_HELP])
		return 0;
	if (ctl->arg_count < word->min) {
		snprintf(error, size, "%s: %s is missing; usage: finderscopectl %s %s", word->path,
		    word->args, word->path, word->args);
		return -EINVAL;
	}
	if (ctl->arg_count > word->max && word->max == 0 && is_first(word->path))
		return wrong_word(word->path, ctl->args[0], error, size);
	if (ctl->arg_count > word->max) {
		snprintf(error, size, "\"%s\" is too much; usage: finderscopectl %s%s%s",
		    ctl->args[word->max], word->path, word->args[0] ? " " : "", word->args);
		return -EINVAL;
	}
	return 0;
}

static void
drop_args(struct ctl *ctl, unsigned count)
{
	ctl->arg_count -= count;
	memmove(ctl->args, ctl->args + count, ctl->arg_count * sizeof *ctl->args);
}

/* Help for a word that is no command alone: for all commands that begin with it. */
static bool
is_group(struct ctl *ctl)
{
	if (ctl->arg_count != 1 || !is_first(ctl->args[0]))
		return false;
	for (const struct words *w = table; w->path; w++)
		if (strcmp(w->path, ctl->args[0]) == 0)
			return false;
	ctl->group = ctl->args[0];
	return true;
}

int
words_parse(struct ctl *ctl, int argc, char *const argv[], char *error, size_t size)
{
	unsigned used = 0;

	/* What is wrong with the words is said in JSON, too, wherever --json stands. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		ctl->json |= strcmp(argv[i], "--json") == 0;
	if (take_options(ctl, argc, argv, error, size) < 0)
		return -EINVAL;
	ctl->socket = ctl->value[CTL_OPT_SOCKET];
	ctl->json = ctl->value[CTL_OPT_JSON] != NULL;
	if (ctl->arg_count == 0 && (ctl->value[CTL_OPT_HELP] || ctl->value[CTL_OPT_VERSION]))
		return 0;
	if (ctl->value[CTL_OPT_HELP] && is_group(ctl))
		return 0;
	if (find_word(ctl->args, ctl->arg_count, &ctl->word, &used, error, size) < 0)
		return -EINVAL;
	drop_args(ctl, used);
	/* "help capture start" is "capture start --help". */
	if (ctl->word->run != cmd_help || ctl->value[CTL_OPT_HELP])
		return check_args(ctl, error, size);
	ctl->value[CTL_OPT_HELP] = "";
	ctl->word = NULL;
	if (ctl->arg_count == 0 || is_group(ctl))
		return 0;
	return find_word(ctl->args, ctl->arg_count, &ctl->word, &used, error, size);
}

static void
usage_option(const struct words_option *option, FILE *file)
{
	char left[64];

	snprintf(left, sizeof left, "%s%s%s", option->name, option->value ? " " : "",
	    option->value ? option->value : "");
	fprintf(file, "  %-24s %s\n", left, option->help);
}

static void
usage_command(const struct words *word, FILE *file)
{
	char left[64];

	snprintf(left, sizeof left, "%s %s", word->path, word->args);
	fprintf(file, "  %-29s %s\n", left, word->help);
}

/* Commands of two words that begin with `first`. */
static void
usage_group(const char *first, FILE *file)
{
	size_t size = strlen(first);

	for (const struct words *w = table; w->path; w++)
		if (strncmp(w->path, first, size) == 0 && w->path[size] == ' ')
			usage_command(w, file);
}

void
words_usage(const struct words *word, const char *group, FILE *file)
{
	if (word) {
		fprintf(file, "usage: finderscopectl %s%s%s [option ...]\n%s\n", word->path,
		    word->args[0] ? " " : "", word->args, word->help);
		for (unsigned i = 0; i < CTL_OPT_MAX; i++)
			if ((word->options | GLOBAL) & UINT32_C(1) << i)
				usage_option(&options[i], file);
		usage_group(word->path, file);
		return;
	}
	fprintf(file, "usage: finderscopectl %s [argument ...] [option ...]\n",
	    group ? group : "COMMAND");
	if (group) {
		usage_group(group, file);
	} else {
		for (const struct words *w = table; w->path; w++)
			usage_command(w, file);
		fputs("Words may be shortened as long as they stay clear: cap sh 7.\n", file);
	}
	fputs("finderscopectl help COMMAND: its options. Manual: finderscopectl(1).\n", file);
}

static void
completion_options(uint32_t bits, FILE *file)
{
	for (unsigned i = 0; i < CTL_OPT_MAX; i++)
		if (bits & UINT32_C(1) << i)
			fprintf(file, " %s", options[i].name);
}

/* What may stand behind a command, by the words that its usage has: a list, or what a controller
 * that answers knows, column `column` of a command's table. */
static const struct {
	const char *args, *path; /* path NULL: any */
	const char *list, *command;
	unsigned column;
} completion_args[] = {
    {"NAME", "agents forget", "", "agents", 1},
    {"NAME", "agents go-on", "", "agents", 1},
    {"NAME", "agents show", "", "agents", 1},
    {"SWITCH|all", NULL, "all", "agents", 1},
    {"FINGERPRINT", NULL, "", "agents", 2},
    {"ID", NULL, "", "captures", 1},
    {"NAME [refresh|confirm]", NULL, "refresh confirm", "feeds", 1},
    {"bash|zsh", NULL, "bash zsh", NULL, 0},
};

static void
completion_case(const struct words *word, FILE *file)
{
	fprintf(file, "\t'%s '*) list='", word->path);
	completion_options(word->options | GLOBAL, file);
	for (size_t i = 0; i < sizeof completion_args / sizeof *completion_args; i++) {
		if (strcmp(word->args, completion_args[i].args) != 0 ||
		    (completion_args[i].path && strcmp(word->path, completion_args[i].path) != 0))
			continue;
		fprintf(file, " %s'", completion_args[i].list);
		if (completion_args[i].command)
			fprintf(file, " ask='%s %u'", completion_args[i].command,
			    completion_args[i].column);
		fputs(" ;;\n", file);
		return;
	}
	fputs("' ;;\n", file);
}

static const char completion_head[] =
    "_finderscopectl_column()\n{\n"
    "\tfinderscopectl \"$1\" 2>/dev/null |\n"
    "\t    awk -v n=\"$2\" 'NR > 1 && $n ~ /^[A-Za-z0-9]/ { print $n }'\n}\n"
    "_finderscopectl()\n{\n"
    "\tlocal cur=\"$2\" before='' word list='' ask=''\n"
    "\tfor word in \"${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}\"; do\n"
    "\t\tcase \"$word\" in -*) ;; *) before=\"$before$word \" ;; esac\n"
    "\tdone\n"
    "\tcase \"$word\" in\n"
    "\t--on) before='--on ' ;;\n"
    "\t--from) before='--from ' ;;\n"
    "\tesac\n"
    "\tcase \"$before\" in\n"
    "\t'--on ') list='edge all' ask='agents 1' ;;\n"
    "\t'--from ') ask='agents 1' ;;\n";

static const char completion_tail[] =
    "\tesac\n"
    "\tcase \"$cur\" in -*) ask='' ;; esac\n"
    "\t[ -z \"$ask\" ] || list=\"$list $(_finderscopectl_column ${ask% *} ${ask#* })\"\n"
    "\tCOMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n}\n"
    "complete -F _finderscopectl finderscopectl\n";

/* One function for both shells (zsh reads it through bashcompinit): the words so far, without
 * options, choose the list. Commands of two words stand before the one that is their first. */
int
words_completion(const char *shell, FILE *file)
{
	char names[WORDS_LIST_MAX][16], more[16][16];
	size_t count = list_words(NULL, names, WORDS_LIST_MAX);
	bool zsh = strcmp(shell, "zsh") == 0;

	if (!zsh && strcmp(shell, "bash") != 0)
		return -EINVAL;
	fprintf(file, "%s\n# Made by: finderscopectl completion %s\n",
	    zsh ? "#compdef finderscopectl" : "# bash completion of finderscopectl", shell);
	if (zsh)
		fputs("autoload -U +X bashcompinit && bashcompinit\n", file);
	fputs(completion_head, file);
	fputs("\t'') list='", file);
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%s%s", i ? " " : "", names[i]);
	completion_options(GLOBAL, file);
	fputs("' ;;\n", file);
	for (const struct words *w = table; w->path; w++)
		if (strchr(w->path, ' '))
			completion_case(w, file);
	for (size_t i = 0; i < count; i++) {
		const struct words *word = table;
		size_t n = list_words(names[i], more, 16);

		while (word->path && strcmp(word->path, names[i]) != 0)
			word++;
		if (word->path && n == 0) {
			completion_case(word, file);
			continue;
		}
		fprintf(file, "\t'%s ') list='", names[i]);
		for (size_t j = 0; j < n; j++)
			fprintf(file, "%s ", more[j]);
		completion_options(GLOBAL | (word->path ? word->options : 0), file);
		fputs("' ;;\n", file);
	}
	fputs(completion_tail, file);
	/* zsh reads the file when it is wanted for the first time, and wants an answer then. */
	if (zsh)
		fputs("[ -z \"${compstate+there}\" ] || _bash_complete -F _finderscopectl\n", file);
	return 0;
}
