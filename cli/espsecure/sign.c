// SPDX-License-Identifier: Apache-2.0
// sign-data: V1 and V2, with private keys or with signatures made elsewhere.
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/espsecure/internal.h"
#include "core/crypto.h"
#include "slotseal/content.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

/// What one call signs with: `signers` borrow keys and signatures.
struct sign_job {
    struct input data;
    unsigned count;
    ss_signing_key_t *keys[ESP_MAX_FILES];
    struct input signatures[ESP_MAX_FILES];
    struct ss_sbv2_signer signers[ESP_MAX_FILES];
};

static void free_job(struct sign_job *job)
{
    for (unsigned i = 0; i < ESP_MAX_FILES; i++) {
        ss_signing_key_free(job->keys[i]);
        file_free(&job->signatures[i]);
    }
    file_free(&job->data);
}

static int check_lists(const struct esp_args *args, bool v1)
{
    const struct esp_list *keys = &args->lists[ESP_KEYFILE];
    const struct esp_list *public_keys = &args->lists[ESP_PUB_KEY], *signatures = &args->lists[ESP_SIGNATURE];
    if (args->values[ESP_HSM] || args->values[ESP_HSM_CONFIG])
        return esp_fatal("signing by a Hardware Security Module (--hsm) is not supported by this program");
    if (signatures->count != public_keys->count)
        return esp_fatal("Number of public keys (%u) not equal to the number of signatures (%u).", public_keys->count,
                         signatures->count);
    if (!signatures->count && !keys->count)
        return esp_fatal("nothing to sign with: --keyfile, or --pub-key and --signature, are needed");
    if (v1 && keys->count + signatures->count > 1)
        return esp_fatal("Secure Boot V1 only supports one signing key.");
    return 0;
}

static bool load_signers(const struct esp_args *args, const char *output, bool v1, struct sign_job *job)
{
    const struct esp_list *signatures = &args->lists[ESP_SIGNATURE];
    const struct esp_list *keys = &args->lists[signatures->count ? ESP_PUB_KEY : ESP_KEYFILE];
    if (signatures->count)
        esp_say("Pre-calculated signatures found");
    job->count = keys->count;
    for (unsigned i = 0; i < keys->count; i++) {
        job->keys[i] = esp_load_key(keys->items[i], output, !signatures->count);
        if (!job->keys[i] || !esp_key_fits(job->keys[i], v1) ||
            (signatures->count && !esp_read(signatures->items[i], output, &job->signatures[i])))
            return false;
        job->signers[i] = (struct ss_sbv2_signer){
            .key = job->keys[i], .signature = job->signatures[i].data, .signature_len = job->signatures[i].len};
    }
    return true;
}

static ss_status_t make_v1(const struct sign_job *job, uint8_t *out, size_t *len, struct ss_error *err)
{
    const struct input *data = &job->data, *signature = &job->signatures[0];
    uint8_t *block = out + data->len;
    memcpy(out, data->data, data->len);
    *len = data->len + SS_SBV1_BLOCK_SIZE;
    if (!signature->data)
        return ss_secure_boot_v1_sign(job->keys[0], data->data, data->len, block, err);
    if (signature->len != SS_SBV1_SIGNATURE_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "%s: a V1 signature is %d bytes, r and s, not %zu", signature->name, SS_SBV1_SIGNATURE_SIZE,
                            signature->len);
    uint8_t digest[32], xy[SS_RAW_PUBLIC_KEY_SIZE];
    ss_status_t status = ss_signing_key_raw_public(job->keys[0], xy, err);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA256, data->data, data->len, digest);
    if (status == SS_OK)
        status = ss_secure_boot_v1_attach(xy, digest, signature->data, block, err);
    return status;
}

static ss_status_t make_v2(const struct esp_args *args, const struct sign_job *job, uint8_t *out, size_t size,
                           size_t *len, struct ss_error *err)
{
    const struct ss_sbv2_options options = {.append = args->values[ESP_APPEND] != NULL,
                                            .skip_padding = args->values[ESP_SKIP_PADDING] != NULL};
    return ss_secure_boot_v2_sign_file(job->signers, job->count, &options, job->data.data, job->data.len, out, size,
                                       len, err);
}

static int write_signed(const struct esp_args *args, const struct sign_job *job, bool v1)
{
    size_t size = SS_SBV2_MAX_OUT(job->data.len), len = 0;
    uint8_t *out = malloc(size + SS_SBV1_BLOCK_SIZE);
    if (!out)
        return esp_fatal("out of memory");
    struct ss_error err = {0};
    const char *output = args->values[ESP_OUTPUT];
    ss_status_t status = v1 ? make_v1(job, out, &len, &err) : make_v2(args, job, out, size, &len, &err);
    if (status == SS_OK)
        status = file_write(output ? output : args->operand, OUTPUT_PLAINTEXT, out, len, NULL, &err);
    if (status == SS_OK)
        esp_say("Signed %zu bytes of data from %s.%s", v1 ? job->data.len : len - SS_SBV2_SECTOR_SIZE, args->operand,
                v1 ? "" : " The signature sector is complete.");
    ss_wipe(out, size + SS_SBV1_BLOCK_SIZE);
    free(out);
    return status == SS_OK ? 0 : esp_fail(&err);
}

/// The original signs whatever it gets, so this does; but signing ciphertext is how devices die.
static void warn_of_ciphertext(const struct input *data)
{
    enum ss_content content = ss_content_classify(data->data, data->len);
    if (content == SS_CONTENT_NOISE || content == SS_CONTENT_NOISE_SIGNED_V1 || content == SS_CONTENT_NOISE_SIGNED_V2)
        cli_warning("%s: %s", data->name, ss_content_sign_advice(content));
}

static int sign_data(const struct esp_args *args)
{
    const char *output = args->values[ESP_OUTPUT];
    bool v1 = esp_is_version_1(args);
    struct sign_job job = {0};
    int status = check_lists(args, v1);
    if (status == 0) {
        status = ESP_EXIT_ERROR;
        if (esp_read(args->operand, output, &job.data) && load_signers(args, output, v1, &job)) {
            warn_of_ciphertext(&job.data);
            status = write_signed(args, &job, v1);
        }
    }
    free_job(&job);
    return status;
}

static const struct esp_option sign_options[] = {
    {ESP_VERSION, "version", 'v', ESP_VALUE, true, "1 2", "secure boot version"},
    {ESP_KEYFILE, "keyfile", 'k', ESP_MANY, false, NULL, "private keys in PEM format"},
    {ESP_OUTPUT, "output", 'o', ESP_VALUE, false, NULL, "file to write; the input file by default"},
    {ESP_APPEND, "append-signatures", 'a', ESP_SWITCH, false, NULL, "add to the signatures that are there (V2)"},
    {ESP_PUB_KEY, "pub-key", 0, ESP_MANY, false, NULL, "public keys of signatures made elsewhere"},
    {ESP_SIGNATURE, "signature", 0, ESP_MANY, false, NULL, "signatures made elsewhere: r and s (V1), PSS or DER (V2)"},
    {ESP_SKIP_PADDING, "skip-padding", 0, ESP_SWITCH, false, NULL, "no padding to 4096 bytes (V2)"},
    {ESP_HSM, "hsm", 0, ESP_SWITCH, false, NULL, "not supported"},
    {ESP_HSM_CONFIG, "hsm-config", 0, ESP_VALUE, false, NULL, "not supported"},
    {0},
};

const struct esp_command esp_sign_commands[] = {
    {"sign-data", "sign a file for secure boot", "DATAFILE", sign_options, sign_data},
    {0},
};
