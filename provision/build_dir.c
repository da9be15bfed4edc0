// SPDX-License-Identifier: Apache-2.0
// ESP-IDF's build folder (docs, "Build System": flasher_args.json, sdkconfig).
#include "provision/build_dir.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

enum { FILE_LIMIT = 16 << 20, FLASH_LIMIT = 16 << 20, PATH_SIZE = 1024 };

ss_status_t ss_provision_read_file(const char *path, size_t limit, uint8_t **data, size_t *len, struct ss_error *err)
{
    *data = NULL;
    *len = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return ss_error_set(err, errno == ENOENT ? SS_ERROR_DOES_NOT_EXIST : SS_ERROR_IO, SS_AREA_FILE, "%s: %s", path,
                            strerror(errno));
    ss_status_t status = SS_OK;
    size_t size = 0, room = 0;
    uint8_t *buffer = NULL;
    for (size_t n = 1; status == SS_OK && n > 0; size += n) {
        if (room - size < 2) {
            room = room ? 2 * room : 65536;
            uint8_t *grown = realloc(buffer, room);
            if (!grown) {
                status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for %s", path);
                break;
            }
            buffer = grown;
        }
        n = fread(buffer + size, 1, room - size - 1, f);
        if (size + n > limit)
            status = ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_FILE, "%s is larger than %zu bytes", path,
                                  limit);
    }
    if (status == SS_OK && ferror(f))
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%s: cannot be read", path);
    fclose(f);
    if (status != SS_OK) {
        free(buffer);
        return status;
    }
    buffer[size] = 0;
    *data = buffer;
    *len = size;
    return SS_OK;
}

/// The first of @p names below @p dir that is there.
static ss_status_t read_first(const char *dir, const char *const *names, uint8_t **data, size_t *len,
                              struct ss_error *err)
{
    ss_status_t status = SS_ERROR_DOES_NOT_EXIST;
    char path[PATH_SIZE];
    for (; *names && status == SS_ERROR_DOES_NOT_EXIST; names++) {
        snprintf(path, sizeof path, "%s/%s", dir, *names);
        status = ss_provision_read_file(path, FILE_LIMIT, data, len, err);
    }
    return status;
}

static ss_status_t place_file(const char *dir, struct ss_build *build, const char *offset, const char *name,
                              struct ss_error *err)
{
    char path[PATH_SIZE], *end;
    uint8_t *data;
    size_t len;
    unsigned long at = strtoul(offset, &end, 0);
    if (end == offset || *end)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "flasher_args.json: '%s' is no flash address",
                            offset);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ss_status_t status = ss_provision_read_file(path, FILE_LIMIT, &data, &len, err);
    if (status != SS_OK)
        return status;
    if (ss_range_ok(at, len, FLASH_LIMIT)) {
        memcpy(build->flash + at, data, len);
        if (at + len > build->flash_len)
            build->flash_len = at + len;
    } else {
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s: %zu bytes at 0x%lx are beyond 16 MiB",
                              path, len, at);
    }
    free(data);
    return status;
}

static ss_status_t place_files(const char *dir, struct ss_build *build, const json_t *root, struct ss_error *err)
{
    const char *offset;
    json_t *name;
    ss_status_t status = SS_OK;
    build->flash = malloc(FLASH_LIMIT);
    if (!build->flash)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a flash image");
    memset(build->flash, 0xFF, FLASH_LIMIT);
    json_object_foreach(json_object_get(root, "flash_files"), offset, name)
    {
        if (status == SS_OK && json_is_string(name))
            status = place_file(dir, build, offset, json_string_value(name), err);
    }
    // Up to the size that the bootloader will believe in, so that empty slots are seen as erased.
    const char *size = json_string_value(json_object_get(json_object_get(root, "flash_settings"), "flash_size"));
    unsigned long mb = size ? strtoul(size, NULL, 10) : 0;
    if (mb >= 1 && mb <= 16 && build->flash_len < mb << 20)
        build->flash_len = mb << 20;
    return status;
}

ss_status_t ss_build_read(const char *dir, struct ss_build *build, struct ss_error *err)
{
    static const char *const configs[] = {"sdkconfig", "../sdkconfig", NULL};
    static const char *const keys[] = {"signature_verification_key.bin", "bootloader/signature_verification_key.bin",
                                       "esp-idf/bootloader_support/signature_verification_key.bin",
                                       "bootloader/esp-idf/bootloader_support/signature_verification_key.bin", NULL};
    static const char *const args[] = {"flasher_args.json", NULL};
    uint8_t *config = NULL, *key = NULL, *flasher = NULL;
    size_t config_len, key_len, flasher_len;
    struct ss_profile_build known = {0};
    json_t *root = NULL;
    memset(build, 0, sizeof *build);
    ss_status_t status = read_first(dir, configs, &config, &config_len, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "no build folder of ESP-IDF");
    if (read_first(dir, keys, &key, &key_len, NULL) == SS_OK) {
        known.public_key = key;
        known.public_key_len = key_len;
    }
    if (read_first(dir, args, &flasher, &flasher_len, NULL) == SS_OK) {
        root = json_loadb((const char *)flasher, flasher_len, 0, NULL);
        status = root ? place_files(dir, build, root, err)
                      : ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "flasher_args.json is not JSON");
        const char *at = json_string_value(json_object_get(json_object_get(root, "partition-table"), "offset"));
        if (!at)
            at = json_string_value(json_object_get(json_object_get(root, "partition_table"), "offset"));
        known.table_offset = at ? (uint32_t)strtoul(at, NULL, 0) : 0;
    }
    if (status == SS_OK)
        status = ss_profile_from_sdkconfig((const char *)config, config_len, &known, &build->profile, err);
    json_decref(root);
    free(flasher);
    free(key);
    free(config);
    return status;
}

void ss_build_free(struct ss_build *build)
{
    free(build->flash);
    build->flash = NULL;
}
