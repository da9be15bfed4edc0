// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "core/bytes.h"
#include "vault/internal.h"

static void add(struct ss_aad *aad, const void *bytes, size_t len)
{
    if (aad->len == SIZE_MAX || !ss_range_ok(aad->len, len, sizeof aad->bytes)) {
        aad->len = SIZE_MAX;
        return;
    }
    memcpy(aad->bytes + aad->len, bytes, len);
    aad->len += len;
}

void ss_aad_text(struct ss_aad *aad, const char *text)
{
    uint8_t len[4];
    ss_put_le32(len, (uint32_t)strlen(text));
    add(aad, len, sizeof len);
    add(aad, text, strlen(text));
}

void ss_aad_number(struct ss_aad *aad, int64_t number)
{
    uint8_t bytes[8];
    ss_put_le64(bytes, (uint64_t)number);
    add(aad, bytes, sizeof bytes);
}

void ss_aad_start(struct ss_aad *aad, const char *what, const struct ss_vault *vault)
{
    aad->len = 0;
    ss_aad_text(aad, what);
    add(aad, vault->id, sizeof vault->id);
}
