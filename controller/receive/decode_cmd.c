/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decode command; see decode_cmd.h. JSON is written straight out: every string is one of ours
 * or an address, so nothing needs escaping.
 */
#include "controller/receive/decode_cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/packet.h"
#include "controller/receive/receiver.h"
#include "controller/receive/recording.h"
#include "controller/receive/sflow.h"

struct decode {
	bool stats_only;
	bool bad; /* a datagram that was none, or a damaged file */
	struct receiver_stats stats;
};

static void
print_addr(const char *name, unsigned family, const uint8_t *bytes)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr = family == 4 ? addr_from_v4(bytes) : addr_from_v6(bytes);
	printf(",\"%s\":\"%s\"", name, addr_format(&addr, text));
}

static void
print_port(const char *name, unsigned format, uint32_t value)
{
	switch (format) {
	case SFLOW_PORT_INDEX:
		if (value == SFLOW_PORT_INTERNAL)
			printf(",\"%s\":\"internal\"", name);
		else
			printf(",\"%s\":%u", name, value);
		break;
	case SFLOW_PORT_DISCARDED:
		printf(",\"%s\":\"discarded\",\"%s_reason\":%u", name, name, value);
		break;
	case SFLOW_PORT_MULTIPLE:
		printf(",\"%s\":\"multiple\",\"%s_count\":%u", name, name, value);
		break;
	default:
		printf(",\"%s\":\"unknown\",\"%s_format\":%u", name, name, format);
		break;
	}
}

/* The VLANs of the frame that holds layer `number`. */
static void
print_vlans(const struct packet *packet, unsigned number)
{
	const char *separator = "";
	printf(",\"vlans\":[");
	for (unsigned i = 0; number == 0 && i < packet->vlan_count; i++, separator = ",")
		printf("%s%u", separator, packet->vlans[i]);
	for (unsigned i = 0; i < packet->inner_count; i++) {
		if (packet->inner[i].layer != number)
			continue;
		printf("%s%u", separator, packet->inner[i].vlan);
		separator = ",";
	}
	printf("]");
}

static void
print_layers(const struct packet *packet)
{
	unsigned i;
	for (i = 0; i < packet->layer_count; i++) {
		const struct packet_layer *layer = &packet->layers[i];
		if (i > 0) {
			printf(",\"inner\":{\"tunnel\":\"%s\"", packet_tunnel_name(layer->tunnel));
			if (layer->vni != 0)
				printf(",\"vni\":%u", layer->vni);
			print_vlans(packet, i);
		}
		print_addr("src", layer->family, layer->src);
		print_addr("dst", layer->family, layer->dst);
		printf(",\"ip_protocol\":%u", layer->proto);
		if (layer->fragment)
			printf(",\"fragment\":true");
		if (layer->has_ports)
			printf(
			    ",\"src_port\":%u,\"dst_port\":%u", layer->src_port, layer->dst_port);
		if (layer->has_ports && layer->proto == 6)
			printf(",\"tcp_flags\":%u", layer->tcp_flags);
		if (layer->has_icmp)
			printf(",\"icmp_type\":%u,\"icmp_code\":%u", layer->icmp_type,
			    layer->icmp_code);
	}
	for (; i > 1; i--)
		putchar('}');
}

static void
print_packet(struct decode *decode, const struct sflow_sample *sample)
{
	struct packet packet;
	if (sample->header != NULL) {
		packet_decode(
		    sample->header, sample->header_length, sample->header_protocol, &packet);
		if (!decode->stats_only)
			printf(",\"header_protocol\":%u,\"header_length\":%u,\"stripped\":%u",
			    sample->header_protocol, sample->header_length, sample->stripped);
	} else if (sample->addresses != NULL) {
		packet_from_record(sample->addresses, sample->addresses_family, &packet);
	} else {
		return;
	}
	decode->stats.seen.packet.outcomes[packet.outcome]++;
	decode->stats.seen.packet.tunnels += packet.layer_count > 1;
	decode->stats.seen.packet.deep += packet.deep;
	decode->stats.seen.pairs += packet.layer_count;
	if (decode->stats_only)
		return;
	printf(",\"packet\":\"%s\"", packet_outcome_name(packet.outcome));
	if (packet.ethertype != 0)
		printf(",\"ethertype\":%u", packet.ethertype);
	print_vlans(&packet, 0);
	print_layers(&packet);
}

static void
print_extended(const struct sflow_sample *sample)
{
	char text[ADDR_TEXT_MAX];
	struct sflow_extended e;
	sflow_extended(sample, &e);
	if (e.has_vlan)
		printf(",\"in_vlan\":%u,\"out_vlan\":%u", e.in_vlan, e.out_vlan);
	if (e.has_router)
		printf(",\"next_hop\":\"%s\"", addr_format(&e.next_hop, text));
	if (e.has_gateway) {
		printf(",\"as\":%u,\"source_as\":%u,\"source_peer_as\":%u", e.as, e.source_as,
		    e.source_peer_as);
		printf(",\"bgp_next_hop\":\"%s\"", addr_format(&e.gateway_next_hop, text));
	}
	if (e.has_vni_in)
		printf(",\"vni_in\":%u", e.vni_in);
	if (e.has_vni_out)
		printf(",\"vni_out\":%u", e.vni_out);
	if (e.has_tunnel_in) {
		printf(",\"tunnel_in_src\":\"%s\"", addr_format(&e.tunnel_in_src, text));
		printf(",\"tunnel_in_dst\":\"%s\"", addr_format(&e.tunnel_in_dst, text));
	}
	if (e.has_tunnel_out) {
		printf(",\"tunnel_out_src\":\"%s\"", addr_format(&e.tunnel_out_src, text));
		printf(",\"tunnel_out_dst\":\"%s\"", addr_format(&e.tunnel_out_dst, text));
	}
	if (e.vlan_count > 0) {
		printf(",\"stripped_vlans\":[");
		for (unsigned i = 0; i < e.vlan_count; i++)
			printf("%s%u", i > 0 ? "," : "", e.vlans[i]);
		printf("]");
	}
}

static void
print_rejected(
    const struct sflow_datagram *datagram, const char *what, const char *exporter, uint64_t frame)
{
	printf("{\"type\":\"rejected\",\"what\":\"%s\",\"frame\":%llu", what,
	    (unsigned long long)frame);
	if (exporter != NULL)
		printf(
		    ",\"exporter\":\"%s\",\"datagram_sequence\":%u", exporter, datagram->sequence);
	printf(",\"reason\":\"%s\",\"text\":\"%s\",\"offset\":%u}\n",
	    sflow_reject_name(datagram->reject), sflow_reject_text(datagram->reject),
	    datagram->reject_offset);
}

/* Everything but the packet and what comes behind it. */
static void
print_head(const struct sflow_datagram *datagram, const struct sflow_sample *sample,
    const char *exporter, uint64_t frame)
{
	printf("{\"type\":\"%s\",\"frame\":%llu,\"exporter\":\"%s\",\"sub_agent\":%u,"
	       "\"datagram_sequence\":%u",
	    sflow_type_name(sample->type), (unsigned long long)frame, exporter, datagram->sub_agent,
	    datagram->sequence);
	if (sample->type == SFLOW_UNKNOWN) {
		printf(",\"enterprise\":%u,\"format\":%u", sample->tag >> 12, sample->tag & 0xfff);
		return;
	}
	printf(",\"sample_sequence\":%u,\"source_id_type\":%u,\"source_id_index\":%u",
	    sample->sequence, sample->source_type, sample->source_index);
	if (sample->type == SFLOW_COUNTERS || sample->type == SFLOW_EXPANDED_COUNTERS)
		return;
	if (sample->type == SFLOW_DISCARD)
		printf(",\"drops\":%u,\"reason\":%u", sample->drops, sample->reason);
	else
		printf(",\"sampling_rate\":%u,\"sample_pool\":%u,\"drops\":%u",
		    sample->sampling_rate, sample->sample_pool, sample->drops);
	print_port("input", sample->input_format, sample->input);
	print_port("output", sample->output_format, sample->output);
	printf(",\"frame_length\":%u", sample->frame_length);
}

static void
datagram(struct decode *decode, const struct recording_datagram *recorded)
{
	struct sflow_counters *counters = &decode->stats.seen.sflow;
	struct sflow_datagram datagram;
	struct sflow_sample sample;
	char exporter[ADDR_TEXT_MAX];
	decode->stats.datagrams++;
	decode->stats.bytes += recorded->length;
	if (sflow_open(recorded->bytes, recorded->length, counters, &datagram) != SFLOW_OK) {
		decode->bad = true;
		if (!decode->stats_only)
			print_rejected(&datagram, "datagram", NULL, recorded->number);
		return;
	}
	addr_format(&datagram.agent, exporter);
	enum sflow_got got;
	while ((got = sflow_next(&datagram, &sample)) != SFLOW_END) {
		if (got == SFLOW_REJECTED) {
			if (!decode->stats_only)
				print_rejected(&datagram, "sample", exporter, recorded->number);
			continue;
		}
		bool flow = sample.type == SFLOW_FLOW || sample.type == SFLOW_EXPANDED_FLOW ||
			    sample.type == SFLOW_DISCARD;
		if (!decode->stats_only)
			print_head(&datagram, &sample, exporter, recorded->number);
		if (flow)
			print_packet(decode, &sample);
		if (decode->stats_only)
			continue;
		if (flow)
			print_extended(&sample);
		printf("}\n");
	}
}

static void
print_stat(void *user, const char *name, const char *help, uint64_t value)
{
	const char **separator = user;
	(void)help;
	printf("%s\"%s\":%llu", *separator, name, (unsigned long long)value);
	*separator = ",";
}

static int
usage(FILE *to, int status)
{
	fprintf(to, "usage: finderscope-controller decode [--stats] [--port NUMBER | --any-port] "
		    "FILE...\n"
		    "Prints what the sFlow version 5 datagrams in pcap, pcapng or raw files say, "
		    "one JSON object a sample.\n"
		    "  --stats      the counters alone, as one object\n"
		    "  --port N     in captures: datagrams to this UDP port (6343)\n"
		    "  --any-port   in captures: every UDP datagram\n");
	return status;
}

static int
file(struct decode *decode, const char *path, uint16_t port)
{
	char error[RECORDING_ERROR_MAX];
	struct recording *recording;
	struct recording_datagram recorded;
	if (recording_open(path, port, error, &recording) < 0) {
		fprintf(stderr, "finderscope-controller: %s\n", error);
		return 2;
	}
	int r;
	uint64_t before = decode->stats.datagrams;
	while ((r = recording_next(recording, error, &recorded)) > 0)
		datagram(decode, &recorded);
	if (r < 0) {
		fprintf(stderr, "finderscope-controller: %s: %s\n", path, error);
		decode->bad = true;
	} else if (decode->stats.datagrams == before) {
		fprintf(stderr, "finderscope-controller: %s: no UDP datagram to port %u in it\n",
		    path, port);
	}
	recording_free(&recording);
	return 0;
}

int
decode_cmd_main(int argc, char *argv[])
{
	static const struct option options[] = {
	    {"stats", no_argument, NULL, 's'},
	    {"port", required_argument, NULL, 'p'},
	    {"any-port", no_argument, NULL, 'a'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct decode decode = {0};
	unsigned long port = RECEIVER_PORT;
	char *end;
	int option, status = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case 's':
			decode.stats_only = true;
			break;
		case 'a':
			port = 0;
			break;
		case 'p':
			port = strtoul(optarg, &end, 10);
			if (end == optarg || *end != '\0' || port == 0 || port > UINT16_MAX) {
				fprintf(stderr,
				    "finderscope-controller: --port %s: a number from 1 to 65535 "
				    "is "
				    "wanted\n",
				    optarg);
				return 2;
			}
			break;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	}
	if (optind >= argc)
		return usage(stderr, 2);
	for (int i = optind; i < argc; i++) {
		int r = file(&decode, argv[i], (uint16_t)port);
		if (r > status)
			status = r;
	}
	if (decode.stats_only) {
		const char *separator = "{";
		receiver_stats_each(&decode.stats, print_stat, &separator);
		printf("}\n");
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "finderscope-controller: standard output: write failed\n");
		return 2;
	}
	return status != 0 ? status : decode.bad ? 1 : 0;
}
