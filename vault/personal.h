// SPDX-License-Identifier: Apache-2.0
// Releases of products whose devices have signing keys of their own (secure boot with a key per device). A release is one
// image; what differs from device to device is the verification key in it, what follows from that key, and the signature.
// Signatures are made where signing keys are open and kept here, so that what serves updates never opens one.
#ifndef SS_VAULT_PERSONAL_H
#define SS_VAULT_PERSONAL_H

#include "slotseal/signing_key.h"
#include "vault/release.h"

/// Longest trailer, bytes: V2's padding and signature sector.
#define SS_VAULT_TRAILER_MAX 8192u

struct ss_vault_signature {
    char product[SS_VAULT_NAME_SIZE];
    char version[SS_VAULT_VERSION_SIZE];
    char device[SS_VAULT_NAME_SIZE];
    bool has_key;                                     ///< the image holds a verification key
    uint8_t verification_key[SS_RAW_PUBLIC_KEY_SIZE]; ///< X|Y of the device's key
    uint8_t trailer[SS_VAULT_TRAILER_MAX];            ///< what follows the device's image in flash: its signature
    size_t trailer_len;
};

/// Keeps the signature of a release for a device; one that is there is replaced. Recorded in the audit log (SIGN).
/// SS_ERROR_DOES_NOT_EXIST: device or release; SS_ERROR_INVALID_ARGUMENT: the device is of another product, no trailer.
SS_MUST_USE ss_status_t ss_vault_signature_put(struct ss_vault *vault, const struct ss_vault_signature *signature,
                                               struct ss_error *err);
/// Reads it. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_signature_get(struct ss_vault *vault, const char *product, const char *version,
                                               const char *device, struct ss_vault_signature *signature,
                                               struct ss_error *err);

#endif
