// SPDX-License-Identifier: Apache-2.0
// Tells the server of a pull bench to answer some requests otherwise.
#ifndef SS_TESTS_PULL_FAULT_H
#define SS_TESTS_PULL_FAULT_H

#include <string.h>

#include "support/pull_bench.h"
#include "support/unit.h"

/// Spoils the answers to requests number `first` to `last` (from 1) for `path`; NULL: any path.
struct pull_fault {
    const char *path;
    unsigned first, last;
    void (*spoil)(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer);
    unsigned seen;
};

static inline void pull_fault_hook(struct pull_bench *b, unsigned n, const struct ss_http_request *request,
                                   const char *path, struct pull_answer *answer)
{
    struct pull_fault *f = b->hook_context;
    (void)n;
    if (f->path && strcmp(f->path, path) != 0)
        return;
    f->seen++;
    if (f->seen >= f->first && f->seen <= f->last)
        f->spoil(b, request, answer);
}

static inline void pull_spoil(struct pull_bench *b, struct pull_fault *fault)
{
    b->hook = pull_fault_hook;
    b->hook_context = fault;
}

/// Spoils: no answer comes.
static inline void pull_lose(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)b, (void)request;
    *answer = (struct pull_answer){.silent = true, .status = SS_ERROR_IO};
}

/// A device that is offered release 2.
static inline struct pull_bench *pull_offered(void)
{
    struct pull_bench *b = pull_bench_new();
    pull_offer(b, 2, PULL_ACTION);
    return b;
}

/// Fails unless it runs release 2, confirmed, and has told so.
static inline void pull_expect_updated(const struct pull_bench *b)
{
    assert_int_equal(pull_version(b), 2);
    assert_true(b->ended);
    assert_int_equal(b->stored.unreported, 0);
    assert_int_equal(b->stored.failures, 0);
    assert_int_equal(b->ota_state[b->running], SS_OTA_VALID);
}

/// Fails unless all exchanges and resets so far were these, and forgets them.
static inline void pull_expect(struct pull_bench *b, const char *lines)
{
    assert_string_equal(b->log, lines);
    b->log_len = 0;
    b->log[0] = 0;
}

#define PULL_CONFIG "PUT a configData\n"
#define PULL_POLL   "GET a .\n"
#define PULL_OFFER  "GET a deploymentBase/7\n"
#define PULL_ACCEPT "POST a deploymentBase/7/feedback proceeding none \"accepted\"\n"
#define PULL_TAKE   "GET a artifact\n"
#define PULL_HELD   "POST a deploymentBase/7/feedback downloaded none \"downloaded\"\n"
#define PULL_SWITCH "POST a deploymentBase/7/feedback downloaded none \"selected\"\n"
#define PULL_CLOSED "POST a deploymentBase/7/feedback closed success \"confirmed\"\n"
#define PULL_FAILED "POST a deploymentBase/7/feedback closed failure "

/// Until the first byte, and from the last one to the end of an update.
#define PULL_BEGIN  PULL_CONFIG PULL_POLL PULL_OFFER PULL_ACCEPT
#define PULL_FINISH PULL_POLL PULL_SWITCH "reset\n" PULL_CONFIG PULL_CLOSED PULL_POLL

#endif
