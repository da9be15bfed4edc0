// SPDX-License-Identifier: Apache-2.0
// Uploads: opened, checked as the device will check what is made of them, and kept in the vault.
#include <string.h>
#include <time.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "server/sealer_parts.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"
#include "slotseal/sign.h"
#include "slotseal/statement_sign.h"

struct arrival {
    struct ss_sealer_opened opened;
    struct ss_vault_product product;
    struct ss_vault_release release;
    struct ss_release fields;
    bool already;
};

/// Who it is from, and for which product: nothing else of the statement is believed before.
static ss_status_t read_statement(struct ss_sealer_service *service, struct arrival *a, struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_refusal why = {0};
    uint8_t reference[32];
    ss_status_t status = ss_statement_parse(a->opened.statement, a->opened.statement_len, &statement, &why);
    if (status == SS_OK)
        status = ss_release_parse(&statement, &a->fields, &why);
    if (status != SS_OK)
        return ss_refusal_error(err, status, SS_STATEMENT_RELEASE, &why);
    struct ss_vault_release *r = &a->release;
    memcpy(r->product, a->fields.product.p, a->fields.product.len); // both have room for the longest
    memcpy(r->version, a->fields.version.p, a->fields.version.len);
    memcpy(r->digest, a->fields.digest, sizeof r->digest);
    memcpy(r->statement, a->opened.statement, a->opened.statement_len);
    r->statement_len = a->opened.statement_len;
    r->secure_version = a->fields.secure_version;
    r->length = (uint32_t)a->opened.image_len;
    return ss_sealer_release_read(service->options.keys, r, (uint64_t)time(NULL), &a->fields, reference, err);
}

static bool scheme_fits(enum ss_secure_boot_scheme boot, uint8_t scheme)
{
    switch (boot) {
    case SS_SECURE_BOOT_V1_ONE_TIME:
    case SS_SECURE_BOOT_V1_REFLASHABLE:
        return scheme == SS_RELEASE_V1;
    case SS_SECURE_BOOT_V2:
        return scheme == SS_RELEASE_V2;
    default:
        return scheme == SS_RELEASE_UNSIGNED;
    }
}

/// The image is signed by a key that the product's chips trust, as far as the vault knows those keys.
static ss_status_t check_signature(const struct arrival *a, struct ss_error *err)
{
    bool known = false;
    ss_status_t status = SS_OK;
    if (a->fields.scheme == SS_RELEASE_UNSIGNED || a->product.per_device_sign_keys)
        return SS_OK;
    for (size_t i = 0; i < 3 && !(known && status == SS_OK); i++) {
        const char *pem = a->product.public_keys[i];
        ss_signing_key_t *key = NULL;
        if (!*pem)
            continue;
        known = true;
        status = ss_signing_key_load((const uint8_t *)pem, strlen(pem), &key, err);
        if (status == SS_OK)
            status = ss_sign_verify(a->fields.scheme == SS_RELEASE_V1 ? SS_SIGN_V1 : SS_SIGN_V2, key, a->opened.image,
                                    a->opened.image_len, NULL, err);
        ss_signing_key_free(key);
    }
    return status;
}

static ss_status_t check_image(const struct arrival *a, struct ss_error *err)
{
    struct ss_image_context context = SS_IMAGE_CONTEXT_DEFAULT;
    struct ss_image image;
    uint8_t digest[32];
    const struct ss_release *f = &a->fields;
    context.kind = SS_IMAGE_KIND_APP;
    ss_status_t status = ss_image_parse(a->opened.image, a->opened.image_len, &context, &image, err);
    if (status == SS_OK)
        status = ss_canonical_digest(a->opened.image, a->opened.image_len, f->vk_offset, digest, err);
    if (status != SS_OK)
        return status;
    if (memcmp(digest, f->digest, sizeof digest) != 0 || image.image_len != f->image_len ||
        image.header.chip_id != f->chip)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER, "the statement is that of another image");
    if (!scheme_fits(a->product.secure_boot, f->scheme))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "the release is for secure boot %s, product %s has %s", ss_release_scheme_name(f->scheme),
                            a->product.name, ss_secure_boot_scheme_name(a->product.secure_boot));
    if (a->opened.image_len > ss_release_file_len(f) &&
        !ss_all_bytes(a->opened.image + ss_release_file_len(f), a->opened.image_len - ss_release_file_len(f), 0xFF))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER,
                            "bytes other than 0xFF follow the image and its signature");
    return check_signature(a, err);
}

/// An upload that is repeated is no mistake; another image of the same version is.
static ss_status_t compare(struct ss_sealer_service *service, struct arrival *a, struct ss_error *err)
{
    struct ss_vault_release there;
    ss_status_t status = ss_vault_release_get(service->vault, a->release.product, a->release.version, &there, err);
    if (status != SS_OK)
        return status;
    if (there.statement_len == a->release.statement_len &&
        !memcmp(there.statement, a->release.statement, there.statement_len)) {
        a->already = true;
        return SS_OK;
    }
    return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_SERVER,
                        "the vault has another release %s of product %s: give this one a version of its own",
                        a->release.version, a->release.product);
}

static ss_status_t keep(struct ss_sealer_service *service, struct arrival *a, struct ss_error *err)
{
    ss_status_t status = ss_vault_release_add(service->vault, &a->release, a->opened.image, err);
    return status == SS_ERROR_ALREADY_EXISTS ? compare(service, a, err) : status;
}

static void answer(struct ss_sealer_job *job, const struct arrival *a)
{
    uint8_t payload[sizeof(struct ss_sealer_upload) + 64];
    struct ss_sealer_upload m = {.image_len = a->release.length,
                                 .already = a->already,
                                 .personal = a->product.per_device_sign_keys,
                                 .statement_len = a->release.statement_len};
    memcpy(m.product, a->release.product, strlen(a->release.product));
    memcpy(m.version, a->release.version, strlen(a->release.version));
    memcpy(m.statement, a->release.statement, a->release.statement_len);
    memcpy(m.digest, a->release.digest, sizeof m.digest);
    ss_sealer_answer(job->session, SS_FRAME_UPLOADED, job->id, true, payload, ss_message_put_upload(payload, &m));
}

void ss_sealer_do_upload(struct ss_sealer_service *service, struct ss_sealer_job *job)
{
    struct arrival a = {0};
    struct ss_error err = {0};
    ss_status_t status =
        ss_sealer_keys_open(service->options.keys, job->as.upload.blob, job->as.upload.len, &a.opened, &err);
    if (status == SS_OK)
        status = read_statement(service, &a, &err);
    if (status == SS_OK)
        status = ss_vault_product_get(service->vault, a.release.product, &a.product, &err);
    if (status == SS_OK)
        status = check_image(&a, &err);
    if (status == SS_OK)
        status = keep(service, &a, &err);
    if (status == SS_OK)
        answer(job, &a);
    else
        ss_sealer_refuse(job, status, err.message);
    ss_sealer_opened_free(&a.opened);
    if (status == SS_ERROR_IO)
        ss_sealer_vault_lost(service);
}
