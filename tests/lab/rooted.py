# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the root of a chroot a mount of its own and runs a command in it: `ip netns` and mounts that nobody else sees
# need one. Called in a mount namespace of its own, as root.
#   rooted.py COMMAND...
import ctypes
import os
import sys

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, flags):
    if libc.mount(source.encode(), target.encode(), None, flags, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


here = os.getcwd()
root = os.open("/", os.O_PATH)
place = os.open("/mnt", os.O_PATH)
# Out to the machine's root, whose mounts must not carry ours to anybody: a chroot with the working directory left
# outside of it holds nobody.
os.chroot("/mnt")
while os.stat("..").st_ino != os.stat(".").st_ino or os.stat("..").st_dev != os.stat(".").st_dev:
    os.chdir("..")
os.chroot(".")
mount("none", "/", MS_REC | MS_PRIVATE)
mount(f"/proc/self/fd/{root}", f"/proc/self/fd/{place}", MS_BIND | MS_REC)
os.fchdir(root)
os.chroot("mnt")
os.chdir(here)
os.execvp(sys.argv[1], sys.argv[1:])
