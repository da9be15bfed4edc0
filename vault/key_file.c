// SPDX-License-Identifier: Apache-2.0
// A wrapping key in a file of 32 bytes, or in a systemd credential.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/durable.h"
#include "vault/key_local.h"

static ss_status_t system_error(struct ss_error *err, const char *path)
{
    return ss_error_set(err, errno == ENOENT ? SS_ERROR_DOES_NOT_EXIST : SS_ERROR_IO, SS_AREA_VAULT, "%s: %s", path,
                        strerror(errno));
}

/// The key that @p fd holds. It must not be of one repeated byte: that is a file somebody forgot to fill.
static ss_status_t read_key(int fd, void **key, struct ss_error *err)
{
    size_t len = 0, same = 0;
    uint8_t *bytes = ss_key_local_new();
    if (!bytes)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    ss_status_t status = ss_key_read_fd(fd, bytes, SS_KEY_LOCAL_SIZE, &len, err);
    if (status == SS_ERROR_INVALID_ARGUMENT || (status == SS_OK && len != SS_KEY_LOCAL_SIZE))
        status =
            ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT, "a key has exactly %d bytes", SS_KEY_LOCAL_SIZE);
    for (size_t i = 0; status == SS_OK && i < SS_KEY_LOCAL_SIZE; i++)
        same += bytes[i] == bytes[0];
    if (status == SS_OK && same == SS_KEY_LOCAL_SIZE)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT, "the key is one byte repeated");
    if (status != SS_OK)
        ss_key_local_close(bytes);
    else
        *key = bytes;
    return status;
}

static ss_status_t check_mode(int fd, struct ss_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "is not a regular file");
    if (st.st_mode & 077)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "mode %04o lets others at the key; chmod 600 it", st.st_mode & 07777);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "belongs to user %u, not to user %u",
                            (unsigned)st.st_uid, (unsigned)geteuid());
    return SS_OK;
}

static ss_status_t open_file(const struct ss_vault_key_request *request, const uint8_t *params, size_t len, void **key,
                             struct ss_error *err)
{
    const char *path = request->location;
    (void)params, (void)len;
    *key = NULL;
    if (!*path)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "file: needs the path of a key file");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return system_error(err, path);
    ss_status_t status = check_mode(fd, err);
    if (status == SS_OK)
        status = read_key(fd, key, err);
    close(fd);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", path);
}

static ss_status_t fill_new(int fd, const char *path, struct ss_error *err)
{
    uint8_t *bytes = ss_key_local_new();
    if (!bytes)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    ss_status_t status = ss_random(bytes, SS_KEY_LOCAL_SIZE);
    if (status != SS_OK)
        status = ss_error_set(err, status, SS_AREA_CRYPTO, "no random bytes");
    else if (!ss_write_all(fd, bytes, SS_KEY_LOCAL_SIZE) || fsync(fd) != 0 || !ss_sync_parent(path))
        status = system_error(err, path);
    ss_key_local_close(bytes);
    return status;
}

/// A missing file is made: durable before anything is wrapped under it.
static ss_status_t create_file(const struct ss_vault_key_request *request, uint8_t *params, size_t size, size_t *len,
                               void **key, struct ss_error *err)
{
    const char *path = request->location;
    (void)params, (void)size;
    *len = 0;
    *key = NULL;
    int fd = *path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600) : -1;
    if (fd < 0 && *path && errno != EEXIST)
        return system_error(err, path);
    if (fd >= 0) {
        ss_status_t status = fill_new(fd, path, err);
        if (close(fd) != 0 && status == SS_OK)
            status = system_error(err, path);
        if (status != SS_OK) {
            unlink(path);
            return status;
        }
    }
    return open_file(request, NULL, 0, key, err);
}

const struct ss_vault_key_ops ss_vault_key_file = {
    .scheme = "file",
    .also = "credential",
    .create = create_file,
    .open = open_file,
    .wrap = ss_key_local_wrap,
    .unwrap = ss_key_local_unwrap,
    .close = ss_key_local_close,
};

// Who may read a credential is systemd's business: its modes are not ours to judge.
static ss_status_t open_credential(const struct ss_vault_key_request *request, const uint8_t *params, size_t len,
                                   void **key, struct ss_error *err)
{
    int fd;
    (void)params, (void)len;
    *key = NULL;
    ss_status_t status = ss_key_open_credential(request->location, &fd, err);
    if (status != SS_OK)
        return status;
    status = read_key(fd, key, err);
    close(fd);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "credential %s", request->location);
}

static ss_status_t create_credential(const struct ss_vault_key_request *request, uint8_t *params, size_t size,
                                     size_t *len, void **key, struct ss_error *err)
{
    (void)params, (void)size;
    *len = 0;
    return open_credential(request, NULL, 0, key, err);
}

const struct ss_vault_key_ops ss_vault_key_credential = {
    .scheme = "credential",
    .also = "file",
    .create = create_credential,
    .open = open_credential,
    .wrap = ss_key_local_wrap,
    .unwrap = ss_key_local_unwrap,
    .close = ss_key_local_close,
};
