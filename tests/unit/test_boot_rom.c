// SPDX-License-Identifier: Apache-2.0
// The mask ROM: what it says and where it stops. The frame around it: resets, download mode, apps, unknown blocks.
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"
#include "slotseal/otadata.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "support/boot_bench.h"
#include "support/sample_image.h"

static struct ss_error err;

static void an_app_is_started(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_string_equal(ss_boot_outcome_name(b->result.outcome), "app");
    assert_int_equal(b->result.address, BENCH_SLOT_0);
    assert_int_equal(b->result.slot, 0);
    assert_true(b->result.has_app);
    assert_string_equal(b->result.project, "sample");
    assert_string_equal(b->result.version, "1.2.3");
    assert_int_equal(b->result.resets, 0);
    assert_false(b->result.loops);
    assert_null(ss_boot_first_failure(&b->result));
    bench_expect(b, "load:0x40080400,len:400");
    bench_expect(b, "entry 0x40080400");
    bench_expect(b, "I (T) boot: Chip Revision: 3");
    bench_expect(b, "I (T) boot_comm: chip revision: 3, min. bootloader chip revision: 0");
    bench_expect(b, "I (T) boot: Loaded app from partition at offset 0x10000");
    bench_expect(b, "I (T) boot: Set actual ota_seq=1 in otadata[0]");
    bench_expect(b, "I (T) boot: Disabling RNG early entropy source...");
    bench_free(b);
}

static void an_app_without_a_descriptor(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    uint8_t app[1024];
    size_t len = sample_image(app, sizeof app, &(struct sample_segment){0x3FFB0000, 64}, 1, true);
    bench_lay(b, BENCH_SLOT_0, app, len);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_false(b->result.has_app);
    bench_free(b);
}

static void download_mode(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(100);
    b->chip->strap_download = true;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_DOWNLOAD);
    assert_string_equal(b->log, "ets Jun  8 2016 00:22:57\n"
                                "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\n"
                                "waiting for download\n");
    bench_free(b);
}

static void nothing_in_flash(void **state)
{
    (void)state;
    struct bench *b = bench_new(300);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    assert_true(b->result.loops);
    assert_int_equal(b->result.resets, 1);
    bench_expect(b, "invalid header: 0xffffffff");
    bench_expect_failure(b, "rom-header", "0x1000 reads as ff ff ff ff, not as e9 …");
    bench_free(b);
}

/// Before revision 3 the ROM says less, and what follows depends on BASIC.
static void nothing_in_flash_of_an_old_chip(void **state)
{
    (void)state;
    struct bench *b = bench_new(100);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    assert_int_equal(b->result.resets, 0);
    bench_expect(b, "flash read err, 1000\nFalling back to built-in command interpreter.\nOK\n>");
    assert_int_equal(ss_boot_first_failure(&b->result)->basis, SS_BASIS_SOURCE);
    bench_set(b, "CONSOLE_DEBUG_DISABLE", 1);
    bench_boot(b);
    bench_expect(b, "flash read err, 1000\nets_main.c 371 ");
    assert_true(b->result.loops);
    bench_free(b);
}

static void plaintext_behind_decryption(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_set_key(b, 1, 0, true);
    bench_set(b, "FLASH_CRYPT_CONFIG", 15);
    bench_set(b, "FLASH_CRYPT_CNT", 1);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    const struct ss_boot_stage *failure = ss_boot_first_failure(&b->result);
    assert_string_equal(failure->rule->id, "rom-header");
    assert_string_equal(ss_boot_basis_name(failure->basis), "observed");
    assert_non_null(strstr(failure->reason, " through decryption, not as e9 …"));
    // With an even number of bits the same flash boots.
    bench_set(b, "FLASH_CRYPT_CNT", 3);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void a_wrong_checksum(void **state)
{
    (void)state;
    for (unsigned revision = 100; revision <= 300; revision += 200) {
        struct bench *b = bench_bootable(revision);
        b->chip->flash.data[0x1000 + 100] ^= 1;
        bench_boot(b);
        assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
        bench_expect(b, "csum err:0xae!=0xaf\nFalling back to built-in command interpreter.");
        bench_expect_failure(b, "rom-checksum", "checksum of the bootloader is 0xae, stored at 0x11bf is 0xaf");
        bench_set(b, "CONSOLE_DEBUG_DISABLE", 1);
        bench_boot(b);
        bench_expect(b,
                     revision == 300 ? "csum err:0xae!=0xaf\nets_main.c 384 " : "csum err:0xae!=0xaf\nets_main.c 371 ");
        bench_free(b);
    }
}

static void segments_that_cannot_be_loaded(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    ss_put_le32(b->chip->flash.data + 0x1000 + 24, 0x3FF00000);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    bench_expect(b, "load:0x3ff00000,len:400");
    bench_expect_failure(b, "rom-load", "segment 0 of the bootloader: 400 bytes to 0x3ff00000, no memory");
    assert_int_equal(ss_boot_first_failure(&b->result)->basis, SS_BASIS_INFERRED);

    // Noise behind a byte that happens to be E9.
    b->chip->flash.data[0x1001] = 200;
    for (unsigned i = 0; i < 200; i++) {
        ss_put_le32(b->chip->flash.data + 0x1000 + 24 + 8 * i, 0x3FFB0000);
        ss_put_le32(b->chip->flash.data + 0x1000 + 28 + 8 * i, 0);
    }
    bench_boot(b);
    bench_expect_failure(b, "rom-load", "a bootloader of 200 segments that does not end: noise");

    // Segments that are each possible, but together longer than any flash.
    b->chip->flash.data[0x1001] = 16;
    bench_boot(b);
    bench_expect(b, "load:0x3ffb0000,len:0");
    bench_free(b);
}

/// The header's drive strengths, mode and clock.
static void the_header_is_said(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    uint8_t *header = b->chip->flash.data + 0x1000;
    header[2] = 0;
    header[3] = 0x2F;
    header[8] = 0x12;
    memcpy(header + 9, "\x21\x43\x65", 3);
    bench_boot(b);
    bench_expect(b, "configsip: 0, SPIWP:0x12\n"
                    "clk_drv:0x01,q_drv:0x02,d_drv:0x03,cs0_drv:0x04,hd_drv:0x05,wp_drv:0x06\n"
                    "mode:QIO, clock div:1");
    bench_expect(b, "I (T) boot: SPI Speed      : 80MHz");
    bench_expect(b, "I (T) boot: SPI Mode       : QIO");
    header[2] = 9;
    header[3] = 0x51;
    bench_boot(b);
    bench_expect(b, "mode:9, clock div:3");
    bench_expect(b, "I (T) boot: SPI Speed      : 26.7MHz");
    bench_expect(b, "I (T) boot: SPI Mode       : SLOW READ");
    bench_expect(b, "I (T) boot: SPI Flash Size : 2MB"); // of a code that it does not know
    bench_free(b);
}

/// It says so where that cuts the header of a segment in two: here the second one's, at byte 44.
static void the_rom_reads_16_bytes_at_a_time(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    uint8_t image[1024];
    const struct sample_segment segments[] = {{0x3FFF0010, 12}, {0x40080400, 400}};
    bench_lay(b, 0x1000, image, sample_image(image, sizeof image, segments, 2, true));
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_expect(b, "load:0x3fff0010,len:12\nho 0 tail 12 room 4\nload:0x40080400,len:400");
    bench_free(b);
}

/// With BLOCK2 burned by a tool and the digest put at address 0, also through encryption.
static void secure_boot_v1(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(100);
    uint8_t key[32], image[1024], file[0x1000 + 1024], iv[SS_SBV1_IV_SIZE] = {1, 2, 3};
    size_t len = sample_bootloader(image, sizeof image), file_len;
    for (unsigned i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    const struct ss_sbv1_digest_params params = {.key = key, .key_len = 32, .iv = iv, .iv_len = sizeof iv};
    assert_ok(ss_secure_boot_v1_bootloader_file(&params, image, len, file, sizeof file, &file_len, &err), err);
    bench_lay(b, 0, file, file_len);
    bench_set_key(b, 2, 0, true);
    bench_set(b, "ABS_DONE_0", 1);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);

    b->chip->flash.data[0x80] ^= 1;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    bench_expect(b, "secure boot check fail\nFalling back to built-in command interpreter.");
    bench_set(b, "CONSOLE_DEBUG_DISABLE", 1);
    bench_boot(b);
    bench_expect(b, "secure boot check fail\nets_main.c 371 ");
    bench_expect_failure(b, "secure-boot-v1", "the digest at 0x80 is not that of IV, bootloader and the key in BLOCK2");

    // Dumped from a chip whose BLOCK2 cannot be read: neither right nor wrong.
    b->chip->unknown_blocks = 1 << 2;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    assert_int_equal(b->result.address, BENCH_SLOT_0);
    bench_expect_failure(b, "secure-boot-v1", "the key in BLOCK2 is read-protected and not known");
    assert_string_equal(ss_boot_basis_name(ss_boot_first_failure(&b->result)->basis), "not-checkable");
    // What fails for other reasons still fails.
    memset(b->chip->flash.data + BENCH_TABLE, 0, 32);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_free(b);
}

/// A bootloader signed for V2, at 0x1000 of the bench.
static void lay_signed_bootloader(struct bench *b, const ss_signing_key_t *key)
{
    static uint8_t image[1024], out[16384];
    size_t len = sample_bootloader(image, sizeof image), out_len;
    const struct ss_sbv2_signer signer = {.key = key};
    assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, image, len, out, sizeof out, &out_len, &err), err);
    bench_lay(b, 0x1000, out, out_len);
}

static void secure_boot_v2(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    ss_signing_key_t *key;
    uint8_t digest[32], *block = b->chip->flash.data + 0x2000;
    assert_ok(ss_signing_key_generate(SS_KEY_RSA3072, &key, &err), err);
    assert_ok(ss_secure_boot_v2_key_digest(key, digest, &err), err);
    for (unsigned i = 0; i < 8; i++)
        b->chip->silicon->words[ss_efuse_block_start(2) + i] = ss_get_le32(digest + 4 * i);
    bench_set(b, "ABS_DONE_1", 1);
    bench_boot(b);
    bench_expect(b, "mode:2, clock div:2");
    bench_expect(b,
                 "No signature block magic byte found at signature sector (found 0xff not 0xe7). Image not V2 signed?\n"
                 "secure boot verification failed");
    bench_expect_failure(b, "secure-boot-v2", "bootloader: there is no signature block");
    assert_int_equal(ss_boot_first_failure(&b->result)->basis, SS_BASIS_INFERRED);
    lay_signed_bootloader(b, key);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_expect(b, "secure boot v2 enabled\nsecure boot verification succeeded\nload:0x40080400 len:0x190");

    b->chip->flash.data[0x1000 + 100] ^= 1;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    bench_expect(b, "Sig block 0 invalid: Image digest does not match\nsecure boot verification failed");
    bench_expect_failure(b, "secure-boot-v2", "bootloader: the signature is for another image");
    b->chip->flash.data[0x1000 + 100] ^= 1;

    // A signature that was changed, and the block's CRC with it.
    block[900] ^= 1;
    bench_boot(b);
    bench_expect(b, "secure boot v2 enabled\nsecure boot verification failed");
    bench_expect_failure(b, "secure-boot-v2", "bootloader: the signature block is damaged, or not RSA-3072");
    ss_put_le32(block + 1196, ss_crc32(0, block, 1196));
    bench_boot(b);
    bench_expect_failure(b, "secure-boot-v2", "bootloader: the signature is not valid");
    block[900] ^= 1;
    ss_put_le32(block + 1196, ss_crc32(0, block, 1196));

    // A read-protected digest reads as zero, for the ROM too.
    b->chip->silicon->words[0] |= 1u << 17;
    bench_boot(b);
    bench_expect(b, "Sig block 0 signed with untrusted key\nsecure boot verification failed");
    bench_expect_failure(b, "secure-boot-v2", "bootloader: the digest of the signing key is not the one in BLOCK2");
    assert_int_equal(ss_boot_first_failure(&b->result)->basis, SS_BASIS_OBSERVED);
    ss_signing_key_free(key);
    bench_free(b);
}

static void v2_does_not_exist_before_revision_3(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(100);
    bench_set(b, "ABS_DONE_1", 1);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void a_flash_key_that_is_not_known(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_set(b, "FLASH_CRYPT_CNT", 1);
    b->chip->unknown_blocks = 1 << 1;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    bench_expect_failure(b, "flash-key", "the key in BLOCK1 is read-protected and not known");
    // Without encryption it is not needed.
    bench_set(b, "FLASH_CRYPT_CNT", 3);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void keys_that_no_hardware_rule_covers(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_set(b, "CODING_SCHEME", SS_EFUSE_CODING_34);
    bench_set(b, "FLASH_CRYPT_CNT", 1);
    b->chip->silicon->words[ss_efuse_block_start(1)] = 1; // its check bytes disagree
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    const struct ss_boot_stage *failure = ss_boot_first_failure(&b->result);
    assert_string_equal(failure->rule->id, "flash-key");
    assert_non_null(strstr(failure->reason, "what the hardware makes of BLOCK1 is not known: "));
    bench_free(b);
}

/// A header that says neither that a hash follows nor that none does, with secure boot V1.
static void a_hash_field_that_no_rule_covers(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    b->chip->flash.data[0x1000 + 23] = 0x41;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP); // nobody looks
    b->profile.secure_boot = SS_PROFILE_SECURE_BOOT_V1;
    bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    bench_expect_failure(b, "secure-boot-digest",
                         "hash_appended is 0x41: whether the hardware counts a hash then is not known");
    bench_set(b, "ABS_DONE_0", 1);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    bench_expect_failure(b, "secure-boot-v1",
                         "hash_appended is 0x41: whether the hardware counts a hash then is not known");
    bench_free(b);
}

struct life {
    unsigned runs;
    unsigned restarts;
    bool erase;
};

static enum ss_app_end live(void *context, struct ss_vchip *chip, const struct ss_boot_result *started)
{
    struct life *life = context;
    assert_int_equal(started->outcome, SS_OUTCOME_APP);
    assert_int_equal(started->address, BENCH_SLOT_0);
    chip->power.time_us += 1000000;
    life->runs++;
    if (life->erase)
        ss_flash_erase(&chip->flash, BENCH_SLOT_0, 1);
    return life->runs <= life->restarts ? SS_APP_RESET : SS_APP_STAYS;
}

static void an_app_lives_and_restarts(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    struct life life = {.restarts = 2};
    const struct ss_chip_app app = {.run = live, .context = &life};
    b->options.app = &app;
    uint64_t time = b->chip->power.time_us;
    bench_boot(b);
    assert_int_equal(life.runs, 3);
    assert_int_equal(b->result.resets, 2);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_true(b->chip->power.time_us >= time + 3000000);
    // Restarts have their limit.
    life = (struct life){.restarts = 100};
    b->options.max_resets = 5;
    bench_boot(b);
    assert_int_equal(b->result.resets, 5);
    assert_int_equal(life.runs, 5);
    // What it does to flash is there at the next boot.
    life = (struct life){.restarts = 100, .erase = true};
    bench_boot(b);
    assert_int_equal(life.runs, 1);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    assert_int_equal(b->result.address, 0);
    bench_free(b);
}

static void power_fails_while_the_app_runs(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    struct life life = {.erase = true};
    const struct ss_chip_app app = {.run = live, .context = &life};
    jmp_buf outer;
    bench_boot(b); // otadata is filled in
    b->options.app = &app;
    b->chip->power.off = &outer;
    b->chip->power.cut_at = b->chip->power.operations + 1;
    b->chip->power.cut = SS_CUT_BEFORE;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_POWER_LOST);
    assert_string_equal(ss_boot_outcome_name(b->result.outcome), "power-lost");
    assert_ptr_equal(b->chip->power.off, &outer);
    assert_int_equal(b->result.address, 0);
    b->options.app = NULL;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void the_profile_is_guessed_if_none_is_given(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    static struct ss_boot_result result;
    memcpy(b->chip->flash.data + 0x1000 + 64, "\0v5.2\0\0", 7);
    uint8_t image[1024];
    memcpy(image, b->chip->flash.data + 0x1000, 480);
    sample_refresh(image, 480);
    bench_lay(b, 0x1000, image, 480);
    assert_ok(ss_chip_boot(b->chip, NULL, NULL, NULL, NULL, &result, &err), err);
    assert_int_equal(result.outcome, SS_OUTCOME_APP);
    assert_int_equal(result.profile.source, SS_PROFILE_GUESSED);
    assert_string_equal(result.profile.idf_version, "v5.2");
    bench_free(b);
}

static void every_rule_says_what_it_rests_on(void **state)
{
    (void)state;
    const struct ss_boot_rule *rule;
    size_t count = 0;
    for (; (rule = ss_boot_rule_at(count)); count++) {
        assert_true(rule->id && rule->text && rule->source);
        assert_true(rule->basis != SS_BASIS_NOT_CHECKABLE);
        assert_string_not_equal(ss_boot_basis_name(rule->basis), "");
    }
    assert_true(count > 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_is_started),
        cmocka_unit_test(an_app_without_a_descriptor),
        cmocka_unit_test(download_mode),
        cmocka_unit_test(nothing_in_flash),
        cmocka_unit_test(nothing_in_flash_of_an_old_chip),
        cmocka_unit_test(plaintext_behind_decryption),
        cmocka_unit_test(a_wrong_checksum),
        cmocka_unit_test(segments_that_cannot_be_loaded),
        cmocka_unit_test(the_header_is_said),
        cmocka_unit_test(the_rom_reads_16_bytes_at_a_time),
        cmocka_unit_test(secure_boot_v1),
        cmocka_unit_test(secure_boot_v2),
        cmocka_unit_test(v2_does_not_exist_before_revision_3),
        cmocka_unit_test(a_flash_key_that_is_not_known),
        cmocka_unit_test(keys_that_no_hardware_rule_covers),
        cmocka_unit_test(a_hash_field_that_no_rule_covers),
        cmocka_unit_test(an_app_lives_and_restarts),
        cmocka_unit_test(power_fails_while_the_app_runs),
        cmocka_unit_test(the_profile_is_guessed_if_none_is_given),
        cmocka_unit_test(every_rule_says_what_it_rests_on),
    };
    return ss_test_main(argc, argv, tests);
}
