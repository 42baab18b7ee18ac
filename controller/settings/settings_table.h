/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that may stand in the file; for settings.c alone. */
#ifndef CONTROLLER_SETTINGS_SETTINGS_TABLE_H
#define CONTROLLER_SETTINGS_SETTINGS_TABLE_H

#include "common/base/conf.h"

extern const struct conf_option settings_table[];

#endif
