// SPDX-License-Identifier: Apache-2.0
// An image and the release statement that is about it.
#ifndef SS_CLI_RELEASE_FILE_H
#define SS_CLI_RELEASE_FILE_H

#include "statement_file.h"

/// Start with all zero, end with release_file_free().
struct release_file {
    struct input image;
    struct statement_file statement;
};

/// Reads both. The statement has to be that of this image: the same canonical digest, length and chip; else
/// SS_ERROR_DATA_CORRUPT. Its signature is not looked at. Statuses of file_read(), statement_read_kind() and
/// ss_image_parse().
SS_MUST_USE ss_status_t release_file_read(const char *image, const char *statement, struct release_file *out,
                                          struct ss_error *err);
void release_file_free(struct release_file *file);

#endif
