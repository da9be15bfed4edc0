// SPDX-License-Identifier: Apache-2.0
#include "slotseal/release.h"

#include "core/statement_fields.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"

// A key lies in a segment's data: behind the header and the first segment's header.
#define VK_MIN 32u

enum field {
    PRODUCT = 1,
    CHIP,
    VERSION,
    SECURE_VERSION,
    IMAGE_LEN,
    DIGEST,
    VK_OFFSET,
    SCHEME,
    TABLE_DIGEST,
    BOOTLOADER,
    TIMESTAMP,
};

static void read_fields(struct ss_cbor_reader *r, void *out)
{
    struct ss_release *f = out;
    ss_cbor_need(r, PRODUCT);
    f->product = ss_cbor_name(r, SS_PRODUCT_NAME_MAX);
    ss_cbor_need(r, CHIP);
    f->chip = (uint16_t)ss_cbor_u32(r, 0, UINT16_MAX);
    ss_cbor_need(r, VERSION);
    f->version = ss_cbor_text(r, 1, SS_VERSION_MAX);
    ss_cbor_need(r, SECURE_VERSION);
    f->secure_version = ss_cbor_u32(r, 0, UINT32_MAX);
    ss_cbor_need(r, IMAGE_LEN);
    f->image_len = ss_cbor_multiple(r, 16, SS_RELEASE_IMAGE_MIN, SS_IMAGE_MAX_SIZE);
    ss_cbor_need(r, DIGEST);
    f->digest = ss_cbor_fixed(r, SS_STATEMENT_DIGEST_SIZE);
    if (ss_cbor_has(r, VK_OFFSET))
        f->vk_offset = ss_cbor_u32(r, VK_MIN, f->image_len < VK_MIN + SS_VK_SIZE ? 0 : f->image_len - SS_VK_SIZE);
    ss_cbor_need(r, SCHEME);
    f->scheme = (uint8_t)ss_cbor_u32(r, SS_RELEASE_UNSIGNED, SS_RELEASE_V2);
    if (ss_cbor_has(r, TABLE_DIGEST))
        f->table_digest = ss_cbor_fixed(r, SS_STATEMENT_DIGEST_SIZE);
    ss_cbor_need(r, BOOTLOADER);
    f->bootloader = ss_cbor_u32(r, 0, SS_NEEDS_ALL);
    ss_cbor_need(r, TIMESTAMP);
    f->timestamp = ss_cbor_positive(r);
}

ss_status_t ss_release_parse(const struct ss_statement *statement, struct ss_release *release, struct ss_refusal *why)
{
    static const struct ss_cose_payload payload = {
        .read_fields = read_fields, .size = sizeof(struct ss_release), .kind = SS_STATEMENT_RELEASE};
    return ss_cose_read_payload(statement, release, why, &payload);
}

void ss_release_put(struct ss_cbor_writer *w, const struct ss_release *f)
{
    ss_cbor_put_map(w, 9 + (f->vk_offset != SS_VK_NONE) + (f->table_digest != NULL));
    ss_put_text_field(w, PRODUCT, f->product);
    ss_put_uint_field(w, CHIP, f->chip);
    ss_put_text_field(w, VERSION, f->version);
    ss_put_uint_field(w, SECURE_VERSION, f->secure_version);
    ss_put_uint_field(w, IMAGE_LEN, f->image_len);
    ss_put_bytes_field(w, DIGEST, f->digest, SS_STATEMENT_DIGEST_SIZE);
    if (f->vk_offset != SS_VK_NONE)
        ss_put_uint_field(w, VK_OFFSET, f->vk_offset);
    ss_put_uint_field(w, SCHEME, f->scheme);
    if (f->table_digest)
        ss_put_bytes_field(w, TABLE_DIGEST, f->table_digest, SS_STATEMENT_DIGEST_SIZE);
    ss_put_uint_field(w, BOOTLOADER, f->bootloader);
    ss_put_uint_field(w, TIMESTAMP, f->timestamp);
}

static uint32_t round_up(uint32_t v, uint32_t unit)
{
    return (v + unit - 1) & ~(unit - 1);
}

uint32_t ss_release_file_len(const struct ss_release *release)
{
    // ESP-IDF docs, "Secure Boot" V1 (signature block of 68 bytes) and V2 (signature sector).
    if (release->scheme == SS_RELEASE_V2)
        return round_up(release->image_len, 4096) + 4096;
    return round_up(release->image_len + (release->scheme == SS_RELEASE_V1 ? 68 : 0), 16);
}
