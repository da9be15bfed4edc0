// SPDX-License-Identifier: Apache-2.0
#include "support/sealer_bench.h"
#include "support/channel_bench.h"
#include "support/sample_image.h"
#include "support/sample_table.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vault_bench.h"
#include "support/vectors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/crypto.h"
#include "server/sealer_client.h"
#include "server/supervise.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"
#include "vault/flash_key.h"
#include "vault/signing.h"

// Files

static void write_file(const char *name, const void *bytes, size_t len)
{
    int fd = open(vault_bench_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void write_key(const char *name, const ss_signing_key_t *key)
{
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX];
    size_t len;
    struct ss_error err = {0};
    assert_ok(ss_signing_key_write_private(key, pem, sizeof pem, &len, &err), err);
    write_file(name, pem, len);
}

static void write_key_set(const char *file, const char *product)
{
    static const unsigned roots[] = {1, 2, 0};
    struct sample_statement statement;
    struct ss_key_set set = sample_key_set();
    set.product = ss_span_of(product);
    sample_sign_key_set(&set, roots, &statement);
    write_file(file, statement.bytes, statement.len);
}

// The fleet

static struct ss_vault *create_with_signing(const char **url)
{
    static char urls[16][256];
    static unsigned next;
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault = NULL;
    struct ss_error err = {0};
    assert_true(next < 16);
    *url = strcpy(urls[next++], vault_bench_new_url());
    options.signing_key = options.key;
    assert_ok(ss_vault_create(*url, &options, &vault, &err), err);
    return vault;
}

static void add_product(struct ss_vault *vault, const char *name, bool personal)
{
    struct ss_vault_product product = {.chip = "esp32", .table = {.address = 0x8000}};
    struct ss_error err = {0};
    strcpy(product.name, name);
    product.table.len = sample_table(product.table.bytes);
    product.per_device_sign_keys = personal;
    product.secure_boot = personal ? SS_SECURE_BOOT_V1_ONE_TIME : SS_SECURE_BOOT_NONE;
    assert_ok(ss_vault_product_add(vault, &product, &err), err);
}

void sealer_fleet_key(const char *device, uint8_t key[32])
{
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, device, strlen(device), key), SS_OK);
}

static void add_device(struct ss_vault *vault, const char *product, char kind, unsigned n)
{
    struct ss_vault_device device = {.mac = {0x24, 0x0a, 0xc4, (uint8_t)kind, (uint8_t)(n >> 8), (uint8_t)n},
                                     .chip_revision = 300,
                                     .crypt_config = SS_VAULT_CRYPT_CONFIG,
                                     .state = SS_VAULT_DEVICE_PROVISIONED};
    uint8_t key[32];
    char fact[96] = "token sha256:";
    struct ss_error err = {0};
    snprintf(device.id, sizeof device.id, "%c%u", kind, n);
    strcpy(device.product, product);
    if (kind == 'p') {
        snprintf(device.sign_key, sizeof device.sign_key, "%.16s.sign", device.id);
        assert_ok(ss_vault_signing_key_generate(vault, device.sign_key, SS_KEY_P256, &err), err);
    }
    assert_ok(ss_vault_device_add(vault, &device, &err), err);
    sealer_fleet_key(device.id, key);
    assert_ok(ss_vault_flash_key_import(vault, device.id, key, sizeof key, NULL, &err), err);
    for (unsigned i = 0; i < 32; i++)
        snprintf(fact + strlen(fact), 3, "%02x", key[i] ^ 0x55);
    assert_ok(ss_vault_device_set_fact(vault, device.id, "credential", fact, &err), err);
}

static void load_keys(struct sealer_fleet *fleet)
{
    char folder[160], delivery[160], upload[160];
    struct ss_error err = {0};
    strcpy(folder, vault_bench_path("keysets"));
    mkdir(folder, 0700);
    write_key_set("keysets/1", BENCH_PRODUCT);
    write_key_set("keysets/2", BENCH_PERSONAL);
    write_key("delivery.pem", sample_signing_key(5));
    write_key("upload.pem", sample_signing_key(8));
    strcpy(delivery, vault_bench_path("delivery.pem"));
    strcpy(upload, vault_bench_path("upload.pem"));
    const struct ss_sealer_key_options options = {.key_set = folder, .delivery_key = delivery, .upload_key = upload};
    assert_ok(ss_sealer_keys_load(&options, &fleet->keys, &err), err);
}

void sealer_fleet_make(struct sealer_fleet *fleet, unsigned devices, unsigned personal)
{
    *fleet = (struct sealer_fleet){0};
    fleet->vault = create_with_signing(&fleet->url);
    add_product(fleet->vault, BENCH_PRODUCT, false);
    add_product(fleet->vault, BENCH_PERSONAL, true);
    for (unsigned i = 1; i <= devices; i++)
        add_device(fleet->vault, BENCH_PRODUCT, 'd', i);
    for (unsigned i = 1; i <= personal; i++)
        add_device(fleet->vault, BENCH_PERSONAL, 'p', i);
    load_keys(fleet);
}

void sealer_fleet_free(struct sealer_fleet *fleet)
{
    ss_vault_close(fleet->vault);
    ss_sealer_keys_free(fleet->keys);
}

// Releases

uint8_t *sealer_image(uint64_t seed, uint32_t size, const uint8_t *vk, uint32_t *vk_offset, size_t *len)
{
    enum { FIRST_DATA = 0x20 + SS_APP_DESC_SIZE };
    const struct sample_segment segments[] = {{0x3F400020, (size - 0x80) & ~3u}, {0x40080000, 0x20}};
    uint8_t *image = malloc(size + 4096);
    assert_non_null(image);
    *len = sample_image(image, size + 4096, segments, 2, true);
    memset(image + 0x20, 0, SS_APP_DESC_SIZE);
    memcpy(image + 0x20, (const uint8_t[]){0x32, 0x54, 0xCD, 0xAB}, 4);
    memcpy(image + 0x20 + 0x10, "1.0", 3);
    test_random_bytes(&seed, image + FIRST_DATA, segments[0].length - SS_APP_DESC_SIZE);
    if (vk_offset)
        *vk_offset = FIRST_DATA + 0x135; // anywhere, also across the cipher's blocks
    if (vk)
        memcpy(image + *vk_offset, vk, SS_VK_SIZE);
    sample_refresh(image, *len);
    return image;
}

void sealer_release_make(const char *product, const char *version, uint32_t size, uint64_t timestamp, unsigned key,
                         bool personal, struct sealer_release *release)
{
    uint64_t seed = size * 2654435761u + (uint8_t)version[0] + 256u * (uint8_t)version[strlen(version) - 1];
    uint8_t vk[SS_VK_SIZE], digest[32];
    uint32_t vk_offset = 0;
    struct sample_statement statement;
    struct ss_error err = {0};
    test_random_bytes(&seed, vk, sizeof vk);
    release->image = sealer_image(seed, size, personal ? vk : NULL, personal ? &vk_offset : NULL, &release->len);
    assert_ok(ss_canonical_digest(release->image, release->len, vk_offset, digest, &err), err);
    const struct ss_release fields = {.product = ss_span_of(product),
                                      .version = ss_span_of(version),
                                      .digest = digest,
                                      .timestamp = timestamp,
                                      .image_len = (uint32_t)release->len,
                                      .vk_offset = vk_offset,
                                      .scheme = personal ? SS_RELEASE_V1 : SS_RELEASE_UNSIGNED};
    sample_sign_release(&fields, key, &statement);
    memcpy(release->statement, statement.bytes, statement.len);
    release->statement_len = statement.len;
}

void sealer_release_add(struct ss_vault *vault, const char *product, const char *version,
                        const struct sealer_release *release)
{
    struct ss_vault_release r = {.length = (uint32_t)release->len, .statement_len = release->statement_len};
    struct ss_statement statement;
    struct ss_release fields;
    struct ss_error err = {0};
    strcpy(r.product, product);
    strcpy(r.version, version);
    memcpy(r.statement, release->statement, release->statement_len);
    assert_int_equal(ss_statement_parse(r.statement, r.statement_len, &statement, NULL), SS_OK);
    assert_int_equal(ss_release_parse(&statement, &fields, NULL), SS_OK);
    memcpy(r.digest, fields.digest, sizeof r.digest);
    assert_ok(ss_vault_release_add(vault, &r, release->image, &err), err);
}

void sealer_release_free(struct sealer_release *release)
{
    free(release->image);
}

uint8_t *sealer_upload_certificate(size_t *len)
{
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX], *out = NULL;
    struct ss_error err = {0};
    assert_ok(ss_signing_key_write_private(sample_signing_key(8), pem, sizeof pem, len, &err), err);
    BIO *in = BIO_new_mem_buf(pem, (int)*len), *text = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    X509 *x = X509_new();
    assert_true(key && x && text);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"upload", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(text, x), 1);
    char *p;
    *len = (size_t)BIO_get_mem_data(text, &p);
    out = malloc(*len);
    assert_non_null(out);
    memcpy(out, p, *len);
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(in);
    BIO_free(text);
    return out;
}

// The sealer

void sealer_side_start(struct sealer_side *side, const struct sealer_fleet *fleet,
                       const struct ss_sealer_service_options *options)
{
    struct ss_sealer_service_options o = options ? *options : (struct ss_sealer_service_options){0};
    struct ss_error err = {0};
    *side = (struct sealer_side){0};
    o.vault = fleet->url;
    o.vault_options = vault_bench_options();
    o.keys = fleet->keys;
    if (!o.poll_ms)
        o.poll_ms = 20;
    assert_int_equal(pipe2(side->stop, O_CLOEXEC), 0);
    assert_ok(ss_sealer_service_start(&o, &side->service, &err), err);
}

struct serving {
    struct sealer_side *side;
    struct ss_channel *channel;
};

static void *serve(void *context)
{
    struct serving s = *(struct serving *)context;
    struct ss_error err = {0};
    free(context);
    (void)!ss_sealer_service_run(s.side->service, s.channel, s.side->stop[0], &err);
    return NULL;
}

void sealer_side_serve(struct sealer_side *side, struct ss_channel *channel)
{
    struct serving *s = malloc(sizeof *s);
    assert_non_null(s);
    assert_true(side->count < 8);
    *s = (struct serving){side, channel};
    assert_int_equal(pthread_create(&side->threads[side->count++], NULL, serve, s), 0);
}

void sealer_side_expect_end(struct sealer_side *side, struct ss_channel *sides[2], const struct ss_message_hello *hello,
                            enum ss_frame_type type, const void *payload, size_t len)
{
    struct ss_frame frame;
    struct ss_error err = {0};
    uint8_t greeting[16];
    ss_status_t status = SS_OK;
    side->count = 0; // threads of channels that ended are joined below
    sealer_side_serve(side, sides[1]);
    if (hello)
        put_frame(sides[0], SS_FRAME_HELLO, 0, greeting, ss_message_put_hello(greeting, hello));
    put_frame(sides[0], type, 7, payload, len);
    while (status == SS_OK)
        status = next_frame(NULL, sides[0], &frame, &err);
    assert_int_equal(status, SS_ERROR_IO);
    ss_channel_free(sides[0]);
    pthread_join(side->threads[0], NULL);
    side->count = 0;
}

void sealer_side_stop(struct sealer_side *side)
{
    assert_int_equal(write(side->stop[1], "x", 1), 1);
    for (unsigned i = 0; i < side->count; i++)
        pthread_join(side->threads[i], NULL);
    ss_sealer_service_free(side->service);
    close(side->stop[0]);
    close(side->stop[1]);
}

// The front

void front_side_start(struct front_side *front, const struct ss_sealer_options *options)
{
    struct ss_sealer_options o = options ? *options : (struct ss_sealer_options){0};
    struct ss_error err = {0};
    int control[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    front->control = control[0];
    front->client_control = o.control = control[1];
    assert_ok(ss_sealer_start(&o, &front->client, &err), err);
}

void front_side_stop(struct front_side *front)
{
    ss_sealer_stop(front->client);
    close(front->control);
    close(front->client_control);
}

static void give_channel(struct front_side *front, struct sealer_side *side, enum ss_supervised_use use, unsigned slots)
{
    int sockets[2], memory;
    struct ss_channel *channel;
    struct ss_error err = {0};
    assert_ok(ss_channel_pair(slots, sockets, &memory, &err), err);
    assert_ok(use == SS_SUPERVISED_LANE ? ss_channel_lane(sockets[0], dup(memory), false, &channel, &err)
                                        : ss_channel_local(sockets[0], dup(memory), &channel, &err),
              err);
    sealer_side_serve(side, channel);
    assert_ok(ss_supervise_send_channel(front->control, use, sockets[1], memory, &err), err);
    close(sockets[1]);
    close(memory);
}

void front_side_add_lane(struct front_side *front, struct sealer_side *side)
{
    give_channel(front, side, SS_SUPERVISED_LANE, SS_CHANNEL_LANE_SLOTS);
}

void front_side_wait_lanes(struct front_side *front)
{
    for (int i = 0; i < 500 && ss_sealer_lane_wanted(front->client); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_false(ss_sealer_lane_wanted(front->client));
}

void front_side_connect(struct front_side *front, struct sealer_side *side, unsigned slots)
{
    give_channel(front, side, SS_SUPERVISED_CHANNEL, slots);
    for (int i = 0; i < 500 && !ss_sealer_connected(front->client); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_true(ss_sealer_connected(front->client));
}

// Asking, and waiting for the answer

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    void *result;
};

static void waiting_init(struct waiting *w, void *result)
{
    *w = (struct waiting){.result = result};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->done, NULL);
}

static void waiting_done(struct waiting *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_done = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static void wait_for(struct waiting *w)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&w->lock);
    while (!w->is_done)
        assert_int_equal(pthread_cond_timedwait(&w->done, &w->lock, &until), 0);
    pthread_mutex_unlock(&w->lock);
}

struct ss_sealer_order order_for(const char *device, const char *version, const char *slot)
{
    struct ss_sealer_order order = {.device = ""};
    strcpy(order.device, device);
    strcpy(order.version, version);
    strcpy(order.told.slot, slot);
    return order;
}

static void delivered(void *context, ss_status_t status, const struct ss_sealer_delivery *delivery, const char *text)
{
    struct waiting *w = context;
    struct deliver_result *r = w->result;
    r->status = status;
    if (delivery)
        r->delivery = *delivery;
    snprintf(r->text, sizeof r->text, "%s", text);
    waiting_done(w);
}

struct deliver_result deliver(struct ss_sealer *client, const struct ss_sealer_order *order)
{
    struct deliver_result result = {0};
    struct waiting w;
    waiting_init(&w, &result);
    assert_int_equal(ss_sealer_deliver(client, order, delivered, &w), SS_OK);
    wait_for(&w);
    return result;
}

struct deliver_result may_be_opaque(struct ss_sealer *client, const char *device)
{
    struct deliver_result result = {0};
    struct waiting w;
    waiting_init(&w, &result);
    assert_int_equal(ss_sealer_may_be_opaque(client, device, delivered, &w), SS_OK);
    wait_for(&w);
    return result;
}

void deliver_all(struct ss_sealer *client, const char *version, const char *slot, unsigned count)
{
    struct deliver_result *results = calloc(count, sizeof *results);
    struct waiting *w = calloc(count, sizeof *w);
    assert_true(results && w);
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%u", i + 1);
        struct ss_sealer_order order = order_for(id, version, slot);
        waiting_init(&w[i], &results[i]);
        assert_int_equal(ss_sealer_deliver(client, &order, delivered, &w[i]), SS_OK);
    }
    for (unsigned i = 0; i < count; i++) {
        wait_for(&w[i]);
        if (results[i].status != SS_OK)
            fail_msg("%s", results[i].text);
    }
    free(w);
    free(results);
}

struct freshening {
    ss_status_t status;
    struct fresh_result *results;
    size_t count;
};

static void freshened(void *context, ss_status_t status, const char *device, const uint8_t *record, size_t len,
                      const char *text)
{
    struct waiting *w = context;
    struct freshening *f = w->result;
    (void)text;
    f->status = status;
    if (!device) {
        waiting_done(w);
        return;
    }
    struct fresh_result *r = &f->results[f->count++];
    snprintf(r->device, sizeof r->device, "%s", device);
    memcpy(r->record, record, len);
    r->len = len;
}

ss_status_t get_fresh(struct ss_sealer *client, const char *product, const struct ss_sealer_fresh_device *devices,
                      size_t count, struct fresh_result *results, size_t *made)
{
    struct freshening f = {.results = results};
    struct waiting w;
    waiting_init(&w, &f);
    assert_int_equal(ss_sealer_freshness(client, product, devices, count, freshened, &w), SS_OK);
    wait_for(&w);
    *made = f.count;
    return f.status;
}

struct fetching {
    ss_status_t status;
    struct ss_sealer_window *window;
};

static void fetched(void *context, ss_status_t status, struct ss_sealer_window *window, const char *text)
{
    struct waiting *w = context;
    (void)text;
    *(struct fetching *)w->result = (struct fetching){status, window};
    waiting_done(w);
}

ss_status_t fetch(struct ss_sealer *client, const char *device, const char *version, uint32_t address, uint32_t offset,
                  uint32_t len, uint8_t *out)
{
    for (uint32_t done = 0; done < len;) {
        uint32_t n = len - done < SS_SEALER_WINDOW_MAX ? len - done : SS_SEALER_WINDOW_MAX;
        struct fetching result = {0};
        struct waiting w;
        waiting_init(&w, &result);
        assert_int_equal(ss_sealer_window(client, device, version, address, offset + done, n, fetched, &w), SS_OK);
        wait_for(&w);
        if (result.status != SS_OK)
            return result.status;
        assert_int_equal(result.window->len, n);
        memcpy(out + done, result.window->bytes, n);
        ss_sealer_window_free(client, result.window);
        done += n;
    }
    return SS_OK;
}

static void opened(void *context, ss_status_t status, const struct ss_sealer_upload *upload, const char *text)
{
    struct waiting *w = context;
    struct upload_result *r = w->result;
    r->status = status;
    if (upload)
        r->upload = *upload;
    snprintf(r->text, sizeof r->text, "%s", text);
    waiting_done(w);
}

struct upload_result open_upload(struct ss_sealer *client, const uint8_t *blob, size_t len)
{
    struct upload_result result = {0};
    struct waiting w;
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, blob, len);
    waiting_init(&w, &result);
    assert_int_equal(ss_sealer_open_upload(client, copy, len, opened, &w), SS_OK);
    wait_for(&w);
    return result;
}
