// SPDX-License-Identifier: Apache-2.0
// What a sealer is pinned to and what it signs and opens with: key sets, the delivery key, the upload key. All of it is
// read before the process is confined.
#ifndef SS_SERVER_SEALER_KEYS_H
#define SS_SERVER_SEALER_KEYS_H

#include "server/key_sets.h"
#include "slotseal/signing_key.h"
#include "vault/key_source.h"

struct ss_sealer_keys;

struct ss_sealer_key_options {
    const char *key_set;      ///< file, or folder of files: for each product its newest, and those before it
    const char *delivery_key; ///< file, credential:NAME or pkcs11: URI
    const char *upload_key;   ///< file or credential:NAME; NULL: uploads are refused
    ss_vault_ask_fn ask;      ///< for a token's PIN; NULL: nobody is there
    void *ask_context;
};

/// Reads and checks them. *@p keys is NULL on error: SS_ERROR_IO, SS_ERROR_DATA_INVALID, SS_ERROR_NOT_PERMITTED (a key
/// set that its own roots did not sign, a key that others can read, a public key), SS_ERROR_NOT_SUPPORTED.
SS_MUST_USE ss_status_t ss_sealer_keys_load(const struct ss_sealer_key_options *options, struct ss_sealer_keys **keys,
                                            struct ss_error *err);
/// Wipes; NULL is allowed.
void ss_sealer_keys_free(struct ss_sealer_keys *keys);

/// The key sets of @p product. SS_ERROR_DOES_NOT_EXIST: the sealer has none.
SS_MUST_USE ss_status_t ss_sealer_keys_ring(const struct ss_sealer_keys *keys, const char *product,
                                            struct ss_key_ring *ring, struct ss_error *err);
/// All of them, for the front, which publishes them.
const struct ss_key_sets *ss_sealer_keys_sets(const struct ss_sealer_keys *keys);
/// Signs deliveries and freshness records.
const ss_signing_key_t *ss_sealer_keys_delivery(const struct ss_sealer_keys *keys);
/// The epoch that the newest key set of @p product gives the delivery key. SS_ERROR_BAD_STATE: it does not name it.
SS_MUST_USE ss_status_t ss_sealer_keys_epoch(const struct ss_sealer_keys *keys, const char *product, uint32_t *epoch,
                                             struct ss_error *err);

/// An upload that was opened; wiped and freed by ss_sealer_opened_free().
struct ss_sealer_opened {
    uint8_t *bytes; ///< all of the content
    size_t len, capacity;
    const uint8_t *statement; ///< inside
    size_t statement_len;
    const uint8_t *image; ///< inside
    size_t image_len;
};

/// Opens an upload (server/upload.h). SS_ERROR_DATA_INVALID: it is none; SS_ERROR_NOT_PERMITTED: not for this key, or
/// changed on its way; SS_ERROR_BAD_STATE: the sealer has no upload key; SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_sealer_keys_open(const struct ss_sealer_keys *keys, const uint8_t *blob, size_t len,
                                            struct ss_sealer_opened *opened, struct ss_error *err);
void ss_sealer_opened_free(struct ss_sealer_opened *opened);

#endif
