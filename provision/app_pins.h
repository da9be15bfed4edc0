// SPDX-License-Identifier: Apache-2.0
// Filling the block of pins (device/pins.h) in a built app.
#ifndef SS_PROVISION_APP_PINS_H
#define SS_PROVISION_APP_PINS_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

/// Puts the key set statement @p key_set into the block of the app in @p image, in place, and mends checksum and hash.
/// What stands behind the image is left as it is. On error nothing changes.
///
/// SS_ERROR_NOT_PERMITTED       ciphertext, a bootloader, anything else that is no plaintext app (the message says what
///                              to do instead); an app that is signed; the key set is not signed by enough of its own
///                              root keys
/// SS_ERROR_DATA_INVALID        not a key set; an image that would not boot (SS_ERROR_DATA_CORRUPT if it is damaged);
///                              more than one block, or one that is damaged
/// SS_ERROR_DOES_NOT_EXIST      the app has no block
/// SS_ERROR_INSUFFICIENT_SPACE  the key set is larger than the block
SS_MUST_USE ss_status_t ss_app_pins_embed(uint8_t *image, size_t len, const uint8_t *key_set, size_t key_set_len,
                                          struct ss_error *err);

/// Where the statement lies in a plaintext app that can be parsed: its bytes within @p image, *@p key_set_len 0 if the
/// block is not filled. Statuses as above for what is wrong with image or block.
SS_MUST_USE ss_status_t ss_app_pins_get(const uint8_t *image, size_t len, const uint8_t **key_set, size_t *key_set_len,
                                        struct ss_error *err);

#endif
