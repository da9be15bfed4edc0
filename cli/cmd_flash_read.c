// SPDX-License-Identifier: Apache-2.0
// A chip's flash into a file, and nothing into its flash.
#include <stdlib.h>

#include "commands.h"
#include "core/crypto.h"
#include "file.h"
#include "port_option.h"

/// A range of flash as --address and --size give it; size 0 is up to the end.
struct range {
    uint64_t address, size;
};

static bool take_range(const struct cli_args *args, const struct cli_option *options, struct range *range)
{
    return cli_option_number(args, options, OPT_ADDRESS, UINT32_MAX, 0, &range->address) &&
           cli_option_number(args, options, OPT_SIZE, UINT32_MAX, 0, &range->size);
}

/// Fills in the end of the flash.
static ss_status_t complete_range(struct port_session *s, struct range *range, struct ss_error *err)
{
    struct ss_link_flash flash;
    ss_status_t status = ss_link_flash_identify(s->link, &flash, err);
    if (status == SS_OK && range->address >= flash.size)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_LINK, "address 0x%llx: the flash ends at 0x%x",
                            (unsigned long long)range->address, (unsigned)flash.size);
    if (status == SS_OK && range->size == 0)
        range->size = flash.size - range->address;
    return status;
}

static ss_status_t read_to_file(struct port_session *s, struct range range, const char *path, struct ss_error *err)
{
    ss_status_t status = complete_range(s, &range, err);
    if (status != SS_OK)
        return status;
    uint8_t *bytes = malloc(range.size);
    if (!bytes)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
    status = ss_link_flash_read(s->link, (uint32_t)range.address, bytes, range.size, err);
    progress_end(&s->progress);
    if (status == SS_OK)
        status = file_write(path, OUTPUT_PLAINTEXT, bytes, range.size, NULL, err);
    ss_wipe(bytes, range.size);
    free(bytes);
    return status;
}

static const struct cli_option read_options[] = {
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_ADDRESS, "address", 'a', false, "N", "flash address to begin at (0)", NULL, COMPLETE_NOTHING},
    {OPT_SIZE, "size", 's', false, "N", "bytes to read (up to the end)", NULL, COMPLETE_NOTHING},
    OPTION_OUTPUT,
    OPTION_END,
};

static int run_read(const struct cli_args *args)
{
    struct port_session s = {0};
    struct ss_error err = {0};
    struct range range;
    if (!take_range(args, read_options, &range))
        return CLI_USAGE;
    int code = port_check(args);
    if (code != CLI_OK)
        return code;
    ss_status_t status = port_connect(args, &s, &err);
    if (status == SS_OK)
        status = read_to_file(&s, range, args->options[OPT_OUTPUT], &err);
    return port_end(args, &s, status, &err);
}

const struct cli_command command_flash_read = {
    .path = "flash read",
    .summary = "read a chip's flash into a file",
    .description =
        "Reads flash as it is, not decrypted, and compares it with the MD5 that the chip calculates. The ROM gives 64 "
        "bytes a command, about 15 KiB a second; regions that are erased are not read.",
    .options = read_options,
    .example = "slotseal flash read --port /dev/ttyUSB0 -a 0x8000 -s 0x1000 -o table.bin\n",
    .run = run_read,
};

static const struct cli_option erase_options[] = {
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_ADDRESS, "address", 'a', false, "N", "flash address to begin at, a multiple of 4096", NULL, COMPLETE_NOTHING},
    {OPT_SIZE, "size", 's', false, "N", "bytes to erase, a multiple of 4096", NULL, COMPLETE_NOTHING},
    {OPT_ALL, "all", 0, false, NULL, "erase the whole flash", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

static int run_erase(const struct cli_args *args)
{
    struct port_session s = {0};
    struct ss_error err = {0};
    struct range range;
    bool all = args->options[OPT_ALL], some = args->options[OPT_ADDRESS] && args->options[OPT_SIZE];
    if (all == some || (all && (args->options[OPT_ADDRESS] || args->options[OPT_SIZE])))
        return cli_usage("slotseal help flash erase", "give --address and --size, or --all");
    if (!take_range(args, erase_options, &range))
        return CLI_USAGE;
    if (some && range.size == 0)
        return cli_usage(NULL, "--size 0 erases nothing");
    int code = port_check(args);
    if (code != CLI_OK)
        return code;
    ss_status_t status = port_connect(args, &s, &err);
    if (status == SS_OK)
        status = complete_range(&s, &range, &err);
    if (status == SS_OK)
        status = ss_link_flash_erase(s.link, (uint32_t)range.address, range.size, &err);
    return port_end(args, &s, status, &err);
}

const struct cli_command command_flash_erase = {
    .path = "flash erase",
    .summary = "erase a chip's flash, or a part of it",
    .description = "Erases by the ROM's own command, 64 KiB at a time, and checks by MD5 that it is erased.",
    .options = erase_options,
    .example = "slotseal flash erase --port /dev/ttyUSB0 --address 0xd000 --size 0x2000\n",
    .run = run_erase,
};
