// SPDX-License-Identifier: Apache-2.0
// What the front keeps of the file system: its store, and what it reads again on SIGHUP.
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/confine.h"
#include "server/front_parts.h"
#include "server/log.h"

#define PATHS_MAX 48

/// A list of paths that owns them.
struct paths {
    char *items[PATHS_MAX + 1];
    unsigned count;
};

static void add(struct paths *paths, const char *path)
{
    if (path && *path && paths->count < PATHS_MAX)
        paths->items[paths->count] = strdup(path);
    if (paths->items[paths->count])
        paths->count++;
}

static void drop(struct paths *paths)
{
    while (paths->count)
        free(paths->items[--paths->count]);
}

static void folder_of(const char *path, char out[PATH_MAX])
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

/// The file that @p where names, be it one of systemd's credentials, as it really is. False if it names none.
static bool find_file(const char *where, char real[PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];
    where = behind(behind(behind(where, "passphrase:"), "file:"), "sqlite:");
    const char *name = behind(where, "credential:");
    if (name == where)
        return realpath(where, real) != NULL;
    return folder && snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && realpath(path, real);
}

/// True if a secret of the sealer lies in @p folder or below it.
static bool holds_secrets(const struct ss_server_config *config, const char *folder)
{
    const char *secrets[] = {config->sealer.vault_key, config->sealer.vault, config->sealer.delivery_key,
                             config->sealer.upload_key};
    char real[PATH_MAX], where[PATH_MAX];
    size_t len = realpath(folder, real) ? strlen(real) : 0;
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (len && secrets[i] && find_file(secrets[i], where) && !strncmp(where, real, len) &&
            (where[len] == '/' || len == 1))
            return true;
    return false;
}

/// A file that may be replaced by another one of the same name, for which its folder is needed: unless that holds secrets
/// of the sealer.
static void add_file(struct paths *paths, const struct ss_server_config *config, const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    if (!path)
        return;
    add(paths, path);
    const char *both[] = {path, realpath(path, real) ? real : NULL};
    for (int i = 0; i < 2; i++) {
        if (!both[i])
            continue;
        folder_of(both[i], folder);
        if (!holds_secrets(config, folder))
            add(paths, folder);
    }
}

/// What a database client reads.
static void add_client_files(struct paths *paths)
{
    static const char *const names[] = {".pgpass", ".pg_service.conf", ".postgresql"};
    const char *home = getenv("HOME");
    char path[PATH_MAX];
    add(paths, getenv("PGPASSFILE"));
    add(paths, getenv("PGSERVICEFILE"));
    add(paths, "/etc/postgresql-common");
    add(paths, "/etc/passwd");
    for (int i = 0; home && i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", home, names[i]);
        add(paths, path);
    }
}

ss_status_t ss_front_confine(const struct ss_front *front, const char *config_path, bool required, struct ss_error *err)
{
    const struct ss_server_config *config = front->config;
    bool file = !strncmp(config->server.store, "sqlite:", 7);
    char folder[PATH_MAX];
    struct paths readable = {.count = 0}, writable = {.count = 0};
    struct ss_confined done = {0};
    add_file(&readable, config, config_path);
    add_file(&readable, config, config->server.certificate);
    add_file(&readable, config, config->server.key);
    add_file(&readable, config, config->server.client_ca);
    add_file(&readable, config, config->sealer.certificate);
    add_file(&readable, config, config->sealer.key);
    add_file(&readable, config, config->sealer.ca);
    add(&readable, config->presealed.folder);
    if (file) {
        folder_of(config->server.store + 7, folder);
        add(&writable, folder);
    } else {
        add_client_files(&readable);
    }
    ss_status_t status = SS_OK;
    if (file && holds_secrets(config, folder))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                              "%s holds the store and secrets of the sealer, keep them apart", folder);
    const struct ss_confine_options options = {.user = config->server.user,
                                               .files = true,
                                               .readable = (const char *const *)readable.items,
                                               .writable = (const char *const *)writable.items,
                                               .sockets = SS_CONFINE_LISTEN,
                                               .required = required};
    if (status == SS_OK)
        status = ss_confine(&options, &done, err);
    if (status == SS_OK)
        ss_log(SS_LOG_INFO, "confined", "user", done.user ? config->server.user : "unchanged", "landlock",
               done.landlock ? "yes" : "no", "seccomp", done.seccomp ? "yes" : "no", NULL);
    drop(&readable);
    drop(&writable);
    return status;
}
