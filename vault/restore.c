// SPDX-License-Identifier: Apache-2.0
// A vault from a backup. The file is read twice: once to see that it is whole, once to fill the tables; and all is verified
// within the transaction that makes them.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/backup.h"
#include "vault/backup_format.h"
#include "vault/internal.h"

struct restore {
    struct ss_vault *vault;
    const struct ss_vault_options *options;
    struct ss_vault_report *report;
    FILE *file;
    struct ss_backup_head head;
    uint8_t digest[SS_BACKUP_DIGEST_SIZE], signature[64];
    char insert[1024]; ///< the statement for the rows of the table at hand
    bool skip;         ///< rows that the layout itself brings
};

static ss_status_t read_file(void *context, void *out, size_t len, struct ss_error *err)
{
    FILE *file = context;
    if (fread(out, 1, len, file) == len)
        return SS_OK;
    if (ferror(file))
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "%s", strerror(errno));
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the backup is cut short");
}

static bool file_at_end(void *context)
{
    return fgetc(context) == EOF;
}

static ss_status_t parse(struct restore *r, const struct ss_backup_handler *handler, struct ss_error *err)
{
    struct ss_backup_source source = {read_file, file_at_end, r->file};
    if (fseek(r->file, 0, SEEK_SET) != 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "%s", strerror(errno));
    return ss_backup_parse(&source, handler, r->digest, r->signature, err);
}

// First reading: is it whole, and one that this program knows?

static ss_status_t see_head(void *context, const struct ss_backup_head *head, struct ss_error *err)
{
    struct restore *r = context;
    r->head = *head;
    if (head->layout >= 1 && head->layout <= SS_VAULT_SCHEMA)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT,
                        "the backup has layout %lld, this program knows up to %lld", (long long)head->layout,
                        (long long)SS_VAULT_SCHEMA);
}

static ss_status_t see_table(void *context, const char *name, char (*columns)[SS_BACKUP_NAME_SIZE], size_t count,
                             struct ss_error *err)
{
    (void)context, (void)name, (void)columns, (void)count, (void)err;
    return SS_OK;
}

static ss_status_t see_row(void *context, const struct ss_sql_value *values, size_t count, struct ss_error *err)
{
    (void)context, (void)values, (void)count, (void)err;
    return SS_OK;
}

// Second reading: into the tables

static ss_status_t begin_table(void *context, const char *name, char (*columns)[SS_BACKUP_NAME_SIZE], size_t count,
                               struct ss_error *err)
{
    struct restore *r = context;
    size_t n = (size_t)snprintf(r->insert, sizeof r->insert, "INSERT INTO %s (", name);
    (void)err;
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(r->insert + n, sizeof r->insert - n, "%s%s", i ? ", " : "", columns[i]);
    n += (size_t)snprintf(r->insert + n, sizeof r->insert - n, ") VALUES (");
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(r->insert + n, sizeof r->insert - n, "%s$%zu", i ? ", " : "", i + 1);
    snprintf(r->insert + n, sizeof r->insert - n, ")");
    r->skip = !strcmp(name, "meta");
    return SS_OK;
}

static ss_status_t insert_row(void *context, const struct ss_sql_value *values, size_t count, struct ss_error *err)
{
    struct restore *r = context;
    return r->skip ? SS_OK : ss_sql_execute(r->vault->db, r->insert, values, count, err);
}

static ss_status_t check_signature(struct restore *r, struct ss_error *err)
{
    uint8_t digest[32], xy[SS_RAW_PUBLIC_KEY_SIZE];
    ss_status_t status = ss_backup_signed_digest(r->digest, digest, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(r->vault->audit_key, xy, err);
    if (status != SS_OK)
        return status;
    status = ss_p256_verify(xy, digest, r->signature);
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return ss_error_set(err, status, SS_AREA_VAULT, "the backup is not what its vault wrote");
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "the signature could not be checked");
}

static ss_status_t open_keys(struct restore *r, struct ss_error *err)
{
    const struct ss_vault_options *o = r->options;
    ss_status_t status = SS_OK;
    for (int i = 0; i < SS_RING_COUNT; i++)
        ss_ring_close(&r->vault->rings[i]);
    ss_signing_key_free(r->vault->audit_key);
    r->vault->audit_key = NULL;
    status = ss_ring_open(r->vault, SS_RING_VAULT, "active", o->key, o, err);
    if (status == SS_OK && o->signing_key)
        status = ss_ring_open(r->vault, SS_RING_SIGNING, "active", o->signing_key, o, err);
    return status == SS_OK ? ss_vault_load_keys(r->vault, err) : status;
}

static ss_status_t fill(struct restore *r, struct ss_error *err)
{
    const struct ss_backup_handler handler = {see_head, begin_table, insert_row, r};
    ss_status_t status = ss_vault_schema_create(r->vault->db, r->head.layout, err);
    if (status == SS_OK)
        status = ss_sql_run(r->vault->db, err, "INSERT INTO meta (name, value) VALUES ('vault', $1)",
                            ss_sql_blob(r->head.vault_id, sizeof r->head.vault_id));
    if (status == SS_OK)
        status = parse(r, &handler, err);
    return status == SS_OK ? ss_vault_schema_update(r->vault->db, r->head.layout, err) : status;
}

static ss_status_t restore(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct restore *r = context;
    memcpy(vault->id, r->head.vault_id, sizeof vault->id);
    ss_status_t status = ss_vault_require_empty(vault, err); // again: another program may have been quicker
    if (status == SS_OK)
        status = fill(r, err);
    if (status == SS_OK)
        status = open_keys(r, err);
    if (status == SS_OK)
        status = check_signature(r, err);
    if (status == SS_OK)
        status = ss_vault_check_within(vault, r->report, err);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_RESTORE, "vault", NULL, err) : status;
}

static ss_status_t run(struct restore *r, struct ss_error *err)
{
    const struct ss_backup_handler look = {see_head, see_table, see_row, r};
    ss_status_t status = ss_vault_require_empty(r->vault, err);
    if (status == SS_OK)
        status = parse(r, &look, err);
    return status == SS_OK ? ss_vault_write_first(r->vault, "restore", restore, r, err) : status;
}

ss_status_t ss_vault_restore(const char *url, const struct ss_vault_options *options, const char *path,
                             struct ss_vault_report *report, struct ss_error *err)
{
    struct ss_vault_report unwanted;
    struct restore r = {.options = options, .report = report ? report : &unwanted, .file = fopen(path, "rbe")};
    if (!r.file)
        return ss_error_set(err, errno == ENOENT ? SS_ERROR_DOES_NOT_EXIST : SS_ERROR_IO, SS_AREA_VAULT, "%s: %s", path,
                            strerror(errno));
    ss_status_t status = ss_vault_new(url, true, options, &r.vault, err);
    if (status == SS_OK)
        status = run(&r, err);
    ss_vault_close(r.vault);
    fclose(r.file);
    return status;
}
