// SPDX-License-Identifier: Apache-2.0
#include "support/nvs_sample.h"
#include "support/unit.h"

#include <string.h>

struct ss_nvs_value nvs_number(enum ss_nvs_type type, uint64_t n)
{
    return (struct ss_nvs_value){.type = type, .number = n};
}

struct ss_nvs_value nvs_text(const char *s)
{
    return (struct ss_nvs_value){.type = SS_NVS_STRING, .data = s, .len = strlen(s)};
}

struct ss_nvs_value nvs_blob(const void *data, size_t len)
{
    return (struct ss_nvs_value){.type = SS_NVS_BLOB, .data = data, .len = len};
}

uint8_t *nvs_pattern(size_t n)
{
    static uint8_t bytes[SS_NVS_MAX_BLOB + 1];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(7 * i + n);
    return bytes;
}

void nvs_put(struct ss_nvs_writer *w, const char *ns, const char *key, struct ss_nvs_value value)
{
    struct ss_error err = {0};
    assert_ok(ss_nvs_set(w, ns, key, &value, &err), err);
}

void nvs_sample(uint8_t image[NVS_SAMPLE_SIZE])
{
    struct ss_nvs_writer w;
    struct ss_error err = {0};
    assert_ok(ss_nvs_writer_init(&w, image, NVS_SAMPLE_SIZE, SS_NVS_V2, &err), err);
    nvs_put(&w, "cfg", "a", nvs_number(SS_NVS_U8, 1));
    nvs_put(&w, "cfg", "s", nvs_text("text"));
    nvs_put(&w, "cfg", "big", nvs_blob(nvs_pattern(5000), 5000));
    nvs_put(&w, "cfg", "z", nvs_number(SS_NVS_U16, 9));
}

void nvs_assert_sound(const uint8_t *data, size_t size)
{
    struct ss_nvs_finding finding;
    struct ss_error err = {0};
    size_t count;
    assert_ok(ss_nvs_check(data, size, &finding, 1, &count, &err), err);
    if (count > 0)
        fail_msg("page %u entry %u: %s", finding.page, finding.entry, ss_nvs_fault_text(finding.fault));
}
