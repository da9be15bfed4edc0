// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "file.h"
#include "json.h"
#include "signing.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"
#include "vault_option.h"

static const struct cli_option sign_options[] = {
    {OPT_KEY, "key", 'k', false, "KEY", "private signing key: PEM file, pkcs11:URI, vault:NAME", NULL, COMPLETE_FILE},
    {OPT_DEVICE, "device", 'd', false, "ID", "the key of this device in the vault", NULL, COMPLETE_NOTHING},
    {OPT_PRODUCT, "product", 'p', false, "NAME", "the key of this product in the vault", NULL, COMPLETE_NOTHING},
    OPTION_SCHEME,
    {OPT_REPLACE_KEY, "replace-verification-key", 0, false, "FILE",
     "put the public key of --key where the image has this one (V1)", NULL, COMPLETE_FILE},
    {OPT_APPEND, "append", 0, false, NULL, "add a V2 signature to those that are there", NULL, COMPLETE_NOTHING},
    OPTION_VAULT,
    OPTION_VAULT_KEY_LONG,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_OUTPUT,
    OPTION_END,
};

struct sign_job {
    struct input in, key_file, template_file;
    ss_signing_key_t *key;
};

/// Swaps the verification key that ESP-IDF has linked into the image, and recomputes checksum and hash.
static ss_status_t replace_key(const char *path, struct sign_job *job, struct ss_error *err)
{
    uint8_t old_key[SS_VK_SIZE], new_key[SS_VK_SIZE];
    uint32_t offset;
    bool dropped;

    ss_status_t status = verification_key_read(path, &job->template_file, old_key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(job->key, new_key, err);
    if (status == SS_OK)
        status = ss_vk_replace(job->in.data, job->in.len, old_key, new_key, job->in.data, job->in.len, &job->in.len,
                               &offset, &dropped, err);
    if (status == SS_OK && dropped)
        cli_warning("%s: the signature that it had no longer holds and was dropped", job->in.name);
    return status;
}

static bool is_bootloader(const struct input *in)
{
    struct ss_image image;
    return ss_image_parse(in->data, in->len, NULL, &image, NULL) == SS_OK && image.kind == SS_IMAGE_KIND_BOOTLOADER;
}

/// Replaces the key if asked to. A V1 bootloader carries the key, too, but no signature: the ROM compares a digest
/// instead. *@p signs is false for that, so that a public key will do.
static ss_status_t prepare(const struct cli_args *args, struct sign_job *job, bool *signs, struct ss_error *err)
{
    const char *template = args->options[OPT_REPLACE_KEY];
    ss_status_t status = template ? replace_key(template, job, err) : SS_OK;
    *signs = !template || signing_scheme(args, job->key) != SS_SIGN_V1 || !is_bootloader(&job->in);
    if (status == SS_OK && !*signs)
        cli_warning("%s: a bootloader has no V1 signature; only its verification key was replaced", job->in.name);
    return status;
}

static ss_status_t make_signed(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    bool signs;
    ss_status_t status = prepare(args, job, &signs, err);
    if (status == SS_OK && signs) {
        status = signing_key_can_sign(job->key, args->options[OPT_KEY], err);
        if (status != SS_OK)
            return status;
        status =
            signing_sign(&job->in, job->key, signing_scheme(args, job->key), args->options[OPT_APPEND] != NULL, err);
    }
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", job->in.name);
}

/// For the audit log of the vault: what is to be signed, before anything is done to it.
static ss_status_t describe(const struct input *in, char *what, size_t size, struct ss_error *err)
{
    uint8_t digest[32];
    char hex[65], name[128];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, in->data, in->len, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "%s: cannot hash %zu bytes", in->name, in->len);
    ss_put_hex(digest, sizeof digest, hex);
    snprintf(what, size, "%s, sha256 %s", cli_shown(in->name, name, sizeof name), hex);
    return SS_OK;
}

static ss_status_t open_key(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    char what[256];
    ss_status_t status = describe(&job->in, what, sizeof what, err);
    if (status == SS_OK)
        status = args->options[OPT_KEY]
                     ? signing_key_to_sign(args, args->options[OPT_KEY], what, &job->key_file, &job->key, err)
                     : signing_vault_for(args, what, &job->key, err);
    return status;
}

static ss_status_t sign(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    const struct input *inputs[] = {&job->in, &job->key_file, &job->template_file, NULL};

    ss_status_t status = file_read(args->operands[0], FILE_LIMIT, &job->in, err);
    if (status == SS_OK)
        status = open_key(args, job, err);
    if (status == SS_OK)
        status = make_signed(args, job, err);
    if (status != SS_OK)
        return status;
    return file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, job->in.data, job->in.len, inputs, err);
}

static int run_sign(const struct cli_args *args)
{
    struct sign_job job = {0};
    struct ss_error err = {0};
    if (!args->options[OPT_KEY] + !args->options[OPT_DEVICE] + !args->options[OPT_PRODUCT] != 2)
        return cli_usage("slotseal help sign", "exactly one of --key, --device and --product says who signs");
    int status = sign(args, &job, &err) == SS_OK ? CLI_OK : cli_fail(&err);

    ss_signing_key_free(job.key);
    file_free(&job.in);
    file_free(&job.key_file);
    file_free(&job.template_file);
    return status;
}

const struct cli_command command_sign = {
    .path = "sign",
    .summary = "sign an image or a partition table for secure boot",
    .description =
        "Signs plaintext: ciphertext is refused, because a device checks the signature after decrypting. V1 appends 68 "
        "bytes to an app or a partition table, V2 pads an app or bootloader to 4 KiB and appends a sector.\n\n"
        "For products whose devices have signing keys of their own, --replace-verification-key takes the public key "
        "that the image was built with (64 raw bytes or PEM) and puts the signer's in its place first. A bootloader "
        "carries that key as well: with V1 it is replaced there, and nothing is signed.\n\n"
        "A key in a PKCS#11 token is named by an RFC 7512 URI; the token gets the digest only. Its PIN is asked for, "
        "or "
        "read from the URI's pin-source=file:PATH. With a key of the vault, also by --device or --product, the vault's "
        "audit log says what was signed before it is.",
    .operands = "IN",
    .options = sign_options,
    .example = "slotseal sign --key signing.pem app.bin -o app.signed.bin\n"
               "slotseal sign --key 'pkcs11:token=fleet;object=v1' app.bin -o signed.bin\n"
               "slotseal sign --device 240ac412345e app.bin -o signed.bin\n",
    .run = run_sign,
};

static const struct cli_option verify_options[] = {
    {OPT_KEY, "key", 'k', true, "KEY", "key: PEM, 64 raw bytes, pkcs11:URI or vault:NAME", NULL, COMPLETE_FILE},
    {OPT_SCHEME, "scheme", 0, false, "SCHEME", "require a signature of this secure boot version", "v1 v2",
     COMPLETE_CHOICE},
    OPTION_JSON,
    OPTION_END,
};

static int print_verdict(const struct cli_args *args, const char *name, const struct ss_sign_report *report,
                         const struct ss_error *err)
{
    bool valid = err->status == SS_OK;
    char shown[512];
    const char *scheme_name = report->scheme == SS_SIGN_V1 ? "v1" : "v2";

    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:b, s:o, s:o, s:o}", "valid", valid, "scheme",
                                    report->scheme == SS_SIGN_ANY ? json_null() : json_string(scheme_name), "offset",
                                    report->signature_at ? json_integer((json_int_t)report->signature_at) : json_null(),
                                    "reason", valid ? json_null() : json_text(err->message)),
                          valid ? CLI_OK : CLI_REFUSED);
    if (valid)
        printf("%s: the secure boot %s signature at 0x%zx is valid\n", cli_shown(name, shown, sizeof shown),
               report->scheme == SS_SIGN_V1 ? "V1" : "V2", report->signature_at);
    else
        cli_error("%s: not valid: %s", name, err->message);
    return valid ? CLI_OK : CLI_REFUSED;
}

static int verify(const struct cli_args *args, struct input *in, struct input *key_file, ss_signing_key_t **key)
{
    struct ss_error err = {0};
    enum ss_sign_scheme scheme = SS_SIGN_ANY;
    struct ss_sign_report report = {0};

    if (signing_key_read(args->options[OPT_KEY], key_file, key, &err) != SS_OK ||
        file_read(args->operands[0], FILE_LIMIT, in, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_SCHEME])
        scheme = signing_scheme(args, *key);
    ss_status_t status = ss_sign_verify(scheme, *key, in->data, in->len, &report, &err);
    if (status != SS_OK && !signing_is_verdict(status))
        return cli_fail(&err);
    err.status = status;
    return print_verdict(args, in->name, &report, &err);
}

static int run_verify(const struct cli_args *args)
{
    struct input in = {0}, key_file = {0};
    ss_signing_key_t *key = NULL;
    int status = verify(args, &in, &key_file, &key);

    ss_signing_key_free(key);
    file_free(&in);
    file_free(&key_file);
    return status;
}

const struct cli_command command_verify = {
    .path = "verify",
    .summary = "verify the secure boot signature of an image or table",
    .description =
        "Exit status 0: signed by this key. Exit status 3: not signed, signed by another key, changed, or not "
        "plaintext.",
    .operands = "IN",
    .options = verify_options,
    .example = "slotseal verify --key signing.pub app.signed.bin\n",
    .run = run_verify,
};
