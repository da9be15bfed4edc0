// SPDX-License-Identifier: Apache-2.0
// Files of a pre-sealed folder: each appears whole.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/durable.h"
#include "core/hex.h"
#include "server/preseal_parts.h"
#include "server/presealed.h"

enum { PATH_SIZE = 1024 };

static ss_status_t io_error(struct ss_error *err, const char *path)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%s: %s", path, strerror(errno));
}

ss_status_t ss_preseal_folder_make(const char *folder, struct ss_error *err)
{
    char path[PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/objects", folder) >= sizeof path - 80)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FILE, "%s: the path is too long", folder);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return io_error(err, folder);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return io_error(err, path);
    return SS_OK;
}

static void object_path(const char *folder, const uint8_t hash[32], char path[PATH_SIZE])
{
    char hex[65];
    ss_put_hex(hash, 32, hex);
    snprintf(path, PATH_SIZE, "%s/objects/%s", folder, hex);
}

bool ss_preseal_object_exists(const char *folder, const uint8_t hash[32], size_t len)
{
    char path[PATH_SIZE];
    struct stat st;
    object_path(folder, hash, path);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == len;
}

/// Temporary file, fsync, rename. The folder's own sync comes once, before the index.
static ss_status_t write_file(const char *path, const void *bytes, size_t len, struct ss_error *err)
{
    char temporary[PATH_SIZE + 8];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return io_error(err, temporary);
    bool ok = ss_write_all(fd, bytes, len) && fsync(fd) == 0;
    ss_status_t status = ok ? SS_OK : io_error(err, temporary);
    if (close(fd) != 0 && ok)
        status = io_error(err, temporary);
    if (status == SS_OK && rename(temporary, path) != 0)
        status = io_error(err, path);
    if (status != SS_OK)
        unlink(temporary);
    return status;
}

ss_status_t ss_preseal_object_write(const char *folder, const uint8_t *bytes, size_t len, uint8_t hash[32],
                                    struct ss_error *err)
{
    char path[PATH_SIZE];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, bytes, len, hash);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    if (ss_preseal_object_exists(folder, hash, len))
        return SS_OK;
    object_path(folder, hash, path);
    return write_file(path, bytes, len, err);
}

ss_status_t ss_preseal_index_write(const char *folder, const char *product, const char *text, size_t len,
                                   struct ss_error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/objects", folder);
    if (!ss_sync_folder(path))
        return io_error(err, path);
    snprintf(path, sizeof path, "%s/%s" SS_PRESEALED_SUFFIX, folder, product);
    ss_status_t status = write_file(path, text, len, err);
    if (status == SS_OK && !ss_sync_folder(folder))
        status = io_error(err, folder);
    return status;
}
