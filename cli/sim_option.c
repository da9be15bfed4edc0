// SPDX-License-Identifier: Apache-2.0
#include "sim_option.h"

#include <time.h>

#include "statement_file.h"

int sim_options(const struct cli_args *args, const struct cli_option *options, struct profile_option *profile,
                struct ss_sim_options *sim)
{
    struct ss_error err = {0};
    int code = profile_option_check(args);
    if (code == CLI_OK && !cli_option_time(args, options, OPT_TIME, (uint64_t)time(NULL), &sim->clock))
        code = CLI_USAGE;
    if (code != CLI_OK)
        return code;
    if (profile_option_read(args, profile, &err) != SS_OK)
        return cli_fail(&err);
    sim->profile = profile->profile;
    sim->unfit = args->options[OPT_FAIL_SELF_TEST] != NULL;
    sim->unwilling = args->options[OPT_UNWILLING] != NULL;
    if (args->options[OPT_CRASH])
        sim->crash = cli_option_choice(args, options, OPT_CRASH, 0) ? SS_SIM_CRASH_AFTER : SS_SIM_CRASH_BEFORE;
    return CLI_OK;
}
