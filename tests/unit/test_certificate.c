// SPDX-License-Identifier: Apache-2.0
// Certificates and their keys from files of either form, and what is none.
#include "core/certificate.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "support/alloc_fault.h"
#include "support/unit.h"

static EVP_PKEY *key;
static X509 *certificate;

static int set_up(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    return X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static size_t content(BIO *bio, char **p)
{
    return (size_t)BIO_get_mem_data(bio, p);
}

static void either_form(void **state)
{
    (void)state;
    uint8_t want[32], digest[32];
    BIO *forms[] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    assert_int_equal(X509_digest(certificate, EVP_sha256(), want, NULL), 1);
    assert_int_equal(i2d_X509_bio(forms[0], certificate), 1);
    assert_int_equal(PEM_write_bio_X509(forms[1], certificate), 1);
    assert_int_equal(X509_print(forms[2], certificate), 1); // as `openssl x509 -text` writes them
    assert_int_equal(PEM_write_bio_X509(forms[2], certificate), 1);
    for (unsigned i = 0; i < 3; i++) {
        char *p;
        size_t len = content(forms[i], &p);
        assert_int_equal(ss_is_pem(p, len), i > 0);
        memset(digest, 0, sizeof digest);
        assert_int_equal(ss_certificate_digest(p, len, digest), SS_OK);
        assert_memory_equal(digest, want, sizeof want);
        BIO_free(forms[i]);
    }
}

static void keys(void **state)
{
    (void)state;
    BIO *forms[] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    assert_int_equal(i2d_PrivateKey_bio(forms[0], key), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(forms[1], key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(forms[2], key, EVP_aes_128_cbc(), (const uint8_t *)"x", 1, NULL, NULL),
                     1);
    for (unsigned i = 0; i < 3; i++) {
        EVP_PKEY *got;
        char *p;
        size_t len = content(forms[i], &p);
        assert_int_equal(ss_certificate_read_key(p, len, &got), i < 2 ? SS_OK : SS_ERROR_DATA_INVALID);
        assert_true(i < 2 ? EVP_PKEY_eq(got, key) == 1 : got == NULL);
        assert_int_equal(ERR_peek_error(), 0);
        EVP_PKEY_free(got);
        BIO_free(forms[i]);
    }
}

static void neither(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "x",
        "0\x82\x7F\x7F",
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509 *x = certificate;
        EVP_PKEY *k = key;
        uint8_t digest[32];
        assert_int_equal(ss_certificate_read(cases[i], strlen(cases[i]), &x), SS_ERROR_DATA_INVALID);
        assert_null(x);
        assert_int_equal(ss_certificate_read_key(cases[i], strlen(cases[i]), &k), SS_ERROR_DATA_INVALID);
        assert_null(k);
        assert_int_equal(ss_certificate_digest(cases[i], strlen(cases[i]), digest), SS_ERROR_DATA_INVALID);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static ss_status_t digest_of(void *pem)
{
    char *p;
    uint8_t digest[32];
    size_t len = content(pem, &p);
    return ss_certificate_digest(p, len, digest);
}

static void without_memory(void **state)
{
    (void)state;
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(pem, certificate), 1);
    assert_true(alloc_fault_each(digest_of, pem) > 10);
    BIO_free(pem);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_form),
        cmocka_unit_test(keys),
        cmocka_unit_test(neither),
        cmocka_unit_test(without_memory),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
