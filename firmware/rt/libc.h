// SPDX-License-Identifier: Apache-2.0
// As in the C library; the headers at hand declare the others.
#ifndef RT_LIBC_H
#define RT_LIBC_H

#include <stdint.h>
#include <string.h>

/// Called by compiled code.
uint32_t __udivsi3(uint32_t value, uint32_t by);
uint32_t __umodsi3(uint32_t value, uint32_t by);
uint64_t __udivdi3(uint64_t value, uint64_t by);
uint64_t __umoddi3(uint64_t value, uint64_t by);
uint64_t __muldi3(uint64_t a, uint64_t b);

#endif
