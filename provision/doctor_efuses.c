// SPDX-License-Identifier: Apache-2.0
// eFuses: coding scheme, flash key and its protection, FLASH_CRYPT_CONFIG, FLASH_CRYPT_CNT, download mode.
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "provision/doctor_internal.h"
#include "slotseal/content.h"

#define ADD(id, severity, certain) finding_add(d->out, SS_DOCTOR_##id, SS_DOCTOR_##severity, certain)

static bool wr_dis(const struct doctor *d, unsigned bit)
{
    return doctor_get(d, "WR_DIS") >> bit & 1;
}

static bool rd_dis(const struct doctor *d, unsigned bit)
{
    return doctor_get(d, "RD_DIS") >> bit & 1;
}

/// The bootloader will want to turn encryption on at its first start.
static bool will_encrypt(const struct doctor *d)
{
    return d->profile->flash_encryption && !d->count.enabled && d->count.value == 0;
}

static void coding(struct doctor *d)
{
    enum ss_efuse_coding coding = ss_efuse_coding(d->in->efuse);
    bool wanted = d->expects || d->profile->flash_encryption || d->profile->secure_boot;
    if (coding == SS_EFUSE_CODING_REPEAT && wanted) {
        struct ss_doctor_finding *f = ADD(CODING_UNSUPPORTED, STOPS, true);
        finding_seen(f, "CODING_SCHEME is 2");
        finding_repair(f, SS_REPAIR_NO, "use another chip");
    }
    // The read window of a 3/4 coded block is decoded: only the silicon shows the check bytes.
    uint8_t data[24];
    if (coding == SS_EFUSE_CODING_34 && d->in->silicon && !doctor_block_blank(d, 1) &&
        ss_efuse_decode_34(&d->in->efuse->words[ss_efuse_block_start(1)], data) != 0) {
        struct ss_doctor_finding *f = ADD(CODING_MISMATCH, STOPS, true);
        finding_seen(f, "CODING_SCHEME is 1 (3/4) and the check bytes in BLOCK1 are wrong");
        finding_repair(f, SS_REPAIR_NO,
                       "a block can be burned once only; without flash encryption the chip remains usable "
                       "as long as FLASH_CRYPT_CNT has an even number of bits set");
    } else if (d->in->key && ((coding == SS_EFUSE_CODING_34) != (d->in->key_len == 24))) {
        struct ss_doctor_finding *f = ADD(CODING_MISMATCH, STOPS, true);
        finding_seen(f, "CODING_SCHEME is %d, which takes keys of %d bytes; the key file has %zu", (int)coding,
                     coding == SS_EFUSE_CODING_34 ? 24 : 32, d->in->key_len);
        finding_repair(f, SS_REPAIR_FLASH, "make a key of the right length before anything is burned");
        finding_command(f, "slotseal key generate --type %s -o new-flash-key.bin",
                        coding == SS_EFUSE_CODING_34 ? "flash-192" : "flash");
    }
}

static void key_open(struct doctor *d)
{
    bool readable = !rd_dis(d, 0), writable = !wr_dis(d, 7), locked = wr_dis(d, 0);
    enum ss_doctor_severity severity = will_encrypt(d) ? SS_DOCTOR_STOPS : SS_DOCTOR_RISK;
    if (readable && locked) {
        struct ss_doctor_finding *f = finding_add(d->out, SS_DOCTOR_RD_DIS_LOCKED, severity, true);
        finding_seen(f, "WR_DIS bit 0 is burned, RD_DIS bit 0 (BLOCK1) is not");
        finding_repair(f, SS_REPAIR_NO,
                       "nothing can be read-protected on this chip any more; encryption can still be "
                       "switched on from outside, with a key that anyone can read");
    } else if (readable) {
        struct ss_doctor_finding *f = finding_add(d->out, SS_DOCTOR_KEY_READABLE, severity, true);
        finding_seen(f, "BLOCK1 holds a key and RD_DIS bit 0 is not burned");
        finding_repair(f, SS_REPAIR_BURN, "hide it");
        finding_burn(d, f, false, "read_protect_efuse BLOCK1");
    }
    if (writable) {
        struct ss_doctor_finding *f = finding_add(d->out, SS_DOCTOR_KEY_WRITABLE, severity, true);
        finding_seen(f, "BLOCK1 holds a key and WR_DIS bit 7 is not burned");
        finding_repair(f, SS_REPAIR_BURN, "write-protect it");
        finding_burn(d, f, false, "write_protect_efuse BLOCK1");
    }
}

static void no_key(struct doctor *d)
{
    bool writable = !wr_dis(d, 7);
    struct ss_doctor_finding *f = ADD(KEY_MISSING, STOPS, true);
    finding_seen(f, "BLOCK1 is zero and not hidden, FLASH_CRYPT_CNT is 0x%02x", d->count.value);
    if (!writable) {
        finding_repair(f, SS_REPAIR_NO, "BLOCK1 is write-protected%s",
                       d->count.write_protected ? ""
                                                : "; encryption can be switched off by another bit of "
                                                  "FLASH_CRYPT_CNT");
        return;
    }
    finding_repair(f, SS_REPAIR_BURN, "burn a key, then seal everything with it");
    finding_burn(d, f, false, "burn_key flash_encryption flash-key.bin");
}

static void key(struct doctor *d)
{
    bool known = doctor_block_known(d, 1), blank = known && doctor_block_blank(d, 1);
    if (blank && d->expects)
        no_key(d);
    else if (blank && wr_dis(d, 0) && !rd_dis(d, 0) && d->profile->flash_encryption) {
        struct ss_doctor_finding *f = ADD(RD_DIS_LOCKED, STOPS, true);
        finding_seen(f, "WR_DIS bit 0 is burned before any key");
        finding_repair(f, SS_REPAIR_NO, "no key can be hidden on this chip any more");
    } else if (!blank && (d->expects || d->profile->flash_encryption)) {
        key_open(d);
    }
    if (d->has_key[KEY_FILE] && memcmp(d->keys[KEY_FILE], d->keys[KEY_REVERSED], d->key_len[KEY_FILE]) != 0) {
        struct ss_doctor_finding *f = ADD(KEY_DIFFERS, RISK, true);
        finding_seen(f, "BLOCK1 holds another key than the file");
        finding_repair(f, SS_REPAIR_FLASH, "find the file of the key that was burned, and seal with that one");
    }
}

ss_status_t doctor_efuses(struct doctor *d, struct ss_error *err)
{
    (void)err;
    if (!d->in->efuse)
        return SS_OK;
    coding(d);
    key(d);
    return SS_OK;
}

// FLASH_CRYPT_CONFIG: what the ciphertext says against what is burned.

enum tweak { TWEAK_UNKNOWN, TWEAK_NONE, TWEAK_SOME };

/// Without the key: most of a table is 0xFF, so its lines are equal in plaintext. Sealed without address tweak they are
/// equal still, with any tweak they are not.
static enum tweak table_tweak(const struct doctor *d)
{
    size_t at = d->table_at;
    if (!d->in->flash || !ss_range_ok(at, SS_TABLE_BINARY_SIZE, d->in->flash_len))
        return TWEAK_UNKNOWN;
    const uint8_t *p = d->in->flash + at;
    if (ss_content_classify(p, SS_TABLE_BINARY_SIZE) != SS_CONTENT_NOISE) {
        bool same = memcmp(p + 0xBC0, p + 0xBE0, SS_FLASH_CIPHER_LINE) == 0;
        bool value = ss_all_bytes(p + 0xBE0, SS_FLASH_CIPHER_LINE, p[0xBE0]);
        return same && !value ? TWEAK_NONE : TWEAK_UNKNOWN;
    }
    return memcmp(p + 0xBC0, p + 0xBE0, SS_FLASH_CIPHER_LINE) == 0 ? TWEAK_NONE : TWEAK_SOME;
}

/// What ciphertext that can be read was sealed with: most of it, so that one file sealed wrongly does not mislead.
/// False if none can be read.
static bool sealed_with(struct doctor *d, struct place *out, struct ss_error *err, ss_status_t *status)
{
    const uint32_t at[] = {BOOTLOADER_ADDRESS, d->table_at, 0x10000};
    static const enum place_kind kinds[] = {PLACE_BOOTLOADER, PLACE_TABLE, PLACE_APP};
    unsigned votes[CONFIG_FULL + 1] = {0}, best = 0;
    struct place seen[3];
    for (size_t i = 0; i < 3; i++) {
        struct place p = {.kind = kinds[i], .address = at[i], .size = 0x1000};
        if (*status == SS_OK)
            *status = place_look(d, &p, err);
        bool sealed = p.state == PLACE_SEALED || p.state == PLACE_SEALED_WRONG;
        if (sealed && ++votes[p.config] >= best)
            best = votes[p.config];
        place_free(&p);
        seen[i] = p;
    }
    for (size_t i = 0; best && i < 3; i++)
        if ((seen[i].state == PLACE_SEALED || seen[i].state == PLACE_SEALED_WRONG) && votes[seen[i].config] == best &&
            (seen[i].config == CONFIG_FULL || votes[CONFIG_FULL] < best)) {
            *out = seen[i];
            return true;
        }
    return false;
}

static void config_missing(struct doctor *d, bool certain, const char *evidence)
{
    bool locked = wr_dis(d, 10);
    struct ss_doctor_finding *f = finding_add(d->out, SS_DOCTOR_CONFIG_MISSING, SS_DOCTOR_STOPS, certain);
    finding_seen(f, "FLASH_CRYPT_CONFIG is 0x%X, FLASH_CRYPT_CNT 0x%02x; %s", d->config, d->count.value, evidence);
    if (locked) {
        finding_repair(f, SS_REPAIR_FLASH,
                       "WR_DIS bit 10 is burned, so it stays: seal everything for 0x%X (which is weak)", d->config);
        finding_command(f,
                        "slotseal seal bootloader.bin --region bootloader --crypt-config 0x%X --flash-key "
                        "flash-key.bin -o bootloader.sealed",
                        d->config);
        d->settled_config = d->config;
        return;
    }
    finding_repair(f, SS_REPAIR_BURN, "burn 0xF and read it back, before anything else");
    finding_burn(d, f, false, "burn_efuse FLASH_CRYPT_CONFIG 0xF");
    d->settled_config = CONFIG_FULL;
}

static void config_weak(struct doctor *d, const char *evidence)
{
    struct ss_doctor_finding *f = ADD(CONFIG_WEAK, RISK, true);
    finding_seen(f, "FLASH_CRYPT_CONFIG is 0x%X; %s", d->config, evidence);
    if (wr_dis(d, 10)) {
        finding_repair(f, SS_REPAIR_NO, "WR_DIS bit 10 is burned, so it stays");
        return;
    }
    finding_repair(f, SS_REPAIR_BURN,
                   "burn 0xF, then seal and write everything anew at once: nothing of what is in flash "
                   "can be read after that");
    finding_burn(d, f, false, "burn_efuse FLASH_CRYPT_CONFIG 0xF");
}

static void key_reversed(struct doctor *d)
{
    struct ss_doctor_finding *f = ADD(KEY_REVERSED, STOPS, true);
    finding_seen(f, "flash is sealed with the bytes of BLOCK1 in the opposite order");
    finding_repair(f, SS_REPAIR_FLASH,
                   "the block cannot be burned again: turn the key file round and seal everything "
                   "with that");
    finding_command(f, "python3 -c \"d=open('flash-key.bin','rb').read(); open('turned.bin','wb').write(d[::-1])\"");
    d->settled_key = KEY_REVERSED;
}

/// FLASH_CRYPT_CONFIG is not 0xF: forgotten, or what is in flash is sealed accordingly. @p sealed NULL: nothing there
/// can be read.
static void crypt_config(struct doctor *d, const struct place *sealed)
{
    char evidence[80] = "what is sealed later will be sealed for 0xF";
    enum tweak tweak = sealed ? TWEAK_UNKNOWN : table_tweak(d);
    if (sealed)
        snprintf(evidence, sizeof evidence, "what lies at 0x%x is sealed for 0x%X", (unsigned)sealed->address,
                 sealed->config);
    if ((sealed && sealed->config == d->config) || (tweak == TWEAK_NONE && d->config == 0))
        config_weak(d, sealed ? evidence : "the table in flash is sealed without address tweak");
    else if (tweak == TWEAK_SOME && d->config == 0)
        config_missing(d, true, "the table in flash is sealed with an address tweak");
    else
        config_missing(d, sealed != NULL, evidence);
}

ss_status_t doctor_settle(struct doctor *d, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    struct place sealed;
    if (d->in->efuse && !d->expects && d->count.value && d->profile->flash_encryption && d->config != CONFIG_FULL)
        config_weak(d, "a bootloader that turns encryption on again does not burn it");
    if (!d->in->efuse || !d->expects)
        return SS_OK;
    bool found = sealed_with(d, &sealed, err, &status);
    if (status != SS_OK)
        return status;
    if (found && sealed.key == KEY_REVERSED)
        key_reversed(d);
    if (d->config != CONFIG_FULL)
        crypt_config(d, found ? &sealed : NULL);
    // The bootloader was looked at with key and configuration as burned.
    place_free(&d->bootloader);
    return place_look(d, &d->bootloader, err);
}

// Protection, once all places have been looked at.

static void download(struct doctor *d)
{
    bool decrypt = doctor_get(d, "DISABLE_DL_DECRYPT"), cache = doctor_get(d, "DISABLE_DL_CACHE");
    bool jtag = doctor_get(d, "JTAG_DISABLE");
    if (!decrypt || !cache) {
        struct ss_doctor_finding *f = ADD(DOWNLOAD_OPEN, RISK, true);
        finding_seen(f, "not burned:%s%s%s", decrypt ? "" : " DISABLE_DL_DECRYPT", cache ? "" : " DISABLE_DL_CACHE",
                     doctor_get(d, "DISABLE_DL_ENCRYPT") ? "" : " DISABLE_DL_ENCRYPT");
        if (wr_dis(d, 15)) {
            finding_repair(f, SS_REPAIR_NO, "WR_DIS bit 15 is burned, so they stay open");
        } else {
            finding_repair(f, SS_REPAIR_BURN,
                           "burn them once the chip boots; DISABLE_DL_ENCRYPT too, unless a bench needs "
                           "write_flash --encrypt");
            if (!decrypt)
                finding_burn(d, f, true, "burn_efuse DISABLE_DL_DECRYPT 1");
            if (!cache)
                finding_burn(d, f, true, "burn_efuse DISABLE_DL_CACHE 1");
        }
    }
    if (!jtag && !d->profile->allow_jtag) {
        struct ss_doctor_finding *f = ADD(DEBUG_OPEN, RISK, true);
        finding_seen(f, "JTAG_DISABLE is not burned");
        if (wr_dis(d, 14)) {
            finding_repair(f, SS_REPAIR_NO, "WR_DIS bit 14 is burned, so it stays open");
            return;
        }
        finding_repair(f, SS_REPAIR_BURN, "burn it once the chip boots");
        finding_burn(d, f, true, "burn_efuse JTAG_DISABLE 1");
    }
}

void doctor_protection(struct doctor *d)
{
    if (!d->in->efuse)
        return;
    if (d->expects)
        download(d);
    bool named = d->profile->source != SS_PROFILE_GUESSED;
    if (d->encrypts && named && !d->profile->flash_encryption) {
        struct ss_doctor_finding *f = ADD(ENCRYPTION_NOT_BUILT, RISK, true);
        finding_seen(f, "FLASH_CRYPT_CNT is 0x%02x, but the profile says flash_encryption = no", d->count.value);
        finding_repair(f, SS_REPAIR_BUILD, "enable it in bootloader and app: idf.py menuconfig, Security features");
    }
}

static void count_used_up(struct doctor *d)
{
    bool final = d->count.write_protected || d->count.next == d->count.value;
    bool refused = !d->encrypts && (d->expects || (d->profile->flash_encryption && d->count.write_protected));
    if (!final || (d->encrypts && !d->flash_plain_at_risk) || (!d->encrypts && !refused))
        return;
    struct ss_doctor_finding *f =
        finding_add(d->out, SS_DOCTOR_COUNT_USED_UP, d->encrypts ? SS_DOCTOR_RISK : SS_DOCTOR_STOPS, true);
    finding_seen(f, "FLASH_CRYPT_CNT is 0x%02x%s", d->count.value,
                 d->count.write_protected ? ", write-protected by WR_DIS bit 2" : "");
    if (d->encrypts)
        finding_repair(f, SS_REPAIR_FLASH,
                       "plaintext cannot be used any more: only what is sealed with the chip's key "
                       "helps; without the key there is no repair");
    else
        finding_repair(f, SS_REPAIR_NO,
                       "this chip boots plaintext only, with a bootloader built without flash "
                       "encryption");
}

void doctor_prospects(struct doctor *d)
{
    if (!d->in->efuse)
        return;
    count_used_up(d);
    if (!doctor_get(d, "UART_DOWNLOAD_DIS") || !ss_doctor_stops(d->out))
        return;
    // On revisions before 3 the bit has no effect; which one this is the eFuses alone do not say for sure.
    for (unsigned i = 0; i < d->out->count; i++) {
        struct ss_doctor_finding *f = &d->out->findings[i];
        if (f->repair == SS_REPAIR_FLASH || f->repair == SS_REPAIR_BURN) {
            f->repair = SS_REPAIR_NO;
            f->command_count = 0;
        }
    }
    struct ss_doctor_finding *f = ADD(UART_DISABLED, STOPS, true);
    finding_seen(f, "UART_DOWNLOAD_DIS is burned");
    finding_repair(f, SS_REPAIR_NO, "only an app that still starts could write flash; desolder the flash chip");
}
