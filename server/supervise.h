// SPDX-License-Identifier: Apache-2.0
// The supervisor of `slotseal serve`: starts front and sealer before either confines itself, starts again what dies,
// and gives both a new channel to each other each time. It opens no vault and no network, and parses nothing.
//
// Each process has a control socket to the supervisor (a pair of SOCK_SEQPACKET). On it come
//   'C' or 'L' with two file descriptors: a channel's socket and its shared memory; 'L' is to be a lane
// and from the front goes
//   'C': the channel is broken, another one is needed
//   'L': another lane is needed
#ifndef SS_SERVER_SUPERVISE_H
#define SS_SERVER_SUPERVISE_H

#include <stdbool.h>

#include "server/channel.h"
#include "slotseal/error.h"

/// A process that is kept alive.
struct ss_supervised {
    const char *name; ///< for the log: "front", "sealer"
    /// Runs in the process; its result is the exit status. @p control is its socket.
    int (*run)(void *context, int control);
    void *context;
};

struct ss_supervise_options {
    struct ss_supervised front, sealer;
    unsigned slots;            ///< of the channel's shared memory; 0: 256 (16 MiB). A lane's holds one run
    unsigned longest_pause_ms; ///< before one that keeps dying is started again; 0: 10,000
    /// One line for the log; @p trouble: a process died, or the two have no channel. NULL: not wanted.
    void (*log)(void *context, bool trouble, const char *text);
    void *context;
};

/// Exit status of a process that must not be started again: its configuration or its keys are wrong.
#define SS_SUPERVISE_GIVE_UP 78

/// Starts both and returns when both have ended: after SIGTERM or SIGINT (the front is stopped first; a second signal
/// kills), or after one of them ended with SS_SUPERVISE_GIVE_UP. Whatever else ends is started again, after 0.1 s, and
/// after longer and longer if it keeps dying. SIGHUP is passed to the front. To be called with one thread only, and no
/// file descriptors open that the processes must not have.
///   SS_OK                  asked to stop, and both have
///   SS_ERROR_BAD_STATE     one gave up; the other one was stopped
///   SS_ERROR_IO
SS_MUST_USE ss_status_t ss_supervise(const struct ss_supervise_options *options, struct ss_error *err);

// In a supervised process

/// What a channel is for.
enum ss_supervised_use {
    SS_SUPERVISED_CHANNEL = 'C', ///< everything
    SS_SUPERVISED_LANE = 'L',    ///< a lane (server/channel.h)
};

/// The channel, or lane, that the supervisor sent to the front (it @p asks) or the sealer. SS_ERROR_TIMEOUT: none has
/// come; SS_ERROR_BAD_STATE: the supervisor is gone; those of ss_channel_local() and ss_channel_lane().
SS_MUST_USE ss_status_t ss_supervised_channel(int control, bool asks, struct ss_channel **channel,
                                              struct ss_error *err);
/// Asks for another channel.
void ss_supervised_ask(int control, enum ss_supervised_use use);

/// For tests and for whoever else starts both: sends one end of a channel.
SS_MUST_USE ss_status_t ss_supervise_send_channel(int control, enum ss_supervised_use use, int socket, int memory,
                                                  struct ss_error *err);

#endif
