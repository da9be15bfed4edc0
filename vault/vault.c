// SPDX-License-Identifier: Apache-2.0
// Making, opening and closing a vault.
#include "vault/vault.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto.h"
#include "vault/internal.h"
#include "vault/locked.h"

static const struct ss_secret_id audit_key_id = {"audit-key", "vault", ""};
static const struct ss_secret_id duplicate_key_id = {"duplicate-key", "vault", ""};

static ss_status_t out_of_memory(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
}

static void set_actor(struct ss_vault *vault, const char *actor)
{
    char host[SS_VAULT_NAME_SIZE] = "";
    if (actor) {
        snprintf(vault->actor, sizeof vault->actor, "%s", actor);
        return;
    }
    const struct passwd *user = getpwuid(getuid());
    (void)!gethostname(host, sizeof host - 1);
    snprintf(vault->actor, sizeof vault->actor, "%.60s@%s", user ? user->pw_name : "unknown", host);
}

ss_status_t ss_vault_new(const char *url, bool create, const struct ss_vault_options *options, struct ss_vault **out,
                         struct ss_error *err)
{
    *out = NULL;
    if (!options->key)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "no source of the vault key is given");
    if (options->actor) {
        ss_status_t status = ss_vault_check_text("actor", options->actor, sizeof(*out)->actor - 1, err);
        if (status != SS_OK)
            return status;
    }
    struct ss_vault *vault = calloc(1, sizeof *vault);
    if (!vault)
        return out_of_memory(err);
    set_actor(vault, options->actor);
    vault->duplicate_key = ss_locked_new(SS_VAULT_DATA_KEY_SIZE);
    ss_status_t status = vault->duplicate_key
                             ? ss_sql_open(url, &ss_sql_vault, create, options->busy_ms, &vault->db, err)
                             : out_of_memory(err);
    if (status != SS_OK)
        ss_vault_close(vault);
    else
        *out = vault;
    return status;
}

void ss_vault_close(struct ss_vault *vault)
{
    if (!vault)
        return;
    ss_sql_close(vault->db);
    for (int i = 0; i < SS_RING_COUNT; i++)
        ss_ring_close(&vault->rings[i]);
    ss_locked_free(vault->duplicate_key, SS_VAULT_DATA_KEY_SIZE);
    ss_signing_key_free(vault->audit_key);
    ss_wipe(vault, sizeof *vault);
    free(vault);
}

// Creating

struct creation {
    struct ss_ring_new rings[SS_RING_COUNT];
    int64_t schema;
    uint8_t audit_pem[SS_SIGNING_KEY_PEM_MAX];
    size_t audit_pem_len;
};

static ss_status_t store_rings(struct ss_vault *vault, const struct creation *c, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    int64_t version;
    for (int i = 0; i < SS_RING_COUNT && status == SS_OK; i++)
        if (c->rings[i].key.ops)
            status = ss_ring_store(vault, (enum ss_vault_ring_id)i, &c->rings[i], &version, err);
    return status;
}

static ss_status_t write_new(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct creation *c = context;
    ss_status_t status = ss_vault_require_empty(vault, err); // again: another program may have been quicker
    if (status == SS_OK)
        status = ss_vault_schema_create(vault->db, c->schema, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "INSERT INTO meta (name, value) VALUES ('vault', $1)",
                            ss_sql_blob(vault->id, sizeof vault->id));
    if (status == SS_OK)
        status = store_rings(vault, c, err);
    if (status == SS_OK)
        status = ss_secret_put(vault, SS_RING_VAULT, &audit_key_id, c->audit_pem, c->audit_pem_len, err);
    if (status == SS_OK)
        status =
            ss_secret_put(vault, SS_RING_VAULT, &duplicate_key_id, vault->duplicate_key, SS_VAULT_DATA_KEY_SIZE, err);
    if (status == SS_OK)
        status = ss_audit_append(vault, SS_AUDIT_CREATE, "vault", NULL, err);
    return status;
}

static ss_status_t make_keys(struct ss_vault *vault, struct creation *c, struct ss_error *err)
{
    if (ss_random(vault->id, sizeof vault->id) != SS_OK ||
        ss_random(vault->duplicate_key, SS_VAULT_DATA_KEY_SIZE) != SS_OK)
        return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "no random bytes");
    ss_status_t status = ss_signing_key_generate(SS_KEY_P256, &vault->audit_key, err);
    if (status == SS_OK)
        status =
            ss_signing_key_write_private(vault->audit_key, c->audit_pem, sizeof c->audit_pem, &c->audit_pem_len, err);
    return status;
}

static ss_status_t open_new_rings(struct ss_vault *vault, const struct ss_vault_options *options, struct creation *c,
                                  struct ss_error *err)
{
    const char *specs[SS_RING_COUNT] = {options->key, options->signing_key};
    ss_status_t status = SS_OK;
    for (int i = 0; i < SS_RING_COUNT && status == SS_OK; i++) {
        if (!specs[i])
            continue;
        status = ss_ring_prepare((enum ss_vault_ring_id)i, specs[i], false, options, &c->rings[i], err);
        if (status == SS_OK)
            ss_ring_adopt(vault, (enum ss_vault_ring_id)i, &c->rings[i], 1);
    }
    return status;
}

ss_status_t ss_vault_require_empty(struct ss_vault *vault, struct ss_error *err)
{
    size_t count = 0;
    bool ours = false;
    ss_status_t status = ss_sql_tables(vault->db, "migrations", &count, &ours, err);
    if (status == SS_OK && count)
        status = ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT,
                              ours ? "there is a vault already, it is not overwritten"
                                   : "there is another database already, it is not overwritten");
    return status;
}

static ss_status_t fill(struct ss_vault *vault, const struct ss_vault_options *options, struct ss_error *err)
{
    struct creation *c = ss_locked_new(sizeof *c);
    if (!c)
        return out_of_memory(err);
    c->schema = SS_VAULT_SCHEMA;
    ss_status_t status = ss_vault_require_empty(vault, err);
    if (status == SS_OK)
        status = open_new_rings(vault, options, c, err);
    if (status == SS_OK)
        status = make_keys(vault, c, err);
    if (status == SS_OK)
        status = ss_vault_write_first(vault, "create", write_new, c, err);
    ss_locked_free(c, sizeof *c);
    return status;
}

ss_status_t ss_vault_create(const char *url, const struct ss_vault_options *options, struct ss_vault **vault,
                            struct ss_error *err)
{
    *vault = NULL;
    ss_status_t status = ss_vault_new(url, true, options, vault, err);
    if (status != SS_OK)
        return status;
    status = fill(*vault, options, err);
    if (status != SS_OK) {
        ss_vault_close(*vault);
        *vault = NULL;
    }
    return status;
}

// Opening

static ss_status_t read_id(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status = ss_sql_query(vault->db, "SELECT value FROM meta WHERE name = 'vault'", NULL, 0, &rows, err);
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && (!row || ss_sql_column_blob(rows, 0, vault->id, sizeof vault->id) != sizeof vault->id))
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT, "the vault has no id");
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_load_keys(struct ss_vault *vault, struct ss_error *err)
{
    size_t len = 0, size = SS_SIGNING_KEY_PEM_MAX;
    uint8_t *pem = ss_locked_new(size);
    if (!pem)
        return out_of_memory(err);
    ss_status_t status = ss_secret_get(vault, &audit_key_id, pem, size, &len, err);
    if (status == SS_OK)
        status = ss_signing_key_load(pem, len, &vault->audit_key, err);
    ss_locked_free(pem, size);
    if (status == SS_OK)
        status = ss_secret_get(vault, &duplicate_key_id, vault->duplicate_key, SS_VAULT_DATA_KEY_SIZE, &len, err);
    if (status == SS_OK && len != SS_VAULT_DATA_KEY_SIZE)
        status =
            ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the vault's duplicate key has %zu bytes", len);
    return status;
}

ss_status_t ss_vault_open_locked(const char *url, const struct ss_vault_options *options, struct ss_vault **vault,
                                 struct ss_error *err)
{
    *vault = NULL;
    ss_status_t status = ss_vault_new(url, false, options, vault, err);
    if (status != SS_OK)
        return status;
    status = ss_vault_schema_check(*vault, err);
    if (status == SS_OK)
        status = read_id(*vault, err);
    if (status != SS_OK) {
        ss_vault_close(*vault);
        *vault = NULL;
    }
    return status;
}

ss_status_t ss_vault_open(const char *url, const struct ss_vault_options *options, struct ss_vault **vault,
                          struct ss_error *err)
{
    ss_status_t status = ss_vault_open_locked(url, options, vault, err);
    if (status != SS_OK)
        return status;
    status = ss_ring_open(*vault, SS_RING_VAULT, "active", options->key, options, err);
    if (status == SS_OK && options->signing_key)
        status = ss_ring_open(*vault, SS_RING_SIGNING, "active", options->signing_key, options, err);
    if (status == SS_OK)
        status = ss_vault_load_keys(*vault, err);
    if (status != SS_OK) {
        ss_vault_close(*vault);
        *vault = NULL;
    }
    return status;
}
