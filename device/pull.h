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
// What has to outlive a reset is in flash or in the agent's record; all else is asked for again. Key sets take effect
// without a reset where the agent's store_key_set puts them in force at once; elsewhere each asks for one.
#ifndef SS_DEVICE_PULL_H
#define SS_DEVICE_PULL_H

#include "device/agent.h"
#include "device/http.h"

/// Version of this agent, as it tells the server.
#define SS_PULL_AGENT "slotseal 0.1.0"

/// Most server addresses beside those of a key set.
#define SS_PULL_SERVERS_MAX 4u
/// Largest answer that is kept whole: a key set, a freshness record, a CA certificate (DER). Bytes.
#define SS_PULL_ANSWER_MAX SS_STATEMENT_MAX

/// Bounds of what a server may ask for as time between two polls, seconds; and what is taken until it has asked.
#define SS_PULL_SLEEP_MIN     10u
#define SS_PULL_SLEEP_MAX     86400u
#define SS_PULL_SLEEP_DEFAULT 300u
/// So many failures in a row, and the next server address is tried.
#define SS_PULL_FAILURES_MAX 3u
/// Most redirects of one request. Only downloads may leave the server, and then without the credential.
#define SS_PULL_REDIRECTS_MAX 3u

/// What a new app thinks of itself.
enum ss_self_test { SS_SELF_TEST_PENDING, SS_SELF_TEST_PASSED, SS_SELF_TEST_FAILED };

/// What the device is to pull mode, beside the agent's port. Functions get @p context of ss_pull_start().
struct ss_pull_port {
    struct ss_http http;
    /// Seconds since the reset. Never goes back; must not wrap (32 bits do after 136 years).
    uint32_t (*uptime)(void *context);
    /// Any 32 bits; spreads a fleet over time, so no cryptographic quality is needed.
    uint32_t (*random)(void *context);
    /// Asked at every step while the running app is on trial. PASSED confirms it, FAILED rejects it. The server has been
    /// reached since the reset if ss_pull_reached() says so. NULL: the application calls ss_agent_confirm() or
    /// ss_agent_reject() itself.
    enum ss_self_test (*self_test)(void *context);
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
    uint32_t spread_seconds; ///< the first request after a reset waits up to so long, at random. 0: none waits
};

/// What the caller does after a step.
enum ss_pull_next {
    SS_PULL_WAIT,  ///< calls again after so many seconds (0: at once), or earlier: that does no harm
    SS_PULL_RESET, ///< resets the chip: another app is selected
};

#endif
