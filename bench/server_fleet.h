// SPDX-License-Identifier: Apache-2.0
// A fleet to serve: a vault with devices, each with a flash key and a token of its own, a store in which all of them
// run ota_0 and have the same release assigned, keys, certificate and configuration; in a folder of their own.
#ifndef SS_BENCH_SERVER_FLEET_H
#define SS_BENCH_SERVER_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "provision/device_config.h"

#define FLEET_PLAIN_PORT 18480
#define FLEET_TLS_PORT   18443

struct fleet_device {
    char id[16];
    char token[SS_DEVICE_TOKEN_SIZE];
    int64_t action, release; ///< as the store numbers them
};

struct fleet {
    char folder[64];
    char config_plain[96], config_tls[96]; ///< files for `slotseal serve`
    unsigned count;
    struct fleet_device *devices;
};

/// Makes it; exits with a message if that fails: nothing can be measured then.
void fleet_make(struct fleet *fleet, unsigned count);
/// Removes the folder.
void fleet_remove(struct fleet *fleet);

#endif
