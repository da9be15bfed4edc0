// SPDX-License-Identifier: Apache-2.0
#include "support/keys.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>

ss_signing_key_t *test_key(const char *name)
{
    char path[64];
    size_t len = 0;
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    snprintf(path, sizeof path, "keys/%s", name);
    uint8_t *file = test_data_read(path, &len);
    assert_ok(ss_signing_key_load(file, len, &key, &err), err);
    assert_non_null(key);
    free(file);
    return key;
}
