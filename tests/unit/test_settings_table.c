/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of settings by itself: presets are good values, words are those of the rooms, and the
 * example tells of every setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/decide/policy.h"
#include "controller/feeds/format.h"
#include "controller/settings/settings_table.h"

static const struct conf_option *
find(const struct conf_option *options, const char *name)
{
	for (; options->type != CONF_END; options++)
		if (strcmp(options->name, name) == 0)
			return options;
	fail_msg("no setting %s", name);
	abort();
}

/* Given as it stands in the table, each preset is read as a value within its limits. */
static unsigned
presets(const struct conf_option *options, const char *section)
{
	unsigned count = 0;

	for (const struct conf_option *o = options; o->type != CONF_END; o++) {
		char text[512], error[CONF_ERROR_MAX];
		struct conf_option one[] = {*o, {.type = CONF_END}};
		struct conf *conf;

		if (o->type == CONF_SECTION) {
			assert_true(o->titled);
			count += presets(o->options, o->name);
			continue;
		}
		for (const struct conf_option *k = options; k < o; k++)
			assert_string_not_equal(k->name, o->name);
		assert_false(o->required && o->preset);
		if (!o->preset)
			continue;
		snprintf(text, sizeof text, o->list ? "%s = {%s}\n" : "%s = \"%s\"\n", o->name,
		    o->preset);
		if (conf_parse(section, text, one, &conf, error) < 0)
			fail_msg("%s", error);
		conf_free(&conf);
		count++;
	}
	return count;
}

static void
presets_are_good_values(void **state)
{
	(void)state;
	assert_true(presets(settings_table, "top") > 30);
}

static void
words_are_those_of_the_rooms(void **state)
{
	const struct conf_option *feed = find(settings_table, "feed")->options,
				 *policy = find(settings_table, "policy")->options;
	const char *const *words = find(feed, "format")->words;
	enum format format;
	unsigned n = 0;

	(void)state;
	for (; words[n]; n++) {
		assert_int_equal(format_parse_name(words[n], &format), 0);
		assert_int_equal(format, n);
	}
	assert_null(format_name((enum format)n));
	words = find(policy, "mode")->words;
	for (n = 0; words[n]; n++)
		assert_string_equal(policy_mode_name((enum policy_mode)n), words[n]);
	words = find(policy, "where")->words;
	for (n = 0; words[n]; n++)
		assert_string_equal(policy_where_name((enum policy_where)n), words[n]);
	words = find(policy, "scanner")->words;
	for (n = 0; words[n]; n++)
		assert_string_equal(policy_scanner_name((enum policy_scanner)n), words[n]);
}

static void
stands_in_example(const struct conf_option *options, const char *text)
{
	for (; options->type != CONF_END; options++) {
		char needle[80];
		const char *p = text;
		bool found = false;

		if (options->type == CONF_SECTION) {
			char commented[80];

			snprintf(needle, sizeof needle, "\n%s \"", options->name);
			snprintf(commented, sizeof commented, "\n#%s \"", options->name);
			assert_true(strstr(text, needle) || strstr(text, commented));
			stands_in_example(options->options, text);
			continue;
		}
		snprintf(needle, sizeof needle, "%s = ", options->name);
		while (!found && (p = strstr(p, needle))) {
			found = p == text || strchr("#\t\n", p[-1]) != NULL;
			p++;
		}
		if (!found)
			fail_msg("the example says nothing of %s", options->name);
	}
}

static void
the_example_tells_of_every_setting(void **state)
{
	FILE *file = fopen("packaging/examples/controller.conf", "r");
	char *text = calloc(1, 65536);

	(void)state;
	assert_true(file && text);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	stands_in_example(settings_table, text);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(presets_are_good_values),
	    cmocka_unit_test(words_are_those_of_the_rooms),
	    cmocka_unit_test(the_example_tells_of_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
