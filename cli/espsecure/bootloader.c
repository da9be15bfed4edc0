// SPDX-License-Identifier: Apache-2.0
// digest-secure-bootloader: the file for flash address 0 of a chip with a secure boot V1 key.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/espsecure/internal.h"
#include "core/crypto.h"
#include "slotseal/secure_boot_v1.h"

/// The image's name without its ending, and what espsecure appends. NULL, reported, without memory.
static char *default_output(const char *image)
{
    const char *slash = strrchr(image, '/'), *dot = strrchr(image, '.');
    size_t stem = dot && dot > (slash ? slash + 1 : image) ? (size_t)(dot - image) : strlen(image);
    char *name = NULL;
    if (asprintf(&name, "%.*s-digest-0x0000.bin", (int)stem, image) < 0) {
        esp_fatal("out of memory");
        return NULL;
    }
    return name;
}

static ss_status_t make_file(const struct input *key, const struct input *iv, const struct input *image,
                             const char *output, struct ss_error *err)
{
    const struct ss_sbv1_digest_params params = {
        .key = key->data,
        .key_len = key->len,
        .iv = iv->data,
        .iv_len = iv->len < SS_SBV1_IV_SIZE ? iv->len : SS_SBV1_IV_SIZE,
    };
    size_t size = SS_SBV1_BOOTLOADER_FILE_MAX(image->len), len = 0;
    uint8_t *out = malloc(size);
    if (!out)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
    const struct input *inputs[] = {key, iv, image, NULL};
    ss_status_t status = ss_secure_boot_v1_bootloader_file(&params, image->data, image->len, out, size, &len, err);
    if (status == SS_OK)
        status = file_write(output, OUTPUT_PLAINTEXT, out, len, inputs, err);
    free(out);
    return status;
}

/// The IV of the file that was named, or a random one.
static bool get_iv(const char *path, const char *output, struct input *iv)
{
    if (path) {
        esp_say("WARNING: --iv argument is for TESTING PURPOSES ONLY");
        return esp_read(path, output, iv);
    }
    struct ss_error err = {0};
    ss_status_t status = file_pad(iv, SS_SBV1_IV_SIZE, &err);
    if (status == SS_OK && ss_random(iv->data, SS_SBV1_IV_SIZE) != SS_OK)
        status = ss_error_set(&err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "the random generator failed");
    if (status != SS_OK)
        esp_fail(&err);
    return status == SS_OK;
}

static int digest_secure_bootloader(const struct esp_args *args)
{
    struct input key = {0}, iv = {0}, image = {0};
    struct ss_error err = {0};
    const char *given = args->values[ESP_OUTPUT];
    char *made = given ? NULL : default_output(args->operand);
    const char *output = given ? given : made;
    int status = ESP_EXIT_ERROR;
    if (output && esp_read_key(args->values[ESP_KEYFILE], output, &key) && esp_read(args->operand, output, &image) &&
        get_iv(args->values[ESP_IV], output, &iv)) {
        if (make_file(&key, &iv, &image, output, &err) == SS_OK)
            status = 0;
        else
            esp_fail(&err);
    }
    if (status == 0)
        esp_say("digest+image written to %s", output);
    file_free(&image);
    file_free(&iv);
    file_free(&key);
    free(made);
    return status;
}

static const struct esp_option options[] = {
    {ESP_KEYFILE, "keyfile", 'k', ESP_VALUE, true, NULL, "secure boot key: 16, 24 or 32 bytes"},
    {ESP_OUTPUT, "output", 'o', ESP_VALUE, false, NULL, "file to write, NAME-digest-0x0000.bin by default"},
    {ESP_IV, "iv", 0, ESP_VALUE, false, NULL, "file with the IV, for tests; random by default"},
    {0},
};

const struct esp_command esp_bootloader_commands[] = {
    {"digest-secure-bootloader", "bootloader with its digest, for address 0", "IMAGE", options,
     digest_secure_bootloader},
    {0},
};
