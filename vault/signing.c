// SPDX-License-Identifier: Apache-2.0
#include "vault/signing.h"

#include <stdio.h>
#include <string.h>

#include "vault/internal.h"
#include "vault/locked.h"
#include "vault/pkcs11.h"

static const char *const place_names[] = {
    [SS_VAULT_KEY_HERE] = "vault", [SS_VAULT_KEY_IN_TOKEN] = "token", [SS_VAULT_KEY_ELSEWHERE] = "elsewhere"};
enum { PLACES = sizeof place_names / sizeof *place_names };

const char *ss_vault_key_place_name(enum ss_vault_key_place place)
{
    return (unsigned)place < PLACES ? place_names[place] : "unknown";
}

static bool type_from_name(const char *name, enum ss_key_type *type)
{
    static const enum ss_key_type types[] = {SS_KEY_P256, SS_KEY_RSA3072, SS_KEY_P192, SS_KEY_P384};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(name, ss_key_type_name(types[i]))) {
            *type = types[i];
            return true;
        }
    return false;
}

// Storing

struct arrival {
    struct ss_vault_signing_key record;
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX]; ///< the private key, if it is to be kept here
    size_t pem_len;
    const char *source;
    bool generated;
};

static ss_status_t check_free(struct ss_vault *vault, const char *name, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT name FROM signing_keys WHERE name = $1", ss_sql_text(name));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    ss_sql_end(rows);
    if (status == SS_OK && row)
        status = ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT, "there is a signing key %s already", name);
    return status;
}

static ss_status_t put(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct arrival *a = context;
    const struct ss_vault_signing_key *r = &a->record;
    struct ss_secret_id id = {"signing-key", r->name, ss_key_type_name(r->type)};
    ss_status_t status = check_free(vault, r->name, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err,
                            "INSERT INTO signing_keys (name, type, place, uri, public_key, created) "
                            "VALUES ($1, $2, $3, $4, $5, $6)",
                            ss_sql_text(r->name), ss_sql_text(ss_key_type_name(r->type)),
                            ss_sql_text(ss_vault_key_place_name(r->place)), ss_sql_text(r->uri),
                            ss_sql_text(r->public_key), ss_sql_int(ss_vault_now()));
    if (status == SS_OK && a->pem_len)
        status = ss_secret_put(vault, SS_RING_SIGNING, &id, a->pem, a->pem_len, err);
    if (status == SS_OK)
        status = ss_audit_append(vault, a->generated ? SS_AUDIT_GENERATE : SS_AUDIT_IMPORT, r->name,
                                 a->source ? a->source : "signing key", err);
    return status;
}

/// Fills @p a with the name and the public half of @p key.
static ss_status_t describe(struct arrival *a, const char *name, const ss_signing_key_t *key, struct ss_error *err)
{
    size_t len = 0;
    ss_status_t status = ss_vault_check_name("name of the signing key", name, err);
    if (status == SS_OK && a->source)
        status = ss_vault_check_text("source of the key", a->source, SS_VAULT_AUDIT_DETAIL_MAX, err);
    if (status != SS_OK)
        return status;
    strcpy(a->record.name, name);
    a->record.type = ss_signing_key_type(key);
    return ss_signing_key_write_public(key, (uint8_t *)a->record.public_key, sizeof a->record.public_key - 1, &len,
                                       err);
}

static ss_status_t keep(struct ss_vault *vault, const char *name, const ss_signing_key_t *key, const char *source,
                        bool generated, struct ss_error *err)
{
    struct arrival *a = ss_locked_new(sizeof *a);
    if (!a)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    a->source = source;
    a->generated = generated;
    ss_status_t status = describe(a, name, key, err);
    if (status == SS_OK)
        status = ss_signing_key_write_private(key, a->pem, sizeof a->pem, &a->pem_len, err);
    if (status == SS_OK)
        status = ss_vault_write(vault, "signing-key-new", put, a, err);
    ss_locked_free(a, sizeof *a);
    return status;
}

ss_status_t ss_vault_signing_key_generate(struct ss_vault *vault, const char *name, enum ss_key_type type,
                                          struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_signing_key_generate(type, &key, err);
    if (status == SS_OK)
        status = keep(vault, name, key, NULL, true, err);
    ss_signing_key_free(key);
    return status;
}

ss_status_t ss_vault_signing_key_import(struct ss_vault *vault, const char *name, const ss_signing_key_t *key,
                                        const char *source, struct ss_error *err)
{
    if (!ss_signing_key_is_private(key))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "this is a public key alone");
    return keep(vault, name, key, source, false, err);
}

/// The query of a URI says which program to load and which file to read a PIN from. Who can write the database must not
/// decide that: the query is of the machine that signs.
static ss_status_t check_uri(const char *uri, struct ss_error *err)
{
    if (!ss_pkcs11_is_uri(uri))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the URI of a token starts with pkcs11:");
    if (strchr(uri, '?'))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "the URI of a token is kept without module and PIN: leave out what follows the ?, and name "
                            "them in SLOTSEAL_PKCS11");
    return ss_vault_check_text("URI", uri, SS_VAULT_URI_SIZE - 1, err);
}

ss_status_t ss_vault_signing_key_refer(struct ss_vault *vault, const char *name, const ss_signing_key_t *public_key,
                                       const char *uri, struct ss_error *err)
{
    struct arrival a = {.record.place = uri ? SS_VAULT_KEY_IN_TOKEN : SS_VAULT_KEY_ELSEWHERE,
                        .source = uri ? "in a token" : "public key alone"};
    ss_status_t status = uri ? check_uri(uri, err) : SS_OK;
    if (status != SS_OK)
        return status;
    strcpy(a.record.uri, uri ? uri : "");
    status = describe(&a, name, public_key, err);
    return status == SS_OK ? ss_vault_write(vault, "signing-key-refer", put, &a, err) : status;
}

// Reading

static ss_status_t fill(const struct ss_sql_rows *rows, struct ss_vault_signing_key *key, struct ss_error *err)
{
    char type[16], place[16];
    unsigned i = 0;
    memset(key, 0, sizeof *key);
    ss_sql_column_text(rows, 0, key->name, sizeof key->name);
    ss_sql_column_text(rows, 1, type, sizeof type);
    ss_sql_column_text(rows, 2, place, sizeof place);
    ss_sql_column_text(rows, 3, key->uri, sizeof key->uri);
    ss_sql_column_text(rows, 4, key->public_key, sizeof key->public_key);
    key->created = ss_sql_column_int(rows, 5);
    while (i < PLACES && strcmp(place, place_names[i]) != 0)
        i++;
    key->place = (enum ss_vault_key_place)i;
    if (i < PLACES && type_from_name(type, &key->type))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "signing key %s is a %s in a %s", key->name, type,
                        place);
}

#define COLUMNS "name, type, place, uri, public_key, created"

static ss_status_t read_one(struct ss_vault *vault, const char *text, const char *name,
                            struct ss_vault_signing_key *key, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *found = false;
    ss_status_t status = ss_sql_select(vault->db, &rows, err, text, ss_sql_text(name));
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found)
        status = fill(rows, key, err);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_signing_key_get(struct ss_vault *vault, const char *name, struct ss_vault_signing_key *key,
                                     struct ss_error *err)
{
    bool found;
    memset(key, 0, sizeof *key);
    ss_status_t status =
        read_one(vault, "SELECT " COLUMNS " FROM signing_keys WHERE name = $1", name, key, &found, err);
    if (status == SS_OK && !found)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "there is no signing key %s", name);
    return status;
}

ss_status_t ss_vault_signing_key_list(struct ss_vault *vault,
                                      ss_status_t (*each)(void *context, const struct ss_vault_signing_key *key,
                                                          struct ss_error *err),
                                      void *context, struct ss_error *err)
{
    struct ss_vault_signing_key key = {0};
    bool found = true;
    ss_status_t status = SS_OK;
    while (status == SS_OK && found) {
        char after[SS_VAULT_NAME_SIZE];
        strcpy(after, key.name);
        status = read_one(vault, "SELECT " COLUMNS " FROM signing_keys WHERE name > $1 ORDER BY name LIMIT 1", after,
                          &key, &found, err);
        if (status == SS_OK && found)
            status = each(context, &key, err);
    }
    return status;
}

// Signing

struct use {
    const struct ss_vault_signing_key *record;
    const char *detail;
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX];
    size_t pem_len;
};

static ss_status_t take_out(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct use *u = context;
    const struct ss_vault_signing_key *r = u->record;
    struct ss_secret_id id = {"signing-key", r->name, ss_key_type_name(r->type)};
    ss_status_t status = SS_OK;
    if (r->place == SS_VAULT_KEY_HERE)
        status = ss_secret_get(vault, &id, u->pem, sizeof u->pem, &u->pem_len, err);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_SIGN, r->name, u->detail, err) : status;
}

/// The key that was found must be the one that the record's public half describes: in a token it may have been replaced.
static ss_status_t check_same(const struct ss_vault_signing_key *record, ss_signing_key_t **key, struct ss_error *err)
{
    ss_signing_key_t *expected = NULL;
    ss_status_t status =
        ss_signing_key_load((const uint8_t *)record->public_key, strlen(record->public_key), &expected, err);
    if (status == SS_OK && !ss_signing_key_same_public(expected, *key))
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "signing key %s is not the one it was",
                              record->name);
    ss_signing_key_free(expected);
    if (status != SS_OK) {
        ss_signing_key_free(*key);
        *key = NULL;
    }
    return status;
}

static ss_status_t open_record(struct ss_vault *vault, struct use *u, const struct ss_vault_key_request *request,
                               ss_signing_key_t **key, struct ss_error *err)
{
    const struct ss_vault_signing_key *r = u->record;
    ss_status_t status = ss_vault_write(vault, "signing-key-use", take_out, u, err);
    if (status == SS_OK && r->place == SS_VAULT_KEY_HERE)
        status = ss_signing_key_load(u->pem, u->pem_len, key, err);
    else if (status == SS_OK)
        status = ss_pkcs11_signing_key_open(request, key, err);
    return status == SS_OK ? check_same(r, key, err) : status;
}

ss_status_t ss_vault_signing_key_open(struct ss_vault *vault, const char *name, const char *detail, ss_vault_ask_fn ask,
                                      void *ask_context, ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_vault_signing_key record;
    *key = NULL;
    ss_status_t status = ss_vault_signing_key_get(vault, name, &record, err);
    if (status == SS_OK && record.place == SS_VAULT_KEY_IN_TOKEN)
        status = check_uri(record.uri, err);
    if (status == SS_OK && record.place == SS_VAULT_KEY_ELSEWHERE)
        status = ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT,
                              "signing key %s is not in the vault: sign where it is", name);
    if (status != SS_OK)
        return status;
    const struct ss_vault_key_request request = {
        .location = record.place == SS_VAULT_KEY_IN_TOKEN ? record.uri + strlen(SS_PKCS11_SCHEME) : "",
        .purpose = "signing key",
        .ask = ask,
        .ask_context = ask_context};
    struct use *u = ss_locked_new(sizeof *u);
    if (!u)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    u->record = &record;
    u->detail = detail;
    status = open_record(vault, u, &request, key, err);
    ss_locked_free(u, sizeof *u);
    return status;
}
