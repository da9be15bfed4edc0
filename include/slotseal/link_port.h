// SPDX-License-Identifier: Apache-2.0
// What the client of the ROM loader (link.h) needs of a serial line, as a table of functions: another transport is one
// more file that fills in the table. Those of the library are opened by name with ss_link_port_open().
#ifndef SLOTSEAL_LINK_PORT_H
#define SLOTSEAL_LINK_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_LINK_BAUD     115200u  ///< rate at which the mask ROM talks after a reset, and of the boot log
#define SS_LINK_BAUD_MAX 2000000u ///< the most that is asked of a port

struct ss_link_port;

/// A transport. Every function gets the port it belongs to. Those that may be NULL are marked; all others must be there.
/// Failures are reported with area SS_AREA_LINK and one of
///   SS_ERROR_IO              the line is gone (unplugged, connection closed) or the system reported a failure
///   SS_ERROR_TIMEOUT         the other end takes nothing, or does not answer the transport's own requests
///   SS_ERROR_NOT_SUPPORTED   not with this port (a rate that it cannot do)
/// after which the port may still be closed, and nothing else is promised.
struct ss_link_port_ops {
    /// Waits up to @p timeout_ms (0: not at all) for the first byte, then takes what is there, up to @p size ≥ 1.
    /// SS_OK with *len = 0 if nothing came: a time-out is no failure here.
    ss_status_t (*read)(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                        struct ss_error *err);
    /// Sends all @p len bytes. SS_ERROR_TIMEOUT if they are not taken in reasonable time, never a part with SS_OK.
    ss_status_t (*write)(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err);
    /// Bits per second, once what was written has left. NULL: the line has no rate of its own.
    ss_status_t (*set_baud)(struct ss_link_port *port, uint32_t baud, struct ss_error *err);
    /// Switches DTR and RTS, both at once where the transport can, on (true) or off. On ESP32 boards DTR on alone pulls
    /// GPIO0 low and RTS on alone pulls EN low (ESP32 hardware design guidelines, automatic download circuit).
    /// NULL: the line has no such wires.
    ss_status_t (*set_lines)(struct ss_link_port *port, bool dtr, bool rts, struct ss_error *err);
    /// Forgets what came in and was not read. SS_ERROR_IO.
    ss_status_t (*discard_input)(struct ss_link_port *port, struct ss_error *err);
    /// Milliseconds of a clock that never goes back. All waiting of the client is by these two, so that a port over a
    /// simulation can keep a time of its own.
    uint64_t (*now_ms)(struct ss_link_port *port);
    void (*sleep_ms)(struct ss_link_port *port, unsigned ms);
    /// Ends the port and releases its memory.
    void (*close)(struct ss_link_port *port);
};

/// Base of every transport's own structure: its first member.
struct ss_link_port {
    const struct ss_link_port_ops *ops;
    bool lines_apart; ///< set_lines() switches one after the other, DTR first
};

/// Opens a port by name:
///
///     /dev/ttyUSB0, /dev/pts/3, any path   terminal, at 115200 8N1 without flow control, DTR and RTS off; locked for
///                                          others (flock, as esptool does); without wires if it has none (pty)
///     socket://HOST:PORT                   bare bytes over TCP; neither rate nor wires
///     rfc2217://HOST:PORT                  telnet COM port option (RFC 2217): rate, DTR, RTS, purge
///
/// HOST is a name, an IPv4 address, or an IPv6 address in brackets. *port belongs to the caller; NULL on error.
///   SS_ERROR_INVALID_ARGUMENT      no such form of name
///   SS_ERROR_DOES_NOT_EXIST        no such file or host
///   SS_ERROR_NOT_PERMITTED         the user may not open it
///   SS_ERROR_ALREADY_EXISTS        another program has it open exclusively
///   SS_ERROR_NOT_SUPPORTED         the file is no terminal; the server does not speak RFC 2217
///   SS_ERROR_TIMEOUT, SS_ERROR_IO, SS_ERROR_INSUFFICIENT_MEMORY
/// ss_link_hint() has what to try for each.
SS_MUST_USE ss_status_t ss_link_port_open(const char *name, struct ss_link_port **port, struct ss_error *err);

/// NULL is allowed.
void ss_link_port_close(struct ss_link_port *port);

#ifdef __cplusplus
}
#endif
#endif
