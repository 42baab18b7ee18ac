/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/system.h"

#include <dirent.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PATH_ROOM 320

/* A small file's text; "" when it cannot be read. */
static void
read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void
system_boot_id(char *boot, size_t size)
{
	read_text("/proc/sys/kernel/random/boot_id", boot, size);
	boot[strcspn(boot, "\n")] = '\0';
}

/* The value of KEY= in os-release: perhaps in quotes, no escapes that anybody uses. */
static bool
os_value(const char *text, const char *key, char *value, size_t size)
{
	size_t n = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		const char *from = line + n + 1;
		bool quoted = *from == '"' || *from == '\'';
		size_t len = quoted ? strcspn(from + 1, "\"'\n") : strcspn(from, "\n");
		snprintf(value, size, "%.*s", (int)len, from + quoted);
		return true;
	}
	return false;
}

void
system_name(const char *root, char *name, size_t size)
{
	char path[PATH_ROOM], text[2048], pretty[64] = "Linux";
	struct utsname uts;

	snprintf(path, sizeof path, "%s/etc/os-release", root);
	read_text(path, text, sizeof text);
	(void)os_value(text, "PRETTY_NAME", pretty, sizeof pretty);
	if (uname(&uts) < 0)
		snprintf(name, size, "%s", pretty);
	else
		snprintf(name, size, "%s, %s %.40s", pretty, uts.sysname, uts.release);
}

/*
 * PCI vendors and devices of switching ASICs (pci.ids). Mellanox Spectrum generations are single
 * devices; Broadcom's are families whose numbers begin alike.
 */
static const struct asic {
	unsigned vendor, device, mask;
	const char *name;
	/* Pairs of ERSPAN source and destination: while ACLs are updated atomically, and not. */
	unsigned destinations, destinations_non_atomic;
} asics[] = {{0x15b3, 0xcb84, 0xffff, "Spectrum", 1, 3},
    {0x15b3, 0xcf6c, 0xffff, "Spectrum-2", 4, 4}, {0x15b3, 0xcf70, 0xffff, "Spectrum-3", 4, 4},
    {0x15b3, 0xcf80, 0xffff, "Spectrum-4", 4, 4},
    {0x14e4, 0xb840, 0xfff0, "Broadcom Trident", 2, 2},
    {0x14e4, 0xb850, 0xfff0, "Broadcom Trident2", 2, 2},
    {0x14e4, 0xb860, 0xfff0, "Broadcom Trident2+", 2, 2},
    {0x14e4, 0xb870, 0xfff0, "Broadcom Trident3", 2, 2},
    {0x14e4, 0xb960, 0xfff0, "Broadcom Tomahawk", 2, 2},
    {0x14e4, 0xb970, 0xfff0, "Broadcom Tomahawk2", 2, 2},
    {0x14e4, 0xb980, 0xfff0, "Broadcom Tomahawk3", 2, 2}};

static unsigned
read_id(const char *device, const char *name)
{
	char path[PATH_ROOM * 2 + 16], text[16];

	snprintf(path, sizeof path, "%s/%s", device, name);
	read_text(path, text, sizeof text);
	return (unsigned)strtoul(text, NULL, 16);
}

void
system_asic(const char *root, char *asic, size_t size)
{
	char folder[PATH_ROOM], path[PATH_ROOM * 2];
	struct dirent *entry;
	DIR *dir;

	asic[0] = '\0';
	snprintf(folder, sizeof folder, "%s/sys/bus/pci/devices", root);
	dir = opendir(folder);
	if (!dir)
		return;
	while (!asic[0] && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%.255s", folder, entry->d_name);
		unsigned vendor = read_id(path, "vendor"), device = read_id(path, "device");
		for (size_t i = 0; i < sizeof asics / sizeof asics[0]; i++)
			if (vendor == asics[i].vendor &&
			    (device & asics[i].mask) == asics[i].device)
				snprintf(asic, size, "%s", asics[i].name);
	}
	closedir(dir);
}

/* switchd.conf(5) of Cumulus: "acl.non_atomic_update_mode = TRUE". */
static bool
is_non_atomic(const char *root)
{
	static const char key[] = "acl.non_atomic_update_mode";
	char path[PATH_ROOM], text[16384];

	snprintf(path, sizeof path, "%s/etc/cumulus/switchd.conf", root);
	read_text(path, text, sizeof text);
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += strspn(line, "\n \t");
		if (strncmp(line, key, sizeof key - 1) != 0)
			continue;
		const char *value = line + sizeof key - 1;
		value += strspn(value, " \t");
		if (*value++ == '=')
			return strncasecmp(value + strspn(value, " \t"), "TRUE", 4) == 0;
	}
	return false;
}

unsigned
system_destinations(const char *root)
{
	char asic[48];

	system_asic(root, asic, sizeof asic);
	for (size_t i = 0; i < sizeof asics / sizeof asics[0]; i++)
		if (strcmp(asic, asics[i].name) == 0)
			return is_non_atomic(root) ? asics[i].destinations_non_atomic
						   : asics[i].destinations;
	return 0;
}
