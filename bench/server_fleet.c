// SPDX-License-Identifier: Apache-2.0
#include "bench/server_fleet.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/chip_device.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/credential.h"
#include "server/store_content.h"
#include "slotseal/canonical.h"
#include "slotseal/statement_sign.h"
#include "vault/flash_key.h"
#include "vault/release.h"

#define PRODUCT "bench"
#define VERSION "1.0.0"

static struct ss_error err;

static void check(ss_status_t status)
{
    device_check(status, &err);
}

static const char *inside(const struct fleet *fleet, const char *name)
{
    static char path[2][128];
    static unsigned turn;
    char *out = path[turn++ & 1];
    snprintf(out, sizeof path[0], "%s/%s", fleet->folder, name);
    return out;
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wbx");
    if (!f || fchmod(fileno(f), 0600) != 0 || fwrite(data, 1, len, f) != len || fclose(f) != 0) {
        fprintf(stderr, "bench_server: error: cannot write %s\n", path);
        exit(1);
    }
}

static ss_signing_key_t *new_key(void)
{
    ss_signing_key_t *key;
    check(ss_signing_key_generate(SS_KEY_P256, &key, &err));
    return key;
}

static void write_key(const struct fleet *fleet, const char *name, const ss_signing_key_t *key)
{
    uint8_t pem[4096];
    size_t len;
    check(ss_signing_key_write_private(key, pem, sizeof pem, &len, &err));
    write_file(inside(fleet, name), pem, len);
}

/// One root key, one release key, one delivery key; all of them made for this run.
static void make_keys(const struct fleet *fleet, ss_signing_key_t **release_key)
{
    ss_signing_key_t *keys[3] = {new_key(), new_key(), new_key()};
    static const enum ss_key_role roles[3] = {SS_ROLE_ROOT, SS_ROLE_RELEASE, SS_ROLE_DELIVERY};
    struct ss_key_set set = {.product = ss_span_of(PRODUCT), .version = 1, .epochs = {1}, .threshold = 1};
    uint8_t raw[3][SS_RAW_PUBLIC_KEY_SIZE], statement[SS_KEY_SET_MAX];
    size_t len;
    for (unsigned i = 0; i < 3; i++) {
        check(ss_signing_key_raw_public(keys[i], raw[i], &err));
        set.roles[roles[i]] = (struct ss_role_keys){.keys = {raw[i]}, .count = 1};
    }
    check(ss_key_set_encode(&set, statement, sizeof statement, &len, &err));
    check(ss_key_set_sign(statement, len, keys[0], statement, sizeof statement, &len, &err));
    write_file(inside(fleet, "keyset.cose"), statement, len);
    write_key(fleet, "delivery.pem", keys[2]);
    *release_key = keys[1];
    ss_signing_key_free(keys[0]);
    ss_signing_key_free(keys[2]);
}

static struct ss_vault *make_vault(const struct fleet *fleet)
{
    char url[160], key[160];
    snprintf(url, sizeof url, "sqlite:%s", inside(fleet, "vault"));
    snprintf(key, sizeof key, "file:%s", inside(fleet, "vault.key"));
    struct ss_vault_options options = {.key = key, .actor = "bench"};
    struct ss_vault *vault;
    struct ss_vault_product *product = calloc(1, sizeof *product);
    check(ss_vault_create(url, &options, &vault, &err));
    strcpy(product->name, PRODUCT);
    strcpy(product->chip, "esp32");
    product->secure_boot = SS_SECURE_BOOT_NONE;
    product->table.len = sizeof product->table.bytes;
    product->table.address = 0x8000;
    product->table.flash_size = DEVICE_FLASH;
    device_table(product->table.bytes);
    check(ss_vault_product_add(vault, product, &err));
    free(product);
    return vault;
}

static void add_device(struct ss_vault *vault, struct fleet_device *d, unsigned number)
{
    struct ss_vault_device row = {.mac = {0x24, 0x0A, 0xC4, 0, (uint8_t)(number >> 8), (uint8_t)number},
                                  .state = SS_VAULT_DEVICE_PROVISIONED,
                                  .crypt_config = SS_VAULT_CRYPT_CONFIG,
                                  .chip_revision = 300};
    char fact[96] = "token sha256:";
    uint8_t hash[32];
    ss_vault_mac_id(row.mac, d->id);
    strcpy(row.id, d->id);
    strcpy(row.product, PRODUCT);
    check(ss_vault_device_add(vault, &row, &err));
    check(ss_vault_flash_key_generate(vault, d->id, 32, &err));
    check(ss_device_token_new(d->token, &err));
    check(ss_device_token_hash(d->token, hash, &err));
    for (size_t i = 0, at = strlen(fact); i < sizeof hash; i++, at += 2)
        snprintf(fact + at, sizeof fact - at, "%02x", hash[i]);
    check(ss_vault_device_set_fact(vault, d->id, SS_CREDENTIAL_FACT, fact, &err));
}

static void fill_release(struct ss_vault_release *release, const uint8_t *app, const ss_signing_key_t *key)
{
    struct ss_release fields = {.product = ss_span_of(PRODUCT),
                                .version = ss_span_of(VERSION),
                                .digest = release->digest,
                                .timestamp = 1700000000,
                                .image_len = DEVICE_APP_SIZE};
    strcpy(release->product, PRODUCT);
    strcpy(release->version, VERSION);
    release->length = DEVICE_APP_SIZE;
    check(ss_canonical_digest(app, DEVICE_APP_SIZE, SS_VK_NONE, release->digest, &err));
    check(ss_release_sign(&fields, key, release->statement, sizeof release->statement, &release->statement_len, &err));
}

/// What the front knows of the release after an upload: its statement, none of its bytes.
static int64_t store_release(struct ss_store *store, const struct ss_vault_release *release)
{
    struct ss_store_upload upload;
    struct ss_store_release row = {.length = release->length, .statement_len = release->statement_len};
    uint8_t blob[16] = {0}, hash[32];
    int64_t id;
    strcpy(row.product, PRODUCT);
    strcpy(row.version, VERSION);
    memcpy(row.digest, release->digest, sizeof row.digest);
    memcpy(row.statement, release->statement, release->statement_len);
    check(ss_hash_once(SS_HASH_SHA256, blob, sizeof blob, hash));
    check(ss_store_upload_begin(store, SS_STORE_SEALED, sizeof blob, hash, "bench", &upload, &err));
    check(ss_store_upload_append(store, upload.id, 0, blob, sizeof blob, &upload, &err));
    check(ss_store_upload_accept(store, upload.id, &row, &id, &err));
    return id;
}

static void store_device(struct ss_store *store, struct fleet_device *d)
{
    struct ss_store_registration row = {.active = true, .credential = SS_STORE_TOKEN};
    static const struct ss_store_attribute told[] = {{"slotseal.slot", "ota_0"}, {"slotseal.state", "confirmed"}};
    struct ss_store_assignment assignment = {
        .device = d->id, .release = d->release, .forced = true, .operator_name = "bench"};
    strcpy(row.id, d->id);
    strcpy(row.product, PRODUCT);
    check(ss_device_token_hash(d->token, row.credential_hash, &err));
    check(ss_store_devices_put(store, &row, 1, &err));
    check(ss_store_attributes_put(store, d->id, SS_STORE_MERGE, told, sizeof told / sizeof *told, &err));
    check(ss_store_assign(store, &assignment, &d->action, NULL, &err));
}

static void make_store(struct fleet *fleet, const struct ss_vault_release *release)
{
    char url[160];
    struct ss_store *store;
    snprintf(url, sizeof url, "sqlite:%s", inside(fleet, "front/store"));
    check(ss_store_open(url, true, NULL, &store, &err));
    uint8_t key_set[SS_KEY_SET_MAX];
    FILE *f = fopen(inside(fleet, "keyset.cose"), "rb");
    size_t len = f ? fread(key_set, 1, sizeof key_set, f) : 0;
    if (f)
        fclose(f);
    check(ss_store_key_set_trust(store, key_set, len, NULL, &err));
    int64_t id = store_release(store, release);
    for (unsigned i = 0; i < fleet->count; i++) {
        fleet->devices[i].release = id;
        store_device(store, &fleet->devices[i]);
    }
    ss_store_close(store);
}

/// Where nginx looks for it, and apart from the sealer's keys.
static void make_certificate(const struct fleet *fleet)
{
    char command[640];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=IP:127.0.0.1 -keyout %s/tls.key -out %s/tls.pem 2>/dev/null && "
             "cp %s/tls.key %s/tls.pem %s/front",
             fleet->folder, fleet->folder, fleet->folder, fleet->folder, fleet->folder);
    if (system(command) != 0) {
        fprintf(stderr, "bench_server: error: openssl req makes no certificate\n");
        exit(1);
    }
}

/// No limits: what is measured comes from one address.
static void write_config(const struct fleet *fleet, char path[96], const char *name, unsigned port, const char *tls)
{
    char text[2048];
    snprintf(path, 96, "%.60s/%.30s", fleet->folder, name);
    int len = snprintf(
        text, sizeof text,
        "[server]\nlisten = 127.0.0.1:%u\nurl = http%s://127.0.0.1:%u\n%sstore = sqlite:%s/front/store\n"
        "plain_http = yes\n"
        "[sealer]\nvault = sqlite:%s/vault\nvault_key = file:%s/vault.key\ndelivery_key = %s/delivery.pem\n"
        "key_set = %s/keyset.cose\nplaintext_cache = 32M\nciphers = 4096\n"
        "[log]\nlevel = warning\n"
        "[limits]\ndevice_rate = 0\naddress_rate = 0\n",
        port, *tls ? "s" : "", port, tls, fleet->folder, fleet->folder, fleet->folder, fleet->folder, fleet->folder);
    write_file(path, text, (size_t)len);
}

void fleet_make(struct fleet *fleet, unsigned count)
{
    const char *base = getenv("TMPDIR");
    ss_signing_key_t *release_key;
    struct ss_vault_release release = {0};
    static uint8_t app[DEVICE_APP_SIZE];
    char tls[256];
    snprintf(fleet->folder, sizeof fleet->folder, "%.40s/ss-bench-XXXXXX", base && strlen(base) <= 40 ? base : "/tmp");
    fleet->count = count;
    fleet->devices = calloc(count, sizeof *fleet->devices);
    if (!mkdtemp(fleet->folder) || !fleet->devices)
        check(ss_error_set(&err, SS_ERROR_IO, SS_AREA_NONE, "no temporary folder"));
    if (mkdir(inside(fleet, "front"), 0700) != 0)
        check(ss_error_set(&err, SS_ERROR_IO, SS_AREA_NONE, "no folder for the store"));
    device_app(app);
    write_file(inside(fleet, "plain.bin"), app, sizeof app);
    make_keys(fleet, &release_key);
    fill_release(&release, app, release_key);
    struct ss_vault *vault = make_vault(fleet);
    check(ss_vault_release_add(vault, &release, app, &err));
    for (unsigned i = 0; i < count; i++)
        add_device(vault, &fleet->devices[i], i);
    ss_vault_close(vault);
    ss_signing_key_free(release_key);
    make_store(fleet, &release);
    make_certificate(fleet);
    snprintf(tls, sizeof tls, "certificate = %s/front/tls.pem\nkey = %s/front/tls.key\n", fleet->folder, fleet->folder);
    write_config(fleet, fleet->config_plain, "plain.conf", FLEET_PLAIN_PORT, "");
    write_config(fleet, fleet->config_tls, "tls.conf", FLEET_TLS_PORT, tls);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}

void fleet_remove(struct fleet *fleet)
{

    nftw(fleet->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fleet->devices);
}
