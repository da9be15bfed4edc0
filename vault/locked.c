// SPDX-License-Identifier: Apache-2.0
#include "vault/locked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"

static size_t whole_pages(size_t size)
{
    size_t pages = 0;
    return ss_round_up(size, (size_t)sysconf(_SC_PAGESIZE), &pages) ? pages : 0;
}

static atomic_bool unlocked;

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_MEMLOCK, &limit);
    }
}

void *ss_locked_new(size_t size)
{
    static pthread_once_t raised = PTHREAD_ONCE_INIT;
    pthread_once(&raised, raise_limit);
    size_t len = whole_pages(size);
    void *p = len ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (p == MAP_FAILED)
        return NULL;
    if (mlock(p, len) != 0)
        atomic_store(&unlocked, true);
    (void)madvise(p, len, MADV_DONTDUMP);
    return p;
}

bool ss_locked_all(void)
{
    return !atomic_load(&unlocked);
}

void ss_locked_free(void *p, size_t size)
{
    if (!p)
        return;
    ss_wipe(p, size);
    munmap(p, whole_pages(size)); // unlocks, too
}
