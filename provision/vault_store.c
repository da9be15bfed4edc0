// SPDX-License-Identifier: Apache-2.0
#include "provision/vault_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "slotseal/secure_boot_v1.h"
#include "vault/flash_key.h"
#include "vault/journal.h"
#include "vault/quota.h"
#include "vault/signing.h"

struct ss_vault_store {
    struct ss_provision_store functions;
    struct ss_vault *vault;
    struct ss_vault_store_options options;
    ss_signing_key_t *own_key; ///< from the vault
    struct ss_vault_product product;
    struct ss_vault_device device; ///< id "" before begin()
    char wanted[SS_VAULT_NAME_SIZE];
    char run[SS_VAULT_NAME_SIZE];
};

static ss_status_t refuse(struct ss_error *err, const char *id, const char *why)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "device %s %s", id, why);
}

/// A record that the chip may be: same MAC, same product, and nobody has ended its life.
static ss_status_t check_record(const struct ss_vault_store *s, const struct ss_provision_chip *chip,
                                struct ss_error *err)
{
    const struct ss_vault_device *d = &s->device;
    char mac[SS_VAULT_MAC_ID_SIZE];
    ss_vault_mac_id(d->mac, mac);
    if (memcmp(d->mac, chip->mac, sizeof d->mac) != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "device %s is the chip with MAC %s, not this one", d->id, mac);
    if (*s->wanted && strcmp(s->wanted, d->id) != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "this chip is device %s already", d->id);
    if (strcmp(d->product, s->product.name) != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "device %s is of product %s, not %s", d->id,
                            d->product, s->product.name);
    if (d->state != SS_VAULT_DEVICE_REGISTERED && d->state != SS_VAULT_DEVICE_PROVISIONING &&
        d->state != SS_VAULT_DEVICE_PROVISIONED)
        return refuse(err, d->id, ss_vault_device_state_name(d->state));
    return SS_OK;
}

static ss_status_t add_record(struct ss_vault_store *s, const struct ss_provision_chip *chip, struct ss_error *err)
{
    struct ss_vault_device *d = &s->device;
    *d = (struct ss_vault_device){.chip_revision = (uint16_t)chip->revision,
                                  .crypt_config = SS_VAULT_CRYPT_CONFIG,
                                  .coding_scheme = (uint8_t)ss_efuse_coding(&chip->efuses.window)};
    if (*s->wanted)
        snprintf(d->id, sizeof d->id, "%s", s->wanted);
    else
        ss_device_name_from_mac(chip->mac, d->id);
    snprintf(d->product, sizeof d->product, "%s", s->product.name);
    memcpy(d->mac, chip->mac, sizeof d->mac);
    if (s->options.dry)
        return SS_OK;
    return ss_vault_device_add(s->vault, d, err);
}

static ss_status_t find_record(struct ss_vault_store *s, const struct ss_provision_chip *chip, struct ss_error *err)
{
    ss_status_t status = ss_vault_device_find_mac(s->vault, chip->mac, &s->device, err);
    if (status == SS_ERROR_DOES_NOT_EXIST && *s->wanted)
        status = ss_vault_device_get(s->vault, s->wanted, &s->device, err);
    if (status == SS_ERROR_DOES_NOT_EXIST)
        status = add_record(s, chip, err);
    return status;
}

static ss_status_t begin(void *context, const struct ss_provision_chip *chip, char device[SS_DEVICE_NAME_SIZE],
                         struct ss_error *err)
{
    struct ss_vault_store *s = context;
    ss_status_t status = find_record(s, chip, err);
    if (status == SS_OK)
        status = check_record(s, chip, err);
    if (status == SS_OK && s->device.state == SS_VAULT_DEVICE_REGISTERED && !s->options.dry)
        status = ss_vault_device_set_state(s->vault, s->device.id, SS_VAULT_DEVICE_PROVISIONING, NULL, s->run, err);
    snprintf(device, SS_DEVICE_NAME_SIZE, "%s", status == SS_OK ? s->device.id : "");
    return status;
}

static ss_status_t flash_key(void *context, uint8_t *key, size_t len, struct ss_error *err)
{
    struct ss_vault_store *s = context;
    struct ss_vault_flash_key found;
    ss_status_t status = SS_OK;
    if (s->options.dry && s->device.flash_key == SS_VAULT_FLASH_KEY_NONE)
        return ss_random(key, len);
    if (s->device.flash_key == SS_VAULT_FLASH_KEY_NONE)
        status = ss_vault_flash_key_generate(s->vault, s->device.id, len, err);
    // Somebody else may have been quicker.
    if (status == SS_OK || status == SS_ERROR_ALREADY_EXISTS)
        status = ss_vault_flash_key(s->vault, s->device.id, s->options.dry ? SS_VAULT_FOR_REHEARSE : SS_VAULT_FOR_BURN,
                                    s->run, &found, err);
    if (status != SS_OK)
        return status;
    s->device.flash_key = SS_VAULT_FLASH_KEY_PRESENT;
    if (found.len == len)
        memcpy(key, found.bytes, len);
    else
        status = ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_PROVISION,
                              "the vault's flash key of device %s has %zu bytes, this chip takes %zu", s->device.id,
                              found.len, len);
    ss_vault_flash_key_wipe(&found);
    return status;
}

/// The name under which the vault keeps a device's own key. Ids are no longer than names, so the suffix must fit.
static ss_status_t name_own_key(struct ss_vault_store *s, char name[SS_VAULT_NAME_SIZE], struct ss_error *err)
{
    if ((size_t)snprintf(name, SS_VAULT_NAME_SIZE, "%s.sign", s->device.id) < SS_VAULT_NAME_SIZE)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_PROVISION,
                        "device id %s is too long for a signing key of its own, 59 characters fit", s->device.id);
}

/// A device's own signing key is made when it is first asked for, and belongs to the device from then on.
static ss_status_t make_own_key(struct ss_vault_store *s, struct ss_error *err)
{
    char name[SS_VAULT_NAME_SIZE];
    enum ss_key_type type = s->product.secure_boot == SS_SECURE_BOOT_V2 ? SS_KEY_RSA3072 : SS_KEY_P256;
    if (s->options.dry)
        return ss_signing_key_generate(type, &s->own_key, err);
    ss_status_t status = name_own_key(s, name, err);
    if (status == SS_OK)
        status = ss_vault_signing_key_generate(s->vault, name, type, err);
    // A run that was cut short before it noted the name.
    if (status != SS_OK && status != SS_ERROR_ALREADY_EXISTS)
        return status;
    snprintf(s->device.sign_key, sizeof s->device.sign_key, "%s", name);
    return ss_vault_device_update(s->vault, &s->device, err);
}

static ss_status_t open_vault_key(struct ss_vault_store *s, const char *name, struct ss_error *err)
{
    return ss_vault_signing_key_open(s->vault, name, s->run, s->options.ask, s->options.ask_context, &s->own_key, err);
}

static ss_status_t open_own_key(struct ss_vault_store *s, struct ss_error *err)
{
    ss_status_t status = *s->device.sign_key ? SS_OK : make_own_key(s, err);
    return status == SS_OK && !s->own_key ? open_vault_key(s, s->device.sign_key, err) : status;
}

/// The product's public key; it verifies what was signed elsewhere.
static ss_status_t load_public_key(struct ss_vault_store *s, struct ss_error *err)
{
    const char *pem = s->product.public_keys[0];
    if (!*pem)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_PROVISION, "product %s has no signing key",
                            s->product.name);
    return ss_signing_key_load((const uint8_t *)pem, strlen(pem), &s->own_key, err);
}

/// A key that was given has to be the one that the product's chips trust.
static ss_status_t check_given_key(struct ss_vault_store *s, struct ss_error *err)
{
    ss_signing_key_t *trusted = NULL;
    const char *pem = s->product.public_keys[0];
    if (!*pem)
        return SS_OK;
    ss_status_t status = ss_signing_key_load((const uint8_t *)pem, strlen(pem), &trusted, err);
    if (status == SS_OK && !ss_signing_key_same_public(trusted, s->options.sign_key))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                              "the signing key that was given is not that of product %s", s->product.name);
    ss_signing_key_free(trusted);
    return status;
}

static ss_status_t signing_key(void *context, const ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_vault_store *s = context;
    ss_status_t status = SS_OK;
    if (s->options.sign_key)
        status = check_given_key(s, err);
    else if (!s->own_key && s->product.per_device_sign_keys)
        status = open_own_key(s, err);
    else if (!s->own_key && *s->product.sign_key)
        status = open_vault_key(s, s->product.sign_key, err);
    else if (!s->own_key)
        status = load_public_key(s, err);
    *key = s->options.sign_key ? s->options.sign_key : s->own_key;
    return status;
}

static ss_status_t secure_boot_key(void *context, uint8_t *key, size_t len, struct ss_error *err)
{
    const ss_signing_key_t *signing = NULL;
    ss_status_t status = signing_key(context, &signing, err);
    if (status == SS_OK && !ss_signing_key_is_private(signing))
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_PROVISION,
                            "it is derived from the private signing key, which is not here");
    return status == SS_OK ? ss_secure_boot_v1_reflash_key(signing, key, len, err) : status;
}

static ss_status_t commit(void *context, struct ss_error *err)
{
    struct ss_vault_store *s = context;
    return s->options.station ? ss_vault_quota_take(s->vault, s->options.station, s->device.id, err) : SS_OK;
}

static ss_status_t journal_append(void *context, const struct ss_journal_entry *entry, struct ss_error *err)
{
    struct ss_vault_store *s = context;
    static const enum ss_vault_phase phases[] = {[SS_JOURNAL_BEFORE] = SS_VAULT_PHASE_BEGIN,
                                                 [SS_JOURNAL_AFTER] = SS_VAULT_PHASE_DONE,
                                                 [SS_JOURNAL_NOTE] = SS_VAULT_PHASE_NOTE};
    return ss_vault_journal_append(s->vault, s->device.id, s->run, entry->step, phases[entry->phase], entry->detail,
                                   err);
}

struct reader {
    void (*each)(void *context, const struct ss_journal_entry *entry);
    void *context;
};

static ss_status_t pass_entry(void *context, const struct ss_vault_journal_entry *entry, struct ss_error *err)
{
    const struct reader *r = context;
    (void)err;
    struct ss_journal_entry out = {.step = entry->step, .detail = entry->detail};
    out.phase = entry->phase == SS_VAULT_PHASE_BEGIN  ? SS_JOURNAL_BEFORE
                : entry->phase == SS_VAULT_PHASE_DONE ? SS_JOURNAL_AFTER
                                                      : SS_JOURNAL_NOTE;
    r->each(r->context, &out);
    return SS_OK;
}

static ss_status_t journal_read(void *context, void (*each)(void *, const struct ss_journal_entry *),
                                void *each_context, struct ss_error *err)
{
    struct ss_vault_store *s = context;
    struct reader reader = {each, each_context};
    return ss_vault_journal_read(s->vault, s->device.id, NULL, pass_entry, &reader, err);
}

static ss_status_t finish(void *context, const struct ss_provision_chip *chip, struct ss_error *err)
{
    struct ss_vault_store *s = context;
    s->device.chip_revision = (uint16_t)chip->revision;
    s->device.crypt_config = (uint8_t)ss_efuse_get_name(&chip->efuses.window, "FLASH_CRYPT_CONFIG");
    ss_status_t status = ss_vault_device_update(s->vault, &s->device, err);
    if (status != SS_OK || s->device.state == SS_VAULT_DEVICE_PROVISIONED)
        return status;
    return ss_vault_device_set_state(s->vault, s->device.id, SS_VAULT_DEVICE_PROVISIONED, NULL, s->run, err);
}

static ss_status_t name_run(struct ss_vault_store *s, struct ss_error *err)
{
    uint8_t random[4];
    char when[24];
    time_t now = time(NULL);
    struct tm utc;
    ss_status_t status = ss_random(random, sizeof random);
    if (status != SS_OK || !gmtime_r(&now, &utc))
        return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_PROVISION, "no name for this run");
    strftime(when, sizeof when, "%Y%m%dT%H%M%S", &utc);
    snprintf(s->run, sizeof s->run, "%s-%02x%02x%02x%02x", when, random[0], random[1], random[2], random[3]);
    return SS_OK;
}

static ss_status_t fill(struct ss_vault_store *s, const char *product, struct ss_error *err)
{
    if (s->options.device && !ss_device_name_valid(s->options.device))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_PROVISION, "that is not a device id");
    if (s->options.device)
        snprintf(s->wanted, sizeof s->wanted, "%s", s->options.device);
    ss_status_t status = name_run(s, err);
    return status == SS_OK ? ss_vault_product_get(s->vault, product, &s->product, err) : status;
}

ss_status_t ss_vault_store_open(struct ss_vault *vault, const char *product,
                                const struct ss_vault_store_options *options, struct ss_vault_store **store,
                                struct ss_error *err)
{
    struct ss_vault_store *s = *store = calloc(1, sizeof *s);
    if (!s)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory for a store");
    s->vault = vault;
    s->options = *options;
    s->functions = (struct ss_provision_store){s,      begin,          flash_key,    signing_key, secure_boot_key,
                                               commit, journal_append, journal_read, finish};
    ss_status_t status = fill(s, product, err);
    if (status != SS_OK) {
        ss_vault_store_close(s);
        *store = NULL;
    }
    return status;
}

void ss_vault_store_close(struct ss_vault_store *store)
{
    if (!store)
        return;
    ss_signing_key_free(store->own_key);
    ss_wipe(store, sizeof *store);
    free(store);
}

const struct ss_provision_store *ss_vault_store_functions(const struct ss_vault_store *store)
{
    return &store->functions;
}

const struct ss_vault_product *ss_vault_store_product(const struct ss_vault_store *store)
{
    return &store->product;
}

const char *ss_vault_store_run(const struct ss_vault_store *store)
{
    return store->run;
}
