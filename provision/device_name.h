// SPDX-License-Identifier: Apache-2.0
// Names of devices, and file names and texts made of them: `{id}_flash_key.bin`, one file a device in one folder.
#ifndef SS_PROVISION_DEVICE_NAME_H
#define SS_PROVISION_DEVICE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#define SS_DEVICE_NAME_MAX  64                       ///< characters of a device id
#define SS_DEVICE_NAME_SIZE (SS_DEVICE_NAME_MAX + 1) ///< with its NUL
#define SS_DEVICE_MAC_SIZE  18                       ///< "24:0a:c4:12:34:56" with its NUL

/// True if @p id is 1 to 64 of the characters A-Z a-z 0-9 . _ - and is not "." or "..", so that it can be a certificate's
/// common name, a path segment of a URL and a file name.
bool ss_device_name_valid(const char *id);

/// The id of a device that nobody named: its MAC as 12 lower-case hex digits.
void ss_device_name_from_mac(const uint8_t mac[6], char out[SS_DEVICE_NAME_SIZE]);

/// "24:0a:c4:12:34:56".
void ss_device_mac_text(const uint8_t mac[6], char out[SS_DEVICE_MAC_SIZE]);

/// Reads a MAC: 12 hex digits, or six pairs of them separated by ':' or '-'. SS_ERROR_DATA_INVALID: anything else, or a
/// multicast or all-zero address, which no chip has.
SS_MUST_USE ss_status_t ss_device_mac_parse(const char *text, uint8_t mac[6], struct ss_error *err);

/// What a pattern can say about a device. NULL members make their placeholder an error.
struct ss_device_words {
    const char *id;
    const uint8_t *mac;  ///< 6 bytes
    const char *product; ///< name of the product
};

/// Fills in @p pattern: {id}, {mac} (12 lower-case hex digits), {MAC} (upper case), {product}; "{{" is a brace.
/// SS_ERROR_INVALID_ARGUMENT: an unknown placeholder, one without its word, or a lone brace.
/// SS_ERROR_BUFFER_TOO_SMALL: @p size. @p out is "" then.
SS_MUST_USE ss_status_t ss_device_pattern_fill(const char *pattern, const struct ss_device_words *words, char *out,
                                               size_t size, struct ss_error *err);

/// The inverse, for file names: true if @p name is what @p pattern gives for some id (or MAC), which is stored in @p id.
/// {mac} and {MAC} take either case and store the lower-case id. A pattern has exactly one placeholder, {id}, {mac} or
/// {MAC}: see ss_device_pattern_check().
bool ss_device_pattern_match(const char *pattern, const char *name, char id[SS_DEVICE_NAME_SIZE]);

/// SS_ERROR_INVALID_ARGUMENT: not exactly one placeholder that names a device, or a '/', or nothing else beside it.
SS_MUST_USE ss_status_t ss_device_pattern_check(const char *pattern, struct ss_error *err);

#endif
