// SPDX-License-Identifier: Apache-2.0
#include "sim/device.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "sim/device_parts.h"

/// Resets in a row that a device may do without getting anywhere.
#define RESETS_MAX 30u
/// What a new app has to prove itself, where nobody says.
#define TRIAL_SECONDS      600u
#define BOOTLOADER_ADDRESS 0x1000u
#define BOOTLOADER_MAX     0x7000u

void ss_sim_tell(struct ss_sim_device *d, const struct ss_sim_event *event)
{
    struct ss_sim_event e = *event;
    e.text = e.text ? e.text : "";
    e.detail = e.detail ? e.detail : "";
    if (d->options.event)
        d->options.event(d->options.context, &e);
}

static uint64_t host_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t ss_sim_elapsed_ms(const struct ss_sim_device *d)
{
    return host_ms() - d->opened_ms + d->slept_ms;
}

void ss_sim_slept(struct ss_sim_device *device, uint32_t seconds)
{
    device->slept_ms += (uint64_t)seconds * 1000;
}

static uint64_t clock_of(void *context)
{
    const struct ss_sim_device *d = context;
    return d->options.clock ? d->options.clock + ss_sim_elapsed_ms(d) / 1000 : 0;
}

const char *ss_sim_found_name(enum ss_agent_found found)
{
    static const char *const names[] = {[SS_FOUND_NOTHING] = "nothing",
                                        [SS_FOUND_TRIAL] = "trial",
                                        [SS_FOUND_ROLLED_BACK] = "rolled-back",
                                        [SS_FOUND_TAKE_BACK] = "take-back"};
    return (unsigned)found < sizeof names / sizeof *names ? names[found] : "unknown";
}

// -- Life and death ---------------------------------------------------------------------------------------------------

void ss_sim_lose_ram(struct ss_sim_device *d)
{
    if (d->runs && ss_agent_receiving(&d->ram.agent))
        ss_hash_abort(&d->ram.agent.hash.window);
    d->runs = false;
    ss_sim_net_end(d);
    ss_sim_identity_free(&d->identity);
    memset(&d->ram, 0xA5, sizeof d->ram);
}

static ss_status_t make(struct ss_vchip *chip, const char *folder, const struct ss_sim_options *options,
                        struct ss_sim_device **device, struct ss_error *err)
{
    struct ss_sim_device *d = calloc(1, sizeof *d);
    *device = NULL;
    if (!d)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a simulated device");
    d->options = *options;
    if (options->profile)
        d->profile = *options->profile;
    d->home = -1;
    d->opened_ms = host_ms();
    d->opened_us = chip->power.time_us;
    d->random = chip->power.seed ^ d->opened_ms;
    ss_status_t status = ss_sim_storage_open(folder, &chip->power, &d->storage, err);
    if (status != SS_OK) {
        ss_sim_storage_close(&d->storage);
        free(d);
        return status;
    }
    d->chip = chip;
    *device = d;
    return SS_OK;
}

ss_status_t ss_sim_new(struct ss_vchip *chip, const struct ss_sim_options *options, struct ss_sim_device **device,
                       struct ss_error *err)
{
    return make(chip, NULL, options, device, err);
}

ss_status_t ss_sim_open(const char *folder, const struct ss_sim_options *options, struct ss_sim_device **device,
                        struct ss_error *err)
{
    struct ss_vchip *chip;
    *device = NULL;
    ss_status_t status = ss_chip_open(folder, &chip, err);
    if (status != SS_OK)
        return status;
    status = make(chip, folder, options, device, err);
    if (status != SS_OK)
        ss_chip_free(chip);
    return status;
}

void ss_sim_close(struct ss_sim_device *device)
{
    if (!device)
        return;
    ss_sim_lose_ram(device);
    ss_sim_storage_close(&device->storage);
    ss_chip_free(device->chip);
    free(device);
}

// -- The app ----------------------------------------------------------------------------------------------------------

enum ss_app_end ss_sim_restart(struct ss_sim_device *d, const char *why)
{
    d->resets++;
    ss_sim_tell(d, &(struct ss_sim_event){.kind = SS_SIM_RESET, .text = why});
    return SS_APP_RESET;
}

static bool crashes(const struct ss_sim_device *d, enum ss_sim_crash where)
{
    return d->options.crash == where && d->boot.slot != d->home;
}

static ss_status_t start_agent(struct ss_sim_device *d)
{
    struct ss_sim_identity *id = &d->identity;
    id->agent.trial_seconds = d->options.trial_seconds ? d->options.trial_seconds : TRIAL_SECONDS;
    id->agent.alarm_seconds = d->options.alarm_seconds;
    d->port = (struct ss_sim_port){.chip = d->chip,
                                   .profile = &d->boot.profile,
                                   .identity = &id->agent,
                                   .self = id,
                                   .otadata = id->otadata,
                                   .unwilling = d->options.unwilling,
                                   .clock = clock_of,
                                   .clock_context = d};
    ss_status_t status = ss_agent_start(&d->ram.agent, &ss_sim_agent_port, &d->port, &id->agent, &d->found);
    d->runs = status == SS_OK;
    if (d->runs)
        ss_sim_tell(d, &(struct ss_sim_event){.kind = SS_SIM_STARTED, .found = d->found});
    return status;
}

static ss_status_t start_pull(struct ss_sim_device *d)
{
    const struct ss_sim_identity *id = &d->identity;
    d->config = (struct ss_pull_config){.server_count = (uint8_t)id->server_count,
                                        .plain_http = id->plain_http,
                                        .version = id->app.version,
                                        .spread_seconds = d->options.spread_seconds};
    for (unsigned i = 0; i < id->server_count; i++)
        d->config.servers[i] = id->servers[i];
    ss_status_t status = ss_sim_net_start(d);
    if (status == SS_OK)
        ss_pull_start(&d->ram.pull, &d->ram.agent, &ss_sim_pull_port, d, &d->config);
    return status;
}

// Without a server an app that has come so far is fit, or says that it is not.
static ss_status_t prove_alone(struct ss_sim_device *d, bool *leaves)
{
    *leaves = false;
    if (d->found != SS_FOUND_TRIAL)
        return SS_OK;
    *leaves = d->options.unfit;
    return d->options.unfit ? ss_agent_reject(&d->ram.agent) : ss_agent_confirm(&d->ram.agent);
}

// What main() of the app does; d->status if it cannot.
static enum ss_app_end run_app(void *context, struct ss_vchip *chip, const struct ss_boot_result *started)
{
    struct ss_sim_device *d = context;
    bool leaves = false;
    ss_sim_lose_ram(d);
    d->reset_ms = ss_sim_elapsed_ms(d);
    d->boot = *started;
    if (d->home < 0)
        d->home = started->slot;
    if (crashes(d, SS_SIM_CRASH_BEFORE))
        return ss_sim_restart(d, "crash");
    d->status = ss_sim_identity_read(chip, started, &d->storage, &d->identity, d->err);
    if (d->status != SS_OK)
        return SS_APP_STAYS;
    d->status = start_agent(d);
    if (d->status != SS_OK)
        return SS_APP_STAYS;
    if (d->found == SS_FOUND_TAKE_BACK)
        return ss_sim_restart(d, "taken back");
    if (crashes(d, SS_SIM_CRASH_AFTER))
        return ss_sim_restart(d, "crash");
    d->status = d->options.pushed ? prove_alone(d, &leaves) : start_pull(d);
    return leaves ? ss_sim_restart(d, "unfit") : SS_APP_STAYS;
}

static void on_line(void *context, const char *line)
{
    ss_sim_tell(context, &(struct ss_sim_event){.kind = SS_SIM_LINE, .text = line});
}

static ss_status_t judge_boot(struct ss_sim_device *d, const struct ss_boot_result *result, struct ss_error *err)
{
    const struct ss_boot_stage *failure = ss_boot_first_failure(result);
    if (result->outcome == SS_OUTCOME_POWER_LOST) {
        ss_sim_lose_ram(d);
        ss_sim_tell(d, &(struct ss_sim_event){.kind = SS_SIM_POWER_LOST});
        return SS_OK;
    }
    if (result->outcome != SS_OUTCOME_APP)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_CHIP, "no app runs (%s): %s",
                            ss_boot_outcome_name(result->outcome), failure ? failure->reason : "it waits for commands");
    if (d->status != SS_OK)
        return d->status;
    return d->runs ? SS_OK
                   : ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_CHIP, "its app restarts for ever, %u times so far",
                                  result->resets);
}

// The key in a bootloader can be seen in its bytes, and is each device's own where a profile is that of many.
static ss_status_t complete_profile(struct ss_sim_device *d, struct ss_error *err)
{
    struct ss_boot_profile guess, *p = &d->profile;
    bool verifies = p->secure_boot == SS_PROFILE_SECURE_BOOT_V1 || p->signed_on_boot;
    if (p->has_public_key || !verifies || p->secure_boot == SS_PROFILE_SECURE_BOOT_V2)
        return SS_OK;
    uint8_t *image = malloc(BOOTLOADER_MAX);
    if (!image)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a bootloader");
    ss_status_t status = ss_chip_cache_read(d->chip, BOOTLOADER_ADDRESS, image, BOOTLOADER_MAX, err);
    if (status == SS_OK) {
        ss_profile_guess(image, BOOTLOADER_MAX, &guess);
        p->has_public_key = guess.has_public_key;
        p->public_key_len = guess.public_key_len;
        memcpy(p->public_key, guess.public_key, sizeof p->public_key);
    }
    ss_wipe(image, BOOTLOADER_MAX);
    free(image);
    return status;
}

ss_status_t ss_sim_boot(struct ss_sim_device *device, struct ss_error *err)
{
    const struct ss_chip_app app = {run_app, device};
    const struct ss_boot_options options = {.max_resets = RESETS_MAX, .app = &app};
    struct ss_error local = {0};
    struct ss_boot_result *result = malloc(sizeof *result);
    if (!result)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a boot");
    ss_sim_lose_ram(device);
    device->answered = false;
    device->status = SS_OK;
    device->err = err ? err : &local;
    const struct ss_boot_profile *profile = device->options.profile ? &device->profile : NULL;
    ss_status_t status = profile ? complete_profile(device, err) : SS_OK;
    if (status == SS_OK)
        status = ss_chip_boot(device->chip, profile, &options, on_line, device, result, err);
    if (status == SS_OK)
        status = judge_boot(device, result, device->err);
    if (status != SS_OK)
        ss_sim_lose_ram(device);
    free(result);
    return status;
}
