// SPDX-License-Identifier: Apache-2.0
#include "core/crypto.h"

ss_status_t ss_hash_once(enum ss_hash_alg alg, const void *in, size_t len, uint8_t *out)
{
    struct ss_hash h;
    ss_status_t status = ss_hash_init(&h, alg);
    if (status == SS_OK)
        status = ss_hash_update(&h, in, len);
    if (status == SS_OK)
        return ss_hash_finish(&h, out);
    ss_hash_abort(&h);
    return status;
}
