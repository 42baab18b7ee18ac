/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/wire/wire.h"
#include "tests/support/wire_good.h"

static void
each_type_from_its_side_alone(void **state)
{
	(void)state;
	for (enum wire_type type = WIRE_CONFIG; type < WIRE_TYPE_END; type++) {
		uint8_t buf[WIRE_MAX], again[WIRE_MAX];
		enum wire_side side;
		struct wire_msg msg = wire_good(type, &side), back;
		size_t n = wire_encode(&msg, buf);

		for (enum wire_side s = WIRE_FROM_MAIN; s <= WIRE_FROM_MIRROR; s++) {
			int r = wire_decode(buf, n, s, &back);

			if (r != (s == side ? 0 : -EPERM))
				fail_msg("type %d from side %d: %d", type, s, r);
		}
		assert_int_equal(wire_decode(buf, n, side, &back), 0);
		assert_int_equal(back.type, type);
		assert_int_equal(wire_encode(&back, again), n);
		assert_memory_equal(buf, again, n);
	}
}

static void
exactly_its_size(void **state)
{
	(void)state;
	for (enum wire_type type = WIRE_CONFIG; type < WIRE_TYPE_END; type++) {
		uint8_t buf[WIRE_MAX + 1] = {0};
		enum wire_side side;
		struct wire_msg msg = wire_good(type, &side), back = {.type = WIRE_TYPE_END};
		size_t n = wire_encode(&msg, buf);

		for (size_t size = 0; size < n; size++) {
			uint8_t *cut = malloc(size + (size == 0));

			memcpy(cut, buf, size);
			assert_int_equal(wire_decode(cut, size, side, &back), -EINVAL);
			free(cut);
		}
		assert_int_equal(wire_decode(buf, n + 1, side, &back), -EINVAL);
		assert_int_equal(back.type, WIRE_TYPE_END);
	}
}

static int
put_with(void (*change)(struct wire_put *put))
{
	uint8_t buf[WIRE_MAX];
	struct wire_msg msg = wire_good_put(), back;

	change(&msg.put);
	return wire_decode(buf, wire_encode(&msg, buf), WIRE_FROM_MAIN, &back);
}

#define CHANGE(name, code)                                                                         \
	static void change_##name(struct wire_put *put)                                            \
	{                                                                                          \
		struct order *o = &put->order;                                                     \
		(void)o;                                                                           \
		code;                                                                              \
	}
CHANGE(nothing, (void)0)
CHANGE(port, o->filter.a_port = 1)
CHANGE(host_bits, o->filter.b.addr.bytes[3] = 1)
CHANGE(family, o->filter.b.addr.family = 6)
CHANGE(no_family, o->filter.a.addr.family = 0; o->filter.a.len = 0)
CHANGE(odd_family, o->filter.a.addr.family = 5; o->filter.a.len = 0)
CHANGE(long_address, o->filter.a.addr.bytes[9] = 1)
CHANGE(iface, o->filter.iface[1] = ';')
CHANGE(iface_tail, o->filter.iface[12] = 'x')
CHANGE(iface_end, memset(o->filter.iface, 'a', sizeof o->filter.iface))
CHANGE(session, o->analyser.session = 0)
CHANGE(session_high, o->analyser.session = 1024)
CHANGE(type, o->analyser.erspan_type = 3)
CHANGE(analyser, addr_parse("127.0.0.1", &o->analyser.addr))
CHANGE(no_analyser, memset(&o->analyser.addr, 0, sizeof o->analyser.addr))
CHANGE(proto, o->filter.proto = 1)

static void
a_put_is_checked(void **state)
{
	static void (*const bad[])(struct wire_put *) = {change_port, change_host_bits,
	    change_family, change_no_family, change_odd_family, change_long_address, change_iface,
	    change_iface_tail, change_iface_end, change_session, change_session_high, change_type,
	    change_analyser, change_no_analyser, change_proto};

	(void)state;
	assert_int_equal(put_with(change_nothing), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (put_with(bad[i]) != -EINVAL)
			fail_msg("change %zu was taken", i);
}

/* Where a byte of one message stands in its encoding: found by changing it. */
static size_t
place_of(const struct wire_msg *a, const struct wire_msg *b)
{
	uint8_t x[WIRE_MAX], y[WIRE_MAX];
	size_t n = wire_encode(a, x), at = 0;

	assert_int_equal(wire_encode(b, y), n);
	while (at < n && x[at] == y[at])
		at++;
	assert_true(at < n);
	return at;
}

static int
config_with(size_t at, uint8_t byte)
{
	uint8_t buf[WIRE_MAX];
	struct wire_msg msg = wire_good_config(), back;
	size_t n = wire_encode(&msg, buf);

	buf[at] = byte;
	return wire_decode(buf, n, WIRE_FROM_MAIN, &back);
}

static void
a_configuration_is_checked(void **state)
{
	const struct wire_msg good = wire_good_config();
	struct wire_msg msg = good;

	(void)state;
	msg.config.first = true;
	assert_int_equal(config_with(place_of(&good, &msg), 1), 0);
	assert_int_equal(config_with(place_of(&good, &msg), 2), -EINVAL);
	msg = good;
	msg.config.target = WIRE_TARGET_NFLOG;
	assert_int_equal(config_with(place_of(&good, &msg), WIRE_TARGET_NFLOG + 1), -EINVAL);
	msg = good;
	msg.config.dscp = WIRE_DSCP_MAX;
	assert_int_equal(config_with(place_of(&good, &msg), WIRE_DSCP_MAX), 0);
	assert_int_equal(config_with(place_of(&good, &msg), WIRE_DSCP_MAX + 1), -EINVAL);
	msg = good;
	msg.config.len4 = 32;
	assert_int_equal(config_with(place_of(&good, &msg), 33), -EINVAL);
	msg = good;
	msg.config.table[0] = 'x';
	assert_int_equal(config_with(place_of(&good, &msg), '/'), -EINVAL);
	assert_int_equal(config_with(place_of(&good, &msg), 0), -EINVAL);
	assert_int_equal(config_with(place_of(&good, &msg), '\n'), -EINVAL);
	msg = good;
	msg.config.run_dir[0] = 'x';
	assert_int_equal(config_with(place_of(&good, &msg), '.'), -EINVAL);
	msg = good;
	msg.config.max_rules = 255;
	/* Zero slots; too many. */
	assert_int_equal(config_with(place_of(&good, &msg) + 1, 0), -EINVAL);
	assert_int_equal(config_with(place_of(&good, &msg) + 3, 1), -EINVAL);
}

static void
leases_have_a_limit(void **state)
{
	uint8_t buf[WIRE_MAX];
	struct wire_msg msg = wire_good_put(), other = msg, back;
	size_t n = wire_encode(&msg, buf);
	uint32_t lease;

	(void)state;
	other.put.lease_ms ^= 1;
	size_t at = place_of(&msg, &other);
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t leases[] = {0, WIRE_LEASE_MAX_MS, WIRE_LEASE_MAX_MS + 1};

		lease = leases[i];
		memcpy(buf + at, &lease, sizeof lease);
		assert_int_equal(wire_decode(buf, n, WIRE_FROM_MAIN, &back), i == 1 ? 0 : -EINVAL);
	}
}

static void
no_other_type_nor_magic(void **state)
{
	uint8_t buf[WIRE_MAX];
	struct wire_msg msg = {.type = WIRE_LIST}, back;
	size_t n = wire_encode(&msg, buf);

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		buf[4] = (uint8_t)type;
		int r = wire_decode(buf, n, WIRE_FROM_MAIN, &back);
		if (type == 0 || type >= WIRE_TYPE_END)
			assert_int_equal(r, -EINVAL);
	}
	buf[4] = WIRE_LIST;
	buf[0] ^= 1;
	assert_int_equal(wire_decode(buf, n, WIRE_FROM_MAIN, &back), -EINVAL);
}

static unsigned
open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
descriptors_travel_or_are_closed(void **state)
{
	struct wire_msg msg = {.type = WIRE_SOCKETS}, back;
	int pair[2], fds[3] = {0, 1, 2}, got[3];
	unsigned n = 9;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
	    wire_receive(pair[1], WIRE_FROM_RULES_TO_MIRROR, &back, got, 3, &n), -EAGAIN);
	assert_int_equal(wire_send(pair[0], &msg, fds, 3), 0);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_RULES_TO_MIRROR, &back, got, 3, &n), 0);
	assert_int_equal(n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	/* No room for the third; none wanted; a bad message: none stays open. */
	unsigned before = open_files();
	assert_int_equal(wire_send(pair[0], &msg, fds, 3), 0);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_RULES_TO_MIRROR, &back, got, 2, &n), 0);
	assert_int_equal(n, 2);
	close(got[0]);
	close(got[1]);
	assert_int_equal(wire_send(pair[0], &msg, fds, 3), 0);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_RULES_TO_MIRROR, &back, NULL, 0, NULL), 0);
	assert_int_equal(wire_send(pair[0], &msg, fds, 3), 0);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_MAIN, &back, got, 3, &n), -EPERM);
	assert_int_equal(open_files(), before);
	/* A message larger than any. */
	static uint8_t large[WIRE_MAX + 100];
	assert_int_equal(send(pair[0], large, sizeof large, 0), sizeof large);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_MAIN, &back, NULL, 0, NULL), -EINVAL);
	close(pair[0]);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_MAIN, &back, NULL, 0, NULL), -EPIPE);
	assert_int_equal(wire_send(pair[1], &msg, NULL, 0), -EPIPE);
	close(pair[1]);
}

static void
a_full_queue_says_so(void **state)
{
	struct wire_msg msg = {.type = WIRE_LIST}, back;
	int pair[2], r = 0, n = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	while (n < 100000 && (r = wire_send(pair[0], &msg, NULL, 0)) == 0)
		n++;
	assert_int_equal(r, -EAGAIN);
	for (int i = 0; i < n; i++)
		assert_int_equal(wire_receive(pair[1], WIRE_FROM_MAIN, &back, NULL, 0, NULL), 0);
	assert_int_equal(wire_receive(pair[1], WIRE_FROM_MAIN, &back, NULL, 0, NULL), -EAGAIN);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_type_from_its_side_alone),
	    cmocka_unit_test(exactly_its_size),
	    cmocka_unit_test(a_put_is_checked),
	    cmocka_unit_test(a_configuration_is_checked),
	    cmocka_unit_test(leases_have_a_limit),
	    cmocka_unit_test(no_other_type_nor_magic),
	    cmocka_unit_test(descriptors_travel_or_are_closed),
	    cmocka_unit_test(a_full_queue_says_so),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
