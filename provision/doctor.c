// SPDX-License-Identifier: Apache-2.0
// The examination: what is known first, then part by part in the order in which the chip boots.
#include "provision/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/doctor_internal.h"
#include "slotseal/chip_info.h"

uint32_t doctor_get(const struct doctor *d, const char *field)
{
    return ss_efuse_get_name(d->in->efuse, field);
}

bool doctor_block_known(const struct doctor *d, unsigned block)
{
    return d->in->silicon || !ss_efuse_block_read_protected(d->in->efuse, block);
}

bool doctor_block_blank(const struct doctor *d, unsigned block)
{
    for (size_t i = 0; i < ss_efuse_block_words(block); i++)
        if (d->in->efuse->words[ss_efuse_block_start(block) + i])
            return false;
    return true;
}

static void add_key(struct doctor *d, unsigned which, const uint8_t *key, size_t len)
{
    memcpy(d->keys[which], key, len);
    d->key_len[which] = len;
    d->has_key[which] = true;
}

/// The key that the hardware uses, the same reversed (what burning BLOCK1 by its number makes of a key file), and the
/// key of the file where it is another one.
static ss_status_t gather_keys(struct doctor *d, struct ss_error *err)
{
    uint8_t key[32], reversed[32];
    size_t len = 0;
    const struct ss_doctor_input *in = d->in;
    if (in->key && in->key_len != 24 && in->key_len != 32)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_KEY, "flash key is %zu bytes, must be 32 or 24",
                            in->key_len);
    bool known = in->efuse && doctor_block_known(d, 1) && !doctor_block_blank(d, 1) &&
                 ss_efuse_key_from_words(&in->efuse->words[ss_efuse_block_start(1)], ss_efuse_coding(in->efuse), key,
                                         &len, NULL) == SS_OK;
    if (known)
        add_key(d, KEY_CHIP, key, len);
    else if (in->key)
        add_key(d, KEY_CHIP, in->key, in->key_len); // taken at its word until something contradicts
    if (known && in->key && (in->key_len != len || memcmp(in->key, key, len) != 0))
        add_key(d, KEY_FILE, in->key, in->key_len);
    if (d->has_key[KEY_CHIP]) {
        len = d->key_len[KEY_CHIP];
        for (size_t i = 0; i < len; i++)
            reversed[i] = d->keys[KEY_CHIP][len - 1 - i];
        add_key(d, KEY_REVERSED, reversed, len);
    }
    ss_wipe(key, sizeof key);
    ss_wipe(reversed, sizeof reversed);
    return SS_OK;
}

/// The profile has to be guessed from a bootloader in plaintext, which may have to be decrypted first.
static ss_status_t settle_profile(struct doctor *d, struct ss_error *err)
{
    struct place *b = &d->bootloader;
    ss_status_t status = place_look(d, b, err);
    if (status != SS_OK)
        return status;
    if (d->in->profile) {
        *d->profile = *d->in->profile;
    } else {
        *d->profile = (struct ss_boot_profile)SS_BOOT_PROFILE_DEFAULT;
        d->profile->source = SS_PROFILE_GUESSED;
        if (b->data)
            ss_profile_guess(b->data, b->size, d->profile);
    }
    d->guessed = d->profile->source == SS_PROFILE_GUESSED;
    d->table_at = d->in->table_offset ? d->in->table_offset : d->profile->table_offset;
    return SS_OK;
}

static ss_status_t start(struct doctor *d, struct ss_error *err)
{
    d->settled_config = d->config = CONFIG_FULL;
    if (d->in->efuse) {
        ss_efuse_crypt_count(d->in->efuse, &d->count);
        d->encrypts = d->count.enabled;
        d->settled_config = d->config = doctor_get(d, "FLASH_CRYPT_CONFIG");
    }
    d->table_at = d->in->table_offset ? d->in->table_offset : 0x8000;
    d->bootloader =
        (struct place){.kind = PLACE_BOOTLOADER, .address = BOOTLOADER_ADDRESS, .size = 0xF000, .name = "bootloader"};
    ss_status_t status = gather_keys(d, err);
    if (status == SS_OK)
        status = settle_profile(d, err);
    if (status != SS_OK)
        return status;
    // Ciphertext where the ROM looks first: encryption is meant to be on.
    enum place_state state = d->bootloader.state;
    d->expects = d->encrypts || state == PLACE_SEALED || state == PLACE_SEALED_WRONG || state == PLACE_NOISE;
    if (!d->in->efuse)
        d->encrypts = d->expects;
    return SS_OK;
}

static void end(struct doctor *d)
{
    place_free(&d->bootloader);
    place_free(&d->table_place);
    place_free(&d->otadata);
    for (unsigned i = 0; i < d->app_count; i++)
        place_free(&d->apps[i]);
    ss_wipe(d->keys, sizeof d->keys);
}

ss_status_t ss_doctor_examine(const struct ss_doctor_input *input, struct ss_doctor_report *report,
                              struct ss_error *err)
{
    static ss_status_t (*const parts[])(struct doctor *, struct ss_error *) = {
        start,        doctor_efuses,  doctor_settle, doctor_bootloader,
        doctor_table, doctor_otadata, doctor_apps,   doctor_secure_boot,
    };
    memset(report, 0, sizeof *report);
    struct doctor *d = calloc(1, sizeof *d);
    if (!d)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for an examination");
    d->in = input;
    d->out = report;
    d->profile = &report->profile;
    ss_status_t status = SS_OK;
    for (size_t i = 0; status == SS_OK && i < sizeof parts / sizeof *parts; i++)
        status = parts[i](d, err);
    if (status == SS_OK) {
        doctor_protection(d);
        doctor_prospects(d);
    }
    end(d);
    free(d);
    return status;
}
