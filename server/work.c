// SPDX-License-Identifier: Apache-2.0
// Threads that run what may wait for the store.
#include <stdlib.h>

#include "server/front_parts.h"

/// More than this and the client is told to come again later.
#define QUEUE_MAX 4096u

struct ss_workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct ss_job *first, **last;
    unsigned queued, count;
    bool stop;
    pthread_t threads[];
};

static struct ss_job *pop(struct ss_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->stop)
        pthread_cond_wait(&workers->wake, &workers->lock);
    struct ss_job *job = workers->first;
    if (job) {
        workers->first = job->queue;
        if (!workers->first)
            workers->last = &workers->first;
        workers->queued--;
    }
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *context)
{
    for (struct ss_job *job; (job = pop(context));)
        job->run(job);
    return NULL;
}

struct ss_workers *ss_workers_new(unsigned count)
{
    struct ss_workers *workers = calloc(1, sizeof *workers + count * sizeof *workers->threads);
    if (!workers)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, NULL);
    workers->last = &workers->first;
    for (; workers->count < count; workers->count++)
        if (pthread_create(&workers->threads[workers->count], NULL, work, workers) != 0) {
            ss_workers_free(workers);
            return NULL;
        }
    return workers;
}

void ss_workers_free(struct ss_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stop = true;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->wake);
    free(workers);
}

bool ss_workers_push(struct ss_workers *workers, struct ss_job *job, bool always)
{
    pthread_mutex_lock(&workers->lock);
    bool room = always || workers->queued < QUEUE_MAX;
    if (room) {
        job->queue = NULL;
        *workers->last = job;
        workers->last = &job->queue;
        workers->queued++;
        pthread_cond_signal(&workers->wake);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}
