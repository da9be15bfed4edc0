// SPDX-License-Identifier: Apache-2.0
// The channel between front and sealer: frames on a byte stream. Both ends treat the other as hostile: every length and
// field is checked before it is used, what is out of order ends the channel, and memory is bounded whatever comes.
//
// Three transports carry the same frames:
//   local   a socket pair, and shared memory of SS_CHANNEL_SLOTS_MAX or fewer slots of SS_SEALER_WINDOW_MAX bytes. A
//           request for a window names the slot that it is to be written to, the first of several for one that is
//           longer than a slot; the answer carries its length alone. Only ciphertext is ever written there. The
//           memory cannot change its size (sealed memfd), so that neither side can make the other one fault.
//   lane    the same, but the frames go through two rings in the last slot. One thread of the front asks here for
//           windows alone, one after the other, and waits for each; a delivery that is not ready is refused at once
//           instead of being made ready. The socket tells that the other side is gone, and wakes the sealer when it
//           dozes.
//   TLS     1.3, certificates on both sides; the sealer connects, the front listens. Windows travel in the answer.
//
//   0        4      5       8            16
//   +--------+------+-------+------------+---------------
//   | length | type | zeros | id         | payload …        little endian
//   +--------+------+-------+------------+---------------
//     of the payload, at most SS_CHANNEL_PAYLOAD_MAX
//
// The side that asks chooses the id; answers carry it back. Both begin with HELLO; another version ends the channel.
#ifndef SS_SERVER_CHANNEL_H
#define SS_SERVER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/sealer.h"
#include "slotseal/error.h"

#define SS_CHANNEL_VERSION     3u
#define SS_CHANNEL_HEADER      16u
#define SS_CHANNEL_PAYLOAD_MAX (SS_SEALER_WINDOW_MAX + 1024u)
/// Most slots of the shared memory.
#define SS_CHANNEL_SLOTS_MAX 4096u
/// Slots of a lane's memory: one run, and the rings.
#define SS_CHANNEL_LANE_SLOTS (SS_SEALER_RUN_MAX / SS_SEALER_WINDOW_MAX + 1)
/// A request that names this slot wants the bytes in the frame.
#define SS_CHANNEL_NO_SLOT UINT32_MAX

enum ss_frame_type {
    SS_FRAME_HELLO = 1, ///< both, first
    SS_FRAME_PING,      ///< either; answered by PONG
    SS_FRAME_PONG,
    SS_FRAME_DELIVER, ///< front: an order; answered by DELIVERY or REFUSAL
    SS_FRAME_DELIVERY,
    SS_FRAME_WINDOW, ///< front; answered by BYTES or REFUSAL
    SS_FRAME_BYTES,
    SS_FRAME_OPAQUE, ///< front: may this device get an opaque release; answered by REFUSAL, with SS_OK if it may
    SS_FRAME_UPLOAD, ///< front: an upload of so many bytes comes; then UPLOAD_DATA until they are there
    SS_FRAME_UPLOAD_DATA,
    SS_FRAME_UPLOADED,  ///< sealer: the answer, or REFUSAL
    SS_FRAME_FRESHNESS, ///< front: one product, many devices; answered by FRESH for some, then REFUSAL, also with SS_OK
    SS_FRAME_FRESH,
    SS_FRAME_DEVICES,  ///< sealer: a part of its registry
    SS_FRAME_KEY_SET,  ///< sealer, before its registry: a key set that it is pinned to, the statement as it is
    SS_FRAME_TOLD_ACK, ///< front: the part, or the key set, is stored; the next one may come
    SS_FRAME_REFUSAL,  ///< sealer: status and text
    SS_FRAME_TYPES
};

struct ss_frame {
    enum ss_frame_type type;
    uint64_t id;
    const uint8_t *payload; ///< inside the channel; good until the next _receive()
    size_t len;
};

// The transport

struct ss_channel;

/// What a channel needs of the poll() that its owner does.
struct ss_channel_wants {
    int fd;
    short events; ///< POLLIN, POLLOUT
};

/// A channel over @p fd, one end of a socket pair, and the shared memory @p memory_fd. It takes both over, also on
/// error. *@p channel is NULL on error: SS_ERROR_DATA_INVALID for a memory that is not sealed against a change of size,
/// or whose size is no number of slots; SS_ERROR_IO, SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_channel_local(int fd, int memory_fd, struct ss_channel **channel, struct ss_error *err);

/// The same for a lane. @p asks: this is the front's end, not the sealer's. SS_ERROR_DATA_INVALID also for a memory
/// without room for the rings.
SS_MUST_USE ss_status_t ss_channel_lane(int fd, int memory_fd, bool asks, struct ss_channel **channel,
                                        struct ss_error *err);
bool ss_channel_is_lane(const struct ss_channel *channel);
/// Waits on a lane until there is something to receive, at most @p ms milliseconds. Whether there is.
bool ss_channel_wait(struct ss_channel *channel, unsigned ms);
/// From here on the socket of a lane can be polled for what there is to receive. False: there is something already. In
/// both cases ss_channel_wake() is next.
bool ss_channel_doze(struct ss_channel *channel);
/// Ends dozing, if it has begun. SS_ERROR_IO: the other side is gone.
SS_MUST_USE ss_status_t ss_channel_wake(struct ss_channel *channel, struct ss_error *err);

/// What a local channel is made of: a socket for each side, and the memory, of @p slots slots. The caller closes them
/// or passes them on. SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_channel_pair(unsigned slots, int sockets[2], int *memory_fd, struct ss_error *err);

/// Certificates for one side of TLS channels.
struct ss_channel_tls;
/// Loads PEM files. SS_ERROR_IO, SS_ERROR_DATA_INVALID, SS_ERROR_NOT_PERMITTED for a key that others can read.
SS_MUST_USE ss_status_t ss_channel_tls_new(const char *certificate, const char *key, const char *ca, bool listens,
                                           struct ss_channel_tls **tls, struct ss_error *err);
void ss_channel_tls_free(struct ss_channel_tls *tls);
/// A channel over the connected, non-blocking socket @p fd, which it takes over, also on error. @p host (NULL where the
/// side listens) is the name or address that the peer's certificate must have. The handshake is done by _receive() and
/// _flush(), on the way.
SS_MUST_USE ss_status_t ss_channel_over_tls(struct ss_channel_tls *tls, int fd, const char *host,
                                            struct ss_channel **channel, struct ss_error *err);

/// Closes what it took over, wipes and frees. NULL is allowed.
void ss_channel_free(struct ss_channel *channel);

struct ss_channel_wants ss_channel_wants(const struct ss_channel *channel);
/// Slots of the shared memory that take windows; 0 over TLS.
unsigned ss_channel_slots(const struct ss_channel *channel);
/// SS_SEALER_WINDOW_MAX bytes of shared memory. @p slot is below ss_channel_slots().
uint8_t *ss_channel_slot(const struct ss_channel *channel, uint32_t slot);
/// Bytes that wait to be sent.
size_t ss_channel_backlog(const struct ss_channel *channel);

/// The next frame that has arrived whole. SS_ERROR_TIMEOUT: none yet, wait for the socket. Anything else ends the
/// channel: SS_ERROR_IO (closed, or broken), SS_ERROR_DATA_INVALID (not a frame), SS_ERROR_NOT_PERMITTED (a
/// certificate).
SS_MUST_USE ss_status_t ss_channel_receive(struct ss_channel *channel, struct ss_frame *frame, struct ss_error *err);
/// Room for a payload of up to @p size bytes behind what waits to be sent; NULL without memory. To be ended by _queue()
/// with the length that it got, or left.
uint8_t *ss_channel_room(struct ss_channel *channel, size_t size);
void ss_channel_queue(struct ss_channel *channel, enum ss_frame_type type, uint64_t id, size_t len);
/// Sends as much as the socket takes. SS_OK also if some is left. Statuses as _receive().
SS_MUST_USE ss_status_t ss_channel_flush(struct ss_channel *channel, struct ss_error *err);

#endif
