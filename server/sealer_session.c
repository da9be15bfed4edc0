// SPDX-License-Identifier: Apache-2.0
// One channel: windows of deliveries that are ready are sealed right here, everything else goes to the vault's thread.
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/sealer_parts.h"
#include "vault/locked.h"

/// How long a lane's thread waits in the quickest way before it dozes: requests of a running download follow within.
#define LANE_AWAKE_MS 20

static ss_status_t out_of_memory(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory for a channel");
}

static ss_status_t out_of_order(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "the front sends a message that is none");
}

// A session's life

void ss_sealer_session_release(struct ss_sealer_session *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->holders == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    for (struct ss_sealer_answer *a = s->answers, *next; a; a = next) {
        next = a->next;
        free(a);
    }
    ss_channel_free(s->channel);
    ss_locked_free(s->scratch, SS_SEALER_SCRATCH);
    free(s->upload);
    if (s->wake >= 0)
        close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct ss_sealer_session *session_new(struct ss_sealer_service *service, struct ss_channel *channel)
{
    struct ss_sealer_session *s = calloc(1, sizeof *s);
    if (!s) {
        ss_channel_free(channel);
        return NULL;
    }
    *s = (struct ss_sealer_session){
        .service = service, .channel = channel, .holders = 1, .lane = ss_channel_is_lane(channel)};
    s->answers_end = &s->answers;
    pthread_mutex_init(&s->lock, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->scratch = ss_locked_new(SS_SEALER_SCRATCH);
    if (s->wake >= 0 && s->scratch)
        return s;
    ss_sealer_session_release(s);
    return NULL;
}

static void enlist(struct ss_sealer_session *s)
{
    pthread_mutex_lock(&s->service->lock);
    s->next = s->service->sessions;
    s->service->sessions = s;
    pthread_mutex_unlock(&s->service->lock);
}

/// Its jobs may be done again, or have nobody to be done for.
static void wake_service(struct ss_sealer_session *s)
{
    pthread_mutex_lock(&s->service->lock);
    pthread_cond_signal(&s->service->wake);
    pthread_mutex_unlock(&s->service->lock);
}

static void delist(struct ss_sealer_session *s)
{
    pthread_mutex_lock(&s->service->lock);
    struct ss_sealer_session **at = &s->service->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    pthread_mutex_unlock(&s->service->lock);
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    wake_service(s);
}

// Sending

static ss_status_t put(struct ss_sealer_session *s, enum ss_frame_type type, uint64_t id, const uint8_t *payload,
                       size_t len, struct ss_error *err)
{
    uint8_t *out = ss_channel_room(s->channel, len);
    if (!out)
        return out_of_memory(err);
    if (len)
        memcpy(out, payload, len);
    ss_channel_queue(s->channel, type, id, len);
    return SS_OK;
}

static bool has_backlog(const struct ss_sealer_session *s)
{
    return ss_channel_backlog(s->channel) >= SS_SEALER_BACKLOG_MAX;
}

/// The next thing that the vault's thread has answered; NULL: none. @p was_full: that thread may have to be told of room.
static struct ss_sealer_answer *next_answer(struct ss_sealer_session *s, bool *was_full)
{
    pthread_mutex_lock(&s->lock);
    struct ss_sealer_answer *a = s->answers;
    if (a) {
        *was_full |= s->answer_bytes >= SS_SEALER_ANSWERS_MAX;
        s->answer_bytes -= sizeof *a + a->len;
        s->answers = a->next;
        if (!s->answers)
            s->answers_end = &s->answers;
    }
    pthread_mutex_unlock(&s->lock);
    return a;
}

/// What the vault's thread has answered goes out, as far as the front takes it.
static ss_status_t put_answers(struct ss_sealer_session *s, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    struct ss_sealer_answer *a = NULL;
    bool was_full = false;
    eventfd_t ignored;
    (void)eventfd_read(s->wake, &ignored);
    while (status == SS_OK && !has_backlog(s) && (a = next_answer(s, &was_full)) != NULL) {
        status = put(s, a->type, a->id, a->payload, a->len, err);
        s->open_jobs -= a->last;
        s->unacknowledged += a->type == SS_FRAME_DEVICES || a->type == SS_FRAME_KEY_SET;
        free(a);
    }
    pthread_mutex_lock(&s->lock);
    bool lost = s->lost;
    pthread_mutex_unlock(&s->lock);
    if (status == SS_OK && lost)
        status = out_of_memory(err);
    s->held = has_backlog(s); // and maybe nothing is: then one look too many is taken
    if (was_full)
        wake_service(s);
    return status;
}

// Requests

static ss_status_t enqueue(struct ss_sealer_session *s, const struct ss_sealer_job *job, struct ss_error *err)
{
    if (!ss_sealer_enqueue(s, job))
        return out_of_memory(err);
    s->open_jobs++;
    return SS_OK;
}

static ss_status_t take_hello(struct ss_sealer_session *s, const struct ss_frame *frame, struct ss_error *err)
{
    struct ss_message_hello m;
    const struct ss_sealer_job follow = {.type = SS_FRAME_HELLO};
    if (s->greeted || !ss_message_get_hello(frame, &m))
        return out_of_order(err);
    if (!ss_message_hello_fits(&m, s->channel))
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SERVER,
                            "the front speaks version %u of the channel with %u slots, this sealer %u with %u",
                            (unsigned)m.version, (unsigned)m.slots, SS_CHANNEL_VERSION, ss_channel_slots(s->channel));
    s->greeted = true;
    return s->lane || ss_sealer_enqueue(s, &follow) ? SS_OK : out_of_memory(err);
}

static ss_status_t refuse(struct ss_sealer_session *s, uint64_t id, ss_status_t status, const char *text,
                          struct ss_error *err)
{
    uint8_t payload[8 + SS_SEALER_TEXT_SIZE];
    return put(s, SS_FRAME_REFUSAL, id, payload, ss_message_put_refusal(payload, status, text), err);
}

static ss_status_t seal_now(struct ss_sealer_session *s, const struct ss_message_window *w, uint64_t id,
                            struct ss_sealer_ready *ready, struct ss_error *err)
{
    bool shared = w->slot != SS_CHANNEL_NO_SLOT;
    struct ss_error why = {0};
    uint8_t *payload = ss_channel_room(s->channel, 4 + (shared ? 0 : w->len));
    if (!payload)
        return out_of_memory(err);
    uint8_t *out = shared ? ss_channel_slot(s->channel, w->slot) : payload + 4;
    ss_status_t status = ss_sealer_seal_range(ready, w, s->scratch, out, &why);
    if (status == SS_OK) {
        size_t len = ss_message_put_length(payload, w->len) + (shared ? 0 : w->len);
        ss_channel_queue(s->channel, SS_FRAME_BYTES, id, len);
        return SS_OK;
    }
    return refuse(s, id, status, why.message, err);
}

/// Where the window is to go: in the frame, or in slots that are there.
static bool has_place(const struct ss_sealer_session *s, const struct ss_message_window *w)
{
    uint32_t run = (w->len + SS_SEALER_WINDOW_MAX - 1) / SS_SEALER_WINDOW_MAX, slots = ss_channel_slots(s->channel);
    return w->slot == SS_CHANNEL_NO_SLOT ? run == 1 : w->slot < slots && run <= slots - w->slot;
}

/// Goes to the processor where the front's thread waits: what is sealed is in its cache when it is sent, and nobody has
/// to be woken up elsewhere. One that there is not, or that may not be used, is passed over.
static void follow(uint32_t processor)
{
    cpu_set_t set;
    if (processor >= CPU_SETSIZE || sched_getcpu() == (int)processor)
        return;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static ss_status_t take_window(struct ss_sealer_session *s, const struct ss_frame *frame, struct ss_error *err)
{
    struct ss_sealer_job job = {.type = SS_FRAME_WINDOW, .id = frame->id};
    struct ss_message_window *w = &job.as.window;
    struct ss_sealer_key key = {.device = ""};
    struct ss_sealer_ready ready;
    if (!ss_message_get_window(frame, w) || !has_place(s, w))
        return out_of_order(err);
    key.address = w->address;
    strcpy(key.device, w->device);
    strcpy(key.version, w->version);
    if (s->lane)
        follow(w->processor);
    if (!ss_sealer_cache_get(s->service->cache, &key, &ready))
        return s->lane ? refuse(s, frame->id, SS_ERROR_BAD_STATE, "not ready", err) : enqueue(s, &job, err);
    ss_status_t status = seal_now(s, w, frame->id, &ready, err);
    ss_sealer_cache_release(s->service->cache, &ready);
    return status;
}

static ss_status_t take_upload(struct ss_sealer_session *s, const struct ss_frame *frame, struct ss_error *err)
{
    uint32_t len;
    if (s->upload || !ss_message_get_length(frame, &len) || !len || len > SS_SEALER_UPLOAD_MAX)
        return out_of_order(err);
    s->upload = malloc(len);
    s->upload_size = len;
    s->upload_len = 0;
    s->upload_id = frame->id;
    return s->upload ? SS_OK : out_of_memory(err);
}

static ss_status_t take_upload_data(struct ss_sealer_session *s, const struct ss_frame *frame, struct ss_error *err)
{
    if (!s->upload || frame->id != s->upload_id || !frame->len || frame->len > s->upload_size - s->upload_len)
        return out_of_order(err);
    memcpy(s->upload + s->upload_len, frame->payload, frame->len);
    s->upload_len += frame->len;
    if (s->upload_len < s->upload_size)
        return SS_OK;
    struct ss_sealer_job job = {.type = SS_FRAME_UPLOAD, .id = frame->id};
    job.as.upload.blob = s->upload;
    job.as.upload.len = s->upload_len;
    ss_status_t status = enqueue(s, &job, err);
    if (status == SS_OK)
        s->upload = NULL; // the job's now
    return status;
}

static ss_status_t take_freshness(struct ss_sealer_session *s, const struct ss_frame *frame, struct ss_error *err)
{
    struct ss_sealer_job job = {.type = SS_FRAME_FRESHNESS, .id = frame->id};
    struct ss_message_freshness *m = job.as.freshness = calloc(1, sizeof *m);
    if (m)
        m->devices = calloc(SS_SEALER_FRESHNESS_MAX, sizeof *m->devices);
    ss_status_t status = !m || !m->devices                     ? out_of_memory(err)
                         : !ss_message_get_freshness(frame, m) ? out_of_order(err)
                                                               : enqueue(s, &job, err);
    if (status != SS_OK && m) {
        free(m->devices);
        free(m);
    }
    return status;
}

static ss_status_t take(struct ss_sealer_session *s, const struct ss_frame *frame, struct ss_error *err)
{
    struct ss_sealer_job job = {.type = frame->type, .id = frame->id};
    if (frame->type != SS_FRAME_HELLO && (!s->greeted || (s->lane && frame->type != SS_FRAME_WINDOW)))
        return out_of_order(err);
    switch (frame->type) {
    case SS_FRAME_HELLO:
        return take_hello(s, frame, err);
    case SS_FRAME_PING:
        return frame->len ? out_of_order(err) : put(s, SS_FRAME_PONG, frame->id, NULL, 0, err);
    case SS_FRAME_WINDOW:
        return take_window(s, frame, err);
    case SS_FRAME_DELIVER:
        return ss_message_get_order(frame, &job.as.order) ? enqueue(s, &job, err) : out_of_order(err);
    case SS_FRAME_OPAQUE:
        return ss_message_get_name(frame, job.as.device) ? enqueue(s, &job, err) : out_of_order(err);
    case SS_FRAME_UPLOAD:
        return take_upload(s, frame, err);
    case SS_FRAME_UPLOAD_DATA:
        return take_upload_data(s, frame, err);
    case SS_FRAME_FRESHNESS:
        return take_freshness(s, frame, err);
    case SS_FRAME_TOLD_ACK:
        if (frame->len || !s->unacknowledged)
            return out_of_order(err);
        s->unacknowledged--;
        return ss_sealer_enqueue(s, &job) ? SS_OK : out_of_memory(err);
    default:
        return out_of_order(err);
    }
}

// The loop

/// A front that asks faster than it takes answers is not listened to for a while.
static bool may_read(struct ss_sealer_session *s)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->uploads < SS_SEALER_UPLOADS_MAX;
    pthread_mutex_unlock(&s->lock);
    return room && s->open_jobs < SS_SEALER_JOBS_MAX && !has_backlog(s);
}

static ss_status_t read_all(struct ss_sealer_session *s, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    while (status == SS_OK && may_read(s)) {
        struct ss_frame frame;
        status = ss_channel_receive(s->channel, &frame, err);
        if (status == SS_OK)
            status = take(s, &frame, err);
    }
    s->paused = status == SS_OK; // there may be more, also inside the TLS library, where poll() does not see it
    return status == SS_ERROR_TIMEOUT ? SS_OK : status;
}

static ss_status_t turn(struct ss_sealer_session *s, int stop, bool *stopped, struct ss_error *err)
{
    struct ss_channel_wants wants = ss_channel_wants(s->channel);
    if (!may_read(s))
        wants.events &= (short)~POLLIN;
    struct pollfd fds[] = {{wants.fd, wants.events, 0}, {s->wake, POLLIN, 0}, {stop, POLLIN, 0}};
    bool more = may_read(s) && s->paused, answers = s->held && !has_backlog(s);
    if (poll(fds, stop >= 0 ? 3 : 2, more || answers ? 0 : -1) < 0)
        return SS_OK; // a signal
    *stopped = stop >= 0 && fds[2].revents;
    ss_status_t status = fds[1].revents || answers ? put_answers(s, err) : SS_OK;
    if (status == SS_OK && (more || fds[0].revents))
        status = read_all(s, err);
    return status == SS_OK ? ss_channel_flush(s->channel, err) : status;
}

/// The same for a lane, where nothing comes from other threads.
static ss_status_t lane_turn(struct ss_sealer_session *s, int stop, bool *stopped, struct ss_error *err)
{
    struct pollfd fds[] = {{ss_channel_wants(s->channel).fd, POLLIN, 0}, {stop, POLLIN, 0}};
    if (ss_channel_wait(s->channel, LANE_AWAKE_MS)) {
        ss_status_t status = read_all(s, err);
        return status == SS_OK ? ss_channel_flush(s->channel, err) : status;
    }
    if (ss_channel_doze(s->channel) && poll(fds, stop >= 0 ? 2 : 1, -1) > 0)
        *stopped = stop >= 0 && fds[1].revents;
    return ss_channel_wake(s->channel, err);
}

ss_status_t ss_sealer_service_run(struct ss_sealer_service *service, struct ss_channel *channel, int stop,
                                  struct ss_error *err)
{
    bool stopped = false;
    struct ss_sealer_session *s = session_new(service, channel);
    if (!s)
        return out_of_memory(err);
    enlist(s);
    ss_status_t status = ss_message_greet(channel) ? SS_OK : out_of_memory(err);
    if (status == SS_OK)
        status = ss_channel_flush(channel, err);
    while (status == SS_OK && !stopped)
        status = s->lane ? lane_turn(s, stop, &stopped, err) : turn(s, stop, &stopped, err);
    delist(s);
    ss_sealer_session_release(s);
    return status;
}
