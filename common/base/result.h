/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Result codes: the published list, the same numbers in the protocol, in JSON and in the manual. A
 * number is never used for anything else afterwards.
 */
#ifndef COMMON_BASE_RESULT_H
#define COMMON_BASE_RESULT_H

/* X(code, name, text) */
#define RESULT_LIST(X)                                                                             \
	X(0, OK, "done")                                                                           \
	X(10, BAD_REQUEST, "the request could not be read")                                        \
	X(11, BAD_FILTER, "the filter cannot be a rule")                                           \
	X(12, NOT_FOUND, "no such thing")                                                          \
	X(13, ALREADY, "it is so already")                                                         \
	X(14, NOT_PERMITTED, "not permitted on this socket")                                       \
	X(15, TOO_LARGE, "the message is too large")                                               \
	X(16, VERSION, "the other side speaks a version this one does not")                        \
	X(17, BUSY, "too busy for it now; try again in a while")                                   \
	X(20, FROZEN, "frozen: nothing new is captured")                                           \
	X(21, RELEASED, "the switch is released: it holds nothing")                                \
	X(22, LIMIT_RULES, "the switch's rule slots are taken")                                    \
	X(23, LIMIT_CAPTURES, "the number of captures is at its limit")                            \
	X(24, LIMIT_RATE, "too many new captures a minute")                                        \
	X(25, LIMIT_BANDWIDTH, "the mirrored bandwidth is at its limit")                           \
	X(26, LIMIT_WIDTH, "the filter is wider than allowed")                                     \
	X(27, LIMIT_DESTINATIONS, "the switch's ERSPAN destinations are taken")                    \
	X(28, TOO_LARGE_FOR_CAPTURE, "too large for capture")                                      \
	X(29, LIMIT_ACL, "the rest of the switch's ACL space is left to the switch")               \
	X(30, NOT_CONNECTED, "the switch is not connected")                                        \
	X(31, NO_AGENT, "no switch is bound to that exporter")                                     \
	X(32, NO_FAMILY, "this switch cannot mirror that address family")                          \
	X(33, NO_TARGET, "the switch has no target that could copy")                               \
	X(34, NO_ROUTE, "no route to the analyser")                                                \
	X(35, DESTINATION_MGMT, "the analyser is reached through the management port")             \
	X(36, DESTINATION_MIRRORED, "the analyser is behind a port that is mirrored")              \
	X(37, TUNNELLED, "where it was seen it runs inside a tunnel")                              \
	X(38, LIMIT_SWITCHES, "more switches than one capture can have")                           \
	X(40, KERNEL, "the kernel refused the rule")                                               \
	X(41, LOCK, "the table lock was held too long by somebody else")                           \
	X(42, HARDWARE, "the switch's hardware refused the rule")                                  \
	X(43, STUCK, "a rule could not be taken out of the hardware")                              \
	X(44, FOREIGN_WRITER, "somebody writes the tables without the lock: changes are stopped")  \
	X(45, RULES_LOST, "somebody took our rules out")                                           \
	X(50, END_DURATION, "its time was over")                                                   \
	X(51, END_IDLE, "nothing was seen for the idle time")                                      \
	X(52, END_PACKETS, "the packet limit was reached")                                         \
	X(53, END_BYTES, "the byte limit was reached")                                             \
	X(54, END_OPERATOR, "stopped by an operator")                                              \
	X(55, END_ALLOWED, "the address is on an allow-list now")                                  \
	X(56, END_DELISTED, "no feed lists the address any more")                                  \
	X(57, END_BUDGET, "ended to keep within the budget")                                       \
	X(58, END_BRAKE, "the switch's own brake ended it")                                        \
	X(59, END_LEASE, "the switch heard nothing from a controller for the lease")               \
	X(60, END_SHUTDOWN, "the agent was shut down")                                             \
	X(61, END_RELEASED, "released")                                                            \
	X(62, END_REVOKED, "the switch's key was revoked")                                         \
	X(63, END_WIDER, "a wider capture takes it over")                                          \
	X(64, END_MOVED, "its host moved to where it cannot be captured")                          \
	X(70, NEVER_CAPTURE, "the address is one that is never captured")                          \
	X(71, COOL_DOWN, "the conversation was captured a short while ago")                        \
	X(72, NOT_LISTED, "no feed lists the address")                                             \
	X(73, EXPORTER_UNKNOWN, "the exporter is not configured")                                  \
	X(74, INBOUND_ONLY, "only the remote side was seen speaking")                              \
	X(75, MORE_SAMPLES, "more samples are needed")                                             \
	X(76, NO_POLICY, "no policy takes that feed")                                              \
	X(77, ALERT_ONLY, "the policy alerts only")                                                \
	X(78, SHADOW_ONLY, "the policy only says what it would do")                                \
	X(79, AMBIGUOUS, "the same addresses exist more than once")                                \
	X(90, INTERNAL, "an internal error")

enum result {
#define RESULT_ENUM(code, name, text) RESULT_##name = (code),
	RESULT_LIST(RESULT_ENUM)
#undef RESULT_ENUM
};

/* "LIMIT_RULES"; "UNKNOWN" for a number that is none of ours. */
const char *result_name(int code);

/* One English clause without a full stop. */
const char *result_text(int code);

#endif
