// SPDX-License-Identifier: Apache-2.0
// Release statements.
#include <string.h>
#include <time.h>

#include "commands.h"
#include "core/crypto.h"
#include "signing.h"
#include "slotseal/canonical.h"
#include "slotseal/content.h"
#include "slotseal/image.h"
#include "statement_file.h"
#include "table_file.h"

static const struct cli_option sign_options[] = {
    {OPT_KEY, "key", 'k', true, "KEY", "private release key: PEM file, pkcs11:URI, vault:NAME", NULL, COMPLETE_FILE},
    {OPT_PRODUCT, "product", 'p', true, "NAME", "product that it is a release of", NULL, COMPLETE_NOTHING},
    {OPT_SECURE_BOOT, "secure-boot", 0, false, "SCHEME", "how devices' images are signed (as this one is)",
     "none v1 v2", COMPLETE_CHOICE},
    {OPT_REPLACE_KEY, "verification-key", 0, false, "FILE",
     "per-device signing keys: the public key that the image was built with", NULL, COMPLETE_FILE},
    {OPT_TABLE, "table", 't', false, "FILE", "it needs this partition table", NULL, COMPLETE_FILE},
    {OPT_NEEDS, "bootloader-needs", 0, false, "FEATURE", "it needs this of the bootloader (none)",
     "none rollback anti-rollback", COMPLETE_CHOICE},
    {OPT_NVS_ENCRYPTION, "nvs-encryption", 0, false, NULL,
     "it has CONFIG_NVS_ENCRYPTION: it needs a partition nvs_keys", NULL, COMPLETE_NOTHING},
    {OPT_TIME, "time", 0, false, "TIME", "time of the release (now)", NULL, COMPLETE_NOTHING},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_OUTPUT,
    OPTION_END,
};

struct sign_job {
    struct input in, key_file, vk_file, table_file;
    ss_signing_key_t *key;
    struct ss_release release;
    uint8_t digest[SS_STATEMENT_DIGEST_SIZE], table_digest[SS_STATEMENT_DIGEST_SIZE];
    struct ss_image image;
};

static ss_status_t refuse(struct ss_error *err, ss_status_t status, const char *what)
{
    return ss_error_set(err, status, SS_AREA_STATEMENT, "%s", what);
}

/// An app that would boot: what is released is plaintext.
static ss_status_t look_at_image(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    ss_status_t status = file_read(args->operands[0], FILE_LIMIT, &job->in, err);
    if (status != SS_OK)
        return status;
    const char *advice = ss_content_sign_advice(ss_content_classify(job->in.data, job->in.len));
    if (advice)
        return refuse(err, SS_ERROR_NOT_PERMITTED, advice);
    status = ss_image_parse(job->in.data, job->in.len, NULL, &job->image, err);
    if (status == SS_OK && job->image.kind != SS_IMAGE_KIND_APP)
        return refuse(err, SS_ERROR_NOT_SUPPORTED, "only apps are released: bootloaders are not updated over the air");
    if (status == SS_OK && (!job->image.has_app_desc || job->image.app_desc.version[0] == '\0'))
        return refuse(err, SS_ERROR_DATA_INVALID, "the app has no version in its descriptor");
    return status;
}

static enum ss_release_scheme scheme_of(const struct ss_image *image)
{
    return image->signature == SS_IMAGE_SIGNED_V1   ? SS_RELEASE_V1
           : image->signature == SS_IMAGE_SIGNED_V2 ? SS_RELEASE_V2
                                                    : SS_RELEASE_UNSIGNED;
}

/// The scheme that the devices expect. An image that is signed already cannot be for another one.
static ss_status_t choose_scheme(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    enum ss_release_scheme is = scheme_of(&job->image);
    int fallback = args->options[OPT_REPLACE_KEY] ? SS_RELEASE_V1 : (int)is;
    job->release.scheme = (uint8_t)cli_option_choice(args, sign_options, OPT_SECURE_BOOT, fallback);
    if (is != SS_RELEASE_UNSIGNED && is != job->release.scheme)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_STATEMENT,
                            "the image is signed for secure boot %s, --secure-boot says %s", ss_release_scheme_name(is),
                            ss_release_scheme_name(job->release.scheme));
    if (args->options[OPT_REPLACE_KEY] && job->release.scheme != SS_RELEASE_V1)
        return refuse(err, SS_ERROR_INVALID_ARGUMENT, "--verification-key is for secure boot v1");
    return SS_OK;
}

static ss_status_t find_key(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    uint8_t key[SS_VK_SIZE];
    if (!args->options[OPT_REPLACE_KEY])
        return SS_OK;
    ss_status_t status = verification_key_read(args->options[OPT_REPLACE_KEY], &job->vk_file, key, err);
    return status == SS_OK ? ss_vk_find(job->in.data, job->in.len, key, &job->release.vk_offset, err) : status;
}

static int digest_table(const struct cli_args *args, struct sign_job *job)
{
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    struct ss_table_options options;
    struct ss_partition_table table;
    struct ss_error err = {0};
    if (!args->options[OPT_TABLE])
        return CLI_OK;
    int result = table_options(args, sign_options, &options);
    if (result != CLI_OK)
        return result;
    ss_status_t status = table_load(args->options[OPT_TABLE], &options, &job->table_file, &table, &err);
    if (status == SS_OK && args->options[OPT_NVS_ENCRYPTION] &&
        !ss_table_find_type(&table, SS_PARTITION_DATA, SS_PARTITION_DATA_NVS_KEYS, 0))
        status = refuse(&err, SS_ERROR_NOT_PERMITTED,
                        "the table has no partition of subtype nvs_keys: the app would not start with encrypted NVS");
    if (status == SS_OK)
        status = ss_table_to_binary(&table, binary, &err);
    if (status == SS_OK && (status = ss_hash_once(SS_HASH_SHA256, binary, sizeof binary, job->table_digest)) != SS_OK)
        ss_error_set(&err, status, SS_AREA_STATEMENT, "cannot hash the table");
    job->release.table_digest = job->table_digest;
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

static ss_status_t fill(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    static const uint32_t needs[] = {0, SS_BOOTLOADER_ROLLBACK, SS_BOOTLOADER_ANTI_ROLLBACK | SS_BOOTLOADER_ROLLBACK};
    struct ss_release *r = &job->release;
    const char *product = args->options[OPT_PRODUCT];
    size_t len = strlen(product);
    if (len == 0 || len > SS_PRODUCT_NAME_MAX || ss_name_prefix((const uint8_t *)product, len) != len)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_STATEMENT,
                            "--product has 1 to %u letters, digits, '.', '_' or '-'", SS_PRODUCT_NAME_MAX);
    ss_status_t status = look_at_image(args, job, err);
    if (status == SS_OK)
        status = choose_scheme(args, job, err);
    if (status == SS_OK)
        status = find_key(args, job, err);
    if (status == SS_OK)
        status = ss_canonical_digest(job->in.data, job->in.len, r->vk_offset, job->digest, err);
    r->product = ss_span_of(product);
    r->version = ss_span_of(job->image.app_desc.version);
    r->secure_version = job->image.app_desc.secure_version;
    r->chip = job->image.header.chip_id;
    r->image_len = job->image.image_len;
    r->digest = job->digest;
    r->bootloader = needs[cli_option_choice(args, sign_options, OPT_NEEDS, 0)];
    if (args->options[OPT_NVS_ENCRYPTION])
        r->bootloader |= SS_NEEDS_NVS_KEYS;
    return status;
}

static int sign(const struct cli_args *args, struct sign_job *job)
{
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    struct ss_error err = {0};
    const struct input *inputs[] = {&job->in, &job->key_file, &job->vk_file, &job->table_file, NULL};
    if (!cli_option_time(args, sign_options, OPT_TIME, (uint64_t)time(NULL), &job->release.timestamp))
        return CLI_USAGE;
    int result = digest_table(args, job);
    if (result != CLI_OK)
        return result;
    ss_status_t status = fill(args, job, &err);
    if (status != SS_OK && job->in.name)
        ss_error_prefix(&err, status, "%s", job->in.name);
    if (status == SS_OK)
        status =
            signing_key_to_sign(args, args->options[OPT_KEY], "release statement", &job->key_file, &job->key, &err);
    if (status == SS_OK)
        status = ss_release_sign(&job->release, job->key, out, sizeof out, &len, &err);
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, out, len, inputs, &err);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

static int run_sign(const struct cli_args *args)
{
    struct sign_job job = {0};
    int status = sign(args, &job);
    ss_signing_key_free(job.key);
    file_free(&job.in);
    file_free(&job.key_file);
    file_free(&job.vk_file);
    file_free(&job.table_file);
    return status;
}

const struct cli_command command_release_sign = {
    .path = "release sign",
    .summary = "sign the statement that an image is a release",
    .description =
        "Version, secure_version, chip and length are the image's; the digest is that of the canonical image, without "
        "signature. One statement serves every device of the product.\n\n"
        "For products whose devices have signing keys of their own, --verification-key takes the public key that the "
        "image was built with (64 raw bytes or PEM). It has to be in the image exactly once; devices leave it out when "
        "they compare.",
    .operands = "IMAGE",
    .options = sign_options,
    .example = "slotseal release sign firmware.bin --key release.pem \\\n"
               "    --product thermostat --secure-boot v1 -o firmware.release\n",
    .run = run_sign,
};
