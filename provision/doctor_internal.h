// SPDX-License-Identifier: Apache-2.0
// Inside of the doctor: the patient, and the places in its flash.
#ifndef SS_PROVISION_DOCTOR_INTERNAL_H
#define SS_PROVISION_DOCTOR_INTERNAL_H

#include "provision/doctor.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"
#include "slotseal/partition_table.h"

enum {
    BOOTLOADER_ADDRESS = 0x1000,
    CONFIG_FULL = 0xF, ///< FLASH_CRYPT_CONFIG as ESP-IDF burns it and every tool seals for
    MAX_APPS = SS_PARTITION_MAX_OTA + 2,
    MAX_ADDRESSES = MAX_APPS + 4,
};

enum place_kind { PLACE_BOOTLOADER, PLACE_TABLE, PLACE_OTADATA, PLACE_APP };

enum place_state {
    PLACE_OUTSIDE,      ///< not in the dump
    PLACE_ERASED,       ///<
    PLACE_PLAIN,        ///< what it should be, unencrypted
    PLACE_SEALED,       ///< what it should be, sealed for this place
    PLACE_SEALED_WRONG, ///< what it should be, sealed for another place, key or configuration
    PLACE_NOISE,        ///< looks like ciphertext; what it is cannot be said
    PLACE_OTHER,        ///< neither the right structure nor ciphertext
};

/// Keys that a place may be sealed with.
enum { KEY_CHIP, KEY_REVERSED, KEY_FILE, KEY_COUNT };

struct place {
    enum place_kind kind;
    uint32_t address, size;
    char name[SS_PARTITION_LABEL_SIZE + 1];
    enum place_state state;
    const uint8_t *raw;  ///< `size` bytes of the flash, fewer at its end
    const uint8_t *data; ///< the plaintext, as far as it could be recovered; NULL if not
    uint8_t *own;        ///< allocated for `data`
    uint32_t sealed_for; ///< SEALED and SEALED_WRONG: address …
    unsigned config;     ///< … FLASH_CRYPT_CONFIG …
    unsigned key;        ///< … and key
    bool good;           ///< nothing was found that keeps it from being used
    bool damaged;        ///< the plaintext itself is not whole: digests and signatures say nothing about it
};

struct doctor {
    const struct ss_doctor_input *in;
    struct ss_doctor_report *out;
    struct ss_boot_profile *profile; ///< in the report
    bool guessed;                    ///< the profile is a guess
    struct ss_crypt_count count;
    bool encrypts;   ///< the chip decrypts what it reads
    bool expects;    ///< the same once what was found is repaired
    unsigned config; ///< as burned
    unsigned settled_config, settled_key;
    bool has_key[KEY_COUNT];
    uint8_t keys[KEY_COUNT][32];
    size_t key_len[KEY_COUNT];
    uint32_t table_at;
    bool has_table;
    struct ss_partition_table table;
    struct place bootloader, table_place, otadata, apps[MAX_APPS];
    unsigned app_count;
    bool flash_plain_at_risk; ///< something would have to be written in plaintext, or sealed anew
};

// report.c

/// A new finding; a scratch one that nobody sees when the report is full. Never NULL.
struct ss_doctor_finding *finding_add(struct ss_doctor_report *report, enum ss_doctor_id id,
                                      enum ss_doctor_severity severity, bool certain);
void finding_seen(struct ss_doctor_finding *f, const char *format, ...) SS_PRINTF(2, 3);
void finding_repair(struct ss_doctor_finding *f, enum ss_doctor_repair repair, const char *format, ...) SS_PRINTF(3, 4);
void finding_command(struct ss_doctor_finding *f, const char *format, ...) SS_PRINTF(2, 3);
/// espefuse's burn_efuse. With a guessed profile a step that rests on it comes out as a comment.
void finding_burn(const struct doctor *d, struct ss_doctor_finding *f, bool rests_on_profile, const char *what);
/// What makes the file for @p place and writes it: sealed if the chip expects that, signed if it has to be.
void finding_rewrite(const struct doctor *d, struct ss_doctor_finding *f, const struct place *place);

// doctor_place.c

/// Looks at what lies at place->address. SS_ERROR_INSUFFICIENT_MEMORY, or what the cipher reports.
SS_MUST_USE ss_status_t place_look(const struct doctor *d, struct place *place, struct ss_error *err);
void place_free(struct place *place);
/// Whether @p data (at least 64 bytes) has the structure of the kind.
bool place_fits(enum place_kind kind, const uint8_t *data);
/// Ciphertext with a plaintext V1 signature behind it, seen without the key; *at is where the signature begins.
bool place_signed_noise(const struct place *place, size_t *at);
/// "for 0x10000", "with FLASH_CRYPT_CONFIG 0x0", …: what the place is sealed for, where it differs from what it should.
void place_describe_seal(const struct doctor *d, const struct place *place, char *out, size_t size);

// One file each: the parts of an examination, in their order.

ss_status_t doctor_efuses(struct doctor *d, struct ss_error *err);
ss_status_t doctor_settle(struct doctor *d, struct ss_error *err);
ss_status_t doctor_bootloader(struct doctor *d, struct ss_error *err);
ss_status_t doctor_table(struct doctor *d, struct ss_error *err);
ss_status_t doctor_otadata(struct doctor *d, struct ss_error *err);
ss_status_t doctor_apps(struct doctor *d, struct ss_error *err);
ss_status_t doctor_secure_boot(struct doctor *d, struct ss_error *err);
/// Bits that protect what flash encryption is for, and whether the repairs can be carried out at all.
void doctor_protection(struct doctor *d);
void doctor_prospects(struct doctor *d);

/// The first V2 signature block of an image in a place, which is all that an ESP32 looks at.
enum v2_signature {
    V2_ABSENT,
    V2_WRONG,     ///< damaged, of another image, or the signature does not verify
    V2_UNTRUSTED, ///< by a key whose digest BLOCK2 does not hold
    V2_GOOD,
};
enum v2_signature doctor_v2_signature(const struct doctor *d, const struct place *place, const struct ss_image *image,
                                      uint8_t key_digest[32]);

uint32_t doctor_get(const struct doctor *d, const char *field);
/// True if this block's content is known: silicon, or not hidden.
bool doctor_block_known(const struct doctor *d, unsigned block);
bool doctor_block_blank(const struct doctor *d, unsigned block);

#endif
