// SPDX-License-Identifier: Apache-2.0
// The index of a pre-sealed folder: nothing is done of one that is not whole, and what is handed out is bounded.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/presealed.h"
#include "vault/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static ss_status_t look(void *context, const struct ss_presealed_entry *e, struct ss_error *err)
{
    (void)err;
    ++*(unsigned *)context;
    bool named = e->kind == SS_PRESEALED_PRODUCT || e->kind == SS_PRESEALED_DEVICE || e->kind == SS_PRESEALED_SEALED;
    if (named != ss_vault_name_ok(e->name) || strlen(e->slot) >= sizeof e->slot ||
        (e->kind == SS_PRESEALED_SEALED) != (e->slot[0] != '\0'))
        abort();
    return SS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_error err = {0};
    unsigned entries = 0;
    if (ss_presealed_parse((const char *)data, len, look, &entries, &err) != SS_OK && (entries || !err.message[0]))
        abort();
    return 0;
}
