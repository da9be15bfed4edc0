// SPDX-License-Identifier: Apache-2.0
#include "provision/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/parts_image.h"
#include "slotseal/otadata.h"
#include "slotseal/seal.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

#define SECTOR             4096u
#define BOOTLOADER_ADDRESS 0x1000u
#define CRYPT_CONFIG_ALL   0xFu

struct making {
    const struct ss_parts_input *in;
    const struct ss_provision_store *store;
    struct ss_parts *parts;
    struct ss_table_options table_options;
    const ss_signing_key_t *key; ///< NULL without secure boot
    struct image_bytes bootloader, app;
    uint32_t flash_needed;
    struct ss_error *err;
};

static ss_status_t fail(struct making *m, ss_status_t status, const char *text)
{
    return ss_error_set(m->err, status, SS_AREA_PROVISION, "%s", text);
}

/// The partition that the app goes to: factory if there is one, else ota_0; NULL without either.
static const struct ss_partition *app_row(const struct ss_partition_table *table)
{
    const struct ss_partition *factory = ss_table_find_type(table, SS_PARTITION_APP, SS_PARTITION_APP_FACTORY, 0);
    return factory ? factory : ss_table_ota_slot(table, 0);
}

static struct ss_part *add(struct making *m, const char *name, uint32_t address, size_t len, enum ss_part_lasts lasts)
{
    struct ss_part *part = &m->parts->parts[m->parts->count++];
    *part = (struct ss_part){.address = address, .len = len, .lasts = lasts};
    snprintf(part->name, sizeof part->name, "%s", name);
    return part;
}

/// Plaintext in whole sectors, filled with 0xFF.
static ss_status_t fill(struct making *m, struct ss_part *part, const uint8_t *data, size_t len)
{
    part->plain = malloc(part->len);
    if (!part->plain)
        return fail(m, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for the content of the flash");
    memset(part->plain, 0xFF, part->len);
    if (len)
        memcpy(part->plain, data, len);
    return SS_OK;
}

static ss_status_t seal(struct making *m, struct ss_part *part, enum ss_seal_kind kind, uint32_t capacity, size_t len)
{
    size_t sealed_len;
    struct ss_seal_params params = {.kind = kind,
                                    .address = part->address,
                                    .capacity = capacity,
                                    .place = part->name,
                                    .flash_needed = kind == SS_SEAL_BOOTLOADER ? m->flash_needed : 0,
                                    .key = m->in->flash_key,
                                    .key_len = m->in->flash_key_len,
                                    .crypt_config = CRYPT_CONFIG_ALL,
                                    .pad_unit = SECTOR};
    part->sealed = malloc(part->len);
    if (!part->sealed)
        return fail(m, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for a sealed image");
    ss_status_t status = ss_seal(&params, part->plain, len, part->sealed, part->len, &sealed_len, NULL, m->err);
    return status == SS_OK ? SS_OK : ss_error_prefix(m->err, status, "%s", part->name);
}

static ss_status_t add_sealed(struct making *m, const char *name, uint32_t address, uint32_t capacity,
                              enum ss_seal_kind kind, const uint8_t *data, size_t len, enum ss_part_lasts lasts)
{
    size_t rounded;
    if (!ss_round_up(len, SECTOR, &rounded) || rounded > capacity)
        return ss_error_set(m->err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_PROVISION,
                            "%s is %zu bytes, there is room for %u", name, len, (unsigned)capacity);
    struct ss_part *part = add(m, name, address, rounded, lasts);
    ss_status_t status = fill(m, part, data, len);
    return status == SS_OK ? seal(m, part, kind, capacity, len) : status;
}

static ss_status_t add_app(struct making *m, const struct ss_partition *row)
{
    ss_status_t status =
        add_sealed(m, row->label, row->offset, row->size, SS_SEAL_APP, m->app.data, m->app.len, SS_PART_LASTS);
    size_t used = status == SS_OK ? m->parts->parts[m->parts->count - 1].len : 0;
    if (status == SS_OK && used < row->size)
        add(m, row->label, row->offset + (uint32_t)used, row->size - used, SS_PART_UNTIL_ENCRYPTED);
    return status;
}

static const struct ss_part_data *data_for(const struct making *m, const struct ss_partition *row)
{
    for (size_t i = 0; i < m->in->data_count; i++)
        if (strcmp(m->in->data[i].partition, row->label) == 0)
            return &m->in->data[i];
    return NULL;
}

static bool is_nvs(const struct ss_partition *row)
{
    return row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_NVS;
}

/// Data rows. Encrypted ones without content get what a first boot would leave of erased flash: 0xFF, encrypted.
static ss_status_t add_data(struct making *m, const struct ss_partition *row)
{
    const struct ss_part_data *data = data_for(m, row);
    // NVS reads its flash raw, whatever the flag says.
    bool encrypted = ss_partition_is_encrypted(row) && !is_nvs(row);
    if (!data && !encrypted)
        return SS_OK;
    if (row->offset % SECTOR || row->size % SECTOR)
        return ss_error_set(m->err, SS_ERROR_NOT_SUPPORTED, SS_AREA_PROVISION,
                            "partition %s at 0x%x with 0x%x bytes is not made of whole sectors", row->label,
                            (unsigned)row->offset, (unsigned)row->size);
    if (data && data->len > row->size)
        return ss_error_set(m->err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_PROVISION,
                            "content of partition %s is %zu bytes, it holds %u", row->label, data->len,
                            (unsigned)row->size);
    struct ss_part *part = add(m, row->label, row->offset, row->size, SS_PART_UNTIL_ENCRYPTED);
    ss_status_t status = fill(m, part, data ? data->data : NULL, data ? data->len : 0);
    if (status != SS_OK || !encrypted)
        return status;
    bool otadata = row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_OTA;
    return seal(m, part, otadata ? SS_SEAL_OTADATA : SS_SEAL_DATA, row->size, row->size);
}

static ss_status_t add_rows(struct making *m)
{
    const struct ss_partition_table *t = m->in->table;
    const struct ss_partition *app = app_row(t);
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < t->count && status == SS_OK; i++) {
        const struct ss_partition *row = &t->rows[i];
        if (row == app)
            status = add_app(m, row);
        else if (row->type == SS_PARTITION_APP)
            add(m, row->label, row->offset, row->size, SS_PART_UNTIL_ENCRYPTED);
        else
            status = add_data(m, row);
    }
    return status;
}

/// The table in its sector; signed where there is a V1 key in memory: bootloaders before ESP-IDF v3.1 ask for it.
static ss_status_t add_table(struct making *m)
{
    uint8_t binary[SS_TABLE_BINARY_SIZE], out[SS_SIGN_MAX_OUT(SS_TABLE_BINARY_SIZE)];
    size_t len = sizeof binary;
    ss_status_t status = ss_table_to_binary(m->in->table, binary, m->err);
    if (status != SS_OK)
        return status;
    memcpy(out, binary, sizeof binary);
    bool v1 = m->key && m->in->secure_boot != SS_SECURE_BOOT_V2;
    if (v1 && ss_signing_key_is_private(m->key))
        status = ss_sign_image(SS_SIGN_V1, m->key, false, binary, sizeof binary, out, sizeof out, &len, NULL, m->err);
    if (status != SS_OK)
        return status;
    return add_sealed(m, "table", m->in->table_offset, SECTOR, SS_SEAL_TABLE, out, len, SS_PART_LASTS);
}

/// The same IV each time for the same key and bootloader, so that a run that continues finds what it left. It is no
/// secret: the ROM reads it from flash.
static ss_status_t make_iv(const uint8_t *key, size_t key_len, const struct image_bytes *bootloader,
                           uint8_t iv[SS_SBV1_IV_SIZE])
{
    uint8_t seed[33];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, bootloader->data, bootloader->len, seed);
    for (unsigned i = 0; status == SS_OK && i < SS_SBV1_IV_SIZE / 32; i++) {
        seed[32] = (uint8_t)i;
        status = ss_hmac_sha256(key, key_len, seed, sizeof seed, iv + 32 * (size_t)i);
    }
    return status;
}

static ss_status_t add_digest(struct making *m)
{
    uint8_t key[32], content[SS_SBV1_IV_SIZE + SS_SBV1_DIGEST_SIZE];
    struct ss_sbv1_digest_params params = {
        .key = key, .key_len = m->in->flash_key_len, .iv = content, .iv_len = SS_SBV1_IV_SIZE};
    ss_status_t status = m->store->secure_boot_key(m->store->context, key, params.key_len, m->err);
    if (status == SS_OK)
        status = make_iv(key, params.key_len, &m->bootloader, content);
    if (status == SS_OK)
        status = ss_secure_boot_v1_bootloader_digest(&params, m->bootloader.data, m->bootloader.len,
                                                     content + SS_SBV1_IV_SIZE, m->err);
    ss_wipe(key, sizeof key);
    if (status != SS_OK)
        return ss_error_prefix(m->err, status, "secure boot digest");
    return add_sealed(m, "digest", 0, SECTOR, SS_SEAL_DATA, content, sizeof content, SS_PART_UNTIL_SECURE_BOOT);
}

static ss_status_t add_bootloader(struct making *m)
{
    if (m->in->table_offset < 2 * BOOTLOADER_ADDRESS || m->in->table_offset % SECTOR)
        return fail(m, SS_ERROR_INVALID_ARGUMENT, "the table's address leaves no room for a bootloader");
    return add_sealed(m, "bootloader", BOOTLOADER_ADDRESS, m->in->table_offset - BOOTLOADER_ADDRESS, SS_SEAL_BOOTLOADER,
                      m->bootloader.data, m->bootloader.len, SS_PART_LASTS);
}

/// SHA-256 of the public key as it stands in the signature block: what BLOCK2 holds.
static ss_status_t find_public_digest(struct making *m)
{
    struct ss_sbv2_block info;
    if (m->bootloader.len < SS_SBV2_SECTOR_SIZE)
        return fail(m, SS_ERROR_DATA_INVALID, "bootloader: no signature sector");
    ss_status_t status =
        ss_secure_boot_v2_parse_block(m->bootloader.data + m->bootloader.len - SS_SBV2_SECTOR_SIZE, &info, m->err);
    if (status == SS_OK)
        memcpy(m->parts->public_digest, info.key_digest, sizeof m->parts->public_digest);
    return status;
}

static ss_status_t prepare_images(struct making *m, const struct ss_partition *row)
{
    static const enum ss_sign_scheme schemes[] = {[SS_SECURE_BOOT_NONE] = SS_SIGN_ANY,
                                                  [SS_SECURE_BOOT_V1_ONE_TIME] = SS_SIGN_V1,
                                                  [SS_SECURE_BOOT_V1_REFLASHABLE] = SS_SIGN_V1,
                                                  [SS_SECURE_BOOT_V2] = SS_SIGN_V2};
    struct image_wanted wanted = {.is_bootloader = true,
                                  .address = BOOTLOADER_ADDRESS,
                                  .revision = m->in->revision,
                                  .scheme = schemes[m->in->secure_boot],
                                  .key = m->key,
                                  .embedded_key = m->in->embedded_key};
    ss_status_t status = image_prepare(m->in->bootloader, m->in->bootloader_len, &wanted, &m->bootloader,
                                       &m->parts->made_signatures, m->err);
    if (status == SS_OK && wanted.scheme == SS_SIGN_V2)
        status = find_public_digest(m);
    wanted.is_bootloader = false;
    wanted.address = row->offset;
    if (status == SS_OK)
        status = image_prepare(m->in->app, m->in->app_len, &wanted, &m->app, &m->parts->made_signatures, m->err);
    return status;
}

static ss_status_t check_table(struct making *m, const struct ss_partition *app)
{
    const struct ss_partition_table *t = m->in->table;
    bool v1 = m->in->secure_boot == SS_SECURE_BOOT_V1_ONE_TIME || m->in->secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE;
    m->table_options = (struct ss_table_options){.table_address = m->in->table_offset,
                                                 .flash_size = m->in->flash_size,
                                                 .secure = v1 ? SS_TABLE_SECURE_V1 : SS_TABLE_SECURE_NONE};
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].offset + t->rows[i].size > m->flash_needed)
            m->flash_needed = t->rows[i].offset + t->rows[i].size;
    if (!app)
        return fail(m, SS_ERROR_DOES_NOT_EXIST, "the partition table has no place for an app");
    for (size_t i = 0; i < m->in->data_count; i++)
        if (!ss_table_find(t, m->in->data[i].partition))
            return ss_error_set(m->err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_PROVISION, "the table has no partition %s",
                                m->in->data[i].partition);
    ss_status_t status = ss_table_verify(t, &m->table_options, m->err);
    return status == SS_OK ? SS_OK : ss_error_prefix(m->err, status, "partition table");
}

static ss_status_t make(struct making *m)
{
    const struct ss_partition *app = app_row(m->in->table);
    ss_status_t status = check_table(m, app);
    if (status == SS_OK && m->in->secure_boot != SS_SECURE_BOOT_NONE)
        status = m->store->signing_key(m->store->context, &m->key, m->err);
    if (status == SS_OK)
        status = prepare_images(m, app);
    if (status == SS_OK)
        status = add_rows(m);
    if (status == SS_OK)
        status = add_table(m);
    if (status == SS_OK && m->in->digest)
        status = add_digest(m);
    return status == SS_OK ? add_bootloader(m) : status;
}

ss_status_t ss_parts_make(const struct ss_parts_input *input, const struct ss_provision_store *store,
                          struct ss_parts *parts, struct ss_error *err)
{
    struct making m = {.in = input, .store = store, .parts = parts, .err = err};
    *parts = (struct ss_parts){0};
    ss_status_t status = make(&m);
    image_free(&m.bootloader);
    image_free(&m.app);
    if (status != SS_OK)
        ss_parts_free(parts);
    return status;
}

void ss_parts_free(struct ss_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct ss_part *part = &parts->parts[i];
        ss_wipe(part->plain, part->plain ? part->len : 0);
        free(part->plain);
        free(part->sealed);
    }
    *parts = (struct ss_parts){0};
}
