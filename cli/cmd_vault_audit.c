// SPDX-License-Identifier: Apache-2.0
// The audit log: reading it, and whether anybody has changed it.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "file.h"
#include "json.h"
#include "vault/audit.h"
#include "vault_option.h"
#include "vault_report.h"

enum { HEAD_FILE_LIMIT = 4096 };

static const struct cli_option options[] = {
    {OPT_FROM, "from", 0, false, "N", "show: first record to print (1)", NULL, COMPLETE_NOTHING},
    {OPT_HEAD, "head", 0, false, "FILE", "verify: a head that was kept; the log must extend it", NULL, COMPLETE_FILE},
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

static void utc(int64_t time, char out[24])
{
    time_t t = (time_t)time;
    struct tm tm;
    strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
}

static ss_status_t show_record(void *context, const struct ss_vault_audit_record *r, struct ss_error *err)
{
    char when[24], actor[SS_VAULT_NAME_SIZE * 2], detail[SS_VAULT_AUDIT_DETAIL_MAX + 1];
    (void)err;
    utc(r->time, when);
    if (context) {
        json_array_append_new(context, json_pack("{s:I, s:s, s:o, s:s, s:o, s:o, s:o}", "number", (json_int_t)r->number,
                                                 "time", when, "actor", json_text(r->actor), "action", r->action,
                                                 "subject", json_text(r->subject), "detail", json_text(r->detail),
                                                 "hash", json_hex(r->hash, sizeof r->hash)));
        return SS_OK;
    }
    printf("%6lld  %s  %-9s %-24s %s%s(%s)\n", (long long)r->number, when, r->action, r->subject,
           cli_shown(r->detail, detail, sizeof detail), r->detail[0] ? " " : "",
           cli_shown(r->actor, actor, sizeof actor));
    return SS_OK;
}

static int show(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_error err = {0};
    uint64_t from;
    if (!cli_option_number(args, options, OPT_FROM, INT64_MAX, 1, &from))
        return CLI_USAGE;
    json_t *array = args->options[OPT_JSON] ? json_array() : NULL;
    if (ss_vault_audit_read(vault, (int64_t)from, show_record, array, &err) != SS_OK) {
        json_decref(array);
        return vault_fail(&err);
    }
    return array ? json_print(json_pack("{s:o}", "records", array), CLI_OK) : CLI_OK;
}

static json_t *json_head(const struct ss_vault_audit_head *head)
{
    return json_pack("{s:o, s:I, s:o, s:o}", "vault", json_hex(head->vault_id, sizeof head->vault_id), "number",
                     (json_int_t)head->number, "hash", json_hex(head->hash, sizeof head->hash), "signature",
                     json_hex(head->signature, sizeof head->signature));
}

static bool from_hex(const json_t *object, const char *name, uint8_t *out, size_t len)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || strlen(text) != 2 * len || strspn(text, "0123456789abcdef") != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        sscanf(text + 2 * i, "%2x", &byte);
        out[i] = (uint8_t)byte;
    }
    return true;
}

static ss_status_t read_head(const char *path, struct ss_vault_audit_head *head, struct ss_error *err)
{
    struct input file = {0};
    ss_status_t status = file_read(path, HEAD_FILE_LIMIT, &file, err);
    if (status != SS_OK)
        return status;
    json_t *object = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, NULL);
    head->number = (int64_t)json_integer_value(json_object_get(object, "number"));
    if (head->number < 1 || !from_hex(object, "vault", head->vault_id, sizeof head->vault_id) ||
        !from_hex(object, "hash", head->hash, sizeof head->hash) ||
        !from_hex(object, "signature", head->signature, sizeof head->signature))
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s: no head of an audit log", path);
    json_decref(object);
    file_free(&file);
    return status;
}

static int verify(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_audit_head known, head;
    struct ss_error err = {0};
    const char *path = args->options[OPT_HEAD];
    if (path && read_head(path, &known, &err) != SS_OK)
        return cli_fail(&err);
    ss_status_t found = ss_vault_audit_verify(vault, path ? &known : NULL, &head, &err);
    if (found != SS_OK) {
        vault_fail(&err);
        return vault_report_is_verdict(found) || found == SS_ERROR_NOT_PERMITTED ? CLI_REFUSED : CLI_FAILED;
    }
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:b, s:o}", "whole", true, "head", json_head(&head)), CLI_OK);
    printf("%lld records, whole and signed\n", (long long)head.number);
    return CLI_OK;
}

static int print_head(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_audit_head head;
    struct ss_error err = {0};
    (void)args;
    if (ss_vault_audit_verify(vault, NULL, &head, &err) != SS_OK)
        return vault_fail(&err);
    return json_print(json_head(&head), CLI_OK);
}

static int print_public_key(const struct cli_args *args, struct ss_vault *vault)
{
    char pem[SS_VAULT_PUBLIC_KEY_SIZE];
    struct ss_error err = {0};
    (void)args;
    if (ss_vault_audit_public_key(vault, pem, &err) != SS_OK)
        return vault_fail(&err);
    fputs(pem, stdout);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    static const struct {
        const char *name;
        int (*run)(const struct cli_args *args, struct ss_vault *vault);
    } actions[] = {{"show", show}, {"verify", verify}, {"head", print_head}, {"public-key", print_public_key}};
    const char *name = args->operand_count ? args->operands[0] : "show";
    size_t i = 0, count = sizeof actions / sizeof *actions;
    struct ss_vault *vault;
    while (i < count && strcmp(name, actions[i].name) != 0)
        i++;
    if (i == count)
        return cli_usage("one of: show verify head public-key", "vault audit cannot do that");
    int status = vault_option_open(args, false, &vault);
    if (status == CLI_OK)
        status = actions[i].run(args, vault);
    ss_vault_close(vault);
    return status;
}

const struct cli_command command_vault_audit = {
    .path = "vault audit",
    .summary = "the log of every use of a secret",
    .description =
        "show (default)  prints the records: number, time, action, device or key, detail, who\n\n"
        "verify          checks that none was changed, dropped or moved; exit status 3 if one was\n\n"
        "head            prints the signed end of the log. Kept elsewhere and given to verify by --head, it shows that "
        "the log, or the whole vault, was not put back to an older copy\n\n"
        "public-key      prints the key that signs heads",
    .operands = "[ACTION]",
    .options = options,
    .example = "slotseal vault audit head --vault sqlite:fleet.vault >monday.head\n"
               "slotseal vault audit verify --vault sqlite:fleet.vault --head monday.head\n",
    .run = run,
};
