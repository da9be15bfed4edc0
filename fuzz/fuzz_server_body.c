// SPDX-License-Identifier: Apache-2.0
// Bodies that devices send: the JSON and what is read of it. Whatever is taken is within the limits of the store.
// The input is a text, and also a recipe: jansson is not instrumented, so texts alone hardly get past it.
#include <stddef.h>
#include <stdint.h>

#include "server/ddi_body.h"

static void check(const struct ss_store_feedback *feedback)
{
    if (feedback->message_count > SS_STORE_MESSAGES_MAX)
        __builtin_trap();
    for (size_t i = 0; i < feedback->message_count; i++)
        if (!feedback->messages[i])
            __builtin_trap();
}

static void read_all(const json_t *body)
{
    static struct ss_ddi_attributes attributes;
    const char *messages[SS_STORE_MESSAGES_MAX];
    struct ss_store_feedback one = {.to = SS_STORE_TO_DEPLOYMENT}, two = {.to = SS_STORE_TO_CONFIRMATION};
    if (ss_ddi_read_attributes(body, &attributes, NULL) == SS_OK) {
        if (!attributes.count || attributes.count > SS_DDI_ATTRIBUTES_MAX)
            __builtin_trap();
        for (size_t i = 0; i < attributes.count; i++)
            if (!attributes.items[i].key || !attributes.items[i].value)
                __builtin_trap();
    }
    if (ss_ddi_read_feedback(body, messages, &one, NULL) == SS_OK)
        check(&one);
    if (ss_ddi_read_confirmation(body, messages, &two, NULL) == SS_OK)
        check(&two);
}

struct recipe {
    const uint8_t *at, *end;
};

static uint8_t next(struct recipe *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

/// Mostly words that mean something.
static json_t *word(struct recipe *r)
{
    static const char *const words[] = {
        "mode",     "data",       "merge",        "replace", "remove",    "id",        "status",   "execution",
        "result",   "cnt",        "of",           "code",    "details",   "progress",  "finished", "success",
        "failure",  "none",       "time",         "closed",  "version",   "name",      "download", "canceled",
        "rejected", "proceeding", "confirmation", "denied",  "confirmed", "scheduled", "resumed",  "downloaded"};
    uint8_t n = next(r);
    if (n < sizeof words / sizeof *words)
        return json_string(words[n]);
    size_t len = n % 32u < (size_t)(r->end - r->at) ? n % 32u : (size_t)(r->end - r->at);
    json_t *text = json_stringn((const char *)r->at, len);
    r->at += len;
    return text ? text : json_string(""); // it was no UTF-8
}

static json_t *cook(struct recipe *r, unsigned depth)
{
    uint8_t what = next(r);
    json_t *value = what % 8 == 6 && depth ? json_array() : what % 8 == 7 && depth ? json_object() : NULL;
    for (unsigned i = what / 8u; value && i && r->at < r->end; i--) {
        if (json_is_array(value)) {
            json_array_append_new(value, cook(r, depth - 1));
        } else {
            json_t *key = word(r);
            json_object_set_new(value, json_string_value(key), cook(r, depth - 1));
            json_decref(key);
        }
    }
    switch (value ? 99 : what % 8) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(what & 8);
    case 2:
        return json_integer((json_int_t)next(r) << (what / 8u * 2u % 56u));
    case 3:
        return json_real(next(r) / 3.0);
    case 99:
        return value;
    default:
        return word(r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recipe recipe = {data, data + size};
    json_t *text = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL), *cooked = cook(&recipe, 5);
    read_all(text);
    read_all(cooked);
    json_decref(text);
    json_decref(cooked);
    return 0;
}
