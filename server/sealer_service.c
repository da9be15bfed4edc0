// SPDX-License-Identifier: Apache-2.0
// The vault's thread: one after the other, whatever needs the vault. Deliveries that wait at the same time are sealed
// together.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/log.h"
#include "server/sealer_parts.h"
#include "vault/locked.h"

void ss_sealer_log(struct ss_sealer_service *service, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!service->options.log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    service->options.log(service->options.context, text);
}

// Answers

void ss_sealer_answer(struct ss_sealer_session *s, enum ss_frame_type type, uint64_t id, bool last,
                      const uint8_t *payload, size_t len)
{
    struct ss_sealer_answer *a = malloc(sizeof *a + len);
    bool first = false;
    if (!a) {
        ss_sealer_log(s->service, "an answer is lost: out of memory");
        pthread_mutex_lock(&s->lock);
        s->lost = true;
        pthread_mutex_unlock(&s->lock);
        eventfd_write(s->wake, 1);
        return;
    }
    *a = (struct ss_sealer_answer){.type = type, .id = id, .last = last, .len = len};
    if (len)
        memcpy(a->payload, payload, len);
    pthread_mutex_lock(&s->lock);
    bool closed = s->closed;
    if (!closed) {
        first = !s->answers;
        *s->answers_end = a;
        s->answers_end = &a->next;
        s->answer_bytes += sizeof *a + len;
    }
    pthread_mutex_unlock(&s->lock);
    if (closed)
        free(a);
    if (first)
        eventfd_write(s->wake, 1);
}

void ss_sealer_refuse(const struct ss_sealer_job *job, ss_status_t status, const char *text)
{
    uint8_t payload[8 + SS_SEALER_TEXT_SIZE];
    ss_sealer_answer(job->session, SS_FRAME_REFUSAL, job->id, true, payload,
                     ss_message_put_refusal(payload, status, text));
}

// Jobs

bool ss_sealer_enqueue(struct ss_sealer_session *session, const struct ss_sealer_job *job)
{
    struct ss_sealer_service *service = session->service;
    struct ss_sealer_job *copy = malloc(sizeof *copy);
    if (!copy)
        return false;
    *copy = *job;
    copy->next = NULL;
    copy->session = session;
    pthread_mutex_lock(&session->lock);
    session->holders++;
    session->uploads += job->type == SS_FRAME_UPLOAD;
    pthread_mutex_unlock(&session->lock);
    pthread_mutex_lock(&service->lock);
    *service->jobs_end = copy;
    service->jobs_end = &copy->next;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
    return true;
}

/// The session reads on, if it waited for that.
static void end_upload(struct ss_sealer_session *session)
{
    pthread_mutex_lock(&session->lock);
    session->uploads--;
    pthread_mutex_unlock(&session->lock);
    eventfd_write(session->wake, 1);
}

static void free_job(struct ss_sealer_job *job)
{
    if (job->type == SS_FRAME_UPLOAD) {
        free(job->as.upload.blob);
        end_upload(job->session);
    }
    if (job->type == SS_FRAME_FRESHNESS) {
        free(job->as.freshness->devices);
        free(job->as.freshness);
    }
    ss_sealer_session_release(job->session);
    free(job);
}

/// Opens the vault if it is not open. False, with every job of @p jobs refused, if it cannot be.
static bool vault_there(struct ss_sealer_service *service, struct ss_sealer_job **jobs, size_t count)
{
    struct ss_error err = {0};
    if (service->vault)
        return true;
    struct ss_vault_options options = service->options.vault_options;
    options.signing_key = NULL; // never open in what serves
    if (ss_vault_open(service->options.vault, &options, &service->vault, &err) == SS_OK) {
        if (service->missed)
            ss_log(SS_LOG_INFO, "the vault is there again", NULL);
        service->missed = false;
        return true;
    }
    if (!service->missed) // it is tried twice a second
        ss_log(SS_LOG_ERROR, "the vault cannot be opened", "reason", err.message, NULL);
    service->missed = true;
    for (size_t i = 0; i < count; i++)
        ss_sealer_refuse(jobs[i], SS_ERROR_IO, "the vault cannot be reached");
    return false;
}

void ss_sealer_vault_lost(struct ss_sealer_service *service)
{
    ss_vault_close(service->vault);
    service->vault = NULL;
}

static void follow_from_now(struct ss_sealer_service *service, const struct ss_sealer_job *job)
{
    if (job->type == SS_FRAME_HELLO)
        job->session->follows = true;
    else
        job->session->waits_for_ack = false;
    ss_sealer_follow(service, true);
}

static void do_one(struct ss_sealer_service *service, struct ss_sealer_job *job)
{
    switch (job->type) {
    case SS_FRAME_WINDOW:
        ss_sealer_do_window(service, job);
        break;
    case SS_FRAME_OPAQUE:
        ss_sealer_do_opaque(service, job);
        break;
    case SS_FRAME_UPLOAD:
        ss_sealer_do_upload(service, job);
        break;
    case SS_FRAME_FRESHNESS:
        ss_sealer_do_freshness(service, job);
        break;
    default:
        follow_from_now(service, job);
        break;
    }
}

/// Whoever does not take answers gets no more made: they would pile up here.
static bool takes_answers(struct ss_sealer_session *session)
{
    pthread_mutex_lock(&session->lock);
    bool takes = session->closed || session->answer_bytes < SS_SEALER_ANSWERS_MAX;
    pthread_mutex_unlock(&session->lock);
    return takes;
}

/// Takes the first job that may be done out of the queue, and with a DELIVER the others that wait.
static size_t take_jobs(struct ss_sealer_service *service, struct ss_sealer_job **out)
{
    size_t count = 0;
    struct ss_sealer_job **at = &service->jobs;
    while (*at && count < SS_SEALER_BATCH) {
        struct ss_sealer_job *job = *at;
        if ((count == 0 || (out[0]->type == SS_FRAME_DELIVER && job->type == SS_FRAME_DELIVER)) &&
            takes_answers(job->session)) {
            *at = job->next;
            out[count++] = job;
        } else {
            at = &job->next;
        }
    }
    if (!service->jobs)
        service->jobs_end = &service->jobs;
    else
        for (at = &service->jobs; *at; at = &(*at)->next)
            service->jobs_end = &(*at)->next;
    return count;
}

/// Waits for jobs, at most until the registry is to be looked at.
static size_t wait_for_jobs(struct ss_sealer_service *service, struct ss_sealer_job **jobs, bool *stop)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)service->options.poll_ms * 1000000u;
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    pthread_mutex_lock(&service->lock);
    size_t count;
    while ((count = take_jobs(service, jobs)) == 0 && !service->stop)
        if (pthread_cond_timedwait(&service->wake, &service->lock, &until) != 0)
            break;
    *stop = service->stop;
    pthread_mutex_unlock(&service->lock);
    return count;
}

/// Once: the limit stays what it is.
static void tell_unlocked(struct ss_sealer_service *service)
{
    if (service->unlocked || ss_locked_all())
        return;
    service->unlocked = true;
    ss_log(SS_LOG_WARNING, "keys or plaintext may be swapped out", "reason",
           "the limit on locked memory is reached: raise it (LimitMEMLOCK=, ulimit -l)", NULL);
}

static void *vault_thread(void *context)
{
    struct ss_sealer_service *service = context;
    struct ss_sealer_job *jobs[SS_SEALER_BATCH];
    for (bool stop = false; !stop;) {
        size_t count = wait_for_jobs(service, jobs, &stop);
        if (vault_there(service, jobs, count)) {
            if (count && jobs[0]->type == SS_FRAME_DELIVER)
                ss_sealer_do_deliver(service, jobs, count);
            else if (count)
                do_one(service, jobs[0]);
        }
        if (service->vault)
            ss_sealer_follow(service, false);
        tell_unlocked(service);
        for (size_t i = 0; i < count; i++)
            free_job(jobs[i]);
    }
    return NULL;
}

// Beginning and end

static ss_status_t start(struct ss_sealer_service *service, struct ss_error *err)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    pthread_mutex_init(&service->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&service->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // signals are for whoever started us
    int failed = pthread_create(&service->thread, NULL, vault_thread, service);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        return SS_OK;
    pthread_cond_destroy(&service->wake);
    pthread_mutex_destroy(&service->lock);
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no thread for the vault");
}

static void dispose(struct ss_sealer_service *service)
{
    ss_vault_close(service->vault);
    ss_sealer_cache_free(service->cache);
    ss_locked_free(service->scratch, SS_SEALER_SCRATCH);
    free(service);
}

ss_status_t ss_sealer_service_start(const struct ss_sealer_service_options *options, struct ss_sealer_service **out,
                                    struct ss_error *err)
{
    struct ss_sealer_service *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    s->options = *options;
    if (!s->options.poll_ms)
        s->options.poll_ms = 500;
    s->jobs_end = &s->jobs;
    s->cache = ss_sealer_cache_new(options->ciphers ? options->ciphers : 2048,
                                   options->plaintext ? options->plaintext : (uint64_t)64 << 20);
    s->scratch = ss_locked_new(SS_SEALER_SCRATCH);
    struct ss_vault_options vault = options->vault_options;
    vault.signing_key = NULL;
    ss_status_t status = s->cache && s->scratch ? ss_vault_open(options->vault, &vault, &s->vault, err)
                                                : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER,
                                                               "out of memory for the sealer's caches");
    if (status == SS_OK && options->opened)
        status = options->opened(options->context, err);
    if (status == SS_OK)
        status = start(s, err);
    if (status != SS_OK)
        dispose(s);
    else
        *out = s;
    return status;
}

void ss_sealer_service_free(struct ss_sealer_service *service)
{
    if (!service)
        return;
    pthread_mutex_lock(&service->lock);
    service->stop = true;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->thread, NULL);
    for (struct ss_sealer_job *job = service->jobs, *next; job; job = next) {
        next = job->next;
        free_job(job);
    }
    pthread_cond_destroy(&service->wake);
    pthread_mutex_destroy(&service->lock);
    dispose(service);
}
