// SPDX-License-Identifier: Apache-2.0
// espsecure in a rehearsal.
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/plan_internal.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

static ss_status_t refused(struct rehearsal *r, const struct plan_command *c, const char *why)
{
    plan_refused(r, c, why);
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
    const char *name = c->operand[0], *bits = plan_option(c, "keylen");
    uint32_t length = 256;
    if (bits && (!plan_number(bits, &length) || (length != 256 && length != 192)))
        return refused(r, c, "the key of an ESP32 has 256 bits, or 192 with 3/4 coding");
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

static bool is_v2(const struct plan_command *c)
{
    const char *version = plan_option(c, "version");
    return version && !strcmp(version, "2");
}

static ss_status_t generate_signing_key(struct rehearsal *r, const struct plan_command *c)
{
    const char *scheme = plan_option(c, "scheme");
    bool rsa = is_v2(c) && (!scheme || !strcmp(scheme, "rsa3072"));
    if (is_v2(c) && !rsa)
        return refused(r, c, "an ESP32 takes no ECDSA key for V2, only rsa3072");
    if (plan_file_known(r, c->operand[0]) || plan_file_on_disk(r, c->operand[0]))
        return refused(r, c, "the file is there already");
    struct plan_file *f = plan_file_get(r, c->operand[0], rsa ? FILE_SIGNING_KEY_V2 : FILE_SIGNING_KEY);
    if (!f)
        return r->err->status;
    f->stand_in = false; // nobody will miss what this command makes
    return SS_OK;
}

static ss_status_t extract_public_key(struct rehearsal *r, const struct plan_command *c)
{
    struct plan_file *key = plan_file_get(r, plan_option(c, "keyfile"), FILE_SIGNING_KEY);
    struct plan_file *out = key ? plan_file_make(r, c->operand[0], SS_RAW_PUBLIC_KEY_SIZE) : NULL;
    if (!out || !key->key)
        return out ? refused(r, c, "the key file holds no signing key") : r->err->status;
    r->signer = key;
    return ss_signing_key_raw_public(key->key, out->data, r->err);
}

static ss_status_t sign(struct rehearsal *r, const struct plan_command *c)
{
    const char *key_name = plan_option(c, "keyfile"), *out_name = plan_option(c, "output");
    if (plan_option(c, "hsm signature append_signatures"))
        return plan_not_modelled(r, c, "espsecure", c->verb);
    if (!key_name)
        return refused(r, c, "needs --keyfile");
    struct plan_file *key = plan_file_get(r, key_name, is_v2(c) ? FILE_SIGNING_KEY_V2 : FILE_SIGNING_KEY);
    struct plan_file *in = key ? plan_file_get(r, c->operand[0], plan_kind(r, 0, c->operand[0])) : NULL;
    return in ? plan_sign(r, c, key, in, is_v2(c), out_name ? out_name : c->operand[0]) : r->err->status;
}

static ss_status_t encrypt(struct rehearsal *r, const struct plan_command *c)
{
    const char *conf = plan_option(c, "flash_crypt_conf");
    struct plan_seal how = {.config = CONFIG_FULL};
    if (plan_option(c, "aes_xts"))
        return refused(r, c, "an ESP32 has no AES-XTS: leave out --aes-xts");
    if (!plan_number(plan_option(c, "address"), &how.address) || how.address % 16 ||
        (conf && (!plan_number(conf, &how.config) || how.config > CONFIG_FULL)))
        return refused(r, c, "address or flash_crypt_conf out of range");
    how.key = plan_file_get(r, plan_option(c, "keyfile"), FILE_FLASH_KEY);
    struct plan_file *in = how.key ? plan_file_get(r, c->operand[0], plan_kind(r, how.address, c->operand[0])) : NULL;
    return in ? plan_seal(r, c, &how, in, plan_option(c, "output")) : r->err->status;
}

/// A file of 32 bytes, or 24, that is a key.
static ss_status_t put_key(struct rehearsal *r, const char *name, const uint8_t *key, size_t len)
{
    struct plan_file *out = plan_file_make(r, name, len);
    if (!out)
        return r->err->status;
    memcpy(out->data, key, len);
    out->kind = FILE_FLASH_KEY;
    out->used = true;
    return SS_OK;
}

static ss_status_t digest_private_key(struct rehearsal *r, const struct plan_command *c)
{
    uint8_t digest[32];
    const char *bits = plan_option(c, "keylen");
    bool shorter = bits && !strcmp(bits, "192");
    struct plan_file *key = plan_file_get(r, plan_option(c, "keyfile"), FILE_SIGNING_KEY);
    if (!key)
        return r->err->status;
    if (!key->key || ss_signing_key_type(key->key) != SS_KEY_P256)
        return refused(r, c, "the key file holds no P-256 key");
    ss_status_t status = ss_secure_boot_v1_reflash_key(key->key, digest, shorter ? 24 : 32, r->err);
    if (status == SS_OK)
        status = put_key(r, c->operand[0], digest, shorter ? 24 : 32);
    ss_wipe(digest, sizeof digest);
    return status;
}

static ss_status_t digest_public_key(struct rehearsal *r, const struct plan_command *c)
{
    uint8_t digest[32];
    struct plan_file *key = plan_file_get(r, plan_option(c, "keyfile"), FILE_SIGNING_KEY_V2);
    if (!key)
        return r->err->status;
    if (!key->key || ss_signing_key_type(key->key) != SS_KEY_RSA3072)
        return refused(r, c, "the key file holds no RSA-3072 key");
    ss_status_t status = ss_secure_boot_v2_key_digest(key->key, digest, r->err);
    return status == SS_OK ? put_key(r, plan_option(c, "output"), digest, sizeof digest) : status;
}

static ss_status_t digest(struct rehearsal *r, const struct plan_command *c)
{
    const char *out_name = plan_option(c, "output");
    uint8_t iv[SS_SBV1_IV_SIZE];
    size_t len;
    struct plan_file *key = plan_file_get(r, plan_option(c, "keyfile"), FILE_FLASH_KEY);
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
        {"digest_private_key", digest_private_key},
        {"digest_sbv2_public_key", digest_public_key},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(c->verb, verbs[i].verb))
            return verbs[i].run(r, c);
    if (!strcmp(c->verb, "verify_signature") || !strcmp(c->verb, "signature_info_v2") || !*c->verb)
        return SS_OK;
    return plan_not_modelled(r, c, "espsecure", c->verb);
}
