// SPDX-License-Identifier: Apache-2.0
// A store that several threads can have: each call waits until it has the vault for itself.
#ifndef SS_PROVISION_SHARED_STORE_H
#define SS_PROVISION_SHARED_STORE_H

#include <pthread.h>

#include "provision/store.h"

struct shared_store {
    struct ss_provision_store functions; ///< for ss_provision_job.store
    const struct ss_provision_store *inner;
    pthread_mutex_t *mutex; ///< recursive
    bool committed;         ///< something that cannot be undone was allowed
};

/// Fills in @p shared; @p inner and @p mutex are borrowed.
void shared_store_init(struct shared_store *shared, const struct ss_provision_store *inner, pthread_mutex_t *mutex);

#endif
