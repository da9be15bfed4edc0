// SPDX-License-Identifier: Apache-2.0
// What front and sealer give up before they listen to anybody. Each does it itself, with one thread, once it has opened
// what it can only open before.
//
//   always            no core file, no debugger (PR_SET_DUMPABLE), no new privileges by exec (PR_SET_NO_NEW_PRIVS)
//   user              another uid and its groups, where the process is root and a user is named
//   Landlock          the file system is what is listed (kernel 5.13 or later)
//   seccomp           system calls are what is listed; exec, ptrace and their like end the process
//   memory            never swapped out, as far as the limit allows (the sealer)
#ifndef SS_SERVER_CONFINE_H
#define SS_SERVER_CONFINE_H

#include <stdbool.h>

#include "slotseal/error.h"

/// What a process does with sockets, once it is confined.
enum ss_confine_sockets {
    SS_CONFINE_NO_SOCKETS, ///< only those that it has, or is passed
    SS_CONFINE_ACCEPT,     ///< others connect to it, on sockets that it has
    SS_CONFINE_CONNECT,    ///< it makes connections of its own: to a database, to a front
    SS_CONFINE_LISTEN,     ///< both, and it makes such sockets
};

struct ss_confine_options {
    const char *user; ///< to become; NULL: stay who it is
    bool files;       ///< confine to the lists that follow; false: it needs more than can be listed
    const char *const
        *readable; ///< files and folders with what is below; ended by NULL; what is not there is passed over
    const char *const *writable; ///< the same
    enum ss_confine_sockets sockets;
    bool devices; ///< it talks to hardware: every ioctl(), else those that look at a stream, without sockets none
    bool lock_memory;
    bool required; ///< refuse to go on with neither another uid nor Landlock
};

/// What was achieved.
struct ss_confined {
    bool user, landlock, seccomp, memory;
    int landlock_abi; ///< 0: the kernel has none
};

/// Does all of it. @p done may be NULL.
///   SS_ERROR_NOT_PERMITTED    `required`, and neither was to be had; the user cannot be become
///   SS_ERROR_DOES_NOT_EXIST   no such user
///   SS_ERROR_IO               the system refused something else
SS_MUST_USE ss_status_t ss_confine(const struct ss_confine_options *options, struct ss_confined *done,
                                   struct ss_error *err);

// The parts, each in a file of its own: Landlock returns the ABI in *@p abi, 0 where the kernel has none.
SS_MUST_USE ss_status_t ss_confine_landlock(const struct ss_confine_options *options, int *abi, struct ss_error *err);
SS_MUST_USE ss_status_t ss_confine_seccomp(const struct ss_confine_options *options, struct ss_error *err);

#endif
