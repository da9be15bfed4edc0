// SPDX-License-Identifier: Apache-2.0
#include "device/trust.h"

// Reads the key set in @p span. False: it is none.
static bool read_set(struct ss_span span, struct ss_key_set *set, struct ss_statement *statement)
{
    return span.p && ss_statement_parse(span.p, span.len, statement, NULL) == SS_OK &&
           ss_key_set_parse(statement, set, NULL) == SS_OK;
}

// What says that a set does not follow, and nothing about the means to find out.
static bool is_verdict(ss_status_t status)
{
    return status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_INVALID_SIGNATURE ||
           status == SS_ERROR_DATA_INVALID || status == SS_ERROR_DOES_NOT_EXIST;
}

// *follows: whether the set in @p span, read into @p set, may follow @p before.
static ss_status_t check_link(struct ss_span span, struct ss_key_set *set, const struct ss_key_set *before,
                              bool *follows)
{
    struct ss_statement statement;
    *follows = false;
    if (!read_set(span, set, &statement))
        return SS_OK;
    ss_status_t status = ss_key_set_check_next(&statement, set, before, NULL);
    *follows = status == SS_OK;
    return is_verdict(status) ? SS_OK : status;
}

static bool same(struct ss_span a, struct ss_span b)
{
    return a.p && b.p && ss_span_equal(a, b);
}

// With the pinned set in sets[0]: moves on to the one before the current, if it was stored and follows. *via: sets[1]
// holds one that the current may follow.
static ss_status_t find_previous(const struct ss_trust_sets *from, struct ss_trust *trust, bool *via)
{
    *via = same(from->previous, from->pinned);
    if (!*via)
        return check_link(from->previous, &trust->sets[1], &trust->sets[0], via);
    trust->sets[1] = trust->sets[0];
    return SS_OK;
}

ss_status_t ss_trust_choose(const struct ss_trust_sets *sets, struct ss_trust *trust, struct ss_key_ring *ring)
{
    struct ss_statement statement;
    struct ss_key_set current;
    bool via = false, newest = false;
    *trust = (struct ss_trust){.chosen = {.pinned = sets->pinned, .current = sets->pinned}};
    *ring = (struct ss_key_ring){0};
    if (!read_set(sets->pinned, &trust->sets[0], &statement))
        return SS_ERROR_DATA_INVALID;
    ss_status_t status = find_previous(sets, trust, &via);
    if (status == SS_OK && via)
        status = check_link(sets->current, &current, &trust->sets[1], &newest);
    if (status == SS_OK && !newest) {
        // Without the one before it: that one's keys are not in force then, whatever the current one says of them.
        status = check_link(sets->current, &current, &trust->sets[0], &newest);
        if (newest)
            via = false;
    }
    if (status != SS_OK)
        return status;
    if (newest) {
        trust->sets[0] = current;
        trust->chosen.current = sets->current;
        trust->chosen.previous = via ? sets->previous : (struct ss_span){0};
    } else if (via) {
        trust->sets[0] = trust->sets[1];
        trust->chosen.current = sets->previous;
    }
    ring->current = &trust->sets[0];
    ring->previous = trust->chosen.previous.p ? &trust->sets[1] : NULL;
    return SS_OK;
}

ss_status_t ss_trust_would_keep(const struct ss_trust *trust, struct ss_span next)
{
    struct ss_trust then;
    struct ss_key_ring ring;
    const struct ss_trust_sets sets = {
        .pinned = trust->chosen.pinned, .current = next, .previous = trust->chosen.current};
    ss_status_t status = ss_trust_choose(&sets, &then, &ring);
    if (status != SS_OK)
        return status;
    return then.chosen.current.p == next.p ? SS_OK : SS_ERROR_NOT_PERMITTED;
}
