// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/unit.h"

#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define MAX_LIVE 8192

// The linker sends our code's calls to __wrap_… (see tests/CMakeLists.txt).
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static bool armed;
static unsigned countdown;         // 1: the next allocation fails; 0: it has failed
static const void *live[MAX_LIVE]; // allocated while armed and not freed
static unsigned live_count;
static unsigned replaced; // blocks from before that OpenSSL has freed: it renews entries of its caches

static const void *secret;
static size_t secret_len;
static unsigned secrets_freed;

void alloc_watch_secret(const void *bytes, size_t len)
{
    assert_true(!bytes || len >= 8);
    secret = bytes;
    secret_len = len;
    secrets_freed = 0;
}

unsigned alloc_secrets_freed(void)
{
    return secrets_freed;
}

static void look_for_secret(void *p)
{
    if (secret && p && memmem(p, malloc_usable_size(p), secret, secret_len))
        secrets_freed++;
}

static bool must_fail(void)
{
    return armed && countdown && --countdown == 0;
}

static void *keep(void *p)
{
    if (armed && p) {
        assert_true(live_count < MAX_LIVE);
        live[live_count++] = p;
    }
    return p;
}

static bool forget(const void *p)
{
    for (unsigned i = live_count; p && i-- > 0;)
        if (live[i] == p) {
            live[i] = live[--live_count];
            return true;
        }
    return false;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : keep(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : keep(__real_calloc(count, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (must_fail())
        return NULL;
    look_for_secret(p); // it may move
    forget(p);
    return keep(__real_realloc(p, size));
}

void __wrap_free(void *p)
{
    look_for_secret(p);
    forget(p);
    __real_free(p);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return __wrap_malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return __wrap_realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    if (armed && p && !forget(p))
        replaced++;
    look_for_secret(p);
    __real_free(p);
}

// OpenSSL takes other functions only before its first allocation.
__attribute__((constructor)) static void install(void)
{
    if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
        abort();
}

static ss_status_t disturbed(ss_status_t (*run)(void *context), void *context, unsigned n, bool *reached)
{
    // Ends what OpenSSL keeps per thread: error texts and random generators would look like leaks.
    OPENSSL_thread_stop();
    live_count = replaced = 0;
    countdown = n;
    armed = true;
    ss_status_t status = run(context);
    *reached = countdown == 0;
    countdown = 0;
    OPENSSL_thread_stop();
    armed = false;
    return status;
}

static bool is_honest(ss_status_t status)
{
    return status == SS_ERROR_INSUFFICIENT_MEMORY || status == SS_ERROR_GENERIC;
}

/// Fails the n-th allocation; from @p all on every n is an eighth larger than the one before.
static unsigned fault(ss_status_t (*run)(void *context), void *context, unsigned all)
{
    assert_int_equal(run(context), SS_OK);
    unsigned failed = 0;
    bool reached = true;
    for (unsigned n = 1; reached; n += n < all ? 1 : n / 8 + 1) {
        ss_status_t status = disturbed(run, context, n, &reached);
        if (status != SS_OK && (!reached || !is_honest(status)))
            fail_msg("allocation %u of the run: %s", n, ss_status_name(status));
        // OpenSSL may have made something that it keeps; a leak leaks every time.
        if (live_count > replaced)
            disturbed(run, context, n, &reached);
        if (live_count > replaced)
            fail_msg("allocation %u of the run fails: %u blocks leaked", n, live_count - replaced);
        failed += status != SS_OK;
    }
    return failed;
}

unsigned alloc_fault_each(ss_status_t (*run)(void *context), void *context)
{
    return fault(run, context, UINT_MAX);
}

unsigned alloc_fault_some(ss_status_t (*run)(void *context), void *context)
{
    return fault(run, context, 32);
}
