// SPDX-License-Identifier: Apache-2.0
// Plans: any text is either refused with a line, or rehearsed.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct ss_doctor_report report;
    struct ss_error err = {0};
    const struct ss_plan_options options = {0};
    ss_status_t status = ss_plan_rehearse((const char *)data, len, &options, &report, &err);
    if (report.count > SS_DOCTOR_MAX_FINDINGS || (status != SS_OK && (report.count || !*err.message)))
        abort();
    return 0;
}
