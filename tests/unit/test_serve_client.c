/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/serve/serve_client.h"

static void
make(struct serve_client **ret_client, int *ret_other)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(serve_client_new(pair[0], true, clk_now(), ret_client), 0);
	*ret_other = pair[1];
}

static void
knows_who_it_is(void **state)
{
	struct serve_client *client;
	int other, pipes[2];

	(void)state;
	make(&client, &other);
	assert_int_equal(client->peer.uid, geteuid());
	assert_int_equal(client->peer.pid, getpid());
	assert_true(client->peer.writes);
	assert_true(strlen(client->peer.name) > 0);
	serve_client_free(&client);
	assert_null(client);
	close(other);

	assert_int_equal(pipe(pipes), 0);
	assert_true(serve_client_new(pipes[0], true, clk_now(), &client) < 0);
	close(pipes[0]);
	close(pipes[1]);
}

/* One message waits for a reader that is slow; a second is refused, and nothing is cut or mixed. */
static void
keeps_one_message(void **state)
{
	static uint8_t message[60000], got[65536];
	struct serve_client *client;
	unsigned sent = 0;
	int other, r;

	(void)state;
	make(&client, &other);
	do {
		memset(message, (int)sent, sizeof message);
		r = serve_client_send(client, message, sizeof message, clk_now());
		assert_int_equal(r, 0);
		sent++;
	} while (client->pending == NULL && sent < 1000);
	assert_non_null(client->pending);
	assert_true(client->stuck.ns > 0);
	assert_int_equal(serve_client_send(client, message, sizeof message, clk_now()), -EBUSY);
	assert_int_equal(serve_client_flush(client), -EAGAIN);
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(recv(other, got, sizeof got, 0), sizeof message);
		assert_int_equal(got[0], (uint8_t)i);
		assert_int_equal(got[sizeof message - 1], (uint8_t)i);
		if (client->pending)
			(void)serve_client_flush(client);
	}
	assert_null(client->pending);
	assert_int_equal(serve_client_flush(client), 0);
	close(other);
	r = serve_client_send(client, message, 10, clk_now());
	assert_true(r < 0 && r != -EBUSY);
	serve_client_free(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_who_it_is),
	    cmocka_unit_test(keeps_one_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
