// SPDX-License-Identifier: Apache-2.0
#include "vault/check.h"

#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "vault/audit_chain.h"
#include "vault/image_chunk.h"
#include "vault/locked.h"

static ss_status_t count(struct ss_vault *vault, const char *query, int64_t *number, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status = ss_sql_query(vault->db, query, NULL, 0, &rows, err);
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    *number = status == SS_OK && row ? ss_sql_column_int(rows, 0) : 0;
    ss_sql_end(rows);
    return status;
}

static ss_status_t count_all(struct ss_vault *vault, struct ss_vault_report *report, struct ss_error *err)
{
    ss_status_t status = count(vault, "SELECT count(*) FROM products", &report->products, err);
    if (status == SS_OK)
        status = count(vault, "SELECT count(*) FROM devices", &report->devices, err);
    if (status == SS_OK)
        status = count(vault, "SELECT count(*) FROM releases", &report->releases, err);
    if (status == SS_OK)
        status = count(vault, "SELECT max(version) FROM migrations", &report->layout, err);
    if (status == SS_OK)
        status = ss_ring_has(vault, SS_RING_VAULT, "retiring", &report->rewrap_unfinished, err);
    report->key_version = vault->rings[SS_RING_VAULT].active;
    snprintf(report->back_end, sizeof report->back_end, "%s", vault->db->driver->name);
    ss_put_hex(vault->id, sizeof vault->id, report->id);
    return status;
}

struct scratch {
    uint8_t content[SS_SECRET_MAX];
};

/// Decrypts the secret that @p entry names, unless its ring is closed.
static ss_status_t check_secret(struct ss_vault *vault, const struct ss_secret_entry *entry, struct scratch *scratch,
                                struct ss_vault_report *report, struct ss_error *err)
{
    size_t len;
    struct ss_secret_id id = {entry->kind, entry->owner, entry->bound};
    report->secrets++;
    if (!vault->rings[entry->ring].active) {
        report->locked++;
        return SS_OK;
    }
    ss_status_t status = ss_secret_get(vault, &id, scratch->content, sizeof scratch->content, &len, err);
    ss_wipe(scratch, sizeof *scratch);
    return status;
}

static ss_status_t check_secrets(struct ss_vault *vault, struct ss_vault_report *report, struct ss_error *err)
{
    struct ss_secret_entry entry = {0};
    bool found = true;
    ss_status_t status = SS_OK;
    struct scratch *scratch = ss_locked_new(sizeof *scratch);
    if (!scratch)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    while (status == SS_OK && found) {
        status = ss_secret_next(vault, &entry, &found, err);
        if (status == SS_OK && found)
            status = check_secret(vault, &entry, scratch, report, err);
    }
    ss_locked_free(scratch, sizeof *scratch);
    return status;
}

/// A device that has a key must have it, and the other way round.
static ss_status_t check_present(struct ss_vault *vault, struct ss_error *err)
{
    int64_t missing = 0, extra = 0;
    ss_status_t status = count(vault,
                               "SELECT count(*) FROM devices WHERE flash_key = 'present' AND id NOT IN "
                               "(SELECT owner FROM secrets WHERE kind = 'flash-key')",
                               &missing, err);
    if (status == SS_OK)
        status = count(vault,
                       "SELECT count(*) FROM secrets WHERE kind = 'flash-key' AND owner NOT IN "
                       "(SELECT id FROM devices WHERE flash_key = 'present')",
                       &extra, err);
    if (status == SS_OK && (missing || extra))
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT,
                              "%lld flash keys of devices are missing, %lld belong to none", (long long)missing,
                              (long long)extra);
    return status;
}

static ss_status_t check_image(void *context, const struct ss_vault_release *release, struct ss_error *err)
{
    struct ss_vault *vault = context;
    struct ss_vault_image *image;
    uint8_t byte;
    ss_status_t status = ss_image_open_within(vault, release->product, release->version, &image, err);
    for (uint32_t at = 0; status == SS_OK && at < release->length; at += SS_IMAGE_CHUNK)
        status = ss_vault_image_read(image, at, &byte, 1, err); // decrypts all of the chunk
    ss_vault_image_close(image);
    return status == SS_OK ? SS_OK
                           : ss_error_prefix(err, status, "release %s of %s", release->version, release->product);
}

/// Reading a product compares it with what was authenticated.
static ss_status_t check_product(void *context, const struct ss_vault_product *product, struct ss_error *err)
{
    (void)context, (void)product, (void)err;
    return SS_OK;
}

ss_status_t ss_vault_check_within(struct ss_vault *vault, struct ss_vault_report *report, struct ss_error *err)
{
    memset(report, 0, sizeof *report);
    ss_status_t status = count_all(vault, report, err);
    if (status == SS_OK)
        status = check_secrets(vault, report, err);
    if (status == SS_OK)
        status = check_present(vault, err);
    if (status == SS_OK)
        status = ss_vault_product_list(vault, check_product, NULL, err);
    if (status == SS_OK)
        status = ss_vault_release_list(vault, NULL, check_image, vault, err);
    return status == SS_OK ? ss_audit_verify_within(vault, &report->audit, err) : status;
}

static ss_status_t check(struct ss_vault *vault, void *context, struct ss_error *err)
{
    return ss_vault_check_within(vault, context, err);
}

ss_status_t ss_vault_check(struct ss_vault *vault, struct ss_vault_report *report, struct ss_error *err)
{
    return ss_vault_read(vault, check, report, err);
}
