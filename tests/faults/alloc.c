// SPDX-License-Identifier: Apache-2.0
// Memory that runs out in slotseal-faults, whenever a test says so: SLOTSEAL_ALLOC_FAULT names a file that both map. When
// the test writes N to its first number, the N-th allocation from then on fails, in whichever process and thread makes
// it. What counts is what our own code asks of the C library, for jansson too, what OpenSSL does, and libmicrohttpd of our
// answers. (The linker sends these calls here, see tests/CMakeLists.txt.) What of it is not given back is counted, too.
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

enum { FRAMES = 16 };

/// What test and server share.
static struct plan {
    atomic_uint countdown; ///< 1: the next allocation fails; 0: none
    atomic_uint failed;    ///< how many have
    uint32_t ours_alone;   ///< 1: OpenSSL gets all it wants
    uint32_t unused;
    _Atomic int64_t live;  ///< blocks
    uint64_t from[FRAMES]; ///< return addresses of the last one that failed, from the start of the program on
} * plan;

extern const char __executable_start[];

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
FILE *__real_open_memstream(char **p, size_t *len);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
FILE *__wrap_open_memstream(char **p, size_t *len);

static bool must_fail(void)
{
    unsigned left = plan ? atomic_load_explicit(&plan->countdown, memory_order_relaxed) : 0;
    while (left && !atomic_compare_exchange_weak(&plan->countdown, &left, left - 1))
        continue;
    if (left != 1)
        return false;
    void *frames[FRAMES] = {NULL};
    int count = backtrace(frames, FRAMES);
    for (int i = 0; i < count; i++)
        plan->from[i] = (uint64_t)((const char *)frames[i] - __executable_start);
    memset(plan->from + count, 0, (size_t)(FRAMES - count) * sizeof *plan->from);
    atomic_fetch_add(&plan->failed, 1);
    return true;
}

static void *count(void *block)
{
    if (plan && block)
        atomic_fetch_add_explicit(&plan->live, 1, memory_order_relaxed);
    return block;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (must_fail())
        return NULL;
    return p ? __real_realloc(p, size) : count(__real_malloc(size));
}

void __wrap_free(void *p)
{
    if (plan && p)
        atomic_fetch_sub_explicit(&plan->live, 1, memory_order_relaxed);
    __real_free(p);
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : count(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t len)
{
    return must_fail() ? NULL : count(__real_strndup(text, len));
}

FILE *__wrap_open_memstream(char **p, size_t *len)
{
    FILE *stream = must_fail() ? NULL : __real_open_memstream(p, len);
    count(stream); // its buffer, which is freed behind fclose()
    return stream;
}

#ifdef SS_FAULTS_HTTP
#include <microhttpd.h>

struct MHD_Response *__real_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__real_MHD_create_response_from_callback(uint64_t size, size_t block,
                                                              MHD_ContentReaderCallback read, void *context,
                                                              MHD_ContentReaderFreeCallback free);
enum MHD_Result __real_MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value);
struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__wrap_MHD_create_response_from_callback(uint64_t size, size_t block,
                                                              MHD_ContentReaderCallback read, void *context,
                                                              MHD_ContentReaderFreeCallback free);
enum MHD_Result __wrap_MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value);

struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
    // The library would free what we count.
    bool ours = mode == MHD_RESPMEM_MUST_FREE;
    struct MHD_Response *response =
        must_fail() ? NULL : __real_MHD_create_response_from_buffer(size, buffer, ours ? MHD_RESPMEM_MUST_COPY : mode);
    if (response && ours)
        __wrap_free(buffer);
    return response;
}

struct MHD_Response *__wrap_MHD_create_response_from_callback(uint64_t size, size_t block,
                                                              MHD_ContentReaderCallback read, void *context,
                                                              MHD_ContentReaderFreeCallback done)
{
    return must_fail() ? NULL : __real_MHD_create_response_from_callback(size, block, read, context, done);
}

enum MHD_Result __wrap_MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value)
{
    return must_fail() ? MHD_NO : __real_MHD_add_response_header(response, name, value);
}
#endif

/// OpenSSL keeps the last 16 errors of each thread, and what threads have: no leak.
static bool is_kept(const char *file)
{
    return file && (strstr(file, "/err/") || strstr(file, "/initthread.c"));
}

static bool openssl_must_fail(void)
{
    return plan && !plan->ours_alone && must_fail();
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)line;
    if (openssl_must_fail())
        return NULL;
    return is_kept(file) ? __real_malloc(size) : count(__real_malloc(size));
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
    return !p ? openssl_malloc(size, file, line) : openssl_must_fail() ? NULL : __real_realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)line;
    if (is_kept(file))
        __real_free(p);
    else
        __wrap_free(p);
}

// OpenSSL takes other functions only before its first allocation.
__attribute__((constructor)) static void install(void)
{
    const char *path = getenv("SLOTSEAL_ALLOC_FAULT");
    if (!path)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *shared = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED || !CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
        abort();
    close(fd);
    void *frame;
    backtrace(&frame, 1); // the first time it loads a library
    plan = shared;
}
