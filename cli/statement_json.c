// SPDX-License-Identifier: Apache-2.0
// What a statement says, as JSON; and that JSON as text, so that both always say the same.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "slotseal/chip_info.h"
#include "statement_file.h"

static json_t *span_json(struct ss_span span)
{
    return json_stringn((const char *)span.p, span.len); // printable ASCII: the parser saw to that
}

static json_t *digest_json(const uint8_t *digest)
{
    return digest ? json_hex(digest, SS_STATEMENT_DIGEST_SIZE) : json_null();
}

json_t *statement_json_kind(enum ss_statement_kind kind)
{
    return json_string(kind == SS_STATEMENT_KEY_SET ? "key-set" : ss_statement_kind_name(kind));
}

/// "2027-01-15T08:00:00Z"; null for 0; NULL without memory.
static json_t *json_time(uint64_t time)
{
    char text[40];
    struct tm tm;
    time_t seconds = (time_t)time;
    if (!time)
        return json_null();
    if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return json_integer((json_int_t)time);
    return json_string(text);
}

static json_t *chip_json(uint16_t id)
{
    const struct ss_chip *chip = ss_chip_find_id(id);
    return chip ? json_string(chip->name) : json_integer(id);
}

static json_t *bootloader_json(uint32_t bits)
{
    json_t *list = json_array();
    if (bits & SS_BOOTLOADER_ROLLBACK)
        json_array_append_new(list, json_string("rollback"));
    if (bits & SS_BOOTLOADER_ANTI_ROLLBACK)
        json_array_append_new(list, json_string("anti-rollback"));
    if (bits & SS_NEEDS_NVS_KEYS)
        json_array_append_new(list, json_string("nvs-keys"));
    return list;
}

static json_t *release_json(const struct ss_release *f)
{
    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "product", span_json(f->product),
                     "chip", chip_json(f->chip), "version", span_json(f->version), "secure_version",
                     (json_int_t)f->secure_version, "image_length", (json_int_t)f->image_len, "digest",
                     digest_json(f->digest), "vk_offset", f->vk_offset ? json_integer(f->vk_offset) : json_null(),
                     "secure_boot", ss_release_scheme_name(f->scheme), "table_digest", digest_json(f->table_digest),
                     "bootloader_needs", bootloader_json(f->bootloader), "timestamp", json_time(f->timestamp));
}

static json_t *delivery_json(const struct ss_delivery *f)
{
    json_t *digests = json_array();
    for (unsigned i = 0; i < f->windows; i++)
        json_array_append_new(digests, digest_json(f->digests + i * SS_STATEMENT_DIGEST_SIZE));
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "device", span_json(f->device), "release",
                     digest_json(f->release), "slot_address", (json_int_t)f->slot_address, "slot_size",
                     (json_int_t)f->slot_size, "length", (json_int_t)f->length, "epoch", (json_int_t)f->epoch,
                     "sequence", (json_int_t)f->sequence, "window", (json_int_t)f->window, "expires",
                     json_time(f->expiry), "window_digests", digests);
}

static json_t *key_json(const struct ss_key_set *set, enum ss_key_role role, unsigned i, const bool *signers)
{
    char id[2 * SS_KEY_ID_SIZE + 1];
    const uint8_t *key = set->roles[role].keys[i];
    if (statement_key_id(key, id, NULL) != SS_OK)
        return NULL;
    json_t *one = json_pack("{s:s}", "id", id);
    if (role == SS_ROLE_DELIVERY)
        json_object_set_new(one, "epoch", json_integer(set->epochs[i]));
    if (role == SS_ROLE_ROOT)
        json_object_set_new(one, "signed", json_boolean(signers[i]));
    json_object_set_new(one, "key", json_hex(key, SS_STATEMENT_KEY_SIZE));
    return one;
}

static json_t *keys_json(const struct ss_key_set *set, enum ss_key_role role, const bool *signers)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < set->roles[role].count; i++)
        json_array_append_new(list, key_json(set, role, i, signers));
    return list;
}

static json_t *key_set_json(const struct ss_statement *s, const struct ss_key_set *f)
{
    bool signers[SS_ROOT_KEYS_MAX];
    unsigned count;
    json_t *cas = json_array(), *servers = json_array();
    // A signature that does not verify shows up as nobody having signed; `keyset show` and `verify` say why.
    (void)!ss_key_set_count_roots(s, f, &count, signers, NULL);
    for (unsigned i = 0; i < f->ca_count; i++)
        json_array_append_new(cas, digest_json(f->cas[i]));
    for (unsigned i = 0; i < f->server_count; i++)
        json_array_append_new(servers, span_json(f->servers[i]));
    return json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "product",
                     span_json(f->product), "version", (json_int_t)f->version, "threshold", (json_int_t)f->threshold,
                     "signed_by_roots", (json_int_t)count, "root_keys", keys_json(f, SS_ROLE_ROOT, signers),
                     "release_keys", keys_json(f, SS_ROLE_RELEASE, NULL), "delivery_keys",
                     keys_json(f, SS_ROLE_DELIVERY, NULL), "operator_keys", keys_json(f, SS_ROLE_OPERATOR, NULL), "cas",
                     cas, "servers", servers, "not_before", json_time(f->not_before), "not_after",
                     json_time(f->not_after), "previous_until", json_time(f->previous_until));
}

static json_t *rollout_json(const struct ss_rollout *f)
{
    static const char *const targets[] = {"product", "list", "devices"};
    json_t *devices = json_array(), *stages = json_array();
    for (unsigned i = 0; i < f->device_count; i++)
        json_array_append_new(devices, span_json(f->devices[i]));
    for (unsigned i = 0; i < f->stage_count; i++)
        json_array_append_new(stages,
                              json_pack("{s:i, s:I, s:i}", "percent", f->stages[i].percent, "soak_seconds",
                                        (json_int_t)f->stages[i].soak, "max_failed_percent", f->stages[i].max_failed));
    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:o}", "product", span_json(f->product), "id",
                     span_json(f->id), "release", digest_json(f->release), "targets", targets[f->targets], "devices",
                     devices, "list_digest", digest_json(f->list), "list_count", (json_int_t)f->list_count, "stages",
                     stages, "not_before", json_time(f->not_before), "expires", json_time(f->expiry));
}

static json_t *freshness_json(const struct ss_freshness *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:I}", "product", span_json(f->product), "time",
                     json_time(f->time), "device", span_json(f->device), "release", digest_json(f->release), "key_set",
                     (json_int_t)f->key_set, "root", digest_json(f->root), "leaves", (json_int_t)f->leaves, "index",
                     (json_int_t)f->index);
}

static json_t *fields_json(const struct statement_file *file)
{
    switch ((enum ss_statement_kind)file->statement.kind) {
    case SS_STATEMENT_RELEASE:
        return release_json(&file->as.release);
    case SS_STATEMENT_DELIVERY:
        return delivery_json(&file->as.delivery);
    case SS_STATEMENT_KEY_SET:
        return key_set_json(&file->statement, &file->as.key_set);
    case SS_STATEMENT_ROLLOUT:
        return rollout_json(&file->as.rollout);
    default:
        return freshness_json(&file->as.freshness);
    }
}

json_t *statement_json(const struct statement_file *file)
{
    const struct ss_statement *s = &file->statement;
    uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    json_t *fields = fields_json(file);
    if (!fields || ss_statement_reference(s, reference) != SS_OK) {
        json_decref(fields);
        return NULL;
    }
    json_t *object = json_pack("{s:o, s:I, s:o, s:o}", "kind", statement_json_kind(s->kind), "bytes",
                               (json_int_t)file->in.len, "reference", digest_json(reference), "key_id",
                               s->key_id ? json_hex(s->key_id, SS_KEY_ID_SIZE) : json_null());
    if (object && json_object_update(object, fields) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(fields);
    return object;
}

static bool is_address(const char *name)
{
    return !strcmp(name, "slot_address") || !strcmp(name, "slot_size") || !strcmp(name, "vk_offset");
}

static void print_scalar(const char *name, const json_t *value)
{
    if (json_is_string(value))
        printf("%s", json_string_value(value));
    else if (json_is_integer(value))
        printf(is_address(name) ? "0x%llx" : "%lld", (long long)json_integer_value(value));
    else
        printf("%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "none");
}

static void print_label(const char *name)
{
    int width = 18;
    for (; *name; name++, width--)
        putchar(*name == '_' ? ' ' : *name);
    printf("%*s", width > 1 ? width : 1, "");
}

static void print_element(const json_t *element)
{
    const char *name;
    json_t *value;
    if (!json_is_object(element)) {
        print_scalar("", element);
    } else {
        bool first = true;
        json_object_foreach((json_t *)(uintptr_t)element, name, value)
        {
            if (!strcmp(name, "key")) // its id stands for it
                continue;
            printf(first ? "%s " : ", %s ", name);
            print_scalar(name, value);
            first = false;
        }
    }
    putchar('\n');
}

void statement_print(const json_t *object)
{
    const char *name;
    json_t *value, *element;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        print_label(name);
        if (!json_is_array(value)) {
            print_scalar(name, value);
            putchar('\n');
        } else if (json_array_size(value) == 0) {
            puts("none");
        } else {
            json_array_foreach(value, i, element)
            {
                if (i)
                    printf("%18s", "");
                print_element(element);
            }
        }
    }
}
