#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The wall clock set back a year, and on two: no rule's deadline notices. In a User-mode Linux guest (tests/lab/uml), for
# there is only one such clock on a machine.
#   tests/lab/71-uml-clock.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
# The sanitizers' flavour shares the guest's modules with the plain one.
plain=${build%/san}
said=$(tests/lab/uml/run -t 240 "$plain" tests/lab/uml/guest-clock 2>&1)
status=$?
if [ $status -eq 77 ]; then
	echo "1..0 # SKIP no guest: $(echo "$said" | tail -n 1)"
	exit 0
fi
echo "$said"
[ $status -eq 0 ]
