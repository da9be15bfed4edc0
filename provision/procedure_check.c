// SPDX-License-Identifier: Apache-2.0
// Which procedures make sense, and what to know before one.
#include <stdarg.h>
#include <stdio.h>

#include "provision/procedure.h"

static void warn(struct ss_procedure_warnings *w, const char *format, ...) SS_PRINTF(2, 3);
static void warn(struct ss_procedure_warnings *w, const char *format, ...)
{
    va_list args;
    if (!w || w->count == SS_PROCEDURE_MAX_WARNINGS)
        return;
    va_start(args, format);
    vsnprintf(w->text[w->count++], sizeof w->text[0], format, args);
    va_end(args);
}

static ss_status_t refuse(struct ss_error *err, ss_status_t status, const char *text)
{
    return ss_error_set(err, status, SS_AREA_PROVISION, "%s", text);
}

static ss_status_t check_chip(const struct ss_procedure_options *o, struct ss_error *err)
{
    if (o->coding == SS_EFUSE_CODING_REPEAT)
        return refuse(err, SS_ERROR_NOT_SUPPORTED, "coding scheme \"repeat\": flash encryption does not work with it");
    if (o->secure_boot == SS_SECURE_BOOT_V2 && o->revision < 300)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_PROVISION,
                            "secure boot V2 needs an ESP32 of revision v3.0, this one is v%u.%u", o->revision / 100,
                            o->revision % 100);
    if (o->secure_boot == SS_SECURE_BOOT_V2 && o->coding == SS_EFUSE_CODING_34)
        return refuse(err, SS_ERROR_NOT_SUPPORTED,
                      "secure boot V2 needs all 256 bits of BLOCK2, this chip has 3/4 coding");
    if (o->uart_disable && o->revision < 300)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_PROVISION,
                            "UART_DOWNLOAD_DIS exists from revision v3.0 on, this chip is v%u.%u", o->revision / 100,
                            o->revision % 100);
    return SS_OK;
}

static enum ss_profile_secure_boot wanted_secure_boot(enum ss_secure_boot_scheme scheme)
{
    return scheme == SS_SECURE_BOOT_NONE ? SS_PROFILE_SECURE_BOOT_NONE
           : scheme == SS_SECURE_BOOT_V2 ? SS_PROFILE_SECURE_BOOT_V2
                                         : SS_PROFILE_SECURE_BOOT_V1;
}

static ss_status_t check_profile(const struct ss_procedure_options *o, struct ss_error *err)
{
    const struct ss_boot_profile *p = o->profile;
    if (!p || p->source == SS_PROFILE_GUESSED)
        return refuse(err, SS_ERROR_NOT_PERMITTED,
                      "what is compiled into the bootloader is only guessed, and that decides what it burns");
    if (p->secure_boot != wanted_secure_boot(o->secure_boot))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "the bootloader is built with secure boot %s, the product has %s",
                            ss_profile_secure_boot_name(p->secure_boot), ss_secure_boot_scheme_name(o->secure_boot));
    if (o->secure_boot == SS_SECURE_BOOT_V2 && p->idf < 40100)
        return refuse(err, SS_ERROR_NOT_PERMITTED, "secure boot V2 needs a bootloader of ESP-IDF v4.1 or later");
    return SS_OK;
}

static ss_status_t check_device_encrypts(const struct ss_procedure_options *o, struct ss_error *err)
{
    const struct ss_boot_profile *p = o->profile;
    if (!p->flash_encryption || p->require_encrypted)
        return refuse(err, SS_ERROR_NOT_PERMITTED,
                      "the bootloader is not built to encrypt the flash; use the plan host-sealed");
    if (p->release && o->level == SS_LEVEL_DEVELOPMENT)
        return refuse(err, SS_ERROR_NOT_PERMITTED,
                      "the bootloader is built for release mode and would close more than level development");
    if (p->release && (o->uart_disable || (o->count_max && p->idf < SS_IDF_4_4)))
        return refuse(err, SS_ERROR_NOT_PERMITTED,
                      "the first boot of this release-mode bootloader write-protects FLASH_CRYPT_CNT and "
                      "UART_DOWNLOAD_DIS; use the plan host-sealed, or a commissioning image in development mode");
    return SS_OK;
}

/// The first boot of these schemes protects a key and turns secure boot on. Half-done by a power cut, only download mode
/// can complete it.
static bool boot_arms(enum ss_secure_boot_scheme scheme)
{
    return scheme == SS_SECURE_BOOT_V1_ONE_TIME || scheme == SS_SECURE_BOOT_V2;
}

static ss_status_t check_host_sealed(const struct ss_procedure_options *o, struct ss_error *err)
{
    if (o->uart_disable && o->profile->release && boot_arms(o->secure_boot))
        return refuse(
            err, SS_ERROR_NOT_PERMITTED,
            "UART_DOWNLOAD_DIS would have to come before the boot that arms secure boot, which could never be "
            "repaired then; boot a commissioning image in development mode first");
    return SS_OK;
}

static void collect(const struct ss_procedure_options *o, struct ss_procedure_warnings *w)
{
    const struct ss_boot_profile *p = o->profile;
    if (o->revision < 300)
        warn(w, "revision v%u.%u: the flash key can be read out by fault injection (CVE-2019-17391)", o->revision / 100,
             o->revision % 100);
    if (o->secure_boot == SS_SECURE_BOOT_V1_ONE_TIME && !p->rollback)
        warn(w, "secure boot V1 one-time: this bootloader can never be replaced, and it cannot roll back an app that "
                "does not work");
    if (!p->flash_encryption)
        warn(w, "the bootloader is built without flash encryption: an app of ESP-IDF v4.0 cannot switch slots then");
    if (p->log != SS_PROFILE_LOG_INFO)
        warn(w, "the bootloader's log level is below info: the log cannot show that the app was started");
    if (o->level == SS_LEVEL_DEVELOPMENT)
        warn(w, "level development: whoever holds the device can turn encryption off and flash plaintext");
    if (p->release && o->level == SS_LEVEL_DEVELOPMENT)
        warn(w, "a release-mode app write-protects FLASH_CRYPT_CNT when it first runs");
}

ss_status_t ss_procedure_check(const struct ss_procedure_options *options, struct ss_procedure_warnings *warnings,
                               struct ss_error *err)
{
    if (warnings)
        warnings->count = 0;
    ss_status_t status = check_chip(options, err);
    if (status == SS_OK)
        status = check_profile(options, err);
    if (status == SS_OK)
        status = options->kind == SS_PROCEDURE_DEVICE_ENCRYPTS ? check_device_encrypts(options, err)
                                                               : check_host_sealed(options, err);
    if (status == SS_OK)
        collect(options, warnings);
    return status;
}
