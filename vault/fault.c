// SPDX-License-Identifier: Apache-2.0
// Alone in its file: a program with a definition of its own never takes this one out of the library.
#include "vault/fault.h"

void ss_fault_point(const char *name)
{
    (void)name;
}
