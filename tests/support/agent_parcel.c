// SPDX-License-Identifier: Apache-2.0
// Apps for the agent's bench, and the updates that are made of them.
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/app_desc.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"
#include "slotseal/secure_boot_v1.h"
#include "support/agent_parts.h"
#include "support/sample_image.h"
#include "support/unit.h"

static struct ss_error err;
const struct parcel_options agent_usual = {.version = 2, .slot = 1, .sequence = 7};
const struct agent_options agent_with_rollback = {.rollback = true};

// An app of one of the versions. No block of 16 bytes is in two versions or twice in one.
size_t agent_make_app(struct device *d, unsigned version, uint32_t secure_version)
{
    uint8_t *out = d->plain;
    uint32_t data = d->options.forum ? 0x14A000 - 0x400 : d->options.full ? 0xD800 : 0x2300;
    const struct sample_segment segments[] = {{0x3F400020, data}, {0x40080400, 0x190}};
    size_t len = sample_image(out, AGENT_IMAGE_MAX, segments, 2, true);
    for (uint32_t at = 0x140; at < data; at += 16) {
        ss_put_le32(out + at, at);
        out[at + 4] = (uint8_t)version;
    }
    memset(out + SS_DESC_OFFSET, 0, SS_APP_DESC_SIZE);
    ss_put_le32(out + SS_DESC_OFFSET, SS_APP_DESC_MAGIC);
    ss_put_le32(out + SS_DESC_OFFSET + 4, secure_version);
    if (d->options.own_key)
        memcpy(out + AGENT_OWN_KEY, sample_public_key(12), SS_VK_SIZE);
    sample_refresh(out, len);
    return len;
}

// Of all devices: making one takes longer than most tests.
const ss_signing_key_t *agent_rsa_key(void)
{
    static ss_signing_key_t *key;
    if (!key)
        assert_ok(ss_signing_key_generate(SS_KEY_RSA3072, &key, &err), err);
    return key;
}

// Signs the app; what there is to write is 16 or 4096 bytes longer at most.
void agent_sign_app(struct device *d, size_t len)
{
    if (d->options.secure_boot == AGENT_V2) {
        const struct ss_sbv2_signer signer = {.key = agent_rsa_key()};
        size_t out_len;
        uint8_t *image = malloc(len);
        assert_non_null(image);
        memcpy(image, d->plain, len);
        assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, image, len, d->plain, AGENT_IMAGE_MAX, &out_len, &err),
                  err);
        free(image);
        return;
    }
    assert_ok(ss_secure_boot_v1_sign(sample_signing_key(12), d->plain, len, d->plain + len, &err), err);
    memset(d->plain + len + SS_SBV1_BLOCK_SIZE, 0xFF, 32);
}

void agent_seal(struct device *d, uint32_t address, const uint8_t *in, uint8_t *out, size_t len)
{
    struct ss_flash_cipher cipher;
    uint8_t key[32];
    size_t key_len;
    const struct ss_efuse *silicon = d->bench->chip->silicon;
    assert_ok(ss_efuse_key_from_words(&silicon->words[ss_efuse_block_start(1)], ss_efuse_coding(silicon), key, &key_len,
                                      &err),
              err);
    assert_ok(ss_flash_cipher_init(&cipher, key, key_len, 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, address, in, out, (len + 31) / 32 * 32, &err), err);
}

static void reference_of(const struct sample_statement *s, uint8_t reference[SS_STATEMENT_DIGEST_SIZE])
{
    struct ss_statement parsed;
    assert_int_equal(ss_statement_parse(s->bytes, s->len, &parsed, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&parsed, reference), SS_OK);
}

static void make_release(struct device *d, const struct parcel_options *o, size_t image_len, struct parcel *p)
{
    uint8_t digest[32];
    uint32_t vk_offset = d->options.own_key ? AGENT_OWN_KEY : SS_VK_NONE;
    struct ss_release release = sample_release();
    assert_ok(ss_canonical_digest(d->plain, image_len, vk_offset, digest, &err), err);
    digest[0] ^= o->other_digest;
    release.digest = digest;
    release.image_len = (uint32_t)image_len;
    release.vk_offset = vk_offset;
    release.table_digest = NULL;
    release.bootloader = 0;
    release.secure_version = o->secure_version ? o->secure_version : 3;
    release.scheme = d->options.secure_boot == AGENT_V2 ? SS_RELEASE_V2 : SS_RELEASE_V1;
    p->len = ss_release_file_len(&release);
    if (o->alter_release)
        o->alter_release(&release);
    sample_sign_release(&release, o->release_key ? o->release_key : 4, &p->release);
}

static void make_delivery(struct device *d, const struct parcel_options *o, struct parcel *p)
{
    static uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
    uint8_t reference[32];
    reference_of(&p->release, reference);
    struct ss_delivery delivery = sample_delivery(reference);
    delivery.slot_address = d->slots[o->slot];
    delivery.slot_size = d->slot_size;
    delivery.sequence = o->sequence;
    delivery.expiry = 0;
    delivery.length = p->len;
    delivery.window = ss_window_size(d->slot_size);
    assert_int_equal(ss_window_digests(p->sealed, p->len, delivery.window, digests, &delivery.windows), SS_OK);
    delivery.digests = digests;
    if (o->alter_delivery)
        o->alter_delivery(&delivery);
    sample_sign_delivery(&delivery, o->delivery_key ? o->delivery_key : 5, &p->delivery);
}

void make_parcel(struct device *d, const struct parcel_options *o, struct parcel *p)
{
    size_t image_len = agent_make_app(d, o->version, o->secure_version ? o->secure_version : 3);
    agent_sign_app(d, image_len);
    make_release(d, o, image_len, p);
    if (o->unsigned_image)
        d->plain[p->len - (d->options.secure_boot == AGENT_V2 ? 3000 : 60)] ^= 1;
    assert_true(d->image_count < AGENT_PARCELS);
    p->sealed = malloc(p->len + 32);
    assert_non_null(p->sealed);
    d->images[d->image_count++] = p->sealed;
    agent_seal(d, o->other_address ? o->other_address : d->slots[o->slot], d->plain, p->sealed, p->len);
    make_delivery(d, o, p);
}
