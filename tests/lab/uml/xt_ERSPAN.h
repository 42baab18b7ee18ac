/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data of the test-only ERSPAN target, shared by xt_ERSPAN.c (kernel) and libxt_ERSPAN.c
 * (iptables) and by nobody else. The magic number and the odd order are there so that a guess at a
 * layout fails loudly.
 */
#ifndef XT_ERSPAN_H
#define XT_ERSPAN_H

#include <linux/types.h>

#define XT_ERSPAN_MAGIC 0x46534552u

struct xt_erspan_info {
	__u8 ttl;
	__u8 unused[3];
	__be32 to;
	__u32 magic;
	__be32 from;
};

#endif
