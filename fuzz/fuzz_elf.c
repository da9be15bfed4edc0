// SPDX-License-Identifier: Apache-2.0
// ELF to image: the first byte chooses options, the rest is the file. What is built has to be a readable image.
#include <stdlib.h>
#include <string.h>

#include "slotseal/image.h"
#include "slotseal/image_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_image(const uint8_t *image, size_t len, const struct ss_image_build_options *options)
{
    struct ss_image p;
    require(ss_image_describe(image, len, NULL, &p, NULL) == SS_OK);
    require(p.complete && p.image_len == len && p.checksum_stored == p.checksum_computed);
    require(p.has_hash == options->append_hash && memcmp(p.hash_stored, p.hash_computed, 32) == 0);
    require(p.secure_padded_v1 || options->secure_pad != SS_SECURE_PAD_V1);
    require(p.secure_padded_v2 || options->secure_pad != SS_SECURE_PAD_V2);
    for (unsigned i = 0; i < p.finding_count; i++)
        require(p.findings[i].code != SS_IMAGE_SEGMENT_MAPPING || p.app_desc.mmu_page_log2 != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_image_build_options options = SS_IMAGE_BUILD_DEFAULT;
    size_t need, out_len;
    if (len == 0)
        return 0;
    options.secure_pad = (enum ss_secure_pad)(data[0] % 3);
    options.append_hash = options.secure_pad != SS_SECURE_PAD_NONE || data[0] & 4;
    options.elf_sha256 = data[0] & 8;
    ss_status_t status = ss_image_build(data + 1, len - 1, &options, NULL, 0, &need, NULL);
    require(status != SS_OK && (need > 0) == (status == SS_ERROR_BUFFER_TOO_SMALL));
    if (need == 0 || need > 1 << 20)
        return 0;
    uint8_t *image = malloc(need);
    require(image != NULL);
    status = ss_image_build(data + 1, len - 1, &options, image, need, &out_len, NULL);
    require(status == SS_OK || status == SS_ERROR_DATA_INVALID); // the descriptor's SHA-256 is not zero
    if (status == SS_OK) {
        require(out_len == need);
        check_image(image, out_len, &options);
    }
    free(image);
    return 0;
}
