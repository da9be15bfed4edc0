// SPDX-License-Identifier: Apache-2.0
// Many chips at once, by one recipe.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "commands.h"
#include "config_option.h"
#include "confirm.h"
#include "file.h"
#include "json.h"
#include "port_option.h"
#include "profile_option.h"
#include "provision/batch.h"
#include "signing.h"
#include "vault_option.h"

enum { IMAGE_LIMIT = 16 << 20, PORTS_LIMIT = 1 << 20 };

static const struct cli_option options[] = {
    {OPT_PRODUCT, "product", 0, true, "NAME", "of this product of the vault", NULL, COMPLETE_NOTHING},
    {OPT_STATION, "station", 0, true, "NAME", "whose quota counts", NULL, COMPLETE_NOTHING},
    {OPT_PORTS, "ports", 0, false, "FILE", "more ports, one a line", NULL, COMPLETE_FILE},
    {OPT_BOOTLOADER, "bootloader", 0, true, "FILE", "bootloader image", NULL, COMPLETE_FILE},
    {OPT_APP, "app", 0, true, "FILE", "app image for the first slot", NULL, COMPLETE_FILE},
    OPTIONS_PROFILE,
    {OPT_PLAN, "plan", 0, false, "PLAN", "who encrypts (host-sealed)", "host-sealed device-encrypts", COMPLETE_CHOICE},
    {OPT_LEVEL, "level", 0, false, "LEVEL", "how much is closed (release)", "development release", COMPLETE_CHOICE},
    {OPT_SIGN_KEY, "sign-key", 0, false, "KEY", "sign with this key of the product, PEM or pkcs11:URI", NULL,
     COMPLETE_FILE},
    {OPT_REPLACE_KEY, "replace-verification-key", 0, false, "FILE",
     "put the device's public key where the images have this one", NULL, COMPLETE_FILE},
    {OPT_UPDATE_SERVER, "update-server", 0, false, "URL[,URL]", "gives each device a token and these servers", NULL,
     COMPLETE_NOTHING},
    {OPT_CA, "ca", 0, false, "FILE", "certificates that the servers' end in, PEM or DER", NULL, COMPLETE_FILE},
    {OPT_KEY_SET, "key-set", 0, false, "FILE", "key set statement, signed by the root keys", NULL, COMPLETE_FILE},
    {OPT_PLAIN_HTTP, "plain-http", 0, false, NULL, "take http:// servers, too: for a laboratory", NULL,
     COMPLETE_NOTHING},
    {OPT_OPERATOR, "operator", 0, false, "NAME", "who works at the station, for the record", NULL, COMPLETE_NOTHING},
    {OPT_RECORD, "record", 0, false, "FILE[,FILE]", "append the manufacturing record, .csv or JSON lines", NULL,
     COMPLETE_FILE},
    {OPT_LABELS, "labels", 0, false, "FILE[,FILE]", "append label data of finished devices, the same", NULL,
     COMPLETE_FILE},
    {OPT_QR, "qr", 0, false, "TEXT", "text of the QR code, of {id} {mac} {MAC} {product} ({id})", NULL,
     COMPLETE_NOTHING},
    {OPT_CONFIRM, "confirm", 0, false, "PRODUCT", "the product again, instead of being asked for it", NULL,
     COMPLETE_NOTHING},
    OPTION_BAUD,
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_JSON,
    OPTION_END,
};

#define FILES_MAX 4

struct shift {
    const struct cli_args *args;
    struct input bootloader, app, key_file, template_file, ports_file;
    struct profile_option profile;
    struct config_option config;
    uint8_t embedded_key[SS_VK_SIZE];
    ss_signing_key_t *sign_key;
    struct ss_partition_table table;
    struct ss_vault_product product;
    struct ss_vault *vault;
    const char *ports[SS_BATCH_MAX_PORTS + 1];
    unsigned count;
    struct port_session sessions[SS_BATCH_MAX_PORTS]; ///< one a port; links point into them
    char *records_text, *labels_text;
    const char *records[FILES_MAX + 1], *labels[FILES_MAX + 1];
    struct ss_batch batch;
    struct ss_batch_result results[SS_BATCH_MAX_PORTS];
    struct ss_vault_quota quota;
};

static const char *option(const struct shift *s, enum cli_option_id id)
{
    return s->args->options[id];
}

static int split(const char *list, char **copy, const char *out[FILES_MAX + 1], const char *name)
{
    unsigned n = 0;
    if (!list)
        return CLI_OK;
    char *rest = *copy = strdup(list);
    for (char *one; rest && (one = strsep(&rest, ",")) != NULL;) {
        if (n == FILES_MAX || !*one)
            return cli_usage(NULL, "--%s takes 1 to %d files, separated by commas", name, FILES_MAX);
        out[n++] = one;
    }
    return *copy ? CLI_OK : CLI_FAILED;
}

static int check_usage(struct shift *s)
{
    int code = profile_option_check(s->args);
    if (code == CLI_OK && !option(s, OPT_PROFILE) && !option(s, OPT_BUILD_DIR))
        code = cli_usage("--build-dir DIR, or --profile FILE",
                         "what is compiled into the bootloader has to be known: it decides what is burned");
    if (code == CLI_OK && !option(s, OPT_UPDATE_SERVER) &&
        (option(s, OPT_CA) || option(s, OPT_KEY_SET) || option(s, OPT_PLAIN_HTTP)))
        code = cli_usage(NULL, "--ca, --key-set and --plain-http go with --update-server");
    if (code == CLI_OK && option(s, OPT_QR) && !option(s, OPT_LABELS))
        code = cli_usage(NULL, "--qr needs --labels");
    if (code == CLI_OK)
        code = split(option(s, OPT_RECORD), &s->records_text, s->records, "record");
    if (code == CLI_OK)
        code = split(option(s, OPT_LABELS), &s->labels_text, s->labels, "labels");
    return code == CLI_OK ? port_check(s->args) : code;
}

static ss_status_t add_port(struct shift *s, const char *port, struct ss_error *err)
{
    if (s->count == SS_BATCH_MAX_PORTS)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_PROVISION, "more than %d ports",
                            SS_BATCH_MAX_PORTS);
    s->ports[s->count++] = port;
    return SS_OK;
}

static ss_status_t read_ports(struct shift *s, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < s->args->operand_count; i++)
        status = add_port(s, s->args->operands[i], err);
    if (status != SS_OK || !option(s, OPT_PORTS))
        return status;
    status = file_read(option(s, OPT_PORTS), PORTS_LIMIT, &s->ports_file, err);
    char *rest = (char *)s->ports_file.data;
    for (char *line; status == SS_OK && rest && (line = strsep(&rest, "\r\n")) != NULL;) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t#")] = '\0';
        if (*line)
            status = add_port(s, line, err);
    }
    return status;
}

static ss_status_t read_files(struct shift *s, struct ss_error *err)
{
    ss_status_t status = profile_option_read(s->args, &s->profile, err);
    if (status == SS_OK)
        status = file_read(option(s, OPT_BOOTLOADER), IMAGE_LIMIT, &s->bootloader, err);
    if (status == SS_OK)
        status = file_read(option(s, OPT_APP), IMAGE_LIMIT, &s->app, err);
    if (status == SS_OK && option(s, OPT_SIGN_KEY))
        status =
            signing_key_to_sign(s->args, option(s, OPT_SIGN_KEY), "for provisioning", &s->key_file, &s->sign_key, err);
    if (status == SS_OK && option(s, OPT_REPLACE_KEY))
        status = verification_key_read(option(s, OPT_REPLACE_KEY), &s->template_file, s->embedded_key, err);
    if (status == SS_OK)
        status = config_option_read(s->args, &s->config, err);
    return status == SS_OK ? read_ports(s, err) : status;
}

static ss_status_t read_product(struct shift *s, struct ss_error *err)
{
    ss_status_t status = ss_vault_product_get(s->vault, option(s, OPT_PRODUCT), &s->product, err);
    if (status == SS_OK && s->product.table.address != s->profile.profile->table_offset)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                              "the product's partition table is at 0x%x, the bootloader looks at 0x%x",
                              (unsigned)s->product.table.address, (unsigned)s->profile.profile->table_offset);
    return status == SS_OK ? ss_table_from_binary(s->product.table.bytes, s->product.table.len, &s->table, err)
                           : status;
}

/// As for one chip, but without a line that is written over: there are many.
static ss_status_t connect(void *context, const char *port, struct ss_link **link, struct ss_error *err)
{
    struct shift *s = context;
    struct cli_args args = *s->args;
    struct port_session *session = s->sessions;
    for (unsigned i = 0; i < s->count; i++)
        if (s->ports[i] == port)
            session = &s->sessions[i];
    session->progress.silent = true;
    args.options[OPT_PORT] = port;
    ss_status_t status = port_connect(&args, session, err);
    *link = session->link;
    return status;
}

static void show_step(void *context, unsigned index, const struct ss_step *step, enum ss_journal_phase phase)
{
    const struct shift *s = context;
    char port[80];
    if (phase == SS_JOURNAL_AFTER && isatty(STDERR_FILENO))
        fprintf(stderr, "%s: %s\n", cli_shown(s->ports[index], port, sizeof port), step->id);
}

static void describe(struct shift *s)
{
    s->batch = (struct ss_batch){.vault = s->vault,
                                 .product = option(s, OPT_PRODUCT),
                                 .station = option(s, OPT_STATION),
                                 .person = option(s, OPT_OPERATOR),
                                 .tool = "slotseal " SS_VERSION,
                                 .records = s->records,
                                 .labels = s->labels,
                                 .qr = option(s, OPT_QR),
                                 .sign_key = s->sign_key,
                                 .ask = ask_secret,
                                 .config = option(s, OPT_UPDATE_SERVER) ? &s->config.config : NULL,
                                 .job = {.options = {.kind = (enum ss_procedure_kind)cli_option_choice(
                                                         s->args, options, OPT_PLAN, SS_PROCEDURE_HOST_SEALED),
                                                     .level = (enum ss_procedure_level)cli_option_choice(
                                                         s->args, options, OPT_LEVEL, SS_LEVEL_RELEASE),
                                                     .secure_boot = s->product.secure_boot,
                                                     .profile = s->profile.profile},
                                         .table = &s->table,
                                         .bootloader = s->bootloader.data,
                                         .bootloader_len = s->bootloader.len,
                                         .app = s->app.data,
                                         .app_len = s->app.len,
                                         .embedded_key = option(s, OPT_REPLACE_KEY) ? s->embedded_key : NULL},
                                 .connect = connect,
                                 .step = show_step,
                                 .context = s};
}

static unsigned count_results(const struct shift *s, enum ss_record_result result)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->count; i++)
        n += s->results[i].result == result;
    return n;
}

static void print_report(const struct shift *s)
{
    char port[80];
    for (unsigned i = 0; i < s->count; i++) {
        const struct ss_batch_result *r = &s->results[i];
        printf("%-28s %-14s %-8s %s%s%s\n", cli_shown(s->ports[i], port, sizeof port), *r->device ? r->device : "-",
               ss_record_result_name(r->result), r->step, *r->step ? ": " : "", r->message);
    }
    printf("%u done, %u failed, %u refused", count_results(s, SS_RECORD_DONE), count_results(s, SS_RECORD_FAILED),
           count_results(s, SS_RECORD_REFUSED));
    if (s->quota.limited)
        printf("; quota of %s: %llu of %llu used", option(s, OPT_STATION), (unsigned long long)s->quota.used,
               (unsigned long long)s->quota.limit);
    putchar('\n');
}

static json_t *report_json(const struct shift *s)
{
    json_t *ports = json_array();
    for (unsigned i = 0; i < s->count; i++) {
        const struct ss_batch_result *r = &s->results[i];
        json_array_append_new(ports, json_pack("{s:o, s:o, s:s, s:o, s:o}", "port", json_text(s->ports[i]), "device",
                                               *r->device ? json_string(r->device) : json_null(), "result",
                                               ss_record_result_name(r->result), "step",
                                               *r->step ? json_string(r->step) : json_null(), "message",
                                               *r->message ? json_text(r->message) : json_null()));
    }
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:o, s:o}", "product", s->batch.product, "station", s->batch.station,
                     "done", (int)count_results(s, SS_RECORD_DONE), "failed", (int)count_results(s, SS_RECORD_FAILED),
                     "refused", (int)count_results(s, SS_RECORD_REFUSED), "quota",
                     s->quota.limited ? json_pack("{s:I, s:I}", "limit", (json_int_t)s->quota.limit, "used",
                                                  (json_int_t)s->quota.used)
                                      : json_null(),
                     "ports", ports);
}

static int report(struct shift *s)
{
    int code = count_results(s, SS_RECORD_DONE) == s->count ? CLI_OK : CLI_FAILED;
    for (unsigned i = 0; i < s->count; i++)
        if (s->results[i].record_status != SS_OK) {
            cli_error("%s: not recorded: %s", s->results[i].device, s->results[i].record_message);
            code = CLI_FAILED;
        }
    (void)!ss_vault_quota_get(s->vault, s->batch.station, &s->quota, NULL);
    if (option(s, OPT_JSON))
        return json_print(report_json(s), code);
    print_report(s);
    return code;
}

static int work(struct shift *s)
{
    struct ss_error err = {0};
    ss_status_t status = read_files(s, &err);
    if (status == SS_OK)
        status = read_product(s, &err);
    if (status != SS_OK)
        return cli_fail(&err);
    if (!s->count)
        return cli_usage("slotseal help provision batch", "no port is named");
    describe(s);
    if (!cli_confirm(option(s, OPT_CONFIRM), s->batch.product,
                     "burns eFuses, for good, of every chip on these ports, as"))
        return CLI_FAILED;
    status = ss_batch_run(&s->batch, s->ports, s->count, s->results, &err);
    if (status != SS_OK)
        return cli_fail(&err);
    return report(s);
}

static void leave(struct shift *s)
{
    ss_vault_close(s->vault);
    ss_signing_key_free(s->sign_key);
    profile_option_free(&s->profile);
    config_option_free(&s->config);
    file_free(&s->bootloader);
    file_free(&s->app);
    file_free(&s->key_file);
    file_free(&s->template_file);
    file_free(&s->ports_file);
    free(s->records_text);
    free(s->labels_text);
    free(s);
}

static int run(const struct cli_args *args)
{
    struct shift *s = calloc(1, sizeof *s);
    if (!s) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    s->args = args;
    int code = check_usage(s);
    if (code == CLI_OK)
        code = vault_option_open(args, vault_option_options(args).signing_key != NULL, &s->vault);
    if (code == CLI_OK)
        code = work(s);
    leave(s);
    return code;
}

const struct cli_command command_provision_batch = {
    .path = "provision batch",
    .summary = "provision the chips on many serial ports at once",
    .description =
        "As provision does, all ports at the same time; a chip that fails holds nobody up. Devices are named by their "
        "MAC. Before a chip's first step that cannot be undone it is counted for the station, whose quota (slotseal "
        "quota) no number of stations and no crash overruns.\n\n"
        "More than one port only after one device has been made in the same way, with the same images and options: the "
        "first article. Run it once with a single port.\n\n"
        "The record has one line for each chip that was tried: who, where, when, digests, result; no key, no token. "
        "Running the same command again continues what was interrupted and finds done what is done.\n\n"
        "Exit status 1 if one chip is not done.",
    .operands = "[PORT]...",
    .options = options,
    .example = "slotseal provision batch --product lamp --station line-1 \\\n"
               "    --bootloader bootloader.bin --app lamp.bin --profile lamp.profile \\\n"
               "    --record lot7.csv --labels lot7-labels.csv /dev/ttyUSB*\n",
    .run = run,
};
