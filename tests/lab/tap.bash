# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Test results as TAP, for scripts. Sourced.
tap_count=0 tap_failed=0

# tap TEXT COMMAND…: a test; its output only when it failed.
tap()
{
	local text=$1 out
	shift
	tap_count=$((tap_count + 1))
	if out=$("$@" 2>&1); then
		echo "ok $tap_count - $text"
		return 0
	fi
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $text"
	[ -z "$out" ] || echo "$out" | tail -n 15 | sed 's/^/#   /'
	return 1
}

# tap_says TEXT PATTERN COMMAND…: the command's output, both streams, matches (grep -E), whatever its status.
tap_says()
{
	local text=$1 pattern=$2
	shift 2
	tap "$text" tap_match "$pattern" "$@"
}

tap_match()
{
	local pattern=$1 out
	shift
	out=$("$@" 2>&1)
	grep -qE -- "$pattern" <<<"$out" && return 0
	echo "expected /$pattern/, got:"
	echo "$out"
	return 1
}

# tap_done: the plan; the status of the whole.
tap_done()
{
	echo "1..$tap_count"
	[ $tap_failed -eq 0 ]
}
