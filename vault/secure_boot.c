// SPDX-License-Identifier: Apache-2.0
#include "vault/secure_boot.h"

#include <string.h>

static const char *const names[SS_SECURE_BOOT_SCHEMES] = {
    [SS_SECURE_BOOT_NONE] = "none",
    [SS_SECURE_BOOT_V1_ONE_TIME] = "v1-one-time",
    [SS_SECURE_BOOT_V1_REFLASHABLE] = "v1-reflashable",
    [SS_SECURE_BOOT_V2] = "v2",
};

const char *ss_secure_boot_scheme_name(enum ss_secure_boot_scheme scheme)
{
    return (unsigned)scheme < SS_SECURE_BOOT_SCHEMES ? names[scheme] : "unknown";
}

bool ss_secure_boot_scheme_from_name(const char *name, enum ss_secure_boot_scheme *scheme)
{
    for (unsigned i = 0; i < SS_SECURE_BOOT_SCHEMES; i++)
        if (!strcmp(name, names[i])) {
            *scheme = (enum ss_secure_boot_scheme)i;
            return true;
        }
    return false;
}
