/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/wire/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
set_caps(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
	    {.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
	    {.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* While CAP_SETPCAP is still there; without it the bounding set stays as it was given to us, which
 * no-new-privileges makes harmless. */
static void
shrink_bounds(uint64_t keep)
{
	for (int cap = 0; cap < 64; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_READ, cap) == 1)
			(void)prctl(PR_CAPBSET_DROP, cap);
}

int
jail_drop_exec(uint64_t keep)
{
	/* No SECBIT_NOROOT: it is by being root that the executed program gets what is kept. Under
	 * no-new-privileges it can get no more than this process has. */
	shrink_bounds(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	int r = set_caps(keep);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

int
jail_drop(uid_t uid, gid_t gid, uint64_t keep)
{
	shrink_bounds(keep);
	(void)prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* In a user namespace of one's own setgroups is forbidden; then there are none to drop. */
	if (setgroups(0, NULL) < 0 && getgroups(0, NULL) > 0 && uid != getuid())
		return -errno;
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	int r = set_caps(keep);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* Every process: memory, its own descriptors, time, signals, the end. */
static const int calls_all[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
    SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(mmap),
    SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall), SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(sendmmsg),
    SCMP_SYS(getrandom), SCMP_SYS(tgkill), SCMP_SYS(sched_yield), SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list), SCMP_SYS(fcntl), SCMP_SYS(uname), SCMP_SYS(prlimit64),
    SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity)};

/* rules: sockets of libiptc, its files, the child that asks the extension. */
static const int calls_rules[] = {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(socketpair),
    SCMP_SYS(pipe2), SCMP_SYS(flock), SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statfs),
    SCMP_SYS(fstatfs), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(getdents64),
    SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(wait4),
    SCMP_SYS(kill), SCMP_SYS(ioctl), SCMP_SYS(readlink), SCMP_SYS(dup2), SCMP_SYS(dup3),
    SCMP_SYS(fchmod), SCMP_SYS(umask), SCMP_SYS(setpgid)};

/* main: the loop, the channel's TCP, netlink, notifications. */
static const int calls_main[] = {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(socketpair), SCMP_SYS(shutdown), SCMP_SYS(accept4), SCMP_SYS(pipe2), SCMP_SYS(pipe),
    SCMP_SYS(eventfd2), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_create), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
#ifdef __NR_epoll_pwait2 /* headers before Linux 5.11 lack it, and the libc beside them its use */
    SCMP_SYS(epoll_pwait2),
#endif
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(signalfd4), SCMP_SYS(clone),
    SCMP_SYS(clone3), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(kill), SCMP_SYS(openat),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(ioctl), SCMP_SYS(getdents64), SCMP_SYS(prctl), SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_send_signal), SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch),
    SCMP_SYS(statx), SCMP_SYS(pread64), SCMP_SYS(statfs), SCMP_SYS(fstatfs)};

static int
allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
		/* A call that this architecture does not have needs no rule. */
		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

#ifdef __SANITIZE_ADDRESS__
/*
 * The leak check at the end stops its own process from a helper that traces it; in here that helper
 * cannot live, and its parent would wait for it for ever. A process in its jail is not checked.
 */
static bool jailed;

int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return jailed;
}
#define JAILED() (jailed = true)
#else
#define JAILED() ((void)0)
#endif

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

int
jail_seccomp(enum jail_role role)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!ctx)
		return -ENOMEM;
	r = allow(ctx, calls_all, COUNT(calls_all));
	switch (role) {
	case JAIL_MAIN:
		r = r < 0 ? r : allow(ctx, calls_main, COUNT(calls_main));
		break;
	case JAIL_RULES:
		r = r < 0 ? r : allow(ctx, calls_rules, COUNT(calls_rules));
		break;
	case JAIL_MIRROR:
		break;
	}
	if (r >= 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r >= 0)
		JAILED();
	return r;
}
