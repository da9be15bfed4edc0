// SPDX-License-Identifier: Apache-2.0
// What devices say of their actions, and what that does to them: the table of hawkBit's DDI, one row an execution.
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

bool ss_store_execution_from_name(const char *name, enum ss_store_execution *execution)
{
    static const char *const names[] = {
        [SS_STORE_EXECUTION_CLOSED] = "closed",     [SS_STORE_EXECUTION_PROCEEDING] = "proceeding",
        [SS_STORE_EXECUTION_CANCELED] = "canceled", [SS_STORE_EXECUTION_SCHEDULED] = "scheduled",
        [SS_STORE_EXECUTION_REJECTED] = "rejected", [SS_STORE_EXECUTION_RESUMED] = "resumed",
        [SS_STORE_EXECUTION_DOWNLOAD] = "download", [SS_STORE_EXECUTION_DOWNLOADED] = "downloaded",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *execution = (enum ss_store_execution)i;
            return true;
        }
    return false;
}

bool ss_store_finished_from_name(const char *name, enum ss_store_finished *finished)
{
    static const char *const names[] = {"none", "success", "failure"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *finished = (enum ss_store_finished)i;
            return true;
        }
    return false;
}

/// What a report does.
struct effect {
    enum ss_store_state entry; ///< goes to the history
    enum ss_store_state state; ///< of the action from then on
    bool changes;              ///< state counts
};

static struct effect on_deployment(const struct ss_store_feedback *f, bool download_only)
{
    switch (f->execution) {
    case SS_STORE_EXECUTION_CLOSED:
        if (f->finished == SS_STORE_FINISHED_FAILURE)
            return (struct effect){SS_STORE_ERROR, SS_STORE_ERROR, true};
        return (struct effect){SS_STORE_FINISHED, SS_STORE_FINISHED, true};
    case SS_STORE_EXECUTION_CANCELED:
        return (struct effect){SS_STORE_CANCELED, SS_STORE_CANCELED, true};
    case SS_STORE_EXECUTION_REJECTED:
        return (struct effect){.entry = SS_STORE_WARNING};
    case SS_STORE_EXECUTION_DOWNLOAD:
        return (struct effect){.entry = SS_STORE_DOWNLOAD};
    case SS_STORE_EXECUTION_DOWNLOADED:
        return (struct effect){SS_STORE_DOWNLOADED, SS_STORE_DOWNLOADED, download_only};
    case SS_STORE_EXECUTION_PROCEEDING:
    case SS_STORE_EXECUTION_SCHEDULED:
    case SS_STORE_EXECUTION_RESUMED:
        break;
    }
    return (struct effect){.entry = SS_STORE_RUNNING};
}

static struct effect on_cancel(const struct ss_store_feedback *f)
{
    switch (f->execution) {
    case SS_STORE_EXECUTION_CLOSED:
        if (f->finished == SS_STORE_FINISHED_FAILURE)
            return (struct effect){SS_STORE_ERROR, SS_STORE_RUNNING, true}; // it could not be cancelled: it goes on
        return (struct effect){SS_STORE_CANCELED, SS_STORE_CANCELED, true};
    case SS_STORE_EXECUTION_REJECTED:
        return (struct effect){SS_STORE_CANCEL_REJECTED, SS_STORE_RUNNING, true};
    case SS_STORE_EXECUTION_CANCELED:
        return (struct effect){.entry = SS_STORE_WARNING};
    default:
        return (struct effect){.entry = SS_STORE_RUNNING};
    }
}

static struct effect on_confirmation(const struct ss_store_feedback *f)
{
    if (f->finished == SS_STORE_FINISHED_SUCCESS)
        return (struct effect){SS_STORE_RUNNING, SS_STORE_RUNNING, true};
    return (struct effect){.entry = SS_STORE_WAIT_FOR_CONFIRMATION};
}

static struct effect effect_of(const struct ss_store_feedback *f, bool download_only)
{
    return f->to == SS_STORE_TO_CANCEL         ? on_cancel(f)
           : f->to == SS_STORE_TO_CONFIRMATION ? on_confirmation(f)
                                               : on_deployment(f, download_only);
}

/// What all histories of device $2 take together.
#define DEVICE_BYTES "CAST((SELECT sum(bytes) FROM actions WHERE device = $2) AS BIGINT)"

struct action {
    enum ss_store_state state;
    bool active, download_only;
    int64_t release, statuses;
    uint64_t bytes, device_bytes; ///< of its history, and of all of the device's
};

static ss_status_t read_action(struct ss_sql *db, const struct ss_store_feedback *f, struct action *a,
                               struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status = ss_sql_select(db, &rows, err,
                                       "SELECT state, active, release, statuses, download_only, bytes, " DEVICE_BYTES
                                       " FROM actions WHERE id = $1 AND device = $2",
                                       ss_sql_int(f->action), ss_sql_text(f->device));
    status = ss_store_first(status, &rows, &row, err);
    if (status == SS_OK && !row)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no action %lld of device %s",
                            (long long)f->action, f->device);
    if (status != SS_OK)
        return status;
    *a = (struct action){.state = (enum ss_store_state)ss_sql_column_int(rows, 0),
                         .active = ss_sql_column_int(rows, 1) != 0,
                         .release = ss_sql_column_int(rows, 2),
                         .statuses = ss_sql_column_int(rows, 3),
                         .download_only = ss_sql_column_int(rows, 4) != 0,
                         .bytes = (uint64_t)ss_sql_column_int(rows, 5),
                         .device_bytes = (uint64_t)ss_sql_column_int(rows, 6)};
    ss_sql_end(rows);
    return SS_OK;
}

/// Whether such a report may come now.
static ss_status_t check(const struct ss_store_feedback *f, const struct action *a, struct ss_error *err)
{
    if (f->to == SS_STORE_TO_CANCEL) {
        if (a->state != SS_STORE_CANCELING && a->state != SS_STORE_CANCELED)
            return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SERVER, "action %lld is not to be cancelled",
                                (long long)f->action);
        return SS_OK;
    }
    if (!a->active)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "action %lld is %s", (long long)f->action,
                            ss_store_state_name(a->state));
    if (f->to == SS_STORE_TO_CONFIRMATION && a->state != SS_STORE_WAIT_FOR_CONFIRMATION)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "action %lld does not wait for confirmation",
                            (long long)f->action);
    // What nobody has confirmed was not given to the device.
    if (f->to == SS_STORE_TO_DEPLOYMENT && a->state == SS_STORE_WAIT_FOR_CONFIRMATION)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "action %lld waits for confirmation",
                            (long long)f->action);
    return SS_OK;
}

static ss_status_t apply(struct ss_store_tx *tx, const struct ss_store_feedback *f, const struct action *a,
                         struct effect effect, struct ss_error *err)
{
    ss_status_t status = ss_store_action_set(tx, f->action, effect.state, err);
    if (status == SS_OK && effect.state == SS_STORE_FINISHED)
        status = ss_store_installed_set(tx, f->device, f->action, a->release, err);
    return status == SS_OK ? ss_store_touch_device(tx, f->device, err) : status;
}

/// SS_ERROR_INSUFFICIENT_SPACE: there is no room for what @p f says.
static ss_status_t check_room(const struct ss_store *store, const struct ss_store_feedback *f, const struct action *a,
                              struct ss_error *err)
{
    uint64_t size = ss_store_status_size(f->messages, f->message_count);
    uint64_t of_action = atomic_load(&store->action_bytes), of_device = atomic_load(&store->device_bytes);
    if (a->statuses >= (int64_t)SS_STORE_STATUSES_MAX)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER,
                            "action %lld has %u status entries, which is the limit", (long long)f->action,
                            SS_STORE_STATUSES_MAX);
    if (a->bytes + size > of_action)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER,
                            "the history of action %lld would have %llu bytes, at most %llu (history in [limits])",
                            (long long)f->action, (unsigned long long)(a->bytes + size), (unsigned long long)of_action);
    if (a->device_bytes + size > of_device)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER,
                            "the history of device %s would have %llu bytes, at most %llu (history_device in [limits])",
                            f->device, (unsigned long long)(a->device_bytes + size), (unsigned long long)of_device);
    return SS_OK;
}

static ss_status_t report(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct ss_store_feedback *f = context;
    struct action a = {0};
    ss_status_t status = read_action(tx->db, f, &a, err);
    if (status == SS_OK)
        status = check(f, &a, err);
    if (status != SS_OK || (f->to == SS_STORE_TO_CANCEL && a.state == SS_STORE_CANCELED))
        return status; // the device says again that it has cancelled, because it missed the answer
    struct effect effect = effect_of(f, a.download_only);
    struct ss_error full;
    bool room = check_room(tx->store, f, &a, &full) == SS_OK;
    if (!room && !effect.changes) {
        if (err)
            *err = full;
        return SS_ERROR_INSUFFICIENT_SPACE;
    }
    static const char *const left_out[] = {"messages are left out: the history is full"};
    const struct ss_store_entry_fields entry = {
        .action = f->action,
        .state = effect.entry,
        .has_code = f->has_code,
        .code = f->code,
        .has_progress = f->has_progress,
        .count = f->count,
        .of = f->of,
        .messages = room ? f->messages : left_out,
        .message_count = room ? f->message_count : 1,
    };
    status = ss_store_status_add(tx, &entry, err);
    return status == SS_OK && effect.changes ? apply(tx, f, &a, effect, err) : status;
}

ss_status_t ss_store_feedback(struct ss_store *store, const struct ss_store_feedback *feedback, struct ss_error *err)
{
    struct ss_store_feedback copy = *feedback;
    return ss_store_write(store, "store-feedback", report, &copy, err);
}

struct started {
    struct ss_store_job job; // first: the job's address is this one's
    struct ss_store_feedback feedback;
    ss_store_done_fn done;
    void *context;
    char device[SS_STORE_NAME_SIZE];
    const char *messages[SS_STORE_MESSAGES_MAX];
    char texts[];
};

static void finish(struct ss_store_job *job)
{
    struct started *s = (struct started *)job;
    s->done(s->context, job->status, &job->err);
    free(s);
}

ss_status_t ss_store_feedback_start(struct ss_store *store, const struct ss_store_feedback *feedback,
                                    ss_store_done_fn done, void *context, struct ss_error *err)
{
    size_t count = feedback->message_count < SS_STORE_MESSAGES_MAX ? feedback->message_count : SS_STORE_MESSAGES_MAX;
    size_t size = 0;
    ss_status_t status = ss_store_check_name("id of the device", feedback->device, err);
    if (status != SS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        size += strnlen(feedback->messages[i], SS_STORE_MESSAGE_SIZE) + 1;
    struct started *s = calloc(1, sizeof *s + size);
    if (!s)
        return ss_store_out_of_memory(err);
    s->job = (struct ss_store_job){.name = "store-feedback", .work = report, .context = &s->feedback, .finish = finish};
    s->feedback = *feedback;
    s->done = done;
    s->context = context;
    ss_store_copy(s->device, sizeof s->device, feedback->device);
    s->feedback.device = s->device;
    s->feedback.messages = s->messages;
    s->feedback.message_count = count;
    char *at = s->texts;
    for (size_t i = 0; i < count; i++) {
        size_t len = strnlen(feedback->messages[i], SS_STORE_MESSAGE_SIZE);
        s->messages[i] = memcpy(at, feedback->messages[i], len);
        at += len + 1;
    }
    ss_store_submit(store, &s->job);
    return SS_OK;
}

// Auto-confirm

struct auto_confirm {
    const char *device, *initiator, *remark;
    bool on;
};

static ss_status_t confirm_waiting(struct ss_store_tx *tx, const struct auto_confirm *c, struct ss_error *err)
{
    int64_t action;
    const char *messages[] = {"confirmed by auto-confirmation", c->initiator, c->remark};
    ss_status_t status =
        ss_store_get_number(tx->db, 0, &action, err,
                            "SELECT coalesce(min(id), 0) FROM actions WHERE device = $1 AND active = 1 AND state = $2",
                            ss_sql_text(c->device), ss_sql_int(SS_STORE_WAIT_FOR_CONFIRMATION));
    if (status != SS_OK || !action)
        return status;
    const struct ss_store_entry_fields entry = {
        .action = action, .state = SS_STORE_RUNNING, .messages = messages, .message_count = 3};
    status = ss_store_status_add(tx, &entry, err);
    return status == SS_OK ? ss_store_action_set(tx, action, SS_STORE_RUNNING, err) : status;
}

static ss_status_t set_auto_confirm(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct auto_confirm *c = context;
    int64_t is;
    ss_status_t status = ss_store_get_number(tx->db, -1, &is, err, "SELECT auto_confirm FROM devices WHERE id = $1",
                                             ss_sql_text(c->device));
    if (status == SS_OK && is < 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no device %s", c->device);
    if (status == SS_OK && is == c->on)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "auto-confirmation of device %s is %s already",
                            c->device, c->on ? "on" : "off");
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err, "UPDATE devices SET auto_confirm = $2 WHERE id = $1", ss_sql_text(c->device),
                            ss_sql_int(c->on));
    if (status == SS_OK && c->on)
        status = confirm_waiting(tx, c, err);
    return status == SS_OK ? ss_store_touch_device(tx, c->device, err) : status;
}

ss_status_t ss_store_auto_confirm(struct ss_store *store, const char *device, bool on, const char *initiator,
                                  const char *remark, struct ss_error *err)
{
    struct auto_confirm c = {device, initiator, remark, on};
    ss_status_t status = ss_store_check_name("id of the device", device, err);
    return status == SS_OK ? ss_store_write(store, "store-auto-confirm", set_auto_confirm, &c, err) : status;
}
