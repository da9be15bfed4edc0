// SPDX-License-Identifier: Apache-2.0
// PostgreSQL through libpq, and what speaks its protocol. Everything lies in a schema of its own, so that the roles of
// other programs on the same database see none of it.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "core/bytes.h"
#include "vault/sql.h"

enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 };

struct postgres {
    struct ss_sql base;
    PGconn *handle;
};

struct postgres_rows {
    struct ss_sql_rows base;
    PGresult *result;
    int at; ///< current row, -1 before the first
};

static ss_status_t out_of_memory(const struct ss_sql_place *place, struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, place->area, "out of memory");
}

/// The first line of what libpq says; it never holds a password.
static ss_status_t say(const struct postgres *db, struct ss_error *err, ss_status_t status, const char *text)
{
    return ss_error_set(err, status, db->base.place->area, "postgresql: %.*s", (int)strcspn(text, "\n"), text);
}

/// Errors after which a transaction may simply be tried again: serialization_failure, deadlock_detected.
static bool is_retryable(const char *state)
{
    return !strcmp(state, "40001") || !strcmp(state, "40P01");
}

static ss_status_t failure(struct postgres *db, const PGresult *result, struct ss_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result ? PQresultErrorMessage(result) : NULL;
    db->base.lost |= PQstatus(db->handle) != CONNECTION_OK;
    if (!state)
        return say(db, err, SS_ERROR_IO, text && *text ? text : PQerrorMessage(db->handle));
    db->base.retry = is_retryable(state);
    if (!strcmp(state, "23505"))
        return say(db, err, SS_ERROR_ALREADY_EXISTS, text);
    if (!strcmp(state, "55P03"))
        return ss_error_set(err, SS_ERROR_IO, db->base.place->area,
                            "another program has been writing to the %s for %u ms", db->base.place->what,
                            db->base.busy_ms);
    return say(db, err, !strcmp(state, "53200") ? SS_ERROR_INSUFFICIENT_MEMORY : SS_ERROR_IO, text);
}

struct parameters {
    Oid types[SS_SQL_VALUES_MAX];
    const char *values[SS_SQL_VALUES_MAX];
    int lengths[SS_SQL_VALUES_MAX];
    int formats[SS_SQL_VALUES_MAX];
    uint8_t numbers[SS_SQL_VALUES_MAX][8];
};

static void set_parameters(struct parameters *p, const struct ss_sql_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct ss_sql_value *v = &values[i];
        static const Oid types[] = {
            [SS_SQL_NULL] = 0, [SS_SQL_INT] = OID_INT8, [SS_SQL_TEXT] = OID_TEXT, [SS_SQL_BLOB] = OID_BYTEA};
        p->types[i] = types[v->type];
        p->values[i] = v->bytes;
        p->lengths[i] = (int)v->len;
        p->formats[i] = v->type == SS_SQL_INT || v->type == SS_SQL_BLOB;
        if (v->type == SS_SQL_INT) {
            ss_put_be32(p->numbers[i], (uint32_t)((uint64_t)v->number >> 32));
            ss_put_be32(p->numbers[i] + 4, (uint32_t)v->number);
            p->values[i] = (const char *)p->numbers[i];
            p->lengths[i] = 8;
        }
    }
}

static ss_status_t query(struct ss_sql *base, const char *text, const struct ss_sql_value *values, size_t count,
                         struct ss_sql_rows **rows, struct ss_error *err)
{
    struct postgres *db = (struct postgres *)base;
    struct parameters p = {0};
    struct postgres_rows *out = calloc(1, sizeof *out);
    if (!out)
        return out_of_memory(base->place, err);
    set_parameters(&p, values, count);
    PGresult *result =
        PQexecParams(db->handle, text, (int)count, p.types, p.values, p.lengths, p.formats, 1); // 1: binary results
    ExecStatusType outcome = PQresultStatus(result);
    if (outcome != PGRES_TUPLES_OK && outcome != PGRES_COMMAND_OK) {
        ss_status_t status = failure(db, result, err);
        PQclear(result);
        free(out);
        return status;
    }
    *out = (struct postgres_rows){.base.db = base, .result = result, .at = -1};
    *rows = &out->base;
    return SS_OK;
}

static ss_status_t script(struct ss_sql *base, const char *text, struct ss_error *err)
{
    struct postgres *db = (struct postgres *)base;
    PGresult *result = PQexec(db->handle, text);
    ExecStatusType outcome = PQresultStatus(result);
    ss_status_t status = outcome == PGRES_COMMAND_OK || outcome == PGRES_TUPLES_OK ? SS_OK : failure(db, result, err);
    PQclear(result);
    return status;
}

static ss_status_t next(struct ss_sql_rows *base, bool *row, struct ss_error *err)
{
    struct postgres_rows *rows = (struct postgres_rows *)base;
    (void)err;
    *row = ++rows->at < PQntuples(rows->result);
    return SS_OK;
}

static struct ss_sql_value column(const struct ss_sql_rows *base, unsigned index)
{
    const struct postgres_rows *rows = (const struct postgres_rows *)base;
    int i = (int)index;
    if (PQgetisnull(rows->result, rows->at, i))
        return ss_sql_null();
    const char *bytes = PQgetvalue(rows->result, rows->at, i);
    size_t len = (size_t)PQgetlength(rows->result, rows->at, i);
    const uint8_t *p = (const uint8_t *)bytes;
    switch (PQftype(rows->result, i)) {
    case OID_INT8:
        return ss_sql_int((int64_t)((uint64_t)ss_get_be32(p) << 32 | ss_get_be32(p + 4)));
    case OID_INT4:
        return ss_sql_int((int32_t)ss_get_be32(p));
    case OID_BYTEA:
        return ss_sql_blob(bytes, len);
    default:
        return (struct ss_sql_value){.type = SS_SQL_TEXT, .bytes = bytes, .len = len};
    }
}

static unsigned columns(const struct ss_sql_rows *base)
{
    return (unsigned)PQnfields(((const struct postgres_rows *)base)->result);
}

static const char *column_name(const struct ss_sql_rows *base, unsigned index)
{
    return PQfname(((const struct postgres_rows *)base)->result, (int)index);
}

static void end(struct ss_sql_rows *base)
{
    PQclear(((struct postgres_rows *)base)->result);
    free(base);
}

/// Number of the advisory lock under which @p schema and its tables are made (FNV-1a of its name).
static long long creation_lock(const char *schema)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *schema; schema++)
        hash = (hash ^ (uint8_t)*schema) * UINT64_C(0x100000001b3);
    return (long long)hash;
}

/// Until the end of the transaction nobody else makes the schema or its tables: neither "IF NOT EXISTS" nor looking first
/// keeps two from trying at once.
static ss_status_t lock_creation(struct ss_sql *db, struct ss_error *err)
{
    char text[96];
    snprintf(text, sizeof text, "SELECT pg_catalog.pg_advisory_xact_lock(%lld)", creation_lock(db->place->schema));
    return script(db, text, err);
}

/// Writers queue at one row, as they queue at SQLite's lock. Read committed lets the one whose turn it is see what
/// those before it have written.
static ss_status_t begin(struct ss_sql *base, enum ss_sql_transaction kind, struct ss_error *err)
{
    if (kind == SS_SQL_READ)
        return script(base, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    ss_status_t status = script(base, "BEGIN ISOLATION LEVEL READ COMMITTED", err);
    if (status != SS_OK)
        return status;
    status = kind == SS_SQL_CREATE ? lock_creation(base, err)
                                   : script(base, "SELECT value FROM meta WHERE name = 'writer' FOR UPDATE", err);
    if (status != SS_OK) {
        bool retry = base->retry;
        (void)!script(base, "ROLLBACK", NULL);
        base->retry = retry;
    }
    return status;
}

static ss_status_t shred(struct ss_sql *db, struct ss_error *err)
{
    return script(db, "VACUUM (FULL) secrets", err);
}

/// The channel has the schema's name: places on one database do not wake each other.
static ss_status_t watch(struct ss_sql *db, struct ss_error *err)
{
    char text[96];
    snprintf(text, sizeof text, "LISTEN %s", db->place->schema);
    return script(db, text, err);
}

static ss_status_t wait_for_commit(struct ss_sql *base, unsigned ms, bool *changed, struct ss_error *err)
{
    struct postgres *db = (struct postgres *)base;
    struct pollfd socket = {.fd = PQsocket(db->handle), .events = POLLIN};
    PGnotify *notice;
    if (poll(&socket, 1, (int)ms) < 0 && errno != EINTR)
        return ss_error_set(err, SS_ERROR_IO, base->place->area, "poll: %s", strerror(errno));
    if (!PQconsumeInput(db->handle))
        return failure(db, NULL, err);
    while ((notice = PQnotifies(db->handle)) != NULL) {
        *changed = true;
        PQfreemem(notice);
    }
    return SS_OK;
}

static void close_db(struct ss_sql *base)
{
    PQfinish(((struct postgres *)base)->handle);
    free(base);
}

static const struct ss_sql_driver driver = {
    .name = "postgresql",
    .text = "TEXT COLLATE \"C\"",
    .blob = "BYTEA",
    // Not current_schema(), which skips what the role may not use.
    .tables = "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = "
              "split_part(current_setting('search_path'), ',', 1)",
    .query = query,
    .script = script,
    .next = next,
    .column = column,
    .columns = columns,
    .column_name = column_name,
    .end = end,
    .begin = begin,
    .shred = shred,
    .watch = watch,
    .wait = wait_for_commit,
    .announce = "SELECT pg_catalog.pg_notify(pg_catalog.current_schema()::text, '')",
    .close = close_db,
};

/// A password in a URL is seen by everybody who can list processes.
static ss_status_t check_url(const char *url, const struct ss_sql_place *place, struct ss_error *err)
{
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &reason);
    ss_status_t status = SS_OK;
    if (!options)
        status = reason ? ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, place->area, "the database URL is malformed")
                        : out_of_memory(place, err);
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (o->val && (!strcmp(o->keyword, "password") || !strcmp(o->keyword, "sslpassword")))
            status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, place->area,
                                  "the database URL holds a password, which others could read; keep it in the file "
                                  "named by PGPASSFILE (~/.pgpass) or in a service file");
    PQconninfoFree(options);
    PQfreemem(reason);
    return status;
}

/// Options of libpq whose values are files.
static void name_options(PQconninfoOption *options, void (*each)(void *context, const char *path), void *context)
{
    static const char *const files[] = {"passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir"};
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            if (o->val && *o->val && !strcmp(o->keyword, files[i]))
                each(context, o->val);
    PQconninfoFree(options);
}

void ss_postgres_files(const char *url, void (*each)(void *context, const char *path), void *context)
{
    static const char *const variables[] = {"PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"};
    // Debian's libpq has its system-wide service file in the first one; the password file's place hangs on the user.
    static const char *const fixed[] = {"/etc/postgresql-common", "/etc/passwd"};
    static const char *const at_home[] = {".pgpass", ".pg_service.conf", ".postgresql"};
    const char *home = getenv("HOME");
    char path[1024];
    name_options(PQconninfoParse(url, NULL), each, context);
    name_options(PQconndefaults(), each, context);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i]))
            each(context, getenv(variables[i]));
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        each(context, fixed[i]);
    for (size_t i = 0; home && i < sizeof at_home / sizeof *at_home; i++) {
        snprintf(path, sizeof path, "%s/%s", home, at_home[i]);
        each(context, path);
    }
}

static void ignore_notice(void *context, const PGresult *result)
{
    (void)context, (void)result;
}

static ss_status_t find_schema(struct ss_sql *db, bool create, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool found = false;
    char text[160];
    struct ss_sql_value name = ss_sql_text(db->place->schema);
    ss_status_t status =
        query(db, "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = $1", &name, 1, &rows, err);
    if (status != SS_OK)
        return status;
    status = next(rows, &found, err);
    end(rows);
    if (status != SS_OK || found)
        return status;
    // One message, one transaction.
    snprintf(text, sizeof text, "SELECT pg_catalog.pg_advisory_xact_lock(%lld); CREATE SCHEMA IF NOT EXISTS %s",
             creation_lock(db->place->schema), db->place->schema);
    if (create)
        return script(db, text, err);
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, db->place->area, "the database holds no %s", db->place->what);
}

static ss_status_t set_up(struct postgres *db, bool create, struct ss_error *err)
{
    char text[320];
    if (PQstatus(db->handle) != CONNECTION_OK)
        return say(db, err, SS_ERROR_IO, PQerrorMessage(db->handle));
    PQsetNoticeReceiver(db->handle, ignore_notice, NULL);
    snprintf(text, sizeof text,
             "SET client_encoding = 'UTF8'; SET synchronous_commit = on; SET standard_conforming_strings = on;"
             "SET lock_timeout = %u; SET search_path = %s, pg_catalog",
             db->base.busy_ms, db->base.place->schema);
    ss_status_t status = script(&db->base, text, err);
    return status == SS_OK ? find_schema(&db->base, create, err) : status;
}

ss_status_t ss_postgres_open(const char *where, const struct ss_sql_place *place, bool create, unsigned busy_ms,
                             struct ss_sql **out, struct ss_error *err)
{
    *out = NULL;
    ss_status_t status = check_url(where, place, err);
    if (status != SS_OK)
        return status;
    struct postgres *db = calloc(1, sizeof *db);
    if (!db)
        return out_of_memory(place, err);
    db->base = (struct ss_sql){.driver = &driver, .place = place, .busy_ms = busy_ms};
    db->handle = PQconnectdb(where);
    status = db->handle ? set_up(db, create, err) : out_of_memory(place, err);
    if (status != SS_OK) {
        close_db(&db->base);
        return status;
    }
    *out = &db->base;
    return SS_OK;
}
