// SPDX-License-Identifier: Apache-2.0
// The second-stage bootloader's choice of an app, ESP-IDF v4.0.1 bootloader_utility.c, case by case.
#include "slotseal/otadata.h"

#include <string.h>

#include "core/bytes.h"

// Blank or with a bad CRC: what makes the bootloader repair otadata. State does not matter.
static bool is_initial(const struct ss_otadata_record *r)
{
    return r->seq == SS_OTADATA_ERASED_SEQ || r->crc != ss_otadata_crc(r->seq);
}

static bool both(const struct ss_otadata *o, bool (*is)(const struct ss_otadata_record *))
{
    return is(&o->copies[0]) && is(&o->copies[1]);
}

// An app that was started for the first time and did not confirm itself before this boot.
static void abort_pending(struct ss_boot_choice *c)
{
    for (int i = 0; i < 2; i++) {
        if (c->after.copies[i].state != SS_OTA_PENDING_VERIFY)
            continue;
        c->after.copies[i].state = SS_OTA_ABORTED;
        c->written[i] = true;
    }
}

static void choose_initial(const struct ss_boot_context *context, struct ss_boot_choice *c)
{
    c->reason = context->has_factory ? SS_BOOT_INITIAL_FACTORY : SS_BOOT_INITIAL_OTA_0;
    c->start = context->has_factory ? SS_BOOT_FACTORY : 0;
    c->repairs = !context->has_factory && both(&c->after, is_initial);
}

static ss_status_t choose_active(const struct ss_boot_context *context, struct ss_boot_choice *c, struct ss_error *err)
{
    if (context->slots == 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_OTADATA,
                            "anti-rollback needs OTA slots, the table has none");
    struct ss_otadata_record *active = &c->after.copies[c->active];
    c->reason = SS_BOOT_ACTIVE;
    c->start = (int)((active->seq - 1) % context->slots);
    if ((context->rollback || context->anti_rollback) && active->state == SS_OTA_NEW) {
        active->state = SS_OTA_PENDING_VERIFY;
        c->written[c->active] = true;
    }
    c->raises_secure_version = context->anti_rollback && active->state == SS_OTA_VALID;
    return SS_OK;
}

static ss_status_t choose(const struct ss_boot_context *context, struct ss_boot_choice *c, struct ss_error *err)
{
    if (context->rollback || context->anti_rollback)
        abort_pending(c);
    if (context->anti_rollback && both(&c->after, is_initial)) {
        c->reason = SS_BOOT_INITIAL_ANTI_ROLLBACK;
        c->repairs = true;
        return SS_OK;
    }
    if (!context->anti_rollback && (both(&c->after, ss_otadata_record_is_invalid) || context->slots == 0)) {
        choose_initial(context, c);
        return SS_OK;
    }
    c->active = ss_otadata_active(&c->after);
    if (c->active >= 0)
        return choose_active(context, c, err);
    c->reason = context->has_factory ? SS_BOOT_NOISE_FACTORY : SS_BOOT_NOISE_TRY_ALL;
    return SS_OK;
}

// Down from the start to slot 0 and factory, then up from the start, at last the test app.
static void fill_order(const struct ss_boot_context *context, struct ss_boot_choice *c)
{
    int slots = (int)context->slots;
    for (int i = c->start; i >= 0; i--)
        if (i < slots)
            c->order[c->order_count++] = i;
    if (context->has_factory)
        c->order[c->order_count++] = SS_BOOT_FACTORY;
    for (int i = c->start + 1; i < slots; i++)
        c->order[c->order_count++] = i;
    if (context->has_test)
        c->order[c->order_count++] = SS_BOOT_TEST;
}

ss_status_t ss_otadata_boot_choice(const struct ss_otadata *otadata, const struct ss_boot_context *context,
                                   struct ss_boot_choice *out, struct ss_error *err)
{
    *out = (struct ss_boot_choice){.start = SS_BOOT_FACTORY, .active = -1, .after = *otadata};
    if (context->slots > SS_PARTITION_MAX_OTA)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_OTADATA, "%u OTA slots, at most %u are possible",
                            context->slots, SS_PARTITION_MAX_OTA);
    if (context->has_otadata && context->otadata_size < SS_OTADATA_SIZE) {
        out->reason = SS_BOOT_OTADATA_TOO_SMALL;
        return SS_OK;
    }
    out->reason = SS_BOOT_NO_OTADATA;
    ss_status_t status = context->has_otadata ? choose(context, out, err) : SS_OK;
    if (status != SS_OK) {
        *out = (struct ss_boot_choice){.start = SS_BOOT_FACTORY, .active = -1, .after = *otadata};
        return status;
    }
    out->boots = true;
    fill_order(context, out);
    return SS_OK;
}

void ss_boot_context_from_table(const struct ss_partition_table *table, struct ss_boot_context *context)
{
    // The bootloader keeps the last otadata row that it meets.
    const struct ss_partition *otadata = NULL, *row;
    for (size_t i = 0; (row = ss_table_find_type(table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, i));
         i = (size_t)(row - table->rows) + 1)
        otadata = row;
    context->slots = ss_table_ota_count(table);
    context->has_factory = ss_table_find_type(table, SS_PARTITION_APP, SS_PARTITION_APP_FACTORY, 0) != NULL;
    context->has_test = ss_table_find_type(table, SS_PARTITION_APP, SS_PARTITION_APP_TEST, 0) != NULL;
    context->has_otadata = otadata != NULL;
    context->otadata_size = otadata ? otadata->size : 0;
}
