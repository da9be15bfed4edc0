// SPDX-License-Identifier: Apache-2.0
// The telnet COM port option, RFC 2217: a serial port with its control lines over TCP. DTR and RTS act on GPIO0 and EN
// through the two transistors of the usual boards: a line pulls its pin low only while the other line is off.
#include <string.h>

#include "chip/serve_parts.h"
#include "core/bytes.h"
#include "core/rfc2217.h"

void telnet_start(struct port *p)
{
    // 8 data bits, no parity, 1 stop bit.
    p->telnet = (struct telnet){.settings = {8, 1, 1}};
}

void telnet_send(struct port *p, const uint8_t *bytes, size_t len)
{
    static const uint8_t iac = IAC;
    for (size_t start = 0, i = 0; i < len; i++)
        if (bytes[i] == IAC || i + 1 == len) {
            buffer_append(&p->out, bytes + start, i + 1 - start);
            if (bytes[i] == IAC)
                buffer_append(&p->out, &iac, 1);
            start = i + 1;
        }
}

static void send_command(struct port *p, uint8_t verb, uint8_t option)
{
    buffer_append(&p->out, (const uint8_t[]){IAC, verb, option}, 3);
}

static void send_answer(struct port *p, uint8_t command, const uint8_t *value, size_t len)
{
    buffer_append(&p->out, (const uint8_t[]){IAC, SB, OPTION_COM_PORT, (uint8_t)(command + FROM_SERVER)}, 4);
    telnet_send(p, value, len);
    buffer_append(&p->out, (const uint8_t[]){IAC, SE}, 2);
}

/// CTS, DSR, RI and CD: boards leave them open. Clients wait for the first notice.
static void notify_modem_state(struct port *p)
{
    send_answer(p, NOTIFY_MODEMSTATE, (const uint8_t[]){0}, 1);
}

/// Each option is agreed to once; what is not known is declined.
static void negotiate(struct port *p, uint8_t verb, uint8_t option)
{
    struct telnet *t = &p->telnet;
    bool known = option == OPTION_BINARY || option == OPTION_SUPPRESS_GO_AHEAD || option == OPTION_COM_PORT;
    bool ours = verb == DO || verb == DONT;
    bool *agreed = ours ? &t->we_agreed[option] : &t->they_agreed[option];
    bool wanted = (verb == DO || verb == WILL) && known;
    if (wanted == *agreed && (wanted || verb == DONT || verb == WONT))
        return;
    *agreed = wanted;
    send_command(p, ours ? (wanted ? WILL : WONT) : (wanted ? DO : DONT), option);
    if (wanted && !ours && option == OPTION_COM_PORT)
        notify_modem_state(p);
}

/// The end of RTS is the rising edge of EN, and GPIO0 at that moment decides how the chip starts. Between RTS and DTR
/// hosts have both on for a while, in which neither pin is pulled; the capacitor at EN bridges that.
static void set_lines(struct port *p, bool dtr, bool rts)
{
    struct telnet *t = &p->telnet;
    t->dtr = dtr;
    t->rts = rts;
    if (rts && !dtr)
        t->en_was_low = true;
    if (!rts && t->en_was_low) {
        t->en_was_low = false;
        port_reset(p);
    }
}

static void control(struct port *p, uint8_t value)
{
    struct telnet *t = &p->telnet;
    uint8_t answer = value;
    if (value == CONTROL_DTR_ON || value == CONTROL_DTR_OFF)
        set_lines(p, value == CONTROL_DTR_ON, t->rts);
    else if (value == CONTROL_RTS_ON || value == CONTROL_RTS_OFF)
        set_lines(p, t->dtr, value == CONTROL_RTS_ON);
    else if (value == CONTROL_DTR_QUERY)
        answer = t->dtr ? CONTROL_DTR_ON : CONTROL_DTR_OFF;
    else if (value == CONTROL_RTS_QUERY)
        answer = t->rts ? CONTROL_RTS_ON : CONTROL_RTS_OFF;
    else if (value == CONTROL_FLOW_QUERY)
        answer = CONTROL_NO_FLOW;
    else if (value == CONTROL_BREAK_QUERY)
        answer = CONTROL_BREAK_OFF;
    else if (value == CONTROL_IN_FLOW_QUERY)
        answer = CONTROL_NO_IN_FLOW;
    send_answer(p, SET_CONTROL, &answer, 1);
}

static void set_baud(struct port *p, const uint8_t *value)
{
    uint8_t answer[4];
    ss_loader_set_baud(p->loader, ss_get_be32(value)); // 0 asks
    ss_put_be32(answer, ss_loader_baud(p->loader));
    send_answer(p, SET_BAUDRATE, answer, sizeof answer);
}

/// Data bits, parity and stop bits are agreed to, because the chip does not care; 0 asks.
static void set_framing(struct port *p, uint8_t command, uint8_t value)
{
    uint8_t *setting = &p->telnet.settings[command - SET_BAUDRATE - 1];
    if (value)
        *setting = value;
    send_answer(p, command, setting, 1);
}

/// A command of the COM port option. Masks and purges are agreed to; suspending and resuming is not answered.
static void com_port(struct port *p, const uint8_t *sub, size_t len)
{
    uint8_t command = sub[0];
    if (command == SET_BAUDRATE && len == 5)
        set_baud(p, sub + 1);
    else if (command == SET_CONTROL && len == 2)
        control(p, sub[1]);
    else if (command > SET_BAUDRATE && command <= SET_STOPSIZE && len == 2)
        set_framing(p, command, sub[1]);
    else if (command == NOTIFY_MODEMSTATE)
        notify_modem_state(p); // not in the RFC, but clients ask like this
    else if (command >= SET_LINESTATE_MASK && command <= PURGE_DATA && len == 2)
        send_answer(p, command, sub + 1, 1);
}

/// One byte that is not data; tells by its return value if it is data after all.
static bool take_byte(struct port *p, uint8_t byte)
{
    struct telnet *t = &p->telnet;
    switch (t->state) {
    case TELNET_DATA:
        if (byte == IAC)
            t->state = TELNET_IAC;
        return byte != IAC;
    case TELNET_IAC:
        t->verb = byte;
        t->sub_len = 0;
        t->state = byte == SB ? TELNET_SUB : byte >= WILL && byte <= DONT ? TELNET_VERB : TELNET_DATA;
        return byte == IAC;
    case TELNET_VERB:
        negotiate(p, t->verb, byte);
        t->state = TELNET_DATA;
        return false;
    case TELNET_SUB:
        if (byte == IAC)
            t->state = TELNET_SUB_IAC;
        else if (t->sub_len < sizeof t->sub)
            t->sub[t->sub_len++] = byte;
        return false;
    case TELNET_SUB_IAC:
        t->state = byte == IAC ? TELNET_SUB : TELNET_DATA;
        if (byte == IAC && t->sub_len < sizeof t->sub)
            t->sub[t->sub_len++] = byte;
        if (byte == SE && t->sub_len >= 2 && t->sub[0] == OPTION_COM_PORT)
            com_port(p, t->sub + 1, t->sub_len - 1);
        return false;
    }
    return false;
}

void telnet_take(struct port *p, const uint8_t *bytes, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        if (p->telnet.state == TELNET_DATA && bytes[i] != IAC)
            continue;
        // A reset among the commands belongs after the data before it.
        if (i > start)
            port_take(p, bytes + start, i - start);
        start = take_byte(p, bytes[i]) ? i : i + 1;
    }
    if (len > start)
        port_take(p, bytes + start, len - start);
}
