// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 16

static _Atomic int log_format = SS_LOG_LOGFMT;
static _Atomic int log_level = SS_LOG_INFO;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void ss_log_setup(enum ss_log_format format, enum ss_log_level level)
{
    atomic_store(&log_format, (int)format);
    atomic_store(&log_level, (int)level);
}

static bool wanted(enum ss_log_level level)
{
    return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/// A line being made; what does not fit any more is dropped whole.
struct line {
    char *out;
    size_t size, len;
};

static bool put(struct line *line, const char *bytes, size_t len)
{
    if (len >= line->size - line->len)
        return false;
    memcpy(line->out + line->len, bytes, len);
    line->len += len;
    return true;
}

/// Valid in JSON strings and quoted logfmt values alike. Bytes above 0x7F that are no UTF-8 would not be: all are
/// escaped, byte by byte.
static bool put_escaped(struct line *line, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char code[8];
        int n = c == '"' || c == '\\'   ? snprintf(code, sizeof code, "\\%c", c)
                : c < 0x20 || c >= 0x7F ? snprintf(code, sizeof code, "\\u%04x", c)
                                        : snprintf(code, sizeof code, "%c", c);
        if (!put(line, code, (size_t)n))
            return false;
    }
    return true;
}

static bool bare(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7F || *p == '"' || *p == '=' || *p == '\\')
            return false;
    return *text != '\0';
}

static void put_pair(struct line *line, enum ss_log_format format, const char *key, const char *value)
{
    bool json = format == SS_LOG_JSON, quoted = json || !bare(value);
    size_t before = line->len;
    bool ok = (before == 0 || put(line, json ? "," : " ", 1)) && (!json || put(line, "\"", 1)) &&
              put(line, key, strlen(key)) && put(line, json ? "\":" : "=", json ? 2 : 1) &&
              (!quoted || put(line, "\"", 1)) && put_escaped(line, value) && (!quoted || put(line, "\"", 1));
    if (!ok)
        line->len = before;
}

size_t ss_log_format(char *out, size_t size, enum ss_log_format format, const char *time, enum ss_log_level level,
                     const char *message, const char *const *pairs, size_t count)
{
    bool json = format == SS_LOG_JSON;
    struct line line = {.out = out + json, .size = size - 3 - json}; // room for braces, the line's end and a terminator
    put_pair(&line, format, "time", time);
    put_pair(&line, format, "level", level_names[level]);
    put_pair(&line, format, "message", message);
    for (size_t i = 0; i + 1 < count; i += 2)
        if (pairs[i + 1])
            put_pair(&line, format, pairs[i], pairs[i + 1]);
    size_t len = line.len + json;
    if (json) {
        out[0] = '{';
        out[len++] = '}';
    }
    out[len++] = '\n';
    out[len] = '\0';
    return len;
}

static void now_text(char out[32])
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t len = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, 32 - len, ".%03ldZ", now.tv_nsec / 1000000 % 1000);
}

void ss_log(enum ss_log_level level, const char *message, ...)
{
    const char *pairs[2 * PAIRS_MAX];
    size_t count = 0;
    if (!wanted(level))
        return;
    va_list list;
    va_start(list, message);
    for (const char *key; count < 2 * PAIRS_MAX && (key = va_arg(list, const char *));) {
        pairs[count++] = key;
        pairs[count++] = va_arg(list, const char *);
    }
    va_end(list);
    char time[32], line[SS_LOG_LINE_MAX];
    now_text(time);
    size_t len = ss_log_format(line, sizeof line, (enum ss_log_format)atomic_load(&log_format), time, level, message,
                               pairs, count);
    // Nobody can be told that the log is full or gone.
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
