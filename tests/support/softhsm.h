// SPDX-License-Identifier: Apache-2.0
// A real PKCS#11 token: SoftHSM2, made in a folder of its own and gone with it.
#ifndef SS_TESTS_SOFTHSM_H
#define SS_TESTS_SOFTHSM_H

#include <stdbool.h>
#include <stddef.h>

#define SOFTHSM_PIN "2468ace"

struct softhsm {
    char dir[64];
    char module[128];
    char pin_file[96]; ///< holds SOFTHSM_PIN
    char *old_conf;
};

/// Makes a folder with a token labelled @p label and points SOFTHSM2_CONF at it. False if SoftHSM2 is not installed:
/// skip() then.
bool softhsm_start(struct softhsm *hsm, const char *label);
/// Another token in the same folder.
void softhsm_add_token(const struct softhsm *hsm, const char *label);
/// Removes the folder.
void softhsm_stop(struct softhsm *hsm);

/// "token=LABEL<rest>?module-path=…&pin-source=file:…", a location for a key request; @p rest is ";object=…" or "".
/// Valid until the next call but seven.
const char *softhsm_uri(const struct softhsm *hsm, const char *label, const char *rest);

/// Runs pkcs11-tool on the token with the PIN; returns its exit status, and what it printed in @p out.
int softhsm_tool(const struct softhsm *hsm, const char *label, const char *arguments, char *out, size_t size);

#endif
