// SPDX-License-Identifier: Apache-2.0
// Actions: who gets what, and how it goes. At most one of a device's open actions is not being cancelled; polls are about
// the oldest.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

enum { LIST_LIMIT = 100 };

static bool is_open(enum ss_store_state state)
{
    return state == SS_STORE_RUNNING || state == SS_STORE_CANCELING || state == SS_STORE_WAIT_FOR_CONFIRMATION;
}

ss_status_t ss_store_action_set(struct ss_store_tx *tx, int64_t action, enum ss_store_state state, struct ss_error *err)
{
    return ss_sql_run(tx->db, err, "UPDATE actions SET state = $2, active = $3, changed = $4 WHERE id = $1",
                      ss_sql_int(action), ss_sql_int(state), ss_sql_int(is_open(state)), ss_sql_int(tx->now));
}

// Reading

#define COLUMNS                                                                                                        \
    "a.id, a.device, a.release, r.version, a.state, a.last, a.active, a.forced, a.retrieved, a.code, a.operator, "     \
    "a.created, a.changed, a.download_only, a.window_start, a.window_seconds, a.window_daily"

struct ss_store_window ss_store_window_column(const struct ss_sql_rows *rows, unsigned column)
{
    return (struct ss_store_window){.start = ss_sql_column_int(rows, column),
                                    .seconds = (uint32_t)ss_sql_column_int(rows, column + 1),
                                    .daily = ss_sql_column_int(rows, column + 2) != 0};
}

static void fill(const struct ss_sql_rows *rows, struct ss_store_action *a)
{
    struct ss_sql_value code = ss_sql_column(rows, 9);
    *a = (struct ss_store_action){
        .id = ss_sql_column_int(rows, 0),
        .release = ss_sql_column_int(rows, 2),
        .state = (enum ss_store_state)ss_sql_column_int(rows, 4),
        .last = (enum ss_store_state)ss_sql_column_int(rows, 5),
        .active = ss_sql_column_int(rows, 6) != 0,
        .forced = ss_sql_column_int(rows, 7) != 0,
        .retrieved = ss_sql_column_int(rows, 8) != 0,
        .has_code = code.type == SS_SQL_INT,
        .code = (int32_t)code.number,
        .created = ss_sql_column_int(rows, 11),
        .changed = ss_sql_column_int(rows, 12),
        .download_only = ss_sql_column_int(rows, 13) != 0,
        .window = ss_store_window_column(rows, 14),
    };
    ss_sql_column_text(rows, 1, a->device, sizeof a->device);
    ss_sql_column_text(rows, 3, a->version, sizeof a->version);
    ss_sql_column_text(rows, 10, a->operator_name, sizeof a->operator_name);
}

struct get {
    const char *device;
    int64_t action;
    struct ss_store_action *out;
};

static ss_status_t read_one(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct get *g = context;
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status = ss_sql_select(
        db, &rows, err, "SELECT " COLUMNS " FROM actions a JOIN releases r ON r.id = a.release WHERE a.id = $1",
        ss_sql_int(g->action));
    status = ss_store_first(status, &rows, &row, err);
    if (status == SS_OK && row)
        fill(rows, g->out);
    ss_sql_end(rows);
    if (status == SS_OK && (!row || (g->device && strcmp(g->device, g->out->device) != 0))) {
        memset(g->out, 0, sizeof *g->out);
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no action %lld%s%s",
                            (long long)g->action, g->device ? " of device " : "", g->device ? g->device : "");
    }
    return status;
}

ss_status_t ss_store_action_get(struct ss_store *store, const char *device, int64_t action, struct ss_store_action *out,
                                struct ss_error *err)
{
    struct get g = {device, action, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, read_one, &g, err);
}

struct list {
    const char *device;
    int64_t before;
    unsigned limit;
    ss_status_t (*each)(void *context, const struct ss_store_action *action, struct ss_error *err);
    void *context;
};

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_select(db, &rows, err,
                      "SELECT " COLUMNS " FROM actions a JOIN releases r ON r.id = a.release "
                      "WHERE ($1 = '' OR a.device = $1) AND a.id < $2 ORDER BY a.id DESC LIMIT $3",
                      ss_sql_text(l->device ? l->device : ""), ss_sql_int(l->before ? l->before : INT64_MAX),
                      ss_sql_int(l->limit ? l->limit : LIST_LIMIT));
    while (ss_sql_more(rows, &status, err)) {
        struct ss_store_action a;
        fill(rows, &a);
        status = l->each(l->context, &a, err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_action_list(struct ss_store *store, const char *device, int64_t before, unsigned limit,
                                 ss_status_t (*each)(void *context, const struct ss_store_action *action,
                                                     struct ss_error *err),
                                 void *context, struct ss_error *err)
{
    struct list l = {device, before, limit, each, context};
    return ss_store_read(store, list, &l, err);
}

// Ending what is open

struct open_action {
    int64_t id, release;
    enum ss_store_state state;
    bool download_only;
    struct ss_store_window window;
};

/// The open actions of a device, oldest first. The caller frees *@p out.
static ss_status_t read_open(struct ss_sql *db, const char *device, struct open_action **out, size_t *count,
                             struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *out = NULL;
    *count = 0;
    ss_status_t status = ss_sql_select(
        db, &rows, err,
        "SELECT id, release, state, download_only, window_start, window_seconds, window_daily FROM actions "
        "WHERE device = $1 AND active = 1 ORDER BY id",
        ss_sql_text(device));
    while (ss_sql_more(rows, &status, err)) {
        struct open_action *more = realloc(*out, (*count + 1) * sizeof *more);
        if (!more) {
            status = ss_store_out_of_memory(err);
            break;
        }
        *out = more;
        more[(*count)++] = (struct open_action){ss_sql_column_int(rows, 0), ss_sql_column_int(rows, 1),
                                                (enum ss_store_state)ss_sql_column_int(rows, 2),
                                                ss_sql_column_int(rows, 3) != 0, ss_store_window_column(rows, 4)};
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t change(struct ss_store_tx *tx, int64_t action, enum ss_store_state state, const char *why,
                          struct ss_error *err)
{
    ss_status_t status = ss_store_action_set(tx, action, state, err);
    return status == SS_OK ? ss_store_status_note(tx, action, state, why, err) : status;
}

ss_status_t ss_store_actions_end(struct ss_store_tx *tx, const char *device, const char *why, struct ss_error *err)
{
    struct open_action *open;
    size_t count;
    ss_status_t status = read_open(tx->db, device, &open, &count, err);
    for (size_t i = 0; i < count && status == SS_OK; i++)
        status = change(tx, open[i].id, SS_STORE_CANCELED, why, err);
    free(open);
    return status;
}

// Assigning

struct assign {
    const struct ss_store_assignment *given;
    int64_t action;
    bool created;
};

static ss_status_t check(struct ss_sql *db, const struct ss_store_assignment *a, struct ss_store_device *device,
                         struct ss_error *err)
{
    struct ss_store_release release;
    bool found;
    ss_status_t status = ss_store_device_load(db, a->device, device, err);
    if (status == SS_OK)
        status = ss_store_release_read(db, a->release, NULL, NULL, &release, &found, err);
    if (status != SS_OK)
        return status;
    const struct ss_store_registration *r = &device->registration;
    if (!found)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no release %lld",
                            (long long)a->release);
    if (!r->active)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "device %s is no active member of the fleet",
                            r->id);
    if (strcmp(r->product, release.product) != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "device %s is a %s, the release is for %s",
                            r->id, r->product, release.product);
    if (device->kind != release.kind)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "device %s takes what is sealed for it, the release is opaque", r->id);
    if (release.state != SS_STORE_RELEASE_READY)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "release %s of %s was revoked", release.version,
                            release.product);
    return SS_OK;
}

/// Whether an open action is what is to be assigned. How urgent it is makes no other one of it.
static bool is_same(const struct open_action *open, const struct ss_store_assignment *a)
{
    const struct ss_store_window *v = &open->window, *w = &a->window;
    return open->release == a->release && open->state != SS_STORE_CANCELING &&
           open->download_only == a->download_only && v->start == w->start && v->seconds == w->seconds &&
           v->daily == w->daily;
}

/// The open action that is the same already, 0 for none; all others are asked to stop.
static ss_status_t stop_others(struct ss_store_tx *tx, const struct ss_store_assignment *a, int64_t *same,
                               struct ss_error *err)
{
    struct open_action *open;
    size_t count;
    *same = 0;
    ss_status_t status = read_open(tx->db, a->device, &open, &count, err);
    for (size_t i = 0; i < count; i++)
        if (is_same(&open[i], a))
            *same = open[i].id;
    for (size_t i = 0; i < count && !*same && status == SS_OK; i++)
        if (open[i].state != SS_STORE_CANCELING)
            status = change(tx, open[i].id, SS_STORE_CANCELING,
                            open[i].release == a->release ? "assigned otherwise" : "another release was assigned", err);
    free(open);
    return status;
}

/// A device does not collect actions for ever: the oldest that is over, and not what it has installed, goes.
static ss_status_t forget_oldest(struct ss_store_tx *tx, const struct ss_store_device *device, struct ss_error *err)
{
    const char *id = device->registration.id;
    int64_t count, oldest;
    ss_status_t status =
        ss_store_get_number(tx->db, 0, &count, err, "SELECT count(*) FROM actions WHERE device = $1", ss_sql_text(id));
    if (status != SS_OK || count < (int64_t)SS_STORE_ACTIONS_MAX)
        return status;
    status =
        ss_store_get_number(tx->db, 0, &oldest, err,
                            "SELECT coalesce(min(id), 0) FROM actions WHERE device = $1 AND active = 0 AND id <> $2",
                            ss_sql_text(id), ss_sql_int(device->installed.action));
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err, "DELETE FROM statuses WHERE action = $1", ss_sql_int(oldest));
    return status == SS_OK ? ss_sql_run(tx->db, err, "DELETE FROM actions WHERE id = $1", ss_sql_int(oldest)) : status;
}

ss_status_t ss_store_action_add(struct ss_store_tx *tx, const struct ss_store_assignment *a,
                                const struct ss_store_device *device, enum ss_store_state state, const char *note,
                                int64_t *action, struct ss_error *err)
{
    ss_status_t status = forget_oldest(tx, device, err);
    if (status == SS_OK)
        status = ss_store_number(tx->db, "SELECT coalesce(max(id), 0) + 1 FROM actions", NULL, 0, 1, action, err);
    if (status == SS_OK)
        status = ss_sql_run(
            tx->db, err,
            "INSERT INTO actions (id, device, release, state, last, active, forced, retrieved, code, "
            "statuses, operator, created, changed, download_only, window_start, window_seconds, window_daily) "
            "VALUES ($1, $2, $3, $4, $4, $5, $6, 0, NULL, 0, $7, $8, $8, $9, $10, $11, $12)",
            ss_sql_int(*action), ss_sql_text(a->device), ss_sql_int(a->release), ss_sql_int(state),
            ss_sql_int(is_open(state)), ss_sql_int(a->forced), ss_sql_text(a->operator_name), ss_sql_int(tx->now),
            ss_sql_int(a->download_only), ss_sql_int(a->window.start), ss_sql_int(a->window.seconds),
            ss_sql_int(a->window.daily));
    return status == SS_OK ? ss_store_status_note(tx, *action, state, note, err) : status;
}

static ss_status_t assign(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct assign *w = context;
    struct ss_store_device device;
    w->created = false;
    ss_status_t status = check(tx->db, w->given, &device, err);
    if (status == SS_OK)
        status = stop_others(tx, w->given, &w->action, err);
    if (status != SS_OK || w->action)
        return status;
    bool wait = w->given->confirm && !device.auto_confirm;
    status = ss_store_action_add(tx, w->given, &device, wait ? SS_STORE_WAIT_FOR_CONFIRMATION : SS_STORE_RUNNING, "",
                                 &w->action, err);
    w->created = true;
    return status == SS_OK ? ss_store_touch_device(tx, w->given->device, err) : status;
}

ss_status_t ss_store_assign(struct ss_store *store, const struct ss_store_assignment *assignment, int64_t *action,
                            bool *created, struct ss_error *err)
{
    struct assign w = {.given = assignment};
    ss_status_t status = ss_store_check_name("id of the device", assignment->device, err);
    if (status == SS_OK)
        status = ss_store_check_name("name of the operator", assignment->operator_name, err);
    if (status == SS_OK)
        status = ss_store_window_check(&assignment->window, ss_store_now(), err);
    if (status == SS_OK && assignment->download_only && assignment->window.seconds)
        status =
            ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "what is only downloaded needs no window");
    if (status == SS_OK)
        status = ss_store_write(store, "store-assign", assign, &w, err);
    *action = status == SS_OK ? w.action : 0;
    if (created)
        *created = status == SS_OK && w.created;
    return status;
}

struct cancel {
    int64_t action;
    bool force;
    const char *operator_name;
};

static ss_status_t cancel(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct cancel *c = context;
    struct ss_store_action action;
    struct get g = {NULL, c->action, &action};
    char why[SS_STORE_NAME_SIZE + 32];
    ss_status_t status = read_one(tx->db, &g, err);
    if (status != SS_OK)
        return status;
    if (!action.active || (action.state == SS_STORE_CANCELING && !c->force))
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "action %lld is %s already", (long long)c->action,
                            ss_store_state_name(action.state));
    snprintf(why, sizeof why, "cancelled by %s%s", c->operator_name, c->force ? ", without the device" : "");
    status = change(tx, c->action, c->force ? SS_STORE_CANCELED : SS_STORE_CANCELING, why, err);
    return status == SS_OK ? ss_store_touch_device(tx, action.device, err) : status;
}

ss_status_t ss_store_cancel(struct ss_store *store, int64_t action, bool force, const char *operator_name,
                            struct ss_error *err)
{
    struct cancel c = {action, force, operator_name};
    ss_status_t status = ss_store_check_name("name of the operator", operator_name, err);
    return status == SS_OK ? ss_store_write(store, "store-cancel", cancel, &c, err) : status;
}
