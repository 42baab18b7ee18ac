/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded sFlow: UDP payloads out of pcap and pcapng files (libpcap), or a file that is one
 * datagram. For the decode command and for replays.
 */
#ifndef CONTROLLER_RECEIVE_RECORDING_H
#define CONTROLLER_RECEIVE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

#define RECORDING_ERROR_MAX 300

struct recording;

struct recording_datagram {
	const uint8_t *bytes; /* valid until the next call */
	size_t length;
	bool cut;         /* the capture holds less of it than was sent */
	struct addr from; /* no address in a raw file */
	int64_t wall_ns;  /* when it was captured; 0 in a raw file */
	uint64_t number;  /* of the frame in the capture, from 1 */
};

/*
 * Opens a file; in a capture UDP datagrams to `port` (0: any port) are sFlow. 0, or negative errno
 * and one line in `error`.
 */
int recording_open(const char *path, uint16_t port, char error[RECORDING_ERROR_MAX],
    struct recording **ret_recording);
void recording_free(struct recording **recording);

/* 1 and the next datagram, 0 at the end, negative errno (and `error`) when the file is damaged. */
int recording_next(struct recording *recording, char error[RECORDING_ERROR_MAX],
    struct recording_datagram *ret_datagram);

#endif
