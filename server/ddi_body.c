// SPDX-License-Identifier: Apache-2.0
#include "server/ddi_body.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

// Attributes

static bool read_mode(const json_t *mode, enum ss_store_attribute_mode *out)
{
    static const char *const names[] = {"merge", "replace", "remove"};
    *out = SS_STORE_MERGE;
    if (!mode || json_is_null(mode))
        return true;
    for (int i = 0; i < 3 && json_is_string(mode); i++)
        if (!strcmp(json_string_value(mode), names[i])) {
            *out = (enum ss_store_attribute_mode)i;
            return true;
        }
    return false;
}

/// One value as text; numbers as they were written. False for what is no scalar.
static bool read_value(const json_t *value, bool removed, char *room, size_t size, const char **out)
{
    *out = "";
    if (removed)
        return true;
    if (json_is_string(value))
        *out = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(room, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value)), *out = room;
    else if (json_is_real(value))
        snprintf(room, size, "%.17g", json_real_value(value)), *out = room;
    else if (json_is_boolean(value))
        *out = json_is_true(value) ? "true" : "false";
    else
        return false;
    return true;
}

ss_status_t ss_ddi_read_attributes(const json_t *body, struct ss_ddi_attributes *out, struct ss_error *err)
{
    json_t *data = json_object_get(body, "data"), *value;
    const char *key;
    out->count = 0;
    if (!read_mode(json_object_get(body, "mode"), &out->mode))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "mode has to be merge, replace or remove");
    if (!json_is_object(data) || !json_object_size(data))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "data is missing or empty");
    json_object_foreach(data, key, value)
    {
        struct ss_store_attribute *attribute = &out->items[out->count];
        if (out->count == SS_DDI_ATTRIBUTES_MAX)
            break;
        attribute->key = key;
        if (!read_value(value, out->mode == SS_STORE_REMOVE, out->rooms[out->count], sizeof *out->rooms,
                        &attribute->value))
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "a value of data is no text");
        out->count++;
    }
    return SS_OK;
}

// Feedback

static ss_status_t lacks(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%s is missing or wrong", what);
}

static ss_status_t read_code(const json_t *code, struct ss_store_feedback *out, struct ss_error *err)
{
    if (!code || json_is_null(code))
        return SS_OK;
    json_int_t value = json_integer_value(code);
    if (!json_is_integer(code) || value < INT32_MIN || value > INT32_MAX)
        return lacks(err, "code");
    out->has_code = true;
    out->code = (int32_t)value;
    return SS_OK;
}

static ss_status_t read_progress(const json_t *progress, struct ss_store_feedback *out, struct ss_error *err)
{
    if (!progress || json_is_null(progress))
        return SS_OK;
    json_int_t count = json_integer_value(json_object_get(progress, "cnt"));
    const json_t *of = json_object_get(progress, "of");
    if (!json_is_object(progress) || count < 0 || count > UINT32_MAX || json_integer_value(of) < 0 ||
        json_integer_value(of) > UINT32_MAX)
        return lacks(err, "progress");
    out->has_progress = true;
    out->count = (uint32_t)count;
    out->of = (uint32_t)json_integer_value(of);
    return SS_OK;
}

/// Points to the texts of @p details; those beyond the limit are dropped.
static ss_status_t read_details(const json_t *details, const char **messages, struct ss_store_feedback *out,
                                struct ss_error *err)
{
    size_t i;
    json_t *detail;
    out->messages = messages;
    if (!details || json_is_null(details))
        return SS_OK;
    if (!json_is_array(details))
        return lacks(err, "details");
    json_array_foreach(details, i, detail)
    {
        if (!json_is_string(detail))
            return lacks(err, "details");
        if (out->message_count < SS_STORE_MESSAGES_MAX)
            messages[out->message_count++] = json_string_value(detail);
    }
    return SS_OK;
}

ss_status_t ss_ddi_read_feedback(const json_t *body, const char **messages, struct ss_store_feedback *out,
                                 struct ss_error *err)
{
    const json_t *status = json_object_get(body, "status"), *result = json_object_get(status, "result");
    const char *execution = json_string_value(json_object_get(status, "execution"));
    const char *finished = json_string_value(json_object_get(result, "finished"));
    if (!json_is_object(status))
        return lacks(err, "status");
    if (!execution || !ss_store_execution_from_name(execution, &out->execution))
        return lacks(err, "status.execution");
    if (!finished || !ss_store_finished_from_name(finished, &out->finished))
        return lacks(err, "status.result.finished");
    ss_status_t done = read_code(json_object_get(status, "code"), out, err);
    if (done == SS_OK)
        done = read_progress(json_object_get(result, "progress"), out, err);
    return done == SS_OK ? read_details(json_object_get(status, "details"), messages, out, err) : done;
}

ss_status_t ss_ddi_read_confirmation(const json_t *body, const char **messages, struct ss_store_feedback *out,
                                     struct ss_error *err)
{
    const char *confirmation = json_string_value(json_object_get(body, "confirmation"));
    if (!confirmation || (strcmp(confirmation, "confirmed") != 0 && strcmp(confirmation, "denied") != 0))
        return lacks(err, "confirmation");
    out->finished = !strcmp(confirmation, "confirmed") ? SS_STORE_FINISHED_SUCCESS : SS_STORE_FINISHED_FAILURE;
    ss_status_t status = read_code(json_object_get(body, "code"), out, err);
    return status == SS_OK ? read_details(json_object_get(body, "details"), messages, out, err) : status;
}

ss_status_t ss_ddi_read_installed(const json_t *body, const char **name, const char **version, struct ss_error *err)
{
    *name = json_string_value(json_object_get(body, "name"));
    *version = json_string_value(json_object_get(body, "version"));
    if (!*name || !**name)
        return lacks(err, "name");
    return *version && **version ? SS_OK : lacks(err, "version");
}
