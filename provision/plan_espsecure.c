// SPDX-License-Identifier: Apache-2.0
// espsecure in a rehearsal.
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/plan_internal.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/secure_boot_v1.h"

static ss_status_t refused(struct rehearsal *r, const struct plan_command *c, const char *why)
{
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_REFUSED, SS_DOCTOR_STOPS);
    finding_seen(f, "%s: %s", c->verb, why);
    finding_repair(f, SS_REPAIR_NONE, "correct the command line");
    return SS_OK;
}

static void replaced(struct rehearsal *r, const struct plan_command *c, const char *name)
{
    if (!plan_file_known(r, name) && !plan_file_on_disk(r, name))
        return;
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_KEY_REPLACED, SS_DOCTOR_RISK);
    finding_seen(f, "%s is there already", name);
    finding_repair(f, SS_REPAIR_NONE, "give the new key another name");
}

static ss_status_t generate_flash_key(struct rehearsal *r, const struct plan_command *c)
{
    const char *name = c->operand_count ? c->operand[0] : NULL;
    const char *bits = plan_option(c, "keylen key_len l");
    uint32_t length = 256;
    if (!name || (bits && (!plan_number(bits, &length) || (length != 256 && length != 192))))
        return refused(r, c, "needs a file, and a key length of 256 or 192");
    replaced(r, c, name);
    struct plan_file *f = plan_file_make(r, name, length / 8);
    if (!f)
        return r->err->status;
    f->kind = FILE_FLASH_KEY;
    f->used = true;
    for (size_t i = 0; i < f->len; i++)
        f->data[i] = (uint8_t)(37 * i + 11 + c->line);
    return SS_OK;
}

static ss_status_t generate_signing_key(struct rehearsal *r, const struct plan_command *c)
{
    if (c->operand_count == 0)
        return refused(r, c, "needs a file");
    if (plan_file_known(r, c->operand[0]) || plan_file_on_disk(r, c->operand[0]))
        return refused(r, c, "the file is there already");
    struct plan_file *f = plan_file_get(r, c->operand[0], FILE_SIGNING_KEY);
    if (!f)
        return r->err->status;
    f->stand_in = false; // nobody will miss what this command makes
    return SS_OK;
}

static ss_status_t extract_public_key(struct rehearsal *r, const struct plan_command *c)
{
    const char *key_name = plan_option(c, "keyfile k");
    if (!key_name || c->operand_count == 0)
        return refused(r, c, "needs --keyfile and an output");
    struct plan_file *key = plan_file_get(r, key_name, FILE_SIGNING_KEY);
    struct plan_file *out = key ? plan_file_make(r, c->operand[0], SS_RAW_PUBLIC_KEY_SIZE) : NULL;
    if (!out || !key->key)
        return out ? refused(r, c, "the key file holds no signing key") : r->err->status;
    r->signer = key;
    return ss_signing_key_raw_public(key->key, out->data, r->err);
}

static ss_status_t sign(struct rehearsal *r, const struct plan_command *c)
{
    const char *key_name = plan_option(c, "keyfile k"), *version = plan_option(c, "version v");
    const char *out_name = plan_option(c, "output o");
    if (!key_name || c->operand_count == 0)
        return refused(r, c, "needs --keyfile and a file");
    if (version && !strcmp(version, "2"))
        return refused(r, c, "version 2 is not modelled here");
    struct plan_file *key = plan_file_get(r, key_name, FILE_SIGNING_KEY);
    struct plan_file *in = key ? plan_file_get(r, c->operand[0], plan_kind(r, 0, c->operand[0])) : NULL;
    if (!in)
        return r->err->status;
    if (!key->key)
        return refused(r, c, "the key file holds no signing key");
    if (!r->signer)
        r->signer = key;
    if (in->sealed) {
        struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_SEALED_THEN_SIGNED, SS_DOCTOR_STOPS);
        finding_seen(f, "%s is ciphertext, made for 0x%x in line %u", in->name, (unsigned)in->sealed_for,
                     in->sealed_line);
        finding_repair(f, SS_REPAIR_NONE, "sign the plaintext first, then encrypt the signed file");
    }
    uint8_t *data = malloc(in->len + SS_SBV1_BLOCK_SIZE);
    if (!data)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a signed file");
    memcpy(data, in->data, in->len);
    struct plan_file copy = *in;
    ss_status_t status = ss_secure_boot_v1_sign(key->key, data, copy.len, data + copy.len, r->err);
    struct plan_file *out =
        status == SS_OK ? plan_file_make(r, out_name ? out_name : copy.name, copy.len + SS_SBV1_BLOCK_SIZE) : NULL;
    if (out) {
        memcpy(out->data, data, out->len);
        out->kind = copy.kind;
        out->stand_in = false;
        out->is_signed = true;
        out->sealed = copy.sealed;
        out->sealed_for = copy.sealed_for;
        out->sealed_line = copy.sealed_line;
    }
    free(data);
    return out || status != SS_OK ? status : r->err->status;
}

static ss_status_t encrypt_into(struct rehearsal *r, const struct plan_file *key, uint32_t address, uint32_t config,
                                uint8_t *data, size_t len)
{
    struct ss_flash_cipher cipher;
    ss_status_t status = ss_flash_cipher_init(&cipher, key->data, key->len, config, r->err);
    if (status == SS_OK)
        status = ss_flash_cipher_seal(&cipher, address, data, data, len, r->err);
    ss_flash_cipher_wipe(&cipher);
    return status;
}

static ss_status_t encrypt(struct rehearsal *r, const struct plan_command *c)
{
    const char *key_name = plan_option(c, "keyfile k"), *out_name = plan_option(c, "output o");
    const char *at = plan_option(c, "address a"), *conf = plan_option(c, "flash_crypt_conf");
    uint32_t address, config = CONFIG_FULL;
    if (!key_name || !out_name || !at || c->operand_count == 0)
        return refused(r, c, "needs --keyfile, --address, --output and a file");
    if (!plan_number(at, &address) || address % 16 || (conf && (!plan_number(conf, &config) || config > CONFIG_FULL)))
        return refused(r, c, "address or flash_crypt_conf out of range");
    struct plan_file *key = plan_file_get(r, key_name, FILE_FLASH_KEY);
    struct plan_file *in = key ? plan_file_get(r, c->operand[0], plan_kind(r, address, c->operand[0])) : NULL;
    if (!in)
        return r->err->status;
    if (key->len != 32 && key->len != 24)
        return refused(r, c, "the key file is neither 32 nor 24 bytes");
    size_t len = (in->len + 15) / 16 * 16;
    uint8_t *data = malloc(len + 1);
    if (!data)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a sealed file");
    memset(data, 0xFF, len);
    memcpy(data, in->data, in->len);
    bool is_signed = in->is_signed;
    enum plan_file_kind kind = in->kind;
    ss_status_t status = encrypt_into(r, key, address, config, data, len);
    struct plan_file *out = status == SS_OK ? plan_file_make(r, out_name, len) : NULL;
    if (out) {
        memcpy(out->data, data, len);
        out->kind = kind;
        out->is_signed = is_signed;
        out->sealed = true;
        out->sealed_for = address;
        out->sealed_line = c->line;
    }
    free(data);
    if (status == SS_ERROR_INVALID_ARGUMENT)
        return refused(r, c, r->err->message);
    return out || status != SS_OK ? status : r->err->status;
}

static ss_status_t digest(struct rehearsal *r, const struct plan_command *c)
{
    const char *key_name = plan_option(c, "keyfile k"), *out_name = plan_option(c, "output o");
    uint8_t iv[SS_SBV1_IV_SIZE];
    size_t len;
    if (!key_name || c->operand_count == 0)
        return refused(r, c, "needs --keyfile and a file");
    struct plan_file *key = plan_file_get(r, key_name, FILE_FLASH_KEY);
    struct plan_file *in = key ? plan_file_get(r, c->operand[0], FILE_BOOTLOADER) : NULL;
    if (!in)
        return r->err->status;
    memset(iv, 0x3C, sizeof iv);
    struct ss_sbv1_digest_params params = {.key = key->data, .key_len = key->len, .iv = iv, .iv_len = sizeof iv};
    size_t room = SS_SBV1_BOOTLOADER_FILE_MAX(in->len);
    uint8_t *data = malloc(room);
    if (!data)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a digest");
    ss_status_t status = ss_secure_boot_v1_bootloader_file(&params, in->data, in->len, data, room, &len, r->err);
    if (status == SS_OK) {
        struct plan_file *out = plan_file_make(r, out_name ? out_name : "bootloader-digest-0x0000.bin", len);
        if (out) {
            memcpy(out->data, data, len);
            out->kind = FILE_BOOTLOADER;
            r->digest_made = true;
        }
        status = out ? SS_OK : r->err->status;
    } else if (status == SS_ERROR_DATA_INVALID || status == SS_ERROR_INVALID_ARGUMENT) {
        status = refused(r, c, r->err->message);
    }
    free(data);
    return status;
}

ss_status_t plan_espsecure(struct rehearsal *r, const struct plan_command *c)
{
    static const struct {
        const char *verb;
        ss_status_t (*run)(struct rehearsal *, const struct plan_command *);
    } verbs[] = {
        {"generate_flash_encryption_key", generate_flash_key},
        {"generate_signing_key", generate_signing_key},
        {"extract_public_key", extract_public_key},
        {"sign_data", sign},
        {"encrypt_flash_data", encrypt},
        {"digest_secure_bootloader", digest},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(c->verb, verbs[i].verb))
            return verbs[i].run(r, c);
    if (!strcmp(c->verb, "verify_signature") || !strcmp(c->verb, "signature_info_v2"))
        return SS_OK;
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_NOT_MODELLED, SS_DOCTOR_UNKNOWN);
    finding_seen(f, "espsecure %s", c->verb);
    finding_repair(f, SS_REPAIR_NONE, "look at what it does yourself");
    return SS_OK;
}
