// SPDX-License-Identifier: Apache-2.0
// Key files. What loads must be written and load again as the same key.
#include <stdint.h>
#include <stdlib.h>

#include "slotseal/signing_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t text[SS_SIGNING_KEY_PEM_MAX];
    size_t text_len;
    struct ss_error err;
    ss_signing_key_t *key, *again;
    if (ss_signing_key_load(data, len, &key, &err) != SS_OK) {
        must(key == NULL);
        return 0;
    }
    if (ss_signing_key_is_private(key)) {
        must(ss_signing_key_write_private(key, text, sizeof text, &text_len, &err) == SS_OK);
        must(ss_signing_key_load(text, text_len, &again, &err) == SS_OK && ss_signing_key_same_public(key, again));
        ss_signing_key_free(again);
    }
    must(ss_signing_key_write_public(key, text, sizeof text, &text_len, &err) == SS_OK);
    must(ss_signing_key_load(text, text_len, &again, &err) == SS_OK && ss_signing_key_same_public(key, again));
    ss_signing_key_free(again);
    ss_signing_key_free(key);
    return 0;
}
