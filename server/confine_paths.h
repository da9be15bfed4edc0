// SPDX-License-Identifier: Apache-2.0
// Lists of paths for ss_confine(): what front and sealer keep of the file system.
#ifndef SS_SERVER_CONFINE_PATHS_H
#define SS_SERVER_CONFINE_PATHS_H

#include <limits.h>
#include <stdbool.h>

#include "server/config.h"

/// Owns its paths. Zero at first.
struct ss_paths {
    char **items; ///< ended by NULL; NULL: none
    unsigned count;
    bool failed; ///< memory ran out: something is missing
};
/// NULL and "" are passed over.
void ss_paths_add(struct ss_paths *paths, const char *path);
void ss_paths_add_list(struct ss_paths *paths, const struct ss_config_list *list);
/// What a client of the database at @p url reads.
void ss_paths_add_client(struct ss_paths *paths, const char *url);
void ss_paths_free(struct ss_paths *paths);

/// The folder that @p path lies in.
void ss_paths_folder(const char *path, char out[PATH_MAX]);
/// The file that a secret's @p where names ("file:", "credential:", "passphrase:", "sqlite:" or a path), as it really
/// is. False if it names none.
bool ss_paths_secret(const char *where, char real[PATH_MAX]);

#endif
