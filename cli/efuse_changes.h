// SPDX-License-Identifier: Apache-2.0
// What burning would change, and burning it once that is confirmed.
#ifndef SS_CLI_EFUSE_CHANGES_H
#define SS_CLI_EFUSE_CHANGES_H

#include "port_option.h"

/// Shows what has to change from @p now to @p wanted, asks unless --dry-run is given, burns, and reports. Secrets are
/// not shown. *code is the exit code where SS_OK is returned; with an error nothing, or not everything, was burned.
SS_MUST_USE ss_status_t efuse_carry_out(const struct cli_args *args, struct port_session *session,
                                        const struct ss_link_efuses *now, const struct ss_efuse *wanted, int *code,
                                        struct ss_error *err);

#endif
