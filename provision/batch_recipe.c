// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "provision/batch.h"
#include "provision/kit.h"

/// A hash over members, each with its length before it.
struct recipe {
    struct ss_hash hash;
    ss_status_t status;
};

static void add(struct recipe *r, const void *data, size_t len)
{
    uint8_t length[8];
    ss_put_le64(length, len);
    if (r->status == SS_OK)
        r->status = ss_hash_update(&r->hash, length, sizeof length);
    if (r->status == SS_OK && len)
        r->status = ss_hash_update(&r->hash, data, len);
}

static void add_text(struct recipe *r, const char *text)
{
    add(r, text, strlen(text));
}

static void add_options(struct recipe *r, const struct ss_procedure_options *o, struct ss_error *err)
{
    char text[SS_KIT_PROFILE];
    snprintf(text, sizeof text, "%s %s %s %d %d", ss_procedure_kind_name(o->kind), ss_procedure_level_name(o->level),
             ss_secure_boot_scheme_name(o->secure_boot), o->count_max, o->uart_disable);
    add_text(r, text);
    ss_status_t status = ss_kit_profile_text(o->profile, text, sizeof text, err);
    if (status == SS_OK)
        add_text(r, text);
    else
        r->status = status;
}

static void add_config(struct recipe *r, const struct ss_device_config *config)
{
    add(r, "config", config ? 6 : 0);
    if (!config)
        return;
    for (unsigned i = 0; i < config->server_count; i++)
        add_text(r, config->servers[i]);
    add(r, config->ca.data, config->ca.data ? config->ca.len : 0);
    add(r, config->key_set.data, config->key_set.data ? config->key_set.len : 0);
}

ss_status_t ss_batch_recipe(const struct ss_batch *batch, char recipe[SS_VAULT_RECIPE_SIZE], struct ss_error *err)
{
    struct recipe r = {.status = SS_OK};
    const struct ss_provision_job *job = &batch->job;
    uint8_t table[SS_TABLE_BINARY_SIZE], digest[32];

    recipe[0] = '\0';
    ss_status_t status = ss_table_to_binary(job->table, table, err);
    if (status != SS_OK)
        return status;
    r.status = ss_hash_init(&r.hash, SS_HASH_SHA256);
    add_text(&r, "slotseal recipe 1");
    add_text(&r, batch->product);
    add_options(&r, &job->options, err);
    add(&r, table, sizeof table);
    add(&r, job->bootloader, job->bootloader_len);
    add(&r, job->app, job->app_len);
    add(&r, job->embedded_key, job->embedded_key ? 64 : 0);
    add_config(&r, batch->config);
    if (r.status == SS_OK)
        r.status = ss_hash_finish(&r.hash, digest);
    else
        ss_hash_abort(&r.hash);
    if (r.status != SS_OK)
        return ss_error_set(err, r.status, SS_AREA_CRYPTO, "the recipe's digest could not be made");
    ss_put_hex(digest, 32, recipe);
    return SS_OK;
}
