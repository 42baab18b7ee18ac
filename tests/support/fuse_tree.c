/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/fuse_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MAX 64
#define BUFFER (FUSE_TREE_DATA_MAX + 4096)

/* A folder or a node; the first is the root. Its number for the kernel is its index and one. */
struct entry {
	char name[64];
	unsigned parent;
	int node; /* -1: a folder */
	mode_t mode;
};

struct fuse_tree {
	int fd;
	struct entry entries[ENTRIES_MAX];
	unsigned n;
	struct fuse_tree_calls calls;
	void *user;
	char in[BUFFER], text[FUSE_TREE_DATA_MAX];
};

static int
find(const struct fuse_tree *t, unsigned parent, const char *name)
{
	for (unsigned i = 1; i < t->n; i++)
		if (t->entries[i].parent == parent && strcmp(t->entries[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int
add(struct fuse_tree *t, const char *path, int node, mode_t mode)
{
	char copy[256], *save = NULL;
	unsigned parent = 0;

	snprintf(copy, sizeof copy, "%s", path);
	char *word = strtok_r(copy, "/", &save);
	while (word) {
		char *next = strtok_r(NULL, "/", &save);
		int at = find(t, parent, word);
		if (at < 0) {
			if (t->n == ENTRIES_MAX)
				return -ENOSPC;
			at = (int)t->n++;
			struct entry *e = &t->entries[at];
			snprintf(e->name, sizeof e->name, "%s", word);
			e->parent = parent;
			e->node = next ? -1 : node;
			e->mode = next ? S_IFDIR | 0755 : S_IFREG | mode;
		}
		parent = (unsigned)at;
		word = next;
	}
	return 0;
}

int
fuse_tree_new(const char *mountpoint, const struct fuse_tree_node *nodes, unsigned n_nodes,
    const struct fuse_tree_calls *calls, void *user, struct fuse_tree **ret_tree)
{
	struct fuse_tree *t = calloc(1, sizeof *t);
	char options[128];
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->calls = *calls;
	t->user = user;
	t->entries[t->n++] = (struct entry){.node = -1, .mode = S_IFDIR | 0755};
	for (unsigned i = 0; i < n_nodes && r == 0; i++)
		r = add(t, nodes[i].path, (int)i, nodes[i].mode);
	t->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (r == 0 && t->fd < 0)
		r = -errno;
	snprintf(options, sizeof options,
	    "fd=%d,rootmode=40755,user_id=0,group_id=0,default_permissions,allow_other", t->fd);
	if (r == 0 &&
	    mount("finderscope-test", mountpoint, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		r = -errno;
	if (r < 0) {
		if (t->fd >= 0)
			close(t->fd);
		free(t);
		return r;
	}
	*ret_tree = t;
	return 0;
}

int
fuse_tree_fd(const struct fuse_tree *tree)
{
	return tree->fd;
}

static void
reply(struct fuse_tree *t, uint64_t unique, int error, const void *data, size_t size)
{
	struct fuse_out_header head = {
	    .len = (uint32_t)(sizeof head + (error ? 0 : size)), .error = error, .unique = unique};
	char out[BUFFER];

	memcpy(out, &head, sizeof head);
	if (!error && size)
		memcpy(out + sizeof head, data, size);
	/* ENOENT: who asked was killed meanwhile. */
	ssize_t n = write(t->fd, out, head.len);
	(void)n;
}

void
fuse_tree_answer(struct fuse_tree *tree, uint64_t request, const char *text, size_t size)
{
	reply(tree, request, 0, text, size);
}

static struct fuse_attr
attr_of(const struct fuse_tree *t, unsigned i)
{
	return (struct fuse_attr){.ino = i + 1,
	    .mode = t->entries[i].mode,
	    .nlink = t->entries[i].node < 0 ? 2 : 1,
	    .blksize = 4096};
}

static void
on_readdir(struct fuse_tree *t, const struct fuse_in_header *head, const struct fuse_read_in *in)
{
	char out[8192];
	size_t at = 0, room = in->size < sizeof out ? in->size : sizeof out;
	unsigned folder = (unsigned)head->nodeid - 1, number = 0;

	for (unsigned i = 1; i < t->n; i++) {
		if (t->entries[i].parent != folder)
			continue;
		if (number++ < in->offset)
			continue;
		struct fuse_dirent d = {.ino = i + 1,
		    .off = number,
		    .namelen = (uint32_t)strlen(t->entries[i].name),
		    .type = t->entries[i].mode >> 12};
		size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + d.namelen);
		if (at + size > room)
			break;
		memset(out + at, 0, size);
		memcpy(out + at, &d, FUSE_NAME_OFFSET);
		memcpy(out + at + FUSE_NAME_OFFSET, t->entries[i].name, d.namelen);
		at += size;
	}
	reply(t, head->unique, 0, out, at);
}

static void
on_read(
    struct fuse_tree *t, const struct fuse_in_header *head, const struct fuse_read_in *in, int node)
{
	ssize_t n =
	    in->offset > 0 ? 0 : t->calls.read(t->user, (unsigned)node, head->unique, t->text);

	if (n == FUSE_TREE_LATER)
		return;
	if (n > (ssize_t)in->size)
		n = in->size;
	reply(t, head->unique, n < 0 ? (int)n : 0, t->text, n < 0 ? 0 : (size_t)n);
}

static void
on_init(struct fuse_tree *t, const struct fuse_in_header *head, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
	    .minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor : FUSE_KERNEL_MINOR_VERSION,
	    .max_readahead = in->max_readahead,
	    .max_background = 16,
	    .congestion_threshold = 12,
	    .max_write = 4096};

	reply(t, head->unique, 0, &out, sizeof out);
}

/* What a path or a descriptor is asked. */
static void
on_entry(struct fuse_tree *t, const struct fuse_in_header *head, const void *body)
{
	unsigned self = (unsigned)head->nodeid - 1;
	struct fuse_entry_out entry = {.generation = 1};
	struct fuse_attr_out attr = {.attr = attr_of(t, self)};
	/* Each read and write comes here: nothing is cached. */
	struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};
	int at;

	switch (head->opcode) {
	case FUSE_LOOKUP:
		at = find(t, self, body);
		if (at >= 0) {
			entry.nodeid = (uint64_t)at + 1;
			entry.attr = attr_of(t, (unsigned)at);
		}
		reply(t, head->unique, at < 0 ? -ENOENT : 0, &entry, sizeof entry);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		reply(t, head->unique, 0, &attr, sizeof attr);
		break;
	default:
		reply(t, head->unique, 0, &opened, sizeof opened);
		break;
	}
}

static void
on_request(struct fuse_tree *t, const struct fuse_in_header *head, const void *body)
{
	unsigned self = (unsigned)head->nodeid - 1;
	int node = self < t->n ? t->entries[self].node : -1;
	struct fuse_write_out written = {.size = 0};
	struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255}};
	const struct fuse_write_in *w = body;
	int r;

	switch (head->opcode) {
	case FUSE_INIT:
		on_init(t, head, body);
		break;
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_SETATTR:
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		on_entry(t, head, body);
		break;
	case FUSE_READDIR:
		on_readdir(t, head, body);
		break;
	case FUSE_READ:
		on_read(t, head, body, node);
		break;
	case FUSE_WRITE:
		r = t->calls.write(t->user, (unsigned)node, (const char *)(w + 1), w->size);
		written.size = w->size;
		reply(t, head->unique, r, &written, sizeof written);
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
		reply(t, head->unique, 0, NULL, 0);
		break;
	case FUSE_STATFS:
		reply(t, head->unique, 0, &statfs, sizeof statfs);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* these want no answer */
	default:
		reply(t, head->unique, -ENOSYS, NULL, 0);
		break;
	}
}

int
fuse_tree_dispatch(struct fuse_tree *tree)
{
	struct fuse_in_header head;
	ssize_t n = read(tree->fd, tree->in, sizeof tree->in - 1);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN || errno == ENOENT ? 0 : -errno;
	if (n < (ssize_t)sizeof head)
		return -EIO;
	memcpy(&head, tree->in, sizeof head);
	tree->in[n] = '\0';
	if (head.nodeid > tree->n)
		reply(tree, head.unique, -ENOENT, NULL, 0);
	else
		on_request(tree, &head, tree->in + sizeof head);
	return 0;
}
