// SPDX-License-Identifier: Apache-2.0
// What the doctor knows about each kind of finding.
#include "provision/doctor.h"

#define OBSERVED "observed"
#define SOURCE   "source"
#define INFERRED "inferred"

static const struct ss_doctor_rule rules[SS_DOCTOR_IDS] = {
    [SS_DOCTOR_NONE] = {"none", "nothing", "", SOURCE},
    [SS_DOCTOR_CODING_UNSUPPORTED] = {"coding-scheme-unsupported", "coding scheme \"repeat\"",
                                      "ESP-IDF supports eFuse coding none and 3/4 only, and CODING_SCHEME is burned at "
                                      "the factory: flash encryption and secure boot cannot be used on this chip.",
                                      SOURCE},
    [SS_DOCTOR_CODING_MISMATCH] = {"coding-scheme-mismatch", "key does not suit the eFuse coding scheme",
                                   "Under 3/4 coding a key has 24 bytes and each 6 of them carry 2 check bytes; a key "
                                   "burned as 32 plain bytes is read by the hardware as something else.",
                                   SOURCE},
    [SS_DOCTOR_KEY_MISSING] = {"flash-key-missing", "flash encryption is on without a key",
                               "BLOCK1 is blank: the hardware decrypts with a key of zeros, which nothing was sealed "
                               "with, and which protects nothing.",
                               INFERRED},
    [SS_DOCTOR_KEY_READABLE] = {"flash-key-readable", "the flash key can be read by software",
                                "Anyone with a serial cable reads the key out of BLOCK1. A bootloader that is to turn "
                                "encryption on refuses such a key: it wants it unset, or read- and write-protected.",
                                SOURCE},
    [SS_DOCTOR_KEY_WRITABLE] = {"flash-key-writable", "the flash key can be burned over",
                                "More bits can be set in BLOCK1, which destroys the key. A bootloader that is to turn "
                                "encryption on refuses such a key: it wants it unset, or read- and write-protected.",
                                SOURCE},
    [SS_DOCTOR_KEY_REVERSED] =
        {"flash-key-reversed", "the flash key was burned in the wrong byte order",
         "The hardware takes the key from the last byte to the first. espefuse turns it round for the name "
         "flash_encryption, but burns BLOCK1 as it is given.",
         SOURCE},
    [SS_DOCTOR_KEY_DIFFERS] = {"flash-key-differs", "the key file is not this chip's key",
                               "What is sealed with this file decrypts to noise on this chip.", SOURCE},
    [SS_DOCTOR_RD_DIS_LOCKED] = {"rd-dis-locked", "RD_DIS was write-protected before the key was hidden",
                                 "WR_DIS bit 0 freezes all read protection: the key of BLOCK1 stays readable for ever. "
                                 "Enabling secure boot before flash encryption does this.",
                                 SOURCE},
    [SS_DOCTOR_CONFIG_MISSING] = {"crypt-config-missing", "FLASH_CRYPT_CONFIG is not burned",
                                  "The hardware mixes the flash address into the key only as far as FLASH_CRYPT_CONFIG "
                                  "says. espsecure and slotseal seal for 0xF, so all that is sealed decrypts to noise. "
                                  "Burning the key does not burn it; only the bootloader's own first boot does.",
                                  SOURCE},
    [SS_DOCTOR_CONFIG_WEAK] = {"crypt-config-weak", "flash encryption without address tweak",
                               "The same 32 bytes look the same wherever they lie, and blocks can be moved about in "
                               "flash unnoticed.",
                               SOURCE},
    [SS_DOCTOR_DECRYPTION_OFF] =
        {"decryption-off", "flash holds ciphertext while decryption is off",
         "FLASH_CRYPT_CNT has an even number of bits set, so the chip reads flash as it is and "
         "takes the ciphertext for a broken image.",
         OBSERVED},
    [SS_DOCTOR_COUNT_USED_UP] = {"crypt-count-used-up", "FLASH_CRYPT_CNT cannot be changed any more",
                                 "All its bits are burned, or it is write-protected: flash encryption stays as it is "
                                 "now, for ever.",
                                 SOURCE},
    [SS_DOCTOR_DOWNLOAD_OPEN] = {"download-mode-open", "download mode decrypts flash for anyone",
                                 "With DISABLE_DL_DECRYPT or DISABLE_DL_CACHE unburned, the ROM's loader gives out the "
                                 "decrypted flash. The bootloader burns them only when it turns encryption on itself.",
                                 SOURCE},
    [SS_DOCTOR_DEBUG_OPEN] = {"jtag-open", "JTAG is open", "A debugger reads the decrypted flash and memory.", SOURCE},
    [SS_DOCTOR_UART_DISABLED] =
        {"uart-download-disabled", "the serial loader is switched off",
         "UART_DOWNLOAD_DIS is burned: neither esptool nor espefuse reaches the chip, so nothing "
         "below can be repaired over the serial port.",
         SOURCE},
    [SS_DOCTOR_BOOTLOADER_MISSING] = {"bootloader-missing", "no bootloader at 0x1000",
                                      "The mask ROM finds erased flash where it looks for an image.", OBSERVED},
    [SS_DOCTOR_BOOTLOADER_PLAINTEXT] = {"bootloader-plaintext", "bootloader in plaintext while decryption is on",
                                        "The mask ROM reads 0x1000 through decryption. Plaintext comes out as noise "
                                        "without the image magic, and it stops before any software runs.",
                                        OBSERVED},
    [SS_DOCTOR_BOOTLOADER_SEALED_WRONG] =
        {"bootloader-sealed-wrong", "bootloader sealed for something else",
         "Ciphertext is valid for one key, one flash address and one FLASH_CRYPT_CONFIG. "
         "Elsewhere it decrypts to noise, and the mask ROM stops.",
         OBSERVED},
    [SS_DOCTOR_BOOTLOADER_UNREADABLE] = {"bootloader-unreadable", "the mask ROM does not read an image at 0x1000",
                                         "What lies there, after decryption if it is on, does not begin with the image "
                                         "magic 0xE9.",
                                         OBSERVED},
    [SS_DOCTOR_BOOTLOADER_DAMAGED] = {"bootloader-damaged", "the bootloader image is damaged",
                                      "The mask ROM checks header, segments and checksum, and refuses it.", OBSERVED},
    [SS_DOCTOR_BOOTLOADER_ADDRESS] = {"bootloader-wrong-address", "the bootloader lies at the wrong address",
                                      "The ESP32's mask ROM looks at 0x1000 only.", SOURCE},
    [SS_DOCTOR_BOOTLOADER_OVERLAP] = {"bootloader-overlaps-table", "the bootloader reaches into the partition table",
                                      "Both lie in the same flash: whichever was written last has destroyed the other. "
                                      "Secure boot and flash encryption make bootloaders grow.",
                                      SOURCE},
    [SS_DOCTOR_BOOTLOADER_FLASH_SIZE] = {"header-flash-size", "flash size in the bootloader's header is too small",
                                         "The bootloader believes its own header and refuses a table with partitions "
                                         "beyond that size.",
                                         OBSERVED},
    [SS_DOCTOR_BOOTLOADER_UNKNOWN] = {"bootloader-not-checkable", "the bootloader could not be checked",
                                      "It is ciphertext, and the flash key is not known.", SOURCE},
    [SS_DOCTOR_TABLE_MISSING] = {"table-missing", "no partition table",
                                 "The bootloader finds erased flash where it looks for the table, and so no app.",
                                 OBSERVED},
    [SS_DOCTOR_TABLE_PLAINTEXT] = {"table-plaintext", "partition table in plaintext while decryption is on",
                                   "The bootloader reads the table through decryption and finds noise.", OBSERVED},
    [SS_DOCTOR_TABLE_SEALED_WRONG] = {"table-sealed-wrong", "partition table sealed for something else",
                                      "Ciphertext is valid for one key, one flash address and one FLASH_CRYPT_CONFIG. "
                                      "Elsewhere it decrypts to noise.",
                                      SOURCE},
    [SS_DOCTOR_TABLE_UNREADABLE] = {"table-unreadable", "the bootloader does not read a partition table",
                                    "What lies there, after decryption if it is on, does not begin with the magic of a "
                                    "table row.",
                                    OBSERVED},
    [SS_DOCTOR_TABLE_DAMAGED] = {"table-damaged", "the partition table is damaged",
                                 "The bootloader checks rows, end and MD5, and resets when one is wrong.", OBSERVED},
    [SS_DOCTOR_TABLE_ADDRESS] = {"table-wrong-address", "the partition table lies at the wrong address",
                                 "The bootloader looks where CONFIG_PARTITION_TABLE_OFFSET says, nowhere else.",
                                 SOURCE},
    [SS_DOCTOR_TABLE_INVALID] = {"table-invalid", "the partition table is not sound",
                                 "Bootloader or app cannot use it as it stands.", SOURCE},
    [SS_DOCTOR_TABLE_UNKNOWN] = {"table-not-checkable", "the partition table could not be checked",
                                 "It is ciphertext, and the flash key is not known.", SOURCE},
    [SS_DOCTOR_OTADATA_ERASED] = {"otadata-erased", "otadata was left erased while decryption is on",
                                  "Erased flash decrypts to noise, not to blank records. The bootloader complains at "
                                  "every boot, tries the slots in order and never repairs it.",
                                  OBSERVED},
    [SS_DOCTOR_OTADATA_PLAINTEXT] = {"otadata-plaintext", "otadata in plaintext while decryption is on",
                                     "The bootloader reads it as noise and ignores which slot it selects.", SOURCE},
    [SS_DOCTOR_OTADATA_SEALED_WRONG] = {"otadata-sealed-wrong", "otadata sealed for something else",
                                        "The bootloader reads it as noise and ignores which slot it selects.", SOURCE},
    [SS_DOCTOR_OTADATA_UNREADABLE] = {"otadata-unreadable", "no valid record in otadata",
                                      "The bootloader cannot tell which slot is meant and tries them all in order.",
                                      OBSERVED},
    [SS_DOCTOR_OTADATA_SELECTS_BAD] = {"otadata-selects-bad-slot", "otadata selects a slot that does not boot",
                                       "The bootloader reports it and falls back to another slot.", OBSERVED},
    [SS_DOCTOR_OTADATA_UNKNOWN] = {"otadata-not-checkable", "otadata could not be checked",
                                   "It is ciphertext, and the flash key is not known.", SOURCE},
    [SS_DOCTOR_APP_MISSING] = {"app-missing", "no app in any slot", "There is nothing that the bootloader could start.",
                               OBSERVED},
    [SS_DOCTOR_APP_PLAINTEXT] = {"app-plaintext", "app in plaintext while decryption is on",
                                 "The bootloader reads app partitions through decryption and finds noise.", OBSERVED},
    [SS_DOCTOR_APP_SEALED_WRONG] = {"app-sealed-wrong", "app sealed for something else",
                                    "Ciphertext is valid for one key, one flash address and one FLASH_CRYPT_CONFIG: an "
                                    "image sealed for ota_0 is noise in ota_1.",
                                    OBSERVED},
    [SS_DOCTOR_APP_UNREADABLE] = {"app-unreadable", "the bootloader does not read an image in this slot",
                                  "What lies there, after decryption if it is on, does not begin with the image magic "
                                  "0xE9.",
                                  OBSERVED},
    [SS_DOCTOR_APP_DAMAGED] = {"app-damaged", "the app image would not be started",
                               "The bootloader checks header, segments, checksum, hash and size, and passes the slot "
                               "over.",
                               OBSERVED},
    [SS_DOCTOR_APP_SEALED_THEN_SIGNED] =
        {"app-sealed-then-signed", "app encrypted first and signed afterwards",
         "The signature covers ciphertext and lies in flash as plaintext. The bootloader "
         "reads it through decryption, as noise, and verifies the decrypted image, "
         "which nobody has signed.",
         SOURCE},
    [SS_DOCTOR_APP_UNSIGNED] = {"app-unsigned", "app without a signature", "This bootloader starts signed apps only.",
                                SOURCE},
    [SS_DOCTOR_APP_SIGNATURE_WRONG] = {"app-signature-wrong", "the app's signature does not verify",
                                       "It was made with another key, or the image was changed after it was signed.",
                                       SOURCE},
    [SS_DOCTOR_APP_UNKNOWN] = {"app-not-checkable", "an app could not be checked",
                               "It is ciphertext, and the flash key is not known.", SOURCE},
    [SS_DOCTOR_PARTITION_PLAINTEXT] = {"partition-plaintext", "a partition that the app reads decrypted is plaintext",
                                       "Partitions flagged encrypted, and nvs_keys, are read through decryption.",
                                       SOURCE},
    [SS_DOCTOR_PUBLIC_KEY_LENGTH] =
        {"public-key-length", "the public key in the bootloader has the wrong length",
         "ESP-IDF links any file unseen, but the key must be 64 raw bytes: X and Y. PEM or DER "
         "of openssl makes every app fail at run time.",
         SOURCE},
    [SS_DOCTOR_SECURE_BOOT_NOT_ARMED] = {"secure-boot-not-armed", "secure boot is built in but not armed",
                                         "The bootloader arms it only after it has verified an app for the first time. "
                                         "Until then the chip takes any bootloader.",
                                         SOURCE},
    [SS_DOCTOR_SECURE_BOOT_DIGEST] =
        {"secure-boot-digest-wrong", "the bootloader's secure boot digest does not match",
         "The mask ROM compares the digest at flash address 0 with that of the bootloader and "
         "stops.",
         SOURCE},
    [SS_DOCTOR_SECURE_BOOT_KEY_MISSING] = {"secure-boot-key-missing", "secure boot is armed without a key",
                                           "BLOCK2 is blank while ABS_DONE_0 or ABS_DONE_1 is burned.", INFERRED},
    [SS_DOCTOR_SECURE_BOOT_KEY_OPEN] =
        {"secure-boot-key-open", "the secure boot key is not protected",
         "Whoever reads BLOCK2 makes valid bootloader digests; whoever burns more bits kills "
         "the chip.",
         SOURCE},
    [SS_DOCTOR_SECURE_BOOT_UNKNOWN] = {"secure-boot-not-checkable", "secure boot could not be checked",
                                       "What it depends on cannot be read from outside.", SOURCE},
    [SS_DOCTOR_SECURE_BOOT_V2_REVISION] = {"secure-boot-v2-revision", "secure boot V2 on a chip before revision 3",
                                           "The mask ROM of older chips does not know V2: ABS_DONE_1 protects nothing.",
                                           SOURCE},
    [SS_DOCTOR_SECURE_BOOT_V2_HIDDEN] =
        {"secure-boot-v2-digest-hidden", "the V2 key digest is read-protected",
         "Software compares the signature's key with BLOCK2, which reads as zero: no app "
         "verifies.",
         SOURCE},
    [SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED] = {"secure-boot-v2-unsigned", "the bootloader has no valid V2 signature block",
                                           "The mask ROM verifies the bootloader and stops.", SOURCE},
    [SS_DOCTOR_SECURE_BOOT_V2_KEY] = {"secure-boot-v2-key", "the bootloader is signed with an untrusted key",
                                      "The mask ROM trusts only the key whose digest is in BLOCK2, and stops.",
                                      OBSERVED},
    [SS_DOCTOR_ENCRYPTION_NOT_BUILT] =
        {"encryption-not-built-in", "flash encryption is not enabled in the build",
         "Without CONFIG_SECURE_FLASH_ENC_ENABLED an app of ESP-IDF v4.0 cannot read or write "
         "encrypted partitions: it cannot switch slots. Nor does the bootloader burn "
         "FLASH_CRYPT_CONFIG or the download-mode bits.",
         SOURCE},
    [SS_DOCTOR_LOG_DOWNLOAD] = {"strapped-for-download", "the chip waits in download mode",
                                "GPIO0 was low at reset: the mask ROM waits for esptool and starts nothing.", SOURCE},
    [SS_DOCTOR_LOG_SILENT] = {"silent-after-reset", "nothing after the reset line",
                              "The mask ROM found no image: erased flash, or something that decrypts to noise.",
                              OBSERVED},
    [SS_DOCTOR_LOG_CHIP] = {"image-for-other-chip", "the image is for another chip or revision",
                            "The bootloader compares chip id and revision with its own and refuses.", SOURCE},
    [SS_DOCTOR_LOG_REFUSED_ENCRYPTION] =
        {"encryption-refused", "the bootloader could not turn encryption on",
         "Something it needs is not as it should be; it starts no app before that is done.", SOURCE},
    [SS_DOCTOR_LOG_REFUSED_SECURE_BOOT] = {"secure-boot-refused", "the bootloader could not arm secure boot",
                                           "Something it needs is not as it should be; it aborts.", SOURCE},
    [SS_DOCTOR_LOG_INTERRUPTED] =
        {"encryption-interrupted", "flash encryption did not run to its end",
         "The bootloader encrypts itself and every partition in place and burns FLASH_CRYPT_CNT last. After a reset in "
         "between, flash is part ciphertext while the chip reads it as plaintext.",
         SOURCE},
    [SS_DOCTOR_LOG_FLASH_VOLTAGE] =
        {"flash-voltage", "GPIO12 may select the wrong flash voltage",
         "GPIO12 (MTDI) high at reset gives the flash 1.8 V unless eFuses fix the voltage. A flash for 3.3 V then "
         "cannot be read.",
         SOURCE},
    [SS_DOCTOR_LOG_FLASH_UNSTABLE] =
        {"flash-reads-differ", "flash is not read reliably",
         "What the mask ROM reads changes from reset to reset, or breaks off: no encryption and no wrong file does "
         "that.",
         INFERRED},
    [SS_DOCTOR_LOG_BROWNOUT] = {"brownout", "the supply voltage breaks down",
                                "Power that fails while eFuses are burned or flash is encrypted can end a device.",
                                SOURCE},
    [SS_DOCTOR_LOG_OTHER_CHIP] = {"other-chip", "the log is of another chip than an ESP32",
                                  "Later chips boot in a similar way, with other eFuses, addresses and ciphers.",
                                  SOURCE},
    [SS_DOCTOR_PLAN_REFUSED] = {"plan-command-fails", "this command fails",
                                "The tool refuses, and what follows works on something else than was meant.", SOURCE},
    [SS_DOCTOR_PLAN_SEALED_THEN_SIGNED] =
        {"plan-signs-ciphertext", "this command signs ciphertext",
         "The bootloader verifies the decrypted image. Sign the plaintext, pad it, then "
         "encrypt.",
         SOURCE},
    [SS_DOCTOR_PLAN_ADDRESS] = {"plan-address-differs", "sealed for one address, flashed to another",
                                "It decrypts to noise there.", OBSERVED},
    [SS_DOCTOR_PLAN_UNUSED] = {"plan-output-unused", "a sealed file is never flashed",
                               "Something else lies where it was made for.", SOURCE},
    [SS_DOCTOR_PLAN_TABLE_UNSIGNED] =
        {"plan-table-unsigned", "the partition table is not signed",
         "No effect from ESP-IDF v3.1 on, which does not verify it; v3.0 and older refuse it.", SOURCE},
    [SS_DOCTOR_PLAN_HEADER] =
        {"plan-header-rewritten", "esptool may rewrite the bootloader's header",
         "Flash mode, clock and size given to write_flash change the header while writing; a digest or "
         "signature made before does not fit any more.",
         SOURCE},
    [SS_DOCTOR_PLAN_KEY_REPLACED] =
        {"plan-key-replaced", "a key file is overwritten",
         "espsecure replaces an existing key without a word; a key that is burned and has no file "
         "any more is lost.",
         OBSERVED},
    [SS_DOCTOR_PLAN_KEY_FORMAT] =
        {"plan-key-format", "this public key is not 64 raw bytes",
         "openssl writes PEM or DER. ESP-IDF links that, and then every app fails at run time.", SOURCE},
    [SS_DOCTOR_PLAN_LOCKED_OUT] = {"plan-locked-out", "the chip cannot be reached any more",
                                   "UART_DOWNLOAD_DIS was burned before; it has to be the last step.", SOURCE},
    [SS_DOCTOR_PLAN_NOT_MODELLED] = {"plan-not-modelled", "a command that is not simulated",
                                     "What it does to the chip is not known here.", SOURCE},
    [SS_DOCTOR_PLAN_STAND_IN] = {"plan-stand-in", "files that are not there yet",
                                 "Made-up files stood in for them in this rehearsal.", SOURCE},
};

const struct ss_doctor_rule *ss_doctor_rule(enum ss_doctor_id id)
{
    return &rules[id];
}

const char *ss_doctor_severity_name(enum ss_doctor_severity severity)
{
    static const char *const names[] = {"stops", "risk", "unknown"};
    return names[severity];
}

const char *ss_doctor_repair_name(enum ss_doctor_repair repair)
{
    static const char *const names[] = {"flash", "burn", "build", "no", "none"};
    return names[repair];
}

bool ss_doctor_stops(const struct ss_doctor_report *report)
{
    for (unsigned i = 0; i < report->count; i++)
        if (report->findings[i].severity == SS_DOCTOR_STOPS)
            return true;
    return false;
}

const struct ss_doctor_finding *ss_doctor_find(const struct ss_doctor_report *report, enum ss_doctor_id id)
{
    for (unsigned i = 0; i < report->count; i++)
        if (report->findings[i].id == id)
            return &report->findings[i];
    return NULL;
}
