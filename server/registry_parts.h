// SPDX-License-Identifier: Apache-2.0
// What the files of the registry share. Internal to them.
#ifndef SS_SERVER_REGISTRY_PARTS_H
#define SS_SERVER_REGISTRY_PARTS_H

#include "server/front_parts.h"
#include "server/store_content.h"

struct ss_registry {
    struct ss_front *front;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, answered;
    // The sealer's answer, by `answered`.
    ss_status_t status;
    struct ss_sealer_upload upload;
    char text[SS_SEALER_TEXT_SIZE];
    // Freshness records of one request.
    struct ss_store_freshness records[SS_SEALER_FRESHNESS_MAX];
    uint8_t bytes[SS_SEALER_FRESHNESS_MAX][SS_FRESHNESS_MAX];
    char ids[SS_SEALER_FRESHNESS_MAX][SS_SEALER_NAME_SIZE];
    size_t count;
};

// registry.c

/// From the sealer's client, which always answers: ends the wait.
void ss_registry_answer(struct ss_registry *registry, ss_status_t status, const char *text);
/// Waits for what was asked.
SS_MUST_USE ss_status_t ss_registry_wait(struct ss_registry *registry);

// registry_fresh.c

/// Has a freshness record made for every device whose own is old, or dated ahead.
void ss_registry_refresh(struct ss_registry *registry);

#endif
