/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/ctl_map.h"
#include "controller/serve/serve_ask.h"
#include "tests/support/canned_serve.h"

struct seen {
	unsigned rows;
	struct ctl_result result;
};

static int
count(void *user, enum ctl_row kind, const void *row)
{
	struct seen *seen = user;

	(void)row;
	seen->rows += kind != CTL_ROW_NONE;
	return 0;
}

static struct serve_reply reply;

static struct seen
read_reply(void)
{
	struct seen seen = {.rows = 0};

	assert_true(reply.used > 0 && reply.used <= CTL_MESSAGE_MAX);
	assert_int_equal(
	    ctl_map_unpack_reply(reply.page, reply.used, count, &seen, &seen.result), 0);
	return seen;
}

static struct seen
ask(struct canned_serve *canned, bool writes, const struct ctl_request *request)
{
	struct serve_peer peer = {.writes = writes, .name = "somebody"};

	serve_ask(canned_serve_ops(), canned, &peer, request, &reply);
	return read_reply();
}

/* Each verb by itself: on the read-only socket exactly those that write are refused. */
static void
the_read_only_socket_only_reads(void **state)
{
	(void)state;
	for (int verb = CTL_STATUS; verb <= CTL_AGENT_GO_ON; verb++) {
		struct canned_serve canned = {.many = 0};
		struct ctl_request request = {.verb = (enum ctl_verb)verb,
		    .name = "leaf1",
		    .text = "dead-beef-dead-beef",
		    .id = 7};
		struct seen seen;

		assert_int_equal(addr_parse("198.51.100.9", &request.addr), 0);
		seen = ask(&canned, false, &request);
		assert_int_equal(seen.result.code == RESULT_NOT_PERMITTED,
		    ctl_msg_verb_writes((enum ctl_verb)verb));
		if (ctl_msg_verb_writes((enum ctl_verb)verb))
			assert_int_equal(seen.rows, 0);
		seen = ask(&canned, true, &request);
		assert_int_not_equal(seen.result.code, RESULT_NOT_PERMITTED);
	}
}

static void
what_lacks_something_is_refused(void **state)
{
	static const struct {
		enum ctl_verb verb;
		const char *says;
	} cases[] = {
	    {CTL_AGENT_ACCEPT, "a fingerprint is needed"},
	    {CTL_AGENT_FORGET, "a name is needed"},
	    {CTL_AGENT_GO_ON, "a name is needed"},
	    {CTL_RELEASE, "a name is needed"},
	    {CTL_CAPTURE_STOP, "a capture's id is needed"},
	    {CTL_CAPTURE_EXTEND, "a capture's id is needed"},
	    {CTL_LOOKUP, "an address is needed"},
	    {CTL_EXPLAIN, "an address is needed"},
	};
	struct canned_serve canned = {.many = 0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ctl_request request = {.verb = cases[i].verb};
		struct seen seen = ask(&canned, true, &request);

		assert_int_equal(seen.result.code, RESULT_BAD_REQUEST);
		assert_non_null(strstr(seen.result.text, cases[i].says));
	}
}

static void
what_a_controller_cannot_do_is_said(void **state)
{
	static const struct serve_ops none;
	struct serve_peer peer = {.writes = true};
	struct ctl_request request = {.verb = CTL_STATUS};
	struct seen seen;

	(void)state;
	serve_ask(&none, NULL, &peer, &request, &reply);
	seen = read_reply();
	assert_int_equal(seen.result.code, RESULT_NOT_FOUND);
	assert_non_null(strstr(seen.result.text, "this controller cannot do status"));
}

/* A refusal takes rows that stood on the page already away. */
static void
a_refusal_has_no_rows(void **state)
{
	struct canned_serve canned = {.frozen = true};
	struct ctl_request request = {.verb = CTL_CAPTURE_START};
	struct seen seen = ask(&canned, true, &request);

	(void)state;
	assert_int_equal(seen.result.code, RESULT_FROZEN);
	assert_int_equal(seen.rows, 0);
	serve_ask_refuse(&reply, RESULT_BUSY, "later");
	seen = read_reply();
	assert_int_equal(seen.result.code, RESULT_BUSY);
	assert_string_equal(seen.result.text, "later");
}

static void
pages_end_where_they_are_full(void **state)
{
	struct canned_serve canned = {.many = 5000};
	struct ctl_request request = {.verb = CTL_EXPORTERS};
	unsigned rows = 0, pages = 0;

	(void)state;
	do {
		struct seen seen = ask(&canned, false, &request);

		assert_int_equal(seen.result.code, RESULT_OK);
		rows += seen.rows;
		request.cursor = seen.result.cursor;
	} while (++pages < 1000 && request.cursor);
	assert_int_equal(rows, 5000);
	assert_true(pages > 1 && pages < 100);
}

/* One event that no page would ever hold is counted, not asked for again for ever. */
static void
what_no_page_holds_is_lost(void **state)
{
	char *huge = malloc(CTL_MESSAGE_MAX + 1);
	struct seen seen;

	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', CTL_MESSAGE_MAX);
	huge[CTL_MESSAGE_MAX] = '\0';
	serve_ask_event(&reply, huge, 3);
	seen = read_reply();
	assert_int_equal(seen.rows, 0);
	assert_int_equal(seen.result.lost, 4);
	serve_ask_event(&reply, "{}", 3);
	seen = read_reply();
	assert_int_equal(seen.rows, 1);
	assert_int_equal(seen.result.lost, 3);
	free(huge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_read_only_socket_only_reads),
	    cmocka_unit_test(what_lacks_something_is_refused),
	    cmocka_unit_test(what_a_controller_cannot_do_is_said),
	    cmocka_unit_test(a_refusal_has_no_rows),
	    cmocka_unit_test(pages_end_where_they_are_full),
	    cmocka_unit_test(what_no_page_holds_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
