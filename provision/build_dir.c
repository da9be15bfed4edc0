// SPDX-License-Identifier: Apache-2.0
// ESP-IDF's build folder (docs, "Build System": flasher_args.json, sdkconfig).
#include "provision/build_dir.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

enum {
    FILE_LIMIT = 16 << 20,
    FLASH_LIMIT = 16 << 20,
    PATH_SIZE = 1024,
    VERSION_SIZE = 33,
    BOOTLOADER_ADDRESS = 0x1000
};

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

/// The files of a build that are not flashed. All zero: none is there. free_files().
struct build_files {
    uint8_t *config, *key;
    size_t config_len, key_len;
    json_t *flasher, *description;
};

static void free_files(struct build_files *f)
{
    free(f->config);
    free(f->key);
    json_decref(f->flasher);
    json_decref(f->description);
}

/// A JSON object that may be missing: *@p out is NULL then.
static ss_status_t read_json(const char *dir, const char *name, json_t **out, struct ss_error *err)
{
    const char *const names[] = {name, NULL};
    uint8_t *data = NULL;
    size_t len;
    ss_status_t status = read_first(dir, names, &data, &len, NULL);
    if (status == SS_ERROR_DOES_NOT_EXIST)
        return SS_OK;
    if (status == SS_OK)
        *out = json_loadb((const char *)data, len, 0, NULL);
    free(data);
    return json_is_object(*out)
               ? SS_OK
               : ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s is not a JSON object", name);
}

static ss_status_t read_files(const char *dir, struct build_files *f, struct ss_error *err)
{
    static const char *const configs[] = {"sdkconfig", "../sdkconfig", NULL};
    static const char *const keys[] = {"signature_verification_key.bin", "bootloader/signature_verification_key.bin",
                                       "esp-idf/bootloader_support/signature_verification_key.bin",
                                       "bootloader/esp-idf/bootloader_support/signature_verification_key.bin", NULL};
    ss_status_t status = read_first(dir, configs, &f->config, &f->config_len, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "no build folder of ESP-IDF");
    if (read_first(dir, keys, &f->key, &f->key_len, NULL) != SS_OK)
        f->key = NULL;
    status = read_json(dir, "flasher_args.json", &f->flasher, err);
    if (status == SS_OK)
        status = read_json(dir, "project_description.json", &f->description, err);
    return status;
}

static const char *json_path(const json_t *root, const char *object, const char *key)
{
    return json_string_value(json_object_get(json_object_get(root, object), key));
}

/// Builds for later chips have other addresses and eFuses. v4.0 names no chip: it knew only one.
static ss_status_t check_chip(const struct build_files *f, struct ss_error *err)
{
    const char *chip = json_path(f->flasher, "extra_esptool_args", "chip");
    if (!chip)
        chip = json_string_value(json_object_get(f->description, "target"));
    if (!chip || !strcmp(chip, "esp32"))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_FILE, "the build is for %s, not for the ESP32", chip);
}

/// With secure boot V1, `idf.py flash` leaves the bootloader out, and so does flasher_args.json.
static ss_status_t add_bootloader(const char *dir, struct ss_build *build, struct ss_error *err)
{
    if (!build->flash || build->flash[BOOTLOADER_ADDRESS] != 0xFF)
        return SS_OK;
    ss_status_t status = place_file(dir, build, "0x1000", "bootloader/bootloader.bin", err);
    return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
}

/// "… (ESP-IDF) 5.1.2 Project Configuration": the first lines of an sdkconfig from v5.0 on.
static bool version_of_config(const struct build_files *f, char out[VERSION_SIZE])
{
    static const char before[] = "(ESP-IDF) ";
    char version[VERSION_SIZE - 1];
    const char *at = strstr((const char *)f->config, before);
    unsigned number;
    if (!at || sscanf(at + strlen(before), "%30[0-9.]", version) != 1)
        return false;
    snprintf(out, VERSION_SIZE, "v%s", version);
    return ss_profile_idf_number(out, &number);
}

/// The ESP-IDF that built it: by its own word, or what its bootloader says.
static void find_version(const struct build_files *f, const struct ss_build *build, char out[VERSION_SIZE])
{
    unsigned number;
    struct ss_boot_profile guess;
    const char *revision = json_string_value(json_object_get(f->description, "git_revision"));
    if (revision && strlen(revision) < VERSION_SIZE && ss_profile_idf_number(revision, &number)) {
        strcpy(out, revision);
    } else if (!version_of_config(f, out)) {
        bool there = build->flash_len > BOOTLOADER_ADDRESS;
        ss_profile_guess(there ? build->flash + BOOTLOADER_ADDRESS : (const uint8_t *)"",
                         there ? build->flash_len - BOOTLOADER_ADDRESS : 0, &guess);
        snprintf(out, VERSION_SIZE, "%s", guess.idf_version);
    }
}

ss_status_t ss_build_read(const char *dir, struct ss_build *build, struct ss_error *err)
{
    struct build_files f = {0};
    struct ss_profile_build known = {0};
    char version[VERSION_SIZE];
    memset(build, 0, sizeof *build);
    ss_status_t status = read_files(dir, &f, err);
    if (status == SS_OK)
        status = check_chip(&f, err);
    if (status == SS_OK && f.flasher)
        status = place_files(dir, build, f.flasher, err);
    if (status == SS_OK)
        status = add_bootloader(dir, build, err);
    if (status == SS_OK) {
        const char *at = json_path(f.flasher, "partition-table", "offset");
        if (!at)
            at = json_path(f.flasher, "partition_table", "offset"); // before v4.3
        find_version(&f, build, version);
        known.idf_version = version;
        known.public_key = f.key;
        known.public_key_len = f.key_len;
        known.table_offset = at ? (uint32_t)strtoul(at, NULL, 0) : 0;
        status = ss_profile_from_sdkconfig((const char *)f.config, f.config_len, &known, &build->profile, err);
    }
    free_files(&f);
    return status;
}

void ss_build_free(struct ss_build *build)
{
    free(build->flash);
    build->flash = NULL;
}
