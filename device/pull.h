// SPDX-License-Identifier: Apache-2.0
// Pull mode of the agent: polls a server that speaks hawkBit's Direct Device Integration API, downloads what it offers,
// and reports what became of it. docs/device-protocol.md is the contract, docs/agent.md ("Pull") says what is answered to
// what. Portable as the agent is: gnu99, no heap, no operating system, no printing; HTTP, storage and clock are the
// port's.
//
// It is driven by one task, after ss_agent_start():
//
//     ss_pull_start(&pull, &agent, found, &port, context, &config);
//     for (;;) {
//         uint32_t seconds;
//         if (ss_pull_step(&pull, &seconds) == SS_PULL_RESET)
//             restart();
//         sleep(seconds);
//     }
//
// What has to outlive a reset is in flash, in the agent's record, or in struct ss_pull_record; all else is asked for
// again.
#ifndef SS_DEVICE_PULL_H
#define SS_DEVICE_PULL_H

#include "device/agent.h"
#include "device/http.h"

/// Version of this agent, as it tells the server.
#define SS_PULL_AGENT "slotseal 0.1.0"

/// Longest id of an action, characters; hawkBit's are decimal numbers. Letters, digits, `.`, `_`, `-`.
#define SS_PULL_ACTION_MAX 31u
/// Most server addresses beside those of a key set.
#define SS_PULL_SERVERS_MAX 4u
/// Largest answer that is kept whole: a key set, a freshness record, a CA certificate (DER). Bytes.
#define SS_PULL_ANSWER_MAX SS_KEY_SET_MAX

/// Bounds of what a server may ask for as time between two polls, seconds; and what is taken until it has asked.
#define SS_PULL_SLEEP_MIN     10u
#define SS_PULL_SLEEP_MAX     86400u
#define SS_PULL_SLEEP_DEFAULT 300u
/// So many failures in a row, and the next server address is tried.
#define SS_PULL_FAILURES_MAX 3u
/// Most redirects of one request. Only downloads may leave the server, and then without the credential.
#define SS_PULL_REDIRECTS_MAX 3u

/// How far the server's word about an action has come.
enum ss_pull_stage {
    SS_PULL_NONE, ///< there was no action yet
    SS_PULL_OPEN, ///< its statements were accepted; the server was not told yet how it ended
    SS_PULL_TOLD, ///< the server has acknowledged how it ended
};

/// What pull mode keeps through resets. Plain data; a port stores it whole. Storage that has lost it gives an older one,
/// or one of zeros: then the end of an update is told when the server offers it again.
struct ss_pull_record {
    char action[SS_PULL_ACTION_MAX + 1]; ///< the last action, NUL at the end
    uint8_t stage;                       ///< enum ss_pull_stage, of that action
    uint8_t cause;                       ///< enum ss_agent_cause: of its last failure, or how it ended
    uint8_t reason;                      ///< enum ss_reason, with SS_CAUSE_STATEMENT
    uint8_t success;                     ///< 1: it ended with the new app confirmed
};

/// What a new app thinks of itself.
enum ss_self_test { SS_SELF_TEST_PENDING, SS_SELF_TEST_PASSED, SS_SELF_TEST_FAILED };

/// What the device is to pull mode, beside the agent's port. Functions get @p context of ss_pull_start().
struct ss_pull_port {
    struct ss_http http;
    /// Seconds since the reset. Never goes back; must not wrap (32 bits do after 136 years).
    uint32_t (*uptime)(void *context);
    /// Any 32 bits; spreads a fleet over time, so no cryptographic quality is needed.
    uint32_t (*random)(void *context);
    /// The record as last stored, see struct ss_pull_record. SS_ERROR_IO for storage that fails.
    ss_status_t (*load)(void *context, struct ss_pull_record *record);
    ss_status_t (*store)(void *context, const struct ss_pull_record *record);
    /// Asked at every step while the running app is on trial. PASSED confirms it, FAILED rejects it. The server has been
    /// reached since the reset if ss_pull_reached() says so. NULL: the application calls ss_agent_confirm() or
    /// ss_agent_reject() itself.
    enum ss_self_test (*self_test)(void *context);
    /// A key set was stored by the agent's port: makes it the current one of the agent's identity, and the one that was
    /// current the previous one, in place. Another status than SS_OK: a reset is asked for, which does the same.
    ss_status_t (*use_key_set)(void *context);
    /// Whether the CA certificate of this SHA-256 is stored.
    bool (*has_ca)(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE]);
    /// Stores a CA certificate (DER, not longer than SS_PULL_ANSWER_MAX) that the key set in force names, and uses it
    /// from the next exchange on. May drop those that neither key set in force names.
    ss_status_t (*store_ca)(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE], const uint8_t *der,
                            size_t len);
};

/// What pull mode is told. Must stay as it is.
struct ss_pull_config {
    /// Server addresses, `http(s)://host[:port][/tenant]`, at most SS_SERVER_MAX characters, in order of preference. A
    /// key set that names servers replaces them.
    const char *servers[SS_PULL_SERVERS_MAX];
    uint8_t server_count;
    /// Also take http:// addresses, and send the credential to them: for a laboratory. Everyone on the way reads it.
    bool plain_http;
    const char *version;     ///< of the running app, from its descriptor
    const uint8_t *digest;   ///< canonical SHA-256 of the running app; NULL: not known
    uint32_t trial_seconds;  ///< after the reset; a new app that is not confirmed by then is rejected. 0: no limit
    uint32_t spread_seconds; ///< the first request after a reset waits up to so long, at random. 0: none waits
};

/// What the caller does after a step.
enum ss_pull_next {
    SS_PULL_WAIT,  ///< calls again after so many seconds (0: at once), or earlier: that does no harm
    SS_PULL_RESET, ///< resets the chip: another app is selected
};

#endif
