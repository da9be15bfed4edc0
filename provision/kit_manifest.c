// SPDX-License-Identifier: Apache-2.0
// manifest.json: written once, read strictly; every member is required, none is more.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/hex.h"
#include "provision/kit_internal.h"

static const char *const lasts_names[] = {"lasts", "until-encrypted", "until-secure-boot"};
static const char *const form_names[] = {"erased", "sealed", "enveloped"};

static json_t *hex(const uint8_t *bytes, size_t len)
{
    char *text = malloc(2 * len + 1);
    if (!text)
        return NULL;
    ss_put_hex(bytes, len, text);
    json_t *value = json_string(text);
    free(text);
    return value;
}

static json_t *write_part(const struct ss_kit_part *part)
{
    return json_pack("{s:s, s:I, s:I, s:s, s:s, s:o}", "name", part->name, "address", (json_int_t)part->address,
                     "length", (json_int_t)part->len, "lasts", lasts_names[part->lasts], "form", form_names[part->form],
                     "sha256", part->form == SS_KIT_ERASED ? json_null() : hex(part->sha256, 32));
}

static json_t *write_device(const struct ss_kit_device *device)
{
    json_t *parts = json_array();
    for (unsigned i = 0; parts && i < device->part_count; i++)
        if (json_array_append_new(parts, write_part(&device->parts[i]))) {
            json_decref(parts);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:I, s:o, s:o}", "id", device->id, "mac", hex(device->mac, 6), "key_length",
                     (json_int_t)device->key_len, "key_sha256", hex(device->key_sha256, 32), "parts", parts);
}

static json_t *write_header(const struct ss_kit *kit)
{
    const struct ss_kit_header *h = &kit->header;
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:o}", "format",
        SS_KIT_FORMAT, "kit", h->kit, "product", h->product, "plan", "host-sealed", "level",
        ss_procedure_level_name(h->level), "secure_boot", ss_secure_boot_scheme_name(h->secure_boot), "count_max",
        h->count_max, "uart_disable", h->uart_disable, "table_offset", (json_int_t)h->table_offset, "flash_size",
        (json_int_t)h->flash_size, "min_revision", (json_int_t)h->min_revision, "table", hex(h->table, sizeof h->table),
        "profile", h->profile, "public_digest", h->has_public_digest ? hex(h->public_digest, 32) : json_null(),
        "bootloader_sha256", hex(h->bootloader_sha256, 32), "table_sha256", hex(h->table_sha256, 32), "app_sha256",
        hex(h->app_sha256, 32), "app_version", h->app_version, "recipient", hex(kit->recipient, 32));
}

char *kit_manifest_write(const struct ss_kit *kit)
{
    json_t *root = write_header(kit), *devices = json_array();
    bool ok = root && devices;
    for (size_t i = 0; ok && i < kit->count; i++)
        ok = json_array_append_new(devices, write_device(&kit->devices[i])) == 0;
    ok = ok && json_object_set(root, "devices", devices) == 0;
    char *text = ok ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(devices);
    json_decref(root);
    return text;
}

/// Reading, which stops at the first thing that is not as it should be.
struct cursor {
    const json_t *object;
    size_t taken; ///< members read so far
    const char *bad;
};

static const json_t *take(struct cursor *c, const char *name)
{
    const json_t *value = json_object_get(c->object, name);
    c->taken++;
    if (!value && !c->bad)
        c->bad = name;
    return value;
}

static void take_text(struct cursor *c, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(take(c, name));
    if (text && strlen(text) < size)
        strcpy(out, text);
    else if (!c->bad)
        c->bad = name;
}

static uint32_t take_number(struct cursor *c, const char *name)
{
    const json_t *value = take(c, name);
    json_int_t n = json_integer_value(value);
    if (json_is_integer(value) && n >= 0 && n <= UINT32_MAX)
        return (uint32_t)n;
    if (!c->bad)
        c->bad = name;
    return 0;
}

static bool take_switch(struct cursor *c, const char *name)
{
    const json_t *value = take(c, name);
    if (!json_is_boolean(value) && !c->bad)
        c->bad = name;
    return json_is_true(value);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// True if there were bytes; null is allowed where @p optional.
static bool take_hex(struct cursor *c, const char *name, uint8_t *out, size_t len, bool optional)
{
    const json_t *value = take(c, name);
    const char *text = json_string_value(value);
    bool ok = text && strlen(text) == 2 * len;
    for (size_t i = 0; ok && i < len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        out[i] = (uint8_t)(ok ? high << 4 | low : 0);
    }
    if (!ok && !(optional && json_is_null(value)) && !c->bad)
        c->bad = name;
    return ok;
}

static unsigned take_choice(struct cursor *c, const char *name, const char *const *names, unsigned count)
{
    const char *text = json_string_value(take(c, name));
    for (unsigned i = 0; text && i < count; i++)
        if (!strcmp(text, names[i]))
            return i;
    if (!c->bad)
        c->bad = name;
    return 0;
}

static enum ss_secure_boot_scheme take_scheme(struct cursor *c, const char *name)
{
    enum ss_secure_boot_scheme scheme = SS_SECURE_BOOT_NONE;
    const char *text = json_string_value(take(c, name));
    if (!(text && ss_secure_boot_scheme_from_name(text, &scheme)) && !c->bad)
        c->bad = name;
    return scheme;
}

static ss_status_t finish(struct cursor *c, const char *what, struct ss_error *err)
{
    if (c->bad)
        return kit_error(err, SS_ERROR_DATA_INVALID, "manifest: %s: %s is missing or not as it should be", what,
                         c->bad);
    if (json_object_size(c->object) != c->taken)
        return kit_error(err, SS_ERROR_DATA_INVALID, "manifest: %s has members that this version does not know", what);
    return SS_OK;
}

static ss_status_t read_part(const json_t *object, struct ss_kit_part *part, struct ss_error *err)
{
    struct cursor c = {.object = object};
    take_text(&c, "name", part->name, sizeof part->name);
    part->address = take_number(&c, "address");
    part->len = take_number(&c, "length");
    part->lasts = (enum ss_part_lasts)take_choice(&c, "lasts", lasts_names, 3);
    part->form = (enum ss_kit_part_form)take_choice(&c, "form", form_names, 3);
    if (take_hex(&c, "sha256", part->sha256, 32, true) == (part->form == SS_KIT_ERASED) && !c.bad)
        c.bad = "sha256";
    if ((part->address % 4096 || part->len % 4096 || !part->len || part->len > (16u << 20) ||
         part->address > (16u << 20) - part->len) &&
        !c.bad)
        c.bad = "length";
    return finish(&c, "part", err);
}

static ss_status_t read_parts(const json_t *array, struct ss_kit_device *device, struct ss_error *err)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || !count || count > SS_MAX_PARTS)
        return kit_error(err, SS_ERROR_DATA_INVALID, "manifest: %s: parts are missing, or too many", device->id);
    device->parts = calloc(count, sizeof *device->parts);
    if (!device->parts)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    ss_status_t status = SS_OK;
    for (; status == SS_OK && device->part_count < count; device->part_count++)
        status = read_part(json_array_get(array, device->part_count), &device->parts[device->part_count], err);
    return status;
}

static ss_status_t read_device(const json_t *object, struct ss_kit_device *device, struct ss_error *err)
{
    struct cursor c = {.object = object};
    take_text(&c, "id", device->id, sizeof device->id);
    take_hex(&c, "mac", device->mac, 6, false);
    device->key_len = take_number(&c, "key_length");
    take_hex(&c, "key_sha256", device->key_sha256, 32, false);
    const json_t *parts = take(&c, "parts");
    if (!ss_device_name_valid(device->id) && !c.bad)
        c.bad = "id";
    if (device->key_len != 32 && device->key_len != 24 && !c.bad)
        c.bad = "key_length";
    ss_status_t status = finish(&c, "device", err);
    return status == SS_OK ? read_parts(parts, device, err) : status;
}

static ss_status_t read_header(struct cursor *c, struct ss_kit *kit, struct ss_error *err)
{
    static const char *const levels[] = {"development", "release"}, *const plans[] = {"host-sealed"};
    static const char *const formats[] = {SS_KIT_FORMAT};
    struct ss_kit_header *h = &kit->header;

    take_choice(c, "format", formats, 1);
    if (c->bad)
        return kit_error(err, SS_ERROR_DATA_INVALID, "manifest: not of format %s", SS_KIT_FORMAT);
    take_text(c, "kit", h->kit, sizeof h->kit);
    take_text(c, "product", h->product, sizeof h->product);
    take_choice(c, "plan", plans, 1);
    h->level = take_choice(c, "level", levels, 2) ? SS_LEVEL_RELEASE : SS_LEVEL_DEVELOPMENT;
    h->secure_boot = take_scheme(c, "secure_boot");
    h->count_max = take_switch(c, "count_max");
    h->uart_disable = take_switch(c, "uart_disable");
    h->table_offset = take_number(c, "table_offset");
    h->flash_size = take_number(c, "flash_size");
    h->min_revision = take_number(c, "min_revision");
    take_hex(c, "table", h->table, sizeof h->table, false);
    take_text(c, "profile", h->profile, sizeof h->profile);
    h->has_public_digest = take_hex(c, "public_digest", h->public_digest, 32, true);
    take_hex(c, "bootloader_sha256", h->bootloader_sha256, 32, false);
    take_hex(c, "table_sha256", h->table_sha256, 32, false);
    take_hex(c, "app_sha256", h->app_sha256, 32, false);
    take_text(c, "app_version", h->app_version, sizeof h->app_version);
    take_hex(c, "recipient", kit->recipient, 32, false);
    return SS_OK;
}

static ss_status_t read_all(const json_t *root, struct ss_kit *kit, struct ss_error *err)
{
    struct cursor c = {.object = root};
    ss_status_t status = read_header(&c, kit, err);
    if (status != SS_OK)
        return status;
    const json_t *devices = take(&c, "devices");
    status = finish(&c, "kit", err);
    size_t count = json_array_size(devices);
    if (status == SS_OK && (!count || count > SS_KIT_MAX_DEVICES))
        status = kit_error(err, SS_ERROR_DATA_INVALID, "manifest: %zu devices, 1 to %d are possible", count,
                           SS_KIT_MAX_DEVICES);
    if (status != SS_OK)
        return status;
    kit->devices = calloc(count, sizeof *kit->devices);
    if (!kit->devices)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    for (; status == SS_OK && kit->count < count; kit->count++)
        status = read_device(json_array_get(devices, kit->count), &kit->devices[kit->count], err);
    return status;
}

ss_status_t kit_manifest_read(const char *text, size_t len, struct ss_kit *kit, struct ss_error *err)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return kit_error(err, SS_ERROR_DATA_INVALID, "manifest: line %d: %.100s", error.line, error.text);
    ss_status_t status = read_all(root, kit, err);
    json_decref(root);
    return status;
}
