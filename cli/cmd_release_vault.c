// SPDX-License-Identifier: Apache-2.0
// Releases in the vault.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "release_file.h"
#include "remote/remote.h"
#include "vault/release.h"
#include "vault_option.h"

static const struct cli_option add_options[] = {
    {OPT_RELEASE, "release", 'r', true, "FILE", "its release statement, from slotseal release sign", NULL,
     COMPLETE_FILE},
    OPTIONS_VAULT,
    OPTION_END,
};

struct add_job {
    struct release_file file;
    struct ss_vault_release release;
};

static ss_status_t fill(struct add_job *job, struct ss_error *err)
{
    const struct statement_file *statement = &job->file.statement;
    const struct ss_release *r = &statement->as.release;
    struct ss_vault_release *out = &job->release;
    if (r->product.len >= sizeof out->product || r->version.len >= sizeof out->version ||
        statement->in.len > sizeof out->statement)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_STATEMENT, "%s is too long for the vault",
                            statement->in.name);
    memcpy(out->product, r->product.p, r->product.len);
    memcpy(out->version, r->version.p, r->version.len);
    memcpy(out->digest, r->digest, sizeof out->digest);
    memcpy(out->statement, statement->in.data, statement->in.len);
    out->statement_len = statement->in.len;
    out->secure_version = r->secure_version;
    out->length = (uint32_t)job->file.image.len;
    return SS_OK;
}

/// Where each device has a signing key of its own, its image is not signed yet.
static void hint_personal(struct ss_vault *vault, const struct ss_vault_release *release)
{
    struct ss_vault_product product;
    if (ss_vault_product_get(vault, release->product, &product, NULL) == SS_OK && product.per_device_sign_keys)
        cli_hint("slotseal release personalize %s %s signs it for each device", release->product, release->version);
}

static int add(const struct cli_args *args, struct add_job *job)
{
    struct ss_vault *vault;
    struct ss_error err = {0};
    ss_status_t status = release_file_read(args->operands[0], args->options[OPT_RELEASE], &job->file, &err);
    if (status == SS_OK)
        status = fill(job, &err);
    if (status != SS_OK) {
        cli_fail(&err);
        return status == SS_ERROR_DATA_CORRUPT ? CLI_REFUSED : CLI_FAILED;
    }
    int result = vault_option_open(args, false, &vault);
    if (result == CLI_OK && ss_vault_release_add(vault, &job->release, job->file.image.data, &err) != SS_OK)
        result = vault_fail(&err);
    if (result == CLI_OK)
        hint_personal(vault, &job->release);
    ss_vault_close(vault);
    return result;
}

static int run_add(const struct cli_args *args)
{
    struct add_job job = {0};
    int result = add(args, &job);
    release_file_free(&job.file);
    return result;
}

const struct cli_command command_release_add = {
    .path = "release add",
    .summary = "keep a release in the vault",
    .description =
        "Stores the plaintext image, encrypted, with its release statement, which has to be that of this "
        "image. Product and version are the statement's; the product must be known. The signature is checked "
        "by whoever uses the release.",
    .operands = "IMAGE",
    .options = add_options,
    .example = "slotseal release add firmware.bin --release firmware.release \\\n"
               "    --vault sqlite:fleet.vault\n",
    .run = run_add,
};

static const struct cli_option list_options[] = {
    {OPT_PRODUCT, "product", 'p', false, "NAME", "only those of this product", NULL, COMPLETE_NOTHING},
    OPTIONS_VAULT,
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static ss_status_t list_one(void *context, const struct ss_vault_release *r, struct ss_error *err)
{
    (void)err;
    if (context)
        json_array_append_new(
            context, json_pack("{s:s, s:s, s:I, s:I, s:o, s:I}", "product", r->product, "version", r->version, "length",
                               (json_int_t)r->length, "secure_version", (json_int_t)r->secure_version, "digest",
                               json_hex(r->digest, sizeof r->digest), "created", (json_int_t)r->created));
    else
        printf("%-24s %-24s %9u bytes, secure version %u\n", r->product, r->version, (unsigned)r->length,
               (unsigned)r->secure_version);
    return SS_OK;
}

static int run_list(const struct cli_args *args)
{
    struct ss_vault *vault;
    struct ss_error err = {0};
    if (remote_wanted(args))
        return remote_release_list(args);
    int result = vault_option_open(args, false, &vault);
    if (result != CLI_OK)
        return result;
    json_t *array = args->options[OPT_JSON] ? json_array() : NULL;
    if (ss_vault_release_list(vault, args->options[OPT_PRODUCT], list_one, array, &err) != SS_OK) {
        json_decref(array);
        result = vault_fail(&err);
    } else if (array) {
        result = json_print(json_pack("{s:o}", "releases", array), CLI_OK);
    }
    ss_vault_close(vault);
    return result;
}

const struct cli_command command_release_list = {
    .path = "release list",
    .summary = "list the releases in the vault, or those of a server",
    .description = "One line a release: product, version, length, secure version; the oldest of a product first. With "
                   "--server, or "
                   "SLOTSEAL_SERVER and no --vault, those of the server: what can be assigned to devices is ready.",
    .options = list_options,
    .example = "slotseal release list --product lamp --vault sqlite:fleet.vault\n"
               "slotseal release list --server https://up.example.com \\\n"
               "    --token-file operator.token\n",
    .run = run_list,
};
