// SPDX-License-Identifier: Apache-2.0
#include "image_report.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "core/hex.h"
#include "slotseal/chip_info.h"

const char *signature_name(enum ss_image_signature signature)
{
    switch (signature) {
    case SS_IMAGE_SIGNED_V1:
        return "v1";
    case SS_IMAGE_SIGNED_V2:
        return "v2";
    case SS_IMAGE_UNSIGNED:
        break;
    }
    return "none";
}

static const char *kind_name(const struct ss_image *image)
{
    return image->kind == SS_IMAGE_KIND_BOOTLOADER ? "bootloader" : "app";
}

static const char *chip_name(const struct ss_image *image)
{
    const struct ss_chip *chip = ss_chip_find_id(image->header.chip_id);
    return chip ? chip->name : "unknown";
}

static void print_header(const struct ss_image *image)
{
    const struct ss_image_header *h = &image->header;
    const char *mode = ss_image_spi_mode_name(h->spi_mode);

    printf("kind             %s\n", kind_name(image));
    printf("chip             %s (id %u)\n", chip_name(image), h->chip_id);
    printf("chip revision    v%u.%u or later", h->min_chip_rev_full / 100, h->min_chip_rev_full % 100);
    if (h->max_chip_rev_full && h->max_chip_rev_full != 65535)
        printf(", up to v%u.%u", h->max_chip_rev_full / 100, h->max_chip_rev_full % 100);
    printf(" (old form: %u)\n", h->min_chip_rev);
    printf("flash            %s, %u MHz, %u MB\n", mode ? mode : "unknown mode",
           ss_image_flash_mhz(h->chip_id, h->spi_speed), ss_image_flash_size(h->spi_size) >> 20);
    printf("entry            0x%08x\n", h->entry);
}

static void print_segments(const struct ss_image *image)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct ss_image_segment *s = &image->segments[i];
        printf("segment %-2u       at 0x%06x  %8u bytes  load 0x%08x  %s%s\n", i, s->offset, s->length, s->load_addr,
               ss_segment_kind_name(s->kind), s->mapped ? ", mapped" : "");
    }
}

static void print_integrity(const struct ss_image *image)
{
    char stored[2 * SS_IMAGE_HASH_SIZE + 1];

    if (!image->complete) {
        puts("image            cut off");
        return;
    }
    printf("image length     %u bytes\n", image->image_len);
    printf("checksum         0x%02x, %s\n", image->checksum_stored,
           image->checksum_stored == image->checksum_computed ? "good" : "WRONG");
    if (image->has_hash) {
        ss_put_hex(image->hash_stored, SS_IMAGE_HASH_SIZE, stored);
        printf("SHA-256          %s, %s\n", stored,
               memcmp(image->hash_stored, image->hash_computed, SS_IMAGE_HASH_SIZE) ? "WRONG" : "good");
    }
    if (image->signature == SS_IMAGE_UNSIGNED)
        puts("signature        none");
    else
        printf("signature        secure boot %s, %u bytes at 0x%x, not verified here\n",
               image->signature == SS_IMAGE_SIGNED_V1 ? "V1" : "V2", image->signature_len, image->signature_offset);
    printf("secure padding   %s\n", image->secure_padded_v1 ? "for V1" : image->secure_padded_v2 ? "for V2" : "none");
    if (image->trailing_len)
        printf("trailing         %u bytes%s\n", image->trailing_len, image->trailing_erased ? ", all 0xFF" : "");
}

static void print_text(const char *label, const char *text)
{
    char copy[64];
    printf("%-16s %s\n", label, cli_shown(text, copy, sizeof copy));
}

static void print_descriptors(const struct ss_image *image)
{
    if (image->has_app_desc) {
        const struct ss_app_desc *d = &image->app_desc;
        char digest[65];
        ss_put_hex(d->elf_sha256, 32, digest);
        print_text("project", d->project_name);
        print_text("version", d->version);
        printf("secure version   %u\n", d->secure_version);
        print_text("ESP-IDF", d->idf_version);
        print_text("built on", d->date);
        print_text("built at", d->time);
        printf("ELF SHA-256      %s\n", digest);
    }
    if (image->has_bootloader_desc) {
        const struct ss_bootloader_desc *d = &image->bootloader_desc;
        printf("version          %u\nsecure version   %u\n", d->version, d->secure_version);
        print_text("ESP-IDF", d->idf_version);
        print_text("built on", d->date_time);
    }
}

static void print_findings(const struct ss_image *image)
{
    for (unsigned i = 0; i < image->finding_count; i++) {
        const struct ss_image_finding *finding = &image->findings[i];
        const char *tag = ss_image_finding_tag(image, finding);
        char text[192];
        ss_image_finding_text(image, finding, text, sizeof text);
        printf("%s  %s%s%s\n                 %s\n", finding->fatal ? "DOES NOT BOOT  " : "warning        ",
               tag ? tag : "", tag ? ": " : "", text, ss_image_finding_advice(finding->code));
    }
}

void image_print(const struct ss_image *image)
{
    print_header(image);
    print_segments(image);
    print_integrity(image);
    print_descriptors(image);
    print_findings(image);
}

static json_t *json_segments(const struct ss_image *image)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct ss_image_segment *s = &image->segments[i];
        json_array_append_new(array, json_pack("{s:I, s:I, s:I, s:s, s:b}", "load_address", (json_int_t)s->load_addr,
                                               "length", (json_int_t)s->length, "offset", (json_int_t)s->offset, "kind",
                                               ss_segment_kind_name(s->kind), "mapped", s->mapped));
    }
    return array;
}

static json_t *json_findings(const struct ss_image *image)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < image->finding_count; i++) {
        const struct ss_image_finding *finding = &image->findings[i];
        const char *tag = ss_image_finding_tag(image, finding);
        char text[192];
        ss_image_finding_text(image, finding, text, sizeof text);
        json_array_append_new(array, json_pack("{s:b, s:o, s:o, s:s}", "fatal", finding->fatal, "tag",
                                               tag ? json_string(tag) : json_null(), "text", json_text(text), "advice",
                                               ss_image_finding_advice(finding->code)));
    }
    return array;
}

static json_t *json_app_desc(const struct ss_image *image)
{
    const struct ss_app_desc *d = &image->app_desc;
    if (!image->has_app_desc)
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "secure_version", (json_int_t)d->secure_version, "version",
                     json_text(d->version), "project_name", json_text(d->project_name), "time", json_text(d->time),
                     "date", json_text(d->date), "idf_version", json_text(d->idf_version), "elf_sha256",
                     json_hex(d->elf_sha256, 32));
}

static json_t *json_bootloader_desc(const struct ss_image *image)
{
    const struct ss_bootloader_desc *d = &image->bootloader_desc;
    if (!image->has_bootloader_desc)
        return json_null();
    return json_pack("{s:I, s:I, s:o, s:o}", "secure_version", (json_int_t)d->secure_version, "version",
                     (json_int_t)d->version, "idf_version", json_text(d->idf_version), "date_time",
                     json_text(d->date_time));
}

static json_t *json_header(const struct ss_image *image)
{
    const struct ss_image_header *h = &image->header;
    const char *mode = ss_image_spi_mode_name(h->spi_mode);
    return json_pack("{s:i, s:o, s:i, s:I, s:I, s:i, s:i, s:i, s:b}", "segment_count", h->segment_count, "flash_mode",
                     mode ? json_string(mode) : json_null(), "flash_mhz",
                     (int)ss_image_flash_mhz(h->chip_id, h->spi_speed), "flash_size",
                     (json_int_t)ss_image_flash_size(h->spi_size), "entry", (json_int_t)h->entry, "min_chip_rev",
                     h->min_chip_rev, "min_chip_rev_full", h->min_chip_rev_full, "max_chip_rev_full",
                     h->max_chip_rev_full, "hash_appended", h->hash_appended != 0);
}

static json_t *json_integrity(const struct ss_image *image)
{
    if (!image->complete)
        return json_null();
    bool hash_ok = !memcmp(image->hash_stored, image->hash_computed, SS_IMAGE_HASH_SIZE);
    return json_pack("{s:I, s:i, s:b, s:o, s:o}", "image_length", (json_int_t)image->image_len, "checksum",
                     image->checksum_stored, "checksum_ok", image->checksum_stored == image->checksum_computed,
                     "sha256", image->has_hash ? json_hex(image->hash_stored, SS_IMAGE_HASH_SIZE) : json_null(),
                     "sha256_ok", image->has_hash ? json_boolean(hash_ok) : json_null());
}

static json_t *json_signature(const struct ss_image *image)
{
    if (image->signature == SS_IMAGE_UNSIGNED)
        return json_null();
    return json_pack("{s:s, s:I, s:I}", "scheme", signature_name(image->signature), "offset",
                     (json_int_t)image->signature_offset, "length", (json_int_t)image->signature_len);
}

json_t *image_json(const struct ss_image *image, json_t *key_set)
{
    return json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:b, s:o}", "kind",
                     kind_name(image), "chip", chip_name(image), "chip_id", image->header.chip_id, "file_length",
                     (json_int_t)image->file_len, "header", json_header(image), "segments", json_segments(image),
                     "integrity", json_integrity(image), "signature", json_signature(image), "secure_padded",
                     image->secure_padded_v1   ? "v1"
                     : image->secure_padded_v2 ? "v2"
                                               : "none",
                     "trailing_length", (json_int_t)image->trailing_len, "app_descriptor", json_app_desc(image),
                     "bootloader_descriptor", json_bootloader_desc(image), "key_set", key_set, "bootable",
                     ss_image_first_fatal(image) == NULL, "findings", json_findings(image));
}
