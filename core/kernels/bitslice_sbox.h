// SPDX-License-Identifier: Apache-2.0
// The S-box of AES and its inverse as circuits of XOR, AND and NOT on bit planes: plane i holds bit i (0 = lowest) of
// as many bytes as a plane has bits. No table look-up, no branch, so no timing that depends on the bytes. Internal.
//
// Both are an inversion in GF(2^8) between two linear layers. The forward circuit is the one of 113 gates by J. Boyar
// and R. Peralta, "A small depth-16 circuit for the AES S-box" (2011). The inverse shares its non-linear middle; its
// linear layers are the forward ones composed with the inverse of the S-box's affine map, minimised by a greedy search.
#ifndef SS_CORE_KERNELS_BITSLICE_SBOX_H
#define SS_CORE_KERNELS_BITSLICE_SBOX_H

#include <stdint.h>

typedef uint64_t ss_plane __attribute__((vector_size(16)));

// 22 linear forms of the input to 18 products; XORs of them are the bits of the inverse.
static inline __attribute__((always_inline)) void ss_sbox_middle(const ss_plane y[22], ss_plane z[18])
{
    ss_plane t2 = y[12] & y[15], t4 = (y[3] & y[6]) ^ t2, t6 = (y[4] & y[0]) ^ t2;
    ss_plane t7 = y[13] & y[16], t9 = (y[5] & y[1]) ^ t7, t11 = (y[2] & y[7]) ^ t7;
    ss_plane t12 = y[9] & y[11], t14 = (y[14] & y[17]) ^ t12, t16 = (y[8] & y[10]) ^ t12;
    ss_plane t21 = t4 ^ t14 ^ y[20], t22 = t6 ^ t16 ^ y[19], t23 = t9 ^ t14 ^ y[21], t24 = t11 ^ t16 ^ y[18];
    ss_plane t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t29 = (t25 & t27) ^ t22;
    ss_plane t30 = t23 ^ t24, t31 = t22 ^ t26, t33 = (t31 & t30) ^ t24;
    ss_plane t34 = t23 ^ t33, t36 = t24 & (t27 ^ t33), t37 = t36 ^ t34, t38 = t27 ^ t36, t40 = t25 ^ (t29 & t38);
    ss_plane t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37, t45 = t42 ^ t41;
    z[0] = t44 & y[15], z[1] = t37 & y[6], z[2] = t33 & y[0], z[3] = t43 & y[16], z[4] = t40 & y[1];
    z[5] = t29 & y[7], z[6] = t42 & y[11], z[7] = t45 & y[17], z[8] = t41 & y[10], z[9] = t44 & y[12];
    z[10] = t37 & y[3], z[11] = t33 & y[4], z[12] = t43 & y[13], z[13] = t40 & y[5], z[14] = t29 & y[2];
    z[15] = t42 & y[9], z[16] = t45 & y[14], z[17] = t41 & y[8];
}

static inline __attribute__((always_inline)) void ss_sbox(const ss_plane x[8], ss_plane s[8])
{
    ss_plane y[22], z[18];
    ss_plane t0 = x[6] ^ x[5];
    y[0] = x[0], y[14] = x[4] ^ x[2], y[13] = x[7] ^ x[1], y[9] = x[7] ^ x[4], y[8] = x[7] ^ x[2];
    y[1] = t0 ^ x[0], y[4] = y[1] ^ x[4], y[12] = y[13] ^ y[14], y[2] = y[1] ^ x[7], y[5] = y[1] ^ x[1];
    y[3] = y[5] ^ y[8];
    ss_plane t1 = x[3] ^ y[12];
    y[15] = t1 ^ x[2], y[20] = t1 ^ x[6], y[6] = y[15] ^ x[0], y[10] = y[15] ^ t0, y[11] = y[20] ^ y[9];
    y[7] = x[0] ^ y[11], y[17] = y[10] ^ y[11], y[19] = y[10] ^ y[8], y[16] = t0 ^ y[11], y[21] = y[13] ^ y[16];
    y[18] = x[7] ^ y[16];
    ss_sbox_middle(y, z);
    ss_plane t46 = z[15] ^ z[16], t48 = z[5] ^ z[13], t53 = z[0] ^ z[3], t57 = z[2] ^ z[12] ^ t53;
    ss_plane t58 = z[4] ^ t46, t59 = z[3] ^ z[6] ^ z[7], t60 = t46 ^ t57, t62 = z[7] ^ z[8] ^ t58;
    ss_plane t63 = z[9] ^ z[10] ^ t58, t64 = z[4] ^ t59, t65 = z[14] ^ t57 ^ t62, t66 = z[1] ^ t63;
    s[7] = t59 ^ t63;
    s[4] = t53 ^ t66;
    s[6] = ~(t64 ^ s[4]);
    s[5] = ~(z[16] ^ z[17] ^ t64 ^ t65);
    s[3] = z[2] ^ z[5] ^ t66;
    s[2] = z[10] ^ z[11] ^ t65;
    s[1] = ~(z[12] ^ t48 ^ t62);
    s[0] = ~(t48 ^ t60);
}

static inline __attribute__((always_inline)) void ss_inv_sbox(const ss_plane s[8], ss_plane x[8])
{
    ss_plane y[22], z[18];
    ss_plane s0 = ~s[0], s1 = ~s[1], s2 = s[2], s3 = s[3], s4 = s[4], s5 = ~s[5], s6 = ~s[6], s7 = s[7];
    y[8] = s6 ^ s7, y[6] = s4 ^ y[8], y[5] = s7 ^ y[6], y[3] = y[8] ^ y[5], y[14] = s3 ^ y[6], y[9] = y[8] ^ y[14];
    y[18] = s5 ^ y[9], y[1] = s0 ^ y[9], y[10] = y[6] ^ y[1], y[19] = y[8] ^ y[10], y[13] = s1 ^ y[1];
    y[12] = y[14] ^ y[13], y[4] = y[3] ^ y[12], y[2] = y[9] ^ y[4], y[7] = y[18] ^ y[2], y[16] = y[1] ^ y[7];
    y[21] = y[13] ^ y[16], y[20] = y[2] ^ s2 ^ s7, y[11] = y[9] ^ y[20], y[0] = y[7] ^ y[11], y[15] = y[6] ^ y[0];
    y[17] = y[16] ^ y[15];
    ss_sbox_middle(y, z);
    ss_plane t0 = z[6] ^ z[15], t1 = z[12] ^ t0, t2 = z[13] ^ t1, t3 = z[16] ^ t2, t4 = z[3] ^ z[8], t5 = z[1] ^ z[4];
    ss_plane t6 = z[2] ^ z[10], t9 = z[9] ^ z[17], t10 = z[0] ^ z[8] ^ t3, t11 = z[4] ^ z[7];
    ss_plane t13 = t5 ^ z[14] ^ t4 ^ t6;
    x[4] = z[2] ^ t10;
    x[6] = t9 ^ t13 ^ z[13] ^ t0;
    x[7] = z[5] ^ t3 ^ t4;
    x[1] = z[3] ^ t3 ^ t11;
    x[3] = z[17] ^ z[0] ^ t6 ^ t2 ^ t11 ^ z[5] ^ z[11];
    x[5] = z[11] ^ z[16] ^ t1 ^ t13;
    x[0] = z[11] ^ z[15] ^ t9;
    x[2] = z[5] ^ t5 ^ t10;
}

#endif
