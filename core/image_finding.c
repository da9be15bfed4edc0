// SPDX-License-Identifier: Apache-2.0
// Findings in words: those of the boot stage that reports them, and what they mean.
#include <stdio.h>

#include "slotseal/image.h"

const char *ss_image_finding_tag(const struct ss_image *image, const struct ss_image_finding *finding)
{
    bool app = image->kind == SS_IMAGE_KIND_APP;
    switch (finding->code) {
    case SS_IMAGE_WRONG_CHIP:
    case SS_IMAGE_CHIP_TOO_OLD:
    case SS_IMAGE_CHIP_TOO_OLD_FULL:
    case SS_IMAGE_CHIP_TOO_NEW_FULL:
        return "boot_comm"; // for a bootloader, too: it checks its own header
    case SS_IMAGE_BAD_MAGIC:
    case SS_IMAGE_CHECKSUM:
        return app ? "esp_image" : "rom";
    case SS_IMAGE_SPI_MODE:
    case SS_IMAGE_SPI_SIZE:
    case SS_IMAGE_TOO_MANY_SEGMENTS:
    case SS_IMAGE_SEGMENT_LENGTH:
    case SS_IMAGE_SEGMENT_MAPPING:
    case SS_IMAGE_SEGMENT_TOO_HIGH:
    case SS_IMAGE_SEGMENT_ON_LOADER:
    case SS_IMAGE_SEGMENT_ADDRESS:
    case SS_IMAGE_TOO_BIG:
    case SS_IMAGE_HASH:
        return app ? "esp_image" : NULL;
    default:
        return NULL;
    }
}

// The mask ROM's words (revision 3), without a tag.
static int rom_text(const struct ss_image_finding *f, char *out, size_t size)
{
    if (f->code == SS_IMAGE_BAD_MAGIC)
        return snprintf(out, size, "invalid header: 0x%08x", (unsigned)f->found);
    return snprintf(out, size, "csum err:0x%02x!=0x%02x", (unsigned)f->found, (unsigned)f->limit);
}

static int header_text(const struct ss_image *image, const struct ss_image_finding *f, char *out, size_t size)
{
    unsigned at = image->flash_address, found = f->found, limit = f->limit;
    switch (f->code) {
    case SS_IMAGE_BAD_MAGIC:
        return snprintf(out, size, "image at 0x%x has invalid magic byte", at);
    case SS_IMAGE_WRONG_CHIP:
        return snprintf(out, size, "mismatch chip ID, expected %u, found %u", limit, found);
    case SS_IMAGE_CHIP_TOO_OLD:
        // ESP-IDF names the chip's revision as expected and the image's as found.
        return snprintf(out, size, "can't run on lower chip revision, expected %u, found %u", limit, found);
    case SS_IMAGE_CHIP_TOO_OLD_FULL:
        return snprintf(out, size, "Image requires chip rev >= v%u.%u, but chip is v%u.%u", found / 100, found % 100,
                        limit / 100, limit % 100);
    case SS_IMAGE_CHIP_TOO_NEW_FULL:
        return snprintf(out, size, "Image requires chip rev <= v%u.%u, but chip is v%u.%u", found / 100, found % 100,
                        limit / 100, limit % 100);
    case SS_IMAGE_SPI_MODE:
        return snprintf(out, size, "image at 0x%x has invalid SPI mode %u", at, found);
    case SS_IMAGE_SPI_SIZE:
        return snprintf(out, size, "image at 0x%x has invalid SPI size %u", at, found);
    default:
        return snprintf(out, size, "image at 0x%x segment count %u exceeds max %u", at, found, limit);
    }
}

static int segment_text(const struct ss_image_finding *f, char *out, size_t size)
{
    unsigned i = f->segment, found = f->found, limit = f->limit;
    switch (f->code) {
    case SS_IMAGE_SEGMENT_LENGTH:
        return snprintf(out, size, "invalid segment length 0x%x", found);
    case SS_IMAGE_SEGMENT_MAPPING:
        return snprintf(out, size, "Segment %u load address 0x%08x, doesn't match data 0x%08x", i, found, limit);
    case SS_IMAGE_SEGMENT_TOO_HIGH:
        return snprintf(out, size, "Segment %u end address 0x%08x too high (bootloader stack 0x%08x limit 0x%08x)", i,
                        found, limit + 0x8000, limit);
    case SS_IMAGE_SEGMENT_ON_LOADER:
        return snprintf(out, size, "Segment %u (0x%08x-0x%08x) overlaps bootloader IRAM (0x40078000-0x40080000)", i,
                        found, limit);
    default:
        return snprintf(out, size, "Segment %u 0x%08x-0x%08x invalid: bad load address range", i, found, limit);
    }
}

static int tail_text(const struct ss_image *image, const struct ss_image_finding *f, char *out, size_t size)
{
    unsigned found = f->found, limit = f->limit;
    switch (f->code) {
    case SS_IMAGE_CHECKSUM:
        return snprintf(out, size, "Checksum failed. Calculated 0x%x read 0x%x", found, limit);
    case SS_IMAGE_TOO_BIG:
        return snprintf(out, size, "Image length %u doesn't fit in partition length %u", found, limit);
    case SS_IMAGE_HASH:
        if (image->kind == SS_IMAGE_KIND_BOOTLOADER)
            return snprintf(out, size, "appended SHA-256 is not that of the bootloader");
        return snprintf(out, size, "Image hash failed - image is corrupt");
    case SS_IMAGE_TRUNCATED:
        return snprintf(out, size, "file ends after %u bytes, the image needs at least %u", found, limit);
    case SS_IMAGE_NO_SEGMENTS:
        return snprintf(out, size, "no segments: nothing to load and nothing to run");
    case SS_IMAGE_HASH_FLAG:
        return snprintf(out, size, "hash_appended is 0x%02x, should be 0 or 1", found);
    case SS_IMAGE_NOT_SECURE_PADDED:
        return snprintf(out, size, "signed for secure boot V1, but not padded to fill its last 64 KiB page");
    case SS_IMAGE_V2_BLOCK:
        return snprintf(out, size, "signature block %u: %s", f->segment,
                        found == 1 ? "CRC is wrong" : "digest is not that of this image");
    default:
        return snprintf(out, size, "%u bytes follow at offset 0x%x that belong to nothing", found, limit);
    }
}

void ss_image_finding_text(const struct ss_image *image, const struct ss_image_finding *finding, char *out, size_t size)
{
    const char *tag = ss_image_finding_tag(image, finding);
    if (tag && tag[0] == 'r')
        rom_text(finding, out, size);
    else if (finding->code <= SS_IMAGE_TOO_MANY_SEGMENTS)
        header_text(image, finding, out, size);
    else if (finding->code <= SS_IMAGE_SEGMENT_ADDRESS)
        segment_text(finding, out, size);
    else
        tail_text(image, finding, out, size);
}

const char *ss_image_finding_advice(enum ss_image_finding_code code)
{
    static const char *const advice[SS_IMAGE_FINDING_CODES] = {
        [SS_IMAGE_BAD_MAGIC] =
            "No image starts here: erased flash, ciphertext read without decryption, or decrypted with "
            "the wrong key, address or FLASH_CRYPT_CONFIG.",
        [SS_IMAGE_WRONG_CHIP] = "The image was built for another chip.",
        [SS_IMAGE_CHIP_TOO_OLD] = "The image was built for a newer revision of the chip: lower the minimum revision in "
                                  "the project's configuration.",
        [SS_IMAGE_CHIP_TOO_OLD_FULL] =
            "The image was built for a newer revision of the chip: lower the minimum revision "
            "in the project's configuration.",
        [SS_IMAGE_CHIP_TOO_NEW_FULL] =
            "The image was built for older revisions of the chip: build it with an ESP-IDF that "
            "knows this one.",
        [SS_IMAGE_SPI_MODE] = "The header's flash mode is not one of the six that exist; set it when building.",
        [SS_IMAGE_SPI_SIZE] = "The header's flash size is none that the bootloader knows; set it when building.",
        [SS_IMAGE_TOO_MANY_SEGMENTS] = "The header is damaged, or the linker script leaves too many gaps.",
        [SS_IMAGE_SEGMENT_LENGTH] = "The image is damaged, or truncated and followed by other bytes.",
        [SS_IMAGE_SEGMENT_MAPPING] =
            "Code and constants are mapped in pages of 64 KiB: the image has to start at a flash "
            "address that is a multiple of that.",
        [SS_IMAGE_SEGMENT_TOO_HIGH] =
            "The segment would overwrite the bootloader's stack while it is loading: the app has "
            "too much initialised data.",
        [SS_IMAGE_SEGMENT_ON_LOADER] =
            "The segment would overwrite the bootloader while it is loading: link it elsewhere.",
        [SS_IMAGE_SEGMENT_ADDRESS] = "No memory can be loaded there: the linker script is wrong, or the image damaged.",
        [SS_IMAGE_CHECKSUM] = "The image is damaged, or was changed without recomputing its checksum.",
        [SS_IMAGE_TOO_BIG] = "Image and signature have to fit their partition: enlarge it, or shrink the image.",
        [SS_IMAGE_HASH] = "The image is damaged, or was changed without recomputing its hash.",
        [SS_IMAGE_TRUNCATED] = "The file is incomplete: copy or build it again.",
        [SS_IMAGE_NO_SEGMENTS] = "The header is damaged, or nothing was linked into the image.",
        [SS_IMAGE_HASH_FLAG] = "The bootloader takes any value but 0 for yes; esptool refuses the image.",
        [SS_IMAGE_NOT_SECURE_PADDED] =
            "Bytes behind the signature are mapped but not verified: build with secure padding "
            "(elf2image --secure-pad).",
        [SS_IMAGE_V2_BLOCK] = "The image was changed after signing, or the signature sector is damaged: sign again.",
        [SS_IMAGE_TRAILING] =
            "Usually harmless, but not covered by checksum, hash or signature: check how the file was "
            "made.",
    };
    return code >= 0 && code < SS_IMAGE_FINDING_CODES ? advice[code] : "";
}

const char *ss_segment_kind_name(enum ss_segment_kind kind)
{
    static const char *const names[] = {
        [SS_SEGMENT_PADDING] = "padding",   [SS_SEGMENT_RESERVED] = "reserved", [SS_SEGMENT_DROM] = "DROM",
        [SS_SEGMENT_IROM] = "IROM",         [SS_SEGMENT_FLASH] = "flash",       [SS_SEGMENT_DRAM] = "DRAM",
        [SS_SEGMENT_IRAM] = "IRAM",         [SS_SEGMENT_RAM] = "RAM",           [SS_SEGMENT_RTC_FAST] = "RTC fast",
        [SS_SEGMENT_RTC_SLOW] = "RTC slow", [SS_SEGMENT_OTHER] = "other",
    };
    return kind >= 0 && kind <= SS_SEGMENT_OTHER ? names[kind] : "other";
}
