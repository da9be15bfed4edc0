// SPDX-License-Identifier: Apache-2.0
// Dumps of chips: a byte of switches, 124 bytes of eFuses, then what lies at 0x1000 (256 bytes), at 0x8000 (256), at
// 0xD000 (64) and, all the rest, at 0x10000.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/doctor.h"

enum { FLASH = 0x18000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t put(uint8_t *flash, size_t at, size_t limit, const uint8_t *data, size_t len)
{
    size_t n = len < limit ? len : limit;
    if (n)
        memcpy(flash + at, data, n);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct {
        size_t at, limit;
    } places[] = {{0x1000, 256}, {0x8000, 256}, {0xD000, 64}, {0x10000, 0x8000}};
    static const uint8_t key[32] = {1, 2, 3};
    static struct ss_doctor_report report;
    static uint8_t flash[FLASH];
    struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    struct ss_efuse efuse;
    struct ss_error err;
    if (len < 1 + SS_EFUSE_IMAGE_SIZE)
        return 0;
    uint8_t switches = data[0];
    ss_efuse_from_bytes(data + 1, &efuse);
    data += 1 + SS_EFUSE_IMAGE_SIZE;
    len -= 1 + SS_EFUSE_IMAGE_SIZE;
    memset(flash, 0xFF, sizeof flash);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t n = put(flash, places[i].at, places[i].limit, data, len);
        data += n;
        len -= n;
    }
    profile.secure_boot = (enum ss_profile_secure_boot)((switches >> 2) % 3);
    profile.flash_encryption = switches >> 4 & 1;
    struct ss_doctor_input in = {.flash = flash,
                                 .flash_len = switches & 0x20 ? 0x8100 : sizeof flash,
                                 .efuse = &efuse,
                                 .silicon = switches & 1,
                                 .key = switches & 2 ? key : NULL,
                                 .key_len = sizeof key,
                                 .profile = switches & 0x40 ? NULL : &profile};
    if (ss_doctor_examine(&in, &report, &err) == SS_OK && report.count > SS_DOCTOR_MAX_FINDINGS)
        abort();
    return 0;
}
