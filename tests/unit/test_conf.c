/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "common/base/conf.h"

static const char *const modes[] = {"capture", "alert", NULL};
static const struct conf_option feed[] = {
    {.name = "url", .type = CONF_STRING, .required = true},
    {.name = "interval",
	.type = CONF_DURATION,
	.preset = "1h",
	.min = 60 * CLK_S,
	.max = 86400 * CLK_S},
    {.type = CONF_END},
};
static const struct conf_option limits[] = {
    {.name = "rules", .type = CONF_NUMBER, .preset = "64", .min = 1, .max = 4096},
    {.name = "rate", .type = CONF_RATE, .preset = "1G"},
    {.type = CONF_END},
};
static const struct conf_option options[] = {
    {.name = "listen", .type = CONF_ENDPOINT, .preset = "0.0.0.0:6343"},
    {.name = "local", .type = CONF_PREFIX, .list = true, .preset = "10.0.0.0/8, 192.168.0.0/16"},
    {.name = "buffer", .type = CONF_SIZE, .preset = "32M", .min = 4096, .max = INT64_C(1) << 30},
    {.name = "mode", .type = CONF_WORD, .words = modes, .preset = "capture"},
    {.name = "peer", .type = CONF_ADDR},
    {.name = "text", .type = CONF_STRING},
    {.name = "on", .type = CONF_BOOL, .preset = "no"},
    {.name = "dir", .type = CONF_PATH, .preset = "/var/lib"},
    {.name = "feed", .type = CONF_SECTION, .titled = true, .options = feed},
    {.name = "limits", .type = CONF_SECTION, .options = limits},
    {.type = CONF_END},
};

static void
reads_values_and_defaults(void **state)
{
	static const char text[] = "# a comment\n"
				   "/* over\n lines */\n"
				   "listen = [2001:db8::1]:6344 // why\n"
				   "local = {10.1.0.0/16, \"2001:db8::/32\"}\n"
				   "mode = alert\n"
				   "text = \"a \\\"b\\\" # no comment\"\n"
				   "feed \"one\" { url = \"http://x/y#frag\"\n interval = 2h }\n"
				   "feed two { url = 'file:///z' }\n";
	char error[CONF_ERROR_MAX];
	struct conf *conf;
	uint16_t port;

	(void)state;
	if (conf_parse("t.conf", text, options, &conf, error) != 0)
		fail_msg("%s", error);
	const struct conf_section *root = conf_root(conf);
	struct addr addr = conf_get_endpoint(root, "listen", 0, &port);
	assert_int_equal(port, 6344);
	assert_int_equal(addr.family, 6);
	assert_int_equal(conf_count(root, "local"), 2);
	assert_int_equal(conf_get_prefix(root, "local", 1).len, 32);
	assert_int_equal(conf_get_word(root, "mode", 0), 1);
	assert_string_equal(conf_get_text(root, "text", 0), "a \"b\" # no comment");
	assert_int_equal(conf_get_number(root, "buffer", 0), 32 << 20);
	assert_int_equal(conf_get_addr(root, "peer", 0).family, 0);
	assert_int_equal(conf_count(root, "feed"), 2);
	const struct conf_section *one = conf_get_section(root, "feed", 0);
	assert_string_equal(conf_title(one), "one");
	assert_string_equal(conf_get_text(one, "url", 0), "http://x/y#frag");
	assert_int_equal(conf_get_number(one, "interval", 0), 7200 * CLK_S);
	assert_int_equal(
	    conf_get_number(conf_get_section(root, "feed", 1), "interval", 0), 3600 * CLK_S);
	const struct conf_section *lim = conf_get_section(root, "limits", 0);
	assert_int_equal(conf_get_number(lim, "rate", 0), 1000000000);
	conf_error_at(one, "interval", 0, error, "is %s", "odd");
	assert_string_equal(error, "t.conf:9: interval: is odd");
	conf_free(&conf);
	assert_null(conf);
}

static void
says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"# x\n/* y\n */\nlisten = nowhere",
		"t:4: listen: \"nowhere\" is not an address and a port"},
	    {"listen = ::1:80", "t:1: listen: \"::1:80\" is not an address and a port"},
	    {"lisen = 1", "t:1: there is no setting \"lisen\"; did you mean \"listen\"?"},
	    {"\n\nzzzzzz = 1", "t:3: there is no setting \"zzzzzz\" here; there are: listen local"},
	    {"feed x {\n ulr = y }", "t:2: there is no setting \"ulr\"; did you mean \"url\"?"},
	    {"feed x { interval = 60 \n url = y }", "t:1: interval: \"60\" is not a duration"},
	    {"feed x { interval = 1s \n url = y }", "t:1: interval: 1s is out of range; 1m to 1d"},
	    {"\nfeed x {\n}", "t:3: feed \"x\": the setting \"url\" is missing"},
	    {"feed x { url = y }\nfeed x { url = z }", "t:2: a section \"x\" is there already; each title comes once"},
	    {"mode = capture\nmode = alert", "t:2: mode: it is set already"},
	    {"local = {10.0.0.0/8}\nlocal = {11.0.0.0/8}", "t:2: local: it is set already"},
	    {"limits { }\nlimits { }", "t:2: limits: this section is there already"},
	    {"mode = shadow", "t:1: mode: \"shadow\" is not one of: capture, alert"},
	    {"local = {10.0.0.0/33}", "t:1: local: \"10.0.0.0/33\" is not an address or prefix"},
	    {"buffer = 1K", "t:1: buffer: 1K is out of range; 4K to 1G"},
	    {"buffer = 010", "t:1: buffer: 010 is out of range"}, /* ten, not eight */
	    {"buffer = 99999999999999999999", "t:1: buffer: 99999999999999999999 is out of range"},
	    {"on = maybe", "t:1: on: \"maybe\" is not yes or no"},
	    {"dir = here", "t:1: dir: \"here\" is not a path that begins with /"},
	    {"text = \"${HOME}\"", "t:1: ${ } is not expanded here"},
	    {"text = ${HOME}", "t:1: ${ } is not expanded here"},
	    {"text = \"\\x24{HOME}\"", "t:1: text: there is a control character or ${"},
	    {"text = swp+", "t:1: a + needs quotation marks"},
	    {"text = \"a\nb\"", "t:1: the quotation mark has no partner on this line"},
	    {"feed x {\n url = y\n", "t:1: the brace that is opened here is not closed"},
	    {"}", "t:1: there is a closing brace too many"},
	    {"/* x", "t:1: the comment that begins here has no end"},
	    {"text = a\x01", "t:1: there is a control character"},
	    {"\x01 = a", "t:1: there is a control character"},
	    {"\"\\x01\" = a", "t:1: it cannot be read"},
	    {"\"zzz\\n\\e\" = a", "t:1: there is no setting \"zzz??\" here"},
	    {"feed \"a\\nb\" { url = u }", "t:1: feed \"a?b\": there is a control character or ${"},
	    {"text = \"\\n\"", "t:1: text: there is a control character"},
	    {"listen", "t:1: premature end of file"},
	};
	char error[CONF_ERROR_MAX];
	struct conf *conf;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int r = conf_parse("t", cases[i].text, options, &conf, error);

		if (r == 0 || strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("\"%s\": %d \"%s\", wanted \"%s\"", cases[i].text, r, error,
			    cases[i].error);
	}
}

struct text {
	char bytes[4096];
	size_t n;
};

static void
append(void *user, const char *piece)
{
	struct text *text = user;

	text->n +=
	    (size_t)snprintf(text->bytes + text->n, sizeof text->bytes - text->n, "%s", piece);
}

static void
prints_what_it_reads(void **state)
{
	static const char source[] = "text = 'a \"quoted\" \\ thing'\nlocal = {}\n"
				     "feed \"o ne\" { url = \"swp+\" }\nlimits { rules = 7 }\n";
	struct text first = {.n = 0}, second = {.n = 0};
	char error[CONF_ERROR_MAX];
	struct conf *conf;

	(void)state;
	assert_int_equal(conf_parse("a", source, options, &conf, error), 0);
	assert_int_equal(conf_count(conf_root(conf), "local"), 0);
	conf_print(conf, append, &first);
	conf_free(&conf);
	if (conf_parse("b", first.bytes, options, &conf, error) != 0)
		fail_msg("%s in\n%s", error, first.bytes);
	assert_int_equal(
	    conf_get_number(conf_get_section(conf_root(conf), "limits", 0), "rules", 0), 7);
	assert_int_equal(conf_count(conf_root(conf), "local"), 0);
	conf_print(conf, append, &second);
	conf_free(&conf);
	assert_string_equal(first.bytes, second.bytes);
	assert_non_null(strstr(first.bytes, "rate = \"1G\""));
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void
reads_a_folder_and_secrets(void **state)
{
	char dir[] = "/tmp/finderscope-conf-XXXXXX", main_file[64], folder[64], a[64], b[64],
	     secret[64];
	char error[CONF_ERROR_MAX], text[64];
	struct conf *conf;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(main_file, sizeof main_file, "%s/c.conf", dir);
	snprintf(folder, sizeof folder, "%s/c.d", dir);
	snprintf(a, sizeof a, "%s/c.d/a.conf", dir);
	snprintf(b, sizeof b, "%s/c.d/b.conf", dir);
	snprintf(secret, sizeof secret, "%s/key", dir);
	write_file(main_file, "mode = alert\nfeed x { url = u }\n", 0644);
	assert_int_equal(mkdir(folder, 0755), 0);
	write_file(a, "feed y { url = v }\n", 0644);
	assert_int_equal(conf_load(main_file, options, &conf, error), 0);
	assert_int_equal(conf_count(conf_root(conf), "feed"), 2);
	conf_free(&conf);
	write_file(b, "\nmode = capture\n", 0644);
	assert_int_equal(conf_load(main_file, options, &conf, error), -EINVAL);
	assert_non_null(strstr(error, "b.conf:2: mode: it is set already"));
	assert_int_equal(conf_load("/nonexistent/x.conf", options, &conf, error), -ENOENT);

	write_file(secret, "s3cret\n", 0644);
	assert_int_equal(conf_read_secret(secret, text, sizeof text, error), -EPERM);
	assert_non_null(strstr(error, "chmod 600"));
	chmod(secret, 0600);
	assert_int_equal(conf_read_secret(secret, text, sizeof text, error), 0);
	assert_string_equal(text, "s3cret\n");
	unlink(secret);
	unlink(b);
	unlink(a);
	rmdir(folder);
	unlink(main_file);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_values_and_defaults),
	    cmocka_unit_test(says_what_is_wrong_and_where),
	    cmocka_unit_test(prints_what_it_reads),
	    cmocka_unit_test(reads_a_folder_and_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
