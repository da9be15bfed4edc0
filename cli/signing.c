// SPDX-License-Identifier: Apache-2.0
#include "signing.h"

#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "core/crypto.h"
#include "vault/pkcs11.h"

struct ss_vault_key_request token_request(const char *uri, const char *purpose)
{
    return (struct ss_vault_key_request){
        .location = uri + strlen(SS_PKCS11_SCHEME), .purpose = purpose, .ask = ask_secret};
}

ss_status_t signing_key_read(const char *path, struct input *file, ss_signing_key_t **key, struct ss_error *err)
{
    *key = NULL;
    if (ss_pkcs11_is_uri(path)) {
        const struct ss_vault_key_request request = token_request(path, "signing key");
        *file = (struct input){.name = path};
        return ss_pkcs11_signing_key_open(&request, key, err);
    }
    if (signing_vault_name(path)) {
        *file = (struct input){.name = path};
        return signing_vault_public(NULL, signing_vault_name(path), key, err);
    }
    ss_status_t status = file_read(path, SS_SIGNING_KEY_FILE_MAX, file, err);
    if (status != SS_OK)
        return status;
    status = ss_signing_key_load(file->data, file->len, key, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "%s", file->name);
    if (ss_signing_key_is_private(*key))
        file_warn_readable(file);
    return SS_OK;
}

ss_status_t signing_key_to_sign(const struct cli_args *args, const char *path, const char *what, struct input *file,
                                ss_signing_key_t **key, struct ss_error *err)
{
    if (signing_vault_name(path)) {
        *file = (struct input){.name = path};
        return signing_vault_open(args, signing_vault_name(path), what, key, err);
    }
    return signing_key_read(path, file, key, err);
}

ss_status_t signing_key_can_sign(const ss_signing_key_t *key, const char *path, struct ss_error *err)
{
    if (ss_signing_key_can_sign(key))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY,
                        "%s: this is a public key, signing needs the private one", path);
}

enum ss_sign_scheme signing_scheme(const struct cli_args *args, const ss_signing_key_t *key)
{
    if (args->options[OPT_SCHEME])
        return strcmp(args->options[OPT_SCHEME], "v1") == 0 ? SS_SIGN_V1 : SS_SIGN_V2;
    return ss_signing_key_type(key) == SS_KEY_P256 ? SS_SIGN_V1 : SS_SIGN_V2;
}

ss_status_t verification_key_read(const char *path, struct input *file, uint8_t xy[SS_VK_SIZE], struct ss_error *err)
{
    ss_status_t status = file_read(path, SS_SIGNING_KEY_FILE_MAX, file, err);
    if (status != SS_OK)
        return status;
    if (file->len == SS_VK_SIZE) {
        memcpy(xy, file->data, SS_VK_SIZE);
        return SS_OK;
    }
    ss_signing_key_t *key = NULL;
    status = ss_signing_key_load(file->data, file->len, &key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(key, xy, err);
    ss_signing_key_free(key);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", path);
}

static void warn(const struct ss_sign_report *report, const ss_signing_key_t *key)
{
    if (report->is_bootloader && report->scheme == SS_SIGN_V1)
        cli_warning("this looks like a bootloader: secure boot V1 checks its digest, not a signature");
    else if (!report->chip_verifies)
        cli_warning("%s does not verify secure boot V%d signatures by %s keys", report->chip->title,
                    report->scheme == SS_SIGN_V1 ? 1 : 2, ss_key_type_name(ss_signing_key_type(key)));
}

ss_status_t signing_sign(struct input *data, const ss_signing_key_t *key, enum ss_sign_scheme scheme, bool append,
                         struct ss_error *err)
{
    struct input out = {0};
    struct ss_sign_report report = {0};
    size_t len = 0;

    ss_status_t status = file_pad(&out, SS_SIGN_MAX_OUT(data->len), err);
    if (status == SS_OK)
        status = ss_sign_image(scheme, key, append, data->data, data->len, out.data, out.len, &len, &report, err);
    if (status != SS_OK) {
        file_free(&out);
        return status;
    }
    warn(&report, key);
    ss_wipe(data->data, data->len);
    free(data->data);
    data->data = out.data;
    data->capacity = out.capacity;
    data->len = len;
    return SS_OK;
}

bool signing_is_verdict(ss_status_t status)
{
    return status == SS_ERROR_INVALID_SIGNATURE || status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_DATA_INVALID ||
           status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_NOT_SUPPORTED;
}
