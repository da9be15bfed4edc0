// SPDX-License-Identifier: Apache-2.0
// Who may sign what: root thresholds and their succession, and the keys of the sets in force.
#include <string.h>

#include "core/cose.h"
#include "core/crypto.h"
#include "slotseal/key_set.h"

static ss_status_t refuse(struct ss_refusal *why, ss_status_t status, enum ss_reason reason)
{
    if (why)
        *why = (struct ss_refusal){reason, 0};
    return status;
}

// Position of the root key with @p id in @p set; its count of root keys if there is none.
static ss_status_t find_root(const struct ss_key_set *set, const uint8_t *id, unsigned *index)
{
    const struct ss_role_keys *roots = &set->roles[SS_ROLE_ROOT];
    uint8_t candidate[SS_KEY_ID_SIZE];
    for (*index = 0; *index < roots->count; ++*index) {
        ss_status_t status = ss_key_id(roots->keys[*index], candidate);
        if (status != SS_OK || memcmp(candidate, id, sizeof candidate) == 0)
            return status;
    }
    return SS_OK;
}

static ss_status_t verify_root(const struct ss_statement *statement, const struct ss_cose_signature *one,
                               const struct ss_key_set *by, bool *signer, struct ss_refusal *why)
{
    uint8_t digest[32];
    unsigned index;
    ss_status_t status = find_root(by, one->key_id, &index);
    if (status != SS_OK || index == by->roles[SS_ROLE_ROOT].count)
        return status;
    status = ss_cose_digest(statement, one->header, digest);
    if (status == SS_OK)
        status = ss_p256_verify(by->roles[SS_ROLE_ROOT].keys[index], digest, one->signature);
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return refuse(why, status, SS_REASON_SIGNATURE);
    signer[index] = status == SS_OK;
    return status;
}

ss_status_t ss_key_set_count_roots(const struct ss_statement *statement, const struct ss_key_set *by, unsigned *count,
                                   bool signers[SS_ROOT_KEYS_MAX], struct ss_refusal *why)
{
    bool local[SS_ROOT_KEYS_MAX], *who = signers ? signers : local;
    struct ss_cose_signature one;
    struct ss_cbor_reader r;
    ss_status_t status = statement->kind == SS_STATEMENT_KEY_SET ? SS_OK : SS_ERROR_INVALID_ARGUMENT;
    *count = 0;
    memset(who, 0, sizeof local);
    (void)refuse(why, SS_OK, SS_REASON_NONE);
    ss_cbor_reader_init(&r, statement->rest.p, statement->rest.len);
    for (unsigned i = 0; status == SS_OK && i < statement->signatures; i++) {
        ss_cose_read_signature(&r, &one);
        status = ss_cbor_status(&r, statement->start, why);
        if (status == SS_OK)
            status = verify_root(statement, &one, by, who, why);
    }
    if (status != SS_OK)
        memset(who, 0, sizeof local);
    for (unsigned i = 0; i < SS_ROOT_KEYS_MAX; i++)
        *count += who[i];
    return status;
}

static ss_status_t check_threshold(const struct ss_statement *statement, const struct ss_key_set *by,
                                   enum ss_reason reason, struct ss_refusal *why)
{
    unsigned count;
    ss_status_t status = ss_key_set_count_roots(statement, by, &count, NULL, why);
    if (status == SS_OK && count < by->threshold)
        return refuse(why, SS_ERROR_NOT_PERMITTED, reason);
    return status;
}

ss_status_t ss_key_set_check_roots(const struct ss_statement *statement, const struct ss_key_set *set,
                                   struct ss_refusal *why)
{
    return check_threshold(statement, set, SS_REASON_NEW_ROOTS, why);
}

uint32_t ss_key_set_highest_epoch(const struct ss_key_set *set)
{
    uint32_t highest = 0;
    for (unsigned i = 0; i < set->roles[SS_ROLE_DELIVERY].count; i++)
        if (set->epochs[i] > highest)
            highest = set->epochs[i];
    return highest;
}

ss_status_t ss_key_set_check_next(const struct ss_statement *statement, const struct ss_key_set *next,
                                  const struct ss_key_set *in_force, struct ss_refusal *why)
{
    if (!ss_span_equal(next->product, in_force->product))
        return refuse(why, SS_ERROR_NOT_PERMITTED, SS_REASON_PRODUCT);
    if (next->version <= in_force->version)
        return refuse(why, SS_ERROR_NOT_PERMITTED, SS_REASON_KEY_SET_VERSION);
    if (ss_key_set_highest_epoch(next) < ss_key_set_highest_epoch(in_force))
        return refuse(why, SS_ERROR_NOT_PERMITTED, SS_REASON_KEY_SET_EPOCH);
    ss_status_t status = check_threshold(statement, in_force, SS_REASON_OLD_ROOTS, why);
    return status == SS_OK ? check_threshold(statement, next, SS_REASON_NEW_ROOTS, why) : status;
}

enum ss_key_role ss_statement_role(enum ss_statement_kind kind)
{
    static const uint8_t roles[SS_STATEMENT_KIND_COUNT] = {[SS_STATEMENT_RELEASE] = SS_ROLE_RELEASE,
                                                           [SS_STATEMENT_DELIVERY] = SS_ROLE_DELIVERY,
                                                           [SS_STATEMENT_KEY_SET] = SS_ROLE_ROOT,
                                                           [SS_STATEMENT_ROLLOUT] = SS_ROLE_OPERATOR,
                                                           [SS_STATEMENT_FRESHNESS] = SS_ROLE_DELIVERY};
    return roles[kind];
}

// Why @p set is not in force; SS_REASON_NONE if it is.
static enum ss_reason out_of_force(const struct ss_key_ring *ring, const struct ss_key_set *set, uint64_t now)
{
    bool is_old = set != ring->current;
    // Also without a clock: a set that has no time of overlap ends with its successor.
    if (is_old && ring->current->previous_until == 0)
        return SS_REASON_KEY_SET_EXPIRED;
    if (now == 0)
        return SS_REASON_NONE;
    if (now < set->not_before)
        return SS_REASON_KEY_SET_EARLY;
    if ((set->not_after && now > set->not_after) || (is_old && now > ring->current->previous_until))
        return SS_REASON_KEY_SET_EXPIRED;
    return SS_REASON_NONE;
}

// Looks into one set; what it finds out is the reason to give, unless the other set knows better.
static ss_status_t find_in(const struct ss_key_ring *ring, const struct ss_key_set *set,
                           const struct ss_statement *statement, uint64_t now, struct ss_signer *signer,
                           enum ss_reason *reason)
{
    ss_status_t status = ss_key_set_find(set, statement->key_id, signer);
    if (status != SS_OK)
        return status;
    if (signer->role != ss_statement_role(statement->kind))
        *reason = SS_REASON_SIGNER_ROLE;
    else
        *reason = out_of_force(ring, set, now);
    return *reason == SS_REASON_NONE ? SS_OK : SS_ERROR_NOT_PERMITTED;
}

ss_status_t ss_key_ring_verify(const struct ss_key_ring *ring, const struct ss_statement *statement, uint64_t now,
                               struct ss_signer *signer, struct ss_refusal *why)
{
    struct ss_signer found, none, *out = signer ? signer : &none;
    enum ss_reason reason = SS_REASON_SIGNER_UNKNOWN;
    *out = (struct ss_signer){0};
    if (!statement->signature)
        return refuse(why, SS_ERROR_INVALID_ARGUMENT, SS_REASON_NONE);
    ss_status_t status = find_in(ring, ring->current, statement, now, &found, &reason);
    if ((status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_NOT_PERMITTED) && ring->previous) {
        ss_status_t older = find_in(ring, ring->previous, statement, now, &found, &reason);
        status = older == SS_ERROR_DOES_NOT_EXIST ? status : older;
    }
    if (status != SS_OK)
        return refuse(why, status,
                      status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_NOT_PERMITTED ? reason : SS_REASON_NONE);
    status = ss_statement_verify(statement, found.key, why);
    if (status == SS_OK)
        *out = found;
    return status;
}
