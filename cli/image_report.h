// SPDX-License-Identifier: Apache-2.0
// What people and scripts get to see of an image.
#ifndef SS_CLI_IMAGE_REPORT_H
#define SS_CLI_IMAGE_REPORT_H

#include "json.h"
#include "slotseal/image.h"

void image_print(const struct ss_image *image);
/// @p key_set becomes a part of it; NULL if there was no memory for it, and so is the result.
json_t *image_json(const struct ss_image *image, json_t *key_set);

/// "none", "v1" or "v2".
const char *signature_name(enum ss_image_signature signature);

#endif
