// SPDX-License-Identifier: Apache-2.0
// Shared by the policy and the sealing itself. Internal.
#ifndef SS_CORE_SEAL_PARTS_H
#define SS_CORE_SEAL_PARTS_H

#include "slotseal/seal.h"

/// The chip of @p params, never NULL.
const struct ss_chip *ss_seal_chip(const struct ss_seal_params *params);

/// Checks parameters and space for @p len bytes; *padded_len is 0 on error. Statuses of ss_seal_check().
SS_MUST_USE ss_status_t ss_seal_check_place(const struct ss_seal_params *params, size_t len, size_t *padded_len,
                                            struct ss_error *err);

/// Checks that plaintext is what params->kind says and would work where it is to lie.
SS_MUST_USE ss_status_t ss_seal_check_content(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                                              struct ss_seal_report *report, struct ss_error *err);

#endif
