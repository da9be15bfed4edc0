// SPDX-License-Identifier: Apache-2.0
// Whole files in, whole files out.
#ifndef SS_CLI_FILE_H
#define SS_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "slotseal/error.h"

/// Larger than any flash of these chips that one image or table could fill.
#define FILE_LIMIT ((size_t)32 << 20)

/// A file that was read. Start with all zero; file_free() wipes, because most inputs are secret.
struct input {
    uint8_t *data; ///< followed by one 0 byte, so that text can be handled as a string
    size_t len;
    size_t capacity;
    const char *name; ///< as given, "standard input" for -
    dev_t device;     ///< which file it really is, to keep outputs from replacing it
    ino_t inode;
    mode_t mode; ///< permissions; 0 for what is not a regular file
};

/// Reads all of @p path (- is standard input), at most @p limit bytes. SS_ERROR_IO from the system;
/// SS_ERROR_INSUFFICIENT_SPACE above the limit; SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t file_read(const char *path, size_t limit, struct input *in, struct ss_error *err);
/// Reads a file that is one line, such as a token: as file_read(), less the end of the line.
SS_MUST_USE ss_status_t file_read_line(const char *path, size_t limit, struct input *in, struct ss_error *err);
/// Warns when others than its owner may read a file that holds a secret.
void file_warn_readable(const struct input *in);
/// Grows @p in to @p len bytes, the new ones 0xFF: how flash is padded. SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t file_pad(struct input *in, size_t len, struct ss_error *err);
void file_free(struct input *in);

enum output_kind {
    OUTPUT_PUBLIC,    ///< mode 0666 less the umask; an existing file is replaced, unless it may be a key
    OUTPUT_PLAINTEXT, ///< mode 0600, otherwise the same
    OUTPUT_KEY,       ///< mode 0600; an existing file is never touched
};

/// Writes a file that appears complete or not at all, and is durable when this returns. "-" is standard output, refused
/// for binary data on a terminal. SS_ERROR_NOT_PERMITTED where @p path is the same file as one of the
/// @p inputs (NULL-terminated, or NULL), also through links, or could be a key; SS_ERROR_ALREADY_EXISTS; SS_ERROR_IO.
SS_MUST_USE ss_status_t file_write(const char *path, enum output_kind kind, const void *data, size_t len,
                                   const struct input *const *inputs, struct ss_error *err);

#endif
