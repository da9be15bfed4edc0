// SPDX-License-Identifier: Apache-2.0
// Uploads: bytes that arrive in parts, and go on after an interruption where they were.
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "server/store_internal.h"

enum { PART_MAX = 1 << 20 };

const char *ss_store_upload_state_name(enum ss_store_upload_state state)
{
    static const char *const names[] = {"open", "complete", "accepted", "refused"};
    return (unsigned)state < 4 ? names[state] : "unknown";
}

#define COLUMNS "id, kind, state, length, received, sha256, blob, release, operator, reason, created, changed"

static void fill(const struct ss_sql_rows *rows, struct ss_store_upload *u)
{
    *u = (struct ss_store_upload){
        .id = ss_sql_column_int(rows, 0),
        .kind = ss_sql_column_int(rows, 1) == SS_STORE_OPAQUE ? SS_STORE_OPAQUE : SS_STORE_SEALED,
        .state = (enum ss_store_upload_state)ss_sql_column_int(rows, 2),
        .length = (uint64_t)ss_sql_column_int(rows, 3),
        .received = (uint64_t)ss_sql_column_int(rows, 4),
        .blob = ss_sql_column_int(rows, 6),
        .release = ss_sql_column_int(rows, 7),
        .created = ss_sql_column_int(rows, 10),
        .changed = ss_sql_column_int(rows, 11),
    };
    (void)ss_sql_column_blob(rows, 5, u->sha256, sizeof u->sha256);
    ss_sql_column_text(rows, 8, u->operator_name, sizeof u->operator_name);
    ss_sql_column_text(rows, 9, u->reason, sizeof u->reason);
}

static ss_status_t take_first(ss_status_t status, struct ss_sql_rows *rows, struct ss_store_upload *out, bool *found,
                              struct ss_error *err)
{
    status = ss_store_first(status, &rows, found, err);
    if (status == SS_OK && *found)
        fill(rows, out);
    ss_sql_end(rows);
    return status;
}

static ss_status_t read_upload(struct ss_sql *db, int64_t id, struct ss_store_upload *out, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool found;
    ss_status_t status = ss_sql_select(db, &rows, err, "SELECT " COLUMNS " FROM uploads WHERE id = $1", ss_sql_int(id));
    status = take_first(status, rows, out, &found, err);
    if (status == SS_OK && !found)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no upload %lld", (long long)id);
    return status;
}

struct get {
    int64_t id;
    bool next; ///< the first complete one behind id
    struct ss_store_upload *out;
};

static ss_status_t get(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct get *g = context;
    struct ss_sql_rows *rows;
    bool found;
    if (!g->next)
        return read_upload(db, g->id, g->out, err);
    ss_status_t status =
        ss_sql_select(db, &rows, err,
                      "SELECT " COLUMNS " FROM uploads WHERE state = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT 1",
                      ss_sql_int(SS_STORE_UPLOAD_COMPLETE), ss_sql_int(SS_STORE_SEALED), ss_sql_int(g->id));
    status = take_first(status, rows, g->out, &found, err);
    if (status == SS_OK && !found)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "no upload waits for a sealer");
    return status;
}

ss_status_t ss_store_upload_get(struct ss_store *store, int64_t id, struct ss_store_upload *out, struct ss_error *err)
{
    struct get g = {id, false, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, get, &g, err);
}

ss_status_t ss_store_upload_next(struct ss_store *store, int64_t after, struct ss_store_upload *out,
                                 struct ss_error *err)
{
    struct get g = {after, true, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, get, &g, err);
}

// Beginning

struct begin {
    enum ss_store_kind kind;
    uint64_t length;
    const uint8_t *sha256;
    const char *operator_name;
    struct ss_store_upload *out;
};

static ss_status_t begin(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct begin *b = context;
    struct ss_sql_rows *rows;
    bool found;
    int64_t id = 0, blob = 0;
    ss_status_t status = ss_sql_select(tx->db, &rows, err,
                                       "SELECT " COLUMNS " FROM uploads WHERE state IN (0, 1) AND kind = $1 AND "
                                       "length = $2 AND sha256 = $3 ORDER BY id LIMIT 1",
                                       ss_sql_int(b->kind), ss_sql_int((int64_t)b->length), ss_sql_blob(b->sha256, 32));
    status = take_first(status, rows, b->out, &found, err);
    if (status != SS_OK || found)
        return status;
    status = ss_store_number(tx->db, "SELECT coalesce(max(id), 0) + 1 FROM uploads", NULL, 0, 1, &id, err);
    if (status == SS_OK)
        status = ss_store_blob_new(tx, &blob, err);
    if (status == SS_OK)
        status =
            ss_sql_run(tx->db, err,
                       "INSERT INTO uploads (id, kind, state, length, received, sha256, sha1, md5, blob, release, "
                       "operator, reason, created, changed) VALUES ($1, $2, 0, $3, 0, $4, $5, $5, $6, 0, $7, '', $8, "
                       "$8)",
                       ss_sql_int(id), ss_sql_int(b->kind), ss_sql_int((int64_t)b->length), ss_sql_blob(b->sha256, 32),
                       ss_sql_blob(NULL, 0), ss_sql_int(blob), ss_sql_text(b->operator_name), ss_sql_int(tx->now));
    return status == SS_OK ? read_upload(tx->db, id, b->out, err) : status;
}

ss_status_t ss_store_upload_begin(struct ss_store *store, enum ss_store_kind kind, uint64_t length,
                                  const uint8_t sha256[32], const char *operator_name, struct ss_store_upload *out,
                                  struct ss_error *err)
{
    struct begin b = {kind, length, sha256, operator_name, out};
    memset(out, 0, sizeof *out);
    ss_status_t status = ss_store_check_name("name of the operator", operator_name, err);
    if (status != SS_OK)
        return status;
    if (!length)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "an upload of 0 bytes");
    if (length > SS_STORE_BLOB_MAX)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER,
                            "an upload of %llu bytes, the limit is %llu", (unsigned long long)length,
                            (unsigned long long)SS_STORE_BLOB_MAX);
    return ss_store_write(store, "store-upload-begin", begin, &b, err);
}

// Parts

struct digests {
    uint8_t sha256[32], sha1[20], md5[16];
};

struct hashing {
    EVP_MD_CTX *contexts[3];
};

static bool hashing_start(struct hashing *h)
{
    const EVP_MD *const kinds[] = {EVP_sha256(), EVP_sha1(), EVP_md5()};
    for (unsigned i = 0; i < 3; i++) {
        h->contexts[i] = EVP_MD_CTX_new();
        if (!h->contexts[i] || !EVP_DigestInit_ex(h->contexts[i], kinds[i], NULL))
            return false;
    }
    return true;
}

static bool hashing_add(struct hashing *h, const uint8_t *bytes, size_t len)
{
    for (unsigned i = 0; i < 3; i++)
        if (!EVP_DigestUpdate(h->contexts[i], bytes, len))
            return false;
    return true;
}

static bool hashing_end(struct hashing *h, struct digests *out)
{
    uint8_t *const to[] = {out->sha256, out->sha1, out->md5};
    for (unsigned i = 0; i < 3; i++)
        if (!EVP_DigestFinal_ex(h->contexts[i], to[i], NULL))
            return false;
    return true;
}

/// Of all that is there and the last part. Not within a transaction: a large file takes its time.
static ss_status_t hash_all(struct ss_store *store, const struct ss_store_upload *u, const uint8_t *last, size_t len,
                            struct digests *out, struct ss_error *err)
{
    struct hashing h = {{NULL}};
    uint8_t *chunk = malloc(SS_STORE_CHUNK);
    bool ok = chunk && hashing_start(&h);
    ss_status_t status = SS_OK;
    size_t n = 0;
    for (uint64_t at = 0; ok && at < u->received && status == SS_OK; at += n) {
        status = ss_store_blob_read(store, u->blob, at, chunk, SS_STORE_CHUNK, &n, err);
        if (status == SS_OK && !n)
            status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER, "upload %lld lacks bytes from %llu on",
                                  (long long)u->id, (unsigned long long)at);
        ok = status != SS_OK || hashing_add(&h, chunk, n);
    }
    ok = ok && (status != SS_OK || (hashing_add(&h, last, len) && hashing_end(&h, out)));
    for (unsigned i = 0; i < 3; i++)
        EVP_MD_CTX_free(h.contexts[i]);
    free(chunk);
    return !ok ? ss_store_out_of_memory(err) : status;
}

struct part {
    int64_t id;
    uint64_t offset;
    const uint8_t *bytes;
    size_t len;
    const struct digests *digests; ///< of the last part: of all; else NULL
    struct ss_store_upload *out;
};

static ss_status_t check_part(const struct part *p, struct ss_error *err)
{
    const struct ss_store_upload *u = p->out;
    if (u->state != SS_STORE_UPLOAD_OPEN)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "upload %lld is %s", (long long)u->id,
                            ss_store_upload_state_name(u->state));
    if (p->offset != u->received)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "upload %lld goes on at %llu, not at %llu",
                            (long long)u->id, (unsigned long long)u->received, (unsigned long long)p->offset);
    bool end = p->len == u->length - u->received;
    if (!p->len || p->len > PART_MAX || p->len > u->length - u->received || (!end && p->len % SS_STORE_CHUNK))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                            "a part of %zu bytes: parts are multiples of 64 KiB up to 1 MiB, or the end", p->len);
    return SS_OK;
}

static ss_status_t refuse(struct ss_store_tx *tx, const struct ss_store_upload *u, const char *reason,
                          struct ss_error *err)
{
    ss_status_t status = ss_store_blob_delete(tx, u->blob, err);
    return status == SS_OK
               ? ss_sql_run(tx->db, err, "UPDATE uploads SET state = $2, reason = $3, changed = $4 WHERE id = $1",
                            ss_sql_int(u->id), ss_sql_int(SS_STORE_UPLOAD_REFUSED), ss_sql_text(reason),
                            ss_sql_int(tx->now))
               : status;
}

static ss_status_t finish(struct ss_store_tx *tx, const struct part *p, struct ss_error *err)
{
    const struct ss_store_upload *u = p->out;
    const struct digests *d = p->digests;
    if (memcmp(d->sha256, u->sha256, sizeof d->sha256) != 0)
        return refuse(tx, u, "its bytes are not those that were announced: the SHA-256 differs", err);
    return ss_sql_run(tx->db, err, "UPDATE uploads SET state = $2, sha1 = $3, md5 = $4 WHERE id = $1",
                      ss_sql_int(u->id), ss_sql_int(SS_STORE_UPLOAD_COMPLETE), ss_sql_blob(d->sha1, sizeof d->sha1),
                      ss_sql_blob(d->md5, sizeof d->md5));
}

static ss_status_t append(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct part *p = context;
    ss_status_t status = read_upload(tx->db, p->id, p->out, err);
    if (status == SS_OK)
        status = check_part(p, err); // again: another part may have been quicker
    if (status == SS_OK)
        status = ss_store_blob_write(tx, p->out->blob, p->offset, p->bytes, p->len, err);
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err, "UPDATE uploads SET received = $2, changed = $3 WHERE id = $1",
                            ss_sql_int(p->id), ss_sql_int((int64_t)(p->offset + p->len)), ss_sql_int(tx->now));
    if (status == SS_OK && p->digests)
        status = finish(tx, p, err);
    return status == SS_OK ? read_upload(tx->db, p->id, p->out, err) : status;
}

ss_status_t ss_store_upload_append(struct ss_store *store, int64_t id, uint64_t offset, const uint8_t *bytes,
                                   size_t len, struct ss_store_upload *out, struct ss_error *err)
{
    struct ss_store_upload now;
    struct digests digests;
    struct part p = {id, offset, bytes, len, NULL, out ? out : &now};
    ss_status_t status = ss_store_upload_get(store, id, p.out, err);
    if (status == SS_OK)
        status = check_part(&p, err);
    if (status == SS_OK && len == p.out->length - p.out->received) {
        status = hash_all(store, p.out, bytes, len, &digests, err);
        p.digests = &digests;
    }
    if (status == SS_OK)
        status = ss_store_write(store, "store-upload-part", append, &p, err);
    if (status == SS_OK && p.out->state == SS_STORE_UPLOAD_REFUSED)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER, "upload %lld: %s", (long long)id,
                            p.out->reason);
    return status;
}

// What becomes of it

struct verdict {
    int64_t id;
    const char *reason;
    const struct ss_store_release *fields;
    int64_t release;
    ss_status_t refusal; ///< the upload was refused, for a reason that the caller hears
    struct ss_error why;
};

static ss_status_t give_up(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct verdict *v = context;
    struct ss_store_upload u;
    ss_status_t status = read_upload(tx->db, v->id, &u, err);
    if (status == SS_OK && u.state != SS_STORE_UPLOAD_OPEN && u.state != SS_STORE_UPLOAD_COMPLETE)
        status = ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "upload %lld is %s already", (long long)v->id,
                              ss_store_upload_state_name(u.state));
    return status == SS_OK ? refuse(tx, &u, v->reason, err) : status;
}

ss_status_t ss_store_upload_refuse(struct ss_store *store, int64_t upload, const char *reason, struct ss_error *err)
{
    char cut[SS_STORE_REASON_SIZE];
    struct verdict v = {.id = upload, .reason = cut};
    ss_store_copy(cut, sizeof cut, reason);
    return ss_store_write(store, "store-upload-refuse", give_up, &v, err);
}

/// Why a sealed release cannot be: goes to *@p refusal, with @p why; SS_OK all the same.
static ss_status_t find_or_add(struct ss_store_tx *tx, const struct ss_store_release *fields, const char *operator_name,
                               int64_t *id, ss_status_t *refusal, struct ss_error *why, struct ss_error *err)
{
    struct ss_store_release r;
    bool found = false;
    ss_status_t status = ss_store_product_ensure(tx, fields->product, SS_STORE_SEALED, why);
    *refusal = status == SS_ERROR_NOT_PERMITTED ? status : SS_OK;
    if (*refusal != SS_OK)
        return SS_OK;
    if (status != SS_OK) {
        if (err)
            *err = *why;
        return status;
    }
    status = ss_store_release_read(tx->db, 0, fields->product, fields->version, &r, &found, err);
    if (status == SS_OK && found &&
        (r.statement_len != fields->statement_len || memcmp(r.statement, fields->statement, r.statement_len) != 0)) {
        *refusal = ss_error_set(why, SS_ERROR_ALREADY_EXISTS, SS_AREA_SERVER, "product %s has another release %s",
                                fields->product, fields->version);
        return SS_OK;
    }
    if (status == SS_OK && !found) {
        r = *fields;
        r.kind = SS_STORE_SEALED;
        r.state = SS_STORE_RELEASE_READY;
        ss_store_copy(r.operator_name, sizeof r.operator_name, operator_name);
        status = ss_store_release_insert(tx, &r, err);
    }
    *id = status == SS_OK ? r.id : 0;
    return status;
}

static ss_status_t accept(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct verdict *v = context;
    struct ss_store_upload u;
    v->refusal = SS_OK;
    v->release = 0;
    ss_status_t status = read_upload(tx->db, v->id, &u, err);
    if (status != SS_OK)
        return status;
    if (u.state == SS_STORE_UPLOAD_ACCEPTED && u.kind == SS_STORE_SEALED) {
        v->release = u.release;
        return SS_OK;
    }
    if (u.state != SS_STORE_UPLOAD_COMPLETE || u.kind != SS_STORE_SEALED)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "upload %lld is %s and %s", (long long)v->id,
                            ss_store_kind_name(u.kind), ss_store_upload_state_name(u.state));
    status = find_or_add(tx, v->fields, u.operator_name, &v->release, &v->refusal, &v->why, err);
    if (status == SS_OK && v->refusal != SS_OK)
        return refuse(tx, &u, v->why.message, err);
    if (status != SS_OK)
        return status;
    status = ss_store_blob_delete(tx, u.blob, err);
    return status == SS_OK
               ? ss_sql_run(tx->db, err, "UPDATE uploads SET state = $2, release = $3, changed = $4 WHERE id = $1",
                            ss_sql_int(v->id), ss_sql_int(SS_STORE_UPLOAD_ACCEPTED), ss_sql_int(v->release),
                            ss_sql_int(tx->now))
               : status;
}

static ss_status_t check_fields(const struct ss_store_release *fields, struct ss_error *err)
{
    ss_status_t status = ss_store_check_name("name of the product", fields->product, err);
    if (status == SS_OK &&
        (!fields->statement_len || fields->statement_len > sizeof fields->statement || !*fields->version))
        status =
            ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "a release needs a statement and a version");
    return status;
}

static ss_status_t submit(struct ss_store *store, const char *name, ss_store_work_fn work, struct verdict *v,
                          int64_t *release, struct ss_error *err)
{
    *release = 0;
    ss_status_t status = check_fields(v->fields, err);
    if (status == SS_OK)
        status = ss_store_write(store, name, work, v, err);
    if (status == SS_OK && v->refusal != SS_OK)
        return ss_error_set(err, v->refusal, SS_AREA_SERVER, "%s", v->why.message);
    if (status == SS_OK)
        *release = v->release;
    return status;
}

ss_status_t ss_store_upload_accept(struct ss_store *store, int64_t upload, const struct ss_store_release *fields,
                                   int64_t *release, struct ss_error *err)
{
    struct verdict v = {.id = upload, .fields = fields};
    return submit(store, "store-upload-accept", accept, &v, release, err);
}

static ss_status_t add_presealed(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct verdict *v = context;
    return find_or_add(tx, v->fields, "presealed", &v->release, &v->refusal, &v->why, err);
}

ss_status_t ss_store_release_add_presealed(struct ss_store *store, const struct ss_store_release *fields,
                                           int64_t *release, struct ss_error *err)
{
    struct verdict v = {.fields = fields};
    return submit(store, "store-presealed-release", add_presealed, &v, release, err);
}
