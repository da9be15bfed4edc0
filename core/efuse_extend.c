// SPDX-License-Identifier: Apache-2.0
// A file of its own because the flash cipher needs it where no cryptographic library is.
#include <string.h>

#include "slotseal/efuse.h"

void ss_efuse_extend_192(const uint8_t key[24], uint8_t out[32])
{
    memcpy(out, key, 24);
    memcpy(out + 24, key + 8, 8);
}
