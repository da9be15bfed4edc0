// SPDX-License-Identifier: Apache-2.0
// Who a simulated device is. All of it is read from the chip: product and first key set from the pins in the image that
// was booted, version and secure version from its descriptor, id, credential, servers and CA from the NVS partition that
// provisioning wrote, the partition table through the decrypting cache. The host has no say in it, or a test of key
// rotation would prove nothing.
#ifndef SS_SIM_IDENTITY_H
#define SS_SIM_IDENTITY_H

#include "chip/boot.h"
#include "device/agent.h"
#include "device/http.h"
#include "device/trust.h"
#include "provision/device_config.h"
#include "sim/keep.h"
#include "slotseal/app_desc.h"

/// Bytes of the heap; NULL: none.
struct ss_sim_blob {
    uint8_t *data;
    size_t len;
};

struct ss_sim_identity {
    struct ss_agent_identity agent; ///< points into the rest: do not move
    struct ss_sim_keep keep;
    struct ss_trust trust;
    struct ss_app_desc app; ///< of the running image
    uint32_t otadata;       ///< flash address
    uint8_t table_digest[SS_STATEMENT_DIGEST_SIZE];
    uint8_t pinned[SS_KEY_SET_MAX], current[SS_KEY_SET_MAX], previous[SS_KEY_SET_MAX];
    char device[SS_DEVICE_ID_MAX + 1];
    char token[SS_DEVICE_TOKEN_SIZE]; ///< empty: none
    char servers[SS_DEVICE_CONFIG_MAX_SERVERS][SS_DEVICE_CONFIG_MAX_URL + 1];
    unsigned server_count;
    bool plain_http; ///< provisioning let it have an http:// address
    struct ss_sim_blob client_key, client_certificate;
    struct ss_sim_blob ca; ///< of provisioning: PEM with NUL, or DER
};

/// Reads the identity of the device whose bootloader has just started the app of @p started. On error nothing of it may
/// be used; end it with ss_sim_identity_free() whatever comes back.
/// SS_ERROR_DOES_NOT_EXIST    the app has no pins, or nobody has filled them; no partition that is needed; no device id
/// SS_ERROR_DATA_INVALID      pins, table or settings are damaged
/// SS_ERROR_NOT_SUPPORTED     the app does not run from ota_0 or ota_1
/// others                     of the chip, of ss_sim_keep_mount()
SS_MUST_USE ss_status_t ss_sim_identity_read(struct ss_vchip *chip, const struct ss_boot_result *started,
                                             struct ss_sim_storage *storage, struct ss_sim_identity *identity,
                                             struct ss_error *err);
/// Wipes and frees. Allowed on one that is all zero.
void ss_sim_identity_free(struct ss_sim_identity *identity);

/// Stores a key set that may follow the one in force, and puts it in force: store_key_set of the agent's port.
/// SS_ERROR_NOT_PERMITTED: a next start would not believe it, see ss_trust_would_keep(); statuses of the storage.
SS_MUST_USE ss_status_t ss_sim_identity_take_key_set(struct ss_sim_identity *identity, const uint8_t *key_set,
                                                     size_t len);

// ca.c

/// The certificates that the device trusts servers by, DER, the heap's: those with a digest that the key sets in force
/// name; where they name none, the one of provisioning. *@p count is at most SS_SIM_TRUSTED_MAX. Free each.
/// Statuses of the storage; SS_ERROR_INSUFFICIENT_MEMORY.
#define SS_SIM_TRUSTED_MAX 8u
SS_MUST_USE ss_status_t ss_sim_trusted(const struct ss_sim_identity *identity,
                                       struct ss_sim_blob trusted[SS_SIM_TRUSTED_MAX], unsigned *count);
/// Whether the certificate of this SHA-256 is there: stored, or of provisioning.
bool ss_sim_has_ca(const struct ss_sim_identity *identity, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE]);
/// Stores a certificate in place of one that the key sets in force do not name. SS_ERROR_INSUFFICIENT_SPACE: all are
/// named; statuses of the storage.
SS_MUST_USE ss_status_t ss_sim_store_ca(struct ss_sim_identity *identity, const uint8_t *der, size_t len);

#endif
