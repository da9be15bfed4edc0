// SPDX-License-Identifier: Apache-2.0
// The manufacturing record: one line a chip that was worked on, for everybody's eyes; and the data for its label.
//
// It holds no secret by construction: there is no field that could take one. A flash key appears as its id, images as
// digests, a failure as the id of the step where it happened, never as free text. What comes from people (station,
// operator) is refused where it looks like a key.
//
//     CSV   RFC 4180, the first line names the columns
//     JSON  one object a line, with the same names
//
// The file's name decides: .csv, anything else is JSON. Files only grow; a record is durable when the call returns.
#ifndef SS_PROVISION_RECORD_H
#define SS_PROVISION_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/device_name.h"
#include "slotseal/error.h"

#define SS_RECORD_WORD 65 ///< a name of at most 64 characters with its NUL

enum ss_record_result {
    SS_RECORD_DONE,    ///< the plan was carried out to its end, and what was read back agrees
    SS_RECORD_FAILED,  ///< begun and not finished: `step` says where
    SS_RECORD_REFUSED, ///< nothing was changed on the chip
};

/// A digest that may be absent.
struct ss_record_digest {
    bool known;
    uint8_t sha256[32];
};

/// Plain data. Empty strings and absent digests stay empty in the record.
struct ss_manufacturing_record {
    char device[SS_DEVICE_NAME_SIZE];
    bool mac_known;
    uint8_t mac[6];
    char chip[SS_RECORD_WORD]; ///< "esp32"
    unsigned revision;         ///< of the chip, as major * 100 + minor
    char product[SS_RECORD_WORD];
    char key_id[SS_RECORD_WORD];                    ///< names the flash key in the vault
    struct ss_record_digest bootloader, table, app; ///< plaintext, as given to the plan
    char app_version[SS_RECORD_WORD];
    char plan[SS_RECORD_WORD], level[SS_RECORD_WORD];
    enum ss_record_result result;
    char step[SS_RECORD_WORD]; ///< id of the step that failed or was refused
    char run[SS_RECORD_WORD];  ///< of the journal
    char station[SS_RECORD_WORD], person[SS_RECORD_WORD];
    int64_t time;              ///< seconds since 1970, UTC
    char tool[SS_RECORD_WORD]; ///< "slotseal 0.3.0"
};

/// Appends a record to @p path.
/// SS_ERROR_INVALID_ARGUMENT: a text with control characters, or one that a spreadsheet takes for a formula.
/// SS_ERROR_NOT_PERMITTED: 32 or more hex digits or 43 characters of base64 in a row in station, person or product: that
/// could be a key.
/// Else what ss_append_line() returns; SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_record_append(const char *path, const struct ss_manufacturing_record *record,
                                         struct ss_error *err);

/// What a printer needs for one label. Borrowed.
struct ss_label {
    const char *id;
    const uint8_t *mac; ///< 6 bytes
    const char *product;
    const char *qr; ///< pattern of the text in the QR code, ss_device_pattern_fill(); NULL: "{id}"
};

/// Appends a label to @p path, in the same two forms: id, mac (with colons), product, qr.
/// Statuses as above; SS_ERROR_INVALID_ARGUMENT from the pattern.
SS_MUST_USE ss_status_t ss_label_append(const char *path, const struct ss_label *label, struct ss_error *err);

/// "done", "failed", "refused".
const char *ss_record_result_name(enum ss_record_result result);

#endif
