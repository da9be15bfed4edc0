// SPDX-License-Identifier: Apache-2.0
#include "core/bytes.h"
#include "demo.h"
#include "payload.h"
#include "rt/rt.h"

extern const uint8_t rt_rodata_start[], rt_rodata_end[];
extern const uint32_t demo_payload[], demo_payload_end[];

// Linked in by the keyed build only.
extern const uint8_t verification_key[] __asm__("_binary_signature_verification_key_bin_start") __attribute__((weak));

const char *demo_slot_name(uint32_t flash_address)
{
    static const struct {
        uint32_t address;
        const char *name;
    } slots[] = {{0x10000, "ota_0"}, {0x160000, "ota_1"}};
    for (unsigned i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (slots[i].address == flash_address)
            return slots[i].name;
    return NULL;
}

static void report_slot(uint32_t flash_address)
{
    const char *name = demo_slot_name(flash_address);
    if (flash_address == RT_ADDRESS_UNKNOWN) {
        rt_put_str("running from: unknown, the first data page is not mapped\n");
        return;
    }
    rt_put_str("running from: ");
    rt_put_hex(flash_address);
    if (name) {
        rt_put_str(" (");
        rt_put_str(name);
        rt_put_str(")");
    }
    rt_put_str("\n");
}

// The stream tells good data from bad without a stored checksum, page by page.
static bool report_payload(void)
{
    struct payload_stream stream = payload_start();
    const uint32_t *p = demo_payload;
    while (p != demo_payload_end && *p == payload_next(&stream))
        p++;
    rt_put_str("payload: ");
    rt_put_dec((uint32_t)(demo_payload_end - demo_payload) * 4);
    if (p == demo_payload_end) {
        rt_put_str(" bytes, all as built\n");
        return true;
    }
    rt_put_str(" bytes, WRONG at byte ");
    rt_put_dec((uint32_t)(p - demo_payload) * 4);
    rt_put_str("\n");
    return false;
}

static void report_key(void)
{
    if (!verification_key)
        return;
    rt_put_str("verification key: ");
    rt_put_hex(ss_get_be32(verification_key));
    rt_put_str("...\n");
}

bool demo_report(uint32_t flash_address)
{
    rt_put_str("\n");
    rt_put_str(demo_app_desc.project_name);
    rt_put_str(" ");
    rt_put_str(demo_app_desc.version);
    rt_put_str("\n");
    report_slot(flash_address);
    bool good = report_payload();
    report_key();
    rt_put_str("read-only data: crc32 ");
    rt_put_hex(ss_crc32(0, rt_rodata_start, (size_t)(rt_rodata_end - rt_rodata_start)));
    rt_put_str("\n");
    return good;
}
