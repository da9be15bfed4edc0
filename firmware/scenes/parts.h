// SPDX-License-Identifier: Apache-2.0
// What the files of scenes share.
#ifndef SCENES_PARTS_H
#define SCENES_PARTS_H

#include "demo/agent_port.h"
#include "rt/rt.h"
#include "scenes.h"

/// The device that plays, and where it is.
extern struct demo_agent scene_device;
extern struct demo_device scene_place;

/// Prints the beginning of a line, and what follows in it.
void scene_begin(const char *title);
void scene_tell(const char *what, uint32_t value);
/// What all of flash, and the agent's record, have become.
void scene_tell_state(void);
/// A check; says so if it fails.
void scene_expect(const char *what, int64_t got, int64_t want);

/// A device as it leaves the factory: version 1 in slot 0, switched off.
void scene_new_device(void);
/// Power comes on: the bootloader chooses, the app starts its agent.
enum ss_agent_found scene_boot(void);
void scene_expect_installed(const struct scene_update *u, unsigned slot);

/// Pull mode, with a server that is a table.
void scenes_pull(void);

#endif
