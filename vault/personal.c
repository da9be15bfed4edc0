// SPDX-License-Identifier: Apache-2.0
#include "vault/personal.h"

#include <stdio.h>
#include <string.h>

#include "vault/image_chunk.h"
#include "vault/internal.h"

static ss_status_t put(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct ss_vault_signature *s = context;
    struct ss_vault_device device;
    struct ss_vault_release release;
    char id[SS_IMAGE_ID_SIZE], subject[2 * SS_VAULT_NAME_SIZE], detail[2 * SS_VAULT_NAME_SIZE];
    ss_status_t status = ss_vault_device_get(vault, s->device, &device, err);
    if (status == SS_OK && strcmp(device.product, s->product) != 0)
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "device %s is of product %s, not %s",
                              device.id, device.product, s->product);
    if (status == SS_OK)
        status = ss_release_find_within(vault, s->product, s->version, &release, id, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "DELETE FROM release_signatures WHERE release = $1 AND device = $2",
                            ss_sql_text(id), ss_sql_text(s->device));
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err,
                            "INSERT INTO release_signatures (release, device, verification_key, trailer, created) "
                            "VALUES ($1, $2, $3, $4, $5)",
                            ss_sql_text(id), ss_sql_text(s->device),
                            ss_sql_blob(s->verification_key, s->has_key ? sizeof s->verification_key : 0),
                            ss_sql_blob(s->trailer, s->trailer_len), ss_sql_int(ss_vault_now()));
    snprintf(subject, sizeof subject, "%.64s", s->device);
    snprintf(detail, sizeof detail, "%.64s %.32s", s->product, s->version);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_SIGN, subject, detail, err) : status;
}

ss_status_t ss_vault_signature_put(struct ss_vault *vault, const struct ss_vault_signature *signature,
                                   struct ss_error *err)
{
    struct ss_vault_signature copy = *signature;
    if (!copy.trailer_len || copy.trailer_len > sizeof copy.trailer)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "a signature of %zu bytes, 1 to %u",
                            copy.trailer_len, SS_VAULT_TRAILER_MAX);
    return ss_vault_write(vault, "release-personal", put, &copy, err);
}

ss_status_t ss_vault_signature_get(struct ss_vault *vault, const char *product, const char *version, const char *device,
                                   struct ss_vault_signature *s, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    memset(s, 0, sizeof *s);
    ss_status_t status = ss_sql_select(vault->db, &rows, err,
                                       "SELECT s.verification_key, s.trailer FROM release_signatures s "
                                       "JOIN releases r ON r.id = s.release "
                                       "WHERE r.product = $1 AND r.version = $2 AND s.device = $3",
                                       ss_sql_text(product), ss_sql_text(version), ss_sql_text(device));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && !row)
        status =
            ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                         "release %.32s of product %.32s has no signature for device %.64s", version, product, device);
    if (status == SS_OK) {
        snprintf(s->product, sizeof s->product, "%s", product);
        snprintf(s->version, sizeof s->version, "%s", version);
        snprintf(s->device, sizeof s->device, "%s", device);
        s->has_key =
            ss_sql_column_blob(rows, 0, s->verification_key, sizeof s->verification_key) == sizeof s->verification_key;
        s->trailer_len = ss_sql_column_blob(rows, 1, s->trailer, sizeof s->trailer);
    }
    ss_sql_end(rows);
    return status;
}
