// SPDX-License-Identifier: Apache-2.0
// encrypt-flash-data, decrypt-flash-data, generate-flash-encryption-key.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/espsecure/internal.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"

struct flash_job {
    bool encrypt;
    bool xts;
    uint32_t address;
    unsigned crypt_config;
};

static void say_key_length(size_t len)
{
    const char *end = esp_is_v4() ? "" : ".";
    bool extended = len < 32;
    esp_say("Using %zu-bit key%s%s", len * 8, extended ? " (extended)" : "", end);
}

static bool key_length_ok(const struct flash_job *job, size_t len)
{
    if (len != 16 && len != 24 && len != 32 && len != 64)
        esp_fatal("Key file contains wrong length (%zu bytes), 16, 24, 32 or 64 expected.", len);
    else if (job->xts && len == 24)
        esp_fatal("AES_XTS supports only 128, 256, and 512-bit keys. Provided key is 192 bits.");
    else if (!job->xts && (len == 16 || len == 64))
        esp_fatal("ESP32 supports only 192 and 256-bit keys. Provided key is %zu bits. Use --aes_xts for other chips.",
                  len * 8);
    else
        return true;
    return false;
}

static ss_status_t run_xts(const struct flash_job *job, const struct input *key, struct input *data,
                           struct ss_error *err)
{
    struct ss_flash_xts c;
    ss_status_t status = ss_flash_xts_init(&c, key->data, key->len, err);
    if (status == SS_OK)
        status = (job->encrypt ? ss_flash_xts_seal : ss_flash_xts_unseal)(&c, job->address, data->data, data->data,
                                                                          data->len, err);
    ss_flash_xts_wipe(&c);
    return status;
}

static ss_status_t run_esp32(const struct flash_job *job, const struct input *key, struct input *data,
                             struct ss_error *err)
{
    struct ss_flash_cipher c;
    ss_status_t status = ss_flash_cipher_init(&c, key->data, key->len, job->crypt_config, err);
    if (status == SS_OK)
        status = (job->encrypt ? ss_flash_cipher_seal : ss_flash_cipher_unseal)(&c, job->address, data->data,
                                                                                data->data, data->len, err);
    ss_flash_cipher_wipe(&c);
    return status;
}

/// espsecure's own conditions; what is left to the ciphers is the end of the address space.
static bool data_ok(const struct flash_job *job, struct input *data)
{
    struct ss_error err = {0};
    if (job->address % 16)
        esp_fatal("Starting flash address %#" PRIx32 " must be a multiple of 16.", job->address);
    else if (job->xts && (data->len == 0 || data->len % 16))
        esp_fatal("Length of input data (%zu) must be a multiple of 16 and not zero.", data->len);
    else if (!job->encrypt && data->len % 16)
        esp_fatal("Data length is not a multiple of 16 bytes.");
    else if (data->len % 16 && file_pad(data, (data->len + 15) / 16 * 16, &err) != SS_OK)
        esp_fail(&err);
    else
        return true;
    return false;
}

static int run_job(const struct flash_job *job, const struct esp_args *args, const struct input *key,
                   struct input *data)
{
    struct ss_error err = {0};
    if (!key_length_ok(job, key->len))
        return ESP_EXIT_ERROR;
    say_key_length(key->len);
    if (!job->xts && job->crypt_config == 0)
        esp_say("WARNING: Setting FLASH_CRYPT_CONF to zero is not recommended");
    if (!data_ok(job, data))
        return ESP_EXIT_ERROR;
    const struct input *inputs[] = {key, data, NULL};
    if ((job->xts ? run_xts : run_esp32)(job, key, data, &err) != SS_OK ||
        file_write(args->values[ESP_OUTPUT], job->encrypt ? OUTPUT_PUBLIC : OUTPUT_PLAINTEXT, data->data, data->len,
                   inputs, &err) != SS_OK)
        return esp_fail(&err);
    return 0;
}

static int flash_data(const struct esp_args *args, bool encrypt)
{
    struct flash_job job = {.encrypt = encrypt, .xts = args->values[ESP_AES_XTS] != NULL};
    const char *conf = args->values[ESP_CRYPT_CONF];
    uint64_t address, config = 0xF;
    if (!esp_number("address", args->values[ESP_ADDRESS], UINT32_MAX, &address) ||
        (conf && !esp_number("flash-crypt-conf", conf, 0xF, &config)))
        return ESP_EXIT_ERROR;
    job.address = (uint32_t)address;
    job.crypt_config = (unsigned)config;

    struct input key = {0}, data = {0};
    const char *output = args->values[ESP_OUTPUT];
    int status = ESP_EXIT_ERROR;
    if (esp_read_key(args->values[ESP_KEYFILE], output, &key) && esp_read(args->operand, output, &data))
        status = run_job(&job, args, &key, &data);
    file_free(&data);
    file_free(&key);
    return status;
}

static int encrypt_flash_data(const struct esp_args *args)
{
    return flash_data(args, true);
}

static int decrypt_flash_data(const struct esp_args *args)
{
    return flash_data(args, false);
}

static int generate_flash_encryption_key(const struct esp_args *args)
{
    const char *keylen = args->values[ESP_KEYLEN];
    size_t len = (size_t)(keylen ? atoi(keylen) : 256) / 8;
    uint8_t key[64];
    struct ss_error err = {0};
    esp_say("Writing %zu random bits to key file %s", len * 8, args->operand);
    ss_status_t status = ss_random(key, len);
    if (status != SS_OK)
        ss_error_set(&err, status, SS_AREA_CRYPTO, "the random generator failed");
    else
        status = file_write(args->operand, OUTPUT_KEY, key, len, NULL, &err);
    ss_wipe(key, sizeof key);
    return status == SS_OK ? 0 : esp_fail(&err);
}

static const struct esp_option crypt_options[] = {
    {ESP_KEYFILE, "keyfile", 'k', ESP_VALUE, true, NULL, "flash-encryption key"},
    {ESP_OUTPUT, "output", 'o', ESP_VALUE, true, NULL, "file to write"},
    {ESP_ADDRESS, "address", 'a', ESP_VALUE, true, NULL, "flash address of the first byte"},
    {ESP_CRYPT_CONF, "flash-crypt-conf", 0, ESP_VALUE, false, NULL, "eFuse FLASH_CRYPT_CONFIG, 0xF by default"},
    {ESP_AES_XTS, "aes-xts", 'x', ESP_SWITCH, false, NULL, "for the chips after the ESP32"},
    {0},
};

static const struct esp_option keylen_options[] = {
    {ESP_KEYLEN, "keylen", 'l', ESP_VALUE, false, "128 192 256 512", "bits, 256 by default; 192 for 3/4 coding"},
    {0},
};

const struct esp_command esp_flash_commands[] = {
    {"encrypt-flash-data", "encrypt a file for a flash address", "PLAINTEXT_FILE", crypt_options, encrypt_flash_data},
    {"decrypt-flash-data", "decrypt what was read from flash", "ENCRYPTED_FILE", crypt_options, decrypt_flash_data},
    {"generate-flash-encryption-key", "write a random flash-encryption key", "KEY_FILE", keylen_options,
     generate_flash_encryption_key},
    {0},
};
