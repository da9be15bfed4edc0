// SPDX-License-Identifier: Apache-2.0
// Signing keys from files, tokens and the vault, and signing what is in memory.
#ifndef SS_CLI_SIGNING_H
#define SS_CLI_SIGNING_H

#include "cli.h"
#include "file.h"
#include "slotseal/canonical.h"
#include "slotseal/sign.h"
#include "slotseal/signing_key.h"
#include "vault/key_source.h"

#define OPTION_SCHEME                                                                                                  \
    {                                                                                                                  \
        OPT_SCHEME, "scheme", 0, false, "SCHEME", "secure boot version (v1 for a P-256 key, else v2)", "v1 v2",        \
            COMPLETE_CHOICE                                                                                            \
    }

/// How a key in a token is opened: @p uri starts with "pkcs11:", its PIN is asked for on the terminal if need be.
struct ss_vault_key_request token_request(const char *uri, const char *purpose);

/// Loads a private or public key; of a pkcs11: URI, opens the private key in the token; of vault:NAME, the public half.
/// @p file keeps the file for comparison with outputs; file_free() wipes it.
SS_MUST_USE ss_status_t signing_key_read(const char *path, struct input *file, ss_signing_key_t **key,
                                         struct ss_error *err);

/// The 64 bytes of a verification key that an image was built with: raw, or of a key file. Raw bytes are taken as they
/// are: a template need not be a point of the curve. file_free() @p file.
SS_MUST_USE ss_status_t verification_key_read(const char *path, struct input *file, uint8_t xy[SS_VK_SIZE],
                                              struct ss_error *err);

/// The same to sign with: of vault:NAME, the private half, after the vault has noted in its audit log that it is to sign
/// @p what (NULL: not said). @p args says where the vault is (NULL: the environment alone). A file may still hold a
/// public key.
SS_MUST_USE ss_status_t signing_key_to_sign(const struct cli_args *args, const char *path, const char *what,
                                            struct input *file, ss_signing_key_t **key, struct ss_error *err);

/// SS_ERROR_NOT_PERMITTED, which names the key by @p path, unless @p key can sign.
SS_MUST_USE ss_status_t signing_key_can_sign(const ss_signing_key_t *key, const char *path, struct ss_error *err);

// signing_vault.c

struct ss_vault;

/// NAME of "vault:NAME"; NULL for what does not start so.
const char *signing_vault_name(const char *path);
/// The public half of a key of the vault.
SS_MUST_USE ss_status_t signing_vault_public(const struct cli_args *args, const char *name, ss_signing_key_t **key,
                                             struct ss_error *err);
/// A key of the vault to sign with, as for signing_key_to_sign().
SS_MUST_USE ss_status_t signing_vault_open(const struct cli_args *args, const char *name, const char *what,
                                           ss_signing_key_t **key, struct ss_error *err);
/// SS_OK if @p key, which was read from @p path, is what the vault has as @p name. SS_ERROR_ALREADY_EXISTS, with both
/// fingerprints, if it is another one.
SS_MUST_USE ss_status_t signing_vault_is(struct ss_vault *vault, const char *name, const ss_signing_key_t *key,
                                         const char *path, struct ss_error *err);
/// The key of the vault that signs for the device of --device or the product of --product.
SS_MUST_USE ss_status_t signing_vault_for(const struct cli_args *args, const char *what, ss_signing_key_t **key,
                                          struct ss_error *err);

/// The scheme of --scheme, else the one that goes with the key.
enum ss_sign_scheme signing_scheme(const struct cli_args *args, const ss_signing_key_t *key);

/// ss_sign_image() in place: @p data grows. Warns of what signs without being of use.
SS_MUST_USE ss_status_t signing_sign(struct input *data, const ss_signing_key_t *key, enum ss_sign_scheme scheme,
                                     bool append, struct ss_error *err);

/// True for the statuses of ss_sign_verify() that say something about the data rather than about this machine.
bool signing_is_verdict(ss_status_t status);

#endif
