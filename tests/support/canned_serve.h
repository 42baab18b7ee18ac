/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A controller that answers with fixed rows, for tests of serve and of finderscopectl. */
#ifndef TESTS_SUPPORT_CANNED_SERVE_H
#define TESTS_SUPPORT_CANNED_SERVE_H

#include "controller/serve/serve.h"

struct canned_serve {
	bool frozen;
	bool released;
	uint64_t stopped;       /* the last capture that was stopped */
	unsigned many;          /* exporters to list, on as many pages as they need; 0: two */
	struct ctl_start start; /* the last one asked for */
	struct serve *serve;    /* when set, writers publish an event to it */
};

/* `user` is a struct canned_serve. */
const struct serve_ops *canned_serve_ops(void);

#endif
