// SPDX-License-Identifier: Apache-2.0
// Threads at work on a store, what they were told, and whether it holds: for tests in which server or database dies.
#ifndef SS_TESTS_STORE_LOAD_H
#define SS_TESTS_STORE_LOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "support/store_bench.h"

enum { STORE_LOAD_DEVICES = 8, STORE_LOAD_ROUNDS = 8 };

/// What was acknowledged.
struct store_ack {
    enum {
        ACK_ASSIGNED,
        ACK_REPORTED,
        ACK_TOLD,
        ACK_CLOSED,
        ACK_CANCELLED,
        ACK_UPLOADED,
        ACK_DELIVERED,
        ACK_OTHER, ///< of the test's own
    } what;
    unsigned device;
    int64_t action;
    int64_t value;
    char text[SS_STORE_TOKEN_SIZE];
};

struct store_load {
    struct ss_store *store;
    int64_t releases[2];
    int acks; ///< struct store_ack are written here
};

/// A new store with the load's devices and two releases.
void store_load_prepare(const char **url, int64_t releases[2]);
/// Four threads that lead updates of all devices through their lives, with uploads and deliveries between.
void store_load_run(const struct store_load *load);
void store_load_tell(const struct store_load *load, const struct store_ack *ack);
/// All that comes out of @p acks until its end is true of @p store, and no action ended twice; returns their number.
/// @p other judges ACK_OTHER and may be NULL.
unsigned store_load_judge(struct ss_store *store, int acks,
                          void (*other)(struct ss_store *store, const struct store_ack *ack));

#endif
