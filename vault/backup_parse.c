// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "vault/backup_format.h"

// clang-format off
const struct ss_backup_table ss_backup_tables[] = {
    {"meta", "name", NULL},
    {"wrapping_keys", "ring, version", NULL},
    {"secrets", "kind, owner", NULL},
    {"products", "name", NULL},
    {"devices", "id", NULL},
    {"facts", "device, name", NULL},
    {"journal", "number", "number"},
    {"audit", "number", "number"},
    {"audit_head", "one", NULL},
    {"quotas", "station", NULL},
    {"quota_uses", "device", NULL},
    {"first_articles", "recipe", NULL},
    {"signing_keys", "name", NULL},
    {"releases", "id", NULL},
    {"release_chunks", "release, number", NULL},
    {"deliveries", "device, release, address", NULL},
    {"device_sequences", "device", NULL},
    {"release_signatures", "release, device", NULL},
    {"release_floors", "product", NULL},
    {"device_changes", "device", NULL},
    {NULL, NULL, NULL},
};
// clang-format on

struct parser {
    const struct ss_backup_source *source;
    struct ss_hash hash;
    uint8_t *row; ///< bytes of the values of one row
    size_t used, capacity;
    char table[SS_BACKUP_NAME_SIZE];
    char columns[SS_BACKUP_COLUMNS][SS_BACKUP_NAME_SIZE];
    size_t count;
};

static ss_status_t invalid(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT, "not a backup of a vault: %s", what);
}

/// Reads @p len bytes, which count for the hash.
static ss_status_t take(struct parser *p, void *out, size_t len, struct ss_error *err)
{
    ss_status_t status = p->source->read(p->source->context, out, len, err);
    if (status != SS_OK || !len)
        return status;
    status = ss_hash_update(&p->hash, out, len);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
}

static ss_status_t take_head(struct parser *p, struct ss_backup_head *head, struct ss_error *err)
{
    uint8_t magic[SS_BACKUP_MAGIC_SIZE], fields[32];
    ss_status_t status = take(p, magic, sizeof magic, err);
    if (status == SS_OK && memcmp(magic, SS_BACKUP_MAGIC, sizeof magic) != 0)
        status = invalid(err, "it starts otherwise");
    if (status == SS_OK)
        status = take(p, fields, sizeof fields, err);
    if (status != SS_OK)
        return status;
    memcpy(head->vault_id, fields, sizeof head->vault_id);
    head->layout = (int64_t)ss_get_le64(fields + 16);
    head->time = (int64_t)ss_get_le64(fields + 24);
    return SS_OK;
}

static ss_status_t take_name(struct parser *p, char out[SS_BACKUP_NAME_SIZE], struct ss_error *err)
{
    uint8_t size[2];
    ss_status_t status = take(p, size, sizeof size, err);
    size_t len = status == SS_OK ? ss_get_le16(size) : 0;
    if (status == SS_OK && (!len || len >= SS_BACKUP_NAME_SIZE))
        status = invalid(err, "a name has another length");
    if (status == SS_OK)
        status = take(p, out, len, err);
    if (status != SS_OK)
        return status;
    out[len] = '\0';
    // These names become part of a statement.
    if (strlen(out) != len || strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
        return invalid(err, "a name has other characters");
    return SS_OK;
}

static bool is_table(const char *name)
{
    for (const struct ss_backup_table *t = ss_backup_tables; t->name; t++)
        if (!strcmp(t->name, name))
            return true;
    return false;
}

static ss_status_t take_table(struct parser *p, const struct ss_backup_handler *handler, struct ss_error *err)
{
    uint8_t count[2];
    ss_status_t status = take_name(p, p->table, err);
    if (status == SS_OK && !is_table(p->table))
        status = invalid(err, "it has a table that no vault has");
    if (status == SS_OK)
        status = take(p, count, sizeof count, err);
    p->count = status == SS_OK ? ss_get_le16(count) : 0;
    if (status == SS_OK && (!p->count || p->count > SS_BACKUP_COLUMNS))
        status = invalid(err, "a table has another number of columns");
    for (size_t i = 0; i < p->count && status == SS_OK; i++)
        status = take_name(p, p->columns[i], err);
    return status == SS_OK ? handler->table(handler->context, p->table, p->columns, p->count, err) : status;
}

/// Room for @p len more bytes of the row.
static ss_status_t reserve(struct parser *p, size_t len, struct ss_error *err)
{
    if (len > SS_BACKUP_VALUE_MAX || p->used + len > SS_BACKUP_ROW_MAX)
        return invalid(err, "a row is too long");
    if (p->used + len <= p->capacity)
        return SS_OK;
    size_t capacity = 2 * (p->used + len);
    uint8_t *row = realloc(p->row, capacity);
    if (!row)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    p->row = row;
    p->capacity = capacity;
    return SS_OK;
}

/// One value; a text or blob lies at offset value->number of the row until all of it is there.
static ss_status_t take_value(struct parser *p, struct ss_sql_value *value, struct ss_error *err)
{
    uint8_t type, size[8];
    ss_status_t status = take(p, &type, 1, err);
    if (status != SS_OK || type > SS_SQL_BLOB)
        return status == SS_OK ? invalid(err, "a value of another type") : status;
    *value = (struct ss_sql_value){.type = (enum ss_sql_type)type};
    if (type == SS_SQL_NULL)
        return SS_OK;
    status = take(p, size, type == SS_SQL_INT ? 8 : 4, err);
    if (status != SS_OK)
        return status;
    if (type == SS_SQL_INT) {
        value->number = (int64_t)ss_get_le64(size);
        return SS_OK;
    }
    value->len = ss_get_le32(size);
    value->number = (int64_t)p->used;
    status = reserve(p, value->len + 1, err);
    if (status == SS_OK)
        status = take(p, p->row + p->used, value->len, err);
    if (status != SS_OK)
        return status;
    p->row[p->used + value->len] = '\0';
    if (type == SS_SQL_TEXT && memchr(p->row + p->used, 0, value->len))
        return invalid(err, "a text with a zero in it");
    p->used += value->len + 1;
    return SS_OK;
}

static ss_status_t take_row(struct parser *p, const struct ss_backup_handler *handler, struct ss_error *err)
{
    struct ss_sql_value values[SS_BACKUP_COLUMNS];
    ss_status_t status = p->count ? SS_OK : invalid(err, "a row without a table");
    p->used = 0;
    for (size_t i = 0; i < p->count && status == SS_OK; i++)
        status = take_value(p, &values[i], err);
    for (size_t i = 0; i < p->count && status == SS_OK; i++)
        if (values[i].type == SS_SQL_TEXT || values[i].type == SS_SQL_BLOB)
            values[i].bytes = p->row + values[i].number;
    return status == SS_OK ? handler->row(handler->context, values, p->count, err) : status;
}

/// The end mark is behind what the hash is over.
static ss_status_t take_end(struct parser *p, uint8_t digest[SS_BACKUP_DIGEST_SIZE], uint8_t signature[64],
                            struct ss_error *err)
{
    uint8_t stored[SS_BACKUP_DIGEST_SIZE];
    ss_status_t status = ss_hash_finish(&p->hash, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    status = p->source->read(p->source->context, stored, sizeof stored, err);
    if (status == SS_OK)
        status = p->source->read(p->source->context, signature, 64, err);
    if (status == SS_OK && !ss_equal(stored, digest, sizeof stored))
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the backup is damaged: its hash disagrees");
    if (status == SS_OK && !p->source->at_end(p->source->context))
        status = invalid(err, "something follows its end");
    return status;
}

static ss_status_t parse(struct parser *p, const struct ss_backup_handler *handler, uint8_t *digest, uint8_t *signature,
                         struct ss_error *err)
{
    struct ss_backup_head head;
    uint8_t mark;
    ss_status_t status = take_head(p, &head, err);
    if (status == SS_OK)
        status = handler->head(handler->context, &head, err);
    while (status == SS_OK) {
        status = p->source->read(p->source->context, &mark, 1, err);
        if (status == SS_OK && mark == 'E')
            return take_end(p, digest, signature, err);
        if (status == SS_OK && (status = ss_hash_update(&p->hash, &mark, 1)) != SS_OK)
            return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
        if (status == SS_OK)
            status = mark == 'T'   ? take_table(p, handler, err)
                     : mark == 'R' ? take_row(p, handler, err)
                                   : invalid(err, "an unknown mark");
    }
    return status;
}

ss_status_t ss_backup_parse(const struct ss_backup_source *source, const struct ss_backup_handler *handler,
                            uint8_t digest[SS_BACKUP_DIGEST_SIZE], uint8_t signature[64], struct ss_error *err)
{
    struct parser p = {.source = source};
    ss_status_t status = ss_hash_init(&p.hash, SS_HASH_SHA256);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    status = parse(&p, handler, digest, signature, err);
    ss_hash_abort(&p.hash);
    free(p.row);
    return status;
}
