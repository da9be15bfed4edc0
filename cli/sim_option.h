// SPDX-License-Identifier: Apache-2.0
// What the sim commands have in common.
#ifndef SS_CLI_SIM_OPTION_H
#define SS_CLI_SIM_OPTION_H

#include "cli.h"
#include "profile_option.h"
#include "sim/device.h"

#define OPTIONS_SIM                                                                                                    \
    {OPT_FAIL_SELF_TEST, "fail-self-test", 0, false, NULL, "a new app finds itself unfit", NULL, COMPLETE_NOTHING},    \
        {OPT_CRASH,                                                                                                    \
         "crash",                                                                                                      \
         0,                                                                                                            \
         false,                                                                                                        \
         "WHEN",                                                                                                       \
         "a new app crashes at its start, before or after the agent's",                                                \
         "before-agent after-agent",                                                                                   \
         COMPLETE_CHOICE},                                                                                             \
        {OPT_UNWILLING, "unwilling", 0, false, NULL, "the app does not want to be updated", NULL, COMPLETE_NOTHING},   \
    {                                                                                                                  \
        OPT_TIME, "time", 0, false, "TIME", "the device's clock at its start, 0: it has none (now)", NULL,             \
            COMPLETE_NOTHING                                                                                           \
    }

/// Fills @p sim from the options, with the profile of @p profile, which stays to be freed. CLI_OK, or after a report
/// CLI_USAGE or CLI_FAILED.
int sim_options(const struct cli_args *args, const struct cli_option *options, struct profile_option *profile,
                struct ss_sim_options *sim);

#endif
