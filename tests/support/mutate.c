// SPDX-License-Identifier: Apache-2.0
#include "support/mutate.h"
#include "support/unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

#define LARGE 2048
#define BLOCK 32
/// Longest extension tried: a sector of flash.
#define EXTRA 4096

static struct {
    const uint8_t *seed;
    size_t len;
    mend_fn mend;
    mutant_fn run;
    unsigned runs;
    uint8_t *work; ///< len + EXTRA bytes
    char name[80];
} m;

const char *mutant_name(void)
{
    return m.name;
}

void mutant_status(const char *call, ss_status_t status, unsigned documented)
{
    if (status > 0 || -status > 31 || !(documented & ONE_OF(status)))
        fail_msg("%s: %s: undocumented status %d (%s)", m.name, call, (int)status, ss_status_name(status));
}

void mutant_check(int holds, const char *what)
{
    if (!holds)
        fail_msg("%s: %s does not hold", m.name, what);
}

void mutant_message(ss_status_t status, const struct ss_error *err, enum ss_area area)
{
    mutant_assert(err->status == status);
    mutant_assert(status == SS_OK || err->area == area);
    mutant_assert(status == SS_OK || (err->message[0] != 0 && memchr(err->message, 0, sizeof err->message)));
}

static void run_exact(size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    if (len > 0)
        memcpy(exact, m.work, len);
    m.run(exact, len);
    free(exact);
    m.runs++;
}

/// Tries what is in m.work, as it stands and mended.
static void SS_PRINTF(2, 3) try(size_t len, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int used = vsnprintf(m.name, sizeof m.name, format, args);
    va_end(args);
    run_exact(len);
    if (!m.mend)
        return;
    snprintf(m.name + used, sizeof m.name - (size_t)used, ", mended");
    m.mend(m.work, len);
    run_exact(len);
}

static void restore(void)
{
    if (m.len > 0)
        memcpy(m.work, m.seed, m.len);
}

static void change_byte(size_t at)
{
    static const uint8_t values[] = {0x00, 0x20, 0x2C, 0x7F, 0x80, 0xFF};
    for (unsigned bit = 0; bit<8; bit += m.len> LARGE ? 7 : 1) {
        restore();
        m.work[at] ^= (uint8_t)(1u << bit);
        try(m.len, "byte %zu: bit %u flipped", at, bit);
    }
    for (size_t i = 0; i < sizeof values && m.len <= LARGE; i++) {
        restore();
        m.work[at] = values[i];
        try(m.len, "byte %zu: set to 0x%02x", at, values[i]);
    }
}

static void change_number(size_t at)
{
    const uint32_t values[] = {
        0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 0xFFFF0000, (uint32_t)m.len, (uint32_t)(m.len - at)};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        restore();
        ss_put_le32(m.work + at, values[i]);
        try(m.len, "number at %zu: set to 0x%x", at, (unsigned)values[i]);
    }
}

static void lose_and_repeat(size_t at)
{
    restore();
    memmove(m.work + at, m.work + at + 1, m.len - at - 1);
    try(m.len - 1, "byte %zu: lost", at);
    restore();
    memmove(m.work + at + 1, m.work + at, m.len - at);
    try(m.len + 1, "byte %zu: repeated", at);
}

static void extend(void)
{
    static const size_t by[] = {1, 3, 12, 16, 32, 68, 4095, EXTRA};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        restore();
        memset(m.work + m.len, 0xFF, by[i]);
        try(m.len + by[i], "extended by %zu of 0xff", by[i]);
        restore();
        memset(m.work + m.len, 0, by[i]);
        try(m.len + by[i], "extended by %zu of 0x00", by[i]);
        restore();
        for (size_t n = 0; n < by[i]; n++)
            m.work[m.len + n] = m.seed[n % m.len];
        try(m.len + by[i], "extended by %zu of itself", by[i]);
    }
}

unsigned mutate(const uint8_t *seed, size_t len, mend_fn mend, mutant_fn run)
{
    assert_true(len > 0);
    m.seed = seed;
    m.len = len;
    m.mend = mend;
    m.run = run;
    m.runs = 0;
    m.work = malloc(len + EXTRA);
    assert_non_null(m.work);
    restore();
    try(len, "unchanged");
    for (size_t at = 0; at < len; at++) {
        size_t block = at / BLOCK * BLOCK, rest = len - block < BLOCK ? len - block : BLOCK;
        if (at > block && ss_all_bytes(seed + block, rest, seed[block]))
            continue;
        change_byte(at);
        if (at % 4 == 0 && len - at >= 4 && (len <= LARGE || at % BLOCK == 0))
            change_number(at);
        lose_and_repeat(at);
        restore();
        try(at, "cut to %zu", at);
    }
    extend();
    free(m.work);
    return m.runs;
}
