// SPDX-License-Identifier: Apache-2.0
#include "slotseal/content.h"

#include <string.h>

#include "core/bytes.h"
#include "core/image_parts.h"
#include "core/memory_map.h"

// Where a file for flash address 0 of an ESP32 has its bootloader, and how long IV and digest of secure boot V1 are.
#define BOOTLOADER_OFFSET 0x1000
#define DIGEST_FILE_HEAD  192
#define NOISE_MIN         512
#define NOISE_MAX         SS_IMAGE_MAX_SIZE
// Chi-square of 255 degrees of freedom: random bytes stay below with a probability of 1 − 10⁻⁹.
#define NOISE_CHI_SQUARE 420

static bool has_prefix(const uint8_t *data, size_t len, const char *prefix, size_t prefix_len)
{
    return len >= prefix_len && memcmp(data, prefix, prefix_len) == 0;
}

// The cipher works on 16 bytes and shares its key between two such blocks, so padding gives equal neighbours also in
// ciphertext: they count once.
static bool is_noise(const uint8_t *data, size_t len)
{
    uint32_t count[256] = {0};
    uint64_t n = 0, squares = 0;
    if (len > NOISE_MAX)
        len = NOISE_MAX;
    for (size_t at = 0; at + 16 <= len; at += 16) {
        if (at > 0 && memcmp(data + at, data + at - 16, 16) == 0)
            continue;
        for (unsigned i = 0; i < 16; i++)
            count[data[at + i]]++;
        n += 16;
    }
    for (unsigned i = 0; i < 256; i++)
        squares += (uint64_t)count[i] * count[i];
    return n >= NOISE_MIN && 256 * squares <= n * (n + NOISE_CHI_SQUARE);
}

// Ciphertext starts with 0xE9 once in 256 times; the rest of the header and the first segment's make that 2^-30.
static bool starts_as_image(const uint8_t *data, size_t len)
{
    if (len < SS_IMAGE_HEADER_SIZE + SS_IMAGE_SEGMENT_HEADER_SIZE || data[0] != SS_IMAGE_MAGIC)
        return false;
    struct ss_image_header h;
    ss_image_header_parse(data, &h);
    uint32_t load_addr = ss_get_le32(data + SS_IMAGE_HEADER_SIZE);
    uint32_t length = ss_get_le32(data + SS_IMAGE_HEADER_SIZE + 4);
    return h.segment_count <= SS_IMAGE_MAX_SEGMENTS && h.spi_mode <= 5 && h.hash_appended <= 1 && length % 4 == 0 &&
           length < SS_IMAGE_MAX_SIZE && ss_memory_kind(h.chip_id, load_addr) != SS_SEGMENT_OTHER;
}

static enum ss_content classify_image(const uint8_t *data, size_t len)
{
    struct ss_image image;
    uint32_t offset;
    if (!ss_image_walk(data, len, &image))
        return SS_CONTENT_IMAGE;
    switch (ss_image_signature_at(data, len, image.image_len, &offset)) {
    case SS_IMAGE_SIGNED_V1:
        return SS_CONTENT_IMAGE_V1;
    case SS_IMAGE_SIGNED_V2:
        return SS_CONTENT_IMAGE_V2;
    default:
        return SS_CONTENT_IMAGE;
    }
}

static bool is_partition_table(const uint8_t *data, size_t len)
{
    if (len < 64 || ss_get_le16(data) != 0x50AA)
        return false;
    uint16_t second = ss_get_le16(data + 32);
    return second == 0x50AA || second == 0xEBEB || second == 0xFFFF;
}

// A V1 signature in plain view at the end of ciphertext; behind it perhaps the 12 bytes that fill it up to 16.
static bool ends_with_v1(const uint8_t *data, size_t len)
{
    for (size_t filler = 0; filler <= 12; filler += 12) {
        if (len < SS_IMAGE_V1_SIGNATURE_SIZE + filler || !ss_all_bytes(data + len - filler, filler, 0xFF))
            continue;
        size_t body = len - filler - SS_IMAGE_V1_SIGNATURE_SIZE;
        if (body % 16 == 0 && ss_image_v1_block_present(data, len, body) && is_noise(data, body))
            return true;
    }
    return false;
}

static enum ss_content classify_noise(const uint8_t *data, size_t len)
{
    if (ends_with_v1(data, len))
        return SS_CONTENT_NOISE_SIGNED_V1;
    if (len > SS_IMAGE_V2_SECTOR_SIZE && ss_image_v2_block_present(data + len - SS_IMAGE_V2_SECTOR_SIZE) &&
        is_noise(data, len - SS_IMAGE_V2_SECTOR_SIZE))
        return SS_CONTENT_NOISE_SIGNED_V2;
    return is_noise(data, len) ? SS_CONTENT_NOISE : SS_CONTENT_OTHER;
}

enum ss_content ss_content_classify(const uint8_t *data, size_t len)
{
    if (len == 0)
        return SS_CONTENT_EMPTY;
    if (ss_all_bytes(data, len, 0xFF))
        return SS_CONTENT_ERASED;
    if (starts_as_image(data, len))
        return classify_image(data, len);
    if (has_prefix(data, len, "\177ELF", 4))
        return SS_CONTENT_ELF;
    if (has_prefix(data, len, "-----BEGIN ", 11))
        return SS_CONTENT_PEM;
    if (is_partition_table(data, len))
        return SS_CONTENT_PARTITION_TABLE;
    if (len > BOOTLOADER_OFFSET && starts_as_image(data + BOOTLOADER_OFFSET, len - BOOTLOADER_OFFSET) &&
        ss_all_bytes(data + DIGEST_FILE_HEAD, BOOTLOADER_OFFSET - DIGEST_FILE_HEAD, 0xFF))
        return ss_all_bytes(data, DIGEST_FILE_HEAD, 0xFF) ? SS_CONTENT_FLASH_DUMP : SS_CONTENT_DIGEST_BOOTLOADER;
    enum ss_content content = classify_noise(data, len);
    return content == SS_CONTENT_OTHER && data[0] == SS_IMAGE_MAGIC ? SS_CONTENT_IMAGE : content;
}

#define SIGNED_CIPHERTEXT                                                                                              \
    "this is ciphertext with a plaintext signature behind it: the signature covers the wrong bytes and would be "      \
    "decrypted to noise; sign the plaintext, then pad, then seal"

static const struct {
    const char *name, *seal_advice, *sign_advice;
} contents[] = {
    [SS_CONTENT_OTHER] = {"unknown data", "this is not an image; if it is plain data, say so",
                          "this is neither an image nor a partition table"},
    [SS_CONTENT_EMPTY] = {"empty file", "the file is empty", "the file is empty"},
    [SS_CONTENT_ERASED] = {"erased flash",
                           "there is nothing but 0xFF in it; to seal an erased region, declare it as data",
                           "there is nothing but 0xFF in it"},
    [SS_CONTENT_IMAGE] = {"image", NULL, NULL},
    [SS_CONTENT_IMAGE_V1] = {"image with a V1 signature", NULL, NULL},
    [SS_CONTENT_IMAGE_V2] = {"image with a V2 signature", NULL, NULL},
    [SS_CONTENT_DIGEST_BOOTLOADER] =
        {"secure boot V1 digest and bootloader, for flash address 0",
         "this file belongs at flash address 0 as one piece: digest, then the bootloader at 0x1000",
         "secure boot V1 bootloaders are not signed: their digest is in this file already"},
    [SS_CONTENT_FLASH_DUMP] = {"merged flash image with a bootloader at 0x1000",
                               "this is a merged flash image: seal bootloader, table and apps each for its own address",
                               "this is a merged flash image: sign the app before merging"},
    [SS_CONTENT_PARTITION_TABLE] = {"partition table",
                                    "this is a partition table, not an app: seal it for the address of the table",
                                    NULL},
    [SS_CONTENT_ELF] = {"ELF file", "this is an ELF file: build an image from it first",
                        "this is an ELF file: build an image from it first"},
    [SS_CONTENT_PEM] = {"PEM file", "this is a key or certificate, not firmware",
                        "this is a key or certificate, not firmware"},
    [SS_CONTENT_NOISE] = {"ciphertext or compressed data",
                          "this looks like ciphertext: it is sealed already; seal the plaintext image",
                          "this is ciphertext: sign the plaintext, then pad, then seal"},
    [SS_CONTENT_NOISE_SIGNED_V1] = {"ciphertext with a V1 signature behind it", SIGNED_CIPHERTEXT, SIGNED_CIPHERTEXT},
    [SS_CONTENT_NOISE_SIGNED_V2] = {"ciphertext with a V2 signature behind it", SIGNED_CIPHERTEXT, SIGNED_CIPHERTEXT},
};

static unsigned index_of(enum ss_content content)
{
    unsigned i = (unsigned)content;
    return i < sizeof contents / sizeof *contents ? i : SS_CONTENT_OTHER;
}

const char *ss_content_name(enum ss_content content)
{
    return contents[index_of(content)].name;
}

const char *ss_content_seal_advice(enum ss_content content)
{
    return contents[index_of(content)].seal_advice;
}

const char *ss_content_sign_advice(enum ss_content content)
{
    return contents[index_of(content)].sign_advice;
}
