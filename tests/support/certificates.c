// SPDX-License-Identifier: Apache-2.0
#include "support/certificates.h"
#include "support/unit.h"

#include <stdio.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static void add_extension(X509 *x, int what, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, what, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    static long serial = 1;
    char alternatives[160];
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    snprintf(alternatives, sizeof alternatives, "DNS:%s,DNS:localhost,IP:127.0.0.1", name);
    add_extension(x, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (issuer)
        add_extension(x, NID_subject_alt_name, alternatives);
    assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return x;
}

static void write_certificate(const char *folder, const char *name, X509 *x)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.pem", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    fclose(f);
}

static void write_key(const char *folder, const char *name, EVP_PKEY *key)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.key", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

void certificates_make(const char *folder, const char *ca, const char *const *names)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    X509 *authority = make(ca, ca_key, NULL, ca_key);
    write_certificate(folder, ca, authority);
    for (; *names; names++) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *x = make(*names, key, authority, ca_key);
        write_certificate(folder, *names, x);
        write_key(folder, *names, key);
        X509_free(x);
        EVP_PKEY_free(key);
    }
    X509_free(authority);
    EVP_PKEY_free(ca_key);
}
