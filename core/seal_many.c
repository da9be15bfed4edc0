// SPDX-License-Identifier: Apache-2.0
#include "slotseal/seal_many.h"

#include <string.h>

#include "core/bytes.h"
#include "core/flash_range.h"
#include "core/kernels/sha256_kernels.h"
#include "core/kernels/wipe.h"

// Jobs in flight: as many as the widest kernel has lanes. What they touch in one step has to stay in the second-level
// cache between sealing and hashing.
#define SLOTS     SS_SHA256_MAX_LANES
#define STEP_SIZE 8192u

struct slot {
    const struct ss_seal_job *job; ///< NULL: nothing in flight
    size_t done;
    uint32_t plain[8], sealed[8]; ///< SHA-256 states over the first `done` bytes
};

static size_t left(const struct slot *s)
{
    return s->job->len - s->done;
}

static ss_status_t seal_part(const struct slot *s, size_t len, struct ss_error *err)
{
    const struct ss_seal_job *job = s->job;
    uint32_t address = job->address + (uint32_t)s->done;
    if (job->cipher)
        return ss_flash_cipher_seal(job->cipher, address, job->in + s->done, job->out + s->done, len, err);
    if (job->xts)
        return ss_flash_xts_seal(job->xts, address, job->in + s->done, job->out + s->done, len, err);
    return SS_OK;
}

/// Hashes the next @p len bytes, whole blocks, of all slots that want it: the plaintext or the ciphertext.
static void hash_parts(struct slot slots[SLOTS], size_t len, bool sealed)
{
    uint32_t(*states[SLOTS])[8];
    const uint8_t *in[SLOTS];
    unsigned count = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct ss_seal_job *job = slots[i].job;
        if (!job || !(sealed ? job->sealed_digest : job->plain_digest))
            continue;
        states[count] = sealed ? &slots[i].sealed : &slots[i].plain;
        in[count++] = (sealed ? job->out : job->in) + slots[i].done;
    }
    ss_sha256_compress_many(states, in, count, len / SS_SHA256_BLOCK);
}

/// Pads (FIPS 180-4 §5.1.1) the last bytes of a message of @p len bytes and writes its digest.
static void finish_hash(uint32_t (*state)[8], const uint8_t *rest, size_t len, uint8_t *digest)
{
    uint8_t padded[2 * SS_SHA256_BLOCK] = {0};
    size_t used = len % SS_SHA256_BLOCK;
    size_t blocks = used < SS_SHA256_BLOCK - 8 ? 1 : 2;
    uint64_t bits = (uint64_t)len * 8;
    if (used)
        memcpy(padded, rest, used);
    padded[used] = 0x80;
    ss_put_be32(padded + blocks * SS_SHA256_BLOCK - 8, (uint32_t)(bits >> 32));
    ss_put_be32(padded + blocks * SS_SHA256_BLOCK - 4, (uint32_t)bits);
    const uint8_t *in = padded;
    ss_sha256_compress_many(&state, &in, 1, blocks);
    for (unsigned i = 0; i < 8; i++)
        ss_put_be32(digest + 4 * i, (*state)[i]);
    ss_kernel_wipe(padded, sizeof padded);
}

/// Seals and hashes the last, incomplete block and empties the slot.
static ss_status_t finish(struct slot *s, struct ss_error *err)
{
    const struct ss_seal_job *job = s->job;
    if (job->plain_digest)
        finish_hash(&s->plain, job->in + s->done, job->len, job->plain_digest);
    ss_status_t status = seal_part(s, left(s), err);
    if (status == SS_OK && job->sealed_digest)
        finish_hash(&s->sealed, job->out + s->done, job->len, job->sealed_digest);
    s->job = NULL;
    return status;
}

static void start(struct slot *s, const struct ss_seal_job *job)
{
    s->job = job;
    s->done = 0;
    memcpy(s->plain, ss_sha256_initial, sizeof s->plain);
    memcpy(s->sealed, ss_sha256_initial, sizeof s->sealed);
}

/// The number of bytes that every job in flight still has as whole blocks, at most STEP_SIZE; 0 if none is in flight.
static size_t step_size(const struct slot slots[SLOTS])
{
    size_t len = STEP_SIZE;
    bool any = false;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!slots[i].job)
            continue;
        any = true;
        if (left(&slots[i]) < len)
            len = left(&slots[i]) - left(&slots[i]) % SS_SHA256_BLOCK;
    }
    return any ? len : 0;
}

/// Takes all slots one step further. The plaintext comes first: sealing may overwrite it.
static ss_status_t step(struct slot slots[SLOTS], size_t len, struct ss_error *err)
{
    hash_parts(slots, len, false);
    for (unsigned i = 0; i < SLOTS; i++) {
        ss_status_t status = slots[i].job ? seal_part(&slots[i], len, err) : SS_OK;
        if (status != SS_OK)
            return status;
    }
    hash_parts(slots, len, true);
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i].done += len;
    return SS_OK;
}

/// Refills empty slots until each holds a job with at least one whole block left, or none is waiting.
static ss_status_t refill(struct slot slots[SLOTS], const struct ss_seal_job **next, const struct ss_seal_job *end,
                          struct ss_error *err)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        while (slots[i].job ? left(&slots[i]) < SS_SHA256_BLOCK : *next < end) {
            ss_status_t status = SS_OK;
            if (slots[i].job)
                status = finish(&slots[i], err);
            else
                start(&slots[i], (*next)++);
            if (status != SS_OK)
                return status;
        }
    }
    return SS_OK;
}

static ss_status_t invalid(struct ss_error *err, const char *message)
{
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "%s", message);
}

/// What the ciphers would refuse half-way. An empty range goes through their own check of the key.
static ss_status_t check_range(const struct ss_seal_job *job, struct ss_error *err)
{
    ss_status_t status =
        ss_flash_range_check(job->address, job->in, job->out, job->len,
                             job->cipher ? SS_FLASH_CIPHER_SIZE : SS_FLASH_XTS_SIZE, SS_AREA_SEAL, err);
    if (status != SS_OK)
        return status;
    const struct slot none = {.job = job};
    return seal_part(&none, 0, err);
}

static ss_status_t check(const struct ss_seal_job *job, struct ss_error *err)
{
    if (job->cipher && job->xts)
        return invalid(err, "two ciphers given, at most one can be used");
    if (job->cipher || job->xts)
        return check_range(job, err);
    if (job->sealed_digest)
        return invalid(err, "a digest of the ciphertext needs a cipher");
    return SS_OK;
}

ss_status_t ss_seal_many(const struct ss_seal_job *jobs, size_t count, struct ss_error *err)
{
    for (size_t i = 0; i < count; i++) {
        ss_status_t status = check(&jobs[i], err);
        if (status != SS_OK)
            return ss_error_prefix(err, status, "job %zu", i);
    }
    struct slot slots[SLOTS] = {0};
    const struct ss_seal_job *next = jobs, *end = jobs + count;
    ss_status_t status = refill(slots, &next, end, err);
    for (size_t len; status == SS_OK && (len = step_size(slots)) > 0;) {
        status = step(slots, len, err);
        if (status == SS_OK)
            status = refill(slots, &next, end, err);
    }
    ss_kernel_wipe(slots, sizeof slots);
    return status;
}
