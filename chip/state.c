// SPDX-License-Identifier: Apache-2.0
#include "chip/state.h"

#include <stdlib.h>
#include <string.h>

#include "chip/chip.h"

struct ss_chip_state *ss_chip_state_new(void)
{
    struct ss_chip_state *s = calloc(1, sizeof *s);
    if (s)
        memcpy(s->magic, SS_CHIP_STATE_MAGIC, sizeof s->magic);
    return s;
}

void ss_chip_state_load(struct ss_vchip *chip)
{
    const struct ss_chip_state *s = chip->state;
    struct ss_power *power = &chip->power;
    struct ss_flash *flash = &chip->flash;
    power->operations = s->operations;
    power->time_us = s->time_us;
    power->seed = s->seed;
    power->cut_at = s->cut_at;
    power->cut = s->cut <= SS_CUT_AFTER ? (enum ss_cut)s->cut : SS_CUT_NONE;
    flash->reads = s->reads;
    flash->programs = s->programs;
    flash->erases = s->erases;
    flash->faults = s->faults;
    memcpy(flash->stored_status, s->status, sizeof flash->stored_status);
    ss_flash_power_on(flash);
}

void ss_chip_state_keep(struct ss_vchip *chip)
{
    struct ss_chip_state *s = chip->state;
    const struct ss_power *power = &chip->power;
    const struct ss_flash *flash = &chip->flash;
    s->operations = power->operations;
    s->time_us = power->time_us;
    s->seed = power->seed;
    s->cut_at = power->cut_at;
    s->cut = power->cut;
    s->reads = flash->reads;
    s->programs = flash->programs;
    s->erases = flash->erases;
    s->faults = flash->faults;
    memcpy(s->status, flash->stored_status, sizeof flash->stored_status);
}
