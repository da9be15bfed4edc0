// SPDX-License-Identifier: Apache-2.0
#include "support/sample_image.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/image.h"

void sample_refresh(uint8_t *image, size_t len)
{
    size_t at = 24;
    uint8_t sum = 0xEF;
    for (unsigned i = 0; i < image[1]; i++) {
        uint32_t length = ss_get_le32(image + at + 4);
        for (uint32_t n = 0; n < length; n++)
            sum ^= image[at + 8 + n];
        at += 8 + length;
    }
    size_t body = (at | 15) + 1;
    assert_true(body + (image[23] ? 32 : 0) <= len);
    image[body - 1] = sum;
    if (image[23])
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, image, body, image + body), SS_OK);
}

size_t sample_image(uint8_t *out, size_t size, const struct sample_segment *segments, unsigned count, bool hash)
{
    assert_true(size >= 24);
    const uint8_t header[24] = {0xE9, (uint8_t)count, 2, 0x20, 0, 4, 8, 0x40, 0xEE, [23] = hash};
    memcpy(out, header, sizeof header);
    size_t at = sizeof header;
    for (unsigned i = 0; i < count; i++) {
        assert_true(segments[i].length <= size && at + 8 <= size - segments[i].length);
        ss_put_le32(out + at, segments[i].load_addr);
        ss_put_le32(out + at + 4, segments[i].length);
        at += 8;
        for (uint32_t n = 0; n < segments[i].length; n++)
            out[at++] = segments[i].load_addr ? (uint8_t)(7 * n + 3) : 0;
    }
    size_t end = (at | 15) + 1;
    size_t len = end + (hash ? 32 : 0);
    assert_true(len <= size);
    memset(out + at, 0, len - at);
    sample_refresh(out, len);
    return len;
}

size_t sample_bootloader(uint8_t *out, size_t size)
{
    return sample_image(out, size, &(struct sample_segment){0x40080400, 400}, 1, true);
}

size_t sample_app(uint8_t *out, size_t size)
{
    static const struct sample_segment segments[] = {
        {0x3F400020, 0x200}, {0x400D0228, 0x40}, {0x3FFB0000, 0x20}, {0x40080000, 0x20}};
    size_t len = sample_image(out, size, segments, 4, true);
    assert_int_equal(len, SAMPLE_APP_LEN);
    uint8_t *desc = out + SS_DESC_OFFSET;
    memset(desc, 0, SS_APP_DESC_SIZE);
    ss_put_le32(desc, SS_APP_DESC_MAGIC);
    ss_put_le32(desc + 4, 7);
    memcpy(desc + 0x10, "1.2.3", 5);
    memcpy(desc + 0x30, "sample", 6);
    memcpy(desc + 0x50, "12:34:56", 8);
    memcpy(desc + 0x60, "Jan  2 2020", 11);
    memcpy(desc + 0x70, "v4.0.1", 6);
    sample_refresh(out, len);
    return len;
}

size_t sample_sign_v1(uint8_t *image, size_t len, size_t size)
{
    assert_true(len + 68 <= size);
    memset(image + len, 0, 4);
    for (unsigned i = 0; i < 64; i++)
        image[len + 4 + i] = (uint8_t)(i + 1);
    return len + 68;
}

size_t sample_sign_v2(uint8_t *image, size_t len, size_t size)
{
    size_t sector = (len + 4095) / 4096 * 4096;
    assert_true(sector + 4096 <= size);
    memset(image + len, 0xFF, sector + 4096 - len);
    uint8_t *block = image + sector;
    memset(block, 0, SS_IMAGE_V2_BLOCK_SIZE);
    block[0] = 0xE7;
    block[1] = 2;
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, image, sector, block + 4), SS_OK);
    for (unsigned i = 36; i < 1196; i++)
        block[i] = (uint8_t)(5 * i);
    ss_put_le32(block + 1196, ss_crc32(0, block, 1196));
    return sector + 4096;
}
