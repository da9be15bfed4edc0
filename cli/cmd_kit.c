// SPDX-License-Identifier: Apache-2.0
// Sealed kits: shown to whoever audits one, and their record taken back.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "device_text.h"
#include "file.h"
#include "json.h"
#include "provision/kit.h"
#include "signing.h"
#include "vault_option.h"

static const struct cli_option show_options[] = {
    {OPT_KIT_KEY, "kit-key", 0, true, "FILE", "public key that has to have signed it", NULL, COMPLETE_FILE},
    OPTION_JSON,
    OPTION_END,
};

static int show(const struct ss_kit *kit, bool json)
{
    char mac[SS_DEVICE_MAC_SIZE];
    json_t *devices = json_array();
    for (size_t i = 0; i < kit->count; i++) {
        ss_device_mac_text(kit->devices[i].mac, mac);
        json_array_append_new(devices, json_pack("{s:s, s:s}", "id", kit->devices[i].id, "mac", mac));
    }
    if (json)
        return json_print(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "kit", kit->header.kit, "product",
                                    kit->header.product, "level", ss_procedure_level_name(kit->header.level),
                                    "secure_boot", ss_secure_boot_scheme_name(kit->header.secure_boot), "app_version",
                                    kit->header.app_version, "recipient", json_hex(kit->recipient, 32), "devices",
                                    devices),
                          CLI_OK);
    json_decref(devices);
    printf("%-14s %s\n%-14s %s\n%-14s host-sealed, %s, secure boot %s\n%-14s %s\n%-14s %zu\n", "kit", kit->header.kit,
           "product", kit->header.product, "procedure", ss_procedure_level_name(kit->header.level),
           ss_secure_boot_scheme_name(kit->header.secure_boot), "app version", kit->header.app_version, "devices",
           kit->count);
    for (size_t i = 0; i < kit->count; i++) {
        ss_device_mac_text(kit->devices[i].mac, mac);
        printf("  %s  %s\n", mac, kit->devices[i].id);
    }
    return CLI_OK;
}

static int run_show(const struct cli_args *args)
{
    struct input key_file = {0};
    ss_signing_key_t *key = NULL;
    struct ss_kit *kit = NULL;
    struct ss_error err = {0};

    ss_status_t status = signing_key_read(args->options[OPT_KIT_KEY], &key_file, &key, &err);
    if (status == SS_OK)
        status = ss_kit_open(args->operands[0], key, &kit, &err);
    if (status == SS_OK)
        status = ss_kit_check_files(kit, &err);
    int code = status == SS_OK ? show(kit, args->options[OPT_JSON] != NULL) : cli_fail(&err);
    ss_kit_free(kit);
    ss_signing_key_free(key);
    file_free(&key_file);
    bool refused = status == SS_ERROR_INVALID_SIGNATURE || status == SS_ERROR_DATA_CORRUPT;
    return refused ? CLI_REFUSED : code;
}

const struct cli_command command_kit_show = {
    .path = "kit show",
    .summary = "verify a sealed kit, and show what it is for",
    .description =
        "Verifies the manifest's signature and compares every file with it. Needs no key but the public one. "
        "Exit status 3 if a kit is not what was signed.",
    .operands = "KIT",
    .options = show_options,
    .example = "slotseal kit show lot7 --kit-key kit-key.pub.pem\n",
    .run = run_show,
};

static const struct cli_option accept_options[] = {
    {OPT_RECORD, "record", 0, true, "FILE", "the manufacturer's record, JSON lines", NULL, COMPLETE_FILE},
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

struct acceptance {
    struct ss_vault *vault;
    unsigned accepted, known, skipped;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static ss_status_t accept_device(struct acceptance *a, const json_t *row, struct ss_error *err)
{
    struct ss_vault_device device;
    char kit[512], mac[SS_DEVICE_MAC_SIZE];
    const char *id = text_of(row, "device");
    ss_status_t status = ss_vault_device_get(a->vault, id, &device, err);
    if (status != SS_OK)
        return status;
    ss_device_mac_text(device.mac, mac);
    if (strcmp(mac, text_of(row, "mac")) != 0 || strcmp(device.product, text_of(row, "product")) != 0 ||
        ss_vault_device_fact(a->vault, id, FACT_KIT, kit, sizeof kit, NULL) != SS_OK)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "%s: no kit has been made for this device, or not with this MAC and product", id);
    if (device.state != SS_VAULT_DEVICE_REGISTERED) {
        a->known++;
        return SS_OK;
    }
    if (status == SS_OK && *text_of(row, "station"))
        status = ss_vault_device_set_fact(a->vault, id, FACT_STATION, text_of(row, "station"), err);
    if (status == SS_OK && *text_of(row, "operator"))
        status = ss_vault_device_set_fact(a->vault, id, FACT_OPERATOR, text_of(row, "operator"), err);
    if (status == SS_OK)
        status = ss_vault_device_set_state(a->vault, id, SS_VAULT_DEVICE_PROVISIONED, NULL, kit, err);
    a->accepted += status == SS_OK;
    return status;
}

static ss_status_t accept_lines(struct acceptance *a, struct input *record, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    unsigned number = 0;
    char *rest = (char *)record->data;
    for (char *line; status == SS_OK && rest && (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        if (!*line)
            continue;
        json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!row)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%s: line %u is no JSON object", record->name,
                                number);
        if (!strcmp(text_of(row, "result"), "done"))
            status = accept_device(a, row, err);
        else
            a->skipped++;
        json_decref(row);
    }
    return status;
}

static int accept_record(const struct cli_args *args, struct ss_vault *vault)
{
    struct acceptance a = {.vault = vault};
    struct input record = {0};
    struct ss_error err = {0};

    ss_status_t status = file_read(args->options[OPT_RECORD], FILE_LIMIT, &record, &err);
    if (status == SS_OK)
        status = accept_lines(&a, &record, &err);
    file_free(&record);
    if (status != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(
            json_pack("{s:i, s:i, s:i}", "accepted", (int)a.accepted, "known", (int)a.known, "skipped", (int)a.skipped),
            CLI_OK);
    printf("%u devices accepted, %u known before, %u lines of chips that are not done\n", a.accepted, a.known,
           a.skipped);
    return CLI_OK;
}

static int run_accept(const struct cli_args *args)
{
    return vault_option_run(args, accept_record);
}

const struct cli_command command_kit_accept = {
    .path = "kit accept",
    .summary = "take a manufacturer's record back into the vault",
    .description = "Devices that the record calls done, and that a kit was made for, become members of the fleet. The "
                   "record is the manufacturer's word: nothing in it is signed, and no key comes from it.",
    .options = accept_options,
    .example = "slotseal kit accept --record lot7.jsonl\n",
    .run = run_accept,
};
