// SPDX-License-Identifier: Apache-2.0
// A port between the client of the ROM loader and a virtual chip's, or nothing at all, that loses, changes and makes up
// what goes through it.
#ifndef SS_TESTS_FAULTY_PORT_H
#define SS_TESTS_FAULTY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/link_port.h"

/// What becomes of a request.
enum faulty_fate {
    FAULTY_PASS,      ///< goes to the chip
    FAULTY_DROP,      ///< is lost
    FAULTY_NO_ANSWER, ///< goes to the chip, whose answer is lost
    FAULTY_UNPLUG,    ///< the port is gone from now on
};

struct faulty_port {
    struct ss_link_port port;
    struct ss_link_port *inner; ///< belongs to it; NULL: nobody is at the other end
    /// Asked about each request: operation, and its body, which it may change. NULL: all pass.
    enum faulty_fate (*on_request)(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len);
    /// Asked about each answer; may change it, its length (up to 256) and, with 0, drop it. @p packet has its 8 bytes
    /// of header. NULL: all pass.
    size_t (*on_answer)(struct faulty_port *f, uint8_t *packet, size_t len);
    unsigned requests[256]; ///< how often each operation was asked for
    bool unplugged;
    uint64_t now_ms;     ///< of the port's own clock, where there is no inner one
    const char *on_boot; ///< said when RTS goes off; NULL: nothing
    uint8_t *out;        ///< to be read next
    size_t out_len, out_at;
};

/// @p lines: it has DTR and RTS, and a rate. With @p inner NULL it is a port to nowhere.
struct faulty_port *faulty_port_new(struct ss_link_port *inner, bool lines);
/// Bytes that are read next, as they are.
void faulty_say(struct faulty_port *f, const void *bytes, size_t len);
/// An answer in its frame: @p data, then the ROM's status {failed, error, 0, 0}.
void faulty_answer(struct faulty_port *f, uint8_t op, uint32_t value, const void *data, size_t len, uint8_t error);

#endif
