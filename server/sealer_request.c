// SPDX-License-Identifier: Apache-2.0
// Requests of the front: made on any thread, sent, repeated and ended.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "server/sealer_client.h"

enum { ROOM_AT_FIRST = 256 };

// The table of requests: the low 16 bits of an id are its place

static bool grow(struct ss_sealer *s)
{
    uint32_t room = s->request_room ? s->request_room * 2 : ROOM_AT_FIRST;
    if (room > SS_SEALER_REQUESTS_MAX)
        return false;
    struct ss_sealer_request **bigger = realloc(s->requests, room * sizeof(struct ss_sealer_request *));
    if (!bigger)
        return false;
    memset(bigger + s->request_room, 0, (room - s->request_room) * sizeof(struct ss_sealer_request *));
    s->requests = bigger;
    s->request_hint = s->request_room;
    s->request_room = room;
    return true;
}

static bool enter(struct ss_sealer *s, struct ss_sealer_request *r)
{
    if (s->request_count == s->request_room && !grow(s))
        return false;
    while (s->requests[s->request_hint])
        s->request_hint = (s->request_hint + 1) % s->request_room;
    s->requests[s->request_hint] = r;
    s->request_count++;
    r->id = ++s->request_serial << 16 | s->request_hint;
    return true;
}

struct ss_sealer_request *ss_sealer_request_find(struct ss_sealer *s, uint64_t id)
{
    uint32_t at = (uint32_t)(id & 0xFFFF);
    struct ss_sealer_request *r = at < s->request_room ? s->requests[at] : NULL;
    return r && r->id == id ? r : NULL;
}

// Windows' room

void ss_sealer_link_release(struct ss_sealer_link *link)
{
    if (--link->holders)
        return;
    ss_channel_free(link->channel);
    free(link->free_slots);
    free(link);
}

static void give_room_back(struct ss_sealer *s, struct ss_sealer_link *link, uint32_t slot)
{
    if (slot == SS_CHANNEL_NO_SLOT)
        s->heap_windows--;
    else
        link->free_slots[link->free_count++] = slot;
    ss_sealer_link_release(link);
}

static bool has_room(const struct ss_sealer *s, const struct ss_sealer_link *link)
{
    return ss_channel_slots(link->channel) ? link->free_count > 0 : s->heap_windows < s->options.windows;
}

static void take_room(struct ss_sealer *s, struct ss_sealer_link *link, struct ss_sealer_request *r)
{
    bool shared = ss_channel_slots(link->channel) > 0;
    r->as.window.fields.slot = shared ? link->free_slots[--link->free_count] : SS_CHANNEL_NO_SLOT;
    s->heap_windows += !shared;
    link->holders++;
    r->as.window.link = link;
}

// Ending

/// Room that the request has not handed on.
static void drop_room(struct ss_sealer *s, struct ss_sealer_request *r)
{
    if (r->type != SS_FRAME_WINDOW || !r->as.window.link)
        return;
    give_room_back(s, r->as.window.link, r->as.window.fields.slot);
    r->as.window.link = NULL;
}

void ss_sealer_request_free(struct ss_sealer *s, struct ss_sealer_request *r)
{
    s->requests[r->id & 0xFFFF] = NULL;
    s->request_count--;
    s->request_hint = (uint32_t)(r->id & 0xFFFF);
    drop_room(s, r);
    if (r->type == SS_FRAME_UPLOAD)
        free(r->as.upload.blob);
    if (r->type == SS_FRAME_FRESHNESS)
        free(r->as.freshness.devices);
    free(r);
}

void ss_sealer_request_fail(const struct ss_sealer_request *r, ss_status_t status, const char *text)
{
    switch (r->type) {
    case SS_FRAME_WINDOW:
        r->done.window(r->context, status, NULL, text);
        break;
    case SS_FRAME_UPLOAD:
        r->done.upload(r->context, status, NULL, text);
        break;
    case SS_FRAME_FRESHNESS:
        r->done.freshness(r->context, status, NULL, NULL, 0, text);
        break;
    default:
        r->done.deliver(r->context, status, NULL, text);
        break;
    }
}

// Sending

static size_t encode(const struct ss_sealer_request *r, uint8_t *out)
{
    switch (r->type) {
    case SS_FRAME_WINDOW:
        return ss_message_put_window(out, &r->as.window.fields);
    case SS_FRAME_UPLOAD:
        return ss_message_put_length(out, (uint32_t)r->as.upload.len);
    case SS_FRAME_FRESHNESS:
        return ss_message_put_freshness(out, &r->as.freshness);
    case SS_FRAME_OPAQUE:
        return ss_message_put_name(out, r->as.device);
    default:
        return ss_message_put_order(out, &r->as.order);
    }
}

static bool can_take(const struct ss_sealer *s, const struct ss_sealer_peer *p, const struct ss_sealer_request *r)
{
    if (!p->link || !p->ready || p->failed)
        return false;
    if (r->type == SS_FRAME_UPLOAD)
        return !p->upload;
    return r->type != SS_FRAME_WINDOW || has_room(s, p->link);
}

/// The one that has least to do; -1: none can.
static int choose(const struct ss_sealer *s, const struct ss_sealer_request *r)
{
    int best = -1;
    for (int i = 0; i < (int)SS_SEALER_PEERS_MAX; i++)
        if (can_take(s, &s->peers[i], r) && (best < 0 || s->peers[i].in_flight < s->peers[best].in_flight))
            best = i;
    return best;
}

/// Room in the channel for the longest message of that kind.
static size_t encoded_max(const struct ss_sealer_request *r)
{
    return r->type == SS_FRAME_FRESHNESS ? SS_CHANNEL_PAYLOAD_MAX : 512;
}

static bool send_to(struct ss_sealer *s, int index, struct ss_sealer_request *r)
{
    struct ss_sealer_peer *p = &s->peers[index];
    uint8_t *out = ss_channel_room(p->link->channel, encoded_max(r));
    if (!out)
        return false; // later
    if (r->type == SS_FRAME_WINDOW)
        take_room(s, p->link, r);
    r->peer = index;
    p->in_flight++;
    ss_channel_queue(p->link->channel, r->type, r->id, encode(r, out));
    if (r->type == SS_FRAME_UPLOAD) {
        p->upload = r;
        p->upload_sent = 0;
    }
    return true;
}

static struct ss_sealer_queue *queue_of(struct ss_sealer *s, const struct ss_sealer_request *r)
{
    return r->type == SS_FRAME_WINDOW ? &s->windows : &s->others;
}

static void append(struct ss_sealer_queue *queue, struct ss_sealer_request *r)
{
    r->next = NULL;
    *queue->end = r;
    queue->end = &r->next;
}

/// In order: none overtakes another one of its queue.
static void dispatch(struct ss_sealer *s, struct ss_sealer_queue *queue, bool used[SS_SEALER_PEERS_MAX])
{
    while (queue->first) {
        struct ss_sealer_request *r = queue->first;
        int index = choose(s, r);
        if (index < 0 || !send_to(s, index, r))
            return;
        used[index] = true;
        queue->first = r->next;
        if (!queue->first)
            queue->end = &queue->first;
    }
}

void ss_sealer_dispatch(struct ss_sealer *s)
{
    bool used[SS_SEALER_PEERS_MAX] = {false};
    if (!s->ready)
        return;
    dispatch(s, &s->others, used);
    dispatch(s, &s->windows, used);
    bool here = pthread_equal(pthread_self(), s->thread);
    for (int i = 0; i < (int)SS_SEALER_PEERS_MAX; i++) {
        if (used[i] && here)
            ss_sealer_peer_flush(s, i);
        s->unsent |= used[i] && !here;
    }
}

/// Those of @p queue come behind the ones of @p older.
static void put_before(struct ss_sealer_queue *queue, struct ss_sealer_queue *older)
{
    if (!older->first)
        return;
    *older->end = queue->first;
    if (!queue->first)
        queue->end = older->end;
    queue->first = older->first;
}

void ss_sealer_requeue(struct ss_sealer *s, int index)
{
    struct ss_sealer_queue windows = {NULL, &windows.first}, others = {NULL, &others.first};
    for (uint32_t i = 0; i < s->request_room; i++) {
        struct ss_sealer_request *r = s->requests[i];
        if (!r || r->peer != index)
            continue;
        drop_room(s, r);
        r->peer = -1;
        if (r->answered)
            ss_sealer_request_free(s, r);
        else
            append(r->type == SS_FRAME_WINDOW ? &windows : &others, r);
    }
    put_before(&s->windows, &windows);
    put_before(&s->others, &others);
}

bool ss_sealer_request_unqueue(struct ss_sealer *s, struct ss_sealer_request *r)
{
    struct ss_sealer_queue *queue = queue_of(s, r);
    struct ss_sealer_request **at = &queue->first;
    while (*at && *at != r)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = r->next;
    if (!*at)
        queue->end = at;
    return true;
}

/// Enters @p r and sends it if that goes at once.
static ss_status_t submit(struct ss_sealer *s, struct ss_sealer_request *r)
{
    pthread_mutex_lock(&s->lock);
    r->peer = -1;
    r->deadline_ms = ss_sealer_now_ms() + s->options.timeout_ms;
    bool entered = !s->stop && enter(s, r);
    if (entered) {
        append(queue_of(s, r), r);
        ss_sealer_dispatch(s);
    }
    ss_sealer_unlock(s);
    return entered ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
}

static ss_status_t submit_or_free(struct ss_sealer *s, struct ss_sealer_request *r)
{
    ss_status_t status = submit(s, r);
    if (status != SS_OK) {
        if (r->type == SS_FRAME_FRESHNESS)
            free(r->as.freshness.devices);
        free(r); // a blob stays the caller's
    }
    return status;
}

static struct ss_sealer_request *request_new(enum ss_frame_type type, void *context)
{
    struct ss_sealer_request *r = calloc(1, sizeof *r);
    if (r) {
        r->type = type;
        r->context = context;
    }
    return r;
}

// What the front calls

ss_status_t ss_sealer_deliver(struct ss_sealer *s, const struct ss_sealer_order *order, ss_sealer_deliver_fn done,
                              void *context)
{
    if (!ss_message_name_ok(order->device) || !ss_message_version_ok(order->version) ||
        (*order->told.slot && !ss_message_version_ok(order->told.slot)) || order->told.sequence > SS_STATEMENT_INT_MAX)
        return SS_ERROR_INVALID_ARGUMENT;
    struct ss_sealer_request *r = request_new(SS_FRAME_DELIVER, context);
    if (!r)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    r->as.order = *order;
    r->done.deliver = done;
    return submit_or_free(s, r);
}

ss_status_t ss_sealer_may_be_opaque(struct ss_sealer *s, const char *device, ss_sealer_deliver_fn done, void *context)
{
    if (!ss_message_name_ok(device))
        return SS_ERROR_INVALID_ARGUMENT;
    struct ss_sealer_request *r = request_new(SS_FRAME_OPAQUE, context);
    if (!r)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    strcpy(r->as.device, device);
    r->done.deliver = done;
    return submit_or_free(s, r);
}

ss_status_t ss_sealer_window(struct ss_sealer *s, const char *device, const char *version, uint32_t address,
                             uint32_t offset, uint32_t len, ss_sealer_window_fn done, void *context)
{
    if (!ss_message_name_ok(device) || !ss_message_version_ok(version) || !len || len > SS_SEALER_WINDOW_MAX ||
        offset > UINT32_MAX - len)
        return SS_ERROR_INVALID_ARGUMENT;
    struct ss_sealer_request *r = request_new(SS_FRAME_WINDOW, context);
    if (!r)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    struct ss_message_window *w = &r->as.window.fields;
    strcpy(w->device, device);
    strcpy(w->version, version);
    w->address = address;
    w->offset = offset;
    w->len = len;
    r->done.window = done;
    return submit_or_free(s, r);
}

void ss_sealer_window_free(struct ss_sealer *s, struct ss_sealer_window *window)
{
    struct ss_sealer_held *held = (struct ss_sealer_held *)window;
    if (!window)
        return;
    pthread_mutex_lock(&s->lock);
    if (held->link)
        give_room_back(s, held->link, held->slot);
    else
        s->heap_windows--;
    if (s->windows.first)
        ss_sealer_dispatch(s);
    ss_sealer_unlock(s);
    free(held->bytes);
    free(held);
}

ss_status_t ss_sealer_open_upload(struct ss_sealer *s, uint8_t *blob, size_t len, ss_sealer_upload_fn done,
                                  void *context)
{
    if (!len || len > SS_SEALER_UPLOAD_MAX)
        return SS_ERROR_INVALID_ARGUMENT;
    struct ss_sealer_request *r = request_new(SS_FRAME_UPLOAD, context);
    if (!r)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    r->as.upload.blob = blob;
    r->as.upload.len = len;
    r->done.upload = done;
    return submit_or_free(s, r);
}

ss_status_t ss_sealer_freshness(struct ss_sealer *s, const char *product, const struct ss_sealer_fresh_device *devices,
                                size_t count, ss_sealer_freshness_fn done, void *context)
{
    if (!ss_message_name_ok(product) || !count || count > SS_SEALER_FRESHNESS_MAX)
        return SS_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!ss_message_name_ok(devices[i].id) || (*devices[i].version && !ss_message_version_ok(devices[i].version)))
            return SS_ERROR_INVALID_ARGUMENT;
    struct ss_sealer_request *r = request_new(SS_FRAME_FRESHNESS, context);
    if (!r)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    strcpy(r->as.freshness.product, product);
    r->as.freshness.count = count;
    r->as.freshness.devices = malloc(count * sizeof *devices);
    r->done.freshness = done;
    if (!r->as.freshness.devices) {
        free(r);
        return SS_ERROR_INSUFFICIENT_MEMORY;
    }
    memcpy(r->as.freshness.devices, devices, count * sizeof *devices);
    return submit_or_free(s, r);
}
