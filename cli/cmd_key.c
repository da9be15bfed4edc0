// SPDX-License-Identifier: Apache-2.0
// Keys: flash-encryption keys are random bytes, signing keys are PEM.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/crypto.h"
#include "file.h"
#include "json.h"
#include "signing.h"

/// In the order of the choices of --type.
static const struct {
    size_t flash_len; ///< bytes of a flash key; 0 for a signing key
    enum ss_key_type type;
} key_types[] = {
    {32, 0},          {24, 0},          {32, 0},          {64, 0}, {16, 0}, {0, SS_KEY_P256}, {0, SS_KEY_RSA3072},
    {0, SS_KEY_P192}, {0, SS_KEY_P256}, {0, SS_KEY_P384},
};

static const struct cli_option generate_options[] = {
    {OPT_TYPE, "type", 't', true, "TYPE", "what the key is for",
     "flash flash-192 flash-xts-128 flash-xts-256 flash-xts-derived secure-boot-v1 secure-boot-v2-rsa "
     "secure-boot-v2-p192 secure-boot-v2-p256 secure-boot-v2-p384",
     COMPLETE_CHOICE},
    OPTION_OUTPUT,
    OPTION_END,
};

static ss_status_t make_signing_key(enum ss_key_type type, uint8_t *pem, size_t size, size_t *len, struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_signing_key_generate(type, &key, err);
    if (status == SS_OK)
        status = ss_signing_key_write_private(key, pem, size, len, err);
    ss_signing_key_free(key);
    return status;
}

static int run_generate(const struct cli_args *args)
{
    struct ss_error err = {0};
    uint8_t content[SS_SIGNING_KEY_PEM_MAX];
    int type = cli_option_choice(args, generate_options, OPT_TYPE, 0);
    size_t len = key_types[type].flash_len;
    ss_status_t status;

    if (!len)
        status = make_signing_key(key_types[type].type, content, sizeof content, &len, &err);
    else if ((status = ss_random(content, len)) != SS_OK)
        status = ss_error_set(&err, status, SS_AREA_CRYPTO, "no random bytes");
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_KEY, content, len, NULL, &err);
    ss_wipe(content, sizeof content);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_key_generate = {
    .path = "key generate",
    .summary = "make a new key",
    .description =
        "Writes a key to a new file with mode 0600. An existing file is never overwritten: a lost flash key is a lost "
        "device.\n\n"
        "flash is the 256-bit key of an ESP32, flash-192 that of one with 3/4 eFuse coding. flash-xts-128 (32 bytes), "
        "flash-xts-256 (64 bytes) and flash-xts-derived (16 bytes) are for the later chips. Signing keys are PEM.",
    .options = generate_options,
    .example = "slotseal key generate --type flash -o device1/flash.key\n"
               "slotseal key generate --type secure-boot-v1 -o signing.pem\n",
    .run = run_generate,
};

#define OPTION_KEY                                                                                                     \
    {                                                                                                                  \
        OPT_KEY, "key", 'k', true, "FILE", "signing key, private or public", NULL, COMPLETE_FILE                       \
    }
#define OPTION_OUTPUT_OPTIONAL                                                                                         \
    {                                                                                                                  \
        OPT_OUTPUT, "output", 'o', false, "FILE", "write it to FILE instead of printing it", NULL, COMPLETE_FILE       \
    }

static const struct cli_option public_options[] = {
    OPTION_KEY, OPTION_OUTPUT_OPTIONAL, OPTION_SCHEME, OPTION_JSON, OPTION_END,
};

struct public_key {
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE]; ///< P-256 only
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX + 1];
    size_t pem_len;
};

static ss_status_t get_public(const ss_signing_key_t *key, struct public_key *out, struct ss_error *err)
{
    ss_status_t status = ss_signing_key_write_public(key, out->pem, sizeof out->pem - 1, &out->pem_len, err);
    if (status == SS_OK && ss_signing_key_type(key) == SS_KEY_P256)
        status = ss_signing_key_raw_public(key, out->raw, err);
    return status;
}

static int print_public(const struct cli_args *args, const ss_signing_key_t *key, bool raw,
                        const struct public_key *public)
{
    char hex[2 * SS_RAW_PUBLIC_KEY_SIZE + 1];

    if (args->options[OPT_JSON])
        return json_print(
            json_pack("{s:s, s:s, s:b, s:o, s:s}", "type", ss_key_type_name(ss_signing_key_type(key)), "scheme",
                      raw ? "v1" : "v2", "private", ss_signing_key_is_private(key), "raw",
                      ss_signing_key_type(key) == SS_KEY_P256 ? json_hex(public->raw, sizeof public->raw) : json_null(),
                      "pem", (const char *)public->pem),
            CLI_OK);
    cli_hex(public->raw, sizeof public->raw, hex);
    printf("%s%s", raw ? hex : (const char *)public->pem, raw ? "\n" : "");
    return CLI_OK;
}

static int public_work(const struct cli_args *args, struct input *file, ss_signing_key_t **key)
{
    struct public_key public = {0};
    struct ss_error err = {0};
    const struct input *inputs[] = {file, NULL};

    if (signing_key_read(args->options[OPT_KEY], file, key, &err) != SS_OK || get_public(*key, &public, &err) != SS_OK)
        return cli_fail(&err);
    bool raw = signing_scheme(args, *key) == SIGN_V1;
    if (raw && ss_signing_key_type(*key) != SS_KEY_P256) {
        cli_error("%s is %s, secure boot V1 takes P-256 only", file->name, ss_key_type_name(ss_signing_key_type(*key)));
        return CLI_FAILED;
    }
    if (args->options[OPT_OUTPUT] && file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, raw ? public.raw : public.pem,
                                                raw ? sizeof public.raw : public.pem_len, inputs, &err) != SS_OK)
        return cli_fail(&err);
    return args->options[OPT_OUTPUT] && !args->options[OPT_JSON] ? CLI_OK : print_public(args, *key, raw, &public);
}

static int run_public(const struct cli_args *args)
{
    struct input file = {0};
    ss_signing_key_t *key = NULL;
    int status = public_work(args, &file, &key);
    ss_signing_key_free(key);
    file_free(&file);
    return status;
}

const struct cli_command command_key_public = {
    .path = "key public",
    .summary = "public key of a signing key",
    .description = "Secure boot V1: 64 raw bytes X and Y, which ESP-IDF links into bootloader and app (hex when "
                   "printed). V2: PEM. A P-256 key is taken for V1 unless --scheme says otherwise.",
    .options = public_options,
    .example = "slotseal key public --key signing.pem -o verification.bin\n",
    .run = run_public,
};
