/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single transfers from a real web server: good ones, and each way in which one goes wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/feeds/fetch.h"
#include "tests/support/web.h"

struct fixture {
	char folder[64], file[128];
	struct web *web;
	struct fetch *fetch;
	char url[256];
	struct fetch_request request;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	snprintf(f->folder, sizeof f->folder, "/tmp/finderscope-fetch.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->file, sizeof f->file, "%s/header", f->folder);
	f->web = web_new();
	assert_int_equal(fetch_new("finderscope/test", &f->fetch), 0);
	f->request = (struct fetch_request){.owner = 7,
	    .url = f->url,
	    .etag = "",
	    .modified = "",
	    .header_file = "",
	    .ca_file = "",
	    .proxy = "",
	    .timeout_ns = 30 * CLK_S,
	    .max_bytes = 1 << 20};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	fetch_free(&f->fetch);
	web_free(&f->web);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Fetches a path to its end; the result's body is the caller's. */
static struct fetch_result
get(struct fixture *f, const char *path)
{
	struct instant end = clk_add(clk_now(), 60 * CLK_S);
	struct fetch_result result;
	char error[FETCH_ERROR_MAX];

	web_url(f->web, path, f->url, sizeof f->url);
	if (fetch_start(f->fetch, &f->request, error) < 0)
		fail_msg("%s", error);
	while (!fetch_next(f->fetch, &result)) {
		assert_true(clk_before(clk_now(), end));
		assert_int_equal(fetch_wait(f->fetch, NULL, 0, 100), 0);
	}
	assert_int_equal(result.owner, 7);
	assert_true(result.error[0] == '\0' || result.body == NULL);
	return result;
}

static void
fails(struct fixture *f, const char *path, const char *says)
{
	struct fetch_result result = get(f, path);

	if (!strstr(result.error, says))
		fail_msg("%s: \"%s\" does not say \"%s\"", path, result.error, says);
	assert_null(result.body);
}

static void
asks_with_manners(void **state)
{
	struct fixture *f = *state;
	struct fetch_result result;
	char request[4096];

	web_put(f->web, "/l", 200, WEB_PLAIN, "198.51.100.9\n", 13, "\"one\"",
	    "Last-Modified: Tue, 01 Oct 2024 00:00:00 GMT\r\n");
	result = get(f, "/l");
	assert_string_equal(result.error, "");
	assert_false(result.unchanged);
	assert_int_equal(result.size, 13);
	assert_string_equal(result.etag, "\"one\"");
	assert_string_equal(result.modified, "Tue, 01 Oct 2024 00:00:00 GMT");
	free(result.body);
	web_asked(f->web, "/l", request);
	assert_non_null(strstr(request, "User-Agent: finderscope/test\r\n"));
	assert_non_null(strstr(request, "Accept-Encoding: gzip\r\n"));
	assert_null(strstr(request, "If-"));

	f->request.etag = "\"one\"";
	result = get(f, "/l");
	assert_true(result.unchanged);
	assert_null(result.body);
	f->request.etag = "";
	f->request.modified = "Tue, 01 Oct 2024 00:00:00 GMT";
	result = get(f, "/l");
	assert_true(result.unchanged);
	web_asked(f->web, "/l", request);
	assert_non_null(strstr(request, "If-Modified-Since: Tue, 01 Oct 2024 00:00:00 GMT\r\n"));
	f->request.modified = "";
	web_put(f->web, "/l", 200, WEB_PLAIN, "", 0, "", "");
	result = get(f, "/l");
	assert_int_equal(result.size, 0);
	assert_non_null(result.body);
	assert_string_equal(result.etag, "");
	free(result.body);
}

static void
each_failure_says_why(void **state)
{
	struct fixture *f = *state;
	char cut[] = "cut short", elsewhere[128];
	struct instant start;

	fails(f, "/nothing", "HTTP 404: there is no such page");
	web_put(f->web, "/500", 500, WEB_PLAIN, "oops", 4, "", "");
	fails(f, "/500", "HTTP 500");
	web_put(f->web, "/204", 204, WEB_PLAIN, "", 0, "", "");
	fails(f, "/204", "HTTP 204: not the whole list");
	web_put(f->web, "/401", 401, WEB_PLAIN, "log in", 6, "", "");
	fails(f, "/401", "HTTP 401: not allowed");
	web_put(f->web, "/loop", 302, WEB_LOOP, "", 0, "", "");
	fails(f, "/loop", "more than 5 redirects");
	assert_int_equal(web_asked(f->web, "/loop", NULL), 6);
	web_put(f->web, "/cut", 200, WEB_CUT, cut, sizeof cut, "", "");
	fails(f, "/cut", "transfer closed with");
	web_put(f->web, "/endless", 200, WEB_ENDLESS, cut, sizeof cut, "", "");
	fails(f, "/endless", "over the limit of 1048576 bytes");
	web_put(f->web, "/announced", 200, WEB_REPEAT, cut, sizeof cut, "", "");
	fails(f, "/announced", "over the limit of 1048576 bytes");
	web_put(f->web, "/damaged", 200, WEB_PLAIN, "\x1f\x8b\x08junk", 7, "",
	    "Content-Encoding: gzip\r\n");
	fails(f, "/damaged", "");
	f->request.timeout_ns = CLK_S / 2;
	web_put(f->web, "/slow", 200, WEB_SLOW, cut, sizeof cut, "", "");
	start = clk_now();
	fails(f, "/slow", "timed out");
	assert_true(clk_diff(clk_now(), start) >= CLK_S / 2);
	f->request.timeout_ns = 30 * CLK_S;
	/* Elsewhere is fine, a file of this machine is not. */
	snprintf(
	    elsewhere, sizeof elsewhere, "Location: http://127.0.0.1:%u/500\r\n", web_port(f->web));
	web_put(f->web, "/moved", 301, WEB_PLAIN, "", 0, "", elsewhere);
	fails(f, "/moved", "HTTP 500");
	web_put(f->web, "/inward", 301, WEB_PLAIN, "", 0, "", "Location: file:///etc/passwd\r\n");
	fails(f, "/inward", "HTTP 301: a redirect to neither http nor https");
	web_put(f->web, "/nowhere", 302, WEB_PLAIN, "", 0, "", "");
	fails(f, "/nowhere", "HTTP 302: a redirect to nowhere");
	f->request.proxy = "127.0.0.1:1";
	fails(f, "/500", "the proxy: ");
	f->request.proxy = "";
	/* What a server says is shown, and no terminal obeys it. */
	web_put(f->web, "/escape", 301, WEB_PLAIN, "", 0, "",
	    "Location: http://\xc2\x9b\x9b.invalid/\r\n");
	fails(f, "/escape", "");
	assert_null(strchr(get(f, "/escape").error, '\x9b'));
}

/* What it sends too much is not what the next question is answered with. */
static void
a_server_that_sends_more_than_it_says(void **state)
{
	struct fixture *f = *state;
	struct fetch_result result;

	web_put(f->web, "/more", 200, WEB_MORE,
	    "192.0.2.1\n"
	    "192.0.2.2\n",
	    20, "", "");
	web_put(f->web, "/l", 200, WEB_PLAIN, "192.0.2.3\n", 10, "", "");
	result = get(f, "/more");
	assert_string_equal(result.error, "");
	assert_int_equal(result.size, 10);
	free(result.body);
	result = get(f, "/l");
	assert_string_equal(result.error, "");
	assert_int_equal(result.size, 10);
	assert_memory_equal(result.body, "192.0.2.3\n", 10);
	free(result.body);
}

static void
a_server_may_ask_for_peace(void **state)
{
	struct fixture *f = *state;
	struct fetch_result result;

	web_put(f->web, "/busy", 429, WEB_PLAIN, "", 0, "", "Retry-After: 120\r\n");
	result = get(f, "/busy");
	assert_string_equal(result.error, "HTTP 429: asked too often");
	assert_true(result.retry_ns == 120 * CLK_S);
	web_put(f->web, "/busy", 503, WEB_PLAIN, "", 0, "", "Retry-After: 99999999999\r\n");
	result = get(f, "/busy");
	assert_true(result.retry_ns == 86400 * CLK_S);
	web_put(f->web, "/busy", 503, WEB_PLAIN, "", 0, "", "");
	result = get(f, "/busy");
	assert_true(result.retry_ns == 0);
}

static void
write_header_file(const struct fixture *f, const char *text, mode_t mode)
{
	FILE *file = fopen(f->file, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(f->file, mode), 0);
}

static void
refuses_header_file(struct fixture *f, const char *says)
{
	char error[FETCH_ERROR_MAX];

	web_url(f->web, "/l", f->url, sizeof f->url);
	assert_true(fetch_start(f->fetch, &f->request, error) < 0);
	assert_non_null(strstr(error, says));
	assert_null(strstr(error, "s3cret"));
}

static void
keys_come_from_a_file_and_go_nowhere_else(void **state)
{
	struct fixture *f = *state;
	struct fetch_result result;
	char request[4096], moved[128];

	f->request.header_file = f->file;
	refuses_header_file(f, "No such file");
	write_header_file(f, "X-Key: s3cret\n", 0644);
	refuses_header_file(f, "everybody may read it");
	write_header_file(f, "X-Key: s3cret\ns3cret\n", 0640);
	refuses_header_file(f, "line 2 is not \"Name: value\"");
	write_header_file(f, "# a comment\nX-Key: s3cret\r\nX-More: yes\n", 0640);
	web_put(f->web, "/l", 200, WEB_PLAIN, "x", 1, "", "");
	result = get(f, "/l");
	assert_string_equal(result.error, "");
	free(result.body);
	web_asked(f->web, "/l", request);
	assert_non_null(strstr(request, "X-Key: s3cret\r\n"));
	assert_non_null(strstr(request, "X-More: yes\r\n"));
	assert_null(strstr(request, "comment"));
	snprintf(moved, sizeof moved, "Location: http://127.0.0.1:%u/other\r\n", web_port(f->web));
	web_put(f->web, "/moved", 302, WEB_PLAIN, "", 0, "", moved);
	web_put(f->web, "/other", 200, WEB_PLAIN, "x", 1, "", "");
	fails(f, "/moved", "redirect, not followed with a header file");
	assert_int_equal(web_asked(f->web, "/other", NULL), 0);
}

static void
through_a_proxy_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct fetch_result result;
	char error[FETCH_ERROR_MAX], proxy[64], request[4096];

	/* A proxy is asked for the whole URL; the name is its to resolve. */
	web_put(f->web, "http://nobody.invalid/list", 200, WEB_PLAIN, "198.51.100.9\n", 13, "", "");
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", web_port(f->web));
	f->request.proxy = proxy;
	snprintf(f->url, sizeof f->url, "http://nobody.invalid/list");
	assert_int_equal(fetch_start(f->fetch, &f->request, error), 0);
	while (!fetch_next(f->fetch, &result))
		assert_int_equal(fetch_wait(f->fetch, NULL, 0, 100), 0);
	assert_string_equal(result.error, "");
	assert_int_equal(result.size, 13);
	free(result.body);
	assert_int_equal(web_asked(f->web, "http://nobody.invalid/list", request), 1);
	/* One that is not there is an error, and no reason to go past it. */
	web_put(f->web, "/l", 200, WEB_PLAIN, "x", 1, "", "");
	f->request.proxy = "http://127.0.0.1:1";
	fails(f, "/l", "connect");
	assert_int_equal(web_asked(f->web, "/l", NULL), 0);
}

static void
nobody_there(void **state)
{
	struct fixture *f = *state;
	struct fetch_result result;
	char error[FETCH_ERROR_MAX];

	f->request.timeout_ns = 10 * CLK_S;
	snprintf(f->url, sizeof f->url, "http://nobody.invalid/list");
	assert_int_equal(fetch_start(f->fetch, &f->request, error), 0);
	while (!fetch_next(f->fetch, &result))
		assert_int_equal(fetch_wait(f->fetch, NULL, 0, 100), 0);
	if (!strstr(result.error, "resolve") && !strstr(result.error, "timed out"))
		fail_msg("\"%s\"", result.error);
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:1/list");
	assert_int_equal(fetch_start(f->fetch, &f->request, error), 0);
	while (!fetch_next(f->fetch, &result))
		assert_int_equal(fetch_wait(f->fetch, NULL, 0, 100), 0);
	assert_non_null(strstr(result.error, "connect"));
	/* What is forgotten gives no result, and an open transfer keeps nobody from ending. */
	web_put(f->web, "/slow", 200, WEB_SLOW, "x", 1, "", "");
	web_url(f->web, "/slow", f->url, sizeof f->url);
	assert_int_equal(fetch_start(f->fetch, &f->request, error), 0);
	assert_int_equal(fetch_wait(f->fetch, NULL, 0, 50), 0);
	fetch_cancel(f->fetch, 7);
	assert_int_equal(fetch_wait(f->fetch, NULL, 0, 50), 0);
	assert_false(fetch_next(f->fetch, &result));
	assert_int_equal(fetch_start(f->fetch, &f->request, error), 0);
}

static void
certificates_are_checked(void **state)
{
	struct fixture *f = *state;
	char ca[128], folder[96], list[128];
	struct fetch_result result;
	uint16_t port;
	FILE *file;
	int pid;

	for (int expired = 0; expired < 2; expired++) {
		snprintf(folder, sizeof folder, "%s/%d", f->folder, expired);
		assert_int_equal(mkdir(folder, 0755), 0);
		pid = web_secure(folder, expired != 0, &port);
		if (pid == 0) {
			print_message("# no openssl: not tried\n");
			skip();
		}
		snprintf(ca, sizeof ca, "%s/ca.pem", folder);
		snprintf(list, sizeof list, "%s/list", folder);
		file = fopen(list, "w");
		assert_non_null(file);
		fputs("198.51.100.9\n", file);
		fclose(file);
		f->request.ca_file = ca;
		for (int known = 1; known >= 0; known--) {
			char error[FETCH_ERROR_MAX];

			f->request.ca_file = known ? ca : "";
			snprintf(f->url, sizeof f->url, "https://127.0.0.1:%u/list", port);
			assert_int_equal(fetch_start(f->fetch, &f->request, error), 0);
			while (!fetch_next(f->fetch, &result))
				assert_int_equal(fetch_wait(f->fetch, NULL, 0, 100), 0);
			if (!known)
				assert_non_null(strstr(result.error, "certificate"));
			else if (expired)
				assert_non_null(strstr(result.error, "certificate has expired"));
			else {
				assert_string_equal(result.error, "");
				assert_memory_equal(result.body, "198.51.100.9\n", 13);
			}
			free(result.body);
		}
		web_secure_end(pid);
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(asks_with_manners),
	    WITH(each_failure_says_why),
	    WITH(a_server_that_sends_more_than_it_says),
	    WITH(a_server_may_ask_for_peace),
	    WITH(keys_come_from_a_file_and_go_nowhere_else),
	    WITH(through_a_proxy_or_not_at_all),
	    WITH(nobody_there),
	    WITH(certificates_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
