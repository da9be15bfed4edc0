// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "vault/internal.h"

/// Secure boot versions of ss_chip.secure_boot that @p scheme asks for.
static uint32_t versions_for(enum ss_secure_boot_scheme scheme)
{
    switch (scheme) {
    case SS_SECURE_BOOT_V1_ONE_TIME:
    case SS_SECURE_BOOT_V1_REFLASHABLE:
        return SS_SECURE_BOOT_V1;
    case SS_SECURE_BOOT_V2:
        return SS_SECURE_BOOT_V2_RSA | SS_SECURE_BOOT_V2_ANY_ECC;
    case SS_SECURE_BOOT_NONE:
        break;
    }
    return 0;
}

ss_status_t ss_vault_check_table(const struct ss_vault_table *table, struct ss_error *err)
{
    struct ss_partition_table parsed;
    if (table->len != SS_TABLE_BINARY_SIZE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the partition table has %zu bytes, not %u",
                            table->len, SS_TABLE_BINARY_SIZE);
    struct ss_error reason = {0};
    if (ss_table_from_binary(table->bytes, table->len, &parsed, &reason) == SS_OK)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "partition table: %.200s", reason.message);
}

static ss_status_t check_keys(const struct ss_vault_product *p, struct ss_error *err)
{
    if (p->per_device_sign_keys && p->sign_key[0])
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "a product has one signing key or one for each device, not both");
    if (p->sign_key[0])
        return ss_vault_check_name("name of the signing key", p->sign_key, err);
    return SS_OK;
}

static ss_status_t check(const struct ss_vault_product *p, struct ss_error *err)
{
    ss_status_t status = ss_vault_check_name("name of the product", p->name, err);
    if (status != SS_OK)
        return status;
    const struct ss_chip *chip = ss_chip_find(p->chip);
    if (!chip || strcmp(chip->name, p->chip) != 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "there is no chip called %s", p->chip);
    uint32_t versions = versions_for(p->secure_boot);
    if ((unsigned)p->secure_boot >= SS_SECURE_BOOT_SCHEMES || (versions && !(chip->secure_boot & versions)))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "%s has no secure boot %s", chip->title,
                            ss_secure_boot_scheme_name(p->secure_boot));
    status = check_keys(p, err);
    return status == SS_OK ? ss_vault_check_table(&p->table, err) : status;
}

// What a product says decides what chips will trust for good: its row is no secret, but who can write the database must
// not be able to change it. A product never changes; so its digest lies among the secrets, which are authenticated.

static void add_bytes(struct ss_hash *hash, ss_status_t *status, const void *bytes, size_t len)
{
    uint8_t prefix[4];
    ss_put_le32(prefix, (uint32_t)len);
    if (*status == SS_OK)
        *status = ss_hash_update(hash, prefix, sizeof prefix);
    if (*status == SS_OK && len)
        *status = ss_hash_update(hash, bytes, len);
}

static ss_status_t digest(const struct ss_vault_product *p, uint8_t out[32], struct ss_error *err)
{
    struct ss_hash hash;
    uint8_t numbers[16];
    const char *texts[] = {p->name,          p->chip,           ss_secure_boot_scheme_name(p->secure_boot),
                           p->sign_key,      p->public_keys[0], p->public_keys[1],
                           p->public_keys[2]};
    ss_put_le32(numbers, p->per_device_sign_keys);
    ss_put_le32(numbers + 4, p->table.address);
    ss_put_le32(numbers + 8, p->table.flash_size);
    ss_put_le32(numbers + 12, 1); // of this layout
    ss_status_t status = ss_hash_init(&hash, SS_HASH_SHA256);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_bytes(&hash, &status, texts[i], strlen(texts[i]));
    add_bytes(&hash, &status, p->table.bytes, p->table.len);
    add_bytes(&hash, &status, numbers, sizeof numbers);
    if (status == SS_OK)
        status = ss_hash_finish(&hash, out);
    ss_hash_abort(&hash);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
}

static ss_status_t check_row(struct ss_vault *vault, const struct ss_vault_product *p, struct ss_error *err)
{
    const struct ss_secret_id id = {"product", p->name, ""};
    uint8_t now[32], then[32];
    size_t len = 0;
    ss_status_t status = digest(p, now, err);
    if (status == SS_OK)
        status = ss_secret_get(vault, &id, then, sizeof then, &len, err);
    if (status == SS_ERROR_DOES_NOT_EXIST || (status == SS_OK && (len != sizeof then || !ss_equal(now, then, len))))
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "product %s was changed outside of the vault",
                            p->name);
    return status;
}

static ss_status_t add(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct ss_vault_product *p = context;
    const struct ss_secret_id id = {"product", p->name, ""};
    uint8_t now[32];
    ss_status_t status = ss_sql_run(
        vault->db, err,
        "INSERT INTO products (name, chip, secure_boot, per_device_keys, sign_key, table_bytes, table_address, "
        "flash_size, public_key_1, public_key_2, public_key_3, created) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        ss_sql_text(p->name), ss_sql_text(p->chip), ss_sql_text(ss_secure_boot_scheme_name(p->secure_boot)),
        ss_sql_int(p->per_device_sign_keys), ss_sql_text(p->sign_key), ss_sql_blob(p->table.bytes, p->table.len),
        ss_sql_int(p->table.address), ss_sql_int(p->table.flash_size), ss_sql_text(p->public_keys[0]),
        ss_sql_text(p->public_keys[1]), ss_sql_text(p->public_keys[2]), ss_sql_int(ss_vault_now()));
    if (status == SS_ERROR_ALREADY_EXISTS)
        return ss_error_set(err, status, SS_AREA_VAULT, "there is a product %s already", p->name);
    if (status == SS_OK)
        status = digest(p, now, err);
    return status == SS_OK ? ss_secret_put(vault, SS_RING_VAULT, &id, now, sizeof now, err) : status;
}

ss_status_t ss_vault_product_add(struct ss_vault *vault, const struct ss_vault_product *product, struct ss_error *err)
{
    struct ss_vault_product copy = *product;
    ss_status_t status = check(product, err);
    return status == SS_OK ? ss_vault_write(vault, "product-add", add, &copy, err) : status;
}

#define COLUMNS                                                                                                        \
    "name, chip, secure_boot, per_device_keys, sign_key, table_bytes, table_address, flash_size, public_key_1, "       \
    "public_key_2, public_key_3, created"

static ss_status_t fill(const struct ss_sql_rows *rows, struct ss_vault_product *p, struct ss_error *err)
{
    char scheme[24];
    memset(p, 0, sizeof *p);
    ss_sql_column_text(rows, 0, p->name, sizeof p->name);
    ss_sql_column_text(rows, 1, p->chip, sizeof p->chip);
    ss_sql_column_text(rows, 2, scheme, sizeof scheme);
    p->per_device_sign_keys = ss_sql_column_int(rows, 3) != 0;
    ss_sql_column_text(rows, 4, p->sign_key, sizeof p->sign_key);
    p->table.len = ss_sql_column_blob(rows, 5, p->table.bytes, sizeof p->table.bytes);
    p->table.address = (uint32_t)ss_sql_column_int(rows, 6);
    p->table.flash_size = (uint32_t)ss_sql_column_int(rows, 7);
    for (unsigned i = 0; i < 3; i++)
        ss_sql_column_text(rows, 8 + i, p->public_keys[i], sizeof p->public_keys[i]);
    p->created = ss_sql_column_int(rows, 11);
    if (!ss_secure_boot_scheme_from_name(scheme, &p->secure_boot))
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "product %s has a secure boot scheme %s",
                            p->name, scheme);
    return SS_OK;
}

ss_status_t ss_vault_product_get(struct ss_vault *vault, const char *name, struct ss_vault_product *product,
                                 struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    memset(product, 0, sizeof *product);
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT " COLUMNS " FROM products WHERE name = $1", ss_sql_text(name));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK)
        status = row ? fill(rows, product, err)
                     : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "there is no product %s", name);
    ss_sql_end(rows);
    if (status == SS_OK)
        status = check_row(vault, product, err);
    if (status != SS_OK)
        memset(product, 0, sizeof *product);
    return status;
}

/// The first product whose name is behind that of @p product. One at a time: @p each may call the vault.
static ss_status_t next_product(struct ss_vault *vault, struct ss_vault_product *product, bool *found,
                                struct ss_error *err)
{
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT " COLUMNS " FROM products WHERE name > $1 ORDER BY name LIMIT 1",
                      ss_sql_text(product->name));
    *found = false;
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found)
        status = fill(rows, product, err);
    ss_sql_end(rows);
    return status == SS_OK && *found ? check_row(vault, product, err) : status;
}

ss_status_t ss_vault_product_list(struct ss_vault *vault,
                                  ss_status_t (*each)(void *context, const struct ss_vault_product *product,
                                                      struct ss_error *err),
                                  void *context, struct ss_error *err)
{
    struct ss_vault_product product = {0};
    bool found = true;
    ss_status_t status = SS_OK;
    while (status == SS_OK && found) {
        status = next_product(vault, &product, &found, err);
        if (status == SS_OK && found)
            status = each(context, &product, err);
    }
    return status;
}
