// SPDX-License-Identifier: Apache-2.0
#include "server/confine_paths.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/sql.h"

void ss_paths_add(struct ss_paths *paths, const char *path)
{
    if (!path || !*path)
        return;
    char **items = realloc(paths->items, (paths->count + 2) * sizeof *items);
    char *copy = items ? strdup(path) : NULL;
    if (items)
        paths->items = items;
    if (copy)
        items[paths->count++] = copy;
    if (items)
        items[paths->count] = NULL;
    paths->failed |= !copy;
}

void ss_paths_add_list(struct ss_paths *paths, const struct ss_config_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        ss_paths_add(paths, list->items[i]);
}

static void add_one(void *context, const char *path)
{
    ss_paths_add(context, path);
}

void ss_paths_add_client(struct ss_paths *paths, const char *url)
{
    ss_sql_files(url, add_one, paths);
}

void ss_paths_free(struct ss_paths *paths)
{
    while (paths->count)
        free(paths->items[--paths->count]);
    free(paths->items);
    *paths = (struct ss_paths){0};
}

void ss_paths_folder(const char *path, char out[PATH_MAX])
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(out, PATH_MAX, "%s", dirname(copy));
}

static const char *behind(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 ? text + len : text;
}

bool ss_paths_secret(const char *where, char real[PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];
    where = behind(behind(behind(where, "passphrase:"), "file:"), "sqlite:");
    const char *name = behind(where, "credential:");
    if (name == where)
        return realpath(where, real) != NULL;
    return folder && snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && realpath(path, real);
}
