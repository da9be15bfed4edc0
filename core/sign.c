// SPDX-License-Identifier: Apache-2.0
#include "slotseal/sign.h"

#include <string.h>

#include "core/bytes.h"
#include "slotseal/content.h"
#include "slotseal/image.h"
#include "slotseal/partition_table.h"

static ss_status_t refuse(struct ss_error *err, ss_status_t status, const char *what)
{
    return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "%s", what);
}

static ss_status_t look_at_table(const uint8_t *in, size_t len, struct ss_sign_report *r, struct ss_error *err)
{
    struct ss_partition_table table;
    ss_status_t status = ss_table_from_binary(in, len, &table, err);
    if (status != SS_OK)
        return status;
    if (len < SS_TABLE_BINARY_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "partition table is %zu bytes, its signature goes behind %u", len, SS_TABLE_BINARY_SIZE);
    r->signed_len = r->signature_at = SS_TABLE_BINARY_SIZE;
    r->scheme = table.v1_signature ? SS_SIGN_V1 : SS_SIGN_ANY;
    return SS_OK;
}

static ss_status_t look_at_image(const uint8_t *in, size_t len, struct ss_sign_report *r, struct ss_error *err)
{
    struct ss_image image;
    ss_status_t status = ss_image_parse(in, len, NULL, &image, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "image would not boot");
    r->is_image = true;
    r->is_bootloader = image.kind == SS_IMAGE_KIND_BOOTLOADER;
    r->chip = ss_chip_find_id(image.header.chip_id);
    r->scheme = image.signature == SS_IMAGE_SIGNED_V1   ? SS_SIGN_V1
                : image.signature == SS_IMAGE_SIGNED_V2 ? SS_SIGN_V2
                                                        : SS_SIGN_ANY;
    r->signature_at = r->scheme == SS_SIGN_ANY ? image.image_len : image.signature_offset;
    r->signed_len = r->signature_at;
    return SS_OK;
}

// Refuses all but a whole plaintext image or table; says what signature it has.
static ss_status_t look_at(const uint8_t *in, size_t len, struct ss_sign_report *r, struct ss_error *err)
{
    enum ss_content content = ss_content_classify(in, len);
    const char *advice = ss_content_sign_advice(content);
    *r = (struct ss_sign_report){.chip_verifies = true};
    if (advice)
        return refuse(err, SS_ERROR_NOT_PERMITTED, advice);
    return content == SS_CONTENT_PARTITION_TABLE ? look_at_table(in, len, r, err) : look_at_image(in, len, r, err);
}

static bool chip_verifies(const struct ss_chip *chip, enum ss_sign_scheme scheme, enum ss_key_type type)
{
    static const uint32_t v2_bits[] = {
        [SS_KEY_P256] = SS_SECURE_BOOT_V2_P256,
        [SS_KEY_RSA3072] = SS_SECURE_BOOT_V2_RSA,
        [SS_KEY_P192] = SS_SECURE_BOOT_V2_P192,
        [SS_KEY_P384] = SS_SECURE_BOOT_V2_P384,
    };
    return !chip || chip->secure_boot & (scheme == SS_SIGN_V1 ? SS_SECURE_BOOT_V1 : v2_bits[type]);
}

static ss_status_t check_order(enum ss_sign_scheme scheme, bool append, const uint8_t *in, size_t len,
                               const struct ss_sign_report *r, struct ss_error *err)
{
    if (scheme == SS_SIGN_ANY || (append && scheme != SS_SIGN_V2))
        return refuse(err, SS_ERROR_INVALID_ARGUMENT,
                      append ? "only V2 can have more than one signature" : "no secure boot version to sign for");
    if (scheme == SS_SIGN_V2 && !r->is_image)
        return refuse(err, SS_ERROR_NOT_SUPPORTED, "secure boot V2 signs images, not partition tables");
    if (r->scheme != SS_SIGN_ANY && !(append && r->scheme == SS_SIGN_V2))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SECURE_BOOT,
                            "it has a secure boot %s signature already, at 0x%zx",
                            r->scheme == SS_SIGN_V1 ? "V1" : "V2", r->signature_at);
    if (r->scheme == SS_SIGN_ANY && !ss_all_bytes(in + r->signed_len, len - r->signed_len, 0xFF))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "%zu bytes that are not all 0xff follow at 0x%zx, where the signature goes",
                            len - r->signed_len, r->signed_len);
    return SS_OK;
}

static ss_status_t sign_v1(const ss_signing_key_t *key, const uint8_t *in, uint8_t *out, size_t size, size_t *out_len,
                           const struct ss_sign_report *r, struct ss_error *err)
{
    uint8_t block[SS_SBV1_BLOCK_SIZE];
    if (!ss_range_ok(r->signed_len, sizeof block, size)) {
        *out_len = r->signed_len + sizeof block;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_SECURE_BOOT,
                            "signed file is %zu bytes, there is room for %zu", *out_len, size);
    }
    ss_status_t status = ss_secure_boot_v1_sign(key, in, r->signed_len, block, err);
    if (status != SS_OK)
        return status;
    memcpy(out, in, r->signed_len);
    memcpy(out + r->signed_len, block, sizeof block);
    *out_len = r->signed_len + sizeof block;
    return SS_OK;
}

static ss_status_t sign_v2(const ss_signing_key_t *key, bool append, const uint8_t *in, uint8_t *out, size_t size,
                           size_t *out_len, struct ss_sign_report *r, struct ss_error *err)
{
    const struct ss_sbv2_signer signer = {.key = key};
    const struct ss_sbv2_options options = {.append = append};
    // The sector that is there, if any, but not the filler behind it.
    size_t len = r->scheme == SS_SIGN_V2 ? r->signature_at + SS_SBV2_SECTOR_SIZE : r->signed_len;
    ss_status_t status = ss_secure_boot_v2_sign_file(&signer, 1, &options, in, len, out, size, out_len, err);
    if (status == SS_OK)
        r->signed_len = r->signature_at = *out_len - SS_SBV2_SECTOR_SIZE;
    return status;
}

ss_status_t ss_sign_image(enum ss_sign_scheme scheme, const ss_signing_key_t *key, bool append, const uint8_t *in,
                          size_t len, uint8_t *out, size_t size, size_t *out_len, struct ss_sign_report *report,
                          struct ss_error *err)
{
    struct ss_sign_report local, *r = report ? report : &local;
    *out_len = 0;
    ss_status_t status = look_at(in, len, r, err);
    if (status == SS_OK)
        status = check_order(scheme, append, in, len, r, err);
    if (status != SS_OK)
        return status;
    r->chip_verifies = chip_verifies(r->chip, scheme, ss_signing_key_type(key));
    status = scheme == SS_SIGN_V1 ? sign_v1(key, in, out, size, out_len, r, err)
                                  : sign_v2(key, append, in, out, size, out_len, r, err);
    if (status == SS_OK)
        r->scheme = scheme;
    return status;
}

ss_status_t ss_sign_verify(enum ss_sign_scheme scheme, const ss_signing_key_t *key, const uint8_t *in, size_t len,
                           struct ss_sign_report *report, struct ss_error *err)
{
    static const char *const names[] = {"secure boot", "secure boot V1", "secure boot V2"};
    uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE];
    struct ss_sign_report local, *r = report ? report : &local;
    ss_status_t status = look_at(in, len, r, err);
    if (status != SS_OK)
        return status;
    if (r->scheme == SS_SIGN_ANY || (scheme != SS_SIGN_ANY && scheme != r->scheme))
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SECURE_BOOT, "it has no %s signature", names[scheme]);
    r->chip_verifies = chip_verifies(r->chip, r->scheme, ss_signing_key_type(key));
    if (r->scheme == SS_SIGN_V2)
        return ss_secure_boot_v2_verify(key, in, r->signed_len, in + r->signature_at, NULL, err);
    if (ss_signing_key_type(key) != SS_KEY_P256)
        return ss_error_set(err, SS_ERROR_INVALID_SIGNATURE, SS_AREA_SECURE_BOOT,
                            "V1 signature is by a P-256 key, this key is %s",
                            ss_key_type_name(ss_signing_key_type(key)));
    status = ss_signing_key_raw_public(key, public_key, err);
    return status == SS_OK ? ss_secure_boot_v1_verify(public_key, in, r->signed_len, in + r->signature_at, err)
                           : status;
}
