// SPDX-License-Identifier: Apache-2.0
#include "vault/audit_chain.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

static const char *const actions[] = {
    [SS_AUDIT_CREATE] = "create",   [SS_AUDIT_GENERATE] = "generate", [SS_AUDIT_IMPORT] = "import",
    [SS_AUDIT_UNWRAP] = "unwrap",   [SS_AUDIT_EXPORT] = "export",     [SS_AUDIT_FORGET] = "forget",
    [SS_AUDIT_SEAL] = "seal",       [SS_AUDIT_SIGN] = "sign",         [SS_AUDIT_BURN] = "burn",
    [SS_AUDIT_STATE] = "state",     [SS_AUDIT_REWRAP] = "rewrap",     [SS_AUDIT_BACKUP] = "backup",
    [SS_AUDIT_RESTORE] = "restore", [SS_AUDIT_QUOTA] = "quota",       [SS_AUDIT_RELEASE] = "release",
};

static const char *action_name(enum ss_vault_action action)
{
    return (unsigned)action < sizeof actions / sizeof *actions ? actions[action] : "unknown";
}

/// A running hash that keeps its first failure.
struct sum {
    struct ss_hash hash;
    ss_status_t status;
};

static void add(struct sum *sum, const void *bytes, size_t len)
{
    if (sum->status == SS_OK)
        sum->status = ss_hash_update(&sum->hash, bytes, len);
}

static void add_number(struct sum *sum, int64_t number)
{
    uint8_t bytes[8];
    ss_put_le64(bytes, (uint64_t)number);
    add(sum, bytes, sizeof bytes);
}

static void add_text(struct sum *sum, const char *text)
{
    uint8_t len[4];
    ss_put_le32(len, (uint32_t)strlen(text));
    add(sum, len, sizeof len);
    add(sum, text, strlen(text));
}

static ss_status_t finish(struct sum *sum, uint8_t out[SS_VAULT_AUDIT_HASH_SIZE], struct ss_error *err)
{
    if (sum->status == SS_OK)
        sum->status = ss_hash_finish(&sum->hash, out);
    ss_hash_abort(&sum->hash);
    return sum->status == SS_OK ? SS_OK : ss_error_set(err, sum->status, SS_AREA_CRYPTO, "SHA-256 failed");
}

ss_status_t ss_audit_hash(const uint8_t vault_id[SS_VAULT_ID_SIZE], const struct ss_vault_audit_record *record,
                          const uint8_t before[SS_VAULT_AUDIT_HASH_SIZE], uint8_t out[SS_VAULT_AUDIT_HASH_SIZE],
                          struct ss_error *err)
{
    static const char what[] = "slotseal audit 1";
    struct sum sum = {0};
    sum.status = ss_hash_init(&sum.hash, SS_HASH_SHA256);
    add(&sum, what, sizeof what);
    add(&sum, vault_id, SS_VAULT_ID_SIZE);
    add_number(&sum, record->number);
    add_number(&sum, record->time);
    add_text(&sum, record->actor);
    add_text(&sum, record->action);
    add_text(&sum, record->subject);
    add_text(&sum, record->detail);
    add(&sum, before, SS_VAULT_AUDIT_HASH_SIZE);
    return finish(&sum, out, err);
}

ss_status_t ss_audit_head_digest(const struct ss_vault_audit_head *head, uint8_t out[32], struct ss_error *err)
{
    static const char what[] = "slotseal audit head 1";
    struct sum sum = {0};
    sum.status = ss_hash_init(&sum.hash, SS_HASH_SHA256);
    add(&sum, what, sizeof what);
    add(&sum, head->vault_id, sizeof head->vault_id);
    add_number(&sum, head->number);
    add(&sum, head->hash, sizeof head->hash);
    return finish(&sum, out, err);
}

ss_status_t ss_audit_read_head(struct ss_vault *vault, struct ss_vault_audit_head *head, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    memset(head, 0, sizeof *head);
    memcpy(head->vault_id, vault->id, sizeof head->vault_id);
    ss_status_t status =
        ss_sql_query(vault->db, "SELECT number, hash, signature FROM audit_head WHERE one = 1", NULL, 0, &rows, err);
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && row) {
        head->number = ss_sql_column_int(rows, 0);
        if (ss_sql_column_blob(rows, 1, head->hash, sizeof head->hash) != sizeof head->hash ||
            ss_sql_column_blob(rows, 2, head->signature, sizeof head->signature) != sizeof head->signature)
            status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the head of the audit log is malformed");
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t store_record(struct ss_vault *vault, const struct ss_vault_audit_record *r, struct ss_error *err)
{
    return ss_sql_run(vault->db, err,
                      "INSERT INTO audit (number, time, actor, action, subject, detail, hash) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                      ss_sql_int(r->number), ss_sql_int(r->time), ss_sql_text(r->actor), ss_sql_text(r->action),
                      ss_sql_text(r->subject), ss_sql_text(r->detail), ss_sql_blob(r->hash, sizeof r->hash));
}

static ss_status_t store_head(struct ss_vault *vault, struct ss_vault_audit_head *head, struct ss_error *err)
{
    uint8_t digest[32];
    bool first = head->number == 1;
    ss_status_t status = ss_audit_head_digest(head, digest, err);
    if (status == SS_OK)
        status = ss_signing_key_sign_es256(vault->audit_key, digest, head->signature, err);
    if (status != SS_OK)
        return status;
    return ss_sql_run(vault->db, err,
                      first ? "INSERT INTO audit_head (number, hash, signature, one) VALUES ($1, $2, $3, 1)"
                            : "UPDATE audit_head SET number = $1, hash = $2, signature = $3 WHERE one = 1",
                      ss_sql_int(head->number), ss_sql_blob(head->hash, sizeof head->hash),
                      ss_sql_blob(head->signature, sizeof head->signature));
}

ss_status_t ss_audit_append(struct ss_vault *vault, enum ss_vault_action action, const char *subject,
                            const char *detail, struct ss_error *err)
{
    struct ss_vault_audit_record record = {.time = ss_vault_now()};
    struct ss_vault_audit_head head;
    ss_status_t status = ss_vault_check_text("subject", subject, SS_VAULT_SUBJECT_MAX, err);
    if (status == SS_OK && detail)
        status = ss_vault_check_text("detail", detail, SS_VAULT_AUDIT_DETAIL_MAX, err);
    if (status == SS_OK)
        status = ss_audit_read_head(vault, &head, err);
    if (status != SS_OK)
        return status;
    record.number = head.number + 1;
    strcpy(record.actor, vault->actor);
    strcpy(record.action, action_name(action));
    strcpy(record.subject, subject);
    strcpy(record.detail, detail ? detail : "");
    status = ss_audit_hash(vault->id, &record, head.hash, record.hash, err);
    if (status == SS_OK)
        status = store_record(vault, &record, err);
    head.number = record.number;
    memcpy(head.hash, record.hash, sizeof head.hash);
    return status == SS_OK ? store_head(vault, &head, err) : status;
}

struct append {
    enum ss_vault_action action;
    const char *subject, *detail;
};

static ss_status_t append(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct append *a = context;
    return ss_audit_append(vault, a->action, a->subject, a->detail, err);
}

ss_status_t ss_vault_audit(struct ss_vault *vault, enum ss_vault_action action, const char *subject, const char *detail,
                           struct ss_error *err)
{
    struct append a = {action, subject, detail};
    return ss_vault_write(vault, "audit", append, &a, err);
}
