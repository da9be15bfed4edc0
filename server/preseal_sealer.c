// SPDX-License-Identifier: Apache-2.0
// A sealer and its client within one process, over a local channel, asked one thing at a time.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/preseal_parts.h"
#include "server/supervise.h"

enum { SLOTS = 16, TIMEOUT_MS = 120000, CONNECT_SECONDS = 30 };

static bool take_devices(void *context, const struct ss_sealer_device *devices, size_t count, bool complete)
{
    struct ss_preseal_sealer *s = context;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < count && !s->failed && !s->complete; i++) {
        if (strcmp(devices[i].product, s->product) != 0)
            continue;
        if (s->count == s->capacity) {
            size_t capacity = s->capacity ? 2 * s->capacity : 256;
            void *more = realloc(s->devices, capacity * sizeof *s->devices);
            s->failed = !more;
            if (!more)
                break;
            s->devices = more;
            s->capacity = capacity;
        }
        s->devices[s->count++] = devices[i];
    }
    s->complete |= complete; // what changes from here on is for the next time
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void *serve(void *context)
{
    struct ss_preseal_sealer *s = context;
    (void)!ss_sealer_service_run(s->service, s->channel, s->stop[0], NULL);
    return NULL;
}

static ss_status_t io_error(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "a channel cannot be made: %s", strerror(errno));
}

/// Both ends of a channel: one to the service's thread, the other the way that the supervisor would send it.
static ss_status_t connect_both(struct ss_preseal_sealer *s, struct ss_error *err)
{
    int sockets[2], memory;
    ss_status_t status = ss_channel_pair(SLOTS, sockets, &memory, err);
    if (status != SS_OK)
        return status;
    status = ss_supervise_send_channel(s->control[0], SS_SUPERVISED_CHANNEL, sockets[1], memory, err);
    close(sockets[1]);
    if (status != SS_OK) {
        close(sockets[0]);
        close(memory);
        return status;
    }
    status = ss_channel_local(sockets[0], memory, &s->channel, err); // takes both over
    if (status != SS_OK)
        return status;
    s->serving = pthread_create(&s->thread, NULL, serve, s) == 0;
    if (s->serving)
        return SS_OK;
    ss_channel_free(s->channel);
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "cannot start a thread");
}

ss_status_t ss_preseal_sealer_start(struct ss_preseal_sealer *s, const struct ss_preseal_options *o,
                                    struct ss_error *err)
{
    const struct ss_sealer_service_options service = {
        .vault = o->vault, .vault_options = o->vault_options, .keys = o->keys};
    struct ss_sealer_options client = {
        .timeout_ms = TIMEOUT_MS, .windows = SLOTS, .devices = take_devices, .context = s};
    *s = (struct ss_preseal_sealer){.control = {-1, -1}, .stop = {-1, -1}, .product = o->product};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->control) != 0 || pipe(s->stop) != 0)
        return io_error(err);
    ss_status_t status = ss_sealer_service_start(&service, &s->service, err);
    client.control = s->control[1];
    if (status == SS_OK)
        status = ss_sealer_start(&client, &s->client, err);
    return status == SS_OK ? connect_both(s, err) : status;
}

void ss_preseal_sealer_stop(struct ss_preseal_sealer *s)
{
    ss_sealer_stop(s->client);
    if (s->stop[1] >= 0)
        close(s->stop[1]); // the other end becomes readable
    if (s->serving)
        pthread_join(s->thread, NULL);
    ss_sealer_service_free(s->service);
    for (unsigned i = 0; i < 2; i++)
        if (s->control[i] >= 0)
            close(s->control[i]);
    if (s->stop[0] >= 0)
        close(s->stop[0]);
    free(s->devices);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

ss_status_t ss_preseal_sealer_devices(struct ss_preseal_sealer *s, struct ss_error *err)
{
    struct timespec until;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CONNECT_SECONDS;
    pthread_mutex_lock(&s->lock);
    while (!s->complete && !s->failed && waited == 0)
        waited = pthread_cond_clockwait(&s->changed, &s->lock, CLOCK_MONOTONIC, &until);
    bool complete = s->complete, failed = s->failed;
    pthread_mutex_unlock(&s->lock);
    if (failed)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    return complete ? SS_OK
                    : ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_SERVER,
                                   "the vault does not tell its devices within %d s", CONNECT_SECONDS);
}

// Asking, and waiting for the answer

struct question {
    struct ss_preseal_sealer *sealer;
    bool answered;
    ss_status_t status;
    char text[SS_SEALER_TEXT_SIZE];
    struct ss_sealer_delivery *delivery;
    struct ss_sealer_window *window;
};

static void answer(struct question *q, ss_status_t status, const char *text)
{
    pthread_mutex_lock(&q->sealer->lock);
    q->status = status;
    snprintf(q->text, sizeof q->text, "%s", text ? text : "");
    q->answered = true;
    pthread_cond_signal(&q->sealer->changed);
    pthread_mutex_unlock(&q->sealer->lock);
}

static ss_status_t wait_for(struct question *q, ss_status_t asked, struct ss_error *err)
{
    if (asked != SS_OK)
        return ss_error_set(err, asked, SS_AREA_SERVER, "the sealer cannot be asked: %s", ss_status_name(asked));
    pthread_mutex_lock(&q->sealer->lock);
    while (!q->answered)
        pthread_cond_wait(&q->sealer->changed, &q->sealer->lock);
    pthread_mutex_unlock(&q->sealer->lock);
    return q->status == SS_OK ? SS_OK : ss_error_set(err, q->status, SS_AREA_SERVER, "%s", q->text);
}

static void delivered(void *context, ss_status_t status, const struct ss_sealer_delivery *delivery, const char *text)
{
    struct question *q = context;
    if (status == SS_OK)
        *q->delivery = *delivery;
    answer(q, status, text);
}

ss_status_t ss_preseal_sealer_deliver(struct ss_preseal_sealer *s, const struct ss_sealer_order *order,
                                      struct ss_sealer_delivery *out, struct ss_error *err)
{
    struct question q = {.sealer = s, .delivery = out};
    return wait_for(&q, ss_sealer_deliver(s->client, order, delivered, &q), err);
}

static void sealed(void *context, ss_status_t status, struct ss_sealer_window *window, const char *text)
{
    struct question *q = context;
    q->window = window;
    answer(q, status, text);
}

ss_status_t ss_preseal_sealer_read(struct ss_preseal_sealer *s, const struct ss_sealer_order *order,
                                   const struct ss_sealer_delivery *d, uint8_t *out, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (uint32_t at = 0; at < d->length && status == SS_OK; at += SS_SEALER_WINDOW_MAX) {
        struct question q = {.sealer = s};
        uint32_t len = d->length - at < SS_SEALER_WINDOW_MAX ? d->length - at : SS_SEALER_WINDOW_MAX;
        status = wait_for(
            &q, ss_sealer_window(s->client, order->device, order->version, d->address, at, len, sealed, &q), err);
        if (status == SS_OK && q.window->len != len)
            status = ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_SERVER, "the sealer sealed another range");
        if (status == SS_OK)
            memcpy(out + at, q.window->bytes, len);
        ss_sealer_window_free(s->client, q.window);
    }
    return status;
}
