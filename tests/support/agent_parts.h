// SPDX-License-Identifier: Apache-2.0
// Between the files of the agent's bench.
#ifndef SS_TESTS_AGENT_PARTS_H
#define SS_TESTS_AGENT_PARTS_H

#include "slotseal/secure_boot_v2.h"
#include "support/agent_bench.h"

#define AGENT_IMAGE_MAX 0x150000u
#define AGENT_OWN_KEY   0x200u ///< where the verification key lies in images

/// The key of secure boot V2, of all devices.
const ss_signing_key_t *agent_rsa_key(void);
/// Makes an app in d->plain; its length.
size_t agent_make_app(struct device *d, unsigned version, uint32_t secure_version);
/// Signs the @p len bytes in d->plain.
void agent_sign_app(struct device *d, size_t len);
/// Encrypts as the device's flash has it.
void agent_seal(struct device *d, uint32_t address, const uint8_t *in, uint8_t *out, size_t len);

#endif
