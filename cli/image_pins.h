// SPDX-License-Identifier: Apache-2.0
// The key set that is pinned in an app, for people and scripts.
#ifndef SS_CLI_IMAGE_PINS_H
#define SS_CLI_IMAGE_PINS_H

#include "file.h"
#include "json.h"

/// Says which key set the app in @p in trusts first; nothing for what has no place for one.
void image_pins_print(const struct input *in);
/// The same: null without a place for one; else product and version, null while it is empty. NULL without memory.
json_t *image_pins_json(const struct input *in);
/// Warns of an app without one: a device that runs it takes no updates.
void image_pins_warn(const struct input *in);

#endif
