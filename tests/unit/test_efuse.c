// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/efuse.h"
#include "support/vectors.h"

static struct ss_error err;

static const struct ss_efuse_field *field(const char *name)
{
    const struct ss_efuse_field *f = ss_efuse_field_find(name);
    assert_non_null(f);
    return f;
}

static void burn(struct ss_efuse *e, const char *name, uint32_t value)
{
    assert_ok(ss_efuse_burn(e, field(name), value, &err), err);
}

static void expect_refused(struct ss_efuse *e, const char *name, uint32_t value, ss_status_t status,
                           const char *message)
{
    struct ss_efuse before = *e;
    assert_int_equal(ss_efuse_burn(e, field(name), value, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(err.area, SS_AREA_EFUSE);
    assert_memory_equal(e, &before, sizeof before);
    assert_int_equal(ss_efuse_burn(e, field(name), value, NULL), status);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    const struct ss_efuse_field *f;
    size_t n = 0, last = 0;
    uint8_t used[SS_EFUSE_WORDS * 32] = {0};
    for (; (f = ss_efuse_field_at(n)); n++) {
        size_t start = (ss_efuse_block_start(f->block) + f->word) * 32 + f->bit;
        assert_ptr_equal(ss_efuse_field_find(f->name), f);
        if (f->alias)
            assert_ptr_equal(ss_efuse_field_find(f->alias), f);
        assert_true(strlen(f->description) > 0);
        assert_true(f->word * 32u + f->bit + f->length <= 32 * ss_efuse_block_words(f->block));
        assert_true(start >= last);
        last = start;
        assert_true(f->type != SS_EFUSE_BOOL || f->length == 1);
        assert_true((f->type == SS_EFUSE_BYTES) == (f->length > 32));
        assert_in_range(f->wr_dis + 1, 0, 16);
        assert_in_range(f->rd_dis + 1, 0, 4);
        if (f->block > 0) {
            assert_int_equal(f->wr_dis, 6 + f->block);
            assert_int_equal(f->rd_dis, f->block - 1);
        }
        for (size_t i = 0; i < f->length && f->length < 256; i++)
            assert_int_equal(used[start + i]++, 0);
    }
    assert_int_equal(n, 50);
}

static void fields_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(ss_efuse_field_find("flash_crypt_cnt"), field("FLASH_CRYPT_CNT"));
    assert_ptr_equal(ss_efuse_field_find("ENCRYPT_CONFIG"), field("FLASH_CRYPT_CONFIG"));
    assert_ptr_equal(ss_efuse_field_find("DISABLE_JTAG"), field("JTAG_DISABLE"));
    assert_null(ss_efuse_field_find("FLASH_CRYPT"));
    assert_null(ss_efuse_field_find(""));
    assert_null(ss_efuse_field_at(50));
}

static void blocks_have_their_place(void **state)
{
    (void)state;
    const size_t starts[] = {0, 7, 15, 23}, words[] = {7, 8, 8, 8};
    for (unsigned b = 0; b < 4; b++) {
        assert_int_equal(ss_efuse_block_start(b), starts[b]);
        assert_int_equal(ss_efuse_block_words(b), words[b]);
    }
}

static void image_bytes_are_little_endian_words(void **state)
{
    (void)state;
    uint8_t bytes[SS_EFUSE_IMAGE_SIZE], again[SS_EFUSE_IMAGE_SIZE];
    uint64_t seed = 3;
    struct ss_efuse e;
    test_random_bytes(&seed, bytes, sizeof bytes);
    ss_efuse_from_bytes(bytes, &e);
    assert_int_equal(e.words[0], ss_get_le32(bytes));
    assert_int_equal(e.words[30], ss_get_le32(bytes + 120));
    ss_efuse_to_bytes(&e, again);
    assert_memory_equal(again, bytes, sizeof bytes);
}

// Positions as ESP-IDF's register header has them.
static void fields_lie_where_documented(void **state)
{
    (void)state;
    const struct {
        const char *name;
        size_t word;
        uint32_t value, bits;
    } cases[] = {
        {"WR_DIS", 0, 0x8001, 0x8001},
        {"RD_DIS", 0, 0xF, 0x000F0000},
        {"FLASH_CRYPT_CNT", 0, 0x7F, 0x07F00000},
        {"UART_DOWNLOAD_DIS", 0, 1, 0x08000000},
        {"MAC_CRC", 2, 0xA5, 0x00A50000},
        {"CHIP_VER_REV1", 3, 1, 0x8000},
        {"ADC_VREF", 4, 0x1F, 0x1F00},
        {"CHIP_VER_REV2", 5, 1, 0x00100000},
        {"FLASH_CRYPT_CONFIG", 5, 0xF, 0xF0000000},
        {"CODING_SCHEME", 6, 3, 0x3},
        {"ABS_DONE_0", 6, 1, 0x10},
        {"JTAG_DISABLE", 6, 1, 0x40},
        {"DISABLE_DL_CACHE", 6, 1, 0x200},
        {"ADC2_TP_HIGH", 26, 0x1FF, 0xFF800000},
        {"SECURE_VERSION", 27, 0xFFFFFFFF, 0xFFFFFFFF},
        {"MAC_VERSION", 28, 1, 0x01000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_efuse e = {0}, expected = {0};
        burn(&e, cases[i].name, cases[i].value);
        expected.words[cases[i].word] = cases[i].bits;
        assert_memory_equal(&e, &expected, sizeof e);
        assert_int_equal(ss_efuse_get_name(&e, cases[i].name), cases[i].value);
    }
}

static void burning_only_sets_bits(void **state)
{
    (void)state;
    struct ss_efuse e = {0};
    burn(&e, "FLASH_CRYPT_CNT", 1);
    burn(&e, "FLASH_CRYPT_CNT", 1);
    burn(&e, "FLASH_CRYPT_CNT", 3);
    expect_refused(&e, "FLASH_CRYPT_CNT", 1, SS_ERROR_NOT_PERMITTED,
                   "FLASH_CRYPT_CNT has bits set that cannot be cleared");
    expect_refused(&e, "FLASH_CRYPT_CNT", 0x80, SS_ERROR_INVALID_ARGUMENT,
                   "0x80 does not fit the 7 bits of FLASH_CRYPT_CNT");
    expect_refused(&e, "JTAG_DISABLE", 2, SS_ERROR_INVALID_ARGUMENT, "0x2 does not fit the 1 bits of JTAG_DISABLE");
    expect_refused(&e, "BLOCK1", 1, SS_ERROR_INVALID_ARGUMENT, "BLOCK1 has 256 bits and is no number");
    burn(&e, "FLASH_CRYPT_CNT", 0x7F);
    assert_int_equal(ss_efuse_get_name(&e, "FLASH_CRYPT_CNT"), 0x7F);
}

static void write_protection(void **state)
{
    (void)state;
    struct ss_efuse e = {0};
    burn(&e, "FLASH_CRYPT_CNT", 1);
    burn(&e, "WR_DIS", 1u << 2);
    assert_true(ss_efuse_write_protected(&e, field("UART_DOWNLOAD_DIS")));
    expect_refused(&e, "FLASH_CRYPT_CNT", 3, SS_ERROR_NOT_PERMITTED, "FLASH_CRYPT_CNT is write-protected");
    expect_refused(&e, "UART_DOWNLOAD_DIS", 1, SS_ERROR_NOT_PERMITTED, "UART_DOWNLOAD_DIS is write-protected");
    burn(&e, "FLASH_CRYPT_CNT", 1); // nothing to change
    burn(&e, "DISABLE_SDIO_HOST", 1);
    burn(&e, "WR_DIS", 1u << 2 | 1u << 0);
    expect_refused(&e, "RD_DIS", 1, SS_ERROR_NOT_PERMITTED, "RD_DIS is write-protected");
    burn(&e, "WR_DIS", 1u << 2 | 1u << 1 | 1u << 0);
    expect_refused(&e, "WR_DIS", 0xFFFF, SS_ERROR_NOT_PERMITTED, "WR_DIS is write-protected");
    assert_false(ss_efuse_block_write_protected(&e, 1));
}

static void blocks_are_burned_whole(void **state)
{
    (void)state;
    struct ss_efuse e = {0}, before;
    uint32_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_ok(ss_efuse_burn_block(&e, 2, words, &err), err);
    assert_memory_equal(e.words + 15, words, sizeof words);
    assert_ok(ss_efuse_burn_block(&e, 2, words, &err), err);
    words[0] = 3;
    assert_ok(ss_efuse_burn_block(&e, 2, words, &err), err);
    before = e;
    words[7] = 0;
    assert_int_equal(ss_efuse_burn_block(&e, 2, words, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "BLOCK2 has bits set that cannot be cleared");
    words[7] = 0xFF;
    burn(&e, "WR_DIS", 1u << 8);
    before = e;
    assert_true(ss_efuse_block_write_protected(&e, 2));
    assert_int_equal(ss_efuse_burn_block(&e, 2, words, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "BLOCK2 is write-protected");
    assert_memory_equal(&e, &before, sizeof e);
    assert_int_equal(ss_efuse_burn_block(&e, 0, words, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "BLOCK0 is none of BLOCK1 to BLOCK3");
    assert_int_equal(ss_efuse_burn_block(&e, 4, words, NULL), SS_ERROR_INVALID_ARGUMENT);
}

static void coded_blocks_are_burned_once(void **state)
{
    (void)state;
    struct ss_efuse e = {0};
    uint8_t data[24] = {0};
    uint32_t words[8];
    burn(&e, "CODING_SCHEME", 1);
    expect_refused(&e, "SECURE_VERSION", 1, SS_ERROR_NOT_PERMITTED,
                   "SECURE_VERSION lies in a coded block, which is burned in whole chunks");
    burn(&e, "SECURE_VERSION", 0); // nothing to change
    data[20] = 7;
    ss_efuse_encode_34(data, words);
    assert_ok(ss_efuse_burn_block(&e, 3, words, &err), err);
    data[0] = 1; // another chunk
    ss_efuse_encode_34(data, words);
    assert_ok(ss_efuse_burn_block(&e, 3, words, &err), err);
    data[19] = 0xFF;
    ss_efuse_encode_34(data, words);
    assert_int_equal(ss_efuse_burn_block(&e, 3, words, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "chunk 3 of BLOCK3 is burned, 3/4 coding allows that once");
}

static void read_words(const struct vector *v, uint32_t words[8])
{
    uint8_t bytes[32];
    assert_int_equal(vector_bytes(v, "words", bytes, sizeof bytes), 32);
    for (size_t i = 0; i < 8; i++)
        words[i] = ss_get_be32(bytes + 4 * i);
}

static void key_case(const struct vector *v)
{
    uint8_t key[32], back[32];
    uint32_t words[8], expected[8];
    size_t len = vector_bytes(v, "key", key, sizeof key), back_len;
    enum ss_efuse_coding coding = (enum ss_efuse_coding)vector_number(v, "coding");
    ss_status_t status = ss_efuse_key_to_words(key, len, coding, words, &err);
    if (vector_has(v, "error")) {
        char text[300];
        snprintf(text, sizeof text, "%s: %s", ss_status_name(status), err.message);
        assert_string_equal(text, vector_text(v, "error"));
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(words[i], 0);
        return;
    }
    assert_ok(status, err);
    read_words(v, expected);
    assert_memory_equal(words, expected, sizeof words);
    assert_ok(ss_efuse_key_from_words(words, coding, back, &back_len, &err), err);
    assert_int_equal(back_len, len);
    assert_memory_equal(back, key, len);
}

static void key_vectors(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("efuse_key.data", key_case), 8);
}

static void every_bit_error_of_a_coded_key_shows(void **state)
{
    (void)state;
    uint8_t key[24], out[32];
    uint32_t words[8];
    size_t len;
    uint64_t seed = 11;
    test_random_bytes(&seed, key, sizeof key);
    assert_ok(ss_efuse_key_to_words(key, 24, SS_EFUSE_CODING_34, words, &err), err);
    for (size_t bit = 0; bit < 256; bit++) {
        words[bit / 32] ^= (uint32_t)1 << bit % 32;
        uint8_t data[24];
        assert_int_equal(ss_efuse_decode_34(words, data), 1u << bit / 64);
        assert_int_equal(ss_efuse_key_from_words(words, SS_EFUSE_CODING_34, out, &len, &err), SS_ERROR_DATA_CORRUPT);
        assert_int_equal(len, 0);
        assert_true(ss_all_bytes(out, sizeof out, 0));
        words[bit / 32] ^= (uint32_t)1 << bit % 32;
    }
    assert_string_equal(err.message, "3/4 check bytes disagree, chunks 0x8");
    assert_int_equal(ss_efuse_key_from_words(words, SS_EFUSE_CODING_REPEAT, out, &len, NULL), SS_ERROR_NOT_SUPPORTED);
}

static void short_keys_are_extended(void **state)
{
    (void)state;
    uint8_t key[24], out[32];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    static const uint8_t tail[8] = {8, 9, 10, 11, 12, 13, 14, 15};
    ss_efuse_extend_192(key, out);
    assert_memory_equal(out, key, 24);
    assert_memory_equal(out + 24, tail, 8);
}

// The MAC of the chip whose eFuses read 0x00c40a24, 0x00fe1001: 10:01:00:c4:0a:24 with CRC 0xfe.
static void factory_mac(void **state)
{
    (void)state;
    static const uint8_t mac[6] = {0x10, 0x01, 0x00, 0xC4, 0x0A, 0x24};
    struct ss_efuse e = {0};
    uint8_t read[6];
    assert_int_equal(ss_efuse_mac_crc(mac), 0xFE);
    assert_ok(ss_efuse_burn_mac(&e, mac, &err), err);
    assert_int_equal(e.words[1], 0x00C40A24);
    assert_int_equal(e.words[2], 0x00FE1001);
    assert_ok(ss_efuse_get_mac(&e, read, &err), err);
    assert_memory_equal(read, mac, 6);
    e.words[1] ^= 1;
    assert_int_equal(ss_efuse_get_mac(&e, read, &err), SS_ERROR_DATA_CORRUPT);
    assert_int_equal(read[5], 0x25);
    assert_true(strncmp(err.message, "MAC_CRC is 0xfe, the address has 0x", 35) == 0);
}

static void factory_mac_is_burned_once(void **state)
{
    (void)state;
    static const uint8_t first[6] = {0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, second[6] = {0x02, 0, 0, 0, 0, 0};
    struct ss_efuse e = {0}, before;
    assert_ok(ss_efuse_burn_mac(&e, first, &err), err);
    before = e;
    assert_int_equal(ss_efuse_burn_mac(&e, second, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "MAC has bits set that cannot be cleared");
    assert_memory_equal(&e, &before, sizeof e);
    // The address would fit, its CRC not.
    e = (struct ss_efuse){0};
    e.words[2] = 0x00FF0000;
    before = e;
    assert_int_equal(ss_efuse_burn_mac(&e, second, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "MAC_CRC has bits set that cannot be cleared");
    assert_memory_equal(&e, &before, sizeof e);
}

static void custom_mac(void **state)
{
    (void)state;
    static const uint8_t mac[6] = {0xAA, 0xCD, 0xEF, 0x01, 0x02, 0x03};
    uint8_t read[6];
    struct ss_efuse e = {0};
    assert_int_equal(ss_efuse_get_custom_mac(&e, read, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "no custom address: MAC_VERSION is 0 and not 1");
    burn(&e, "MAC_VERSION", 1);
    burn(&e, "CUSTOM_MAC_CRC", ss_efuse_mac_crc(mac));
    e.words[23] |= 0xEFCDAA00;
    e.words[24] = 0x00030201;
    assert_ok(ss_efuse_get_custom_mac(&e, read, &err), err);
    assert_memory_equal(read, mac, 6);
    e.words[24] ^= 0x10000;
    assert_int_equal(ss_efuse_get_custom_mac(&e, read, &err), SS_ERROR_DATA_CORRUPT);
}

static void revisions(void **state)
{
    (void)state;
    const struct {
        uint32_t rev1, rev2, minor;
        bool apb;
        unsigned revision;
    } cases[] = {
        {0, 0, 0, false, 0}, {1, 0, 0, false, 100}, {1, 1, 0, false, 200}, {1, 1, 0, true, 300},  {1, 1, 1, true, 301},
        {0, 1, 0, false, 0}, {1, 0, 0, true, 0},    {0, 0, 2, true, 2},    {1, 0, 3, false, 103},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_efuse e = {0};
        burn(&e, "CHIP_VER_REV1", cases[i].rev1);
        burn(&e, "CHIP_VER_REV2", cases[i].rev2);
        burn(&e, "WAFER_VERSION_MINOR", cases[i].minor);
        assert_int_equal(ss_efuse_revision(&e, cases[i].apb), cases[i].revision);
    }
}

static void crypt_counts(void **state)
{
    (void)state;
    const struct {
        uint32_t value;
        bool enabled;
        unsigned left;
        uint8_t next;
    } cases[] = {
        {0x00, false, 3, 0x01}, {0x01, true, 3, 0x03},  {0x03, false, 2, 0x07}, {0x07, true, 2, 0x0F},
        {0x0F, false, 1, 0x1F}, {0x1F, true, 1, 0x3F},  {0x3F, false, 0, 0x7F}, {0x7F, true, 0, 0x7F},
        {0x40, true, 3, 0x41},  {0x41, false, 2, 0x43}, {0x05, false, 2, 0x07},
    };
    struct ss_crypt_count c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_efuse e = {0};
        burn(&e, "FLASH_CRYPT_CNT", cases[i].value);
        ss_efuse_crypt_count(&e, &c);
        assert_int_equal(c.value, cases[i].value);
        assert_int_equal(c.enabled, cases[i].enabled);
        assert_int_equal(c.plaintext_flashes, cases[i].left);
        assert_int_equal(c.next, cases[i].next);
        assert_false(c.write_protected);
        burn(&e, "WR_DIS", 4);
        ss_efuse_crypt_count(&e, &c);
        assert_true(c.write_protected);
        assert_int_equal(c.enabled, cases[i].enabled);
        assert_int_equal(c.plaintext_flashes, 0);
    }
}

static void read_window_hides_what_is_protected(void **state)
{
    (void)state;
    for (unsigned rd = 0; rd < 16; rd++) {
        struct ss_efuse silicon, window;
        uint32_t dec = 0xFFFF;
        memset(&silicon, 0xFF, sizeof silicon); // CODING_SCHEME 3 is none
        silicon.words[0] = rd << 16;
        ss_efuse_read_window(&silicon, &window, &dec);
        assert_int_equal(dec, 0);
        for (unsigned b = 1; b < 4; b++) {
            assert_int_equal(ss_efuse_block_read_protected(&silicon, b), rd >> (b - 1) & 1);
            for (size_t i = 0; i < 8; i++)
                assert_int_equal(window.words[ss_efuse_block_start(b) + i], rd >> (b - 1) & 1 ? 0 : 0xFFFFFFFF);
        }
        bool hidden = rd & 8;
        assert_int_equal(ss_efuse_read_protected(&silicon, field("FLASH_CRYPT_CONFIG")), hidden);
        assert_int_equal(window.words[0], silicon.words[0]);
        assert_int_equal(window.words[3], hidden ? 0xFFFFBFFF : 0xFFFFFFFF);
        assert_int_equal(window.words[5], hidden ? 0x0FFFFFFF : 0xFFFFFFFF);
        assert_int_equal(window.words[6], hidden ? 0xFFFFFBFC : 0xFFFFFFFF);
        assert_int_equal(window.words[4], 0xFFFFFFFF);
    }
}

static void read_window_decodes(void **state)
{
    (void)state;
    struct ss_efuse silicon = {0}, window;
    uint8_t key[24], data[24];
    uint32_t words[8], dec;
    uint64_t seed = 5;
    test_random_bytes(&seed, key, sizeof key);
    burn(&silicon, "CODING_SCHEME", 1);
    assert_ok(ss_efuse_key_to_words(key, 24, ss_efuse_coding(&silicon), words, &err), err);
    assert_ok(ss_efuse_burn_block(&silicon, 1, words, &err), err);
    ss_efuse_read_window(&silicon, &window, &dec);
    assert_int_equal(dec, 0);
    for (size_t i = 0; i < 6; i++)
        ss_put_le32(data + 4 * i, window.words[7 + i]);
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(data[i], key[23 - i]);
    assert_int_equal(window.words[13], 0);
    assert_int_equal(window.words[14], 0);
    silicon.words[7] ^= 1;     // BLOCK1, chunk 0
    silicon.words[15 + 7] = 1; // BLOCK2, chunk 3
    silicon.words[23 + 2] = 1; // BLOCK3, chunk 1
    ss_efuse_read_window(&silicon, &window, &dec);
    assert_int_equal(dec, 0x281);
    // Hiding the coding scheme does not change how blocks are decoded.
    burn(&silicon, "RD_DIS", 8 | 1);
    ss_efuse_read_window(&silicon, &window, NULL);
    assert_int_equal(window.words[7], 0);
    assert_int_equal(ss_efuse_get_name(&window, "CODING_SCHEME"), 0);
    assert_int_equal(window.words[23 + 1], 0x00010000);
}

// A device as the host-encrypted way of provisioning leaves it.
static void a_provisioned_chip(void **state)
{
    (void)state;
    struct ss_efuse e = {0};
    uint8_t key[32], back[32];
    uint32_t words[8];
    size_t len;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    assert_ok(ss_efuse_key_to_words(key, 32, ss_efuse_coding(&e), words, &err), err);
    assert_ok(ss_efuse_burn_block(&e, 1, words, &err), err);
    burn(&e, "WR_DIS", 1u << 7);
    burn(&e, "RD_DIS", 1);
    burn(&e, "FLASH_CRYPT_CONFIG", 0xF);
    burn(&e, "FLASH_CRYPT_CNT", 1);
    assert_int_equal(e.words[0], 0x00110080);
    assert_int_equal(e.words[5], 0xF0000000);
    assert_int_equal(e.words[7], 0x1C1D1E1F);
    struct ss_efuse window;
    ss_efuse_read_window(&e, &window, NULL);
    assert_int_equal(window.words[7], 0);
    uint8_t bytes[32];
    ss_efuse_get_bytes(&window, field("BLOCK1"), bytes);
    assert_true(ss_all_bytes(bytes, sizeof bytes, 0));
    ss_efuse_get_bytes(&e, field("BLOCK1"), bytes);
    assert_int_equal(bytes[0], 31);
    assert_int_equal(ss_efuse_get(&e, field("BLOCK1")), 0x1C1D1E1F);
    assert_ok(ss_efuse_key_from_words(e.words + ss_efuse_block_start(1), ss_efuse_coding(&e), back, &len, &err), err);
    assert_memory_equal(back, key, 32);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(fields_by_name),
        cmocka_unit_test(blocks_have_their_place),
        cmocka_unit_test(image_bytes_are_little_endian_words),
        cmocka_unit_test(fields_lie_where_documented),
        cmocka_unit_test(burning_only_sets_bits),
        cmocka_unit_test(write_protection),
        cmocka_unit_test(blocks_are_burned_whole),
        cmocka_unit_test(coded_blocks_are_burned_once),
        cmocka_unit_test(key_vectors),
        cmocka_unit_test(every_bit_error_of_a_coded_key_shows),
        cmocka_unit_test(short_keys_are_extended),
        cmocka_unit_test(factory_mac),
        cmocka_unit_test(factory_mac_is_burned_once),
        cmocka_unit_test(custom_mac),
        cmocka_unit_test(revisions),
        cmocka_unit_test(crypt_counts),
        cmocka_unit_test(read_window_hides_what_is_protected),
        cmocka_unit_test(read_window_decodes),
        cmocka_unit_test(a_provisioned_chip),
    };
    return ss_test_main(argc, argv, tests);
}
