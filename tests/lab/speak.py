#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends UDP from several addresses at a steady rate, late packets made up for: ping's own pace depends on the machine.

speak.py TO BYTES PER_SECOND FROM...     BYTES: of payload; PER_SECOND: from each address
"""
import socket
import sys
import time

to, size, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sockets = []
for address in sys.argv[4:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 0))
    sockets.append(s)
begin, sent = time.monotonic(), 0
while True:
    for s in sockets:
        s.sendto(b"x" * size, (to, 4000))
    sent += 1
    time.sleep(max(0, begin + sent / rate - time.monotonic()))
