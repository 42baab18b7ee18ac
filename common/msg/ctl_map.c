/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/msg/ctl_map.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/msg/ctl_fields.h"
#include "proto/finderscope.pb-c.h"

/* What a message points to while it is packed. The largest is a capture with all its holders. */
struct arena {
	alignas(max_align_t) uint8_t mem[16384];
	size_t used;
};

static void *
arena_take(struct arena *arena, size_t size)
{
	void *at = arena->mem + arena->used;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > sizeof arena->mem - arena->used)
		return NULL;
	arena->used += size;
	return at;
}

static uint64_t
number_get(const void *at, size_t size)
{
	uint8_t n8;
	uint16_t n16;
	uint32_t n32;
	uint64_t n64;

	switch (size) {
	case 1:
		return memcpy(&n8, at, 1), n8;
	case 2:
		return memcpy(&n16, at, 2), n16;
	case 4:
		return memcpy(&n32, at, 4), n32;
	default:
		return memcpy(&n64, at, 8), n64;
	}
}

/* False, and the largest number there is, when it does not fit. */
static bool
number_set(void *at, size_t size, uint64_t number)
{
	uint64_t max = size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
	bool fits = number <= max;
	uint8_t n8 = (uint8_t)(fits ? number : max);
	uint16_t n16 = (uint16_t)(fits ? number : max);
	uint32_t n32 = (uint32_t)(fits ? number : max);

	if (size == 1)
		memcpy(at, &n8, 1);
	else if (size == 2)
		memcpy(at, &n16, 2);
	else if (size == 4)
		memcpy(at, &n32, 4);
	else
		memcpy(at, &number, 8);
	return fits;
}

static bool
bytes_put(struct arena *arena, const struct addr *addr, int len, ProtobufCBinaryData *ret_data)
{
	size_t size = addr_bits(addr) / 8;
	uint8_t *copy;

	*ret_data = (ProtobufCBinaryData){0};
	if (size == 0)
		return true;
	copy = arena_take(arena, size + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, addr->bytes, size);
	if (len >= 0)
		copy[size] = (uint8_t)len;
	*ret_data = (ProtobufCBinaryData){.len = size + (len >= 0), .data = copy};
	return true;
}

static bool fill(
    struct arena *arena, const struct ctl_fields_table *table, const uint8_t *in, uint8_t *out);

static ProtobufCMessage *
fill_new(struct arena *arena, const struct ctl_fields_table *table, const uint8_t *in)
{
	void *message = arena_take(arena, table->descriptor->sizeof_message);

	return message && fill(arena, table, in, message) ? message : NULL;
}

static bool
fill_many(struct arena *arena, const struct ctl_fields *field, const uint8_t *in, uint8_t *out)
{
	size_t count = number_get(in + field->in_count, 4);
	ProtobufCMessage **list;

	if (count > field->max)
		count = field->max;
	list = arena_take(arena, count * sizeof *list);
	if (list == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		list[i] = fill_new(arena, field->table, in + field->in + i * field->size);
		if (list[i] == NULL)
			return false;
	}
	memcpy(out + field->out, &list, sizeof list);
	memcpy(out + field->out_count, &count, sizeof count);
	return true;
}

static bool
fill_addrs(struct arena *arena, const struct ctl_fields *field, const uint8_t *in, uint8_t *out)
{
	size_t count = number_get(in + field->in_count, 4);
	ProtobufCBinaryData *list;
	struct addr addr;

	if (count > field->max)
		count = field->max;
	list = arena_take(arena, count * sizeof *list);
	if (list == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		memcpy(&addr, in + field->in + i * field->size, sizeof addr);
		if (!bytes_put(arena, &addr, -1, &list[i]))
			return false;
	}
	memcpy(out + field->out, &list, sizeof list);
	memcpy(out + field->out_count, &count, sizeof count);
	return true;
}

static bool
fill_field(struct arena *arena, const struct ctl_fields *field, const uint8_t *in, uint8_t *out)
{
	const uint8_t *from = in + field->in;
	uint8_t *to = out + field->out;
	ProtobufCBinaryData data;
	ProtobufCMessage *message;
	struct prefix prefix;
	struct addr addr;

	switch (field->kind) {
	case CTL_FIELDS_NUMBER:
		return number_set(to, field->out_size, number_get(from, field->size));
	case CTL_FIELDS_BOOL:
		memcpy(to, &(protobuf_c_boolean){*from != 0}, sizeof(protobuf_c_boolean));
		return true;
	case CTL_FIELDS_TEXT:
		/* protobuf-c has no const; it does not write while it packs. */
		memcpy(to, &from, sizeof from);
		return memchr(from, '\0', field->size) != NULL;
	case CTL_FIELDS_ADDR:
		memcpy(&addr, from, sizeof addr);
		if (!bytes_put(arena, &addr, -1, &data))
			return false;
		memcpy(to, &data, sizeof data);
		return true;
	case CTL_FIELDS_PREFIX:
		memcpy(&prefix, from, sizeof prefix);
		if (!bytes_put(arena, &prefix.addr, prefix.len, &data))
			return false;
		memcpy(to, &data, sizeof data);
		return true;
	case CTL_FIELDS_ONE:
		message = fill_new(arena, field->table, from);
		memcpy(to, &message, sizeof message);
		return message != NULL;
	case CTL_FIELDS_MANY:
		return fill_many(arena, field, in, out);
	case CTL_FIELDS_ADDRS:
		return fill_addrs(arena, field, in, out);
	case CTL_FIELDS_END:
		break;
	}
	return false;
}

static bool
fill(struct arena *arena, const struct ctl_fields_table *table, const uint8_t *in, uint8_t *out)
{
	protobuf_c_message_init(table->descriptor, out);
	for (const struct ctl_fields *f = table->fields; f->kind != CTL_FIELDS_END; f++)
		if (!fill_field(arena, f, in, out))
			return false;
	return true;
}

/* The key and the length of a field of CtlReply, before the field's own bytes. */
static size_t
put_head(unsigned number, size_t size, uint8_t head[12])
{
	size_t n = 0;

	head[n++] = (uint8_t)(number << 3 | 2);
	for (; size >= 0x80; size >>= 7)
		head[n++] = (uint8_t)(size | 0x80);
	head[n++] = (uint8_t)size;
	return n;
}

static int
put_field(unsigned number, const ProtobufCMessage *message, uint8_t *bytes, size_t room)
{
	size_t size = protobuf_c_message_get_packed_size(message), n;
	uint8_t head[12];

	n = put_head(number, size, head);
	if (size > CTL_MESSAGE_MAX || n + size > room)
		return -EMSGSIZE;
	memcpy(bytes, head, n);
	protobuf_c_message_pack(message, bytes + n);
	return (int)(n + size);
}

/* Rows stand in CtlReply in the order of enum ctl_row, behind the result. */
static unsigned
row_number(enum ctl_row kind)
{
	return (unsigned)kind + 1;
}

int
ctl_map_pack_row(enum ctl_row kind, const void *row, uint8_t *bytes, size_t room)
{
	const struct ctl_fields_table *table = ctl_fields_row(kind);
	struct arena arena;
	ProtobufCMessage *message;
	uint8_t head[12];
	size_t size, n;

	if (kind == CTL_ROW_EVENT) {
		size = strlen(row);
		n = put_head(row_number(kind), size, head);
		if (size >= CTL_EVENT_MAX || n + size > room)
			return -EMSGSIZE;
		memcpy(bytes, head, n);
		memcpy(bytes + n, row, size);
		return (int)(n + size);
	}
	arena.used = 0;
	message = table ? fill_new(&arena, table, row) : NULL;
	return message ? put_field(row_number(kind), message, bytes, room) : -EMSGSIZE;
}

int
ctl_map_pack_result(const struct ctl_result *result, uint8_t *bytes, size_t room)
{
	Finderscope__CtlResult message;
	struct arena arena;

	arena.used = 0;
	if (!fill(&arena, &ctl_fields_result, (const uint8_t *)result, (uint8_t *)&message))
		return -EMSGSIZE;
	message.version = CTL_VERSION;
	return put_field(1, &message.base, bytes, room);
}

int
ctl_map_pack_request(const struct ctl_request *request, uint8_t *bytes, size_t room)
{
	Finderscope__CtlRequest message;
	struct arena arena;
	size_t size;

	arena.used = 0;
	if (!fill(&arena, &ctl_fields_request, (const uint8_t *)request, (uint8_t *)&message))
		return -EMSGSIZE;
	message.version = CTL_VERSION;
	if (request->verb != CTL_CAPTURE_START)
		message.start = NULL;
	size = finderscope__ctl_request__get_packed_size(&message);
	if (size > room || size > CTL_MESSAGE_MAX)
		return -EMSGSIZE;
	finderscope__ctl_request__pack(&message, bytes);
	return (int)size;
}

struct reader {
	bool strict;       /* of unknown origin: anything odd is an error, not mended */
	const char *error; /* static */
	const char *field; /* its name in the protocol */
};

static bool
fail(struct reader *reader, const struct ctl_fields_table *table, const struct ctl_fields *field,
    const char *error)
{
	const ProtobufCMessageDescriptor *d = table->descriptor;

	reader->error = error;
	reader->field = "?";
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].offset == field->out)
			reader->field = d->fields[i].name;
	return false;
}

static const char *
read_text(struct reader *reader, const char *from, char *to, size_t size)
{
	size_t n = 0, more;

	for (; *from; from += more ? more : 1) {
		more = text_character(from);
		if (more == 0 && reader->strict)
			return "has a control character or is no UTF-8";
		if (n + (more ? more : 1) >= size) {
			if (reader->strict)
				return "is too long";
			break;
		}
		if (more)
			memcpy(to + n, from, more);
		else
			to[n] = '?';
		n += more ? more : 1;
	}
	memset(to + n, 0, size - n);
	return NULL;
}

static const char *
read_addr(const ProtobufCBinaryData *data, size_t more, struct addr *ret_addr)
{
	if (data->len == 0)
		*ret_addr = (struct addr){0};
	else if (data->len == 4 + more)
		*ret_addr = addr_from_v4(data->data);
	else if (data->len == 16 + more)
		*ret_addr = addr_from_v6(data->data);
	else
		return more ? "is no prefix: 5 or 17 bytes" : "is no address: 4 or 16 bytes";
	return NULL;
}

static const char *
read_prefix(const ProtobufCBinaryData *data, struct prefix *ret_prefix)
{
	const char *error = read_addr(data, 1, &ret_prefix->addr);
	unsigned len;

	ret_prefix->len = 0;
	if (error || data->len == 0)
		return error;
	len = data->data[data->len - 1];
	/* ::ffff:a.b.c.d is IPv4 in here, its length with it. */
	if (data->len == 17 && ret_prefix->addr.family == 4)
		len = len >= 96 ? len - 96 : 255;
	if (len > addr_bits(&ret_prefix->addr))
		return "is a prefix longer than its address";
	*ret_prefix = prefix_make(&ret_prefix->addr, len);
	return NULL;
}

static bool take(
    struct reader *reader, const struct ctl_fields_table *table, const uint8_t *out, uint8_t *in);

static bool
take_many(struct reader *reader, const struct ctl_fields_table *table,
    const struct ctl_fields *field, const uint8_t *out, uint8_t *in)
{
	const uint8_t *list;
	const char *error;
	struct addr addr;
	size_t count;
	uint32_t n;

	memcpy(&count, out + field->out_count, sizeof count);
	memcpy(&list, out + field->out, sizeof list);
	if (count > field->max && reader->strict)
		return fail(reader, table, field, "has too many items");
	count = count > field->max ? field->max : count;
	for (size_t i = 0; i < count; i++) {
		uint8_t *to = in + field->in + i * field->size;
		const uint8_t *item;

		if (field->kind == CTL_FIELDS_MANY) {
			memcpy(&item, list + i * sizeof item, sizeof item);
			if (!take(reader, field->table, item, to))
				return false;
			continue;
		}
		error = read_addr(&((const ProtobufCBinaryData *)(const void *)list)[i], 0, &addr);
		if (error)
			return fail(reader, table, field, error);
		memcpy(to, &addr, sizeof addr);
	}
	n = (uint32_t)count;
	memcpy(in + field->in_count, &n, sizeof n);
	return true;
}

static bool
take_field(struct reader *reader, const struct ctl_fields_table *table,
    const struct ctl_fields *field, const uint8_t *out, uint8_t *in)
{
	const uint8_t *from = out + field->out;
	uint8_t *to = in + field->in;
	const char *error = NULL, *text;
	protobuf_c_boolean flag;
	ProtobufCBinaryData data;
	struct prefix prefix = {0};
	struct addr addr;
	const uint8_t *message;

	switch (field->kind) {
	case CTL_FIELDS_NUMBER:
		if (!number_set(to, field->size, number_get(from, field->out_size)) &&
		    reader->strict)
			error = "is too large a number";
		break;
	case CTL_FIELDS_BOOL:
		memcpy(&flag, from, sizeof flag);
		*to = flag != 0;
		break;
	case CTL_FIELDS_TEXT:
		memcpy(&text, from, sizeof text);
		error = read_text(reader, text, (char *)to, field->size);
		break;
	case CTL_FIELDS_ADDR:
		memcpy(&data, from, sizeof data);
		error = read_addr(&data, 0, &addr);
		if (error == NULL)
			memcpy(to, &addr, sizeof addr);
		break;
	case CTL_FIELDS_PREFIX:
		memcpy(&data, from, sizeof data);
		error = read_prefix(&data, &prefix);
		memcpy(to, &prefix, sizeof prefix);
		break;
	case CTL_FIELDS_ONE:
		memcpy(&message, from, sizeof message);
		return message == NULL || take(reader, field->table, message, to);
	case CTL_FIELDS_MANY:
	case CTL_FIELDS_ADDRS:
		return take_many(reader, table, field, out, in);
	case CTL_FIELDS_END:
		break;
	}
	return error == NULL || fail(reader, table, field, error);
}

static bool
take(struct reader *reader, const struct ctl_fields_table *table, const uint8_t *out, uint8_t *in)
{
	for (const struct ctl_fields *f = table->fields; f->kind != CTL_FIELDS_END; f++)
		if (!take_field(reader, table, f, out, in))
			return false;
	return true;
}

static enum result
check_request(const Finderscope__CtlRequest *message, const struct ctl_request *request,
    char error[CTL_TEXT_MAX])
{
	const char *wrong;

	if (strcmp(ctl_msg_verb_name(request->verb), "unknown") == 0) {
		snprintf(error, CTL_TEXT_MAX, "verb %u is none that this controller knows",
		    (unsigned)request->verb);
		return RESULT_BAD_REQUEST;
	}
	if (request->verb != CTL_CAPTURE_START)
		return RESULT_OK;
	if (message->start == NULL || message->start->filter == NULL) {
		snprintf(error, CTL_TEXT_MAX, "a capture needs a filter");
		return RESULT_BAD_REQUEST;
	}
	wrong = filter_check(&request->start.filter, NULL);
	if (wrong) {
		snprintf(error, CTL_TEXT_MAX, "%s", wrong);
		return RESULT_BAD_FILTER;
	}
	return RESULT_OK;
}

enum result
ctl_map_unpack_request(
    const uint8_t *bytes, size_t size, struct ctl_request *ret_request, char error[CTL_TEXT_MAX])
{
	struct reader reader = {.strict = true};
	struct ctl_request request = {0};
	Finderscope__CtlRequest *message;
	enum result result;

	error[0] = '\0';
	message =
	    size <= CTL_MESSAGE_MAX ? finderscope__ctl_request__unpack(NULL, size, bytes) : NULL;
	if (message == NULL) {
		snprintf(error, CTL_TEXT_MAX, "the request is no CtlRequest message");
		return RESULT_BAD_REQUEST;
	}
	if (message->version != CTL_VERSION) {
		snprintf(error, CTL_TEXT_MAX,
		    "finderscopectl speaks version %u and the controller %u: take both from one "
		    "release",
		    message->version, CTL_VERSION);
		result = RESULT_VERSION;
	} else if (!take(&reader, &ctl_fields_request, (uint8_t *)message, (uint8_t *)&request)) {
		snprintf(error, CTL_TEXT_MAX, "%s of the request %s", reader.field, reader.error);
		result = RESULT_BAD_REQUEST;
	} else {
		result = check_request(message, &request, error);
	}
	finderscope__ctl_request__free_unpacked(message, NULL);
	if (result == RESULT_OK)
		*ret_request = request;
	return result;
}

/* Where the rows of a kind stand in a reply. */
static size_t
rows_of(const Finderscope__CtlReply *reply, enum ctl_row kind, const uint8_t *const **ret_list)
{
	const ProtobufCFieldDescriptor *field =
	    &finderscope__ctl_reply__descriptor.fields[row_number(kind) - 1];
	const uint8_t *base = (const uint8_t *)reply;
	size_t count;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&count, base + field->quantifier_offset, sizeof count);
		memcpy(ret_list, base + field->offset, sizeof *ret_list);
		return count;
	}
	*ret_list = (const uint8_t *const *)(const void *)(base + field->offset);
	return **ret_list != NULL;
}

union row {
	struct ctl_status status;
	struct ctl_counter counter;
	struct ctl_agent agent;
	struct ctl_exporter exporter;
	struct ctl_capture capture;
	struct ctl_plan plan;
	struct ctl_feed feed;
	struct ctl_match match;
	struct ctl_step step;
	char event[CTL_EVENT_MAX];
};

static int
take_rows(const Finderscope__CtlReply *reply, union row *row,
    int (*sink)(void *user, enum ctl_row kind, const void *row), void *user)
{
	struct reader reader = {.strict = false};
	const uint8_t *const *list;

	for (enum ctl_row kind = CTL_ROW_STATUS; kind <= CTL_ROW_EVENT; kind++) {
		size_t count = rows_of(reply, kind, &list);

		for (size_t i = 0; i < count; i++) {
			int r;

			memset(row, 0, sizeof *row);
			if (kind == CTL_ROW_EVENT)
				read_text(
				    &reader, (const char *)list[i], row->event, sizeof row->event);
			else if (!take(&reader, ctl_fields_row(kind), list[i], (uint8_t *)row))
				return -EBADMSG;
			r = sink(user, kind, row);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

int
ctl_map_unpack_reply(const uint8_t *bytes, size_t size,
    int (*take_row)(void *user, enum ctl_row kind, const void *row), void *user,
    struct ctl_result *ret_result)
{
	struct reader reader = {.strict = false};
	struct ctl_result result = {0};
	Finderscope__CtlReply *reply;
	union row *row;
	int r;

	reply = size <= CTL_MESSAGE_MAX ? finderscope__ctl_reply__unpack(NULL, size, bytes) : NULL;
	if (reply == NULL)
		return -EBADMSG;
	row = malloc(sizeof *row);
	if (row == NULL)
		r = -ENOMEM;
	else if (reply->result == NULL)
		r = -EBADMSG;
	else if (reply->result->version != CTL_VERSION)
		r = -EPROTONOSUPPORT;
	else if (!take(&reader, &ctl_fields_result, (uint8_t *)reply->result, (uint8_t *)&result))
		r = -EBADMSG;
	else
		r = take_rows(reply, row, take_row, user);
	free(row);
	finderscope__ctl_reply__free_unpacked(reply, NULL);
	if (r == 0)
		*ret_result = result;
	return r;
}
