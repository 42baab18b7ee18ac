/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What machine this is, read from a tree of files made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/main/system.h"

static char root[64];

static void
put(const char *path, const char *text)
{
	char whole[512];

	snprintf(whole, sizeof whole, "%s%s", root, path);
	for (char *p = whole + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(whole, 0755);
	}
	FILE *f = fopen(whole, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/finderscope-system.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", root);
	return system(command);
}

static void
test_name(void **state)
{
	char name[64];

	(void)state;
	system_name(root, name, sizeof name);
	assert_int_equal(strncmp(name, "Linux, Linux ", 13), 0);
	put("/etc/os-release", "NAME=\"Cumulus Linux\"\nNOT_PRETTY_NAME=x\n"
			       "PRETTY_NAME=\"Cumulus Linux 5.9.1\"\nID=cumulus-linux\n");
	system_name(root, name, sizeof name);
	assert_int_equal(strncmp(name, "Cumulus Linux 5.9.1, Linux ", 27), 0);
	put("/etc/os-release", "PRETTY_NAME=Plain");
	system_name(root, name, sizeof name);
	assert_int_equal(strncmp(name, "Plain, Linux ", 13), 0);
}

static void
test_asic(void **state)
{
	char asic[48];

	(void)state;
	system_asic(root, asic, sizeof asic);
	assert_string_equal(asic, "");
	put("/sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n");
	put("/sys/bus/pci/devices/0000:00:00.0/device", "0xcb84\n");
	system_asic(root, asic, sizeof asic);
	assert_string_equal(asic, "");
	put("/sys/bus/pci/devices/0000:03:00.0/vendor", "0x15b3\n");
	put("/sys/bus/pci/devices/0000:03:00.0/device", "0xcf6c\n");
	system_asic(root, asic, sizeof asic);
	assert_string_equal(asic, "Spectrum-2");
	put("/sys/bus/pci/devices/0000:03:00.0/vendor", "0x14e4\n");
	put("/sys/bus/pci/devices/0000:03:00.0/device", "0xb854\n");
	system_asic(root, asic, sizeof asic);
	assert_string_equal(asic, "Broadcom Trident2");
}

static void
asic_is(const char *vendor, const char *device)
{
	put("/sys/bus/pci/devices/0000:01:00.0/vendor", vendor);
	put("/sys/bus/pci/devices/0000:01:00.0/device", device);
}

static void
test_destinations(void **state)
{
	static const struct {
		const char *vendor, *device;
		unsigned atomic, non_atomic;
	} cases[] = {{"0x14e4\n", "0xb854\n", 2, 2}, {"0x15b3\n", "0xcb84\n", 1, 3},
	    {"0x15b3\n", "0xcf6c\n", 4, 4}, {"0x15b3\n", "0xcf80\n", 4, 4},
	    {"0x8086\n", "0x1533\n", 0, 0}};

	(void)state;
	assert_int_equal(system_destinations(root), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		asic_is(cases[i].vendor, cases[i].device);
		put("/etc/cumulus/switchd.conf", "");
		assert_int_equal(system_destinations(root), cases[i].atomic);
		put("/etc/cumulus/switchd.conf",
		    "# one\n#acl.non_atomic_update_mode = TRUE\nacl.non_atomic_update_mode = "
		    "FALSE\nacl.non_atomic_update_mode_x = TRUE\n");
		assert_int_equal(system_destinations(root), cases[i].atomic);
		put("/etc/cumulus/switchd.conf",
		    "arp.next_hops = TRUE\n\n  acl.non_atomic_update_mode=true\nx = 1\n");
		assert_int_equal(system_destinations(root), cases[i].non_atomic);
	}
}

static void
test_boot_id(void **state)
{
	char boot[40];

	(void)state;
	system_boot_id(boot, sizeof boot);
	assert_int_equal(strlen(boot), 36);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_name), TEST(test_asic), TEST(test_destinations), TEST(test_boot_id)};

	return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
