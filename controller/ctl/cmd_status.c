/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

/* No turn of the controller's loop should be longer. */
#define SLOW_US 50000

static void
make_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	*ret_colour = s->frozen || s->released_all ? TEXT_TABLE_WARN : TEXT_TABLE_GOOD;
	snprintf(text, OUT_TEXT_MAX, "%s%s%s%s",
	    s->released_all ? "released: no switch holds a rule"
	    : s->frozen     ? "frozen: nothing new is captured"
			    : "running",
	    s->frozen_why[0] ? " (" : "", s->frozen_why, s->frozen_why[0] ? ")" : "");
}

/* The command that says more. */
static void
point_to(char text[OUT_TEXT_MAX], const char *command)
{
	size_t n = strlen(text);

	snprintf(text + n, OUT_TEXT_MAX - n, ": finderscopectl %s", command);
}

static void
make_agents(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->agents_connected < s->agents_known || s->agents_waiting)
		*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX, "%u of %u connected", s->agents_connected, s->agents_known);
	if (s->agents_waiting)
		snprintf(text + strlen(text), OUT_TEXT_MAX - strlen(text),
		    ", %u waiting to be accepted", s->agents_waiting);
	if (*ret_colour == TEXT_TABLE_WARN)
		point_to(text, "agents");
}

static void
make_exporters(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	snprintf(text, OUT_TEXT_MAX, "%u heard, %u silent, %u unknown", s->exporters,
	    s->exporters_silent, s->exporters_unknown);
	if (s->exporters && s->exporters_silent == 0 && s->exporters_unknown == 0)
		return;
	*ret_colour = TEXT_TABLE_WARN;
	point_to(text, "exporters");
}

static void
make_captures(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->captures_max && s->captures >= s->captures_max)
		*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX, "%u of at most %u; %u in the last minute of at most %u",
	    s->captures, s->captures_max, s->starts_minute, s->starts_minute_max);
}

static void
make_rate(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;
	char now[TEXT_TABLE_UNIT_MAX], max[TEXT_TABLE_UNIT_MAX];

	(void)ret_colour;
	snprintf(text, OUT_TEXT_MAX, "%s", text_table_rate(s->mirrored_bps, now));
	if (s->mirrored_bps_max)
		snprintf(text, OUT_TEXT_MAX, "%s of at most %s", now,
		    text_table_rate(s->mirrored_bps_max, max));
}

static void
make_feeds(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->feeds_failing)
		*ret_colour = TEXT_TABLE_BAD;
	snprintf(text, OUT_TEXT_MAX, "%u with %" PRIu64 " entries%s", s->feeds, s->entries,
	    s->feeds_failing ? "" : ", none failing");
	if (s->feeds_failing) {
		snprintf(text + strlen(text), OUT_TEXT_MAX - strlen(text), ", %u failing",
		    s->feeds_failing);
		point_to(text, "feeds");
	}
}

static void
make_turns(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	/* A turn that nobody felt is for programs. */
	if (s->loop_lately_held_us <= SLOW_US)
		return;
	*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX,
	    "%.1f ms in the last minute (%s), %.1f ms since the start (%s); with waits for a "
	    "processor %.1f and %.1f ms",
	    (double)s->loop_lately_held_us / 1000,
	    s->loop_lately_doing[0] ? s->loop_lately_doing : "nothing",
	    (double)s->loop_longest_held_us / 1000,
	    s->loop_longest_doing[0] ? s->loop_longest_doing : "nothing",
	    (double)s->loop_lately_us / 1000, (double)s->loop_longest_us / 1000);
}

#define N(name, title)                                                                             \
	{                                                                                          \
#name, title, OUT_NUMBER, OUT_FIELD(ctl_status, name), NULL, NULL                  \
	}
/* What is said to people where it happened alone. */
#define SOME(name, title)                                                                          \
	{                                                                                          \
#name, title, OUT_SOME, OUT_FIELD(ctl_status, name), NULL, NULL                    \
	}
static const struct out_column status_columns[] = {
    {"version", "version", OUT_TEXT, OUT_FIELD(ctl_status, version), NULL, NULL},
    {"fingerprint", "key", OUT_TEXT, OUT_FIELD(ctl_status, fingerprint), NULL, NULL},
    {"pid", NULL, OUT_NUMBER, OUT_FIELD(ctl_status, pid), NULL, NULL},
    {"uptime_ms", "up for", OUT_MS, OUT_FIELD(ctl_status, uptime_ms), NULL, NULL},
    {NULL, "state", OUT_MAKE, 0, 0, make_state, NULL},
    {"frozen", NULL, OUT_BOOL, OUT_FIELD(ctl_status, frozen), NULL, NULL},
    {"released_all", NULL, OUT_BOOL, OUT_FIELD(ctl_status, released_all), NULL, NULL},
    {"frozen_why", NULL, OUT_TEXT, OUT_FIELD(ctl_status, frozen_why), NULL, NULL},
    {NULL, "agents", OUT_MAKE, 0, 0, make_agents, NULL},
    N(agents_connected, NULL),
    N(agents_known, NULL),
    N(agents_waiting, NULL),
    {NULL, "exporters", OUT_MAKE, 0, 0, make_exporters, NULL},
    N(exporters, NULL),
    N(exporters_silent, NULL),
    N(exporters_unknown, NULL),
    {NULL, "captures", OUT_MAKE, 0, 0, make_captures, NULL},
    N(captures, NULL),
    N(captures_max, NULL),
    N(starts_minute, NULL),
    N(starts_minute_max, NULL),
    {NULL, "mirrored", OUT_MAKE, 0, 0, make_rate, NULL},
    N(mirrored_bps, NULL),
    N(mirrored_bps_max, NULL),
    {NULL, "feeds", OUT_MAKE, 0, 0, make_feeds, NULL},
    N(feeds, NULL),
    N(feeds_failing, NULL),
    N(entries, NULL),
    N(datagrams, "datagrams"),
    N(samples, "samples"),
    N(sightings, "sightings"),
    SOME(mirror_copies, "mirror copies seen"),
    SOME(bad_datagrams, "bad datagrams"),
    SOME(lost_samples, "samples lost on the way"),
    SOME(ring_dropped, "sightings dropped"),
    {NULL, "longest turn of the loop", OUT_MAKE, 0, 0, make_turns, NULL},
    N(loop_lately_us, NULL),
    N(loop_lately_held_us, NULL),
    {"loop_lately_doing", NULL, OUT_TEXT, OUT_FIELD(ctl_status, loop_lately_doing), NULL, NULL},
    N(loop_longest_us, NULL),
    N(loop_longest_held_us, NULL),
    {"loop_longest_doing", NULL, OUT_TEXT, OUT_FIELD(ctl_status, loop_longest_doing), NULL, NULL},
    {.kind = OUT_END},
};
#undef N
#undef SOME

/* What counters tell: NULL is a day's work, said above, or nothing to act on. Those that are not
 * here are shown by their names: another release may know of more trouble. */
static const struct {
	const char *name, *says;
} counters[] = {
    {"bytes", NULL},
    {"ctl_requests", NULL},
    {"datagrams", NULL},
    {"decide_alerts", NULL},
    {"decide_conversations", NULL},
    {"decide_inbound_only", NULL},
    {"decide_not_counted", NULL},
    {"decide_opened", NULL},
    {"decide_shadowed", NULL},
    {"decide_sightings", NULL},
    {"exporters", NULL},
    {"feed_errors", NULL},
    {"feed_loads", NULL},
    {"feed_refusals", NULL},
    {"feed_unchanged", NULL},
    {"headers_arp", NULL},
    {"headers_capped", NULL},
    {"headers_ip", NULL},
    {"headers_mirror", NULL},
    {"headers_other", NULL},
    {"loop_turns", NULL},
    {"merged", NULL},
    {"no_packet", NULL},
    {"padding", NULL},
    {"pairs", NULL},
    {"pairs_foreign", NULL},
    {"pairs_local", NULL},
    {"records_skipped", NULL},
    {"ring_drops", NULL},
    {"samples_counters", NULL},
    {"samples_discard", NULL},
    {"samples_expanded_counters", NULL},
    {"samples_expanded_flow", NULL},
    {"samples_flow", NULL},
    {"sightings", NULL},
    {"store_pending", NULL},
    {"store_written", NULL},
    {"tunnels", NULL},
    {"unaligned", NULL},
    {"agent_flooded", "messages of agents that sent too many"},
    {"agent_sealed_wrong", "an agent's controller_key is not the key above"},
    {"agent_strangers", "messages of agents with unknown keys: finderscopectl agents"},
    {"ctl_clients_dropped", "finderscopectl did not read what it had asked for"},
    {"ctl_events_lost", "events --follow did not read fast enough"},
    {"decide_conversations_forgotten", "more at a time than conversations in the configuration"},
    {"decide_exporter_unknown", "sightings of unknown exporters: finderscopectl exporters"},
    {"decide_foreign_holdings", "switches hold what nobody asked for: finderscopectl events agent"},
    {"decide_refused", "a limit forbade them: finderscopectl events refused"},
    {"events_lost", "the file of events did not take them: is its disk full?"},
    {"kernel_drops", "datagrams lost in the socket: socket_buffer, net.core.rmem_max"},
    {"loop_slow_turns", "turns of the loop that held it for more than 50 ms: --json says which"},
    {"refused_source", "datagrams from outside accept_from"},
    {"store_degraded", "the store is in memory only: finderscopectl events store"},
    {"store_dropped", "what the store should keep came faster than its disk"},
    {"store_failures", "writes that the store's disk refused: is it full?"},
};

/* False: not for people. */
static bool
is_trouble(const char *name, const char **ret_says)
{
	*ret_says = "";
	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
		if (strcmp(counters[i].name, name) == 0) {
			*ret_says = counters[i].says;
			return counters[i].says != NULL;
		}
	return true;
}

struct status {
	struct ctl_status row;
	bool seen;
	json_t *counters;
	struct text_table *more;
	bool any_more;
};

static int
take_status(void *user, enum ctl_row kind, const void *row)
{
	struct status *status = user;
	const struct ctl_counter *counter = row;
	const char *says;
	char text[128];

	if (kind == CTL_ROW_STATUS) {
		status->row = *(const struct ctl_status *)row;
		status->seen = true;
	} else if (kind == CTL_ROW_COUNTER) {
		json_object_set_new(
		    status->counters, counter->name, json_integer((json_int_t)counter->value));
		if (counter->value == 0 || !is_trouble(counter->name, &says))
			return 0;
		snprintf(text, sizeof text, "%" PRIu64 "%s%s", counter->value, says[0] ? "  " : "",
		    says);
		(void)text_table_column(status->more, counter->name, false);
		(void)text_table_cell(status->more, text, TEXT_TABLE_WARN);
		status->any_more = true;
	}
	return 0;
}

int
cmd_status(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_STATUS};
	struct status status = {.counters = json_object(), .more = text_table_new(ctl->out.colour)};
	int r = CTL_EXIT_REFUSED;

	if (status.more)
		text_table_width(status.more, ctl->out.width);
	if (status.counters && status.more)
		r = ask(ctl, &request, take_status, &status, NULL);
	if (r == CTL_EXIT_OK && !status.seen)
		r = ask_fail(ctl, CTL_EXIT_PROTOCOL, RESULT_INTERNAL,
		    "the controller answered without a status");
	if (r == CTL_EXIT_OK && ctl->json) {
		json_t *object = out_object(status_columns, &status.row);

		json_object_set(object, "counters", status.counters);
		out_print(&ctl->out, object);
	} else if (r == CTL_EXIT_OK) {
		out_one(&ctl->out, status_columns, &status.row);
		if (status.any_more)
			fputc('\n', ctl->out.file);
		text_table_print_down(status.more, ctl->out.file);
	}
	json_decref(status.counters);
	text_table_free(&status.more);
	return r;
}
