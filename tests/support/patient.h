// SPDX-License-Identifier: Apache-2.0
// Chips made up for the doctor: a healthy state, and the mistakes that are made with it.
#ifndef SS_TESTS_PATIENT_H
#define SS_TESTS_PATIENT_H

#include "chip/profile.h"
#include "slotseal/efuse.h"

#define PATIENT_FLASH (2u << 20)

/// How a file got into flash. All zero: as it should be.
struct patient_form {
    bool missing;
    bool plain;          ///< although flash is encrypted
    uint32_t sealed_for; ///< another address; 0: its own
    bool other_config;   ///< sealed for FLASH_CRYPT_CONFIG 0
    bool damaged;        ///< a byte is wrong
};

/// The recipe of a chip. Start from one of the healthy ones.
struct patient {
    bool encrypt, sign_v1, armed, v2;
    unsigned count, config, wr_dis, rd_dis, coding, dl_bits; ///< dl_bits: BLOCK0 word 6
    bool reversed_key, uart_disabled;
    struct patient_form bootloader, table, otadata, app;
    unsigned flash_code;   ///< of the bootloader's header
    uint32_t big;          ///< bytes of its segment; 0: small
    uint32_t table_at;     ///< where the table is written; 0: 0x8000
    bool otadata_record;   ///< selects ota_0, else two sectors of 0xFF
    bool otadata_unsealed; ///< erased although flash is encrypted
    bool selects_empty;    ///< the record selects ota_1
    bool unsigned_app, wrong_signature, sealed_then_signed;
    bool wrong_digest, block2_wrong;
    size_t public_key_len;
    bool profile_encrypts;
};

extern const struct patient patient_plain, patient_development, patient_release, patient_secure, patient_v2;

/// The chip and the profile of its bootloader; `flash` has PATIENT_FLASH bytes.
struct patient_chip {
    uint8_t *flash;
    struct ss_efuse silicon;
    struct ss_boot_profile profile;
    uint8_t key[32];
};
void patient_make(const struct patient *p, struct patient_chip *chip);

#endif
