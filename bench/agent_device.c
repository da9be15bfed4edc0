// SPDX-License-Identifier: Apache-2.0
#include "bench/agent_device.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/image_parts.h"
#include "device/pins.h"
#include "provision/app_pins.h"
#include "provision/device_config.h"
#include "slotseal/canonical.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/statement_sign.h"

#define TABLE     0x8000u
#define NVS       0x9000u
#define NVS_SIZE  0x4000u
#define SLOT_1    (DEVICE_SLOT + DEVICE_SLOT_SIZE)
#define PINS_AT   0x2000u // in the first segment of the app
#define PRODUCT   "bench"
#define DEVICE_ID "device"

static struct ss_error err;

/// What the fleet signs with, made once.
static struct fleet {
    ss_signing_key_t *keys[3]; ///< root, release, delivery
    uint8_t raw[3][SS_STATEMENT_KEY_SIZE];
    uint8_t key_set[SS_KEY_SET_MAX];
    size_t key_set_len;
    uint8_t app[DEVICE_APP_SIZE]; ///< plaintext, with the key set in
    uint8_t table[SS_TABLE_BINARY_SIZE];
    uint8_t nvs[NVS_SIZE];
} fleet;

static void make_keys(void)
{
    struct ss_key_set set = {.product = ss_span_of(PRODUCT), .version = 1, .threshold = 1, .epochs = {1}};
    uint8_t draft[SS_KEY_SET_MAX];
    size_t len;
    for (unsigned i = 0; i < 3; i++) {
        device_check(ss_signing_key_generate(SS_KEY_P256, &fleet.keys[i], &err), &err);
        device_check(ss_signing_key_raw_public(fleet.keys[i], fleet.raw[i], &err), &err);
        set.roles[i].keys[0] = fleet.raw[i];
        set.roles[i].count = 1;
    }
    device_check(ss_key_set_encode(&set, draft, sizeof draft, &len, &err), &err);
    device_check(
        ss_key_set_sign(draft, len, fleet.keys[0], fleet.key_set, sizeof fleet.key_set, &fleet.key_set_len, &err),
        &err);
}

static void make_app(struct ss_vchip *chip)
{
    static const struct ss_pins block = {.magic = SS_PINS_MAGIC, .capacity = SS_PINS_CAPACITY};
    struct ss_image image;
    device_check(ss_chip_cache_read(chip, DEVICE_SLOT, fleet.app, sizeof fleet.app, &err), &err);
    device_check(ss_image_parse(fleet.app, sizeof fleet.app, NULL, &image, &err), &err);
    memcpy(fleet.app + PINS_AT, &block, sizeof block);
    device_check(ss_image_refresh(fleet.app, &image), &err);
    device_check(ss_app_pins_embed(fleet.app, sizeof fleet.app, fleet.key_set, fleet.key_set_len, &err), &err);
}

static void make_table(struct ss_vchip *chip)
{
    static struct ss_partition_table table;
    device_check(ss_chip_cache_read(chip, TABLE, fleet.table, sizeof fleet.table, &err), &err);
    device_check(ss_table_from_binary(fleet.table, sizeof fleet.table, &table, &err), &err);
    table.rows[table.count++] = (struct ss_partition){
        .label = "nvs", .type = SS_PARTITION_DATA, .subtype = SS_PARTITION_DATA_NVS, .offset = NVS, .size = NVS_SIZE};
    device_check(ss_table_to_binary(&table, fleet.table, &err), &err);
}

static void make_fleet(struct ss_vchip *chip)
{
    if (fleet.keys[0])
        return;
    const struct ss_device_config config = {.id = DEVICE_ID, .servers = {"https://localhost"}, .server_count = 1};
    make_keys();
    make_app(chip);
    make_table(chip);
    device_check(ss_device_config_build(&config, fleet.nvs, sizeof fleet.nvs, &err), &err);
}

static void lay(struct ss_vchip *chip, uint32_t address, const uint8_t *data, size_t len)
{
    ss_flash_erase(&chip->flash, address, (uint32_t)len);
    device_check(ss_chip_encrypted_write(chip, address, data, len, &err), &err);
}

struct ss_vchip *agent_chip(uint64_t seed, bool used)
{
    struct ss_vchip *chip = device_new(seed, true);
    make_fleet(chip);
    lay(chip, TABLE, fleet.table, sizeof fleet.table);
    lay(chip, DEVICE_SLOT, fleet.app, sizeof fleet.app);
    ss_flash_program(&chip->flash, NVS, fleet.nvs, sizeof fleet.nvs);
    memset(chip->flash.data + SLOT_1, used ? 0x5A : 0xFF, DEVICE_SLOT_SIZE);
    return chip;
}

static void seal(uint64_t seed, uint8_t *image, size_t len)
{
    uint8_t key[32]; // as device_lay() burns it
    struct ss_flash_cipher cipher;
    device_check(ss_hash_once(SS_HASH_SHA256, &seed, sizeof seed, key), &err);
    device_check(ss_flash_cipher_init(&cipher, key, sizeof key, 0xF, &err), &err);
    device_check(ss_flash_cipher_seal(&cipher, SLOT_1, image, image, len, &err), &err);
}

static void sign_release(struct agent_update *u, uint8_t reference[SS_STATEMENT_DIGEST_SIZE])
{
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE];
    struct ss_statement parsed;
    const struct ss_release release = {.product = ss_span_of(PRODUCT),
                                       .version = ss_span_of("1.0.0"),
                                       .digest = digest,
                                       .timestamp = 1,
                                       .image_len = DEVICE_APP_SIZE};
    device_check(ss_canonical_digest(fleet.app, sizeof fleet.app, SS_VK_NONE, digest, &err), &err);
    device_check(ss_release_sign(&release, fleet.keys[1], u->release, sizeof u->release, &u->parcel.release_len, &err),
                 &err);
    device_check(ss_statement_parse(u->release, u->parcel.release_len, &parsed, NULL), &err);
    device_check(ss_statement_reference(&parsed, reference), &err);
}

void agent_update(uint64_t seed, struct agent_update *update)
{
    static uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
    uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    *update = (struct agent_update){
        .parcel = {.release = update->release, .delivery = update->delivery, .sealed = update->sealed}};
    memcpy(update->sealed, fleet.app, sizeof fleet.app);
    seal(seed, update->sealed, sizeof update->sealed);
    update->parcel.sealed_len = sizeof update->sealed;
    sign_release(update, reference);
    struct ss_delivery delivery = {.device = ss_span_of(DEVICE_ID),
                                   .release = reference,
                                   .digests = digests,
                                   .sequence = 1,
                                   .epoch = 1,
                                   .slot_address = SLOT_1,
                                   .slot_size = DEVICE_SLOT_SIZE,
                                   .length = sizeof update->sealed,
                                   .window = ss_window_size(DEVICE_SLOT_SIZE)};
    device_check(ss_window_digests(update->sealed, sizeof update->sealed, delivery.window, digests, &delivery.windows),
                 &err);
    device_check(ss_delivery_sign(&delivery, fleet.keys[2], update->delivery, sizeof update->delivery,
                                  &update->parcel.delivery_len, &err),
                 &err);
}
