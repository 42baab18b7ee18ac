/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Good messages between the agent's processes, for tests to send whole or spoiled. */
#ifndef FINDERSCOPE_TESTS_SUPPORT_WIRE_GOOD_H
#define FINDERSCOPE_TESTS_SUPPORT_WIRE_GOOD_H

#include "agent/wire/wire.h"

struct wire_msg wire_good_config(void);
struct wire_msg wire_good_put(void);

/* One of any type, and who may say it. */
struct wire_msg wire_good(enum wire_type type, enum wire_side *ret_side);

#endif
