// SPDX-License-Identifier: Apache-2.0
// What the host files that use OpenSSL share. Internal, hosts only.
#ifndef SS_CORE_OPENSSL_H
#define SS_CORE_OPENSSL_H

#include "slotseal/error.h"

/// Empties OpenSSL's error queue of this thread and says what its failure means: SS_ERROR_INSUFFICIENT_MEMORY if an
/// allocation failure is in the queue, SS_ERROR_GENERIC if an internal error is or no reason at all, else @p verdict.
/// OpenSSL reports "no memory" and "not valid" by the same return value; only the queue tells.
ss_status_t ss_openssl_status(ss_status_t verdict);

#endif
