// SPDX-License-Identifier: Apache-2.0
// What only the station may read: CMS AuthEnvelopedData (RFC 5083, RFC 5084) to its certificate; and the manifest's
// signature.
#include <openssl/cms.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "core/certificate.h"
#include "core/crypto.h"
#include "provision/kit_internal.h"

static BIO *reader(const void *data, size_t len)
{
    return len <= INT32_MAX ? BIO_new_mem_buf(data, (int)len) : NULL;
}

static bool takes_envelopes(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    return key && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC"));
}

ss_status_t kit_certificate_id(const void *certificate, size_t len, uint8_t id[32], struct ss_error *err)
{
    X509 *x;
    ss_status_t status = ss_certificate_read(certificate, len, &x);
    if (status != SS_OK)
        status = kit_error(err, status, "the station's certificate is none");
    else if (!takes_envelopes(x))
        status = kit_error(err, SS_ERROR_DATA_INVALID, "the station's certificate has no RSA or EC key");
    else if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
        status = kit_error(err, SS_ERROR_DATA_INVALID, "the station's certificate has expired");
    else if (X509_digest(x, EVP_sha256(), id, NULL) != 1)
        status = kit_error(err, SS_ERROR_GENERIC, "SHA-256 failed");
    X509_free(x);
    ERR_clear_error();
    return status;
}

/// Bytes of a memory BIO, allocated and owned by the caller; the BIO's own copy is wiped.
static bool take_bytes(BIO *bio, uint8_t **out, size_t *len)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    if (n <= 0 || !(*out = malloc((size_t)n)))
        return false;
    memcpy(*out, p, (size_t)n);
    ss_wipe(p, (size_t)n);
    *len = (size_t)n;
    return true;
}

/// One recipient; RSA with OAEP (RFC 3560), as the padding of PKCS #1 v1.5 is an oracle waiting to happen.
static bool add_recipient(CMS_ContentInfo *cms, X509 *certificate)
{
    bool rsa = EVP_PKEY_is_a(X509_get0_pubkey(certificate), "RSA");
    CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, certificate, rsa ? CMS_KEY_PARAM : 0);
    if (!info || !rsa)
        return info != NULL;
    EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(info);
    return context && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1;
}

ss_status_t kit_envelope(const void *certificate, size_t certificate_len, const uint8_t *in, size_t len, uint8_t **out,
                         size_t *out_len, struct ss_error *err)
{
    X509 *x;
    ss_status_t status = ss_certificate_read(certificate, certificate_len, &x);
    BIO *plain = reader(in, len), *der = BIO_new(BIO_s_mem());
    unsigned flags = CMS_BINARY | CMS_PARTIAL;
    CMS_ContentInfo *cms = status == SS_OK && plain && der ? CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), flags) : NULL;

    bool ok = cms && add_recipient(cms, x) && CMS_final(cms, plain, NULL, flags) == 1 && i2d_CMS_bio(der, cms) == 1 &&
              take_bytes(der, out, out_len);
    CMS_ContentInfo_free(cms);
    BIO_free(der);
    BIO_free(plain);
    X509_free(x);
    ERR_clear_error();
    return ok ? SS_OK : kit_error(err, SS_ERROR_GENERIC, "encrypting to the station's certificate failed");
}

ss_status_t kit_open_envelope(const struct ss_kit_station *station, const uint8_t *in, size_t len, uint8_t **out,
                              size_t *out_len, struct ss_error *err)
{
    X509 *x;
    EVP_PKEY *key;
    ss_status_t status = ss_certificate_read(station->certificate, station->certificate_len, &x);
    ss_status_t key_status = ss_certificate_read_key(station->key, station->key_len, &key);
    BIO *der = reader(in, len), *plain = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = der ? d2i_CMS_bio(der, NULL) : NULL;

    if (status != SS_OK)
        status = kit_error(err, status, "the station's certificate is none");
    else if (key_status != SS_OK)
        status = kit_error(err, key_status, "the station's key is no unencrypted private key");
    else if (X509_check_private_key(x, key) != 1)
        status = kit_error(err, SS_ERROR_DATA_INVALID, "the station's key is not its certificate's");
    else if (!cms)
        status = kit_error(err, SS_ERROR_DATA_CORRUPT, "an enveloped file is no CMS message");
    else if (!plain || CMS_decrypt(cms, key, x, NULL, plain, CMS_BINARY) != 1)
        status = kit_error(err, SS_ERROR_NOT_PERMITTED, "the kit is not for this station's key");
    else if (!take_bytes(plain, out, out_len))
        status = kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
    CMS_ContentInfo_free(cms);
    BIO_free(plain);
    BIO_free(der);
    EVP_PKEY_free(key);
    X509_free(x);
    ERR_clear_error();
    return status;
}

ss_status_t kit_sign(const ss_signing_key_t *key, const void *data, size_t len, uint8_t **out, size_t *out_len,
                     struct ss_error *err)
{
    uint8_t digest[32], raw[SS_ES256_SIZE];
    unsigned char *der = NULL;

    if (ss_hash_once(SS_HASH_SHA256, data, len, digest) != SS_OK)
        return kit_error(err, SS_ERROR_GENERIC, "SHA-256 failed");
    ss_status_t status = ss_signing_key_sign_es256(key, digest, raw, err);
    if (status != SS_OK)
        return status;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
    int n = -1;
    if (signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL; // now the signature's
        n = i2d_ECDSA_SIG(signature, &der);
    }
    *out = n > 0 ? malloc((size_t)n) : NULL;
    if (*out)
        memcpy(*out, der, (size_t)n);
    *out_len = n > 0 ? (size_t)n : 0;
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return *out ? SS_OK : kit_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
}

ss_status_t kit_verify(const ss_signing_key_t *key, const void *data, size_t len, const uint8_t *signature,
                       size_t signature_len, struct ss_error *err)
{
    uint8_t digest[32], public_key[SS_RAW_PUBLIC_KEY_SIZE], raw[SS_ES256_SIZE];
    const uint8_t *p = signature;

    ss_status_t status = ss_signing_key_raw_public(key, public_key, err);
    if (status != SS_OK)
        return status;
    ECDSA_SIG *parsed = signature_len <= 128 ? d2i_ECDSA_SIG(NULL, &p, (long)signature_len) : NULL;
    bool ok = parsed && p == signature + signature_len && BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + 32, 32) == 32 &&
              ss_hash_once(SS_HASH_SHA256, data, len, digest) == SS_OK &&
              ss_p256_verify(public_key, digest, raw) == SS_OK;
    ECDSA_SIG_free(parsed);
    ERR_clear_error();
    return ok ? SS_OK : kit_error(err, SS_ERROR_INVALID_SIGNATURE, "the kit's manifest is not signed by this key");
}
