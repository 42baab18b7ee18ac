/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's configuration, /etc/finderscope/agent.conf, as one checked struct. Owns the parsed
 * tree for printing.
 */
#ifndef AGENT_MAIN_AGENT_CONF_H
#define AGENT_MAIN_AGENT_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "agent/wire/wire.h"
#include "common/base/conf.h"
#include "common/base/keys.h"

#define AGENT_CONF_PATH "/etc/finderscope/agent.conf"
#define AGENT_CONF_KEYS_MAX 2

struct agent_conf {
	struct conf *tree;
	char name[64];
	char controller[128]; /* "tcp://192.0.2.10:6344" */
	uint8_t controller_keys[AGENT_CONF_KEYS_MAX][KEYS_SIZE];
	size_t controller_key_count;
	char key_file[256];
	char user[64];
	struct wire_config rules; /* what rules is told */
};

/* The table of its settings, as conf.h describes such; a test holds the manual against it. */
const struct conf_option *agent_conf_options(void);

/* Reads and checks. 0, or a negative errno and "file:line: …" in `error`. Key files are not read.
 */
int agent_conf_load(const char *path, struct agent_conf *ret_conf, char error[CONF_ERROR_MAX]);
void agent_conf_done(struct agent_conf *conf);

#endif
