// SPDX-License-Identifier: Apache-2.0
#include "provision/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/durable.h"

static ss_status_t io_error(struct ss_error *err, const char *path)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%.120s: %s", path, strerror(errno));
}

/// Cuts off what stands behind the last '\n'; *size is what is left.
static bool cut_torn_line(int fd, off_t *size)
{
    char block[4096];
    off_t end = *size;
    while (end > 0) {
        size_t n = end < (off_t)sizeof block ? (size_t)end : sizeof block;
        if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
            return false;
        const char *newline = memrchr(block, '\n', n);
        end -= (off_t)n;
        if (newline) {
            end += newline - block + 1;
            break;
        }
    }
    bool torn = end != *size;
    *size = end;
    return !torn || ftruncate(fd, end) == 0;
}

static ss_status_t check_header(int fd, const char *path, const char *header, struct ss_error *err)
{
    char first[2048];
    size_t len = strlen(header);
    if (len + 1 > sizeof first)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FILE, "header of %zu bytes", len);
    ssize_t n = pread(fd, first, len + 1, 0);
    if (n < 0)
        return io_error(err, path);
    if ((size_t)n == len + 1 && !memcmp(first, header, len) && first[len] == '\n')
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE,
                        "%.120s: has other columns than this version writes; start a new file", path);
}

/// Header and line in one write(), so that a reader never sees one without the other.
static ss_status_t append(int fd, const char *path, const char *header, const char *line, struct ss_error *err)
{
    struct stat st;
    char *text = NULL;

    if (flock(fd, LOCK_EX) || fstat(fd, &st))
        return io_error(err, path);
    off_t size = st.st_size;
    if (!cut_torn_line(fd, &size))
        return io_error(err, path);
    if (header && size) {
        ss_status_t status = check_header(fd, path, header, err);
        if (status != SS_OK)
            return status;
        header = NULL;
    }
    int len = asprintf(&text, "%s%s%s\n", header ? header : "", header ? "\n" : "", line);
    if (len < 0)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
    bool ok = ss_write_all(fd, text, (size_t)len) && fsync(fd) == 0 && (size || ss_sync_parent(path));
    int reason = errno;
    free(text);
    errno = reason;
    return ok ? SS_OK : io_error(err, path);
}

ss_status_t ss_append_line(const char *path, const char *header, const char *line, struct ss_error *err)
{
    if (strchr(line, '\n'))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FILE, "a line break within a line");
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return io_error(err, path);
    ss_status_t status = append(fd, path, header, line, err);
    if (close(fd) && status == SS_OK)
        status = io_error(err, path);
    return status;
}
