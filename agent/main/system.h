/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What machine this is, read from files; for people at the controller. `root` is "/" but in tests.
 */
#ifndef AGENT_MAIN_SYSTEM_H
#define AGENT_MAIN_SYSTEM_H

#include <stddef.h>

/* The kernel's id of this boot; "" where it cannot be read. */
void system_boot_id(char *boot, size_t size);

/* "Cumulus Linux 5.9.1, Linux 6.1.0-cl-1-amd64": os-release(5) and uname(2). */
void system_name(const char *root, char *name, size_t size);

/* The switching ASIC where it can be known from the PCI bus; "" else. */
void system_asic(const char *root, char *asic, size_t size);

/*
 * How many pairs of ERSPAN source and destination that ASIC takes, by its vendor's documentation
 * and by how switchd.conf has ACLs updated; the lower number where that is not all that decides. 0:
 * another ASIC, or none.
 */
unsigned system_destinations(const char *root);

#endif
