// SPDX-License-Identifier: Apache-2.0
// A doctor's report for people and for scripts.
#ifndef SS_CLI_DOCTOR_TEXT_H
#define SS_CLI_DOCTOR_TEXT_H

#include <jansson.h>

#include "provision/doctor.h"

/// Prints the findings: first what stops the boot, then risks, then what could not be checked.
void doctor_print(const struct ss_doctor_report *report);
/// The same as one object; NULL without memory.
json_t *doctor_json(const struct ss_doctor_report *report);

#endif
