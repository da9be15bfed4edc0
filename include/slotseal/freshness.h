// SPDX-License-Identifier: Apache-2.0
// The freshness record: at this time the server was current, and this is what it had for the device. A device that gets
// none for too long, or whose newest record names a release that nobody offers, is being kept from updates ("freeze
// attack").
//
// One signature serves a whole fleet: what is signed is the root of a Merkle tree (RFC 9162 §2.1) over one leaf a
// device, and each record carries its device's leaf and the path to the root. A single record is a tree of one leaf.
#ifndef SLOTSEAL_FRESHNESS_H
#define SLOTSEAL_FRESHNESS_H

#include "slotseal/statement.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Longest path, hashes: a tree of 2^24 devices.
#define SS_MERKLE_PATH_MAX 24u
/// Most leaves of a tree.
#define SS_MERKLE_LEAVES_MAX (1u << SS_MERKLE_PATH_MAX)
/// Longest encoded leaf, bytes.
#define SS_FRESHNESS_LEAF_MAX 120u

struct ss_freshness {
    // Signed.
    struct ss_span product;
    uint64_t time;       ///< when it was made, seconds since 1970
    const uint8_t *root; ///< of the tree, SHA-256
    uint32_t leaves;     ///< of the tree: 1 to SS_MERKLE_LEAVES_MAX
    // The device's leaf, bound by the proof.
    struct ss_span device;  ///< id
    const uint8_t *release; ///< ss_statement_reference() of the release that it is to run; NULL: any
    uint32_t key_set;       ///< version of the newest key set
    // The proof.
    struct ss_span leaf; ///< encoded
    uint32_t index;      ///< of the leaf, below `leaves`
    const uint8_t *path; ///< hashes of 32 bytes, from the leaf's sibling upwards
    uint8_t path_len;    ///< hashes; what index and leaves demand
};

/// Reads the fields and the proof of @p statement, into whose buffer @p record points. Nothing is verified.
/// SS_ERROR_DATA_INVALID with @p why (may be NULL), SS_REASON_KIND for a statement of another kind.
SS_MUST_USE ss_status_t ss_freshness_parse(const struct ss_statement *statement, struct ss_freshness *record,
                                           struct ss_refusal *why);

/// Checks a record whose signature was verified: product, device, proof, and that it is not older than the last one
/// seen (@p last, seconds since 1970; 0: none) nor later than @p now plus @p tolerance (@p now 0: not known).
/// SS_ERROR_NOT_PERMITTED: SS_REASON_PRODUCT, SS_REASON_DEVICE, SS_REASON_PROOF, SS_REASON_REPLAYED, SS_REASON_FUTURE;
/// statuses of the hash provider.
SS_MUST_USE ss_status_t ss_freshness_check(const struct ss_freshness *record, struct ss_span product,
                                           struct ss_span device, uint64_t last, uint64_t now, uint32_t tolerance,
                                           struct ss_refusal *why);

/// SHA-256 of 0x00 and @p len bytes: a leaf of the tree.
SS_MUST_USE ss_status_t ss_merkle_leaf(const uint8_t *leaf, size_t len, uint8_t hash[SS_STATEMENT_DIGEST_SIZE]);

/// Length of the path of leaf @p index of @p leaves, hashes. index < leaves.
unsigned ss_merkle_path_len(uint32_t index, uint32_t leaves);

/// Leads @p hash, that of leaf @p index of @p leaves, up to the root, in place. @p path has ss_merkle_path_len() hashes.
SS_MUST_USE ss_status_t ss_merkle_climb(uint8_t hash[SS_STATEMENT_DIGEST_SIZE], uint32_t index, uint32_t leaves,
                                        const uint8_t *path);

/// How many hashes ss_merkle_build() needs room for: those of every level.
size_t ss_merkle_nodes(uint32_t leaves);

/// Hosts: builds the tree over the @p leaves leaf hashes that stand first in @p nodes, in place. The last of the
/// ss_merkle_nodes() hashes is the root.
SS_MUST_USE ss_status_t ss_merkle_build(uint8_t (*nodes)[SS_STATEMENT_DIGEST_SIZE], uint32_t leaves);

/// Hosts: the path of leaf @p index of a tree that was built, to @p path (room for SS_MERKLE_PATH_MAX hashes); its
/// length, hashes.
unsigned ss_merkle_path(const uint8_t (*nodes)[SS_STATEMENT_DIGEST_SIZE], uint32_t leaves, uint32_t index,
                        uint8_t (*path)[SS_STATEMENT_DIGEST_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
