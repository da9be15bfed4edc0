// SPDX-License-Identifier: Apache-2.0
// A device of the vault that does not boot any more gets its sealed images again, over serial. Nothing is burned.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "confirm.h"
#include "device_table.h"
#include "doctor_text.h"
#include "file.h"
#include "json.h"
#include "port_option.h"
#include "profile_option.h"
#include "provision/recover.h"
#include "provision/vault_store.h"
#include "signing.h"
#include "vault/flash_key.h"
#include "vault/journal.h"
#include "vault/release.h"
#include "vault_option.h"

enum { IMAGE_LIMIT = 16 << 20 };

static const struct cli_option options[] = {
    {OPT_DEVICE, "device", 'd', true, "ID", "the device, as the vault knows it", NULL, COMPLETE_NOTHING},
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_BOOTLOADER, "bootloader", 0, true, "FILE", "bootloader image that it was provisioned with", NULL,
     COMPLETE_FILE},
    {OPT_APP, "app", 0, false, "FILE", "app image that is known to be good", NULL, COMPLETE_FILE},
    {OPT_RELEASE, "release", 0, false, "VERSION", "or this release of the product, from the vault", NULL,
     COMPLETE_NOTHING},
    OPTIONS_PROFILE,
    {OPT_SIGN_KEY, "sign-key", 0, false, "KEY", "sign with this key of the product, PEM or pkcs11:URI", NULL,
     COMPLETE_FILE},
    {OPT_REPLACE_KEY, "replace-verification-key", 0, false, "FILE",
     "put the device's public key where the images have this one", NULL, COMPLETE_FILE},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "compare and judge, write nothing", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTION_VAULT,
    {OPT_VAULT_KEY, "key", 'k', false, "SOURCE", "passphrase, file:, credential:, pkcs11: (SLOTSEAL_VAULT_KEY)", NULL,
     COMPLETE_NOTHING},
    OPTION_VAULT_SIGNING_KEY,
    OPTION_JSON,
    OPTION_END,
};

struct repair {
    const struct cli_args *args;
    struct ss_vault *vault;
    struct ss_vault_store *store;
    struct ss_vault_device device;
    struct device_table table;
    struct ss_vault_flash_key key;
    struct input bootloader, app, key_file, template_file;
    uint8_t embedded_key[SS_VK_SIZE];
    struct profile_option profile;
    ss_signing_key_t *sign_key;
    struct port_session port;
    struct ss_parts parts;
    struct ss_recovery recovery;
    bool examined, written;
};

static bool given(const struct repair *r, enum cli_option_id id)
{
    return r->args->options[id] != NULL;
}

static ss_status_t read_files(struct repair *r, struct ss_error *err)
{
    const char *const *o = r->args->options;
    ss_status_t status = profile_option_read(r->args, &r->profile, err);
    if (status == SS_OK)
        status = file_read(o[OPT_BOOTLOADER], IMAGE_LIMIT, &r->bootloader, err);
    if (status == SS_OK && o[OPT_APP])
        status = file_read(o[OPT_APP], IMAGE_LIMIT, &r->app, err);
    if (status == SS_OK && o[OPT_SIGN_KEY])
        status = signing_key_to_sign(r->args, o[OPT_SIGN_KEY], "for a repair", &r->key_file, &r->sign_key, err);
    if (status == SS_OK && o[OPT_REPLACE_KEY])
        status = verification_key_read(o[OPT_REPLACE_KEY], &r->template_file, r->embedded_key, err);
    return status;
}

/// The app of a release, decrypted by the vault.
static ss_status_t read_release(struct repair *r, struct ss_error *err)
{
    struct ss_vault_image *image;
    if (!given(r, OPT_RELEASE))
        return SS_OK;
    ss_status_t status =
        ss_vault_image_open(r->vault, r->device.product, r->args->options[OPT_RELEASE], r->device.id, &image, err);
    if (status != SS_OK)
        return status;
    status = file_pad(&r->app, ss_vault_image_len(image), err);
    if (status == SS_OK)
        status = ss_vault_image_read(image, 0, r->app.data, r->app.len, err);
    ss_vault_image_close(image);
    return status;
}

static ss_status_t read_vault(struct repair *r, struct ss_error *err)
{
    const char *id = r->args->options[OPT_DEVICE];
    struct ss_vault_store_options store = {.device = id, .sign_key = r->sign_key, .ask = ask_secret};
    ss_status_t status = ss_vault_device_get(r->vault, id, &r->device, err);
    if (status == SS_OK && r->device.state != SS_VAULT_DEVICE_PROVISIONED)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                              "device %s is %s: only a provisioned device is recovered", id,
                              ss_vault_device_state_name(r->device.state));
    if (status == SS_OK)
        status = read_release(r, err);
    if (status == SS_OK)
        status = device_table_get(r->vault, &r->device, &r->table, err);
    if (status == SS_OK)
        status = ss_vault_store_open(r->vault, r->device.product, &store, &r->store, err);
    return status;
}

/// Everything for this device as it was sealed when it was provisioned.
static ss_status_t make_parts(struct repair *r, struct ss_error *err)
{
    const struct ss_vault_product *product = ss_vault_store_product(r->store);
    const struct ss_provision_store *store = ss_vault_store_functions(r->store);
    struct ss_provision_chip chip = {.revision = r->port.chip->revision};
    char id[SS_DEVICE_NAME_SIZE];
    struct ss_link_flash flash;
    ss_status_t status = ss_link_flash_identify(r->port.link, &flash, err);
    // The store has to know the device, whose signing key may be its own.
    memcpy(chip.mac, r->device.mac, sizeof chip.mac);
    if (status == SS_OK)
        status = store->begin(store->context, &chip, id, err);
    if (status == SS_OK)
        status = ss_vault_flash_key(r->vault, r->device.id, SS_VAULT_FOR_SEAL, "recover", &r->key, err);
    if (status != SS_OK)
        return status;
    struct ss_parts_input input = {
        .table = &r->table.table,
        .table_offset = r->table.address,
        .flash_size = flash.size,
        .revision = r->port.chip->revision,
        .secure_boot = product->secure_boot,
        .digest = product->secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE,
        .bootloader = r->bootloader.data,
        .bootloader_len = r->bootloader.len,
        .app = r->app.data,
        .app_len = r->app.len,
        .embedded_key = given(r, OPT_REPLACE_KEY) ? r->embedded_key : NULL,
        .flash_key = r->key.bytes,
        .flash_key_len = r->key.len,
    };
    return ss_parts_make(&input, store, &r->parts, err);
}

static ss_status_t journal(struct repair *r, enum ss_vault_phase phase, const char *detail, struct ss_error *err)
{
    return ss_vault_journal_append(r->vault, r->device.id, ss_vault_store_run(r->store), "recover", phase, detail, err);
}

static void show_part(void *context, const struct ss_part *part)
{
    struct repair *r = context;
    progress_end(&r->port.progress);
    r->port.progress.what = part->name;
}

static void print_items(const struct repair *r)
{
    for (unsigned i = 0; i < r->recovery.count; i++) {
        const struct ss_recover_item *item = &r->recovery.items[i];
        printf("%-12s 0x%06x  %s\n", item->part->name, (unsigned)item->part->address,
               item->differs ? "differs, will be written" : "as it should be");
    }
}

/// Without anything on the flash that unseals with the key, only the vault's word says that the key is this chip's.
static bool may_write(const struct repair *r)
{
    return r->recovery.key_seen ||
           cli_confirm(r->args->options[OPT_CONFIRM], r->device.id,
                       "writes flash, and nothing on it proves that the vault's key is that of");
}

static ss_status_t write_parts(struct repair *r, struct ss_recover_job *job, struct ss_error *err)
{
    char detail[64];
    snprintf(detail, sizeof detail, "%u parts to be written", r->recovery.differing);
    ss_status_t status = journal(r, SS_VAULT_PHASE_BEGIN, detail, err);
    if (status == SS_OK)
        status = ss_recover_write(job, r->port.link, &r->recovery, show_part, r, err);
    progress_end(&r->port.progress);
    if (status == SS_OK)
        status = journal(r, SS_VAULT_PHASE_DONE, "", err);
    r->written = status == SS_OK;
    return status;
}

static ss_status_t repair(struct repair *r, struct ss_error *err)
{
    struct ss_recover_job job = {.mac = r->device.mac,
                                 .flash_key = r->key.bytes,
                                 .flash_key_len = r->key.len,
                                 .parts = &r->parts,
                                 .table = &r->table.table,
                                 .profile = r->profile.profile};
    ss_status_t status = ss_recover_examine(&job, r->port.link, &r->recovery, err);
    progress_end(&r->port.progress);
    r->examined = status == SS_OK;
    if (!given(r, OPT_JSON) && r->recovery.flash_size)
        print_items(r);
    if (status != SS_OK || given(r, OPT_DRY_RUN) || !r->recovery.differing)
        return status;
    if (!may_write(r))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_NONE, "nothing was written");
    return write_parts(r, &job, err);
}

static ss_status_t check_chip(const struct repair *r, struct ss_error *err)
{
    char id[SS_VAULT_MAC_ID_SIZE];
    ss_vault_mac_id(r->device.mac, id);
    if (!memcmp(r->port.chip->mac, r->device.mac, sizeof r->device.mac))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "this is the chip %s, device %s is %s",
                        r->port.id, r->device.id, id);
}

static ss_status_t work(struct repair *r, struct ss_error *err)
{
    ss_status_t status = read_files(r, err);
    if (status == SS_OK)
        status = read_vault(r, err);
    if (status == SS_OK)
        status = port_connect(r->args, &r->port, err);
    // Before the key is taken out: another chip needs none.
    if (status == SS_OK)
        status = check_chip(r, err);
    if (status == SS_OK)
        status = make_parts(r, err);
    return status == SS_OK ? repair(r, err) : status;
}

static int report(struct repair *r, ss_status_t status, const struct ss_error *err)
{
    if (status != SS_OK) {
        int code = err->area == SS_AREA_LINK ? port_fail(err) : cli_fail(err);
        if (r->recovery.report && !r->examined && !given(r, OPT_JSON))
            doctor_print(r->recovery.report);
        if (r->examined && !given(r, OPT_DRY_RUN))
            cli_hint("the same command continues where it was");
        return code;
    }
    if (given(r, OPT_JSON)) {
        json_t *parts = json_array();
        for (unsigned i = 0; i < r->recovery.count; i++)
            json_array_append_new(parts, json_pack("{s:s, s:I, s:I}", "name", r->recovery.items[i].part->name,
                                                   "address", (json_int_t)r->recovery.items[i].part->address, "length",
                                                   (json_int_t)r->recovery.items[i].part->len));
        return json_print(json_pack("{s:s, s:b, s:i, s:b, s:o}", "device", r->device.id, "key_seen",
                                    r->recovery.key_seen, "differing", (int)r->recovery.differing, "written",
                                    r->written, "parts", parts),
                          CLI_OK);
    }
    if (r->written)
        printf("device %s is recovered: %u parts written and compared\n", r->device.id, r->recovery.differing);
    else if (!r->recovery.differing)
        printf("device %s holds everything already: it is not the sealed images that keep it from booting\n",
               r->device.id);
    return CLI_OK;
}

static void leave(struct repair *r)
{
    ss_recovery_free(&r->recovery);
    ss_parts_free(&r->parts);
    port_close(r->args, &r->port);
    ss_vault_flash_key_wipe(&r->key);
    ss_vault_store_close(r->store);
    ss_vault_close(r->vault);
    ss_signing_key_free(r->sign_key);
    profile_option_free(&r->profile);
    file_free(&r->bootloader);
    file_free(&r->app);
    file_free(&r->key_file);
    file_free(&r->template_file);
    free(r);
}

static int run(const struct cli_args *args)
{
    struct ss_error err = {0};
    struct repair *r = calloc(1, sizeof *r);
    if (!r) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    r->args = args;
    int code = profile_option_check(args);
    if (code == CLI_OK && !args->options[OPT_APP] == !args->options[OPT_RELEASE])
        code = cli_usage(NULL, "exactly one of --app and --release is needed");
    if (code == CLI_OK)
        code = port_check(args);
    if (code == CLI_OK)
        code = vault_option_open(args, vault_option_options(args).signing_key != NULL, &r->vault);
    if (code == CLI_OK) {
        ss_status_t status = work(r, &err);
        code = report(r, status, &err);
    }
    leave(r);
    return code;
}

const struct cli_command command_recover = {
    .path = "recover",
    .summary = "write a device's sealed images again, over serial",
    .description =
        "For a device that does not boot, while its download mode is open. Bootloader, table, otadata and app are "
        "sealed "
        "with the device's key of the vault, compared with its flash, and what differs is written as ciphertext and "
        "compared again. Nothing is burned; nvs and other data stay as they are.\n\n"
        "Before anything is written, the doctor judges the chip as it will be: where that would not boot either (a "
        "digest "
        "of one-time secure boot that is gone, an eFuse that is missing), it says so and nothing is touched. Secure "
        "boot "
        "V1 needs the very bootloader that the device was provisioned with.\n\n"
        "Stopped anywhere, the same command continues.",
    .options = options,
    .example = "slotseal recover --device 240ac412345e --port /dev/ttyUSB0 \\\n"
               "    --bootloader bootloader.bin --app lamp-1.4.bin --build-dir build\n",
    .run = run,
};
