// SPDX-License-Identifier: Apache-2.0
// Many chips at once: one thread a port, one vault for all. A chip that fails holds nobody up.
//
// What all chips of a batch have in common is its recipe. More than one chip at a time only by a recipe by which one
// device, the first article, has been provisioned and has booted.
#ifndef SS_PROVISION_BATCH_H
#define SS_PROVISION_BATCH_H

#include "provision/credential.h"
#include "provision/engine.h"
#include "provision/record.h"
#include "vault/quota.h"

#define SS_BATCH_MAX_PORTS 256

/// What is to be done on every port. All borrowed.
struct ss_batch {
    struct ss_vault *vault;
    const char *product;
    const char *station;              ///< whose quota counts
    const char *person;               ///< operator, for the record; NULL: not said
    const char *tool;                 ///< "slotseal 1.0", for the record
    const char *const *records;       ///< files of the manufacturing record, NULL-terminated; NULL: none
    const char *const *labels;        ///< files of label data, the same
    const char *qr;                   ///< pattern of the QR code's text; NULL: the id
    const ss_signing_key_t *sign_key; ///< the product's, where it is not in the vault; NULL
    ss_vault_ask_fn ask;              ///< asks for a token's PIN; NULL: nobody is there
    void *ask_context;
    const struct ss_device_config *config; ///< what devices are told; NULL: nvs is left as it is
    struct ss_provision_job job;           ///< `store` and `data` are filled in for each chip

    /// Opens and connects port @p port; called from several threads at once.
    ss_status_t (*connect)(void *context, const char *port, struct ss_link **link, struct ss_error *err);
    /// A step of the chip on port number @p index; NULL: nobody wants to know. Never two at once.
    void (*step)(void *context, unsigned index, const struct ss_step *step, enum ss_journal_phase phase);
    void *context;
};

/// What became of one port.
struct ss_batch_result {
    enum ss_record_result result;
    ss_status_t status;
    char device[SS_DEVICE_NAME_SIZE]; ///< "" if no chip was seen
    uint8_t mac[6];
    char step[SS_RECORD_WORD];           ///< where it ended, if it did not end well
    char message[SS_ERROR_MESSAGE_SIZE]; ///< why
    ss_status_t record_status;           ///< the record could not be written, although the chip may be done
    char record_message[SS_ERROR_MESSAGE_SIZE];
};

/// SHA-256, as hex, of all that makes two devices of this batch the same: product, procedure, level, bootloader and its
/// profile, app, table, configuration. SS_ERROR_GENERIC.
SS_MUST_USE ss_status_t ss_batch_recipe(const struct ss_batch *batch, char recipe[SS_VAULT_RECIPE_SIZE],
                                        struct ss_error *err);

/// Provisions the chips on @p count ports and fills @p results, one a port. SS_OK when all threads have ended, however
/// they did.
/// SS_ERROR_NOT_PERMITTED: more than one port, and no first article of this recipe. SS_ERROR_INVALID_ARGUMENT: the number
/// of ports, or one that is named twice. Then nothing was done.
SS_MUST_USE ss_status_t ss_batch_run(const struct ss_batch *batch, const char *const *ports, unsigned count,
                                     struct ss_batch_result *results, struct ss_error *err);

#endif
