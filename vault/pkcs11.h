// SPDX-License-Identifier: Apache-2.0
// Keys in PKCS#11 tokens, named by RFC 7512 URIs: signing keys here, vault keys through the table of key_source.h.
//
//   pkcs11:token=fleet;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/slotseal/pin
//
// A URI without a query (what follows the ?) gets that of the environment variable SLOTSEAL_PKCS11, if it is set.
// Without module-path or module-name all modules registered with p11-kit are looked through. The URI has to lead to one
// token, and on it to one key of the kind that is wanted. The PIN is read from pin-source (an absolute path, with or
// without "file:", that only its owner may read) or asked for; a pin-value would stand in the list of processes and is
// refused. A wrong PIN is never tried again, and the last try of a token never taken by a file.
//
// Handles belong to one thread at a time and to the process that opened them: in a forked child they only fail.
#ifndef SS_VAULT_PKCS11_H
#define SS_VAULT_PKCS11_H

#include <stdbool.h>
#include <string.h>

#include "slotseal/signing_key.h"
#include "vault/key_source.h"

#define SS_PKCS11_SCHEME "pkcs11:"

/// True if @p text starts as such a URI does.
static inline bool ss_pkcs11_is_uri(const char *text)
{
    return strncmp(text, SS_PKCS11_SCHEME, sizeof SS_PKCS11_SCHEME - 1) == 0;
}

/// Names what using @p uri touches of the file system, for whoever confines the process: the module and its PIN file, the
/// configuration of p11-kit, OpenSC and SoftHSM2, and SoftHSM2's tokens, which it writes. Files that are not there, too.
/// What other modules need only they know.
void ss_pkcs11_files(const char *uri, void (*each)(void *context, const char *path, bool written), void *context);

/// A key that signs in the token: P-256, P-192 or P-384 by CKM_ECDSA, RSA-3072 by CKM_RSA_PKCS_PSS. The public half
/// comes from the public key object with the same CKA_ID, or from the private key's own attributes. @p request->location is
/// what follows "pkcs11:". The caller frees *@p key; it is NULL on error.
///   SS_ERROR_INVALID_ARGUMENT   not a URI of this kind; pin-value; more than one token or key fits
///   SS_ERROR_DOES_NOT_EXIST     no such module, token, key or PIN file
///   SS_ERROR_NOT_PERMITTED      PIN wrong, locked or not to be had; a PIN file that others may read; the key must not
///                               sign
///   SS_ERROR_NOT_SUPPORTED      another kind of key; this build has no PKCS#11
///   SS_ERROR_DATA_INVALID       the token holds no sound public key for it
///   SS_ERROR_IO                 from the token, or it was removed
///   SS_ERROR_INSUFFICIENT_MEMORY
SS_MUST_USE ss_status_t ss_pkcs11_signing_key_open(const struct ss_vault_key_request *request, ss_signing_key_t **key,
                                                   struct ss_error *err);

/// Makes a key pair in the token, sensitive and not extractable, with the URI's `object` as label and its `id` or a
/// random one, and opens it as above.
///   SS_ERROR_ALREADY_EXISTS     there is a private key with this label or id
///   SS_ERROR_INVALID_ARGUMENT   also without an object= to name it
///   others as _open()
SS_MUST_USE ss_status_t ss_pkcs11_signing_key_generate(const struct ss_vault_key_request *request,
                                                       enum ss_key_type type, ss_signing_key_t **key,
                                                       struct ss_error *err);

/// Makes an AES-256 key for wrapping in the token, sensitive and not extractable, that ss_vault_key_pkcs11 then finds.
/// Statuses as _signing_key_generate().
SS_MUST_USE ss_status_t ss_pkcs11_wrapping_key_generate(const struct ss_vault_key_request *request,
                                                        struct ss_error *err);

#endif
