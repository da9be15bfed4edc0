// SPDX-License-Identifier: Apache-2.0
// Three threads meet here: the connection's own (read, end), the sealer client's (a window arrives) and a worker's (a
// piece was read from the store). What they share is guarded by the download's lock. It lives until the response is
// gone and every piece that was asked for has come.
#include "server/download.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "server/log.h"

/// A download takes 256 KiB at most: what libmicrohttpd takes from us at once and keeps, the pieces that are ready or on
/// their way, the connection's own 16 KiB; over TLS also records that are held and GnuTLS's session, 60 KiB. A local
/// sealer seals straight into the block, which may be larger then.
#define BLOCK         65536u
#define BLOCK_NOW     163840u
#define BLOCK_NOW_TLS (SS_TLS_HELD_RECORDS * SS_TLS_RECORD_MAX)
#define PIECE         SS_SEALER_WINDOW_MAX
#define PIECES_MAX    2u

struct piece {
    enum { FREE, ASKED, READY } state;
    uint64_t offset; ///< in the artifact
    size_t len;
    const uint8_t *bytes;
    struct ss_sealer_window *window; ///< of the sealer
    uint8_t *own;                    ///< of the store
};

struct ss_download {
    struct ss_front *front;
    struct ss_sealer *sealer; ///< whose windows these are
    struct MHD_Connection *connection;
    struct ss_tls_transport *transport; ///< the connection's; of no effect without TLS
    struct ss_download *next, **link;
    struct ss_download_source source;
    pthread_mutex_t lock;
    struct ss_job job; ///< reading a piece from the store; one at a time
    struct piece pieces[PIECES_MAX];
    bool now;          ///< a local sealer seals while we wait for it
    unsigned asked;    ///< pieces that are on their way
    uint64_t ask_from; ///< the first byte nobody has asked for
    uint64_t sent;
    bool waits;         ///< the connection is suspended
    bool failed, ended; ///< ended: the response is gone
};

static void release(struct ss_download *d, struct piece *piece)
{
    if (piece->window)
        ss_sealer_window_free(d->sealer, piece->window);
    free(piece->own);
    *piece = (struct piece){0};
}

static void destroy(struct ss_download *d)
{
    for (unsigned i = 0; i < PIECES_MAX; i++)
        release(d, &d->pieces[i]);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/// Gives the lock back, and only then wakes the connection if it waits: it wants the lock at once. Nobody ends a
/// connection that waits, so it is there until it is woken.
static void unlock_and_wake(struct ss_download *d)
{
    struct ss_front *front = d->front;
    struct MHD_Connection *connection = d->connection;
    bool wake = d->waits && !d->ended;
    d->waits = false;
    pthread_mutex_unlock(&d->lock);
    if (wake)
        ss_http_resume(front, connection);
}

/// The piece that the store is asked for.
static struct piece *asked_piece(struct ss_download *d)
{
    int i = 0;
    while (d->pieces[i].state != ASKED) // there is one, and only one
        i++;
    return &d->pieces[i];
}

/// One of those that were asked for.
struct asked {
    struct ss_download *download;
    struct piece *piece;
};

/// A piece has come, or will not. Destroys the download if that was all that kept it.
static void arrived(struct ss_download *d, struct piece *piece, bool good)
{
    pthread_mutex_lock(&d->lock);
    d->asked--;
    piece->state = good ? READY : FREE;
    d->failed |= !good;
    if (d->ended)
        release(d, piece);
    bool last = d->ended && !d->asked;
    unlock_and_wake(d);
    if (last)
        destroy(d);
}

static void window_came(void *context, ss_status_t status, struct ss_sealer_window *window, const char *text)
{
    struct asked asked = *(struct asked *)context;
    free(context);
    if (status != SS_OK)
        ss_log(SS_LOG_WARNING, "a window is missing", "device", asked.download->source.device, "reason",
               text && *text ? text : ss_status_name(status), NULL);
    asked.piece->window = window;
    asked.piece->bytes = window ? window->bytes : NULL;
    arrived(asked.download, asked.piece, status == SS_OK && window && window->len == asked.piece->len);
}

static ss_status_t ask_sealer(struct ss_download *d, struct piece *piece)
{
    struct asked *asked = malloc(sizeof *asked);
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (!asked)
        return status;
    *asked = (struct asked){d, piece};
    pthread_rwlock_rdlock(&d->front->sealer_lock);
    status = d->front->sealer
                 ? ss_sealer_window(d->front->sealer, d->source.device, d->source.version, d->source.address,
                                    (uint32_t)piece->offset, (uint32_t)piece->len, window_came, asked)
                 : SS_ERROR_IO;
    pthread_rwlock_unlock(&d->front->sealer_lock);
    if (status != SS_OK)
        free(asked);
    return status;
}

/// On a worker.
static void read_blob(struct ss_job *job)
{
    struct ss_download *d = (struct ss_download *)(void *)((char *)job - offsetof(struct ss_download, job));
    struct ss_error err = {0};
    size_t len = 0;
    pthread_mutex_lock(&d->lock);
    struct piece *piece = asked_piece(d);
    pthread_mutex_unlock(&d->lock);
    uint8_t *bytes = malloc(piece->len);
    ss_status_t status =
        bytes ? ss_store_blob_read(d->front->store, d->source.blob, piece->offset, bytes, piece->len, &len, &err)
              : SS_ERROR_INSUFFICIENT_MEMORY;
    if (status != SS_OK)
        ss_log(SS_LOG_WARNING, "an artifact cannot be read", "device", d->source.device, "reason",
               err.message[0] ? err.message : ss_status_name(status), NULL);
    piece->own = bytes;
    piece->bytes = bytes;
    arrived(d, piece, status == SS_OK && len == piece->len);
}

/// Asks for what fits. Only where nobody else can: before the answer is queued, then on the connection's thread. With
/// the lock held.
static void ask(struct ss_download *d)
{
    uint64_t end = d->source.first + d->source.len;
    // Another host's sealer, and the store, take their time: they are asked for the next piece while one is sent.
    unsigned ahead = d->now ? 1 : PIECES_MAX;
    uint64_t size = d->now ? PIECE / 2 : PIECE; // beside the larger block
    for (unsigned i = 0; i < ahead && d->ask_from < end && !d->failed; i++) {
        struct piece *piece = &d->pieces[i];
        if (piece->state != FREE || (d->source.blob && d->asked))
            continue;
        uint64_t left = end - d->ask_from, aligned = size - d->ask_from % size;
        *piece =
            (struct piece){.state = ASKED, .offset = d->ask_from, .len = (size_t)(left < aligned ? left : aligned)};
        d->asked++;
        d->ask_from += piece->len;
        if (d->source.blob) {
            ss_workers_push(d->front->workers, &d->job, true);
        } else {
            // The callback may run before this returns, and needs the lock.
            pthread_mutex_unlock(&d->lock);
            ss_status_t status = ask_sealer(d, piece);
            pthread_mutex_lock(&d->lock);
            if (status != SS_OK) {
                d->asked--;
                piece->state = FREE;
                d->failed = true;
            }
        }
    }
}

static struct piece *ready_at(struct ss_download *d, uint64_t offset)
{
    for (unsigned i = 0; i < PIECES_MAX; i++)
        if (d->pieces[i].state == READY && d->pieces[i].offset <= offset &&
            offset - d->pieces[i].offset < d->pieces[i].len)
            return &d->pieces[i];
    return NULL;
}

/// Has a local sealer seal @p len bytes straight to @p out, if nothing was asked for that comes first.
static bool seal_now(struct ss_download *d, uint64_t offset, char *out, size_t len)
{
    if (!d->now || d->ask_from != offset ||
        ss_sealer_window_now(d->sealer, d->source.device, d->source.version, d->source.address, (uint32_t)offset,
                             (uint32_t)len, (uint8_t *)out) != SS_OK)
        return false;
    d->ask_from += len;
    return true;
}

/// Copies what is there of a piece.
static size_t copy(struct ss_download *d, struct piece *piece, uint64_t offset, char *out, size_t max)
{
    size_t within = (size_t)(offset - piece->offset), len = piece->len - within;
    len = len < max ? len : max;
    memcpy(out, piece->bytes + within, len);
    if (within + len == piece->len) {
        release(d, piece);
        if (!d->now)
            ask(d);
    }
    return len;
}

static bool may_go_on(const struct ss_download *d)
{
    return !d->failed && !atomic_load(&d->front->stopping_downloads);
}

/// libmicrohttpd wants bytes from @p at (of the answer) on.
static ssize_t read_some(void *context, uint64_t at, char *out, size_t max)
{
    struct ss_download *d = context;
    ssize_t result = MHD_CONTENT_READER_END_WITH_ERROR;
    pthread_mutex_lock(&d->lock);
    uint64_t offset = d->source.first + at, left = d->source.len - at;
    max = left < max ? (size_t)left : max;
    if (may_go_on(d) && seal_now(d, offset, out, max)) {
        result = (ssize_t)max;
    } else {
        ask(d);
        struct piece *piece = ready_at(d, offset);
        if (piece) {
            result = (ssize_t)copy(d, piece, offset, out, max);
        } else if (may_go_on(d)) {
            d->waits = ss_http_suspend(d->front, d->connection);
            result = d->waits ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
        }
    }
    if (result > 0) {
        d->sent += (uint64_t)result;
        d->transport->more = (uint64_t)result < left;
    }
    pthread_mutex_unlock(&d->lock);
    return result;
}

static void unlist(struct ss_download *d)
{
    pthread_mutex_lock(&d->front->downloads_lock);
    *d->link = d->next;
    if (d->next)
        d->next->link = d->link;
    pthread_mutex_unlock(&d->front->downloads_lock);
}

/// The response is gone.
static void end(void *context)
{
    struct ss_download *d = context;
    struct ss_front *front = d->front;
    unlist(d);
    ss_metrics_add(&d->front->metrics, d->source.blob ? SS_COUNT_STORED_BYTES : SS_COUNT_SEALED_BYTES, d->sent);
    if (d->sent < d->source.len)
        ss_metrics_add(&d->front->metrics, SS_COUNT_CUT_DOWNLOADS, 1);
    pthread_mutex_lock(&d->lock);
    d->ended = true;
    for (unsigned i = 0; i < PIECES_MAX; i++)
        if (d->pieces[i].state == READY)
            release(d, &d->pieces[i]);
    bool last = !d->asked;
    pthread_mutex_unlock(&d->lock);
    if (last)
        destroy(d);
    ss_metrics_sub(&front->metrics, SS_COUNT_DOWNLOADS, 1); // from here on the sealer's client may go
}

/// Puts @p d in the list if there is room. 0, or the status to answer.
static unsigned enlist(struct ss_front *front, struct ss_download *d)
{
    unsigned all = 0, own = 0, status = 0;
    pthread_mutex_lock(&front->downloads_lock);
    for (const struct ss_download *other = front->downloads; other; other = other->next, all++)
        own += !strcmp(other->source.device, d->source.device);
    if (atomic_load(&front->stopping_downloads) || all >= atomic_load(&front->limits.downloads))
        status = 503;
    else if (own >= atomic_load(&front->limits.downloads_per_device))
        status = 429;
    if (!status) {
        d->next = front->downloads;
        d->link = &front->downloads;
        if (d->next)
            d->next->link = &d->next;
        front->downloads = d;
        ss_metrics_add(&front->metrics, SS_COUNT_DOWNLOADS, 1);
    }
    pthread_mutex_unlock(&front->downloads_lock);
    return status;
}

bool ss_download_start(struct ss_http_request *request, unsigned status, const struct ss_download_source *source)
{
    struct ss_download *d = calloc(1, sizeof *d);
    if (!d) {
        ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
        return false;
    }
    d->front = request->front;
    d->sealer = request->front->sealer_kept;
    d->connection = request->connection;
    d->transport = &ss_http_owner(request)->transport;
    d->source = *source;
    d->ask_from = source->first;
    d->job.run = read_blob;
    d->now = d->sealer && !d->front->config->sealer.listen && !source->blob;
    pthread_mutex_init(&d->lock, NULL);
    unsigned refused = enlist(request->front, d);
    if (refused) {
        destroy(d);
        ss_http_answer_error(request, refused, "too many downloads");
        ss_http_add_header(request, "Retry-After", "30");
        return false;
    }
    size_t block = !d->now ? BLOCK : d->front->tls ? BLOCK_NOW_TLS : BLOCK_NOW;
    struct MHD_Response *response = MHD_create_response_from_callback(source->len, block, read_some, d, end);
    if (!response) {
        end(d);
        ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
        return false;
    }
    if (!d->now) {
        pthread_mutex_lock(&d->lock);
        ask(d); // it comes while the head is made and sent
        pthread_mutex_unlock(&d->lock);
    }
    request->response = response;
    request->status = status;
    request->answer_len = source->len;
    return true;
}

void ss_downloads_stop(struct ss_front *front)
{
    atomic_store(&front->stopping_downloads, true);
    pthread_mutex_lock(&front->downloads_lock);
    for (struct ss_download *d = front->downloads; d; d = d->next) {
        pthread_mutex_lock(&d->lock);
        d->failed = true;
        unlock_and_wake(d);
    }
    pthread_mutex_unlock(&front->downloads_lock);
}
