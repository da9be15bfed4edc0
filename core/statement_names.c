// SPDX-License-Identifier: Apache-2.0
// Words for what statements are and why they are refused. Devices need not link it.
#include "slotseal/key_set.h"
#include "slotseal/release.h"

static const struct {
    const char *name, *text;
} reasons[SS_REASON_COUNT] = {
    [SS_REASON_NONE] = {"none", "is not refused"},
    [SS_REASON_TOO_LONG] = {"too-long", "is longer than its kind may be"},
    [SS_REASON_TRUNCATED] = {"truncated", "ends in the middle"},
    [SS_REASON_TRAILING] = {"trailing", "goes on after its end"},
    [SS_REASON_NOT_DETERMINISTIC] = {"not-deterministic", "is not deterministic CBOR"},
    [SS_REASON_TYPE] = {"type", "has a value of another type than belongs here"},
    [SS_REASON_RANGE] = {"range", "has a value outside its range"},
    [SS_REASON_TEXT] = {"text", "has a character that may not be there"},
    [SS_REASON_FIELD_MISSING] = {"field-missing", "lacks a field"},
    [SS_REASON_FIELD_UNKNOWN] = {"field-unknown", "has a field that is not known or out of order"},
    [SS_REASON_ORDER] = {"order", "has a list that is not in ascending order"},
    [SS_REASON_INCONSISTENT] = {"inconsistent", "has fields that contradict each other"},
    [SS_REASON_KIND] = {"kind", "is not of the kind that is wanted here"},
    [SS_REASON_SHARED_KEY] = {"shared-key", "gives one key two roles"},
    [SS_REASON_SIGNER_UNKNOWN] = {"signer-unknown", "is signed by a key that no key set in force names"},
    [SS_REASON_SIGNER_ROLE] = {"signer-role", "is signed by a key that has another role"},
    [SS_REASON_SIGNATURE] = {"signature", "has a signature that does not verify"},
    [SS_REASON_KEY_SET_EARLY] = {"key-set-early", "is signed by a key whose key set is not in force yet"},
    [SS_REASON_KEY_SET_EXPIRED] = {"key-set-expired", "is signed by a key whose key set is no longer in force"},
    [SS_REASON_KEY_SET_VERSION] = {"key-set-version", "has a version that is not above that of the key set in force"},
    [SS_REASON_OLD_ROOTS] = {"old-roots", "is signed by too few root keys of the key set in force"},
    [SS_REASON_NEW_ROOTS] = {"new-roots", "is signed by too few of its own root keys"},
    [SS_REASON_KEY_SET_EPOCH] = {"key-set-epoch", "has delivery epochs that go back"},
    [SS_REASON_PRODUCT] = {"product", "is for another product"},
    [SS_REASON_CHIP] = {"chip", "is for another chip"},
    [SS_REASON_SECURE_BOOT] = {"secure-boot", "is for another secure boot scheme"},
    [SS_REASON_SECURE_VERSION] = {"secure-version", "has a secure_version below the device's"},
    [SS_REASON_TABLE] = {"table", "needs another partition table"},
    [SS_REASON_BOOTLOADER] = {"bootloader", "needs a feature that the bootloader lacks"},
    [SS_REASON_DEVICE] = {"device", "is for another device"},
    [SS_REASON_RELEASE] = {"release", "is of another release"},
    [SS_REASON_SLOT_ADDRESS] = {"slot-address", "is sealed for another address than that of the slot to write"},
    [SS_REASON_SLOT_SIZE] = {"slot-size", "does not fit the size of the slot to write"},
    [SS_REASON_LENGTH] = {"length", "has a ciphertext of another length than the signed image, padded"},
    [SS_REASON_EPOCH_KEY] = {"epoch-key", "has another epoch than the key that signed it"},
    [SS_REASON_EPOCH] = {"epoch", "has an older epoch than the last accepted"},
    [SS_REASON_SEQUENCE] = {"sequence", "has a sequence that is not above the last accepted"},
    [SS_REASON_SEQUENCE_JUMP] = {"sequence-jump", "has a sequence too far above the last accepted"},
    [SS_REASON_EXPIRED] = {"expired", "has expired"},
    [SS_REASON_PROOF] = {"proof", "has a leaf that is not under the signed root"},
    [SS_REASON_FUTURE] = {"future", "was made later than now"},
    [SS_REASON_REPLAYED] = {"replayed", "is older than the last one seen"},
    [SS_REASON_EARLY] = {"early", "is not valid yet"},
};

const char *ss_reason_name(enum ss_reason reason)
{
    return (unsigned)reason < SS_REASON_COUNT ? reasons[reason].name : "unknown";
}

const char *ss_reason_text(enum ss_reason reason)
{
    return (unsigned)reason < SS_REASON_COUNT ? reasons[reason].text : "is refused";
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
