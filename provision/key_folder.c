// SPDX-License-Identifier: Apache-2.0
#include "provision/key_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const ss_flash_key_patterns[] = {
    "{id}_flash_key.bin", "{id}_flash_encryption_key.bin", "{id}_flash.bin", "flash_key_{id}.bin", "{mac}.bin", NULL,
};

const char *const ss_sign_key_patterns[] = {
    "{id}_signing_key.pem", "{id}_secure_boot_signing_key.pem", "{id}_sign.pem", "{mac}.pem", NULL,
};

static ss_status_t no_memory(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
}

static ss_status_t check_patterns(const char *const *patterns, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (; status == SS_OK && patterns && *patterns; patterns++)
        status = ss_device_pattern_check(*patterns, err);
    return status;
}

/// The id by the pattern that says most: `x_secure_boot_signing_key.pem` is the key of x, not of x_secure_boot.
static bool match_any(const char *const *patterns, const char *name, char id[SS_DEVICE_NAME_SIZE])
{
    char found[SS_DEVICE_NAME_SIZE];
    bool any = false;
    for (; patterns && *patterns; patterns++)
        if (ss_device_pattern_match(*patterns, name, found) && (!any || strlen(found) < strlen(id))) {
            memcpy(id, found, sizeof found);
            any = true;
        }
    return any;
}

/// The entry of @p id, made if there is none; NULL without memory.
static struct ss_key_folder_entry *entry_of(struct ss_key_folder *folder, const char *id)
{
    for (size_t i = 0; i < folder->count; i++)
        if (!strcmp(folder->entries[i].id, id))
            return &folder->entries[i];
    struct ss_key_folder_entry *entries = reallocarray(folder->entries, folder->count + 1, sizeof *entries);
    if (!entries)
        return NULL;
    folder->entries = entries;
    struct ss_key_folder_entry *entry = &entries[folder->count++];
    *entry = (struct ss_key_folder_entry){0};
    strcpy(entry->id, id);
    return entry;
}

static ss_status_t add_file(struct ss_key_folder *folder, const char *id, bool flash, const char *path,
                            struct ss_error *err)
{
    struct ss_key_folder_entry *entry = entry_of(folder, id);
    if (!entry)
        return no_memory(err);
    char **place = flash ? &entry->flash_key : &entry->sign_key;
    if (*place)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_FILE, "%.80s and %.80s are both the %s key of %s",
                            *place, path, flash ? "flash" : "signing", id);
    *place = strdup(path);
    return *place ? SS_OK : no_memory(err);
}

static ss_status_t take(struct ss_key_folder *folder, const char *dir, const char *name,
                        const char *const *flash_patterns, const char *const *sign_patterns, struct ss_error *err)
{
    char path[4096], id[SS_DEVICE_NAME_SIZE];
    struct stat st;

    if (name[0] == '.' || snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return SS_OK;
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return SS_OK;
    if (match_any(flash_patterns, name, id))
        return add_file(folder, id, true, path, err);
    if (match_any(sign_patterns, name, id))
        return add_file(folder, id, false, path, err);
    folder->others++;
    return SS_OK;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct ss_key_folder_entry *)a)->id, ((const struct ss_key_folder_entry *)b)->id);
}

ss_status_t ss_key_folder_scan(const char *path, const char *const *flash_patterns, const char *const *sign_patterns,
                               struct ss_key_folder *out, struct ss_error *err)
{
    *out = (struct ss_key_folder){0};
    ss_status_t status = check_patterns(flash_patterns, err);
    if (status == SS_OK)
        status = check_patterns(sign_patterns, err);
    if (status != SS_OK)
        return status;
    DIR *dir = opendir(path);
    if (!dir)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%.120s: %s", path, strerror(errno));
    for (const struct dirent *file; status == SS_OK && (file = readdir(dir));)
        status = take(out, path, file->d_name, flash_patterns, sign_patterns, err);
    closedir(dir);
    if (status == SS_OK && !out->count)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_FILE,
                              "%.120s: no file is named as a device's key (%zu others)", path, out->others);
    if (out->count)
        qsort(out->entries, out->count, sizeof *out->entries, by_id);
    return status;
}

void ss_key_folder_free(struct ss_key_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        free(folder->entries[i].flash_key);
        free(folder->entries[i].sign_key);
    }
    free(folder->entries);
    *folder = (struct ss_key_folder){0};
}
