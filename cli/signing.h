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

enum sign_scheme { SIGN_V1 = 1, SIGN_V2 = 2 };

/// Loads a private or public key. @p file keeps the file for comparison with outputs, its content is wiped.
SS_MUST_USE ss_status_t signing_key_read(const char *path, struct input *file, ss_signing_key_t **key,
                                         struct ss_error *err);

/// The scheme of --scheme, else the one that goes with the key.
enum sign_scheme signing_scheme(const struct cli_args *args, const ss_signing_key_t *key);

/// Signs the plaintext in @p data, which grows. With @p append (V2) a signature that is there gets company.
SS_MUST_USE ss_status_t signing_sign(struct input *data, const ss_signing_key_t *key, enum sign_scheme scheme,
                                     bool append, struct ss_error *err);

/// Verifies @p data: SS_ERROR_INVALID_SIGNATURE if @p key did not sign it, SS_ERROR_DOES_NOT_EXIST without a signature.
SS_MUST_USE ss_status_t signing_verify(const uint8_t *data, size_t len, const ss_signing_key_t *key,
                                       enum sign_scheme scheme, struct ss_error *err);

#endif
