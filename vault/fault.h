// SPDX-License-Identifier: Apache-2.0
// Places where a test ends the process as a power cut would.
#ifndef SS_VAULT_FAULT_H
#define SS_VAULT_FAULT_H

/// Does nothing in the product. The program `slotseal-faults` is the same but for its own definition, which raises
/// SIGKILL the N-th time that the point named by SLOTSEAL_FAULT=NAME[=N] is reached. `./dev faults` lists the names.
void ss_fault_point(const char *name);

#endif
