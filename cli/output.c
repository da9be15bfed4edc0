// SPDX-License-Identifier: Apache-2.0
// Output files: a temporary one beside the target, synced, renamed, and the folder synced.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/durable.h"
#include "file.h"

static ss_status_t io_error(struct ss_error *err, const char *path)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%s: %s", path, strerror(errno));
}

/// True if the existing file could be a key that somebody still needs: of the size of a raw key, or a private PEM.
/// A file that already holds what we would write does not count.
static bool may_be_key(const char *path, const struct stat *st, const void *data, size_t len)
{
    uint8_t content[8192];
    off_t size = st->st_size;
    bool result = size == 16 || size == 24 || size == 32 || size == 64;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return result;
    ssize_t n = read(fd, content, sizeof content - 1);
    close(fd);
    if (n > 0 && memmem(content, (size_t)n, "PRIVATE KEY-----", 16))
        result = true;
    if (n >= 0 && (size_t)n == len && (off_t)n == size && !memcmp(content, data, len))
        result = false;
    ss_wipe(content, sizeof content);
    return result;
}

static ss_status_t check_target(const char *path, enum output_kind kind, const void *data, size_t len,
                                const struct input *const *inputs, struct stat *st, struct ss_error *err)
{
    for (; inputs && *inputs; inputs++)
        if ((*inputs)->data && (*inputs)->device == st->st_dev && (*inputs)->inode == st->st_ino)
            return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_FILE,
                                "%s: is the same file as the input %s, which would be lost", path, (*inputs)->name);
    if (S_ISDIR(st->st_mode)) {
        errno = EISDIR;
        return io_error(err, path);
    }
    if (!S_ISREG(st->st_mode))
        return SS_OK;
    if (kind == OUTPUT_KEY)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_FILE,
                            "%s: exists, and a key file is never overwritten", path);
    if (may_be_key(path, st, data, len))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_FILE,
                            "%s: exists and may be a key; a key file is never overwritten", path);
    return SS_OK;
}

static ss_status_t write_stream(int fd, const char *name, const void *data, size_t len, struct ss_error *err)
{
    if (fd == STDOUT_FILENO && isatty(fd) && memchr(data, 0, len))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_FILE, "binary data is not written to a terminal");
    return ss_write_all(fd, data, len) ? SS_OK : io_error(err, name);
}

static ss_status_t write_device(const char *path, const void *data, size_t len, struct ss_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return io_error(err, path);
    ss_status_t status = write_stream(fd, path, data, len, err);
    if (close(fd) && status == SS_OK)
        status = io_error(err, path);
    return status;
}

/// Gives the finished temporary file its name. A key only takes a free name, without a moment in which another
/// process could have taken it.
static bool take_name(const char *temporary, const char *path, bool only_if_free)
{
    if (!only_if_free)
        return rename(temporary, path) == 0;
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) // file systems without that call have hard links
        return false;
    return link(temporary, path) == 0 && unlink(temporary) == 0;
}

static bool fill_temporary(int fd, enum output_kind kind, const void *data, size_t len)
{
    mode_t mask = umask(0);
    umask(mask);
    bool ok =
        fchmod(fd, kind == OUTPUT_PUBLIC ? 0666 & ~mask : 0600) == 0 && ss_write_all(fd, data, len) && fsync(fd) == 0;
    int reason = errno;
    if (close(fd)) // some file systems report a full disk only here
        return false;
    errno = reason;
    return ok;
}

static ss_status_t write_named(const char *path, enum output_kind kind, const void *data, size_t len,
                               struct ss_error *err)
{
    char temporary[PATH_MAX + 16], folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int folder_len = slash ? (int)(slash - path) + 1 : 0;

    if (strlen(path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return io_error(err, path);
    }
    snprintf(folder, sizeof folder, "%.*s", folder_len ? folder_len : 2, folder_len ? path : "./");
    snprintf(temporary, sizeof temporary, "%s.slotseal-XXXXXX", folder);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return io_error(err, path);
    if (!fill_temporary(fd, kind, data, len) || !take_name(temporary, path, kind == OUTPUT_KEY)) {
        int reason = errno;
        unlink(temporary);
        errno = reason;
        if (reason == EEXIST)
            return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_FILE,
                                "%s: exists, and a key file is never overwritten", path);
        return io_error(err, path);
    }
    return ss_sync_folder(folder) ? SS_OK : io_error(err, folder);
}

ss_status_t file_write(const char *path, enum output_kind kind, const void *data, size_t len,
                       const struct input *const *inputs, struct ss_error *err)
{
    char resolved[PATH_MAX];
    struct stat st;
    sigset_t all, before;

    if (!strcmp(path, "-"))
        return write_stream(STDOUT_FILENO, "standard output", data, len, err);
    if (stat(path, &st) == 0) {
        ss_status_t status = check_target(path, kind, data, len, inputs, &st, err);
        if (status != SS_OK)
            return status;
        if (!S_ISREG(st.st_mode))
            return write_device(path, data, len, err);
        // Through a symbolic link the file it names is replaced, not the link.
        if (!realpath(path, resolved))
            return io_error(err, path);
        path = resolved;
    }
    // Control-C between here and the end would leave the temporary file behind.
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    ss_status_t status = write_named(path, kind, data, len, err);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
