/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/event_json.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "controller/store/community_id.h"

/* Text from anywhere: what is no UTF-8 (jansson has none of it) loses its odd bytes, not its place.
 */
static json_t *
text_value(const char *text)
{
	json_t *value = json_string(text);
	char plain[512];
	size_t n = 0;

	if (value != NULL)
		return value;
	for (; text[n] != '\0' && n < sizeof plain - 1; n++)
		plain[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
	plain[n] = '\0';
	return json_string(plain);
}

static void
put_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		(void)json_object_set_new(object, key, text_value(text));
}

static void
put_number(json_t *object, const char *key, uint64_t value)
{
	json_int_t number = value > INT64_MAX ? INT64_MAX : (json_int_t)value;

	(void)json_object_set_new(object, key, json_integer(number));
}

/* Zero is "unknown" or "none" there. */
static void
put_some(json_t *object, const char *key, uint64_t value)
{
	if (value != 0)
		put_number(object, key, value);
}

static void
put_flag(json_t *object, const char *key, bool value)
{
	(void)json_object_set_new(object, key, json_boolean(value));
}

static void
put_addr(json_t *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	if (addr->family != 0)
		put_text(object, key, addr_format(addr, text));
}

/* As Suricata and Zeek write them; others by number. */
static void
put_proto(json_t *object, uint8_t proto)
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = {{1, "icmp"}, {2, "igmp"}, {6, "tcp"}, {17, "udp"}, {33, "dccp"}, {47, "gre"},
	    {50, "esp"}, {51, "ah"}, {58, "icmp6"}, {132, "sctp"}, {136, "udplite"}};
	char number[8];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i].proto == proto) {
			put_text(object, "proto", names[i].name);
			return;
		}
	}
	snprintf(number, sizeof number, "%u", proto);
	put_text(object, "proto", number);
}

static const char *
switch_name(const struct event_json_context *context, unsigned id)
{
	const char *name =
	    context->switch_name != NULL ? context->switch_name(context->user, id) : NULL;

	return name != NULL ? name : "";
}

static const char *
feed_name(const struct event_json_context *context, uint16_t id)
{
	const char *name =
	    context->feed_name != NULL ? context->feed_name(context->user, id) : NULL;

	return name != NULL ? name : "";
}

/* "src" is who sent the sampled packet, as in EVE; "local" and "remote" are whose side it is. */
static void
put_conversation(json_t *object, const struct sighting *s)
{
	struct community_id_flow flow = {.src = s->outbound ? s->local : s->remote,
	    .dst = s->outbound ? s->remote : s->local,
	    .proto = s->proto,
	    .has_ports = s->has_ports,
	    .src_port = s->outbound ? s->local_port : s->remote_port,
	    .dst_port = s->outbound ? s->remote_port : s->local_port,
	    .icmp_type = s->icmp_type,
	    .icmp_code = s->icmp_code};
	bool icmp = s->proto == 1 || s->proto == 58;
	char id[COMMUNITY_ID_MAX];

	put_addr(object, "local", &s->local);
	put_addr(object, "remote", &s->remote);
	if (s->has_ports) {
		put_number(object, "local_port", s->local_port);
		put_number(object, "remote_port", s->remote_port);
	}
	put_proto(object, s->proto);
	put_text(object, "direction", s->outbound ? "outbound" : "inbound");
	put_addr(object, "src_ip", &flow.src);
	put_addr(object, "dest_ip", &flow.dst);
	if (s->has_ports) {
		put_number(object, "src_port", flow.src_port);
		put_number(object, "dest_port", flow.dst_port);
	}
	if (icmp) {
		put_number(object, "icmp_type", s->icmp_type);
		put_number(object, "icmp_code", s->icmp_code);
	}
	(void)community_id(&flow, id);
	put_text(object, "community_id", id);
	put_some(object, "vlan", s->vlan);
	put_some(object, "vni", s->vni);
	if (s->inner)
		put_flag(object, "inner", true);
}

/* An operator's capture has no sample; where its filter names one flow whole, that has an id. */
static void
put_filter(json_t *object, const struct decide_capture *c)
{
	const struct filter *f = &c->filter;
	struct community_id_flow flow = {.src = f->a.addr,
	    .dst = f->b.addr,
	    .proto = f->proto,
	    .has_ports = true,
	    .src_port = f->a_port,
	    .dst_port = f->b_port};
	char text[FILTER_TEXT_MAX], id[COMMUNITY_ID_MAX];

	put_text(object, "filter", filter_format(f, text));
	if (c->has_sighting || f->a.len != addr_bits(&f->a.addr) ||
	    f->b.len != addr_bits(&f->b.addr))
		return;
	put_addr(object, "local", &f->a.addr);
	put_addr(object, "remote", &f->b.addr);
	if (!f->has_proto)
		return;
	put_proto(object, f->proto);
	put_some(object, "local_port", f->a_port);
	put_some(object, "remote_port", f->b_port);
	if (f->a_port == 0 || f->b_port == 0)
		return;
	(void)community_id(&flow, id);
	put_text(object, "community_id", id);
}

static json_t *
entry_object(const struct sighting_entry *entry, const struct event_json_context *context)
{
	json_t *object = json_object();
	char prefix[PREFIX_TEXT_MAX];

	put_text(object, "feed", feed_name(context, entry->feed));
	put_text(object, "entry", prefix_format(&entry->prefix, prefix));
	put_some(object, "entry_port", entry->port);
	put_number(object, "line", entry->line);
	return object;
}

/* Which of the entries the policy went by: the first of a feed it takes. */
static unsigned
entry_of(const struct decide_event *event, const struct event_json_context *context)
{
	const struct sighting *s = event->sighting;
	const struct policy *policy = event->policy;

	for (unsigned i = 0; policy != NULL && i < s->entry_count && i < SIGHTING_ENTRIES_MAX;
	     i++) {
		const struct sighting_entry *entry = &s->entries[i];

		if (policy->match_ports && entry->port != 0 &&
		    (!s->has_ports || entry->port != s->remote_port))
			continue;
		if (policy_takes(policy, feed_name(context, entry->feed)))
			return i;
	}
	return 0;
}

static void
put_entries(
    json_t *object, const struct decide_event *event, const struct event_json_context *context)
{
	const struct sighting *s = event->sighting;
	unsigned chosen = entry_of(event, context);
	json_t *others;

	if (s->entry_count == 0)
		return;
	json_t *first = entry_object(&s->entries[chosen], context);
	(void)json_object_update(object, first);
	json_decref(first);
	put_number(object, "feed_version", s->feed_version);
	if (s->entry_count == 1)
		return;
	others = json_array();
	for (unsigned i = 0; i < s->entry_count && i < SIGHTING_ENTRIES_MAX; i++)
		if (i != chosen)
			(void)json_array_append_new(others, entry_object(&s->entries[i], context));
	(void)json_object_set_new(object, "other_entries", others);
}

static void
put_sample(json_t *object, const struct sighting *s)
{
	put_addr(object, "exporter", &s->exporter);
	if (!addr_equal(&s->exporter, &s->from))
		put_addr(object, "exporter_from", &s->from);
	put_some(object, "sub_agent", s->sub_agent);
	put_some(object, "in_port", s->input);
	put_some(object, "out_port", s->output);
	put_number(object, "sampling_rate", s->sampling_rate);
	put_number(object, "frame_length", s->frame_length);
	put_some(object, "merged", s->merged);
}

/* What was reckoned from samples says from how many and how wrong it may be; from the rules'
 * counters it is no estimate, and an operator's capture has its limit alone. */
static void
put_estimate(json_t *object, const struct decide_event *event)
{
	const struct verdict *v = event->verdict;
	const struct decide_capture *c = event->capture;
	unsigned samples = c != NULL ? c->seen_samples : v != NULL ? v->est_samples : 0;
	uint64_t bps = c != NULL ? c->est_bps : v != NULL ? v->est_bps : 0;
	bool measured = c != NULL && c->measured;

	if (bps > 0 || measured || samples > 0) {
		put_number(object, "estimated_bps", bps);
		put_text(object, "estimate_from",
		    measured      ? "counters"
		    : samples > 0 ? "samples"
				  : "limit");
	}
	if (samples == 0)
		return;
	put_number(object, "estimated_packets", c != NULL ? c->seen_packets : v->est_packets);
	put_number(object, "estimate_samples", samples);
	put_number(object, "estimate_error_percent", verdict_error(samples));
}

/* What a wider capture, or the word of a scanner, is about; what has to go for it. */
static void
put_wide(json_t *object, const struct decide_event *event)
{
	const struct verdict *v = event->verdict;
	enum verdict_wide wide = event->capture != NULL ? event->capture->wide
				 : v != NULL            ? v->wide
							: VERDICT_PAIR;
	json_t *evicts;

	if (wide != VERDICT_PAIR)
		put_text(object, "wide", wide == VERDICT_REMOTE ? "remote" : "prefix");
	if (v == NULL)
		return;
	if (wide != VERDICT_PAIR)
		put_some(object, "peers", v->peers);
	if (v->evict_count == 0)
		return;
	evicts = json_array();
	for (unsigned i = 0; i < v->evict_count && i < VERDICT_EVICTS_MAX; i++)
		(void)json_array_append_new(evicts, json_integer((json_int_t)v->evicts[i]));
	(void)json_object_set_new(object, "evicts", evicts);
}

static void
put_capture(json_t *object, const struct decide_event *event)
{
	const struct decide_capture *c = event->capture;

	put_number(object, "capture", c->id);
	if (event->from != 0 && event->from != event->to)
		put_text(object, "from", life_name(event->from));
	put_text(object, "to", life_name(event->to));
}

static void
put_whose(json_t *object, const struct decide_event *event)
{
	const struct decide_capture *c = event->capture;

	if (c != NULL) {
		put_text(object, "policy", c->policy);
		put_text(object, "by", c->by);
		put_text(object, "why", c->why);
		if (c->manual)
			put_flag(object, "manual", true);
	} else if (event->policy != NULL) {
		put_text(object, "policy", event->policy->name);
	}
	if (event->policy != NULL)
		put_text(object, "mode", policy_mode_name(event->policy->mode));
}

/* Names of those that hold it, or would. */
static void
put_switches(
    json_t *object, const struct decide_event *event, const struct event_json_context *context)
{
	const struct decide_capture *c = event->capture;
	const struct verdict *v = event->verdict;
	json_t *names = json_array();

	for (unsigned i = 0; c != NULL && i < c->holder_count && i < DECIDE_HOLDERS_MAX; i++)
		(void)json_array_append_new(
		    names, text_value(switch_name(context, c->holders[i].id)));
	for (unsigned i = 0; c == NULL && v != NULL && i < v->holder_count; i++)
		(void)json_array_append_new(names, text_value(switch_name(context, v->holders[i])));
	if (c != NULL || json_array_size(names) > 0)
		(void)json_object_set(object, "switches", names);
	json_decref(names);
	if (c == NULL && v != NULL)
		put_some(object, "rules", v->rules);
	if (c == NULL)
		return;
	put_text(object, "analyser", c->analyser_name);
	put_some(object, "session", c->analyser.session);
	put_number(object, "packets", c->packets);
	put_number(object, "bytes", c->bytes);
}

/* What each switch said. */
static void
put_holders(
    json_t *object, const struct decide_event *event, const struct event_json_context *context)
{
	const struct decide_capture *c = event->capture;
	json_t *array = json_array();

	for (unsigned i = 0; c != NULL && i < c->holder_count && i < DECIDE_HOLDERS_MAX; i++) {
		const struct decide_holder *h = &c->holders[i];
		json_t *holder;

		if (!h->told)
			continue;
		holder = json_object();
		put_text(holder, "switch", switch_name(context, h->id));
		put_text(holder, "state", order_hold_name(h->said.hold));
		put_number(holder, "rules", h->said.rules);
		put_number(holder, "packets", h->said.packets);
		put_number(holder, "bytes", h->said.bytes);
		put_some(holder, "copied", h->said.copied);
		put_some(holder, "dropped", h->said.dropped);
		if (h->said.code != RESULT_OK)
			put_text(holder, "reason", result_name(h->said.code));
		put_text(holder, "text", h->said.text);
		(void)json_array_append_new(array, holder);
	}
	if (json_array_size(array) > 0)
		(void)json_object_set(object, "holders", array);
	json_decref(array);
}

static void
put_steps(json_t *object, const struct verdict *v)
{
	json_t *array;

	if (v == NULL || v->step_count == 0)
		return;
	array = json_array();
	for (unsigned i = 0; i < v->step_count && i < VERDICT_STEPS_MAX; i++) {
		const struct verdict_step *s = &v->steps[i];
		json_t *step = json_object();

		put_text(step, "step", s->name);
		put_flag(step, "passed", s->passed);
		if (s->code != RESULT_OK)
			put_text(step, "reason", result_name((int)s->code));
		put_text(step, "text", s->text);
		(void)json_array_append_new(array, step);
	}
	(void)json_object_set_new(object, "steps", array);
}

static void
put_header(json_t *object, const struct sighting *s)
{
	char text[sodium_base64_ENCODED_LEN(SIGHTING_HEADER_MAX, sodium_base64_VARIANT_ORIGINAL)];
	size_t length =
	    s->header_length < SIGHTING_HEADER_MAX ? s->header_length : SIGHTING_HEADER_MAX;

	if (length == 0)
		return;
	put_number(object, "header_protocol", s->header_protocol);
	put_text(object, "header",
	    sodium_bin2base64(
		text, sizeof text, s->header, length, sodium_base64_VARIANT_ORIGINAL));
}

static json_t *
make(const struct decide_event *event, const struct event_json_context *context)
{
	char time[CLK_TEXT_MAX];
	json_t *object = json_object();

	put_text(object, "time", clk_format_wall(context->wall_ns, time));
	put_text(object, "event", event->kind);
	if (event->capture != NULL)
		put_capture(object, event);
	if (event->code != RESULT_OK) {
		put_number(object, "code", event->code);
		put_text(object, "reason", result_name((int)event->code));
	}
	put_text(object, "text", event->text);
	put_whose(object, event);
	if (event->capture != NULL)
		put_filter(object, event->capture);
	if (event->sighting != NULL) {
		put_conversation(object, event->sighting);
		put_entries(object, event, context);
		put_sample(object, event->sighting);
	}
	put_estimate(object, event);
	put_wide(object, event);
	put_switches(object, event, context);
	put_text(object, "who", event->who);
	put_text(object, "name", event->name);
	if (event->who != NULL)
		put_flag(object, "on", event->on);
	put_holders(object, event, context);
	put_steps(object, event->verdict);
	if (event->sighting != NULL)
		put_header(object, event->sighting);
	return object;
}

int
event_json(const struct decide_event *event, const struct event_json_context *context,
    char text[EVENT_JSON_MAX])
{
	static const char *const cuts[] = {"holders", "steps", "header", "other_entries", "text"};
	const size_t flags = JSON_COMPACT | JSON_PRESERVE_ORDER;
	json_t *object = make(event, context), *cut = json_array();
	size_t length = json_dumpb(object, text, EVENT_JSON_MAX - 1, flags);

	for (unsigned i = 0; length >= EVENT_JSON_MAX && i < sizeof cuts / sizeof cuts[0]; i++) {
		if (json_object_del(object, cuts[i]) < 0)
			continue;
		(void)json_array_append_new(cut, json_string(cuts[i]));
		(void)json_object_set(object, "cut", cut);
		length = json_dumpb(object, text, EVENT_JSON_MAX - 1, flags);
	}
	json_decref(object);
	json_decref(cut);
	if (length == 0 || length >= EVENT_JSON_MAX)
		return -ENOMEM;
	text[length] = '\0';
	return (int)length;
}
