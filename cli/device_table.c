// SPDX-License-Identifier: Apache-2.0
#include "device_table.h"

#include <stdlib.h>

static ss_status_t parse(const struct ss_vault_table *from, const char *id, struct device_table *out,
                         struct ss_error *err)
{
    if (!from->len)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "%s: neither it nor its product has a table",
                            id);
    out->address = from->address;
    out->flash_size = from->flash_size;
    return ss_table_from_binary(from->bytes, from->len, &out->table, err);
}

ss_status_t device_table_get(struct ss_vault *vault, const struct ss_vault_device *device, struct device_table *out,
                             struct ss_error *err)
{
    if (device->table.len)
        return parse(&device->table, device->id, out, err);
    struct ss_vault_product *product = calloc(1, sizeof *product);
    if (!product)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    ss_status_t status = ss_vault_product_get(vault, device->product, product, err);
    if (status == SS_OK)
        status = parse(&product->table, device->id, out, err);
    free(product);
    return status;
}
