// SPDX-License-Identifier: Apache-2.0
// Signing keys from files, and signing what is in memory.
#ifndef SS_CLI_SIGNING_H
#define SS_CLI_SIGNING_H

#include "cli.h"
#include "file.h"
#include "slotseal/signing_key.h"

#define OPTION_SCHEME                                                                                                  \
    {                                                                                                                  \
        OPT_SCHEME, "scheme", 0, false, "SCHEME", "secure boot version (v1 for a P-256 key, else v2)", "v1 v2",        \
            COMPLETE_CHOICE                                                                                            \
    }

enum sign_scheme { SIGN_ANY, SIGN_V1, SIGN_V2 };

/// Loads a private or public key. @p file keeps the file for comparison with outputs, its content is wiped.
SS_MUST_USE ss_status_t signing_key_read(const char *path, struct input *file, ss_signing_key_t **key,
                                         struct ss_error *err);

/// The scheme of --scheme, else the one that goes with the key.
enum sign_scheme signing_scheme(const struct cli_args *args, const ss_signing_key_t *key);

/// Signs the plaintext in @p data, which grows. Refuses ciphertext, damaged images, and what is signed already; with
/// @p append a V2 signature gets company. Statuses: SS_ERROR_NOT_PERMITTED, SS_ERROR_DATA_INVALID,
/// SS_ERROR_DATA_CORRUPT, and those of the signing functions.
SS_MUST_USE ss_status_t signing_sign(struct input *data, const ss_signing_key_t *key, enum sign_scheme scheme,
                                     bool append, struct ss_error *err);

/// Verifies an image or table. @p scheme: the one required, 0 for the one that is there, which is stored. @p offset is
/// where the signature lies. SS_ERROR_INVALID_SIGNATURE: not by @p key; SS_ERROR_DATA_CORRUPT: V2, changed after it was
/// signed; SS_ERROR_DOES_NOT_EXIST: not signed; SS_ERROR_NOT_PERMITTED, SS_ERROR_DATA_INVALID: not plaintext, damaged.
SS_MUST_USE ss_status_t signing_verify(const uint8_t *data, size_t len, const ss_signing_key_t *key,
                                       enum sign_scheme *scheme, size_t *offset, struct ss_error *err);

/// True for the statuses of signing_verify() that say something about the data rather than about this machine.
bool signing_is_verdict(ss_status_t status);

#endif
