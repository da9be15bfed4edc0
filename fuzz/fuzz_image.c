// SPDX-License-Identifier: Apache-2.0
// Images: the first byte chooses the context, the rest is the file. A copy of what can be read to its end gets checksum
// and hash that are right, so that what only works on good images is reached, too.
#include <stdlib.h>
#include <string.h>

#include "core/image_parts.h"
#include "slotseal/canonical.h"
#include "slotseal/content.h"
#include "slotseal/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct ss_image_context make_context(uint8_t choice)
{
    struct ss_image_context c = SS_IMAGE_CONTEXT_DEFAULT;
    c.kind = (enum ss_image_kind)(choice % 3);
    c.flash_address = choice & 4 ? 0x1000 : 0x160000;
    c.space = choice & 8 ? 0x1000 : 0;
    c.chip_id = choice & 16 ? 0 : -1;
    c.chip_rev = choice & 32 ? 300 : -1;
    return c;
}

static void check_description(const struct ss_image *image, size_t len)
{
    require(image->file_len == len && image->kind != SS_IMAGE_KIND_AUTO);
    require(image->segment_count <= SS_IMAGE_MAX_SEGMENTS && image->finding_count <= SS_IMAGE_MAX_FINDINGS);
    require(image->boot_findings <= image->finding_count);
    require(image->complete || ss_image_first_fatal(image));
    require(!image->complete || (image->image_len <= image->end && image->end + image->trailing_len == len));
    for (unsigned i = 0; i < image->finding_count; i++) {
        char text[160];
        ss_image_finding_text(image, &image->findings[i], text, sizeof text);
        require(strlen(text) > 10 && strlen(text) < sizeof text - 1);
        require(strlen(ss_image_finding_advice(image->findings[i].code)) > 0);
    }
}

static void use_good_image(uint8_t *copy, size_t len, const struct ss_image *image)
{
    static const uint8_t new_key[SS_VK_SIZE] = {1, 2, 3};
    struct ss_image parsed;
    uint8_t digest[32];
    uint32_t offset;
    size_t out_len;
    enum ss_vk_state state;
    require(ss_image_refresh(copy, image) == SS_OK);
    if (ss_image_parse(copy, len, NULL, &parsed, NULL) != SS_OK)
        return;
    require(ss_canonical_digest(copy, len, SS_VK_NONE, digest, NULL) == SS_OK);
    const struct ss_image_flash_params params = {2, 15, 2};
    ss_status_t status = ss_image_set_flash_params(copy, len, &params, NULL);
    require(status == (parsed.signature == SS_IMAGE_UNSIGNED ? SS_OK : SS_ERROR_NOT_PERMITTED));
    for (unsigned i = 0; i < parsed.segment_count; i++) {
        const struct ss_image_segment *s = &parsed.segments[i];
        if (s->length < SS_VK_SIZE)
            continue;
        uint8_t key[SS_VK_SIZE];
        memcpy(key, copy + s->offset, sizeof key);
        require(ss_canonical_digest(copy, len, s->offset, digest, NULL) == SS_OK);
        require(ss_vk_compare(copy, len, key, new_key, SS_VK_NONE, &state, NULL) == SS_OK && state != SS_VK_MISSING);
        if (ss_vk_replace(copy, len, key, new_key, copy, len, &out_len, &offset, NULL, NULL) == SS_OK)
            require(ss_image_parse(copy, out_len, NULL, &parsed, NULL) == SS_OK);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    struct ss_image_context context = make_context(data[0]);
    struct ss_image image;
    data++;
    len--;
    require(ss_content_name(ss_content_classify(data, len)) != NULL);
    require(ss_image_describe(data, len, &context, &image, NULL) == SS_OK);
    check_description(&image, len);
    if (!image.complete)
        return 0;
    uint8_t *copy = malloc(len);
    require(copy != NULL);
    memcpy(copy, data, len);
    use_good_image(copy, len, &image);
    free(copy);
    return 0;
}
