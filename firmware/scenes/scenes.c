// SPDX-License-Identifier: Apache-2.0
#include "scenes.h"

#include <string.h>

#include "core/bytes.h"
#include "demo/agent_port.h"
#include "rt/rt.h"

static struct demo_agent device;
static struct demo_device place;
static uint32_t checks, failed;

// -- Telling -----------------------------------------------------------------------------------------------------------

static void tell(const char *what, uint32_t value)
{
    rt_put_str(" ");
    rt_put_str(what);
    rt_put_str(" ");
    rt_put_dec(value);
}

static void expect(const char *what, int64_t got, int64_t want)
{
    checks++;
    if (got == want)
        return;
    failed++;
    rt_put_str("\n  FAILED: ");
    rt_put_str(what);
    rt_put_str(" is ");
    rt_put_hex((uint32_t)got);
    rt_put_str(", not ");
    rt_put_hex((uint32_t)want);
    rt_put_str("\n");
}

static void scene(const char *title)
{
    rt_put_str("\n");
    rt_put_str(title);
    rt_put_str(":");
}

/// What all of flash, and the agent's record, have become.
static void tell_state(void)
{
    uint8_t digest[32];
    expect("hash", ss_hash_once(SS_HASH_SHA256, scene_flash.bytes, SCENE_FLASH, digest), SS_OK);
    tell("changes", scene_flash.changes);
    tell("phase", device.agent.record.phase);
    tell("failures", device.agent.record.failures);
    rt_put_str(" flash ");
    rt_put_hex(ss_get_be32(digest));
}

// -- The device: a bootloader with rollback, and the app --------------------------------------------------------------------

static void lay(uint32_t address, const struct scene_bytes *plain)
{
    for (uint32_t i = 0; i < plain->len; i++)
        scene_flash.bytes[address + i] = plain->bytes[i] ^ scene_pad(address + i);
}

static void new_device(void)
{
    memset(&scene_flash, 0, sizeof scene_flash);
    memset(scene_flash.bytes, 0xFF, SCENE_FLASH);
    memset(scene_flash.bytes + SCENE_SLOT_1, 0x5A, SCENE_SLOT); // an older app
    lay(SCENE_SLOT_0, &scene_app);
    expect("otadata", ss_otadata_build(0, 2, SS_OTA_VALID, scene_flash.bytes + SCENE_OTADATA, NULL), SS_OK);
    place = (struct demo_device){.id = {(const uint8_t *)SCENE_DEVICE, sizeof SCENE_DEVICE - 1},
                                 .pins = &scene_pins,
                                 .verification_key = scene_signing_key,
                                 .otadata = SCENE_OTADATA,
                                 .journal = SCENE_JOURNAL,
                                 .journal_size = SCENE_SLOT_0 - SCENE_JOURNAL,
                                 .slots = {SCENE_SLOT_0, SCENE_SLOT_1},
                                 .slot_size = SCENE_SLOT,
                                 .bootloader = SS_BOOTLOADER_ROLLBACK};
}

static bool starts(unsigned slot)
{
    uint32_t address = slot ? SCENE_SLOT_1 : SCENE_SLOT_0;
    return (scene_flash.bytes[address] ^ scene_pad(address)) == 0xE9;
}

// What the bootloader does: core/otadata_boot.c plays it, state changes included. Returns what the agent finds.
static enum ss_agent_found boot(void)
{
    uint8_t *raw = scene_flash.bytes + SCENE_OTADATA;
    struct ss_boot_context context = {
        .slots = 2, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE, .rollback = true};
    struct ss_otadata otadata;
    struct ss_boot_choice choice;
    enum ss_agent_found found;
    scene_flash.power_ends = 0;
    expect("otadata", ss_otadata_from_partition(raw, SS_OTADATA_SIZE, &otadata, NULL), SS_OK);
    expect("boot", ss_otadata_boot_choice(&otadata, &context, &choice, NULL), SS_OK);
    for (unsigned i = 0; i < 2; i++)
        if (choice.written[i])
            ss_otadata_record_write(&choice.after.copies[i], raw + i * SS_OTADATA_SECTOR_SIZE);
    place.running = (uint8_t)choice.order[0];
    expect("the app starts", starts(place.running), true);
    memset(&device, 0xA5, sizeof device);
    expect("start", demo_agent_start(&device, &place, &found), SS_OK);
    return found;
}

static ss_status_t begin(const struct scene_bytes *release, const struct scene_bytes *delivery, uint32_t *wanted)
{
    return ss_agent_begin(&device.agent, release->bytes, release->len, delivery->bytes, delivery->len, wanted);
}

static ss_status_t push(const struct scene_update *u, uint32_t piece)
{
    ss_status_t status = SS_OK;
    for (uint32_t at; status == SS_OK && (at = ss_agent_wanted(&device.agent)) < u->sealed.len;) {
        uint32_t n = u->sealed.len - at < piece ? u->sealed.len - at : piece;
        status = ss_agent_write(&device.agent, u->sealed.bytes + at, n);
    }
    return status;
}

/// From the offer to the switch.
static ss_status_t install(const struct scene_update *u, uint32_t piece)
{
    uint32_t wanted;
    ss_status_t status = begin(&u->release, &u->delivery, &wanted);
    if (status == SS_OK)
        status = push(u, piece);
    return status == SS_OK ? ss_agent_finish(&device.agent) : status;
}

static void expect_installed(const struct scene_update *u, unsigned slot)
{
    uint32_t address = slot ? SCENE_SLOT_1 : SCENE_SLOT_0;
    expect("the slot that runs", place.running, slot);
    expect("what lies there", memcmp(scene_flash.bytes + address, u->sealed.bytes, u->sealed.len), 0);
}

// -- Scenes ------------------------------------------------------------------------------------------------------------

static void digests(void)
{
    static uint8_t bytes[300];
    uint8_t digest[32];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    scene("SHA-256");
    for (uint32_t i = 0; i < scene_digest_count; i++) {
        expect("hash", ss_hash_once(SS_HASH_SHA256, bytes, scene_digests[i].len, digest), SS_OK);
        expect("digest", memcmp(digest, scene_digests[i].digest, sizeof digest), 0);
    }
    tell("messages", scene_digest_count);
}

static void signatures(void)
{
    uint32_t valid = 0;
    scene("P-256");
    for (uint32_t i = 0; i < scene_signature_count; i++) {
        const struct scene_signature *s = &scene_signatures[i];
        ss_status_t status = ss_p256_verify(s->key, s->digest, s->signature);
        expect("signature", status, s->status);
        valid += status == SS_OK;
    }
    tell("signatures", scene_signature_count);
    tell("valid", valid);
}

static void offers(void)
{
    for (uint32_t i = 0; i < scene_offer_count; i++) {
        const struct scene_offer *o = &scene_offers[i];
        uint32_t wanted;
        scene(o->title);
        new_device();
        boot();
        expect("status", begin(&o->release, &o->delivery, &wanted), o->status);
        expect("cause", device.agent.cause, o->cause);
        expect("reason", device.agent.refusal.reason, o->reason);
        expect("changes", scene_flash.changes > 0, o->status == SS_OK);
        tell("cause", device.agent.cause);
        tell("reason", device.agent.refusal.reason);
        tell("at", device.agent.refusal.offset);
    }
}

static void there_and_back(void)
{
    scene("an update to ota_1, and the next one back");
    new_device();
    expect("found", boot(), SS_FOUND_NOTHING);
    expect("there", install(&scene_updates[SCENE_THERE], 1000), SS_OK);
    expect("found", boot(), SS_FOUND_TRIAL);
    expect_installed(&scene_updates[SCENE_THERE], 1);
    expect("an update on trial", install(&scene_updates[SCENE_BACK], 1000), SS_ERROR_BAD_STATE);
    expect("confirm", ss_agent_confirm(&device.agent), SS_OK);
    tell_state();
    expect("found", boot(), SS_FOUND_NOTHING);
    expect("the same again", install(&scene_updates[SCENE_THERE], 1000), SS_ERROR_NOT_PERMITTED);
    expect("back", install(&scene_updates[SCENE_BACK], 4096), SS_OK);
    expect("found", boot(), SS_FOUND_TRIAL);
    expect("confirm", ss_agent_confirm(&device.agent), SS_OK);
    expect_installed(&scene_updates[SCENE_BACK], 0);
    tell_state();
}

static void taken_back(bool says_so)
{
    scene(says_so ? "a new app rejects itself" : "a new app does not confirm itself");
    new_device();
    boot();
    expect("install", install(&scene_updates[SCENE_THERE], 3000), SS_OK);
    expect("found", boot(), SS_FOUND_TRIAL);
    if (says_so)
        expect("reject", ss_agent_reject(&device.agent), SS_OK);
    expect("found", boot(), says_so ? SS_FOUND_NOTHING : SS_FOUND_ROLLED_BACK);
    expect("state", ss_agent_state(&device.agent), SS_STATE_ROLLED_BACK);
    expect("the slot that runs", place.running, 0);
    expect("again", install(&scene_updates[SCENE_THERE], 3000), says_so ? SS_ERROR_NOT_PERMITTED : SS_OK);
    tell_state();
}

static void refused_when_whole(const char *title, unsigned update, ss_status_t status, enum ss_agent_cause cause)
{
    scene(title);
    new_device();
    boot();
    for (unsigned i = 1; i <= SS_AGENT_FAILURES_MAX; i++) {
        expect("status", install(&scene_updates[update], 2048), status);
        expect("cause", device.agent.cause, i < SS_AGENT_FAILURES_MAX ? cause : SS_CAUSE_GIVEN_UP);
    }
    expect("a sixth time", install(&scene_updates[update], 2048), SS_ERROR_NOT_PERMITTED);
    boot();
    expect("the slot that runs", place.running, 0);
    expect("after a reset", install(&scene_updates[update], 2048), SS_ERROR_NOT_PERMITTED);
    tell_state();
}

static void damaged_on_the_way(void)
{
    const struct scene_update *u = &scene_updates[SCENE_THERE];
    uint8_t piece[SCENE_WINDOW];
    uint32_t wanted;
    scene("a window is damaged on the way");
    new_device();
    boot();
    expect("begin", begin(&u->release, &u->delivery, &wanted), SS_OK);
    expect("write", ss_agent_write(&device.agent, u->sealed.bytes, SCENE_WINDOW), SS_OK);
    memcpy(piece, u->sealed.bytes + SCENE_WINDOW, SCENE_WINDOW);
    piece[77] ^= 4;
    expect("write", ss_agent_write(&device.agent, piece, SCENE_WINDOW), SS_ERROR_DATA_CORRUPT);
    expect("cause", device.agent.cause, SS_CAUSE_WINDOW);
    expect("wanted", ss_agent_wanted(&device.agent), SCENE_WINDOW);
    expect("go on", push(u, 500), SS_OK);
    expect("finish", ss_agent_finish(&device.agent), SS_OK);
    expect("found", boot(), SS_FOUND_TRIAL);
    expect_installed(u, 1);
    tell_state();
}

static void flash_that_fails(void)
{
    scene("a bit does not program");
    new_device();
    boot();
    // Any byte of the second sector whose lowest bit is to be 0.
    uint32_t at = SCENE_WINDOW;
    while (scene_updates[SCENE_THERE].sealed.bytes[at] & 1)
        at++;
    scene_flash.stuck_at = SCENE_SLOT_1 + at;
    expect("install", install(&scene_updates[SCENE_THERE], 4096), SS_ERROR_IO);
    expect("cause", device.agent.cause, SS_CAUSE_FLASH);
    boot();
    expect("the slot that runs", place.running, 0);
    tell_state();
}

static void key_sets(void)
{
    scene("the keys change");
    new_device();
    boot();
    expect("its own keys", install(&scene_updates[SCENE_OF_NEXT_KEYS], 4096), SS_ERROR_DOES_NOT_EXIST);
    expect("too few roots", ss_agent_key_set(&device.agent, scene_bad_keys.bytes, scene_bad_keys.len),
           SS_ERROR_NOT_PERMITTED);
    expect("reason", device.agent.refusal.reason, SS_REASON_OLD_ROOTS);
    expect("changes", scene_flash.changes, 0);
    expect("key set", ss_agent_key_set(&device.agent, scene_next_keys.bytes, scene_next_keys.len), SS_OK);
    boot();
    expect("version", device.identity.ring.current->version, 2);
    expect("the old keys", install(&scene_updates[SCENE_THERE], 4096), SS_ERROR_NOT_PERMITTED);
    expect("reason", device.agent.refusal.reason, SS_REASON_KEY_SET_EXPIRED);
    expect("the new keys", install(&scene_updates[SCENE_OF_NEXT_KEYS], 4096), SS_OK);
    expect("found", boot(), SS_FOUND_TRIAL);
    expect("version", device.identity.ring.current->version, 2);
    expect_installed(&scene_updates[SCENE_OF_NEXT_KEYS], 1);
    tell_state();
}

static void freshness(void)
{
    scene("a freshness record");
    new_device();
    boot();
    expect("fresh", ss_agent_freshness(&device.agent, scene_freshness.bytes, scene_freshness.len), SS_OK);
    expect("cut short", ss_agent_freshness(&device.agent, scene_freshness.bytes, scene_freshness.len - 1),
           SS_ERROR_DATA_INVALID);
    tell("reason", device.agent.refusal.reason);
    tell_state();
}

// Power ends before the n-th change of flash; the device starts again and is offered the same.
static bool cut_and_recover(uint32_t n)
{
    const struct scene_update *u = &scene_updates[SCENE_THERE];
    new_device();
    boot();
    scene_flash.power_ends = n;
    if (install(u, 4096) == SS_OK && scene_flash.changes < n)
        return false;
    for (unsigned boots = 0; boots < 4; boots++) {
        boot();
        if (place.running == 1)
            break;
        (void)!install(u, 4096);
    }
    if (ss_agent_state(&device.agent) == SS_STATE_TRIAL)
        expect("confirm", ss_agent_confirm(&device.agent), SS_OK);
    expect_installed(u, 1);
    return true;
}

static void power_loss(void)
{
    uint32_t cuts = 0;
    scene("the power ends at each change of flash");
    for (uint32_t n = 1; cut_and_recover(n); n += 5)
        cuts++;
    tell("cuts", cuts);
}

uint32_t scenes_play(void)
{
    digests();
    signatures();
    offers();
    there_and_back();
    taken_back(true);
    taken_back(false);
    refused_when_whole("sealed for another slot", SCENE_SEALED_WRONG, SS_ERROR_DATA_INVALID, SS_CAUSE_SEALED_WRONG);
    refused_when_whole("another image than the release", SCENE_OTHER_IMAGE, SS_ERROR_DATA_CORRUPT, SS_CAUSE_DIGEST);
    refused_when_whole("a signature that does not hold", SCENE_UNSIGNED, SS_ERROR_INVALID_SIGNATURE, SS_CAUSE_IMAGE);
    damaged_on_the_way();
    flash_that_fails();
    key_sets();
    freshness();
    power_loss();
    rt_put_str("\n");
    rt_put_dec(checks);
    rt_put_str(" checks, ");
    rt_put_dec(failed);
    rt_put_str(" failed\n");
    return failed;
}
