// SPDX-License-Identifier: Apache-2.0
#include "signing.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/chip_info.h"
#include "slotseal/content.h"
#include "slotseal/image.h"
#include "slotseal/partition_table.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

ss_status_t signing_key_read(const char *path, struct input *file, ss_signing_key_t **key, struct ss_error *err)
{
    *key = NULL;
    ss_status_t status = file_read(path, SS_SIGNING_KEY_FILE_MAX, file, err);
    if (status != SS_OK)
        return status;
    status = ss_signing_key_load(file->data, file->len, key, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "%s", file->name);
    if (ss_signing_key_is_private(*key))
        file_warn_readable(file);
    return SS_OK;
}

enum sign_scheme signing_scheme(const struct cli_args *args, const ss_signing_key_t *key)
{
    if (args->options[OPT_SCHEME])
        return strcmp(args->options[OPT_SCHEME], "v1") == 0 ? SIGN_V1 : SIGN_V2;
    return ss_signing_key_type(key) == SS_KEY_P256 ? SIGN_V1 : SIGN_V2;
}

/// What is signed, and where its signature goes or lies.
struct subject {
    size_t len; ///< bytes that a V1 signature covers
    enum ss_image_signature signature;
    size_t signature_at;
    bool is_image;
    struct ss_image image;
};

static ss_status_t look_at_table(const uint8_t *data, size_t len, struct subject *s, struct ss_error *err)
{
    struct ss_partition_table table;
    ss_status_t status = ss_table_from_binary(data, len, &table, err);
    if (status != SS_OK)
        return status;
    if (len < SS_TABLE_BINARY_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "partition table is %zu bytes, not %u: the signature goes behind them", len,
                            SS_TABLE_BINARY_SIZE);
    s->len = s->signature_at = SS_TABLE_BINARY_SIZE;
    if (table.v1_signature)
        s->signature = SS_IMAGE_SIGNED_V1;
    return SS_OK;
}

/// Refuses what is neither a whole plaintext image nor a table.
static ss_status_t look_at(const uint8_t *data, size_t len, struct subject *s, struct ss_error *err)
{
    enum ss_content content = ss_content_classify(data, len);
    const char *advice = ss_content_sign_advice(content);

    *s = (struct subject){0};
    if (advice)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SECURE_BOOT, "%s", advice);
    if (content == SS_CONTENT_PARTITION_TABLE)
        return look_at_table(data, len, s, err);
    ss_status_t status = ss_image_parse(data, len, NULL, &s->image, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "image would not boot");
    s->is_image = true;
    s->len = s->image.image_len;
    s->signature = s->image.signature;
    s->signature_at = s->signature == SS_IMAGE_UNSIGNED ? s->image.image_len : s->image.signature_offset;
    return SS_OK;
}

/// Bytes that would end up behind the signature, or between the image and it.
static ss_status_t check_rest(const uint8_t *data, size_t len, const struct subject *s, struct ss_error *err)
{
    if (s->signature != SS_IMAGE_UNSIGNED || ss_all_bytes(data + s->len, len - s->len, 0xFF))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                        "%zu bytes that are not 0xFF follow the image at 0x%zx", len - s->len, s->len);
}

static ss_status_t sign_v1(struct input *data, const struct subject *s, const ss_signing_key_t *key,
                           struct ss_error *err)
{
    uint8_t block[SS_SBV1_BLOCK_SIZE];

    if (s->is_image && s->image.kind == SS_IMAGE_KIND_BOOTLOADER)
        cli_warning("this looks like a bootloader: secure boot V1 checks its digest, not a signature");
    ss_status_t status = ss_secure_boot_v1_sign(key, data->data, s->len, block, err);
    if (status == SS_OK)
        status = file_pad(data, s->len + sizeof block, err);
    if (status != SS_OK)
        return status;
    memcpy(data->data + s->len, block, sizeof block);
    data->len = s->len + sizeof block;
    return SS_OK;
}

static void warn_unsupported(const struct subject *s, enum ss_key_type type)
{
    static const uint32_t bits[] = {[SS_KEY_P256] = SS_SECURE_BOOT_V2_P256,
                                    [SS_KEY_RSA3072] = SS_SECURE_BOOT_V2_RSA,
                                    [SS_KEY_P192] = SS_SECURE_BOOT_V2_P192,
                                    [SS_KEY_P384] = SS_SECURE_BOOT_V2_P384};
    const struct ss_chip *chip = ss_chip_find_id(s->image.header.chip_id);
    if (chip && !(chip->secure_boot & bits[type]))
        cli_warning("%s does not verify secure boot V2 signatures by %s keys", chip->title, ss_key_type_name(type));
}

static ss_status_t sign_v2(struct input *data, const struct subject *s, const ss_signing_key_t *key, bool append,
                           struct ss_error *err)
{
    const struct ss_sbv2_signer signer = {.key = key};
    const struct ss_sbv2_options options = {.append = append};
    struct input out = {0};
    size_t out_len;

    if (!s->is_image)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SECURE_BOOT,
                            "secure boot V2 signs images, not partition tables");
    warn_unsupported(s, ss_signing_key_type(key));
    ss_status_t status = file_pad(&out, SS_SBV2_MAX_OUT(data->len), err);
    if (status == SS_OK)
        status =
            ss_secure_boot_v2_sign_file(&signer, 1, &options, data->data, data->len, out.data, out.len, &out_len, err);
    if (status != SS_OK) {
        file_free(&out);
        return status;
    }
    ss_wipe(data->data, data->len);
    free(data->data);
    data->data = out.data;
    data->capacity = out.capacity;
    data->len = out_len;
    return SS_OK;
}

ss_status_t signing_sign(struct input *data, const ss_signing_key_t *key, enum sign_scheme scheme, bool append,
                         struct ss_error *err)
{
    struct subject subject;
    ss_status_t status = look_at(data->data, data->len, &subject, err);
    if (status == SS_OK)
        status = check_rest(data->data, data->len, &subject, err);
    if (status != SS_OK)
        return status;
    if (subject.signature != SS_IMAGE_UNSIGNED && !(append && subject.signature == SS_IMAGE_SIGNED_V2))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SECURE_BOOT,
                            "it has a secure boot %s signature already, at 0x%zx",
                            subject.signature == SS_IMAGE_SIGNED_V1 ? "V1" : "V2", subject.signature_at);
    return scheme == SIGN_V1 ? sign_v1(data, &subject, key, err) : sign_v2(data, &subject, key, append, err);
}

ss_status_t signing_verify(const uint8_t *data, size_t len, const ss_signing_key_t *key, enum sign_scheme *scheme,
                           size_t *offset, struct ss_error *err)
{
    struct subject s;
    uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE];

    *offset = 0;
    ss_status_t status = look_at(data, len, &s, err);
    if (status != SS_OK)
        return status;
    *offset = s.signature_at;
    enum sign_scheme found = s.signature == SS_IMAGE_SIGNED_V2 ? SIGN_V2 : SIGN_V1;
    if (s.signature == SS_IMAGE_UNSIGNED || (*scheme && found != *scheme))
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SECURE_BOOT, "it has no %s signature",
                            *scheme ? *scheme == SIGN_V1 ? "secure boot V1" : "secure boot V2" : "secure boot");
    *scheme = found;
    if (found == SIGN_V2)
        return ss_secure_boot_v2_verify(key, data, s.signature_at, data + s.signature_at, NULL, err);
    if (ss_signing_key_type(key) != SS_KEY_P256)
        return ss_error_set(err, SS_ERROR_INVALID_SIGNATURE, SS_AREA_SECURE_BOOT,
                            "the signature is of secure boot V1, by a P-256 key; this key is %s",
                            ss_key_type_name(ss_signing_key_type(key)));
    status = ss_signing_key_raw_public(key, public_key, err);
    if (status == SS_OK)
        status = ss_secure_boot_v1_verify(public_key, data, s.signature_at, data + s.signature_at, err);
    return status;
}

bool signing_is_verdict(ss_status_t status)
{
    return status == SS_ERROR_INVALID_SIGNATURE || status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_DATA_INVALID ||
           status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_NOT_SUPPORTED;
}
