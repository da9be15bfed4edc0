// SPDX-License-Identifier: Apache-2.0
// App slots, and the partitions that an app reads through decryption.
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/doctor_internal.h"
#include "slotseal/content.h"
#include "slotseal/otadata.h"
#include "slotseal/secure_boot_v1.h"

#define ADD(id, severity, certain) finding_add(d->out, SS_DOCTOR_##id, SS_DOCTOR_##severity, certain)

static bool verifies_v1(const struct ss_boot_profile *p)
{
    return p->secure_boot == SS_PROFILE_SECURE_BOOT_V1 ||
           (p->signed_on_boot && p->secure_boot == SS_PROFILE_SECURE_BOOT_NONE);
}

static struct ss_doctor_finding *app_finding(struct doctor *d, struct place *app, enum ss_doctor_id id, bool certain)
{
    struct ss_doctor_finding *f = finding_add(d->out, id, SS_DOCTOR_STOPS, certain);
    app->good = false;
    finding_repair(f, SS_REPAIR_FLASH, "sign, then seal, then write");
    if (!d->expects)
        finding_repair(f, SS_REPAIR_FLASH, "write it again");
    finding_rewrite(d, f, app);
    return f;
}

/// Ciphertext with a plaintext V1 signature behind it.
static void sealed_then_signed(struct doctor *d, struct place *app, size_t at)
{
    struct ss_doctor_finding *f = app_finding(d, app, SS_DOCTOR_APP_SEALED_THEN_SIGNED, true);
    if (!verifies_v1(d->profile))
        f->severity = SS_DOCTOR_RISK; // this bootloader does not look at signatures
    finding_seen(f, "%s: a signature block in plaintext at 0x%x, behind ciphertext", app->name,
                 (unsigned)(app->address + at));
}

/// The same bytes twice: under an address tweak at most one of them is for where it lies.
static bool twin(const struct doctor *d, const struct place *app, const struct place **other)
{
    for (unsigned i = 0; i < d->app_count; i++) {
        const struct place *a = &d->apps[i];
        if (a->address < app->address && a->state == PLACE_NOISE && app->size >= 256 && a->size >= 256 &&
            memcmp(a->raw, app->raw, 256) == 0) {
            *other = a;
            return true;
        }
    }
    return false;
}

static void noise(struct doctor *d, struct place *app)
{
    size_t at;
    const struct place *other;
    struct ss_doctor_finding *f;
    if (!d->expects) {
        f = app_finding(d, app, SS_DOCTOR_DECRYPTION_OFF, true);
        finding_seen(f, "%s at 0x%x is ciphertext, bootloader and FLASH_CRYPT_CNT 0x%02x expect plaintext", app->name,
                     (unsigned)app->address, d->count.value);
        return;
    }
    if (place_signed_noise(app, &at))
        sealed_then_signed(d, app, at);
    if (d->has_key[KEY_CHIP]) {
        f = app_finding(d, app, SS_DOCTOR_APP_UNREADABLE, true);
        finding_seen(f, "%s at 0x%x is noise under the key: sealed with another key, or damaged", app->name,
                     (unsigned)app->address);
        d->flash_plain_at_risk = true;
    } else if (d->settled_config != 0 && twin(d, app, &other)) {
        f = app_finding(d, app, SS_DOCTOR_APP_SEALED_WRONG, false);
        finding_seen(f, "%s at 0x%x holds the same ciphertext as %s at 0x%x", app->name, (unsigned)app->address,
                     other->name, (unsigned)other->address);
    } else {
        f = ADD(APP_UNKNOWN, UNKNOWN, true);
        finding_seen(f, "%s at 0x%x looks like ciphertext", app->name, (unsigned)app->address);
        finding_repair(f, SS_REPAIR_NONE, "--flash-key FILE checks it");
    }
}

static void form(struct doctor *d, struct place *app)
{
    struct ss_doctor_finding *f;
    char seal[200];
    switch (app->state) {
    case PLACE_PLAIN:
        if (!d->expects)
            return;
        f = app_finding(d, app, SS_DOCTOR_APP_PLAINTEXT, true);
        finding_seen(f, "%s at 0x%x is plaintext: e9 %02x %02x %02x; FLASH_CRYPT_CNT 0x%02x", app->name,
                     (unsigned)app->address, app->raw[1], app->raw[2], app->raw[3], d->count.value);
        d->flash_plain_at_risk = true;
        return;
    case PLACE_SEALED_WRONG:
        place_describe_seal(d, app, seal, sizeof seal);
        f = app_finding(d, app, d->expects ? SS_DOCTOR_APP_SEALED_WRONG : SS_DOCTOR_DECRYPTION_OFF, true);
        finding_seen(f, "%s at 0x%x is sealed %s", app->name, (unsigned)app->address, seal);
        d->flash_plain_at_risk = true;
        return;
    case PLACE_SEALED:
        if (d->expects)
            return;
        noise(d, app);
        return;
    case PLACE_NOISE:
        noise(d, app);
        return;
    case PLACE_OTHER:
        f = app_finding(d, app, SS_DOCTOR_APP_UNREADABLE, true);
        finding_seen(f, "%s at 0x%x begins with %02x %02x %02x %02x, which is no image", app->name,
                     (unsigned)app->address, app->raw[0], app->raw[1], app->raw[2], app->raw[3]);
        return;
    default:
        return;
    }
}

static void verify_v1(struct doctor *d, struct place *app, const struct ss_image *image)
{
    const struct ss_boot_profile *p = d->profile;
    struct ss_error why = {0};
    const uint8_t *block = app->data + image->image_len;
    if (!ss_range_ok(image->image_len, SS_SBV1_BLOCK_SIZE, app->size) || ss_get_le32(block) != 0) {
        struct ss_doctor_finding *f = app_finding(d, app, SS_DOCTOR_APP_UNSIGNED, true);
        finding_seen(f, "%s: no signature block at 0x%x, where the image ends", app->name,
                     (unsigned)(app->address + image->image_len));
        return;
    }
    if (!p->has_public_key || p->public_key_len != SS_PROFILE_KEY_SIZE || app->damaged)
        return; // said already, or by doctor_secure_boot()
    if (ss_secure_boot_v1_verify(p->public_key, app->data, image->image_len, block, &why) == SS_OK)
        return;
    struct ss_doctor_finding *f = app_finding(d, app, SS_DOCTOR_APP_SIGNATURE_WRONG, true);
    finding_seen(f, "%s: signature at 0x%x: %s", app->name, (unsigned)(app->address + image->image_len), why.message);
}

static void verify_v2(struct doctor *d, struct place *app, const struct ss_image *image)
{
    uint8_t key[32];
    enum v2_signature signature = doctor_v2_signature(d, app, image, key);
    if (signature == V2_GOOD || (app->damaged && signature != V2_ABSENT))
        return;
    struct ss_doctor_finding *f =
        app_finding(d, app, signature == V2_ABSENT ? SS_DOCTOR_APP_UNSIGNED : SS_DOCTOR_APP_SIGNATURE_WRONG, true);
    if (signature == V2_UNTRUSTED)
        finding_seen(f, "%s: signed by key %02x%02x%02x%02x…, which is not the one in BLOCK2", app->name, key[0],
                     key[1], key[2], key[3]);
    else
        finding_seen(f, signature == V2_ABSENT ? "%s: no signature sector" : "%s: the signature block does not verify",
                     app->name);
}

static void content(struct doctor *d, struct place *app, const struct ss_image *image)
{
    const struct ss_image_finding *fatal = ss_image_first_fatal(image);
    char text[160];
    if (fatal) {
        struct ss_doctor_finding *f = app_finding(d, app, SS_DOCTOR_APP_DAMAGED, true);
        ss_image_finding_text(image, fatal, text, sizeof text);
        finding_seen(f, "%s: %s", app->name, text);
        finding_repair(f, SS_REPAIR_FLASH, "%s", ss_image_finding_advice(fatal->code));
        app->damaged = fatal->code == SS_IMAGE_CHECKSUM || fatal->code == SS_IMAGE_HASH;
    }
    if (!image->complete)
        return;
    bool sealed = app->state == PLACE_SEALED || app->state == PLACE_SEALED_WRONG;
    if (sealed && ss_range_ok(image->image_len, SS_SBV1_BLOCK_SIZE, app->size) &&
        ss_get_le32(app->raw + image->image_len) == 0 && ss_get_le32(app->data + image->image_len) != 0)
        sealed_then_signed(d, app, image->image_len);
    else if (verifies_v1(d->profile))
        verify_v1(d, app, image);
    else if (d->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2)
        verify_v2(d, app, image);
}

static ss_status_t examine(struct doctor *d, struct place *app, struct ss_error *err)
{
    struct ss_image image;
    struct ss_image_context context = {
        .kind = SS_IMAGE_KIND_APP, .flash_address = app->address, .space = app->size, .chip_id = 0, .chip_rev = -1};
    app->good = app->state != PLACE_ERASED && app->state != PLACE_OUTSIDE;
    form(d, app);
    if (!app->data)
        return SS_OK;
    ss_status_t status = ss_image_describe(app->data, app->size, &context, &image, err);
    if (status == SS_OK)
        content(d, app, &image);
    return status;
}

static void add_app(struct doctor *d, uint32_t address, uint32_t size, const char *name)
{
    if (d->app_count == MAX_APPS)
        return;
    struct place *app = &d->apps[d->app_count++];
    *app = (struct place){.kind = PLACE_APP, .address = address, .size = size};
    snprintf(app->name, sizeof app->name, "%s", name);
}

static void list_apps(struct doctor *d)
{
    for (size_t i = 0; d->has_table && i < d->table.count; i++)
        if (d->table.rows[i].type == SS_PARTITION_APP)
            add_app(d, d->table.rows[i].offset, d->table.rows[i].size, d->table.rows[i].label);
    // Without a table: wherever content begins on a 64 KiB boundary behind erased flash.
    uint32_t step = SS_IMAGE_MMU_PAGE;
    for (uint32_t at = step; !d->has_table && at + step <= d->in->flash_len; at += step) {
        char name[SS_PARTITION_LABEL_SIZE + 1];
        const uint8_t *p = d->in->flash + at;
        if ((at > step && !ss_all_bytes(p - 256, 256, 0xFF)) || ss_all_bytes(p, 256, 0xFF))
            continue;
        snprintf(name, sizeof name, "app at 0x%x", (unsigned)at);
        add_app(d, at, 0x200000, name);
    }
}

static void no_app(struct doctor *d)
{
    struct place *first = &d->apps[0];
    struct ss_doctor_finding *f = ADD(APP_MISSING, STOPS, d->app_count && first->state == PLACE_ERASED);
    finding_repair(f, SS_REPAIR_FLASH, "write an app");
    if (d->app_count == 0) {
        finding_seen(f, "flash is erased wherever an app could begin, from 0x10000 on");
        return;
    }
    finding_seen(f, "%s at 0x%x%s is %s", first->name, (unsigned)first->address,
                 d->app_count > 1 ? ", like all others," : "",
                 first->state == PLACE_ERASED ? "erased" : "outside the dump");
    finding_rewrite(d, f, first);
}

/// With one good slot the bootloader falls back to it.
static void weigh(struct doctor *d, unsigned first)
{
    bool any_good = false, any = false;
    for (unsigned i = 0; i < d->app_count; i++) {
        any_good = any_good || d->apps[i].good;
        any = any || (d->apps[i].state != PLACE_ERASED && d->apps[i].state != PLACE_OUTSIDE);
    }
    for (unsigned i = first; any_good && i < d->out->count; i++)
        if (d->out->findings[i].severity == SS_DOCTOR_STOPS)
            d->out->findings[i].severity = SS_DOCTOR_RISK;
    if (!any && (d->app_count || !d->has_table))
        no_app(d);
}

/// What the app itself reads through decryption. NVS does not heed the flag, apps and otadata have been seen to.
static void others(struct doctor *d)
{
    for (size_t i = 0; d->expects && d->has_table && i < d->table.count; i++) {
        const struct ss_partition *row = &d->table.rows[i];
        bool nvs = row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_NVS;
        bool otadata = row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_OTA;
        if (row->type == SS_PARTITION_APP || nvs || otadata || !ss_partition_is_encrypted(row) || row->size < 512 ||
            !ss_range_ok(row->offset, row->size, d->in->flash_len))
            continue;
        const uint8_t *raw = d->in->flash + row->offset;
        size_t len = row->size < 4096 ? row->size : 4096;
        if (ss_all_bytes(raw, len, 0xFF) || ss_content_classify(raw, len) == SS_CONTENT_NOISE)
            continue;
        struct ss_doctor_finding *f = ADD(PARTITION_PLAINTEXT, RISK, false);
        finding_seen(f, "%s at 0x%x does not look like ciphertext", row->label, (unsigned)row->offset);
        finding_repair(f, SS_REPAIR_FLASH, "seal it");
        finding_command(f,
                        "slotseal seal %s.bin --table partitions.bin --slot %s --data --flash-key flash-key.bin -o "
                        "%s.sealed",
                        row->label, row->label, row->label);
        finding_command(f, "esptool.py --port PORT write_flash --flash_size keep 0x%x %s.sealed", (unsigned)row->offset,
                        row->label);
    }
}

/// otadata that can be read, and a slot that it selects but that holds nothing.
static void selection(struct doctor *d)
{
    struct ss_otadata otadata;
    const struct place *o = &d->otadata;
    bool any = false;
    for (unsigned i = 0; i < d->app_count; i++)
        any = any || (d->apps[i].state != PLACE_ERASED && d->apps[i].state != PLACE_OUTSIDE);
    if (!any || !o->data || o->size < SS_OTADATA_SIZE ||
        ss_otadata_from_partition(o->data, o->size, &otadata, NULL) != SS_OK)
        return;
    int active = ss_otadata_active(&otadata);
    unsigned slots = ss_table_ota_count(&d->table);
    if (active < 0 || slots == 0)
        return;
    const struct ss_partition *row = ss_table_ota_slot(&d->table, (otadata.copies[active].seq - 1) % slots);
    for (unsigned i = 0; row && i < d->app_count; i++) {
        if (d->apps[i].address != row->offset || d->apps[i].state != PLACE_ERASED)
            continue;
        struct ss_doctor_finding *f = ADD(OTADATA_SELECTS_BAD, RISK, true);
        finding_seen(f, "otadata copy %d, sequence %u, selects %s, which is erased", active,
                     (unsigned)otadata.copies[active].seq, row->label);
        finding_repair(f, SS_REPAIR_FLASH, "write otadata anew");
        finding_rewrite(d, f, o);
    }
}

ss_status_t doctor_apps(struct doctor *d, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    unsigned first = d->out->count;
    if (!d->in->flash)
        return SS_OK;
    list_apps(d);
    for (unsigned i = 0; status == SS_OK && i < d->app_count; i++)
        status = place_look(d, &d->apps[i], err);
    for (unsigned i = 0; status == SS_OK && i < d->app_count; i++)
        status = examine(d, &d->apps[i], err);
    if (status != SS_OK)
        return status;
    weigh(d, first);
    selection(d);
    others(d);
    return SS_OK;
}
