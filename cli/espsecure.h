// SPDX-License-Identifier: Apache-2.0
// The drop-in for esptool's espsecure: reached as `slotseal espsecure …` and by the program names below.
#ifndef SS_CLI_ESPSECURE_H
#define SS_CLI_ESPSECURE_H

/// Runs espsecure's own command line. argv[0] is the name it was started by, as a path or not: `espsecure`,
/// `espsecure.py`, or "espsecure" when started as `slotseal espsecure`. Returns the exit code.
int espsecure_main(int argc, char **argv);

#endif
