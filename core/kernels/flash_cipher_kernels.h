// SPDX-License-Identifier: Apache-2.0
// The kernels behind slotseal/flash_cipher.h, one per kind of CPU. Internal: for the dispatcher, tests and benchmarks.
#ifndef SS_CORE_KERNELS_FLASH_CIPHER_KERNELS_H
#define SS_CORE_KERNELS_FLASH_CIPHER_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernels/wipe.h"
#include "slotseal/flash_cipher.h"

/// Seals or unseals @p batches whole batches. @p address is a multiple of the kernel's batch; @p in == @p out is
/// allowed. No alignment of the buffers is assumed. Leaves no key material on the stack.
typedef void ss_flash_cipher_fn(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                                size_t batches);

struct ss_flash_cipher_kernel {
    const char *name;
    size_t batch;            ///< bytes handled at once: a power of two, 32..SS_FLASH_CIPHER_MAX_BATCH
    bool (*supported)(void); ///< true if this CPU can run it
    ss_flash_cipher_fn *seal;
    ss_flash_cipher_fn *unseal;
};

#define SS_FLASH_CIPHER_MAX_BATCH 4096

/// The kernels built for this architecture, fastest first, ended by NULL; one table per architecture folder.
extern const struct ss_flash_cipher_kernel *const ss_flash_cipher_kernels[];

extern const struct ss_flash_cipher_kernel ss_flash_cipher_portable;

/// Runs @p k on any range that ss_flash_cipher_seal() takes (not checked again): whole batches in place, the ends of
/// the range through a buffer.
void ss_flash_cipher_run(const struct ss_flash_cipher_kernel *k, bool seal, const struct ss_flash_cipher *c,
                         uint32_t address, const uint8_t *in, uint8_t *out, size_t len);

/// Known answers, both directions, over all lanes of @p k, which must be supported.
bool ss_flash_cipher_kernel_passes(const struct ss_flash_cipher_kernel *k);

#endif
