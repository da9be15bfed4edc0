// SPDX-License-Identifier: Apache-2.0
// Partition tables: CSV text, the binary form that bootloader and app read, checks and look-ups.
//
// Sources: ESP-IDF, docs/en/api-guides/partition-tables.rst, components/partition_table/gen_esp32part.py ("the
// generator"), components/bootloader_support/include/esp_flash_partitions.h and src/flash_partitions.c.
//
// Everything is allocated by the caller; a table takes about 4 KiB.
#ifndef SLOTSEAL_PARTITION_TABLE_H
#define SLOTSEAL_PARTITION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/chip_info.h"
#include "slotseal/error.h"
#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_TABLE_ROW_SIZE        32u
#define SS_TABLE_MAX_ROWS        95u     ///< without an MD5 row; 94 with one
#define SS_TABLE_BINARY_SIZE     0xC00u  ///< bytes: rows, MD5 row, 0xFF fill
#define SS_TABLE_SECTOR_SIZE     0x1000u ///< flash the table occupies: nothing else may lie there
#define SS_TABLE_SIGNATURE_SIZE  68u     ///< secure boot V1 signature, at SS_TABLE_BINARY_SIZE if there is one
#define SS_PARTITION_LABEL_SIZE  16u     ///< bytes; a label of 16 bytes has no terminator in flash
#define SS_PARTITION_ENCRYPTED   (1u << 0)
#define SS_PARTITION_READONLY    (1u << 1) ///< ESP-IDF v5.2
#define SS_PARTITION_MAX_OTA     16u       ///< app slots ota_0 … ota_15
#define SS_PARTITION_ANY_SUBTYPE (-1)

/// Partition types.
enum ss_partition_type {
    SS_PARTITION_APP = 0x00,
    SS_PARTITION_DATA = 0x01,
    SS_PARTITION_BOOTLOADER = 0x02, ///< ESP-IDF v5.4
    SS_PARTITION_TABLE = 0x03,      ///< ESP-IDF v5.4
};

/// Partition subtypes that this library itself asks for.
enum ss_partition_subtype {
    SS_PARTITION_APP_FACTORY = 0x00,
    SS_PARTITION_APP_OTA_0 = 0x10, ///< ota_n is 0x10 + n, n < 16
    SS_PARTITION_APP_TEST = 0x20,
    SS_PARTITION_DATA_OTA = 0x00, ///< otadata
    SS_PARTITION_DATA_PHY = 0x01,
    SS_PARTITION_DATA_NVS = 0x02,
    SS_PARTITION_DATA_COREDUMP = 0x03,
    SS_PARTITION_DATA_NVS_KEYS = 0x04,
    SS_PARTITION_DATA_TEE_OTA = 0x90,
};

/// One row.
///
///      0     2      3         4          8        12                28        32
///     +-----+------+---------+----------+--------+-----------------+---------+
///     |AA 50| type | subtype | offset   | size   | label           | flags   |   integers little endian
///     +-----+------+---------+----------+--------+-----------------+---------+
struct ss_partition {
    char label[SS_PARTITION_LABEL_SIZE + 1]; ///< always terminated here; bytes as given, not necessarily UTF-8
    bool label_cut;                          ///< the CSV had a longer label, cut to 16 bytes as the generator does
    uint8_t type;
    uint8_t subtype;
    uint32_t offset; ///< flash address, bytes
    uint32_t size;   ///< bytes
    uint32_t flags;  ///< SS_PARTITION_ENCRYPTED, SS_PARTITION_READONLY; unknown bits are kept
    unsigned line;   ///< line of the CSV, from 1; 0 if the row came from a binary
};

struct ss_partition_table {
    struct ss_partition rows[SS_TABLE_MAX_ROWS]; ///< in the table's order
    size_t count;                                ///< rows in use
    bool md5;                                    ///< an MD5 row was found, or is to be written; true after parsing CSV
    bool v1_signature; ///< the binary was followed by something with the shape of a secure boot V1 signature
};

/// Whose rules to follow: those of the generator in the named ESP-IDF release and up to the next one listed.
/// v4.0.1 is the default; later releases add keywords and refuse more.
enum ss_table_rules {
    SS_TABLE_RULES_4_0, ///< blank subtype is 0, data may start at any multiple of 4
    SS_TABLE_RULES_4_1, ///< blank app subtype refused, other blank subtypes are "undefined" (0x06)
    SS_TABLE_RULES_4_3, ///< secure boot V2: app sizes in 4 KiB
    SS_TABLE_RULES_4_4, ///< a single otadata of exactly 0x2000; warns of data not on 4 KiB
    SS_TABLE_RULES_5_0, ///< data must start on 4 KiB; littlefs
    SS_TABLE_RULES_5_2, ///< flag readonly
    SS_TABLE_RULES_5_3, ///< app sizes always a multiple of 4 KiB
    SS_TABLE_RULES_5_4, ///< types bootloader and partition_table
    SS_TABLE_RULES_5_5, ///< recovery bootloader, TEE subtypes; nvs below 0x3000 must be readonly
};

/// Which secure boot the app partitions must suit (the generator's --secure).
enum ss_table_secure {
    SS_TABLE_SECURE_NONE,
    SS_TABLE_SECURE_V1, ///< app sizes in 64 KiB: the padded image fills whole MMU pages
    SS_TABLE_SECURE_V2, ///< app sizes in 4 KiB from ESP-IDF v4.3, 64 KiB before
};

/// Value of environment variable @p name (not terminated, @p name_len bytes), or NULL if it is not set. The result
/// must stay valid until the next call.
typedef const char *(*ss_table_getenv_fn)(void *context, const char *name, size_t name_len);

/// All zero is a sensible default; NULL stands for all zero.
struct ss_table_options {
    enum ss_table_rules rules;    ///< default: v4.0
    uint32_t table_address;       ///< flash address of the table; 0: the chip's default, 0x8000
    uint32_t flash_size;          ///< bytes; 0: not checked
    enum ss_table_secure secure;  ///< default: none
    const struct ss_chip *chip;   ///< NULL: ESP32
    uint32_t recovery_bootloader; ///< flash address of a recovery bootloader (rules v5.5); 0: none
    ss_table_getenv_fn getenv_fn; ///< for $NAME and ${NAME} in CSV; NULL: no variable is known
    void *getenv_context;
};

/// The rules that ESP-IDF @p version follows: "4.0", "v4.0.1", "5.1" (as 5.0), "6.1" (as 5.5). False if @p version is
/// not a version number, or older than 4.0.
bool ss_table_rules_from_version(const char *version, enum ss_table_rules *rules);

/// "4.0" … "5.5".
const char *ss_table_rules_name(enum ss_table_rules rules);

/// Parses CSV text of @p len bytes (UTF-8, need not be terminated). Fills blank offsets and sizes given as negative end
/// addresses, so that all rows are complete; order and overlap are refused as the generator does while it fills them.
/// Other checks: ss_table_check().
///
/// Rules, as the generator's: columns name, type, subtype, offset, size, flags; further ones are ignored; `#` starts a
/// comment line; integers are decimal, 0x, 0o or 0b with optional K or M suffix; keywords in any case; flags separated
/// by colons. $NAME and ${NAME} are expanded first. Stricter than the generator: an unset variable is an error wherever
/// it stands (not only at the start of a line), a label may not hold control characters, numbers have to fit.
///
/// Messages begin with "line L, column C: " where L and C count from 1 in @p csv as given (columns in bytes; inside an
/// expanded variable C is that of its `$`).
///
/// SS_ERROR_DATA_INVALID: a rule is broken. SS_ERROR_DOES_NOT_EXIST: an environment variable is not set.
/// SS_ERROR_INSUFFICIENT_SPACE: more than SS_TABLE_MAX_ROWS rows, or a row of more than 1,023 bytes.
/// On error @p table is empty.
SS_MUST_USE ss_status_t ss_table_from_csv(const char *csv, size_t len, const struct ss_table_options *options,
                                          struct ss_partition_table *table, struct ss_error *err);

/// Reads a binary table of @p len bytes, as found in flash or in a file: at most the first 0xC00 bytes are read as
/// rows, the 68 after them only to see whether there is a V1 signature. The MD5 row is checked where there is one. An
/// erased table (all 0xFF) has no rows and is no error here, as in the v4.0.1 bootloader; ss_table_check() reports it.
/// Messages name the row as the bootloader numbers it, from 0.
///
/// SS_ERROR_DATA_INVALID: wrong magic, rows after the MD5 row or two of them, no terminating row, @p len below 32.
/// SS_ERROR_DATA_CORRUPT: the MD5 disagrees. A failure of the MD5 provider is passed on.
/// On error @p table is empty.
SS_MUST_USE ss_status_t ss_table_from_binary(const uint8_t *in, size_t len, struct ss_partition_table *table,
                                             struct ss_error *err);

/// True if @p in begins like a binary table (a row, an MD5 row or erased flash) rather than like text.
bool ss_table_is_binary(const uint8_t *in, size_t len);

/// Writes rows, the MD5 row if table->md5, and 0xFF up to SS_TABLE_BINARY_SIZE. Runs no checks.
/// SS_ERROR_INSUFFICIENT_SPACE: too many rows (94 with MD5, 95 without). A failure of the MD5 provider is passed on.
/// On error @p out is all 0xFF.
SS_MUST_USE ss_status_t ss_table_to_binary(const struct ss_partition_table *table, uint8_t out[SS_TABLE_BINARY_SIZE],
                                           struct ss_error *err);

/// Writes the table as CSV text in the generator's format, with the keywords known to @p rules; terminated, @p len
/// excludes the terminator. 8 KiB hold any table.
/// SS_ERROR_BUFFER_TOO_SMALL: @p len is the length needed, without the terminator.
/// SS_ERROR_DATA_INVALID: a label cannot stand in CSV (comma, `$`, control character, `#` first, blank at an end).
SS_MUST_USE ss_status_t ss_table_to_csv(const struct ss_partition_table *table, enum ss_table_rules rules, char *out,
                                        size_t size, size_t *len, struct ss_error *err);

enum ss_table_severity {
    SS_TABLE_WARNING, ///< legal, but probably not what was meant
    SS_TABLE_ERROR,   ///< the generator refuses it, or bootloader or app would fail with it
};

/// What a finding is about.
enum ss_table_problem {
    SS_TABLE_EMPTY,            ///< no rows
    SS_TABLE_OFFSET_UNALIGNED, ///< app: 64 KiB; others: by rules
    SS_TABLE_SIZE_UNALIGNED,   ///< app size for secure boot, or by rules
    SS_TABLE_SIZE_ZERO,
    SS_TABLE_BELOW_TABLE, ///< lies in the bootloader's or the table's own area
    SS_TABLE_OVERLAP,
    SS_TABLE_BEYOND_FLASH,
    SS_TABLE_APP_TOO_BIG, ///< the bootloader refuses apps of more than 16 MiB, the MMU reaches less on some chips
    SS_TABLE_DUPLICATE_NAME,
    SS_TABLE_LABEL_CUT,
    SS_TABLE_MISLEADING_NAME, ///< named like a type or subtype that it is not
    SS_TABLE_SLOT_GAP,        ///< the OTA slots are not ota_0, ota_1, … without gap or repetition
    SS_TABLE_NO_APP,          ///< nothing that could boot
    SS_TABLE_OTADATA_MISSING, ///< OTA slots, but no otadata
    SS_TABLE_OTADATA_SIZE,
    SS_TABLE_OTADATA_REPEATED,
    SS_TABLE_FLAG_UNKNOWN,  ///< flag bits without a meaning under the rules
    SS_TABLE_NVS_ENCRYPTED, ///< the flag does not encrypt NVS
    SS_TABLE_NVS_SMALL,
    SS_TABLE_READONLY_REFUSED, ///< otadata and coredump are always written
};

struct ss_table_finding {
    enum ss_table_severity severity;
    enum ss_table_problem problem;
    int row;        ///< index in table->rows; -1: the table as a whole
    char text[160]; ///< one line, lower case, no full stop; names row, value and limit
};

/// Checks a complete table. Stores at most @p max findings in @p out, errors and warnings in the order of the table's
/// rows and then of the table as a whole; returns how many there are, which may be more than @p max. @p out may be NULL
/// with @p max 0. @p options as above.
size_t ss_table_check(const struct ss_partition_table *table, const struct ss_table_options *options,
                      struct ss_table_finding *out, size_t max);

/// SS_OK if ss_table_check() has no finding of severity error, else SS_ERROR_DATA_INVALID with the first one's text.
SS_MUST_USE ss_status_t ss_table_verify(const struct ss_partition_table *table, const struct ss_table_options *options,
                                        struct ss_error *err);

/// First row with this label; NULL if there is none.
const struct ss_partition *ss_table_find(const struct ss_partition_table *table, const char *label);

/// First row of this type and subtype (or SS_PARTITION_ANY_SUBTYPE) at index @p from or later; NULL if there is none.
const struct ss_partition *ss_table_find_type(const struct ss_partition_table *table, uint8_t type, int subtype,
                                              size_t from);

/// OTA slot number 0…15 of @p row; -1 if it is no OTA app partition.
int ss_partition_ota_slot(const struct ss_partition *row);

/// Number of OTA app rows, which is what the bootloader divides sequence numbers by.
unsigned ss_table_ota_count(const struct ss_partition_table *table);

/// The row of app slot ota_<slot>; NULL if there is none.
const struct ss_partition *ss_table_ota_slot(const struct ss_partition_table *table, unsigned slot);

/// The slot that an update goes to while @p running runs, as esp_ota_get_next_update_partition(): the next higher OTA
/// slot that exists, else the lowest. @p running may be NULL or no OTA slot (factory): then the lowest. With a single
/// slot the answer is @p running itself: the caller has to refuse that. NULL without OTA slots.
const struct ss_partition *ss_table_next_update(const struct ss_partition_table *table,
                                                const struct ss_partition *running);

/// True if a chip with flash encryption on holds this partition encrypted: apps, otadata, nvs_keys, bootloaders and
/// tables always, others by their flag. (ESP-IDF esp_partition: load_partitions(); the NVS library ignores the flag.)
bool ss_partition_is_encrypted(const struct ss_partition *row);

/// Keyword of a type or subtype under @p rules; NULL if it has none.
const char *ss_partition_type_name(uint8_t type, enum ss_table_rules rules);
const char *ss_partition_subtype_name(uint8_t type, uint8_t subtype, enum ss_table_rules rules);

#ifdef __cplusplus
}
#endif
#endif
