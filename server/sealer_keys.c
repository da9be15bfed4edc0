// SPDX-License-Identifier: Apache-2.0
#include "server/sealer_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/crypto.h"
#include "server/sealer_keys_parts.h"
#include "vault/pkcs11.h"

#define CREDENTIAL "credential:"

static ss_status_t fail(struct ss_error *err, ss_status_t status, const char *name, const char *text)
{
    return ss_error_set(err, status, SS_AREA_SERVER, "%s: %s", name, text);
}

// Files

struct file {
    uint8_t *bytes;
    size_t len;
};

static void file_free(struct file *file)
{
    if (file->bytes)
        ss_wipe(file->bytes, file->len);
    free(file->bytes);
    *file = (struct file){0};
}

static ss_status_t read_fd(int fd, const char *path, size_t limit, struct file *file, struct ss_error *err)
{
    file->bytes = malloc(limit + 1);
    if (!file->bytes)
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, path, "out of memory");
    ssize_t n = 1;
    while (n > 0 && file->len <= limit) {
        n = read(fd, file->bytes + file->len, limit + 1 - file->len);
        if (n > 0)
            file->len += (size_t)n;
    }
    if (n < 0)
        return fail(err, SS_ERROR_IO, path, strerror(errno));
    return file->len <= limit ? SS_OK : fail(err, SS_ERROR_DATA_INVALID, path, "the file is too long");
}

/// @p secret: nobody but the owner may read it.
static ss_status_t read_file(const char *path, bool secret, size_t limit, struct file *file, struct ss_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    *file = (struct file){0};
    if (fd < 0 || fstat(fd, &st) != 0) {
        ss_status_t status = fail(err, SS_ERROR_IO, path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    ss_status_t status = SS_OK;
    if (secret && (st.st_mode & (S_IRWXG | S_IRWXO)))
        status = fail(err, SS_ERROR_NOT_PERMITTED, path, "others can read this key: chmod 600 it");
    if (status == SS_OK)
        status = read_fd(fd, path, limit, file, err);
    close(fd);
    if (status != SS_OK)
        file_free(file);
    return status;
}

/// A key: a path, or a name among systemd's credentials, which are this service's alone.
static ss_status_t read_key(const char *where, struct file *file, struct ss_error *err)
{
    char path[1024];
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (strncmp(where, CREDENTIAL, sizeof CREDENTIAL - 1) != 0)
        return read_file(where, true, SS_SIGNING_KEY_FILE_MAX, file, err);
    if (!folder)
        return fail(err, SS_ERROR_IO, where, "systemd has given no credentials");
    snprintf(path, sizeof path, "%s/%s", folder, where + sizeof CREDENTIAL - 1);
    return read_file(path, false, SS_SIGNING_KEY_FILE_MAX, file, err);
}

ss_status_t ss_sealer_keys_ring(const struct ss_sealer_keys *keys, const char *product, struct ss_key_ring *ring,
                                struct ss_error *err)
{
    return ss_key_sets_ring(keys->sets, product, ring, err);
}

const struct ss_key_sets *ss_sealer_keys_sets(const struct ss_sealer_keys *keys)
{
    return keys->sets;
}

// The delivery key

static ss_status_t load_delivery(struct ss_sealer_keys *keys, const struct ss_sealer_key_options *options,
                                 struct ss_error *err)
{
    const char *where = options->delivery_key;
    struct file file = {0};
    ss_status_t status;
    if (ss_pkcs11_is_uri(where)) {
        const struct ss_vault_key_request request = {.location = where + sizeof SS_PKCS11_SCHEME - 1,
                                                     .purpose = "delivery key",
                                                     .ask = options->ask,
                                                     .ask_context = options->ask_context};
        status = ss_pkcs11_signing_key_open(&request, &keys->delivery, err);
    } else {
        status = read_key(where, &file, err);
        if (status == SS_OK)
            status = ss_signing_key_load(file.bytes, file.len, &keys->delivery, err);
        file_free(&file);
    }
    if (status == SS_OK && !ss_signing_key_can_sign(keys->delivery))
        return fail(err, SS_ERROR_NOT_PERMITTED, where, "this is a public key, signing needs the private one");
    return status;
}

const ss_signing_key_t *ss_sealer_keys_delivery(const struct ss_sealer_keys *keys)
{
    return keys->delivery;
}

ss_status_t ss_sealer_keys_epoch(const struct ss_sealer_keys *keys, const char *product, uint32_t *epoch,
                                 struct ss_error *err)
{
    struct ss_key_ring ring;
    struct ss_signer who;
    uint8_t raw[SS_STATEMENT_KEY_SIZE], id[SS_KEY_ID_SIZE];
    ss_status_t status = ss_sealer_keys_ring(keys, product, &ring, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(keys->delivery, raw, err);
    if (status != SS_OK)
        return status;
    status = ss_key_id(raw, id);
    if (status == SS_OK)
        status = ss_key_set_find(ring.current, id, &who);
    if (status == SS_OK && who.role == SS_ROLE_DELIVERY && memcmp(who.key, raw, sizeof raw) == 0) {
        *epoch = who.epoch;
        return SS_OK;
    }
    // This sealer's mistake, not the delivery's: what is refused for good ends actions, of all devices that ask.
    return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER,
                        "key set %u of product %.64s does not name the sealer's delivery key",
                        (unsigned)ring.current->version, product);
}

// The upload key

static ss_status_t load_upload(struct ss_sealer_keys *keys, const char *where, struct ss_error *err)
{
    char passphrase[] = ""; // an encrypted key is refused instead of asked about
    struct file file;
    if (!where)
        return SS_OK;
    if (ss_pkcs11_is_uri(where))
        return fail(err, SS_ERROR_NOT_SUPPORTED, "upload_key",
                    "a key in a token cannot open uploads: use a file or "
                    "credential:NAME");
    ss_status_t status = read_key(where, &file, err);
    if (status != SS_OK)
        return status;
    BIO *bio = BIO_new_mem_buf(file.bytes, (int)file.len);
    keys->upload = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase) : NULL;
    BIO_free(bio);
    file_free(&file);
    ERR_clear_error();
    if (keys->upload && (EVP_PKEY_is_a(keys->upload, "RSA") || EVP_PKEY_is_a(keys->upload, "EC")))
        return SS_OK;
    return fail(err, SS_ERROR_DATA_INVALID, where, "this is no unencrypted private key, RSA or EC");
}

ss_status_t ss_sealer_keys_load(const struct ss_sealer_key_options *options, struct ss_sealer_keys **keys,
                                struct ss_error *err)
{
    struct ss_sealer_keys *k = *keys = calloc(1, sizeof *k);
    if (!k)
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "sealer", "out of memory");
    ss_status_t status = ss_key_sets_load(options->key_set, &k->sets, err);
    if (status == SS_OK)
        status = load_delivery(k, options, err);
    if (status == SS_OK)
        status = load_upload(k, options->upload_key, err);
    if (status != SS_OK) {
        ss_sealer_keys_free(k);
        *keys = NULL;
    }
    return status;
}

void ss_sealer_keys_free(struct ss_sealer_keys *keys)
{
    if (!keys)
        return;
    ss_key_sets_free(keys->sets);
    ss_signing_key_free(keys->delivery);
    EVP_PKEY_free(keys->upload);
    free(keys);
}
