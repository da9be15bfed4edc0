// SPDX-License-Identifier: Apache-2.0
#include "release_file.h"

#include <string.h>

#include "slotseal/canonical.h"
#include "slotseal/image.h"

static ss_status_t compare(const struct release_file *file, struct ss_error *err)
{
    const struct ss_release *r = &file->statement.as.release;
    struct ss_image image;
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE];
    ss_status_t status = ss_image_parse(file->image.data, file->image.len, NULL, &image, err);
    if (status == SS_OK)
        status = ss_canonical_digest(file->image.data, file->image.len, r->vk_offset, digest, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "%s", file->image.name);
    if (memcmp(digest, r->digest, sizeof digest) != 0 || image.image_len != r->image_len ||
        image.header.chip_id != r->chip)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_STATEMENT, "%s is the statement of another image",
                            file->statement.in.name);
    return SS_OK;
}

ss_status_t release_file_read(const char *image, const char *statement, struct release_file *out, struct ss_error *err)
{
    ss_status_t status = file_read(image, FILE_LIMIT, &out->image, err);
    if (status == SS_OK)
        status = statement_read_kind(statement, SS_STATEMENT_RELEASE, &out->statement, err);
    return status == SS_OK ? compare(out, err) : status;
}

void release_file_free(struct release_file *file)
{
    file_free(&file->image);
    file_free(&file->statement.in);
}
