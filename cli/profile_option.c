// SPDX-License-Identifier: Apache-2.0
#include "profile_option.h"

enum { PROFILE_LIMIT = 65536 };

int profile_option_check(const struct cli_args *args)
{
    if (args->options[OPT_PROFILE] && args->options[OPT_BUILD_DIR])
        return cli_usage(NULL, "--profile and --build-dir exclude each other");
    return CLI_OK;
}

ss_status_t profile_option_read(const struct cli_args *args, struct profile_option *out, struct ss_error *err)
{
    const char *dir = args->options[OPT_BUILD_DIR], *file = args->options[OPT_PROFILE];
    ss_status_t status = SS_OK;
    if (dir) {
        status = ss_build_read(dir, &out->build, err);
        out->profile = &out->build.profile;
    } else if (file) {
        status = file_read(file, PROFILE_LIMIT, &out->file, err);
        if (status == SS_OK)
            status = ss_profile_parse((const char *)out->file.data, out->file.len, &out->given, err);
        out->profile = &out->given;
    }
    return status;
}

void profile_option_free(struct profile_option *option)
{
    ss_build_free(&option->build);
    file_free(&option->file);
}
