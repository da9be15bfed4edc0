// SPDX-License-Identifier: Apache-2.0
// Opaque releases: files that are served as they were uploaded.
#include <string.h>

#include "server/store_internal.h"

#define COLUMNS "file, length, blob, sha1, md5, sha256, created"

static void fill(const struct ss_sql_rows *rows, struct ss_store_artifact *a)
{
    memset(a, 0, sizeof *a);
    ss_sql_column_text(rows, 0, a->file, sizeof a->file);
    a->length = (uint64_t)ss_sql_column_int(rows, 1);
    a->blob = ss_sql_column_int(rows, 2);
    (void)ss_sql_column_blob(rows, 3, a->sha1, sizeof a->sha1);
    (void)ss_sql_column_blob(rows, 4, a->md5, sizeof a->md5);
    (void)ss_sql_column_blob(rows, 5, a->sha256, sizeof a->sha256);
    a->created = ss_sql_column_int(rows, 6);
}

static bool file_name_ok(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
    size_t len = strspn(name, allowed);
    // What a path calls FILE.MD5SUM is the digest of FILE.
    return len >= 1 && len < SS_STORE_FILE_SIZE && !name[len] && name[0] != '.' && !strstr(name, ".MD5SUM");
}

static bool version_ok(const char *version)
{
    size_t len = strnlen(version, SS_STORE_VERSION_SIZE);
    if (!len || len >= SS_STORE_VERSION_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        if (version[i] < 0x20 || version[i] > 0x7E)
            return false;
    return true;
}

struct add {
    const char *product, *version, *operator_name;
    const struct ss_store_file *files;
    size_t count;
    int64_t release;
};

/// Makes an artifact of upload @p file->upload.
static ss_status_t add_file(struct ss_store_tx *tx, const struct add *a, const struct ss_store_file *file,
                            struct ss_error *err)
{
    int64_t state, kind;
    ss_status_t status = ss_store_get_number(tx->db, -1, &state, err, "SELECT state FROM uploads WHERE id = $1",
                                             ss_sql_int(file->upload));
    if (status == SS_OK)
        status = ss_store_get_number(tx->db, -1, &kind, err, "SELECT kind FROM uploads WHERE id = $1",
                                     ss_sql_int(file->upload));
    if (status != SS_OK)
        return status;
    if (state < 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no upload %lld",
                            (long long)file->upload);
    if (kind != SS_STORE_OPAQUE)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "upload %lld is sealed to a sealer",
                            (long long)file->upload);
    if (state != SS_STORE_UPLOAD_COMPLETE)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "upload %lld is %s", (long long)file->upload,
                            ss_store_upload_state_name((enum ss_store_upload_state)state));
    status = ss_sql_run(tx->db, err,
                        "INSERT INTO artifacts (release, file, length, blob, sha1, md5, sha256, created) "
                        "SELECT $1, $2, length, blob, sha1, md5, sha256, $3 FROM uploads WHERE id = $4",
                        ss_sql_int(a->release), ss_sql_text(file->file), ss_sql_int(tx->now), ss_sql_int(file->upload));
    return status == SS_OK
               ? ss_sql_run(tx->db, err, "UPDATE uploads SET state = $2, release = $3, changed = $4 WHERE id = $1",
                            ss_sql_int(file->upload), ss_sql_int(SS_STORE_UPLOAD_ACCEPTED), ss_sql_int(a->release),
                            ss_sql_int(tx->now))
               : status;
}

/// Whether release @p a->release was made of these very uploads: the same call again.
static ss_status_t is_same(struct ss_sql *db, const struct add *a, bool *same, struct ss_error *err)
{
    int64_t count;
    ss_status_t status = ss_store_get_number(db, 0, &count, err, "SELECT count(*) FROM artifacts WHERE release = $1",
                                             ss_sql_int(a->release));
    *same = status == SS_OK && count == (int64_t)a->count;
    for (size_t i = 0; i < a->count && *same && status == SS_OK; i++) {
        int64_t found;
        status =
            ss_store_get_number(db, 0, &found, err,
                                "SELECT 1 FROM artifacts a JOIN uploads u ON u.sha256 = a.sha256 AND "
                                "u.length = a.length WHERE a.release = $1 AND a.file = $2 AND u.id = $3",
                                ss_sql_int(a->release), ss_sql_text(a->files[i].file), ss_sql_int(a->files[i].upload));
        *same = found == 1;
    }
    return status;
}

static ss_status_t add(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct add *a = context;
    struct ss_store_release release = {.kind = SS_STORE_OPAQUE, .state = SS_STORE_RELEASE_READY};
    enum ss_store_kind kind;
    bool found = false, same = false;
    ss_status_t status = ss_store_product_kind(tx->db, a->product, &kind, err);
    if (status == SS_OK && kind != SS_STORE_OPAQUE)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "product %s is sealed", a->product);
    if (status == SS_OK)
        status = ss_store_release_read(tx->db, 0, a->product, a->version, &release, &found, err);
    a->release = release.id;
    if (status == SS_OK && found) {
        status = is_same(tx->db, a, &same, err);
        return status != SS_OK || same ? status
                                       : ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_SERVER,
                                                      "there is a release %s of %s already", a->version, a->product);
    }
    ss_store_copy(release.product, sizeof release.product, a->product);
    ss_store_copy(release.version, sizeof release.version, a->version);
    ss_store_copy(release.operator_name, sizeof release.operator_name, a->operator_name);
    if (status == SS_OK)
        status = ss_store_release_insert(tx, &release, err);
    a->release = release.id;
    for (size_t i = 0; i < a->count && status == SS_OK; i++)
        status = add_file(tx, a, &a->files[i], err);
    return status;
}

static ss_status_t check(const struct add *a, struct ss_error *err)
{
    ss_status_t status = ss_store_check_name("name of the operator", a->operator_name, err);
    if (status != SS_OK)
        return status;
    if (!version_ok(a->version))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                            "a version is 1 to %u printable ASCII characters", SS_VERSION_MAX);
    if (!a->count || a->count > SS_STORE_ARTIFACTS_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%zu files, a release has 1 to %u",
                            a->count, SS_STORE_ARTIFACTS_MAX);
    for (size_t i = 0; i < a->count; i++) {
        if (!file_name_ok(a->files[i].file))
            return ss_error_set(
                err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                "the name of file %zu has to be 1 to %d characters of A-Z a-z 0-9 . _ + -, not begin with a dot "
                "and not contain .MD5SUM",
                i + 1, SS_STORE_FILE_SIZE - 1);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(a->files[i].file, a->files[j].file))
                return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "two files are called %s",
                                    a->files[i].file);
    }
    return SS_OK;
}

ss_status_t ss_store_release_add_opaque(struct ss_store *store, const char *product, const char *version,
                                        const struct ss_store_file *files, size_t count, const char *operator_name,
                                        int64_t *release, struct ss_error *err)
{
    struct add a = {product, version, operator_name, files, count, 0};
    *release = 0;
    ss_status_t status = check(&a, err);
    if (status == SS_OK)
        status = ss_store_write(store, "store-release-opaque", add, &a, err);
    if (status == SS_OK)
        *release = a.release;
    return status;
}

struct list {
    int64_t release;
    const char *file; ///< NULL: all
    ss_status_t (*each)(void *context, const struct ss_store_artifact *artifact, struct ss_error *err);
    void *context;
};

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(
        db, &rows, err, "SELECT " COLUMNS " FROM artifacts WHERE release = $1 AND ($2 = '' OR file = $2) ORDER BY file",
        ss_sql_int(l->release), ss_sql_text(l->file ? l->file : ""));
    while (ss_sql_more(rows, &status, err)) {
        struct ss_store_artifact a;
        fill(rows, &a);
        status = l->each(l->context, &a, err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_artifact_list(struct ss_store *store, int64_t release,
                                   ss_status_t (*each)(void *context, const struct ss_store_artifact *artifact,
                                                       struct ss_error *err),
                                   void *context, struct ss_error *err)
{
    struct list l = {release, NULL, each, context};
    return ss_store_read(store, list, &l, err);
}

static ss_status_t take(void *context, const struct ss_store_artifact *artifact, struct ss_error *err)
{
    (void)err;
    *(struct ss_store_artifact *)context = *artifact;
    return SS_OK;
}

ss_status_t ss_store_artifact_get(struct ss_store *store, int64_t release, const char *file,
                                  struct ss_store_artifact *out, struct ss_error *err)
{
    struct list l = {release, file, take, out};
    memset(out, 0, sizeof *out);
    ss_status_t status = *file ? ss_store_read(store, list, &l, err) : SS_OK;
    if (status == SS_OK && !*out->file)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "release %lld has no such file",
                            (long long)release);
    return status;
}
