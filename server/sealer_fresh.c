// SPDX-License-Identifier: Apache-2.0
// Freshness records: one signature over a tree whose leaves are the devices that were asked for.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/sealer_parts.h"
#include "slotseal/statement_sign.h"

struct leaf {
    struct ss_freshness record;
    uint8_t reference[32];
};

struct batch {
    struct ss_key_ring ring;
    struct leaf leaves[SS_SEALER_FRESHNESS_MAX];
    uint32_t count;
    uint8_t (*nodes)[32];
    struct ss_freshness_signature signature;
    char known[SS_SEALER_VERSION_SIZE]; ///< the release that was looked up last
    uint8_t reference[32];
};

/// Devices of a fleet run few releases, one after the other.
static ss_status_t reference_of(struct ss_sealer_service *service, struct batch *b, const char *product,
                                const char *version, uint64_t now, struct ss_error *err)
{
    struct ss_vault_release release;
    struct ss_release fields;
    if (!strcmp(b->known, version))
        return SS_OK;
    ss_status_t status = ss_vault_release_get(service->vault, product, version, &release, err);
    if (status == SS_OK)
        status = ss_sealer_release_read(service->options.keys, &release, now, &fields, b->reference, err);
    strcpy(b->known, status == SS_OK ? version : "");
    return status;
}

/// A release that the vault does not have, or whose signer a new key set has withdrawn: it is none to be named, and must
/// not cost the other devices their records.
static bool is_of_one_device(ss_status_t status)
{
    return status != SS_OK && status != SS_ERROR_IO && status != SS_ERROR_INSUFFICIENT_MEMORY;
}

static ss_status_t add_leaf(struct ss_sealer_service *service, struct batch *b, const char *product,
                            const struct ss_sealer_fresh_device *d, uint64_t now, struct ss_error *err)
{
    struct ss_vault_device device;
    uint8_t encoded[SS_FRESHNESS_LEAF_MAX];
    size_t len;
    ss_status_t status = ss_vault_device_get(service->vault, d->id, &device, err);
    if (status == SS_ERROR_DOES_NOT_EXIST ||
        (status == SS_OK && (device.state != SS_VAULT_DEVICE_PROVISIONED || strcmp(device.product, product) != 0)))
        return SS_OK; // it gets none
    bool named = *d->version != '\0';
    if (status == SS_OK && named) {
        struct ss_error why = {0};
        status = reference_of(service, b, product, d->version, now, &why);
        if (is_of_one_device(status)) {
            named = false;
            status = SS_OK;
        } else if (status != SS_OK) {
            *err = why;
        }
    }
    if (status != SS_OK)
        return status;
    struct leaf *leaf = &b->leaves[b->count];
    memcpy(leaf->reference, b->reference, sizeof leaf->reference);
    leaf->record = (struct ss_freshness){.product = ss_span_of(product),
                                         .time = now,
                                         .device = ss_span_of(d->id),
                                         .release = named ? leaf->reference : NULL,
                                         .key_set = b->ring.current->version,
                                         .index = b->count};
    status = ss_freshness_leaf(&leaf->record, encoded, sizeof encoded, &len, err);
    if (status == SS_OK)
        status = ss_merkle_leaf(encoded, len, b->nodes[b->count]);
    if (status == SS_OK)
        b->count++;
    return status;
}

static ss_status_t sign(struct ss_sealer_service *service, struct batch *b, struct ss_error *err)
{
    ss_status_t status = ss_merkle_build(b->nodes, b->count);
    if (status != SS_OK)
        return status;
    for (uint32_t i = 0; i < b->count; i++) {
        b->leaves[i].record.leaves = b->count;
        b->leaves[i].record.root = b->nodes[ss_merkle_nodes(b->count) - 1];
    }
    return ss_freshness_sign(&b->leaves[0].record, ss_sealer_keys_delivery(service->options.keys), &b->signature, err);
}

static ss_status_t send_all(struct ss_sealer_job *job, struct batch *b, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (uint32_t i = 0; i < b->count && status == SS_OK; i++) {
        uint8_t path[SS_MERKLE_PATH_MAX][32], record[SS_FRESHNESS_MAX], payload[SS_FRESHNESS_MAX + 128];
        struct ss_freshness *r = &b->leaves[i].record;
        struct ss_message_fresh m = {.record = record};
        r->path_len = (uint8_t)ss_merkle_path((const uint8_t(*)[32])b->nodes, b->count, i, path);
        r->path = path[0];
        status = ss_freshness_encode(r, &b->signature, record, sizeof record, &m.len, err);
        memcpy(m.device, r->device.p, r->device.len);
        if (status == SS_OK)
            ss_sealer_answer(job->session, SS_FRAME_FRESH, job->id, false, payload, ss_message_put_fresh(payload, &m));
    }
    return status;
}

static ss_status_t make(struct ss_sealer_service *service, struct ss_sealer_job *job, struct batch *b,
                        struct ss_error *err)
{
    const struct ss_message_freshness *m = job->as.freshness;
    uint64_t now = (uint64_t)time(NULL);
    uint32_t epoch;
    ss_status_t status = ss_sealer_keys_ring(service->options.keys, m->product, &b->ring, err);
    if (status == SS_OK)
        status = ss_sealer_keys_epoch(service->options.keys, m->product, &epoch, err);
    for (size_t i = 0; i < m->count && status == SS_OK; i++)
        status = add_leaf(service, b, m->product, &m->devices[i], now, err);
    if (status == SS_OK && b->count)
        status = sign(service, b, err);
    return status == SS_OK ? send_all(job, b, err) : status;
}

void ss_sealer_do_freshness(struct ss_sealer_service *service, struct ss_sealer_job *job)
{
    struct ss_error err = {0};
    struct batch *b = calloc(1, sizeof *b);
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (b)
        b->nodes = calloc(ss_merkle_nodes(SS_SEALER_FRESHNESS_MAX), sizeof *b->nodes);
    if (b && b->nodes)
        status = make(service, job, b, &err);
    ss_sealer_refuse(job, status, err.message);
    if (b)
        free(b->nodes);
    free(b);
    if (status == SS_ERROR_IO)
        ss_sealer_vault_lost(service);
}
