// SPDX-License-Identifier: Apache-2.0
// The client's threads: one receives, accepts, times out; one hands the registry on.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/config.h"
#include "server/sealer_client.h"
#include "server/supervise.h"

enum {
    GREETING_MS = 10000, ///< how long a connection may take to show what it is
    QUIET_MS = 5000,     ///< after which a sealer is asked whether it is there
    DEAD_MS = 15000,     ///< after which it is taken for dead
    TICK_MS = 100,
    ASK_MS = 1000, ///< between two requests for a local channel
};

int64_t ss_sealer_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void ss_sealer_wake(struct ss_sealer *s)
{
    if (!pthread_equal(pthread_self(), s->thread))
        eventfd_write(s->wake, 1);
}

void ss_sealer_unlock(struct ss_sealer *s)
{
    bool wake = s->unsent && !s->woken;
    s->woken |= wake;
    s->unsent = false;
    pthread_mutex_unlock(&s->lock);
    if (wake)
        eventfd_write(s->wake, 1);
}

static void say(const struct ss_sealer *s, const char *text)
{
    if (s->options.log)
        s->options.log(s->options.context, text);
}

// New channels

static void take_local(struct ss_sealer *s)
{
    struct ss_channel *channel;
    struct ss_error err = {0};
    ss_status_t status = ss_supervised_channel(s->options.control, true, &channel, &err);
    if (status == SS_ERROR_TIMEOUT)
        return;
    if (status == SS_OK && ss_channel_is_lane(channel)) {
        ss_sealer_lane_add(s, channel);
        return;
    }
    pthread_mutex_lock(&s->lock);
    bool added = status == SS_OK && ss_sealer_peer_add(s, channel);
    if (status == SS_ERROR_BAD_STATE)
        s->options.control = -1; // the supervisor is gone
    pthread_mutex_unlock(&s->lock);
    if (!added)
        say(s, status == SS_OK ? "no room for the sealer's channel" : err.message);
}

static void take_remote(struct ss_sealer *s)
{
    struct ss_channel *channel;
    struct ss_error err = {0};
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (ss_channel_over_tls(s->tls, fd, NULL, &channel, &err) != SS_OK) {
        say(s, err.message);
        return;
    }
    pthread_mutex_lock(&s->lock);
    (void)ss_sealer_peer_add(s, channel); // without room the sealer tries again later
    pthread_mutex_unlock(&s->lock);
}

// Time

static void ask_whether_there(struct ss_sealer *s, int index)
{
    struct ss_sealer_peer *p = &s->peers[index];
    if (!ss_channel_room(p->link->channel, 0))
        return;
    ss_channel_queue(p->link->channel, SS_FRAME_PING, ++p->pings, 0);
    p->pinged_ms = ss_sealer_now_ms();
    ss_sealer_peer_flush(s, index);
}

static void check_peer(struct ss_sealer *s, int index, int64_t now)
{
    struct ss_sealer_peer *p = &s->peers[index];
    if (!p->ready)
        p->failed |= now - p->since_ms > GREETING_MS;
    else if (now - p->heard_ms > DEAD_MS)
        p->failed = true;
    else if (now - p->heard_ms > QUIET_MS && !p->pinged_ms)
        ask_whether_there(s, index);
}

static void end_failed(struct ss_sealer *s)
{
    int64_t now = ss_sealer_now_ms();
    bool gone = false;
    pthread_mutex_lock(&s->lock);
    unsigned before = s->ready;
    for (int i = 0; i < (int)SS_SEALER_PEERS_MAX; i++) {
        if (s->peers[i].link)
            check_peer(s, i, now);
        if (s->peers[i].link && s->peers[i].failed)
            ss_sealer_peer_end(s, i);
    }
    ss_sealer_dispatch(s);
    gone = before && !s->ready;
    bool ask = !s->ready && s->options.control >= 0 && now - s->asked_ms > ASK_MS;
    if (ask)
        s->asked_ms = now;
    bool lane =
        s->ready && s->options.control >= 0 && now - atomic_load(&s->lane_late_ms) > ASK_MS && ss_sealer_lane_wanted(s);
    pthread_mutex_unlock(&s->lock);
    if (gone && s->options.connected)
        s->options.connected(s->options.context, false);
    if (ask)
        ss_supervised_ask(s->options.control, SS_SUPERVISED_CHANNEL);
    if (lane)
        ss_supervised_ask(s->options.control, SS_SUPERVISED_LANE);
}

/// The next request, from place *@p at on, whose time is over: taken out of the table if nobody else has it.
static bool take_late(struct ss_sealer *s, int64_t now, uint32_t *at, struct ss_sealer_request *late)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (; *at < s->request_room && !found; ++*at) {
        struct ss_sealer_request *r = s->requests[*at];
        if (!r || r->answered || r->deadline_ms > now)
            continue;
        *late = *r;
        found = r->answered = true;
        if (r->peer < 0 && ss_sealer_request_unqueue(s, r))
            ss_sealer_request_free(s, r);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void end_late(struct ss_sealer *s)
{
    struct ss_sealer_request late;
    int64_t now = ss_sealer_now_ms();
    uint32_t at = 0;
    while (take_late(s, now, &at, &late))
        ss_sealer_request_fail(&late, SS_ERROR_TIMEOUT, "the sealer does not answer in time");
}

// The client's thread

struct polled {
    struct pollfd fds[SS_SEALER_PEERS_MAX + 3];
    int peers[SS_SEALER_PEERS_MAX + 3];
    unsigned count;
};

static void add_poll(struct polled *p, int fd, short events, int peer)
{
    if (fd < 0)
        return;
    p->fds[p->count] = (struct pollfd){fd, events, 0};
    p->peers[p->count++] = peer;
}

static void flush_all(struct ss_sealer *s)
{
    eventfd_t ignored;
    pthread_mutex_lock(&s->lock);
    (void)eventfd_read(s->wake, &ignored);
    s->woken = false;
    for (int i = 0; i < (int)SS_SEALER_PEERS_MAX; i++)
        if (s->peers[i].link && !s->peers[i].failed && ss_channel_backlog(s->peers[i].link->channel))
            ss_sealer_peer_flush(s, i);
    pthread_mutex_unlock(&s->lock);
}

enum { WAKE = -1, CONTROL = -2, LISTENER = -3 };

static void collect(struct ss_sealer *s, struct polled *p)
{
    p->count = 0;
    add_poll(p, s->wake, POLLIN, WAKE);
    pthread_mutex_lock(&s->lock);
    add_poll(p, s->options.control, POLLIN, CONTROL);
    add_poll(p, s->listener, POLLIN, LISTENER);
    for (int i = 0; i < (int)SS_SEALER_PEERS_MAX; i++) {
        if (!s->peers[i].link)
            continue;
        struct ss_channel_wants wants = ss_channel_wants(s->peers[i].link->channel);
        add_poll(p, wants.fd, wants.events, i);
    }
    pthread_mutex_unlock(&s->lock);
}

static void handle(struct ss_sealer *s, int what)
{
    switch (what) {
    case WAKE:
        flush_all(s);
        break;
    case CONTROL:
        take_local(s);
        break;
    case LISTENER:
        take_remote(s);
        break;
    default:
        ss_sealer_peer_receive(s, what);
        pthread_mutex_lock(&s->lock);
        if (s->peers[what].link && !s->peers[what].failed)
            ss_sealer_peer_flush(s, what);
        pthread_mutex_unlock(&s->lock);
        break;
    }
}

static bool stopping(struct ss_sealer *s)
{
    pthread_mutex_lock(&s->lock);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

static bool any_failed(struct ss_sealer *s)
{
    bool failed = false;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < SS_SEALER_PEERS_MAX; i++)
        failed |= s->peers[i].failed;
    pthread_mutex_unlock(&s->lock);
    return failed;
}

static void *client_thread(void *context)
{
    struct ss_sealer *s = context;
    struct polled p;
    int64_t ticked = 0;
    pthread_mutex_lock(&s->lock); // until our own id is known
    pthread_mutex_unlock(&s->lock);
    while (!stopping(s)) {
        collect(s, &p);
        if (poll(p.fds, p.count, TICK_MS) < 0)
            continue;
        for (unsigned i = 0; i < p.count; i++)
            if (p.fds[i].revents)
                handle(s, p.peers[i]);
        if (any_failed(s) || ss_sealer_now_ms() - ticked >= TICK_MS) {
            end_failed(s);
            end_late(s);
            ticked = ss_sealer_now_ms();
        }
    }
    return NULL;
}

// The registry's thread

static struct ss_sealer_peer *with_part(struct ss_sealer *s)
{
    for (unsigned i = 0; i < SS_SEALER_PEERS_MAX; i++)
        if (s->peers[i].has_part)
            return &s->peers[i];
    // The parts of those that have gone.
    for (unsigned i = 0; i < SS_SEALER_PEERS_MAX; i++)
        if (!s->peers[i].link && s->peers[i].part) {
            free(s->peers[i].part);
            s->peers[i].part = NULL;
        }
    return NULL;
}

static void acknowledge(struct ss_sealer *s, struct ss_sealer_peer *p)
{
    if (!ss_channel_room(p->link->channel, 0)) {
        p->failed = true;
        return;
    }
    ss_channel_queue(p->link->channel, SS_FRAME_TOLD_ACK, 0, 0);
    ss_sealer_peer_flush(s, (int)(p - s->peers));
}

static void wait_a_second(struct ss_sealer *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    if (!s->stop)
        pthread_cond_clockwait(&s->registry_wake, &s->lock, CLOCK_MONOTONIC, &until);
}

static bool hand_to_front(const struct ss_sealer *s, const struct ss_sealer_part *part)
{
    const struct ss_sealer_options *o = &s->options;
    if (part->key_set_len)
        return !o->key_set || o->key_set(o->context, part->key_set, part->key_set_len);
    return !o->devices || o->devices(o->context, part->devices, part->device_count, part->complete);
}

/// Hands one part on, with the lock but for the callback.
static void hand_on(struct ss_sealer *s, struct ss_sealer_peer *p)
{
    struct ss_sealer_part *part = p->part;
    uint64_t serial = p->serial;
    p->has_part = false;
    pthread_mutex_unlock(&s->lock);
    bool taken = hand_to_front(s, part);
    pthread_mutex_lock(&s->lock);
    bool there = p->link && p->serial == serial;
    if (there && !taken) {
        wait_a_second(s);
        if (p->link && p->serial == serial)
            p->has_part = true;
        return;
    }
    free(part);
    p->part = NULL;
    if (there)
        acknowledge(s, p);
}

static void *registry_thread(void *context)
{
    struct ss_sealer *s = context;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct ss_sealer_peer *p = with_part(s);
        if (p)
            hand_on(s, p);
        else
            pthread_cond_wait(&s->registry_wake, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

// Beginning and end

static ss_status_t listen_at(struct ss_sealer *s, struct ss_error *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    const struct ss_sealer_options *o = &s->options;
    if (!o->listen)
        return SS_OK;
    ss_status_t status = ss_channel_tls_new(o->certificate, o->key, o->ca, true, &s->tls, err);
    if (status != SS_OK)
        return status;
    if (!ss_address_parse(o->listen, &address, &len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%s is no ADDRESS:PORT", o->listen);
    s->listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener >= 0)
        setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (s->listener >= 0 && bind(s->listener, (const struct sockaddr *)&address, len) == 0 &&
        listen(s->listener, 16) == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "%s: %s", o->listen, strerror(errno));
}

static void dispose(struct ss_sealer *s)
{
    ss_sealer_lanes_free(s);
    ss_channel_tls_free(s->tls);
    if (s->listener >= 0)
        close(s->listener);
    if (s->wake >= 0)
        close(s->wake);
    pthread_cond_destroy(&s->registry_wake);
    pthread_mutex_destroy(&s->lock);
    free(s->requests);
    free(s);
}

/// Both threads, with all signals blocked: those are for whoever started us.
static bool start_threads(struct ss_sealer *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&s->lock);
    bool first = pthread_create(&s->thread, NULL, client_thread, s) == 0;
    bool second = first && pthread_create(&s->registry, NULL, registry_thread, s) == 0;
    s->stop = !second;
    pthread_mutex_unlock(&s->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (first && !second)
        pthread_join(s->thread, NULL);
    return second;
}

ss_status_t ss_sealer_start(const struct ss_sealer_options *options, struct ss_sealer **out, struct ss_error *err)
{
    struct ss_sealer *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    s->options = *options;
    s->options.windows = options->windows ? options->windows : 256;
    s->options.timeout_ms = options->timeout_ms ? options->timeout_ms : 30000;
    s->windows.end = &s->windows.first;
    s->others.end = &s->others.first;
    s->listener = -1;
    ss_sealer_lanes_init(s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->registry_wake, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ss_status_t status = s->wake < 0 ? ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "eventfd: %s", strerror(errno))
                                     : listen_at(s, err);
    if (status == SS_OK && !start_threads(s))
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no thread for the sealer's client");
    if (status != SS_OK)
        dispose(s);
    else
        *out = s;
    return status;
}

bool ss_sealer_connected(struct ss_sealer *s)
{
    pthread_mutex_lock(&s->lock);
    bool connected = s->ready > 0;
    pthread_mutex_unlock(&s->lock);
    return connected;
}

/// Everything that is open gets its answer here.
static void answer_all(struct ss_sealer *s)
{
    for (uint32_t i = 0; i < s->request_room; i++) {
        struct ss_sealer_request *r = s->requests[i];
        if (!r)
            continue;
        if (!r->answered)
            ss_sealer_request_fail(r, SS_ERROR_IO, "the server is going down");
        pthread_mutex_lock(&s->lock);
        ss_sealer_request_free(s, r);
        pthread_mutex_unlock(&s->lock);
    }
}

void ss_sealer_stop(struct ss_sealer *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->registry_wake);
    pthread_mutex_unlock(&s->lock);
    eventfd_write(s->wake, 1);
    pthread_join(s->thread, NULL);
    pthread_join(s->registry, NULL);
    answer_all(s);
    for (int i = 0; i < (int)SS_SEALER_PEERS_MAX; i++) {
        if (s->peers[i].link)
            ss_sealer_peer_end(s, i);
        free(s->peers[i].part);
    }
    dispose(s);
}
