// SPDX-License-Identifier: Apache-2.0
// A delivery on its way, for the files that make it.
#ifndef SS_SERVER_SEALER_WORK_H
#define SS_SERVER_SEALER_WORK_H

#include "server/sealer_parts.h"

/// Ciphertext of a batch, bytes: as many deliveries as fit are made together, one always.
#define SS_SEALER_BATCH_BYTES (48u << 20)

/// One order on its way.
struct ss_sealer_work {
    struct ss_sealer_job *job;
    const struct ss_sealer_order *order;
    ss_status_t status;
    struct ss_error err;
    uint64_t now;
    struct ss_vault_device device;
    struct ss_vault_product product;
    struct ss_vault_release release;
    struct ss_release fields;
    uint8_t reference[32]; ///< of the release statement
    uint8_t table_digest[32];
    char slot[SS_SEALER_SLOT_SIZE];
    struct ss_device_view view;
    uint32_t epoch;
    struct ss_vault_delivery delivery;
    bool known, usable; ///< it was sealed before; and its statement will do
    // While it is sealed.
    void *image;
    struct ss_sealer_personal personal;
    struct ss_sealer_cipher cipher;
    uint8_t *own;    ///< locked: the device's own plaintext; NULL: the release's
    uint8_t *sealed; ///< ciphertext
};

static inline bool ss_sealer_good(const struct ss_sealer_work *w)
{
    return w->status == SS_OK;
}

/// Seals and hashes for all of @p works together, with the keys of @p items; fills lengths and digests of each
/// delivery, or its status and message.
void ss_sealer_seal_batch(struct ss_sealer_service *service, struct ss_sealer_work **works,
                          const struct ss_vault_sealing *items, size_t count);

#endif
