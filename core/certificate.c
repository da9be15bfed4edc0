// SPDX-License-Identifier: Apache-2.0
#include "core/certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/openssl.h"

bool ss_is_pem(const void *in, size_t len)
{
    return len && memmem(in, len, "-----BEGIN ", 11) != NULL;
}

static BIO *reader(const void *in, size_t len)
{
    ERR_clear_error();
    return len && len <= INT_MAX ? BIO_new_mem_buf(in, (int)len) : NULL;
}

/// Ends @p bio; says why nothing was found in it.
static ss_status_t end(BIO *bio, size_t len, bool found)
{
    bool none = !len || len > INT_MAX;
    ss_status_t status = found ? SS_OK : none ? SS_ERROR_DATA_INVALID : ss_openssl_status(SS_ERROR_DATA_INVALID);
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

ss_status_t ss_certificate_read(const void *in, size_t len, X509 **out)
{
    BIO *bio = reader(in, len);
    *out = !bio ? NULL : ss_is_pem(in, len) ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : d2i_X509_bio(bio, NULL);
    return end(bio, len, *out != NULL);
}

ss_status_t ss_certificate_digest(const void *in, size_t len, uint8_t out[32])
{
    X509 *certificate;
    ss_status_t status = ss_certificate_read(in, len, &certificate);
    if (status == SS_OK && X509_digest(certificate, EVP_sha256(), out, NULL) != 1)
        status = ss_openssl_status(SS_ERROR_GENERIC);
    X509_free(certificate);
    return status;
}

ss_status_t ss_certificate_read_key(const void *in, size_t len, EVP_PKEY **out)
{
    char passphrase[] = ""; // instead of a question on the terminal
    BIO *bio = reader(in, len);
    *out = !bio                 ? NULL
           : ss_is_pem(in, len) ? PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase)
                                : d2i_PrivateKey_bio(bio, NULL);
    ss_status_t status = end(bio, len, *out != NULL);
    // What an encrypted key fails with is what OpenSSL says of its own failures.
    return status == SS_ERROR_GENERIC ? SS_ERROR_DATA_INVALID : status;
}
