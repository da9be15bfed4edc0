// SPDX-License-Identifier: Apache-2.0
// From power-on to an end: cycles of mask ROM and second stage.
#include "chip/boot.h"

#include <stdlib.h>
#include <string.h>

#include "chip/boot_parts.h"

#define DEFAULT_MAX_RESETS 10
#define PROFILE_BYTES      0x10000u

/// What lies at 0x1000 tells what it was built to do, as far as it can be read.
static void guess_profile(struct ss_boot *b)
{
    bool readable = !ss_chip_encrypts(b->chip) || !(b->chip->unknown_blocks & 1u << 1);
    const uint8_t *image = readable ? ss_boot_map(b, SS_BOOTLOADER_ADDRESS, PROFILE_BYTES) : NULL;
    // A key that cannot be used is found again, and reported, where the mask ROM needs it.
    if (!image && b->status != SS_ERROR_INSUFFICIENT_MEMORY)
        b->status = SS_OK;
    ss_profile_guess(image ? image : (const uint8_t *)"", image ? PROFILE_BYTES : 0, &b->result->profile);
}

static enum ss_cycle_end run_cycle(struct ss_boot *b)
{
    ss_chip_reset(b->chip);
    ss_boot_forget_all(b);
    enum ss_cycle_end end = ss_boot_rom(b);
    return b->status == SS_OK ? end : SS_CYCLE_FAILED;
}

static enum ss_app_end run_app(struct ss_boot *b, const struct ss_chip_app *app)
{
    return app ? app->run(app->context, b->chip, b->result) : SS_APP_STAYS;
}

static uint64_t changes(const struct ss_vchip *chip)
{
    return chip->power.operations;
}

/// True if there is another cycle.
static bool goes_on(struct ss_boot *b, const struct ss_boot_options *options, enum ss_cycle_end end, uint64_t before)
{
    unsigned max = options && options->max_resets ? options->max_resets : DEFAULT_MAX_RESETS;
    bool by_app = end == SS_CYCLE_APP;
    if (by_app && run_app(b, options ? options->app : NULL) == SS_APP_STAYS)
        return false;
    if (!by_app && end != SS_CYCLE_RESET && end != SS_CYCLE_WATCHDOG)
        return false;
    b->result->resets++;
    // The next cycle would do what this one did; an app may have its reasons.
    b->result->loops = !by_app && changes(b->chip) == before;
    b->reset = end == SS_CYCLE_WATCHDOG ? SS_RESET_WATCHDOG : SS_RESET_SOFTWARE;
    b->cycle++;
    return !b->result->loops && b->result->resets < max;
}

static void judge(struct ss_boot *b, enum ss_cycle_end end)
{
    if (end == SS_CYCLE_UNKNOWN || (end == SS_CYCLE_APP && b->unchecked))
        b->result->outcome = SS_OUTCOME_UNKNOWN;
    else if (end == SS_CYCLE_APP)
        b->result->outcome = SS_OUTCOME_APP;
    else if (end == SS_CYCLE_DOWNLOAD)
        b->result->outcome = SS_OUTCOME_DOWNLOAD;
    // Else it is where the cycle had got to.
}

static void forget_app(struct ss_boot_result *r)
{
    r->slot = 0;
    r->address = r->length = 0;
    r->has_app = false;
    memset(r->project, 0, sizeof r->project);
    memset(r->version, 0, sizeof r->version);
}

static void run(struct ss_boot *b, const struct ss_boot_options *options)
{
    enum ss_cycle_end end;
    uint64_t before;
    do {
        before = changes(b->chip);
        b->unchecked = false;
        forget_app(b->result);
        b->result->outcome = SS_OUTCOME_ROM;
        end = run_cycle(b);
        judge(b, end);
    } while (b->status == SS_OK && goes_on(b, options, end, before));
}

ss_status_t ss_chip_boot(struct ss_vchip *chip, const struct ss_boot_profile *profile,
                         const struct ss_boot_options *options, ss_boot_line_fn line, void *context,
                         struct ss_boot_result *result, struct ss_error *err)
{
    jmp_buf off, *outer = chip->power.off;
    memset(result, 0, sizeof *result);
    // On the heap: what is in it when power fails is still there after the jump.
    struct ss_boot *volatile b = calloc(1, sizeof *b);
    if (!b)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a boot");
    *b = (struct ss_boot){
        .chip = chip, .result = result, .line = line, .context = context, .err = err, .profile = &result->profile};
    if (setjmp(off)) {
        result->outcome = SS_OUTCOME_POWER_LOST;
        forget_app(result);
        ss_chip_reset(chip);
    } else {
        chip->power.off = &off;
        if (profile)
            result->profile = *profile;
        else
            guess_profile(b);
        run(b, options);
    }
    chip->power.off = outer;
    ss_status_t status = b->status;
    ss_boot_end_view(b);
    free(b);
    return status;
}

static ss_status_t judge_app(const struct ss_boot *b, bool taken, struct ss_error *err)
{
    const struct ss_boot_stage *failure = ss_boot_first_failure(b->result);
    if (b->status != SS_OK || (taken && !failure))
        return b->status;
    if (!failure)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "no app image");
    bool signature =
        failure->rule == ss_boot_rule_at(SS_RULE_SIGNATURE) || failure->rule == ss_boot_rule_at(SS_RULE_SIGNATURE_V2);
    return ss_error_set(err, signature ? SS_ERROR_INVALID_SIGNATURE : SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s",
                        failure->reason);
}

ss_status_t ss_chip_app_check(struct ss_vchip *chip, const struct ss_boot_profile *profile, uint32_t address,
                              uint32_t size, struct ss_error *err)
{
    struct ss_boot *b = calloc(1, sizeof *b);
    struct ss_boot_result *result = calloc(1, sizeof *result);
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (!b || !result) {
        status = ss_error_set(err, status, SS_AREA_CHIP, "out of memory for an app");
    } else {
        struct ss_boot_image image;
        *b = (struct ss_boot){.chip = chip, .result = result, .err = err, .profile = profile};
        bool taken = ss_boot_image_check(b, address, size, false, &image);
        status = judge_app(b, taken, err);
        ss_boot_end_view(b);
    }
    free(b);
    free(result);
    return status;
}
