/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place where the ctl protocol's protobuf and its plain structs (ctl_msg.h) meet: packs
 * what is sent, checks what came. Allocates only while a message is unpacked.
 */
#ifndef COMMON_MSG_CTL_MAP_H
#define COMMON_MSG_CTL_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg/ctl_msg.h"

/*
 * Each writes at most `room` bytes; the size, or -EMSGSIZE when it does not fit. A reply is the
 * rows' bytes one behind the other and the result's behind them: protobuf merges what is
 * concatenated, so a page grows row by row without being packed twice. `row` is of the struct that
 * `kind` says; for CTL_ROW_EVENT the text itself.
 */
int ctl_map_pack_request(const struct ctl_request *request, uint8_t *bytes, size_t room);
int ctl_map_pack_row(enum ctl_row kind, const void *row, uint8_t *bytes, size_t room);
int ctl_map_pack_result(const struct ctl_result *result, uint8_t *bytes, size_t room);

/*
 * Reads a request of unknown origin. RESULT_OK, or the code and in `error` a clause that says what
 * is wrong with it: VERSION, BAD_REQUEST, BAD_FILTER (filter_check's words).
 */
enum result ctl_map_unpack_request(
    const uint8_t *bytes, size_t size, struct ctl_request *ret_request, char error[CTL_TEXT_MAX]);

/*
 * Reads a reply, calls `take` for each row in its order (the row lives for the call), then gives
 * the result. Text that is too long is cut, control characters become '?', fields of a newer
 * controller are skipped. 0; -EBADMSG when it is no reply, -EPROTONOSUPPORT when its version is
 * another, -ENOMEM; or the first value that `take` returns that is not 0.
 */
int ctl_map_unpack_reply(const uint8_t *bytes, size_t size,
    int (*take)(void *user, enum ctl_row kind, const void *row), void *user,
    struct ctl_result *ret_result);

#endif
