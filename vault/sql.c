// SPDX-License-Identifier: Apache-2.0
// What is the same on every back end.
#include "vault/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ss_sql_place ss_sql_vault = {"vault", "slotseal_vault", SS_AREA_VAULT};

struct ss_sql_value ss_sql_text(const char *text)
{
    if (!text)
        return ss_sql_null();
    return (struct ss_sql_value){.type = SS_SQL_TEXT, .bytes = text, .len = strlen(text)};
}

static bool is_postgres(const char *url)
{
    return !strncmp(url, "postgresql://", 13) || !strncmp(url, "postgres://", 11);
}

void ss_sql_files(const char *url, void (*each)(void *context, const char *path), void *context)
{
    if (is_postgres(url))
        ss_postgres_files(url, each, context);
}

ss_status_t ss_sql_open(const char *url, const struct ss_sql_place *place, bool create, unsigned busy_ms,
                        struct ss_sql **db, struct ss_error *err)
{
    *db = NULL;
    if (!busy_ms)
        busy_ms = SS_SQL_BUSY_MS;
    if (!strncmp(url, "sqlite:", 7))
        return ss_sqlite_open(url + 7, place, create, busy_ms, db, err);
    if (is_postgres(url))
        return ss_postgres_open(url, place, create, busy_ms, db, err);
    // The text itself may hold a password that was typed into the wrong form: it is not repeated.
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, place->area,
                        "a %s is named by sqlite:PATH or postgresql://USER@HOST/DATABASE", place->what);
}

void ss_sql_close(struct ss_sql *db)
{
    if (!db)
        return;
    ss_sql_rollback(db);
    db->driver->close(db);
}

ss_status_t ss_sql_query(struct ss_sql *db, const char *text, const struct ss_sql_value *values, size_t count,
                         struct ss_sql_rows **rows, struct ss_error *err)
{
    *rows = NULL;
    db->retry = false;
    if (count > SS_SQL_VALUES_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, db->place->area, "%zu parameters, at most %u", count,
                            SS_SQL_VALUES_MAX);
    return db->driver->query(db, text, values, count, rows, err);
}

ss_status_t ss_sql_next(struct ss_sql_rows *rows, bool *row, struct ss_error *err)
{
    *row = false;
    return rows->db->driver->next(rows, row, err);
}

bool ss_sql_more(struct ss_sql_rows *rows, ss_status_t *status, struct ss_error *err)
{
    bool row = false;
    if (*status == SS_OK)
        *status = ss_sql_next(rows, &row, err);
    return *status == SS_OK && row;
}

void ss_sql_end(struct ss_sql_rows *rows)
{
    if (rows)
        rows->db->driver->end(rows);
}

struct ss_sql_value ss_sql_column(const struct ss_sql_rows *rows, unsigned column)
{
    return rows->db->driver->column(rows, column);
}

unsigned ss_sql_columns(const struct ss_sql_rows *rows)
{
    return rows->db->driver->columns(rows);
}

const char *ss_sql_column_name(const struct ss_sql_rows *rows, unsigned column)
{
    return rows->db->driver->column_name(rows, column);
}

int64_t ss_sql_column_int(const struct ss_sql_rows *rows, unsigned column)
{
    struct ss_sql_value value = ss_sql_column(rows, column);
    return value.type == SS_SQL_INT ? value.number : 0;
}

void ss_sql_column_text(const struct ss_sql_rows *rows, unsigned column, char *out, size_t size)
{
    struct ss_sql_value value = ss_sql_column(rows, column);
    size_t len = value.type == SS_SQL_TEXT ? value.len : 0;
    if (len > size - 1)
        len = size - 1;
    if (len)
        memcpy(out, value.bytes, len);
    out[len] = '\0';
}

size_t ss_sql_column_blob(const struct ss_sql_rows *rows, unsigned column, void *out, size_t size)
{
    struct ss_sql_value value = ss_sql_column(rows, column);
    if (value.type != SS_SQL_BLOB || value.len > size)
        return 0;
    if (value.len)
        memcpy(out, value.bytes, value.len);
    return value.len;
}

ss_status_t ss_sql_execute(struct ss_sql *db, const char *text, const struct ss_sql_value *values, size_t count,
                           struct ss_error *err)
{
    struct ss_sql_rows *rows = NULL;
    bool row = true;
    ss_status_t status = ss_sql_query(db, text, values, count, &rows, err);
    while (status == SS_OK && row)
        status = ss_sql_next(rows, &row, err);
    ss_sql_end(rows);
    return status;
}

/// @p text with the back end's words for {text} and {blob}; NULL without memory.
static char *with_types(const struct ss_sql_driver *driver, const char *text)
{
    const char *const words[][2] = {{"{text}", driver->text}, {"{blob}", driver->blob}};
    char *out = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&out, &len);
    if (!stream)
        return NULL;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "{");
        fwrite(p, 1, n, stream);
        p += n;
        for (size_t i = 0; *p && i < sizeof words / sizeof *words; i++)
            if (!strncmp(p, words[i][0], strlen(words[i][0]))) {
                fputs(words[i][1], stream);
                p += strlen(words[i][0]);
            }
    }
    bool failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed) {
        free(out);
        return NULL;
    }
    return out;
}

ss_status_t ss_sql_script(struct ss_sql *db, const char *text, struct ss_error *err)
{
    char *script = with_types(db->driver, text);
    if (!script)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, db->place->area, "out of memory");
    db->retry = false;
    ss_status_t status = db->driver->script(db, script, err);
    free(script);
    return status;
}

ss_status_t ss_sql_begin(struct ss_sql *db, enum ss_sql_transaction kind, struct ss_error *err)
{
    db->retry = false;
    ss_status_t status = db->driver->begin(db, kind, err);
    db->in_transaction = status == SS_OK;
    return status;
}

ss_status_t ss_sql_commit(struct ss_sql *db, struct ss_error *err)
{
    db->retry = false;
    ss_status_t status = db->driver->script(db, "COMMIT", err);
    if (status != SS_OK) {
        bool retry = db->retry;
        ss_sql_rollback(db);
        db->retry = retry;
    }
    db->in_transaction = false;
    return status;
}

void ss_sql_rollback(struct ss_sql *db)
{
    if (!db->in_transaction)
        return;
    bool retry = db->retry;
    (void)!db->driver->script(db, "ROLLBACK", NULL); // a connection that is gone has rolled back by itself
    db->retry = retry;
    db->in_transaction = false;
}

ss_status_t ss_sql_tables(struct ss_sql *db, const char *name, size_t *count, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *count = 0;
    *found = false;
    ss_status_t status = ss_sql_query(db, db->driver->tables, NULL, 0, &rows, err);
    while (ss_sql_more(rows, &status, err)) {
        char table[64];
        ss_sql_column_text(rows, 0, table, sizeof table);
        *found |= !strcmp(table, name);
        ++*count;
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_sql_shred(struct ss_sql *db, struct ss_error *err)
{
    ss_status_t status = db->driver->shred(db, err);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "done, but the old bytes are not overwritten yet");
}

ss_status_t ss_sql_watch(struct ss_sql *db, struct ss_error *err)
{
    return db->driver->watch(db, err);
}

ss_status_t ss_sql_wait(struct ss_sql *db, unsigned ms, bool *changed, struct ss_error *err)
{
    *changed = false;
    return db->driver->wait(db, ms, changed, err);
}

ss_status_t ss_sql_announce(struct ss_sql *db, struct ss_error *err)
{
    return db->driver->announce ? ss_sql_execute(db, db->driver->announce, NULL, 0, err) : SS_OK;
}
