// SPDX-License-Identifier: Apache-2.0
#include "vault/locked.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"

static size_t whole_pages(size_t size)
{
    size_t pages = 0;
    return ss_round_up(size, (size_t)sysconf(_SC_PAGESIZE), &pages) ? pages : 0;
}

void *ss_locked_new(size_t size)
{
    size_t len = whole_pages(size);
    void *p = len ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (p == MAP_FAILED)
        return NULL;
    (void)!mlock(p, len);
    (void)madvise(p, len, MADV_DONTDUMP);
    return p;
}

void ss_locked_free(void *p, size_t size)
{
    if (!p)
        return;
    ss_wipe(p, size);
    munmap(p, whole_pages(size)); // unlocks, too
}
