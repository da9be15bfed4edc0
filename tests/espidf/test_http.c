// SPDX-License-Identifier: Apache-2.0
// The ESP-IDF port's HTTP client, its credential and its certificates.
#include "espidf/fake_http.h"
#include "espidf/fake_idf.h"
#include "support/unit.h"

#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "device/port/espidf/idf.h"

static struct ss_idf idf;
static struct device *device;

// What the sink was told.
static struct {
    unsigned heads;
    struct ss_http_head head;
    char etag[128], range[128], retry[128], location[600], body[1024];
    bool refuse_head;
    size_t refuse_body_at;
} seen;

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "(none)");
}

static bool take_head(void *context, const struct ss_http_head *head)
{
    assert_ptr_equal(context, &seen);
    seen.heads++;
    seen.head = *head;
    copy(seen.etag, sizeof seen.etag, head->etag);
    copy(seen.range, sizeof seen.range, head->content_range);
    copy(seen.retry, sizeof seen.retry, head->retry_after);
    copy(seen.location, sizeof seen.location, head->location);
    return !seen.refuse_head;
}

static bool take_body(void *context, const uint8_t *bytes, size_t len)
{
    assert_ptr_equal(context, &seen);
    assert_int_equal(seen.heads, 1);
    assert_true(len > 0);
    strncat(seen.body, (const char *)bytes, len);
    return !seen.refuse_body_at || strlen(seen.body) < seen.refuse_body_at;
}

static const struct ss_http_sink sink = {take_head, take_body, &seen};

static ss_status_t exchange(const struct ss_http_request *request, const struct fake_step *steps, unsigned count)
{
    memset(&seen, 0, sizeof seen);
    fake_http.steps = steps;
    fake_http.count = count;
    return ss_idf_exchange(&idf, request, &sink);
}

static int set_up(void **state)
{
    (void)state;
    device = device_new(&(struct agent_options){0});
    fake_begin(device);
    fake.nvs_ready = true;
    fake_http = (struct fake_http){.status = 200, .length = -1, .complete = true};
    memset(&idf, 0, sizeof idf);
    assert_int_equal(ss_idf_storage_open(&idf), ESP_OK);
    assert_int_equal(ss_idf_load_trust(&idf), SS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct ss_idf_blob *blobs[] = {&idf.key_set,    &idf.key_set_old, &idf.trusted,    &idf.authorization,
                                   &idf.client_key, &idf.client_cert, &idf.servers[0], &idf.servers[1]};
    for (unsigned i = 0; i < sizeof blobs / sizeof *blobs; i++)
        ss_idf_blob_free(blobs[i]);
    device_free(device);
    return 0;
}

static const struct ss_http_request get = {
    .method = SS_HTTP_GET, .url = "http://example.com/a", .accept = "application/json"};

static void an_answer_arrives(void **state)
{
    (void)state;
    const struct fake_step steps[] = {{.header = "etag", .value = "\"abc\""},
                                      {.header = "Content-Range", .value = "bytes 5-9/10"},
                                      {.header = "Retry-After", .value = "17"},
                                      {.header = "Location", .value = "http://example.com/b"},
                                      {.header = "Server", .value = "x", .last = true},
                                      {.body = "Hello"},
                                      {.body = ", world"}};
    fake_http.length = 12;
    fake_http.status = 206;
    assert_int_equal(exchange(&get, steps, 7), SS_OK);
    assert_int_equal(seen.heads, 1);
    assert_int_equal(seen.head.status, 206);
    assert_int_equal(seen.head.length, 12);
    assert_string_equal(seen.etag, "\"abc\"");
    assert_string_equal(seen.range, "bytes 5-9/10");
    assert_string_equal(seen.retry, "17");
    assert_string_equal(seen.location, "http://example.com/b");
    assert_string_equal(seen.body, "Hello, world");
    assert_string_equal(fake_http.headers, "Accept: application/json\n");
    assert_true(fake_http.config.disable_auto_redirect);
    assert_int_equal(fake_http.config.method, HTTP_METHOD_GET);
    assert_int_equal(fake_http.config.timeout_ms, CONFIG_SLOTSEAL_HTTP_TIMEOUT_MS);
    assert_int_equal(fake_http.cleanups, 1);
}

// Chunks that come with the headers: v4.0 would give the last one for all of them.
static void a_body_that_comes_with_the_headers(void **state)
{
    (void)state;
    const struct fake_step steps[] = {
        {.header = "ETag", .value = "\"1\""}, {.body = "one "}, {.body = "two ", .last = true}, {.body = "three"}};
    assert_int_equal(exchange(&get, steps, 4), SS_OK);
    assert_int_equal(seen.head.length, SS_HTTP_LENGTH_UNKNOWN);
    assert_string_equal(seen.etag, "\"1\"");
    assert_string_equal(seen.body, "one two three");
}

static void an_empty_answer(void **state)
{
    (void)state;
    fake_http.length = 0;
    fake_http.status = 404;
    assert_int_equal(exchange(&get, NULL, 0), SS_OK);
    assert_int_equal(seen.head.status, 404);
    assert_int_equal(seen.head.length, 0);
    assert_string_equal(seen.etag, "(none)");
    assert_string_equal(seen.body, "");
}

static void a_header_that_is_too_long_has_not_come(void **state)
{
    (void)state;
    char tag[200], place[100];
    memset(tag, 'a', sizeof tag - 1);
    tag[sizeof tag - 1] = '\0';
    memset(place, 'b', sizeof place - 1);
    place[sizeof place - 1] = '\0';
    const struct fake_step steps[] = {{.header = "ETag", .value = tag},
                                      {.header = "Location", .value = place, .last = true}};
    assert_int_equal(exchange(&get, steps, 2), SS_OK);
    assert_string_equal(seen.etag, "(none)");
    assert_string_equal(seen.location, place);
}

static void the_sink_may_stop(void **state)
{
    (void)state;
    const struct fake_step steps[] = {
        {.header = "ETag", .value = "\"1\"", .last = true}, {.body = "one"}, {.body = "two"}};
    struct ss_http_sink refusing = sink;
    memset(&seen, 0, sizeof seen);
    seen.refuse_head = true;
    fake_http.steps = steps;
    fake_http.count = 3;
    assert_int_equal(ss_idf_exchange(&idf, &get, &refusing), SS_OK);
    assert_string_equal(seen.body, "");
    memset(&seen, 0, sizeof seen);
    seen.refuse_body_at = 3;
    assert_int_equal(ss_idf_exchange(&idf, &get, &refusing), SS_OK);
    assert_string_equal(seen.body, "one");
    assert_int_equal(fake_http.cleanups, 2);
}

static void an_answer_that_ends_early(void **state)
{
    (void)state;
    const struct fake_step steps[] = {{.header = "ETag", .value = "\"1\"", .last = true}, {.body = "one"}};
    fake_http.complete = false;
    fake_http.read_end = -1;
    fake_http.length = 10;
    assert_int_equal(exchange(&get, steps, 2), SS_ERROR_IO);
    assert_string_equal(seen.body, "one");
    fake_http.read_end = -ESP_ERR_HTTP_EAGAIN;
    assert_int_equal(exchange(&get, steps, 2), SS_ERROR_TIMEOUT);
    fake_http.status = -ESP_ERR_HTTP_EAGAIN;
    assert_int_equal(exchange(&get, NULL, 0), SS_ERROR_TIMEOUT);
    fake_http.status = -1; // no answer at all
    assert_int_equal(exchange(&get, NULL, 0), SS_ERROR_IO);
    assert_int_equal(seen.heads, 0);
    fake_http.status = 999;
    assert_int_equal(exchange(&get, NULL, 0), SS_ERROR_IO);
    assert_int_equal(seen.heads, 0);
}

static void an_answer_that_drips(void **state)
{
    (void)state;
    static struct fake_step steps[200] = {{.header = "ETag", .value = "\"1\"", .last = true}};
    for (unsigned i = 1; i < 200; i++)
        steps[i] = (struct fake_step){.body = "."};
    fake_http.seconds = 14;
    assert_int_equal(exchange(&get, steps, 200), SS_ERROR_TIMEOUT);
    assert_true(strlen(seen.body) < 10);
}

static void a_request_says_all_that_it_should(void **state)
{
    (void)state;
    fake_set("token", "tok", sizeof "tok");
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    const struct ss_http_request put = {.method = SS_HTTP_PUT,
                                        .url = "http://example.com/a",
                                        .accept = "application/json",
                                        .body = "{\"mode\":\"merge\"}",
                                        .body_len = 16,
                                        .credential = true};
    assert_int_equal(exchange(&put, NULL, 0), SS_OK);
    assert_int_equal(fake_http.config.method, HTTP_METHOD_PUT);
    assert_string_equal(fake_http.headers,
                        "Accept: application/json\nContent-Type: application/json\nAuthorization: TargetToken tok\n");
    assert_string_equal(fake_http.body, "{\"mode\":\"merge\"}");
    assert_int_equal(fake_http.announced, 16);
    fake_http.headers[0] = '\0';
    const struct ss_http_request part = {
        .method = SS_HTTP_GET, .url = "http://example.com/a", .accept = "*/*", .from = 4096, .if_range = "\"e\""};
    assert_int_equal(exchange(&part, NULL, 0), SS_OK);
    assert_string_equal(fake_http.headers, "Accept: */*\nRange: bytes=4096-\nIf-Range: \"e\"\n");
    assert_null(fake_http.config.client_cert_pem);
}

// A certificate of its own, PEM with NUL or DER, and its key.
struct made {
    uint8_t der[1024], pem[2048], key_der[256], key_pem[1024], pkcs8[256];
    size_t der_len, pem_len, key_der_len, key_pem_len, pkcs8_len;
    uint8_t sha256[32];
};

static size_t drain(BIO *bio, uint8_t *out, size_t size)
{
    int n = BIO_read(bio, out, (int)size - 1);
    assert_true(n > 0);
    out[n] = '\0';
    BIO_free(bio);
    return (size_t)n + 1;
}

static void make_certificate(const char *name, struct made *m)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    uint8_t *p = m->der;
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    m->der_len = (size_t)i2d_X509(x, &p);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, m->der, m->der_len, m->sha256), SS_OK);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    m->pem_len = drain(bio, m->pem, sizeof m->pem);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
    m->key_pem_len = drain(bio, m->key_pem, sizeof m->key_pem);
    p = m->key_der;
    m->key_der_len = (size_t)i2d_PrivateKey(key, &p);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    p = m->pkcs8;
    m->pkcs8_len = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &p);
    PKCS8_PRIV_KEY_INFO_free(info);
    X509_free(x);
    EVP_PKEY_free(key);
}

// Puts a key set in force that names these certificates.
static void name_certificates(const struct made *first, const struct made *second)
{
    struct sample_statement s;
    struct ss_key_set set = sample_key_set();
    const struct made *low = second && memcmp(second->sha256, first->sha256, 32) < 0 ? second : first;
    set.version = 2;
    set.ca_count = second ? 2 : first ? 1 : 0;
    set.cas[0] = low ? low->sha256 : NULL;
    if (second)
        set.cas[1] = low == first ? second->sha256 : first->sha256;
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &s);
    fake_set("key_set", s.bytes, s.len);
    assert_int_equal(ss_idf_load_trust(&idf), SS_OK);
    assert_int_equal(idf.identity.ring.current->version, 2);
}

static const struct ss_http_request secure = {
    .method = SS_HTTP_GET, .url = "https://example.com/a", .credential = true};

static void nobody_is_trusted_without_certificates(void **state)
{
    (void)state;
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_INVALID_SIGNATURE);
    assert_int_equal(fake_http.opens, 0);
}

static void certificates_are_those_that_key_sets_name(void **state)
{
    (void)state;
    static struct made a, b, c;
    make_certificate("a", &a);
    make_certificate("b", &b);
    make_certificate("c", &c);
    fake_set("ca", a.pem, a.pem_len);
    // A key set without certificates: what was provisioned.
    name_certificates(NULL, NULL);
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    assert_string_equal((const char *)idf.trusted.p, (const char *)a.pem);
    assert_true(ss_idf_has_ca(&idf, a.sha256));
    assert_false(ss_idf_has_ca(&idf, b.sha256));
    // One that names another: that one, once it is there.
    name_certificates(&b, NULL);
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    assert_null(idf.trusted.p);
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_INVALID_SIGNATURE);
    assert_int_equal(ss_idf_store_ca(&idf, b.sha256, b.der, b.der_len), SS_OK);
    assert_true(ss_idf_has_ca(&idf, b.sha256));
    assert_string_equal((const char *)idf.trusted.p, (const char *)b.pem);
    assert_memory_equal(fake_value("ca_0")->bytes, b.der, b.der_len);
    // The next one takes a place of its own while the first is named, its place when it is not.
    name_certificates(&b, &c);
    assert_int_equal(ss_idf_store_ca(&idf, c.sha256, c.der, c.der_len), SS_OK);
    assert_memory_equal(fake_value("ca_1")->bytes, c.der, c.der_len);
    assert_int_equal(idf.trusted.len, b.pem_len + c.pem_len - 1);
    name_certificates(&a, &c);
    assert_int_equal(ss_idf_store_ca(&idf, a.sha256, a.der, a.der_len), SS_OK);
    assert_memory_equal(fake_value("ca_0")->bytes, a.der, a.der_len);
    assert_int_equal(exchange(&secure, NULL, 0), SS_OK);
    assert_ptr_equal(fake_http.config.cert_pem, idf.trusted.p);
    assert_null(fake_http.config.crt_bundle_attach);
    // DER, as it may be provisioned, and something that is none.
    fake_set("ca", b.der, b.der_len);
    name_certificates(&b, NULL);
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    assert_string_equal((const char *)idf.trusted.p, (const char *)b.pem);
    fake_set("ca", "nonsense", 8);
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    assert_null(idf.trusted.p);
}

static void a_server_that_does_not_verify(void **state)
{
    (void)state;
    static struct made a;
    make_certificate("a", &a);
    fake_set("ca", a.der, a.der_len);
    name_certificates(&a, NULL);
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    fake_http.opened = ESP_FAIL;
    fake_http.tls_flags = 8;
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_INVALID_SIGNATURE);
    fake_http.tls_code = -0x2700;
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_INVALID_SIGNATURE);
    fake_http.tls_code = 0x2700; // with the other sign in some versions
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_INVALID_SIGNATURE);
    fake_http.tls_flags = -1; // no certificate came
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_IO);
    fake_http.tls_code = -0x7280; // the connection was closed
    assert_int_equal(exchange(&secure, NULL, 0), SS_ERROR_IO);
    assert_int_equal(seen.heads, 0);
}

// Without verification there is no credential: pull mode sees to that; this side takes what it is told literally.
static void any_server_is_taken_for_one_connection(void **state)
{
    (void)state;
    struct ss_http_request request = secure;
    request.credential = false;
    request.any_server = true;
    assert_int_equal(exchange(&request, NULL, 0), SS_OK);
    assert_null(fake_http.config.cert_pem);
    assert_non_null(fake_http.config.crt_bundle_attach);
    assert_null(fake_http.config.client_cert_pem);
    assert_null(strstr(fake_http.headers, "Authorization"));
    fake_http.opened = ESP_FAIL;
    fake_http.tls_flags = 0x80; // nobody has verified it
    assert_int_equal(exchange(&request, NULL, 0), SS_ERROR_IO);
}

static void a_client_certificate_in_every_form(void **state)
{
    (void)state;
    static struct made a;
    make_certificate("a", &a);
    fake_set("ca", a.der, a.der_len);
    name_certificates(&a, NULL);
    const struct {
        const uint8_t *key, *certificate;
        size_t key_len, certificate_len;
        const char *begin;
    } forms[] = {{a.key_pem, a.pem, a.key_pem_len, a.pem_len, "-----BEGIN EC PRIVATE KEY-----\n"},
                 {a.key_der, a.der, a.key_der_len, a.der_len, "-----BEGIN EC PRIVATE KEY-----\n"},
                 {a.pkcs8, a.der, a.pkcs8_len, a.der_len, "-----BEGIN PRIVATE KEY-----\n"}};
    for (unsigned i = 0; i < 3; i++) {
        fake_set("client_key", forms[i].key, forms[i].key_len);
        fake_set("client_cert", forms[i].certificate, forms[i].certificate_len);
        assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
        assert_int_equal(exchange(&secure, NULL, 0), SS_OK);
        assert_memory_equal(fake_http.config.client_key_pem, forms[i].begin, strlen(forms[i].begin));
        assert_string_equal(fake_http.config.client_cert_pem, (const char *)a.pem);
        if (i < 2)
            assert_string_equal(fake_http.config.client_key_pem, (const char *)a.key_pem);
    }
    fake_set("client_key", a.der, 20);
    assert_int_equal(ss_idf_load_credential(&idf), SS_ERROR_DATA_INVALID);
}

static void servers_are_read(void **state)
{
    (void)state;
    fake_set("server0", "https://a.example", sizeof "https://a.example");
    fake_set("server1", "https://b.example", sizeof "https://b.example");
    assert_int_equal(ss_idf_load_credential(&idf), SS_OK);
    assert_string_equal((const char *)idf.servers[0].p, "https://a.example");
    assert_string_equal((const char *)idf.servers[1].p, "https://b.example");
    assert_null(idf.servers[2].p);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        test(an_answer_arrives),
        test(a_body_that_comes_with_the_headers),
        test(an_empty_answer),
        test(a_header_that_is_too_long_has_not_come),
        test(the_sink_may_stop),
        test(an_answer_that_ends_early),
        test(an_answer_that_drips),
        test(a_request_says_all_that_it_should),
        test(nobody_is_trusted_without_certificates),
        test(certificates_are_those_that_key_sets_name),
        test(a_server_that_does_not_verify),
        test(any_server_is_taken_for_one_connection),
        test(a_client_certificate_in_every_form),
        test(servers_are_read),
    };
    return ss_test_main(argc, argv, tests);
}
