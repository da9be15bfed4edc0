// SPDX-License-Identifier: Apache-2.0
// Stands in for PostgreSQL in a build without it (SS_WITH_POSTGRES=OFF).
#include "vault/sql.h"

void ss_postgres_files(const char *url, void (*each)(void *context, const char *path), void *context)
{
    (void)url, (void)each, (void)context;
}

ss_status_t ss_postgres_open(const char *where, const struct ss_sql_place *place, bool create, unsigned busy_ms,
                             struct ss_sql **db, struct ss_error *err)
{
    (void)where, (void)create, (void)busy_ms;
    *db = NULL;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, place->area, "this build has no PostgreSQL support");
}
