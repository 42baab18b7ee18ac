/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which field of the plain structs is which of the protobuf's: tables that ctl_map.c walks in both
 * directions, so that no field can be written and not read.
 */
#ifndef COMMON_MSG_CTL_FIELDS_H
#define COMMON_MSG_CTL_FIELDS_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "common/msg/ctl_msg.h"

enum ctl_fields_kind {
	CTL_FIELDS_END = 0,
	CTL_FIELDS_NUMBER, /* unsigned of 1, 2, 4 or 8 bytes here, of 4 or 8 there */
	CTL_FIELDS_BOOL,
	CTL_FIELDS_TEXT,   /* char[size] */
	CTL_FIELDS_ADDR,   /* struct addr: no, 4 or 16 bytes */
	CTL_FIELDS_PREFIX, /* struct prefix: an address and its length; no bytes: family 0 */
	CTL_FIELDS_ONE,    /* a struct inside: `table` */
	CTL_FIELDS_MANY,   /* an array of structs: `table`, `size` each */
	CTL_FIELDS_ADDRS,  /* an array of struct addr */
};

struct ctl_fields {
	enum ctl_fields_kind kind;
	size_t in, size; /* where in the struct, bytes (of one item of an array) */
	size_t out;      /* where in the protobuf */
	size_t in_count, out_count, max;
	size_t out_size; /* numbers: 4 or 8 */
	const struct ctl_fields_table *table;
};

struct ctl_fields_table {
	const ProtobufCMessageDescriptor *descriptor;
	const struct ctl_fields *fields;
	size_t size; /* of the struct */
};

extern const struct ctl_fields_table ctl_fields_request, ctl_fields_result;
/* NULL for CTL_ROW_NONE and CTL_ROW_EVENT, which has no struct. */
const struct ctl_fields_table *ctl_fields_row(enum ctl_row kind);

#endif
