// SPDX-License-Identifier: Apache-2.0
// The files of a plan: read, made by its commands, or made up where they are not there yet.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/build_dir.h"
#include "provision/plan_internal.h"
#include "slotseal/content.h"
#include "slotseal/otadata.h"

enum { IMAGE_BODY = 4096, IMAGE_LEN = 24 + 8 + IMAGE_BODY + 16 + 32, FILE_LIMIT = 16 << 20, KEY_LEN = 32 };

static const char default_csv[] = "nvs, data, nvs, 0x9000, 0x4000\n"
                                  "otadata, data, ota, 0xd000, 0x2000\n"
                                  "phy_init, data, phy, 0xf000, 0x1000\n"
                                  "ota_0, app, ota_0, 0x10000, 0x150000\n"
                                  "ota_1, app, ota_1, 0x160000, 0x150000\n";

static struct plan_file *fail(struct rehearsal *r, ss_status_t status, const char *what)
{
    ss_error_set(r->err, status, SS_AREA_FILE, "%s", what);
    return NULL;
}

struct plan_file *plan_file_known(struct rehearsal *r, const char *name)
{
    for (unsigned i = 0; i < r->file_count; i++)
        if (!strcmp(r->files[i].name, name))
            return &r->files[i];
    return NULL;
}

static void clear(struct plan_file *f)
{
    char name[PLAN_NAME];
    if (f->data)
        ss_wipe(f->data, f->len);
    free(f->data);
    ss_signing_key_free(f->key);
    memcpy(name, f->name, sizeof name);
    memset(f, 0, sizeof *f);
    memcpy(f->name, name, sizeof name);
}

void plan_files_free(struct rehearsal *r)
{
    for (unsigned i = 0; i < r->file_count; i++)
        clear(&r->files[i]);
}

struct plan_file *plan_file_make(struct rehearsal *r, const char *name, size_t len)
{
    struct plan_file *f = plan_file_known(r, name);
    if (!f) {
        if (r->file_count == PLAN_FILES || strlen(name) >= PLAN_NAME)
            return fail(r, SS_ERROR_DATA_INVALID, "the plan names too many files, or one with too long a name");
        f = &r->files[r->file_count++];
        memset(f, 0, sizeof *f);
        strcpy(f->name, name);
    }
    clear(f);
    f->data = malloc(len + 1);
    if (!f->data)
        return fail(r, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for a file of the plan");
    memset(f->data, 0xFF, len + 1);
    f->len = len;
    return f;
}

static bool path_of(const struct rehearsal *r, const char *name, char out[PLAN_LINE])
{
    if (!r->options->folder)
        return false;
    int n = name[0] == '/' ? snprintf(out, PLAN_LINE, "%s", name)
                           : snprintf(out, PLAN_LINE, "%s/%s", r->options->folder, name);
    return n > 0 && n < PLAN_LINE;
}

bool plan_file_on_disk(const struct rehearsal *r, const char *name)
{
    char path[PLAN_LINE];
    return path_of(r, name, path) && access(path, R_OK) == 0;
}

static uint8_t next_byte(struct rehearsal *r)
{
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(r->seed >> 56);
}

static ss_status_t make_image(struct rehearsal *r, uint8_t *out, uint32_t load)
{
    const uint8_t header[24] = {SS_IMAGE_MAGIC, 1, 2, 0x40, 0, 4, 8, 0x40, 0xEE, [23] = 1};
    uint8_t sum = 0xEF;
    size_t body = 32 + IMAGE_BODY, end = (body | 15) + 1;
    memset(out, 0, IMAGE_LEN);
    memcpy(out, header, sizeof header);
    ss_put_le32(out + 24, load);
    ss_put_le32(out + 28, IMAGE_BODY);
    for (size_t i = 32; i < body; i++)
        sum ^= out[i] = next_byte(r);
    out[end - 1] = sum;
    return ss_hash_once(SS_HASH_SHA256, out, end, out + end);
}

static ss_status_t make_table(struct rehearsal *r, uint8_t out[SS_TABLE_BINARY_SIZE])
{
    struct ss_partition_table table;
    struct ss_table_options options = {.table_address = r->profile.table_offset};
    char path[PLAN_LINE];
    uint8_t *csv = NULL;
    size_t len = 0;
    ss_status_t status = SS_ERROR_DOES_NOT_EXIST;
    if (path_of(r, "partitions.csv", path) && ss_provision_read_file(path, 65536, &csv, &len, NULL) == SS_OK)
        status = ss_table_from_csv((const char *)csv, len, &options, &table, NULL);
    free(csv);
    if (status != SS_OK)
        status = ss_table_from_csv(default_csv, sizeof default_csv - 1, NULL, &table, r->err);
    return status == SS_OK ? ss_table_to_binary(&table, out, r->err) : status;
}

static ss_status_t fill(struct rehearsal *r, struct plan_file *f)
{
    switch (f->kind) {
    case FILE_TABLE:
        f->len = SS_TABLE_BINARY_SIZE;
        return make_table(r, f->data);
    case FILE_OTADATA:
        f->len = SS_OTADATA_SIZE;
        return SS_OK;
    case FILE_FLASH_KEY:
        f->len = KEY_LEN;
        for (unsigned i = 0; i < KEY_LEN; i++)
            f->data[i] = next_byte(r);
        return SS_OK;
    case FILE_SIGNING_KEY:
        f->len = 0;
        return ss_signing_key_generate(SS_KEY_P256, &f->key, r->err);
    case FILE_SIGNING_KEY_V2:
        f->len = 0;
        return ss_signing_key_generate(SS_KEY_RSA3072, &f->key, r->err);
    default:
        f->len = IMAGE_LEN;
        return make_image(r, f->data, f->kind == FILE_BOOTLOADER ? 0x40080400 : 0x3F400020);
    }
}

static struct plan_file *stand_in(struct rehearsal *r, const char *name, enum plan_file_kind kind)
{
    struct plan_file *f = plan_file_make(r, name, 0x4000);
    if (!f)
        return NULL;
    f->kind = kind;
    f->stand_in = true;
    ss_status_t status = fill(r, f);
    if (status == SS_OK)
        return f;
    if (r->err && r->err->status == SS_OK)
        ss_error_set(r->err, status, SS_AREA_FILE, "cannot make up %s", name);
    return NULL;
}

static struct plan_file *from_disk(struct rehearsal *r, const char *name, enum plan_file_kind kind)
{
    char path[PLAN_LINE];
    uint8_t *data = NULL;
    size_t len = 0;
    if (!path_of(r, name, path) || ss_provision_read_file(path, FILE_LIMIT, &data, &len, r->err) != SS_OK)
        return NULL;
    struct plan_file *f = plan_file_make(r, name, 0);
    if (!f) {
        free(data);
        return NULL;
    }
    free(f->data);
    f->data = data;
    f->len = len;
    f->kind = kind;
    enum ss_content content = ss_content_classify(data, len);
    f->is_signed =
        content == SS_CONTENT_IMAGE_V1 || content == SS_CONTENT_IMAGE_V2 || content == SS_CONTENT_NOISE_SIGNED_V1;
    f->sealed = content == SS_CONTENT_NOISE && kind != FILE_FLASH_KEY;
    if ((kind == FILE_SIGNING_KEY || kind == FILE_SIGNING_KEY_V2) &&
        ss_signing_key_load(data, len, &f->key, r->err) != SS_OK)
        return NULL;
    return f;
}

struct plan_file *plan_file_get(struct rehearsal *r, const char *name, enum plan_file_kind kind)
{
    struct plan_file *f = plan_file_known(r, name);
    if (!f)
        f = plan_file_on_disk(r, name) ? from_disk(r, name, kind) : stand_in(r, name, kind);
    if (f && f->kind == FILE_ANY)
        f->kind = kind;
    if (f)
        f->used = true;
    return f;
}

enum plan_file_kind plan_kind(const struct rehearsal *r, uint32_t address, const char *name)
{
    if (strstr(name, "ota_data") || strstr(name, "otadata"))
        return FILE_OTADATA;
    if (address == BOOTLOADER_ADDRESS || strstr(name, "bootloader"))
        return FILE_BOOTLOADER;
    if (address == r->profile.table_offset || strstr(name, "partition") || strstr(name, "table"))
        return FILE_TABLE;
    return FILE_APP;
}
