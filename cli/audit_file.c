// SPDX-License-Identifier: Apache-2.0
#include "audit_file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

static json_t *load(const struct input *file)
{
    return json_loadb((const char *)file->data, file->len, JSON_REJECT_DUPLICATES, NULL);
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

ss_status_t audit_file_head(const struct input *file, struct ss_vault_audit_head *head, struct ss_error *err)
{
    json_t *object = load(file);
    memset(head, 0, sizeof *head);
    head->number = (int64_t)json_integer_value(json_object_get(object, "number"));
    bool good = head->number >= 1 && from_hex(object, "vault", head->vault_id, sizeof head->vault_id) &&
                from_hex(object, "hash", head->hash, sizeof head->hash) &&
                from_hex(object, "signature", head->signature, sizeof head->signature);
    json_decref(object);
    if (good)
        return SS_OK;
    memset(head, 0, sizeof *head);
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s: no head of an audit log", file->name);
}

static bool get_text(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool get_time(const json_t *object, int64_t *out)
{
    struct tm tm = {0};
    const char *text = json_string_value(json_object_get(object, "time"));
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    *out = end && !*end ? timegm(&tm) : -1;
    return end && !*end;
}

static ss_status_t follow(struct ss_vault_audit_chain *chain, const json_t *object, struct ss_error *err)
{
    struct ss_vault_audit_record r = {.number = json_integer_value(json_object_get(object, "number"))};
    if (!get_time(object, &r.time) || !get_text(object, "actor", r.actor, sizeof r.actor) ||
        !get_text(object, "action", r.action, sizeof r.action) ||
        !get_text(object, "subject", r.subject, sizeof r.subject) ||
        !get_text(object, "detail", r.detail, sizeof r.detail) || !from_hex(object, "hash", r.hash, sizeof r.hash))
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_FILE,
                            "what follows record %lld of the log is no record", (long long)chain->number);
    return ss_vault_audit_follow(chain, &r, err);
}

ss_status_t audit_file_follow(const struct input *file, struct ss_vault_audit_chain *chain, struct ss_error *err)
{
    json_t *log = load(file);
    const json_t *records = json_object_get(log, "records");
    ss_status_t status = SS_OK;
    if (!json_is_array(records))
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s: no audit log in JSON", file->name);
    for (size_t i = 0; status == SS_OK && i < json_array_size(records); i++)
        status = follow(chain, json_array_get(records, i), err);
    json_decref(log);
    return status;
}
