// SPDX-License-Identifier: Apache-2.0
// Numbers of telnet (RFC 854) with the COM port option (RFC 2217): what both ends of an rfc2217:// port share. Internal.
//
// Only for the files that speak it: the names are those of the documents, without a prefix.
#ifndef SS_CORE_RFC2217_H
#define SS_CORE_RFC2217_H

enum {
    SE = 240,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
};

enum {
    OPTION_BINARY = 0,
    OPTION_SUPPRESS_GO_AHEAD = 3,
    OPTION_COM_PORT = 44,
};

/// Commands of the COM port option.
enum {
    SET_BAUDRATE = 1,
    SET_DATASIZE = 2,
    SET_PARITY = 3,
    SET_STOPSIZE = 4,
    SET_CONTROL = 5,
    NOTIFY_MODEMSTATE = 7,
    SET_LINESTATE_MASK = 10,
    PURGE_DATA = 12,
    FROM_SERVER = 100, ///< added to a command's number in the answer
};

/// Values of SET_PARITY and PURGE_DATA.
enum { PARITY_NONE = 1, PURGE_RECEIVED = 1 };

/// Values of SET_CONTROL.
enum {
    CONTROL_FLOW_QUERY = 0,
    CONTROL_NO_FLOW = 1,
    CONTROL_BREAK_QUERY = 4,
    CONTROL_BREAK_OFF = 6,
    CONTROL_DTR_QUERY = 7,
    CONTROL_DTR_ON = 8,
    CONTROL_DTR_OFF = 9,
    CONTROL_RTS_QUERY = 10,
    CONTROL_RTS_ON = 11,
    CONTROL_RTS_OFF = 12,
    CONTROL_IN_FLOW_QUERY = 13,
    CONTROL_NO_IN_FLOW = 14,
};

#endif
