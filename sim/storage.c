// SPDX-License-Identifier: Apache-2.0
#include "sim/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/durable.h"

#define PATH_SIZE 4096

// SS_SIM_VALUES_MAX if there is none.
static unsigned find(const struct ss_sim_storage *s, const char *name)
{
    unsigned i = 0;
    while (i < SS_SIM_VALUES_MAX && strcmp(s->values[i].name, name) != 0)
        i++;
    return i;
}

static void forget(struct ss_sim_value *v)
{
    ss_wipe(v->bytes, v->len);
    free(v->bytes);
    *v = (struct ss_sim_value){0};
}

const struct ss_sim_value *ss_sim_storage_get(const struct ss_sim_storage *storage, const char *name)
{
    unsigned i = find(storage, name);
    return i < SS_SIM_VALUES_MAX ? &storage->values[i] : NULL;
}

static ss_status_t put(struct ss_sim_storage *s, const char *name, const void *in, size_t len)
{
    unsigned i = find(s, name);
    if (i == SS_SIM_VALUES_MAX)
        i = find(s, "");
    if (i == SS_SIM_VALUES_MAX)
        return SS_ERROR_INSUFFICIENT_SPACE;
    uint8_t *bytes = malloc(len ? len : 1);
    if (!bytes)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    memcpy(bytes, in, len);
    struct ss_sim_value *v = &s->values[i];
    forget(v);
    snprintf(v->name, sizeof v->name, "%s", name);
    v->bytes = bytes;
    v->len = len;
    return SS_OK;
}

static ss_status_t take_entry(struct ss_sim_storage *s, const struct ss_nvs_reader *r, const struct ss_nvs_entry *e,
                              struct ss_error *err)
{
    size_t len;
    if (e->type != SS_NVS_BLOB || strcmp(e->ns, SS_SIM_STORAGE_NAMESPACE) != 0)
        return SS_OK;
    uint8_t *bytes = malloc(e->len ? e->len : 1);
    if (!bytes)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for %s",
                            SS_SIM_STORAGE_FILE);
    ss_status_t status = ss_nvs_read(r, e, bytes, e->len, &len, err);
    if (status == SS_OK)
        status = put(s, e->key, bytes, len);
    ss_wipe(bytes, e->len);
    free(bytes);
    return status;
}

static ss_status_t take_image(struct ss_sim_storage *s, const uint8_t *image, struct ss_error *err)
{
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry;
    struct ss_nvs_reader *r = malloc(sizeof *r);
    if (!r)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for %s",
                            SS_SIM_STORAGE_FILE);
    ss_status_t status = ss_nvs_reader_open(r, image, SS_SIM_STORAGE_SIZE, err);
    while (status == SS_OK && ss_nvs_next(r, &cursor, &entry) == SS_OK)
        status = take_entry(s, r, &entry, err);
    free(r);
    return status;
}

static void path_of(const struct ss_sim_storage *s, const char *suffix, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/" SS_SIM_STORAGE_FILE "%s", s->folder, suffix);
}

static ss_status_t read_file(struct ss_sim_storage *s, uint8_t *image, struct ss_error *err)
{
    char path[PATH_SIZE];
    path_of(s, "", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return SS_OK;
    ssize_t n = fd < 0 ? -1 : read(fd, image, SS_SIM_STORAGE_SIZE);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "cannot read %s: %s", path, strerror(error));
    if (n != SS_SIM_STORAGE_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s is %zd bytes, must be %u", path, n,
                            SS_SIM_STORAGE_SIZE);
    return take_image(s, image, err);
}

ss_status_t ss_sim_storage_open(const char *folder, struct ss_power *power, struct ss_sim_storage *storage,
                                struct ss_error *err)
{
    *storage = (struct ss_sim_storage){.power = power};
    if (!folder)
        return SS_OK;
    storage->folder = strdup(folder);
    uint8_t *image = malloc(SS_SIM_STORAGE_SIZE);
    ss_status_t status = storage->folder && image ? read_file(storage, image, err)
                                                  : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP,
                                                                 "out of memory for %s", SS_SIM_STORAGE_FILE);
    free(image);
    return status;
}

void ss_sim_storage_close(struct ss_sim_storage *storage)
{
    for (unsigned i = 0; i < SS_SIM_VALUES_MAX; i++)
        forget(&storage->values[i]);
    free(storage->folder);
    *storage = (struct ss_sim_storage){0};
}

static ss_status_t write_file(const struct ss_sim_storage *s, const uint8_t *image)
{
    char temporary[PATH_SIZE], path[PATH_SIZE];
    path_of(s, ".new", temporary);
    path_of(s, "", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && ss_write_all(fd, image, SS_SIM_STORAGE_SIZE) && fsync(fd) == 0;
    if (fd >= 0)
        ok &= close(fd) == 0;
    return ok && rename(temporary, path) == 0 && ss_sync_folder(s->folder) ? SS_OK : SS_ERROR_IO;
}

// All values, with @p name as it is to be.
static ss_status_t save(const struct ss_sim_storage *s, const char *name, const void *in, size_t len)
{
    struct ss_nvs_writer w;
    uint8_t *image = malloc(SS_SIM_STORAGE_SIZE);
    if (!image)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    struct ss_nvs_value value = {.type = SS_NVS_BLOB, .data = in, .len = len};
    ss_status_t status = ss_nvs_writer_init(&w, image, SS_SIM_STORAGE_SIZE, SS_NVS_V2, NULL);
    if (status == SS_OK)
        status = ss_nvs_set(&w, SS_SIM_STORAGE_NAMESPACE, name, &value, NULL);
    for (unsigned i = 0; status == SS_OK && i < SS_SIM_VALUES_MAX; i++) {
        const struct ss_sim_value *v = &s->values[i];
        if (!*v->name || strcmp(v->name, name) == 0)
            continue;
        value = (struct ss_nvs_value){.type = SS_NVS_BLOB, .data = v->bytes, .len = v->len};
        status = ss_nvs_set(&w, SS_SIM_STORAGE_NAMESPACE, v->name, &value, NULL);
    }
    if (status == SS_OK)
        status = write_file(s, image);
    free(image);
    return status;
}

static ss_status_t set(struct ss_sim_storage *s, const char *name, const void *in, size_t len)
{
    if (s->forgets) {
        unsigned i = find(s, name);
        if (i < SS_SIM_VALUES_MAX)
            forget(&s->values[i]);
        return SS_OK;
    }
    ss_status_t status = s->folder ? save(s, name, in, len) : SS_OK;
    return status == SS_OK ? put(s, name, in, len) : status;
}

ss_status_t ss_sim_storage_set(struct ss_sim_storage *storage, const char *name, const void *in, size_t len)
{
    struct ss_power *power = storage->power;
    if (power && ss_power_begin(power, SS_SIM_STORAGE_US)) {
        if (ss_power_random(power) & 1 && set(storage, name, in, len) != SS_OK)
            return SS_ERROR_IO;
        ss_power_fail(power);
    }
    ss_status_t status = set(storage, name, in, len);
    if (power && status == SS_OK)
        ss_power_end(power);
    return status;
}
