// SPDX-License-Identifier: Apache-2.0
// A blank chip becomes a member of a fleet; an interrupted one is continued.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "config_option.h"
#include "confirm.h"
#include "core/crypto.h"
#include "doctor_text.h"
#include "file.h"
#include "image_pins.h"
#include "json.h"
#include "port_option.h"
#include "profile_option.h"
#include "provision/credential.h"
#include "provision/vault_store.h"
#include "provision_text.h"
#include "signing.h"
#include "vault_option.h"

enum { IMAGE_LIMIT = 16 << 20 };

static const struct cli_option options[] = {
    {OPT_PRODUCT, "product", 0, true, "NAME", "of this product of the vault", NULL, COMPLETE_NOTHING},
    OPTION_PORT(true),
    {OPT_BOOTLOADER, "bootloader", 0, true, "FILE", "bootloader image", NULL, COMPLETE_FILE},
    {OPT_APP, "app", 0, true, "FILE", "app image for the first slot", NULL, COMPLETE_FILE},
    {OPT_DEVICE, "device", 0, false, "ID", "the device's id (its MAC)", NULL, COMPLETE_NOTHING},
    OPTIONS_PROFILE,
    {OPT_PLAN, "plan", 0, false, "PLAN", "who encrypts (host-sealed)", "host-sealed device-encrypts", COMPLETE_CHOICE},
    {OPT_LEVEL, "level", 0, false, "LEVEL", "how much is closed (release)", "development release", COMPLETE_CHOICE},
    {OPT_COUNT_MAX, "max-crypt-count", 0, false, NULL, "also burn all of FLASH_CRYPT_CNT", NULL, COMPLETE_NOTHING},
    {OPT_UART_DISABLE, "disable-uart-download", 0, false, NULL, "also end download mode for ever: no repair", NULL,
     COMPLETE_NOTHING},
    {OPT_SIGN_KEY, "sign-key", 0, false, "KEY", "sign with this key of the product, PEM or pkcs11:URI", NULL,
     COMPLETE_FILE},
    {OPT_REPLACE_KEY, "replace-verification-key", 0, false, "FILE",
     "put the device's public key where the images have this one", NULL, COMPLETE_FILE},
    OPTIONS_CONFIG,
    {OPT_DRY_RUN, "dry-run", 0, false, NULL, "show and rehearse everything, change nothing", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTION_BAUD,
    OPTIONS_RESET("auto manual"),
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_JSON,
    OPTION_END,
};

struct provisioning {
    const struct cli_args *args;
    struct input bootloader, app, key_file, template_file;
    struct profile_option profile;
    struct config_option config;
    struct ss_part_data nvs; ///< what the device is told; data is ours
    uint8_t *nvs_image;
    uint8_t embedded_key[SS_VK_SIZE];
    ss_signing_key_t *sign_key;
    struct ss_vault *vault;
    struct ss_vault_store *store;
    struct ss_partition_table *table;
    struct port_session port;
    struct ss_provision *run;
    struct ss_rehearsal *rehearsal;
    const char *step; ///< id of the step that was begun last, in the run's procedure; NULL before
    bool rehearsed, done;
};

static bool given(const struct provisioning *p, enum cli_option_id id)
{
    return p->args->options[id] != NULL;
}

static int check_usage(const struct cli_args *args)
{
    int code = profile_option_check(args);
    if (code == CLI_OK && !args->options[OPT_PROFILE] && !args->options[OPT_BUILD_DIR])
        code = cli_usage("--build-dir DIR, or --profile FILE",
                         "what is compiled into the bootloader has to be known: it decides what is burned");
    if (code == CLI_OK && !args->options[OPT_UPDATE_SERVER] && !args->options[OPT_CLIENT_KEY] &&
        (args->options[OPT_CA] || args->options[OPT_KEY_SET] || args->options[OPT_CLIENT_CERT]))
        code = cli_usage(NULL, "--ca, --key-set and --client-cert go with --update-server or --client-key");
    return code == CLI_OK ? port_check(args) : code;
}

static ss_status_t read_files(struct provisioning *p, struct ss_error *err)
{
    const char *const *o = p->args->options;
    ss_status_t status = profile_option_read(p->args, &p->profile, err);
    if (status == SS_OK)
        status = file_read(o[OPT_BOOTLOADER], IMAGE_LIMIT, &p->bootloader, err);
    if (status == SS_OK)
        status = file_read(o[OPT_APP], IMAGE_LIMIT, &p->app, err);
    if (status == SS_OK && o[OPT_SIGN_KEY])
        status = signing_key_to_sign(p->args, o[OPT_SIGN_KEY], "for provisioning", &p->key_file, &p->sign_key, err);
    if (status == SS_OK && o[OPT_REPLACE_KEY])
        status = verification_key_read(o[OPT_REPLACE_KEY], &p->template_file, p->embedded_key, err);
    if (status == SS_OK)
        status = config_option_read(p->args, &p->config, err);
    if (status == SS_OK && (o[OPT_UPDATE_SERVER] || o[OPT_CLIENT_KEY]))
        image_pins_warn(&p->app);
    return status;
}

/// With --update-server or --client-key: the nvs image of this chip, its token the one that it has already, if any.
static ss_status_t make_config(struct provisioning *p, struct ss_error *err)
{
    char token[SS_DEVICE_TOKEN_SIZE];
    struct ss_credential_request request = {.product = p->args->options[OPT_PRODUCT],
                                            .mac = p->port.chip->mac,
                                            .device = p->args->options[OPT_DEVICE],
                                            .config = &p->config.config,
                                            .found = token,
                                            .table = p->table,
                                            .dry = given(p, OPT_DRY_RUN)};
    if (!given(p, OPT_UPDATE_SERVER) && !given(p, OPT_CLIENT_KEY))
        return SS_OK;
    ss_status_t status = ss_credential_read(p->port.link, p->table, token, err);
    if (status == SS_OK)
        status = ss_credential_prepare(p->vault, &request, &p->nvs_image, &p->nvs.len, err);
    if (p->nvs_image)
        p->nvs.partition = ss_credential_partition(p->table)->label;
    p->nvs.data = p->nvs_image;
    ss_wipe(token, sizeof token);
    return status;
}

static ss_status_t open_store(struct provisioning *p, struct ss_error *err)
{
    struct ss_vault_store_options store = {.device = p->args->options[OPT_DEVICE],
                                           .sign_key = p->sign_key,
                                           .ask = ask_secret,
                                           .dry = given(p, OPT_DRY_RUN)};
    ss_status_t status = ss_vault_store_open(p->vault, p->args->options[OPT_PRODUCT], &store, &p->store, err);
    if (status != SS_OK)
        return status;
    const struct ss_vault_table *table = &ss_vault_store_product(p->store)->table;
    if (table->address != p->profile.profile->table_offset)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "the product's partition table is at 0x%x, the bootloader looks at 0x%x",
                            (unsigned)table->address, (unsigned)p->profile.profile->table_offset);
    return ss_table_from_binary(table->bytes, table->len, p->table, err);
}

static ss_status_t begin(struct provisioning *p, struct ss_error *err)
{
    const struct ss_vault_product *product = ss_vault_store_product(p->store);
    struct ss_provision_job job = {
        .options = {.kind =
                        (enum ss_procedure_kind)cli_option_choice(p->args, options, OPT_PLAN, SS_PROCEDURE_HOST_SEALED),
                    .level = (enum ss_procedure_level)cli_option_choice(p->args, options, OPT_LEVEL, SS_LEVEL_RELEASE),
                    .secure_boot = product->secure_boot,
                    .count_max = given(p, OPT_COUNT_MAX),
                    .uart_disable = given(p, OPT_UART_DISABLE),
                    .profile = p->profile.profile},
        .table = p->table,
        .bootloader = p->bootloader.data,
        .bootloader_len = p->bootloader.len,
        .app = p->app.data,
        .app_len = p->app.len,
        .embedded_key = given(p, OPT_REPLACE_KEY) ? p->embedded_key : NULL,
        .data = &p->nvs,
        .data_count = p->nvs_image != NULL,
        .store = ss_vault_store_functions(p->store),
    };
    return ss_provision_begin(&job, p->port.link, &p->run, err);
}

static bool confirm(void *context, const char *device, const struct ss_step *step)
{
    const struct provisioning *p = context;
    (void)step;
    progress_end(&((struct provisioning *)context)->port.progress);
    return cli_confirm(p->args->options[OPT_CONFIRM], device, "burns eFuses, for good, of the chip of");
}

static void show_step(void *context, size_t index, const struct ss_step *step, enum ss_journal_phase phase)
{
    struct provisioning *p = context;
    p->step = step->id;
    provision_show_step(NULL, index, step, phase);
}

static ss_status_t rehearse_and_execute(struct provisioning *p, struct ss_error *err)
{
    struct ss_provision_observer observer = {.context = p, .confirm = confirm, .step = show_step};
    bool text = !given(p, OPT_JSON);
    if (text) {
        provision_print_procedure(p->run);
        fflush(stdout);
    }
    provision_print_warnings(p->run);
    ss_status_t status = ss_provision_rehearse(p->run, p->rehearsal, err);
    p->rehearsed = status == SS_OK;
    if (status != SS_OK)
        return status;
    if (text) {
        provision_print_rehearsal(p->rehearsal);
        fflush(stdout);
    }
    if (given(p, OPT_DRY_RUN))
        return SS_OK;
    status = ss_provision_execute(p->run, &observer, err);
    progress_end(&p->port.progress);
    p->done = status == SS_OK;
    // It has booted before: nothing is new for it when it runs now.
    if (p->done && ss_link_chip(p->port.link) && ss_link_run(p->port.link, NULL) != SS_OK)
        cli_warning("the chip is still in its loader: reset it");
    if (text && p->done)
        provision_print_result(p->run);
    return status;
}

/// A chip in a state that is left alone: the doctor says what state that is.
static void explain(struct provisioning *p)
{
    struct ss_error err = {0};
    struct ss_doctor_report *report = malloc(sizeof *report);
    if (report && ss_provision_explain(p->run, report, &err) == SS_OK && report->count)
        doctor_print(report);
    free(report);
}

static ss_status_t work(struct provisioning *p, struct ss_error *err)
{
    ss_status_t status = read_files(p, err);
    if (status == SS_OK)
        status = open_store(p, err);
    if (status == SS_OK)
        status = port_connect(p->args, &p->port, err);
    if (status == SS_OK)
        status = make_config(p, err);
    if (status == SS_OK)
        status = begin(p, err);
    if (status != SS_OK && p->run && !given(p, OPT_JSON))
        explain(p);
    return status == SS_OK ? rehearse_and_execute(p, err) : status;
}

static int report(struct provisioning *p, ss_status_t status, const struct ss_error *err)
{
    if (status == SS_OK)
        return given(p, OPT_JSON)
                   ? json_print(provision_json(p->run, p->rehearsed ? p->rehearsal : NULL, p->done), CLI_OK)
                   : CLI_OK;
    int code = err->area == SS_AREA_LINK ? port_fail(err) : cli_fail(err);
    if (p->rehearsed && !given(p, OPT_DRY_RUN))
        cli_hint("the same command continues where it was");
    return given(p, OPT_JSON) ? json_print(provision_failure_json(p->run, p->rehearsed, p->step, err), code) : code;
}

static void leave(struct provisioning *p)
{
    ss_provision_end(p->run);
    port_close(p->args, &p->port);
    ss_vault_store_close(p->store);
    ss_vault_close(p->vault);
    ss_signing_key_free(p->sign_key);
    profile_option_free(&p->profile);
    config_option_free(&p->config);
    ss_wipe(p->nvs_image, p->nvs.len);
    free(p->nvs_image);
    file_free(&p->bootloader);
    file_free(&p->app);
    file_free(&p->key_file);
    file_free(&p->template_file);
    free(p->table);
    free(p->rehearsal);
}

static int run(const struct cli_args *args)
{
    struct provisioning p = {.args = args};
    struct ss_error err = {0};
    int code = check_usage(args);
    if (code == CLI_OK)
        code = vault_option_open(args, vault_option_options(args).signing_key != NULL, &p.vault);
    if (code != CLI_OK)
        return code;
    p.table = calloc(1, sizeof *p.table);
    p.rehearsal = calloc(1, sizeof *p.rehearsal);
    ss_status_t status = p.table && p.rehearsal
                             ? work(&p, &err)
                             : ss_error_set(&err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory");
    code = report(&p, status, &err);
    leave(&p);
    return code;
}

const struct cli_command command_provision = {
    .path = "provision",
    .summary = "turn a chip on a serial port into a member of the fleet",
    .description =
        "Reads the chip, gets or makes its keys in the vault, signs and seals what goes into its flash, shows every "
        "step, also as commands of esptool and espefuse, and rehearses all of them on a virtual chip with the same "
        "eFuses. Only when an app has started there, the steps are done on the chip: each is journalled before and "
        "after, and read back before the next one rests on it. Before the first one that cannot be undone the device's "
        "id has to be typed.\n\n"
        "Interrupted anywhere, the same command continues: what is done is seen on the chip itself. A chip in an "
        "unexpected state is left alone, and the doctor says what state that is.\n\n"
        "With --update-server the device gets a token of its own, of which the vault keeps the digest, or with "
        "--client-key "
        "that key; both lie in its nvs partition, where flash encryption does not reach (docs/manufacturing.md).\n\n"
        "host-sealed writes ciphertext only and burns everything itself; device-encrypts lets the first boot encrypt "
        "and burn, as ESP-IDF documents it. Level development leaves a way back to plaintext.",
    .options = options,
    .example = "slotseal provision --product lamp --port /dev/ttyUSB0 --build-dir build \\\n"
               "    --bootloader build/bootloader/bootloader.bin --app build/lamp.bin\n"
               "slotseal provision --product lamp --port /dev/ttyUSB0 --dry-run \\\n"
               "    --profile lamp.profile --bootloader bootloader.bin --app lamp.bin\n",
    .run = run,
};
