// SPDX-License-Identifier: Apache-2.0
// The oldest release of a product that is still delivered. A front that was taken over can offer what was authorised once;
// the floor keeps it from offering what has known holes.
#ifndef SS_VAULT_FLOOR_H
#define SS_VAULT_FLOOR_H

#include "vault/release.h"

/// From now on nothing that was signed earlier than release @p version is sealed for devices of @p product. Recorded in
/// the audit log. SS_ERROR_DOES_NOT_EXIST: the release; SS_ERROR_INVALID_ARGUMENT: it has no release statement;
/// SS_ERROR_NOT_PERMITTED: it is older than the floor that there is.
SS_MUST_USE ss_status_t ss_vault_floor_set(struct ss_vault *vault, const char *product, const char *version,
                                           struct ss_error *err);
/// The floor: its version, and when it was signed (seconds since 1970). "" and 0 without one.
SS_MUST_USE ss_status_t ss_vault_floor_get(struct ss_vault *vault, const char *product,
                                           char version[SS_VAULT_VERSION_SIZE], uint64_t *signed_at,
                                           struct ss_error *err);

#endif
