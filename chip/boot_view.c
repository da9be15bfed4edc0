// SPDX-License-Identifier: Apache-2.0
// Flash and eFuses as the boot code sees and changes them.
#include <stdlib.h>
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/secure_boot_v1.h"

#define SECTOR   SS_FLASH_SECTOR
#define VIEW_MIN 0x40000u

/// Room for the view up to @p end. What was seen is plaintext of an encrypted flash: it is wiped where it lay.
static bool grow(struct ss_boot *b, uint32_t end)
{
    uint32_t size = b->view_size ? b->view_size : VIEW_MIN;
    while (size < end)
        size *= 2;
    if (size == b->view_size)
        return true;
    uint8_t *view = malloc(size);
    if (!view) {
        b->status = ss_error_set(b->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a boot");
        return false;
    }
    if (b->view) {
        memcpy(view, b->view, b->view_size);
        ss_wipe(b->view, b->view_size);
        free(b->view);
    }
    b->view = view;
    b->view_size = size;
    return true;
}

/// Fills the sectors from @p sector on that are missing, up to @p end: as many as are missing in a row.
static uint32_t fill(struct ss_boot *b, uint32_t sector, uint32_t end)
{
    uint32_t last = sector;
    while (last < end && !b->filled[last])
        last++;
    if (last == sector)
        return sector + 1;
    b->status = ss_chip_cache_read(b->chip, sector * SECTOR, b->view + (size_t)sector * SECTOR,
                                   (size_t)(last - sector) * SECTOR, b->err);
    if (b->status == SS_OK)
        memset(b->filled + sector, 1, last - sector);
    return last;
}

const uint8_t *ss_boot_map(struct ss_boot *b, uint32_t address, uint32_t len)
{
    if (!ss_range_ok(address, len, SS_FLASH_CIPHER_SIZE) || b->status != SS_OK)
        return NULL;
    uint32_t end = (address + len + SECTOR - 1) / SECTOR;
    if (!grow(b, end * SECTOR))
        return NULL;
    for (uint32_t sector = address / SECTOR; b->status == SS_OK && sector < end;)
        sector = fill(b, sector, end);
    return b->status == SS_OK ? b->view + address : NULL;
}

void ss_boot_forget_all(struct ss_boot *b)
{
    memset(b->filled, 0, sizeof b->filled);
}

void ss_boot_end_view(struct ss_boot *b)
{
    ss_wipe(b->view, b->view_size);
    free(b->view);
}

static void forget(struct ss_boot *b, uint32_t address)
{
    // The view shows the array again behind its end, so one change can be seen in more than one place.
    for (uint32_t at = address & (b->chip->flash.size - 1); at < SS_FLASH_CIPHER_SIZE; at += b->chip->flash.size)
        b->filled[at / SECTOR] = 0;
}

void ss_boot_erase(struct ss_boot *b, uint32_t address)
{
    forget(b, address);
    ss_flash_erase(&b->chip->flash, address & ~(SECTOR - 1), SECTOR);
}

bool ss_boot_write(struct ss_boot *b, uint32_t address, const uint8_t *data, uint32_t len, bool encrypted)
{
    for (uint32_t at = address & ~(SECTOR - 1); at < address + len; at += SECTOR)
        forget(b, at);
    if (encrypted)
        b->status = ss_chip_encrypted_write(b->chip, address, data, len, b->err);
    else
        ss_flash_program(&b->chip->flash, address, data, len);
    return b->status == SS_OK;
}

bool ss_boot_rewrite(struct ss_boot *b, uint32_t address, const uint8_t *data, uint32_t len, bool encrypted)
{
    ss_boot_erase(b, address);
    return ss_boot_write(b, address, data, len, encrypted);
}

bool ss_boot_hash(struct ss_boot *b, enum ss_hash_alg alg, const uint8_t *p, size_t len, uint8_t *out)
{
    ss_status_t status = ss_hash_once(alg, p, len, out);
    if (status != SS_OK)
        b->status = ss_error_set(b->err, status, SS_AREA_CHIP, "cannot compute a hash");
    return status == SS_OK;
}

bool ss_boot_key_known(struct ss_boot *b, unsigned block, enum ss_boot_rule_id rule)
{
    uint8_t key[32];
    size_t len;
    struct ss_error why = {0};
    if (b->chip->unknown_blocks & 1u << block) {
        ss_boot_unknown(b, rule, "the key in BLOCK%u is read-protected and not known", block);
        return false;
    }
    ss_status_t status = ss_efuse_key_from_words(&b->chip->silicon->words[ss_efuse_block_start(block)],
                                                 ss_efuse_coding(b->chip->silicon), key, &len, &why);
    ss_wipe(key, sizeof key);
    if (status == SS_OK)
        return true;
    ss_boot_unknown(b, rule, "what the hardware makes of BLOCK%u is not known: %s", block, why.message);
    return false;
}

bool ss_boot_bootloader_digest(struct ss_boot *b, enum ss_boot_rule_id rule, uint32_t checksum_offset,
                               const uint8_t iv[128], uint8_t digest[64])
{
    uint8_t key[32];
    size_t key_len;
    // The hardware takes whole units, up to the end of the checksum; what lies behind it in the last one counts.
    uint32_t len = (checksum_offset + SS_SBV1_IV_SIZE) & ~(SS_SBV1_IV_SIZE - 1u);
    const uint8_t *image = ss_boot_map(b, SS_BOOTLOADER_ADDRESS, len);
    if (!image)
        return false;
    b->status = ss_efuse_key_from_words(&b->chip->silicon->words[ss_efuse_block_start(2)],
                                        ss_efuse_coding(b->chip->silicon), key, &key_len, b->err);
    const struct ss_sbv1_digest_params params = {.key = key, .key_len = key_len, .iv = iv, .iv_len = SS_SBV1_IV_SIZE};
    if (b->status == SS_OK)
        b->status = ss_secure_boot_v1_bootloader_digest(&params, image, len, digest, b->err);
    ss_wipe(key, sizeof key);
    if (b->status != SS_ERROR_DATA_INVALID)
        return b->status == SS_OK;
    // The one thing that is left to object to.
    b->status = SS_OK;
    ss_boot_unknown(b, rule, "hash_appended is 0x%02x: whether the hardware counts a hash then is not known",
                    image[23]);
    return false;
}
