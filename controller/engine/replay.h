/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `finderscope-controller replay`: recorded sFlow through the decoding, matching and deciding that
 * a controller does, on the recording's own clock. No network, no switch, nothing written: every
 * switch of the configuration is taken to be connected, able and obedient, its counters to move as
 * the samples say. Prints each sighting with its decision, and each event, as JSON lines. The same
 * configuration, lists and recording give the same output, byte for byte.
 */
#ifndef CONTROLLER_ENGINE_REPLAY_H
#define CONTROLLER_ENGINE_REPLAY_H

/* argv[0] is "replay". The exit status: 0, 1 (a recording or list was damaged or missing, or
 * --check found a difference), 2 (wrong words, no configuration). */
int replay_main(int argc, char **argv);

#endif
