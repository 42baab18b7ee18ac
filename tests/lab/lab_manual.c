/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manual against the tables of the programs: every setting of controller.conf and agent.conf
 * stands in finderscope.conf(5) with its type, default and range, every command of finderscopectl
 * and every option of a command in finderscopectl(1), and none stands there that does not exist.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/main/agent_conf.h"
#include "common/base/clk.h"
#include "common/base/result.h"
#include "controller/ctl/words.h"
#include "controller/settings/settings_table.h"

#define CONF_PAGE "packaging/man/finderscope.conf.5"
#define CTL_PAGE "packaging/man/finderscopectl.1"
#define LINES_MAX 4000
#define LINE_MAX_BYTES 512

struct page {
	char line[LINES_MAX][LINE_MAX_BYTES];
	unsigned count;
};

static void
read_page(const char *path, struct page *page)
{
	FILE *file = fopen(path, "re");

	page->count = 0;
	if (file == NULL)
		fail_msg("%s cannot be read", path);
	while (page->count < LINES_MAX && fgets(page->line[page->count], LINE_MAX_BYTES, file)) {
		page->line[page->count][strcspn(page->line[page->count], "\n")] = '\0';
		page->count++;
	}
	fclose(file);
	assert_true(page->count > 0 && page->count < LINES_MAX);
}

static bool
begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* The lines between one heading (".Sh X", ".Ss Y") and the next of its kind or a higher one. */
static void
part_of(const struct page *page, const char *heading, unsigned *ret_from, unsigned *ret_to)
{
	bool sub = begins(heading, ".Ss");
	unsigned i = 0, j;

	while (i < page->count && strcmp(page->line[i], heading) != 0)
		i++;
	if (i == page->count)
		fail_msg("the heading \"%s\" is missing", heading);
	for (j = i + 1; j < page->count; j++)
		if (begins(page->line[j], ".Sh ") || begins(page->line[j], ".Ss ")) {
			if (sub || begins(page->line[j], ".Sh "))
				break;
			/* The settings of a section have a heading of their own. */
			break;
		}
	*ret_from = i + 1;
	*ret_to = j;
}

/* The last line of an entry. */
static const char *
last_line(const struct page *page, unsigned item, unsigned to)
{
	unsigned i = item + 1;

	while (i < to && !begins(page->line[i], ".It ") && !begins(page->line[i], ".El"))
		i++;
	return page->line[i - 1];
}

static const char *const type_names[] = {
    [CONF_STRING] = "text",
    [CONF_BOOL] = "yes | no",
    [CONF_NUMBER] = "number",
    [CONF_DURATION] = "duration",
    [CONF_SIZE] = "size",
    [CONF_RATE] = "rate",
    [CONF_ADDR] = "address",
    [CONF_PREFIX] = "prefix",
    [CONF_ENDPOINT] = "address:port",
    [CONF_PATH] = "path",
};

static void
type_text(const struct conf_option *option, char *text, size_t size)
{
	size_t n = 0;

	if (option->type == CONF_WORD)
		for (unsigned i = 0; option->words[i] && n < size; i++)
			n += (size_t)snprintf(
			    text + n, size - n, "%s%s", i ? " | " : "", option->words[i]);
	else if (option->list)
		snprintf(text, size, "{%s, ...}", type_names[option->type]);
	else
		snprintf(text, size, "%s", type_names[option->type]);
}

static void
scaled(int64_t value, int64_t base, char *text, size_t size)
{
	static const char units[] = " KMGT";
	unsigned unit = 0;

	while (value && value % base == 0 && unit < 4) {
		value /= base;
		unit++;
	}
	snprintf(text, size, "%lld%.*s", (long long)value, unit > 0, &units[unit]);
}

static void
limit_text(const struct conf_option *option, int64_t value, char *text, size_t size)
{
	int64_t seconds = value / CLK_S;

	if (option->type == CONF_SIZE)
		scaled(value, 1024, text, size);
	else if (option->type == CONF_RATE)
		scaled(value, 1000, text, size);
	else if (option->type != CONF_DURATION || value == 0)
		snprintf(text, size, "%lld", (long long)value);
	else if (value % CLK_S)
		snprintf(text, size, "%lldms", (long long)(value / CLK_MS));
	else if (seconds % 86400 == 0)
		snprintf(text, size, "%lldd", (long long)seconds / 86400);
	else if (seconds % 3600 == 0)
		snprintf(text, size, "%lldh", (long long)seconds / 3600);
	else if (seconds % 60 == 0)
		snprintf(text, size, "%lldm", (long long)seconds / 60);
	else
		snprintf(text, size, "%llds", (long long)seconds);
}

/* What the last line of the entry must say. */
static void
default_text(const struct conf_option *option, char *text, size_t size)
{
	char from[32], to[32];
	size_t n;

	if (option->required)
		n = (size_t)snprintf(text, size, "Required");
	else if (option->preset)
		n = (size_t)snprintf(text, size, "Default: %s%s%s", option->list ? "{" : "",
		    option->preset, option->list ? "}" : "");
	else
		n = (size_t)snprintf(text, size, "Not set by default");
	if (option->min || option->max) {
		limit_text(option, option->min, from, sizeof from);
		limit_text(option, option->max, to, sizeof to);
		n += (size_t)snprintf(text + n, size - n, "; from %s to %s", from, to);
	}
	snprintf(text + n, size - n, ".");
}

static unsigned
check_settings(const struct page *page, const char *heading, const struct conf_option *options)
{
	unsigned from, to, item, wrong = 0;
	char type[128], want[256];

	part_of(page, heading, &from, &to);
	for (const struct conf_option *o = options; o->type != CONF_END; o++) {
		if (o->type == CONF_SECTION)
			continue;
		type_text(o, type, sizeof type);
		snprintf(want, sizeof want, ".It Ic %s Ar %s", o->name, type);
		for (item = from; item < to; item++)
			if (strcmp(page->line[item], want) == 0)
				break;
		if (item == to) {
			fprintf(stderr, "# %s lacks: %s\n", heading, want);
			wrong++;
		}
		default_text(o, want, sizeof want);
		if (item == to || strcmp(last_line(page, item, to), want) != 0) {
			fprintf(stderr, "# %s, %s: the last line should be: %s\n", heading, o->name,
			    want);
			wrong++;
		}
	}
	for (item = from; item < to; item++) {
		const struct conf_option *o = options;
		char name[64] = "";

		if (sscanf(page->line[item], ".It Ic %63s", name) != 1)
			continue;
		while (
		    o->type != CONF_END && (o->type == CONF_SECTION || strcmp(o->name, name) != 0))
			o++;
		if (o->type == CONF_END) {
			fprintf(stderr, "# %s: there is no setting %s\n", heading, name);
			wrong++;
		}
	}
	return wrong;
}

static void
settings_stand_in_the_manual(void **state)
{
	static struct page page;
	unsigned wrong = 0;

	(void)state;
	read_page(CONF_PAGE, &page);
	wrong += check_settings(&page, ".Sh CONTROLLER.CONF", settings_table);
	for (const struct conf_option *o = settings_table; o->type != CONF_END; o++) {
		char heading[96];

		if (o->type != CONF_SECTION)
			continue;
		snprintf(heading, sizeof heading, ".Ss The section %s", o->name);
		wrong += check_settings(&page, heading, o->options);
	}
	wrong += check_settings(&page, ".Sh AGENT.CONF", agent_conf_options());
	assert_int_equal(wrong, 0);
}

/* Options that each command takes are told of once. */
static bool
is_global(enum ctl_option option)
{
	return option == CTL_OPT_SOCKET || option == CTL_OPT_JSON || option == CTL_OPT_HELP ||
	       option == CTL_OPT_VERSION;
}

static void
option_text(const struct words_option *option, char *text, size_t size)
{
	snprintf(text, size, "Fl -%s%s%s", option->name + 2, option->value ? " Ar " : "",
	    option->value ? option->value : "");
}

static unsigned
check_command(const struct page *page, unsigned from, unsigned to, const struct words *word)
{
	char want[256], option[96];
	unsigned item, end, wrong = 0;

	snprintf(want, sizeof want, ".It Ic %s%s%s", word->path, word->args[0] ? " Ar " : "",
	    word->args);
	for (item = from; item < to && strcmp(page->line[item], want) != 0; item++)
		;
	if (item == to) {
		fprintf(stderr, "# missing: %s\n", want);
		return 1;
	}
	for (end = item + 1; end < to && !begins(page->line[end], ".It Ic "); end++)
		;
	for (unsigned i = 0; i < CTL_OPT_MAX; i++) {
		bool takes = word->options & UINT32_C(1) << i, there = false;

		if (is_global((enum ctl_option)i))
			continue;
		option_text(words_option((enum ctl_option)i), option, sizeof option);
		snprintf(want, sizeof want, ".Op %s", option);
		for (unsigned j = item; j < end; j++)
			there |= strcmp(page->line[j], want) == 0;
		if (there != takes) {
			fprintf(stderr, "# %s: %s %s\n", word->path,
			    takes ? "missing:" : "takes no", want);
			wrong++;
		}
	}
	return wrong;
}

static void
words_stand_in_the_manual(void **state)
{
	static struct page page;
	unsigned from, to, wrong = 0, commands = 0;
	char want[256];

	(void)state;
	read_page(CTL_PAGE, &page);
	part_of(&page, ".Sh COMMANDS", &from, &to);
	for (const struct words *w = words_table(); w->path; w++, commands++)
		wrong += check_command(&page, from, to, w);
	for (unsigned i = from; i < to; i++)
		commands -= begins(page.line[i], ".It Ic ");
	assert_int_equal(commands, 0);

	part_of(&page, ".Sh OPTIONS", &from, &to);
	for (unsigned i = 0; i < CTL_OPT_MAX; i++) {
		unsigned item;

		snprintf(want, sizeof want, ".It ");
		option_text(words_option((enum ctl_option)i), want + 4, sizeof want - 4);
		for (item = from; item < to && strcmp(page.line[item], want) != 0; item++)
			;
		if (item == to) {
			fprintf(stderr, "# OPTIONS lacks: %s\n", want);
			wrong++;
		}
	}
	commands = CTL_OPT_MAX;
	for (unsigned i = from; i < to; i++)
		commands -= begins(page.line[i], ".It Fl ");
	assert_int_equal(commands, 0);
	assert_int_equal(wrong, 0);
}

static void
codes_stand_in_the_manual(void **state)
{
	static struct page page;
	unsigned from, to, lines = 0, codes = 0;
	char want[256];
	bool there;

	(void)state;
	read_page("packaging/man/finderscope-events.5", &page);
	part_of(&page, ".Sh CODES", &from, &to);
	for (unsigned i = from; i < to; i++)
		lines += begins(page.line[i], ".It ");
	for (int code = 0; code < 1000; code++) {
		if (strcmp(result_name(code), "UNKNOWN") == 0)
			continue;
		snprintf(want, sizeof want, ".It %d Ta %s Ta %s", code, result_name(code),
		    result_text(code));
		there = false;
		for (unsigned i = from; i < to; i++)
			there |= strcmp(page.line[i], want) == 0;
		if (!there)
			fail_msg("missing: %s", want);
		codes++;
	}
	assert_int_equal(lines, codes);
}

#define KEYS_MAX 512
struct keys {
	char name[KEYS_MAX][32];
	bool seen[KEYS_MAX];
	unsigned count;
};

static unsigned
add_key(struct keys *keys, const char *name)
{
	unsigned i = 0;

	while (i < keys->count && strcmp(keys->name[i], name) != 0)
		i++;
	if (i == keys->count && i < KEYS_MAX)
		snprintf(keys->name[keys->count++], 32, "%s", name);
	return i;
}

/* The words of .Va lines, with or without .It. */
static void
manual_keys(const struct page *page, unsigned from, unsigned to, struct keys *keys)
{
	char line[LINE_MAX_BYTES], *rest, *word;

	for (unsigned i = from; i < to; i++) {
		bool item = begins(page->line[i], ".It Va ");

		if (!item && !begins(page->line[i], ".Va "))
			continue;
		snprintf(line, sizeof line, "%s", page->line[i] + (item ? 7 : 4));
		rest = line;
		while ((word = strsep(&rest, " ")))
			if (strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(word))
				add_key(keys, word);
	}
}

static unsigned
see_keys(const json_t *value, struct keys *keys, const char *file)
{
	const char *key;
	json_t *inner;
	size_t index;
	unsigned wrong = 0, known = keys->count, at;

	if (json_is_array(value))
		json_array_foreach(value, index, inner) wrong += see_keys(inner, keys, file);
	json_object_foreach((json_t *)(uintptr_t)value, key, inner)
	{
		at = add_key(keys, key);
		keys->seen[at] = true;
		if (at >= known) {
			fprintf(stderr, "# %s: the key \"%s\" is not in the manual\n", file, key);
			wrong++;
			known = keys->count;
		}
		/* Names of counters are not promised. */
		if (strcmp(key, "counters") != 0)
			wrong += see_keys(inner, keys, file);
	}
	return wrong;
}

/* A golden file of events has an object a line; one of an error has a line of text before it. */
static unsigned
see_file(const char *path, struct keys *keys)
{
	static char text[262144];
	FILE *file = fopen(path, "re");
	size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
	const char *at;
	unsigned wrong = 0;
	json_t *value;

	if (file)
		fclose(file);
	text[size] = '\0';
	at = text[0] == '{' ? text : strstr(text, "\n{");
	value = at ? json_loads(at, 0, NULL) : NULL;
	if (value == NULL && strstr(path, "/events.json"))
		return 0;
	if (value == NULL) {
		fprintf(stderr, "# %s is not one JSON value\n", path);
		return 1;
	}
	wrong = see_keys(value, keys, path);
	json_decref(value);
	return wrong;
}

static void
json_keys_stand_in_the_manual(void **state)
{
	static struct page page;
	static struct keys keys;
	/* Without a controller there are no golden files of them: test_cmd_keys sees to these. */
	static const char *const others[] = {"secret", "public", "fingerprint", "file"};
	unsigned wrong = 0, promised, from, to;
	glob_t files;

	(void)state;
	read_page(CTL_PAGE, &page);
	part_of(&page, ".Sh JSON", &from, &to);
	manual_keys(&page, from, to, &keys);
	promised = keys.count;
	assert_int_equal(glob("tests/golden/ctl/*.json", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		wrong += see_file(files.gl_pathv[i], &keys);
	globfree(&files);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		keys.seen[add_key(&keys, others[i])] = true;
	for (unsigned i = 0; i < promised; i++)
		if (!keys.seen[i]) {
			fprintf(stderr, "# the manual has the key \"%s\", no output has\n",
			    keys.name[i]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

static void
event_keys_stand_in_the_manual(void **state)
{
	static struct page page;
	static struct keys keys;
	unsigned wrong = 0;
	glob_t files;

	(void)state;
	read_page("packaging/man/finderscope-events.5", &page);
	manual_keys(&page, 0, page.count, &keys);
	assert_int_equal(glob("tests/golden/events/*.json", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		wrong += see_file(files.gl_pathv[i], &keys);
	globfree(&files);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(settings_stand_in_the_manual),
	    cmocka_unit_test(words_stand_in_the_manual),
	    cmocka_unit_test(codes_stand_in_the_manual),
	    cmocka_unit_test(json_keys_stand_in_the_manual),
	    cmocka_unit_test(event_keys_stand_in_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
