// SPDX-License-Identifier: Apache-2.0
// AES key expansion (FIPS 197 §5.2) in constant time. Internal.
#ifndef SS_CORE_KERNELS_AES_KEY_H
#define SS_CORE_KERNELS_AES_KEY_H

#include <stdint.h>

/// Expands a key of @p key_len bytes, 16 or 32, into @p round_keys[0..n]; returns n, 10 or 14.
unsigned ss_aes_expand_key(uint8_t round_keys[15][16], const uint8_t *key, unsigned key_len);

/// InvMixColumns (FIPS 197 §5.3.3) on one column, row 0 in the low byte. No branch on it, nor a table: it may be a key.
uint32_t ss_aes_inv_mix_column(uint32_t column);

/// The schedule of the equivalent inverse cipher (FIPS 197 §5.3.5) in order of use: reversed, InvMixColumns applied to
/// all but the outer two.
void ss_aes_invert_keys(uint8_t inverse[15][16], const uint8_t round_keys[15][16], unsigned rounds);

#endif
