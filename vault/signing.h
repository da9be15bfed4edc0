// SPDX-License-Identifier: Apache-2.0
// Signing keys: in the vault under a wrapping key of their own, in a PKCS#11 token, or elsewhere, when only the public
// half is known.
#ifndef SS_VAULT_SIGNING_H
#define SS_VAULT_SIGNING_H

#include "slotseal/signing_key.h"
#include "vault/vault.h"

/// Room for a token's URI, terminated.
#define SS_VAULT_URI_SIZE 1024

enum ss_vault_key_place {
    SS_VAULT_KEY_HERE,      ///< wrapped in the vault
    SS_VAULT_KEY_IN_TOKEN,  ///< the URI leads to it
    SS_VAULT_KEY_ELSEWHERE, ///< signed images arrive from outside
};

/// "vault", "token", "elsewhere". Never NULL.
const char *ss_vault_key_place_name(enum ss_vault_key_place place);

struct ss_vault_signing_key {
    char name[SS_VAULT_NAME_SIZE];
    enum ss_key_type type;
    enum ss_vault_key_place place;
    char uri[SS_VAULT_URI_SIZE];               ///< "pkcs11:…" of a token, else ""
    char public_key[SS_VAULT_PUBLIC_KEY_SIZE]; ///< PEM
    int64_t created;                           ///< seconds since 1970
};

/// Makes a new key and keeps it in the vault. SS_ERROR_ALREADY_EXISTS for its name; SS_ERROR_NOT_PERMITTED if the vault was
/// opened without the key that wraps signing keys; SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_signing_key_generate(struct ss_vault *vault, const char *name, enum ss_key_type type,
                                                      struct ss_error *err);
/// Keeps a private key that was made elsewhere. @p source goes to the audit log (NULL: none). Statuses of _generate().
SS_MUST_USE ss_status_t ss_vault_signing_key_import(struct ss_vault *vault, const char *name,
                                                    const ss_signing_key_t *key, const char *source,
                                                    struct ss_error *err);
/// Remembers a key by its public half: in the token that @p uri ("pkcs11:…") names, or, with NULL, elsewhere.
/// SS_ERROR_ALREADY_EXISTS; SS_ERROR_NOT_PERMITTED for a PIN in the URI; SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_signing_key_refer(struct ss_vault *vault, const char *name,
                                                   const ss_signing_key_t *public_key, const char *uri,
                                                   struct ss_error *err);

/// What is known of a key. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_signing_key_get(struct ss_vault *vault, const char *name,
                                                 struct ss_vault_signing_key *key, struct ss_error *err);
/// Calls @p each for every key, by name, until it returns something other than SS_OK, which is returned then.
SS_MUST_USE ss_status_t ss_vault_signing_key_list(struct ss_vault *vault,
                                                  ss_status_t (*each)(void *context,
                                                                      const struct ss_vault_signing_key *key,
                                                                      struct ss_error *err),
                                                  void *context, struct ss_error *err);

/// Opens a key to sign with; the audit record, with @p detail (NULL: none), is durable before. @p ask asks for a token's
/// PIN. The caller frees *@p key, which is NULL on error.
///   SS_ERROR_DOES_NOT_EXIST   no such key, or its token is not there
///   SS_ERROR_NOT_PERMITTED    the key that wraps signing keys is not open; a PIN that is wrong
///   SS_ERROR_NOT_SUPPORTED    the key is elsewhere; this build has no PKCS#11
SS_MUST_USE ss_status_t ss_vault_signing_key_open(struct ss_vault *vault, const char *name, const char *detail,
                                                  ss_vault_ask_fn ask, void *ask_context, ss_signing_key_t **key,
                                                  struct ss_error *err);

#endif
