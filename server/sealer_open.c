// SPDX-License-Identifier: Apache-2.0
// Opening uploads.
#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "server/sealer_keys_parts.h"
#include "server/upload.h"
#include "vault/locked.h"

static ss_status_t fail(struct ss_error *err, ss_status_t status, const char *text)
{
    return ss_error_set(err, status, SS_AREA_SERVER, "%s", text);
}

/// Nothing but AuthEnvelopedData: what is merely enveloped could be changed on its way.
static bool is_authenticated(CMS_ContentInfo *cms)
{
    return OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData;
}

static bool take(BIO *plain, struct ss_sealer_opened *opened)
{
    char *p;
    long n = BIO_get_mem_data(plain, &p);
    if (n <= 0)
        return false;
    opened->capacity = opened->len = (size_t)n;
    opened->bytes = ss_locked_new(opened->capacity);
    if (opened->bytes)
        memcpy(opened->bytes, p, (size_t)n);
    ss_wipe(p, (size_t)n);
    return opened->bytes != NULL;
}

static ss_status_t decrypt(EVP_PKEY *key, const uint8_t *blob, size_t len, struct ss_sealer_opened *opened,
                           struct ss_error *err)
{
    ss_status_t status = SS_OK;
    BIO *der = BIO_new_mem_buf(blob, (int)len), *plain = BIO_new(BIO_s_secmem());
    CMS_ContentInfo *cms = der ? d2i_CMS_bio(der, NULL) : NULL;
    if (!der || !plain)
        status = fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    else if (!cms || !is_authenticated(cms) || BIO_pending(der))
        status = fail(err, SS_ERROR_DATA_INVALID, "the upload is no CMS AuthEnvelopedData");
    else if (CMS_decrypt(cms, key, NULL, NULL, plain, CMS_BINARY) != 1)
        status = fail(err, SS_ERROR_NOT_PERMITTED,
                      "the upload is not for this sealer's upload key, or was changed on its way");
    else if (!take(plain, opened))
        status = fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for an upload");
    CMS_ContentInfo_free(cms);
    BIO_free(plain);
    BIO_free(der);
    ERR_clear_error();
    return status;
}

static ss_status_t divide(struct ss_sealer_opened *o, struct ss_error *err)
{
    const uint8_t *p = o->bytes;
    if (o->len < SS_UPLOAD_HEADER_SIZE || memcmp(p, SS_UPLOAD_MAGIC, sizeof SS_UPLOAD_MAGIC - 1) != 0)
        return fail(err, SS_ERROR_DATA_INVALID, "the upload holds no release");
    o->statement_len = ss_get_le32(p + 8);
    o->image_len = ss_get_le32(p + 12);
    if (!o->statement_len || o->statement_len > SS_RELEASE_MAX || !o->image_len || o->image_len > SS_UPLOAD_IMAGE_MAX ||
        o->len != SS_UPLOAD_HEADER_SIZE + o->statement_len + o->image_len)
        return fail(err, SS_ERROR_DATA_INVALID, "the lengths in the upload contradict each other");
    o->statement = p + SS_UPLOAD_HEADER_SIZE;
    o->image = o->statement + o->statement_len;
    return SS_OK;
}

ss_status_t ss_sealer_keys_open(const struct ss_sealer_keys *keys, const uint8_t *blob, size_t len,
                                struct ss_sealer_opened *opened, struct ss_error *err)
{
    *opened = (struct ss_sealer_opened){0};
    if (!keys->upload)
        return fail(err, SS_ERROR_BAD_STATE, "this sealer has no upload key");
    if (!len || len > SS_UPLOAD_IMAGE_MAX + SS_RELEASE_MAX + SS_UPLOAD_OVERHEAD_MAX)
        return fail(err, SS_ERROR_DATA_INVALID, "the upload is empty or too long");
    ss_status_t status = decrypt(keys->upload, blob, len, opened, err);
    if (status == SS_OK)
        status = divide(opened, err);
    if (status != SS_OK)
        ss_sealer_opened_free(opened);
    return status;
}

void ss_sealer_opened_free(struct ss_sealer_opened *opened)
{
    ss_locked_free(opened->bytes, opened->capacity);
    *opened = (struct ss_sealer_opened){0};
}
