// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "core/hex.h"
#include "provision/kit_internal.h"

static const char *yes_no(bool value)
{
    return value ? "yes" : "no";
}

static int write_key(const struct ss_boot_profile *p, char *out, size_t size)
{
    char hex[2 * sizeof p->public_key + 1];
    ss_put_hex(p->public_key, p->public_key_len, hex);
    return snprintf(out, size, "public_key = %s\n", hex);
}

ss_status_t ss_kit_profile_text(const struct ss_boot_profile *p, char *out, size_t size, struct ss_error *err)
{
    static const char *const logs[] = {"none", "error", "warn", "info"};
    int used = snprintf(out, size,
                        "idf_version = %s\ncompile_time = %s\nsecure_boot = %s\nsigned_on_boot = %s\n"
                        "flash_encryption = %s\nmode = %s\nrequire_encrypted = %s\nrollback = %s\nanti_rollback = %s\n"
                        "secure_version_bits = %u\nallow_jtag = %s\nallow_rom_basic = %s\nallow_dl_encrypt = %s\n"
                        "allow_dl_decrypt = %s\nallow_dl_cache = %s\ntable_offset = 0x%x\nlog = %s\nunicore = %s\n",
                        p->idf_version, p->compile_time, ss_profile_secure_boot_name(p->secure_boot),
                        yes_no(p->signed_on_boot), yes_no(p->flash_encryption), p->release ? "release" : "development",
                        yes_no(p->require_encrypted), yes_no(p->rollback), yes_no(p->anti_rollback),
                        p->secure_version_bits, yes_no(p->allow_jtag), yes_no(p->allow_basic),
                        yes_no(p->allow_dl_encrypt), yes_no(p->allow_dl_decrypt), yes_no(p->allow_dl_cache),
                        (unsigned)p->table_offset, logs[p->log & 3], yes_no(p->unicore));
    if (p->has_public_key && (size_t)used < size)
        used += write_key(p, out + used, size - (size_t)used);
    if ((size_t)used < size)
        return SS_OK;
    return kit_error(err, SS_ERROR_BUFFER_TOO_SMALL, "the bootloader's profile has %d characters", used);
}
