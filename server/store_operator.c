// SPDX-License-Identifier: Apache-2.0
// Operators and their tokens.
#include <string.h>

#include <openssl/evp.h>

#include "core/crypto.h"
#include "server/store_internal.h"

enum { TOKEN_BYTES = 32 };

/// base64url without padding (RFC 4648 §5) of 32 bytes: 43 characters.
static void encode(const uint8_t bytes[TOKEN_BYTES], char token[SS_STORE_TOKEN_SIZE])
{
    char text[4 * ((TOKEN_BYTES + 2) / 3) + 1];
    EVP_EncodeBlock((unsigned char *)text, bytes, TOKEN_BYTES);
    for (size_t i = 0; i < SS_STORE_TOKEN_SIZE - 1; i++)
        token[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    token[SS_STORE_TOKEN_SIZE - 1] = '\0';
    ss_wipe(text, sizeof text);
}

struct operator_work {
    const char *name;
    uint8_t digest[32];
    char *found;
};

static ss_status_t add(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct operator_work *o = context;
    ss_status_t status =
        ss_sql_run(tx->db, err, "INSERT INTO operators (name, token, created) VALUES ($1, $2, $3)",
                   ss_sql_text(o->name), ss_sql_blob(o->digest, sizeof o->digest), ss_sql_int(tx->now));
    if (status == SS_ERROR_ALREADY_EXISTS)
        return ss_error_set(err, status, SS_AREA_SERVER, "there is an operator %s already", o->name);
    return status;
}

ss_status_t ss_store_operator_add(struct ss_store *store, const char *name, char token[SS_STORE_TOKEN_SIZE],
                                  struct ss_error *err)
{
    struct operator_work o = {.name = name};
    uint8_t bytes[TOKEN_BYTES];
    memset(token, 0, SS_STORE_TOKEN_SIZE);
    ss_status_t status = ss_store_check_name("name of the operator", name, err);
    if (status != SS_OK)
        return status;
    status = ss_random(bytes, sizeof bytes);
    if (status == SS_OK) {
        encode(bytes, token);
        status = ss_hash_once(SS_HASH_SHA256, token, SS_STORE_TOKEN_SIZE - 1, o.digest);
    }
    ss_wipe(bytes, sizeof bytes);
    status = status == SS_OK ? ss_store_write(store, "store-operator", add, &o, err)
                             : ss_error_set(err, status, SS_AREA_CRYPTO, "no token could be made");
    if (status != SS_OK)
        ss_wipe(token, SS_STORE_TOKEN_SIZE);
    return status;
}

static ss_status_t find(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct operator_work *o = context;
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status = ss_sql_select(db, &rows, err, "SELECT name FROM operators WHERE token = $1",
                                       ss_sql_blob(o->digest, sizeof o->digest));
    status = ss_store_first(status, &rows, &row, err);
    if (status == SS_OK && row)
        ss_sql_column_text(rows, 0, o->found, SS_STORE_NAME_SIZE);
    ss_sql_end(rows);
    return status == SS_OK && !row
               ? ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "no operator has this token")
               : status;
}

ss_status_t ss_store_operator_find(struct ss_store *store, const char *token, size_t len, char name[SS_STORE_NAME_SIZE],
                                   struct ss_error *err)
{
    struct operator_work o = {.found = name};
    memset(name, 0, SS_STORE_NAME_SIZE);
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, token, len, o.digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    return ss_store_read(store, find, &o, err);
}

static ss_status_t remove_one(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct operator_work *o = context;
    int64_t known;
    ss_status_t status =
        ss_store_get_number(tx->db, 0, &known, err, "SELECT 1 FROM operators WHERE name = $1", ss_sql_text(o->name));
    if (status == SS_OK && !known)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no operator %s", o->name);
    return status == SS_OK ? ss_sql_run(tx->db, err, "DELETE FROM operators WHERE name = $1", ss_sql_text(o->name))
                           : status;
}

ss_status_t ss_store_operator_remove(struct ss_store *store, const char *name, struct ss_error *err)
{
    struct operator_work o = {.name = name};
    return ss_store_write(store, "store-operator", remove_one, &o, err);
}

struct list {
    ss_status_t (*each)(void *context, const char *name, int64_t created, struct ss_error *err);
    void *context;
};

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_query(db, "SELECT name, created FROM operators ORDER BY name", NULL, 0, &rows, err);
    while (ss_sql_more(rows, &status, err)) {
        char name[SS_STORE_NAME_SIZE];
        ss_sql_column_text(rows, 0, name, sizeof name);
        status = l->each(l->context, name, ss_sql_column_int(rows, 1), err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_operator_list(struct ss_store *store,
                                   ss_status_t (*each)(void *context, const char *name, int64_t created,
                                                       struct ss_error *err),
                                   void *context, struct ss_error *err)
{
    struct list l = {each, context};
    return ss_store_read(store, list, &l, err);
}
