// SPDX-License-Identifier: Apache-2.0
// SHA-256 of several messages at once: what the kernels behind slotseal/seal_many.h share. Internal.
//
// One SHA-256 is a chain of dependent steps that leaves most of a CPU idle; independent messages fill it.
#ifndef SS_CORE_KERNELS_SHA256_KERNELS_H
#define SS_CORE_KERNELS_SHA256_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_SHA256_BLOCK     64
#define SS_SHA256_MAX_LANES 16

/// Adds @p blocks blocks of in[i] to states[i] (FIPS 180-4 §6.2.2, words in host order), for each of the kernel's
/// lanes.
typedef void ss_sha256_fn(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks);

struct ss_sha256_kernel {
    const char *name;
    unsigned lanes; ///< messages in flight
    unsigned worth; ///< from this many messages on it beats the kernels after it in the table
    bool (*supported)(void);
    ss_sha256_fn *compress;
};

/// The kernels of this architecture, widest first, ended by NULL; the last one is portable and has one lane.
extern const struct ss_sha256_kernel *const ss_sha256_kernels[];

extern const struct ss_sha256_kernel ss_sha256_portable;
extern const struct ss_sha256_kernel ss_sha256_shani;   ///< x86-64 with SHA extensions: one message
extern const struct ss_sha256_kernel ss_sha256_shani_4; ///< four interleaved
extern const struct ss_sha256_kernel ss_sha256_avx512;  ///< sixteen, one in each 32-bit lane
extern const struct ss_sha256_kernel ss_sha256_avx2;    ///< eight, for CPUs without SHA extensions
extern const struct ss_sha256_kernel ss_sha256_armv8;   ///< 64-bit ARM with SHA2: one message
extern const struct ss_sha256_kernel ss_sha256_armv8_2; ///< two interleaved

/// FIPS 180-4 §4.2.2 and §5.3.3.
extern const uint32_t ss_sha256_constants[64];
extern const uint32_t ss_sha256_initial[8];

/// True if every lane of @p k, which must be supported, agrees with the portable kernel.
bool ss_sha256_kernel_passes(const struct ss_sha256_kernel *k);

/// Adds @p blocks blocks of in[i] to states[i] for any number of messages by whatever is fastest.
void ss_sha256_compress_many(uint32_t (*const states[])[8], const uint8_t *const in[], unsigned count, size_t blocks);

/// Names of the kernel that runs for @p count messages at once.
const char *ss_sha256_kernel_for(unsigned count);

#endif
