// SPDX-License-Identifier: Apache-2.0
// Provisioned chips whose flash was spoilt, and their recovery over a serial line that may be cut anywhere.
#include "provision/recover.h"

#include <stdlib.h>
#include <string.h>

#include "slotseal/seal.h"
#include "support/provision_bench.h"
#include "support/unit.h"

static struct ss_error err;

struct patient {
    struct pb *b;
    struct ss_parts *parts;
    struct ss_recover_job job;
    struct ss_recovery *recovery;
    struct ss_efuse silicon; ///< as it was left by provisioning
    uint8_t nvs[0x4000];
};

static void make_parts(struct patient *p, enum ss_secure_boot_scheme scheme)
{
    struct pb *b = p->b;
    struct ss_parts_input in = {.table = &b->table,
                                .table_offset = b->profile.table_offset,
                                .flash_size = b->chip->flash.size,
                                .revision = 300,
                                .idf = b->profile.idf,
                                .secure_boot = scheme,
                                .digest = scheme == SS_SECURE_BOOT_V1_REFLASHABLE,
                                .bootloader = b->bootloader,
                                .bootloader_len = b->bootloader_len,
                                .app = b->app,
                                .app_len = b->app_len,
                                .flash_key = b->vault.key,
                                .flash_key_len = b->vault.key_len};
    assert_ok(ss_parts_make(&in, &b->store, p->parts, &err), err);
}

static struct patient *new_patient(enum ss_secure_boot_scheme scheme)
{
    struct pb_options o = {
        .level = SS_LEVEL_RELEASE, .secure_boot = scheme, .release_profile = true, .kind = SS_PROCEDURE_HOST_SEALED};
    struct patient *p = calloc(1, sizeof *p);
    p->b = pb_new(&o);
    p->parts = calloc(1, sizeof *p->parts);
    p->recovery = calloc(1, sizeof *p->recovery);
    assert_ok(pb_provision(p->b, false), p->b->err);
    memset(p->b->chip->flash.data + 0x9000, 0x5A, sizeof p->nvs); // what the app has stored since
    memcpy(p->nvs, p->b->chip->flash.data + 0x9000, sizeof p->nvs);
    p->silicon = *p->b->chip->silicon;
    make_parts(p, scheme);
    p->job = (struct ss_recover_job){.mac = NULL,
                                     .flash_key = p->b->vault.key,
                                     .flash_key_len = p->b->vault.key_len,
                                     .parts = p->parts,
                                     .table = &p->b->table,
                                     .profile = &p->b->profile};
    return p;
}

static void free_patient(struct patient *p)
{
    ss_recovery_free(p->recovery);
    ss_parts_free(p->parts);
    free(p->recovery);
    free(p->parts);
    pb_free(p->b);
    free(p);
}

/// One run of the program: examine, and write what differs.
static ss_status_t run(struct patient *p)
{
    struct ss_link_port *port;
    struct ss_link *link;
    uint8_t mac[6];
    err = (struct ss_error){0};
    ss_recovery_free(p->recovery);
    assert_ok(ss_efuse_get_mac(p->b->chip->silicon, mac, &err), err);
    if (!p->job.mac)
        p->job.mac = mac;
    assert_ok(ss_virtual_port_new(p->b->chip, &p->b->profile, true, &port, &err), err);
    assert_ok(ss_link_new(port, &(struct ss_link_options){0}, &link, &err), err);
    ss_status_t status = ss_recover_examine(&p->job, link, p->recovery, &err);
    if (status == SS_OK)
        status = ss_recover_write(&p->job, link, p->recovery, NULL, NULL, &err);
    else
        assert_int_equal(ss_recover_write(&p->job, link, p->recovery, NULL, NULL, NULL), SS_ERROR_BAD_STATE);
    ss_link_free(link);
    if (p->job.mac == mac)
        p->job.mac = NULL;
    return status;
}

static void expect_well(struct patient *p)
{
    assert_memory_equal(p->b->chip->silicon, &p->silicon, sizeof p->silicon); // nothing was burned
    assert_memory_equal(p->b->chip->flash.data + 0x9000, p->nvs, sizeof p->nvs);
    pb_expect_provisioned(p->b);
}

static void spoil(struct patient *p, uint32_t address, size_t len, int byte)
{
    memset(p->b->chip->flash.data + address, byte, len);
}

static const enum ss_secure_boot_scheme schemes[] = {SS_SECURE_BOOT_NONE, SS_SECURE_BOOT_V1_ONE_TIME,
                                                     SS_SECURE_BOOT_V1_REFLASHABLE, SS_SECURE_BOOT_V2};

static void every_part_is_put_back(void **state)
{
    (void)state;
    static const uint32_t places[] = {0x1000, 0x8000, 0xD000, 0x10000};
    for (unsigned s = 0; s < 4; s++) {
        struct patient *p = new_patient(schemes[s]);
        for (unsigned i = 0; i < 4; i++) {
            spoil(p, places[i], 0x1000, i & 1 ? 0xFF : 0x00);
            assert_ok(run(p), err);
            assert_true(p->recovery->key_seen);
            expect_well(p);
        }
        spoil(p, 0x1000, 0x8000, 0);
        spoil(p, 0xD000, 0x2000, 0);
        spoil(p, 0x10000, 0x20000, 0xFF);
        if (schemes[s] == SS_SECURE_BOOT_V1_REFLASHABLE)
            spoil(p, 0, 0x1000, 0xFF); // its digest can be made again
        assert_ok(run(p), err);
        assert_false(p->recovery->key_seen); // nothing was left that could tell
        expect_well(p);
        free_patient(p);
    }
}

static void a_healthy_chip_is_left_alone(void **state)
{
    (void)state;
    struct patient *p = new_patient(SS_SECURE_BOOT_NONE);
    assert_ok(run(p), err);
    spoil(p, 0xD000, 0x2000, 0xFF);
    assert_ok(run(p), err);
    uint64_t before = p->b->chip->power.operations;
    assert_ok(run(p), err);
    assert_int_equal(p->recovery->differing, 0);
    assert_int_equal(p->b->chip->power.operations, before);
    expect_well(p);
    free_patient(p);
}

static void refuse(struct patient *p, ss_status_t status, const char *part)
{
    uint8_t *flash = malloc(p->b->chip->flash.size);
    memcpy(flash, p->b->chip->flash.data, p->b->chip->flash.size);
    assert_int_equal(run(p), status);
    if (!strstr(err.message, part))
        fail_msg("%s", err.message);
    assert_memory_equal(flash, p->b->chip->flash.data, p->b->chip->flash.size);
    free(flash);
}

static void chips_that_flash_does_not_help(void **state)
{
    (void)state;
    static const uint8_t other[6] = {0x24, 0x0A, 0xC4, 0, 0, 9};
    struct patient *p = new_patient(SS_SECURE_BOOT_V1_ONE_TIME);
    p->job.mac = other;
    refuse(p, SS_ERROR_NOT_PERMITTED, ", the device is 24:0a:c4:00:00:09");
    p->job.mac = NULL;
    // One-time secure boot: the digest in sector 0 was made by the chip, and nobody else can.
    spoil(p, 0, 0x1000, 0xFF);
    refuse(p, SS_ERROR_NOT_PERMITTED, "it would not boot afterwards: ");
    free_patient(p);

    struct pb_options o = {.kind = SS_PROCEDURE_HOST_SEALED};
    p = new_patient(SS_SECURE_BOOT_NONE);
    struct pb *blank = pb_new(&o), *mine = p->b;
    memcpy(&blank->vault, &mine->vault, sizeof mine->vault);
    p->b = blank;
    refuse(p, SS_ERROR_NOT_PERMITTED, "flash encryption is not on (FLASH_CRYPT_CNT is even)");
    p->b = mine;
    pb_free(blank);
    p->b->chip->silicon->words[5] &= ~(1u << 28);
    refuse(p, SS_ERROR_NOT_PERMITTED, "FLASH_CRYPT_CONFIG is 0xE");
    p->b->chip->silicon->words[5] |= 1u << 28;
    free_patient(p);
}

static void the_power_may_fail_anywhere(void **state)
{
    (void)state;
    struct patient *p = new_patient(SS_SECURE_BOOT_NONE);
    uint8_t *spoilt = malloc(p->b->chip->flash.size);
    spoil(p, 0x1000, 0x1000, 0);
    spoil(p, 0x8000, 0x1000, 0);
    memcpy(spoilt, p->b->chip->flash.data, p->b->chip->flash.size);
    uint64_t before = p->b->chip->power.operations;
    assert_ok(run(p), err);
    uint64_t operations = p->b->chip->power.operations - before;
    assert_true(operations > 4);
    for (uint64_t n = 1; n <= operations; n++)
        for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++) {
            memcpy(p->b->chip->flash.data, spoilt, p->b->chip->flash.size);
            ss_power_plan(&p->b->chip->power, n, cut);
            ss_status_t status = run(p);
            ss_power_plan(&p->b->chip->power, 0, SS_CUT_NONE);
            if (n < operations || cut != SS_CUT_AFTER)
                assert_int_not_equal(status, SS_OK);
            assert_ok(run(p), err);
            expect_well(p);
        }
    free(spoilt);
    free_patient(p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_put_back),
        cmocka_unit_test(a_healthy_chip_is_left_alone),
        cmocka_unit_test(chips_that_flash_does_not_help),
        cmocka_unit_test(the_power_may_fail_anywhere),
    };
    return ss_test_main(argc, argv, tests);
}
