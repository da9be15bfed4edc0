// SPDX-License-Identifier: Apache-2.0
#include "vault/journal.h"

#include <stdlib.h>
#include <string.h>

#include "vault/internal.h"

static const char *const phase_names[] = {
    [SS_VAULT_PHASE_BEGIN] = "begin",
    [SS_VAULT_PHASE_DONE] = "done",
    [SS_VAULT_PHASE_FAILED] = "failed",
    [SS_VAULT_PHASE_NOTE] = "note",
};
enum { PHASES = sizeof phase_names / sizeof *phase_names };

const char *ss_vault_phase_name(enum ss_vault_phase phase)
{
    return (unsigned)phase < PHASES ? phase_names[phase] : "unknown";
}

struct entry {
    const char *device, *run, *step, *phase, *detail;
};

static ss_status_t append(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct entry *e = context;
    return ss_sql_run(vault->db, err,
                      // There is one writer at a time: nobody else takes this number.
                      "INSERT INTO journal (number, time, device, run, step, phase, actor, detail) "
                      "SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6, $7 FROM journal",
                      ss_sql_int(ss_vault_now()), ss_sql_text(e->device), ss_sql_text(e->run), ss_sql_text(e->step),
                      ss_sql_text(e->phase), ss_sql_text(vault->actor), ss_sql_text(e->detail));
}

ss_status_t ss_vault_journal_append(struct ss_vault *vault, const char *device, const char *run, const char *step,
                                    enum ss_vault_phase phase, const char *detail, struct ss_error *err)
{
    struct entry e = {device, run, step, ss_vault_phase_name(phase), detail ? detail : ""};
    ss_status_t status = ss_vault_check_name("id of the device", device, err);
    if (status == SS_OK)
        status = ss_vault_check_name("name of the run", run, err);
    if (status == SS_OK)
        status = ss_vault_check_name("id of the step", step, err);
    if (status == SS_OK)
        status = ss_vault_check_text("detail", e.detail, SS_VAULT_DETAIL_MAX, err);
    return status == SS_OK ? ss_vault_write(vault, "journal", append, &e, err) : status;
}

static ss_status_t fill(const struct ss_sql_rows *rows, struct ss_vault_journal_entry *e, struct ss_error *err)
{
    char phase[16];
    e->number = ss_sql_column_int(rows, 0);
    e->time = ss_sql_column_int(rows, 1);
    ss_sql_column_text(rows, 2, e->device, sizeof e->device);
    ss_sql_column_text(rows, 3, e->run, sizeof e->run);
    ss_sql_column_text(rows, 4, e->step, sizeof e->step);
    ss_sql_column_text(rows, 5, phase, sizeof phase);
    ss_sql_column_text(rows, 6, e->actor, sizeof e->actor);
    ss_sql_column_text(rows, 7, e->detail, sizeof e->detail);
    for (unsigned i = 0; i < PHASES; i++)
        if (!strcmp(phase, phase_names[i])) {
            e->phase = (enum ss_vault_phase)i;
            return SS_OK;
        }
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "entry %lld of the journal has a phase %s",
                        (long long)e->number, phase);
}

static ss_status_t next_entry(struct ss_vault *vault, const char *device, const char *run,
                              struct ss_vault_journal_entry *entry, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *found = false;
    ss_status_t status = ss_sql_select(vault->db, &rows, err,
                                       "SELECT number, time, device, run, step, phase, actor, detail FROM journal "
                                       "WHERE device = $1 AND number > $2 AND ($3 = '' OR run = $3) "
                                       "ORDER BY number LIMIT 1",
                                       ss_sql_text(device), ss_sql_int(entry->number), ss_sql_text(run ? run : ""));
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found)
        status = fill(rows, entry, err);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_journal_read(struct ss_vault *vault, const char *device, const char *run,
                                  ss_status_t (*each)(void *context, const struct ss_vault_journal_entry *entry,
                                                      struct ss_error *err),
                                  void *context, struct ss_error *err)
{
    bool found = true;
    ss_status_t status = SS_OK;
    struct ss_vault_journal_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    while (status == SS_OK && found) {
        status = next_entry(vault, device, run, entry, &found, err);
        if (status == SS_OK && found)
            status = each(context, entry, err);
    }
    free(entry);
    return status;
}
