// SPDX-License-Identifier: Apache-2.0
// Devices as a server has them: which, and what they run.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/remote/remote.h"
#include "vault/vault.h"

enum { PAGE = 1000 };

static void print_row(const json_t *row, unsigned *lines)
{
    if (!(*lines)++)
        printf("%-20s %-14s %-7s %-7s %-16s %-20s %s\n", "ID", "PRODUCT", "ACTIVE", "SLOT", "VERSION", "SEEN",
               "ACTION");
    printf("%-20s %-14s %-7s %-7s %-16s %-20s ", remote_text(row, "id"), remote_text(row, "product"),
           json_is_true(json_object_get(row, "active")) ? "yes" : "no", remote_text(row, "slot"),
           remote_text(row, "version"), remote_time(row, "seen"));
    if (remote_number(row, "action"))
        printf("%lld %s\n", (long long)remote_number(row, "action"), remote_text(row, "state"));
    else
        puts("-");
}

/// One page of the list behind @p after; *@p next is where the next one begins, "" at the end.
static ss_status_t get_page(struct remote *r, const char *product, const char *after, json_t **page,
                            struct ss_error *err)
{
    return remote_get(r, page, err, "/devices?limit=%d%s%s%s%s", PAGE, product ? "&product=" : "",
                      product ? product : "", *after ? "&after=" : "", after);
}

static int list_pages(const struct cli_args *args, struct remote *r, json_t *all)
{
    const char *product = args->options[OPT_PRODUCT];
    char after[SS_VAULT_NAME_SIZE] = "";
    struct ss_error err = {0};
    unsigned lines = 0;
    do {
        json_t *page, *row;
        size_t i;
        if (get_page(r, product, after, &page, &err) != SS_OK)
            return remote_fail(&err);
        json_array_foreach(json_object_get(page, "devices"), i, row)
        {
            if (!all)
                print_row(row, &lines);
            else if (json_array_append(all, row) != 0)
                return cli_fail(&(struct ss_error){.status = SS_ERROR_INSUFFICIENT_MEMORY});
        }
        const char *next = json_string_value(json_object_get(page, "next"));
        bool ok = next && ss_vault_name_ok(next) && strcmp(next, after) > 0;
        snprintf(after, sizeof after, "%s", ok ? next : "");
        json_decref(page);
    } while (*after);
    return CLI_OK;
}

int remote_device_list(const struct cli_args *args)
{
    struct remote *r;
    if (args->options[OPT_STATE])
        return cli_usage(NULL, "--state is the vault's: a server tells members of the fleet from others");
    if (args->options[OPT_PRODUCT] && !remote_name_ok("product", args->options[OPT_PRODUCT]))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result != CLI_OK)
        return result;
    json_t *all = args->options[OPT_JSON] ? json_array() : NULL;
    result = list_pages(args, r, all);
    if (all && result == CLI_OK)
        result = json_print(json_pack("{s:O}", "devices", all), CLI_OK);
    json_decref(all);
    remote_close(r);
    return result;
}

static void print_object(const json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    { // the macro takes no const
        char name[64], shown[256];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? " " : "", key);
        if (json_is_object(value))
            print_object(value, name);
        else if (json_is_string(value) && *json_string_value(value))
            printf("%-24s %s\n", name, cli_shown(json_string_value(value), shown, sizeof shown));
        else if (json_is_integer(value))
            printf("%-24s %lld\n", name, (long long)json_integer_value(value));
        else if (json_is_boolean(value))
            printf("%-24s %s\n", name, json_is_true(value) ? "yes" : "no");
    }
}

int remote_device_show(const struct cli_args *args)
{
    struct remote *r;
    struct ss_error err = {0};
    json_t *device;
    if (!remote_name_ok("device", args->operands[0]))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result != CLI_OK)
        return result;
    if (remote_get(r, &device, &err, "/devices/%s", args->operands[0]) != SS_OK) {
        result = remote_fail(&err);
    } else if (args->options[OPT_JSON]) {
        result = json_print(device, CLI_OK);
    } else {
        print_object(device, "");
        json_decref(device);
    }
    remote_close(r);
    return result;
}
