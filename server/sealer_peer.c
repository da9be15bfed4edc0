// SPDX-License-Identifier: Apache-2.0
// The sealers that are connected, as hostile as they may be: each is believed only as far as its messages are well-formed
// and answer something that it was asked.
#include <stdlib.h>
#include <string.h>

#include "server/sealer_client.h"

/// What waits in a channel, bytes, beyond which no more of an upload is put behind it.
#define UPLOAD_BACKLOG (256u << 10)

static bool add_slots(struct ss_sealer_link *link)
{
    unsigned slots = ss_channel_slots(link->channel);
    link->free_slots = malloc((slots + 1) * sizeof *link->free_slots);
    for (unsigned i = 0; link->free_slots && i < slots; i++)
        link->free_slots[link->free_count++] = i;
    return link->free_slots != NULL;
}

static struct ss_sealer_link *link_new(struct ss_channel *channel)
{
    struct ss_sealer_link *link = calloc(1, sizeof *link);
    if (link) {
        *link = (struct ss_sealer_link){.channel = channel, .holders = 1};
        if (add_slots(link))
            return link;
    }
    free(link);
    ss_channel_free(channel);
    return NULL;
}

/// A free place; else the one that has said nothing for longest. A sealer that has shown itself keeps its place.
static struct ss_sealer_peer *place(struct ss_sealer *s)
{
    struct ss_sealer_peer *oldest = NULL;
    for (unsigned i = 0; i < SS_SEALER_PEERS_MAX; i++) {
        struct ss_sealer_peer *p = &s->peers[i];
        if (!p->link && !p->part)
            return p;
        if (p->link && !p->ready && !p->part && (!oldest || p->since_ms < oldest->since_ms))
            oldest = p;
    }
    if (oldest)
        ss_sealer_peer_end(s, (int)(oldest - s->peers));
    return oldest;
}

bool ss_sealer_peer_add(struct ss_sealer *s, struct ss_channel *channel)
{
    struct ss_sealer_link *link = link_new(channel);
    struct ss_sealer_peer *p = link ? place(s) : NULL;
    if (!p) {
        if (link)
            ss_sealer_link_release(link);
        return false;
    }
    int64_t now = ss_sealer_now_ms();
    *p = (struct ss_sealer_peer){.link = link, .since_ms = now, .heard_ms = now, .serial = ++s->serial};
    p->failed = !ss_message_greet(channel);
    ss_sealer_peer_flush(s, (int)(p - s->peers));
    return true;
}

void ss_sealer_peer_end(struct ss_sealer *s, int index)
{
    struct ss_sealer_peer *p = &s->peers[index];
    struct ss_sealer_part *part = p->part; // the registry's thread has it
    bool was_ready = p->ready;
    struct ss_sealer_link *link = p->link;
    ss_sealer_requeue(s, index);
    *p = (struct ss_sealer_peer){.part = part};
    ss_sealer_link_release(link);
    s->ready -= was_ready;
    if (part)
        pthread_cond_signal(&s->registry_wake); // to free it
}

static void continue_upload(struct ss_sealer_peer *p)
{
    while (p->upload && ss_channel_backlog(p->link->channel) < UPLOAD_BACKLOG) {
        const struct ss_sealer_request *r = p->upload;
        size_t n = r->as.upload.len - p->upload_sent;
        if (n > SS_SEALER_WINDOW_MAX)
            n = SS_SEALER_WINDOW_MAX;
        uint8_t *out = ss_channel_room(p->link->channel, n);
        if (!out)
            return;
        memcpy(out, r->as.upload.blob + p->upload_sent, n);
        ss_channel_queue(p->link->channel, SS_FRAME_UPLOAD_DATA, r->id, n);
        p->upload_sent += n;
        if (p->upload_sent == r->as.upload.len)
            p->upload = NULL;
    }
}

void ss_sealer_peer_flush(struct ss_sealer *s, int index)
{
    struct ss_sealer_peer *p = &s->peers[index];
    bool uploading = p->upload != NULL;
    continue_upload(p);
    if (ss_channel_flush(p->link->channel, NULL) != SS_OK)
        p->failed = true;
    // Whatever is left, the client's thread waits for.
    if (p->failed || uploading || ss_channel_backlog(p->link->channel))
        ss_sealer_wake(s);
}

// What arrives. Each returns false for what ends the channel, and has the lock when it is called and when it returns.

static bool take_hello(struct ss_sealer *s, struct ss_sealer_peer *p, const struct ss_frame *frame)
{
    struct ss_message_hello m;
    if (p->ready || !ss_message_get_hello(frame, &m) || !ss_message_hello_fits(&m, p->link->channel))
        return false;
    p->ready = true;
    bool first = s->ready++ == 0;
    ss_sealer_dispatch(s);
    if (first && s->options.connected) {
        pthread_mutex_unlock(&s->lock);
        s->options.connected(s->options.context, true);
        pthread_mutex_lock(&s->lock);
    }
    return true;
}

static bool pong(struct ss_sealer *s, struct ss_sealer_peer *p, const struct ss_frame *frame)
{
    if (frame->len || !ss_channel_room(p->link->channel, 0))
        return false;
    ss_channel_queue(p->link->channel, SS_FRAME_PONG, frame->id, 0);
    ss_sealer_peer_flush(s, (int)(p - s->peers));
    return true;
}

/// The registry's thread takes it from here, before the next one may come.
static bool tell(struct ss_sealer *s, struct ss_sealer_peer *p, struct ss_sealer_part *part, bool good)
{
    if (!good) {
        free(part);
        return false;
    }
    p->part = part;
    p->has_part = true;
    pthread_cond_signal(&s->registry_wake);
    return true;
}

static bool take_devices(struct ss_sealer *s, struct ss_sealer_peer *p, const struct ss_frame *frame)
{
    struct ss_sealer_part *part = calloc(1, sizeof *part);
    struct ss_message_devices m = {.devices = part ? part->devices : NULL};
    bool good = part && !p->part && ss_message_get_devices(frame, &m);
    if (good) {
        part->device_count = m.count;
        part->complete = m.complete;
    }
    return tell(s, p, part, good);
}

/// Whether it is one is seen where it is stored.
static bool take_key_set(struct ss_sealer *s, struct ss_sealer_peer *p, const struct ss_frame *frame)
{
    struct ss_sealer_part *part = calloc(1, sizeof *part);
    bool good = part && !p->part && frame->len > 0 && frame->len <= sizeof part->key_set;
    if (good) {
        memcpy(part->key_set, frame->payload, frame->len);
        part->key_set_len = frame->len;
    }
    return tell(s, p, part, good);
}

/// The request that @p frame answers: one that this peer has, of one of two types.
static struct ss_sealer_request *answered(struct ss_sealer *s, const struct ss_sealer_peer *p,
                                          const struct ss_frame *frame)
{
    static const enum ss_frame_type asked[SS_FRAME_TYPES] = {[SS_FRAME_DELIVERY] = SS_FRAME_DELIVER,
                                                             [SS_FRAME_BYTES] = SS_FRAME_WINDOW,
                                                             [SS_FRAME_UPLOADED] = SS_FRAME_UPLOAD,
                                                             [SS_FRAME_FRESH] = SS_FRAME_FRESHNESS};
    struct ss_sealer_request *r = ss_sealer_request_find(s, frame->id);
    if (!r || r->peer != (int)(p - s->peers) || p->upload == r)
        return NULL;
    return frame->type == SS_FRAME_REFUSAL || asked[frame->type] == r->type ? r : NULL;
}

/// Takes the request from the table: it is answered, and the caller's callback comes next.
static void finish(struct ss_sealer *s, struct ss_sealer_peer *p, struct ss_sealer_request *r)
{
    p->in_flight--;
    ss_sealer_request_free(s, r);
}

static bool take_refusal(struct ss_sealer *s, struct ss_sealer_peer *p, struct ss_sealer_request *r,
                         const struct ss_frame *frame)
{
    struct ss_message_refusal m;
    struct ss_sealer_request copy = *r;
    // Only what has no other answer may be answered so with SS_OK.
    if (!ss_message_get_refusal(frame, &m) ||
        (m.status == SS_OK && r->type != SS_FRAME_OPAQUE && r->type != SS_FRAME_FRESHNESS))
        return false;
    finish(s, p, r);
    if (copy.answered)
        return true;
    pthread_mutex_unlock(&s->lock);
    ss_sealer_request_fail(&copy, m.status, m.text);
    pthread_mutex_lock(&s->lock);
    return true;
}

static bool take_delivery(struct ss_sealer *s, struct ss_sealer_peer *p, struct ss_sealer_request *r,
                          const struct ss_frame *frame)
{
    struct ss_sealer_delivery m;
    struct ss_sealer_request copy = *r;
    if (!ss_message_get_delivery(frame, &m))
        return false;
    finish(s, p, r);
    if (copy.answered)
        return true;
    pthread_mutex_unlock(&s->lock);
    copy.done.deliver(copy.context, SS_OK, &m, "");
    pthread_mutex_lock(&s->lock);
    return true;
}

static bool take_upload(struct ss_sealer *s, struct ss_sealer_peer *p, struct ss_sealer_request *r,
                        const struct ss_frame *frame)
{
    struct ss_sealer_upload m;
    struct ss_sealer_request copy = *r;
    if (!ss_message_get_upload(frame, &m))
        return false;
    finish(s, p, r);
    if (copy.answered)
        return true;
    pthread_mutex_unlock(&s->lock);
    copy.done.upload(copy.context, SS_OK, &m, "");
    pthread_mutex_lock(&s->lock);
    return true;
}

static bool take_fresh(struct ss_sealer *s, const struct ss_sealer_request *r, const struct ss_frame *frame)
{
    struct ss_message_fresh m;
    struct ss_sealer_request copy = *r;
    if (!ss_message_get_fresh(frame, &m))
        return false;
    if (copy.answered)
        return true;
    pthread_mutex_unlock(&s->lock);
    copy.done.freshness(copy.context, SS_OK, m.device, m.record, m.len, "");
    pthread_mutex_lock(&s->lock);
    return true;
}

/// Clients that do not read hold what was sealed for them: before that is every slot, windows leave the shared memory.
static bool is_scarce(const struct ss_sealer_link *link)
{
    return link->free_count <= ss_channel_slots(link->channel) / 8;
}

/// The window for the caller, who has its room from here on. NULL without memory.
static struct ss_sealer_held *hold(struct ss_sealer *s, struct ss_sealer_request *r, const struct ss_message_bytes *m)
{
    struct ss_sealer_held *held = calloc(1, sizeof *held);
    struct ss_sealer_link *link = r->as.window.link;
    if (!held)
        return NULL;
    held->slot = r->as.window.fields.slot;
    held->window.len = m->len;
    const uint8_t *bytes = m->bytes ? m->bytes : ss_channel_slot(link->channel, held->slot);
    if (m->bytes || is_scarce(link)) {
        held->bytes = malloc(m->len);
        if (!held->bytes) {
            free(held);
            return NULL;
        }
        memcpy(held->bytes, bytes, m->len);
        held->window.bytes = held->bytes;
        if (!m->bytes) {
            link->free_slots[link->free_count++] = held->slot;
            s->heap_windows++;
        }
        ss_sealer_link_release(link);
    } else {
        held->link = link;
        held->window.bytes = bytes;
    }
    r->as.window.link = NULL;
    return held;
}

static bool take_bytes(struct ss_sealer *s, struct ss_sealer_peer *p, struct ss_sealer_request *r,
                       const struct ss_frame *frame)
{
    struct ss_message_bytes m;
    if (!ss_message_get_bytes(frame, &m) || m.len != r->as.window.fields.len ||
        (m.bytes == NULL) != (r->as.window.fields.slot != SS_CHANNEL_NO_SLOT))
        return false;
    struct ss_sealer_held *held = r->answered ? NULL : hold(s, r, &m);
    struct ss_sealer_request copy = *r;
    finish(s, p, r);
    if (copy.answered)
        return true;
    pthread_mutex_unlock(&s->lock);
    copy.done.window(copy.context, held ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY, held ? &held->window : NULL,
                     held ? "" : "out of memory");
    pthread_mutex_lock(&s->lock);
    return true;
}

static bool take_answer(struct ss_sealer *s, struct ss_sealer_peer *p, const struct ss_frame *frame)
{
    struct ss_sealer_request *r = answered(s, p, frame);
    if (!r)
        return false;
    switch (frame->type) {
    case SS_FRAME_BYTES:
        return take_bytes(s, p, r, frame);
    case SS_FRAME_DELIVERY:
        return take_delivery(s, p, r, frame);
    case SS_FRAME_UPLOADED:
        return take_upload(s, p, r, frame);
    case SS_FRAME_FRESH:
        return take_fresh(s, r, frame);
    default:
        return take_refusal(s, p, r, frame);
    }
}

static bool take(struct ss_sealer *s, struct ss_sealer_peer *p, const struct ss_frame *frame)
{
    if (frame->type == SS_FRAME_HELLO)
        return take_hello(s, p, frame);
    if (!p->ready)
        return false;
    switch (frame->type) {
    case SS_FRAME_PING:
        return pong(s, p, frame);
    case SS_FRAME_PONG:
        p->pinged_ms = 0;
        return frame->len == 0;
    case SS_FRAME_DEVICES:
        return take_devices(s, p, frame);
    case SS_FRAME_KEY_SET:
        return take_key_set(s, p, frame);
    default:
        return take_answer(s, p, frame);
    }
}

void ss_sealer_peer_receive(struct ss_sealer *s, int index)
{
    struct ss_error err = {0};
    ss_status_t status = SS_OK;
    pthread_mutex_lock(&s->lock);
    struct ss_sealer_peer *p = &s->peers[index];
    while (status == SS_OK && p->link && !p->failed) {
        struct ss_frame frame;
        status = ss_channel_receive(p->link->channel, &frame, &err);
        if (status != SS_OK)
            break;
        p->heard_ms = ss_sealer_now_ms();
        if (!take(s, p, &frame))
            status = ss_error_set(&err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER,
                                  "the sealer sends a message that is none, or that nobody asked for");
    }
    if (status != SS_OK && status != SS_ERROR_TIMEOUT)
        p->failed = true;
    if (status == SS_OK || status == SS_ERROR_TIMEOUT)
        ss_sealer_dispatch(s);
    pthread_mutex_unlock(&s->lock);
    if (status != SS_OK && status != SS_ERROR_TIMEOUT && s->options.log)
        s->options.log(s->options.context, err.message);
}
