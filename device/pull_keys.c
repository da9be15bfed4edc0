// SPDX-License-Identifier: Apache-2.0
// What keeps a device in the fleet: key sets, one after the other up to the newest, the certificates that they name, and
// freshness records. All of it proves itself, so none of it needs a server that can be trusted.
#include "device/pull_parts.h"

#include <string.h>

// Keeps an answer whole, where the agent keeps nothing.
static bool keep(struct ss_pull *p, const uint8_t *bytes, size_t len)
{
    if (len > SS_PULL_ANSWER_MAX - p->received)
        return false;
    memcpy(p->agent->room.scratch + p->received, bytes, len);
    p->received += (uint32_t)len;
    return true;
}

static const struct ss_key_set *in_force(const struct ss_pull *p)
{
    return p->agent->identity->ring.current;
}

static void next_ca(struct ss_pull *p);

// -- Key sets ---------------------------------------------------------------------------------------------------------

void ss_pull_walk(struct ss_pull *p, bool any_server)
{
    p->any_server = any_server;
    p->gained = false;
    ss_pull_go(p, SS_JOB_KEY_SET);
}

// Without anything new, a server that could not be verified is still one.
static void end_walk(struct ss_pull *p)
{
    bool in_vain = p->any_server && !p->gained;
    p->any_server = false;
    p->done |= SS_DONE_KEYS;
    ss_pull_go(p, SS_JOB_HOME);
    if (in_vain)
        ss_pull_failed(p);
}

static void walk_failed(struct ss_pull *p)
{
    p->any_server = false;
    p->job = SS_JOB_HOME;
    ss_pull_failed(p);
}

static bool ask_key_set(struct ss_pull *p, struct ss_ask *ask)
{
    char room[96];
    struct ss_text path = ss_text_in(room, sizeof room);
    struct ss_span product = p->agent->identity->product;
    ss_text_add(&path, "/keyset/v1/");
    ss_text_bytes(&path, product.p, product.len);
    ss_text_add(&path, "/after/");
    ss_text_number(&path, in_force(p)->version);
    ask->request.accept = "application/cose";
    return ss_pull_ask_anyone(p, ask, &path);
}

static void take_key_set(struct ss_pull *p)
{
    if (ss_agent_key_set(p->agent, p->agent->room.scratch, p->received) != SS_OK) {
        walk_failed(p);
        return;
    }
    p->gained = true;
    p->told = 0; // its version is among the attributes
    p->failures = 0;
    p->server = 0;
    p->cas_missing = 0;
    if (in_force(p)->version < p->agent->key_set)
        end_walk(p); // it counts from the next start on
    else
        ss_pull_go(p, SS_JOB_KEY_SET);
}

static void key_set_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_YES)
        take_key_set(p);
    else if (answer == SS_ANSWER_GONE)
        next_ca(p);
    else
        walk_failed(p);
}

const struct ss_job ss_job_key_set = {.ask = ask_key_set, .body = keep, .done = key_set_done};

// -- Certificates -----------------------------------------------------------------------------------------------------

// The first certificate that is neither here nor known not to be had; the number of all if there is none.
static unsigned missing_ca(const struct ss_pull *p)
{
    const struct ss_key_set *set = in_force(p);
    unsigned i = 0;
    while (i < set->ca_count && (p->cas_missing >> i & 1 || p->port->has_ca(p->context, set->cas[i])))
        i++;
    return i;
}

bool ss_pull_lacks_ca(const struct ss_pull *p)
{
    return missing_ca(p) < in_force(p)->ca_count;
}

static void next_ca(struct ss_pull *p)
{
    if (ss_pull_lacks_ca(p))
        ss_pull_go(p, SS_JOB_CA);
    else
        end_walk(p);
}

static bool ask_ca(struct ss_pull *p, struct ss_ask *ask)
{
    char room[96];
    struct ss_text path = ss_text_in(room, sizeof room);
    ss_text_add(&path, "/ca/v1/");
    ss_text_hex(&path, in_force(p)->cas[missing_ca(p)], SS_STATEMENT_DIGEST_SIZE);
    ask->request.accept = "application/pkix-cert";
    return ss_pull_ask_anyone(p, ask, &path);
}

// False: it is another one, or cannot be kept.
static bool take_ca(struct ss_pull *p, const uint8_t *sha256)
{
    const uint8_t *der = p->agent->room.scratch;
    uint8_t digest[SS_STATEMENT_DIGEST_SIZE];
    return ss_hash_once(SS_HASH_SHA256, der, p->received, digest) == SS_OK &&
           memcmp(digest, sha256, sizeof digest) == 0 &&
           p->port->store_ca(p->context, sha256, der, p->received) == SS_OK;
}

static void ca_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_FAILED) {
        walk_failed(p);
        return;
    }
    unsigned i = missing_ca(p);
    bool taken = answer == SS_ANSWER_YES && take_ca(p, in_force(p)->cas[i]);
    p->gained = p->gained || taken;
    if (!taken)
        p->cas_missing |= (uint8_t)(1u << i);
    next_ca(p);
}

const struct ss_job ss_job_ca = {.ask = ask_ca, .body = keep, .done = ca_done};

// -- Freshness --------------------------------------------------------------------------------------------------------

static bool ask_freshness(struct ss_pull *p, struct ss_ask *ask)
{
    ask->request.accept = "application/cose";
    return ss_pull_ask_device(p, ask, "/freshness");
}

// One that is refused counts for nothing, so that the alarm comes in the end.
static void freshness_done(struct ss_pull *p, enum ss_answer answer)
{
    bool refused =
        answer == SS_ANSWER_YES && ss_agent_freshness(p->agent, p->agent->room.scratch, p->received) != SS_OK;
    ss_pull_go(p, SS_JOB_HOME);
    if (refused || answer == SS_ANSWER_FAILED)
        ss_pull_failed(p);
}

const struct ss_job ss_job_freshness = {.ask = ask_freshness, .body = keep, .done = freshness_done};
