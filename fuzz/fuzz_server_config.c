// SPDX-License-Identifier: Apache-2.0
// The server's configuration file.
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_server_config *config;
    struct ss_error err = {0};
    if (ss_server_config_parse("fuzz", (const char *)data, size, &config, &err) == SS_OK &&
        ss_server_config_check_front(config, &err) != SS_OK && !err.message[0])
        __builtin_trap();
    ss_server_config_free(config);
    return 0;
}
