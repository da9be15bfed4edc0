// SPDX-License-Identifier: Apache-2.0
// What keeps a device in the fleet: servers that fail, key sets that it has missed, certificates, freshness records.
#include <stdio.h>

#include "support/pull_fault.h"

#define AFTER(n) "GET a /DEFAULT/keyset/v1/p/after/" #n " bare\n"
#define ANY(n)   "GET a /DEFAULT/keyset/v1/p/after/" #n " any\n"

static const uint8_t ca[] = "0123456789 not really a certificate, but that is the port's matter";

// -- Servers ----------------------------------------------------------------------------------------------------------

static void a_is_down(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    if (strstr(r->url, "//a."))
        pull_lose(b, r, a);
}

static void goes_to_the_next_server(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    struct pull_fault f = {NULL, 1, 1000, a_is_down, 0};
    b->config.servers[1] = "https://b.example/";
    b->config.server_count = 2;
    pull_offer(b, 2, PULL_ACTION);
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    // After a reset the first one has its chance again.
    pull_expect(
        b, PULL_CONFIG PULL_CONFIG PULL_CONFIG
        "PUT b configData\nGET b .\nGET b deploymentBase/7\n"
        "POST b deploymentBase/7/feedback proceeding none \"accepted\"\nGET b artifact\nGET b .\n"
        "POST b deploymentBase/7/feedback downloaded none \"selected\"\nreset\n" PULL_CONFIG PULL_CONFIG PULL_CONFIG
        "PUT b configData\nPOST b deploymentBase/7/feedback closed success \"confirmed\"\nGET b .\n");
    assert_int_equal(pull_version(b), 2);
    pull_bench_free(b);
}

static void a_goes_down(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    struct pull_fault *f = b->hook_context;
    if (f->seen == 5)
        a->cut = 7000;
    if (f->seen > 5)
        a_is_down(b, r, a);
}

// In the middle of a download: the other server has the same, from the last whole window on.
static void changes_servers_in_the_middle(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    struct pull_fault f = {NULL, 1, 1000, a_goes_down, 0};
    b->config.servers[1] = "https://b.example";
    b->config.server_count = 2;
    pull_offer(b, 2, PULL_ACTION);
    pull_spoil(b, &f);
    pull_run_for(b, 400);
    assert_non_null(strstr(b->log, PULL_BEGIN PULL_TAKE
                           "GET a artifact from 7000 if \"one\"\nGET a artifact from 7000 if \"one\"\n"
                           "GET b .\nGET b deploymentBase/7\nGET b artifact from 4096\nGET b .\n"
                           "POST b deploymentBase/7/feedback downloaded none \"selected\"\nreset\n"));
    assert_int_equal(pull_version(b), 2);
    pull_bench_free(b);
}

static void uses_those_of_the_key_set(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->config.servers[0] = "https://b.example";
    pull_sign_key_set(1, "https://a.example", NULL, 0, &b->key_sets[0]);
    pull_reset(b);
    pull_run_for(b, 100);
    pull_expect(b, "reset\n" PULL_CONFIG PULL_POLL);
    pull_bench_free(b);
}

// What is no address is as good as a server that is down.
static void has_no_server(void **state)
{
    (void)state;
    static const char *const cases[] = {
        NULL,
        "",
        "/",
        "a.example",
        "http://a.example",
        "https://",
        "https://user@a.example",
        "https://a.example:99999",
        "https://a.example/ten ant",
        "https://a.example/tenant#1",
        "https://a.example/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        b->config.servers[0] = cases[i];
        b->config.server_count = cases[i] != NULL;
        pull_run_for(b, 1000);
        pull_expect(b, "");
        assert_true(b->wakes < 100);
        pull_bench_free(b);
    }
}

static void knows_tenants(void **state)
{
    (void)state;
    static const struct {
        const char *server, *line;
    } cases[] = {
        {"https://a.example", "PUT a configData\n"},
        {"https://a.example///", "PUT a configData\n"},
        {"https://a.example/fleet", "PUT a /fleet/controller/v1/dev1/configData\n"},
        {"https://a.example/fleet/", "PUT a /fleet/controller/v1/dev1/configData\n"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        b->config.servers[0] = cases[i].server;
        pull_run_for(b, 1);
        assert_ptr_equal(strstr(b->log, cases[i].line), b->log);
        pull_bench_free(b);
    }
}

// -- Key sets ---------------------------------------------------------------------------------------------------------

// The server says that there is a newer one; there are two.
static void takes_newer_key_sets(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->at_once = b->key_set_link = true;
    pull_sign_key_set(2, NULL, NULL, 0, &b->newer[1]);
    pull_sign_key_set(4, NULL, NULL, 0, &b->newer[2]);
    pull_run_for(b, 1000);
    pull_expect(b, PULL_CONFIG PULL_POLL AFTER(1) AFTER(2) AFTER(4) PULL_CONFIG PULL_POLL);
    assert_int_equal(b->sets[0].version, 4);
    assert_non_null(strstr(b->config_body, "\"slotseal.key_set\":\"4\""));
    // Both are in force: the update that they both sign for goes on.
    b->key_set_link = false;
    pull_offer(b, 2, PULL_ACTION);
    pull_run_for(b, 4000);
    assert_int_equal(pull_version(b), 2);
    pull_bench_free(b);
}

// Where a key set counts from the next start on, there is one.
static void resets_for_key_sets(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->key_set_link = true;
    pull_sign_key_set(2, NULL, NULL, 0, &b->newer[1]);
    pull_sign_key_set(3, NULL, NULL, 0, &b->newer[2]);
    pull_run_for(b, 1000);
    pull_expect(b, PULL_CONFIG PULL_POLL AFTER(1) "reset\n" PULL_CONFIG PULL_POLL AFTER(
                       2) "reset\n" PULL_CONFIG PULL_POLL AFTER(3) PULL_POLL);
    assert_int_equal(b->sets[0].version, 3);
    pull_bench_free(b);
}

// A reset would take back a new app: the key set has to wait for its confirmation.
static void does_not_reset_a_trial(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->self_test = SS_SELF_TEST_PENDING;
    pull_offer(b, 2, PULL_ACTION);
    pull_run_for(b, 10);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL PULL_SWITCH "reset\n" PULL_CONFIG);
    b->no_tls = true;
    pull_sign_key_set(2, NULL, NULL, 0, &b->newer[1]);
    pull_reset(b); // one that nobody wanted, which the bootloader takes for a failure
    pull_run_for(b, 10);
    pull_expect(b, "reset\n" PULL_CONFIG ANY(1) "reset\n" PULL_CONFIG ANY(2) PULL_CONFIG);
    b->no_tls = false;
    pull_run_for(b, 60);
    pull_expect(b, PULL_CONFIG PULL_POLL PULL_OFFER PULL_POLL PULL_SWITCH "reset\n" PULL_CONFIG);
    b->no_tls = true;
    pull_sign_key_set(3, NULL, NULL, 0, &b->newer[2]);
    b->wants_config = true;
    b->pull.told = 0;
    pull_run_for(b, 10);
    pull_expect(b, PULL_CONFIG ANY(2) PULL_CONFIG PULL_CONFIG);
    assert_int_equal(b->agent.key_set, 3);
    b->no_tls = false;
    b->self_test = SS_SELF_TEST_PASSED;
    pull_run_for(b, 60);
    pull_expect(b, "reset\n" PULL_CONFIG PULL_CLOSED PULL_POLL);
    pull_bench_free(b);
}

// Off for two years: its CA is gone, its server has moved. It walks from key set to key set without trusting anyone, finds
// the CA that the last one names, and does not send its credential before.
static void catches_up_after_years(void **state)
{
    (void)state;
    for (unsigned at_once = 0; at_once < 2; at_once++) {
        struct pull_bench *b = pull_bench_new();
        b->no_tls = true;
        b->at_once = at_once;
        b->ca = ca;
        b->ca_len = sizeof ca;
        for (unsigned v = 2; v <= 5; v++)
            pull_sign_key_set(v, v == 5 ? "https://b.example" : NULL, v == 5 ? ca : NULL, sizeof ca, &b->newer[v - 1]);
        pull_offer(b, 2, PULL_ACTION);
        pull_run_for(b, 2000);
        const char *end = "PUT b configData\nGET b .\nGET b deploymentBase/7\n"
                          "POST b deploymentBase/7/feedback proceeding none \"accepted\"\nGET b artifact\nGET b .\n"
                          "POST b deploymentBase/7/feedback downloaded none \"selected\"\nreset\n"
                          "PUT b configData\nPOST b deploymentBase/7/feedback closed success \"confirmed\"\nGET b .\n";
        char hex[65], lines[4096];
        uint8_t digest[32];
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, ca, sizeof ca, digest), SS_OK);
        for (unsigned i = 0; i < 32; i++)
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        snprintf(lines, sizeof lines, "%sGET b /DEFAULT/keyset/v1/p/after/5 any\nGET b /DEFAULT/ca/v1/%s any\n%s",
                 at_once ? PULL_CONFIG ANY(1) ANY(2) ANY(3) ANY(4)
                         : PULL_CONFIG ANY(1) "reset\n" PULL_CONFIG ANY(2) "reset\n" PULL_CONFIG ANY(
                               3) "reset\n" PULL_CONFIG ANY(4) "reset\nPUT b configData\n",
                 hex, end);
        pull_expect(b, lines);
        assert_int_equal(b->sets[0].version, 5);
        assert_int_equal(pull_version(b), 2);
        pull_bench_free(b);
    }
}

// Nothing newer to be had: it backs off, and looks again with every third failure.
static void does_not_ask_for_ever(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->no_tls = true;
    pull_run_for(b, 70);
    pull_expect(b, PULL_CONFIG ANY(1) PULL_CONFIG PULL_CONFIG PULL_CONFIG ANY(1));
    pull_bench_free(b);
}

static void spoil_byte(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)r;
    if (a->len)
        b->newer[1].bytes[a->len / 2] ^= 1;
}

static void too_long(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.length = SS_HTTP_LENGTH_UNKNOWN;
    a->endless = true;
}

static void empty(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->len = 0;
}

static void moved(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 302, .location = "https://a.example/"}};
}

static void refuses_key_sets(void **state)
{
    (void)state;
    static void (*const spoils[])(struct pull_bench *, const struct ss_http_request *,
                                  struct pull_answer *) = {spoil_byte, too_long, empty, moved, pull_lose};
    for (unsigned i = 0; i < sizeof spoils / sizeof *spoils; i++) {
        struct pull_bench *b = pull_bench_new();
        struct pull_fault f = {"/DEFAULT/keyset/v1/p/after/1", 1, 1, spoils[i], 0};
        b->at_once = b->key_set_link = true;
        pull_sign_key_set(2, NULL, NULL, 0, &b->newer[1]);
        pull_spoil(b, &f);
        pull_run_for(b, 4);
        pull_expect(b, PULL_CONFIG PULL_POLL AFTER(1));
        assert_int_equal(b->sets[0].version, 1);
        if (spoils[i] == spoil_byte)
            pull_sign_key_set(2, NULL, NULL, 0, &b->newer[1]);
        b->sleep = "00:00:10";
        pull_run_for(b, 100);
        assert_int_equal(b->sets[0].version, 2);
        pull_bench_free(b);
    }
}

// -- Certificates -----------------------------------------------------------------------------------------------------

static void another_ca(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->len--;
}

static void no_ca(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.status = 404;
    a->len = 0;
}

static void takes_certificates(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct pull_bench *, const struct ss_http_request *, struct pull_answer *);
        unsigned taken; ///< certificates in the end
        unsigned asked; ///< how often
    } cases[] = {{NULL, 1, 1}, {another_ca, 0, 1}, {no_ca, 0, 1}, {too_long, 1, 2}, {pull_lose, 1, 2}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        struct pull_fault f = {NULL, 4, cases[i].spoil ? 4 : 0, cases[i].spoil, 0};
        b->ca = ca;
        b->ca_len = sizeof ca;
        pull_sign_key_set(1, NULL, ca, sizeof ca, &b->key_sets[0]);
        pull_reset(b);
        pull_spoil(b, &f);
        pull_run_for(b, 7000);
        assert_int_equal(b->ca_count, cases[i].taken);
        unsigned asked = 0;
        for (const char *p = b->log; (p = strstr(p, "/ca/v1/")); p++)
            asked++;
        assert_int_equal(asked, cases[i].asked);
        pull_bench_free(b);
    }
}

// -- Freshness --------------------------------------------------------------------------------------------------------

static void takes_freshness_records(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->freshness_link = true;
    pull_sign_freshness(1700000000, 1, &b->freshness);
    pull_run_for(b, 100);
    pull_expect(b, PULL_CONFIG PULL_POLL "GET a freshness\n" PULL_POLL);
    assert_int_equal(b->stored.fresh, 1700000000);
    // An older one is refused; it is not asked again before the next cycle.
    pull_sign_freshness(1600000000, 1, &b->freshness);
    ss_pull_now(&b->pull);
    pull_run_for(b, 100);
    pull_expect(b, PULL_POLL "GET a freshness\n" PULL_POLL);
    assert_int_equal(b->stored.fresh, 1700000000);
    b->freshness.len--;
    ss_pull_now(&b->pull);
    pull_run_for(b, 100);
    pull_expect(b, PULL_POLL "GET a freshness\n" PULL_POLL);
    assert_int_equal(b->stored.fresh, 1700000000);
    pull_bench_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_the_next_server),
        cmocka_unit_test(changes_servers_in_the_middle),
        cmocka_unit_test(uses_those_of_the_key_set),
        cmocka_unit_test(has_no_server),
        cmocka_unit_test(knows_tenants),
        cmocka_unit_test(takes_newer_key_sets),
        cmocka_unit_test(resets_for_key_sets),
        cmocka_unit_test(does_not_reset_a_trial),
        cmocka_unit_test(catches_up_after_years),
        cmocka_unit_test(does_not_ask_for_ever),
        cmocka_unit_test(refuses_key_sets),
        cmocka_unit_test(takes_certificates),
        cmocka_unit_test(takes_freshness_records),
    };
    return ss_test_main(argc, argv, tests);
}
