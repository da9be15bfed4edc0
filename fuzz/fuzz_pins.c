// SPDX-License-Identifier: Apache-2.0
// The block of pins in an image that may be anything. Scanning has to find what a plain search finds, and nothing else.
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "device/pins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SIZE_MAX_FUZZ 0x8000u

static uint8_t image[SIZE_MAX_FUZZ];
static uint32_t image_len;

static void must(int condition)
{
    if (!condition)
        abort();
}

static ss_status_t read_image(void *context, uint32_t address, void *out, size_t len)
{
    (void)context;
    must(address % 16 == 0 && len % 16 == 0 && address <= image_len && len <= image_len - address);
    memcpy(out, image + address, len);
    return SS_OK;
}

static unsigned count_blocks(uint32_t *first)
{
    static const uint8_t magic[] = SS_PINS_MAGIC;
    unsigned n = 0;
    for (uint32_t i = 0; i + sizeof magic <= image_len; i++)
        if (memcmp(image + i, magic, sizeof magic) == 0 && n++ == 0)
            *first = i;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_pins_place place;
    uint8_t out[SS_KEY_SET_MAX];
    size_t out_len;
    uint32_t first = 0;
    if (len > sizeof image)
        len = sizeof image;
    image_len = (uint32_t)len / 16 * 16;
    memcpy(image, data, image_len);
    unsigned blocks = count_blocks(&first);
    ss_status_t status = ss_pins_find(read_image, NULL, 0, image_len, &place);
    must(blocks != 0 || status == SS_ERROR_DOES_NOT_EXIST);
    must(blocks < 2 || status == SS_ERROR_DATA_INVALID);
    if (status == SS_OK) {
        must(blocks == 1 && place.offset == first + SS_PINS_HEAD_SIZE && place.length <= place.capacity);
        must(place.offset <= image_len && place.capacity <= image_len - place.offset);
    }
    status = ss_pins_read(read_image, NULL, 0, image_len, out, &out_len);
    must((status == SS_OK) == (out_len > 0));
    if (status == SS_OK)
        must(out_len == place.length && memcmp(out, image + place.offset, out_len) == 0);
    return 0;
}
