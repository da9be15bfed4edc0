// SPDX-License-Identifier: Apache-2.0
// The parts that deploymentBase, confirmationBase and installedBase are made of.
#include <inttypes.h>
#include <string.h>

#include "server/ddi.h"

#include "core/hex.h"

/// hawkBit's limit for the history that a device may ask for.
#define HISTORY_MAX 100

static void file_name(const struct ss_store_delivery *delivery, char *out, size_t size)
{
    snprintf(out, size, "%s.bin", delivery->slot);
}

static json_t *hex_json(const uint8_t *in, size_t len)
{
    char text[65];
    ss_put_hex(in, len, text);
    return json_string(text);
}

static json_t *link_json(const struct ss_server_config *config, const char *device, const char *rest)
{
    char href[SS_DDI_LINK_SIZE];
    ss_ddi_link(config, device, rest, href, sizeof href);
    return json_pack("{s:s}", "href", href);
}

/// Links of an artifact; the `-http` ones where this server is reached without TLS.
static json_t *artifact_links(struct ss_front *front, const char *device, int64_t release, const char *file, bool md5)
{
    bool secure = !strncmp(front->config->server.url, "https:", 6);
    char rest[256], sum[256];
    snprintf(rest, sizeof rest, "softwaremodules/%" PRId64 "/artifacts/%s", release, file);
    snprintf(sum, sizeof sum, "%.240s.MD5SUM", rest);
    json_t *links = json_pack("{s:o}", secure ? "download" : "download-http", link_json(front->config, device, rest));
    return md5 ? ss_http_json_with(links, secure ? "md5sum" : "md5sum-http", link_json(front->config, device, sum))
               : links;
}

struct collector {
    struct ss_front *front;
    const char *device;
    int64_t release;
    json_t *array;
};

static ss_status_t add_artifact(void *context, const struct ss_store_artifact *artifact, struct ss_error *err)
{
    struct collector *to = context;
    json_t *one = json_pack("{s:s, s:I, s:{s:o, s:o, s:o}, s:o}", "filename", artifact->file, "size",
                            (json_int_t)artifact->length, "hashes", "sha1", hex_json(artifact->sha1, 20), "md5",
                            hex_json(artifact->md5, 16), "sha256", hex_json(artifact->sha256, 32), "_links",
                            artifact_links(to->front, to->device, to->release, artifact->file, true));
    if (!one || json_array_append_new(to->array, one) != 0)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    return SS_OK;
}

static json_t *sealed_artifact(struct ss_front *front, const struct ss_store_delivery *delivery)
{
    char file[SS_STORE_SLOT_SIZE + 8];
    file_name(delivery, file, sizeof file);
    return json_pack("{s:s, s:I, s:{s:o}, s:o}", "filename", file, "size", (json_int_t)delivery->length, "hashes",
                     "sha256", hex_json(delivery->sha256, 32), "_links",
                     artifact_links(front, delivery->device, delivery->release, file, false));
}

ss_status_t ss_ddi_find_delivery(struct ss_store *store, const struct ss_store_device *device, int64_t release,
                                 struct ss_store_delivery *delivery, struct ss_error *err)
{
    if (!device->told.slot[0])
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "the slot that runs is not known");
    return ss_store_delivery_next(store, device->registration.id, release, device->told.slot, delivery, err);
}

/// Adds the artifact of @p known, or of the delivery that is there; none yet is no failure.
static ss_status_t add_sealed(const struct collector *to, const struct ss_store_device *device,
                              const struct ss_store_delivery *known, struct ss_error *err)
{
    struct ss_store_delivery found;
    ss_status_t status = known ? SS_OK : ss_ddi_find_delivery(to->front->store, device, to->release, &found, err);
    if (status == SS_ERROR_DOES_NOT_EXIST)
        return SS_OK;
    if (status == SS_OK && json_array_append_new(to->array, sealed_artifact(to->front, known ? known : &found)) != 0)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    return status;
}

json_t *ss_ddi_artifact_array(struct ss_front *front, const struct ss_store_device *device, int64_t release,
                              const struct ss_store_delivery *delivery, ss_status_t *status, struct ss_error *err)
{
    struct collector to = {front, device->registration.id, release, json_array()};
    *status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (!to.array)
        return NULL;
    *status = device->kind == SS_STORE_OPAQUE ? ss_store_artifact_list(front->store, release, add_artifact, &to, err)
                                              : add_sealed(&to, device, delivery, err);
    if (*status == SS_OK)
        return to.array;
    json_decref(to.array);
    return NULL;
}

struct history {
    json_t *messages;
    int64_t left;
};

static ss_status_t add_messages(void *context, const struct ss_store_status *status, struct ss_error *err)
{
    struct history *history = context;
    for (size_t i = 0; i < status->message_count && history->left > 0; i++, history->left--)
        if (json_array_append_new(history->messages, json_string(status->messages[i])) != 0)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    return SS_OK;
}

json_t *ss_ddi_history(struct ss_front *front, int64_t action, int64_t count, ss_status_t *status, struct ss_error *err)
{
    struct ss_store_action record;
    struct history history = {json_array(), count < 0 || count > HISTORY_MAX ? HISTORY_MAX : count};
    char state[32] = "";
    *status = ss_store_action_get(front->store, NULL, action, &record, err);
    if (*status == SS_OK)
        *status = ss_store_status_list(front->store, action, (unsigned)history.left, add_messages, &history, err);
    if (*status != SS_OK || !history.messages) {
        json_decref(history.messages);
        return NULL;
    }
    snprintf(state, sizeof state, "%s", ss_store_state_name(record.last));
    for (char *p = state; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return json_pack("{s:s, s:o}", "status", state, "messages", history.messages);
}
