// SPDX-License-Identifier: Apache-2.0
// The provisioning journal: what was about to be done to a device, and what was done. Append-only.
#ifndef SS_VAULT_JOURNAL_H
#define SS_VAULT_JOURNAL_H

#include "vault/vault.h"

/// Longest detail of an entry, bytes.
#define SS_VAULT_DETAIL_MAX 4096

enum ss_vault_phase {
    SS_VAULT_PHASE_BEGIN,  ///< the step is about to be done: it may have happened, or not
    SS_VAULT_PHASE_DONE,   ///< done, and read back
    SS_VAULT_PHASE_FAILED, ///< tried, and it did not work
    SS_VAULT_PHASE_NOTE,   ///< something worth keeping: a log line, a measurement
};

/// "begin", "done", "failed", "note". Never NULL.
const char *ss_vault_phase_name(enum ss_vault_phase phase);

struct ss_vault_journal_entry {
    int64_t number;                  ///< rises by time, over all devices
    int64_t time;                    ///< seconds since 1970
    char device[SS_VAULT_NAME_SIZE]; ///< need not be registered yet
    char run[SS_VAULT_NAME_SIZE];    ///< one attempt; the caller names it
    char step[SS_VAULT_NAME_SIZE];   ///< the plan's id of the step
    enum ss_vault_phase phase;
    char actor[2 * SS_VAULT_NAME_SIZE];
    char detail[SS_VAULT_DETAIL_MAX + 1];
};

/// Appends an entry; it is durable when this returns SS_OK. @p detail: UTF-8, no secret, NULL for none.
/// SS_ERROR_INVALID_ARGUMENT for bad names or a longer detail.
SS_MUST_USE ss_status_t ss_vault_journal_append(struct ss_vault *vault, const char *device, const char *run,
                                                const char *step, enum ss_vault_phase phase, const char *detail,
                                                struct ss_error *err);

/// Calls @p each for the entries of @p device, of one @p run or (NULL) of all, oldest first, until it returns something
/// other than SS_OK, which is returned then. No entry is no error. @p each may call the vault.
SS_MUST_USE ss_status_t ss_vault_journal_read(struct ss_vault *vault, const char *device, const char *run,
                                              ss_status_t (*each)(void *context,
                                                                  const struct ss_vault_journal_entry *entry,
                                                                  struct ss_error *err),
                                              void *context, struct ss_error *err);

#endif
