/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/tool/filter_text.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	size_t at, len;
	char text[64]; /* longer ones are cut; nothing that long means anything */
};

enum side { SIDE_NONE, SIDE_SRC, SIDE_DST };

/* One address as it was named, with the port behind it. */
struct end {
	enum side side;
	struct word word;
	struct prefix prefix;
	uint16_t port;
};

struct parser {
	const char *text;
	size_t at;        /* behind `word` */
	struct word word; /* len 0: the end */
	struct filter_text_error *error;
	struct end ends[2];
	unsigned end_count;
	struct word proto_word, family_word, iface_word, port_word, src_port_word, dst_port_word;
	struct word sided; /* the first src or dst */
	bool has_proto;
	uint8_t proto, family;
	uint16_t port, src_port, dst_port;
	char iface[FILTER_IFACE_MAX];
};

__attribute__((format(printf, 3, 4))) static int
fail(struct parser *parser, const struct word *word, const char *format, ...)
{
	va_list args;

	parser->error->at = word->at;
	parser->error->len = word->len;
	va_start(args, format);
	vsnprintf(parser->error->text, sizeof parser->error->text, format, args);
	va_end(args);
	return -EINVAL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_mark(char c)
{
	return c != '\0' && strchr("()!&|<>=[]", c) != NULL;
}

static void
next(struct parser *parser)
{
	const char *s = parser->text;
	size_t at = parser->at, end;

	while (is_space(s[at]))
		at++;
	end = at;
	if (is_mark(s[at])) {
		end++;
		if ((s[at] == '&' || s[at] == '|') && s[end] == s[at])
			end++;
	} else {
		while (s[end] && !is_space(s[end]) && !is_mark(s[end]))
			end++;
	}
	parser->word = (struct word){.at = at, .len = end - at};
	snprintf(parser->word.text, sizeof parser->word.text, "%.*s",
	    (int)(end - at < 63 ? end - at : 63), s + at);
	for (char *c = parser->word.text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	parser->at = end;
}

static bool
is(const struct word *word, const char *text)
{
	return strcmp(word->text, text) == 0;
}

static bool
eat(struct parser *parser, const char *text)
{
	if (!is(&parser->word, text))
		return false;
	next(parser);
	return true;
}

/* What people know from pcap-filter(7) and a mirror rule cannot say. */
static int
refuse_known(struct parser *parser)
{
	static const struct {
		const char *word, *why;
	} known[] = {
	    {"or", "a mirror rule cannot say \"or\"; start one capture for each part"},
	    {"||", "a mirror rule cannot say \"or\"; start one capture for each part"},
	    {"|", "a mirror rule cannot say \"or\"; start one capture for each part"},
	    {"not", "a mirror rule cannot say \"not\"; name what is wanted instead"},
	    {"!", "a mirror rule cannot say \"not\"; name what is wanted instead"},
	    {"(", "no brackets are needed: all terms are joined by \"and\""},
	    {")", "no brackets are needed: all terms are joined by \"and\""},
	    {"portrange", "a mirror rule holds one port; write \"port N\", or leave the port out"},
	    {"gateway", "a mirror rule cannot say \"gateway\"; write host ADDRESS"},
	    {"mask", "write the prefix length instead: net 192.0.2.0/24"},
	    {"ether", "a mirror rule has no MAC addresses; write host ADDRESS"},
	    {"arp", "a mirror rule holds IP packets only"},
	    {"vlan", "a mirror rule has no VLAN; write in INTERFACE"},
	    {"mpls", "a mirror rule has no MPLS label; name the addresses within"},
	    {"vxlan", "a mirror rule has no VNI; name the outer addresses"},
	    {"less", "a mirror rule has no packet length; leave it out"},
	    {"greater", "a mirror rule has no packet length; leave it out"},
	    {"len", "a mirror rule has no packet length; leave it out"},
	    {"broadcast", "a mirror rule cannot say \"broadcast\"; name a host"},
	    {"multicast", "a mirror rule cannot say \"multicast\"; name a net"},
	    {"inbound", "write in INTERFACE"},
	    {"ifname", "write in INTERFACE"},
	    {"on", "write in INTERFACE; the switch goes behind --on"},
	    {"[", "a mirror rule cannot look at single bytes"},
	    {"]", "a mirror rule cannot look at single bytes"},
	    {"<", "a mirror rule cannot compare"},
	    {">", "a mirror rule cannot compare"},
	    {"=", "a mirror rule cannot compare"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (is(&parser->word, known[i].word))
			return fail(parser, &parser->word, "%s", known[i].why);
	return 0;
}

static int
parse_number(struct parser *parser, const char *what, unsigned long max, unsigned long *ret_number)
{
	const struct word *word = &parser->word;
	unsigned long number;
	char *end;

	if (refuse_known(parser) < 0)
		return -EINVAL;
	if (word->len == 0)
		return fail(parser, word, "a %s is missing: 1 to %lu", what, max);
	number = strtoul(word->text, &end, 10);
	if (!isdigit((unsigned char)word->text[0]) || *end)
		return fail(
		    parser, word, "\"%s\" is no %s: a number, 1 to %lu", word->text, what, max);
	if (number == 0 || number > max || word->len > 5)
		return fail(parser, word, "a %s is 1 to %lu", what, max);
	*ret_number = number;
	next(parser);
	return 0;
}

static int
set_proto(struct parser *parser, const struct word *word, uint8_t proto)
{
	if (parser->has_proto && parser->proto != proto)
		return fail(parser, word, "a packet has one protocol, and %s stands there already",
		    parser->proto_word.text);
	if (!parser->has_proto)
		parser->proto_word = *word;
	parser->has_proto = true;
	parser->proto = proto;
	return 0;
}

static bool
proto_of(const char *text, uint8_t *ret_proto, uint8_t *ret_family)
{
	static const struct {
		const char *name;
		uint8_t proto, family;
	} protos[] = {
	    {"tcp", IPPROTO_TCP, 0},
	    {"udp", IPPROTO_UDP, 0},
	    {"sctp", IPPROTO_SCTP, 0},
	    {"dccp", IPPROTO_DCCP, 0},
	    {"udplite", IPPROTO_UDPLITE, 0},
	    {"icmp", IPPROTO_ICMP, 4},
	    {"icmp6", IPPROTO_ICMPV6, 6},
	    {"gre", IPPROTO_GRE, 0},
	    {"esp", IPPROTO_ESP, 0},
	    {"ah", IPPROTO_AH, 0},
	};

	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
		if (strcmp(text, protos[i].name) == 0) {
			*ret_proto = protos[i].proto;
			*ret_family = protos[i].family;
			return true;
		}
	return false;
}

static int
set_family(struct parser *parser, const struct word *word, uint8_t family)
{
	if (parser->family && family && parser->family != family)
		return fail(parser, word, "IPv%u, but %s is IPv%u", family,
		    parser->family_word.text, parser->family);
	if (family && !parser->family) {
		parser->family = family;
		parser->family_word = *word;
	}
	return 0;
}

/* "port N", with the side already read. */
static int
parse_port(struct parser *parser, enum side side, uint16_t *ret_port, struct word *ret_word)
{
	struct word word = parser->word;
	unsigned long number;

	next(parser); /* port */
	if (parse_number(parser, "port", 65535, &number) < 0)
		return -EINVAL;
	if (*ret_port && *ret_port != number)
		return fail(parser, &word,
		    side == SIDE_NONE ? "two ports need their sides: host A port N and host B "
					"port M, or src port N and dst port M"
				      : "this side has a port already");
	*ret_port = (uint16_t)number;
	*ret_word = word;
	return 0;
}

static int
parse_side_port(struct parser *parser, enum side side)
{
	switch (side) {
	case SIDE_SRC:
		return parse_port(parser, side, &parser->src_port, &parser->src_port_word);
	case SIDE_DST:
		return parse_port(parser, side, &parser->dst_port, &parser->dst_port_word);
	case SIDE_NONE:
		break;
	}
	return parse_port(parser, side, &parser->port, &parser->port_word);
}

static enum side
parse_side(struct parser *parser)
{
	struct word word = parser->word;
	enum side side = is(&word, "src") ? SIDE_SRC : is(&word, "dst") ? SIDE_DST : SIDE_NONE;

	if (side == SIDE_NONE)
		return side;
	if (parser->sided.len == 0)
		parser->sided = word;
	next(parser);
	return side;
}

static int
parse_prefix(struct parser *parser, bool net, struct prefix *ret_prefix)
{
	const struct word *word = &parser->word;
	char text[PREFIX_TEXT_MAX];
	bool masked;

	if (refuse_known(parser) < 0)
		return -EINVAL;
	if (word->len == 0)
		return fail(
		    parser, word, "an address is missing behind \"%s\"", net ? "net" : "host");
	if (prefix_parse(word->text, ret_prefix, &masked) < 0)
		return fail(parser, word, "\"%s\" is no %s; names are not looked up", word->text,
		    net ? "prefix: as in 192.0.2.0/24" : "address: as in 192.0.2.1 or 2001:db8::1");
	if (!net && strchr(word->text, '/'))
		return fail(parser, word, "host takes one address; write net %s",
		    prefix_format(ret_prefix, text));
	if (masked)
		return fail(parser, word, "bits are set behind the prefix; write net %s",
		    prefix_format(ret_prefix, text));
	return 0;
}

static int
parse_end(struct parser *parser, enum side side, bool net)
{
	struct end end = {.side = side, .word = parser->word};

	if (parse_prefix(parser, net, &end.prefix) < 0)
		return -EINVAL;
	if (parser->end_count == 2)
		return fail(parser, &end.word, "a conversation has two sides, and both are named");
	if (side != SIDE_NONE && parser->end_count == 1 && parser->ends[0].side == side)
		return fail(parser, &end.word, "%s is named already; the other side is %s",
		    side == SIDE_SRC ? "src" : "dst", side == SIDE_SRC ? "dst" : "src");
	if (set_family(parser, &end.word, end.prefix.addr.family) < 0)
		return -EINVAL;
	next(parser);
	if (is(&parser->word, "port")) {
		struct word word = parser->word;

		if (side != SIDE_NONE) {
			if (parse_side_port(parser, side) < 0)
				return -EINVAL;
		} else if (parse_port(parser, side, &end.port, &word) < 0) {
			return -EINVAL;
		} else {
			parser->port_word = word;
		}
	}
	parser->ends[parser->end_count++] = end;
	return 0;
}

static int
parse_iface(struct parser *parser)
{
	const struct word *word = &parser->word;

	if (word->len == 0)
		return fail(parser, word, "an interface is missing: in swp3");
	if (!filter_iface_ok(word->text) || word->len >= FILTER_IFACE_MAX)
		return fail(parser, word,
		    "\"%s\" is no interface name: at most 15 letters, digits and . _ - @, with + "
		    "at the end only",
		    word->text);
	if (parser->iface[0])
		return fail(
		    parser, word, "one interface only; %s stands there already", parser->iface);
	snprintf(parser->iface, sizeof parser->iface, "%.15s", word->text);
	next(parser);
	return 0;
}

/* "proto N", "proto tcp"; then perhaps a port. */
static int
parse_proto(struct parser *parser)
{
	struct word word = parser->word;
	uint8_t proto = 0, family = 0;
	unsigned long number;

	if (is(&word, "proto")) {
		next(parser);
		word = parser->word;
		if (proto_of(word.text + (word.text[0] == '\\'), &proto, &family)) {
			next(parser);
		} else if (parse_number(parser, "protocol number", 255, &number) < 0) {
			return -EINVAL;
		} else {
			proto = (uint8_t)number;
		}
	} else {
		(void)proto_of(word.text, &proto, &family);
		next(parser);
	}
	if (set_family(parser, &word, family) < 0 || set_proto(parser, &word, proto) < 0)
		return -EINVAL;
	if (is(&parser->word, "port") || is(&parser->word, "src") || is(&parser->word, "dst")) {
		enum side side = parse_side(parser);

		if (!is(&parser->word, "port"))
			return refuse_known(parser) < 0
				   ? -EINVAL
				   : fail(parser, &parser->word,
					 "a port is meant here: %s %s port N; before a host write "
					 "\"and\"",
					 word.text, side == SIDE_SRC ? "src" : "dst");
		return parse_side_port(parser, side);
	}
	return 0;
}

static int
parse_term(struct parser *parser)
{
	struct word word = parser->word;
	uint8_t proto, family;
	struct addr addr;
	enum side side;

	if (word.len == 0)
		return fail(
		    parser, &word, "a term is missing: host ADDRESS, net PREFIX, tcp port N");
	if (refuse_known(parser) < 0)
		return -EINVAL;
	if (eat(parser, "ip") || eat(parser, "ip6")) {
		if (set_family(parser, &word, is(&word, "ip") ? 4 : 6) < 0)
			return -EINVAL;
		if (!is(&parser->word, "proto") && !is(&parser->word, "host") &&
		    !is(&parser->word, "net") && !is(&parser->word, "src") &&
		    !is(&parser->word, "dst"))
			return 0;
	}
	if (is(&parser->word, "proto") || proto_of(parser->word.text, &proto, &family))
		return parse_proto(parser);
	if (eat(parser, "in"))
		return parse_iface(parser);
	side = parse_side(parser);
	if (is(&parser->word, "port"))
		return parse_side_port(parser, side);
	if (eat(parser, "host"))
		return parse_end(parser, side, false);
	if (eat(parser, "net"))
		return parse_end(parser, side, true);
	if (addr_parse(parser->word.text, &addr) == 0)
		return parse_end(parser, side, false);
	if (refuse_known(parser) < 0)
		return -EINVAL;
	if (side != SIDE_NONE)
		return fail(parser, &parser->word,
		    "behind %s comes host ADDRESS, net PREFIX or port N",
		    side == SIDE_SRC ? "src" : "dst");
	return fail(parser, &parser->word,
	    "\"%s\" is no word of a filter; these are: host net port src dst tcp udp sctp dccp "
	    "icmp "
	    "icmp6 proto ip ip6 in and",
	    parser->word.text);
}

static int
parse_all(struct parser *parser)
{
	next(parser);
	do {
		if (parse_term(parser) < 0)
			return -EINVAL;
	} while (eat(parser, "and") || eat(parser, "&&"));
	if (parser->word.len == 0)
		return 0;
	if (refuse_known(parser) < 0)
		return -EINVAL;
	return fail(
	    parser, &parser->word, "terms are joined by \"and\": ... and %s", parser->word.text);
}

/* The ports make sense together, and have a protocol. */
static int
check_ports(struct parser *parser)
{
	bool own = parser->ends[0].port || parser->ends[1].port;
	const struct word *any = parser->port_word.len       ? &parser->port_word
				 : parser->src_port_word.len ? &parser->src_port_word
							     : &parser->dst_port_word;

	if (any->len == 0)
		return 0;
	if (!parser->has_proto)
		return fail(parser, any, "a port needs its protocol: tcp port N, or udp port N");
	if (!filter_proto_has_ports(parser->proto))
		return fail(parser, any, "%s has no ports; tcp, udp, sctp and dccp have",
		    parser->proto_word.text);
	if (parser->port && (own || parser->src_port || parser->dst_port))
		return fail(parser, &parser->port_word,
		    "a port of either side cannot stand beside one with a side");
	return 0;
}

static int
build(struct parser *parser, struct filter *ret_filter)
{
	struct end *ends = parser->ends;
	struct filter filter = {
	    .has_proto = parser->has_proto,
	    .proto = parser->proto,
	    .port = parser->port,
	    .one_way = parser->sided.len != 0,
	};
	struct word all = {.at = 0, .len = 0};
	struct addr any = {.family = parser->family};
	const char *wrong;

	if (parser->end_count == 0)
		return fail(
		    parser, &all, "at least one address is needed: host ADDRESS or net PREFIX");
	for (unsigned i = 0; filter.one_way && i < parser->end_count; i++)
		if (ends[i].side == SIDE_NONE)
			return fail(parser, &ends[i].word,
			    "beside \"%s\" each address needs its side: src or dst in front of it",
			    parser->sided.text);
	filter.a = filter.b = prefix_make(&any, 0);
	if (parser->end_count == 2 && ends[0].side == SIDE_DST) {
		struct end first = ends[0];

		ends[0] = ends[1];
		ends[1] = first;
	}
	for (unsigned i = 0; i < parser->end_count; i++)
		if (i == 1 || ends[i].side == SIDE_DST)
			filter.b = ends[i].prefix;
		else
			filter.a = ends[i].prefix;
	filter.a_port = filter.one_way ? parser->src_port : ends[0].port;
	filter.b_port = filter.one_way ? parser->dst_port : ends[1].port;
	memcpy(filter.iface, parser->iface, sizeof filter.iface);
	wrong = filter_check(&filter, NULL);
	if (wrong)
		return fail(parser, &all, "%s", wrong);
	*ret_filter = filter;
	return 0;
}

int
filter_text_parse(const char *text, struct filter *ret_filter, struct filter_text_error *ret_error)
{
	struct parser parser = {.text = text, .error = ret_error};

	if (strlen(text) > FILTER_TEXT_INPUT_MAX)
		return fail(&parser, &parser.word, "a filter has at most %d characters",
		    FILTER_TEXT_INPUT_MAX);
	if (parse_all(&parser) < 0 || check_ports(&parser) < 0)
		return -EINVAL;
	return build(&parser, ret_filter);
}

char *
filter_text_caret(const char *text, const struct filter_text_error *error, char *out, size_t size)
{
	size_t total = strlen(text), n = 0;
	size_t at = error->at < total ? error->at : total;

	/* Long texts show what is round the word. */
	size_t from = at > 60 ? at - 40 : 0, to = total - from > 100 ? from + 100 : total;

	for (size_t i = from; i < to && n + 1 < size; i++)
		out[n++] = isprint((unsigned char)text[i]) ? text[i] : '?';
	if (n + 1 < size)
		out[n++] = '\n';
	for (size_t i = from; i < at && n + 1 < size; i++)
		out[n++] = ' ';
	for (size_t i = 0; (i == 0 || i < error->len) && at + i <= to && n + 1 < size; i++)
		out[n++] = i ? '~' : '^';
	if (size)
		out[n] = '\0';
	if (n < size)
		snprintf(out + n, size - n, "\n%s", error->text);
	return out;
}
