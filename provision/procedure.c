// SPDX-License-Identifier: Apache-2.0
// The steps of the two standard procedures. ESP-IDF docs, "Flash Encryption", "Secure Boot", "Secure Boot V2", "Security
// Features Enablement Workflows"; what the bootloader burns by itself: components/bootloader_support (v4.0.1).
#include "provision/procedure.h"

#include <stdio.h>
#include <string.h>

#include "provision/procedure_bits.h"

static struct ss_step *add(struct ss_procedure *p, enum ss_step_kind kind, const char *id, const char *title,
                           const char *undo)
{
    struct ss_step *s = &p->steps[p->count++];
    *s = (struct ss_step){.id = id, .title = title, .undo = undo, .kind = kind};
    s->irreversible = kind == SS_STEP_KEY || kind == SS_STEP_BURN || kind == SS_STEP_COUNT;
    return s;
}

static void add_burn(struct ss_procedure *p, const char *id, const char *title, const char *undo, uint32_t word0,
                     uint32_t word5, uint32_t word6)
{
    struct ss_step *s = add(p, SS_STEP_BURN, id, title, undo);
    s->bits.words[0] = word0;
    s->bits.words[5] = word5;
    s->bits.words[6] = word6;
}

static void add_flash_key(struct ss_procedure *p)
{
    struct ss_step *s = add(p, SS_STEP_KEY, "flash-key", "burn the flash key into BLOCK1 and read it back",
                            "nothing; the chip still works without encryption");
    s->secret = SS_SECRET_FLASH_KEY;
    s->block = 1;
    add_burn(p, "flash-key-protect", "protect the flash key from being read and written",
             "nothing; the vault has the only copy from here on", WR_DIS_BLK1 | RD_DIS_BLK1, 0, 0);
}

static void add_secure_boot_key(struct ss_procedure *p)
{
    bool v2 = p->options.secure_boot == SS_SECURE_BOOT_V2;
    if (!v2 && p->options.secure_boot != SS_SECURE_BOOT_V1_REFLASHABLE)
        return;
    struct ss_step *s =
        v2 ? add(p, SS_STEP_KEY, "secure-boot-digest", "burn the digest of the signing key into BLOCK2, read it back",
                 "nothing; secure boot is not on yet")
           : add(p, SS_STEP_KEY, "secure-boot-key", "burn the secure boot key into BLOCK2 and read it back",
                 "nothing; secure boot is not on yet");
    s->secret = v2 ? SS_SECRET_PUBLIC_DIGEST : SS_SECRET_SECURE_BOOT_KEY;
    s->block = 2;
    if (v2)
        add_burn(p, "secure-boot-digest-protect", "protect the digest from being written; it has to stay readable",
                 "nothing", WR_DIS_BLK2, 0, 0);
    else
        add_burn(p, "secure-boot-key-protect", "protect the secure boot key from being read and written", "nothing",
                 WR_DIS_BLK2 | RD_DIS_BLK2, 0, 0);
}

static uint32_t locks(const struct ss_procedure_options *o)
{
    return DL_DECRYPT | DL_CACHE | JTAG | CONSOLE | (o->level == SS_LEVEL_RELEASE ? DL_ENCRYPT : 0);
}

static void add_locks(struct ss_procedure *p)
{
    add_burn(p, "crypt-config", "burn FLASH_CRYPT_CONFIG to 0xF: the key is tweaked by the address",
             "nothing; without it everything that is sealed decrypts to noise", 0, CRYPT_CONFIG, 0);
    add_burn(p, "locks",
             p->options.level == SS_LEVEL_RELEASE
                 ? "close encryption, decryption and cache of download mode, JTAG and the ROM's console"
                 : "close decryption and cache of download mode, JTAG and the ROM's console",
             "nothing; flash can still be read, written and repaired as it lies there", 0, 0, locks(&p->options));
}

static void add_writes(struct ss_procedure *p, const struct ss_parts *parts)
{
    bool sealed = p->options.kind == SS_PROCEDURE_HOST_SEALED;
    for (size_t i = 0; i < parts->count; i++) {
        const struct ss_part *part = &parts->parts[i];
        const char *title = ss_part_is_erased(part)  ? "erase what is left of it"
                            : sealed && part->sealed ? "write it sealed"
                            : part->sealed           ? "write it in plaintext, the chip will encrypt it"
                                                     : "write it as it is: it is not encrypted";
        struct ss_step *s = add(p, SS_STEP_WRITE, NULL, title, "it can be written again");
        snprintf(s->name, sizeof s->name, "%s-%s", ss_part_is_erased(part) ? "erase" : "write", part->name);
        s->id = s->name;
        s->part = i;
    }
    add(p, SS_STEP_VERIFY, "read-back", "compare all of it with what lies in the flash", NULL);
}

/// A half-protected BLOCK2, left by a first boot that lost its power, would be refused by every later one.
static void add_completion(struct ss_procedure *p)
{
    if (p->options.secure_boot != SS_SECURE_BOOT_V1_ONE_TIME)
        return;
    add_burn(p, "secure-boot-key-complete", "if a first boot was cut short: complete the protection of BLOCK2",
             "nothing", WR_DIS_BLK2 | RD_DIS_BLK2, 0, 0);
    p->steps[p->count - 1].completes = true;
}

/// Bit 2 of WR_DIS covers UART_DOWNLOAD_DIS as well, so this comes after it.
static void add_count_protect(struct ss_procedure *p)
{
    if (p->options.level == SS_LEVEL_RELEASE)
        add_burn(p, "count-protect", "write-protect FLASH_CRYPT_CNT and UART_DOWNLOAD_DIS as they are", "nothing",
                 WR_DIS_CNT, 0, 0);
}

/// The opt-in steps.
static void add_extras(struct ss_procedure *p)
{
    if (p->options.count_max)
        add_burn(p, "count-max", "burn all of FLASH_CRYPT_CNT: encryption can never be turned off",
                 "nothing; plaintext can never be flashed again, sealed images can", CRYPT_COUNT, 0, 0);
    if (p->options.uart_disable)
        add_burn(p, "uart-disable", "burn UART_DOWNLOAD_DIS: no download mode any more",
                 "nothing, and nothing can be repaired over serial from here on", UART_DOWNLOAD_DIS, 0, 0);
}

static void add_boot(struct ss_procedure *p)
{
    const struct ss_procedure_options *o = &p->options;
    bool encrypts = o->kind == SS_PROCEDURE_DEVICE_ENCRYPTS;
    bool arms = o->secure_boot == SS_SECURE_BOOT_V1_ONE_TIME || o->secure_boot == SS_SECURE_BOOT_V2 ||
                (encrypts && o->secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE);
    const char *title = encrypts && arms
                            ? "boot: the bootloader encrypts the flash, burns the switches and arms secure boot"
                        : encrypts ? "boot: the bootloader encrypts the flash and burns the switches"
                        : arms     ? "boot and read the log: the bootloader verifies the app and arms secure boot"
                                   : "boot and read the log";
    struct ss_step *s =
        add(p, SS_STEP_BOOT, "boot", title, encrypts || arms ? "nothing of what the bootloader burns" : NULL);
    s->irreversible = encrypts || arms;
}

/// What has to be burned when everything is done, FLASH_CRYPT_CNT and BLOCK1 … 3 aside.
static void add_check(struct ss_procedure *p)
{
    const struct ss_procedure_options *o = &p->options;
    struct ss_step *s = add(p, SS_STEP_CHECK, "check", "read eFuses and flash again", NULL);
    s->bits.words[0] = WR_DIS_BLK1 | RD_DIS_BLK1;
    s->bits.words[5] = CRYPT_CONFIG;
    // The chip that encrypts by itself closes what its bootloader was built to close; the rest follows.
    s->bits.words[6] = o->kind == SS_PROCEDURE_HOST_SEALED ? locks(o) : 0;
    if (o->secure_boot == SS_SECURE_BOOT_V2) {
        s->bits.words[0] |= WR_DIS_BLK2;
        s->bits.words[6] |= ABS_DONE_1;
    } else if (o->secure_boot != SS_SECURE_BOOT_NONE) {
        s->bits.words[0] |= WR_DIS_BLK2 | RD_DIS_BLK2;
        s->bits.words[6] |= ABS_DONE_0;
    }
}

/// A release-mode app of ESP-IDF write-protects FLASH_CRYPT_CNT, and with it UART_DOWNLOAD_DIS, when it first runs.
static bool first_boot_locks(const struct ss_procedure_options *o)
{
    return o->profile->release;
}

static void add_host_sealed(struct ss_procedure *p, const struct ss_parts *parts)
{
    add_locks(p);
    add_writes(p, parts);
    add(p, SS_STEP_COUNT, "enable",
        "burn the next bit of FLASH_CRYPT_CNT: flash is read through decryption from now on",
        "by burning one more bit, up to three times, while it is not write-protected");
    if (p->options.secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE)
        add_burn(p, "secure-boot-enable", "burn ABS_DONE_0: the ROM compares the bootloader's digest from now on",
                 "nothing; a new bootloader needs a new digest, which slotseal makes", 0, 0, ABS_DONE_0);
    add_completion(p);
    // Without download mode nothing can be burned after the boot either.
    bool early = first_boot_locks(&p->options), all_early = early && p->options.uart_disable;
    if (early)
        add_extras(p);
    if (all_early)
        add_count_protect(p);
    add_boot(p);
    add_check(p);
    if (!early)
        add_extras(p);
    if (!all_early)
        add_count_protect(p);
}

static void add_device_encrypts(struct ss_procedure *p, const struct ss_parts *parts)
{
    add_writes(p, parts);
    add_completion(p);
    add_boot(p);
    add_check(p);
    add_locks(p);
    add_extras(p);
    add_count_protect(p);
}

ss_status_t ss_procedure_build(const struct ss_procedure_options *options, const struct ss_parts *parts,
                               struct ss_procedure *procedure, struct ss_error *err)
{
    *procedure = (struct ss_procedure){.options = *options};
    ss_status_t status = ss_procedure_check(options, NULL, err);
    if (status != SS_OK)
        return status;
    add_flash_key(procedure);
    add_secure_boot_key(procedure);
    if (options->kind == SS_PROCEDURE_HOST_SEALED)
        add_host_sealed(procedure, parts);
    else
        add_device_encrypts(procedure, parts);
    return SS_OK;
}

const char *ss_procedure_kind_name(enum ss_procedure_kind kind)
{
    return kind == SS_PROCEDURE_HOST_SEALED ? "host-sealed" : "device-encrypts";
}

const char *ss_procedure_level_name(enum ss_procedure_level level)
{
    return level == SS_LEVEL_DEVELOPMENT ? "development" : "release";
}
