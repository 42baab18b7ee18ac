/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much the store keeps, by the settings. Pure. */
#ifndef CONTROLLER_ENGINE_HISTORY_H
#define CONTROLLER_ENGINE_HISTORY_H

#include "controller/settings/settings.h"
#include "controller/store/store.h"

/* Events, ended captures and sightings as long as `history_age` says; cool-downs as long as they
 * mean anything to the policies. What no setting is about is 0, the store's own preset. */
struct store_limits history_limits(const struct settings *settings);

#endif
