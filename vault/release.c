// SPDX-License-Identifier: Apache-2.0
// Releases in the database. The key of an image is a secret like the others, owned by the release's random id; its chunks
// are encrypted under that key, each with its number and the image's length authenticated.
#include "vault/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "vault/gcm.h"
#include "vault/image_chunk.h"
#include "vault/internal.h"
#include "vault/locked.h"

#define COLUMNS "id, product, version, length, secure_version, digest, statement, created"

static void chunk_aad(struct ss_aad *aad, const struct ss_vault *vault, const char *id, uint32_t length,
                      uint32_t number)
{
    ss_aad_start(aad, "slotseal vault chunk 1", vault);
    ss_aad_text(aad, id);
    ss_aad_number(aad, length);
    ss_aad_number(aad, number);
}

// Storing

struct arrival {
    const struct ss_vault_release *release;
    const uint8_t *image;
    char id[SS_IMAGE_ID_SIZE];
    uint8_t *key;       ///< of the image, locked
    uint8_t *encrypted; ///< room for one chunk
};

static ss_status_t check(const struct ss_vault_release *r, struct ss_error *err)
{
    size_t len = strlen(r->version);
    ss_status_t status = ss_vault_check_name("name of the product", r->product, err);
    if (status != SS_OK)
        return status;
    for (size_t i = 0; i < len; i++)
        if (r->version[i] < 0x20 || r->version[i] > 0x7E)
            len = 0;
    if (!len)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the version is not of printable ASCII");
    if (!r->length || r->length > SS_VAULT_RELEASE_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "an image of %u bytes, at most %u",
                            r->length, SS_VAULT_RELEASE_MAX);
    if (r->statement_len > sizeof r->statement)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "a statement of %zu bytes, at most %d",
                            r->statement_len, SS_VAULT_STATEMENT_MAX);
    return SS_OK;
}

static ss_status_t put_chunk(struct ss_vault *vault, const struct arrival *a, uint32_t number, struct ss_error *err)
{
    struct ss_aad aad;
    uint32_t offset = number * SS_IMAGE_CHUNK, rest = a->release->length - offset;
    size_t len = rest < SS_IMAGE_CHUNK ? rest : SS_IMAGE_CHUNK;
    chunk_aad(&aad, vault, a->id, a->release->length, number);
    ss_status_t status = ss_gcm_seal(a->key, aad.bytes, aad.len, a->image + offset, len, a->encrypted, err);
    if (status != SS_OK)
        return status;
    return ss_sql_run(vault->db, err, "INSERT INTO release_chunks (release, number, content) VALUES ($1, $2, $3)",
                      ss_sql_text(a->id), ss_sql_int(number), ss_sql_blob(a->encrypted, len + SS_GCM_OVERHEAD));
}

static ss_status_t put_row(struct ss_vault *vault, const struct arrival *a, struct ss_error *err)
{
    const struct ss_vault_release *r = a->release;
    struct ss_secret_id secret = {"release", a->id, r->product};
    ss_status_t status =
        ss_sql_run(vault->db, err, "INSERT INTO releases (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                   ss_sql_text(a->id), ss_sql_text(r->product), ss_sql_text(r->version), ss_sql_int(r->length),
                   ss_sql_int(r->secure_version), ss_sql_blob(r->digest, sizeof r->digest),
                   ss_sql_blob(r->statement, r->statement_len), ss_sql_int(ss_vault_now()));
    return status == SS_OK ? ss_secret_put(vault, SS_RING_VAULT, &secret, a->key, SS_VAULT_DATA_KEY_SIZE, err) : status;
}

static ss_status_t put(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct arrival *a = context;
    const struct ss_vault_release *r = a->release;
    struct ss_vault_product product;
    struct ss_vault_release other;
    char subject[2 * SS_VAULT_NAME_SIZE];
    ss_status_t status = ss_vault_product_get(vault, r->product, &product, err);
    if (status == SS_OK && ss_vault_release_get(vault, r->product, r->version, &other, err) == SS_OK)
        status = ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT,
                              "there is a release %s of product %s already", r->version, r->product);
    if (status == SS_OK)
        status = put_row(vault, a, err);
    for (uint32_t i = 0; status == SS_OK && i * SS_IMAGE_CHUNK < r->length; i++)
        status = put_chunk(vault, a, i, err);
    snprintf(subject, sizeof subject, "%s %s", r->product, r->version);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_RELEASE, subject, NULL, err) : status;
}

static ss_status_t make_keys(struct arrival *a, struct ss_error *err)
{
    uint8_t id[(SS_IMAGE_ID_SIZE - 1) / 2];
    a->key = ss_locked_new(SS_VAULT_DATA_KEY_SIZE);
    a->encrypted = malloc(SS_IMAGE_CHUNK + SS_GCM_OVERHEAD);
    if (!a->key || !a->encrypted)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    if (ss_random(id, sizeof id) != SS_OK || ss_random(a->key, SS_VAULT_DATA_KEY_SIZE) != SS_OK)
        return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "no random bytes");
    ss_put_hex(id, sizeof id, a->id);
    return SS_OK;
}

ss_status_t ss_vault_release_add(struct ss_vault *vault, const struct ss_vault_release *release, const uint8_t *image,
                                 struct ss_error *err)
{
    struct arrival a = {.release = release, .image = image};
    ss_status_t status = check(release, err);
    if (status == SS_OK)
        status = make_keys(&a, err);
    if (status == SS_OK)
        status = ss_vault_write(vault, "release-add", put, &a, err);
    ss_locked_free(a.key, SS_VAULT_DATA_KEY_SIZE);
    free(a.encrypted);
    return status;
}

// Reading what is known

static void fill(const struct ss_sql_rows *rows, struct ss_vault_release *r, char id[SS_IMAGE_ID_SIZE])
{
    memset(r, 0, sizeof *r);
    ss_sql_column_text(rows, 0, id, SS_IMAGE_ID_SIZE);
    ss_sql_column_text(rows, 1, r->product, sizeof r->product);
    ss_sql_column_text(rows, 2, r->version, sizeof r->version);
    r->length = (uint32_t)ss_sql_column_int(rows, 3);
    r->secure_version = (uint32_t)ss_sql_column_int(rows, 4);
    ss_sql_column_blob(rows, 5, r->digest, sizeof r->digest);
    r->statement_len = ss_sql_column_blob(rows, 6, r->statement, sizeof r->statement);
    r->created = ss_sql_column_int(rows, 7);
}

ss_status_t ss_release_find_within(struct ss_vault *vault, const char *product, const char *version,
                                   struct ss_vault_release *r, char id[SS_IMAGE_ID_SIZE], struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    memset(r, 0, sizeof *r);
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT " COLUMNS " FROM releases WHERE product = $1 AND version = $2",
                      ss_sql_text(product), ss_sql_text(version));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && row)
        fill(rows, r, id);
    else if (status == SS_OK)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "there is no release %.40s of product %.64s",
                              version, product);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_release_get(struct ss_vault *vault, const char *product, const char *version,
                                 struct ss_vault_release *release, struct ss_error *err)
{
    char id[SS_IMAGE_ID_SIZE];
    return ss_release_find_within(vault, product, version, release, id, err);
}

/// The release behind the one with @p id, in the order of product, time and id.
static ss_status_t next_release(struct ss_vault *vault, const char *product, struct ss_vault_release *r,
                                char id[SS_IMAGE_ID_SIZE], bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *found = false;
    ss_status_t status = ss_sql_select(
        vault->db, &rows, err,
        "SELECT " COLUMNS " FROM releases WHERE ($1 = '' OR product = $1) AND "
        "(product > $2 OR (product = $2 AND (created > $3 OR (created = $3 AND id > $4)))) "
        "ORDER BY product, created, id LIMIT 1",
        ss_sql_text(product ? product : ""), ss_sql_text(r->product), ss_sql_int(r->created), ss_sql_text(id));
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    if (status == SS_OK && *found)
        fill(rows, r, id);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_release_list(struct ss_vault *vault, const char *product,
                                  ss_status_t (*each)(void *context, const struct ss_vault_release *release,
                                                      struct ss_error *err),
                                  void *context, struct ss_error *err)
{
    struct ss_vault_release release = {0};
    char id[SS_IMAGE_ID_SIZE] = "";
    bool found = true;
    ss_status_t status = SS_OK;
    while (status == SS_OK && found) {
        status = next_release(vault, product, &release, id, &found, err);
        if (status == SS_OK && found)
            status = each(context, &release, err);
    }
    return status;
}

// Reading images

struct ss_vault_image {
    struct ss_vault *vault;
    char id[SS_IMAGE_ID_SIZE];
    uint32_t length;
    uint32_t at; ///< number of the chunk that is decrypted, UINT32_MAX: none
    uint8_t *encrypted;
    uint8_t key[SS_VAULT_DATA_KEY_SIZE]; ///< this and the chunk lie in locked memory
    uint8_t chunk[SS_IMAGE_CHUNK];
};

void ss_vault_image_close(struct ss_vault_image *image)
{
    if (!image)
        return;
    free(image->encrypted);
    ss_locked_free(image, sizeof *image);
}

uint32_t ss_vault_image_len(const struct ss_vault_image *image)
{
    return image->length;
}

ss_status_t ss_image_open_within(struct ss_vault *vault, const char *product, const char *version,
                                 struct ss_vault_image **out, struct ss_error *err)
{
    struct ss_vault_release release;
    size_t len = 0;
    struct ss_vault_image *image = ss_locked_new(sizeof *image);
    *out = image;
    if (!image || !(image->encrypted = malloc(SS_IMAGE_CHUNK + SS_GCM_OVERHEAD)))
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    image->vault = vault;
    image->at = UINT32_MAX;
    ss_status_t status = ss_release_find_within(vault, product, version, &release, image->id, err);
    struct ss_secret_id secret = {"release", image->id, release.product};
    image->length = release.length;
    if (status == SS_OK)
        status = ss_secret_get(vault, &secret, image->key, sizeof image->key, &len, err);
    if (status == SS_OK && len != sizeof image->key)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the key of an image has %zu bytes", len);
    return status;
}

struct opening {
    const char *product, *version, *detail;
    struct ss_vault_image *image;
};

static ss_status_t open_image(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct opening *o = context;
    char subject[2 * SS_VAULT_NAME_SIZE];
    ss_vault_image_close(o->image); // of a try that another writer disturbed
    ss_status_t status = ss_image_open_within(vault, o->product, o->version, &o->image, err);
    snprintf(subject, sizeof subject, "%.64s %.32s", o->product, o->version);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_UNWRAP, subject, o->detail, err) : status;
}

ss_status_t ss_vault_image_open(struct ss_vault *vault, const char *product, const char *version, const char *detail,
                                struct ss_vault_image **image, struct ss_error *err)
{
    struct opening o = {product, version, detail, NULL};
    ss_status_t status = ss_vault_write(vault, "release-use", open_image, &o, err);
    if (status != SS_OK) {
        ss_vault_image_close(o.image);
        o.image = NULL;
    }
    *image = o.image;
    return status;
}

static ss_status_t fetch(struct ss_vault_image *image, uint32_t number, size_t *len, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status = ss_sql_select(image->vault->db, &rows, err,
                                       "SELECT content FROM release_chunks WHERE release = $1 AND number = $2",
                                       ss_sql_text(image->id), ss_sql_int(number));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    *len = status == SS_OK && row ? ss_sql_column_blob(rows, 0, image->encrypted, SS_IMAGE_CHUNK + SS_GCM_OVERHEAD) : 0;
    ss_sql_end(rows);
    return status;
}

static ss_status_t decrypt(struct ss_vault_image *image, uint32_t number, struct ss_error *err)
{
    struct ss_aad aad;
    uint32_t rest = image->length - number * SS_IMAGE_CHUNK;
    size_t len, expected = rest < SS_IMAGE_CHUNK ? rest : SS_IMAGE_CHUNK;
    ss_status_t status = fetch(image, number, &len, err);
    image->at = UINT32_MAX;
    if (status != SS_OK)
        return status;
    chunk_aad(&aad, image->vault, image->id, image->length, number);
    if (len == expected + SS_GCM_OVERHEAD)
        status = ss_gcm_open(image->key, aad.bytes, aad.len, image->encrypted, len, image->chunk, err);
    if (len != expected + SS_GCM_OVERHEAD || status == SS_ERROR_DATA_CORRUPT)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "chunk %u of an image was changed or is missing",
                            number);
    if (status == SS_OK)
        image->at = number;
    return status;
}

ss_status_t ss_vault_image_read(struct ss_vault_image *image, uint32_t offset, uint8_t *out, size_t len,
                                struct ss_error *err)
{
    ss_status_t status = SS_OK;
    if (offset > image->length || len > image->length - offset)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "%zu bytes from %u on, the image has %u",
                            len, offset, image->length);
    for (size_t done = 0; status == SS_OK && done < len;) {
        uint32_t at = offset + (uint32_t)done, number = at / SS_IMAGE_CHUNK, in_chunk = at % SS_IMAGE_CHUNK;
        size_t n = SS_IMAGE_CHUNK - in_chunk;
        if (n > len - done)
            n = len - done;
        if (image->at != number)
            status = decrypt(image, number, err);
        if (status == SS_OK)
            memcpy(out + done, image->chunk + in_chunk, n);
        done += n;
    }
    if (status != SS_OK)
        ss_wipe(out, len);
    return status;
}
