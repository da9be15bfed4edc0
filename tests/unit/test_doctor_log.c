// SPDX-License-Identifier: Apache-2.0
// UART logs and eFuse files, as terminals and espefuse write them.
#include "support/unit.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/doctor.h"
#include "support/vectors.h"

static struct ss_doctor_report report;
static struct ss_error err;

static void read_log(const char *text)
{
    ss_doctor_read_log(text, strlen(text), &report);
}

static void each_line_has_its_cause(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum ss_doctor_id id;
        enum ss_doctor_severity severity;
    } cases[] = {
        {"invalid header: 0xffffffff", SS_DOCTOR_BOOTLOADER_MISSING, SS_DOCTOR_STOPS},
        {"invalid header: 0xb63ea8c1", SS_DOCTOR_BOOTLOADER_UNREADABLE, SS_DOCTOR_STOPS},
        {"flash read err, 1000", SS_DOCTOR_BOOTLOADER_UNREADABLE, SS_DOCTOR_STOPS},
        {"csum err:0xda!=0xdb", SS_DOCTOR_BOOTLOADER_DAMAGED, SS_DOCTOR_STOPS},
        {"secure boot check fail", SS_DOCTOR_SECURE_BOOT_DIGEST, SS_DOCTOR_STOPS},
        {"Sig block 0 signed with untrusted key", SS_DOCTOR_SECURE_BOOT_V2_KEY, SS_DOCTOR_STOPS},
        {"secure boot verification failed", SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED, SS_DOCTOR_STOPS},
        {"E (50) flash_parts: partition 0 invalid magic number 0xbf17", SS_DOCTOR_TABLE_UNREADABLE, SS_DOCTOR_STOPS},
        {"E (50) flash_parts: partition 0 invalid magic number 0xffff", SS_DOCTOR_TABLE_MISSING, SS_DOCTOR_STOPS},
        {"E (50) flash_parts: Incorrect MD5 checksum", SS_DOCTOR_TABLE_DAMAGED, SS_DOCTOR_STOPS},
        {"E (50) flash_parts: Only one MD5 checksum is allowed", SS_DOCTOR_TABLE_DAMAGED, SS_DOCTOR_STOPS},
        {"E (5) flash_parts: partition table has no terminating entry, not valid", SS_DOCTOR_TABLE_DAMAGED,
         SS_DOCTOR_STOPS},
        {"E (5) flash_parts: partition 4 invalid - offset 0x160000 size 0x150000 exceeds flash chip size 0x200000",
         SS_DOCTOR_BOOTLOADER_FLASH_SIZE, SS_DOCTOR_STOPS},
        {"E (99) boot: ota_info partition size 4096 is too small (minimum 8192 bytes)", SS_DOCTOR_TABLE_INVALID,
         SS_DOCTOR_STOPS},
        {"E (99) esp_image: image at 0x10000 has invalid magic byte", SS_DOCTOR_APP_UNREADABLE, SS_DOCTOR_STOPS},
        {"E (99) esp_image: Checksum failed. Calculated 0x31 read 0x30", SS_DOCTOR_APP_DAMAGED, SS_DOCTOR_STOPS},
        {"E (99) esp_image: Image hash failed - image is corrupt", SS_DOCTOR_APP_DAMAGED, SS_DOCTOR_STOPS},
        {"E (9) esp_image: Image length 1376400 doesn't fit in partition length 1376256", SS_DOCTOR_APP_DAMAGED,
         SS_DOCTOR_STOPS},
        {"E (9) esp_image: Segment 0 load address 0x3f400020, doesn't match data 0x0000f020", SS_DOCTOR_APP_DAMAGED,
         SS_DOCTOR_STOPS},
        {"E (9) secure_boot: image has invalid signature version field 0xa0b1c2d3", SS_DOCTOR_APP_UNSIGNED,
         SS_DOCTOR_STOPS},
        {"E (9) esp_image: Secure boot signature verification failed", SS_DOCTOR_APP_SIGNATURE_WRONG, SS_DOCTOR_STOPS},
        {"E (9) secure_boot: Public verification key has wrong length 178", SS_DOCTOR_PUBLIC_KEY_LENGTH,
         SS_DOCTOR_STOPS},
        {"E (9) boot: ota data partition invalid and no factory, will try all partitions", SS_DOCTOR_OTADATA_UNREADABLE,
         SS_DOCTOR_RISK},
        {"E (9) boot: ota data partition invalid, falling back to factory", SS_DOCTOR_OTADATA_UNREADABLE,
         SS_DOCTOR_RISK},
        {"E (9) flash_encrypt: Flash encryption key has to be either unset or both read and write protected",
         SS_DOCTOR_KEY_READABLE, SS_DOCTOR_STOPS},
        {"E (9) flash_encrypt: Cannot re-encrypt data if FLASH_CRYPT_CNT is write disabled", SS_DOCTOR_COUNT_USED_UP,
         SS_DOCTOR_STOPS},
        {"E (9) flash_encrypt: Failed to read partition table data - not plaintext?", SS_DOCTOR_LOG_REFUSED_ENCRYPTION,
         SS_DOCTOR_STOPS},
        {"E (9) secure_boot: Pre-loaded key is not read protected. Refusing to blow secure boot efuse.",
         SS_DOCTOR_SECURE_BOOT_KEY_OPEN, SS_DOCTOR_STOPS},
        {"E (9) boot: FAILED TO ENABLE SECURE BOOT (263).", SS_DOCTOR_LOG_REFUSED_SECURE_BOOT, SS_DOCTOR_STOPS},
        {"E (9) boot_comm: mismatch chip ID, expected 0, found 2", SS_DOCTOR_LOG_CHIP, SS_DOCTOR_STOPS},
        {"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))", SS_DOCTOR_LOG_DOWNLOAD,
         SS_DOCTOR_STOPS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_log(cases[i].line);
        if (report.count != 1 || report.findings[0].id != cases[i].id)
            fail_msg("%s: %u findings, first is %s", cases[i].line, report.count,
                     ss_doctor_rule(report.findings[0].id)->id);
        assert_int_equal(report.findings[0].severity, cases[i].severity);
        assert_int_equal(report.findings[0].line, 1);
    }
}

static void a_loop_is_told_once(void **state)
{
    (void)state;
    char text[4000] = "";
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text),
                "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
                "\x1B[0;31mE (%d) flash_parts: Incorrect MD5 checksum\x1B[0m\r\n",
                50 + i);
    read_log(text);
    assert_int_equal(report.count, 1);
    assert_int_equal(report.findings[0].line, 4);
    assert_string_equal(report.findings[0].seen, "flash_parts: Incorrect MD5 checksum");
}

static void silence_after_the_reset_line(void **state)
{
    (void)state;
    static const char cycle[] = "ets Jul 29 2019 12:21:46\n\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n";
    char text[sizeof cycle * 2];
    read_log(cycle);
    assert_int_equal(report.count, 1);
    assert_int_equal(report.findings[0].id, SS_DOCTOR_LOG_SILENT);
    assert_false(report.findings[0].certain);
    snprintf(text, sizeof text, "%s%s", cycle, cycle);
    read_log(text);
    assert_int_equal(report.count, 1);
    read_log("");
    assert_int_equal(report.count, 0);
    read_log("rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\nconfigsip: 0, SPIWP:0xee\n");
    assert_int_equal(report.count, 0);
}

static const char erased_slot[] = "E (1) esp_image: image at 0x160000 has invalid magic byte\n"
                                  "W (1) esp_image: image at 0x160000 has invalid SPI mode 255\n"
                                  "E (1) boot: OTA app partition slot 1 is not bootable\n";

static void a_slot_that_is_passed_over(void **state)
{
    (void)state;
    char text[1000];
    read_log(erased_slot);
    assert_int_equal(report.findings[0].id, SS_DOCTOR_APP_MISSING);
    assert_true(ss_doctor_stops(&report));
    snprintf(text, sizeof text, "%sI (1) boot: Loaded app from partition at offset 0x10000\n", erased_slot);
    read_log(text);
    assert_false(ss_doctor_stops(&report));
    assert_int_equal(report.findings[0].id, SS_DOCTOR_OTADATA_SELECTS_BAD);
    // The erased slot explains nothing where another one failed.
    snprintf(text, sizeof text, "E (1) esp_image: Checksum failed. Calculated 0x1 read 0x2\n%s", erased_slot);
    read_log(text);
    assert_int_equal(report.count, 2);
    assert_int_equal(report.findings[0].severity, SS_DOCTOR_STOPS);
    assert_int_equal(report.findings[1].severity, SS_DOCTOR_RISK);
}

static void an_empty_table(void **state)
{
    (void)state;
    read_log("I (1) boot: Partition Table:\nI (1) boot: ## Label            Usage          Type ST Offset   Length\n"
             "I (1) boot: End of partition table\nE (1) boot: No bootable app partitions in the partition table\n");
    assert_int_equal(report.count, 1);
    assert_int_equal(report.findings[0].id, SS_DOCTOR_TABLE_MISSING);
}

/// What real ROMs and bootloaders printed: a run that started an app has nothing that stops it, any other has.
static void recorded_runs(void **state)
{
    (void)state;
    DIR *dir = opendir(SS_TEST_MATERIAL "/boot-truth");
    unsigned count = 0;
    if (!dir)
        skip();
    for (struct dirent *e; (e = readdir(dir));) {
        char path[512], text[16384] = "";
        size_t index;
        json_t *line;
        if (!strstr(e->d_name, ".json"))
            continue;
        snprintf(path, sizeof path, "%s/boot-truth/%s", SS_TEST_MATERIAL, e->d_name);
        json_t *run = json_load_file(path, 0, NULL);
        assert_non_null(run);
        json_array_foreach(json_object_get(run, "log"), index, line)
        {
            strncat(text, json_string_value(line), sizeof text - strlen(text) - 3);
            strcat(text, "\r\n");
        }
        read_log(text);
        if (ss_doctor_stops(&report) == json_is_true(json_object_get(run, "boots")))
            fail_msg("%s: %u findings", e->d_name, report.count);
        json_decref(run);
        count++;
    }
    closedir(dir);
    assert_true(count > 10);
}

#define RESET_1 "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
#define RESET_3 "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
#define GPIO12  "rst:0x1 (POWERON_RESET),boot:0x33 (SPI_FAST_FLASH_BOOT)\n"
#define SOFT    "rst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
#define HANDED  "load:0x40080400,len:6136\nentry 0x400806a4\n"
#define ENCRYPTS                                                                                                       \
    "I (700) flash_encrypt: Encrypting bootloader...\nI (900) flash_encrypt: Encrypting partition 3 at offset "        \
    "0x10000...\n"
#define DONE                                                                                                           \
    "I (59000) flash_encrypt: Flash encryption completed\nI (59100) boot: Resetting with flash encryption "            \
    "enabled...\n"

/// The shapes of logs that people post, each written anew: what has to be said of them, in this order.
static void logs_as_people_post_them(void **state)
{
    (void)state;
    static const struct {
        const char *log;
        enum ss_doctor_id ids[4]; ///< all that is said; SS_DOCTOR_NONE ends the list
    } cases[] = {
        {RESET_1 "flash read err, 1000\r\nets_main.c 371 \r\n" RESET_1 "flash read err, 1000\r\nets_main.c 371 \r\n",
         {SS_DOCTOR_BOOTLOADER_UNREADABLE}},
        {GPIO12 "flash read err, 1000\nFalling back to built-in command interpreter.\nOK\n",
         {SS_DOCTOR_BOOTLOADER_UNREADABLE, SS_DOCTOR_LOG_FLASH_VOLTAGE}},
        {GPIO12 HANDED "I (200) boot: Loaded app from partition at offset 0x10000\n", {SS_DOCTOR_NONE}},
        // Cut off in the middle of a line, with what the terminal made of the rest.
        {RESET_3 "invalid header: 0x3c9a1e77\r\ninvalid header: 0x3c9a1e77\r\ninv\xE2\xB8\xAE" RESET_3
                 "invalid header: 0x3c9a1e77\r\ninvalid header: 0x3c",
         {SS_DOCTOR_BOOTLOADER_UNREADABLE}},
        {RESET_3 "invalid header: 0x3c9a1e77\n" RESET_3 "invalid header: 0x3c9a1f77\n",
         {SS_DOCTOR_BOOTLOADER_UNREADABLE, SS_DOCTOR_LOG_FLASH_UNSTABLE}},
        {RESET_3 "flash read err, 988\nets_main.c 384 \n", {SS_DOCTOR_LOG_FLASH_UNSTABLE}},
        {"10:02:11.450 -> rst:0x7 (TG0WDT_SYS_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
         "10:02:11.460 -> csum err:0x41!=0xff\n10:02:11.470 -> ets_main.c 384 \n"
         "10:02:11.900 -> rst:0x7 (TG0WDT_SYS_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
         "10:02:11.910 -> csum err:0x43!=0xff\n",
         {SS_DOCTOR_BOOTLOADER_DAMAGED, SS_DOCTOR_LOG_FLASH_UNSTABLE}},
        // Each line with a time before it, and each cycle with other times.
        {"[10:00:01]" SOFT "[10:00:01]E (49) flash_parts: partition 0 invalid magic number 0x3b1c\n"
         "[10:00:01]E (55) boot: Failed to verify partition table\n"
         "[10:00:02]" SOFT "[10:00:02]E (51) flash_parts: partition 0 invalid magic number 0x3b1c\n",
         {SS_DOCTOR_TABLE_UNREADABLE}},
        {"\x1B[0;31mE (36) flash_parts: Incorrect MD5 checksum\x1B[0m\n", {SS_DOCTOR_TABLE_DAMAGED}},
        // Secure boot V2: the same words of the mask ROM about the bootloader …
        {SOFT "secure boot v2 enabled\nSig block 0 invalid: Image digest does not match\n"
              "secure boot verification failed\nets_main.c 384 \n",
         {SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED}},
        {SOFT "secure boot v2 enabled\nNo signature block magic byte found at signature sector (found 0x61 not 0xe7). "
              "Image not V2 signed?\nsecure boot verification failed\n",
         {SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED}},
        {SOFT "Sig block 0 signed with untrusted key\nsecure boot verification failed\n",
         {SS_DOCTOR_SECURE_BOOT_V2_KEY}},
        // … and about an app.
        {HANDED "I (757) secure_boot_v2: Verifying with RSA-PSS...\nSig block 0 invalid: Image digest does not match\n"
                "E (759) secure_boot_v2: Secure Boot V2 verification failed.\n",
         {SS_DOCTOR_APP_SIGNATURE_WRONG}},
        {HANDED "I (757) secure_boot: Verifying with RSA-PSS...\nSig block 0 signed with untrusted key\n"
                "E (759) secure_boot: Secure Boot V2 verification failed.\n"
                "E (765) esp_image: Secure boot signature verification failed\n"
                "I (771) esp_image: Calculating simple hash to check for corruption...\n"
                "W (834) esp_image: image valid, signature bad\n",
         {SS_DOCTOR_APP_SIGNATURE_WRONG, SS_DOCTOR_APP_SIGNATURE_WRONG}},
        {"E (143574) secure_boot_v2: Public key digest in eFuse BLK2 and the signature block don't match.\n",
         {SS_DOCTOR_APP_SIGNATURE_WRONG}},
        {HANDED "No signature block magic byte found at signature sector (found 0x0 not 0xe7). Image not V2 signed?\n",
         {SS_DOCTOR_APP_UNSIGNED}},
        // The first boot with encryption.
        {SOFT HANDED ENCRYPTS RESET_1 "flash read err, 1000\n",
         {SS_DOCTOR_LOG_INTERRUPTED, SS_DOCTOR_BOOTLOADER_UNREADABLE}},
        {SOFT HANDED ENCRYPTS DONE SOFT HANDED "I (99) boot: Loaded app from partition at offset 0x10000\n",
         {SS_DOCTOR_NONE}},
        {SOFT HANDED ENCRYPTS, {SS_DOCTOR_LOG_INTERRUPTED}},
        {SOFT HANDED "Brownout detector was triggered\n", {SS_DOCTOR_LOG_BROWNOUT}},
        // The bootloader's own header, which the mask ROM could read.
        {HANDED
         "E (30) esp_image: image at 0x1000 has invalid magic byte\nE (31) boot: failed to load bootloader header!\n",
         {SS_DOCTOR_BOOTLOADER_UNREADABLE}},
        {"I (12) boot: Loaded app from partition at offset 0x10000\nI (500) cpu_start: Starting scheduler.\n"
         "W (510) flash_encrypt: Flash encryption mode is DEVELOPMENT (not secure)\n"
         "E (600) esp_ota_ops: ota data invalid, no current app. Assuming factory\n",
         {SS_DOCTOR_DOWNLOAD_OPEN, SS_DOCTOR_OTADATA_UNREADABLE}},
        {"E (40) boot_comm: Image requires chip rev >= v3.0, but chip is v1.0\n", {SS_DOCTOR_LOG_CHIP}},
        {"ESP-ROM:esp32s3-20210327\nBuild:Mar 27 2021\nrst:0x1 (POWERON),boot:0x8 (SPI_FAST_FLASH_BOOT)\n"
         "invalid header: 0xffffffff\n",
         {SS_DOCTOR_LOG_OTHER_CHIP, SS_DOCTOR_BOOTLOADER_MISSING}},
        {"rst:0x1 (POWERON_RESET),boot:0x23 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\nwaiting for download\n",
         {SS_DOCTOR_LOG_DOWNLOAD}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned n = 0;
        read_log(cases[i].log);
        while (n < 4 && cases[i].ids[n] != SS_DOCTOR_NONE)
            n++;
        for (unsigned k = 0; k < n || k < report.count; k++)
            if (k >= n || k >= report.count || report.findings[k].id != cases[i].ids[k])
                fail_msg("%s: finding %u of %u is %s", cases[i].log, k, report.count,
                         k < report.count ? ss_doctor_rule(report.findings[k].id)->id : "missing");
    }
}

/// Recorded by whatever, cut anywhere: the same findings, or fewer, and no byte that a terminal would obey.
static void any_bytes(void **state)
{
    (void)state;
    static const char log[] =
        "\xFF\x80 \x1B[0;31mE (9) esp_image: Checksum failed. Calculated 0x1 read 0x2\x1B[0m\x9B\r\n\0"
        "E (9) boot: OTA app partition slot 0 is not boot";
    for (size_t from = 0; from < sizeof log; from++)
        for (size_t to = from; to < sizeof log; to++) {
            ss_doctor_read_log(log + from, to - from, &report);
            assert_true(report.count <= 1);
            for (const char *p = report.count ? report.findings[0].seen : ""; *p; p++)
                assert_true((unsigned char)*p >= ' ' && (unsigned char)*p < 0x7F);
        }
    ss_doctor_read_log(log, sizeof log - 1, &report);
    assert_int_equal(report.count, 1);
    assert_string_equal(report.findings[0].seen, "esp_image: Checksum failed. Calculated 0x1 read 0x2?");
}

static const char summary[] =
    "espefuse v5.3.1\nConnecting....\n{\n"
    "\"WR_DIS\": {\"value\": 128, \"raw_value\": \"0x0080\"}, \"RD_DIS\": {\"value\": 1},"
    "\"FLASH_CRYPT_CNT\": {\"value\": 1}, \"FLASH_CRYPT_CONFIG\": {\"value\": 15},"
    "\"CODING_SCHEME\": {\"value\": \"NONE (BLK1-3 len = 256 bits)\"}, \"ABS_DONE_0\": {\"value\": true},"
    "\"SPI_PAD_CONFIG_CLK\": {\"value\": \"GPIO6\"}, \"MAC\": {\"value\": \"24:0a:c4:00:01:10 (CRC 0xfe OK)\"},"
    "\"CUSTOM_MAC\": {\"value\": \"00:00:00:00:00:00 (CRC 0x00 OK)\"},"
    "\"BLOCK1\": {\"value\": \"?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? ?? "
    "?? ?? ??\", \"readable\": false},"
    "\"BLOCK2\": {\"value\": \"01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d "
    "1e 1f 20\"}}\n";

static void efuses_from_a_summary(void **state)
{
    (void)state;
    struct ss_efuse window;
    assert_ok(ss_doctor_read_efuses((const uint8_t *)summary, strlen(summary), &window, &err), err);
    assert_int_equal(window.words[0], 0x00110080);
    assert_int_equal(window.words[5], 0xF0000000);
    assert_int_equal(window.words[6], 0x10);
    assert_int_equal(window.words[7], 0);
    assert_int_equal(window.words[15], 0x04030201);
    assert_int_equal(window.words[22], 0x201F1E1D);
}

static void efuses_from_words(void **state)
{
    (void)state;
    struct ss_efuse window;
    uint8_t bytes[SS_EFUSE_IMAGE_SIZE] = {0x80, 0, 0x11};
    assert_ok(ss_doctor_read_efuses(bytes, sizeof bytes, &window, &err), err);
    assert_int_equal(window.words[0], 0x00110080);

    // With 3/4 coding each key block has 24 bytes left.
    uint8_t coded[SS_EFUSE_DUMP_34_SIZE] = {[24] = 1, [28] = 0xA1, [28 + 24] = 0xB2, [28 + 48] = 0xC3, [99] = 0xC4};
    assert_ok(ss_doctor_read_efuses(coded, sizeof coded, &window, &err), err);
    assert_int_equal(window.words[7], 0xA1);
    assert_int_equal(window.words[15], 0xB2);
    assert_int_equal(window.words[23], 0xC3);
    assert_int_equal(window.words[28], 0xC4000000);
    assert_int_equal(window.words[13] | window.words[14] | window.words[29] | window.words[30], 0);
    coded[24] = 0;
    assert_int_equal(ss_doctor_read_efuses(coded, sizeof coded, &window, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "eFuses are 100 bytes, as with 3/4 coding, but CODING_SCHEME is not 3/4");
    assert_int_equal(window.words[7], 0);
}

static void efuses_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "eFuses are 0 bytes: neither the 124 of a joint dump (100 with 3/4 coding) nor a JSON summary"},
        {"{", "eFuses are 1 bytes: neither the 124 of a joint dump (100 with 3/4 coding) nor a JSON summary"},
        {"{}", "eFuse summary of an ESP32 without WR_DIS: it takes all fields"},
        {"{\"WR_DIS\": {\"value\": 65536}, \"RD_DIS\": {}, \"FLASH_CRYPT_CNT\": {}, \"FLASH_CRYPT_CONFIG\": {}, "
         "\"ABS_DONE_0\": {}}",
         "eFuse summary: no such value of WR_DIS"},
        {"{\"WR_DIS\": {}, \"RD_DIS\": {\"value\": -1}, \"FLASH_CRYPT_CNT\": {}, \"FLASH_CRYPT_CONFIG\": {}, "
         "\"ABS_DONE_0\": {}}",
         "eFuse summary: no such value of RD_DIS"},
        {"{\"WR_DIS\": {}, \"RD_DIS\": {}, \"FLASH_CRYPT_CNT\": {}, \"FLASH_CRYPT_CONFIG\": {}, "
         "\"ABS_DONE_0\": {}, \"BLOCK1\": {\"value\": \"01 02\"}}",
         "eFuse summary: no such value of BLOCK1"},
    };
    struct ss_efuse window;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ss_doctor_read_efuses((const uint8_t *)cases[i].text, strlen(cases[i].text), &window, &err),
                         SS_ERROR_DATA_INVALID);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(window.words[0], 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_has_its_cause),
        cmocka_unit_test(a_loop_is_told_once),
        cmocka_unit_test(silence_after_the_reset_line),
        cmocka_unit_test(a_slot_that_is_passed_over),
        cmocka_unit_test(an_empty_table),
        cmocka_unit_test(recorded_runs),
        cmocka_unit_test(logs_as_people_post_them),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(efuses_from_a_summary),
        cmocka_unit_test(efuses_from_words),
        cmocka_unit_test(efuses_that_are_none),
    };
    return ss_test_main(argc, argv, tests);
}
