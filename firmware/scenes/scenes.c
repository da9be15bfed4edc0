// SPDX-License-Identifier: Apache-2.0
#include "parts.h"

#include <string.h>

#include "core/bytes.h"

struct demo_agent scene_device;
struct demo_device scene_place;
static uint32_t checks, failed;

// -- Telling -----------------------------------------------------------------------------------------------------------

void scene_tell(const char *what, uint32_t value)
{
    rt_put_str(" ");
    rt_put_str(what);
    rt_put_str(" ");
    rt_put_dec(value);
}

void scene_expect(const char *what, int64_t got, int64_t want)
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

void scene_begin(const char *title)
{
    rt_put_str("\n");
    rt_put_str(title);
    rt_put_str(":");
}

void scene_tell_state(void)
{
    uint8_t digest[32];
    scene_expect("hash", ss_hash_once(SS_HASH_SHA256, scene_flash.bytes, SCENE_FLASH, digest), SS_OK);
    scene_tell("changes", scene_flash.changes);
    scene_tell("phase", scene_device.agent.record.phase);
    scene_tell("failures", scene_device.agent.record.failures);
    rt_put_str(" flash ");
    rt_put_hex(ss_get_be32(digest));
}

// -- The device: a bootloader with rollback, and the app --------------------------------------------------------------------

static void lay(uint32_t address, const struct scene_bytes *plain)
{
    for (uint32_t i = 0; i < plain->len; i++)
        scene_flash.bytes[address + i] = plain->bytes[i] ^ scene_pad(address + i);
}

void scene_new_device(void)
{
    memset(&scene_flash, 0, sizeof scene_flash);
    memset(scene_flash.bytes, 0xFF, SCENE_FLASH);
    memset(scene_flash.bytes + SCENE_SLOT_1, 0x5A, SCENE_SLOT); // an older app
    lay(SCENE_SLOT_0, &scene_app);
    scene_expect("otadata", ss_otadata_build(0, 2, SS_OTA_VALID, scene_flash.bytes + SCENE_OTADATA, NULL), SS_OK);
    scene_place = (struct demo_device){.id = {(const uint8_t *)SCENE_DEVICE, sizeof SCENE_DEVICE - 1},
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
enum ss_agent_found scene_boot(void)
{
    uint8_t *raw = scene_flash.bytes + SCENE_OTADATA;
    struct ss_boot_context context = {
        .slots = 2, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE, .rollback = true};
    struct ss_otadata otadata;
    struct ss_boot_choice choice;
    enum ss_agent_found found;
    scene_flash.power_ends = 0;
    scene_expect("otadata", ss_otadata_from_partition(raw, SS_OTADATA_SIZE, &otadata, NULL), SS_OK);
    scene_expect("boot", ss_otadata_boot_choice(&otadata, &context, &choice, NULL), SS_OK);
    for (unsigned i = 0; i < 2; i++)
        if (choice.written[i])
            ss_otadata_record_write(&choice.after.copies[i], raw + i * SS_OTADATA_SECTOR_SIZE);
    scene_place.running = (uint8_t)choice.order[0];
    scene_expect("the app starts", starts(scene_place.running), true);
    // What a host's hash keeps elsewhere; a device has nothing there.
    if (ss_agent_receiving(&scene_device.agent))
        ss_hash_abort(&scene_device.agent.hash.window);
    memset(&scene_device, 0xA5, sizeof scene_device);
    scene_expect("start", demo_agent_start(&scene_device, &scene_place, &found), SS_OK);
    return found;
}

static ss_status_t begin(const struct scene_bytes *release, const struct scene_bytes *delivery, uint32_t *wanted)
{
    return ss_agent_begin(&scene_device.agent, release->bytes, release->len, delivery->bytes, delivery->len, wanted);
}

static ss_status_t push(const struct scene_update *u, uint32_t piece)
{
    ss_status_t status = SS_OK;
    for (uint32_t at; status == SS_OK && (at = ss_agent_wanted(&scene_device.agent)) < u->sealed.len;) {
        uint32_t n = u->sealed.len - at < piece ? u->sealed.len - at : piece;
        status = ss_agent_write(&scene_device.agent, u->sealed.bytes + at, n);
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
    return status == SS_OK ? ss_agent_finish(&scene_device.agent) : status;
}

void scene_expect_installed(const struct scene_update *u, unsigned slot)
{
    uint32_t address = slot ? SCENE_SLOT_1 : SCENE_SLOT_0;
    scene_expect("the slot that runs", scene_place.running, slot);
    scene_expect("what lies there", memcmp(scene_flash.bytes + address, u->sealed.bytes, u->sealed.len), 0);
}

// -- Scenes ------------------------------------------------------------------------------------------------------------

static void digests(void)
{
    static uint8_t bytes[300];
    uint8_t digest[32];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    scene_begin("SHA-256");
    for (uint32_t i = 0; i < scene_digest_count; i++) {
        scene_expect("hash", ss_hash_once(SS_HASH_SHA256, bytes, scene_digests[i].len, digest), SS_OK);
        scene_expect("digest", memcmp(digest, scene_digests[i].digest, sizeof digest), 0);
    }
    scene_tell("messages", scene_digest_count);
}

static void signatures(void)
{
    uint32_t valid = 0;
    scene_begin("P-256");
    for (uint32_t i = 0; i < scene_signature_count; i++) {
        const struct scene_signature *s = &scene_signatures[i];
        ss_status_t status = ss_p256_verify(s->key, s->digest, s->signature);
        scene_expect("signature", status, s->status);
        valid += status == SS_OK;
    }
    scene_tell("signatures", scene_signature_count);
    scene_tell("valid", valid);
}

static void offers(void)
{
    for (uint32_t i = 0; i < scene_offer_count; i++) {
        const struct scene_offer *o = &scene_offers[i];
        uint32_t wanted;
        scene_begin(o->title);
        scene_new_device();
        scene_boot();
        scene_expect("status", begin(&o->release, &o->delivery, &wanted), o->status);
        scene_expect("cause", scene_device.agent.cause, o->cause);
        scene_expect("reason", scene_device.agent.refusal.reason, o->reason);
        scene_expect("changes", scene_flash.changes > 0, o->status == SS_OK);
        scene_tell("cause", scene_device.agent.cause);
        scene_tell("reason", scene_device.agent.refusal.reason);
        scene_tell("at", scene_device.agent.refusal.offset);
    }
}

static void there_and_back(void)
{
    scene_begin("an update to ota_1, and the next one back");
    scene_new_device();
    scene_expect("found", scene_boot(), SS_FOUND_NOTHING);
    scene_expect("there", install(&scene_updates[SCENE_THERE], 1000), SS_OK);
    scene_expect("found", scene_boot(), SS_FOUND_TRIAL);
    scene_expect_installed(&scene_updates[SCENE_THERE], 1);
    scene_expect("an update on trial", install(&scene_updates[SCENE_BACK], 1000), SS_ERROR_BAD_STATE);
    scene_expect("confirm", ss_agent_confirm(&scene_device.agent), SS_OK);
    scene_tell_state();
    scene_expect("found", scene_boot(), SS_FOUND_NOTHING);
    scene_expect("the same again", install(&scene_updates[SCENE_THERE], 1000), SS_ERROR_NOT_PERMITTED);
    scene_expect("back", install(&scene_updates[SCENE_BACK], 4096), SS_OK);
    scene_expect("found", scene_boot(), SS_FOUND_TRIAL);
    scene_expect("confirm", ss_agent_confirm(&scene_device.agent), SS_OK);
    scene_expect_installed(&scene_updates[SCENE_BACK], 0);
    scene_tell_state();
}

static void taken_back(bool says_so)
{
    scene_begin(says_so ? "a new app rejects itself" : "a new app does not confirm itself");
    scene_new_device();
    scene_boot();
    scene_expect("install", install(&scene_updates[SCENE_THERE], 3000), SS_OK);
    scene_expect("found", scene_boot(), SS_FOUND_TRIAL);
    if (says_so)
        scene_expect("reject", ss_agent_reject(&scene_device.agent), SS_OK);
    scene_expect("found", scene_boot(), says_so ? SS_FOUND_NOTHING : SS_FOUND_ROLLED_BACK);
    scene_expect("state", ss_agent_state(&scene_device.agent), SS_STATE_ROLLED_BACK);
    scene_expect("the slot that runs", scene_place.running, 0);
    scene_expect("again", install(&scene_updates[SCENE_THERE], 3000), says_so ? SS_ERROR_NOT_PERMITTED : SS_OK);
    scene_tell_state();
}

static void refused_when_whole(const char *title, unsigned update, ss_status_t status, enum ss_agent_cause cause)
{
    scene_begin(title);
    scene_new_device();
    scene_boot();
    for (unsigned i = 1; i <= SS_AGENT_FAILURES_MAX; i++) {
        scene_expect("status", install(&scene_updates[update], 2048), status);
        scene_expect("cause", scene_device.agent.cause, i < SS_AGENT_FAILURES_MAX ? cause : SS_CAUSE_GIVEN_UP);
    }
    scene_expect("a sixth time", install(&scene_updates[update], 2048), SS_ERROR_NOT_PERMITTED);
    scene_boot();
    scene_expect("the slot that runs", scene_place.running, 0);
    scene_expect("after a reset", install(&scene_updates[update], 2048), SS_ERROR_NOT_PERMITTED);
    scene_tell_state();
}

static void damaged_on_the_way(void)
{
    const struct scene_update *u = &scene_updates[SCENE_THERE];
    static uint8_t piece[SCENE_WINDOW];
    uint32_t wanted;
    scene_begin("a window is damaged on the way");
    scene_new_device();
    scene_boot();
    scene_expect("begin", begin(&u->release, &u->delivery, &wanted), SS_OK);
    scene_expect("write", ss_agent_write(&scene_device.agent, u->sealed.bytes, SCENE_WINDOW), SS_OK);
    memcpy(piece, u->sealed.bytes + SCENE_WINDOW, SCENE_WINDOW);
    piece[77] ^= 4;
    scene_expect("write", ss_agent_write(&scene_device.agent, piece, SCENE_WINDOW), SS_ERROR_DATA_CORRUPT);
    scene_expect("cause", scene_device.agent.cause, SS_CAUSE_WINDOW);
    scene_expect("wanted", ss_agent_wanted(&scene_device.agent), SCENE_WINDOW);
    scene_expect("go on", push(u, 500), SS_OK);
    scene_expect("finish", ss_agent_finish(&scene_device.agent), SS_OK);
    scene_expect("found", scene_boot(), SS_FOUND_TRIAL);
    scene_expect_installed(u, 1);
    scene_tell_state();
}

static void flash_that_fails(void)
{
    scene_begin("a bit does not program");
    scene_new_device();
    scene_boot();
    // Any byte of the second sector whose lowest bit is to be 0.
    uint32_t at = SCENE_WINDOW;
    while (scene_updates[SCENE_THERE].sealed.bytes[at] & 1)
        at++;
    scene_flash.stuck_at = SCENE_SLOT_1 + at;
    scene_expect("install", install(&scene_updates[SCENE_THERE], 4096), SS_ERROR_IO);
    scene_expect("cause", scene_device.agent.cause, SS_CAUSE_FLASH);
    scene_boot();
    scene_expect("the slot that runs", scene_place.running, 0);
    scene_tell_state();
}

static void key_sets(void)
{
    scene_begin("the keys change");
    scene_new_device();
    scene_boot();
    scene_expect("its own keys", install(&scene_updates[SCENE_OF_NEXT_KEYS], 4096), SS_ERROR_DOES_NOT_EXIST);
    scene_expect("too few roots", ss_agent_key_set(&scene_device.agent, scene_bad_keys.bytes, scene_bad_keys.len),
                 SS_ERROR_NOT_PERMITTED);
    scene_expect("reason", scene_device.agent.refusal.reason, SS_REASON_OLD_ROOTS);
    scene_expect("changes", scene_flash.changes, 0);
    scene_expect("key set", ss_agent_key_set(&scene_device.agent, scene_next_keys.bytes, scene_next_keys.len), SS_OK);
    scene_boot();
    scene_expect("version", scene_device.identity.ring.current->version, 2);
    scene_expect("the old keys", install(&scene_updates[SCENE_THERE], 4096), SS_ERROR_NOT_PERMITTED);
    scene_expect("reason", scene_device.agent.refusal.reason, SS_REASON_KEY_SET_EXPIRED);
    scene_expect("the new keys", install(&scene_updates[SCENE_OF_NEXT_KEYS], 4096), SS_OK);
    scene_expect("found", scene_boot(), SS_FOUND_TRIAL);
    scene_expect("version", scene_device.identity.ring.current->version, 2);
    scene_expect_installed(&scene_updates[SCENE_OF_NEXT_KEYS], 1);
    scene_tell_state();
}

static void freshness(void)
{
    scene_begin("a freshness record");
    scene_new_device();
    scene_boot();
    scene_expect("fresh", ss_agent_freshness(&scene_device.agent, scene_freshness.bytes, scene_freshness.len), SS_OK);
    scene_expect("cut short", ss_agent_freshness(&scene_device.agent, scene_freshness.bytes, scene_freshness.len - 1),
                 SS_ERROR_DATA_INVALID);
    scene_tell("reason", scene_device.agent.refusal.reason);
    scene_tell_state();
}

// Power ends before the n-th change of flash; the device starts again and is offered the same.
static bool cut_and_recover(uint32_t n)
{
    const struct scene_update *u = &scene_updates[SCENE_THERE];
    scene_new_device();
    scene_boot();
    scene_flash.power_ends = n;
    if (install(u, 4096) == SS_OK && scene_flash.changes < n)
        return false;
    for (unsigned boots = 0; boots < 4; boots++) {
        scene_boot();
        if (scene_place.running == 1)
            break;
        (void)!install(u, 4096);
    }
    if (ss_agent_state(&scene_device.agent) == SS_STATE_TRIAL)
        scene_expect("confirm", ss_agent_confirm(&scene_device.agent), SS_OK);
    scene_expect_installed(u, 1);
    return true;
}

static void power_loss(void)
{
    uint32_t cuts = 0;
    scene_begin("the power ends, at each eleventh change of flash");
    for (uint32_t n = 1; cut_and_recover(n); n += 11)
        cuts++;
    scene_tell("cuts", cuts);
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
    scenes_pull();
    rt_put_str("\n");
    rt_put_dec(checks);
    rt_put_str(" checks, ");
    rt_put_dec(failed);
    rt_put_str(" failed\n");
    return failed;
}
