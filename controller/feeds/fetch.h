/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transfers over http and https with libcurl's multi interface: many at once on one thread, each
 * bounded in time, size and redirects, TLS verified, conditional where a validator is known. A
 * fetcher belongs to one thread.
 */
#ifndef CONTROLLER_FEEDS_FETCH_H
#define CONTROLLER_FEEDS_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_TAG_MAX 256
#define FETCH_ERROR_MAX 256
#define FETCH_REDIRECTS_MAX 5

struct fetch;

struct fetch_request {
	uint64_t owner;          /* given back with the result */
	const char *url;         /* http:// or https:// */
	const char *etag;        /* as it was given, "" is none */
	const char *modified;    /* as it was given, "" is none */
	const char *header_file; /* lines "Name: value", of no use to others (no mode bit for them);
				    "" is none. With it no redirect is followed */
	const char *ca_file;     /* "" is the system's */
	const char *proxy;       /* "" is the environment's */
	int64_t timeout_ns;      /* for all of it */
	size_t max_bytes;
};

struct fetch_result {
	uint64_t owner;
	bool unchanged; /* 304: there is no body */
	char *body;     /* free() it; NULL on an error */
	size_t size;
	char etag[FETCH_TAG_MAX],
	    modified[FETCH_TAG_MAX]; /* "" where there was none, or it was too long */
	char error[FETCH_ERROR_MAX]; /* "" is success */
	bool unreached; /* with an error: no connection came about; nothing was asked of the server
			 */
	int64_t retry_ns; /* with an error: the server asks not to be asked before; 0 is nothing */
};

int fetch_new(const char *user_agent, struct fetch **ret_fetch);
void fetch_free(struct fetch **fetch);

/* Begins a transfer; everything is copied. 0, or a negative errno with one clause in `error`. */
int fetch_start(
    struct fetch *fetch, const struct fetch_request *request, char error[FETCH_ERROR_MAX]);

/* Forgets an owner's transfer; no result comes any more. */
void fetch_cancel(struct fetch *fetch, uint64_t owner);

/* Moves transfers on and waits until one of them, or one of `fds` (readable), has something,
 * `timeout_ms` at most. */
int fetch_wait(struct fetch *fetch, const int *fds, size_t fd_count, int timeout_ms);

/* A transfer that has ended; false when there is none (any more). */
bool fetch_next(struct fetch *fetch, struct fetch_result *ret_result);

#endif
