// SPDX-License-Identifier: Apache-2.0
// The inside of pre-sealing: a sealer and its client in one process, and the folder.
#ifndef SS_SERVER_PRESEAL_PARTS_H
#define SS_SERVER_PRESEAL_PARTS_H

#include <pthread.h>
#include <stdio.h>

#include "server/preseal.h"
#include "server/sealer.h"
#include "server/sealer_service.h"

// preseal_sealer.c: a sealer to ask

/// Start with all zero.
struct ss_preseal_sealer {
    struct ss_sealer_service *service;
    struct ss_sealer *client;
    int control[2], stop[2];
    struct ss_channel *channel; ///< of the thread
    pthread_t thread;
    bool serving;
    // What the client's threads leave here.
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ss_sealer_device *devices; ///< of the product
    size_t count, capacity;
    const char *product;
    bool complete, failed; ///< all devices have been told; without memory
};

SS_MUST_USE ss_status_t ss_preseal_sealer_start(struct ss_preseal_sealer *sealer,
                                                const struct ss_preseal_options *options, struct ss_error *err);
void ss_preseal_sealer_stop(struct ss_preseal_sealer *sealer);
/// Waits until all devices are known.
SS_MUST_USE ss_status_t ss_preseal_sealer_devices(struct ss_preseal_sealer *sealer, struct ss_error *err);
/// The delivery for the slot that follows @p order->told.slot.
SS_MUST_USE ss_status_t ss_preseal_sealer_deliver(struct ss_preseal_sealer *sealer, const struct ss_sealer_order *order,
                                                  struct ss_sealer_delivery *out, struct ss_error *err);
/// Its ciphertext to @p out, delivery->length bytes.
SS_MUST_USE ss_status_t ss_preseal_sealer_read(struct ss_preseal_sealer *sealer, const struct ss_sealer_order *order,
                                               const struct ss_sealer_delivery *delivery, uint8_t *out,
                                               struct ss_error *err);

// preseal_folder.c

/// Makes folder and objects/.
SS_MUST_USE ss_status_t ss_preseal_folder_make(const char *folder, struct ss_error *err);
/// True if there is an object of this hash and length.
bool ss_preseal_object_exists(const char *folder, const uint8_t hash[32], size_t len);
/// Writes an object; its SHA-256 comes back.
SS_MUST_USE ss_status_t ss_preseal_object_write(const char *folder, const uint8_t *bytes, size_t len, uint8_t hash[32],
                                                struct ss_error *err);
/// The index, whose text is complete: after the names of all objects are durable.
SS_MUST_USE ss_status_t ss_preseal_index_write(const char *folder, const char *product, const char *text, size_t len,
                                               struct ss_error *err);

#endif
