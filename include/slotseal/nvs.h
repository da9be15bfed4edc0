// SPDX-License-Identifier: Apache-2.0
// NVS partition images: the key-value store in which ESP-IDF firmware keeps its settings and credentials.
//
// Facts: ESP-IDF Programming Guide, "Non-volatile Storage Library", sections "Internals" and "NVS Encryption", and the
// behaviour of the package esp-idf-nvs-partition-gen 0.3.0, whose images these functions reproduce byte for byte.
//
//     partition = pages of 4096 bytes, the last one (at least) left erased for the firmware's own housekeeping
//
//     page      0      4      8     9                  28      32                 64                       4096
//               +------+------+-----+------------------+-------+------------------+--------------------------+
//               | state| seq. | ver.| 0xFF …           | CRC-32| entry states     | 126 entries of 32 bytes  |
//               +------+------+-----+------------------+-------+------------------+--------------------------+
//               CRC-32 over bytes 4 to 27; two state bits an entry, lowest first: 3 free, 2 written, 0 erased
//
//     entry     0      1      2      3       4        8                  24         32
//               +------+------+------+-------+--------+------------------+----------+
//               | ns   | type | span | chunk | CRC-32 | key, zero padded | data     |   CRC-32 over all but itself
//               +------+------+------+-------+--------+------------------+----------+
//     data      integers   little endian, rest 0xFF
//               string,    length (2, a string counts its NUL), 0xFFFF, CRC-32 of the value (4);
//               blob,      the value itself follows in span - 1 entries, the last one filled with 0xFF
//               blob data
//               blob index total length (4), number of chunks (1), number of the first chunk (1), 0xFFFF
//
// Every CRC-32 starts as ESP-IDF's crc32_le(0xFFFFFFFF, …) does. Namespace 0 lists the namespaces: the key is the name,
// the value (u8) its number. Nothing here allocates, and nothing is device specific.
#ifndef SLOTSEAL_NVS_H
#define SLOTSEAL_NVS_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_NVS_PAGE_SIZE       4096
#define SS_NVS_PAGE_ENTRIES    126
#define SS_NVS_MIN_SIZE        0x3000 ///< smallest partition that firmware can write to: 3 pages
#define SS_NVS_MAX_PAGES       512    ///< of an image that can be read: 2 MiB
#define SS_NVS_NAME_SIZE       16     ///< key or namespace name with its NUL: at most 15 characters
#define SS_NVS_MAX_NAMESPACES  254
#define SS_NVS_MAX_STRING      3999   ///< bytes without NUL, version 2
#define SS_NVS_MAX_BLOB        508000 ///< bytes, version 2: 127 chunks of 4000
#define SS_NVS_MAX_VALUE_V1    1984   ///< blob, or string with NUL, version 1: bytes
#define SS_NVS_KEYS_SIZE       64     ///< encryption key, then tweak key, 32 bytes each
#define SS_NVS_KEYS_IMAGE_SIZE 4096   ///< what a partition of subtype nvs_keys holds
#define SS_NVS_KEYS_USED_SIZE  68     ///< the part of it that carries keys and CRC

/// Type codes as they stand in flash. SS_NVS_BLOB stands for both ways of storing one, see enum ss_nvs_version.
enum ss_nvs_type {
    SS_NVS_U8 = 0x01,
    SS_NVS_I8 = 0x11,
    SS_NVS_U16 = 0x02,
    SS_NVS_I16 = 0x12,
    SS_NVS_U32 = 0x04,
    SS_NVS_I32 = 0x14,
    SS_NVS_U64 = 0x08,
    SS_NVS_I64 = 0x18,
    SS_NVS_STRING = 0x21,
    SS_NVS_BLOB = 0x41,
    SS_NVS_ANY = 0xFF, ///< in ss_nvs_find() only
};

/// Name of @p type as the CSV files of the generator spell it: "u8" … "i64", "string", "blob"; "unknown" for others.
const char *ss_nvs_type_name(enum ss_nvs_type type);

/// Format of the pages. Firmware of ESP-IDF v3.3 and later (v4.0.1 too) reads both; older firmware refuses version 2.
enum ss_nvs_version {
    SS_NVS_V1 = 1, ///< a blob is one entry of at most 1984 bytes
    SS_NVS_V2 = 2, ///< a blob is split into chunks over pages, with an index
};

/// One value to store.
struct ss_nvs_value {
    enum ss_nvs_type type;
    uint64_t number;  ///< integers: the value, sign-extended to 64 bits for the signed types
    const void *data; ///< string (without NUL) or blob; borrowed for the call, NULL allowed with len 0
    size_t len;       ///< bytes at data
};

// -- Writing ----------------------------------------------------------------------------------------------------------

/// Fills a partition image from the front. Caller-allocated; the fields are the writer's own.
struct ss_nvs_writer {
    uint8_t *image;
    size_t size;
    enum ss_nvs_version version;
    unsigned page;       ///< number of the active page
    unsigned entry;      ///< next free entry in it
    unsigned namespaces; ///< listed so far
};

/// Starts an empty image in @p image, which stays the caller's and is a complete partition image after every call:
/// there is nothing to finish. @p size is the size of the partition.
///
/// SS_ERROR_INVALID_ARGUMENT: @p size is no multiple of 4096, below SS_NVS_MIN_SIZE or above SS_NVS_MAX_PAGES pages;
/// or no such version.
SS_MUST_USE ss_status_t ss_nvs_writer_init(struct ss_nvs_writer *w, uint8_t *image, size_t size,
                                           enum ss_nvs_version version, struct ss_error *err);

/// Lists namespace @p ns, if it is not listed yet. Only needed for namespaces that stay empty or whose number matters:
/// numbers are given in order of appearance, from 1, and ss_nvs_set() lists what it meets.
///
/// SS_ERROR_INVALID_ARGUMENT: name empty, longer than 15 characters, or not printable ASCII.
/// SS_ERROR_INSUFFICIENT_SPACE: the 255th namespace, or the partition is full. The image is unchanged after an error.
SS_MUST_USE ss_status_t ss_nvs_add_namespace(struct ss_nvs_writer *w, const char *ns, struct ss_error *err);

/// Stores @p value as @p key in namespace @p ns. The placement is the generator's, with one addition: a string of 3968
/// to 3999 bytes, which ESP-IDF takes but the generator gives up on, gets a page of its own.
/// Searches the image for the key: storing n values costs n² / 2 short comparisons.
///
/// SS_ERROR_INVALID_ARGUMENT: @p ns or @p key empty, longer than 15 characters or not printable ASCII; the number is
/// out of its type's range; a NUL within a string; a string or blob above its limit (see the macros above); unknown
/// type.
/// SS_ERROR_ALREADY_EXISTS: the namespace has that key, of whatever type.
/// SS_ERROR_INSUFFICIENT_SPACE: the partition is full, or 254 namespaces are. The image is unchanged after an error.
SS_MUST_USE ss_status_t ss_nvs_set(struct ss_nvs_writer *w, const char *ns, const char *key,
                                   const struct ss_nvs_value *value, struct ss_error *err);

// -- Reading ----------------------------------------------------------------------------------------------------------

/// An opened image. Caller-allocated; the fields are the reader's own.
struct ss_nvs_reader {
    const uint8_t *image;
    size_t size;
    unsigned pages;                   ///< in use, number of valid elements of order
    uint16_t order[SS_NVS_MAX_PAGES]; ///< pages in use, oldest first
    uint32_t namespaces[256];         ///< byte offset of the entry that names a namespace, 0 if none does
};

/// Where ss_nvs_next() stands. Start with all zero.
struct ss_nvs_cursor {
    unsigned rank;  ///< index into ss_nvs_reader.order
    unsigned entry; ///< next one to look at
};

/// One key as found.
struct ss_nvs_entry {
    char ns[SS_NVS_NAME_SIZE];
    char key[SS_NVS_NAME_SIZE];
    enum ss_nvs_type type; ///< never SS_NVS_ANY
    uint64_t number;       ///< integers: the value, sign-extended to 64 bits for the signed types; else 0
    size_t len;            ///< string: bytes without NUL; blob: bytes; integers: 0
    unsigned page;         ///< position in the partition, from 0
    unsigned index;        ///< entry in that page, 0 to 125
};

/// Opens the plaintext image at @p image, which must outlive the reader and stay unchanged. Pages and entries that
/// firmware would pass over (ss_nvs_check() lists them) are passed over: a torn write never hides the rest.
/// An erased partition is an empty one.
///
/// SS_ERROR_DATA_INVALID: @p size is zero or no multiple of 4096.
/// SS_ERROR_NOT_SUPPORTED: more than SS_NVS_MAX_PAGES pages, or a page of a format newer than version 2, at which
/// firmware refuses the whole partition as well.
SS_MUST_USE ss_status_t ss_nvs_reader_open(struct ss_nvs_reader *r, const uint8_t *image, size_t size,
                                           struct ss_error *err);

/// The next key in order of writing to @p entry, and @p cursor moved behind it. Where a power cut left a key twice,
/// only the newer one appears, as on the device. The data of strings and blobs is not checked yet: ss_nvs_read() does
/// that. Looks through the rest of the image for a newer one: a whole listing costs n² / 2 short comparisons.
///
/// SS_ERROR_DOES_NOT_EXIST: no further key.
SS_MUST_USE ss_status_t ss_nvs_next(const struct ss_nvs_reader *r, struct ss_nvs_cursor *cursor,
                                    struct ss_nvs_entry *entry);

/// Looks up @p key in namespace @p ns; the newest one where a power cut left two.
///
/// SS_ERROR_DOES_NOT_EXIST: no such namespace, no such key in it, or not of @p type (unless SS_NVS_ANY).
SS_MUST_USE ss_status_t ss_nvs_find(const struct ss_nvs_reader *r, const char *ns, const char *key,
                                    enum ss_nvs_type type, struct ss_nvs_entry *entry, struct ss_error *err);

/// Copies the string (without NUL; none is appended) or blob of @p entry, as this reader returned it, to @p out with
/// capacity @p size. @p *len is the number of bytes; on any error but the second it is 0 and @p out is untouched.
///
/// SS_ERROR_INVALID_ARGUMENT: @p entry is an integer, or nothing that this reader returned.
/// SS_ERROR_BUFFER_TOO_SMALL: @p size is below entry->len, which is stored in @p *len; @p out is untouched.
/// SS_ERROR_DATA_CORRUPT: the CRC of the data disagrees, or a chunk of the blob is missing or has another length.
/// SS_ERROR_DATA_INVALID: a string without its NUL at the end.
SS_MUST_USE ss_status_t ss_nvs_read(const struct ss_nvs_reader *r, const struct ss_nvs_entry *entry, uint8_t *out,
                                    size_t size, size_t *len, struct ss_error *err);

// -- Diagnosis --------------------------------------------------------------------------------------------------------

/// What is wrong with a page or entry. In parentheses what ESP-IDF does about it.
enum ss_nvs_fault {
    SS_NVS_FAULT_NONE,
    SS_NVS_FAULT_NO_FREE_PAGE,    ///< no page is left erased (initialisation fails: ESP_ERR_NVS_NO_FREE_PAGES)
    SS_NVS_FAULT_PAGE_VERSION,    ///< newer than version 2 (initialisation fails: ESP_ERR_NVS_NEW_VERSION_FOUND)
    SS_NVS_FAULT_PAGE_STATE,      ///< a state that firmware never writes, or "corrupt" (page is lost)
    SS_NVS_FAULT_PAGE_CRC,        ///< header CRC disagrees (page is lost)
    SS_NVS_FAULT_PAGE_NOT_ERASED, ///< state says erased, bytes say otherwise (page is erased before use)
    SS_NVS_FAULT_ENTRY_STATE,     ///< state bits 1, impossible in NOR flash order (passed over)
    SS_NVS_FAULT_ENTRY_STRAY,     ///< state says free, bytes or later entries say otherwise: a torn write (erased)
    SS_NVS_FAULT_ENTRY_CRC,       ///< entry CRC disagrees (erased). All of them: perhaps encrypted, with another key
    SS_NVS_FAULT_ENTRY_SPAN,      ///< zero, or reaches over the end of the page (firmware may abort)
    SS_NVS_FAULT_ENTRY_PARTIAL,   ///< not all entries of its span are written: a torn write (erased)
    SS_NVS_FAULT_ENTRY_TYPE,      ///< no known type (never found)
    SS_NVS_FAULT_ENTRY_LENGTH,    ///< length does not fit the span, or blob index out of its limits
    SS_NVS_FAULT_ENTRY_KEY,       ///< empty, or without NUL
    SS_NVS_FAULT_DATA_CRC,        ///< CRC of string or blob data disagrees (erased when read)
    SS_NVS_FAULT_STRING_NO_NUL,   ///< string does not end in NUL
    SS_NVS_FAULT_NAMESPACE,       ///< its namespace is not listed (never found), or a listing out of 1 to 254
    SS_NVS_FAULT_DUPLICATE,       ///< a newer entry has the same key and type: a torn write (erased)
    SS_NVS_FAULT_BLOB_INCOMPLETE, ///< the index names chunks that are missing, or their lengths do not add up
    SS_NVS_FAULT_BLOB_ORPHAN,     ///< chunk that no index names: a torn write (erased)
};

/// One line for @p fault, lower case, such as "entry CRC is wrong"; "unknown fault" for other values. Never NULL.
const char *ss_nvs_fault_text(enum ss_nvs_fault fault);

#define SS_NVS_NO_ENTRY UINT16_MAX ///< the finding is about the page, or (SS_NVS_FAULT_NO_FREE_PAGE) the partition

struct ss_nvs_finding {
    enum ss_nvs_fault fault;
    uint16_t page;  ///< position in the partition, from 0
    uint16_t entry; ///< 0 to 125, or SS_NVS_NO_ENTRY
};

/// Examines the plaintext image and stores what is wrong with it, pages first, then entries, each in order of writing.
/// @p *count is the number of findings, which may exceed @p capacity: only the first ones are stored then.
///
/// SS_OK: the image was examined, however bad it is. SS_ERROR_DATA_INVALID: @p size is zero or no multiple of 4096.
/// SS_ERROR_NOT_SUPPORTED: more than SS_NVS_MAX_PAGES pages.
SS_MUST_USE ss_status_t ss_nvs_check(const uint8_t *image, size_t size, struct ss_nvs_finding *findings,
                                     size_t capacity, size_t *count, struct ss_error *err);

// -- NVS encryption ---------------------------------------------------------------------------------------------------

/// Encrypts a plaintext image in place for firmware with CONFIG_NVS_ENCRYPTION: AES-256-XTS, one data unit per 32-byte
/// entry, tweak = offset of the entry from the start of the partition, little endian. Page headers, entry states and
/// free entries stay as they are. @p keys is the encryption key, then the tweak key.
/// (ESP-IDF Programming Guide, "NVS Encryption".)
///
/// SS_ERROR_DATA_INVALID: @p size is zero or no multiple of 4096. SS_ERROR_INVALID_ARGUMENT: both halves of @p keys are
/// equal. SS_ERROR_GENERIC, SS_ERROR_INSUFFICIENT_MEMORY: the cryptographic provider failed; the image is then
/// partly encrypted and must not be used.
SS_MUST_USE ss_status_t ss_nvs_encrypt(uint8_t *image, size_t size, const uint8_t keys[SS_NVS_KEYS_SIZE],
                                       struct ss_error *err);

/// The inverse of ss_nvs_encrypt(), with the same statuses. With wrong keys it succeeds, and every entry has a wrong
/// CRC.
SS_MUST_USE ss_status_t ss_nvs_decrypt(uint8_t *image, size_t size, const uint8_t keys[SS_NVS_KEYS_SIZE],
                                       struct ss_error *err);

/// Writes the 4096 bytes for a partition of subtype nvs_keys to @p out: keys, CRC-32 over them, then 0xFF.
/// On the device this partition is under flash encryption: seal it. Wipe @p out when done.
void ss_nvs_keys_build(const uint8_t keys[SS_NVS_KEYS_SIZE], uint8_t out[SS_NVS_KEYS_IMAGE_SIZE]);

/// Takes the keys out of the first SS_NVS_KEYS_USED_SIZE bytes of a plaintext nvs_keys partition.
///
/// SS_ERROR_DATA_INVALID: fewer bytes than that. SS_ERROR_DOES_NOT_EXIST: erased, firmware makes its keys at first
/// start. SS_ERROR_DATA_CORRUPT: the CRC disagrees. @p keys is all zero after an error.
SS_MUST_USE ss_status_t ss_nvs_keys_parse(const uint8_t *in, size_t len, uint8_t keys[SS_NVS_KEYS_SIZE],
                                          struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
