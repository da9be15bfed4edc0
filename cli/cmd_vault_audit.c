// SPDX-License-Identifier: Apache-2.0
// The audit log: reading it, and whether anybody has changed it.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit_file.h"
#include "commands.h"
#include "file.h"
#include "json.h"
#include "vault_option.h"
#include "vault_report.h"

enum { SMALL_FILE_LIMIT = 4096, LOG_FILE_LIMIT = 1 << 30 };

static const struct cli_option options[] = {
    {OPT_FROM, "from", 0, false, "N", "show: first record to print (1)", NULL, COMPLETE_NOTHING},
    {OPT_HEAD, "head", 0, false, "FILE", "verify: a head that was kept; the log must extend it", NULL, COMPLETE_FILE},
    {OPT_PUBLIC_KEY, "public-key", 0, false, "FILE", "verify, without a vault: the key that signs heads", NULL,
     COMPLETE_FILE},
    {OPT_LOG, "log", 0, false, "FILE", "the log to verify so, as vault audit --json prints it", NULL, COMPLETE_FILE},
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

static ss_status_t read_head(const char *path, struct ss_vault_audit_head *head, struct ss_error *err)
{
    struct input file = {0};
    ss_status_t status = file_read(path, SMALL_FILE_LIMIT, &file, err);
    if (status == SS_OK)
        status = audit_file_head(&file, head, err);
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

// A copy of the log, without the vault

static ss_status_t follow_log(const char *path, struct ss_vault_audit_chain *chain, struct ss_error *err)
{
    struct input file = {0};
    ss_status_t status = file_read(path, LOG_FILE_LIMIT, &file, err);
    if (status == SS_OK)
        status = audit_file_follow(&file, chain, err);
    file_free(&file);
    if (status == SS_OK && chain->number < chain->head->number)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                              "the log ends at record %lld, before the head (%lld): records are missing",
                              (long long)chain->number, (long long)chain->head->number);
    return status;
}

static ss_status_t verify_head(const char *key_path, const struct ss_vault_audit_head *head, struct ss_error *err)
{
    struct input key = {0};
    ss_status_t status = file_read(key_path, SMALL_FILE_LIMIT, &key, err);
    if (status == SS_OK && !strstr((const char *)key.data, "-----BEGIN "))
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "%s: no public key in PEM", key_path);
    if (status == SS_OK)
        status = ss_vault_audit_head_verify(head, (const char *)key.data, err);
    file_free(&key);
    return status;
}

/// What the head vouches for: whoever wrote the copy can have made up what is behind it.
static int verify_copy(const struct cli_args *args)
{
    struct ss_vault_audit_head head = {0};
    struct ss_vault_audit_chain chain = {.head = &head};
    struct ss_error err = {0};
    ss_status_t status = read_head(args->options[OPT_HEAD], &head, &err);
    memcpy(chain.vault_id, head.vault_id, sizeof chain.vault_id);
    if (status == SS_OK)
        status = verify_head(args->options[OPT_PUBLIC_KEY], &head, &err);
    if (status == SS_OK)
        status = follow_log(args->options[OPT_LOG], &chain, &err);
    if (status != SS_OK) {
        cli_fail(&err);
        return status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_INVALID_SIGNATURE ||
                       status == SS_ERROR_NOT_PERMITTED
                   ? CLI_REFUSED
                   : CLI_FAILED;
    }
    int64_t behind = chain.number - head.number;
    if (behind)
        cli_warning("nothing vouches for %lld records behind the head: a later head does", (long long)behind);
    if (args->options[OPT_JSON])
        return json_print(
            json_pack("{s:b, s:o, s:I}", "whole", true, "head", json_head(&head), "behind", (json_int_t)behind),
            CLI_OK);
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
    if (args->options[OPT_PUBLIC_KEY] || args->options[OPT_LOG]) {
        if (actions[i].run != verify || !args->options[OPT_PUBLIC_KEY] || !args->options[OPT_LOG] ||
            !args->options[OPT_HEAD])
            return cli_usage("slotseal vault audit verify --public-key FILE --head FILE --log FILE",
                             "a log is verified without its vault by a public key, a head and the log");
        return verify_copy(args);
    }
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
        "verify          checks that none was changed, dropped or moved; exit status 3 if one was. With --public-key, "
        "--head and --log it does so without a vault or any key of it, for the records up to that head\n\n"
        "head            prints the signed end of the log. Kept elsewhere and given to verify by --head, it shows that "
        "the log, or the whole vault, was not put back to an older copy\n\n"
        "public-key      prints the key that signs heads",
    .operands = "[ACTION]",
    .options = options,
    .example = "slotseal vault audit head --vault sqlite:fleet.vault >monday.head\n"
               "slotseal vault audit verify --vault sqlite:fleet.vault --head monday.head\n"
               "slotseal vault audit verify --public-key audit.pem --head monday.head --log audit.json\n",
    .run = run,
};
