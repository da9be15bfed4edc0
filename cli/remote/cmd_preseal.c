// SPDX-License-Identifier: Apache-2.0
// Sealing ahead, on the user's own machine, for a server that has no key at all.
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/statement_file.h"
#include "cli/vault_option.h"
#include "server/preseal.h"
#include "server/presealed.h"

static const struct cli_option options[] = {
    {OPT_KEY, "delivery-key", 0, true, "KEY", "private delivery key: PEM file or pkcs11:URI", NULL, COMPLETE_FILE},
    {OPT_KEY_SET, "key-set", 0, true, "FILE", "the key set in force", NULL, COMPLETE_FILE},
    {OPT_EXPIRES, "expires", 0, true, "TIME", "the statements are valid until", NULL, COMPLETE_NOTHING},
    {OPT_AGAIN, "again", 0, false, NULL, "devices that had this release take it once more", NULL, COMPLETE_NOTHING},
    {OPT_OUTPUT, "output", 'o', true, "FOLDER", "write to this folder", NULL, COMPLETE_FILE},
    OPTION_VAULT,
    OPTION_VAULT_KEY_LONG,
    OPTION_JSON,
    OPTION_END,
};

struct job {
    struct statement_file key_set;
    struct ss_sealer_keys *keys;
    struct ss_preseal_report report;
};

static void show(void *context, size_t done, size_t devices)
{
    progress_show(context, SS_LINK_WRITING, done, devices);
}

static int print(const struct cli_args *args, const struct ss_preseal_report *r)
{
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "product", args->operands[0], "version",
                                    args->operands[1], "folder", args->options[OPT_OUTPUT], "devices",
                                    (json_int_t)r->devices, "gone", (json_int_t)r->gone, "deliveries",
                                    (json_int_t)r->deliveries, "bytes", (json_int_t)r->bytes),
                          CLI_OK);
    printf("%s: %zu deliveries for %zu devices, %.1f MiB\n", args->options[OPT_OUTPUT], r->deliveries,
           r->devices - r->gone, (double)r->bytes / 1048576);
    return CLI_OK;
}

static int preseal(const struct cli_args *args, const char *url, uint64_t expiry, struct job *job)
{
    struct progress progress = {0};
    struct ss_error err = {0};
    const struct ss_sealer_key_options key_options = {
        .key_set = args->options[OPT_KEY_SET], .delivery_key = args->options[OPT_KEY], .ask = ask_secret};
    ss_status_t status = statement_read_kind(args->options[OPT_KEY_SET], SS_STATEMENT_KEY_SET, &job->key_set, &err);
    if (status == SS_OK)
        status = ss_sealer_keys_load(&key_options, &job->keys, &err);
    const struct ss_preseal_options o = {
        .vault = url,
        .vault_options = vault_option_options(args),
        .keys = job->keys,
        .key_set = job->key_set.in.data,
        .key_set_len = job->key_set.in.len,
        .product = args->operands[0],
        .version = args->operands[1],
        .expiry = expiry,
        .again = args->options[OPT_AGAIN] != NULL,
        .folder = args->options[OPT_OUTPUT],
        .progress = show,
        .context = &progress,
    };
    if (status == SS_OK)
        status = ss_preseal(&o, &job->report, &err);
    progress_end(&progress);
    return status == SS_OK ? print(args, &job->report) : vault_fail(&err);
}

static int run(const struct cli_args *args)
{
    struct job job = {.keys = NULL};
    const char *url;
    uint64_t expiry;
    if (args->operand_count != 2)
        return cli_usage(NULL, "preseal takes a product and a version");
    if (!ss_vault_name_ok(args->operands[0]) || strlen(args->operands[1]) > SS_VERSION_MAX)
        return cli_usage("slotseal release list", "no release of the vault");
    if (!cli_option_time(args, options, OPT_EXPIRES, 0, &expiry))
        return CLI_USAGE;
    int result = vault_option_url(args, &url);
    if (result == CLI_OK)
        result = preseal(args, url, expiry, &job);
    ss_sealer_keys_free(job.keys);
    file_free(&job.key_set.in);
    return result;
}

const struct cli_command command_preseal = {
    .path = "preseal",
    .summary = "seal a release ahead, for a server without any key",
    .description =
        "For every device of the product and every slot that it may have to write: ciphertext and a delivery "
        "statement, "
        "into a folder that `slotseal serve` with [presealed] hands out. The server then has no vault and no sealer; "
        "it "
        "can neither read firmware nor seal anything. Devices are let in by the digests of their tokens.\n\n"
        "Nobody can take such a statement back before it expires: choose --expires accordingly, and run this again in "
        "time. What the folder has already is not written twice.",
    .operands = "PRODUCT VERSION",
    .options = options,
    .example = "slotseal preseal lamp 1.5.0 --vault sqlite:fleet.vault \\\n"
               "    --delivery-key delivery.pem --key-set fleet.keys --expires 2027-03-01 \\\n"
               "    -o presealed\n",
    .run = run,
};

// Loading by hand

static const struct cli_option load_options[] = {
    {OPT_STORE, "store", 0, true, "URL", "the server's: sqlite:PATH or postgresql://...", NULL, COMPLETE_NOTHING},
    {OPT_KEY_SET, "key-set", 0, true, "FILE", "the root-signed key set that is trusted, or a folder of them", NULL,
     COMPLETE_FILE},
    OPTION_JSON,
    OPTION_END,
};

static int run_load(const struct cli_args *args)
{
    struct ss_store *store;
    struct ss_presealed_report r;
    struct ss_error err = {0};
    struct ss_key_sets *sets;
    ss_status_t status = ss_key_sets_load(args->options[OPT_KEY_SET], &sets, &err);
    if (status == SS_OK)
        status = ss_store_open(args->options[OPT_STORE], true, NULL, &store, &err);
    if (status == SS_OK) {
        status = ss_presealed_trust(store, sets, NULL, &err);
        if (status == SS_OK)
            status = ss_presealed_load(store, args->operands[0], &r, &err);
        ss_store_close(store);
    }
    ss_key_sets_free(sets);
    if (status != SS_OK) {
        cli_fail(&err);
        return status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_INVALID_SIGNATURE ||
                       status == SS_ERROR_NOT_PERMITTED
                   ? CLI_REFUSED
                   : CLI_FAILED;
    }
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "products", (int)r.products, "devices",
                                    (int)r.devices, "releases", (int)r.releases, "deliveries", (int)r.deliveries,
                                    "taken", (int)r.taken, "expired", (int)r.expired),
                          CLI_OK);
    printf("%u devices, %u deliveries, %u of them new, %u expired\n", r.devices, r.deliveries, r.taken, r.expired);
    return CLI_OK;
}

const struct cli_command command_presealed_load = {
    .path = "presealed load",
    .summary = "check what was sealed ahead and give it to a server's store",
    .description =
        "The server does the same by itself with the folder in its configuration; this is for looking at what it "
        "would say. Exit status 3 for what is not what it claims to be.",
    .operands = "FOLDER",
    .options = load_options,
    .example = "slotseal presealed load presealed --store sqlite:server.db --key-set fleet.keys\n",
    .run = run_load,
};
