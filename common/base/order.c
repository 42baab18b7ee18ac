/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/order.h"

const char *
order_hold_name(enum hold hold)
{
	switch (hold) {
	case HOLD_INSTALLING:
		return "installing";
	case HOLD_IN_KERNEL:
		return "in kernel";
	case HOLD_IN_HARDWARE:
		return "in hardware";
	case HOLD_MIRRORING:
		return "mirroring";
	case HOLD_REMOVING:
		return "removing";
	case HOLD_STUCK:
		return "stuck in hardware";
	case HOLD_FAILED:
		return "failed";
	case HOLD_ENDED:
		return "ended";
	}
	return "";
}
