// SPDX-License-Identifier: Apache-2.0
// One step after the other: what the chip says decides whether there is anything to do.
#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "provision/engine_internal.h"
#include "provision/procedure_bits.h"
#include "vault/fault.h"

ss_status_t engine_read_chip(struct engine_work *w, struct ss_error *err)
{
    static const uint8_t unread[6];
    struct ss_provision_chip now = {0};
    struct ss_link_flash flash;
    ss_status_t status = ss_link_chip(w->link) ? SS_OK : ss_link_connect(w->link, err);
    if (status != SS_OK)
        return status;
    const struct ss_link_chip *chip = ss_link_chip(w->link);
    memcpy(now.mac, chip->mac, sizeof now.mac);
    now.revision = chip->revision;
    if (memcmp(w->chip.mac, unread, sizeof unread) != 0 && memcmp(w->chip.mac, now.mac, sizeof now.mac) != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "another chip answers: %02x%02x%02x%02x%02x%02x", now.mac[0], now.mac[1], now.mac[2],
                            now.mac[3], now.mac[4], now.mac[5]);
    status = ss_link_flash_identify(w->link, &flash, err);
    if (status == SS_OK)
        status = ss_link_efuse_read(w->link, &now.efuses, err);
    now.flash_size = status == SS_OK ? flash.size : 0;
    if (status == SS_OK) {
        w->chip = now;
        w->evidence.dec_status = now.efuses.dec_status;
    }
    ss_wipe(&now, sizeof now);
    return status;
}

static ss_status_t journal(struct engine_work *w, const char *step, enum ss_journal_phase phase, const char *detail,
                           struct ss_error *err)
{
    struct ss_journal_entry entry = {step, phase, detail};
    return w->store ? w->store->journal_append(w->store->context, &entry, err) : SS_OK;
}

static void tell(const struct engine_work *w, const struct ss_step *s, enum ss_journal_phase phase)
{
    if (w->observer && w->observer->step)
        w->observer->step(w->observer->context, w->at, s, phase);
}

/// Burns what a step wants on top of what is there.
static ss_status_t burn(struct engine_work *w, const struct ss_step *s, struct ss_error *err)
{
    struct ss_efuse wanted = w->chip.efuses.silicon;
    struct ss_crypt_count count;
    ss_efuse_crypt_count(&w->chip.efuses.window, &count);
    if (s->kind == SS_STEP_KEY)
        for (unsigned i = 0; i < 8; i++)
            wanted.words[ss_efuse_block_start(s->block) + i] |= w->evidence.words[s->block][i];
    else if (s->kind == SS_STEP_COUNT)
        wanted.words[0] |= (uint32_t)count.next << CRYPT_COUNT_SHIFT;
    else
        for (unsigned i = 0; i < 7; i++)
            wanted.words[i] |= s->bits.words[i];
    ss_status_t status = ss_link_efuse_burn(w->link, &wanted, NULL, err);
    ss_wipe(&wanted, sizeof wanted);
    return status;
}

static ss_status_t check(struct engine_work *w, struct ss_error *err)
{
    ss_status_t status = engine_read_chip(w, err);
    if (status != SS_OK)
        return status;
    if (ss_step_judge(w->procedure, w->at, &w->chip.efuses.window, &w->evidence, err) != SS_STEP_DONE)
        return ss_error_prefix(err, SS_ERROR_DATA_CORRUPT, "after the boot");
    return engine_verify(w, err);
}

static ss_status_t act(struct engine_work *w, const struct ss_step *s, bool *found, struct ss_error *err)
{
    *found = false;
    switch (s->kind) {
    case SS_STEP_KEY:
    case SS_STEP_BURN:
    case SS_STEP_COUNT:
        return burn(w, s, err);
    case SS_STEP_WRITE:
        return engine_write(w, &w->parts->parts[s->part], found, err);
    case SS_STEP_VERIFY:
        return engine_verify(w, err);
    case SS_STEP_BOOT:
        return engine_boot(w, err);
    case SS_STEP_CHECK:
        return check(w, err);
    }
    return SS_ERROR_BAD_STATE;
}

static bool burns(const struct ss_step *s)
{
    return s->kind == SS_STEP_KEY || s->kind == SS_STEP_BURN || s->kind == SS_STEP_COUNT;
}

/// What was burned is there, by reading the chip again.
static ss_status_t read_back(struct engine_work *w, const struct ss_step *s, struct ss_error *err)
{
    if (!burns(s))
        return SS_OK;
    ss_status_t status = engine_read_chip(w, err);
    if (status != SS_OK)
        return status;
    // A key's read-back is the burn's own comparison, before it is protected; so it is judged here while it is readable.
    if (ss_step_judge(w->procedure, w->at, &w->chip.efuses.window, &w->evidence, err) == SS_STEP_DONE)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_PROVISION,
                        "step %s: what is read back is not what was burned", s->id);
}

/// The first boot of some procedures burns eFuses by itself; of a chip that has everything it does not.
static bool still_irreversible(const struct engine_work *w, const struct ss_step *s)
{
    if (s->kind != SS_STEP_BOOT || !s->irreversible)
        return s->irreversible;
    for (size_t i = 0; i < w->procedure->count; i++)
        if (w->procedure->steps[i].kind == SS_STEP_CHECK)
            return ss_step_judge(w->procedure, i, &w->chip.efuses.window, &w->evidence, NULL) != SS_STEP_DONE;
    return true;
}

static ss_status_t confirm(struct engine_work *w, const struct ss_step *s, struct ss_error *err)
{
    if (w->confirmed || !still_irreversible(w, s))
        return SS_OK;
    if (w->observer && w->observer->confirm && !w->observer->confirm(w->observer->context, w->device, s))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "not confirmed: nothing was burned");
    w->confirmed = true;
    return w->store && w->store->commit ? w->store->commit(w->store->context, err) : SS_OK;
}

/// A key that is there and readable is as good as one that was just burned: from here on the journal knows it.
static ss_status_t note_key(struct engine_work *w, const struct ss_step *s, struct ss_error *err)
{
    if (s->kind != SS_STEP_KEY || w->evidence.read_back[s->block])
        return SS_OK;
    ss_status_t status = journal(w, s->id, SS_JOURNAL_AFTER, w->key_ids[s->block], err);
    if (status == SS_OK)
        w->evidence.read_back[s->block] = true;
    return status;
}

static ss_status_t do_step(struct engine_work *w, const struct ss_step *s, struct ss_error *err)
{
    bool found;
    tell(w, s, SS_JOURNAL_BEFORE);
    ss_status_t status = confirm(w, s, err);
    if (status == SS_OK)
        status = journal(w, s->id, SS_JOURNAL_BEFORE, "", err);
    // Where tests end the process; a rehearsal is none of their business.
    if (w->store)
        ss_fault_point("provision:act");
    if (status == SS_OK)
        status = act(w, s, &found, err);
    if (w->store)
        ss_fault_point("provision:acted");
    if (status == SS_OK)
        status = read_back(w, s, err);
    if (status == SS_OK && s->kind == SS_STEP_KEY)
        status = note_key(w, s, err);
    else if (status == SS_OK)
        status = journal(w, s->id, SS_JOURNAL_AFTER, found ? "found" : "", err);
    if (status == SS_OK)
        tell(w, s, found ? SS_JOURNAL_NOTE : SS_JOURNAL_AFTER);
    return status;
}

/// With UART_DOWNLOAD_DIS burned, the reset that lets the chip run was the last chance to talk to it.
static bool closes(const struct engine_work *w)
{
    return (w->chip.efuses.window.words[0] & UART_DOWNLOAD_DIS) && w->chip.revision >= 300;
}

static ss_status_t next_step(struct engine_work *w, const struct ss_step *s, struct ss_error *err)
{
    if (w->closed)
        return journal(w, s->id, SS_JOURNAL_NOTE, "download mode is closed", err);
    enum ss_step_state state =
        burns(s) ? ss_step_judge(w->procedure, w->at, &w->chip.efuses.window, &w->evidence, err) : SS_STEP_PENDING;
    if (state == SS_STEP_REFUSED)
        return SS_ERROR_NOT_PERMITTED;
    ss_status_t status = SS_OK;
    if (state == SS_STEP_DONE) {
        status = note_key(w, s, err);
        tell(w, s, SS_JOURNAL_NOTE);
    } else {
        status = do_step(w, s, err);
    }
    if (status == SS_OK && s->kind == SS_STEP_BOOT)
        w->closed = closes(w);
    return status;
}

ss_status_t engine_run(struct engine_work *w, struct ss_error *err)
{
    ss_status_t status = engine_read_chip(w, err);
    for (w->at = 0; status == SS_OK && w->at < w->procedure->count; w->at++) {
        const struct ss_step *s = &w->procedure->steps[w->at];
        status = next_step(w, s, err);
        if (status != SS_OK)
            return ss_error_prefix(err, status, "step %s", s->id);
    }
    return status;
}
