// SPDX-License-Identifier: Apache-2.0
#include "support/boot_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/otadata.h"
#include "slotseal/secure_boot_v1.h"
#include "support/sample_image.h"
#include "support/unit.h"

static struct ss_error err;

void bench_add_row(struct bench *b, const char *label, uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size)
{
    struct ss_partition *row = &b->table->rows[b->table->count++];
    *row = (struct ss_partition){.type = type, .subtype = subtype, .offset = offset, .size = size};
    snprintf(row->label, sizeof row->label, "%s", label);
}

static struct bench *new_sized(unsigned revision, uint32_t flash_size)
{
    static const struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->table = calloc(1, sizeof *b->table);
    assert_non_null(b->table);
    options.flash_size = flash_size;
    options.revision = revision;
    assert_ok(ss_chip_new(&options, &b->chip, &err), err);
    b->profile = profile;
    b->table->md5 = true;
    bench_add_row(b, "otadata", SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, BENCH_OTA, 0x2000);
    bench_add_row(b, "ota_0", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0, BENCH_SLOT_0, BENCH_SLOT);
    bench_add_row(b, "ota_1", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0 + 1, BENCH_SLOT_1, BENCH_SLOT);
    return b;
}

struct bench *bench_new(unsigned revision)
{
    return new_sized(revision, 1u << 20);
}

void bench_free(struct bench *b)
{
    ss_chip_free(b->chip);
    free(b->table);
    free(b);
}

void bench_lay(struct bench *b, uint32_t address, const void *data, size_t len)
{
    assert_true(ss_range_ok(address, len, b->chip->flash.size));
    memcpy(b->chip->flash.data + address, data, len);
}

void bench_lay_table(struct bench *b)
{
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    assert_ok(ss_table_to_binary(b->table, binary, &err), err);
    bench_lay(b, BENCH_TABLE, binary, sizeof binary);
}

void bench_lay_app(struct bench *b, uint32_t address)
{
    uint8_t app[4096];
    size_t len = sample_app(app, sizeof app);
    bench_lay(b, address, app, len);
}

void bench_lay_signed_app(struct bench *b, uint32_t address, const ss_signing_key_t *key)
{
    uint8_t app[4096];
    size_t len = sample_app(app, sizeof app);
    assert_ok(ss_secure_boot_v1_sign(key, app, len, app + len, &err), err);
    bench_lay(b, address, app, len + SS_SBV1_BLOCK_SIZE);
}

static struct bench *bootable(struct bench *b)
{
    uint8_t image[1024];
    size_t len = sample_bootloader(image, sizeof image);
    bench_lay(b, 0x1000, image, len);
    bench_lay_table(b);
    bench_lay_app(b, BENCH_SLOT_0);
    return b;
}

struct bench *bench_bootable(unsigned revision)
{
    return bootable(bench_new(revision));
}

struct bench *bench_bootable_large(unsigned revision)
{
    return bootable(new_sized(revision, 4u << 20));
}

void bench_lay_otadata(struct bench *b, unsigned copy, uint32_t seq, uint32_t state)
{
    struct ss_otadata_record r = {.seq = seq, .state = state, .crc = ss_otadata_crc(seq)};
    uint8_t out[SS_OTADATA_RECORD_SIZE];
    memset(r.label, 0xFF, sizeof r.label);
    ss_otadata_record_write(&r, out);
    bench_lay(b, BENCH_OTA + copy * SS_OTADATA_SECTOR_SIZE, out, sizeof out);
}

void bench_seal(struct bench *b, uint32_t address, size_t len)
{
    struct ss_flash_cipher cipher;
    uint8_t key[32], *p = b->chip->flash.data + address;
    size_t key_len;
    assert_ok(ss_efuse_key_from_words(&b->chip->silicon->words[ss_efuse_block_start(1)],
                                      ss_efuse_coding(b->chip->silicon), key, &key_len, &err),
              err);
    assert_ok(
        ss_flash_cipher_init(&cipher, key, key_len, ss_efuse_get_name(b->chip->silicon, "FLASH_CRYPT_CONFIG"), &err),
        err);
    assert_ok(ss_flash_cipher_seal(&cipher, address, p, p, len, &err), err);
}

void bench_set(struct bench *b, const char *name, uint32_t value)
{
    const struct ss_efuse_field *field = ss_efuse_field_find(name);
    assert_non_null(field);
    assert_ok(ss_efuse_burn(b->chip->silicon, field, ss_efuse_get(b->chip->silicon, field) | value, &err), err);
}

void bench_set_key(struct bench *b, unsigned block, uint8_t first, bool protect)
{
    uint8_t key[32];
    enum ss_efuse_coding coding = ss_efuse_coding(b->chip->silicon);
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(first + i);
    assert_ok(ss_efuse_key_to_words(key, coding == SS_EFUSE_CODING_34 ? 24 : 32, coding,
                                    &b->chip->silicon->words[ss_efuse_block_start(block)], &err),
              err);
    if (protect)
        b->chip->silicon->words[0] |= 1u << (6 + block) | 1u << (15 + block);
}

const ss_signing_key_t *bench_sign_with_v1(struct bench *b)
{
    static ss_signing_key_t *key;
    if (!key)
        assert_ok(ss_signing_key_generate(SS_KEY_P256, &key, &err), err);
    assert_ok(ss_signing_key_raw_public(key, b->profile.public_key, &err), err);
    b->profile.public_key_len = SS_PROFILE_KEY_SIZE;
    b->profile.has_public_key = true;
    b->profile.signed_on_boot = true;
    return key;
}

/// For tests/boot_lines.py, which asks whether every line of the model was seen.
static void record(const char *line)
{
    static FILE *file;
    const char *name = getenv("SS_BOOT_LINES");
    if (name && !file)
        file = fopen(name, "w");
    if (file)
        fprintf(file, "%s\n", line);
}

static void keep_line(void *context, const char *line)
{
    record(line);
    struct bench *b = context;
    size_t len = strlen(line);
    assert_true(b->log_len + len + 2 <= sizeof b->log);
    memcpy(b->log + b->log_len, line, len);
    b->log[b->log_len + len] = '\n';
    b->log[b->log_len += len + 1] = 0;
}

void bench_boot(struct bench *b)
{
    b->log_len = 0;
    b->log[0] = 0;
    assert_ok(ss_chip_boot(b->chip, &b->profile, &b->options, keep_line, b, &b->result, &err), err);
}

static bool in_log(const struct bench *b, const char *line)
{
    char end[512];
    snprintf(end, sizeof end, "%s\n", line);
    return strstr(b->log, end) != NULL;
}

void bench_expect(struct bench *b, const char *line)
{
    if (!in_log(b, line))
        fail_msg("the log does not say \"%s\":\n%s", line, b->log);
}

void bench_expect_not(struct bench *b, const char *line)
{
    if (in_log(b, line))
        fail_msg("the log says \"%s\":\n%s", line, b->log);
}

void bench_expect_failure(struct bench *b, const char *rule, const char *reason)
{
    const struct ss_boot_stage *stage = ss_boot_first_failure(&b->result);
    if (!stage)
        fail_msg("nothing failed:\n%s", b->log);
    assert_string_equal(stage->rule->id, rule);
    assert_string_equal(stage->reason, reason);
}
