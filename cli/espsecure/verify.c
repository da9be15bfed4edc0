// SPDX-License-Identifier: Apache-2.0
// verify-signature and signature-info-v2.
#include <string.h>

#include "cli/cli.h"
#include "cli/espsecure/internal.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

static int verify_v1(const ss_signing_key_t *key, const struct input *file)
{
    struct ss_error err = {0};
    uint8_t xy[SS_RAW_PUBLIC_KEY_SIZE];
    if (!esp_key_fits(key, true))
        return ESP_EXIT_ERROR;
    if (file->len < SS_SBV1_BLOCK_SIZE)
        return esp_fatal("%s is %zu bytes, a signature alone is %d", file->name, file->len, SS_SBV1_BLOCK_SIZE);
    const uint8_t *block = file->data + file->len - SS_SBV1_BLOCK_SIZE;
    unsigned version = ss_get_le32(block);
    if (version != 0)
        return esp_fatal("Signature block has version %u. Only version 0 is supported.", version);
    esp_say("Verifying %zu bytes of data", file->len - SS_SBV1_BLOCK_SIZE);
    if (ss_signing_key_raw_public(key, xy, &err) != SS_OK)
        return esp_fail(&err);
    ss_status_t status = ss_secure_boot_v1_verify(xy, file->data, file->len - SS_SBV1_BLOCK_SIZE, block, &err);
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return esp_fatal("Signature is not valid");
    if (status != SS_OK)
        return esp_fail(&err);
    esp_say("Signature is valid");
    return 0;
}

/// Digests of everything before the signature sector, as the kinds of key sign it.
struct image_digests {
    uint8_t sha256[32], sha384[48];
};

/// A pass over the blocks of a signature sector.
struct pass {
    struct image_digests digests;
    const uint8_t *sector;
    const ss_signing_key_t *key; ///< NULL if none is looked for
    bool found;                  ///< a block was made by the key
};

/// Looks at block @p index, or at NULL if there is none that is whole; false ends the pass.
typedef bool look_fn(struct pass *p, unsigned index, const struct ss_sbv2_block *block);

static bool split(const struct input *file, bool any_length, struct image_digests *digests, const uint8_t **sector)
{
    if (file->len < SS_SBV2_SECTOR_SIZE || (!any_length && file->len % SS_SBV2_SECTOR_SIZE)) {
        esp_fatal("Invalid datafile. Data size should be non-zero & a multiple of 4096.");
        return false;
    }
    size_t len = file->len - SS_SBV2_SECTOR_SIZE;
    *sector = file->data + len;
    if (ss_hash_once(SS_HASH_SHA256, file->data, len, digests->sha256) != SS_OK ||
        ss_hash_once(SS_HASH_SHA384, file->data, len, digests->sha384) != SS_OK) {
        esp_fatal("hashing failed");
        return false;
    }
    return true;
}

static const uint8_t *digest_for(const struct image_digests *digests, size_t len)
{
    return len == sizeof digests->sha384 ? digests->sha384 : digests->sha256;
}

/// Reads block @p index and says what kind it is. SS_ERROR_DATA_CORRUPT, reported, if it is for another image.
static ss_status_t read_block(const uint8_t *sector, unsigned index, const struct image_digests *digests,
                              struct ss_sbv2_block *block)
{
    struct ss_error err = {0};
    if (ss_secure_boot_v2_parse_block(sector + index * SS_SBV2_BLOCK_SIZE, block, &err) != SS_OK)
        return SS_ERROR_DOES_NOT_EXIST;
    esp_say("Signature block %u is valid (%s).", index, block->type == SS_KEY_RSA3072 ? "RSA" : "ECDSA");
    if (memcmp(block->image_digest, digest_for(digests, block->image_digest_len), block->image_digest_len) == 0)
        return SS_OK;
    esp_fatal("Signature block image digest does not match the actual image digest (block %u).", index);
    return SS_ERROR_DATA_CORRUPT;
}

/// False, reported, if the file has no signature sector or a block of another image.
static bool each_block(struct pass *p, const struct input *file, bool any_length, look_fn *look)
{
    if (!split(file, any_length, &p->digests, &p->sector))
        return false;
    for (unsigned i = 0; i < SS_SBV2_BLOCK_COUNT; i++) {
        struct ss_sbv2_block block;
        ss_status_t status = read_block(p->sector, i, &p->digests, &block);
        if (status == SS_ERROR_DATA_CORRUPT)
            return false;
        if (!look(p, i, status == SS_OK ? &block : NULL))
            break;
    }
    return true;
}

static bool verify_block(struct pass *p, unsigned index, const struct ss_sbv2_block *block)
{
    if (!block) {
        esp_say("Signature block %u invalid. Skipping.", index);
        return true;
    }
    const uint8_t *digest = digest_for(&p->digests, block->image_digest_len);
    bool good = ss_secure_boot_v2_verify_block(p->key, digest, p->sector + index * SS_SBV2_BLOCK_SIZE, NULL) == SS_OK;
    esp_say(good ? "Signature block %u verification successful using the supplied key (%s)."
                 : "Signature block %u is not signed by the supplied key (%s).",
            index, ss_key_type_name(ss_signing_key_type(p->key)));
    p->found = p->found || good;
    return true;
}

static int verify_v2(const ss_signing_key_t *key, const struct input *file, bool any_length)
{
    struct pass p = {.key = key};
    if (!each_block(&p, file, any_length, verify_block))
        return ESP_EXIT_ERROR;
    if (!p.found)
        return esp_fatal("Checked all blocks. Signature could not be verified with the provided key.");
    return 0;
}

static int verify_signature(const struct esp_args *args)
{
    struct input file = {0};
    int status = ESP_EXIT_ERROR;
    if (args->values[ESP_HSM] || args->values[ESP_HSM_CONFIG])
        return esp_fatal("keys in a Hardware Security Module (--hsm) are not supported by this program");
    if (!args->values[ESP_KEYFILE])
        return esp_fatal("nothing to verify with: --keyfile is needed");
    ss_signing_key_t *key = esp_load_key(args->values[ESP_KEYFILE], NULL, false);
    if (key && esp_read(args->operand, NULL, &file))
        status = esp_is_version_1(args) ? verify_v1(key, &file)
                                        : verify_v2(key, &file, args->values[ESP_SKIP_PADDING] != NULL);
    file_free(&file);
    ss_signing_key_free(key);
    return status;
}

static bool print_block(struct pass *p, unsigned index, const struct ss_sbv2_block *block)
{
    (void)p;
    if (!block) {
        esp_say("Signature block %u absent/invalid. The next blocks are not looked at.", index);
        return false;
    }
    char hex[3 * sizeof block->key_digest];
    for (size_t k = 0; k < sizeof block->key_digest; k++) {
        ss_put_hex(&block->key_digest[k], 1, hex + 3 * k);
        hex[3 * k + 2] = k + 1 < sizeof block->key_digest ? ' ' : 0;
    }
    esp_say("Public key digest for block %u: %s", index, hex);
    return true;
}

static int signature_info_v2(const struct esp_args *args)
{
    struct input file = {0};
    int status = ESP_EXIT_ERROR;
    struct pass p = {0};
    if (esp_read(args->operand, NULL, &file) && each_block(&p, &file, false, print_block))
        status = 0;
    file_free(&file);
    return status;
}

static const struct esp_option verify_options[] = {
    {ESP_VERSION, "version", 'v', ESP_VALUE, true, "1 2", "secure boot version"},
    {ESP_KEYFILE, "keyfile", 'k', ESP_VALUE, false, NULL, "private or public key: PEM, or 64 raw bytes for V1"},
    {ESP_SKIP_PADDING, "skip-padding", 0, ESP_SWITCH, false, NULL, "the file is no multiple of 4096 bytes (V2)"},
    {ESP_HSM, "hsm", 0, ESP_SWITCH, false, NULL, "not supported"},
    {ESP_HSM_CONFIG, "hsm-config", 0, ESP_VALUE, false, NULL, "not supported"},
    {0},
};

static const struct esp_option info_options[] = {{0}};

const struct esp_command esp_verify_commands[] = {
    {"verify-signature", "verify a signature for secure boot", "DATAFILE", verify_options, verify_signature},
    {"signature-info-v2", "each V2 signature: valid, and by which key", "DATAFILE", info_options, signature_info_v2},
    {0},
};
