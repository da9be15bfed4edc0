// SPDX-License-Identifier: Apache-2.0
// Phrases for people, apart from the words for machines: devices have room for those only.
#include "slotseal/statement.h"

static const char *const texts[SS_REASON_COUNT] = {
    [SS_REASON_NONE] = "is not refused",
    [SS_REASON_TOO_LONG] = "is longer than its kind may be",
    [SS_REASON_TRUNCATED] = "ends in the middle",
    [SS_REASON_TRAILING] = "goes on after its end",
    [SS_REASON_NOT_DETERMINISTIC] = "is not deterministic CBOR",
    [SS_REASON_TYPE] = "has a value of another type than belongs here",
    [SS_REASON_RANGE] = "has a value outside its range",
    [SS_REASON_TEXT] = "has a character that may not be there",
    [SS_REASON_FIELD_MISSING] = "lacks a field",
    [SS_REASON_FIELD_UNKNOWN] = "has a field that is not known or out of order",
    [SS_REASON_ORDER] = "has a list that is not in ascending order",
    [SS_REASON_INCONSISTENT] = "has fields that contradict each other",
    [SS_REASON_KIND] = "is not of the kind that is wanted here",
    [SS_REASON_SHARED_KEY] = "gives one key two roles",
    [SS_REASON_SIGNER_UNKNOWN] = "is signed by a key that no key set in force names",
    [SS_REASON_SIGNER_ROLE] = "is signed by a key that has another role",
    [SS_REASON_SIGNATURE] = "has a signature that does not verify",
    [SS_REASON_KEY_SET_EARLY] = "is signed by a key whose key set is not in force yet",
    [SS_REASON_KEY_SET_EXPIRED] = "is signed by a key whose key set is no longer in force",
    [SS_REASON_KEY_SET_VERSION] = "has a version that is not above that of the key set in force",
    [SS_REASON_OLD_ROOTS] = "is signed by too few root keys of the key set in force",
    [SS_REASON_NEW_ROOTS] = "is signed by too few of its own root keys",
    [SS_REASON_KEY_SET_EPOCH] = "has delivery epochs that go back",
    [SS_REASON_PRODUCT] = "is for another product",
    [SS_REASON_CHIP] = "is for another chip",
    [SS_REASON_SECURE_BOOT] = "is for another secure boot scheme",
    [SS_REASON_SECURE_VERSION] = "has a secure_version below the device's",
    [SS_REASON_TABLE] = "needs another partition table",
    [SS_REASON_BOOTLOADER] = "needs a feature that the bootloader lacks",
    [SS_REASON_DEVICE] = "is for another device",
    [SS_REASON_RELEASE] = "is of another release",
    [SS_REASON_SLOT_ADDRESS] = "is sealed for another address than that of the slot to write",
    [SS_REASON_SLOT_SIZE] = "does not fit the size of the slot to write",
    [SS_REASON_LENGTH] = "has a ciphertext of another length than the signed image, padded",
    [SS_REASON_EPOCH_KEY] = "has another epoch than the key that signed it",
    [SS_REASON_EPOCH] = "has an older epoch than the last accepted",
    [SS_REASON_SEQUENCE] = "has a sequence that is not above the last accepted",
    [SS_REASON_SEQUENCE_JUMP] = "has a sequence too far above the last accepted",
    [SS_REASON_EXPIRED] = "has expired",
    [SS_REASON_PROOF] = "has a leaf that is not under the signed root",
    [SS_REASON_FUTURE] = "was made later than now",
    [SS_REASON_REPLAYED] = "is older than the last one seen",
    [SS_REASON_EARLY] = "is not valid yet",
};

const char *ss_reason_text(enum ss_reason reason)
{
    return (unsigned)reason < SS_REASON_COUNT ? texts[reason] : "is refused";
}
