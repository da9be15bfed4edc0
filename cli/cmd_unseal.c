// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "seal_report.h"
#include "signing.h"
#include "slotseal/content.h"
#include "target.h"

/// Enough of the ciphertext to recognise what it is.
#define PROBE_SIZE 4096u

static const struct cli_option options[] = {
    OPTIONS_TARGET,
    {OPT_SIGN_KEY, "sign-key", 0, false, "KEY", "require a signature by this: file, pkcs11:URI, vault:NAME", NULL,
     COMPLETE_FILE},
    OPTION_SCHEME,
    OPTION_OUTPUT,
    OPTION_JSON,
    OPTION_END,
};

struct job {
    struct target target;
    struct input in, plain, sign_file;
    struct seal_summary summary;
};

/// True if the beginning of @p in unseals to something with structure under @p params.
static bool probe(const struct ss_seal_params *params, const struct input *in)
{
    uint8_t out[PROBE_SIZE];
    size_t len = in->len < PROBE_SIZE ? in->len / SS_SEAL_BLOCK * SS_SEAL_BLOCK : PROBE_SIZE;
    struct ss_seal_params guess = *params;

    guess.kind = SS_SEAL_DATA;
    guess.capacity = 0;
    if (ss_unseal(&guess, in->data, len, out, sizeof out, &len, NULL, NULL) != SS_OK)
        return false;
    enum ss_content content = ss_content_classify(out, len);
    return content == SS_CONTENT_IMAGE || content == SS_CONTENT_IMAGE_V1 || content == SS_CONTENT_IMAGE_V2 ||
           content == SS_CONTENT_PARTITION_TABLE;
}

static bool probe_config(const struct ss_seal_params *params, const struct input *in)
{
    struct ss_seal_params guess = *params;
    for (guess.crypt_config = 0; guess.crypt_config < 16; guess.crypt_config++)
        if (probe(&guess, in)) {
            cli_hint("it unseals with --crypt-config 0x%X", guess.crypt_config);
            return true;
        }
    return false;
}

/// After a refused result: was it sealed for another slot, with another configuration, or not at all?
static void print_hint(const struct target *target, const struct input *in)
{
    struct ss_seal_params guess = target->params;
    enum ss_content content = ss_content_classify(in->data, in->len);

    if (content != SS_CONTENT_NOISE && content != SS_CONTENT_OTHER) {
        cli_hint("the input is not sealed: %s", ss_content_name(content));
        return;
    }
    for (size_t i = 0; target->has_table && i < target->table.count; i++) {
        guess.address = target->table.rows[i].offset;
        if (guess.address != target->params.address && probe(&guess, in)) {
            cli_hint("it was sealed for %s at 0x%x: --slot %s", target->table.rows[i].label, guess.address,
                     target->table.rows[i].label);
            return;
        }
    }
    if (target->params.chip->scheme == SS_FLASH_SCHEME_ESP32 && probe_config(&target->params, in))
        return;
    cli_hint("check --flash-key and the slot; --data writes the result whatever it is");
}

static ss_status_t unseal(struct job *job, struct ss_error *err)
{
    struct ss_seal_params *params = &job->target.params;
    size_t len;

    job->summary.input_len = job->summary.sealed_len = job->in.len;
    ss_status_t status = file_pad(&job->plain, job->in.len, err);
    if (status == SS_OK && job->target.guess_kind) {
        params->kind = SS_SEAL_DATA;
        status = ss_unseal(params, job->in.data, job->in.len, job->plain.data, job->plain.len, &len, NULL, err);
        if (status != SS_OK)
            return status;
        params->kind = ss_seal_guess_kind(params->chip, params->address, job->plain.data, len);
        if (params->kind == SS_SEAL_DATA)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SEAL,
                                "result is nothing known: wrong flash key%s data",
                                params->chip->scheme == SS_FLASH_SCHEME_ESP32 ? ", address or FLASH_CRYPT_CONFIG, or"
                                                                              : " or address, or");
    }
    if (status == SS_OK)
        status = ss_unseal(params, job->in.data, job->in.len, job->plain.data, job->plain.len, &len,
                           &job->summary.report, err);
    return status;
}

static int verify(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    enum ss_sign_scheme scheme = SS_SIGN_ANY;

    if (signing_key_read(args->options[OPT_SIGN_KEY], &job->sign_file, &key, err) != SS_OK)
        return cli_fail(err);
    if (args->options[OPT_SCHEME])
        scheme = signing_scheme(args, key);
    ss_status_t status = ss_sign_verify(scheme, key, job->plain.data, job->plain.len, NULL, err);
    ss_signing_key_free(key);
    if (status == SS_OK)
        return CLI_OK;
    status = ss_error_prefix(err, status, "%s", job->in.name);
    (void)cli_fail(err);
    return signing_is_verdict(status) ? CLI_REFUSED : CLI_FAILED;
}

static bool is_refusal(ss_status_t status)
{
    return status == SS_ERROR_DATA_INVALID || status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_NOT_SUPPORTED;
}

static ss_status_t write_plain(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    const struct input *inputs[] = {&job->in, &job->target.key_file, &job->target.table_file, &job->sign_file, NULL};
    ss_status_t status = seal_digests(&job->summary, &job->plain, job->in.data, job->in.len, err);
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PLAINTEXT, job->plain.data, job->plain.len, inputs, err);
    return status;
}

static int work(const struct cli_args *args, struct job *job)
{
    struct ss_error err = {0};

    if (file_read(args->operands[0], FILE_LIMIT, &job->in, &err) != SS_OK)
        return cli_fail(&err);
    ss_status_t status = unseal(job, &err);
    if (status != SS_OK) {
        status = ss_error_prefix(&err, status, "%s", job->in.name);
        (void)cli_fail(&err);
        if (is_refusal(status))
            print_hint(&job->target, &job->in);
        return is_refusal(status) ? CLI_REFUSED : CLI_FAILED;
    }
    int verdict = args->options[OPT_SIGN_KEY] ? verify(args, job, &err) : CLI_OK;
    if (verdict != CLI_OK)
        return verdict;
    return write_plain(args, job, &err) == SS_OK ? CLI_OK : cli_fail(&err);
}

static int run(const struct cli_args *args)
{
    struct job job = {.target.purpose = SS_VAULT_FOR_UNSEAL};
    bool to_stdout = args->options[OPT_OUTPUT] && !strcmp(args->options[OPT_OUTPUT], "-");

    if (to_stdout && args->options[OPT_JSON])
        return cli_usage(NULL, "--json and the result cannot both go to standard output");
    if (args->options[OPT_SCHEME] && !args->options[OPT_SIGN_KEY])
        return cli_usage(NULL, "--scheme needs --sign-key");
    int status = target_resolve(args, options, &job.target);
    // A bootloader that was sealed for less flash is still what it is.
    job.target.params.flash_needed = 0;
    if (status == CLI_OK)
        status = work(args, &job);
    if (status == CLI_OK && args->options[OPT_JSON])
        status = json_print(seal_json(&job.target, &job.summary), CLI_OK);
    else if (status == CLI_OK && !to_stdout)
        seal_print(&job.target, &job.summary);
    file_free(&job.in);
    file_free(&job.plain);
    file_free(&job.sign_file);
    target_free(&job.target);
    return status;
}

const struct cli_command command_unseal = {
    .path = "unseal",
    .summary = "decrypt a sealed image, or what was read from a slot",
    .description =
        "The inverse of seal, with the same options. The result keeps its padding and is written with mode 0600.\n\n"
        "A wrong key, slot or configuration gives noise. What does not look like what the slot holds is refused with "
        "exit status 3 and not written; --data switches that check off.",
    .operands = "IN",
    .options = options,
    .example = "slotseal unseal app.ota_1.sealed --table partitions.csv --slot ota_1 \\\n"
               "    --flash-key flash.key -o app.bin\n",
    .run = run,
};
