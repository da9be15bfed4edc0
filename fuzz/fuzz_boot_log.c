// SPDX-License-Identifier: Apache-2.0
// UART logs, and eFuse files: the first byte decides which.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/doctor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct ss_doctor_report *report)
{
    if (report->count > SS_DOCTOR_MAX_FINDINGS)
        abort();
    for (unsigned i = 0; i < report->count; i++) {
        const struct ss_doctor_finding *f = &report->findings[i];
        if (f->id <= SS_DOCTOR_NONE || f->id >= SS_DOCTOR_IDS || !ss_doctor_rule(f->id)->id || f->line == 0)
            abort();
        for (const char *p = f->seen; *p; p++)
            if ((unsigned char)*p < ' ')
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct ss_doctor_report report;
    struct ss_efuse window;
    struct ss_error err;
    if (len == 0)
        return 0;
    if (data[0] == 'e') {
        (void)!ss_doctor_read_efuses(data + 1, len - 1, &window, &err);
        return 0;
    }
    ss_doctor_read_log((const char *)data + 1, len - 1, &report);
    check(&report);
    return 0;
}
