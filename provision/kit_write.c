// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/durable.h"
#include "provision/kit_internal.h"

struct ss_kit_writer {
    struct ss_kit kit;
    const ss_signing_key_t *signer;
    const void *certificate;
    size_t certificate_len;
};

ss_status_t kit_error(struct ss_error *err, ss_status_t status, const char *format, ...)
{
    char text[SS_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ss_error_set(err, status, SS_AREA_PROVISION, "%s", text);
}

static ss_status_t io_error(struct ss_error *err, const char *path)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_FILE, "%.160s: %s", path, strerror(errno));
}

void kit_part_path(const char *folder, const char *id, unsigned index, enum ss_kit_part_form form, char path[KIT_PATH])
{
    snprintf(path, KIT_PATH, "%s/%s/%02u.%s", folder, id, index, form == SS_KIT_SEALED ? "sealed" : "cms");
}

void kit_key_path(const char *folder, const char *id, char path[KIT_PATH])
{
    snprintf(path, KIT_PATH, "%s/%s/flash-key.cms", folder, id);
}

/// A new file, durable; SS_ERROR_IO if it exists.
static ss_status_t write_file(const char *path, const void *data, size_t len, struct ss_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return io_error(err, path);
    bool ok = ss_write_all(fd, data, len) && fsync(fd) == 0;
    int reason = errno;
    ok = close(fd) == 0 && ok;
    errno = reason;
    return ok ? SS_OK : io_error(err, path);
}

static ss_status_t sync_folder(const char *path, struct ss_error *err)
{
    return ss_sync_folder(path) ? SS_OK : io_error(err, path);
}

static ss_status_t check_writer(const struct ss_kit_header *header, const ss_signing_key_t *signer,
                                struct ss_error *err)
{
    if (header->secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE)
        return kit_error(err, SS_ERROR_NOT_SUPPORTED,
                         "secure boot v1-reflashable: the factory would get the key that makes bootloaders valid");
    if (ss_signing_key_type(signer) != SS_KEY_P256 || !ss_signing_key_can_sign(signer))
        return kit_error(err, SS_ERROR_NOT_SUPPORTED, "a kit is signed with a private P-256 key");
    return SS_OK;
}

ss_status_t ss_kit_writer_new(const char *folder, const struct ss_kit_header *header, const ss_signing_key_t *signer,
                              const void *certificate, size_t certificate_len, struct ss_kit_writer **writer,
                              struct ss_error *err)
{
    uint8_t recipient[32];
    *writer = NULL;
    ss_status_t status = check_writer(header, signer, err);
    if (status == SS_OK)
        status = kit_certificate_id(certificate, certificate_len, recipient, err);
    if (status != SS_OK)
        return status;
    if (strlen(folder) >= sizeof(*writer)->kit.folder)
        return kit_error(err, SS_ERROR_INVALID_ARGUMENT, "%.60s…: name of %zu characters", folder, strlen(folder));
    if (mkdir(folder, 0777)) {
        if (errno == EEXIST)
            return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_FILE, "%.160s: exists, a kit is a new folder",
                                folder);
        return io_error(err, folder);
    }
    struct ss_kit_writer *w = calloc(1, sizeof *w);
    if (!w)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    w->kit.header = *header;
    memcpy(w->kit.recipient, recipient, 32);
    strcpy(w->kit.folder, folder);
    w->signer = signer;
    w->certificate = certificate;
    w->certificate_len = certificate_len;
    *writer = w;
    return SS_OK;
}

static ss_status_t hash(const void *data, size_t len, uint8_t out[32], struct ss_error *err)
{
    return ss_hash_once(SS_HASH_SHA256, data, len, out) == SS_OK ? SS_OK
                                                                 : kit_error(err, SS_ERROR_GENERIC, "SHA-256 failed");
}

static ss_status_t write_enveloped(const struct ss_kit_writer *w, const char *path, const uint8_t *data, size_t len,
                                   uint8_t sha256[32], struct ss_error *err)
{
    uint8_t *der = NULL;
    size_t der_len = 0;
    ss_status_t status = kit_envelope(w->certificate, w->certificate_len, data, len, &der, &der_len, err);
    if (status == SS_OK)
        status = hash(der, der_len, sha256, err);
    if (status == SS_OK)
        status = write_file(path, der, der_len, err);
    free(der);
    return status;
}

static ss_status_t write_part(const struct ss_kit_writer *w, const char *id, unsigned index, const struct ss_part *part,
                              struct ss_kit_part *out, struct ss_error *err)
{
    char path[KIT_PATH];
    *out = (struct ss_kit_part){.address = part->address,
                                .len = (uint32_t)part->len,
                                .lasts = part->lasts,
                                .form = part->sealed  ? SS_KIT_SEALED
                                        : part->plain ? SS_KIT_ENVELOPED
                                                      : SS_KIT_ERASED};
    memcpy(out->name, part->name, sizeof out->name);
    kit_part_path(w->kit.folder, id, index, out->form, path);
    if (out->form == SS_KIT_ENVELOPED)
        return write_enveloped(w, path, part->plain, part->len, out->sha256, err);
    if (out->form == SS_KIT_ERASED)
        return SS_OK;
    ss_status_t status = hash(part->sealed, part->len, out->sha256, err);
    return status == SS_OK ? write_file(path, part->sealed, part->len, err) : status;
}

static ss_status_t check_new(const struct ss_kit_writer *w, const char *id, const uint8_t mac[6], struct ss_error *err)
{
    if (!ss_device_name_valid(id))
        return kit_error(err, SS_ERROR_INVALID_ARGUMENT, "%.80s is no device id", id);
    for (size_t i = 0; i < w->kit.count; i++)
        if (!strcmp(w->kit.devices[i].id, id) || !memcmp(w->kit.devices[i].mac, mac, 6))
            return kit_error(err, SS_ERROR_ALREADY_EXISTS, "%s: id or MAC is in the kit already", id);
    return SS_OK;
}

static ss_status_t write_device(const struct ss_kit_writer *w, struct ss_kit_device *device, const uint8_t *key,
                                const struct ss_parts *parts, struct ss_error *err)
{
    char path[KIT_PATH];
    snprintf(path, sizeof path, "%s/%s", w->kit.folder, device->id);
    if (mkdir(path, 0777))
        return io_error(err, path);
    device->parts = calloc(parts->count, sizeof *device->parts);
    if (!device->parts)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    ss_status_t status = SS_OK;
    for (; status == SS_OK && device->part_count < parts->count; device->part_count++)
        status = write_part(w, device->id, device->part_count, &parts->parts[device->part_count],
                            &device->parts[device->part_count], err);
    if (status != SS_OK)
        return status;
    status = sync_folder(path, err);
    kit_key_path(w->kit.folder, device->id, path);
    return status == SS_OK ? write_enveloped(w, path, key, device->key_len, device->key_sha256, err) : status;
}

ss_status_t ss_kit_writer_add(struct ss_kit_writer *w, const char *id, const uint8_t mac[6], const uint8_t *key,
                              size_t key_len, const struct ss_parts *parts, struct ss_error *err)
{
    ss_status_t status = check_new(w, id, mac, err);
    if (status != SS_OK)
        return status;
    struct ss_kit_device *devices = reallocarray(w->kit.devices, w->kit.count + 1, sizeof *devices);
    if (!devices)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    w->kit.devices = devices;
    struct ss_kit_device *device = &devices[w->kit.count];
    *device = (struct ss_kit_device){.key_len = (uint32_t)key_len};
    strcpy(device->id, id);
    memcpy(device->mac, mac, 6);
    status = write_device(w, device, key, parts, err);
    if (status == SS_OK)
        w->kit.count++;
    else
        free(device->parts);
    return status;
}

ss_status_t ss_kit_writer_finish(struct ss_kit_writer *w, struct ss_error *err)
{
    char path[KIT_PATH];
    uint8_t *signature = NULL;
    size_t signature_len = 0;

    if (!w->kit.count)
        return kit_error(err, SS_ERROR_DOES_NOT_EXIST, "a kit without devices");
    char *text = kit_manifest_write(&w->kit);
    if (!text)
        return kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    ss_status_t status = kit_sign(w->signer, text, strlen(text), &signature, &signature_len, err);
    snprintf(path, sizeof path, "%s/manifest.json", w->kit.folder);
    if (status == SS_OK)
        status = write_file(path, text, strlen(text), err);
    snprintf(path, sizeof path, "%s/manifest.sig", w->kit.folder);
    if (status == SS_OK)
        status = write_file(path, signature, signature_len, err);
    if (status == SS_OK)
        status = sync_folder(w->kit.folder, err);
    free(signature);
    free(text);
    return status;
}

static void free_devices(struct ss_kit *kit)
{
    for (size_t i = 0; i < kit->count; i++)
        free(kit->devices[i].parts);
    free(kit->devices);
}

void ss_kit_writer_free(struct ss_kit_writer *w)
{
    if (!w)
        return;
    free_devices(&w->kit);
    free(w);
}

void ss_kit_free(struct ss_kit *kit)
{
    if (!kit)
        return;
    free_devices(kit);
    free(kit);
}
