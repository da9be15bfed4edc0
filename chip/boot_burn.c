// SPDX-License-Identifier: Apache-2.0
// How the second stage burns eFuses, and the security bits that secure boot and flash encryption have in common.
#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "core/crypto.h"

#define TRIES 3

uint32_t ss_boot_efuse(const struct ss_boot *b, const char *name)
{
    return ss_efuse_get_name(&b->chip->efuse.window, name);
}

bool ss_boot_efuse_bit(const struct ss_boot *b, uint32_t mask)
{
    return b->chip->efuse.window.words[0] & mask;
}

void ss_boot_burn(struct ss_boot *b, const struct ss_efuse *bits)
{
    ss_efuse_controller_burn(&b->chip->efuse, bits);
    ss_efuse_read_window(b->chip->silicon, &b->chip->efuse.window, &b->chip->efuse.dec_status);
}

static bool any(const struct ss_efuse *bits, unsigned block)
{
    uint32_t all = 0;
    for (size_t i = 0; i < ss_efuse_block_words(block); i++)
        all |= bits->words[ss_efuse_block_start(block) + i];
    return all != 0;
}

/// True if every bit is there; *exact if nothing else is.
static bool burned(const struct ss_efuse *silicon, const struct ss_efuse *bits, unsigned block, bool *exact)
{
    bool all = true;
    *exact = true;
    for (size_t i = 0; i < ss_efuse_block_words(block); i++) {
        uint32_t want = bits->words[ss_efuse_block_start(block) + i];
        uint32_t is = silicon->words[ss_efuse_block_start(block) + i];
        all = all && (is & want) == want;
        *exact = *exact && is == want;
    }
    return all;
}

static bool burn_block(struct ss_boot *b, const struct ss_efuse *bits, unsigned block)
{
    struct ss_efuse one = {0};
    for (size_t i = 0; i < ss_efuse_block_words(block); i++)
        one.words[ss_efuse_block_start(block) + i] = bits->words[ss_efuse_block_start(block) + i];
    for (unsigned i = 1; i <= TRIES; i++) {
        bool exact;
        ss_boot_log(b, 'I', "efuse", "BURN BLOCK%u", block);
        ss_boot_burn(b, &one);
        if (burned(b->chip->silicon, &one, block, &exact)) {
            ss_boot_log(b, 'I', "efuse", "BURN BLOCK%u - OK (%s)", block,
                        exact ? "write block == read block" : "all write block bits are set");
            return true;
        }
        ss_boot_log(b, 'E', "efuse", "BURN BLOCK%u - ERROR (written bits != read bits)", block);
        ss_boot_log(b, 'W', "efuse", "BLOCK%u: next retry to fix an error [%u/3]...", block, i);
    }
    ss_boot_log(b, 'E', "efuse", "Written data are incorrect");
    return false;
}

bool ss_boot_burn_checked(struct ss_boot *b, const struct ss_efuse *bits)
{
    // BLOCK0 last: it protects the others.
    for (unsigned block = SS_EFUSE_BLOCKS; block-- > 0;)
        if (any(bits, block) && !burn_block(b, bits, block))
            return false;
    return true;
}

bool ss_boot_random_key(struct ss_boot *b, unsigned block, struct ss_efuse *bits)
{
    uint8_t key[32];
    enum ss_efuse_coding coding = ss_efuse_coding(&b->chip->efuse.window);
    for (size_t i = 0; i < sizeof key; i += 8)
        ss_put_le64(key + i, ss_power_random(&b->chip->power));
    b->status = ss_efuse_key_to_words(key, coding == SS_EFUSE_CODING_34 ? 24 : 32, coding,
                                      &bits->words[ss_efuse_block_start(block)], b->err);
    ss_wipe(key, sizeof key);
    return b->status == SS_OK;
}

bool ss_boot_block_reads_empty(const struct ss_boot *b, unsigned block)
{
    return !any(&b->chip->efuse.window, block);
}

/// What is left enabled is a warning, what is disabled an information.
static void disable(struct ss_boot *b, struct ss_efuse *bits, bool allowed, unsigned bit, const char *what,
                    const char *tag)
{
    if (allowed) {
        ss_boot_log(b, 'W', tag, "Not disabling %s - SECURITY COMPROMISED", what);
        return;
    }
    ss_boot_log(b, 'I', tag, "Disable %s...", what);
    bits->words[6] |= 1u << bit;
}

void ss_boot_disable_debug(struct ss_boot *b, struct ss_efuse *bits, const char *tag)
{
    disable(b, bits, b->profile->allow_jtag, 6, "JTAG", tag);
    if (b->profile->allow_basic) {
        ss_boot_log(b, 'W', tag, "Not disabling ROM BASIC fallback - SECURITY COMPROMISED");
        return;
    }
    ss_boot_log(b, 'I', tag, "Disable ROM BASIC interpreter fallback...");
    bits->words[6] |= 1u << 2;
}

void ss_boot_disable_download(struct ss_boot *b, struct ss_efuse *bits, const char *tag)
{
    if (b->profile->allow_dl_encrypt) {
        ss_boot_log(b, 'W', tag, "Not disabling UART bootloader encryption");
    } else {
        ss_boot_log(b, 'I', tag, "Disable UART bootloader encryption...");
        bits->words[6] |= 1u << 7;
    }
    disable(b, bits, b->profile->allow_dl_decrypt, 8, "UART bootloader decryption", tag);
    disable(b, bits, b->profile->allow_dl_cache, 9, "UART bootloader MMU cache", tag);
}
