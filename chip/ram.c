// SPDX-License-Identifier: Apache-2.0
#include "chip/ram.h"

#include <stdlib.h>
#include <string.h>

static struct ss_ram_page *find(const struct ss_ram *ram, uint32_t address)
{
    // What was used last is at the end, and is used again.
    for (size_t i = ram->count; i-- > 0;)
        if (ram->pages[i]->address == address)
            return ram->pages[i];
    return NULL;
}

static struct ss_ram_page *make(struct ss_ram *ram, uint32_t address)
{
    struct ss_ram_page *page = ram->count < SS_RAM_MAX_PAGES ? calloc(1, sizeof *page) : NULL;
    if (!page)
        return NULL;
    page->address = address;
    ram->pages[ram->count++] = page;
    return page;
}

static size_t part(uint32_t address, size_t len)
{
    size_t rest = SS_RAM_PAGE - address % SS_RAM_PAGE;
    return len < rest ? len : rest;
}

void ss_ram_read(const struct ss_ram *ram, uint32_t address, uint8_t *out, size_t len)
{
    while (len > 0) {
        size_t n = part(address, len);
        const struct ss_ram_page *page = find(ram, address & ~(SS_RAM_PAGE - 1));
        if (page)
            memcpy(out, page->bytes + address % SS_RAM_PAGE, n);
        else
            memset(out, 0, n);
        address += (uint32_t)n;
        out += n;
        len -= n;
    }
}

void ss_ram_write(struct ss_ram *ram, uint32_t address, const uint8_t *in, size_t len)
{
    while (len > 0) {
        size_t n = part(address, len);
        uint32_t start = address & ~(SS_RAM_PAGE - 1);
        struct ss_ram_page *page = find(ram, start);
        if (!page)
            page = make(ram, start);
        if (page)
            memcpy(page->bytes + address % SS_RAM_PAGE, in, n);
        address += (uint32_t)n;
        in += n;
        len -= n;
    }
}

void ss_ram_clear(struct ss_ram *ram)
{
    while (ram->count > 0)
        free(ram->pages[--ram->count]);
}
