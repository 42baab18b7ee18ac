# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian tree that containers are booted from: a bare system, what our packages need, systemd; none of ours. Sourced.

# tree_name BUILD_DIR: the tar that it is kept in, by what the packages of BUILD_DIR/deb need.
tree_name()
{
	local needs
	needs=$(for deb in "$1"/deb/finderscope*_*.deb; do dpkg-deb -f "$deb" Package Depends; done | sha256sum | head -c 12)
	echo "$1/fresh/system-$needs.tar"
}

# tree_make BUILD_DIR: it is there afterwards, in $tree; false where it cannot be had.
tree_make()
{
	tree=$(tree_name "$1")
	mkdir -p "$1/fresh"
	[ -s "$tree" ] || tests/fresh/packages "$1" >"$1/fresh/system.log" 2>&1
	[ -s "$tree" ]
}

# machine ROOT NAME NSPAWN_OPTION…: boots what is unpacked in ROOT; returns when it has ended.
machine()
{
	local root=$1 name=$2
	shift 2
	systemd-nspawn -q -D "$root" --register=no --keep-unit --link-journal=no --resolv-conf=off --timezone=off \
	    -M "$name" "$@" --boot </dev/null
}
