// SPDX-License-Identifier: Apache-2.0
// Pull mode from one end to the other: updates, trials, cancellations, and the power cut and the answer lost at every
// exchange.
#include <stdio.h>

#include "support/pull_fault.h"

// -- Updates ----------------------------------------------------------------------------------------------------------

static void there_and_back(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_FINISH);
    pull_expect_updated(b);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    pull_offer(b, 3, 8);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_POLL "GET a deploymentBase/8\nPOST a deploymentBase/8/feedback proceeding none \"accepted\"\n"
                             "GET a artifact\n" PULL_POLL
                             "POST a deploymentBase/8/feedback downloaded none \"selected\"\nreset\n" PULL_CONFIG
                             "POST a deploymentBase/8/feedback closed success \"confirmed\"\n" PULL_POLL);
    assert_int_equal(pull_version(b), 3);
    assert_int_equal(b->running, 0);
    pull_bench_free(b);
}

static void tells_about_itself(void **state)
{
    (void)state;
    static const uint8_t table[32] = {0xAB, 1};
    struct pull_bench *b = pull_bench_new();
    b->config.version = "1.0 \"beta\"\n";
    b->identity.table_digest = table;
    b->identity.secure_version = 3;
    pull_run_for(b, 10);
    char digest[65], body[2048];
    uint8_t raw[32];
    assert_int_equal(ss_canonical_digest(pull_parcel(1, 0)->image, PULL_IMAGE, SS_VK_NONE, raw, NULL), SS_OK);
    for (unsigned i = 0; i < 32; i++)
        snprintf(digest + 2 * i, 3, "%02x", raw[i]);
    snprintf(body, sizeof body,
             "{\"mode\":\"merge\",\"data\":{\"slotseal.slot\":\"ota_0\",\"slotseal.version\":\"1.0 ?beta??\","
             "\"slotseal.digest\":\"%s\",\"slotseal.state\":\"confirmed\",\"slotseal.cause\":\"none\","
             "\"slotseal.alarm\":\"none\",\"slotseal.epoch\":\"0\",\"slotseal.sequence\":\"0\","
             "\"slotseal.key_set\":\"1\",\"slotseal.secure_version\":\"3\","
             "\"slotseal.table\":\"ab01000000000000000000000000000000000000000000000000000000000000\","
             "\"slotseal.bootloader\":\"1\",\"slotseal.agent\":\"slotseal 0.1.0\"}}",
             digest);
    assert_string_equal(b->config_body, body);
    // Asked for, it is told again.
    b->wants_config = true;
    pull_run_for(b, 4100);
    pull_expect(b, PULL_CONFIG PULL_POLL PULL_POLL PULL_CONFIG PULL_POLL);
    pull_bench_free(b);
}

// A device cannot be asked which sources it was built from in any other way.
static void is_of_this_version(void **state)
{
    (void)state;
    char line[200], version[32] = "", name[64];
    FILE *f = fopen(SS_SOURCE_DIR "/CMakeLists.txt", "r");
    assert_non_null(f);
    while (!*version && fgets(line, sizeof line, f))
        (void)!sscanf(line, "project(slotseal VERSION %31[0-9.]", version);
    fclose(f);
    snprintf(name, sizeof name, "slotseal %s", version);
    assert_string_equal(SS_PULL_AGENT, name);
}

static void knows_nobody(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request;
    *answer = (struct pull_answer){.head = {.status = 404}};
    b->wants_config = true;
}

// hawkBit does not know a device before its first poll, and asks for its attributes then.
static void is_made_known_by_a_poll(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"configData", 1, 1, knows_nobody, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 100);
    pull_expect(b, PULL_CONFIG PULL_POLL PULL_BEGIN PULL_TAKE PULL_FINISH);
    pull_bench_free(b);
}

// An alarm is told when it comes, not with the next reset.
static void tells_an_alarm(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->identity.alarm_seconds = 2 * 3600;
    pull_run_for(b, 3 * 3600 - 100);
    pull_expect(b, PULL_CONFIG PULL_POLL PULL_POLL PULL_POLL PULL_POLL);
    pull_run_for(b, 3600);
    pull_expect(b, PULL_CONFIG PULL_POLL);
    assert_non_null(strstr(b->config_body, "\"slotseal.alarm\":\"stale\""));
    pull_bench_free(b);
}

// The first download is cut; an alarm comes meanwhile.
static void cut_first(struct pull_bench *b, unsigned n, const struct ss_http_request *request, const char *path,
                      struct pull_answer *answer)
{
    pull_fault_hook(b, n, request, path, answer);
    if (n != 5)
        return;
    answer->cut = 7000;
    b->agent.record.stale_hours = 1;
}

// The attributes are made where a download writes: it starts over, and goes on where the last whole window ended.
static void tells_an_alarm_in_between(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 2, 3, pull_lose, 0};
    b->identity.alarm_seconds = 1;
    pull_spoil(b, &f);
    b->chunk = 100;
    b->hook = cut_first;
    pull_run_for(b, 3000);
    pull_expect(
        b, PULL_BEGIN PULL_TAKE
        "GET a artifact from 7000 if \"one\"\nGET a artifact from 7000 if \"one\"\n" PULL_CONFIG PULL_POLL PULL_OFFER
        "GET a artifact from 4096\n" PULL_FINISH);
    pull_expect_updated(b);
    pull_bench_free(b);
}

// The application is not willing until later; the server says "not now".
static void waits(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->unwilling = true;
    pull_run_for(b, 100);
    pull_expect(b, PULL_CONFIG PULL_POLL PULL_OFFER);
    b->unwilling = false;
    ss_pull_now(&b->pull);
    pull_run_for(b, 100);
    pull_expect(b, PULL_POLL PULL_OFFER PULL_ACCEPT PULL_TAKE PULL_FINISH);
    pull_expect_updated(b);
    pull_bench_free(b);
}

static void asks_when_told(void **state)
{
    (void)state;
    static const struct {
        const char *sleep;
        uint32_t chance, seconds;
    } cases[] = {
        {"01:00:00", 0, 3150},    {"01:00:00", 900, 4050}, {"00:00:00", 0, 9},
        {"99:99:99", 0, 75600},   {"00:01:30", 0, 79},     {"", 0, 263},
        {"1:00:00", 0, 263},      {"00:0a:30", 0, 263},    {"-1:00:00", 0, 263},
        {"00:05:00~10%", 0, 263}, {"24:00:01", 0, 75600},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        b->sleep = cases[i].sleep;
        b->chance = cases[i].chance;
        pull_run_for(b, cases[i].seconds - 1);
        pull_expect(b, PULL_CONFIG PULL_POLL);
        pull_run_for(b, 2);
        pull_expect(b, PULL_POLL);
        pull_bench_free(b);
    }
}

// -- Windows ----------------------------------------------------------------------------------------------------------

#define PULL_LOOK PULL_POLL PULL_OFFER

// Everything is there before the window opens, is asked about at every poll, and not read from flash again.
static void waits_for_its_window(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->update = "skip";
    b->window = "unavailable";
    b->sleep = "00:05:00";
    pull_run_for(b, 20);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_LOOK PULL_HELD);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    b->broken_reads = 1; // of whoever looks into the slot
    pull_run_for(b, 700);
    pull_expect(b, PULL_LOOK PULL_LOOK);
    assert_int_equal(b->broken_reads, 1);
    b->broken_reads = 0;
    assert_int_equal(b->selected, -1);
    pull_reset(b);
    pull_run_for(b, 20);
    pull_expect(b, "reset\n" PULL_CONFIG PULL_LOOK PULL_HELD); // it cannot know any more that it has told
    b->update = NULL;
    b->window = "available";
    pull_run_for(b, 400);
    pull_expect(b, PULL_LOOK PULL_FINISH);
    pull_expect_updated(b);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    pull_bench_free(b);
}

static void close_window(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request, (void)answer;
    b->update = "skip";
    b->window = "unavailable";
}

// A download takes longer than the window is open.
static void misses_its_window(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 1, close_window, 0};
    pull_spoil(b, &f);
    b->window = "available";
    b->sleep = "00:05:00";
    pull_run_for(b, 20);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_LOOK PULL_HELD);
    assert_int_equal(b->selected, -1);
    // The operator takes it back while it waits.
    b->cancel = PULL_ACTION;
    pull_run_for(b, 400);
    pull_expect(b, PULL_POLL "GET a cancelAction/7\n"
                             "POST a cancelAction/7/feedback closed success \"canceled\"\n" PULL_POLL);
    assert_int_equal(pull_version(b), 1);
    pull_bench_free(b);
}

static void end_action(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request, (void)answer;
    b->ended = true;
}

// What was only downloaded is there when it is assigned for good.
static void downloads_only(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"deploymentBase/7/feedback", 2, 2, end_action, 0};
    pull_spoil(b, &f);
    b->update = "skip";
    b->sleep = "00:05:00";
    pull_run_for(b, 400);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_HELD PULL_POLL);
    b->hook = NULL;
    b->update = NULL;
    pull_offer(b, 2, 8);
    pull_run_for(b, 300);
    pull_expect(b, PULL_POLL
                "GET a deploymentBase/8\nPOST a deploymentBase/8/feedback proceeding none \"accepted\"\n" PULL_POLL
                "POST a deploymentBase/8/feedback downloaded none \"selected\"\nreset\n" PULL_CONFIG
                "POST a deploymentBase/8/feedback closed success \"confirmed\"\n" PULL_POLL);
    pull_expect_updated(b);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    pull_bench_free(b);
}

static void close_window_busy(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    close_window(b, request, answer);
    *answer = (struct pull_answer){.head = {.status = 503, .length = 0, .retry_after = "60"}};
}

// Everything is there already, and the window closes while the server is too busy to hear that it begins.
static void is_heard_too_late(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault ends = {"deploymentBase/7/feedback", 2, 2, end_action, 0};
    struct pull_fault busy = {"deploymentBase/8/feedback", 1, 1, close_window_busy, 0};
    pull_spoil(b, &ends);
    b->update = "skip";
    b->sleep = "00:05:00";
    pull_run_for(b, 400);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_HELD PULL_POLL);
    pull_spoil(b, &busy);
    b->update = NULL;
    b->window = "available";
    pull_offer(b, 2, 8);
    pull_run_for(b, 500);
    assert_int_equal(busy.seen > 1, 1);
    assert_int_equal(b->selected, -1);
    b->update = NULL;
    b->window = "available";
    pull_run_for(b, 700);
    pull_expect_updated(b);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    pull_bench_free(b);
}

static void fail_500(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)b, (void)request;
    *answer = (struct pull_answer){.head = {.status = 500}};
}

static void gone_410(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request;
    *answer = (struct pull_answer){.head = {.status = 410}};
    b->ended = true;
}

// Nobody hears that it is all there: it is told three times, then the server is asked anew. An action that is over is as good.
static void is_not_heard_while_it_waits(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"deploymentBase/7/feedback", 2, 4, fail_500, 0};
    pull_spoil(b, &f);
    b->update = "skip";
    b->sleep = "01:00:00";
    pull_run_for(b, 400);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_HELD PULL_HELD PULL_HELD PULL_LOOK PULL_HELD);
    pull_bench_free(b);
    b = pull_offered();
    f = (struct pull_fault){"deploymentBase/7/feedback", 2, 2, gone_410, 0};
    pull_spoil(b, &f);
    b->update = "skip";
    b->sleep = "01:00:00";
    pull_run_for(b, 400);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_HELD);
    pull_bench_free(b);
}

// -- Trials -----------------------------------------------------------------------------------------------------------

static void confirms_when_it_has_proved_itself(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->self_test = SS_SELF_TEST_PENDING;
    pull_run_for(b, 500);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL PULL_SWITCH "reset\n" PULL_CONFIG);
    assert_true(ss_pull_reached(&b->pull));
    assert_non_null(strstr(b->config_body, "\"slotseal.state\":\"trial\""));
    b->self_test = SS_SELF_TEST_PASSED;
    pull_run_for(b, 5);
    pull_expect(b, PULL_CONFIG PULL_CLOSED PULL_POLL);
    assert_non_null(strstr(b->config_body, "\"slotseal.state\":\"confirmed\""));
    pull_expect_updated(b);
    pull_bench_free(b);
}

static void rejects_itself(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->self_test = SS_SELF_TEST_FAILED;
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL PULL_SWITCH "reset\nreset\n" PULL_CONFIG PULL_FAILED
                                                              "\"rejected\"\n" PULL_POLL);
    assert_non_null(strstr(b->config_body, "\"slotseal.state\":\"rolled-back\",\"slotseal.cause\":\"rejected\""));
    assert_int_equal(pull_version(b), 1);
    // Offered again under another number, it is not even begun.
    pull_offer(b, 2, 8);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_POLL "GET a deploymentBase/8\nPOST a deploymentBase/8/feedback closed failure "
                             "\"given-up\",\"rejected\"\n" PULL_POLL);
    pull_bench_free(b);
}

// The new app cannot make up its mind. The slot is complete, so nothing is downloaded again.
static void is_taken_back_in_the_end(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->self_test = SS_SELF_TEST_PENDING;
    pull_run_for(b, 5 * 600 + 60);
    char again[1024], all[4096] = PULL_BEGIN PULL_TAKE PULL_POLL PULL_SWITCH "reset\n" PULL_CONFIG;
    snprintf(again, sizeof again, "%s",
             "reset\n" PULL_CONFIG PULL_POLL PULL_OFFER PULL_POLL PULL_SWITCH "reset\n" PULL_CONFIG);
    for (unsigned i = 0; i < 4; i++)
        strcat(all, again);
    strcat(all, "reset\n" PULL_CONFIG PULL_FAILED "\"given-up\",\"unconfirmed\"\n" PULL_POLL);
    pull_expect(b, all);
    assert_int_equal(pull_version(b), 1);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    pull_bench_free(b);
}

// -- What the server may say in between -------------------------------------------------------------------------------

#define CANCEL "GET a cancelAction/7\n"

static void cancel_now(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request, (void)answer;
    b->cancel = PULL_ACTION;
}

static void is_canceled(void **state)
{
    (void)state;
    static const struct {
        const char *path; ///< behind this request the server is told to cancel
        unsigned n;
        const char *lines;
    } cases[] = {
        {"configData", 1, PULL_CONFIG},
        {"deploymentBase/7/feedback", 1, PULL_BEGIN PULL_TAKE},
        {"artifact", 1, PULL_BEGIN PULL_TAKE},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {cases[i].path, cases[i].n, cases[i].n, cancel_now, 0};
        char lines[1024];
        pull_spoil(b, &f);
        pull_run_for(b, 3000);
        snprintf(lines, sizeof lines, "%s%s", cases[i].lines,
                 PULL_POLL CANCEL "POST a cancelAction/7/feedback closed success \"canceled\"\n" PULL_POLL);
        pull_expect(b, lines);
        assert_int_equal(pull_version(b), 1);
        assert_int_equal(b->stored.unreported, 0);
        // What was cancelled may come again.
        b->cancel = 0;
        pull_offer(b, 2, 8);
        pull_run_for(b, 3000);
        assert_int_equal(pull_version(b), 2);
        pull_bench_free(b);
    }
}

// The answer to a cancellation is repeated until it is heard.
static void repeats_that_it_is_canceled(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    struct pull_fault f = {"cancelAction/5/feedback", 1, 4, pull_lose, 0};
    b->cancel = 5;
    pull_spoil(b, &f);
    pull_run_for(b, 1000);
#define CANCELED "POST a cancelAction/5/feedback closed success \"canceled\"\n"
    pull_expect(b,
                PULL_CONFIG PULL_POLL "GET a cancelAction/5\n" CANCELED CANCELED CANCELED CANCELED CANCELED PULL_POLL);
    pull_bench_free(b);
}

// Too late: the new app runs, and the server has heard so.
static void is_not_canceled_any_more(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_FINISH);
    b->cancel = PULL_ACTION;
    pull_run_for(b, 3000);
    pull_expect(b, PULL_POLL CANCEL "POST a cancelAction/7/feedback rejected none \"selected\"\n" PULL_POLL);
    pull_bench_free(b);
}

static void keeps_canceling(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request, (void)answer;
    b->canceled = false;
}

// A server that repeats itself does not keep the device busy.
static void answers_once_in_a_cycle(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    struct pull_fault f = {"cancelAction/5/feedback", 1, 100, keeps_canceling, 0};
    b->cancel = 5;
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_CONFIG PULL_POLL "GET a cancelAction/5\n"
                                         "POST a cancelAction/5/feedback closed success \"canceled\"\n" PULL_POLL
                                         "GET a cancelAction/5\n");
    pull_bench_free(b);
    b = pull_bench_new();
    b->wants_config = b->key_set_link = b->freshness_link = true;
    pull_run_for(b, 3000);
    pull_expect(b, PULL_CONFIG PULL_POLL "GET a /DEFAULT/keyset/v1/p/after/1 bare\n" PULL_POLL
                                         "GET a freshness\n" PULL_POLL);
    pull_bench_free(b);
}

static void withdraw(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request;
    b->offer = NULL;
    *answer = (struct pull_answer){.head = {.status = 404}};
}

static void withdraw_behind(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request, (void)answer;
    b->offer = NULL;
}

static void is_withdrawn(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool behind;
        const char *lines;
    } cases[] = {
        {"deploymentBase/7", false, PULL_CONFIG PULL_POLL PULL_OFFER PULL_POLL},
        {"deploymentBase/7/feedback", false, PULL_BEGIN PULL_POLL},
        {"artifact", false, PULL_BEGIN PULL_TAKE PULL_POLL},
        {"artifact", true, PULL_BEGIN PULL_TAKE PULL_POLL PULL_POLL},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {cases[i].path, 1, 1, cases[i].behind ? withdraw_behind : withdraw, 0};
        pull_spoil(b, &f);
        pull_run_for(b, 3000);
        pull_expect(b, cases[i].lines);
        assert_int_equal(pull_version(b), 1);
        pull_offer(b, 2, 8);
        pull_run_for(b, 3000);
        assert_int_equal(pull_version(b), 2);
        pull_bench_free(b);
    }
}

static void replace(struct pull_bench *b, const struct ss_http_request *request, struct pull_answer *answer)
{
    (void)request, (void)answer;
    pull_offer(b, 3, 8);
    b->etag = "\"two\"";
}

// Another action takes its place before the switch: that one is installed, and the first never mentioned again.
static void is_replaced(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 1, replace, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL PULL_POLL
                "GET a deploymentBase/8\nPOST a deploymentBase/8/feedback proceeding none \"accepted\"\n"
                "GET a artifact\n" PULL_POLL
                "POST a deploymentBase/8/feedback downloaded none \"selected\"\nreset\n" PULL_CONFIG
                "POST a deploymentBase/8/feedback closed success \"confirmed\"\n" PULL_POLL);
    assert_int_equal(pull_version(b), 3);
    pull_bench_free(b);
}

// -- The same again ---------------------------------------------------------------------------------------------------

static void says_that_it_runs(void **state)
{
    (void)state;
    for (unsigned forgets = 0; forgets < 2; forgets++) {
        struct pull_bench *b = pull_offered();
        pull_run_for(b, 3000);
        pull_expect(b, PULL_BEGIN PULL_TAKE PULL_FINISH);
        if (forgets) {
            memset(&b->stored, 0, sizeof b->stored);
            pull_reset(b);
        } else {
            ss_pull_now(&b->pull);
        }
        b->offer = pull_parcel(2, 1);
        b->action = 8;
        b->ended = false;
        pull_run_for(b, 100);
        pull_expect(b, forgets ? "reset\n" PULL_CONFIG PULL_POLL "GET a deploymentBase/8\n"
                                 "POST a deploymentBase/8/feedback closed success \"confirmed\"\n" PULL_POLL
                               : PULL_POLL "GET a deploymentBase/8\n"
                                           "POST a deploymentBase/8/feedback closed success \"confirmed\"\n" PULL_POLL);
        pull_bench_free(b);
    }
}

// The record is lost while the new app is on trial: the offer tells the device what it is.
static void survives_lost_storage(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->self_test = SS_SELF_TEST_PENDING;
    pull_run_for(b, 100);
    memset(&b->stored, 0, sizeof b->stored);
    memset(&b->agent.record, 0, sizeof b->agent.record);
    b->ota_state[b->running] = SS_OTA_VALID; // otadata outlived it
    b->log_len = 0;
    pull_reset(b);
    pull_run_for(b, 100);
    pull_expect(b, "reset\n" PULL_CONFIG PULL_POLL PULL_OFFER PULL_CLOSED PULL_POLL);
    pull_expect_updated(b);
    pull_bench_free(b);
}

// -- Power and lost answers, everywhere -------------------------------------------------------------------------------

/// Exchanges of an undisturbed update.
static unsigned count_exchanges(void)
{
    struct pull_bench *b = pull_offered();
    pull_run_for(b, 3000);
    unsigned n = b->exchanges;
    pull_bench_free(b);
    return n;
}

static unsigned count(const char *log, const char *line)
{
    unsigned n = 0;
    for (const char *p = log; (p = strstr(p, line)); p++)
        n++;
    return n;
}

/// The exchange behind which a reset is due.
#define SWITCH 7

static void survives_a_reset_in_every_exchange(void **state)
{
    (void)state;
    unsigned exchanges = count_exchanges();
    assert_int_equal(exchanges, 10);
    for (unsigned n = 1; n <= exchanges; n++) {
        for (int place = 0; place < 3; place++) {
            struct pull_bench *b = pull_offered();
            b->cut_at = n;
            b->cut_place = place;
            pull_run_for(b, 5000);
            assert_int_equal(b->cut_at, place == 1 && b->cut_at ? n : 0); // nothing is in the middle of an empty answer
            pull_expect_updated(b);
            assert_int_equal(b->resets, b->cut_at || n == SWITCH ? 1 : 2); // there, it is the reset that is due
            // Told once, or once more if it could not know that it was heard.
            assert_in_range(count(b->log, PULL_CLOSED), 1, 2);
            assert_int_equal(count(b->log, "failure"), 0);
            assert_true(b->downloaded <= PULL_IMAGE + PULL_IMAGE / 2 + b->chunk);
            pull_bench_free(b);
        }
    }
}

// … and then in every exchange of the recovery.
static void survives_two_resets(void **state)
{
    (void)state;
    unsigned exchanges = count_exchanges();
    for (unsigned n = 1; n <= exchanges; n++) {
        for (unsigned m = 1; m <= 12; m++) {
            for (int places = 0; places < 9; places++) {
                struct pull_bench *b = pull_offered();
                b->cut_at = n;
                b->cut_place = places / 3;
                b->then_at = m;
                b->then_place = places % 3;
                pull_run_for(b, 5000);
                pull_expect_updated(b);
                assert_in_range(count(b->log, PULL_CLOSED), 1, 3);
                assert_int_equal(count(b->log, "failure"), 0);
                pull_bench_free(b);
            }
        }
    }
}

static void time_out(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->status = SS_ERROR_TIMEOUT;
    a->len /= 2;
}

static void fail_inside(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 500, .length = SS_HTTP_LENGTH_UNKNOWN},
                              .body = (const uint8_t *)"oops",
                              .len = 4,
                              .endless = true};
}

static void forbid(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 401, .length = 0}};
}

static void be_busy(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 503, .length = 0, .retry_after = "120"}};
}

static void be_a_portal(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    static const char page[] = "<!DOCTYPE html><html><body>Welcome to this hotel</body></html>";
    (void)b;
    bool post = r->method != SS_HTTP_GET; // a portal takes anything
    *a = (struct pull_answer){.head = {.status = post ? 500 : 200, .length = sizeof page - 1},
                              .body = (const uint8_t *)page,
                              .len = sizeof page - 1};
}

static void redirect(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 307, .length = 0, .location = "https://evil.example/"}};
}

// Once, at every exchange: the update is installed all the same, and what was lost is asked again.
static void survives_every_lost_answer(void **state)
{
    (void)state;
    static void (*const spoils[])(struct pull_bench *, const struct ss_http_request *, struct pull_answer *) = {
        pull_lose, time_out, fail_inside, forbid, be_busy, be_a_portal, redirect};
    for (unsigned s = 0; s < sizeof spoils / sizeof *spoils; s++) {
        for (unsigned n = 1; n <= 10; n++) {
            struct pull_bench *b = pull_offered();
            struct pull_fault f = {NULL, n, n, spoils[s], 0};
            pull_spoil(b, &f);
            pull_run_for(b, 6000);
            pull_expect_updated(b);
            assert_int_equal(b->resets, 1);
            assert_in_range(count(b->log, PULL_CLOSED), 1, 2);
            assert_int_equal(count(b->log, "failure"), 0);
            pull_bench_free(b);
        }
    }
}

// Behind the switch nothing holds the device up: three times, then the new app tells.
static void leaves_without_being_heard(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"deploymentBase/7/feedback", 2, 4, pull_lose, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL PULL_SWITCH PULL_SWITCH PULL_SWITCH
                "reset\n" PULL_CONFIG PULL_CLOSED PULL_POLL);
    pull_bench_free(b);
}

static void refuse(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 400}};
}

// A server that does not want to know is not asked for ever.
static void takes_no_for_an_answer(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"deploymentBase/7/feedback", 1, 9, refuse, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 100);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_FINISH);
    assert_int_equal(b->stored.unreported, 0);
    pull_bench_free(b);
}

// -- Time between failures --------------------------------------------------------------------------------------------

static void backs_off(void **state)
{
    (void)state;
    static const uint32_t delays[] = {5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800};
    struct pull_bench *b = pull_bench_new();
    struct pull_fault f = {"configData", 1, 100, pull_lose, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 1);
    pull_expect(b, PULL_CONFIG);
    for (unsigned i = 0; i < sizeof delays / sizeof *delays; i++) {
        pull_run_for(b, delays[i] - 1);
        pull_expect(b, "");
        pull_run_for(b, 1);
        pull_expect(b, PULL_CONFIG);
    }
    pull_bench_free(b);
}

static const char *retry_after;

static void be_busy_for(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 429, .length = 0, .retry_after = retry_after}};
}

static void waits_as_long_as_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t seconds;
    } cases[] = {
        {"120", 120}, {"7200", 7200}, {"99999999999999", 86400}, {"0", 5}, {"Wed, 21 Oct 2015 07:28:00 GMT", 5},
        {NULL, 5}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_bench_new();
        struct pull_fault f = {"configData", 1, 1, be_busy_for, 0};
        retry_after = cases[i].text;
        pull_spoil(b, &f);
        pull_run_for(b, cases[i].seconds);
        pull_expect(b, PULL_CONFIG);
        pull_run_for(b, 1);
        pull_expect(b, PULL_CONFIG PULL_POLL);
        pull_bench_free(b);
    }
}

static void spreads_the_start(void **state)
{
    (void)state;
    struct pull_bench *b = pull_bench_new();
    b->config.spread_seconds = 100;
    b->chance = 57;
    pull_reset(b);
    pull_run_for(b, 57);
    pull_expect(b, "reset\n");
    pull_run_for(b, 1);
    pull_expect(b, PULL_CONFIG PULL_POLL);
    pull_bench_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(tells_about_itself),
        cmocka_unit_test(is_of_this_version),
        cmocka_unit_test(is_made_known_by_a_poll),
        cmocka_unit_test(tells_an_alarm),
        cmocka_unit_test(tells_an_alarm_in_between),
        cmocka_unit_test(waits),
        cmocka_unit_test(asks_when_told),
        cmocka_unit_test(waits_for_its_window),
        cmocka_unit_test(misses_its_window),
        cmocka_unit_test(downloads_only),
        cmocka_unit_test(is_heard_too_late),
        cmocka_unit_test(is_not_heard_while_it_waits),
        cmocka_unit_test(confirms_when_it_has_proved_itself),
        cmocka_unit_test(rejects_itself),
        cmocka_unit_test(is_taken_back_in_the_end),
        cmocka_unit_test(is_canceled),
        cmocka_unit_test(repeats_that_it_is_canceled),
        cmocka_unit_test(is_not_canceled_any_more),
        cmocka_unit_test(answers_once_in_a_cycle),
        cmocka_unit_test(is_withdrawn),
        cmocka_unit_test(is_replaced),
        cmocka_unit_test(says_that_it_runs),
        cmocka_unit_test(survives_lost_storage),
        cmocka_unit_test(survives_a_reset_in_every_exchange),
        cmocka_unit_test(survives_two_resets),
        cmocka_unit_test(survives_every_lost_answer),
        cmocka_unit_test(leaves_without_being_heard),
        cmocka_unit_test(takes_no_for_an_answer),
        cmocka_unit_test(backs_off),
        cmocka_unit_test(waits_as_long_as_told),
        cmocka_unit_test(spreads_the_start),
    };
    return ss_test_main(argc, argv, tests);
}
