// SPDX-License-Identifier: Apache-2.0
// The demo as a device that takes updates, on a flash laid out as examples/forum/partitions.csv says. The journal lies
// behind the last slot, where that table has nothing. A new app confirms itself if its payload is as built.
#include "agent_port.h"
#include "demo.h"
#include "rt/rt.h"

#define HEARTBEAT_CYCLES 80000000 // a second, as in main.c
#define TRIAL_SECONDS    60

extern const struct ss_pins demo_pins;
extern const uint8_t verification_key[] __asm__("_binary_signature_verification_key_bin_start");

static struct demo_agent agent;
static uint8_t mac[12];
static struct demo_device device = {
    .id = {mac, sizeof mac},
    .pins = &demo_pins,
    .verification_key = verification_key,
    .otadata = 0xD000,
    .journal = 0x2B0000,
    .journal_size = 0x8000,
    .slots = {0x10000, 0x160000},
    .slot_size = 0x150000,
    .bootloader = SS_BOOTLOADER_ROLLBACK,
};

static const char *why_not(ss_status_t status)
{
    switch (status) {
    case SS_ERROR_DOES_NOT_EXIST:
        return "no key set is pinned";
    case SS_ERROR_DATA_INVALID:
        return "what is pinned is no key set";
    case SS_ERROR_NOT_SUPPORTED:
        return "flash encryption is on, otadata cannot be written";
    default:
        return "the flash does not answer";
    }
}

static void say(const char *what)
{
    rt_put_str("agent: ");
    rt_put_str(what);
    rt_put_str("\n");
}

// The running app, about itself. What it was not told before the power went is found again at the next start.
static void decide(bool good)
{
    if (good) {
        say(ss_agent_confirm(&agent.agent) == SS_OK ? "trial, confirmed" : "trial, cannot confirm");
        return;
    }
    say(ss_agent_reject(&agent.agent) == SS_OK ? "trial, rejected" : "trial, cannot reject");
    rt_flush();
    rt_reset();
}

static bool start(uint32_t address, bool good)
{
    enum ss_agent_found found;
    rt_mac(mac);
    device.running = address == device.slots[1];
    ss_status_t status = demo_agent_start(&agent, &device, &found);
    if (status != SS_OK) {
        say(why_not(status));
        return false;
    }
    agent.identity.trial_seconds = TRIAL_SECONDS;
    if (found == SS_FOUND_TAKE_BACK) {
        say("trial, not confirmed in time");
        rt_flush();
        rt_reset();
    }
    if (found == SS_FOUND_TRIAL)
        decide(good);
    else
        say(found == SS_FOUND_ROLLED_BACK ? "the last update was taken back" : "ready");
    return true;
}

_Noreturn void rt_main(void)
{
    rt_stop_watchdogs();
    uint32_t address = rt_app_flash_address();
    bool started = start(address, demo_report(address));
    for (uint32_t seconds = 1;; seconds++) {
        enum ss_agent_found found = SS_FOUND_NOTHING;
        rt_wait_cycles(HEARTBEAT_CYCLES);
        if (started && ss_agent_tick(&agent.agent, seconds, &found) == SS_OK && found == SS_FOUND_TAKE_BACK)
            rt_reset();
        rt_put_str("alive ");
        rt_put_dec(seconds);
        rt_put_str("\n");
    }
}
