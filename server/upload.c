// SPDX-License-Identifier: Apache-2.0
// Encrypting a release to the sealer; opening it is the sealer's.
#include "server/upload.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/bytes.h"
#include "core/certificate.h"
#include "core/crypto.h"
#include "core/openssl.h"

enum { RSA_BITS_MIN = 3072 };

static ss_status_t fail(struct ss_error *err, ss_status_t status, const char *text)
{
    return ss_error_set(err, status, SS_AREA_SERVER, "%s", text);
}

/// What OpenSSL's failure means: no memory, or the verdict.
static ss_status_t judge(struct ss_error *err, ss_status_t verdict, const char *text)
{
    ss_status_t status = ss_openssl_status(verdict);
    return fail(err, status, status == SS_ERROR_INSUFFICIENT_MEMORY ? "out of memory" : text);
}

static ss_status_t read_certificate(const uint8_t *in, size_t len, X509 **out, struct ss_error *err)
{
    ss_status_t status = ss_certificate_read(in, len, out);
    if (status == SS_OK)
        return SS_OK;
    return fail(err, status,
                status == SS_ERROR_INSUFFICIENT_MEMORY ? "out of memory" : "there is no certificate in it");
}

static bool is_p256(EVP_PKEY *key)
{
    char group[32];
    size_t len;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
           (!strcmp(group, "prime256v1") || !strcmp(group, "P-256"));
}

/// The recipient; the defaults of CMS (SHA-1, PKCS #1 v1.5) are not what one would choose today.
static ss_status_t add_recipient(CMS_ContentInfo *cms, X509 *certificate, struct ss_error *err)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (!key)
        return judge(err, SS_ERROR_NOT_SUPPORTED, "the certificate's key is of no kind that is known");
    bool rsa = EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
    if (!rsa && !is_p256(key))
        return fail(err, SS_ERROR_NOT_SUPPORTED, "an upload key is RSA of at least 3,072 bits, or on P-256");
    CMS_RecipientInfo *recipient = CMS_add1_recipient_cert(cms, certificate, CMS_KEY_PARAM);
    EVP_PKEY_CTX *context = recipient ? CMS_RecipientInfo_get0_pkey_ctx(recipient) : NULL;
    bool ok = context && (rsa ? EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                                    EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1
                              : EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1);
    return ok ? SS_OK : judge(err, SS_ERROR_GENERIC, "the upload cannot be addressed to this certificate");
}

static ss_status_t encrypt(X509 *certificate, const uint8_t *content, size_t len, uint8_t **out, size_t *out_len,
                           struct ss_error *err)
{
    ss_status_t status = SS_OK;
    CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
    BIO *in = BIO_new_mem_buf(content, (int)len), *der = BIO_new(BIO_s_mem());
    if (!cms || !in || !der)
        status = fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    if (status == SS_OK)
        status = add_recipient(cms, certificate, err);
    if (status == SS_OK &&
        (CMS_set_detached(cms, 0) != 1 || CMS_final(cms, in, NULL, CMS_BINARY) != 1 || i2d_CMS_bio(der, cms) != 1))
        status = judge(err, SS_ERROR_GENERIC, "the upload cannot be encrypted");
    char *bytes;
    long n = status == SS_OK ? BIO_get_mem_data(der, &bytes) : 0;
    if (status == SS_OK && (*out = malloc((size_t)n)) == NULL)
        status = fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    if (status == SS_OK) {
        memcpy(*out, bytes, (size_t)n);
        *out_len = (size_t)n;
    }
    BIO_free(der);
    BIO_free(in);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return status;
}

ss_status_t ss_upload_encrypt(const uint8_t *certificate, size_t certificate_len, const uint8_t *statement,
                              size_t statement_len, const uint8_t *image, size_t image_len, uint8_t **out,
                              size_t *out_len, struct ss_error *err)
{
    *out = NULL;
    *out_len = 0;
    if (!statement_len || statement_len > SS_RELEASE_MAX || !image_len || image_len > SS_UPLOAD_IMAGE_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                            "a statement of %zu bytes and an image of %zu: the limits are %u and %u", statement_len,
                            image_len, SS_RELEASE_MAX, SS_UPLOAD_IMAGE_MAX);
    size_t len = SS_UPLOAD_HEADER_SIZE + statement_len + image_len;
    X509 *to = NULL;
    uint8_t *content = malloc(len);
    ss_status_t status = content ? read_certificate(certificate, certificate_len, &to, err)
                                 : fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    if (status == SS_OK) {
        memcpy(content, SS_UPLOAD_MAGIC, 8);
        ss_put_le32(content + 8, (uint32_t)statement_len);
        ss_put_le32(content + 12, (uint32_t)image_len);
        memcpy(content + SS_UPLOAD_HEADER_SIZE, statement, statement_len);
        memcpy(content + SS_UPLOAD_HEADER_SIZE + statement_len, image, image_len);
        status = encrypt(to, content, len, out, out_len, err);
        ss_wipe(content, len);
    }
    free(content);
    X509_free(to);
    return status;
}
