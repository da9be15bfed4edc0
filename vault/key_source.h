// SPDX-License-Identifier: Apache-2.0
// Where a vault's wrapping key comes from: one table of functions a source. The vault only ever asks a source to wrap
// and unwrap the 32-byte data keys of its records, so that a source may keep its key to itself (a token does).
//
//   spec on the command line            scheme       what follows it
//   passphrase, passphrase:fd:3, …      passphrase   "" (a person is asked), "fd:N", "credential:NAME"
//   file:/etc/slotseal/vault.key        file         a path
//   credential:vault                    credential   a name in $CREDENTIALS_DIRECTORY (systemd)
//   pkcs11:token=…;object=…             pkcs11       an RFC 7512 URI, without "pkcs11:"; pin-value is refused
//
// A file and a credential are the same 32 bytes: systemd makes the one of the other.
#ifndef SS_VAULT_KEY_SOURCE_H
#define SS_VAULT_KEY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

/// Length of a data key, bytes.
#define SS_VAULT_DATA_KEY_SIZE 32
/// Room for a wrapped data key, bytes. AES-256-GCM takes 60: nonce 12, ciphertext 32, tag 16.
#define SS_VAULT_WRAPPED_MAX 128
/// Room for what a source stores beside the data (a salt and the cost of scrypt, a key's id in a token), bytes.
#define SS_VAULT_KEY_PARAMS_MAX 512
/// Longest passphrase or PIN, bytes, without a terminator.
#define SS_VAULT_PASSPHRASE_MAX 1024

/// Asks a person for a secret, without echo. @p what is a phrase for the prompt ("passphrase of the vault key"); with
/// @p repeat it is asked for twice and both must agree. Writes at most @p size bytes without terminator to @p out and
/// their number to *@p len. SS_ERROR_NOT_PERMITTED if there is nobody to ask, SS_ERROR_IO, SS_ERROR_INVALID_ARGUMENT
/// if it is too long or the two differ.
typedef ss_status_t (*ss_vault_ask_fn)(void *context, const char *what, bool repeat, char *out, size_t size,
                                       size_t *len, struct ss_error *err);

/// How a source is to be opened. All pointers stay the caller's and are not kept after the call.
struct ss_vault_key_request {
    const char *location; ///< what follows the scheme, see above; never NULL
    const char *purpose;  ///< for prompts: "vault key" or "signing-key wrapping key"
    ss_vault_ask_fn ask;  ///< NULL: nobody can be asked
    void *ask_context;
    unsigned passphrase_cost; ///< create(): log2 of scrypt's N; 0: the default
};

/// A source of wrapping keys. Handles are used by one thread at a time.
struct ss_vault_key_ops {
    const char *scheme; ///< "file"
    const char *also; ///< another scheme, whose keys are this one's: a vault made with either opens with both; or NULL

    /// Makes (or, in a token, finds) a key for a new vault or a new key version. What must be stored to find and check
    /// it again goes to @p params: up to @p size (SS_VAULT_KEY_PARAMS_MAX) bytes, not secret, their number to *@p len.
    /// *@p key is ended by close(); NULL on error. Statuses: those of open(), SS_ERROR_ALREADY_EXISTS.
    ss_status_t (*create)(const struct ss_vault_key_request *request, uint8_t *params, size_t size, size_t *len,
                          void **key, struct ss_error *err);

    /// Opens the key that create() described by @p params.
    ///   SS_ERROR_DOES_NOT_EXIST   the file, credential, token or object is not there
    ///   SS_ERROR_NOT_PERMITTED    wrong PIN, a key file that others can read, nobody to ask
    ///   SS_ERROR_DATA_INVALID     @p params or the key material does not follow its format
    ///   SS_ERROR_NOT_SUPPORTED    this build or this token cannot do it
    ///   SS_ERROR_IO, SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
    /// A wrong key need not be noticed here: the vault unwraps a known record before it trusts a key.
    ss_status_t (*open)(const struct ss_vault_key_request *request, const uint8_t *params, size_t len, void **key,
                        struct ss_error *err);

    /// Encrypts and authenticates @p data_key, with @p aad authenticated beside it. Up to SS_VAULT_WRAPPED_MAX bytes
    /// to @p wrapped, their number to *@p len. Every call takes a fresh nonce.
    ss_status_t (*wrap)(void *key, const uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], const uint8_t *aad, size_t aad_len,
                        uint8_t wrapped[SS_VAULT_WRAPPED_MAX], size_t *len, struct ss_error *err);

    /// The reverse. SS_ERROR_DATA_CORRUPT if @p wrapped and @p aad do not belong together under this key; @p data_key
    /// is wiped then. The caller wipes it otherwise.
    ss_status_t (*unwrap)(void *key, const uint8_t *wrapped, size_t len, const uint8_t *aad, size_t aad_len,
                          uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], struct ss_error *err);

    /// Wipes and frees; NULL is allowed.
    void (*close)(void *key);
};

extern const struct ss_vault_key_ops ss_vault_key_pkcs11; ///< pkcs11/, or absent/pkcs11.c in a build without it

#endif
