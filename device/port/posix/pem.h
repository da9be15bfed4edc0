// SPDX-License-Identifier: Apache-2.0
// Certificates as text, which is the form that libcurl takes several of.
#ifndef SS_DEVICE_PORT_POSIX_PEM_H
#define SS_DEVICE_PORT_POSIX_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "slotseal/status.h"

/// True if the bytes begin as PEM does. NULL: false.
bool ss_pem_is(const void *in, size_t len);

/// Appends a certificate, PEM (as it is, without closing NULs) or DER, to the text *@p pem of *@p len characters, which
/// grows by realloc(); free() it, also on error. NULL to begin with.
/// SS_ERROR_DATA_INVALID: neither PEM nor DER. SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_pem_append(char **pem, size_t *pem_len, const void *in, size_t len);

#endif
