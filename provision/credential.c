// SPDX-License-Identifier: Apache-2.0
#include "provision/credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/certificate.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "provision/device_config_internal.h"
#include "provision/device_name.h"

#define PAGE      4096u
#define FACT_SIZE (sizeof "certificate sha256:" + 64)

const struct ss_partition *ss_credential_partition(const struct ss_partition_table *table)
{
    return ss_table_find_type(table, SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, 0);
}

/// The token in one page of NVS.
static void find_token(const uint8_t *page, char token[SS_DEVICE_TOKEN_SIZE])
{
    struct ss_nvs_reader reader;
    struct ss_nvs_entry entry;
    size_t len = 0;
    if (ss_nvs_reader_open(&reader, page, PAGE, NULL) != SS_OK ||
        ss_nvs_find(&reader, SS_DEVICE_CONFIG_NAMESPACE, "token", SS_NVS_STRING, &entry, NULL) != SS_OK ||
        ss_nvs_read(&reader, &entry, (uint8_t *)token, SS_DEVICE_TOKEN_LEN, &len, NULL) != SS_OK)
        len = 0;
    token[len] = '\0';
    if (!ss_device_token_valid(token))
        token[0] = '\0';
}

ss_status_t ss_credential_read(struct ss_link *link, const struct ss_partition_table *table,
                               char token[SS_DEVICE_TOKEN_SIZE], struct ss_error *err)
{
    uint8_t page[PAGE];
    const struct ss_partition *nvs = ss_credential_partition(table);
    token[0] = '\0';
    if (!nvs)
        return SS_OK;
    ss_status_t status = ss_link_flash_read(link, nvs->offset, page, sizeof page, err);
    if (status == SS_OK)
        find_token(page, token);
    ss_wipe(page, sizeof page);
    return status;
}

static ss_status_t get_record(struct ss_vault *vault, const struct ss_credential_request *r,
                              struct ss_vault_device *device, struct ss_error *err)
{
    ss_status_t status = ss_vault_device_find_mac(vault, r->mac, device, err);
    if (status != SS_ERROR_DOES_NOT_EXIST)
        return status;
    *device = (struct ss_vault_device){.crypt_config = SS_VAULT_CRYPT_CONFIG};
    if (r->device)
        snprintf(device->id, sizeof device->id, "%s", r->device);
    else
        ss_device_name_from_mac(r->mac, device->id);
    snprintf(device->product, sizeof device->product, "%s", r->product);
    memcpy(device->mac, r->mac, sizeof device->mac);
    return r->dry ? SS_OK : ss_vault_device_add(vault, device, err);
}

static void put_fact(const char *kind, const uint8_t digest[32], char fact[FACT_SIZE])
{
    int used = snprintf(fact, FACT_SIZE, "%s sha256:", kind);
    ss_put_hex(digest, 32, fact + used);
}

static ss_status_t token_fact(const char *token, char fact[FACT_SIZE], struct ss_error *err)
{
    uint8_t digest[32];
    ss_status_t status = ss_device_token_hash(token, digest, err);
    if (status == SS_OK)
        put_fact("token", digest, fact);
    return status;
}

static ss_status_t certificate_fact(const struct ss_device_file *file, char fact[FACT_SIZE], struct ss_error *err)
{
    uint8_t digest[32];
    ss_status_t status = ss_certificate_digest(file->data, file->len, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_PROVISION, "the client certificate has no digest");
    put_fact("certificate", digest, fact);
    return SS_OK;
}

static ss_status_t set_fact(struct ss_vault *vault, const struct ss_credential_request *r, const char *id,
                            const char *fact, struct ss_error *err)
{
    return r->dry ? SS_OK : ss_vault_device_set_fact(vault, id, SS_CREDENTIAL_FACT, fact, err);
}

/// The token that the chip has, if the vault knows it; else a new one, which the vault knows from here on.
static ss_status_t choose_token(struct ss_vault *vault, const struct ss_credential_request *r, const char *id,
                                char token[SS_DEVICE_TOKEN_SIZE], struct ss_error *err)
{
    char known[512], fact[FACT_SIZE];
    ss_status_t status = SS_OK;
    if (*r->found && ss_vault_device_fact(vault, id, SS_CREDENTIAL_FACT, known, sizeof known, NULL) == SS_OK) {
        status = token_fact(r->found, fact, err);
        if (status == SS_OK && !strcmp(fact, known)) {
            memcpy(token, r->found, SS_DEVICE_TOKEN_SIZE);
            return SS_OK;
        }
    }
    if (status == SS_OK)
        status = ss_device_token_new(token, err);
    if (status == SS_OK)
        status = token_fact(token, fact, err);
    return status == SS_OK ? set_fact(vault, r, id, fact, err) : status;
}

static ss_status_t note_certificate(struct ss_vault *vault, const struct ss_credential_request *r, const char *id,
                                    struct ss_error *err)
{
    char fact[FACT_SIZE];
    ss_status_t status = certificate_fact(&r->config->client_certificate, fact, err);
    return status == SS_OK ? set_fact(vault, r, id, fact, err) : status;
}

static ss_status_t build(const struct ss_credential_request *r, const char *id, const char *token, uint8_t **image,
                         size_t *len, struct ss_error *err)
{
    struct ss_device_config config = *r->config;
    config.id = id;
    config.token = *token ? token : NULL;
    *len = ss_credential_partition(r->table)->size;
    *image = malloc(*len);
    if (!*image)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory");
    ss_status_t status = ss_device_config_build(&config, *image, *len, err);
    if (status != SS_OK) {
        free(*image);
        *image = NULL;
    }
    return status;
}

ss_status_t ss_credential_prepare(struct ss_vault *vault, const struct ss_credential_request *r, uint8_t **image,
                                  size_t *len, struct ss_error *err)
{
    struct ss_vault_device device;
    char token[SS_DEVICE_TOKEN_SIZE] = "";
    *image = NULL;
    *len = 0;
    if (!ss_credential_partition(r->table))
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_PROVISION, "the table has no nvs partition");
    ss_status_t status = get_record(vault, r, &device, err);
    // A provisioned device has its credential; one whose life has ended gets none.
    if (status != SS_OK || (device.state != SS_VAULT_DEVICE_REGISTERED && device.state != SS_VAULT_DEVICE_PROVISIONING))
        return status;
    bool client_key = r->config->client_key.data != NULL;
    if (!client_key)
        status = choose_token(vault, r, device.id, token, err);
    if (status == SS_OK)
        status = build(r, device.id, token, image, len, err);
    if (status == SS_OK && client_key)
        status = note_certificate(vault, r, device.id, err);
    ss_wipe(token, sizeof token);
    return status;
}

static bool life_has_ended(enum ss_vault_device_state state)
{
    return state != SS_VAULT_DEVICE_REGISTERED && state != SS_VAULT_DEVICE_PROVISIONING &&
           state != SS_VAULT_DEVICE_PROVISIONED;
}

ss_status_t ss_credential_note(struct ss_vault *vault, const char *device, const char *token,
                               const struct ss_device_file *certificate, struct ss_error *err)
{
    struct ss_vault_device record;
    char fact[FACT_SIZE];
    ss_status_t status = ss_vault_device_get(vault, device, &record, err);
    if (status != SS_OK)
        return status;
    if (life_has_ended(record.state) && (token || certificate))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "device %s is %s, it gets no credential",
                            device, ss_vault_device_state_name(record.state));
    if (token && !ss_device_token_valid(token))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_PROVISION,
                            "a token has %u characters of base64url, this one has not", SS_DEVICE_TOKEN_LEN);
    if (token)
        status = token_fact(token, fact, err);
    if (certificate)
        status = ss_device_certificate_check(certificate, device, err);
    if (status == SS_OK && certificate)
        status = certificate_fact(certificate, fact, err);
    if (status != SS_OK)
        return status;
    return ss_vault_device_set_fact(vault, device, SS_CREDENTIAL_FACT, token || certificate ? fact : NULL, err);
}
