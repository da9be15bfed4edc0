// SPDX-License-Identifier: Apache-2.0
// Words for what statements are and why they are refused: those that machines know.
#include "slotseal/key_set.h"
#include "slotseal/release.h"

static const char *const reason_names[SS_REASON_COUNT] = {
    [SS_REASON_NONE] = "none",
    [SS_REASON_TOO_LONG] = "too-long",
    [SS_REASON_TRUNCATED] = "truncated",
    [SS_REASON_TRAILING] = "trailing",
    [SS_REASON_NOT_DETERMINISTIC] = "not-deterministic",
    [SS_REASON_TYPE] = "type",
    [SS_REASON_RANGE] = "range",
    [SS_REASON_TEXT] = "text",
    [SS_REASON_FIELD_MISSING] = "field-missing",
    [SS_REASON_FIELD_UNKNOWN] = "field-unknown",
    [SS_REASON_ORDER] = "order",
    [SS_REASON_INCONSISTENT] = "inconsistent",
    [SS_REASON_KIND] = "kind",
    [SS_REASON_SHARED_KEY] = "shared-key",
    [SS_REASON_SIGNER_UNKNOWN] = "signer-unknown",
    [SS_REASON_SIGNER_ROLE] = "signer-role",
    [SS_REASON_SIGNATURE] = "signature",
    [SS_REASON_KEY_SET_EARLY] = "key-set-early",
    [SS_REASON_KEY_SET_EXPIRED] = "key-set-expired",
    [SS_REASON_KEY_SET_VERSION] = "key-set-version",
    [SS_REASON_OLD_ROOTS] = "old-roots",
    [SS_REASON_NEW_ROOTS] = "new-roots",
    [SS_REASON_KEY_SET_EPOCH] = "key-set-epoch",
    [SS_REASON_PRODUCT] = "product",
    [SS_REASON_CHIP] = "chip",
    [SS_REASON_SECURE_BOOT] = "secure-boot",
    [SS_REASON_SECURE_VERSION] = "secure-version",
    [SS_REASON_TABLE] = "table",
    [SS_REASON_BOOTLOADER] = "bootloader",
    [SS_REASON_DEVICE] = "device",
    [SS_REASON_RELEASE] = "release",
    [SS_REASON_SLOT_ADDRESS] = "slot-address",
    [SS_REASON_SLOT_SIZE] = "slot-size",
    [SS_REASON_LENGTH] = "length",
    [SS_REASON_EPOCH_KEY] = "epoch-key",
    [SS_REASON_EPOCH] = "epoch",
    [SS_REASON_SEQUENCE] = "sequence",
    [SS_REASON_SEQUENCE_JUMP] = "sequence-jump",
    [SS_REASON_EXPIRED] = "expired",
    [SS_REASON_PROOF] = "proof",
    [SS_REASON_FUTURE] = "future",
    [SS_REASON_REPLAYED] = "replayed",
    [SS_REASON_EARLY] = "early",
};

const char *ss_reason_name(enum ss_reason reason)
{
    return (unsigned)reason < SS_REASON_COUNT ? reason_names[reason] : "unknown";
}

const char *ss_statement_kind_name(enum ss_statement_kind kind)
{
    static const char *const names[SS_STATEMENT_KIND_COUNT] = {"release", "delivery", "key set", "rollout",
                                                               "freshness"};
    return (unsigned)kind < SS_STATEMENT_KIND_COUNT ? names[kind] : "unknown";
}

const char *ss_key_role_name(enum ss_key_role role)
{
    static const char *const names[SS_ROLE_COUNT] = {"root", "release", "delivery", "operator"};
    return (unsigned)role < SS_ROLE_COUNT ? names[role] : "unknown";
}

const char *ss_release_scheme_name(unsigned scheme)
{
    static const char *const names[] = {"none", "v1", "v2"};
    return scheme <= SS_RELEASE_V2 ? names[scheme] : "unknown";
}
