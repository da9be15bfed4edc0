// SPDX-License-Identifier: Apache-2.0
// The secure boot that a product's chips are given. Internal, not installed.
#ifndef SS_VAULT_SECURE_BOOT_H
#define SS_VAULT_SECURE_BOOT_H

#include <stdbool.h>

enum ss_secure_boot_scheme {
    SS_SECURE_BOOT_NONE,
    SS_SECURE_BOOT_V1_ONE_TIME,    ///< the key is made on the chip: the bootloader can never be replaced
    SS_SECURE_BOOT_V1_REFLASHABLE, ///< the key comes from the signing key: a new digest can be made
    SS_SECURE_BOOT_V2,
};
enum { SS_SECURE_BOOT_SCHEMES = SS_SECURE_BOOT_V2 + 1 };

/// "none", "v1-one-time", "v1-reflashable", "v2"; "unknown" for another number. Never NULL.
const char *ss_secure_boot_scheme_name(enum ss_secure_boot_scheme scheme);
/// False if @p name is none of these.
bool ss_secure_boot_scheme_from_name(const char *name, enum ss_secure_boot_scheme *scheme);

#endif
