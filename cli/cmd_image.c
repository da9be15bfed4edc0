// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "image_pins.h"
#include "image_report.h"
#include "slotseal/content.h"
#include "slotseal/image_build.h"
#include "table_file.h"

static const struct cli_option info_options[] = {
    OPTION_JSON,
    {OPT_ADDRESS, "address", 'a', false, "N", "flash address it is to run from, for the mapping check (0x10000)", NULL,
     COMPLETE_NOTHING},
    {OPT_CHIP, "chip", 0, false, "CHIP", "also check that the image is for this chip", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

static int info(const struct cli_args *args, const struct ss_image_context *context, struct input *in)
{
    struct ss_error err = {0};
    struct ss_image image;

    if (file_read(args->operands[0], FILE_LIMIT, in, &err) != SS_OK)
        return cli_fail(&err);
    enum ss_content content = ss_content_classify(in->data, in->len);
    if (content != SS_CONTENT_IMAGE && content != SS_CONTENT_IMAGE_V1 && content != SS_CONTENT_IMAGE_V2) {
        cli_error("%s: not an image, but %s", in->name, ss_content_name(content));
        return CLI_FAILED;
    }
    if (ss_image_describe(in->data, in->len, context, &image, &err) != SS_OK)
        return cli_fail(&err);
    int status = ss_image_first_fatal(&image) ? CLI_REFUSED : CLI_OK;
    if (args->options[OPT_JSON])
        return json_print(image_json(&image, image_pins_json(in)), status);
    image_print(&image);
    image_pins_print(in);
    return status;
}

static int run_info(const struct cli_args *args)
{
    struct ss_image_context context = SS_IMAGE_CONTEXT_DEFAULT;
    struct input in = {0};
    uint64_t address;

    if (!cli_option_number(args, info_options, OPT_ADDRESS, 0xFFFFFFF, context.flash_address, &address))
        return CLI_USAGE;
    context.flash_address = (uint32_t)address;
    if (args->options[OPT_CHIP]) {
        const struct ss_chip *chip = cli_chip(args);
        if (!chip)
            return CLI_USAGE;
        context.chip_id = chip->image_id;
    }
    int status = info(args, &context, &in);
    file_free(&in);
    return status;
}

const struct cli_command command_image_info = {
    .path = "image info",
    .summary = "describe an image, and say why it would not boot",
    .description =
        "Prints header, segments, checksum, hash, descriptors, signature (verify checks it) and key set, and every "
        "finding in the words that the bootloader would use. Exit status 3 means that the image would not "
        "boot.",
    .operands = "FILE",
    .options = info_options,
    .example = "slotseal image info app.bin\n",
    .run = run_info,
};

static const struct cli_option build_options[] = {
    {OPT_ELF, "elf", 0, true, "FILE", "the linked program", NULL, COMPLETE_FILE},
    OPTION_OUTPUT,
    {OPT_CHIP, "chip", 0, false, "CHIP", "the chip (esp32, the only one so far)", NULL, COMPLETE_NOTHING},
    {OPT_FLASH_SIZE, "flash-size", 0, false, "SIZE", "flash size for the header (1MB)", "1MB 2MB 4MB 8MB 16MB",
     COMPLETE_CHOICE},
    {OPT_FLASH_MODE, "flash-mode", 0, false, "MODE", "flash mode for the header (qio)", "qio qout dio dout",
     COMPLETE_CHOICE},
    {OPT_FLASH_FREQ, "flash-freq", 0, false, "FREQ", "flash clock for the header (40m)", "80m 40m 26m 20m",
     COMPLETE_CHOICE},
    {OPT_SECURE_PAD, "secure-pad", 0, false, "VERSION", "pad so that a signature fills the last 64 KiB page", "v1 v2",
     COMPLETE_CHOICE},
    OPTION_END,
};

static int header_options(const struct cli_args *args, struct ss_image_build_options *out)
{
    static const unsigned mhz[] = {80, 40, 26, 20};
    const struct ss_chip *chip = cli_chip(args);
    if (!chip)
        return CLI_USAGE;

    out->chip_id = chip->image_id;
    out->spi_size = (uint8_t)cli_option_choice(args, build_options, OPT_FLASH_SIZE, 0);
    out->spi_mode = (uint8_t)cli_option_choice(args, build_options, OPT_FLASH_MODE, 0);
    if (args->options[OPT_SECURE_PAD])
        out->secure_pad =
            cli_option_choice(args, build_options, OPT_SECURE_PAD, 0) ? SS_SECURE_PAD_V2 : SS_SECURE_PAD_V1;
    unsigned clock = mhz[cli_option_choice(args, build_options, OPT_FLASH_FREQ, 1)];
    if (ss_image_flash_mhz_code(chip->image_id, clock, &out->spi_speed) != SS_OK)
        return cli_usage(NULL, "%s has no flash clock of %u MHz", chip->title, clock);
    return CLI_OK;
}

static ss_status_t build(const struct cli_args *args, const struct ss_image_build_options *options, struct input *elf,
                         struct input *image, struct ss_error *err)
{
    size_t len = 0;
    ss_status_t status = file_read(args->options[OPT_ELF], FILE_LIMIT, elf, err);
    if (status != SS_OK)
        return status;
    status = ss_image_build(elf->data, elf->len, options, NULL, 0, &len, err);
    if (status != SS_ERROR_BUFFER_TOO_SMALL)
        return status == SS_OK ? SS_ERROR_GENERIC : ss_error_prefix(err, status, "%s", elf->name);
    status = file_pad(image, len, err);
    if (status == SS_OK)
        status = ss_image_build(elf->data, elf->len, options, image->data, image->len, &len, err);
    const struct input *inputs[] = {elf, NULL};
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, image->data, len, inputs, err);
    return status;
}

static int run_build(const struct cli_args *args)
{
    struct ss_image_build_options options = SS_IMAGE_BUILD_DEFAULT;
    struct input elf = {0}, image = {.name = "image"};
    struct ss_error err = {0};

    int status = header_options(args, &options);
    if (status == CLI_OK && build(args, &options, &elf, &image, &err) != SS_OK)
        status = cli_fail(&err);
    file_free(&elf);
    file_free(&image);
    return status;
}

const struct cli_command command_image_build = {
    .path = "image build",
    .summary = "make an image from an ELF file, as elf2image does",
    .description =
        "The bytes are those of esptool's elf2image with the same parameters. The result is plaintext and not "
        "signed.",
    .options = build_options,
    .example = "slotseal image build --elf app.elf --flash-size 4MB \\\n    --flash-mode dio -o app.bin\n",
    .run = run_build,
};
