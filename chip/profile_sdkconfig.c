// SPDX-License-Identifier: Apache-2.0
// A profile from a build: the options of ESP-IDF's sdkconfig that are compiled into the bootloader, under their names
// of v3.2, v4.0 and later (components/*/sdkconfig.rename).
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "chip/profile_text.h"

enum kind {
    SWITCH,     ///< =y
    V1,         ///< secure boot V1
    V2,         ///< secure boot V2
    HEX_OFFSET, ///< of the table
    COUNT,      ///< unsigned
    LOG_LEVEL,  ///< 0 … 5
};

#define FIELD(name) offsetof(struct ss_boot_profile, name)
static const struct option {
    const char *name;
    enum kind kind;
    size_t field;
} options[] = {
    {"SECURE_BOOT_ENABLED", V1, 0},
    {"SECURE_BOOT_V1_ENABLED", V1, 0},
    {"SECURE_BOOT_V2_ENABLED", V2, 0},
    {"SECURE_SIGNED_ON_BOOT", SWITCH, FIELD(signed_on_boot)},
    {"SECURE_SIGNED_ON_BOOT_NO_SECURE_BOOT", SWITCH, FIELD(signed_on_boot)},
    {"FLASH_ENCRYPTION_ENABLED", SWITCH, FIELD(flash_encryption)},
    {"SECURE_FLASH_ENC_ENABLED", SWITCH, FIELD(flash_encryption)},
    {"SECURE_FLASH_ENCRYPTION_MODE_RELEASE", SWITCH, FIELD(release)},
    {"SECURE_FLASH_REQUIRE_ALREADY_ENABLED", SWITCH, FIELD(require_encrypted)},
    {"APP_ROLLBACK_ENABLE", SWITCH, FIELD(rollback)},
    {"BOOTLOADER_APP_ROLLBACK_ENABLE", SWITCH, FIELD(rollback)},
    {"APP_ANTI_ROLLBACK", SWITCH, FIELD(anti_rollback)},
    {"BOOTLOADER_APP_ANTI_ROLLBACK", SWITCH, FIELD(anti_rollback)},
    {"APP_SEC_VER_SIZE_EFUSE_FIELD", COUNT, FIELD(secure_version_bits)},
    {"BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD", COUNT, FIELD(secure_version_bits)},
    {"SECURE_BOOT_ALLOW_JTAG", SWITCH, FIELD(allow_jtag)},
    {"SECURE_BOOT_ALLOW_ROM_BASIC", SWITCH, FIELD(allow_basic)},
    {"FLASH_ENCRYPTION_UART_BOOTLOADER_ALLOW_ENCRYPT", SWITCH, FIELD(allow_dl_encrypt)},
    {"SECURE_FLASH_UART_BOOTLOADER_ALLOW_ENC", SWITCH, FIELD(allow_dl_encrypt)},
    {"FLASH_ENCRYPTION_UART_BOOTLOADER_ALLOW_DECRYPT", SWITCH, FIELD(allow_dl_decrypt)},
    {"SECURE_FLASH_UART_BOOTLOADER_ALLOW_DEC", SWITCH, FIELD(allow_dl_decrypt)},
    {"FLASH_ENCRYPTION_UART_BOOTLOADER_ALLOW_CACHE", SWITCH, FIELD(allow_dl_cache)},
    {"SECURE_FLASH_UART_BOOTLOADER_ALLOW_CACHE", SWITCH, FIELD(allow_dl_cache)},
    {"PARTITION_TABLE_OFFSET", HEX_OFFSET, FIELD(table_offset)},
    {"LOG_BOOTLOADER_LEVEL", LOG_LEVEL, FIELD(log)},
    {"BOOTLOADER_LOG_LEVEL", LOG_LEVEL, FIELD(log)},
    {"FREERTOS_UNICORE", SWITCH, FIELD(unicore)},
};

static bool count(const char *value, unsigned long max, unsigned long *out)
{
    char *end;
    *out = isdigit((unsigned char)*value) ? strtoul(value, &end, 10) : (end = NULL, 0);
    return end && *end == 0 && *out <= max;
}

static bool apply(const struct option *o, const char *value, struct ss_boot_profile *p)
{
    uint8_t *field = (uint8_t *)p + o->field;
    unsigned long n;
    bool yes = !strcmp(value, "y");
    switch (o->kind) {
    case SWITCH:
        *(bool *)field = yes;
        return true;
    case V1:
    case V2:
        if (yes)
            p->secure_boot = o->kind == V1 ? SS_PROFILE_SECURE_BOOT_V1 : SS_PROFILE_SECURE_BOOT_V2;
        return true;
    case HEX_OFFSET:
        return ss_profile_set_table_offset((uint32_t *)field, value);
    case COUNT:
        if (!count(value, 32, &n) || n == 0)
            return false;
        *(unsigned *)field = (unsigned)n;
        return true;
    case LOG_LEVEL:
        if (!count(value, 5, &n))
            return false;
        // Debug and verbose say more than is modelled.
        *(enum ss_profile_log *)field = n < SS_PROFILE_LOG_INFO ? (enum ss_profile_log)n : SS_PROFILE_LOG_INFO;
        return true;
    default:
        return true;
    }
}

static ss_status_t take(struct ss_boot_profile *p, unsigned number, char *line, struct ss_error *err)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return SS_OK;
    *equals = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strcmp(options[i].name, line) && !apply(&options[i], equals + 1, p))
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "sdkconfig line %u: '%s' is no value of %s",
                                number, equals + 1, line);
    return SS_OK;
}

static ss_status_t add_build(const struct ss_profile_build *build, struct ss_boot_profile *p, struct ss_error *err)
{
    if (build->idf_version) {
        if (!ss_profile_idf_number(build->idf_version, &p->idf) || strlen(build->idf_version) > 32)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP,
                                "the build's ESP-IDF version '%s' is none such as v4.0.1", build->idf_version);
        strcpy(p->idf_version, build->idf_version);
    }
    if (build->public_key) {
        if (build->public_key_len > sizeof p->public_key)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP,
                                "the build's public key has %zu bytes, room is for %zu", build->public_key_len,
                                sizeof p->public_key);
        memcpy(p->public_key, build->public_key, build->public_key_len);
        p->public_key_len = build->public_key_len;
        p->has_public_key = true;
    }
    if (build->table_offset)
        p->table_offset = build->table_offset;
    return SS_OK;
}

ss_status_t ss_profile_from_sdkconfig(const char *in, size_t len, const struct ss_profile_build *build,
                                      struct ss_boot_profile *profile, struct ss_error *err)
{
    static const struct ss_boot_profile start = SS_BOOT_PROFILE_DEFAULT;
    struct ss_boot_profile p = start;
    struct ss_text text = {.at = in, .len = len};
    char line[SS_PROFILE_LINE];
    bool any = false;
    ss_status_t status = SS_OK;
    *profile = start;
    p.source = SS_PROFILE_BUILD;
    p.allow_dl_encrypt = false; // sdkconfig says it where it holds, also for development mode
    while (status == SS_OK && ss_profile_next_line(&text, line)) {
        line[strcspn(line, "\r")] = 0;
        if (strncmp(line, "CONFIG_", 7))
            continue;
        any = true;
        status = take(&p, text.number, line + 7, err);
    }
    if (status == SS_OK && !any)
        status =
            ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "not an sdkconfig: no line begins with CONFIG_");
    if (status == SS_OK && build)
        status = add_build(build, &p, err);
    if (status != SS_OK)
        return status;
    ss_profile_settle(&p);
    *profile = p;
    return SS_OK;
}
