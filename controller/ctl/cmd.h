/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands, one file a group of them; each takes the parsed words and returns its exit code. */
#ifndef CONTROLLER_CTL_CMD_H
#define CONTROLLER_CTL_CMD_H

#include "controller/ctl/ctl.h"

/* cmd_status.c */
int cmd_status(struct ctl *ctl);
/* cmd_top.c */
int cmd_top(struct ctl *ctl);
/* cmd_agents.c */
int cmd_agents(struct ctl *ctl);
int cmd_agents_show(struct ctl *ctl);
int cmd_agents_accept(struct ctl *ctl);
int cmd_agents_forget(struct ctl *ctl);
int cmd_agents_go_on(struct ctl *ctl);
int cmd_exporters(struct ctl *ctl);
/* cmd_captures.c */
int cmd_captures(struct ctl *ctl);
int cmd_capture_show(struct ctl *ctl);
int cmd_capture_start(struct ctl *ctl);
int cmd_capture_stop(struct ctl *ctl);
int cmd_capture_extend(struct ctl *ctl);
/* cmd_feeds.c */
int cmd_feeds(struct ctl *ctl);
int cmd_feed(struct ctl *ctl);
int cmd_lookup(struct ctl *ctl);
int cmd_explain(struct ctl *ctl);
/* cmd_events.c */
int cmd_events(struct ctl *ctl);
/* cmd_control.c */
int cmd_freeze(struct ctl *ctl);
int cmd_thaw(struct ctl *ctl);
int cmd_release(struct ctl *ctl);
int cmd_unrelease(struct ctl *ctl);
int cmd_reload(struct ctl *ctl);
/* cmd_keys.c */
int cmd_genkey(struct ctl *ctl);
int cmd_pubkey(struct ctl *ctl);
int cmd_completion(struct ctl *ctl);
int cmd_help(struct ctl *ctl);

#endif
