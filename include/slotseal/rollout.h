// SPDX-License-Identifier: Apache-2.0
// The rollout authorisation: a release may go to these devices, in these stages, in this time. Signed by an operator
// where the operator works, and checked by the sealer: who took over the network-facing server cannot choose targets.
#ifndef SLOTSEAL_ROLLOUT_H
#define SLOTSEAL_ROLLOUT_H

#include "slotseal/statement.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_ROLLOUT_ID_MAX      64u ///< longest id, bytes; the characters of a name
#define SS_ROLLOUT_DEVICES_MAX 32u ///< most devices that are listed by name
#define SS_ROLLOUT_STAGES_MAX  8u

enum ss_rollout_targets {
    SS_TARGETS_PRODUCT, ///< every device of the product
    SS_TARGETS_LIST,    ///< those that a list names, which is not part of the statement: its digest is
    SS_TARGETS_DEVICES, ///< those named in the statement
};

/// One step of a rollout. The next one begins when `soak` has passed and no more than `max_failed` failed.
struct ss_rollout_stage {
    uint8_t percent;    ///< of the targets that are reached by then; ascending, the last is 100
    uint8_t max_failed; ///< percent of this stage's devices that may fail before the rollout stops; 0 to 100
    uint32_t soak;      ///< seconds
};

struct ss_rollout {
    struct ss_span product;
    struct ss_span id;
    const uint8_t *release; ///< ss_statement_reference() of the release statement
    const uint8_t *list;    ///< SHA-256 of the list: ids in ascending order, each followed by a line feed
    uint64_t not_before;    ///< seconds since 1970
    uint64_t expiry;        ///< seconds since 1970; above not_before
    struct ss_rollout_stage stages[SS_ROLLOUT_STAGES_MAX];
    struct ss_span devices[SS_ROLLOUT_DEVICES_MAX]; ///< ids, ascending
    uint8_t targets;                                ///< enum ss_rollout_targets
    uint8_t stage_count;                            ///< 1 to SS_ROLLOUT_STAGES_MAX
    uint8_t device_count;                           ///< SS_TARGETS_DEVICES: 1 to SS_ROLLOUT_DEVICES_MAX
    uint32_t list_count;                            ///< SS_TARGETS_LIST: devices in the list
};

/// Reads the fields of @p statement, into whose buffer @p rollout points. Nothing is verified.
/// SS_ERROR_DATA_INVALID with @p why (may be NULL), SS_REASON_KIND for a statement of another kind.
SS_MUST_USE ss_status_t ss_rollout_parse(const struct ss_statement *statement, struct ss_rollout *rollout,
                                         struct ss_refusal *why);

/// Whether @p rollout allows @p release (its reference) for @p product at @p now, seconds since 1970, which must be
/// known. Whether a device is a target, the caller knows. SS_ERROR_NOT_PERMITTED: SS_REASON_PRODUCT, SS_REASON_RELEASE,
/// SS_REASON_EARLY, SS_REASON_EXPIRED.
SS_MUST_USE ss_status_t ss_rollout_check(const struct ss_rollout *rollout, struct ss_span product,
                                         const uint8_t release[SS_STATEMENT_DIGEST_SIZE], uint64_t now,
                                         struct ss_refusal *why);

#ifdef __cplusplus
}
#endif
#endif
