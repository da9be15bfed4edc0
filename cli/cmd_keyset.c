// SPDX-License-Identifier: Apache-2.0
// Key sets: signed by one root after the other, and looked at.
#include <string.h>

#include "commands.h"
#include "json.h"
#include "signing.h"
#include "statement_file.h"

static const struct cli_option sign_options[] = {
    {OPT_KEY, "key", 'k', true, "KEY", "private root key: PEM file, pkcs11:URI, vault:NAME", NULL, COMPLETE_FILE},
    {OPT_KEY_SET, "in-force", 0, false, "FILE", "the key set before it, whose root keys sign, too", NULL,
     COMPLETE_FILE},
    OPTION_OUTPUT,
    OPTION_END,
};

struct sign_job {
    struct statement_file file, old;
    struct input key_file;
    ss_signing_key_t *key;
};

static bool is_root(const struct statement_file *file, const uint8_t *key)
{
    const struct ss_role_keys *roots = &file->as.key_set.roles[SS_ROLE_ROOT];
    for (unsigned i = 0; i < roots->count; i++)
        if (memcmp(roots->keys[i], key, SS_STATEMENT_KEY_SIZE) == 0)
            return true;
    return false;
}

static ss_status_t sign(const struct cli_args *args, struct sign_job *job, struct ss_error *err)
{
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    char id[2 * SS_KEY_ID_SIZE + 1];
    uint8_t raw[SS_STATEMENT_KEY_SIZE];
    const struct input *inputs[] = {&job->file.in, &job->old.in, &job->key_file, NULL};
    ss_status_t status = statement_read_kind(args->operands[0], SS_STATEMENT_KEY_SET, &job->file, err);
    if (status == SS_OK && args->options[OPT_KEY_SET])
        status = statement_read_kind(args->options[OPT_KEY_SET], SS_STATEMENT_KEY_SET, &job->old, err);
    if (status == SS_OK)
        status = signing_key_to_sign(args, args->options[OPT_KEY], "key set", &job->key_file, &job->key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(job->key, raw, err);
    if (status == SS_OK)
        status = statement_key_id(raw, id, err);
    if (status != SS_OK)
        return status;
    if (!is_root(&job->file, raw) && !is_root(&job->old, raw))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_STATEMENT, "key %s is no root key of %s", id,
                            args->options[OPT_KEY_SET] ? "either key set" : job->file.in.name);
    status = ss_key_set_sign(job->file.in.data, job->file.in.len, job->key, out, sizeof out, &len, err);
    return status == SS_OK ? file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, out, len, inputs, err) : status;
}

static int run_sign(const struct cli_args *args)
{
    struct sign_job job = {0};
    struct ss_error err = {0};
    int status = CLI_OK;
    if (sign(args, &job, &err) != SS_OK) {
        status = cli_fail(&err);
        if (err.status == SS_ERROR_NOT_PERMITTED && job.file.statement.kind == SS_STATEMENT_KEY_SET &&
            !args->options[OPT_KEY_SET])
            cli_hint("--in-force FILE if it is a root key of the key set before this one");
    }
    ss_signing_key_free(job.key);
    file_free(&job.file.in);
    file_free(&job.old.in);
    file_free(&job.key_file);
    return status;
}

const struct cli_command command_keyset_sign = {
    .path = "keyset sign",
    .summary = "add a root key's signature to a key set",
    .description = "Each root signs where it is kept, and passes the file on; the order does not matter. To replace "
                   "root keys, those of the key set before sign as well: --in-force names that set.\n\n"
                   "Look at what you sign first: slotseal keyset show FILE.",
    .operands = "FILE",
    .options = sign_options,
    .example = "slotseal keyset sign fleet.keys --key root-a.pem -o fleet-1.keys\n",
    .run = run_sign,
};

static const struct cli_option show_options[] = {
    {OPT_KEY_SET, "in-force", 0, false, "FILE", "the key set that it is to follow", NULL, COMPLETE_FILE},
    OPTION_JSON,
    OPTION_END,
};

struct show_job {
    struct statement_file file, old;
    ss_status_t verdict;
    struct ss_refusal why;
};

static json_t *show_json(const struct show_job *job)
{
    json_t *object = statement_json(&job->file);
    json_t *verdict = json_pack("{s:b, s:o}", "valid", job->verdict == SS_OK, "reason",
                                job->verdict == SS_OK ? json_null() : json_string(ss_reason_name(job->why.reason)));
    if (object && (!verdict || json_object_update(object, verdict) != 0)) {
        json_decref(object);
        object = NULL;
    }
    json_decref(verdict);
    return object;
}

static int print_show(const struct cli_args *args, const struct show_job *job)
{
    int status = job->verdict == SS_OK ? CLI_OK : CLI_REFUSED;
    json_t *object = show_json(job);
    if (args->options[OPT_JSON])
        return json_print(object, status);
    statement_print(object);
    json_decref(object);
    if (status == CLI_REFUSED)
        cli_error("%s: not valid: it %s", job->file.in.name, ss_reason_text(job->why.reason));
    return status;
}

static int run_show(const struct cli_args *args)
{
    struct show_job job = {0};
    struct ss_error err = {0};
    int result;
    const char *old = args->options[OPT_KEY_SET];
    ss_status_t status = statement_read_kind(args->operands[0], SS_STATEMENT_KEY_SET, &job.file, &err);
    if (status == SS_OK && old)
        status = statement_read_kind(old, SS_STATEMENT_KEY_SET, &job.old, &err);
    if (status == SS_OK)
        job.verdict =
            old ? ss_key_set_check_next(&job.file.statement, &job.file.as.key_set, &job.old.as.key_set, &job.why)
                : ss_key_set_check_roots(&job.file.statement, &job.file.as.key_set, &job.why);
    if (status == SS_OK && job.verdict != SS_OK && job.why.reason == SS_REASON_NONE)
        status = ss_error_set(&err, job.verdict, SS_AREA_STATEMENT, "cannot verify: %s", ss_status_name(job.verdict));
    result = status == SS_OK ? print_show(args, &job) : cli_fail(&err);
    file_free(&job.file.in);
    file_free(&job.old.in);
    return result;
}

const struct cli_command command_keyset_show = {
    .path = "keyset show",
    .summary = "show a key set and who has signed it",
    .description = "Exit status 3 while too few root keys have signed it: of its own, and with --in-force also of "
                   "those of the key set that it is to follow.",
    .operands = "FILE",
    .options = show_options,
    .example = "slotseal keyset show fleet.keys\n"
               "slotseal keyset show fleet-2.keys --in-force fleet.keys\n",
    .run = run_show,
};
