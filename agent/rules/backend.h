/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the captures held to kernel and hardware. A back end takes the whole desired set and makes
 * it so, in two steps that are told apart: backend_put changes the kernel's tables (or the policy
 * file they are made of), backend_sync starts what carries them into the hardware, and the verdict
 * comes later. `none`: libiptc alone. `switchd-resync`: libiptc, then switchd's resync node.
 * `cl-acltool`: a file of our own, then the tool, and no libiptc writes at all. Owns the helper and
 * the marker that says, through crashes, that the hardware may hold something of ours.
 */
#ifndef AGENT_RULES_BACKEND_H
#define AGENT_RULES_BACKEND_H

#include <stdbool.h>

#include "agent/rules/commit.h"
#include "agent/rules/helper.h"
#include "agent/wire/wire.h"

struct backend;

struct backend_ops {
	const char *name;
	bool by_tool; /* rules come into the kernel with the verdict, not by put */
	/* True when this machine has what it takes. */
	bool (*probe)(const struct wire_config *config);
	/* Opens what only root may, while it may. 0 or a negative errno with words in the text. */
	int (*open)(struct backend *b);
	/* As backend_put and backend_clean. */
	int (*put)(struct backend *b, struct instant now, bool adds);
	int (*clean)(struct backend *b, unsigned *ret_removed);
	/* Carries it into the hardware; NULL: there is none. Runs in the helper. */
	helper_job job;
	enum helper_jail jail;
};

extern const struct backend_ops backend_none, backend_resync, backend_acltool;

struct backend {
	const struct backend_ops *ops;
	enum wire_backend kind;
	const struct wire_config *config;
	struct commit *commit;
	struct helper helper;
	int fds[2];   /* the back end's own; -1: none */
	bool marked;  /* the marker is there */
	bool changed; /* put changed what is placed; the caller's to clear */
	char text[ORDER_TEXT_MAX];
};

/*
 * Chooses by setting, or by probing: the switchd nodes, else the tool, else none; opens it and
 * starts its helper. While privileged. `commit` lives as long. 0, or a negative errno with words
 * in text.
 */
int backend_open(struct backend *ret_b, const struct wire_config *config, struct commit *commit);
void backend_close(struct backend *b);

/* The back end that `config` sets, or that this machine has where it sets none: never AUTO. */
enum wire_backend backend_choose(const struct wire_config *config);

/* True when a verdict is to be had. */
bool backend_has_hardware(const struct backend *b);

/*
 * Places the whole desired set; captures get `placed`. Without `adds` only removals are done. 0;
 * -EAGAIN: the table lock is somebody else's; another errno with words in commit->text.
 */
int backend_put(struct backend *b, struct instant now, bool adds);

/* Takes out everything of ours, of a life before this one too. True in *ret_sync when the hardware
 * must be synced for it. Errors as backend_put. */
int backend_clean(struct backend *b, unsigned *ret_removed, bool *ret_sync);

/* Starts the sync. 0; -EBUSY one is under way; -EPIPE the helper is gone. */
int backend_sync(struct backend *b);

/* Descriptor that is readable when the verdict is there; -1: none is waited for. */
int backend_fd(const struct backend *b);

/* The verdict: true in *ret_good, or words in `text`. 0, -EAGAIN, -EPIPE. */
int backend_verdict(struct backend *b, bool *ret_good, char text[ORDER_TEXT_MAX]);

/* Waits for a verdict (for tasks without a loop). As backend_verdict; -ETIMEDOUT. */
int backend_wait(struct backend *b, unsigned wait_ms, bool *ret_good, char text[ORDER_TEXT_MAX]);

/* Writes or removes the marker. 0 or a negative errno: who cannot say that the hardware may hold
 * something must not put it there. */
int backend_mark(struct backend *b, bool on);

/* How full the switch's ACL space is: entries in use, ours included, and in all. False where it
 * does not say. The fuller of ingress and egress. */
bool backend_acl_space(const struct wire_config *config, uint32_t *ret_used, uint32_t *ret_total);

#endif
