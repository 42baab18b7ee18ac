/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes over the control socket, either way: bytes, or edits of a good request or reply. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/ctl_map.h"
#include "tests/support/edits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[CTL_MESSAGE_MAX], again[CTL_MESSAGE_MAX];

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static size_t
good_request(void)
{
	struct ctl_request r = {.verb = CTL_CAPTURE_START};

	prefix_parse("10.1.0.2", &r.start.filter.a, NULL);
	prefix_parse("198.51.100.9", &r.start.filter.b, NULL);
	snprintf(r.start.on, sizeof r.start.on, "leaf1");
	snprintf(r.name, sizeof r.name, "x");
	r.id = 7;
	addr_parse("10.1.0.2", &r.addr);
	return (size_t)ctl_map_pack_request(&r, buf, sizeof buf);
}

static size_t
good_reply(void)
{
	static struct ctl_capture capture;
	struct ctl_result result = {.code = RESULT_OK};
	struct ctl_match match = {.list = "drop", .port = 1};
	int n;

	memset(&capture, 0, sizeof capture);
	capture.id = 17;
	capture.holder_count = 2;
	prefix_parse("10.1.0.2", &capture.filter.a, NULL);
	prefix_parse("198.51.100.9", &capture.filter.b, NULL);
	n = ctl_map_pack_row(CTL_ROW_CAPTURE, &capture, buf, sizeof buf);
	n += ctl_map_pack_row(CTL_ROW_MATCH, &match, buf + n, sizeof buf - (size_t)n);
	n += ctl_map_pack_row(CTL_ROW_EVENT, "{\"event\":1}", buf + n, sizeof buf - (size_t)n);
	n += ctl_map_pack_result(&result, buf + n, sizeof buf - (size_t)n);
	return (size_t)n;
}

/* A row that was read can be sent on. */
static int
take_row(void *user, enum ctl_row kind, const void *row)
{
	(void)user;
	must(ctl_map_pack_row(kind, row, again, sizeof again) > 0 || kind == CTL_ROW_CAPTURE);
	return 0;
}

static void
try_request(const uint8_t *bytes, size_t size)
{
	struct ctl_request request, back;
	char error[CTL_TEXT_MAX];

	memset(&request, 0, sizeof request);
	if (ctl_map_unpack_request(bytes, size, &request, error) != RESULT_OK) {
		must(memchr(error, '\0', sizeof error) != NULL && error[0] != '\0');
		return;
	}
	if (request.verb == CTL_CAPTURE_START)
		must(filter_check(&request.start.filter, NULL) == NULL);
	int n = ctl_map_pack_request(&request, again, sizeof again);
	must(n > 0);
	must(ctl_map_unpack_request(again, (size_t)n, &back, error) == RESULT_OK);
	if (request.verb == CTL_CAPTURE_START)
		must(memcmp(&request, &back, sizeof back) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_result result;
	size_t n;

	if (size < 1)
		return 0;
	if (data[0] & 2) {
		n = size - 1 < sizeof buf ? size - 1 : sizeof buf;
		memcpy(buf, data + 1, n);
	} else {
		n = data[0] & 1 ? good_reply() : good_request();
		n = edits_apply(data + 1, size - 1, buf, n);
	}
	uint8_t *exact = malloc(n + (n == 0));
	memcpy(exact, buf, n);
	if (data[0] & 1)
		(void)ctl_map_unpack_reply(exact, n, take_row, NULL, &result);
	else
		try_request(exact, n);
	free(exact);
	return 0;
}
