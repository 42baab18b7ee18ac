/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/msg/ctl_msg.h"

const char *
ctl_msg_verb_name(enum ctl_verb verb)
{
	switch (verb) {
	case CTL_STATUS:
		return "status";
	case CTL_AGENTS:
		return "agents";
	case CTL_AGENT_ACCEPT:
		return "agents accept";
	case CTL_AGENT_FORGET:
		return "agents forget";
	case CTL_AGENT_GO_ON:
		return "agents go-on";
	case CTL_EXPORTERS:
		return "exporters";
	case CTL_CAPTURES:
		return "captures";
	case CTL_CAPTURE_START:
		return "capture start";
	case CTL_CAPTURE_STOP:
		return "capture stop";
	case CTL_CAPTURE_EXTEND:
		return "capture extend";
	case CTL_FEEDS:
		return "feeds";
	case CTL_FEED_REFRESH:
		return "feed refresh";
	case CTL_LOOKUP:
		return "lookup";
	case CTL_EXPLAIN:
		return "explain";
	case CTL_EVENTS:
		return "events";
	case CTL_FREEZE:
		return "freeze";
	case CTL_THAW:
		return "thaw";
	case CTL_RELEASE:
		return "release";
	case CTL_UNRELEASE:
		return "unrelease";
	case CTL_RELOAD:
		return "reload";
	}
	return "unknown";
}

bool
ctl_msg_verb_writes(enum ctl_verb verb)
{
	switch (verb) {
	case CTL_AGENT_ACCEPT:
	case CTL_AGENT_FORGET:
	case CTL_AGENT_GO_ON:
	case CTL_CAPTURE_START:
	case CTL_CAPTURE_STOP:
	case CTL_CAPTURE_EXTEND:
	case CTL_FEED_REFRESH:
	case CTL_FREEZE:
	case CTL_THAW:
	case CTL_RELEASE:
	case CTL_UNRELEASE:
	case CTL_RELOAD:
		return true;
	case CTL_STATUS:
	case CTL_AGENTS:
	case CTL_EXPORTERS:
	case CTL_CAPTURES:
	case CTL_FEEDS:
	case CTL_LOOKUP:
	case CTL_EXPLAIN:
	case CTL_EVENTS:
		return false;
	}
	return true;
}

const char *
ctl_msg_agent_state_name(enum ctl_agent_state state)
{
	switch (state) {
	case CTL_AGENT_WAITING:
		return "waiting";
	case CTL_AGENT_CONNECTED:
		return "connected";
	case CTL_AGENT_SILENT:
		return "silent";
	case CTL_AGENT_NEVER:
		return "never seen";
	}
	return "unknown";
}

const char *
ctl_msg_capture_state_name(enum ctl_capture_state state)
{
	switch (state) {
	case CTL_REQUESTED:
		return "requested";
	case CTL_INSTALLING:
		return "installing";
	case CTL_IN_KERNEL:
		return "in kernel";
	case CTL_IN_HARDWARE:
		return "in hardware";
	case CTL_MIRRORING:
		return "mirroring";
	case CTL_DELIVERED:
		return "delivered";
	case CTL_REMOVING:
		return "removing";
	case CTL_STUCK:
		return "stuck in hardware";
	case CTL_ENDED:
		return "ended";
	case CTL_REFUSED:
		return "refused";
	case CTL_FAILED:
		return "failed";
	}
	return "unknown";
}
