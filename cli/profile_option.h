// SPDX-License-Identifier: Apache-2.0
// --profile and --build-dir: what is compiled into a bootloader.
#ifndef SS_CLI_PROFILE_OPTION_H
#define SS_CLI_PROFILE_OPTION_H

#include "cli.h"
#include "file.h"
#include "provision/build_dir.h"

#define OPTIONS_PROFILE                                                                                                \
    {                                                                                                                  \
        OPT_BUILD_DIR, "build-dir",  0, false, "DIR", "ESP-IDF's build folder: options, table, files",                 \
        NULL,          COMPLETE_FILE},                                                                                 \
    {                                                                                                                  \
        OPT_PROFILE, "profile", 0, false, "FILE", "what is compiled into the bootloader, as key = value lines", NULL,  \
            COMPLETE_FILE                                                                                              \
    }

/// Start all zero, end with profile_option_free() whatever comes back.
struct profile_option {
    const struct ss_boot_profile *profile; ///< NULL: neither option is given, so it has to be guessed
    struct ss_boot_profile given;
    struct ss_build build; ///< of --build-dir
    struct input file;
};

/// CLI_OK, or CLI_USAGE after a report if both are given.
int profile_option_check(const struct cli_args *args);
SS_MUST_USE ss_status_t profile_option_read(const struct cli_args *args, struct profile_option *out,
                                            struct ss_error *err);
void profile_option_free(struct profile_option *option);

#endif
