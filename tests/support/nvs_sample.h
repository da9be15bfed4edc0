// SPDX-License-Identifier: Apache-2.0
// NVS values that several tests store.
#ifndef SS_TESTS_NVS_SAMPLE_H
#define SS_TESTS_NVS_SAMPLE_H

#include "slotseal/nvs.h"

struct ss_nvs_value nvs_number(enum ss_nvs_type type, uint64_t n);
struct ss_nvs_value nvs_text(const char *s);
struct ss_nvs_value nvs_blob(const void *data, size_t len);

/// The bytes that the vectors call "blob N", at most SS_NVS_MAX_BLOB + 1 of them; valid until the next call.
uint8_t *nvs_pattern(size_t n);

/// Stores @p value; fails the test if that fails.
void nvs_put(struct ss_nvs_writer *w, const char *ns, const char *key, struct ss_nvs_value value);

#define NVS_SAMPLE_SIZE 0x4000
/// Fills @p image with the store that tests/vectors/nvs_faults.data describes.
void nvs_sample(uint8_t image[NVS_SAMPLE_SIZE]);

/// Fails the test with the first finding of ss_nvs_check(), if it has any.
void nvs_assert_sound(const uint8_t *image, size_t size);

#endif
