/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.conf: the example is good, its comments tell the defaults, and what is wrong is told at its
 * line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/main/agent_conf.h"

#define EXAMPLE "packaging/examples/agent.conf"
#define KEY "mWb5cxWc9AbVsl1y7JJQkuHYVBM9mYYu/wDdfVQT5gE="
#define GOOD "controller = \"tcp://192.0.2.10:6344\"\ncontroller_key = \"" KEY "\"\n"

static char path[64], error[CONF_ERROR_MAX];

static int
load(const char *text, struct agent_conf *conf)
{
	snprintf(path, sizeof path, "/tmp/finderscope-conf.XXXXXX");
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	error[0] = '\0';
	int r = agent_conf_load(path, conf, error);
	unlink(path);
	return r;
}

struct text {
	char bytes[16384];
	size_t n;
};

static void
take(void *user, const char *piece)
{
	struct text *t = user;

	t->n += (size_t)snprintf(t->bytes + t->n, sizeof t->bytes - t->n, "%s", piece);
	assert_true(t->n < sizeof t->bytes);
}

/* The example, as it is or with every commented setting in force. */
static void
read_example(char *text, size_t size, bool uncomment)
{
	FILE *f = fopen(EXAMPLE, "re");
	char line[512];
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		const char *from = line;
		/* "#name = value"; "# words" are words. */
		if (uncomment && line[0] == '#' && line[1] != ' ' && strstr(line, " = "))
			from = line + 1;
		n += (size_t)snprintf(text + n, size - n, "%s", from);
	}
	fclose(f);
	assert_true(n < size);
}

static void
test_example(void **state)
{
	static char text[16384];
	static struct text plain, whole;
	struct agent_conf conf;

	(void)state;
	plain.n = whole.n = 0;
	read_example(text, sizeof text, false);
	assert_int_equal(load(text, &conf), 0);
	conf_print(conf.tree, take, &plain);
	agent_conf_done(&conf);
	read_example(text, sizeof text, true);
	assert_int_equal(load(text, &conf), 0);
	conf_print(conf.tree, take, &whole);
	agent_conf_done(&conf);
	/* What has no default is the only difference. */
	char *line = strtok(whole.bytes, "\n");
	unsigned more = 0;
	for (; line; line = strtok(NULL, "\n")) {
		if (strstr(plain.bytes, line))
			continue;
		more++;
		assert_true(strncmp(line, "name = ", 7) == 0 || strncmp(line, "source", 6) == 0);
	}
	assert_int_equal(more, 3);
}

static void
test_values(void **state)
{
	struct agent_conf c;

	(void)state;
	assert_int_equal(load("controller = \"tcp://[2001:db8::10]:7000\"\n"
			      "controller_key = {\"" KEY "\", \"" KEY "\"}\n"
			      "target = tee\nbackend = cl-acltool\nposition = first\n"
			      "max_rate = 3G\nlook = 250ms\nsnap_length = 128\ndscp = 63\n"
			      "source = 10.0.0.11\nsource6 = fd00::11\ninterface = \"eth+\"\n",
			     &c),
	    0);
	assert_string_equal(c.controller, "tcp://[2001:db8::10]:7000");
	assert_int_equal(c.controller_key_count, 2);
	assert_int_equal(c.rules.target, WIRE_TARGET_TEE);
	assert_int_equal(c.rules.backend, WIRE_BACKEND_ACLTOOL);
	assert_true(c.rules.first);
	assert_int_equal(c.rules.switch_bps, 3000000000U);
	assert_int_equal(c.rules.tick_ms, 250);
	assert_int_equal(c.rules.snap, 128);
	assert_int_equal(c.rules.dscp, 63);
	assert_int_equal(c.rules.source4.family, 4);
	assert_int_equal(c.rules.source6.family, 6);
	assert_string_equal(c.rules.iface, "eth+");
	/* The controller is never captured. */
	assert_int_equal(c.rules.protects, 1);
	assert_int_equal(c.rules.protect[0].family, 6);
	agent_conf_done(&c);
	assert_int_equal(load(GOOD, &c), 0);
	assert_true(c.name[0] != '\0');
	assert_string_equal(c.key_file, "/etc/finderscope/agent.key");
	assert_int_equal(c.rules.dscp, 0);
	agent_conf_done(&c);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"controller_key = \"" KEY "\"\n", "controller"},
	    {"controller = \"tcp://192.0.2.10:6344\"\n", "controller_key"},
	    {"controller = \"192.0.2.10:6344\"\ncontroller_key = \"" KEY "\"\n",
		":1: controller: \"192.0.2.10:6344\" is no address of a controller; like "
		"tcp://192.0.2.10:6344"},
	    {"controller = \"tcp://analysis:6344\"\ncontroller_key = \"" KEY "\"\n",
		":1: controller"},
	    {"controller = \"tcp://192.0.2.10:6344\"\ncontroller_key = \"short\"\n",
		":2: controller_key: no public key"},
	    {"controller = \"tcp://192.0.2.10:6344\"\ncontroller_key = {\"" KEY "\", \"" KEY
	     "\", \"" KEY "\"}\n",
		"one public key, or two"},
	    {GOOD "source = fd00::1\n", ":3: source: an IPv6 address; that is source6"},
	    {GOOD "source6 = 10.0.0.1\n", ":3: source6: an IPv4 address; that is source"},
	    {GOOD "interface = \"swp 1\"\n", ":3: interface: "},
	    {GOOD "max_rules = 0\n", ":3: "},
	    {GOOD "look = 10ms\n", ":3: "},
	    {GOOD "target = erspam\n", ":3: "},
	    {GOOD "colour = red\n", ":3: "},
	    {GOOD "key = relative.key\n", ":3: "},
	    {GOOD "snap_length = 65536\n", ":3: "},
	    {GOOD "dscp = 64\n", ":3: "},
	    {GOOD "dscp = -1\n", ":3: "},
	    {GOOD "table = \"a table whose name is too long for the kernel\"\n", "too long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct agent_conf c;

		assert_true(load(cases[i].text, &c) < 0);
		if (!strstr(error, cases[i].says))
			fail_msg("case %zu says %s", i, error);
	}
	struct agent_conf c;
	assert_int_equal(agent_conf_load("/nowhere/agent.conf", &c, error), -ENOENT);
	assert_non_null(strstr(error, "/nowhere/agent.conf"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_example),
	    cmocka_unit_test(test_values), cmocka_unit_test(test_errors)};

	return cmocka_run_group_tests_name("agent_conf", tests, NULL, NULL);
}
