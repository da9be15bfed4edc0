// SPDX-License-Identifier: Apache-2.0
// The history of an action: its status entries.
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

const char *ss_store_state_name(enum ss_store_state state)
{
    static const char *const names[] = {
        [SS_STORE_RUNNING] = "running",
        [SS_STORE_CANCELING] = "canceling",
        [SS_STORE_WAIT_FOR_CONFIRMATION] = "wait_for_confirmation",
        [SS_STORE_FINISHED] = "finished",
        [SS_STORE_ERROR] = "error",
        [SS_STORE_CANCELED] = "canceled",
        [SS_STORE_WARNING] = "warning",
        [SS_STORE_RETRIEVED] = "retrieved",
        [SS_STORE_DOWNLOAD] = "download",
        [SS_STORE_DOWNLOADED] = "downloaded",
        [SS_STORE_SCHEDULED] = "scheduled",
        [SS_STORE_CANCEL_REJECTED] = "cancel_rejected",
    };
    return (unsigned)state < SS_STORE_STATES ? names[state] : "unknown";
}

/// Bytes of @p text that fit @p max without cutting a UTF-8 character.
static size_t cut(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max)
        return len;
    while (max && ((uint8_t)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

/// The messages, each with a NUL at its end; NULL without memory. At least one byte is allocated.
static char *pack(const char *const *messages, size_t count, size_t *len)
{
    *len = 0;
    if (count > SS_STORE_MESSAGES_MAX)
        count = SS_STORE_MESSAGES_MAX;
    char *out = malloc(count * SS_STORE_MESSAGE_SIZE + 1);
    for (size_t i = 0; out && i < count; i++) {
        size_t n = cut(messages[i], SS_STORE_MESSAGE_SIZE - 1);
        memcpy(out + *len, messages[i], n);
        out[*len + n] = '\0';
        *len += n + 1;
    }
    return out;
}

size_t ss_store_status_size(const char *const *messages, size_t count)
{
    size_t size = SS_STORE_STATUS_BYTES;
    for (size_t i = 0; i < count && i < SS_STORE_MESSAGES_MAX; i++)
        size += cut(messages[i], SS_STORE_MESSAGE_SIZE - 1) + 1;
    return size;
}

static struct ss_sql_value number_or_null(bool is, int64_t value)
{
    return is ? ss_sql_int(value) : ss_sql_null();
}

ss_status_t ss_store_status_add(struct ss_store_tx *tx, const struct ss_store_entry_fields *e, struct ss_error *err)
{
    int64_t number;
    size_t len;
    ss_status_t status = ss_store_get_number(tx->db, 0, &number, err, "SELECT statuses FROM actions WHERE id = $1",
                                             ss_sql_int(e->action));
    if (status != SS_OK)
        return status;
    char *messages = pack(e->messages, e->message_count, &len);
    if (!messages)
        return ss_store_out_of_memory(err);
    status = ss_sql_run(tx->db, err,
                        "INSERT INTO statuses (action, number, time, state, code, done, whole, messages) "
                        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                        ss_sql_int(e->action), ss_sql_int(number + 1), ss_sql_int(tx->now), ss_sql_int(e->state),
                        number_or_null(e->has_code, e->code), number_or_null(e->has_progress, e->count),
                        number_or_null(e->has_progress, e->of), ss_sql_blob(messages, len));
    free(messages);
    if (status != SS_OK)
        return status;
    return ss_sql_run(
        tx->db, err,
        "UPDATE actions SET statuses = $2, last = $3, code = coalesce($4, code), changed = $5, bytes = bytes + $6 "
        "WHERE id = $1",
        ss_sql_int(e->action), ss_sql_int(number + 1), ss_sql_int(e->state), number_or_null(e->has_code, e->code),
        ss_sql_int(tx->now), ss_sql_int((int64_t)(len + SS_STORE_STATUS_BYTES)));
}

ss_status_t ss_store_status_note(struct ss_store_tx *tx, int64_t action, enum ss_store_state state, const char *message,
                                 struct ss_error *err)
{
    const struct ss_store_entry_fields entry = {
        .action = action, .state = state, .messages = &message, .message_count = *message ? 1 : 0};
    return ss_store_status_add(tx, &entry, err);
}

struct list {
    int64_t action;
    unsigned limit;
    ss_status_t (*each)(void *context, const struct ss_store_status *status, struct ss_error *err);
    void *context;
};

static ss_status_t list_one(const struct list *l, const struct ss_sql_rows *rows, struct ss_error *err)
{
    const char *messages[SS_STORE_MESSAGES_MAX];
    struct ss_sql_value code = ss_sql_column(rows, 3), done = ss_sql_column(rows, 4), packed = ss_sql_column(rows, 6);
    struct ss_store_status s = {
        .number = ss_sql_column_int(rows, 0),
        .time = ss_sql_column_int(rows, 1),
        .state = (enum ss_store_state)ss_sql_column_int(rows, 2),
        .has_code = code.type == SS_SQL_INT,
        .code = (int32_t)code.number,
        .has_progress = done.type == SS_SQL_INT,
        .count = (uint32_t)done.number,
        .of = (uint32_t)ss_sql_column_int(rows, 5),
        .messages = messages,
    };
    const char *at = packed.bytes;
    size_t left = packed.type == SS_SQL_BLOB ? packed.len : 0;
    for (const char *end; left && s.message_count < SS_STORE_MESSAGES_MAX;
         left -= (size_t)(end + 1 - at), at = end + 1) {
        end = memchr(at, '\0', left);
        if (!end)
            return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER, "the history of action %lld is damaged",
                                (long long)l->action);
        messages[s.message_count++] = at;
    }
    return l->each(l->context, &s, err);
}

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(db, &rows, err,
                                       "SELECT number, time, state, code, done, whole, messages FROM statuses "
                                       "WHERE action = $1 ORDER BY number DESC LIMIT $2",
                                       ss_sql_int(l->action), ss_sql_int(l->limit ? l->limit : INT32_MAX));
    while (ss_sql_more(rows, &status, err))
        status = list_one(l, rows, err);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_status_list(struct ss_store *store, int64_t action, unsigned limit,
                                 ss_status_t (*each)(void *context, const struct ss_store_status *status,
                                                     struct ss_error *err),
                                 void *context, struct ss_error *err)
{
    struct list l = {action, limit, each, context};
    return ss_store_read(store, list, &l, err);
}
