// SPDX-License-Identifier: Apache-2.0
// Deployments in every shape: what a hawkBit server may send, what a hostile one does, and what is said about the
// statements in them.
#include <stdio.h>
#include <stdlib.h>

#include "support/pull_fault.h"

/// What is put together in place of the sample deployment. `@R` and `@D` are the statements, `@L` a good link.
static const char *shape;
static char made[80000];

static const char *const link_to = "https://a.example/DEFAULT/controller/v1/dev1/artifact";

// What is between @p from and the next quote of the server's own deployment.
static size_t copy_value(const struct pull_bench *b, const char *from, char *to)
{
    const char *p = strstr(b->json, from) + strlen(from);
    size_t len = strcspn(p, "\"");
    memcpy(to, p, len);
    return len;
}

static void make_shape(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    size_t len = 0;
    (void)r;
    for (const char *p = shape; *p; p++) {
        bool special = p[0] == '@' && strchr("RDL", p[1]);
        if (!special)
            made[len++] = *p;
        else if (p[1] == 'L')
            len += (size_t)sprintf(made + len, "%s", link_to);
        else
            len += copy_value(b, p[1] == 'R' ? "slotseal.release\",\"value\":\"" : "slotseal.delivery\",\"value\":\"",
                              made + len);
        p += special;
    }
    a->body = (const uint8_t *)made;
    a->len = a->head.length = len;
}

static struct pull_bench *offered(struct pull_fault *f)
{
    struct pull_bench *b = pull_bench_new();
    pull_offer(b, 2, PULL_ACTION);
    *f = (struct pull_fault){"deploymentBase/7", 1, 100, make_shape, 0};
    pull_spoil(b, f);
    return b;
}

#define METADATA "{\"key\":\"slotseal.release\",\"value\":\"@R\"},{\"key\":\"slotseal.delivery\",\"value\":\"@D\"}"
#define ARTIFACT "{\"filename\":\"a\",\"size\":25600,\"_links\":{\"download\":{\"href\":\"@L\"}}}"
#define CHUNK    "{\"metadata\":[" METADATA "],\"artifacts\":[" ARTIFACT "]}"
#define OFFER(chunks)                                                                                                  \
    "{\"id\":\"7\",\"deployment\":{\"download\":\"forced\",\"update\":\"forced\",\"chunks\":[" chunks "]}}"

#define DONE      PULL_OFFER PULL_ACCEPT PULL_TAKE PULL_FINISH
#define NOT(word) PULL_OFFER PULL_FAILED word "\n" PULL_POLL

static void takes_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *title, *shape, *lines;
    } cases[] = {
        {"as usual", OFFER(CHUNK), DONE},
        {"the other way round",
         "{\"deployment\":{\"chunks\":[{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"@L\"},\"md5sum\":{"
         "\"href\":1}},"
         "\"hashes\":{\"sha1\":\"x\"},\"size\":25600}],\"metadata\":[{\"value\":\"@D\",\"key\":\"slotseal.delivery\"},"
         "{\"value\":\"@R\",\"key\":\"slotseal.release\"}]}],\"update\":\"forced\",\"download\":\"forced\"},\"id\":"
         "\"7\"}",
         DONE},
        {"other metadata around",
         OFFER("{\"part\":\"os\",\"metadata\":[{\"key\":\"a\",\"value\":\"not base64!\"},"
               "{\"value\":null,\"key\":\"b\"},{\"key\":\"slotseal.release\",\"value\":\"@R\"},{},[],1,\"x\","
               "{\"key\":\"c\",\"value\":{\"d\":[]}},{\"value\":\"AAAA\"},{\"key\":\"slotseal.delivery\",\"value\":\"@"
               "D\"},"
               "{\"key\":\"slotseal.delivery.old\",\"value\":\"@D\"}],\"artifacts\":[" ARTIFACT "]}"),
         DONE},
        {"members that nobody knows",
         "{\"x\":[[[[{\"id\":\"9\"}]]]],\"id\":\"7\",\"actionHistory\":{\"status\":\"RUNNING\",\"messages\":["
         "\"\\u20ac\"]},"
         "\"deployment\":{\"y\":{\"chunks\":[1]},\"maintenance\":\"available\",\"chunks\":[" CHUNK "]}}",
         DONE},
        {"an id that is a number", "{\"id\":7,\"deployment\":{\"chunks\":[" CHUNK "]}}", DONE},
        {"escapes",
         OFFER("{\"\\u006detadata\":[" METADATA "],\"artifacts\":[{\"_links\":{\"download\":{\"href\":"
               "\"https:\\/\\/a.example\\/DEFAULT\\/controller\\/v1\\/dev1\\/artifac\\u0074\"}}}]}"),
         DONE},
        {"no size",
         OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"@L\"}}}]}"), DONE},
        {"a plain link first, then a better one",
         OFFER("{\"metadata\":[" METADATA
               "],\"artifacts\":[{\"_links\":{\"download-http\":{\"href\":\"http://x.example/\"},"
               "\"download\":{\"href\":\"@L\"}}}]}"),
         DONE},
        {"a plain link last",
         OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"@L\"},"
               "\"download-http\":{\"href\":\"http://x.example/\"}}}]}"),
         DONE},
        {"only the plain link, which is the server's",
         OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"_links\":{\"download-http\":{\"href\":\"@L\"}}}]}"),
         DONE},
        {"space", "\n {\t\"id\" : \"7\" , \"deployment\" : { \"chunks\" : [ " CHUNK " ] } } \r\n", DONE},

        // Not now.
        {"no download",
         "{\"id\":\"7\",\"deployment\":{\"download\":\"skip\",\"update\":\"forced\",\"chunks\":[" CHUNK "]}}",
         PULL_OFFER},
        {"no update", "{\"id\":\"7\",\"deployment\":{\"chunks\":[" CHUNK "],\"update\":\"skip\"}}",
         PULL_OFFER PULL_ACCEPT PULL_TAKE PULL_HELD},
        {"neither", "{\"id\":\"7\",\"deployment\":{\"chunks\":[" CHUNK "],\"update\":\"skip\",\"download\":\"skip\"}}",
         PULL_OFFER},
        {"a window that is open",
         "{\"id\":\"7\",\"deployment\":{\"maintenanceWindow\":\"available\",\"chunks\":[" CHUNK "]}}",
         PULL_OFFER PULL_ACCEPT PULL_TAKE PULL_POLL PULL_OFFER PULL_FINISH},

        // Not a sealed update: the action has failed.
        {"no chunk", OFFER(""), NOT("\"offer\",\"chunks\"")},
        {"no deployment", "{\"id\":\"7\"}", NOT("\"offer\",\"chunks\"")},
        {"two chunks", OFFER(CHUNK "," CHUNK), NOT("\"offer\",\"chunks\"")},
        {"no artifact", OFFER("{\"metadata\":[" METADATA "]}"), NOT("\"offer\",\"artifacts\"")},
        {"two artifacts", OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[" ARTIFACT "," ARTIFACT "]}"),
         NOT("\"offer\",\"artifacts\"")},
        {"no link", OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{}]}"), NOT("\"offer\",\"artifacts\"")},
        {"a link that is no text",
         OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"_links\":{\"download\":{\"href\":1}}}]}"),
         NOT("\"offer\",\"artifacts\"")},
        {"no metadata", OFFER("{\"artifacts\":[" ARTIFACT "]}"), NOT("\"offer\",\"metadata\"")},
        {"no release",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.delivery\",\"value\":\"@D\"}],\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"no delivery",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"@R\"}],\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"a statement twice",
         OFFER("{\"metadata\":[" METADATA ",{\"key\":\"slotseal.release\",\"value\":\"@R\"}],\"artifacts\":[" ARTIFACT
               "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"a statement with padding",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"@R=\"},{\"key\":\"slotseal.delivery\","
               "\"value\":\"@D\"}],"
               "\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"a digit left over",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"AAAAA\"},{\"key\":\"slotseal.delivery\","
               "\"value\":\"@D\"}],"
               "\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"bits left over",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"AB\"},{\"key\":\"slotseal.delivery\","
               "\"value\":\"@D\"}],"
               "\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"an empty statement",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"\"},{\"key\":\"slotseal.delivery\",\"value\":"
               "\"@D\"}],"
               "\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"a statement that is a number",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":1},{\"key\":\"slotseal.delivery\",\"value\":\"@"
               "D\"}],"
               "\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"a key without a value",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\"},{\"key\":\"slotseal.delivery\",\"value\":\"@D\"}],"
               "\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
        {"another size",
         OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"size\":25601,\"_links\":{\"download\":{\"href\":"
               "\"@L\"}}}]}"),
         NOT("\"offer\",\"size\"")},
        {"a size beyond 32 bits",
         OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"size\":4294992896,\"_links\":{\"download\":{\"href\":"
               "\"@L\"}}}]}"),
         NOT("\"offer\",\"size\"")},

        // Statements that are none.
        {"swapped",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"@D\"},{\"key\":\"slotseal.delivery\","
               "\"value\":\"@R\"}],\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"statement\",\"kind\",\"release\"")},
        {"a byte",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"AA\"},{\"key\":\"slotseal.delivery\","
               "\"value\":\"@D\"}],\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"statement\",\"type\",\"release\"")},
        {"something behind",
         OFFER("{\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"@R\"},{\"key\":\"slotseal.delivery\","
               "\"value\":\"@D@D\"}],\"artifacts\":[" ARTIFACT "]}"),
         NOT("\"offer\",\"metadata\"")},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t chunk = 1; chunk <= 1460; chunk += 1459) {
            struct pull_fault f;
            struct pull_bench *b = offered(&f);
            char lines[1024];
            shape = cases[i].shape;
            b->chunk = chunk;
            pull_run_for(b, 3000);
            snprintf(lines, sizeof lines, "%s%s", PULL_CONFIG PULL_POLL, cases[i].lines);
            if (strcmp(b->log, lines) != 0)
                fail_msg("%s:\n%s", cases[i].title, b->log);
            assert_int_equal(pull_version(b), strstr(cases[i].lines, PULL_SWITCH) ? 2 : 1);
            pull_bench_free(b);
        }
    }
}

// Not an answer to go by: it is asked again, and nothing is reported.
static void refuses_nonsense(void **state)
{
    (void)state;
    static char huge[70000], deep[200], long_link[900];
    memset(huge, ' ', sizeof huge - 1);
    memset(deep, '[', sizeof deep - 1);
    snprintf(long_link, sizeof long_link,
             OFFER("{\"metadata\":[],\"artifacts\":[{\"_links\":{\"download\":{\"href\":"
                   "\"https://a.example/%0500u\"}}}]}"),
             0u);
    const char *const cases[] = {
        "",
        "{",
        "[]",
        "null",
        "<html></html>",
        "{\"id\":\"seven\"}",
        "{\"id\":\"-7\"}",
        "{\"id\":\"0\"}",
        "{\"id\":\"\"}",
        "{\"id\":\"90071992547409920\"}",
        "{\"id\":\"7777777777777777777777777777777777777\"}",
        "{\"deployment\":{\"chunks\":[" CHUNK "]}}",
        "{\"id\":\"7\"}}",
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"\"}}}]}"),
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"/artifact\"}}}]}"),
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"ftp://a.example/\"}}}]}"),
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"https://a.example/ \"}}}]}"),
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"https://a.example/\\u0000\"}}}]}"),
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"https://a.example/\\u00e9\"}}}]}"),
        OFFER("{\"artifacts\":[{\"_links\":{\"download\":{\"href\":\"https://me:you@a.example/\"}}}]}"),
        huge,
        deep,
        long_link,
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_fault f;
        struct pull_bench *b = offered(&f);
        shape = cases[i];
        f.last = 1;
        pull_run_for(b, 3000);
        if (strcmp(b->log, PULL_CONFIG PULL_POLL PULL_OFFER PULL_POLL DONE) != 0)
            fail_msg("%s:\n%s", cases[i], b->log);
        pull_bench_free(b);
    }
}

// The statements' own reasons, through the server's own deployment.
static void says_why_statements_are_refused(void **state)
{
    (void)state;
    static struct pull_parcel parcel;
    static const struct {
        unsigned what;
        const char *words;
    } cases[] = {
        {0, "\"statement\",\"signature\",\"release\""},      {1, "\"statement\",\"signature\",\"delivery\""},
        {2, "\"statement\",\"release\",\"delivery\""},       {3, "\"statement\",\"slot-address\",\"delivery\""},
        {4, "\"statement\",\"signer-unknown\",\"release\""},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        char lines[512];
        parcel = *pull_parcel(2, cases[i].what == 3 ? 0 : 1);
        if (cases[i].what == 0)
            parcel.release.bytes[parcel.release.len - 1] ^= 1;
        if (cases[i].what == 1)
            parcel.delivery.bytes[parcel.delivery.len - 1] ^= 1;
        if (cases[i].what == 2)
            parcel.release = pull_parcel(3, 1)->release;
        if (cases[i].what == 4)
            pull_sign_key_set_of_others(&b->key_sets[0]);
        pull_reset(b);
        b->log_len = 0;
        b->offer = &parcel;
        b->action = PULL_ACTION;
        pull_run_for(b, 3000);
        snprintf(lines, sizeof lines, "%s%s%s", PULL_CONFIG PULL_POLL PULL_OFFER PULL_FAILED, cases[i].words,
                 "\n" PULL_POLL);
        pull_expect(b, lines);
        assert_int_equal(b->stored.unreported, 0);
        pull_bench_free(b);
    }
}

// A deployment whose link leads to someone else: they do not see the credential.
static void asks_others_without_the_credential(void **state)
{
    (void)state;
    struct pull_fault f;
    struct pull_bench *b = offered(&f);
    shape = OFFER("{\"metadata\":[" METADATA "],\"artifacts\":[{\"_links\":{\"download-http\":{\"href\":"
                  "\"http://a.example/plain\"}}}]}");
    pull_run_for(b, 4);
    pull_expect(b, PULL_BEGIN "GET a /plain bare\n" PULL_POLL PULL_OFFER "GET a /plain bare\n");
    pull_bench_free(b);
}

// -- The poll ---------------------------------------------------------------------------------------------------------

static void reads_polls(void **state)
{
    (void)state;
#define HREF(path) "{\"href\":\"https://a.example/DEFAULT/controller/v1/dev1/" path "\"}"
    static const struct {
        const char *title, *shape, *lines;
    } cases[] = {
        {"nothing", "{}", ""},
        {"no links", "{\"_links\":null,\"config\":7}", ""},
        {"a deployment", "{\"_links\":{\"deploymentBase\":" HREF("deploymentBase/7?c=-12") "}}",
         "GET a deploymentBase/7?c=-12\n"},
        {"cancelled first",
         "{\"_links\":{\"cancelAction\":" HREF("cancelAction/7") ",\"deploymentBase\":" HREF("deploymentBase/7") "}}",
         "GET a cancelAction/7\n"},
        {"cancelled last",
         "{\"_links\":{\"deploymentBase\":" HREF("deploymentBase/7") ",\"cancelAction\":" HREF("cancelAction/7") "}}",
         "GET a cancelAction/7\n"},
        {"elsewhere", "{\"_links\":{\"deploymentBase\":{\"href\":\"https://b.example/deploymentBase/7\"}}}",
         "GET b /deploymentBase/7 bare\n"},
        {"a link without an address", "{\"_links\":{\"deploymentBase\":{}}}", ""},
        {"what hawkBit also says",
         "{\"_links\":{\"installedBase\":" HREF("installedBase/3") ",\"confirmationBase\":" HREF(
             "confirmationBase/3") "}}",
         ""},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        struct pull_fault f = {"", 1, 1, make_shape, 0};
        char lines[512];
        shape = cases[i].shape;
        pull_spoil(b, &f);
        pull_run_for(b, 4);
        snprintf(lines, sizeof lines, "%s%s", PULL_CONFIG PULL_POLL, cases[i].lines);
        size_t len = strlen(lines);
        if (strncmp(b->log, lines, len) != 0 || (!*cases[i].lines && b->log[len]))
            fail_msg("%s:\n%s", cases[i].title, b->log);
        pull_bench_free(b);
    }
}

static void refuses_nonsense_of_polls(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "{\"_links\":{\"deploymentBase\":{\"href\":\"\"}}}",
        "{\"_links\":{\"deploymentBase\":{\"href\":\"deploymentBase/7\"}}}",
        "{\"_links\":{\"cancelAction\":{\"href\":\"javascript:alert(1)\"}}}",
        "{\"_links\":{}",
        "{\"config\":{\"polling\":{\"sleep\":\"00:00:10\"}}",
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        struct pull_fault f = {"", 1, 1, make_shape, 0};
        shape = cases[i];
        pull_spoil(b, &f);
        pull_run_for(b, 100);
        pull_expect(b, PULL_CONFIG PULL_POLL PULL_POLL);
        pull_bench_free(b);
    }
}

static void refuses_nonsense_of_cancellations(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "{}",
        "{\"id\":\"7\"}",
        "{\"cancelAction\":{\"stopId\":\"7\"}}",
        "{\"id\":\"x\",\"cancelAction\":{\"stopId\":\"7\"}}",
        "{\"id\":\"7\",\"cancelAction\":{\"stopId\":\"\"}}",
        "{\"id\":\"7\",\"cancelAction\":{\"stopId\":{}}}",
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        struct pull_fault f = {"cancelAction/7", 1, 1, make_shape, 0};
        shape = cases[i];
        b->cancel = 7;
        pull_spoil(b, &f);
        pull_run_for(b, 100);
        pull_expect(b, PULL_CONFIG PULL_POLL "GET a cancelAction/7\nGET a cancelAction/7\n"
                                             "POST a cancelAction/7/feedback closed success \"canceled\"\n" PULL_POLL);
        pull_bench_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_any_order),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(says_why_statements_are_refused),
        cmocka_unit_test(asks_others_without_the_credential),
        cmocka_unit_test(reads_polls),
        cmocka_unit_test(refuses_nonsense_of_polls),
        cmocka_unit_test(refuses_nonsense_of_cancellations),
    };
    return ss_test_main(argc, argv, tests);
}
