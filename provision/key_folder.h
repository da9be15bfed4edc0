// SPDX-License-Identifier: Apache-2.0
// Folders with a key file or two for every device, named by its id or its MAC: what people who provisioned by hand have.
#ifndef SS_PROVISION_KEY_FOLDER_H
#define SS_PROVISION_KEY_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/device_name.h"
#include "slotseal/error.h"
#include "slotseal/seal.h"

/// Names that are looked for without a pattern of the user's, NULL-terminated; the first one is what export writes.
extern const char *const ss_flash_key_patterns[];
extern const char *const ss_sign_key_patterns[];

/// The files of one device; paths are "" where there is none.
struct ss_key_folder_entry {
    char id[SS_DEVICE_NAME_SIZE];
    char *flash_key; ///< path, or NULL
    char *sign_key;
};

struct ss_key_folder {
    size_t count;
    struct ss_key_folder_entry *entries; ///< in ascending order of ids
    size_t others;                       ///< files whose names follow no pattern
};

/// Looks through @p path for names that follow one of the patterns (NULL-terminated; NULL: none of that kind). Nothing is
/// read but the folder; links to files count as files, dot files and folders are passed over.
/// SS_ERROR_IO. SS_ERROR_ALREADY_EXISTS: two files are the same key of one device. SS_ERROR_INVALID_ARGUMENT: a pattern.
/// SS_ERROR_DOES_NOT_EXIST: no file follows a pattern. SS_ERROR_INSUFFICIENT_MEMORY.
/// End with ss_key_folder_free(), also after errors.
SS_MUST_USE ss_status_t ss_key_folder_scan(const char *path, const char *const *flash_patterns,
                                           const char *const *sign_patterns, struct ss_key_folder *out,
                                           struct ss_error *err);
void ss_key_folder_free(struct ss_key_folder *folder);

/// Does @p dump, flash of an encrypted chip from address 0, belong to @p key? Its bootloader has to unseal to an image.
/// @p params says chip, key, key_len and crypt_config; the rest is ignored.
/// SS_ERROR_NOT_PERMITTED: it does not unseal (the message says so if it would with another FLASH_CRYPT_CONFIG, or if
/// the flash is not encrypted at all). SS_ERROR_DATA_INVALID: a dump too short to tell. SS_ERROR_INVALID_ARGUMENT: the
/// chip takes no such key.
SS_MUST_USE ss_status_t ss_key_check_dump(const struct ss_seal_params *params, const uint8_t *dump, size_t len,
                                          struct ss_error *err);

#endif
