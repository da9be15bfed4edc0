// SPDX-License-Identifier: Apache-2.0
// Software on the chip's bus. The first byte says how the chip is (bit 0: flash is attached, bit 1: the power fails, in
// the operation that the second byte counts). Then accesses of 6 bytes: bits 0 to 5 of the first choose a register of
// the controllers that do something or the 32-bit address in the value, bit 6 a page, bit 7 reading.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "chip/registers.h"
#include "core/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ATTACHED = 1, CUT = 2, ACCESS = 6, READ = 0x80, PAGE = 0x40, ACCESSES_MAX = 400 };

static void must(int condition)
{
    if (!condition)
        abort();
}

/// Where an access goes: eFuse controller, SPI1, or anywhere.
static uint32_t address_of(const uint8_t *access)
{
    uint32_t word = access[0] & 0x3Fu;
    if (access[5] == 0xFF)
        return ss_get_le32(access + 1);
    return (access[5] & 1 ? SS_REG_SPI1 : SS_EFUSE_BASE) + 4 * word + (access[0] & PAGE ? 0x100u : 0);
}

static void run(struct ss_registers *r, const uint8_t *data, size_t len)
{
    for (size_t n = 0; len >= ACCESS && n < ACCESSES_MAX; data += ACCESS, len -= ACCESS, n++) {
        if (data[0] & READ)
            (void)ss_registers_read(r, address_of(data));
        else
            ss_registers_write(r, address_of(data), ss_get_le32(data + 1));
    }
}

/// Whatever was done: burned bits stay, what can be read of a key block is not more than its protection allows, and a
/// reset leaves a chip that works.
static void check(struct ss_vchip *chip, struct ss_registers *r, const struct ss_efuse *before)
{
    struct ss_efuse window;
    uint32_t dec;
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        must((before->words[i] & ~chip->silicon->words[i]) == 0);
    chip->power.cut_at = 0;
    ss_registers_reset(r);
    ss_chip_reset(chip);
    ss_efuse_read_window(chip->silicon, &window, &dec);
    must(memcmp(&window, &chip->efuse.window, sizeof window) == 0);
    must(ss_registers_read(r, SS_EFUSE_BASE) == window.words[0]);
    must(ss_registers_read(r, SS_REG_CHIP_MAGIC) == SS_CHIP_MAGIC);
    must(ss_registers_read(r, 0x3FFB0000) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_registers r = {.baud = 115200};
    struct ss_vchip *chip;
    struct ss_error err;
    jmp_buf off;
    if (len < 2)
        return 0;
    options.flash_size = 1u << 20;
    must(ss_chip_new(&options, &chip, &err) == SS_OK);
    struct ss_efuse before = *chip->silicon;
    r.chip = chip;
    ss_registers_reset(&r);
    r.flash_attached = data[0] & ATTACHED;
    if (data[0] & CUT) {
        chip->power.cut_at = chip->power.operations + data[1] + 1;
        chip->power.cut = (enum ss_cut)(SS_CUT_BEFORE + data[1] % 3);
    }
    chip->power.off = &off;
    if (setjmp(off) == 0)
        run(&r, data + 2, len - 2);
    chip->power.off = NULL;
    check(chip, &r, &before);
    ss_registers_reset(&r);
    ss_chip_free(chip);
    return 0;
}
