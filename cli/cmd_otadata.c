// SPDX-License-Identifier: Apache-2.0
#include "slotseal/otadata.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "table_file.h"

/// What most tables have, when no table was given.
#define USUAL_SLOTS 2u

static const struct cli_option build_options[] = {
    {OPT_TABLE, "table", 0, true, "FILE", "partition table, CSV or binary", NULL, COMPLETE_FILE},
    {OPT_SELECT, "select", 0, true, "SLOT", "the app to boot: ota_0, ota_1, ... or factory", NULL, COMPLETE_NOTHING},
    {OPT_STATE, "state", 0, false, "STATE", "state of the record (valid)", "new pending-verify valid undefined",
     COMPLETE_CHOICE},
    OPTION_OUTPUT,
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_CHIP,
    OPTION_END,
};

/// The slot number, or SS_BOOT_FACTORY, of the partition called @p name.
static ss_status_t find_target(const struct ss_partition_table *table, const char *name, int *slot,
                               struct ss_error *err)
{
    const struct ss_partition *row = ss_table_find(table, name);
    if (!row)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_OTADATA, "the table has no partition %s", name);
    *slot = ss_partition_ota_slot(row);
    if (*slot >= 0)
        return SS_OK;
    if (row->type != SS_PARTITION_APP || row->subtype != SS_PARTITION_APP_FACTORY)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_OTADATA,
                            "%s is neither an OTA app slot nor the factory app", name);
    *slot = SS_BOOT_FACTORY;
    return SS_OK;
}

static ss_status_t build(const struct cli_args *args, const struct ss_table_options *options, struct input *in,
                         struct ss_error *err)
{
    struct ss_partition_table table;
    uint8_t otadata[SS_OTADATA_SIZE];
    uint32_t state = SS_OTA_VALID;
    int slot = 0;

    if (args->options[OPT_STATE])
        (void)ss_ota_state_from_name(args->options[OPT_STATE], &state); // the parser knows the names
    ss_status_t status = table_load(args->options[OPT_TABLE], options, in, &table, err);
    if (status == SS_OK)
        status = find_target(&table, args->options[OPT_SELECT], &slot, err);
    if (status == SS_OK)
        status = ss_otadata_build(slot, ss_table_ota_count(&table), state, otadata, err);
    const struct input *inputs[] = {in, NULL};
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, otadata, sizeof otadata, inputs, err);
    return status;
}

static int run_build(const struct cli_args *args)
{
    struct ss_table_options options;
    struct input in = {0};
    struct ss_error err = {0};

    int status = table_options(args, build_options, &options);
    if (status == CLI_OK && build(args, &options, &in, &err) != SS_OK)
        status = cli_fail(&err);
    file_free(&in);
    return status;
}

const struct cli_command command_otadata_build = {
    .path = "otadata build",
    .summary = "make the otadata partition that selects a slot",
    .description = "Writes 0x2000 bytes of plaintext. On a device with flash encryption they have to be sealed like an "
                   "app: erased flash there is not blank, it decrypts to noise.",
    .options = build_options,
    .example = "slotseal otadata build --table partitions.csv --select ota_0 -o otadata.bin\n"
               "slotseal seal otadata.bin --table partitions.csv --region otadata \\\n"
               "    --flash-key flash.key -o otadata.sealed\n",
    .run = run_build,
};

static const struct cli_option show_options[] = {
    OPTION_JSON,
    {OPT_TABLE, "table", 0, false, "FILE", "partition table, for the number of slots (2)", NULL, COMPLETE_FILE},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_CHIP,
    OPTION_END,
};

static const char *copy_verdict(const struct ss_otadata_record *copy)
{
    if (copy->seq == SS_OTADATA_ERASED_SEQ)
        return "erased";
    if (copy->crc != ss_otadata_crc(copy->seq))
        return "wrong CRC";
    return ss_otadata_record_is_valid(copy) ? "valid" : "ruled out by its state";
}

static const char *reason_text(enum ss_boot_reason reason)
{
    switch (reason) {
    case SS_BOOT_NO_OTADATA:
        return "the table has no otadata partition";
    case SS_BOOT_OTADATA_TOO_SMALL:
        return "otadata is smaller than two sectors: the chip resets for ever";
    case SS_BOOT_INITIAL_FACTORY:
    case SS_BOOT_INITIAL_OTA_0:
    case SS_BOOT_INITIAL_ANTI_ROLLBACK:
        return "nothing is selected yet";
    case SS_BOOT_ACTIVE:
        return "the active copy decides";
    case SS_BOOT_NOISE_FACTORY:
    case SS_BOOT_NOISE_TRY_ALL:
        return "no copy is usable, but they are not blank either: is this ciphertext?";
    }
    return "unknown";
}

/// What the bootloader finds is not what otadata ever is: damaged, or ciphertext.
static bool is_garbage(const struct ss_boot_choice *choice)
{
    return choice->reason == SS_BOOT_NOISE_FACTORY || choice->reason == SS_BOOT_NOISE_TRY_ALL;
}

static void slot_text(int slot, char out[16])
{
    if (slot >= 0)
        snprintf(out, 16, "ota_%d", slot);
    else
        snprintf(out, 16, "%s", slot == SS_BOOT_TEST ? "test" : "factory");
}

static json_t *json_record(const struct ss_otadata_record *copy)
{
    return json_pack("{s:I, s:s, s:I, s:I, s:b, s:s}", "sequence", (json_int_t)copy->seq, "state",
                     ss_ota_state_name(copy->state), "state_value", (json_int_t)copy->state, "crc",
                     (json_int_t)copy->crc, "crc_ok", copy->crc == ss_otadata_crc(copy->seq), "verdict",
                     copy_verdict(copy));
}

static int print_json(const struct ss_otadata *otadata, const struct ss_boot_choice *choice, unsigned slots,
                      bool assumed)
{
    char first[16] = "";
    if (choice->order_count)
        slot_text(choice->order[0], first);
    return json_print(json_pack("{s:[o,o], s:i, s:i, s:b, s:o, s:s}", "copies", json_record(&otadata->copies[0]),
                                json_record(&otadata->copies[1]), "active_copy", choice->active, "slots", (int)slots,
                                "slots_assumed", assumed, "boots", first[0] ? json_string(first) : json_null(),
                                "reason", reason_text(choice->reason)),
                      is_garbage(choice) ? CLI_REFUSED : CLI_OK);
}

static int print_text(const struct ss_otadata *otadata, const struct ss_boot_choice *choice, unsigned slots,
                      bool assumed)
{
    char name[16];

    for (unsigned i = 0; i < 2; i++) {
        const struct ss_otadata_record *copy = &otadata->copies[i];
        printf("copy %u: sequence 0x%08x  state %s  crc 0x%08x  %s%s\n", i, copy->seq, ss_ota_state_name(copy->state),
               copy->crc, copy_verdict(copy), choice->active == (int)i ? ", active" : "");
    }
    printf("boots:");
    for (size_t i = 0; i < choice->order_count; i++) {
        slot_text(choice->order[i], name);
        printf("%s %s", i ? ", else" : "", name);
    }
    printf("%s\n", choice->order_count ? "" : " nothing");
    printf("why: %s (%u slots%s)\n", reason_text(choice->reason), slots, assumed ? " assumed, give --table" : "");
    return is_garbage(choice) ? CLI_REFUSED : CLI_OK;
}

static int show(const struct cli_args *args, const struct ss_table_options *options, struct input *in,
                struct input *table_file, struct ss_error *err)
{
    struct ss_partition_table table;
    struct ss_otadata otadata;
    struct ss_boot_choice choice;
    struct ss_boot_context context = {.slots = USUAL_SLOTS, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE};
    bool assumed = !args->options[OPT_TABLE];

    if (!assumed) {
        if (table_load(args->options[OPT_TABLE], options, table_file, &table, err) != SS_OK)
            return cli_fail(err);
        ss_boot_context_from_table(&table, &context);
    }
    if (file_read(args->operands[0], FILE_LIMIT, in, err) != SS_OK ||
        ss_otadata_from_partition(in->data, in->len, &otadata, err) != SS_OK ||
        ss_otadata_boot_choice(&otadata, &context, &choice, err) != SS_OK)
        return cli_fail(err);
    return args->options[OPT_JSON] ? print_json(&otadata, &choice, context.slots, assumed)
                                   : print_text(&otadata, &choice, context.slots, assumed);
}

static int run_show(const struct cli_args *args)
{
    struct ss_table_options options;
    struct input in = {0}, table_file = {0};
    struct ss_error err = {0};

    int status = table_options(args, show_options, &options);
    if (status == CLI_OK)
        status = show(args, &options, &in, &table_file, &err);
    file_free(&in);
    file_free(&table_file);
    return status;
}

const struct cli_command command_otadata_show = {
    .path = "otadata show",
    .summary = "show otadata and what the bootloader makes of it",
    .description =
        "Reads plaintext otadata: unseal what was read from a device with flash encryption first. Exit status "
        "3 means that it is neither blank nor has a copy that the bootloader uses.",
    .operands = "FILE",
    .options = show_options,
    .example = "slotseal otadata show otadata.bin --table partitions.csv\n",
    .run = run_show,
};
