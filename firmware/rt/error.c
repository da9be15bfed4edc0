// SPDX-License-Identifier: Apache-2.0
// core/error.c without words: a device has nobody to read them.
#include "slotseal/error.h"

ss_status_t ss_error_set(struct ss_error *err, ss_status_t status, enum ss_area area, const char *format, ...)
{
    (void)format;
    if (err)
        *err = (struct ss_error){.status = status, .area = area};
    return status;
}
