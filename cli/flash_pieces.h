// SPDX-License-Identifier: Apache-2.0
// "ADDR FILE [ADDR FILE]...": files and where they go in flash.
#ifndef SS_CLI_FLASH_PIECES_H
#define SS_CLI_FLASH_PIECES_H

#include "cli.h"
#include "file.h"

#define FLASH_PIECES_MAX (CLI_MAX_OPERANDS / 2)

/// A file and where it goes.
struct flash_piece {
    uint64_t address;
    struct input in;
};

/// Start with all zero; ends with flash_pieces_free().
struct flash_pieces {
    unsigned count;
    struct flash_piece at[FLASH_PIECES_MAX];
};

/// Takes addresses from the operands, the first pair at @p first. CLI_OK, or CLI_USAGE after a report that names
/// @p command for help.
int flash_pieces_parse(const struct cli_args *args, unsigned first, const char *command, struct flash_pieces *pieces);
/// Reads the files.
SS_MUST_USE ss_status_t flash_pieces_read(const struct cli_args *args, unsigned first, struct flash_pieces *pieces,
                                          struct ss_error *err);
/// That every piece lies in a flash of @p size bytes, and none on another. SS_ERROR_INSUFFICIENT_SPACE,
/// SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t flash_pieces_check(const struct flash_pieces *pieces, uint32_t size, struct ss_error *err);
void flash_pieces_free(struct flash_pieces *pieces);

#endif
