// SPDX-License-Identifier: Apache-2.0
// Pull mode of the agent: polls a server that speaks hawkBit's Direct Device Integration API, downloads what it offers,
// and reports what became of it. docs/device-protocol.md is the contract, docs/agent.md ("Pull") says what is answered to
// what. Portable as the agent is: gnu99, no heap, no operating system, no printing; HTTP, storage and clock are the
// port's.
//
// It is driven by one task, after ss_agent_start():
//
//     ss_pull_start(&pull, &agent, &port, context, &config);
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
#include "device/json.h"

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

/// The deployment that is read. Private.
struct ss_pull_offer {
    uint32_t size; ///< of the ciphertext, as the artifact says; 0: not said
    uint16_t release_at, release_len, delivery_at, delivery_len; ///< statements, in the agent's scratch
    uint16_t used;                                               ///< bytes of the scratch
    uint16_t value_len; ///< of the metadata value that comes, decoded, behind those
    uint16_t bits;      ///< of base64url that make no byte yet
    uint8_t bit_count;
    uint8_t chunks, artifacts;
    bool value_bad; ///< the value is not base64url, or too long
    bool bad;       ///< a statement is not there in one piece, or twice
    bool skip;      ///< not now, says the server
    bool hold;      ///< only to be downloaded for now
    bool window;    ///< that can change while it is downloaded
};

/// Pull mode. Memory of the caller's. Private.
struct ss_pull {
    struct ss_agent *agent;
    const struct ss_pull_port *port;
    void *context;
    const struct ss_pull_config *config;
    const char *details[3]; ///< of the feedback that is due; NULL behind the last
    uint64_t action;        ///< the deployment or cancellation in hand
    uint64_t offered;       ///< the deployment that the last poll named; 0: none
    uint64_t canceled;      ///< what the cancellation is about
    uint64_t acknowledged;  ///< the action that the server was last told the end of, in this cycle
    uint64_t held;          ///< the action that it was told to be downloaded, and waits; 0: none
    uint32_t due;           ///< uptime of the next exchange
    uint32_t sleep;         ///< seconds between polls
    uint32_t retry_after;   ///< seconds that the server asked for; 0: none
    uint32_t received;      ///< bytes of the answer
    uint32_t ignored;       ///< bytes to come before those that are wanted
    struct ss_json json;
    struct ss_pull_offer offer;
    uint16_t status;     ///< of the answer; 0: none
    uint16_t url_len;    ///< as it comes
    uint8_t url_rank;    ///< 0: there is no link
    uint8_t job;         ///< enum ss_pull_job_id: what comes next
    uint8_t server;      ///< number of the address in use, modulo their number
    uint8_t failures;    ///< in a row
    uint8_t redirects;   ///< of this download
    uint8_t links;       ///< that the poll has found
    uint8_t done;        ///< what is not done twice in a cycle
    uint8_t verdict;     ///< on the beginning of a download's answer
    uint8_t cas_missing; ///< bit i: CA i of the key set cannot be had
    bool broken;         ///< the answer was stopped
    bool spoiled;        ///< the agent did not take the bytes
    bool any_server;     ///< walking from key set to key set without trust in the server
    bool gained;         ///< … not in vain
    bool digest_known, reached, succeeded, leaving;
    uint8_t told, telling; ///< ss_pull_condition() as the server knows it, 0: not yet; and as it is about to
    uint8_t token_len;
    char token[SS_JSON_TOKEN_MAX];
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE]; ///< of the running app
    char etag[72];                            ///< of the download in hand; empty: none
    char url[SS_HTTP_URL_MAX + 1];            ///< the link that is followed
};

/// Begins, after each reset and a successful ss_agent_start(). @p agent, @p port and @p config have to stay. From now on
/// this is the only one who begins updates.
void ss_pull_start(struct ss_pull *pull, struct ss_agent *agent, const struct ss_pull_port *port, void *context,
                   const struct ss_pull_config *config);

/// Does what is due, with at most one exchange, and says when there is more: *@p seconds, at most a minute. It calls
/// ss_agent_tick(). Blocks for as long as the exchange does, and for the verification of a whole image at the end of an
/// update.
SS_MUST_USE enum ss_pull_next ss_pull_step(struct ss_pull *pull, uint32_t *seconds);

/// The next step does not wait: somebody is there who wants the update now.
void ss_pull_now(struct ss_pull *pull);

/// Whether a server has taken the device for what it is since the start: what a new app may want to know of itself.
bool ss_pull_reached(const struct ss_pull *pull);

/// Whether an update was downloaded and waits for the server's word; some actions end with that.
bool ss_pull_holds(const struct ss_pull *pull);

#endif
