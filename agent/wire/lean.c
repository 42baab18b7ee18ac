/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/wire/lean.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE (64 << 10) /* bytes of an allocation that gets pages of its own */

void
lean_begin(void)
{
	/* glibc raises both limits with each large block that is freed, and keeps megabytes then
	 * (mallopt(3), M_MMAP_THRESHOLD). */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE);
}

/* A segment that nobody may write holds what its file does, and comes from there again. */
static int
let_go(struct dl_phdr_info *object, size_t size, void *user)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)user;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + segment->p_vaddr;
		uintptr_t to = from + segment->p_filesz;

		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		from -= from % page;
		/* Refused for the vDSO, which is the kernel's. */
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void
lean_settle(void)
{
	lean_trim();
	(void)dl_iterate_phdr(let_go, NULL);
}

void
lean_trim(void)
{
	(void)malloc_trim(0);
}
