// SPDX-License-Identifier: Apache-2.0
// The policy of sealing: what would work at a flash address, and what would leave a device dead.
#include "core/bytes.h"
#include "core/seal_parts.h"
#include "slotseal/content.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"

/// The file of digest_secure_bootloader is for flash address 0 and has the bootloader here.
#define DIGEST_FILE_BOOTLOADER 0x1000u

const char *ss_seal_kind_name(enum ss_seal_kind kind)
{
    static const char *const names[] = {"app", "bootloader", "table", "otadata", "data"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

const struct ss_chip *ss_seal_chip(const struct ss_seal_params *params)
{
    return params->chip ? params->chip : ss_chip_at(0);
}

static const char *place_name(const struct ss_seal_params *params)
{
    return params->place ? params->place : "the space";
}

/// The lengths of key files that the chip takes, in words, at most "16, 24, 32 or 64".
static const char *key_lengths(const struct ss_chip *chip)
{
    uint32_t bits = chip->flash_key_lengths;
    if (bits == (SS_FLASH_KEY_192 | SS_FLASH_KEY_256))
        return "24 or 32";
    if (bits == (SS_FLASH_KEY_256 | SS_FLASH_KEY_512))
        return "32 or 64";
    if (bits == (SS_FLASH_KEY_128 | SS_FLASH_KEY_256))
        return "16 or 32";
    return "32";
}

ss_status_t ss_seal_check_key(const struct ss_seal_params *params, struct ss_error *err)
{
    const struct ss_chip *chip = ss_seal_chip(params);
    if (!params->key || !ss_chip_takes_flash_key(chip, params->key_len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "flash key is %zu bytes, %s takes %s",
                            params->key_len, chip->title, key_lengths(chip));
    if (chip->scheme == SS_FLASH_SCHEME_ESP32 && params->crypt_config > 15)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "FLASH_CRYPT_CONFIG %u is above 15",
                            params->crypt_config);
    return SS_OK;
}

static ss_status_t check_address(const struct ss_seal_params *params, size_t padded_len, struct ss_error *err)
{
    const struct ss_chip *chip = ss_seal_chip(params);
    if (params->address % SS_SEAL_BLOCK)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "address 0x%x is not a multiple of 16",
                            params->address);
    if (params->kind == SS_SEAL_APP && params->address % SS_IMAGE_MMU_PAGE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL,
                            "app address 0x%x is not a multiple of 64 KiB (0x10000)", params->address);
    if ((uint64_t)params->address + padded_len > UINT32_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL,
                            "%zu bytes at 0x%x pass the end of the address space", padded_len, params->address);
    if (params->kind == SS_SEAL_APP && params->address + padded_len > chip->flash_limit)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SEAL,
                            "app ends at 0x%zx, %s maps flash up to 0x%x", params->address + padded_len, chip->title,
                            chip->flash_limit);
    return SS_OK;
}

ss_status_t ss_seal_check_place(const struct ss_seal_params *params, size_t len, size_t *padded_len,
                                struct ss_error *err)
{
    size_t unit = params->pad_unit ? params->pad_unit : SS_SEAL_BLOCK;

    *padded_len = 0;
    if (unit < SS_SEAL_BLOCK || unit > SS_SEAL_MAX_PAD || (unit & (unit - 1)))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL,
                            "padding to %zu bytes: must be a power of two from 16 to 4096", unit);
    if (len == 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "the input is empty");
    if (len > UINT32_MAX - SS_SEAL_MAX_PAD)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "%zu bytes are more than any flash", len);

    size_t padded = (len + unit - 1) / unit * unit;
    ss_status_t status = ss_seal_check_key(params, err);
    if (status == SS_OK)
        status = check_address(params, padded, err);
    if (status != SS_OK)
        return status;
    if (params->capacity && padded > params->capacity)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SEAL, "%s is %zu bytes%s, %s holds %u",
                            params->kind == SS_SEAL_APP ? "image" : ss_seal_kind_name(params->kind),
                            len > params->capacity ? len : padded, len > params->capacity ? "" : " when padded",
                            place_name(params), params->capacity);
    *padded_len = padded;
    return SS_OK;
}

static const char *image_chip_title(const struct ss_image *image)
{
    const struct ss_chip *chip = ss_chip_find_id(image->header.chip_id);
    return chip ? chip->title : "a chip that is not known";
}

/// An image that lies @p skip bytes into the file.
static ss_status_t check_image(const struct ss_seal_params *params, enum ss_image_kind kind, const uint8_t *in,
                               size_t len, uint32_t skip, struct ss_seal_report *report, struct ss_error *err)
{
    const struct ss_chip *chip = ss_seal_chip(params);
    const struct ss_image_context context = {.kind = kind,
                                             .flash_address = params->address + skip,
                                             .space = params->capacity > skip ? params->capacity - skip : 0,
                                             .chip_id = chip->image_id,
                                             .chip_rev = -1};

    ss_status_t status = ss_image_parse(in + skip, len - skip, &context, &report->image, err);
    if (report->image.signature != SS_IMAGE_UNSIGNED) {
        report->signature = report->image.signature;
        report->signature_offset = skip + report->image.signature_offset;
    }
    if (status == SS_ERROR_NOT_SUPPORTED && report->image.header.chip_id != chip->image_id)
        return ss_error_set(err, status, SS_AREA_SEAL, "image is for %s (chip id %u), the chip is %s (%u)",
                            image_chip_title(&report->image), report->image.header.chip_id, chip->title,
                            chip->image_id);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "image would not boot");
    return SS_OK;
}

static ss_status_t check_bootloader(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                                    struct ss_seal_report *report, struct ss_error *err)
{
    const struct ss_chip *chip = ss_seal_chip(params);
    bool digest_file = params->address == 0 && (chip->secure_boot & SS_SECURE_BOOT_V1) &&
                       ss_content_classify(in, len) == SS_CONTENT_DIGEST_BOOTLOADER;
    uint32_t skip = digest_file ? DIGEST_FILE_BOOTLOADER : 0;

    ss_status_t status = check_image(params, SS_IMAGE_KIND_BOOTLOADER, in, len, skip, report, err);
    if (status != SS_OK)
        return status;
    uint32_t flash_size = ss_image_flash_size(report->image.header.spi_size);
    if (flash_size < params->flash_needed)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SEAL,
                            "bootloader header says 0x%x bytes of flash, the table needs 0x%x", flash_size,
                            params->flash_needed);
    return SS_OK;
}

static ss_status_t check_table(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                               struct ss_seal_report *report, struct ss_error *err)
{
    struct ss_partition_table table;
    const struct ss_table_options options = {.table_address = params->address, .chip = ss_seal_chip(params)};

    if (!ss_table_is_binary(in, len))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SEAL,
                            "not a binary partition table: build one from the CSV file first");
    ss_status_t status = ss_table_from_binary(in, len, &table, err);
    if (status == SS_OK)
        status = ss_table_verify(&table, &options, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "partition table");
    if (table.v1_signature) {
        report->signature = SS_IMAGE_SIGNED_V1;
        report->signature_offset = SS_TABLE_BINARY_SIZE;
    }
    return SS_OK;
}

static ss_status_t check_otadata(const uint8_t *in, size_t len, struct ss_error *err)
{
    struct ss_otadata otadata;
    ss_status_t status = ss_otadata_from_partition(in, len, &otadata, err);

    for (unsigned i = 0; status == SS_OK && i < 2; i++) {
        const struct ss_otadata_record *copy = &otadata.copies[i];
        if (copy->seq != SS_OTADATA_ERASED_SEQ && copy->crc != ss_otadata_crc(copy->seq))
            status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SEAL,
                                  "otadata copy %u has sequence 0x%x with CRC 0x%08x, not 0x%08x", i, copy->seq,
                                  copy->crc, ss_otadata_crc(copy->seq));
    }
    return status;
}

ss_status_t ss_seal_check_content(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                                  struct ss_seal_report *report, struct ss_error *err)
{
    switch (params->kind) {
    case SS_SEAL_APP:
        return check_image(params, SS_IMAGE_KIND_APP, in, len, 0, report, err);
    case SS_SEAL_BOOTLOADER:
        return check_bootloader(params, in, len, report, err);
    case SS_SEAL_TABLE:
        return check_table(params, in, len, report, err);
    case SS_SEAL_OTADATA:
        return check_otadata(in, len, err);
    case SS_SEAL_DATA:
        return SS_OK;
    }
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "kind %d is not known", (int)params->kind);
}

/// What is not the plaintext that the kind asks for, with the advice that fits what it is instead.
static ss_status_t check_plaintext(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                                   struct ss_error *err)
{
    enum ss_content content = ss_content_classify(in, len);
    bool noise =
        content == SS_CONTENT_NOISE || content == SS_CONTENT_NOISE_SIGNED_V1 || content == SS_CONTENT_NOISE_SIGNED_V2;
    bool wants_image = params->kind == SS_SEAL_APP || params->kind == SS_SEAL_BOOTLOADER;
    const char *advice = ss_content_seal_advice(content);

    if (params->kind == SS_SEAL_DATA || !advice)
        return SS_OK;
    if (content == SS_CONTENT_DIGEST_BOOTLOADER && params->kind == SS_SEAL_BOOTLOADER && params->address == 0)
        return SS_OK;
    if (noise)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SEAL, "%s", advice);
    return wants_image ? ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SEAL, "%s", advice) : SS_OK;
}

ss_status_t ss_seal_check(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                          struct ss_seal_report *report, struct ss_error *err)
{
    struct ss_seal_report unused;
    if (!report)
        report = &unused;
    *report = (struct ss_seal_report){.plaintext_len = len};

    ss_status_t status = ss_seal_check_place(params, len, &report->padded_len, err);
    if (status == SS_OK)
        status = check_plaintext(params, in, len, err);
    if (status == SS_OK)
        status = ss_seal_check_content(params, in, len, report, err);
    return status;
}

static bool is_otadata(const uint8_t *in, size_t len)
{
    return len == SS_OTADATA_SIZE && check_otadata(in, len, NULL) == SS_OK &&
           ss_all_bytes(in + SS_OTADATA_RECORD_SIZE, SS_OTADATA_SECTOR_SIZE - SS_OTADATA_RECORD_SIZE, 0xFF);
}

enum ss_seal_kind ss_seal_guess_kind(const struct ss_chip *chip, uint32_t address, const uint8_t *in, size_t len)
{
    const struct ss_chip *at = chip ? chip : ss_chip_at(0);

    switch (ss_content_classify(in, len)) {
    case SS_CONTENT_IMAGE:
    case SS_CONTENT_IMAGE_V1:
    case SS_CONTENT_IMAGE_V2:
        return address == at->bootloader_address ? SS_SEAL_BOOTLOADER : SS_SEAL_APP;
    case SS_CONTENT_DIGEST_BOOTLOADER:
        return address == 0 ? SS_SEAL_BOOTLOADER : SS_SEAL_DATA;
    case SS_CONTENT_PARTITION_TABLE:
        return SS_SEAL_TABLE;
    default:
        return is_otadata(in, len) ? SS_SEAL_OTADATA : SS_SEAL_DATA;
    }
}
