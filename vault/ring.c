// SPDX-License-Identifier: Apache-2.0
// Wrapping keys and their versions. The database knows of a key only where it comes from, and a proof: a random value
// wrapped under it, by which a wrong key is told from a damaged record.
#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/internal.h"
#include "vault/key_local.h"

const char *ss_ring_name(enum ss_vault_ring_id ring)
{
    return ring == SS_RING_VAULT ? "vault" : "signing";
}

enum age { THE_ONE, OLD, NEW };

static struct ss_vault_key_request request_for(enum ss_vault_ring_id ring, enum age age, const char *location,
                                               const struct ss_vault_options *options)
{
    static const char *const purposes[SS_RING_COUNT][3] = {
        {"vault key", "old vault key", "new vault key"},
        {"key that wraps signing keys", "old key that wraps signing keys", "new key that wraps signing keys"}};
    return (struct ss_vault_key_request){
        .location = location,
        .purpose = purposes[ring][age],
        .ask = options->ask,
        .ask_context = options->ask_context,
        .passphrase_cost = options->passphrase_cost,
    };
}

ss_status_t ss_ring_prepare(enum ss_vault_ring_id ring, const char *spec, bool another,
                            const struct ss_vault_options *options, struct ss_ring_new *made, struct ss_error *err)
{
    const char *location;
    memset(made, 0, sizeof *made);
    ss_status_t status = ss_key_source_find(spec, &made->key.ops, &location, err);
    if (status != SS_OK)
        return status;
    struct ss_vault_key_request request = request_for(ring, another ? NEW : THE_ONE, location, options);
    status = made->key.ops->create(&request, made->params, sizeof made->params, &made->params_len, &made->key.key, err);
    if (status != SS_OK)
        memset(made, 0, sizeof *made);
    return status;
}

static void end_key(struct ss_ring_key *key)
{
    if (key->ops && key->key)
        key->ops->close(key->key);
    memset(key, 0, sizeof *key);
}

void ss_ring_discard(struct ss_ring_new *made)
{
    end_key(&made->key);
}

void ss_ring_close(struct ss_ring *ring)
{
    for (size_t i = 0; i < 2; i++)
        end_key(&ring->keys[i]);
    ring->active = 0;
}

struct ss_ring_key *ss_ring_key(struct ss_ring *ring, int64_t version)
{
    for (size_t i = 0; i < 2; i++)
        if (ring->keys[i].ops && ring->keys[i].version == version)
            return &ring->keys[i];
    return NULL;
}

static void proof_aad(struct ss_aad *aad, const struct ss_vault *vault, enum ss_vault_ring_id ring, int64_t version)
{
    ss_aad_start(aad, "slotseal vault proof 1", vault);
    ss_aad_text(aad, ss_ring_name(ring));
    ss_aad_number(aad, version);
}

static ss_status_t make_proof(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_ring_key *key,
                              int64_t version, uint8_t proof[SS_VAULT_WRAPPED_MAX], size_t *len, struct ss_error *err)
{
    uint8_t value[SS_VAULT_DATA_KEY_SIZE];
    struct ss_aad aad;
    proof_aad(&aad, vault, ring, version);
    ss_status_t status = ss_random(value, sizeof value);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "no random bytes");
    status = key->ops->wrap(key->key, value, aad.bytes, aad.len, proof, len, err);
    ss_wipe(value, sizeof value);
    return status;
}

static ss_status_t last_version(struct ss_vault *vault, enum ss_vault_ring_id ring, int64_t *version,
                                struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT coalesce(max(version), 0) FROM wrapping_keys WHERE ring = $1",
                      ss_sql_text(ss_ring_name(ring)));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    *version = status == SS_OK && row ? ss_sql_column_int(rows, 0) : 0;
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_ring_store(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_ring_new *made,
                          int64_t *version, struct ss_error *err)
{
    uint8_t proof[SS_VAULT_WRAPPED_MAX];
    size_t len = 0;
    const char *name = ss_ring_name(ring);
    ss_status_t status = last_version(vault, ring, version, err);
    if (status != SS_OK)
        return status;
    ++*version;
    status = make_proof(vault, ring, &made->key, *version, proof, &len, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err,
                            "UPDATE wrapping_keys SET state = 'retiring' WHERE ring = $1 AND state = 'active'",
                            ss_sql_text(name));
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err,
                            "INSERT INTO wrapping_keys (ring, version, source, params, proof, state, created) "
                            "VALUES ($1, $2, $3, $4, $5, 'active', $6)",
                            ss_sql_text(name), ss_sql_int(*version), ss_sql_text(made->key.ops->scheme),
                            ss_sql_blob(made->params, made->params_len), ss_sql_blob(proof, len),
                            ss_sql_int(ss_vault_now()));
    return status;
}

static void install(struct ss_ring *ring, struct ss_ring_key key, bool active)
{
    struct ss_ring_key *place = &ring->keys[active ? 0 : 1];
    if (active && place->ops) { // the one that was active is being retired
        end_key(&ring->keys[1]);
        ring->keys[1] = *place;
    } else {
        end_key(place);
    }
    *place = key;
    if (active)
        ring->active = key.version;
}

void ss_ring_adopt(struct ss_vault *vault, enum ss_vault_ring_id ring, struct ss_ring_new *made, int64_t version)
{
    made->key.version = version;
    install(&vault->rings[ring], made->key, true);
}

/// What the database has of a wrapping key.
struct stored {
    int64_t version;
    char source[24];
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX], proof[SS_VAULT_WRAPPED_MAX];
    size_t params_len, proof_len;
};

static ss_status_t read_stored(struct ss_vault *vault, enum ss_vault_ring_id ring, const char *state,
                               struct stored *out, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *found = false;
    ss_status_t status = ss_sql_select(vault->db, &rows, err,
                                       "SELECT version, source, params, proof FROM wrapping_keys "
                                       "WHERE ring = $1 AND state = $2 ORDER BY version DESC LIMIT 1",
                                       ss_sql_text(ss_ring_name(ring)), ss_sql_text(state));
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found) {
        out->version = ss_sql_column_int(rows, 0);
        ss_sql_column_text(rows, 1, out->source, sizeof out->source);
        out->params_len = ss_sql_column_blob(rows, 2, out->params, sizeof out->params);
        out->proof_len = ss_sql_column_blob(rows, 3, out->proof, sizeof out->proof);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_ring_has(struct ss_vault *vault, enum ss_vault_ring_id ring, const char *state, bool *has,
                        struct ss_error *err)
{
    struct stored stored;
    return read_stored(vault, ring, state, &stored, has, err);
}

ss_status_t ss_ring_check_active(struct ss_vault *vault, enum ss_vault_ring_id ring, struct ss_error *err)
{
    struct stored stored;
    bool found;
    ss_status_t status = read_stored(vault, ring, "active", &stored, &found, err);
    if (status == SS_OK && (found ? stored.version : 0) != vault->rings[ring].active)
        status = ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_VAULT,
                              "the %s was replaced while the vault was open; open it again with the new one",
                              ring == SS_RING_VAULT ? "vault's key" : "key that wraps the vault's signing keys");
    return status;
}

static ss_status_t wrong_key(enum ss_vault_ring_id ring, const struct stored *stored, struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "this is not the %s (version %lld, from a %s)",
                        ring == SS_RING_VAULT ? "vault's key" : "key that wraps the vault's signing keys",
                        (long long)stored->version, stored->source);
}

static ss_status_t check_proof(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_ring_key *key,
                               const struct stored *stored, struct ss_error *err)
{
    uint8_t value[SS_VAULT_DATA_KEY_SIZE];
    struct ss_aad aad;
    proof_aad(&aad, vault, ring, stored->version);
    ss_status_t status = key->ops->unwrap(key->key, stored->proof, stored->proof_len, aad.bytes, aad.len, value, err);
    ss_wipe(value, sizeof value);
    return status == SS_ERROR_DATA_CORRUPT ? wrong_key(ring, stored, err) : status;
}

/// Another kind of source has another key: a token never gives its own away.
static bool may_be_from(const struct stored *stored, const struct ss_vault_key_ops *ops)
{
    return !strcmp(stored->source, ops->scheme) || (ops->also && !strcmp(stored->source, ops->also));
}

ss_status_t ss_ring_is_active(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_ring_new *made,
                              bool *same, struct ss_error *err)
{
    struct stored stored;
    bool found;
    *same = false;
    ss_status_t status = read_stored(vault, ring, "active", &stored, &found, err);
    if (status != SS_OK || !found || !may_be_from(&stored, made->key.ops))
        return status;
    status = check_proof(vault, ring, &made->key, &stored, err);
    *same = status == SS_OK;
    return status == SS_ERROR_NOT_PERMITTED ? SS_OK : status;
}

ss_status_t ss_ring_open(struct ss_vault *vault, enum ss_vault_ring_id ring, const char *state, const char *spec,
                         const struct ss_vault_options *options, struct ss_error *err)
{
    struct stored stored;
    struct ss_ring_key key = {0};
    const char *location;
    bool found;
    ss_status_t status = ss_key_source_find(spec, &key.ops, &location, err);
    if (status == SS_OK)
        status = read_stored(vault, ring, state, &stored, &found, err);
    if (status != SS_OK)
        return status;
    if (!found && ring == SS_RING_SIGNING)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                            "the vault was made without a key for signing keys; slotseal vault rewrap "
                            "--new-signing-key gives it one");
    if (!found)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "the vault has no %s %s key", state,
                            ss_ring_name(ring));
    if (!may_be_from(&stored, key.ops))
        return wrong_key(ring, &stored, err);
    enum age age = strcmp(state, "active") ? OLD : vault->rings[ring].keys[1].ops ? NEW : THE_ONE;
    struct ss_vault_key_request request = request_for(ring, age, location, options);
    status = key.ops->open(&request, stored.params, stored.params_len, &key.key, err);
    if (status != SS_OK)
        return status;
    key.version = stored.version;
    status = check_proof(vault, ring, &key, &stored, err);
    if (status != SS_OK)
        end_key(&key);
    else
        install(&vault->rings[ring], key, !strcmp(state, "active"));
    return status;
}
