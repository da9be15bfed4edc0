// SPDX-License-Identifier: Apache-2.0
#include "chip/chip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chip/folder.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"

#define SECTORS(size) ((size) / SS_FLASH_SECTOR)

static void connect(struct ss_vchip *chip)
{
    chip->efuse.silicon = chip->silicon;
    chip->efuse.power = &chip->power;
    chip->flash.power = &chip->power;
}

ss_status_t ss_chip_assemble(uint8_t *flash, uint32_t flash_size, struct ss_efuse *silicon, struct ss_chip_state *state,
                             struct ss_vchip **chip, struct ss_error *err)
{
    struct ss_vchip *c = calloc(1, sizeof *c);
    *chip = NULL;
    if (!c)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a chip");
    ss_status_t status = ss_flash_init(&c->flash, flash, flash_size, state->wear, &c->power, err);
    if (status != SS_OK) {
        free(c);
        return status;
    }
    c->lock = -1;
    c->silicon = silicon;
    c->state = state;
    connect(c);
    ss_chip_state_load(c);
    *chip = c;
    return SS_OK;
}

static ss_status_t burn_revision(struct ss_efuse *silicon, unsigned revision, struct ss_error *err)
{
    unsigned major = revision / 100, minor = revision % 100;
    if (major > 3 || minor > 3)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CHIP, "there is no ESP32 of revision v%u.%u", major,
                            minor);
    ss_status_t status = ss_efuse_burn(silicon, ss_efuse_field_find("CHIP_VER_REV1"), major >= 1, err);
    if (status == SS_OK)
        status = ss_efuse_burn(silicon, ss_efuse_field_find("CHIP_VER_REV2"), major >= 2, err);
    if (status == SS_OK)
        status = ss_efuse_burn(silicon, ss_efuse_field_find("WAFER_VERSION_MINOR"), minor, err);
    return status;
}

/// The eFuses of a chip as it leaves the factory.
static ss_status_t factory(const struct ss_chip_options *options, struct ss_efuse *silicon, struct ss_error *err)
{
    uint8_t mac[6];
    struct ss_power random = {.seed = options->seed};
    memcpy(mac, options->mac, sizeof mac);
    if (ss_all_bytes(mac, sizeof mac, 0)) {
        uint64_t r = ss_power_random(&random);
        memcpy(mac, (const uint8_t[]){0x24, 0x0A, 0xC4, (uint8_t)r, (uint8_t)(r >> 8), (uint8_t)(r >> 16)}, sizeof mac);
    }
    memset(silicon, 0, sizeof *silicon);
    ss_status_t status = ss_efuse_burn_mac(silicon, mac, err);
    if (status == SS_OK)
        status = burn_revision(silicon, options->revision, err);
    if (status == SS_OK && options->coding != SS_EFUSE_CODING_NONE)
        status = ss_efuse_burn(silicon, ss_efuse_field_find("CODING_SCHEME"), options->coding, err);
    // As on modules: a plausible calibration of the 8 MHz clock, the CPU rated for 240 MHz.
    if (status == SS_OK)
        status = ss_efuse_burn(silicon, ss_efuse_field_find("CLK8M_FREQ"), 0x34, err);
    return status;
}

ss_status_t ss_chip_new(const struct ss_chip_options *options, struct ss_vchip **chip, struct ss_error *err)
{
    struct ss_efuse *silicon = calloc(1, sizeof *silicon);
    struct ss_chip_state *state = ss_chip_state_new();
    uint8_t *flash = malloc(options->flash_size ? options->flash_size : 1);
    *chip = NULL;
    ss_status_t status;
    if (!silicon || !flash || !state)
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a chip");
    else
        status = factory(options, silicon, err);
    if (status == SS_OK)
        status = ss_chip_assemble(flash, options->flash_size, silicon, state, chip, err);
    if (status != SS_OK) {
        free(silicon);
        free(state);
        free(flash);
        return status;
    }
    memset(flash, 0xFF, options->flash_size);
    (*chip)->power.seed = options->seed;
    (*chip)->apb_date_bit31 = options->revision >= 300;
    ss_chip_reset(*chip);
    return SS_OK;
}

ss_status_t ss_chip_clone(const struct ss_vchip *chip, struct ss_vchip **copy, struct ss_error *err)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    options.flash_size = chip->flash.size;
    ss_status_t status = ss_chip_new(&options, copy, err);
    if (status != SS_OK)
        return status;
    struct ss_vchip *c = *copy, fresh = *c;
    *c = *chip;
    c->lock = -1;
    c->power.cut_at = 0;
    c->power.off = NULL;
    c->silicon = fresh.silicon;
    c->flash.data = fresh.flash.data;
    c->state = fresh.state;
    c->flash.wear = fresh.flash.wear;
    connect(c);
    *c->silicon = *chip->silicon;
    memcpy(c->flash.data, chip->flash.data, chip->flash.size);
    memcpy(c->flash.wear, chip->flash.wear, SECTORS(chip->flash.size) * sizeof *c->flash.wear);
    return SS_OK;
}

void ss_chip_free(struct ss_vchip *chip)
{
    if (!chip)
        return;
    ss_chip_state_keep(chip);
    if (chip->lock >= 0) {
        ss_chip_unmap(chip);
    } else {
        ss_wipe(chip->silicon, sizeof *chip->silicon);
        free(chip->silicon);
        free(chip->state);
        free(chip->flash.data);
    }
    ss_wipe(chip, sizeof *chip);
    free(chip);
}

void ss_chip_reset(struct ss_vchip *chip)
{
    ss_chip_state_keep(chip);
    ss_efuse_controller_reset(&chip->efuse);
    chip->flash.write_enabled = chip->flash.reset_armed = false;
    // UART_DOWNLOAD_DIS exists from revision 3 on: the strap is not obeyed then.
    bool disabled = chip->apb_date_bit31 && ss_efuse_get_name(chip->silicon, "UART_DOWNLOAD_DIS");
    chip->in_download = chip->strap_download && !disabled;
}

bool ss_chip_encrypts(const struct ss_vchip *chip)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(chip->silicon, &count);
    return count.enabled;
}

/// The engine takes key and configuration from the silicon: read protection does not concern it.
static ss_status_t engine(const struct ss_vchip *chip, struct ss_flash_cipher *cipher, struct ss_error *err)
{
    uint8_t key[32];
    size_t len = 0;
    const uint32_t *words = &chip->silicon->words[ss_efuse_block_start(1)];
    ss_status_t status = ss_efuse_key_from_words(words, ss_efuse_coding(chip->silicon), key, &len, err);
    if (status == SS_OK)
        status = ss_flash_cipher_init(cipher, key, len, ss_efuse_get_name(chip->silicon, "FLASH_CRYPT_CONFIG"), err);
    ss_wipe(key, sizeof key);
    return status;
}

ss_status_t ss_chip_cache_read(struct ss_vchip *chip, uint32_t address, uint8_t *out, size_t len, struct ss_error *err)
{
    ss_flash_read(&chip->flash, address, out, len);
    if (!ss_chip_encrypts(chip))
        return SS_OK;
    struct ss_flash_cipher cipher;
    ss_status_t status = engine(chip, &cipher, err);
    if (status == SS_OK)
        status = ss_flash_cipher_unseal(&cipher, address, out, out, len, err);
    ss_flash_cipher_wipe(&cipher);
    return status;
}

ss_status_t ss_chip_encrypted_write(struct ss_vchip *chip, uint32_t address, const uint8_t *in, size_t len,
                                    struct ss_error *err)
{
    if (address % SS_FLASH_CIPHER_LINE || len % SS_FLASH_CIPHER_LINE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CHIP,
                            "encrypting write of %zu bytes at 0x%x: whole lines of %d bytes only", len,
                            (unsigned)address, SS_FLASH_CIPHER_LINE);
    struct ss_flash_cipher cipher;
    uint8_t page[SS_FLASH_PAGE];
    ss_status_t status = engine(chip, &cipher, err);
    for (size_t done = 0; status == SS_OK && done < len;) {
        size_t n = len - done < sizeof page ? len - done : sizeof page;
        status = ss_flash_cipher_seal(&cipher, address + (uint32_t)done, in + done, page, n, err);
        if (status == SS_OK)
            ss_flash_program(&chip->flash, address + (uint32_t)done, page, n);
        done += n;
    }
    ss_flash_cipher_wipe(&cipher);
    return status;
}
