// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/sample_elf.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/image.h"
#include "slotseal/image_build.h"

#define ELF_SIZE   0x40000
#define IMAGE_SIZE 0x40000

static uint8_t elf[ELF_SIZE], image[IMAGE_SIZE];

static unsigned read_sections(const struct vector *v, struct sample_section *sections)
{
    unsigned count = 0;
    for (;; count++) {
        char name[16], desc[8] = "";
        snprintf(name, sizeof name, "section%u", count + 1);
        if (!vector_has(v, name))
            return count;
        struct sample_section *s = &sections[count];
        assert_true(sscanf(vector_text(v, name), "%23s %u %x %u %7s", s->name, &s->type, &s->address, &s->size, desc) >=
                    4);
        s->desc = *desc != 0;
    }
}

static struct ss_image_build_options read_options(const struct vector *v)
{
    struct ss_image_build_options o = SS_IMAGE_BUILD_DEFAULT;
    if (vector_has(v, "options"))
        assert_int_equal(sscanf(vector_text(v, "options"), "%hhu %hhu %hhu %hhu %hu %hu", &o.spi_mode, &o.spi_speed,
                                &o.spi_size, &o.min_chip_rev, &o.min_chip_rev_full, &o.max_chip_rev_full),
                         6);
    if (vector_has(v, "pad"))
        o.secure_pad = strcmp(vector_text(v, "pad"), "v1") == 0 ? SS_SECURE_PAD_V1 : SS_SECURE_PAD_V2;
    o.append_hash = !vector_has(v, "no_hash");
    o.elf_sha256 = !vector_has(v, "no_elf_sha256");
    return o;
}

static void run_vector(const struct vector *v)
{
    struct sample_section sections[8];
    struct ss_image_build_options options = read_options(v);
    struct ss_image parsed;
    struct ss_error err = {0};
    size_t len, need;
    uint8_t digest[32], expected[32];
    size_t elf_len = sample_elf(elf, sizeof elf, sections, read_sections(v, sections));
    assert_int_equal(ss_image_build(elf, elf_len, &options, NULL, 0, &need, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(need, vector_number(v, "length"));
    memset(image, 0xA5, sizeof image);
    assert_int_equal(ss_image_build(elf, elf_len, &options, image, need - 1, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_true(ss_all_bytes(image, sizeof image, 0xA5));
    assert_ok(ss_image_build(elf, elf_len, &options, image, need, &len, &err), err);
    assert_int_equal(len, need);
    assert_true(ss_all_bytes(image + len, sizeof image - len, 0xA5));
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, image, len, digest), SS_OK);
    assert_int_equal(vector_bytes(v, "sha256", expected, sizeof expected), 32);
    assert_memory_equal(digest, expected, 32);
    assert_ok(ss_image_parse(image, len, NULL, &parsed, &err), err);
    assert_int_equal(parsed.image_len, len);
    assert_int_equal(parsed.secure_padded_v1, options.secure_pad == SS_SECURE_PAD_V1);
    assert_int_equal(parsed.secure_padded_v2, options.secure_pad == SS_SECURE_PAD_V2);
}

static void known_answers(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("image_build.data", run_vector), 16);
}

static const struct sample_section app[] = {
    {".flash.appdesc", 1, 0x3F400020, 300, 1},
    {".flash.text", 1, 0x400D0018, 500, 0},
    {".iram0.text", 1, 0x40080000, 400, 0},
};

static void elf_hash_is_in_the_descriptor(void **state)
{
    (void)state;
    uint8_t digest[32];
    size_t len, elf_len = sample_elf(elf, sizeof elf, app, 3);
    struct ss_error err = {0};
    struct ss_image parsed;
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, elf, elf_len, digest), SS_OK);
    assert_ok(ss_image_build(elf, elf_len, NULL, image, sizeof image, &len, &err), err);
    assert_ok(ss_image_parse(image, len, NULL, &parsed, &err), err);
    assert_string_equal(parsed.app_desc.version, "1.0");
    assert_memory_equal(parsed.app_desc.elf_sha256, digest, 32);
    assert_memory_equal(image + 0xB0, digest, 32);
    assert_int_equal(parsed.header.entry, 0x40080400);
    assert_int_equal(parsed.header.max_chip_rev_full, 65535);
}

// esptool 5.3.1 stops here with a failed assertion: eight bytes are missing, just what an empty padding segment takes.
static void gap_of_one_header(void **state)
{
    (void)state;
    const struct sample_section sections[] = {{".flash.rodata", 1, 0x3F400020, 0xFFD0, 0},
                                              {".flash.text", 1, 0x400D0000, 64, 0}};
    size_t len, elf_len = sample_elf(elf, sizeof elf, sections, 2);
    struct ss_error err = {0};
    struct ss_image parsed;
    assert_ok(ss_image_build(elf, elf_len, NULL, image, sizeof image, &len, &err), err);
    assert_ok(ss_image_parse(image, len, NULL, &parsed, &err), err);
    assert_int_equal(parsed.segment_count, 3);
    assert_int_equal(parsed.segments[1].kind, SS_SEGMENT_PADDING);
    assert_int_equal(parsed.segments[1].length, 0);
    assert_int_equal(parsed.segments[2].offset, 0x10000);
}

static void refused(size_t elf_len, const struct ss_image_build_options *options, ss_status_t status,
                    const char *message)
{
    size_t len = 1;
    struct ss_error err = {0};
    uint8_t *exact = malloc(elf_len ? elf_len : 1);
    assert_non_null(exact);
    memcpy(exact, elf, elf_len);
    assert_int_equal(ss_image_build(exact, elf_len, options, image, sizeof image, &len, &err), status);
    free(exact);
    assert_string_equal(err.message, message);
    assert_int_equal(len, 0);
}

static void options_are_checked(void **state)
{
    (void)state;
    size_t len = sample_elf(elf, sizeof elf, app, 3);
    struct ss_image_build_options o = SS_IMAGE_BUILD_DEFAULT;
    o.chip_id = 9;
    refused(len, &o, SS_ERROR_NOT_SUPPORTED, "chip id 9: images are built for the ESP32 (0) only");
    o.chip_id = 0;
    o.spi_mode = 6;
    refused(len, &o, SS_ERROR_INVALID_ARGUMENT, "flash mode 6, clock 0, size 0: limits are 5, 15, 15");
    o.spi_mode = 0;
    o.spi_speed = 16;
    refused(len, &o, SS_ERROR_INVALID_ARGUMENT, "flash mode 0, clock 16, size 0: limits are 5, 15, 15");
    o.spi_speed = 0;
    o.spi_size = 16;
    refused(len, &o, SS_ERROR_INVALID_ARGUMENT, "flash mode 0, clock 0, size 16: limits are 5, 15, 15");
    o.spi_size = 0;
    o.secure_pad = SS_SECURE_PAD_V2;
    o.append_hash = false;
    refused(len, &o, SS_ERROR_INVALID_ARGUMENT, "secure padding needs the appended SHA-256");
    o.secure_pad = (enum ss_secure_pad)3;
    refused(len, &o, SS_ERROR_INVALID_ARGUMENT, "secure_pad is 3, limit is 2");
}

static void file_header_is_checked(void **state)
{
    (void)state;
    size_t len = sample_elf(elf, sizeof elf, app, 3);
    refused(51, NULL, SS_ERROR_DATA_INVALID, "not an ELF file");
    elf[1] = 'F';
    refused(len, NULL, SS_ERROR_DATA_INVALID, "not an ELF file");
    elf[1] = 'E';
    elf[4] = 2;
    refused(len, NULL, SS_ERROR_NOT_SUPPORTED, "ELF class 2, byte order 1: only 32-bit (1), little endian (1)");
    elf[4] = 1;
    elf[5] = 2;
    refused(len, NULL, SS_ERROR_NOT_SUPPORTED, "ELF class 1, byte order 2: only 32-bit (1), little endian (1)");
    elf[5] = 1;
    ss_put_le16(elf + 18, 0xF3);
    refused(len, NULL, SS_ERROR_NOT_SUPPORTED, "ELF machine is 243, the ESP32's is 94 (Xtensa)");
    ss_put_le16(elf + 18, 94);
    ss_put_le16(elf + 46, 64);
    refused(len, NULL, SS_ERROR_DATA_INVALID, "section headers of 64 bytes, should be 40");
    ss_put_le16(elf + 46, 40);
    ss_put_le16(elf + 50, 5);
    refused(len, NULL, SS_ERROR_DATA_INVALID, "section names are in section 5 of 5");
    ss_put_le16(elf + 48, 0);
    refused(len, NULL, SS_ERROR_DATA_INVALID, "ELF file has no section headers");
}

static void section_headers_are_checked(void **state)
{
    (void)state;
    char message[128];
    size_t len = sample_elf(elf, sizeof elf, app, 3);
    unsigned table = ss_get_le32(elf + 32);
    snprintf(message, sizeof message, "5 section headers at 0x%x reach beyond the file of %zu bytes", table, len - 1);
    refused(len - 1, NULL, SS_ERROR_DATA_INVALID, message);
    ss_put_le32(elf + 32, 0xFFFFFFFF);
    snprintf(message, sizeof message, "5 section headers at 0xffffffff reach beyond the file of %zu bytes", len);
    refused(len, NULL, SS_ERROR_DATA_INVALID, message);
    ss_put_le32(elf + 32, table);

    uint8_t *second = elf + sample_elf_header(elf, 2), *names = elf + sample_elf_header(elf, 4);
    ss_put_le32(second + 20, (uint32_t)len);
    refused(len, NULL, SS_ERROR_DATA_INVALID, "section 2 at 0x160 reaches beyond the file");
    ss_put_le32(second + 20, 500);
    ss_put_le32(second + 12, 0xFFFFFE10);
    refused(len, NULL, SS_ERROR_DATA_INVALID, "section 2 reaches beyond the address space");
    ss_put_le32(names + 16, 0xFFFFFFF0);
    refused(len, NULL, SS_ERROR_DATA_INVALID, "section names at 0xfffffff0 reach beyond the file");
}

static void layout_is_checked(void **state)
{
    (void)state;
    struct sample_section s[SS_IMAGE_BUILD_MAX_SECTIONS + 1] = {{".bss", 8, 0x3FFB0000, 64, 0}};
    refused(sample_elf(elf, sizeof elf, s, 1), NULL, SS_ERROR_DATA_INVALID, "nothing to load in this ELF file");
    s[0] = (struct sample_section){".flash.text", 1, 0x400D0019, 64, 0};
    refused(sample_elf(elf, sizeof elf, s, 1), NULL, SS_ERROR_DATA_INVALID,
            "mapped segment at 0x400d0019 is not aligned to 4 bytes");
    s[0].address = 0x400D0018;
    s[1] = (struct sample_section){".flash.more", 1, 0x400D8000, 64, 0};
    refused(sample_elf(elf, sizeof elf, s, 2), NULL, SS_ERROR_DATA_INVALID,
            "segments at 0x400d0018 and 0x400d8000 lie in the same 64 KiB of the flash mapping");
    for (unsigned i = 0; i < SS_IMAGE_BUILD_MAX_SECTIONS + 1; i++)
        s[i] = (struct sample_section){".iram", 1, 0x40080000 + 64 * i, 32, 0};
    refused(sample_elf(elf, sizeof elf, s, 17), NULL, SS_ERROR_DATA_INVALID,
            "the image needs more than 16 segments, padding included");
    refused(sample_elf(elf, sizeof elf, s, SS_IMAGE_BUILD_MAX_SECTIONS + 1), NULL, SS_ERROR_NOT_SUPPORTED,
            "more than 128 loadable sections");
}

static void huge_segment(void **state)
{
    (void)state;
    const struct sample_section s[] = {{".flash.rodata", 1, 0x3F400020, 0x1000000, 0}};
    size_t size = 0x1010000, len = 1;
    struct ss_error err = {0};
    uint8_t *big = malloc(size);
    assert_non_null(big);
    size_t elf_len = sample_elf(big, size, s, 1);
    assert_int_equal(ss_image_build(big, elf_len, NULL, NULL, 0, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "segment at 0x3f400020 is 16777216 bytes, limit is 16 MiB");
    free(big);
}

static void elf_hash_does_not_overwrite(void **state)
{
    (void)state;
    size_t elf_len = sample_elf(elf, sizeof elf, app, 3);
    elf[52 + 0x90] = 1;
    refused(elf_len, NULL, SS_ERROR_DATA_INVALID, "the application descriptor already has a SHA-256 of an ELF file");
}

static ss_status_t build_or_nothing(void *context)
{
    size_t out_len = 1;
    struct ss_error err = {0};
    ss_status_t status = ss_image_build(elf, *(size_t *)context, NULL, image, sizeof image, &out_len, &err);
    if (status != SS_OK) {
        assert_int_equal(err.area, SS_AREA_CRYPTO);
        assert_int_equal(out_len, 0);
    }
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    size_t len = sample_elf(elf, sizeof elf, app, 3);
    assert_true(alloc_fault_each(build_or_nothing, &len) > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(elf_hash_is_in_the_descriptor),
        cmocka_unit_test(gap_of_one_header),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(file_header_is_checked),
        cmocka_unit_test(section_headers_are_checked),
        cmocka_unit_test(layout_is_checked),
        cmocka_unit_test(huge_segment),
        cmocka_unit_test(elf_hash_does_not_overwrite),
        cmocka_unit_test(allocation_failures),
    };
    return ss_test_main(argc, argv, tests);
}
