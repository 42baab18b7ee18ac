#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Attached hosts on an EVPN leaf, in a User-mode Linux guest: bridge, VLANs, VRF and VXLAN are the kernel's own.
#   tests/lab/72-uml-hosts.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
said=$(tests/lab/uml/run -t 240 "${1:-build}" tests/lab/uml/guest-hosts 2>&1)
status=$?
if [ $status -eq 77 ]; then
	echo "1..0 # SKIP no guest: $(echo "$said" | tail -n 1)"
	exit 0
fi
sed -E '/^(ok|not ok|1\.\.)/!s/^/# /' <<<"$said"
exit $status
