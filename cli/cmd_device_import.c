// SPDX-License-Identifier: Apache-2.0
// Devices that were provisioned elsewhere, with keys that somebody has kept as files.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "core/crypto.h"
#include "device_text.h"
#include "file.h"
#include "provision/doctor.h"
#include "provision/key_folder.h"
#include "signing.h"
#include "vault/flash_key.h"
#include "vault/signing.h"
#include "vault_option.h"

enum { KEY_FILE_LIMIT = 4096, MAC_FILE_LIMIT = 16 << 20 };

static const struct cli_option options[] = {
    {OPT_PRODUCT, "product", 'p', true, "NAME", "the product that they are", NULL, COMPLETE_NOTHING},
    {OPT_FROM, "from", 0, false, "DIR", "import every device that has a key file in this folder", NULL, COMPLETE_FILE},
    {OPT_PATTERN, "pattern", 0, false, "NAME", "how the key files are named: {id} or {mac} and more", NULL,
     COMPLETE_NOTHING},
    {OPT_SIGN_PATTERN, "sign-pattern", 0, false, "NAME", "how the devices' own signing keys are named", NULL,
     COMPLETE_NOTHING},
    {OPT_MACS, "macs", 0, false, "FILE", "MACs of the ids, as lines ID,MAC", NULL, COMPLETE_FILE},
    {OPT_DEVICE, "device", 'd', false, "ID", "import this one device", NULL, COMPLETE_NOTHING},
    {OPT_MAC, "mac", 0, false, "MAC", "its factory MAC, unless that is its id", NULL, COMPLETE_NOTHING},
    {OPT_FLASH_KEY, "flash-key", 0, false, "FILE", "its flash key, as espsecure writes one", NULL, COMPLETE_FILE},
    {OPT_FLASH, "flash", 0, false, "FILE", "its flash from address 0: the key is tried on it", NULL, COMPLETE_FILE},
    {OPT_EFUSE, "efuse", 0, false, "FILE", "its eFuses: espefuse dump --format joint, or summary --format json", NULL,
     COMPLETE_FILE},
    {OPT_CRYPT_CONFIG, "crypt-config", 0, false, "N", "eFuse FLASH_CRYPT_CONFIG (0xF)", NULL, COMPLETE_NOTHING},
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_JSON,
    OPTION_END,
};

struct import {
    const struct cli_args *args;
    struct ss_vault *vault;
    struct input macs, key, flash, efuse_file;
    struct ss_efuse efuse; ///< window; with efuse_file.data
    unsigned crypt_config;
    bool signing; ///< signing keys can be kept
    unsigned imported, known, failed, sign_keys, sign_keys_left;
};

static ss_status_t refuse(struct ss_error *err, const char *id, const char *text)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY, "%s: %s", id, text);
}

/// The MAC of @p id in a file of lines ID,MAC. False without a report.
static bool find_mac(const struct input *macs, const char *id, char out[32])
{
    size_t len = strlen(id);
    for (const char *line = (const char *)macs->data; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (!strncmp(line, id, len) && strchr(",; \t", line[len])) {
            const char *mac = line + len + strspn(line + len, ",; \t\"");
            snprintf(out, 32, "%.*s", (int)strcspn(mac, " \t\r\n,;\""), mac);
            return true;
        }
    return false;
}

static ss_status_t get_mac(const struct import *m, const char *id, const char *given, uint8_t mac[6],
                           struct ss_error *err)
{
    char text[32];
    if (given)
        return ss_device_mac_parse(given, mac, err);
    if (m->macs.data && find_mac(&m->macs, id, text))
        return ss_device_mac_parse(text, mac, err);
    if (ss_device_mac_parse(id, mac, NULL) == SS_OK)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_NONE, "%s: its MAC is not known", id);
}

/// What the chip itself says against this key.
static ss_status_t check_efuses(const struct import *m, const char *id, const struct input *key, struct ss_error *err)
{
    uint8_t burned[32];
    size_t len = 0;
    if (!m->efuse_file.data)
        return SS_OK;
    bool hidden = ss_efuse_block_read_protected(&m->efuse, 1);
    if (!key->data)
        return refuse(err, id,
                      hidden ? "its flash key was made on the chip, or burned by others, and is read-protected: nobody "
                               "can read it, so nothing can ever be sealed for this device"
                             : "no --flash-key is given, and BLOCK1 can still be read: it is no secret");
    if (hidden)
        return SS_OK;
    // The window shows 3/4 coded blocks decoded: 24 bytes, in the order of an uncoded key.
    if (ss_efuse_coding(&m->efuse) == SS_EFUSE_CODING_NONE &&
        ss_efuse_key_from_words(&m->efuse.words[ss_efuse_block_start(1)], SS_EFUSE_CODING_NONE, burned, &len, NULL) ==
            SS_OK) {
        bool same = len == key->len && ss_equal(burned, key->data, len);
        ss_wipe(burned, sizeof burned);
        if (!same)
            return refuse(err, id, "BLOCK1 can be read, and holds another key");
    }
    return SS_OK;
}

static ss_status_t check_flash(const struct import *m, const char *id, const struct input *key, struct ss_error *err)
{
    struct ss_seal_params params = {.key = key->data, .key_len = key->len, .crypt_config = m->crypt_config};
    if (!m->flash.data)
        return SS_OK;
    ss_status_t status = ss_key_check_dump(&params, m->flash.data, m->flash.len, err);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", id);
}

/// The record, made if there is none; one that an import left without its key is taken up again.
static ss_status_t get_record(struct import *m, const char *id, const uint8_t mac[6], struct ss_vault_device *device,
                              struct ss_error *err)
{
    ss_status_t status = ss_vault_device_get(m->vault, id, device, NULL);
    if (status == SS_OK) {
        if (memcmp(device->mac, mac, 6) != 0 || strcmp(device->product, m->args->options[OPT_PRODUCT]) != 0)
            return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT, "%s is in the vault, with another %s", id,
                                memcmp(device->mac, mac, 6) ? "MAC" : "product");
        return SS_OK;
    }
    *device = (struct ss_vault_device){.state = SS_VAULT_DEVICE_REGISTERED, .crypt_config = (uint8_t)m->crypt_config};
    if (m->efuse_file.data)
        device->coding_scheme = (uint8_t)ss_efuse_coding(&m->efuse);
    snprintf(device->id, sizeof device->id, "%s", id);
    snprintf(device->product, sizeof device->product, "%s", m->args->options[OPT_PRODUCT]);
    memcpy(device->mac, mac, 6);
    return ss_vault_device_add(m->vault, device, err);
}

static ss_status_t store(struct import *m, const struct ss_vault_device *device, const struct input *key, bool *known,
                         struct ss_error *err)
{
    const char *id = device->id;
    const char *proof = m->flash.data ? "key file, tried on a flash dump" : "key file, not tried on the device";
    *known = device->flash_key == SS_VAULT_FLASH_KEY_PRESENT;
    ss_status_t status = *known ? ss_vault_flash_key_matches(m->vault, id, key->data, key->len, err)
                                : ss_vault_flash_key_import(m->vault, id, key->data, key->len, key->name, err);
    if (status == SS_OK && (!*known || m->flash.data))
        status = ss_vault_device_set_fact(m->vault, id, FACT_IMPORTED, proof, err);
    if (status == SS_OK && device->state == SS_VAULT_DEVICE_REGISTERED)
        status = ss_vault_device_set_state(m->vault, id, SS_VAULT_DEVICE_PROVISIONED, NULL, "imported", err);
    return status;
}

static ss_status_t import_key(struct import *m, const char *id, const char *given_mac, const struct input *key,
                              bool *known, struct ss_error *err)
{
    struct ss_vault_device device;
    uint8_t mac[6];
    ss_status_t status = check_efuses(m, id, key, err);
    if (status == SS_OK && !key->data)
        status =
            refuse(err, id,
                   "without --flash-key there is nothing to seal with; a key that was made on the chip cannot be read "
                   "by anybody, so such a device cannot be imported");
    if (status == SS_OK)
        status = get_mac(m, id, given_mac, mac, err);
    if (status == SS_OK && ss_vault_flash_key_is_weak(key->data, key->len))
        status = refuse(err, id, "the key is weak: nobody drew it at random");
    if (status == SS_OK)
        status = check_flash(m, id, key, err);
    if (status == SS_OK)
        status = get_record(m, id, mac, &device, err);
    return status == SS_OK ? store(m, &device, key, known, err) : status;
}

static void count(struct import *m, const char *id, ss_status_t status, bool known, const char *done,
                  const struct ss_error *err)
{
    if (status != SS_OK) {
        m->failed++;
        cli_fail(err);
        return;
    }
    known ? m->known++ : m->imported++;
    if (!m->args->options[OPT_JSON])
        printf("%s %s\n", id, done);
}

static const char *flash_key_done(bool known)
{
    return known ? "was in the vault with this key" : "imported";
}

/// A device's own signing key, under the name that provisioning would give it.
static ss_status_t keep_sign_key(struct import *m, struct ss_vault_device *device, const ss_signing_key_t *key,
                                 const char *path, struct ss_error *err)
{
    const char *id = device->id;
    if ((size_t)snprintf(device->sign_key, sizeof device->sign_key, "%s.sign", id) >= sizeof device->sign_key)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE, "%s: the id is too long for a key of its own",
                            id);
    ss_status_t status = ss_vault_signing_key_import(m->vault, device->sign_key, key, path, err);
    // An import that was cut short before it noted the name.
    if (status == SS_ERROR_ALREADY_EXISTS)
        status = signing_vault_is(m->vault, device->sign_key, key, path, err);
    if (status == SS_OK)
        status = ss_vault_device_update(m->vault, device, err);
    m->sign_keys += status == SS_OK;
    return status;
}

static ss_status_t import_sign_key(struct import *m, const struct ss_key_folder_entry *entry, struct ss_error *err)
{
    struct ss_vault_device device;
    struct input file = {0};
    ss_signing_key_t *key = NULL;
    if (!entry->sign_key)
        return SS_OK;
    ss_status_t status = ss_vault_device_get(m->vault, entry->id, &device, err);
    if (status == SS_OK && !*device.sign_key && !m->signing) {
        m->sign_keys_left++;
        return SS_OK;
    }
    if (status == SS_OK)
        status = signing_key_read(entry->sign_key, &file, &key, err);
    if (status == SS_OK && !ss_signing_key_is_private(key))
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "%s: no private key", entry->sign_key);
    if (status == SS_OK)
        status = *device.sign_key ? signing_vault_is(m->vault, device.sign_key, key, entry->sign_key, err)
                                  : keep_sign_key(m, &device, key, entry->sign_key, err);
    ss_signing_key_free(key);
    file_free(&file);
    return status;
}

/// A signing key without a flash key beside it is one for a device that has its flash key already.
static ss_status_t import_sign_key_alone(struct import *m, const struct ss_key_folder_entry *entry,
                                         struct ss_error *err)
{
    const char *product = m->args->options[OPT_PRODUCT];
    struct ss_vault_device device;
    ss_status_t status = ss_vault_device_get(m->vault, entry->id, &device, err);
    if (status != SS_OK && status != SS_ERROR_DOES_NOT_EXIST)
        return status;
    if (status == SS_ERROR_DOES_NOT_EXIST || device.flash_key != SS_VAULT_FLASH_KEY_PRESENT)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_KEY,
                            "%s: there is a signing key, but no flash key: neither in the folder nor in the vault",
                            entry->id);
    if (strcmp(device.product, product) != 0)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT, "%s is in the vault, with another product",
                            entry->id);
    if (!m->signing && !*device.sign_key)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY,
                            "%s: its signing key is all there is to import, which needs --signing-key SOURCE",
                            entry->id);
    return import_sign_key(m, entry, err);
}

static void import_entry(struct import *m, const struct ss_key_folder_entry *entry)
{
    struct input key = {0};
    struct ss_error err = {0};
    bool known = false;
    if (!entry->flash_key) {
        ss_status_t status = import_sign_key_alone(m, entry, &err);
        count(m, entry->id, status, true, "was in the vault and has its signing key there", &err);
        return;
    }
    ss_status_t status = file_read(entry->flash_key, KEY_FILE_LIMIT, &key, &err);
    if (status == SS_OK) {
        file_warn_readable(&key);
        status = import_key(m, entry->id, NULL, &key, &known, &err);
    }
    if (status == SS_OK)
        status = import_sign_key(m, entry, &err);
    count(m, entry->id, status, known, flash_key_done(known), &err);
    file_free(&key);
}

static ss_status_t import_folder(struct import *m, struct ss_error *err)
{
    const char *const own[] = {m->args->options[OPT_PATTERN], NULL};
    const char *const sign[] = {m->args->options[OPT_SIGN_PATTERN], NULL};
    struct ss_key_folder folder;
    ss_status_t status = ss_key_folder_scan(m->args->options[OPT_FROM], own[0] ? own : ss_flash_key_patterns,
                                            sign[0] ? sign : ss_sign_key_patterns, &folder, err);
    for (size_t i = 0; status == SS_OK && i < folder.count; i++)
        import_entry(m, &folder.entries[i]);
    ss_key_folder_free(&folder);
    return status;
}

static ss_status_t read_files(struct import *m, struct ss_error *err)
{
    const char *const *o = m->args->options;
    ss_status_t status = o[OPT_MACS] ? file_read(o[OPT_MACS], MAC_FILE_LIMIT, &m->macs, err) : SS_OK;
    if (status == SS_OK && o[OPT_FLASH])
        status = file_read(o[OPT_FLASH], FILE_LIMIT, &m->flash, err);
    if (status == SS_OK && o[OPT_EFUSE])
        status = file_read(o[OPT_EFUSE], 1 << 20, &m->efuse_file, err);
    if (status == SS_OK && o[OPT_EFUSE])
        status = ss_doctor_read_efuses(m->efuse_file.data, m->efuse_file.len, &m->efuse, err);
    if (status == SS_OK && o[OPT_EFUSE] && !o[OPT_CRYPT_CONFIG])
        m->crypt_config = ss_efuse_get_name(&m->efuse, "FLASH_CRYPT_CONFIG");
    if (status == SS_OK && o[OPT_FLASH_KEY])
        status = file_read(o[OPT_FLASH_KEY], KEY_FILE_LIMIT, &m->key, err);
    if (status == SS_OK && o[OPT_FLASH_KEY])
        file_warn_readable(&m->key);
    return status;
}

static int import(const struct cli_args *args, struct ss_vault *vault)
{
    struct import m = {.args = args, .vault = vault, .signing = vault_option_options(args).signing_key != NULL};
    struct ss_error err = {0};
    uint64_t config;
    bool known = false;

    if (!cli_option_number(args, options, OPT_CRYPT_CONFIG, 15, SS_SEAL_CRYPT_CONFIG_DEFAULT, &config))
        return CLI_USAGE;
    m.crypt_config = (unsigned)config;
    ss_status_t status = read_files(&m, &err);
    if (status != SS_OK || (args->options[OPT_FROM] && (status = import_folder(&m, &err)) != SS_OK)) {
        cli_fail(&err);
        m.failed++;
    } else if (!args->options[OPT_FROM]) {
        status = import_key(&m, args->options[OPT_DEVICE], args->options[OPT_MAC], &m.key, &known, &err);
        count(&m, args->options[OPT_DEVICE], status, known, flash_key_done(known), &err);
    }
    if (m.imported && !args->options[OPT_FLASH])
        cli_warning("nobody has seen that %s: slotseal device import --device ID --flash-key FILE --flash DUMP does",
                    m.imported > 1 ? "these keys are those of the devices" : "this key is the device's");
    if (m.sign_keys_left)
        cli_warning("%u signing keys are not imported: --signing-key SOURCE opens the place for them",
                    m.sign_keys_left);
    file_free(&m.macs);
    file_free(&m.key);
    file_free(&m.flash);
    file_free(&m.efuse_file);
    ss_wipe(&m.efuse, sizeof m.efuse);
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:i, s:i, s:i, s:i}", "imported", (int)m.imported, "known", (int)m.known,
                                    "failed", (int)m.failed, "sign_keys", (int)m.sign_keys),
                          m.failed ? CLI_FAILED : CLI_OK);
    return m.failed ? CLI_FAILED : CLI_OK;
}

static int run(const struct cli_args *args)
{
    const char *const *o = args->options;
    if (!o[OPT_FROM] == !o[OPT_DEVICE])
        return cli_usage("slotseal help device import", "exactly one of --from and --device is needed");
    if (o[OPT_FROM] && (o[OPT_MAC] || o[OPT_FLASH_KEY] || o[OPT_FLASH] || o[OPT_EFUSE]))
        return cli_usage(NULL, "--mac, --flash-key, --flash and --efuse are about one device: --device");
    if (!o[OPT_FROM] && (o[OPT_PATTERN] || o[OPT_SIGN_PATTERN]))
        return cli_usage(NULL, "--pattern and --sign-pattern need --from");
    if (o[OPT_DEVICE] && !ss_device_name_valid(o[OPT_DEVICE]))
        return cli_usage("1 to 64 of the characters A-Z a-z 0-9 . _ -", "--device is no device id");
    struct ss_vault *vault;
    int status = vault_option_open(args, vault_option_options(args).signing_key != NULL, &vault);
    if (status == CLI_OK)
        status = import(args, vault);
    ss_vault_close(vault);
    return status;
}

const struct cli_command command_device_import = {
    .path = "device import",
    .summary = "take in devices that were provisioned elsewhere",
    .description =
        "From a folder with one key file a device, or one device with all that is known of it. Files are found by the "
        "names {id}_flash_key.bin, {id}_flash_encryption_key.bin, {id}_flash.bin, flash_key_{id}.bin and {mac}.bin, or "
        "by --pattern; signing keys of devices by {id}_signing_key.pem, {id}_secure_boot_signing_key.pem, "
        "{id}_sign.pem and "
        "{mac}.pem, or by --sign-pattern. They are taken in with --signing-key. A device's MAC is its id, or comes "
        "from --mac or --macs.\n\n"
        "With --flash the key is tried: the bootloader in the dump has to unseal to an image. With --efuse the key is "
        "compared with BLOCK1 where that can still be read. A device whose key was made on the chip cannot be "
        "imported: "
        "nobody knows its key.\n\n"
        "An import may be repeated: what is there with the same key is left alone. A device that has another flash or "
        "signing key in the vault keeps it, and the import of that device fails.",
    .options = options,
    .example = "slotseal device import --product meter --from keys/ --macs devices.csv\n"
               "slotseal device import --product meter --device 240ac412345e \\\n"
               "    --flash-key flash.key --flash dump.bin --efuse efuse.json\n",
    .run = run,
};
