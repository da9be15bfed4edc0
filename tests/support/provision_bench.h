// SPDX-License-Identifier: Apache-2.0
// A blank chip, images made up for it, and a store in memory that can lose its host at any call: provisioning in one
// process.
#ifndef SS_TESTS_PROVISION_BENCH_H
#define SS_TESTS_PROVISION_BENCH_H

#include "provision/engine.h"
#include "provision/virtual_port.h"

#define PB_JOURNAL 400

struct pb_entry {
    char step[40], detail[40];
    enum ss_journal_phase phase;
};

/// What a vault keeps. The rest of a host is gone when it dies.
struct pb_vault {
    bool has_key;
    uint8_t key[32];
    size_t key_len;
    struct pb_entry journal[PB_JOURNAL];
    unsigned journal_count;
    bool finished;
};

enum { PB_IMAGE_MAX = 16384 };

struct pb {
    struct ss_vchip *chip;
    struct pb_vault vault;
    struct ss_boot_profile profile;
    struct ss_partition_table table;
    uint8_t bootloader[PB_IMAGE_MAX], app[PB_IMAGE_MAX];
    size_t bootloader_len, app_len;
    ss_signing_key_t *sign_key; ///< borrowed from the whole test
    struct ss_provision_store store;
    struct ss_provision_job job;
    struct ss_rehearsal rehearsal;
    struct ss_error err;
    char log[65536]; ///< of the last run's boot

    // A host that dies.
    unsigned store_calls, store_die_at; ///< 0: never
    bool store_die_after;               ///< the call has had its effect
    unsigned port_writes, port_die_at;
    bool dead;
    unsigned confirmations;
    bool refuse_confirmation, quota_spent;
};

struct pb_options {
    enum ss_procedure_kind kind;
    enum ss_procedure_level level;
    enum ss_secure_boot_scheme secure_boot;
    enum ss_efuse_coding coding;
    unsigned revision; ///< 0: 300
    bool count_max, uart_disable, release_profile;
    bool forum; ///< the forum's table on 4 MiB; else two slots of 64 KiB on 1 MiB
};

struct pb *pb_new(const struct pb_options *options);
void pb_free(struct pb *b);

/// One call of the program: the port is opened, begin, rehearse, execute, end. @p download: GPIO0 is held low when the
/// chip gets its power; else it runs what is in its flash first.
ss_status_t pb_provision(struct pb *b, bool download);

/// Fails unless the chip boots an app, with the vault's key in BLOCK1, encryption on, and what the options promise.
void pb_expect_provisioned(struct pb *b);
/// Fails if a key lies in the flash in the clear, if BLOCK1 holds anything but bits of the vault's key, or (host-sealed)
/// if plaintext of bootloader or app lies in the flash.
void pb_expect_secrets_kept(struct pb *b);

#endif
