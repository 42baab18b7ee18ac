/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/capture_json.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Writing. jansson takes no null text and no invalid UTF-8: what it refuses is left out. */

static void
put_text(json_t *object, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new_nocheck(object, key, json_string(text));
}

static void
put_number(json_t *object, const char *key, uint64_t value)
{
	if (value != 0)
		json_object_set_new_nocheck(object, key, json_integer((json_int_t)value));
}

static void
put_flag(json_t *object, const char *key, bool value)
{
	if (value)
		json_object_set_new_nocheck(object, key, json_true());
}

static void
put_addr(json_t *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	if (addr->family != 0)
		put_text(object, key, addr_format(addr, text));
}

static void
put_prefix(json_t *object, const char *key, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];

	put_text(object, key, prefix_format(prefix, text));
}

static void
put_time(json_t *object, const char *key, const struct walltime *at, struct instant instant)
{
	put_number(object, key, (uint64_t)walltime_from_instant(at, instant));
}

static json_t *
write_stamp(const struct walltime *at)
{
	char boot[2 * WALLTIME_BOOT_SIZE + 1];
	json_t *stamp = json_object();

	put_number(stamp, "wall", (uint64_t)at->wall_ns);
	put_number(stamp, "clock", (uint64_t)at->now.ns);
	put_text(stamp, "boot", sodium_bin2hex(boot, sizeof boot, at->boot, sizeof at->boot));
	return stamp;
}

static json_t *
write_filter(const struct filter *filter)
{
	json_t *object = json_object();

	put_prefix(object, "a", &filter->a);
	put_prefix(object, "b", &filter->b);
	put_number(object, "a_port", filter->a_port);
	put_number(object, "b_port", filter->b_port);
	put_number(object, "port", filter->port);
	if (filter->has_proto)
		json_object_set_new_nocheck(object, "proto", json_integer(filter->proto));
	put_flag(object, "one_way", filter->one_way);
	put_text(object, "iface", filter->iface);
	return object;
}

static json_t *
write_analyser(const char *name, const struct analyser *analyser)
{
	json_t *object = json_object();

	put_text(object, "name", name);
	put_addr(object, "addr", &analyser->addr);
	put_number(object, "session", analyser->session);
	put_number(object, "erspan_type", analyser->erspan_type);
	put_number(object, "ttl", analyser->ttl);
	return object;
}

static json_t *
write_holder(const struct decide_holder *holder, const char *name, const struct walltime *at)
{
	const struct holding *said = &holder->said;
	json_t *object = json_object();

	put_text(object, "switch", name);
	put_flag(object, "wanted", holder->wanted);
	put_number(object, "way", holder->way);
	put_text(object, "iface", holder->iface);
	put_flag(object, "gone", holder->gone);
	put_flag(object, "told", holder->told);
	put_flag(object, "settled", holder->settled);
	put_time(object, "dropped", at, holder->dropped);
	put_number(object, "hold", said->hold);
	put_number(object, "rules", said->rules);
	put_number(object, "code", said->code);
	put_text(object, "text", said->text);
	put_number(object, "packets", said->packets);
	put_number(object, "bytes", said->bytes);
	put_number(object, "copied", said->copied);
	put_number(object, "lost", said->dropped);
	put_number(object, "held_ms", said->held_ms);
	return object;
}

static json_t *
write_entries(const struct sighting *sighting)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < sighting->entry_count && i < SIGHTING_ENTRIES_MAX; i++) {
		const struct sighting_entry *entry = &sighting->entries[i];
		json_t *object = json_object();

		put_prefix(object, "prefix", &entry->prefix);
		put_number(object, "port", entry->port);
		put_number(object, "feed", entry->feed);
		put_number(object, "line", entry->line);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *
write_sighting(const struct sighting *s, const struct walltime *at)
{
	char header[2 * SIGHTING_HEADER_MAX + 1];
	size_t length =
	    s->header_length < SIGHTING_HEADER_MAX ? s->header_length : SIGHTING_HEADER_MAX;
	json_t *object = json_object();

	put_time(object, "when", at, s->when);
	put_addr(object, "exporter", &s->exporter);
	put_addr(object, "from", &s->from);
	put_number(object, "sub_agent", s->sub_agent);
	put_number(object, "sampling_rate", s->sampling_rate);
	put_number(object, "frame_length", s->frame_length);
	put_number(object, "input", s->input);
	put_number(object, "output", s->output);
	put_addr(object, "local", &s->local);
	put_addr(object, "remote", &s->remote);
	put_number(object, "local_port", s->local_port);
	put_number(object, "remote_port", s->remote_port);
	put_number(object, "proto", s->proto);
	put_number(object, "tcp_flags", s->tcp_flags);
	put_number(object, "icmp_type", s->icmp_type);
	put_number(object, "icmp_code", s->icmp_code);
	put_flag(object, "has_ports", s->has_ports);
	put_flag(object, "outbound", s->outbound);
	put_flag(object, "inner", s->inner);
	put_number(object, "tunnel", s->tunnel);
	put_number(object, "vlan", s->vlan);
	put_number(object, "vni", s->vni);
	put_number(object, "merged", s->merged);
	put_number(object, "merged_bytes", s->merged_bytes);
	put_number(object, "feed_version", s->feed_version);
	json_object_set_new_nocheck(object, "entries", write_entries(s));
	put_number(object, "header_protocol", s->header_protocol);
	put_text(object, "header", sodium_bin2hex(header, sizeof header, s->header, length));
	return object;
}

static json_t *
write_capture(const struct decide_capture *c, const struct walltime *at)
{
	json_t *object = json_object();

	put_number(object, "id", c->id);
	put_number(object, "state", c->state);
	put_number(object, "code", c->code);
	put_text(object, "text", c->text);
	put_flag(object, "manual", c->manual);
	put_text(object, "by", c->by);
	put_text(object, "why", c->why);
	put_text(object, "policy", c->policy);
	if (c->priority != 0)
		json_object_set_new_nocheck(object, "priority", json_integer(c->priority));
	put_time(object, "begun", at, c->begun);
	put_time(object, "ends", at, c->ends);
	put_time(object, "over", at, c->over);
	put_time(object, "moved", at, c->moved);
	put_time(object, "rated", at, c->rated);
	put_number(object, "idle_ns", (uint64_t)c->idle_ns);
	put_number(object, "max_packets", c->max_packets);
	put_number(object, "max_bytes", c->max_bytes);
	put_number(object, "max_bps", c->max_bps);
	put_number(object, "packets", c->packets);
	put_number(object, "bytes", c->bytes);
	put_number(object, "est_bps", c->est_bps);
	put_flag(object, "measured", c->measured);
	put_number(object, "rated_bytes", c->rated_bytes);
	put_number(object, "seen_samples", c->seen_samples);
	put_number(object, "seen_packets", c->seen_packets);
	put_number(object, "seen_bps", c->seen_bps);
	put_flag(object, "edge", c->edge);
	put_number(object, "wide", c->wide);
	put_number(object, "vni", c->vni);
	json_object_set_new_nocheck(object, "filter", write_filter(&c->filter));
	json_object_set_new_nocheck(
	    object, "analyser", write_analyser(c->analyser_name, &c->analyser));
	json_object_set_new_nocheck(object, "saved", write_stamp(at));
	return object;
}

char *
capture_json_write(const struct decide_capture *capture, const struct capture_json_names *names,
    const struct walltime *at)
{
	json_t *object = write_capture(capture, at), *holders = json_array();
	char *text;

	for (unsigned i = 0; i < capture->holder_count && i < DECIDE_HOLDERS_MAX; i++)
		json_array_append_new(
		    holders, write_holder(&capture->holders[i], names->names[i], at));
	json_object_set_new_nocheck(object, "holders", holders);
	if (capture->has_sighting)
		json_object_set_new_nocheck(
		    object, "sighting", write_sighting(&capture->sighting, at));
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

/* Reading: the first key that is wrong is kept in `wrong`; everything after it is ignored. */

struct reader {
	const struct walltime *now;
	struct walltime saved;
	const char *wrong;
};

static uint64_t
get_number(struct reader *reader, const json_t *object, const char *key, uint64_t max)
{
	const json_t *value = json_object_get(object, key);

	if (value == NULL)
		return 0;
	if (!json_is_integer(value) || (uint64_t)json_integer_value(value) > max) {
		reader->wrong = key;
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

static bool
get_flag(struct reader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (value != NULL && !json_is_boolean(value))
		reader->wrong = key;
	return json_is_true(value);
}

static void
get_text(struct reader *reader, const json_t *object, const char *key, char *text, size_t size)
{
	const json_t *value = json_object_get(object, key);
	size_t length = json_string_length(value);

	text[0] = '\0';
	if (value == NULL)
		return;
	if (!json_is_string(value) || length >= size)
		reader->wrong = key;
	else
		memcpy(text, json_string_value(value), length + 1);
}

static struct addr
get_addr(struct reader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	struct addr addr = {0};

	if (value != NULL &&
	    (!json_is_string(value) || addr_parse(json_string_value(value), &addr) < 0))
		reader->wrong = key;
	return addr;
}

static struct prefix
get_prefix(struct reader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	struct prefix prefix = {0};

	if (!json_is_string(value) || prefix_parse(json_string_value(value), &prefix, NULL) < 0)
		reader->wrong = key;
	return prefix;
}

static struct instant
get_time(struct reader *reader, const json_t *object, const char *key)
{
	int64_t wall = (int64_t)get_number(reader, object, key, UINT64_MAX);

	return walltime_to_instant(&reader->saved, reader->now, wall);
}

static void
get_hex(struct reader *reader, const json_t *object, const char *key, uint8_t *bytes, size_t size,
    size_t *ret_length)
{
	const json_t *value = json_object_get(object, key);
	const char *end, *text = json_string_value(value);

	*ret_length = 0;
	if (value == NULL)
		return;
	if (text == NULL ||
	    sodium_hex2bin(bytes, size, text, strlen(text), NULL, ret_length, &end) != 0 ||
	    *end != '\0')
		reader->wrong = key;
}

static void
read_stamp(struct reader *reader, const json_t *object)
{
	size_t length;

	reader->saved.wall_ns = (int64_t)get_number(reader, object, "wall", UINT64_MAX);
	reader->saved.now.ns = (int64_t)get_number(reader, object, "clock", UINT64_MAX);
	get_hex(reader, object, "boot", reader->saved.boot, sizeof reader->saved.boot, &length);
}

static void
read_filter(struct reader *reader, const json_t *object, struct filter *filter)
{
	filter->a = get_prefix(reader, object, "a");
	filter->b = get_prefix(reader, object, "b");
	filter->a_port = (uint16_t)get_number(reader, object, "a_port", UINT16_MAX);
	filter->b_port = (uint16_t)get_number(reader, object, "b_port", UINT16_MAX);
	filter->port = (uint16_t)get_number(reader, object, "port", UINT16_MAX);
	filter->has_proto = json_object_get(object, "proto") != NULL;
	filter->proto = (uint8_t)get_number(reader, object, "proto", UINT8_MAX);
	filter->one_way = get_flag(reader, object, "one_way");
	get_text(reader, object, "iface", filter->iface, sizeof filter->iface);
	if (reader->wrong == NULL && filter_check(filter, NULL) != NULL)
		reader->wrong = "filter";
}

static void
read_analyser(struct reader *reader, const json_t *object, struct decide_capture *c)
{
	get_text(reader, object, "name", c->analyser_name, sizeof c->analyser_name);
	c->analyser.addr = get_addr(reader, object, "addr");
	c->analyser.session = (uint16_t)get_number(reader, object, "session", 1023);
	c->analyser.erspan_type = (uint8_t)get_number(reader, object, "erspan_type", 3);
	c->analyser.ttl = (uint8_t)get_number(reader, object, "ttl", UINT8_MAX);
}

static void
read_holder(struct reader *reader, const json_t *object, uint64_t id, struct decide_holder *holder,
    char *name)
{
	struct holding *said = &holder->said;

	get_text(reader, object, "switch", name, POLICY_NAME_MAX);
	if (name[0] == '\0')
		reader->wrong = "switch";
	holder->wanted = get_flag(reader, object, "wanted");
	holder->way = (enum verdict_way)get_number(reader, object, "way", VERDICT_BACK);
	get_text(reader, object, "iface", holder->iface, sizeof holder->iface);
	if (holder->iface[0] != '\0' && !filter_iface_ok(holder->iface))
		reader->wrong = "iface";
	holder->gone = get_flag(reader, object, "gone");
	holder->told = get_flag(reader, object, "told");
	holder->settled = get_flag(reader, object, "settled");
	holder->dropped = get_time(reader, object, "dropped");
	said->capture = holder->told ? id : 0;
	said->hold = (enum hold)get_number(reader, object, "hold", HOLD_ENDED);
	said->rules = (uint8_t)get_number(reader, object, "rules", UINT8_MAX);
	said->code = (uint16_t)get_number(reader, object, "code", UINT16_MAX);
	get_text(reader, object, "text", said->text, sizeof said->text);
	said->packets = get_number(reader, object, "packets", UINT64_MAX);
	said->bytes = get_number(reader, object, "bytes", UINT64_MAX);
	said->copied = get_number(reader, object, "copied", UINT64_MAX);
	said->dropped = get_number(reader, object, "lost", UINT64_MAX);
	said->held_ms = (uint32_t)get_number(reader, object, "held_ms", UINT32_MAX);
}

static void
read_holders(struct reader *reader, const json_t *array, struct decide_capture *c,
    struct capture_json_names *names)
{
	size_t count = json_array_size(array);

	if (count > DECIDE_HOLDERS_MAX) {
		reader->wrong = "holders";
		return;
	}
	c->holder_count = (unsigned)count;
	for (size_t i = 0; i < count; i++)
		read_holder(
		    reader, json_array_get(array, i), c->id, &c->holders[i], names->names[i]);
}

static void
read_entries(struct reader *reader, const json_t *array, struct sighting *s)
{
	size_t count = json_array_size(array);

	if (count > SIGHTING_ENTRIES_MAX) {
		reader->wrong = "entries";
		return;
	}
	s->entry_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		const json_t *object = json_array_get(array, i);
		struct sighting_entry *entry = &s->entries[i];

		entry->prefix = get_prefix(reader, object, "prefix");
		entry->port = (uint16_t)get_number(reader, object, "port", UINT16_MAX);
		entry->feed = (uint16_t)get_number(reader, object, "feed", UINT16_MAX);
		entry->line = (uint32_t)get_number(reader, object, "line", UINT32_MAX);
	}
}

static void
read_sighting(struct reader *reader, const json_t *object, struct sighting *s)
{
	size_t length;

	s->when = get_time(reader, object, "when");
	s->exporter = get_addr(reader, object, "exporter");
	s->from = get_addr(reader, object, "from");
	s->sub_agent = (uint32_t)get_number(reader, object, "sub_agent", UINT32_MAX);
	s->sampling_rate = (uint32_t)get_number(reader, object, "sampling_rate", UINT32_MAX);
	s->frame_length = (uint32_t)get_number(reader, object, "frame_length", UINT32_MAX);
	s->input = (uint32_t)get_number(reader, object, "input", UINT32_MAX);
	s->output = (uint32_t)get_number(reader, object, "output", UINT32_MAX);
	s->local = get_addr(reader, object, "local");
	s->remote = get_addr(reader, object, "remote");
	s->local_port = (uint16_t)get_number(reader, object, "local_port", UINT16_MAX);
	s->remote_port = (uint16_t)get_number(reader, object, "remote_port", UINT16_MAX);
	s->proto = (uint8_t)get_number(reader, object, "proto", UINT8_MAX);
	s->tcp_flags = (uint8_t)get_number(reader, object, "tcp_flags", UINT8_MAX);
	s->icmp_type = (uint8_t)get_number(reader, object, "icmp_type", UINT8_MAX);
	s->icmp_code = (uint8_t)get_number(reader, object, "icmp_code", UINT8_MAX);
	s->has_ports = get_flag(reader, object, "has_ports");
	s->outbound = get_flag(reader, object, "outbound");
	s->inner = get_flag(reader, object, "inner");
	s->tunnel = (uint8_t)get_number(reader, object, "tunnel", UINT8_MAX);
	s->vlan = (uint16_t)get_number(reader, object, "vlan", UINT16_MAX);
	s->vni = (uint32_t)get_number(reader, object, "vni", UINT32_MAX);
	s->merged = (uint32_t)get_number(reader, object, "merged", UINT32_MAX);
	s->merged_bytes = get_number(reader, object, "merged_bytes", UINT64_MAX);
	s->feed_version = (uint32_t)get_number(reader, object, "feed_version", UINT32_MAX);
	read_entries(reader, json_object_get(object, "entries"), s);
	s->header_protocol = (uint8_t)get_number(reader, object, "header_protocol", UINT8_MAX);
	get_hex(reader, object, "header", s->header, sizeof s->header, &length);
	s->header_length = (uint16_t)length;
}

static void
read_capture(struct reader *reader, const json_t *object, struct decide_capture *c)
{
	const json_t *priority = json_object_get(object, "priority");

	c->id = get_number(reader, object, "id", INT64_MAX);
	c->state = (enum life)get_number(reader, object, "state", LIFE_FAILED);
	if (c->id == 0 || c->state == 0)
		reader->wrong = c->id == 0 ? "id" : "state";
	c->code = (enum result)get_number(reader, object, "code", UINT16_MAX);
	get_text(reader, object, "text", c->text, sizeof c->text);
	c->manual = get_flag(reader, object, "manual");
	get_text(reader, object, "by", c->by, sizeof c->by);
	get_text(reader, object, "why", c->why, sizeof c->why);
	get_text(reader, object, "policy", c->policy, sizeof c->policy);
	if (priority != NULL &&
	    (json_integer_value(priority) < INT32_MIN || json_integer_value(priority) > INT32_MAX))
		reader->wrong = "priority";
	c->priority = (int)json_integer_value(priority);
	c->begun = get_time(reader, object, "begun");
	c->ends = get_time(reader, object, "ends");
	c->over = get_time(reader, object, "over");
	c->moved = get_time(reader, object, "moved");
	c->rated = get_time(reader, object, "rated");
	c->idle_ns = (int64_t)get_number(reader, object, "idle_ns", INT64_MAX);
	c->max_packets = get_number(reader, object, "max_packets", UINT64_MAX);
	c->max_bytes = get_number(reader, object, "max_bytes", UINT64_MAX);
	c->max_bps = get_number(reader, object, "max_bps", UINT64_MAX);
	c->packets = get_number(reader, object, "packets", UINT64_MAX);
	c->bytes = get_number(reader, object, "bytes", UINT64_MAX);
	c->est_bps = get_number(reader, object, "est_bps", UINT64_MAX);
	c->measured = get_flag(reader, object, "measured");
	c->rated_bytes = get_number(reader, object, "rated_bytes", UINT64_MAX);
	c->seen_samples = (unsigned)get_number(reader, object, "seen_samples", UINT32_MAX);
	c->seen_packets = get_number(reader, object, "seen_packets", UINT64_MAX);
	c->seen_bps = get_number(reader, object, "seen_bps", UINT64_MAX);
	c->edge = get_flag(reader, object, "edge");
	c->wide = (enum verdict_wide)get_number(reader, object, "wide", VERDICT_PREFIX);
	c->vni = (uint32_t)get_number(reader, object, "vni", UINT32_MAX);
	read_filter(reader, json_object_get(object, "filter"), &c->filter);
	read_analyser(reader, json_object_get(object, "analyser"), c);
}

int
capture_json_read(const char *text, const struct walltime *now, struct decide_capture *ret_capture,
    struct capture_json_names *ret_names, const char **ret_wrong)
{
	struct reader reader = {.now = now};
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *sighting = json_object_get(object, "sighting");

	*ret_wrong = "object";
	if (!json_is_object(object)) {
		json_decref(object);
		return -EINVAL;
	}
	memset(ret_capture, 0, sizeof *ret_capture);
	memset(ret_names, 0, sizeof *ret_names);
	read_stamp(&reader, json_object_get(object, "saved"));
	read_capture(&reader, object, ret_capture);
	read_holders(&reader, json_object_get(object, "holders"), ret_capture, ret_names);
	ret_capture->has_sighting = sighting != NULL;
	if (sighting != NULL)
		read_sighting(&reader, sighting, &ret_capture->sighting);
	json_decref(object);
	*ret_wrong = reader.wrong;
	return reader.wrong == NULL ? 0 : -EINVAL;
}
