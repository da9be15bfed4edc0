// SPDX-License-Identifier: Apache-2.0
// SQLite: one file, a write-ahead log that is synced at every commit, freed pages zeroed. A statement takes longer to
// compile than to run: a connection keeps those that it has used last.
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "vault/sql.h"

enum { KEEP = 32 };

struct sqlite_rows {
    struct ss_sql_rows base;
    sqlite3_stmt *statement;
    struct sqlite_rows *next;           // among those that are kept
    uint8_t indexes[SS_SQL_VALUES_MAX]; // SQLite's for $1, $2, …, by their first appearance; 0: not in the text
};

struct sqlite {
    struct ss_sql base;
    sqlite3 *handle;
    int64_t data_version;     // changes with every commit of another connection
    struct sqlite_rows *kept; // compiled and not in use, what was used last first
};

static ss_status_t failure(struct sqlite *db, int code, struct ss_error *err)
{
    int primary = code & 0xFF;
    enum ss_area area = db->base.place->area;
    if (code == SQLITE_NOMEM)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, area, "out of memory");
    if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, area, "%s", sqlite3_errmsg(db->handle));
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
        return ss_error_set(err, SS_ERROR_IO, area, "another program has been writing to the %s for %u ms",
                            db->base.place->what, db->base.busy_ms);
    if (primary == SQLITE_NOTADB)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, area, "the file is not an SQLite database");
    if (primary == SQLITE_CORRUPT)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, area, "the database file is damaged: %s",
                            sqlite3_errmsg(db->handle));
    return ss_error_set(err, SS_ERROR_IO, area, "sqlite: %s", sqlite3_errmsg(db->handle));
}

static int bind(sqlite3_stmt *statement, int index, const struct ss_sql_value *value)
{
    switch (value->type) {
    case SS_SQL_INT:
        return sqlite3_bind_int64(statement, index, value->number);
    case SS_SQL_TEXT:
        return sqlite3_bind_text64(statement, index, value->bytes, value->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    case SS_SQL_BLOB:
        return sqlite3_bind_blob64(statement, index, value->bytes, value->len, SQLITE_TRANSIENT);
    case SS_SQL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

static int bind_all(const struct sqlite_rows *rows, const struct ss_sql_value *values, size_t count)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        if (rows->indexes[i])
            code = bind(rows->statement, rows->indexes[i], &values[i]);
    return code;
}

static void find_indexes(struct sqlite_rows *rows)
{
    for (int i = sqlite3_bind_parameter_count(rows->statement); i > 0; i--) {
        const char *name = sqlite3_bind_parameter_name(rows->statement, i);
        int number = name ? atoi(name + 1) : 0;
        if (number > 0 && number <= (int)SS_SQL_VALUES_MAX)
            rows->indexes[number - 1] = (uint8_t)i;
    }
}

static void destroy(struct sqlite_rows *rows)
{
    sqlite3_finalize(rows->statement);
    free(rows);
}

static int compile(struct sqlite *db, const char *text, struct sqlite_rows **out)
{
    struct sqlite_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return SQLITE_NOMEM;
    rows->base.db = &db->base;
    int code = sqlite3_prepare_v2(db->handle, text, -1, &rows->statement, NULL);
    if (code == SQLITE_OK && !rows->statement)
        code = SQLITE_MISUSE; // there is nothing in the text
    if (code != SQLITE_OK) {
        destroy(rows);
        return code;
    }
    find_indexes(rows);
    *out = rows;
    return SQLITE_OK;
}

/// Takes out the one with this text. NULL: there is none, or it is in use.
static struct sqlite_rows *take_kept(struct sqlite *db, const char *text)
{
    struct sqlite_rows **at = &db->kept;
    while (*at && strcmp(sqlite3_sql((*at)->statement), text) != 0)
        at = &(*at)->next;
    struct sqlite_rows *rows = *at;
    if (rows)
        *at = rows->next;
    return rows;
}

/// Destroys all that are kept but the first @p count.
static void forget_kept(struct sqlite *db, unsigned count)
{
    struct sqlite_rows **at = &db->kept;
    while (*at && count--)
        at = &(*at)->next;
    for (struct sqlite_rows *rows = *at, *next; rows; rows = next) {
        next = rows->next;
        destroy(rows);
    }
    *at = NULL;
}

static void end(struct ss_sql_rows *base)
{
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    struct sqlite *db = (struct sqlite *)base->db;
    sqlite3_reset(rows->statement);
    sqlite3_clear_bindings(rows->statement);
    rows->next = db->kept;
    db->kept = rows;
    forget_kept(db, KEEP);
}

static ss_status_t query(struct ss_sql *base, const char *text, const struct ss_sql_value *values, size_t count,
                         struct ss_sql_rows **rows, struct ss_error *err)
{
    struct sqlite *db = (struct sqlite *)base;
    struct sqlite_rows *out = take_kept(db, text);
    int code = out ? SQLITE_OK : compile(db, text, &out);
    if (code == SQLITE_OK)
        code = bind_all(out, values, count);
    if (code != SQLITE_OK) {
        ss_status_t status = failure(db, code, err);
        if (out)
            destroy(out);
        return status;
    }
    *rows = &out->base;
    return SS_OK;
}

static ss_status_t script(struct ss_sql *base, const char *text, struct ss_error *err)
{
    struct sqlite *db = (struct sqlite *)base;
    int code = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? SS_OK : failure(db, code, err);
}

static ss_status_t next(struct ss_sql_rows *base, bool *row, struct ss_error *err)
{
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    int code = sqlite3_step(rows->statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SS_OK : failure((struct sqlite *)base->db, code, err);
}

static struct ss_sql_value column(const struct ss_sql_rows *base, unsigned index)
{
    sqlite3_stmt *statement = ((const struct sqlite_rows *)base)->statement;
    int i = (int)index;
    switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
        return ss_sql_int(sqlite3_column_int64(statement, i));
    case SQLITE_TEXT:
        return (struct ss_sql_value){.type = SS_SQL_TEXT,
                                     .bytes = sqlite3_column_text(statement, i),
                                     .len = (size_t)sqlite3_column_bytes(statement, i)};
    case SQLITE_BLOB:
        return ss_sql_blob(sqlite3_column_blob(statement, i), (size_t)sqlite3_column_bytes(statement, i));
    default:
        return ss_sql_null();
    }
}

static unsigned columns(const struct ss_sql_rows *base)
{
    return (unsigned)sqlite3_column_count(((const struct sqlite_rows *)base)->statement);
}

static const char *column_name(const struct ss_sql_rows *base, unsigned index)
{
    const char *name = sqlite3_column_name(((const struct sqlite_rows *)base)->statement, (int)index);
    return name ? name : ""; // without memory
}

/// Whether its path leads to another file, or to none. With a write-ahead log SQLite itself does not look.
static bool has_moved(struct ss_sql *base)
{
    int moved = 0;
    int code = sqlite3_file_control(((struct sqlite *)base)->handle, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);
    return code == SQLITE_OK && moved;
}

static ss_status_t begin(struct ss_sql *db, enum ss_sql_transaction kind, struct ss_error *err)
{
    // What is written to a file that nobody finds any more is lost, however durable.
    if (kind != SS_SQL_READ && has_moved(db))
        return ss_error_set(err, SS_ERROR_IO, db->place->area,
                            "the file of the %s was removed or replaced while it was open: start again",
                            db->place->what);
    // IMMEDIATE takes the writer's lock now: one taken halfway could not wait for another writer.
    return script(db, kind == SS_SQL_READ ? "BEGIN" : "BEGIN IMMEDIATE", err);
}

/// The pragma's first column says whether somebody else's reading kept the log from being emptied.
static ss_status_t shred(struct ss_sql *db, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status = query(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, 0, &rows, err);
    if (status != SS_OK)
        return status;
    status = next(rows, &row, err);
    if (status == SS_OK && row && column(rows, 0).number)
        status = ss_error_set(err, SS_ERROR_IO, db->place->area,
                              "another program is reading; they go when the last one closes the %s", db->place->what);
    end(rows);
    return status;
}

static ss_status_t read_data_version(struct ss_sql *db, int64_t *version, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status = query(db, "PRAGMA data_version", NULL, 0, &rows, err);
    if (status != SS_OK)
        return status;
    status = next(rows, &row, err);
    if (status == SS_OK && row)
        *version = column(rows, 0).number;
    end(rows);
    return status;
}

static ss_status_t watch(struct ss_sql *db, struct ss_error *err)
{
    return read_data_version(db, &((struct sqlite *)db)->data_version, err);
}

/// Nobody tells SQLite of another process's commit: it is looked for, which costs some microseconds.
static ss_status_t wait_for_commit(struct ss_sql *base, unsigned ms, bool *changed, struct ss_error *err)
{
    enum { STEP_MS = 50 };
    struct sqlite *db = (struct sqlite *)base;
    for (unsigned waited = 0; !*changed && waited < ms; waited += STEP_MS) {
        int64_t version = db->data_version;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
        ss_status_t status = read_data_version(base, &version, err);
        if (status != SS_OK)
            return status;
        *changed = version != db->data_version;
        db->data_version = version;
    }
    return SS_OK;
}

static void close_db(struct ss_sql *base)
{
    struct sqlite *db = (struct sqlite *)base;
    forget_kept(db, 0);
    sqlite3_close_v2(db->handle);
    free(db);
}

static const struct ss_sql_driver driver = {
    .name = "sqlite",
    .text = "TEXT",
    .blob = "BLOB",
    .tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
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
    .close = close_db,
};

/// Makes the file with mode 0600 if it is missing; SQLite gives its log the same mode.
static ss_status_t touch(const char *path, enum ss_area area, struct ss_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd >= 0 && close(fd) == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, area, "%s: %s", path, strerror(errno));
}

/// Several that make the same file at once: switching to the log is not done under SQLite's own waiting. The folder is
/// locked, because closing another descriptor of the file itself would end SQLite's locks on it. -1: not to be had.
static int lock_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
        continue;
    return fd;
}

static ss_status_t set_up(struct sqlite *db, struct ss_error *err)
{
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, (int)db->base.busy_ms);
    return script(&db->base,
                  "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                  "PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                  "PRAGMA temp_store=MEMORY",
                  err);
}

ss_status_t ss_sqlite_open(const char *where, const struct ss_sql_place *place, bool create, unsigned busy_ms,
                           struct ss_sql **out, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    int lock = -1;
    *out = NULL;
    if (!*where || *where == ':')
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, place->area, "sqlite: needs the path of a file");
    if (create)
        status = touch(where, place->area, err);
    else if (access(where, F_OK) != 0)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, place->area, "%s: %s", where, strerror(errno));
    if (status != SS_OK)
        return status;

    struct sqlite *db = calloc(1, sizeof *db);
    if (!db)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, place->area, "out of memory");
    db->base = (struct ss_sql){.driver = &driver, .place = place, .busy_ms = busy_ms};
    if (create)
        lock = lock_folder(where);
    int code = sqlite3_open_v2(where, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    status = code == SQLITE_OK ? set_up(db, err) : failure(db, code, err);
    if (lock >= 0)
        close(lock);
    if (status != SS_OK) {
        close_db(&db->base);
        return ss_error_prefix(err, status, "%s", where);
    }
    *out = &db->base;
    return SS_OK;
}
