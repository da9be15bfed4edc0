// SPDX-License-Identifier: Apache-2.0
#include "sim/identity.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "device/pins.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"
#include "slotseal/nvs.h"

/// What is read while the identity is put together.
struct reading {
    struct ss_vchip *chip;
    const struct ss_boot_result *started;
    struct ss_sim_identity *id;
    struct ss_partition_table table;
    uint8_t *image; ///< the running one, as the cache shows it
    struct ss_nvs_reader nvs;
    uint8_t factory_set[SS_KEY_SET_MAX]; ///< of provisioning
    size_t factory_set_len;
    struct ss_error *err;
};

static ss_status_t fail(struct reading *r, ss_status_t status, const char *what)
{
    return ss_error_set(r->err, status, SS_AREA_CHIP, "the simulated device: %s", what);
}

static struct ss_span span(const uint8_t *p, size_t len)
{
    return len ? (struct ss_span){p, (uint16_t)len} : (struct ss_span){0};
}

// -- Partitions -------------------------------------------------------------------------------------------------------

static ss_status_t read_table(struct reading *r)
{
    uint8_t rows[SS_TABLE_BINARY_SIZE];
    ss_status_t status = ss_chip_cache_read(r->chip, r->started->profile.table_offset, rows, sizeof rows, r->err);
    if (status == SS_OK)
        status = ss_table_from_binary(rows, sizeof rows, &r->table, r->err);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA256, rows, sizeof rows, r->id->table_digest);
    r->id->agent.table_digest = r->id->table_digest;
    return status;
}

static ss_status_t find_slots(struct reading *r)
{
    struct ss_agent_identity *a = &r->id->agent;
    const struct ss_partition *otadata = ss_table_find_type(&r->table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0);
    if (!otadata)
        return fail(r, SS_ERROR_DOES_NOT_EXIST, "the partition table has no otadata");
    r->id->otadata = otadata->offset;
    for (unsigned i = 0; i < 2; i++) {
        const struct ss_partition *row = ss_table_ota_slot(&r->table, i);
        if (!row)
            return fail(r, SS_ERROR_DOES_NOT_EXIST, "the partition table has no ota_0 and ota_1");
        a->slots[i].address = row->offset;
        a->slots[i].size = row->size;
    }
    if (r->started->slot != 0 && r->started->slot != 1)
        return fail(r, SS_ERROR_NOT_SUPPORTED, "its app does not run from ota_0 or ota_1");
    a->running = (uint8_t)r->started->slot;
    return SS_OK;
}

// -- The running image ------------------------------------------------------------------------------------------------

// All of it at once: the chip prepares its key for every read.
static ss_status_t read_image(struct reading *r)
{
    r->image = malloc(r->started->length);
    return r->image ? ss_chip_cache_read(r->chip, r->started->address, r->image, r->started->length, r->err)
                    : fail(r, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for its app");
}

// The end of an image is one of a read, too: it is a multiple of 16.
static ss_status_t from_image(void *context, uint32_t address, void *out, size_t len)
{
    memcpy(out, (const uint8_t *)context + address, len);
    return SS_OK;
}

static ss_status_t read_pins(struct reading *r, size_t *len)
{
    ss_status_t status = ss_pins_read(from_image, r->image, 0, r->started->length, r->id->pinned, len);
    if (status == SS_ERROR_DOES_NOT_EXIST)
        return fail(r, status, "no key set is pinned in its app: slotseal keyset embed puts one in");
    if (status == SS_ERROR_DATA_INVALID)
        return fail(r, status, "the block of the pinned key set in its app is damaged, or there are two");
    return status;
}

// An app with a verification key of its own has it where the build linked it: found by its value, which is also the
// bootloader's.
static void find_own_key(struct reading *r)
{
    const struct ss_boot_profile *profile = &r->started->profile;
    const uint8_t *hit = NULL;
    if (profile->has_public_key && profile->public_key_len == SS_VK_SIZE)
        hit = memmem(r->image, r->started->length, profile->public_key, SS_VK_SIZE);
    r->id->agent.vk_offset = hit ? (uint32_t)(hit - r->image) : SS_VK_NONE;
}

static uint8_t scheme_of(const struct ss_boot_profile *profile)
{
    if (profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2)
        return SS_RELEASE_V2;
    return profile->secure_boot == SS_PROFILE_SECURE_BOOT_V1 || profile->signed_on_boot ? SS_RELEASE_V1
                                                                                        : SS_RELEASE_UNSIGNED;
}

static ss_status_t read_app(struct reading *r, size_t *pinned_len)
{
    struct ss_image_header header;
    struct ss_agent_identity *a = &r->id->agent;
    const struct ss_boot_profile *profile = &r->started->profile;
    uint32_t len = r->started->length;
    ss_status_t status = read_image(r);
    if (status == SS_OK)
        status = read_pins(r, pinned_len);
    if (status != SS_OK)
        return status;
    ss_image_header_parse(r->image, &header);
    a->chip = header.chip_id;
    a->scheme = scheme_of(profile);
    a->bootloader =
        (profile->rollback ? SS_BOOTLOADER_ROLLBACK : 0) |
        (profile->anti_rollback ? SS_BOOTLOADER_ANTI_ROLLBACK | SS_BOOTLOADER_ROLLBACK : 0) |
        (ss_table_find_type(&r->table, SS_PARTITION_DATA, SS_PARTITION_DATA_NVS_KEYS, 0) ? SS_NEEDS_NVS_KEYS : 0);
    if (len > SS_DESC_OFFSET &&
        ss_app_desc_parse(r->image + SS_DESC_OFFSET, len - SS_DESC_OFFSET, &r->id->app) == SS_OK)
        a->secure_version = r->id->app.secure_version;
    find_own_key(r);
    return SS_OK;
}

// -- Settings ---------------------------------------------------------------------------------------------------------

static ss_status_t read_nvs_keys(struct reading *r, uint8_t keys[SS_NVS_KEYS_SIZE], bool *encrypted)
{
    uint8_t image[SS_NVS_KEYS_IMAGE_SIZE];
    const struct ss_partition *row = ss_table_find_type(&r->table, SS_PARTITION_DATA, SS_PARTITION_DATA_NVS_KEYS, 0);
    *encrypted = false;
    if (!row)
        return SS_OK;
    ss_status_t status = ss_chip_cache_read(r->chip, row->offset, image, sizeof image, r->err);
    // A partition without keys means settings in plaintext: the firmware was built without NVS encryption.
    *encrypted = status == SS_OK && ss_nvs_keys_parse(image, sizeof image, keys, NULL) == SS_OK;
    ss_wipe(image, sizeof image);
    return status;
}

static ss_status_t get_text(struct reading *r, const char *key, char *out, size_t size)
{
    struct ss_nvs_entry entry;
    size_t len = 0;
    *out = 0;
    if (ss_nvs_find(&r->nvs, SS_DEVICE_CONFIG_NAMESPACE, key, SS_NVS_STRING, &entry, NULL) != SS_OK)
        return SS_OK;
    ss_status_t status = ss_nvs_read(&r->nvs, &entry, (uint8_t *)out, size - 1, &len, r->err);
    out[status == SS_OK ? len : 0] = 0;
    return status;
}

static ss_status_t get_blob(struct reading *r, const char *key, struct ss_sim_blob *blob)
{
    struct ss_nvs_entry entry;
    if (ss_nvs_find(&r->nvs, SS_DEVICE_CONFIG_NAMESPACE, key, SS_NVS_BLOB, &entry, NULL) != SS_OK)
        return SS_OK;
    blob->data = malloc(entry.len ? entry.len : 1);
    if (!blob->data)
        return fail(r, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for its settings");
    return ss_nvs_read(&r->nvs, &entry, blob->data, entry.len, &blob->len, r->err);
}

static ss_status_t get_servers(struct reading *r)
{
    struct ss_sim_identity *id = r->id;
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < SS_DEVICE_CONFIG_MAX_SERVERS; i++) {
        char key[] = "server0";
        key[6] = (char)('0' + i);
        status = get_text(r, key, id->servers[id->server_count], sizeof id->servers[0]);
        if (status == SS_OK && *id->servers[id->server_count]) {
            id->plain_http |= strncasecmp(id->servers[id->server_count], "http://", 7) == 0;
            id->server_count++;
        }
    }
    return status;
}

static ss_status_t take_settings(struct reading *r)
{
    struct ss_sim_blob set = {0};
    struct ss_sim_identity *id = r->id;
    ss_status_t status = get_text(r, "id", id->device, sizeof id->device);
    if (status == SS_OK && !*id->device)
        return fail(r, SS_ERROR_DOES_NOT_EXIST, "its NVS partition has no device id: provisioning writes it");
    if (status == SS_OK)
        status = get_text(r, "token", id->token, sizeof id->token);
    if (status == SS_OK)
        status = get_servers(r);
    if (status == SS_OK)
        status = get_blob(r, "client_key", &id->client_key);
    if (status == SS_OK)
        status = get_blob(r, "client_cert", &id->client_certificate);
    if (status == SS_OK)
        status = get_blob(r, "ca", &id->ca);
    if (status == SS_OK)
        status = get_blob(r, "key_set", &set);
    if (status == SS_OK && set.len <= sizeof r->factory_set && set.len > 0) {
        memcpy(r->factory_set, set.data, set.len);
        r->factory_set_len = set.len;
    }
    free(set.data);
    id->agent.device = ss_span_of(id->device);
    return status;
}

// NVS is never under flash encryption; it has one of its own, with keys in a partition that is.
static ss_status_t read_settings(struct reading *r)
{
    uint8_t keys[SS_NVS_KEYS_SIZE];
    bool encrypted;
    const struct ss_partition *row = ss_table_find_type(&r->table, SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, 0);
    if (!row)
        return fail(r, SS_ERROR_DOES_NOT_EXIST, "the partition table has no nvs");
    ss_status_t status = read_nvs_keys(r, keys, &encrypted);
    uint8_t *image = malloc(row->size);
    if (status == SS_OK && !image)
        status = fail(r, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for its settings");
    if (status == SS_OK) {
        ss_flash_read(&r->chip->flash, row->offset, image, row->size);
        if (encrypted)
            status = ss_nvs_decrypt(image, row->size, keys, r->err);
        if (status == SS_OK)
            status = ss_nvs_reader_open(&r->nvs, image, row->size, r->err);
        if (status == SS_OK)
            status = take_settings(r);
        ss_wipe(image, row->size);
    }
    ss_wipe(keys, sizeof keys);
    free(image);
    return status;
}

// -- Key sets ---------------------------------------------------------------------------------------------------------

static ss_status_t choose_sets(struct ss_sim_identity *id, struct ss_span pinned, struct ss_span current,
                               struct ss_span previous)
{
    const struct ss_trust_sets sets = {.pinned = pinned, .current = current, .previous = previous};
    ss_status_t status = ss_trust_choose(&sets, &id->trust, &id->agent.ring);
    if (status == SS_OK)
        id->agent.product = id->agent.ring.current->product;
    return status;
}

// Those that were stored since, or the one that provisioning wrote, which follows the pinned one.
static ss_status_t read_key_sets(struct reading *r, size_t pinned_len)
{
    struct ss_sim_identity *id = r->id;
    size_t current_len, previous_len = 0;
    ss_status_t status = ss_sim_keep_key_set(&id->keep, false, id->current, &current_len);
    if (status == SS_OK)
        status = ss_sim_keep_key_set(&id->keep, true, id->previous, &previous_len);
    if (status != SS_OK)
        return fail(r, status, "its stored key sets cannot be read");
    if (current_len == 0 && r->factory_set_len) {
        current_len = r->factory_set_len;
        memcpy(id->current, r->factory_set, current_len);
    }
    struct ss_span pinned = span(id->pinned, pinned_len);
    status = choose_sets(id, pinned, span(id->current, current_len),
                         previous_len ? span(id->previous, previous_len) : pinned);
    return status == SS_OK ? SS_OK : fail(r, status, "the key set that is pinned in its app is none");
}

ss_status_t ss_sim_identity_take_key_set(struct ss_sim_identity *identity, const uint8_t *key_set, size_t len)
{
    struct ss_span before = identity->trust.chosen.current;
    ss_status_t status = ss_trust_would_keep(&identity->trust, span(key_set, len));
    if (status == SS_OK)
        status = ss_sim_keep_put_key_set(&identity->keep, key_set, len, before);
    if (status != SS_OK)
        return status;
    memmove(identity->previous, before.p, before.len);
    memcpy(identity->current, key_set, len);
    return choose_sets(identity, identity->trust.chosen.pinned, span(identity->current, len),
                       span(identity->previous, before.len));
}

// -- The whole --------------------------------------------------------------------------------------------------------

static ss_status_t read_all(struct reading *r, struct ss_sim_storage *storage)
{
    size_t pinned_len = 0;
    ss_status_t status = read_table(r);
    if (status == SS_OK)
        status = find_slots(r);
    if (status == SS_OK)
        status = read_app(r, &pinned_len);
    if (status == SS_OK)
        status = read_settings(r);
    if (status == SS_OK) {
        status = ss_sim_keep_mount(&r->id->keep, r->chip, &r->table, storage);
        if (status != SS_OK)
            return fail(r, status, "the partition of its journal cannot be used");
    }
    return status == SS_OK ? read_key_sets(r, pinned_len) : status;
}

ss_status_t ss_sim_identity_read(struct ss_vchip *chip, const struct ss_boot_result *started,
                                 struct ss_sim_storage *storage, struct ss_sim_identity *identity, struct ss_error *err)
{
    *identity = (struct ss_sim_identity){0};
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a simulated device");
    r->chip = chip;
    r->started = started;
    r->id = identity;
    r->err = err;
    ss_status_t status = read_all(r, storage);
    if (r->image)
        ss_wipe(r->image, started->length);
    free(r->image);
    free(r);
    return status;
}

static void forget(struct ss_sim_blob *blob)
{
    ss_wipe(blob->data, blob->len);
    free(blob->data);
}

void ss_sim_identity_free(struct ss_sim_identity *identity)
{
    forget(&identity->client_key);
    forget(&identity->client_certificate);
    forget(&identity->ca);
    ss_wipe(identity, sizeof *identity);
}
