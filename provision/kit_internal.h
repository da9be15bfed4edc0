// SPDX-License-Identifier: Apache-2.0
// Between the files of a kit.
#ifndef SS_PROVISION_KIT_INTERNAL_H
#define SS_PROVISION_KIT_INTERNAL_H

#include "provision/kit.h"

#define KIT_PATH     1400       ///< longest path within a kit, with its NUL
#define KIT_MANIFEST (64 << 20) ///< largest manifest, bytes

/// ss_error_set() with the area of provisioning.
ss_status_t kit_error(struct ss_error *err, ss_status_t status, const char *format, ...) SS_PRINTF(3, 4);

/// ID/NN.sealed, ID/NN.cms or ID/flash-key.cms within @p folder.
void kit_part_path(const char *folder, const char *id, unsigned index, enum ss_kit_part_form form, char path[KIT_PATH]);
void kit_key_path(const char *folder, const char *id, char path[KIT_PATH]);

/// The manifest as text, allocated; NULL without memory. @p recipient: SHA-256 of the station's certificate.
char *kit_manifest_write(const struct ss_kit *kit);
/// SS_ERROR_DATA_INVALID names the member at fault. @p kit is to be freed by ss_kit_free() in any case.
SS_MUST_USE ss_status_t kit_manifest_read(const char *text, size_t len, struct ss_kit *kit, struct ss_error *err);

/// CMS AuthEnvelopedData, DER, allocated.
SS_MUST_USE ss_status_t kit_envelope(const void *certificate, size_t certificate_len, const uint8_t *in, size_t len,
                                     uint8_t **out, size_t *out_len, struct ss_error *err);
/// The inverse; *@p out is allocated, wipe it.
SS_MUST_USE ss_status_t kit_open_envelope(const struct ss_kit_station *station, const uint8_t *in, size_t len,
                                          uint8_t **out, size_t *out_len, struct ss_error *err);
/// SHA-256 of the certificate's DER form. SS_ERROR_DATA_INVALID: it is none, is over, or has a key that cannot decrypt.
SS_MUST_USE ss_status_t kit_certificate_id(const void *certificate, size_t len, uint8_t id[32], struct ss_error *err);

/// ES256 as DER, allocated.
SS_MUST_USE ss_status_t kit_sign(const ss_signing_key_t *key, const void *data, size_t len, uint8_t **out,
                                 size_t *out_len, struct ss_error *err);
SS_MUST_USE ss_status_t kit_verify(const ss_signing_key_t *key, const void *data, size_t len, const uint8_t *signature,
                                   size_t signature_len, struct ss_error *err);

#endif
