// SPDX-License-Identifier: Apache-2.0
// Every answer to a download has one defined outcome; and the credential goes to the server and to nobody else.
#include <stdio.h>
#include <stdlib.h>

#include "support/pull_fault.h"

#define WINDOW 4096u

typedef void (*spoil_fn)(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a);

// -- What may come instead of the bytes -------------------------------------------------------------------------------

static void cut_at_7000(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->cut = 7000;
}

// Chunked, and over before it should be.
static void too_short(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.length = SS_HTTP_LENGTH_UNKNOWN;
    a->len -= 5000;
}

static void endless(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.length = SS_HTTP_LENGTH_UNKNOWN;
    a->endless = true;
}

static void other_length(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.length = PULL_IMAGE + 1;
}

static void a_page(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){
        .head = {.status = 200, .length = 20}, .body = (const uint8_t *)"<html>no such</html>", .len = 20};
}

static void a_part_unasked(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.status = 206;
    a->head.content_range = "bytes 0-25599/25600";
}

static void unsatisfiable(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = 416, .length = 0, .content_range = "bytes */100"}};
}

static void the_whole(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)r;
    a->head.status = 200;
    a->head.content_range = NULL;
    a->body = b->offer->image;
    a->len = a->head.length = PULL_IMAGE;
}

static void the_whole_without_etag(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    the_whole(b, r, a);
    a->head.etag = NULL;
    a->head.length = SS_HTTP_LENGTH_UNKNOWN;
}

static void the_whole_of_another(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    the_whole(b, r, a);
    a->head.etag = "\"other\"";
}

static void part_of_another(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.etag = "\"other\"";
}

static const char *range;

static void other_range(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.content_range = range;
}

static void open_range(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    other_range(b, r, a);
    a->head.length = SS_HTTP_LENGTH_UNKNOWN;
}

static void shorter_part(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.content_range = "bytes 7000-7999/25600";
    a->len = a->head.length = 1000;
}

static void status_500(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.status = 500;
}

static void status_204(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.status = 204;
}

static void status_403(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->head.status = 403;
}

#define FROM_7000 "GET a artifact from 7000 if \"one\"\n"
#define AGAIN     PULL_POLL PULL_OFFER

// The first request, for all of it.
static void first_answers(void **state)
{
    (void)state;
    static const struct {
        const char *title;
        spoil_fn spoil;
        const char *lines; ///< between the beginning and the end
        uint64_t most;     ///< bytes over the network
    } cases[] = {
        {"cut", cut_at_7000, PULL_TAKE FROM_7000, PULL_IMAGE},
        {"no answer", pull_lose, PULL_TAKE PULL_TAKE, PULL_IMAGE},
        {"too short", too_short, PULL_TAKE "GET a artifact from 20600 if \"one\"\n", PULL_IMAGE},
        {"endless", endless, PULL_TAKE, PULL_IMAGE},
        {"another length", other_length, PULL_TAKE AGAIN PULL_TAKE, PULL_IMAGE},
        {"a page", a_page, PULL_TAKE AGAIN PULL_TAKE, PULL_IMAGE},
        {"a part", a_part_unasked, PULL_TAKE PULL_TAKE, PULL_IMAGE},
        {"416", unsatisfiable, PULL_TAKE AGAIN PULL_TAKE, PULL_IMAGE},
        {"500", status_500, PULL_TAKE PULL_TAKE, PULL_IMAGE},
        {"204", status_204, PULL_TAKE PULL_TAKE, PULL_IMAGE},
        {"403", status_403, PULL_TAKE PULL_TAKE, PULL_IMAGE},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {"artifact", 1, 1, cases[i].spoil, 0};
        char lines[1024];
        pull_spoil(b, &f);
        pull_run_for(b, 3000);
        snprintf(lines, sizeof lines, "%s%s%s", PULL_BEGIN, cases[i].lines, PULL_FINISH);
        if (strcmp(b->log, lines) != 0)
            fail_msg("%s:\n%s", cases[i].title, b->log);
        pull_expect_updated(b);
        assert_true(b->downloaded <= cases[i].most);
        pull_bench_free(b);
    }
}

static struct pull_fault *second;

// Cuts the first answer at 7000 and spoils the second.
static void cut_then(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    struct pull_fault *f = b->hook_context;
    if (f->seen == 1)
        cut_at_7000(b, r, a);
    else
        second->spoil(b, r, a);
}

// The second request, for what is missing.
static void later_answers(void **state)
{
    (void)state;
    static const struct {
        const char *title;
        spoil_fn spoil;
        const char *range;
        const char *lines;
        uint64_t most;
    } cases[] = {
        {"all of it", the_whole, NULL, "", PULL_IMAGE + 7000},
        {"all of it, nothing said", the_whole_without_etag, NULL, "", PULL_IMAGE + 7000},
        {"all of another", the_whole_of_another, NULL, AGAIN "GET a artifact from 4096\n", PULL_IMAGE + 7000},
        {"part of another", part_of_another, NULL, AGAIN "GET a artifact from 4096\n", PULL_IMAGE + 7000},
        {"416", unsatisfiable, NULL, AGAIN "GET a artifact from 4096\n", PULL_IMAGE + 7000},
        {"a shorter part", shorter_part, NULL, "GET a artifact from 8000 if \"one\"\n", PULL_IMAGE},
        {"unknown total", other_range, "bytes 7000-25599/*", "", PULL_IMAGE},
        {"unknown length", open_range, "bytes 7000-25599/25600", "", PULL_IMAGE},
        {"no range", other_range, NULL, FROM_7000, PULL_IMAGE},
        {"an empty range", other_range, "", FROM_7000, PULL_IMAGE},
        {"from the start", other_range, "bytes 0-25599/25600", FROM_7000, PULL_IMAGE},
        {"from a byte earlier", other_range, "bytes 6999-25599/25600", FROM_7000, PULL_IMAGE},
        {"from a byte later", other_range, "bytes 7001-25599/25600", FROM_7000, PULL_IMAGE},
        {"ends before it begins", open_range, "bytes 7000-6999/25600", FROM_7000, PULL_IMAGE},
        {"other unit", other_range, "lines 7000-25599/25600", FROM_7000, PULL_IMAGE},
        {"no unit", other_range, "7000-25599/25600", FROM_7000, PULL_IMAGE},
        {"no total", other_range, "bytes 7000-25599", FROM_7000, PULL_IMAGE},
        {"no end", other_range, "bytes 7000-/25600", FROM_7000, PULL_IMAGE},
        {"no start", other_range, "bytes -25599/25600", FROM_7000, PULL_IMAGE},
        {"something behind", other_range, "bytes 7000-25599/25600 ", FROM_7000, PULL_IMAGE},
        {"something behind a star", other_range, "bytes 7000-25599/*1", FROM_7000, PULL_IMAGE},
        {"end beyond the total", open_range, "bytes 7000-25600/25600", FROM_7000, PULL_IMAGE},
        {"numbers beyond 32 bits", open_range, "bytes 4294974296-4294992895/25600", FROM_7000, PULL_IMAGE},
        {"length of another part", other_range, "bytes 7000-25598/25600", FROM_7000, PULL_IMAGE},
        {"total of another", open_range, "bytes 7000-25599/25601", AGAIN "GET a artifact from 4096\n",
         PULL_IMAGE + 7000},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault first = {"artifact", 1, 2, cut_then, 0}, then = {.spoil = cases[i].spoil};
        char lines[1024];
        second = &then;
        range = cases[i].range;
        pull_spoil(b, &first);
        pull_run_for(b, 3000);
        snprintf(lines, sizeof lines, "%s%s%s%s", PULL_BEGIN, PULL_TAKE FROM_7000, cases[i].lines, PULL_FINISH);
        if (strcmp(b->log, lines) != 0)
            fail_msg("%s:\n%s", cases[i].title, b->log);
        pull_expect_updated(b);
        if (b->downloaded > cases[i].most)
            fail_msg("%s: %u bytes", cases[i].title, (unsigned)b->downloaded);
        pull_bench_free(b);
    }
}

static size_t cut_place;

static void cut_anywhere(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    a->cut = cut_place;
}

// At any byte, nothing is fetched twice.
static void is_cut_at_any_byte(void **state)
{
    (void)state;
    for (cut_place = 1; cut_place<PULL_IMAGE; cut_place += cut_place % 4096> 4000 || cut_place % 4096 < 20 ? 1 : 97) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {"artifact", 1, 1, cut_anywhere, 0};
        pull_spoil(b, &f);
        pull_run_for(b, 100);
        pull_expect_updated(b);
        assert_int_equal(b->downloaded, PULL_IMAGE);
        pull_bench_free(b);
    }
}

// A connection that always breaks after 1,000 bytes gets there, too; it counts as progress each time.
static void crawls(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 1000, cut_anywhere, 0};
    cut_place = 1000;
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect_updated(b);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    assert_int_equal(f.seen, 26);
    pull_bench_free(b);
}

// Three failures without a byte, and the deployment is read again: perhaps the address has changed.
static void asks_for_another_address(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 3, pull_lose, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_TAKE PULL_TAKE AGAIN PULL_TAKE PULL_FINISH);
    pull_bench_free(b);
}

// -- Damage -----------------------------------------------------------------------------------------------------------

static uint8_t damaged[PULL_IMAGE + 900];
static size_t damage_at;

static void damage(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    if (damage_at < r->from)
        return;
    memcpy(damaged, b->offer->image, PULL_IMAGE);
    damaged[damage_at] ^= 1;
    a->body = damaged + r->from;
}

// Only the damaged window comes again.
static void fetches_a_window_again(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *lines;
    } cases[] = {{100, PULL_TAKE PULL_TAKE},
                 {4096, PULL_TAKE "GET a artifact from 4096 if \"one\"\n"},
                 {20479, PULL_TAKE "GET a artifact from 16384 if \"one\"\n"},
                 {PULL_IMAGE - 1, PULL_TAKE "GET a artifact from 24576 if \"one\"\n"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {"artifact", 1, 1, damage, 0};
        char lines[1024];
        damage_at = cases[i].at;
        pull_spoil(b, &f);
        pull_run_for(b, 100);
        snprintf(lines, sizeof lines, "%s%s%s", PULL_BEGIN, cases[i].lines, PULL_FINISH);
        pull_expect(b, lines);
        assert_int_equal(pull_version(b), 2);
        // Two chunks of 1,460 bytes are under way at most when it shows.
        assert_true(b->downloaded < PULL_IMAGE + WINDOW + 2 * b->chunk);
        pull_bench_free(b);
    }
}

static void gives_up_on_damage(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 100, damage, 0};
    damage_at = 5000;
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE
                "GET a artifact from 4096 if \"one\"\nGET a artifact from 4096 if \"one\"\n"
                "GET a artifact from 4096 if \"one\"\nGET a artifact from 4096 if \"one\"\n" PULL_FAILED
                "\"given-up\",\"window\"\n" PULL_POLL);
    assert_int_equal(pull_version(b), 1);
    pull_bench_free(b);
}

// Bytes that decrypt to no image: the agent ends it after 4 KiB, five times.
static void gives_up_on_what_is_no_image(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 100, damage, 0};
    damage_at = 0;
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE AGAIN PULL_TAKE AGAIN PULL_TAKE AGAIN PULL_TAKE AGAIN PULL_TAKE PULL_FAILED
                "\"given-up\",\"sealed-wrong\"\n" PULL_POLL);
    assert_true(b->downloaded <= (size_t)5 * (WINDOW + b->chunk));
    pull_bench_free(b);
}

static void says_that_its_flash_fails(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->broken_writes = 1;
    pull_run_for(b, 100);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_FAILED "\"flash\"\n" PULL_POLL);
    // The action has ended; offered again, there is another chance.
    pull_offer(b, 2, 8);
    pull_run_for(b, 4000);
    assert_int_equal(pull_version(b), 2);
    pull_bench_free(b);
}

// The bootloader would not start it: verified five times, downloaded once.
static void gives_up_on_what_does_not_start(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    b->unbootable = 9;
    pull_run_for(b, 3000);
    pull_expect(
        b, PULL_BEGIN PULL_TAKE PULL_POLL AGAIN PULL_POLL AGAIN PULL_POLL AGAIN PULL_POLL AGAIN PULL_POLL PULL_FAILED
        "\"given-up\",\"image\"\n" PULL_POLL);
    assert_int_equal(b->downloaded, PULL_IMAGE);
    assert_int_equal(b->unbootable, 4);
    pull_bench_free(b);
    b = pull_offered();
    b->unbootable = 2;
    pull_run_for(b, 3000);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL AGAIN PULL_POLL AGAIN PULL_FINISH);
    pull_bench_free(b);
}

// The delivery is not noted as accepted, or not under which number; what was received cannot be relied on either way.
static void says_that_its_storage_fails(void **state)
{
    (void)state;
    for (int n = 1; n <= 2; n++) {
        struct pull_bench *b = pull_offered();
        b->failing_store = n;
        pull_run_for(b, 100);
        pull_expect(b, PULL_CONFIG PULL_POLL PULL_OFFER PULL_FAILED "\"flash\"\n" PULL_POLL);
        pull_offer(b, 2, 8);
        pull_run_for(b, 4000);
        assert_int_equal(pull_version(b), 2);
        pull_bench_free(b);
    }
}

static void flash_breaks(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)r, (void)a;
    b->broken_reads = 1;
}

// Flash that fails behind the last byte: reported; a switch that fails is one that the next start finds undone.
static void says_that_the_switch_fails(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"", 2, 2, flash_breaks, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 100);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL PULL_FAILED "\"flash\"\n" PULL_POLL);
    pull_bench_free(b);
    b = pull_offered();
    b->unselectable = 1;
    pull_run_for(b, 100);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_POLL "reset\n" PULL_CONFIG AGAIN PULL_FINISH);
    assert_int_equal(pull_version(b), 2);
    pull_bench_free(b);
}

static void longer(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)r;
    memcpy(damaged, b->offer->image + r->from, a->len);
    memset(damaged + a->len, 0x77, 900);
    a->body = damaged;
    a->len += 900;
    a->head.length = SS_HTTP_LENGTH_UNKNOWN;
}

// The last bytes and more in one piece: the rest is not taken.
static void takes_no_byte_too_many(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 1, longer, 0};
    pull_spoil(b, &f);
    pull_run_for(b, 100);
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_FINISH);
    pull_bench_free(b);
}

// -- ETags ------------------------------------------------------------------------------------------------------------

static void sends_only_what_it_may(void **state)
{
    (void)state;
    static const struct {
        const char *etag, *line;
    } cases[] = {
        {NULL, "GET a artifact from 7000\n"},
        {"", "GET a artifact from 7000\n"},
        {"W/\"weak\"", "GET a artifact from 7000\n"},
        {"\"a\"\r\nX: 1", "GET a artifact from 7000\n"},
        {"\"\xC3\xA9\"", "GET a artifact from 7000\n"},
        {"\"0123456789012345678901234567890123456789012345678901234567890123456789012\"", "GET a artifact from 7000\n"},
        {"\"012345678901234567890123456789012345678901234567890123456789012345678\"",
         "GET a artifact from 7000 if \"012345678901234567890123456789012345678901234567890123456789012345678\"\n"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {"artifact", 1, 1, cut_at_7000, 0};
        char lines[1024];
        b->etag = cases[i].etag;
        pull_spoil(b, &f);
        pull_run_for(b, 100);
        snprintf(lines, sizeof lines, "%s%s%s", PULL_BEGIN PULL_TAKE, cases[i].line, PULL_FINISH);
        pull_expect(b, lines);
        pull_bench_free(b);
    }
}

// -- Where the bytes are, and who sees the credential -----------------------------------------------------------------

static const char *location;
static uint16_t status;

static void redirect(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    (void)b, (void)r;
    *a = (struct pull_answer){.head = {.status = status, .length = 0, .location = location}};
}

// What is not the server's own has the bytes all the same.
static void elsewhere(struct pull_bench *b, unsigned n, const struct ss_http_request *r, const char *path,
                      struct pull_answer *a)
{
    pull_fault_hook(b, n, r, path, a);
    if (!r->credential && strstr(path, "elsewhere"))
        *a = (struct pull_answer){
            .head = {.status = 200, .length = PULL_IMAGE}, .body = b->offer->image, .len = PULL_IMAGE};
}

static void follows_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *location, *line;
        uint16_t status;
    } cases[] = {
        {"https://cdn.example/elsewhere?sig=1", "GET cdn /elsewhere?sig=1 bare\n", 302},
        {"https://cdn.example:8443/elsewhere", "GET cdn /elsewhere bare\n", 301},
        {"https://a.example:8443/elsewhere", "GET a /elsewhere bare\n", 303},
        {"https://a.example.evil/elsewhere", "GET a /elsewhere bare\n", 307},
        {"https://[::1]:443/elsewhere", "GET [::1]:443 /elsewhere bare\n", 308},
        {"/DEFAULT/controller/v1/dev1/artifact", "GET a artifact\n", 307},
        {"https://A.EXAMPLE:443/DEFAULT/controller/v1/dev1/artifact", "GET A.EXAMPLE:443 artifact\n", 307},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {"artifact", 1, 1, redirect, 0};
        char lines[1024];
        location = cases[i].location;
        status = cases[i].status;
        pull_spoil(b, &f);
        b->hook = elsewhere;
        pull_run_for(b, 100);
        snprintf(lines, sizeof lines, "%s%s%s", PULL_BEGIN PULL_TAKE, cases[i].line, PULL_FINISH);
        pull_expect(b, lines);
        assert_int_equal(pull_version(b), 2);
        pull_bench_free(b);
    }
}

// They are as good as no answer: the deployment is read again.
static void does_not_follow_everything(void **state)
{
    (void)state;
    static char endless_location[600];
    memset(endless_location, 'x', sizeof endless_location - 1);
    memcpy(endless_location, "https://", 8);
    static const char *const cases[] = {
        NULL,
        "",
        "elsewhere",
        "//cdn.example/elsewhere",
        "http://cdn.example/elsewhere",
        "ftp://cdn.example/elsewhere",
        "https://",
        "https:///elsewhere",
        "https://user@cdn.example/elsewhere",
        "https://cdn.example:0/elsewhere",
        "https://cdn.example:65536/elsewhere",
        "https://cdn.example:44x/elsewhere",
        "https://cdn.example:/elsewhere",
        "https://cdn.example/else where",
        "https://cdn.example\\@a.example/elsewhere",
        "https://cdn.example/elsewhere#fragment",
        "https://[::1/elsewhere",
        endless_location,
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pull_bench *b = pull_offered();
        struct pull_fault f = {"artifact", 1, 1, redirect, 0};
        location = cases[i];
        status = 302;
        pull_spoil(b, &f);
        b->hook = elsewhere;
        pull_run_for(b, 3000);
        if (strcmp(b->log, PULL_BEGIN PULL_TAKE AGAIN PULL_TAKE PULL_FINISH) != 0)
            fail_msg("%s:\n%s", cases[i], b->log);
        pull_expect_updated(b);
        pull_bench_free(b);
    }
}

static void follows_three_redirects(void **state)
{
    (void)state;
    struct pull_bench *b = pull_offered();
    struct pull_fault f = {"artifact", 1, 4, redirect, 0};
    location = "https://a.example/DEFAULT/controller/v1/dev1/artifact";
    status = 302;
    pull_spoil(b, &f);
    pull_run_for(b, 3000);
    // The fourth is one too many.
    pull_expect(b, PULL_BEGIN PULL_TAKE PULL_TAKE PULL_TAKE PULL_TAKE AGAIN PULL_TAKE PULL_FINISH);
    pull_bench_free(b);
}

// Over plain HTTP only if the configuration says so.
static void keeps_to_https(void **state)
{
    (void)state;
    for (unsigned plain = 0; plain < 2; plain++) {
        struct pull_bench *b = pull_bench_new();
        b->config.servers[0] = "http://a.example";
        b->config.plain_http = plain;
        pull_run_for(b, 100);
        pull_expect(b, plain ? PULL_CONFIG PULL_POLL : "");
        pull_bench_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_answers),
        cmocka_unit_test(later_answers),
        cmocka_unit_test(is_cut_at_any_byte),
        cmocka_unit_test(crawls),
        cmocka_unit_test(asks_for_another_address),
        cmocka_unit_test(fetches_a_window_again),
        cmocka_unit_test(gives_up_on_damage),
        cmocka_unit_test(gives_up_on_what_is_no_image),
        cmocka_unit_test(says_that_its_flash_fails),
        cmocka_unit_test(gives_up_on_what_does_not_start),
        cmocka_unit_test(says_that_its_storage_fails),
        cmocka_unit_test(says_that_the_switch_fails),
        cmocka_unit_test(takes_no_byte_too_many),
        cmocka_unit_test(sends_only_what_it_may),
        cmocka_unit_test(follows_redirects),
        cmocka_unit_test(does_not_follow_everything),
        cmocka_unit_test(follows_three_redirects),
        cmocka_unit_test(keeps_to_https),
    };
    return ss_test_main(argc, argv, tests);
}
