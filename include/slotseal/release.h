// SPDX-License-Identifier: Apache-2.0
// The release statement: a firmware image, known by its canonical digest (slotseal/canonical.h), is a release of a
// product. Signed offline by a release key.
#ifndef SLOTSEAL_RELEASE_H
#define SLOTSEAL_RELEASE_H

#include "slotseal/statement.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Longest version, bytes: as much as an app descriptor holds.
#define SS_VERSION_MAX 32u

/// What the image is signed for, as the release says it.
enum ss_release_scheme {
    SS_RELEASE_UNSIGNED = 0, ///< no secure boot
    SS_RELEASE_V1 = 1,       ///< 68 bytes of signature follow the image
    SS_RELEASE_V2 = 2,       ///< the image is padded to 4 KiB, a signature sector follows
};

/// What a release can need of what is not updated over the air, of the bootloader …; bits.
#define SS_BOOTLOADER_ROLLBACK      (1u << 0) ///< CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
#define SS_BOOTLOADER_ANTI_ROLLBACK (1u << 1) ///< CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK
#define SS_BOOTLOADER_ALL           (SS_BOOTLOADER_ROLLBACK | SS_BOOTLOADER_ANTI_ROLLBACK)
/// … and of the partition table: a row of subtype nvs_keys, without which an app with CONFIG_NVS_ENCRYPTION does not start.
#define SS_NEEDS_NVS_KEYS (1u << 2)
#define SS_NEEDS_ALL      (SS_BOOTLOADER_ALL | SS_NEEDS_NVS_KEYS)

struct ss_release {
    struct ss_span product;      ///< name, 1 to SS_PRODUCT_NAME_MAX bytes
    struct ss_span version;      ///< printable ASCII, 1 to SS_VERSION_MAX bytes; for people
    const uint8_t *digest;       ///< canonical SHA-256
    const uint8_t *table_digest; ///< SHA-256 of the partition table it needs (ss_table_to_binary()); NULL: any
    uint64_t timestamp;          ///< when it was signed, seconds since 1970
    uint32_t secure_version;     ///< anti-rollback counter of the image
    uint32_t image_len;          ///< bytes through the appended SHA-256, without signature; a multiple of 16
    uint32_t vk_offset;          ///< where per-device verification keys lie, SS_VK_NONE (0) without
    uint32_t bootloader;         ///< SS_BOOTLOADER_* bits needed, SS_NEEDS_NVS_KEYS
    uint16_t chip;               ///< chip_id of the image header
    uint8_t scheme;              ///< enum ss_release_scheme
};

/// Reads the fields of @p statement, into whose buffer @p release points. Nothing is verified.
/// SS_ERROR_DATA_INVALID with @p why (may be NULL), SS_REASON_KIND for a statement of another kind.
SS_MUST_USE ss_status_t ss_release_parse(const struct ss_statement *statement, struct ss_release *release,
                                         struct ss_refusal *why);

/// Bytes of the file that @p release is sealed as: the image with its signature, padded to the cipher's 16 bytes.
uint32_t ss_release_file_len(const struct ss_release *release);

/// "none", "v1", "v2"; "unknown" for other values.
const char *ss_release_scheme_name(unsigned scheme);

#ifdef __cplusplus
}
#endif
#endif
