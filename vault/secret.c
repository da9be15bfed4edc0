// SPDX-License-Identifier: Apache-2.0
// One secret, one data key. The data key is wrapped under the ring's key with the key version in its identity; the
// content is encrypted under the data key without it, so that a rewrap touches the wrapped key alone.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/gcm.h"
#include "vault/internal.h"
#include "vault/locked.h"

static void identity(struct ss_aad *aad, const char *what, const struct ss_vault *vault, const struct ss_secret_id *id)
{
    ss_aad_start(aad, what, vault);
    ss_aad_text(aad, id->kind);
    ss_aad_text(aad, id->owner);
    ss_aad_text(aad, id->bound);
}

static void wrap_identity(struct ss_aad *aad, const struct ss_vault *vault, const struct ss_secret_id *id,
                          enum ss_vault_ring_id ring, int64_t version)
{
    identity(aad, "slotseal vault wrap 1", vault, id);
    ss_aad_text(aad, ss_ring_name(ring));
    ss_aad_number(aad, version);
}

static ss_status_t closed(enum ss_vault_ring_id ring, int64_t version, struct ss_error *err)
{
    if (ring == SS_RING_SIGNING)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "the key that wraps signing keys is not open; name it with --signing-key");
    return ss_error_set(
        err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
        "a record is still wrapped by version %lld of the vault key; finish with: slotseal vault rewrap",
        (long long)version);
}

/// Wraps @p data_key for @p id under the active key of @p ring.
static ss_status_t wrap(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_secret_id *id,
                        const uint8_t *data_key, uint8_t *wrapped, size_t *len, struct ss_error *err)
{
    struct ss_aad aad;
    struct ss_ring_key *key = ss_ring_key(&vault->rings[ring], vault->rings[ring].active);
    if (!key)
        return closed(ring, 0, err);
    ss_status_t status = ss_ring_check_active(vault, ring, err);
    if (status != SS_OK)
        return status;
    wrap_identity(&aad, vault, id, ring, key->version);
    return key->ops->wrap(key->key, data_key, aad.bytes, aad.len, wrapped, len, err);
}

static ss_status_t insert(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_secret_id *id,
                          const uint8_t *wrapped, size_t wrapped_len, const uint8_t *content, size_t len,
                          struct ss_error *err)
{
    return ss_sql_run(vault->db, err,
                      "INSERT INTO secrets (kind, owner, bound, ring, key_version, wrapped, content) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                      ss_sql_text(id->kind), ss_sql_text(id->owner), ss_sql_text(id->bound),
                      ss_sql_text(ss_ring_name(ring)), ss_sql_int(vault->rings[ring].active),
                      ss_sql_blob(wrapped, wrapped_len), ss_sql_blob(content, len));
}

ss_status_t ss_secret_put(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_secret_id *id,
                          const void *content, size_t len, struct ss_error *err)
{
    uint8_t wrapped[SS_VAULT_WRAPPED_MAX];
    size_t wrapped_len = 0;
    struct ss_aad aad;
    uint8_t *data_key = ss_locked_new(SS_VAULT_DATA_KEY_SIZE), *encrypted = malloc(len + SS_GCM_OVERHEAD);
    ss_status_t status = SS_OK;
    if (!data_key || !encrypted)
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    else if (ss_random(data_key, SS_VAULT_DATA_KEY_SIZE) != SS_OK)
        status = ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "no random bytes");
    if (status == SS_OK)
        status = wrap(vault, ring, id, data_key, wrapped, &wrapped_len, err);
    identity(&aad, "slotseal vault content 1", vault, id);
    if (status == SS_OK)
        status = ss_gcm_seal(data_key, aad.bytes, aad.len, content, len, encrypted, err);
    if (status == SS_OK)
        status = insert(vault, ring, id, wrapped, wrapped_len, encrypted, len + SS_GCM_OVERHEAD, err);
    ss_locked_free(data_key, SS_VAULT_DATA_KEY_SIZE);
    free(encrypted);
    return status;
}

static enum ss_vault_ring_id ring_from_name(const char *name)
{
    return strcmp(name, "signing") ? SS_RING_VAULT : SS_RING_SIGNING;
}

/// A row of the table.
struct row {
    char bound[SS_VAULT_NAME_SIZE];
    enum ss_vault_ring_id ring;
    int64_t version;
    uint8_t wrapped[SS_VAULT_WRAPPED_MAX];
    size_t wrapped_len;
    uint8_t content[SS_SECRET_MAX + SS_GCM_OVERHEAD];
    size_t len;
};

static ss_status_t read_row(struct ss_vault *vault, const struct ss_secret_id *id, struct row *out,
                            struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool found = false;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err,
                      "SELECT bound, ring, key_version, wrapped, content FROM secrets WHERE kind = $1 AND owner = $2",
                      ss_sql_text(id->kind), ss_sql_text(id->owner));
    if (status == SS_OK)
        status = ss_sql_next(rows, &found, err);
    if (status == SS_OK && !found)
        status =
            ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "the vault has no %s of %s", id->kind, id->owner);
    if (status == SS_OK) {
        char ring[16];
        ss_sql_column_text(rows, 0, out->bound, sizeof out->bound);
        ss_sql_column_text(rows, 1, ring, sizeof ring);
        out->ring = ring_from_name(ring);
        out->version = ss_sql_column_int(rows, 2);
        out->wrapped_len = ss_sql_column_blob(rows, 3, out->wrapped, sizeof out->wrapped);
        out->len = ss_sql_column_blob(rows, 4, out->content, sizeof out->content);
    }
    ss_sql_end(rows);
    return status;
}

/// Who has the vault key alone could wrap a signing key of their own by it, and say so in the row.
static bool in_its_ring(const struct ss_secret_id *id, const struct row *row)
{
    return (row->ring == SS_RING_SIGNING) == !strcmp(id->kind, "signing-key");
}

static ss_status_t unwrap(struct ss_vault *vault, const struct ss_secret_id *id, const struct row *row,
                          uint8_t *data_key, struct ss_error *err)
{
    struct ss_aad aad;
    if (!in_its_ring(id, row))
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the %s of %s was changed outside of the vault",
                            id->kind, id->owner);
    struct ss_ring_key *key = ss_ring_key(&vault->rings[row->ring], row->version);
    if (!key)
        return closed(row->ring, row->version, err);
    wrap_identity(&aad, vault, id, row->ring, row->version);
    ss_status_t status = key->ops->unwrap(key->key, row->wrapped, row->wrapped_len, aad.bytes, aad.len, data_key, err);
    if (status == SS_ERROR_DATA_CORRUPT)
        return ss_error_set(err, status, SS_AREA_VAULT, "the %s of %s was changed outside of the vault", id->kind,
                            id->owner);
    return status;
}

static ss_status_t decrypt(struct ss_vault *vault, const struct ss_secret_id *id, const struct row *row,
                           const uint8_t *data_key, void *out, size_t size, size_t *len, struct ss_error *err)
{
    struct ss_aad aad;
    if (row->len < SS_GCM_OVERHEAD)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the %s of %s is cut short", id->kind,
                            id->owner);
    if (row->len - SS_GCM_OVERHEAD > size)
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_VAULT, "the %s of %s has %zu bytes, room for %zu",
                            id->kind, id->owner, row->len - SS_GCM_OVERHEAD, size);
    identity(&aad, "slotseal vault content 1", vault, id);
    ss_status_t status = ss_gcm_open(data_key, aad.bytes, aad.len, row->content, row->len, out, err);
    if (status == SS_ERROR_DATA_CORRUPT)
        return ss_error_set(err, status, SS_AREA_VAULT, "the %s of %s was changed outside of the vault", id->kind,
                            id->owner);
    if (status == SS_OK)
        *len = row->len - SS_GCM_OVERHEAD;
    return status;
}

ss_status_t ss_secret_get(struct ss_vault *vault, const struct ss_secret_id *id, void *out, size_t size, size_t *len,
                          struct ss_error *err)
{
    uint8_t *data_key = ss_locked_new(SS_VAULT_DATA_KEY_SIZE);
    struct row *row = malloc(sizeof *row);
    ss_status_t status = data_key && row
                             ? read_row(vault, id, row, err)
                             : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    *len = 0;
    // The identity that is authenticated is the one the caller expects, not what the row says.
    if (status == SS_OK)
        status = unwrap(vault, id, row, data_key, err);
    if (status == SS_OK)
        status = decrypt(vault, id, row, data_key, out, size, len, err);
    if (status != SS_OK)
        ss_wipe(out, size);
    ss_locked_free(data_key, SS_VAULT_DATA_KEY_SIZE);
    free(row);
    return status;
}

ss_status_t ss_secret_forget(struct ss_vault *vault, const struct ss_secret_id *id, struct ss_error *err)
{
    static const uint8_t zeros[SS_VAULT_WRAPPED_MAX];
    struct row *row = malloc(sizeof *row);
    ss_status_t status = row ? read_row(vault, id, row, err)
                             : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    if (status == SS_OK) // of the same length: it is written where the key was
        status = ss_sql_run(vault->db, err, "UPDATE secrets SET wrapped = $1 WHERE kind = $2 AND owner = $3",
                            ss_sql_blob(zeros, row->wrapped_len), ss_sql_text(id->kind), ss_sql_text(id->owner));
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "DELETE FROM secrets WHERE kind = $1 AND owner = $2", ss_sql_text(id->kind),
                            ss_sql_text(id->owner));
    free(row);
    return status;
}

ss_status_t ss_secret_next(struct ss_vault *vault, struct ss_secret_entry *entry, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *found = false;
    ss_status_t status = ss_sql_select(vault->db, &rows, err,
                                       "SELECT kind, owner, bound, ring, key_version FROM secrets "
                                       "WHERE (kind, owner) > ($1, $2) ORDER BY kind, owner LIMIT 1",
                                       ss_sql_text(entry->kind), ss_sql_text(entry->owner));
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found) {
        char ring[16];
        ss_sql_column_text(rows, 0, entry->kind, sizeof entry->kind);
        ss_sql_column_text(rows, 1, entry->owner, sizeof entry->owner);
        ss_sql_column_text(rows, 2, entry->bound, sizeof entry->bound);
        ss_sql_column_text(rows, 3, ring, sizeof ring);
        entry->ring = ring_from_name(ring);
        entry->version = ss_sql_column_int(rows, 4);
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t store_wrapped(struct ss_vault *vault, const struct ss_secret_id *id, int64_t version,
                                 const uint8_t *wrapped, size_t len, struct ss_error *err)
{
    return ss_sql_run(vault->db, err,
                      "UPDATE secrets SET wrapped = $1, key_version = $2 WHERE kind = $3 AND owner = $4",
                      ss_sql_blob(wrapped, len), ss_sql_int(version), ss_sql_text(id->kind), ss_sql_text(id->owner));
}

ss_status_t ss_secret_rewrap(struct ss_vault *vault, const struct ss_secret_entry *entry, struct ss_error *err)
{
    struct ss_secret_id id = {entry->kind, entry->owner, entry->bound};
    uint8_t wrapped[SS_VAULT_WRAPPED_MAX];
    size_t len = 0;
    uint8_t *data_key = ss_locked_new(SS_VAULT_DATA_KEY_SIZE);
    struct row *row = malloc(sizeof *row);
    ss_status_t status = data_key && row
                             ? read_row(vault, &id, row, err)
                             : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    if (status == SS_OK)
        status = unwrap(vault, &id, row, data_key, err);
    if (status == SS_OK)
        status = wrap(vault, entry->ring, &id, data_key, wrapped, &len, err);
    if (status == SS_OK)
        status = store_wrapped(vault, &id, vault->rings[entry->ring].active, wrapped, len, err);
    ss_locked_free(data_key, SS_VAULT_DATA_KEY_SIZE);
    free(row);
    return status;
}
