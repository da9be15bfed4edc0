// SPDX-License-Identifier: Apache-2.0
// otadata: the two records that tell the bootloader which app slot to start, what the bootloader makes of them, and
// what the app writes to switch slots. All plaintext: with flash encryption on, otadata is encrypted like an app.
//
// Sources: ESP-IDF v4.0.1, components/bootloader_support/include/esp_flash_partitions.h, src/bootloader_common.c,
// src/bootloader_utility.c; components/app_update/esp_ota_ops.c.
#ifndef SLOTSEAL_OTADATA_H
#define SLOTSEAL_OTADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/partition_table.h"
#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_OTADATA_RECORD_SIZE 32u
#define SS_OTADATA_LABEL_SIZE  20u
#define SS_OTADATA_SECTOR_SIZE 0x1000u ///< copy i begins at i * SS_OTADATA_SECTOR_SIZE
#define SS_OTADATA_SIZE        0x2000u ///< smallest size of the partition, and size of the image built here
#define SS_OTADATA_ERASED_SEQ  0xFFFFFFFFu

/// Values of ss_otadata_record.state; any other is possible in flash and treated as "not invalid".
enum ss_ota_state {
    SS_OTA_NEW = 0,            ///< written by an app with rollback; the bootloader makes it pending
    SS_OTA_PENDING_VERIFY = 1, ///< first boot under way; found at the next boot, it is aborted
    SS_OTA_VALID = 2,          ///< confirmed
    SS_OTA_INVALID = 3,        ///< the app declared itself unfit
    SS_OTA_ABORTED = 4,        ///< the app did not confirm itself in time
};
#define SS_OTA_UNDEFINED 0xFFFFFFFFu ///< without rollback

/// One copy.
///
///      0         4                    24       28      32
///     +---------+--------------------+--------+-------+
///     | seq     | label (unused, FF) | state  | crc   |   integers little endian; crc covers seq only
///     +---------+--------------------+--------+-------+
struct ss_otadata_record {
    uint32_t seq; ///< slot = (seq - 1) mod number of OTA app partitions; 0xFFFFFFFF = erased
    uint8_t label[SS_OTADATA_LABEL_SIZE];
    uint32_t state;
    uint32_t crc; ///< ss_otadata_crc(seq)
};

struct ss_otadata {
    struct ss_otadata_record copies[2];
};

/// CRC-32 of a sequence number as stored in a record.
uint32_t ss_otadata_crc(uint32_t seq);

/// Reads both copies from a partition of @p len bytes.
/// SS_ERROR_INSUFFICIENT_SPACE: @p len is below SS_OTADATA_SIZE, with which the bootloader refuses to boot.
/// On error both copies are erased ones.
SS_MUST_USE ss_status_t ss_otadata_from_partition(const uint8_t *in, size_t len, struct ss_otadata *out,
                                                  struct ss_error *err);

/// Reads one record, writes one record.
void ss_otadata_record_read(const uint8_t in[SS_OTADATA_RECORD_SIZE], struct ss_otadata_record *out);
void ss_otadata_record_write(const struct ss_otadata_record *record, uint8_t out[SS_OTADATA_RECORD_SIZE]);

/// The bootloader's "invalid": erased sequence, or state invalid or aborted. Says nothing about the CRC.
bool ss_otadata_record_is_invalid(const struct ss_otadata_record *record);
/// The bootloader's "valid": not invalid, and the CRC matches. A record can be neither.
bool ss_otadata_record_is_valid(const struct ss_otadata_record *record);
/// Index of the valid copy with the greater sequence, copy 0 on a tie; -1 if no copy is valid.
int ss_otadata_active(const struct ss_otadata *otadata);

/// "new", "pending-verify", "valid", "invalid", "aborted", "undefined"; "unknown" for other values.
const char *ss_ota_state_name(uint32_t state);
/// The state called @p name (as above, without "unknown"); false if there is none.
bool ss_ota_state_from_name(const char *name, uint32_t *state);

/// Boot targets beside slot numbers.
#define SS_BOOT_FACTORY (-1)
#define SS_BOOT_TEST    (-2)

/// What the bootloader knows when it chooses.
struct ss_boot_context {
    unsigned slots;        ///< OTA app rows of the table, ss_table_ota_count(); at most 16
    bool has_factory;      ///< the table has a factory app
    bool has_test;         ///< the table has a test app
    bool has_otadata;      ///< the table has an otadata partition
    uint32_t otadata_size; ///< its size, bytes
    bool rollback;         ///< CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    bool anti_rollback;    ///< CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK (implies rollback)
};

/// Fills slots, has_* and otadata_size from a table; rollback options are left as they are.
void ss_boot_context_from_table(const struct ss_partition_table *table, struct ss_boot_context *context);

/// Why the bootloader chose as it did.
enum ss_boot_reason {
    SS_BOOT_NO_OTADATA,            ///< no otadata partition: factory first
    SS_BOOT_OTADATA_TOO_SMALL,     ///< otadata below two sectors: nothing boots, the chip resets for ever
    SS_BOOT_INITIAL_FACTORY,       ///< both copies invalid, or no OTA slots; there is a factory app
    SS_BOOT_INITIAL_OTA_0,         ///< both copies invalid, or no OTA slots; no factory app, so slot 0
    SS_BOOT_INITIAL_ANTI_ROLLBACK, ///< anti-rollback, both copies erased or with a bad CRC: slots upwards from 0
    SS_BOOT_ACTIVE,                ///< the active copy decided
    SS_BOOT_NOISE_FACTORY,         ///< no copy usable, but not blank either (a bad CRC); factory app
    SS_BOOT_NOISE_TRY_ALL,         ///< the same without a factory app: all slots upwards from 0
};

/// The bootloader's decision.
struct ss_boot_choice {
    enum ss_boot_reason reason;
    bool boots;                          ///< false only for SS_BOOT_OTADATA_TOO_SMALL
    int start;                           ///< slot number or SS_BOOT_FACTORY: where it starts looking
    int active;                          ///< copy that decided; -1 if none
    int order[SS_PARTITION_MAX_OTA + 2]; ///< what it tries, in order: slots, SS_BOOT_FACTORY, SS_BOOT_TEST
    size_t order_count;                  ///< 0: "No bootable app partitions in the partition table"
    bool repairs;                        ///< after a *slot* has loaded, it writes copy 0: see ss_boot_repair_record()
    bool raises_secure_version; ///< anti-rollback: the chosen app is confirmed, its secure version goes to eFuse
    struct ss_otadata after;    ///< both copies after what it writes before loading
    bool written[2];            ///< which copies it rewrites before loading
};

/// Plays the bootloader's choice: which copy, which slot, in which order slots are tried when one does not verify, and
/// what is written back. @p otadata is what it reads (decrypted, if encryption is on). Anti-rollback also passes over
/// apps whose secure version is below that of the eFuses, which is for the caller to judge. Slots are taken to be
/// contiguous: ss_table_check() reports tables where they are not.
/// SS_ERROR_INVALID_ARGUMENT: more than 16 slots, or (as the real one would divide by zero) anti-rollback without OTA
/// slots although a copy is active.
SS_MUST_USE ss_status_t ss_otadata_boot_choice(const struct ss_otadata *otadata, const struct ss_boot_context *context,
                                               struct ss_boot_choice *out, struct ss_error *err);

/// The record written to copy 0 when choice.repairs and slot @p slot has loaded: seq = slot + 1, valid.
void ss_boot_repair_record(unsigned slot, struct ss_otadata_record *out);

/// What esp_ota_set_boot_partition() writes.
struct ss_otadata_update {
    bool erase_all; ///< factory: the whole partition is erased and nothing written
    int copy;       ///< sector that is erased and written: 0 or 1; -1 with erase_all
    struct ss_otadata_record record;
};

/// What an app writes to make @p slot (or SS_BOOT_FACTORY) start next: the smallest sequence not below the active one
/// that leads to the slot, into the copy that is not active (copy 0 if none is); state new with @p rollback, else
/// undefined. The unused label bytes of the copy stay as they were read.
/// SS_ERROR_INVALID_ARGUMENT: @p slot is not below @p slots. SS_ERROR_NOT_SUPPORTED: the sequence would not fit below
/// 0xFFFFFFFF.
SS_MUST_USE ss_status_t ss_otadata_next_write(const struct ss_otadata *otadata, int slot, unsigned slots, bool rollback,
                                              struct ss_otadata_update *out, struct ss_error *err);

/// Whether a record with a right CRC leads to @p slot of @p slots. Says nothing about its state.
bool ss_otadata_record_names(const struct ss_otadata_record *record, unsigned slot, unsigned slots);

/// What otadata says of @p slot (of @p slots): the state of the newest record with a right CRC that leads there,
/// SS_OTA_UNDEFINED if none does.
uint32_t ss_otadata_slot_state(const struct ss_otadata *otadata, unsigned slot, unsigned slots);

/// A confirmed record of @p slot (of @p slots): the lowest sequence that leads there and is not below @p from, state valid.
struct ss_otadata_record ss_otadata_confirmed(unsigned slot, unsigned slots, uint32_t from);

/// What an app in slot @p running has to write before it selects another slot, so that taking that one back leads to it
/// again: true and a confirmed record of itself if the active copy names another slot, or none is active. That is so
/// where otadata was erased, which decrypts to noise with flash encryption, and where the slot that it names did not
/// start: the bootloader would then try the other slot again.
bool ss_otadata_settle(const struct ss_otadata *otadata, unsigned running, unsigned slots,
                       struct ss_otadata_update *out);

/// Builds a fresh partition image of SS_OTADATA_SIZE bytes: copy 0 selects @p slot (seq = slot + 1) with @p state, copy
/// 1 is erased. SS_BOOT_FACTORY gives an all-0xFF image, which is what ESP-IDF calls ota_data_initial.bin.
/// SS_ERROR_INVALID_ARGUMENT: @p slot is not below @p slots; @p state would keep it from booting (invalid, aborted).
/// On error @p out is all 0xFF.
SS_MUST_USE ss_status_t ss_otadata_build(int slot, unsigned slots, uint32_t state, uint8_t out[SS_OTADATA_SIZE],
                                         struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
