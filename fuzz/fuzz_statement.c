// SPDX-License-Identifier: Apache-2.0
// Statements of all five kinds. What parses encodes again to the same bytes: there is no second encoding of anything.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "slotseal/update_check.h"
#include "tests/support/statement_again.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static bool inside(const uint8_t *data, size_t len, const uint8_t *p, size_t size)
{
    return p >= data && size <= len && (size_t)(p - data) <= len - size;
}

static void check_key_set(const struct ss_statement *s)
{
    struct ss_key_set set;
    struct ss_refusal why;
    unsigned count;
    bool signers[SS_ROOT_KEYS_MAX];
    if (ss_key_set_parse(s, &set, &why) != SS_OK)
        return;
    must(set.threshold >= 1 && set.threshold <= set.roles[SS_ROLE_ROOT].count);
    ss_status_t status = ss_key_set_count_roots(s, &set, &count, signers, &why);
    must(status == SS_OK || count == 0);
    must(ss_key_set_check_next(s, &set, &set, &why) != SS_OK && why.reason == SS_REASON_KEY_SET_VERSION);
}

static void check_freshness(const struct ss_statement *s)
{
    struct ss_freshness f;
    struct ss_refusal why;
    if (ss_freshness_parse(s, &f, &why) != SS_OK)
        return;
    must(f.index < f.leaves && f.path_len == ss_merkle_path_len(f.index, f.leaves));
    ss_status_t status = ss_freshness_check(&f, f.product, f.device, 0, 0, 0, &why);
    must(status == SS_OK || why.reason == SS_REASON_PROOF);
}

static void check_delivery(const struct ss_statement *s)
{
    struct ss_delivery d;
    struct ss_refusal why;
    if (ss_delivery_parse(s, &d, &why) != SS_OK)
        return;
    must(d.windows >= 1 && d.windows <= SS_WINDOWS_MAX && d.length <= d.slot_size);
    must((uint64_t)d.windows * d.window >= d.length && (uint64_t)(d.windows - 1) * d.window < d.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t again[SS_STATEMENT_MAX];
    size_t again_len;
    struct ss_statement s;
    struct ss_refusal why = {SS_REASON_NONE, 0};
    if (ss_statement_parse(data, len, &s, &why) != SS_OK) {
        must(why.reason != SS_REASON_NONE && why.offset <= len && s.payload.p == NULL);
        return 0;
    }
    must(len <= ss_statement_max(s.kind) && inside(data, len, s.payload.p, s.payload.len));
    if (statement_again(&s, again, &again_len, &why) != SS_OK) {
        must(why.reason != SS_REASON_NONE && why.offset <= len);
        return 0;
    }
    must(again_len == len && memcmp(again, data, len) == 0);
    if (s.kind == SS_STATEMENT_KEY_SET)
        check_key_set(&s);
    else if (s.kind == SS_STATEMENT_FRESHNESS)
        check_freshness(&s);
    else if (s.kind == SS_STATEMENT_DELIVERY)
        check_delivery(&s);
    return 0;
}
