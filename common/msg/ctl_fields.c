/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/msg/ctl_fields.h"

#include "proto/finderscope.pb-c.h"

/* In each table S is the struct and P the protobuf's; their fields have the same names. */
#define BASE(name) .in = offsetof(S, name), .size = sizeof((S *)0)->name, .out = offsetof(P, name)
#define NUMBER(name)                                                                               \
	{                                                                                          \
		.kind = CTL_FIELDS_NUMBER, BASE(name), .out_size = sizeof((P *)0)->name            \
	}
#define BOOL(name)                                                                                 \
	{                                                                                          \
		.kind = CTL_FIELDS_BOOL, BASE(name)                                                \
	}
#define TEXT(name)                                                                                 \
	{                                                                                          \
		.kind = CTL_FIELDS_TEXT, BASE(name)                                                \
	}
#define ADDR(name)                                                                                 \
	{                                                                                          \
		.kind = CTL_FIELDS_ADDR, BASE(name)                                                \
	}
#define PREFIX(name)                                                                               \
	{                                                                                          \
		.kind = CTL_FIELDS_PREFIX, BASE(name)                                              \
	}
#define ONE(name, of)                                                                              \
	{                                                                                          \
		.kind = CTL_FIELDS_ONE, BASE(name), .table = &(of)                                 \
	}
#define ARRAY(name, count)                                                                         \
	.in = offsetof(S, name), .size = sizeof((S *)0)->name[0], .out = offsetof(P, name),        \
	.in_count = offsetof(S, count), .out_count = offsetof(P, n_##name),                        \
	.max = sizeof((S *)0)->name / sizeof((S *)0)->name[0]
#define MANY(name, count, of)                                                                      \
	{                                                                                          \
		.kind = CTL_FIELDS_MANY, ARRAY(name, count), .table = &(of)                        \
	}
#define ADDRS(name, count)                                                                         \
	{                                                                                          \
		.kind = CTL_FIELDS_ADDRS, ARRAY(name, count)                                       \
	}
#define END                                                                                        \
	{                                                                                          \
		.kind = CTL_FIELDS_END                                                             \
	}

#define S struct filter
#define P Finderscope__CtlFilter
static const struct ctl_fields filter_fields[] = {
    PREFIX(a),
    PREFIX(b),
    NUMBER(a_port),
    NUMBER(b_port),
    NUMBER(port),
    BOOL(has_proto),
    NUMBER(proto),
    BOOL(one_way),
    TEXT(iface),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table filter = {.descriptor = &finderscope__ctl_filter__descriptor,
    .fields = filter_fields,
    .size = sizeof(struct filter)};

#define S struct filter_match
#define P Finderscope__CtlMatchRule
static const struct ctl_fields rule_fields[] = {
    PREFIX(src),
    PREFIX(dst),
    NUMBER(src_port),
    NUMBER(dst_port),
    BOOL(has_proto),
    NUMBER(proto),
    TEXT(iface),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table rule = {.descriptor = &finderscope__ctl_match_rule__descriptor,
    .fields = rule_fields,
    .size = sizeof(struct filter_match)};

#define S struct ctl_start
#define P Finderscope__CtlStart
static const struct ctl_fields start_fields[] = {
    ONE(filter, filter),
    TEXT(on),
    TEXT(to),
    NUMBER(for_ms),
    NUMBER(idle_ms),
    NUMBER(max_packets),
    NUMBER(max_bytes),
    NUMBER(max_bps),
    BOOL(dry_run),
    TEXT(why),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table start = {.descriptor = &finderscope__ctl_start__descriptor,
    .fields = start_fields,
    .size = sizeof(struct ctl_start)};

#define S struct ctl_status
#define P Finderscope__CtlStatus
static const struct ctl_fields status_fields[] = {
    TEXT(version),
    NUMBER(pid),
    NUMBER(uptime_ms),
    BOOL(frozen),
    BOOL(released_all),
    TEXT(frozen_why),
    NUMBER(agents_connected),
    NUMBER(agents_known),
    NUMBER(agents_waiting),
    NUMBER(exporters),
    NUMBER(exporters_unknown),
    NUMBER(exporters_silent),
    NUMBER(captures),
    NUMBER(captures_max),
    NUMBER(starts_minute),
    NUMBER(starts_minute_max),
    NUMBER(mirrored_bps),
    NUMBER(mirrored_bps_max),
    NUMBER(feeds),
    NUMBER(feeds_failing),
    NUMBER(entries),
    NUMBER(datagrams),
    NUMBER(samples),
    NUMBER(sightings),
    NUMBER(bad_datagrams),
    NUMBER(lost_samples),
    NUMBER(ring_dropped),
    NUMBER(mirror_copies),
    NUMBER(loop_longest_us),
    NUMBER(loop_longest_held_us),
    TEXT(loop_longest_doing),
    NUMBER(loop_lately_us),
    NUMBER(loop_lately_held_us),
    TEXT(loop_lately_doing),
    TEXT(fingerprint),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table status = {.descriptor = &finderscope__ctl_status__descriptor,
    .fields = status_fields,
    .size = sizeof(struct ctl_status)};

#define S struct ctl_counter
#define P Finderscope__CtlCounter
static const struct ctl_fields counter_fields[] = {
    TEXT(name),
    NUMBER(value),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table counter = {.descriptor = &finderscope__ctl_counter__descriptor,
    .fields = counter_fields,
    .size = sizeof(struct ctl_counter)};

#define S struct ctl_agent
#define P Finderscope__CtlAgent
static const struct ctl_fields agent_fields[] = {
    TEXT(name),
    TEXT(fingerprint),
    NUMBER(state),
    TEXT(version),
    TEXT(host),
    TEXT(system),
    TEXT(target),
    TEXT(backend),
    ADDRS(addrs, addr_count),
    ADDR(peer),
    NUMBER(heard_ms),
    NUMBER(session_ms),
    NUMBER(captures),
    NUMBER(rules),
    NUMBER(rules_max),
    NUMBER(mirrored_bps),
    BOOL(released),
    BOOL(no_ipv6),
    NUMBER(code),
    TEXT(text),
    NUMBER(destinations),
    NUMBER(destinations_max),
    NUMBER(hosts),
    NUMBER(commits),
    NUMBER(lock_waits),
    NUMBER(fights),
    NUMBER(foreign_lost),
    NUMBER(mirror_lost),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table agent = {.descriptor = &finderscope__ctl_agent__descriptor,
    .fields = agent_fields,
    .size = sizeof(struct ctl_agent)};

#define S struct ctl_exporter
#define P Finderscope__CtlExporter
static const struct ctl_fields exporter_fields[] = {
    ADDR(addr),
    ADDR(source),
    TEXT(agent),
    BOOL(known),
    NUMBER(datagrams),
    NUMBER(samples),
    NUMBER(lost_samples),
    NUMBER(bad),
    NUMBER(sightings),
    NUMBER(counters),
    NUMBER(rate),
    NUMBER(heard_ms),
    TEXT(text),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table exporter = {
    .descriptor = &finderscope__ctl_exporter__descriptor,
    .fields = exporter_fields,
    .size = sizeof(struct ctl_exporter)};

#define S struct ctl_holder
#define P Finderscope__CtlHolder
static const struct ctl_fields holder_fields[] = {
    TEXT(name),
    NUMBER(hold),
    NUMBER(rules),
    NUMBER(code),
    TEXT(text),
    NUMBER(packets),
    NUMBER(bytes),
    NUMBER(copied),
    NUMBER(dropped),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table holder = {.descriptor = &finderscope__ctl_holder__descriptor,
    .fields = holder_fields,
    .size = sizeof(struct ctl_holder)};

#define S struct ctl_capture
#define P Finderscope__CtlCapture
static const struct ctl_fields capture_fields[] = {
    NUMBER(id),
    ONE(filter, filter),
    NUMBER(state),
    NUMBER(code),
    TEXT(text),
    BOOL(manual),
    TEXT(by),
    TEXT(reason),
    TEXT(analyser),
    ADDR(to),
    NUMBER(session),
    NUMBER(age_ms),
    NUMBER(left_ms),
    NUMBER(lease_ms),
    NUMBER(idle_ms),
    NUMBER(max_packets),
    NUMBER(max_bytes),
    NUMBER(packets),
    NUMBER(bytes),
    NUMBER(est_bps),
    BOOL(measured),
    NUMBER(est_samples),
    NUMBER(est_error),
    NUMBER(est_packets),
    NUMBER(first_bps),
    MANY(holders, holder_count, holder),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table capture = {.descriptor = &finderscope__ctl_capture__descriptor,
    .fields = capture_fields,
    .size = sizeof(struct ctl_capture)};

#define S struct ctl_plan
#define P Finderscope__CtlPlan
static const struct ctl_fields plan_fields[] = {
    TEXT(name),
    ONE(match, rule),
    NUMBER(code),
    TEXT(text),
    NUMBER(rules),
    NUMBER(rules_max),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table plan = {.descriptor = &finderscope__ctl_plan__descriptor,
    .fields = plan_fields,
    .size = sizeof(struct ctl_plan)};

#define S struct ctl_feed
#define P Finderscope__CtlFeed
static const struct ctl_fields feed_fields[] = {
    TEXT(name),
    TEXT(url),
    TEXT(state),
    TEXT(text),
    NUMBER(entries),
    NUMBER(entries4),
    NUMBER(entries6),
    NUMBER(bad_lines),
    NUMBER(sightings),
    NUMBER(age_ms),
    NUMBER(next_ms),
    NUMBER(interval_ms),
    NUMBER(failures),
    TEXT(revision),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table feed = {.descriptor = &finderscope__ctl_feed__descriptor,
    .fields = feed_fields,
    .size = sizeof(struct ctl_feed)};

#define S struct ctl_match
#define P Finderscope__CtlMatch
static const struct ctl_fields match_fields[] = {
    TEXT(list),
    TEXT(kind),
    PREFIX(prefix),
    NUMBER(port),
    TEXT(text),
    NUMBER(sightings),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table match = {.descriptor = &finderscope__ctl_match__descriptor,
    .fields = match_fields,
    .size = sizeof(struct ctl_match)};

#define S struct ctl_step
#define P Finderscope__CtlStep
static const struct ctl_fields step_fields[] = {
    TEXT(name),
    BOOL(passed),
    NUMBER(code),
    TEXT(text),
    END,
};
#undef S
#undef P
static const struct ctl_fields_table step = {.descriptor = &finderscope__ctl_step__descriptor,
    .fields = step_fields,
    .size = sizeof(struct ctl_step)};

#define S struct ctl_request
#define P Finderscope__CtlRequest
static const struct ctl_fields request_fields[] = {
    NUMBER(verb),
    NUMBER(cursor),
    TEXT(name),
    TEXT(text),
    NUMBER(id),
    NUMBER(for_ms),
    NUMBER(count),
    BOOL(all),
    BOOL(follow),
    ADDR(addr),
    ADDR(other),
    NUMBER(port),
    ONE(start, start),
    NUMBER(vni),
    END,
};
#undef S
#undef P
const struct ctl_fields_table ctl_fields_request = {
    .descriptor = &finderscope__ctl_request__descriptor,
    .fields = request_fields,
    .size = sizeof(struct ctl_request)};

#define S struct ctl_result
#define P Finderscope__CtlResult
static const struct ctl_fields result_fields[] = {
    NUMBER(code),
    TEXT(text),
    NUMBER(cursor),
    NUMBER(id),
    NUMBER(lost),
    END,
};
#undef S
#undef P
const struct ctl_fields_table ctl_fields_result = {
    .descriptor = &finderscope__ctl_result__descriptor,
    .fields = result_fields,
    .size = sizeof(struct ctl_result)};

const struct ctl_fields_table *
ctl_fields_row(enum ctl_row kind)
{
	switch (kind) {
	case CTL_ROW_STATUS:
		return &status;
	case CTL_ROW_COUNTER:
		return &counter;
	case CTL_ROW_AGENT:
		return &agent;
	case CTL_ROW_EXPORTER:
		return &exporter;
	case CTL_ROW_CAPTURE:
		return &capture;
	case CTL_ROW_PLAN:
		return &plan;
	case CTL_ROW_FEED:
		return &feed;
	case CTL_ROW_MATCH:
		return &match;
	case CTL_ROW_STEP:
		return &step;
	case CTL_ROW_NONE:
	case CTL_ROW_EVENT:
		return NULL;
	}
	return NULL;
}
