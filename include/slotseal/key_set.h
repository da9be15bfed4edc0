// SPDX-License-Identifier: Apache-2.0
// Key sets: which keys may sign what for a fleet, and where its servers are. A key set is signed by a threshold of the
// root keys that it names, kept offline; the next one also by a threshold of those that the set in force names. So every
// key, also a root key, can be replaced, and a server moved. A device starts from a set that is built in.
//
// The newest set and the one before it can be in force at the same time: `previous_until` of the newest says until
// when. Without it, the old keys are void at once.
#ifndef SLOTSEAL_KEY_SET_H
#define SLOTSEAL_KEY_SET_H

#include "slotseal/statement.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_ROOT_KEYS_MAX          5u
#define SS_RELEASE_KEYS_MAX       4u
#define SS_DELIVERY_KEYS_MAX      4u
#define SS_OPERATOR_KEYS_MAX      4u
#define SS_CAS_MAX                4u
#define SS_SERVERS_MAX            4u
#define SS_SERVER_MAX             96u ///< longest server address, bytes
#define SS_KEY_SET_SIGNATURES_MAX (2u * SS_ROOT_KEYS_MAX)

/// What a key may sign.
enum ss_key_role {
    SS_ROLE_ROOT,     ///< key sets
    SS_ROLE_RELEASE,  ///< release statements
    SS_ROLE_DELIVERY, ///< delivery statements and freshness records
    SS_ROLE_OPERATOR, ///< rollout authorisations
    SS_ROLE_COUNT
};

/// "root", "release", "delivery", "operator". Never NULL.
const char *ss_key_role_name(enum ss_key_role role);

/// Keys of one role, in ascending order; each is X‖Y, SS_STATEMENT_KEY_SIZE bytes.
struct ss_role_keys {
    const uint8_t *keys[SS_ROOT_KEYS_MAX];
    uint8_t count;
};

struct ss_key_set {
    struct ss_span product;                   ///< name, 1 to SS_PRODUCT_NAME_MAX bytes
    uint64_t not_before;                      ///< in force from, seconds since 1970; 0: at once
    uint64_t not_after;                       ///< in force until and including; 0: no end
    uint64_t previous_until;                  ///< the set before it stays in force until; 0: ends at once
    uint32_t version;                         ///< from 1; each set has a higher one than the last
    uint32_t epochs[SS_DELIVERY_KEYS_MAX];    ///< of the delivery keys, from 1
    struct ss_role_keys roles[SS_ROLE_COUNT]; ///< no key is in two of them
    const uint8_t *cas[SS_CAS_MAX];           ///< SHA-256 of the servers' CA certificates (DER), ascending
    struct ss_span servers[SS_SERVERS_MAX];   ///< addresses, in order of preference
    uint8_t threshold;                        ///< root keys that must sign: 1 to the number of root keys
    uint8_t ca_count;
    uint8_t server_count;
};

/// Reads the fields of @p statement, into whose buffer @p set points. Nothing is verified.
/// SS_ERROR_DATA_INVALID with @p why (may be NULL), SS_REASON_KIND for a statement of another kind.
SS_MUST_USE ss_status_t ss_key_set_parse(const struct ss_statement *statement, struct ss_key_set *set,
                                         struct ss_refusal *why);

/// How many different root keys of @p by have signed the key set @p statement. Signatures by keys that @p by does not
/// name are skipped; a wrong one by a key that it names spoils the statement.
///   SS_ERROR_INVALID_SIGNATURE   a root key's signature does not verify; *@p count is 0, *@p signers all false
///   SS_ERROR_INVALID_ARGUMENT    @p statement is no key set
///   SS_ERROR_DATA_INVALID        a root key is no point of the curve (SS_REASON_NONE)
///   statuses of the crypto provider
/// @p signers (may be NULL) says of each root key of @p by whether it signed.
SS_MUST_USE ss_status_t ss_key_set_count_roots(const struct ss_statement *statement, const struct ss_key_set *by,
                                               unsigned *count, bool signers[SS_ROOT_KEYS_MAX], struct ss_refusal *why);

/// Checks a key set that is trusted for what it is (built in, provisioned): signed by its own threshold.
/// @p set must have been parsed from @p statement. Statuses of _count_roots(), and SS_ERROR_NOT_PERMITTED:
/// SS_REASON_NEW_ROOTS.
SS_MUST_USE ss_status_t ss_key_set_check_roots(const struct ss_statement *statement, const struct ss_key_set *set,
                                               struct ss_refusal *why);

/// The highest epoch of its delivery keys; 0 without any.
uint32_t ss_key_set_highest_epoch(const struct ss_key_set *set);

/// Checks whether @p next (parsed from @p statement) may follow the set in force. Neither set's validity matters: a
/// device that was off for years must be able to catch up.
/// Statuses of _count_roots(), and SS_ERROR_NOT_PERMITTED: SS_REASON_PRODUCT, SS_REASON_KEY_SET_VERSION,
/// SS_REASON_KEY_SET_EPOCH (its highest epoch is lower), SS_REASON_OLD_ROOTS, SS_REASON_NEW_ROOTS.
SS_MUST_USE ss_status_t ss_key_set_check_next(const struct ss_statement *statement, const struct ss_key_set *next,
                                              const struct ss_key_set *in_force, struct ss_refusal *why);

/// The key sets that a verifier holds.
struct ss_key_ring {
    const struct ss_key_set *current;  ///< the newest
    const struct ss_key_set *previous; ///< the one before it; NULL: none
};

/// Who signed a statement.
struct ss_signer {
    const struct ss_key_set *set; ///< that names the key; NULL: none
    const uint8_t *key;           ///< X‖Y, inside the key set
    enum ss_key_role role;
    uint32_t epoch; ///< of a delivery key, else 0
};

/// The role that signs statements of @p kind.
enum ss_key_role ss_statement_role(enum ss_statement_kind kind);

/// The key of @p id in @p set, whatever its role. SS_ERROR_DOES_NOT_EXIST, or statuses of the hash provider; @p signer is
/// all zero then.
SS_MUST_USE ss_status_t ss_key_set_find(const struct ss_key_set *set, const uint8_t id[SS_KEY_ID_SIZE],
                                        struct ss_signer *signer);

/// Finds which key of which set in force signed @p statement, and verifies it. @p now is in seconds since 1970, 0 if the
/// time is not known: then no set is early or expired. SS_OK only if the key has the role that signs this kind.
///   SS_ERROR_DOES_NOT_EXIST     SS_REASON_SIGNER_UNKNOWN
///   SS_ERROR_NOT_PERMITTED      SS_REASON_SIGNER_ROLE, SS_REASON_KEY_SET_EARLY, SS_REASON_KEY_SET_EXPIRED
///   others                      as ss_statement_verify()
/// @p signer (may be NULL) is all zero unless the result is SS_OK.
SS_MUST_USE ss_status_t ss_key_ring_verify(const struct ss_key_ring *ring, const struct ss_statement *statement,
                                           uint64_t now, struct ss_signer *signer, struct ss_refusal *why);

#ifdef __cplusplus
}
#endif
#endif
