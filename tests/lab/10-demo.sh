#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The demo, each of its promises a test.
# sanitizers: yes
exec "$(dirname "$0")/demo" "$1" --tap
