// SPDX-License-Identifier: Apache-2.0
// What the agent keeps in a journal.
#include "device/journal.h"

ss_status_t ss_journal_load(const struct ss_journal *journal, struct ss_agent_record *record)
{
    uint8_t raw[SS_AGENT_RECORD_SIZE];
    size_t len;
    ss_status_t status = ss_journal_get(journal, SS_JOURNAL_RECORD, raw, sizeof raw, &len);
    ss_agent_record_read(raw, status == SS_OK ? len : 0, record);
    return status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_BUFFER_TOO_SMALL ? SS_OK : status;
}

ss_status_t ss_journal_store(struct ss_journal *journal, const struct ss_agent_record *record)
{
    uint8_t raw[SS_AGENT_RECORD_SIZE];
    ss_agent_record_write(record, raw);
    return ss_journal_put(journal, SS_JOURNAL_RECORD, raw, sizeof raw);
}

static unsigned newer(const struct ss_journal *j)
{
    return j->at[SS_JOURNAL_KEY_SET_B] > j->at[SS_JOURNAL_KEY_SET_A] ? SS_JOURNAL_KEY_SET_B : SS_JOURNAL_KEY_SET_A;
}

ss_status_t ss_journal_put_key_set(struct ss_journal *journal, const uint8_t *key_set, size_t len)
{
    return ss_journal_put(journal, SS_JOURNAL_KEY_SET_A + SS_JOURNAL_KEY_SET_B - newer(journal), key_set, len);
}

ss_status_t ss_journal_get_key_set(const struct ss_journal *journal, bool previous, uint8_t *out, size_t size,
                                   size_t *len)
{
    unsigned id = newer(journal);
    return ss_journal_get(journal, previous ? SS_JOURNAL_KEY_SET_A + SS_JOURNAL_KEY_SET_B - id : id, out, size, len);
}
