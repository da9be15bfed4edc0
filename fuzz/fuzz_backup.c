// SPDX-License-Identifier: Apache-2.0
// Backups of a vault.
#include <stdlib.h>
#include <string.h>

#include "vault/backup_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct bytes {
    const uint8_t *data;
    size_t len, at;
    size_t columns; ///< of the table at hand
    bool head;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static ss_status_t read_bytes(void *context, void *out, size_t len, struct ss_error *err)
{
    struct bytes *b = context;
    if (len > b->len - b->at)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the backup is cut short");
    if (len)
        memcpy(out, b->data + b->at, len);
    b->at += len;
    return SS_OK;
}

static bool at_end(void *context)
{
    const struct bytes *b = context;
    return b->at == b->len;
}

static ss_status_t on_head(void *context, const struct ss_backup_head *head, struct ss_error *err)
{
    struct bytes *b = context;
    (void)head, (void)err;
    must(!b->head);
    b->head = true;
    return SS_OK;
}

static ss_status_t on_table(void *context, const char *name, char (*columns)[SS_BACKUP_NAME_SIZE], size_t count,
                            struct ss_error *err)
{
    struct bytes *b = context;
    (void)err;
    must(b->head && count >= 1 && count <= SS_BACKUP_COLUMNS);
    must(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(columns[i]);
        must(n >= 1 && n < SS_BACKUP_NAME_SIZE && strspn(columns[i], "abcdefghijklmnopqrstuvwxyz0123456789_") == n);
    }
    b->columns = count;
    return SS_OK;
}

static ss_status_t on_row(void *context, const struct ss_sql_value *values, size_t count, struct ss_error *err)
{
    const struct bytes *b = context;
    volatile uint8_t sum = 0; // touches every byte, for the sanitizer
    (void)err;
    must(count == b->columns);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = values[i].bytes;
        must(values[i].len <= SS_BACKUP_VALUE_MAX);
        for (size_t n = 0; n < values[i].len; n++)
            sum = (uint8_t)(sum + p[n]);
        if (values[i].type == SS_SQL_TEXT)
            must(strlen(values[i].bytes) == values[i].len);
    }
    return SS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes b = {.data = data, .len = len};
    const struct ss_backup_source source = {read_bytes, at_end, &b};
    const struct ss_backup_handler handler = {on_head, on_table, on_row, &b};
    uint8_t digest[SS_BACKUP_DIGEST_SIZE], signature[64];
    struct ss_error err = {0};
    ss_status_t status = ss_backup_parse(&source, &handler, digest, signature, &err);
    must(status == SS_OK || ((status == SS_ERROR_DATA_INVALID || status == SS_ERROR_DATA_CORRUPT) && err.message[0]));
    must(status != SS_OK || b.at == b.len);
    return 0;
}
