// SPDX-License-Identifier: Apache-2.0
// Statements: what one part of a fleet says to another, signed. The same code reads them on hosts and on devices: no
// heap, no I/O, bounded input, and parsed statements point into the buffer that they were read from.
//
// A statement is a COSE_Sign1 object (RFC 9052 §4.2), a key set a COSE_Sign object (§4.1), signed with ES256 (RFC 9053
// §2.1) over deterministic CBOR (RFC 8949 §4.2). There is exactly one encoding of every statement, and the parser takes
// no other. Its kind is the content type in the protected header: what was signed as one kind can never be read as
// another. docs/statements.md describes all of it byte by byte.
#ifndef SLOTSEAL_STATEMENT_H
#define SLOTSEAL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ss_statement_kind {
    SS_STATEMENT_RELEASE,   ///< a firmware image is a release of a product; signed by a release key
    SS_STATEMENT_DELIVERY,  ///< this ciphertext is that release for one slot of one device; by a delivery key
    SS_STATEMENT_KEY_SET,   ///< the keys and servers that a fleet trusts; by enough of its root keys
    SS_STATEMENT_ROLLOUT,   ///< this release may go to these devices; by an operator key
    SS_STATEMENT_FRESHNESS, ///< the server is current; by a delivery key
    SS_STATEMENT_KIND_COUNT
};

/// Largest statement of each kind, bytes.
#define SS_RELEASE_MAX   512u
#define SS_DELIVERY_MAX  1536u
#define SS_KEY_SET_MAX   2816u
#define SS_ROLLOUT_MAX   3072u
#define SS_FRESHNESS_MAX 1280u
#define SS_STATEMENT_MAX 3072u ///< of any kind

/// Largest integer in a statement, 2^53 - 1: also JSON holds it exactly (RFC 7493).
#define SS_STATEMENT_INT_MAX 0x1FFFFFFFFFFFFF
/// Length of a P-256 public key X‖Y, big endian, bytes.
#define SS_STATEMENT_KEY_SIZE 64u
/// Length of a signature r‖s, bytes.
#define SS_STATEMENT_SIGNATURE_SIZE 64u
/// Length of a key id, bytes: the beginning of the SHA-256 of the public key X‖Y.
#define SS_KEY_ID_SIZE 8u
/// Length of a SHA-256 digest, bytes.
#define SS_STATEMENT_DIGEST_SIZE 32u
/// Longest name of a product, bytes: letters, digits, `.`, `_`, `-`.
#define SS_PRODUCT_NAME_MAX 32u
/// Longest id of a device, bytes; the same characters.
#define SS_DEVICE_ID_MAX 64u

/// Bytes inside a buffer that belongs to someone else; text has no terminator.
struct ss_span {
    const uint8_t *p; ///< NULL: none
    uint16_t len;     ///< bytes
};

/// @p text as a span, without its terminator. At most 65,535 bytes.
struct ss_span ss_span_of(const char *text);
bool ss_span_equal(struct ss_span a, struct ss_span b);
/// How many bytes from the start of @p p are letters, digits, `.`, `_` or `-`: @p len if it may be a name or an id.
size_t ss_name_prefix(const uint8_t *p, size_t len);

/// Why a statement is refused. Every check has its own reason.
enum ss_reason {
    SS_REASON_NONE, ///< not refused, or not a matter of the statement (see the status)

    // What is not a statement. Status SS_ERROR_DATA_INVALID.
    SS_REASON_TOO_LONG,          ///< above the limit of its kind
    SS_REASON_TRUNCATED,         ///< ends in the middle
    SS_REASON_TRAILING,          ///< bytes after the end
    SS_REASON_NOT_DETERMINISTIC, ///< a longer head than needed, or an indefinite length
    SS_REASON_TYPE,              ///< another CBOR type than belongs here
    SS_REASON_RANGE,             ///< a number or length outside its range
    SS_REASON_TEXT,              ///< a character that may not be there
    SS_REASON_FIELD_MISSING,     ///< a field that must be there
    SS_REASON_FIELD_UNKNOWN,     ///< a field that the kind does not have, or that is out of order
    SS_REASON_ORDER,             ///< a list is not in ascending order, or says something twice
    SS_REASON_INCONSISTENT,      ///< fields that contradict each other
    SS_REASON_KIND,              ///< a content type that is not known, or another than was asked for
    SS_REASON_SHARED_KEY,        ///< a key set gives one key two roles

    // Who signed it.
    SS_REASON_SIGNER_UNKNOWN,  ///< no key set in force has the key. SS_ERROR_DOES_NOT_EXIST
    SS_REASON_SIGNER_ROLE,     ///< the key is known, for another role. SS_ERROR_NOT_PERMITTED
    SS_REASON_SIGNATURE,       ///< signature does not verify. SS_ERROR_INVALID_SIGNATURE
    SS_REASON_KEY_SET_EARLY,   ///< the key set with this key is not in force yet. SS_ERROR_NOT_PERMITTED
    SS_REASON_KEY_SET_EXPIRED, ///< … is no longer in force. SS_ERROR_NOT_PERMITTED, as all that follow

    // A new key set.
    SS_REASON_KEY_SET_VERSION, ///< its version is not above that of the one in force
    SS_REASON_OLD_ROOTS,       ///< too few root keys of the set in force signed it
    SS_REASON_NEW_ROOTS,       ///< too few of its own root keys signed it
    SS_REASON_KEY_SET_EPOCH,   ///< its delivery epochs go back

    // A release, for this device.
    SS_REASON_PRODUCT,        ///< for another product
    SS_REASON_CHIP,           ///< for another chip
    SS_REASON_SECURE_BOOT,    ///< signed for another secure boot scheme
    SS_REASON_SECURE_VERSION, ///< below the device's secure_version
    SS_REASON_TABLE,          ///< needs another partition table
    SS_REASON_BOOTLOADER,     ///< needs a feature that the bootloader lacks

    // A delivery, for this device.
    SS_REASON_DEVICE,        ///< for another device
    SS_REASON_RELEASE,       ///< of another release than the statement that came with it
    SS_REASON_SLOT_ADDRESS,  ///< sealed for another address than that of the slot to write
    SS_REASON_SLOT_SIZE,     ///< sealed for a slot of another size
    SS_REASON_LENGTH,        ///< ciphertext is shorter than the signed image, or padded by a sector and more
    SS_REASON_EPOCH_KEY,     ///< the signing key belongs to another epoch
    SS_REASON_EPOCH,         ///< an older epoch than the last accepted
    SS_REASON_SEQUENCE,      ///< not above the last accepted sequence of the epoch
    SS_REASON_SEQUENCE_JUMP, ///< more than SS_SEQUENCE_JUMP_MAX above it
    SS_REASON_EXPIRED,       ///< past its expiry

    // A freshness record, a rollout.
    SS_REASON_PROOF,    ///< its leaf is not under the signed root
    SS_REASON_FUTURE,   ///< made later than now
    SS_REASON_REPLAYED, ///< older than the last one seen
    SS_REASON_EARLY,    ///< its time has not come
    SS_REASON_COUNT
};

/// What a refusal says: the last, optional argument of what reads or checks statements. Set only when the status is
/// not SS_OK.
struct ss_refusal {
    enum ss_reason reason;
    uint16_t offset; ///< where in the statement, bytes from its start; only for what is not a statement
};

/// One or two words with dashes for logs and JSON: "slot-address". Never NULL.
const char *ss_reason_name(enum ss_reason reason);
/// A phrase for people: "is sealed for another address than that of the slot to write". Never NULL.
const char *ss_reason_text(enum ss_reason reason);
/// "release", "delivery", "key set", "rollout", "freshness". Never NULL.
const char *ss_statement_kind_name(enum ss_statement_kind kind);
/// Largest statement of @p kind, bytes.
size_t ss_statement_max(enum ss_statement_kind kind);

/// The envelope of a statement. All pointers lead into the buffer that was parsed: it must stay as it is.
struct ss_statement {
    const uint8_t *start;     ///< the buffer
    uint8_t kind;             ///< enum ss_statement_kind
    uint8_t signatures;       ///< how many: 1, of a key set 0 to SS_KEY_SET_SIGNATURES_MAX
    struct ss_span header;    ///< the protected header, encoded
    struct ss_span payload;   ///< the fields, encoded: what ss_release_parse() and its like read
    const uint8_t *key_id;    ///< of the signer, SS_KEY_ID_SIZE bytes; NULL for a key set
    const uint8_t *signature; ///< r‖s; NULL for a key set
    struct ss_span rest;      ///< a key set's signatures, a freshness record's proof; encoded
};

/// Reads the envelope of @p len bytes, of whatever kind it is. Nothing is verified.
/// SS_ERROR_DATA_INVALID with @p why (may be NULL); @p statement is all zero then.
SS_MUST_USE ss_status_t ss_statement_parse(const uint8_t *in, size_t len, struct ss_statement *statement,
                                           struct ss_refusal *why);

/// SHA-256 of a statement's payload: what other statements refer to it by, whoever signed it.
/// Statuses are those of the hash provider.
SS_MUST_USE ss_status_t ss_statement_reference(const struct ss_statement *statement,
                                               uint8_t reference[SS_STATEMENT_DIGEST_SIZE]);

/// The id of @p public_key (X‖Y). Statuses are those of the hash provider.
SS_MUST_USE ss_status_t ss_key_id(const uint8_t public_key[SS_STATEMENT_KEY_SIZE], uint8_t id[SS_KEY_ID_SIZE]);

/// Verifies the signature of a statement that is no key set, with one key: no role, no key set, no validity is looked
/// at. ss_key_ring_verify() in slotseal/key_set.h is the whole check.
///   SS_OK
///   SS_ERROR_DOES_NOT_EXIST      it names another key (SS_REASON_SIGNER_UNKNOWN)
///   SS_ERROR_INVALID_SIGNATURE   (SS_REASON_SIGNATURE)
///   SS_ERROR_INVALID_ARGUMENT    a key set, whose signatures need ss_key_set_check_roots()
///   SS_ERROR_DATA_INVALID        @p public_key is no point of the curve (SS_REASON_NONE)
///   statuses of the crypto provider (SS_REASON_NONE)
SS_MUST_USE ss_status_t ss_statement_verify(const struct ss_statement *statement,
                                            const uint8_t public_key[SS_STATEMENT_KEY_SIZE], struct ss_refusal *why);

#ifdef __cplusplus
}
#endif
#endif
