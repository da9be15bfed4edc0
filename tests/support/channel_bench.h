// SPDX-License-Identifier: Apache-2.0
// Both ends of a channel in the hands of a test.
#ifndef SS_TESTS_CHANNEL_BENCH_H
#define SS_TESTS_CHANNEL_BENCH_H

#include "server/channel.h"

/// Both sides of a local channel.
void local_pair(unsigned slots, struct ss_channel *sides[2]);
/// A lane: the front's end, the sealer's.
void lane_pair(struct ss_channel *sides[2]);
/// Puts a frame behind what waits to be sent.
void put_frame(struct ss_channel *c, enum ss_frame_type type, uint64_t id, const void *payload, size_t len);
/// The next frame that comes to @p to, whoever has to move for it: @p from (NULL: another thread) or @p to itself.
/// SS_ERROR_TIMEOUT after some minutes.
ss_status_t next_frame(struct ss_channel *from, struct ss_channel *to, struct ss_frame *frame, struct ss_error *err);

#endif
