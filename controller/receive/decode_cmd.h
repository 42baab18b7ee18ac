/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `finderscope-controller decode`: what recorded sFlow says, as JSON lines. */
#ifndef CONTROLLER_RECEIVE_DECODE_CMD_H
#define CONTROLLER_RECEIVE_DECODE_CMD_H

/*
 * argv[0] is "decode". Prints to stdout. The exit status: 0 when every datagram was at least a
 * datagram, 1 when one was not or a file is damaged, 2 when a file cannot be opened or the words
 * are wrong.
 */
int decode_cmd_main(int argc, char *argv[]);

#endif
