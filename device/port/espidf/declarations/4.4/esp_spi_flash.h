// SPDX-License-Identifier: Apache-2.0
// Where mapped memory lies in flash.
#pragma once

#include <stddef.h>

size_t spi_flash_cache2phys(const void *cached);
