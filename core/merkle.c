// SPDX-License-Identifier: Apache-2.0
// The Merkle tree of RFC 9162 §2.1, level by level: pairs are hashed, an odd last node goes up as it is. That is the
// tree whose left half is always the largest power of two.
#include <string.h>

#include "core/crypto.h"
#include "slotseal/freshness.h"

#define DIGEST SS_STATEMENT_DIGEST_SIZE

ss_status_t ss_merkle_leaf(const uint8_t *leaf, size_t len, uint8_t hash[DIGEST])
{
    static const uint8_t prefix = 0x00;
    struct ss_hash h;
    ss_status_t status = ss_hash_init(&h, SS_HASH_SHA256);
    if (status != SS_OK)
        return status;
    status = ss_hash_update(&h, &prefix, 1);
    if (status == SS_OK)
        status = ss_hash_update(&h, leaf, len);
    if (status == SS_OK)
        return ss_hash_finish(&h, hash);
    ss_hash_abort(&h);
    return status;
}

static ss_status_t hash_pair(const uint8_t *left, const uint8_t *right, uint8_t out[DIGEST])
{
    uint8_t in[1 + 2 * DIGEST] = {0x01};
    memcpy(in + 1, left, DIGEST);
    memcpy(in + 1 + DIGEST, right, DIGEST);
    return ss_hash_once(SS_HASH_SHA256, in, sizeof in, out);
}

static uint32_t level_above(uint32_t nodes)
{
    return nodes / 2 + nodes % 2;
}

static bool has_sibling(uint32_t index, uint32_t nodes)
{
    return (index ^ 1u) < nodes;
}

unsigned ss_merkle_path_len(uint32_t index, uint32_t leaves)
{
    unsigned len = 0;
    for (uint32_t n = leaves; n > 1; n = level_above(n), index /= 2)
        len += has_sibling(index, n);
    return len;
}

ss_status_t ss_merkle_climb(uint8_t hash[DIGEST], uint32_t index, uint32_t leaves, const uint8_t *path)
{
    ss_status_t status = SS_OK;
    for (uint32_t n = leaves; n > 1 && status == SS_OK; n = level_above(n), index /= 2) {
        if (!has_sibling(index, n))
            continue;
        status = index % 2 ? hash_pair(path, hash, hash) : hash_pair(hash, path, hash);
        path += DIGEST;
    }
    return status;
}

size_t ss_merkle_nodes(uint32_t leaves)
{
    size_t nodes = leaves;
    for (uint32_t n = leaves; n > 1;)
        nodes += n = level_above(n);
    return nodes;
}

ss_status_t ss_merkle_build(uint8_t (*nodes)[DIGEST], uint32_t leaves)
{
    for (uint32_t n = leaves; n > 1; n = level_above(n)) {
        for (uint32_t i = 0; i < n; i += 2) {
            uint8_t *up = nodes[n + i / 2];
            ss_status_t status = SS_OK;
            if (has_sibling(i, n))
                status = hash_pair(nodes[i], nodes[i + 1], up);
            else
                memcpy(up, nodes[i], DIGEST);
            if (status != SS_OK)
                return status;
        }
        nodes += n;
    }
    return SS_OK;
}

unsigned ss_merkle_path(const uint8_t (*nodes)[DIGEST], uint32_t leaves, uint32_t index, uint8_t (*path)[DIGEST])
{
    unsigned len = 0;
    for (uint32_t n = leaves; n > 1; nodes += n, n = level_above(n), index /= 2)
        if (has_sibling(index, n))
            memcpy(path[len++], nodes[index ^ 1u], DIGEST);
    return len;
}
