// SPDX-License-Identifier: Apache-2.0
// What a simulated device keeps through resets, beside its slots: the agent's record, the key sets that it has taken, CA
// certificates. Where its partition table has a partition for that, it is the agent's journal in the chip's flash; else
// it is sim/storage.h, which stands for an NVS namespace.
#ifndef SS_SIM_KEEP_H
#define SS_SIM_KEEP_H

#include "chip/chip.h"
#include "device/journal.h"
#include "sim/storage.h"
#include "slotseal/key_set.h"
#include "slotseal/partition_table.h"

/// A data partition with this label, of at least two sectors, holds the journal; its subtype does not matter.
#define SS_SIM_JOURNAL_LABEL "slotseal"
/// Longest CA certificate, bytes.
#define SS_SIM_CA_MAX 3072u

struct ss_sim_keep {
    struct ss_vchip *chip;
    struct ss_sim_storage *storage; ///< borrowed
    struct ss_journal journal;
    bool in_flash;  ///< the journal counts
    bool encrypted; ///< its partition is, and the chip encrypts
};

/// Finds out where the device that boots from @p chip with @p table keeps things. Statuses of ss_journal_mount().
SS_MUST_USE ss_status_t ss_sim_keep_mount(struct ss_sim_keep *keep, struct ss_vchip *chip,
                                          const struct ss_partition_table *table, struct ss_sim_storage *storage);

/// One that was lost is all zero.
SS_MUST_USE ss_status_t ss_sim_keep_load(const struct ss_sim_keep *keep, struct ss_agent_record *record);
SS_MUST_USE ss_status_t ss_sim_keep_store(struct ss_sim_keep *keep, const struct ss_agent_record *record);

/// The key set that was stored last, or with @p previous the one before it; *@p len is 0 if there is none.
SS_MUST_USE ss_status_t ss_sim_keep_key_set(const struct ss_sim_keep *keep, bool previous, uint8_t out[SS_KEY_SET_MAX],
                                            size_t *len);
/// Stores the next key set; @p before is the one in force, which becomes the previous one.
SS_MUST_USE ss_status_t ss_sim_keep_put_key_set(struct ss_sim_keep *keep, const uint8_t *next, size_t len,
                                                struct ss_span before);

/// CA certificate @p n, below SS_CAS_MAX; *@p len is 0 if there is none.
SS_MUST_USE ss_status_t ss_sim_keep_ca(const struct ss_sim_keep *keep, unsigned n, uint8_t out[SS_SIM_CA_MAX],
                                       size_t *len);
SS_MUST_USE ss_status_t ss_sim_keep_put_ca(struct ss_sim_keep *keep, unsigned n, const uint8_t *der, size_t len);

#endif
