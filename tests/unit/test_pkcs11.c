// SPDX-License-Identifier: Apache-2.0
// Keys in a token of SoftHSM2.
#include "vault/pkcs11.h"

#include "support/sample_image.h"
#include "support/softhsm.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/sign.h"

static struct softhsm hsm;
static bool installed;

#define NEED_TOKEN                                                                                                     \
    (void)state;                                                                                                       \
    if (!installed)                                                                                                    \
    skip()

#define location(rest) softhsm_uri(&hsm, "fleet", rest)
#define request(rest)  ((struct ss_vault_key_request){.location = location(rest), .purpose = "key"})
#define located(text)  ((struct ss_vault_key_request){.location = (text), .purpose = "key"})
#define ops            ss_vault_key_pkcs11

static ss_signing_key_t *make_key(enum ss_key_type type, const char *rest)
{
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    struct ss_vault_key_request where = request(rest);
    assert_ok(ss_pkcs11_signing_key_generate(&where, type, &key, &err), err);
    assert_int_equal(ss_signing_key_type(key), type);
    return key;
}

static void signs_as_a_key_in_memory(void **state)
{
    NEED_TOKEN;
    static const struct {
        const char *object;
        enum ss_key_type type;
        enum ss_sign_scheme scheme;
    } cases[] = {{";object=v1", SS_KEY_P256, SS_SIGN_V1},
                 {";object=v2", SS_KEY_RSA3072, SS_SIGN_V2},
                 {";object=v2-p384", SS_KEY_P384, SS_SIGN_V2},
                 {";object=v2-p192;id=%01%02", SS_KEY_P192, SS_SIGN_V2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_error err = {0};
        uint8_t in[2048], out[16384];
        size_t len = sample_app(in, sizeof in), out_len = 0;
        ss_signing_key_t *made = make_key(cases[i].type, cases[i].object), *found = NULL;
        struct ss_vault_key_request where = request(cases[i].object);
        assert_ok(ss_pkcs11_signing_key_open(&where, &found, &err), err);
        assert_true(ss_signing_key_same_public(made, found));
        assert_true(ss_signing_key_can_sign(found));
        assert_false(ss_signing_key_is_private(found));
        ss_signing_key_free(made);
        // Twice: a handle is good for more than one signature.
        for (int n = 0; n < 2; n++) {
            assert_ok(ss_sign_image(cases[i].scheme, found, false, in, len, out, sizeof out, &out_len, NULL, &err),
                      err);
            assert_ok(ss_sign_verify(cases[i].scheme, found, out, out_len, NULL, &err), err);
        }
        ss_signing_key_free(found);
    }
}

static void statements_are_signed_by_es256(void **state)
{
    NEED_TOKEN;
    static const uint8_t digest[32] = {9, 8, 7};
    uint8_t signature[SS_ES256_SIZE], xy[SS_RAW_PUBLIC_KEY_SIZE];
    struct ss_error err = {0};
    ss_signing_key_t *key = make_key(SS_KEY_P256, ";object=release");
    assert_ok(ss_signing_key_sign_es256(key, digest, signature, &err), err);
    assert_ok(ss_signing_key_raw_public(key, xy, &err), err);
    assert_int_equal(ss_p256_verify(xy, digest, signature), SS_OK);
    ss_signing_key_free(key);
}

static void *make_wrapping_key(const char *rest, uint8_t *params, size_t *len)
{
    struct ss_error err = {0};
    void *key = NULL;
    struct ss_vault_key_request where = request(rest);
    assert_ok(ss_pkcs11_wrapping_key_generate(&where, &err), err);
    assert_ok(ops.create(&where, params, SS_VAULT_KEY_PARAMS_MAX, len, &key, &err), err);
    return key;
}

static void wraps_and_unwraps(void **state)
{
    NEED_TOKEN;
    static const uint8_t aad[] = "device 7, version 1";
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX], data_key[SS_VAULT_DATA_KEY_SIZE], back[SS_VAULT_DATA_KEY_SIZE];
    uint8_t wrapped[SS_VAULT_WRAPPED_MAX], again[SS_VAULT_WRAPPED_MAX];
    struct ss_error err = {0};
    struct ss_vault_key_request where = request(";object=wrap");
    size_t params_len, len, again_len;
    void *key = make_wrapping_key(";object=wrap", params, &params_len), *second = NULL;

    assert_int_equal(ss_random(data_key, sizeof data_key), SS_OK);
    assert_ok(ops.wrap(key, data_key, aad, sizeof aad, wrapped, &len, &err), err);
    assert_int_equal(len, 60);
    assert_ok(ops.wrap(key, data_key, aad, sizeof aad, again, &again_len, &err), err);
    assert_memory_not_equal(wrapped, again, 12);
    // Opened by what was stored, beside the first.
    assert_ok(ops.open(&where, params, params_len, &second, &err), err);
    assert_ok(ops.unwrap(second, wrapped, len, aad, sizeof aad, back, &err), err);
    assert_memory_equal(back, data_key, sizeof back);
    ops.close(key);
    // The login of one handle does not end with that of another.
    assert_ok(ops.unwrap(second, again, again_len, aad, sizeof aad, back, &err), err);
    assert_memory_equal(back, data_key, sizeof back);
    ops.close(second);
    ops.close(NULL);
}

static void every_changed_byte_is_noticed(void **state)
{
    NEED_TOKEN;
    uint8_t aad[] = "device 7, version 1";
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX], data_key[SS_VAULT_DATA_KEY_SIZE] = {1}, back[SS_VAULT_DATA_KEY_SIZE];
    uint8_t wrapped[SS_VAULT_WRAPPED_MAX];
    struct ss_error err = {0};
    size_t params_len, len;
    void *key = make_wrapping_key(";object=integrity", params, &params_len);
    assert_ok(ops.wrap(key, data_key, aad, sizeof aad, wrapped, &len, &err), err);
    for (size_t i = 0; i < len; i++) {
        wrapped[i] ^= 0x10;
        memset(back, 0x55, sizeof back);
        assert_int_equal(ops.unwrap(key, wrapped, len, aad, sizeof aad, back, &err), SS_ERROR_DATA_CORRUPT);
        assert_string_equal(err.message, "token 'fleet': cannot unwrap: wrong key, or changed data");
        assert_true(ss_all_bytes(back, sizeof back, 0));
        wrapped[i] ^= 0x10;
    }
    aad[3] ^= 1;
    assert_int_equal(ops.unwrap(key, wrapped, len, aad, sizeof aad, back, &err), SS_ERROR_DATA_CORRUPT);
    aad[3] ^= 1;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(ops.unwrap(key, wrapped, cut, aad, sizeof aad, back, &err), SS_ERROR_DATA_CORRUPT);
    assert_ok(ops.unwrap(key, wrapped, len, aad, sizeof aad, back, &err), err);
    ops.close(key);
}

static void refuses_open(const struct ss_vault_key_request *where, ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    ss_signing_key_t *key = (ss_signing_key_t *)1;
    assert_int_equal(ss_pkcs11_signing_key_open(where, &key, &err), status);
    assert_string_equal(err.message, message);
    assert_null(key);
}

static void refuses_with_the_reason(void **state)
{
    NEED_TOKEN;
    struct ss_vault_key_request where;
    char text[512];

    ss_signing_key_free(make_key(SS_KEY_P256, ";object=only"));
    where = request(";object=nothing");
    refuses_open(&where, SS_ERROR_DOES_NOT_EXIST, "token 'fleet' has no private key that fits the pkcs11 URI");
    where = located(softhsm_uri(&hsm, "float", ""));
    refuses_open(&where, SS_ERROR_DOES_NOT_EXIST, "no token fits the pkcs11 URI; there is 'fleet'");
    where = located("token=fleet?module-path=/nowhere/module.so");
    struct ss_error err = {0};
    ss_signing_key_t *key;
    assert_int_equal(ss_pkcs11_signing_key_open(&where, &key, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_non_null(strstr(err.message, "PKCS#11 module /nowhere/module.so: "));
    where = located("token=fleet?pin-value=" SOFTHSM_PIN);
    refuses_open(&where, SS_ERROR_INVALID_ARGUMENT,
                 "pkcs11 URI has a pin-value, which others can see; put the PIN in a file and name it: "
                 "pin-source=file:/PATH");
    where = located("token=%zz");
    refuses_open(&where, SS_ERROR_INVALID_ARGUMENT, "pkcs11 URI does not follow RFC 7512");
    where = located("token=fleet;colour=red");
    assert_int_equal(ss_pkcs11_signing_key_open(&where, &key, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "pkcs11 URI has a part that is not known"));
    snprintf(text, sizeof text, "token=fleet;object=only?module-path=%s", hsm.module);
    where = located(text);
    refuses_open(&where, SS_ERROR_NOT_PERMITTED,
                 "token 'fleet': its PIN is needed, and nobody can be asked: pin-source=file:/PATH in the URI");
    snprintf(text, sizeof text, "token=fleet?module-path=%s&pin-source=pin", hsm.module);
    where = located(text);
    refuses_open(&where, SS_ERROR_INVALID_ARGUMENT,
                 "pkcs11 URI has a pin-source that is not an absolute path: pin-source=file:/PATH");
    snprintf(text, sizeof text, "token=fleet?module-path=%s&pin-source=file:///nowhere", hsm.module);
    where = located(text);
    refuses_open(&where, SS_ERROR_DOES_NOT_EXIST, "PIN file /nowhere: No such file or directory");
}

static void refuses_a_pin_file_of_others(void **state)
{
    NEED_TOKEN;
    char message[256];
    struct ss_vault_key_request where = request(";object=only");
    assert_int_equal(chmod(hsm.pin_file, 0640), 0);
    snprintf(message, sizeof message, "PIN file %s can be read by others (mode 640); chmod 600 it", hsm.pin_file);
    refuses_open(&where, SS_ERROR_NOT_PERMITTED, message);
    assert_int_equal(chmod(hsm.pin_file, 0600), 0);
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(hsm.pin_file, 65534, 65534), 0);
    snprintf(message, sizeof message, "PIN file %s belongs to user 65534, not to user 0", hsm.pin_file);
    refuses_open(&where, SS_ERROR_NOT_PERMITTED, message);
}

/// Answers for a person.
struct person {
    const char *pin;
    unsigned asked;
    char what[128];
};

static ss_status_t answer(void *context, const char *what, bool repeat, char *out, size_t size, size_t *len,
                          struct ss_error *err)
{
    struct person *person = context;
    (void)err;
    assert_false(repeat);
    person->asked++;
    snprintf(person->what, sizeof person->what, "%s", what);
    *len = strlen(person->pin);
    assert_true(*len <= size);
    memcpy(out, person->pin, *len);
    return SS_OK;
}

static void a_wrong_pin_is_tried_once(void **state)
{
    NEED_TOKEN;
    char text[512];
    struct ss_error err = {0};
    struct person person = {.pin = "0000"};
    ss_signing_key_t *key = make_key(SS_KEY_P256, ";object=asked");
    snprintf(text, sizeof text, "token=fleet;object=asked?module-path=%s", hsm.module);
    struct ss_vault_key_request where = {.location = text, .purpose = "key", .ask = answer, .ask_context = &person};
    ss_signing_key_free(key);

    refuses_open(&where, SS_ERROR_NOT_PERMITTED, "token 'fleet': wrong PIN; it may lock after some more tries");
    assert_int_equal(person.asked, 1);
    assert_string_equal(person.what, "PIN of token 'fleet'");
    person.pin = SOFTHSM_PIN;
    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    assert_int_equal(person.asked, 2);
    assert_string_equal(person.what, "PIN of token 'fleet' (it was wrong the last time)");
    ss_signing_key_free(key);
}

static void several_that_fit_are_named(void **state)
{
    NEED_TOKEN;
    struct ss_vault_key_request where = request("");
    char text[512];
    ss_signing_key_free(make_key(SS_KEY_P256, ";object=first"));
    ss_signing_key_free(make_key(SS_KEY_P256, ";object=second"));
    refuses_open(&where, SS_ERROR_INVALID_ARGUMENT,
                 "token 'fleet' has several private keys that fit; say which by object= or id=");
    softhsm_add_token(&hsm, "annex");
    snprintf(text, sizeof text, "object=first?module-path=%s&pin-source=%s", hsm.module, hsm.pin_file);
    where = located(text);
    struct ss_error err = {0};
    ss_signing_key_t *key;
    assert_int_equal(ss_pkcs11_signing_key_open(&where, &key, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_true(
        !strcmp(err.message, "2 tokens fit the pkcs11 URI ('fleet', 'annex'); say which by token= or serial=") ||
        !strcmp(err.message, "2 tokens fit the pkcs11 URI ('annex', 'fleet'); say which by token= or serial="));
}

static void keys_are_never_replaced(void **state)
{
    NEED_TOKEN;
    struct ss_error err = {0};
    ss_signing_key_t *key = make_key(SS_KEY_P256, ";object=once;id=%0a%0b");
    struct ss_vault_key_request same_label = request(";object=once"), same_id = request(";object=twice;id=%0a%0b"),
                                unnamed = request("");
    ss_signing_key_free(key);
    assert_int_equal(ss_pkcs11_signing_key_generate(&same_label, SS_KEY_P256, &key, &err), SS_ERROR_ALREADY_EXISTS);
    assert_string_equal(err.message, "token 'fleet' has a key with this label or id already; keys are never replaced");
    assert_int_equal(ss_pkcs11_signing_key_generate(&same_id, SS_KEY_P256, &key, &err), SS_ERROR_ALREADY_EXISTS);
    assert_int_equal(ss_pkcs11_signing_key_generate(&unnamed, SS_KEY_P256, &key, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "pkcs11 URI does not name the key to be made: object=NAME");
    assert_ok(ss_pkcs11_wrapping_key_generate(&same_label, &err), err);
    assert_int_equal(ss_pkcs11_wrapping_key_generate(&same_label, &err), SS_ERROR_ALREADY_EXISTS);
}

static void refuses_keys_that_do_not_fit(void **state)
{
    NEED_TOKEN;
    char out[4096];
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX];
    size_t len;
    void *key = (void *)1;
    struct ss_error err = {0};
    struct ss_vault_key_request where = request(";object=readable");
    assert_int_equal(
        softhsm_tool(&hsm, "fleet", "--keygen --key-type AES:32 --label readable --extractable", out, sizeof out), 0);
    assert_int_equal(ops.create(&where, params, sizeof params, &len, &key, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "token 'fleet': key 'readable' can be read out of its token; make one that "
                                     "cannot: slotseal vault init --generate-key");
    assert_null(key);
    assert_int_equal(softhsm_tool(&hsm, "fleet", "--keygen --key-type AES:16 --label short", out, sizeof out), 0);
    where = request(";object=short");
    assert_int_equal(ops.create(&where, params, sizeof params, &len, &key, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "token 'fleet': key 'short' is not an AES-256 key");
    assert_int_equal(
        softhsm_tool(&hsm, "fleet", "--keypairgen --key-type EC:secp521r1 --label odd --id 99", out, sizeof out), 0);
    where = request(";object=odd");
    refuses_open(&where, SS_ERROR_NOT_SUPPORTED,
                 "key 'odd': token 'fleet': the key is on another curve than P-256, P-192 and P-384");
    assert_int_equal(
        softhsm_tool(&hsm, "fleet", "--keypairgen --key-type rsa:2048 --label small --id 98", out, sizeof out), 0);
    where = request(";object=small");
    refuses_open(&where, SS_ERROR_NOT_SUPPORTED, "key 'small': RSA key has 2048 bits, secure boot V2 takes 3072");
    // A vault's key is known by its id, not only by its label.
    void *wrapping = make_wrapping_key(";object=known", params, &len);
    ops.close(wrapping);
    params[5] ^= 1;
    where = request(";object=known");
    assert_int_equal(ops.open(&where, params, len, &key, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "token 'fleet' has no AES key that is the vault's");
    params[0] = 2;
    assert_int_equal(ops.open(&where, params, len, &key, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ops.open(&where, params, 0, &key, &err), SS_ERROR_DATA_INVALID);
}

static void takes_keys_of_other_tools(void **state)
{
    NEED_TOKEN;
    char out[4096];
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX];
    size_t len;
    void *wrapping = NULL;
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    struct ss_vault_key_request where = request(";object=theirs");
    assert_int_equal(
        softhsm_tool(&hsm, "fleet", "--keypairgen --key-type EC:prime256v1 --label theirs --id 77", out, sizeof out),
        0);
    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    ss_signing_key_free(key);
    // Without its public half nobody can verify what it signs.
    assert_int_equal(softhsm_tool(&hsm, "fleet", "--delete-object --type pubkey --id 77", out, sizeof out), 0);
    refuses_open(&where, SS_ERROR_DATA_INVALID,
                 "key 'theirs': token 'fleet' has no public key with the id of the private one; store it beside it: "
                 "pkcs11-tool --write-object PUB.der --type pubkey --id ID");
    assert_int_equal(
        softhsm_tool(&hsm, "fleet", "--keygen --key-type AES:32 --label theirs-aes --sensitive", out, sizeof out), 0);
    where = request(";object=theirs-aes");
    assert_ok(ops.create(&where, params, sizeof params, &len, &wrapping, &err), err);
    ops.close(wrapping);
}

static void a_key_may_want_the_pin_each_time(void **state)
{
    NEED_TOKEN;
    static const uint8_t digest[32] = {1};
    char out[4096];
    uint8_t signature[SS_ES256_SIZE];
    struct ss_error err = {0};
    ss_signing_key_t *key;
    struct ss_vault_key_request where = request(";object=each");
    assert_int_equal(softhsm_tool(&hsm, "fleet",
                                  "--keypairgen --key-type EC:prime256v1 --label each --id 55 --always-auth", out,
                                  sizeof out),
                     0);
    assert_ok(ss_pkcs11_signing_key_open(&where, &key, &err), err);
    for (int n = 0; n < 2; n++)
        assert_ok(ss_signing_key_sign_es256(key, digest, signature, &err), err);
    ss_signing_key_free(key);
}

static void keys_cannot_be_read_out(void **state)
{
    NEED_TOKEN;
    char out[8192];
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX];
    size_t len;
    ss_signing_key_free(make_key(SS_KEY_P256, ";object=kept-pair"));
    ops.close(make_wrapping_key(";object=kept-aes", params, &len));
    assert_int_equal(softhsm_tool(&hsm, "fleet", "--list-objects", out, sizeof out), 0);
    // pkcs11-tool lists "Access: sensitive, always sensitive, never extractable, local".
    const char *labels[] = {"label:      kept-pair", "label:      kept-aes"};
    for (int i = 0; i < 2; i++) {
        const char *at = out;
        unsigned kept = 0, seen = 0;
        while ((at = strstr(at, labels[i]))) {
            const char *end = strstr(at, " Object");
            const char *access = strstr(at, "Access:");
            seen++;
            kept += access && (!end || access < end) &&
                    strncmp(strchr(access, ':') + 1, "     sensitive, always sensitive, never extractable", 51) == 0;
            at += 1;
        }
        assert_true(seen >= 1);
        assert_int_equal(kept, 1);
    }
    assert_int_not_equal(softhsm_tool(&hsm, "fleet", "--read-object --type secrkey --label kept-aes", out, sizeof out),
                         0);
}

static void a_forked_child_keeps_off(void **state)
{
    NEED_TOKEN;
    static const uint8_t digest[32];
    uint8_t signature[SS_ES256_SIZE];
    struct ss_error err = {0};
    ss_signing_key_t *key = make_key(SS_KEY_P256, ";object=forked");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        ss_status_t refused = ss_signing_key_sign_es256(key, digest, signature, &err);
        bool ok =
            refused == SS_ERROR_BAD_STATE &&
            !strcmp(err.message, "token 'fleet' was opened by another process: it must be opened again after fork");
        ss_signing_key_free(key);
        // Opened again it works.
        struct ss_vault_key_request where = request(";object=forked");
        ok = ok && ss_pkcs11_signing_key_open(&where, &key, &err) == SS_OK &&
             ss_signing_key_sign_es256(key, digest, signature, &err) == SS_OK;
        ss_signing_key_free(key);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    // The child's end has not logged the parent out.
    assert_ok(ss_signing_key_sign_es256(key, digest, signature, &err), err);
    ss_signing_key_free(key);
}

/// Opens the key, says so, waits for the start, wraps and unwraps.
static bool work(int told, int start, const uint8_t *params, size_t params_len, uint8_t number)
{
    struct ss_error err = {0};
    struct ss_vault_key_request where = request(";object=shared");
    void *key = NULL;
    char byte = 1;
    bool ok = ops.open(&where, params, params_len, &key, &err) == SS_OK;
    ok = write(told, &byte, 1) == 1 && read(start, &byte, 1) == 0 && ok;
    for (uint8_t n = 0; ok && n < 50; n++) {
        uint8_t data_key[SS_VAULT_DATA_KEY_SIZE] = {number, n}, back[SS_VAULT_DATA_KEY_SIZE];
        uint8_t wrapped[SS_VAULT_WRAPPED_MAX];
        size_t len;
        ok = ops.wrap(key, data_key, &n, 1, wrapped, &len, &err) == SS_OK &&
             ops.unwrap(key, wrapped, len, &n, 1, back, &err) == SS_OK && !memcmp(data_key, back, sizeof back);
    }
    ops.close(key);
    if (!ok)
        fprintf(stderr, "process %d: %s\n", number, err.message);
    return ok;
}

// One after the other they log in: SoftHSM2 rewrites its files then, and does not keep other processes from reading
// half of them.
static void two_processes_at_once(void **state)
{
    NEED_TOKEN;
    enum { PROCESSES = 2 };
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX];
    size_t params_len;
    int told[2], start[2];
    char byte;
    pid_t children[PROCESSES];
    ops.close(make_wrapping_key(";object=shared", params, &params_len));
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(start), 0);
    fflush(NULL);
    for (uint8_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (!children[i]) {
            close(start[1]);
            _exit(work(told[1], start[0], params, params_len, i) ? 0 : 1);
        }
        assert_int_equal(read(told[0], &byte, 1), 1);
    }
    close(start[1]);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    close(told[0]);
    close(told[1]);
    close(start[0]);
}

static int start(void **state)
{
    (void)state;
    installed = softhsm_start(&hsm, "fleet");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (installed)
        softhsm_stop(&hsm);
    return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        test(signs_as_a_key_in_memory),
        test(statements_are_signed_by_es256),
        test(wraps_and_unwraps),
        test(every_changed_byte_is_noticed),
        test(refuses_with_the_reason),
        test(refuses_a_pin_file_of_others),
        test(a_wrong_pin_is_tried_once),
        test(several_that_fit_are_named),
        test(keys_are_never_replaced),
        test(refuses_keys_that_do_not_fit),
        test(takes_keys_of_other_tools),
        test(keys_cannot_be_read_out),
        test(a_key_may_want_the_pin_each_time),
        test(a_forked_child_keeps_off),
        test(two_processes_at_once),
    };
    return ss_test_main(argc, argv, tests);
}
