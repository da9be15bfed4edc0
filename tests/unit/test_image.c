// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/sample_image.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"

#define BUFFER_SIZE 0x4000

static void apply_patch(const struct vector *v, const char *name, uint8_t *image)
{
    if (!vector_has(v, name))
        return;
    char *hex;
    size_t offset = strtoul(vector_text(v, name), &hex, 0);
    struct vector bytes = {.title = v->title, .names = {name}, .values = {hex}, .count = 1};
    vector_bytes(&bytes, name, image + offset, BUFFER_SIZE - offset);
}

static size_t make_image(const struct vector *v, uint8_t *image)
{
    bool app = strcmp(vector_text(v, "base"), "app") == 0;
    size_t len = app ? sample_app(image, BUFFER_SIZE) : sample_bootloader(image, BUFFER_SIZE);
    apply_patch(v, "patch", image);
    apply_patch(v, "patch1", image);
    apply_patch(v, "patch2", image);
    if (vector_has(v, "refresh"))
        sample_refresh(image, len);
    if (vector_has(v, "sign"))
        len = strcmp(vector_text(v, "sign"), "v1") == 0 ? sample_sign_v1(image, len, BUFFER_SIZE)
                                                        : sample_sign_v2(image, len, BUFFER_SIZE);
    apply_patch(v, "late", image);
    if (vector_has(v, "append"))
        len += vector_bytes(v, "append", image + len, BUFFER_SIZE - len);
    return vector_has(v, "cut") ? vector_number(v, "cut") : len;
}

static struct ss_image_context make_context(const struct vector *v)
{
    struct ss_image_context c = SS_IMAGE_CONTEXT_DEFAULT;
    if (vector_has(v, "kind"))
        c.kind = strcmp(vector_text(v, "kind"), "app") == 0 ? SS_IMAGE_KIND_APP : SS_IMAGE_KIND_BOOTLOADER;
    if (vector_has(v, "address"))
        c.flash_address = (uint32_t)vector_number(v, "address");
    if (vector_has(v, "space"))
        c.space = (uint32_t)vector_number(v, "space");
    if (vector_has(v, "chip"))
        c.chip_id = (int32_t)vector_number(v, "chip");
    if (vector_has(v, "rev"))
        c.chip_rev = (int32_t)vector_number(v, "rev");
    return c;
}

static void check_findings(const struct vector *v, const struct ss_image *image)
{
    unsigned i = 0;
    for (;; i++) {
        char name[16], text[160], line[200];
        snprintf(name, sizeof name, "find%u", i + 1);
        if (i == image->finding_count || !vector_has(v, name))
            break;
        const struct ss_image_finding *f = &image->findings[i];
        const char *tag = ss_image_finding_tag(image, f);
        ss_image_finding_text(image, f, text, sizeof text);
        snprintf(line, sizeof line, "%c %s: %s", f->fatal ? 'E' : 'W', tag ? tag : "-", text);
        assert_string_equal(line, vector_text(v, name));
        assert_true(strlen(ss_image_finding_advice(f->code)) > 20);
    }
    char next[16];
    snprintf(next, sizeof next, "find%u", i + 1);
    assert_int_equal(i, image->finding_count);
    assert_false(vector_has(v, next));
}

static void run_vector(const struct vector *v)
{
    static uint8_t image[BUFFER_SIZE];
    struct ss_image parsed;
    struct ss_error err = {0};
    size_t len = make_image(v, image);
    // A block of exactly this size, so that the address sanitizer sees every byte read too many.
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, image, len);
    struct ss_image_context context = make_context(v);
    ss_status_t status = ss_image_parse(exact, len, &context, &parsed, &err);
    free(exact);
    assert_string_equal(ss_status_name(status), vector_text(v, "status"));
    assert_int_equal(parsed.boot_findings, vector_number(v, "reached"));
    check_findings(v, &parsed);
    if (status != SS_OK) {
        char text[160];
        ss_image_finding_text(&parsed, ss_image_first_fatal(&parsed), text, sizeof text);
        assert_string_equal(err.message, text);
        assert_int_equal(err.status, status);
        assert_int_equal(err.area, SS_AREA_IMAGE);
    }
}

static void findings(void **state)
{
    (void)state;
    vectors_run("image.data", run_vector);
}

static void known_bootloader(void **state)
{
    (void)state;
    uint8_t image[512], digest[32];
    struct ss_image parsed;
    struct ss_error err = {0};
    size_t len = sample_bootloader(image, sizeof image);
    assert_int_equal(len, 480);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, image, len, digest), SS_OK);
    assert_memory_equal(digest, "\x88\xf0\x00\x18\xd6\xb1\xdf\xad", 8);
    assert_ok(ss_image_parse(image, len, NULL, &parsed, &err), err);
    assert_int_equal(parsed.kind, SS_IMAGE_KIND_BOOTLOADER);
    assert_int_equal(parsed.image_len, 480);
    assert_int_equal(parsed.segments[0].kind, SS_SEGMENT_IRAM);
    assert_false(parsed.segments[0].mapped);
}

static void every_field_is_read(void **state)
{
    (void)state;
    uint8_t image[1024];
    struct ss_image p;
    struct ss_error err = {0};
    size_t len = sample_app(image, sizeof image);
    const uint8_t header[20] = {0xE9, 4, 3, 0x4F, 0x78, 0x56, 8, 0x40, 0xEE, 1, 2, 3, 0, 0, 2, 0x2C, 1, 0x8F, 1, 0};
    memcpy(image, header, sizeof header);
    sample_refresh(image, len);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_int_equal(p.header.spi_mode, 3);
    assert_int_equal(p.header.spi_speed, 15);
    assert_int_equal(p.header.spi_size, 4);
    assert_int_equal(p.header.entry, 0x40085678);
    assert_int_equal(p.header.wp_pin, 0xEE);
    assert_memory_equal(p.header.spi_pin_drv, "\1\2\3", 3);
    assert_int_equal(p.header.min_chip_rev, 2);
    assert_int_equal(p.header.min_chip_rev_full, 300);
    assert_int_equal(p.header.max_chip_rev_full, 399);
    assert_int_equal(p.header.hash_appended, 1);
    assert_int_equal(p.segment_count, 4);
    assert_int_equal(p.segments[0].kind, SS_SEGMENT_DROM);
    assert_int_equal(p.segments[1].kind, SS_SEGMENT_IROM);
    assert_int_equal(p.segments[1].offset, 0x228);
    assert_true(p.segments[1].mapped);
    assert_int_equal(p.segments[2].kind, SS_SEGMENT_DRAM);
    assert_int_equal(p.segments[2].length, 32);
    assert_int_equal(p.checksum_offset, 0x2BF);
    assert_int_equal(p.image_len, SAMPLE_APP_LEN);
    assert_int_equal(p.end, SAMPLE_APP_LEN);
    assert_memory_equal(p.hash_stored, p.hash_computed, 32);
}

static void memory_of_other_chips(void **state)
{
    (void)state;
    static const struct {
        uint8_t chip_id;
        uint32_t address;
        enum ss_segment_kind kind;
    } cases[] = {
        {2, 0x3F000020, SS_SEGMENT_DROM},     {2, 0x40080020, SS_SEGMENT_IROM},  {5, 0x3C000020, SS_SEGMENT_DROM},
        {9, 0x42000020, SS_SEGMENT_IROM},     {9, 0x40374000, SS_SEGMENT_IRAM},  {9, 0x600FE000, SS_SEGMENT_RTC_FAST},
        {13, 0x42000020, SS_SEGMENT_FLASH},   {13, 0x40800000, SS_SEGMENT_RAM},  {18, 0x40000020, SS_SEGMENT_FLASH},
        {2, 0x50000000, SS_SEGMENT_RTC_SLOW}, {99, 0x42000020, SS_SEGMENT_OTHER}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t image[512];
        struct ss_image p;
        struct ss_error err = {0};
        size_t len = sample_image(image, sizeof image, &(struct sample_segment){cases[i].address, 64}, 1, true);
        image[12] = cases[i].chip_id;
        sample_refresh(image, len);
        assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
        assert_int_equal(p.segments[0].kind, cases[i].kind);
        bool mapped =
            cases[i].kind == SS_SEGMENT_DROM || cases[i].kind == SS_SEGMENT_IROM || cases[i].kind == SS_SEGMENT_FLASH;
        assert_int_equal(p.segments[0].mapped, mapped);
        assert_int_equal(p.kind, mapped ? SS_IMAGE_KIND_APP : SS_IMAGE_KIND_BOOTLOADER);
    }
}

static void app_descriptor(void **state)
{
    (void)state;
    uint8_t image[1024];
    struct ss_image p;
    struct ss_error err = {0};
    size_t len = sample_app(image, sizeof image);
    memset(image + 0x30, 'v', 32); // not terminated
    image[0xB0] = 0xAB;
    memcpy(image + 0xD0, "\x64\0\xC8\0\x10", 5);
    sample_refresh(image, len);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_true(p.has_app_desc);
    assert_false(p.has_bootloader_desc);
    assert_int_equal(p.kind, SS_IMAGE_KIND_APP);
    assert_int_equal(p.app_desc.secure_version, 7);
    assert_string_equal(p.app_desc.version, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");
    assert_string_equal(p.app_desc.project_name, "sample");
    assert_string_equal(p.app_desc.time, "12:34:56");
    assert_string_equal(p.app_desc.date, "Jan  2 2020");
    assert_string_equal(p.app_desc.idf_version, "v4.0.1");
    assert_int_equal(p.app_desc.elf_sha256[0], 0xAB);
    assert_int_equal(p.app_desc.min_efuse_blk_rev, 100);
    assert_int_equal(p.app_desc.max_efuse_blk_rev, 200);
    assert_int_equal(p.app_desc.mmu_page_log2, 16);
    struct ss_app_desc none;
    assert_int_equal(ss_app_desc_parse(image + 0x20, 255, &none), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_app_desc_parse(image + 0x24, 256, &none), SS_ERROR_DOES_NOT_EXIST);
}

static void bootloader_descriptor(void **state)
{
    (void)state;
    uint8_t image[512], desc[SS_BOOTLOADER_DESC_SIZE] = {0x50, 0, 0, 3, 1, 0, 0, 0};
    struct ss_image p;
    struct ss_bootloader_desc d;
    struct ss_error err = {0};
    memcpy(desc + 8, "v5.4", 4);
    memcpy(desc + 0x28, "Jan  2 2025 03:04:05", 20);
    size_t len = sample_bootloader(image, sizeof image);
    memcpy(image + SS_DESC_OFFSET, desc, sizeof desc);
    sample_refresh(image, len);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_true(p.has_bootloader_desc);
    assert_int_equal(p.bootloader_desc.secure_version, 3);
    assert_int_equal(p.bootloader_desc.version, 1);
    assert_string_equal(p.bootloader_desc.idf_version, "v5.4");
    assert_string_equal(p.bootloader_desc.date_time, "Jan  2 2025 03:04:05");

    assert_int_equal(ss_bootloader_desc_parse(desc, sizeof desc - 1, &d), SS_ERROR_DOES_NOT_EXIST);
    desc[1] = 1;
    assert_int_equal(ss_bootloader_desc_parse(desc, sizeof desc, &d), SS_ERROR_DOES_NOT_EXIST);
    desc[1] = 0;
    desc[8] = 0;
    assert_int_equal(ss_bootloader_desc_parse(desc, sizeof desc, &d), SS_ERROR_DOES_NOT_EXIST);
    desc[8] = 0x80;
    assert_int_equal(ss_bootloader_desc_parse(desc, sizeof desc, &d), SS_ERROR_DOES_NOT_EXIST);
}

static void signatures_are_found(void **state)
{
    (void)state;
    static uint8_t image[0x3000];
    struct ss_image p;
    struct ss_error err = {0};
    size_t len = sample_sign_v1(image, sample_app(image, sizeof image), sizeof image);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_int_equal(p.signature, SS_IMAGE_SIGNED_V1);
    assert_int_equal(p.signature_offset, SAMPLE_APP_LEN);
    assert_int_equal(p.signature_len, 68);
    assert_int_equal(p.end, len);

    len = sample_sign_v2(image, SAMPLE_APP_LEN, sizeof image);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_int_equal(p.signature, SS_IMAGE_SIGNED_V2);
    assert_int_equal(p.signature_offset, 0x1000);
    assert_int_equal(p.signature_len, 4096);
    assert_int_equal(p.end, 0x2000);
    assert_true(p.v2_blocks[0].present && p.v2_blocks[0].crc_ok && p.v2_blocks[0].digest_ok);
    assert_int_equal(p.v2_blocks[0].version, 2);
    assert_false(p.v2_blocks[1].present);

    // A second block, ECDSA P-384: its digest is SHA-384.
    uint8_t *block = image + 0x1000 + SS_IMAGE_V2_BLOCK_SIZE;
    memset(block, 0, SS_IMAGE_V2_BLOCK_SIZE);
    memcpy(block, "\xE7\3\1", 3);
    assert_int_equal(ss_hash_once(SS_HASH_SHA384, image, 0x1000, block + 4), SS_OK);
    ss_put_le32(block + 1196, ss_crc32(0, block, 1196));
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_true(p.v2_blocks[1].present && p.v2_blocks[1].crc_ok && p.v2_blocks[1].digest_ok);
    assert_int_equal(p.v2_blocks[1].version, 3);
}

static void secure_padding_is_seen(void **state)
{
    (void)state;
    static uint8_t image[0x20000];
    struct ss_image p;
    struct ss_error err = {0};
    // Lengths that elf2image --secure-pad and --secure-pad-v2 produce: 0xFFB0 and 0x10000 with the hash.
    const struct sample_segment v1[] = {{0x3F400020, 0x200}, {0, 0xFFB0 - 32 - 16 - 0x228}};
    const struct sample_segment v2[] = {{0x3F400020, 0x200}, {0, 0x10000 - 32 - 16 - 0x228}};
    size_t len = sample_image(image, sizeof image, v1, 2, true);
    assert_int_equal(len, 0xFFB0);
    len = sample_sign_v1(image, len, sizeof image);
    assert_int_equal(len, 0xFFF4);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_true(p.secure_padded_v1);
    assert_false(p.secure_padded_v2);
    assert_int_equal(p.finding_count, 0);
    len = sample_image(image, sizeof image, v2, 2, true);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_true(p.secure_padded_v2);
    assert_false(p.secure_padded_v1);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    uint8_t image[1024];
    struct ss_image p;
    struct ss_error err = {0};
    size_t len = sample_app(image, sizeof image);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact, image, cut);
        assert_int_equal(ss_image_parse(exact, cut, NULL, &p, &err), SS_ERROR_DATA_INVALID);
        assert_int_equal(ss_image_first_fatal(&p)->code, SS_IMAGE_TRUNCATED);
        assert_false(p.complete);
        free(exact);
    }
}

static void arguments_are_checked(void **state)
{
    (void)state;
    uint8_t image[1024];
    struct ss_image p;
    struct ss_error err = {0};
    size_t len = sample_app(image, sizeof image);
    struct ss_image_context c = SS_IMAGE_CONTEXT_DEFAULT;
    c.flash_address = 0xFFFF0000;
    assert_int_equal(ss_image_describe(image, len, &c, &p, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "flash address is 0xffff0000, limit is 0xffffffff less 16 MiB");
    assert_int_equal(ss_image_describe(image, ((size_t)1 << 31) + 1, NULL, &p, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "file is 2147483649 bytes, limit is 2 GiB");
    assert_int_equal(p.file_len, 0);
}

static void names_and_codes(void **state)
{
    (void)state;
    uint8_t code;
    assert_int_equal(ss_image_flash_size(0), 0x100000);
    assert_int_equal(ss_image_flash_size(4), 0x1000000);
    assert_int_equal(ss_image_flash_size(7), 0x8000000);
    assert_int_equal(ss_image_flash_size(8), 0);
    assert_int_equal(ss_image_flash_size_code(0x400000, &code), SS_OK);
    assert_int_equal(code, 2);
    assert_int_equal(ss_image_flash_size_code(0x300000, &code), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_image_flash_size_code(0, &code), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(ss_image_spi_mode_name(2), "DIO");
    assert_null(ss_image_spi_mode_name(6));
    assert_int_equal(ss_image_flash_mhz(0, 15), 80);
    assert_int_equal(ss_image_flash_mhz(12, 0), 30);
    assert_int_equal(ss_image_flash_mhz(13, 0), 40);
    assert_int_equal(ss_image_flash_mhz(0, 7), 0);
    assert_int_equal(ss_image_flash_mhz_code(0, 26, &code), SS_OK);
    assert_int_equal(code, 1);
    assert_int_equal(ss_image_flash_mhz_code(13, 80, &code), SS_OK);
    assert_int_equal(code, 0);
    assert_int_equal(ss_image_flash_mhz_code(0, 48, &code), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(ss_segment_kind_name(SS_SEGMENT_RTC_SLOW), "RTC slow");
    assert_string_equal(ss_segment_kind_name((enum ss_segment_kind)99), "other");
    for (int i = 0; i < SS_IMAGE_FINDING_CODES; i++)
        assert_true(strlen(ss_image_finding_advice((enum ss_image_finding_code)i)) > 20);
    assert_string_equal(ss_image_finding_advice(SS_IMAGE_FINDING_CODES), "");
}

static void flash_params_are_changed(void **state)
{
    (void)state;
    uint8_t image[1024];
    struct ss_image p;
    struct ss_error err = {0};
    size_t len = sample_app(image, sizeof image);
    assert_ok(ss_image_set_flash_params(image, len, &(struct ss_image_flash_params){3, 15, 4}, &err), err);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_int_equal(p.header.spi_mode, 3);
    assert_int_equal(p.header.spi_speed, 15);
    assert_int_equal(p.header.spi_size, 4);
    assert_ok(ss_image_set_flash_params(image, len, &(struct ss_image_flash_params){-1, -1, 1}, &err), err);
    assert_ok(ss_image_parse(image, len, NULL, &p, &err), err);
    assert_int_equal(image[2], 3);
    assert_int_equal(image[3], 0x1F);
}

static void refused_params(uint8_t *image, size_t len, struct ss_image_flash_params params, ss_status_t status,
                           const char *message)
{
    struct ss_error err = {0};
    uint8_t before[2048];
    memcpy(before, image, len);
    assert_int_equal(ss_image_set_flash_params(image, len, &params, &err), status);
    assert_string_equal(err.message, message);
    assert_memory_equal(image, before, len);
}

static void flash_params_are_refused(void **state)
{
    (void)state;
    uint8_t image[2048];
    const struct ss_image_flash_params good = {2, 0, 2};
    size_t len = sample_app(image, sizeof image);
    refused_params(image, len, (struct ss_image_flash_params){6, 0, 0}, SS_ERROR_INVALID_ARGUMENT,
                   "flash mode 6, clock 0, size 0: limits are 5, 15, 15");
    refused_params(image, len, (struct ss_image_flash_params){0, 16, 0}, SS_ERROR_INVALID_ARGUMENT,
                   "flash mode 0, clock 16, size 0: limits are 5, 15, 15");
    refused_params(image, len, (struct ss_image_flash_params){0, 0, 16}, SS_ERROR_INVALID_ARGUMENT,
                   "flash mode 0, clock 0, size 16: limits are 5, 15, 15");
    refused_params(image, len - 1, good, SS_ERROR_DATA_INVALID, "not a complete image");
    size_t is_signed = sample_sign_v1(image, len, sizeof image);
    refused_params(image, is_signed, good, SS_ERROR_NOT_PERMITTED,
                   "image is signed: change its header first, then sign it");
    image[9] ^= 1;
    refused_params(image, len, good, SS_ERROR_DATA_CORRUPT, "appended SHA-256 is wrong: the image is damaged");
    image[SAMPLE_APP_DRAM] ^= 1;
    refused_params(image, len, good, SS_ERROR_DATA_CORRUPT, "checksum is 0xcd, should be 0xcc: the image is damaged");
}

static uint8_t fault_image[0x3000];

static ss_status_t parse_or_nothing(void *context)
{
    struct ss_image p;
    struct ss_error err = {0};
    ss_status_t status = ss_image_parse(fault_image, *(size_t *)context, NULL, &p, &err);
    if (status != SS_OK) {
        assert_int_equal(err.area, SS_AREA_CRYPTO);
        assert_int_equal(p.file_len, 0);
    }
    return status;
}

static ss_status_t set_or_leave(void *context)
{
    (void)context;
    uint8_t before[SAMPLE_APP_LEN];
    static const struct ss_image_flash_params params = {3, 15, 4};
    memcpy(before, fault_image, sizeof before);
    ss_status_t status = ss_image_set_flash_params(fault_image, SAMPLE_APP_LEN, &params, NULL);
    if (status != SS_OK)
        assert_memory_equal(fault_image, before, sizeof before);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    size_t len = sample_app(fault_image, sizeof fault_image);
    assert_true(alloc_fault_each(set_or_leave, NULL) > 0);
    len = sample_sign_v2(fault_image, len, sizeof fault_image);
    assert_true(alloc_fault_each(parse_or_nothing, &len) > 0);
}

static void real_app(void **state)
{
    (void)state;
    size_t len;
    struct ss_image p;
    struct ss_error err = {0};
    uint8_t *app = material_read("firmware/app-hello-world-v3.3-signed.bin", &len);
    if (!app)
        skip();
    assert_ok(ss_image_parse(app, len, NULL, &p, &err), err);
    assert_int_equal(p.kind, SS_IMAGE_KIND_APP);
    assert_int_equal(p.finding_count, 0);
    assert_int_equal(p.segment_count, 7);
    assert_int_equal(p.checksum_stored, 0x30);
    assert_string_equal(p.app_desc.project_name, "hello-world");
    assert_string_equal(p.app_desc.version, "v3.3-beta3-21-g0706bd0d1-dirty");
    assert_true(p.secure_padded_v1);
    assert_int_equal(p.signature, SS_IMAGE_SIGNED_V1);
    assert_int_equal(p.end, 0x2FFF4);
    assert_int_equal(p.trailing_len, 12);

    // As the real bootloader's log has it, with one bit flipped in a loaded segment.
    app[0x5800] ^= 1;
    assert_int_equal(ss_image_parse(app, len, NULL, &p, &err), SS_ERROR_DATA_CORRUPT);
    assert_string_equal(err.message, "Checksum failed. Calculated 0x31 read 0x30");
    assert_int_equal(p.boot_findings, 1);
    free(app);
}

// What a bootloader of ESP-IDF v3.2 printed on a chip with flash encryption on: plaintext app, erased slot, and the
// ciphertext of the other slot, all read through the decrypting cache.
static void noise(const struct ss_flash_cipher *c, const uint8_t *flash, uint32_t address, const char *lines)
{
    uint8_t read[64];
    char text[512] = "", line[160];
    struct ss_image p;
    struct ss_error err = {0};
    struct ss_image_context context = SS_IMAGE_CONTEXT_DEFAULT;
    context.flash_address = address;
    assert_ok(ss_flash_cipher_unseal(c, address, flash, read, sizeof read, &err), err);
    assert_int_equal(ss_image_parse(read, sizeof read, &context, &p, &err), SS_ERROR_DATA_INVALID);
    for (unsigned i = 0; i < p.finding_count && p.findings[i].code <= SS_IMAGE_SPI_SIZE; i++) {
        ss_image_finding_text(&p, &p.findings[i], line, sizeof line);
        assert_string_equal(ss_image_finding_tag(&p, &p.findings[i]), "esp_image");
        strcat(strcat(strcat(text, p.findings[i].fatal ? "E " : "W "), line), ";");
    }
    assert_string_equal(text, lines);
}

static void real_noise(void **state)
{
    (void)state;
    size_t app_len, key_len;
    uint8_t erased[64], other[64];
    struct ss_flash_cipher c;
    struct ss_error err = {0};
    uint8_t *app = material_read("firmware/app-hello-world-v3.3-signed.bin", &app_len);
    uint8_t *key = material_read("firmware/flash-key.bin", &key_len);
    if (!app || !key)
        skip();
    memset(erased, 0xFF, sizeof erased);
    assert_ok(ss_flash_cipher_init(&c, key, key_len, 15, &err), err);
    assert_ok(ss_flash_cipher_seal(&c, 0x10000, app, other, sizeof other, &err), err);
    noise(&c, app, 0x10000,
          "E image at 0x10000 has invalid magic byte;W image at 0x10000 has invalid SPI mode 140;"
          "W image at 0x10000 has invalid SPI size 13;");
    noise(&c, erased, 0x160000,
          "E image at 0x160000 has invalid magic byte;W image at 0x160000 has invalid SPI mode 130;"
          "W image at 0x160000 has invalid SPI size 14;");
    noise(&c, other, 0x160000,
          "E image at 0x160000 has invalid magic byte;W image at 0x160000 has invalid SPI mode 237;");
    ss_flash_cipher_wipe(&c);
    free(app);
    free(key);
}

static void real_bootloader(const char *file, const char *idf_version)
{
    size_t len;
    struct ss_image p;
    struct ss_error err = {0};
    struct ss_image_context c = SS_IMAGE_CONTEXT_DEFAULT;
    uint8_t *image = material_read(file, &len);
    if (!image)
        skip();
    c.flash_address = 0x1000;
    c.space = 0x7000;
    c.chip_id = 0;
    c.chip_rev = 300;
    assert_ok(ss_image_parse(image, len, &c, &p, &err), err);
    assert_int_equal(p.finding_count, 0);
    assert_int_equal(p.kind, SS_IMAGE_KIND_BOOTLOADER);
    assert_int_equal(p.image_len, len);
    assert_int_equal(p.signature, SS_IMAGE_UNSIGNED);
    assert_int_equal(p.has_bootloader_desc, idf_version != NULL);
    if (idf_version)
        assert_string_equal(p.bootloader_desc.idf_version, idf_version);
    free(image);
}

static void real_bootloader_v3(void **state)
{
    (void)state;
    real_bootloader("firmware/bootloader-idf-v3.2.bin", NULL);
}

static void real_bootloader_v5(void **state)
{
    (void)state;
    real_bootloader("firmware/bootloader-idf-v5.2.bin", "v5.2-dev-254-g1950b15");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings),
        cmocka_unit_test(known_bootloader),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(memory_of_other_chips),
        cmocka_unit_test(app_descriptor),
        cmocka_unit_test(bootloader_descriptor),
        cmocka_unit_test(signatures_are_found),
        cmocka_unit_test(secure_padding_is_seen),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(names_and_codes),
        cmocka_unit_test(flash_params_are_changed),
        cmocka_unit_test(flash_params_are_refused),
        cmocka_unit_test(allocation_failures),
        cmocka_unit_test(real_app),
        cmocka_unit_test(real_noise),
        cmocka_unit_test(real_bootloader_v3),
        cmocka_unit_test(real_bootloader_v5),
    };
    return ss_test_main(argc, argv, tests);
}
