# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of which a part runs in a User-mode Linux guest. Sourced; the caller has $out, a folder of its own.

# uml_guest SECONDS BUILD_DIR GUEST: boots, runs tests/lab/uml/GUEST in it; what it said is in $said, its status in $status.
# Ends the script with a word where no guest can be had.
uml_guest()
{
	# shellcheck disable=SC2154 # the caller's
	said=$(tests/lab/uml/run -t "$1" -o "$out" "$2" "tests/lab/uml/$3" 2>&1)
	status=$?
	if [ $status -eq 77 ]; then
		echo "1..0 # SKIP no guest: $(echo "$said" | tail -n 1)"
		exit 0
	fi
}

number=0 failed=0
# take TEXT: the guest's tests, numbered on
take()
{
	local line
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			number=$((number + 1))
			echo "${line%%ok *}ok $number - ${line#* - }"
			[[ $line == ok* ]] || failed=$((failed + 1))
			;;
		1..*) ;;
		*) echo "# $line" ;;
		esac
	done <<<"$1"
}
# check NAME COMMAND…
check()
{
	local name=$1 why
	shift
	number=$((number + 1))
	if why=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		while IFS= read -r line; do echo "# $line"; done <<<"$why"
	fi
}
