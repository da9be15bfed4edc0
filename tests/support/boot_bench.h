// SPDX-License-Identifier: Apache-2.0
// A virtual chip on the bench: images made up for tests in its flash, its UART log kept.
#ifndef SS_TESTS_BOOT_BENCH_H
#define SS_TESTS_BOOT_BENCH_H

#include "chip/boot.h"
#include "slotseal/partition_table.h"
#include "slotseal/signing_key.h"

#define BENCH_TABLE  0x8000u
#define BENCH_OTA    0xD000u
#define BENCH_SLOT_0 0x10000u
#define BENCH_SLOT_1 0x20000u
#define BENCH_SLOT   0x10000u ///< size of a slot

/// The table of a bench: otadata, ota_0 and ota_1 of 64 KiB each. Others in `table` before bench_lay_table().
struct bench {
    struct ss_vchip *chip;
    struct ss_boot_profile profile;
    struct ss_boot_options options;
    struct ss_partition_table *table;
    struct ss_boot_result result;
    char log[64 * 1024]; ///< lines, each with its '\n'
    size_t log_len;
};

/// A chip of 1 MiB of flash and this revision, with the default profile and its table, nothing in flash.
struct bench *bench_new(unsigned revision);
void bench_free(struct bench *b);

/// Lays bootloader, table and an app in slot 0, all in plaintext. Large: with 4 MiB of flash.
struct bench *bench_bootable(unsigned revision);
struct bench *bench_bootable_large(unsigned revision);

/// Writes bytes to the flash array as they are.
void bench_lay(struct bench *b, uint32_t address, const void *data, size_t len);
void bench_lay_table(struct bench *b);
void bench_add_row(struct bench *b, const char *label, uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size);
/// The app of sample_image.h, and the same signed for secure boot V1 with @p key.
void bench_lay_app(struct bench *b, uint32_t address);
void bench_lay_signed_app(struct bench *b, uint32_t address, const ss_signing_key_t *key);
void bench_lay_otadata(struct bench *b, unsigned copy, uint32_t seq, uint32_t state);
/// Encrypts what lies there for the chip's key, as a tool does before the chip encrypts.
void bench_seal(struct bench *b, uint32_t address, size_t len);

/// Sets words of the silicon directly.
void bench_set(struct bench *b, const char *field, uint32_t value);
void bench_set_key(struct bench *b, unsigned block, uint8_t first, bool protect);

/// A key made once for all tests, its public half in the profile.
const ss_signing_key_t *bench_sign_with_v1(struct bench *b);

/// Boots; the status has to be SS_OK.
void bench_boot(struct bench *b);

/// Fails unless the log has this line; times are "(T)". A line may be given without its beginning.
void bench_expect(struct bench *b, const char *line);
void bench_expect_not(struct bench *b, const char *line);
/// Fails unless the first failure of the last cycle has this rule id and reason.
void bench_expect_failure(struct bench *b, const char *rule, const char *reason);

#endif
