// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "vault/quota.h"
#include "vault_option.h"

static const struct cli_option quota_options[] = {
    {OPT_SET, "set", 0, false, "N", "allow N devices in all, those that it has done included", NULL, COMPLETE_NOTHING},
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

static int quota(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_quota q;
    struct ss_error err = {0};
    uint64_t limit;
    const char *station = args->operands[0];

    if (!cli_option_number(args, quota_options, OPT_SET, UINT32_MAX, 0, &limit))
        return CLI_USAGE;
    if ((args->options[OPT_SET] && ss_vault_quota_set(vault, station, limit, &err) != SS_OK) ||
        ss_vault_quota_get(vault, station, &q, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:o, s:I}", "station", station, "limit",
                                    q.limited ? json_integer((json_int_t)q.limit) : json_null(), "used",
                                    (json_int_t)q.used),
                          CLI_OK);
    if (q.limited)
        printf("%s: %llu of %llu devices\n", station, (unsigned long long)q.used, (unsigned long long)q.limit);
    else
        printf("%s: %llu devices, no limit\n", station, (unsigned long long)q.used);
    return CLI_OK;
}

static int run_quota(const struct cli_args *args)
{
    return vault_option_run(args, quota);
}

const struct cli_command command_quota = {
    .path = "quota",
    .summary = "show or set how many devices a station may provision",
    .description = "The number is a total since the vault was made; a device counts once, however often it is tried. A "
                   "station without a quota has no limit. Changes are in the audit log.",
    .operands = "STATION",
    .options = quota_options,
    .example = "slotseal quota line-1 --set 500\n",
    .run = run_quota,
};
