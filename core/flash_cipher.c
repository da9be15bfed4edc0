// SPDX-License-Identifier: Apache-2.0
#include "slotseal/flash_cipher.h"

#include <stdatomic.h>
#include <string.h>

#include "core/bytes.h"
#include "core/flash_range.h"
#include "core/kernels/aes_key.h"
#include "core/kernels/flash_cipher_kernels.h"
#include "slotseal/efuse.h"

#define FIRST_TWEAK_BIT 5
#define LAST_TWEAK_BIT  23

// Key bits meet address bits in four groups, one for each bit of FLASH_CRYPT_CONFIG. A group counts three times from
// address bit 23 down to 5, then once from `last_run` down to 5: 67, 65, 63 and 61 bits (espsecure's tables, as rule).
static void map_key_bits(uint8_t map[256], unsigned crypt_config)
{
    static const uint8_t last_run[4] = {14, 12, 10, 8};
    unsigned n = 0;
    for (unsigned group = 0; group < 4; group++) {
        bool on = crypt_config >> group & 1;
        for (unsigned run = 0; run < 4; run++)
            for (unsigned bit = run < 3 ? LAST_TWEAK_BIT : last_run[group]; bit >= FIRST_TWEAK_BIT; bit--)
                map[n++] = on ? (uint8_t)bit : 0;
    }
}

static uint32_t rotate_bytes(uint32_t w, unsigned bytes)
{
    return w >> 8 * bytes | w << (32 - 8 * bytes) % 32;
}

static void fill_row(struct ss_flash_cipher_row *row, const uint8_t bytes[32])
{
    for (unsigned i = 0; i < 8; i++)
        row->word[i] = ss_get_le32(bytes + 4 * i);
    for (unsigned family = 0; family < 2; family++) {
        const uint32_t *w = row->word + 4 * family;
        uint32_t *last = row->word + 16 + 4 * family, *prior = row->word + 24 + 2 * family;
        uint32_t steps_before[4] = {w[3], w[3] ^ w[2], w[3] ^ w[1], w[3] ^ w[2] ^ w[1] ^ w[0]};
        for (unsigned i = 0; i < 4; i++)
            last[i] = rotate_bytes(steps_before[i], i);
        prior[0] = w[2] ^ w[1];
        prior[1] = w[3] ^ w[2];
    }
    for (unsigned i = 0; i < 8; i++)
        row->word[8 + i] = ss_aes_inv_mix_column(row->word[i]);
    for (unsigned i = 0; i < 4; i++)
        row->word[28 + i] = ss_aes_inv_mix_column(row->word[24 + i]);
}

static void fill_tweaks(struct ss_flash_cipher *c, unsigned crypt_config)
{
    map_key_bits(c->key_bit_tweak, crypt_config);
    uint8_t sum[32] = {0};
    for (unsigned k = 0; k < SS_FLASH_CIPHER_TWEAK_BITS; k++) {
        for (unsigned n = 0; n < 256; n++)
            if (c->key_bit_tweak[n] == FIRST_TWEAK_BIT + k)
                sum[n / 8] ^= (uint8_t)(0x80 >> n % 8);
        fill_row(&c->carry[k], sum);
    }
}

static void prepare(struct ss_flash_cipher *c, const uint8_t *key, size_t key_len, unsigned crypt_config)
{
    uint8_t extended[32];
    if (key_len == 24)
        ss_efuse_extend_192(key, extended);
    else
        memcpy(extended, key, sizeof extended);
    fill_row(&c->key, extended);
    fill_tweaks(c, crypt_config);
    ss_kernel_wipe(extended, sizeof extended);
}

void ss_flash_cipher_run(const struct ss_flash_cipher_kernel *k, bool seal, const struct ss_flash_cipher *c,
                         uint32_t address, const uint8_t *in, uint8_t *out, size_t len)
{
    ss_flash_cipher_fn *run = seal ? k->seal : k->unseal;
    uint8_t batch[SS_FLASH_CIPHER_MAX_BATCH];
    bool used = false;
    while (len > 0) {
        size_t offset = address & (k->batch - 1);
        size_t n = len - len % k->batch;
        if (offset != 0 || n == 0) {
            n = len < k->batch - offset ? len : k->batch - offset;
            memset(batch, 0, k->batch);
            memcpy(batch + offset, in, n);
            run(c, address - (uint32_t)offset, batch, batch, 1);
            memcpy(out, batch + offset, n);
            used = true;
        } else {
            run(c, address, in, out, n / k->batch);
        }
        address += (uint32_t)n;
        in += n;
        out += n;
        len -= n;
    }
    if (used)
        ss_kernel_wipe(batch, k->batch);
}

// What a chip with key 00 01 … 1F, FLASH_CRYPT_CONFIG 15 holds at 0xFFE000 after writing 4096 times 0xA5, as CRC-32:
// all lanes of every kernel and the address bits that a batch can carry into. Both directions.
bool ss_flash_cipher_kernel_passes(const struct ss_flash_cipher_kernel *k)
{
    const uint32_t address = 0xFFE000, expected = 0x211C0430;
    struct ss_flash_cipher c;
    uint8_t key[32], data[SS_FLASH_CIPHER_MAX_BATCH];
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    prepare(&c, key, sizeof key, 15);
    memset(data, 0xA5, sizeof data);
    ss_flash_cipher_run(k, true, &c, address, data, data, sizeof data);
    if (ss_crc32(0, data, sizeof data) != expected)
        return false;
    ss_flash_cipher_run(k, false, &c, address, data, data, sizeof data);
    return ss_all_bytes(data, sizeof data, 0xA5);
}

// The first kernel of the table that the CPU can run and that passes; NULL if none does. Threads that meet here for the
// first time all find the same one.
static const struct ss_flash_cipher_kernel *chosen_kernel(void)
{
    static const struct ss_flash_cipher_kernel *_Atomic chosen;
    const struct ss_flash_cipher_kernel *k = atomic_load_explicit(&chosen, memory_order_acquire);
    for (unsigned i = 0; !k && ss_flash_cipher_kernels[i]; i++)
        if (ss_flash_cipher_kernels[i]->supported() && ss_flash_cipher_kernel_passes(ss_flash_cipher_kernels[i]))
            k = ss_flash_cipher_kernels[i];
    atomic_store_explicit(&chosen, k, memory_order_release);
    return k;
}

const char *ss_flash_cipher_kernel(void)
{
    const struct ss_flash_cipher_kernel *k = chosen_kernel();
    return k ? k->name : "none";
}

ss_status_t ss_flash_cipher_init(struct ss_flash_cipher *c, const uint8_t *key, size_t key_len, unsigned crypt_config,
                                 struct ss_error *err)
{
    ss_flash_cipher_wipe(c);
    if (key_len != 32 && key_len != 24)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "flash key is %zu bytes, the ESP32 takes 32, or 24 with 3/4 coding", key_len);
    if (crypt_config > 15)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FLASH_CIPHER,
                            "FLASH_CRYPT_CONFIG is %u, the largest value is 15", crypt_config);
    if (!chosen_kernel())
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_FLASH_CIPHER,
                            "no flash cipher kernel passed its self-check on this CPU");
    prepare(c, key, key_len, crypt_config);
    return SS_OK;
}

static ss_status_t crypt(bool seal, const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                         size_t len, struct ss_error *err)
{
    ss_status_t status = ss_flash_range_check(address, in, out, len, SS_FLASH_CIPHER_SIZE, SS_AREA_FLASH_CIPHER, err);
    if (status != SS_OK)
        return status;
    const struct ss_flash_cipher_kernel *k = chosen_kernel();
    if (!k)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_FLASH_CIPHER, "flash cipher was not initialised");
    ss_flash_cipher_run(k, seal, c, address, in, out, len);
    return SS_OK;
}

ss_status_t ss_flash_cipher_seal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                                 size_t len, struct ss_error *err)
{
    return crypt(true, c, address, in, out, len, err);
}

ss_status_t ss_flash_cipher_unseal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                                   size_t len, struct ss_error *err)
{
    return crypt(false, c, address, in, out, len, err);
}

void ss_flash_cipher_wipe(struct ss_flash_cipher *c)
{
    ss_kernel_wipe(c, sizeof *c);
}
