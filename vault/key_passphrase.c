// SPDX-License-Identifier: Apache-2.0
// A wrapping key derived from a passphrase by scrypt (RFC 7914). What is stored beside the data:
//
//      0    1    2      6      10                  26
//     +----+----+------+------+-------------------+
//     | 1  | lg | r    | p    | salt              |   lg = log2 N; r and p little endian
//     +----+----+------+------+-------------------+
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/openssl.h"
#include "vault/key_local.h"
#include "vault/locked.h"

enum { VERSION = 1, SALT_AT = 10, SALT_SIZE = 16, PARAMS_SIZE = SALT_AT + SALT_SIZE };
enum { COST_MIN = 10, COST_MAX = 22, COST_DEFAULT = 17, BLOCK_SIZE = 8, PARALLEL = 1 };
#define SHORTEST 8

struct passphrase {
    char text[SS_VAULT_PASSPHRASE_MAX];
    size_t len;
};

/// From an open file: up to its end, less one newline.
static ss_status_t read_whole(int fd, struct passphrase *out, struct ss_error *err)
{
    ss_status_t status = ss_key_read_fd(fd, (uint8_t *)out->text, sizeof out->text, &out->len, err);
    if (status == SS_OK && out->len && out->text[out->len - 1] == '\n')
        out->len--;
    return status;
}

static ss_status_t get_from_fd(const char *number, struct passphrase *out, struct ss_error *err)
{
    char *end;
    long fd = strtol(number, &end, 10);
    if (end == number || *end || fd < 0 || fd > INT_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "passphrase:fd: needs the number of an open file");
    ss_status_t status = read_whole((int)fd, out, err);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "file descriptor %ld", fd);
}

static ss_status_t get_from_credential(const char *name, struct passphrase *out, struct ss_error *err)
{
    int fd;
    ss_status_t status = ss_key_open_credential(name, &fd, err);
    if (status != SS_OK)
        return status;
    status = read_whole(fd, out, err);
    close(fd);
    return status;
}

static ss_status_t get_from_person(const struct ss_vault_key_request *request, bool repeat, struct passphrase *out,
                                   struct ss_error *err)
{
    char what[80] = "passphrase of the ";
    strncat(what, request->purpose, sizeof what - strlen(what) - 1);
    if (!request->ask)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "there is nobody to ask for the passphrase; passphrase:fd:N reads it from an open file");
    return request->ask(request->ask_context, what, repeat, out->text, sizeof out->text, &out->len, err);
}

static ss_status_t get(const struct ss_vault_key_request *request, bool repeat, struct passphrase *out,
                       struct ss_error *err)
{
    const char *where = request->location;
    if (!strncmp(where, "fd:", 3))
        return get_from_fd(where + 3, out, err);
    if (!strncmp(where, "credential:", 11))
        return get_from_credential(where + 11, out, err);
    if (!*where)
        return get_from_person(request, repeat, out, err);
    // Somebody may have typed the passphrase itself here: it is not repeated.
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                        "a passphrase is given as passphrase, passphrase:fd:N or passphrase:credential:NAME");
}

static ss_status_t derive(const struct passphrase *passphrase, const uint8_t *params, void **key, struct ss_error *err)
{
    uint64_t n = UINT64_C(1) << params[1], r = ss_get_le32(params + 2), p = ss_get_le32(params + 6);
    uint8_t *bytes = ss_key_local_new();
    if (!bytes)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    // scrypt's own need is 128 N r; OpenSSL's default limit is below that of today's costs.
    if (EVP_PBE_scrypt(passphrase->text, passphrase->len, params + SALT_AT, SALT_SIZE, n, r, p, 128 * r * (n + p + 2),
                       bytes, SS_KEY_LOCAL_SIZE) <= 0) {
        ss_key_local_close(bytes);
        return ss_error_set(err, ss_openssl_status(SS_ERROR_GENERIC), SS_AREA_CRYPTO, "scrypt failed");
    }
    *key = bytes;
    return SS_OK;
}

static ss_status_t get_and_derive(const struct ss_vault_key_request *request, bool create, const uint8_t *params,
                                  void **key, struct ss_error *err)
{
    struct passphrase *passphrase = ss_locked_new(sizeof *passphrase);
    if (!passphrase)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    ss_status_t status = get(request, create, passphrase, err);
    if (status == SS_OK && create && passphrase->len < SHORTEST)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the passphrase has %zu bytes, at least %d",
                              passphrase->len, SHORTEST);
    if (status == SS_OK)
        status = derive(passphrase, params, key, err);
    ss_locked_free(passphrase, sizeof *passphrase);
    return status;
}

static ss_status_t create(const struct ss_vault_key_request *request, uint8_t *params, size_t size, size_t *len,
                          void **key, struct ss_error *err)
{
    unsigned cost = request->passphrase_cost ? request->passphrase_cost : COST_DEFAULT;
    *key = NULL;
    *len = 0;
    if (size < PARAMS_SIZE || cost < COST_MIN || cost > COST_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "scrypt cost %u, from %d to %d", cost,
                            COST_MIN, COST_MAX);
    params[0] = VERSION;
    params[1] = (uint8_t)cost;
    ss_put_le32(params + 2, BLOCK_SIZE);
    ss_put_le32(params + 6, PARALLEL);
    ss_status_t status = ss_random(params + SALT_AT, SALT_SIZE);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "no random bytes");
    *len = PARAMS_SIZE;
    return get_and_derive(request, true, params, key, err);
}

/// Bounds keep whoever can write the database from making this program take all memory.
static ss_status_t open_key(const struct ss_vault_key_request *request, const uint8_t *params, size_t len, void **key,
                            struct ss_error *err)
{
    *key = NULL;
    if (len != PARAMS_SIZE || params[0] != VERSION || params[1] < COST_MIN || params[1] > COST_MAX ||
        ss_get_le32(params + 2) != BLOCK_SIZE || ss_get_le32(params + 6) != PARALLEL)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT,
                            "the scrypt parameters in the vault are none that this program writes");
    return get_and_derive(request, false, params, key, err);
}

const struct ss_vault_key_ops ss_vault_key_passphrase = {
    .scheme = "passphrase",
    .create = create,
    .open = open_key,
    .wrap = ss_key_local_wrap,
    .unwrap = ss_key_local_unwrap,
    .close = ss_key_local_close,
};
