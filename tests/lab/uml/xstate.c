/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded before linux.uml (LD_PRELOAD) so that it runs on processors with AMX. User-mode Linux 6.1
 * keeps 2,696 bytes of a process's floating-point state; the host's kernel takes back the whole of
 * it, 11,008 bytes there, or nothing (EFAULT), and the guest's first process dies. So a set of a
 * part becomes: read all, write the part over it, set all.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

static long (*real)(enum __ptrace_request, pid_t, void *, void *);
/* Not on the stack: the guest's kernel stacks are small. One thread traces. */
static unsigned char whole[64 * 1024] __attribute__((aligned(64)));

static long
set_part(pid_t pid, void *kind, const struct iovec *part)
{
	struct iovec all = {.iov_base = whole, .iov_len = sizeof whole};

	if (real(PTRACE_GETREGSET, pid, kind, &all) < 0)
		return -1;
	if (part->iov_len >= all.iov_len) {
		errno = EFAULT;
		return -1;
	}
	memcpy(whole, part->iov_base, part->iov_len);
	return real(PTRACE_SETREGSET, pid, kind, &all);
}

long
ptrace(enum __ptrace_request request, ...)
{
	va_list args;

	va_start(args, request);
	pid_t pid = va_arg(args, pid_t);
	void *addr = va_arg(args, void *), *data = va_arg(args, void *);
	va_end(args);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ptrace");
	long r = real(request, pid, addr, data);
	if (r < 0 && errno == EFAULT && request == PTRACE_SETREGSET &&
	    addr == (void *)NT_X86_XSTATE)
		return set_part(pid, addr, data);
	return r;
}
