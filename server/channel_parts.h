// SPDX-License-Identifier: Apache-2.0
// The inside of a channel, for its transports.
#ifndef SS_SERVER_CHANNEL_PARTS_H
#define SS_SERVER_CHANNEL_PARTS_H

#include "server/channel.h"

/// How bytes get in and out. Both return what was moved; 0 if nothing can be for now, with the poll events to wait for
/// in *events; a negative status ends the channel.
struct ss_channel_stream {
    long (*read)(struct ss_channel *channel, uint8_t *out, size_t size, short *events, struct ss_error *err);
    long (*write)(struct ss_channel *channel, const uint8_t *in, size_t len, short *events, struct ss_error *err);
    void (*close)(struct ss_channel *channel);
};

struct ss_channel {
    const struct ss_channel_stream *stream;
    int fd;
    void *session;   ///< of the stream
    bool connected;  ///< of a TLS stream: the handshake is done
    uint8_t *memory; ///< shared, NULL: none
    size_t memory_len;
    unsigned slots;
    bool asks;                     ///< of a lane: the front's end
    uint32_t taken, written;       ///< of a lane: bytes read and written so far
    short read_wants, write_wants; ///< poll events that reading and writing wait for
    uint8_t *in;                   ///< arrived: from `in_start` to `in_end`
    size_t in_start, in_end;
    uint8_t *out; ///< to be sent: from `out_start` to `out_end`
    size_t out_start, out_end, out_size;
};

/// Room for what arrives, bytes: some frames of the largest size at once.
#define SS_CHANNEL_IN_SIZE (256u << 10)

/// All but the stream. It owns @p fd from here on, also on error.
SS_MUST_USE ss_status_t ss_channel_make(int fd, const struct ss_channel_stream *stream, struct ss_channel **channel,
                                        struct ss_error *err);

#endif
