// SPDX-License-Identifier: Apache-2.0
// The journal on flash that holds anything: the input is what lies there, or a list of what happens to it (see step()).
// Whatever that is, mounting ends, and what is stored afterwards is there.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "device/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define BASE 0x9000u
#define AREA (2 * SS_JOURNAL_SECTOR)

static uint8_t flash[AREA];
static unsigned left; ///< lines that are still written before the power goes; 0: it stays
static bool off;
static struct ss_journal journal;

/// What has to be there; `known` is false for what a damage may have taken.
static struct {
    uint8_t data[64];
    size_t len;
    bool known;
} model[SS_JOURNAL_IDS];

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint8_t *at(uint32_t address, size_t len)
{
    must(address >= BASE && ss_range_ok(address - BASE, len, AREA) && address % SS_JOURNAL_LINE == 0);
    return flash + (address - BASE);
}

static ss_status_t read_flash(void *context, uint32_t address, void *out, size_t len)
{
    (void)context;
    must(len % SS_JOURNAL_LINE == 0);
    memcpy(out, at(address, len), len);
    return SS_OK;
}

static ss_status_t write_flash(void *context, uint32_t address, const void *in, size_t len)
{
    (void)context;
    must(len % SS_JOURNAL_LINE == 0);
    uint8_t *p = at(address, len);
    for (size_t i = 0; i < len && !off; i += SS_JOURNAL_LINE) {
        must(ss_all_bytes(p + i, SS_JOURNAL_LINE, 0xFF));
        memcpy(p + i, (const uint8_t *)in + i, left == 1 ? SS_JOURNAL_LINE / 2 : SS_JOURNAL_LINE);
        off = left == 1;
        left -= left > 0;
    }
    return SS_OK;
}

static ss_status_t erase(void *context, uint32_t address)
{
    (void)context;
    must(address % SS_JOURNAL_SECTOR == 0);
    if (!off)
        memset(at(address, SS_JOURNAL_SECTOR), 0xFF, left == 1 ? SS_JOURNAL_SECTOR / 2 : SS_JOURNAL_SECTOR);
    off = off || left == 1;
    left -= left > 0;
    return SS_OK;
}

static const struct ss_journal_flash port = {read_flash, read_flash, write_flash, erase};

static void compare(void)
{
    uint8_t out[SS_JOURNAL_SECTOR];
    size_t len;
    for (unsigned id = 0; id < SS_JOURNAL_IDS; id++) {
        ss_status_t status = ss_journal_get(&journal, id, out, sizeof out, &len);
        must(len <= sizeof out);
        if (model[id].known && model[id].len == 0)
            must(status == SS_ERROR_DOES_NOT_EXIST);
        else if (model[id].known)
            must(status == SS_OK && len == model[id].len && memcmp(out, model[id].data, len) == 0);
    }
}

static void mount(void)
{
    off = false;
    left = 0;
    must(ss_journal_mount(&journal, &port, NULL, BASE, AREA) == SS_OK);
    compare();
}

static void put(unsigned id, size_t len, uint8_t seed)
{
    uint8_t data[64];
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(seed + i * 3);
    ss_status_t status = ss_journal_put(&journal, id, data, len);
    if (off) { // as it was, or as it was to become: nobody was told
        model[id].known = false;
        mount();
        return;
    }
    // What is there and not of this journal may fill it.
    must(status == SS_OK || status == SS_ERROR_INSUFFICIENT_SPACE);
    if (status != SS_OK)
        return;
    memcpy(model[id].data, data, len);
    model[id].len = len;
    model[id].known = true;
    compare();
}

static void damage(uint32_t offset, uint8_t value)
{
    flash[offset % AREA] = value;
    for (unsigned id = 0; id < SS_JOURNAL_IDS; id++)
        model[id].known = false;
    mount();
}

// Three bytes each.
static void step(const uint8_t *p)
{
    switch (p[0] & 7) {
    case 0:
    case 1:
    case 2:
        put(p[1] & 15, p[1] >> 4 << 2, p[2]);
        break;
    case 3:
        put(p[1] & 15, 0, 0);
        break;
    case 4:
        mount();
        break;
    case 5:
        left = 1 + p[1] % 16;
        break;
    case 6:
        damage((uint32_t)ss_get_le16(p + 1), p[0] >> 3);
        break;
    default:
        (void)!ss_journal_put_key_set(&journal, p, 1 + p[1] % 3);
        model[SS_JOURNAL_KEY_SET_A].known = model[SS_JOURNAL_KEY_SET_B].known = false;
        if (off)
            mount();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_agent_record record;
    memset(model, 0, sizeof model);
    memset(flash, 0xFF, sizeof flash);
    if (len && data[0] == 0xFE) { // flash as it is given
        memcpy(flash, data + 1, len - 1 < AREA ? len - 1 : AREA);
        mount();
        (void)!ss_journal_load(&journal, &record);
        compare();
        put(9, 20, 1);
        mount();
        return 0;
    }
    for (unsigned id = 0; id < SS_JOURNAL_IDS; id++)
        model[id].known = true;
    mount();
    for (size_t i = 0; i + 3 <= len && i < 3 * 400; i += 3)
        step(data + i);
    mount();
    return 0;
}
