// SPDX-License-Identifier: Apache-2.0
// A device's credential. A token is made here, written to its nvs partition, and known to the vault by its digest alone. Where
// provisioning was interrupted, the token is read back from the chip, so that what the vault knows and what the device
// has are the same.
#ifndef SS_PROVISION_CREDENTIAL_H
#define SS_PROVISION_CREDENTIAL_H

#include "provision/device_config.h"
#include "slotseal/link.h"
#include "slotseal/partition_table.h"
#include "vault/vault.h"

/// Name of the fact in the vault: "token sha256:HEX", or "certificate sha256:HEX" of its DER. Gone when the credential is
/// dead. Older vaults may have the digest of a PEM file that was given to provisioning, which servers accept as well.
#define SS_CREDENTIAL_FACT "credential"

/// The nvs partition of @p table, NULL if it has none.
const struct ss_partition *ss_credential_partition(const struct ss_partition_table *table);

/// The token in the first page of the nvs partition of the chip on @p link, as an interrupted provisioning left it; ""
/// if there is none. Talks to no vault. Statuses of the link.
SS_MUST_USE ss_status_t ss_credential_read(struct ss_link *link, const struct ss_partition_table *table,
                                           char token[SS_DEVICE_TOKEN_SIZE], struct ss_error *err);

/// What one device's nvs is to hold. All borrowed.
struct ss_credential_request {
    const char *product;
    const uint8_t *mac;
    const char *device;                    ///< id; NULL: that of its record, or the MAC
    const struct ss_device_config *config; ///< id is filled in here, and a token unless there is a client key
    const char *found;                     ///< ss_credential_read()
    const struct ss_partition_table *table;
    bool dry; ///< the vault is not changed: a token is made up for the occasion
};

/// Makes the image: *@p image is allocated, holds the token, and is wiped and freed by the caller. It is NULL where there
/// is nothing to write any more: the device is provisioned and has the credential that the vault knows, or its life has
/// ended.
/// The device's record is made where there is none, and the token's digest is in the vault before this returns.
/// SS_ERROR_DOES_NOT_EXIST: no nvs partition; statuses of ss_device_config_build() and of the vault.
SS_MUST_USE ss_status_t ss_credential_prepare(struct ss_vault *vault, const struct ss_credential_request *request,
                                              uint8_t **image, size_t *len, struct ss_error *err);

/// Notes what a device that was provisioned elsewhere shows to servers: its token, or the file of its client certificate;
/// both NULL: nothing any more, so that no server lets it in. What was noted before is dead.
/// SS_ERROR_DOES_NOT_EXIST; SS_ERROR_NOT_PERMITTED: the device's life has ended; SS_ERROR_INVALID_ARGUMENT: no token;
/// SS_ERROR_DATA_INVALID: no certificate of this device.
SS_MUST_USE ss_status_t ss_credential_note(struct ss_vault *vault, const char *device, const char *token,
                                           const struct ss_device_file *certificate, struct ss_error *err);

#endif
