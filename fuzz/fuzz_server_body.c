// SPDX-License-Identifier: Apache-2.0
// Bodies that devices send: the JSON and what is read of it. Whatever is taken is within the limits of the store.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ss_ddi_attributes attributes;
    const char *messages[SS_STORE_MESSAGES_MAX];
    struct ss_store_feedback one = {.to = SS_STORE_TO_DEPLOYMENT}, two = {.to = SS_STORE_TO_CONFIRMATION};
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
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
    const char *name = NULL, *version = NULL;
    if (ss_ddi_read_installed(body, &name, &version, NULL) == SS_OK && (!*name || !*version))
        __builtin_trap();
    json_decref(body);
    return 0;
}
