// SPDX-License-Identifier: Apache-2.0
#include "server/message.h"

#include <string.h>

#include "core/bytes.h"

bool ss_message_name_ok(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < SS_SEALER_NAME_SIZE && ss_name_prefix((const uint8_t *)name, len) == len;
}

static bool printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    return true;
}

bool ss_message_version_ok(const char *version)
{
    size_t len = strlen(version);
    return len > 0 && len < SS_SEALER_VERSION_SIZE && printable(version, len);
}

// Writing

struct writer {
    uint8_t *p;
    size_t len;
};

static void put8(struct writer *w, uint8_t v)
{
    w->p[w->len++] = v;
}

static void put32(struct writer *w, uint32_t v)
{
    ss_put_le32(w->p + w->len, v);
    w->len += 4;
}

static void put64(struct writer *w, uint64_t v)
{
    ss_put_le64(w->p + w->len, v);
    w->len += 8;
}

static void put_bytes(struct writer *w, const void *p, size_t len)
{
    memcpy(w->p + w->len, p, len);
    w->len += len;
}

/// Of at most 255 bytes: every text here is shorter.
static void put_text(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    put8(w, (uint8_t)len);
    put_bytes(w, text, len);
}

static void put_blob(struct writer *w, const uint8_t *p, size_t len)
{
    ss_put_le16(w->p + w->len, (uint16_t)len);
    w->len += 2;
    put_bytes(w, p, len);
}

// Reading: after something that did not fit, nothing does

struct reader {
    const uint8_t *p;
    size_t left;
    bool bad;
};

static struct reader reader(const struct ss_frame *frame)
{
    return (struct reader){frame->payload, frame->len, false};
}

static bool finished(const struct reader *r)
{
    return !r->bad && r->left == 0;
}

/// The next @p len bytes; where they are missing, zeros of at most 32.
static const uint8_t *take(struct reader *r, size_t len)
{
    static const uint8_t zeros[32];
    const uint8_t *p = r->p;
    if (r->bad || r->left < len) {
        r->bad = true;
        return zeros;
    }
    r->p += len;
    r->left -= len;
    return p;
}

static uint8_t get8(struct reader *r)
{
    return *take(r, 1);
}

static uint32_t get32(struct reader *r)
{
    return ss_get_le32(take(r, 4));
}

static uint64_t get64(struct reader *r)
{
    return ss_get_le64(take(r, 8));
}

static bool get_bool(struct reader *r)
{
    uint8_t v = get8(r);
    r->bad |= v > 1;
    return v == 1;
}

static void get_digest(struct reader *r, uint8_t digest[32])
{
    memcpy(digest, take(r, 32), 32);
}

/// Printable ASCII that fits @p size with its terminator.
static void get_text(struct reader *r, char *out, size_t size)
{
    size_t len = get8(r);
    r->bad |= len >= size || len > r->left;
    if (r->bad)
        len = 0;
    memcpy(out, take(r, len), len);
    out[len] = '\0';
    r->bad |= !printable(out, len);
}

static void get_name(struct reader *r, char out[SS_SEALER_NAME_SIZE])
{
    get_text(r, out, SS_SEALER_NAME_SIZE);
    r->bad |= !ss_message_name_ok(out);
}

static void get_version(struct reader *r, char out[SS_SEALER_VERSION_SIZE])
{
    get_text(r, out, SS_SEALER_VERSION_SIZE);
    r->bad |= !*out;
}

/// 1 to @p max bytes.
static const uint8_t *get_blob(struct reader *r, size_t max, size_t *len)
{
    *len = ss_get_le16(take(r, 2));
    r->bad |= *len == 0 || *len > max;
    if (r->bad)
        *len = 0;
    return take(r, *len);
}

static void get_statement(struct reader *r, uint8_t *out, size_t max, size_t *len)
{
    const uint8_t *p = get_blob(r, max, len);
    if (r->bad)
        *len = 0;
    memcpy(out, p, *len);
}

// Message by message

size_t ss_message_put_hello(uint8_t *out, const struct ss_message_hello *m)
{
    struct writer w = {out, 0};
    put32(&w, m->version);
    put32(&w, m->slots);
    return w.len;
}

bool ss_message_get_hello(const struct ss_frame *frame, struct ss_message_hello *m)
{
    struct reader r = reader(frame);
    m->version = get32(&r);
    m->slots = get32(&r);
    return finished(&r) && m->slots <= SS_CHANNEL_SLOTS_MAX;
}

bool ss_message_greet(struct ss_channel *channel)
{
    const struct ss_message_hello m = {SS_CHANNEL_VERSION, ss_channel_slots(channel)};
    uint8_t *out = ss_channel_room(channel, 16);
    if (out)
        ss_channel_queue(channel, SS_FRAME_HELLO, 0, ss_message_put_hello(out, &m));
    return out;
}

bool ss_message_hello_fits(const struct ss_message_hello *hello, const struct ss_channel *channel)
{
    return hello->version == SS_CHANNEL_VERSION && hello->slots == ss_channel_slots(channel);
}

size_t ss_message_put_order(uint8_t *out, const struct ss_sealer_order *m)
{
    struct writer w = {out, 0};
    put_text(&w, m->device);
    put_text(&w, m->version);
    put_text(&w, m->told.slot);
    put32(&w, m->told.epoch);
    put64(&w, m->told.sequence);
    put32(&w, m->told.secure_version);
    put32(&w, m->told.bootloader);
    put32(&w, m->told.key_set);
    put8(&w, m->told.has_table);
    put_bytes(&w, m->told.table, sizeof m->told.table);
    return w.len;
}

bool ss_message_get_order(const struct ss_frame *frame, struct ss_sealer_order *m)
{
    struct reader r = reader(frame);
    memset(m, 0, sizeof *m);
    get_name(&r, m->device);
    get_version(&r, m->version);
    get_text(&r, m->told.slot, sizeof m->told.slot);
    m->told.epoch = get32(&r);
    m->told.sequence = get64(&r);
    m->told.secure_version = get32(&r);
    m->told.bootloader = get32(&r);
    m->told.key_set = get32(&r);
    m->told.has_table = get_bool(&r);
    get_digest(&r, m->told.table);
    return finished(&r) && m->told.sequence <= SS_STATEMENT_INT_MAX;
}

size_t ss_message_put_delivery(uint8_t *out, const struct ss_sealer_delivery *m)
{
    struct writer w = {out, 0};
    put_blob(&w, m->release, m->release_len);
    put_blob(&w, m->statement, m->statement_len);
    put_text(&w, m->slot);
    put32(&w, m->address);
    put32(&w, m->length);
    put_bytes(&w, m->sha256, sizeof m->sha256);
    put_text(&w, m->etag);
    return w.len;
}

/// Quoted, and nothing in it that could end a header or a quotation.
static bool etag_ok(const char *etag)
{
    size_t len = strlen(etag);
    return len > 2 && etag[0] == '"' && etag[len - 1] == '"' &&
           ss_name_prefix((const uint8_t *)etag + 1, len - 2) == len - 2;
}

bool ss_message_get_delivery(const struct ss_frame *frame, struct ss_sealer_delivery *m)
{
    struct reader r = reader(frame);
    memset(m, 0, sizeof *m);
    get_statement(&r, m->release, sizeof m->release, &m->release_len);
    get_statement(&r, m->statement, sizeof m->statement, &m->statement_len);
    get_text(&r, m->slot, sizeof m->slot);
    m->address = get32(&r);
    m->length = get32(&r);
    get_digest(&r, m->sha256);
    get_text(&r, m->etag, sizeof m->etag);
    return finished(&r) && ss_message_name_ok(m->slot) && m->length > 0 && etag_ok(m->etag);
}

size_t ss_message_put_window(uint8_t *out, const struct ss_message_window *m)
{
    struct writer w = {out, 0};
    put_text(&w, m->device);
    put_text(&w, m->version);
    put32(&w, m->address);
    put32(&w, m->offset);
    put32(&w, m->len);
    put32(&w, m->slot);
    put32(&w, m->processor);
    return w.len;
}

bool ss_message_get_window(const struct ss_frame *frame, struct ss_message_window *m)
{
    struct reader r = reader(frame);
    get_name(&r, m->device);
    get_version(&r, m->version);
    m->address = get32(&r);
    m->offset = get32(&r);
    m->len = get32(&r);
    m->slot = get32(&r);
    m->processor = get32(&r);
    return finished(&r) && m->len > 0 && m->len <= SS_SEALER_RUN_MAX && m->offset <= UINT32_MAX - m->len;
}

size_t ss_message_put_refusal(uint8_t *out, ss_status_t status, const char *text)
{
    struct writer w = {out, 0};
    char clean[SS_SEALER_TEXT_SIZE] = "";
    for (size_t i = 0; i + 1 < sizeof clean && text[i]; i++)
        clean[i] = printable(&text[i], 1) ? text[i] : '?';
    put8(&w, (uint8_t)-status);
    put_text(&w, clean);
    return w.len;
}

bool ss_message_get_refusal(const struct ss_frame *frame, struct ss_message_refusal *m)
{
    struct reader r = reader(frame);
    uint8_t status = get8(&r);
    m->status = (ss_status_t)-status;
    get_text(&r, m->text, sizeof m->text);
    return finished(&r) && status <= -SS_ERROR_TIMEOUT;
}

size_t ss_message_put_name(uint8_t *out, const char *name)
{
    struct writer w = {out, 0};
    put_text(&w, name);
    return w.len;
}

bool ss_message_get_name(const struct ss_frame *frame, char name[SS_SEALER_NAME_SIZE])
{
    struct reader r = reader(frame);
    get_name(&r, name);
    return finished(&r);
}

size_t ss_message_put_length(uint8_t *out, uint32_t len)
{
    struct writer w = {out, 0};
    put32(&w, len);
    return w.len;
}

bool ss_message_get_length(const struct ss_frame *frame, uint32_t *len)
{
    struct reader r = reader(frame);
    *len = get32(&r);
    return finished(&r);
}

/// Written as a length and then the bytes themselves, where they do not lie in the shared memory.
bool ss_message_get_bytes(const struct ss_frame *frame, struct ss_message_bytes *m)
{
    struct reader r = reader(frame);
    m->len = get32(&r);
    m->bytes = r.left ? r.p : NULL;
    return !r.bad && m->len > 0 && m->len <= SS_SEALER_RUN_MAX && (r.left == 0 || r.left == m->len);
}

size_t ss_message_put_upload(uint8_t *out, const struct ss_sealer_upload *m)
{
    struct writer w = {out, 0};
    put_text(&w, m->product);
    put_text(&w, m->version);
    put_blob(&w, m->statement, m->statement_len);
    put_bytes(&w, m->digest, sizeof m->digest);
    put32(&w, m->image_len);
    put8(&w, m->already);
    put8(&w, m->personal);
    return w.len;
}

bool ss_message_get_upload(const struct ss_frame *frame, struct ss_sealer_upload *m)
{
    struct reader r = reader(frame);
    memset(m, 0, sizeof *m);
    get_name(&r, m->product);
    get_version(&r, m->version);
    get_statement(&r, m->statement, sizeof m->statement, &m->statement_len);
    get_digest(&r, m->digest);
    m->image_len = get32(&r);
    m->already = get_bool(&r);
    m->personal = get_bool(&r);
    return finished(&r);
}

size_t ss_message_put_freshness(uint8_t *out, const struct ss_message_freshness *m)
{
    struct writer w = {out, 0};
    put_text(&w, m->product);
    put32(&w, (uint32_t)m->count);
    for (size_t i = 0; i < m->count; i++) {
        put_text(&w, m->devices[i].id);
        put_text(&w, m->devices[i].version);
    }
    return w.len;
}

bool ss_message_get_freshness(const struct ss_frame *frame, struct ss_message_freshness *m)
{
    struct reader r = reader(frame);
    get_name(&r, m->product);
    m->count = get32(&r);
    if (r.bad || m->count == 0 || m->count > SS_SEALER_FRESHNESS_MAX)
        return false;
    for (size_t i = 0; i < m->count && !r.bad; i++) {
        get_name(&r, m->devices[i].id);
        get_text(&r, m->devices[i].version, sizeof m->devices[i].version);
    }
    return finished(&r);
}

size_t ss_message_put_fresh(uint8_t *out, const struct ss_message_fresh *m)
{
    struct writer w = {out, 0};
    put_text(&w, m->device);
    put_blob(&w, m->record, m->len);
    return w.len;
}

bool ss_message_get_fresh(const struct ss_frame *frame, struct ss_message_fresh *m)
{
    struct reader r = reader(frame);
    get_name(&r, m->device);
    m->record = get_blob(&r, SS_FRESHNESS_MAX, &m->len);
    return finished(&r);
}

size_t ss_message_put_devices(uint8_t *out, const struct ss_message_devices *m)
{
    struct writer w = {out, 0};
    put8(&w, m->complete);
    put32(&w, (uint32_t)m->count);
    for (size_t i = 0; i < m->count; i++) {
        const struct ss_sealer_device *d = &m->devices[i];
        put_text(&w, d->id);
        put_text(&w, d->product);
        put8(&w, d->active);
        put8(&w, (uint8_t)d->credential);
        put_bytes(&w, d->digest, sizeof d->digest);
    }
    return w.len;
}

bool ss_message_get_devices(const struct ss_frame *frame, struct ss_message_devices *m)
{
    struct reader r = reader(frame);
    m->complete = get_bool(&r);
    m->count = get32(&r);
    if (r.bad || m->count > SS_MESSAGE_DEVICES_MAX)
        return false;
    for (size_t i = 0; i < m->count && !r.bad; i++) {
        struct ss_sealer_device *d = &m->devices[i];
        get_name(&r, d->id);
        get_name(&r, d->product);
        d->active = get_bool(&r);
        uint8_t credential = get8(&r);
        r.bad |= credential > SS_SEALER_CERTIFICATE;
        d->credential = (enum ss_sealer_credential)credential;
        get_digest(&r, d->digest);
    }
    return finished(&r);
}
