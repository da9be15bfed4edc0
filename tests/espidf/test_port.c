// SPDX-License-Identifier: Apache-2.0
// The ESP-IDF port on a virtual chip: its own state is gone at each reset, as RAM is.
#include "espidf/fake_http.h"
#include "espidf/fake_idf.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
// The file under test: a reset has to get at what it keeps.
#include "device/port/espidf/device.c"

#ifdef CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
#define ROLLBACK true
#else
#define ROLLBACK false
#endif

// What the app does.
static struct {
    const struct parcel *in;
    size_t chunk;
    esp_err_t started; ///< of the last start
    bool crashes, unfit, no_answer;
    unsigned trials, updates;
} app;

static uint8_t buffer[4096]; // internal memory

static void forget_ram(void)
{
    struct ss_idf *idf = &device.idf;
    struct ss_idf_blob *blobs[] = {&idf->key_set,       &idf->key_set_old, &idf->trusted,
                                   &idf->authorization, &idf->client_key,  &idf->client_cert};
    for (unsigned i = 0; i < sizeof blobs / sizeof *blobs; i++)
        ss_idf_blob_free(blobs[i]);
    for (unsigned i = 0; i < SS_IDF_SERVERS; i++)
        ss_idf_blob_free(&idf->servers[i]);
    if (device.agent.receiving)
        ss_hash_abort(&device.agent.hash.window);
    memset(&device, 0, sizeof device);
    fake.nvs_ready = false;
}

// What another task sees meanwhile.
static void look_at_progress(uint32_t at)
{
    struct ss_device_report report;
    assert_int_equal(ss_device_report(&report), ESP_OK);
    assert_true(report.receiving);
    assert_int_equal(report.received, at);
}

static esp_err_t push(void)
{
    uint32_t at;
    const struct parcel *in = app.in;
    esp_err_t err = ss_device_begin(in->release.bytes, in->release.len, in->delivery.bytes, in->delivery.len, &at);
    while (err == ESP_OK && at < in->len) {
        size_t n = in->len - at < app.chunk ? in->len - at : app.chunk;
        memcpy(buffer, in->sealed + at, n);
        err = ss_device_write(buffer, n);
        at += (uint32_t)n;
        if (err == ESP_OK)
            look_at_progress(at);
    }
    return err == ESP_OK ? ss_device_finish() : err;
}

static void run_once(void)
{
    struct ss_device_report report;
    app.started = ss_device_start(NULL);
    if (app.started != ESP_OK)
        return;
    assert_int_equal(ss_device_report(&report), ESP_OK);
    assert_int_equal(report.slot, fake.running);
    assert_string_equal(report.id, "240ac4123456");
    if (strcmp(report.state, "trial") == 0) {
        app.trials++;
        if (app.crashes)
            esp_restart();
        if (app.no_answer)
            return;
        assert_int_equal(app.unfit ? ss_device_reject() : ss_device_confirm(), ESP_OK);
    }
    if (app.in && push() == ESP_OK) {
        app.updates++;
        esp_restart();
    }
}

static enum ss_app_end run_app(void *context, struct ss_vchip *chip, const struct ss_boot_result *started)
{
    (void)context, (void)chip;
    jmp_buf reset;
    forget_ram();
    fake.running = (unsigned)started->slot;
    fake.reset = &reset;
    if (setjmp(reset))
        return SS_APP_RESET;
    run_once();
    return SS_APP_STAYS;
}

static void boot(void)
{
    struct bench *b = fake.device->bench;
    const struct ss_chip_app chip_app = {run_app, NULL};
    b->options.app = &chip_app;
    b->options.max_resets = 30;
    bench_boot(b);
    b->options.app = NULL;
}

static void expect(int slot)
{
    struct bench *b = fake.device->bench;
    if (b->result.outcome != SS_OUTCOME_APP || b->result.slot != slot)
        fail_msg("outcome %s, slot %d, cause %s\n%s", ss_boot_outcome_name(b->result.outcome), b->result.slot,
                 ss_device_cause(), b->log);
}

static const struct agent_options options = {.rollback = ROLLBACK, .own_key = true};
static const struct parcel_options to_slot_1 = {.version = 2, .slot = 1, .sequence = 7};

static struct device *on_bench(struct parcel *p)
{
    struct device *d = device_new(&options);
    fake_begin(d);
    memset(&app, 0, sizeof app);
    app.chunk = 1000;
    if (p) {
        make_parcel(d, &to_slot_1, p);
        app.in = p;
    }
    return d;
}

static void off_bench(struct device *d)
{
    forget_ram();
    device_free(d);
}

static void there_and_back(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    struct parcel p;
    boot();
    expect(0);
    for (unsigned n = 1; n <= 4; n++) {
        make_parcel(d, &(struct parcel_options){.version = n + 1, .slot = n % 2, .sequence = n}, &p);
        app.in = &p;
        boot();
        expect((int)(n % 2));
        assert_int_equal(app.updates, n);
        assert_int_equal(app.trials, n);
        assert_string_equal(device.report.state, "confirmed");
        assert_int_equal(device.report.sequence, n);
        assert_memory_equal(d->bench->chip->flash.data + d->slots[n % 2], p.sealed, p.len);
    }
    off_bench(d);
}

static void the_power_may_go_at_any_operation(void **state)
{
    (void)state;
    struct parcel p;
    bool cut = true;
    unsigned cuts = 0;
    for (unsigned n = 1; cut; n++) {
        for (enum ss_cut kind = SS_CUT_BEFORE; kind <= SS_CUT_AFTER; kind++) {
            struct device *d = on_bench(&p);
            struct ss_power *power = &d->bench->chip->power;
            power->seed = n;
            ss_power_plan(power, n, kind);
            boot();
            cut = d->bench->result.outcome == SS_OUTCOME_POWER_LOST;
            cuts += cut;
            ss_power_plan(power, 0, SS_CUT_NONE);
            for (unsigned more = 0; more < 3; more++) // a trial may be lost, and the update comes once more
                boot();
            expect(1);
            assert_int_equal(app.started, ESP_OK);
            assert_string_equal(device.report.state, "confirmed");
            off_bench(d);
        }
    }
    assert_true(cuts > 50);
}

static uint32_t state_of(unsigned slot)
{
    uint32_t ota_state;
    assert_int_equal(ss_idf_slot_state(&device.idf, slot, &ota_state), SS_OK);
    return ota_state;
}

static void an_unfit_app_is_taken_back(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_bench(&p);
    app.unfit = true;
    boot();
    expect(0);
    assert_int_equal(app.trials, 1);
    assert_string_equal(device.report.state, "rolled-back");
    assert_string_equal(device.report.cause, "rejected");
    assert_int_equal(device.agent.cause, SS_CAUSE_GIVEN_UP);
    if (ROLLBACK)
        assert_int_equal(state_of(1), SS_OTA_INVALID);
    off_bench(d);
}

static void an_app_that_crashes_is_taken_back(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_bench(&p);
    app.crashes = true;
    boot();
    expect(0);
    assert_int_equal(app.trials, ROLLBACK ? SS_AGENT_FAILURES_MAX : SS_AGENT_FAILURES_MAX * SS_AGENT_TRIAL_BOOTS_MAX);
    assert_string_equal(device.report.cause, "unconfirmed");
    off_bench(d);
}

// Raw 0xFF in otadata decrypts to noise. An update that is taken back must not start again from there.
static void erased_otadata_is_written_before_the_first_update(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_bench(&p);
    memset(d->bench->chip->flash.data + BENCH_OTA, 0xFF, 0x2000);
    boot();
    expect(1);
    assert_int_equal(state_of(0), SS_OTA_VALID);
    off_bench(d);

    d = on_bench(&p);
    memset(d->bench->chip->flash.data + BENCH_OTA, 0xFF, 0x2000);
    app.crashes = true;
    boot();
    expect(0);
    off_bench(d);
}

// otadata says slot 1, which does not start, so slot 0 runs. An update to slot 1 that is taken back must lead to 0.
static void otadata_that_names_another_slot_is_mended(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_bench(&p);
    bench_lay_otadata(d->bench, 0, 2, ROLLBACK ? SS_OTA_VALID : SS_OTA_UNDEFINED);
    bench_seal(d->bench, BENCH_OTA, 32);
    app.unfit = true;
    boot();
    expect(0);
    assert_int_equal(app.trials, 1);
    app.unfit = false;
    app.in = NULL;
    boot();
    expect(0);
    off_bench(d);
}

static void never_away_from_an_app_that_runs_to_one_that_does_not(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_bench(&p);
    app.no_answer = true;
    boot();
    expect(1);
    memset(d->bench->chip->flash.data + d->slots[0] + 0x1000, 0, 16);
    assert_int_equal(ss_device_reject(), SS_DEVICE_REFUSED);
    assert_int_equal(ss_device_confirm(), ESP_OK);
    app.in = NULL;
    boot();
    expect(1);
    off_bench(d);
}

static void only_the_other_slot_is_written(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    boot();
    const uint32_t slot = d->slots[1], size = d->slot_size;
    const struct {
        uint32_t address;
        size_t len;
        ss_status_t status;
    } writes[] = {{0, 16, SS_ERROR_NOT_PERMITTED},
                  {0x1000, 16, SS_ERROR_NOT_PERMITTED},
                  {0x8000, 16, SS_ERROR_NOT_PERMITTED},
                  {BENCH_OTA, 16, SS_ERROR_NOT_PERMITTED},
                  {d->slots[0], 16, SS_ERROR_NOT_PERMITTED},
                  {slot - 16, 32, SS_ERROR_NOT_PERMITTED},
                  {slot + size - 16, 32, SS_ERROR_NOT_PERMITTED},
                  {slot + size, 16, SS_ERROR_NOT_PERMITTED},
                  {slot, size + 16, SS_ERROR_NOT_PERMITTED},
                  {UINT32_MAX - 15, 16, SS_ERROR_NOT_PERMITTED},
                  {slot, 16, SS_OK},
                  {slot + size - 16, 16, SS_OK}};
    for (unsigned i = 0; i < sizeof writes / sizeof *writes; i++) {
        assert_int_equal(ss_idf_write_raw(&device.idf, writes[i].address, buffer, writes[i].len), writes[i].status);
        uint32_t sector = writes[i].address / 4096 * 4096;
        bool inside = sector >= slot && sector < slot + size;
        assert_int_equal(ss_idf_erase(&device.idf, sector), inside ? SS_OK : SS_ERROR_NOT_PERMITTED);
    }
    assert_int_equal(ss_idf_erase(&device.idf, slot + 16), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(ss_idf_write_raw(&device.idf, slot, (const void *)(uintptr_t)run_app, 16),
                     SS_ERROR_INVALID_ARGUMENT); // not in internal memory
    off_bench(d);
}

static void what_cannot_be_updated_says_so(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    fake.third_slot = true;
    boot();
    assert_int_equal(app.started, ESP_ERR_NOT_SUPPORTED);
    fake.third_slot = false;
    fake.factory = true;
    boot();
    assert_int_equal(app.started, ESP_ERR_NOT_SUPPORTED);
    fake.factory = false;
    fake.no_nvs_keys = true;
    boot();
    assert_int_equal(app.started, ESP_ERR_NOT_SUPPORTED);
    fake.no_nvs_keys = false;
    fake_embed(&(struct sample_statement){.len = 0});
    boot();
    assert_int_equal(app.started, ESP_ERR_NOT_FOUND);
    fake_embed(&d->pinned);
    boot();
    assert_int_equal(app.started, ESP_OK);
    assert_int_equal(ss_device_start(NULL), ESP_ERR_INVALID_STATE);
    off_bench(d);
}

static void calls_before_the_start_are_refused(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    struct ss_device_report report;
    uint32_t wanted = 9;
    forget_ram();
    assert_int_equal(ss_device_report(&report), ESP_ERR_INVALID_STATE);
    assert_int_equal(ss_device_run(), ESP_ERR_INVALID_STATE);
    assert_int_equal(ss_device_begin("", 0, "", 0, &wanted), ESP_ERR_INVALID_STATE);
    assert_int_equal(wanted, 0);
    assert_int_equal(ss_device_write("", 0), ESP_ERR_INVALID_STATE);
    assert_int_equal(ss_device_finish(), ESP_ERR_INVALID_STATE);
    assert_int_equal(ss_device_confirm(), ESP_ERR_INVALID_STATE);
    assert_int_equal(ss_device_reject(), ESP_ERR_INVALID_STATE);
    assert_int_equal(ss_device_wanted(), 0);
    assert_false(ss_device_reached());
    ss_device_poll_now();
    off_bench(d);
}

static void identity_comes_from_the_device(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    uint8_t table[0xC00], want[32];
    fake_value("id")->key[0] = '\0'; // not provisioned: the MAC
    boot();
    const struct ss_agent_identity *id = &device.idf.identity;
    assert_true(ss_span_equal(id->device, ss_span_of("240ac4123456")));
    assert_true(ss_span_equal(id->product, ss_span_of("thermostat")));
    assert_int_equal(id->slots[0].address, d->slots[0]);
    assert_int_equal(id->slots[1].size, d->slot_size);
    assert_int_equal(id->vk_offset, 0x200);
    assert_int_equal(id->secure_version, 3);
    assert_int_equal(id->scheme, SS_RELEASE_V1);
    assert_int_equal(id->bootloader, (ROLLBACK ? SS_BOOTLOADER_ALL : 0) | SS_NEEDS_NVS_KEYS);
    assert_int_equal(ss_chip_cache_read(d->bench->chip, BENCH_TABLE, table, sizeof table, NULL), SS_OK);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, table, sizeof table, want), SS_OK);
    assert_memory_equal(id->table_digest, want, 32);
    off_bench(d);
}

static void key_sets_are_kept_and_followed(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    struct sample_statement next;
    struct ss_key_set set = sample_key_set();
    boot();
    set.version = 2;
    sample_sign_key_set(&set, (const unsigned[]){1, 3, 0}, &next);
    next.bytes[next.len - 1] ^= 1;
    assert_int_equal(ss_device_key_set(next.bytes, next.len), SS_DEVICE_REFUSED);
    assert_string_equal(ss_device_cause(), "statement");
    assert_null(fake_value("key_set"));
    next.bytes[next.len - 1] ^= 1;
    assert_int_equal(ss_device_key_set(next.bytes, next.len), ESP_OK);
    assert_int_equal(device.report.key_set, 2); // at once
    assert_int_equal(device.idf.identity.ring.previous->version, 1);
    boot();
    assert_int_equal(device.report.key_set, 2); // and after a reset
    assert_int_equal(device.idf.identity.ring.previous->version, 1);
    assert_memory_equal(fake_value("key_set_old")->bytes, d->pinned.bytes, d->pinned.len);
    fake_value("key_set")->bytes[40] ^= 1; // whoever can write flash can write NVS
    boot();
    assert_int_equal(app.started, ESP_OK);
    assert_int_equal(device.report.key_set, 1);
    off_bench(d);
}

static void damaged_bytes_and_wrong_statements(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_bench(&p);
    p.sealed[5000] ^= 1;
    boot();
    expect(0);
    assert_string_equal(ss_device_cause(), "window");
    p.delivery.bytes[p.delivery.len - 1] ^= 1;
    boot();
    assert_string_equal(ss_device_cause(), "statement");
    off_bench(d);
}

// Lets the task run until it has slept so often, or resets. True: it has reset.
static bool run_task(unsigned sleeps)
{
    jmp_buf slept, again;
    fake.slept = &slept;
    fake.reset = &again;
    fake.sleeps_left = sleeps;
    if (setjmp(again))
        return true;
    if (setjmp(slept) == 0)
        fake.task(NULL);
    return false;
}

static enum ss_device_verdict verdict;
static unsigned asked, warned;

static enum ss_device_verdict judge(void *context)
{
    assert_ptr_equal(context, &verdict);
    asked++;
    return verdict;
}

static void warn(void *context)
{
    assert_ptr_equal(context, &verdict);
    warned++;
}

static const struct ss_device_hooks judging = {.self_test = judge, .before_reset = warn, .context = &verdict};

// An update was taken, and its app runs: on trial, with the task in charge.
static struct device *on_trial(struct parcel *p)
{
    struct device *d = on_bench(p);
    asked = warned = 0;
    app.no_answer = true;
    boot();
    expect(1);
    forget_ram();
    fake_http = (struct fake_http){.opened = ESP_FAIL};
    fake_set("token", "tok", sizeof "tok");
    fake_set("server0", "https://updates.example.com", sizeof "https://updates.example.com");
    assert_int_equal(ss_device_start(&judging), ESP_OK);
    assert_int_equal(ss_device_run(), ESP_OK);
    assert_int_equal(ss_device_run(), ESP_ERR_INVALID_STATE);
    return d;
}

static void the_task_asks_the_app_about_itself(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_trial(&p);
    verdict = SS_DEVICE_PENDING;
    assert_false(run_task(2));
    assert_true(asked > 0);
    assert_string_equal(device.report.state, "trial");
    verdict = SS_DEVICE_FIT;
    assert_false(run_task(2));
    assert_string_equal(device.report.state, "confirmed");
    assert_false(ss_device_reached());
    unsigned before = asked;
    assert_false(run_task(2));
    assert_int_equal(asked, before);
    off_bench(d);
}

static void the_task_takes_an_unfit_app_back(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_trial(&p);
    verdict = SS_DEVICE_UNFIT;
    assert_true(run_task(4));
    assert_int_equal(warned, 1);
    app.in = NULL;
    boot();
    expect(0);
    assert_string_equal(device.report.cause, "rejected");
    off_bench(d);
}

static void the_task_ends_a_trial_that_takes_too_long(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = on_trial(&p);
    verdict = SS_DEVICE_PENDING;
    assert_true(run_task(CONFIG_SLOTSEAL_TRIAL_SECONDS));
    assert_int_equal(fake.time_us / 1000000 / CONFIG_SLOTSEAL_TRIAL_SECONDS, 1);
    app.in = NULL;
    boot();
    expect(0);
    assert_string_equal(device.report.cause, "unconfirmed");
    off_bench(d);
}

static void a_task_that_cannot_be_made(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    boot();
    fake.no_task = true;
    assert_int_equal(ss_device_run(), ESP_ERR_NO_MEM);
    fake.no_task = false;
    assert_int_equal(ss_device_run(), ESP_OK);
    off_bench(d);
}

#ifdef CONFIG_SLOTSEAL_PULL
static void the_task_polls(void **state)
{
    (void)state;
    struct device *d = on_bench(NULL);
    boot();
    uint32_t wanted;
    fake_http = (struct fake_http){.status = 404, .length = 0, .complete = true};
    fake_set("token", "tok", sizeof "tok");
    fake_set("server0", "http://laboratory.example", sizeof "http://laboratory.example");
    struct sample_statement bare; // without servers and certificates: those of NVS count
    struct ss_key_set set = sample_key_set();
    set.version = 2;
    set.server_count = 0;
    set.ca_count = 0;
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &bare);
    assert_int_equal(ss_device_key_set(bare.bytes, bare.len), ESP_OK);
    assert_int_equal(ss_device_run(), ESP_OK);
    assert_int_equal(ss_device_begin("", 0, "", 0, &wanted), ESP_ERR_INVALID_STATE); // the task's business now
    assert_false(run_task(30));
    assert_true(fake_http.opens > 0);
    assert_non_null(strstr(fake_http.headers, "Authorization: TargetToken tok\n"));
    assert_non_null(strstr(fake_http.body, "slotseal.slot"));
    assert_int_equal(fake_http.opens, fake_http.cleanups);
    off_bench(d);
}
#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(the_power_may_go_at_any_operation),
        cmocka_unit_test(an_unfit_app_is_taken_back),
        cmocka_unit_test(an_app_that_crashes_is_taken_back),
        cmocka_unit_test(erased_otadata_is_written_before_the_first_update),
        cmocka_unit_test(otadata_that_names_another_slot_is_mended),
        cmocka_unit_test(never_away_from_an_app_that_runs_to_one_that_does_not),
        cmocka_unit_test(only_the_other_slot_is_written),
        cmocka_unit_test(what_cannot_be_updated_says_so),
        cmocka_unit_test(calls_before_the_start_are_refused),
        cmocka_unit_test(identity_comes_from_the_device),
        cmocka_unit_test(key_sets_are_kept_and_followed),
        cmocka_unit_test(damaged_bytes_and_wrong_statements),
        cmocka_unit_test(the_task_asks_the_app_about_itself),
        cmocka_unit_test(the_task_takes_an_unfit_app_back),
        cmocka_unit_test(the_task_ends_a_trial_that_takes_too_long),
        cmocka_unit_test(a_task_that_cannot_be_made),
#ifdef CONFIG_SLOTSEAL_PULL
        cmocka_unit_test(the_task_polls),
#endif
    };
    return ss_test_main(argc, argv, tests);
}
