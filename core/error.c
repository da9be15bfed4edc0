// SPDX-License-Identifier: Apache-2.0
#include "slotseal/error.h"

#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    "ok",
    "generic error",
    "invalid argument",
    "buffer too small",
    "not supported",
    "invalid data",
    "corrupt data",
    "invalid signature",
    "not permitted",
    "does not exist",
    "already exists",
    "insufficient memory",
    "insufficient space",
    "input/output error",
    "bad state",
    "timeout",
};

const char *ss_status_name(ss_status_t status)
{
    int index = -(int)status;
    if (index < 0 || index >= (int)(sizeof status_names / sizeof *status_names))
        return "unknown status";
    return status_names[index];
}

ss_status_t ss_error_set(struct ss_error *err, ss_status_t status, enum ss_area area, const char *format, ...)
{
    if (!err)
        return status;
    err->status = status;
    err->area = area;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

ss_status_t ss_error_prefix(struct ss_error *err, ss_status_t status, const char *format, ...)
{
    if (!err)
        return status;
    char lower[SS_ERROR_MESSAGE_SIZE];
    memcpy(lower, err->message, sizeof lower);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    // Too long is cut; looking at the result tells the compiler that this is meant.
    if (n >= 0 && (size_t)n < sizeof err->message &&
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", lower) < 0)
        err->message[n] = 0;
    return err->status;
}
