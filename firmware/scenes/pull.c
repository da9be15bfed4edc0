// SPDX-License-Identifier: Apache-2.0
// Pull mode from one end to the other. Every request is printed; the server answers in pieces of one size, and goes away
// in the middle of the first download.
#include "device/pull.h"

#include <string.h>

#include "parts.h"

#define POLL  "{\"config\":{\"polling\":{\"sleep\":\"00:05:00\"}},\"_links\":{"
#define OFFER "\"deploymentBase\":{\"href\":\"" SCENE_BASE "/deploymentBase/" SCENE_ACTION "\"}"

static struct ss_pull pull;
static struct {
    uint32_t uptime, piece, cut_at, requests;
    bool ended; ///< the server knows how the update ended
} world;

// -- The server ----------------------------------------------------------------------------------------------------------

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

static char *append_number(char *to, uint32_t value)
{
    char digits[10];
    unsigned n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

static ss_status_t send_body(const struct ss_http_sink *sink, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t at = 0; at < len; at += world.piece) {
        uint32_t n = len - at < world.piece ? len - at : world.piece;
        if (world.cut_at && at >= world.cut_at) {
            world.cut_at = 0;
            return SS_ERROR_IO;
        }
        if (!sink->body(sink->context, bytes + at, n))
            break;
    }
    return SS_OK;
}

static ss_status_t send_text(const struct ss_http_sink *sink, const void *text, size_t len)
{
    struct ss_http_head head = {.status = 200, .length = len};
    uint32_t cut_at = world.cut_at;
    world.cut_at = 0;
    ss_status_t status = sink->head(sink->context, &head) ? send_body(sink, text, (uint32_t)len) : SS_OK;
    world.cut_at = cut_at;
    return status;
}

static ss_status_t send_image(const struct ss_http_request *request, const struct ss_http_sink *sink)
{
    const struct scene_bytes *image = &scene_updates[SCENE_THERE].sealed;
    uint32_t from = request->from;
    char range[40] = "bytes ", *to = range + 6;
    struct ss_http_head head = {.status = from ? 206 : 200, .length = image->len - from, .etag = "\"e\""};
    to = append_number(to, from);
    *to++ = '-';
    to = append_number(to, image->len - 1);
    *to++ = '/';
    to = append_number(to, image->len);
    *to = 0;
    if (from)
        head.content_range = range;
    return sink->head(sink->context, &head) ? send_body(sink, image->bytes + from, image->len - from) : SS_OK;
}

static void print_request(const struct ss_http_request *request)
{
    static const char *const methods[] = {"GET", "PUT", "POST"};
    rt_put_str("\n  ");
    rt_put_str(methods[request->method]);
    rt_put_str(" ");
    rt_put_str(request->url);
    if (request->from)
        scene_tell("from", request->from);
    for (size_t i = 0; i < request->body_len; i++) {
        if (i == 0)
            rt_put_str("\n    ");
        rt_put_byte((uint8_t)request->body[i]);
    }
}

static ss_status_t exchange(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink)
{
    const char *poll = world.ended ? POLL "}}" : POLL OFFER "}}";
    (void)context;
    print_request(request);
    scene_expect("the credential", request->credential, true);
    world.requests++;
    if (request->method != SS_HTTP_GET) {
        for (size_t i = 0; i + 6 < request->body_len; i++)
            world.ended |= memcmp(request->body + i, "closed", 6) == 0;
        return send_text(sink, "", 0);
    }
    if (ends_with(request->url, "/2.bin"))
        return send_image(request, sink);
    if (ends_with(request->url, "/deploymentBase/" SCENE_ACTION))
        return send_text(sink, scene_deployment.bytes, scene_deployment.len);
    return send_text(sink, poll, strlen(poll));
}

// -- The device ----------------------------------------------------------------------------------------------------------

static uint32_t uptime(void *context)
{
    (void)context;
    return world.uptime;
}

static uint32_t random_bits(void *context)
{
    (void)context;
    return 4711;
}

static enum ss_self_test self_test(void *context)
{
    (void)context;
    return SS_SELF_TEST_PASSED;
}

static bool has_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    (void)context, (void)sha256;
    return true;
}

static ss_status_t store_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE], const uint8_t *der,
                            size_t len)
{
    (void)context, (void)sha256, (void)der, (void)len;
    return SS_ERROR_IO;
}

static const struct ss_pull_port port = {.http = {.exchange = exchange},
                                         .uptime = uptime,
                                         .random = random_bits,
                                         .self_test = self_test,
                                         .has_ca = has_ca,
                                         .store_ca = store_ca};
static const struct ss_pull_config config = {
    .servers = {"https://pinned.example.com"}, .server_count = 1, .version = "1"};

static void start(void)
{
    scene_boot();
    world.uptime = 0;
    ss_pull_start(&pull, &scene_device.agent, &port, NULL, &config);
}

static void play(const char *title, uint32_t piece, uint32_t cut_at)
{
    scene_begin(title);
    memset(&world, 0, sizeof world);
    world.piece = piece;
    world.cut_at = cut_at;
    scene_new_device();
    start();
    for (unsigned steps = 0; steps < 200 && world.uptime < 700; steps++) {
        uint32_t seconds;
        if (ss_pull_step(&pull, &seconds) == SS_PULL_RESET) {
            rt_put_str("\n  reset");
            start();
        } else {
            world.uptime += seconds ? seconds : 1;
        }
    }
    rt_put_str("\n ");
    scene_expect_installed(&scene_updates[SCENE_THERE], 1);
    scene_expect("the server knows", world.ended, true);
    scene_expect("state", ss_agent_state(&scene_device.agent), SS_STATE_CONFIRMED);
    scene_tell("requests", world.requests);
    scene_tell_state();
}

void scenes_pull(void)
{
    play("pull mode", 1460, 0);
    play("pull mode, cut off, byte by byte", 1, 6000);
}
