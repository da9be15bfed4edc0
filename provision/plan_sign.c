// SPDX-License-Identifier: Apache-2.0
// Signing and sealing in a rehearsal, whichever tool is asked to.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "provision/plan_internal.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

static void sealed_then_signed(struct rehearsal *r, const struct plan_command *c, const struct plan_file *in)
{
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_SEALED_THEN_SIGNED, SS_DOCTOR_STOPS);
    finding_seen(f, "%s is ciphertext, made for 0x%x in line %u", in->name, (unsigned)in->sealed_for, in->sealed_line);
    finding_repair(f, SS_REPAIR_NONE, "sign the plaintext first, then encrypt the signed file");
}

static ss_status_t sign_bytes(struct rehearsal *r, const ss_signing_key_t *key, bool v2, uint8_t *data, size_t len,
                              size_t room, size_t *out_len)
{
    if (!v2) {
        *out_len = len + SS_SBV1_BLOCK_SIZE;
        return ss_secure_boot_v1_sign(key, data, len, data + len, r->err);
    }
    const struct ss_sbv2_signer signer = {.key = key};
    uint8_t *in = malloc(len + 1);
    if (!in)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a signed file");
    memcpy(in, data, len);
    ss_status_t status = ss_secure_boot_v2_sign_file(&signer, 1, NULL, in, len, data, room, out_len, r->err);
    free(in);
    return status;
}

/// Replaces the file called @p name by @p data, with what is known of its origin.
static ss_status_t put(struct rehearsal *r, const char *name, const uint8_t *data, size_t len,
                       const struct plan_file *origin)
{
    struct plan_file *out = plan_file_make(r, name, len);
    if (!out)
        return r->err->status;
    memcpy(out->data, data, len);
    out->kind = origin->kind;
    out->is_signed = origin->is_signed;
    out->sealed = origin->sealed;
    out->sealed_for = origin->sealed_for;
    out->sealed_line = origin->sealed_line;
    return SS_OK;
}

ss_status_t plan_sign(struct rehearsal *r, const struct plan_command *c, struct plan_file *key, struct plan_file *in,
                      bool v2, const char *out_name)
{
    if (!key->key || ss_signing_key_type(key->key) != (v2 ? SS_KEY_RSA3072 : SS_KEY_P256)) {
        plan_refused(r, c,
                     v2 ? "the key file holds no RSA-3072 key, as an ESP32 needs for V2"
                        : "the key file holds no P-256 key, as V1 needs");
        return SS_OK;
    }
    if (!r->signer && !v2)
        r->signer = key;
    if (in->sealed)
        sealed_then_signed(r, c, in);
    size_t room = SS_SBV2_MAX_OUT(in->len) + SS_SBV1_BLOCK_SIZE, len = 0;
    uint8_t *data = malloc(room);
    if (!data)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a signed file");
    memcpy(data, in->data, in->len);
    struct plan_file origin = *in;
    origin.is_signed = true;
    ss_status_t status = sign_bytes(r, key->key, v2, data, in->len, room, &len);
    if (status == SS_OK)
        status = put(r, out_name, data, len, &origin);
    free(data);
    return status;
}

static ss_status_t seal_bytes(struct rehearsal *r, const struct plan_seal *how, uint8_t *data, size_t len)
{
    struct ss_flash_cipher cipher;
    ss_status_t status = ss_flash_cipher_init(&cipher, how->key->data, how->key->len, how->config, r->err);
    if (status == SS_OK)
        status = ss_flash_cipher_seal(&cipher, how->address, data, data, len, r->err);
    ss_flash_cipher_wipe(&cipher);
    return status;
}

ss_status_t plan_seal(struct rehearsal *r, const struct plan_command *c, const struct plan_seal *how,
                      const struct plan_file *in, const char *out_name)
{
    if (how->key->len != 32 && how->key->len != 24) {
        plan_refused(r, c, "the key file is neither 32 nor 24 bytes");
        return SS_OK;
    }
    size_t len = (in->len + SS_FLASH_CIPHER_BLOCK - 1) / SS_FLASH_CIPHER_BLOCK * SS_FLASH_CIPHER_BLOCK;
    uint8_t *data = malloc(len + 1);
    if (!data)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a sealed file");
    memset(data, 0xFF, len);
    memcpy(data, in->data, in->len);
    struct plan_file origin = *in;
    origin.sealed = true;
    origin.sealed_for = how->address;
    origin.sealed_line = c->line;
    ss_status_t status = seal_bytes(r, how, data, len);
    if (status == SS_ERROR_INVALID_ARGUMENT) {
        plan_refused(r, c, r->err->message);
        status = SS_OK;
    } else if (status == SS_OK) {
        status = put(r, out_name, data, len, &origin);
    }
    free(data);
    return status;
}
