// SPDX-License-Identifier: Apache-2.0
// Bytes, in chunks of 64 KiB: a blob of any length is read and written with little memory.
#include <string.h>

#include "server/store_internal.h"

ss_status_t ss_store_blob_new(struct ss_store_tx *tx, int64_t *blob, struct ss_error *err)
{
    ss_status_t status = ss_store_number(tx->db, "SELECT coalesce(max(id), 0) + 1 FROM blobs", NULL, 0, 1, blob, err);
    return status == SS_OK ? ss_sql_run(tx->db, err, "INSERT INTO blobs (id) VALUES ($1)", ss_sql_int(*blob)) : status;
}

ss_status_t ss_store_blob_write(struct ss_store_tx *tx, int64_t blob, uint64_t offset, const uint8_t *bytes, size_t len,
                                struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (size_t done = 0; done < len && status == SS_OK; done += SS_STORE_CHUNK) {
        size_t n = len - done < SS_STORE_CHUNK ? len - done : SS_STORE_CHUNK;
        status = ss_sql_run(tx->db, err, "INSERT INTO blob_chunks (blob, number, content) VALUES ($1, $2, $3)",
                            ss_sql_int(blob), ss_sql_int((int64_t)((offset + done) / SS_STORE_CHUNK)),
                            ss_sql_blob(bytes + done, n));
    }
    return status;
}

/// The row of a blob stays: its id, and that of those after it, is not given to other bytes.
ss_status_t ss_store_blob_delete(struct ss_store_tx *tx, int64_t blob, struct ss_error *err)
{
    return ss_sql_run(tx->db, err, "DELETE FROM blob_chunks WHERE blob = $1", ss_sql_int(blob));
}

struct read {
    int64_t blob;
    uint64_t offset;
    uint8_t *out;
    size_t size, len;
};

static ss_status_t read_chunks(struct ss_sql *db, void *context, struct ss_error *err)
{
    struct read *r = context;
    struct ss_sql_rows *rows;
    size_t chunks = (size_t)((r->offset + r->size - 1) / SS_STORE_CHUNK - r->offset / SS_STORE_CHUNK) + 1;
    ss_status_t status = ss_sql_select(db, &rows, err,
                                       "SELECT number, content FROM blob_chunks WHERE blob = $1 AND number >= $2 "
                                       "ORDER BY number LIMIT $3",
                                       ss_sql_int(r->blob), ss_sql_int((int64_t)(r->offset / SS_STORE_CHUNK)),
                                       ss_sql_int((int64_t)chunks));
    r->len = 0;
    while (r->len < r->size && ss_sql_more(rows, &status, err)) {
        uint64_t at = r->offset + r->len;
        struct ss_sql_value content = ss_sql_column(rows, 1);
        size_t skip = (size_t)(at % SS_STORE_CHUNK);
        if (ss_sql_column_int(rows, 0) != (int64_t)(at / SS_STORE_CHUNK) || content.len <= skip)
            break;
        size_t n = content.len - skip < r->size - r->len ? content.len - skip : r->size - r->len;
        memcpy(r->out + r->len, (const uint8_t *)content.bytes + skip, n);
        r->len += n;
        if (content.len < SS_STORE_CHUNK)
            break;
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t read_blob(struct ss_sql *db, void *context, struct ss_error *err)
{
    struct read *r = context;
    int64_t known = 1;
    ss_status_t status = read_chunks(db, r, err);
    if (status == SS_OK && !r->len)
        status = ss_store_get_number(db, 0, &known, err, "SELECT 1 FROM blobs WHERE id = $1", ss_sql_int(r->blob));
    if (status == SS_OK && !known)
        status =
            ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no blob %lld", (long long)r->blob);
    return status;
}

ss_status_t ss_store_blob_read(struct ss_store *store, int64_t blob, uint64_t offset, uint8_t *out, size_t size,
                               size_t *len, struct ss_error *err)
{
    struct read r = {blob, offset, out, size, 0};
    *len = 0;
    if (!size || offset > SS_STORE_BLOB_MAX)
        return SS_OK;
    ss_status_t status = ss_store_read(store, read_blob, &r, err);
    if (status == SS_OK)
        *len = r.len;
    return status;
}
