// SPDX-License-Identifier: Apache-2.0
// Releases and uploads.
#include <string.h>
#include <strings.h>

#include "server/log.h"
#include "server/manage_parts.h"

static json_t *json_of(const struct ss_store_release *r)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:o, s:I, s:s, s:I}", "id", (json_int_t)r->id, "product",
                     r->product, "version", r->version, "kind", ss_store_kind_name(r->kind), "state",
                     r->state == SS_STORE_RELEASE_READY ? "ready" : "revoked", "length", (json_int_t)r->length,
                     "digest", r->kind == SS_STORE_SEALED ? ss_manage_hex(r->digest, 32) : json_null(),
                     "secure_version", (json_int_t)r->secure_version, "operator", r->operator_name, "created",
                     (json_int_t)r->created);
}

static ss_status_t add_release(void *list, const struct ss_store_release *release, struct ss_error *err)
{
    return ss_manage_append(list, json_of(release), err);
}

enum ss_http_result ss_manage_release_list(struct ss_http_request *request)
{
    char product[SS_STORE_NAME_SIZE];
    struct ss_error err = {0};
    bool has_product = ss_http_query(request, "product", product, sizeof product);
    json_t *list = json_array();
    ss_status_t status =
        ss_store_release_list(request->front->store, has_product ? product : NULL, add_release, list, &err);
    return ss_manage_answer_list(request, "releases", list, status, &err);
}

static ss_status_t add_artifact(void *list, const struct ss_store_artifact *a, struct ss_error *err)
{
    return ss_manage_append(list,
                            json_pack("{s:s, s:I, s:o, s:o, s:o}", "file", a->file, "length", (json_int_t)a->length,
                                      "sha1", ss_manage_hex(a->sha1, 20), "md5", ss_manage_hex(a->md5, 16), "sha256",
                                      ss_manage_hex(a->sha256, 32)),
                            err);
}

static enum ss_http_result answer_release(struct ss_http_request *request, unsigned code, int64_t id)
{
    struct ss_store_release release;
    struct ss_error err = {0};
    ss_status_t status = ss_store_release_get(request->front->store, id, &release, &err);
    json_t *list = json_array();
    if (status == SS_OK)
        status = ss_store_artifact_list(request->front->store, id, add_artifact, list, &err);
    if (status != SS_OK)
        return ss_manage_answer_list(request, "artifacts", list, status, &err);
    return ss_http_answer_json(request, code, ss_http_json_with(json_of(&release), "artifacts", list));
}

enum ss_http_result ss_manage_release_get(struct ss_http_request *request)
{
    int64_t id;
    return ss_manage_number(request, &id) ? answer_release(request, 200, id) : SS_HTTP_DONE;
}

enum ss_http_result ss_manage_release_revoke(struct ss_http_request *request)
{
    int64_t id;
    struct ss_error err = {0};
    if (!ss_manage_number(request, &id))
        return SS_HTTP_DONE;
    ss_status_t status = ss_store_release_revoke(request->front->store, id, &err);
    return status == SS_OK ? answer_release(request, 200, id) : ss_http_answer_failure(request, status, &err);
}

/// Reads the list of files of an opaque release, which goes on pointing into @p list.
static bool read_files(const json_t *list, struct ss_store_file *files, size_t *count)
{
    size_t i;
    json_t *item;
    *count = json_array_size(list);
    if (!*count || *count > SS_STORE_ARTIFACTS_MAX)
        return false;
    json_array_foreach(list, i, item)
    {
        json_int_t upload;
        if (json_unpack_ex(item, NULL, JSON_STRICT, "{s:s, s:I}", "file", &files[i].file, "upload", &upload) != 0)
            return false;
        files[i].upload = upload;
    }
    return true;
}

enum ss_http_result ss_manage_release_add(struct ss_http_request *request)
{
    json_t *body, *list;
    const char *product, *version;
    struct ss_store_file files[SS_STORE_ARTIFACTS_MAX];
    size_t count;
    int64_t id = 0;
    struct ss_error err = {0};
    if (!ss_manage_read(request, &body, "{s:s, s:s, s:o}", "product", &product, "version", &version, "files", &list))
        return SS_HTTP_DONE;
    ss_status_t status =
        read_files(list, files, &count) ? ss_store_release_add_opaque(request->front->store, product, version, files,
                                                                      count, request->operator_name, &id, &err)
        : ss_http_json_lacks_memory()   ? SS_ERROR_INSUFFICIENT_MEMORY
                                        : ss_error_set(&err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                                                       "files has to be a list of 1 to 50 {file, upload}");
    json_decref(body);
    return status == SS_OK ? answer_release(request, 201, id) : ss_http_answer_failure(request, status, &err);
}

// Uploads

static json_t *upload_json(const struct ss_store_upload *u)
{
    return json_pack("{s:I, s:s, s:s, s:I, s:I, s:o, s:o, s:s, s:s, s:I, s:I}", "id", (json_int_t)u->id, "kind",
                     ss_store_kind_name(u->kind), "state", ss_store_upload_state_name(u->state), "length",
                     (json_int_t)u->length, "received", (json_int_t)u->received, "sha256", ss_manage_hex(u->sha256, 32),
                     "release", ss_manage_id(u->release), "reason", u->reason, "operator", u->operator_name, "created",
                     (json_int_t)u->created, "changed", (json_int_t)u->changed);
}

static ss_status_t begin(struct ss_http_request *request, const char *kind, json_int_t length, const char *digest,
                         struct ss_store_upload *upload, struct ss_error *err)
{
    uint8_t sha256[32];
    bool sealed = !strcmp(kind, "sealed");
    if (!sealed && strcmp(kind, "opaque") != 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "kind has to be sealed or opaque");
    if (!ss_manage_digest(digest, sha256) || length < 1)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "length or sha256 is none");
    uint64_t max = atomic_load(&request->front->limits.upload);
    if ((uint64_t)length > max)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                            "the upload has %lld bytes, at most %llu (upload in [limits])", (long long)length,
                            (unsigned long long)max);
    return ss_store_upload_begin(request->front->store, sealed ? SS_STORE_SEALED : SS_STORE_OPAQUE, (uint64_t)length,
                                 sha256, request->operator_name, upload, err);
}

enum ss_http_result ss_manage_upload_begin(struct ss_http_request *request)
{
    json_t *body;
    const char *kind, *digest;
    json_int_t length;
    struct ss_store_upload upload;
    struct ss_error err = {0};
    if (!ss_manage_read(request, &body, "{s:s, s:I, s:s}", "kind", &kind, "length", &length, "sha256", &digest))
        return SS_HTTP_DONE;
    ss_status_t status = begin(request, kind, length, digest, &upload, &err);
    json_decref(body);
    return status == SS_OK ? ss_http_answer_json(request, 201, upload_json(&upload))
                           : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_manage_upload_get(struct ss_http_request *request)
{
    int64_t id;
    struct ss_store_upload upload;
    struct ss_error err = {0};
    if (!ss_manage_number(request, &id))
        return SS_HTTP_DONE;
    ss_status_t status = ss_store_upload_get(request->front->store, id, &upload, &err);
    return status == SS_OK ? ss_http_answer_json(request, 200, upload_json(&upload))
                           : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_manage_upload_append(struct ss_http_request *request)
{
    int64_t id, offset;
    struct ss_store_upload upload = {0};
    struct ss_error err = {0};
    const char *type = request->headers[SS_HTTP_CONTENT_TYPE];
    if (!ss_manage_number(request, &id))
        return SS_HTTP_DONE;
    if (!type || strcasecmp(type, "application/octet-stream") != 0)
        return ss_http_answer_error(request, 415, "the body has to be application/octet-stream");
    if (!ss_http_query_number(request, "offset", -1, &offset) || offset < 0)
        return ss_http_answer_error(request, 400, "offset is missing");
    ss_status_t status = ss_store_upload_append(request->front->store, id, (uint64_t)offset,
                                                (const uint8_t *)request->body, request->body_len, &upload, &err);
    if (status == SS_ERROR_BAD_STATE && upload.id)
        return ss_http_answer_json(request, 409, upload_json(&upload));
    return status == SS_OK ? ss_http_answer_json(request, 200, upload_json(&upload))
                           : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_manage_upload_refuse(struct ss_http_request *request)
{
    int64_t id;
    struct ss_error err = {0};
    char reason[SS_STORE_NAME_SIZE + 32];
    if (!ss_manage_number(request, &id))
        return SS_HTTP_DONE;
    snprintf(reason, sizeof reason, "given up by %s", request->operator_name);
    ss_status_t status = ss_store_upload_refuse(request->front->store, id, reason, &err);
    return status == SS_OK ? ss_manage_upload_get(request) : ss_http_answer_failure(request, status, &err);
}
