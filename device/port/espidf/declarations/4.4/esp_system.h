// SPDX-License-Identifier: Apache-2.0
// Reset.
#pragma once

void esp_restart(void) __attribute__((noreturn));
