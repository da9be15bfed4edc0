// SPDX-License-Identifier: Apache-2.0
#include "provision/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "provision/append_file.h"
#include "support/unit.h"

static char folder[] = "/tmp/slotseal-record-XXXXXX";
static char csv[64], lines[64], content[64 * 1024];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(csv, sizeof csv, "%s/record.csv", folder);
    snprintf(lines, sizeof lines, "%s/record.jsonl", folder);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(csv);
    unlink(lines);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *read_back(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(content, 1, sizeof content - 1, f);
    content[n] = '\0';
    fclose(f);
    return content;
}

static void write_raw(const char *path, const char *text)
{
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct ss_manufacturing_record sample(void)
{
    struct ss_manufacturing_record r = {.device = "d7",
                                        .mac_known = true,
                                        .mac = {0x24, 0x0A, 0xC4, 1, 2, 3},
                                        .chip = "esp32",
                                        .revision = 300,
                                        .product = "meter",
                                        .key_id = "k-17",
                                        .app = {.known = true, .sha256 = {0xAB, 0xCD}},
                                        .app_version = "1.4, \"beta\"",
                                        .plan = "host-sealed",
                                        .level = "release",
                                        .result = SS_RECORD_DONE,
                                        .run = "12",
                                        .station = "line 1",
                                        .person = "ann",
                                        .time = 1785000000,
                                        .tool = "slotseal 0.3.0"};
    return r;
}

#define HEADER                                                                                                         \
    "time,device,mac,chip,revision,product,result,step,plan,level,key_id,bootloader_sha256,table_sha256,app_sha256,"   \
    "app_version,run,station,operator,tool\n"
#define ABCD "abcd000000000000000000000000000000000000000000000000000000000000"
#define ROW                                                                                                            \
    "2026-07-25T17:20:00Z,d7,24:0a:c4:01:02:03,esp32,3.0,meter,done,,host-sealed,release,k-17,,," ABCD                 \
    ",\"1.4, \"\"beta\"\"\",12,line 1,ann,slotseal 0.3.0\n"

static void one_line_a_chip(void **state)
{
    (void)state;
    struct ss_manufacturing_record r = sample();
    struct ss_error err = {0};
    assert_ok(ss_record_append(csv, &r, &err), err);
    assert_string_equal(read_back(csv), HEADER ROW);
    r.result = SS_RECORD_FAILED;
    strcpy(r.step, "burn-key");
    assert_ok(ss_record_append(csv, &r, &err), err);
    read_back(csv);
    assert_memory_equal(content, HEADER ROW, strlen(HEADER ROW));
    assert_non_null(strstr(content + strlen(HEADER ROW), ",meter,failed,burn-key,host-sealed,"));
    assert_ok(ss_record_append(lines, &r, &err), err);
    assert_non_null(strstr(read_back(lines), "\"result\":\"failed\",\"step\":\"burn-key\""));
    assert_non_null(strstr(content, "\"bootloader_sha256\":null,\"table_sha256\":null,\"app_sha256\":\"" ABCD "\""));
    assert_non_null(strstr(content, "\"app_version\":\"1.4, \\\"beta\\\"\""));
    assert_ptr_equal(strchr(content, '\n'), content + strlen(content) - 1);
}

static void labels(void **state)
{
    (void)state;
    const uint8_t mac[6] = {0x24, 0x0A, 0xC4, 1, 2, 3};
    struct ss_label label = {.id = "d7", .mac = mac, .product = "meter", .qr = "M,{MAC}/{id}"};
    struct ss_error err = {0};
    assert_ok(ss_label_append(csv, &label, &err), err);
    assert_string_equal(read_back(csv), "id,mac,product,qr\nd7,24:0a:c4:01:02:03,meter,\"M,240AC4010203/d7\"\n");
    label.qr = NULL;
    assert_ok(ss_label_append(lines, &label, &err), err);
    assert_string_equal(read_back(lines),
                        "{\"id\":\"d7\",\"mac\":\"24:0a:c4:01:02:03\",\"product\":\"meter\",\"qr\":\"d7\"}\n");
    label.qr = "{key}";
    assert_int_equal(ss_label_append(lines, &label, &err), SS_ERROR_INVALID_ARGUMENT);
}

static void refuse(const struct ss_manufacturing_record *r, ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    assert_int_equal(ss_record_append(csv, r, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(access(csv, F_OK), -1);
}

static void what_people_type_is_no_key(void **state)
{
    (void)state;
    struct ss_manufacturing_record r = sample();
    strcpy(r.station, "x 00112233445566778899aabbccddeeff");
    refuse(&r, SS_ERROR_NOT_PERMITTED, "record: station looks like a key");
    r = sample();
    strcpy(r.person, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    refuse(&r, SS_ERROR_NOT_PERMITTED, "record: operator looks like a key");
    r = sample();
    strcpy(r.product, "000102030405060708090a0b0c0d0e0f1011121314151617");
    refuse(&r, SS_ERROR_NOT_PERMITTED, "record: product looks like a key");
}

static void nothing_for_terminals_and_spreadsheets(void **state)
{
    (void)state;
    struct ss_manufacturing_record r = sample();
    strcpy(r.station, "line\n1");
    refuse(&r, SS_ERROR_INVALID_ARGUMENT, "record: station holds a control character");
    r = sample();
    strcpy(r.person, "=HYPERLINK(1)");
    refuse(&r, SS_ERROR_INVALID_ARGUMENT, "record: operator begins with =, which spreadsheets take for a formula");
}

static void a_torn_line_is_cut_off(void **state)
{
    (void)state;
    struct ss_error err = {0};
    assert_ok(ss_append_line(csv, "a,b", "1,2", &err), err);
    write_raw(csv, "3,");
    assert_ok(ss_append_line(csv, "a,b", "5,6", &err), err);
    assert_string_equal(read_back(csv), "a,b\n1,2\n5,6\n");
    // A torn header, longer than a block: as if there were nothing.
    unlink(csv);
    char long_line[5001];
    memset(long_line, 'x', 5000);
    long_line[5000] = '\0';
    write_raw(csv, long_line);
    assert_ok(ss_append_line(csv, "a,b", "1,2", &err), err);
    assert_string_equal(read_back(csv), "a,b\n1,2\n");
    write_raw(csv, long_line);
    assert_ok(ss_append_line(csv, "a,b", "3,4", &err), err);
    assert_string_equal(read_back(csv), "a,b\n1,2\n3,4\n");
}

static void other_columns_are_another_file(void **state)
{
    (void)state;
    struct ss_manufacturing_record r = sample();
    struct ss_error err = {0};
    char message[300];
    write_raw(csv, "a,b\n1,2\n");
    snprintf(message, sizeof message, "%s: has other columns than this version writes; start a new file", csv);
    assert_int_equal(ss_record_append(csv, &r, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, message);
    assert_string_equal(read_back(csv), "a,b\n1,2\n");
    assert_int_equal(ss_append_line(csv, "a,b", "1\n2", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_append_line("/nowhere/record.csv", "a,b", "1", &err), SS_ERROR_IO);
    assert_string_equal(err.message, "/nowhere/record.csv: No such file or directory");
}

static void stations_write_at_the_same_time(void **state)
{
    (void)state;
    enum { STATIONS = 4, EACH = 25 };
    for (int s = 0; s < STATIONS; s++)
        if (fork() == 0) {
            struct ss_manufacturing_record r = sample();
            for (int i = 0; i < EACH; i++)
                if (ss_record_append(csv, &r, NULL) != SS_OK)
                    _exit(1);
            _exit(0);
        }
    for (int s = 0; s < STATIONS; s++) {
        int result;
        assert_true(wait(&result) > 0);
        assert_int_equal(result, 0);
    }
    unsigned rows = 0;
    read_back(csv);
    assert_memory_equal(content, HEADER, strlen(HEADER));
    for (const char *p = content + strlen(HEADER); *p; p += strlen(ROW), rows++)
        assert_memory_equal(p, ROW, strlen(ROW));
    assert_int_equal(rows, STATIONS * EACH);
}

#define record_test(f) cmocka_unit_test_teardown(f, remove_files)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        record_test(one_line_a_chip),
        record_test(labels),
        record_test(what_people_type_is_no_key),
        record_test(nothing_for_terminals_and_spreadsheets),
        record_test(a_torn_line_is_cut_off),
        record_test(other_columns_are_another_file),
        record_test(stations_write_at_the_same_time),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
