/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture as one JSON object, the way the store keeps it: times as wall time with the stamp they
 * were taken at (walltime.h), holders by the switch's name, since indices change with the
 * configuration. Pure. A key that is missing reads as zero, so that rows of older versions load.
 */
#ifndef CONTROLLER_STORE_CAPTURE_JSON_H
#define CONTROLLER_STORE_CAPTURE_JSON_H

#include "controller/decide/decide.h"
#include "controller/store/walltime.h"

/* Names of a capture's switches, by holder. */
struct capture_json_names {
	char names[DECIDE_HOLDERS_MAX][POLICY_NAME_MAX];
};

/* NULL without memory; the caller frees the text. */
char *capture_json_write(const struct decide_capture *capture,
    const struct capture_json_names *names, const struct walltime *at);

/*
 * Everything is checked: states, the filter (filter_check), names, counts. Holders' ids are left 0,
 * to be resolved by name. 0, -EINVAL (not such an object; *ret_wrong says which key), -ENOMEM.
 */
int capture_json_read(const char *text, const struct walltime *now,
    struct decide_capture *ret_capture, struct capture_json_names *ret_names,
    const char **ret_wrong);

#endif
