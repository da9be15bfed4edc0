// SPDX-License-Identifier: Apache-2.0
// The only file that begins and ends transactions: each has a name, and its fault points.
#include <stdio.h>
#include <time.h>

#include "vault/fault.h"
#include "vault/internal.h"

enum { TRIES = 12 };

static void fault(const char *name, const char *when)
{
    char point[80];
    snprintf(point, sizeof point, "%s:%s", name, when);
    ss_fault_point(point);
}

static ss_status_t run_once(struct ss_vault *vault, enum ss_sql_transaction kind, const char *name,
                            ss_vault_work_fn work, void *context, struct ss_error *err)
{
    ss_status_t status = ss_sql_begin(vault->db, kind, err);
    if (status != SS_OK)
        return status;
    fault(name, "begin");
    status = work(vault, context, err);
    if (status != SS_OK) {
        ss_sql_rollback(vault->db);
        return status;
    }
    fault(name, "commit");
    status = ss_sql_commit(vault->db, err);
    if (status == SS_OK)
        fault(name, "done");
    return status;
}

static ss_status_t run(struct ss_vault *vault, enum ss_sql_transaction kind, const char *name, ss_vault_work_fn work,
                       void *context, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; i < TRIES; i++) {
        status = run_once(vault, kind, name, work, context, err);
        if (status == SS_OK || !vault->db->retry)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000L << (i < 8 ? i : 8)}, NULL);
    }
    return status;
}

ss_status_t ss_vault_write(struct ss_vault *vault, const char *name, ss_vault_work_fn work, void *context,
                           struct ss_error *err)
{
    return run(vault, SS_SQL_WRITE, name, work, context, err);
}

ss_status_t ss_vault_write_first(struct ss_vault *vault, const char *name, ss_vault_work_fn work, void *context,
                                 struct ss_error *err)
{
    return run(vault, SS_SQL_CREATE, name, work, context, err);
}

ss_status_t ss_vault_read(struct ss_vault *vault, ss_vault_work_fn work, void *context, struct ss_error *err)
{
    ss_status_t status = ss_sql_begin(vault->db, SS_SQL_READ, err);
    if (status != SS_OK)
        return status;
    status = work(vault, context, err);
    ss_sql_rollback(vault->db);
    return status;
}
