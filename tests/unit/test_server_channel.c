// SPDX-License-Identifier: Apache-2.0
// The channel between front and sealer: both transports, and what either side does with a hostile other one.
#include "support/certificates.h"
#include "support/channel_bench.h"
#include "support/sealer_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"
#include "support/vectors.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "server/message.h"
#include "server/supervise.h"

// Frames

static void exchange(struct ss_channel *a, struct ss_channel *b)
{
    static uint8_t payload[SS_CHANNEL_PAYLOAD_MAX];
    static const size_t sizes[] = {0, 1, 15, 16, 17, 65535, 65536, SS_CHANNEL_PAYLOAD_MAX};
    struct ss_frame frame;
    struct ss_error err = {0};
    uint64_t seed = 5;
    test_random_bytes(&seed, payload, sizeof payload);
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            put_frame(a, SS_FRAME_BYTES, i + 1000 * round, payload, sizes[i]);
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_ok(next_frame(a, b, &frame, &err), err);
            assert_int_equal(frame.type, SS_FRAME_BYTES);
            assert_int_equal(frame.id, i + 1000 * round);
            assert_int_equal(frame.len, sizes[i]);
            assert_memory_equal(frame.payload, payload, frame.len);
        }
    assert_int_equal(ss_channel_receive(b, &frame, &err), SS_ERROR_TIMEOUT);
    assert_int_equal(ss_channel_backlog(a), 0);
}

static void test_local(void **state)
{
    (void)state;
    struct ss_channel *sides[2];
    struct ss_frame frame;
    struct ss_error err = {0};
    local_pair(3, sides);
    assert_int_equal(ss_channel_slots(sides[0]), 3);
    exchange(sides[0], sides[1]);
    exchange(sides[1], sides[0]);
    memset(ss_channel_slot(sides[0], 2), 0x5A, SS_SEALER_WINDOW_MAX);
    assert_int_equal(ss_channel_slot(sides[1], 2)[SS_SEALER_WINDOW_MAX - 1], 0x5A);
    ss_channel_free(sides[0]);
    assert_refused(ss_channel_receive(sides[1], &frame, &err), SS_ERROR_IO, &err, "is gone");
    ss_channel_free(sides[1]);
}

/// Memory that could shrink under the other side's feet is not taken.
static void test_memory(void **state)
{
    (void)state;
    static const struct {
        off_t size;
        int seals;
    } bad[] = {
        {SS_SEALER_WINDOW_MAX, 0},
        {SS_SEALER_WINDOW_MAX, F_SEAL_SHRINK | F_SEAL_GROW},
        {SS_SEALER_WINDOW_MAX + 1, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL},
        {0, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL},
        {(off_t)SS_SEALER_WINDOW_MAX * (SS_CHANNEL_SLOTS_MAX + 1), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int sockets[2], memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        struct ss_channel *channel;
        struct ss_error err = {0};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
        assert_int_equal(ftruncate(memory, bad[i].size), 0);
        if (bad[i].seals)
            assert_int_equal(fcntl(memory, F_ADD_SEALS, bad[i].seals), 0);
        assert_int_equal(ss_channel_local(sockets[0], memory, &channel, &err), SS_ERROR_DATA_INVALID);
        assert_null(channel);
        close(sockets[1]);
    }
}

static void test_malformed_heads(void **state)
{
    (void)state;
    static const uint8_t heads[][SS_CHANNEL_HEADER] = {
        {0xFF, 0xFF, 0xFF, 0xFF, SS_FRAME_PING}, // longer than anything
        {0x01, 0x04, 0x01, 0, SS_FRAME_PING},    // by one byte
        {0, 0, 0, 0, 0},                         // no type
        {0, 0, 0, 0, SS_FRAME_TYPES},
        {0, 0, 0, 0, SS_FRAME_PING, 1},
        {0, 0, 0, 0, SS_FRAME_PING, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        int sockets[2], memory;
        struct ss_channel *channel;
        struct ss_frame frame;
        struct ss_error err = {0};
        assert_ok(ss_channel_pair(1, sockets, &memory, &err), err);
        assert_ok(ss_channel_local(sockets[0], memory, &channel, &err), err);
        // Byte by byte: nothing is decided before the head is whole.
        for (size_t n = 0; n < SS_CHANNEL_HEADER; n++) {
            assert_int_equal(ss_channel_receive(channel, &frame, &err), SS_ERROR_TIMEOUT);
            assert_int_equal(write(sockets[1], &heads[i][n], 1), 1);
        }
        assert_refused(ss_channel_receive(channel, &frame, &err), SS_ERROR_DATA_INVALID, &err, "no frame");
        close(sockets[1]);
        ss_channel_free(channel);
    }
}

// Messages: each round trip, each cut and each byte too many

#define CHECK(type, put, get, value)                                                                                   \
    do {                                                                                                               \
        uint8_t bytes[4096];                                                                                           \
        type out;                                                                                                      \
        memset(&out, 0xEE, sizeof out);                                                                                \
        size_t len = put(bytes, value);                                                                                \
        assert_true(len < sizeof bytes);                                                                               \
        assert_true(get(&(struct ss_frame){.payload = bytes, .len = len}, &out));                                      \
        for (size_t i = 0; i < len; i++)                                                                               \
            assert_false(get(&(struct ss_frame){.payload = bytes, .len = i}, &out));                                   \
        bytes[len] = 0;                                                                                                \
        assert_false(get(&(struct ss_frame){.payload = bytes, .len = len + 1}, &out));                                 \
    } while (0)

static size_t put_timeout(uint8_t *out, const char *text)
{
    return ss_message_put_refusal(out, SS_ERROR_TIMEOUT, text);
}

static void test_messages(void **state)
{
    (void)state;
    struct ss_sealer_order order = order_for("d1", "1.0 rc", "ota_0");
    order.told.sequence = SS_STATEMENT_INT_MAX;
    CHECK(struct ss_sealer_order, ss_message_put_order, ss_message_get_order, &order);
    const struct ss_message_hello hello = {1, 2};
    CHECK(struct ss_message_hello, ss_message_put_hello, ss_message_get_hello, &hello);
    const struct ss_sealer_delivery delivery = {
        .release_len = 3, .statement_len = 5, .slot = "ota_1", .length = 16, .etag = "\"abc\""};
    CHECK(struct ss_sealer_delivery, ss_message_put_delivery, ss_message_get_delivery, &delivery);
    const struct ss_message_window window = {"d1", "1.0", 0x10000, 5, 100, 0, 3};
    CHECK(struct ss_message_window, ss_message_put_window, ss_message_get_window, &window);
    CHECK(struct ss_message_refusal, put_timeout, ss_message_get_refusal, "no");
    const struct ss_sealer_upload upload = {.product = "lamp", .version = "1", .statement_len = 4, .personal = true};
    CHECK(struct ss_sealer_upload, ss_message_put_upload, ss_message_get_upload, &upload);
    const struct ss_message_fresh fresh = {"d1", (const uint8_t *)"record", 6};
    CHECK(struct ss_message_fresh, ss_message_put_fresh, ss_message_get_fresh, &fresh);
}

static bool window_ok(const char *device, const char *version, uint32_t offset, uint32_t len)
{
    struct ss_message_window w = {.offset = offset, .len = len}, out;
    uint8_t bytes[256];
    strcpy(w.device, device);
    strcpy(w.version, version);
    size_t n = ss_message_put_window(bytes, &w);
    return ss_message_get_window(&(struct ss_frame){.payload = bytes, .len = n}, &out);
}

static void test_fields(void **state)
{
    (void)state;
    assert_true(window_ok("d1", "1.0", 0, SS_SEALER_WINDOW_MAX));
    assert_false(window_ok("", "1.0", 0, 1));
    assert_false(window_ok("d/1", "1.0", 0, 1));
    assert_false(window_ok("d1", "", 0, 1));
    assert_false(window_ok("d1", "1\n0", 0, 1));
    assert_false(window_ok("d1", "1.0", 0, 0));
    assert_true(window_ok("d1", "1.0", 0, SS_SEALER_RUN_MAX));
    assert_false(window_ok("d1", "1.0", 0, SS_SEALER_RUN_MAX + 1));
    assert_false(window_ok("d1", "1.0", UINT32_MAX, 1));
    // An ETag goes into a header.
    struct ss_sealer_delivery d = {.release_len = 1, .statement_len = 1, .slot = "ota_1", .length = 16}, out;
    for (const char *const *etag = (const char *const[]){"abc", "\"\"", "\"a\"b\"", "\"a b\"", "", NULL}; *etag;
         etag++) {
        uint8_t bytes[512];
        strcpy(d.etag, *etag);
        size_t n = ss_message_put_delivery(bytes, &d);
        assert_false(ss_message_get_delivery(&(struct ss_frame){.payload = bytes, .len = n}, &out));
    }
    uint8_t status[] = {16, 0};
    struct ss_message_refusal refusal;
    assert_false(ss_message_get_refusal(&(struct ss_frame){.payload = status, .len = 2}, &refusal));
}

/// A refusal arrives whatever its text is: a text that is not read would end the channel.
static void test_refusal_text(void **state)
{
    (void)state;
    char longest[SS_SEALER_TEXT_SIZE + 10], cut[SS_SEALER_TEXT_SIZE];
    struct ss_message_refusal m;
    uint8_t bytes[8 + SS_SEALER_TEXT_SIZE];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memset(cut, 'x', sizeof cut);
    cut[sizeof cut - 1] = '\0';
    const struct {
        const char *text, *arrives;
    } cases[] = {{"", ""}, {"caf\xC3\xA9\n\t\x7F~", "caf?????~"}, {longest, cut}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = ss_message_put_refusal(bytes, SS_ERROR_IO, cases[i].text);
        assert_true(ss_message_get_refusal(&(struct ss_frame){.payload = bytes, .len = len}, &m));
        assert_int_equal(m.status, SS_ERROR_IO);
        assert_string_equal(m.text, cases[i].arrives);
    }
}

/// Each side begins with a HELLO that fits the other one's channel; another version or memory does not.
static void test_greeting(void **state)
{
    (void)state;
    struct ss_channel *sides[2];
    struct ss_frame frame;
    struct ss_message_hello m;
    struct ss_error err = {0};
    local_pair(3, sides);
    assert_true(ss_message_greet(sides[0]));
    assert_ok(ss_channel_flush(sides[0], &err), err);
    assert_ok(ss_channel_receive(sides[1], &frame, &err), err);
    assert_int_equal(frame.type, SS_FRAME_HELLO);
    assert_true(ss_message_get_hello(&frame, &m));
    assert_true(ss_message_hello_fits(&m, sides[1]));
    m.slots++;
    assert_false(ss_message_hello_fits(&m, sides[1]));
    m.slots--;
    m.version++;
    assert_false(ss_message_hello_fits(&m, sides[1]));
    ss_channel_free(sides[0]);
    ss_channel_free(sides[1]);
}

// TLS

struct tls_pair {
    struct ss_channel_tls *tls[2];
    struct ss_channel *sides[2]; ///< front, sealer
};

/// @p sealer is the name of the sealer's certificate; @p host what it expects of the front's.
static void tls_pair(const char *folder, const char *sealer, const char *sealer_ca, const char *host,
                     struct tls_pair *p)
{
    char certificate[256], key[256], ca[256];
    int sockets[2];
    struct ss_error err = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(certificate, sizeof certificate, "%s/%s.pem", folder, i ? sealer : "front");
        snprintf(key, sizeof key, "%s/%s.key", folder, i ? sealer : "front");
        snprintf(ca, sizeof ca, "%s/%s.pem", folder, i ? sealer_ca : "ca");
        assert_ok(ss_channel_tls_new(certificate, key, ca, i == 0, &p->tls[i], &err), err);
        assert_ok(ss_channel_over_tls(p->tls[i], sockets[i], i ? host : NULL, &p->sides[i], &err), err);
    }
}

static void tls_end(struct tls_pair *p)
{
    for (int i = 0; i < 2; i++) {
        ss_channel_free(p->sides[i]);
        ss_channel_tls_free(p->tls[i]);
    }
}

static void make_certificates(char folder[160])
{
    static const char *const good[] = {"front", "sealer", NULL}, *const bad[] = {"stranger", NULL};
    strcpy(folder, vault_bench_path(""));
    certificates_make(folder, "ca", good);
    certificates_make(folder, "other-ca", bad);
}

/// Moves both until one of them fails; its status, and who it was.
static ss_status_t shake(struct tls_pair *p, int *who, struct ss_error *err)
{
    struct ss_frame frame;
    put_frame(p->sides[0], SS_FRAME_PING, 1, NULL, 0);
    put_frame(p->sides[1], SS_FRAME_PING, 2, NULL, 0);
    bool got[2] = {false, false};
    for (int i = 0; i < 2000 && !(got[0] && got[1]); i++)
        for (*who = 0; *who < 2; ++*who) {
            ss_status_t status = ss_channel_flush(p->sides[*who], err);
            if (status == SS_OK)
                status = ss_channel_receive(p->sides[*who], &frame, err);
            got[*who] |= status == SS_OK;
            if (status != SS_OK && status != SS_ERROR_TIMEOUT)
                return status;
        }
    return got[0] && got[1] ? SS_OK : SS_ERROR_TIMEOUT;
}

static void test_tls(void **state)
{
    (void)state;
    char folder[160];
    struct tls_pair p;
    struct ss_error err = {0};
    int who;
    make_certificates(folder);
    tls_pair(folder, "sealer", "ca", "localhost", &p);
    assert_ok(shake(&p, &who, &err), err);
    assert_int_equal(ss_channel_slots(p.sides[0]), 0);
    exchange(p.sides[0], p.sides[1]);
    exchange(p.sides[1], p.sides[0]);
    tls_end(&p);
    // A certificate that another CA signed; a front that another CA signed; a front with another name.
    static const char *const cases[][3] = {
        {"stranger", "ca", "localhost"}, {"sealer", "other-ca", "localhost"}, {"sealer", "ca", "elsewhere.example"}};
    for (size_t i = 0; i < 3; i++) {
        tls_pair(folder, cases[i][0], cases[i][1], cases[i][2], &p);
        assert_int_equal(shake(&p, &who, &err), SS_ERROR_NOT_PERMITTED);
        assert_int_equal(who, i ? 1 : 0); // who refuses
        tls_end(&p);
    }
    // A key that others can read is none.
    char key[256];
    struct ss_channel_tls *tls;
    snprintf(key, sizeof key, "%s/front.key", folder);
    assert_int_equal(chmod(key, 0644), 0);
    assert_refused(ss_channel_tls_new(key, key, key, true, &tls, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "others can read");
}

/// What does not speak TLS gets nowhere.
static void test_tls_noise(void **state)
{
    (void)state;
    char folder[160];
    struct tls_pair p;
    struct ss_frame frame;
    struct ss_error err = {0};
    int sockets[2];
    make_certificates(folder);
    tls_pair(folder, "sealer", "ca", "localhost", &p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    struct ss_channel *front;
    assert_ok(ss_channel_over_tls(p.tls[0], sockets[0], NULL, &front, &err), err);
    assert_int_equal(write(sockets[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(ss_channel_receive(front, &frame, &err), SS_ERROR_NOT_PERMITTED);
    close(sockets[1]);
    ss_channel_free(front);
    tls_end(&p);
}

// A whole sealer over TLS

static void connect_sealer(struct sealer_side *side, struct ss_channel_tls *tls, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct ss_channel *channel;
    struct ss_error err = {0};
    to.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_ok(ss_channel_over_tls(tls, fd, "127.0.0.1", &channel, &err), err);
    sealer_side_serve(side, channel);
}

static void free_port(char address[32])
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    close(fd);
    snprintf(address, 32, "127.0.0.1:%u", ntohs(any.sin_port));
}

static void wait_connected(struct ss_sealer *client, bool connected)
{
    for (int i = 0; i < 1000 && ss_sealer_connected(client) != connected; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(ss_sealer_connected(client), connected);
}

static void test_remote_sealer(void **state)
{
    (void)state;
    char folder[160], certificate[2][256], key[2][256], ca[256], address[32];
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    struct front_side front;
    struct sealer_release release;
    struct ss_channel_tls *tls;
    struct ss_error err = {0};
    make_certificates(folder);
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    for (int i = 0; i < 2; i++) {
        snprintf(certificate[i], sizeof certificate[i], "%s/%s.pem", folder, i ? "sealer" : "front");
        snprintf(key[i], sizeof key[i], "%s/%s.key", folder, i ? "sealer" : "front");
    }
    sealer_fleet_make(&fleet, 2, 0);
    sealer_release_make(BENCH_PRODUCT, "1.0", 300000, 1700000000, 4, false, &release);
    sealer_release_add(fleet.vault, BENCH_PRODUCT, "1.0", &release);
    free_port(address);
    const struct ss_sealer_options options = {
        .listen = address, .certificate = certificate[0], .key = key[0], .ca = ca, .windows = 4};
    front_side_start(&front, &options);
    sealer_side_start(&sealer, &fleet, NULL);
    assert_ok(ss_channel_tls_new(certificate[1], key[1], ca, false, &tls, &err), err);
    connect_sealer(&sealer, tls, address);
    wait_connected(front.client, true);

    struct ss_sealer_order order = order_for("d1", "1.0", "ota_0");
    struct deliver_result r = deliver(front.client, &order);
    if (r.status != SS_OK)
        fail_msg("%s", r.text);
    uint8_t *remote = malloc(r.delivery.length), *local = malloc(r.delivery.length);
    assert_int_equal(fetch(front.client, "d1", "1.0", BENCH_OTA_1, 0, r.delivery.length, remote), SS_OK);
    // The same bytes by shared memory, and both sealers serve from then on.
    front_side_connect(&front, &sealer, 4);
    assert_int_equal(fetch(front.client, "d1", "1.0", BENCH_OTA_1, 0, r.delivery.length, local), SS_OK);
    assert_memory_equal(remote, local, r.delivery.length);
    free(remote);
    free(local);
    front_side_stop(&front);
    sealer_side_stop(&sealer);
    ss_channel_tls_free(tls);
    sealer_release_free(&release);
    sealer_fleet_free(&fleet);
}

// A hostile front

static void say_hello(struct ss_channel *c, uint32_t version)
{
    uint8_t payload[16];
    const struct ss_message_hello hello = {.version = version, .slots = ss_channel_slots(c)};
    put_frame(c, SS_FRAME_HELLO, 0, payload, ss_message_put_hello(payload, &hello));
}

static void expect_end(struct sealer_side *sealer, bool greets, enum ss_frame_type type, const void *payload,
                       size_t len)
{
    const struct ss_message_hello hello = {.version = SS_CHANNEL_VERSION, .slots = 2};
    struct ss_channel *sides[2];
    local_pair(2, sides);
    sealer_side_expect_end(sealer, sides, greets ? &hello : NULL, type, payload, len);
}

static void test_hostile_front(void **state)
{
    (void)state;
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    uint8_t payload[512];
    sealer_fleet_make(&fleet, 1, 0);
    sealer_side_start(&sealer, &fleet, NULL);
    struct ss_message_window w = {"d1", "1.0", BENCH_OTA_1, 0, 16, 2, 0};
    expect_end(&sealer, false, SS_FRAME_PING, NULL, 0); // before HELLO
    size_t len = ss_message_put_window(payload, &w);
    expect_end(&sealer, true, SS_FRAME_WINDOW, payload, len); // a slot that is not there
    w.slot = UINT32_MAX - 1;
    len = ss_message_put_window(payload, &w);
    expect_end(&sealer, true, SS_FRAME_WINDOW, payload, len);
    expect_end(&sealer, true, SS_FRAME_WINDOW, payload, len - 1);
    expect_end(&sealer, true, SS_FRAME_DELIVER, payload, len);
    expect_end(&sealer, true, SS_FRAME_OPAQUE, "\x03../", 4);
    expect_end(&sealer, true, SS_FRAME_TOLD_ACK, NULL, 0);   // of nothing
    expect_end(&sealer, true, SS_FRAME_UPLOAD_DATA, "x", 1); // of no upload
    expect_end(&sealer, true, SS_FRAME_UPLOAD, "\0\0\0\0", 4);
    expect_end(&sealer, true, SS_FRAME_UPLOAD, "\xFF\xFF\xFF\x7F", 4); // more than there can be
    expect_end(&sealer, true, SS_FRAME_FRESHNESS, "\x01p\xFF\xFF\xFF\xFF", 6);
    static const enum ss_frame_type not_for_sealers[] = {SS_FRAME_DELIVERY, SS_FRAME_BYTES,   SS_FRAME_UPLOADED,
                                                         SS_FRAME_FRESH,    SS_FRAME_DEVICES, SS_FRAME_REFUSAL,
                                                         SS_FRAME_HELLO};
    w = (struct ss_message_window){"d1", "1.0", BENCH_OTA_1, 0, SS_SEALER_WINDOW_MAX + 1, 1, 0};
    expect_end(&sealer, true, SS_FRAME_WINDOW, payload,
               ss_message_put_window(payload, &w)); // a run beyond the last slot
    w.slot = SS_CHANNEL_NO_SLOT;
    expect_end(&sealer, true, SS_FRAME_WINDOW, payload, ss_message_put_window(payload, &w)); // too long for a frame
    for (size_t i = 0; i < sizeof not_for_sealers / sizeof *not_for_sealers; i++)
        expect_end(&sealer, true, not_for_sealers[i], "", 0);
    sealer_side_stop(&sealer);
    sealer_fleet_free(&fleet);
}

// A hostile sealer

struct hostile {
    struct front_side front;
    struct ss_channel *sealer; ///< our side
};

static void hostile_start(struct hostile *h, const struct ss_sealer_options *options)
{
    int sockets[2], memory;
    struct ss_error err = {0};
    front_side_start(&h->front, options);
    assert_ok(ss_channel_pair(2, sockets, &memory, &err), err);
    assert_ok(ss_channel_local(sockets[0], dup(memory), &h->sealer, &err), err);
    assert_ok(ss_supervise_send_channel(h->front.control, SS_SUPERVISED_CHANNEL, sockets[1], memory, &err), err);
    close(sockets[1]);
    close(memory);
    say_hello(h->sealer, SS_CHANNEL_VERSION);
    assert_ok(ss_channel_flush(h->sealer, &err), err);
    wait_connected(h->front.client, true);
}

static void hostile_stop(struct hostile *h)
{
    ss_channel_free(h->sealer);
    front_side_stop(&h->front);
}

/// The next request that the front makes.
static struct ss_frame next_request(struct hostile *h)
{
    struct ss_frame frame = {0};
    struct ss_error err = {0};
    do
        assert_ok(next_frame(NULL, h->sealer, &frame, &err), err);
    while (frame.type == SS_FRAME_HELLO);
    return frame;
}

struct outcome {
    pthread_mutex_t lock;
    unsigned calls;
    ss_status_t status;
    struct ss_sealer *client;
};

static void came(struct outcome *o, ss_status_t status)
{
    pthread_mutex_lock(&o->lock);
    o->calls++;
    o->status = status;
    pthread_mutex_unlock(&o->lock);
}

static void window_came(void *context, ss_status_t status, struct ss_sealer_window *window, const char *text)
{
    struct outcome *o = context;
    (void)text;
    ss_sealer_window_free(o->client, window);
    came(o, status);
}

static void wait_calls(struct outcome *o, unsigned calls)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&o->lock);
        bool there = o->calls >= calls;
        pthread_mutex_unlock(&o->lock);
        if (there)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("no answer came");
}

/// The front drops a sealer that sends @p type in answer to a request for a window, and asks the next one.
static void expect_dropped(enum ss_frame_type type, uint64_t id_change, const void *payload, size_t len)
{
    struct hostile h;
    struct outcome o = {.calls = 0};
    struct ss_frame frame;
    struct ss_error err = {0};
    ss_status_t status = SS_OK;
    pthread_mutex_init(&o.lock, NULL);
    hostile_start(&h, NULL);
    o.client = h.front.client;
    assert_int_equal(ss_sealer_window(h.front.client, "d1", "1.0", 0, 0, 100, window_came, &o), SS_OK);
    frame = next_request(&h);
    assert_int_equal(frame.type, SS_FRAME_WINDOW);
    put_frame(h.sealer, type, frame.id ^ id_change, payload, len);
    while (status == SS_OK)
        status = next_frame(h.sealer, h.sealer, &frame, &err);
    assert_int_equal(status, SS_ERROR_IO);
    assert_int_equal(o.calls, 0); // it waits for a better one
    hostile_stop(&h);
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.status, SS_ERROR_IO);
}

static void test_hostile_sealer(void **state)
{
    (void)state;
    static uint8_t bytes[4 + 100] = {100};
    expect_dropped(SS_FRAME_BYTES, 0, "\x65\0\0\0", 4);             // another length
    expect_dropped(SS_FRAME_BYTES, 0, bytes, sizeof bytes);         // in the frame, although there is a slot for it
    expect_dropped(SS_FRAME_BYTES, 1, "\x64\0\0\0", 4);             // of something else
    expect_dropped(SS_FRAME_BYTES, 1ull << 40, "\x64\0\0\0", 4);    // of something long gone
    expect_dropped(SS_FRAME_DELIVERY, 0, "", 0);                    // another answer
    expect_dropped(SS_FRAME_REFUSAL, 0, "\0\0", 2);                 // a refusal that is none
    expect_dropped(SS_FRAME_REFUSAL, 0, "\x7F\0", 2);               // of a status that there is not
    expect_dropped(SS_FRAME_REFUSAL, 0, "\x05\x02\x1b[", 4);        // for the terminal of who reads the log
    expect_dropped(SS_FRAME_DEVICES, 0, "\x01\xFF\xFF\0\0", 5);     // more than fit
    expect_dropped(SS_FRAME_HELLO, 0, "\x02\0\0\0\x02\0\0\0\0", 9); // twice
    expect_dropped(SS_FRAME_WINDOW, 0, "", 0);                      // a question
}

struct held {
    atomic_uint count; ///< counted when the window is there; by one thread
    struct ss_sealer_window *windows[6];
};

static void hold_window(void *context, ss_status_t status, struct ss_sealer_window *window, const char *text)
{
    struct held *held = context;
    (void)text;
    assert_int_equal(status, SS_OK);
    held->windows[atomic_load(&held->count)] = window;
    atomic_fetch_add(&held->count, 1);
}

/// Who does not give windows back, because nobody reads them, does not keep the others from theirs.
static void test_held_windows(void **state)
{
    (void)state;
    struct hostile h; // a kind one
    struct held held = {.count = 0};
    struct ss_error err = {0};
    hostile_start(&h, NULL); // with two slots
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(ss_sealer_window(h.front.client, "d1", "1.0", 0, i * 100, 100, hold_window, &held), SS_OK);
    for (unsigned i = 0; i < 6; i++) {
        struct ss_frame frame = next_request(&h);
        struct ss_message_window w;
        assert_int_equal(frame.type, SS_FRAME_WINDOW);
        assert_true(ss_message_get_window(&frame, &w));
        memset(ss_channel_slot(h.sealer, w.slot), (int)(w.offset / 100), w.len);
        put_frame(h.sealer, SS_FRAME_BYTES, frame.id, "\x64\0\0\0", 4);
        assert_ok(ss_channel_flush(h.sealer, &err), err);
        for (int n = 0; n < 500 && held.count <= i; n++)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_int_equal(held.count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(held.windows[i]->bytes[0], i);
        assert_int_equal(held.windows[i]->bytes[99], i);
        ss_sealer_window_free(h.front.client, held.windows[i]);
    }
    hostile_stop(&h);
}

static void test_late_answer(void **state)
{
    (void)state;
    struct hostile h;
    struct outcome o = {.calls = 0};
    struct ss_frame frame;
    struct ss_error err = {0};
    const struct ss_sealer_options options = {.timeout_ms = 150};
    uint64_t ids[2];
    pthread_mutex_init(&o.lock, NULL);
    hostile_start(&h, &options);
    o.client = h.front.client;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ss_sealer_window(h.front.client, "d1", "1.0", 0, 0, 100, window_came, &o), SS_OK);
    for (int i = 0; i < 2; i++) { // the third waits for one of two slots
        frame = next_request(&h);
        ids[i] = frame.id;
    }
    wait_calls(&o, 3);
    assert_int_equal(o.status, SS_ERROR_TIMEOUT);
    // The sealer may still be writing there: its slots are not given to anybody else before it has answered.
    assert_int_equal(ss_sealer_window(h.front.client, "d2", "1.0", 0, 0, 100, window_came, &o), SS_OK);
    assert_int_equal(ss_channel_receive(h.sealer, &frame, &err), SS_ERROR_TIMEOUT);
    put_frame(h.sealer, SS_FRAME_BYTES, ids[1], "\x64\0\0\0", 4);
    assert_ok(ss_channel_flush(h.sealer, &err), err);
    frame = next_request(&h);
    assert_int_equal(frame.type, SS_FRAME_WINDOW);
    put_frame(h.sealer, SS_FRAME_BYTES, frame.id, "\x64\0\0\0", 4);
    assert_ok(ss_channel_flush(h.sealer, &err), err);
    wait_calls(&o, 4);
    assert_int_equal(o.status, SS_OK);
    hostile_stop(&h);
}

/// A sealer goes away in the middle: what it had is asked of the next one.
static void test_sealer_gone(void **state)
{
    (void)state;
    struct hostile h;
    struct outcome o = {.calls = 0};
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    struct sealer_release release;
    pthread_mutex_init(&o.lock, NULL);
    sealer_fleet_make(&fleet, 1, 0);
    sealer_release_make(BENCH_PRODUCT, "1.0", 300000, 1700000000, 4, false, &release);
    sealer_release_add(fleet.vault, BENCH_PRODUCT, "1.0", &release);
    sealer_side_start(&sealer, &fleet, NULL);
    hostile_start(&h, NULL);
    o.client = h.front.client;
    for (int i = 0; i < 2; i++)
        assert_int_equal(ss_sealer_window(h.front.client, "d1", "1.0", BENCH_OTA_1, 0, 100, window_came, &o), SS_OK);
    (void)next_request(&h);
    ss_channel_free(h.sealer);
    h.sealer = NULL;
    wait_connected(h.front.client, false);
    front_side_connect(&h.front, &sealer, 2);
    wait_calls(&o, 2);
    assert_int_equal(o.status, SS_ERROR_DOES_NOT_EXIST); // a true answer: nothing was delivered
    struct ss_sealer_order order = order_for("d1", "1.0", "ota_0");
    assert_int_equal(deliver(h.front.client, &order).status, SS_OK);
    hostile_stop(&h);
    sealer_side_stop(&sealer);
    sealer_release_free(&release);
    sealer_fleet_free(&fleet);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local),           cmocka_unit_test(test_memory),
        cmocka_unit_test(test_malformed_heads), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_fields),          cmocka_unit_test(test_refusal_text),
        cmocka_unit_test(test_greeting),        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_noise),       cmocka_unit_test(test_remote_sealer),
        cmocka_unit_test(test_hostile_front),   cmocka_unit_test(test_hostile_sealer),
        cmocka_unit_test(test_held_windows),    cmocka_unit_test(test_late_answer),
        cmocka_unit_test(test_sealer_gone),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
