// SPDX-License-Identifier: Apache-2.0
// A device in pull mode and a server, both in memory: nothing is encrypted, the bootloader is a few lines, time is a
// number, and every exchange is written down. Without cmocka, so that the fuzzer can use it: what must not happen aborts.
#ifndef SS_TESTS_PULL_BENCH_H
#define SS_TESTS_PULL_BENCH_H

#include <setjmp.h>

#include "device/pull.h"

#define PULL_SLOT     0x10000u
#define PULL_IMAGE    0x6400u ///< length of an image: six windows and a quarter
#define PULL_KEY_SETS 6u
#define PULL_ACTION   7u ///< of the first offer

#define must(condition) ((condition) ? (void)0 : pull_must(#condition, __FILE__, __LINE__))
void pull_must(const char *condition, const char *file, int line);

struct pull_statement {
    uint8_t bytes[SS_STATEMENT_MAX];
    size_t len;
};

/// What is offered: image, and its statements for one slot.
struct pull_parcel {
    struct pull_statement release, delivery;
    uint8_t image[PULL_IMAGE];
};

/// One answer. All zero is an empty 200 of no length.
struct pull_answer {
    ss_status_t status; ///< of the exchange, when all that follows was delivered
    bool silent;        ///< nothing comes, not even a head
    struct ss_http_head head;
    const uint8_t *body;
    size_t len;
    size_t cut;   ///< not 0: ends behind so many bytes, with SS_ERROR_IO
    bool endless; ///< the body repeats
};

struct pull_bench;
/// Changes or replaces what the server would answer to @p request number @p n from 1. @p path is behind the device's
/// base, or the whole path.
typedef void (*pull_hook_fn)(struct pull_bench *b, unsigned n, const struct ss_http_request *request, const char *path,
                             struct pull_answer *answer);

struct pull_bench {
    // The device's RAM.
    struct ss_agent agent;
    struct ss_pull pull;
    struct ss_agent_identity identity;
    struct ss_key_set sets[2];
    // What outlives a reset.
    struct ss_agent_record stored;
    struct pull_statement key_sets[2]; ///< in force, the one before
    uint8_t flash[2][PULL_SLOT];
    unsigned running;
    int selected; ///< -1: as it runs
    uint32_t ota_state[2];
    uint8_t cas[4][SS_STATEMENT_DIGEST_SIZE];
    unsigned ca_count;
    // What the device is like.
    struct ss_pull_config config;
    enum ss_self_test self_test;
    bool unwilling, at_once; ///< key sets count at once
    int broken_writes;       ///< so many more writes to flash fail
    int broken_reads;        ///< … reads
    int failing_store;       ///< counts down to the store of a record that fails; 0: none does
    int unbootable;          ///< … images are refused by the bootloader's check before the switch
    int unselectable;        ///< … switches fail
    uint32_t now, booted;    ///< seconds
    uint32_t chance;         ///< what random() gives
    unsigned resets, wakes;
    // The server.
    const struct pull_parcel *offer;            ///< NULL: none
    uint64_t action;                            ///< of the offer
    uint64_t cancel;                            ///< an action to be cancelled; 0: none
    bool ended, canceled;                       ///< the action was closed, the cancellation answered
    struct pull_statement newer[PULL_KEY_SETS]; ///< element N follows version N
    const uint8_t *ca;
    size_t ca_len;
    struct pull_statement freshness;
    bool wants_config, key_set_link, freshness_link, no_tls; ///< no_tls: certificates do not verify
    const char *update, *window;                             ///< NULL: "forced"; no maintenanceWindow
    const char *sleep;
    const char *etag;
    char json[16384];
    size_t chunk; ///< bytes a call of the sink
    pull_hook_fn hook;
    void *hook_context;
    unsigned exchanges;
    char log[32768]; ///< a line each exchange and reset
    size_t log_len;
    char config_body[2048];
    uint64_t downloaded; ///< bytes of artifacts that came over
    // Power.
    jmp_buf out;
    unsigned cut_at;  ///< number of the exchange in which it goes; 0: never
    int cut_place;    ///< 0 before, 1 in the middle of the answer, 2 behind it
    unsigned then_at; ///< … and again, so many exchanges later, at `then_place`; 0: never
    int then_place;
};

/// The sample release @p version for @p slot. Made once, for the life of the program.
const struct pull_parcel *pull_parcel(unsigned version, unsigned slot);
/// Signs key set @p version, which names @p server (NULL: none) and the CA @p ca of @p ca_len bytes (NULL: none).
void pull_sign_key_set(unsigned version, const char *server, const uint8_t *ca, size_t ca_len,
                       struct pull_statement *out);
/// Key set 1 of another fleet: the same roots, other keys.
void pull_sign_key_set_of_others(struct pull_statement *out);
/// A freshness record of @p time that names @p key_set as newest.
void pull_sign_freshness(uint64_t time, uint32_t key_set, struct pull_statement *out);

/// A device that runs release 1 in slot 0, confirmed, and a server that offers nothing.
struct pull_bench *pull_bench_new(void);
void pull_bench_free(struct pull_bench *b);
/// The server offers release @p version.
void pull_offer(struct pull_bench *b, unsigned version, uint64_t action);
/// Runs for @p seconds, through resets.
void pull_run_for(struct pull_bench *b, uint32_t seconds);
/// A reset: RAM is lost.
void pull_reset(struct pull_bench *b);
/// The version of the image in the slot that runs.
unsigned pull_version(const struct pull_bench *b);

/// pull_server.c: the device's HTTP client.
ss_status_t pull_exchange(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink);
void pull_note(struct pull_bench *b, const char *format, ...) SS_PRINTF(2, 3);

#endif
