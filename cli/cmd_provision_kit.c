// SPDX-License-Identifier: Apache-2.0
// At the contract manufacturer's: a chip is provisioned from a sealed kit, without a vault.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "confirm.h"
#include "core/crypto.h"
#include "file.h"
#include "json.h"
#include "port_option.h"
#include "provision/kit_store.h"
#include "provision/record.h"
#include "provision_text.h"
#include "signing.h"

enum { STATION_FILE_LIMIT = 64 << 10 };

static const struct cli_option options[] = {
    OPTION_PORT(true),
    {OPT_KIT_KEY, "kit-key", 0, true, "FILE", "public key that has to have signed the kit", NULL, COMPLETE_FILE},
    {OPT_STATION_CERT, "station-cert", 0, true, "FILE", "this station's certificate", NULL, COMPLETE_FILE},
    {OPT_STATION_KEY, "station-key", 0, true, "FILE", "its private key, PEM", NULL, COMPLETE_FILE},
    {OPT_STATION, "station", 0, false, "NAME", "name of this station, for the record", NULL, COMPLETE_NOTHING},
    {OPT_OPERATOR, "operator", 0, false, "NAME", "who works at it, for the record", NULL, COMPLETE_NOTHING},
    {OPT_RECORD, "record", 0, false, "FILE", "append the manufacturing record, .csv or JSON lines", NULL,
     COMPLETE_FILE},
    {OPT_LABELS, "labels", 0, false, "FILE", "append label data, the same", NULL, COMPLETE_FILE},
    {OPT_DRY_RUN, "dry-run", 0, false, NULL, "show and rehearse everything, change nothing", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTION_BAUD,
    OPTIONS_RESET("auto manual"),
    OPTION_JSON,
    OPTION_END,
};

struct bench {
    const struct cli_args *args;
    struct input kit_key_file, certificate, station_key;
    ss_signing_key_t *kit_key;
    struct ss_kit *kit;
    struct ss_kit_station station;
    struct ss_kit_store *store;
    struct ss_boot_profile profile;
    struct ss_partition_table table;
    struct ss_parts parts;
    struct port_session port;
    struct ss_provision *run;
    struct ss_rehearsal rehearsal;
    char step[SS_RECORD_WORD];
    bool rehearsed, started, done;
};

static bool given(const struct bench *b, enum cli_option_id id)
{
    return b->args->options[id] != NULL;
}

static ss_status_t open_kit(struct bench *b, struct ss_error *err)
{
    const char *const *o = b->args->options;
    ss_status_t status = signing_key_read(o[OPT_KIT_KEY], &b->kit_key_file, &b->kit_key, err);
    if (status == SS_OK)
        status = file_read(o[OPT_STATION_CERT], STATION_FILE_LIMIT, &b->certificate, err);
    if (status == SS_OK)
        status = file_read(o[OPT_STATION_KEY], STATION_FILE_LIMIT, &b->station_key, err);
    if (status != SS_OK)
        return status;
    file_warn_readable(&b->station_key);
    b->station =
        (struct ss_kit_station){b->certificate.data, b->certificate.len, b->station_key.data, b->station_key.len};
    status = ss_kit_open(b->args->operands[0], b->kit_key, &b->kit, err);
    if (status != SS_OK)
        return status;
    const struct ss_kit_header *h = &b->kit->header;
    status = ss_profile_parse(h->profile, strlen(h->profile), &b->profile, err);
    return status == SS_OK ? ss_table_from_binary(h->table, sizeof h->table, &b->table, err) : status;
}

static ss_status_t begin(struct bench *b, struct ss_error *err)
{
    const struct ss_kit_header *h = &b->kit->header;
    ss_status_t status = ss_kit_store_open(b->kit, &b->station, b->port.chip->mac, &b->store, err);
    if (status == SS_OK)
        status = ss_kit_read_parts(b->kit, ss_kit_store_device(b->store), &b->station, &b->parts, err);
    if (status != SS_OK)
        return status;
    struct ss_provision_job job = {.options = {.kind = SS_PROCEDURE_HOST_SEALED,
                                               .level = h->level,
                                               .secure_boot = h->secure_boot,
                                               .count_max = h->count_max,
                                               .uart_disable = h->uart_disable,
                                               .profile = &b->profile},
                                   .table = &b->table,
                                   .prepared = &b->parts,
                                   .store = ss_kit_store_functions(b->store)};
    return ss_provision_begin(&job, b->port.link, &b->run, err);
}

static bool confirm(void *context, const char *device, const struct ss_step *step)
{
    struct bench *b = context;
    (void)step;
    progress_end(&b->port.progress);
    b->started = cli_confirm(b->args->options[OPT_CONFIRM], device, "burns eFuses, for good, of the chip of");
    return b->started;
}

static void show_step(void *context, size_t index, const struct ss_step *step, enum ss_journal_phase phase)
{
    struct bench *b = context;
    snprintf(b->step, sizeof b->step, "%s", step->id);
    provision_show_step(NULL, index, step, phase);
}

static ss_status_t execute(struct bench *b, struct ss_error *err)
{
    struct ss_provision_observer observer = {.context = b, .confirm = confirm, .step = show_step};
    bool text = !given(b, OPT_JSON);
    if (text)
        provision_print_procedure(b->run);
    provision_print_warnings(b->run);
    ss_status_t status = ss_provision_rehearse(b->run, &b->rehearsal, err);
    b->rehearsed = status == SS_OK;
    if (status == SS_OK && text)
        provision_print_rehearsal(&b->rehearsal);
    fflush(stdout);
    if (status != SS_OK || given(b, OPT_DRY_RUN))
        return status;
    status = ss_provision_execute(b->run, &observer, err);
    progress_end(&b->port.progress);
    b->done = status == SS_OK;
    if (text && b->done)
        provision_print_result(b->run);
    return status;
}

static void fill_digest(struct ss_record_digest *out, const uint8_t sha256[32])
{
    out->known = true;
    memcpy(out->sha256, sha256, 32);
}

static ss_status_t record(struct bench *b, struct ss_error *err)
{
    const char *const *o = b->args->options;
    const struct ss_kit_header *h = &b->kit->header;
    const struct ss_kit_device *device = ss_kit_store_device(b->store);
    struct ss_manufacturing_record r = {.mac_known = true, .chip = "esp32", .tool = "slotseal " SS_VERSION};
    struct ss_label label = {device->id, device->mac, h->product, NULL};

    memcpy(r.device, device->id, sizeof r.device);
    memcpy(r.mac, device->mac, sizeof r.mac);
    r.revision = b->port.chip ? b->port.chip->revision : 0;
    snprintf(r.product, sizeof r.product, "%s", h->product);
    if (b->run)
        snprintf(r.key_id, sizeof r.key_id, "%s", ss_provision_key_id(b->run));
    fill_digest(&r.bootloader, h->bootloader_sha256);
    fill_digest(&r.table, h->table_sha256);
    fill_digest(&r.app, h->app_sha256);
    snprintf(r.app_version, sizeof r.app_version, "%s", h->app_version);
    snprintf(r.plan, sizeof r.plan, "host-sealed");
    snprintf(r.level, sizeof r.level, "%s", ss_procedure_level_name(h->level));
    r.result = b->done ? SS_RECORD_DONE : b->started ? SS_RECORD_FAILED : SS_RECORD_REFUSED;
    snprintf(r.step, sizeof r.step, "%s", b->done ? "" : *b->step ? b->step : "prepare");
    snprintf(r.run, sizeof r.run, "%s", h->kit);
    snprintf(r.station, sizeof r.station, "%s", o[OPT_STATION] ? o[OPT_STATION] : "");
    snprintf(r.person, sizeof r.person, "%s", o[OPT_OPERATOR] ? o[OPT_OPERATOR] : "");
    r.time = time(NULL);
    ss_status_t status = o[OPT_RECORD] ? ss_record_append(o[OPT_RECORD], &r, err) : SS_OK;
    if (status == SS_OK && b->done && o[OPT_LABELS])
        status = ss_label_append(o[OPT_LABELS], &label, err);
    return status;
}

static ss_status_t work(struct bench *b, struct ss_error *err)
{
    struct ss_error record_err = {0};
    ss_status_t status = open_kit(b, err);
    if (status == SS_OK)
        status = port_connect(b->args, &b->port, err);
    if (status == SS_OK)
        status = begin(b, err);
    if (status == SS_OK)
        status = execute(b, err);
    if (b->store && !given(b, OPT_DRY_RUN) && record(b, &record_err) != SS_OK) {
        cli_error("not recorded: %s", record_err.message);
        if (status == SS_OK)
            *err = record_err;
        return status == SS_OK ? record_err.status : status;
    }
    return status;
}

static int report(struct bench *b, ss_status_t status, const struct ss_error *err)
{
    int code = CLI_OK;
    if (status != SS_OK) {
        code = err->area == SS_AREA_LINK ? port_fail(err) : cli_fail(err);
        if (b->started && !b->done)
            cli_hint("the same command continues where it was");
        if (status == SS_ERROR_INVALID_SIGNATURE && !b->port.link)
            code = CLI_REFUSED;
        return given(b, OPT_JSON) ? json_print(provision_failure_json(b->run, b->rehearsed, b->step, err), code) : code;
    }
    if (given(b, OPT_JSON))
        code = json_print(provision_json(b->run, b->rehearsed ? &b->rehearsal : NULL, b->done), code);
    return code;
}

static void leave(struct bench *b)
{
    ss_provision_end(b->run);
    ss_parts_free(&b->parts);
    port_close(b->args, &b->port);
    ss_kit_store_close(b->store);
    ss_kit_free(b->kit);
    ss_signing_key_free(b->kit_key);
    file_free(&b->kit_key_file);
    file_free(&b->certificate);
    file_free(&b->station_key);
    free(b);
}

static int run(const struct cli_args *args)
{
    struct ss_error err = {0};
    struct bench *b = calloc(1, sizeof *b);
    if (!b) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    b->args = args;
    int code = port_check(args);
    if (code == CLI_OK) {
        ss_status_t status = work(b, &err);
        code = report(b, status, &err);
    }
    leave(b);
    return code;
}

const struct cli_command command_provision_kit = {
    .path = "provision kit",
    .summary = "provision a chip from a sealed kit, without a vault",
    .description =
        "For the manufacturer who got a kit (slotseal kit make). The kit's signature is verified; the chip on the port "
        "has "
        "to be one that the kit names; its key and its configuration are decrypted with the station's key; the rest is "
        "ciphertext already and stays so. Everything is rehearsed on a virtual chip first, and each step is journalled "
        "in "
        "the kit's folder, so that the same command continues what was interrupted.",
    .operands = "KIT",
    .options = options,
    .example = "slotseal provision kit lot7 --port /dev/ttyUSB0 --kit-key kit-key.pub.pem \\\n"
               "    --station-cert acme.pem --station-key acme.key --record lot7.jsonl\n",
    .run = run,
};
