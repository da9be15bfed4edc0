// SPDX-License-Identifier: Apache-2.0
#include "flash_pieces.h"

#include <stdio.h>

#include "core/bytes.h"

int flash_pieces_parse(const struct cli_args *args, unsigned first, const char *command, struct flash_pieces *pieces)
{
    char help[64];
    unsigned rest = args->operand_count - first;
    snprintf(help, sizeof help, "slotseal help %s", command);
    if (rest % 2)
        return cli_usage(help, "%s has no file that goes there", args->operands[args->operand_count - 1]);
    pieces->count = rest / 2;
    for (unsigned i = 0; i < pieces->count; i++)
        if (!cli_number(args->operands[first + 2 * i], UINT32_MAX, &pieces->at[i].address))
            return cli_usage(NULL, "%s is no address", args->operands[first + 2 * i]);
    return CLI_OK;
}

ss_status_t flash_pieces_read(const struct cli_args *args, unsigned first, struct flash_pieces *pieces,
                              struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < pieces->count; i++)
        status = file_read(args->operands[first + 2 * i + 1], FILE_LIMIT, &pieces->at[i].in, err);
    return status;
}

ss_status_t flash_pieces_check(const struct flash_pieces *pieces, uint32_t size, struct ss_error *err)
{
    for (unsigned i = 0; i < pieces->count; i++) {
        const struct flash_piece *a = &pieces->at[i];
        if (!ss_range_ok(a->address, a->in.len, size))
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_CHIP,
                                "%zu bytes at 0x%llx do not fit: flash ends at 0x%x", a->in.len,
                                (unsigned long long)a->address, (unsigned)size);
        for (unsigned j = 0; j < i; j++) {
            const struct flash_piece *b = &pieces->at[j];
            if (a->address < b->address + b->in.len && b->address < a->address + a->in.len)
                return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CHIP,
                                    "%s at 0x%llx and %s at 0x%llx overlap", b->in.name, (unsigned long long)b->address,
                                    a->in.name, (unsigned long long)a->address);
        }
    }
    return SS_OK;
}

void flash_pieces_free(struct flash_pieces *pieces)
{
    for (unsigned i = 0; i < pieces->count; i++)
        file_free(&pieces->at[i].in);
}
