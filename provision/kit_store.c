// SPDX-License-Identifier: Apache-2.0
#include "provision/kit_store.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/crypto.h"
#include "provision/append_file.h"
#include "provision/build_dir.h"
#include "provision/kit_internal.h"

enum { JOURNAL_LIMIT = 16 << 20 };

struct ss_kit_store {
    struct ss_provision_store functions;
    const struct ss_kit *kit;
    const struct ss_kit_station *station;
    const struct ss_kit_device *device;
    char journal[KIT_PATH];
};

static const char *const phases[] = {
    [SS_JOURNAL_BEFORE] = "before", [SS_JOURNAL_AFTER] = "after", [SS_JOURNAL_NOTE] = "note"};

static ss_status_t begin(void *context, const struct ss_provision_chip *chip, char device[SS_DEVICE_NAME_SIZE],
                         struct ss_error *err)
{
    const struct ss_kit_store *s = context;
    device[0] = '\0';
    if (memcmp(chip->mac, s->device->mac, sizeof chip->mac) != 0)
        return kit_error(err, SS_ERROR_NOT_PERMITTED, "another chip answers");
    if (chip->revision < s->kit->header.min_revision)
        return kit_error(err, SS_ERROR_NOT_PERMITTED, "the kit is for chips of revision %u.%u and later, this is %u.%u",
                         s->kit->header.min_revision / 100, s->kit->header.min_revision % 100, chip->revision / 100,
                         chip->revision % 100);
    strcpy(device, s->device->id);
    return SS_OK;
}

static ss_status_t flash_key(void *context, uint8_t *key, size_t len, struct ss_error *err)
{
    const struct ss_kit_store *s = context;
    uint8_t found[64];
    size_t found_len;
    ss_status_t status = ss_kit_read_key(s->kit, s->device, s->station, found, sizeof found, &found_len, err);
    if (status == SS_OK && found_len != len)
        status = kit_error(err, SS_ERROR_BAD_STATE, "the kit's flash key of %s has %zu bytes, this chip takes %zu",
                           s->device->id, found_len, len);
    if (status == SS_OK)
        memcpy(key, found, len);
    ss_wipe(found, sizeof found);
    return status;
}

static ss_status_t signing_key(void *context, const ss_signing_key_t **key, struct ss_error *err)
{
    (void)context;
    *key = NULL;
    return kit_error(err, SS_ERROR_DOES_NOT_EXIST, "a kit holds no signing key");
}

static ss_status_t secure_boot_key(void *context, uint8_t *key, size_t len, struct ss_error *err)
{
    (void)context;
    memset(key, 0, len);
    return kit_error(err, SS_ERROR_DOES_NOT_EXIST, "a kit holds no secure boot key");
}

static ss_status_t journal_append(void *context, const struct ss_journal_entry *entry, struct ss_error *err)
{
    const struct ss_kit_store *s = context;
    json_t *object = json_pack("{s:I, s:s, s:s, s:s}", "time", (json_int_t)time(NULL), "step", entry->step, "phase",
                               phases[entry->phase], "detail", entry->detail);
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    ss_status_t status = line ? ss_append_line(s->journal, NULL, line, err)
                              : kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for the journal");
    free(line);
    json_decref(object);
    return status;
}

static ss_status_t pass(const json_t *object, void (*each)(void *, const struct ss_journal_entry *), void *context,
                        struct ss_error *err)
{
    const char *phase = json_string_value(json_object_get(object, "phase"));
    struct ss_journal_entry entry = {.step = json_string_value(json_object_get(object, "step")),
                                     .detail = json_string_value(json_object_get(object, "detail"))};
    for (unsigned i = 0; phase && entry.step && entry.detail && i < 3; i++)
        if (!strcmp(phase, phases[i])) {
            entry.phase = (enum ss_journal_phase)i;
            each(context, &entry);
            return SS_OK;
        }
    return kit_error(err, SS_ERROR_DATA_INVALID, "the journal in the kit is damaged");
}

static ss_status_t journal_read(void *context, void (*each)(void *, const struct ss_journal_entry *),
                                void *each_context, struct ss_error *err)
{
    const struct ss_kit_store *s = context;
    uint8_t *text;
    size_t len;
    ss_status_t status = ss_provision_read_file(s->journal, JOURNAL_LIMIT, &text, &len, err);
    if (status == SS_ERROR_DOES_NOT_EXIST)
        return SS_OK;
    char *rest = (char *)text;
    for (char *line; status == SS_OK && rest && (line = strsep(&rest, "\n")) != NULL;) {
        if (!rest)
            break; // without '\n': a crash left it of an entry that was never acknowledged
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        status = pass(object, each, each_context, err);
        json_decref(object);
    }
    free(text);
    return status;
}

static ss_status_t open_journal(struct ss_kit_store *s, struct ss_error *err)
{
    snprintf(s->journal, sizeof s->journal, "%s/journal", s->kit->folder);
    if (mkdir(s->journal, 0777) && errno != EEXIST)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%.160s: %s", s->journal, strerror(errno));
    snprintf(s->journal, sizeof s->journal, "%s/journal/%s.jsonl", s->kit->folder, s->device->id);
    return SS_OK;
}

ss_status_t ss_kit_store_open(const struct ss_kit *kit, const struct ss_kit_station *station, const uint8_t mac[6],
                              struct ss_kit_store **store, struct ss_error *err)
{
    char text[SS_DEVICE_MAC_SIZE];
    *store = NULL;
    const struct ss_kit_device *device = ss_kit_find_mac(kit, mac);
    if (!device) {
        ss_device_mac_text(mac, text);
        return kit_error(err, SS_ERROR_NOT_PERMITTED, "kit %s is not for the chip %s", kit->header.kit, text);
    }
    struct ss_kit_store *s = calloc(1, sizeof *s);
    if (!s)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    *s = (struct ss_kit_store){.functions = {.context = s,
                                             .begin = begin,
                                             .flash_key = flash_key,
                                             .signing_key = signing_key,
                                             .secure_boot_key = secure_boot_key,
                                             .journal_append = journal_append,
                                             .journal_read = journal_read},
                               .kit = kit,
                               .station = station,
                               .device = device};
    ss_status_t status = open_journal(s, err);
    if (status == SS_OK)
        *store = s;
    else
        free(s);
    return status;
}

void ss_kit_store_close(struct ss_kit_store *store)
{
    free(store);
}

const struct ss_provision_store *ss_kit_store_functions(const struct ss_kit_store *store)
{
    return &store->functions;
}

const struct ss_kit_device *ss_kit_store_device(const struct ss_kit_store *store)
{
    return store->device;
}
