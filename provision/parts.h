// SPDX-License-Identifier: Apache-2.0
// What goes where in one device's flash: bootloader, partition table, otadata, app and data, in plaintext and sealed.
// Exactly what ESP-IDF reads through decryption is sealed (docs, "Flash Encryption", "Encrypted Partitions"): bootloader
// and V1 digest, the table, apps, otadata, nvs_keys, rows with the flag `encrypted`; nvs, phy_init and the rest stay raw.
#ifndef SS_PROVISION_PARTS_H
#define SS_PROVISION_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/store.h"
#include "slotseal/partition_table.h"
#include "vault/secure_boot.h"

/// How long a part keeps the content that it is written with.
enum ss_part_lasts {
    SS_PART_LASTS,             ///< for ever
    SS_PART_UNTIL_ENCRYPTED,   ///< until encryption is on and the chip runs: otadata, nvs, what an app may write
    SS_PART_UNTIL_SECURE_BOOT, ///< until ABS_DONE_0 is burned: the V1 digest, which a bootloader may make anew
};

struct ss_part {
    char name[SS_PARTITION_LABEL_SIZE + 1]; ///< "bootloader", "digest", "table", or the partition's label
    uint32_t address;                       ///< flash address, a multiple of 4096
    size_t len;                             ///< bytes, a multiple of 4096
    uint8_t *plain;                         ///< padded with 0xFF; NULL: not known here, or (without `sealed`) erased
    uint8_t *sealed;                        ///< NULL: not encrypted, it lies in the flash as it is
    enum ss_part_lasts lasts;
};

static inline bool ss_part_is_erased(const struct ss_part *part)
{
    return !part->plain && !part->sealed;
}

/// Every row of the table may be one, one more for what is left of its slot, and three that have no row.
#define SS_MAX_PARTS (2 * SS_TABLE_MAX_ROWS + 3)

/// In the order in which they are written: the bootloader last, so that nothing starts before everything is there.
/// Holds plaintext: end with ss_parts_free(), which wipes.
struct ss_parts {
    size_t count;
    struct ss_part parts[SS_MAX_PARTS];
    uint8_t public_digest[32]; ///< V2: of the key that bootloader and app are signed with
    bool made_signatures;      ///< bootloader or app came without signature, or with another device's key
};

/// A partition's first content, such as a device's NVS image. All borrowed.
struct ss_part_data {
    const char *partition; ///< label
    const uint8_t *data;
    size_t len; ///< at most the partition's size
};

/// All borrowed.
struct ss_parts_input {
    const struct ss_partition_table *table;
    uint32_t table_offset; ///< flash address of the table
    uint32_t flash_size;   ///< of the chip, bytes
    unsigned revision;     ///< of the chip
    unsigned idf;          ///< of the bootloader, as ss_boot_profile.idf
    enum ss_secure_boot_scheme secure_boot;
    bool digest; ///< V1 reflashable: the digest is made here; false: the bootloader makes it
    const uint8_t *bootloader;
    size_t bootloader_len;
    const uint8_t *app;
    size_t app_len;
    const uint8_t *embedded_key; ///< X‖Y that the build linked into bootloader and app, to be replaced by the device's
                                 ///< own; NULL: nothing is replaced
    const struct ss_part_data *data;
    size_t data_count;
    const uint8_t *flash_key; ///< in file order
    size_t flash_key_len;
};

/// Signs where a signature is missing, checks everything, pads and seals. Signatures by @p store.
/// SS_ERROR_NOT_SUPPORTED: image for another chip or a later revision. SS_ERROR_INSUFFICIENT_SPACE: bootloader, app or
/// data do not fit, or the table does not fit the flash. SS_ERROR_INVALID_SIGNATURE: signed by another key.
/// SS_ERROR_DATA_INVALID, _DATA_CORRUPT, _NOT_PERMITTED (sealed already): as ss_seal_check(), ss_table_verify().
/// SS_ERROR_DOES_NOT_EXIST: the table has no partition of that name, or none for an app.
/// SS_ERROR_INSUFFICIENT_MEMORY; what the store says. On error @p parts is empty.
SS_MUST_USE ss_status_t ss_parts_make(const struct ss_parts_input *input, const struct ss_provision_store *store,
                                      struct ss_parts *parts, struct ss_error *err);
void ss_parts_free(struct ss_parts *parts);

#endif
