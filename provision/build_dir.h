// SPDX-License-Identifier: Apache-2.0
// What an ESP-IDF build folder says: options compiled into the bootloader, and what would be flashed where.
#ifndef SS_PROVISION_BUILD_DIR_H
#define SS_PROVISION_BUILD_DIR_H

#include "chip/profile.h"

struct ss_build {
    struct ss_boot_profile profile; ///< of its sdkconfig
    uint8_t *flash;                 ///< an erased flash with every file of flasher_args.json in its place; allocated
    size_t flash_len;               ///< bytes; 0 without flasher_args.json
};

/// Reads sdkconfig (of @p dir, or of the project folder above it), flasher_args.json and the files named there, the
/// bootloader also if it is not, project_description.json, and the public key that the bootloader links: folders of
/// ESP-IDF v4.0 to v5.x. The version is the one that the build names, else its bootloader's. @p build is ended with
/// ss_build_free() whatever comes back.
/// SS_ERROR_DOES_NOT_EXIST, SS_ERROR_IO: sdkconfig, or a file that flasher_args.json names, cannot be read.
/// SS_ERROR_NOT_SUPPORTED: a build for another chip. SS_ERROR_DATA_INVALID: one of the files makes no sense.
/// SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_build_read(const char *dir, struct ss_build *build, struct ss_error *err);
void ss_build_free(struct ss_build *build);

/// A whole file, at most @p limit bytes, with a zero byte behind it; the caller frees *@p data.
SS_MUST_USE ss_status_t ss_provision_read_file(const char *path, size_t limit, uint8_t **data, size_t *len,
                                               struct ss_error *err);

#endif
