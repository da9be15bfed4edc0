// SPDX-License-Identifier: Apache-2.0
// The plaintext that is sealed: a release's image as it lies in flash, and what makes it a device's own.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "server/sealer_parts.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"
#include "slotseal/secure_boot_v1.h"

/// Bytes of the release's file that go into flash. The file of a product with a key per device is a template: its
/// signature, if it has one, is not theirs.
static uint32_t bytes_of_file(const struct ss_vault_product *product, const struct ss_release *fields,
                              uint32_t file_len)
{
    uint32_t want = product->per_device_sign_keys ? fields->image_len : ss_release_file_len(fields);
    return file_len < want ? file_len : want;
}

/// A file without the signature that its statement names would be sealed with 0xFF in its place.
static ss_status_t check_len(const struct ss_vault_product *product, const struct ss_vault_release *release,
                             const struct ss_release *fields, struct ss_error *err)
{
    uint32_t least = fields->image_len;
    if (!product->per_device_sign_keys && fields->scheme == SS_RELEASE_V1)
        least += SS_SBV1_BLOCK_SIZE;
    if (!product->per_device_sign_keys && fields->scheme == SS_RELEASE_V2)
        least = ss_release_file_len(fields);
    if (release->length >= least)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER,
                        "the image of release %s has %u bytes, with its signature it has %u", release->version,
                        (unsigned)release->length, (unsigned)least);
}

static ss_status_t read_image(struct ss_sealer_service *service, const struct ss_vault_release *release, uint8_t *out,
                              uint32_t len, struct ss_error *err)
{
    struct ss_vault_image *reader;
    ss_status_t status =
        ss_vault_image_open(service->vault, release->product, release->version, "to seal it for devices", &reader, err);
    if (status == SS_OK)
        status = ss_vault_image_read(reader, 0, out, len, err);
    ss_vault_image_close(reader);
    return status;
}

ss_status_t ss_sealer_image_load(struct ss_sealer_service *service, const struct ss_vault_release *release,
                                 const struct ss_release *fields, void **image, struct ss_error *err)
{
    struct ss_vault_product product;
    *image = ss_sealer_image_get(service->cache, release->product, release->version);
    if (*image)
        return SS_OK;
    ss_status_t status = ss_vault_product_get(service->vault, release->product, &product, err);
    if (status == SS_OK)
        status = check_len(&product, release, fields, err);
    if (status != SS_OK)
        return status;
    void *fresh = ss_sealer_image_new(service->cache, release->product, release->version, ss_release_file_len(fields));
    if (!fresh)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory for an image");
    status = read_image(service, release, ss_sealer_image_bytes(fresh),
                        bytes_of_file(&product, fields, release->length), err);
    if (status == SS_OK) {
        ss_sealer_image_done(service->cache, fresh);
        *image = fresh;
    } else {
        ss_sealer_image_release(service->cache, fresh);
    }
    return status;
}

// A device's own image

void ss_sealer_patch_range(const struct ss_sealer_patch *patches, unsigned count, uint32_t offset, uint8_t *bytes,
                           uint32_t len)
{
    for (unsigned i = 0; i < count; i++) {
        const struct ss_sealer_patch *p = &patches[i];
        uint32_t from = p->offset > offset ? p->offset : offset;
        uint32_t end = p->offset + p->len < offset + len ? p->offset + p->len : offset + len;
        if (from < end)
            memcpy(bytes + (from - offset), p->bytes + (from - p->offset), end - from);
    }
}

static void add_patch(struct ss_sealer_personal *p, uint32_t offset, const uint8_t *bytes, uint32_t len)
{
    p->patches[p->count++] = (struct ss_sealer_patch){offset, len, bytes};
}

/// SHA-256 over the image with the device's key, up to the checksum.
static ss_status_t hash_with_key(const uint8_t *bytes, const struct ss_image *image, uint32_t vk_offset,
                                 const uint8_t *key, uint8_t checksum, uint8_t out[32])
{
    struct ss_hash hash;
    uint32_t behind = vk_offset + SS_VK_SIZE;
    ss_status_t status = ss_hash_init(&hash, SS_HASH_SHA256);
    if (status == SS_OK)
        status = ss_hash_update(&hash, bytes, vk_offset);
    if (status == SS_OK)
        status = ss_hash_update(&hash, key, SS_VK_SIZE);
    if (status == SS_OK)
        status = ss_hash_update(&hash, bytes + behind, image->checksum_offset - behind);
    if (status == SS_OK)
        status = ss_hash_update(&hash, &checksum, 1);
    if (status == SS_OK)
        return ss_hash_finish(&hash, out);
    ss_hash_abort(&hash);
    return status;
}

/// The key, and what follows from it: checksum (XOR of all data) and appended hash.
static ss_status_t place_key(const uint8_t *bytes, uint32_t len, const struct ss_release *fields,
                             struct ss_sealer_personal *p, struct ss_error *err)
{
    struct ss_image image;
    const uint8_t *key = p->signature.verification_key;
    ss_status_t status = ss_image_parse(bytes, len, NULL, &image, err);
    if (status != SS_OK)
        return status;
    if (fields->vk_offset < SS_IMAGE_HEADER_SIZE || fields->vk_offset + SS_VK_SIZE > image.checksum_offset)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "there is no key at 0x%x of the image",
                            (unsigned)fields->vk_offset);
    p->tail[0] = image.checksum_stored;
    for (unsigned i = 0; i < SS_VK_SIZE; i++)
        p->tail[0] ^= bytes[fields->vk_offset + i] ^ key[i];
    if (image.has_hash)
        status = hash_with_key(bytes, &image, fields->vk_offset, key, p->tail[0], p->tail + 1);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    add_patch(p, fields->vk_offset, key, SS_VK_SIZE);
    add_patch(p, image.checksum_offset, p->tail, image.has_hash ? sizeof p->tail : 1);
    return SS_OK;
}

ss_status_t ss_sealer_personal_load(struct ss_sealer_service *service, const struct ss_vault_device *device,
                                    const struct ss_vault_release *release, const struct ss_release *fields,
                                    void *image, struct ss_sealer_personal *p, struct ss_error *err)
{
    uint32_t len = ss_sealer_image_len(image);
    ss_status_t status =
        ss_vault_signature_get(service->vault, release->product, release->version, device->id, &p->signature, err);
    p->count = 0;
    if (status == SS_ERROR_DOES_NOT_EXIST)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER,
                            "release %s is not signed for device %.64s yet: slotseal release personalize %.32s %s",
                            release->version, device->id, release->product, release->version);
    if (status == SS_OK && (fields->vk_offset != SS_VK_NONE) != p->signature.has_key)
        status =
            ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER,
                         "the signature of release %s for device %.64s does not fit it", release->version, device->id);
    if (status == SS_OK && p->signature.has_key)
        status = place_key(ss_sealer_image_bytes(image), len, fields, p, err);
    if (status == SS_OK && p->signature.trailer_len > len - fields->image_len)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER,
                              "the signature of release %s for device %.64s is too long", release->version, device->id);
    if (status == SS_OK)
        add_patch(p, fields->image_len, p->signature.trailer, (uint32_t)p->signature.trailer_len);
    return status;
}

ss_status_t ss_sealer_cipher_init(struct ss_sealer_cipher *cipher, const struct ss_vault_device *device,
                                  const struct ss_vault_flash_key *key, struct ss_error *err)
{
    const struct ss_chip *chip = ss_chip_find(device->chip);
    if (!chip)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SERVER, "chip %s is not known", device->chip);
    cipher->is_xts = chip->scheme == SS_FLASH_SCHEME_XTS;
    if (cipher->is_xts)
        return ss_flash_xts_init(&cipher->as.xts, key->bytes, key->len, err);
    return ss_flash_cipher_init(&cipher->as.esp32, key->bytes, key->len, device->crypt_config, err);
}
