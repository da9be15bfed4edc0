// SPDX-License-Identifier: Apache-2.0
#include "bench/seal_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers.h"
#include "core/crypto.h"
#include "core/kernels/flash_cipher_kernels.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/sha256_kernels.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"
#include "slotseal/seal_many.h"

#define IMAGE_SIZE (333 * 4096u) ///< 1.3 MiB in whole windows of 4 KiB
#define ADDRESS    0x10000u
#define WINDOW     (11 * 4096u) ///< of a delivery of this size: at most 32 of them
#define WINDOWS    ((IMAGE_SIZE + WINDOW - 1) / WINDOW)
#define DEVICES    16

static struct {
    _Alignas(64) uint8_t in[IMAGE_SIZE];
    _Alignas(64) uint8_t out[IMAGE_SIZE];
    uint8_t windows[DEVICES][WINDOW];
    struct ss_flash_cipher esp32, devices[DEVICES];
    struct ss_flash_xts xts128, xts256;
    struct peers peers;
    char names[BENCH_MAX_CASES][48];
    struct bench_case *cases;
    unsigned count;
} bench;

static void must(ss_status_t status)
{
    if (status != SS_OK)
        abort();
}

static void add(const char *name, const char *kernel, void (*run)(void *arg), const void *arg)
{
    if (bench.count == BENCH_MAX_CASES)
        abort();
    snprintf(bench.names[bench.count], sizeof bench.names[0], "%s", name);
    bench.cases[bench.count] = (struct bench_case){.name = bench.names[bench.count],
                                                   .kernel = kernel,
                                                   .bytes = IMAGE_SIZE,
                                                   .run = run,
                                                   .arg = (void *)(uintptr_t)arg};
    bench.count++;
}

static void seal_esp32(void *unused)
{
    (void)unused;
    must(ss_flash_cipher_seal(&bench.esp32, ADDRESS, bench.in, bench.out, IMAGE_SIZE, NULL));
}

static void unseal_esp32(void *unused)
{
    (void)unused;
    must(ss_flash_cipher_unseal(&bench.esp32, ADDRESS, bench.in, bench.out, IMAGE_SIZE, NULL));
}

static void seal_esp32_4k(void *unused)
{
    (void)unused;
    for (uint32_t at = 0; at < IMAGE_SIZE; at += 4096)
        must(ss_flash_cipher_seal(&bench.esp32, ADDRESS + at, bench.in + at, bench.out + at, 4096, NULL));
}

static void seal_esp32_kernel(void *kernel)
{
    ss_flash_cipher_run(kernel, true, &bench.esp32, ADDRESS, bench.in, bench.out, IMAGE_SIZE);
}

static void unseal_esp32_kernel(void *kernel)
{
    ss_flash_cipher_run(kernel, false, &bench.esp32, ADDRESS, bench.in, bench.out, IMAGE_SIZE);
}

static void seal_xts(void *context)
{
    must(ss_flash_xts_seal(context, ADDRESS, bench.in, bench.out, IMAGE_SIZE, NULL));
}

static void unseal_xts(void *context)
{
    must(ss_flash_xts_unseal(context, ADDRESS, bench.in, bench.out, IMAGE_SIZE, NULL));
}

static void seal_xts256_kernel(void *kernel)
{
    ss_flash_xts_run(kernel, true, &bench.xts256, ADDRESS, bench.in, bench.out, IMAGE_SIZE);
}

static void unseal_xts256_kernel(void *kernel)
{
    ss_flash_xts_run(kernel, false, &bench.xts256, ADDRESS, bench.in, bench.out, IMAGE_SIZE);
}

static void sha256_one(void *unused)
{
    (void)unused;
    uint8_t digest[32];
    must(ss_hash_once(SS_HASH_SHA256, bench.in, IMAGE_SIZE, digest));
}

static void seal_digest_one(void *unused)
{
    uint8_t digest[32];
    seal_esp32(unused);
    must(ss_hash_once(SS_HASH_SHA256, bench.out, IMAGE_SIZE, digest));
}

static size_t window_size(unsigned window)
{
    return window == WINDOWS - 1 ? IMAGE_SIZE - window * WINDOW : WINDOW;
}

/// One release for many devices, window by window, as an update server does it: own key and digest for each.
static void seal_digest_many(void *unused)
{
    (void)unused;
    static uint8_t digests[DEVICES][SS_SEAL_DIGEST_SIZE];
    struct ss_seal_job jobs[DEVICES];
    for (unsigned window = 0; window < WINDOWS; window++) {
        for (unsigned i = 0; i < DEVICES; i++)
            jobs[i] = (struct ss_seal_job){.cipher = &bench.devices[i],
                                           .address = ADDRESS + window * WINDOW,
                                           .in = bench.in + window * WINDOW,
                                           .out = bench.windows[i],
                                           .len = window_size(window),
                                           .sealed_digest = digests[i]};
        must(ss_seal_many(jobs, DEVICES, NULL));
    }
}

/// One image, its windows together; sealed if @p cipher is not NULL, else only hashed.
static void one_image_by_windows(void *cipher)
{
    static uint8_t digests[WINDOWS][SS_SEAL_DIGEST_SIZE];
    struct ss_seal_job jobs[WINDOWS];
    for (unsigned i = 0; i < WINDOWS; i++)
        jobs[i] = (struct ss_seal_job){.cipher = cipher,
                                       .address = ADDRESS + i * WINDOW,
                                       .in = bench.in + i * WINDOW,
                                       .out = bench.out + i * WINDOW,
                                       .len = window_size(i),
                                       .plain_digest = cipher ? NULL : digests[i],
                                       .sealed_digest = cipher ? digests[i] : NULL};
    must(ss_seal_many(jobs, WINDOWS, NULL));
}

static void add_kernel(const char *prefix, const char *kernel, void (*run)(void *arg), const void *arg)
{
    char name[48];
    snprintf(name, sizeof name, "%s_%s", prefix, kernel);
    add(name, kernel, run, arg);
}

static void note_missing(json_t *notes, const char *scheme, const char *kernel)
{
    json_array_append_new(notes, json_sprintf("this CPU cannot run the %s kernel %s", scheme, kernel));
}

static void add_kernels(json_t *notes)
{
    for (const struct ss_flash_cipher_kernel *const *k = ss_flash_cipher_kernels; *k; k++) {
        if (!(*k)->supported()) {
            note_missing(notes, "ESP32", (*k)->name);
            continue;
        }
        add_kernel("seal_esp32", (*k)->name, seal_esp32_kernel, *k);
        add_kernel("unseal_esp32", (*k)->name, unseal_esp32_kernel, *k);
    }
    for (const struct ss_flash_xts_kernel *const *k = ss_flash_xts_kernels; *k; k++) {
        if (!(*k)->supported()) {
            note_missing(notes, "XTS", (*k)->name);
            continue;
        }
        add_kernel("seal_xts256", (*k)->name, seal_xts256_kernel, *k);
        add_kernel("unseal_xts256", (*k)->name, unseal_xts256_kernel, *k);
    }
}

static void add_peers(void)
{
    add("openssl_ecb", "openssl", peer_ecb, &bench.peers);
    bench.cases[bench.count - 1].yardstick = true;
    add("evp_rekeyed", "openssl", peer_rekeyed, &bench.peers);
    bench.cases[bench.count - 1].yardstick = true;
    add("openssl_xts", "openssl", peer_xts, &bench.peers);
    add("memcpy", "libc", peer_memcpy, &bench.peers);
}

unsigned seal_cases_init(struct bench_case *cases, json_t *notes)
{
    uint8_t key[64];
    must(ss_random(bench.in, IMAGE_SIZE));
    must(ss_random(key, sizeof key));
    must(ss_flash_cipher_init(&bench.esp32, key, 32, 0xF, NULL));
    for (unsigned i = 0; i < DEVICES; i++) {
        key[0] = (uint8_t)i;
        must(ss_flash_cipher_init(&bench.devices[i], key, 32, 0xF, NULL));
    }
    must(ss_flash_xts_init(&bench.xts128, key, 32, NULL));
    must(ss_flash_xts_init(&bench.xts256, key, 64, NULL));
    peers_init(&bench.peers, key, bench.in, bench.out, IMAGE_SIZE);
    bench.cases = cases;
    const char *sha256 = ss_sha256_kernel_for(DEVICES);

    add("seal_esp32", ss_flash_cipher_kernel(), seal_esp32, NULL);
    add("unseal_esp32", ss_flash_cipher_kernel(), unseal_esp32, NULL);
    add("seal_esp32_4k", ss_flash_cipher_kernel(), seal_esp32_4k, NULL);
    add("seal_xts256", ss_flash_xts_kernel(), seal_xts, &bench.xts256);
    add("unseal_xts256", ss_flash_xts_kernel(), unseal_xts, &bench.xts256);
    add("seal_xts128", ss_flash_xts_kernel(), seal_xts, &bench.xts128);
    add("seal_digest_one", ss_flash_cipher_kernel(), seal_digest_one, NULL);
    add("seal_digest_windows", sha256, one_image_by_windows, &bench.esp32);
    add("seal_digest_many", sha256, seal_digest_many, NULL);
    bench.cases[bench.count - 1].bytes = (size_t)DEVICES * IMAGE_SIZE;
    add("sha256_one", "openssl", sha256_one, NULL);
    add("sha256_many", sha256, one_image_by_windows, NULL);
    add_kernels(notes);
    add_peers();
    return bench.count;
}

void seal_cases_free(void)
{
    peers_free(&bench.peers);
    ss_flash_cipher_wipe(&bench.esp32);
    ss_kernel_wipe(bench.devices, sizeof bench.devices);
    ss_flash_xts_wipe(&bench.xts128);
    ss_flash_xts_wipe(&bench.xts256);
}
