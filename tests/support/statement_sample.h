// SPDX-License-Identifier: Apache-2.0
// A made-up fleet: keys for every role, a key set, and an update for the forum table's ota_1.
#ifndef SS_TESTS_STATEMENT_SAMPLE_H
#define SS_TESTS_STATEMENT_SAMPLE_H

#include "slotseal/statement_sign.h"
#include "slotseal/update_check.h"

#define SAMPLE_KEYS 12

/// Statement keys by number, always the same: 1 to 3 root, 4 release, 5 delivery, 6 operator; the others are spare.
ss_signing_key_t *sample_signing_key(unsigned n);
/// Its public key, for the life of the program.
const uint8_t *sample_public_key(unsigned n);

/// Version 1 of the sample's key set: roots 1, 2, 3 with threshold 2; no times.
struct ss_key_set sample_key_set(void);
/// A release of 1.3 MiB, secure boot V1.
struct ss_release sample_release(void);
/// Its delivery for ota_1 (0x160000, 0x150000) of device 240ac4123456, epoch 1, sequence 7. @p reference is the
/// release's.
struct ss_delivery sample_delivery(const uint8_t *reference);
struct ss_rollout sample_rollout(const uint8_t *reference);
/// The device that takes the update.
struct ss_device_view sample_device(void);

struct sample_statement {
    uint8_t bytes[SS_STATEMENT_MAX];
    size_t len;
};

/// Encodes and signs with the sample's keys; fail the test if that does not work.
void sample_sign_release(const struct ss_release *release, unsigned key, struct sample_statement *out);
void sample_sign_delivery(const struct ss_delivery *delivery, unsigned key, struct sample_statement *out);
void sample_sign_rollout(const struct ss_rollout *rollout, unsigned key, struct sample_statement *out);
/// @p keys ends with 0.
void sample_sign_key_set(const struct ss_key_set *set, const unsigned *keys, struct sample_statement *out);
/// The record of device @p index of @p leaves devices.
void sample_sign_freshness(unsigned index, unsigned leaves, unsigned key, struct sample_statement *out);
void sample_sign_freshness_at(uint64_t time, unsigned index, unsigned leaves, unsigned key,
                              struct sample_statement *out);

/// One statement of each kind.
void sample_statement(enum ss_statement_kind kind, struct sample_statement *out);

#endif
