// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "core/bytes.h"
#include "core/crypto.h"

static ss_status_t io_error(struct ss_error *err, const char *name)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%s: %s", name, strerror(errno));
}

/// realloc() would leave copies of secrets behind.
static bool grow(struct input *in, size_t capacity)
{
    uint8_t *data = malloc(capacity + 1);
    if (!data)
        return false;
    if (in->data) {
        memcpy(data, in->data, in->len);
        ss_wipe(in->data, in->len);
        free(in->data);
    }
    in->data = data;
    in->capacity = capacity;
    return true;
}

static ss_status_t read_all(int fd, size_t expected, size_t limit, struct input *in, struct ss_error *err)
{
    if (!grow(in, expected < limit ? expected + 1 : limit + 1))
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "%s: out of memory", in->name);
    for (;;) {
        if (in->len > limit)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_FILE,
                                "%s: larger than the limit of %zu bytes", in->name, limit);
        if (in->len == in->capacity && !grow(in, in->capacity < limit / 2 ? in->capacity * 2 + 4096 : limit + 1))
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "%s: out of memory", in->name);
        ssize_t n = read(fd, in->data + in->len, in->capacity - in->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error(err, in->name);
        if (n == 0)
            break;
        in->len += (size_t)n;
    }
    in->data[in->len] = 0;
    return SS_OK;
}

ss_status_t file_read(const char *path, size_t limit, struct input *in, struct ss_error *err)
{
    struct stat st;
    bool standard = !strcmp(path, "-");
    *in = (struct input){.name = standard ? "standard input" : path};

    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return io_error(err, in->name);

    ss_status_t status;
    if (fstat(fd, &st)) {
        status = io_error(err, in->name);
    } else if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        status = io_error(err, in->name);
    } else {
        in->device = st.st_dev;
        in->inode = st.st_ino;
        in->mode = S_ISREG(st.st_mode) ? st.st_mode & 07777 : 0;
        status = read_all(fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0, limit, in, err);
    }
    if (!standard)
        close(fd);
    if (status != SS_OK)
        file_free(in);
    return status;
}

ss_status_t file_read_line(const char *path, size_t limit, struct input *in, struct ss_error *err)
{
    ss_status_t status = file_read(path, limit, in, err);
    while (in->len && (in->data[in->len - 1] == '\n' || in->data[in->len - 1] == '\r'))
        in->data[--in->len] = 0;
    return status;
}

void file_warn_readable(const struct input *in)
{
    if (in->mode & (S_IRWXG | S_IRWXO))
        cli_warning("%s can be read by others (mode %03o); chmod 600 it", in->name, (unsigned)in->mode & 0777);
}

ss_status_t file_pad(struct input *in, size_t len, struct ss_error *err)
{
    if (len > in->capacity && !grow(in, len))
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "%s: out of memory", in->name);
    if (len > in->len) {
        memset(in->data + in->len, 0xFF, len - in->len);
        in->len = len;
    }
    return SS_OK;
}

void file_free(struct input *in)
{
    if (in->data)
        ss_wipe(in->data, in->len);
    free(in->data);
    in->data = NULL;
    in->len = in->capacity = 0;
}
