// SPDX-License-Identifier: Apache-2.0
#include "server/sealer_keys.h"

#include <dirent.h>
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

// Key sets

static ss_status_t parse_set(const char *path, const struct file *file, struct ss_pinned_set *set, struct ss_error *err)
{
    struct ss_refusal why = {0};
    set->len = file->len;
    memcpy(set->bytes, file->bytes, file->len);
    ss_status_t status = ss_statement_parse(set->bytes, set->len, &set->statement, &why);
    if (status == SS_OK)
        status = ss_key_set_parse(&set->statement, &set->fields, &why);
    if (status == SS_OK)
        status = ss_key_set_check_roots(&set->statement, &set->fields, &why);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_set(err, status, SS_AREA_SERVER, "%s: key set %s", path, ss_reason_text(why.reason));
}

static struct ss_pinned *find_pinned(struct ss_sealer_keys *keys, struct ss_span product)
{
    struct ss_pinned *p = keys->pinned;
    while (p && !ss_span_equal(p->current->fields.product, product))
        p = p->next;
    return p;
}

/// Takes @p set over. Of a product the two newest stay.
static ss_status_t pin(struct ss_sealer_keys *keys, struct ss_pinned_set *set)
{
    struct ss_pinned *p = find_pinned(keys, set->fields.product);
    struct ss_pinned_set *out = NULL;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            return SS_ERROR_INSUFFICIENT_MEMORY;
        *p = (struct ss_pinned){keys->pinned, set, NULL};
        keys->pinned = p;
    } else if (set->fields.version > p->current->fields.version) {
        out = p->previous;
        p->previous = p->current;
        p->current = set;
    } else if (!p->previous || set->fields.version > p->previous->fields.version) {
        out = p->previous;
        p->previous = set;
    } else {
        out = set;
    }
    free(out);
    return SS_OK;
}

static ss_status_t add_set(struct ss_sealer_keys *keys, const char *path, struct ss_error *err)
{
    struct file file;
    struct ss_pinned_set *set = calloc(1, sizeof *set);
    if (!set)
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, path, "out of memory");
    ss_status_t status = read_file(path, false, SS_KEY_SET_MAX, &file, err);
    if (status == SS_OK)
        status = parse_set(path, &file, set, err);
    if (status == SS_OK)
        status = pin(keys, set);
    if (status != SS_OK)
        free(set);
    file_free(&file);
    return status;
}

static ss_status_t add_folder(struct ss_sealer_keys *keys, const char *folder, DIR *d, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (struct dirent *e; status == SS_OK && (e = readdir(d)) != NULL;) {
        char path[1024];
        if (*e->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        status = add_set(keys, path, err);
    }
    return status;
}

/// The set before the newest counts only if it led to it.
static ss_status_t check_chains(const struct ss_sealer_keys *keys, const char *path, struct ss_error *err)
{
    for (const struct ss_pinned *p = keys->pinned; p; p = p->next) {
        struct ss_refusal why = {0};
        if (!p->previous)
            continue;
        ss_status_t status =
            ss_key_set_check_next(&p->current->statement, &p->current->fields, &p->previous->fields, &why);
        if (status != SS_OK)
            return ss_error_set(err, status, SS_AREA_SERVER, "%s: key set %u does not follow set %u: %s", path,
                                (unsigned)p->current->fields.version, (unsigned)p->previous->fields.version,
                                ss_reason_text(why.reason));
    }
    return keys->pinned ? SS_OK : fail(err, SS_ERROR_DATA_INVALID, path, "there is no key set");
}

static ss_status_t load_sets(struct ss_sealer_keys *keys, const char *path, struct ss_error *err)
{
    DIR *d = opendir(path);
    ss_status_t status = d ? add_folder(keys, path, d, err) : add_set(keys, path, err);
    if (d)
        closedir(d);
    return status == SS_OK ? check_chains(keys, path, err) : status;
}

ss_status_t ss_sealer_keys_ring(const struct ss_sealer_keys *keys, const char *product, struct ss_key_ring *ring,
                                struct ss_error *err)
{
    *ring = (struct ss_key_ring){0};
    for (const struct ss_pinned *p = keys->pinned; p; p = p->next)
        if (ss_span_equal(p->current->fields.product, ss_span_of(product))) {
            ring->current = &p->current->fields;
            ring->previous = p->previous ? &p->previous->fields : NULL;
            return SS_OK;
        }
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "the sealer has no key set of product %.64s",
                        product);
}

// The delivery key

static ss_status_t load_delivery(struct ss_sealer_keys *keys, const struct ss_sealer_key_options *options,
                                 struct ss_error *err)
{
    const char *where = options->delivery_key;
    struct file file = {0};
    ss_status_t status;
    if (ss_pkcs11_is_uri(where)) {
        const struct ss_vault_key_request request = {
            .location = where + sizeof SS_PKCS11_SCHEME - 1, .purpose = "delivery key", .ask = options->ask};
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
    ss_status_t status = load_sets(k, options->key_set, err);
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
    for (struct ss_pinned *p = keys->pinned, *next; p; p = next) {
        next = p->next;
        free(p->current);
        free(p->previous);
        free(p);
    }
    ss_signing_key_free(keys->delivery);
    EVP_PKEY_free(keys->upload);
    free(keys);
}
