// SPDX-License-Identifier: Apache-2.0
// Uploads in parts. The server knows how far it got: a cut connection costs a part, not the whole.
#include <stdlib.h>
#include <time.h>

#include "cli/progress.h"
#include "cli/remote/remote.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "server/manage.h"

enum { TRIES = 5 };

static ss_status_t begin(struct remote *r, const char *kind, const uint8_t *bytes, size_t len, json_t **upload,
                         struct ss_error *err)
{
    uint8_t digest[32];
    char hex[65];
    *upload = NULL;
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, bytes, len, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    ss_put_hex(digest, sizeof digest, hex);
    const struct remote_request q = {
        .method = "POST",
        .path = "/uploads",
        .json = json_pack("{s:s, s:I, s:s}", "kind", kind, "length", (json_int_t)len, "sha256", hex)};
    return remote_ask(r, &q, upload, NULL, err);
}

static ss_status_t send_part(struct remote *r, json_int_t id, const uint8_t *bytes, size_t len, size_t at,
                             json_t **upload, struct ss_error *err)
{
    char path[96];
    snprintf(path, sizeof path, "/uploads/%lld?offset=%zu", (long long)id, at);
    const struct remote_request q = {
        .method = "PUT",
        .path = path,
        .type = "application/octet-stream",
        .bytes = bytes + at,
        .len = len - at < SS_MANAGE_PART_MAX ? len - at : SS_MANAGE_PART_MAX,
    };
    return remote_ask(r, &q, upload, NULL, err);
}

/// After a failure: where it goes on, if the server can be asked.
static ss_status_t look(struct remote *r, json_int_t id, json_t **upload, struct ss_error *err)
{
    return remote_get(r, upload, err, "/uploads/%lld", (long long)id);
}

static ss_status_t send_all(struct remote *r, json_int_t id, const uint8_t *bytes, size_t len, json_int_t at,
                            struct progress *progress, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    unsigned failed = 0;
    while (at >= 0 && (size_t)at < len && failed < TRIES) {
        json_t *upload = NULL;
        progress_show(progress, SS_LINK_WRITING, (size_t)at, len);
        status = send_part(r, id, bytes, len, (size_t)at, &upload, err);
        if (status != SS_OK && status != SS_ERROR_IO && status != SS_ERROR_BAD_STATE && status != SS_ERROR_TIMEOUT)
            return status;
        if (!upload) {
            nanosleep(&(struct timespec){.tv_sec = failed++}, NULL);
            status = look(r, id, &upload, err);
        }
        if (upload) {
            json_int_t now = remote_number(upload, "received");
            failed = now > at ? 0 : failed + 1;
            at = now;
        }
        json_decref(upload);
    }
    if (at >= 0 && (size_t)at >= len)
        return SS_OK;
    return status != SS_OK ? status
                           : ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "the upload does not get on at byte %lld",
                                          (long long)at);
}

ss_status_t remote_upload(struct remote *remote, const char *kind, const char *name, const uint8_t *bytes, size_t len,
                          json_int_t *id, struct ss_error *err)
{
    struct progress progress = {.what = name};
    json_t *upload;
    *id = 0;
    ss_status_t status = begin(remote, kind, bytes, len, &upload, err);
    if (status != SS_OK)
        return status;
    *id = remote_number(upload, "id");
    status = send_all(remote, *id, bytes, len, remote_number(upload, "received"), &progress, err);
    progress_end(&progress);
    json_decref(upload);
    return status;
}
