// SPDX-License-Identifier: Apache-2.0
// The inside of a sealer's keys.
#ifndef SS_SERVER_SEALER_KEYS_PARTS_H
#define SS_SERVER_SEALER_KEYS_PARTS_H

#include <openssl/evp.h>

#include "server/sealer_keys.h"

struct ss_pinned_set {
    uint8_t bytes[SS_KEY_SET_MAX];
    size_t len;
    struct ss_statement statement; ///< points into `bytes`, as do the fields
    struct ss_key_set fields;
};

/// The key sets of one product.
struct ss_pinned {
    struct ss_pinned *next;
    struct ss_pinned_set *current;
    struct ss_pinned_set *previous; ///< NULL: none
};

struct ss_sealer_keys {
    struct ss_pinned *pinned;
    ss_signing_key_t *delivery;
    EVP_PKEY *upload; ///< NULL: none
};

#endif
