// SPDX-License-Identifier: Apache-2.0
// Key sets of products: a chain, each link signed by the roots of the one before. Where it begins is nobody's to say who
// can only write to the server: the pinned sets of the sealer, or of the configuration, are what it hangs on.
#include <string.h>

#include "server/store_internal.h"
#include "slotseal/key_set.h"

struct key_set {
    const uint8_t *bytes;
    size_t len;
    struct ss_statement statement;
    struct ss_key_set set;
    char product[SS_STORE_NAME_SIZE];
    uint8_t own[SS_KEY_SET_MAX]; ///< of one that was read from the store
};

/// What is asked of the writer, and what became of it.
struct job {
    struct key_set *set;
    struct ss_store_trusted done;
};

static ss_status_t refuse(ss_status_t status, const struct ss_refusal *why, struct ss_error *err)
{
    return ss_error_set(err, status, SS_AREA_STATEMENT, "the key set %s",
                        why->reason == SS_REASON_NONE ? ss_status_name(status) : ss_reason_text(why->reason));
}

static ss_status_t parse(struct key_set *k, struct ss_error *err)
{
    struct ss_refusal why = {0};
    ss_status_t status = ss_statement_parse(k->bytes, k->len, &k->statement, &why);
    if (status == SS_OK)
        status = ss_key_set_parse(&k->statement, &k->set, &why);
    if (status != SS_OK)
        return refuse(status, &why, err);
    memcpy(k->product, k->set.product.p, k->set.product.len);
    k->product[k->set.product.len] = '\0';
    return SS_OK;
}

/// The set that @p query (of product $1 and version $2) finds; *@p found false: none.
static ss_status_t find(struct ss_store_tx *tx, const char *query, const struct key_set *k, struct key_set *out,
                        bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    const struct ss_sql_value values[] = {ss_sql_text(k->product), ss_sql_int(k->set.version)};
    ss_status_t status = ss_sql_query(tx->db, query, values, 2, &rows, err);
    status = ss_store_first(status, &rows, found, err);
    if (status != SS_OK || !*found)
        return status;
    out->len = ss_sql_column_blob(rows, 0, out->own, sizeof out->own);
    out->bytes = out->own;
    ss_sql_end(rows);
    return parse(out, err);
}

#define SAME  "SELECT statement FROM key_sets WHERE product = $1 AND version = $2"
#define BELOW "SELECT statement FROM key_sets WHERE product = $1 AND version < $2 ORDER BY version DESC LIMIT 1"
#define ABOVE "SELECT statement FROM key_sets WHERE product = $1 AND version > $2 ORDER BY version LIMIT 1"
/// A set that is there already has been looked for before this.
#define NEWEST "SELECT statement FROM key_sets WHERE product = $1 AND version <> $2 ORDER BY version DESC LIMIT 1"

static bool leads_to(const struct key_set *before, const struct key_set *next)
{
    return ss_key_set_check_next(&next->statement, &next->set, &before->set, NULL) == SS_OK;
}

static ss_status_t insert(struct ss_store_tx *tx, const struct key_set *k, struct ss_error *err)
{
    ss_status_t status = ss_store_product_ensure(tx, k->product, SS_STORE_SEALED, err);
    if (status == SS_OK)
        status = ss_sql_run(
            tx->db, err, "INSERT INTO key_sets (product, version, statement, created) VALUES ($1, $2, $3, $4)",
            ss_sql_text(k->product), ss_sql_int(k->set.version), ss_sql_blob(k->bytes, k->len), ss_sql_int(tx->now));
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err,
                            "UPDATE products SET key_set = (SELECT max(version) FROM key_sets WHERE product = $1) "
                            "WHERE name = $1",
                            ss_sql_text(k->product));
    return status == SS_OK ? ss_store_touch_product(tx, k->product, err) : status;
}

// Published by operators, or with what was sealed elsewhere

static ss_status_t put(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct job *job = context;
    const struct key_set *k = job->set;
    struct key_set other;
    struct ss_refusal why = {0};
    bool found;
    ss_status_t status = find(tx, SAME, k, &other, &found, err);
    if (status != SS_OK || (found && other.len == k->len && !memcmp(other.bytes, k->bytes, k->len)))
        return status;
    if (!found)
        status = find(tx, NEWEST, k, &other, &found, err);
    if (status != SS_OK)
        return status;
    if (!found)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "no key set of product %s is pinned: the first one comes from key_set = in the "
                            "configuration of the sealer, or of [presealed]",
                            k->product);
    status = ss_key_set_check_next(&k->statement, &k->set, &other.set, &why);
    return status == SS_OK ? insert(tx, k, err) : refuse(status, &why, err);
}

ss_status_t ss_store_key_set_put(struct ss_store *store, const uint8_t *statement, size_t len, uint32_t *version,
                                 struct ss_error *err)
{
    struct key_set k = {.bytes = statement, .len = len};
    struct job job = {.set = &k};
    if (version)
        *version = 0;
    ss_status_t status = parse(&k, err);
    if (status == SS_OK)
        status = ss_store_write(store, "store-keyset", put, &job, err);
    if (status == SS_OK && version)
        *version = k.set.version;
    return status;
}

// Pinned

static ss_status_t drop(struct ss_store_tx *tx, struct job *job, const struct key_set *from, bool all_above,
                        struct ss_error *err)
{
    job->done.removed++;
    const char *query = all_above ? "DELETE FROM key_sets WHERE product = $1 AND version >= $2"
                                  : "DELETE FROM key_sets WHERE product = $1 AND version = $2";
    const struct ss_sql_value values[] = {ss_sql_text(from->product), ss_sql_int(from->set.version)};
    return ss_sql_execute(tx->db, query, values, 2, err);
}

/// What is above has to follow: everything from the first one on that does not was put there by somebody else.
static ss_status_t clear_above(struct ss_store_tx *tx, struct job *job, struct ss_error *err)
{
    struct key_set above;
    bool found;
    ss_status_t status = find(tx, ABOVE, job->set, &above, &found, err);
    if (status != SS_OK || !found || leads_to(job->set, &above))
        return status;
    return drop(tx, job, &above, true, err);
}

/// The one just below has to lead here. Where versions are missing between, nothing can be said.
static ss_status_t clear_below(struct ss_store_tx *tx, struct job *job, struct ss_error *err)
{
    struct key_set below;
    bool found;
    ss_status_t status = find(tx, BELOW, job->set, &below, &found, err);
    if (status != SS_OK || !found || below.set.version + 1 != job->set->set.version || leads_to(&below, job->set))
        return status;
    return drop(tx, job, &below, false, err);
}

static ss_status_t trust(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct job *job = context;
    const struct key_set *k = job->set;
    struct key_set other;
    bool found;
    job->done = (struct ss_store_trusted){.version = k->set.version};
    ss_status_t status = find(tx, SAME, k, &other, &found, err);
    if (status != SS_OK || (found && other.len == k->len && !memcmp(other.bytes, k->bytes, k->len)))
        return status;
    if (found)
        status = drop(tx, job, &other, false, err);
    if (status == SS_OK)
        status = clear_above(tx, job, err);
    if (status == SS_OK)
        status = clear_below(tx, job, err);
    job->done.added = true;
    return status == SS_OK ? insert(tx, k, err) : status;
}

ss_status_t ss_store_key_set_trust(struct ss_store *store, const uint8_t *statement, size_t len,
                                   struct ss_store_trusted *done, struct ss_error *err)
{
    struct key_set k = {.bytes = statement, .len = len};
    struct job job = {.set = &k};
    struct ss_refusal why = {0};
    ss_status_t status = parse(&k, err);
    if (status == SS_OK && (status = ss_key_set_check_roots(&k.statement, &k.set, &why)) != SS_OK)
        status = refuse(status, &why, err);
    if (status == SS_OK)
        status = ss_store_write(store, "store-keyset", trust, &job, err);
    if (done) {
        *done = status == SS_OK ? job.done : (struct ss_store_trusted){0};
        memcpy(done->product, k.product, sizeof done->product);
    }
    return status;
}
