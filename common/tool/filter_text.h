/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters as tcpdump people write them (pcap-filter(7)), as far as a mirror rule can say them:
 *
 *     host 10.1.0.2 and host 198.51.100.9 and tcp port 443
 *     src net 10.1.0.0/16 and dst host 2001:db8::9 and icmp6 and in swp3
 *     host 10.1.0.2 and host 198.51.100.9 port 443 and tcp
 *
 * Terms, all joined by `and`: [src|dst] host|net ADDRESS [port N], [tcp|udp|sctp|dccp|proto N]
 * [src|dst] port N, tcp udp sctp dccp icmp icmp6 ip ip6, proto N, in INTERFACE. Without src and
 * dst a filter holds both ways; a port behind an address is that side's own; INTERFACE is where
 * packets of the first (or the src) side come in. Pure; what filter_format prints reads back as it
 * was.
 */
#ifndef COMMON_TOOL_FILTER_TEXT_H
#define COMMON_TOOL_FILTER_TEXT_H

#include <stddef.h>

#include "common/base/filter.h"

#define FILTER_TEXT_INPUT_MAX 1024

struct filter_text_error {
	size_t at, len; /* which bytes of the text are meant; len 0: its end */
	char text[200]; /* what is wrong and what would be right */
};

/* 0 and a filter that passes filter_check, or -EINVAL and the error. */
int filter_text_parse(
    const char *text, struct filter *ret_filter, struct filter_text_error *ret_error);

/*
 * The text, a line with a caret under the word that is meant, and the error, as three lines into
 * `out`; a text with other than printable characters shows them as '?'. Returns `out`.
 */
char *filter_text_caret(
    const char *text, const struct filter_text_error *error, char *out, size_t size);

#endif
