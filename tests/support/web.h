/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small web server on loopback for tests: pages that are right, and pages that go wrong in one
 * chosen way. */
#ifndef TESTS_SUPPORT_WEB_H
#define TESTS_SUPPORT_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum web_manner {
	WEB_PLAIN,
	WEB_CUT,     /* announces twice the length, sends the body, closes */
	WEB_MORE,    /* announces half the length, sends the body, keeps the connection */
	WEB_ENDLESS, /* sends the body over and over until the other side closes */
	WEB_SLOW,    /* sends the body's first byte, then nothing for a long time */
	WEB_LOOP,    /* redirects to itself */
	WEB_REPEAT,  /* sends the body over and over until WEB_REPEAT_SIZE bytes, as announced */
};

#define WEB_REPEAT_SIZE ((size_t)200 << 20)

struct web;

/* Listens on 127.0.0.1, any port, on threads of its own. Asserts on failure. */
struct web *web_new(void);
void web_free(struct web **web);
uint16_t web_port(const struct web *web);
/* "http://127.0.0.1:PORT" + path */
void web_url(const struct web *web, const char *path, char *url, size_t size);

/*
 * Puts a page (body is copied); replaces the one before. With an etag, a request that names it gets
 * a 304; so does one that names a Last-Modified of `headers`. A path without a page is a 404.
 * `headers` is "" or whole lines, each with CRLF.
 */
void web_put(struct web *web, const char *path, int status, enum web_manner manner,
    const void *body, size_t size, const char *etag, const char *headers);

/* Requests for a path so far, and what its last request said (up to 4 KiB, NUL-terminated). */
unsigned web_asked(struct web *web, const char *path, char request[4096]);

/*
 * The files of a folder over TLS (`openssl s_server`), with a certificate of its own for 127.0.0.1
 * that is valid until 2049, or until 2020: FOLDER/ca.pem, which is made here. Returns the server's
 * process id, to be ended with web_secure_end, and its port; 0 where there is no openssl.
 */
int web_secure(const char *folder, bool expired, uint16_t *ret_port);
void web_secure_end(int pid);

#endif
