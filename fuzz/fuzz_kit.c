// SPDX-License-Identifier: Apache-2.0
// Manifests of sealed kits. What is read is written and read again.
#include <stdlib.h>
#include <string.h>

#include "provision/kit_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check(const struct ss_kit *kit)
{
    must(kit->count > 0);
    for (size_t i = 0; i < kit->count; i++) {
        const struct ss_kit_device *d = &kit->devices[i];
        must(ss_device_name_valid(d->id) && d->part_count > 0 && (d->key_len == 32 || d->key_len == 24));
        for (unsigned p = 0; p < d->part_count; p++)
            must(d->parts[p].len > 0 && d->parts[p].address + d->parts[p].len <= 16u << 20);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_kit *kit = calloc(1, sizeof *kit), *again = calloc(1, sizeof *again);
    struct ss_error err = {0};
    must(kit && again);
    if (kit_manifest_read((const char *)data, len, kit, &err) == SS_OK) {
        check(kit);
        char *text = kit_manifest_write(kit);
        must(text && kit_manifest_read(text, strlen(text), again, NULL) == SS_OK && again->count == kit->count);
        free(text);
    } else {
        must(err.message[0]);
    }
    ss_kit_free(kit);
    ss_kit_free(again);
    return 0;
}
