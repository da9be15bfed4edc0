// SPDX-License-Identifier: Apache-2.0
// Keys: flash-encryption keys are random bytes, signing keys are PEM or made in a token.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "file.h"
#include "json.h"
#include "signing.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "vault/pkcs11.h"
#include "vault/signing.h"
#include "vault_option.h"

enum { TYPE_STATEMENT = 10, TYPE_VAULT };

/// In the order of the choices of --type.
static const struct {
    size_t random_len; ///< bytes of a symmetric key; 0 for a signing key
    enum ss_key_type type;
} key_types[] = {
    {32, 0},
    {24, 0},
    {32, 0},
    {64, 0},
    {16, 0},
    {0, SS_KEY_P256},
    {0, SS_KEY_RSA3072},
    {0, SS_KEY_P192},
    {0, SS_KEY_P256},
    {0, SS_KEY_P384},
    [TYPE_STATEMENT] = {0, SS_KEY_P256},
    [TYPE_VAULT] = {32, 0},
};

static const struct cli_option generate_options[] = {
    {OPT_TYPE, "type", 't', true, "TYPE", "what the key is for",
     "flash flash-192 flash-xts-128 flash-xts-256 flash-xts-derived secure-boot-v1 secure-boot-v2-rsa "
     "secure-boot-v2-p192 secure-boot-v2-p256 secure-boot-v2-p384 statement vault",
     COMPLETE_CHOICE},
    {OPT_OUTPUT, "output", 'o', true, "FILE", "new file (- is standard output), pkcs11:URI or vault:NAME", NULL,
     COMPLETE_FILE},
    OPTION_VAULT,
    OPTION_VAULT_KEY_LONG,
    OPTION_VAULT_SIGNING_KEY,
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

static int generate_in_token(const char *uri, int type)
{
    const struct ss_vault_key_request request = token_request(uri, "new key");
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    ss_status_t status;

    if (key_types[type].random_len && type != TYPE_VAULT)
        return cli_usage("slotseal key generate --type flash -o FILE",
                         "a flash key goes into the chip: a token would not give it out again");
    if (type == TYPE_VAULT)
        status = ss_pkcs11_wrapping_key_generate(&request, &err);
    else
        status = ss_pkcs11_signing_key_generate(&request, key_types[type].type, &key, &err);
    ss_signing_key_free(key);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

static int generate_in_vault(const struct cli_args *args, const char *name, int type)
{
    struct ss_error err = {0};
    struct ss_vault *vault;
    if (key_types[type].random_len)
        return cli_usage(NULL, "only signing keys are made in the vault by name; flash keys come with their devices");
    ss_status_t status = vault_option_connect(args, true, &vault, &err);
    if (status == SS_OK)
        status = ss_vault_signing_key_generate(vault, name, key_types[type].type, &err);
    ss_vault_close(vault);
    return status == SS_OK ? CLI_OK : vault_fail(&err);
}

static int run_generate(const struct cli_args *args)
{
    struct ss_error err = {0};
    uint8_t content[SS_SIGNING_KEY_PEM_MAX];
    int type = cli_option_choice(args, generate_options, OPT_TYPE, 0);
    size_t len = key_types[type].random_len;
    ss_status_t status;

    if (ss_pkcs11_is_uri(args->options[OPT_OUTPUT]))
        return generate_in_token(args->options[OPT_OUTPUT], type);
    if (signing_vault_name(args->options[OPT_OUTPUT]))
        return generate_in_vault(args, signing_vault_name(args->options[OPT_OUTPUT]), type);

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
        "flash-xts-256 (64 bytes) and flash-xts-derived (16 bytes) are for the later chips. Signing keys are PEM; "
        "statement is one for key sets, releases or deliveries (one role each). vault is the key that wraps a vault, "
        "32 "
        "bytes.\n\n"
        "Signing keys and vault keys can be made in a PKCS#11 token, which they never leave: -o takes an RFC 7512 URI "
        "with token= and object=. The PIN is asked for, or read from its pin-source=file:PATH. -o vault:NAME keeps a "
        "signing key in the vault.",
    .options = generate_options,
    .example = "slotseal key generate --type flash -o device1/flash.key\n"
               "slotseal key generate --type secure-boot-v1 -o signing.pem\n"
               "slotseal key generate -t secure-boot-v2-rsa -o 'pkcs11:token=fleet;object=v2'\n",
    .run = run_generate,
};

#define OPTION_KEY                                                                                                     \
    {                                                                                                                  \
        OPT_KEY, "key", 'k', true, "KEY", "signing key: private or public file, pkcs11:URI, vault:NAME", NULL,         \
            COMPLETE_FILE                                                                                              \
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
                      raw ? "v1" : "v2", "private", ss_signing_key_can_sign(key), "raw",
                      ss_signing_key_type(key) == SS_KEY_P256 ? json_hex(public->raw, sizeof public->raw) : json_null(),
                      "pem", (const char *)public->pem),
            CLI_OK);
    ss_put_hex(public->raw, sizeof public->raw, hex);
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
    bool raw = signing_scheme(args, *key) == SS_SIGN_V1;
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

static const struct cli_option digest_options[] = {
    OPTION_KEY,
    OPTION_OUTPUT_OPTIONAL,
    OPTION_SCHEME,
    {OPT_LENGTH, "length", 'l', false, "BITS", "V1: 192 for a chip with 3/4 eFuse coding (256)", "256 192",
     COMPLETE_CHOICE},
    OPTION_JSON,
    OPTION_END,
};

/// The V1 digest is the secure boot key of the chip: it goes to a key file or nowhere.
static int write_v1_digest(const struct cli_args *args, const ss_signing_key_t *key)
{
    uint8_t digest[32];
    struct ss_error err = {0};
    size_t len = cli_option_choice(args, digest_options, OPT_LENGTH, 0) ? 24 : 32;
    const char *output = args->options[OPT_OUTPUT];

    if (!output)
        return cli_usage("-o FILE writes it with mode 0600; --scheme v2 gives the public V2 digest",
                         "the V1 digest of a signing key is a secret and is not printed");
    ss_status_t status = ss_secure_boot_v1_reflash_key(key, digest, len, &err);
    if (status == SS_OK)
        status = file_write(output, OUTPUT_KEY, digest, len, NULL, &err);
    ss_wipe(digest, sizeof digest);
    if (status != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s, s:s, s:I}", "type", ss_key_type_name(ss_signing_key_type(key)),
                                    "scheme", "v1", "digest", "(hidden)", "length", (json_int_t)len),
                          CLI_OK);
    return CLI_OK;
}

static int write_v2_digest(const struct cli_args *args, const ss_signing_key_t *key, const struct input *file)
{
    uint8_t digest[32];
    char hex[65];
    struct ss_error err = {0};
    const struct input *inputs[] = {file, NULL};
    const char *output = args->options[OPT_OUTPUT];

    if (args->options[OPT_LENGTH])
        return cli_usage(NULL, "--length is for --scheme v1");
    if (ss_secure_boot_v2_key_digest(key, digest, &err) != SS_OK ||
        (output && file_write(output, OUTPUT_PUBLIC, digest, sizeof digest, inputs, &err) != SS_OK))
        return cli_fail(&err);
    ss_put_hex(digest, sizeof digest, hex);
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s, s:s, s:i}", "type", ss_key_type_name(ss_signing_key_type(key)),
                                    "scheme", "v2", "digest", hex, "length", 32),
                          CLI_OK);
    if (!output)
        puts(hex);
    return CLI_OK;
}

static int run_digest(const struct cli_args *args)
{
    struct input file = {0};
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    int status;

    if (signing_key_read(args->options[OPT_KEY], &file, &key, &err) != SS_OK)
        status = cli_fail(&err);
    else if (args->options[OPT_SCHEME] ? signing_scheme(args, key) == SS_SIGN_V1
                                       : signing_scheme(args, key) == SS_SIGN_V1 && ss_signing_key_is_private(key))
        status = write_v1_digest(args, key);
    else
        status = write_v2_digest(args, key, &file);
    ss_signing_key_free(key);
    file_free(&file);
    return status;
}

const struct cli_command command_key_digest = {
    .path = "key digest",
    .summary = "digest of a signing key for the eFuses",
    .description =
        "V2: SHA-256 of the public key as the eFuses hold it, 32 bytes (hex when printed).\n\n"
        "V1: the secure boot key of the reflashable mode, derived from the private key. It is a secret: it is only "
        "written to a new file, never printed. This is what a private P-256 key gives without --scheme, unless it is "
        "in "
        "a token: no such secret can be derived there.",
    .options = digest_options,
    .example = "slotseal key digest --key signing-v2.pem -o digest.bin\n"
               "slotseal key digest --key signing-v1.pem -o secure-boot.key\n",
    .run = run_digest,
};
