// SPDX-License-Identifier: Apache-2.0
// Connects virtual chips to the world: each gets a pseudo-terminal, a TCP port or an RFC 2217 port as its UART, and a
// control socket that stands for the buttons on its board. One poll loop for all chips; time is not slept.
#ifndef SS_CHIP_SERVE_H
#define SS_CHIP_SERVE_H

#include "chip/chip.h"
#include "chip/profile.h"
#include "slotseal/error.h"

enum ss_serve_kind {
    SS_SERVE_PTY,     ///< a hang-up resets the chip; a pty has no DTR and RTS, so the strap is set by hand
    SS_SERVE_TCP,     ///< bare bytes: esptool's socket://. Every connection is a power-on reset
    SS_SERVE_RFC2217, ///< with baud rate, DTR (GPIO0) and RTS (EN), as on boards with automatic reset
};

/// How a chip is connected. After every reset it says on its UART what the real one says, and boots if GPIO0 is high:
/// ss_chip_boot(). All zero is a pty without a link.
struct ss_serve_options {
    enum ss_serve_kind kind;
    const char *link;   ///< pty: symbolic link to make, replacing another link; NULL: none
    uint16_t port;      ///< TCP port on 127.0.0.1; 0: any that is free
    const char *folder; ///< gets the control socket while the chip is served; NULL: none
    bool download;      ///< hold GPIO0 low from the beginning; over TCP it is low unless changed by control
    const struct ss_boot_profile *profile; ///< of its bootloader, borrowed while it is served; NULL: guessed
};

#define SS_SERVE_ADDRESS_SIZE 128

struct ss_serve;

/// SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_serve_new(struct ss_serve **serve, struct ss_error *err);

/// Closes everything and removes links and sockets; the chips stay. NULL is allowed.
void ss_serve_free(struct ss_serve *serve);

/// Adds @p chip (borrowed), which is switched on, and tells in @p address what a serial program opens: a path,
/// "socket://127.0.0.1:PORT" or "rfc2217://127.0.0.1:PORT". SS_ERROR_IO; SS_ERROR_ALREADY_EXISTS if the link's name is
/// taken by something else; SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_serve_add(struct ss_serve *serve, struct ss_vchip *chip,
                                     const struct ss_serve_options *options, char address[SS_SERVE_ADDRESS_SIZE],
                                     struct ss_error *err);

/// Serves until ss_serve_stop(). SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_serve_run(struct ss_serve *serve, struct ss_error *err);

/// Makes ss_serve_run() return; may be called by a signal handler.
void ss_serve_stop(struct ss_serve *serve);

/// Acts on the chip in @p folder, which another process serves. Requests: "reset", "strap download", "strap flash",
/// "power off", "power on", "cut N", "cut N before", "cut N inside", "cut N after" (the power fails at the N-th change
/// of flash or eFuses from now on, inside it by default), "cut none". SS_ERROR_BAD_STATE: nobody serves it.
/// SS_ERROR_INVALID_ARGUMENT: there is no such request, or the chip has no power. SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_serve_control(const char *folder, const char *request, struct ss_error *err);

#endif
