// SPDX-License-Identifier: Apache-2.0
#include "provision/shared_store.h"

static const struct ss_provision_store *enter(void *context)
{
    struct shared_store *s = context;
    pthread_mutex_lock(s->mutex);
    return s->inner;
}

static ss_status_t leave(void *context, ss_status_t status)
{
    struct shared_store *s = context;
    pthread_mutex_unlock(s->mutex);
    return status;
}

static ss_status_t begin(void *context, const struct ss_provision_chip *chip, char device[SS_DEVICE_NAME_SIZE],
                         struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->begin(inner->context, chip, device, err));
}

static ss_status_t flash_key(void *context, uint8_t *key, size_t len, struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->flash_key(inner->context, key, len, err));
}

static ss_status_t signing_key(void *context, const ss_signing_key_t **key, struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->signing_key(inner->context, key, err));
}

static ss_status_t secure_boot_key(void *context, uint8_t *key, size_t len, struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->secure_boot_key(inner->context, key, len, err));
}

static ss_status_t commit(void *context, struct ss_error *err)
{
    struct shared_store *s = context;
    const struct ss_provision_store *inner = enter(context);
    ss_status_t status = inner->commit ? inner->commit(inner->context, err) : SS_OK;
    s->committed |= status == SS_OK;
    return leave(context, status);
}

static ss_status_t journal_append(void *context, const struct ss_journal_entry *entry, struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->journal_append(inner->context, entry, err));
}

static ss_status_t journal_read(void *context, void (*each)(void *, const struct ss_journal_entry *),
                                void *each_context, struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->journal_read(inner->context, each, each_context, err));
}

static ss_status_t finish(void *context, const struct ss_provision_chip *chip, struct ss_error *err)
{
    const struct ss_provision_store *inner = enter(context);
    return leave(context, inner->finish ? inner->finish(inner->context, chip, err) : SS_OK);
}

void shared_store_init(struct shared_store *shared, const struct ss_provision_store *inner, pthread_mutex_t *mutex)
{
    *shared = (struct shared_store){.functions = {.context = shared,
                                                  .begin = begin,
                                                  .flash_key = flash_key,
                                                  .signing_key = signing_key,
                                                  .secure_boot_key = secure_boot_key,
                                                  .commit = commit,
                                                  .journal_append = journal_append,
                                                  .journal_read = journal_read,
                                                  .finish = finish},
                                    .inner = inner,
                                    .mutex = mutex};
}
