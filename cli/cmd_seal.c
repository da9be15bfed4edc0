// SPDX-License-Identifier: Apache-2.0
// Sign the plaintext, pad with 0xFF, seal: in this order.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/hex.h"
#include "file.h"
#include "seal_report.h"
#include "signing.h"
#include "slotseal/content.h"
#include "target.h"
#include "vault/audit.h"

static const struct cli_option options[] = {
    OPTIONS_TARGET,
    {OPT_SIGN_KEY, "sign-key", 0, false, "KEY", "sign the plaintext first: PEM file, pkcs11:URI, vault:NAME", NULL,
     COMPLETE_FILE},
    OPTION_SCHEME,
    {OPT_FLASH_SIZE, "flash-size", 0, false, "SIZE", "bootloader: write this flash size into its header first",
     "1MB 2MB 4MB 8MB 16MB", COMPLETE_CHOICE},
    {OPT_PAD_TO, "pad-to", 0, false, "N", "pad with 0xFF to a multiple of N: 16 (default) to 4096", NULL,
     COMPLETE_NOTHING},
    {OPT_OUTPUT, "output", 'o', false, "FILE", "write the sealed image to FILE (- is standard output)", NULL,
     COMPLETE_FILE},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "check and report, write nothing", NULL, COMPLETE_NOTHING},
    OPTION_JSON,
    OPTION_END,
};

struct job {
    struct target target;
    struct input in, sign_file, out;
    struct seal_summary summary;
};

static int check_options(const struct cli_args *args, struct job *job)
{
    uint64_t unit;
    const char *output = args->options[OPT_OUTPUT];

    if (!output == !args->options[OPT_DRY_RUN])
        return cli_usage("slotseal help seal", "exactly one of --output and --dry-run is needed");
    if (output && !strcmp(output, "-") && args->options[OPT_JSON])
        return cli_usage(NULL, "--json and the sealed image cannot both go to standard output");
    if (args->options[OPT_SCHEME] && !args->options[OPT_SIGN_KEY])
        return cli_usage(NULL, "--scheme needs --sign-key");
    if (!cli_option_number(args, options, OPT_PAD_TO, SS_SEAL_MAX_PAD, SS_SEAL_BLOCK, &unit))
        return CLI_USAGE;
    if (unit < SS_SEAL_BLOCK || (unit & (unit - 1)))
        return cli_usage(NULL, "--pad-to %llu is not 16, 32, 64, ... 4096", (unsigned long long)unit);
    job->target.params.pad_unit = (uint32_t)unit;
    return CLI_OK;
}

static ss_status_t sign(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    enum ss_seal_kind kind = job->target.params.kind;

    if (kind == SS_SEAL_DATA || kind == SS_SEAL_OTADATA)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "%s is not signed: drop --sign-key",
                            ss_seal_kind_name(kind));
    ss_status_t status =
        signing_key_to_sign(args, args->options[OPT_SIGN_KEY], job->in.name, &job->sign_file, &key, err);
    if (status == SS_OK && kind == SS_SEAL_BOOTLOADER && signing_scheme(args, key) == SS_SIGN_V1)
        status = ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SEAL,
                              "secure boot V1 does not sign the bootloader, it compares a digest: drop --sign-key");
    if (status == SS_OK)
        status = signing_key_can_sign(key, args->options[OPT_SIGN_KEY], err);
    if (status == SS_OK)
        status = signing_sign(&job->in, key, signing_scheme(args, key), false, err);
    ss_signing_key_free(key);
    job->summary.signed_here = status == SS_OK;
    return status;
}

/// What a flashing tool would do while it writes: a sealed bootloader cannot be changed any more.
static ss_status_t set_flash_size(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    const struct ss_image_flash_params flash = {
        .spi_mode = -1, .spi_speed = -1, .spi_size = cli_option_choice(args, options, OPT_FLASH_SIZE, 0)};

    if (job->target.params.kind != SS_SEAL_BOOTLOADER)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL, "--flash-size is for the bootloader");
    return ss_image_set_flash_params(job->in.data, job->in.len, &flash, err);
}

/// Only for --address without --data: what the content does not tell, the user has to.
static ss_status_t refuse_unknown(const struct input *in, struct ss_error *err)
{
    const char *advice = ss_content_seal_advice(ss_content_classify(in->data, in->len));
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SEAL, "%s: %s", in->name,
                        advice ? advice : "not an image, table or otadata");
}

/// The vault's products say what a device refuses to boot.
static ss_status_t check_signature(const struct job *job, struct ss_error *err)
{
    if (job->target.secure_boot == SS_SECURE_BOOT_NONE || job->target.params.kind != SS_SEAL_APP ||
        job->summary.report.signature != SS_IMAGE_UNSIGNED)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SEAL,
                        "%s: %s has secure boot %s and would refuse this app, which is not signed", job->in.name,
                        job->target.device, ss_secure_boot_scheme_name(job->target.secure_boot));
}

static ss_status_t seal(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    struct ss_seal_params *params = &job->target.params;
    size_t sealed_len = 0;

    ss_status_t status = file_read(args->operands[0], FILE_LIMIT, &job->in, err);
    if (status != SS_OK)
        return status;
    if (job->target.guess_kind) {
        params->kind = ss_seal_guess_kind(params->chip, params->address, job->in.data, job->in.len);
        if (params->kind == SS_SEAL_DATA)
            return refuse_unknown(&job->in, err);
    }
    job->summary.input_len = job->in.len;
    if (args->options[OPT_FLASH_SIZE])
        status = set_flash_size(args, job, err);
    if (status == SS_OK && args->options[OPT_SIGN_KEY])
        status = sign(args, job, err);
    if (status == SS_OK)
        status = file_pad(&job->out, job->in.len + params->pad_unit, err);
    if (status == SS_OK)
        status = ss_seal(params, job->in.data, job->in.len, job->out.data, job->out.len, &sealed_len,
                         &job->summary.report, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "%s", job->in.name);
    status = check_signature(job, err);
    return status == SS_OK ? seal_digests(&job->summary, &job->in, job->out.data, sealed_len, err) : status;
}

/// What leaves this program for a device of the vault is in the audit log first.
static ss_status_t record(const struct job *job, struct ss_error *err)
{
    char plain[65], sealed[65], detail[256];
    if (!job->target.vault)
        return SS_OK;
    ss_put_hex(job->summary.plaintext_sha256, 32, plain);
    ss_put_hex(job->summary.sealed_sha256, 32, sealed);
    snprintf(detail, sizeof detail, "%s at 0x%x, plaintext %s, ciphertext %s",
             job->target.place[0] ? job->target.place : ss_seal_kind_name(job->target.params.kind),
             job->target.params.address, plain, sealed);
    return ss_vault_audit(job->target.vault, SS_AUDIT_SEAL, job->target.device, detail, err);
}

static ss_status_t write_sealed(const struct cli_args *args, const struct job *job, struct ss_error *err)
{
    const struct input *inputs[] = {&job->in, &job->target.key_file, &job->target.table_file, &job->sign_file, NULL};
    if (args->options[OPT_DRY_RUN])
        return SS_OK;
    ss_status_t status = record(job, err);
    if (status != SS_OK)
        return status;
    return file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, job->out.data, job->summary.sealed_len, inputs, err);
}

static void print_hint(const struct job *job, const struct ss_error *err)
{
    uint32_t size = ss_image_flash_size(job->summary.report.image.header.spi_size);

    if (job->target.guess_kind && job->target.params.kind == SS_SEAL_DATA && job->in.len)
        cli_hint("--data if this is to be sealed as it is");
    if (err->status == SS_ERROR_NOT_PERMITTED && *job->target.device)
        cli_hint("slotseal sign --device %s signs the plaintext with its key; seal that", job->target.device);
    else if (err->status == SS_ERROR_NOT_PERMITTED)
        cli_hint("slotseal seal --sign-key PEM takes the plaintext and does all in the right order");
    if (job->target.params.kind == SS_SEAL_BOOTLOADER && job->summary.report.image.complete &&
        size < job->target.params.flash_needed)
        cli_hint("--flash-size writes the size of the device's flash into the bootloader before it is sealed");
}

static int run_job(const struct cli_args *args, struct job *job)
{
    struct ss_error err = {0};

    int status = check_options(args, job);
    if (status == CLI_OK)
        status = target_resolve(args, options, &job->target);
    if (status != CLI_OK)
        return status;
    if (seal(args, job, &err) != SS_OK) {
        status = cli_fail(&err);
        print_hint(job, &err);
        return status;
    }
    seal_warnings(&job->target, &job->summary);
    if (write_sealed(args, job, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(seal_json(&job->target, &job->summary), CLI_OK);
    if (args->options[OPT_DRY_RUN] || strcmp(args->options[OPT_OUTPUT], "-"))
        seal_print(&job->target, &job->summary);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct job job = {.target.purpose = SS_VAULT_FOR_SEAL};
    int status = run_job(args, &job);
    file_free(&job.in);
    file_free(&job.out);
    file_free(&job.sign_file);
    target_free(&job.target);
    return status;
}

const struct cli_command command_seal = {
    .path = "seal",
    .summary = "encrypt an image for one device and one slot",
    .description =
        "Makes the ciphertext that the device with this flash key expects at this flash address: signs the plaintext "
        "if "
        "asked to, pads it with 0xFF, encrypts it. The result is written to flash as it is.\n\n"
        "Refuses what would not boot: an image that is too big with its signature, for another chip, damaged, sealed "
        "already or signed after sealing; an app address that is not a multiple of 64 KiB; a bootloader that reaches "
        "into the partition table, or whose header knows less flash than the table needs.\n\n"
        "With --device, key, table and chip come from the vault, and its audit log says what was sealed. A device that "
        "was "
        "revoked, lost, returned or replaced gets nothing any more.\n\n"
        "With --address the content says whether it is a bootloader, an app, a table or otadata.",
    .operands = "IN",
    .options = options,
    .example = "slotseal seal app.bin --table partitions.csv --slot ota_1 \\\n"
               "    --flash-key flash.key --sign-key signing.pem -o app.ota_1.sealed\n"
               "slotseal seal bootloader.bin --table partitions.csv \\\n"
               "    --region bootloader --flash-key flash.key -o bootloader.sealed\n"
               "slotseal seal app.bin --device 240ac412345e --slot ota_1 -o app.sealed\n",
    .run = run,
};
