// SPDX-License-Identifier: Apache-2.0
#include "seal_report.h"

#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "image_report.h"

ss_status_t seal_digests(struct seal_summary *summary, struct input *plaintext, const uint8_t *sealed,
                         size_t sealed_len, struct ss_error *err)
{
    bool padded = sealed_len > plaintext->len;

    summary->sealed_len = sealed_len;
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, plaintext->data, plaintext->len, summary->plaintext_sha256);
    memcpy(summary->padded_sha256, summary->plaintext_sha256, sizeof summary->padded_sha256);
    if (status == SS_OK && padded)
        status = file_pad(plaintext, sealed_len, err);
    if (status == SS_OK && padded)
        status = ss_hash_once(SS_HASH_SHA256, plaintext->data, plaintext->len, summary->padded_sha256);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA256, sealed, sealed_len, summary->sealed_sha256);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
}

static const char *scheme_name(const struct target *target)
{
    if (target->params.chip->scheme == SS_FLASH_SCHEME_ESP32)
        return "esp32";
    return target->params.key_len == 64 ? "xts-256" : "xts-128";
}

void seal_warnings(const struct target *target, const struct seal_summary *summary)
{
    const struct ss_image *image = &summary->report.image;

    if (target->params.chip->scheme == SS_FLASH_SCHEME_ESP32 && target->params.crypt_config == 0)
        cli_warning("FLASH_CRYPT_CONFIG 0: every line of flash has the same key");
    for (unsigned i = 0; i < image->finding_count; i++) {
        char text[192];
        ss_image_finding_text(image, &image->findings[i], text, sizeof text);
        cli_warning("%s", text);
    }
}

static void print_digest(const char *label, const uint8_t digest[32])
{
    char hex[65];
    ss_put_hex(digest, 32, hex);
    printf("%-18s %s\n", label, hex);
}

void seal_print(const struct target *target, const struct seal_summary *summary)
{
    const struct ss_seal_params *p = &target->params;
    const struct ss_seal_report *r = &summary->report;

    printf("%-18s %s%s%s\n", "content", ss_seal_kind_name(p->kind), p->place ? " for " : "", p->place ? p->place : "");
    printf("%-18s 0x%x\n", "address", p->address);
    if (p->chip->scheme == SS_FLASH_SCHEME_ESP32)
        printf("%-18s %s, %zu-bit key, FLASH_CRYPT_CONFIG 0x%X\n", "scheme", p->chip->title, p->key_len * 8,
               p->crypt_config);
    else
        printf("%-18s %s, AES-%s\n", "scheme", p->chip->title, p->key_len == 64 ? "XTS-256" : "XTS-128");
    if (r->signature == SS_IMAGE_UNSIGNED)
        printf("%-18s none\n", "signature");
    else
        printf("%-18s secure boot %s at 0x%x, %s\n", "signature", signature_name(r->signature), r->signature_offset,
               summary->signed_here ? "made now" : "found, not verified");
    printf("%-18s %zu bytes, %zu with padding", "plaintext", r->plaintext_len, r->padded_len);
    if (p->capacity)
        printf(", of %u", p->capacity);
    printf("\n%-18s %zu bytes\n", "ciphertext", summary->sealed_len);
    print_digest("plaintext SHA-256", summary->plaintext_sha256);
    print_digest("ciphertext SHA-256", summary->sealed_sha256);
}

static json_t *json_signature(const struct seal_summary *summary)
{
    const struct ss_seal_report *r = &summary->report;
    if (r->signature == SS_IMAGE_UNSIGNED)
        return json_null();
    return json_pack("{s:s, s:I, s:b}", "scheme", signature_name(r->signature), "offset",
                     (json_int_t)r->signature_offset, "made_now", summary->signed_here);
}

json_t *seal_json(const struct target *target, const struct seal_summary *summary)
{
    const struct ss_seal_params *p = &target->params;
    const struct ss_seal_report *r = &summary->report;
    bool esp32 = p->chip->scheme == SS_FLASH_SCHEME_ESP32;

    return json_pack("{s:s, s:o, s:I, s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "kind",
                     ss_seal_kind_name(p->kind), "slot", target->slot[0] ? json_text(target->slot) : json_null(),
                     "address", (json_int_t)p->address, "capacity",
                     p->capacity ? json_integer(p->capacity) : json_null(), "chip", p->chip->name, "scheme",
                     scheme_name(target), "crypt_config", esp32 ? json_integer(p->crypt_config) : json_null(),
                     "input_length", (json_int_t)summary->input_len, "plaintext_length", (json_int_t)r->plaintext_len,
                     "padded_length", (json_int_t)r->padded_len, "ciphertext_length", (json_int_t)summary->sealed_len,
                     "signature", json_signature(summary), "plaintext_sha256", json_hex(summary->plaintext_sha256, 32),
                     "padded_sha256", json_hex(summary->padded_sha256, 32), "ciphertext_sha256",
                     json_hex(summary->sealed_sha256, 32));
}
