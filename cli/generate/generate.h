// SPDX-License-Identifier: Apache-2.0
// Build-time writers that turn the command table into man pages and shell completions.
#ifndef SS_CLI_GENERATE_H
#define SS_CLI_GENERATE_H

#include <stdio.h>

#include "cli/cli.h"

/// slotseal(1): overview and list of commands, in mdoc. @p date as mdoc wants it: "November 1, 2026".
void man_overview(FILE *f, const char *date);
/// One page for @p command.
void man_command(FILE *f, const struct cli_command *command, const char *date);

void complete_bash(FILE *f);
void complete_zsh(FILE *f);
void complete_fish(FILE *f);

#endif
