// SPDX-License-Identifier: Apache-2.0
// Damaged and torn NVS images: what is found wrong, and what is still read.
#include "core/nvs_format.h"
#include "support/nvs_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static uint8_t image[NVS_SAMPLE_SIZE];
static struct ss_nvs_reader reader;

/// Numbers at the front of a field's value; returns how many there are.
static int numbers(const struct vector *v, const char *what, unsigned n, unsigned out[3], const char **rest)
{
    static char name[16];
    snprintf(name, sizeof name, "%s%u", what, n);
    if (!vector_has(v, name))
        return -1;
    int used = 0;
    *rest = vector_text(v, name);
    int count = sscanf(*rest, "%u %u%n", &out[0], &out[1], &used);
    if (count == 2)
        *rest += used;
    count = count == 2 ? 2 + (sscanf(*rest, "%u", &out[2]) == 1) : count;
    return count;
}

static void poke(uint8_t *at, const char *hex)
{
    unsigned byte;
    for (; *hex; hex += 2) {
        while (isspace((unsigned char)*hex))
            hex++;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        *at++ = (uint8_t)byte;
    }
}

static void damage(const struct vector *v)
{
    unsigned n[3];
    const char *rest;
    for (unsigned i = 1; numbers(v, "poke", i, n, &rest) >= 2; i++)
        poke(image + n[0] * SS_NVS_PAGE_SIZE + n[1], rest);
    for (unsigned i = 1; numbers(v, "entry", i, n, &rest) >= 2; i++)
        poke(nvs_entry_at(image + n[0] * SS_NVS_PAGE_SIZE, n[1]), rest);
    for (unsigned i = 1; numbers(v, "state", i, n, &rest) == 3; i++) {
        uint8_t *states = image + n[0] * SS_NVS_PAGE_SIZE + NVS_STATES_OFFSET + n[1] / 4;
        *states = (uint8_t)((*states & ~(3u << n[1] % 4 * 2)) | n[2] << n[1] % 4 * 2);
    }
    for (unsigned i = 1; numbers(v, "seal", i, n, &rest) >= 2; i++) {
        uint8_t *entry = nvs_entry_at(image + n[0] * SS_NVS_PAGE_SIZE, n[1]);
        ss_put_le32(entry + 4, ss_nvs_entry_crc(entry));
    }
    for (unsigned i = 1; numbers(v, "head", i, n, &rest) >= 1; i++) {
        uint8_t *page = image + n[0] * SS_NVS_PAGE_SIZE;
        ss_put_le32(page + 28, ss_crc32(0xFFFFFFFF, page + 4, 24));
    }
}

static void list_faults(size_t size, char *out, size_t capacity)
{
    struct ss_nvs_finding findings[8];
    struct ss_error err = {0};
    size_t count, used = 0;
    assert_ok(ss_nvs_check(image, size, findings, 8, &count, &err), err);
    out[0] = 0;
    for (size_t i = 0; i < count && i < 8; i++) {
        char entry[8] = "";
        if (findings[i].entry != SS_NVS_NO_ENTRY)
            snprintf(entry, sizeof entry, ":%u", findings[i].entry);
        used += (size_t)snprintf(out + used, capacity - used, "%s%u%s %s", i ? "; " : "", findings[i].page, entry,
                                 ss_nvs_fault_text(findings[i].fault));
    }
}

static void list_keys(char *out, size_t capacity)
{
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry e;
    size_t used = 0;
    out[0] = 0;
    while (ss_nvs_next(&reader, &cursor, &e) == SS_OK) {
        bool has_data = e.type == SS_NVS_STRING || e.type == SS_NVS_BLOB;
        used += (size_t)snprintf(out + used, capacity - used, "%s%s%c%llu", used ? " " : "", e.key,
                                 has_data ? ':' : '=', has_data ? (unsigned long long)e.len : e.number);
    }
}

static void check_read(const char *expected)
{
    static uint8_t out[5001];
    char key[16], status[32];
    struct ss_error err = {0};
    size_t len;
    memset(out, 0xA5, sizeof out);
    assert_int_equal(sscanf(expected, "%15s %31[^\n]", key, status), 2);
    struct ss_nvs_entry entry = {0};
    assert_ok(ss_nvs_find(&reader, "cfg", key, SS_NVS_ANY, &entry, &err), err);
    assert_string_equal(ss_status_name(ss_nvs_read(&reader, &entry, out, sizeof out, &len, &err)), status);
    assert_int_equal(len, 0);
    assert_true(ss_all_bytes(out, sizeof out, 0xA5));
}

static void run_fault(const struct vector *v)
{
    char got[2048];
    struct ss_error err = {0};
    size_t size = sizeof image;
    nvs_sample(image);
    damage(v);
    list_faults(size, got, sizeof got);
    if (!vector_has(v, "skip-faults"))
        assert_string_equal(got, vector_has(v, "faults") ? vector_text(v, "faults") : "");
    else
        assert_true(strlen(got) > 0);
    ss_status_t status = ss_nvs_reader_open(&reader, image, size, &err);
    if (vector_has(v, "open")) {
        snprintf(got, sizeof got, "%s: %s", ss_status_name(status), err.message);
        assert_string_equal(got, vector_text(v, "open"));
        return;
    }
    assert_ok(status, err);
    list_keys(got, sizeof got);
    assert_string_equal(got, vector_text(v, "keys"));
    if (vector_has(v, "read"))
        check_read(vector_text(v, "read"));
}

static void faults(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("nvs_faults.data", run_fault), 42);
}

static void fault_texts(void **state)
{
    (void)state;
    assert_string_equal(ss_nvs_fault_text(SS_NVS_FAULT_NONE), "no fault");
    assert_string_equal(ss_nvs_fault_text(SS_NVS_FAULT_BLOB_ORPHAN), "chunk belongs to no blob");
    assert_string_equal(ss_nvs_fault_text((enum ss_nvs_fault)(SS_NVS_FAULT_BLOB_ORPHAN + 1)), "unknown fault");
    assert_string_equal(ss_nvs_type_name(SS_NVS_I64), "i64");
    assert_string_equal(ss_nvs_type_name(SS_NVS_ANY), "unknown");
}

static void findings_beyond_the_capacity_are_counted(void **state)
{
    (void)state;
    struct ss_nvs_finding finding = {SS_NVS_FAULT_NONE, 77, 77};
    size_t size = sizeof image, count;
    nvs_sample(image);
    image[4096 + 10] ^= 1;
    image[10] ^= 1;
    assert_int_equal(ss_nvs_check(image, size, &finding, 1, &count, NULL), SS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(finding.fault, SS_NVS_FAULT_PAGE_CRC);
    assert_int_equal(finding.page, 0);
    assert_int_equal(finding.entry, SS_NVS_NO_ENTRY);
    assert_int_equal(ss_nvs_check(image, size, NULL, 0, &count, NULL), SS_OK);
    assert_int_equal(count, 2);
}

/// Whatever entry of the sound image was being written when the power went: what was complete before stays readable.
static void torn_writes(void **state)
{
    (void)state;
    static uint8_t whole[0x4000];
    size_t size = sizeof image;
    nvs_sample(image);
    memcpy(whole, image, size);
    for (unsigned cut = 0; cut < 126 + 39; cut++) {
        unsigned page = cut / 126, entry = cut % 126;
        char got[256];
        memcpy(image, whole, size);
        memset(image + (page + 1) * SS_NVS_PAGE_SIZE, 0xFF, size - (page + 1) * SS_NVS_PAGE_SIZE);
        uint8_t *p = image + page * SS_NVS_PAGE_SIZE;
        p[0] = 0xFE;
        memset(nvs_entry_at(p, entry) + 8, 0xFF, (SS_NVS_PAGE_ENTRIES - entry) * NVS_ENTRY_SIZE - 8);
        for (unsigned i = entry; i < SS_NVS_PAGE_ENTRIES; i++)
            p[NVS_STATES_OFFSET + i / 4] |= (uint8_t)(3u << i % 4 * 2);
        struct ss_error err = {0};
        assert_ok(ss_nvs_reader_open(&reader, image, size, &err), err);
        list_keys(got, sizeof got);
        const char *expected = cut < 2 ? "" : cut < 4 ? "a=1" : cut < 126 + 38 ? "a=1 s:4" : "a=1 s:4 big:5000";
        assert_string_equal(got, expected);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults),
        cmocka_unit_test(fault_texts),
        cmocka_unit_test(findings_beyond_the_capacity_are_counted),
        cmocka_unit_test(torn_writes),
    };
    return ss_test_main(argc, argv, tests);
}
