/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller at work: one event loop on the main thread that carries sightings to decide/ and
 * its orders out to agents/, its events to file, store and followers, and answers the control
 * sockets. Many eyes, one brain.
 */
#ifndef CONTROLLER_ENGINE_ENGINE_H
#define CONTROLLER_ENGINE_ENGINE_H

#include <stdbool.h>

/*
 * Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again. What is captured stays
 * captured: the switches keep it for a lease, and the controller that comes next takes it up from
 * the store. Logs. 0, or 1 when it could not start or the loop failed.
 */
int engine_run(const char *path, bool debug);

#endif
