// SPDX-License-Identifier: Apache-2.0
#include "provision/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/hex.h"
#include "provision/engine_internal.h"
#include "provision/engine_run.h"
#include "slotseal/signing_key.h"

static ss_status_t refuse(struct ss_error *err, const char *text)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "%s", text);
}

/// Names a key in the journal without telling anything about it: the beginning of a SHA-256.
static ss_status_t key_id(const uint32_t words[8], char id[ENGINE_KEY_ID_LEN])
{
    static const char label[] = "slotseal key id";
    uint8_t text[sizeof label + 32], digest[32];
    memcpy(text, label, sizeof label);
    memcpy(text + sizeof label, words, 32);
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, text, sizeof text, digest);
    ss_wipe(text, sizeof text);
    ss_put_hex(digest, 8, id);
    return status;
}

static void take_entry(void *context, const struct ss_journal_entry *entry)
{
    struct ss_provision *run = context;
    static const char *const steps[3] = {NULL, "flash-key", "secure-boot-key"};
    for (unsigned block = 1; block < 3; block++)
        if (entry->phase == SS_JOURNAL_AFTER && strcmp(entry->step, steps[block]) == 0)
            snprintf(run->journal_ids[block], sizeof run->journal_ids[block], "%s", entry->detail);
}

/// A protected key of which the journal knows nothing was burned by somebody else, or made on the chip. It is refused
/// before the vault makes a key that would never be used.
static ss_status_t check_foreign_keys(const struct ss_provision *run, struct ss_error *err)
{
    const struct ss_efuse *window = &run->work.chip.efuses.window;
    if (ss_efuse_block_read_protected(window, 1) && !*run->journal_ids[1])
        return refuse(err, "BLOCK1 is read-protected, and the journal does not say that this vault's key was read back "
                           "there: it was burned elsewhere or made on the chip");
    if (run->options.secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE && ss_efuse_block_read_protected(window, 2) &&
        !*run->journal_ids[2])
        return refuse(err, "BLOCK2 is read-protected, and the journal does not say that the product's secure boot key "
                           "was read back there: that key is lost");
    return SS_OK;
}

static ss_status_t use_words(struct ss_provision *run, unsigned block)
{
    ss_status_t status = key_id(run->words[block], run->key_ids[block]);
    run->work.evidence.words[block] = run->words[block];
    run->work.evidence.read_back[block] = strcmp(run->key_ids[block], run->journal_ids[block]) == 0;
    return status;
}

static ss_status_t get_flash_key(struct ss_provision *run, struct ss_error *err)
{
    const struct ss_provision_store *store = run->job.store;
    run->key_len = run->options.coding == SS_EFUSE_CODING_34 ? 24 : 32;
    ss_status_t status = store->flash_key(store->context, run->flash_key, run->key_len, err);
    if (status == SS_OK)
        status = ss_efuse_key_to_words(run->flash_key, run->key_len, run->options.coding, run->words[1], err);
    return status == SS_OK ? use_words(run, 1) : status;
}

static ss_status_t get_secure_boot_key(struct ss_provision *run, struct ss_error *err)
{
    uint8_t key[32];
    const struct ss_provision_store *store = run->job.store;
    if (run->options.secure_boot != SS_SECURE_BOOT_V1_REFLASHABLE)
        return SS_OK;
    ss_status_t status = store->secure_boot_key(store->context, key, run->key_len, err);
    if (status == SS_OK)
        status = ss_efuse_key_to_words(key, run->key_len, run->options.coding, run->words[2], err);
    ss_wipe(key, sizeof key);
    return status == SS_OK ? use_words(run, 2) : ss_error_prefix(err, status, "secure boot key");
}

/// The bootloader that goes into the chip holds this device's key, whatever the profile says of the build.
static ss_status_t place_public_key(struct ss_provision *run, struct ss_error *err)
{
    const ss_signing_key_t *key;
    const struct ss_provision_store *store = run->job.store;
    bool v1 = run->profile.secure_boot == SS_PROFILE_SECURE_BOOT_V1;
    if (!v1 || run->job.prepared)
        return SS_OK;
    ss_status_t status = store->signing_key(store->context, &key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(key, run->profile.public_key, err);
    run->profile.public_key_len = SS_PROFILE_KEY_SIZE;
    run->profile.has_public_key = true;
    return status;
}

/// Parts that were sealed where the vault is.
static ss_status_t take_parts(struct ss_provision *run, struct ss_error *err)
{
    struct ss_parts *from = run->job.prepared;
    if (run->options.kind != SS_PROCEDURE_HOST_SEALED)
        return refuse(err, "parts that are sealed already are for the procedure host-sealed");
    for (size_t i = 0; i < from->count; i++)
        if (!ss_range_ok(from->parts[i].address, from->parts[i].len, run->work.chip.flash_size))
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_PROVISION,
                                "%s ends beyond the flash of 0x%x bytes", from->parts[i].name,
                                (unsigned)run->work.chip.flash_size);
    run->parts = *from;
    memset(from, 0, sizeof *from);
    return SS_OK;
}

static ss_status_t make_parts(struct ss_provision *run, struct ss_error *err)
{
    const struct ss_provision_job *job = &run->job;
    struct ss_parts_input input = {
        .table = job->table,
        .table_offset = run->profile.table_offset,
        .flash_size = run->work.chip.flash_size,
        .revision = run->work.chip.revision,
        .secure_boot = run->options.secure_boot,
        .digest =
            run->options.kind == SS_PROCEDURE_HOST_SEALED && run->options.secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE,
        .bootloader = job->bootloader,
        .bootloader_len = job->bootloader_len,
        .app = job->app,
        .app_len = job->app_len,
        .embedded_key = job->embedded_key,
        .data = job->data,
        .data_count = job->data_count,
        .flash_key = run->flash_key,
        .flash_key_len = run->key_len,
    };
    ss_status_t status = job->prepared ? take_parts(run, err) : ss_parts_make(&input, job->store, &run->parts, err);
    if (status != SS_OK || run->options.secure_boot != SS_SECURE_BOOT_V2)
        return status;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&run->words[2][i], run->parts.public_digest + 4 * (size_t)i, 4);
    return use_words(run, 2);
}

/// Everything that is wanted, as it is for this chip.
static ss_status_t prepare(struct ss_provision *run, struct ss_error *err)
{
    const struct ss_provision_store *store = run->job.store;
    run->options.coding = ss_efuse_coding(&run->work.chip.efuses.window);
    run->options.revision = run->work.chip.revision;
    ss_status_t status = ss_procedure_check(&run->options, &run->warnings, err);
    if (status == SS_OK)
        status = store->begin(store->context, &run->work.chip, run->device, err);
    if (status == SS_OK)
        status = store->journal_read(store->context, take_entry, run, err);
    if (status == SS_OK && (status = check_foreign_keys(run, err)) != SS_OK)
        run->refused = true;
    if (status == SS_OK)
        status = get_flash_key(run, err);
    if (status == SS_OK)
        status = get_secure_boot_key(run, err);
    if (status == SS_OK)
        status = place_public_key(run, err);
    if (status == SS_OK)
        status = make_parts(run, err);
    return status == SS_OK ? ss_procedure_build(&run->options, &run->parts, &run->procedure, err) : status;
}

static ss_status_t judge(struct ss_provision *run, struct ss_error *err)
{
    const struct ss_efuse *window = &run->work.chip.efuses.window;
    for (size_t i = 0; i < run->procedure.count; i++)
        run->states[i] = ss_step_judge(&run->procedure, i, window, &run->work.evidence, NULL);
    if (ss_procedure_judge(&run->procedure, window, &run->work.evidence, err) != SS_STEP_REFUSED)
        return SS_OK;
    run->refused = true;
    return SS_ERROR_NOT_PERMITTED;
}

static struct ss_provision *make_run(const struct ss_provision_job *job, struct ss_link *link)
{
    struct ss_provision *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    // Best effort: it holds keys and plaintext images for minutes.
    (void)!mlock(run, sizeof *run);
    run->job = *job;
    run->profile = *job->options.profile;
    run->options = job->options;
    run->options.profile = &run->profile;
    run->work.procedure = &run->procedure;
    run->work.parts = &run->parts;
    run->work.profile = &run->profile;
    run->work.store = job->store;
    run->work.device = run->device;
    run->work.key_ids = run->key_ids;
    run->work.link = link;
    return run;
}

ss_status_t ss_provision_begin(const struct ss_provision_job *job, struct ss_link *link, struct ss_provision **run,
                               struct ss_error *err)
{
    *run = NULL;
    if (!job->options.profile)
        return refuse(err, "what is compiled into the bootloader is not known");
    struct ss_provision *r = make_run(job, link);
    if (!r)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory for a procedure");
    ss_status_t status = engine_read_chip(&r->work, err);
    if (status == SS_OK)
        status = prepare(r, err);
    if (status == SS_OK)
        status = judge(r, err);
    if (status == SS_OK || r->refused)
        *run = r;
    else
        ss_provision_end(r);
    return status;
}

void ss_provision_end(struct ss_provision *run)
{
    if (!run)
        return;
    ss_parts_free(&run->parts);
    ss_wipe(run, sizeof *run);
    munlock(run, sizeof *run);
    free(run);
}

ss_status_t ss_provision_execute(struct ss_provision *run, const struct ss_provision_observer *observer,
                                 struct ss_error *err)
{
    const struct ss_provision_store *store = run->job.store;
    if (!run->rehearsed || run->refused)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_PROVISION, "nothing is done that was not rehearsed");
    if (!ss_link_can_run(run->work.link))
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK,
                            "nothing was begun: the port has no way to reset the chip, which has to boot in the end");
    // One rehearsal is good for one attempt: after a failure the chip is read and judged anew.
    run->rehearsed = false;
    run->work.observer = observer;
    ss_status_t status = engine_run(&run->work, err);
    if (status == SS_OK && store->finish)
        status = store->finish(store->context, &run->work.chip, err);
    run->work.observer = NULL;
    return status;
}

const char *ss_provision_device(const struct ss_provision *run)
{
    return run->device;
}

const char *ss_provision_key_id(const struct ss_provision *run)
{
    return run->key_ids[1];
}

const struct ss_provision_chip *ss_provision_chip(const struct ss_provision *run)
{
    return &run->work.chip;
}

const struct ss_procedure *ss_provision_procedure(const struct ss_provision *run)
{
    return &run->procedure;
}

const struct ss_parts *ss_provision_parts(const struct ss_provision *run)
{
    return &run->parts;
}

const struct ss_procedure_warnings *ss_provision_warnings(const struct ss_provision *run)
{
    return &run->warnings;
}

enum ss_step_state ss_provision_state(const struct ss_provision *run, size_t index)
{
    return run->states[index];
}

bool ss_provision_closed(const struct ss_provision *run)
{
    return run->work.closed;
}

const char *ss_provision_log(const struct ss_provision *run)
{
    return run->work.log;
}
