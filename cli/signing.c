// SPDX-License-Identifier: Apache-2.0
#include "signing.h"

#include <string.h>

#include "core/crypto.h"

ss_status_t signing_key_read(const char *path, struct input *file, ss_signing_key_t **key, struct ss_error *err)
{
    *key = NULL;
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

enum sign_scheme signing_scheme(const struct cli_args *args, const ss_signing_key_t *key)
{
    if (args->options[OPT_SCHEME])
        return strcmp(args->options[OPT_SCHEME], "v1") == 0 ? SIGN_V1 : SIGN_V2;
    return ss_signing_key_type(key) == SS_KEY_P256 ? SIGN_V1 : SIGN_V2;
}

ss_status_t signing_sign(struct input *data, const ss_signing_key_t *key, enum sign_scheme scheme, bool append,
                         struct ss_error *err)
{
    (void)key, (void)scheme, (void)append;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SECURE_BOOT, "%s: this build cannot sign", data->name);
}

ss_status_t signing_verify(const uint8_t *data, size_t len, const ss_signing_key_t *key, enum sign_scheme scheme,
                           struct ss_error *err)
{
    (void)data, (void)len, (void)key, (void)scheme;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SECURE_BOOT, "this build cannot verify signatures");
}
