// SPDX-License-Identifier: Apache-2.0
// What the front keeps of the file system: its store, and what it reads again on SIGHUP.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/confine.h"
#include "server/confine_paths.h"
#include "server/front_parts.h"
#include "server/log.h"
#include "vault/pkcs11.h"

/// A folder, and whether something that the front must not read lies in it or below it.
struct search {
    char folder[PATH_MAX];
    bool found;
};

static void look_at(void *context, const char *path, bool written)
{
    struct search *search = context;
    char where[PATH_MAX];
    size_t len = strlen(search->folder);
    (void)written;
    search->found |=
        ss_paths_secret(path, where) && !strncmp(where, search->folder, len) && (where[len] == '/' || len == 1);
}

/// True if a secret of the sealer lies in @p folder or below it, or something that its token needs: its PIN, for one.
static bool holds_secrets(const struct ss_server_config *config, const char *folder)
{
    const char *secrets[] = {config->sealer.vault_key, config->sealer.vault, config->sealer.delivery_key,
                             config->sealer.upload_key};
    struct search search = {.found = false};
    if (!realpath(folder, search.folder))
        return false;
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (!secrets[i])
            continue;
        if (ss_pkcs11_is_uri(secrets[i]))
            ss_pkcs11_files(secrets[i], look_at, &search);
        else
            look_at(&search, secrets[i], false);
    }
    return search.found;
}

/// A file that may be replaced by another one of the same name, for which its folder is needed: unless that holds secrets
/// of the sealer. False then: only the file that is there now can be read.
static bool add_file(struct ss_paths *paths, const struct ss_server_config *config, const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    bool apart = true;
    if (!path)
        return true;
    ss_paths_add(paths, path);
    const char *both[] = {path, realpath(path, real) ? real : NULL};
    for (int i = 0; i < 2; i++) {
        if (!both[i])
            continue;
        ss_paths_folder(both[i], folder);
        if (holds_secrets(config, folder))
            apart = false;
        else
            ss_paths_add(paths, folder);
    }
    return apart;
}

/// What systemd keeps for the service is not replaced while that runs.
static bool is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t len = folder ? strlen(folder) : 0;
    return len && !strncmp(path, folder, len) && path[len] == '/';
}

/// Certificates end, and their successors must not be what shows that they cannot be read. The configuration is read again
/// only where somebody has changed it, who is told then.
static ss_status_t add_files(struct ss_paths *paths, const struct ss_server_config *config, const char *config_path,
                             struct ss_error *err)
{
    const char *const renewed[] = {config->server.certificate, config->server.key, config->server.client_ca,
                                   config->sealer.certificate, config->sealer.key, config->sealer.ca};
    for (size_t i = 0; i < sizeof renewed / sizeof *renewed; i++)
        if (!add_file(paths, config, renewed[i]) && !is_credential(renewed[i]))
            return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                                "%s lies beside secrets of the sealer, where its successor could not be read: keep "
                                "them apart",
                                renewed[i]);
    if (!add_file(paths, config, config_path))
        ss_log(SS_LOG_WARNING,
               "the configuration lies beside secrets of the sealer: a file that replaces it is not read", "path",
               config_path, NULL);
    return SS_OK;
}

ss_status_t ss_front_confine(const struct ss_front *front, const char *config_path, bool required, struct ss_error *err)
{
    const struct ss_server_config *config = front->config;
    bool file = !strncmp(config->server.store, "sqlite:", 7);
    char folder[PATH_MAX];
    struct ss_paths readable = {.count = 0}, writable = {.count = 0};
    struct ss_confined done = {0};
    ss_status_t status = add_files(&readable, config, config_path, err);
    ss_paths_add(&readable, config->presealed.folder);
    if (file) {
        ss_paths_folder(config->server.store + 7, folder);
        ss_paths_add(&writable, folder);
    } else {
        ss_paths_add_client(&readable, config->server.store);
    }
    if (status == SS_OK && (readable.failed || writable.failed))
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    else if (status == SS_OK && file && holds_secrets(config, folder))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                              "%s holds the store and secrets of the sealer, keep them apart", folder);
    const struct ss_confine_options options = {.user = config->server.user,
                                               .files = true,
                                               .readable = (const char *const *)readable.items,
                                               .writable = (const char *const *)writable.items,
                                               // Listening sockets are there; a remote sealer's comes later.
                                               .sockets = file && !config->sealer.listen ? SS_CONFINE_ACCEPT
                                                                                         : SS_CONFINE_LISTEN,
                                               .required = required};
    if (status == SS_OK)
        status = ss_confine(&options, &done, err);
    if (status == SS_OK)
        ss_log(SS_LOG_INFO, "confined", "user", done.user ? config->server.user : "unchanged", "landlock",
               done.landlock ? "yes" : "no", "seccomp", done.seccomp ? "yes" : "no", NULL);
    if (status == SS_OK && geteuid() == 0)
        ss_log(SS_LOG_WARNING, "the front is root", "reason", "user = in [server] names who it is to become", NULL);
    ss_paths_free(&readable);
    ss_paths_free(&writable);
    return status;
}
