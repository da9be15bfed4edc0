// SPDX-License-Identifier: Apache-2.0
// What a virtual ESP32 is like, beside the contents of its flash and eFuses.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "json.h"

static const struct cli_option options[] = {OPTION_JSON, OPTION_END};

enum { WORST = 4 };

/// The sectors that were erased most often, the worst first.
struct wear {
    unsigned used;          ///< sectors erased at least once
    uint32_t sector[WORST]; ///< numbers
    unsigned count;         ///< of `sector`
};

static struct wear measure(const struct ss_flash *flash)
{
    struct wear w = {0};
    for (uint32_t s = 0; s < flash->size / SS_FLASH_SECTOR; s++) {
        w.used += flash->wear[s] > 0;
        unsigned at = w.count;
        while (at > 0 && flash->wear[s] > flash->wear[w.sector[at - 1]])
            at--;
        if (at == WORST || flash->wear[s] == 0)
            continue;
        w.count += w.count < WORST;
        memmove(w.sector + at + 1, w.sector + at, (w.count - 1 - at) * sizeof w.sector[0]);
        w.sector[at] = s;
    }
    return w;
}

/// Changes from now on up to the cut that is planned; 0: none is.
static uint64_t changes_to_cut(const struct ss_power *power)
{
    return power->cut_at > power->operations ? power->cut_at - power->operations : 0;
}

/// As esptool's flash-id shows it: manufacturer, then device.
static const char *id_text(const struct ss_flash *flash, char out[7])
{
    snprintf(out, 7, "%02x%02x%02x", flash->jedec & 0xFF, flash->jedec >> 8 & 0xFF, flash->jedec >> 16 & 0xFF);
    return out;
}

static json_t *json_wear(const struct ss_flash *flash)
{
    struct wear w = measure(flash);
    json_t *worst = json_array();
    for (unsigned i = 0; i < w.count; i++)
        json_array_append_new(worst, json_pack("{s:i, s:i}", "address", (int)(w.sector[i] * SS_FLASH_SECTOR), "erased",
                                               (int)flash->wear[w.sector[i]]));
    return json_pack("{s:i, s:o}", "sectors_erased", (int)w.used, "most_erased", worst);
}

static json_t *json_faults(const struct ss_flash_faults *f)
{
    return json_pack("{s:o, s:o, s:o}", "stuck",
                     f->stuck ? json_pack("{s:i, s:i}", "address", (int)f->stuck_at, "bits", (int)f->stuck)
                              : json_null(),
                     "worn", f->worn ? json_integer((json_int_t)(f->worn - 1) * SS_FLASH_SECTOR) : json_null(), "flips",
                     f->flips ? json_integer(f->flips) : json_null());
}

static json_t *json_cut(const struct ss_power *power)
{
    uint64_t n = changes_to_cut(power);
    return n ? json_pack("{s:I, s:s}", "at", (json_int_t)n, "when", ss_cut_name(power->cut)) : json_null();
}

static int print_json(const struct ss_vchip *chip, unsigned revision)
{
    const struct ss_flash *flash = &chip->flash;
    char id[7];
    return json_print(json_pack("{s:i, s:i, s:s, s:[iii], s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "revision",
                                (int)revision, "flash_size", (int)flash->size, "flash_id", id_text(flash, id),
                                "flash_status", flash->status[0], flash->status[1], flash->status[2], "changes",
                                (json_int_t)chip->power.operations, "time_us", (json_int_t)chip->power.time_us, "reads",
                                (json_int_t)flash->reads, "programs", (json_int_t)flash->programs, "erases",
                                (json_int_t)flash->erases, "wear", json_wear(flash), "faults",
                                json_faults(&flash->faults), "cut", json_cut(&chip->power)),
                      CLI_OK);
}

static void print_faults(const struct ss_flash_faults *f)
{
    if (f->stuck)
        printf("fault         bits 0x%02x at 0x%x do not program\n", f->stuck, (unsigned)f->stuck_at);
    if (f->worn)
        printf("fault         the sector at 0x%x does not erase\n", (unsigned)((f->worn - 1) * SS_FLASH_SECTOR));
    if (f->flips)
        printf("fault         one bit in about %u bytes is read wrong\n", (unsigned)f->flips);
}

static int print_text(const struct ss_vchip *chip, unsigned revision)
{
    const struct ss_flash *flash = &chip->flash;
    struct wear w = measure(flash);
    char id[7];
    printf("revision      %u.%u\n", revision / 100, revision % 100);
    printf("flash         %u KiB, id %s, status registers %02x %02x %02x\n", (unsigned)flash->size / 1024,
           id_text(flash, id), flash->status[0], flash->status[1], flash->status[2]);
    printf("changes       %" PRIu64 " (%" PRIu64 " pages programmed, %" PRIu64 " sectors erased), %.3f s\n",
           chip->power.operations, flash->programs, flash->erases, (double)chip->power.time_us / 1e6);
    printf("reads         %" PRIu64 "\n", flash->reads);
    printf("wear          %u of %u sectors erased\n", w.used, (unsigned)(flash->size / SS_FLASH_SECTOR));
    for (unsigned i = 0; i < w.count; i++)
        printf("              0x%06x %u times\n", (unsigned)(w.sector[i] * SS_FLASH_SECTOR),
               (unsigned)flash->wear[w.sector[i]]);
    print_faults(&flash->faults);
    uint64_t n = changes_to_cut(&chip->power);
    if (n)
        printf("power cut     %s change %" PRIu64 " from now\n", ss_cut_name(chip->power.cut), n);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    if (ss_chip_open(args->operands[0], &chip, &err) != SS_OK)
        return cli_fail(&err);
    unsigned revision = ss_efuse_revision(chip->silicon, chip->apb_date_bit31);
    int result = args->options[OPT_JSON] ? print_json(chip, revision) : print_text(chip, revision);
    ss_chip_free(chip);
    return result;
}

const struct cli_command command_chip_info = {
    .path = "chip info",
    .summary = "show what a virtual ESP32 has been through",
    .description =
        "Revision; size, JEDEC id and status registers of the flash; how often flash and eFuses were changed "
        "and which sectors were erased most; faults and a power cut that are planned. All counted since the "
        "chip was made; it is kept in its folder in state.bin.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip info device1\n"
               "slotseal chip info device1 --json\n",
    .run = run,
};
