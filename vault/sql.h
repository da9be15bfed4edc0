// SPDX-License-Identifier: Apache-2.0
// The little SQL that the vault and the server's store need, on SQLite and on PostgreSQL. Internal.
//
// One text serves both: parameters are $1, $2, …; types are BIGINT, {text} (ordered by its bytes) and {blob}.
// Values travel beside the text, never in it.
#ifndef SS_VAULT_SQL_H
#define SS_VAULT_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

enum ss_sql_type { SS_SQL_NULL, SS_SQL_INT, SS_SQL_TEXT, SS_SQL_BLOB };

/// Most parameters of a statement.
#define SS_SQL_VALUES_MAX 72u

/// A parameter. Text and blob stay the caller's.
struct ss_sql_value {
    enum ss_sql_type type;
    int64_t number;
    const void *bytes;
    size_t len; ///< of a text without its terminator
};

static inline struct ss_sql_value ss_sql_int(int64_t v)
{
    return (struct ss_sql_value){.type = SS_SQL_INT, .number = v};
}

/// A text (UTF-8, terminated); NULL is SQL's NULL.
struct ss_sql_value ss_sql_text(const char *text);

/// A blob; NULL with length 0 is an empty one.
static inline struct ss_sql_value ss_sql_blob(const void *bytes, size_t len)
{
    return (struct ss_sql_value){.type = SS_SQL_BLOB, .bytes = bytes ? bytes : "", .len = len};
}

static inline struct ss_sql_value ss_sql_null(void)
{
    return (struct ss_sql_value){.type = SS_SQL_NULL};
}

/// What a transaction is for.
enum ss_sql_transaction {
    SS_SQL_READ,   ///< one consistent picture, nothing is written
    SS_SQL_WRITE,  ///< waits until it is the only writer
    SS_SQL_CREATE, ///< a writer where there are no tables yet: waits for others that make them, and looks again
};

/// What is kept there, for error messages, and where it lies in PostgreSQL.
struct ss_sql_place {
    const char *what;   ///< "vault"
    const char *schema; ///< of PostgreSQL; letters and '_'
    enum ss_area area;  ///< of errors
};
extern const struct ss_sql_place ss_sql_vault;

/// A connection; one thread at a time.
struct ss_sql {
    const struct ss_sql_driver *driver;
    const struct ss_sql_place *place;
    bool lost;           ///< the server is gone: nothing but ss_sql_close() helps
    bool retry;          ///< the last failure came from another writer: the whole transaction may be tried again
    bool in_transaction; ///< between begin and commit or rollback
    unsigned busy_ms;    ///< how long a writer waits for another one
};

/// The rows of a query.
struct ss_sql_rows {
    struct ss_sql *db;
};

/// A back end. The first member of its connection and row objects is the struct above.
struct ss_sql_driver {
    const char *name;   ///< "sqlite"
    const char *text;   ///< its word for {text}
    const char *blob;   ///< for {blob}
    const char *tables; ///< query for the names of the tables
    ss_status_t (*query)(struct ss_sql *db, const char *text, const struct ss_sql_value *values, size_t count,
                         struct ss_sql_rows **rows, struct ss_error *err);
    ss_status_t (*script)(struct ss_sql *db, const char *text, struct ss_error *err);
    ss_status_t (*next)(struct ss_sql_rows *rows, bool *row, struct ss_error *err);
    struct ss_sql_value (*column)(const struct ss_sql_rows *rows, unsigned column);
    unsigned (*columns)(const struct ss_sql_rows *rows);
    const char *(*column_name)(const struct ss_sql_rows *rows, unsigned column);
    void (*end)(struct ss_sql_rows *rows);
    ss_status_t (*begin)(struct ss_sql *db, enum ss_sql_transaction kind, struct ss_error *err);
    ss_status_t (*shred)(struct ss_sql *db, struct ss_error *err);
    ss_status_t (*watch)(struct ss_sql *db, struct ss_error *err);
    ss_status_t (*wait)(struct ss_sql *db, unsigned ms, bool *changed, struct ss_error *err);
    const char *announce; ///< statement by which a writer tells those who watch; NULL: they see it
    void (*close)(struct ss_sql *db);
};

/// Waiting time for other writers, milliseconds, when none is given.
#define SS_SQL_BUSY_MS 15000u

/// Connects. @p url is `sqlite:PATH` or `postgresql://…`. With @p create a missing SQLite file is made (mode 0600) and a
/// missing PostgreSQL schema, too. @p place must outlive the connection. *@p db is NULL on error.
///   SS_ERROR_INVALID_ARGUMENT  another form of URL
///   SS_ERROR_NOT_PERMITTED     a password in the URL: it would be seen in argv and environment
///   SS_ERROR_DOES_NOT_EXIST    no such file or schema
///   SS_ERROR_NOT_SUPPORTED     a build without PostgreSQL
///   SS_ERROR_DATA_INVALID      not a database
///   SS_ERROR_IO, SS_ERROR_INSUFFICIENT_MEMORY
SS_MUST_USE ss_status_t ss_sql_open(const char *url, const struct ss_sql_place *place, bool create, unsigned busy_ms,
                                    struct ss_sql **db, struct ss_error *err);
/// Names what a connection to @p url reads of the file system each time it is made, beside what every program may read:
/// for whoever confines the process. Files that are not there, too; not what a service file names. SQLite: nothing.
void ss_sql_files(const char *url, void (*each)(void *context, const char *path), void *context);
/// Rolls back what is open and disconnects. NULL is allowed.
void ss_sql_close(struct ss_sql *db);

/// Runs one statement with up to SS_SQL_VALUES_MAX parameters. SQLite keeps the last 32 texts compiled: those that are used
/// again and again should differ in nothing but their values. Rows come by ss_sql_next(); the caller ends *@p rows, which is NULL on error.
/// SS_ERROR_ALREADY_EXISTS for a row that is there; SS_ERROR_IO, with db->retry set where another writer is the reason.
SS_MUST_USE ss_status_t ss_sql_query(struct ss_sql *db, const char *text, const struct ss_sql_value *values,
                                     size_t count, struct ss_sql_rows **rows, struct ss_error *err);
/// One more row: *@p row is false behind the last one.
SS_MUST_USE ss_status_t ss_sql_next(struct ss_sql_rows *rows, bool *row, struct ss_error *err);
/// For loops: true if there is one more row. False behind the last one, and where *@p status is a failure: of the query, of
/// what was done with the row before, or of fetching this one.
SS_MUST_USE bool ss_sql_more(struct ss_sql_rows *rows, ss_status_t *status, struct ss_error *err);
void ss_sql_end(struct ss_sql_rows *rows);

/// How many columns, and what they are called.
unsigned ss_sql_columns(const struct ss_sql_rows *rows);
const char *ss_sql_column_name(const struct ss_sql_rows *rows, unsigned column);

/// Column @p column (from 0) of the current row as it came. Its bytes are good until the next ss_sql_next() or _end().
struct ss_sql_value ss_sql_column(const struct ss_sql_rows *rows, unsigned column);
/// A number; 0 if it is none.
int64_t ss_sql_column_int(const struct ss_sql_rows *rows, unsigned column);
/// Copies a text, terminated; cut to @p size - 1 bytes, "" if it is none.
void ss_sql_column_text(const struct ss_sql_rows *rows, unsigned column, char *out, size_t size);
/// Copies a blob that must fit @p size; returns its length. A longer one or none gives 0.
size_t ss_sql_column_blob(const struct ss_sql_rows *rows, unsigned column, void *out, size_t size);

/// A statement whose rows nobody wants. Values are a list of struct ss_sql_value.
#define ss_sql_run(db, err, text, ...)                                                                                 \
    ss_sql_execute(db, text, (const struct ss_sql_value[]){__VA_ARGS__},                                               \
                   sizeof((const struct ss_sql_value[]){__VA_ARGS__}) / sizeof(struct ss_sql_value), err)
SS_MUST_USE ss_status_t ss_sql_execute(struct ss_sql *db, const char *text, const struct ss_sql_value *values,
                                       size_t count, struct ss_error *err);

/// A query with a list of values, as ss_sql_query().
#define ss_sql_select(db, rows, err, text, ...)                                                                        \
    ss_sql_query(db, text, (const struct ss_sql_value[]){__VA_ARGS__},                                                 \
                 sizeof((const struct ss_sql_value[]){__VA_ARGS__}) / sizeof(struct ss_sql_value), rows, err)

/// Runs statements without parameters, separated by semicolons, after having put in the back end's types.
SS_MUST_USE ss_status_t ss_sql_script(struct ss_sql *db, const char *text, struct ss_error *err);

SS_MUST_USE ss_status_t ss_sql_begin(struct ss_sql *db, enum ss_sql_transaction kind, struct ss_error *err);
/// Durable when it returns SS_OK. On failure the transaction is rolled back.
SS_MUST_USE ss_status_t ss_sql_commit(struct ss_sql *db, struct ss_error *err);
/// Gives up an open transaction, if there is one.
void ss_sql_rollback(struct ss_sql *db);

/// How many tables there are, and whether one of them is called @p name.
SS_MUST_USE ss_status_t ss_sql_tables(struct ss_sql *db, const char *name, size_t *count, bool *found,
                                      struct ss_error *err);

/// Makes what was deleted or overwritten in table `secrets` unreadable, as far as the back end can: SQLite empties its
/// log (pages are zeroed as they are freed), PostgreSQL writes the table anew.
SS_MUST_USE ss_status_t ss_sql_shred(struct ss_sql *db, struct ss_error *err);

/// From now on this connection can wait for what others commit.
SS_MUST_USE ss_status_t ss_sql_watch(struct ss_sql *db, struct ss_error *err);
/// Waits up to @p ms milliseconds for somebody's commit, after ss_sql_watch(). *@p changed may be true without reason,
/// never false while something was announced.
SS_MUST_USE ss_status_t ss_sql_wait(struct ss_sql *db, unsigned ms, bool *changed, struct ss_error *err);
/// Within a transaction: its commit wakes those who wait.
SS_MUST_USE ss_status_t ss_sql_announce(struct ss_sql *db, struct ss_error *err);

// The back ends. @p where is what follows `sqlite:`, or the whole URL.
SS_MUST_USE ss_status_t ss_sqlite_open(const char *where, const struct ss_sql_place *place, bool create,
                                       unsigned busy_ms, struct ss_sql **db, struct ss_error *err);
SS_MUST_USE ss_status_t ss_postgres_open(const char *where, const struct ss_sql_place *place, bool create,
                                         unsigned busy_ms, struct ss_sql **db, struct ss_error *err);
void ss_postgres_files(const char *url, void (*each)(void *context, const char *path), void *context);

#endif
