/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * controller.conf: the example as it is and with every commented setting taken in, what is printed
 * read again, snippets of the folder, keys, and each error with file, line and what would be right
 * (tests/golden/conf; GOLDEN_UPDATE=1 writes the errors anew).
 */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "common/base/keys.h"
#include "controller/settings/settings.h"

#define EXAMPLE "packaging/examples/controller.conf"
#define TEXT_MAX 65536

struct text {
	char bytes[TEXT_MAX];
	size_t n;
};

static void
append(void *user, const char *piece)
{
	struct text *text = user;
	size_t size = strlen(piece);

	assert_true(text->n + size < sizeof text->bytes);
	memcpy(text->bytes + text->n, piece, size + 1);
	text->n += size;
}

static char *
slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, TEXT_MAX);

	if (!file)
		fail_msg("%s is not there", path);
	assert_non_null(text);
	assert_true(fread(text, 1, TEXT_MAX - 1, file) < TEXT_MAX - 1);
	fclose(file);
	return text;
}

static void
spill(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static struct settings *
parse(const char *text)
{
	char error[CONF_ERROR_MAX];
	struct settings *settings;

	if (settings_parse("t.conf", text, &settings, error) < 0)
		fail_msg("%s in\n%s", error, text);
	return settings;
}

/* What is printed is read again, and then prints the same. */
static void
prints_the_same(const char *text)
{
	struct text *once = calloc(1, sizeof *once), *twice = calloc(1, sizeof *twice);
	struct settings *settings = parse(text);

	assert_true(once && twice);
	settings_print(settings, append, once);
	settings_free(&settings);
	settings = parse(once->bytes);
	settings_print(settings, append, twice);
	settings_free(&settings);
	assert_null(settings);
	assert_string_equal(once->bytes, twice->bytes);
	free(once);
	free(twice);
}

/* Is it "#name = value" or a tab and that? The place of the mark. */
static char *
commented(char *line)
{
	char *mark = line + strspn(line, "\t"), *p = mark + 1;

	if (*mark != '#')
		return NULL;
	p += strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return p > mark + 1 && strncmp(p, " = ", 3) == 0 ? mark : NULL;
}

static void
the_example_is_good(void **state)
{
	struct settings *settings;
	char *text = slurp(EXAMPLE);

	(void)state;
	settings = parse(text);
	assert_int_equal(settings->feeds.feed_count, 2);
	assert_string_equal(settings->feeds.feeds[0].name, "spamhaus-drop");
	assert_true(settings->feeds.feeds[0].interval_ns == 12 * 3600 * CLK_S);
	assert_true(settings->feeds.feeds[0].floor_ns == 3600 * CLK_S);
	assert_true(settings->feeds.feeds[1].floor_ns == 60 * CLK_S);
	assert_true(settings->feeds.feeds[1].may_be_empty);
	assert_int_equal(settings->feeds.local_count, 4);
	assert_string_equal(settings->feeds.cache_dir, "/var/lib/finderscope/feeds");
	assert_string_equal(settings->state_dir, "/var/lib/finderscope");
	assert_string_equal(settings->agents.url, "tcp://*:6344");
	/* Switches are accepted, or stand there; the one of the example is commented out. */
	assert_int_equal(settings->policy.switch_count, 0);
	assert_int_equal(settings->policy.analyser_count, 1);
	assert_true(settings->policy.analysers[0].soft_bps == 500000000);
	assert_int_equal(settings->policy.policy_count, 1);
	assert_true(settings->policy.policies[0].idle_ns == 120 * CLK_S);
	settings_free(&settings);
	prints_the_same(text);
	free(text);
}

/* One by one and all of them: what the example says of each setting is true. */
static void
every_commented_setting_of_the_example_is_one(void **state)
{
	char *text = slurp(EXAMPLE), *all = slurp(EXAMPLE), *p;
	unsigned count = 0;

	(void)state;
	for (p = all; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		char *mark = commented(p), *one;
		struct settings *settings;

		if (!mark)
			continue;
		one = strdup(text);
		one[mark - all] = ' ';
		settings = parse(one);
		settings_free(&settings);
		free(one);
		*mark = ' ';
		count++;
	}
	prints_the_same(all);
	print_message("# %u settings taken in\n", count);
	assert_true(count > 40);
	free(text);
	free(all);
}

static void
odd_texts_survive_printing(void **state)
{
	(void)state;
	prints_the_same("locals = {}\n");
	prints_the_same("locals = {\"fd00::/8\", 10.1.2.3/8}\nlisten = {[::1]:6343, 0.0.0.0:1}\n"
			"allow = {}\ncontrol = [2001:db8::1]:7000\n"
			"feed \"a.b-c_d\" { url = \"https://u:p@h/x?a=b&c='d'#e\" }\n"
			"feed b { url = 'file:///a\\\\b%20c' floor = 90s max_size = 1K }\n"
			"analyser x { address = 2001:db8::9 soft = 1500 }\n"
			"policy \"p\" { analyser = x cooldown = {} idle = 1h30m rate = 2500K }\n");
}

static void
errors_name_file_line_and_what_would_be_right(void **state)
{
	bool update = getenv("GOLDEN_UPDATE") != NULL;
	unsigned count = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("tests/golden/conf/*.conf", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *path = files.gl_pathv[i], golden[512], error[CONF_ERROR_MAX] = "",
		     *text = slurp(path), *want;
		struct settings *settings;

		if (settings_parse(basename(path), text, &settings, error) == 0)
			fail_msg("%s is taken", path);
		free(text);
		strncat(error, "\n", sizeof error - strlen(error) - 1);
		snprintf(golden, sizeof golden, "tests/golden/conf/%.*s.error",
		    (int)(strlen(basename(path)) - 5), basename(path));
		if (update)
			spill(golden, error, 0644);
		want = slurp(golden);
		assert_string_equal(error, want);
		free(want);
		count++;
	}
	globfree(&files);
	assert_true(count > 30);
}

static void
reads_the_folder_beside_it(void **state)
{
	char folder[] = "/tmp/finderscope-settings.XXXXXX", path[64], command[128],
	     error[CONF_ERROR_MAX];
	struct text *text = calloc(1, sizeof *text);
	struct settings *settings;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/controller.conf", folder);
	spill(path, "locals = {10.0.0.0/8}\nfeed \"one\" { url = \"file:///one\" }\n", 0644);
	snprintf(path, sizeof path, "%s/controller.d", folder);
	assert_int_equal(mkdir(path, 0755), 0);
	/* In order of name; a policy may name what another file has. */
	snprintf(path, sizeof path, "%s/controller.d/10-policy.conf", folder);
	spill(path, "policy \"p\" { feeds = {one, two} analyser = a }\n", 0644);
	snprintf(path, sizeof path, "%s/controller.d/20-feeds.conf", folder);
	spill(path, "feed \"two\" { url = \"file:///two\" }\nanalyser a { address = 192.0.2.9 }\n",
	    0644);
	/* Neither hidden files nor those of editors and packages. */
	snprintf(path, sizeof path, "%s/controller.d/.hidden.conf", folder);
	spill(path, "nonsense\n", 0644);
	snprintf(path, sizeof path, "%s/controller.d/20-feeds.conf~", folder);
	spill(path, "nonsense\n", 0644);
	snprintf(path, sizeof path, "%s/controller.d/30.conf.dpkg-new", folder);
	spill(path, "nonsense\n", 0644);
	snprintf(path, sizeof path, "%s/controller.conf", folder);
	if (settings_load(path, false, &settings, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(settings->feeds.feed_count, 2);
	assert_string_equal(settings->feeds.feeds[1].url, "file:///two");
	assert_int_equal(settings->policy.policies[0].feed_count, 2);
	settings_print(settings, append, text);
	settings_free(&settings);
	prints_the_same(text->bytes);
	/* An error in a snippet bears the snippet's name. */
	snprintf(path, sizeof path, "%s/controller.d/40-wrong.conf", folder);
	spill(path, "\nfeed \"three\" {\n\turl = \"file:///3\"\n\tinterval = fast\n}\n", 0644);
	snprintf(path, sizeof path, "%s/controller.conf", folder);
	assert_int_equal(settings_load(path, false, &settings, error), -EINVAL);
	assert_non_null(strstr(error, "controller.d/40-wrong.conf:4: interval: \"fast\""));
	snprintf(path, sizeof path, "%s/controller.d/40-wrong.conf", folder);
	spill(path, "\nfeed \"one\" {\n\turl = \"file:///3\"\n}\n", 0644);
	snprintf(path, sizeof path, "%s/controller.conf", folder);
	assert_int_equal(settings_load(path, false, &settings, error), -EINVAL);
	assert_non_null(strstr(error, "40-wrong.conf:2: "));
	assert_non_null(strstr(error, "a section \"one\" is there already"));
	assert_int_equal(settings_load("/nonexistent/c.conf", false, &settings, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/c.conf: cannot be opened: No such file"));
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	free(text);
}

static void
key_files_are_there_and_nobody_elses(void **state)
{
	char folder[] = "/tmp/finderscope-settings.XXXXXX", path[64], key[64], command[128],
	     text[256], want[160], error[CONF_ERROR_MAX];
	struct settings *settings;
	struct keys_pair pair;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/controller.conf", folder);
	snprintf(key, sizeof key, "%s/controller.key", folder);
	snprintf(text, sizeof text, "locals = {10.0.0.0/8}\n\nkey = %s\n", key);
	spill(path, text, 0644);
	snprintf(want, sizeof want, "%s:3: key: %s: ", path, key);
	/* Who only checks needs none. */
	assert_int_equal(settings_load(path, false, &settings, error), 0);
	settings_free(&settings);
	assert_int_equal(settings_load(path, true, &settings, error), -ENOENT);
	assert_memory_equal(error, want, strlen(want));
	assert_non_null(strstr(error, "finderscopectl genkey makes a key"));
	spill(key, "rubbish\n", 0600);
	assert_int_equal(settings_load(path, true, &settings, error), -EINVAL);
	assert_memory_equal(error, want, strlen(want));
	assert_non_null(strstr(error, "holds no key"));
	assert_int_equal(unlink(key), 0);
	assert_int_equal(keys_init(), 0);
	keys_generate(&pair);
	assert_int_equal(keys_save(key, &pair, error, sizeof error), 0);
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(settings_load(path, true, &settings, error), -EPERM);
	assert_memory_equal(error, want, strlen(want));
	assert_non_null(strstr(error, "chmod 600"));
	assert_int_equal(chmod(key, 0600), 0);
	if (settings_load(path, true, &settings, error) < 0)
		fail_msg("%s", error);
	assert_memory_equal(&settings->agents.keys, &pair, sizeof pair);
	settings_free(&settings);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_is_good),
	    cmocka_unit_test(every_commented_setting_of_the_example_is_one),
	    cmocka_unit_test(odd_texts_survive_printing),
	    cmocka_unit_test(errors_name_file_line_and_what_would_be_right),
	    cmocka_unit_test(reads_the_folder_beside_it),
	    cmocka_unit_test(key_files_are_there_and_nobody_elses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
