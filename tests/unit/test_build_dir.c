// SPDX-License-Identifier: Apache-2.0
// Build folders as ESP-IDF v4.0, v4.4 and v5.x leave them.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "provision/build_dir.h"
#include "support/sample_image.h"
#include "support/sample_table.h"

static char root[] = "/tmp/slotseal-build-XXXXXX";
static struct ss_build build;
static struct ss_error err;

static void put(const char *name, const void *data, size_t len)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700);
    }
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static int fresh_root(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[300];
    ss_build_free(&build);
    snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

static void put_images(const char *folder, const char *version)
{
    uint8_t image[8192], table[SS_TABLE_BINARY_SIZE];
    char path[128];
    size_t len = sample_bootloader(image, sizeof image);
    // The banner's version is a string of its own.
    image[199] = 0;
    snprintf((char *)image + 200, 40, "%s", version);
    sample_refresh(image, len);
    snprintf(path, sizeof path, "%s/bootloader/bootloader.bin", folder);
    put(path, image, len);
    snprintf(path, sizeof path, "%s/partition_table/partition-table.bin", folder);
    put(path, table, sample_table(table));
    snprintf(path, sizeof path, "%s/app.bin", folder);
    put(path, image, sample_app(image, sizeof image));
}

static const char *dir(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

/// Secure boot V1: the bootloader is not among the files that are flashed; no chip, no version is named.
static void of_v4_0(void **state)
{
    (void)state;
    uint8_t key[64] = {4, 2};
    put_images("p/build", "v4.0.1");
    put("p/build/signature_verification_key.bin", key, sizeof key);
    put_text("p/sdkconfig",
             "#\n# Automatically generated file; DO NOT EDIT.\n# Espressif IoT Development Framework (ESP-IDF) "
             "Project Configuration\n#\nCONFIG_SECURE_BOOT_ENABLED=y\nCONFIG_PARTITION_TABLE_OFFSET=0x9000\n");
    put_text("p/build/flasher_args.json",
             "{\"write_flash_args\": [\"--flash_mode\", \"dio\", \"--flash_size\", \"detect\"],\n"
             "\"flash_settings\": {\"flash_mode\": \"dio\", \"flash_size\": \"detect\", \"flash_freq\": \"40m\"},\n"
             "\"flash_files\": {\"0x9000\": \"partition_table/partition-table.bin\", \"0x10000\": \"app.bin\"},\n"
             "\"partition_table\": {\"offset\": \"0x9000\", \"file\": \"partition_table/partition-table.bin\"},\n"
             "\"extra_esptool_args\": {\"after\": \"no_reset\", \"before\": \"default_reset\"}}\n");
    assert_ok(ss_build_read(dir("p/build"), &build, &err), err);
    assert_int_equal(build.profile.source, SS_PROFILE_BUILD);
    assert_int_equal(build.profile.secure_boot, SS_PROFILE_SECURE_BOOT_V1);
    assert_int_equal(build.profile.table_offset, 0x9000);
    assert_true(build.profile.has_public_key);
    assert_int_equal(build.profile.idf, 40001);
    assert_int_equal(build.flash[0x1000], 0xE9);
    assert_int_equal(build.flash[0x9000], 0xAA);
    assert_int_equal(build.flash[0x10000], 0xE9);
}

static const char files_44[] =
    "{\"flash_settings\": {\"flash_mode\": \"dio\", \"flash_size\": \"4MB\", \"flash_freq\": \"40m\"},\n"
    "\"flash_files\": {\"0x1000\": \"bootloader/bootloader.bin\", \"0x8000\": "
    "\"partition_table/partition-table.bin\", \"0x10000\": \"app.bin\"},\n"
    "\"partition-table\": {\"offset\": \"0x8000\", \"file\": \"partition_table/partition-table.bin\", \"encrypted\": "
    "\"false\"},\n\"extra_esptool_args\": {\"after\": \"hard_reset\", \"stub\": true, \"chip\": \"%s\"}}\n";

static void put_args(const char *name, const char *chip)
{
    char text[2000];
    snprintf(text, sizeof text, files_44, chip);
    put_text(name, text);
}

/// The version stands in the bootloader only.
static void of_v4_4(void **state)
{
    (void)state;
    put_images("p/build", "v4.4.2");
    put_text("p/sdkconfig", "CONFIG_IDF_TARGET=\"esp32\"\nCONFIG_SECURE_FLASH_ENC_ENABLED=y\n");
    put_args("p/build/flasher_args.json", "esp32");
    put_text("p/build/project_description.json",
             "{\"version\": \"1\", \"project_name\": \"x\", \"target\": \"esp32\"}");
    assert_ok(ss_build_read(dir("p/build"), &build, &err), err);
    assert_true(build.profile.flash_encryption);
    assert_int_equal(build.flash_len, 4 << 20);
    assert_string_equal(build.profile.idf_version, "v4.4.2");
}

static void of_v5(void **state)
{
    (void)state;
    put_images("p/build", "v5.1.2");
    put_text("p/sdkconfig", "#\n# Espressif IoT Development Framework (ESP-IDF) 5.1.2 Project Configuration\n#\n"
                            "CONFIG_SECURE_BOOT_V2_ENABLED=y\n");
    put_args("p/build/flasher_args.json", "esp32");
    assert_ok(ss_build_read(dir("p/build"), &build, &err), err);
    assert_string_equal(build.profile.idf_version, "v5.1.2");
    assert_int_equal(build.profile.secure_boot, SS_PROFILE_SECURE_BOOT_V2);
    ss_build_free(&build);
    // What the build says of itself comes first.
    put_text("p/build/project_description.json", "{\"git_revision\": \"v5.2-beta1-9-gabc\", \"target\": \"esp32\"}");
    assert_ok(ss_build_read(dir("p/build"), &build, &err), err);
    assert_string_equal(build.profile.idf_version, "v5.2-beta1-9-gabc");
    assert_int_equal(build.profile.idf, 50200);
}

static void refused(const char *message, ss_status_t status)
{
    assert_int_equal(ss_build_read(dir("p/build"), &build, &err), status);
    if (!strstr(err.message, message))
        fail_msg("%s", err.message);
    ss_build_free(&build);
}

static void folders_that_are_none(void **state)
{
    (void)state;
    refused("no build folder of ESP-IDF", SS_ERROR_DOES_NOT_EXIST);
    put_images("p/build", "v5.1.2");
    put_text("p/sdkconfig", "CONFIG_A=y\n");
    put_args("p/build/flasher_args.json", "esp32s3");
    refused("the build is for esp32s3, not for the ESP32", SS_ERROR_NOT_SUPPORTED);
    put_text("p/build/flasher_args.json", "[]");
    refused("flasher_args.json is not a JSON object", SS_ERROR_DATA_INVALID);
    put_text("p/build/flasher_args.json", "{\"flash_files\": {\"0x1000\": \"missing.bin\"}}");
    refused("missing.bin", SS_ERROR_DOES_NOT_EXIST);
    put_text("p/build/flasher_args.json", "{\"flash_files\": {\"here\": \"app.bin\"}}");
    refused("'here' is no flash address", SS_ERROR_DATA_INVALID);
    put_text("p/build/flasher_args.json", "{\"flash_files\": {\"0xfffff0\": \"app.bin\"}}");
    refused("beyond 16 MiB", SS_ERROR_DATA_INVALID);
    put_text("p/build/flasher_args.json", "{}");
    put_text("p/build/project_description.json", "{\"target\": \"esp32c3\"}");
    refused("the build is for esp32c3", SS_ERROR_NOT_SUPPORTED);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_v4_0, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(of_v4_4, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(of_v5, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(folders_that_are_none, fresh_root, remove_root),
    };
    return ss_test_main(argc, argv, tests);
}
