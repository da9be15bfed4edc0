// SPDX-License-Identifier: Apache-2.0
// Artifacts of the releases that a device has to do with; everything else does not exist for it.
#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/hex.h"
#include "server/ddi.h"
#include "server/download.h"
#include "server/range.h"

#define PART_FILE 7

/// What the path names.
struct wanted {
    int64_t release;
    char file[SS_STORE_FILE_SIZE];
    bool sum; ///< not the file, its MD5
};

/// The file that it is.
struct target {
    struct ss_download_source source;
    uint64_t size;
    char etag[SS_STORE_ETAG_SIZE];
    int64_t modified;
    uint8_t md5[16];
    bool has_md5;
};

static enum ss_http_result nothing(struct ss_http_request *request)
{
    return ss_http_answer_error(request, 404, "there is no such artifact");
}

/// True for the release that is being installed, or was: hawkBit's rule, and what keeps devices apart.
static bool may_have(const struct ss_store_device *device, int64_t release)
{
    bool open =
        device->open.action && device->open.release == release && device->open.state != SS_STORE_WAIT_FOR_CONFIRMATION;
    return open || (device->installed.action && device->installed.release == release);
}

/// The release in the path, if the device may have it. Answered otherwise.
static bool find_release(struct ss_http_request *request, int64_t *release)
{
    if (ss_http_part_number(request->parts[SS_DDI_PART_NUMBER], release) && may_have(&request->device, *release))
        return true;
    nothing(request);
    return false;
}

enum ss_http_result ss_ddi_artifacts(struct ss_http_request *request)
{
    int64_t release;
    struct ss_error err = {0};
    ss_status_t status;
    if (!ss_http_accepts_json(request) || !find_release(request, &release))
        return SS_HTTP_DONE;
    json_t *array = ss_ddi_artifact_array(request->front, &request->device, release, NULL, &status, &err);
    return array ? ss_http_answer_json(request, 200, array) : ss_http_answer_failure(request, status, &err);
}

/// False, and answered, if the device may not have it, whatever it is.
static bool find_wanted(struct ss_http_request *request, struct wanted *wanted)
{
    const char *file = request->parts[PART_FILE], *suffix = strstr(file, ".MD5SUM");
    wanted->sum = suffix && !suffix[7];
    size_t len = strlen(file) - (wanted->sum ? 7 : 0);
    if (!find_release(request, &wanted->release))
        return false;
    if (len >= sizeof wanted->file) {
        nothing(request);
        return false;
    }
    memcpy(wanted->file, file, len);
    wanted->file[len] = '\0';
    return true;
}

static ss_status_t find_opaque(struct ss_http_request *request, const struct wanted *wanted, struct target *target,
                               struct ss_error *err)
{
    struct ss_store_artifact artifact;
    ss_status_t status = ss_store_artifact_get(request->front->store, wanted->release, wanted->file, &artifact, err);
    if (status != SS_OK)
        return status;
    target->size = artifact.length;
    target->source.blob = artifact.blob;
    target->modified = artifact.created;
    target->has_md5 = true;
    memcpy(target->md5, artifact.md5, sizeof target->md5);
    target->etag[0] = '"'; // hawkBit's: the SHA-1
    ss_put_hex(artifact.sha1, 20, target->etag + 1);
    strcat(target->etag, "\"");
    return SS_OK;
}

/// The slot that a sealed file is for, by its name; false for other names, and for the sums that there are not.
static bool slot_of(const struct wanted *wanted, char slot[SS_STORE_SLOT_SIZE])
{
    size_t len = strcspn(wanted->file, ".");
    if (wanted->sum || len >= SS_STORE_SLOT_SIZE || strcmp(wanted->file + len, ".bin") != 0)
        return false;
    memcpy(slot, wanted->file, len);
    slot[len] = '\0';
    return true;
}

static void fill_sealed(const struct ss_store_download *from, struct target *target)
{
    target->size = from->length;
    target->modified = from->created;
    target->source.blob = from->blob;
    target->source.address = from->address;
    memcpy(target->source.version, from->version, sizeof target->source.version);
    memcpy(target->etag, from->etag, sizeof target->etag);
}

static ss_status_t find_sealed(struct ss_http_request *request, const struct wanted *wanted, struct target *target,
                               struct ss_error *err)
{
    struct ss_store_download download;
    char slot[SS_STORE_SLOT_SIZE];
    if (!slot_of(wanted, slot))
        return SS_ERROR_DOES_NOT_EXIST;
    ss_status_t status = ss_store_download_get(request->front->store, request->device.registration.id, wanted->release,
                                               slot, &download, err);
    if (status == SS_OK)
        fill_sealed(&download, target);
    return status;
}

static enum ss_http_result answer_md5(struct ss_http_request *request, const char *file, const struct target *target)
{
    char text[SS_STORE_FILE_SIZE + 40];
    ss_put_hex(target->md5, 16, text);
    int len = 32 + snprintf(text + 32, sizeof text - 32, "  %s", file);
    ss_http_answer_bytes(request, 200, "text/plain", text, (size_t)len);
    snprintf(text, sizeof text, "attachment;filename=\"%s.MD5SUM\"", file);
    ss_http_add_header(request, "Content-Disposition", text);
    return SS_HTTP_DONE;
}

static void add_dates(struct ss_http_request *request, int64_t modified)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    char text[48];
    time_t time = (time_t)modified;
    if (!gmtime_r(&time, &tm))
        return;
    snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    ss_http_add_header(request, "Last-Modified", text);
}

static void add_headers(struct ss_http_request *request, const char *file, const struct target *target)
{
    char name[SS_STORE_FILE_SIZE + 32];
    snprintf(name, sizeof name, "attachment;filename=\"%s\"", file);
    ss_http_add_header(request, "Content-Type", "application/octet-stream");
    ss_http_add_header(request, "Content-Disposition", name);
    ss_http_add_header(request, "X-Content-Type-Options", "nosniff");
    ss_http_add_header(request, "Accept-Ranges", "bytes");
    ss_http_add_header(request, "ETag", target->etag);
    add_dates(request, target->modified);
}

static enum ss_http_result answer_unsatisfiable(struct ss_http_request *request, uint64_t size)
{
    char text[40];
    snprintf(text, sizeof text, "bytes */%" PRIu64, size);
    ss_http_answer_error(request, 416, "the artifact has no such range");
    ss_http_add_header(request, "Content-Range", text);
    return SS_HTTP_DONE;
}

static ssize_t no_bytes(void *context, uint64_t at, char *out, size_t max)
{
    (void)context, (void)at, (void)out, (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/// The head of the answer to GET.
static enum ss_http_result answer_head(struct ss_http_request *request, const char *file, const struct target *target)
{
    request->response = MHD_create_response_from_callback(target->size, 1, no_bytes, NULL, NULL);
    if (!request->response)
        return ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
    request->status = 200;
    add_headers(request, file, target);
    return SS_HTTP_DONE;
}

static enum ss_http_result send_it(struct ss_http_request *request, const char *file, struct target *target)
{
    uint64_t first = 0, last = 0;
    char text[72];
    // A date in If-Range is not one that we would know again; everything is sent then.
    enum ss_range range = ss_if_range(request->headers[SS_HTTP_IF_RANGE], target->etag)
                              ? ss_range_parse(request->headers[SS_HTTP_RANGE], target->size, &first, &last)
                              : SS_RANGE_NONE;
    if (range == SS_RANGE_UNSATISFIABLE)
        return answer_unsatisfiable(request, target->size);
    bool part = range == SS_RANGE_PART;
    target->source.first = part ? first : 0;
    target->source.len = part ? last - first + 1 : target->size;
    if (!ss_download_start(request, part ? 206 : 200, &target->source))
        return SS_HTTP_DONE;
    add_headers(request, file, target);
    snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, last, target->size);
    if (part)
        ss_http_add_header(request, "Content-Range", text);
    else if (request->device.open.action && request->device.open.state == SS_STORE_RUNNING)
        ss_store_action_downloading(request->front->store, request->device.registration.id, request->device.open.action,
                                    file);
    return SS_HTTP_DONE;
}

static enum ss_http_result answer(struct ss_http_request *request, const struct wanted *wanted, struct target *target)
{
    const char *match = request->headers[SS_HTTP_IF_MATCH];
    memcpy(target->source.device, request->device.registration.id, sizeof target->source.device);
    if (wanted->sum)
        return answer_md5(request, wanted->file, target);
    if (match && !ss_etag_in(match, target->etag, false))
        return ss_http_answer_error(request, 412, "the artifact is another one");
    if (ss_etag_in(request->headers[SS_HTTP_IF_NONE_MATCH], target->etag, true)) {
        ss_http_answer_empty(request, 304);
        ss_http_add_header(request, "ETag", target->etag);
        return SS_HTTP_DONE;
    }
    return request->method == SS_HTTP_HEAD ? answer_head(request, wanted->file, target)
                                           : send_it(request, wanted->file, target);
}

enum ss_http_result ss_ddi_download_at_once(struct ss_http_request *request)
{
    struct wanted wanted;
    struct target target = {0};
    struct ss_store_download download;
    char slot[SS_STORE_SLOT_SIZE];
    if (request->device.kind == SS_STORE_OPAQUE)
        return SS_HTTP_LATER; // its bytes come from the database as well
    if (!find_wanted(request, &wanted))
        return SS_HTTP_DONE;
    if (!slot_of(&wanted, slot))
        return nothing(request);
    if (!ss_store_download_peek(request->front->store, request->device.registration.id, wanted.release, slot,
                                &download))
        return SS_HTTP_LATER;
    fill_sealed(&download, &target);
    return answer(request, &wanted, &target);
}

enum ss_http_result ss_ddi_download(struct ss_http_request *request)
{
    struct ss_store_device *device = &request->device;
    struct wanted wanted;
    struct target target = {0};
    struct ss_error err = {0};
    // What the device may have can have changed while its request waited for a worker.
    ss_status_t status = ss_store_device_get(request->front->store, device->registration.id, device, &err);
    if (status != SS_OK)
        return ss_http_answer_failure(request, status, &err);
    if (!find_wanted(request, &wanted))
        return SS_HTTP_DONE;
    status = device->kind == SS_STORE_OPAQUE ? find_opaque(request, &wanted, &target, &err)
                                             : find_sealed(request, &wanted, &target, &err);
    if (status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_INVALID_ARGUMENT ||
        (status == SS_OK && wanted.sum && !target.has_md5))
        return nothing(request);
    return status == SS_OK ? answer(request, &wanted, &target) : ss_http_answer_failure(request, status, &err);
}
