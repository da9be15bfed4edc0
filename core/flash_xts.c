// SPDX-License-Identifier: Apache-2.0
#include "slotseal/flash_xts.h"

#include <stdatomic.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/flash_range.h"
#include "core/kernels/aes_key.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

static void expand(struct ss_flash_xts *c, const uint8_t *key, unsigned half)
{
    c->equal_halves = ss_equal(key, key + half, half);
    c->rounds = ss_aes_expand_key(c->encrypt_keys, key, half);
    ss_aes_invert_keys(c->decrypt_keys, c->encrypt_keys, c->rounds);
    ss_aes_expand_key(c->tweak_keys, key + half, half);
    ss_kernel_wipe_stack();
}

/// The part of one unit from @p address on, at most @p len bytes; returns its length.
static size_t partial_unit(const struct ss_flash_xts *c, ss_flash_xts_fn *run, uint32_t address, const uint8_t *in,
                           uint8_t *out, size_t len)
{
    uint8_t unit[SS_FLASH_XTS_UNIT] = {0};
    size_t start = address % SS_FLASH_XTS_UNIT;
    size_t part = SS_FLASH_XTS_UNIT - start < len ? SS_FLASH_XTS_UNIT - start : len;
    memcpy(unit + start, in, part);
    run(c, address - (uint32_t)start, unit, unit, 1);
    memcpy(out, unit + start, part);
    ss_kernel_wipe(unit, sizeof unit);
    return part;
}

void ss_flash_xts_run(const struct ss_flash_xts_kernel *k, bool seal, const struct ss_flash_xts *c, uint32_t address,
                      const uint8_t *in, uint8_t *out, size_t len)
{
    ss_flash_xts_fn *run = seal ? k->seal : k->unseal;
    size_t done = 0;
    if (address % SS_FLASH_XTS_UNIT && len)
        done = partial_unit(c, run, address, in, out, len);
    size_t units = (len - done) / SS_FLASH_XTS_UNIT;
    if (units)
        run(c, address + (uint32_t)done, in + done, out + done, units);
    done += units * SS_FLASH_XTS_UNIT;
    if (done < len)
        partial_unit(c, run, address + (uint32_t)done, in + done, out + done, len - done);
    ss_kernel_wipe_stack();
}

// What a chip with key 00 01 … holds at 0xFFFFC0 after writing 2064 times 0xA5, as CRC-32: all lanes of every kernel, a
// carry in the address, and both ends of the range within a unit.
static bool passes(const struct ss_flash_xts_kernel *k, unsigned key_len, uint32_t expected)
{
    const uint32_t address = 0xFFFFC0;
    uint8_t key[64], data[2064];
    for (unsigned i = 0; i < key_len; i++)
        key[i] = (uint8_t)i;
    struct ss_flash_xts c;
    expand(&c, key, key_len / 2);
    memset(data, 0xA5, sizeof data);
    ss_flash_xts_run(k, true, &c, address, data, data, sizeof data);
    if (ss_crc32(0, data, sizeof data) != expected)
        return false;
    ss_flash_xts_run(k, false, &c, address, data, data, sizeof data);
    return ss_all_bytes(data, sizeof data, 0xA5);
}

bool ss_flash_xts_kernel_passes(const struct ss_flash_xts_kernel *k)
{
    return passes(k, 32, 0xE0962884) && passes(k, 64, 0x3928B80C);
}

// The first kernel of the table that the CPU can run and that passes; NULL if none does. Threads that meet here for the
// first time all find the same one.
static const struct ss_flash_xts_kernel *chosen_kernel(void)
{
    static const struct ss_flash_xts_kernel *_Atomic chosen;
    const struct ss_flash_xts_kernel *k = atomic_load_explicit(&chosen, memory_order_acquire);
    for (unsigned i = 0; !k && ss_flash_xts_kernels[i]; i++)
        if (ss_flash_xts_kernels[i]->supported() && ss_flash_xts_kernel_passes(ss_flash_xts_kernels[i]))
            k = ss_flash_xts_kernels[i];
    atomic_store_explicit(&chosen, k, memory_order_release);
    return k;
}

const char *ss_flash_xts_kernel(void)
{
    const struct ss_flash_xts_kernel *k = chosen_kernel();
    return k ? k->name : "none";
}

ss_status_t ss_flash_xts_init(struct ss_flash_xts *c, const uint8_t *key, size_t key_len, struct ss_error *err)
{
    ss_flash_xts_wipe(c);
    if (key_len != 16 && key_len != 32 && key_len != 64)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "AES-XTS flash key is %zu bytes, must be 16, 32 or 64", key_len);
    if (!chosen_kernel())
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_FLASH_CIPHER,
                            "no AES-XTS kernel passed its self-check on this CPU");
    if (key_len != 16) {
        expand(c, key, (unsigned)key_len / 2);
        return SS_OK;
    }
    uint8_t extended[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, key, key_len, extended);
    if (status == SS_OK)
        expand(c, extended, sizeof extended / 2);
    else
        ss_error_set(err, status, SS_AREA_CRYPTO, "cannot extend the 16-byte flash key by SHA-256");
    ss_kernel_wipe(extended, sizeof extended);
    return status;
}

static ss_status_t check(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, const uint8_t *out,
                         size_t len, struct ss_error *err)
{
    if (!c->rounds)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_FLASH_CIPHER, "AES-XTS flash key is not set");
    return ss_flash_range_check(address, in, out, len, SS_FLASH_XTS_SIZE, SS_AREA_FLASH_CIPHER, err);
}

ss_status_t ss_flash_xts_seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out,
                              size_t len, struct ss_error *err)
{
    ss_status_t status = check(c, address, in, out, len, err);
    if (status != SS_OK)
        return status;
    if (c->equal_halves)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "both halves of the AES-XTS flash key are equal");
    ss_flash_xts_run(chosen_kernel(), true, c, address, in, out, len);
    return SS_OK;
}

ss_status_t ss_flash_xts_unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out,
                                size_t len, struct ss_error *err)
{
    ss_status_t status = check(c, address, in, out, len, err);
    if (status != SS_OK)
        return status;
    ss_flash_xts_run(chosen_kernel(), false, c, address, in, out, len);
    return SS_OK;
}

void ss_flash_xts_wipe(struct ss_flash_xts *c)
{
    ss_kernel_wipe(c, sizeof *c);
}
