// SPDX-License-Identifier: Apache-2.0
// The parts of the front that need no connection: ranges, ETags, credentials' forms, routes, polls, limits, log lines.
#include <arpa/inet.h>
#include <string.h>

#include "server/auth.h"
#include "server/ddi.h"
#include "server/limit.h"
#include "server/log.h"
#include "server/range.h"
#include "support/unit.h"

static void reads_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum ss_range result;
        uint64_t first, last;
    } cases[] = {
        {NULL, SS_RANGE_NONE, 0, 0},
        {"bytes=0-0", SS_RANGE_PART, 0, 0},
        {"bytes=0-999", SS_RANGE_PART, 0, 999},
        {"bytes=10-", SS_RANGE_PART, 10, 999},
        {"Bytes=10-20", SS_RANGE_PART, 10, 20},
        {"bytes=990-2000", SS_RANGE_PART, 990, 999},
        {"bytes=-10", SS_RANGE_PART, 990, 999},
        {"bytes=-1000", SS_RANGE_PART, 0, 999},
        {"bytes=-5000", SS_RANGE_PART, 0, 999},
        {"bytes= 1-2 ", SS_RANGE_PART, 1, 2},
        {"bytes=1000-", SS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=1000-1001", SS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", SS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=9223372036854775807-", SS_RANGE_UNSATISFIABLE, 0, 0},
        // Not ranges as RFC 9110 has them, or several: everything is sent.
        {"bytes=9223372036854775808-", SS_RANGE_NONE, 0, 0},
        {"bytes=20-10", SS_RANGE_NONE, 0, 0},
        {"bytes=0-1,5-6", SS_RANGE_NONE, 0, 0},
        {"bytes=", SS_RANGE_NONE, 0, 0},
        {"bytes=-", SS_RANGE_NONE, 0, 0},
        {"bytes=a-b", SS_RANGE_NONE, 0, 0},
        {"bytes=1", SS_RANGE_NONE, 0, 0},
        {"bytes=+1-2", SS_RANGE_NONE, 0, 0},
        {"bytes=1-2x", SS_RANGE_NONE, 0, 0},
        {"lines=1-2", SS_RANGE_NONE, 0, 0},
        {"", SS_RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t first, last;
        assert_int_equal(ss_range_parse(cases[i].header, 1000, &first, &last), cases[i].result);
        assert_int_equal(first, cases[i].first);
        assert_int_equal(last, cases[i].last);
    }
    uint64_t first, last;
    assert_int_equal(ss_range_parse("bytes=0-", 0, &first, &last), SS_RANGE_UNSATISFIABLE);
    assert_int_equal(ss_range_parse("bytes=-1", 0, &first, &last), SS_RANGE_UNSATISFIABLE);
}

static void compares_etags(void **state)
{
    (void)state;
    assert_true(ss_etag_in("\"a\"", "\"a\"", true));
    assert_true(ss_etag_in("\"b\", \"a\"", "\"a\"", true));
    assert_true(ss_etag_in("W/\"a\"", "\"a\"", true));
    assert_true(ss_etag_in("*", "\"a\"", false));
    assert_true(ss_etag_in("\"b\",\"a\"", "\"a\"", false));
    assert_false(ss_etag_in("W/\"a\"", "\"a\"", false));
    assert_false(ss_etag_in(NULL, "\"a\"", true));
    assert_false(ss_etag_in("", "\"a\"", true));
    assert_false(ss_etag_in("a", "\"a\"", true));
    assert_false(ss_etag_in("\"a", "\"a\"", true));
    assert_false(ss_etag_in("\"ab\"", "\"a\"", true));
    assert_false(ss_etag_in("x\"a\"", "\"a\"", true));
    assert_true(ss_if_range(NULL, "\"a\""));
    assert_true(ss_if_range("\"a\"", "\"a\""));
    assert_false(ss_if_range("W/\"a\"", "\"a\""));
    assert_false(ss_if_range("Sun, 22 Nov 2026 10:00:00 GMT", "\"a\""));
}

static void reads_tokens(void **state)
{
    (void)state;
    assert_string_equal(ss_auth_token("TargetToken abc", "TargetToken"), "abc");
    assert_string_equal(ss_auth_token("targettoken  abc", "TargetToken"), "abc");
    static const char *const bad[] = {"TargetToken",
                                      "TargetToken ",
                                      "TargetTokenabc",
                                      "GatewayToken abc",
                                      "TargetToken a b",
                                      "TargetToken abc\t",
                                      "",
                                      "TargetToken \xC3\xA4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(ss_auth_token(bad[i], "TargetToken"));
    assert_null(ss_auth_token(NULL, "TargetToken"));
    char longest[200] = "Bearer ";
    memset(longest + 7, 'x', SS_AUTH_TOKEN_MAX);
    assert_non_null(ss_auth_token(longest, "Bearer"));
    memset(longest + 7, 'x', SS_AUTH_TOKEN_MAX + 1);
    assert_null(ss_auth_token(longest, "Bearer"));
}

static void knows_ids(void **state)
{
    (void)state;
    assert_true(ss_auth_device_id("240ac4123456"));
    assert_true(ss_auth_device_id("a.b_c-D"));
    static const char *const bad[] = {
        "",          ".",    "..",
        "a/b",       "a%2f", "a b",
        "a\xC3\xA4", "a\\b", "0123456789012345678901234567890123456789012345678901234567890123x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ss_auth_device_id(bad[i]));
}

static void believes_listed_proxies_only(void **state)
{
    (void)state;
    struct ss_address_blocks proxies = {.count = 1};
    assert_true(ss_address_block_parse("10.0.0.0/8", &proxies.items[0]));
    static const struct {
        const char *header, *address;
        bool proxy;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", false},
        {"1.2.3.4, 192.0.2.7", "192.0.2.7", false}, // what the client wrote itself does not count
        {"192.0.2.7, 10.1.1.1", "192.0.2.7", false},
        {"192.0.2.7 ,10.1.1.1 , 10.2.2.2", "192.0.2.7", false},
        {"2001:db8::1", "2001:db8::1", false},
        {"10.9.9.9", "10.9.9.9", true},  // all are proxies: the first of them
        {"nonsense", "10.0.0.1", false}, // as it was
        {"1.2.3.4,", "10.0.0.1", false},
        {"10.0.0.0/8", "10.0.0.1", false},
        {"", "10.0.0.1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t address[16];
        char text[INET6_ADDRSTRLEN];
        inet_pton(AF_INET6, "::ffff:10.0.0.1", address);
        assert_int_equal(ss_auth_forwarded(cases[i].header, &proxies, address), cases[i].proxy);
        ss_address_text(address, text, sizeof text);
        assert_string_equal(text, cases[i].address);
    }
    char one[] = "ab:cd", two[] = "hash";
    char *items[] = {one, two};
    struct ss_config_list authorities = {items, 2};
    assert_true(ss_auth_authority("x;hash", &authorities));
    assert_true(ss_auth_authority("ab:cd", &authorities));
    assert_false(ss_auth_authority("ab", &authorities));
    assert_false(ss_auth_authority("has;h", &authorities));
    assert_false(ss_auth_authority("", &authorities));
    assert_false(ss_auth_authority(NULL, &authorities));
}

/// Name of the route of @p path, "" for none.
static const char *route(const char *path)
{
    char copy[256];
    const char *parts[16];
    unsigned count = 0;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *at = copy; at; at = strchr(at, '/')) {
        *at++ = '\0';
        parts[count++] = at;
    }
    const struct ss_http_route *found = ss_route_find(parts, count);
    return found ? found->name : "";
}

static void finds_routes(void **state)
{
    (void)state;
    assert_string_equal(route("/DEFAULT/controller/v1/d"), "poll");
    assert_string_equal(route("/t/controller/v1/d/configData"), "config_data");
    assert_string_equal(route("/t/controller/v1/d/deploymentBase/1"), "deployment");
    assert_string_equal(route("/t/controller/v1/d/deploymentBase/1/feedback"), "deployment_feedback");
    assert_string_equal(route("/t/controller/v1/d/confirmationBase/activateAutoConfirm"), "confirm_on");
    assert_string_equal(route("/t/controller/v1/d/confirmationBase/7"), "confirmation");
    assert_string_equal(route("/t/controller/v1/d/softwaremodules/1/artifacts/x.swu"), "download");
    assert_string_equal(route("/t/keyset/v1/lamp/after/0"), "key_set");
    assert_string_equal(route("/healthz"), "healthz");
    assert_string_equal(route("/api/v1/devices/d/actions"), "manage_device_actions");
    static const char *const none[] = {"/",
                                       "",
                                       "/DEFAULT",
                                       "//controller/v1/d",
                                       "/t/controller/v1/",
                                       "/t/controller/v1//configData",
                                       "/t/controller/v1/d/",
                                       "/t/controller/v1/d/configdata",
                                       "/t/controller/v2/d",
                                       "/t/controller/v1/d/deploymentBase//feedback",
                                       "/healthz/",
                                       "/api/v1/devices/",
                                       "/api/v1/devices/d/actions/1",
                                       "/api/v1/../../etc/passwd",
                                       "/x/api/v1/devices"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_string_equal(route(none[i]), "");
}

static void spreads_polls(void **state)
{
    (void)state;
    struct ss_polling polling = {.seconds = 300, .jitter = 10};
    unsigned low = 0, high = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "24:0a:%u", i);
        uint32_t sleep = ss_ddi_sleep(&polling, id);
        assert_in_range(sleep, 270, 330);
        assert_int_equal(ss_ddi_sleep(&polling, id), sleep);
        low += sleep < 290;
        high += sleep > 310;
    }
    assert_in_range(low, 230, 430);
    assert_in_range(high, 230, 430);
    assert_int_equal(ss_ddi_sleep(&(struct ss_polling){.seconds = 300}, "any"), 300);
    assert_int_equal(ss_ddi_sleep(&(struct ss_polling){.seconds = 1, .jitter = 90}, "any"), 1);
    for (unsigned i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", i);
        assert_in_range(ss_ddi_sleep(&(struct ss_polling){.seconds = 86399, .jitter = 90}, id), 1, 86399);
    }
}

#define NOW INT64_C(1800000000) // 08:00 UTC

/// The body of a poll of @p device; checked to be JSON.
static json_t *body(const struct ss_store_device *device, uint32_t key_set)
{
    static char url[] = "https://u.example.com", tenant[] = "DEFAULT";
    struct ss_server_config config = {.server = {.url = url, .tenant = tenant, .polling = {.seconds = 300}}};
    char text[4096];
    size_t len = ss_ddi_poll_body(&config, device, key_set, NOW, text, sizeof text);
    json_t *json = json_loadb(text, len, 0, NULL);
    assert_non_null(json);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json_object_get(json, "config"), "polling"), "sleep")),
        "00:05:00");
    return json;
}

/// The link @p name of a poll, "" for none.
static void check_link(const struct ss_store_device *device, uint32_t key_set, const char *name, const char *href)
{
    json_t *json = body(device, key_set);
    json_t *link = json_object_get(json_object_get(json, "_links"), name);
    const char *found = json_string_value(json_object_get(link, "href"));
    assert_string_equal(found ? found : "", href);
    json_decref(json);
}

#define BASE "https://u.example.com/DEFAULT/controller/v1/dev/"

static void links_what_there_is(void **state)
{
    (void)state;
    struct ss_store_device device = {.registration = {.id = "dev", .product = "lamp"}, .kind = SS_STORE_OPAQUE};
    json_t *json = body(&device, 0);
    assert_int_equal(json_object_size(json_object_get(json, "_links")), 0);
    json_decref(json);
    char href[160];
    device.open.action = 8;
    device.open.state = SS_STORE_RUNNING;
    snprintf(href, sizeof href, BASE "deploymentBase/8?c=%u", ss_ddi_action_hash(&device, NOW));
    check_link(&device, 0, "deploymentBase", href);
    uint32_t before = ss_ddi_action_hash(&device, NOW);
    device.open.forced = true;
    assert_int_not_equal(before, ss_ddi_action_hash(&device, NOW));
    device.open.state = SS_STORE_CANCELING;
    check_link(&device, 0, "cancelAction", BASE "cancelAction/8");
    check_link(&device, 0, "deploymentBase", "");
    device.open.state = SS_STORE_WAIT_FOR_CONFIRMATION;
    snprintf(href, sizeof href, BASE "confirmationBase/8?c=%u", ss_ddi_action_hash(&device, NOW));
    check_link(&device, 0, "confirmationBase", href);
    device.installed.action = 7;
    check_link(&device, 0, "installedBase", BASE "installedBase/7");
    check_link(&device, 0, "configData", "");
    device.wants_attributes = true;
    check_link(&device, 0, "configData", BASE "configData");
}

/// How long a poll at @p now says to sleep.
static const char *sleep_at(const struct ss_store_device *device, unsigned polling, int64_t now)
{
    static char url[] = "https://u.example.com", tenant[] = "DEFAULT";
    static char sleep[9];
    struct ss_server_config config = {.server = {.url = url, .tenant = tenant, .polling = {.seconds = polling}}};
    char text[4096];
    assert_true(ss_ddi_poll_body(&config, device, 0, now, text, sizeof text) > 0);
    assert_int_equal(sscanf(text, "{\"config\":{\"polling\":{\"sleep\":\"%8[0-9:]", sleep), 1);
    return sleep;
}

static void wakes_devices_for_their_window(void **state)
{
    (void)state;
    struct ss_store_device device = {.registration = {.id = "dev", .product = "lamp"}, .kind = SS_STORE_OPAQUE};
    device.open.action = 8;
    device.open.window = (struct ss_store_window){.start = 10 * 3600, .seconds = 3600, .daily = true};
    uint32_t before = ss_ddi_action_hash(&device, NOW), open = ss_ddi_action_hash(&device, NOW + 2 * 3600);
    assert_int_not_equal(before, open);
    assert_int_equal(before, ss_ddi_action_hash(&device, NOW + 2 * 3600 - 1));
    assert_int_equal(open, ss_ddi_action_hash(&device, NOW + 3 * 3600 - 1));
    assert_int_equal(before, ss_ddi_action_hash(&device, NOW + 3 * 3600));
    // A third of what is left, at least half a minute, and never more than it would have been.
    assert_string_equal(sleep_at(&device, 300, NOW), "00:05:00");
    assert_string_equal(sleep_at(&device, 7200, NOW), "00:40:00");
    assert_string_equal(sleep_at(&device, 7200, NOW + 7200 - 150), "00:00:50");
    assert_string_equal(sleep_at(&device, 7200, NOW + 7200 - 20), "00:00:30");
    assert_string_equal(sleep_at(&device, 20, NOW + 7200 - 20), "00:00:20");
    assert_string_equal(sleep_at(&device, 7200, NOW + 7200), "02:00:00");
    assert_string_equal(sleep_at(&device, 86399, NOW + 3 * 3600), "07:40:00");
    device.open.action = 0;
    assert_string_equal(sleep_at(&device, 7200, NOW), "02:00:00");
}

static void asks_sealed_devices_for_their_slot_first(void **state)
{
    (void)state;
    struct ss_store_device device = {.registration = {.id = "dev", .product = "lamp"}, .kind = SS_STORE_SEALED};
    device.open.action = 8;
    device.open.state = SS_STORE_RUNNING;
    check_link(&device, 0, "deploymentBase", "");
    check_link(&device, 0, "configData", BASE "configData");
    strcpy(device.told.slot, "ota_0");
    check_link(&device, 0, "configData", "");
    char href[160];
    snprintf(href, sizeof href, BASE "deploymentBase/8?c=%u", ss_ddi_action_hash(&device, NOW));
    check_link(&device, 0, "deploymentBase", href);
}

static void links_key_sets_and_freshness(void **state)
{
    (void)state;
    struct ss_store_device device = {.registration = {.id = "dev", .product = "lamp"}};
    check_link(&device, 5, "keySet", ""); // it has not told which one it has
    device.told.key_set = 4;
    check_link(&device, 5, "keySet", "https://u.example.com/DEFAULT/keyset/v1/lamp/after/4");
    check_link(&device, 4, "keySet", "");
    check_link(&device, 0, "freshness", "");
    device.freshness = 100;
    check_link(&device, 0, "freshness", BASE "freshness");
    device.freshness_fetched = 100;
    check_link(&device, 0, "freshness", "");
    device.freshness_fetched = 101; // of a clock that was ahead
    check_link(&device, 0, "freshness", BASE "freshness");
    device.freshness = 0;
    check_link(&device, 0, "freshness", "");
}

/// Every link there can be, to the byte; and no buffer that is too small holds half of it.
static void writes_the_whole_body_or_nothing(void **state)
{
    (void)state;
    static char url[] = "https://u.example.com", tenant[] = "DEFAULT";
    struct ss_server_config config = {.server = {.url = url, .tenant = tenant, .polling = {.seconds = 86399}}};
    struct ss_store_device device = {.registration = {.id = "dev", .product = "lamp"},
                                     .wants_attributes = true,
                                     .told = {.key_set = 4000000000u, .slot = "ota_0"},
                                     .open = {.action = INT64_MAX, .state = SS_STORE_RUNNING},
                                     .installed = {.action = 1020},
                                     .freshness = 1};
    char expected[1024], text[1024];
    snprintf(expected, sizeof expected,
             "{\"config\":{\"polling\":{\"sleep\":\"23:59:59\"}},\"_links\":{"
             "\"deploymentBase\":{\"href\":\"" BASE "deploymentBase/9223372036854775807?c=%u\"},"
             "\"installedBase\":{\"href\":\"" BASE "installedBase/1020\"},"
             "\"configData\":{\"href\":\"" BASE "configData\"},"
             "\"keySet\":{\"href\":\"https://u.example.com/DEFAULT/keyset/v1/lamp/after/4000000000\"},"
             "\"freshness\":{\"href\":\"" BASE "freshness\"}}}",
             ss_ddi_action_hash(&device, NOW));
    size_t len = strlen(expected);
    assert_int_equal(ss_ddi_poll_body(&config, &device, 4000000001u, NOW, text, len + 1), len);
    assert_memory_equal(text, expected, len);
    for (size_t size = 1; size <= len; size++)
        assert_int_equal(ss_ddi_poll_body(&config, &device, 4000000001u, NOW, text, size), 0);
}

static void limits_rates(void **state)
{
    (void)state;
    struct ss_limit *limit = ss_limit_new(64);
    assert_non_null(limit);
    struct ss_rate rate = {5, 10}; // one every two seconds, five at once
    uint64_t now = UINT64_C(1000000000);
    for (int i = 0; i < 5; i++)
        assert_true(ss_limit_take(limit, "a", 1, rate, now));
    assert_false(ss_limit_left(limit, "a", 1, rate, now));
    assert_false(ss_limit_take(limit, "a", 1, rate, now));
    assert_true(ss_limit_take(limit, "b", 1, rate, now));
    assert_false(ss_limit_take(limit, "a", 1, rate, now + 1999999));
    assert_true(ss_limit_left(limit, "a", 1, rate, now + 2000000));
    assert_true(ss_limit_take(limit, "a", 1, rate, now + 2000000));
    assert_false(ss_limit_take(limit, "a", 1, rate, now + 2000000));
    now += 12000000;
    for (int i = 0; i < 5; i++)
        assert_true(ss_limit_take(limit, "a", 1, rate, now));
    assert_false(ss_limit_take(limit, "a", 1, rate, now));
    for (int i = 0; i < 100; i++)
        assert_true(ss_limit_take(limit, "a", 1, (struct ss_rate){0, 10}, now));
    ss_limit_free(limit);
    ss_limit_free(NULL);
}

/// A full table forgets who was quiet, not who is loud.
static void forgets_the_quiet(void **state)
{
    (void)state;
    struct ss_limit *limit = ss_limit_new(16);
    struct ss_rate rate = {10, 10};
    uint64_t now = UINT64_C(1000000000);
    for (int i = 0; i < 10; i++)
        assert_true(ss_limit_take(limit, "loud", 4, rate, now));
    for (uint32_t other = 0; other < 1000; other++)
        assert_true(ss_limit_take(limit, &other, sizeof other, rate, now));
    assert_false(ss_limit_take(limit, "loud", 4, rate, now));
    ss_limit_free(limit);
}

/// Known answers of SipHash-1-3 (key 00..0f, input 00 01 02 …), from an implementation that gives the paper's for 2 and 4
/// rounds.
static void hashes(void **state)
{
    (void)state;
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0F0E0D0C0B0A0908)};
    uint8_t in[16];
    for (uint8_t i = 0; i < sizeof in; i++)
        in[i] = i;
    static const struct {
        size_t len;
        uint64_t hash;
    } known[] = {{0, UINT64_C(0xABAC0158050FC4DC)}, {1, UINT64_C(0xC9F49BF37D57CA93)},
                 {7, UINT64_C(0xD3927D989BB11140)}, {8, UINT64_C(0x369095118D299A8E)},
                 {9, UINT64_C(0x25A48EB36C063DE4)}, {15, UINT64_C(0xD320D86D2A519956)},
                 {16, UINT64_C(0xCC4FDD1A7D908B66)}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(ss_siphash(key, in, known[i].len), known[i].hash);
}

static void writes_log_lines(void **state)
{
    (void)state;
    char line[256];
    const char *pairs[] = {"device", "a b", "gone", NULL, "n", "1", "text", "x\n\"\\\x7F\xC3"};
    ss_log_format(line, sizeof line, SS_LOG_LOGFMT, "T", SS_LOG_WARNING, "two words", pairs, 8);
    assert_string_equal(line, "time=T level=warning message=\"two words\" device=\"a b\" n=1 "
                              "text=\"x\\u000a\\\"\\\\\\u007f\\u00c3\"\n");
    size_t len = ss_log_format(line, sizeof line, SS_LOG_JSON, "T", SS_LOG_ERROR, "m", pairs, 8);
    json_t *json = json_loadb(line, len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "device")), "a b");
    assert_string_equal(json_string_value(json_object_get(json, "level")), "error");
    json_decref(json);
    // What does not fit is left out whole; the line stays a line.
    for (size_t size = 48; size < 140; size++) {
        len = ss_log_format(line, size, SS_LOG_JSON, "T", SS_LOG_ERROR, "m", pairs, 8);
        assert_true(len < size);
        assert_int_equal(line[len - 1], '\n');
        json = json_loadb(line, len, 0, NULL);
        assert_non_null(json);
        json_decref(json);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_ranges),
        cmocka_unit_test(compares_etags),
        cmocka_unit_test(reads_tokens),
        cmocka_unit_test(knows_ids),
        cmocka_unit_test(believes_listed_proxies_only),
        cmocka_unit_test(finds_routes),
        cmocka_unit_test(spreads_polls),
        cmocka_unit_test(links_what_there_is),
        cmocka_unit_test(wakes_devices_for_their_window),
        cmocka_unit_test(asks_sealed_devices_for_their_slot_first),
        cmocka_unit_test(links_key_sets_and_freshness),
        cmocka_unit_test(writes_the_whole_body_or_nothing),
        cmocka_unit_test(limits_rates),
        cmocka_unit_test(forgets_the_quiet),
        cmocka_unit_test(hashes),
        cmocka_unit_test(writes_log_lines),
    };
    return ss_test_main(argc, argv, tests);
}
