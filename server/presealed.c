// SPDX-License-Identifier: Apache-2.0
// Keeps a store up to date with a pre-sealed folder.
#include "server/presealed.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LOOK_SECONDS = 5 };

struct ss_presealed {
    struct ss_store *store;
    char *folder;
    void (*log)(void *context, ss_status_t status, const char *text);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
};

ss_status_t ss_presealed_trust(struct ss_store *store, const struct ss_key_sets *sets,
                               void (*told)(ss_status_t status, const struct ss_store_trusted *done,
                                            const struct ss_error *err),
                               struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < ss_key_sets_count(sets) && status == SS_OK; i++) {
        struct ss_store_trusted done;
        size_t len;
        const uint8_t *statement = ss_key_sets_get(sets, i, &len);
        status = ss_store_key_set_trust(store, statement, len, &done, err);
        if (told)
            told(status, &done, err);
    }
    return status;
}

/// A number that changes with every index that is added or replaced.
static uint64_t fingerprint(const char *folder)
{
    uint64_t sum = 1;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir)) != NULL) {
        struct stat st;
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, SS_PRESEALED_SUFFIX) != 0 || fstatat(dirfd(dir), entry->d_name, &st, 0) != 0)
            continue;
        // Added up, because the order of names is not the folder's to keep.
        sum += ((uint64_t)st.st_ino * 31 + (uint64_t)st.st_mtim.tv_sec) * 1000003 + (uint64_t)st.st_mtim.tv_nsec +
               (uint64_t)st.st_size;
    }
    if (dir)
        closedir(dir);
    return sum;
}

/// False: to be tried again.
static bool load(struct ss_presealed *p)
{
    struct ss_presealed_report r;
    struct ss_error err = {0};
    char text[SS_ERROR_MESSAGE_SIZE + 64];
    ss_status_t status = ss_presealed_load(p->store, p->folder, &r, &err);
    if (status == SS_OK)
        snprintf(text, sizeof text, "%s: %u products, %u devices, %u deliveries, %u of them new, %u expired", p->folder,
                 r.products, r.devices, r.deliveries, r.taken, r.expired);
    else
        snprintf(text, sizeof text, "%s: %s", p->folder, err.message);
    if (p->log)
        p->log(p->context, status, text);
    return !r.again;
}

static void *run(void *context)
{
    struct ss_presealed *p = context;
    uint64_t loaded = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        pthread_mutex_unlock(&p->lock);
        uint64_t now = fingerprint(p->folder); // before: what changes meanwhile is seen the next time
        if (now != loaded && load(p))
            loaded = now;
        pthread_mutex_lock(&p->lock);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_SECONDS;
        while (!p->stop && pthread_cond_timedwait(&p->wake, &p->lock, &until) != ETIMEDOUT)
            continue;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void release(struct ss_presealed *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->folder);
    free(p);
}

ss_status_t ss_presealed_start(struct ss_store *store, const char *folder,
                               void (*log)(void *context, ss_status_t status, const char *text), void *context,
                               struct ss_presealed **out, struct ss_error *err)
{
    pthread_condattr_t monotonic;
    sigset_t all, before;
    *out = NULL;
    struct ss_presealed *p = calloc(1, sizeof *p);
    if (!p)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    *p = (struct ss_presealed){.store = store, .folder = strdup(folder), .log = log, .context = context};
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = p->folder && pthread_create(&p->thread, NULL, run, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok) {
        release(p);
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "cannot start a thread");
    }
    *out = p;
    return SS_OK;
}

void ss_presealed_stop(struct ss_presealed *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    release(p);
}
