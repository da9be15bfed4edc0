// SPDX-License-Identifier: Apache-2.0
// From a pre-sealed folder to the store. The folder is believed nothing that a signature can say.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "server/presealed.h"
#include "slotseal/key_set.h"
#include "slotseal/release.h"

enum { DEVICES = 500, RELEASES = 64, CIPHERTEXT_MAX = 16 << 20 };

/// A key set of the folder, parsed where it lies.
struct key_set {
    uint8_t bytes[SS_KEY_SET_MAX];
    struct ss_statement statement;
    struct ss_key_set set;
};

struct known_release {
    uint8_t reference[32];
    int64_t id;
};

struct load {
    struct ss_store *store;
    const char *folder;
    struct ss_presealed_report *report;
    char product[SS_STORE_NAME_SIZE];
    struct key_set *newest, *before; ///< NULL: none
    struct known_release releases[RELEASES];
    unsigned release_count;
    struct ss_store_registration devices[DEVICES];
    size_t device_count;
    uint64_t now;
};

static ss_status_t io_error(struct ss_error *err, const char *path)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%s: %s", path, strerror(errno));
}

/// All of a file of at most @p max bytes. The caller frees *@p out.
static ss_status_t read_file(const char *path, size_t max, uint8_t **out, size_t *len, struct ss_error *err)
{
    struct stat st;
    ss_status_t status = SS_OK;
    *out = NULL;
    *len = 0;
    // Whoever can write the folder could put a pipe there, which would be waited for.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        status = io_error(err, path);
    else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s: no file of at most %zu bytes", path, max);
    else if (!(*out = malloc((size_t)st.st_size + 1)))
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
    while (status == SS_OK && *len < (size_t)st.st_size) {
        ssize_t n = read(fd, *out + *len, (size_t)st.st_size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            status =
                n < 0 ? io_error(err, path) : ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%s: became shorter", path);
        else
            *len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (status != SS_OK) {
        free(*out);
        *out = NULL;
        *len = 0;
    }
    return status;
}

/// An object, which must be what its name says.
static ss_status_t read_object(const struct load *l, const uint8_t hash[32], size_t max, uint8_t **out, size_t *len,
                               struct ss_error *err)
{
    char path[1024], hex[65];
    uint8_t is[32];
    ss_put_hex(hash, 32, hex);
    snprintf(path, sizeof path, "%s/objects/%s", l->folder, hex);
    ss_status_t status = read_file(path, max, out, len, err);
    if (status != SS_OK)
        return status;
    status = ss_hash_once(SS_HASH_SHA256, *out, *len, is);
    if (status == SS_OK && !memcmp(is, hash, 32))
        return SS_OK;
    status = status == SS_OK ? ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_FILE,
                                            "%s: its SHA-256 is not what its name says", path)
                             : ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    free(*out);
    *out = NULL;
    return status;
}

static ss_status_t refuse(ss_status_t status, enum ss_statement_kind kind, const struct ss_refusal *why,
                          struct ss_error *err)
{
    return ss_error_set(err, status, SS_AREA_STATEMENT, "a %s statement %s", ss_statement_kind_name(kind),
                        why->reason == SS_REASON_NONE ? ss_status_name(status) : ss_reason_text(why->reason));
}

// Key sets

static ss_status_t take_key_set(struct load *l, const struct ss_presealed_entry *e, struct ss_error *err)
{
    struct ss_refusal why = {0};
    uint8_t *bytes;
    size_t len;
    ss_status_t status = read_object(l, e->hash, SS_KEY_SET_MAX, &bytes, &len, err);
    if (status != SS_OK)
        return status;
    free(l->before);
    l->before = l->newest;
    l->newest = calloc(1, sizeof *l->newest);
    if (!l->newest) {
        free(bytes);
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    }
    memcpy(l->newest->bytes, bytes, len);
    free(bytes);
    status = ss_statement_parse(l->newest->bytes, len, &l->newest->statement, &why);
    if (status == SS_OK)
        status = ss_key_set_parse(&l->newest->statement, &l->newest->set, &why);
    if (status != SS_OK)
        return refuse(status, SS_STATEMENT_KEY_SET, &why, err);
    if (!ss_span_equal(l->newest->set.product, ss_span_of(l->product)))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "a key set is for another product than %s",
                            l->product);
    l->report->key_sets++;
    return ss_store_key_set_put(l->store, l->newest->bytes, len, NULL, err); // follows the store's, or is refused
}

/// Whether one of the folder's key sets lets its signer sign this. Time is not looked at: the device will.
static ss_status_t verify(const struct load *l, const struct ss_statement *statement, struct ss_error *err)
{
    const struct ss_key_ring ring = {.current = l->newest ? &l->newest->set : NULL,
                                     .previous = l->before ? &l->before->set : NULL};
    struct ss_refusal why = {0};
    if (!ring.current)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "the index names no key set");
    ss_status_t status = ss_key_ring_verify(&ring, statement, 0, NULL, &why);
    return status == SS_OK ? SS_OK : refuse(status, (enum ss_statement_kind)statement->kind, &why, err);
}

// Releases

static ss_status_t fill_release(const struct load *l, const uint8_t *bytes, size_t len, struct ss_store_release *out,
                                uint8_t reference[32], struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_release fields;
    struct ss_refusal why = {0};
    ss_status_t status = ss_statement_parse(bytes, len, &statement, &why);
    if (status == SS_OK)
        status = ss_release_parse(&statement, &fields, &why);
    if (status != SS_OK)
        return refuse(status, SS_STATEMENT_RELEASE, &why, err);
    status = verify(l, &statement, err);
    if (status == SS_OK && !ss_span_equal(fields.product, ss_span_of(l->product)))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "a release is of another product than %s",
                              l->product);
    if (status == SS_OK && (status = ss_statement_reference(&statement, reference)) != SS_OK)
        status = ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    if (status != SS_OK)
        return status;
    memset(out, 0, sizeof *out);
    memcpy(out->product, fields.product.p, fields.product.len);
    memcpy(out->version, fields.version.p, fields.version.len);
    memcpy(out->digest, fields.digest, sizeof out->digest);
    memcpy(out->statement, bytes, len);
    out->statement_len = len;
    out->secure_version = fields.secure_version;
    out->length = ss_release_file_len(&fields);
    return SS_OK;
}

static ss_status_t take_release(struct load *l, const struct ss_presealed_entry *e, struct ss_error *err)
{
    struct ss_store_release release;
    uint8_t *bytes;
    size_t len;
    if (l->release_count == RELEASES)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SERVER, "more than %d releases in an index", RELEASES);
    struct known_release *known = &l->releases[l->release_count];
    ss_status_t status = read_object(l, e->hash, SS_RELEASE_MAX, &bytes, &len, err);
    if (status == SS_OK)
        status = fill_release(l, bytes, len, &release, known->reference, err);
    if (status == SS_OK)
        status = ss_store_release_add_presealed(l->store, &release, &known->id, err);
    free(bytes);
    if (status == SS_OK)
        l->release_count++, l->report->releases++;
    return status;
}

// Devices

static ss_status_t write_devices(struct load *l, struct ss_error *err)
{
    ss_status_t status = ss_store_devices_put(l->store, l->devices, l->device_count, err);
    l->device_count = 0;
    return status;
}

static ss_status_t take_device(struct load *l, const struct ss_presealed_entry *e, struct ss_error *err)
{
    struct ss_store_registration *r = &l->devices[l->device_count++];
    *r = (struct ss_store_registration){.active = e->active, .credential = e->credential};
    memcpy(r->id, e->name, sizeof r->id);
    memcpy(r->product, l->product, sizeof r->product);
    memcpy(r->credential_hash, e->hash, sizeof r->credential_hash);
    l->report->devices++;
    return l->device_count == DEVICES ? write_devices(l, err) : SS_OK;
}

// Deliveries

static void set_etag(struct ss_store_delivery *d)
{
    // As a sealer does: the same bytes, the same tag.
    char hex[33];
    ss_put_hex(d->sha256, 16, hex);
    snprintf(d->etag, sizeof d->etag, "\"%s\"", hex);
}

static int64_t find_release(const struct load *l, const uint8_t reference[32])
{
    for (unsigned i = 0; i < l->release_count; i++)
        if (!memcmp(l->releases[i].reference, reference, 32))
            return l->releases[i].id;
    return 0;
}

static ss_status_t fill_delivery(const struct load *l, const struct ss_presealed_entry *e, const uint8_t *bytes,
                                 size_t len, struct ss_delivery *fields, struct ss_store_delivery *out,
                                 struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_refusal why = {0};
    ss_status_t status = ss_statement_parse(bytes, len, &statement, &why);
    if (status == SS_OK)
        status = ss_delivery_parse(&statement, fields, &why);
    if (status != SS_OK)
        return refuse(status, SS_STATEMENT_DELIVERY, &why, err);
    status = verify(l, &statement, err);
    if (status != SS_OK)
        return status;
    *out = (struct ss_store_delivery){.release = find_release(l, fields->release),
                                      .statement_len = len,
                                      .address = fields->slot_address,
                                      .length = fields->length,
                                      .epoch = fields->epoch,
                                      .sequence = fields->sequence,
                                      .expiry = fields->expiry};
    memcpy(out->device, e->name, sizeof out->device);
    memcpy(out->slot, e->slot, sizeof out->slot);
    memcpy(out->statement, bytes, len);
    memcpy(out->sha256, e->ciphertext, sizeof out->sha256);
    set_etag(out);
    if (!ss_span_equal(fields->device, ss_span_of(e->name)))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "what is listed for device %s is another one's", e->name);
    return out->release ? SS_OK
                        : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER,
                                       "what is sealed for device %s is of a release that is not listed", e->name);
}

/// The ciphertext, compared with the statement window by window: what the device would refuse is not served.
static ss_status_t read_ciphertext(const struct load *l, const struct ss_presealed_entry *e,
                                   const struct ss_delivery *fields, uint8_t **out, struct ss_error *err)
{
    uint8_t digests[SS_WINDOWS_MAX * 32], windows = 0;
    size_t len;
    ss_status_t status = read_object(l, e->ciphertext, CIPHERTEXT_MAX, out, &len, err);
    if (status == SS_OK && len == fields->length)
        status = ss_window_digests(*out, len, fields->window, digests, &windows);
    if (status == SS_OK && (windows != fields->windows || memcmp(digests, fields->digests, (size_t)windows * 32) != 0))
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER,
                              "the ciphertext for slot %s of device %s is not the one that its statement names",
                              e->slot, e->name);
    if (status != SS_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

/// Whether the store has this very delivery, or a better one.
static bool is_known(const struct load *l, const struct ss_store_delivery *d)
{
    struct ss_store_delivery there;
    struct ss_error ignored = {0};
    return ss_store_delivery_get(l->store, d->device, d->release, d->slot, &there, &ignored) == SS_OK && there.blob &&
           ss_store_delivery_covers(&there, d);
}

static ss_status_t take_delivery(struct load *l, const struct ss_presealed_entry *e, struct ss_error *err)
{
    struct ss_store_delivery d;
    struct ss_delivery fields;
    uint8_t *statement, *ciphertext = NULL;
    size_t len;
    ss_status_t status = read_object(l, e->hash, SS_DELIVERY_MAX, &statement, &len, err);
    if (status != SS_OK)
        return status;
    status = fill_delivery(l, e, statement, len, &fields, &d, err);
    bool expired = status == SS_OK && d.expiry && d.expiry < l->now;
    if (status == SS_OK)
        l->report->deliveries++, l->report->expired += expired;
    if (status == SS_OK && !expired && !is_known(l, &d)) {
        status = read_ciphertext(l, e, &fields, &ciphertext, err);
        if (status == SS_OK)
            status = ss_store_delivery_put_presealed(l->store, &d, ciphertext, err);
        l->report->taken += status == SS_OK;
        free(ciphertext);
    }
    free(statement); // the fields point into it
    return status;
}

// Indexes

static ss_status_t take(void *context, const struct ss_presealed_entry *e, struct ss_error *err)
{
    struct load *l = context;
    ss_status_t status = SS_OK;
    if (e->kind > SS_PRESEALED_DEVICE && l->device_count)
        status = write_devices(l, err);
    if (status != SS_OK)
        return status;
    switch (e->kind) {
    case SS_PRESEALED_PRODUCT:
        memcpy(l->product, e->name, sizeof l->product);
        l->report->products++;
        return SS_OK;
    case SS_PRESEALED_KEY_SET:
        return take_key_set(l, e, err);
    case SS_PRESEALED_RELEASE:
        return take_release(l, e, err);
    case SS_PRESEALED_DEVICE:
        return take_device(l, e, err);
    case SS_PRESEALED_SEALED:
        break;
    }
    return take_delivery(l, e, err);
}

static ss_status_t load_index(struct ss_store *store, const char *folder, const char *name,
                              struct ss_presealed_report *report, struct ss_error *err)
{
    char path[1024];
    uint8_t *text;
    size_t len;
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    l->store = store;
    l->folder = folder;
    l->report = report;
    l->now = (uint64_t)time(NULL);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ss_status_t status = read_file(path, SS_PRESEALED_INDEX_MAX, &text, &len, err);
    if (status == SS_OK)
        status = ss_presealed_parse((const char *)text, len, take, l, err);
    if (status == SS_OK && l->device_count)
        status = write_devices(l, err);
    free(text);
    free(l->newest);
    free(l->before);
    free(l);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", name);
}

static bool is_index(const char *name)
{
    size_t len = strlen(name), suffix = strlen(SS_PRESEALED_SUFFIX);
    return name[0] != '.' && len > suffix && !strcmp(name + len - suffix, SS_PRESEALED_SUFFIX);
}

ss_status_t ss_presealed_load(struct ss_store *store, const char *folder, struct ss_presealed_report *report,
                              struct ss_error *err)
{
    const struct dirent *entry;
    struct ss_error other = {0};
    ss_status_t first = SS_OK;
    memset(report, 0, sizeof *report);
    DIR *dir = opendir(folder);
    report->again = !dir;
    if (!dir)
        return io_error(err, folder);
    // One that is bad keeps no other product from its updates.
    while ((entry = readdir(dir)) != NULL) {
        if (!is_index(entry->d_name))
            continue;
        ss_status_t status = load_index(store, folder, entry->d_name, report, first == SS_OK ? err : &other);
        report->again |= status == SS_ERROR_IO || status == SS_ERROR_INSUFFICIENT_MEMORY;
        if (first == SS_OK)
            first = status;
    }
    closedir(dir);
    return first;
}
