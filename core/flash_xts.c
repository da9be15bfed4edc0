// SPDX-License-Identifier: Apache-2.0
#include "slotseal/flash_xts.h"

#include <inttypes.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/kernels/aes_key.h"
#include "core/kernels/xts.h"

typedef void kernel_fn(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units);

static const struct ss_xts_kernel *best_kernel(void)
{
    const struct ss_xts_kernel *const *kernel = ss_xts_kernels;
    while ((*kernel)->usable && !(*kernel)->usable())
        kernel++;
    return *kernel;
}

static void expand(struct ss_flash_xts *c, const uint8_t *key, unsigned half)
{
    c->kernel = best_kernel();
    c->equal_halves = ss_equal(key, key + half, half);
    c->rounds = ss_aes_expand_key(c->encrypt_keys, key, half);
    ss_aes_invert_keys(c->decrypt_keys, c->encrypt_keys, c->rounds);
    ss_aes_expand_key(c->tweak_keys, key + half, half);
}

ss_status_t ss_flash_xts_init(struct ss_flash_xts *c, const uint8_t *key, size_t key_len, struct ss_error *err)
{
    memset(c, 0, sizeof *c);
    if (key_len == 32 || key_len == 64) {
        expand(c, key, (unsigned)key_len / 2);
        return SS_OK;
    }
    if (key_len != 16)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "AES-XTS flash key is %zu bytes, must be 16, 32 or 64", key_len);
    uint8_t extended[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, key, key_len, extended);
    if (status == SS_OK)
        expand(c, extended, sizeof extended / 2);
    else
        ss_error_set(err, status, SS_AREA_CRYPTO, "cannot extend the 16-byte flash key by SHA-256");
    ss_wipe(extended, sizeof extended);
    return status;
}

static ss_status_t check_range(const struct ss_flash_xts *c, uint32_t address, size_t len, struct ss_error *err)
{
    if (!c->rounds)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_FLASH_CIPHER, "AES-XTS flash key is not set");
    if (address % SS_FLASH_XTS_BLOCK_SIZE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "flash address 0x%" PRIx32 " is not a multiple of 16", address);
    if (len % SS_FLASH_XTS_BLOCK_SIZE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER, "length %zu is not a multiple of 16",
                            len);
    if (len > UINT64_C(0x100000000) - address)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "%zu bytes at flash address 0x%" PRIx32 " pass the end of 32-bit addresses", len, address);
    return SS_OK;
}

/// The part of one unit from @p address on, at most @p len bytes; returns its length.
static size_t partial_unit(const struct ss_flash_xts *c, kernel_fn *kernel, uint32_t address, const uint8_t *in,
                           uint8_t *out, size_t len)
{
    uint8_t unit[SS_XTS_UNIT_SIZE] = {0};
    size_t start = address % SS_XTS_UNIT_SIZE;
    size_t part = SS_XTS_UNIT_SIZE - start < len ? SS_XTS_UNIT_SIZE - start : len;
    memcpy(unit + start, in, part);
    kernel(c, address - (uint32_t)start, unit, unit, 1);
    memcpy(out, unit + start, part);
    ss_wipe(unit, sizeof unit);
    return part;
}

static void run(const struct ss_flash_xts *c, kernel_fn *kernel, uint32_t address, const uint8_t *in, uint8_t *out,
                size_t len)
{
    size_t done = 0;
    if (address % SS_XTS_UNIT_SIZE && len)
        done = partial_unit(c, kernel, address, in, out, len);
    size_t units = (len - done) / SS_XTS_UNIT_SIZE;
    if (units)
        kernel(c, address + (uint32_t)done, in + done, out + done, units);
    done += units * SS_XTS_UNIT_SIZE;
    if (done < len)
        partial_unit(c, kernel, address + (uint32_t)done, in + done, out + done, len - done);
}

ss_status_t ss_flash_xts_seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out,
                              size_t len, struct ss_error *err)
{
    ss_status_t status = check_range(c, address, len, err);
    if (status != SS_OK)
        return status;
    if (c->equal_halves)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "both halves of the AES-XTS flash key are equal");
    run(c, c->kernel->seal, address, in, out, len);
    return SS_OK;
}

ss_status_t ss_flash_xts_unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out,
                                size_t len, struct ss_error *err)
{
    ss_status_t status = check_range(c, address, len, err);
    if (status != SS_OK)
        return status;
    run(c, c->kernel->unseal, address, in, out, len);
    return SS_OK;
}

void ss_flash_xts_wipe(struct ss_flash_xts *c)
{
    ss_wipe(c, sizeof *c);
}

const char *ss_flash_xts_kernel_name(const struct ss_flash_xts *c)
{
    return c->kernel->name;
}
