// SPDX-License-Identifier: Apache-2.0
// What the kernels of flash_xts share: the expanded key and the table of kernels. Internal.
#ifndef SS_CORE_KERNELS_FLASH_XTS_KERNELS_H
#define SS_CORE_KERNELS_FLASH_XTS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/flash_xts.h"

/// Vectors that the kernels of flash_xts_lanes.h keep in flight: as many as a unit has blocks.
#define SS_FLASH_XTS_VECTORS (SS_FLASH_XTS_UNIT / SS_FLASH_XTS_BLOCK)

/// Seals or unseals @p units whole units from @p address on, a multiple of 128; @p in == @p out is allowed. No
/// alignment of the buffers is assumed. Neither branches on nor indexes by a secret, and leaves none in memory.
typedef void ss_flash_xts_fn(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out,
                             size_t units);

struct ss_flash_xts_kernel {
    const char *name;
    bool (*supported)(void); ///< true if this CPU can run it
    ss_flash_xts_fn *seal;
    ss_flash_xts_fn *unseal;
};

/// The kernels of this architecture, fastest first, the portable one last; NULL-terminated.
extern const struct ss_flash_xts_kernel *const ss_flash_xts_kernels[];

extern const struct ss_flash_xts_kernel ss_flash_xts_portable; ///< any CPU
extern const struct ss_flash_xts_kernel ss_flash_xts_aesni;    ///< x86-64 with AES-NI
extern const struct ss_flash_xts_kernel ss_flash_xts_vaes256;  ///< x86-64 with AVX2, VAES, VPCLMULQDQ
extern const struct ss_flash_xts_kernel ss_flash_xts_vaes512;  ///< x86-64 with AVX-512, VAES, VPCLMULQDQ
extern const struct ss_flash_xts_kernel ss_flash_xts_armv8;    ///< 64-bit ARM with the AES instructions

/// Runs @p k on any range that ss_flash_xts_seal() takes (not checked again): whole units in place, the ends of the
/// range through a buffer.
void ss_flash_xts_run(const struct ss_flash_xts_kernel *k, bool seal, const struct ss_flash_xts *c, uint32_t address,
                      const uint8_t *in, uint8_t *out, size_t len);

/// Known answers, both directions and key lengths, over all lanes of @p k, which must be supported.
bool ss_flash_xts_kernel_passes(const struct ss_flash_xts_kernel *k);

#endif
