// SPDX-License-Identifier: Apache-2.0
// The boot chain against recorded boots of a real mask ROM with real bootloaders and a real app, where they are there
// to test with. A flash is put together as each record says; each piece has to have the hash that is recorded.
#include "support/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip/boot.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/otadata.h"
#include "slotseal/secure_boot_v2.h"
#include "support/vectors.h"

#define MAX_LINES 200
#define PIECE_MAX 0x40000

static struct ss_error err;

struct log {
    char *lines[MAX_LINES];
    unsigned count;
};

static void keep_line(void *context, const char *line)
{
    struct log *log = context;
    assert_true(log->count < MAX_LINES);
    log->lines[log->count++] = strdup(line);
}

static void free_log(struct log *log)
{
    while (log->count)
        free(log->lines[--log->count]);
}

static json_t *load_case(const char *name)
{
    char path[128];
    size_t len;
    snprintf(path, sizeof path, "boot-truth/%s.json", name);
    uint8_t *text = material_read(path, &len);
    if (!text)
        return NULL;
    json_t *json = json_loadb((const char *)text, len, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    assert_non_null(s);
    return s;
}

static bool says(const char *what, const char *word)
{
    return strstr(what, word) != NULL;
}

static void put_record(uint8_t *piece, unsigned copy, uint32_t seq)
{
    struct ss_otadata_record r = {.seq = seq, .state = SS_OTA_UNDEFINED, .crc = ss_otadata_crc(seq)};
    memset(r.label, 0xFF, sizeof r.label);
    ss_otadata_record_write(&r, piece + copy * SS_OTADATA_SECTOR_SIZE);
}

static size_t make_otadata(uint8_t *piece, const char *what)
{
    memset(piece, 0xFF, SS_OTADATA_SIZE);
    if (says(what, "seq2"))
        put_record(piece, 0, 2);
    if (says(what, "3,4")) {
        put_record(piece, 0, 3);
        put_record(piece, 1, 4);
    }
    return SS_OTADATA_SIZE;
}

static size_t read_material(uint8_t *piece, const char *file)
{
    size_t len;
    uint8_t *data = material_read(file, &len);
    assert_non_null(data);
    assert_true(len <= PIECE_MAX);
    memcpy(piece, data, len);
    free(data);
    return len;
}

/// Bootloaders are recorded with "header 4MB" unless their text says "2MB".
static size_t make_bootloader(uint8_t *piece, const char *what)
{
    size_t len = read_material(piece, says(what, "v5.2") ? "firmware/bootloader-idf-v5.2.bin"
                                                         : "firmware/bootloader-idf-v3.2.bin");
    piece[3] = (uint8_t)((piece[3] & 15) | (says(what, "2MB") ? 0x10 : 0x20));
    return len;
}

static void flip(uint8_t *piece, const char *what)
{
    unsigned at, bits;
    const char *byte = strstr(what, "byte 0x");
    if (byte && sscanf(byte, "byte %x ^ %u", &at, &bits) == 2)
        piece[at] ^= (uint8_t)bits;
}

static void seal(uint8_t *piece, size_t *len, const char *what, uint32_t offset)
{
    static struct ss_flash_cipher cipher;
    uint8_t key[64];
    const char *at = strstr(what, "@0x");
    uint32_t address = at ? (uint32_t)strtoul(at + 1, NULL, 16) : offset;
    size_t key_len = read_material(key, "firmware/flash-key.bin"), padded = (*len + 15) / 16 * 16;
    memset(piece + *len, 0xFF, padded - *len);
    *len = padded;
    assert_ok(ss_flash_cipher_init(&cipher, key, key_len, 15, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, address, piece, piece, padded, &err), err);
}

static bool has_hash(const uint8_t *piece, size_t len, const char *hex)
{
    uint8_t digest[32];
    char text[65];
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, piece, len, digest), SS_OK);
    for (unsigned i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return !strcmp(text, hex);
}

/// "label byte changed" does not say how: the one change of the last row's label that has the hash.
static void change_label(uint8_t *piece, size_t len, const char *hex)
{
    uint8_t *label = piece + 4 * 32 + 12;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t old = label[i];
        for (unsigned value = 0; value < 256; value++) {
            label[i] = (uint8_t)value;
            if (has_hash(piece, len, hex))
                return;
        }
        label[i] = old;
    }
    fail_msg("no changed label byte has hash %s", hex);
}

/// The recorded signature was made with a key that is gone: signs anew, and gives the digest for BLOCK2.
static size_t sign_bootloader(uint8_t *piece, size_t len, uint32_t block2[8])
{
    static uint8_t in[PIECE_MAX];
    ss_signing_key_t *key;
    uint8_t digest[32];
    size_t out;
    memcpy(in, piece, len);
    assert_ok(ss_signing_key_generate(SS_KEY_RSA3072, &key, &err), err);
    const struct ss_sbv2_signer signer = {.key = key};
    assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, in, len, piece, PIECE_MAX, &out, &err), err);
    assert_ok(ss_secure_boot_v2_key_digest(key, digest, &err), err);
    ss_signing_key_free(key);
    for (unsigned i = 0; i < 8; i++)
        block2[i] = ss_get_le32(digest + 4 * i);
    return out;
}

static void lay_piece(struct ss_vchip *chip, const json_t *entry)
{
    static uint8_t piece[PIECE_MAX + 16];
    const char *what = text_of(entry, "what"), *hash = text_of(entry, "sha256");
    uint32_t offset = (uint32_t)strtoul(text_of(entry, "offset"), NULL, 16), *block2 = &chip->silicon->words[15];
    bool signed_v2 = says(what, "V2-signed");
    size_t len;
    if (says(what, "otadata"))
        len = make_otadata(piece, what);
    else if (says(what, "table"))
        len = read_material(piece, "firmware/forum-table.bin");
    else if (says(what, "app"))
        len = read_material(piece, "firmware/app-hello-world-v3.3-signed.bin");
    else
        len = make_bootloader(piece, what);
    len = len < 0xC00 || !says(what, "table") ? len : 0xC00;
    // The signed app is recorded without its last bytes behind the 64 KiB page.
    size_t recorded = (size_t)json_integer_value(json_object_get(entry, "length"));
    if (says(what, "app") && len > recorded)
        len = recorded;
    flip(piece, what);
    if (says(what, "label byte changed"))
        change_label(piece, len, hash);
    if (signed_v2) {
        uint32_t own[8];
        len = sign_bootloader(piece, len, own);
        own[0] ^= block2[0] == 0xa29127cb ? 1 : 0; // the record with another digest
        memcpy(block2, own, sizeof own);
    }
    if (says(what, "sealed"))
        seal(piece, &len, what, offset);
    if (!signed_v2 && (len != recorded || !has_hash(piece, len, hash)))
        fail_msg("%s at 0x%x: %zu bytes, not as recorded", what, (unsigned)offset, len);
    memcpy(chip->flash.data + offset, piece, len);
}

static struct ss_vchip *make_chip(const json_t *json)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    const json_t *entry;
    size_t i;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    json_array_foreach(json_object_get(json, "efuse_words"), i, entry) chip->silicon->words[i] =
        (uint32_t)strtoul(json_string_value(entry), NULL, 16);
    json_array_foreach(json_object_get(json, "flash"), i, entry) lay_piece(chip, entry);
    return chip;
}

/// What the app itself says is not the boot chain's, and a strap is the board's.
static bool is_app_line(const char *line)
{
    return says(line, "cpu_start:") || says(line, "heap_init:") || !strcmp(line, "Hello world!");
}

static bool same_line(const char *recorded, const char *ours)
{
    const char *boot = strstr(recorded, ",boot:0x12");
    if (boot)
        return !strncmp(recorded, ours, (size_t)(boot - recorded)) && says(ours, ",boot:0x13 (SPI_FAST_FLASH_BOOT)");
    return !strcmp(recorded, ours);
}

/// The emulator's ROM says nothing about garbage that comes out of decryption, where a chip does.
static void compare_log(const json_t *json, const struct log *log)
{
    const json_t *lines = json_object_get(json, "log"), *line;
    unsigned n = 0;
    size_t i;
    json_array_foreach(lines, i, line)
    {
        const char *recorded = json_string_value(line);
        if (is_app_line(recorded))
            break;
        if (n >= log->count || !same_line(recorded, log->lines[n]))
            fail_msg("%s line %u:\n  recorded: %s\n  ours:     %s", text_of(json, "name"), n, recorded,
                     n < log->count ? log->lines[n] : "(end)");
        n++;
    }
    bool garbage = !strcmp(text_of(json, "name"), "enc-forum-procedure");
    if (!garbage && n != log->count)
        fail_msg("%s line %u: ours goes on: %s", text_of(json, "name"), n, log->lines[n]);
}

static void check_case(const char *name)
{
    json_t *json = load_case(name);
    if (!json)
        skip();
    static struct ss_boot_result result;
    struct log log = {.count = 0};
    struct ss_vchip *chip = make_chip(json);
    const struct ss_boot_options once = {.max_resets = 1};
    assert_ok(ss_chip_boot(chip, NULL, &once, keep_line, &log, &result, &err), err);
    compare_log(json, &log);
    bool boots = json_is_true(json_object_get(json, "boots"));
    assert_int_equal(result.outcome == SS_OUTCOME_APP, boots);
    if (json_is_true(json_object_get(json, "resets")))
        assert_int_equal(result.outcome, SS_OUTCOME_BOOTLOADER);
    if (boots) {
        assert_int_equal(result.address, strtoul(text_of(json, "loaded_from"), NULL, 16));
        assert_true(result.has_app);
        assert_string_equal(result.project, "hello-world");
    }
    free_log(&log);
    ss_chip_free(chip);
    json_decref(json);
}

// One test a record, so that one can be run by its name.
#define RECORD(id, name)                                                                                               \
    static void id(void **state)                                                                                       \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        check_case(name);                                                                                              \
    }
RECORD(cnt3_plain, "cnt3-plain")
RECORD(cnt7_sealed, "cnt7-sealed")
RECORD(enc_app_plain, "enc-app-plain")
RECORD(enc_correct_erased_otadata, "enc-correct-erased-otadata")
RECORD(enc_correct_sealed_otadata, "enc-correct-sealed-otadata")
RECORD(enc_forum_procedure, "enc-forum-procedure")
RECORD(enc_ota1_holds_ota0_ciphertext, "enc-ota1-holds-ota0-ciphertext")
RECORD(enc_table_plain, "enc-table-plain")
RECORD(plain_app_bit_flip, "plain-app-bit-flip")
RECORD(plain_blank_flash, "plain-blank-flash")
RECORD(plain_blank_otadata, "plain-blank-otadata")
RECORD(plain_bootloader_bit_flip, "plain-bootloader-bit-flip")
RECORD(plain_both_slots_empty, "plain-both-slots-empty")
RECORD(plain_header_2mb, "plain-header-2mb")
RECORD(plain_no_table, "plain-no-table")
RECORD(plain_otadata_seq2, "plain-otadata-seq2")
RECORD(plain_otadata_two_valid, "plain-otadata-two-valid")
RECORD(plain_selected_slot_empty, "plain-selected-slot-empty")
RECORD(plain_table_bad_md5, "plain-table-bad-md5")
RECORD(plain_v52_bootloader, "plain-v52-bootloader")
RECORD(sbv2_correct, "sbv2-correct")
RECORD(sbv2_wrong_digest, "sbv2-wrong-digest")

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cnt3_plain),
        cmocka_unit_test(cnt7_sealed),
        cmocka_unit_test(enc_app_plain),
        cmocka_unit_test(enc_correct_erased_otadata),
        cmocka_unit_test(enc_correct_sealed_otadata),
        cmocka_unit_test(enc_forum_procedure),
        cmocka_unit_test(enc_ota1_holds_ota0_ciphertext),
        cmocka_unit_test(enc_table_plain),
        cmocka_unit_test(plain_app_bit_flip),
        cmocka_unit_test(plain_blank_flash),
        cmocka_unit_test(plain_blank_otadata),
        cmocka_unit_test(plain_bootloader_bit_flip),
        cmocka_unit_test(plain_both_slots_empty),
        cmocka_unit_test(plain_header_2mb),
        cmocka_unit_test(plain_no_table),
        cmocka_unit_test(plain_otadata_seq2),
        cmocka_unit_test(plain_otadata_two_valid),
        cmocka_unit_test(plain_selected_slot_empty),
        cmocka_unit_test(plain_table_bad_md5),
        cmocka_unit_test(plain_v52_bootloader),
        cmocka_unit_test(sbv2_correct),
        cmocka_unit_test(sbv2_wrong_digest),
    };
    return ss_test_main(argc, argv, tests);
}
