// SPDX-License-Identifier: Apache-2.0
// slotseal's own commands in a rehearsal: those that make what is flashed.
#include <string.h>

#include "core/crypto.h"
#include "provision/plan_internal.h"
#include "slotseal/otadata.h"
#include "slotseal/secure_boot_v1.h"

static ss_status_t read_table(struct rehearsal *r, const char *name, struct ss_partition_table *table)
{
    struct plan_file *f = plan_file_get(r, name, FILE_TABLE);
    struct ss_table_options options = {.table_address = r->profile.table_offset};
    if (!f)
        return r->err->status;
    if (f->len >= 2 && f->data[0] == 0xAA && f->data[1] == 0x50)
        return ss_table_from_binary(f->data, f->len, table, r->err);
    return ss_table_from_csv((const char *)f->data, f->len, &options, table, r->err);
}

static ss_status_t refused(struct rehearsal *r, const struct plan_command *c, const char *why)
{
    plan_refused(r, c, why);
    return SS_OK;
}

/// Where `seal` seals for: NULL and *@p address, or why not.
static const char *resolve(struct rehearsal *r, const struct plan_command *c, uint32_t *address)
{
    const char *at = plan_option(c, "address"), *slot = plan_option(c, "slot"), *region = plan_option(c, "region");
    const char *table_name = plan_option(c, "table");
    struct ss_partition_table table;
    const struct ss_partition *row = NULL;
    if (!!at + !!slot + !!region != 1)
        return "takes exactly one of --slot, --address and --region";
    if (at)
        return plan_number(at, address) && *address % 16 == 0 ? NULL : "no flash address on 16 bytes";
    bool otadata = region && !strcmp(region, "otadata");
    if (region && !otadata) {
        *address = strcmp(region, "table") ? BOOTLOADER_ADDRESS : r->profile.table_offset;
        return NULL;
    }
    if (!table_name)
        return "needs --table";
    if (read_table(r, table_name, &table) != SS_OK)
        return r->err->message;
    row =
        otadata ? ss_table_find_type(&table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0) : ss_table_find(&table, slot);
    *address = row ? row->offset : 0;
    return row ? NULL : "the table has no such partition";
}

static ss_status_t seal(struct rehearsal *r, const struct plan_command *c)
{
    const char *config = plan_option(c, "crypt_config"), *sign_key = plan_option(c, "sign_key");
    const char *scheme = plan_option(c, "scheme"), *out = plan_option(c, "output");
    struct plan_seal how = {.config = CONFIG_FULL};
    const char *why = resolve(r, c, &how.address);
    if (!why && config && (!plan_number(config, &how.config) || how.config > CONFIG_FULL))
        why = "--crypt-config is 0 to 15";
    if (r->err->status == SS_ERROR_INSUFFICIENT_MEMORY)
        return r->err->status;
    if (why)
        return refused(r, c, why);
    if (!out)
        return SS_OK; // --dry-run
    how.key = plan_file_get(r, plan_option(c, "flash_key"), FILE_FLASH_KEY);
    struct plan_file *in = how.key ? plan_file_get(r, c->operand[0], plan_kind(r, how.address, c->operand[0])) : NULL;
    if (!in)
        return r->err->status;
    if (!plan_option(c, "data") && in->sealed)
        return refused(r, c, "the input is ciphertext");
    if (sign_key) {
        struct plan_file *key = plan_file_get(r, sign_key, FILE_SIGNING_KEY);
        bool v2 = key && key->key && ss_signing_key_type(key->key) != SS_KEY_P256;
        ss_status_t status = key ? plan_sign(r, c, key, in, scheme ? !strcmp(scheme, "v2") : v2, out) : r->err->status;
        in = plan_file_known(r, out);
        if (status != SS_OK || !in || !in->is_signed)
            return status;
    }
    return plan_seal(r, c, &how, in, out);
}

static ss_status_t sign(struct rehearsal *r, const struct plan_command *c)
{
    const char *scheme = plan_option(c, "scheme");
    bool v2 = scheme && !strcmp(scheme, "v2");
    if (plan_option(c, "append replace_verification_key"))
        return plan_not_modelled(r, c, "slotseal", c->verb);
    struct plan_file *key = plan_file_get(r, plan_option(c, "key"), v2 ? FILE_SIGNING_KEY_V2 : FILE_SIGNING_KEY);
    struct plan_file *in = key ? plan_file_get(r, c->operand[0], plan_kind(r, 0, c->operand[0])) : NULL;
    if (!in)
        return r->err->status;
    if (in->sealed || in->is_signed)
        return refused(r, c,
                       in->sealed ? "the input is ciphertext: sign the plaintext, then seal"
                                  : "the input is signed already");
    if (!scheme && key->key)
        v2 = ss_signing_key_type(key->key) != SS_KEY_P256;
    return plan_sign(r, c, key, in, v2, plan_option(c, "output"));
}

static ss_status_t key_generate(struct rehearsal *r, const struct plan_command *c)
{
    static const struct {
        const char *type;
        enum plan_file_kind kind;
        size_t len;
    } types[] = {{"flash", FILE_FLASH_KEY, 32},
                 {"flash-192", FILE_FLASH_KEY, 24},
                 {"secure-boot-v1", FILE_SIGNING_KEY, 0},
                 {"secure-boot-v2-rsa", FILE_SIGNING_KEY_V2, 0}};
    const char *type = plan_option(c, "type"), *out = plan_option(c, "output");
    if (plan_file_known(r, out) || plan_file_on_disk(r, out))
        return refused(r, c, "the file is there already");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].type, type) != 0)
            continue;
        struct plan_file *f = plan_file_get(r, out, types[i].kind);
        if (!f)
            return r->err->status;
        f->stand_in = false;
        f->len = types[i].len ? types[i].len : f->len;
        return SS_OK;
    }
    return refused(r, c, "an ESP32 has no use for such a key");
}

static ss_status_t otadata_build(struct rehearsal *r, const struct plan_command *c)
{
    struct ss_partition_table table;
    uint8_t bytes[SS_OTADATA_SIZE];
    if (read_table(r, plan_option(c, "table"), &table) != SS_OK)
        return refused(r, c, r->err->message);
    const struct ss_partition *row = ss_table_find(&table, plan_option(c, "select"));
    int slot = row ? ss_partition_ota_slot(row) : -1;
    if (row && row->type == SS_PARTITION_APP && row->subtype == SS_PARTITION_APP_FACTORY)
        slot = SS_BOOT_FACTORY;
    else if (slot < 0)
        return refused(r, c, "the table has no such app");
    ss_status_t status = ss_otadata_build(slot, ss_table_ota_count(&table), SS_OTA_VALID, bytes, r->err);
    struct plan_file *out = status == SS_OK ? plan_file_make(r, plan_option(c, "output"), sizeof bytes) : NULL;
    if (!out)
        return status == SS_OK ? r->err->status : refused(r, c, r->err->message);
    memcpy(out->data, bytes, sizeof bytes);
    out->kind = FILE_OTADATA;
    return SS_OK;
}

static ss_status_t table_build(struct rehearsal *r, const struct plan_command *c)
{
    struct ss_partition_table table;
    uint8_t bytes[SS_TABLE_BINARY_SIZE];
    ss_status_t status = read_table(r, c->operand[0], &table);
    if (status == SS_OK)
        status = ss_table_to_binary(&table, bytes, r->err);
    if (status != SS_OK)
        return refused(r, c, r->err->message);
    struct plan_file *out = plan_file_make(r, plan_option(c, "output"), sizeof bytes);
    if (!out)
        return r->err->status;
    memcpy(out->data, bytes, sizeof bytes);
    out->kind = FILE_TABLE;
    return SS_OK;
}

/// Commands that change nothing that is flashed.
static bool only_looks(const char *verb)
{
    static const char *const verbs[] = {"verify", "compare",      "doctor",     "image_info", "table_show", "unseal",
                                        "help",   "otadata_show", "key_public", "key_digest", "chip_new"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i], verb))
            return true;
    return !*verb;
}

ss_status_t plan_slotseal(struct rehearsal *r, const struct plan_command *c)
{
    static const struct {
        const char *verb;
        ss_status_t (*run)(struct rehearsal *, const struct plan_command *);
    } verbs[] = {
        {"seal", seal},
        {"sign", sign},
        {"key_generate", key_generate},
        {"otadata_build", otadata_build},
        {"table_build", table_build},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(c->verb, verbs[i].verb))
            return verbs[i].run(r, c);
    return only_looks(c->verb) ? SS_OK : plan_not_modelled(r, c, "slotseal", c->verb);
}
