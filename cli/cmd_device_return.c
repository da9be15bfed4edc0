// SPDX-License-Identifier: Apache-2.0
// A device came back: its life in the fleet ends, and what is on its flash may be looked at, once it is in the audit log.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "confirm.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "device_table.h"
#include "device_text.h"
#include "file.h"
#include "provision/readback.h"
#include "vault/flash_key.h"
#include "vault_option.h"

static const struct cli_option options[] = {
    {OPT_FLASH, "flash", 0, false, "FILE", "flash read from it, from address 0: esptool read_flash 0 ALL", NULL,
     COMPLETE_FILE},
    {OPT_OUTPUT, "output", 'o', false, "FILE", "write the flash, unsealed, to FILE (mode 0600)", NULL, COMPLETE_FILE},
    {OPT_REASON, "reason", 0, false, "TEXT", "goes to the audit log", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

/// Tells of the regions as they are unsealed.
struct listing {
    bool json;
    json_t *regions;
    unsigned noise, known; ///< regions that unseal to nothing, and to what they should hold
};

static const char *words(const struct ss_readback_region *region)
{
    return region->erased ? "erased" : ss_content_name(region->content);
}

static void tell(void *context, const struct ss_readback_region *region)
{
    struct listing *l = context;
    char version[sizeof region->version];
    if (!strcmp(region->name, "digest") && region->erased)
        return; // no secure boot V1
    l->noise += !region->erased && region->content == SS_CONTENT_NOISE && strcmp(region->name, "digest") != 0;
    l->known += region->content == SS_CONTENT_IMAGE || region->content == SS_CONTENT_IMAGE_V1 ||
                region->content == SS_CONTENT_IMAGE_V2 || region->content == SS_CONTENT_PARTITION_TABLE;
    cli_shown(region->version, version, sizeof version);
    if (l->json)
        json_array_append_new(l->regions,
                              json_pack("{s:s, s:I, s:I, s:s, s:o}", "name", region->name, "address",
                                        (json_int_t)region->address, "length", (json_int_t)region->len, "content",
                                        words(region), "version", *version ? json_text(version) : json_null()));
    else
        printf("%-12s 0x%06x  %s%s%s\n", region->name, region->address, words(region), *version ? ", version " : "",
               version);
}

static ss_status_t unseal(const struct cli_args *args, struct ss_vault *vault, const struct ss_vault_device *device,
                          struct input *flash, struct listing *listing, struct ss_error *err)
{
    struct device_table table;
    struct ss_vault_flash_key key = {0};
    char detail[128], hex[65];
    uint8_t digest[32];

    ss_status_t status = device_table_get(vault, device, &table, err);
    if (status == SS_OK && ss_hash_once(SS_HASH_SHA256, flash->data, flash->len, digest) != SS_OK)
        status = ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "SHA-256 failed");
    if (status != SS_OK)
        return status;
    ss_put_hex(digest, 32, hex);
    snprintf(detail, sizeof detail, "returned: flash read back, %zu bytes, SHA-256 %s", flash->len, hex);
    status = ss_vault_flash_key(vault, device->id, SS_VAULT_FOR_UNSEAL, detail, &key, err);
    struct ss_seal_params params = {
        .chip = ss_chip_find(device->chip), .key = key.bytes, .key_len = key.len, .crypt_config = device->crypt_config};
    if (status == SS_OK)
        status = ss_readback_unseal(&params, &table.table, table.address, flash->data, flash->len, tell, listing, err);
    ss_vault_flash_key_wipe(&key);
    if (status == SS_OK && args->options[OPT_OUTPUT]) {
        const struct input *inputs[] = {flash, NULL};
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PLAINTEXT, flash->data, flash->len, inputs, err);
    }
    return status;
}

static ss_status_t record(const struct cli_args *args, struct ss_vault *vault, const char *id, struct ss_error *err)
{
    const char *reason = args->options[OPT_REASON];
    ss_status_t status =
        ss_vault_device_set_state(vault, id, SS_VAULT_DEVICE_RETURNED, NULL, reason ? reason : "", err);
    return status == SS_OK ? ss_vault_device_set_fact(vault, id, FACT_CREDENTIAL, NULL, err) : status;
}

static int finish(const struct cli_args *args, const char *id, struct listing *listing)
{
    int status = CLI_OK;
    if (listing->noise && !listing->known) {
        cli_error("nothing on this flash unseals with the key of %s: it is another device's", id);
        status = CLI_REFUSED;
    }
    if (listing->json)
        return json_print(json_pack("{s:s, s:s, s:O}", "id", id, "state", "returned", "regions", listing->regions),
                          status);
    if (!args->options[OPT_FLASH])
        printf("%s is returned\n", id);
    return status;
}

static int take_back(const struct cli_args *args, struct ss_vault *vault)
{
    struct listing listing = {.json = args->options[OPT_JSON] != NULL, .regions = json_array()};
    struct ss_vault_device device;
    struct input flash = {0};
    struct ss_error err = {0};
    const char *id = args->operands[0];

    ss_status_t status = ss_vault_device_get(vault, id, &device, &err);
    if (status == SS_OK && args->options[OPT_FLASH])
        status = file_read(args->options[OPT_FLASH], FILE_LIMIT, &flash, &err);
    bool confirmed = status == SS_OK && cli_confirm(args->options[OPT_CONFIRM], id, "ends the credential of");
    if (confirmed)
        status = record(args, vault, id, &err);
    if (confirmed && status == SS_OK && flash.data)
        status = unseal(args, vault, &device, &flash, &listing, &err);
    int code = status != SS_OK ? cli_fail(&err) : confirmed ? finish(args, id, &listing) : CLI_FAILED;
    json_decref(listing.regions);
    file_free(&flash);
    return code;
}

static int run(const struct cli_args *args)
{
    if (args->options[OPT_OUTPUT] && !args->options[OPT_FLASH])
        return cli_usage(NULL, "--output needs --flash: what was read from the device");
    if (args->options[OPT_OUTPUT] && !strcmp(args->options[OPT_OUTPUT], "-"))
        return cli_usage(NULL, "the unsealed flash goes to a file");
    return vault_option_run(args, take_back);
}

const struct cli_command command_device_return = {
    .path = "device return",
    .summary = "take a device back, and unseal what is on its flash",
    .description =
        "Its credential is dead at once and nothing is sealed for it any more. With --flash, what was read from it is "
        "unsealed: bootloader, table, otadata, apps and encrypted partitions; nvs and the like are copied as they are. "
        "The audit log names the digest of the dump before the key is taken out of the vault.\n\n"
        "Exit status 3 if nothing on the flash unseals with the key of this device.",
    .operands = "ID",
    .options = options,
    .example = "slotseal device return meter-7 --flash dump.bin -o plain.bin\n",
    .run = run,
};
