// SPDX-License-Identifier: Apache-2.0
#include "slotseal/key_set.h"

#include <string.h>

#include "core/crypto.h"
#include "core/statement_fields.h"

enum field {
    PRODUCT = 1,
    VERSION,
    THRESHOLD,
    ROOT_KEYS,
    RELEASE_KEYS,
    DELIVERY_KEYS,
    OPERATOR_KEYS,
    CAS,
    SERVERS,
    NOT_BEFORE,
    NOT_AFTER,
    PREVIOUS_UNTIL,
};

// A string of fixed length that has to be above the last one: no order is left to choose, nothing is there twice.
static const uint8_t *read_ascending(struct ss_cbor_reader *r, const uint8_t *last, size_t len)
{
    const uint8_t *at = r->p, *p = ss_cbor_fixed(r, len);
    if (p && last && memcmp(last, p, len) >= 0)
        ss_cbor_fail_at(r, at, SS_REASON_ORDER);
    return p;
}

static void read_keys(struct ss_cbor_reader *r, struct ss_role_keys *keys, unsigned max)
{
    keys->count = (uint8_t)ss_cbor_array(r, 1, max);
    for (unsigned i = 0; i < keys->count; i++)
        keys->keys[i] = read_ascending(r, i ? keys->keys[i - 1] : NULL, SS_STATEMENT_KEY_SIZE);
}

// [+ [key, epoch]]
static void read_delivery_keys(struct ss_cbor_reader *r, struct ss_key_set *f)
{
    struct ss_role_keys *keys = &f->roles[SS_ROLE_DELIVERY];
    keys->count = (uint8_t)ss_cbor_array(r, 1, SS_DELIVERY_KEYS_MAX);
    for (unsigned i = 0; i < keys->count; i++) {
        (void)ss_cbor_array(r, 2, 2);
        keys->keys[i] = read_ascending(r, i ? keys->keys[i - 1] : NULL, SS_STATEMENT_KEY_SIZE);
        f->epochs[i] = ss_cbor_u32(r, 1, UINT32_MAX);
    }
}

static void read_servers(struct ss_cbor_reader *r, struct ss_key_set *f)
{
    if (ss_cbor_has(r, CAS)) {
        f->ca_count = (uint8_t)ss_cbor_array(r, 1, SS_CAS_MAX);
        for (unsigned i = 0; i < f->ca_count; i++)
            f->cas[i] = read_ascending(r, i ? f->cas[i - 1] : NULL, SS_STATEMENT_DIGEST_SIZE);
    }
    if (ss_cbor_has(r, SERVERS)) {
        f->server_count = (uint8_t)ss_cbor_array(r, 1, SS_SERVERS_MAX);
        for (unsigned i = 0; i < f->server_count; i++)
            f->servers[i] = ss_cbor_text(r, 1, SS_SERVER_MAX);
    }
}

static uint64_t read_time(struct ss_cbor_reader *r, unsigned key)
{
    return ss_cbor_has(r, key) ? ss_cbor_positive(r) : 0;
}

// The n-th key of all roles; NULL behind the last.
static const uint8_t *key_at(const struct ss_key_set *set, unsigned n, enum ss_key_role *role, unsigned *index)
{
    for (unsigned i = 0; i < SS_ROLE_COUNT; i++) {
        if (n < set->roles[i].count) {
            *role = i;
            *index = n;
            return set->roles[i].keys[n];
        }
        n -= set->roles[i].count;
    }
    return NULL;
}

static bool shares_a_key(const struct ss_key_set *set)
{
    enum ss_key_role role;
    unsigned index;
    const uint8_t *a, *b;
    for (unsigned i = 0; (a = key_at(set, i, &role, &index)) != NULL; i++)
        for (unsigned k = i + 1; (b = key_at(set, k, &role, &index)) != NULL; k++)
            if (memcmp(a, b, SS_STATEMENT_KEY_SIZE) == 0)
                return true;
    return false;
}

static void check_fields(struct ss_cbor_reader *r, const struct ss_key_set *f)
{
    if (r->reason != SS_REASON_NONE)
        return;
    if (f->threshold > f->roles[SS_ROLE_ROOT].count || (f->not_after && f->not_after < f->not_before))
        ss_cbor_fail(r, SS_REASON_INCONSISTENT);
    if (shares_a_key(f))
        ss_cbor_fail(r, SS_REASON_SHARED_KEY);
}

static void read_fields(struct ss_cbor_reader *r, void *out)
{
    struct ss_key_set *f = out;
    ss_cbor_need(r, PRODUCT);
    f->product = ss_cbor_name(r, SS_PRODUCT_NAME_MAX);
    ss_cbor_need(r, VERSION);
    f->version = ss_cbor_u32(r, 1, UINT32_MAX);
    ss_cbor_need(r, THRESHOLD);
    f->threshold = (uint8_t)ss_cbor_u32(r, 1, SS_ROOT_KEYS_MAX);
    ss_cbor_need(r, ROOT_KEYS);
    read_keys(r, &f->roles[SS_ROLE_ROOT], SS_ROOT_KEYS_MAX);
    ss_cbor_need(r, RELEASE_KEYS);
    read_keys(r, &f->roles[SS_ROLE_RELEASE], SS_RELEASE_KEYS_MAX);
    ss_cbor_need(r, DELIVERY_KEYS);
    read_delivery_keys(r, f);
    if (ss_cbor_has(r, OPERATOR_KEYS))
        read_keys(r, &f->roles[SS_ROLE_OPERATOR], SS_OPERATOR_KEYS_MAX);
    read_servers(r, f);
    f->not_before = read_time(r, NOT_BEFORE);
    f->not_after = read_time(r, NOT_AFTER);
    f->previous_until = read_time(r, PREVIOUS_UNTIL);
    ss_cbor_map_end(r);
    ss_cbor_end(r);
    check_fields(r, f);
}

ss_status_t ss_key_set_parse(const struct ss_statement *statement, struct ss_key_set *set, struct ss_refusal *why)
{
    static const struct ss_cose_payload payload = {
        .read_fields = read_fields, .size = sizeof(struct ss_key_set), .kind = SS_STATEMENT_KEY_SET};
    return ss_cose_read_payload(statement, set, why, &payload);
}

static void put_keys(struct ss_cbor_writer *w, unsigned field, const struct ss_role_keys *keys)
{
    ss_cbor_put_uint(w, field);
    ss_cbor_put_array(w, keys->count);
    for (unsigned i = 0; i < keys->count; i++)
        ss_cbor_put_bytes(w, keys->keys[i], SS_STATEMENT_KEY_SIZE);
}

static void put_delivery_keys(struct ss_cbor_writer *w, const struct ss_key_set *f)
{
    const struct ss_role_keys *keys = &f->roles[SS_ROLE_DELIVERY];
    ss_cbor_put_uint(w, DELIVERY_KEYS);
    ss_cbor_put_array(w, keys->count);
    for (unsigned i = 0; i < keys->count; i++) {
        ss_cbor_put_array(w, 2);
        ss_cbor_put_bytes(w, keys->keys[i], SS_STATEMENT_KEY_SIZE);
        ss_cbor_put_uint(w, f->epochs[i]);
    }
}

static void put_servers(struct ss_cbor_writer *w, const struct ss_key_set *f)
{
    if (f->ca_count) {
        ss_cbor_put_uint(w, CAS);
        ss_cbor_put_array(w, f->ca_count);
        for (unsigned i = 0; i < f->ca_count; i++)
            ss_cbor_put_bytes(w, f->cas[i], SS_STATEMENT_DIGEST_SIZE);
    }
    if (f->server_count) {
        ss_cbor_put_uint(w, SERVERS);
        ss_cbor_put_array(w, f->server_count);
        for (unsigned i = 0; i < f->server_count; i++)
            ss_cbor_put_text(w, f->servers[i]);
    }
}

static void put_time(struct ss_cbor_writer *w, unsigned field, uint64_t time)
{
    if (time)
        ss_put_uint_field(w, field, time);
}

void ss_key_set_put(struct ss_cbor_writer *w, const struct ss_key_set *f)
{
    bool operators = f->roles[SS_ROLE_OPERATOR].count != 0;
    ss_cbor_put_map(w, 6 + operators + (f->ca_count != 0) + (f->server_count != 0) + (f->not_before != 0) +
                           (f->not_after != 0) + (f->previous_until != 0));
    ss_put_text_field(w, PRODUCT, f->product);
    ss_put_uint_field(w, VERSION, f->version);
    ss_put_uint_field(w, THRESHOLD, f->threshold);
    put_keys(w, ROOT_KEYS, &f->roles[SS_ROLE_ROOT]);
    put_keys(w, RELEASE_KEYS, &f->roles[SS_ROLE_RELEASE]);
    put_delivery_keys(w, f);
    if (operators)
        put_keys(w, OPERATOR_KEYS, &f->roles[SS_ROLE_OPERATOR]);
    put_servers(w, f);
    put_time(w, NOT_BEFORE, f->not_before);
    put_time(w, NOT_AFTER, f->not_after);
    put_time(w, PREVIOUS_UNTIL, f->previous_until);
}

ss_status_t ss_key_set_find(const struct ss_key_set *set, const uint8_t id[SS_KEY_ID_SIZE], struct ss_signer *signer)
{
    uint8_t candidate[SS_KEY_ID_SIZE];
    enum ss_key_role role;
    unsigned index;
    const uint8_t *key;
    *signer = (struct ss_signer){0};
    for (unsigned n = 0; (key = key_at(set, n, &role, &index)) != NULL; n++) {
        ss_status_t status = ss_key_id(key, candidate);
        if (status != SS_OK)
            return status;
        if (memcmp(candidate, id, sizeof candidate) != 0)
            continue;
        *signer = (struct ss_signer){set, key, role, role == SS_ROLE_DELIVERY ? set->epochs[index] : 0};
        return SS_OK;
    }
    return SS_ERROR_DOES_NOT_EXIST;
}
