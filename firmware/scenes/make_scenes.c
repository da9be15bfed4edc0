// SPDX-License-Identifier: Apache-2.0
// Runs on the build host: make_scenes FILE writes what scenes.h declares, signed with the keys of the tests.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "device/agent.h"
#include "scenes.h"
#include "slotseal/secure_boot_v1.h"
#include "support/sample_image.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#define ROWS 40

static FILE *out;
static struct ss_error err;
static char rows[ROWS][200]; ///< of scene_offers
static unsigned row_count, names;

// -- Writing -----------------------------------------------------------------------------------------------------------

static void put_bytes(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%s%u,", i % 24 ? "" : "\n", p[i]);
}

/// An array without a name to remember; returns its number.
static unsigned put_array(const uint8_t *p, size_t len)
{
    fprintf(out, "static const uint8_t bytes_%u[] = {", names);
    put_bytes(p, len);
    fprintf(out, "};\n");
    return names++;
}

static void put_named(const char *name, const uint8_t *p, size_t len)
{
    unsigned n = put_array(p, len);
    fprintf(out, "const struct scene_bytes %s = {bytes_%u, sizeof bytes_%u};\n", name, n, n);
}

// -- Images and updates --------------------------------------------------------------------------------------------------

/// An app of three sectors, signed; one of its versions. Returns the image's length.
static size_t make_app(unsigned version, uint8_t app[SCENE_IMAGE])
{
    static const struct sample_segment segments[] = {{0x3F400020, 0x2300}, {0x40080400, 0x190}};
    memset(app, 0xFF, SCENE_IMAGE);
    size_t len = sample_image(app, SCENE_IMAGE, segments, 2, true);
    app[0x400] = (uint8_t)version;
    sample_refresh(app, len);
    assert_ok(ss_secure_boot_v1_sign(sample_signing_key(12), app, len, app + len, &err), err);
    return len;
}

struct update {
    unsigned version, slot, release_key, delivery_key;
    struct ss_release release;
    struct ss_delivery delivery;
    uint8_t digest[32], reference[32], digests[SS_WINDOWS_MAX * 32];
    struct sample_statement signed_release, signed_delivery;
    uint8_t sealed[SCENE_IMAGE];
};

static void sign_update(struct update *u)
{
    struct ss_statement parsed;
    sample_sign_release(&u->release, u->release_key, &u->signed_release);
    assert_int_equal(ss_statement_parse(u->signed_release.bytes, u->signed_release.len, &parsed, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&parsed, u->reference), SS_OK);
    sample_sign_delivery(&u->delivery, u->delivery_key, &u->signed_delivery);
}

static void seal(uint8_t *data, uint32_t address)
{
    for (uint32_t i = 0; i < SCENE_IMAGE; i++)
        data[i] ^= scene_pad(address + i);
}

/// @p app is sealed for @p sealed_for; what the statements say is right but for that, until it is changed.
static void make_update(struct update *u, unsigned version, unsigned slot, uint32_t sealed_for)
{
    *u = (struct update){.version = version, .slot = slot, .release_key = 4, .delivery_key = 5};
    size_t len = make_app(version, u->sealed);
    assert_ok(ss_canonical_digest(u->sealed, len, SS_VK_NONE, u->digest, &err), err);
    u->release = sample_release();
    u->release.digest = u->digest;
    u->release.image_len = (uint32_t)len;
    u->release.vk_offset = 0;
    u->release.table_digest = NULL;
    u->release.bootloader = 0;
    u->delivery = sample_delivery(u->reference);
    u->delivery.slot_address = slot ? SCENE_SLOT_1 : SCENE_SLOT_0;
    u->delivery.slot_size = SCENE_SLOT;
    u->delivery.sequence = version;
    u->delivery.expiry = 0;
    u->delivery.length = ss_release_file_len(&u->release);
    u->delivery.window = SCENE_WINDOW;
    u->delivery.digests = u->digests;
    seal(u->sealed, sealed_for);
    assert_int_equal(ss_window_digests(u->sealed, u->delivery.length, SCENE_WINDOW, u->digests, &u->delivery.windows),
                     SS_OK);
    sign_update(u);
}

static void append_base64url(char *text, const struct sample_statement *s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *to = text + strlen(text);
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < s->len; i++) {
        bits = bits << 8 | s->bytes[i];
        for (count += 8; count >= 6; count -= 6)
            *to++ = digits[bits >> (count - 6) & 63];
    }
    if (count)
        *to++ = digits[bits << (6 - count) & 63];
    *to = 0;
}

// docs/device-protocol.md, "An update".
static void put_deployment(const struct update *u)
{
    static char text[8192];
    strcpy(text,
           "{\"id\":\"" SCENE_ACTION "\",\"deployment\":{\"download\":\"forced\",\"update\":\"forced\",\"chunks\":"
           "[{\"part\":\"bApp\",\"version\":\"2\",\"name\":\"sealed \\u0026 signed\",\"metadata\":[{\"key\":"
           "\"slotseal.release\",\"value\":\"");
    append_base64url(text, &u->signed_release);
    strcat(text, "\"},{\"key\":\"slotseal.slot\",\"value\":\"ota_1\"},{\"key\":\"slotseal.delivery\",\"value\":\"");
    append_base64url(text, &u->signed_delivery);
    size_t len = strlen(text);
    snprintf(text + len, sizeof text - len,
             "\"}],\"artifacts\":[{\"filename\":\"2.bin\",\"hashes\":{},\"size\":%u,\"_links\":{\"download\":{\"href\":"
             "\"" SCENE_BASE "/softwaremodules/1/artifacts/2.bin\"}}}]}]}}",
             (unsigned)u->delivery.length);
    put_named("scene_deployment", (const uint8_t *)text, strlen(text));
}

static void put_updates(void)
{
    static struct update u[SCENE_UPDATES];
    unsigned parts[SCENE_UPDATES][3];
    make_update(&u[SCENE_THERE], 2, 1, SCENE_SLOT_1);
    make_update(&u[SCENE_BACK], 3, 0, SCENE_SLOT_0);
    make_update(&u[SCENE_SEALED_WRONG], 2, 1, SCENE_SLOT_0);
    make_update(&u[SCENE_OTHER_IMAGE], 2, 1, SCENE_SLOT_1);
    u[SCENE_OTHER_IMAGE].digest[0] ^= 1;
    sign_update(&u[SCENE_OTHER_IMAGE]);
    make_update(&u[SCENE_UNSIGNED], 2, 1, SCENE_SLOT_1);
    struct update *bad = &u[SCENE_UNSIGNED];
    bad->sealed[bad->release.image_len + 10] ^= 1;
    assert_int_equal(
        ss_window_digests(bad->sealed, bad->delivery.length, SCENE_WINDOW, bad->digests, &bad->delivery.windows),
        SS_OK);
    sign_update(bad);
    make_update(&u[SCENE_OF_NEXT_KEYS], 2, 1, SCENE_SLOT_1);
    u[SCENE_OF_NEXT_KEYS].release_key = 7;
    u[SCENE_OF_NEXT_KEYS].delivery_key = 8;
    u[SCENE_OF_NEXT_KEYS].delivery.epoch = 2;
    sign_update(&u[SCENE_OF_NEXT_KEYS]);
    put_deployment(&u[SCENE_THERE]);
    for (unsigned i = 0; i < SCENE_UPDATES; i++) {
        parts[i][0] = put_array(u[i].signed_release.bytes, u[i].signed_release.len);
        parts[i][1] = put_array(u[i].signed_delivery.bytes, u[i].signed_delivery.len);
        parts[i][2] = put_array(u[i].sealed, u[i].delivery.length);
    }
    fprintf(out, "const struct scene_update scene_updates[] = {\n");
    for (unsigned i = 0; i < SCENE_UPDATES; i++) {
        fprintf(out, "{");
        for (unsigned part = 0; part < 3; part++)
            fprintf(out, "{bytes_%u, sizeof bytes_%u},", parts[i][part], parts[i][part]);
        fprintf(out, "},\n");
    }
    fprintf(out, "};\n");
}

// -- Offers --------------------------------------------------------------------------------------------------------------

static void offer(const char *title, const struct update *u, ss_status_t status, enum ss_reason reason)
{
    unsigned release = put_array(u->signed_release.bytes, u->signed_release.len);
    unsigned delivery = put_array(u->signed_delivery.bytes, u->signed_delivery.len);
    assert_true(row_count < ROWS);
    snprintf(rows[row_count++], sizeof rows[0],
             "{\"%s\", {bytes_%u, sizeof bytes_%u}, {bytes_%u, sizeof bytes_%u}, %d, %d, %d},", title, release, release,
             delivery, delivery, status, status == SS_OK ? SS_CAUSE_NONE : SS_CAUSE_STATEMENT, reason);
}

/// The usual update with @p change done to it by the caller between the two.
static struct update *usual(void)
{
    static struct update u;
    make_update(&u, 2, 1, SCENE_SLOT_1);
    return &u;
}

static void signed_offer(const char *title, struct update *u, ss_status_t status, enum ss_reason reason)
{
    sign_update(u);
    offer(title, u, status, reason);
}

static void offers_by_wrong_hands(void)
{
    struct update *u = usual();
    offer("an update", u, SS_OK, SS_REASON_NONE);
    u->release_key = 9;
    signed_offer("a release by a stranger", u, SS_ERROR_DOES_NOT_EXIST, SS_REASON_SIGNER_UNKNOWN);
    u->release_key = 5;
    signed_offer("a release by the delivery key", u, SS_ERROR_NOT_PERMITTED, SS_REASON_SIGNER_ROLE);
    u = usual();
    u->delivery_key = 4;
    signed_offer("a delivery by the release key", u, SS_ERROR_NOT_PERMITTED, SS_REASON_SIGNER_ROLE);
    u->delivery_key = 1;
    signed_offer("a delivery by a root key", u, SS_ERROR_NOT_PERMITTED, SS_REASON_SIGNER_ROLE);
    u = usual();
    u->signed_release.bytes[u->signed_release.len - 1] ^= 1;
    offer("a bit of the release's signature", u, SS_ERROR_INVALID_SIGNATURE, SS_REASON_SIGNATURE);
    u = usual();
    u->signed_delivery.bytes[u->signed_delivery.len - 40] ^= 0x80;
    offer("a bit of the delivery's signature", u, SS_ERROR_INVALID_SIGNATURE, SS_REASON_SIGNATURE);
}

static void offers_out_of_shape(void)
{
    struct update *u = usual();
    u->signed_release.len--;
    offer("a release cut short", u, SS_ERROR_DATA_INVALID, SS_REASON_TRUNCATED);
    u = usual();
    u->signed_delivery.bytes[u->signed_delivery.len++] = 0;
    offer("a delivery with a byte more", u, SS_ERROR_DATA_INVALID, SS_REASON_TRAILING);
    u = usual();
    u->signed_delivery.len = 0;
    offer("no delivery", u, SS_ERROR_DATA_INVALID, SS_REASON_TRUNCATED);
    u = usual();
    struct sample_statement release = u->signed_release;
    u->signed_release = u->signed_delivery;
    u->signed_delivery = release;
    offer("the two changed places", u, SS_ERROR_DATA_INVALID, SS_REASON_KIND);
}

static void offers_of_wrong_releases(void)
{
    static uint8_t table[32];
    struct update *u = usual();
    u->release.product = ss_span_of("toaster");
    signed_offer("another product", u, SS_ERROR_NOT_PERMITTED, SS_REASON_PRODUCT);
    u = usual();
    u->release.chip = 5;
    signed_offer("another chip", u, SS_ERROR_NOT_PERMITTED, SS_REASON_CHIP);
    u = usual();
    u->release.table_digest = table;
    signed_offer("another partition table", u, SS_ERROR_NOT_PERMITTED, SS_REASON_TABLE);
    u = usual();
    u->release.bootloader = SS_BOOTLOADER_ANTI_ROLLBACK;
    signed_offer("a bootloader with anti-rollback", u, SS_ERROR_NOT_PERMITTED, SS_REASON_BOOTLOADER);
}

static void offers_of_wrong_deliveries(void)
{
    struct update *u = usual();
    u->delivery.device = ss_span_of("240ac4123457");
    signed_offer("another device", u, SS_ERROR_NOT_PERMITTED, SS_REASON_DEVICE);
    u = usual();
    u->delivery.slot_address = SCENE_SLOT_0;
    signed_offer("the slot that runs", u, SS_ERROR_NOT_PERMITTED, SS_REASON_SLOT_ADDRESS);
    u = usual();
    u->delivery.slot_size += 4096;
    signed_offer("a slot of another size", u, SS_ERROR_NOT_PERMITTED, SS_REASON_SLOT_SIZE);
    u = usual();
    u->delivery.epoch = 2;
    signed_offer("another epoch than the key's", u, SS_ERROR_NOT_PERMITTED, SS_REASON_EPOCH_KEY);
    u = usual();
    u->delivery.sequence = SS_SEQUENCE_JUMP_MAX;
    signed_offer("as high a sequence as can be", u, SS_OK, SS_REASON_NONE);
    u->delivery.sequence++;
    signed_offer("a sequence that is one higher", u, SS_ERROR_NOT_PERMITTED, SS_REASON_SEQUENCE_JUMP);
    u = usual();
    u->delivery.length -= 16;
    signed_offer("a ciphertext that is too short", u, SS_ERROR_NOT_PERMITTED, SS_REASON_LENGTH);
    u = usual();
    struct sample_statement delivery = u->signed_delivery;
    u->release.version = ss_span_of("1.4.1");
    sign_update(u);
    u->signed_delivery = delivery;
    offer("the delivery of another release", u, SS_ERROR_NOT_PERMITTED, SS_REASON_RELEASE);
}

static void put_offers(void)
{
    offers_by_wrong_hands();
    offers_out_of_shape();
    offers_of_wrong_releases();
    offers_of_wrong_deliveries();
    fprintf(out, "const struct scene_offer scene_offers[] = {\n");
    for (unsigned i = 0; i < row_count; i++)
        fprintf(out, "%s\n", rows[i]);
    fprintf(out, "};\nconst uint32_t scene_offer_count = %u;\n", row_count);
}

// -- Keys, and what cryptography has to say --------------------------------------------------------------------------------

static void put_keys(void)
{
    struct sample_statement s;
    struct ss_key_set set = sample_key_set();
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &s);
    fprintf(out, "const struct ss_pins scene_pins = {SS_PINS_MAGIC, SS_PINS_CAPACITY, %zu, {", s.len);
    put_bytes(s.bytes, s.len);
    fprintf(out, "}};\nconst uint8_t scene_signing_key[64] = {");
    put_bytes(sample_public_key(12), 64);
    fprintf(out, "};\n");
    // Another release key, another delivery key, and one root key replaced.
    set.version = 2;
    set.roles[SS_ROLE_RELEASE].keys[0] = sample_public_key(7);
    set.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(8);
    set.roles[SS_ROLE_ROOT].keys[0] = sample_public_key(9);
    set.epochs[0] = 2;
    sample_sign_key_set(&set, (const unsigned[]){2, 3, 0}, &s);
    put_named("scene_next_keys", s.bytes, s.len);
    sample_sign_key_set(&set, (const unsigned[]){9, 2, 0}, &s);
    put_named("scene_bad_keys", s.bytes, s.len);
    sample_sign_freshness(0, 3, 5, &s); // of device 240ac4123456
    put_named("scene_freshness", s.bytes, s.len);
}

static unsigned signature_count;

static void put_signature(const struct vector *v)
{
    static const char *const fields[] = {"key", "digest", "signature"};
    const char *expected = vector_text(v, "expect");
    uint8_t bytes[64];
    fprintf(out, "{");
    for (unsigned i = 0; i < 3; i++) {
        fprintf(out, "{");
        put_bytes(bytes, vector_bytes(v, fields[i], bytes, sizeof bytes));
        fprintf(out, "},");
    }
    fprintf(out, "%d},\n",
            strcmp(expected, "ok") == 0             ? SS_OK
            : strcmp(expected, "data invalid") == 0 ? SS_ERROR_DATA_INVALID
                                                    : SS_ERROR_INVALID_SIGNATURE);
    signature_count++;
}

static void put_cryptography(void)
{
    static uint8_t bytes[300];
    uint8_t digest[32];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    fprintf(out, "const struct scene_digest scene_digests[] = {\n");
    for (unsigned len = 0; len <= sizeof bytes; len++) {
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, bytes, len, digest), SS_OK);
        fprintf(out, "{%u, {", len);
        put_bytes(digest, sizeof digest);
        fprintf(out, "}},\n");
    }
    fprintf(out, "};\nconst uint32_t scene_digest_count = %zu;\nconst struct scene_signature scene_signatures[] = {\n",
            sizeof bytes + 1);
    vectors_run("p256.data", put_signature);
    fprintf(out, "};\nconst uint32_t scene_signature_count = %u;\n", signature_count);
}

int main(int argc, char **argv)
{
    uint8_t app[SCENE_IMAGE];
    if (argc != 2 || !(out = fopen(argv[1], "w"))) {
        fputs("usage: make_scenes FILE\n", stderr);
        return 2;
    }
    fprintf(out, "#include \"scenes/scenes.h\"\n");
    put_keys();
    make_app(1, app);
    put_named("scene_app", app, sizeof app);
    put_updates();
    put_offers();
    put_cryptography();
    if (ferror(out) | fclose(out)) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
