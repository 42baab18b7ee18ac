/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system of a few named nodes whose reads and writes are answered by callbacks, spoken
 * straight to /dev/fuse (linux/fuse.h): what switchd of Cumulus Linux does for /cumulus/switchd.
 * One thread, no library. Mount it in a mount namespace of the test's own; it is gone with its
 * process. Owns the descriptor and the mount.
 */
#ifndef TESTS_SUPPORT_FUSE_TREE_H
#define TESTS_SUPPORT_FUSE_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FUSE_TREE_DATA_MAX 65536
#define FUSE_TREE_LATER (-0x7000) /* from a read: answered by fuse_tree_answer */

struct fuse_tree;

struct fuse_tree_node {
	const char *path; /* "ctrl/acl/resync" */
	mode_t mode;      /* 0600 */
};

struct fuse_tree_calls {
	/* Fills `text`, up to FUSE_TREE_DATA_MAX bytes, with all of the node's content; its size, a
	 * negative errno or FUSE_TREE_LATER. Asked at each read from offset 0. */
	ssize_t (*read)(void *user, unsigned node, uint64_t request, char *text);
	/* 0 or a negative errno. */
	int (*write)(void *user, unsigned node, const char *text, size_t size);
};

/* Mounts it. Nodes live as long; folders come of their paths. 0 or a negative errno. */
int fuse_tree_new(const char *mountpoint, const struct fuse_tree_node *nodes, unsigned n_nodes,
    const struct fuse_tree_calls *calls, void *user, struct fuse_tree **ret_tree);

/* Readable when there is something to dispatch. */
int fuse_tree_fd(const struct fuse_tree *tree);

/* Answers one request. 0, or a negative errno when the mount is gone. */
int fuse_tree_dispatch(struct fuse_tree *tree);

/* The content for a read that was left for later; nobody may be waiting for it any more. */
void fuse_tree_answer(struct fuse_tree *tree, uint64_t request, const char *text, size_t size);

#endif
