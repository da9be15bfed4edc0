// SPDX-License-Identifier: Apache-2.0
// The inside of the front's client of the sealer (server/sealer.h).
//
// One lock guards everything; callbacks run without it. Requests go out on the thread that makes them, as far as the
// socket takes them; the client's thread receives, and does what waits: for a sealer, for a window's room, for a
// socket.
#ifndef SS_SERVER_SEALER_CLIENT_H
#define SS_SERVER_SEALER_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/message.h"
#include "server/sealer.h"

/// Most connections, those that have not shown yet who they are included.
#define SS_SEALER_PEERS_MAX 16u
/// Most requests that are open at once.
#define SS_SEALER_REQUESTS_MAX 65536u

/// A channel, for as long as somebody uses its memory.
struct ss_sealer_link {
    struct ss_channel *channel;
    unsigned holders;
    uint32_t *free_slots; ///< of the shared memory
    unsigned free_count;
};

/// What a sealer tells unasked: a pinned key set, or a part of its registry.
struct ss_sealer_part {
    uint8_t key_set[SS_KEY_SET_MAX];
    size_t key_set_len; ///< 0: devices
    size_t device_count;
    bool complete;
    struct ss_sealer_device devices[SS_MESSAGE_DEVICES_MAX];
};

struct ss_sealer_peer {
    struct ss_sealer_link *link; ///< NULL: this place is free
    bool ready;                  ///< it has said HELLO
    bool failed;                 ///< the client's thread is to end it
    unsigned in_flight;
    int64_t since_ms, heard_ms, pinged_ms; ///< connected; heard of last; asked whether it is there, 0: not since
    struct ss_sealer_request *upload;      ///< is being sent
    size_t upload_sent;
    uint64_t pings;
    struct ss_sealer_part *part; ///< what it tells, with the registry's thread
    bool has_part;               ///< nobody has looked at it
    uint64_t serial;             ///< of the connection
};

struct ss_sealer_request {
    struct ss_sealer_request *next; ///< in the list of those that wait
    uint64_t id;
    enum ss_frame_type type; ///< DELIVER, OPAQUE, WINDOW, UPLOAD, FRESHNESS
    int peer;                ///< that has it, -1: it waits
    int64_t deadline_ms;
    bool answered; ///< the caller has its answer; kept because a slot of the shared memory is still the sealer's
    union {
        struct ss_sealer_order order;
        char device[SS_SEALER_NAME_SIZE];
        struct {
            struct ss_message_window fields;
            struct ss_sealer_link *link; ///< held
        } window;
        struct {
            uint8_t *blob;
            size_t len;
        } upload;
        struct ss_message_freshness freshness;
    } as;
    union {
        ss_sealer_deliver_fn deliver;
        ss_sealer_window_fn window;
        ss_sealer_upload_fn upload;
        ss_sealer_freshness_fn freshness;
    } done;
    void *context;
};

/// A channel for one thread at a time, which waits for its answer.
struct ss_sealer_lane {
    pthread_mutex_t lock;       ///< held while it is used
    struct ss_channel *channel; ///< NULL: none yet, or not any more
    uint64_t id;                ///< of the last request
    bool greeted;               ///< the sealer has said HELLO
};

/// A window that is handed out.
struct ss_sealer_held {
    struct ss_sealer_window window; ///< first: what the caller sees
    struct ss_sealer_link *link;    ///< NULL: `bytes` is its own memory
    uint32_t slot;
    uint8_t *bytes;
};

struct ss_sealer_queue {
    struct ss_sealer_request *first, **end;
};

struct ss_sealer {
    struct ss_sealer_options options;
    pthread_t thread, registry;
    pthread_mutex_t lock;
    pthread_cond_t registry_wake;
    bool stop;
    int wake;    ///< eventfd
    bool woken;  ///< it was written to, and not read since
    bool unsent; ///< other threads have put messages into channels, which the client's sends
    int listener;
    struct ss_channel_tls *tls;
    struct ss_sealer_peer peers[SS_SEALER_PEERS_MAX];
    struct ss_sealer_lane lanes[SS_SEALER_LANES_MAX];
    atomic_int_fast64_t lane_late_ms;    ///< when a lane did not answer in time last
    unsigned ready;                      ///< peers that are
    uint64_t serial;                     ///< of connections
    struct ss_sealer_request **requests; ///< by the low bits of their id
    uint32_t request_room, request_count, request_hint;
    uint64_t request_serial;
    struct ss_sealer_queue windows, others; ///< that wait for a sealer, windows also for room
    unsigned heap_windows;                  ///< handed out or asked for over TLS
    int64_t asked_ms;                       ///< when the supervisor was asked for a channel
};

// All with the lock held unless it says otherwise.

int64_t ss_sealer_now_ms(void);
void ss_sealer_wake(struct ss_sealer *s);
/// Gives the lock back, and has sent what ss_sealer_dispatch() has put into channels.
void ss_sealer_unlock(struct ss_sealer *s);

// sealer_request.c

/// Puts what waits into the channel of whoever can take it. The client's thread sends it, many messages at once.
void ss_sealer_dispatch(struct ss_sealer *s);
struct ss_sealer_request *ss_sealer_request_find(struct ss_sealer *s, uint64_t id);
/// Takes the request out and frees it with what it holds; its slot is free then.
void ss_sealer_request_free(struct ss_sealer *s, struct ss_sealer_request *r);
/// All requests of peer @p index wait for another one.
void ss_sealer_requeue(struct ss_sealer *s, int index);
/// Takes a request out of its queue. False if it does not wait.
bool ss_sealer_request_unqueue(struct ss_sealer *s, struct ss_sealer_request *r);
/// Without the lock: tells the caller that there is no answer.
void ss_sealer_request_fail(const struct ss_sealer_request *r, ss_status_t status, const char *text);
void ss_sealer_link_release(struct ss_sealer_link *link);

// sealer_peer.c

/// Handles what has arrived from peer @p index: takes the lock itself.
void ss_sealer_peer_receive(struct ss_sealer *s, int index);
/// Takes over a channel. False if there is no place or memory.
bool ss_sealer_peer_add(struct ss_sealer *s, struct ss_channel *channel);
/// Ends a peer.
void ss_sealer_peer_end(struct ss_sealer *s, int index);
/// Sends what is left of an upload, as far as it goes, and then what waits in the channel.
void ss_sealer_peer_flush(struct ss_sealer *s, int index);

// sealer_lane.c, with or without the lock

void ss_sealer_lanes_init(struct ss_sealer *s);
/// True if fewer lanes are there than wanted.
bool ss_sealer_lane_wanted(struct ss_sealer *s);
/// Takes a channel over as a lane; closes it if none is wanted.
void ss_sealer_lane_add(struct ss_sealer *s, struct ss_channel *channel);
void ss_sealer_lanes_free(struct ss_sealer *s);

#endif
