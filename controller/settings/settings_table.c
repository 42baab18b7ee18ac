/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option tables: every name of controller.conf, its type, its limits, its default. */
#include "controller/settings/settings_table.h"

#include "common/base/clk.h"

#define DAY (INT64_C(86400) * CLK_S)

/* In the order of their enums. */
static const char *const formats[] = {
    "auto", "plain", "ndjson", "csv", "dshield", "reputation", "json", "rules", NULL};
static const char *const modes[] = {"capture", "alert", "shadow", NULL};
static const char *const places[] = {"edge", "seen", "all", NULL};
static const char *const scanners[] = {"capture", "alert", NULL};
static const char *const levels[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct conf_option feed[] = {
    {.name = "url", .type = CONF_STRING, .required = true},
    {.name = "format", .type = CONF_WORD, .words = formats, .preset = "auto"},
    {.name = "allow", .type = CONF_BOOL, .preset = "no"},
    {.name = "may_be_empty", .type = CONF_BOOL, .preset = "no"},
    {.name = "may_jump", .type = CONF_BOOL, .preset = "no"},
    {.name = "may_be_short", .type = CONF_BOOL, .preset = "no"},
    {.name = "interval", .type = CONF_DURATION, .preset = "1h", .min = CLK_S, .max = 30 * DAY},
    {.name = "floor", .type = CONF_DURATION, .min = CLK_S, .max = 30 * DAY},
    {.name = "timeout", .type = CONF_DURATION, .preset = "2m", .min = CLK_S, .max = DAY},
    {.name = "max_size", .type = CONF_SIZE, .preset = "256M", .min = 1024, .max = INT64_C(1) << 34},
    {.name = "max_entries", .type = CONF_NUMBER, .preset = "2000000", .min = 1, .max = 100000000},
    {.name = "max_silenced", .type = CONF_NUMBER, .preset = "100", .min = 1, .max = 100000000},
    {.name = "score", .type = CONF_NUMBER, .preset = "1", .min = 1, .max = 127},
    {.name = "category", .type = CONF_NUMBER, .preset = "0", .min = 0, .max = 255},
    {.name = "header_file", .type = CONF_PATH},
    {.name = "ca_file", .type = CONF_PATH},
    {.name = "proxy", .type = CONF_STRING},
    {.name = "probe", .type = CONF_STRING},
    {.type = CONF_END},
};

static const struct conf_option switches[] = {
    {.name = "key", .type = CONF_STRING, .required = true},
    {.name = "exporters", .type = CONF_ADDR, .list = true},
    {.name = "sources", .type = CONF_PREFIX, .list = true},
    {.name = "hosts", .type = CONF_PREFIX, .list = true},
    {.name = "rules", .type = CONF_NUMBER, .preset = "0", .min = 0, .max = 100000},
    {.name = "destinations", .type = CONF_NUMBER, .preset = "0", .min = 0, .max = 64},
    {.name = "port_names", .type = CONF_BOOL, .preset = "no"},
    {.type = CONF_END},
};

static const struct conf_option analyser[] = {
    {.name = "address", .type = CONF_ADDR, .required = true},
    {.name = "type", .type = CONF_NUMBER, .preset = "2", .min = 1, .max = 2},
    {.name = "ttl", .type = CONF_NUMBER, .preset = "64", .min = 1, .max = 255},
    {.name = "soft", .type = CONF_RATE, .min = 1000, .max = INT64_C(1000000000000000)},
    {.name = "hard",
	.type = CONF_RATE,
	.preset = "1G",
	.min = 1000,
	.max = INT64_C(1000000000000000)},
    {.type = CONF_END},
};

static const struct conf_option policy[] = {
    {.name = "feeds", .type = CONF_STRING, .list = true},
    {.name = "mode", .type = CONF_WORD, .words = modes, .preset = "capture"},
    {.name = "where", .type = CONF_WORD, .words = places, .preset = "edge"},
    {.name = "inbound", .type = CONF_BOOL, .preset = "no"},
    {.name = "match_ports", .type = CONF_BOOL, .preset = "yes"},
    {.name = "scanner", .type = CONF_WORD, .words = scanners, .preset = "capture"},
    {.name = "scanner_hosts", .type = CONF_NUMBER, .preset = "16", .min = 0, .max = 1000000},
    {.name = "samples", .type = CONF_NUMBER, .preset = "1", .min = 1, .max = 1000000},
    {.name = "window", .type = CONF_DURATION, .preset = "10m", .min = CLK_S, .max = 30 * DAY},
    {.name = "duration", .type = CONF_DURATION, .preset = "10m", .min = CLK_S, .max = 30 * DAY},
    {.name = "idle", .type = CONF_DURATION, .min = CLK_S, .max = 30 * DAY},
    {.name = "packets", .type = CONF_NUMBER, .min = 1, .max = INT64_C(1) << 60},
    {.name = "bytes", .type = CONF_SIZE, .min = 1, .max = INT64_C(1) << 60},
    {.name = "rate", .type = CONF_RATE, .min = 1000, .max = INT64_C(1000000000000000)},
    {.name = "priority", .type = CONF_NUMBER, .preset = "10", .min = 0, .max = 99},
    {.name = "cooldown",
	.type = CONF_DURATION,
	.list = true,
	.preset = "10m, 1h, 1d",
	.max = 365 * DAY},
    {.name = "analyser", .type = CONF_STRING},
    {.type = CONF_END},
};

const struct conf_option settings_table[] = {
    {.name = "listen", .type = CONF_ENDPOINT, .list = true},
    {.name = "accept_from", .type = CONF_PREFIX, .list = true},
    {.name = "threads", .type = CONF_NUMBER, .preset = "0", .min = 0, .max = 64},
    {.name = "socket_buffer",
	.type = CONF_SIZE,
	.preset = "32M",
	.min = 65536,
	.max = INT64_C(1) << 30},
    {.name = "locals", .type = CONF_PREFIX, .list = true, .required = true},
    {.name = "allow", .type = CONF_PREFIX, .list = true},
    {.name = "never", .type = CONF_PREFIX, .list = true},
    {.name = "control", .type = CONF_ENDPOINT, .preset = "0.0.0.0:6344"},
    {.name = "key", .type = CONF_PATH, .preset = "/etc/finderscope/controller.key"},
    {.name = "socket", .type = CONF_PATH, .preset = "/run/finderscope/controller.sock"},
    {.name = "socket_group", .type = CONF_STRING},
    {.name = "socket_ro", .type = CONF_PATH},
    {.name = "socket_ro_group", .type = CONF_STRING},
    {.name = "state", .type = CONF_PATH, .preset = "/var/lib/finderscope"},
    {.name = "events", .type = CONF_PATH},
    {.name = "log", .type = CONF_WORD, .words = levels, .preset = "info"},
    {.name = "lease",
	.type = CONF_DURATION,
	.preset = "60s",
	.min = 2 * CLK_S,
	.max = 3600 * CLK_S},
    {.name = "captures", .type = CONF_NUMBER, .preset = "200", .min = 1, .max = 1000},
    {.name = "starts", .type = CONF_NUMBER, .preset = "60", .min = 1, .max = 4096},
    {.name = "conversations", .type = CONF_NUMBER, .preset = "200000", .min = 100, .max = 10000000},
    {.name = "recent", .type = CONF_NUMBER, .preset = "262144", .min = 0, .max = 16777216},
    {.name = "recent_window",
	.type = CONF_DURATION,
	.preset = "24h",
	.min = 60 * CLK_S,
	.max = 60 * 3600 * CLK_S},
    {.name = "recent_file", .type = CONF_PATH, .preset = "/run/finderscope/recent"},
    {.name = "history", .type = CONF_NUMBER, .preset = "1000", .min = 16, .max = 100000},
    {.name = "history_age",
	.type = CONF_DURATION,
	.preset = "90d",
	.min = 3600 * CLK_S,
	.max = 3650 * DAY},
    {.name = "history_size",
	.type = CONF_SIZE,
	.preset = "256M",
	.min = 1 << 20,
	.max = INT64_C(1) << 40},
    {.name = "soft_priority", .type = CONF_NUMBER, .preset = "50", .min = 0, .max = 100},
    {.name = "widest4", .type = CONF_NUMBER, .preset = "24", .min = 0, .max = 32},
    {.name = "widest6", .type = CONF_NUMBER, .preset = "64", .min = 0, .max = 128},
    {.name = "manual", .type = CONF_DURATION, .preset = "10m", .min = CLK_S, .max = 30 * DAY},
    {.name = "manual_needs_why", .type = CONF_BOOL, .preset = "no"},
    {.name = "feed", .type = CONF_SECTION, .titled = true, .options = feed},
    {.name = "switch", .type = CONF_SECTION, .titled = true, .options = switches},
    {.name = "analyser", .type = CONF_SECTION, .titled = true, .options = analyser},
    {.name = "policy", .type = CONF_SECTION, .titled = true, .options = policy},
    {.type = CONF_END},
};
