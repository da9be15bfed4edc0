// SPDX-License-Identifier: Apache-2.0
// A token with a session in which the user is logged in, and what its objects say. Internal.
#ifndef SS_VAULT_PKCS11_INTERNAL_H
#define SS_VAULT_PKCS11_INTERNAL_H

#include <sys/types.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "vault/pkcs11.h"

/// Room for a label with its terminator, bytes. That of a token has 32 at most; longer ones of objects are cut.
#define PKCS11_LABEL_SIZE 64
/// Room for a CKA_ID, bytes. Longer ones are refused.
#define PKCS11_ID_MAX 64

struct pkcs11_pin {
    char text[SS_VAULT_PASSPHRASE_MAX];
    size_t len;
    bool known; ///< false: the token has a keypad of its own
};

struct pkcs11_token {
    pid_t owner; ///< sessions do not survive fork()
    P11KitUri *uri;
    CK_FUNCTION_LIST **registered; ///< all modules of p11-kit, or NULL
    CK_FUNCTION_LIST *loaded;      ///< the one of module-path, or NULL
    CK_FUNCTION_LIST *module;      ///< where the token is
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    bool has_session;
    CK_FLAGS flags;
    char label[PKCS11_LABEL_SIZE]; ///< of the token, printable
    struct pkcs11_pin pin;         ///< wiped after login, unless the key wants it for each use
};

// token.c

/// Opens the token that @p request names and logs in; @p writable for making keys.
ss_status_t pkcs11_token_open(const struct ss_vault_key_request *request, bool writable, struct pkcs11_token **token,
                              struct ss_error *err);
void pkcs11_token_close(struct pkcs11_token *token);
/// SS_ERROR_BAD_STATE in a forked child.
ss_status_t pkcs11_check_process(const struct pkcs11_token *token, struct ss_error *err);

// uri.c

/// Parses "pkcs11:" + @p location, and refuses what must not or cannot be done. The caller frees *@p uri.
ss_status_t pkcs11_uri_parse(const char *location, P11KitUri **uri, struct ss_error *err);

// module.c

/// Loads the URI's module or all that are registered, and finds the one token that fits.
ss_status_t pkcs11_find_token(struct pkcs11_token *token, struct ss_error *err);
void pkcs11_unload(struct pkcs11_token *token);

// login.c

ss_status_t pkcs11_login(struct pkcs11_token *token, const struct ss_vault_key_request *request, struct ss_error *err);
/// For a key that wants the PIN for each use, between C_…Init and the operation.
ss_status_t pkcs11_login_again(struct pkcs11_token *token, struct ss_error *err);

// result.c

/// Words for a Cryptoki result: "token 'fleet': cannot sign: it was removed".
ss_status_t pkcs11_fail(const struct pkcs11_token *token, CK_RV rv, const char *what, struct ss_error *err);
/// A printable copy, without the spaces that pad Cryptoki's fixed fields.
void pkcs11_text(const unsigned char *in, size_t len, char *out, size_t size);

// object.c

struct pkcs11_key {
    CK_OBJECT_HANDLE handle;
    char label[PKCS11_LABEL_SIZE];
    uint8_t id[PKCS11_ID_MAX];
    size_t id_len;
};

/// The one key of @p class (and @p type, unless it is CK_UNAVAILABLE_INFORMATION) that fits the URI's label and id, and
/// @p id if that is not NULL. SS_ERROR_DOES_NOT_EXIST; SS_ERROR_INVALID_ARGUMENT if there are several.
ss_status_t pkcs11_find_key(const struct pkcs11_token *token, CK_OBJECT_CLASS class, CK_KEY_TYPE type,
                            const uint8_t *id, size_t id_len, struct pkcs11_key *key, struct ss_error *err);
/// True if a key of @p class has this label, or this id.
ss_status_t pkcs11_key_exists(const struct pkcs11_token *token, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE attribute,
                              const void *value, size_t len, bool *exists, struct ss_error *err);
/// The first object of @p class with @p id. SS_ERROR_DOES_NOT_EXIST.
ss_status_t pkcs11_find_by_id(const struct pkcs11_token *token, CK_OBJECT_CLASS class, const uint8_t *id, size_t id_len,
                              CK_OBJECT_HANDLE *handle, struct ss_error *err);
/// An attribute's bytes; false if the object has none that fits in @p size.
bool pkcs11_bytes(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                  size_t size, size_t *len);
/// A flag or number; @p fallback where the object has none.
bool pkcs11_flag(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG pkcs11_number(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       CK_ULONG fallback);

// public_key.c

/// CKA_EC_PARAMS of a type of key on a curve, NULL for RSA.
const void *pkcs11_curve(enum ss_key_type type, size_t *len);

/// The public half of @p key, from its own attributes or the object beside it.
ss_status_t pkcs11_public_key(const struct pkcs11_token *token, const struct pkcs11_key *key, CK_KEY_TYPE type,
                              ss_signing_key_t **out, struct ss_error *err);

// signing.c

/// Makes the key that @p token's URI names a signing key that owns the token; on error it stays the caller's. With
/// @p id the key has to have this CKA_ID.
ss_status_t pkcs11_signing_key(struct pkcs11_token *token, const uint8_t *id, size_t id_len, ss_signing_key_t **out,
                               struct ss_error *err);

#endif
