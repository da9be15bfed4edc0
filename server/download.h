// SPDX-License-Identifier: Apache-2.0
// An artifact on its way. A sealer on this host seals straight into what is sent next; from one elsewhere and from the
// store come pieces of at most 64 KiB, from the former two at a time. While what comes next is not there the connection
// is suspended. Memory does not depend on the artifact's size.
#ifndef SS_SERVER_DOWNLOAD_H
#define SS_SERVER_DOWNLOAD_H

#include "server/front_parts.h"

/// What is downloaded.
struct ss_download_source {
    char device[SS_STORE_NAME_SIZE];
    char version[SS_STORE_VERSION_SIZE]; ///< of the release, for the sealer
    uint32_t address;                    ///< of the slot that it is sealed for
    int64_t blob;                        ///< in the store; 0: the sealer makes it
    uint64_t first, len;                 ///< bytes first to first + len - 1
};

/// Makes request->response of @p source; the caller adds headers. False without memory, or when too many downloads are
/// under way (answered 503 or, for this device's, 429).
bool ss_download_start(struct ss_http_request *request, unsigned status, const struct ss_download_source *source);

#endif
