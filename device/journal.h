// SPDX-License-Identifier: Apache-2.0
// A small store in flash of its own, for ports that have no NVS or do not want to share it: records with a number from
// 0 to 15, the newest of each counts. Appended to one half of the area until that is full; then what counts is copied
// to the other half, which takes over with its last write. Power may go at any time: a record is there as it was before
// or as it was to become. Each half is erased in turn, once per filling.
//
// Every record has a checksum, and nothing in flash is trusted further than that: whatever lies there, mounting reads
// each byte of one half at most twice and writes nothing. Half a write, bits that do not program and sectors that do
// not erase are found by reading back; where that happens, the other half takes over at once.
//
// What is stored is not secret, but key sets decide whose updates are taken. On a chip with flash encryption, let
// `read` and `write` go through it (ESP-IDF: a partition with the flag `encrypted`): whoever writes to the flash chip
// can then bring back an old state, and make up none.
//
//     half   +--------+--------+-----------------+--------+------------
//            | head   | record | data, to lines  | record | …            lines of 32 bytes; integers little endian
//            +--------+--------+-----------------+--------+------------
//     head   "ssjrnl1\0", u32 generation, u32 CRC-32 of both, 0xFF to the end of the line
//     record u8 0x5A, u8 number, u16 length of data, u32 generation, u32 CRC-32 of these and data, 0xFF …
#ifndef SS_DEVICE_JOURNAL_H
#define SS_DEVICE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/agent_record.h"
#include "slotseal/status.h"

#define SS_JOURNAL_SECTOR 4096u
#define SS_JOURNAL_LINE   32u
#define SS_JOURNAL_IDS    16u

/// The flash. Addresses and lengths are multiples of SS_JOURNAL_LINE, but for erase. Statuses are handed on:
/// SS_ERROR_IO.
struct ss_journal_flash {
    /// As `write` has written it: decrypted, if that encrypts.
    ss_status_t (*read)(void *context, uint32_t address, void *out, size_t len);
    /// As it is: erased flash reads as 0xFF. The same function, if nothing is encrypted.
    ss_status_t (*read_raw)(void *context, uint32_t address, void *out, size_t len);
    /// Programs erased flash, each line once.
    ss_status_t (*write)(void *context, uint32_t address, const void *in, size_t len);
    /// Erases one sector of 4 KiB.
    ss_status_t (*erase)(void *context, uint32_t address);
};

/// Numbers that the agent's storage uses; others are the port's.
enum ss_journal_id {
    SS_JOURNAL_RECORD,    ///< struct ss_agent_record
    SS_JOURNAL_KEY_SET_A, ///< key sets: the newer and the older one of two
    SS_JOURNAL_KEY_SET_B,
    SS_JOURNAL_CA, ///< CA certificates, up to SS_CAS_MAX from here on
    SS_JOURNAL_FREE = 8,
};

/// A mounted journal. Memory of the caller's; all fields are private.
struct ss_journal {
    const struct ss_journal_flash *flash;
    void *context;
    uint32_t address, half;      ///< start of the area, length of a half
    uint32_t generation;         ///< of the half in use
    uint32_t end;                ///< where the next record goes; the length of a half: nowhere
    uint32_t at[SS_JOURNAL_IDS]; ///< offset of each newest record, 0: none
    uint8_t active;              ///< the half in use
};

/// Finds out what is in the @p size bytes of flash at @p address: at least two sectors, in whole pairs. Two sectors
/// hold a record and nothing else of size; with key sets and certificates, eight are right. What is no journal is an
/// empty one. SS_ERROR_INVALID_ARGUMENT for another address or size; statuses of the flash, and nothing is mounted.
SS_MUST_USE ss_status_t ss_journal_mount(struct ss_journal *journal, const struct ss_journal_flash *flash,
                                         void *context, uint32_t address, uint32_t size);

/// The data of record @p id (below SS_JOURNAL_IDS) to @p out, *@p len bytes of it.
/// SS_ERROR_DOES_NOT_EXIST (*@p len is 0); SS_ERROR_BUFFER_TOO_SMALL (*@p len is what is needed); SS_ERROR_DATA_CORRUPT
/// if it does not read as it did when it was mounted or written; statuses of the flash.
SS_MUST_USE ss_status_t ss_journal_get(const struct ss_journal *journal, unsigned id, void *out, size_t size,
                                       size_t *len);

/// Stores @p len bytes as record @p id (below SS_JOURNAL_IDS); 0 bytes: it is removed. What is there already is not
/// written again. SS_OK: it will be there after a reset.
/// SS_ERROR_INSUFFICIENT_SPACE if it does not fit a half together with all others: nothing has changed. SS_ERROR_IO if
/// it does not read back from either half, statuses of the flash: what counted before still does.
SS_MUST_USE ss_status_t ss_journal_put(struct ss_journal *journal, unsigned id, const void *in, size_t len);

/// The agent's record: what ss_agent_port.load and .store do. One that was lost is all zero.
SS_MUST_USE ss_status_t ss_journal_load(const struct ss_journal *journal, struct ss_agent_record *record);
SS_MUST_USE ss_status_t ss_journal_store(struct ss_journal *journal, const struct ss_agent_record *record);

/// Stores a key set, another one than the newest, in place of the older one of two: what ss_agent_port.store_key_set
/// does. Statuses of _put().
SS_MUST_USE ss_status_t ss_journal_put_key_set(struct ss_journal *journal, const uint8_t *key_set, size_t len);
/// The key set that was stored last, or with @p previous the one before it. Statuses of _get().
SS_MUST_USE ss_status_t ss_journal_get_key_set(const struct ss_journal *journal, bool previous, uint8_t *out,
                                               size_t size, size_t *len);

#endif
