// SPDX-License-Identifier: Apache-2.0
// What hardware does and SoftHSM2 never would: locks, is pulled out, has a keypad, insists on a nonce.
#include "vault/pkcs11.h"

#include "support/softhsm.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "core/bytes.h"
#include "core/crypto.h"

#define ops ss_vault_key_pkcs11

static struct softhsm hsm;
static bool installed;
static uint8_t params[SS_VAULT_KEY_PARAMS_MAX];
static size_t params_len;

static struct ss_vault_key_request request(const char *object)
{
    return (struct ss_vault_key_request){.location = softhsm_uri(&hsm, "fleet", object), .purpose = "key"};
}

static void set_fault(const char *name, unsigned long value)
{
    char text[64];
    snprintf(text, sizeof text, "%s=0x%lx", name, value);
    setenv("SS_FAULT", text, 1);
    unsetenv("SS_FAULT_LOGINS");
}

static int logins(void)
{
    const char *count = getenv("SS_FAULT_LOGINS");
    return count ? atoi(count) : 0;
}

static int start(void **state)
{
    (void)state;
    struct ss_error err = {0};
    ss_signing_key_t *key;
    void *wrapping;
    unsetenv("SS_FAULT");
    installed = softhsm_start(&hsm, "fleet");
    if (!installed)
        return 0;
    setenv("SS_FAULT_MODULE", hsm.module, 1);
    snprintf(hsm.module, sizeof hsm.module, "%s", SS_PKCS11_FAULT_MODULE);
    struct ss_vault_key_request where = request(";object=key");
    assert_ok(ss_pkcs11_signing_key_generate(&where, SS_KEY_P256, &key, &err), err);
    ss_signing_key_free(key);
    assert_ok(ss_pkcs11_wrapping_key_generate(&where, &err), err);
    assert_ok(ops.create(&where, params, sizeof params, &params_len, &wrapping, &err), err);
    ops.close(wrapping);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unsetenv("SS_FAULT");
    unsetenv("SS_FAULT_MODULE");
    if (installed)
        softhsm_stop(&hsm);
    return 0;
}

#define NEED_TOKEN                                                                                                     \
    (void)state;                                                                                                       \
    if (!installed)                                                                                                    \
    skip()

static void refuses(const struct ss_vault_key_request *where, ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    ss_signing_key_t *key;
    assert_int_equal(ss_pkcs11_signing_key_open(where, &key, &err), status);
    assert_string_equal(err.message, message);
    assert_null(key);
}

static void a_locked_pin_is_not_tried(void **state)
{
    NEED_TOKEN;
    struct ss_vault_key_request where = request(";object=key");
    set_fault("flags", CKF_USER_PIN_LOCKED);
    refuses(&where, SS_ERROR_NOT_PERMITTED,
            "token 'fleet': the PIN is locked after too many wrong tries; its security "
            "officer can set a new one");
    assert_int_equal(logins(), 0);
}

static ss_status_t answer(void *context, const char *what, bool repeat, char *out, size_t size, size_t *len,
                          struct ss_error *err)
{
    (void)repeat, (void)size, (void)err;
    snprintf(context, 128, "%s", what);
    *len = strlen(SOFTHSM_PIN);
    memcpy(out, SOFTHSM_PIN, *len);
    return SS_OK;
}

static void the_last_try_is_not_given_to_a_file(void **state)
{
    NEED_TOKEN;
    struct ss_vault_key_request where = request(";object=key");
    struct ss_error err = {0};
    char asked[128], text[256];
    ss_signing_key_t *key;
    set_fault("flags", CKF_USER_PIN_FINAL_TRY);
    refuses(&where, SS_ERROR_NOT_PERMITTED,
            "token 'fleet': the PIN has one try left, which is not given to a pin-source: leave it out to be asked");
    assert_int_equal(logins(), 0);
    // A person may have it, and is told.
    snprintf(text, sizeof text, "token=fleet;object=key?module-path=%s", hsm.module);
    where = (struct ss_vault_key_request){.location = text, .purpose = "key", .ask = answer, .ask_context = asked};
    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    ss_signing_key_free(key);
    assert_string_equal(asked, "PIN of token 'fleet' (last try before it locks)");
}

static void failed_logins_are_explained_and_not_repeated(void **state)
{
    NEED_TOKEN;
    static const struct {
        CK_RV rv;
        ss_status_t status;
        const char *message;
    } cases[] = {
        {CKR_PIN_INCORRECT, SS_ERROR_NOT_PERMITTED, "token 'fleet': wrong PIN"},
        {CKR_PIN_LOCKED, SS_ERROR_NOT_PERMITTED, "token 'fleet': login: the PIN is locked after too many wrong tries"},
        {CKR_PIN_EXPIRED, SS_ERROR_NOT_PERMITTED,
         "token 'fleet': login: the PIN has expired and must be changed first"},
        {CKR_PIN_LEN_RANGE, SS_ERROR_NOT_PERMITTED, "token 'fleet': login: wrong PIN: too short or too long for it"},
        {CKR_TOKEN_NOT_PRESENT, SS_ERROR_IO, "token 'fleet': login: it was removed"},
        {0x80000123, SS_ERROR_IO, "token 'fleet': login: Cryptoki error 0x80000123"},
    };
    struct ss_vault_key_request where = request(";object=key");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_fault("login", cases[i].rv);
        refuses(&where, cases[i].status, cases[i].message);
        assert_int_equal(logins(), 1);
    }
}

static void tries_left_are_told(void **state)
{
    NEED_TOKEN;
    struct ss_vault_key_request where = request(";object=key");
    char text[256], asked[128], both[64];
    static const struct {
        CK_FLAGS after;
        const char *message;
    } cases[] = {
        {CKF_USER_PIN_COUNT_LOW, "token 'fleet': wrong PIN; it may lock after some more tries"},
        {CKF_USER_PIN_FINAL_TRY, "token 'fleet': wrong PIN, one try is left before it locks"},
    };
    snprintf(text, sizeof text, "token=fleet;object=key?module-path=%s", hsm.module);
    where = (struct ss_vault_key_request){.location = text, .purpose = "key", .ask = answer, .ask_context = asked};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(both, sizeof both, "login=0x%lx flags=0x%lx", CKR_PIN_INCORRECT, cases[i].after);
        setenv("SS_FAULT", both, 1);
        refuses(&where, SS_ERROR_NOT_PERMITTED, cases[i].message);
    }
}

static void a_keypad_takes_the_pin(void **state)
{
    NEED_TOKEN;
    struct ss_error err = {0};
    char text[256], fault[64];
    ss_signing_key_t *key;
    snprintf(text, sizeof text, "token=fleet;object=key?module-path=%s", hsm.module);
    struct ss_vault_key_request where = {.location = text, .purpose = "key"};
    snprintf(fault, sizeof fault, "keypad=1 flags=0x%lx", CKF_PROTECTED_AUTHENTICATION_PATH);
    setenv("SS_FAULT", fault, 1);
    setenv("SS_FAULT_PIN", SOFTHSM_PIN, 1);
    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    ss_signing_key_free(key);
    unsetenv("SS_FAULT_PIN");
}

static void a_token_pulled_out_is_reported(void **state)
{
    NEED_TOKEN;
    static const uint8_t digest[32];
    uint8_t signature[SS_ES256_SIZE], data_key[SS_VAULT_DATA_KEY_SIZE] = {1}, wrapped[SS_VAULT_WRAPPED_MAX];
    struct ss_vault_key_request where = request(";object=key");
    struct ss_error err = {0};
    ss_signing_key_t *key;
    void *wrapping;
    size_t len;

    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    assert_ok(ops.open(&where, params, params_len, &wrapping, &err), err);
    set_fault("sign", CKR_DEVICE_REMOVED);
    memset(signature, 0x55, sizeof signature);
    assert_int_equal(ss_signing_key_sign_es256(key, digest, signature, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "token 'fleet': cannot sign: it was removed");
    assert_true(ss_all_bytes(signature, sizeof signature, 0x55));
    set_fault("encrypt", CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(ops.wrap(wrapping, data_key, NULL, 0, wrapped, &len, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "token 'fleet': cannot wrap: it was removed, or has ended the session");
    assert_int_equal(len, 0);
    ss_signing_key_free(key);
    ops.close(wrapping);
}

// A wrong tag is a verdict on the record, a broken token is not.
static void a_failing_token_is_no_verdict_on_the_record(void **state)
{
    NEED_TOKEN;
    uint8_t data_key[SS_VAULT_DATA_KEY_SIZE] = {1}, back[SS_VAULT_DATA_KEY_SIZE], wrapped[SS_VAULT_WRAPPED_MAX];
    struct ss_vault_key_request where = request(";object=key");
    struct ss_error err = {0};
    void *wrapping;
    size_t len;
    assert_ok(ops.open(&where, params, params_len, &wrapping, &err), err);
    assert_ok(ops.wrap(wrapping, data_key, NULL, 0, wrapped, &len, &err), err);
    set_fault("decrypt", CKR_GENERAL_ERROR);
    assert_int_equal(ops.unwrap(wrapping, wrapped, len, NULL, 0, back, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "token 'fleet': cannot unwrap: Cryptoki error 0x5");
    assert_true(ss_all_bytes(back, sizeof back, 0));
    ops.close(wrapping);
}

static void lengths_are_checked(void **state)
{
    NEED_TOKEN;
    static const uint8_t digest[32];
    uint8_t signature[SS_ES256_SIZE], data_key[SS_VAULT_DATA_KEY_SIZE] = {1}, wrapped[SS_VAULT_WRAPPED_MAX];
    struct ss_vault_key_request where = request(";object=key");
    struct ss_error err = {0};
    ss_signing_key_t *key;
    void *wrapping;
    size_t len;
    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    assert_ok(ops.open(&where, params, params_len, &wrapping, &err), err);
    set_fault("short", 1);
    assert_int_equal(ss_signing_key_sign_es256(key, digest, signature, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "token 'fleet': signature has 63 bytes instead of 64");
    assert_int_equal(ops.wrap(wrapping, data_key, NULL, 0, wrapped, &len, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "token 'fleet': wrapped key has 47 bytes instead of 48");
    ss_signing_key_free(key);
    ops.close(wrapping);
}

static void a_nonce_of_the_token_is_kept(void **state)
{
    NEED_TOKEN;
    uint8_t data_key[SS_VAULT_DATA_KEY_SIZE] = {1, 2}, back[SS_VAULT_DATA_KEY_SIZE], wrapped[SS_VAULT_WRAPPED_MAX];
    struct ss_vault_key_request where = request(";object=key");
    struct ss_error err = {0};
    void *wrapping;
    size_t len;
    assert_ok(ops.open(&where, params, params_len, &wrapping, &err), err);
    set_fault("nonce", 1);
    assert_ok(ops.wrap(wrapping, data_key, NULL, 0, wrapped, &len, &err), err);
    assert_true(ss_all_bytes(wrapped, 12, 0xA5));
    assert_ok(ops.unwrap(wrapping, wrapped, len, NULL, 0, back, &err), err);
    assert_memory_equal(back, data_key, sizeof back);
    ops.close(wrapping);
}

static void opening_reports_what_fails(void **state)
{
    NEED_TOKEN;
    struct ss_vault_key_request where = request(";object=key");
    set_fault("session", CKR_SESSION_COUNT);
    refuses(&where, SS_ERROR_IO, "token 'fleet': cannot open it: too many programs use it");
    set_fault("find", CKR_DEVICE_ERROR);
    refuses(&where, SS_ERROR_IO, "token 'fleet': cannot look for the key: Cryptoki error 0x30");
    set_fault("flags", 0);
    setenv("SS_FAULT_MODULE", "/nowhere.so", 1);
    struct ss_error err = {0};
    ss_signing_key_t *key;
    assert_int_equal(ss_pkcs11_signing_key_open(&where, &key, &err), SS_ERROR_DOES_NOT_EXIST);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        test(a_locked_pin_is_not_tried),
        test(the_last_try_is_not_given_to_a_file),
        test(failed_logins_are_explained_and_not_repeated),
        test(tries_left_are_told),
        test(a_keypad_takes_the_pin),
        test(a_token_pulled_out_is_reported),
        test(a_failing_token_is_no_verdict_on_the_record),
        test(lengths_are_checked),
        test(a_nonce_of_the_token_is_kept),
        test(opening_reports_what_fails),
    };
    return ss_test_main(argc, argv, tests);
}
