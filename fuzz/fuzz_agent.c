// SPDX-License-Identifier: Apache-2.0
// The agent, pushed to in every order: each byte is one thing that happens to it (see step()). The flash is an array and
// nothing is encrypted; storage loses and rewinds records. Whatever happens, only the slot that does not run is
// changed, and it is selected only when it holds the whole of what was promised.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/signing_key_internal.h"
#include "device/agent.h"
#include "slotseal/canonical.h"
#include "slotseal/statement_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SLOT  0x8000u
#define IMAGE 0x2800u

static const uint32_t slots[2] = {0x10000, 0x18000};
static uint8_t image[IMAGE], release[SS_RELEASE_MAX], delivery[2][SS_DELIVERY_MAX], fresh[2][SS_FRESHNESS_MAX];
static size_t release_len, delivery_len[2], fresh_len[2];
static struct ss_key_set keys;

static struct {
    struct ss_agent agent;
    struct ss_agent_identity identity;
    struct ss_agent_record stored, older;
    uint8_t flash[2][SLOT];
    unsigned running;
    int selected; ///< -1: as it runs
    uint32_t state[2];
    bool broken; ///< the next access to the flash fails
    uint32_t uptime;
    uint64_t now;
} device;

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint8_t *at(uint32_t address, size_t len)
{
    must(address >= slots[0] && address < slots[0] + 2 * SLOT);
    uint32_t offset = address - slots[0];
    must(ss_range_ok(offset % SLOT, len, SLOT));
    return device.flash[offset / SLOT] + offset % SLOT;
}

static ss_status_t result(void)
{
    bool broken = device.broken;
    device.broken = false;
    return broken ? SS_ERROR_IO : SS_OK;
}

static ss_status_t read_flash(void *context, uint32_t address, void *out, size_t len)
{
    (void)context;
    memcpy(out, at(address, len), len);
    return result();
}

static ss_status_t write_flash(void *context, uint32_t address, const void *in, size_t len)
{
    (void)context;
    must(address % 16 == 0 && len % 16 == 0 && address / SLOT != slots[device.running] / SLOT);
    uint8_t *p = at(address, len);
    must(ss_all_bytes(p, len, 0xFF));
    memcpy(p, in, len);
    return result();
}

static ss_status_t erase(void *context, uint32_t address)
{
    (void)context;
    must(address % SS_AGENT_SECTOR == 0 && address / SLOT != slots[device.running] / SLOT);
    memset(at(address, SS_AGENT_SECTOR), 0xFF, SS_AGENT_SECTOR);
    return result();
}

static ss_status_t load(void *context, struct ss_agent_record *record)
{
    (void)context;
    *record = device.stored;
    return SS_OK;
}

static ss_status_t store(void *context, const struct ss_agent_record *record)
{
    (void)context;
    device.older = device.stored;
    device.stored = *record;
    return result();
}

static ss_status_t store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    (void)context, (void)key_set, (void)len;
    abort(); // nobody but the roots can make one
}

static ss_status_t verify(void *context, unsigned slot)
{
    (void)context;
    return memcmp(device.flash[slot], image, IMAGE) == 0 ? SS_OK : SS_ERROR_DATA_CORRUPT;
}

static ss_status_t choose(void *context, unsigned slot)
{
    (void)context;
    must(slot == (device.running ^ 1u) && memcmp(device.flash[slot], image, IMAGE) == 0);
    must(ss_all_bytes(device.flash[slot] + IMAGE, SLOT - IMAGE, 0xFF));
    device.selected = (int)slot;
    device.state[slot] = SS_OTA_NEW;
    return result();
}

static ss_status_t confirm(void *context)
{
    (void)context;
    device.state[device.running] = SS_OTA_VALID;
    return result();
}

static ss_status_t reject(void *context)
{
    (void)context;
    device.state[device.running] = SS_OTA_INVALID;
    device.selected = (int)(device.running ^ 1u);
    return result();
}

static ss_status_t state(void *context, unsigned slot, uint32_t *out)
{
    (void)context;
    *out = device.state[slot];
    return SS_OK;
}

static uint64_t clock_of(void *context)
{
    (void)context;
    return device.now;
}

static const struct ss_agent_port port = {read_flash, read_flash, write_flash, erase,  load,  store, store_key_set,
                                          verify,     choose,     confirm,     reject, state, NULL,  clock_of};

static void key(unsigned n, ss_signing_key_t **out)
{
    uint8_t secret[32] = {(uint8_t)n, 1};
    must(ss_signing_key_from_ec(SS_KEY_P256, (struct ss_der){secret, 32}, (struct ss_der){0}, out, NULL) == SS_OK);
}

// The image is no more than agent and canonical digest look at: magic, chip, hash flag.
static void make_image(void)
{
    for (unsigned i = 0; i < IMAGE; i++)
        image[i] = (uint8_t)(i * 31 + i / 256);
    image[0] = 0xE9;
    image[12] = image[13] = 0;
    image[23] = 1;
}

// Of day 1 and day 10, the second one of a release that nobody offers.
static void make_fresh(ss_signing_key_t *key, const uint8_t *unknown)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t leaf[SS_FRESHNESS_LEAF_MAX], root[SS_STATEMENT_DIGEST_SIZE];
        struct ss_freshness_signature signature;
        size_t len;
        struct ss_freshness f = {.product = keys.product,
                                 .device = ss_span_of("d"),
                                 .time = i ? 864000 : 86400,
                                 .root = root,
                                 .leaves = 1,
                                 .release = i ? unknown : NULL,
                                 .key_set = 1};
        must(ss_freshness_leaf(&f, leaf, sizeof leaf, &len, NULL) == SS_OK && ss_merkle_leaf(leaf, len, root) == SS_OK);
        must(ss_freshness_sign(&f, key, &signature, NULL) == SS_OK);
        must(ss_freshness_encode(&f, &signature, fresh[i], sizeof fresh[i], &fresh_len[i], NULL) == SS_OK);
    }
}

static void make_update(void)
{
    static uint8_t raw[3][64], digest[32], reference[32], digests[32 * SS_WINDOWS_MAX];
    ss_signing_key_t *signers[3];
    struct ss_canonical c;
    struct ss_statement s;
    for (unsigned i = 0; i < 3; i++) {
        key(i + 1, &signers[i]);
        must(ss_signing_key_raw_public(signers[i], raw[i], NULL) == SS_OK);
        keys.roles[i].keys[0] = raw[i];
        keys.roles[i].count = 1;
    }
    keys.product = ss_span_of("p");
    keys.version = keys.threshold = 1;
    keys.epochs[0] = 1;
    make_image();
    must(ss_canonical_init(&c, IMAGE, SS_VK_NONE) == SS_OK && ss_canonical_update(&c, image, IMAGE) == SS_OK &&
         ss_canonical_finish(&c, digest) == SS_OK);
    struct ss_release r = {
        .product = keys.product, .version = ss_span_of("1"), .digest = digest, .timestamp = 1, .image_len = IMAGE};
    must(ss_release_sign(&r, signers[SS_ROLE_RELEASE], release, sizeof release, &release_len, NULL) == SS_OK);
    must(ss_statement_parse(release, release_len, &s, NULL) == SS_OK && ss_statement_reference(&s, reference) == SS_OK);
    struct ss_delivery d = {.device = ss_span_of("d"),
                            .release = reference,
                            .digests = digests,
                            .epoch = 1,
                            .slot_size = SLOT,
                            .length = IMAGE,
                            .window = SS_WINDOW_UNIT};
    must(ss_window_digests(image, IMAGE, d.window, digests, &d.windows) == SS_OK);
    for (unsigned slot = 0; slot < 2; slot++) {
        d.slot_address = slots[slot];
        d.sequence = slot + 1;
        must(ss_delivery_sign(&d, signers[SS_ROLE_DELIVERY], delivery[slot], sizeof delivery[slot], &delivery_len[slot],
                              NULL) == SS_OK);
    }
    make_fresh(signers[SS_ROLE_DELIVERY], digest);
    for (unsigned i = 0; i < 3; i++)
        ss_signing_key_free(signers[i]);
}

static void forget_ram(void)
{
    if (device.agent.receiving)
        ss_hash_abort(&device.agent.hash.window);
    memset(&device.agent, 0, sizeof device.agent);
}

// A reset with a bootloader that can roll back.
static void reset(void)
{
    enum ss_agent_found found;
    forget_ram();
    device.broken = false;
    device.uptime = 0;
    if (device.state[device.running] == SS_OTA_PENDING_VERIFY) {
        device.state[device.running] = SS_OTA_ABORTED;
        device.selected = (int)(device.running ^ 1u);
    }
    if (device.selected >= 0)
        device.running = (unsigned)device.selected;
    device.selected = -1;
    if (device.state[device.running] == SS_OTA_NEW)
        device.state[device.running] = SS_OTA_PENDING_VERIFY;
    device.identity.running = (uint8_t)device.running;
    must(ss_agent_start(&device.agent, &port, NULL, &device.identity, &found) == SS_OK);
    must((found == SS_FOUND_TRIAL) == (device.state[device.running] == SS_OTA_PENDING_VERIFY));
}

static void begin(unsigned slot)
{
    uint32_t wanted;
    ss_status_t status =
        ss_agent_begin(&device.agent, release, release_len, delivery[slot], delivery_len[slot], &wanted);
    must(wanted <= IMAGE && (status != SS_OK || slot != device.running));
}

static void push(uint32_t len, bool damaged)
{
    uint8_t piece[SS_AGENT_SECTOR * 2];
    uint32_t from = ss_agent_wanted(&device.agent);
    if (len > IMAGE - from)
        len = IMAGE - from;
    memcpy(piece, image + from, len);
    if (damaged && len)
        piece[len / 2] ^= 0x10;
    (void)!ss_agent_write(&device.agent, piece, len);
}

static void tick(uint32_t seconds)
{
    enum ss_agent_found found;
    bool trial = ss_agent_state(&device.agent) == SS_STATE_TRIAL;
    device.uptime += seconds;
    (void)!ss_agent_tick(&device.agent, device.uptime, &found);
    must(found == SS_FOUND_NOTHING || (found == SS_FOUND_TAKE_BACK && trial && device.uptime >= 600));
}

static void take_fresh(unsigned which, unsigned flip)
{
    if (flip)
        fresh[which][flip % fresh_len[which]] ^= 0x20;
    ss_status_t status = ss_agent_freshness(&device.agent, fresh[which], fresh_len[which]);
    must(!flip || status != SS_OK);
    must(ss_agent_alarm(&device.agent) <= SS_ALARM_WITHHELD);
    if (flip)
        fresh[which][flip % fresh_len[which]] ^= 0x20;
}

static void watch(uint8_t what)
{
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE];
    switch (what) {
    case 0:
        (void)!ss_agent_key_set(&device.agent, release, release_len);
        break;
    case 1:
    case 2:
        take_fresh(what - 1u, 0);
        break;
    case 3:
        take_fresh(0, 1 + device.uptime);
        break;
    case 4:
    case 5:
    case 6:
        tick(what == 4 ? 60 : what == 5 ? 600 : 40000);
        break;
    case 7:
        (void)!ss_agent_erase_ahead(&device.agent);
        break;
    case 8:
        if (!ss_agent_receiving(&device.agent))
            (void)!ss_agent_running_digest(&device.agent, digest);
        break;
    case 9:
        device.now = device.now ? 0 : 2 * 864000;
        break;
    default:
        (void)!ss_agent_note_action(&device.agent, what, what);
        break;
    }
}

static void step(uint8_t what)
{
    static const uint32_t lengths[] = {1, 100, SS_AGENT_SECTOR, 2 * SS_AGENT_SECTOR};
    switch (what & 15) {
    case 0:
    case 1:
        begin(what & 1);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        push(lengths[(what & 15) - 2], false);
        break;
    case 6:
        push(lengths[what >> 4 & 3], true);
        break;
    case 7:
        (void)!ss_agent_finish(&device.agent);
        break;
    case 8:
        (void)!ss_agent_confirm(&device.agent);
        break;
    case 9:
        (void)!ss_agent_reject(&device.agent);
        break;
    case 10:
        reset();
        break;
    case 11:
        device.stored = (struct ss_agent_record){0};
        break;
    case 12:
        device.stored = device.older;
        break;
    case 13:
        device.broken = true;
        break;
    case 14: // an attack on a statement
        delivery[what >> 4 & 1][(unsigned)(what * 37) % delivery_len[what >> 4 & 1]] ^= 0x04;
        begin(what >> 4 & 1);
        delivery[what >> 4 & 1][(unsigned)(what * 37) % delivery_len[what >> 4 & 1]] ^= 0x04;
        must(!device.agent.receiving);
        break;
    default:
        watch(what >> 4);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (release_len == 0)
        make_update();
    memset(&device, 0, sizeof device);
    memset(device.flash[0], 0x11, SLOT);
    memset(device.flash[1], 0x22, SLOT);
    device.selected = -1;
    device.state[0] = SS_OTA_VALID;
    device.state[1] = SS_OTA_UNDEFINED;
    device.identity = (struct ss_agent_identity){.product = keys.product,
                                                 .device = ss_span_of("d"),
                                                 .ring = {&keys, NULL},
                                                 .slots = {{slots[0], SLOT}, {slots[1], SLOT}},
                                                 .trial_seconds = 600,
                                                 .alarm_seconds = 7 * 86400,
                                                 .bootloader = SS_BOOTLOADER_ROLLBACK};
    reset();
    for (size_t i = 0; i < len && i < 64; i++)
        step(data[i]);
    forget_ram();
    return 0;
}
