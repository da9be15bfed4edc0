// SPDX-License-Identifier: Apache-2.0
// Keys: flash-encryption keys are random bytes, signing keys are PEM.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/crypto.h"
#include "file.h"

enum key_type { FLASH_256, FLASH_192, FLASH_XTS_128, FLASH_XTS_256, FLASH_XTS_DERIVED, FLASH_TYPES };

static const size_t flash_key_len[FLASH_TYPES] = {32, 24, 32, 64, 16};

static const struct cli_option generate_options[] = {
    {OPT_TYPE, "type", 't', true, "TYPE", "what the key is for",
     "flash flash-192 flash-xts-128 flash-xts-256 flash-xts-derived", COMPLETE_CHOICE},
    OPTION_OUTPUT,
    OPTION_END,
};

static int run_generate(const struct cli_args *args)
{
    struct ss_error err = {0};
    uint8_t key[64];
    size_t len = flash_key_len[cli_option_choice(args, generate_options, OPT_TYPE, FLASH_256)];

    ss_status_t status = ss_random(key, len);
    if (status != SS_OK)
        status = ss_error_set(&err, status, SS_AREA_CRYPTO, "no random bytes");
    else
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_KEY, key, len, NULL, &err);
    ss_wipe(key, sizeof key);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_key_generate = {
    .path = "key generate",
    .summary = "make a new key",
    .description = "Writes a key to a new file with mode 0600. An existing file is never overwritten: a lost flash key "
                   "is a lost device.",
    .options = generate_options,
    .example = "slotseal key generate --type flash -o device1/flash.key\n",
    .run = run_generate,
};
