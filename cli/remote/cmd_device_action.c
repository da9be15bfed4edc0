// SPDX-License-Identifier: Apache-2.0
// What a device is given: assigning, cancelling, and how it went.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/remote/remote.h"

// Assigning

static const struct cli_option assign_options[] = {
    {OPT_SOFT, "soft", 0, false, NULL, "the device may choose when: not forced", NULL, COMPLETE_NOTHING},
    {OPT_ASK_USER, "ask-user", 0, false, NULL, "the device's user is asked first", NULL, COMPLETE_NOTHING},
    {OPT_DOWNLOAD_ONLY, "download-only", 0, false, NULL, "it is kept for a later assignment, not installed", NULL,
     COMPLETE_NOTHING},
    {OPT_WINDOW, "window", 0, false, "START/DURATION", "when to install it: 02:00/03:30, each day, UTC", NULL,
     COMPLETE_NOTHING},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "only say what would be done", NULL, COMPLETE_NOTHING},
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

/// The release called @p version of the device's product.
static ss_status_t find_release(struct remote *r, const char *product, const char *version, json_t **out,
                                struct ss_error *err)
{
    json_t *answer, *release;
    size_t i;
    const char *path = remote_path(r, "/releases?product=", product);
    const struct remote_request q = {.method = "GET", .path = path ? path : "/releases"};
    *out = NULL;
    ss_status_t status = remote_ask(r, &q, &answer, NULL, err);
    if (status != SS_OK)
        return status;
    json_array_foreach(json_object_get(answer, "releases"), i, release)
    {
        const char *is = json_string_value(json_object_get(release, "version"));
        if (is && !strcmp(is, version))
            *out = json_incref(release);
    }
    json_decref(answer);
    char shown[64];
    return *out ? SS_OK
                : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "the server has no release %s of %s",
                               cli_shown(version, shown, sizeof shown), product);
}

static int plan(const struct cli_args *args, struct remote *r)
{
    struct ss_error err = {0};
    json_t *device = NULL, *release = NULL;
    ss_status_t status = remote_get(r, &device, &err, "/devices/%s", args->operands[0]);
    if (status == SS_OK)
        status = find_release(r, remote_text(device, "product"), args->operands[1], &release, &err);
    int result = status == SS_OK ? CLI_OK : remote_fail(&err);
    json_t *told = json_object_get(device, "told"), *open = json_object_get(device, "open");
    if (result == CLI_OK && args->options[OPT_JSON]) {
        result =
            json_print(json_pack("{s:b, s:O, s:O}", "dry_run", true, "device", device, "release", release), CLI_OK);
    } else if (result == CLI_OK) {
        printf("%s (%s, runs %s %s) would get %s %s\n", args->operands[0], remote_text(device, "product"),
               *remote_text(told, "slot") ? remote_text(told, "slot") : "an unknown slot", remote_text(told, "version"),
               remote_text(release, "kind"), remote_text(release, "version"));
        if (json_is_object(open))
            printf("action %lld would be cancelled\n", (long long)remote_number(open, "action"));
    }
    json_decref(device);
    json_decref(release);
    return result;
}

/// @p window: owned by the caller, NULL for none.
static int assign(const struct cli_args *args, struct remote *r, json_t *window)
{
    char path[96];
    struct ss_error err = {0};
    json_t *answer;
    snprintf(path, sizeof path, "/devices/%s/actions", args->operands[0]);
    const struct remote_request q = {.method = "POST",
                                     .path = path,
                                     .json = json_pack("{s:s, s:b, s:b, s:b, s:O*}", "version", args->operands[1],
                                                       "forced", !args->options[OPT_SOFT], "confirm",
                                                       args->options[OPT_ASK_USER] != NULL, "download_only",
                                                       args->options[OPT_DOWNLOAD_ONLY] != NULL, "window", window)};
    if (remote_ask(r, &q, &answer, NULL, &err) != SS_OK)
        return remote_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(answer, CLI_OK);
    char shown[64];
    printf("action %lld: %s gets %s%s\n", (long long)remote_number(answer, "id"), args->operands[0],
           cli_shown(args->operands[1], shown, sizeof shown),
           json_is_true(json_object_get(answer, "created")) ? "" : ", as was said before");
    json_decref(answer);
    return CLI_OK;
}

static int run_assign(const struct cli_args *args)
{
    struct remote *r;
    json_t *window = NULL;
    if (args->operand_count != 2)
        return cli_usage(NULL, "device assign takes a device and a version");
    if (!remote_name_ok("device", args->operands[0]))
        return CLI_USAGE;
    if (args->options[OPT_DOWNLOAD_ONLY] && args->options[OPT_WINDOW])
        return cli_usage(NULL, "--download-only installs nothing: it has no --window");
    if (args->options[OPT_WINDOW] && !remote_window(args->options[OPT_WINDOW], &window))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result == CLI_OK)
        result = args->options[OPT_DRY_RUN] ? plan(args, r) : assign(args, r, window);
    remote_close(r);
    json_decref(window);
    return result;
}

const struct cli_command command_device_assign = {
    .path = "device assign",
    .summary = "give a device a release",
    .description =
        "The server offers the release at the device's next poll, sealed for the slot that it does not run. What "
        "was under way for another release is cancelled; the device is asked to stop that first. Saying "
        "it twice does it once. With --window it downloads at once, and installs within the window: each day "
        "from HH:MM in UTC, or once from a point in time such as 2027-01-31T02:00:00Z; one that is over unused "
        "cancels the assignment.",
    .operands = "ID VERSION",
    .options = assign_options,
    .example = "slotseal device assign 240ac412345e 1.5.0 --server https://up.example.com \\\n"
               "    --token-file operator.token\n",
    .run = run_assign,
};

// Cancelling

static const struct cli_option cancel_options[] = {
    {OPT_FORCE, "force", 'f', false, NULL, "end it here, whatever the device does", NULL, COMPLETE_NOTHING},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "only say what would be done", NULL, COMPLETE_NOTHING},
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static int print_action(const struct cli_args *args, json_t *action)
{
    if (args->options[OPT_JSON])
        return json_print(action, CLI_OK);
    printf("action %lld: %s %s is %s\n", (long long)remote_number(action, "id"), remote_text(action, "device"),
           remote_text(action, "version"), remote_text(action, "state"));
    json_decref(action);
    return CLI_OK;
}

/// The newest open action that is not being cancelled; with --force, also one that is. NULL: none.
static json_t *find_open(const json_t *answer, bool force)
{
    size_t i;
    json_t *action;
    json_array_foreach(json_object_get(answer, "actions"), i,
                       action) if (json_is_true(json_object_get(action, "active")) &&
                                   (force || strcmp(remote_text(action, "state"), "canceling") != 0)) return action;
    return NULL;
}

static int cancel(const struct cli_args *args, struct remote *r)
{
    char path[64];
    struct ss_error err = {0};
    json_t *answer, *action;
    bool force = args->options[OPT_FORCE] != NULL;
    if (remote_get(r, &answer, &err, "/devices/%s/actions", args->operands[0]) != SS_OK)
        return remote_fail(&err);
    json_t *open = find_open(answer, force);
    json_int_t id = remote_number(open, "id");
    if (open && args->options[OPT_DRY_RUN]) {
        json_incref(open);
        json_decref(answer);
        return print_action(args, open);
    }
    json_decref(answer);
    if (!open) {
        cli_error("%s has nothing that could be cancelled", args->operands[0]);
        return CLI_FAILED;
    }
    snprintf(path, sizeof path, "/actions/%lld/cancel", (long long)id);
    const struct remote_request q = {.method = "POST", .path = path, .json = json_pack("{s:b}", "force", force)};
    if (remote_ask(r, &q, &action, NULL, &err) != SS_OK)
        return remote_fail(&err);
    return print_action(args, action);
}

static int run_cancel(const struct cli_args *args)
{
    struct remote *r;
    if (!remote_name_ok("device", args->operands[0]))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result == CLI_OK)
        result = cancel(args, r);
    remote_close(r);
    return result;
}

const struct cli_command command_device_cancel = {
    .path = "device cancel",
    .summary = "take back what a device was given",
    .description =
        "The device is asked to stop, and the action is cancelled when it says that it has. A device that has "
        "switched to the new app already goes on and says so.",
    .operands = "ID",
    .options = cancel_options,
    .example = "slotseal device cancel 240ac412345e --server https://up.example.com \\\n"
               "    --token-file operator.token\n",
    .run = run_cancel,
};

// History

static const struct cli_option history_options[] = {
    {OPT_NUMBER, "number", 0, false, "N", "the last N actions (1)", NULL, COMPLETE_NOTHING},
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static void print_status(const json_t *status)
{
    json_t *message;
    size_t i;
    char shown[256];
    printf("  %s  %-22s", remote_time(status, "time"), remote_text(status, "state"));
    json_t *progress = json_object_get(status, "progress"), *code = json_object_get(status, "code");
    if (json_is_object(progress))
        printf(" %lld/%lld", (long long)remote_number(progress, "count"), (long long)remote_number(progress, "of"));
    if (json_is_integer(code))
        printf(" code %lld", (long long)json_integer_value(code));
    json_array_foreach(json_object_get(status, "messages"), i, message) if (json_is_string(message))
        printf("%s%s", i ? "; " : " ", cli_shown(json_string_value(message), shown, sizeof shown));
    putchar('\n');
}

/// An action with its history in it.
static int one_history(struct remote *r, json_t *action, bool print)
{
    struct ss_error err = {0};
    json_t *answer;
    if (remote_get(r, &answer, &err, "/actions/%lld/history", (long long)remote_number(action, "id")) != SS_OK)
        return remote_fail(&err);
    json_t *history = json_object_get(answer, "history");
    if (print) {
        const char *window = remote_window_text(json_object_get(action, "window"));
        const char *by = remote_text(action, "operator");
        printf("action %lld: %s, %s, by %s%s%s%s\n", (long long)remote_number(action, "id"),
               remote_text(action, "version"), remote_text(action, "state"), *by ? by : "the device itself",
               json_is_true(json_object_get(action, "download_only")) ? ", download only" : "", *window ? ", " : "",
               window);
        for (size_t i = json_array_size(history); i > 0; i--)
            print_status(json_array_get(history, i - 1));
    }
    int failed = json_object_set(action, "history", history);
    json_decref(answer);
    return failed ? cli_fail(&(struct ss_error){.status = SS_ERROR_INSUFFICIENT_MEMORY}) : CLI_OK;
}

static int history(const struct cli_args *args, struct remote *r, unsigned number)
{
    struct ss_error err = {0};
    json_t *answer, *action;
    size_t i;
    int result = CLI_OK;
    if (remote_get(r, &answer, &err, "/devices/%s/actions?limit=%u", args->operands[0], number) != SS_OK)
        return remote_fail(&err);
    json_array_foreach(json_object_get(answer, "actions"), i, action)
    {
        result = one_history(r, action, !args->options[OPT_JSON]);
        if (result != CLI_OK)
            break;
    }
    if (result == CLI_OK && args->options[OPT_JSON])
        return json_print(answer, CLI_OK);
    json_decref(answer);
    return result;
}

static int run_history(const struct cli_args *args)
{
    struct remote *r;
    uint64_t number;
    if (!remote_name_ok("device", args->operands[0]) ||
        !cli_option_number(args, history_options, OPT_NUMBER, 100, 1, &number))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result == CLI_OK)
        result = history(args, r, number ? (unsigned)number : 1);
    remote_close(r);
    return result;
}

const struct cli_command command_device_history = {
    .path = "device history",
    .summary = "what a device was given, and how it went",
    .description = "The last action and what the device said of it, the oldest first.",
    .operands = "ID",
    .options = history_options,
    .example = "slotseal device history 240ac412345e --number 3 \\\n"
               "    --server https://up.example.com --token-file operator.token\n",
    .run = run_history,
};
