// SPDX-License-Identifier: Apache-2.0
// Whole files of secure boot V2: padding, the signature sector, all blocks of it. Hosts only.
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/secure_boot_v2_internal.h"
#include "core/signing_key_internal.h"

// Both digests of the image bytes: blocks of one sector may want either.
struct digests {
    uint8_t sha256[32], sha384[48];
};

static ss_status_t hash_image(const uint8_t *image, size_t len, struct digests *d, struct ss_error *err)
{
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, image, len, d->sha256);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA384, image, len, d->sha384);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot hash %zu bytes", len);
}

static const uint8_t *digest_for(const struct digests *d, enum ss_key_type type)
{
    return ss_secure_boot_v2_digest_size(type) == sizeof d->sha384 ? d->sha384 : d->sha256;
}

static bool is_failure(ss_status_t status)
{
    return status == SS_ERROR_INSUFFICIENT_MEMORY || status == SS_ERROR_GENERIC;
}

ss_status_t ss_secure_boot_v2_verify(const ss_signing_key_t *key, const uint8_t *image, size_t len,
                                     const uint8_t sector[SS_SBV2_SECTOR_SIZE], unsigned *index, struct ss_error *err)
{
    struct digests d;
    struct ss_sbv2_block info;
    unsigned readable = 0;
    ss_status_t status = hash_image(image, len, &d, err);
    if (status != SS_OK)
        return status;
    for (unsigned i = 0; i < SS_SBV2_BLOCK_COUNT; i++) {
        const uint8_t *block = sector + i * SS_SBV2_BLOCK_SIZE;
        status = ss_secure_boot_v2_parse_block(block, &info, err);
        if (is_failure(status))
            return status;
        if (status != SS_OK)
            continue;
        readable++;
        if (memcmp(info.image_digest, digest_for(&d, info.type), info.image_digest_len) != 0)
            return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SECURE_BOOT,
                                "signature block %u is for other image bytes", i);
        status = ss_secure_boot_v2_verify_block(key, digest_for(&d, key->type), block, err);
        if (status == SS_OK && index)
            *index = i;
        if (status == SS_OK || is_failure(status))
            return status;
    }
    if (readable == 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SECURE_BOOT, "there is no readable signature block");
    return ss_error_set(err, SS_ERROR_INVALID_SIGNATURE, SS_AREA_SECURE_BOOT,
                        "none of the %u signature blocks is valid for this key", readable);
}

ss_status_t ss_secure_boot_v2_verify_file(const ss_signing_key_t *key, const uint8_t *file, size_t len, unsigned *index,
                                          struct ss_error *err)
{
    if (len % SS_SBV2_SECTOR_SIZE || len <= SS_SBV2_SECTOR_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "file is %zu bytes, a V2-signed one has a multiple of %d, and more than one", len,
                            SS_SBV2_SECTOR_SIZE);
    size_t image_len = len - SS_SBV2_SECTOR_SIZE;
    return ss_secure_boot_v2_verify(key, file, image_len, file + image_len, index, err);
}

static ss_status_t inspect_block(const struct digests *d, const uint8_t *block, struct ss_sbv2_block *info,
                                 struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_secure_boot_v2_parse_block(block, info, err);
    if (status == SS_OK)
        status = ss_secure_boot_v2_block_key(block, &key, err);
    if (status == SS_OK)
        status = ss_secure_boot_v2_verify_block(key, digest_for(d, info->type), block, err);
    ss_signing_key_free(key);
    return status;
}

ss_status_t ss_secure_boot_v2_inspect(const uint8_t *image, size_t len, const uint8_t sector[SS_SBV2_SECTOR_SIZE],
                                      struct ss_sbv2_block infos[SS_SBV2_BLOCK_COUNT],
                                      ss_status_t statuses[SS_SBV2_BLOCK_COUNT], struct ss_error *err)
{
    struct digests d;
    ss_status_t status = hash_image(image, len, &d, err);
    if (status != SS_OK)
        return status;
    for (unsigned i = 0; i < SS_SBV2_BLOCK_COUNT; i++) {
        statuses[i] = inspect_block(&d, sector + i * SS_SBV2_BLOCK_SIZE, &infos[i], err);
        if (is_failure(statuses[i]))
            return statuses[i];
    }
    return SS_OK;
}

// How many readable blocks a file ends in, one after the other; they must be for the bytes before them.
static ss_status_t count_blocks(const uint8_t *in, size_t len, unsigned *count, struct ss_error *err)
{
    struct digests d;
    struct ss_sbv2_block info;
    *count = 0;
    if (len % SS_SBV2_SECTOR_SIZE || len <= SS_SBV2_SECTOR_SIZE)
        return SS_OK;
    size_t image_len = len - SS_SBV2_SECTOR_SIZE;
    for (; *count < SS_SBV2_BLOCK_COUNT; ++*count) {
        ss_status_t status = ss_secure_boot_v2_parse_block(in + image_len + *count * SS_SBV2_BLOCK_SIZE, &info, err);
        if (is_failure(status))
            return status;
        if (status != SS_OK)
            break;
        status = *count ? SS_OK : hash_image(in, image_len, &d, err);
        if (status != SS_OK)
            return status;
        if (memcmp(info.image_digest, digest_for(&d, info.type), info.image_digest_len) != 0)
            return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SECURE_BOOT,
                                "cannot append: signature block %u is for other image bytes", *count);
    }
    return SS_OK;
}

static ss_status_t add_block(const struct ss_sbv2_signer *signer, const struct digests *d, uint8_t *block,
                             struct ss_error *err)
{
    const uint8_t *digest = digest_for(d, signer->key->type);
    if (signer->signature)
        return ss_secure_boot_v2_attach(signer->key, digest, signer->signature, signer->signature_len, block, err);
    return ss_secure_boot_v2_sign_digest(signer->key, digest, block, err);
}

// Where the parts of the signed file lie.
struct plan {
    size_t image_len, padded_len;
    unsigned kept;
};

static ss_status_t plan_file(const struct ss_sbv2_signer *signers, size_t count, const struct ss_sbv2_options *options,
                             const uint8_t *in, size_t len, struct plan *plan, struct ss_error *err)
{
    *plan = (struct plan){.image_len = len, .padded_len = len};
    ss_status_t status = options->append ? count_blocks(in, len, &plan->kept, err) : SS_OK;
    if (status != SS_OK)
        return status;
    if (plan->kept)
        plan->image_len = plan->padded_len = len - SS_SBV2_SECTOR_SIZE;
    if (count == 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SECURE_BOOT, "no key to sign with");
    if (count > SS_SBV2_BLOCK_COUNT - plan->kept)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SECURE_BOOT,
                            "%zu signatures to add to %u, a sector holds %d", count, plan->kept, SS_SBV2_BLOCK_COUNT);
    if (!options->skip_padding && !ss_round_up(plan->image_len, SS_SBV2_SECTOR_SIZE, &plan->padded_len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SECURE_BOOT, "file is too long");
    for (size_t i = 0; i < count; i++)
        if (signers[i].signature && len % SS_SBV2_SECTOR_SIZE)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SECURE_BOOT,
                                "file is %zu bytes: pad it with 0xff to a multiple of %d before it is signed elsewhere",
                                len, SS_SBV2_SECTOR_SIZE);
    return SS_OK;
}

ss_status_t ss_secure_boot_v2_sign_file(const struct ss_sbv2_signer *signers, size_t count,
                                        const struct ss_sbv2_options *options, const uint8_t *in, size_t len,
                                        uint8_t *out, size_t size, size_t *out_len, struct ss_error *err)
{
    static const struct ss_sbv2_options none;
    struct plan plan;
    struct digests d;
    *out_len = 0;
    ss_status_t status = plan_file(signers, count, options ? options : &none, in, len, &plan, err);
    if (status != SS_OK)
        return status;
    if (!ss_range_ok(plan.padded_len, SS_SBV2_SECTOR_SIZE, size)) {
        *out_len = plan.padded_len + SS_SBV2_SECTOR_SIZE;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_SECURE_BOOT,
                            "signed file is %zu bytes, there is room for %zu", *out_len, size);
    }
    uint8_t *sector = out + plan.padded_len;
    if (plan.image_len)
        memcpy(out, in, plan.image_len);
    memset(out + plan.image_len, 0xFF, plan.padded_len - plan.image_len + SS_SBV2_SECTOR_SIZE);
    if (plan.kept)
        memcpy(sector, in + plan.image_len, plan.kept * (size_t)SS_SBV2_BLOCK_SIZE);
    status = hash_image(out, plan.padded_len, &d, err);
    for (size_t i = 0; i < count && status == SS_OK; i++)
        status = add_block(&signers[i], &d, sector + (plan.kept + i) * SS_SBV2_BLOCK_SIZE, err);
    if (status == SS_OK)
        *out_len = plan.padded_len + SS_SBV2_SECTOR_SIZE;
    else // no half-signed file
        memset(out, 0, plan.padded_len + SS_SBV2_SECTOR_SIZE);
    return status;
}
