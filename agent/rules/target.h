/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of a rule's target. Where the kernel publishes the layout (NFLOG) they are made here;
 * ERSPAN's is published nowhere, so the machine's own extension is asked through libxtables, in a
 * short-lived child, because its error paths exit and it takes one address family a process. The
 * cache keeps what was asked: a switch needs two or three.
 */
#ifndef AGENT_RULES_TARGET_H
#define AGENT_RULES_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/rules/entry.h"
#include "common/base/addr.h"

#define TARGET_OPTIONS_MAX 8
#define TARGET_ERROR_MAX 120

/* What the kernel knows of a match or target of one family; asked by IPT_SO_GET_REVISION_*, needs
 * CAP_NET_ADMIN. */
bool target_in_kernel(unsigned family, const char *name);
bool target_match_in_kernel(unsigned family, const char *name);

/* NFLOG to a group, whole packets, with a prefix of at most 63 bytes (linux/netfilter/xt_NFLOG.h).
 */
void target_nflog(uint16_t group, const char *prefix, struct entry_target *ret_target);

/*
 * Asks the extension `name` for its bytes with the given options ("--src-ip", "192.0.2.1", …:
 * literal values only). 0; -ENOENT no such extension here; -EINVAL it refused the options;
 * -ETIMEDOUT; another errno. `error` then holds its words.
 */
int target_ask(unsigned family, const char *name, const char *const *options, unsigned n_options,
    struct entry_target *ret_target, char error[TARGET_ERROR_MAX]);

/* Whether iptables' ERSPAN extension is here and takes its options; errors as target_ask. */
int target_erspan_answers(unsigned family, char error[TARGET_ERROR_MAX]);

/* Answers kept by family, source, destination, ttl. */
struct target_cache;

int target_cache_new(struct target_cache **ret_cache);
void target_cache_free(struct target_cache **cache);

/* ERSPAN's bytes, from the cache or asked; errors as target_ask. Good until the next call. */
int target_erspan(struct target_cache *cache, unsigned family, const struct addr *source,
    const struct addr *destination, uint8_t ttl, const struct entry_target **ret_target,
    char error[TARGET_ERROR_MAX]);

#endif
