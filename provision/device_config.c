// SPDX-License-Identifier: Apache-2.0
#include "provision/device_config.h"

#include <stdio.h>
#include <string.h>

#include "core/certificate.h"
#include "core/crypto.h"
#include "provision/device_config_internal.h"

static ss_status_t put(struct ss_nvs_writer *w, const char *key, enum ss_nvs_type type, const void *data, size_t len,
                       struct ss_error *err)
{
    struct ss_nvs_value value = {.type = type, .data = data, .len = len};
    ss_status_t status = ss_nvs_set(w, SS_DEVICE_CONFIG_NAMESPACE, key, &value, err);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "device configuration: %s", key);
}

static ss_status_t put_text(struct ss_nvs_writer *w, const char *key, const char *text, struct ss_error *err)
{
    return text ? put(w, key, SS_NVS_STRING, text, strlen(text), err) : SS_OK;
}

/// A PEM text with its NUL, DER as it is. The copy is on the stack of a host and wiped.
static ss_status_t put_file(struct ss_nvs_writer *w, const char *key, const struct ss_device_file *file,
                            struct ss_error *err)
{
    uint8_t text[0x8000];
    if (!file->data)
        return SS_OK;
    if (!ss_is_pem(file->data, file->len))
        return put(w, key, SS_NVS_BLOB, file->data, file->len, err);
    if (file->len >= sizeof text)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS,
                            "device configuration: %s has %zu bytes, the limit is %zu", key, file->len,
                            sizeof text - 1);
    memcpy(text, file->data, file->len);
    text[file->len] = '\0';
    ss_status_t status = put(w, key, SS_NVS_BLOB, text, strlen((const char *)text) + 1, err);
    ss_wipe(text, file->len);
    return status;
}

static ss_status_t put_servers(struct ss_nvs_writer *w, const struct ss_device_config *config, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < config->server_count; i++) {
        char key[sizeof "server" + 10];
        snprintf(key, sizeof key, "server%u", i);
        status = put_text(w, key, config->servers[i], err);
    }
    return status;
}

static ss_status_t fill(struct ss_nvs_writer *w, const struct ss_device_config *config, struct ss_error *err)
{
    struct ss_nvs_value format = {.type = SS_NVS_U8, .number = SS_DEVICE_CONFIG_FORMAT};
    ss_status_t status = ss_nvs_set(w, SS_DEVICE_CONFIG_NAMESPACE, "format", &format, err);
    if (status == SS_OK)
        status = put_text(w, "id", config->id, err);
    if (status == SS_OK)
        status = put_text(w, "token", config->token, err);
    if (status == SS_OK)
        status = put_file(w, "client_key", &config->client_key, err);
    if (status == SS_OK)
        status = put_file(w, "client_cert", &config->client_certificate, err);
    if (status == SS_OK)
        status = put_servers(w, config, err);
    if (status == SS_OK)
        status = put_file(w, "ca", &config->ca, err);
    if (status == SS_OK && config->key_set.data)
        status = put(w, "key_set", SS_NVS_BLOB, config->key_set.data, config->key_set.len, err);
    return status;
}

ss_status_t ss_device_config_build(const struct ss_device_config *config, uint8_t *image, size_t size,
                                   struct ss_error *err)
{
    struct ss_nvs_writer w;
    enum ss_nvs_version version = config->version ? config->version : SS_NVS_V2;

    ss_status_t status = ss_device_config_check(config, err);
    if (status == SS_OK)
        status = ss_nvs_writer_init(&w, image, size, version, err);
    if (status != SS_OK)
        return status;
    status = fill(&w, config, err);
    if (status == SS_OK && config->nvs_keys)
        status = ss_nvs_encrypt(image, size, config->nvs_keys, err);
    if (status != SS_OK)
        ss_wipe(image, size);
    return status;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

ss_status_t ss_device_token_new(char out[SS_DEVICE_TOKEN_SIZE], struct ss_error *err)
{
    uint8_t random[32 + 1] = {0}; // 43 characters carry 258 bits: the last two are 0
    out[0] = '\0';
    if (ss_random(random, 32) != SS_OK)
        return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "no random bytes");
    for (unsigned i = 0; i < SS_DEVICE_TOKEN_LEN; i++) {
        unsigned bit = i * 6, pair = (unsigned)random[bit / 8] << 8 | (bit / 8 < 32 ? random[bit / 8 + 1] : 0);
        out[i] = base64url[pair >> (10 - bit % 8) & 63];
    }
    out[SS_DEVICE_TOKEN_LEN] = '\0';
    ss_wipe(random, sizeof random);
    return SS_OK;
}

bool ss_device_token_valid(const char *token)
{
    return strlen(token) == SS_DEVICE_TOKEN_LEN && strspn(token, base64url) == SS_DEVICE_TOKEN_LEN;
}

ss_status_t ss_device_token_hash(const char *token, uint8_t out[32], struct ss_error *err)
{
    if (ss_hash_once(SS_HASH_SHA256, token, strlen(token), out) == SS_OK)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "SHA-256 failed");
}
