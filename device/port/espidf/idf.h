// SPDX-License-Identifier: Apache-2.0
// Between the files of the ESP-IDF port. Internal.
#ifndef SS_PORT_ESPIDF_IDF_H
#define SS_PORT_ESPIDF_IDF_H

#include "device/agent.h"
#include "device/http.h"
#include "device/port/espidf/version.h"
#include "device/trust.h"

#define SS_IDF_TAG "slotseal"

#define SS_IDF_SLOTS   2u
#define SS_IDF_SERVERS 4u

/// Values of the namespace. The first ones are provisioned (docs/manufacturing.md), the others are the agent's.
#define SS_IDF_NAMESPACE       "slotseal"
#define SS_IDF_KEY_ID          "id"
#define SS_IDF_KEY_TOKEN       "token"
#define SS_IDF_KEY_CLIENT_KEY  "client_key"
#define SS_IDF_KEY_CLIENT_CERT "client_cert"
#define SS_IDF_KEY_SERVER      "server" ///< and a digit
#define SS_IDF_KEY_CA          "ca"
#define SS_IDF_KEY_KEY_SET     "key_set"     ///< the newest that was accepted
#define SS_IDF_KEY_KEY_SET_OLD "key_set_old" ///< the one that it followed
#define SS_IDF_KEY_RECORD      "record"
#define SS_IDF_KEY_FETCHED_CA  "ca_" ///< and a digit: certificates that key sets name, DER

/// Memory from malloc(): a value of NVS, or what was made of some. Text has a closing NUL, which counts.
struct ss_idf_blob {
    uint8_t *p; ///< NULL: none
    size_t len; ///< bytes
};

/// The port's whole state: context of the agent's port, and of the HTTP client's.
struct ss_idf {
    struct ss_agent_identity identity;
    const esp_partition_t *slots[SS_IDF_SLOTS];
    const esp_partition_t *otadata;
    nvs_handle_t nvs;
    char id[SS_DEVICE_ID_MAX + 1];
    uint8_t table_digest[SS_STATEMENT_DIGEST_SIZE];
    bool encrypted;    ///< the chip encrypts its flash
    uint32_t unrested; ///< bytes read since other tasks last had their turn
    struct ss_trust trust;
    struct ss_idf_blob key_set, key_set_old;
    struct ss_idf_blob trusted;                                ///< PEM text of the certificates that servers may show
    struct ss_idf_blob authorization, client_key, client_cert; ///< text: "TargetToken …"; PEM
    struct ss_idf_blob servers[SS_IDF_SERVERS];
};

/// What SS_ERROR_IO and its like are made of: ESP_OK, ESP_ERR_NO_MEM, anything else.
ss_status_t ss_idf_status(esp_err_t err);

// The agent (device.c).
/// The agent, for the caller alone until ss_idf_give(). NULL: ss_device_start() has not succeeded.
struct ss_agent *ss_idf_take(void);
/// Gives it back; what @p status, the result of what was done with it, is to an app.
esp_err_t ss_idf_give(ss_status_t status);
/// Whether the task takes updates by itself.
bool ss_idf_pulls(void);

// Flash (flash.c). The functions of struct ss_agent_port; @p context is a struct ss_idf.
ss_status_t ss_idf_read_raw(void *context, uint32_t address, void *out, size_t len);
ss_status_t ss_idf_read_plain(void *context, uint32_t address, void *out, size_t len);
/// Both refuse whatever is not in the slot that does not run: SS_ERROR_NOT_PERMITTED.
ss_status_t ss_idf_write_raw(void *context, uint32_t address, const void *in, size_t len);
ss_status_t ss_idf_erase(void *context, uint32_t address);

// Booting (boot.c). As above.
ss_status_t ss_idf_verify(void *context, unsigned slot);
ss_status_t ss_idf_select(void *context, unsigned slot);
ss_status_t ss_idf_confirm(void *context);
ss_status_t ss_idf_reject(void *context);
ss_status_t ss_idf_slot_state(void *context, unsigned slot, uint32_t *state);

// Storage (storage.c). As above.
ss_status_t ss_idf_load(void *context, struct ss_agent_record *record);
ss_status_t ss_idf_store(void *context, const struct ss_agent_record *record);
ss_status_t ss_idf_store_key_set(void *context, const uint8_t *key_set, size_t len);

/// Opens the namespace, initialising NVS if nobody has. Logs what is wrong.
esp_err_t ss_idf_storage_open(struct ss_idf *idf);
/// The value @p key as text (@p text) or bytes. SS_ERROR_DOES_NOT_EXIST: none, *@p blob is empty; the caller frees.
ss_status_t ss_idf_get(const struct ss_idf *idf, const char *key, bool text, struct ss_idf_blob *blob);
ss_status_t ss_idf_set(const struct ss_idf *idf, const char *key, const void *in, size_t len);
/// Wipes and frees.
void ss_idf_blob_free(struct ss_idf_blob *blob);
/// Decides which key sets are in force and points identity.ring at them. The ring stays as it was on error.
ss_status_t ss_idf_load_trust(struct ss_idf *idf);

// Identity (identity.c).
/// Fills everything of the identity but the ring. Logs what is wrong: ESP_ERR_NOT_SUPPORTED for a table or an app that
/// cannot be updated in slots.
esp_err_t ss_idf_identify(struct ss_idf *idf);
/// The key set that is pinned in the app. {NULL, 0}: nobody has embedded one.
struct ss_span ss_idf_pins(void);

// Certificates and credential (credential.c).
/// Reads token or client certificate, server addresses and trusted certificates. Logs what is wrong.
ss_status_t ss_idf_load_credential(struct ss_idf *idf);
/// Of struct ss_pull_port.
bool ss_idf_has_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE]);
ss_status_t ss_idf_store_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE], const uint8_t *der,
                            size_t len);

// PEM (pem.c).
/// Turns a private key, or a certificate, into PEM text in place; what is PEM stays. SS_ERROR_DATA_INVALID: neither.
ss_status_t ss_idf_key_to_pem(struct ss_idf_blob *key);
ss_status_t ss_idf_certificate_to_pem(struct ss_idf_blob *certificate);
/// Appends the certificate @p der to the text @p pem.
ss_status_t ss_idf_pem_append(struct ss_idf_blob *pem, const uint8_t *der, size_t len);

// HTTP (http.c).
/// struct ss_http.exchange; @p context is a struct ss_idf.
ss_status_t ss_idf_exchange(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink);

#endif
