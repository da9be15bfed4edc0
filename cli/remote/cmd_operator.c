// SPDX-License-Identifier: Apache-2.0
// Operators, made where the server's store is: whoever can write that needs no token.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "core/crypto.h"
#include "server/store_content.h"

#define OPTION_STORE                                                                                                   \
    {                                                                                                                  \
        OPT_STORE, "store", 0, false, "URL", "the server's: sqlite:PATH or postgresql://... (SLOTSEAL_STORE)", NULL,   \
            COMPLETE_NOTHING                                                                                           \
    }

/// CLI_OK, or what to exit with after a report.
static int open_store(const struct cli_args *args, bool create, struct ss_store **store)
{
    struct ss_error err = {0};
    const char *url = args->options[OPT_STORE] ? args->options[OPT_STORE] : getenv("SLOTSEAL_STORE");
    *store = NULL;
    if (!url || !*url)
        return cli_usage("--store sqlite:PATH, as the server's configuration says, or set SLOTSEAL_STORE",
                         "which store?");
    return ss_store_open(url, create, NULL, store, &err) == SS_OK ? CLI_OK : cli_fail(&err);
}

static const struct cli_option add_options[] = {
    OPTION_STORE,
    {OPT_OUTPUT, "output", 'o', true, "FILE", "write the token to this new file, mode 0600", NULL, COMPLETE_FILE},
    OPTION_JSON,
    OPTION_END,
};

/// The file comes first: a token that is nowhere would be an operator nobody is.
static int add(const struct cli_args *args, struct ss_store *store)
{
    char token[SS_STORE_TOKEN_SIZE + 1];
    struct ss_error err = {0};
    const char *name = args->operands[0], *path = args->options[OPT_OUTPUT];
    if (ss_store_operator_add(store, name, token, &err) != SS_OK)
        return cli_fail(&err);
    strcpy(token + SS_STORE_TOKEN_SIZE - 1, "\n");
    ss_status_t status = file_write(path, OUTPUT_KEY, token, SS_STORE_TOKEN_SIZE, NULL, &err);
    ss_wipe(token, sizeof token);
    if (status != SS_OK) {
        struct ss_error ignored = {0};
        if (ss_store_operator_remove(store, name, &ignored) != SS_OK)
            cli_warning("operator %s was added, and nobody has the token: slotseal operator remove %s", name, name);
        return cli_fail(&err);
    }
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s}", "name", name, "token", path), CLI_OK);
    printf("%s: token in %s\n", name, path);
    return CLI_OK;
}

static int run_add(const struct cli_args *args)
{
    struct ss_store *store;
    int result = open_store(args, true, &store);
    if (result == CLI_OK)
        result = add(args, store);
    ss_store_close(store);
    return result;
}

const struct cli_command command_operator_add = {
    .path = "operator add",
    .summary = "let somebody operate a server",
    .description =
        "Makes a token, which is in the file and nowhere else: the server knows its SHA-256. It opens all of the "
        "management API. The store is made if there is none.",
    .operands = "NAME",
    .options = add_options,
    .example = "slotseal operator add ann --store sqlite:/var/lib/slotseal/server.db \\\n"
               "    -o ann.token\n",
    .run = run_add,
};

static const struct cli_option remove_options[] = {
    OPTION_STORE,
    OPTION_END,
};

static int run_remove(const struct cli_args *args)
{
    struct ss_store *store;
    struct ss_error err = {0};
    int result = open_store(args, false, &store);
    if (result == CLI_OK && ss_store_operator_remove(store, args->operands[0], &err) != SS_OK)
        result = cli_fail(&err);
    ss_store_close(store);
    return result;
}

const struct cli_command command_operator_remove = {
    .path = "operator remove",
    .summary = "make an operator's token void",
    .description = "At once, on every node. What the operator did stays.",
    .operands = "NAME",
    .options = remove_options,
    .example = "slotseal operator remove ann --store sqlite:/var/lib/slotseal/server.db\n",
    .run = run_remove,
};

static const struct cli_option list_options[] = {
    OPTION_STORE,
    OPTION_JSON,
    OPTION_END,
};

static ss_status_t list_one(void *context, const char *name, int64_t created, struct ss_error *err)
{
    (void)err;
    if (context)
        json_array_append_new(context, json_pack("{s:s, s:I}", "name", name, "created", (json_int_t)created));
    else
        puts(name);
    return SS_OK;
}

static int run_list(const struct cli_args *args)
{
    struct ss_store *store;
    struct ss_error err = {0};
    int result = open_store(args, false, &store);
    json_t *all = result == CLI_OK && args->options[OPT_JSON] ? json_array() : NULL;
    if (result == CLI_OK && ss_store_operator_list(store, list_one, all, &err) != SS_OK)
        result = cli_fail(&err);
    if (result == CLI_OK && args->options[OPT_JSON])
        result = json_print(all ? json_pack("{s:O}", "operators", all) : NULL, CLI_OK);
    json_decref(all);
    ss_store_close(store);
    return result;
}

const struct cli_command command_operator_list = {
    .path = "operator list",
    .summary = "list who may operate a server",
    .description = "One name a line.",
    .options = list_options,
    .example = "slotseal operator list --store sqlite:/var/lib/slotseal/server.db\n",
    .run = run_list,
};
