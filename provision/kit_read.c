// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "provision/build_dir.h"
#include "provision/kit_internal.h"

enum { ENVELOPE_MORE = 16 << 10 }; ///< what CMS adds to a content, bytes, at most

static ss_status_t read_named(const char *folder, const char *name, size_t limit, uint8_t **data, size_t *len,
                              struct ss_error *err)
{
    char path[KIT_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return ss_provision_read_file(path, limit, data, len, err);
}

static ss_status_t load(struct ss_kit *kit, const ss_signing_key_t *signer, struct ss_error *err)
{
    uint8_t *manifest = NULL, *signature = NULL;
    size_t manifest_len = 0, signature_len = 0;

    ss_status_t status = read_named(kit->folder, "manifest.json", KIT_MANIFEST, &manifest, &manifest_len, err);
    if (status == SS_OK)
        status = read_named(kit->folder, "manifest.sig", 1024, &signature, &signature_len, err);
    if (status == SS_OK)
        status = kit_verify(signer, manifest, manifest_len, signature, signature_len, err);
    // Nothing of the manifest is looked at before its signature is.
    if (status == SS_OK)
        status = kit_manifest_read((const char *)manifest, manifest_len, kit, err);
    free(manifest);
    free(signature);
    return status;
}

ss_status_t ss_kit_open(const char *folder, const ss_signing_key_t *signer, struct ss_kit **kit, struct ss_error *err)
{
    *kit = NULL;
    struct ss_kit *k = calloc(1, sizeof *k);
    if (!k)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    if ((size_t)snprintf(k->folder, sizeof k->folder, "%s", folder) >= sizeof k->folder) {
        free(k);
        return kit_error(err, SS_ERROR_INVALID_ARGUMENT, "%.60s…: name of %zu characters", folder, strlen(folder));
    }
    ss_status_t status = load(k, signer, err);
    if (status == SS_OK)
        *kit = k;
    else
        ss_kit_free(k);
    return status;
}

const struct ss_kit_device *ss_kit_find_mac(const struct ss_kit *kit, const uint8_t mac[6])
{
    for (size_t i = 0; i < kit->count; i++)
        if (!memcmp(kit->devices[i].mac, mac, 6))
            return &kit->devices[i];
    return NULL;
}

/// A file of the kit, if it is the one that the manifest means.
static ss_status_t read_checked(const char *path, size_t limit, const uint8_t sha256[32], uint8_t **data, size_t *len,
                                struct ss_error *err)
{
    uint8_t found[32];
    ss_status_t status = ss_provision_read_file(path, limit, data, len, err);
    if (status == SS_OK && ss_hash_once(SS_HASH_SHA256, *data, *len, found) != SS_OK)
        status = kit_error(err, SS_ERROR_GENERIC, "SHA-256 failed");
    else if (status == SS_OK && memcmp(found, sha256, 32) != 0)
        status = kit_error(err, SS_ERROR_DATA_CORRUPT, "%.160s: not the file that the manifest means", path);
    if (status != SS_OK) {
        free(*data);
        *data = NULL;
    }
    return status;
}

/// The content of an enveloped file; *@p out has to have @p expected bytes.
static ss_status_t read_enveloped(const char *path, const uint8_t sha256[32], const struct ss_kit_station *station,
                                  size_t expected, uint8_t **out, struct ss_error *err)
{
    uint8_t *der = NULL;
    size_t der_len = 0, len = 0;
    *out = NULL;
    ss_status_t status = read_checked(path, expected + ENVELOPE_MORE, sha256, &der, &der_len, err);
    if (status == SS_OK)
        status = kit_open_envelope(station, der, der_len, out, &len, err);
    free(der);
    if (status == SS_OK && len != expected) {
        ss_wipe(*out, len);
        free(*out);
        *out = NULL;
        status = kit_error(err, SS_ERROR_DATA_CORRUPT, "%.160s: %zu bytes within, not %zu", path, len, expected);
    }
    return status;
}

ss_status_t ss_kit_read_key(const struct ss_kit *kit, const struct ss_kit_device *device,
                            const struct ss_kit_station *station, uint8_t *key, size_t size, size_t *len,
                            struct ss_error *err)
{
    char path[KIT_PATH];
    uint8_t *content;

    *len = 0;
    if (size < device->key_len)
        return kit_error(err, SS_ERROR_BUFFER_TOO_SMALL, "a key of %u bytes", (unsigned)device->key_len);
    kit_key_path(kit->folder, device->id, path);
    ss_status_t status = read_enveloped(path, device->key_sha256, station, device->key_len, &content, err);
    if (status != SS_OK)
        return status;
    memcpy(key, content, device->key_len);
    *len = device->key_len;
    ss_wipe(content, device->key_len);
    free(content);
    return SS_OK;
}

static ss_status_t read_part(const struct ss_kit *kit, const struct ss_kit_device *device, unsigned index,
                             const struct ss_kit_station *station, struct ss_part *part, struct ss_error *err)
{
    const struct ss_kit_part *from = &device->parts[index];
    char path[KIT_PATH];
    size_t len;

    *part = (struct ss_part){.address = from->address, .len = from->len, .lasts = from->lasts};
    memcpy(part->name, from->name, sizeof part->name);
    if (from->form == SS_KIT_ERASED)
        return SS_OK;
    kit_part_path(kit->folder, device->id, index, from->form, path);
    if (from->form == SS_KIT_ENVELOPED)
        return read_enveloped(path, from->sha256, station, from->len, &part->plain, err);
    ss_status_t status = read_checked(path, from->len, from->sha256, &part->sealed, &len, err);
    if (status == SS_OK && len != from->len)
        status = kit_error(err, SS_ERROR_DATA_CORRUPT, "%.160s: %zu bytes, not %u", path, len, (unsigned)from->len);
    return status;
}

ss_status_t ss_kit_read_parts(const struct ss_kit *kit, const struct ss_kit_device *device,
                              const struct ss_kit_station *station, struct ss_parts *parts, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    memset(parts, 0, sizeof *parts);
    for (unsigned i = 0; status == SS_OK && i < device->part_count; i++) {
        status = read_part(kit, device, i, station, &parts->parts[i], err);
        parts->count++;
    }
    if (kit->header.has_public_digest)
        memcpy(parts->public_digest, kit->header.public_digest, 32);
    if (status != SS_OK)
        ss_parts_free(parts);
    return status;
}

static ss_status_t check_device(const struct ss_kit *kit, const struct ss_kit_device *device, struct ss_error *err)
{
    char path[KIT_PATH];
    uint8_t *data;
    size_t len;

    kit_key_path(kit->folder, device->id, path);
    ss_status_t status = read_checked(path, device->key_len + ENVELOPE_MORE, device->key_sha256, &data, &len, err);
    if (status == SS_OK)
        free(data);
    for (unsigned i = 0; status == SS_OK && i < device->part_count; i++) {
        const struct ss_kit_part *part = &device->parts[i];
        if (part->form == SS_KIT_ERASED)
            continue;
        kit_part_path(kit->folder, device->id, i, part->form, path);
        status = read_checked(path, part->len + (part->form == SS_KIT_SEALED ? 0 : ENVELOPE_MORE), part->sha256, &data,
                              &len, err);
        if (status == SS_OK)
            free(data);
    }
    return status;
}

ss_status_t ss_kit_check_files(const struct ss_kit *kit, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (size_t i = 0; status == SS_OK && i < kit->count; i++)
        status = check_device(kit, &kit->devices[i], err);
    return status;
}
