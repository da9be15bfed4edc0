// SPDX-License-Identifier: Apache-2.0
// Images and ELF files against every small damage of a valid input: no crash, documented statuses
// only, outputs as the headers promise.
#include "support/mend.h"
#include "support/mutate.h"
#include "support/sample_elf.h"
#include "support/sample_image.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/canonical.h"
#include "slotseal/content.h"
#include "slotseal/image.h"
#include "slotseal/image_build.h"

#define IMAGE_STATUSES                                                                                                 \
    (ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_DATA_CORRUPT) | ONE_OF(SS_ERROR_NOT_SUPPORTED) |  \
     ONE_OF(SS_ERROR_INSUFFICIENT_SPACE))

static void check_findings(const struct ss_image *image)
{
    char text[160];
    mutant_assert(image->finding_count <= SS_IMAGE_MAX_FINDINGS);
    mutant_assert(image->boot_findings <= image->finding_count);
    for (unsigned i = 0; i < image->finding_count; i++) {
        const struct ss_image_finding *finding = &image->findings[i];
        memset(text, 'x', sizeof text);
        ss_image_finding_text(image, finding, text, sizeof text);
        mutant_assert(strnlen(text, sizeof text) > 0 && strnlen(text, sizeof text) < sizeof text - 1);
        mutant_assert(ss_image_finding_advice(finding->code) != NULL);
        (void)ss_image_finding_tag(image, finding);
    }
}

static void check_layout(const struct ss_image *image, size_t len)
{
    mutant_assert(image->file_len == len && image->kind != SS_IMAGE_KIND_AUTO);
    mutant_assert(image->segment_count <= SS_IMAGE_MAX_SEGMENTS);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct ss_image_segment *s = &image->segments[i];
        mutant_assert(!image->complete || ss_range_ok(s->offset, s->length, len));
        mutant_assert(ss_segment_kind_name(s->kind) != NULL);
    }
    if (!image->complete)
        return;
    mutant_assert(image->checksum_offset < image->image_len && image->image_len <= image->end && image->end <= len);
    mutant_assert(ss_range_ok(image->signature_offset, image->signature_len, len));
    mutant_assert(image->trailing_len == len - image->end);
}

static void check_edits(const uint8_t *in, size_t len)
{
    static const uint8_t key[SS_VK_SIZE] = {3, 10, 17, 24}, other[SS_VK_SIZE] = {1};
    const struct ss_image_flash_params params = {2, 0, 3};
    struct ss_error err = {0};
    size_t out_len;
    uint32_t offset = 1;
    bool dropped;
    uint8_t *out = malloc(len + 1);
    assert_non_null(out);
    if (len > 0)
        memcpy(out, in, len);
    ss_status_t status = ss_image_set_flash_params(out, len, &params, &err);
    mutant_status("ss_image_set_flash_params", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_DATA_CORRUPT) |
                      ONE_OF(SS_ERROR_NOT_PERMITTED));
    mutant_assert(status == SS_OK || len == 0 || memcmp(out, in, len) == 0);
    status = ss_vk_replace(in, len, key, other, out, len, &out_len, &offset, &dropped, &err);
    mutant_status("ss_vk_replace", status, IMAGE_STATUSES | ONE_OF(SS_ERROR_DOES_NOT_EXIST));
    mutant_assert(status == SS_OK || offset == SS_VK_NONE);
    free(out);
}

static void run_image(const uint8_t *in, size_t len)
{
    static struct ss_image image;
    struct ss_error err = {0};
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE];
    enum ss_content content = ss_content_classify(in, len);
    mutant_assert(ss_content_name(content) != NULL);
    mutant_status("ss_image_describe", ss_image_describe(in, len, NULL, &image, &err), ONE_OF(SS_OK));
    check_layout(&image, len);
    check_findings(&image);
    bool boots = ss_image_first_fatal(&image) == NULL;
    ss_status_t status = ss_image_parse(in, len, NULL, &image, &err);
    mutant_status("ss_image_parse", status, IMAGE_STATUSES);
    mutant_assert(boots == (status == SS_OK));
    mutant_message(status, &err, SS_AREA_IMAGE);
    ss_status_t digested = ss_canonical_digest(in, len, SS_VK_NONE, digest, &err);
    mutant_status("ss_canonical_digest", digested, IMAGE_STATUSES);
    mutant_assert(digested == status);
    mutant_status("ss_canonical_digest with a key",
                  ss_canonical_digest(in, len, SS_IMAGE_HEADER_SIZE + 8, digest, &err),
                  IMAGE_STATUSES | ONE_OF(SS_ERROR_INVALID_ARGUMENT));
    check_edits(in, len);
}

static void app_image(void **state)
{
    (void)state;
    static uint8_t app[SAMPLE_APP_LEN];
    assert_true(mutate(app, sample_app(app, sizeof app), mend_image, run_image) > 20000);
}

static void bootloader_image(void **state)
{
    (void)state;
    static uint8_t bootloader[512];
    assert_true(mutate(bootloader, sample_bootloader(bootloader, sizeof bootloader), mend_image, run_image) > 10000);
}

static void signed_images(void **state)
{
    (void)state;
    static uint8_t image[3 * SS_IMAGE_V2_SECTOR_SIZE];
    size_t len = sample_app(image, sizeof image);
    assert_true(mutate(image, sample_sign_v1(image, len, sizeof image), mend_image, run_image) > 20000);
    len = sample_app(image, sizeof image);
    assert_true(mutate(image, sample_sign_v2(image, len, sizeof image), mend_image, run_image) > 10000);
}

static void run_elf(const uint8_t *in, size_t len)
{
    static uint8_t out[0x30000];
    static struct ss_image image;
    struct ss_error err = {0};
    size_t out_len = 1;
    mutant_assert(ss_content_name(ss_content_classify(in, len)) != NULL);
    ss_status_t status = ss_image_build(in, len, NULL, out, sizeof out, &out_len, &err);
    mutant_status("ss_image_build", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_NOT_SUPPORTED) |
                      ONE_OF(SS_ERROR_BUFFER_TOO_SMALL));
    if (status == SS_ERROR_BUFFER_TOO_SMALL)
        mutant_assert(out_len > sizeof out);
    else if (status != SS_OK)
        mutant_assert(out_len == 0);
    else
        mutant_assert(ss_image_describe(out, out_len, NULL, &image, &err) == SS_OK && image.complete &&
                      image.image_len == out_len && image.checksum_computed == image.checksum_stored &&
                      memcmp(image.hash_computed, image.hash_stored, sizeof image.hash_stored) == 0);
}

static void elf_file(void **state)
{
    (void)state;
    static const struct sample_section sections[] = {
        {".flash.appdesc", 1, 0x3F400020, 260, 1},
        {".flash.text", 1, 0x400D0018, 64, 0},
        {".iram0.text", 1, 0x40080000, 40, 0},
        {".bss", 8, 0x3FFB0000, 64, 0},
    };
    static uint8_t elf[2048];
    assert_true(mutate(elf, sample_elf(elf, sizeof elf, sections, 4), NULL, run_elf) > 10000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(app_image),
        cmocka_unit_test(bootloader_image),
        cmocka_unit_test(signed_images),
        cmocka_unit_test(elf_file),
    };
    return ss_test_main(argc, argv, tests);
}
