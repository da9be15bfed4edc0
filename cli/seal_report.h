// SPDX-License-Identifier: Apache-2.0
// What seal and unseal say about their work.
#ifndef SS_CLI_SEAL_REPORT_H
#define SS_CLI_SEAL_REPORT_H

#include "json.h"
#include "slotseal/seal.h"
#include "target.h"

struct seal_summary {
    struct ss_seal_report report;
    bool signed_here;
    size_t input_len;             ///< as given
    size_t sealed_len;            ///< of the ciphertext, = report.padded_len
    uint8_t plaintext_sha256[32]; ///< signature included, padding not
    uint8_t padded_sha256[32];    ///< with padding
    uint8_t sealed_sha256[32];    ///< of the ciphertext
};

/// Fills the digests and sealed_len. @p plaintext may grow by its padding.
SS_MUST_USE ss_status_t seal_digests(struct seal_summary *summary, struct input *plaintext, const uint8_t *sealed,
                                     size_t sealed_len, struct ss_error *err);

/// What the checks let through, but a careful person wants to know, on stderr.
void seal_warnings(const struct target *target, const struct seal_summary *summary);
void seal_print(const struct target *target, const struct seal_summary *summary);
json_t *seal_json(const struct target *target, const struct seal_summary *summary);

#endif
