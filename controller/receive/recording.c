/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded sFlow; see recording.h. */
#include "controller/receive/recording.h"

#include <errno.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/cursor.h"
#include "controller/receive/packet.h"

#define RAW_MAX 65535

struct recording {
	pcap_t *pcap; /* NULL: a raw file */
	int link;
	uint16_t port;
	uint64_t frames;
	size_t raw_length;
	bool raw_left;
	uint8_t raw[RAW_MAX];
};

/* The first four bytes of pcap (both orders, micro- and nanoseconds) and pcapng files. */
static bool
is_capture(uint32_t magic)
{
	switch (magic) {
	case 0xa1b2c3d4:
	case 0xd4c3b2a1:
	case 0xa1b23c4d:
	case 0x4d3cb2a1:
	case 0x0a0d0d0a:
		return true;
	default:
		return false;
	}
}

/* Reads the whole of a raw file, or opens the capture on it; the stream is closed or pcap's. */
static int
start(struct recording *recording, FILE *file, const char *path, char *error)
{
	recording->raw_length = fread(recording->raw, 1, RAW_MAX, file);
	if (ferror(file)) {
		int r = -errno;
		snprintf(error, RECORDING_ERROR_MAX, "%s: %s", path, strerror(-r));
		fclose(file);
		return r < 0 ? r : -EIO;
	}
	if (recording->raw_length < 4 || !is_capture(cursor_load32(recording->raw))) {
		bool more = fgetc(file) != EOF;
		fclose(file);
		if (more) {
			snprintf(error, RECORDING_ERROR_MAX,
			    "%s: neither a capture nor one datagram (over %d bytes)", path,
			    RAW_MAX);
			return -EINVAL;
		}
		recording->raw_left = true;
		return 0;
	}
	char text[PCAP_ERRBUF_SIZE];
	rewind(file);
	recording->pcap =
	    pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
	if (recording->pcap == NULL) {
		snprintf(error, RECORDING_ERROR_MAX, "%s: %s", path, text);
		fclose(file);
		return -EINVAL;
	}
	recording->link = pcap_datalink(recording->pcap);
	switch (recording->link) {
	case DLT_EN10MB:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
		return 0;
	default:
		snprintf(error, RECORDING_ERROR_MAX,
		    "%s: captures of link type %d are not read; Ethernet, raw IP, loopback and "
		    "Linux cooked ones are",
		    path, recording->link);
		return -EINVAL;
	}
}

int
recording_open(const char *path, uint16_t port, char error[RECORDING_ERROR_MAX],
    struct recording **ret_recording)
{
	struct recording *recording = calloc(1, sizeof *recording);
	if (recording == NULL) {
		snprintf(error, RECORDING_ERROR_MAX, "%s: out of memory", path);
		return -ENOMEM;
	}
	recording->port = port;
	FILE *file = fopen(path, "rbe");
	int r = file == NULL ? -errno : start(recording, file, path, error);
	if (r < 0) {
		if (file == NULL)
			snprintf(error, RECORDING_ERROR_MAX, "%s: %s", path, strerror(-r));
		recording_free(&recording);
		return r;
	}
	*ret_recording = recording;
	return 0;
}

void
recording_free(struct recording **recording)
{
	if (*recording != NULL && (*recording)->pcap != NULL)
		pcap_close((*recording)->pcap);
	free(*recording);
	*recording = NULL;
}

/* Takes the link's header off; the header protocol of what is behind it, 0 when that is no IP. */
static uint32_t
take_link(int link, struct cursor *cursor)
{
	const uint8_t *head;
	uint16_t type = 0;
	switch (link) {
	case DLT_EN10MB:
		return PACKET_ETHERNET;
	case DLT_LINUX_SLL:
		if ((head = cursor_take(cursor, 16)) != NULL)
			type = cursor_load16(head + 14);
		break;
	case DLT_LINUX_SLL2:
		if ((head = cursor_take(cursor, 20)) != NULL)
			type = cursor_load16(head);
		break;
	case DLT_NULL:
	case DLT_LOOP:
		(void)cursor_take(cursor, 4);
		/* fall through */
	default:
		if (cursor_left(cursor) > 0)
			type = cursor->at[0] >> 4 == 4 ? 0x0800 : 0x86dd;
		break;
	}
	return type == 0x0800 ? PACKET_IPV4 : type == 0x86dd ? PACKET_IPV6 : 0;
}

/* The payload of a UDP datagram to the port. False: the frame is anything else. */
static bool
payload(const struct recording *recording, struct cursor cursor,
    struct recording_datagram *ret_datagram)
{
	uint32_t protocol = take_link(recording->link, &cursor);
	struct packet packet;
	if (protocol == 0)
		return false;
	packet_decode(cursor.at, cursor_left(&cursor), protocol, &packet);
	if (packet.layer_count == 0)
		return false;
	const struct packet_layer *layer = &packet.layers[0];
	if (layer->proto != IPPROTO_UDP || !layer->has_ports ||
	    (recording->port != 0 && layer->dst_port != recording->port))
		return false;
	/* Where UDP begins: behind IPv4 and its options; behind IPv6 (with extension headers it is
	 * not looked for). */
	if (layer->family == 4) {
		const uint8_t *ip = layer->src - 12;
		cursor.at = ip + (size_t)(ip[0] & 15) * 4;
		ret_datagram->from = addr_from_v4(layer->src);
	} else {
		const uint8_t *ip = layer->src - 8;
		if (ip[6] != IPPROTO_UDP)
			return false;
		cursor.at = ip + 40;
		ret_datagram->from = addr_from_v6(layer->src);
	}
	const uint8_t *udp = cursor_take(&cursor, 8);
	if (udp == NULL || cursor_load16(udp + 4) < 8)
		return false;
	size_t length = cursor_load16(udp + 4) - 8u;
	ret_datagram->cut = length > cursor_left(&cursor);
	cursor_limit(&cursor, length);
	ret_datagram->bytes = cursor.at;
	ret_datagram->length = cursor_left(&cursor);
	return true;
}

int
recording_next(struct recording *recording, char error[RECORDING_ERROR_MAX],
    struct recording_datagram *ret_datagram)
{
	struct recording_datagram datagram = {0};
	if (recording->pcap == NULL) {
		if (!recording->raw_left)
			return 0;
		recording->raw_left = false;
		datagram.bytes = recording->raw;
		datagram.length = recording->raw_length;
		datagram.number = 1;
		*ret_datagram = datagram;
		return 1;
	}
	for (;;) {
		struct pcap_pkthdr *head;
		const u_char *bytes;
		int r = pcap_next_ex(recording->pcap, &head, &bytes);
		if (r == PCAP_ERROR_BREAK)
			return 0;
		if (r != 1) {
			snprintf(error, RECORDING_ERROR_MAX, "frame %llu: %s",
			    (unsigned long long)recording->frames + 1,
			    pcap_geterr(recording->pcap));
			return -EIO;
		}
		datagram.number = ++recording->frames;
		datagram.wall_ns =
		    (int64_t)head->ts.tv_sec * INT64_C(1000000000) + head->ts.tv_usec;
		if (!payload(recording, (struct cursor){bytes, bytes + head->caplen}, &datagram))
			continue;
		*ret_datagram = datagram;
		return 1;
	}
}
