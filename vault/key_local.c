// SPDX-License-Identifier: Apache-2.0
#include "vault/key_local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/gcm.h"
#include "vault/locked.h"

uint8_t *ss_key_local_new(void)
{
    return ss_locked_new(SS_KEY_LOCAL_SIZE);
}

ss_status_t ss_key_local_wrap(void *key, const uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], const uint8_t *aad,
                              size_t aad_len, uint8_t wrapped[SS_VAULT_WRAPPED_MAX], size_t *len, struct ss_error *err)
{
    *len = SS_VAULT_DATA_KEY_SIZE + SS_GCM_OVERHEAD;
    return ss_gcm_seal(key, aad, aad_len, data_key, SS_VAULT_DATA_KEY_SIZE, wrapped, err);
}

ss_status_t ss_key_local_unwrap(void *key, const uint8_t *wrapped, size_t len, const uint8_t *aad, size_t aad_len,
                                uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], struct ss_error *err)
{
    if (len != SS_VAULT_DATA_KEY_SIZE + SS_GCM_OVERHEAD)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "a wrapped key of %zu bytes", len);
    return ss_gcm_open(key, aad, aad_len, wrapped, len, data_key, err);
}

void ss_key_local_close(void *key)
{
    ss_locked_free(key, SS_KEY_LOCAL_SIZE);
}

ss_status_t ss_key_read_fd(int fd, uint8_t *out, size_t size, size_t *len, struct ss_error *err)
{
    uint8_t more;
    *len = 0;
    for (;;) {
        bool full = *len == size;
        ssize_t n = read(fd, full ? &more : out + *len, full ? 1 : size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "%s", strerror(errno));
        if (n == 0)
            return SS_OK;
        if (full)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "more than %zu bytes", size);
        *len += (size_t)n;
    }
}

ss_status_t ss_key_open_credential(const char *name, int *fd, struct ss_error *err)
{
    char path[PATH_MAX];
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    *fd = -1;
    if (!*name || strchr(name, '/') || name[0] == '.')
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "credential: needs the name of a credential");
    if (!folder)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                            "CREDENTIALS_DIRECTORY is not set: systemd sets it for units with LoadCredential=");
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the credential's path is too long");
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd >= 0)
        return SS_OK;
    return ss_error_set(err, errno == ENOENT ? SS_ERROR_DOES_NOT_EXIST : SS_ERROR_IO, SS_AREA_VAULT,
                        "credential %s: %s", name, strerror(errno));
}

ss_status_t ss_key_source_find(const char *spec, const struct ss_vault_key_ops **ops, const char **location,
                               struct ss_error *err)
{
    static const struct ss_vault_key_ops *const sources[] = {&ss_vault_key_passphrase, &ss_vault_key_file,
                                                             &ss_vault_key_credential, &ss_vault_key_pkcs11};
    size_t len = strcspn(spec, ":");
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (strlen(sources[i]->scheme) == len && !memcmp(spec, sources[i]->scheme, len)) {
            *ops = sources[i];
            *location = spec + len + (spec[len] == ':');
            return SS_OK;
        }
    // What was typed may be the secret itself: it is not repeated.
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                        "a key source is passphrase, file:PATH, credential:NAME or pkcs11:URI");
}
