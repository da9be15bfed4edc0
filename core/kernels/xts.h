// SPDX-License-Identifier: Apache-2.0
// What the kernels of flash_xts share: the expanded key and the table of kernels. Internal.
#ifndef SS_CORE_KERNELS_XTS_H
#define SS_CORE_KERNELS_XTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/flash_xts.h"

/// One data unit: the controller's cache line, eight AES blocks.
#define SS_XTS_UNIT_SIZE SS_FLASH_XTS_UNIT_SIZE

/// One implementation. Both functions process @p units whole units from @p address on (a multiple of 128); in == out
/// is allowed, other overlap is not. Neither branches on or indexes by a secret.
struct ss_xts_kernel {
    const char *name;
    bool (*usable)(void); ///< true if this CPU and its operating system can run it; NULL for always
    void (*seal)(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units);
    void (*unseal)(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units);
};

/// The kernels of this build, fastest first; the last one is portable. NULL-terminated.
extern const struct ss_xts_kernel *const ss_xts_kernels[];

extern const struct ss_xts_kernel ss_xts_portable;

#endif
