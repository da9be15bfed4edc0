// SPDX-License-Identifier: Apache-2.0
// Inside of serving: what its files share.
#ifndef SS_CHIP_SERVE_PARTS_H
#define SS_CHIP_SERVE_PARTS_H

#include <poll.h>

#include "chip/loader.h"
#include "chip/serve.h"

#define TELNET_MAX          64   ///< bytes of a subnegotiation that are kept
#define CONTROL_MAX         64   ///< bytes of a control request
#define CONTROL_PATIENCE_MS 1000 ///< a control client that does not finish its request keeps others waiting so long
#define READ_SIZE           16384

struct buffer {
    uint8_t *bytes;
    size_t start, len, capacity; ///< what is to be sent: bytes[start … start + len)
};

/// Telnet (RFC 854) with the COM port option (RFC 2217).
struct telnet {
    enum { TELNET_DATA, TELNET_IAC, TELNET_VERB, TELNET_SUB, TELNET_SUB_IAC } state;
    uint8_t verb;
    uint8_t sub[TELNET_MAX];
    size_t sub_len;
    bool we_agreed[256], they_agreed[256]; ///< options answered with WILL and with DO
    uint8_t settings[3];                   ///< data bits, parity and stop bits, in the numbers of RFC 2217
    bool dtr, rts;
    bool en_was_low; ///< RTS has pulled EN, whose rising edge is still to come
};

/// A served chip.
struct port {
    struct port *next;
    struct ss_vchip *chip;
    struct ss_loader *loader;
    struct ss_serve_options options; ///< of its pointers only `profile` lives on
    char *link;                      ///< symbolic link made
    int listen_fd;                   ///< TCP, RFC 2217: waits for a connection; else -1
    int line_fd;                     ///< the pty's master, or the connection; -1: none
    bool hung_up;                    ///< pty: nobody has it open
    bool powered;
    bool held_low;         ///< GPIO0, by option or control; DTR pulls it, too
    uint8_t in[READ_SIZE]; ///< read but not taken yet: in[in_start … in_start + in_len)
    size_t in_start, in_len;
    struct buffer out;
    struct telnet telnet;
    int folder_fd; ///< of the control socket, -1: none
    int control_listen_fd, control_fd;
    char control[CONTROL_MAX];
    size_t control_len;
    int64_t control_until; ///< when its client is sent away, milliseconds of the monotonic clock
};

// serve.c

/// Bytes from the UART's other end.
void port_take(struct port *p, const uint8_t *bytes, size_t len);
/// Appends to what goes to the UART's other end; lost if there is nobody.
void port_send(struct port *p, const uint8_t *bytes, size_t len);
/// Reset by EN, with GPIO0 as it is. Nothing without power.
void port_reset(struct port *p);
/// Switches the chip off and, if @p on, on again.
void port_power(struct port *p, bool on);
/// Forgets what was not sent, for instance because the other end has gone.
void port_drop_output(struct port *p);

// serve_pty.c

SS_MUST_USE ss_status_t pty_open(struct port *p, const char *link, char *address, struct ss_error *err);
/// Tells if somebody has it open, and acts on changes.
void pty_check(struct port *p);
/// The rate that the terminal's user has set; 0: unknown.
uint32_t pty_baud(int fd);

// serve_tcp.c

SS_MUST_USE ss_status_t tcp_open(struct port *p, uint16_t number, char *address, struct ss_error *err);
void tcp_accept(struct port *p);
void tcp_close(struct port *p);

// serve_rfc2217.c

/// A new connection: nothing negotiated yet.
void telnet_start(struct port *p);
/// Bytes of the connection: data goes to port_take(), the rest is answered.
void telnet_take(struct port *p, const uint8_t *bytes, size_t len);
/// Appends data for the connection, with 0xFF doubled.
void telnet_send(struct port *p, const uint8_t *bytes, size_t len);

// serve_control.c

SS_MUST_USE ss_status_t control_open(struct port *p, const char *folder, struct ss_error *err);
void control_close(struct port *p);
void control_accept(struct port *p);
void control_read(struct port *p);
/// Sends a client away that has not finished its request in time.
void control_check(struct port *p);

/// Appends without interpretation.
void buffer_append(struct buffer *b, const uint8_t *bytes, size_t len);
/// Makes @p fd non-blocking and closed on exec.
void prepare_fd(int fd);

#endif
