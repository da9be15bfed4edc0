// SPDX-License-Identifier: Apache-2.0
// The whole procedure on a virtual chip with the real one's eFuses.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "provision/engine_run.h"
#include "provision/procedure_bits.h"
#include "provision/virtual_port.h"

enum { DIGEST_LEN = 256 }; ///< IV and digest at address 0, to the end of a page

/// A key block that nobody can read: the vault's words where the journal says so, else something that stands in for it.
/// Only the key that a chip made for one-time secure boot can be neither, and before ABS_DONE_0 its value decides
/// nothing: each boot makes the digest anew.
static ss_status_t fill_hidden(const struct ss_provision *run, unsigned block, struct ss_vchip *chip)
{
    uint32_t *to = &chip->silicon->words[ss_efuse_block_start(block)];
    if (!ss_efuse_block_read_protected(chip->silicon, block))
        return SS_OK;
    if (run->work.evidence.words[block]) {
        memcpy(to, run->work.evidence.words[block], 8 * sizeof *to);
        return SS_OK;
    }
    uint8_t stand_in[32];
    size_t len = run->options.coding == SS_EFUSE_CODING_34 ? 24 : 32;
    ss_status_t status = ss_random(stand_in, sizeof stand_in);
    return status == SS_OK ? ss_efuse_key_to_words(stand_in, len, run->options.coding, to, NULL) : status;
}

/// Once encryption is on, the parts that a running chip changes are not written again: they start as they once were.
static void lay_parts(const struct ss_provision *run, struct ss_vchip *chip)
{
    for (size_t i = 0; i < run->parts.count; i++) {
        const struct ss_part *part = &run->parts.parts[i];
        const uint8_t *content = part->sealed ? part->sealed : part->plain;
        if (content)
            memcpy(chip->flash.data + part->address, content, part->len);
    }
}

static ss_status_t clone_chip(const struct ss_provision *run, struct ss_vchip **chip, struct ss_error *err)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    const struct ss_provision_chip *real = &run->work.chip;
    options.flash_size = real->flash_size;
    options.revision = real->revision;
    ss_status_t status = ss_random((uint8_t *)&options.seed, sizeof options.seed);
    if (status == SS_OK)
        status = ss_chip_new(&options, chip, err);
    if (status != SS_OK)
        return status;
    *(*chip)->silicon = real->efuses.silicon;
    (*chip)->apb_date_bit31 = real->efuses.apb_date_bit31;
    for (unsigned block = 1; block < 3 && status == SS_OK; block++)
        status = fill_hidden(run, block, *chip);
    if (engine_encrypts(real))
        lay_parts(run, *chip);
    // Once secure boot V1 is on, the digest is the chip's own: a bootloader may have made it.
    if (status == SS_OK && (real->efuses.window.words[6] & ABS_DONE_0))
        status = ss_link_flash_read(run->work.link, 0, (*chip)->flash.data, DIGEST_LEN, err);
    if (status != SS_OK) {
        ss_chip_free(*chip);
        *chip = NULL;
    }
    return status;
}

static enum ss_boot_basis weakest(const struct ss_boot_result *boot)
{
    enum ss_boot_basis basis = SS_BASIS_OBSERVED;
    for (unsigned i = 0; i < boot->stage_count; i++)
        if (boot->stages[i].basis > basis)
            basis = boot->stages[i].basis;
    return basis;
}

/// The log has satisfied the engine; the model knows more than its log says.
static ss_status_t judge_boot(const struct ss_rehearsal *rehearsal, struct ss_error *err)
{
    if (rehearsal->boot.outcome == SS_OUTCOME_APP)
        return SS_OK;
    const struct ss_boot_stage *stage = ss_boot_first_failure(&rehearsal->boot);
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "rehearsal: no app was started: %s",
                        stage ? stage->reason : ss_boot_outcome_name(rehearsal->boot.outcome));
}

static ss_status_t rehearse_on(struct ss_provision *run, struct ss_vchip *chip, struct ss_rehearsal *rehearsal,
                               struct ss_error *err)
{
    struct engine_work *work = malloc(sizeof *work);
    struct ss_link_port *port = NULL;
    struct ss_link *link = NULL;
    if (!work)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory for a rehearsal");
    ss_status_t status = ss_virtual_port_new(chip, &run->profile, true, &port, err);
    if (status == SS_OK && (status = ss_link_new(port, &(struct ss_link_options){0}, &link, err)) != SS_OK)
        ss_link_port_close(port);
    if (status == SS_OK) {
        *work = run->work;
        work->store = NULL;
        work->observer = NULL;
        work->link = link;
        work->confirmed = true;
        status = engine_run(work, err);
        rehearsal->boot = *ss_virtual_port_boot(port);
        rehearsal->basis = weakest(&rehearsal->boot);
        ss_efuse_read_window(chip->silicon, &rehearsal->window, NULL);
    }
    ss_link_free(link);
    ss_wipe(work, sizeof *work);
    free(work);
    return status == SS_OK ? judge_boot(rehearsal, err) : ss_error_prefix(err, status, "rehearsal");
}

/// A bootloader whose digest rests on a key that the chip made can only be checked by that chip, and has been: secure
/// boot is armed by a boot that verified everything.
static bool has_booted(const struct ss_provision *run)
{
    return run->options.secure_boot == SS_SECURE_BOOT_V1_ONE_TIME &&
           (run->work.chip.efuses.window.words[6] & ABS_DONE_0);
}

ss_status_t ss_provision_rehearse(struct ss_provision *run, struct ss_rehearsal *rehearsal, struct ss_error *err)
{
    struct ss_vchip *chip;
    *rehearsal = (struct ss_rehearsal){.skipped = has_booted(run)};
    run->rehearsed = false;
    if (run->refused)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_PROVISION, "the chip is in a state that is left alone");
    if (rehearsal->skipped) {
        run->rehearsed = true;
        return SS_OK;
    }
    ss_status_t status = clone_chip(run, &chip, err);
    if (status != SS_OK)
        return status;
    status = rehearse_on(run, chip, rehearsal, err);
    ss_chip_free(chip);
    run->rehearsed = status == SS_OK;
    return status;
}
