// SPDX-License-Identifier: Apache-2.0
// The inside of a sealer's keys.
#ifndef SS_SERVER_SEALER_KEYS_PARTS_H
#define SS_SERVER_SEALER_KEYS_PARTS_H

#include <openssl/evp.h>

#include "server/sealer_keys.h"

struct ss_sealer_keys {
    struct ss_key_sets *sets;
    ss_signing_key_t *delivery;
    EVP_PKEY *upload; ///< NULL: none
};

#endif
