// SPDX-License-Identifier: Apache-2.0
// The doctor's account of a chip that a procedure leaves alone.
#include <stdlib.h>

#include "core/crypto.h"
#include "provision/engine_run.h"

/// Bytes of flash that are read for it: bootloader, table, otadata and the beginning of the first slot, at the speed of
/// the ROM's slow reading.
enum { LOOKED_AT = 0x11000 };

ss_status_t ss_provision_explain(struct ss_provision *run, struct ss_doctor_report *report, struct ss_error *err)
{
    const struct ss_provision_chip *chip = &run->work.chip;
    size_t len = LOOKED_AT < chip->flash_size ? LOOKED_AT : chip->flash_size;
    uint8_t *flash = malloc(len ? len : 1);
    if (!flash)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION,
                            "out of memory for a look at the flash");
    struct ss_doctor_input input = {.flash = flash,
                                    .flash_len = len,
                                    .efuse = &chip->efuses.window,
                                    .key = run->work.evidence.read_back[1] ? run->flash_key : NULL,
                                    .key_len = run->work.evidence.read_back[1] ? run->key_len : 0,
                                    .profile = &run->profile,
                                    .table_offset = run->profile.table_offset};
    ss_status_t status = ss_link_flash_read(run->work.link, 0, flash, len, err);
    if (status == SS_OK)
        status = ss_doctor_examine(&input, report, err);
    ss_wipe(flash, len);
    free(flash);
    return status;
}
