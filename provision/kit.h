// SPDX-License-Identifier: Apache-2.0
// A sealed kit: a folder with what a contract manufacturer needs to provision named chips, and nothing else. No vault, no
// signing key, no image that is not sealed. docs/manufacturing.md describes it for those who audit one.
//
//     manifest.json       what the kit is for, its devices, the digest of every file
//     manifest.sig        ECDSA P-256 over SHA-256 of manifest.json, DER
//     ID/flash-key.cms    CMS AuthEnvelopedData (RFC 5083, AES-256-GCM) to the station's certificate: the flash key
//     ID/NN.sealed        part NN of the flash, ciphertext under that device's flash key
//     ID/NN.cms           part NN that lies in flash as it is (nvs: the device's credential), enveloped as the key
//     journal/ID.jsonl    what the station did; not signed, made by the station
//
// A station that burns a flash key sees that key, and with key and sealed image it could unseal that one device's
// firmware. What a kit prevents is everything else: more devices than named, images for other chips, signing, reading
// a kit on its way.
#ifndef SS_PROVISION_KIT_H
#define SS_PROVISION_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip/profile.h"
#include "provision/device_name.h"
#include "provision/parts.h"
#include "provision/procedure.h"
#include "slotseal/signing_key.h"

#define SS_KIT_FORMAT      "slotseal-kit-1"
#define SS_KIT_TEXT        65   ///< a name with its NUL
#define SS_KIT_PROFILE     2048 ///< the bootloader's profile as text, with its NUL
#define SS_KIT_MAX_DEVICES 100000

/// @p profile as key = value lines, which ss_profile_parse() reads back to the same (but for `source`).
/// SS_ERROR_BUFFER_TOO_SMALL: SS_KIT_PROFILE suffices.
SS_MUST_USE ss_status_t ss_kit_profile_text(const struct ss_boot_profile *profile, char *out, size_t size,
                                            struct ss_error *err);

/// What the devices of a kit have in common.
struct ss_kit_header {
    char kit[SS_KIT_TEXT]; ///< name of the kit
    char product[SS_KIT_TEXT];
    enum ss_procedure_level level;          ///< the procedure is host-sealed, always
    enum ss_secure_boot_scheme secure_boot; ///< not V1 reflashable: its key would have to travel
    bool count_max, uart_disable;
    uint32_t table_offset, flash_size;
    unsigned min_revision;               ///< of the chips, major * 100 + minor
    uint8_t table[SS_TABLE_BINARY_SIZE]; ///< addresses of partitions are no secret
    char profile[SS_KIT_PROFILE];        ///< ss_kit_profile_text()
    bool has_public_digest;
    uint8_t public_digest[32];                                       ///< V2: of the public key
    uint8_t bootloader_sha256[32], table_sha256[32], app_sha256[32]; ///< plaintext, for the manufacturing record
    char app_version[SS_KIT_TEXT];
};

/// A part as the manifest has it.
struct ss_kit_part {
    char name[SS_PARTITION_LABEL_SIZE + 1];
    uint32_t address, len;
    enum ss_part_lasts lasts;
    enum ss_kit_part_form { SS_KIT_ERASED, SS_KIT_SEALED, SS_KIT_ENVELOPED } form;
    uint8_t sha256[32]; ///< of the file; not for erased ones
};

struct ss_kit_device {
    char id[SS_DEVICE_NAME_SIZE];
    uint8_t mac[6];
    uint32_t key_len;
    uint8_t key_sha256[32]; ///< of the enveloped file
    unsigned part_count;
    struct ss_kit_part *parts;
};

// Making one: where the vault is.

struct ss_kit_writer;

/// Begins a kit in the new folder @p folder. @p signer signs the manifest, P-256; @p certificate is the station's, PEM or
/// DER, RSA or EC. Both are borrowed until _finish(). The caller ends *@p writer by _free().
/// SS_ERROR_ALREADY_EXISTS: the folder. SS_ERROR_DATA_INVALID: no certificate, or one that is over.
/// SS_ERROR_NOT_SUPPORTED: V1 reflashable; a signer that is not P-256 or cannot sign. SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_kit_writer_new(const char *folder, const struct ss_kit_header *header,
                                          const ss_signing_key_t *signer, const void *certificate,
                                          size_t certificate_len, struct ss_kit_writer **writer, struct ss_error *err);
/// Adds a device: its key, and what goes into its flash.
/// SS_ERROR_ALREADY_EXISTS: id or MAC is in the kit. SS_ERROR_INVALID_ARGUMENT: the id. SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_kit_writer_add(struct ss_kit_writer *writer, const char *id, const uint8_t mac[6],
                                          const uint8_t *key, size_t key_len, const struct ss_parts *parts,
                                          struct ss_error *err);
/// Writes manifest and signature: before, the folder is no kit. SS_ERROR_DOES_NOT_EXIST: no device.
SS_MUST_USE ss_status_t ss_kit_writer_finish(struct ss_kit_writer *writer, struct ss_error *err);
/// Without _finish() the folder stays behind, without a manifest. NULL is allowed.
void ss_kit_writer_free(struct ss_kit_writer *writer);

// Using one: where the chips are.

struct ss_kit {
    struct ss_kit_header header;
    size_t count;
    struct ss_kit_device *devices;
    char folder[1024];
    uint8_t recipient[32]; ///< SHA-256 of the station's certificate
};

/// Opens the kit in @p folder and verifies the manifest's signature under @p signer, a public key.
/// SS_ERROR_INVALID_SIGNATURE. SS_ERROR_DATA_INVALID: no kit of this format. SS_ERROR_IO. The caller frees *@p kit.
SS_MUST_USE ss_status_t ss_kit_open(const char *folder, const ss_signing_key_t *signer, struct ss_kit **kit,
                                    struct ss_error *err);
void ss_kit_free(struct ss_kit *kit);

/// The device with this MAC, NULL if the kit has none.
const struct ss_kit_device *ss_kit_find_mac(const struct ss_kit *kit, const uint8_t mac[6]);

/// The station's private key with its certificate, both as in their files (PEM or DER). Borrowed where it is used.
struct ss_kit_station {
    const void *certificate;
    size_t certificate_len;
    const void *key;
    size_t key_len;
};

/// The flash key of @p device to @p key (64 bytes suffice); wipe it.
/// SS_ERROR_DATA_CORRUPT: the file is not the manifest's. SS_ERROR_NOT_PERMITTED: not for this station's key.
/// SS_ERROR_DATA_INVALID: the station's files. SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_kit_read_key(const struct ss_kit *kit, const struct ss_kit_device *device,
                                        const struct ss_kit_station *station, uint8_t *key, size_t size, size_t *len,
                                        struct ss_error *err);
/// Reads everything that goes into the flash of @p device; end with ss_parts_free(). Sealed parts have no plaintext.
/// Statuses as above.
SS_MUST_USE ss_status_t ss_kit_read_parts(const struct ss_kit *kit, const struct ss_kit_device *device,
                                          const struct ss_kit_station *station, struct ss_parts *parts,
                                          struct ss_error *err);
/// Compares every file of every device with the manifest; needs no key. SS_ERROR_DATA_CORRUPT; SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_kit_check_files(const struct ss_kit *kit, struct ss_error *err);

#endif
