// SPDX-License-Identifier: Apache-2.0
// Reading the audit log, and finding what was done to it.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/audit_chain.h"

enum { PAGE = 32 };

/// The next records from number @p from on, at most PAGE.
static ss_status_t read_page(struct ss_vault *vault, int64_t from, struct ss_vault_audit_record *page, size_t *count,
                             struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *count = 0;
    ss_status_t status = ss_sql_select(vault->db, &rows, err,
                                       "SELECT number, time, actor, action, subject, detail, hash FROM audit "
                                       "WHERE number >= $1 ORDER BY number LIMIT $2",
                                       ss_sql_int(from), ss_sql_int(PAGE));
    while (*count < PAGE && ss_sql_more(rows, &status, err)) {
        struct ss_vault_audit_record *r = &page[(*count)++];
        memset(r, 0, sizeof *r);
        r->number = ss_sql_column_int(rows, 0);
        r->time = ss_sql_column_int(rows, 1);
        ss_sql_column_text(rows, 2, r->actor, sizeof r->actor);
        ss_sql_column_text(rows, 3, r->action, sizeof r->action);
        ss_sql_column_text(rows, 4, r->subject, sizeof r->subject);
        ss_sql_column_text(rows, 5, r->detail, sizeof r->detail);
        ss_sql_column_blob(rows, 6, r->hash, sizeof r->hash);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_audit_read(struct ss_vault *vault, int64_t from,
                                ss_status_t (*each)(void *context, const struct ss_vault_audit_record *record,
                                                    struct ss_error *err),
                                void *context, struct ss_error *err)
{
    size_t count = PAGE;
    ss_status_t status = SS_OK;
    struct ss_vault_audit_record *page = malloc(PAGE * sizeof *page);
    if (!page)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    while (status == SS_OK && count == PAGE) {
        status = read_page(vault, from, page, &count, err);
        for (size_t i = 0; i < count && status == SS_OK; i++)
            status = each(context, &page[i], err);
        if (count)
            from = page[count - 1].number + 1;
    }
    free(page);
    return status;
}

struct walk {
    const struct ss_vault *vault;
    const struct ss_vault_audit_head *known;
    struct ss_vault_audit_head head;
    struct ss_vault_audit_chain chain;
};

static ss_status_t damaged(struct ss_error *err, int64_t number, const char *what)
{
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "record %lld of the audit log %s", (long long)number,
                        what);
}

ss_status_t ss_vault_audit_follow(struct ss_vault_audit_chain *chain, const struct ss_vault_audit_record *record,
                                  struct ss_error *err)
{
    uint8_t hash[SS_VAULT_AUDIT_HASH_SIZE];
    const struct ss_vault_audit_head *head = chain->head;
    if (record->number != chain->number + 1)
        return damaged(err, chain->number + 1, "is missing");
    ss_status_t status = ss_audit_hash(chain->vault_id, record, chain->hash, hash, err);
    if (status != SS_OK)
        return status;
    if (!ss_equal(hash, record->hash, sizeof hash))
        return damaged(err, record->number, "was changed, or one before it");
    if (head && head->number == record->number && !ss_equal(hash, head->hash, sizeof hash))
        return damaged(err, record->number, "is not the one of the head that was kept");
    chain->number = record->number;
    memcpy(chain->hash, hash, sizeof hash);
    return SS_OK;
}

static ss_status_t check_link(void *context, const struct ss_vault_audit_record *record, struct ss_error *err)
{
    struct walk *w = context;
    return ss_vault_audit_follow(&w->chain, record, err);
}

static ss_status_t check_signature(const ss_signing_key_t *key, const struct ss_vault_audit_head *head,
                                   struct ss_error *err)
{
    uint8_t digest[32], xy[SS_RAW_PUBLIC_KEY_SIZE];
    ss_status_t status = ss_signing_key_raw_public(key, xy, err);
    if (status == SS_OK)
        status = ss_audit_head_digest(head, digest, err);
    if (status != SS_OK)
        return status;
    status = ss_p256_verify(xy, digest, head->signature);
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return ss_error_set(err, status, SS_AREA_VAULT, "the head of the audit log (record %lld) is not signed by it",
                            (long long)head->number);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "the signature could not be checked");
}

/// The head that was kept is this vault's, and genuine.
static ss_status_t check_known(const struct walk *w, struct ss_error *err)
{
    if (!w->known)
        return SS_OK;
    if (memcmp(w->known->vault_id, w->vault->id, sizeof w->vault->id) != 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the head that was kept is another vault's");
    return check_signature(w->vault->audit_key, w->known, err);
}

static ss_status_t check_not_older(const struct walk *w, struct ss_error *err)
{
    if (w->known && w->known->number > w->head.number)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "the audit log ends at record %lld, before the head that was kept (%lld): it is an older "
                            "copy",
                            (long long)w->head.number, (long long)w->known->number);
    return SS_OK;
}

static ss_status_t verify(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct walk *w = context;
    w->chain.head = w->known;
    memcpy(w->chain.vault_id, vault->id, sizeof w->chain.vault_id);
    ss_status_t status = check_known(w, err);
    if (status == SS_OK)
        status = ss_audit_read_head(vault, &w->head, err);
    if (status == SS_OK)
        status = ss_vault_audit_read(vault, 0, check_link, w, err);
    if (status != SS_OK)
        return status;
    if (w->chain.number < w->head.number)
        return damaged(err, w->chain.number + 1, "is missing, and all behind it");
    if (w->chain.number > w->head.number || !ss_equal(w->chain.hash, w->head.hash, sizeof w->chain.hash))
        return damaged(err, w->chain.number, "is not the one that the head names");
    status = check_signature(vault->audit_key, &w->head, err);
    return status == SS_OK ? check_not_older(w, err) : status;
}

ss_status_t ss_audit_verify_within(struct ss_vault *vault, struct ss_vault_audit_head *head, struct ss_error *err)
{
    struct walk w = {.vault = vault};
    ss_status_t status = verify(vault, &w, err);
    *head = w.head;
    return status;
}

ss_status_t ss_vault_audit_verify(struct ss_vault *vault, const struct ss_vault_audit_head *known,
                                  struct ss_vault_audit_head *head, struct ss_error *err)
{
    struct walk w = {.vault = vault, .known = known};
    ss_status_t status = ss_vault_read(vault, verify, &w, err);
    if (head)
        *head = w.head;
    return status;
}

ss_status_t ss_vault_audit_public_key(struct ss_vault *vault, char pem[SS_VAULT_PUBLIC_KEY_SIZE], struct ss_error *err)
{
    size_t len = 0;
    ss_status_t status =
        ss_signing_key_write_public(vault->audit_key, (uint8_t *)pem, SS_VAULT_PUBLIC_KEY_SIZE - 1, &len, err);
    pem[status == SS_OK ? len : 0] = '\0';
    return status;
}

ss_status_t ss_vault_audit_head_verify(const struct ss_vault_audit_head *head, const char *public_key_pem,
                                       struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_signing_key_load((const uint8_t *)public_key_pem, strlen(public_key_pem), &key, err);
    if (status == SS_OK)
        status = check_signature(key, head, err);
    ss_signing_key_free(key);
    return status;
}
