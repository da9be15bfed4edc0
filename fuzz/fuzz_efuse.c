// SPDX-License-Identifier: Apache-2.0
// An eFuse image of 124 bytes, then burns: 5 bytes each, field number (modulo the fields) and value.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/efuse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FIELDS 50

static void must(int condition)
{
    if (!condition)
        abort();
}

static void read_all(const struct ss_efuse *e)
{
    uint8_t bytes[32], mac[6], key[32];
    struct ss_efuse window, twice;
    struct ss_crypt_count count;
    struct ss_error err;
    size_t key_len;
    uint32_t dec;
    const struct ss_efuse_field *f;
    for (size_t i = 0; (f = ss_efuse_field_at(i)); i++) {
        ss_efuse_get_bytes(e, f, bytes);
        must(f->length >= 32 || ss_efuse_get(e, f) >> f->length == 0);
    }
    ss_efuse_crypt_count(e, &count);
    (void)!ss_efuse_get_mac(e, mac, &err);
    (void)!ss_efuse_get_custom_mac(e, mac, &err);
    must(ss_efuse_revision(e, true) < 400);
    ss_efuse_read_window(e, &window, &dec);
    must(dec >> 12 == 0);
    for (unsigned b = 1; b < SS_EFUSE_BLOCKS; b++) {
        const uint32_t *words = e->words + ss_efuse_block_start(b);
        uint32_t coded[8];
        if (ss_efuse_key_from_words(words, ss_efuse_coding(e), key, &key_len, &err) != SS_OK)
            continue;
        must(ss_efuse_key_to_words(key, key_len, ss_efuse_coding(e), coded, &err) == SS_OK);
        must(memcmp(coded, words, sizeof coded) == 0);
    }
    if (ss_efuse_coding(e) != SS_EFUSE_CODING_34) {
        ss_efuse_read_window(&window, &twice, &dec);
        must(ss_efuse_coding(&window) == SS_EFUSE_CODING_34 || memcmp(&window, &twice, sizeof twice) == 0);
    }
}

static void burn(struct ss_efuse *e, const uint8_t *op)
{
    struct ss_efuse before = *e;
    struct ss_error err;
    const struct ss_efuse_field *f = ss_efuse_field_at(op[0] % FIELDS);
    uint32_t value = ss_get_le32(op + 1);
    ss_status_t status = ss_efuse_burn(e, f, value, &err);
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        must((before.words[i] & ~e->words[i]) == 0);
    if (status == SS_OK)
        must(ss_efuse_get(e, f) == value);
    else
        must(memcmp(&before, e, sizeof before) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_efuse e;
    uint8_t again[SS_EFUSE_IMAGE_SIZE];
    if (len < SS_EFUSE_IMAGE_SIZE)
        return 0;
    ss_efuse_from_bytes(data, &e);
    ss_efuse_to_bytes(&e, again);
    must(memcmp(again, data, sizeof again) == 0);
    read_all(&e);
    for (size_t at = SS_EFUSE_IMAGE_SIZE; at + 5 <= len; at += 5)
        burn(&e, data + at);
    read_all(&e);
    return 0;
}
