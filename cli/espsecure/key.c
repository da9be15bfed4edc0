// SPDX-License-Identifier: Apache-2.0
// Keys: generate-signing-key, extract-public-key, digest-private-key, digest-sbv2-public-key.
#include <string.h>

#include "cli/espsecure/internal.h"
#include "core/crypto.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "slotseal/signing_key.h"

ss_signing_key_t *esp_load_key(const char *path, const char *output, bool need_private)
{
    struct ss_error err = {0};
    struct input in = {0};
    ss_signing_key_t *key = NULL;
    if (!esp_read(path, output, &in))
        return NULL;
    if (ss_signing_key_load(in.data, in.len, &key, &err) != SS_OK) {
        esp_fatal("%s: %s", path, err.message);
    } else if (need_private && !ss_signing_key_is_private(key)) {
        esp_fatal("%s: a private key is needed, this is a public one", path);
        ss_signing_key_free(key);
        key = NULL;
    }
    if (key && ss_signing_key_is_private(key))
        file_warn_readable(&in);
    file_free(&in);
    return key;
}

bool esp_key_fits(const ss_signing_key_t *key, bool v1)
{
    if (v1 && ss_signing_key_type(key) != SS_KEY_P256) {
        esp_fatal("Signing key uses incorrect curve. ESP32 Secure Boot only supports NIST256p "
                  "(openssl calls this curve 'prime256v1').");
        return false;
    }
    return true;
}

bool esp_is_version_1(const struct esp_args *args)
{
    const char *version = args->values[ESP_VERSION];
    return !version || !strcmp(version, "1");
}

static int generate_signing_key(const struct esp_args *args)
{
    static const struct {
        const char *name;
        enum ss_key_type type;
        const char *label;
    } schemes[] = {
        {"ecdsa256", SS_KEY_P256, "ECDSA NIST256p"},
        {"rsa3072", SS_KEY_RSA3072, "RSA 3072"},
        {"ecdsa192", SS_KEY_P192, "ECDSA NIST192p"},
        {"ecdsa384", SS_KEY_P384, "ECDSA NIST384p"},
    };
    bool v1 = esp_is_version_1(args);
    const char *scheme = args->values[ESP_SCHEME];
    unsigned n = v1 ? 0 : 1;
    if (v1 && scheme && strcmp(scheme, "ecdsa256"))
        return esp_fatal("V1 only supports ECDSA256.");
    for (unsigned i = 0; scheme && i < sizeof schemes / sizeof *schemes; i++)
        n = strcmp(schemes[i].name, scheme) ? n : i;

    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX];
    size_t len = 0;
    ss_status_t status = ss_signing_key_generate(schemes[n].type, &key, &err);
    if (status == SS_OK)
        status = ss_signing_key_write_private(key, pem, sizeof pem, &len, &err);
    if (status == SS_OK)
        status = file_write(args->operand, OUTPUT_KEY, pem, len, NULL, &err);
    ss_wipe(pem, sizeof pem);
    ss_signing_key_free(key);
    if (status == SS_ERROR_ALREADY_EXISTS)
        return esp_fatal("Key file %s already exists", args->operand);
    if (status != SS_OK)
        return esp_fail(&err);
    esp_say("%s private key in PEM format written to %s", schemes[n].label, args->operand);
    return 0;
}

static int extract_public_key(const struct esp_args *args)
{
    bool v1 = esp_is_version_1(args);
    const char *path = args->values[ESP_KEYFILE];
    ss_signing_key_t *key = esp_load_key(path, args->operand, true);
    if (!key || !esp_key_fits(key, v1)) {
        ss_signing_key_free(key);
        return ESP_EXIT_ERROR;
    }
    struct ss_error err = {0};
    uint8_t out[SS_SIGNING_KEY_PEM_MAX];
    size_t len = SS_RAW_PUBLIC_KEY_SIZE;
    ss_status_t status =
        v1 ? ss_signing_key_raw_public(key, out, &err) : ss_signing_key_write_public(key, out, sizeof out, &len, &err);
    ss_signing_key_free(key);
    if (status == SS_OK)
        status = file_write(args->operand, OUTPUT_PUBLIC, out, len, NULL, &err);
    if (status != SS_OK)
        return esp_fail(&err);
    esp_say("%s public key extracted to %s", path, args->operand);
    return 0;
}

static int digest_private_key(const struct esp_args *args)
{
    const char *path = args->values[ESP_KEYFILE], *keylen = args->values[ESP_KEYLEN];
    ss_signing_key_t *key = esp_load_key(path, args->operand, true);
    if (!key || !esp_key_fits(key, true)) {
        ss_signing_key_free(key);
        return ESP_EXIT_ERROR;
    }
    struct ss_error err = {0};
    bool short_key = keylen && !strcmp(keylen, "192");
    uint8_t digest[32];
    size_t len = short_key ? 24 : 32;
    ss_status_t status = ss_secure_boot_v1_reflash_key(key, digest, len, &err);
    ss_signing_key_free(key);
    if (status == SS_OK)
        status = file_write(args->operand, OUTPUT_KEY, digest, len, NULL, &err);
    ss_wipe(digest, sizeof digest);
    if (status != SS_OK)
        return esp_fail(&err);
    esp_say("SHA-256 digest of private key %s%s written to %s", path, short_key ? " (truncated to 192 bits)" : "",
            args->operand);
    return 0;
}

static int digest_public_key(const struct esp_args *args)
{
    const char *path = args->values[ESP_KEYFILE], *output = args->values[ESP_OUTPUT];
    ss_signing_key_t *key = esp_load_key(path, output, false);
    if (!key)
        return ESP_EXIT_ERROR;
    struct ss_error err = {0};
    uint8_t digest[32];
    ss_status_t status = ss_secure_boot_v2_key_digest(key, digest, &err);
    ss_signing_key_free(key);
    if (status == SS_OK)
        status = file_write(output, OUTPUT_PUBLIC, digest, sizeof digest, NULL, &err);
    if (status != SS_OK)
        return esp_fail(&err);
    esp_say("Writing the public key digest of %s to %s", path, output);
    return 0;
}

static const struct esp_option generate_options[] = {
    {ESP_VERSION, "version", 'v', ESP_VALUE, false, "1 2", "secure boot version, 1 by default"},
    {ESP_SCHEME, "scheme", 's', ESP_VALUE, false, "rsa3072 ecdsa192 ecdsa256 ecdsa384", "kind of key"},
    {0},
};

static const struct esp_option extract_options[] = {
    {ESP_VERSION, "version", 'v', ESP_VALUE, false, "1 2", "secure boot version, 1 by default"},
    {ESP_KEYFILE, "keyfile", 'k', ESP_VALUE, true, NULL, "private key in PEM format"},
    {0},
};

static const struct esp_option digest_private_options[] = {
    {ESP_KEYFILE, "keyfile", 'k', ESP_VALUE, true, NULL, "private key in PEM format"},
    {ESP_KEYLEN, "keylen", 'l', ESP_VALUE, false, "192 256", "bits, 256 by default; 192 for 3/4 coding"},
    {0},
};

static const struct esp_option digest_public_options[] = {
    {ESP_KEYFILE, "keyfile", 'k', ESP_VALUE, true, NULL, "private or public key in PEM format"},
    {ESP_OUTPUT, "output", 'o', ESP_VALUE, true, NULL, "file to write"},
    {0},
};

const struct esp_command esp_key_commands[] = {
    {"generate-signing-key", "write a new private key for secure boot", "KEYFILE", generate_options,
     generate_signing_key},
    {"extract-public-key", "write the public key: raw for V1, PEM for V2", "PUBLIC_KEYFILE", extract_options,
     extract_public_key},
    {"digest-private-key", "secure boot V1 key, made of the signing key", "DIGEST_FILE", digest_private_options,
     digest_private_key},
    {"digest-sbv2-public-key", "digest of a V2 public key, for the eFuses", NULL, digest_public_options,
     digest_public_key},
    {"digest-rsa-public-key", "the same under its older name", NULL, digest_public_options, digest_public_key},
    {0},
};
