/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables against the protobuf's own descriptors: no field forgotten, none of another size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/msg/ctl_fields.h"

static const ProtobufCFieldDescriptor *
field_at(const ProtobufCMessageDescriptor *d, size_t offset)
{
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].offset == offset)
			return &d->fields[i];
	return NULL;
}

static void check_table(const struct ctl_fields_table *table);

static void
check_number(const struct ctl_fields *f, const ProtobufCFieldDescriptor *p)
{
	bool wide = p->type == PROTOBUF_C_TYPE_UINT64 || p->type == PROTOBUF_C_TYPE_FIXED64;

	assert_true(wide || p->type == PROTOBUF_C_TYPE_UINT32);
	assert_int_equal(f->out_size, wide ? 8 : 4);
	assert_true(f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8);
}

static void
check_field(const struct ctl_fields_table *table, const struct ctl_fields *f)
{
	const ProtobufCFieldDescriptor *p = field_at(table->descriptor, f->out);
	bool many = f->kind == CTL_FIELDS_MANY || f->kind == CTL_FIELDS_ADDRS;

	if (!p)
		fail_msg("%s: no field at %zu", table->descriptor->name, f->out);
	assert_true(f->in + f->size * (many ? f->max : 1) <= table->size);
	assert_int_equal(p->label == PROTOBUF_C_LABEL_REPEATED, many);
	if (many) {
		assert_int_equal(p->quantifier_offset, f->out_count);
		assert_true(f->in_count + 4 <= table->size);
	}
	switch (f->kind) {
	case CTL_FIELDS_NUMBER:
		check_number(f, p);
		break;
	case CTL_FIELDS_BOOL:
		assert_int_equal(p->type, PROTOBUF_C_TYPE_BOOL);
		assert_int_equal(f->size, 1);
		break;
	case CTL_FIELDS_TEXT:
		assert_int_equal(p->type, PROTOBUF_C_TYPE_STRING);
		assert_true(f->size > 1);
		break;
	case CTL_FIELDS_ADDR:
	case CTL_FIELDS_ADDRS:
		assert_int_equal(p->type, PROTOBUF_C_TYPE_BYTES);
		assert_int_equal(f->size, sizeof(struct addr));
		break;
	case CTL_FIELDS_PREFIX:
		assert_int_equal(p->type, PROTOBUF_C_TYPE_BYTES);
		assert_int_equal(f->size, sizeof(struct prefix));
		break;
	case CTL_FIELDS_ONE:
	case CTL_FIELDS_MANY:
		assert_int_equal(p->type, PROTOBUF_C_TYPE_MESSAGE);
		assert_ptr_equal(p->descriptor, f->table->descriptor);
		assert_int_equal(f->size, f->table->size);
		check_table(f->table);
		break;
	case CTL_FIELDS_END:
		fail();
	}
}

static void
check_table(const struct ctl_fields_table *table)
{
	unsigned n = 0;

	for (const struct ctl_fields *f = table->fields; f->kind != CTL_FIELDS_END; f++, n++) {
		check_field(table, f);
		for (const struct ctl_fields *g = table->fields; g < f; g++)
			assert_true(g->in != f->in && g->out != f->out);
	}
	/* A version is the mapper's own; everything else of the message is in the table. */
	n += protobuf_c_message_descriptor_get_field_by_name(table->descriptor, "version") &&
	     (table == &ctl_fields_request || table == &ctl_fields_result);
	if (n != table->descriptor->n_fields)
		fail_msg("%s: %u of %u fields are mapped", table->descriptor->name, n,
		    table->descriptor->n_fields);
}

static void
requests_and_results(void **state)
{
	(void)state;
	assert_int_equal(ctl_fields_request.size, sizeof(struct ctl_request));
	assert_int_equal(ctl_fields_result.size, sizeof(struct ctl_result));
	check_table(&ctl_fields_request);
	check_table(&ctl_fields_result);
}

static void
rows(void **state)
{
	(void)state;
	for (enum ctl_row kind = CTL_ROW_STATUS; kind < CTL_ROW_EVENT; kind++) {
		assert_non_null(ctl_fields_row(kind));
		check_table(ctl_fields_row(kind));
	}
	assert_null(ctl_fields_row(CTL_ROW_NONE));
	assert_null(ctl_fields_row(CTL_ROW_EVENT));
	assert_null(ctl_fields_row((enum ctl_row)99));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_and_results),
	    cmocka_unit_test(rows),
	};

	return cmocka_run_group_tests_name("ctl_fields", tests, NULL, NULL);
}
