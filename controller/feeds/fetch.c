/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "common/base/clk.h"
#include "common/base/text.h"

#define WAIT_FDS_MAX 8
#define HEADER_FILE_MAX 16384
#define CONNECT_SECONDS 15L
#define SLOW_BYTES 100L /* a second, for SLOW_SECONDS: given up */
#define SLOW_SECONDS 30L
#define RETRY_SECONDS_MAX 86400L

struct transfer {
	TAILQ_ENTRY(transfer) all;
	CURL *easy;
	struct curl_slist *headers;
	size_t room, max;
	bool too_big, followed, proxied;
	char curl_error[CURL_ERROR_SIZE];
	struct fetch_result result;
};

struct fetch {
	CURLM *multi;
	char *user_agent;
	TAILQ_HEAD(, transfer) transfers;
};

int
fetch_new(const char *user_agent, struct fetch **ret_fetch)
{
	struct fetch *fetch;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	fetch = calloc(1, sizeof *fetch);
	if (!fetch)
		return -ENOMEM;
	TAILQ_INIT(&fetch->transfers);
	fetch->multi = curl_multi_init();
	fetch->user_agent = strdup(user_agent);
	if (!fetch->multi || !fetch->user_agent) {
		fetch_free(&fetch);
		return -ENOMEM;
	}
	curl_multi_setopt(fetch->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 2L);
	curl_multi_setopt(fetch->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 16L);
	*ret_fetch = fetch;
	return 0;
}

static void
transfer_free(struct fetch *fetch, struct transfer *t)
{
	TAILQ_REMOVE(&fetch->transfers, t, all);
	if (t->easy) {
		curl_multi_remove_handle(fetch->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	free(t->result.body);
	free(t);
}

void
fetch_free(struct fetch **fetch)
{
	if (!*fetch)
		return;
	while (!TAILQ_EMPTY(&(*fetch)->transfers))
		transfer_free(*fetch, TAILQ_FIRST(&(*fetch)->transfers));
	if ((*fetch)->multi)
		curl_multi_cleanup((*fetch)->multi);
	free((*fetch)->user_agent);
	free(*fetch);
	*fetch = NULL;
	curl_global_cleanup();
}

/* curl's write callback: the body, up to the limit. */
static size_t
on_body(char *data, size_t one, size_t count, void *context)
{
	struct transfer *t = context;
	struct fetch_result *result = &t->result;
	size_t size = one * count;

	if (size > t->max - result->size) {
		t->too_big = true;
		return 0;
	}
	if (result->size + size > t->room) {
		size_t room = t->room ? t->room * 2 : 65536;
		char *more;

		while (room < result->size + size)
			room *= 2;
		more = realloc(result->body, room);
		if (!more)
			return 0;
		result->body = more;
		t->room = room;
	}
	memcpy(result->body + result->size, data, size);
	result->size += size;
	return size;
}

/* The value of a header line when it has that name and fits. */
static void
keep_header(const char *data, size_t size, const char *name, char value[FETCH_TAG_MAX])
{
	size_t n = strlen(name);

	if (size <= n || strncasecmp(data, name, n) != 0)
		return;
	data += n;
	size -= n;
	while (size > 0 && (*data == ' ' || *data == '\t')) {
		data++;
		size--;
	}
	while (
	    size > 0 && (data[size - 1] == '\r' || data[size - 1] == '\n' || data[size - 1] == ' '))
		size--;
	if (size >= FETCH_TAG_MAX)
		size = 0;
	memcpy(value, data, size);
	value[size] = '\0';
}

static size_t
on_header(char *data, size_t one, size_t count, void *context)
{
	struct fetch_result *result = &((struct transfer *)context)->result;
	size_t size = one * count;

	/* A new response begins, after a redirect perhaps: what the one before said is void. */
	if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
		result->etag[0] = result->modified[0] = '\0';
	keep_header(data, size, "etag:", result->etag);
	keep_header(data, size, "last-modified:", result->modified);
	return size;
}

static int
add_header(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

/* The secrets' file. Its lines are never in an error. */
static int
read_headers(struct transfer *t, const char *path, char error[FETCH_ERROR_MAX])
{
	char text[HEADER_FILE_MAX + 1], *save = NULL;
	FILE *file = fopen(path, "re");
	unsigned number = 0;
	struct stat st;
	size_t size;

	if (!file || fstat(fileno(file), &st) < 0) {
		snprintf(error, FETCH_ERROR_MAX, "header file %.120s: %s", path, strerror(errno));
		if (file)
			fclose(file);
		return -EIO;
	}
	if (st.st_mode & S_IRWXO) {
		snprintf(error, FETCH_ERROR_MAX,
		    "header file %.120s: everybody may read it (mode %03o); chmod o= %.60s", path,
		    (unsigned)st.st_mode & 0777, path);
		fclose(file);
		return -EPERM;
	}
	size = fread(text, 1, sizeof text, file);
	fclose(file);
	if (size > HEADER_FILE_MAX) {
		snprintf(error, FETCH_ERROR_MAX, "header file %.120s: over %d bytes", path,
		    HEADER_FILE_MAX);
		return -EFBIG;
	}
	text[size] = '\0';
	for (char *line = strtok_r(text, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		number++;
		if (line[0] == '#')
			continue;
		if (!strchr(line, ':')) {
			snprintf(error, FETCH_ERROR_MAX,
			    "header file %.120s: line %u is not \"Name: value\"", path, number);
			return -EINVAL;
		}
		if (add_header(t, line) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
set_headers(struct transfer *t, const struct fetch_request *request, char error[FETCH_ERROR_MAX])
{
	char line[FETCH_TAG_MAX + 32];
	int r = 0;

	if (request->etag[0]) {
		snprintf(line, sizeof line, "If-None-Match: %.255s", request->etag);
		r = add_header(t, line);
	}
	if (r == 0 && request->modified[0]) {
		snprintf(line, sizeof line, "If-Modified-Since: %.255s", request->modified);
		r = add_header(t, line);
	}
	if (r == 0 && request->header_file[0])
		r = read_headers(t, request->header_file, error);
	return r;
}

static void
set_options(struct fetch *fetch, struct transfer *t, const struct fetch_request *request)
{
	CURL *easy = t->easy;
	bool secure = strncasecmp(request->url, "https:", 6) == 0;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_error);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, fetch->user_agent);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* What began under TLS stays under it. */
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	t->followed = !request->header_file[0];
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, t->followed ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* What a server sends beyond the length it announced must not answer the next question. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	/* A name server that does not answer is not waited for once the transfer is given up. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout_ns / CLK_MS) + 1);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (request->ca_file[0]) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	t->proxied = request->proxy[0] != '\0';
	if (t->proxied)
		curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
}

int
fetch_start(struct fetch *fetch, const struct fetch_request *request, char error[FETCH_ERROR_MAX])
{
	struct transfer *t = calloc(1, sizeof *t);
	int r;

	snprintf(error, FETCH_ERROR_MAX, "out of memory");
	if (!t)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&fetch->transfers, t, all);
	t->result.owner = request->owner;
	t->max = request->max_bytes;
	r = set_headers(t, request, error);
	if (r == 0 && !(t->easy = curl_easy_init()))
		r = -ENOMEM;
	if (r == 0) {
		set_options(fetch, t, request);
		if (curl_multi_add_handle(fetch->multi, t->easy) != CURLM_OK)
			r = -ENOMEM;
	}
	if (r < 0)
		transfer_free(fetch, t);
	return r;
}

void
fetch_cancel(struct fetch *fetch, uint64_t owner)
{
	struct transfer *t = TAILQ_FIRST(&fetch->transfers), *next;

	for (; t; t = next) {
		next = TAILQ_NEXT(t, all);
		if (t->result.owner == owner)
			transfer_free(fetch, t);
	}
}

int
fetch_wait(struct fetch *fetch, const int *fds, size_t fd_count, int timeout_ms)
{
	struct curl_waitfd wait[WAIT_FDS_MAX];
	struct transfer *t;
	int running, open = 0;

	if (fd_count > WAIT_FDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < fd_count; i++)
		wait[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
	TAILQ_FOREACH(t, &fetch->transfers, all)
	open++;
	if (curl_multi_perform(fetch->multi, &running) != CURLM_OK)
		return -EIO;
	/* One that ended just now has no descriptor that would wake the poll. */
	if (running < open)
		timeout_ms = 0;
	if (curl_multi_poll(fetch->multi, wait, (unsigned)fd_count, timeout_ms, NULL) != CURLM_OK ||
	    curl_multi_perform(fetch->multi, &running) != CURLM_OK)
		return -EIO;
	return 0;
}

/* What an operator would think of first. Never the server's own words. */
static const char *
status_says(long status, bool followed)
{
	if (status >= 300 && status < 400)
		return followed ? ": a redirect to nowhere"
				: ": a redirect, not followed with a header file";
	switch (status) {
	case 204:
	case 206:
		return ": not the whole list";
	case 401:
	case 403:
	case 407:
		return ": not allowed (an API key, in header_file?)";
	case 404:
	case 410:
		return ": there is no such page (any more)";
	case 429:
		return ": asked too often";
	default:
		return status >= 500 ? ": the server has trouble of its own" : "";
	}
}

/* Says what a finished transfer came to. */
static void
conclude(struct transfer *t, CURLcode code)
{
	struct fetch_result *result = &t->result;
	const char *text = t->curl_error[0] ? t->curl_error : curl_easy_strerror(code);
	long status = 0, redirects = 0;
	curl_off_t asked_us = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_COUNT, &redirects);
	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &asked_us);
	result->unreached = code != CURLE_OK && asked_us == 0 && redirects == 0;
	if (code == CURLE_OK && (status == 429 || status == 503)) {
		curl_off_t seconds = 0;

		curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &seconds);
		if (seconds > 0)
			result->retry_ns =
			    (seconds < RETRY_SECONDS_MAX ? seconds : RETRY_SECONDS_MAX) * CLK_S;
	}
	if (t->too_big || code == CURLE_FILESIZE_EXCEEDED)
		snprintf(result->error, sizeof result->error,
		    "the body is over the limit of %zu bytes", t->max);
	else if (code == CURLE_TOO_MANY_REDIRECTS)
		snprintf(result->error, sizeof result->error, "more than %d redirects",
		    FETCH_REDIRECTS_MAX);
	else if (code == CURLE_UNSUPPORTED_PROTOCOL && status >= 300 && status < 400)
		snprintf(result->error, sizeof result->error,
		    "HTTP %ld: a redirect to neither http nor https (from https: to no https) is "
		    "not "
		    "followed",
		    status);
	else if (code == CURLE_UNSUPPORTED_PROTOCOL)
		snprintf(result->error, sizeof result->error,
		    "the answer is no HTTP (another service on that port?): %.120s", text);
	else if (code == CURLE_SSL_CONNECT_ERROR)
		snprintf(result->error, sizeof result->error,
		    "no TLS connection could be made: %.160s", text);
	else if (code == CURLE_COULDNT_CONNECT && t->proxied)
		snprintf(result->error, sizeof result->error, "the proxy: %.160s", text);
	else if (code == CURLE_OUT_OF_MEMORY)
		/* curl says the same of both. */
		snprintf(result->error, sizeof result->error,
		    "out of memory, or a header line of over 100 KiB");
	else if (code != CURLE_OK)
		snprintf(result->error, sizeof result->error, "%.200s", text);
	else if (status == 304)
		result->unchanged = true;
	else if (status != 200)
		snprintf(result->error, sizeof result->error, "HTTP %ld%s", status,
		    status_says(status, t->followed));
	text_one_line(result->error);
}

bool
fetch_next(struct fetch *fetch, struct fetch_result *ret_result)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetch->multi, &left))) {
		struct transfer *t = NULL;
		char *private = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		t = (struct transfer *)(void *)private;
		conclude(t, message->data.result);
		*ret_result = t->result;
		if (ret_result->error[0] || ret_result->unchanged)
			ret_result->body = NULL;
		else {
			t->result.body = NULL;
			if (!ret_result->body)
				ret_result->body = calloc(1, 1);
			if (!ret_result->body)
				snprintf(
				    ret_result->error, sizeof ret_result->error, "out of memory");
		}
		transfer_free(fetch, t);
		return true;
	}
	return false;
}
