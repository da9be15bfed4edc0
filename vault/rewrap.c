// SPDX-License-Identifier: Apache-2.0
#include "vault/rewrap.h"

#include <stdio.h>
#include <string.h>

#include "vault/internal.h"

enum { BATCH = 64 };

struct job {
    enum ss_vault_ring_id ring;
    struct ss_ring_new *made;
    const struct ss_vault_rewrap *rewrap;
    int64_t version;
    uint64_t done;
    bool more;
};

/// The next record of the ring that is not under its active key.
static ss_status_t next_old(struct ss_vault *vault, const struct job *job, struct ss_secret_entry *entry, bool *found,
                            struct ss_error *err)
{
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err,
                      "SELECT kind, owner, bound, key_version FROM secrets "
                      "WHERE ring = $1 AND key_version < $2 LIMIT 1",
                      ss_sql_text(ss_ring_name(job->ring)), ss_sql_int(vault->rings[job->ring].active));
    *found = false;
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found) {
        ss_sql_column_text(rows, 0, entry->kind, sizeof entry->kind);
        ss_sql_column_text(rows, 1, entry->owner, sizeof entry->owner);
        ss_sql_column_text(rows, 2, entry->bound, sizeof entry->bound);
        entry->ring = job->ring;
        entry->version = ss_sql_column_int(rows, 3);
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t wrap_batch(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct job *job = context;
    ss_status_t status = SS_OK;
    unsigned n = 0;
    for (job->more = true; job->more && n < BATCH && status == SS_OK;) {
        struct ss_secret_entry entry;
        status = next_old(vault, job, &entry, &job->more, err);
        if (status == SS_OK && job->more) {
            status = ss_secret_rewrap(vault, &entry, err);
            n++;
        }
    }
    job->done += status == SS_OK ? n : 0;
    return status;
}

static ss_status_t add_version(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct job *job = context;
    char detail[64];
    bool busy;
    ss_status_t status = ss_ring_has(vault, job->ring, "retiring", &busy, err);
    if (status == SS_OK && busy)
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "another program is rewrapping the vault");
    if (status == SS_OK)
        status = ss_ring_check_active(vault, job->ring, err);
    if (status == SS_OK)
        status = ss_ring_store(vault, job->ring, job->made, &job->version, err);
    snprintf(detail, sizeof detail, "%s key version %lld from a %s", ss_ring_name(job->ring), (long long)job->version,
             job->made->key.ops->scheme);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_REWRAP, "begin", detail, err) : status;
}

/// The old key's proof goes, too: by it a guessed passphrase could be checked.
static ss_status_t retire(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct job *job = context;
    char detail[64];
    ss_status_t status = ss_sql_run(vault->db, err,
                                    "UPDATE wrapping_keys SET state = 'retired', proof = $1, params = $1 "
                                    "WHERE ring = $2 AND state = 'retiring'",
                                    ss_sql_blob(NULL, 0), ss_sql_text(ss_ring_name(job->ring)));
    snprintf(detail, sizeof detail, "%s key, %llu records", ss_ring_name(job->ring), (unsigned long long)job->done);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_REWRAP, "end", detail, err) : status;
}

static ss_status_t wrap_all(struct ss_vault *vault, struct job *job, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    job->more = true;
    while (status == SS_OK && job->more) {
        status = ss_vault_write(vault, "rewrap-batch", wrap_batch, job, err);
        if (status == SS_OK && job->rewrap->progress)
            job->rewrap->progress(job->rewrap->context, job->done);
    }
    if (status == SS_OK)
        status = ss_vault_write(vault, "rewrap-end", retire, job, err);
    return status == SS_OK ? ss_sql_shred(vault->db, err) : status;
}

/// Begins: the new key is stored and becomes the active one.
static ss_status_t begin(struct ss_vault *vault, struct job *job, const char *spec,
                         const struct ss_vault_options *options, struct ss_error *err)
{
    struct ss_ring_new made;
    bool same = false;
    ss_status_t status = ss_ring_prepare(job->ring, spec, true, options, &made, err);
    if (status != SS_OK)
        return status;
    job->made = &made;
    status = ss_ring_is_active(vault, job->ring, &made, &same, err);
    if (status == SS_OK && same)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the new key is the old one");
    if (status == SS_OK)
        status = ss_vault_write(vault, "rewrap-begin", add_version, job, err);
    if (status == SS_OK)
        ss_ring_adopt(vault, job->ring, &made, job->version);
    else
        ss_ring_discard(&made);
    return status;
}

/// Opens what there is of a ring: with a rewrap that was interrupted the old key and the new one.
static ss_status_t open_ring(struct ss_vault *vault, enum ss_vault_ring_id ring, const char *old_spec,
                             const char *new_spec, const struct ss_vault_options *options, bool *resumed,
                             struct ss_error *err)
{
    bool any = false;
    *resumed = false;
    ss_status_t status = ss_ring_has(vault, ring, "active", &any, err);
    if (status == SS_OK && any && new_spec)
        status = ss_ring_has(vault, ring, "retiring", resumed, err);
    if (status != SS_OK || !any)
        return status;
    if (!old_spec)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the old %s key is needed, too",
                            ss_ring_name(ring));
    status = ss_ring_open(vault, ring, *resumed ? "retiring" : "active", old_spec, options, err);
    if (status == SS_OK && *resumed)
        status = ss_ring_open(vault, ring, "active", new_spec, options, err);
    return status;
}

static ss_status_t rewrap_ring(struct ss_vault *vault, struct job *job, bool resumed, const char *spec,
                               const struct ss_vault_options *options, struct ss_error *err)
{
    ss_status_t status = resumed ? SS_OK : begin(vault, job, spec, options, err);
    return status == SS_OK ? wrap_all(vault, job, err) : status;
}

static ss_status_t rewrap_open(struct ss_vault *vault, const struct ss_vault_options *options,
                               const struct ss_vault_rewrap *rewrap, struct ss_error *err)
{
    struct job job = {.ring = SS_RING_VAULT, .rewrap = rewrap};
    bool resumed;
    ss_status_t status = open_ring(vault, SS_RING_VAULT, options->key, rewrap->new_key, options, &resumed, err);
    if (status == SS_OK)
        status = ss_vault_load_keys(vault, err);
    if (status == SS_OK && rewrap->new_key)
        status = rewrap_ring(vault, &job, resumed, rewrap->new_key, options, err);
    if (status != SS_OK || !rewrap->new_signing_key)
        return status;
    job.ring = SS_RING_SIGNING;
    status = open_ring(vault, SS_RING_SIGNING, options->signing_key, rewrap->new_signing_key, options, &resumed, err);
    return status == SS_OK ? rewrap_ring(vault, &job, resumed, rewrap->new_signing_key, options, err) : status;
}

ss_status_t ss_vault_rewrap(const char *url, const struct ss_vault_options *options,
                            const struct ss_vault_rewrap *rewrap, struct ss_error *err)
{
    struct ss_vault *vault;
    ss_status_t status = ss_vault_open_locked(url, options, &vault, err);
    if (status == SS_OK)
        status = rewrap_open(vault, options, rewrap, err);
    ss_vault_close(vault);
    return status;
}
