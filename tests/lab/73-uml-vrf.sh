#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent in the management VRF, as finderscope-agent@mgmt starts it (ip vrf exec): in a User-mode Linux guest, whose
# kernel knows VRFs. What the guest's analyser recorded is judged by tshark out here.
#   tests/lab/73-uml-vrf.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/uml.bash
. tests/lab/uml.bash
build=${1:-build}
out=$(mktemp -d "${TMPDIR:-/tmp}/finderscope-vrf.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT

uml_guest 60 "${build%/san}" guest-vrf
copies() { [ "$(tshark -r "$out/vrf.pcap" -Y 'erspan and icmp' 2>/dev/null | wc -l)" -eq 20 ]; }
take "$said"
check "the guest ran to its end" [ $status -eq 0 ]
check "all copies came to the analyser, by the default VRF" copies
echo "1..$number"
[ $failed -eq 0 ]
