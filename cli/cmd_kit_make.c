// SPDX-License-Identifier: Apache-2.0
// Sealed kits, made where the vault is.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "config_option.h"
#include "core/crypto.h"
#include "device_text.h"
#include "file.h"
#include "json.h"
#include "profile_option.h"
#include "provision/credential.h"
#include "provision/kit.h"
#include "provision/vault_store.h"
#include "signing.h"
#include "slotseal/app_desc.h"
#include "vault/flash_key.h"
#include "vault/quota.h"
#include "vault_option.h"

enum { IMAGE_LIMIT = 16 << 20, LIST_LIMIT = 16 << 20, CERTIFICATE_LIMIT = 64 << 10, KEY_LEN = 32 };

static const struct cli_option make_options[] = {
    {OPT_PRODUCT, "product", 0, true, "NAME", "of this product of the vault", NULL, COMPLETE_NOTHING},
    {OPT_MACS, "macs", 0, true, "FILE", "the chips, as lines MAC or ID,MAC", NULL, COMPLETE_FILE},
    {OPT_STATION, "station", 0, true, "NAME", "who gets the kit: its quota counts", NULL, COMPLETE_NOTHING},
    {OPT_STATION_CERT, "station-cert", 0, true, "FILE", "certificate that the keys are encrypted to", NULL,
     COMPLETE_FILE},
    {OPT_KIT_KEY, "kit-key", 0, true, "KEY", "sign the kit with this P-256 key, PEM or pkcs11:URI", NULL,
     COMPLETE_FILE},
    {OPT_BOOTLOADER, "bootloader", 0, true, "FILE", "bootloader image", NULL, COMPLETE_FILE},
    {OPT_APP, "app", 0, true, "FILE", "app image for the first slot", NULL, COMPLETE_FILE},
    OPTIONS_PROFILE,
    {OPT_LEVEL, "level", 0, false, "LEVEL", "how much is closed (release)", "development release", COMPLETE_CHOICE},
    {OPT_REV, "rev", 0, false, "N", "the chips' revision at least, 100 is 1.0 (300)", NULL, COMPLETE_NOTHING},
    {OPT_SIGN_KEY, "sign-key", 0, false, "KEY", "sign images with this key of the product", NULL, COMPLETE_FILE},
    {OPT_UPDATE_SERVER, "update-server", 0, false, "URL[,URL]", "gives each device a token and these servers", NULL,
     COMPLETE_NOTHING},
    {OPT_CA, "ca", 0, false, "FILE", "certificates that the servers' end in, PEM or DER", NULL, COMPLETE_FILE},
    {OPT_KEY_SET, "key-set", 0, false, "FILE", "key set statement, signed by the root keys", NULL, COMPLETE_FILE},
    {OPT_OUTPUT, "output", 'o', true, "DIR", "the kit: a new folder, whose name becomes the kit's", NULL,
     COMPLETE_FILE},
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_JSON,
    OPTION_END,
};

struct making {
    const struct cli_args *args;
    struct ss_vault *vault;
    struct ss_vault_store *store;
    struct input bootloader, app, macs, certificate, key_file, kit_key_file;
    struct profile_option profile_option;
    struct ss_boot_profile profile; ///< with the product's public key
    struct config_option config;
    ss_signing_key_t *sign_key, *kit_key;
    struct ss_partition_table table;
    struct ss_vault_product product;
    struct ss_kit_header header;
    struct ss_kit_writer *writer;
    struct ss_parts parts;
    unsigned devices;
};

static const char *option(const struct making *m, enum cli_option_id id)
{
    return m->args->options[id];
}

static ss_status_t read_files(struct making *m, struct ss_error *err)
{
    ss_status_t status = profile_option_read(m->args, &m->profile_option, err);
    if (status == SS_OK)
        status = file_read(option(m, OPT_BOOTLOADER), IMAGE_LIMIT, &m->bootloader, err);
    if (status == SS_OK)
        status = file_read(option(m, OPT_APP), IMAGE_LIMIT, &m->app, err);
    if (status == SS_OK)
        status = file_read(option(m, OPT_MACS), LIST_LIMIT, &m->macs, err);
    if (status == SS_OK)
        status = file_read(option(m, OPT_STATION_CERT), CERTIFICATE_LIMIT, &m->certificate, err);
    if (status == SS_OK)
        status = signing_key_to_sign(m->args, option(m, OPT_KIT_KEY), "sealed kit", &m->kit_key_file, &m->kit_key, err);
    if (status == SS_OK && option(m, OPT_SIGN_KEY))
        status =
            signing_key_to_sign(m->args, option(m, OPT_SIGN_KEY), "for a sealed kit", &m->key_file, &m->sign_key, err);
    return status == SS_OK ? config_option_read(m->args, &m->config, err) : status;
}

static ss_status_t read_product(struct making *m, struct ss_error *err)
{
    ss_status_t status = ss_vault_product_get(m->vault, option(m, OPT_PRODUCT), &m->product, err);
    if (status != SS_OK)
        return status;
    if (m->product.per_device_sign_keys || m->product.secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_PROVISION,
                            "no kits for %s: its chips need %s, which would have to travel", m->product.name,
                            m->product.per_device_sign_keys ? "a bootloader of their own each" : "a secure boot key");
    if (m->product.table.address != m->profile_option.profile->table_offset)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "the product's partition table is at 0x%x, the bootloader looks at 0x%x",
                            (unsigned)m->product.table.address, (unsigned)m->profile_option.profile->table_offset);
    if (!m->product.table.flash_size)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_PROVISION, "the product's flash size is not known");
    return ss_table_from_binary(m->product.table.bytes, m->product.table.len, &m->table, err);
}

/// The store makes signatures; records and keys are dealt with here, as there is no chip.
static ss_status_t open_store(struct making *m, struct ss_error *err)
{
    const ss_signing_key_t *key;
    struct ss_vault_store_options store = {.sign_key = m->sign_key, .ask = ask_secret};
    ss_status_t status = ss_vault_store_open(m->vault, m->product.name, &store, &m->store, err);
    m->profile = *m->profile_option.profile;
    if (status != SS_OK || m->product.secure_boot != SS_SECURE_BOOT_V1_ONE_TIME)
        return status;
    const struct ss_provision_store *functions = ss_vault_store_functions(m->store);
    status = functions->signing_key(functions->context, &key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(key, m->profile.public_key, err);
    m->profile.has_public_key = true;
    m->profile.public_key_len = SS_PROFILE_KEY_SIZE;
    return status;
}

static ss_status_t hash(const void *data, size_t len, uint8_t out[32], struct ss_error *err)
{
    return ss_hash_once(SS_HASH_SHA256, data, len, out) == SS_OK
               ? SS_OK
               : ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "SHA-256 failed");
}

static ss_status_t fill_header(struct making *m, struct ss_error *err)
{
    struct ss_kit_header *h = &m->header;
    struct ss_app_desc desc;
    const char *slash = strrchr(option(m, OPT_OUTPUT), '/');
    struct ss_procedure_options procedure = {.kind = SS_PROCEDURE_HOST_SEALED,
                                             .secure_boot = m->product.secure_boot,
                                             .revision = h->min_revision,
                                             .profile = &m->profile};
    h->level = (enum ss_procedure_level)cli_option_choice(m->args, make_options, OPT_LEVEL, SS_LEVEL_RELEASE);
    procedure.level = h->level;
    h->secure_boot = procedure.secure_boot;
    h->table_offset = m->product.table.address;
    h->flash_size = m->product.table.flash_size;
    memcpy(h->table, m->product.table.bytes, sizeof h->table);
    snprintf(h->kit, sizeof h->kit, "%s", slash ? slash + 1 : option(m, OPT_OUTPUT));
    snprintf(h->product, sizeof h->product, "%s", m->product.name);
    if (m->app.len > SS_DESC_OFFSET &&
        ss_app_desc_parse(m->app.data + SS_DESC_OFFSET, m->app.len - SS_DESC_OFFSET, &desc) == SS_OK)
        cli_shown(desc.version, h->app_version, sizeof h->app_version);
    ss_status_t status = ss_procedure_check(&procedure, NULL, err);
    if (status == SS_OK)
        status = ss_kit_profile_text(&m->profile, h->profile, sizeof h->profile, err);
    if (status == SS_OK)
        status = hash(m->bootloader.data, m->bootloader.len, h->bootloader_sha256, err);
    if (status == SS_OK)
        status = hash(h->table, sizeof h->table, h->table_sha256, err);
    return status == SS_OK ? hash(m->app.data, m->app.len, h->app_sha256, err) : status;
}

static ss_status_t get_device(struct making *m, const char *id, const uint8_t mac[6], struct ss_vault_device *device,
                              struct ss_error *err)
{
    ss_status_t status = ss_vault_device_find_mac(m->vault, mac, device, err);
    if (status == SS_ERROR_DOES_NOT_EXIST) {
        *device = (struct ss_vault_device){.crypt_config = SS_VAULT_CRYPT_CONFIG};
        snprintf(device->id, sizeof device->id, "%s", id);
        snprintf(device->product, sizeof device->product, "%s", m->product.name);
        memcpy(device->mac, mac, sizeof device->mac);
        status = ss_vault_device_add(m->vault, device, err);
    }
    if (status == SS_OK && (strcmp(device->id, id) != 0 || strcmp(device->product, m->product.name) != 0 ||
                            device->state != SS_VAULT_DEVICE_REGISTERED))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                              "%s is device %s of product %s, %s: nothing for a kit", id, device->id, device->product,
                              ss_vault_device_state_name(device->state));
    return status;
}

static ss_status_t get_key(struct making *m, const struct ss_vault_device *device, struct ss_vault_flash_key *key,
                           struct ss_error *err)
{
    char detail[2 * SS_KIT_TEXT];
    ss_status_t status = ss_vault_quota_take(m->vault, option(m, OPT_STATION), device->id, err);
    if (status == SS_OK && device->flash_key == SS_VAULT_FLASH_KEY_NONE)
        status = ss_vault_flash_key_generate(m->vault, device->id, KEY_LEN, err);
    snprintf(detail, sizeof detail, "kit %s", m->header.kit);
    if (status == SS_OK)
        status = ss_vault_flash_key(m->vault, device->id, SS_VAULT_FOR_BURN, detail, key, err);
    if (status == SS_OK && key->len != KEY_LEN)
        status = ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_PROVISION, "%s has a key of %zu bytes", device->id,
                              key->len);
    return status;
}

static ss_status_t make_parts(struct making *m, const struct ss_vault_device *device,
                              const struct ss_vault_flash_key *key, struct ss_error *err)
{
    struct ss_part_data data = {0};
    struct ss_credential_request request = {
        .product = m->product.name, .mac = device->mac, .config = &m->config.config, .found = "", .table = &m->table};
    struct ss_parts_input input = {.table = &m->table,
                                   .table_offset = m->header.table_offset,
                                   .flash_size = m->header.flash_size,
                                   .revision = m->header.min_revision,
                                   .secure_boot = m->header.secure_boot,
                                   .bootloader = m->bootloader.data,
                                   .bootloader_len = m->bootloader.len,
                                   .app = m->app.data,
                                   .app_len = m->app.len,
                                   .data = &data,
                                   .flash_key = key->bytes,
                                   .flash_key_len = key->len};
    uint8_t *nvs = NULL;
    ss_status_t status = SS_OK;
    if (option(m, OPT_UPDATE_SERVER))
        status = ss_credential_prepare(m->vault, &request, &nvs, &data.len, err);
    if (nvs) {
        data.partition = ss_credential_partition(&m->table)->label;
        data.data = nvs;
        input.data_count = 1;
    }
    if (status == SS_OK)
        status = ss_parts_make(&input, ss_vault_store_functions(m->store), &m->parts, err);
    ss_wipe(nvs, data.len);
    free(nvs);
    return status;
}

static ss_status_t begin_kit(struct making *m, struct ss_error *err)
{
    m->header.has_public_digest = m->header.secure_boot == SS_SECURE_BOOT_V2;
    memcpy(m->header.public_digest, m->parts.public_digest, sizeof m->header.public_digest);
    return ss_kit_writer_new(option(m, OPT_OUTPUT), &m->header, m->kit_key, m->certificate.data, m->certificate.len,
                             &m->writer, err);
}

static ss_status_t add_device(struct making *m, const char *id, const uint8_t mac[6], struct ss_error *err)
{
    struct ss_vault_device device;
    struct ss_vault_flash_key key = {0};
    ss_status_t status = get_device(m, id, mac, &device, err);
    if (status == SS_OK)
        status = get_key(m, &device, &key, err);
    if (status == SS_OK)
        status = make_parts(m, &device, &key, err);
    if (status == SS_OK && !m->writer)
        status = begin_kit(m, err);
    if (status == SS_OK)
        status = ss_kit_writer_add(m->writer, id, mac, key.bytes, key.len, &m->parts, err);
    if (status == SS_OK)
        status = ss_vault_device_set_fact(m->vault, id, FACT_KIT, m->header.kit, err);
    ss_parts_free(&m->parts);
    ss_vault_flash_key_wipe(&key);
    m->devices += status == SS_OK;
    return status;
}

/// MAC, or ID and MAC, separated by comma, semicolon or blank.
static ss_status_t add_line(struct making *m, char *line, struct ss_error *err)
{
    static const char separators[] = ",; \t\r";
    uint8_t mac[6];
    char id[SS_DEVICE_NAME_SIZE];
    char *first = strtok_r(line, separators, &line), *second = first ? strtok_r(NULL, separators, &line) : NULL;
    if (!first || *first == '#')
        return SS_OK;
    ss_status_t status = ss_device_mac_parse(second ? second : first, mac, err);
    if (status != SS_OK)
        return status;
    ss_device_name_from_mac(mac, id);
    if (second && !ss_device_name_valid(first))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%.80s is no device id", first);
    return add_device(m, second ? first : id, mac, err);
}

static ss_status_t make(struct making *m, struct ss_error *err)
{
    ss_status_t status = read_files(m, err);
    if (status == SS_OK)
        status = read_product(m, err);
    if (status == SS_OK)
        status = open_store(m, err);
    if (status == SS_OK)
        status = fill_header(m, err);
    char *rest = (char *)m->macs.data;
    for (char *line; status == SS_OK && rest && (line = strsep(&rest, "\n")) != NULL;)
        status = add_line(m, line, err);
    if (status == SS_OK && !m->writer)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%s names no chip", m->macs.name);
    return status == SS_OK ? ss_kit_writer_finish(m->writer, err) : status;
}

static void leave(struct making *m)
{
    ss_kit_writer_free(m->writer);
    ss_vault_store_close(m->store);
    ss_vault_close(m->vault);
    ss_signing_key_free(m->sign_key);
    ss_signing_key_free(m->kit_key);
    profile_option_free(&m->profile_option);
    config_option_free(&m->config);
    file_free(&m->bootloader);
    file_free(&m->app);
    file_free(&m->macs);
    file_free(&m->certificate);
    file_free(&m->key_file);
    file_free(&m->kit_key_file);
    free(m);
}

static int run_make(const struct cli_args *args)
{
    struct ss_error err = {0};
    uint64_t revision;
    struct making *m = calloc(1, sizeof *m);
    if (!m) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    m->args = args;
    int code = profile_option_check(args);
    if (code == CLI_OK && !option(m, OPT_PROFILE) && !option(m, OPT_BUILD_DIR))
        code = cli_usage("--build-dir DIR, or --profile FILE", "what is compiled into the bootloader has to be known");
    if (code == CLI_OK && !cli_option_number(args, make_options, OPT_REV, 399, 300, &revision))
        code = CLI_USAGE;
    if (code == CLI_OK) {
        m->header.min_revision = (unsigned)revision;
        code = vault_option_open(args, vault_option_options(args).signing_key != NULL, &m->vault);
    }
    if (code == CLI_OK && make(m, &err) != SS_OK) {
        code = cli_fail(&err);
        if (m->writer)
            cli_hint("%s is no kit without a manifest: remove it", option(m, OPT_OUTPUT));
    }
    if (code == CLI_OK && args->options[OPT_JSON])
        code = json_print(json_pack("{s:s, s:i}", "kit", m->header.kit, "devices", (int)m->devices), code);
    else if (code == CLI_OK)
        printf("%s: %u devices\n", m->header.kit, m->devices);
    leave(m);
    return code;
}

const struct cli_command command_kit_make = {
    .path = "kit make",
    .summary = "make a sealed kit for a contract manufacturer",
    .description =
        "A folder with what is needed to provision the chips with these MACs, and nothing else: their flash keys, "
        "encrypted to the station's certificate; bootloader, table, otadata and app, sealed for each of them; the "
        "device's configuration with its token, encrypted as the keys are; a signed manifest. There is no vault in it, "
        "no "
        "signing key and no plaintext image.\n\n"
        "Each device counts for the station's quota (slotseal quota). The devices are registered in the vault; kit "
        "accept "
        "takes the manufacturer's record back and makes them members of the fleet.\n\n"
        "A station that burns a flash key sees that key, and could unseal that one device's firmware with it. Secure "
        "boot "
        "v1-reflashable and signing keys per device are refused: more than flash keys would have to travel.",
    .options = make_options,
    .example = "slotseal kit make --product lamp --macs lot7.csv --station acme \\\n"
               "    --station-cert acme.pem --kit-key kit-key.pem --profile lamp.profile \\\n"
               "    --bootloader bootloader.bin --app lamp.bin -o lot7\n",
    .run = run_make,
};
