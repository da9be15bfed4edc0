// SPDX-License-Identifier: Apache-2.0
// Inside of parts: one image made ready.
#ifndef SS_PROVISION_PARTS_IMAGE_H
#define SS_PROVISION_PARTS_IMAGE_H

#include "slotseal/sign.h"

struct image_bytes {
    uint8_t *data;
    size_t len, capacity;
};
/// Wipes; all zero is allowed.
void image_free(struct image_bytes *image);

struct image_wanted {
    bool is_bootloader;
    uint32_t address;
    unsigned revision;           ///< of the chip
    enum ss_sign_scheme scheme;  ///< ANY: no secure boot
    const ss_signing_key_t *key; ///< not with ANY
    const uint8_t *embedded_key; ///< to be replaced by `key`; NULL
};

/// Checks, places the verification key, signs if there is no signature. @p out is ended with image_free().
SS_MUST_USE ss_status_t image_prepare(const uint8_t *in, size_t len, const struct image_wanted *wanted,
                                      struct image_bytes *out, bool *signature_made, struct ss_error *err);

#endif
