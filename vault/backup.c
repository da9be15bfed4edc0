// SPDX-License-Identifier: Apache-2.0
#include "vault/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/durable.h"
#include "vault/backup_format.h"
#include "vault/internal.h"

enum { PAGE = 64 };

/// The file as it grows, with its running hash.
struct writer {
    FILE *file;
    struct ss_hash hash;
    ss_status_t status; ///< of the hash
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    fwrite(bytes, 1, len, w->file); // failures are asked for at the end
    if (w->status == SS_OK && len)
        w->status = ss_hash_update(&w->hash, bytes, len);
}

static void put_number(struct writer *w, uint64_t number, size_t bytes)
{
    uint8_t out[8];
    ss_put_le64(out, number);
    put(w, out, bytes);
}

static void put_name(struct writer *w, const char *name)
{
    put_number(w, strlen(name), 2);
    put(w, name, strlen(name));
}

static void put_value(struct writer *w, const struct ss_sql_value *value)
{
    put_number(w, value->type, 1);
    if (value->type == SS_SQL_INT)
        put_number(w, (uint64_t)value->number, 8);
    if (value->type != SS_SQL_TEXT && value->type != SS_SQL_BLOB)
        return;
    put_number(w, value->len, 4);
    put(w, value->bytes, value->len);
}

static void put_table(struct writer *w, const struct ss_backup_table *table, const struct ss_sql_rows *rows)
{
    unsigned count = ss_sql_columns(rows);
    put(w, "T", 1);
    put_name(w, table->name);
    put_number(w, count, 2);
    for (unsigned i = 0; i < count; i++)
        put_name(w, ss_sql_column_name(rows, i));
}

/// Where in a table the writer is: by its rising key, or by the number of rows.
struct place {
    int64_t at;
    unsigned key; ///< column of the rising key
    bool started;
};

static void find_key(const struct ss_backup_table *table, const struct ss_sql_rows *rows, struct place *place)
{
    for (unsigned i = 0; table->number && i < ss_sql_columns(rows); i++)
        if (!strcmp(ss_sql_column_name(rows, i), table->number))
            place->key = i;
}

/// Writes a page of rows; *@p count is how many.
static ss_status_t put_page(struct writer *w, struct ss_vault *vault, const struct ss_backup_table *table,
                            struct place *place, unsigned *count, struct ss_error *err)
{
    char query[192];
    struct ss_sql_rows *rows;
    if (table->number)
        snprintf(query, sizeof query, "SELECT * FROM %s WHERE %s > $1 ORDER BY %s LIMIT %d", table->name, table->number,
                 table->order, PAGE);
    else
        snprintf(query, sizeof query, "SELECT * FROM %s ORDER BY %s LIMIT %d OFFSET $1", table->name, table->order,
                 PAGE);
    ss_status_t status = ss_sql_select(vault->db, &rows, err, query, ss_sql_int(place->at));
    if (status == SS_OK && !place->started) {
        put_table(w, table, rows);
        find_key(table, rows, place);
        place->started = true;
    }
    for (*count = 0; ss_sql_more(rows, &status, err); ++*count) {
        put(w, "R", 1);
        for (unsigned i = 0; i < ss_sql_columns(rows); i++) {
            struct ss_sql_value value = ss_sql_column(rows, i);
            put_value(w, &value);
        }
        place->at = table->number ? ss_sql_column_int(rows, place->key) : place->at + 1;
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t put_rows(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct writer *w = context;
    ss_status_t status = SS_OK;
    put(w, SS_BACKUP_MAGIC, SS_BACKUP_MAGIC_SIZE);
    put(w, vault->id, sizeof vault->id);
    put_number(w, (uint64_t)SS_VAULT_SCHEMA, 8); // an older one was brought up to date when it was opened
    put_number(w, (uint64_t)ss_vault_now(), 8);
    for (const struct ss_backup_table *table = ss_backup_tables; table->name && status == SS_OK; table++) {
        struct place place = {.at = table->number ? INT64_MIN : 0};
        unsigned count = PAGE;
        while (status == SS_OK && count == PAGE)
            status = put_page(w, vault, table, &place, &count, err);
    }
    return status;
}

ss_status_t ss_backup_signed_digest(const uint8_t content[SS_BACKUP_DIGEST_SIZE], uint8_t out[32], struct ss_error *err)
{
    static const char what[] = "slotseal vault backup 1";
    uint8_t text[sizeof what + SS_BACKUP_DIGEST_SIZE];
    memcpy(text, what, sizeof what);
    memcpy(text + sizeof what, content, SS_BACKUP_DIGEST_SIZE);
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, text, sizeof text, out);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
}

static ss_status_t put_end(struct writer *w, struct ss_vault *vault, struct ss_error *err)
{
    uint8_t content[SS_BACKUP_DIGEST_SIZE], digest[32], signature[64];
    if (w->status == SS_OK)
        w->status = ss_hash_finish(&w->hash, content);
    if (w->status != SS_OK)
        return ss_error_set(err, w->status, SS_AREA_CRYPTO, "SHA-256 failed");
    ss_status_t status = ss_backup_signed_digest(content, digest, err);
    if (status == SS_OK)
        status = ss_signing_key_sign_es256(vault->audit_key, digest, signature, err);
    if (status != SS_OK)
        return status;
    fputc('E', w->file);
    fwrite(content, 1, sizeof content, w->file);
    fwrite(signature, 1, sizeof signature, w->file);
    return SS_OK;
}

static ss_status_t write_all(struct ss_vault *vault, FILE *file, struct ss_error *err)
{
    struct writer w = {.file = file};
    w.status = ss_hash_init(&w.hash, SS_HASH_SHA256);
    ss_status_t status = ss_vault_read(vault, put_rows, &w, err);
    if (status == SS_OK)
        status = put_end(&w, vault, err);
    ss_hash_abort(&w.hash);
    if (status == SS_OK && (fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0))
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "%s", strerror(errno));
    return status;
}

static ss_status_t system_error(const char *path, struct ss_error *err)
{
    return ss_error_set(err, errno == EEXIST ? SS_ERROR_ALREADY_EXISTS : SS_ERROR_IO, SS_AREA_VAULT, "%s: %s", path,
                        strerror(errno));
}

/// The temporary file gets its name, if nobody has taken it meanwhile.
static ss_status_t take_name(const char *temporary, const char *path, struct ss_error *err)
{
    if (link(temporary, path) != 0)
        return system_error(path, err);
    return ss_sync_parent(path) ? SS_OK : system_error(path, err);
}

static ss_status_t write_file(struct ss_vault *vault, const char *path, struct ss_error *err)
{
    char temporary[PATH_MAX + 16];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the path of the backup is too long");
    int fd = mkostemp(temporary, O_CLOEXEC); // mode 0600
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        return system_error(path, err);
    ss_status_t status = write_all(vault, file, err);
    if (fclose(file) != 0 && status == SS_OK)
        status = system_error(path, err);
    if (status == SS_OK)
        status = take_name(temporary, path, err);
    unlink(temporary);
    return status;
}

static ss_status_t record(struct ss_vault *vault, void *context, struct ss_error *err)
{
    return ss_audit_append(vault, SS_AUDIT_BACKUP, "vault", context, err);
}

ss_status_t ss_vault_backup(struct ss_vault *vault, const char *path, struct ss_error *err)
{
    char detail[256];
    if (access(path, F_OK) == 0)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT, "%s: exists, and is not overwritten", path);
    const char *slash = strrchr(path, '/');
    snprintf(detail, sizeof detail, "%.200s", slash ? slash + 1 : path);
    if (ss_vault_check_text("name", detail, sizeof detail, NULL) != SS_OK)
        *detail = '\0';
    // Recorded first, so that the backup holds the record of itself.
    ss_status_t status = ss_vault_write(vault, "backup", record, detail, err);
    return status == SS_OK ? write_file(vault, path, err) : status;
}
