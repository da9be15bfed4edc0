// SPDX-License-Identifier: Apache-2.0
// Virtual chips: how long one takes to boot, and how many can be made and booted in a run.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/harness.h"
#include "chip/boot.h"
#include "core/bytes.h"
#include "core/image_parts.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/partition_table.h"

static const char what[] =
    "Boots virtual chips with encrypted flash: bootloader, the partition table of two slots of 0x150000 bytes, an app "
    "of "
    "1 MiB of incompressible data.\v"
    "A boot is the whole of it: mask ROM, second stage, verification of the app through decryption, its hash.";

#define APP_ADDRESS 0x10000u
#define APP_DATA    0x100000u
#define CHIPS       1000u
#define BOOTS       200u

static void must(bool condition, const char *what_failed)
{
    if (!condition) {
        fprintf(stderr, "bench_chip: %s\n", what_failed);
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// An image of one segment with any data; checksum and hash are right.
static void lay_image(uint8_t *at, uint32_t load, uint32_t len)
{
    struct ss_image image;
    uint64_t seed = 1;
    static const uint8_t header[24] = {0xE9, 1, 2, 0x20, 0, 4, 8, 0x40, 0xEE, [23] = 1};
    memcpy(at, header, sizeof header);
    ss_put_le32(at + 24, load);
    ss_put_le32(at + 28, len);
    for (uint32_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        at[32 + i] = (uint8_t)(seed >> 56);
    }
    must(ss_image_walk(at, len + 128, &image) && ss_image_refresh(at, &image) == SS_OK, "no image");
}

static void lay_table(uint8_t *at)
{
    static const struct ss_partition_table table = {
        .rows = {{.label = "otadata", .type = 1, .subtype = 0, .offset = 0xD000, .size = 0x2000},
                 {.label = "ota_0", .type = 0, .subtype = 0x10, .offset = 0x10000, .size = 0x150000},
                 {.label = "ota_1", .type = 0, .subtype = 0x11, .offset = 0x160000, .size = 0x150000}},
        .count = 3,
        .md5 = true,
    };
    must(ss_table_to_binary(&table, at, NULL) == SS_OK, "no table");
}

static struct ss_vchip *make_chip(uint64_t seed)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    options.seed = seed;
    must(ss_chip_new(&options, &chip, NULL) == SS_OK, "no chip");
    return chip;
}

/// What one chip holds in flash is the plaintext of all, encrypted for its own key.
static void provision(struct ss_vchip *chip, const uint8_t *plain)
{
    static struct ss_flash_cipher cipher;
    uint8_t key[32];
    for (unsigned i = 0; i < sizeof key; i += 8)
        ss_put_le64(key + i, ss_power_random(&chip->power));
    must(ss_efuse_key_to_words(key, sizeof key, SS_EFUSE_CODING_NONE, &chip->silicon->words[ss_efuse_block_start(1)],
                               NULL) == SS_OK,
         "no key");
    chip->silicon->words[0] |= 1u << 20;
    chip->silicon->words[5] |= 15u << 28;
    must(ss_flash_cipher_init(&cipher, key, sizeof key, 15, NULL) == SS_OK, "no cipher");
    must(ss_flash_cipher_seal(&cipher, 0x1000, plain + 0x1000, chip->flash.data + 0x1000, 0x15F000, NULL) == SS_OK,
         "not sealed");
}

static void boot(struct ss_vchip *chip)
{
    static const struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    static struct ss_boot_result result;
    must(ss_chip_boot(chip, &profile, NULL, NULL, NULL, &result, NULL) == SS_OK, "no boot");
    must(result.outcome == SS_OUTCOME_APP && result.address == APP_ADDRESS, "the app did not start");
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double boot_seconds(const uint8_t *plain)
{
    static double times[BOOTS];
    struct ss_vchip *chip = make_chip(1);
    provision(chip, plain);
    boot(chip); // fills in otadata
    for (unsigned i = 0; i < BOOTS; i++) {
        double start = now();
        boot(chip);
        times[i] = now() - start;
    }
    ss_chip_free(chip);
    qsort(times, BOOTS, sizeof *times, compare);
    return times[BOOTS / 2];
}

static double chips_per_second(const uint8_t *plain)
{
    double start = now();
    for (unsigned i = 0; i < CHIPS; i++) {
        struct ss_vchip *chip = make_chip(i + 1);
        provision(chip, plain);
        boot(chip);
        ss_chip_free(chip);
    }
    return CHIPS / (now() - start);
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct rusage usage;
    bench_parse(argc, argv, what, &options);
    uint8_t *plain = malloc(0x160000);
    must(plain != NULL, "out of memory");
    memset(plain, 0xFF, 0x160000);
    lay_image(plain + 0x1000, 0x40080400, 400);
    lay_table(plain + 0x8000);
    lay_image(plain + APP_ADDRESS, 0x3F400020, APP_DATA);
    double seconds = boot_seconds(plain), rate = chips_per_second(plain);
    getrusage(RUSAGE_SELF, &usage);
    json_t *json = json_pack("{s:f, s:f, s:i, s:f}", "boot_ms", seconds * 1e3, "chips_per_s", rate, "chips", (int)CHIPS,
                             "peak_mib", (double)usage.ru_maxrss / 1024);
    must(json != NULL, "out of memory");
    if (options.json)
        json_dumpf(json, stdout, JSON_INDENT(1));
    else
        printf("boot of an encrypted chip  %8.2f ms\nmade, sealed and booted    %8.1f chips/s of %u\npeak memory       "
               "     "
               "    %8.1f MiB, of which 4 are the chip's flash\n",
               seconds * 1e3, rate, CHIPS, (double)usage.ru_maxrss / 1024);
    if (options.json_file && json_dump_file(json, options.json_file, JSON_INDENT(1)))
        must(false, "the JSON file cannot be written");
    json_decref(json);
    free(plain);
    return 0;
}
