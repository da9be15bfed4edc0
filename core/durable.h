// SPDX-License-Identifier: Apache-2.0
// Bytes and names that outlive a power failure. Internal.
#ifndef SS_CORE_DURABLE_H
#define SS_CORE_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

/// Writes all of @p data, however many calls that takes. False on an error, which errno names.
bool ss_write_all(int fd, const void *data, size_t len);
/// Makes the names in @p folder durable, as far as its file system can. False on an error, which errno names.
bool ss_sync_folder(const char *folder);
/// The same for the folder that holds @p path.
bool ss_sync_parent(const char *path);

#endif
